"""`bandeau notice`: write one, check it, publish it, show what was published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from bandeau.cli.banners import script, weight
from bandeau.cli.first_notice import new
from bandeau.cli.options import (
    JsonOption,
    NoticeFile,
    StoreOption,
    notice_in,
    published_notice,
)
from bandeau.cli.terminal import (
    counted,
    instant,
    listed,
    minute,
    new_table,
    now,
    print_json,
    print_line,
    print_note,
    print_table,
)
from bandeau.errors import StoreMissingError
from bandeau.ledger.addresses import without_password
from bandeau.ledger.places import create_store, open_store, store_name
from bandeau.ledger.store import PublishedNotice, Store
from bandeau.model.choices import carry_code
from bandeau.model.cookie import NOTICE_CHARACTERS
from bandeau.model.draft import NoticeError
from bandeau.model.lifetimes import lifetime_in_words
from bandeau.model.notices import Notice, decode_notice
from bandeau.model.services import Service
from bandeau.regimes import choice_months, regime_for

app = typer.Typer(no_args_is_help=True, help="Write, check, publish and show notices.")
app.command("new")(new)


# --- check --------------------------------------------------------------------------


@app.command()
def check(
    file: NoticeFile = Path("notice.toml"), *, as_json: JsonOption = False
) -> None:
    """Say every mistake in a notice, each with its place.

    Exit code 1 where there is one. Where there is none, a summary: the digest that the
    notice would have, whom it names, and how much its banner weighs.
    """
    try:
        notice = notice_in(file)
    except NoticeError as wrong:
        _print_mistakes(file, wrong, as_json=as_json)
        raise typer.Exit(1) from None
    weights = {lang: weight(script(notice, lang)) for lang in notice.languages}
    if as_json:
        print_json({"ok": True, **_summary(notice), "weight": weights})
        return
    print_line(("ok", "bold green"), f"  {file}")
    services = counted(len(notice.services), "service")
    heaviest = max(weights.values(), key=lambda one: one.brotli)
    grid = new_table("", "")
    grid.show_header = False
    for name, words in {
        "digest": notice.digest,
        "site": f"{notice.site} ({listed(notice.domains)})",
        "asks about": listed(notice.asked),
        "services": f"{services}: {listed([s.id for s in notice.services])}",
        "partners": f"{len(notice.partners)}: {listed(notice.partners)}",
        "languages": listed(notice.languages),
        "banner": f"{heaviest.brotli:,} bytes (brotli), {heaviest.raw:,} raw",
    }.items():
        grid.add_row(Text(name, "dim"), words)
    print_table(grid)


def _print_mistakes(file: Path, wrong: NoticeError, *, as_json: bool) -> None:
    if as_json:
        mistakes = [
            {"place": m.place, "problem": m.problem, "hint": m.hint}
            for m in wrong.mistakes
        ]
        print_json({"ok": False, "mistakes": mistakes})
        return
    print_line((counted(len(wrong.mistakes), "mistake"), "bold red"), f" in {file}")
    for mistake in wrong.mistakes:
        place = f"{mistake.place}: " if mistake.place else ""
        hint = f" {mistake.hint}" if mistake.hint else ""
        print_line("  ", (place, "bold"), mistake.problem, (hint, "dim"))


def _summary(notice: Notice) -> dict[str, object]:
    return {
        "digest": notice.digest,
        "site": notice.site,
        "domains": notice.domains,
        "languages": notice.languages,
        "purposes": [purpose.id for purpose in notice.purposes],
        "asked": notice.asked,
        "services": [service.id for service in notice.services],
        "partners": notice.partners,
    }


# --- publish ------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice says that the one before it did not, and whom it asks again."""

    new_purposes: tuple[str, ...]
    gone_purposes: tuple[str, ...]
    new_services: tuple[str, ...]
    gone_services: tuple[str, ...]
    asks_everybody: tuple[str, ...]
    asks_who_accepted: tuple[str, ...]


