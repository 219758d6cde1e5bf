"""The layers stand as long as import-linter is told about them."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]
CONTRACTS = {contract["id"]: contract for contract in LINTER["contracts"]}

# docs: "Everything from errors up to signals, and the deciding part of gate, is pure."
PURE = ("errors", "model", "codecs", "signals", "regimes", "gate")


def test_no_contract_has_quietly_vanished() -> None:
    assert ["layers", "pure", "strangers", "acyclic"] == list(CONTRACTS)


def test_a_new_folder_must_be_given_its_layer() -> None:
    assert CONTRACTS["layers"]["exhaustive"] is True
    assert "exhaustive_ignores" not in CONTRACTS["layers"]


def test_no_import_is_excused() -> None:
    excuses = {
        name: contract["ignore_imports"]
        for name, contract in CONTRACTS.items()
        if "ignore_imports" in contract
    }

    assert {"strangers": ["bandeau.regimes.* -> bandeau.regimes.table"]} == excuses


def test_every_pure_folder_that_exists_is_watched() -> None:
    package = ROOT / "src" / "bandeau"
    existing = {
        f"bandeau.{name}"
        for name in PURE
        if (package / name / "__init__.py").exists()
        or (package / f"{name}.py").exists()
    }

    unwatched = existing - set(CONTRACTS["pure"]["source_modules"])

    assert not unwatched, (
        f"Add {sorted(unwatched)} to the source_modules of the contract 'pure' in "
        f"pyproject.toml."
    )
