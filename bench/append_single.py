"""append_single: one event a command, by eight writers at once, against eight connections that insert the same rows.

Every command is decided under its stream's expected version, chained by hash, and remembered under its id; the streams
are hot, so loading them is not included. The peer does the same with `eventsourcing` and its database functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from bench.commands import RAW, WRITERS, Commands, commands, connections, streams_of
from bench.ground import Ground
from bench.peer import PEER, Peer
from bench.plan import Plan
from bench.rows import Row
from bench.turns import Stopwatch, Work, take_turns
from bench.usage import cpu_rows
from kernel.log import Connection

NAME: Final = "append_single"
_STREAMS: Final = 16
"""Hot streams of each writer."""


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    async with (
        ground.database("scoring") as database,
        ground.database("scoring") as apart,
        commands(database) as ours,
        connections(database.login_url, WRITERS) as raw,
    ):
        with ExitStack() as stack:
            works: dict[str, Work] = {
                "ours": partial(_ours, ours, plan.single),
                "limit": partial(_limit, ours, raw, plan.single),
            }
            if plan.peers:
                peer = stack.enter_context(Peer(apart.owner_url))
                works["peer"] = partial(_peer, peer, plan.single_peer)
            turns = await take_turns(ground, plan.rounds, works)
    row = Row.of(
        NAME,
        "events/s",
        turns["ours"].rates,
        limits=turns["limit"].rates,
        peers=turns["peer"].rates if plan.peers else (),
        peer_name=PEER,
        goal_of_limit=0.7,
        goal_of_peer=3.0,
    )
    return [row, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


async def _ours(ours: Commands, count: int, watch: Stopwatch) -> int:
    each = count // WRITERS
    asks = [ours.asks(each) for _ in range(WRITERS)]

    async def write(writer: int) -> None:
        streams = streams_of(writer, _STREAMS)
        for number, ask in enumerate(asks[writer]):
            await ours.append(streams[number % _STREAMS], ask)

    with watch:
        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    return each * WRITERS


async def _limit(ours: Commands, raw: Sequence[Connection], count: int, watch: Stopwatch) -> int:
    rows = await ours.newest(count)
    statements = [await connection.prepare(RAW) for connection in raw]
    todo = iter(rows)

    async def insert(statement: PreparedStatement[asyncpg.Record]) -> None:
        for row in todo:
            await statement.fetch(*row)

    with watch:
        await asyncio.gather(*(insert(statement) for statement in statements))
    return len(rows)


async def _peer(peer: Peer, count: int, watch: Stopwatch) -> int:
    await asyncio.to_thread(peer.append_singly, count, WRITERS, _STREAMS, watch)
    return count
