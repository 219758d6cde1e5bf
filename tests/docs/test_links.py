"""Every link and picture in the documentation leads somewhere."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs import pages

PAGES = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *sorted(p.relative_to(pages.ROOT).as_posix() for p in pages.DOCS.rglob("*.md")),
]

# [words](target) and ![words](target), and the `[name]: target` of a reference.
_INLINE = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6} +(.+?)[ #]*$", re.MULTILINE)


def targets(text: str) -> Iterator[str]:
    """The relative addresses that a page links to or shows."""
    prose = pages.without_code(text)
    for target in (*_INLINE.findall(prose), *_REFERENCE.findall(prose)):
        if not _ELSEWHERE.match(target):
            yield target


def anchors(text: str) -> set[str]:
    """The fragments of a page's headings.

    As Python-Markdown writes them; GitHub does the same, but for signs between spaces.
    """
    return {
        _anchor(heading) for heading in _HEADING.findall(pages.without_blocks(text))
    }


def _anchor(heading: str) -> str:
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def broken(page: Path, target: str) -> str:
    """Why a target leads nowhere; empty where it leads somewhere."""
    path, _, fragment = unquote(target).partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_file():
        return f"{target}: there is no such file."
    if fragment and fragment not in anchors(file.read_text(encoding="utf-8")):
        return f"{target}: no heading there has this name."
    return ""


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    page = pages.ROOT / name

    wrong = [broken(page, target) for target in targets(pages.read(name))]

    assert not any(wrong), f"Mend in {name}: {' '.join(filter(None, wrong))}"


def test_links_and_pictures_are_found_and_code_and_other_sites_are_not() -> None:
    page = """
[words](a.md) ![a picture](b.png) [more](c.md#d "with a title")
[other](https://site.example/) [root](/bandeau/settings) `[code](no.md)`

```md
[in a block](no.md)
```

    [in an indented block](no.md)

[words]: e.md
"""

    assert ["a.md", "b.png", "c.md#d", "e.md"] == [*targets(page)]


def test_headings_name_their_fragments_and_comments_in_code_do_not() -> None:
    page = "# A `site`, here\n\n```sh\n# no heading\n```\n\n## Server-side code\n"

    assert {"a-site-here", "server-side-code"} == anchors(page)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("index.md", ""),
        ("how-to/index.md#style-the-banner", ""),
        ("how-to", "how-to: there is no such file."),
        ("how-to/style.md", "how-to/style.md: there is no such file."),
        ("index.md#style", "index.md#style: no heading there has this name."),
    ],
)
def test_a_target_that_leads_nowhere_is_told(target: str, said: str) -> None:
    assert said == broken(pages.DOCS / "index.md", target)
