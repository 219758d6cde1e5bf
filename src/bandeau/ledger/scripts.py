"""The .sql files beside this one, read into statements.

A statement ends with a semicolon at the end of a line, and has its sentence above it. In
a file of queries that sentence begins with the query's name.
"""

from importlib import resources


def read(file: str) -> str:
    return resources.files("bandeau.ledger").joinpath(file).read_text("utf-8")


def statements(script: str) -> list[str]:
    """The statements of a script, each with the sentence above it."""
    found: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if line.endswith(";") and not line.startswith("--"):
            found.append("\n".join(lines).strip())
            lines.clear()
    return found


def named(script: str) -> dict[str, str]:
    """The statements of a script by name: the word between `-- ` and the first colon."""
    return {
        statement.removeprefix("-- ").partition(":")[0]: statement.partition("\n")[2]
        for statement in statements(script)
    }
