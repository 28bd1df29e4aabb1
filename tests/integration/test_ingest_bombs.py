"""Batches that expand to hundreds of megabytes, or that nobody can decode, cost only themselves, and little memory."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
import cramjam
import pytest
from aiokafka import TopicPartition
from confluent_kafka import Producer

from kernel.broker import Broker, read_until
from kernel.dead_letters import SUFFIX
from tests.support.delivery import produce_misnamed, produce_raw, produce_undecodable, raw_batch, raw_record
from tests.support.facts import Consumer, payments, publish, taken, until_taken
from tests.support.ledger import consumer, group, pool, topic, urls

__all__ = ["consumer", "group", "pool", "topic", "urls"]

MEGABYTE = 1 << 20


@pytest.fixture
def partitions() -> int:
    return 1


def throw(servers: str, topic: str, codec: str, values: Iterable[bytes]) -> set[str | None]:
    """Produce values in as few batches as librdkafka makes; return what became of them, None for what was taken."""
    outcomes: set[str | None] = set()
    producer = Producer(
        {
            "bootstrap.servers": servers, "compression.type": codec, "message.max.bytes": 1_000_000_000,
            "batch.size": 1_000_000_000, "batch.num.messages": 1_000_000, "queue.buffering.max.kbytes": 2_000_000,
            "queue.buffering.max.messages": 2_000_000, "linger.ms": 30_000,
        }
    )  # fmt: skip
    for value in values:
        producer.produce(
            topic,
            value=value,
            partition=0,
            on_delivery=lambda error, _: outcomes.add(None if error is None else error.name()),
        )
    assert producer.flush(60) == 0
    return outcomes


async def ingested_apart(*arguments: str) -> int:
    """Run a consumer in a process of its own; return its peak of resident memory."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.ingest_alone", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return int(output.split()[-1])


async def letters_in(servers: str, topic: str) -> list[dict[str, str]]:
    place = TopicPartition(topic + SUFFIX, 0)
    async with Broker(servers, "test-letters").reader() as reader:
        end = (await reader.end_offsets([place]))[place]
        found = [record async for records in read_until(reader, {place: 0}, {place: end}) for record in records]
    return [{name: (value or b"").decode(errors="replace") for name, value in one.headers} for one in found]


def _one() -> list[bytes]:
    return [bytes(300 * MEGABYTE)]


def _many() -> list[bytes]:
    return [b"0" * 300] * 200_000


def _tiny() -> list[bytes]:
    return [b""] * 400_000


@pytest.mark.parametrize(
    ("codec", "values", "says"),
    [
        ("gzip", _one, "expands to over 32 MiB"),
        ("zstd", _one, "expands to over 32 MiB"),
        ("lz4", _one, "expands to over 32 MiB"),
        ("zstd", _many, "expands to over 32 MiB"),
        ("zstd", _tiny, "more than 250000 records"),
    ],
)
async def test_a_bomb_becomes_one_letter_and_the_facts_around_it_are_applied(
    kafka_bootstrap: str, pool: asyncpg.Pool, urls: Any, topic: str, topic_prefix: str, codec: str,
    values: Callable[[], list[bytes]], says: str,
) -> None:  # fmt: skip
    await publish(kafka_bootstrap, topic, payments(100), partitions=1)
    assert await asyncio.to_thread(throw, kafka_bootstrap, topic, codec, values()) == {None}
    await publish(kafka_bootstrap, topic, payments(100, seed=2), partitions=1)
    peak = await ingested_apart(kafka_bootstrap, urls.login_url, topic, f"{topic_prefix}i", topic_prefix, "201")
    assert await taken(pool) == {"records": 201, "applied": 200, "duplicates": 0, "refused": 1}
    (letter,) = await letters_in(kafka_bootstrap, topic)
    assert (letter["reason"], letter["offset"]) == ("undecodable", "100")
    assert says in letter["detail"]
    assert await pool.fetchval("select count(*) from refused_facts where reason = 'undecodable'") == 1
    assert peak < 300 * MEGABYTE


def _of_headers() -> bytes:
    return gzip.compress(raw_record(b"{}", headers=16_000_000, written=b"\0\1" * 16_000_000))


