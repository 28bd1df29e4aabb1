"""When a month's contribution is due, and which months are due by a day.

The rulebook's day of the next month, clamped to that month's end, then moved off Saturdays, Sundays and its holidays
the way it says. A moved day may lie in another month.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from schemas.facts import FIRST_MONTH
from schemas.rulebook import DueDay

_SATURDAY: Final = 5
_LAST_YEAR: Final = 9990
"""Months of later years never fall due: the calendar ends, and no rulebook reaches there."""
RestDay = Literal["next-working-day", "previous-working-day", "stays"]
_STEPS: Final[Mapping[RestDay, timedelta]] = {
    "next-working-day": timedelta(days=1),
    "previous-working-day": timedelta(days=-1),
    "stays": timedelta(0),
}


class DueMonth(NamedTuple):
    """A month, YYYY-MM, and the last day on which its contribution is paid in time."""

    month: str
    due_on: date


def due_on(due: DueDay, month: str) -> date:
    """Return the last day on which a month's contribution is paid in time."""
    return _due_on(due.day, due.on_rest_day, due.holidays, month)


def _due_on(day: int, on_rest_day: RestDay, holidays: tuple[date, ...], month: str) -> date:
    year, number = int((after := _next(month))[:4]), int(after[5:7])
    moved = date(year, number, min(day, monthrange(year, number)[1]))
    step = _STEPS[on_rest_day]
    while step and (moved.weekday() >= _SATURDAY or moved in holidays):
        moved += step
    return moved


def months_due(due: DueDay, first: str, until: date) -> tuple[DueMonth, ...]:
    """Return the months from `first` on whose due day is not after `until`, the earliest first.

    None is before the agency began: nothing was due then. Later months never fall due earlier, so the first one that
    is not due ends the list.
    """
    return _months_due(due.day, due.on_rest_day, due.holidays, first, until)


@lru_cache(maxsize=1024)
def _months_due(
    day: int, on_rest_day: RestDay, holidays: tuple[date, ...], first: str, until: date
) -> tuple[DueMonth, ...]:
    # By plain values: a node of the rulebook cannot be hashed where its marks are a mapping.
    found: list[DueMonth] = []
    month = max(first, FIRST_MONTH)
    while int(month[:4]) < _LAST_YEAR and (moved := _due_on(day, on_rest_day, holidays, month)) <= until:
        found.append(DueMonth(month, moved))
        month = _next(month)
    return tuple(found)


def _next(month: str) -> str:
    year, number = divmod(int(month[:4]) * 12 + int(month[5:7]), 12)
    return f"{year:04d}-{number + 1:02d}"
