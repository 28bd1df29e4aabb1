"""Commands that race, repeat, are cut off or are taken back, on a real PostgreSQL: each is done once or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from kernel.clock import SystemClock
from kernel.commands import Ask, Executor, Receipt
from kernel.decider import Aggregate, Decision, Emit, Loader, Refusal, Text
from kernel.group import GroupAppender
from kernel.lead import STORE_AWAY
from kernel.log import Append, CommandRow, Recorded, Wake, append, read_stream
from schemas.codec import CODEC
from schemas.nomination import PlenaryAdjourned
from tests.conftest import DatabaseFactory

PLENARY = "01890000-0000-7000-8000-000000000001"
SIZE = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1)
ROUTE = "POST /v1/things"


def adjourning(stream: str, at_most: int = 1_000_000) -> Any:
    """Return a program that appends one event to a stream that is not full."""

    async def program(load: Loader) -> Decision:
        if await load.load(SIZE, stream) >= at_most:
            return Refusal("full", Text("full", "penuh"))
        return [Emit(stream, PlenaryAdjourned(plenary=PLENARY))]

    return program


@dataclass
class Log:
    """One service's log; every executor is a process with states of its own."""

    pool: asyncpg.Pool[Any]
    keys: Any = field(default_factory=count)

    def executor(self) -> Executor:
        return Executor("nomination", self.pool, CODEC, SystemClock(), Wake())

    def ask(self, key: str | None = None) -> Ask:
        return Ask("an-actor", ROUTE, key or f"key-{next(self.keys)}", b"digest", datetime.now(UTC))

    async def prepared(self, stream: str, ask: Ask | None = None) -> Append:
        async with self.pool.acquire() as connection:
            prepared = await self.executor().prepare(connection, ask or self.ask(), adjourning(stream))
        assert prepared is not None
        return prepared.append

    async def events(self, stream: str) -> list[Recorded]:
        async with self.pool.acquire() as connection:
            return await read_stream(connection, stream)


@pytest_asyncio.fixture
async def log(database: DatabaseFactory) -> AsyncIterator[Log]:
    _, login_url = await database("nomination")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=6)
    yield Log(pool)
    pool.terminate()


# --- rehearsed -------------------------------------------------------------------------------------------------------


async def test_a_rehearsal_decides_on_what_stands_and_leaves_nothing(log: Log) -> None:
    executor = log.executor()
    await executor.execute(log.ask(), adjourning("plenary/a"))
    await log.executor().execute(log.ask(), adjourning("plenary/a"))  # by another process, unseen by the first
    ask = log.ask("asked twice")
    decision = await executor.rehearse(ask, adjourning("plenary/a", 3))
    assert [emit.stream for emit in decision] == ["plenary/a"]  # type: ignore[union-attr]
    refusal = await executor.rehearse(log.ask(), adjourning("plenary/a", 2))
    assert isinstance(refusal, Refusal)
    assert len(await log.events("plenary/a")) == 2
    assert await log.pool.fetchval("select count(*) from events") == 2
    assert isinstance(await executor.execute(ask, adjourning("plenary/a", 3)), Receipt)
    assert len(await log.events("plenary/a")) == 3


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_nobody_is_refused_for_two_streams_that_never_stood_so_at_once(log: Log) -> None:
    """Another command grows both streams after the one was read and before the other is."""

    async def both(load: Loader) -> Decision:
        for stream in ("plenary/a", "plenary/b"):
            await load.load(SIZE, stream)
        return [Emit(stream, PlenaryAdjourned(plenary=PLENARY)) for stream in ("plenary/a", "plenary/b")]

    seen: list[tuple[int, int]] = []

    async def refused(load: Loader) -> Decision:
        first = await load.load(SIZE, "plenary/a")
        if not seen:
            await log.executor().execute(log.ask(), both)
        seen.append((first, await load.load(SIZE, "plenary/b")))
        return Refusal("whole" if first == seen[-1][1] else "torn", Text("", ""))

    refusal = await log.executor().execute(log.ask(), refused)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, seen) == ("whole", [(0, 1), (1, 1)])
    seen.clear()
    rehearsed = await log.executor().rehearse(log.ask(), refused)
    assert isinstance(rehearsed, Refusal)
    assert (rehearsed.code, seen) == ("whole", [(1, 2), (2, 2)])


# --- repeated --------------------------------------------------------------------------------------------------------


async def test_a_command_taken_back_from_a_topic_is_not_done_again(log: Log) -> None:
    """Its route and content are not in the topic, so it is known by actor and key alone."""
    await log.pool.execute("select open_epoch('restored')")
    first = await log.prepared("plenary/first", log.ask("taken"))
    entry = first.entries[0]._replace(command=CommandRow("an-actor", "", "taken", None))
    async with log.pool.acquire() as connection:
        await append(connection, first._replace(entries=[entry]))
    repeated = await log.executor().execute(log.ask("taken"), adjourning("plenary/second"))
    assert isinstance(repeated, Receipt)
    assert [event.stream for event in repeated.events] == ["plenary/first"]
    assert await log.events("plenary/second") == []
    fresh = await log.executor().execute(log.ask("fresh"), adjourning("plenary/second"))
    assert isinstance(fresh, Receipt)
    assert [event.stream for event in fresh.events] == ["plenary/second"]


