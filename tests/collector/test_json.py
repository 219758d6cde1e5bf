"""An answer as the banner's script sends it."""

import base64
import hashlib
import json
from typing import Any

import pytest

from bandeau.collector import Collector
from bandeau.errors import UnavailableError
from bandeau.ledger.sqlite import SqliteStore
from bandeau.model.choices import choice_of
from bandeau.model.cookie import read_cookie
from bandeau.model.notices import Notice
from tests.collector.conftest import NOW, Browser, choice, new_subject

Body = dict[str, Any]
SECONDS_TO_MAY_24 = 181 * 86_400 - 12 * 3600


def set_cookies(answer: Any) -> list[str]:
    return answer.headers.get_list("set-cookie")


def kept_body(store: SqliteStore, index: int) -> Body:
    kept = store.record("courrier", index)
    assert kept is not None
    return json.loads(kept.record.body)


def test_a_yes_is_recorded_and_kept_in_a_cookie(
    browser: Browser, store: SqliteStore, notice: Notice, accepting: Body
) -> None:
    answer = browser.answer(accepting)

    assert answer.status_code == 201
    at = "2026-11-24T12:00:00Z"
    assert answer.json() == {"record": 0, "notice": notice.digest, "at": at}
    assert answer.headers["cache-control"] == "no-store"
    (cookie,) = set_cookies(answer)
    value, *attributes = cookie.removeprefix("bandeau=").split("; ")
    said = read_cookie(value)
    assert said.letters == "yyyyy"
    assert said.subject == accepting["subject"]
    assert set(attributes) == {
        "Path=/",
        f"Max-Age={SECONDS_TO_MAY_24}",
        "SameSite=Lax",
        "Secure",
    }
    assert kept_body(store, 0)["answers"] == "yyyyy"
    assert kept_body(store, 0)["notice"] == notice.digest


def test_the_cookie_is_read_back_as_the_same_choice(
    browser: Browser, notice: Notice
) -> None:
    answer = browser.answer(choice(notice, "ynyn-", services="~video:y"))

    value = set_cookies(answer)[0].split("; ")[0].removeprefix("bandeau=")
    said = choice_of(value, notice, (), now=NOW, months=6)
    assert said.letters == "ynyn-"
    assert list(said.services) == ["video"]


def test_a_refusal_leaves_no_identifier(
    browser: Browser, store: SqliteStore, refusing: Body
) -> None:
    answer = browser.answer(refusing)

    assert answer.status_code == 201
    assert read_cookie(set_cookies(answer)[0].split("; ")[0][8:]).subject == ""
    kept = store.record("courrier", 0)
    assert kept is not None
    assert kept.record.subject is None
    assert b"subject" not in kept.record.body


def test_neither_address_nor_browser_nor_id_is_recorded(
    browser: Browser, store: SqliteStore, accepting: Body
) -> None:
    browser.answer(accepting, user_agent="Netscape 4", x_forwarded_for="192.0.2.7")

    body = json.dumps(kept_body(store, 0))
    assert "Netscape" not in body
    assert "192.0.2.7" not in body
    assert "127.0.0.1" not in body
    assert accepting["subject"] not in body


def test_a_withdrawal_is_found_under_the_id_of_the_yes_it_ends(
    browser: Browser, store: SqliteStore, notice: Notice, accepting: Body
) -> None:
    browser.answer(accepting)
    subject = accepting["subject"]
    answer = browser.answer(choice(notice, "n", via="withdrawal", subject=subject))

    assert answer.status_code == 201
    assert read_cookie(set_cookies(answer)[0].split("; ")[0][8:]).subject == ""
    id_ = bytes.fromhex(subject)
    key = id_[:6] + hashlib.sha256(id_).digest()[:10]
    assert [k.index for k in store.of_subject("courrier", key)] == [1, 0]
    newest = store.of_subject("courrier", key)[0]
    assert newest.record.kind == "withdrawn"


def test_a_yes_without_an_id_gets_one(
    browser: Browser, store: SqliteStore, notice: Notice
) -> None:
    answer = browser.answer(choice(notice, "y", subject=...))

    assert sorted(answer.json()) == ["at", "notice", "record"]
    subject = read_cookie(set_cookies(answer)[0].split("; ")[0][8:]).subject
    id_ = bytes.fromhex(subject)
    key = id_[:6] + hashlib.sha256(id_).digest()[:10]
    assert len(store.of_subject("courrier", key)) == 1


@pytest.mark.parametrize(
    "services", ["~video:y", {"video": "accepted"}], ids=["cookie", "object"]
)
def test_a_service_may_be_accepted_by_name(
    browser: Browser, store: SqliteStore, notice: Notice, services: object
) -> None:
    answer = browser.answer(
        choice(notice, "-", services=services, subject=new_subject(), via="placeholder")
    )

    assert answer.status_code == 201
    assert kept_body(store, 0)["services"] == {"video": "y"}


# --- once ----------------------------------------------------------------------------


