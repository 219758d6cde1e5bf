"""The `Link` response header: it can make a browser fetch before there is any page."""

import re

from bandeau.gate.plan import Plan
from bandeau.gate.tags import fetching
from bandeau.gate.urls import Page, addresses

# `<url>; a=b; c="d, e"` -- RFC 8288 section 3
_LINK = re.compile(r"\s*<([^>]*)>((?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)(?:,|$)", re.DOTALL)
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+))", re.IGNORECASE)


def held_links(header: str, plan: Plan, page: Page) -> str:
    """The header without the links that are held back; empty if none is left.

    A header that cannot be read to its end is cut off there.
    """
    kept: list[str] = []
    position = 0
    while found := _LINK.match(header, position):
        position = found.end()
        url, parameters = found.groups()
        relation = _RELATION.search(parameters)
        rel = (relation[1] or relation[2]) if relation else ""
        fetches = "href" in fetching("link", {"rel": rel})
        if "imagesrcset" in parameters.lower() or (
            fetches and plan.links_to_stranger(addresses(url, page), page.host)
        ):
            continue
        kept.append(f"<{url}>{parameters.rstrip()}")
        if position >= len(header):
            break
    return ", ".join(kept)
