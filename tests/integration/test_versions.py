"""A log in which an old build's nominations stand beside new ones, on a real PostgreSQL: what folds it gets both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import asyncpg
import orjson
import pytest_asyncio
from prometheus_client import CollectorRegistry

from kernel.clock import SystemClock
from kernel.commands import Ask, Executor, Program, Receipt
from kernel.decider import Aggregate, Decision, Emit, Happened, Loader
from kernel.log import Connection, Recorded, Wake, read_stream
from kernel.measures import LogMeasures
from kernel.reactor import (
    CheckpointMoved,
    Demand,
    Effects,
    Folder,
    HandlerFolder,
    Live,
    ProjectionFolder,
    ReactionFolder,
    enable,
)
from kernel.rebuild import rebuild
from schemas import nomination as said
from schemas import superseded
from schemas.codec import CODEC
from schemas.envelope import Event, Stage
from schemas.nomination import PlenaryAdjourned
from services.nomination.api.parts import SQL
from services.nomination.domain.nomination import NOMINATION, Nomination
from services.nomination.projections.nominations import Nominations
from tests.conftest import DatabaseFactory

AT = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
SIZE = Aggregate[int](initial=lambda: 0, evolve=lambda state, _event: state + 1)
FIRST, SECOND = superseded.CandidateNominated.type_name(), said.CandidateNominated.type_name()


def an_id(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def nominated(code: str, *, old: bool) -> Event:
    """Return a nomination as an old build writes it, or as this one does."""
    of: Any = superseded if old else said
    event: Event = of.CandidateNominated(
        nomination=an_id(code),
        entry=AT,
        candidate=of.Candidate(kind="regency", code=code, name=f"Kabupaten {code}"),
        nominating_body="75",
        nominated_by=an_id("secretariat"),
        contact=an_id("contact"),
    )
    return event


@dataclass
class House:
    """One service's log."""

    pool: asyncpg.Pool[Any]
    owner_url: str
    login: str
    executor: Executor
    measures: LogMeasures
    count: int = 0

    async def emit(self, stream: str, event: Event) -> Receipt:
        async def program(load: Loader) -> Decision:
            await load.load(SIZE, stream)
            return [Emit(stream, event)]

        self.count += 1
        ask = Ask("an-actor", "POST /v1/nominations", f"key-{self.count}", b"d", datetime.now(UTC))
        receipt = await self.executor.execute(ask, program)
        assert isinstance(receipt, Receipt)
        return receipt

    async def nominate(self, code: str, *, old: bool) -> str:
        await self.emit(f"nomination/{an_id(code)}", nominated(code, old=old))
        return an_id(code)

    async def withdraw(self, code: str) -> None:
        event = said.NominationWithdrawn(nomination=an_id(code), at=AT, reason_digest="0" * 64)
        await self.emit(f"nomination/{an_id(code)}", event)

    async def fold(self, folder: Folder) -> None:
        async with self.pool.acquire() as connection:
            if folder.acts:
                await enable(folder, self.executor, connection)
            with folder.over(connection):
                for _ in range(50):
                    try:
                        if not await folder.step(connection) and folder.exhausted:
                            return
                    except CheckpointMoved:
                        continue
        raise AssertionError("the folder never came to the end")

    async def shown(self) -> dict[str, tuple[str, list[str]]]:
        """Return the read rows: status and history by candidate."""
        bodies = [orjson.loads(row["body"]) for row in await self.pool.fetch("select body from nominations")]
        return {one["candidate"]["code"]: (one["status"], [step["event"] for step in one["history"]]) for one in bodies}


@pytest_asyncio.fixture
async def house(database: DatabaseFactory) -> AsyncIterator[House]:
    owner_url, login_url = await database("nomination")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=10)
    executor = Executor("nomination", pool, CODEC, SystemClock(), Wake())
    login = str(await pool.fetchval("select current_user"))
    yield House(pool, owner_url, login, executor, LogMeasures(CollectorRegistry()))
    await pool.close()


def projecting(house: House, projection: Any = None) -> ProjectionFolder[Any]:
    return ProjectionFolder(projection or Nominations(), CODEC, house.measures)


ENTERED = ("competing", ["CandidateNominated"])
LEFT = ("withdrawn", ["CandidateNominated", "NominationWithdrawn"])


async def test_the_log_keeps_what_was_written(house: House):
    await house.nominate("75.01", old=True)
    await house.nominate("75.02", old=False)
    async with house.pool.acquire() as connection:
        (old,) = await read_stream(connection, f"nomination/{an_id('75.01')}")
        (new,) = await read_stream(connection, f"nomination/{an_id('75.02')}")
    assert (old.type, new.type) == (FIRST, SECOND)
    assert old.doc["dataschema"].endswith("CandidateNominated.v1")


