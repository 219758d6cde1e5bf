"""`bandeau banner`: what is written is what a browser would receive."""

import json
from pathlib import Path

import brotli
import pytest

from bandeau.banner import render
from bandeau.cli import banners
from bandeau.collector.sites import Sites
from bandeau.ledger.sqlite import SqliteStore
from bandeau.regimes import regime_for
from tests.cli.conftest import WITH_A_NEW_PARTY, Run


def test_the_files_are_written_and_weighed(
    run: Run, notice_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "static" / "consent"

    told = run("banner", notice_file, "--lang", "fr", "--out", out)

    body = (out / "banner.js").read_bytes()
    assert ["banner.js"] == [file.name for file in out.iterdir()]
    assert "Tout refuser" in body.decode()
    assert f"{len(body):,}" in told.stdout
    assert f"{len(brotli.compress(body, quality=11)):,}" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("total")


def test_weights_are_told_to_programs(run: Run, notice_file: Path) -> None:
    told = json.loads(run("banner", notice_file, "--json").stdout)

    assert "en" == told["language"]
    assert told["files"]["banner.js"] == told["total"]
    assert told["total"]["brotli"] < told["total"]["raw"]


def test_a_published_notice_gives_what_the_collector_serves(
    run: Run, notice_file: Path, folder: Path, tmp_path: Path
) -> None:
    with notice_file.open("a", encoding="utf-8") as file:
        file.write(WITH_A_NEW_PARTY)
    run("notice", "publish", notice_file, "--store", folder)
    store = SqliteStore.open(folder)
    digest = store.notices("courrier")[-1].digest
    sites = Sites(store, only=None, regime=regime_for(""), endpoint=render.ENDPOINT)
    sites.load()
    store.close()

    run("banner", digest[:8], "--store", folder, "--out", tmp_path / "one")
    run("banner", notice_file, "--store", folder, "--out", tmp_path / "two")

    (served,) = [site.scripts["en"].renditions["identity"].body for site in sites]
    assert served == (tmp_path / "one" / "banner.js").read_bytes()
    assert served == (tmp_path / "two" / "banner.js").read_bytes()


def test_a_language_that_the_notice_does_not_speak_is_an_error(
    run: Run, notice_file: Path
) -> None:
    refused = run("banner", notice_file, "--lang", "de")

    assert 2 == refused.exit_code
    assert "Hint: One of en, fr." in refused.stderr


def test_a_folder_that_cannot_be_written_is_an_error(
    run: Run, notice_file: Path
) -> None:
    refused = run("banner", notice_file, "--out", notice_file / "below")

    assert 2 == refused.exit_code
    assert "cannot be written" in refused.stderr


@pytest.mark.parametrize("country", ["FRA", "F", "12"])
def test_a_country_is_two_letters(run: Run, notice_file: Path, country: str) -> None:
    refused = run("banner", notice_file, "--country", country)

    assert 2 == refused.exit_code
    assert f"'{country}' is no country code." in refused.stderr


def test_the_default_endpoint_is_the_renderers() -> None:
    assert render.ENDPOINT == banners.ENDPOINT
