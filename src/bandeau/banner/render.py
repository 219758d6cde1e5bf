"""A notice in one language, as a browser receives it.

`bundle` works out once what does not depend on the visitor; `body_for` and
`settings_page` show one visitor's choice. Only texts that are frozen in the notice are
used, so what was shown can be rendered again from a record years later.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from turbohtml import Element, parse_fragment

from bandeau.banner.script import script, script_alone, source
from bandeau.banner.style import layered, look_css
from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, carry_code, silent
from bandeau.model.cookie import NOTICE_CHARACTERS
from bandeau.model.lifetimes import lifetime_in_words
from bandeau.model.notices import Notice
from bandeau.model.services import Service

ENDPOINT = "/bandeau"

_templates = Environment(
    loader=PackageLoader("bandeau", "banner"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a browser receives for one notice and language.

    `head` goes first into `<head>`, `body` into `<body>`; both are the same for every
    visitor. `standalone` is the same in one script, for sites without a gate. The
    sources are what a Content-Security-Policy must name for `head`.
    """

    language: str
    head: str
    body: str
    script_sources: tuple[str, ...]
    style_sources: tuple[str, ...]
    standalone: bytes


def bundle(
    notice: Notice,
    language: str,
    *,
    earlier: Sequence[Notice] = (),
    months: int,
    endpoint: str = ENDPOINT,
) -> Bundle:
    """Render a notice in one of its languages, once for all visitors.

    `earlier` are the site's older notices, whose answers carry over; `months` is how
    long a choice stands; `endpoint` is where the collector answers.
    """
    style = layered(source("banner.css") + look_css(notice.look))
    facts = _facts(notice, language, earlier, months, endpoint)
    code = script(facts)
    body = body_for(notice, language, silent(notice), endpoint=endpoint)
    alone = script_alone(facts, _steps(body), style.replace("!important", ""))
    return Bundle(
        language=language,
        head=f"<style>{style}</style><script>{code}</script>",
        body=body,
        script_sources=(_source_expression(code),),
        style_sources=(_source_expression(style),),
        standalone=alone.encode(),
    )


def body_for(
    notice: Notice, language: str, choice: Choice, *, endpoint: str = ENDPOINT
) -> str:
    """The markup for `<body>`, with one visitor's answers in it.

    The first layer is hidden where nothing is left to ask.
    """
    context = _context(notice, language, choice, endpoint)
    return _tight(_template("banner.html").render(context))


def settings_page(
    notice: Notice,
    language: str,
    choice: Choice,
    *,
    back: str = "",
    endpoint: str = ENDPOINT,
) -> str:
    """The settings as a page of their own, which needs no script."""
    context = _context(notice, language, choice, endpoint)
    return _template("settings.html").render(
        context, back=back, style=_page_style(notice)
    )


def policy_page(notice: Notice, language: str, *, endpoint: str = ENDPOINT) -> str:
    """Who, what for and how long, as a page: the whole notice in one language."""
    context = _context(notice, language, silent(notice), endpoint)
    return _template("policy.html").render(context, style=_page_style(notice))


def page_style_source(notice: Notice) -> str:
    """What a Content-Security-Policy must name for the style of our own pages."""
    return _source_expression(_page_style(notice))


def _page_style(notice: Notice) -> str:
    css = source("banner.css") + look_css(notice.look)
    return layered(css + source("page.css"))


@cache
def _template(name: str) -> Any:
    return _templates.get_template(name)


