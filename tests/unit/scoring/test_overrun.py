"""Given a season; when a stage's deadline is moved; then whoever moved it hears what that means for the next stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.envelope import Stage
from services.scoring.domain.overrun import overrun
from tests.unit.scoring.given import AT
from tests.unit.scoring.test_stage import SEASON

OPENS = datetime(2021, 2, 28, 17, tzinfo=UTC)
"""When the centre's verification begins: with 1 March in Jakarta."""
CLOSES = datetime(2021, 4, 15, 16, 59, 59, tzinfo=UTC)
FINAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="wawancara")


def test_a_deadline_before_the_next_stage_begins_needs_no_word():
    assert overrun(SEASON, AT, OPENS - timedelta(seconds=1)) is None


@pytest.mark.parametrize("until", [OPENS, OPENS + timedelta(days=3), CLOSES - timedelta(seconds=1)])
def test_a_deadline_in_the_next_stages_window_is_told_with_when_that_begins(until):
    said = overrun(SEASON, AT, until)
    assert said is not None
    assert "is scored from 2021-02-28T17:00:00Z." in said.en
    assert "dinilai mulai 1 Maret 2021 pukul 00.00 WIB." in said.id


def test_a_deadline_after_the_next_stages_window_says_when_that_ends_too():
    said = overrun(SEASON, AT, CLOSES + timedelta(days=1))
    assert said is not None
    assert "only until 2021-04-15T16:59:59Z" in said.en
    assert "hanya sampai dengan 15 April 2021 pukul 23.59 WIB" in said.id


def test_the_last_stage_of_a_path_has_no_next_one():
    assert overrun(SEASON, FINAL, datetime(2021, 6, 29, tzinfo=UTC)) is None
