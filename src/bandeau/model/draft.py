"""A draft: what a site owner writes in `notice.toml`, and how it becomes a notice.

Every mistake is found before any is reported, each with its place
(`services[2].cookies[0].lifetime`) and what would be right. A draft knows what a notice
may say; the words of each language come as an argument.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, cast

import msgspec

from bandeau.errors import MisconfiguredError
from bandeau.model.lifetimes import EXAMPLES, is_lifetime
from bandeau.model.notices import Controller, Durations, Look, Notice
from bandeau.model.purposes import DEFAULT_PURPOSES, EXEMPTIONS, PURPOSE_ID, Purpose
from bandeau.model.services import KINDS, SERVICE_ID, Service, Trace

Text = Annotated[str, msgspec.Meta(min_length=1)]


class PurposeDraft(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A purpose: one of the defaults by its id alone, or the site's own with words."""

    id: Text
    title: Mapping[str, Text] = {}
    summary: Mapping[str, Text] = {}


class TraceDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cookie (or, under `storage`, a storage key)."""

    name: Text
    lifetime: Text
    use: Mapping[str, Text] | Text
    kind: str = ""
    domain: str = ""
    path: str = "/"


class ServiceDraft(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A service, its hosts, and what it leaves on a device."""

    id: Text
    name: Text
    controller: str = ""
    country: str = ""
    policy: str = ""
    purposes: list[Text]
    hosts: list[Text] = []
    urls: list[Text] = []
    exemption: str = ""
    cookies: list[TraceDraft] = []
    storage: list[TraceDraft] = []


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `notice.toml`."""

    site: Text
    controller: Controller
    domains: list[Text]
    languages: list[Text]
    policy: Mapping[str, Text] | str = ""
    own_hosts: list[Text] = []
    purposes: list[PurposeDraft] = []
    services: list[ServiceDraft] = []
    texts: Mapping[str, Mapping[str, Text]] = {}
    look: Look = Look()
    durations: Durations = Durations()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, where, and what would be right."""

    place: str
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.problem}" + (f" {self.hint}" if self.hint else "")


