"""`bandeau banner`: the files that a browser receives, and what they weigh."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bandeau.cli.options import (
    CountryOption,
    JsonOption,
    MaybeStoreOption,
    notice_in,
    published_notice,
    regime_of,
    write,
)
from bandeau.cli.terminal import new_table, print_json, print_line, print_table
from bandeau.errors import MisconfiguredError
from bandeau.ledger.places import open_store
from bandeau.model.notices import Notice, decode_notice
from bandeau.regimes import choice_months, regime_for

FILE_NAME = "banner.js"
ENDPOINT = "/bandeau"


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes as they are, and as a browser receives them (brotli, quality 11)."""

    raw: int
    brotli: int


def weight(body: bytes) -> Weight:
    import brotli

    return Weight(raw=len(body), brotli=len(brotli.compress(body, quality=11)))


def script(
    notice: Notice,
    language: str,
    *,
    earlier: tuple[Notice, ...] = (),
    country: str = "",
    endpoint: str = ENDPOINT,
) -> bytes:
    """All that a site without a gate puts into its pages, for one language."""
    # The renderer costs a third of a second, which other commands need not wait for.
    from bandeau.banner.render import bundle

    months = choice_months(notice, regime_for(country))
    return bundle(
        notice, language, earlier=earlier, months=months, endpoint=endpoint
    ).standalone


def banner(
    notice: Annotated[
        str,
        typer.Argument(
            metavar="NOTICE",
            help="A notice.toml, or with --store the beginning of a digest.",
        ),
    ],
    *,
    lang: Annotated[
        str,
        typer.Option(
            help="One of the notice's languages. [default: its first]",
            show_default=False,
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to write the files. Without it, they are only weighed.",
        ),
    ] = None,
    store: MaybeStoreOption = None,
    country: CountryOption = "",
    endpoint: Annotated[
        str, typer.Option(metavar="PATH", help="Where the collector answers.")
    ] = ENDPOINT,
    as_json: JsonOption = False,
) -> None:
    """Write and weigh what a browser receives in one language.

    That is one file: banner.js, with markup, style, script and settings. Put it on any
    static host and `<script async src="banner.js">` into the pages. With --store, the
    answers to notices that the site published before carry over, as they do when the
    collector serves it.
    """
    regime_of(country)
    shown, earlier = _told(notice, store)
    language = lang or shown.languages[0]
    if language not in shown.languages:
        raise MisconfiguredError(
            f"The notice does not speak {language!r}.",
            hint=f"One of {', '.join(shown.languages)}.",
        )
    body = script(shown, language, earlier=earlier, country=country, endpoint=endpoint)
    if out is not None:
        write(out / FILE_NAME, body)
    files = {FILE_NAME: weight(body)}
    total = Weight(
        raw=sum(one.raw for one in files.values()),
        brotli=sum(one.brotli for one in files.values()),
    )
    if as_json:
        print_json(
            {
                "notice": shown.digest,
                "language": language,
                "folder": None if out is None else str(out),
                "files": files,
                "total": total,
            }
        )
        return
    table = new_table("file", "raw", "brotli 11", numbers=("raw", "brotli 11"))
    for name, one in {**files, "total": total}.items():
        table.add_row(name, f"{one.raw:,}", f"{one.brotli:,}")
    print_line(f"{shown.site} {shown.digest[:8]}, {language}, in bytes")
    print_table(table)


def _told(notice: str, place: str | None) -> tuple[Notice, tuple[Notice, ...]]:
    """The notice that is meant, and those that its site published before."""
    file = Path(notice)
    if place is None:
        return notice_in(file), ()
    store = open_store(place)
    try:
        is_file = file.is_file() or file.suffix == ".toml"
        shown = notice_in(file) if is_file else published_notice(store, notice)
        known = shown.site in store.sites()
        published = store.notices(shown.site) if known else []
    finally:
        store.close()
    # The newest first, each once: as the collector tells them to the browser.
    bodies = {one.digest: one.body for one in reversed(published)}
    bodies.pop(shown.digest, None)
    return shown, tuple(map(decode_notice, bodies.values()))
