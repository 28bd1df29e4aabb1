"""Two services put together from the kernel's parts, in one process: one decides and publishes, one receives and folds.

Real database, real broker, real relay and receiver; what a service's process adds (HTTP, supervision) is left out, so
that a test can force one interleaving exactly: a part is made to die at a named point by a subclass, and another is
started in its place, as a supervisor would.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from itertools import count
from typing import Any, Never

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from kernel.broker import Broker, DeliveryMeasures, Wire
from kernel.canonical import Ed25519Signer, uuid7
from kernel.clock import SystemClock
from kernel.commands import Ask, Executor, Program, Receipt
from kernel.decider import Aggregate, Decision, Emit, Loader, Position
from kernel.inbox import Arrival, Move, Plan, commit, plan
from kernel.lead import Lead
from kernel.log import Recorded, Wake, read_stream
from kernel.measures import LogMeasures
from kernel.reactor import ProjectionFolder, Table
from kernel.receiver import Receiver
from kernel.reconcile import Reconciler
from kernel.relay import Relay
from schemas.codec import CODEC
from schemas.nomination import PlenaryAdjourned
from tests.conftest import DatabaseFactory
from tests.crash.checker import KINDS, Command, History, Report, Store, World, check
from tests.crash.quiet import until_quiet
from tests.support.stack import DatabaseUrls

ACTOR = "01890000-0000-7000-8000-00000000000a"
PLENARY = "01890000-0000-7000-8000-000000000001"
ROUTE = "POST /v1/adjournments"
A, B = "plenary/a", "plenary/b"
_SIZES = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1)
_LONG = 30.0


def adjourning(stream: str) -> Program:
    """Return a program that appends one event to a stream."""

    async def program(load: Loader) -> Decision:
        await load.load(_SIZES, stream)
        return [Emit(stream, PlenaryAdjourned(plenary=PLENARY))]

    return program


class Tallies:
    """A projection: how many events each stream has."""

    name = "tallies"
    table = Table("tallies", ("grp", "id", "count"))
    types = frozenset({PlenaryAdjourned.type_name()})

    def groups(self, event: Recorded) -> list[str]:
        return [event.stream]

    def initial(self, group: str) -> int:
        return 0

    def fold(self, state: int, event: Recorded, group: str) -> int:
        return state + 1

    def rows(self, group: str, state: int) -> list[tuple[Any, ...]]:
        return [(group, group, state)]


@dataclass
class Side:
    """One service's log and what works on it; every part is made anew, as after a restart, by its method."""

    wire: Wire
    urls: DatabaseUrls
    pool: asyncpg.Pool[Any]
    broker: Broker
    topics: tuple[str, ...] = ()
    """What it receives."""
    wake: Wake = field(default_factory=Wake)
    signer: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(Ed25519PrivateKey.generate()))
    measures: LogMeasures = field(default_factory=lambda: LogMeasures(CollectorRegistry()))
    delivery: DeliveryMeasures = field(default_factory=lambda: DeliveryMeasures(CollectorRegistry()))

    @property
    def store(self) -> Store:
        """What the checker compares."""
        return Store(self.wire, self.urls.owner_url, self.topics, projections=(Tallies(),))

    @property
    def bare(self) -> Store:
        """The same without what folds it, which runs only when it is called."""
        return Store(self.wire, self.urls.owner_url, self.topics)

    def executor(self) -> Executor:
        return Executor(self.wire.service, self.pool, CODEC, SystemClock(), self.wake, self.signer)

    def relay(self, kind: type[Relay] = Relay) -> Relay:
        async def prepare() -> None:
            lead = Lead(self.urls.login_url, "reconcile", poll=0.05)
            await Reconciler(self.wire, self.pool, self.broker, lead, SystemClock()).run()

        lead = Lead(self.urls.login_url, "relay", poll=0.05)
        return kind(self.wire, self.pool, self.broker, self.wake, lead, self.delivery, prepare)

    def receiver(self, kind: type[Receiver] = Receiver) -> Receiver:
        group = f"{self.topics[0]}-{self.wire.service}"
        clock = SystemClock()
        return kind(
            self.wire, self.topics, self.pool, self.broker, clock, self.wake, self.delivery, group=group, look=0.05
        )

    async def fold(self, kind: type[ProjectionFolder[Any]] = ProjectionFolder) -> None:
        """Fold everything that can be seen, with an empty memory."""
        folder = kind(Tallies(), CODEC, self.measures)
        async with self.pool.acquire() as connection:
            while await folder.step(connection):
                pass

    @contextlib.asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Connect as the database's owner, who may change what a service may not."""
        connection = await asyncpg.connect(self.urls.owner_url)
        try:
            yield connection
        finally:
            await connection.close()


