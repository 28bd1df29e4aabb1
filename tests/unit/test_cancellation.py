"""Specs of ending what tries again for ever, where the cancellation itself was lost to another error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from kernel.cancellation import end_if_cancelled
from kernel.lead import Lead
from kernel.log import Wake
from kernel.reactor import Reactor


class GonePool:
    """A pool whose database has gone: what waits on it and is cut off fails as asyncpg does then."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.times = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        self.times += 1
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise asyncpg.InternalClientError(
                "cannot switch to state 15; another operation (2) is in progress"
            ) from None
        yield


async def test_only_who_was_told_to_end_ends() -> None:
    end_if_cancelled()
    told = asyncio.Event()

    async def loop() -> None:
        while True:
            try:
                told.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
            end_if_cancelled()

    task = asyncio.create_task(loop())
    await told.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done == {task}
    assert task.cancelled()


async def test_a_reactor_ends_though_its_database_goes_with_it() -> None:
    pool: Any = GonePool()
    measures = SimpleNamespace(failed=lambda _name: None)
    folder: Any = SimpleNamespace(name="a handler", measures=measures, over=None)
    task = asyncio.create_task(Reactor(pool, Wake(), [folder]).run())
    await pool.asked.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done == {task}
    assert task.cancelled()
    assert pool.times == 1


async def test_a_lead_that_was_lost_gives_its_work_up_and_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lead, pool, won = Lead("postgresql://nowhere", "a lead", poll=0), GonePool(), 0
    begun_again = asyncio.Event()

    @asynccontextmanager
    async def taken(_self: Lead) -> AsyncIterator[Any]:
        nonlocal won
        won += 1
        if won == 2:
            begun_again.set()

        async def lost() -> None:
            await (pool.asked if won == 1 else asyncio.Event()).wait()

        yield lost

    monkeypatch.setattr(Lead, "taken", taken)
    measures = SimpleNamespace(failed=lambda _name: None)
    folder: Any = SimpleNamespace(name="a handler", measures=measures, over=None)
    reactor = Reactor(pool, Wake(), [folder])  # type: ignore[arg-type]
    task = asyncio.create_task(lead.run(reactor.run))
    async with asyncio.timeout(10):
        await begun_again.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done == {task}
