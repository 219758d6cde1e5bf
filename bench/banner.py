"""What the banner costs a page, in a real Chromium, beside a page without it.

    python -m bench.banner [--rounds N] [--peers]

Each round loads one page per contender in turn, in a fresh profile, with the processor
slowed four times. `--peers` fetches two other consent managers from npm into a temporary
folder and measures them in the same rounds. Medians; on a shared machine read the ratios.

columns: bytes over the wire (brotli 11) for all that the banner needs; time in script, ms;
first paint with the banner in it, ms after navigation; layout shift; from the press on
refuse to the banner gone, ms, and whether that was before the next frame.
"""

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from bandeau.banner.render import bundle
from bandeau.locale import catalogues
from bandeau.model.draft import read_notice
from tests import chromium as chromium_finder

ROOT = Path(__file__).parents[1]
SLOWER = 4
TEXT = "<p>The canal sleeps under the morning mist, and nobody hurries.</p>" * 30
PEERS = ("vanilla-cookieconsent@3.1.0", "orejime@3.2.1")

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SHIFT = """new Promise(done => { let sum = 0;
  new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value })
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(sum), 300) })"""
PRESS = """([button, banner]) => new Promise(done => {
  const pressed = performance.now(), shown = document.querySelector(banner);
  const gone = () => !shown.isConnected || !shown.getClientRects().length
    || getComputedStyle(shown).visibility === 'hidden';
  const look = frames => gone() ? done([performance.now() - pressed, frames])
    : frames > 200 ? done([NaN, frames]) : requestAnimationFrame(() => look(frames + 1));
  document.querySelector(button).click(); look(0) })"""


