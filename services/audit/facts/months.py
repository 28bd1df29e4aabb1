"""An employer's months from its facts: which were owed, what was due and paid for each, and when.

The rules are those of docs/rulebook.md, section "Measures": a reversal is final; of corrections the highest revision
counts, and only the earliest fact of an id is corrected; one payment counts of those under one bank reference.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from services.audit.facts.fact import CORRECTED, DUE, PAID, REGISTERED, REVERSED, Fact, Family

_AGENCY_BEGAN: Final = "2014-01"
_LAST_YEAR: Final = 9990
_STEP: Final = {"next-working-day": 1, "previous-working-day": -1, "stays": 0}


@dataclass(slots=True)
class Month:
    """A month that was owed: rupiah due (None where nobody said), paid by the cut-off, and of it by the due day."""

    month: str
    last_day: date
    due: int | None = None
    paid: int = 0
    in_time: int = 0

    @property
    def standing(self) -> str:
        """Return how the month counts, by the name of its points in a rulebook; `missing` where no due was said."""
        if self.due is None:
            return "missing"
        if self.in_time >= self.due:
            return "in_time"
        if self.paid >= self.due:
            return "late"
        return "partly" if self.paid else "unpaid"


@dataclass(slots=True)
class _Family:
    firsts: list[Fact] = field(default_factory=list)
    corrections: list[Fact] = field(default_factory=list)
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """A due or a payment as it reads in the end."""

    first: Fact
    employer: str
    month: str
    amount: int
    paid_on: date | None
    reference: str | None


def owed_months(
    facts: Sequence[Fact], employer: str, due: Mapping[str, Any], until: date, first_month: str, over: datetime
) -> list[Month] | None:
    """Return the months that an employer owed and that fell due by a day; None where it was not registered by then.

    Args:
        facts: everything that bears on the employer's months, each once.
        employer: its number.
        due: the rulebook's due day: `day`, `on_rest_day`, `holidays`.
        until: the cut-off's day.
        first_month: the first month that counts, YYYY-MM.
        over: the instant at which the cut-off is over.
    """
    registrations = [one for one in facts if one.kind == REGISTERED and one.employer == employer and one.time < over]
    if not registrations:
        return None
    registration = max(registrations, key=lambda one: (one.time, *one.revision))
    first = max(first_month, registration.data["obliged_from"])
    months = {one.month: one for one in _due_by(due, first, until)}
    for entry in _entries(facts):
        month = months.get(entry.month)
        if month is not None and entry.employer == employer:
            _enter(month, entry, until)
    return list(months.values())


def _enter(month: Month, entry: _Entry, until: date) -> None:
    if entry.paid_on is None:
        month.due = (month.due or 0) + entry.amount
    elif entry.paid_on <= until:
        month.paid += entry.amount
        if entry.paid_on <= month.last_day:
            month.in_time += entry.amount


def _entries(facts: Iterable[Fact]) -> list[_Entry]:
    """Return the dues and payments that count."""
    families: dict[Family, _Family] = defaultdict(_Family)
    for fact in facts:
        if (name := fact.family) is not None:
            family = families[name]
            if fact.kind in (DUE, PAID):
                family.firsts.append(fact)
            elif fact.kind == CORRECTED:
                family.corrections.append(fact)
            elif fact.kind == REVERSED:
                family.is_reversed = True
    counted: list[_Entry] = []
    payments: dict[tuple[str, str, str], _Entry] = {}
    for entry in (entry for family in families.values() for entry in _readings(family)):
        if entry.reference is None:
            counted.append(entry)
            continue
        once = (entry.first.publisher, entry.employer, entry.reference)
        if once not in payments or entry.first.age < payments[once].first.age:
            payments[once] = entry
    return [*counted, *payments.values()]


def _readings(family: _Family) -> Iterator[_Entry]:
    if family.is_reversed:
        return
    correction = max(family.corrections, key=lambda one: one.revision, default=None)
    for fact in sorted(family.firsts, key=lambda one: one.age):
        right: Mapping[str, Any] = {} if correction is None else correction.data
        said = fact.data
        amount = right.get("amount")
        yield _Entry(
            fact,
            right.get("employer") or said["employer"],
            right.get("month") or said["month"],
            said["amount"] if amount is None else amount,
            date.fromisoformat(right.get("paid_on") or said["paid_on"]) if fact.kind == PAID else None,
            right.get("bank_reference") or said["bank_reference"] if fact.kind == PAID else None,
        )
        correction = None  # the ids of later ones were used again, and no correction names those


def _due_by(due: Mapping[str, Any], first: str, until: date) -> Iterator[Month]:
    """Yield the months from `first` on that fell due by a day, the earliest first."""
    month = max(first, _AGENCY_BEGAN)
    holidays = {str(one) for one in due.get("holidays") or ()}
    while int(month[:4]) < _LAST_YEAR:
        after = _next(month)
        year, number = int(after[:4]), int(after[5:])
        last = date(year, number, min(due["day"], monthrange(year, number)[1]))
        step = timedelta(days=_STEP[due["on_rest_day"]])
        while step and (last.isoweekday() > 5 or last.isoformat() in holidays):
            last += step
        if last > until:
            return
        yield Month(month, last)
        month = after


def _next(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04d}-01" if number == 12 else f"{year:04d}-{number + 1:02d}"
