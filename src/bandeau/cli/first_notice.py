"""`bandeau notice new`: some questions, and the first notice.toml that answers them.

Every answer is judged as `check` would judge it, when it is given; so what is written at
the end has no mistake. A question that an option answers is not asked.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from bandeau.cli.options import write
from bandeau.cli.terminal import listed, print_error, print_line
from bandeau.errors import MisconfiguredError
from bandeau.locale import catalogue, catalogues
from bandeau.model.draft import (
    Draft,
    NoticeError,
    PurposeDraft,
    ServiceDraft,
    freeze,
    read_notice,
)
from bandeau.model.notices import Controller
from bandeau.model.purposes import DEFAULT_PURPOSES

_T = TypeVar("_T")

_PURPOSES: Final = tuple(p.id for p in DEFAULT_PURPOSES if not p.locked)
_ID_LENGTH: Final = 24
# What stands in a file that was written without being told: easily seen, and marked.
_OPEN: Final = {
    "name": "Name of the controller",
    "address": "Address of the controller",
}


def new(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write.")
    ] = Path("notice.toml"),
    *,
    domain: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host of the site; repeatable."),
    ] = None,
    site: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="A short name for the site. [default: from the domain]",
            show_default=False,
        ),
    ] = "",
    name: Annotated[
        str, typer.Option(help="Who answers for the site.", show_default=False)
    ] = "",
    address: Annotated[
        str, typer.Option(help="Their postal address.", show_default=False)
    ] = "",
    contact: Annotated[
        str,
        typer.Option(
            help="Where visitors can write. [default: privacy@DOMAIN]",
            show_default=False,
        ),
    ] = "",
    language: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", help="A language; repeatable, the default one first."
        ),
    ] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help=f"A purpose to ask about; repeatable. Known: {', '.join(_PURPOSES)}.",
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PURPOSE=NAME[@HOST]",
            help='A service, such as "audience=Metrics@metrics.example"; repeatable.',
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing, take the defaults.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Ask a few questions and write a first notice.

    The file has comments on every part, and no mistake that `check` would find. A
    question that an option answers is not asked.
    """
    if file.exists() and not force:
        raise MisconfiguredError(
            f"{file} is there already.",
            hint="Name another file, or write over it with --force.",
        )

    def answer(
        question: str, given: str, default: str, reading: Callable[[str], _T]
    ) -> _T:
        if given or yes:
            return reading(given or default)
        return _asked(question, default, reading)

    domains = answer("Domains", _joined(domain), "localhost", _domains)
    site = answer("Short name of the site", site, _site_of(domains), _site)
    open_fields = {f for f, told in (("name", name), ("address", address)) if not told}
    open_fields = open_fields if yes else set[str]()
    default_of = _OPEN if yes else dict.fromkeys(_OPEN, "")
    name = answer("Who answers for it", name, default_of["name"], _text)
    address = answer("Their postal address", address, default_of["address"], _text)
    contact = answer("Contact", contact, f"privacy@{_bare(domains[0])}", _text)
    known = ", ".join(catalogues())
    languages = answer(f"Languages ({known})", _joined(language), "en", _languages)
    asked = answer(
        f"Purposes to ask about ({', '.join(_PURPOSES)})",
        _joined(purpose),
        "audience",
        _purposes,
    )
    services = _services(service or [], asked)
    if not yes and not service:
        for one in asked:
            services += _asked(
                f"Services for {one}: names with their host (Name@host), - for none",
                "-",
                lambda text, one=one: _services(
                    [f"{one}={words}" for words in _parts(text) if words != "-"],
                    asked,
                ),
            )
    text = _template().render(
        file=file.name,
        site=site,
        domains=domains,
        name=name,
        address=address,
        contact=contact,
        languages=languages,
        known_languages=tuple(catalogues()),
        purposes=asked,
        known_purposes=_PURPOSES,
        services=_distinct(services),
        own_use={code: catalogue(code)["exemption.choice"] for code in languages},
        open=open_fields,
    )
    octets = text.encode()
    read_notice(octets, catalogues())
    write(file, octets)
    print_line(("Wrote", "bold green"), f" {file}.")
    if open_fields:
        fields = [f"controller.{field}" for field in _OPEN if field in open_fields]
        print_line(f"Still to be filled in there: {listed(fields)}.")
    print_line("Next: complete the services in it (TODO), then")
    print_line(f"  bandeau notice check {file}")


# --- asking -------------------------------------------------------------------------


