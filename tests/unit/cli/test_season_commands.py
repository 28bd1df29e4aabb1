"""`season amend`, `freeze` and the others: what is asked of the service, by whom, and how its answers are told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cli.checks import REPOSITORY
from cli.output import WrongUse
from schemas.rulebook import rulebook_content
from schemas.rulebook_file import read_rulebook
from tests.unit.cli.fake_stack import FakeService, FakeStack, run

FILE = REPOSITORY / "rulebooks" / "2022.yaml"
RECEIPT = (200, {"time": "2022-01-06T00:00:00Z", "events": []})
REHEARSED = (200, {"dry_run": True, "events": [{"stream": "season/2022", "type": "id.go.x.RulebookAmended.v1"}]})
REASON = ("--reason", "SK 7/2022", "--login", "admin")


@pytest.fixture
def nomination(stack: FakeStack) -> FakeService:
    """The stack's nomination, which knows the season 2022."""
    service = stack.services["nomination"]
    read = read_rulebook(FILE.read_bytes()).rulebook
    assert read is not None
    service.answers["/v1/public/seasons/2022/rulebook"] = (200, {"content": rulebook_content(read)})
    return service


def told(*arguments: str) -> str:
    """Run a command that must succeed and return what it printed."""
    ended = run("season", *arguments)
    assert ended.exception is None, ended.exception
    return ended.output


def why(*arguments: str) -> str:
    """Run a command that must be refused and return why."""
    ended = run("season", *arguments)
    assert isinstance(ended.exception, WrongUse), ended.output
    return str(ended.exception)


def test_a_dry_run_of_an_amendment_shows_what_changes_and_sends_nothing_else(nomination: FakeService, tmp_path: Any):
    nomination.answers["/v1/seasons/2022/amend"] = REHEARSED
    amended = tmp_path / "amended.yaml"
    text = FILE.read_text("utf-8").replace("version: 1\n", "version: 2\n", 1).replace("places: 3", "places: 4", 1)
    amended.write_text(text, "utf-8")
    said = told("amend", str(amended), *REASON, "--dry-run")
    assert "  2 value(s) change:\n  version: 1 -> 2\n" in said
    assert "stages[provincial/KABKOTA/seleksi].quota.places: 3 -> 4" in said
    assert "would accept it and record RulebookAmended\nnothing was sent" in said
    as_json = orjson.loads(told("amend", str(amended), *REASON, "--dry-run", "--json"))
    assert as_json["amended"] is False
    assert as_json["changes"][0]["path"] == "version"


def test_an_amendment_is_published(nomination: FakeService):
    nomination.answers["/v1/seasons/2022/amend"] = RECEIPT
    assert "season 2022 is under version 1 since 2022-01-06T00:00:00Z" in told("amend", str(FILE), *REASON)
    assert nomination.asked[-1] == "POST /v1/seasons/2022/amend"


def test_what_is_refused_is_told_with_its_remedy(nomination: FakeService):
    problem = {
        "type": "/problems/version-not-next",
        "title": "The rules do not allow this",
        "detail": "An amendment is the next version, 2; this rulebook says 1.",
        "errors": [{"field": "rulebook.version", "remedy": "Write `version: 2`."}],
    }
    nomination.answers["/v1/seasons/2022/amend"] = (409, problem)
    assert why("amend", str(FILE), *REASON, "--dry-run") == (
        "The rules do not allow this: An amendment is the next version, 2; this rulebook says 1. Write `version: 2`."
    )


def test_without_a_stack_a_dry_run_shows_the_file_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "none"))
    for command in (("open", str(FILE)), ("amend", str(FILE), "--reason", "SK")):
        said = told(*command, "--dry-run")
        assert "the file is good; no service was asked: no stack runs in" in said
        assert said.rstrip().endswith("nothing was sent")


