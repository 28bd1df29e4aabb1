"""A service's key changes while it runs, wherever it is killed, and no key signs that the log does not know."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from kernel.canonical import signature_holds
from kernel.clock import SystemClock
from kernel.commands import Ask, Executor, Receipt
from kernel.decider import Decision, Emit, Loader
from kernel.keys import event_key_file, event_signer, make_key_anew, make_next_key, next_key_file
from kernel.log import Recorded, Wake, read_stream
from kernel.own_key import KeyNotUsable, OwnKey
from schemas.codec import CODEC
from schemas.nomination import SeasonClosed
from tests.conftest import DatabaseFactory

STREAM = "service/nomination"
PERSON = "01890000-0000-7000-8000-000000000001"


@dataclass
class Process:
    """One process of a service: its executor, and its key."""

    executor: Executor
    key: OwnKey

    async def settle(self) -> str:
        await self.key.settle(self.executor)
        return self.key.signer.key_id

    async def sign(self, number: int) -> None:
        async def program(load: Loader) -> Decision:
            return [
                Emit(f"season/{2000 + number}", SeasonClosed(season=f"{2000 + number}", first=PERSON, second=PERSON))
            ]

        ask = Ask("an-actor", "POST /v1/things", f"key-{number}", b"digest", datetime.now(UTC))
        assert isinstance(await self.executor.execute(ask, program), Receipt)


@dataclass
class Log:
    """A service's database and its folder of keys."""

    pool: asyncpg.Pool[Any]
    folder: Path

    def process(self) -> Process:
        executor = Executor("nomination", self.pool, CODEC, SystemClock(), Wake())
        key = OwnKey(self.folder, "nomination", CODEC)
        executor.signer = key.signer
        return Process(executor, key)

    async def events(self, stream: str = STREAM) -> list[Recorded]:
        async with self.pool.acquire() as connection:
            return await read_stream(connection, stream)

    async def keys(self) -> list[tuple[str, str | None]]:
        """Return the keys that are published, each with the one that it replaces, countersigned and proven."""
        said: list[tuple[str, str | None]] = []
        public: dict[str, bytes] = {}
        for event in await self.events():
            data = event.doc["data"]
            public[data["key_id"]] = b64decode(data["public_key"])
            replaces = data.get("replaces")
            assert ("signature" in event.doc) == (replaces is not None)
            if replaces is not None:
                assert event.doc["signaturekey"] == replaces
                assert signature_holds(event.doc, public[replaces])
            said.append((data["key_id"], replaces))
        return said

    async def signed_by(self, number: int) -> str:
        (event,) = await self.events(f"season/{2000 + number}")
        key_id: str = event.doc["signaturekey"]
        return key_id


