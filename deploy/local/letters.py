"""What lies in the topics of dead letters: what receivers set aside, and why the newest of it was.

Asked of the broker and of no service, so the count outlives every restart. A letter stays for as long as its topic
keeps it (90 days). Whoever can write to a topic can have letters set aside; only one that was an event of ours is a
loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from kernel.broker import AWAY, Broker, read_until
from kernel.dead_letters import SUFFIX, Letter
from schemas.topics import TOPICS

_SECONDS: Final = 8.0
_READ_SECONDS: Final = 3.0
_MOST_READ: Final = 5_000
"""So many letters are read, to count each message once; of more, or slower ones, the letters are counted."""
_TOPICS: Final = tuple(topic.name for topic in TOPICS if topic.name.endswith(SUFFIX))


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of one topic; reason, detail and address of the newest, as far as it says them."""

    topic: str
    """The topic that they were set aside from."""
    count: int
    """How many messages; where `each_once` is false how many letters, of which a message may have several."""
    newest: str
    """When the newest was set aside, as ISO 8601."""
    reason: str
    detail: str
    address: str
    """Where the message of the newest stands, as `paritrana dlq` addresses it: `<topic>/<partition>/<offset>`."""
    each_once: bool = True


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
    return [await _of_topic(consumer, place, first[place], end[place]) for place in filled]


async def _of_topic(consumer: AIOKafkaConsumer, place: TopicPartition, first: int, end: int) -> Letters:
    """Count the messages of one topic: one that was read again was set aside again, and has several letters."""
    if end - first <= _MOST_READ:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READ_SECONDS):
                messages: dict[str, Any] = {}
                newest = None
                async for records in read_until(consumer, {place: first}, {place: end}):
                    messages |= {_message(record): None for record in records}
                    newest = records[-1] if records else newest
                return _told(place.topic, len(messages), newest, each_once=True)
    newest = None
    async for records in read_until(consumer, {place: end - 1}, {place: end}):
        newest = records[-1] if records else newest
    return _told(place.topic, end - first, newest, each_once=False)


def _message(record: Any) -> str:
    """Return what tells a letter's message from others; what is no letter is itself alone."""
    headers = tuple(getattr(record, "headers", ()))
    letter = Letter.of(None, None, headers)
    return f"@{record.offset}" if letter is None else letter.address


def _told(topic: str, count: int, record: Any, *, each_once: bool) -> Letters:
    # What cannot be decoded has no headers, and who can write to the topic may have left any out.
    said = {name: value or b"" for name, value in getattr(record, "headers", ())}
    text = {name: value.decode(errors="replace") for name, value in said.items()}
    at = datetime.fromtimestamp(getattr(record, "timestamp", 0) / 1000, UTC).isoformat(timespec="seconds")
    name, reason = topic.removesuffix(SUFFIX), text.get("reason", "unknown")
    address = f"{name}/{text.get('partition', '?')}/{text.get('offset', '?')}"
    return Letters(name, count, at, reason, text.get("detail", ""), address, each_once)


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """Keep aiokafka from logging refused connections: that the broker is away is told by a line of its own."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
