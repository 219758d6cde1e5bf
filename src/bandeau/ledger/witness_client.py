"""Asking witnesses: to cosign a checkpoint, and what they cosigned last.

An edge: it speaks HTTP, with the standard library alone, because a log asks a handful of
witnesses every few minutes. What is said stands in `witnessing`, pure.

Nothing here raises for what a witness does or does not do; each gets a reply of its own,
with a sentence. A cosignature is given back only when it is the witness's own and over
exactly the checkpoint that was sent. What a witness says beside its signatures (a size, a
sentence) is hearsay, and its sentences are not repeated.

LIMIT: the time for one request is bounded once the witness's address is known; finding it
(DNS) takes as long as the system's resolver waits, and each of several addresses may take
the whole time to connect.
"""

import contextlib
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import urlsplit

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.note import (
    Checkpoint,
    Note,
    Verified,
    VerifierKey,
    open_note,
    read_checkpoint,
    read_note,
)
from bandeau.ledger.policy import Policy
from bandeau.ledger.witnessing import (
    ADD_CHECKPOINT,
    LONGEST_BODY,
    monitoring_path,
    read_cosignatures,
    read_size,
    write_request,
)

WITHIN_SECONDS: Final = 10.0

Proofs = Callable[[int, int], Sequence[bytes]]
"""Called with (old size, size): the consistency proof. From any thread."""

_log = logging.getLogger("bandeau.witness")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigner:
    """A witness that is asked: its name, its address, the keys that it signs with.

    `monitoring` is where it shows checkpoints, if that is another address.
    """

    name: str
    url: str
    keys: tuple[VerifierKey, ...]
    monitoring: str = ""

    def __post_init__(self) -> None:
        for url in (self.url, self.monitoring or self.url):
            if not _is_address(url):
                raise MisconfiguredError(
                    f"{self.name} has no address that can be asked.",
                    hint="Write it as https://witness.example/w1.",
                )


def cosigners_of(policy: Policy) -> tuple[Cosigner, ...]:
    """The witnesses of a policy that have an address; one of two keys is one."""
    keys: dict[tuple[str, str], list[VerifierKey]] = {}
    for witness in policy.witnesses:
        if witness.url:
            keys.setdefault((witness.key.name, witness.url), []).append(witness.key)
    return tuple(
        [
            Cosigner(name=name, url=url, keys=tuple(own))
            for (name, url), own in keys.items()
        ]
    )


# ---------------------------------------------------------------- cosign


