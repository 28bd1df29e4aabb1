"""`paritrana test`: the whole suite side by side, and in one process what is chosen from it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cli.checks import REPOSITORY
from tests.unit.cli.fake_stack import run


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run instead of this process."""
    found: list[list[str]] = []

    def take(_what: str, arguments: list[str], **_given: Any) -> None:
        found.append(arguments)

    monkeypatch.setattr("cli.checks._run", take)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return found


def test_the_whole_suite_runs_side_by_side_and_what_it_imports_is_compiled_once(ran: list[list[str]]) -> None:
    assert run("test").exit_code == 0
    assert ran[0][:4] == ["-m", "pytest", "-n", "logical"]
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_what_is_chosen_runs_in_one_process(ran: list[list[str]]) -> None:
    assert run("test", "-k", "ranking").exit_code == 0
    assert run("test", "--long", "--hypothesis-seed=1").exit_code == 0
    assert ran[0] == ["-m", "pytest", "-k", "ranking"]
    *rooms, profile, seed = ran[1][2:]
    assert rooms[0] == "tests/model"
    assert all((REPOSITORY / room).exists() for room in rooms)
    assert (profile, seed) == ("--hypothesis-profile=long", "--hypothesis-seed=1")
