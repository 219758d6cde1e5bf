"""The checking page as it is sent: our modules, style and texts joined into one file.

It is the same for everybody and asks no network: its own Content-Security-Policy, by
hashes, says so to the browser even where it is opened from a disk. What we write is what
runs: joining drops only `import` and `export`, so no name may be used twice on the top
level of two modules. A test loads the result in a browser.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from turbohtml.clean import minify_css, minify_js

PAGE_NAME: Final = "check.html"

_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)

_templates = Environment(
    loader=PackageLoader("bandeau", "receipts"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Every text of the page by its dotted name, in each of its languages."""
    tables = msgspec.toml.decode(
        source("texts.toml"), type=dict[str, dict[str, dict[str, str]]]
    )
    return {
        f"{table}.{name}": said
        for table, named in tables.items()
        for name, said in named.items()
    }


def source(name: str) -> str:
    """The text of a file next to this one."""
    return files("bandeau.receipts").joinpath(name).read_text(encoding="utf-8")


@cache
def check_page() -> bytes:
    page = _templates.get_template("check.html").render(
        t={name: said["en"] for name, said in texts().items()},
        french={name: said["fr"] for name, said in texts().items()},
        policy=check_page_policy(),
        style=_style(),
        script=_script(),
    )
    return page.encode()


def check_page_policy() -> str:
    """What the page's Content-Security-Policy says, as a header too."""
    # No form, no frame, no connection; text never becomes markup.
    return (
        f"default-src 'none'; script-src {_hash_source(_script())}; "
        f"style-src {_hash_source(_style())}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )


@cache
def _script() -> str:
    # The page is written in English; the script knows the French of every text.
    french = {said["en"]: said["fr"] for said in texts().values()}
    literal = msgspec.json.encode(french).decode().replace("<", "\\u003c")
    modules = "\n".join(
        _EXPORT.sub("", _IMPORT.sub("", source(name)))
        for name in ("verify.js", "check.js")
    )
    return minify_js(f"(async()=>{{const french={literal};\n{modules}}})()")


@cache
def _style() -> str:
    return minify_css(source("check.css"))


def _hash_source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
