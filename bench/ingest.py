"""ingest: facts on Kafka to a durable, deduplicated ledger, against the plainest loop that could bring them in.

Every turn reads one topic from its beginning into a fresh database, with a consumer group of its own. Timed is from the
moment that the consumer has its partitions until the last position is committed. Ours judges every field, keeps the
ledger's rows and indexes, and signs an event with a Merkle root for each batch. The limit takes what aiokafka hands
over as it is and inserts it by `unnest`, with the positions in the same transaction; its table has a primary key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from bench.facts import payments, publish
from bench.ground import Ground, pool
from bench.plan import Plan
from bench.rows import Row
from bench.turns import Stopwatch, Work, take_turns
from bench.usage import cpu_rows
from deploy.local.provision import ServiceDatabase
from kernel.broker import Broker, DeliveryMeasures
from kernel.canonical import Ed25519Signer
from kernel.clock import SystemClock
from kernel.commands import Executor
from kernel.ingest import Ingester, IngestMeasures
from kernel.log import Wake
from kernel.sql import columns
from schemas.codec import CODEC
from schemas.fact_reading import ReadFact
from schemas.topics import CONTRIBUTIONS
from services.scoring.ledger import EnteredBatch, FactLedger

NAME: Final = "ingest"
PARTITIONS: Final = 12
_SEED: Final = 20_210_420
_LOOK_SECONDS: Final = 0.01
_PATIENCE: Final = 300.0


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    source = await Source.filled(ground, plan.ingest)
    works: dict[str, Work] = {"ours": partial(_ours, ground, source), "limit": partial(_limit, ground, source)}
    turns = await take_turns(ground, plan.ingest_rounds, works)
    row = Row.of(NAME, "facts/s", turns["ours"].rates, limits=turns["limit"].rates, goal_of_limit=0.6)
    return [row, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


class Source:
    """A topic of facts; `prefix` stands before its name, and each turn reads it as a group of its own."""

    def __init__(self, prefix: str, count: int) -> None:
        """Name a topic that holds `count` facts."""
        self.prefix = prefix
        self.topic = prefix + CONTRIBUTIONS
        self.count = count
        self._groups = 0

    @classmethod
    async def filled(cls, ground: Ground, count: int) -> Source:
        """Make the topic and fill it."""
        topic = await ground.topic(PARTITIONS, CONTRIBUTIONS)
        await asyncio.to_thread(publish, ground.bootstrap_servers, topic, payments(count, seed=_SEED))
        return cls(topic.removesuffix(CONTRIBUTIONS), count)

    def group(self) -> str:
        """Return the name of a group that nobody had before."""
        self._groups += 1
        return f"{self.topic}-{self._groups}"


# --- ours ----------------------------------------------------------------------------------------------------------


async def _ours(ground: Ground, source: Source, watch: Stopwatch) -> int:
    async with ground.database("scoring") as database, _ingesting(ground, database, source) as ingester:
        connection = await asyncpg.connect(database.login_url)
        try:
            async with asyncio.timeout(_PATIENCE):
                while not ingester.check()[0]:
                    await asyncio.sleep(0.001)
                with watch:
                    while await connection.fetchval(_TAKEN) < source.count:
                        await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await connection.close()
    return source.count


_TAKEN: Final = "select coalesce(sum(next_offset), 0) from received"


@asynccontextmanager
async def _ingesting(
    ground: Ground, database: ServiceDatabase, source: Source
) -> AsyncIterator[Ingester[ReadFact, EnteredBatch]]:
    registry = CollectorRegistry()
    async with pool(database.login_url, 2) as connections:
        broker = Broker(ground.bootstrap_servers, "bench")
        clock = SystemClock()
        ingester = Ingester(
            topics=(source.topic,),
            group=source.group(),
            executor=Executor("scoring", connections, CODEC, clock, Wake(), Ed25519Signer(Ed25519PrivateKey.generate())),
            pool=connections,
            broker=broker,
            clock=clock,
            ledger=FactLedger(source.prefix),
            measures=IngestMeasures(registry),
            letters=DeliveryMeasures(registry),
        )
        task = asyncio.create_task(ingester.run())
        try:
            yield ingester
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await broker.close()


# --- the limit -----------------------------------------------------------------------------------------------------

_TABLES: Final = """
    create table plain (like facts);
    create unique index plain_id on plain (publisher, id);
    create index plain_subject on plain (subject);
    create index plain_target on plain (publisher, target) where target is not null;
    create index plain_batch on plain using brin (place, batch) with (pages_per_range = 16, autosummarize = on);
    create table plain_positions (partition integer primary key, next_offset bigint not null);
"""
_INSERT: Final = """
    insert into plain (month, kafka_offset, batch, place, publisher, id, kind, subject, document)
    select '2021-03-01', at, 1, place, 'sipp', id, 'ContributionPaid', subject, document
    from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[]) as said (at, place, id, subject, document)
    on conflict do nothing
"""
_POSITIONS: Final = """
    insert into plain_positions select * from unnest($1::integer[], $2::bigint[])
    on conflict (partition) do update set next_offset = excluded.next_offset
"""


async def _limit(ground: Ground, source: Source, watch: Stopwatch) -> int:
    async with ground.database("scoring") as database:
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute(_TABLES)
        consumer = AIOKafkaConsumer(
            source.topic,
            bootstrap_servers=ground.bootstrap_servers,
            group_id=source.group(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            with watch:
                taken = 0
                while taken < source.count:
                    taken += await _insert(connection, await consumer.getmany(timeout_ms=1_000, max_records=5_000))
        finally:
            await consumer.stop()
            await connection.close()
    return taken


async def _insert(connection: asyncpg.Connection[Any], fetched: dict[Any, Any]) -> int:
    rows = [
        (record.offset, place.partition, record.headers[0][1].decode(), record.key.decode(), record.value.decode())
        for place, records in fetched.items()
        for record in records
    ]
    async with connection.transaction():
        if rows:
            await connection.execute(_INSERT, *columns(rows))
        places = [(place.partition, records[-1].offset + 1) for place, records in fetched.items()]
        await connection.execute(_POSITIONS, [place for place, _ in places], [offset for _, offset in places])
    return len(rows)