async def test_one_key_on_two_routes_committed_together_is_two_commands(log: Log) -> None:
    executor = log.executor()
    executor.appender = GroupAppender(log.pool, at_once=1)
    streams = ["plenary/a", "plenary/b"]
    for stream in streams:  # then both decide at once, from states that are kept
        await executor.execute(log.ask(), adjourning(stream))
    asks = [replace(log.ask("one-key"), route=route) for route in ("POST /v1/a", "POST /v1/b")]
    together = zip(asks, streams, strict=True)
    first = await asyncio.gather(*(executor.execute(ask, adjourning(stream)) for ask, stream in together))
    assert len({event.position[:2] for stream in streams for event in (await log.events(stream))[1:]}) == 1
    again = [await log.executor().execute(ask, adjourning("plenary/other")) for ask in asks]
    assert again == first
    named = [[event.stream for event in receipt.events] for receipt in again if isinstance(receipt, Receipt)]
    assert named == [[stream] for stream in streams]


async def test_replicas_that_decide_the_same_thing_at_once_do_it_once(log: Log) -> None:
    replicas = [log.executor() for _ in range(3)]
    for replica in replicas:  # each has a state of its own that is stale at once
        await replica.execute(log.ask(), adjourning("plenary/a", 3))
    answers = await asyncio.gather(
        *(replica.execute(log.ask("same"), adjourning("plenary/a", 4)) for replica in replicas for _ in range(3))
    )
    assert len(set(answers)) == 1
    assert isinstance(answers[0], Receipt)
    assert len(await log.events("plenary/a")) == 4
    others = await asyncio.gather(
        *(replica.execute(log.ask(), adjourning("plenary/a", 5)) for replica in replicas for _ in range(3))
    )
    assert sum(isinstance(other, Receipt) for other in others) == 1
    assert len(await log.events("plenary/a")) == 5


# --- cut off ---------------------------------------------------------------------------------------------------------


async def test_a_caller_that_left_is_answered_when_it_asks_again(log: Log) -> None:
    executor = log.executor()
    for _ in range(5):
        leaving = asyncio.create_task(executor.execute(log.ask("left"), adjourning("plenary/a")))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    receipt = await asyncio.wait_for(executor.execute(log.ask("left"), adjourning("plenary/a")), 10)
    assert isinstance(receipt, Receipt)
    assert len(await log.events("plenary/a")) == 1


async def test_a_cut_connection_does_not_outlive_the_append_that_met_it(log: Log) -> None:
    """The appender keeps a connection while there is work; a dead one must not be kept, however steady the work is."""
    executor = log.executor()
    await executor.execute(log.ask(), adjourning("plenary/steady"))
    failures = 0
    for turn in range(40):
        if turn == 5:
            async with log.pool.acquire() as connection:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and usename = current_user and pid <> pg_backend_pid()"
                )
        try:
            await asyncio.wait_for(executor.execute(log.ask(f"steady-{turn}"), adjourning("plenary/steady")), 10)
        except STORE_AWAY:
            failures += 1
            again = await asyncio.wait_for(_persistent(executor, log.ask(f"steady-{turn}")), 10)
            assert isinstance(again, Receipt)
    assert failures <= 6
    events = await log.events("plenary/steady")
    assert len(events) == 41
    assert len({event.doc["commandid"] for event in events}) == 41


async def _persistent(executor: Executor, ask: Ask) -> Receipt | Refusal:
    for _ in range(6):
        try:
            return await executor.execute(ask, adjourning("plenary/steady"))
        except STORE_AWAY:
            await asyncio.sleep(0)
    return await executor.execute(ask, adjourning("plenary/steady"))


async def test_what_waited_behind_a_cut_connection_is_carried_out_on_another(log: Log) -> None:
    batches = [await log.prepared(f"plenary/{number}") for number in range(5)]
    appender = GroupAppender(log.pool, at_once=1, most=1)
    async with log.pool.acquire() as holder, holder.transaction():
        # The first append waits for a stream that another one holds, and is cut off there.
        await append(holder, await log.prepared("plenary/0"))
        first, *others = [asyncio.create_task(appender.append(batch)) for batch in batches]
        await _terminate_who_waits(log)
        with pytest.raises(STORE_AWAY):
            await asyncio.wait_for(first, 10)
        await asyncio.wait_for(asyncio.gather(*others), 10)
    assert [len(await log.events(f"plenary/{number}")) for number in range(5)] == [1] * 5


async def _terminate_who_waits(log: Log) -> None:
    async with asyncio.timeout(60):
        while not await log.pool.fetchval(  # noqa: ASYNC110 - nobody tells us
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0)


async def test_what_cannot_be_stored_fails_alone(log: Log) -> None:
    good = [await log.prepared(f"plenary/{number}") for number in range(3)]
    entry = good[1].entries[0]
    bad = good[1]._replace(entries=[entry._replace(document=f"{entry.document}\0")])
    appender = GroupAppender(log.pool, at_once=1)
    outcomes = await asyncio.gather(
        *(appender.append(batch) for batch in (good[0], bad, good[2])), return_exceptions=True
    )
    assert isinstance(outcomes[1], asyncpg.PostgresError)
    assert [len(await log.events(f"plenary/{number}")) for number in range(3)] == [1, 0, 1]


# --- starved ---------------------------------------------------------------------------------------------------------


async def test_commands_that_read_beside_their_streams_do_not_wait_for_one_another_for_ever(log: Log) -> None:
    """Each holds a connection for its streams and asks the pool for a second one."""

    def looking(stream: str) -> Any:
        async def program(load: Loader) -> Decision:
            await load.load(SIZE, stream)
            assert await log.pool.fetchval("select 1") == 1
            return [Emit(stream, PlenaryAdjourned(plenary=PLENARY))]

        return program

    executor = log.executor()
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(executor.execute(log.ask(), looking(f"plenary/{n}")) for n in range(20)))
    assert all(isinstance(answer, Receipt) for answer in answers)
