"""The sequencer: puts every event into the log, once, in an order that is written down before it counts.

One process leads. It takes events of the local log that are no leaves yet, writes them to `paritrana.log.v1`, reads
that topic back, and takes into the tree what it reads there and nothing else: a record that does not follow is void,
so a process that only believes to lead writes nothing, and the tree can be made again from the topic. A leaf is taken
in only when its event is here and has the hash that the record says; until it has been received it is waited for.

When the topic is another than it was (a new cluster, one that ends earlier, another record where reading stopped), it
is read from its beginning and held to the tree; leaves that it lacks are written to it again. What it has otherwise
than the tree is a fork: nothing is done any more, and an alarm is given.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from kernel.backoff import Pauses
from kernel.broker import AWAY, Broker, Place, Publisher, Record, Undecodable, read_until
from kernel.cancellation import end_if_cancelled
from kernel.decider import START
from kernel.lead import STORE_AWAY, Lead
from kernel.log import Wake
from kernel.tlog.tiles import Tile, partial_width
from kernel.tlog.trees import GrowingTree, root_tiles
from services.audit.log.checkpoints import CheckpointSigning
from services.audit.log.leaves import Leaf, LogRecord, UnreadableRecord, read_record, records_of, why_void
from services.audit.log.measures import SequencerMeasures
from services.audit.log.store import Candidate, End, EndMoved, LogStore

MOST_EVENTS: Final = 5_000
"""Events that are put into the log at once."""
_KEPT_STREAMS: Final = 100_000
_POLL: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_ALARM_SECONDS: Final = 30.0

_log = structlog.get_logger("log")


class Forked(Exception):
    """The topic and the tree, or the topic and an event, do not fit: nobody may decide that but a person."""


class Awaited(Exception):
    """A leaf whose event has not been received yet."""


@dataclass(slots=True)
class Sequencer:
    """Keeps one log; runs in every replica, and writes in the one that leads."""

    topic: str
    store: LogStore
    broker: Broker
    wake: Wake
    lead: Lead
    measures: SequencerMeasures
    signing: CheckpointSigning
    decisive: frozenset[str]
    """Types of events after which a checkpoint is signed at once."""
    most: int = MOST_EVENTS
    _end: End = field(init=False, default=End(0, 0, None, None, START))
    _tree: GrowingTree = field(init=False, default_factory=GrowingTree)
    _ends: dict[str, int] = field(init=False, default_factory=dict)
    """Last versions of streams that are leaves, as far as they were asked for."""
    _mine: dict[tuple[str, int], bytes] = field(init=False, default_factory=dict)
    """Hashes of the events that were written last: they need not be asked for again."""
    _why: str = field(init=False, default="")
    _waiting_since: float | None = field(init=False, default=None)
    _awaited: str = field(init=False, default="")

    async def run(self) -> None:
        """Keep the log until cancelled, whenever this process leads."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.signing.run(), name="checkpoints")
            group.create_task(self.lead.run(self._keep), name="sequencer")

    @property
    def stands(self) -> str | None:
        """Why nothing goes on, None while it does."""
        return self._why or None

    @property
    def awaits(self) -> str | None:
        """Return which event has been waited for too long, None when none is."""
        since = self._waiting_since
        late = since is not None and time.monotonic() - since > _ALARM_SECONDS
        return self._awaited if late else None

    def check(self) -> tuple[bool, str]:
        """Tell whether the log goes on, for readiness. That it is behind is no fault."""
        if self._why:
            return False, self._why
        return True, f"{self._end.size} leaves" if self.lead.held else "stands by"

    async def _keep(self) -> None:
        pauses = Pauses(0.1, _LONGEST_PAUSE)
        while True:
            pauses.begin()
            try:
                await self._load()
                async with self.broker.reader() as consumer, self.broker.publisher() as publisher:
                    await self._place(consumer, publisher)
                    await self._sequence(consumer, publisher)
            except Forked as error:
                self._stop(str(error))
            except (*AWAY, *STORE_AWAY, EndMoved) as error:
                end_if_cancelled()
                _log.warning("the log is not kept, beginning again", error=repr(error))
            await pauses.rest()

    def _stop(self, why: str) -> None:
        self.measures.forked.set(1)
        self._why = f"the log stands still: {why}"
        _log.error("the log stands still", why=why)

    async def _load(self) -> None:
        """Take the tree up where the database has it."""
        self._end = await self.store.end()
        size = self._end.size
        edge = [tile for tile in root_tiles(size) if tile.width == partial_width(size, tile.level)]
        self._tree = GrowingTree.read(size, await self.store.tiles(edge))
        self._ends.clear()
        self._mine.clear()
        self.measures.size.set(size)
        self.signing.reached(size, self._tree.root, at_once=False)

    # --- the topic ---------------------------------------------------------------------------------------------------

    async def _place(self, consumer: AIOKafkaConsumer, publisher: Publisher) -> None:
        """See that the topic is the one that was read; read another from its beginning, and complete it."""
        cluster = (await self.broker.cluster()).id
        place = TopicPartition(self.topic, 0)
        begin = (await consumer.beginning_offsets([place]))[place]
        self.measures.begins.set(begin)
        if begin > 0:
            raise Forked(f"{self.topic} begins at offset {begin}: records were removed")
        if not await self._is_known(consumer, place, cluster):
            _log.warning("the log's topic is another one: it is read from its beginning", topic=self.topic)
            self.measures.rewound.inc()
            await self._read_anew(consumer, publisher, place, cluster)
        self.measures.forked.set(0)
        self._why = ""

    async def _is_known(self, consumer: AIOKafkaConsumer, place: TopicPartition, cluster: str) -> bool:
        """Tell whether the topic goes on where it was left."""
        end = (await consumer.end_offsets([place]))[place]
        if cluster != self._end.cluster or end < self._end.next_offset:
            return False
        if self._end.next_offset == 0:
            return True
        last = self._end.next_offset - 1
        async for records in read_until(consumer, {place: last}, {place: self._end.next_offset}):
            return all(not isinstance(one, Undecodable) and _digest(one) == self._end.digest for one in records)
        return False

    async def _read_anew(
        self, consumer: AIOKafkaConsumer, publisher: Publisher, place: TopicPartition, cluster: str
    ) -> None:
        """Hold a topic to the tree from its beginning, and write to it the leaves that it lacks."""
        end = (await consumer.end_offsets([place]))[place]
        size, held, following, digest = self._end.size, 0, 0, None
        ends: dict[str, int] = {}
        async for records in read_until(consumer, {place: 0}, {place: end}):
            for raw in records:
                if held >= size:
                    break
                record = _record(raw)
                if record is not None and why_void(record, held, ends) is None:
                    held += await self._held(record)
                    ends |= {leaf.stream: leaf.version for leaf in record.leaves}
                following, digest = _following(raw), _digest(raw)
            if held >= size:
                break
        while held < size:
            leaves = await self.store.leaves(held, min(self.most, size - held))
            following, digest = await self._write(publisher, held, leaves)
            held += len(leaves)
        await self._move(self._end._replace(next_offset=following, digest=digest, cluster=cluster))

    async def _held(self, record: LogRecord) -> int:
        """Return how many leaves a record of the topic has, which are the tree's; raise Forked when they are others.

        One that goes on beyond the tree stands where the tree was restored from a backup; the rest is taken in.
        """
        here = await self.store.leaves(record.first, len(record.leaves))
        for at, (ours, theirs) in enumerate(zip(here, record.leaves, strict=False), record.first):
            if ours != theirs:
                raise Forked(f"leaf {at} is {ours.stream}@{ours.version} here, and another in {self.topic}")
        if rest := record.leaves[len(here) :]:
            await self._check(record)
            await self._take_in(rest, self._end)
        return len(record.leaves)

    async def _move(self, to: End) -> None:
        await self.store.integrate(self._end, (), {}, to)
        self._end = to

    # --- sequencing --------------------------------------------------------------------------------------------------

    async def _sequence(self, consumer: AIOKafkaConsumer, publisher: Publisher) -> None:
        place = TopicPartition(self.topic, 0)
        while True:
            ticket = self.wake.ticket()
            end = (await consumer.end_offsets([place]))[place]
            found: list[Candidate] = []
            if await self._catch_up(consumer, place, end):
                found = await self.store.candidates(self._end.position, self.most)
                await self._take_up(consumer, publisher, place, found)
            if not found:
                await self.wake.wait(ticket, _POLL)

    async def _take_up(
        self, consumer: AIOKafkaConsumer, publisher: Publisher, place: TopicPartition, found: Sequence[Candidate]
    ) -> None:
        """Put those events into the log that are no leaves yet, and move past all of them when that was done."""
        fresh = [one.leaf for one in found if not one.known]
        before = self._end.size
        if fresh:
            self._mine = {(leaf.stream, leaf.version): leaf.hash for leaf in fresh}
            end, _ = await self._write(publisher, before, fresh)
            await self._catch_up(consumer, place, end)
        # Where another process wrote meanwhile, what is missing is found again by the next look.
        if found and self._end.size == before + len(fresh):
            await self.store.passed(found[-1].position)
            self._end = self._end._replace(position=found[-1].position)
        if any(one.type in self.decisive for one in found):
            self.signing.reached(self._end.size, self._tree.root, at_once=True)

    async def _write(self, publisher: Publisher, index: int, leaves: Sequence[Leaf]) -> tuple[int, bytes | None]:
        """Write leaves to the topic; return the offset after the last record, once all are acknowledged."""
        records = [Record(None, raw, []) for raw in records_of(index, leaves)]
        sent = await publisher.send(Place(self.topic, 0), records, time.time_ns() // 1_000_000)
        following = 0
        for each in sent:
            following = await each.offset() + each.count
        return following, hashlib.sha256(records[-1].value or b"").digest() if records else None

    async def _catch_up(self, consumer: AIOKafkaConsumer, place: TopicPartition, end: int) -> bool:
        """Take in what the topic has up to an offset; tell whether all of it was, or an event is awaited."""
        if self._end.next_offset >= end:
            return True
        try:
            async for records in read_until(consumer, {place: self._end.next_offset}, {place: end}):
                await self._integrate(records)
        except Awaited as error:
            self._await(str(error))
            await asyncio.sleep(_POLL)
            return False
        self._waiting_since = None
        self.measures.awaiting.set(0)
        return True

    def _await(self, what: str) -> None:
        self._waiting_since, self._awaited = self._waiting_since or time.monotonic(), what
        if time.monotonic() - self._waiting_since > _ALARM_SECONDS:
            self.measures.awaiting.set(1)
            _log.error("the log waits for an event that does not come", awaited=what)

    async def _integrate(self, records: Sequence[Any]) -> None:
        """Take what counts of some records into the tree, in one transaction. Raises Awaited, Forked, EndMoved."""
        read = [(raw, _record(raw)) for raw in records]
        await self._learn_ends(leaf.stream for _, record in read if record for leaf in record.leaves)
        taken: list[Leaf] = []
        awaited: Awaited | None = None
        to = self._end
        for raw, record in read:
            why = "it cannot be read" if record is None else why_void(record, self._end.size + len(taken), self._ends)
            if record is not None and why is None:
                try:
                    await self._check(record)
                except Awaited as error:
                    awaited = error
                    break
                taken += record.leaves
                self._ends |= {leaf.stream: leaf.version for leaf in record.leaves}
            else:
                self.measures.void.inc()
                _log.warning("a record of the log's topic is void", offset=raw.offset, why=why)
            to = to._replace(next_offset=_following(raw), digest=_digest(raw))
        if to != self._end:
            await self._take_in(taken, to)
        if awaited is not None:
            raise awaited

    async def _learn_ends(self, streams: Iterable[str]) -> None:
        """Find out where streams end in the tree, those that are not known."""
        if len(self._ends) > _KEPT_STREAMS:
            self._ends.clear()
        if unknown := set(streams) - self._ends.keys():
            self._ends |= await self.store.ends_of(unknown)

    async def _check(self, record: LogRecord) -> None:
        """Hold a record to the events that are here."""
        unknown = [leaf for leaf in record.leaves if self._mine.get((leaf.stream, leaf.version)) != leaf.hash]
        here = await self.store.hashes(unknown) if unknown else {}
        for leaf in unknown:
            held = here.get((leaf.stream, leaf.version))
            if held is None:
                raise Awaited(f"{leaf.stream}@{leaf.version}")
            if held != leaf.hash:
                raise Forked(f"{self.topic} has another hash for {leaf.stream}@{leaf.version} than the event here")

    async def _take_in(self, leaves: Sequence[Leaf], to: End) -> None:
        """Take leaves into the tree, and the topic as read up to where `to` says."""
        tree = self._tree
        widened: dict[Tile, bytes] = {}
        if leaves:
            filled = tree.append(leaf.hash for leaf in leaves)
            widened = dict((*filled, *tree.partial()))
        to = to._replace(size=self._end.size + len(leaves))
        await self.store.integrate(self._end, leaves, widened, to)
        self._end = to
        self.measures.size.set(to.size)
        self.measures.sequenced.inc(len(leaves))
        self.signing.reached(to.size, tree.root, at_once=False)


def _record(raw: Any) -> LogRecord | None:
    if isinstance(raw, Undecodable):
        return None
    try:
        return read_record(raw.value)
    except UnreadableRecord:
        return None


def _following(raw: Any) -> int:
    """Return the offset after a record."""
    return int(raw.following if isinstance(raw, Undecodable) else raw.offset + 1)


def _digest(raw: Any) -> bytes | None:
    return None if isinstance(raw, Undecodable) else hashlib.sha256(raw.value or b"").digest()
