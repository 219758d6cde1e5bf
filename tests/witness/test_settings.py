"""Who a witness is: made once, and refused in one sentence where something is wrong."""

import stat
import sys
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError, StoreMissingError
from bandeau.ledger.note import SignatureType, SigningKey
from bandeau.witness import WitnessStore, new_witness, read_settings
from tests.witness.conftest import NAME, GrowingLog, watch


def test_a_new_witness_can_be_opened_and_keeps_its_key(tmp_path: Path) -> None:
    made = new_witness(NAME, tmp_path / "deep" / "w")

    read = read_settings(tmp_path / "deep" / "w" / "witness.toml")
    WitnessStore.open(read.store, read.vkey).close()

    assert made.vkey == read.vkey
    assert {} == read.logs
    assert ["COSIGNATURE", "ML_DSA_44"] == [key.verifier.type.name for key in read.keys]
    assert {NAME} == {key.verifier.name for key in read.keys}


def test_what_is_secret_is_its_owner_s(folder: Path) -> None:
    paths = (folder, folder / "seed", folder / "witness.sqlite3")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in paths]

    assert [0o700, 0o600, 0o600] == modes


def test_no_witness_is_made_over_another(folder: Path) -> None:
    before = (folder / "seed").read_bytes()

    with pytest.raises(MisconfiguredError, match="a witness in"):
        new_witness(NAME, folder)
    (folder / "witness.toml").unlink()
    with pytest.raises(MisconfiguredError, match="already"):
        new_witness(NAME, folder)

    assert before == (folder / "seed").read_bytes()


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x7fb", "é" * 128])
def test_a_witness_has_a_name_that_a_note_can_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(MisconfiguredError, match="cannot be the name"):
        new_witness(name, tmp_path)

    assert [] == list(tmp_path.iterdir())


def test_any_other_name_is_read_as_it_was_given(tmp_path: Path) -> None:
    name = 'témoin.example/"\\u0041"'

    new_witness(name, tmp_path)

    assert name == read_settings(tmp_path / "witness.toml").name


def test_logs_are_known_by_their_origins(folder: Path) -> None:
    one, other = GrowingLog("a.example"), GrowingLog("b.example")
    second = SigningKey.derive(
        bytes(32), name="a.example", type=SignatureType.ML_DSA_44
    )
    watch(folder, one.vkey, other.vkey, second.verifier.text)

    logs = read_settings(folder / "witness.toml").logs

    assert {
        "a.example": (one.key.verifier, second.verifier),
        "b.example": (other.key.verifier,),
    } == logs


COSIGNER = SigningKey.derive(bytes(32), name="a", type=SignatureType.COSIGNATURE)


@pytest.mark.parametrize(
    ("vkeys", "problem"),
    [
        (["nonsense"], "Log 1 .* three parts"),
        ([GrowingLog().vkey, GrowingLog().vkey], "Log 2 .* already"),
        ([COSIGNER.verifier.text], "not the key of a log"),
        ([GrowingLog(NAME).vkey], "has the name of the witness"),
        ([GrowingLog("é" * 128).vkey], "too long"),
    ],
)
def test_a_log_that_cannot_be_watched_is_named_by_its_place(
    folder: Path, vkeys: list[str], problem: str
) -> None:
    watch(folder, *vkeys)

    with pytest.raises(MisconfiguredError, match=problem):
        read_settings(folder / "witness.toml")


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("", "name"),
        ("name = ", "cannot be understood"),
        ('name = "w"', "logs"),
        ("name = 1\nlogs = []", "str"),
        ('name = "w"\nlogs = []\nsead = "x"', "sead"),
        ('name = "w w"\nlogs = []', "cannot be the name"),
        ('name = "w"\nlogs = []\nseed = "none"', "no seed"),
        ('name = "\xff"\nlogs = []', "cannot be understood"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_sentence(
    folder: Path, toml: str, problem: str
) -> None:
    (folder / "witness.toml").write_bytes(toml.encode("latin-1"))

    with pytest.raises(MisconfiguredError, match=problem):
        read_settings(folder / "witness.toml")


def test_a_seed_that_others_may_read_is_not_used(folder: Path) -> None:
    (folder / "seed").chmod(0o644)

    with pytest.raises(MisconfiguredError, match="Others than its owner"):
        read_settings(folder / "witness.toml")


def test_without_ml_dsa_44_there_is_one_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = read_settings(folder / "witness.toml").keys
    name = "cryptography.hazmat.primitives.asymmetric.mldsa"
    monkeypatch.setitem(sys.modules, name, None)

    one = read_settings(folder / "witness.toml")

    assert [both[0].verifier] == [key.verifier for key in one.keys]
    WitnessStore.open(one.store, one.vkey).close()


# ---------------------------------------------------------------- the store


def test_a_store_is_never_made_by_opening(tmp_path: Path) -> None:
    file = tmp_path / "witness.sqlite3"

    for octets in (None, b""):
        if octets is not None:
            file.write_bytes(octets)
        with pytest.raises(StoreMissingError, match="no store"):
            WitnessStore.open(file, "vkey")

    assert b"" == file.read_bytes()


def test_another_key_does_not_go_on_from_a_store(folder: Path, tmp_path: Path) -> None:
    other = new_witness("other.example", tmp_path / "other")

    with pytest.raises(MisconfiguredError, match="another witness"):
        WitnessStore.open(folder / "witness.sqlite3", other.vkey)


def test_a_file_of_another_program_is_refused(folder: Path) -> None:
    (folder / "witness.sqlite3").write_bytes(b"no database" * 100)

    with pytest.raises(MisconfiguredError):
        WitnessStore.open(folder / "witness.sqlite3", "vkey")
