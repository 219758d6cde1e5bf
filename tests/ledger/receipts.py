"""A receipt as a visitor gets it, and hundreds that are nearly the same, with verdicts.

python -m tests.ledger.receipts

writes tests/vectors/receipts.json, which Python and JavaScript both keep to: all that
check receipts have to come to the same steps, outcomes and words as ledger/proof.py.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bandeau.ledger.entries import (
    Clock,
    Genesis,
    NoticeEntry,
    RecordEntry,
    commitment,
    write_entry,
)
from bandeau.ledger.merkle import leaf_hash, root_of
from bandeau.ledger.note import (
    Checkpoint,
    SignatureType,
    SigningKey,
    read_key,
    sign_note,
)
from bandeau.ledger.policy import read_policy
from bandeau.ledger.proof import Opening, make_proof, verify
from bandeau.ledger.record import record_body, subject_key
from bandeau.locale import catalogues
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice
from tests.ledger.worked import LOG_VKEY, WITNESS_VKEY, WORKED, reader_of

FILE = Path(__file__).parents[1] / "vectors" / "receipts.json"

ORIGIN = "ledger.example/shop/2026"
PRESSED = 1_795_409_400
COSIGNED = 1_795_410_000
NOTICE = """
site = "shop"
domains = ["shop.example"]
languages = ["en", "fr"]
purposes = [{ id = "audience" }, { id = "social" }, { id = "ads" }]

[controller]
name = "The Shop"
address = "1, Market Street"
contact = "privacy@shop.example"

