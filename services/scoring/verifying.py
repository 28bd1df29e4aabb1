"""Is the ledger what was told? Every row held to the event of its batch, and to the gate that it came through.

`FactsIngested` tells of each batch how many facts were new and the Merkle root over their documents. So a row that was
changed, added or taken away after it was written is found, though not by whom; that the events themselves are ours is
the audit's to say, which checks their signatures and their chain. A root holds the documents only: what stands beside
one (month, publisher, id, kind, whom it is about) is held to what the gate reads in it, and so is the document itself.
An id that a publisher used in two months of a topic is one fact in each, and counts in each; whoever did that is told
of. Once no more than one of them counts that is a remark only: what is in the ledger stays there for ever.

Read in one snapshot and place by place, through cursors: memory is bounded however long the ledger is, and a database
sorts no more than one partition's facts at once. Writes nothing, and keeps no writer waiting.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from kernel.canonical import leaf_hash
from kernel.log import Connection
from kernel.merkle import GrowingRoot
from kernel.sql import queries
from schemas.fact_reading import STRUCTURED, FactReason, ReadFact, Refused, read_fact
from schemas.facts import ContributionReversed, EmployerRegistered
from services.scoring.domain.effective import REPORT_KINDS, LedgerFact, ledger_fact, takes_place_of
from services.scoring.ledger import first_day

SQL: Final = queries(Path(__file__).with_name("verifying.sql"))
_ROWS: Final = 2_000
_EVENTS: Final = 500
_EVERY: Final = 100_000
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Whether a fact came from the future was judged when it came."""
_HEADERS: Final = [("content-type", STRUCTURED.encode())]
_PREFIX: Final = b'{"specversion":"1.0",'


class Wrong(StrEnum):
    """What can be wrong with a ledger."""

    CHANGED = "changed"
    """As many rows as were told, and another root."""
    REMOVED = "removed"
    """Fewer rows than were told."""
    ADDED = "added"
    """More rows than were told."""
    UNTOLD = "untold"
    """Rows of a batch that no event tells of."""
    UNLOGGED = "unlogged"
    """The log lacks the event of a batch."""
    MISPLACED = "misplaced"
    """What stands beside a document is not what it says: its month, its publisher, its id, whom it is about."""
    UNREADABLE = "unreadable"
    """The gate would not take the document for a fact today, or keep it in another form."""
    ALTERED = "altered"
    """Between the tables and their readers stands what no migration makes, or what one makes is missing."""
    TWICE = "twice"
    """A publisher used an id in two months of a topic, and more than one of these facts counts."""
    SETTLED = "settled"
    """It did, and at most one of them counts any more: a remark, and nothing that is wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    what: Wrong
    topic: str
    partition: int | None
    batch: int | None
    first: int | None
    """The first offset that it concerns."""
    last: int | None
    months: tuple[str, ...]
    detail: str


@dataclass(slots=True)
class Verified:
    """What was looked at, and how much of each kind is wrong."""

    rows: int = 0
    batches: int = 0
    faults: Counter[Wrong] = field(default_factory=Counter)
    remarks: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> int:
        """Return how many rows were looked at in a second."""
        return round(self.rows / self.seconds) if self.seconds else 0


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: the whole ledger, the batches of one month, or some batches drawn by a seed."""

    month: str | None = None
    sample: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    number: int | None
    stream: str
    version: int
    topic: str
    partition: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> _Place:
        _, _, place = row["stream"].partition("/")
        topic, _, partition = place.rpartition("/")
        return cls(row["place"], row["stream"], row["version"], topic, int(partition))


