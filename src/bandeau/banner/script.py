"""banner.js as it is sent: our modules joined into one script, minified.

What we write is what runs: joining drops only `import` and `export`, so no name may be
used twice on the top level of two modules. A test loads the result in a browser.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec
from turbohtml.clean import minify_js

_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export ", re.MULTILINE)

# carry.js has work only where the site has an older notice.
_CARRY_CALL = "said ? carry(said, earlier[said.notice], silence) : silence"


def source(name: str) -> str:
    """The text of a file next to this one."""
    return files("bandeau.banner").joinpath(name).read_text(encoding="utf-8")


def script(notice: Mapping[str, object]) -> str:
    """The script that a gate puts into a page, where the banner's markup is already."""
    return _joined((), notice)


def script_alone(notice: Mapping[str, object], banner: str, style: str) -> str:
    """The script that brings markup and style along, for sites without a gate."""
    return _joined(
        ("tree.js",), notice, style=_template(style), banner=_template(banner)
    )


def _joined(names: tuple[str, ...], notice: Mapping[str, object], **more: str) -> str:
    carrying = ("carry.js",) if notice["earlier"] else ()
    modules = _modules(("choices.js", *carrying, *names, "held.js", "banner.js"))
    values = more | {name: _literal(value) for name, value in notice.items() if value}
    constants = "".join(f"const {name}={value};" for name, value in values.items())
    # A second copy of the script in the same page does nothing.
    code = f"window.bandeau||(()=>{{{constants}\n{modules}}})()"
    return minify_js(code)


@cache
def _modules(names: tuple[str, ...]) -> str:
    code = "\n".join(_EXPORT.sub("", _IMPORT.sub("", source(name))) for name in names)
    # Without older notices an answer to another notice is silence.
    return code if "carry.js" in names else code.replace(_CARRY_CALL, "silence")


def _literal(value: object) -> str:
    # `</script>` and `<!--` must not end an inline script early; JSON allows \u003c.
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _template(text: str) -> str:
    """A template literal: its line breaks and tabs cost one character each."""
    escaped = re.sub(r"[\\`]|\$(?={)", r"\\\g<0>", text)
    return f"`{escaped}`".replace("<!--", "<\\!--").replace("</", "<\\/")