def test_a_retry_gets_the_same_record(
    browser: Browser, store: SqliteStore, accepting: Body
) -> None:
    first = browser.answer(accepting)
    again = browser.answer(accepting)

    assert [first.status_code, again.status_code] == [201, 200]
    assert first.json() == again.json()
    assert store.size("courrier") == 1


def test_a_used_key_with_another_choice_is_a_conflict(
    browser: Browser, store: SqliteStore, notice: Notice, refusing: Body
) -> None:
    browser.answer(refusing)
    answer = browser.answer(choice(notice, "y", request=refusing["request"]))

    assert answer.status_code == 409
    assert set_cookies(answer) == []
    assert kept_body(store, 0)["answers"] == "nnnnn"
    assert store.size("courrier") == 1


def test_an_id_minted_for_a_retry_belongs_to_no_record(
    browser: Browser, notice: Notice
) -> None:
    body = choice(notice, "y", subject="")
    browser.answer(body)
    again = browser.answer(body)

    assert again.status_code == 200
    assert read_cookie(set_cookies(again)[0].split("; ")[0][8:]).subject == ""


def test_the_late_answer_to_an_older_choice_does_not_bring_its_cookie_back(
    browser: Browser, notice: Notice, accepting: Body, refusing: Body
) -> None:
    newer = set_cookies(browser.answer(refusing))[0].split("; ")[0]
    late = browser.answer(accepting, cookie=f"{newer}; _pm_id=1")

    assert late.status_code == 201
    assert set_cookies(late) == []


def test_the_same_choice_of_another_day_renews_the_cookie(
    browser: Browser, notice: Notice, refusing: Body
) -> None:
    letters, mark = "nnnnn", notice.digest[:8]
    answer = browser.answer(refusing, cookie=f"bandeau=1.{mark}.g00.{letters}")

    assert len(set_cookies(answer)) == 1


# --- what is wrong ---------------------------------------------------------------------

