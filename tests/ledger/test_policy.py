"""Policies: who is believed, and when they are enough."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger.note import SignatureType, SigningKey, VerifierKey
from bandeau.ledger.policy import read_policy
from tests.ledger.worked import LOG_VKEY, POLICY, VECTORS, WITNESS_VKEY


def witness(number: int) -> VerifierKey:
    seed = number.to_bytes(32, "big")
    kind = SignatureType.COSIGNATURE
    return SigningKey.from_seed(seed, name=f"w{number}.example", type=kind).verifier


KEYS = {
    name: witness(number) for number, name in enumerate("x1 x2 x3 y1 y2 y3".split())
}
WITNESSES = "".join(f"witness {name} {key.text}\n" for name, key in KEYS.items())

# The example of the specification, its names in small letters.
EXAMPLE = (
    f"log {LOG_VKEY}\n\n{WITNESSES}"
    "group x-witnesses 2 x1 x2 x3\n"
    "group y-witnesses any y1 y2 y3\n\n"
    "group x-and-y all x-witnesses y-witnesses\n"
    "quorum x-and-y\n"
)


def test_the_example_of_the_specification_under_every_set_of_witnesses() -> None:
    policy = read_policy(EXAMPLE.encode())

    for count in range(7):
        for names in itertools.combinations(KEYS, count):
            x, y = (sum(name[0] == letter for name in names) for letter in "xy")
            expected = x >= 2 and y >= 1
            assert expected == policy.is_quorum([KEYS[name] for name in names])


@given(st.integers(1, 6), st.sets(st.sampled_from(sorted(KEYS))))
def test_k_of_n(threshold: int, names: set[str]) -> None:
    policy = read_policy(
        f"{WITNESSES}group g {threshold} {' '.join(KEYS)}\nquorum g\n".encode()
    )

    assert (len(names) >= threshold) == policy.is_quorum([KEYS[name] for name in names])


def test_a_quorum_of_one_witness_and_of_none() -> None:
    assert read_policy(POLICY).quorum == "w1"
    assert not read_policy(POLICY).is_quorum([])
    assert not read_policy(POLICY).is_quorum([KEYS["x1"]])
    assert read_policy(b"quorum none\n").is_quorum([])


def test_a_log_is_known_by_its_origin() -> None:
    policy = read_policy(POLICY)

    keys = policy.log_keys("ledger.example/shop/2026")

    assert [LOG_VKEY] == [key.text for key in keys]
    assert () == policy.log_keys("ledger.example/shop/2025")


def test_spaces_comments_addresses_and_other_octets() -> None:
    text = (
        f"# a comment\n\n \t \n  #another\n"
        f"\tlog\t{LOG_VKEY}  https://ledger.example/\t\n"
        f"witness K\u212a\u00a0 {WITNESS_VKEY} https://w1.example\n"
    ).encode() + b"group g\xff any K\xe2\x84\xaa\xc2\xa0\nquorum g\xff\n# \x80\n"

    policy = read_policy(text)

    assert "https://ledger.example/" == policy.logs[0].url
    assert "https://w1.example" == policy.witnesses[0].url
    assert "K\u212a\u00a0" == policy.witnesses[0].name
    assert policy.is_quorum([policy.witnesses[0].key])


def test_a_log_may_have_two_keys_and_ml_dsa_44_serves_both() -> None:
    key = SigningKey.derive(bytes(32), name="l", type=SignatureType.ML_DSA_44)
    other = SigningKey.derive(bytes(32), name="l", type=SignatureType.ED25519)
    policy = read_policy(
        f"log {key.verifier.text}\nlog {other.verifier.text}\n"
        f"witness w {VECTORS['mldsa']['vkey']}\nquorum w\n".encode()
    )

    assert (key.verifier, other.verifier) == policy.log_keys("l")


RENAMED = VerifierKey(
    name="another.example", type=KEYS["x1"].type, public=KEYS["x1"].public
)
MISTAKES = {
    "": "no quorum|newline",
    "quorum none": "newline",
    "quorum none\r\n": "control",
    "quorum none\x0b\n": "control",
    "quorum none\nquorum none\n": "second quorum",
    "log x\nquorum none\n": "three parts",
    f"log\u00a0{LOG_VKEY}\nquorum none\n": "none of log",
    f"Log {LOG_VKEY}\nquorum none\n": "none of log",
    f"log {LOG_VKEY} https://a b\nquorum none\n": "none of log",
    f"log {WITNESS_VKEY}\nquorum none\n": "not the key of a log",
    f"witness w {LOG_VKEY}\nquorum w\n": "not the key of a witness",
    f"log {LOG_VKEY}\nlog {LOG_VKEY}\nquorum none\n": "listed already",
    f"{WITNESSES}witness z {RENAMED.text}\nquorum none\n": "listed already",
    f"{WITNESSES}witness x1 {WITNESS_VKEY}\nquorum none\n": "name already",
    f"witness none {WITNESS_VKEY}\nquorum none\n": "name already",
    f"quorum w\nwitness w {WITNESS_VKEY}\n": "anything above",
    f"group g any w\nwitness w {WITNESS_VKEY}\nquorum g\n": "anything above",
    f"{WITNESSES}group g any g x1\nquorum g\n": "anything above",
    f"{WITNESSES}group g any none\nquorum g\n": "anything above",
    f"{WITNESSES}group x1 any x2\nquorum x1\n": "name already",
    f"{WITNESSES}group g any x1 x1\nquorum g\n": "member already",
    f"{WITNESSES}group g any x1\ngroup h any x1 x2\nquorum g\n": "member already",
    f"{WITNESSES}group g any\nquorum g\n": "none of log",
    f"{WITNESSES}group g 0 x1\nquorum g\n": "needs all, any",
    f"{WITNESSES}group g 2 x1\nquorum g\n": "needs all, any",
    f"{WITNESSES}group g 01 x1\nquorum g\n": "needs all, any",
    f"{WITNESSES}group g +1 x1\nquorum g\n": "needs all, any",
    f"{WITNESSES}group g ١ x1\nquorum g\n": "needs all, any",
    f"{WITNESSES}group g All x1\nquorum g\n": "needs all, any",
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_a_policy_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match=MISTAKES[text]):
        read_policy(text.encode())


def test_a_mistake_has_a_line() -> None:
    with pytest.raises(MalformedError) as caught:
        read_policy(f"# first\n\nlog {LOG_VKEY}x\nquorum none\n".encode())

    assert "line 3" == caught.value.place
