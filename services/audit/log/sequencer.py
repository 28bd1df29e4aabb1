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
import contextlib
import hashlib
import time
from collections.abc import Sequence
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
from services.audit.log.leaves import Leaf, LogRecord, UnreadableRecord, read_record, records_of, why_void
from services.audit.log.measures import SequencerMeasures
from services.audit.log.signing import SIGNER_AWAY, Checkpoints, NotSignedYet
from services.audit.log.store import Candidate, End, EndMoved, LogStore

MOST_EVENTS: Final = 5_000
"""Events that are put into the log at once."""
_CHECKPOINT_SECONDS: Final = 1.0
"""Seconds between two checkpoints, but for one at once after each seal and each decision."""
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
    checkpoints: Checkpoints
    decisive: frozenset[str]
    """Types of events after which a checkpoint is signed at once."""
    most: int = MOST_EVENTS
    _end: End = field(init=False, default=End(0, 0, None, None, START))
    _tree: GrowingTree = field(init=False, default_factory=GrowingTree)
    _signed: int = field(init=False, default=-1)
    _signed_at: float = field(init=False, default=0.0)
    _hurried: bool = field(init=False, default=False)
    _why: str = field(init=False, default="")
    _waiting_since: float | None = field(init=False, default=None)

    async def run(self) -> None:
        """Keep the log until cancelled, whenever this process leads."""
        await self.lead.run(self._keep)

    def check(self) -> tuple[bool, str]:
        """Tell whether the log goes on, for readiness. That it is behind is no fault."""
        if self._why:
            return False, self._why
        return True, f"{self._end.size} leaves, {max(self._signed, 0)} signed" if self.lead.held else "stands by"

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
        newest = await self.store.newest()
        self._signed = newest.size if newest else -1
        self.measures.size.set(size)

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
        held, digest = 0, None
        async for records in read_until(consumer, {place: 0}, {place: end}):
            for raw in records:
                record = _record(raw)
                if record is not None and record.index == held and held < self._end.size:
                    held += await self._held(record)
                digest = _digest(raw)
        while held < self._end.size:
            leaves = await self.store.leaves(held, self.most)
            end, digest = await self._write(publisher, held, leaves)
            held += len(leaves)
        to = self._end._replace(next_offset=end, digest=digest, cluster=cluster)
        if end and held > self._end.size:  # pragma: no cover - excluded by the loop's bound
            raise AssertionError("more was held than there is")
        await self._move(to)

    async def _held(self, record: LogRecord) -> int:
        """Return how many leaves of the tree a record of the topic has; raise Forked when it has others."""
        here = await self.store.leaves(record.index, len(record.leaves))
        for at, (ours, theirs) in enumerate(zip(here, record.leaves, strict=False), record.index):
            if ours != theirs:
                raise Forked(f"leaf {at} is {ours.stream}@{ours.version} here, and another in {self.topic}")
        return len(here)

    async def _move(self, to: End) -> None:
        await self.store.integrate(self._end, (), {}, to)
        self._end = to

    # --- sequencing --------------------------------------------------------------------------------------------------

    async def _sequence(self, consumer: AIOKafkaConsumer, publisher: Publisher) -> None:
        place = TopicPartition(self.topic, 0)
        while True:
            ticket = self.wake.ticket()
            end = (await consumer.end_offsets([place]))[place]
            caught_up = await self._catch_up(consumer, place, end)
            found = await self.store.candidates(self._end.position, self.most) if caught_up else []
            fresh = [one for one in found if not one.known]
            if fresh:
                await self._write(publisher, self._end.size, [one.leaf for one in fresh])
                self._hurried = self._hurried or any(one.type in self.decisive for one in fresh)
            elif found:
                await self._pass(found)
            await self._sign_if_due(settled=not fresh)
            if not found:
                await self.wake.wait(ticket, _POLL)

    async def _pass(self, found: Sequence[Candidate]) -> None:
        """Move past events of the local log that are all in the tree."""
        await self.store.passed(found[-1].position)
        self._end = self._end._replace(position=found[-1].position)

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
        self._waiting_since = self._waiting_since or time.monotonic()
        if time.monotonic() - self._waiting_since > _ALARM_SECONDS:
            self.measures.awaiting.set(1)
            _log.error("the log waits for an event that does not come", awaited=what)

    async def _integrate(self, records: Sequence[Any]) -> None:
        """Take what counts of some records into the tree, in one transaction. Raises Awaited, Forked, EndMoved."""
        read = [(raw, _record(raw)) for raw in records]
        named = {leaf.stream for _, record in read if record for leaf in record.leaves}
        ends = await self.store.ends_of(named)
        taken: list[Leaf] = []
        last = None
        awaited: Awaited | None = None
        for raw, record in read:
            if record is not None and (why := why_void(record, self._end.size + len(taken), ends)) is None:
                try:
                    await self._check(record)
                except Awaited as error:
                    awaited = error
                    break
                taken += record.leaves
                ends |= {leaf.stream: leaf.version for leaf in record.leaves}
            else:
                self.measures.void.inc()
                _log.warning("a record of the log's topic is void", offset=raw.offset, why=why if record else "unreadable")
            last = raw
        if last is not None:
            await self._take_in(taken, last)
        if awaited is not None:
            raise awaited

    async def _check(self, record: LogRecord) -> None:
        """Hold a record to the events that are here."""
        here = await self.store.hashes(record.leaves)
        for leaf in record.leaves:
            held = here.get((leaf.stream, leaf.version))
            if held is None:
                raise Awaited(f"{leaf.stream}@{leaf.version}")
            if held != leaf.hash:
                raise Forked(f"{self.topic} has another hash for {leaf.stream}@{leaf.version} than the event here")

    async def _take_in(self, leaves: Sequence[Leaf], last: Any) -> None:
        tree = self._tree
        widened: dict[Tile, bytes] = {}
        if leaves:
            widened = dict(tree.append(leaf.hash for leaf in leaves))
            widened |= dict(tree.partial())
        following = last.following if isinstance(last, Undecodable) else last.offset + 1
        to = self._end._replace(
            size=self._end.size + len(leaves), next_offset=following, digest=_digest(last), cluster=self._end.cluster
        )
        await self.store.integrate(self._end, leaves, widened, to)
        self._end = to
        self.measures.size.set(to.size)
        self.measures.sequenced.inc(len(leaves))

    # --- checkpoints -------------------------------------------------------------------------------------------------

    async def _sign_if_due(self, *, settled: bool) -> None:
        """Have the tree signed when it has grown and it is time, or something was decided."""
        if self._end.size <= self._signed or self._end.size == 0:
            return
        waited = time.monotonic() - self._signed_at
        if waited < _CHECKPOINT_SECONDS and not (self._hurried and settled):
            return
        self._signed_at = time.monotonic()
        try:
            if not self.checkpoints.signer.keys:
                await self.checkpoints.learn_keys()
            note = await self.checkpoints.make(self._end.size, self._tree.root)
        except (NotSignedYet, *SIGNER_AWAY) as error:
            end_if_cancelled()
            self.measures.unsigned.set(self._end.size - max(self._signed, 0))
            _log.warning("no checkpoint", error=str(error) or repr(error))
            return
        self._signed = self._end.size
        self._hurried = False
        self.measures.unsigned.set(0)
        self.measures.signed.set(self._signed)
        self.measures.signed_at.set_to_current_time()
        with contextlib.suppress(*STORE_AWAY):
            await self.checkpoints.have_witnessed(self._signed, note)


def _record(raw: Any) -> LogRecord | None:
    if isinstance(raw, Undecodable):
        return None
    try:
        return read_record(raw.value)
    except UnreadableRecord:
        return None


def _digest(raw: Any) -> bytes | None:
    return None if isinstance(raw, Undecodable) else hashlib.sha256(raw.value or b"").digest()
