"""Specs of what follows the log to send: it ends when it is told to, whatever happens on the way."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.notifications.outbox import Bell


async def test_a_cancellation_that_a_library_drops_ends_it_all_the_same() -> None:
    looks = 0
    looking = asyncio.Event()

    async def look() -> int:
        nonlocal looks
        looks += 1
        looking.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 1

    task = asyncio.create_task(Bell().follow(look, "mail"))
    await looking.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    task.cancel()
    assert done == {task}
    with pytest.raises(asyncio.CancelledError):
        task.result()
    assert looks == 1
