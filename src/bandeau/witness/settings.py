"""Who a witness is and whose logs it watches: `witness.toml`, its seed, its store.

    name = "witness.example/w1"
    seed = "seed"                  32 bytes, mode 0600; paths are from this file's folder
    store = "witness.sqlite3"
    logs = ["ledger.example/shop/2026+cfef3a71+AQOh…"]

What can be wrong is found before the first request.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.keys import new_seed_file, read_seed_file
from bandeau.ledger.note import (
    SignatureType,
    SigningKey,
    VerifierKey,
    is_key_name,
    keys_by_line,
    read_key,
)
from bandeau.witness.store import WitnessStore

FILE_NAME: Final = "witness.toml"
SEED_NAME: Final = "seed"
STORE_NAME: Final = "witness.sqlite3"

# What ML-DSA-44 signs has names and origins with their length in one byte.
_LONGEST_NAME: Final = 0xFF
_LOG_TYPES: Final = (SignatureType.ED25519, SignatureType.ML_DSA_44)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A witness, ready to serve. `keys` has Ed25519's first; `logs` are by origin."""

    name: str
    keys: tuple[SigningKey, ...] = field(repr=False)
    store: Path
    logs: Mapping[str, tuple[VerifierKey, ...]]

    @property
    def vkey(self) -> str:
        """The key that names the witness, and its store."""
        return self.keys[0].verifier.text


class _Written(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole of `witness.toml`."""

    name: str
    seed: str = SEED_NAME
    store: str = STORE_NAME
    logs: list[str]


def read_settings(file: Path) -> Settings:
    """Read `witness.toml` and the seed that it names.

    Raises:
        MisconfiguredError: with the sentence that says what to mend.
    """
    try:
        written = msgspec.toml.decode(file.read_bytes(), type=_Written)
    except FileNotFoundError:
        raise MisconfiguredError(
            f"There is no file {file}.",
            hint="`bandeau witness new` writes one, with a key and a store.",
        ) from None
    except OSError as wrong:
        raise MisconfiguredError(f"{file} cannot be read: {wrong.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise MisconfiguredError(
            f"{file} cannot be understood: {wrong}.",
            hint="It has name, seed, store and logs; see `bandeau witness new`.",
        ) from None
    _expect_name(written.name)
    folder = file.parent
    return Settings(
        name=written.name,
        keys=keys_of(read_seed_file(folder / written.seed), written.name),
        store=folder / written.store,
        logs=_logs(written.logs, written.name),
    )


def keys_of(seed: bytes, name: str) -> tuple[SigningKey, ...]:
    """The keys of a witness: Ed25519, and ML-DSA-44 where `cryptography` has it."""
    keys = [SigningKey.derive(seed, name=name, type=SignatureType.COSIGNATURE)]
    # "Witnesses SHOULD use ML-DSA-44 cosignatures" -- tlog-witness; the other one is what
    # everybody can check.
    with suppress(MisconfiguredError):
        keys.append(SigningKey.derive(seed, name=name, type=SignatureType.ML_DSA_44))
    return tuple(keys)


def new_witness(name: str, folder: Path) -> Settings:
    """Make a seed, a store and `witness.toml` in a folder.

    Raises:
        MisconfiguredError: the name will not do, or one of the files is there already.
    """
    _expect_name(name)
    file = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists():
            raise MisconfiguredError(
                f"There is a witness in {folder} already.", hint="Name another folder."
            )
        keys = keys_of(new_seed_file(folder / SEED_NAME), name)
        WitnessStore.create(folder / STORE_NAME, keys[0].verifier.text)
        # Last: whoever reads it finds the others.
        file.write_text(_first(name), encoding="utf-8")
    except OSError as wrong:
        raise MisconfiguredError(
            f"{folder} cannot be written: {wrong.strerror}.",
            hint="Name a folder that is yours to write in.",
        ) from None
    return Settings(name=name, keys=keys, store=folder / STORE_NAME, logs={})


def _first(name: str) -> str:
    # What JSON escapes, TOML reads.
    quoted = msgspec.json.encode(name).decode()
    return f"""\
# A witness. Its name, its seed and its store were made together and stay together: with
# an older store, the same key could cosign a second tree.
name = {quoted}
seed = "{SEED_NAME}"
store = "{STORE_NAME}"

# The logs that it cosigns, by their vkeys. Restart it when this changes.
logs = [
]
"""


def _expect_name(name: str) -> None:
    if (
        not is_key_name(name)
        or not name.isprintable()
        or len(name.encode()) > _LONGEST_NAME
    ):
        raise MisconfiguredError(
            f"{name!r} cannot be the name of a witness.",
            hint="An address without scheme, as in witness.example/w1: no spaces, no "
            "plus, at most 255 bytes.",
        )


def _logs(vkeys: Sequence[str], witness: str) -> Mapping[str, tuple[VerifierKey, ...]]:
    keys: list[VerifierKey] = []
    for number, vkey in enumerate(vkeys, 1):
        try:
            key = read_key(vkey)
        except MalformedError as wrong:
            raise _wrong_log(number, wrong.message) from None
        if key.type not in _LOG_TYPES:
            raise _wrong_log(number, "This is not the key of a log.")
        if len(key.name.encode()) > _LONGEST_NAME:
            raise _wrong_log(number, "The origin of this log is too long to cosign.")
        # Lines of the log and of the witness could no longer be told apart.
        if key.name == witness:
            raise _wrong_log(number, "This log has the name of the witness.")
        if key in keys:
            raise _wrong_log(number, "This key is listed already.")
        keys.append(key)
    try:
        keys_by_line(keys)
    except MalformedError as wrong:
        raise _wrong_log(len(keys), wrong.message) from None
    origins = dict.fromkeys(key.name for key in keys)
    return {
        origin: tuple([key for key in keys if key.name == origin]) for origin in origins
    }


def _wrong_log(number: int, problem: str) -> MisconfiguredError:
    return MisconfiguredError(
        f"Log {number} cannot be watched: {problem}",
        hint="Write its vkey as its owner published it, in quotes.",
    )
