"""What is read of the ledger, for publishers, operators and auditors: what became of a fact, of a month, of a day.

Nothing here is kept: what a fact came to is computed from the facts around it when it is asked, by the same functions
that measure nominees. The facts around one are those about the same employer or region, and those that share a name
with them, wherever a correction moved them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from kernel.canonical import Json, from_instant, instant
from kernel.service import Service
from kernel.sql import columns, queries
from schemas.regions import NATION_ZONE
from schemas.rulebook import Measure
from services.scoring.domain.effective import (
    CONTRIBUTION_KINDS,
    NAMING_KINDS,
    FactName,
    LedgerFact,
    Place,
    by_subject,
    first_of,
    last_registration,
)
from services.scoring.domain.measure import (
    MONTHS,
    EmployerMonth,
    effective,
    employer_months,
    ledger_fact,
    places,
)
from services.scoring.domain.report import MOST_PUBLISHERS
from services.scoring.ledger import first_day, ingest_stream
from services.scoring.reads import season_of

SQL: Final = queries(Path(__file__).with_name("fact_reads.sql"))
_ZONE: Final = ZoneInfo(NATION_ZONE)
_ROUNDS: Final = 3
"""How far names are followed from employer to employer: a payment that was moved from one to another, and on."""
_AT_ONCE: Final = 1000
_BATCHES_AT_ONCE: Final = 20_000
"""Batches that one query counts: a login's transactions are cut off after some seconds."""
_TAKEN: Final = ("batches", "records", "applied", "duplicates")
_COUNTED: Final = (*_TAKEN, "refused")
Span = tuple[str, int, int]
"""Batches of a stream, from a version to before another."""


