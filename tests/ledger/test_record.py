"""What one record is: the bytes that are kept, and the keys it is found by."""

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger.record import (
    KINDS,
    Record,
    day_of,
    key_from_text,
    key_text,
    key_time_ms,
    kind_of,
    new_request_key,
    new_subject_id,
    record_body,
    subject_key,
)

KEYS = st.binary(min_size=16, max_size=16)
LETTERS = st.text("yn-", min_size=1, max_size=12)
REQUEST = bytes(range(16))


@given(
    site=st.text(max_size=40),
    at=st.integers(0, 2**40),
    answers=LETTERS,
    services=st.dictionaries(st.text(max_size=8), st.sampled_from("yn"), max_size=4),
    subject=st.none() | KEYS,
    request=KEYS,
)
def test_what_is_written_is_read_back(
    site: str,
    at: int,
    answers: str,
    services: dict[str, str],
    subject: bytes | None,
    request: bytes,
) -> None:
    body = record_body(
        site=site,
        at=at,
        notice="n" * 43,
        answers=answers,
        services=services,
        via="settings",
        subject=subject,
        request=request,
    )

    read = json.loads(body)
    expected = {
        "v": 1,
        "site": site,
        "time": at,
        "notice": "n" * 43,
        "answers": answers,
        "via": "settings",
        "req": key_text(request),
    }
    if services:
        expected["services"] = services
    if subject is not None:
        expected["subject"] = key_text(subject)
    assert expected == read


def test_a_body_is_these_very_bytes() -> None:
    body = record_body(
        site="newsroom",
        at=1_795_410_000,
        notice="n" * 43,
        answers="ynn-y",
        services={"video": "y", "map": "n"},
        via="settings",
        subject=REQUEST,
        request=REQUEST,
    )

    assert body == (
        b'{"v":1,"site":"newsroom","time":1795410000,"notice":"' + b"n" * 43 + b'",'
        b'"answers":"ynn-y","services":{"map":"n","video":"y"},"via":"settings",'
        b'"subject":"AAECAwQFBgcICQoLDA0ODw","req":"AAECAwQFBgcICQoLDA0ODw"}'
    )


def test_a_refusal_has_neither_subject_nor_services_in_it() -> None:
    body = record_body(
        site="newsroom",
        at=0,
        notice="n" * 43,
        answers="nnn",
        services={},
        via="first-layer",
        request=REQUEST,
    )

    assert not {"subject", "services"} & set(json.loads(body))


@given(KEYS)
def test_a_key_survives_being_text(key: bytes) -> None:
    assert key == key_from_text(key_text(key))


@given(st.text("AQgw_-+/= é", min_size=21, max_size=23))
def test_a_key_has_one_spelling(text: str) -> None:
    try:
        key = key_from_text(text)
    except MalformedError:
        return

    assert text == key_text(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 21,
        "A" * 23,
        "A" * 21 + "B",  # stray bits after the last byte
        "A" * 21 + "=",
        "A" * 21 + "\n",
        "A" * 20 + "+/",  # the other base64
        "é" * 22,
    ],
)
def test_a_malformed_key_is_told_with_its_place(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        key_from_text(text, place="subject")

    assert caught.value.place == "subject"
    assert not text or text not in str(caught.value)


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_a_key_says_when_it_was_minted(now_ms: int, entropy: bytes) -> None:
    key = new_request_key(now_ms, entropy)

    assert now_ms == key_time_ms(key)
    assert len(key) == 16
    assert key[6] >> 4 == 7
    assert key[8] >> 6 == 0b10


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10))
def test_later_keys_sort_after_earlier_ones(now_ms: int, entropy: bytes) -> None:
    assert new_subject_id(now_ms, entropy) < new_subject_id(now_ms + 1, bytes(10))


@given(KEYS, KEYS)
def test_a_subject_key_keeps_the_time_and_hides_the_rest(
    one: bytes, two: bytes
) -> None:
    assume(one != two)
    key = subject_key(one)

    assert one[:6] == key[:6]
    assert hashlib.sha256(one).digest()[:10] == key[6:]
    assert subject_key(two) != key


@pytest.mark.parametrize("length", [0, 15, 17])
def test_keys_of_another_length_are_refused(length: int) -> None:
    fields = {"body": b"{}", "day": 0, "kind": "refused"}

    with pytest.raises(MalformedError, match="request key"):
        Record(request=bytes(length), subject=None, **fields)
    with pytest.raises(MalformedError, match="subject key"):
        Record(request=bytes(16), subject=bytes(length), **fields)
    with pytest.raises(MalformedError, match="subject id"):
        subject_key(bytes(length))


@pytest.mark.parametrize(
    ("letters", "services", "withdrawn", "kind"),
    [
        ("yyy", {}, False, "accepted"),
        ("yyy", {"video": "y"}, False, "accepted"),
        ("nnn", {}, False, "refused"),
        ("nn-", {}, False, "refused"),
        ("---", {}, False, "refused"),
        ("yyn", {}, False, "mixed"),
        ("yy-", {}, False, "mixed"),  # silence is not a yes
        ("nnn", {"video": "y"}, False, "mixed"),
        ("yyy", {"video": "n"}, False, "mixed"),
        ("nnn", {}, True, "withdrawn"),
        ("ynn", {}, True, "withdrawn"),
    ],
)
def test_a_choice_counts_as(
    letters: str, services: dict[str, str], withdrawn: bool, kind: str
) -> None:
    assert kind == kind_of(letters, services=services, withdrawn=withdrawn)


def test_the_kinds_keep_their_places() -> None:
    # Stores hold the places. Add at the end; never move or remove.
    assert KINDS == ("accepted", "refused", "mixed", "withdrawn")


def test_a_day_begins_at_midnight_utc() -> None:
    assert (day_of(0), day_of(86_399), day_of(86_400)) == (0, 0, 1)
