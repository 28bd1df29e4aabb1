"""Rebuild a projection from the whole log beside the live one, compare both by checksum, and swap.

The live projection goes on while the log is folded anew; only for the comparison and the swap is it held still, by an
advisory lock and without a transaction id, so no reader of the log waits. The same code must give the same rows; other
code shows where they differ and asks. Nothing but read rows is touched: nothing is sent, issued or appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import asyncpg

from kernel.codec import Codec, Versions
from kernel.decider import START, Position
from kernel.log import Connection, Recorded, recorded
from kernel.migrate import OUR_SCHEMA
from kernel.reactor import SQL as REACTOR_SQL
from kernel.reactor import Projection, Table
from kernel.sql import queries

S = TypeVar("S")
SQL: Final = queries(Path(__file__).with_name("rebuild.sql"))
PAGE: Final = 5_000
"""Events read at once."""
_COPIED_AT_ONCE: Final = 5_000
_SHOWN: Final = 10
_CLOSE_ENOUGH: Final = 1_000
"""Events left to fold below which the live projection is held still."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: events folded, rows, both checksums, and the first rows that differ (live, rebuilt)."""

    events: int
    rows: int
    live: str
    rebuilt: str
    differences: tuple[tuple[Any, Any], ...]
    swapped: bool

    @property
    def same(self) -> bool:
        """Tell whether both tables hold the same rows."""
        return self.live == self.rebuilt


