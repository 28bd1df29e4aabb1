"""scale: what a fact costs with four consumers of one group, against what it costs with one; and how much memory.

The consumers are processes as `paritrana up --ingest N` starts them. They wait, paused by the operators' switch, until
all of them have their partitions; then processor seconds of the consumers are counted until the backlog is taken.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.facts import payments, publish
from bench.ground import Ground, own_folder
from bench.ingest import TAKEN
from bench.plan import Plan
from bench.rows import Row
from bench.usage import cpu_seconds, peak_megabytes
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.provision import ServiceDatabase, connected, provision_topics
from deploy.local.service import Service
from kernel.log import Connection
from schemas.topics import CONTRIBUTIONS, TOPICS
from services.scoring.operating import switch

NAME: Final = "scale"
MANY: Final = 4
_SEED: Final = 20_210_422
_LOOK_SECONDS: Final = 0.02
_PATIENCE: Final = 300.0
_CONSUMER_MEGABYTES: Final = 300.0


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    await provision_topics(ground.bootstrap_servers, TOPICS)
    await asyncio.to_thread(publish, ground.bootstrap_servers, CONTRIBUTIONS, payments(plan.scale, seed=_SEED))
    found: dict[int, list[_Found]] = {1: [], MANY: []}
    for _ in range(plan.scale_rounds):
        for consumers, turns in found.items():
            turns.append(await _turn(ground, consumers, plan.scale))
    one, many = found[1], found[MANY]
    row = partial(Row.of, smaller_is_better=True)
    return [
        row(f"{NAME}_cpu", "us of a processor a fact", [turn.cost for turn in many], limits=[turn.cost for turn in one],
            goal_of_limit=1.15),
        Row.of(f"{NAME}_rate", "facts/s", [turn.rate for turn in many], limits=[turn.rate for turn in one]),
        row("memory_ingest", "MB", [max(turn.megabytes for turn in (*one, *many))], limits=[_CONSUMER_MEGABYTES],
            goal_of_limit=1.0),
    ]  # fmt: skip


class _Found:
    """What a turn cost: microseconds of the consumers' processors a fact, facts a second, the greatest memory."""

    def __init__(self, facts: int, processor: float, seconds: float, megabytes: float) -> None:
        self.cost = processor / facts * 1e6
        self.rate = facts / seconds
        self.megabytes = megabytes


async def _turn(ground: Ground, consumers: int, facts: int) -> _Found:
    async with AsyncExitStack() as held:
        folder = held.enter_context(own_folder())
        database = await held.enter_async_context(ground.database("scoring"))
        owner = await held.enter_async_context(connected(database.owner_url))
        await switch(owner, [CONTRIBUTIONS], "bench", "until all consumers are there", paused=True)
        services = [
            _consumer(ground, database, folder, number, port) for number, port in enumerate(free_ports(consumers))
        ]
        for service in services:
            held.push_async_callback(service.stop)
            await service.start()
        pids = [service.child.pid for service in services if service.child is not None]
        before = sum(map(cpu_seconds, pids))
        await switch(owner, [CONTRIBUTIONS], "bench", "all consumers are there", paused=False)
        async with asyncio.timeout(_PATIENCE):
            first = await _taken(owner, 1)  # within a second each consumer sees that it may begin
            began = time.perf_counter()
            await _taken(owner, facts)
        seconds, processor = time.perf_counter() - began, sum(map(cpu_seconds, pids)) - before
        return _Found(facts, processor, seconds * facts / (facts - first), max(map(peak_megabytes, pids)))


async def _taken(owner: Connection, least: int) -> int:
    """Return how many facts were taken, once there are so many."""
    while (found := int(await owner.fetchval(TAKEN, CONTRIBUTIONS))) < least:  # noqa: ASYNC110 - others' rows
        await asyncio.sleep(_LOOK_SECONDS)
    return found


def _consumer(ground: Ground, database: ServiceDatabase, folder: Path, number: int, port: int) -> Service:
    environment = {
        "DATABASE_URL": database.login_url,
        "KAFKA_BOOTSTRAP_SERVERS": ground.bootstrap_servers,
        "PARITRANA_DATA": str(folder),
        "PARITRANA_KEYS": str(folder / "keys"),
        "PARITRANA_EMBEDDED": "1",
        "PARITRANA_HOST": LOOPBACK,
        "PARITRANA_PORT": str(port),
    }
    name = f"ingest-{number + 1}"
    return Service(
        name, [sys.executable, "-m", "cli.serve", "ingest"], environment, port, log=folder / f"{name}.log"
    )  # fmt: skip
