"""A log as a folder of files, as c2sp.org/tlog-tiles serves it, and the way back.

Only what is public goes out: tiles, bundles and the checkpoint. Any web server, disk or
mirror can keep it, and `fsck` checks it without the store.

    tile/0/000, tile/1/000.p/2      hashes; .p/<W> is a tile that is not full yet
    tile/entries/000.p/44           entries
    checkpoint                      last: what it names is there already

What a crash leaves behind. A file has its name only once all of it is durable, and the
checkpoint goes last; until then the folder is the older copy, whole, with some files more
than it needs. The next export goes on from there. Nothing is ever written again with
other bytes but the checkpoint, which never goes back.
"""

import fcntl
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger import merkle
from bandeau.ledger.fsck import Head
from bandeau.ledger.log import fetcher
from bandeau.ledger.logs import LogStore, Opened
from bandeau.ledger.note import Checkpoint, read_checkpoint, read_note
from bandeau.ledger.tiles import (
    ENTRIES,
    Tile,
    TileHashes,
    bundles_of,
    cut_bundle,
    cut_tile,
    tiles_of,
)

CHECKPOINT: Final = "checkpoint"

Writer = Callable[[Path, bytes], None]
"""Writes a file whole: durable when it returns, and not there at all before."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What is in the folder now: a log of `size` entries; `added` of its files are new."""

    origin: str
    size: int
    files: int
    added: int


# ---------------------------------------------------------------- out


def write_durably(file: Path, octets: bytes) -> None:
    """A `Writer`: a file beside it, synced, renamed, and its folder synced."""
    _make_folder(file.parent)
    # One name for each, so that what a crash leaves is written over and not added to.
    beside = file.with_name(f".{file.name}.new")
    with beside.open("wb") as out:
        out.write(octets)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    _sync_folder(file.parent)


def export(
    store: LogStore,
    origin: str,
    out: Path,
    *,
    write: Writer = write_durably,
    progress: Progress = lambda done, total: None,
) -> Exported:
    """Write a log into a folder, or what is new of it.

    Raises:
        MisconfiguredError: there is no such log; the folder holds another one, a later
            one, or other bytes; it cannot be written.
        UnavailableError: the store cannot be read.
    """
    note = store.read_log(origin).head.checkpoint
    fetch = fetcher(store, origin)
    try:
        with _alone(out):
            checkpoint = _checked(note, fetch)
            published = _published(out)
            if published is not None:
                _goes_on(published, checkpoint, fetch, out)
            tiles = [*bundles_of(checkpoint.size), *tiles_of(checkpoint.size)]
            added = 0
            for done, tile in enumerate(tiles):
                progress(done, len(tiles))
                added += _put(out / tile.path, _cut(fetch(tile), tile), write)
            progress(len(tiles), len(tiles))
            # Durable is all that the checkpoint names; from here on it may be believed.
            file = out / CHECKPOINT
            if not file.exists() or file.read_bytes() != note:
                write(file, note)
                added += 1
    except MalformedError as error:
        raise MisconfiguredError(
            f"The log {origin} cannot be exported: {error.message}",
            hint="`bandeau ledger verify` says what is wrong with it.",
        ) from None
    except OSError as wrong:
        raise MisconfiguredError(
            f"{out} cannot be written: {wrong.strerror}.",
            hint="Name a folder on a disk with room, that is yours to write in.",
        ) from None
    return Exported(
        origin=origin, size=checkpoint.size, files=len(tiles) + 1, added=added
    )


def _checked(note: bytes, fetch: Callable[[Tile], bytes]) -> Checkpoint:
    checkpoint = read_checkpoint(read_note(note).text)
    size = checkpoint.size
    if merkle.root(size, TileHashes(size, fetch)) != checkpoint.root:
        raise MalformedError("The stored tiles do not fold into the signed root.")
    return checkpoint


def _goes_on(
    published: Checkpoint,
    checkpoint: Checkpoint,
    fetch: Callable[[Tile], bytes],
    out: Path,
) -> None:
    """See to it that the log has all that was published of it."""
    if published.origin != checkpoint.origin:
        raise MisconfiguredError(
            f"{out} holds another log, {published.origin}.",
            hint="Give each log a folder of its own.",
        )
    # A checkpoint that goes back looks like a log that was rolled back, and mostly is.
    if published.size > checkpoint.size:
        raise MisconfiguredError(
            f"{out} holds {published.size} entries of this log, and the store has "
            f"{checkpoint.size}.",
            hint="Keep both. If the store was restored from a backup, sign nothing more.",
        )
    hashes = TileHashes(checkpoint.size, fetch)
    if merkle.root(published.size, hashes) != published.root:
        raise MisconfiguredError(
            f"{out} holds another log of this name: its entries are not in the store's.",
            hint="Keep both: one key has signed two trees.",
        )


def _put(file: Path, octets: bytes, write: Writer) -> bool:
    """Write a file that never changes, unless it is there."""
    with suppress(FileNotFoundError):
        if file.read_bytes() == octets:
            return False
        raise MisconfiguredError(
            f"{file} is there already, with other bytes.",
            hint="Keep it, and export into an empty folder to compare the two.",
        )
    write(file, octets)
    return True


def _cut(octets: bytes, tile: Tile) -> bytes:
    """A row of the store as it was at the size of the checkpoint."""
    cut = cut_bundle if tile.level == ENTRIES else cut_tile
    return cut(octets, tile.width)


def _published(out: Path) -> Checkpoint | None:
    try:
        octets = (out / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return read_checkpoint(read_note(octets).text)
    except MalformedError as error:
        raise MisconfiguredError(
            f"{out / CHECKPOINT} is no checkpoint: {error.message}",
            hint="Keep it, and export into an empty folder.",
        ) from None


@contextmanager
def _alone(out: Path) -> Generator[None]:
    """One export at a time; the lock goes with the process that held it."""
    _make_folder(out)
    folder = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MisconfiguredError(
                f"Another export writes into {out}.", hint="Wait until it is done."
            ) from None
        yield
    finally:
        os.close(folder)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    # A folder is durable when the one that names it is.
    with suppress(PermissionError):
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- back


class ExportedLog:
    """A `fsck.Source` on such a folder. Records are not in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def head(self) -> Head:
        octets = self._read(CHECKPOINT)
        if octets is None:
            raise MisconfiguredError(
                f"There is no exported log in {self._folder}.",
                hint="Name the folder that `checkpoint` lies in.",
            )
        return Head(checkpoint=octets)

    def tile(self, tile: Tile) -> bytes | None:
        return self._read(tile.path)

    def openings(self, first: int, limit: int) -> Sequence[Opened] | None:
        return None

    def notice(self, digest: bytes) -> bytes | None:
        return None

    def _read(self, path: str) -> bytes | None:
        file = self._folder / path
        try:
            return file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as wrong:
            raise MisconfiguredError(
                f"{file} cannot be read: {wrong.strerror}."
            ) from None