async def verify(
    connection: Connection,
    found: Callable[[Fault], None],
    told: Callable[[Verified], None] = lambda _: None,
    scope: Scope = Scope(),
    prefix: str = "",
) -> Verified:
    """Hold the ledger to its events; return what was looked at.

    Args:
        connection: the owner's; a service's own login is cut off after some seconds.
        found: is given each fault and each remark as it is found.
        told: is given how far it is, every hundred thousand rows.
        scope: what is looked at.
        prefix: stands before the topics' names, where a test has its own.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(SQL["look_here"])
        verifier = _Verifier(connection, found, told, prefix)
        return await verifier.run(scope)


class _Verifier:
    def __init__(
        self, connection: Connection, found: Callable[[Fault], None], told: Callable[[Verified], None], prefix: str
    ) -> None:
        self._connection = connection
        self._found = found
        self._told = told
        self._prefix = prefix
        self._begun = time.monotonic()
        self.count = Verified()

    async def run(self, scope: Scope) -> Verified:
        """Look whether the tables are those that were made, go through the places, then through what lies beside."""
        for detail in await altered(self._connection):
            self.fault(Fault(Wrong.ALTERED, "", None, None, None, None, (), detail))
        places = [_Place.of(row) for row in await self._connection.fetch(SQL["places"])]
        drawn = _drawn(places, scope)
        for place in places:
            if drawn is None:
                wanted = await self._of_month(place, scope.month)
            else:
                wanted = drawn.get(place.stream, [])
            if wanted is None or wanted:
                await self._hold(place, wanted)
        if drawn is None:
            await self._look_for_strays(places)
            await self._look_for_ids_used_twice(scope.month)
        self._tick()
        return self.count

    def fault(self, fault: Fault) -> None:
        """Count a fault or a remark and tell it."""
        if fault.what is Wrong.SETTLED:
            self.count.remarks += 1
        else:
            self.count.faults[fault.what] += 1
        self._found(fault)

    async def _of_month(self, place: _Place, month: str | None) -> list[int] | None:
        if month is None:
            return None
        rows = await self._connection.fetch(
            SQL["batches_of_month"], place.number, place.stream, first_day(month), month
        )
        return [row["batch"] for row in rows]

    async def _hold(self, place: _Place, wanted: list[int] | None) -> None:
        """Go through the rows of a place and the events of its stream, side by side."""
        events = _Events(await self._connection.cursor(SQL["events"], place.stream, wanted))
        batch: _Batch | None = None
        async for row in self._rows(place, wanted):
            number = row["batch"]
            if batch is None or batch.number != number:
                self._close(batch)
                async for passed in events.before(number):
                    self._close(_Batch(place, *passed, self._prefix))
                batch = _Batch(place, number, await events.at(number), self._prefix)
            if (fault := batch.take(row)) is not None:
                self.fault(fault)
        self._close(batch)
        async for passed in events.before(None):
            self._close(_Batch(place, *passed, self._prefix))
        if wanted is None and events.count != place.version:
            self.fault(_of_place(Wrong.UNLOGGED, place, f"the log holds {events.count} of {place.version} events"))

    async def _rows(self, place: _Place, wanted: list[int] | None) -> AsyncIterator[Mapping[str, Any]]:
        if place.number is None:
            return
        cursor = await self._connection.cursor(SQL["rows"], place.number, wanted)
        while rows := await cursor.fetch(_ROWS):
            for row in rows:
                yield row
            before = self.count.rows
            self.count.rows += len(rows)
            if before // _EVERY != self.count.rows // _EVERY:
                self._tick()
                self._told(self.count)

    def _tick(self) -> None:
        self.count.seconds = time.monotonic() - self._begun

    def _close(self, batch: _Batch | None) -> None:
        if batch is None:
            return
        self.count.batches += 1
        if (fault := batch.close()) is not None:
            self.fault(fault)

    async def _look_for_strays(self, places: Sequence[_Place]) -> None:
        numbers = [place.number for place in places if place.number is not None]
        for row in await self._connection.fetch(SQL["strays"], numbers):
            detail = f"{row['count']} rows lie under the number {row['place']}, which stands for no partition"
            self.fault(
                Fault(Wrong.UNTOLD, "", None, None, row["first"], row["last"], (_month(row["month"]),), detail)
            )  # fmt: skip

    async def _look_for_ids_used_twice(self, month: str | None) -> None:
        given = () if month is None else (first_day(month),)
        cursor = await self._connection.cursor(SQL["twice" if month is None else "twice_of_month"], *given)
        left: list[Mapping[str, Any]] = []
        while rows := await cursor.fetch(_ROWS):
            groups = [
                list(group)
                for _, group in groupby([*left, *rows], lambda row: (row["publisher"], row["id"], row["topic"]))
            ]
            left = groups.pop()
            for group in groups:
                await self._look_at_uses(group, given)
        await self._look_at_uses(left, given)

    async def _look_at_uses(self, rows: Sequence[Mapping[str, Any]], given: tuple[date, ...]) -> None:
        """Tell of the facts that a topic has under one id, where they are several and one is of the month looked at."""
        if len(rows) > 1 and {*given} <= {row["month"] for row in rows}:
            self.fault(_used_twice(rows, [await self._is_out(row) for row in rows]))

    async def _is_out(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a fact counts no more: it was reversed, or another took its place.

        What takes something back is final, and nothing can name it: its id does no harm, however often it is used.
        """
        fact = _as_fact(row["document"])
        if fact is None:
            return False  # What is no fact was told by itself.
        if isinstance(fact.data, ContributionReversed):
            return True
        if fact.kind in REPORT_KINDS:
            # Those of one state are of one month, but for registrations: the month of one is that of its time.
            until = date.max if isinstance(fact.data, EmployerRegistered) else row["month"]
            asked: tuple[Any, ...] = ("reports_beside", fact.kind, fact.subject, row["month"], until)
        else:
            asked = ("naming", fact.publisher, fact.target or fact.id)
        is_out = False
        # To the end: the database keeps what a cursor was left at until the transaction ends.
        async for one in self._connection.cursor(SQL[asked[0]], *asked[1:], prefetch=_ROWS):
            other = None if is_out else _as_fact(one["document"])
            is_out = is_out or (other is not None and takes_place_of(other, fact))
        return is_out


