"""Relay and receiver through outages: a broker killed, a broker lost with all its data, database sessions cut."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from deploy.local.kafka import Kafka
from deploy.local.ports import free_ports
from deploy.local.provision import provision_topics
from kernel.broker import Broker, DeliveryMeasures
from kernel.clock import SystemClock
from kernel.lead import STORE_AWAY
from kernel.log import Wake
from kernel.receiver import Receiver
from schemas.topics import FOR_EVER, NOMINATION, Topic
from tests.conftest import DatabaseFactory
from tests.support.delivery import Chain, Log, records_of, until, versions, wire_for, without_repeats
from tests.support.stack import say, temporary_folder

CHAINS = 10


@dataclass
class Pair:
    """A service that publishes and one that receives, beside a broker of their own."""

    kafka: Kafka
    folder: Any
    log: Log
    admin_url: str
    receiving: asyncpg.Pool[Any]
    receiver: Receiver
    chains: list[Chain]

    async def speak(self, rounds: int) -> None:
        for _ in range(rounds):
            for chain in self.chains:
                await self.log.say(chain)

    async def all_published(self) -> None:
        """Wait until the topic holds every version of every stream."""

        async def there() -> bool:
            records = await records_of(self.log.broker, NOMINATION)
            found = {chain.stream: versions(records, chain.stream) for chain in self.chains}
            return all({*found[c.stream]} == {*range(1, c.head.version + 1)} for c in self.chains)

        await until(there, within=120)

    async def all_received(self) -> None:
        """Wait until the receiver has every event of every stream, and check their order."""
        expected = [(chain.stream, version) for chain in self.chains for version in range(1, chain.head.version + 1)]

        async def there() -> bool:
            # A pool hands out a cut session once before it makes another.
            with contextlib.suppress(*STORE_AWAY):
                return bool(await self.receiving.fetchval("select count(*) from events") == len(expected))
            return False

        await until(there, within=120)
        rows = await self.receiving.fetch("select stream, version from events order by epoch, xid, position")
        assert sorted(tuple(row) for row in rows) == sorted(expected)
        for chain in self.chains:
            found = [row["version"] for row in rows if row["stream"] == chain.stream]
            assert found == sorted(found), "a stream's events are stored in its order"


async def make_topics(kafka: Kafka) -> None:
    names = [(NOMINATION, 4), (f"{NOMINATION}.dead-letter", 1)]
    topics = [Topic(name, "test", partitions, FOR_EVER, "stream", "the test") for name, partitions in names]
    await provision_topics(kafka.bootstrap_servers, topics)


@pytest_asyncio.fixture
async def pair(database: DatabaseFactory, postgres_admin_url: str) -> AsyncIterator[Pair]:
    folder = temporary_folder()
    kafka = Kafka(folder / "kafka", *free_ports(2), log=folder / "kafka.log", say=say)
    await kafka.start()
    await make_topics(kafka)
    own, others = await database("nomination"), await database("scoring")
    broker = Broker(kafka.bootstrap_servers, "test")
    async with asyncpg.create_pool(own.login_url, min_size=1) as pool, asyncpg.create_pool(others.login_url) as inbox:
        log = Log("nomination", own.owner_url, own.login_url, pool, broker, wire_for("nomination", ""))
        measures = DeliveryMeasures(CollectorRegistry())
        wire = wire_for("scoring", "")
        receiver = Receiver(wire, (NOMINATION,), inbox, broker, SystemClock(), Wake(), measures, look=0.1)
        chains = [Chain(f"season/{year}") for year in range(2000, 2000 + CHAINS)]
        tasks = [asyncio.create_task(log.relay().run()), asyncio.create_task(receiver.run())]
        try:
            yield Pair(kafka, folder, log, postgres_admin_url, inbox, receiver, chains)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await broker.close()
            await kafka.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(400)
async def test_a_broker_killed_while_publishing_loses_and_reorders_nothing(pair: Pair) -> None:
    await pair.speak(5)
    await pair.all_received()
    speaking = asyncio.create_task(pair.speak(20))
    await pair.kafka.kill()
    await speaking
    await pair.kafka.start()
    await pair.speak(5)
    await pair.all_received()
    await pair.all_published()
    records = await records_of(pair.log.broker, NOMINATION)
    for chain in pair.chains:
        assert without_repeats(versions(records, chain.stream)) == list(range(1, 31))

    async def ready() -> bool:
        return pair.receiver.check()[0]

    await until(ready)


@pytest.mark.timeout(400)
async def test_a_broker_that_lost_everything_is_told_everything_again(pair: Pair) -> None:
    await pair.speak(5)
    await pair.all_received()
    before = (await pair.log.broker.cluster()).id
    await pair.kafka.stop()
    shutil.rmtree(pair.folder / "kafka")
    await pair.kafka.start()
    await make_topics(pair.kafka)
    await pair.speak(5)
    await pair.all_received()
    assert (await pair.log.broker.cluster()).id != before

    async def told_again() -> bool:
        return any(report.republished for report in pair.log.reports)

    await until(told_again)
    await pair.all_published()
    await pair.all_received()


async def test_cut_database_sessions_lose_and_reorder_nothing(pair: Pair) -> None:
    admin = await asyncpg.connect(pair.admin_url)
    cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = any($1)"
    names = [await pool.fetchval("select current_user") for pool in (pair.log.pool, pair.receiving)]
    try:
        for _ in range(5):
            for chain in pair.chains:
                entry = chain.next()
                while True:
                    with contextlib.suppress(*STORE_AWAY):
                        if not await pair.log.pool.fetchval("select 1 from events where id = $1", entry.id):
                            await pair.log.write(entry)
                        break
            assert await admin.fetchval(cut, names) > 0
    finally:
        await admin.close()
    await pair.all_received()
