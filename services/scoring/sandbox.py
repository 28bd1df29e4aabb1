"""The sandbox: topics that publishers try their programs on, judged by the gate of ingest and of no other effect.

Nothing of it goes into the ledger, to the dead letters or into an event. What the gate says is kept for some days, so
that it can be asked for; what is beyond that, or beyond a number, is removed.

It runs beside ingest and must not slow it. So it has a consumer of its own with small fetches, takes a bounded number
of messages a second, and on whatever error it pauses and begins again, without making its process unready. A message
that is taken twice is kept once, by its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry, Counter

from kernel.backoff import Pauses
from kernel.broker import ANSWER_SECONDS, UNDECODABLE, Broker, Undecodable, abandon, one_by_one, stopped
from kernel.cancellation import end_if_cancelled
from kernel.clock import Clock
from kernel.inbox import Message
from kernel.sql import columns, queries
from schemas.fact_reading import SHOWN, FactFault, ReadFact, Refused, claimed, read_fact, undecodable
from schemas.topics import OF_SANDBOX, SANDBOX
from services.scoring.tidying import remove

SQL: Final = queries(Path(__file__).with_name("sandbox.sql"))
GROUP: Final = "paritrana-sandbox"
KEPT: Final = timedelta(days=7)
MOST_OF_A_PUBLISHER: Final = 100_000
MOST_OF_ALL: Final = 300_000
"""A message claims its publisher: without this, many names would be kept without bound."""
_AT_ONCE: Final = 200
_TURN_SECONDS: Final = 0.2
"""A turn takes so long at least: with what is taken at once, a thousand messages a second at most."""
_IDLE_MS: Final = 1_000
_PARTITION_BYTES: Final = 64 * 1024
_FETCH_BYTES: Final = 256 * 1024
_TIDY_SECONDS: Final = 60.0
_REMOVED_AT_ONCE: Final = 20_000
_COUNTED_AFTER: Final = 10_000
"""After so many new verdicts all are counted, which takes the database a second where there are many."""
_GRACE_SECONDS: Final = 1.5
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_log = structlog.get_logger("sandbox")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a message: the fact that it would be, or a fault."""

    topic: str
    partition: int
    offset: int
    publisher: str | None
    id: str | None
    judged: ReadFact | FactFault

    def row(self, now: datetime) -> tuple[Any, ...]:
        """Return its row."""
        head = (self.topic, self.partition, self.offset, now, self.publisher, self.id)
        said = self.judged
        if isinstance(said, ReadFact):
            told = (said.kind, said.subject, said.month, said.target, said.document.decode())
            return (*head, *told, None, None, None, None, None)
        fault = (said.reason.value, said.field, said.value, said.english, said.indonesian)
        return (*head, None, None, None, None, None, *fault)


def judge(message: Message, topic: str, now: datetime) -> Verdict:
    """Return what the gate says of a message of the sandbox of a topic."""
    place = (message.topic, message.partition, message.offset)
    try:
        fact = read_fact(topic, message.key, message.value, message.headers, now)
    except Refused as refused:
        return Verdict(*place, *claimed(message.value, message.headers), refused.fault)
    return Verdict(*place, fact.publisher, fact.id, fact)


class SandboxMeasures:
    """What the sandbox counts, on the registry of its process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every measure."""
        self.taken = Counter(
            "paritrana_sandbox_messages", "Messages judged in the sandbox.", ("topic", "verdict"), registry=registry
        )
        self.failures = Counter(
            "paritrana_sandbox_failures", "Times that the sandbox paused and began again.", ("kind",), registry=registry
        )


