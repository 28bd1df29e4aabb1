"""A fresh ledger, a topic of facts and a consumer over both, as fixtures: a module that imports them has its own.

Import those that a module's tests and their fixtures ask for. The topic has `partitions`, which a module may redefine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.facts import Consumer
from tests.support.stack import DatabaseUrls


@pytest_asyncio.fixture
async def urls(database: DatabaseFactory) -> DatabaseUrls:
    return await database("scoring")


@pytest_asyncio.fixture
async def pool(urls: DatabaseUrls) -> AsyncIterator[asyncpg.Pool]:
    """The ledger as the service's login sees it."""
    async with asyncpg.create_pool(urls.login_url, min_size=1, max_size=16) as made:
        yield made


@pytest_asyncio.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """The connection that operators' commands have."""
    connection = await asyncpg.connect(urls.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
def partitions() -> int:
    return 4


@pytest_asyncio.fixture
async def topic(make_topic: TopicFactory, partitions: int) -> str:
    """The topic of contributions, with its dead letters."""
    await make_topic("bpjs.contributions.v1.dead-letter")
    return await make_topic("bpjs.contributions.v1", partitions)


@pytest.fixture
def group(topic_prefix: str) -> str:
    return f"{topic_prefix}ingest"


@pytest.fixture
def consumer(kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, group: str, topic_prefix: str) -> Consumer:
    return Consumer(kafka_bootstrap, pool, (topic,), group, topic_prefix)
