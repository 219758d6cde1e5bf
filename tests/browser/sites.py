"""Pages and notices for the browser's tests."""

from typing import Any

STRANGER = "stranger.localhost"


def notice_toml(
    *, purposes: str = "", more: str = "", languages: str = '"en", "fr"'
) -> str:
    """A small notice: one service per purpose, all on `*.localhost` hosts."""
    return f"""
site = "test"
domains = ["localhost"]
languages = [{languages}]
{purposes}
[controller]
name = "The Test Times"
address = "1 Quay"
contact = "privacy@times.example"

[[services]]
id = "counter"
name = "Counter"
controller = "Counter Ltd"
purposes = ["audience"]
hosts = ["counter.localhost"]
[[services.cookies]]
name = "cnt_*"
lifetime = "13 months"
use = "counting"
[[services.storage]]
name = "cnt_queue"
kind = "local"
lifetime = "1 day"
use = "counting"
[[services.storage]]
name = "cnt_tab"
kind = "session"
lifetime = "session"
use = "counting"

[[services]]
id = "film"
name = "Film"
controller = "Film SA"
purposes = ["social"]
hosts = ["film.localhost"]

[[services]]
id = "market"
name = "Market"
controller = "Market Inc"
purposes = ["ads"]
hosts = ["market.localhost"]
{more}
"""


def page(body: str = "", *, head: str = "", lang: str = "en") -> str:
    """A whole page with a skip link, a headline and enough text to scroll."""
    text = "<p>The canal sleeps under the morning mist.</p>" * 40
    return f"""<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>Test</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>
<body><a href="#main">Skip to content</a>
<main id="main"><h1>The bridge turns</h1>{body}{text}<p><a href="/other" id="last">Last
link</a></p></main></body></html>"""


class PageApp:
    """Answers every path with one page; a test changes `html` and `headers` freely."""

    def __init__(self, html: str, headers: dict[str, str]) -> None:
        self.html = html
        self.headers = headers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._live(receive, send)
            return
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            *(
                (name.replace("_", "-").encode(), value.encode())
                for name, value in self.headers.items()
            ),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.html.encode()})

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def gated(pages: Any, ours: Any) -> Any:
    """The way to serve a site: everything goes through us."""
    return ours


def alone(pages: Any, ours: Any) -> Any:
    """Without a gate: the pages go out as they are, only /bandeau/ is ours."""

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        told = scope["type"] != "http" or scope["path"].startswith("/bandeau/")
        await (ours if told else pages)(scope, receive, send)

    return answers
