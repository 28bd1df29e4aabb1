"""latency: from handing a sheet in to seeing it in the ranking, against a commit and a round trip through the broker.

The whole system runs, every service a process. A hundred members a second hand in a sheet, at fixed moments and not
one after another; each then reads the ranking with the position of the answer (`?at_least=`), and what is timed ends
when the ranking that holds the sheet has come. A late start counts as waiting. The limit is what the system's two
stores take for the least they could do, at the same pace: one row committed, one record acknowledged and read back.

The same run tells how long the system takes to start, and how much memory each service ever needed.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.commands import RAW
from bench.committees import OPENS, Sheet, make_sheets
from bench.connections import Connections
from bench.ground import Say, own_folder, pool
from bench.plan import Plan
from bench.rows import Row
from bench.usage import peak_megabytes
from cli.play.client import Client
from deploy.local.ports import free_ports
from deploy.local.provision import connected, provision_topics
from deploy.local.settings import PORTS, START_ORDER, StackOptions
from deploy.local.supervisor import Stack
from kernel.canonical import uuid7
from kernel.clock import TestClock
from kernel.log import Connection
from schemas.topics import FOR_EVER, Topic
from services.identity.settings import PASSWORD_FILE

NAME: Final = "latency"
A_SECOND: Final = 100
_WARM_SECONDS: Final = 2.0
_CONNECTIONS: Final = 32
_DOCUMENT: Final = "x" * 850
_TOPIC: Final = "bench-latency"
_SERVICE_MEGABYTES: Final = 300.0

Once = Callable[[], Awaitable[object]]


async def measure(plan: Plan, say: Say) -> list[Row]:
    """Start the whole system, measure in turns, and return the rows."""
    with own_folder() as folder:
        return await _measure(folder, plan, say)


async def _measure(folder: Path, plan: Plan, say: Say) -> list[Row]:
    began = time.monotonic()
    async with running(folder, OPENS) as (stack, client):
        started = time.monotonic() - began
        say(f"the system is ready after {started:.1f} s; a season is being opened")
        async with AsyncExitStack() as held:
            needed = int(A_SECOND * (plan.latency_seconds * plan.latency_rounds + _WARM_SECONDS))
            sheets = await make_sheets(stack, client, needed)
            say(f"{len(sheets)} sheets are handed in, {A_SECOND} a second")
            tokens = {who: await client.token(who) for one in sheets for who in (one.member, one.secretary)}
            scoring = await held.enter_async_context(Connections(stack.urls["scoring"], _CONNECTIONS))
            stores = await held.enter_async_context(_Stores(stack))
            found = await _take_turns(plan, stores, _Hand(scoring, tokens, sheets))
        memory = {name: peak_megabytes(stack.pids()[name]) for name in START_ORDER}
    return [*found, Row.of("startup", "s", [started], smaller_is_better=True), *_memory_rows(memory)]


@asynccontextmanager
async def running(folder: Path, opens: datetime) -> AsyncIterator[tuple[Stack, Client]]:
    """Run the whole system in a folder, on a test clock the day before a season opens, with a client of its people."""
    TestClock.set_to(folder / "clock.json", opens - timedelta(days=1))
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    async with Stack(StackOptions(folder, ports, clock="test")) as stack:
        password = (folder / "keys" / PASSWORD_FILE).read_text(encoding="utf-8").strip()
        async with Client(stack.urls, password) as client:
            yield stack, client


def _memory_rows(memory: dict[str, float]) -> list[Row]:
    return [
        Row.of(
            f"memory_{name}",
            "MB",
            [megabytes],
            limits=[_SERVICE_MEGABYTES],
            goal_of_limit=1.0,
            smaller_is_better=True,
        )
        for name, megabytes in memory.items()
    ]


async def _take_turns(plan: Plan, stores: _Stores, hand: _Hand) -> list[Row]:
    seconds = plan.latency_seconds
    await _paced(hand.one, _WARM_SECONDS)
    ours: list[list[float]] = []
    limits: list[tuple[list[float], list[float]]] = []
    for _ in range(plan.latency_rounds):
        ours.append(await _paced(hand.one, seconds))
        limits.append((await _paced(stores.commit, seconds / 2), await _paced(stores.round_trip, seconds / 2)))
    return [
        Row.of(
            name,
            "ms",
            [percentile(times, part) for times in ours],
            limits=[percentile(commits, part) + percentile(trips, part) for commits, trips in limits],
            goal_of_limit=goal,
            smaller_is_better=True,
        )
        for name, part, goal in ((NAME, 0.99, 5.0), (f"{NAME}_median", 0.5, None))
    ]


def percentile(times: list[float], part: float) -> float:
    """Return the least of `times` (seconds) that `part` of all do not exceed, in milliseconds."""
    return sorted(times)[math.ceil(part * len(times)) - 1] * 1000


async def _paced(once: Once, seconds: float) -> list[float]:
    """Begin `once` at fixed moments, `A_SECOND` a second; return how long after its moment each was done."""
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.1

    async def at(moment: float) -> float:
        await asyncio.sleep(moment - loop.time())
        await once()
        return loop.time() - moment

    return list(await asyncio.gather(*(at(start + number / A_SECOND) for number in range(int(seconds * A_SECOND)))))


@dataclass(slots=True)
class _Hand:
    """Hands sheets in, each once, and reads the rankings that they change."""

    scoring: Connections
    tokens: dict[str, str]
    sheets: list[Sheet]
    _next: itertools.count[int] = field(default_factory=itertools.count)

    async def one(self) -> None:
        """Hand the next sheet in, and wait until its ranking shows it."""
        sheet = self.sheets[next(self._next)]
        body, key = orjson.dumps(sheet.body), str(uuid4())
        answer = await self.scoring.ask("POST", sheet.path, self.tokens[sheet.member], body=body, key=key)
        position = orjson.loads(answer)["position"]
        await self.scoring.ask("GET", f"{sheet.ranking}?at_least={position}", self.tokens[sheet.secretary])


class _Stores:
    """The system's database and broker, each asked for the least it could do."""

    def __init__(self, stack: Stack) -> None:
        self._database = stack.databases["scoring"]
        self._bootstrap = stack.bootstrap_servers
        self._version = itertools.count(1)
        self._arrived: dict[int, asyncio.Future[None]] = {}
        self._held = AsyncExitStack()
        self._pool: asyncpg.Pool[asyncpg.Record]

    async def __aenter__(self) -> Self:
        owner: Connection = await self._held.enter_async_context(connected(self._database.owner_url))
        await owner.execute("create table bench_events (like events including all)")
        self._pool = await self._held.enter_async_context(pool(self._database.owner_url, 4))
        await provision_topics(self._bootstrap, [Topic(_TOPIC, "bench", 1, FOR_EVER, "stream", "bench")])
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True)
        await self._producer.start()
        self._held.push_async_callback(self._producer.stop)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=None)
        await self._consumer.start()
        self._held.push_async_callback(self._consumer.stop)
        self._consumer.assign([TopicPartition(_TOPIC, 0)])
        await self._consumer.seek_to_beginning()
        reading = asyncio.create_task(self._read())
        self._held.callback(reading.cancel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    async def commit(self) -> None:
        """Commit one row like the log's."""
        version, hash_ = next(self._version), bytes(32)
        row = ("sheet/bench", version, uuid7(), "id.go.paritrana.scoring.SheetRead.v1", True, hash_, _DOCUMENT)
        await self._pool.execute(RAW, 1, version, *row, None, None, None, None, None, None)

    async def round_trip(self) -> None:
        """Produce one record and read it back."""
        number = next(self._version)
        arrived = self._arrived[number] = asyncio.get_running_loop().create_future()
        await self._producer.send_and_wait(_TOPIC, _DOCUMENT.encode(), key=b"%d" % number)
        await arrived

    async def _read(self) -> None:
        async for record in self._consumer:
            self._arrived.pop(int(record.key)).set_result(None)
