"""A nominee's figure by a measure of the rulebook, exactly, from the facts about it and nothing else.

A measure is one quantity over another, at most its cap. `effective` says which facts count, `obligations` how an
employer's months were paid; this is what each quantity is:

| quantity | what it is | rests on |
| --- | --- | --- |
| `compliance-points` | the rulebook's points of each obliged month, by how it was paid, added up | months |
| `obliged-months` | how many obliged months count | months |
| `months-covered` | how many of them are paid in full by the cut-off's day, in time or late | months |
| `amount-due` | rupiah due for them | months |
| `amount-paid` | rupiah paid for them by the cut-off's day, of each month at most what was due | months |
| `workers-covered` | wage and non-wage workers covered | coverage |
| `workers-total` | wage and non-wage workers in all | coverage |
| `wage-workers-covered` | wage workers (PU) covered | coverage |
| `non-wage-workers-covered` | others (BPU) covered | coverage |
| `non-wage-workers-total` | others (BPU) in all | coverage |
| `vulnerable-workers-assisted` | vulnerable workers helped with their contributions | assistance |
| `vulnerable-workers-total` | vulnerable workers in all, if the report says | assistance |
| `non-wage-workers-assisted` | others (BPU) helped, if the report says | assistance |
| `digital-transactions` | transactions through digital channels, over the months of the window | digital channels |
| `transactions` | transactions, over the months of the window | digital channels |

- **Months** are an employer's: registration, dues, payments, corrections and reversals. Obliged months begin with the
  measure's first month (if absent, January of the cut-off's year), not before the employer is obliged, and end with the
  last month that is due by the cut-off's day. Of a month without any due, `missing_months` says what becomes: left out
  of both figures; unpaid (an obliged month that earns the points of an unpaid one; its due is unknown and adds nothing
  to amounts); or the whole measure is unmeasured. Who is not registered by the cut-off (by the nation's clocks) has no
  months. A region has none at all.
- **Coverage** and **assistance** are the last report as of the cut-off's day or before, whole: what it leaves out is
  not taken from an earlier one.
- **Digital channels** are each month's last report, from the measure's first month to the cut-off's month.

What is unmeasured says why: `not-registered` (months), `no-facts` (nothing said of the quantity), `month-missing`, or
`denominator-zero`; the numerator's reason before the denominator's.

The facts that a measurement looked at are all facts about the nominee of the kinds that its two quantities rest on,
whatever their time, with what corrects or reverses them and what they correct or reverse (`effective.of_employer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from schemas.facts import (
    AssistanceReported,
    CoverageReported,
    DigitalChannelUsed,
)
from schemas.rulebook import DueDay, Measure, definition_of
from schemas.scoring import Lack
from services.scoring.domain.due_day import due_on, months_due
from services.scoring.domain.effective import (
    CONTRIBUTION_KINDS,
    Contribution,
    Effective,
    FactName,
    LedgerFact,
    Place,
    digest,
    distinct,
    effective,
    last,
    ledger_fact,
    of_employer,
    places,
)
from services.scoring.domain.obligations import EmployerMonth, Standing, employer_months, end_of, months_of

__all__ = [
    "Contribution",
    "Effective",
    "EmployerMonth",
    "FactName",
    "LedgerFact",
    "Measurement",
    "Place",
    "Standing",
    "definition_of",
    "due_on",
    "effective",
    "employer_months",
    "figure_of",
    "kinds_of",
    "ledger_fact",
    "measured",
    "months_due",
    "places",
]

EMPLOYER: Final = "employer"
REGIONS: Final = frozenset({"province", "regency", "city"})
MONTHS: Final = frozenset({"compliance-points", "obliged-months", "months-covered", "amount-due", "amount-paid"})
_COVERAGE: Final[Mapping[str, tuple[str, ...]]] = {
    "workers-covered": ("wage_workers_covered", "non_wage_workers_covered"),
    "workers-total": ("wage_workers_total", "non_wage_workers_total"),
    "wage-workers-covered": ("wage_workers_covered",),
    "non-wage-workers-covered": ("non_wage_workers_covered",),
    "non-wage-workers-total": ("non_wage_workers_total",),
}
_ASSISTANCE: Final[Mapping[str, tuple[str, ...]]] = {
    "vulnerable-workers-assisted": ("vulnerable_workers_assisted",),
    "vulnerable-workers-total": ("vulnerable_workers_total",),
    "non-wage-workers-assisted": ("non_wage_workers_assisted",),
}
_DIGITAL: Final[Mapping[str, str]] = {"digital-transactions": "digital_transactions", "transactions": "transactions"}


class Measurement(NamedTuple):
    """A nominee's figure, or why it has none. A numerator or denominator is given wherever it is known."""

    numerator: Fraction | None
    denominator: Fraction | None
    ratio: Fraction | None
    """Numerator over denominator, at most the measure's cap."""
    lack: Lack | None
    missing_months: tuple[str, ...]
    """Obliged months for which no due was said, whatever the measure makes of them."""
    facts: int
    """How many facts were looked at."""
    digest: str
    """Which: the hex SHA-256 of their leaf hashes, sorted and joined."""


