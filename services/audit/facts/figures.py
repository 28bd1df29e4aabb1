"""A nominee's figure by a rulebook's measure, from the facts about it: computed anew, to be held to what was recorded.

Written from docs/rulebook.md, section "Measures", and sharing nothing with the service that measures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.audit.facts.fact import ASSISTANCE, CHANNELS, COVERAGE, OF_MONTHS, Fact
from services.audit.facts.months import Month, owed_months

Json = Mapping[str, Any]
_NATION: Final = ZoneInfo("Asia/Jakarta")
_REGIONS: Final = ("province", "regency", "city")
_MONTHS: Final = ("compliance-points", "obliged-months", "months-covered", "amount-due", "amount-paid")
_REPORTED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "workers-covered": (COVERAGE, ("wage_workers_covered", "non_wage_workers_covered")),
    "workers-total": (COVERAGE, ("wage_workers_total", "non_wage_workers_total")),
    "wage-workers-covered": (COVERAGE, ("wage_workers_covered",)),
    "non-wage-workers-covered": (COVERAGE, ("non_wage_workers_covered",)),
    "non-wage-workers-total": (COVERAGE, ("non_wage_workers_total",)),
    "vulnerable-workers-assisted": (ASSISTANCE, ("vulnerable_workers_assisted",)),
    "vulnerable-workers-total": (ASSISTANCE, ("vulnerable_workers_total",)),
    "non-wage-workers-assisted": (ASSISTANCE, ("non_wage_workers_assisted",)),
}
_CHANNELS: Final = {"digital-transactions": "digital_transactions", "transactions": "transactions"}


class Lacking(Exception):
    """There is no figure; the argument says why, as events do."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What the facts give: as an event of a measurement says it."""

    numerator: Fraction | None
    denominator: Fraction | None
    ratio: Fraction | None
    lack: str | None
    missing_months: tuple[str, ...]
    facts: int
    digest: str


def figure_of(measure: Json, subject: str, kind: str, facts: Iterable[Fact]) -> Figure:
    """Return a nominee's figure. Raises LookupError or ValueError where measure or facts are not what they must be.

    Args:
        measure: the measure as the rulebook's content has it.
        subject: the employer's number or the region's code.
        kind: `employer`, or a kind of region.
        facts: facts, among them all that bear on the nominee.
    """
    return _Measured(measure, subject, kind, facts).figure()


