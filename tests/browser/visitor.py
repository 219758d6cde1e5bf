"""A visitor, in words: what a person does with a banner and what they may expect.

Controls are found as people and tools find them: by role and name, or by the marks that
are promised (`data-bandeau-action`), never by a class.
"""

import json
import re
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

# Whether answers wait, once none does any more; true where the page went away meanwhile.
WAITING = """() => new Promise(done => {
  const look = () => Object.keys(localStorage).some(key => /^bandeau\\d/.test(key))
    ? setTimeout(look, 10) : done(false);
  addEventListener("pagehide", () => done(true));
  look();
})"""
CONTROL = re.compile("Cookies ?: (your choices|vos choix)")


class Visitor:
    """One person with one profile. `seen` are the addresses their browser asked for."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context = context
        self.home = home
        self.seen: list[str] = []
        self.troubles: list[str] = []
        self._waiting: list[Route] = []
        context.on("request", self._asked)
        self.page = self.opens_a_tab()

    def _asked(self, request: Request) -> None:
        self.seen.append(request.url)

    def opens_a_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on(
            "console",
            lambda line: (
                self.troubles.append(line.text)
                if "Content Security Policy" in line.text
                else None
            ),
        )
        return page

    # --- doing -------------------------------------------------------------------------

    def visits(self, path: str = "", *, until: Any = "load") -> "Visitor":
        self.page.goto(self.home + path.removeprefix("/"), wait_until=until)
        return self

    def presses(self, action: str) -> None:
        self.page.locator(f"[data-bandeau-action={action}]:visible").first.click()

    def refuses_everything(self) -> None:
        self.presses("refuse")
        expect(self.banner).to_be_hidden()

    def accepts_everything(self) -> None:
        self.presses("accept")
        expect(self.banner).to_be_hidden()

    def opens_the_settings(self) -> None:
        self.presses("choose")
        expect(self.settings).to_be_visible()

    def allows_only(self, *purposes: str) -> None:
        self.opens_the_settings()
        for switch in self.settings.locator("[data-bandeau-purpose]:enabled").all():
            wanted = switch.get_attribute("data-bandeau-purpose") in purposes
            switch.set_checked(wanted)
        self.presses("save")
        expect(self.settings).to_be_hidden()

    def blocks(self, pattern: str) -> None:
        self.context.route(pattern, lambda route: route.abort())

    def meets(self, pattern: str, answer: Any) -> None:
        """Let a stand-in answer for addresses that nobody serves."""

        def fulfil(route: Route) -> None:
            route.fulfill(**answer)

        self.context.route(pattern, fulfil)

    def waits_for(self, pattern: str) -> None:
        """Let nobody ever answer for these addresses."""

        def wait(route: Route) -> None:
            self._waiting.append(route)

        self.context.route(pattern, wait)

    def leaves(self) -> None:
        for route in self._waiting:
            route.abort()
        self.context.close()

    # --- seeing ------------------------------------------------------------------------

    @property
    def banner(self) -> Locator:
        return self.page.locator("[data-bandeau=banner]")

    @property
    def settings(self) -> Locator:
        return self.page.locator("[data-bandeau=choices]")

    @property
    def control(self) -> Locator:
        return self.page.get_by_role("link", name=CONTROL).last

    @property
    def answers(self) -> dict[str, str]:
        return self.page.evaluate("bandeau.answers")

    @property
    def cookies(self) -> dict[str, str]:
        return {c["name"]: c["value"] for c in self.context.cookies()}

    @property
    def focused(self) -> str:
        return self.page.evaluate(
            "document.activeElement.id || document.activeElement.localName"
        )

    def stored(self) -> dict[str, Any]:
        """Everything the page's own origin keeps in this browser."""
        return json.loads(
            self.page.evaluate(
                """async () => JSON.stringify({
                  cookie: document.cookie,
                  local: {...localStorage}, session: {...sessionStorage},
                  databases: (await indexedDB.databases()).map(d => d.name),
                  caches: await caches.keys(),
                })"""
            )
        )

    def asked_for(self, *hosts: str) -> list[str]:
        return [url for url in self.seen if any(f"//{host}" in url for host in hosts)]

    def strangers_asked(self) -> list[str]:
        """Every request to a host that is not the site's own."""
        own = re.compile(
            r"https?://(localhost|127\.0\.0\.1)(:\d+)?/|data:|about:|blob:"
        )
        return [url for url in self.seen if not own.match(url)]

    def waits_until_sent(self) -> None:
        """Until no answer waits in the browser for the collector any more."""
        # Not `wait_for_function`, which a strict policy forbids to look a second time.
        while self.page.evaluate(WAITING):
            self.page.wait_for_load_state("load")
