"""Receive other services' events into the local log, each once, in its stream's order, whatever the broker repeats.

FastStream's batch subscriber brings the records; what they are and do is `kernel.inbox`. Where to read on is a row of
ours for each partition, moved in the transaction that stores the events; Kafka's committed offsets are a hint for
other people's tools. On assignment the reader seeks one record back and compares its digest, so a topic that was made
anew under the same name is read from its earliest offset, as is one of a new cluster or one that ends earlier.

Limits of the libraries that are met here (FastStream 0.7.8, aiokafka 0.14):
- under `AckPolicy.MANUAL` a failed batch does not come again: everything is caught, the position reloaded and sought;
- FastStream's parser drops a batch with a header that is no UTF-8: parser and decoder are replaced, nothing is decoded;
- records may be handed over before a seek takes effect or after a partition was lost: what is not at the position is
  not taken;
- when one partition's batch cannot be decoded, `getmany` raises for all and may lose what it had read of others: a hole
  is read again by a consumer of its own, and so is a partition that stands still, record by record;
- a failed assignment callback is only logged: what could not be placed is placed by the next look;
- the task that learns where partitions lie ends for good at an error that aiokafka does not know (uvloop raises
  RuntimeError where a connection was just closed), and questions then wait for ever: a client that gives no answers
  while the broker gives them to another client is left, and so is one that never comes back into its group.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from kernel.backoff import Pauses
from kernel.broker import (
    ANSWER_SECONDS,
    AWAY,
    Broker,
    DeliveryMeasures,
    Undecodable,
    Wire,
    abandon,
    read_until,
    stopped,
    unpolled,
)
from kernel.cancellation import end_if_cancelled
from kernel.clock import Clock
from kernel.dead_letters import DeadLetters, Letter, Reason
from kernel.inbox import SQL, Arrival, Move, NotYet, Plan, PositionMoved, commit, judge, plan, record_digest
from kernel.lead import STORE_AWAY
from kernel.log import StreamMoved, Wake

GAP: Final = timedelta(seconds=30)
_ATTEMPTS: Final = 5
_RECORDS: Final = 500
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_HINT_SECONDS: Final = 5.0
_STILL_SECONDS: Final = 5.0
_SILENT_SECONDS: Final = 60.0
_DEAF_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 1.5

_log = structlog.get_logger("receiver")

Odd = Callable[[Sequence[Arrival], Sequence[Letter]], Awaitable[None]]
"""Is told of forks, and of messages that are no events of ours, before they are passed; perhaps more than once."""


@dataclass(slots=True)
class _Position:
    """Where a partition is read on; `digest` of the record before, while it is still to be compared."""

    next: int
    digest: bytes | None
    behind: float | None = None
    """Since when there is more and the client hands over nothing (monotonic), as the looks saw it."""


@dataclass(slots=True)
class _Gap:
    """A stream whose predecessor is missing: up to where its topic is read again, and whether it was told."""

    until: dict[TopicPartition, int]
    told: bool = False


async def _parse(records: tuple[Any, ...]) -> KafkaMessage:
    return KafkaMessage(body=b"", raw_message=records, consumer=_NOBODY)


async def _decode(message: KafkaMessage) -> Any:
    return message.raw_message


class _Nobody:
    """Stands where FastStream would keep the consumer to acknowledge to; nothing is acknowledged through it."""

    async def commit(self) -> None:
        """Acknowledge nothing."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Move nothing."""


_NOBODY: Final = _Nobody()


