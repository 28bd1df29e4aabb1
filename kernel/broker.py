"""The broker as the kernel sees it: connections, a producer that never waits for ever, and what is measured.

The kernel knows no topic of its own: a `Wire`, made by the composition root, says which topics a service owns, in which
one a stream lives and what a document must look like. The limits of the libraries that are met here: an idempotent
aiokafka producer retries for ever, so every wait on it is bounded and a producer that failed is dropped, never mended;
its `send` costs five times what filling whole record batches costs, so batches are filled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError, UnsupportedCodecError
from prometheus_client import CollectorRegistry, Counter, Gauge

from kernel.canonical import Json
from kernel.decompression import ENOUGH_BYTES, bound

bound()
_log = structlog.get_logger("broker")

AWAY: Final = (KafkaError, OSError, TimeoutError)
"""What an unreachable broker raises."""
UNDECODABLE: Final = (UnsupportedCodecError, CorruptRecordException, UnicodeDecodeError)
"""What the client raises at a record batch that no client of ours wrote."""
ANSWER_SECONDS: Final = 5.0
PATIENCE: Final = 20.0
"""Seconds that a produced batch may take; a restart of the broker takes 4 to 6."""
_READ_AT_ONCE: Final = 1000
_LOOK_MS: Final = 100
"""How long to wait for records before it is asked whether there is anything to wait for."""
_DROP_SECONDS: Final = 1.0
_BATCH_BYTES: Final = 512 * 1024
_REQUEST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wire:
    """What a service says and hears on the broker, handed in by its composition root."""

    service: str
    source: str
    """The CloudEvents source of the service's own events."""
    own_topics: tuple[str, ...]
    topic_of: Callable[[str], str]
    """The topic of a stream; raises ValueError for a stream of no known kind."""
    owner_source_of: Callable[[str], str]
    """The source that alone may write to a topic."""
    fault_of: Callable[[Json], str | None]
    """What is wrong with a parsed document's form, or None."""


class Record(NamedTuple):
    """One record to produce, as the broker stores it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the broker says of itself: its cluster's id and the number of partitions of every topic."""

    id: str
    partitions: dict[str, int]

    def places(self, topics: Iterable[str]) -> list[Place]:
        """Return every partition of `topics`; a topic that does not exist has none."""
        return [Place(topic, number) for topic in topics for number in range(self.partitions.get(topic, 0))]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A batch on its way: `offset` answers with the first record's offset, or -1 when the broker no longer knows it."""

    place: Place
    count: int
    answer: asyncio.Future[Any]

    async def offset(self, timeout: float = PATIENCE) -> int:
        """Wait for the broker's answer, at most `timeout` seconds."""
        async with asyncio.timeout(timeout):
            return int((await self.answer).offset)