class Refold(Generic[S]):
    """All groups of a projection folded in memory, in one pass over the log."""

    def __init__(self, projection: Projection[S], codec: Codec, held: Mapping[str, int] | None = None) -> None:
        """Begin with no group; `held` streams are folded up to before the version that the live projection waits at."""
        self.projection = projection
        self.versions = Versions(projection.types, codec)
        self.held = dict(held or {})
        self.states: dict[str, S] = {}
        self.members: dict[str, set[str]] = {}
        self.events = 0

    def take(self, events: Iterable[Recorded]) -> None:
        """Fold events in the log's order."""
        projection, states, members = self.projection, self.states, self.members
        groups_of, fold = projection.groups, projection.fold
        held = self.held
        for event in self.versions.newest_of(events):
            if held and event.version >= held.get(event.stream, event.version + 1):
                continue
            self.events += 1
            for group in groups_of(event):
                state = states.get(group)
                if state is None:
                    state = projection.initial(group)
                    members[group] = set()
                states[group] = fold(state, event, group)
                members[group].add(event.stream)

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Return every read row, group by group."""
        for group, state in self.states.items():
            yield from self.projection.rows(group, state)


async def refold(
    connection: Connection, fold: Refold[Any], after: Position, until: Position, told: Callable[[int], None]
) -> None:
    """Fold the log from one position to another; `told` hears the number of events so far."""
    types = sorted(fold.versions.stored)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local transaction_timeout = 0")
        cursor = await connection.cursor(SQL["fold_range"], types, *after, *until)
        while rows := await cursor.fetch(PAGE):
            fold.take(map(recorded, rows))
            told(fold.events)


async def rebuild(
    owner_url: str,
    projection: Projection[Any],
    codec: Codec,
    login: str,
    *,
    accept: bool = False,
    told: Callable[[int], None] = lambda _count: None,
) -> Rebuilt:
    """Rebuild `projection` as the database's owner; swap when the rows are the same, or with `accept` when not.

    `login` is the service's role, which keeps its rights on the table.
    """
    connection = await asyncpg.connect(owner_url, server_settings={**OUR_SCHEMA})
    try:
        held = await connection.fetch(REACTOR_SQL["stalled"], projection.name)
        fold: Refold[Any] = Refold(projection, codec, {row["stream"]: row["version"] for row in held})
        reached = START
        while (until := await _bound(connection, projection.name)) > reached:
            before = fold.events
            await refold(connection, fold, reached, until, told)
            reached = until
            if fold.events - before < _CLOSE_ENOUGH:
                break
        async with _held_still(connection, projection.name):
            until = await _bound(connection, projection.name)
            await refold(connection, fold, reached, until, told)
            return await _compare_and_swap(connection, fold, login, accept=accept)
    finally:
        await connection.close()


async def _bound(connection: Connection, name: str) -> Position:
    row = await connection.fetchrow(SQL["bound"], name)
    return Position(*tuple(row)) if row else START


@asynccontextmanager
async def _held_still(connection: Connection, name: str) -> AsyncIterator[None]:
    await connection.execute(SQL["hold_projection"], name)
    try:
        yield
    finally:
        await connection.execute(SQL["release_projection"], name)


async def _compare_and_swap(connection: Connection, fold: Refold[Any], login: str, *, accept: bool) -> Rebuilt:
    table = fold.projection.table
    beside = Table(f"{table.name}_rebuilt", table.columns)
    await connection.execute(f"drop table if exists {beside.name}")
    await connection.execute(f"create table {beside.name} (like {table.name} including all)")
    rows = await copy_rows(connection, beside, fold.rows())
    live, rebuilt = await checksum(connection, table), await checksum(connection, beside)
    differences = () if live == rebuilt else tuple(await _differences(connection, table, beside))
    swap = accept or live == rebuilt
    if swap:
        await _swap(connection, fold, beside, login)
    else:
        await connection.execute(f"drop table {beside.name}")
    return Rebuilt(fold.events, rows, live, rebuilt, differences, swap)


async def copy_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
    """Copy read rows into a table in bounded batches; return how many they were."""
    count = 0
    batch: list[Sequence[Any]] = []
    for row in rows:
        batch.append(row)
        count += 1
        if len(batch) == _COPIED_AT_ONCE:
            await connection.copy_records_to_table(table.name, records=batch, columns=table.columns)
            batch = []
    if batch:
        await connection.copy_records_to_table(table.name, records=batch, columns=table.columns)
    return count


async def checksum(connection: Connection, table: Table) -> str:
    """Return the SHA-256 over the rows of a read table, in the order of its key, each as PostgreSQL's row text."""
    columns = ", ".join(table.columns)
    statement = f'select ({columns})::text as line from {table.name} order by grp collate "C", id collate "C"'  # noqa: S608 - the code's own names
    digest = hashlib.sha256()
    async with connection.transaction(readonly=True):
        async for row in connection.cursor(statement, prefetch=PAGE):
            digest.update(row["line"].encode())
            digest.update(b"\n")
    return digest.hexdigest()


async def _differences(connection: Connection, live: Table, rebuilt: Table) -> list[tuple[Any, Any]]:
    columns = ", ".join(live.columns)
    statement = (
        f"select l.line, r.line from (select grp, id, ({columns})::text as line from {live.name}) l "  # noqa: S608 - the code's own names
        f"full join (select grp, id, ({columns})::text as line from {rebuilt.name}) r using (grp, id) "
        f"where l.line is distinct from r.line order by grp, id limit {_SHOWN}"
    )
    return [(row[0], row[1]) for row in await connection.fetch(statement)]


async def _swap(connection: Connection, fold: Refold[Any], beside: Table, login: str) -> None:
    name = fold.projection.table.name
    members = [(fold.projection.name, group, stream) for group, streams in fold.members.items() for stream in streams]
    async with connection.transaction():
        # The table comes last: from then on its readers wait.
        await connection.execute(SQL["forget_members"], fold.projection.name)
        await connection.copy_records_to_table(
            "projection_members", records=members, columns=("projection", "grp", "stream")
        )
        await connection.execute(SQL["next_generation"], fold.projection.name)
        await connection.execute(f"drop table {name}")
        await connection.execute(f"alter table {beside.name} rename to {name}")
        await connection.execute(f'grant select, insert, update, delete on {name} to "{login}"')
