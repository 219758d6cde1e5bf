"""The file that holds a seed: 32 random bytes, its owner's alone.

A log and a witness each keep one, and derive every key of theirs from it (`note`). An
edge: it touches the disk and asks the system for randomness. No message shows a byte of
what the file holds.

LIMIT: what is checked is POSIX's mode and owner. Access lists, backups, and whoever may
become this user are the system administrator's business.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from bandeau.errors import MisconfiguredError
from bandeau.ledger.note import SEED_LENGTH

_MODE: Final = 0o600


def new_seed_file(path: Path) -> bytes:
    """Make a seed where there is no file yet, and give it back when it is durable.

    Raises:
        MisconfiguredError: something is there already, or nothing can be written.
    """
    seed = secrets.token_bytes(SEED_LENGTH)
    try:
        # EXCL follows no symbolic link either, and the mode is there before the bytes.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, _MODE)
    except FileExistsError:
        raise MisconfiguredError(
            f"There is something at {path} already.",
            hint="A key that was used is never written over: name another place.",
        ) from None
    except OSError as wrong:
        raise _cannot("written", path, wrong) from None
    try:
        try:
            # A umask can only take rights away; this gives back the owner's two.
            os.fchmod(descriptor, _MODE)
            written = os.write(descriptor, seed)
            assert written == SEED_LENGTH, "a regular file takes 32 bytes at once"
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # The file is durable when the folder that names it is.
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as wrong:
        # A crash before here leaves a file that `read_seed_file` refuses for its length,
        # or a whole one that nobody has used.
        with suppress(OSError):
            path.unlink()
        raise _cannot("written", path, wrong) from None
    return seed


def read_seed_file(path: Path) -> bytes:
    """Read a seed, if nobody else can.

    Raises:
        MisconfiguredError: there is none, others may read or write it, it is no plain
            file, or it has another length.
    """
    try:
        # NOFOLLOW: a link's own mode says nothing, and who may turn it is another
        # question. NONBLOCK: opening a pipe would wait for somebody to write.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise MisconfiguredError(
            f"There is no seed at {path}.",
            hint="Restore it from its backup; a new one would make another key.",
        ) from None
    except OSError as wrong:
        if wrong.errno == errno.ELOOP:
            raise MisconfiguredError(
                f"{path} is a symbolic link.", hint="Name the file itself."
            ) from None
        raise _cannot("read", path, wrong) from None
    try:
        # Of what was opened, not of what the path names by now.
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise MisconfiguredError(
                f"{path} is no file.", hint="Name the file that holds the seed."
            )
        if found.st_uid != os.geteuid():
            raise MisconfiguredError(
                f"{path} belongs to another user.",
                hint="Run as its owner, or give it to the user that runs this: chown.",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise MisconfiguredError(
                f"Others than its owner may use {path}.",
                hint=f"chmod 600 {path}; if others have read it, make a new key.",
            )
        seed = os.read(descriptor, SEED_LENGTH + 1)
    except OSError as wrong:
        raise _cannot("read", path, wrong) from None
    finally:
        os.close(descriptor)
    if len(seed) != SEED_LENGTH:
        raise MisconfiguredError(
            f"{path} does not hold a seed of 32 bytes.",
            hint="Restore it from its backup.",
        )
    return seed


def _cannot(what: str, path: Path, wrong: OSError) -> MisconfiguredError:
    return MisconfiguredError(
        f"{path} cannot be {what}: {wrong.strerror}.",
        hint="Let the user that runs this read and write the folder it is in.",
    )
