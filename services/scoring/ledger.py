"""The ledger of facts: what other systems said, each once, in the order of batches that our own events tell of.

The ledger is a set. A fact is never changed or removed, so what counts can be computed again from it at any time, and
does not hang on the order in which facts arrived. The same id with the same content is a duplicate; with another
content it is refused. An id is its publisher's own within a topic and a month: who may write to one topic only takes no
id of another away. `FactsIngested` holds a Merkle root over the new facts of each batch, signed with a key that the
database does not have: whoever changes a row afterwards can be found out by anyone who computes the root again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition

from kernel.canonical import leaf_hash
from kernel.dead_letters import Letter
from kernel.inbox import Message
from kernel.ledger import Batch
from kernel.log import Connection
from kernel.merkle import root_of
from kernel.sql import columns, queries
from schemas.fact_reading import (
    SHOWN,
    ClaimedSubject,
    FactFault,
    ReadFact,
    Refused,
    claimed,
    claimed_subject,
    read_fact,
    undecodable,
    used_id,
)
from schemas.scoring import FactsIngested
from schemas.topics import COVERAGE

SQL: Final = queries(Path(__file__).with_name("facts.sql"))
_COLUMNS: Final = (
    "month", "kafka_offset", "batch", "place", "publisher", "id", "kind", "subject", "target", "document",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RefusedFact(Letter):
    """A message that is no fact, with the fault in words and who says to have sent it."""

    fault: FactFault
    publisher: str | None
    id: str | None
    claims: ClaimedSubject


class _New(NamedTuple):
    offset: int
    fact: ReadFact
    leaf: bytes


@dataclass(slots=True)
class EnteredBatch:
    """What becomes of a batch: the facts that are new, how many were there already, and what is refused."""

    batch: Batch[ReadFact]
    new: list[_New] = field(default_factory=list)
    duplicates: int = 0
    letters: list[Letter] = field(default_factory=list)
    """Facts whose id has another content in the ledger."""

    @property
    def applied(self) -> int:
        """Return how many facts are new."""
        return len(self.new)

    @property
    def refused(self) -> list[Letter]:
        """Return everything of the batch that is refused."""
        return [*self.batch.letters, *self.letters]

    @property
    def refusals(self) -> list[tuple[str, str]]:
        """Return reason and publisher of everything that is refused."""
        return [(each.reason, getattr(each, "publisher", None) or "unknown") for each in self.refused]

    @property
    def event(self) -> FactsIngested:
        """Return the event that tells of the batch."""
        batch = self.batch
        return FactsIngested(
            topic=batch.place.topic,
            partition=batch.place.partition,
            first=batch.first,
            last=batch.last,
            records=batch.records,
            applied=len(self.new),
            duplicates=self.duplicates,
            refused=len(batch.letters) + len(self.letters),
            root=root_of(each.leaf for each in self.new).hex(),
            months=tuple(sorted({each.fact.month for each in self.new})),
        )


_Key = tuple[str, str, str]
"""Month, publisher and id."""
_Known = defaultdict[str, dict[_Key, bytes]]
"""Leaves of facts by topic and key."""


def ingest_stream(topic: str, partition: int) -> str:
    """Return the stream on which a partition's batches are told."""
    return f"ingest/{topic}/{partition}"


class FactLedger:
    """The ledger in scoring's database, as `kernel.ingest` writes to it."""

    def __init__(self, prefix: str = "") -> None:
        """Know no place and no month yet. `prefix` stands before the topics' names, where a test has its own."""
        self._prefix = prefix
        self._places: dict[TopicPartition, int] = {}
        self._months: set[str] = set()

    def judge(self, message: Message, now: datetime) -> ReadFact | Letter:
        """Return the fact that a message is, or the letter of one that is none."""
        try:
            return read_fact(message.topic.removeprefix(self._prefix), message.key, message.value, message.headers, now)
        except Refused as refused:
            return refused_fact(message, refused.fault)

    def stream(self, place: TopicPartition) -> str:
        """Return the stream on which a partition's batches are told."""
        return ingest_stream(place.topic, place.partition)

    async def enter(
        self, connection: Connection, batches: Sequence[Batch[ReadFact]], *, doubtful: bool
    ) -> list[EnteredBatch]:
        """Return what each batch adds; with `doubtful` the ledger is asked what it holds already."""
        if doubtful:
            # Something failed, perhaps since the database is not the one that it was.
            self._places, self._months = {}, set()
        await self._prepare(connection, batches)
        known = await _known(connection, batches) if doubtful else _Known(dict)
        return [_entered(batch, known[batch.place.topic]) for batch in batches]

    async def write(
        self, connection: Connection, entered: Sequence[EnteredBatch], versions: Sequence[int], now: datetime
    ) -> None:
        """Write what is new and what was refused."""
        lines: list[bytes] = []
        for each, version in zip(entered, versions, strict=True):
            place = self._places[each.batch.place]
            tail = b"\t%d\t%d\t" % (version, place)
            lines += [_line(one.offset, one.fact, tail) for one in each.new]
        if lines:
            # Nothing in a line needs an escape: a fact's texts are of printable ASCII without a backslash.
            await connection.copy_to_table(
                "facts", source=BytesIO(b"".join(lines)), columns=_COLUMNS, format="text", encoding="utf-8"
            )
        rows = [_refused_row(letter, now) for each in entered for letter in each.refused]
        if rows:
            await connection.execute(SQL["refuse"], *columns(rows))

    async def paused(self, connection: Connection) -> frozenset[str]:
        """Return the topics that operators paused."""
        return frozenset(row["topic"] for row in await connection.fetch(SQL["paused"]))

    async def _prepare(self, connection: Connection, batches: Iterable[Batch[ReadFact]]) -> None:
        """Make what the rows need to lie in: a number for each place, a partition for each month."""
        for batch in batches:
            number = self._places.get(batch.place)
            while number is None:
                number = await connection.fetchval(SQL["place"], *batch.place)
            self._places[batch.place] = number
            for month in {fact.month for _, fact in batch.facts} - self._months:
                await connection.execute(SQL["ensure_month"], first_day(month))
                self._months.add(month)


