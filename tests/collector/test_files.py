"""The banner's one file: encodings, languages, what a cache may keep."""

import gzip

import brotli
import pytest

from bandeau.collector import Collector
from bandeau.collector.negotiation import encoding_for, language_for
from bandeau.model.notices import Notice
from tests.collector.conftest import Browser

SCRIPT = "/bandeau/banner.js"


def address(collector: Collector, language: str = "fr") -> str:
    return next(
        p for p in collector.running.sites.files if p.endswith(f".{language}.js")
    )


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br, gzip", "br"),
        ("gzip, deflate, br;q=0.5", "br"),
        ("gzip, br;q=0", "gzip"),
        ("gzip;q=0", "identity"),
        ("deflate", "identity"),
        ("", "identity"),
        ("br;q=x, gzip", "gzip"),
        ("BR", "br"),
    ],
)
def test_the_smallest_encoding_that_the_browser_takes(
    accepted: str, encoding: str
) -> None:
    assert encoding == encoding_for(accepted)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("de,en;q=0.5,fr;q=0.4", "en"),
        ("fr;q=0.1,en;q=0.2", "en"),
        ("de", "fr"),
        ("", "fr"),
        ("en;q=0", "fr"),
        ("*", "fr"),
    ],
)
def test_the_first_language_that_both_speak(
    accepted: str, language: str, notice: Notice
) -> None:
    assert language == language_for(accepted, notice)


def test_every_encoding_is_the_same_script(browser: Browser) -> None:
    plain = browser.get(SCRIPT, accept_encoding="identity")
    small = browser.get(SCRIPT, accept_encoding="br")
    zipped = browser.get(SCRIPT, accept_encoding="gzip")

    assert plain.content == small.content == zipped.content
    assert small.num_bytes_downloaded < zipped.num_bytes_downloaded
    assert zipped.num_bytes_downloaded < len(plain.content)
    assert len({a.headers["etag"] for a in (plain, small, zipped)}) == 3
    assert "content-encoding" not in plain.headers


def test_what_a_cache_is_told(browser: Browser) -> None:
    headers = browser.get(SCRIPT, accept_encoding="br").headers

    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["vary"] == "Accept-Encoding, Accept-Language"
    assert "public" in headers["cache-control"]
    assert "stale-while-revalidate" in headers["cache-control"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_it_gets_nothing_again(browser: Browser, form: str) -> None:
    etag = browser.get(SCRIPT, accept_encoding="br").headers["etag"]
    answer = browser.get(SCRIPT, accept_encoding="br", if_none_match=form.format(etag))

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    assert "vary" in answer.headers


def test_another_encoding_is_another_file(browser: Browser) -> None:
    etag = browser.get(SCRIPT, accept_encoding="br").headers["etag"]
    answer = browser.get(SCRIPT, accept_encoding="gzip", if_none_match=etag)

    assert answer.status_code == 200


def test_languages_differ_by_header_and_by_address(browser: Browser) -> None:
    french = browser.get(SCRIPT, accept_language="fr").text
    english = browser.get(SCRIPT, accept_language="en-GB").text

    assert "Tout refuser" in french
    assert "Refuse all" in english
    assert browser.get(f"{SCRIPT}?lang=en", accept_language="fr").text == english
    assert browser.get(f"{SCRIPT}?x=1&lang=en").text == english
    assert browser.get(f"{SCRIPT}?lang=tlh", accept_language="en").text == english


def test_head_tells_the_same_without_the_body(browser: Browser) -> None:
    whole = browser.get(SCRIPT, accept_encoding="br")
    head = browser.send("HEAD", SCRIPT, headers={"accept-encoding": "br"})

    assert head.status_code == 200
    assert head.headers == whole.headers
    assert head.content == b""


def test_a_file_is_not_posted(browser: Browser) -> None:
    answer = browser.send("POST", SCRIPT)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_an_address_that_names_the_content_is_kept_for_ever(
    browser: Browser, collector: Collector
) -> None:
    french = browser.get(SCRIPT, accept_language="fr")
    answer = browser.get(address(collector))

    assert answer.text == french.text
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"


def test_the_address_of_another_content_leads_to_the_present_one(
    browser: Browser,
) -> None:
    answer = browser.get("/bandeau/banner.00000000.en.js")

    assert answer.status_code == 307
    assert answer.headers["location"] == f"{SCRIPT}?lang=en"
    assert browser.get("/bandeau/banner.00000000.tlh.js").status_code == 404


def test_compressed_bytes_are_what_they_say(collector: Collector) -> None:
    collector.running.sites.load()
    file = collector.running.sites.files[address(collector)]
    bodies = {name: r.body for name, r in file.renditions.items()}

    assert brotli.decompress(bodies["br"]) == bodies["identity"]
    assert gzip.decompress(bodies["gzip"]) == bodies["identity"]


def test_what_was_negotiated_is_not_kept_without_bound(
    browser: Browser, collector: Collector
) -> None:
    for n in range(20):
        browser.get(f"{SCRIPT}?{'x' * 600}{n}")

    assert collector._picked == {}
