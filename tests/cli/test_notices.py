"""`bandeau notice`: new, check, publish, show."""

import hashlib
import json
from contextlib import closing
from pathlib import Path

import pytest

from bandeau.cli.options import published_notice
from bandeau.errors import MisconfiguredError
from bandeau.ledger.sqlite import SqliteStore
from bandeau.locale import catalogues
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice, base64url
from tests.cli.conftest import WITH_A_NEW_PARTY, Run


def read(file: Path) -> Notice:
    return read_notice(file.read_bytes(), catalogues())


# --- new ----------------------------------------------------------------------------


def test_a_first_notice_is_one_that_check_accepts(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "first.toml"

    wrote = run("notice", "new", file, "--yes")
    checked = run("notice", "check", file)

    assert 0 == wrote.exit_code
    assert "controller.name, controller.address" in wrote.stdout
    assert 0 == checked.exit_code
    assert checked.stdout.startswith("ok")


def test_options_answer_the_questions(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "first.toml"
    answers = {
        "--domain": "www.courrier.example",
        "--name": 'Le "Courrier" \\ du Canal\x7f',
        "--address": "3, quai des Mariniers",
        "--contact": "a@b.example",
    }
    more = ["--language", "fr", "--language", "en", "--purpose", "ads", "--service"]

    wrote = run(
        *("notice", "new", file, "--yes"),
        *(word for pair in answers.items() for word in pair),
        *(*more, "ads=AdMarket@ads.example", "--purpose", "social"),
    )

    notice = read(file)
    assert "Still to be filled in" not in wrote.stdout
    assert "courrier" == notice.site
    assert answers["--name"] == notice.controller.name
    assert ("fr", "en") == notice.languages
    assert ("ads", "social") == notice.asked
    assert ("AdMarket",) == notice.partners
    assert notice.services_for("ads")[0].answers_for("https://ads.example/x.js")


def test_a_question_is_asked_until_it_is_answered_well(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "first.toml"
    typed = [
        *("no_host", "https://www.courrier.example/home"),
        *("", "Le Courrier", "3, quai", ""),
        *("xx", "fr, en"),
        *("audiance", "audience, social"),
        *("Plume@metrics.example, Agora", "Agora@agora.example"),
    ]

    asked = run("notice", "new", file, typed="\n".join(typed) + "\n")

    notice = read(file)
    assert 0 == asked.exit_code, asked.stderr
    assert "'no_host' is no host name." in asked.stderr
    assert "There are no texts in 'xx'." in asked.stderr
    assert "There is no purpose 'audiance'" in asked.stderr
    assert ("www.courrier.example",) == notice.domains
    assert "privacy@courrier.example" == notice.controller.contact
    assert ("plume", "agora") == tuple(s.id for s in notice.services_for("audience"))
    agora = notice.service("agora")
    assert agora is not None
    assert ("audience", "social") == agora.purposes
    assert ("agora.example",) == agora.hosts


@pytest.mark.parametrize(
    "name", ["24 Heures", "新聞", "L'Été à la plage, et bien d'autres choses encore"]
)
def test_any_name_makes_an_id(run: Run, tmp_path: Path, name: str) -> None:
    file = tmp_path / "first.toml"

    run("notice", "new", file, "--yes", "--service", f"audience={name}")

    assert name in [service.name for service in read(file).services]


@pytest.mark.parametrize("service", ["Plume", "audience=", "ads=Plume", "=x"])
def test_an_option_that_cannot_be_read_writes_nothing(
    run: Run, tmp_path: Path, service: str
) -> None:
    file = tmp_path / "first.toml"

    refused = run("notice", "new", file, "--yes", "--service", service)

    assert 2 == refused.exit_code
    assert "PURPOSE=NAME[@HOST]" in refused.stderr
    assert not file.exists()


def test_a_file_that_is_there_is_written_over_only_by_force(
    run: Run, notice_file: Path
) -> None:
    before = notice_file.read_bytes()

    refused = run("notice", "new", notice_file, "--yes")
    untouched = notice_file.read_bytes()
    forced = run("notice", "new", notice_file, "--yes", "--force")

    assert 2 == refused.exit_code
    assert "--force" in refused.stderr
    assert before == untouched
    assert 0 == forced.exit_code
    assert before != notice_file.read_bytes()


# --- check --------------------------------------------------------------------------


def test_every_mistake_is_told_with_its_place(run: Run, notice_file: Path) -> None:
    text = notice_file.read_text(encoding="utf-8")
    text = text.replace('"13 months"', '"a while"').replace("country", "contry")
    notice_file.write_text(text, encoding="utf-8")

    told = run("notice", "check", notice_file)

    assert 1 == told.exit_code
    assert "2 mistakes" in told.stdout
    assert "services[0].contry: There is no such key. Did you mean" in told.stdout
    assert "services[0].cookies[0].lifetime: 'a while'" in told.stdout


def test_mistakes_are_told_to_programs_too(run: Run, notice_file: Path) -> None:
    notice_file.write_text('site = "x"\n', encoding="utf-8")

    told = run("notice", "check", notice_file, "--json")

    assert 1 == told.exit_code
    answer = json.loads(told.stdout)
    assert answer["ok"] is False
    assert "controller" in [mistake["place"] for mistake in answer["mistakes"]]


def test_a_notice_without_mistakes_is_summed_up(run: Run, notice_file: Path) -> None:
    told = run("notice", "check", notice_file)
    as_json = json.loads(run("notice", "check", notice_file, "--json").stdout)

    assert 0 == told.exit_code
    assert read(notice_file).digest in told.stdout
    assert "Plume SAS" in told.stdout
    assert "bytes (brotli)" in told.stdout
    assert as_json["ok"] is True
    assert {"en", "fr"} == as_json["weight"].keys()
    assert read(notice_file).digest == as_json["digest"]


def test_a_missing_notice_says_how_to_write_one(run: Run, tmp_path: Path) -> None:
    told = run("notice", "check", tmp_path / "none.toml")

    assert 2 == told.exit_code
    assert told.stderr.startswith("Error: There is no file")
    assert "Hint: `bandeau notice new`" in told.stderr


# --- publish ------------------------------------------------------------------------


def test_publishing_creates_the_store_and_says_so(
    run: Run, notice_file: Path, tmp_path: Path
) -> None:
    published = run("notice", "publish", notice_file, "--store", tmp_path / "new")

    assert 0 == published.exit_code
    assert "Created the store" in published.stderr
    assert read(notice_file).digest in published.stdout
    assert "Every visitor is asked" in published.stdout


def test_publishing_twice_changes_nothing(
    run: Run, notice_file: Path, folder: Path
) -> None:
    again = run("notice", "publish", notice_file, "--store", folder)
    listed = json.loads(run("notice", "show", "--store", folder, "--json").stdout)

    assert 0 == again.exit_code
    assert "nothing has changed" in again.stdout
    assert 1 == len(listed)


def test_who_is_asked_again_is_told(run: Run, notice_file: Path, folder: Path) -> None:
    text = notice_file.read_text(encoding="utf-8") + WITH_A_NEW_PARTY
    text = text.replace('{ id = "ads" }', '{ id = "ads" }, { id = "social" }')
    notice_file.write_text(text, encoding="utf-8")

    published = run("notice", "publish", notice_file, "--store", folder)

    assert "New purposes: social" in published.stdout
    assert "New services: vigie" in published.stdout
    assert "everybody, about social" in published.stdout
    assert "who accepted, about audience" in published.stdout
    assert "about ads" not in published.stdout


def test_who_is_asked_again_is_told_to_programs(
    run: Run, notice_file: Path, folder: Path
) -> None:
    with notice_file.open("a", encoding="utf-8") as file:
        file.write(WITH_A_NEW_PARTY)

    published = run("notice", "publish", notice_file, "--store", folder, "--json")

    answer = json.loads(published.stdout)
    assert answer["published"] is True
    assert ["vigie"] == answer["change"]["new_services"]
    assert ["audience"] == answer["change"]["asks_who_accepted"]
    assert [] == answer["change"]["asks_everybody"]


def test_a_change_of_words_asks_nobody(
    run: Run, notice_file: Path, folder: Path
) -> None:
    text = notice_file.read_text(encoding="utf-8")
    text = text.replace("telling visitors apart", "counting visitors once")
    notice_file.write_text(text, encoding="utf-8")

    published = run("notice", "publish", notice_file, "--store", folder)

    assert "Nobody is asked again" in published.stdout


def test_a_notice_with_mistakes_creates_no_store(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "notice.toml"
    file.write_text("site = 1\n", encoding="utf-8")

    refused = run("notice", "publish", file, "--store", tmp_path / "store")

    assert 2 == refused.exit_code
    assert "site: Expected `str`" in refused.stderr
    assert not (tmp_path / "store").exists()


# --- show ---------------------------------------------------------------------------


def test_the_canonical_bytes_are_those_that_the_digest_names(
    run: Run, notice_file: Path, folder: Path
) -> None:
    digest = read(notice_file).digest

    shown = run("notice", "show", digest[:8], "--store", folder, "--canonical")

    assert digest == base64url(hashlib.sha256(shown.stdout_bytes).digest())


def test_a_published_notice_is_shown_whole(
    run: Run, notice_file: Path, folder: Path
) -> None:
    digest = read(notice_file).digest

    shown = run("notice", "show", digest, "--store", folder).stdout
    as_json = run("notice", "show", digest[:6], "--json", "--store", folder).stdout

    assert "Le Courrier, 3, quai des Mariniers" in shown
    assert "_pm*  cookie  13 months  telling visitors apart\n" in shown
    assert "courrier" == json.loads(as_json)["notice"]["site"]
    assert json.loads(as_json)["published"][0]["present"] is True


def test_all_notices_are_listed(run: Run, notice_file: Path, folder: Path) -> None:
    with notice_file.open("a", encoding="utf-8") as file:
        file.write(WITH_A_NEW_PARTY)
    run("notice", "publish", notice_file, "--store", folder)

    listed = run("notice", "show", store=folder).stdout.splitlines()

    assert 3 == len(listed)
    assert "present" in listed[1]
    assert "earlier" in listed[2]


def test_a_digest_that_begins_with_a_hyphen_is_no_option(
    run: Run, folder: Path
) -> None:
    shown = run("notice", "show", "-kU9", "--store", folder)

    assert 2 == shown.exit_code
    assert "No published notice begins with '-kU9'." in shown.stderr


def test_a_beginning_that_several_have_lists_them(
    run: Run, notice_file: Path, folder: Path
) -> None:
    first = read(notice_file).digest
    with notice_file.open("a", encoding="utf-8") as file:
        file.write(WITH_A_NEW_PARTY)
    run("notice", "publish", notice_file, "--store", folder)
    both = sorted([first, read(notice_file).digest])

    with (
        closing(SqliteStore.open(folder)) as store,
        pytest.raises(MisconfiguredError) as refused,
    ):
        published_notice(store, "")

    assert f"One of {', '.join(both)}." == refused.value.hint
