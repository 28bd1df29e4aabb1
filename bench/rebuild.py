"""rebuild: scoring's ranking projection folded anew from the whole log, against reading the log and parsing it.

Ours is what `paritrana rebuild rankings` does up to its comparison: the kernel's refold of the log, the projection's
read rows, and their COPY into a table. Counted are the events that the projection folds; single marks, three of four
events, are left to the database to pass over, for the limit as well. The limit reads the same rows through the same
kind of cursor and parses each document with orjson, and does nothing with them.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Final

import orjson

from bench.ground import Ground
from bench.peer import PEER, Peer
from bench.plan import Plan
from bench.rows import Row
from bench.season import Seasons, copy_in
from bench.turns import Stopwatch, Work, take_turns
from bench.usage import cpu_rows
from deploy.local.provision import connected
from kernel.codec import Versions
from kernel.decider import START, Position
from kernel.log import Connection
from kernel.reactor import Table
from kernel.rebuild import PAGE, SQL, Refold, copy_rows, refold
from schemas.codec import CODEC
from services.scoring.projections import RankingProjection

NAME: Final = "rebuild"
_SEED: Final = 20_210_202


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    async with (
        ground.database("scoring") as database,
        ground.database("scoring") as apart,
        connected(database.owner_url) as owner,
    ):
        async with owner.transaction():
            until = await copy_in(owner, Seasons(_SEED).events(plan.rebuild))
        await owner.execute("vacuum analyze events")
        await ground.settle()
        with ExitStack() as stack:
            works: dict[str, Work] = {"ours": partial(_ours, owner, until), "limit": partial(_limit, owner, until)}
            if plan.peers:
                peer = stack.enter_context(Peer(apart.owner_url))
                peer.append_many(plan.rebuild_peer)
                works["peer"] = partial(_peer, peer)
            turns = await take_turns(ground, plan.rebuild_rounds, works)
    row = Row.of(
        NAME,
        "events/s",
        turns["ours"].rates,
        limits=turns["limit"].rates,
        peers=turns["peer"].rates if plan.peers else (),
        peer_name=PEER,
        goal_of_limit=0.4,
        goal_of_peer=30.0,
    )
    return [row, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


async def _ours(owner: Connection, until: Position, watch: Stopwatch) -> int:
    fold = Refold(RankingProjection(), CODEC)
    table = fold.projection.table
    beside = Table(f"{table.name}_bench", table.columns)
    await owner.execute(f"drop table if exists {beside.name}")
    await owner.execute(f"create table {beside.name} (like {table.name} including all)")
    with watch:
        await refold(owner, fold, START, until, lambda _count: None)
        await copy_rows(owner, beside, fold.rows())
    return fold.events


async def _limit(owner: Connection, until: Position, watch: Stopwatch) -> int:
    types, count = sorted(Versions(RankingProjection.types, CODEC).stored), 0
    with watch:
        async with owner.transaction(isolation="repeatable_read", readonly=True):
            cursor = await owner.cursor(SQL["fold_range"], types, *START, *until)
            while rows := await cursor.fetch(PAGE):
                count += len([orjson.loads(row["document"]) for row in rows])
    return count


async def _peer(peer: Peer, watch: Stopwatch) -> int:
    return await asyncio.to_thread(peer.rebuild, watch)