@dataclass(eq=False, slots=True)
class Receiver(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Receives `topics` for one service; replicas share the partitions."""

    wire: Wire
    topics: tuple[str, ...]
    pool: asyncpg.Pool[Any]
    broker: Broker
    clock: Clock
    wake: Wake
    measures: DeliveryMeasures
    group: str = ""
    """The consumer group; `paritrana-<service>` when empty."""
    gap: timedelta = GAP
    look: float = 1.0
    """Seconds between looks at positions, gaps and lag."""
    deaf: float = _DEAF_SECONDS
    """Seconds for which the client may give no answers that the broker gives to another."""
    pace: float = 0.0
    """Seconds between two batches at least: who is in no hurry takes more at once, at less cost for all."""
    odd: Odd | None = None
    """Who else is to know what is not stored: measures and the log of this process forget."""
    _dead: DeadLetters = field(init=False)
    _busy: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _consumer: AIOKafkaConsumer | None = field(init=False, default=None)
    _assigned: set[TopicPartition] = field(init=False, default_factory=set)
    _positions: dict[TopicPartition, _Position] = field(init=False, default_factory=dict)
    _cluster: str = field(init=False, default="")
    _joined: bool = field(init=False, default=False)
    _outside: float | None = field(init=False, default=None)
    """Since when the client is in no group, or its group shares the partitions anew (monotonic)."""
    _unanswered: float | None = field(init=False, default=None)
    """Since when the client's questions have no answers, although the broker gave them to another (monotonic)."""
    _gaps: dict[tuple[str, int], _Gap] = field(init=False, default_factory=dict)
    _hinted: float = field(init=False, default=0.0)
    _pause: float = field(init=False, default=_FIRST_PAUSE)

    def __post_init__(self) -> None:
        """Prepare the dead letters."""
        self.group = self.group or f"paritrana-{self.wire.service}"
        self._dead = DeadLetters(self.broker, self.measures)

    async def run(self) -> None:
        """Receive until cancelled; an unreachable broker or database is waited for."""
        pauses = Pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            while self.topics:
                pauses.begin()
                try:
                    await self._subscribe()
                except AWAY as error:
                    _log.warning("not receiving, beginning again", error=repr(error))
                await pauses.rest()
        finally:
            await self._dead.close()

    def check(self) -> tuple[bool, str]:
        """Tell whether partitions are assigned and placed, for readiness."""
        if not self.topics:
            return True, "receives nothing"
        if not self._joined or self._away_for() > self.deaf:
            return False, "no partitions assigned yet"
        missing = len(self._assigned - self._positions.keys())
        if missing:
            return False, f"{missing} of {len(self._assigned)} partitions have no position yet"
        return True, f"receives {len(self._assigned)} partitions"

    def _away_for(self) -> float:
        """Return for how many seconds the client has had no share of its group's partitions."""
        return 0.0 if self._outside is None else time.monotonic() - self._outside

    # --- the subscription -------------------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        """Subscribe and look after the subscription; return when it fell silent and must be made anew."""
        connection = KafkaBroker(
            self.broker.bootstrap_servers.split(","),
            client_id=self.broker.client_id,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            graceful_timeout=_GRACE_SECONDS,
            metadata_max_age_ms=30_000,
            logger=None,
        )
        subscriber = connection.subscriber(
            *self.topics,
            batch=True,
            group_id=self.group,
            listener=self,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_records=_RECORDS,
            batch_timeout_ms=10,
            heartbeat_interval_ms=1_000,
            # The assignor keeps its state in its class: each subscription has a class of its own.
            partition_assignment_strategy=(type("Sticky", (StickyPartitionAssignor,), {}),),
            parser=_parse,
            decoder=_decode,
            no_reply=True,
        )
        subscriber(self._handle)
        self._forget()
        try:
            async with asyncio.timeout(_SILENT_SECONDS):
                await connection.start()
            self._consumer = subscriber.consumer
            await self._look_after()
        finally:
            consumer, self._consumer = self._consumer, None
            try:
                if not await stopped(connection.stop(), _GRACE_SECONDS + 1) and consumer is not None:
                    await abandon(consumer)
            finally:
                self._forget()

    def _forget(self) -> None:
        self._joined = False
        self._outside = time.monotonic()
        self._unanswered = None
        self._assigned = set()
        self._positions = {}

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """Wait until the batch in hand is done, then take nothing more."""
        async with self._busy:
            self._positions = {}
            self._assigned = set()
            self._outside = time.monotonic()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the partitions; they are read once they have a position."""
        async with self._busy:
            self._assigned = set(assigned)
            self._positions = {}
            self._joined = True
            self._outside = None
            if self._consumer is not None:
                await self._try_placing()

    async def _look_after(self) -> None:
        """Place what has no position, close gaps, measure; return when the client is of no use any more."""
        since = time.monotonic()
        while True:
            async with self._busy:
                await self._try_placing()
                try:
                    await self._look_at_held()
                    await self._look_at_still()
                except (*AWAY, *STORE_AWAY, StreamMoved, NotYet) as error:
                    end_if_cancelled()
                    _log.warning("a look failed", error=repr(error))
                self._measure()
            if self._deaf():
                _log.error("the client hears no answers, subscribing anew")
                return
            if self._silent(since) and (await self.broker.check())[0]:
                _log.error("the client fell silent, subscribing anew")
                return
            await asyncio.sleep(self.look)

    def _deaf(self) -> bool:
        """Tell whether the client gets no answers although the broker gives them."""
        return self._unanswered is not None and time.monotonic() - self._unanswered > self.deaf

    def _silent(self, since: float) -> bool:
        """Tell whether the client has given up by itself: it fetches no more, or is in no group."""
        consumer = self._consumer
        if consumer is None or time.monotonic() - since < _SILENT_SECONDS:
            return False
        if self._outside is not None:
            return self._away_for() > _SILENT_SECONDS
        return unpolled(consumer, self._positions, _SILENT_SECONDS)

    def _measure(self) -> None:
        for place, position in self._positions.items():
            end = self._consumer.highwater(place) if self._consumer else None
            if end is not None:
                lag = max(0, end - position.next)
                self.measures.receiver_lag.labels(place.topic, str(place.partition)).set(lag)

    # --- positions --------------------------------------------------------------------------------------------------

    async def _try_placing(self) -> None:
        missing = self._assigned - self._positions.keys()
        if not missing or self._consumer is None:
            return
        try:
            self._consumer.pause(*missing)
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self._place(missing)
        except (*AWAY, *STORE_AWAY) as error:
            _log.warning("partitions have no position yet", partitions=len(missing), error=repr(error))

    async def _place(self, places: set[TopicPartition]) -> None:
        """Seek each partition to where our row says, one record back; or to the earliest offset."""
        consumer = self._consumer
        if consumer is None:
            return
        since, self._unanswered = self._unanswered, None
        self._cluster = (await self.broker.cluster()).id
        self._unanswered = since or time.monotonic()
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        self._unanswered = None
        rows = await self.pool.fetch(SQL["positions"], list(self.topics))
        known = {TopicPartition(row["topic"], row["partition"]): row for row in rows}
        for place in places:
            row = known.get(place)
            if row is None:
                await self._start_over(place, first[place], None)
            elif row["cluster"] != self._cluster:
                await self._start_over(place, first[place], "new-cluster")
            elif row["next_offset"] > end[place]:
                await self._start_over(place, first[place], "topic-ends-earlier")
            else:
                self._go_on(place, row["next_offset"], row["digest"], first[place])

    def _go_on(self, place: TopicPartition, following: int, digest: bytes | None, first: int) -> None:
        compare = digest is not None and first < following
        self._positions[place] = _Position(following, digest if compare else None)
        self._seek(place, following - 1 if compare else following)

    async def _start_over(self, place: TopicPartition, first: int, reason: str | None) -> None:
        """Read a partition from its earliest offset, for the first time (no reason) or again."""
        await self.pool.execute(SQL["place"], place.topic, place.partition, first, self._cluster)
        if reason is not None:
            self.measures.rewound.labels(place.topic, reason).inc()
            _log.warning("reading from the earliest offset", topic=place.topic, partition=place.partition, why=reason)
        self._positions[place] = _Position(first, None)
        self._seek(place, first)

    def _seek(self, place: TopicPartition, offset: int) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.seek(place, offset)
            self._consumer.resume(place)
        except IllegalStateError:
            # Lost meanwhile; whoever has it now reads our row.
            self._positions.pop(place, None)

    async def _rewind(self, places: Iterable[TopicPartition], reason: str) -> None:
        consumer = self._consumer
        wanted = [place for place in places if place in self._positions]
        if consumer is None or not wanted:
            return
        first = await consumer.beginning_offsets(wanted)
        for place in wanted:
            await self._start_over(place, first[place], reason)

    # --- batches ----------------------------------------------------------------------------------------------------

    async def _handle(self, records: Sequence[Any]) -> None:
        """Take a batch. Whatever fails, the position is read again and sought: FastStream would go on without it."""
        following = time.monotonic() + self.pace
        if await self._is_taken(records):
            self._pause = _FIRST_PAUSE
            if len(records) < _RECORDS:  # else there are more, and nothing is gained by letting them come together
                await asyncio.sleep(following - time.monotonic())
            return
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        async with self._busy:
            await self._try_placing()

    async def _is_taken(self, records: Sequence[Any]) -> bool:
        async with self._busy:
            try:
                await self._take(records)
            except Exception as error:  # noqa: BLE001 - every failure is met in the same way, and none may pass a batch by
                self._failed(records, error)
                return False
            await self._hint()
        return True

    def _failed(self, records: Sequence[Any], error: Exception) -> None:
        expected = isinstance(error, (*AWAY, *STORE_AWAY, StreamMoved, PositionMoved, NotYet))
        _log.log(
            logging.WARNING if expected else logging.ERROR, "batch failed, reading it again", error=repr(error),
            exc_info=None if expected else error,
        )  # fmt: skip
        for place in {TopicPartition(record.topic, record.partition) for record in records}:
            self._positions.pop(place, None)

    async def _take(self, records: Sequence[Any]) -> None:
        batches: dict[TopicPartition, list[Any]] = {}
        for record in records:
            batches.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        taken: dict[TopicPartition, list[Any]] = {}
        for place, batch in batches.items():
            admitted = await self._admit(place, batch)
            if admitted:
                taken[place] = admitted
        await self._store(taken)

    async def _admit(self, place: TopicPartition, batch: list[Any]) -> list[Any]:
        """Return what of a partition's batch is to be taken: it begins at the position, or nothing is taken."""
        position = self._positions.get(place)
        if position is None:
            return []
        position.behind = None
        if position.digest is not None:
            if batch[0].offset != position.next - 1 or record_digest(batch[0]) != position.digest:
                await self._doubt(place, position.next, position.digest)
                return []
            position.digest = None
            batch = batch[1:]
        if not batch or batch[0].offset == position.next:
            return batch
        if batch[0].offset < position.next:
            # Handed over before a seek, or the topic is not what it was: our row and the topic decide.
            del self._positions[place]
            await self._try_placing()
            return []
        return await self._between(place, position.next, batch[0].offset, then=batch)

    async def _doubt(self, place: TopicPartition, following: int, digest: bytes) -> None:
        """Read the record before the position apart: it is ours and the batch was older, or the topic is another."""
        before = await self._between(place, following - 1, following, then=[])
        if before and _digest(before[0]) == digest:
            self._seek(place, following - 1)
        else:
            await self._rewind([place], "another-record")

    async def _between(self, place: TopicPartition, start: int, stop: int, then: list[Any]) -> list[Any]:
        """Read a hole with a consumer of its own: nothing may lie there, or what the client lost."""
        found: list[Any] = []
        async with self.broker.reader() as reader:
            async for records in read_until(reader, {place: start}, {place: stop}):
                found += [record for record in records if start <= record.offset < stop]
                if len(found) >= _RECORDS:
                    break
            else:
                return [*found, *then]
        self._seek(place, _after(found[-1]))
        return found

    async def _store(self, taken: dict[TopicPartition, list[Any]], closed: Sequence[str] = ()) -> None:
        """Judge, plan and commit what was taken; then go on in memory as the database does."""
        moves = [
            Move(place.topic, place.partition, self._positions[place].next, _after(batch[-1]), _digest(batch[-1]))
            for place, batch in taken.items()
        ]
        if not moves and not closed:
            return
        letters, arrivals = self._judged(record for batch in taken.values() for record in batch)
        await self._set_aside(letters, ())
        done = await self._commit(arrivals, moves, closed)
        for place, move in zip(taken, moves, strict=True):
            self._positions[place].next = move.next
        self._count(done)

    async def _set_aside(self, letters: Sequence[Letter], forks: Sequence[Arrival]) -> None:
        """Post letters, and tell of them and of forks."""
        await self._dead.post(letters)
        if self.odd is not None and (letters or forks):
            await self.odd(forks, letters)

    def _judged(self, records: Iterable[Any]) -> tuple[list[Letter], list[Arrival]]:
        letters: list[Letter] = []
        arrivals: list[Arrival] = []
        now = self.clock.now()
        for record in records:
            match record:
                case Undecodable():
                    place = (record.topic, record.partition, record.offset)
                    letters.append(Letter(*place, None, None, (), Reason.UNDECODABLE.value, record.error))
                case _:
                    judged = judge(record, self.wire, now)
                    if isinstance(judged, Letter):
                        letters.append(judged)
                    else:
                        arrivals.append(judged)
        return letters, arrivals

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        posted: set[tuple[str, int, int]] = set()
        for _ in range(_ATTEMPTS):
            async with self.pool.acquire() as connection:
                planned = await plan(connection, arrivals, closed)
                fresh = [each for each in planned.letters if (each.topic, each.partition, each.offset) not in posted]
                await self._set_aside(fresh, planned.forks)
                posted |= {(each.topic, each.partition, each.offset) for each in fresh}
                with contextlib.suppress(StreamMoved):
                    await commit(connection, planned, moves, self._cluster)
                    return planned
        raise StreamMoved("the streams of a batch kept moving")

    def _count(self, done: Plan) -> None:
        for arrival in done.stored:
            self.measures.received.labels(arrival.topic).inc()
        for arrival in done.duplicates:
            self.measures.duplicates.labels(arrival.topic).inc()
        for arrival in done.forks:
            self.measures.forks.labels(arrival.topic).inc()
            _log.error(
                "fork: another event has this version",
                stream=arrival.stream,
                version=arrival.version,
                topic=arrival.topic,
                partition=arrival.partition,
                offset=arrival.offset,
            )
        if done.stored:
            self.wake.ring()

    async def _hint(self) -> None:
        """Commit our positions to Kafka now and then, for tools that show a group's lag."""
        if self._consumer is None or time.monotonic() - self._hinted < _HINT_SECONDS:
            return
        self._hinted = time.monotonic()
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(1.0):
                await self._consumer.commit({place: position.next for place, position in self._positions.items()})

    # --- gaps -------------------------------------------------------------------------------------------------------

    async def _look_at_held(self) -> None:
        """Store held events whose gap closed elsewhere; read a topic again for an old gap, and tell if that fails."""
        rows = await self.pool.fetch(SQL["waiting"], list(self.topics))
        self.measures.held.set(sum(row["events"] for row in rows))
        closed = [row["stream"] for row in rows if row["closed"]]
        if closed:
            await self._store({}, closed)
        old = [row for row in rows if not row["closed"] and row["seconds"] > self.gap.total_seconds()]
        self._gaps = {key: gap for key, gap in self._gaps.items() if key in {(r["stream"], r["version"]) for r in old}}
        again: set[str] = set()
        for row in old:
            key = (row["stream"], row["version"])
            if key not in self._gaps:
                again.add(row["topic"])
                self._gaps[key] = _Gap({p: at.next for p, at in self._positions.items() if p.topic == row["topic"]})
            elif not self._gaps[key].told and self._passed(self._gaps[key]):
                self._gaps[key].told = True
                _log.error("gap: the topic lacks an event", stream=row["stream"], before=row["version"])
        self.measures.gaps.set(sum(gap.told for gap in self._gaps.values()))
        await self._rewind([place for place in self._positions if place.topic in again], "gap")

    def _passed(self, gap: _Gap) -> bool:
        positions = self._positions
        return all(place not in positions or positions[place].next >= until for place, until in gap.until.items())

    async def _look_at_still(self) -> None:
        """Read a partition record by record when the client hands over nothing although there is something."""
        for place, position in list(self._positions.items()):
            end = self._consumer.highwater(place) if self._consumer else None
            if end is None or end <= position.next:
                position.behind = None
                continue
            position.behind = position.behind or time.monotonic()
            if time.monotonic() - position.behind < _STILL_SECONDS:
                continue
            _log.warning("a partition stands still, reading it apart", topic=place.topic, partition=place.partition)
            found = await self._between(place, position.next, end, then=[])
            if found:
                await self._store({place: found})
            self._seek(place, _after(found[-1]) if found else end)
            position.behind = None


def _after(record: Any) -> int:
    """Return the offset at which to read on: what cannot be decoded is one letter and passed over with its batch."""
    return int(record.following if isinstance(record, Undecodable) else record.offset + 1)


def _digest(record: Any) -> bytes | None:
    return None if isinstance(record, Undecodable) else record_digest(record)
