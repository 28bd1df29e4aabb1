"""Topics that do what ingest does not wish for: facts that were aborted, a topic made anew, paused, or both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import Producer

from kernel.broker import Broker, Place
from services.scoring.ledger import SQL
from services.scoring.operating import switch
from tests.support.delivery import until
from tests.support.facts import Consumer, due, payments, publish, taken, until_taken
from tests.support.ledger import consumer, group, owner, pool, topic, urls

__all__ = ["consumer", "group", "owner", "pool", "topic", "urls"]


@pytest.fixture
def partitions() -> int:
    return 2


def transact(servers: str, topic: str, count: int, *, commit: bool, partition: int, name: str) -> None:
    """Publish facts in one transaction and end it."""
    producer = Producer({"bootstrap.servers": servers, "transactional.id": f"{name}-{topic}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(count):
        record = due(f"NPP-{number}", "2021-03", 3, id_=f"{name}-{number}")
        producer.produce(topic, record.value, record.key, partition, headers=list(record.headers))
    producer.flush(30)
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


@contextlib.asynccontextmanager
async def trickling(servers: str, topic: str) -> AsyncIterator[None]:
    """Publish one fact after another to partition 0, a few a second."""

    async def trickle() -> None:
        async with Broker(servers, "test-publisher").publisher() as publisher:
            for record in payments(1_000):
                for sent in await publisher.send(Place(topic, 0), [record], 1_600_000_000_000):
                    await sent.offset()
                await asyncio.sleep(0.2)

    task = asyncio.create_task(trickle())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is(consumer: Consumer, measure: str, value: float) -> bool:
    return consumer.count(measure) == value


async def placed(consumer: Consumer, partitions: int) -> None:
    """Wait until a consumer has and has placed so many partitions."""

    async def is_placed() -> bool:
        return consumer.ingester.check() == (True, f"ingests {partitions} partitions")

    await until(is_placed)


async def test_what_was_aborted_at_the_end_of_one_partition_holds_up_no_other(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    await asyncio.to_thread(transact, kafka_bootstrap, topic, 2_000, commit=False, partition=1, name="aborted")
    async with consumer.running():
        await placed(consumer, 2)
        async with trickling(kafka_bootstrap, topic):
            # Fewer than make a full batch, so they wait for no more than a moment.
            await until_taken(pool, 5, within=20)


async def made_anew(servers: str, topic: str, partitions: int) -> None:
    """Delete a topic and make it again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def made() -> bool:
            (answer,) = (await admin.create_topics([NewTopic(topic, partitions, 1)])).topic_errors
            return bool(answer[1] == 0)

        await until(made)
    finally:
        await admin.close()


async def test_a_topic_made_anew_while_it_is_paused_is_read_from_its_beginning(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, consumer: Consumer
) -> None:
    await publish(kafka_bootstrap, topic, payments(5), partitions=1)
    async with consumer.running():
        await until_taken(pool, 5)
        await switch(owner, [topic], "test", "the topic is made anew", paused=True)
        await until(partial(_is, consumer, "paused", 1))
        await made_anew(kafka_bootstrap, topic, 2)
        await publish(kafka_bootstrap, topic, payments(20, seed=7), partitions=1)
        await switch(owner, [topic], "test", "it is there", paused=False)
        assert (await until_taken(pool, 25))["applied"] == 25


async def test_a_topic_made_anew_with_another_mark_at_the_same_offset_is_read_from_its_beginning(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer, topic_prefix: str
) -> None:
    await publish(kafka_bootstrap, topic, payments(4), partitions=1)
    async with consumer.running():
        await until_taken(pool, 4)
    await made_anew(kafka_bootstrap, topic, 2)
    # Three facts, and at offset 3, where the fourth was before, the mark of their transaction.
    await asyncio.to_thread(transact, kafka_bootstrap, topic, 3, commit=True, partition=0, name="anew")
    again = Consumer(kafka_bootstrap, pool, (topic,), f"{topic_prefix}ingest", topic_prefix)
    async with again.running():
        assert (await until_taken(pool, 7))["applied"] == 7
    assert again.count("rewinds_total", reason="another-record") == 1


async def test_asking_for_a_known_place_uses_no_number_up(pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
    found = {await pool.fetchval(SQL["place"], "bpjs.contributions.v1", 0) for _ in range(50)}
    assert found == {1}
    assert await pool.fetchval(SQL["place"], "bpjs.contributions.v1", 1) == 2
    assert (await taken(pool))["records"] == 0


async def test_lag_is_told_of_a_paused_topic_too(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, consumer: Consumer
) -> None:
    async with consumer.running():
        await placed(consumer, 2)
        await switch(owner, [topic], "test", "so that something waits", paused=True)
        await until(partial(_is, consumer, "paused", 1))
        await publish(kafka_bootstrap, topic, payments(100), partitions=2)
        await until(partial(_is, consumer, "lag_records", 100))