def test_a_dry_run_of_an_opening_asks_the_service_where_one_answers(nomination: FakeService):
    nomination.answers["/v1/seasons"] = REHEARSED
    assert "would accept it" in told("open", str(FILE), "--login", "admin", "--dry-run", "--past")
    assert nomination.asked == ["POST /v1/seasons"]


@pytest.mark.parametrize(("command", "said"), [("freeze", "is frozen since"), ("unfreeze", "goes on since")])
def test_two_persons_act_in_one_command(stack: FakeStack, nomination: FakeService, command: str, said: str):
    nomination.answers[f"/v1/seasons/2022/{command}"] = RECEIPT
    assert f"season 2022 {said} 2022-01-06T00:00:00Z" in told(command, "2022", *REASON, "--second", "admin2")
    assert nomination.asked == [f"POST /v1/seasons/2022/{command}"]
    assert stack.services["identity"].asked == ["POST /v1/sign-in"] * 2


def test_a_season_is_closed_once_everybody_is_decided_on_or_is_to_be_left(nomination: FakeService):
    stage = {"season": "2022", "tier": "national", "province": "00", "category": "BESAR", "stage": "verifikasi"}
    nominees = [
        {"status": status, "stage": stage, "candidate": {"name": f"PT {status}"}}
        for status in ("winner", "eliminated", "competing", "filed-late")
    ]
    nomination.answers["/v1/nominations"] = (200, {"items": nominees, "next": None})
    nomination.answers["/v1/seasons/2022/close"] = RECEIPT
    asked = ("close", "2022", *REASON, "--second", "admin2")
    said = why(*asked)
    assert "2 nominee(s) are not decided on" in said
    assert "PT competing (verifikasi, competing), PT filed-late (verifikasi, filed-late)" in said
    assert "POST /v1/seasons/2022/close" not in nomination.asked
    assert "is closed since 2022-01-06" in told(*asked, "--leave-undecided")
    nomination.answers["/v1/nominations"] = (200, {"items": nominees[:2], "next": None})
    assert "is closed since 2022-01-06" in told(*asked)


def test_without_a_second_person_nothing_is_sent(nomination: FakeService):
    assert "there is no terminal to ask the second person at" in why("freeze", "2022", *REASON)
    assert nomination.asked == []


def test_a_window_is_extended(nomination: FakeService):
    nomination.answers["/v1/seasons/2022/extend"] = RECEIPT
    said = told("extend", "2022", "--until", "2022-12-20", "--province", "75", *REASON)
    assert "nominations of province 75 are received until 2022-12-20" in said
    assert "nominations of every province" in told("extend", "2022", "--until", "2022-12-20", *REASON)


def test_exceptions_are_listed_with_who_where_what_and_why(nomination: FakeService):
    one = {
        "id": "1", "time": "2022-02-01T00:00:00Z", "kind": "extension", "event": "DeadlineExtended", "province": None,
        "actor": "a-person", "office": "season-admin", "stream": "season/2022", "reason": "Banjir",
        "what": {"window": "nomination", "until": "2022-12-20T16:59:59.999999Z"},
    }  # fmt: skip
    stage = {"season": "2022", "tier": "provincial", "province": "75", "category": "KABKOTA", "stage": "seleksi"}
    other = {**one, "province": "75", "office": None, "reason": None, "event": "ScoringExtended", "what": {"at": stage}}
    nomination.answers["/v1/seasons/2022/exceptions"] = (200, {"items": [one, other], "next": None})
    said = told("exceptions", "2022", "--kind", "extension", "--login", "auditor")
    assert said == (
        "2022-02-01T00:00:00Z  extension  DeadlineExtended  whole season  by a-person (season-admin)\n"
        "    until 2022-12-20T16:59:59.999999Z; window nomination\n"
        "    reason: Banjir\n"
        "2022-02-01T00:00:00Z  extension  ScoringExtended  province 75  by a-person\n"
        "    at 2022/provincial/75/KABKOTA/seleksi\n"
        "    reason: kept by scoring, not shown here\n"
        "season 2022: 2 exception(s)\n"
    )
