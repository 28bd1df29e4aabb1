"""Group commit: appends that arrive while another is under way are carried out together, in one transaction.

A commit costs several times what an event does. Under load this shares it among the commands of one process; alone, an
append goes at once. Each append stays all or nothing and fails alone: a group that is refused is done one by one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from kernel.decider import Position
from kernel.log import Append, CommandRemembered, Connection, Head, StreamMoved, append, is_usable

_LINGER: Final = 0.05
"""Seconds that a connection is kept for the next append: to take and release one costs half of what an append does."""


@dataclass(slots=True)
class _Waiting:
    batch: Append
    outcome: asyncio.Future[Position]

    def succeed(self, position: Position) -> None:
        if not self.outcome.done():
            self.outcome.set_result(position)

    def fail(self, error: BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class GroupAppender:
    """Carries out the appends of one process, several together when they come together."""

    def __init__(self, pool: asyncpg.Pool[Any], *, at_once: int = 2, most: int = 64) -> None:
        """Use up to `at_once` transactions at a time, each of up to `most` appends."""
        self._pool = pool
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        self._idle = at_once
        self._parked: list[asyncio.Future[None]] = []
        self._called = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(self, batch: Append) -> Position:
        """Append `batch`, perhaps with others; return and raise as `kernel.log.append` does."""
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._called:
            self._call()
        return await waiting.outcome

    def _call(self) -> None:
        """Call somebody to take what waits: who has a connection in hand, else somebody new, if one may."""
        if self._parked:
            self._called = True
            _wake(self._parked.pop())
        elif self._idle:
            self._called = True
            self._idle -= 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            async with self._pool.acquire() as connection:
                while await self._some() and is_usable(connection):
                    await _carry_out(connection, self._take())
        except BaseException as error:
            while self._waiting:
                self._waiting.popleft().fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._idle += 1
            self._called = False
            if self._waiting:
                self._call()

    async def _some(self) -> bool:
        """Wait a moment for appends, the connection in hand; tell whether there are any."""
        if not self._waiting:
            loop = asyncio.get_running_loop()
            parked = loop.create_future()
            self._parked.append(parked)
            patience = loop.call_later(_LINGER, _wake, parked)
            try:
                await parked
            finally:
                patience.cancel()
                if parked in self._parked:
                    self._parked.remove(parked)
        return bool(self._waiting)

    def _take(self) -> list[_Waiting]:
        """Take waiting appends in order, up to the first that writes, or is guarded by, what one before it touches.

        Whoever is free gets a share: while the database is at work on one group, the next one is being prepared.
        """
        self._called = False
        group: list[_Waiting] = []
        written: set[str] = set()
        touched: set[str] = set()
        free = len(self._parked) + self._idle
        share = min(self._most, math.ceil(len(self._waiting) / (1 + free)))
        while self._waiting and len(group) < share:
            batch = self._waiting[0].batch
            if not written.isdisjoint(batch.heads) or not touched.isdisjoint(batch.times):
                break
            written.update(batch.times)
            touched.update(batch.heads)
            group.append(self._waiting.popleft())
        if self._waiting:
            self._call()
        return group


async def _carry_out(connection: Connection, group: list[_Waiting]) -> None:
    """Append a group together; when it is refused for what one of it did, each by itself."""
    try:
        position = await append(connection, _joined([waiting.batch for waiting in group]))
    except (StreamMoved, CommandRemembered) as error:
        if len(group) == 1:
            group[0].fail(error)
            return
        await _one_by_one(connection, group)
    except Exception as error:  # noqa: BLE001 - each caller gets what befell its append
        if not is_usable(connection):
            # Whether it was carried out is not known; each may be repeated under its command id.
            error = asyncpg.ConnectionDoesNotExistError(f"the connection was lost: {error}")
        elif len(group) > 1 and isinstance(error, asyncpg.PostgresError):
            await _one_by_one(connection, group)
            return
        for waiting in group:
            waiting.fail(error)
    else:
        for waiting in group:
            waiting.succeed(position)


async def _one_by_one(connection: Connection, group: list[_Waiting]) -> None:
    for waiting in group:
        await _carry_out(connection, [waiting])


def _wake(parked: asyncio.Future[None]) -> None:
    if not parked.done():
        parked.set_result(None)


def _joined(batches: Sequence[Append]) -> Append:
    if len(batches) == 1:
        return batches[0]
    heads: dict[str, Head] = {}
    times: dict[str, datetime] = {}
    for batch in batches:
        heads |= batch.heads
        times |= batch.times
    return Append([entry for batch in batches for entry in batch.entries], heads, times, batches[0].own)
