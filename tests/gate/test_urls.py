"""Hosts are read from URLs as browsers read them."""

import pytest

from bandeau.gate.urls import Page, addresses, candidates


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://a.test/x", ["a.test"]),
        (" \x01\tht\ntps:\\\\A.Test:81\\x ", ["a.test"]),
        ("//u:p@a.test", ["a.test"]),
        ("https://own.test@a.test", ["a.test"]),
        ("https://a.test?@own.test", ["a.test"]),
        ("https:a.test", ["a.test"]),
        ("/\\/a.test", ["a.test"]),
        ("https://a%2etest", ["a.test"]),
        ("https://ａ。test.", ["a.test"]),
        ("https://bücher.test", ["xn--bcher-kva.test"]),
        ("https://[::1]:80/", ["[::1]"]),
        ("https://[", ["["]),
        ("x/y", ["own.test"]),
        ("/x", ["own.test"]),
        ("", ["own.test"]),
        ("?https://a.test", ["own.test"]),
        ("data:image/png,x", []),
        ("data:text/html,x", ["data:"]),
        ("javascript:1", []),
        ("about:blank", []),
        ("blob:https://a.test/1", []),
    ],
)
def test_a_browser_would_ask(url: str, hosts: list[str]) -> None:
    assert hosts == [address.host for address in addresses(url, Page("own.test"))]


@pytest.mark.parametrize(
    ("srcset", "urls"),
    [
        ("a 1x, b 2x", ["a", "b"]),
        ("a,b 2x", ["a,b"]),
        ("a, b", ["a", "b"]),
        (" ,, a (x,y) 1x,b", ["a", "b"]),
        ("data:,x 1x,b", ["data:,x", "b"]),
        ("a (x", ["a"]),
        ("", []),
    ],
)
def test_the_addresses_of_a_srcset(srcset: str, urls: list[str]) -> None:
    assert urls == list(candidates(srcset))
