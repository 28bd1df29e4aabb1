"""Time on a kept data folder: one clock for ever, no service behind its log, and what was set aside is told."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local import clocks, letters
from deploy.local.child import StackError
from deploy.local.letters import Letters, dead_letters
from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from kernel.dead_letters import SUFFIX, Letter, Reason
from kernel.inbox import SKEW
from schemas.topics import NOMINATION, SCORES
from tests.support.stack import remove_folder, say, temporary_folder
from tests.support.whole import until

pytestmark = pytest.mark.timeout(400, func_only=False)


@pytest.fixture
def options() -> Iterator[StackOptions]:
    """A stack of its own with one service, on the machine's clock."""
    folder = temporary_folder()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    yield StackOptions(data=folder / "data", ports=ports, services=("identity",))
    remove_folder(folder)


async def test_a_kept_folder_runs_on_one_clock_that_is_never_behind_its_log(options: StackOptions) -> None:
    stores = dataclasses.replace(options, services=())
    async with Stack(options, say) as stack:
        assert clocks.last_clock(options.data) == "system"
        await _waits_while_its_clock_is_a_little_behind(stack)
    with pytest.raises(StackError, match=r"PARITRANA_CLOCK=system paritrana up"):
        await Stack(dataclasses.replace(options, clock="test"), say).start()
    async with _log_of_nomination(stores) as (_, connection):
        await _recorded(connection, "season/2026", datetime.now(UTC) + timedelta(hours=5))
    with pytest.raises(StackError, match=r"4:59:\d\d behind the newest event \(season/2026, version 1, .* set the"):
        async with Stack(options, say):
            pytest.fail("it started")


async def test_a_clock_file_that_holds_no_instant_is_one_line_that_says_what_to_do(options: StackOptions) -> None:
    for held in (
        "yesterday",
        '{"base": "x", "monotonic": 1}',
        "[]",
        '{"base": "9999-12-31T23:59:59", "monotonic": -1e9}',
    ):
        options.data.mkdir(exist_ok=True)
        (options.data / "clock.json").write_text(held)
        with pytest.raises(StackError, match="holds no instant that a clock can go on from"):
            await Stack(dataclasses.replace(options, clock="test"), say).start()


async def _waits_while_its_clock_is_a_little_behind(stack: Stack) -> None:
    """An event from beyond the tolerance makes the service wait unready; it goes on by itself when time has come."""
    connection = await asyncpg.connect(stack.databases["identity"].owner_url)
    try:
        at = datetime.now(UTC) + SKEW + timedelta(seconds=15)
        await _recorded(connection, "account/late", at)
    finally:
        await connection.close()
    stack.kill("identity")
    seen: list[str] = []

    async def came_back() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                checks = (await client.get(f"{stack.urls['identity']}/health/ready")).json()["checks"]
        except httpx.HTTPError:
            return False
        seen.extend([checks["gate"]["why"]] if "gate" in checks else [])
        return "gate" not in checks

    await until(came_back, "it waits for ever", within=60)
    late = [why for why in seen if "behind the newest event (account/late, version 1" in why]
    assert late, seen
    assert all("set the clock right; nothing is recorded" in why for why in late)
    assert datetime.now(UTC) >= at - SKEW - timedelta(seconds=1)
    await stack.ready("identity")


async def test_a_test_clock_that_was_not_held_goes_on_from_the_newest_event(options: StackOptions) -> None:
    stores = dataclasses.replace(options, clock="test", services=())
    newest = datetime.now(UTC) + timedelta(days=300)
    async with _log_of_nomination(stores) as (_, connection):
        await _recorded(connection, "season/2026", newest)
    lines: list[str] = []
    async with Stack(stores, lines.append) as stack:
        assert stack.clock_file is not None
        assert newest <= TestClock(stack.clock_file).now() < newest + timedelta(minutes=5)
    assert [line for line in lines if "goes on from the newest event" in line]


async def test_what_was_set_aside_is_counted_after_a_restart_too(
    options: StackOptions, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = dataclasses.replace(options, services=())
    async with Stack(stores, say) as stack:
        assert await dead_letters(stack.bootstrap_servers) == []
        for offset, reason in ((16, Reason.NOT_CANONICAL), (17, Reason.NOT_CANONICAL), (17, Reason.FUTURE_DATED)):
            letter = Letter(NOMINATION, 2, offset, b"season/2026", b"{}", (), reason.value, "the time is later")
            await _post(stack.bootstrap_servers, NOMINATION, letter.record().value, letter.record().headers)
        await _post(stack.bootstrap_servers, SCORES, b"no letter of ours", [])
    async with Stack(stores, say) as stack:
        found = await dead_letters(stack.bootstrap_servers)
        assert found is not None
        told, alien = found
        monkeypatch.setattr(letters, "_MOST_READ", 1)
        (many, _) = await dead_letters(stack.bootstrap_servers) or (None, None)
        assert many == dataclasses.replace(told, count=3, each_once=False), "not all of many letters are read"
    assert told == Letters(NOMINATION, 2, told.newest, "future-dated", "the time is later", f"{NOMINATION}/2/17")
    assert datetime.now(UTC) - datetime.fromisoformat(told.newest) < timedelta(minutes=5)
    assert (alien.topic, alien.count, alien.reason, alien.address) == (SCORES, 1, "unknown", f"{SCORES}/?/?")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert await dead_letters(stack.bootstrap_servers) is None
    assert [record for record in caplog.records if record.name.startswith("aiokafka")] == []


@asynccontextmanager
async def _log_of_nomination(options: StackOptions) -> AsyncIterator[tuple[Stack, asyncpg.Connection]]:
    async with Stack(options, say) as stack:
        connection = await asyncpg.connect(stack.databases["nomination"].owner_url)
        try:
            yield stack, connection
        finally:
            await connection.close()


async def _recorded(connection: asyncpg.Connection, stream: str, at: datetime) -> None:
    """Let a log hold an event of a time, as far as what asks for the newest one sees."""
    await connection.execute("insert into heads (stream, version, hash, recorded) values ($1, 1, '', $2)", stream, at)


async def _post(servers: str, topic: str, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic + SUFFIX, value, partition=0, headers=headers)
    finally:
        await producer.stop()
