"""banner.css as it is sent: one cascade layer, everything important, minified.

"When comparing two important declarations that are in different layers, the one in the
layer that is declared first wins", over every unlayered one (CSS Cascade 5, section
6.4.4): so no rule of the page, however loud, changes the banner, and banner.css itself
can be written calmly.
"""

import re

from turbohtml.clean import minify_css

from bandeau.model.notices import Look

_BLOCK = re.compile(r"\{([^{}]*)\}")


def layered(css: str) -> str:
    """Put a style sheet into our layer and make each of its declarations important.

    The sheet must not have a semicolon or a brace inside a string.
    """
    return f"@layer bandeau{{{_BLOCK.sub(_important, minify_css(css))}}}"


def _important(block: re.Match[str]) -> str:
    declarations = (part for part in block[1].split(";") if part)
    return f"{{{';'.join(part + '!important' for part in declarations)}}}"


def look_css(look: Look) -> str:
    """The rules that a notice's look adds; none for the look that we ship."""
    rules: list[str] = []
    if look.accent:
        rules.append(f"[data-bandeau]{{--accent:{look.accent}}}")
    if look.accent_dark:
        rules.append(
            "@media(prefers-color-scheme:dark){[data-bandeau]"
            f"{{--accent:{look.accent_dark}}}}}"
        )
    elif look.accent:
        # The light accent would drown on a dark ground: be neutral there.
        rules.append(
            "@media(prefers-color-scheme:dark){[data-bandeau]{--accent:CanvasText}}"
        )
    if look.accent or look.accent_dark:
        # Somebody whose system forces its colours has them on every button.
        rules.append(
            "@media(forced-colors:active){[data-bandeau]{--accent:CanvasText}}"
        )
    if look.radius != Look().radius:
        rules.append(
            "[data-bandeau] button,[data-bandeau=choices],[data-bandeau] ol>li"
            f"{{border-radius:{look.radius}px}}"
        )
    if look.position == "top":
        rules.append('[data-bandeau="banner"]{inset:0 0 auto}')
    if look.corner == "right":
        rules.append('[data-bandeau="control"]{inset:auto .5em .5em auto}')
    elif look.corner == "none":
        rules.append('[data-bandeau="control"]{display:none}')
    return "".join(rules)
