"""Consumers of facts killed at a named point between two durable steps: another goes on, and each fact is there once.

`make crash FACTS=n` hits these points only by chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from kernel.broker import Broker, Record
from kernel.ingest import Ingester
from kernel.ledger import Batch
from kernel.log import Connection
from schemas.fact_reading import ReadFact
from services.scoring.ledger import EnteredBatch, FactLedger
from tests.conftest import DatabaseFactory, TopicFactory
from tests.crash.two_logs import Dying
from tests.support.delivery import records_of
from tests.support.facts import Consumer, message, payments, publish, taken, until_taken

_LONG = 60.0
_FACTS = 40


class DiesPosted(Dying, Ingester[ReadFact, EnteredBatch]):
    """Killed after the dead letters were acknowledged, before anything is written."""

    async def _write(self, connection: Connection, batches: Sequence[Batch[Any]], entered: Sequence[Any]) -> None:
        await self.die()


class DiesCommitted(Dying, Ingester[ReadFact, EnteredBatch]):
    """Killed after the commit, before it knows of it."""

    async def _write(self, connection: Connection, batches: Sequence[Batch[Any]], entered: Sequence[Any]) -> None:
        await super()._write(connection, batches, entered)
        await self.die()


class DiesWriting(Dying, FactLedger):
    """Killed within the transaction, after the event and the rows, before the position."""

    async def write(
        self, connection: Connection, entered: Sequence[EnteredBatch], versions: Sequence[int], now: datetime
    ) -> None:
        await super().write(connection, entered, versions, now)
        await self.die()


_DYING: dict[str, type[Ingester[ReadFact, EnteredBatch]]] = {"posted": DiesPosted, "committed": DiesCommitted}


@pytest_asyncio.fixture
async def pool(database: DatabaseFactory) -> AsyncIterator[asyncpg.Pool]:
    urls = await database("scoring")
    async with asyncpg.create_pool(urls.login_url, min_size=1, max_size=8) as made:
        yield made


@pytest_asyncio.fixture
async def topic(make_topic: TopicFactory) -> str:
    await make_topic("bpjs.contributions.v1.dead-letter")
    return await make_topic("bpjs.contributions.v1", 1)


def _records() -> list[Record]:
    return [*payments(_FACTS), message("ContributionPaid", "bad", {"employer": "1"}), *payments(3, seed=2)]


@pytest.mark.parametrize("point", ["posted", "writing", "committed"])
async def test_killed_between_two_durable_steps(
    point: str, kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, topic_prefix: str
) -> None:
    await publish(kafka_bootstrap, topic, _records(), partitions=1)
    records, group = _FACTS + 4, f"{topic_prefix}ingest"
    for _ in range(2):
        ledger = DiesWriting(topic_prefix) if point == "writing" else None
        made = _DYING.get(point, Ingester)
        dying = Consumer(kafka_bootstrap, pool, (topic,), group, topic_prefix, made=made, ledger=ledger)
        part = ledger or dying.ingester
        assert isinstance(part, Dying)
        async with dying.running(), asyncio.timeout(_LONG):
            await part.died.wait()
        written = (await taken(pool))["records"]
        assert (written > 0) is (point == "committed")
        if written == records:
            break
    async with Consumer(kafka_bootstrap, pool, (topic,), group, topic_prefix).running():
        counts = await until_taken(pool, records)
    assert counts == {"records": records, "applied": _FACTS + 3, "duplicates": 0, "refused": 1}
    assert await pool.fetchval("select count(*) from facts") == _FACTS + 3
    assert await pool.fetchval("select count(*) from refused_facts") == 1
    broker = Broker(kafka_bootstrap, "test-letters")
    letters = [dict(one.headers)["offset"] for one in await records_of(broker, f"{topic}.dead-letter")]
    await broker.close()
    assert set(letters) == {str(_FACTS).encode()}, "told again by the same place, or once"
