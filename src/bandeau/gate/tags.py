"""How a browser can be made to fetch by a tag, and how a tag is held back: tables.

Holding back moves a fetching attribute to `data-<name>` (a script gets an inert type
instead, see below) and marks the tag with its purposes and its service.
"""

import re
from collections.abc import Iterator, Mapping

from bandeau.gate.urls import Address, Page, addresses, candidates

# Tag (lower case, HTML and SVG alike) to the attributes that fetch. `background`
# fetches on any tag that knows it; it is looked at on all.
FETCHES: Mapping[str, tuple[str, ...]] = {
    "script": ("src", "href", "xlink:href"),
    "iframe": ("src", "srcdoc"),
    "frame": ("src",),
    "img": ("src", "srcset"),
    "image": ("src", "srcset", "href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "link": ("href", "imagesrcset"),
    # SVG animation can write an address into `href`.
    "set": ("to",),
    "animate": ("values", "from", "to", "by"),
}
EVERYWHERE = ("background",)

SELECTOR = ", ".join((*FETCHES, *(f"[{name}]" for name in EVERYWHERE)))

_LISTS = frozenset(("srcset", "imagesrcset"))

# The relations for which some browser fetches or connects without being asked. Firefox
# prefetches `next`.
_FETCHING_RELATIONS = frozenset(
    [
        "stylesheet",
        "preload",
        "prefetch",
        "preconnect",
        "dns-prefetch",
        "modulepreload",
        "prerender",
        "next",
        "icon",
        "apple-touch-icon",
        "apple-touch-icon-precomposed",
        "apple-touch-startup-image",
        "mask-icon",
        "fluid-icon",
        "manifest",
        "import",
        "compression-dictionary",
    ]
)

_JAVASCRIPT = re.compile(
    r"(?:application|text)/(?:x-)?(?:java|ecma)script|text/javascript1\.[0-5]"
    r"|text/(?:jscript|livescript)"
)
_SPACE = "\t\n\f\r "


def lives(type_: str | None) -> bool:
    """Say whether a browser runs a script of this type (HTML, "prepare a script").

    Parameters after `;` make a type unknown to browsers; we take it for a script.
    """
    if type_ is None:
        return True
    essence = type_.partition(";")[0].strip(_SPACE).lower()
    return essence in {"", "module"} or bool(_JAVASCRIPT.fullmatch(essence))


def fetching(tag: str, attributes: Mapping[str, str]) -> tuple[str, ...]:
    """The attributes of this tag that fetch, or would if they were not held back."""
    if tag == "link":
        relations = attributes.get("rel", "").lower().split()
        names = FETCHES[tag] if _FETCHING_RELATIONS.intersection(relations) else ()
    elif tag == "input" and attributes.get("type", "").lower() != "image":
        names = ()
    elif tag in {"set", "animate"}:
        named = attributes.get("attributename", "").lower()
        names = FETCHES[tag] if named in {"href", "xlink:href"} else ()
    else:
        names = FETCHES.get(tag, ())
    return (*names, *EVERYWHERE)


def held_name(attribute: str) -> str:
    """Where an attribute waits: `data-src` for `src`, `data-href` for `xlink:href`."""
    return f"data-{attribute.removeprefix('xlink:')}"


def wanted(attribute: str, value: str, page: Page) -> Iterator[Address]:
    """The addresses that an attribute asks for."""
    if attribute == "srcdoc":
        return
    if attribute in _LISTS:
        urls = candidates(value)
    elif attribute == "values":
        urls = iter(value.split(";"))
    else:
        urls = iter((value,))
    for url in urls:
        yield from addresses(url, page)
