"""When a month is due: clamped to the next month's end, and moved off days of rest as the rulebook says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rulebook import DueDay
from services.scoring.domain.due_day import due_on, months_due


def rule(day: int = 15, on_rest_day: str = "stays", *holidays: str) -> DueDay:
    return DueDay.model_validate({"day": day, "on_rest_day": on_rest_day, "holidays": list(holidays)})


@pytest.mark.parametrize(
    ("due", "month", "day"),
    [
        (rule(), "2025-01", "2025-02-15"),
        (rule(), "2024-12", "2025-01-15"),
        (rule(31), "2025-01", "2025-02-28"),
        (rule(31), "2024-01", "2024-02-29"),
        (rule(31), "2025-03", "2025-04-30"),
        (rule(31), "2025-02", "2025-03-31"),
    ],
)
def test_a_month_is_due_on_a_day_of_the_next_clamped_to_its_end(due: DueDay, month: str, day: str) -> None:
    assert due_on(due, month).isoformat() == day


@pytest.mark.parametrize(
    ("due", "month", "day"),
    [
        (rule(15, "next-working-day"), "2025-01", "2025-02-17"),  # 15 February 2025 is a Saturday
        (rule(16, "next-working-day"), "2025-01", "2025-02-17"),
        (rule(15, "previous-working-day"), "2025-01", "2025-02-14"),
        (rule(15, "stays"), "2025-01", "2025-02-15"),
        (rule(15, "next-working-day", "2025-02-17", "2025-02-18"), "2025-01", "2025-02-19"),
        (rule(15, "previous-working-day", "2025-02-14"), "2025-01", "2025-02-13"),
        (rule(14, "next-working-day", "2025-02-14"), "2025-01", "2025-02-17"),  # a Friday: on past the weekend
        (rule(14, "stays", "2025-02-14"), "2025-01", "2025-02-14"),
        (rule(31, "next-working-day"), "2025-04", "2025-06-02"),  # 31 May is a Saturday: into another month
        (rule(1, "previous-working-day"), "2025-02", "2025-02-28"),  # 1 March is a Saturday: back into the month
    ],
)
def test_a_due_day_moves_off_weekends_and_holidays_as_the_rulebook_says(due: DueDay, month: str, day: str) -> None:
    assert due_on(due, month).isoformat() == day


def test_months_count_as_soon_as_their_due_day_is_there() -> None:
    assert [one.month for one in months_due(rule(), "2025-01", date(2025, 4, 15))] == ["2025-01", "2025-02", "2025-03"]
    assert [one.month for one in months_due(rule(), "2025-01", date(2025, 4, 14))] == ["2025-01", "2025-02"]
    assert months_due(rule(), "2025-01", date(2025, 2, 14)) == ()


def test_no_month_before_the_agency_began_is_due_and_none_after_the_calendar_ends() -> None:
    assert months_due(rule(), "0000-01", date(2014, 3, 1))[0].month == "2014-01"
    assert months_due(rule(), "9999-12", date.max) == ()


rules = st.builds(
    lambda day, kind, holidays: rule(day, kind, *(one.isoformat() for one in holidays)),
    st.integers(1, 31),
    st.sampled_from(["next-working-day", "previous-working-day", "stays"]),
    st.lists(st.dates(date(2025, 1, 1), date(2026, 3, 31)), max_size=40),
)


@given(rules)
def test_a_later_month_is_never_due_earlier_and_no_moved_day_is_one_of_rest(due: DueDay) -> None:
    days = [due_on(due, f"2025-{month:02d}") for month in range(1, 13)]
    assert days == sorted(days)
    if due.on_rest_day != "stays":
        assert all(day.weekday() < 5 and day not in due.holidays for day in days)


@given(rules, st.integers(1, 12))
def test_between_the_named_day_and_the_moved_one_all_are_days_of_rest(due: DueDay, month: int) -> None:
    named, moved = (
        due_on(due.model_copy(update={"on_rest_day": "stays"}), f"2025-{month:02d}"),
        due_on(due, f"2025-{month:02d}"),
    )
    step = timedelta(days=1 if moved > named else -1)
    while named != moved:
        assert named.weekday() >= 5 or named in due.holidays
        named += step