WRONG: dict[str, tuple[Body, list[str]]] = {
    "no notice": ({"notice": ...}, ["notice"]),
    "no such notice": ({"notice": "x" * 42}, ["notice"]),
    "a notice that is no text": ({"notice": 3}, ["notice"]),
    "no request key": ({"request": ...}, ["request"]),
    "empty request key": ({"request": ""}, ["request"]),
    "short request key": ({"request": "0" * 31}, ["request"]),
    "key in capitals": ({"request": "A" * 32}, ["request"]),
    "key that is no text": ({"request": 7}, ["request"]),
    "no via": ({"via": ...}, ["via"]),
    "unknown via": ({"via": "telepathy"}, ["via"]),
    "via that cannot be looked up": ({"via": ["api"]}, ["via"]),
    "no answers": ({"answers": ...}, ["answers"]),
    "answers in a list": ({"answers": ["accepted"]}, ["answers"]),
    "subject in base64": ({"subject": "AZ-qgQ3GcAGAAAAAAAAAAA"}, ["subject"]),
    "subject that is no text": ({"subject": None}, ["subject"]),
    "unknown service": ({"services": "~radio:y"}, ["services.radio"]),
    "a service refused by name": (
        {"services": {"video": "refused"}},
        ["services.video"],
    ),
    "an exempt service": ({"services": "~session:y"}, ["services.session"]),
    "services in no known way": ({"services": "video"}, ["services"]),
    "a field that does not exist": ({"consent": True}, ["consent"]),
    "three at once": (
        {"via": "x", "request": "x", "subject": "x"},
        ["request", "via", "subject"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_choice_is_refused_with_its_place(
    case: str, browser: Browser, store: SqliteStore, notice: Notice
) -> None:
    changes, places = WRONG[case]
    answer = browser.answer(choice(notice, "y", **changes))

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 400
    assert [error["place"] for error in problem["errors"]] == places
    assert set_cookies(answer) == []
    assert store.size("courrier") == 0


WRONG_ANSWERS: dict[str, tuple[Body, str]] = {
    "missing": ({"audience": ...}, "answers.audience"),
    "unknown purpose": ({"radio": "accepted"}, "answers.radio"),
    "locked purpose": ({"technical": "refused"}, "answers.technical"),
    "not an answer": ({"ads": "maybe"}, "answers.ads"),
    "true": ({"ads": True}, "answers.ads"),
    "null": ({"ads": None}, "answers.ads"),
}


@pytest.mark.parametrize("case", WRONG_ANSWERS)
def test_every_asked_purpose_has_an_answer_and_no_other(
    case: str, browser: Browser, notice: Notice
) -> None:
    changes, place = WRONG_ANSWERS[case]
    answers = dict.fromkeys(notice.asked, "accepted") | changes
    answers = {name: value for name, value in answers.items() if value is not ...}
    answer = browser.answer(choice(notice, "y", answers=answers))

    assert answer.status_code == 400
    assert [error["place"] for error in answer.json()["errors"]] == [place]


def test_a_refusal_with_an_identifier_is_refused(
    browser: Browser, notice: Notice
) -> None:
    answer = browser.answer(choice(notice, "n", subject=new_subject()))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["place"] == "subject"


def test_silence_is_no_choice(browser: Browser, notice: Notice) -> None:
    answer = browser.answer(choice(notice, "-"))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["place"] == "answers"


@pytest.mark.parametrize("wrong", ["notice", "request", "via", "subject"])
def test_a_problem_repeats_no_value(
    browser: Browser, notice: Notice, wrong: str
) -> None:
    answer = browser.answer(choice(notice, "y", **{wrong: "sesame"}))

    assert answer.status_code == 400
    assert "sesame" not in answer.text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b"null", b'{"a":"\xff"}', b"[" * 4000],
    ids=["nothing", "half", "list", "number", "null", "latin-1", "deep"],
)
def test_what_is_no_json_object_is_refused(browser: Browser, body: bytes) -> None:
    answer = browser.send(
        "POST",
        "/bandeau/choice",
        content=body,
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 400


def test_too_long_a_body_is_refused(browser: Browser, accepting: Body) -> None:
    answer = browser.answer(accepting | {"via": "x" * 4096})

    assert answer.status_code == 413


def test_too_long_a_body_without_a_length_is_refused(browser: Browser) -> None:
    async def chunks() -> Any:
        for _ in range(5):
            yield b" " * 1000

    answer = browser.send(
        "POST",
        "/bandeau/choice",
        content=chunks(),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/jsonp", "multipart/form-data", ""]
)
def test_another_content_type_is_refused(browser: Browser, kind: str) -> None:
    answer = browser.send(
        "POST", "/bandeau/choice", content=b"{}", headers={"content-type": kind}
    )

    assert answer.status_code == 415
    assert "application/json" in answer.headers["accept-post"]


def test_a_content_type_may_name_its_characters(
    browser: Browser, accepting: Body
) -> None:
    answer = browser.send(
        "POST",
        "/bandeau/choice",
        content=json.dumps(accepting).encode(),
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )

    assert answer.status_code == 201


def test_another_method_is_told_what_is_allowed(browser: Browser) -> None:
    answer = browser.get("/bandeau/choice")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


# --- cookies that are refused ----------------------------------------------------------


def test_refused_cookies_of_the_browser_expire(
    browser: Browser, refusing: Body
) -> None:
    answer = browser.answer(refusing, cookie="_pm_id=abc; other=1")

    expired = set_cookies(answer)[1:]
    assert "_pm_id=; Max-Age=0; Path=/" in expired
    assert "_pm_id=; Max-Age=0; Path=/; Domain=news.example" in expired
    assert not any(cookie.startswith("other") for cookie in expired)


def test_accepted_cookies_stay(browser: Browser, accepting: Body) -> None:
    answer = browser.answer(accepting, cookie="_pm_id=abc")

    assert len(set_cookies(answer)) == 1


# --- trouble ---------------------------------------------------------------------------


def test_a_full_line_is_asked_to_come_back(
    browser: Browser,
    collector: Collector,
    accepting: Body,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser.get("/healthz")

    async def full(site: str, record: object) -> int:
        raise UnavailableError("Too many wait.", retry_after=7)

    monkeypatch.setattr(collector.running.sequencer, "append", full)
    answer = browser.answer(accepting)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["content-type"] == "application/problem+json"
    assert set_cookies(answer) == []


def test_a_full_line_tells_a_permitted_origin_too(
    browser: Browser,
    collector: Collector,
    accepting: Body,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser.get("/healthz")

    async def full(site: str, record: object) -> int:
        raise UnavailableError("Too many wait.", retry_after=7)

    monkeypatch.setattr(collector.running.sequencer, "append", full)
    answer = browser.answer(accepting, origin="https://www.news.example")

    assert answer.status_code == 503
    assert answer.headers["access-control-allow-origin"] == "https://www.news.example"


def test_nothing_is_logged_of_a_choice(
    browser: Browser, accepting: Body, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bandeau")
    browser.answer(accepting)
    browser.answer(accepting | {"via": "x"})

    assert not [r for r in caplog.records if r.name.startswith("bandeau")]


def test_keys_far_from_our_clock_are_taken(
    browser: Browser, store: SqliteStore, notice: Notice
) -> None:
    future, past = "f" * 32, "0" * 32
    answers = [
        browser.answer(choice(notice, "n", request=key)) for key in (future, past)
    ]

    assert [a.json()["record"] for a in answers] == [0, 1]
    assert {kept_body(store, n)["time"] for n in (0, 1)} == {int(NOW.timestamp())}


def test_a_digest_is_matched_whole(browser: Browser, notice: Notice) -> None:
    other = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    near_miss = notice.digest[:8] + other[8:]
    answer = browser.answer(choice(notice, "y", notice=near_miss))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["place"] == "notice"


def test_a_notice_is_named_by_its_digest_or_by_what_the_cookie_calls_it(
    browser: Browser, notice: Notice
) -> None:
    short = browser.answer(choice(notice, notice=notice.digest[:8]))
    other = browser.answer(choice(notice, notice=notice.digest[:9]))

    assert short.status_code == 201
    assert short.json()["notice"] == notice.digest
    assert other.status_code == 400
