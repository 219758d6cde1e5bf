"""docs/reference/texts.md and regimes.md, made of the tables that the code itself reads.

python -m tests.docs.tables
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bandeau.locale import LANGUAGES, catalogue
from bandeau.model.answers import Answer
from bandeau.regimes import REGIMES, Regime, regime_for

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

TEXTS_HEAD = """# Texts

Every text that the banner and its pages show, in each language that Bandeau brings. Made
by `python -m tests.docs.tables`; a test holds page and code equal.

A site replaces any of them, one by one, in its [notice](notice.md):

```toml
[texts.en]
"first.title" = "Your choice"
"action.control" = "Cookies"
```

The key is the dotted name in quotes. The places to fill in, such as `{partners}`, must be
the ones of the text that is replaced. A published notice holds all its texts: a text that
is changed here or there reaches visitors with the next notice.

The names of the buttons are what visitors and their tools look for. Change them with care.
"""

REGIMES_HEAD = """# Regimes

The law that applies, as a table. Made by `python -m tests.docs.tables`; a test holds page
and code equal. How a regime is chosen: [verdicts and regimes](../explanation/verdicts.md).

All of them ask before anything runs (opt-in). Their rows have the same values today; the
names of the rows differ, so that a verdict says which law it follows.

*Objects* says whether the visitor's browser sends Global Privacy Control. It takes nothing
away from a yes that was given to this very site.
"""


def texts_page() -> str:
    texts = [catalogue(language) for language in LANGUAGES]
    rows = [
        ("key", *(own["language"] for own in texts)),
        ("---",) * (1 + len(texts)),
        *((f"`{key}`", *(own[key] for own in texts)) for key in texts[0]),
    ]
    return TEXTS_HEAD + "\n" + "".join(_row(cells) for cells in rows)


def regimes_page() -> str:
    known = {regime.id: regime for regime in (*REGIMES.values(), regime_for(""))}
    parts = (part for regime in known.values() for part in _regime(regime))
    return REGIMES_HEAD + "".join(parts)


def _regime(regime: Regime) -> Iterator[str]:
    countries = " ".join(sorted(code for code, law in REGIMES.items() if law is regime))
    months = regime.choice
    yield f"\n## `{regime.id}`\n\n{regime.title}.\n\n"
    yield f"Countries: {countries or 'every other one, and where none is known'}.\n\n"
    yield "| answer | objects | may run | because |\n|---|---|---|---|\n"
    for answer in Answer:
        for objects in (False, True):
            verdict = regime.verdicts[answer, objects]
            yield (
                f"| {answer.value} | {_yes(answer=objects)} "
                f"| {_yes(answer=verdict.allowed)} | `{verdict.because}` |\n"
            )
    for what, verdict in (
        ("technical, exempt", regime.exempt),
        ("not in the notice", regime.unknown),
    ):
        allowed = _yes(answer=verdict.allowed)
        yield f"| {what} | either | {allowed} | `{verdict.because}` |\n"
    span = (
        f"{months.months} months, neither more nor less"
        if months.at_least == months.at_most
        else f"{months.months} months, from {months.at_least} to {months.at_most}"
    )
    yield f"\nA choice stands for {span} (`{months.because}`).\n"


def _yes(*, answer: bool) -> str:
    return "yes" if answer else "no"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


PAGES = {"texts.md": texts_page, "regimes.md": regimes_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
