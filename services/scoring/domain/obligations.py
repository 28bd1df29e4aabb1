"""An employer's months: what was due, what was paid and when, and so how each month counts.

A month is **in time** when what was due is paid by the due day, **late** when it is paid in full by the last day
looked at, **partly** when something is, else **unpaid**. Several dues of a month add up, and so do several payments,
each by the bank's value date. Nothing is carried over: what was paid too much for one month pays for no other. A month
for which nothing is due (a due of 0) is in time. A month for which no due was said at all is **missing**: nobody knows
what should have been paid, whatever was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from schemas.regions import NATION_ZONE
from schemas.rulebook import DueDay
from services.scoring.domain.due_day import months_due
from services.scoring.domain.effective import (
    Contribution,
    FactName,
    LedgerFact,
    contributions,
    distinct,
    last_registration,
    of_employer,
)

Standing = Literal["in_time", "late", "partly", "unpaid", "missing"]

_ZONE: Final = ZoneInfo(NATION_ZONE)


class EmployerMonth(NamedTuple):
    """A month for which an employer owed contributions."""

    month: str
    due_on: date
    """The last day on which it was paid in time."""
    due: int | None
    """Rupiah; None where no due was said."""
    paid: int
    """Rupiah paid by the last day looked at."""
    paid_in_time: int
    standing: Standing
    facts: tuple[FactName, ...]
    """The dues and payments behind it with the corrections that count, sorted; payments after that day as well."""


def employer_months(
    facts: Iterable[LedgerFact], employer: str, due: DueDay, until: date, first_month: str | None = None
) -> tuple[EmployerMonth, ...]:
    """Return the months that an employer owed and that were due by `until`, the earliest first.

    They begin with `first_month` (if None, January of the year of `until`), not before the month from which the
    employer is obliged. An employer that is not registered by the end of `until` owed none.
    """
    own = of_employer(distinct(facts), employer)
    after = end_of(datetime.combine(until, time(23, 59, 59)))
    return months_of(own, employer, due, until, first_month or f"{until.year:04d}-01", after) or ()


def end_of(last_second: datetime) -> datetime:
    """Return the instant at which a local last second is over, by the nation's clocks."""
    return (last_second.replace(tzinfo=_ZONE) + timedelta(seconds=1)).astimezone(UTC)


def months_of(
    own: Sequence[LedgerFact], employer: str, due: DueDay, until: date, first_month: str, registered_before: datetime
) -> tuple[EmployerMonth, ...] | None:
    """Return an employer's months from its own facts (`of_employer`); None where it was not registered in time."""
    registration = last_registration(own, employer, registered_before)
    if registration is None:
        return None
    said: Any = registration.data
    by_month: dict[str, list[Contribution]] = {}
    for one in contributions(own):
        if one.employer == employer:
            by_month.setdefault(one.month, []).append(one)
    return tuple(
        _month(month, day, by_month.get(month, ()), until)
        for month, day in months_due(due, first_month, until)
        if month >= said.obliged_from
    )


def _month(month: str, due_on: date, said: Sequence[Contribution], until: date) -> EmployerMonth:
    due: int | None = None
    paid = in_time = 0
    for one in said:
        if one.paid_on is None:
            due = (due or 0) + one.amount
        elif one.paid_on <= until:
            paid += one.amount
            in_time += one.amount if one.paid_on <= due_on else 0
    names = tuple(sorted(name for one in said for name in one.facts))
    return EmployerMonth(month, due_on, due, paid, in_time, _standing(due, paid, in_time), names)


def _standing(due: int | None, paid: int, in_time: int) -> Standing:
    if due is None:
        return "missing"
    if in_time >= due:
        return "in_time"
    if paid >= due:
        return "late"
    return "partly" if paid else "unpaid"