class Outcome(Enum):
    """What became of one request to one witness."""

    COSIGNED = "cosigned"
    BEHIND = "behind"  # no proof leads from where it stands to our checkpoint
    AHEAD = "ahead"  # it has cosigned more than we have
    UNREACHABLE = "unreachable"  # it may answer another time
    REFUSED = "refused"  # it will not answer otherwise until somebody does something


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one witness made of one checkpoint. `size` is where it says that it stands."""

    cosigner: Cosigner
    outcome: Outcome
    sentence: str
    size: int | None = None
    cosignatures: tuple[Verified, ...] = ()


def ask(
    cosigner: Cosigner,
    note: bytes,
    proofs: Proofs,
    *,
    old_size: int = 0,
    within: float = WITHIN_SECONDS,
) -> Reply:
    """Ask one witness to cosign a checkpoint that its log has signed.

    `old_size` is where the witness is believed to stand. Where it stands elsewhere it
    says so, and is asked once more from there.
    """
    try:
        return _ask(cosigner, note, proofs, old_size, within)
    except Exception:  # noqa: BLE001 - whoever asks beside other work must not fall
        _log.exception("Asking %s failed.", cosigner.name)
        return _refused(cosigner, "Asking it failed here.")


def _ask(
    cosigner: Cosigner, note: bytes, proofs: Proofs, old_size: int, within: float
) -> Reply:
    checkpoint = read_checkpoint(read_note(note).text)
    old_size = min(old_size, checkpoint.size)
    for attempt in (1, 2):
        try:
            proof = proofs(old_size, checkpoint.size)
        except Exception:  # noqa: BLE001 - the proofs are the caller's
            _log.exception("No proof from size %d for %s.", old_size, cosigner.name)
            return Reply(
                cosigner=cosigner,
                outcome=Outcome.BEHIND,
                sentence="The proof from where it stands cannot be made here.",
                size=old_size,
            )
        body = write_request(old_size, proof, note)
        answer = _request(cosigner.url, ADD_CHECKPOINT, body, within)
        if isinstance(answer, str):
            return Reply(
                cosigner=cosigner, outcome=Outcome.UNREACHABLE, sentence=answer
            )
        if answer.status != 409:
            return _reply(cosigner, checkpoint, answer)
        try:
            size = read_size(answer.body)
        except MalformedError:
            return _refused(
                cosigner, "It says that it stands elsewhere, but not where."
            )
        if size > checkpoint.size:
            return Reply(
                cosigner=cosigner,
                outcome=Outcome.AHEAD,
                sentence="It says that it has cosigned more than this log has.",
                size=size,
            )
        if attempt == 2 or size == old_size:
            break
        old_size = size
    # Another process of ours may be feeding it; or it does not know what it wants.
    return Reply(
        cosigner=cosigner,
        outcome=Outcome.BEHIND,
        sentence="It says each time that it stands elsewhere.",
        size=size,
    )


def ask_all(
    cosigners: Sequence[Cosigner],
    note: bytes,
    proofs: Proofs,
    *,
    old_sizes: Mapping[str, int] = MappingProxyType({}),
    within: float = WITHIN_SECONDS,
) -> tuple[Reply, ...]:
    """Ask several at once; the replies are in their order.

    `old_sizes` are where they are believed to stand, by name.
    """

    def one(cosigner: Cosigner) -> Reply:
        old_size = old_sizes.get(cosigner.name, 0)
        return ask(cosigner, note, proofs, old_size=old_size, within=within)

    return _at_once(one, cosigners)


def with_cosignatures(note: bytes, replies: Iterable[Reply]) -> bytes:
    """The signed checkpoint, and below it what the witnesses made of it."""
    read = read_note(note)
    found = [one for reply in replies for one in reply.cosignatures]
    kept = [
        line
        for line in read.signatures
        if not any(one.key.is_named_by(line) for one in found)
    ]
    lines = (*kept, *[one.signature for one in found])
    return Note(text=read.text, signatures=lines).encode()


def _reply(cosigner: Cosigner, checkpoint: Checkpoint, answer: "_Answer") -> Reply:
    if answer.status == 200:
        try:
            found = read_cosignatures(answer.body, checkpoint, cosigner.keys)
        except MalformedError as wrong:
            # Theirs to mend: the wrong key in our policy, or a witness that lies.
            return _refused(cosigner, f"Its cosignature does not hold. {wrong.message}")
        return Reply(
            cosigner=cosigner,
            outcome=Outcome.COSIGNED,
            sentence="It cosigned.",
            size=checkpoint.size,
            cosignatures=found,
        )
    if answer.status == 429 or answer.status >= 500:
        return Reply(
            cosigner=cosigner,
            outcome=Outcome.UNREACHABLE,
            sentence=f"It cannot answer now ({answer.status}).",
        )
    unknown = f"It answers with the status {answer.status}."
    return _refused(cosigner, _REFUSALS.get(answer.status, unknown))


_REFUSALS: Final = {
    400: "It cannot read the request.",
    403: "It does not take this log's signature: has it the present key?",
    404: "It does not know this log, or is not at this address.",
    413: "It finds the request too long.",
    422: "It says that this checkpoint does not go on from what it cosigned before.",
}


def _refused(cosigner: Cosigner, sentence: str) -> Reply:
    return Reply(cosigner=cosigner, outcome=Outcome.REFUSED, sentence=sentence)


# ---------------------------------------------------------------- what was cosigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far a witness has seen a log; `size` is None where it did not say.

    `note` is the checkpoint that it shows, its own cosignature verified: whoever finds
    the log's signature on it too has proof. Without a note the size is hearsay, and so
    is one beyond the note's.
    """

    cosigner: Cosigner
    size: int | None
    note: bytes
    sentence: str


def sizes(
    cosigners: Sequence[Cosigner],
    origin: str,
    *,
    note: bytes = b"",
    within: float = WITHIN_SECONDS,
) -> tuple[Seen, ...]:
    """How far each witness has seen a log, before it signs anything.

    What a witness shows may be an hour old; with a `note`, any checkpoint that the log
    has signed, it is also asked outright. Nothing is cosigned by that.
    """

    def one(cosigner: Cosigner) -> Seen:
        shown = _shown(cosigner, origin, within)
        told = _told(cosigner, note, within) if note else None
        if told is None or (shown.size is not None and told <= shown.size):
            return shown
        return Seen(
            cosigner=cosigner,
            size=told,
            note=shown.note,
            sentence=f"It says that it has cosigned {told} entries.",
        )

    return _at_once(one, cosigners)