@pytest_asyncio.fixture
async def log(database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[Log]:
    _, login_url = await database("nomination")
    pool = await asyncpg.create_pool(login_url, min_size=1, max_size=8)
    yield Log(pool, tmp_path / "keys")
    await pool.close()


def following(log: Log) -> str:
    return make_next_key(log.folder, "nomination")[0].key_id


async def test_the_first_key_is_published_once_however_often_a_service_starts(log: Log) -> None:
    first = await log.process().settle()
    assert await log.process().settle() == first
    assert await log.keys() == [(first, None)]


async def test_the_next_key_is_countersigned_and_alone_signs_from_then_on(log: Log) -> None:
    process = log.process()
    first = await process.settle()
    await process.sign(1)
    assert not process.key.changed()
    second = following(log)
    assert process.key.changed()
    assert await process.settle() == second
    assert not process.key.changed()
    await process.sign(2)
    assert await log.keys() == [(first, None), (second, first)]
    assert (await log.signed_by(1), await log.signed_by(2)) == (first, second)
    assert not next_key_file(log.folder, "nomination").exists()
    assert event_signer(log.folder, "nomination").key_id == second
    third = following(log)
    assert await log.process().settle() == third
    assert (await log.keys())[-1] == (third, second)


async def test_a_service_killed_between_publishing_and_moving_the_file_goes_on_there(log: Log, monkeypatch) -> None:
    process = log.process()
    first = await process.settle()
    second = following(log)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(OwnKey, "_put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            await process.settle()
    assert event_signer(log.folder, "nomination").key_id == first
    again = log.process()
    assert await again.settle() == second
    assert await log.keys() == [(first, None), (second, first)]
    assert event_signer(log.folder, "nomination").key_id == second
    assert not next_key_file(log.folder, "nomination").exists()


async def test_a_service_killed_before_publishing_publishes_at_its_next_start(log: Log) -> None:
    first = await log.process().settle()
    second = following(log)
    assert await log.process().settle() == second
    assert await log.keys() == [(first, None), (second, first)]


async def test_processes_that_change_the_key_at_once_publish_it_once_and_all_sign_with_it(log: Log) -> None:
    processes = [log.process() for _ in range(4)]
    first = (await asyncio.gather(*(process.settle() for process in processes)))[0]
    for _ in range(3):
        second = following(log)
        assert set(await asyncio.gather(*(process.settle() for process in processes))) == {second}
        assert (await log.keys())[-1] == (second, first)
        first = second
    for number, process in enumerate(processes):
        await process.sign(number)
        assert await log.signed_by(number) == first
    assert len(await log.keys()) == 4


async def test_a_process_that_missed_a_change_takes_both_up_in_their_order(log: Log) -> None:
    late, early = log.process(), log.process()
    first = await late.settle()
    await early.settle()
    second = following(log)
    await early.settle()
    third = following(log)
    assert await late.settle() == third
    assert await log.keys() == [(first, None), (second, first), (third, second)]


async def test_events_that_flow_are_signed_by_one_of_the_two_keys_and_each_once(log: Log) -> None:
    process = log.process()
    first = await process.settle()

    began, changed = asyncio.Event(), asyncio.Event()

    async def flow() -> int:
        number = 0
        while not changed.is_set():
            await process.sign(number)
            number += 1
            began.set()
        await process.sign(number)
        return number

    flowing = asyncio.create_task(flow())
    await began.wait()
    second = following(log)
    await process.settle()
    changed.set()
    by = [await log.signed_by(number) for number in range(await flowing + 1)]
    assert by == sorted(by, key=[first, second].index)
    assert by[-1] == second


async def test_a_key_that_the_log_does_not_know_does_not_sign_until_the_lost_one_is_told(log: Log) -> None:
    first = await log.process().settle()
    event_key_file(log.folder, "nomination").unlink()
    stranger = log.process()
    with pytest.raises(KeyNotUsable, match=rf"the log has the key {first} of nomination.*--lost"):
        await stranger.settle()
    assert await log.keys() == [(first, None)]
    anew = make_key_anew(log.folder, "nomination").key_id
    assert await stranger.settle() == anew
    assert await log.keys() == [(first, None), (anew, None)]
    second = following(log)
    assert await log.process().settle() == second
    assert (await log.keys())[-1] == (second, anew)


async def test_a_service_that_runs_countersigns_though_its_file_was_taken_away(log: Log) -> None:
    process = log.process()
    first = await process.settle()
    second = following(log)
    event_key_file(log.folder, "nomination").unlink()
    assert await process.settle() == second
    assert (await log.keys())[-1] == (second, first)


async def test_a_key_that_was_replaced_does_not_sign_when_its_file_comes_back(log: Log) -> None:
    first = await log.process().settle()
    kept = event_key_file(log.folder, "nomination").read_bytes()
    second = following(log)
    process = log.process()
    await process.settle()
    event_key_file(log.folder, "nomination").write_bytes(kept)
    with pytest.raises(KeyNotUsable, match=f"{first} was replaced by {second}"):
        await log.process().settle()
    # What runs keeps the key that it has.
    with pytest.raises(KeyNotUsable):
        await process.settle()
    await process.sign(1)
    assert await log.signed_by(1) == second


async def test_a_folder_that_cannot_be_written_keeps_no_service_from_signing(log: Log, monkeypatch) -> None:
    process = log.process()
    await process.settle()
    second = following(log)

    def refused(*_: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refused)
    assert await process.settle() == second
    assert await log.process().settle() == second
    assert len(await log.keys()) == 2