class Publisher:
    """Fills record batches and sends them, in order within each partition, with `acks=all` and idempotence."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        """Use a started producer."""
        self._producer = producer

    async def send(self, place: Place, records: Sequence[Record], time_ms: int) -> list[Acknowledgement]:
        """Queue `records` for one partition; return when the last batch is queued, each batch with its answer.

        Calls for one partition must follow one another; for several partitions they may run at once.
        """
        sent: list[Acknowledgement] = []
        builder = self._producer.create_batch()
        for record in records:
            if self._full(builder, record, time_ms):
                sent.append(await self._queue(place, builder))
                builder = self._producer.create_batch()
                self._full(builder, record, time_ms)
        if builder.record_count():
            sent.append(await self._queue(place, builder))
        return sent

    @staticmethod
    def _full(builder: Any, record: Record, time_ms: int) -> bool:
        return builder.append(timestamp=time_ms, key=record.key, value=record.value, headers=record.headers) is None

    async def _queue(self, place: Place, builder: Any) -> Acknowledgement:
        builder.close()
        answer = await self._producer.send_batch(builder, place.topic, partition=place.partition)
        # An answer that nobody waits for any more (the producer was dropped) must not be reported as forgotten.
        answer.add_done_callback(_seen)
        return Acknowledgement(place, builder.record_count(), answer)


def _seen(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled():
        answer.exception()


class Broker:
    """Connections to one Kafka cluster."""

    def __init__(self, bootstrap_servers: str, client_id: str) -> None:
        """Connect to `bootstrap_servers` (host:port, several with commas between) when first asked."""
        self.bootstrap_servers = bootstrap_servers
        self.client_id = client_id
        self._admin: AIOKafkaAdminClient | None = None
        self._asking = asyncio.Lock()

    async def cluster(self) -> Cluster:
        """Ask for the cluster's id and topics; raise one of `AWAY` within five seconds when nobody answers."""
        async with self._asking:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    admin = await self._connected()
                    described = await admin.describe_cluster()
                    topics = await admin.describe_topics()
            except AWAY:
                await self._hang_up()
                raise
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in topics if topic["error_code"] == 0}
        return Cluster(described["cluster_id"], partitions)

    async def check(self) -> tuple[bool, str]:
        """Tell whether the broker answers, for readiness."""
        try:
            cluster = await self.cluster()
        except AWAY as error:
            return False, f"{self.bootstrap_servers} does not answer: {type(error).__name__}"
        return True, f"cluster {cluster.id} answers"

    @contextlib.asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """Open a producer of its own; at the end it is stopped, or dropped with what it still holds."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            client_id=self.client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            request_timeout_ms=10_000,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await producer.start()
            yield Publisher(producer)
        finally:
            await _drop(producer)

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Open a consumer of no group, for partitions that the caller assigns and seeks."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            client_id=self.client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
            yield consumer
        finally:
            await stopped(consumer.stop(), _DROP_SECONDS)

    async def close(self) -> None:
        """Close the connection that questions are asked on."""
        async with self._asking:
            await self._hang_up()

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(
                bootstrap_servers=self.bootstrap_servers,
                client_id=self.client_id,
                request_timeout_ms=int(ANSWER_SECONDS * 1000),
            )
            await self._admin.start()
        return self._admin

    async def _hang_up(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await stopped(admin.close(), _DROP_SECONDS)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What a batch that the client cannot decode is told as: all of it at once, `following` is the offset after it."""

    topic: str
    partition: int
    offset: int
    error: str
    following: int

    @classmethod
    def at(cls, place: TopicPartition, offset: int, error: Exception) -> Undecodable:
        """Return what is told of a batch at which a reader stands at `offset`; its end is not always known."""
        following = max(getattr(error, "following", 0), offset + 1)
        return cls(place.topic, place.partition, offset, f"{type(error).__name__}: {error}", following)


async def read_until(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[list[Any]]:
    """Yield the records of each partition from its start up to its end, in its order, as lists that mix partitions.

    What cannot be decoded is yielded as `Undecodable` and passed over. Raises TimeoutError when nothing more comes.
    """
    reached = {place: start for place, start in starts.items() if start < ends[place]}
    clock = asyncio.get_running_loop()
    latest = clock.time() + PATIENCE
    consumer.assign(list(reached))
    _seek(consumer, reached)
    careful = False
    while reached:
        try:
            async with asyncio.timeout_at(latest):
                records = await (_one_each(consumer, reached) if careful else _many(consumer))
        except UNDECODABLE:
            # The call that raises may have passed over records of other partitions.
            _seek(consumer, reached)
            careful = True
            continue
        if records:
            yield records
            latest = clock.time() + PATIENCE
        # The client passes over a transaction's marks without a record to show for it.
        async with asyncio.timeout_at(latest):
            positions = {place: await consumer.position(place) for place in reached}
        if positions != reached:
            latest = clock.time() + PATIENCE
        reached = {place: position for place, position in positions.items() if position < ends[place]}


def _seek(consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int]) -> None:
    for place, position in positions.items():
        consumer.seek(place, position)


async def _many(consumer: AIOKafkaConsumer) -> list[Any]:
    fetched = await consumer.getmany(timeout_ms=_LOOK_MS, max_records=_READ_AT_ONCE)
    return [record for records in fetched.values() for record in records]


