"""Whom to believe: the logs, the witnesses, and how many of them are enough.

Pure, and the whole of c2sp.org/tlog-policy. A policy is written by whoever checks
receipts, an authority or a visitor; Bandeau never fills in one line of it.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name> …
    quorum <name>|none

The file is octets: what is not ASCII is kept and compared as it is, never understood.
Names mean nothing outside of the file.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bandeau.errors import MalformedError
from bandeau.ledger.note import SignatureType, VerifierKey, keys_by_line, read_key

NONE: Final = "none"

_LOG_TYPES = (SignatureType.ED25519, SignatureType.ML_DSA_44)
_WITNESS_TYPES = (SignatureType.COSIGNATURE, SignatureType.ML_DSA_44)

# "sequences of ASCII space and tab characters *only*" -- tlog-policy; str.split() alone
# would split at a no-break space too.
_WHITESPACE = re.compile("[ \t]+")
# "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF"
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_THRESHOLD = re.compile("[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that is believed; its origin is the name of its key."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A number of witnesses or groups, `threshold` of which are enough."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whom to believe. `groups` are in an order in which members come first."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def log_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys with which the log of this origin may sign."""
        # "This name MUST correspond to the log's origin line" -- tlog-policy
        return tuple([log.key for log in self.logs if log.key.name == origin])

    def is_quorum(self, cosigners: Collection[VerifierKey]) -> bool:
        """Are these, whose cosignatures were verified, enough?"""
        if self.quorum == NONE:
            return True
        witnessed = {
            witness.name for witness in self.witnesses if witness.key in cosigners
        }
        for group in self.groups:
            if len(witnessed.intersection(group.members)) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed


def read_policy(octets: bytes) -> Policy:
    """Read a policy file.

    Raises:
        MalformedError: with the line as its place.
    """
    if _FORBIDDEN.search(octets):
        raise MalformedError("A policy has no control characters.", place="policy")
    # Opaque octets in a str: they come back as they were, and compare as they are.
    text = octets.decode("utf-8", "surrogateescape")
    # "each line is terminated by ASCII newline": a file that was cut short says less.
    if not text.endswith("\n"):
        raise MalformedError("A policy ends in a newline.", place="policy")
    reader = _Reader()
    for number, line in enumerate(text[:-1].split("\n"), 1):
        words = _WHITESPACE.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            reader.take(words, place=f"line {number}")
    return reader.policy()


class _Reader:
    """The policy so far, while its lines are read."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._names: set[str] = set()
        self._members: set[str] = set()

    def take(self, words: list[str], *, place: str) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                url = "".join(words[2:])
                self._logs.append(Log(key=_key(key, _LOG_TYPES, "log", place), url=url))
                self._refuse_twins([log.key for log in self._logs], place)
            case ["witness", name, key] | ["witness", name, key, _]:
                self._define(name, place)
                witness = Witness(
                    name=name,
                    key=_key(key, _WITNESS_TYPES, "witness", place),
                    url="".join(words[3:]),
                )
                self._witnesses.append(witness)
                self._refuse_twins([witness.key for witness in self._witnesses], place)
            case ["group", name, threshold, _, *_]:
                # Members first: a group is no member of itself.
                group = self._group(name, threshold, words[3:], place)
                self._define(name, place)
                self._groups.append(group)
            case ["quorum", name]:
                if self._quorum is not None:
                    raise MalformedError("There is a second quorum.", place=place)
                if name != NONE:
                    self._refuse_undefined(name, place)
                self._quorum = name
            case _:
                raise MalformedError(
                    "This line is none of log, witness, group and quorum with their "
                    "words.",
                    place=place,
                )

    def policy(self) -> Policy:
        if self._quorum is None:
            raise MalformedError(
                "There is no quorum.",
                place="policy",
                hint="Write `quorum none` to ask for no witness.",
            )
        keys = [entry.key for entry in (*self._logs, *self._witnesses)]
        keys_by_line(keys)  # no two keys that a signature line could mean
        return Policy(
            logs=tuple(self._logs),
            witnesses=tuple(self._witnesses),
            groups=tuple(self._groups),
            quorum=self._quorum,
        )

    def _group(
        self, name: str, threshold: str, members: list[str], place: str
    ) -> Group:
        for member in members:
            self._refuse_undefined(member, place)
            # "Each defined name can be listed as a group member at most once." -- of all
            # groups: "each witness can contribute … in only one way"
            if member in self._members:
                raise MalformedError(f"{member!r} is a member already.", place=place)
            self._members.add(member)
        if threshold in ("all", "any"):
            least = len(members) if threshold == "all" else 1
        elif _THRESHOLD.fullmatch(threshold) and int(threshold) <= len(members):
            least = int(threshold)
        else:
            raise MalformedError(
                f"A group of {len(members)} needs all, any, or 1 to {len(members)}.",
                place=place,
            )
        return Group(name=name, threshold=least, members=tuple(members))

    def _define(self, name: str, place: str) -> None:
        # "Witnesses and groups share a single namespace. The special name none is
        # predefined" -- tlog-policy
        if name in self._names or name == NONE:
            raise MalformedError(f"{name!r} is a name already.", place=place)
        self._names.add(name)

    def _refuse_undefined(self, name: str, place: str) -> None:
        if name not in self._names:
            raise MalformedError(
                f"{name!r} is not the name of anything above.", place=place
            )

    @staticmethod
    def _refuse_twins(keys: list[VerifierKey], place: str) -> None:
        # "duplicate if they wrap the same underlying public key, even if they differ by
        # key name and key id" -- tlog-policy
        if keys[-1].public in [key.public for key in keys[:-1]]:
            raise MalformedError("This key is listed already.", place=place)


def _key(
    text: str, types: tuple[SignatureType, ...], whose: str, place: str
) -> VerifierKey:
    try:
        key = read_key(text)
    except MalformedError as error:
        raise MalformedError(error.message, place=place) from None
    if key.type not in types:
        raise MalformedError(f"This is not the key of a {whose}.", place=place)
    return key
