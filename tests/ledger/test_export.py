"""A copy of a log holds without its store, at every moment, and never goes back."""

import errno
import fcntl
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError
from bandeau.ledger.export import CHECKPOINT, ExportedLog, export, write_durably
from bandeau.ledger.fsck import Examination, StepName, examine
from bandeau.ledger.log import create_log
from bandeau.ledger.proof import Outcome
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.tiles import read_path
from tests.ledger import logged
from tests.ledger.conftest import SITE
from tests.ledger.logged import AT, KEY, ORIGIN, SEED, made_record


def checked(folder: Path) -> Examination:
    return examine(ExportedLog(folder), [KEY])


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("size", [2, 255, 256, 257])
def test_a_copy_holds_without_the_store(tmp_path: Path, size: int) -> None:
    store = logged.a_log(tmp_path / "store", size=size)

    done = export(store, ORIGIN, tmp_path / "out")
    store.close()
    shutil.rmtree(tmp_path / "store")

    found = checked(tmp_path / "out")
    assert found.holds, found.failed
    assert size == done.size == found.counts.entries
    assert done.files == done.added == len(files(tmp_path / "out"))


def test_a_copy_says_what_it_cannot_show(tmp_path: Path) -> None:
    store = logged.an_old_log(tmp_path / "store")
    export(store, ORIGIN, tmp_path / "out")
    store.close()

    found = checked(tmp_path / "out")

    assert found.holds
    assert not found.has_records
    assert found.counts.records == found.counts.unopened > 0
    assert {StepName.OPENED, StepName.DATED} == {
        step.name for step in found.steps if step.outcome is Outcome.UNTRIED
    }


def test_its_files_are_named_as_they_are_served(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=300)
    export(store, ORIGIN, tmp_path / "out")
    store.close()

    names = set(files(tmp_path / "out"))

    assert names == {
        "checkpoint",
        "tile/entries/000",
        "tile/entries/001.p/44",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
    }
    assert all(read_path(name) for name in names - {"checkpoint"})


def test_no_record_and_no_salt_goes_out(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=300)
    export(store, ORIGIN, tmp_path / "out")

    written = b"".join(files(tmp_path / "out").values())

    for opened in store.openings(ORIGIN, first=0, limit=1000):
        assert opened.salt not in written
        assert opened.body not in written
    store.close()


def test_a_second_export_changes_nothing_and_a_later_one_only_adds(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    store = logged.a_log(tmp_path / "store", size=300)
    export(store, ORIGIN, out)
    first = files(out)

    again = export(store, ORIGIN, out)

    assert (0, first) == (again.added, files(out))

    logged.append(store, [made_record() for _ in range(300)])
    later = export(store, ORIGIN, out)
    store.close()

    second = files(out)
    assert later.added == len(second.keys() - first.keys()) + 1
    assert first.keys() <= second.keys()
    assert {CHECKPOINT} == {name for name in first if first[name] != second[name]}
    assert checked(out).holds


class Stop(Exception):  # noqa: N818  it is no error: the process ends here
    """The process ends."""


def test_an_export_that_ends_between_two_files_leaves_the_older_copy(
    tmp_path: Path,
) -> None:
    store = logged.a_log(tmp_path / "store", size=300)
    old = tmp_path / "old"
    export(store, ORIGIN, old)
    logged.append(store, [made_record() for _ in range(600)])
    most = export(store, ORIGIN, tmp_path / "whole").files

    stopped = 0
    for most_written in range(most + 1):
        out = tmp_path / f"out{most_written}"
        shutil.copytree(old, out)
        left = most_written

        def write(file: Path, octets: bytes) -> None:
            nonlocal left
            if left == 0:
                # As it is while the file beside is written: it does not count.
                file.parent.mkdir(parents=True, exist_ok=True)
                file.with_name(f".{file.name}.new").write_bytes(octets[:7])
                raise Stop
            left -= 1
            write_durably(file, octets)

        try:
            export(store, ORIGIN, out, write=write)
            expected = 900
        except Stop:
            stopped += 1
            expected = 300

        found = checked(out)
        assert found.holds, found.failed
        assert expected == found.counts.entries
        export(store, ORIGIN, out)
        assert 900 == checked(out).counts.entries
        assert not [name for name in files(out) if name.endswith(".new")]
    store.close()
    assert stopped > 5


def test_files_are_synced_before_they_are_named_and_their_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        done.append("folder" if Path(f"/dev/fd/{descriptor}").is_dir() else "file")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", renamed)
    write_durably(tmp_path / "a", b"octets")

    assert ["file", "rename", "folder"] == done


# --- what is refused --------------------------------------------------------------------


def test_other_bytes_in_the_folder_are_refused_and_kept(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=300)
    out = tmp_path / "out"
    export(store, ORIGIN, out)
    draw = random.Random(4)

    for name in files(out).keys() - {CHECKPOINT}:
        octets = (out / name).read_bytes()
        at = draw.randrange(len(octets))
        changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        (out / name).write_bytes(changed)

        assert not checked(out).holds
        with pytest.raises(MisconfiguredError, match="with other bytes"):
            export(store, ORIGIN, out)
        assert changed == (out / name).read_bytes()
        (out / name).write_bytes(octets)
    assert checked(out).holds
    store.close()


def test_the_published_checkpoint_never_goes_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = logged.a_log(tmp_path / "store", size=300)
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    logged.append(store, [made_record()])
    export(store, ORIGIN, out)
    store.close()
    before = files(out)
    backup = SqliteLogs.open(tmp_path / "backup")

    with pytest.raises(MisconfiguredError, match="holds 301 entries"):
        export(backup, ORIGIN, out)

    logged.append(backup, [made_record(), made_record()])
    with pytest.raises(MisconfiguredError, match="another log of this name"):
        export(backup, ORIGIN, out)
    assert before == files(out)
    backup.close()


def test_a_folder_has_one_log(tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = logged.a_log(tmp_path / "store", size=5)
    export(store, ORIGIN, out)
    create_log(store, SITE, "news.example/bandeau/log/2027", seed=SEED, at=AT)

    with pytest.raises(MisconfiguredError, match="holds another log"):
        export(store, "news.example/bandeau/log/2027", out)
    store.close()


def test_one_export_at_a_time(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=5)
    out = tmp_path / "out"
    out.mkdir()
    folder = os.open(out, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    with pytest.raises(MisconfiguredError, match="Another export"):
        export(store, ORIGIN, out)

    os.close(folder)
    assert 5 == export(store, ORIGIN, out).size
    store.close()


def test_a_damaged_log_is_not_published(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=5)
    file = sqlite3.connect(store.file, isolation_level=None)
    file.execute("UPDATE tile SET octets = zeroblob(length(octets))")
    file.close()

    with pytest.raises(MisconfiguredError, match="do not fold"):
        export(store, ORIGIN, tmp_path / "out")

    assert {} == files(tmp_path / "out")
    store.close()


def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path / "store", size=5)

    def write(file: Path, octets: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(MisconfiguredError, match="No space left"):
        export(store, ORIGIN, tmp_path / "out", write=write)
    store.close()


def test_a_folder_without_a_checkpoint_is_no_copy(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="no exported log"):
        checked(tmp_path)
