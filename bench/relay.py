"""relay: committed events to acknowledged ones, against a producer that sends the same bytes.

The relay runs as in a service, leading, and a transaction with all events commits: timed is from that commit until the
broker has acknowledged the last of them and the checkpoint says so. The limit holds the same records ready in memory
and hands them to aiokafka's `send`, idempotent and with `acks=all`, with batches as large as the relay's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from bench.ground import Ground
from bench.plan import Plan
from bench.rows import Row
from bench.season import LogRow, Seasons, copy_in
from bench.turns import Stopwatch, take_turns
from bench.usage import cpu_rows
from deploy.local.provision import ServiceDatabase, connected
from kernel.broker import Broker, DeliveryMeasures, Wire
from kernel.lead import Lead
from kernel.log import Wake
from kernel.process import close_pool, open_pool
from kernel.relay import SQL, Relay
from schemas.document import fault_of
from schemas.topics import source_of

NAME: Final = "relay"
_PARTITIONS: Final = 4
_SEED: Final = 20_210_201
_BATCH_BYTES: Final = 512 * 1024
_LOOK_SECONDS: Final = 0.01
_PATIENCE: Final = 120.0


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    source = Seasons(_SEED)
    topics = [await ground.topic(_PARTITIONS) for _ in range(2)]
    async with (
        ground.database("scoring") as database,
        _relaying(ground, database, topics[0]) as relaying,
        _producer(ground) as producer,
    ):
        works = {
            "ours": partial(_ours, relaying, source, plan.relay),
            "limit": partial(_limit, producer, topics[1], source, plan.relay),
        }
        turns = await take_turns(ground, plan.rounds, works)
    row = Row.of(NAME, "events/s", turns["ours"].rates, limits=turns["limit"].rates, goal_of_limit=0.7)
    return [row, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


@dataclass(slots=True)
class _Relaying:
    """A relay at work on a log of its own."""

    database: ServiceDatabase
    wake: Wake


@asynccontextmanager
async def _relaying(ground: Ground, database: ServiceDatabase, topic: str) -> AsyncIterator[_Relaying]:
    wire = Wire("scoring", source_of("scoring"), (topic,), lambda _stream: topic, lambda _topic: "", fault_of)
    pool = await open_pool(database.login_url, service="scoring", size=8)
    broker = Broker(ground.bootstrap_servers, "bench")
    wake = Wake()
    lead = Lead(database.login_url, "scoring/relay")
    relay = Relay(wire, pool, broker, wake, lead, DeliveryMeasures(CollectorRegistry()), _nothing_to_compare)
    task = asyncio.create_task(relay.run())
    try:
        yield _Relaying(database, wake)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await broker.close()
        await close_pool(pool)


async def _nothing_to_compare() -> None:
    """Stand for the comparison before a start: log and topic are both fresh."""


@asynccontextmanager
async def _producer(ground: Ground) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=ground.bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _ours(relaying: _Relaying, source: Seasons, count: int, watch: Stopwatch) -> int:
    async with connected(relaying.database.owner_url) as owner:
        transaction = owner.transaction()
        await transaction.start()
        end = await copy_in(owner, source.sheets(count))
        with watch:
            await transaction.commit()
            relaying.wake.ring()
            async with asyncio.timeout(_PATIENCE):
                while tuple(await owner.fetchrow(SQL["checkpoint"]) or ())[:3] < end:  # noqa: ASYNC110 - another's row
                    await asyncio.sleep(_LOOK_SECONDS)
    return count


async def _limit(producer: AIOKafkaProducer, topic: str, source: Seasons, count: int, watch: Stopwatch) -> int:
    records = list(_records(source.sheets(count)))
    with watch:
        sent = [await producer.send(topic, value, key=key, headers=headers) for key, value, headers in records]
        await asyncio.gather(*sent)
    return count


def _records(events: Iterator[LogRow]) -> Iterator[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    for stream, version, id_, type_, _own, _hash, document in events:
        key = stream.encode()
        headers = [("id", id_.encode()), ("type", type_.encode()), ("subject", key), ("streamversion", b"%d" % version)]
        yield key, document.encode(), headers
