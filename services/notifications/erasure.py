"""Erase what lies here of persons whom identity has erased: their webhooks' URLs and secrets.

Identity says in no event whom it erased, so every owner of a webhook is asked for in short intervals, by one active
replica; the senders ask too before they call a webhook. What was made for a choice that was never accepted is erased as
well, after a day.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from kernel.commands import Executor
from services.notifications.directory import MOST_IDS, Directory, DirectoryAway
from services.notifications.domain.subscription import DELIVERIES, stream_of
from services.notifications.outbox import SQL

_SECONDS: Final = 10.0
_LOG = structlog.get_logger(__name__)


@dataclass(slots=True)
class Erasure:
    """Looks for what is to be erased."""

    pool: asyncpg.Pool
    executor: Executor
    directory: Directory

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        try:
            while True:
                try:
                    await self.round()
                except DirectoryAway as error:
                    _LOG.warning("erasure waits", reason=str(error))
                await asyncio.sleep(_SECONDS)
        finally:
            await self.directory.close()

    async def round(self) -> int:
        """Erase what is to be erased now; return how many persons' webhooks those were. Raises DirectoryAway."""
        await self._uncited()
        owners = [row["person"] for row in await self.pool.fetch(SQL["webhook_owners"])]
        erased = 0
        for first in range(0, len(owners), MOST_IDS):
            found = await self.directory.find(owners[first : first + MOST_IDS])
            if gone := [person for person, one in found.items() if one.erased]:
                await self.pool.execute(SQL["erase_endpoints"], gone)
                erased += len(gone)
        return erased

    async def _uncited(self) -> None:
        """Erase what no choice in the log cites; the table of choices may be behind the log."""
        for row in await self.pool.fetch(SQL["uncited_endpoints"]):
            chosen = (await self.executor.state(DELIVERIES, stream_of(str(row["person"])))).subscription
            if row["digest"] not in (chosen.webhook, chosen.previous):
                await self.pool.execute(SQL["erase_endpoint"], row["digest"])
