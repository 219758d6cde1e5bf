"""One HTML page in, the same page with what is held back, and the banner, out.

One streaming pass (turbohtml) over the markup, which knows tags but builds no tree. Two
things that such a pass cannot know are made up for:

- The contents of `noscript`, and of `style`, `script`, `title` and the like where a
  browser may read them as markup (in SVG, MathML and `select`), are text to the pass.
  They are rewritten as markup of their own.
- Where a page has what tokenizers and tree builders disagree about (`_RISKY`), the
  result is parsed by the book, with and without scripting, and every tag judged once
  more. Is one still live, the page does not go out: `StillLiveError`.

What need not be touched stays byte for byte; only where a page mixes kinds of line
ends, those become LF, which every browser makes of them anyway.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import turbohtml
from turbohtml.rewrite import Element, rewrite

from bandeau.errors import BandeauError
from bandeau.gate.plan import UNKNOWN, Judgement, Plan
from bandeau.gate.tags import (
    EVERYWHERE,
    FETCHES,
    SELECTOR,
    fetching,
    held_name,
    lives,
    wanted,
)
from bandeau.gate.urls import Address, Page, addresses, host_of

# Raw text to a tokenizer that knows only names.
_RAW = ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
_DOUBTFUL = ", ".join(
    (
        "noscript",
        *(f"{outer} {raw}" for outer in ("svg", "math", "select") for raw in _RAW),
    )
)
_RISKY = re.compile(
    r"<(?:svg|math|select|frameset|template|plaintext|annotation-xml"
    rf"|(?:{'|'.join((*_RAW, 'noscript'))})\b[^>]*/>)|<!\[CDATA",
    re.IGNORECASE,
)
_NOSCRIPT = re.compile(r"<noscript", re.IGNORECASE)
_BASE = re.compile(r"<base", re.IGNORECASE)

# What may stand in <head>; anything else is content, and the banner comes before it.
_HEADLIKE = frozenset(
    [
        "html",
        "head",
        "title",
        "base",
        "basefont",
        "bgsound",
        "link",
        "meta",
        "style",
        "script",
        "noscript",
        "template",
        "noframes",
    ]
)
_DEEPEST = 8


class StillLiveError(BandeauError):
    """A page could not be rewritten so that nothing held back is live in it."""


def rewrite_page(
    html: str,
    plan: Plan,
    *,
    page_host: str,
    head: str,
    body: str,
    on_unknown: Callable[[str], None] | None = None,
    amend: Callable[[str], str] | None = None,
) -> str:
    """Hold back what the plan does not let live, and put `head` and `body` in place.

    A fragment (no doctype, html, head or body tag) gets neither. `on_unknown` is told
    each host that nobody declared, `amend` is given each policy in a `<meta>`.

    Raises:
        StillLiveError: it cannot be done safely.
    """
    # The pass turns every line end into LF, as a browser does before it reads anything.
    unix = html.replace("\r\n", "\n").replace("\r", "\n") if "\r" in html else html
    host = host_of(page_host)
    work = _Rewriting(
        plan=plan,
        page=Page(host, _bases(unix, Page(host))),
        marks=_marks_for(unix),
        on_unknown=on_unknown or (lambda _: None),
        amend=amend,
    )
    out = work.page_held(unix) if head or body else work.held(unix)
    work.check(out)
    if not work.touched and not work.whole:
        return html
    out = out.replace(work.marks.head, head).replace(work.marks.body, body)
    windows = html.count("\r") == html.count("\r\n") == html.count("\n") > 0
    return out.replace("\n", "\r\n") if windows else out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """Places in the output, written as strings that the page does not contain."""

    head: str
    body: str
    start: str
    end: str


def _marks_for(html: str) -> _Marks:
    # Private use, so that no parser takes it for anything but text.
    stem = "\ue0b4"
    while stem in html:
        stem += "\ue0b5\ue0b4"
    return _Marks(
        head=f"{stem}h\ue0b6",
        body=f"{stem}b\ue0b6",
        start=f"{stem}s\ue0b6",
        end=f"{stem}e\ue0b6",
    )


def _bases(html: str, page: Page) -> tuple[Address, ...]:
    if not _BASE.search(html):
        return ()
    # The page's own address counts for what is fetched before the parser meets a base.
    found = [Address(page.host, f"https://{page.host}/")]

    def base(element: Element) -> None:
        found.extend(addresses(element.get("href") or "", page))

    rewrite(html, elements=[("base", base)])
    # One in a place that the pass does not see must count too.
    for document in (turbohtml.parse(html), turbohtml.parse(html, scripting=True)):
        for element in document.select("base"):
            found.extend(addresses(str(element.attrs.get("href") or ""), page))
    return tuple(dict.fromkeys(found))


@dataclass(slots=True, kw_only=True)
class _Rewriting:
    """One page on its way through. Everything below `amend` changes underway."""

    plan: Plan
    page: Page
    marks: _Marks
    on_unknown: Callable[[str], None]
    amend: Callable[[str], str] | None
    touched: bool = False
    whole: bool = False
    depth: int = 0
    placed: set[str] = field(default_factory=set[str])

    # ------------------------------------------------------------ placing the banner

    def page_held(self, html: str) -> str:
        """Hold back, and mark where head and body parts go."""
        out = self.held(html, self._placing())
        if not self.whole:
            return out
        if self.marks.head in out and self.marks.body in out:
            return out
        # No <head> or <body> tag, or a skip link that never ends: place by the first
        # element that belongs there.
        self.placed.clear()
        out = self.held(html, self._placing_by_content())
        if self.marks.head not in out:
            out = self.marks.head + out
        return out if self.marks.body in out else out + self.marks.body

    def _placing(self) -> list[tuple[str, Callable[[Element], None]]]:
        def whole(element: Element) -> None:
            self.whole = True

        def head(element: Element) -> None:
            self._place("head", lambda: element.prepend(self.marks.head, html=True))

        def first_in_body(element: Element) -> None:
            if "first" in self.placed:
                return
            self.placed.add("first")
            link = element.tag == "a" and (element.get("href") or "").startswith("#")
            put = element.after if link else element.before
            self._place("body", lambda: put(self.marks.body, html=True))

        return [
            ("html, body", whole),
            ("head", whole),
            ("head", head),
            ("body > *", first_in_body),
        ]

    def _placing_by_content(self) -> list[tuple[str, Callable[[Element], None]]]:
        inside: list[bool] = [False]

        def in_template(element: Element) -> None:
            inside[0] = True

        def anything(element: Element) -> None:
            tag, within = element.tag, inside[0]
            inside[0] = False
            if tag == "html" or within:
                return
            if tag == "head":
                self._place("head", lambda: element.prepend(self.marks.head, html=True))
                return
            if tag == "body":
                self._place("head", lambda: element.before(self.marks.head, html=True))
                self._place("body", lambda: element.prepend(self.marks.body, html=True))
                return
            self._place("head", lambda: element.before(self.marks.head, html=True))
            if tag not in _HEADLIKE:
                self._place("body", lambda: element.before(self.marks.body, html=True))

        return [("template *", in_template), ("*", anything)]

    def _place(self, what: str, put: Callable[[], None]) -> None:
        if what not in self.placed:
            self.placed.add(what)
            put()

    # ------------------------------------------------------------ holding back

    def held(
        self,
        html: str,
        more: list[tuple[str, Callable[[Element], None]]] | None = None,
    ) -> str:
        """One pass; then the doubtful contents, each as markup of its own."""
        doubtful: list[bool] = []

        def doubt(element: Element) -> None:
            doubtful.append(True)
            element.prepend(self.marks.start, html=True)
            element.append(self.marks.end, html=True)

        def doctype(element: Element) -> None:
            self.whole = True

        out = rewrite(
            html,
            elements=[
                *(more or ()),
                (_DOUBTFUL, doubt),
                ("meta[http-equiv]", self._meta),
                (SELECTOR, self._element),
            ],
            doctype=doctype if more else None,
        )
        if not doubtful:
            return out
        return re.sub(
            f"{self.marks.start}(.*?){self.marks.end}",
            lambda found: self.held(found[1]) if "<" in found[1] else found[1],
            out,
            flags=re.DOTALL,
        )

    def _meta(self, element: Element) -> None:
        kind = (element.get("http-equiv") or "").strip().lower()
        if self.amend is None or kind != "content-security-policy":
            return
        policy = element.get("content") or ""
        amended = self.amend(policy)
        if amended != policy:
            element.set_attribute("content", amended)
            self.touched = True

    def _element(self, element: Element) -> None:
        tag = element.tag
        attributes = {name: value or "" for name, value in element.attrs}
        if "srcdoc" in attributes:
            self._srcdoc(element, attributes)
        judgement = self._judge(tag, attributes)
        if judgement is None:
            return
        for host in judgement.unknown:
            self.on_unknown(host)
        marked = _marked(judgement)
        for name in ("data-purpose", "data-service"):
            value = marked.get(name, "")
            if value == attributes.get(name, ""):
                continue
            self.touched = True
            if value:
                element.set_attribute(name, value)
            else:
                element.remove_attribute(name)
        if not judgement.held:
            return
        if tag == "script":
            self._hold_script(element, attributes)
        for name in fetching(tag, attributes):
            if name not in attributes or (tag == "script" and name == "src"):
                continue
            self.touched = True
            waits = held_name(name)
            if name != "xlink:href" or "href" not in attributes:
                element.set_attribute(waits, attributes[name])
            element.remove_attribute(name)

    def _hold_script(self, element: Element, attributes: Mapping[str, str]) -> None:
        # A script keeps its src: no browser fetches a script of a type it does not
        # know, and its waking then touches no Trusted Types sink. (In SVG Chromium
        # fetches its href all the same; that one is moved.)
        if not lives(attributes.get("type")):
            return
        self.touched = True
        if attributes.get("type"):
            element.set_attribute("data-type", attributes["type"])
        elif "data-type" in attributes:
            element.remove_attribute("data-type")
        element.set_attribute("type", "text/plain")

    def _srcdoc(self, element: Element, attributes: dict[str, str]) -> None:
        """A frame's own document is a page like any other, with the bases of ours."""
        inner = self._inner(attributes["srcdoc"])
        document = inner.held(attributes["srcdoc"])
        inner.check(document)
        if inner.touched:
            attributes["srcdoc"] = document
            element.set_attribute("srcdoc", document)
            self.touched = True

    def _inner(self, document: str) -> "_Rewriting":
        if self.depth >= _DEEPEST:
            raise StillLiveError("Frames are nested too deeply in `srcdoc`.")
        return _Rewriting(
            plan=self.plan,
            page=Page(
                self.page.host,
                tuple(dict.fromkeys((*self.page.bases, *_bases(document, self.page)))),
            ),
            marks=_marks_for(document),
            on_unknown=self.on_unknown,
            amend=None,
            depth=self.depth + 1,
        )

    def _judge(self, tag: str, attributes: Mapping[str, str]) -> Judgement | None:
        purposes = attributes.get("data-purpose", "")
        service = attributes.get("data-service", "")
        if purposes == UNKNOWN and tag != "script":
            # Held by us or by the page itself: only what is live besides is judged.
            live = [name for name in fetching(tag, attributes) if name in attributes]
            if not live:
                return None
        marked = bool(purposes or service)
        in_svg = "href" in attributes or "xlink:href" in attributes
        if tag == "script" and not (lives(attributes.get("type")) or marked or in_svg):
            return None  # a data block: neither run nor fetched
        found: list[Address] = []
        for name in fetching(tag, attributes):
            if name in attributes:
                found.extend(wanted(name, attributes[name], self.page))
            if marked and held_name(name) in attributes:
                found.extend(wanted(name, attributes[held_name(name)], self.page))
        if not (found or marked):
            return None
        return self.plan.judge(found, self.page.host, purposes, service)

    # ------------------------------------------------------------ checking

    def check(self, html: str) -> None:
        """Parse by the book, and raise if anything is live that should be held back."""
        # LIMIT: "by the book" is turbohtml's tree builder; a browser's preload scanner
        # is none and may fetch what no parser makes live.
        if _RISKY.search(html):
            scriptings = (True, False)
        elif _NOSCRIPT.search(html):
            scriptings = (False,)
        else:
            return
        for scripting in scriptings:
            document = turbohtml.parse(
                html,
                scripting=scripting,
                positions=False,
                allow_declarative_shadow_roots=False,
            )
            for element in document.iter_elements():
                tag = element.tag.lower()
                if tag not in FETCHES and not element.attrs.get(EVERYWHERE[0]):
                    continue
                attributes = {n.lower(): str(v or "") for n, v in element.attrs.items()}
                if "srcdoc" in attributes:
                    self._inner(attributes["srcdoc"]).check(attributes["srcdoc"])
                if self._is_live(tag, attributes):
                    raise StillLiveError(
                        f"A <{tag}> would be live although it must be held back.",
                        hint="Close every tag of the page, above all inside <svg>.",
                    )

    def _is_live(self, tag: str, attributes: Mapping[str, str]) -> bool:
        names = fetching(tag, attributes)
        if tag == "script":
            moved = {"href", "xlink:href"}.isdisjoint(attributes)
            if not lives(attributes.get("type")) and moved:
                return False
        elif not any(name in attributes for name in names):
            return False
        judgement = self._judge(tag, attributes)
        return judgement is not None and judgement.held


def _marked(judgement: Judgement) -> Mapping[str, str]:
    return {"data-purpose": judgement.purposes, "data-service": judgement.service}


def language_of(html: str) -> str:
    """The `lang` of the page's `<html>` tag, or nothing; a cheap look, not a parse."""
    tag = _HTML_TAG.search(html, 0, 4096)
    lang = _LANG.search(tag[0]) if tag else None
    return next((found for found in lang.groups() if found), "") if lang else ""


_HTML_TAG = re.compile(
    r"<html(?:[\s/](?:[^>\"']|\"[^\"]*\"|'[^']*')*)?>", re.IGNORECASE
)
_LANG = re.compile(
    r"[\s/\"']lang\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE
)
