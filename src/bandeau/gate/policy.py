"""A site's own Content-Security-Policy, amended so that our banner works under it.

Never loosened beyond the hashes of what we inline and a POST to the site itself. The
quotations are from Content Security Policy Level 3, https://www.w3.org/TR/CSP3/.
"""

import hashlib
import re
from base64 import b64encode
from typing import NamedTuple

_INLINE = re.compile(
    r"<(script|style)(?:\s[^>]*)?>(.*?)</\1", re.DOTALL | re.IGNORECASE
)
_NONCE_OR_HASH = re.compile(r"'(?:nonce|sha256|sha384|sha512)-", re.IGNORECASE)


class Inlined(NamedTuple):
    """The hash sources of what we inline."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]


def inlined(markup: str) -> Inlined:
    """The hash sources of every inline script and style in our own markup."""
    found: dict[str, list[str]] = {"script": [], "style": []}
    for tag, content in _INLINE.findall(markup):
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        found[tag.lower()].append(f"'sha256-{digest}'")
    return Inlined(tuple(found["script"]), tuple(found["style"]))


def amended(header: str, ours: Inlined) -> str:
    """Amend one header value, which may hold several policies."""
    return ",".join(_amended_policy(policy, ours) for policy in header.split(","))


def _amended_policy(policy: str, ours: Inlined) -> str:
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *sources = (part.split()[:1] and part.split()) or [""]
        # "If policy's directive set contains a directive whose name is directive name,
        # continue." (2.2.1): only the first one counts.
        if name and name.lower() not in directives:
            directives[name.lower()] = sources
    before = {name: tuple(sources) for name, sources in directives.items()}
    _allow_inline(directives, "script-src", ours.scripts)
    _allow_inline(directives, "style-src", ours.styles)
    _allow_self(directives, "connect-src", fallback="default-src")
    _allow_self(directives, "form-action", fallback="")
    added = [
        f"{name} {' '.join(sources)}"
        for name, sources in directives.items()
        if before.get(name) != tuple(sources)
    ]
    if not added:
        return policy
    kept = [
        part.strip()
        for part in policy.split(";")
        if part.strip()
        and part.split()[0].lower() in directives
        and before[part.split()[0].lower()]
        == tuple(directives[part.split()[0].lower()])
    ]
    space = " " if policy[:1] == " " else ""
    return space + "; ".join((*kept, *added))


def _allow_inline(
    directives: dict[str, list[str]], name: str, hashes: tuple[str, ...]
) -> None:
    in_force = next(
        (d for d in (f"{name}-elem", name, "default-src") if d in directives), ""
    )
    if not in_force or not hashes:
        return
    sources = directives[in_force]
    lowered = [source.lower() for source in sources]
    # "Does a source list allow all inline behavior for type?" (6.7.3.2): a nonce, a
    # hash or (for scripts) 'strict-dynamic' switches 'unsafe-inline' off. Where it is
    # on, our hash would switch it off for the site's own inline code.
    switched_off = any(map(_NONCE_OR_HASH.match, lowered)) or (
        name == "script-src" and "'strict-dynamic'" in lowered
    )
    if "'unsafe-inline'" in lowered and not switched_off:
        return
    target = name if in_force == "default-src" else in_force
    directives[target] = _with(sources, hashes)


def _allow_self(directives: dict[str, list[str]], name: str, *, fallback: str) -> None:
    in_force = next((d for d in (name, fallback) if d and d in directives), "")
    if not in_force:
        return
    if {"'self'", "*"}.isdisjoint(source.lower() for source in directives[in_force]):
        directives[name] = _with(directives[in_force], ("'self'",))


def _with(sources: list[str], more: tuple[str, ...]) -> list[str]:
    # "'none'" counts only where it stands alone (6.7.2.3).
    kept = [source for source in sources if source.lower() != "'none'"]
    return [*kept, *(source for source in more if source not in kept)]