@dataclass(frozen=True, slots=True)
class Held:
    """A fact of the ledger, and where it lies."""

    fact: LedgerFact
    document: str
    topic: str
    partition: int
    offset: int
    batch: int

    @classmethod
    def of(cls, row: asyncpg.Record) -> Held:
        """Return the fact of a row."""
        document = row["document"]
        place = (row["topic"], row["partition"], row["kafka_offset"])
        return cls(ledger_fact(document), document, *place, row["batch"])

    @property
    def address(self) -> str:
        """Return its place as `<topic>/<partition>/<offset>`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def told(self, place: Place, *, whole: bool) -> Json:
        """Return it as people are told of it; `whole`: with what it says."""
        by, fact = place.by, self.fact
        said: Json = {
            "publisher": fact.publisher,
            "id": fact.id,
            "type": fact.kind,
            "subject": fact.subject,
            "month": fact.month,
            "time": instant(fact.time),
            "state": place.state,
            "by": None if by is None else {"publisher": by.publisher, "id": by.id},
            "waits_for": place.waits_for,
            "address": self.address,
            "batch": f"{ingest_stream(self.topic, self.partition)}@{self.batch}",
        }
        return said | {"document": orjson.loads(self.document)} if whole else said


Around = Mapping[bytes, Held]
"""Facts by the leaf of each."""


async def around(here: Service, subjects: Iterable[str], kinds: Sequence[str] | None = None) -> Around:
    """Return the facts about employers or regions and those that bear on them, of some kinds or of all."""
    found: dict[bytes, Held] = {}
    asked: set[str] = set()
    named: set[tuple[str, str]] = set()
    wanted = {*subjects}
    for _ in range(_ROUNDS):
        fresh = [Held.of(row) for row in await here.pool.fetch(SQL["facts_about"], sorted(wanted), kinds)]
        asked |= wanted
        names = {first_of(held.fact) for held in fresh if held.fact.kind in NAMING_KINDS} - named
        named |= names
        if names:
            rows = [Held.of(row) for row in await here.pool.fetch(SQL["facts_named"], *columns(names))]
            fresh += [held for held in rows if held.fact.kind in NAMING_KINDS]
        found |= {held.fact.leaf: held for held in fresh}
        wanted = {held.fact.subject for held in fresh} - asked
        if not wanted:
            break
    return found


# --- one fact ------------------------------------------------------------------------------------------------------


async def fact_status(here: Service, name: FactName, topics: Sequence[str], *, whole: bool) -> Json | None:
    """Return what became of the fact of a name, among what lies in these topics; None when there is nothing.

    An id that is used in several months or topics is one fact in each. Messages that claimed the name and were refused
    stand beside them, the newest first.
    """
    rows = await here.pool.fetch(SQL["fact"], *name, topics)
    refused = [refused_document(row) for row in await here.pool.fetch(SQL["refused_of"], *name, topics)]
    if not rows and not refused:
        return None
    held = await around(here, {row["subject"] for row in rows}) if rows else {}
    known = places([one.fact for one in held.values()])
    leaves = [bytes.fromhex(row["leaf"]) for row in rows]
    facts = [held[leaf].told(known[leaf], whole=whole) for leaf in leaves if leaf in held]
    status = _status(known[leaf] for leaf in leaves) if leaves else "refused"
    return {"publisher": name.publisher, "id": name.id, "status": status, "facts": facts, "refused": refused}


def _status(found: Iterable[Place]) -> str:
    """Return one word for facts of one name: waiting while one of them is."""
    return "waiting" if any(place.state == "waiting" for place in found) else "applied"


def refused_document(row: Mapping[str, Any]) -> Json:
    """Return a refused message as it is told to people: why, where, and what it claimed to be."""
    return {**place_document(row), **fault_of(row)}


def place_document(row: Mapping[str, Any]) -> Json:
    """Return of a message that was judged where it lies, when that was, and what it claimed to be."""
    return {
        "address": f"{row['topic']}/{row['partition']}/{row['kafka_offset']}",
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["kafka_offset"],
        "received": instant(row["received"]),
        "publisher": row["publisher"],
        "id": row["id"],
    }


def fault_of(row: Mapping[str, Any]) -> Json:
    """Return a fault that was kept in a row, as `FactFault.document` tells one."""
    detail = {"en": row["english"], "id": row["indonesian"]}
    return {"reason": row["reason"], "field": row["field"], "value": row["value"], "detail": detail}


# --- one month of an employer --------------------------------------------------------------------------------------


async def month_of_employer(here: Service, employer: str, month: str, topics: Sequence[str]) -> Json | None:
    """Return an employer's month: what was due and paid, how it stands by each season's measures, and its facts.

    None when no fact is about the employer, or when those that are lie in other topics.
    """
    held = await around(here, [employer])
    mine = {leaf: one for leaf, one in held.items() if _is_of_employer(one.fact, employer)}
    if not any(one.topic in topics for one in mine.values()):
        return None
    facts = [one.fact for one in held.values()]
    known, whole = places(facts), effective(facts)
    registration = last_registration(facts, employer)
    counted = [one for one in (*whole.dues, *whole.payments) if (one.employer, one.month) == (employer, month)]
    names = {first_of(one.first) for one in counted}
    shown = [
        one.told(known[leaf], whole=True)
        for leaf, one in sorted(held.items(), key=lambda pair: (pair[1].fact.time, pair[1].fact.id))
        if one.topic in topics and (_is_about(one.fact, employer, month) or first_of(one.fact) in names)
    ]
    dues = [one.amount for one in counted if one.paid_on is None]
    return {
        "employer": employer,
        "month": month,
        "registration": None
        if registration is None
        else held[registration.leaf].told(known[registration.leaf], whole=True),
        "due": sum(dues) if dues else None,
        "paid": sum(one.amount for one in counted if one.paid_on is not None),
        "standings": [each async for each in _standings(here, facts, employer, month)],
        "facts": shown,
    }


def _is_of_employer(fact: LedgerFact, employer: str) -> bool:
    return getattr(fact.data, "employer", None) == employer


def _is_about(fact: LedgerFact, employer: str, month: str) -> bool:
    return _is_of_employer(fact, employer) and fact.month == month and fact.kind in NAMING_KINDS


async def _standings(here: Service, facts: Sequence[LedgerFact], employer: str, month: str) -> AsyncIterator[Json]:
    """Yield how the month stands by each measure on months that it counts in, of every season."""
    for season, measure in await measures_on_months(here):
        for one in months_by(facts, employer, measure, measure.cut_off.date()):
            if one.month == month:
                yield {
                    "season": season,
                    "measure": measure.code,
                    "standing": one.standing.replace("_", "-"),
                    "due_on": one.due_on.isoformat(),
                    "until": measure.cut_off.date().isoformat(),
                    "paid": one.paid,
                    "paid_in_time": one.paid_in_time,
                }


async def measures_on_months(here: Service, season: str | None = None) -> list[tuple[str, Measure]]:
    """Return the measures on an employer's months of a season, or of all."""
    rows = await here.pool.fetch(SQL["seasons"]) if season is None else [{"stream": f"season/{season}"}]
    found: list[tuple[str, Measure]] = []
    for row in rows:
        code = row["stream"].partition("/")[2]
        rules = await season_of(here, code)
        if rules.version:
            measures = rules.rulebook().measures
            found += [(code, one) for one in measures if one.due and {one.numerator, one.denominator} & MONTHS]
    return found


