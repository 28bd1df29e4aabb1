"""`appeal lodge|list|show`: which decision is contested, what is sent, and what is shown of a verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.output import WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

NOMINATION = "018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10"
PLENARY = "018f3a52-7c1e-7d43-9a55-0c1f2b7c9d11"
APPEAL = "018f3a52-7c1e-7d43-9a55-0c1f2b7c9d12"
AT = {"season": "2020", "tier": "national", "province": "00", "category": "BESAR", "stage": "wawancara"}
RECEIPT = {"appeal": APPEAL, "time": "2021-06-03T00:00:00Z", "events": []}
LODGE = ("appeal", "lodge", NOMINATION, "--grounds", "Nilai salah tulis.")


def result(motion: int, *nominations: str) -> dict[str, Any]:
    return {"at": AT, "plenary": PLENARY, "motion": motion, "lines": [{"nomination": one} for one in nominations]}


def appeal(**also: Any) -> dict[str, Any]:
    side = {"rank": 2, "total": "431/5"}
    row = {"candidate": "PT Contoh\x1b[2J", "change": "moves", "before": side, "after": {"rank": 1, "total": "434/5"}}
    decision = {"time": "2021-06-09T02:00:00Z", "plenary": PLENARY, "motion": 1, "comparison": [row]}
    said = {
        "appeal": APPEAL, "number": 1, "at": AT, "state": "upheld", "lodged": "2021-06-03T00:00:00Z",
        "capacity": "nominating-body", "nomination": NOMINATION, "aspect": "wawancara", "grounds": {"text": "Salah."},
        "holds": [{"stages": [AT], "until": "2021-06-09T02:00:00Z"}], "decision": decision,
        "revoked": [{"number": "001/PIAGAM-PEMENANG/BESAR/PA-2020"}],
    }  # fmt: skip
    return {**said, **also}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITRANA_TOKEN", "mine")


def test_the_last_announced_decision_on_the_nominee_is_contested(stack: FakeStack):
    nomination = stack.services["nomination"]
    nomination.answers |= {
        f"/v1/nominations/{NOMINATION}": (200, {"stage": AT}),
        "/v1/public/results/2020": (200, {"items": [result(1, NOMINATION), result(2, NOMINATION), result(3, "x")],
                                          "next": None}),
        "/v1/appeals": (200, RECEIPT),
    }  # fmt: skip
    ended = run(*LODGE, "--aspect", "wawancara")
    assert ended.exit_code == 0, ended.exception
    assert f"appeal {APPEAL} is lodged" in ended.output
    assert json.loads(nomination.sent[-1]) == {
        "nomination": NOMINATION, "plenary": PLENARY, "motion": 2, "grounds": "Nilai salah tulis.",
        "aspect": "wawancara",
    }  # fmt: skip


def test_a_named_decision_is_sent_as_it_is_and_twice_is_once(stack: FakeStack):
    nomination = stack.services["nomination"]
    nomination.answers["/v1/appeals"] = (200, RECEIPT)
    for _ in range(2):
        assert run(*LODGE, "--plenary", PLENARY, "--motion", "4", "--json").exit_code == 0
    assert json.loads(nomination.sent[0])["motion"] == 4
    assert len(set(nomination.keys)) == 1


def test_without_an_announcement_there_is_nothing_to_contest(stack: FakeStack):
    stack.services["nomination"].answers |= {
        f"/v1/nominations/{NOMINATION}": (200, {"stage": AT}),
        "/v1/public/results/2020": (200, {"items": [result(1, "x")], "next": None}),
    }
    ended = run(*LODGE)
    assert isinstance(ended.exception, WrongUse)
    assert "nothing is announced" in str(ended.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*LODGE, "--plenary", PLENARY), "belong together"),
        (("appeal", "lodge", "75.03", "--grounds", "x"), "is no nomination"),
        (("appeal", "show", "1"), "is no appeal"),
        (("appeal", "list", "--category", "besar"), "BESAR"),
    ],
)
def test_what_cannot_be_meant_is_told_before_asking(stack: FakeStack, arguments, said):
    ended = run(*arguments)
    assert isinstance(ended.exception, WrongUse)
    assert said in str(ended.exception)
    assert stack.services["nomination"].asked == []


def test_appeals_are_listed_by_place_and_category(stack: FakeStack):
    stack.services["nomination"].answers["/v1/appeals"] = (200, {"items": [appeal()], "next": None})
    ended = run("appeal", "list", "--season", "2020", "--province", "00", "--category", "BESAR")
    assert "upheld     no. 1 against 2020/national/00/BESAR/wawancara" in ended.output
    assert "1 appeal(s)" in ended.output


def test_a_verdict_is_shown_before_and_after_and_no_name_acts_on_the_terminal(stack: FakeStack):
    stack.services["nomination"].answers[f"/v1/appeals/{APPEAL}"] = (200, appeal())
    said = run("appeal", "show", APPEAL).output
    for line in (
        "appeal no. 1 against 2020/national/00/BESAR/wawancara: upheld",
        "holds     2020/national/00/BESAR/wawancara (until 2021-06-09",
        "moves     PT Contoh\ufffd[2J: rank 2 (431/5) -> rank 1 (434/5)",
        "revoked   certificate 001/PIAGAM-PEMENANG/BESAR/PA-2020",
    ):
        assert line in said, line
    assert "\x1b" not in said


def test_an_open_appeal_has_no_verdict_and_its_grounds_may_be_closed(stack: FakeStack):
    waits = appeal(state="open", decision=None, revoked=[], grounds={"digest": "d"}, aspect=None)
    waits["holds"][0]["until"] = None
    stack.services["nomination"].answers[f"/v1/appeals/{APPEAL}"] = (200, waits)
    said = run("appeal", "show", APPEAL).output
    assert "open" in said
    assert "grounds" not in said
    assert "decided" not in said
