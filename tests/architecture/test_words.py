"""The code speaks the glossary: docs/glossary.md has one word per idea.

Only names that we give are read: of modules, classes, functions, arguments, variables
and attributes. Names of others (headers, `Promise`'s reject, `process.env`) are used,
not given.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import tracked

PACKAGE = tracked.ROOT / "src" / "bandeau"

# In any part of a name, in any form: `_rejected_by`, `denyAll`.
SAY_INSTEAD = {
    "reject": "refuse",
    "rejects": "refuses",
    "rejected": "refused",
    "rejecting": "refusing",
    "rejection": "refusal",
    "deny": "refuse",
    "denies": "refuses",
    "denied": "refused",
    "denial": "refusal",
    "decline": "refuse",
    "declines": "refuses",
    "declined": "refused",
    "disallow": "refuse",
    "disallowed": "refused",
    "dissent": "refusal",
    "optout": "refusal, or the objection that a signal makes",
    "vendor": "service",
    "vendors": "services",
    "provider": "service",
    "providers": "services",
    "category": "purpose",
    "categories": "purposes",
    "consented": "accepted",
    "popup": "banner",
    "manager": "a name that says what it does",
    "helper": "a name that says what it does",
    "helpers": "a name that says what they do",
    "util": "a name that says what it does",
    "utils": "a name that says what they do",
    "utility": "a name that says what it does",
    "utilities": "a name that says what they do",
    "misc": "a name that says what it holds",
}
# As a whole name; `data_protection_officer` is a person.
NOT_ALONE = {
    "data": "a name that says which",
    "info": "a name that says what about",
    "process": "a verb that says what is done",
}
# Names that somebody else's interface gives to what we write.
GIVEN = {
    # TC string and GPP fields are called what IAB's specifications call them.
    "vendor_consents",
    "vendor_legitimate_interests",
}

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
JAVASCRIPT_NAME = re.compile(
    r"\b(?:const|let|var|function\*?|class)\s+([A-Za-z_$][\w$]*)"
)


def complaint(name: str) -> str | None:
    if name in GIVEN:
        return None
    bare = name.strip("_")
    if bare.lower() in NOT_ALONE:
        return NOT_ALONE[bare.lower()]
    for word in WORD.findall(bare):
        if word.lower() in SAY_INSTEAD:
            return SAY_INSTEAD[word.lower()]
    return None


def given_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case _:
                pass


def complaints(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    names = [(1, path.stem.removesuffix(".d"))]
    if path.suffix == ".py":
        names += given_names(ast.parse(source))
    else:
        names += [
            (source.count("\n", 0, found.start()) + 1, found[1])
            for found in JAVASCRIPT_NAME.finditer(source)
        ]
    for line, name in names:
        if better := complaint(name):
            place = path.relative_to(tracked.ROOT)
            yield f"{place}:{line}: not '{name}': say {better}."


def test_names_speak_the_glossary() -> None:
    ours = [
        path
        for path in tracked.files()
        if path.is_relative_to(PACKAGE) and path.suffix in {".py", ".js", ".ts"}
    ]

    found = [sentence for path in ours for sentence in complaints(path)]

    assert ours
    assert not found, "\n".join(found)


def test_folders_speak_the_glossary() -> None:
    folders = {path.parent for path in tracked.files() if path.is_relative_to(PACKAGE)}

    assert [] == [folder.name for folder in folders if complaint(folder.name)]


@pytest.mark.parametrize(
    "name", ["_rejected_by", "denyAll", "ConsentManager", "utils", "data", "Info_"]
)
def test_a_foreign_word_is_noticed(name: str) -> None:
    assert complaint(name)


@pytest.mark.parametrize(
    "name", ["refused", "data_protection_officer", "managed", "denylisted", "database"]
)
def test_a_word_that_only_looks_foreign_is_left_alone(name: str) -> None:
    assert complaint(name) is None