def first_day(month: str) -> date:
    """Return the first day of a month that is written YYYY-MM."""
    return date(int(month[:4]), int(month[5:]), 1)


def _line(offset: int, fact: ReadFact, tail: bytes) -> bytes:
    return b"%b-01\t%d%b%b\t%b\t%b\t%b\t%b\t%b\n" % (
        fact.month.encode(), offset, tail, fact.publisher.encode(), fact.id.encode(), fact.kind.encode(),
        fact.subject.encode(), b"\\N" if fact.target is None else fact.target.encode(), fact.document,
    )  # fmt: skip


async def _known(connection: Connection, batches: Iterable[Batch[ReadFact]]) -> _Known:
    """Return the leaves of those of the facts that the ledger holds."""
    asked: dict[tuple[str, str, str], list[str]] = {}
    for batch in batches:
        for _, fact in batch.facts:
            asked.setdefault((batch.place.topic, fact.month, fact.publisher), []).append(fact.id)
    known = _Known(dict)
    for (topic, month, publisher), ids in asked.items():
        for row in await connection.fetch(SQL["known"], topic, first_day(month), publisher, ids):
            known[topic][month, publisher, row["id"]] = row["leaf"]
    return known


def _entered(batch: Batch[ReadFact], known: dict[_Key, bytes]) -> EnteredBatch:
    """Sort a batch's facts; what is new is known to the batches of the topic after it."""
    entered = EnteredBatch(batch)
    new, duplicates = entered.new, 0
    for message, fact in batch.facts:
        leaf = leaf_hash(fact.document)
        key = (fact.month, fact.publisher, fact.id)
        there = known.setdefault(key, leaf)
        if there is leaf:
            new.append(_New(message.offset, fact, leaf))
        elif there == leaf:
            duplicates += 1
        else:
            entered.letters.append(refused_fact(message, used_id(fact)))
    entered.duplicates = duplicates
    return entered


# --- refusals ------------------------------------------------------------------------------------------------------


def refused_fact(message: Message, fault: FactFault) -> RefusedFact:
    """Return the letter of a message that is no fact."""
    publisher, id_ = claimed(message.value, message.headers)
    claims = claimed_subject(message.key, message.value, message.headers, of_regions=message.topic.endswith(COVERAGE))
    return RefusedFact(
        message.topic, message.partition, message.offset, message.key, message.value, tuple(message.headers),
        fault.reason.value, told(fault), fault, publisher, id_, claims,
    )  # fmt: skip


def told(fault: FactFault) -> str:
    """Return a fault as one English sentence for operators."""
    value = f" {fault.value!r}" if fault.value else ""
    return f"{fault.field}{value}: {fault.english}"


def _refused_row(letter: Letter, now: datetime) -> tuple[Any, ...]:
    place = (letter.topic, letter.partition, letter.offset, now)
    if isinstance(letter, RefusedFact):
        fault = letter.fault
        said = (fault.field, fault.value, fault.english, fault.indonesian)
        claims = letter.claims
        shown = (claims.kind, " ".join(claims.subjects) or None)
        return (*place, letter.publisher, letter.id, letter.reason, *said, *shown)
    fault = undecodable(letter.detail[:SHOWN])
    return (*place, None, None, letter.reason, fault.field, fault.value, fault.english, fault.indonesian, None, None)