[[services]]
id = "film"
name = "Film"
controller = "Film Ltd"
purposes = ["social"]
hosts = ["film.example"]
"""


@cache
def notice() -> Notice:
    return read_notice(NOTICE.encode(), catalogues())


@cache
def mldsa_key() -> SigningKey:
    return SigningKey.from_seed(
        bytes(range(64, 96)), name="witness.example/pq", type=SignatureType.ML_DSA_44
    )


def record(*, digest: str = "") -> bytes:
    return record_body(
        site="shop",
        at=PRESSED,
        notice=digest or notice().digest,
        answers="ynn",
        services={"film": "y"},
        via="settings",
        request=bytes(range(16)),
        subject=subject_key(bytes(range(16))),
    )


def receipt(
    body: bytes, *, cosigned: int | None = COSIGNED, mldsa: bool = False
) -> bytes:
    """A receipt for a record in a log of seven, by the keys of the worked vectors."""
    opening = Opening(salt=bytes(range(160, 192)), record=body)
    entries = [
        write_entry(Genesis(origin=ORIGIN)),
        write_entry(NoticeEntry(digest=bytes(32))),
        write_entry(Clock(time=PRESSED - 5)),
        write_entry(RecordEntry(commitment=bytes(32))),
        write_entry(RecordEntry(commitment=commitment(opening.salt, body))),
        write_entry(RecordEntry(commitment=bytes(range(32)))),
        write_entry(Clock(time=PRESSED + 5)),
    ]
    leaves = [leaf_hash(entry) for entry in entries]
    text = Checkpoint(origin=ORIGIN, size=7, root=root_of(leaves)).text
    log = SigningKey.from_seed(
        bytes.fromhex(WORKED["log seed"]), name=ORIGIN, type=SignatureType.ED25519
    )
    witness = SigningKey.from_seed(
        bytes.fromhex(WORKED["witness seed"]),
        name="witness.example/w1",
        type=SignatureType.COSIGNATURE,
    )
    assert log.verifier == read_key(LOG_VKEY)
    assert witness.verifier == read_key(WITNESS_VKEY)
    lines = [log.sign(text)]
    if cosigned is not None:
        lines.append(witness.sign(text, at=cosigned))
    if mldsa:
        lines.append(mldsa_key().sign(text, at=COSIGNED))
    return make_proof(
        4, checkpoint=sign_note(text, lines), read=reader_of(leaves), opening=opening
    ).encode()


def policy() -> bytes:
    return f"log {LOG_VKEY}\nwitness w1 {WITNESS_VKEY}\nquorum w1\n".encode()


# ---------------------------------------------------------------- nearly the same

WORDS = [
    ("", ""),
    ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
    ("index 4", "index 04"),
    ("index 4", "index +4"),
    ("index 4", "index ٤"),
    ("index 4", "index  4"),
    ("index 4", "index 4 "),
    ("index 4", "index 9223372036854775807"),
    ("index 4", "index 9223372036854775808"),
    ("index 4", "index 5"),
    ("index 4", "index 7"),
    ("index 4\n", ""),
    ("index 4", "extra AA==\nindex 4"),
    ("index 4", "index 4\nextra AA=="),
    ("extra ", "extra  "),
    ("extra ", "more "),
    ("\n7\n", "\n7_0\n"),
    ("\n7\n", "\n8\n"),
    ("\n7\n", "\n0\n"),
    (f"\n{ORIGIN}\n", "\nledger.example/shop/2025\n"),
    (f"\n{ORIGIN}\n", "\n\n"),
    (f"— {ORIGIN}", "— ledger.example/shop/2025"),
    (f"— {ORIGIN}", f"- {ORIGIN}"),
    (f"— {ORIGIN}", f"—\N{NO-BREAK SPACE}{ORIGIN}"),
    ("— witness", "— \N{LINE SEPARATOR}witness"),
    ("— witness", "— \N{ZERO WIDTH NO-BREAK SPACE}witness"),
    ("— witness", "— \x85witness"),
    ("— witness", "— "),
    ("witness.example/w1", "witness.example/w2"),
    ("w1 ", "w1"),
    ("w1 ", "w1  "),
    ("w1 ", "w1+ "),
    ("\n— witness", "\n\n— witness"),
    ("\n— witness", "\n\t— witness"),
    ("\n— witness", "\r\n— witness"),
    ("\n— witness", "\n— nobody AAAA\n— witness"),
    ("\n— witness", "\n— nobody AAAAAA==\n— witness"),
    ("\n— witness", "\n— nobody AAAAAB==\n— witness"),
    ("\n— witness", "\n— nobody AAAAAAA\n— witness"),
    ("\n— witness", "\n" + 100 * "— nobody AAAAAA==\n" + "— witness"),
]


def nearly(octets: bytes) -> Iterator[dict[str, Any]]:
    """How to change a receipt: words for words, or one octet by exclusive or."""
    for was, becomes in WORDS:
        yield {"was": was, "becomes": becomes}
    for at in range(0, len(octets), 4):
        yield {
            "at": at,
            "xor": (0x01, 0x04, 0x20, 0x80, octets[at] ^ 0x0A)[at // 4 % 5],
        }
    # Base64 with bits that mean nothing, in every line.
    for at in [at for at in range(len(octets)) if octets[at + 1 : at + 2] == b"="]:
        yield {"at": at, "xor": 0x01}


def changed(octets: bytes, change: dict[str, Any]) -> bytes:
    if "was" in change:
        return octets.replace(change["was"].encode(), change["becomes"].encode(), 1)
    at = change["at"]
    return octets[:at] + bytes([octets[at] ^ change["xor"]]) + octets[at + 1 :]


def steps(octets: bytes) -> list[list[str]]:
    found = verify(octets, read_policy(policy()))
    return [[step.name.value, step.outcome.value, step.why] for step in found.steps]


@cache
def vectors() -> dict[str, Any]:
    # Of a notice that no new text changes.
    body = record(digest="i6GfgXGhVEZZUjyVc1AanP7t4P8dPqFxN5rkxPRSLgg")
    whole = receipt(body)
    found = [(change, steps(changed(whole, change))) for change in nearly(whole)]
    # Each set of five steps is written once and then named by its place.
    verdicts = [
        json.loads(text)
        for text in dict.fromkeys(map(json.dumps, (s for _, s in found)))
    ]
    return {
        "policy": policy().decode(),
        "receipt": whole.decode(),
        "with ML-DSA-44": receipt(body, mldsa=True).decode(),
        "ML-DSA-44 vkey": mldsa_key().verifier.text,
        "verdicts": verdicts,
        "nearly": [
            change | {"verdict": verdicts.index(said)} for change, said in found
        ],
    }


def spelt() -> str:
    """One line for each change, so that a difference is easy to find."""
    return (
        json.dumps(vectors(), ensure_ascii=False)
        .replace(', "verdicts": [', ',\n"verdicts": [\n')
        .replace("]], [[", "]],\n[[")
        .replace(', "nearly": [', ',\n"nearly": [\n')
        .replace("}, {", "},\n{")
        + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(spelt(), encoding="utf-8")