@dataclass
class TwoLogs:
    """The sender and its copy, with the history of what was asked of the sender."""

    sender: Side
    copy: Side
    history: History = field(default_factory=History)
    world: World = field(init=False)
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.world = World((self.sender.store, self.copy.store), self.sender.broker, self.history)

    def ask(self) -> Ask:
        """Return a new command, noted in the history as not answered."""
        key = uuid7()
        self.history.commands[key] = Command(self.sender.wire.service, ACTOR, ROUTE, key)
        return Ask(ACTOR, ROUTE, key, sha256(key.encode()).digest(), datetime.now(UTC))

    async def say(self, stream: str) -> None:
        """Have one event appended, and note its receipt."""
        ask = self.ask()
        receipt = await self.sender.executor().execute(ask, adjourning(stream))
        assert isinstance(receipt, Receipt)
        self.acknowledge(ask, receipt)

    def acknowledge(self, ask: Ask, receipt: Receipt) -> None:
        """Note that a command was answered."""
        self.history.commands[ask.key].receipts.append(receipt.as_json())

    async def read_receipt(self, ask: Ask, stream: str) -> Receipt:
        """Return the receipt of a command whose append was done by hand."""
        async with self.sender.pool.acquire() as connection:
            events = [event for event in await read_stream(connection, stream) if event.doc["commandid"] == ask.key]
        return Receipt.of(ask.key, events)

    async def settle(self) -> None:
        """Let intact parts publish, receive and fold everything."""
        async with running(self.sender.relay(), self.copy.receiver()):
            await self.settled()

    async def settled(self) -> None:
        """Wait until what runs has published and received everything, then fold it."""
        await until_quiet([self.sender.bare, self.copy.bare], self.sender.broker, within=_LONG)
        await self.sender.fold()
        await self.copy.fold()

    async def check(self) -> Report:
        """Ask the checker."""
        return await check(self.world)


@contextlib.asynccontextmanager
async def running(*parts: Relay | Receiver) -> AsyncIterator[None]:
    """Run parts until the context ends; then they are cancelled, wherever they are."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Dying:
    """What makes a part die at a point that its subclass names: it goes no further, and whoever runs it ends it."""

    @cached_property
    def died(self) -> asyncio.Event:
        """Set when the point is reached."""
        return asyncio.Event()

    async def die(self) -> Never:
        """Go no further."""
        self.died.set()
        await asyncio.Event().wait()
        raise AssertionError("the dead do not go on")


class DiesAcknowledged(Dying, Relay):
    """Killed after the broker has acknowledged and before the checkpoint has moved."""

    async def _save(self, end: Position, last: Any) -> None:
        await self.die()


class DiesStored(Dying, Receiver):
    """Stores first, and is killed in the same transaction before it moves its position."""

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        async with self.pool.acquire() as connection, connection.transaction():
            await commit(connection, await plan(connection, arrivals), [], self._cluster)
            await self.die()


def found(report: Report) -> dict[str, list[str]]:
    """Return the findings of each kind that has any, as lines."""
    return {kind: [str(finding) for finding in report.of(kind)] for kind in KINDS if report.of(kind)}


async def until_dead(part: Relay | Receiver) -> None:
    """Run a part until it has reached the point where it dies, and end it there."""
    assert isinstance(part, Dying)
    async with running(part):
        await asyncio.wait_for(part.died.wait(), _LONG)


async def side(database: DatabaseFactory, bootstrap: str, wire: Wire, topics: tuple[str, ...] = ()) -> Side:
    """Make one service's side, with the projection's table."""
    urls = await database(wire.service)
    pool = await asyncpg.create_pool(urls.login_url, min_size=1, max_size=8)
    made = Side(wire, urls, pool, Broker(bootstrap, f"test-{wire.service}"), topics)
    login = await pool.fetchval("select current_user")
    async with made.owner() as owner:
        await owner.execute("create table tallies (grp text, id text, count integer, primary key (grp, id))")
        await owner.execute(f'grant select, insert, update, delete on tallies to "{login}"')
    return made
