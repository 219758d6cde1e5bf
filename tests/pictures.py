"""Makes the README's three pictures of the newsroom; `scripts/pictures` runs it."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests import chromium

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"


def main() -> None:
    program = chromium.find()
    if program is None:
        sys.exit(chromium.ADVICE)
    PICTURES.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "examples.newsroom", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as newsroom:
        assert newsroom.stdout is not None
        home = newsroom.stdout.readline().removeprefix("newsroom: ").strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu"]
            )
            _picture(browser, f"{home}en/", "banner", 1280, 720)
            _picture(browser, f"{home}en/", "settings", 900, 760, settings=True)
            _picture(browser, f"{home}fr/", "phone-dark", 360, 640, scheme="dark")
            browser.close()
        newsroom.terminate()


def _picture(
    browser: Browser,
    url: str,
    name: str,
    width: int,
    height: int,
    *,
    scheme: str = "light",
    settings: bool = False,
) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(url, wait_until="load")
    if settings:
        page.click("[data-bandeau-action=choose]:visible")
        page.check("[data-bandeau-purpose=audience]")
        page.check("[data-bandeau-purpose=social]")
        page.uncheck("[data-bandeau-purpose=social]")
    page.screenshot(path=PICTURES / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