class _Measured:
    def __init__(self, measure: Json, subject: str, kind: str, facts: Iterable[Fact]) -> None:
        self._measure = measure
        self._names = (measure["numerator"], measure["denominator"])
        self._subject = subject
        self._kind = kind
        local = datetime.fromisoformat(measure["cut_off"])
        if len(measure["cut_off"]) == len("2021-12-31"):
            local += timedelta(hours=23, minutes=59, seconds=59)
        self._until = local.date()
        self._over = (local.replace(tzinfo=_NATION) + timedelta(seconds=1)).astimezone(UTC)
        self._first = measure.get("first_month") or f"{local.year:04d}-01"
        self._facts = self._bearing({fact.leaf: fact for fact in facts}.values())
        self._months, self._no_months = self._owed()

    def figure(self) -> Figure:
        above, below = self._quantity(self._names[0]), self._quantity(self._names[1])
        numerator = above if isinstance(above, Fraction) else None
        denominator = below if isinstance(below, Fraction) else None
        lack = next((one for one in (above, below) if isinstance(one, str)), None)
        ratio: Fraction | None = None
        if lack is None and not denominator:
            lack = "denominator-zero"
        if lack is None and numerator is not None and denominator is not None:
            ratio = numerator / denominator
            if self._measure.get("cap") is not None:
                ratio = min(ratio, Fraction(self._measure["cap"]))
        missing = tuple(one.month for one in self._months if one.standing == "missing")
        leaves = sorted(fact.leaf for fact in self._facts)
        digest = hashlib.sha256(b"".join(leaves)).hexdigest()
        return Figure(numerator, denominator, ratio, lack, missing, len(leaves), digest)

    # --- facts

    def _kinds(self) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for name in self._names:
            if name in _MONTHS:
                found |= OF_MONTHS
            elif name in _REPORTED:
                found |= {_REPORTED[name][0]}
            elif name in _CHANNELS:
                found |= {CHANNELS}
            else:
                raise ValueError(f"the measure counts {name!r}, which this program does not know")
        return found

    def _bearing(self, facts: Iterable[Fact]) -> list[Fact]:
        """Return the facts that bear on the nominee, of the kinds that the measure rests on."""
        kinds = self._kinds()
        given = [fact for fact in facts if fact.kind in kinds]
        if self._kind in _REGIONS:
            return [fact for fact in given if fact.employer is None and fact.subject == self._subject]
        if self._kind != "employer":
            return []
        families = {fact.family for fact in given if fact.employer == self._subject} - {None}
        return [
            fact
            for fact in given
            if (fact.family in families if fact.family is not None else fact.employer == self._subject)
        ]

    def _owed(self) -> tuple[Sequence[Month], str | None]:
        """Return the months that were owed, or none and why there are none."""
        if not any(name in _MONTHS for name in self._names):
            return (), None
        due = self._measure["due"]
        if self._kind != "employer":
            return (), "no-facts"
        months = owed_months(self._facts, self._subject, due, self._until, self._first, self._over)
        return ((), "not-registered") if months is None else (months, None)

    # --- quantities

    def _quantity(self, name: str) -> Fraction | str:
        """Return a quantity, or why there is none."""
        try:
            if name in _MONTHS:
                return self._of_months(name)
            return self._of_channels(_CHANNELS[name]) if name in _CHANNELS else self._of_report(*_REPORTED[name])
        except Lacking as lacking:
            return str(lacking)

    def _of_months(self, name: str) -> Fraction:
        if self._no_months is not None:
            raise Lacking(self._no_months)
        rule = self._measure.get("missing_months") or "left-out"
        missing = any(one.standing == "missing" for one in self._months)
        if rule == "unmeasured" and missing:
            raise Lacking("month-missing")
        counted = [one for one in self._months if one.standing != "missing" or rule == "unpaid"]
        match name:
            case "compliance-points":
                points = self._measure["points"]
                names = (one.standing for one in counted)
                return sum((Fraction(points["unpaid" if one == "missing" else one]) for one in names), Fraction())
            case "obliged-months":
                return Fraction(len(counted))
            case "months-covered":
                return Fraction(sum(one.standing in ("in_time", "late") for one in counted))
            case "amount-due":
                return Fraction(sum(one.due or 0 for one in counted))
            case _:
                return Fraction(sum(min(one.paid, one.due or 0) for one in counted))

    def _of_report(self, kind: str, fields: Sequence[str]) -> Fraction:
        reports = [fact for fact in self._facts if fact.kind == kind and self._day(fact) <= self._until]
        if not reports:
            raise Lacking("no-facts")
        last = max(reports, key=lambda fact: (self._day(fact), *fact.revision))
        if any(last.data.get(name) is None for name in fields):
            raise Lacking("no-facts")
        return Fraction(sum(last.data[name] for name in fields))

    @staticmethod
    def _day(fact: Fact) -> date:
        return date.fromisoformat(fact.data["as_of"])

    def _of_channels(self, field: str) -> Fraction:
        last: dict[str, Fact] = {}
        for fact in self._facts:
            if fact.kind != CHANNELS or not self._first <= fact.data["month"] <= f"{self._until:%Y-%m}":
                continue
            known = last.get(fact.data["month"])
            if known is None or known.revision < fact.revision:
                last[fact.data["month"]] = fact
        if not last:
            raise Lacking("no-facts")
        return Fraction(sum(fact.data[field] for fact in last.values()))