TABLES: Final = (
    "events", "heads", "epochs", "received", "texts", "places", "facts", "refused_facts", "watched", "measured_batches",
)  # fmt: skip
"""What ingest, measures and this are read from or rest on, beside the months' partitions."""
_REFUSES: Final = "EXECUTE FUNCTION refuse_change()"
_TRIGGERS: Final[Mapping[tuple[str, str], str]] = {
    ("events", "events_rows"): f"BEFORE DELETE OR UPDATE ON public.events FOR EACH ROW {_REFUSES}",
    ("events", "events_truncate"): f"BEFORE TRUNCATE ON public.events FOR EACH STATEMENT {_REFUSES}",
    ("events", "events_remembered"): (
        "BEFORE INSERT ON public.events FOR EACH ROW WHEN (((new.command_route <> ''::text) AND (new.epoch > 1)))"
        " EXECUTE FUNCTION refuse_remembered()"
    ),
    ("heads", "heads_rows"): f"BEFORE DELETE ON public.heads FOR EACH ROW {_REFUSES}",
    ("heads", "heads_truncate"): f"BEFORE TRUNCATE ON public.heads FOR EACH STATEMENT {_REFUSES}",
    ("heads", "heads_growth"): (
        "BEFORE UPDATE ON public.heads FOR EACH ROW WHEN (((new.version <= old.version) OR (new.stream <> old.stream)))"
        " EXECUTE FUNCTION heads_only_grow()"
    ),
    ("epochs", "epochs_rows"): f"BEFORE DELETE OR UPDATE ON public.epochs FOR EACH ROW {_REFUSES}",
    ("epochs", "epochs_truncate"): f"BEFORE TRUNCATE ON public.epochs FOR EACH STATEMENT {_REFUSES}",
    ("facts", "facts_rows"): f"BEFORE DELETE OR UPDATE ON public.facts FOR EACH ROW {_REFUSES}",
}


async def altered(connection: Connection) -> list[str]:
    """Return what stands between the ledger's tables and whoever reads or writes them, each as a sentence.

    A view that is found first, a rule, a policy or a trigger shows one reader other rows than another, and no row has
    to be touched for it.
    """
    relations = await connection.fetch(SQL["relations"], [*TABLES])
    found = [f"{row['schema']}.{row['name']} {wrong}" for row in relations for wrong in _wrongs(row)]
    known = {row["name"] for row in relations if row["schema"] == "public"}
    found += [f"public.{name} is not there" for name in TABLES if name not in known]
    triggers = await connection.fetch(SQL["triggers"], [*TABLES])
    return found + _wrong_triggers(triggers, {name for name in known if name not in TABLES})


