"""What stands in the log: bytes that are written once and read in one way."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger.entries import (
    Clock,
    Entry,
    Genesis,
    NoticeEntry,
    Reason,
    RecordEntry,
    Tombstone,
    change_key,
    commitment,
    read_entry,
    write_entry,
)
from bandeau.ledger.note import SignatureType, SigningKey, sign_note
from tests.ledger.worked import CHECKPOINT, ENTRIES, WORKED

SEED = bytes(range(32))
ORIGIN = "ledger.example/shop/2026"
UINT64 = st.integers(0, 2**64 - 1)
HASHES = st.binary(min_size=32, max_size=32)


def signing(
    name: str = ORIGIN, kind: SignatureType = SignatureType.ED25519, seed: bytes = SEED
) -> SigningKey:
    return SigningKey.from_seed(seed, name=name, type=kind)


@given(
    st.one_of(
        st.just(Genesis(origin=ORIGIN)),
        st.just(Genesis(origin=ORIGIN, predecessor=CHECKPOINT)),
        st.builds(RecordEntry, commitment=HASHES),
        st.builds(NoticeEntry, digest=HASHES),
        st.builds(Clock, time=UINT64),
        st.builds(
            Tombstone,
            start=st.integers(0, 2**32),
            end=st.integers(2**32 + 1, 2**64 - 1),
            reason=st.sampled_from(Reason),
        ),
    )
)
def test_what_is_written_is_read_back(entry: Entry) -> None:
    assert entry == read_entry(write_entry(entry))


@given(st.binary(max_size=80))
def test_what_is_read_is_spelt_as_it_is_written(data: bytes) -> None:
    try:
        entry = read_entry(data)
    except MalformedError:
        return
    assert data == write_entry(entry)


def test_the_worked_entries() -> None:
    digest = hashlib.sha256(WORKED["notice"].encode()).digest()
    salt = bytes.fromhex(WORKED["salt"])
    committed = commitment(salt, WORKED["record"].encode())

    expected = [
        Genesis(origin=ORIGIN),
        NoticeEntry(digest=digest),
        RecordEntry(commitment=committed),
        RecordEntry(commitment=bytes(32)),
        RecordEntry(commitment=b"\xff" * 32),
    ]

    assert WORKED["commitment"] == committed.hex()
    assert ENTRIES == [write_entry(entry) for entry in expected]
    assert expected == [read_entry(entry) for entry in ENTRIES]


def test_the_other_entries_to_the_byte() -> None:
    chained = Genesis(origin="a/2027", predecessor=CHECKPOINT)
    gone = Tombstone(start=1, end=258, reason=Reason.ERASURE)

    assert b"\x00genesis a/2027\n" + CHECKPOINT == write_entry(chained)
    assert "03000000006b03c850" == write_entry(Clock(time=1_795_410_000)).hex()
    assert "04" + "0" * 15 + "1" + "0" * 13 + "102" + "02" == write_entry(gone).hex()


def test_a_salt_has_32_bytes() -> None:
    for salt in (b"", bytes(31), bytes(33)):
        with pytest.raises(MalformedError, match="32 bytes"):
            commitment(salt, b"record")


def test_an_old_key_hands_over_to_a_new_one() -> None:
    old, new = signing(), signing(seed=SEED[::-1]).verifier

    entry = read_entry(write_entry(change_key(new, old=old)))

    assert change_key(new, old=old) == entry
    assert new == entry.key
    assert entry.is_signed_by(old.verifier)
    assert not entry.is_signed_by(new)


def test_nobody_else_hands_over() -> None:
    new = signing(seed=SEED[::-1]).verifier
    stranger = signing(name="b.example")
    timed = signing(kind=SignatureType.COSIGNATURE)

    for old in (stranger, timed):
        with pytest.raises(MalformedError, match="same name"):
            change_key(new, old=old)
    text = f"bandeau/key/v1\n{new.text}\n"
    forged = read_entry(b"\x05" + sign_note(text, [stranger.sign(text)]))
    assert not forged.is_signed_by(stranger.verifier)
    assert not forged.is_signed_by(signing().verifier)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x06",
        b"\xff" + bytes(32),
        b"\x00",
        b"\x00genesis",
        b"\x00genesis ",
        b"\x00Genesis a",
        b"\x00genesis/2 a",
        b"\x00genesis a b",
        b"\x00genesis a+b",
        b"\x00genesis a\n",
        b"\x00genesis a\nb",
        b"\x00genesis \xff",
        b"\x00genesis a\r",
        b"\x00genesis a\n" + CHECKPOINT[:-1],
        b"\x01" + bytes(31),
        b"\x01" + bytes(33),
        b"\x02" + bytes(31),
        b"\x02",
        b"\x03" + bytes(7),
        b"\x03" + bytes(9),
        b"\x04" + bytes(17),
        b"\x04" + bytes(7) + b"\x01" + bytes(7) + b"\x02\x00",
        b"\x04" + bytes(7) + b"\x01" + bytes(7) + b"\x02\x05",
        b"\x04" + bytes(7) + b"\x02" + bytes(7) + b"\x02\x01",
        b"\x04" + bytes(7) + b"\x03" + bytes(7) + b"\x02\x01",
        b"\x04" + bytes(7) + b"\x01" + bytes(7) + b"\x02\x01\x00",
        b"\x05",
        b"\x05" + CHECKPOINT,
        b"\x05bandeau/key/v1\n\n\xe2\x80\x94 a AAAAAAA=\n",
    ],
)
def test_what_is_no_entry(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_entry(data)


def test_an_entry_fits_into_its_bundle() -> None:
    key = signing()
    note = sign_note("a\n", [key.sign("a\n")])
    with pytest.raises(MalformedError, match="three lines"):
        Genesis(origin="a", predecessor=note)
    with pytest.raises(MalformedError, match="65535"):
        write_entry(Genesis(origin="a" * 65_535))
    with pytest.raises(MalformedError, match="65535"):
        read_entry(b"\x00genesis " + b"a" * 65_535)
    with pytest.raises(MalformedError, match="format of its own"):
        Genesis(origin="a", version=2)
    for time in (-1, 2**64):
        with pytest.raises(MalformedError, match="64 bits"):
            Clock(time=time)
