"""The file that holds a seed: made once, durable, and its owner's alone."""

import os
import stat
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError
from bandeau.ledger import keys
from bandeau.ledger.keys import new_seed_file, read_seed_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "seed"


def test_a_seed_is_read_as_it_was_made(file: Path) -> None:
    seed = new_seed_file(file)

    assert 32 == len(seed)
    assert seed == read_seed_file(file) == file.read_bytes()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_no_two_seeds_are_the_same(tmp_path: Path) -> None:
    assert new_seed_file(tmp_path / "a") != new_seed_file(tmp_path / "b")


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_mode_is_no_business_of_the_umask(file: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        new_seed_file(file)
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_seed_is_never_written_over(file: Path, tmp_path: Path) -> None:
    seed = new_seed_file(file)
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "nowhere")

    for place in (file, tmp_path, dangling):
        with pytest.raises(MisconfiguredError, match="already"):
            new_seed_file(place)

    assert seed == file.read_bytes()
    assert not (tmp_path / "nowhere").exists()


def test_file_and_folder_are_on_disk_before_a_seed_is_given(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(keys.os, "fsync", fsync)

    new_seed_file(file)

    assert [file.stat().st_ino, file.parent.stat().st_ino] == synced


def test_a_disk_that_fails_leaves_no_seed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys.os, "fsync", fsync)

    with pytest.raises(MisconfiguredError, match="No space left"):
        new_seed_file(file)

    assert not file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o777])
def test_a_seed_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    new_seed_file(file)
    file.chmod(mode)

    with pytest.raises(MisconfiguredError, match="Others than its owner") as caught:
        read_seed_file(file)

    assert "chmod 600" in caught.value.hint


def test_a_seed_may_be_read_only(file: Path) -> None:
    seed = new_seed_file(file)
    file.chmod(0o400)

    assert seed == read_seed_file(file)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(file: Path, length: int) -> None:
    file.write_bytes(b"hush" * 16)
    os.truncate(file, length)
    file.chmod(0o600)

    with pytest.raises(MisconfiguredError, match="32 bytes") as caught:
        read_seed_file(file)

    assert "hush" not in str(caught.value)


def test_only_a_plain_file_holds_a_seed(file: Path, tmp_path: Path) -> None:
    new_seed_file(file)
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file)
    os.mkfifo(pipe, 0o600)

    for place, problem in (
        (link, "symbolic link"),
        (pipe, "no file"),
        (tmp_path, "no file"),
        (tmp_path / "none", "no seed"),
        (file / "below", "cannot be read"),
    ):
        with pytest.raises(MisconfiguredError, match=problem):
            read_seed_file(place)


def test_a_seed_of_another_user_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_seed_file(file)
    monkeypatch.setattr(keys.os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(MisconfiguredError, match="another user"):
        read_seed_file(file)
