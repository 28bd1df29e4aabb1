"""The local log on a real PostgreSQL: heads, guards, the gate, command ids, append-only, reactions, projections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from kernel.canonical import parse_canonical
from kernel.clock import SystemClock
from kernel.codec import Unreadable
from kernel.commands import KEY_REUSED, Ask, Executor, Receipt
from kernel.decider import START, Aggregate, Decision, Emit, FieldFault, Happened, Loader, Position, Refusal, Text
from kernel.log import Recorded, StreamMoved, Wake, append, read_after, read_stream
from kernel.measures import LogMeasures
from kernel.reactor import (
    CheckpointMoved,
    Demand,
    Effects,
    HandlerFolder,
    Live,
    ProjectionFolder,
    ReactionFolder,
    Table,
    enable,
)
from kernel.rebuild import rebuild
from schemas.codec import CODEC, RegistryCodec
from schemas.nomination import PlenaryAdjourned
from schemas.service import ReactionEnabled
from tests.conftest import DatabaseFactory

PLENARY = "01890000-0000-7000-8000-000000000001"
COUNT = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1)
ADJOURNED = PlenaryAdjourned.type_name()


@dataclass
class House:
    """One service's log in a test."""

    pool: asyncpg.Pool[Any]
    owner_url: str
    executor: Executor
    measures: LogMeasures
    keys: Iterable[int] = field(default_factory=lambda: iter(range(10_000)))

    def ask(self, key: str | None = None, digest: bytes = b"d") -> Ask:
        return Ask("an-actor", "POST /v1/things", key or f"key-{next(iter(self.keys))}", digest, datetime.now(UTC))

    async def emit(self, stream: str, key: str | None = None, times: int = 1) -> Receipt:
        async def program(load: Loader) -> Decision:
            await load.load(COUNT, stream)
            return [Emit(stream, PlenaryAdjourned(plenary=PLENARY)) for _ in range(times)]

        receipt = await self.executor.execute(self.ask(key), program)
        assert isinstance(receipt, Receipt)
        return receipt

    async def events(self, stream: str) -> list[Recorded]:
        async with self.pool.acquire() as connection:
            return await read_stream(connection, stream)


@pytest_asyncio.fixture
async def house(database: DatabaseFactory) -> AsyncIterator[House]:
    owner_url, login_url = await database("nomination")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=10)
    executor = Executor("nomination", pool, CODEC, SystemClock(), Wake())
    yield House(pool, owner_url, executor, LogMeasures(CollectorRegistry()))
    await pool.close()


async def test_events_of_a_stream_form_a_chain_of_canonical_documents(house: House) -> None:
    await house.emit("plenary/a", times=3)
    await house.emit("plenary/a")
    events = await house.events("plenary/a")
    assert [event.version for event in events] == [1, 2, 3, 4]
    documents = [parse_canonical(event.document.encode()) for event in events]
    assert [document.get("prevhash") for document in documents] == [None, *(e.hash.hex() for e in events[:-1])]
    assert all(
        document["commandid"].startswith("key-") and len(document["data"]["salt"]) == 32 for document in documents
    )


async def test_a_repeated_command_gets_its_first_answer_and_another_content_is_refused(house: House) -> None:
    first = await house.emit("plenary/a", key="same")
    again = await house.emit("plenary/a", key="same")
    assert again == first
    assert len(await house.events("plenary/a")) == 1

    async def program(load: Loader) -> Decision:
        await load.load(COUNT, "plenary/b")
        return [Emit("plenary/b", PlenaryAdjourned(plenary=PLENARY))]

    assert await house.executor.execute(house.ask("same", b"other"), program) is KEY_REUSED
    assert await house.events("plenary/b") == []


