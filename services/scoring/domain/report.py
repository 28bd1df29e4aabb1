"""The report of a day to those who publish facts: which day is due, and what it says; pure.

One stream per topic (`report/…`), one event a day at most, of days that brought anything. The stream itself says what
was told: from which batch on is to be counted, and which disputes are not told yet. So a day that passed while nobody
looked is made up for, whatever was told is not told again, and a second look at the same day finds it there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from kernel.decider import Aggregate, Emit, Happened
from schemas.scoring import (
    FactsReported,
    MissingFacts,
    RefusedFor,
    RefusedMessage,
    RefusedOf,
    RefusedOn,
    ReportedBatches,
    ReportedDispute,
)

MOST_PUBLISHERS: Final = 20
"""How many systems a report names: what a message claims to be from is whatever its sender wrote."""
MOST_REFUSED: Final = 10
MOST_DISPUTES: Final = 100
DAYS_BACK: Final = 7
"""So many days are made up for; what lies back further is in the first of their reports."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reported:
    """What was reported on a topic: up to which day, which batch of each partition, and which disputes."""

    day: date | None = None
    upto: Mapping[int, int] = field(default_factory=dict)
    disputes: frozenset[str] = frozenset()


def _evolve(state: Reported, happened: Happened) -> Reported:
    event: FactsReported = happened.event
    return Reported(
        event.day,
        {**state.upto, **{one.partition: one.last for one in event.batches}},
        state.disputes | {dispute_id(one) for one in event.disputed},
    )


REPORT: Final = Aggregate[Reported](initial=Reported, evolve=_evolve, kind="report")


def report_stream(topic: str) -> str:
    """Return the stream of a topic's reports."""
    return f"report/{topic}"


def dispute_id(disputed: ReportedDispute) -> str:
    """Return what a dispute is known by: the place of its event."""
    return f"{disputed.dispute.stream}@{disputed.dispute.version}"


def day_to_report(state: Reported, last: date, waiting: Iterable[date]) -> date | None:
    """Return the day to report next because of what waits to be told, if it has ended.

    Args:
        state: what was reported.
        last: the last day that has ended.
        waiting: the days on which that was recorded which is in no report.
    """
    first = min(waiting, default=None)
    if first is None or first > last:
        return None
    day = max(first, last - (DAYS_BACK - 1) * _DAY, first if state.day is None else state.day + _DAY)
    return day if day <= last else None


@dataclass(frozen=True, slots=True)
class ReportDay:
    """Report a day of a topic, with all that is to be told: what it counts goes on where the last report ended.

    `refused` are publisher, reason and count, `refused_days` the same by day, each message once; `missing` are season,
    whether the employer is registered, and how many months are missing, for each employer that competes.
    """

    topic: str
    day: date
    batches: Sequence[ReportedBatches] = ()
    records: int = 0
    applied: int = 0
    duplicates: int = 0
    refusals: int = 0
    refused: Sequence[tuple[str | None, str, int]] = ()
    first_refused: Sequence[RefusedMessage] = ()
    refused_days: Sequence[tuple[date, int]] = ()
    missing: Sequence[tuple[str, bool, int]] = ()
    disputed: Sequence[ReportedDispute] = ()


def decide_report(state: Reported, command: ReportDay) -> Sequence[Emit]:
    """Report a day, unless it was reported or brought nothing."""
    if state.day is not None and command.day <= state.day:
        return ()
    if any(state.upto.get(one.partition, 0) + 1 != one.first for one in command.batches):
        return ()  # Somebody else reported a day meanwhile.
    missing = missing_by_season(command.missing)
    disputed = [one for one in command.disputed if dispute_id(one) not in state.disputes][:MOST_DISPUTES]
    if not (command.batches or missing or disputed):
        return ()
    # A topic that was made anew has offsets twice: what cannot all be of these batches is not told at all.
    is_of_these = sum(count for _, _, count in command.refused) <= command.refusals
    reported = FactsReported(
        topic=command.topic,
        day=command.day,
        batches=tuple(command.batches),
        records=command.records,
        applied=command.applied,
        duplicates=command.duplicates,
        refused=command.refusals,
        publishers=refused_by_publisher(command.refused if is_of_these else ()),
        first_refused=tuple(command.first_refused[:MOST_REFUSED] if is_of_these else ()),
        refused_days=_refused_days(command) if is_of_these else None,
        missing=missing,
        disputed=tuple(disputed),
    )
    return (Emit(report_stream(command.topic), reported),)


def _refused_days(command: ReportDay) -> tuple[RefusedOn, ...]:
    return tuple(RefusedOn(day=day, count=count) for day, count in command.refused_days)


def refused_by_publisher(refused: Iterable[tuple[str | None, str, int]]) -> tuple[RefusedOf, ...]:
    """Return what was refused of each system, those of the most first; of the others together, last."""
    counts: dict[str | None, Counter[str]] = {}
    for publisher, reason, count in refused:
        counts.setdefault(publisher, Counter())[reason] += count
    nobodys = counts.pop(None, Counter())
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0] or ""))
    for _, others in ordered[MOST_PUBLISHERS:]:
        nobodys.update(others)
    told = [*ordered[:MOST_PUBLISHERS], *([(None, nobodys)] if nobodys else [])]
    return tuple(RefusedOf(publisher=publisher, reasons=_reasons(found)) for publisher, found in told)


def _reasons(counts: Counter[str]) -> tuple[RefusedFor, ...]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(RefusedFor(reason=reason, count=count) for reason, count in ordered)


def missing_by_season(employers: Iterable[tuple[str, bool, int]]) -> tuple[MissingFacts, ...]:
    """Return of each season how many employers miss something, as (season, is registered, months missing) says."""
    found: dict[str, list[int]] = {}
    for season, registered, months in employers:
        counts = found.setdefault(season, [0, 0, 0])
        if not registered:
            counts[2] += 1
        elif months:
            counts[0] += 1
            counts[1] += months
    return tuple(
        MissingFacts(season=season, employers=some, months=months, unregistered=unknown)
        for season, (some, months, unknown) in sorted(found.items())
        if some or unknown
    )
