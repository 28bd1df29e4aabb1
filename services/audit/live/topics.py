"""The topics themselves: each is there, begins at offset 0, and is read to its end.

How far a topic was read is told as an instant: all that lay in it then has been received. Without it nobody could say
of an event that it is missing, and not only late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from aiokafka import TopicPartition

from kernel.broker import Broker
from kernel.clock import SystemClock
from services.audit.live.alarms import SQL, Alarms


@dataclass(slots=True)
class Topics:
    """Looks after topics that are kept for ever; `received` are those whose events come here."""

    names: Sequence[str]
    received: Sequence[str]
    broker: Broker
    pool: asyncpg.Pool[Any]
    alarms: Alarms
    read_up_to: dict[str, datetime] = field(init=False, default_factory=dict)
    """By topic, the latest instant at which all that lay in it has been received since."""
    _noted: dict[str, tuple[datetime, dict[int, int]]] = field(init=False, default_factory=dict)
    begins: dict[str, int] = field(init=False, default_factory=dict)
    """By topic, the highest offset at which one of its partitions begins."""

    async def look(self) -> None:
        """Ask the broker where each partition begins and ends. Raises what an unreachable broker or store raises."""
        now = SystemClock().now()
        places = [TopicPartition(*place) for place in (await self.broker.cluster()).places(self.names)]
        there = {place.topic for place in places}
        async with self.broker.reader() as consumer:
            begins = await consumer.beginning_offsets(places) if places else {}
            ends = await consumer.end_offsets(places) if places else {}
        late = {f"{p.topic}/{p.partition}": f"it begins at offset {at}" for p, at in begins.items() if at > 0}
        self.begins = {name: max([0, *(at for p, at in begins.items() if p.topic == name)]) for name in there}
        await self.alarms.stand("topic-begins", late)
        await self.alarms.stand("topic-gone", dict.fromkeys({*self.names} - there, "the broker has no such topic"))
        await self._follow(now, ends)

    async def _follow(self, now: datetime, ends: dict[TopicPartition, int]) -> None:
        """Note where topics end now, and which of the ends that were noted before have been reached."""
        rows = await self.pool.fetch(SQL["received"])
        reached = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        for topic in self.received:
            noted = self._noted.get(topic)
            if noted is None or all(reached.get((topic, part), 0) >= end for part, end in noted[1].items()):
                if noted is not None:
                    self.read_up_to[topic] = noted[0]
                self._noted[topic] = (now, {p.partition: end for p, end in ends.items() if p.topic == topic})