def _context(
    notice: Notice, language: str, choice: Choice, endpoint: str
) -> dict[str, object]:
    texts = notice.texts[language]
    asked = choice.unanswered
    before, _, after = _sentence(notice, texts, asked).partition("{purposes}")
    titles = [texts[f"purpose.{purpose}.title"].lower() for purpose in asked]
    return {
        "notice": notice,
        "mark": notice.digest[:NOTICE_CHARACTERS],
        "language": language,
        "t": texts,
        "endpoint": endpoint,
        "policy": notice.policy.get(language) or f"{endpoint}/policy",
        "asked": asked,
        "asked_titles": ", ".join(titles),
        "sentence": {"before": before, "after": after},
        "marks": {p: _MARKS[choice.answer(p)] for p in notice.asked},
        "specials": {
            service.id: choice.services.get(service.id) is Answer.ACCEPTED
            for service in notice.services
        },
        "by": partial(_controller_after_name, notice=notice),
        "lifetime": partial(lifetime_in_words, texts=texts),
        "back": "",
    }


def _controller_after_name(service: Service, notice: Notice) -> str:
    """Who runs a service, as it reads behind the service's name: nothing twice."""
    if service.controller == notice.controller.name:
        return ""
    if service.controller.startswith(f"{service.name} "):
        return service.controller.removeprefix(service.name)
    return f" · {service.controller}"


_MARKS = {
    Answer.ACCEPTED: Markup(" checked"),
    Answer.REFUSED: Markup(""),
    Answer.UNANSWERED: Markup(" data-unanswered"),
}


def _sentence(notice: Notice, texts: Mapping[str, str], asked: Sequence[str]) -> str:
    """The first layer's sentence, its `{purposes}` still open."""
    partners = len(notice.partners)
    number = "one" if partners == 1 else "other"
    if 0 < len(asked) < len(notice.asked):
        form = texts["first.text_new"]
    else:
        form = texts["first.text" if partners else "first.text_alone"]
    return form.format(
        controller=notice.controller.name,
        partners=texts[f"partners.{number}"].format(count=partners),
        purposes="{purposes}",
    )


def _facts(
    notice: Notice,
    language: str,
    earlier: Sequence[Notice],
    months: int,
    endpoint: str,
) -> dict[str, object]:
    """What banner.js must know; its twin is banner/notice.js."""
    texts = notice.texts[language]
    return {
        "mark": notice.digest[:NOTICE_CHARACTERS],
        "purposes": notice.asked,
        "months": months,
        "earlier": {
            told.digest[:NOTICE_CHARACTERS]: carry_code(told, notice)
            for told in earlier
        },
        "endpoint": endpoint,
        "heldText": texts["held.text"].format(service="{}"),
        "allowText": texts["action.allow_service"].format(service="{}"),
    }


def _tight(markup: str) -> str:
    """Drop the line breaks of the templates; texts are on one line."""
    return "".join(
        line.strip() if line.startswith(" ") else line for line in markup.splitlines()
    )


def _steps(markup: str) -> str:
    """The markup as banner/tree.js builds it: a line per step.

    What only serves a form without a script, or what the script sets itself, is left
    out: here there is one.
    """
    return "\n".join(
        step for node in parse_fragment(markup).children for step in _steps_of(node)
    )


def _steps_of(node: object) -> Iterator[str]:
    if not isinstance(node, Element):
        text = str(getattr(node, "data", ""))
        # A text that begins like an element is told apart by an invisible character.
        yield f"\u2060{text}" if text.startswith("<") else text
    elif node.attrs.get("type") != "hidden":
        attributes = (
            f"\t{name}={value or ''}"
            for name, value in node.attrs.items()
            if name not in _FORM_ONLY or value == "dialog"
        )
        yield f"<{node.tag}{''.join(attributes)}"
        for child in node.children:
            yield from _steps_of(child)
        yield ""


_FORM_ONLY = {
    "method",
    "action",
    "formaction",
    "formmethod",
    "name",
    "value",
    "data-unanswered",
}


def _source_expression(text: str) -> str:
    """A hash source of a Content-Security-Policy (CSP 3, section 2.3.1)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


__all__ = [
    "ENDPOINT",
    "Bundle",
    "body_for",
    "bundle",
    "page_style_source",
    "policy_page",
    "settings_page",
]