def _shown(cosigner: Cosigner, origin: str, within: float) -> Seen:
    """What it shows to monitors."""
    url = cosigner.monitoring or cosigner.url
    answer = _request(url, monitoring_path(origin), None, within)
    size, octets, sentence = None, b"", ""
    if isinstance(answer, str):
        sentence = answer
    elif answer.status == 404:
        # "If the witness has never cosigned a checkpoint for that log, it MUST respond
        # with a "404 Not Found"" -- tlog-witness
        size, sentence = 0, "It shows no checkpoint of this log."
    elif answer.status != 200:
        sentence = f"It answers with the status {answer.status}."
    else:
        try:
            checkpoint = read_checkpoint(open_note(answer.body, cosigner.keys).text)
        except MalformedError:
            sentence = "What it shows is not cosigned by it."
        else:
            if checkpoint.origin == origin:
                size, octets = checkpoint.size, answer.body
                sentence = f"It shows that it has cosigned {size} entries."
            else:
                sentence = "It shows another log."
    return Seen(cosigner=cosigner, size=size, note=octets, sentence=sentence)


def _told(cosigner: Cosigner, note: bytes, within: float) -> int | None:
    """What it says when asked outright, by a request that it cannot cosign.

    From nothing, with a proof: "If the proof is not empty when the old size is zero […]
    the witness MUST respond with a "422"", and with 409 before that where it stands
    elsewhere -- tlog-witness. So 422 is a zero.
    """
    body = write_request(0, (bytes(32),), note)
    answer = _request(cosigner.url, ADD_CHECKPOINT, body, within)
    if isinstance(answer, str):
        return None
    if answer.status == 422:
        return 0
    if answer.status != 409:
        return None
    with contextlib.suppress(MalformedError):
        return read_size(answer.body)
    return None


# ---------------------------------------------------------------- HTTP


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


def _is_address(url: str) -> bool:
    try:
        where = urlsplit(url)
        return where.scheme in _PORTS and bool(where.hostname) and where.port != 0
    except ValueError:
        return False


_PORTS: Final = {"http": 80, "https": 443}


def _request(url: str, path: str, body: bytes | None, within: float) -> _Answer | str:
    """One request; the answer, or a sentence that says why there is none.

    Redirections are not followed: an address is configured, not discovered.
    """
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or _PORTS[where.scheme]
    try:
        plain = socket.create_connection((host, port), timeout=within)
    except (OSError, ValueError):
        return "It cannot be reached."
    cut = threading.Event()
    try:
        # Timeouts of sockets are for one read each, and a witness that sends a byte now
        # and then would never meet one. So the connection is cut when the time is up,
        # through a descriptor of its own, because a TLS socket takes the first one over.
        with plain, plain.dup() as handle, _cutting(handle, cut, within):
            connection = http.client.HTTPConnection(host, port)
            if where.scheme == "https":
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(host, port, context=context)
                plain = context.wrap_socket(plain, server_hostname=host)
            connection.sock = plain
            with contextlib.closing(connection):
                connection.request(
                    "GET" if body is None else "POST",
                    f"{where.path.rstrip('/')}/{path}",
                    body,
                    {"connection": "close"},
                )
                response = connection.getresponse()
                octets = response.read(LONGEST_BODY + 1)
    # http.client raises ValueError where an answer makes no sense to it.
    except (OSError, http.client.HTTPException, ValueError) as wrong:
        if cut.is_set() or isinstance(wrong, TimeoutError):
            return _TOO_SLOW
        if isinstance(wrong, ssl.SSLCertVerificationError):
            return "Its certificate does not hold."
        return "It broke off."
    if cut.is_set():
        # Cut off in the middle, a body without a length looks whole.
        return _TOO_SLOW
    if len(octets) > LONGEST_BODY:
        return "It answers without an end."
    if response.length:
        return "It broke off."  # before it had sent as much as it announced
    return _Answer(response.status, octets)


@contextlib.contextmanager
def _cutting(
    handle: socket.socket, cut: threading.Event, within: float
) -> Generator[None]:
    def cut_off() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(within, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


_TOO_SLOW: Final = "It did not answer in time."


def _at_once(
    function: Callable[[Cosigner], _T], cosigners: Sequence[Cosigner]
) -> tuple[_T, ...]:
    """Call a function for each, in threads that no end of the program waits for."""
    found: dict[int, _T] = {}

    def one(number: int, cosigner: Cosigner) -> None:
        found[number] = function(cosigner)

    threads = [
        threading.Thread(target=one, args=numbered, name="bandeau-ask", daemon=True)
        for numbered in enumerate(cosigners)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple([found[number] for number in range(len(threads))])