_Value = Fraction | Lack


@dataclass(frozen=True, slots=True)
class _Plan:
    """A measure, ready to be computed with."""

    numerator: str
    denominator: str
    kinds: frozenset[str]
    cap: Fraction | None
    until: date
    """The cut-off's day."""
    after: datetime
    """The instant at which the cut-off is over."""
    first_month: str
    due: DueDay | None
    points: Mapping[Standing, Fraction]
    missing: str


def _plan(measure: Measure) -> _Plan:
    points: dict[Standing, Fraction] = {}
    if measure.points is not None:
        given = measure.points
        points = {
            "in_time": Fraction(given.in_time),
            "late": Fraction(given.late),
            "partly": Fraction(given.partly),
            "unpaid": Fraction(given.unpaid),
            "missing": Fraction(given.unpaid),
        }
    return _Plan(
        numerator=measure.numerator,
        denominator=measure.denominator,
        kinds=kinds_of(measure),
        cap=None if measure.cap is None else Fraction(measure.cap),
        until=measure.cut_off.date(),
        after=end_of(measure.cut_off),
        first_month=measure.first_month or f"{measure.cut_off.year:04d}-01",
        due=measure.due,
        points=points,
        missing=measure.missing_months or "left-out",
    )


def kinds_of(measure: Measure) -> frozenset[str]:
    """Return the kinds of facts that a measure rests on."""
    return _kinds_of(measure.numerator) | _kinds_of(measure.denominator)


def _kinds_of(quantity: str) -> frozenset[str]:
    if quantity in MONTHS:
        return CONTRIBUTION_KINDS
    if quantity in _COVERAGE:
        return frozenset({CoverageReported.__name__})
    if quantity in _ASSISTANCE:
        return frozenset({AssistanceReported.__name__})
    return frozenset({DigitalChannelUsed.__name__})


def measured(measure: Measure, subject: str, kind: str, facts: Iterable[LedgerFact]) -> Measurement:
    """Measure a nominee: an employer, or a region of the kind `province`, `regency` or `city`; of others none is said.

    `facts` may hold facts about others; they change nothing. It must hold all about this one (see `of_employer`).
    Raises ValueError for a measure on months that says no due day or points, which no checked rulebook has.
    """
    plan = _plan(measure)
    seen = _looked_at(plan, subject, kind, facts)
    months = _months(plan, subject, kind, seen)
    missing = tuple(one.month for one in months if one.standing == "missing") if isinstance(months, tuple) else ()
    numerator = _value(plan, plan.numerator, seen, months)
    denominator = _value(plan, plan.denominator, seen, months)
    lack: Lack | None = None
    if isinstance(numerator, str):
        lack = numerator
    elif isinstance(denominator, str):
        lack = denominator
    elif not denominator:
        lack = "denominator-zero"
    above = numerator if isinstance(numerator, Fraction) else None
    below = denominator if isinstance(denominator, Fraction) else None
    ratio = above / below if above is not None and below else None
    if ratio is not None and plan.cap is not None:
        ratio = min(ratio, plan.cap)
    return Measurement(above, below, ratio, lack, missing, len(seen), digest(seen))


