"""Logs, topics and readers for tests of publishing and receiving, on the real database and broker."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from kernel.broker import Broker, DeliveryMeasures, Place, Record, Wire, read_until
from kernel.canonical import Sealed, instant, uuid7, write_document
from kernel.clock import SystemClock
from kernel.decompression import MOST_BYTES
from kernel.lead import Lead
from kernel.log import NO_HEAD, Append, CommandRow, Entry, Head, Wake, append, read_heads
from kernel.partition import partition_of
from kernel.reconcile import Reconciler, Report
from kernel.relay import Relay
from schemas.document import fault_of
from schemas.registry import schema_uri
from schemas.topics import EVENT_TOPICS, source_of, topic_of, topics_of

TYPE = "id.go.paritrana.nomination.Tested.v1"
_OWNERS = {topic.name: source_of(topic.owner) for topic in EVENT_TOPICS}


def wire_for(service: str, prefix: str) -> Wire:
    """Return the wire of a service whose topics have a prefix of the test's own."""
    return Wire(
        service=service,
        source=source_of(service),
        own_topics=tuple(prefix + topic for topic in topics_of(service)),
        topic_of=lambda stream: prefix + topic_of(stream),
        owner_source_of=lambda topic: _OWNERS[topic.removeprefix(prefix)],
        fault_of=fault_of,
    )


@dataclass
class Chain:
    """Writes a stream's events one after another, as their service would."""

    stream: str
    service: str = "nomination"
    head: Head = NO_HEAD
    started: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))

    def next(self, **given: Any) -> Entry:
        """Return the stream's next event; `given` replaces attributes, `data` the data."""
        sealed, entry = self._write(given)
        self.head = Head(entry.version, sealed.hash, self.started)
        return entry

    def fork(self, **given: Any) -> Entry:
        """Return another event in the next one's place, without going on from it."""
        return self._write(given)[1]

    def _write(self, given: dict[str, Any]) -> tuple[Sealed, Entry]:
        version = self.head.version + 1
        data = given.pop("data", {"number": version})
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": uuid7(),
            "source": source_of(self.service),
            "type": TYPE.replace("nomination", self.service),
            "time": instant(self.started + timedelta(milliseconds=version)),
            "dataschema": schema_uri(TYPE.replace("nomination", self.service)),
            "subject": self.stream,
            "streamversion": version,
            "actor": "system",
        }
        if self.head.version:
            attributes["prevhash"] = self.head.hash.hex()
        attributes |= given
        attributes = {name: value for name, value in attributes.items() if value is not None}
        kind = str(attributes["type"])
        sealed = write_document(attributes, data, None)
        return sealed, Entry(self.stream, version, sealed.id, kind, sealed.hash, sealed.document)


@dataclass
class Log:
    """One service's log, with what publishes it."""

    service: str
    owner_url: str
    login_url: str
    pool: asyncpg.Pool[Any]
    broker: Broker
    wire: Wire
    wake: Wake = field(default_factory=Wake)
    measures: DeliveryMeasures = field(default_factory=lambda: DeliveryMeasures(CollectorRegistry()))
    reports: list[Report] = field(default_factory=list)

    async def write(self, *entries: Entry, own: bool = True, command: CommandRow | None = None) -> None:
        """Append events in one transaction."""
        streams = [entry.stream for entry in entries]
        first = [Entry(**{name: getattr(entries[0], name) for name in _FIELDS} | {"command": command})]
        async with self.pool.acquire() as connection:
            heads = await read_heads(connection, streams)
            held = {stream: heads.get(stream, NO_HEAD) for stream in streams}
            batch = Append([*first, *entries[1:]], held, dict.fromkeys(streams, datetime.now(UTC)), own=own)
            await append(connection, batch)
        self.wake.ring()

    async def say(self, chain: Chain, count: int = 1) -> list[Entry]:
        """Append the next events of a stream, each in its own transaction."""
        entries = [chain.next() for _ in range(count)]
        for entry in entries:
            await self.write(entry)
        return entries

    def reconciler(self) -> Reconciler:
        lead = Lead(self.login_url, "reconcile", poll=0.05)
        return Reconciler(self.wire, self.pool, self.broker, lead, SystemClock())

    def relay(self, **given: Any) -> Relay:
        async def prepare() -> None:
            self.reports.append(await self.reconciler().run())

        lead = Lead(self.login_url, "relay", poll=0.05)
        return Relay(self.wire, self.pool, self.broker, self.wake, lead, self.measures, prepare, **given)

    async def events(self) -> list[asyncpg.Record]:
        """Return everything in the log, in its order."""
        return await self.pool.fetch("select * from events order by epoch, xid, position")

    async def checkpoint(self) -> tuple[int, int, int]:
        row = await self.pool.fetchrow("select epoch, xid, position from relay_checkpoint")
        return tuple(row)  # type: ignore[arg-type]


_FIELDS = ("stream", "version", "id", "type", "hash", "document", "partition", "offset")


