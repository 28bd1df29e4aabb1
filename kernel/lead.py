"""One active replica of what must not run twice at once: relay, reactors, the sender of mail.

The lead is a session-level advisory lock of the service's database on a connection of its own, so it ends with the
process that holds it, whatever ends that. The holder looks at the connection every second and stops its work when it
is gone. A replica that was stopped and wakes may still act for a moment; what it writes is fenced elsewhere, by
compare-and-set on checkpoints and by heads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import asyncpg
import structlog

from kernel.cancellation import end_if_cancelled

_log = structlog.get_logger("lead")

_TRY: Final = "select pg_try_advisory_lock($1)"
_LOOK_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 5.0
STORE_AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What an unreachable or restarting database raises; a session cut in mid-statement is an InternalClientError."""


def lock_number(name: str) -> int:
    """Return the 64-bit key of the advisory lock of `name`."""
    return int.from_bytes(hashlib.sha256(f"lead/{name}".encode()).digest()[:8], "big", signed=True)


class Lead:
    """The lead of one kind of work, by name, within one database."""

    def __init__(
        self, dsn: str, name: str, *, poll: float = 0.5, changed: Callable[[bool], None] = lambda _held: None
    ) -> None:
        """Ask for the lead every `poll` seconds; `changed` is told when it is won (True) or gone (False)."""
        self.name = name
        self.held = False
        self._dsn = dsn
        self._poll = poll
        self._changed = changed

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` while this process leads; stand by otherwise. Return, or raise, when the work does."""
        while True:
            async with self.taken() as lost:
                working = asyncio.ensure_future(work())
                waiting = asyncio.ensure_future(lost())
                try:
                    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
                    if working.cancelled():
                        raise RuntimeError(f"the work of {self.name} was cancelled from within")
                    if working.done():
                        return working.result()
                    _log.warning("lead lost", lead=self.name)
                finally:
                    await _end(working, waiting)

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Wait for the lead and hold it; yields a function that returns when the lead is lost."""
        connection = await self._win()
        try:
            self.held = True
            self._changed(True)
            yield lambda: self._until_lost(connection)
        finally:
            self.held = False
            self._changed(False)
            await _close(connection)

    async def _win(self) -> asyncpg.Connection[Any]:
        while True:
            connection: asyncpg.Connection[Any] | None = None
            try:
                connection = await asyncpg.connect(self._dsn, timeout=_ANSWER_SECONDS)
                while not await connection.fetchval(_TRY, lock_number(self.name)):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(self._poll)
            except STORE_AWAY as error:
                _log.warning("the lead cannot be asked for", lead=self.name, error=repr(error))
            except BaseException:
                if connection is not None:
                    await _close(connection)
                raise
            else:
                return connection
            if connection is not None:
                await _close(connection)
            end_if_cancelled()
            await asyncio.sleep(self._poll)

    async def _until_lost(self, connection: asyncpg.Connection[Any]) -> None:
        with contextlib.suppress(*STORE_AWAY):
            while not connection.is_closed():
                await connection.fetchval("select 1", timeout=_ANSWER_SECONDS)
                await asyncio.sleep(_LOOK_SECONDS)


async def _end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(connection: asyncpg.Connection[Any]) -> None:
    try:
        await connection.close(timeout=1.0)
    except STORE_AWAY:
        connection.terminate()
