"""An answer as a plain form sends it, without a script."""

import json
from typing import Any

import pytest

from bandeau.ledger.sqlite import SqliteStore
from bandeau.model.cookie import read_cookie
from bandeau.model.notices import Notice
from tests.collector.conftest import Browser, new_key, new_subject

Form = dict[str, Any]


@pytest.fixture
def form(notice: Notice) -> Form:
    return {"notice": notice.digest, "via": "settings", "action": "refuse"}


def said(answer: Any) -> Any:
    value = answer.headers.get_list("set-cookie")[0].split("; ")[0]
    return read_cookie(value.removeprefix("bandeau="))


def newest(store: SqliteStore) -> dict[str, Any]:
    return json.loads(store.page("courrier", limit=1)[0].record.body)


@pytest.mark.parametrize(
    ("changes", "letters"),
    [
        ({"action": "accept"}, "yyyyy"),
        ({"action": "refuse"}, "nnnnn"),
        ({"action": "withdraw"}, "nnnnn"),
        ({"action": "save"}, "nnnnn"),
        ({"action": "save", "purpose": ["social", "ads"]}, "nynny"),
    ],
)
def test_a_button_answers_for_every_purpose(
    changes: Form, letters: str, browser: Browser, form: Form
) -> None:
    answer = browser.press(form | changes)

    assert answer.status_code == 303
    assert said(answer).letters == letters
    assert bool(said(answer).subject) == ("y" in letters)
    assert answer.headers["cache-control"] == "no-store"


def test_a_ticked_service_is_accepted_by_name(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    answer = browser.press(form | {"action": "save", "service": "video"})

    assert said(answer).services == ("video",)
    assert newest(store)["services"] == {"video": "y"}


def test_the_visitor_goes_back_where_they_came_from(
    browser: Browser, form: Form
) -> None:
    answer = browser.press(form | {"back": "/fr/article?p=2"})

    assert answer.headers["location"] == "/fr/article?p=2"


def test_a_way_back_to_another_host_is_not_taken(browser: Browser, form: Form) -> None:
    answer = browser.press(
        form | {"back": "//evil.example"}, referer="https://news.example/here"
    )

    assert answer.headers["location"] == "/here"


def test_the_first_layer_asks_only_about_what_is_new(
    browser: Browser, notice: Notice, form: Form
) -> None:
    subject, mark = new_subject(), notice.digest[:8]
    cookie = f"bandeau=1.{mark}.g10.yn---.{subject}~video:y"
    answer = browser.press(form | {"via": "first-layer"}, cookie=cookie)

    assert said(answer).letters == "ynnnn"
    assert said(answer).services == ("video",)
    assert said(answer).subject == subject


def test_in_the_settings_all_means_all(
    browser: Browser, notice: Notice, form: Form
) -> None:
    cookie = f"bandeau=1.{notice.digest[:8]}.g10.yn---.{new_subject()}~video:y"
    answer = browser.press(form, cookie=cookie)

    assert said(answer).letters == "nnnnn"
    assert said(answer).services == ()


def test_refusing_after_a_yes_is_a_withdrawal_that_finds_it(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    accepted = browser.press(form | {"action": "accept"})
    cookie = accepted.headers["set-cookie"].split("; ")[0]
    answer = browser.press(form, cookie=cookie)

    assert said(answer).subject == ""
    assert newest(store)["via"] == "withdrawal"
    first, second = store.page("courrier")
    assert first.record.subject == second.record.subject
    assert first.record.subject is not None


def test_a_first_refusal_leaves_no_identifier(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    browser.press(form)

    assert "subject" not in newest(store)


def test_an_unreadable_cookie_is_silence(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    answer = browser.press(form, cookie="bandeau=1.xx.yy")

    assert answer.status_code == 303
    assert newest(store)["via"] == "settings"


def test_a_form_may_bring_its_own_request_key(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    form["request"] = new_key()
    browser.press(form)
    again = browser.press(form)

    assert again.status_code == 303
    assert store.size("courrier") == 1


def test_every_press_without_a_key_is_a_choice_of_its_own(
    browser: Browser, store: SqliteStore, form: Form
) -> None:
    browser.press(form)
    browser.press(form)

    assert store.size("courrier") == 2


def test_fields_of_the_sites_own_are_left_alone(browser: Browser, form: Form) -> None:
    assert browser.press(form | {"csrfmiddlewaretoken": "x"}).status_code == 303


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"action": "maybe"}, "action"),
        ({"action": ""}, "action"),
        ({"via": "letter"}, "via"),
        ({"notice": "x"}, "notice"),
        ({"action": "save", "purpose": "radio"}, "answers.radio"),
        ({"action": "save", "purpose": "technical"}, "answers.technical"),
        ({"action": "save", "service": "radio"}, "services.radio"),
        ({"action": "save", "service": "session"}, "services.session"),
        ({"request": "x"}, "request"),
    ],
)
def test_a_wrong_form_is_refused_with_its_place(
    changes: Form, place: str, browser: Browser, store: SqliteStore, form: Form
) -> None:
    answer = browser.press(form | changes)

    assert answer.status_code == 400
    assert [error["place"] for error in answer.json()["errors"]] == [place]
    assert store.size("courrier") == 0


def test_a_form_that_is_not_utf_8_is_refused(browser: Browser) -> None:
    answer = browser.send(
        "POST",
        "/bandeau/choice",
        content=b"via=%ff",
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "origin": "https://news.example",
        },
    )

    assert answer.status_code == 400


def test_a_problem_page_escapes_what_it_names(browser: Browser, form: Form) -> None:
    answer = browser.press(
        form | {"action": "save", "purpose": "<script>"}, accept="text/html"
    )

    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
