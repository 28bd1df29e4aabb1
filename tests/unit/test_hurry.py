"""How long a projection gathers events before its next round, and who makes it go at once."""

from __future__ import annotations

import asyncio
import time

from kernel.reactor import Hurry

LONG = 3600.0
PATIENCE = 30.0


async def test_a_round_begins_at_once_when_the_last_one_is_long_over():
    async with asyncio.timeout(PATIENCE):
        await Hurry(LONG).gather(time.monotonic() - LONG)


async def test_a_round_begins_at_once_while_somebody_waits():
    hurry = Hurry(LONG)
    async with asyncio.timeout(PATIENCE):
        with hurry.while_waiting():
            await hurry.gather(time.monotonic())


async def test_whoever_begins_to_wait_ends_the_gathering():
    hurry = Hurry(LONG)
    gathering = asyncio.create_task(hurry.gather(time.monotonic()))
    await asyncio.sleep(0)
    assert not gathering.done()
    async with asyncio.timeout(PATIENCE):
        with hurry.while_waiting():
            await gathering


async def test_the_next_round_gathers_again_once_the_last_of_those_who_waited_has_gone():
    hurry = Hurry(LONG)
    with hurry.while_waiting():
        with hurry.while_waiting():
            pass
        async with asyncio.timeout(PATIENCE):
            await hurry.gather(time.monotonic())
    gathering = asyncio.create_task(hurry.gather(time.monotonic()))
    await asyncio.sleep(0)
    assert not gathering.done()
    gathering.cancel()


async def test_without_a_pace_nothing_is_gathered():
    async with asyncio.timeout(PATIENCE):
        await Hurry(0.0).gather(time.monotonic())
