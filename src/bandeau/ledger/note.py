"""Signed notes: a text, the lines that sign it, the keys that make and check them.

Pure, and the whole of c2sp.org/signed-note, tlog-checkpoint and tlog-cosignature that
Bandeau uses: Ed25519 (0x01), timestamped Ed25519 (0x04) and timestamped ML-DSA-44 (0x06).
Times and seeds are arguments. Whose keys count is the caller's business, or `policy`'s.

    ledger.example/shop/2026                      the origin: which log
    5                                             its size
    z0Jp7kkcO4+dYM+uv9qNBMmuWbrhRrulteDLLdl4e10=  its root
                                                  the last empty line ends the text
    — ledger.example/shop/2026 z+86cXfRH1qTt…     name, base64(key id, signature)

A checkpoint has no extension lines: ML-DSA-44 does not sign them, and witnesses refuse
them. A signing key never shows what is secret in it, in no representation or message.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.spelling import (
    LARGEST,
    read_base64,
    read_decimal,
    read_hash,
    read_loose_base64,
    write_base64,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import (
        MLDSA44PrivateKey,
        MLDSA44PublicKey,
    )

SEED_LENGTH: Final = 32

# "Verifiers SHOULD apply a maximum limit to the number of signatures in a note, but MUST
# accept at least up to 16." -- signed-note; Go's limit is this one.
MOST_SIGNATURES: Final = 100

_KEY_ID_LENGTH = 4
_TIME_LENGTH = 8
_LONGEST_NAME = 0xFF
_DASH = "\N{EM DASH} "


class SignatureType(IntEnum):
    """The byte that key ids and verifier keys begin with."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    ML_DSA_44 = 0x06


_PUBLIC_LENGTHS = {
    SignatureType.ED25519: 32,
    SignatureType.COSIGNATURE: 32,
    SignatureType.ML_DSA_44: 1312,
}
_SIGNATURE_LENGTHS = {
    SignatureType.ED25519: 64,
    SignatureType.COSIGNATURE: 64,
    SignatureType.ML_DSA_44: 2420,
}


class UntrustedNoteError(MalformedError):
    """A note that can be read, but that no known key vouches for."""


# ---------------------------------------------------------------- checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log says of itself: its size, and the root over all of it."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """Read the text of a note as a checkpoint: three lines, no extensions."""
    # Not splitlines(): it splits at U+2028 and others too.
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise MalformedError(
            "A checkpoint has three lines: origin, size, root.", place="checkpoint"
        )
    origin, size, root, _ = lines
    return Checkpoint(
        origin=origin,
        size=read_decimal(size, place="checkpoint size"),
        root=read_hash(root, place="checkpoint root"),
    )


# ---------------------------------------------------------------- notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One line below a note: who says so, with which key, and the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text that ends in a newline, and who signed it."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        lines = "".join([signature.line for signature in self.signatures])
        return f"{self.text}\n{lines}".encode()


