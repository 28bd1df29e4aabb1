"""Facts in bulk: from the topics of other systems into a ledger, each once in effect, whatever the broker repeats.

A batch of a partition is one event of ours, appended first under the head of that partition's stream, and then the
facts and the position, all in one transaction. So the head fences: a consumer that was stopped and comes back late, or
two that both believe to have the partition, cannot both write a batch. Kafka's committed offsets are a hint for other
people's tools; where to read on is our row, with the digest of the record before it, as for the receiver.

While the database writes one batch, the next is fetched and judged; no more than these two are in memory, and the
client prefetches a bounded number of bytes. What is no fact goes to the dead letters, which are acknowledged before the
position moves past it, and costs nothing but itself. What a fact is, and where it is kept, is the `Ledger`'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaTimeoutError

from kernel.backoff import Pauses
from kernel.broker import (
    ANSWER_SECONDS,
    AWAY,
    UNDECODABLE,
    Broker,
    DeliveryMeasures,
    Undecodable,
    abandon,
    one_by_one,
    read_until,
    unpolled,
)
from kernel.broker import stopped as stopped_within
from kernel.cancellation import end_if_cancelled
from kernel.canonical import uuid7
from kernel.clock import Clock
from kernel.commands import Ask, Executor
from kernel.dead_letters import DeadLetters, Letter, Reason
from kernel.decider import Emit
from kernel.inbox import SQL, Move, PositionMoved, record_digest
from kernel.lead import STORE_AWAY
from kernel.ledger import Batch, E, Entered, F, Ledger
from kernel.log import NO_HEAD, Connection, Head, StreamMoved, append, read_heads
from kernel.measures import IngestMeasures
from kernel.sql import columns

MOST_RECORDS: Final = 5_000
LEAST_RECORDS: Final = 100
LINGER: Final = 0.1
"""Seconds for which records are let gather once some are there: fewer, larger batches cost less for all who follow."""
_MOST_BYTES: Final = 8 * 1024 * 1024
"""Bytes of messages after which no more are gathered, however few they are."""
_SLICE: Final = 200
"""Records that are judged at a time: between them the transaction that is under way goes on with its next statement."""
_PARTITION_BYTES: Final = 512 * 1024
_FETCH_WAIT_MS: Final = 50
"""How long the broker may hold a fetch that finds nothing. The client has one at a time under way: while it waits for
partitions that are empty, it cannot fetch from others what has come meanwhile."""
_IDLE_MS: Final = 500
_GATHER_MS: Final = 100
_GATHER_SECONDS: Final = 0.3
"""How long more is waited for of what the broker seems to hold, in one call and in all."""
_LOOK_SECONDS: Final = 1.0
_HINT_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 1.5
_SILENT_SECONDS: Final = 60.0
_DEAF_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_ATTEMPTS: Final = 5
_PUBLISHERS: Final = 50
_NEW_CLUSTER: Final = "new-cluster"
_ENDS_EARLIER: Final = "topic-ends-earlier"
_ANOTHER_RECORD: Final = "another-record"
_REWINDS: Final = (_NEW_CLUSTER, _ENDS_EARLIER, _ANOTHER_RECORD)
_FAILURES: Final = tuple(
    error.__name__
    for error in (
        StreamMoved,
        PositionMoved,
        TimeoutError,
        ConnectionRefusedError,
        ConnectionResetError,
        KafkaConnectionError,
        KafkaTimeoutError,
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.InterfaceError,
        asyncpg.QueryCanceledError,
        asyncpg.DiskFullError,
        asyncpg.UniqueViolationError,
        asyncpg.DeadlockDetectedError,
    )
)
"""What a batch fails by as far as it is known beforehand; another kind begins its series when it first happens."""

_log = structlog.get_logger("ingest")


@dataclass(slots=True)
class _Position:
    """Where a partition is: `next` as the database has it, `fetched` as far as was handed over here."""

    next: int
    fetched: int
    head: Head
    oldest: float = 0.0
    """The broker's time of the last record that was fetched (s), for the age of what waits; 0: none was."""
    empty: float = 0.0
    """When nothing was waiting last (s)."""


