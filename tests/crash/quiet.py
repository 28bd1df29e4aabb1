"""Wait until nothing moves: everything published, received, folded, sent; by conditions, never by time.

What is still on its way when the checker looks would count as lost, so the checker is asked only after this. Each
store is looked at in one snapshot of its own; since an event moves from store to store, everything must be quiet
twice with nothing new in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson
from aiokafka import TopicPartition

from kernel.broker import AWAY, Broker
from kernel.lead import STORE_AWAY
from tests.crash.checker import Store

_LOOK_SECONDS: Final = 0.1
_STATE: Final = """
select (select array[epoch, xid::text::bigint, position] from events order by epoch desc, events.xid desc, position desc
        limit 1) as last,
       (select count(*) from events
        where own and (epoch, xid, position) > (select epoch, xid, position from relay_checkpoint)) as unpublished,
       (select count(*) from held) as held,
       (select coalesce(json_object_agg(handler, array[epoch, xid::text::bigint, position]), '{}') from checkpoints)
           as folded,
       (select coalesce(json_object_agg(topic || '/' || partition, next_offset), '{}') from received) as received
"""
# Results wait until they are announced, however long that takes.
_UNSENT: Final = """
select (select count(*) from intents where state = 'pending')
     + (select count(*) from waiting where needs not like 'motion/%')
"""


class NeverQuiet(AssertionError):
    """Something still moved, or stood still unfinished, when the time was up; the message says what."""


async def until_quiet(
    stores: Sequence[Store], broker: Broker, *, mails: str | None = None, within: float = 60.0
) -> None:
    """Wait until nothing moves; `mails` names the service whose intents must be settled.

    Raises NeverQuiet, with what was still under way, after `within` seconds.
    """
    deadline = time.monotonic() + within
    before: object = None
    while True:
        try:
            moving, seen = await _look(stores, broker, mails)
        except (*AWAY, *STORE_AWAY) as error:
            moving, seen = [f"a store is away: {error!r}"], None
        if not moving and seen == before:
            return
        before = seen
        if time.monotonic() > deadline:
            raise NeverQuiet("; ".join(moving) or "something still moved")
        await asyncio.sleep(_LOOK_SECONDS)


async def _look(stores: Sequence[Store], broker: Broker, mails: str | None) -> tuple[list[str], object]:
    """Return what still moves, and where every log ends."""
    ends = await _ends(broker, sorted({topic for store in stores for topic in store.receives}))
    moving: list[str] = []
    seen: list[object] = []
    for store in stores:
        connection = await asyncpg.connect(store.url, timeout=5)
        try:
            row = await connection.fetchrow(_STATE)
            unsent = await connection.fetchval(_UNSENT) if store.wire.service == mails else 0
        finally:
            await connection.close(timeout=5)
        if row is None:
            raise AssertionError("a select without from returns one row")
        moving += [f"{store.wire.service}: {what}" for what in _moving(store, row, ends)]
        moving += [f"{store.wire.service}: {unsent} messages are not settled"] if unsent else []
        seen.append(row["last"])
    return moving, seen


def _moving(store: Store, row: Any, ends: dict[str, int]) -> list[str]:
    found: list[str] = []
    if row["unpublished"]:
        found.append(f"{row['unpublished']} events are not published")
    if row["held"]:
        found.append(f"{row['held']} events are held")
    folded = orjson.loads(row["folded"])
    found += [f"{name} has not folded all" for name in store.folders if folded.get(name, []) != (row["last"] or [])]
    received = orjson.loads(row["received"])
    for topic in store.receives:
        behind = sum(end - received.get(place, 0) for place, end in ends.items() if place.rpartition("/")[0] == topic)
        if behind:
            found.append(f"{behind} records of {topic} are not received")
    return found


async def _ends(broker: Broker, topics: Sequence[str]) -> dict[str, int]:
    places = [TopicPartition(*place) for place in (await broker.cluster()).places(topics)]
    if not places:
        return {}
    async with broker.reader() as consumer:
        ends = await consumer.end_offsets(places)
    return {f"{place.topic}/{place.partition}": end for place, end in ends.items()}
