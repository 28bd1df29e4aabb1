"""A data folder is started on the clock that it was last run on, and no service works on a clock behind its log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local import clocks
from deploy.local.child import StackError
from deploy.local.settings import StackOptions
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from kernel.newest import Newest, lateness

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
OTHERS = [("test", "system"), ("system", "test"), ("test:/elsewhere/clock", "test"), ("test:/a", "test:/b")]


@pytest.mark.parametrize(("last", "wanted"), OTHERS)
def test_another_clock_than_the_last_is_refused_with_both_and_what_to_do(
    tmp_path: Path, last: str, wanted: str
) -> None:
    clocks.remember(tmp_path, last)
    with pytest.raises(StackError) as told:
        clocks.refuse_another(tmp_path, wanted)
    said = str(told.value)
    assert "\n" not in said
    assert f"was last run on {'the machine' if last == 'system' else 'a test clock'}" in said
    assert f"(PARITRANA_CLOCK={last})" in said
    assert f"(PARITRANA_CLOCK={wanted})" in said
    assert f"start it by `PARITRANA_CLOCK={last} paritrana up --data {tmp_path}`, or choose another folder" in said


@pytest.mark.parametrize("clock", ["system", "test", "test:/elsewhere/clock"])
def test_the_same_clock_is_taken_again_and_again(tmp_path: Path, clock: str) -> None:
    for _ in range(2):
        clocks.refuse_another(tmp_path, clock)
        clocks.remember(tmp_path, clock)
        assert clocks.last_clock(tmp_path) == clock
    assert [path.name for path in tmp_path.iterdir()] == [clocks.NOTE]


def test_a_folder_may_be_moved_with_its_own_test_clock(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    clocks.remember(first, f"test:{first / clocks.OWN_FILE}")
    first.rename(second)
    clocks.refuse_another(second, "test")


@pytest.mark.parametrize("note", [None, "", "\n", "a sundial"])
def test_a_folder_from_before_there_was_a_note_starts(tmp_path: Path, note: str | None) -> None:
    if note is not None:
        (tmp_path / clocks.NOTE).write_text(note)
    assert clocks.last_clock(tmp_path) is None
    clocks.refuse_another(tmp_path, "system")
    TestClock.set_to(tmp_path / clocks.OWN_FILE, NOW)
    clocks.refuse_another(tmp_path, "test")


def test_of_a_test_clock_without_a_note_the_refusal_says_the_way_out(tmp_path: Path) -> None:
    own = tmp_path / clocks.OWN_FILE
    TestClock.set_to(own, NOW)
    with pytest.raises(StackError, match=rf"remove {own} and start again") as told:
        clocks.refuse_another(tmp_path, "system")
    assert f"`{clocks.command(tmp_path, 'test')}`" in str(told.value)
    own.unlink()
    clocks.refuse_another(tmp_path, "system")


def test_a_command_is_quoted_for_a_shell() -> None:
    told = clocks.command(Path("/two words"), "test:/a b", ["--mail-sink"])
    assert told == "PARITRANA_CLOCK='test:/a b' paritrana up --mail-sink --data '/two words'"


async def test_a_stack_refuses_before_it_starts_anything_or_winds_a_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing comes so far as to need a folder that the database's user can enter.
    monkeypatch.setattr("deploy.local.supervisor.make_data_folder", lambda folder: folder)
    clocks.remember(tmp_path, "system")
    with pytest.raises(StackError, match="was last run on the machine's clock"):
        async with Stack(StackOptions(tmp_path, clock="test"), lambda _: None):
            pytest.fail("it started")
    assert {path.name for path in tmp_path.iterdir()} == {"lock", clocks.NOTE}
    assert clocks.last_clock(tmp_path) == "system"


def test_a_clock_behind_the_newest_event_beyond_the_tolerance_is_told_with_how_far() -> None:
    def newest(**ahead: float) -> Newest:
        return Newest("season/2026", 7, NOW + timedelta(**ahead))

    assert lateness(None, NOW) is None
    assert lateness(newest(days=-400), NOW) is None
    assert lateness(newest(minutes=1), NOW) is None
    assert lateness(newest(hours=26, seconds=0.4), NOW) == (
        "the clock reads 2026-03-01T03:00:00+00:00 and is 1 day, 2:00:00 behind the newest event "
        "(season/2026, version 7, recorded 2026-03-02T05:00:00+00:00)"
    )