def main() -> None:
    options = _options()
    program = chromium_finder.find()
    if program is None:
        sys.exit(chromium_finder.ADVICE)
    with tempfile.TemporaryDirectory() as folder:
        pages = _pages(Path(folder), peers=options.peers)
        with _served(Path(folder)) as home, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program,
                args=[
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-background-networking",
                ],
            )
            rounds = [
                {
                    name: _measured(browser, home + name, page)
                    for name, page in pages.items()
                }
                for _ in range(options.rounds)
            ]
            browser.close()
    _print(pages, rounds[1:] or rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.banner", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="the first is a warm-up")
    parser.add_argument("--peers", action="store_true")
    return parser.parse_args()


class _Page:
    def __init__(self, *, weight: int, button: str = "", banner: str = "") -> None:
        self.weight = weight
        self.button = button
        self.banner = banner


def _pages(folder: Path, *, peers: bool) -> dict[str, _Page]:
    toml = (ROOT / "examples/newsroom/notice.toml").read_bytes()
    ours = bundle(read_notice(toml, catalogues()), "fr", months=6)
    marks = {
        "button": "[data-bandeau-action=refuse]",
        "banner": "[data-bandeau=banner]",
    }
    (folder / "alone.js").write_bytes(ours.standalone)
    pages = {
        "bare": _write(folder, "bare", "", ""),
        "gated": _write(folder, "gated", ours.head, ours.body, **marks),
        "alone": _write(
            folder, "alone", '<script async src="/alone.js"></script>', "", **marks
        ),
    }
    pages["gated"].weight = _weight((ours.head + ours.body).encode())
    pages["alone"].weight = _weight(ours.standalone)
    if peers:
        pages |= _peers(folder)
    return pages


def _write(folder: Path, name: str, head: str, body: str, **marks: str) -> _Page:
    page = f"""<!doctype html><html lang=fr><head>{head}<meta charset=utf-8>
    <meta name=viewport content="width=device-width"><title>{name}</title></head>
    <body>{body}<main><h1>Le pont tournant</h1>{TEXT}</main></body></html>"""
    (folder / name).write_text(page, encoding="utf-8")
    return _Page(weight=0, **marks)


def _peers(folder: Path) -> dict[str, _Page]:
    """Two others with five purposes and their own defaults, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        print("No npm here: the peers are left out.", file=sys.stderr)
        return {}
    command = [
        npm,
        "install",
        "--silent",
        "--no-audit",
        "--prefix",
        str(folder),
        *PEERS,
    ]
    subprocess.run(command, check=True, capture_output=True)
    modules = folder / "node_modules"
    vanilla, orejime = modules / "vanilla-cookieconsent/dist", modules / "orejime/dist"
    purposes = ("audience", "social", "content", "profiling", "ads")
    categories = ",".join(f"{p}:{{}}" for p in purposes)
    sections = ",".join(f"{{title:'{p}',linkedCategory:'{p}'}}" for p in purposes)
    texts = (
        "consentModal:{title:'Ce site utilise des cookies',description:'…',"
        "acceptAllBtn:'Tout accepter',acceptNecessaryBtn:'Tout refuser',"
        "showPreferencesBtn:'Choisir'},preferencesModal:{title:'Vos choix',"
        f"acceptAllBtn:'Tout accepter',savePreferencesBtn:'OK',sections:[{sections}]}}"
    )
    listed = ",".join(f"{{id:'{p}',title:'{p}',cookies:[]}}" for p in purposes)
    found: dict[str, _Page] = {}
    script, style = vanilla / "cookieconsent.umd.js", vanilla / "cookieconsent.css"
    if script.exists() and style.exists():
        head = (
            f'<link rel=stylesheet href="/{style.relative_to(folder)}">'
            f'<script defer src="/{script.relative_to(folder)}"></script><script>'
            "addEventListener('DOMContentLoaded',()=>CookieConsent.run({hideFromBots:false,"
            f"categories:{{necessary:{{readOnly:true}},{categories}}},"
            f"language:{{default:'fr',translations:{{fr:{{{texts}}}}}}}}}))</script>"
        )
        found["vanilla"] = _write(
            folder,
            "vanilla",
            head,
            "",
            button="[data-role=necessary]",
            banner="#cc-main .cm",
        )
        found["vanilla"].weight = sum(_weight(f.read_bytes()) for f in (script, style))
    scripts = sorted(orejime.glob("orejime-standard-fr.js"))
    styles = sorted(orejime.glob("orejime-standard.css"))
    if scripts and styles:
        head = (
            f'<link rel=stylesheet href="/{styles[0].relative_to(folder)}"><script>'
            f"window.orejimeConfig={{purposes:[{listed}],privacyPolicyUrl:'/p'}}</script>"
            f'<script defer src="/{scripts[0].relative_to(folder)}"></script>'
        )
        marks = {"button": ".orejime-Banner-declineButton", "banner": ".orejime-Banner"}
        found["orejime"] = _write(folder, "orejime", head, "", **marks)
        found["orejime"].weight = sum(
            _weight(f.read_bytes()) for f in (scripts[0], styles[0])
        )
    return found


def _weight(content: bytes) -> int:
    return len(brotli.compress(content, quality=11))


def _measured(browser: Browser, url: str, page: _Page) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 412, "height": 915})
    tab = context.new_page()
    tools = context.new_cdp_session(tab)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tools.send("Performance.enable")
    tab.goto(url, wait_until="load")
    if page.banner:
        tab.wait_for_selector(page.banner, state="visible", timeout=10_000)
    tab.wait_for_timeout(300)
    metrics = {
        m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]
    }
    found = {
        "script": metrics["ScriptDuration"] * 1000,
        "paint": tab.evaluate(FIRST_PAINT),
        "shift": tab.evaluate(SHIFT),
    }
    if page.banner:
        tools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        gone, frames = tab.evaluate(PRESS, [page.button, page.banner])
        found |= {"gone": gone, "frames": frames}
    context.close()
    return found


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder on a free port, compressed answers left out: weights are computed."""
    types = {".js": b"text/javascript", ".css": b"text/css"}

    async def app(
        scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]
    ) -> None:
        if scope["type"] != "http":
            return
        wanted = folder / scope["path"].lstrip("/")
        kind = types.get(wanted.suffix, b"text/html; charset=utf-8")
        body = wanted.read_bytes() if wanted.is_file() else b""
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
        ]
        status = 200 if wanted.is_file() else 404
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://localhost:{port}/"
    server.should_exit = True
    thread.join(timeout=5)


def _print(pages: dict[str, _Page], rounds: list[dict[str, dict[str, float]]]) -> None:
    table = Table(
        title=f"The banner in a page, processor {SLOWER} times slower, medians"
    )
    for column in ("page", "brotli, bytes", "script, ms", "first paint, ms", "shift"):
        table.add_column(column, justify="right")
    table.add_column("refuse to gone, ms (frames)", justify="right")
    for name, page in pages.items():
        every = [measured[name] for measured in rounds]
        median = {key: statistics.median(m[key] for m in every) for key in every[0]}
        gone = f"{median['gone']:.1f} ({median['frames']:.0f})" if page.banner else "–"
        table.add_row(
            name,
            f"{page.weight:,}" if page.weight else "–",
            f"{median['script']:.1f}",
            f"{median['paint']:.0f}",
            f"{median['shift']:.4f}",
            gone,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