@dataclass(eq=False, slots=True)
class Ingester(ConsumerRebalanceListener, Generic[F, E]):  # type: ignore[misc]  # the library has no types
    """One consumer of a group that brings the facts of `topics` into a ledger."""

    topics: tuple[str, ...]
    group: str
    executor: Executor
    pool: asyncpg.Pool[Any]
    broker: Broker
    clock: Clock
    ledger: Ledger[F, E]
    measures: IngestMeasures
    letters: DeliveryMeasures
    linger: float = LINGER
    most: int = MOST_RECORDS
    client: str = ""
    """What the broker knows this consumer by; empty: as the service's other clients."""
    _dead: DeadLetters = field(init=False)
    _busy: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _consumer: AIOKafkaConsumer | None = field(init=False, default=None)
    _assigned: set[TopicPartition] = field(init=False, default_factory=set)
    _positions: dict[TopicPartition, _Position] = field(init=False, default_factory=dict)
    _paused: frozenset[str] = field(init=False, default=frozenset())
    _cluster: str = field(init=False, default="")
    _joined: bool = field(init=False, default=False)
    _outside: float | None = field(init=False, default=None)
    """Since when the client has had no share of its group's partitions (monotonic)."""
    _ends: Mapping[TopicPartition, int] = field(init=False, default_factory=dict)
    """Where paused partitions end."""
    _doubtful: bool = field(init=False, default=True)
    _limit: int = field(init=False, default=0)
    _hinted: float = field(init=False, default=0.0)
    _publishers: set[str] = field(init=False, default_factory=set)
    _placed_again: float = field(init=False, default=0.0)
    """When positions may be asked for again, after they could not be (monotonic)."""

    def __post_init__(self) -> None:
        """Prepare the dead letters and the measures."""
        self.measures.begin(self.topics, _REWINDS, _FAILURES)
        self._dead = DeadLetters(self.broker, self.letters)
        self._limit = self.most

    async def run(self) -> None:
        """Ingest until cancelled; an unreachable broker or database is waited for."""
        pauses = Pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            while True:
                pauses.begin()
                try:
                    await self._subscribe()
                except (*AWAY, *STORE_AWAY) as error:
                    end_if_cancelled()
                    _log.warning("not ingesting, beginning again", error=repr(error))
                await pauses.rest()
        finally:
            await self._dead.close()

    def check(self) -> tuple[bool, str]:
        """Tell whether partitions are assigned and placed, for readiness. One consumer too many has none, and waits."""
        if not self._joined or self._away_for() > _DEAF_SECONDS:
            return False, "no partitions assigned yet"
        missing = len(self._assigned - self._positions.keys())
        if missing:
            return False, f"{missing} of {len(self._assigned)} partitions have no position yet"
        paused = f"; paused: {', '.join(sorted(self._paused))} (paritrana ingest status)" if self._paused else ""
        return True, f"ingests {len(self._assigned)} partitions{paused}"

    def _away_for(self) -> float:
        """Return for how many seconds the client has had no share of its group's partitions."""
        return 0.0 if self._outside is None else time.monotonic() - self._outside

    # --- the subscription -------------------------------------------------------------------------------------------

    async def _subscribe(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker.bootstrap_servers,
            client_id=self.client or self.broker.client_id,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_PARTITION_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            isolation_level="read_committed",
            heartbeat_interval_ms=1_000,
            metadata_max_age_ms=30_000,
            # The assignor keeps its state in its class: each subscription has a class of its own.
            partition_assignment_strategy=(type("Sticky", (StickyPartitionAssignor,), {}),),
        )
        self._forget()
        consumer.subscribe(topics=list(self.topics), listener=self)
        try:
            async with asyncio.timeout(_SILENT_SECONDS):
                await consumer.start()
            self._consumer = consumer
            await self._run_over(consumer)
        finally:
            self._consumer = None
            self._forget()
            if not await stopped_within(consumer.stop(), _GRACE_SECONDS):
                await abandon(consumer)

    async def _run_over(self, consumer: AIOKafkaConsumer) -> None:
        """Take batches and look after the subscription until either fails."""
        both = {asyncio.create_task(self._take_turns(consumer)), asyncio.create_task(self._look_after())}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _take_turns(self, consumer: AIOKafkaConsumer) -> None:
        """Fetch and judge while what came before is committed."""
        committing: asyncio.Task[None] | None = None
        try:
            while True:
                await self._place_missing(consumer)
                batches = await self._fetch(consumer)
                if committing is not None:
                    await committing
                    committing = None
                if batches:
                    committing = asyncio.create_task(self._settle(batches))
                    await asyncio.sleep(0)  # it takes the lock before a placing, which may wait for the broker
        finally:
            if committing is not None:
                committing.cancel()
                await asyncio.gather(committing, return_exceptions=True)

    def _forget(self) -> None:
        self._joined = False
        self._outside = time.monotonic()
        self._assigned = set()
        self._positions = {}
        self.measures.assigned.set(0)
        self.measures.lag.clear()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """Wait until what is being committed is, then take nothing more."""
        async with self._busy:
            self._positions = {}
            self._assigned = set()
            self._outside = time.monotonic()
            self.measures.lag.clear()  # another consumer tells of them now

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the partitions; they are read once they have a position."""
        async with self._busy:
            self._assigned = set(assigned)
            self._positions = {}
            self._joined = True
            self._outside = None
            self.measures.assigned.set(len(self._assigned))

    async def _look_after(self) -> None:
        """Obey the switches, measure; end the subscription when the client fell silent."""
        since = placed = time.monotonic()
        while True:
            await self._look_at_paused()
            async with self._busy:
                await self._obey()
                await self._measure()
            now = time.monotonic()
            placed = now if self._positions or not self._assigned else placed
            silent = now - placed > _SILENT_SECONDS or (now - since > _SILENT_SECONDS and self._is_silent())
            if silent and (await self.broker.check())[0]:
                raise TimeoutError("the client gives no answers that the broker gives to another")
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_silent(self) -> bool:
        """Tell whether the client has given up by itself: it fetches no more, or is in no group."""
        if self._outside is not None:
            return self._away_for() > _SILENT_SECONDS
        return self._consumer is not None and unpolled(self._consumer, self._positions, _SILENT_SECONDS)

    async def _obey(self) -> None:
        """Pause and resume topics as operators have it."""
        consumer = self._consumer
        try:
            async with self.pool.acquire() as connection:
                paused = await self.ledger.paused(connection)
                rows = await connection.fetch(SQL["positions"], list(self.topics))
        except STORE_AWAY as error:
            end_if_cancelled()
            _log.warning("the switches cannot be read", error=repr(error))
            return
        self._let_go_of_moved(rows)
        for topic in self.topics:
            self.measures.paused.labels(topic).set(topic in paused)
        changed, self._paused = self._paused ^ paused, paused
        places = [place for place in self._positions if place.topic in changed]
        if consumer is None or not places:
            return
        _log.info("switched", paused=sorted(paused))
        for place in places:
            if place.topic in paused:
                with contextlib.suppress(IllegalStateError):
                    consumer.pause(place)
            else:
                # Placed anew: while nobody read it the topic may have been made anew.
                self._positions.pop(place)

    def _let_go_of_moved(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Place anew what an operator set back; no batch of ours is being committed, so the rows are as we left them.

        Without this a partition in which nothing comes would be read again only when its next record does.
        """
        for row in rows:
            place = TopicPartition(row["topic"], row["partition"])
            position = self._positions.get(place)
            if position is not None and position.next != row["next_offset"]:
                self._positions.pop(place)
                _log.warning(
                    "a position was moved, reading from there", topic=place.topic, partition=place.partition,
                    ours=position.next, moved=row["next_offset"],
                )  # fmt: skip

    async def _measure(self) -> None:
        now = time.time()
        oldest = dict.fromkeys(self.topics, 0.0)
        for place, position in list(self._positions.items()):
            end = self._ends.get(place) or (self._consumer.highwater(place) if self._consumer else None)
            if end is None:
                continue
            lag = max(0, end - await self._passed(place, position))
            self.measures.lag.labels(place.topic, str(place.partition)).set(lag)
            if not lag:
                position.empty = now
            elif since := max(position.oldest, position.empty):
                oldest[place.topic] = max(oldest[place.topic], now - since)
        for topic, seconds in oldest.items():
            self.measures.oldest.labels(topic).set(seconds)
        self.measures.batch_records.set(self._limit)

    async def _look_at_paused(self) -> None:
        """Ask where partitions end that are paused: the client fetches nothing of them, so it does not hear."""
        paused = [place for place in self._positions if place.topic in self._paused]
        self._ends = {}
        if paused and self._consumer is not None:
            with contextlib.suppress(*AWAY):
                async with asyncio.timeout(ANSWER_SECONDS):
                    self._ends = await self._consumer.end_offsets(paused)

    async def _passed(self, place: TopicPartition, position: _Position) -> int:
        """Return up to where nothing of a partition waits: the client passes over a transaction's marks by itself."""
        if self._consumer is None or position.fetched != position.next:
            return position.next
        with contextlib.suppress(IllegalStateError, TimeoutError):
            # A client that has lost its place waits until the broker says one.
            async with asyncio.timeout(_LOOK_SECONDS):
                return max(position.next, int(await self._consumer.position(place)))
        return position.next

    # --- positions --------------------------------------------------------------------------------------------------

    async def _place_missing(self, consumer: AIOKafkaConsumer) -> None:
        """Place what has no position, between two fetches: what a fetch that is under way brings would be from before.

        Where a place is sought while a fetch waits, nobody can tell whether its records are from before or after.
        """
        if time.monotonic() < self._placed_again:
            return
        async with self._busy:
            missing = self._assigned - self._positions.keys()
            if not missing:
                return
            try:
                consumer.pause(*missing)
                async with asyncio.timeout(4 * ANSWER_SECONDS):
                    await self._place(consumer, missing)
            except (*AWAY, *STORE_AWAY) as error:
                end_if_cancelled()
                self._placed_again = time.monotonic() + _LOOK_SECONDS
                _log.warning("partitions have no position yet", partitions=len(missing), error=repr(error))

    async def _place(self, consumer: AIOKafkaConsumer, places: set[TopicPartition]) -> None:
        """Seek each partition to where our row says, unless the topic is not what it was: then to its earliest."""
        self._cluster = (await self.broker.cluster()).id
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(SQL["positions"], list(self.topics))
            heads = await read_heads(connection, [self.ledger.stream(place) for place in places])
        known = {place: row for row in rows if (place := TopicPartition(row["topic"], row["partition"])) in places}
        doubts = await self._doubts(known, first, end)
        for place in places:
            row, why = known.get(place), doubts.get(place)
            if row is None or why is not None:
                await self._start_over(place, first[place], why)
                following = first[place]
            else:
                following = max(row["next_offset"], first[place])
                if following > row["next_offset"]:
                    await self._skip(place, row["next_offset"], following)
            head = heads.get(self.ledger.stream(place), NO_HEAD)
            self._positions[place] = _Position(following, following, head)
            self._seek(consumer, place, following)

    async def _doubts(
        self, known: Mapping[TopicPartition, Mapping[str, Any]], first: Mapping[TopicPartition, int],
        end: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, str]:  # fmt: skip
        """Return why a partition is not the one that was read before, of those that are not."""
        doubts: dict[TopicPartition, str] = {}
        before: dict[TopicPartition, int] = {}
        for place, row in known.items():
            following = row["next_offset"]
            if row["cluster"] != self._cluster:
                doubts[place] = _NEW_CLUSTER
            elif following > end[place]:
                doubts[place] = _ENDS_EARLIER
            elif row["digest"] is not None and following > first[place]:
                before[place] = following - 1
        found = await self._digests(before) if before else {}
        return doubts | {place: _ANOTHER_RECORD for place in before if found.get(place) != known[place]["digest"]}

    async def _digests(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, bytes]:
        """Return the digest of the record at an offset of each partition; there may be none."""
        found: dict[TopicPartition, bytes] = {}
        ends = {place: offset + 1 for place, offset in offsets.items()}
        async with self.broker.reader() as reader:
            async for records in read_until(reader, offsets, ends):
                for record in records:
                    place = TopicPartition(record.topic, record.partition)
                    if record.offset == offsets[place] and not isinstance(record, Undecodable):
                        found[place] = record_digest(record)
        return found

    async def _start_over(self, place: TopicPartition, first: int, reason: str | None) -> None:
        await self.pool.execute(SQL["place"], place.topic, place.partition, first, self._cluster)
        if reason is not None:
            self.measures.rewound.labels(place.topic, reason).inc()
            _log.warning("reading from the earliest offset", topic=place.topic, partition=place.partition, why=reason)

    async def _skip(self, place: TopicPartition, expected: int, following: int) -> None:
        """Go on after records that the topic dropped by age before they were read; nobody can bring them back."""
        self._lost(place, expected, following)
        await self.pool.execute(SQL["place"], place.topic, place.partition, following, self._cluster)

    def _seek(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
        try:
            consumer.seek(place, offset)
            if place.topic in self._paused:
                consumer.pause(place)
            else:
                consumer.resume(place)
        except IllegalStateError:
            # Lost meanwhile; whoever has it now reads our row.
            self._positions.pop(place, None)

    # --- fetching ---------------------------------------------------------------------------------------------------

    async def _fetch(self, consumer: AIOKafkaConsumer) -> list[Batch[F]]:
        """Return judged batches, one a partition; small ones gather for a moment when nothing more waits."""
        batches: dict[TopicPartition, Batch[F]] = {}
        enough = self._limit // 4
        count = await self._more(consumer, batches, _IDLE_MS)
        until = time.monotonic() + _GATHER_SECONDS  # what seems to wait may be an open or aborted transaction
        while (
            0 < count < enough <= self._waiting(consumer) and time.monotonic() < until and _size(batches) < _MOST_BYTES
        ):
            more = await self._more(consumer, batches, _GATHER_MS)
            if not more:
                break
            count += more
        if 0 < count < enough and self.linger and _size(batches) < _MOST_BYTES:
            await asyncio.sleep(self.linger)
            await self._more(consumer, batches, 0)
        return list(batches.values())

    def _waiting(self, consumer: AIOKafkaConsumer) -> int:
        """Return how many records the broker is known to hold for us beyond what was fetched."""
        return sum(
            max(0, (consumer.highwater(place) or 0) - position.fetched)
            for place, position in self._positions.items()
            if place.topic not in self._paused
        )

    async def _more(self, consumer: AIOKafkaConsumer, batches: dict[TopicPartition, Batch[F]], timeout_ms: int) -> int:
        try:
            fetched = await consumer.getmany(timeout_ms=timeout_ms, max_records=self._limit)
        except (*UNDECODABLE, MemoryError) as error:
            _log.warning("a batch cannot be decoded, reading partitions apart", error=repr(error))
            self._go_back(consumer)
            return await self._carefully(consumer, batches)
        await self._expired(consumer, {place: records[0].offset for place, records in fetched.items() if records})
        now = self.clock.now()
        count = 0
        for place, records in fetched.items():
            for first in range(0, len(records), _SLICE):
                count += self._judge(batches, place, records[first : first + _SLICE], now)
                await asyncio.sleep(0)
        return count

    async def _expired(self, consumer: AIOKafkaConsumer, found: Mapping[TopicPartition, int]) -> None:
        """Tell of records that the topic dropped by age before they were read; other holes are no records at all."""
        holes = [
            place for place, offset in found.items()
            if (position := self._positions.get(place)) is not None and offset > position.fetched
        ]  # fmt: skip
        if not holes:
            return
        first = await consumer.beginning_offsets(holes)
        for place in holes:
            position = self._positions.get(place)
            if position is not None and first[place] > position.fetched:
                self._lost(place, position.fetched, first[place])

    def _lost(self, place: TopicPartition, expected: int, following: int) -> None:
        self.measures.lost.labels(place.topic).inc(following - expected)
        _log.error("records expired unread", topic=place.topic, partition=place.partition, first=expected, to=following)

    def _judge(
        self, batches: dict[TopicPartition, Batch[F]], place: TopicPartition, records: Sequence[Any], now: datetime
    ) -> int:
        """Judge what a partition handed over; what is not at its position was handed over before a seek."""
        position = self._positions.get(place)
        if position is None or not records or records[0].offset < position.fetched:
            if position is not None and records:
                self._positions.pop(place, None)
            return 0
        batch = batches.get(place)
        if batch is None:
            batch = batches[place] = Batch(place, position.fetched, position)
        judge, facts, letters = self.ledger.judge, batch.facts, batch.letters
        for record in records:
            judged = _undecodable(record) if isinstance(record, Undecodable) else judge(record, now)
            if isinstance(judged, Letter):
                letters.append(judged.light())
            else:
                facts.append((record, judged))
        last = records[-1]
        if batch.first < 0:
            batch.first = records[0].offset
        following = last.following if isinstance(last, Undecodable) else last.offset + 1
        batch.last, batch.following = following - 1, following
        batch.records += len(records)
        batch.bytes += sum(len(record.value or b"") for record in records if not isinstance(record, Undecodable))
        batch.digest = None if isinstance(last, Undecodable) else record_digest(last)
        position.fetched = batch.following
        if not isinstance(last, Undecodable):
            position.oldest = last.timestamp / 1000
        return len(records)

    def _go_back(self, consumer: AIOKafkaConsumer) -> None:
        """Seek every partition to as far as it was handed over: a call that raises may have passed over records."""
        for place, position in list(self._positions.items()):
            self._seek(consumer, place, position.fetched)

    async def _carefully(self, consumer: AIOKafkaConsumer, batches: dict[TopicPartition, Batch[F]]) -> int:
        """Read each partition by itself, up to what cannot be decoded: that is one letter, and gone past."""
        count = 0
        for place, position in list(self._positions.items()):
            if place.topic in self._paused:
                continue
            waits = (consumer.highwater(place) or 0) > position.fetched
            records, error = await one_by_one(consumer, place, LEAST_RECORDS, _IDLE_MS if waits else 0)
            count += self._judge(batches, place, records, self.clock.now())
            if error is not None:
                aside = Undecodable.at(place, await consumer.position(place), error)
                self._seek(consumer, place, aside.following)
                count += self._judge(batches, place, [aside], self.clock.now())
        return count

    # --- committing -------------------------------------------------------------------------------------------------

    async def _settle(self, batches: Sequence[Batch[F]]) -> None:
        """Commit batches. Whatever fails, the positions are read again and sought, so that nothing is passed by."""
        async with self._busy:
            there = [batch for batch in batches if self._stands(batch)]
            if not there:
                return
            try:
                await self._commit(there)
                self._limit = min(self.most, self._limit * 2)
            except Exception as error:  # noqa: BLE001 - every failure is met in the same way, and none may pass a batch by
                end_if_cancelled()
                self._failed(batches, error)
                await asyncio.sleep(_FIRST_PAUSE)
                return
            await self._hint()

    def _stands(self, batch: Batch[F]) -> bool:
        """Tell whether a batch comes next, and was read since its partition was last placed: all is read again since.

        A batch from before a placing that began just where the partition was placed would be taken, and then what was
        read since refused for ever.
        """
        position = self._positions.get(batch.place)
        return position is not None and position is batch.placed and position.next == batch.start

    def _failed(self, batches: Sequence[Batch[F]], error: Exception) -> None:
        expected = isinstance(error, (*AWAY, *STORE_AWAY, StreamMoved, PositionMoved))
        self.measures.failures.labels(type(error).__name__).inc()
        _log.log(
            logging.WARNING if expected else logging.ERROR, "batch failed, reading it again", error=repr(error),
            exc_info=None if expected else error,
        )  # fmt: skip
        if not isinstance(error, (StreamMoved, PositionMoved)):
            # It may have been too much for a slow disk: the database ends a transaction after some seconds.
            self._limit = max(LEAST_RECORDS, self._limit // 2)
        self._doubtful = True
        for batch in batches:
            self._positions.pop(batch.place, None)

    async def _commit(self, batches: Sequence[Batch[F]]) -> None:
        await self._dead.post([letter for batch in batches for letter in batch.letters])
        posted: set[tuple[str, int, int]] = set()
        async with self.pool.acquire() as connection:
            for attempt in range(_ATTEMPTS):
                entered = await self.ledger.enter(connection, batches, doubtful=self._doubtful)
                if not self._doubtful and any(each.letters for each in entered):
                    # Which of two is refused hangs on what the ledger holds: a letter must not be posted on a guess.
                    self._doubtful = True
                    entered = await self.ledger.enter(connection, batches, doubtful=True)
                fresh = [each for each in _letters(entered) if (each.topic, each.partition, each.offset) not in posted]
                await self._dead.post(fresh)
                posted |= {(each.topic, each.partition, each.offset) for each in fresh}
                try:
                    await self._write(connection, batches, entered)
                except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                    # Somebody had one of the facts first, perhaps a moment ago.
                    if attempt == _ATTEMPTS - 1:
                        raise
                    self._doubtful = True
                    continue
                break
        self._doubtful = any(each.duplicates for each in entered)
        self._count(batches, entered)

    async def _write(self, connection: Connection, batches: Sequence[Batch[F]], entered: Sequence[E]) -> None:
        now = self.clock.now()
        streams = [self.ledger.stream(batch.place) for batch in batches]
        heads = {stream: self._positions[batch.place].head for stream, batch in zip(streams, batches, strict=True)}
        ask = Ask("system", "ingest", uuid7(), b"", now)
        emits = [Emit(stream, each.event) for stream, each in zip(streams, entered, strict=True)]
        prepared = self.executor.written(ask, emits, heads)
        moves = [
            Move(batch.place.topic, batch.place.partition, batch.start, batch.following, batch.digest)
            for batch in batches
        ]
        started = time.monotonic()
        async with connection.transaction():
            await append(connection, prepared.append)
            await self.ledger.write(connection, entered, [heads[stream].version + 1 for stream in streams], now)
            moved = await connection.fetch(SQL["move"], *columns(moves), self._cluster)
            if len(moved) != len(moves):
                raise PositionMoved
        self.measures.seconds.observe(time.monotonic() - started)
        for batch, entry in zip(batches, prepared.append.entries, strict=True):
            position = self._positions[batch.place]
            position.next = batch.following
            position.head = Head(entry.version, entry.hash, prepared.append.times[entry.stream])

    def _count(self, batches: Sequence[Batch[F]], entered: Sequence[E]) -> None:
        for batch, each in zip(batches, entered, strict=True):
            topic = batch.place.topic
            self.measures.batches.labels(topic).inc()
            self.measures.applied.labels(topic).inc(each.applied)
            self.measures.duplicates.labels(topic).inc(each.duplicates)
            for reason, publisher in each.refusals:
                self.measures.refused.labels(topic, reason, self._known(publisher)).inc()

    def _known(self, publisher: str) -> str:
        """Return a publisher's name for the metric; who claims ever new names must not fill our memory."""
        if len(self._publishers) < _PUBLISHERS:
            self._publishers.add(publisher)
        return publisher if publisher in self._publishers else "other"

    async def _hint(self) -> None:
        """Commit our positions to Kafka now and then, for tools that show a group's lag."""
        if self._consumer is None or time.monotonic() - self._hinted < _HINT_SECONDS:
            return
        self._hinted = time.monotonic()
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(1.0):
                await self._consumer.commit({place: position.next for place, position in self._positions.items()})


def _size(batches: Mapping[TopicPartition, Batch[F]]) -> int:
    return sum(batch.bytes for batch in batches.values())


def _letters(entered: Iterable[Entered]) -> Iterator[Letter]:
    for each in entered:
        yield from each.letters


def _undecodable(record: Undecodable) -> Letter:
    return Letter(record.topic, record.partition, record.offset, None, None, (), Reason.UNDECODABLE.value, record.error)
