"""Facts from the broker into the ledger: each once, whatever is repeated, reordered, killed or poisoned."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.facts import Consumer, payments, publish, until_taken

PARTITIONS = 4


@pytest_asyncio.fixture
async def pool(database: DatabaseFactory) -> AsyncIterator[asyncpg.Pool]:
    """A fresh ledger, as the service's login sees it."""
    urls = await database("scoring")
    async with asyncpg.create_pool(urls.login_url, min_size=1, max_size=8) as made:
        yield made


@pytest_asyncio.fixture
async def topic(make_topic: TopicFactory) -> str:
    return await make_topic("bpjs.contributions.v1", PARTITIONS)


@pytest.fixture
def consumer(kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, topic_prefix: str) -> Consumer:
    return Consumer(kafka_bootstrap, pool, (topic,), f"{topic_prefix}ingest", topic_prefix)


async def test_facts_go_into_the_ledger_and_each_batch_is_told(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    await publish(kafka_bootstrap, topic, payments(1_000), partitions=PARTITIONS)
    async with consumer.running():
        counts = await until_taken(pool, 1_000)
    assert counts == {"records": 1_000, "applied": 1_000, "duplicates": 0, "refused": 0}
    assert await pool.fetchval("select count(*) from facts") == 1_000