def months_by(facts: Sequence[LedgerFact], employer: str, measure: Measure, until: date) -> tuple[EmployerMonth, ...]:
    """Return the months that an employer owed by a day as a measure counts them; none where it is not on months."""
    if measure.due is None:
        return ()
    return employer_months(facts, employer, measure.due, until, _first_month(measure))


def _first_month(measure: Measure) -> str:
    return measure.first_month or f"{measure.cut_off.year:04d}-01"


# --- months that are missing ---------------------------------------------------------------------------------------


async def missing_months(here: Service, employers: Sequence[tuple[str, str]], day: date) -> list[Json]:
    """Return, of employers that compete (season, number), the months that were due by a day and of which none says so.

    No measure counts a month after its own cut-off, nor an employer that was registered later: it is told as such. Who
    misses nothing is left out, and so is everybody while no month has begun that the season counts.
    """
    held = await around(here, {number for _, number in employers}, sorted(CONTRIBUTION_KINDS)) if employers else {}
    by_employer = by_subject(one.fact for one in held.values())
    measures = {
        season: [measure for _, measure in await measures_on_months(here, season) if has_begun(measure, day)]
        for season in {season for season, _ in employers}
    }
    found: list[Json] = []
    for season, number in employers:
        facts = by_employer.get(number, ())
        months: set[str] = set()
        registered = False
        for measure in measures[season]:
            until = min(day, measure.cut_off.date())
            registered |= last_registration(facts, number, Day(until).ends) is not None
            months |= {one.month for one in months_by(facts, number, measure, until) if one.standing == "missing"}
        if months or (measures[season] and not registered):
            found.append({"season": season, "employer": number, "registered": registered, "months": sorted(months)})
    return found


def has_begun(measure: Measure, day: date) -> bool:
    """Tell whether a month that a measure counts has begun by a day."""
    return _first_month(measure) <= f"{day:%Y-%m}"


async def seasons_to_come(here: Service, season: str | None, day: date) -> list[str]:
    """Return the seasons (one, or all) that count employers' months, and none that has begun by a day."""
    begun: dict[str, bool] = {}
    for code, measure in await measures_on_months(here, season):
        begun[code] = begun.get(code, False) or has_begun(measure, day)
    return sorted(code for code, has in begun.items() if not has)


# --- a day ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """A day by the nation's clocks: from an instant to before another."""

    day: date

    @property
    def begins(self) -> datetime:
        """Return its first instant."""
        return datetime.combine(self.day, time(), _ZONE).astimezone(UTC)

    @property
    def ends(self) -> datetime:
        """Return the next day's first instant."""
        return datetime.combine(self.day + timedelta(days=1), time(), _ZONE).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """Return the day of an instant by the nation's clocks."""
    return moment.astimezone(_ZONE).date()


async def day_counts(here: Service, topics: Sequence[str], publisher: str | None, day: Day) -> list[Json]:
    """Return what a day came to, by topic: what was taken as our own events tell of it, and how many were refused.

    A message that is read a second time is refused a second time, and the events count both. People are told how many
    messages were refused: each once, on the day of the first time. What was taken is counted by topic alone; of one
    publisher it is not known without looking at every fact of the day.
    """
    rows = await here.pool.fetch(SQL["refused_by_topic"], topics, publisher, day.begins, day.ends)
    refused = {row["topic"]: row["count"] for row in rows}
    taken = await _taken(here, topics, day) if publisher is None else {}
    return [
        {"topic": topic, **taken.get(topic, dict.fromkeys(_TAKEN)), "refused": refused.get(topic, 0)}
        for topic in topics
    ]


async def _taken(here: Service, topics: Sequence[str], day: Day) -> dict[str, Json]:
    """Return what the batches that were recorded on a day came to, by topic."""
    heads = {row["stream"]: row["version"] for row in await here.pool.fetch(SQL["ingest_heads"])}
    heads = {stream: version for stream, version in heads.items() if stream.split("/")[1] in topics}
    first, after = await first_from(here, heads, day.begins), await first_from(here, heads, day.ends)
    spans = [(stream, first[stream], after[stream]) for stream in heads]
    found = await batch_counts(here, spans)
    return {topic: {name: found[topic][name] for name in _TAKEN} for topic in topics}


