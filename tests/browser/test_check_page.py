"""The checking page in a real browser: from a disk, and as the collector serves it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from bandeau.receipts.page import check_page
from tests.browser.conftest import Newsroom
from tests.browser.test_accessibility import violations
from tests.browser.visitor import Visitor
from tests.ledger import receipts
from tests.ledger.test_proof import OURS
from tests.ledger.worked import LOG_VKEY, POLICY

Arrive = Callable[..., Visitor]

HOLDS = "The receipt holds."
PHONE = {"width": 360, "height": 640}


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """The page on a disk."""
    (tmp_path / "check.html").write_bytes(check_page())
    return f"{tmp_path.as_uri()}/"


@pytest.fixture
def opened(arrive: Arrive, kept: str) -> Callable[..., Visitor]:
    def opened(**options: object) -> Visitor:
        options = {"locale": "en-GB"} | options
        visitor = arrive(kept, **options).visits("check.html")
        # The first thing that the script does is to speak the visitor's language.
        expect(visitor.page.locator("#check")).to_be_enabled()
        return visitor

    return opened


def chooses(page: Page, name: str, octets: bytes, called: str = "file") -> None:
    file: FilePayload = {"name": called, "mimeType": "", "buffer": octets}
    page.set_input_files(f"#{name}-file", file)


def verdict(page: Page, said: str) -> None:
    expect(page.get_by_role("status")).to_have_text(said)


def step(page: Page, number: int) -> str:
    return " ".join(page.locator("li").nth(number - 1).inner_text().split())


def test_the_worked_receipt_holds_and_not_after_one_changed_byte(
    opened: Callable[..., Visitor],
) -> None:
    visitor = opened()
    page = visitor.page
    chooses(page, "policy", POLICY)

    chooses(page, "receipt", OURS)

    verdict(page, HOLDS)
    assert step(page, 5) == "included passed It is entry 2 of the 5 in the tree."
    assert "i6GfgXGhVEZZUjyVc1AanP7t4P8dPqFxN5rkxPRSLgg=" in page.inner_text("#found")
    for at, named in (
        (3, "1, read"),
        (OURS.index(b"extra ") + 60, "5, included"),
        (OURS.index(b"\nz0Jp") + 5, "2, signed"),
        (OURS.index(b"IDJKvgAAAABrA8hQ") + 15, "3, witnessed"),
    ):
        octets = OURS[:at] + bytes([OURS[at] ^ 1]) + OURS[at + 1 :]
        chooses(page, "receipt", octets)
        verdict(page, f"The receipt does not hold: step {named}.")
    assert visitor.troubles == []
    assert [url for url in visitor.seen if not url.startswith("file:")] == []


def test_a_line_that_ends_as_windows_has_it_is_another_receipt(
    opened: Callable[..., Visitor],
) -> None:
    page = opened().page
    chooses(page, "policy", POLICY)

    # A field would mend this; the file is what counts.
    chooses(page, "receipt", OURS.replace(b"\n", b"\r\n"))

    verdict(page, "The receipt does not hold: step 1, read.")


def test_answers_have_names_with_the_notice_that_is_cited(
    opened: Callable[..., Visitor],
) -> None:
    page = opened().page
    found = page.locator("#found")
    chooses(page, "policy", receipts.policy())
    chooses(page, "receipt", receipts.receipt(receipts.record()))
    verdict(page, HOLDS)
    expect(found).to_contain_text("purpose 1")

    chooses(page, "notice", receipts.notice().canonical)

    expect(found).to_contain_text("The notice is the one that the record cites.")
    rows = [
        " ".join(row.split()) for row in found.locator("dl > div").all_inner_texts()
    ]
    assert "Audience measurement accepted" in rows
    assert "Social sharing refused" in rows
    assert "Film accepted" in rows
    assert "at latest 2026-11-23 05:00:00 UTC, by the witnesses’ clocks" in rows

    chooses(page, "notice", receipts.notice().canonical + b" ")

    expect(found).to_contain_text("The notice is not the one that the record cites.")
    expect(found).to_contain_text("purpose 1")


def test_by_keyboard_with_pasted_texts_and_the_logs_key_alone(
    opened: Callable[..., Visitor],
) -> None:
    page = opened().page
    keyboard = page.keyboard

    page.get_by_role("textbox", name="Receipt").focus()
    keyboard.insert_text(OURS.decode().rstrip("\n"))
    keyboard.press("Tab")
    expect(page.get_by_role("button", name="Receipt Choose a file")).to_be_focused()
    keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Whom you believe")).to_be_focused()
    keyboard.insert_text(LOG_VKEY)
    page.get_by_role("button", name="Check").focus()
    keyboard.press("Enter")

    verdict(page, HOLDS)
    expect(page.locator("#found")).to_contain_text("No witness was asked for")


def test_dropped_files_find_their_fields(opened: Callable[..., Visitor]) -> None:
    page = opened().page
    dropped = page.evaluate_handle(
        """([receipt, policy]) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([policy], "policy"));
          dropped.items.add(new File([receipt], "r.tlog-proof"));
          return dropped;
        }""",
        [OURS.decode(), POLICY.decode()],
    )

    page.dispatch_event("h1", "drop", {"dataTransfer": dropped})

    verdict(page, HOLDS)


def test_what_is_missing_or_cannot_be_read_is_said(
    opened: Callable[..., Visitor],
) -> None:
    page = opened().page

    page.click("#check")
    verdict(page, "A receipt is needed, and a policy or a key.")
    chooses(page, "receipt", OURS)
    chooses(page, "policy", POLICY + b"quorum none\n")

    verdict(page, "The policy or key cannot be read.")
    expect(page.locator("#found")).to_have_text("Line 4 is not as a policy has it.")


def test_a_record_is_text_and_nothing_else(opened: Callable[..., Visitor]) -> None:
    visitor = opened()
    page = visitor.page
    chooses(page, "policy", receipts.policy())
    for body in (
        b'{"via":"<img src=x onerror=alert(1)>","services":{"<b>":"y"}}',
        b'{"answers":"n","answers":"y"}',
        b"\xff",
        b"null",
        b"",
        b'{"time":8640000000001,"services":null}',
    ):
        chooses(page, "receipt", receipts.receipt(body))

        verdict(page, HOLDS)
        expect(page.locator("#found dl")).to_have_count(2)
    assert page.locator("#found img").count() == 0
    assert visitor.troubles == []


def test_french_is_spoken_to_the_french_and_to_whoever_asks(
    opened: Callable[..., Visitor],
) -> None:
    page = opened(locale="fr-CA").page
    assert page.evaluate("document.documentElement.lang") == "fr"
    expect(page).to_have_title("Vérifier un reçu")
    chooses(page, "policy", POLICY)
    chooses(page, "receipt", OURS)
    verdict(page, "Le reçu est valable.")
    assert step(page, 5) == "inclus réussie C’est l’entrée 2 des 5 de l’arbre."

    page.get_by_role("button", name="English").click()

    verdict(page, HOLDS)
    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("heading", level=1)).to_have_text("Check a receipt")
    expect(page.get_by_role("button", name="Français")).to_be_visible()


@pytest.mark.parametrize(
    ("secure", "said"), [(True, "This browser"), (False, "This page did not come")]
)
def test_where_nothing_can_be_checked_it_says_what_to_do(
    arrive: Arrive, kept: str, secure: bool, said: str
) -> None:
    visitor = arrive(kept, locale="en-GB")
    # Browsers without Ed25519, and pages over http, where there is no `subtle` at all.
    visitor.page.add_init_script(
        "Object.defineProperty(crypto, 'subtle', {value: undefined});"
        f"Object.defineProperty(window, 'isSecureContext', {{value: {str(secure).lower()}}})"
    )

    page = visitor.visits("check.html").page

    expect(page.get_by_role("status")).to_contain_text(said)
    expect(page.get_by_role("status")).to_contain_text("verify_receipt.py")
    expect(page.locator("#check")).to_be_disabled()


def test_without_a_script_it_says_so_in_both_languages(
    arrive: Arrive, kept: str
) -> None:
    page = arrive(kept, java_script_enabled=False).visits("check.html").page

    english, french = page.locator("noscript p").all_inner_texts()
    assert "JavaScript, which is off" in english
    assert "JavaScript, qui est désactivé" in french
    assert "verify_receipt.py" in english


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["fr-FR", "en-GB"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    opened: Callable[..., Visitor], scheme: str, locale: str
) -> None:
    visitor = opened(color_scheme=scheme, locale=locale, viewport=PHONE)
    page = visitor.page
    assert violations(visitor) == []
    chooses(page, "policy", receipts.policy())
    chooses(page, "notice", receipts.notice().canonical)

    for octets in (receipts.receipt(receipts.record()), OURS + b"\n"):
        chooses(page, "receipt", octets)

        expect(page.locator("li")).to_have_count(5)
        assert violations(visitor) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_on_paper_there_is_what_was_found_and_no_field(
    opened: Callable[..., Visitor],
) -> None:
    page = opened().page
    chooses(page, "policy", POLICY)
    chooses(page, "receipt", OURS)
    verdict(page, HOLDS)

    page.emulate_media(media="print")

    expect(page.get_by_text(HOLDS)).to_be_visible()
    expect(page.get_by_text("What the record says")).to_be_visible()
    for hidden in ("#receipt", "#check", "#language", ".file >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()


def test_the_collector_serves_the_same_page(arrive: Arrive, newsroom: Newsroom) -> None:
    visitor = arrive(newsroom.home, locale="en-GB").visits("bandeau/check")
    page = visitor.page

    chooses(page, "policy", POLICY)
    chooses(page, "receipt", OURS)

    verdict(page, HOLDS)
    assert visitor.troubles == []
    assert visitor.strangers_asked() == []