async def _one_each(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> list[Any]:
    """Read one record of each partition. A batch that cannot be decoded is passed over."""
    read: list[Any] = []
    for place in places:
        try:
            fetched = await consumer.getmany(place, timeout_ms=500, max_records=1)
            read += [record for records in fetched.values() for record in records]
        except UNDECODABLE as error:
            aside = Undecodable.at(place, await consumer.position(place), error)
            consumer.seek(place, aside.following)
            read.append(aside)
    return read


async def one_by_one(
    consumer: AIOKafkaConsumer, place: TopicPartition, most: int, timeout_ms: int
) -> tuple[list[Any], Exception | None]:
    """Read some records of a partition up to what cannot be decoded, where the consumer then stands, and say why.

    A call for more than one record would raise for those before it too.
    """
    found: list[Any] = []
    size = 0
    while len(found) < most and size < ENOUGH_BYTES:
        try:
            fetched = await consumer.getmany(place, timeout_ms=timeout_ms, max_records=1)
        except (*UNDECODABLE, MemoryError) as error:
            return found, error
        if not fetched:
            break
        read = [record for records in fetched.values() for record in records]
        found += read
        size += sum(len(record.value or b"") for record in read)
    if found:
        # The client would hold on to the batch that it is in, expanded, of each partition that is read so.
        with contextlib.suppress(IllegalStateError):
            consumer.seek(place, found[-1].offset + 1)
    return found, None


def unpolled(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition], seconds: float) -> bool:
    """Tell whether the client has asked for one of the partitions for so long no more, though it is not paused."""
    oldest = time.time() - seconds
    reading = [place for place in places if place not in consumer.paused()]
    stamps = [consumer.last_poll_timestamp(place) for place in reading]
    return any(stamp is not None and stamp / 1000 < oldest for stamp in stamps)


async def stopped(stopping: Coroutine[Any, Any, Any], seconds: float) -> bool:
    """Carry out a client's stop, at most so long, whatever it says; tell whether it ended well.

    It runs as a task of its own, for aiokafka lets the cancellation of its inner tasks out of `stop`, which would look
    like the caller's own and end it without a word.
    """
    task = asyncio.ensure_future(stopping)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not task.done() or task.cancelled():
        return False
    if error := task.exception():
        _log.debug("a client did not stop well", error=repr(error))
    return error is None


async def _drop(producer: AIOKafkaProducer) -> None:
    """Stop a producer within two seconds, whatever it still holds: an unfinished batch is published by another one."""
    if await stopped(producer.stop(), _DROP_SECONDS):
        return
    # `stop` waits for every batch; what is left would go on retrying behind its successor's back.
    sender = producer._sender.sender_task  # noqa: SLF001 - the library offers no other way to end it
    if sender is not None:
        sender.cancel()
    await stopped(producer.client.close(), _DROP_SECONDS)


async def abandon(consumer: AIOKafkaConsumer) -> None:
    """End what a consumer that could not be stopped still does: its heartbeats would keep partitions from others."""
    coordinator = consumer._coordinator  # noqa: SLF001 - the library offers no other way to end it
    for name in ("_heartbeat_task", "_coordination_task"):
        task = getattr(coordinator, name, None)
        if task is not None:
            task.cancel()
    await stopped(consumer._client.close(), _DROP_SECONDS)  # noqa: SLF001 - as above


class DeliveryMeasures:
    """What publishing and receiving count, on the registry of the service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register every measure."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"paritrana_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"paritrana_{name}", text, labels, registry=registry)

        self.published = counter("relay_published_events", "Own events that the broker acknowledged.", "topic")
        self.relay_lag = gauge("relay_lag_events", "Own events not yet acknowledged (counted up to 10,000).")
        self.relay_leads = gauge("relay_leads", "1 in the process that publishes.")
        self.relay_stopped = gauge(
            "relay_stopped_streams", "Streams published no further: their next event cannot be; each one is an alarm."
        )
        self.received = counter("receiver_stored_events", "Events of other services stored.", "topic")
        self.duplicates = counter("receiver_duplicate_events", "Events of others that were there already.", "topic")
        self.forks = counter(
            "receiver_forked_events", "Events under a version that holds another event; each one is an alarm.", "topic"
        )
        self.dead_letters = counter("dead_letters", "Messages that are not ours, by reason.", "topic", "reason")
        self.receiver_lag = gauge("receiver_lag_records", "Records not yet taken.", "topic", "partition")
        self.held = gauge("receiver_held_events", "Events that wait for their predecessor.")
        self.gaps = gauge(
            "receiver_gaps", "Streams whose missing event is not in the topic, read again; each one is an alarm."
        )
        self.rewound = counter("receiver_rewinds", "Partitions read again from the earliest offset.", "topic", "reason")