def _looked_at(plan: _Plan, subject: str, kind: str, facts: Iterable[LedgerFact]) -> list[LedgerFact]:
    given = distinct(fact for fact in facts if fact.kind in plan.kinds)
    if kind == EMPLOYER:
        seen = of_employer(given, subject) if plan.kinds & CONTRIBUTION_KINDS else []
        reports = plan.kinds - CONTRIBUTION_KINDS
        if reports:
            seen += [fact for fact in given if fact.kind in reports and _employer(fact) == subject]
        return seen
    if kind in REGIONS:
        return [fact for fact in given if fact.subject == subject and _employer(fact) is None]
    return []


def _employer(fact: LedgerFact) -> str | None:
    """Return the employer that a fact is about; an employer's number may look like a region's code."""
    return getattr(fact.data, "employer", None)


_Months = tuple[EmployerMonth, ...] | Lack


def _months(plan: _Plan, subject: str, kind: str, seen: Sequence[LedgerFact]) -> _Months:
    if not (plan.numerator in MONTHS or plan.denominator in MONTHS):
        return ()
    if plan.due is None:
        raise ValueError("a measure on months says on which day they are due")
    if kind != EMPLOYER:
        return "no-facts"
    months = months_of(seen, subject, plan.due, plan.until, plan.first_month, plan.after)
    return "not-registered" if months is None else months


# --- quantities ----------------------------------------------------------------------------------------------------


def _value(plan: _Plan, quantity: str, seen: Sequence[LedgerFact], months: _Months) -> _Value:
    if quantity in MONTHS:
        return _of_months(plan, quantity, months)
    if quantity in _COVERAGE:
        return _of_report(plan, CoverageReported, _COVERAGE[quantity], seen)
    if quantity in _ASSISTANCE:
        return _of_report(plan, AssistanceReported, _ASSISTANCE[quantity], seen)
    return _of_channels(plan, _DIGITAL[quantity], seen)


def _of_months(plan: _Plan, quantity: str, months: _Months) -> _Value:
    if isinstance(months, str):
        return months
    if plan.missing == "unmeasured" and any(one.standing == "missing" for one in months):
        return "month-missing"
    counted = [one for one in months if one.standing != "missing" or plan.missing == "unpaid"]
    if quantity == "compliance-points":
        if not plan.points:
            raise ValueError("a measure of compliance says the points of a month")
        return sum((plan.points[one.standing] for one in counted), Fraction())
    return Fraction(sum(map(_COUNTS[quantity], counted)))


_COUNTS: Final[Mapping[str, Callable[[EmployerMonth], int]]] = {
    "obliged-months": lambda _: 1,
    "months-covered": lambda one: one.standing in ("in_time", "late"),
    "amount-due": lambda one: one.due or 0,
    # No carry-over: what was paid too much for one month hides no arrears of another.
    "amount-paid": lambda one: min(one.paid, one.due or 0),
}


def _of_report(plan: _Plan, model: type[Any], fields: Sequence[str], seen: Sequence[LedgerFact]) -> _Value:
    report = last((fact for fact in seen if isinstance(fact.data, model) and _day(fact) <= plan.until), _day)
    figures = [] if report is None else [getattr(report.data, field) for field in fields]
    if not figures or None in figures:
        return "no-facts"
    return Fraction(sum(figures))


def _day(fact: LedgerFact) -> date:
    said: Any = fact.data
    day: date = said.as_of
    return day


def _of_channels(plan: _Plan, field: str, seen: Sequence[LedgerFact]) -> _Value:
    by_month: dict[str, list[LedgerFact]] = {}
    final = f"{plan.until:%Y-%m}"
    for fact in seen:
        if isinstance(fact.data, DigitalChannelUsed) and plan.first_month <= fact.data.month <= final:
            by_month.setdefault(fact.data.month, []).append(fact)
    if not by_month:
        return "no-facts"
    return Fraction(sum(getattr(report.data, field) for said in by_month.values() if (report := last(said))))


# --- figures ---------------------------------------------------------------------------------------------------


def figure_of(ratio: Fraction, least: Decimal | Fraction | int, greatest: Decimal | Fraction | int) -> Fraction:
    """Return a ratio as a figure on an aspect's scale: 0 is its least and 1 its greatest mark, exactly."""
    lowest = Fraction(least)
    return lowest + ratio * (Fraction(greatest) - lowest)
