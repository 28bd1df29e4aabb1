"""Handlers that fail, are cut off between durable steps or collide, on a real PostgreSQL: nothing twice, or never."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from kernel.clock import SystemClock
from kernel.codec import Unreadable
from kernel.commands import Ask, Executor, Program, Receipt
from kernel.decider import START, Aggregate, Decision, Emit, Happened, Loader, Position, Refusal, Text
from kernel.lead import STORE_AWAY
from kernel.log import Connection, Recorded, Wake, read_stream
from kernel.measures import LogMeasures
from kernel.reactor import (
    CheckpointMoved,
    Demand,
    Effects,
    HandlerFolder,
    Live,
    ProjectionFolder,
    ReactionFolder,
    Reactor,
    Table,
    enable,
)
from kernel.relay import SQL as RELAY_SQL
from schemas.codec import CODEC, RegistryCodec
from schemas.nomination import PlenaryAdjourned
from tests.conftest import DatabaseFactory

PLENARY = "01890000-0000-7000-8000-000000000001"
ADJOURNED = PlenaryAdjourned.type_name()
SIZE = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1)


def adjourning(stream: str, *guarded: str) -> Program:
    """Return a program that appends one event to a stream, resting on others too."""

    async def program(load: Loader) -> Decision:
        for each in (stream, *guarded):
            await load.load(SIZE, each)
        return [Emit(stream, PlenaryAdjourned(plenary=PLENARY))]

    return program


T = TypeVar("T")


@dataclass
class Log:
    """One service's log with two read tables of the tests' own."""

    pool: asyncpg.Pool[Any]
    executor: Executor
    measures: LogMeasures = field(default_factory=lambda: LogMeasures(CollectorRegistry()))
    keys: Any = field(default_factory=count)

    async def emit(self, stream: str, *guarded: str, received: datetime | None = None) -> Receipt:
        ask = Ask("an-actor", "POST /v1/things", f"key-{next(self.keys)}", b"d", received or datetime.now(UTC))
        receipt = await self.executor.execute(ask, adjourning(stream, *guarded))
        assert isinstance(receipt, Receipt)
        return receipt

    async def events(self, stream: str) -> list[Recorded]:
        async with self.pool.acquire() as connection:
            return await read_stream(connection, stream)

    async def seen(self) -> list[str]:
        return [row["stream"] for row in await self.pool.fetch("select stream from seen order by number")]

    async def tallies(self) -> dict[str, int]:
        return {row["id"]: row["count"] for row in await self.pool.fetch("select id, count from tallies")}


@pytest_asyncio.fixture
async def log(database: DatabaseFactory) -> AsyncIterator[Log]:
    owner_url, login_url = await database("nomination")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=10)
    owner = await asyncpg.connect(owner_url)
    login = await pool.fetchval("select current_user")
    await owner.execute("create table seen (number bigint generated always as identity, stream text)")
    await owner.execute("create table tallies (grp text, id text, count integer, primary key (grp, id))")
    await owner.execute(f'grant select, insert, update, delete on seen, tallies to "{login}"')
    await owner.close()
    yield Log(pool, Executor("nomination", pool, CODEC, SystemClock(), Wake()))
    pool.terminate()


class Seeing:
    """A handler: writes down each event's stream, which nothing keeps from being written twice."""

    name = "seeing"
    types = frozenset({ADJOURNED})
    pace = 0.0

    def __init__(self, dies_at: str = "") -> None:
        self.dies_at = dies_at
        self._batch: list[str] = []

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        self._batch = [live.happened.stream for live in batch]
        return Effects(writes=[("insert into seen (stream) values ($1)", (stream,)) for stream in self._batch])

    def settled(self, committed: bool) -> None:
        if committed and self.dies_at in self._batch:
            raise SystemError("died after the commit")


