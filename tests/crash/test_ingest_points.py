"""Consumers of facts killed at a named point between two durable steps: another goes on, and each fact is there once.

`make crash FACTS=n` hits these points only by chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from kernel.broker import Broker, Record
from kernel.ingest import Ingester
from kernel.ledger import Batch
from kernel.log import Connection
from schemas.fact_reading import ReadFact
from services.scoring.ledger import EnteredBatch, FactLedger
from tests.crash.two_logs import Dying
from tests.support.delivery import records_of
from tests.support.facts import Consumer, message, payments, publish, taken, until_taken
from tests.support.ledger import group, pool, topic, urls

__all__ = ["group", "pool", "topic", "urls"]

_LONG = 60.0
_FACTS = 40


@pytest.fixture
def partitions() -> int:
    return 1


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


def _records() -> list[Record]:
    return [*payments(_FACTS), message("ContributionPaid", "bad", {"employer": "1"}), *payments(3, seed=2)]


@pytest.mark.parametrize("point", ["posted", "writing", "committed"])
async def test_killed_between_two_durable_steps(
    point: str, kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, group: str, topic_prefix: str
) -> None:
    await publish(kafka_bootstrap, topic, _records(), partitions=1)
    records = _FACTS + 4
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
