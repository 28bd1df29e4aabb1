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
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from bench import fact_peers as peers
from bench.ground import Ground, pool
from bench.plain import bring_in
from bench.plan import Plan
from bench.rows import Row
from bench.source import Source
from bench.turns import Stopwatch, Work, take_turns
from bench.usage import cpu_rows
from deploy.local.provision import ServiceDatabase, connected
from kernel.broker import Broker, DeliveryMeasures
from kernel.canonical import Ed25519Signer
from kernel.clock import SystemClock
from kernel.commands import Executor
from kernel.ingest import Ingester
from kernel.log import Wake
from kernel.measures import IngestMeasures
from schemas.codec import CODEC
from schemas.fact_reading import ReadFact
from services.scoring.ledger import EnteredBatch, FactLedger

NAME: Final = "ingest"
_PEERS: Final = ((peers.ONE, "singly", 30.0), (peers.BATCHES, "batches", 1.1), (peers.QUIX, "quix", 1.0))
_LOOK_SECONDS: Final = 0.01
_PATIENCE: Final = 300.0


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    source = await Source.filled(ground, plan.ingest)
    works: dict[str, Work] = {"ours": partial(_ours, ground, source), "limit": partial(bring_in, ground, source)}
    if plan.peers:
        python = await asyncio.to_thread(peers.quix_python)
        works |= {
            peers.ONE: partial(peers.one_by_one, ground, source, plan.ingest_singly),
            peers.BATCHES: partial(peers.in_batches, ground, source),
            peers.QUIX: partial(peers.quix, python, ground, source),
        }
    turns = await take_turns(ground, plan.ingest_rounds, works)
    ours, limit = turns["ours"], turns["limit"]
    row = Row.of(NAME, "facts/s", ours.rates, limits=limit.rates, goal_of_limit=0.6)
    against = [
        Row.of(f"{NAME}_{short}", "facts/s", ours.rates, peers=turns[name].rates, peer_name=name, goal_of_peer=goal)
        for name, short, goal in _PEERS
        if name in turns
    ]
    return [row, *against, *cpu_rows(NAME, ours.costs, limit.costs)]


# --- ours ----------------------------------------------------------------------------------------------------------


async def _ours(ground: Ground, source: Source, watch: Stopwatch) -> int:
    async with ground.database("scoring") as database:
        return await ingest(ground, database, source, watch)


async def ingest(ground: Ground, database: ServiceDatabase, source: Source, watch: Stopwatch) -> int:
    """Ingest what a database has not taken of a source, as one consumer; return how many facts that were."""
    async with connected(database.login_url) as connection:
        before = await connection.fetchval(TAKEN, source.topic)
        async with _ingesting(ground, database, source) as ingester, asyncio.timeout(_PATIENCE):
            while not ingester.check()[0]:  # noqa: ASYNC110 - the subscription tells nobody
                await asyncio.sleep(0.001)
            with watch:
                while await connection.fetchval(TAKEN, source.topic) < source.count:  # noqa: ASYNC110 - another's row
                    await asyncio.sleep(_LOOK_SECONDS)
        return source.count - int(before)


TAKEN: Final = "select coalesce(sum(next_offset), 0)::bigint from received where topic = $1"


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
            executor=Executor(
                "scoring", connections, CODEC, clock, Wake(), Ed25519Signer(Ed25519PrivateKey.generate())
            ),
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
