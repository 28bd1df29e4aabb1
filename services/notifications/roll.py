"""Answer calls: find out at identity who holds a role now, and commit the intents to tell them.

Beside the fold, which may ask nobody, and by one active replica. The intents and the mark that a call is answered are
one transaction, and a call is answered once: a process that dies in between leaves it to be answered whole, and a
rebuild finds it answered. Whoever is given the role later was not among those whom it told.

While identity is away calls wait, as mail does; one that fails by itself is left for later and stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import orjson
import structlog

from kernel.problems import store_is_away
from services.notifications.directory import Directory
from services.notifications.domain.calls import Call, HeldRole, Holder, intents_of_call
from services.notifications.handler import intent_row
from services.notifications.outbox import SQL, Bell, pause_after

_BATCH: Final = 20
_LOG = structlog.get_logger(__name__)


@dataclass(slots=True)
class Roll:
    """Answers calls; `answered` wakes the senders when it has, `wake` makes it look at once."""

    pool: asyncpg.Pool
    directory: Directory
    answered: Callable[[], None]
    _bell: Bell = field(default_factory=Bell)

    def wake(self) -> None:
        """Look for calls now."""
        self._bell.ring()

    async def run(self) -> None:
        """Answer calls until cancelled."""
        try:
            await self._bell.follow(self.round, "roll")
        finally:
            await self.directory.close()

    async def round(self) -> int:
        """Answer what is due, one batch; return how many calls were looked at. Raises DirectoryAway."""
        rows = await self.pool.fetch(SQL["calls_due"], _BATCH)
        holders: dict[HeldRole, Sequence[Holder]] = {}
        for row in rows:
            role: HeldRole = row["role"]
            if role not in holders:
                holders[role] = await self.directory.holders(role)
            await self._apart(row, holders[role])
        if rows:
            self.answered()
        return len(rows)

    async def _apart(self, row: asyncpg.Record, holders: Sequence[Holder]) -> None:
        """Answer one call; when that fails for a reason of its own, leave it for later."""
        try:
            await self._answer(Call.of(orjson.loads(row["document"])), holders)
        except Exception as error:
            if store_is_away(error):
                raise
            _LOG.exception("a call failed", call=str(row["call"]))
            await self.pool.execute(SQL["postpone_call"], row["call"], pause_after(row["attempts"]))

    async def _answer(self, call: Call, holders: Sequence[Holder]) -> None:
        intents = intents_of_call(call, holders)
        async with self.pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(SQL["end_call"], call.id) is not None:
                await connection.executemany(SQL["put_intent"], [intent_row(intent) for intent in intents])