def change(before: Notice | None, notice: Notice) -> Change:
    """Compare with the notice before; without one, everything is new."""
    then = {purpose.id for purpose in before.purposes} if before else set[str]()
    services = {service.id for service in before.services} if before else set[str]()
    # One character per asked purpose: see `carry_code`, which every browser obeys.
    code = carry_code(before, notice) if before else "-" * len(notice.asked)
    carried = tuple(zip(notice.asked, code.partition("~")[0], strict=True))
    here = {purpose.id for purpose in notice.purposes}
    return Change(
        new_purposes=tuple(p.id for p in notice.purposes if p.id not in then),
        gone_purposes=tuple(
            p.id for p in (before.purposes if before else ()) if p.id not in here
        ),
        new_services=tuple(s.id for s in notice.services if s.id not in services),
        gone_services=tuple(
            s.id
            for s in (before.services if before else ())
            if notice.service(s.id) is None
        ),
        asks_everybody=tuple(purpose for purpose, place in carried if place == "-"),
        asks_who_accepted=tuple(
            purpose for purpose, place in carried if place.isupper()
        ),
    )


@app.command()
def publish(
    file: NoticeFile = Path("notice.toml"),
    *,
    store: StoreOption,
    as_json: JsonOption = False,
) -> None:
    """Freeze a notice and make it the present one of its site.

    Creates the store where there is none. Running collectors take the notice up within
    seconds. Says what is new against the notice before, and whom it asks again.
    """
    notice = notice_in(file)
    opened, created = _opened_or_created(store)
    try:
        opened.add_site(notice.site)
        published = opened.notices(notice.site)
        before = decode_notice(published[-1].body) if published else None
        at = int(now().timestamp())
        opened.publish(notice.site, notice.digest, notice.canonical, at)
    finally:
        opened.close()
    is_new = before is None or before.digest != notice.digest
    changed = change(before, notice)
    months = choice_months(notice, regime_for(""))
    if as_json:
        print_json(
            {
                "digest": notice.digest,
                "site": notice.site,
                "store": store_name(store),
                "created_store": created,
                "published": is_new,
                "at": instant(at if is_new else published[-1].at),
                "before": before.digest if before else None,
                "change": changed,
                "choice_months": months,
            }
        )
        return
    if created:
        print_note(f"Created the store {store_name(store)}.")
    if not is_new:
        print_line(f"{notice.digest} is already the present notice of {notice.site}.")
        print_line(f"Published {minute(published[-1].at)}; nothing has changed.")
        return
    print_line(("Published", "bold green"), f" {notice.digest} for {notice.site}.")
    _print_change(changed, first=before is None, months=months)


def _opened_or_created(place: str) -> tuple[Store, bool]:
    """The store at a place, and whether this command made it."""
    try:
        return open_store(place), False
    except StoreMissingError:
        return create_store(place), True


def _print_change(changed: Change, *, first: bool, months: int) -> None:
    for words, ids in {
        "New purposes": changed.new_purposes,
        "New services": changed.new_services,
        "Gone purposes": changed.gone_purposes,
        "Gone services": changed.gone_services,
    }.items():
        if ids:
            print_line((f"{words}: ", "bold"), listed(ids))
    everybody, accepted = changed.asks_everybody, changed.asks_who_accepted
    if first:
        print_line(f"Every visitor is asked, at their next visit: {listed(everybody)}.")
    elif everybody or accepted:
        print_line("At their next visit are asked again:")
        if everybody:
            print_line(f"  everybody, about {listed(everybody)} (new)")
        if accepted:
            print_line(f"  who accepted, about {listed(accepted)} (a party has joined)")
        print_line("All other answers stand.")
    else:
        print_line("Nobody is asked again for it: all answers stand.")
    print_line(f"An answer ends after {counted(months, 'month')}; then all is asked.")


# --- show ---------------------------------------------------------------------------