def _wrongs(row: Mapping[str, Any]) -> list[str]:
    if row["schema"] != "public":
        return ["has the name of a table of the ledger, and lies beside it"]
    wrongs = [f"has the rule {rule}" for rule in row["rules"]]
    if row["kind"] != ("p" if row["name"] == "facts" else "r"):
        wrongs.append("is no table")
    if row["filtered"]:
        wrongs.append("has row-level security")
    return wrongs


def _wrong_triggers(rows: Sequence[Mapping[str, Any]], parts: set[str]) -> list[str]:
    wanted = dict(_TRIGGERS)
    for part in parts:
        wanted[part, "facts_rows"] = f"BEFORE DELETE OR UPDATE ON public.{part} FOR EACH ROW {_REFUSES}"
        wanted[part, f"{part}_truncate"] = f"BEFORE TRUNCATE ON public.{part} FOR EACH STATEMENT {_REFUSES}"
    there = {(row["name"], row["trigger"]): row for row in rows}
    found = []
    for name, trigger in sorted({*wanted, *there}):
        said, row = wanted.get((name, trigger)), there.get((name, trigger))
        if row is None:
            found.append(f"public.{name} lacks the trigger {trigger}")
        elif row["said"] != f"CREATE TRIGGER {trigger} {said}":
            found.append(f"public.{name} has a trigger that no migration makes: {row['said']}")
        elif not row["works"]:
            found.append(f"public.{name} has the trigger {trigger}, which is switched off")
    return found


def _drawn(places: Sequence[_Place], scope: Scope) -> dict[str, list[int]] | None:
    """Return which versions of each stream are looked at, each batch as likely as any other; None: all."""
    if scope.sample is None:
        return None
    total = sum(place.version for place in places)
    numbers = sorted(random.Random(scope.seed).sample(range(total), min(scope.sample, total)))  # noqa: S311 - no secret
    drawn: dict[str, list[int]] = {}
    before = 0
    for place in places:
        drawn[place.stream] = [
            number - before + 1 for number in numbers if before <= number < before + place.version
        ]  # fmt: skip
        before += place.version
    return drawn