def _of_members() -> bytes:
    return b"".join(gzip.compress(bytes([each]), mtime=0) for each in raw_record(b"x" * 190_000))


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (_of_headers, "more than 100 headers"),
        (_of_members, "more than 1000 parts"),
    ],
)
async def test_a_batch_that_is_small_until_it_is_read_becomes_one_letter(
    kafka_bootstrap: str, pool: asyncpg.Pool, urls: Any, topic: str, topic_prefix: str,
    payload: Callable[[], bytes], says: str,
) -> None:  # fmt: skip
    """A header takes two bytes on the wire and a hundred once it is read; a member of gzip costs an inflater."""
    await publish(kafka_bootstrap, topic, payments(10), partitions=1)
    await produce_raw(Broker(kafka_bootstrap, "test"), topic, raw_batch(1, 1, payload()))
    await publish(kafka_bootstrap, topic, payments(10, seed=2), partitions=1)
    peak = await ingested_apart(kafka_bootstrap, urls.login_url, topic, f"{topic_prefix}i", topic_prefix, "21")
    assert await taken(pool) == {"records": 21, "applied": 20, "duplicates": 0, "refused": 1}
    (letter,) = await letters_in(kafka_bootstrap, topic)
    assert (letter["reason"], letter["offset"]) == ("undecodable", "10")
    assert says in letter["detail"]
    assert peak < 300 * MEGABYTE


@pytest.mark.parametrize("partitions", [1, 8])
async def test_many_batches_that_are_each_within_the_bounds_take_no_more_memory_than_one(
    kafka_bootstrap: str, pool: asyncpg.Pool, urls: Any, topic: str, topic_prefix: str, partitions: int
) -> None:
    large = raw_batch(4, 1, bytes(cramjam.zstd.compress(raw_record(bytes(31 * MEGABYTE)))))
    await publish(kafka_bootstrap, topic, payments(10), partitions=1)
    for partition in range(partitions):
        await produce_raw(Broker(kafka_bootstrap, "test"), topic, *[large] * (40 // partitions), partition=partition)
    await publish(kafka_bootstrap, topic, payments(10, seed=2), partitions=1)
    peak = await ingested_apart(kafka_bootstrap, urls.login_url, topic, f"{topic_prefix}i", topic_prefix, "60")
    assert await taken(pool) == {"records": 60, "applied": 20, "duplicates": 0, "refused": 40}
    letters = await letters_in(kafka_bootstrap, topic)
    assert {(each["reason"], each["value-bytes"]) for each in letters} == {("too-large", str(31 * MEGABYTE))}
    assert len({(each["partition"], each["offset"]) for each in letters}) == len(letters) == 40
    assert peak < 300 * MEGABYTE


async def test_what_is_no_small_batch_when_it_is_sent_is_refused_by_the_broker(
    kafka_bootstrap: str, topic: str
) -> None:
    assert await asyncio.to_thread(throw, kafka_bootstrap, topic, "snappy", _one()) == {"MSG_SIZE_TOO_LARGE"}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_of_kafka_is_read(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer, codec: str
) -> None:
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "compression.type": codec, "linger.ms": 200})
    for record in payments(2_000):
        producer.produce(topic, key=record.key, value=record.value, headers=list(record.headers))
    assert await asyncio.to_thread(producer.flush, 60) == 0
    async with consumer.running():
        assert (await until_taken(pool, 2_000))["applied"] == 2_000


async def test_a_bad_batch_costs_nothing_that_was_fetched_with_it(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    """Small batches and a bad one come in one answer of the broker: what lies before it is not set aside with it."""
    for seed in range(1, 4):
        await publish(kafka_bootstrap, topic, payments(10, seed=seed), partitions=1)
    await produce_undecodable(Broker(kafka_bootstrap, "test"), topic)
    await publish(kafka_bootstrap, topic, payments(10, seed=4), partitions=1)
    async with consumer.running():
        counts = await until_taken(pool, 41)
    assert counts == {"records": 41, "applied": 40, "duplicates": 0, "refused": 1}
    (letter,) = await letters_in(kafka_bootstrap, topic)
    assert "offsets 30 to 31" in letter["detail"]
    assert await pool.fetchval("select next_offset from received where topic = $1", topic) == 42


async def test_a_header_whose_name_is_no_utf8_is_passed_over_and_the_fact_is_taken(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    await publish(kafka_bootstrap, topic, payments(10), partitions=1)
    await produce_misnamed(Broker(kafka_bootstrap, "test"), topic, payments(50, seed=2))
    await publish(kafka_bootstrap, topic, payments(10, seed=3), partitions=1)
    async with consumer.running():
        counts = await until_taken(pool, 70)
    assert counts == {"records": 70, "applied": 70, "duplicates": 0, "refused": 0}
