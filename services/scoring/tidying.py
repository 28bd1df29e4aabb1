"""Remove why messages were refused once their dead letters are gone: nobody can look at what it was said of any more.

Each process of ingest does it, since ingest writes what is removed; what one of them is removing the others pass by.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog

from kernel.clock import Clock
from kernel.lead import STORE_AWAY
from kernel.process import Background
from kernel.service import Service
from kernel.sql import queries
from schemas.topics import DEAD_LETTER_DAYS

SQL: Final = queries(Path(__file__).with_name("facts.sql"))
KEPT: Final = timedelta(days=DEAD_LETTER_DAYS)
_TIDY_SECONDS: Final = 600.0
_REMOVED_AT_ONCE: Final = 5_000
_PAUSE_SECONDS: Final = 0.2
_log = structlog.get_logger("tidying")


@dataclass(frozen=True, slots=True)
class Tidier:
    """Removes what is older than it is kept, some at a time."""

    pool: asyncpg.Pool[Any]
    clock: Clock
    at_once: int = _REMOVED_AT_ONCE

    async def run(self) -> None:
        """Tidy every few minutes until cancelled; wait where the database is away."""
        while True:
            try:
                await self.round()
            except STORE_AWAY as error:
                _log.warning("tidying waits", reason=type(error).__name__)
            await asyncio.sleep(_TIDY_SECONDS)

    async def round(self) -> int:
        """Remove all that is too old; return how many rows that were."""
        return await remove(self.pool, SQL["forget_refused"], self.clock.now() - KEPT, at_once=self.at_once)


async def remove(pool: asyncpg.Pool[Any], statement: str, *arguments: Any, at_once: int) -> int:
    """Remove rows by a statement whose last argument is how many at most, until it removes fewer; return how many."""
    total = 0
    while True:
        removed: int = await pool.fetchval(statement, *arguments, at_once)
        total += removed
        if removed < at_once:
            return total
        await asyncio.sleep(_PAUSE_SECONDS)


def tidying(service: Service) -> Background:
    """Return the tidier as work beside ingest."""

    async def run() -> None:
        await Tidier(service.pool, service.clock).run()

    return Background("tidying", run)
