"""No file says where packages come from: every mirror must do."""

import pytest

from tests.architecture import tracked

# Put together here, because this file is searched too.
REGISTRIES = [
    name + "." + ending
    for name, ending in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
        ("proxy.golang", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
    ]
]
# Where the work was done is nobody's business, and is nowhere else.
WORKPLACE = ["/wor" + "k/", "/tm" + "p/w/"]


@pytest.mark.parametrize("forbidden", REGISTRIES + WORKPLACE)
def test_no_file_names(forbidden: str) -> None:
    needle = forbidden.encode()

    naming = [
        str(path.relative_to(tracked.ROOT))
        for path in tracked.files()
        if needle in path.read_bytes()
    ]

    assert not naming, f"Take {forbidden} out of {', '.join(naming)}."


def test_locks_have_hashes_and_no_addresses() -> None:
    for path in (tracked.ROOT / "requirements").glob("*.txt"):
        lock = path.read_text(encoding="utf-8")
        pinned = lock.count("==")

        assert "://" not in lock, f"{path.name}: run scripts/lock."
        assert pinned <= lock.count("--hash=sha256:"), f"{path.name}: run scripts/lock."


def test_what_serves_is_locked_as_what_tests() -> None:
    def pins(name: str) -> set[str]:
        lock = (tracked.ROOT / "requirements" / name).read_text(encoding="utf-8")
        return {line.strip(" \\") for line in lock.splitlines() if "==" in line}

    only_there = pins("server.txt") - pins("dev.txt")

    assert not only_there, "Run scripts/lock: .venv holds one version of each package."