async def test_of_many_deciding_the_same_thing_at_once_exactly_one_wins(house: House) -> None:
    async def program(load: Loader) -> Decision:
        if await load.load(COUNT, "plenary/a"):
            return Refusal("done", Text("done", "sudah"))
        return [Emit("plenary/a", PlenaryAdjourned(plenary=PLENARY))]

    answers = await asyncio.gather(*(house.executor.execute(house.ask(), program) for _ in range(20)))
    assert sum(isinstance(answer, Receipt) for answer in answers) == 1
    assert len(await house.events("plenary/a")) == 1


async def test_a_guarded_stream_that_moves_lets_the_decision_be_taken_anew(house: House) -> None:
    seen: list[int] = []

    async def program(load: Loader) -> Decision:
        seen.append(await load.load(COUNT, "plenary/guarded"))
        if len(seen) == 1:
            await house.emit("plenary/guarded")
        return [Emit("plenary/written", PlenaryAdjourned(plenary=PLENARY))]

    assert isinstance(await house.executor.execute(house.ask(), program), Receipt)
    assert seen == [0, 1]


async def test_a_refusal_is_an_event_with_code_and_field_but_no_value_and_a_hundred_a_day(house: House) -> None:
    typed = "a hundred and eighty-seven"  # in words: digits stand in any hash
    fault = FieldFault("mark", typed, Text("0 to 100", "0 sampai 100"))

    async def program(_load: Loader) -> Decision:
        return Refusal("out-of-scale", Text("no", "tidak"), faults=(fault,))

    for _ in range(103):
        assert isinstance(await house.executor.execute(house.ask(), program), Refusal)
    events = await house.events(f"refusal/nomination/an-actor/{datetime.now(UTC):%Y-%m-%d}")
    assert len(events) == 101
    assert [event.data["closing"] for event in events] == [False] * 100 + [True]
    assert events[0].data["code"] == "out-of-scale"
    assert events[0].data["fields"] == ["mark"]
    assert typed not in events[0].document


async def test_neither_service_nor_owner_can_change_or_remove_what_was_written(house: House) -> None:
    await house.emit("plenary/a")
    owner = await asyncpg.connect(house.owner_url)
    try:
        for statement in ("update events set type = 'x'", "delete from events", "truncate events",
                          "delete from heads", "truncate heads", "update heads set version = 0",
                          "delete from epochs"):  # fmt: skip
            with pytest.raises(asyncpg.PostgresError):
                await house.pool.execute(statement)
            with pytest.raises(asyncpg.PostgresError) as refused:
                await owner.execute(statement)
            assert refused.value.sqlstate == "PA003"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.pool.execute("insert into heads values ('x', 1, '', now())")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.pool.execute("drop trigger events_rows on events")
    finally:
        await owner.close()


async def test_append_refuses_to_come_after_another_write_of_its_transaction(house: House) -> None:
    entries_of = await _captured(house, "plenary/a")
    async with house.pool.acquire() as connection, connection.transaction():
        await connection.execute("insert into texts values ('d', 's', 'b')")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await append(connection, entries_of)
        assert refused.value.sqlstate == "PA004"


async def test_a_reader_waits_for_an_older_writer_and_misses_nothing(house: House) -> None:
    early = await _captured(house, "plenary/early")
    async with house.pool.acquire() as slow, house.pool.acquire() as reader:
        open_transaction = slow.transaction()
        await open_transaction.start()
        await append(slow, early)
        await house.emit("plenary/late")
        assert [event.stream for event in await read_after(reader, START, 10)] == []
        await open_transaction.commit()
        assert [event.stream for event in await read_after(reader, START, 10)] == ["plenary/early", "plenary/late"]


async def test_a_stale_head_is_refused_and_writes_nothing(house: House) -> None:
    stale = await _captured(house, "plenary/a")
    await house.emit("plenary/a")
    async with house.pool.acquire() as connection:
        with pytest.raises(StreamMoved):
            await append(connection, stale)
    assert len(await house.events("plenary/a")) == 1