def _asked(question: str, default: str, reading: Callable[[str], _T]) -> _T:
    """Ask until the answer can be read."""
    while True:
        text = typer.prompt(question, default=default or None, type=str)
        try:
            return reading(text)
        except MisconfiguredError as wrong:
            print_error(wrong)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _joined(given: Sequence[str] | None) -> str:
    return ",".join(given or ())


# --- reading: an answer, judged as `check` would judge it ---------------------------

_BLANK: Final = Draft(
    site="site",
    controller=Controller(name="x", address="x", contact="x"),
    domains=["localhost"],
    languages=["en"],
)


def _judged(**answers: Any) -> None:
    """Put answers into a draft without mistakes: what is wrong now is wrong with them."""
    try:
        freeze(msgspec.structs.replace(_BLANK, **answers), catalogues())
    except NoticeError as wrong:
        first = wrong.mistakes[0]
        raise MisconfiguredError(first.problem, hint=first.hint) from None


def _domains(text: str) -> list[str]:
    # People paste addresses; a notice wants the host alone.
    hosts = [
        re.sub(r"^[a-z]+://|[:/].*$", "", re.sub("^[a-z]+://", "", part.lower()))
        for part in _parts(text)
    ]
    _judged(domains=hosts)
    return hosts


def _site(text: str) -> str:
    site = _id(text)
    _judged(site=site)
    return site


def _text(text: str) -> str:
    if not text.strip():
        raise MisconfiguredError("This cannot be empty.")
    return text.strip()


def _languages(text: str) -> list[str]:
    languages = _parts(text.lower())
    _judged(languages=languages)
    return languages


def _purposes(text: str) -> list[str]:
    purposes = _parts(text.lower())
    # A purpose of the site's own needs words, which are written in the file.
    for purpose in purposes:
        if purpose not in _PURPOSES:
            raise MisconfiguredError(
                f"There is no purpose {purpose!r} with texts.",
                hint=f"One of {', '.join(_PURPOSES)}; write your own into the file.",
            )
    _judged(purposes=[PurposeDraft(id=purpose) for purpose in purposes])
    return purposes


def _services(given: Sequence[str], purposes: Sequence[str]) -> list[ServiceDraft]:
    services: list[ServiceDraft] = []
    for text in given:
        purpose, equals, named = (part.strip() for part in text.partition("="))
        name, _, host = (part.strip() for part in named.partition("@"))
        if not equals or not name or purpose not in purposes:
            raise MisconfiguredError(
                f"{text!r} is no service.",
                hint=f"Write PURPOSE=NAME[@HOST], PURPOSE one of {listed(purposes)}.",
            )
        one = ServiceDraft(
            id=_id(name),
            name=name,
            controller=name,
            purposes=[purpose],
            hosts=_domains(host) if host else [],
        )
        _judged(services=[one])
        services.append(one)
    return services


def _distinct(services: Sequence[ServiceDraft]) -> list[ServiceDraft]:
    """One service per id: named for two purposes, it acts for both."""
    by_id: dict[str, ServiceDraft] = {}
    for one in services:
        known = by_id.get(one.id, one)
        by_id[one.id] = msgspec.structs.replace(
            known,
            purposes=list(dict.fromkeys([*known.purposes, *one.purposes])),
            hosts=list(dict.fromkeys([*known.hosts, *one.hosts])),
        )
    return list(by_id.values())


def _site_of(domains: Sequence[str]) -> str:
    """`courrier` for www.courrier.example."""
    labels = _bare(domains[0]).split(".")
    return _id(labels[-2] if len(labels) > 1 else labels[0])


def _bare(domain: str) -> str:
    return domain.removeprefix("*.").removeprefix("www.")


def _id(text: str) -> str:
    """What people call something, as an id: `le-courrier` for "Le Courrier"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")
    # An id begins with a letter; a name may be 24 Heures, or 新聞.
    words = words if words[:1].isalpha() else f"s-{words}".rstrip("-")
    return words[:_ID_LENGTH].rstrip("-")


# --- writing ------------------------------------------------------------------------


def _template() -> Any:
    # Costs the start of every command, and serves one.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bandeau", "cli"),
        autoescape=False,  # noqa: S701 - TOML, in which `quoted` escapes
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"quoted": _quoted, "worded": _worded}
    return environment.get_template("first_notice.toml.jinja")


def _quoted(value: str | list[str]) -> str:
    """A text or a list of texts in TOML, whose basic strings are those of JSON.

    All but one: DEL stands in JSON as it is (TOML 1.0, "String").
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _worded(words: dict[str, str]) -> str:
    return f"{{ {', '.join(f'{key} = {_quoted(w)}' for key, w in words.items())} }}"
