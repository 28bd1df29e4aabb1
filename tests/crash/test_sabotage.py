"""Four ways to build it wrong, each forced into the interleaving that hurts: the checker finds them all.

Each sabotage is a composition of this file around the kernel's parts, never a flag in them. The intact system goes
through the same schedule and the same checker, and nothing is found: so the schedule alone is no reason to fail, and
a checker that finds nothing has looked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from kernel.decider import Position
from kernel.inbox import SQL as INBOX_SQL
from kernel.inbox import Arrival, Move, Plan
from kernel.log import SQL as LOG_SQL
from kernel.log import Connection, append, recorded
from kernel.reactor import BATCH, ProjectionFolder
from kernel.receiver import Receiver
from kernel.relay import BATCH_BYTES, Relay, _Batch
from kernel.relay import SQL as RELAY_SQL
from tests.crash.quiet import until_quiet
from tests.crash.two_logs import (
    A,
    B,
    DiesAcknowledged,
    DiesStored,
    Dying,
    Side,
    TwoLogs,
    adjourning,
    found,
    running,
    until_dead,
)
from tests.support.delivery import until

_NOT_FIRST = "PA004"
_GATE = "and (epoch < (select max(epoch) from epochs) or xid < pg_snapshot_xmin(pg_current_snapshot()))"


# --- (a) heads ignored ---------------------------------------------------------------------------------------------


class LastFirst(Receiver):
    """Takes the arrivals of a batch backwards, as streams arrive whose records lie in two partitions."""

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        return await super()._commit(arrivals[::-1], moves, closed)


class Heedless(LastFirst):
    """Stores whatever arrives, as it arrives: no head is asked, nothing is held."""

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        async with self.pool.acquire() as connection, connection.transaction():
            for each in arrivals[::-1]:
                await connection.execute(
                    "select store_heedlessly($1, $2, $3::text::uuid, $4, $5, $6, $7)",
                    each.stream, each.version, each.id, each.type, each.hash, each.document, each.time,
                )  # fmt: skip
            await connection.fetch(INBOX_SQL["move"], *zip(*moves, strict=True), self._cluster)
        return Plan()


async def without_heads(side: Side) -> None:
    """Make the log take an event without asking its stream's head; heads follow what is highest."""
    async with side.owner() as owner:
        await owner.execute(
            """
            alter table events drop constraint events_pkey;
            drop index events_id;
            create function store_heedlessly(s text, v bigint, i uuid, t text, h bytea, d text, r timestamptz)
            returns void language sql security definer as $$
                insert into events (epoch, xid, stream, version, id, type, own, hash, document)
                values (1, pg_current_xact_id(), s, v, i, t, false, h, d);
                insert into heads (stream, version, hash, recorded) values (s, v, h, r)
                on conflict (stream) do update set version = excluded.version, hash = excluded.hash
                where heads.version < excluded.version
            $$"""
        )


async def published_twice_and_read_backwards(logs: TwoLogs, kind: type[Receiver]) -> None:
    for stream in (A, B, A, B, A):
        await logs.say(stream)
    await until_dead(logs.sender.relay(DiesAcknowledged))
    async with running(logs.sender.relay(), logs.copy.receiver(kind)):
        await logs.settled()


async def test_sabotage_heads_ignored_doubles_what_was_published_twice(two_logs: TwoLogs) -> None:
    await without_heads(two_logs.copy)
    await published_twice_and_read_backwards(two_logs, Heedless)
    report = await two_logs.check()
    assert {finding.where for finding in report.of("doubled")} == {
        f"audit's log, {stream}@{version}" for stream, last in ((A, 3), (B, 2)) for version in range(1, last + 1)
    }
    assert f"disordered: audit's log, {A}@3: comes after version 0" in found(report)["disordered"]


async def test_intact_heads_take_each_event_once_and_in_order(two_logs: TwoLogs) -> None:
    await published_twice_and_read_backwards(two_logs, LastFirst)
    report = await two_logs.check()
    assert found(report) == {}
    assert report.counted["published again"] == 5


# --- (b) the offset moved before the effect ------------------------------------------------------------------------


class DiesMoved(Dying, Receiver):
    """Moves its position first, and is killed before it stores what it moved past."""

    async def _commit(self, arrivals: Sequence[Arrival], moves: Sequence[Move], closed: Sequence[str]) -> Plan:
        await self.pool.fetch(INBOX_SQL["move"], *zip(*moves, strict=True), self._cluster)
        await self.die()


class Died(BaseException):
    """The process was killed here: nothing that handles errors may handle this."""


class FoldsBefore(ProjectionFolder[Any]):
    """Moves its checkpoint first, and is killed before it writes the rows."""

    async def _commit(
        self, connection: Connection, touched: Any, joined: Any, to: Position, resumed: str | None = None
    ) -> None:
        await self.move(connection, to)
        raise Died


class FoldsAfter(ProjectionFolder[Any]):
    """Writes rows and checkpoint, and is killed before that is committed."""

    async def _commit(
        self, connection: Connection, touched: Any, joined: Any, to: Position, resumed: str | None = None
    ) -> None:
        async with connection.transaction():
            await super()._commit(connection, touched, joined, to, resumed)
            raise Died


async def killed_in_between(logs: TwoLogs, receiver: type[Receiver], folder: type[ProjectionFolder[Any]]) -> None:
    for _ in range(3):
        await logs.say(A)
    with pytest.raises(Died):
        await logs.sender.fold(folder)
    async with running(logs.sender.relay()):
        await until_quiet([logs.sender.bare], logs.sender.broker)
        await until_dead(logs.copy.receiver(receiver))
    await logs.say(B)
    await logs.settle()