async def batch_counts(here: Service, spans: Iterable[Span]) -> defaultdict[str, Counter[str]]:
    """Return what batches came to, by topic; some at a time, since a day may have more than one query can read."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for some in portions(spans):
        for row in await here.pool.fetch(SQL["batch_counts"], *columns(some, 3)):
            found[row["topic"]].update({name: row[name] for name in _COUNTED})
    return found


def portions(spans: Iterable[Span], most: int = _BATCHES_AT_ONCE) -> Iterator[list[Span]]:
    """Yield spans in portions of so many versions at most; a longer one is cut."""
    portion: list[Span] = []
    room = most
    for stream, first, after in spans:
        start = first
        while start < after:
            end = min(after, start + room)
            portion.append((stream, start, end))
            room -= end - start
            start = end
            if not room:
                yield portion
                portion, room = [], most
    if portion:
        yield portion


async def first_from(here: Service, heads: Mapping[str, int], moment: datetime) -> dict[str, int]:
    """Return of each stream its first version recorded at an instant or later, found by halving: time never goes back.

    All streams are halved at once, so a day is found in some twenty questions, however long they are.
    """
    least, most = dict.fromkeys(heads, 1), {stream: version + 1 for stream, version in heads.items()}
    while open_ := [stream for stream in heads if least[stream] < most[stream]]:
        middle = {stream: (least[stream] + most[stream]) // 2 for stream in open_}
        rows = await here.pool.fetch(SQL["batch_times"], open_, [middle[stream] for stream in open_])
        for row in rows:
            stream = row["stream"]
            if from_instant(row["time"]) < moment:
                least[stream] = middle[stream] + 1
            else:
                most[stream] = middle[stream]
    return least


async def refused_counts(here: Service, topics: Sequence[str], publisher: str | None, day: Day) -> list[Json]:
    """Return how many messages of a day were refused, by the publisher that they claimed and by reason.

    Those of nobody (None) claimed none that could be one, or are of more publishers than are told.
    """
    counts: dict[str | None, dict[str, int]] = {}
    for row in await here.pool.fetch(SQL["refused_counts"], topics, publisher, day.begins, day.ends, MOST_PUBLISHERS):
        counts.setdefault(row["publisher"], {})[row["reason"]] = row["count"]
    return [
        {"publisher": claimed, "refused": sum(reasons.values()), "reasons": reasons}
        for claimed, reasons in counts.items()
    ]


async def refused_of_nobody(here: Service, topics: Sequence[str], day: Day) -> int:
    """Return how many messages of a day were refused whose publisher is not known: no publisher's own list has them."""
    count: int = await here.pool.fetchval(SQL["refused_of_nobody"], topics, day.begins, day.ends)
    return count


RefusedKey = tuple[datetime, str, int, int]


async def refused_page(
    here: Service, topics: Sequence[str], publisher: str | None, day: Day, after: RefusedKey | None, limit: int
) -> list[Json]:
    """Return messages of a day that were refused, in the order in which they were, after a key."""
    key = after or (None, None, None, None)
    rows = await here.pool.fetch(SQL["refused_in"], topics, publisher, day.begins, day.ends, *key, limit)
    return [refused_document(row) for row in rows]


async def every_refused(
    here: Service, topics: Sequence[str], publisher: str | None, day: Day
) -> AsyncIterator[list[Json]]:
    """Yield all messages of a day that were refused, some at a time."""
    after: RefusedKey | None = None
    while found := await refused_page(here, topics, publisher, day, after, _AT_ONCE):
        yield found
        last = found[-1]
        after = (from_instant(last["received"]), last["topic"], last["partition"], last["offset"])


# --- batches -------------------------------------------------------------------------------------------------------


async def batch_documents(here: Service, topic: str, partition: int, version: int) -> Json | None:
    """Return the event of a batch and the canonical documents of its facts in the order of their offsets."""
    row = await here.pool.fetchrow(SQL["batch_event"], ingest_stream(topic, partition), version)
    if row is None:
        return None
    event = orjson.loads(row["document"])
    months = [first_day(month) for month in event["data"].get("months", ())]
    rows = await here.pool.fetch(SQL["batch_facts"], topic, partition, version, months)
    return {"event": event, "documents": [fact["document"] for fact in rows]}