class Tallies:
    """A projection: how many events each stream has."""

    name = "tallies"
    table = Table("tallies", ("grp", "id", "count"))
    types = frozenset({ADJOURNED})

    def groups(self, event: Recorded) -> list[str]:
        return [event.stream]

    def initial(self, group: str) -> int:
        return 0

    def fold(self, state: int, event: Recorded, group: str) -> int:
        return state + 1

    def rows(self, group: str, state: int) -> list[tuple[Any, ...]]:
        return [(group, group, state)]


async def drain(folder: Any, connection: Any) -> None:
    while await folder.step(connection):
        pass


@contextlib.asynccontextmanager
async def running(reactor: Reactor) -> AsyncIterator[None]:
    task = asyncio.create_task(reactor.run())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(find: Callable[[], Awaitable[Any]], expected: Any) -> None:
    async with asyncio.timeout(60):
        while await find() != expected:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer: sessions that were cut come out of the pool for a while."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask()
            except STORE_AWAY:
                await asyncio.sleep(0.01)


# --- failures --------------------------------------------------------------------------------------------------------


async def test_a_handler_that_fails_stops_no_other_and_is_told(log: Log) -> None:
    class Broken(Tallies):
        name = "broken"
        works = False

        def fold(self, state: int, event: Recorded, group: str) -> int:
            if not self.works:
                raise ZeroDivisionError("a fault of the code")
            return state + 1

    broken = Broken()
    reactor = Reactor(
        log.pool,
        log.executor.wake,
        [
            ProjectionFolder(broken, CODEC, log.measures),
            HandlerFolder(Seeing(), CODEC, log.measures),
        ],
    )

    async def told() -> tuple[bool, str]:
        return reactor.check()

    async with running(reactor):
        for number in range(3):
            await log.emit(f"plenary/{number}")
            await until(log.seen, [f"plenary/{each}" for each in range(number + 1)])
        await until(told, (False, "broken: ZeroDivisionError: a fault of the code"))
        broken.works = True
        await until(log.tallies, {f"plenary/{each}": 1 for each in range(3)})
        await until(told, (True, "folds"))


async def test_a_cut_session_of_a_handler_is_made_anew(log: Log) -> None:
    reactor = Reactor(log.pool, log.executor.wake, [ProjectionFolder(Tallies(), CODEC, log.measures)])
    async with running(reactor):
        await log.emit("plenary/a")
        await until(log.tallies, {"plenary/a": 1})
        await log.pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and usename = current_user and pid <> pg_backend_pid()"
        )
        with contextlib.suppress(*STORE_AWAY):
            await log.emit("plenary/a")
        await answered(lambda: log.emit("plenary/a"))
        held = await answered(lambda: log.events("plenary/a"))
        await until(lambda: answered(log.tallies), {"plenary/a": len(held)})


async def test_a_session_on_which_commits_need_not_wait_is_not_given_back_so(log: Log) -> None:
    reactor = Reactor(log.pool, log.executor.wake, [ProjectionFolder(Tallies(), CODEC, log.measures)])
    for _ in range(3):
        async with running(reactor):
            await log.emit("plenary/a")
    async with contextlib.AsyncExitStack() as held:
        taken = [await held.enter_async_context(log.pool.acquire()) for _ in range(log.pool.get_size())]
        settings = [await connection.fetchval("show synchronous_commit") for connection in taken]
    assert set(settings) == {"on"}


# --- cut off between two steps ---------------------------------------------------------------------------------------


class Blind(RegistryCodec):
    """A build that cannot read the events of some hour."""

    def read(self, type_name: str, data: dict[str, Any]) -> Any:
        raise Unreadable("not by this build")


async def test_what_a_stalled_stream_held_back_is_handed_over_once_whenever_the_process_dies(log: Log) -> None:
    await log.emit("plenary/a")
    await log.emit("plenary/a")
    async with log.pool.acquire() as connection:
        blind = HandlerFolder(Seeing(), Blind(), log.measures)
        await drain(blind, connection)
        assert blind.stalled == {"plenary/a": 1}
        with pytest.raises(SystemError, match="died after the commit"):
            await drain(HandlerFolder(Seeing("plenary/a"), CODEC, log.measures), connection)
        again = HandlerFolder(Seeing(), CODEC, log.measures)
        await drain(again, connection)
        assert again.stalled == {}
    assert await log.seen() == ["plenary/a", "plenary/a"]


