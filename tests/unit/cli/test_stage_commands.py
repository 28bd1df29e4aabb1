"""`scores assign` and `scores extend`: the address of the stage, what is sent, and what is refused before asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.output import WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

BASE = "/v1/rankings/2020/provincial/75/KABKOTA/seleksi"
STAGE = ("--season", "2020", "--category", "KABKOTA", "--stage", "seleksi")
UNTIL = "2021-03-02T16:00:00+08:00"
EXTEND = ("scores", "extend", *STAGE, "--province", "75", "--until", UNTIL, "--reason", "Banjir")
RECEIPT: dict[str, Any] = {"time": "2021-03-01T00:00:00Z", "events": [{"type": "ScorersAssigned"}]}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITRANA_TOKEN", "mine")


def test_a_draw_is_asked_for_at_the_stages_address(stack: FakeStack):
    scoring = stack.services["scoring"]
    scoring.answers[f"{BASE}/assign"] = (200, RECEIPT)
    ended = run("scores", "assign", *STAGE, "--province", "75")
    assert ended.exit_code == 0, ended.exception
    assert "2020/provincial/75/KABKOTA/seleksi: drawn 2021-03-01" in ended.output
    assert scoring.asked == [f"POST {BASE}/assign"]
    assert scoring.tokens == ["Bearer mine"]
    assert json.loads(scoring.sent[0]) == {}


def test_a_draw_of_nobody_says_so_and_the_nations_stage_needs_no_province(stack: FakeStack):
    path = BASE.replace("provincial/75", "national/00")
    stack.services["scoring"].answers[f"{path}/assign"] = (200, {**RECEIPT, "events": []})
    ended = run("scores", "assign", *STAGE, "--json")
    assert json.loads(ended.output)["drawn"] is False
    assert "nothing was drawn" in run("scores", "assign", *STAGE).output


def test_an_extension_sent_twice_is_one_command(stack: FakeStack):
    scoring = stack.services["scoring"]
    scoring.answers[f"{BASE}/extend"] = (200, RECEIPT)
    for _ in range(2):
        ended = run(*EXTEND)
        assert f"received until {UNTIL}" in ended.output
    assert [json.loads(sent) for sent in scoring.sent] == [{"until": UNTIL, "reason": "Banjir"}] * 2
    assert len(set(scoring.keys)) == 1
    run(*EXTEND[:-1], "Gempa")
    assert len(set(scoring.keys)) == 2


def test_an_extension_into_the_next_stage_says_so(stack: FakeStack):
    warned = {
        **RECEIPT,
        "warning": {"en": "The next stage begins before.", "id": "Tahap berikutnya lebih dahulu."},
    }
    stack.services["scoring"].answers[f"{BASE}/extend"] = (200, warned)
    assert "note: The next stage begins before." in run(*EXTEND).output
    stack.services["scoring"].answers[f"{BASE}/extend"] = (200, {**RECEIPT, "warning": None})
    assert "note:" not in run(*EXTEND).output


def test_a_refusal_is_told_in_the_services_words(stack: FakeStack):
    problem = {"type": "/problems/past", "title": "Too late", "detail": "It is closed.", "errors": [{"remedy": "Ask."}]}
    stack.services["scoring"].answers[f"{BASE}/extend"] = (409, problem)
    ended = run(*EXTEND)
    assert isinstance(ended.exception, WrongUse)
    assert str(ended.exception) == "Too late: It is closed. Ask."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scores", "assign", *STAGE, "--province", "Gorontalo"), "write 75"),
        (("scores", "extend", *STAGE, "--until", "2021-03-02T16:00:00", "--reason", "x"), "lacks its zone"),
        (("scores", "extend", *STAGE, "--until", "besok", "--reason", "x"), "is no instant"),
    ],
)
def test_what_cannot_be_meant_is_told_before_asking(stack: FakeStack, arguments, said):
    ended = run(*arguments)
    assert isinstance(ended.exception, WrongUse)
    assert said in str(ended.exception)
    assert stack.services["scoring"].asked == []