async def test_decisions_and_rolls_rest_on_both(house: House):
    ids = [await house.nominate("75.01", old=True), await house.nominate("75.02", old=False)]
    states = [await house.executor.state(NOMINATION, f"nomination/{id_}") for id_ in ids]
    assert all(isinstance(state, Nomination) and state.competes for state in states)
    rows = await house.pool.fetch(SQL["roll_of_stage"], "2020", "KABKOTA", "75")
    assert {row["nomination"] for row in rows} == set(ids)


async def test_a_projection_shows_both_also_with_an_empty_memory_and_after_a_rebuild(house: House):
    await house.nominate("75.01", old=True)
    await house.nominate("75.02", old=False)
    await house.fold(projecting(house))
    assert await house.shown() == {"75.01": ENTERED, "75.02": ENTERED}
    await house.withdraw("75.01")  # its group is folded anew from the streams that touched it
    await house.fold(projecting(house))
    assert await house.shown() == {"75.01": LEFT, "75.02": ENTERED}
    rebuilt = await rebuild(house.owner_url, Nominations(), CODEC, house.login)
    assert (rebuilt.same, rebuilt.events, rebuilt.rows) == (True, 3, 2)
    assert await house.shown() == {"75.01": LEFT, "75.02": ENTERED}


class Failing(Nominations):
    """Code that cannot fold one stream."""

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def fold(self, state: dict[str, Any], event: Recorded, group: str) -> dict[str, Any]:
        if event.stream == self.stream:
            raise ValueError("not by this build")
        return super().fold(state, event, group)


async def test_an_old_event_that_was_held_is_caught_up_with(house: House):
    await house.nominate("75.01", old=True)
    await house.nominate("75.02", old=False)
    await house.withdraw("75.01")
    await house.fold(projecting(house, Failing(f"nomination/{an_id('75.01')}")))
    assert await house.shown() == {"75.02": ENTERED}
    await house.fold(projecting(house))
    assert await house.shown() == {"75.01": LEFT, "75.02": ENTERED}


class Broken(superseded.CandidateNominated):
    """What no build wrote: an old version without its candidate."""

    @classmethod
    def type_name(cls) -> str:
        return FIRST

    def to_data(self) -> dict[str, Any]:
        data = super().to_data()
        del data["candidate"]
        return data


async def test_an_old_event_that_cannot_be_read_holds_only_its_own_stream(house: House):
    event = Broken.model_validate(nominated("75.01", old=True).to_data())
    await house.emit(f"nomination/{an_id('75.01')}", event)
    await house.nominate("75.02", old=True)
    folder = projecting(house)
    await house.fold(folder)
    assert await house.shown() == {"75.02": ENTERED}
    assert list(folder.stalled) == [f"nomination/{an_id('75.01')}"]


class Seeing:
    """A handler that remembers what it was given."""

    name = "seeing"
    types = frozenset({SECOND})
    pace = 0.0

    def __init__(self) -> None:
        self.seen: list[Happened] = []

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        self.seen += [live.happened for live in batch]
        return Effects()

    def settled(self, committed: bool) -> None:
        pass


async def test_a_handler_is_given_both_as_the_newest(house: House):
    ids = [await house.nominate("75.01", old=True), await house.nominate("75.02", old=False)]
    seeing = Seeing()
    await house.fold(HandlerFolder(seeing, CODEC, house.measures))
    assert [one.event.nomination for one in seeing.seen] == ids
    assert {type(one.event) for one in seeing.seen} == {said.CandidateNominated}


class Adjourning:
    """A reaction that answers every nomination on a stream of its own."""

    name = "adjourning"
    types = frozenset({SECOND})

    def demands(self, event: Happened) -> list[Demand]:
        nomination = event.event.nomination
        return [Demand(f"plenary/{nomination}", _adjourning(nomination))]


def _adjourning(nomination: str) -> Program:
    async def program(_load: Loader) -> Decision:
        return [Emit(f"plenary/{nomination}", PlenaryAdjourned(plenary=nomination))]

    return program


async def test_a_reaction_acts_on_both_once(house: House):
    folder = ReactionFolder(Adjourning(), house.executor, house.measures)
    await house.fold(folder)
    ids = [await house.nominate("75.01", old=True), await house.nominate("75.02", old=False)]
    for _ in range(2):
        await house.fold(ReactionFolder(Adjourning(), house.executor, house.measures))
    rows = await house.pool.fetch("select stream, version from events where stream like 'plenary/%'")
    assert {(row["stream"], row["version"]) for row in rows} == {(f"plenary/{id_}", 1) for id_ in ids}
