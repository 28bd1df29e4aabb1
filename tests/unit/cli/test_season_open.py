"""`season open` knows the stack's clock: nobody opens a season by mistake in which nobody can be nominated."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.checks import REPOSITORY
from cli.output import WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

RULEBOOK = REPOSITORY / "rulebooks" / "2022.yaml"
OPENED = (200, {"time": "2022-01-06T00:00:00Z"})


@pytest.fixture(autouse=True)
def nomination(stack: FakeStack) -> list[str]:
    """What the stack's nomination is asked."""
    stack.services["nomination"].answers["/v1/seasons"] = OPENED
    return stack.services["nomination"].asked


def open_at(stack: FakeStack, now: str, *more: str) -> str:
    """Open 2022 at an instant of the test clock; return why it was refused, or nothing."""
    stack.clock = {"name": "test", "now": now}
    ended = run("season", "open", str(RULEBOOK), "--login", "admin", *more)
    assert ended.exception is None or isinstance(ended.exception, WrongUse)
    return str(ended.exception or "")


# Its nominations close on 15 December at 23:59:59, the last ones in the west, UTC+7.
LAST = "2022-12-15T16:59:59.999999+00:00"


def test_until_the_last_province_closes_it_is_opened(stack: FakeStack, nomination: list[str]) -> None:
    assert open_at(stack, LAST) == ""
    assert nomination == ["POST /v1/seasons"]


def test_after_that_it_is_refused_with_the_date_and_what_to_change(stack: FakeStack, nomination: list[str]) -> None:
    assert open_at(stack, "2022-12-15T17:00:00+00:00") == (
        "nominations for season 2022 are over: calendar.nomination_closes is 2022-12-15 23:59:59, and the stack's test "
        "clock stands at 2022-12-16 00:00:00 (Asia/Jakarta); move the dates of calendar and stages in "
        f"{RULEBOOK}, and its season if that is open already, or open it as it is by --past"
    )
    assert nomination == []


def test_a_season_that_is_over_whole_says_that(stack: FakeStack) -> None:
    said = open_at(stack, "2023-07-01T00:00:00+07:00")
    assert said.startswith("season 2022 is over: calendar.closes is 2023-06-30 23:59:59, and the stack's test clock")


def test_past_opens_it_nevertheless(stack: FakeStack, nomination: list[str]) -> None:
    assert open_at(stack, "2023-07-01T00:00:00+07:00", "--past") == ""
    assert nomination == ["POST /v1/seasons"]


def test_without_a_stack_of_this_machine_the_machines_clock_counts(
    stack: FakeStack, nomination: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARITRANA_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("PARITRANA_NOMINATION_URL", stack.services["nomination"].url)
    monkeypatch.setenv("PARITRANA_IDENTITY_URL", stack.services["identity"].url)
    monkeypatch.setenv("PARITRANA_KEYS", str(stack.data / "keys"))
    assert "this machine's clock stands at" in open_at(stack, LAST)
    assert nomination == []


def test_a_season_that_is_open_already_says_what_can_be_done(stack: FakeStack) -> None:
    problem = {"type": "/problems/season-already-open", "title": "The rules do not allow this", "status": 409}
    stack.services["nomination"].answers["/v1/seasons"] = (409, problem)
    said = open_at(stack, LAST)
    rules = f"{stack.services['nomination'].url}/v1/public/seasons/2022"
    assert said.startswith(f"season 2022 is open already: see its rules at {rules}, write another `season` in ")
    assert said.endswith(f"or raise its `version` and publish it by `paritrana season amend {RULEBOOK}`")


def test_every_error_is_told_in_order_and_the_last_line_counts_them(stack: FakeStack, tmp_path: Path) -> None:
    file = tmp_path / "season.yaml"
    text = RULEBOOK.read_text(encoding="utf-8")
    file.write_text(
        text.replace("version: 1\n", "version: 1\nbonus: 2\n").replace("seats: 1", "seats: 1.5", 1), "utf-8"
    )
    ended = run("season", "open", str(file), "--login", "admin")
    first, second, *_ = ended.output.splitlines()
    assert "no such key" in first
    assert "not a whole number" in second
    assert str(ended.exception).startswith(f"{file} has ")
