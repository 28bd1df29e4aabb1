"""Daily reports to publishers of facts: each day once and when it had ended, each batch and each dispute in one report.

What is missing is read from the ledger, which is not in the log, and so are the reasons of refusals: of these is only
checked that no more was refused for reasons than was refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from kernel.canonical import instant
from schemas.regions import NATION_ZONE
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.audit.checks.telling import Fault, told
from services.audit.checks.ways import candidate_of
from services.audit.meetings import Kept, Point
from services.audit.record import Batch, Record

Json = Mapping[str, Any]
_COUNTS: Final = ("records", "applied", "duplicates", "refused")


def report_faults(record: Record) -> Iterator[Fault]:
    """Check every topic's reports."""
    for stream in [one for one in record.streams if one.startswith("report/")]:
        events = record.of(stream)
        upto: dict[int, int] = {}
        disputes: set[Point] = set()
        for number, event in enumerate(events):
            before = events[number - 1] if number else None
            yield from told("report", event.place, _faults(event, before, upto, disputes, record))


def _faults(
    event: Kept, before: Kept | None, upto: dict[int, int], disputes: set[Point], record: Record
) -> Iterator[str]:
    """Check one report; `upto` and `disputes` are what those before it told, and take in what it tells."""
    data = event.data
    if before is not None and data["day"] <= before.data["day"]:
        yield "its day is not after that of the report before it"
    ended = _ended(data["day"])
    if event.time < ended:
        yield "its day had not ended"
    if not (data["batches"] or data["missing"] or data["disputed"]):
        yield "it tells nothing"
    yield from _batch_faults(data, ended, upto, record)
    reasons = sum(one["count"] for of in data["publishers"] for one in of["reasons"])
    if reasons > data["refused"]:
        yield "it gives reasons of more refusals than it counts"
    yield from _refused_day_faults(data, reasons)
    for one in data["disputed"]:
        yield from _dispute_faults(one, data["topic"], ended, disputes, record)


def _refused_day_faults(data: Json, reasons: int) -> Iterator[str]:
    days = data.get("refused_days")
    if days is None:
        return
    if sum(one["count"] for one in days) != reasons:
        yield "it gives days of other refusals than it gives reasons of"
    named = [one["day"] for one in days]
    if named != sorted({*named}):
        yield "its days of refusals are not in their order, each once"


def _ended(day: str) -> str:
    """Return the first instant after a day by the nation's clocks."""
    following = date.fromisoformat(day) + timedelta(days=1)
    return instant(datetime.combine(following, time(), ZoneInfo(NATION_ZONE)).astimezone(UTC))


def _batch_faults(data: Json, ended: str, upto: dict[int, int], record: Record) -> Iterator[str]:
    sums = [0, 0, 0, 0]
    for one in data["batches"]:
        partition, first, last = one["partition"], one["first"], one["last"]
        if first != upto.get(partition, 0) + 1 or last < first:
            yield f"its batches of partition {partition} do not go on where those before ended"
        upto[partition] = last
        for version in range(first, last + 1):
            batch = _batch(record, Point(f"ingest/{data['topic']}/{partition}", version))
            sums = [total + count for total, count in zip(sums, batch.counts, strict=True)]
            if batch.time >= ended:
                yield f"batch {version} of partition {partition} was recorded after its day"
    if sums != [data[name] for name in _COUNTS]:
        yield "its counts are not those of its batches"


def _batch(record: Record, point: Point) -> Batch:
    found = record.batches.get(point)
    if found is None:
        raise LookupError(f"{point.stream}@{point.version} is no batch of facts")
    return found


def _dispute_faults(one: Json, topic: str, ended: str, disputes: set[Point], record: Record) -> Iterator[str]:
    point = Point(one["dispute"]["stream"], one["dispute"]["version"])
    if point in disputes:
        yield f"the dispute {point.stream}@{point.version} was told before"
    disputes.add(point)
    dispute = record.disputes.get(point)
    if dispute is None:
        raise LookupError(f"{point.stream}@{point.version} is no dispute of a figure")
    if dispute.time >= ended:
        yield "it tells of a dispute of a later day"
    nomination = dispute.data["nomination"]
    candidate = candidate_of(record, nomination) or {}
    seasons = {
        kept.data["entry"]["season"]
        for kept in record.of(f"nomination/{nomination}", "CandidateNominated", "NominationFiledLate")
    }
    said = (one["aspect"], one["measure"], one["candidate"])
    if said != (dispute.data["aspect"], dispute.data["measure"], candidate.get("code")) or one["season"] not in seasons:
        yield "it tells of a dispute otherwise than the dispute says"
    if topic != (CONTRIBUTIONS if candidate.get("kind") == "employer" else COVERAGE):
        yield "it tells of a dispute to those whose facts it is not about"
