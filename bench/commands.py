"""The commands that are measured, and the same rows inserted raw.

The event is SheetRead, small and unsigned, so that what is measured is remembering: a signature costs its 80 µs
wherever it is made. The limit inserts the very rows that the commands left, columns, indexes and all, into a table like
the log's, with nothing decided, guarded, chained or written anew.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from deploy.local.provision import ServiceDatabase, connected
from kernel.clock import SystemClock
from kernel.commands import Ask, Executor, Receipt
from kernel.decider import Aggregate, Decision, Emit, Happened, Loader
from kernel.log import Wake
from kernel.process import close_pool, open_pool
from schemas.codec import CODEC
from schemas.scoring import SheetRead

SERVICE: Final = "scoring"
WRITERS: Final = 8
_POOL: Final = 24
_NOMINATION: Final = "01890000-0000-7000-8000-000000000001"
_READ: Final = SheetRead.model_validate(
    {
        "nomination": _NOMINATION,
        "at": {
            "season": "2020",
            "tier": "provincial",
            "province": "75",
            "category": "KABKOTA",
            "stage": "seleksi",
        },
        "member": "01890000-0000-7000-8000-000000000002",
        "reader": "01890000-0000-7000-8000-000000000003",
    }
)


def _count(state: int, _event: Happened) -> int:
    return state + 1


READS: Final = Aggregate[int](initial=lambda: 0, evolve=_count, kind="sheet")

COLUMNS: Final = (
    "epoch", "xid", "stream", "version", "id", "type", "own", "hash", "document", "topic_partition", "topic_offset",
    "command_actor", "command_route", "command_key", "command_digest",
)  # fmt: skip
_TYPES: Final = (
    "integer", "xid8", "text", "bigint", "uuid", "text", "boolean", "bytea", "text", "integer", "bigint",
    "text", "text", "text", "bytea",
)  # fmt: skip
_INTO: Final = f"insert into bench_events ({', '.join(COLUMNS)})"
RAW: Final = f"{_INTO} values ({', '.join(f'${number}' for number in range(1, len(COLUMNS) + 1))})"
RAW_BATCH: Final = f"{_INTO} select * from unnest({', '.join(f'${n}::{t}[]' for n, t in enumerate(_TYPES, start=1))})"  # noqa: S608 - our own names
"""The statement of the limit, with an array for each column."""


def streams_of(writer: int, count: int) -> list[str]:
    """Return the streams that one writer appends to: no two writers share one."""
    return [f"sheet/{_NOMINATION}/provincial-seleksi/{writer}-{number}" for number in range(count)]


@dataclass(slots=True)
class Commands:
    """The executor of a service on a database of its own, as the service makes it."""

    executor: Executor
    pool: asyncpg.Pool[Any]
    database: ServiceDatabase
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def asks(self, count: int) -> list[Ask]:
        """Return commands, each with an id of its own, as the HTTP side hands them over."""
        now = datetime.now(UTC)
        keys = [f"0189b6f0-0000-7000-8000-{next(self._numbers):012d}" for _ in range(count)]
        return [
            Ask(_NOMINATION, "GET /v1/sheets/{member}", key, hashlib.sha256(key.encode()).digest(), now) for key in keys
        ]

    async def append(self, stream: str, ask: Ask, events: int = 1) -> None:
        """Execute one command that loads a stream and appends to it."""

        async def program(load: Loader) -> Decision:
            await load.load(READS, stream)
            return [Emit(stream, _READ)] * events

        answer = await self.executor.execute(ask, program)
        if not isinstance(answer, Receipt):
            raise AssertionError(f"the bench's command was refused: {answer.code}")  # noqa: TRY004 - no wrong type given

    async def newest(self, count: int) -> list[tuple[Any, ...]]:
        """Return the newest rows of the log, as the limit inserts them."""
        rows = await self.pool.fetch(
            f"select {', '.join(COLUMNS)} from events order by position desc limit {count:d}"  # noqa: S608 - our own names
        )
        return [tuple(row) for row in rows]


@asynccontextmanager
async def commands(database: ServiceDatabase) -> AsyncIterator[Commands]:
    """Hold an executor on a fresh database, and the table that the limit inserts into beside its log."""
    async with connected(database.owner_url) as owner:
        await owner.execute("create table bench_events (like events including all)")
        await owner.execute(f'grant insert on bench_events to "{database.login}"')
    pool = await open_pool(database.login_url, service=SERVICE, size=_POOL)
    try:
        yield Commands(Executor(SERVICE, pool, CODEC, SystemClock(), Wake()), pool, database)
    finally:
        await close_pool(pool)


@asynccontextmanager
async def connections(url: str, count: int) -> AsyncIterator[Sequence[asyncpg.Connection[asyncpg.Record]]]:
    """Hold so many connections of the limit's own."""
    held = [await asyncpg.connect(url) for _ in range(count)]
    try:
        yield held
    finally:
        for connection in held:
            await connection.close()