class NoticeError(MisconfiguredError):
    """A draft cannot become a notice; `mistakes` are all of them, in reading order."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"The notice has {count}:\n{lines}")
        self.mistakes = tuple(mistakes)


def read_notice(toml: bytes, catalogues: Mapping[str, Mapping[str, str]]) -> Notice:
    """Read `notice.toml` and make it a notice, in one go.

    Raises:
        NoticeError: every mistake there is, of form and of meaning, at once.
    """
    mistakes, mended = _read(toml)
    if mistakes:
        told = tuple(mistake.place for mistake in mistakes)
        meant = _meaning(mended, catalogues) if mended else ()
        new = [m for m in meant if not m.place.startswith(told)]
        raise NoticeError([*mistakes, *new])
    return freeze(read_draft(toml), catalogues)


def read_draft(toml: bytes) -> Draft:
    """Read `notice.toml`.

    Raises:
        NoticeError: it is not TOML, or keys and values are not those of a notice. What
            the values mean together is checked by `freeze`.
    """
    mistakes, mended = _read(toml)
    if mistakes or mended is None:
        raise NoticeError(mistakes)
    return mended


def _read(toml: bytes) -> tuple[list[Mistake], Draft | None]:
    """The mistakes of form, and the draft as it would be without them."""
    try:
        table: object = msgspec.toml.decode(toml)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        # tomllib says the line and the column.
        return [Mistake(place="", problem=f"This is not TOML: {wrong}.")], None
    mistakes: list[Mistake] = []
    mended = _mended(table, Draft, "", mistakes)
    return mistakes, msgspec.convert(mended, Draft)


def freeze(draft: Draft, catalogues: Mapping[str, Mapping[str, str]]) -> Notice:
    """Make a draft a notice, with every text of each of its languages.

    `catalogues` holds our own texts per language under dotted keys; the draft's replace
    them one by one.

    Raises:
        NoticeError: every mistake, with its place.
    """
    if mistakes := [*_meaning(draft, catalogues)]:
        raise NoticeError(mistakes)
    texts = {
        language: {
            **catalogues[language],
            **_own_purpose_texts(draft, language),
            **draft.texts.get(language, {}),
        }
        for language in draft.languages
    }
    return Notice(
        site=draft.site,
        controller=draft.controller,
        domains=tuple(draft.domains),
        own_hosts=tuple(draft.own_hosts),
        languages=tuple(draft.languages),
        policy=_per_language(draft.policy, draft.languages),
        purposes=_purposes(draft),
        services=tuple(_service(service, draft) for service in draft.services),
        texts=texts,
        look=draft.look,
        durations=draft.durations,
    )


# --- the shape: keys and types ------------------------------------------------------


def _mended(value: object, kind: Any, place: str, mistakes: list[Mistake]) -> object:
    """Walk a decoded table beside the type it should have.

    Each mistake is noted once; what comes back has something harmless in its place, so
    that the rest can still be read and judged.
    """
    form = msgspec.inspect.type_info(kind)
    if isinstance(form, msgspec.inspect.StructType) and isinstance(value, dict):
        return _mended_keys(cast("dict[str, object]", value), form, place, mistakes)
    if isinstance(form, msgspec.inspect.ListType) and isinstance(value, list):
        return [
            _mended(entry, kind.__args__[0], f"{place}[{index}]", mistakes)
            for index, entry in enumerate(cast("list[object]", value))
        ]
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        mistakes.append(_as_mistake(str(wrong), place))
        return _harmless(kind)
    return value


def _mended_keys(
    table: dict[str, object],
    form: msgspec.inspect.StructType,
    place: str,
    mistakes: list[Mistake],
) -> dict[str, object]:
    fields = {field.name: field for field in msgspec.structs.fields(form.cls)}
    mended: dict[str, object] = {}
    for key, value in table.items():
        below = f"{place}.{key}" if place else key
        if key in fields:
            mended[key] = _mended(value, fields[key].type, below, mistakes)
        else:
            mistakes.append(_unknown_key(key, below, fields))
    for name, field in fields.items():
        if field.required and name not in table:
            mistakes.append(
                Mistake(
                    place=f"{place}.{name}" if place else name,
                    problem="This is missing.",
                    hint=_MISSING.get(name, ""),
                )
            )
            mended[name] = _harmless(field.type)
    return mended


def _unknown_key(key: str, place: str, known: Iterable[str]) -> Mistake:
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    right = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(known)}."
    return Mistake(place=place, problem="There is no such key.", hint=right)


def _harmless(kind: Any) -> object:
    """A value of a type that says nothing."""
    form = msgspec.inspect.type_info(kind)
    if isinstance(form, msgspec.inspect.StructType):
        required = (f for f in msgspec.structs.fields(form.cls) if f.required)
        return {field.name: _harmless(field.type) for field in required}
    nothings: tuple[object, ...] = ([], {}, 0, "x")
    for harmless in nothings:
        try:
            msgspec.convert(harmless, kind)
        except msgspec.ValidationError:
            continue
        return harmless
    raise AssertionError(kind)  # no field of a draft has another type


_MISSING = {
    "site": 'A short name for the site, such as site = "courrier".',
    "controller": "A table with name, address and contact of who answers for the site.",
    "domains": 'The site\'s domains, such as domains = ["courrier.example"].',
    "languages": 'Such as languages = ["fr", "en"]; the first one is the default.',
    "contact": "Where visitors can write: an e-mail address or a page.",
    "lifetime": f"How long it stays: {EXAMPLES}.",
    "use": 'What it is for, such as use = { fr = "…", en = "…" }.',
    "purposes": 'Which purposes it acts for, such as purposes = ["audience"].',
}


def _as_mistake(message: str, place: str) -> Mistake:
    # msgspec writes "Expected `str`, got `int` - at `$[0].x`".
    problem, _, deeper = message.partition(" - at `$")
    return Mistake(place=place + deeper.rstrip("`"), problem=f"{problem}.")


# --- the meaning: what values say together ------------------------------------------


def _meaning(
    draft: Draft, catalogues: Mapping[str, Mapping[str, str]]
) -> Iterator[Mistake]:
    yield from _site(draft, catalogues)
    yield from _purpose_mistakes(draft, catalogues)
    ids = {purpose.id: purpose for purpose in _purposes(draft)}
    seen: set[str] = set()
    for index, service in enumerate(draft.services):
        place = f"services[{index}]"
        if service.id in seen:
            yield Mistake(
                place=f"{place}.id",
                problem=f"{service.id!r} is already the id of another service.",
            )
        seen.add(service.id)
        yield from _service_mistakes(service, place, ids, draft)
    yield from _text_mistakes(draft, catalogues)
    yield from _look_mistakes(draft.look)


def _site(
    draft: Draft, catalogues: Mapping[str, Mapping[str, str]]
) -> Iterator[Mistake]:
    if not SERVICE_ID.fullmatch(draft.site):
        yield Mistake(place="site", problem="Small letters, digits and - only.")
    for name in ("domains", "languages"):
        if not getattr(draft, name):
            yield Mistake(place=name, problem="This is empty.", hint=_MISSING[name])
    for index, language in enumerate(draft.languages):
        if language not in catalogues:
            yield Mistake(
                place=f"languages[{index}]",
                problem=f"There are no texts in {language!r}.",
                hint=f"Known: {', '.join(sorted(catalogues))}.",
            )
    for key in ("domains", "own_hosts"):
        for index, host in enumerate(getattr(draft, key)):
            yield from _host_mistake(host, f"{key}[{index}]")
    for name in ("name", "address", "contact"):
        if not getattr(draft.controller, name).strip():
            yield Mistake(
                place=f"controller.{name}",
                problem="This is empty.",
                hint=_MISSING.get(name, ""),
            )
    for name, months in msgspec.structs.asdict(draft.durations).items():
        if months < 1:
            yield Mistake(place=f"durations.{name}", problem="At least one, in months.")
    if isinstance(draft.policy, Mapping):
        yield from _languages_of(draft.policy, "policy", draft)
        for language, address in draft.policy.items():
            yield from _address_mistake(address, f"policy.{language}")
    else:
        yield from _address_mistake(draft.policy, "policy")


# A name, with or without a leading `*.`; an IPv4 address is one too.
_HOST = re.compile(
    r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?"
)


def _host_mistake(host: str, place: str) -> Iterator[Mistake]:
    if not _HOST.fullmatch(host):
        yield Mistake(
            place=place,
            problem=f"{host!r} is no host name.",
            hint="Write the name alone, in small letters: cdn.example or *.cdn.example.",
        )


def _address_mistake(address: str, place: str) -> Iterator[Mistake]:
    # It becomes a link: `javascript:` and the like have no business there.
    if address and not address.startswith(("https://", "http://", "/")):
        yield Mistake(
            place=place,
            problem="This is no address of a page.",
            hint="Write it whole, with https://, or as a path of the site: /privacy.",
        )


def _purpose_mistakes(
    draft: Draft, catalogues: Mapping[str, Mapping[str, str]]
) -> Iterator[Mistake]:
    known = {purpose.id for purpose in DEFAULT_PURPOSES}
    seen: set[str] = set()
    for index, purpose in enumerate(draft.purposes):
        place = f"purposes[{index}]"
        if not PURPOSE_ID.fullmatch(purpose.id) or purpose.id == "unknown":
            yield Mistake(
                place=f"{place}.id",
                problem=f"{purpose.id!r} cannot be a purpose's id.",
                hint="Small letters, digits and -, at most 24, a letter first.",
            )
        if purpose.id in seen:
            yield Mistake(place=f"{place}.id", problem="This id is there twice.")
        seen.add(purpose.id)
        for name in ("title", "summary"):
            words: Mapping[str, str] = getattr(purpose, name)
            if words or purpose.id not in known:
                yield from _languages_of(words, f"{place}.{name}", draft)
            longest = _LONGEST[name]
            for language, text in words.items():
                if len(text) > longest:
                    yield Mistake(
                        place=f"{place}.{name}.{language}",
                        problem=f"This has {len(text)} characters.",
                        hint=f"At most {longest}, so that it fits on a phone (CNIL-9).",
                    )
    if len([p for p in _purposes(draft) if not p.locked]) > _MOST_PURPOSES:
        yield Mistake(
            place="purposes",
            problem=f"More than {_MOST_PURPOSES} purposes to answer.",
            hint="Too many options overload visitors (DDP-1): join some.",
        )


_LONGEST = {"title": 60, "summary": 200}
_MOST_PURPOSES = 10


def _service_mistakes(
    service: ServiceDraft, place: str, purposes: Mapping[str, Purpose], draft: Draft
) -> Iterator[Mistake]:
    if not SERVICE_ID.fullmatch(service.id):
        yield Mistake(
            place=f"{place}.id",
            problem=f"{service.id!r} cannot be a service's id.",
            hint="Small letters, digits and -, at most 24, a letter first.",
        )
    if not service.purposes:
        yield Mistake(
            place=f"{place}.purposes",
            problem="A service acts for at least one purpose.",
            hint=f"Known: {', '.join(purposes)}.",
        )
    for index, purpose in enumerate(service.purposes):
        if purpose not in purposes:
            near = get_close_matches(purpose, purposes, n=1, cutoff=0.5)
            yield Mistake(
                place=f"{place}.purposes[{index}]",
                problem=f"There is no purpose {purpose!r}.",
                hint=f"Did you mean {near[0]!r}?"
                if near
                else f"Known: {', '.join(purposes)}.",
            )
    yield from _exemption_mistakes(service, place, purposes)
    for index, host in enumerate(service.hosts):
        yield from _host_mistake(host, f"{place}.hosts[{index}]")
    for index, url in enumerate(service.urls):
        if not url.startswith(("http://", "https://", "*://")):
            yield Mistake(
                place=f"{place}.urls[{index}]",
                problem=f"{url!r} is no address pattern.",
                hint="Write it whole, with * for any part: https://cdn.example/ads/*.",
            )
    if service.country and not re.fullmatch("[A-Z]{2}", service.country):
        yield Mistake(
            place=f"{place}.country",
            problem=f"{service.country!r} is no country code.",
            hint="Two capitals, as in ISO 3166: FR.",
        )
    yield from _address_mistake(service.policy, f"{place}.policy")
    for list_name in ("cookies", "storage"):
        traces: list[TraceDraft] = getattr(service, list_name)
        for index, trace in enumerate(traces):
            yield from _trace_mistakes(
                trace, f"{place}.{list_name}[{index}]", list_name, draft
            )


def _exemption_mistakes(
    service: ServiceDraft, place: str, purposes: Mapping[str, Purpose]
) -> Iterator[Mistake]:
    # "A tracker serving an exempt and a non-exempt purpose needs consent." -- CNIL-20
    locked = [p for p in service.purposes if p in purposes and purposes[p].locked]
    codes = f"One of {', '.join(EXEMPTIONS)} (CNIL-19)."
    if locked and len(locked) < len(service.purposes):
        yield Mistake(
            place=f"{place}.purposes",
            problem="A service is technical or it is not: one use that needs a yes "
            "makes the whole need one (CNIL-20).",
            hint="Declare two services, or leave `technical` out.",
        )
    elif locked and service.exemption not in EXEMPTIONS:
        yield Mistake(
            place=f"{place}.exemption",
            problem="A technical service says why it needs no consent.",
            hint=codes,
        )
    elif service.exemption and not locked:
        yield Mistake(
            place=f"{place}.exemption",
            problem="Only a technical service is exempt.",
            hint='Leave it out, or set purposes = ["technical"] if that is true.',
        )


def _trace_mistakes(
    trace: TraceDraft, place: str, list_name: str, draft: Draft
) -> Iterator[Mistake]:
    if not is_lifetime(trace.lifetime):
        yield Mistake(
            place=f"{place}.lifetime",
            problem=f"{trace.lifetime!r} is no lifetime.",
            hint=f"Write {EXAMPLES}.",
        )
    if isinstance(trace.use, Mapping):
        yield from _languages_of(trace.use, f"{place}.use", draft)
    kinds = KINDS[1:] if list_name == "storage" else KINDS[:1]
    if trace.kind and trace.kind not in kinds:
        yield Mistake(
            place=f"{place}.kind",
            problem=f"{trace.kind!r} is not stored there.",
            hint=f"Under `{list_name}`: {', '.join(kinds)}.",
        )
    if list_name == "cookies" and re.search(r'[\s=;,"]', trace.name):
        yield Mistake(
            place=f"{place}.name",
            problem="A cookie's name has no space and none of = ; , and quotes.",
        )
    if not trace.name.strip("*"):
        yield Mistake(
            place=f"{place}.name",
            problem="This pattern fits every name there is.",
            hint="Give at least the beginning: _ga*.",
        )


def _languages_of(
    words: Mapping[str, str], place: str, draft: Draft
) -> Iterator[Mistake]:
    for language in draft.languages:
        if language not in words:
            yield Mistake(
                place=f"{place}.{language}",
                problem=f"This is missing: the site also speaks {language!r}.",
            )
    for language in words:
        if language not in draft.languages:
            yield Mistake(
                place=f"{place}.{language}",
                problem=f"{language!r} is not among the site's languages.",
                hint="Add it to `languages`, or leave it out here.",
            )


def _text_mistakes(
    draft: Draft, catalogues: Mapping[str, Mapping[str, str]]
) -> Iterator[Mistake]:
    for language, own in draft.texts.items():
        if language not in draft.languages:
            yield Mistake(
                place=f"texts.{language}",
                problem=f"{language!r} is not among the site's languages.",
            )
            continue
        known = catalogues.get(language, {})
        for key, text in own.items():
            place = f"texts.{language}.{key}"
            if key not in known:
                near = get_close_matches(key, known, n=1, cutoff=0.5)
                yield Mistake(
                    place=place,
                    problem="There is no such text.",
                    hint=f"Did you mean `{near[0]}`?" if near else "",
                )
            elif placeholders(text) != placeholders(known[key]):
                wanted = " ".join(sorted(placeholders(known[key]))) or "none"
                yield Mistake(
                    place=place,
                    problem="The places to fill in are not the same.",
                    hint=f"Wanted: {wanted}.",
                )


def placeholders(text: str) -> set[str]:
    """The names in braces that a text leaves open, such as `{partners}`."""
    return set(re.findall(r"\{[a-z_]+\}", text))


_CHOICES = {"position": ("bottom", "top"), "corner": ("left", "right", "none")}
# What browsers paint for the system colour Canvas, dark and light.
_DARK, _LIGHT = (0x12, 0x12, 0x12), (0xFF, 0xFF, 0xFF)
_READABLE = 4.5


def _look_mistakes(look: Look) -> Iterator[Mistake]:
    for name, choices in _CHOICES.items():
        if getattr(look, name) not in choices:
            yield Mistake(
                place=f"look.{name}",
                problem=f"{getattr(look, name)!r} is not a {name}.",
                hint=f"One of {', '.join(choices)}.",
            )
    if not 0 <= look.radius <= _ROUNDEST:
        yield Mistake(place="look.radius", problem=f"From 0 to {_ROUNDEST}, in pixels.")
    for name, ground in (("accent", _LIGHT), ("accent_dark", _DARK)):
        colour: str = getattr(look, name)
        if not colour:
            continue
        if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            yield Mistake(
                place=f"look.{name}",
                problem=f"{colour!r} is no colour.",
                hint="Write # and six hexadecimal digits: #1f5fbf.",
            )
        elif (ratio := contrast(_rgb(colour), ground)) < _READABLE:
            # "Theme linter enforces 4.5:1 text" -- TF-DE, A11Y-2
            yield Mistake(
                place=f"look.{name}",
                problem=f"Its contrast with the banner is {ratio:.1f}.",
                hint=f"At least {_READABLE}, or many cannot read it.",
            )


_ROUNDEST = 24


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of two sRGB colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: tuple[int, int, int]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- the notice ---------------------------------------------------------------------


def _purposes(draft: Draft) -> tuple[Purpose, ...]:
    """The purposes of the notice: the locked one first, always there."""
    if not draft.purposes:
        return DEFAULT_PURPOSES
    technical = DEFAULT_PURPOSES[0]
    named = (p.id for p in draft.purposes if p.id != technical.id)
    return (technical, *(Purpose(id=purpose_id) for purpose_id in named))


def _service(service: ServiceDraft, draft: Draft) -> Service:
    return Service(
        id=service.id,
        name=service.name,
        controller=service.controller or draft.controller.name,
        country=service.country,
        policy=service.policy,
        purposes=tuple(service.purposes),
        hosts=tuple(service.hosts),
        urls=tuple(service.urls),
        exemption=service.exemption,
        traces=tuple(
            Trace(
                name=trace.name,
                kind=trace.kind or kind,
                lifetime=trace.lifetime,
                use=_per_language(trace.use, draft.languages),
                domain=trace.domain,
                path=trace.path,
            )
            for kind, traces in (
                ("cookie", service.cookies),
                ("local", service.storage),
            )
            for trace in traces
        ),
    )


def _per_language(
    words: Mapping[str, str] | str, languages: Sequence[str]
) -> dict[str, str]:
    if isinstance(words, str):
        return dict.fromkeys(languages, words)
    return {language: words[language] for language in languages}


def _own_purpose_texts(draft: Draft, language: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for purpose in draft.purposes:
        if purpose.title:
            texts[f"purpose.{purpose.id}.title"] = purpose.title[language]
        if purpose.summary:
            texts[f"purpose.{purpose.id}.summary"] = purpose.summary[language]
    return texts