async def test_sabotage_offset_before_the_effect_loses_what_was_in_between(two_logs: TwoLogs) -> None:
    await killed_in_between(two_logs, DiesMoved, FoldsBefore)
    report = found(await two_logs.check())
    assert set(report) == {"lost"}
    for version in (1, 2, 3):
        assert f"lost: audit's log, {A}@{version}: nomination has it" in report["lost"]
    assert f"lost: nomination's tallies, row ('{A}', '{A}'): a fresh fold has it" in report["lost"]


async def test_intact_offset_beside_the_effect_loses_nothing(two_logs: TwoLogs) -> None:
    await killed_in_between(two_logs, DiesStored, FoldsAfter)
    assert found(await two_logs.check()) == {}


# --- (c) a reader without the gate ---------------------------------------------------------------------------------


def ungated(query: str) -> str:
    assert query.count(_GATE) == 1
    return query.replace(_GATE, "")


class Looking(Relay):
    """Counts its looks at the log."""

    looks = 0

    async def _read(self, after: Position) -> _Batch:
        self.looks += 1
        return await super()._read(after)


class UngatedRelay(Looking):
    """Reads whatever is committed, in the log's order, and never looks back."""

    async def _read(self, after: Position) -> _Batch:
        self.looks += 1
        rows = await self.pool.fetch(_UNGATED_OWN, *after, self.batch, BATCH_BYTES)
        end = Position(*tuple(rows[-1])[:3]) if rows else after
        return _Batch(after, end, [row for row in rows if row["stream"] is not None])


class UngatedFolder(ProjectionFolder[Any]):
    """Folds whatever is committed, and never looks back."""

    async def step(self, connection: Connection) -> int:
        await self.start(connection)
        rows = await connection.fetch(_UNGATED, *self.checkpoint, BATCH)
        return await self.take(connection, [recorded(row) for row in rows]) if rows else 0


_UNGATED = ungated(LOG_SQL["read_after"])
_UNGATED_OWN = ungated(RELAY_SQL["next_own"])


async def a_late_commit(logs: TwoLogs, relay: type[Looking], folder: type[ProjectionFolder[Any]]) -> None:
    """Append to A, stay open; append to B and commit; let everybody look; commit A."""
    at_work = logs.sender.relay(relay)
    assert isinstance(at_work, Looking)
    ask = logs.ask()
    async with running(at_work), logs.sender.owner() as connection:
        async with connection.transaction():
            prepared = await logs.sender.executor().prepare(connection, ask, adjourning(A))
            assert prepared is not None
            await append(connection, prepared.append)
            await logs.say(B)
            # One look may have begun before B; the next publishes it, and the third is after that was noted.
            seen = at_work.looks

            async def looked() -> bool:
                return at_work.looks >= seen + 5

            await until(looked)
            await logs.sender.fold(folder)
        logs.acknowledge(ask, await logs.read_receipt(ask, A))
    await logs.settle()


async def test_sabotage_reader_without_the_gate_passes_a_late_commit_over(two_logs: TwoLogs) -> None:
    await a_late_commit(two_logs, UngatedRelay, UngatedFolder)
    report = found(await two_logs.check())
    assert set(report) == {"lost"}
    lost = " ".join(report["lost"])
    assert f"nomination's log, {A}@1: not in " in lost
    assert f"audit's log, {A}@1: nomination has it" in lost
    assert f"nomination's tallies, row ('{A}', '{A}'): a fresh fold has it" in lost


async def test_intact_gate_waits_for_a_late_commit(two_logs: TwoLogs) -> None:
    await a_late_commit(two_logs, Looking, ProjectionFolder)
    assert found(await two_logs.check()) == {}


# --- (d) a stream loaded after the first write ---------------------------------------------------------------------


async def without_the_guard(side: Side) -> None:
    """Make the log take an append that is not the first write of its transaction."""
    async with side.owner() as owner:
        source = await owner.fetchval("select pg_get_functiondef('append'::regproc)")
        guard = r"if pg_current_xact_id_if_assigned\(\) is not null then.*?end if;"
        unguarded, count = re.subn(guard, "", source, flags=re.DOTALL)
        assert count == 1
        await owner.execute(unguarded)


async def loaded_after_a_write(logs: TwoLogs) -> bool:
    """Write something, let somebody else append version 1, then load the stream and append version 2.

    Return whether that was done; when it is refused, the command is executed once more in the right order.
    """
    ask = logs.ask()
    refused = False
    try:
        async with logs.sender.owner() as connection, connection.transaction():
            await connection.execute("insert into texts (digest, salt, body) values ('d', 's', 'written first')")
            await logs.say(A)
            prepared = await logs.sender.executor().prepare(connection, ask, adjourning(A))
            assert prepared is not None
            await append(connection, prepared.append)
    except asyncpg.PostgresError as error:
        if error.sqlstate != _NOT_FIRST:
            raise
        refused = True
        await logs.sender.executor().execute(ask, adjourning(A))
    logs.acknowledge(ask, await logs.read_receipt(ask, A))
    await logs.settle()
    return not refused


async def test_sabotage_stream_loaded_after_a_write_is_out_of_order(two_logs: TwoLogs) -> None:
    await without_the_guard(two_logs.sender)
    assert await loaded_after_a_write(two_logs)
    report = found(await two_logs.check())
    assert f"disordered: nomination's log, {A}@2: comes after version 0" in report["disordered"]
    # The relay would rather stop the stream than publish its second event before its first.
    assert f"lost: nomination's log, {A}@0: is published no further" in report["lost"]


async def test_intact_append_is_the_first_write_or_refused(two_logs: TwoLogs) -> None:
    assert not await loaded_after_a_write(two_logs)
    assert found(await two_logs.check()) == {}
