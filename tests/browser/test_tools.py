"""Visitors' own tools find the banner and refuse, without any rule made for us."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Newsroom
from tests.browser.visitor import Visitor

AUTOCONSENT = (
    Path(__file__)
    .parents[2]
    .joinpath("node_modules/@duckduckgo/autoconsent/dist/autoconsent.playwright.js")
)
CONFIG = {
    "enabled": True,
    "autoAction": "optOut",
    "disabledCmps": [],
    "enablePrehide": False,
    "enableCosmeticRules": False,
    "enableGeneratedRules": False,
    "enableHeuristicDetection": True,
    "enableHeuristicAction": True,
    "heuristicMode": "reject",
    "detectRetries": 20,
    "isMainWorld": True,
    "prehideTimeout": 2000,
    "enableFilterList": False,
    "visualTest": False,
    "logs": {},
}
NO_RULES: dict[str, list[Any]] = {"autoconsent": [], "consentomatic": []}


@pytest.mark.skipif(
    not AUTOCONSENT.exists(), reason="autoconsent is not here: it comes with npm ci"
)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_autoconsent_finds_the_banner_and_refuses(
    arrive: Callable[..., Visitor], newsroom: Newsroom, language: str
) -> None:
    visitor = arrive(newsroom.home)
    told: list[str] = []
    script = AUTOCONSENT.read_text("utf-8")

    def hears(_source: object, message: dict[str, Any]) -> None:
        told.append(message["type"])
        answer: dict[str, Any] | None = None
        if message["type"] == "init":
            answer = {"type": "initResp", "config": CONFIG, "rules": NO_RULES}
        elif message["type"] == "eval":
            answer = {"type": "evalResp", "id": message["id"], "result": False}
        if answer:
            replies.append(answer)

    replies: list[dict[str, Any]] = []
    visitor.page.expose_binding("autoconsentSendMessage", hears)
    visitor.visits(f"{language}/")

    visitor.page.evaluate(script)
    for _ in range(100):
        while replies:
            reply = json.dumps(replies.pop(0))
            visitor.page.evaluate(f"autoconsentReceiveMessage({reply})")
        if "autoconsentDone" in told or "optOutResult" in told:
            break
        visitor.page.wait_for_timeout(100)

    assert "popupFound" in told, told
    expect(visitor.banner).to_be_hidden()
    assert set(visitor.answers.values()) == {"refused"}