async def _captured(house: House, stream: str) -> Any:
    """Prepare an append and do not carry it out."""

    async def program(load: Loader) -> Decision:
        await load.load(COUNT, stream)
        return [Emit(stream, PlenaryAdjourned(plenary=PLENARY))]

    async with house.pool.acquire() as connection:
        prepared = await house.executor.prepare(connection, house.ask(), program)
    assert prepared is not None
    return prepared.append


# --- reactions -----------------------------------------------------------------------------------------------------


class Echo:
    """A reaction: every meeting adjourned on `plenary/…` is echoed on `award/…`."""

    name = "echo"
    types = frozenset({ADJOURNED})

    def demands(self, event: Happened) -> list[Demand]:
        if not event.stream.startswith("plenary/"):
            return []
        target = event.stream.replace("plenary/", "award/")

        async def program(load: Loader) -> Decision:
            await load.load(COUNT, target)
            return [Emit(target, PlenaryAdjourned(plenary=PLENARY))]

        return [Demand(target, program)]


async def _drain(folder: Any, connection: Any) -> None:
    while await folder.step(connection):
        pass


async def test_a_reaction_acts_once_on_what_follows_its_enabling_even_from_an_old_checkpoint(house: House) -> None:
    await house.emit("plenary/before")
    folder = ReactionFolder(Echo(), house.executor, house.measures)
    async with house.pool.acquire() as connection:
        await enable(folder, house.executor, connection)
        await house.emit("plenary/after", times=2)
        await _drain(folder, connection)
        assert await house.events("award/before") == []
        echoes = await house.events("award/after")
        assert len(echoes) == 2
        assert echoes[0].doc["actor"] == "system"
        assert echoes[0].doc["causationid"] == (await house.events("plenary/after"))[0].id
        await connection.execute("update checkpoints set epoch = 0, xid = '0', position = 0 where handler = 'echo'")
        again = ReactionFolder(Echo(), house.executor, house.measures)
        await enable(again, house.executor, connection)
        await _drain(again, connection)
        assert len(await house.events("award/after")) == 2
        service = await house.events("service/nomination")
        assert [event.type for event in service] == [ReactionEnabled.type_name()]


# --- projections ---------------------------------------------------------------------------------------------------


class Tallies:
    """A projection: how many events each plenary has, grouped by the first letter of its name."""

    name = "tallies"
    table = Table("tallies", ("grp", "id", "count"))
    types = frozenset({ADJOURNED})

    def __init__(self, poison: str = "") -> None:
        self.poison = poison

    def groups(self, event: Recorded) -> list[str]:
        return [event.stream[:9]]

    def initial(self, group: str) -> dict[str, int]:
        return {}

    def fold(self, state: dict[str, int], event: Recorded, group: str) -> dict[str, int]:
        if event.stream == self.poison:
            raise Unreadable("not by this build")
        state[event.stream] = state.get(event.stream, 0) + 1
        return state

    def rows(self, group: str, state: dict[str, int]) -> list[tuple[Any, ...]]:
        return [(group, stream, count) for stream, count in state.items()]


@pytest_asyncio.fixture
async def tallies(house: House) -> House:
    owner = await asyncpg.connect(house.owner_url)
    login = await house.pool.fetchval("select current_user")
    await owner.execute("create table tallies (grp text, id text, count integer, primary key (grp, id))")
    await owner.execute(f'grant select, insert, update, delete on tallies to "{login}"')
    await owner.close()
    return house


async def _rows(house: House) -> dict[str, int]:
    return {row["id"]: row["count"] for row in await house.pool.fetch("select id, count from tallies")}