class Twofold:
    """A reaction: every meeting of `plenary/…` is noted on two awards."""

    name = "twofold"
    types = frozenset({ADJOURNED})
    dies = False

    def demands(self, event: Happened) -> list[Demand]:
        if not event.stream.startswith("plenary/"):
            return []
        first, second = (event.stream.replace("plenary", kind) for kind in ("award", "appeal"))

        async def dying(load: Loader) -> Decision:
            if self.dies:
                raise SystemError("died between two demands")
            return await adjourning(second)(load)

        return [Demand(first, adjourning(first)), Demand(second, dying)]


async def test_a_reaction_cut_off_between_two_demands_does_each_once(log: Log) -> None:
    reaction = Twofold()
    folder = ReactionFolder(reaction, log.executor, log.measures)
    async with log.pool.acquire() as connection:
        await enable(folder, log.executor, connection)
        await log.emit("plenary/a")
        reaction.dies = True
        for _ in range(2):
            with pytest.raises(SystemError):
                await drain(ReactionFolder(reaction, log.executor, log.measures), connection)
        reaction.dies = False
        await drain(ReactionFolder(reaction, log.executor, log.measures), connection)
    assert [len(await log.events(stream)) for stream in ("award/a", "appeal/a")] == [1, 1]


async def test_a_reaction_whose_enabling_was_cut_off_acts_on_all_that_follows_its_event(log: Log) -> None:
    await log.emit("plenary/before")
    folder = ReactionFolder(Twofold(), log.executor, log.measures)
    async with log.pool.acquire() as connection:
        await enable(folder, log.executor, connection)
        # Killed before the position was written: the event is there, the checkpoint does not know it.
        await connection.execute(
            "update checkpoints set enabled_epoch = 0, enabled_xid = '0', enabled_position = 0 "
            "where handler = 'twofold'"
        )
        await log.emit("plenary/after")
        replicas = [Executor("nomination", log.pool, CODEC, SystemClock(), Wake()) for _ in range(3)]
        async with contextlib.AsyncExitStack() as held:
            lent = [await held.enter_async_context(log.pool.acquire()) for _ in replicas]
            await asyncio.gather(*(enable(folder, each, one) for each, one in zip(replicas, lent, strict=True)))
        await drain(ReactionFolder(Twofold(), log.executor, log.measures), connection)
    assert len(await log.events("service/nomination")) == 1
    assert [len(await log.events(stream)) for stream in ("award/before", "award/after")] == [0, 1]


async def test_two_active_copies_of_a_reaction_do_each_demand_once(log: Log) -> None:
    folders = [ReactionFolder(Twofold(), log.executor, log.measures) for _ in range(2)]
    async with log.pool.acquire() as one, log.pool.acquire() as other:
        await enable(folders[0], log.executor, one)
        for number in range(10):
            await log.emit(f"plenary/{number}")
        await asyncio.gather(_drain_past_moves(folders[0], one), _drain_past_moves(folders[1], other))
    assert [len(await log.events(f"{kind}/{n}")) for kind in ("award", "appeal") for n in range(10)] == [1] * 20


async def _drain_past_moves(folder: Any, connection: Any) -> None:
    for _ in range(100):
        try:
            await drain(folder, connection)
        except CheckpointMoved:
            continue
        return
    pytest.fail("the copy never came to the end")


async def test_a_reactions_refusal_rests_on_what_stands_when_it_is_written(log: Log) -> None:
    """It is refused for the stream's first event, which is already another's when the refusal is written."""
    looks = 0

    class Hesitant(Twofold):
        name = "hesitant"

        def demands(self, event: Happened) -> list[Demand]:
            if not event.stream.startswith("plenary/"):
                return []

            async def program(load: Loader) -> Decision:
                nonlocal looks
                looks += 1
                size = await load.load(SIZE, "award/guarded")
                if looks == 1:
                    await log.emit("award/guarded")
                if size == 0:
                    return Refusal("empty", Text("empty", "kosong"))
                return await adjourning("award/target")(load)

            return [Demand("award/target", program)]

    folder = ReactionFolder(Hesitant(), log.executor, log.measures)
    async with log.pool.acquire() as connection:
        await enable(folder, log.executor, connection)
        await log.emit("plenary/a")
        await drain(ReactionFolder(Hesitant(), log.executor, log.measures), connection)
    assert looks == 2
    assert len(await log.events("award/target")) == 1


