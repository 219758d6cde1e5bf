"""Which responses are HTML pages, and in which characters they are written.

A page leaves in UTF-8 and says so: a browser that read other characters than we did
would see other tags.
"""

import codecs
import re

_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"'/>;]+)", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]*?charset\s*=\s*[\"']?\s*([^\s\"'/>;]+)", re.IGNORECASE)
_HTML = re.compile(
    r"\s*(?:text/html|application/xhtml\+xml)\s*(?:;|,|$)", re.IGNORECASE
)
# Types that make a browser look at the bytes (MIME Sniffing, 5.1 and 7).
_SNIFFED = re.compile(
    r"\s*(?:unknown/unknown|application/unknown|\*/\*|[^/]*)\s*(?:;|$)"
)
# "windows-1252" is what these mean to browsers (WHATWG Encoding, 4.2); the others are
# encodings of theirs that ASCII markup can be hidden in, or that Python alone knows.
_WINDOWS = frozenset(("ascii", "iso8859-1", "latin-1", "utf-7", "utf-16", "utf-32"))
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def is_page(content_types: list[str]) -> bool:
    """Say whether any of a response's Content-Type headers makes it HTML."""
    return any(
        _HTML.match(part) for value in content_types for part in value.split(",")
    )


def is_sniffed(content_types: list[str]) -> bool:
    """Say whether a browser would look at the body to find out what it is."""
    return not content_types or all(_SNIFFED.match(value) for value in content_types)


def decode(body: bytes, content_type: str) -> str:
    """Read a page as a browser does: byte order mark, header, `<meta>`, else a guess."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            text = body[len(mark) :].decode(
                name, "surrogateescape" if name == "utf-8" else "replace"
            )
            return f"\ufeff{text}" if name == "utf-8" else text
    said = _CHARSET.search(content_type)
    if said:
        return _decoded(body, said[1], from_meta=False)
    meta = _META.search(body, 0, 4096)
    if meta:
        return _decoded(body, meta[1].decode("ascii", "replace"), from_meta=True)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _decoded(body: bytes, label: str, *, from_meta: bool) -> str:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        name = "cp1252"
    # "If charset is UTF-16BE/LE, then set charset to UTF-8" (HTML, prescan).
    if name == "utf-8" or (from_meta and name.startswith("utf-16")):
        # Bytes that are no UTF-8 come out as they went in.
        return body.decode("utf-8", "surrogateescape")
    if name == "utf-16":
        name = "utf-16-le"
    elif name in _WINDOWS:
        name = "cp1252"
    try:
        return body.decode(name, "replace")
    except LookupError:  # base64, rot13: Python's own, no encodings of text
        return body.decode("cp1252", "replace")


def encode(html: str) -> bytes:
    return html.encode("utf-8", "surrogateescape")


def looks_like_page(body: bytes) -> bool:
    """Say whether bytes of no stated type might be taken for markup."""
    utf_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return bool(_MARKUP.match(body)) or body.startswith(utf_16)


_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?[\x00-\x20]*<[!?a-zA-Z]")