async def test_a_projection_goes_on_where_it_stopped_with_an_empty_memory(tallies: House) -> None:
    house = tallies
    await house.emit("plenary/a1", times=2)
    async with house.pool.acquire() as connection:
        await _drain(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
        await house.emit("plenary/a2")
        await house.emit("plenary/a1")
        await _drain(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
    assert await _rows(house) == {"plenary/a1": 3, "plenary/a2": 1}


async def test_an_unreadable_event_holds_only_its_stream_and_mended_code_reads_on(tallies: House) -> None:
    house = tallies
    await house.emit("plenary/a1")
    await house.emit("plenary/a-poison")
    await house.emit("plenary/a2", times=2)
    await house.emit("plenary/a-poison")
    async with house.pool.acquire() as connection:
        await _drain_past_stalls(ProjectionFolder(Tallies("plenary/a-poison"), CODEC, house.measures), connection)
        assert await _rows(house) == {"plenary/a1": 1, "plenary/a2": 2}
        await _drain_past_stalls(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
        assert await _rows(house) == {"plenary/a1": 1, "plenary/a2": 2, "plenary/a-poison": 2}
        assert await connection.fetchval("select count(*) from stalled") == 0
        await house.emit("plenary/a-poison")
        await _drain_past_stalls(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
        assert (await _rows(house))["plenary/a-poison"] == 3


class NoRow(Tallies):
    """The same, but for one plenary there is no row that can be made, or none that the table takes."""

    def __init__(self, poison: str, count: Any) -> None:
        super().__init__()
        self.unfit, self.count = poison, count

    def rows(self, group: str, state: dict[str, int]) -> list[tuple[Any, ...]]:
        if self.count is None and self.unfit in state:
            raise ValueError("no such row")
        return [(group, stream, self.count if stream == self.unfit else count) for stream, count in state.items()]


@pytest.mark.parametrize("count", [None, 1 << 40, "x"])
async def test_an_event_whose_rows_cannot_be_kept_holds_only_its_stream(tallies: House, count: Any) -> None:
    house = tallies
    for stream in ("plenary/a1", "plenary/a-poison", "plenary/a2", "plenary/a-poison", "plenary/a2"):
        await house.emit(stream)
    async with house.pool.acquire() as connection:
        await _drain_past_stalls(ProjectionFolder(NoRow("plenary/a-poison", count), CODEC, house.measures), connection)
        assert await _rows(house) == {"plenary/a1": 1, "plenary/a2": 2}
        again = await rebuild(house.owner_url, NoRow("plenary/a-poison", count), CODEC, await _login(house))
        assert again.same
        await _drain_past_stalls(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
    assert await _rows(house) == {"plenary/a1": 1, "plenary/a2": 2, "plenary/a-poison": 2}


async def test_a_type_that_this_build_does_not_know_holds_its_stream_until_a_build_does(tallies: House) -> None:
    house = tallies
    await house.emit("plenary/a1")
    await house.emit("plenary/a2")
    await _plant_newer(house, "plenary/a1")
    async with house.pool.acquire() as connection:
        for _ in range(2):
            await _drain_past_stalls(ProjectionFolder(Tallies(), CODEC, house.measures), connection)
            assert await _rows(house) == {"plenary/a1": 1, "plenary/a2": 1}
        with pytest.raises(Unreadable, match="plenary/a1, version 2"):
            await house.emit("plenary/a1")
        await _drain_past_stalls(ProjectionFolder(Tallies(), Later(), house.measures), connection)
    assert await _rows(house) == {"plenary/a1": 2, "plenary/a2": 1}


class Later(RegistryCodec):
    """A later build's codec: it knows what this one does not."""

    def knows(self, type_name: str) -> bool:
        return True


async def _plant_newer(house: House, stream: str) -> None:
    """Append what a newer build could have written: a version that this one does not know, then one that it does."""

    class Newer(RegistryCodec):
        def write(self, event: Any) -> Any:
            return replace(super().write(event), type=ADJOURNED.replace(".v1", ".v2"))

    class Reader(RegistryCodec):
        def read(self, type_name: str, data: dict[str, Any]) -> Any:
            return super().read(type_name.replace(".v2", ".v1"), data)

    mine = house.executor
    for codec in (Newer(), Reader()):
        house.executor = Executor("nomination", house.pool, codec, SystemClock(), Wake())
        await house.emit(stream)
    house.executor = mine


async def _login(house: House) -> str:
    return str(await house.pool.fetchval("select current_user"))


async def _drain_past_stalls(folder: Any, connection: Any) -> None:
    for _ in range(20):
        try:
            await _drain(folder, connection)
        except CheckpointMoved:
            continue
        return
    pytest.fail("the folder never came to the end")


async def test_two_active_copies_of_a_projection_do_no_harm(tallies: House) -> None:
    house = tallies
    folders = [ProjectionFolder(Tallies(), CODEC, house.measures) for _ in range(2)]
    async with house.pool.acquire() as one, house.pool.acquire() as two:
        for _ in range(10):
            await house.emit("plenary/a1")
            await asyncio.gather(*(_drain_past_stalls(f, c) for f, c in zip(folders, (one, two), strict=True)))
    assert await _rows(house) == {"plenary/a1": 10}


async def test_a_rebuild_gives_the_same_rows_and_the_live_projection_goes_on(tallies: House) -> None:
    house = tallies
    login = await house.pool.fetchval("select current_user")
    for name in ("plenary/a1", "plenary/b1", "plenary/a1"):
        await house.emit(name)
    live = ProjectionFolder(Tallies(), CODEC, house.measures)
    async with house.pool.acquire() as connection:
        await _drain_past_stalls(live, connection)
        same = await rebuild(house.owner_url, Tallies(), CODEC, login)
        assert same.same
        assert same.swapped
        assert (same.events, same.rows) == (3, 2)
        await house.emit("plenary/a1")
        await _drain_past_stalls(live, connection)
        assert await _rows(house) == {"plenary/a1": 3, "plenary/b1": 1}


async def test_a_rebuild_shows_what_somebody_changed_in_the_live_rows_and_asks(tallies: House) -> None:
    house = tallies
    login = await house.pool.fetchval("select current_user")
    await house.emit("plenary/a1", times=2)
    live = ProjectionFolder(Tallies(), CODEC, house.measures)
    async with house.pool.acquire() as connection:
        await _drain_past_stalls(live, connection)
        await connection.execute("update tallies set count = 9")
        found = await rebuild(house.owner_url, Tallies(), CODEC, login)
        assert not found.same
        assert not found.swapped
        assert found.differences == (("(plenary/a,plenary/a1,9)", "(plenary/a,plenary/a1,2)"),)
        assert await _rows(house) == {"plenary/a1": 9}
        accepted = await rebuild(house.owner_url, Tallies(), CODEC, login, accept=True)
        assert accepted.swapped
        await house.emit("plenary/a1")
        await _drain_past_stalls(live, connection)
        assert await _rows(house) == {"plenary/a1": 3}


# --- handlers ------------------------------------------------------------------------------------------------------


class Notes:
    """A handler that writes a row of its own for each event it may act on."""

    name = "notes"
    types = frozenset({ADJOURNED})
    pace = 0.0

    async def prepare(self, batch: Any, read: Any) -> Effects:
        acting: list[Live] = [live for live in batch if live.acting]
        return Effects(
            writes=[("insert into texts values ($1, 's', $2)", (x.happened.id, x.happened.stream)) for x in acting]
        )

    def settled(self, committed: bool) -> None:
        pass


async def test_a_handlers_rows_and_checkpoint_are_one_transaction(house: House) -> None:
    folder = HandlerFolder(Notes(), RegistryCodec(), house.measures)
    async with house.pool.acquire() as connection:
        await enable(folder, house.executor, connection)
        await house.emit("plenary/a", times=2)
        await _drain(folder, connection)
        assert await connection.fetchval("select count(*) from texts") == 2
        end = await connection.fetchrow("select epoch, xid, position from checkpoints where handler = 'notes'")
        assert end is not None
        assert Position(*tuple(end)) == folder.checkpoint
