"""The stand-ins and the journal of what reached them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import httpx
import msgspec
import pytest

from examples.newsroom.app import NOTICE, newsroom
from examples.newsroom.journal import MOST_ENTRIES, Journal, cookie_names
from examples.newsroom.strangers import FOLDER, STRANGERS, Part, Stranger

PORT = 8000
SERVICES = {
    service["id"]: service
    for service in msgspec.toml.decode(NOTICE.read_bytes())["services"]
}
PARTS = [
    pytest.param(stranger, path, part, id=stranger.host + path)
    for stranger in STRANGERS
    for path, part in stranger.parts.items()
]

Visit = Callable[[httpx.AsyncClient], Awaitable[None]]


def visit(story: Visit) -> None:
    async def whole() -> None:
        transport = httpx.ASGITransport(app=newsroom(PORT))
        home = f"http://localhost:{PORT}"
        async with httpx.AsyncClient(transport=transport, base_url=home) as browser:
            await story(browser)

    asyncio.run(whole())


async def journal_of(browser: httpx.AsyncClient) -> dict[str, object]:
    browser.cookies.clear()
    return (await browser.get("/what-happened.json")).json()


def at(stranger: Stranger, path: str) -> str:
    return f"http://{stranger.host}:{PORT}{path}"


def patterns(service_id: str) -> list[str]:
    service = SERVICES[service_id]
    traces = service.get("cookies", []) + service.get("storage", [])
    return [trace["name"] for trace in traces]


@pytest.mark.parametrize(("stranger", "path", "part"), PARTS)
def test_a_stand_in_sets_third_party_cookies_and_only_declared_ones(
    stranger: Stranger, path: str, part: Part
) -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.get(at(stranger, path))

        cookies = answer.headers.get_list("set-cookie")
        names = {cookie.partition("=")[0] for cookie in cookies}
        assert answer.status_code == 200
        assert set(part.sets) == names
        assert all("SameSite=None; Secure" in cookie for cookie in cookies)
        for name in names:
            assert any(fnmatchcase(name, one) for one in patterns(stranger.service))

    visit(story)


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda one: one.host)
def test_what_a_stand_ins_scripts_write_on_our_page_is_declared(
    stranger: Stranger,
) -> None:
    scripts = [part.file for part in stranger.parts.values() if part.file[-3:] == ".js"]
    written = {
        name
        for script in scripts
        for pair in re.findall(
            r"document\.cookie = `(\w+)=|setItem\(\"(\w+)\"",
            (FOLDER / script).read_text("utf-8"),
        )
        for name in pair
        if name
    }

    assert set(stranger.writes) == written
    for name in written:
        assert any(fnmatchcase(name, one) for one in patterns(stranger.service))


def test_the_notice_and_the_stand_ins_agree_on_hosts_and_purposes() -> None:
    for stranger in STRANGERS:
        service = SERVICES[stranger.service]
        assert stranger.host in service["hosts"]
        assert list(stranger.purposes) == service["purposes"]


def test_the_exempt_stand_in_stores_nothing() -> None:
    (exempt,) = (one for one in STRANGERS if "technical" in one.purposes)

    assert exempt.service == "vigie"
    assert not exempt.writes
    assert not any(part.sets for part in exempt.parts.values())


def test_the_journal_holds_names_and_no_values_addresses_or_browsers() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        stranger = STRANGERS[1]
        headers = {
            "cookie": "_pm_idx=5ecret; other=5ecret",
            "user-agent": "Telltale/1.0",
            "x-forwarded-for": "203.0.113.9",
        }
        answer = await browser.get(
            at(stranger, "/pixel.gif?visitor=5ecret"), headers=headers
        )

        found = await browser.get("/what-happened.json")
        page = await browser.get("/what-happened?lang=en")

        (entry,) = found.json()["entries"]
        assert "set-cookie" not in answer.headers  # it came with its own already
        assert ["_pm_idx", "other"] == entry["received"]
        assert [] == entry["set"]
        assert entry["path"] == "/pixel.gif"
        for text in (found.text, page.text):
            assert "_pm_idx" in text
            assert "5ecret" not in text
            assert "Telltale" not in text
            assert "203.0.113.9" not in text

    visit(story)


def test_what_a_stranger_asks_for_is_escaped_in_the_page() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        await browser.get(at(STRANGERS[0], "/<script>alert(1)</script>"))

        page = (await browser.get("/what-happened?lang=en")).text

        assert "<script>alert" not in page

    visit(story)


def test_our_own_pages_are_not_in_the_journal() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        await browser.get("/fr/")

        assert [] == (await journal_of(browser))["entries"]

    visit(story)


def test_clearing_empties_the_journal_and_its_lamps() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        await browser.get(at(STRANGERS[1], "/counter.js"))
        before = await journal_of(browser)

        answer = await browser.post("/what-happened/clear")
        after = await journal_of(browser)

        assert answer.status_code == 303
        assert before["entries"]
        assert [] == after["entries"]
        assert {one.host: 0 for one in STRANGERS} == after["hosts"]

    visit(story)


def test_the_journal_is_bounded_in_every_direction() -> None:
    journal = Journal()
    for _ in range(MOST_ENTRIES + 10):
        journal.add(
            at=datetime(2026, 11, 24, tzinfo=UTC),
            host="metrics.localhost",
            path="/" + "p" * 5000,
            service="plume",
            purposes=["audience"],
            received=[f"{number:03}" + "n" * 500 for number in range(100)],
            sets=[],
        )

    assert MOST_ENTRIES == len(journal.entries)
    assert journal.entries[0].number == 11
    assert {"metrics.localhost": MOST_ENTRIES + 10} == journal.counts
    assert len(msgspec.json.encode(journal.entries[-1])) < 2000


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", ()),
        ("a=1; b=2", ("a", "b")),
        ("a=b=c", ("a",)),
        (" ;; =x; novalue; a=", ("a",)),
    ],
)
def test_cookie_names_leave_their_values_behind(
    header: str, names: tuple[str, ...]
) -> None:
    assert names == cookie_names(header)


def test_a_watcher_hears_of_a_change_and_goes_home_when_the_journal_closes() -> None:
    async def story() -> None:
        journal = Journal()
        version = journal.version
        waiting = asyncio.create_task(journal.change(version, 5))
        await asyncio.sleep(0)

        journal.close()
        await asyncio.wait_for(waiting, 0.5)

        assert journal.closed
        # A change between reading and waiting is not missed.
        await asyncio.wait_for(journal.change(version, 5), 0.5)

    asyncio.run(story())