async def test_a_reaction_leaves_nothing_undone_for_two_streams_that_never_stood_so_at_once(log: Log) -> None:
    """Both streams grow after the one is read and before the other is; it is to act when they are of one size."""
    seen: list[tuple[int, int]] = []

    class Comparing(Twofold):
        name = "comparing"

        def demands(self, event: Happened) -> list[Demand]:
            if not event.stream.startswith("plenary/"):
                return []

            async def program(load: Loader) -> Decision:
                first = await load.load(SIZE, "award/one")
                if not seen:
                    await log.emit("award/one")
                    await log.emit("award/other")
                seen.append((first, await load.load(SIZE, "award/other")))
                return await adjourning("award/target")(load) if first == seen[-1][1] else []

            return [Demand("award/target", program)]

    folder = ReactionFolder(Comparing(), log.executor, log.measures)
    async with log.pool.acquire() as connection:
        await enable(folder, log.executor, connection)
        await log.emit("plenary/a")
        await drain(ReactionFolder(Comparing(), log.executor, log.measures), connection)
    assert seen == [(0, 1), (1, 1)]
    assert len(await log.events("award/target")) == 1


# --- rebuilt while live ----------------------------------------------------------------------------------------------


async def test_a_projection_passes_nothing_while_a_rebuild_holds_it_still(log: Log) -> None:
    """Not even what changes no row of this code: the code that is rebuilding may see it otherwise."""

    class Idle(Tallies):
        def rows(self, group: str, state: int) -> list[tuple[Any, ...]]:
            return [(group, group, 1)]

    folder = ProjectionFolder(Idle(), CODEC, log.measures)
    async with log.pool.acquire() as folding, log.pool.acquire() as rebuilding:
        await log.emit("plenary/a")
        await drain(folder, folding)
        await log.emit("plenary/a")
        await rebuilding.execute("select pg_advisory_lock(4712, hashtext('tallies'))")
        passing = asyncio.create_task(drain(folder, folding))
        await until(lambda: log.pool.fetchval(_WAITING_FOR_ADVICE), expected=1)
        assert await log.pool.fetchval(_WRITING) == 0, "and no reader of the log waits for it"
        await rebuilding.execute("update checkpoints set generation = generation + 1 where handler = 'tallies'")
        await rebuilding.execute("select pg_advisory_unlock(4712, hashtext('tallies'))")
        with pytest.raises(CheckpointMoved):
            await passing


_WRITING = "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null"
_WAITING_FOR_ADVICE = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
)


# --- order and time --------------------------------------------------------------------------------------------------


async def test_an_event_is_never_dated_before_what_it_rests_on(log: Log) -> None:
    late = datetime.now(UTC)
    early = late - timedelta(seconds=3)
    await log.emit("season/opened", received=late)
    await log.emit("sheet/of-it", "season/opened", received=early)
    rests_on, event = (await log.events("season/opened"))[0], (await log.events("sheet/of-it"))[0]
    assert event.time == rests_on.time


async def test_the_relays_next_batch_does_not_copy_the_backlog(log: Log) -> None:
    plan = await log.pool.fetch("explain " + _written_out(RELAY_SQL["next_own"], START, 2000, 8_000_000))
    assert not [line for (line,) in plan if "CTE visible" in line]


def _written_out(statement: str, after: Position, *others: int) -> str:
    for number, value in enumerate((after.epoch, f"'{after.xid}'", after.sequence, *others), start=1):
        statement = statement.replace(f"${number}", str(value))
    return statement