# A digest may begin with `-`, and is still no option.
@app.command(context_settings={"ignore_unknown_options": True})
def show(
    digest: Annotated[
        str,
        typer.Argument(
            metavar="DIGEST",
            help="A digest or its beginning; without it, all are listed.",
            show_default=False,
        ),
    ] = "",
    *,
    store: StoreOption,
    canonical: Annotated[
        bool,
        typer.Option("--canonical", help="Print the very bytes that the digest names."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a published notice, or list all of them."""
    opened = open_store(store)
    try:
        published = {site: opened.notices(site) for site in opened.sites()}
        notice = published_notice(opened, digest) if digest else None
    finally:
        opened.close()
    if notice is None:
        _list(published, store, as_json=as_json)
        return
    if canonical:
        typer.echo(notice.canonical, nl=False)
        return
    publications = [
        (site, one.at, one is notices[-1])
        for site, notices in published.items()
        for one in notices
        if one.digest == notice.digest
    ]
    if as_json:
        print_json(
            {
                "digest": notice.digest,
                "published": [
                    {"site": site, "at": instant(at), "present": present}
                    for site, at, present in publications
                ],
                "notice": msgspec.Raw(notice.canonical),
            }
        )
        return
    _print_notice(notice, publications)


def _list(
    published: Mapping[str, list[PublishedNotice]], store: str, *, as_json: bool
) -> None:
    rows = [
        (site, one, one is notices[-1], decode_notice(one.body))
        for site, notices in published.items()
        for one in reversed(notices)
    ]
    if as_json:
        print_json(
            [
                {"at": instant(one.at), "present": present, **_summary(notice)}
                for _, one, present, notice in rows
            ]
        )
        return
    if not rows:
        print_note(
            f"Nothing is published yet.\n"
            f"Hint: bandeau notice publish notice.toml --store {without_password(store)}"
        )
        return
    table = new_table("site", "digest", "published", "", "asks about", "services")
    for site, one, present, notice in rows:
        table.add_row(
            site,
            one.digest[:NOTICE_CHARACTERS],
            minute(one.at),
            Text("present", "green") if present else Text("earlier", "dim"),
            listed(notice.asked),
            str(len(notice.services)),
        )
    print_table(table)


def _print_notice(notice: Notice, publications: list[tuple[str, int, bool]]) -> None:
    """Everything that visitors are told, in the notice's first language."""
    texts = notice.texts[notice.languages[0]]
    controller = notice.controller
    print_line((notice.digest, "bold"))
    for site, at, present in publications:
        state = "present" if present else "earlier"
        print_line(f"{site}, published {minute(at)} ({state})")
    print_line(f"{controller.name}, {controller.address}, {controller.contact}")
    print_line(f"{listed(notice.domains)}; {listed(notice.languages)}")
    for purpose in notice.purposes:
        state = f" ({texts['state.locked']})" if purpose.locked else ""
        title = texts[f"purpose.{purpose.id}.title"]
        print_line()
        print_line((purpose.id, "bold"), f"  {title}{state}")
        print_line(f"  {texts[f'purpose.{purpose.id}.summary']}")
        for service in notice.services_for(purpose.id):
            _print_service(service, notice)


def _print_service(service: Service, notice: Notice) -> None:
    language = notice.languages[0]
    texts = notice.texts[language]
    whose = ", ".join(filter(None, [service.controller, service.country]))
    exempt = service.exemption and f" ({texts[f'exemption.{service.exemption}']})"
    print_line("  ", (service.id, "bold"), f"  {service.name}: {whose}{exempt}")
    if service.hosts or service.urls:
        print_line(("    from ", "dim"), listed([*service.hosts, *service.urls]))
    table = new_table()
    for trace in service.traces:
        table.add_row(
            f"    {trace.name}",
            texts[f"kind.{trace.kind}"],
            lifetime_in_words(trace.lifetime, texts),
            trace.use.get(language, ""),
        )
    if service.traces:
        table.show_header = False
        print_table(table)