async def records_of(broker: Broker, topic: str) -> list[ConsumerRecord[Any, Any]]:
    """Read a whole topic as it is now, partition by partition."""
    cluster = await broker.cluster()
    places = [TopicPartition(*place) for place in cluster.places([topic])]
    found: list[ConsumerRecord[Any, Any]] = []
    async with broker.reader() as consumer:
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        async for records in read_until(consumer, first, end):
            found += records
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def produce(broker: Broker, topic: str, *records: Record, partition: int | None = None) -> list[int]:
    """Send records as any producer could; return their offsets."""
    cluster = await broker.cluster()
    offsets: list[int] = []
    async with broker.publisher() as publisher:
        for record in records:
            number = partition_of(record.key or b"", cluster.partitions[topic]) if partition is None else partition
            (sent,) = await publisher.send(Place(topic, number), [record], 0)
            offsets.append(await sent.offset())
    return offsets


async def produce_undecodable(broker: Broker, topic: str, partition: int = 0) -> int:
    """Produce a batch of two records that the broker takes and that expands to more than is read; return its offset."""
    room = 2 * MOST_BYTES
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, acks="all", compression_type="gzip", max_batch_size=room,
        max_request_size=room,
    )  # fmt: skip
    await producer.start()
    try:
        builder = producer.create_batch()
        for _ in range(2):
            builder.append(timestamp=0, key=b"k", value=bytes(MOST_BYTES // 2), headers=[])
        sent = await (await producer.send_batch(builder, topic, partition=partition))
        return int(sent.offset)
    finally:
        await producer.stop()


async def produce_misnamed(broker: Broker, topic: str, records: Sequence[Record], partition: int = 0) -> int:
    """Produce one batch of records, each with one more header whose name is no UTF-8; return its offset."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for number, record in enumerate(records):
        builder.append(number, 0, record.key, record.value, [*record.headers, ("name-of-header", b"x")])
    raw = bytearray(builder.build()).replace(b"name-of-header", b"\xff\xfe\xfd\xfc-of-header")
    # Magic 2: the CRC-32C at bytes 17 to 20 covers everything from the attributes on.
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return (await produce_raw(broker, topic, bytes(raw), partition=partition))[0]


async def produce_raw(broker: Broker, topic: str, *batches: bytes, partition: int = 0) -> list[int]:
    """Produce batches as they are, one after another, whatever they hold; return their offsets."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all", max_request_size=1 << 23)
    await producer.start()
    try:
        offsets = []
        for raw in batches:
            builder = producer.create_batch()
            builder.append(timestamp=0, key=None, value=None, headers=[])
            builder.close()
            builder._build()
            builder._buffer = bytearray(raw)
            sent = await (await producer.send_batch(builder, topic, partition=partition))
            offsets.append(int(sent.offset))
        return offsets
    finally:
        await producer.stop()


def raw_batch(codec: int, count: int, payload: bytes) -> bytes:
    """Return a batch of so many records as it lies on the wire, whatever `payload` is."""
    body = struct.pack(">hiqqqhii", codec, count - 1, 0, 0, -1, -1, -1, count) + payload
    return struct.pack(">qiibI", 0, 9 + len(body), 0, 2, calc_crc32c(body)) + body


def raw_record(value: bytes, *, headers: int = 0, written: bytes = b"") -> bytes:
    """Return the first record of a batch, without a key, that says to have so many headers, with what is `written`."""
    body = b"\0\0\0\1" + varint(len(value)) + value + varint(headers) + written
    return varint(len(body)) + body


def varint(number: int) -> bytes:
    """Return a number as record batches have it."""
    found = bytearray()
    encode_varint(number, found.append)
    return bytes(found)


async def produce_in_transaction(
    servers: str, topic: str, records: Iterable[Record], *, commit: bool, partition: int = 0
) -> None:
    """Produce records in one transaction that is committed or aborted, after which its mark lies in the partition."""

    def work() -> None:
        producer = Producer({"bootstrap.servers": servers, "transactional.id": f"publisher-of-{topic}"})
        producer.init_transactions(30)
        producer.begin_transaction()
        for record in records:
            producer.produce(topic, record.value, record.key, partition, headers=list(record.headers))
        producer.flush(30)
        (producer.commit_transaction if commit else producer.abort_transaction)(30)

    await asyncio.to_thread(work)


def record_of(entry: Entry, **given: Any) -> Record:
    """Return an event as its relay publishes it."""
    headers = [("id", entry.id.encode()), ("subject", entry.stream.encode())]
    return Record(given.get("key", entry.stream.encode()), entry.document.encode(), given.get("headers", headers))


async def until(condition: Callable[[], Awaitable[Any]], *, within: float = 20.0) -> Any:
    """Wait until `condition` returns something true, and return it."""
    async with asyncio.timeout(within):
        while not (result := await condition()):  # noqa: ASYNC110 - a broker and a database tell nobody
            await asyncio.sleep(0.01)
    return result


def versions(records: Iterable[ConsumerRecord[Any, Any]], stream: str) -> list[int]:
    """Return the versions of a stream in the order in which they lie in a topic."""
    return [int(dict(record.headers)["streamversion"]) for record in records if record.key == stream.encode()]


def without_repeats(numbers: Sequence[int]) -> list[int]:
    """Return numbers as a receiver takes them: only what is above all before."""
    taken: list[int] = []
    for number in numbers:
        if not taken or number > taken[-1]:
            taken.append(number)
    return taken
