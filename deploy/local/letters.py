"""What lies in the topics of dead letters: what receivers set aside, and why the newest of it was.

Asked of the broker and of no service, so the count outlives every restart. A letter stays for as long as its topic
keeps it (90 days). Whoever can write to a topic can have letters set aside; only one that was an event of ours is a
loss.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from kernel.broker import AWAY, Broker, read_until
from kernel.dead_letters import SUFFIX
from schemas.topics import TOPICS

_SECONDS: Final = 6.0
_TOPICS: Final = tuple(topic.name for topic in TOPICS if topic.name.endswith(SUFFIX))


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of one topic; reason, detail and place of the newest, as far as it says them."""

    topic: str
    """The topic that they were set aside from."""
    count: int
    newest: str
    """When the newest was set aside, as ISO 8601."""
    reason: str
    detail: str
    place: str
    """Partition and offset of the newest in its topic, as `2@17`."""


async def dead_letters(bootstrap_servers: str) -> list[Letters] | None:
    """Return what lies in each topic of dead letters that is not empty; None when the broker does not say in time."""
    broker = Broker(bootstrap_servers, "paritrana-status")
    with _unlogged():
        try:
            async with asyncio.timeout(_SECONDS), broker.reader() as consumer:
                return await _found(consumer)
        except AWAY:
            return None


async def _found(consumer: AIOKafkaConsumer) -> list[Letters]:
    there = await consumer.topics()
    places = [TopicPartition(topic, 0) for topic in _TOPICS if topic in there]
    if not places:
        return []
    first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    filled = [place for place in places if end[place] > first[place]]
    if not filled:
        return []
    newest: dict[str, Any] = {}
    async for records in read_until(consumer, {place: end[place] - 1 for place in filled}, end):
        newest |= {record.topic: record for record in records}
    return [_told(place.topic, end[place] - first[place], newest.get(place.topic)) for place in filled]


def _told(topic: str, count: int, record: Any) -> Letters:
    # What cannot be decoded has no headers, and who can write to the topic may have left any out.
    said = {name: value or b"" for name, value in getattr(record, "headers", ())}
    text = {name: value.decode(errors="replace") for name, value in said.items()}
    at = datetime.fromtimestamp(getattr(record, "timestamp", 0) / 1000, UTC).isoformat(timespec="seconds")
    place = f"{text.get('partition', '?')}@{text.get('offset', '?')}"
    return Letters(topic.removesuffix(SUFFIX), count, at, text.get("reason", "unknown"), text.get("detail", ""), place)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep aiokafka from logging refused connections: that the broker is away is told by a line of its own."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