@dataclass(eq=False, slots=True)
class Sandbox:
    """One consumer of the sandbox topics."""

    pool: asyncpg.Pool[Any]
    broker: Broker
    clock: Clock
    measures: SandboxMeasures
    topics: tuple[str, ...] = OF_SANDBOX
    group: str = GROUP
    prefix: str = ""
    """What stands before the topics' names, where a test has its own."""
    most_of_a_publisher: int = MOST_OF_A_PUBLISHER
    most_of_all: int = MOST_OF_ALL
    _tidied: float = field(init=False, default=-_TIDY_SECONDS)
    _uncounted: int = field(init=False, default=_COUNTED_AFTER)
    """Verdicts kept since they were last counted."""

    async def run(self) -> None:
        """Judge until cancelled, whatever goes wrong: nobody but who tries something waits for it."""
        pauses = Pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            pauses.begin()
            try:
                await self._judge_all()
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, it must stop nothing else
                # A cancellation that nobody asked for was let out by some library.
                end_if_cancelled()
                self.measures.failures.labels(type(error).__name__).inc()
                _log.warning("the sandbox pauses", error=repr(error))
            await pauses.rest()

    async def _judge_all(self) -> None:
        there = (await self.broker.cluster()).partitions
        if missing := [topic for topic in self.topics if topic not in there]:
            _log.info("the sandbox waits for its topics", missing=missing)
            return
        consumer = AIOKafkaConsumer(
            *self.topics,
            bootstrap_servers=self.broker.bootstrap_servers,
            client_id=self.broker.client_id,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_PARTITION_BYTES,
            fetch_max_bytes=_FETCH_BYTES,
            isolation_level="read_committed",
        )
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await consumer.start()
            while True:
                await self._turn(consumer)
        finally:
            if not await stopped(consumer.stop(), _GRACE_SECONDS):
                await abandon(consumer)

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        """Take what there is, some of it, and then leave the process to others for a moment."""
        started = time.monotonic()
        if started - self._tidied > _TIDY_SECONDS:
            # Before anything is taken: what cannot be tidied must not grow.
            await self.tidy()
            self._tidied = time.monotonic()
        try:
            fetched = await consumer.getmany(timeout_ms=_IDLE_MS, max_records=_AT_ONCE)
        except (*UNDECODABLE, MemoryError) as error:
            _log.warning("a batch cannot be decoded, reading partitions apart", error=repr(error))
            await self._carefully(consumer)
        else:
            await self._take(consumer, [record for records in fetched.values() for record in records])
        await asyncio.sleep(max(0.0, _TURN_SECONDS - (time.monotonic() - started)))

    async def _take(self, consumer: AIOKafkaConsumer, records: Sequence[Message]) -> None:
        now = self.clock.now()
        verdicts = [judge(each, self._topic_of(each.topic), now) for each in records]
        await self._keep(consumer, verdicts, now)

    def _topic_of(self, sandbox: str) -> str:
        return sandbox.removeprefix(self.prefix).removesuffix(SANDBOX)

    async def _keep(self, consumer: AIOKafkaConsumer, verdicts: Sequence[Verdict], now: datetime) -> None:
        """Keep verdicts, and then note how far was read."""
        if not verdicts:
            return
        await self.pool.execute(SQL["keep"], *columns([each.row(now) for each in verdicts]))
        self._uncounted += len(verdicts)
        for each in verdicts:
            word = "accepted" if isinstance(each.judged, ReadFact) else each.judged.reason.value
            self.measures.taken.labels(each.topic, word).inc()
        await consumer.commit(_following(verdicts))

    async def _carefully(self, consumer: AIOKafkaConsumer) -> None:
        """Read each partition by itself, from where was noted; what cannot be decoded is told so and passed."""
        places = consumer.assignment()
        first = await consumer.beginning_offsets(places)
        for place in places:
            consumer.seek(place, max(await consumer.committed(place) or 0, first[place]))
            records, error = await one_by_one(consumer, place, _AT_ONCE, _IDLE_MS)
            await self._take(consumer, records)
            if error is not None:
                aside = Undecodable.at(place, await consumer.position(place), error)
                fault = undecodable(aside.error[:SHOWN])
                verdict = Verdict(place.topic, place.partition, aside.offset, None, None, fault)
                await self._keep(consumer, [verdict], self.clock.now())
                # The whole batch is passed, not each of what may be hundreds of thousands of offsets.
                consumer.seek(place, aside.following)
                await consumer.commit({place: aside.following})

    async def tidy(self) -> None:
        """Remove what is older than some days, and what is beyond the newest so many."""
        await remove(self.pool, SQL["forget_old"], self.clock.now() - KEPT, at_once=_REMOVED_AT_ONCE)
        if self._uncounted >= _COUNTED_AFTER:
            most = (self.most_of_a_publisher, self.most_of_all)
            await remove(self.pool, SQL["forget_more"], *most, at_once=_REMOVED_AT_ONCE)
            self._uncounted = 0


def _following(verdicts: Iterable[Verdict]) -> dict[TopicPartition, int]:
    """Return the offset after the last verdict of each partition."""
    found: dict[TopicPartition, int] = {}
    for each in verdicts:
        place = TopicPartition(each.topic, each.partition)
        found[place] = max(found.get(place, 0), each.offset + 1)
    return found
