"""append_batch: 500 events in one append, against one `unnest` that inserts the same 500 rows.

One writer, one command after another, each with 500 events of one stream: decided, chained, written and remembered
as single ones are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from bench.commands import RAW_BATCH, Commands, commands, connections, streams_of
from bench.ground import Ground
from bench.peer import PEER, Peer
from bench.plan import Plan
from bench.rows import Row
from bench.turns import Stopwatch, Work, take_turns
from bench.usage import cpu_rows
from kernel.log import Connection

NAME: Final = "append_batch"
EVENTS: Final = 500
_WRITER: Final = 9


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    async with (
        ground.database("scoring") as database,
        ground.database("scoring") as apart,
        commands(database) as ours,
        connections(database.login_url, 1) as raw,
    ):
        with ExitStack() as stack:
            works: dict[str, Work] = {
                "ours": partial(_ours, ours, plan.batches),
                "limit": partial(_limit, ours, raw[0], plan.batches),
            }
            if plan.peers:
                peer = stack.enter_context(Peer(apart.owner_url))
                works["peer"] = partial(_peer, peer, plan.batches)
            turns = await take_turns(ground, plan.rounds, works)
    row = Row.of(
        NAME,
        "events/s",
        turns["ours"].rates,
        limits=turns["limit"].rates,
        peers=turns["peer"].rates if plan.peers else (),
        peer_name=PEER,
        goal_of_limit=0.7,
        goal_of_peer=2.0,
    )
    return [row, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


async def _ours(ours: Commands, batches: int, watch: Stopwatch) -> int:
    asks, (stream,) = ours.asks(batches), streams_of(_WRITER, 1)
    with watch:
        for ask in asks:
            await ours.append(stream, ask, EVENTS)
    return batches * EVENTS


async def _limit(ours: Commands, raw: Connection, batches: int, watch: Stopwatch) -> int:
    rows = await ours.newest(batches * EVENTS)
    parts = [_columns(rows[start : start + EVENTS]) for start in range(0, len(rows), EVENTS)]
    statement = await raw.prepare(RAW_BATCH)
    with watch:
        for columns in parts:
            await statement.fetch(*columns)
    return len(rows)


async def _peer(peer: Peer, batches: int, watch: Stopwatch) -> int:
    await asyncio.to_thread(peer.append_batches, batches, EVENTS, watch)
    return batches * EVENTS


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))