class _Events:
    """The events of a stream, read on as far as they are asked for."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._read: list[Any] = []
        self._is_read = False
        self.count = 0

    async def before(self, version: int | None) -> AsyncIterator[tuple[int, Mapping[str, Any]]]:
        """Yield the events before a version, or all that are left."""
        while (row := await self._first()) is not None and (version is None or row["version"] < version):
            self._read.pop()
            yield row["version"], _said(row)

    async def at(self, version: int) -> Mapping[str, Any] | None:
        """Return the event of a version; None where there is none."""
        row = await self._first()
        if row is None or row["version"] != version:
            return None
        self._read.pop()
        return _said(row)

    async def _first(self) -> Any:
        if not self._read and not self._is_read:
            self._read = [*reversed(await self._cursor.fetch(_EVENTS))]
            self._is_read = not self._read
            self.count += len(self._read)
        return self._read[-1] if self._read else None


def _said(row: Mapping[str, Any]) -> Mapping[str, Any]:
    said: Mapping[str, Any] = orjson.loads(row["document"])["data"]
    return said


class _Batch:
    """The rows of a batch as they pass by, beside what was told of it."""

    def __init__(self, place: _Place, number: int, told: Mapping[str, Any] | None, prefix: str) -> None:
        self.number = number
        self._place = place
        self._told = told
        self._topic = place.topic.removeprefix(prefix)
        self._root = GrowingRoot()
        self._first: int | None = None
        self._last: int | None = None
        self._months: set[str] = set()
        self._is_faulty = False

    def take(self, row: Mapping[str, Any]) -> Fault | None:
        """Take a row in, and say what is wrong with it by itself."""
        document = row["document"].encode()
        self._root.add(leaf_hash(document))
        before, self._last = self._last, row["kafka_offset"]
        self._first = self._last if self._first is None else self._first
        self._months.add(_month(row["month"]))
        wrong = self._fault_of(row, document, before)
        if wrong is None:
            return None
        self._is_faulty = True
        what, detail = wrong
        offset, month = row["kafka_offset"], _month(row["month"])
        name = f"{row['publisher']} {row['id']}: {detail}"
        return Fault(what, self._place.topic, self._place.partition, self.number, offset, offset, (month,), name)

    def _fault_of(self, row: Mapping[str, Any], document: bytes, before: int | None) -> tuple[Wrong, str] | None:
        told = self._told
        if row["kafka_offset"] == before:
            return Wrong.MISPLACED, "another row of its batch has the same offset"
        if told is not None and not told["first"] <= row["kafka_offset"] <= told["last"]:
            return Wrong.MISPLACED, f"its batch has the offsets {told['first']} to {told['last']}"
        key, value = row["subject"].encode(), _PREFIX + document[1:]
        try:
            fact = read_fact(self._topic, key, value, _HEADERS, _NEVER)
        except Refused as refused:
            fault = refused.fault
            if fault.reason is FactReason.WRONG_KEY:
                return Wrong.MISPLACED, f"it is not about {row['subject']}: {fault.english}"
            return Wrong.UNREADABLE, f"{fault.field}: {fault.english}"
        if fact.document != document:
            return Wrong.UNREADABLE, "the gate would keep it in another form"
        beside = _beside(row, fact)
        others = [f"{name} {there} where its document says {said}" for name, there, said in beside if there != said]
        return (Wrong.MISPLACED, ", ".join(others)) if others else None

    def close(self) -> Fault | None:
        """Say what is wrong with the batch as a whole."""
        told, count = self._told, self._root.count
        if told is None:
            return self._fault(Wrong.UNTOLD, f"{count} rows, and no event tells of the batch")
        if count < told["applied"]:
            return self._fault(Wrong.REMOVED, f"{count} rows of the {told['applied']} that were told")
        if count > told["applied"]:
            return self._fault(Wrong.ADDED, f"{count} rows where {told['applied']} were told")
        root = self._root.root.hex()
        if root != told["root"]:
            return self._fault(Wrong.CHANGED, f"the root of its rows is {root}, and {told['root']} was told")
        # Readers look in the told months only, so what lies in another is not found. A wrong row was told by itself.
        rows, said = sorted(self._months), sorted(told.get("months", ()))
        if rows != said and not self._is_faulty:
            return self._fault(Wrong.MISPLACED, f"its rows lie in {_listed(rows)}, and {_listed(said)} was told")
        return None

    def _fault(self, what: Wrong, detail: str) -> Fault:
        told = self._told
        first, last = (self._first, self._last) if told is None else (told["first"], told["last"])
        months = tuple(sorted(self._months if told is None else {*self._months, *told.get("months", ())}))
        return Fault(what, self._place.topic, self._place.partition, self.number, first, last, months, detail)


def _beside(row: Mapping[str, Any], fact: ReadFact) -> list[tuple[str, Any, Any]]:
    return [
        ("month", _month(row["month"]), fact.month),
        ("publisher", row["publisher"], fact.publisher),
        ("id", row["id"], fact.id),
        ("kind", row["kind"], fact.kind),
        ("target", row["target"], fact.target),
    ]


def _listed(months: Sequence[str]) -> str:
    return ", ".join(months) or "no month"


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _of_place(what: Wrong, place: _Place, detail: str) -> Fault:
    return Fault(what, place.topic, place.partition, None, None, None, (), detail)


def _as_fact(document: str) -> LedgerFact | None:
    try:
        return ledger_fact(document)
    except (msgspec.DecodeError, LookupError):
        return None


def _used_twice(rows: Sequence[Mapping[str, Any]], out: Sequence[bool]) -> Fault:
    """Return the fault of an id in several months: it names the first row, and where all of them lie.

    It is a remark where no more than one of them counts; `out` tells which ones do not.
    """
    first = rows[0]
    lying = ", ".join(
        f"{row['kind']} of {_month(row['month'])} at {row['topic']}/{row['partition']}/{row['kafka_offset']}"
        f" (batch {row['batch']}{', counts no more' if is_out else ''})"
        for row, is_out in zip(rows, out, strict=True)
    )
    months = tuple(_month(row["month"]) for row in rows)
    offset = first["kafka_offset"]
    detail = f"{first['publisher']} {first['id']} is used {len(rows)} times: {lying}"
    what = Wrong.TWICE if out.count(False) > 1 else Wrong.SETTLED
    return Fault(what, first["topic"], first["partition"], first["batch"], offset, offset, months, detail)