def read_note(octets: bytes) -> Note:
    """Read a signed note; nothing is verified yet.

    Raises:
        MalformedError: not UTF-8, control characters, no signature, or more than 100.
    """
    try:
        whole = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("A note has to be UTF-8.", place="note") from None
    # "MUST NOT contain any ASCII control characters (those below U+0020) other than
    # newline" -- signed-note
    if any(character < " " and character != "\n" for character in whole):
        raise MalformedError("A note has no control characters.", place="note")
    # "the text is separated from the signatures by the last empty line in the note"
    text, separator, below = whole.rpartition("\n\n")
    if not separator or not below.endswith("\n"):
        raise MalformedError(
            "A note ends in an empty line and signatures.", place="note"
        )
    lines = below[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise MalformedError("A note has at most 100 signatures.", place="note")
    return Note(
        text=f"{text}\n",
        signatures=tuple(
            [_read_signature(line, number) for number, line in enumerate(lines, 1)]
        ),
    )


def read_signatures(text: str) -> tuple[Signature, ...]:
    """Read signature lines that stand alone, as a witness answers with them."""
    if not text.endswith("\n"):
        raise MalformedError("A signature line ends in a newline.", place="signature")
    lines = text[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise MalformedError("A note has at most 100 signatures.", place="note")
    return tuple(
        [_read_signature(line, number) for number, line in enumerate(lines, 1)]
    )


def _read_signature(line: str, number: int) -> Signature:
    place = f"signature {number}"
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not is_key_name(name):
        raise MalformedError("This is not a signature line.", place=place)
    octets = read_loose_base64(encoded, place=place)
    if len(octets) <= _KEY_ID_LENGTH:
        raise MalformedError("This signature line has no signature.", place=place)
    return Signature(
        name=name, key_id=octets[:_KEY_ID_LENGTH], value=octets[_KEY_ID_LENGTH:]
    )


def is_key_name(name: str) -> bool:
    # "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus
    # (U+002B) characters." -- signed-note
    return bool(name) and not any(
        character.isspace() or character < " " or character == "+" for character in name
    )


# ---------------------------------------------------------------- keys


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A key that signatures are checked with, and whose it is."""

    name: str
    type: SignatureType
    public: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise MalformedError("A key needs a name without spaces.", place="key")
        # The names of cosigners are written with their length in one byte.
        if self.type is SignatureType.ML_DSA_44 and (
            len(self.name.encode()) > _LONGEST_NAME
        ):
            raise MalformedError("The name of this key is too long.", place="key")
        if len(self.public) != _PUBLIC_LENGTHS[self.type]:
            raise MalformedError("This key has the wrong length.", place="key")

    @property
    def key_id(self) -> bytes:
        # "key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]"
        # -- signed-note
        named = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        return hashlib.sha256(named).digest()[:_KEY_ID_LENGTH]

    @property
    def text(self) -> str:
        """The key as a vkey, which `read_key` reads."""
        octets = write_base64(bytes([self.type]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{octets}"

    def is_named_by(self, signature: Signature) -> bool:
        """Does the line say that it was made with this key?"""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verifies(self, signature: Signature, text: str) -> bool:
        """Was the line made with this key, under this text?"""
        if not self.is_named_by(signature):
            return False
        timed = self.type is not SignatureType.ED25519
        value = signature.value
        if len(value) != _SIGNATURE_LENGTHS[self.type] + timed * _TIME_LENGTH:
            return False
        if not timed:
            return _is_ed25519(self.public, value, text.encode())

        time = int.from_bytes(value[:_TIME_LENGTH], "big")
        try:
            message = _timed_message(self.type, self.name, text, time)
        except MalformedError:
            return False
        value = value[_TIME_LENGTH:]
        if self.type is SignatureType.COSIGNATURE:
            return _is_ed25519(self.public, value, message)
        return _is_ml_dsa_44(self.public, value, message)

    def time_of(self, signature: Signature) -> int | None:
        """When a line of this key says it was made; Ed25519 (0x01) does not say.

        A zero is no statement about time -- tlog-cosignature.
        """
        if self.type is SignatureType.ED25519:
            return None
        return int.from_bytes(signature.value[:_TIME_LENGTH], "big") or None


def read_key(text: str) -> VerifierKey:
    """Read a verifier key: name, key id, base64(type, public key).

    Raises:
        MalformedError: misspelt, an id that is not the key's, or a type of signature
            that is not one of the three.
    """
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedError("A verifier key has three parts.", place="key")
    name, key_id, encoded = parts
    octets = read_base64(encoded, place="key")
    try:
        # What is no UTF-8 arrives here as half a surrogate pair.
        name.encode()
        key_type = SignatureType(octets[0])
    except UnicodeEncodeError:
        raise MalformedError("The name of a key is UTF-8.", place="key") from None
    except ValueError:
        raise MalformedError(
            "Keys of this type cannot be checked here.", place="key"
        ) from None
    key = VerifierKey(name=name, type=key_type, public=octets[1:])
    if key_id != key.key_id.hex():
        raise MalformedError("The id of this key is another key's.", place="key")
    return key


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SigningKey:
    """A key that signs; what is secret in it is neither shown nor given away."""

    verifier: VerifierKey
    _secret: "Ed25519PrivateKey | MLDSA44PrivateKey" = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes, *, name: str, type: SignatureType) -> "SigningKey":  # noqa: A002  the specification's word
        """The key whose own private seed this is: RFC 8032's or FIPS 204's 32 bytes."""
        _check_seed(seed)
        if type is SignatureType.ML_DSA_44:
            secret = _ml_dsa_44_secret(seed)
        else:
            secret = Ed25519PrivateKey.from_private_bytes(seed)
        public = secret.public_key().public_bytes_raw()
        return cls(
            verifier=VerifierKey(name=name, type=type, public=public), _secret=secret
        )

    @classmethod
    def derive(cls, seed: bytes, *, name: str, type: SignatureType) -> "SigningKey":  # noqa: A002  the specification's word
        """A key of one name and one type, from the one seed that a log keeps.

        HKDF-SHA256 (RFC 5869) without a salt. Type and name are in its `info`, so that no
        two keys have anything in common: "the Ed25519 signed message format doesn't
        commit to the cosigner name, so the same public key can't be used across multiple
        cosigners" -- tlog-cosignature.
        """
        _check_seed(seed)
        label = type.name.lower().replace("_", "-")
        domain = f"bandeau/{label}/v1\n{name}".encode()
        kdf = HKDF(hashes.SHA256(), length=SEED_LENGTH, salt=None, info=domain)
        return cls.from_seed(kdf.derive(seed), name=name, type=type)

    def sign(self, text: str, *, at: int | None = None) -> Signature:
        """Sign the text of a note; cosignatures (0x04, 0x06) say `at` which time.

        Two signed checkpoints of one log that contradict each other are proof of guilt:
        whoever calls this has made up their mind durably before.
        """
        key = self.verifier
        assert (at is None) is (key.type is SignatureType.ED25519), "a time, or none"
        if at is None:
            value = self._secret.sign(text.encode())
        else:
            message = _timed_message(key.type, key.name, text, at)
            value = at.to_bytes(_TIME_LENGTH, "big") + self._secret.sign(message)
        return Signature(name=key.name, key_id=key.key_id, value=value)


def _check_seed(seed: bytes) -> None:
    if len(seed) != SEED_LENGTH:
        raise MisconfiguredError(
            f"The seed of a key has {len(seed)} bytes instead of 32.",
            hint="Restore the file that holds it from its backup.",
        )


# ---------------------------------------------------------------- opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A line that was checked, with whose key, and the time that it states."""

    key: VerifierKey
    signature: Signature
    time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """A note that at least one known key vouches for, and none denies."""

    text: str
    verified: tuple[Verified, ...]
    unknown: tuple[Signature, ...]


def open_note(octets: bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """Read a note and hold it against the keys that the caller trusts.

    Raises:
        MalformedError: it cannot be read.
        UntrustedNoteError: a line of a known key does not hold, or no key is known.
    """
    note = read_note(octets)
    by_line = keys_by_line(keys)
    verified: list[Verified] = []
    unknown: list[Signature] = []
    for number, signature in enumerate(note.signatures, 1):
        # "Verifiers MUST ignore signatures from unknown keys, even if they share a name
        # or ID (but not both) with a known key." -- signed-note
        key = by_line.get((signature.name, signature.key_id))
        if key is None:
            unknown.append(signature)
            continue
        # "If a signature from a known key fails to verify, clients SHOULD reject the
        # whole note." -- signed-note; also when another line of that key holds.
        if not key.verifies(signature, note.text):
            raise UntrustedNoteError(
                "A known key did not sign this.", place=f"signature {number}"
            )
        time = key.time_of(signature)
        verified.append(Verified(key=key, signature=signature, time=time))
    if not verified:
        raise UntrustedNoteError("No known key signed this.", place="note")
    return OpenedNote(text=note.text, verified=tuple(verified), unknown=tuple(unknown))


def keys_by_line(
    keys: Iterable[VerifierKey],
) -> dict[tuple[str, bytes], VerifierKey]:
    """Keys by what signature lines name them with; two keys there would be a trap."""
    found: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if found.setdefault((key.name, key.key_id), key) != key:
            raise MalformedError("Two keys have one name and one id.", place="key")
    return found


def sign_note(text: str, signatures: Sequence[Signature]) -> bytes:
    """The bytes of a note; the order of the lines is the caller's."""
    if not text.endswith("\n") or not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise MalformedError(
            "A note is a text that ends in a newline, and 1 to 100 signatures.",
            place="note",
        )
    return Note(text=text, signatures=tuple(signatures)).encode()


# ---------------------------------------------------------------- what is signed


def _timed_message(key_type: SignatureType, name: str, text: str, time: int) -> bytes:
    """What a cosigner signs; only checkpoints are ever cosigned."""
    checkpoint = read_checkpoint(text)
    if time > LARGEST:
        raise MalformedError("This time is too far away.", place="time")
    if key_type is SignatureType.COSIGNATURE:
        # "two newline terminated lines followed by the whole note body of the cosigned
        # checkpoint" -- tlog-cosignature
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    # "struct { uint8 label[12] = "subtree/v1\n\0"; opaque cosigner_name<1..2^8-1>;
    # uint64 timestamp; opaque log_origin<1..2^8-1>; uint64 start; uint64 end;
    # uint8 hash[32]; } cosigned_message" -- tlog-cosignature
    return b"".join(
        [
            b"subtree/v1\n\x00",
            _short(name),
            time.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        ]
    )


def _short(text: str) -> bytes:
    octets = text.encode()
    if len(octets) > _LONGEST_NAME:
        raise MalformedError("This name is too long to be cosigned.", place="name")
    return bytes([len(octets)]) + octets


def _is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_ml_dsa_44(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        _ml_dsa_44_public(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _ml_dsa_44_public(public: bytes) -> "MLDSA44PublicKey":
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        return MLDSA44PublicKey.from_public_bytes(public)
    except (ImportError, UnsupportedAlgorithm):
        raise _no_ml_dsa() from None


def _ml_dsa_44_secret(seed: bytes) -> "MLDSA44PrivateKey":
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(seed)
    except (ImportError, UnsupportedAlgorithm):
        raise _no_ml_dsa() from None


def _no_ml_dsa() -> MisconfiguredError:
    return MisconfiguredError(
        "This installation of `cryptography` has no ML-DSA-44.",
        hint="Install its wheel from PyPI, which brings an OpenSSL that has it.",
    )
