"""Dead letters one by one: read from their topics, and published again, byte by byte as they came.

Asked of the broker and of no service, as `deploy.local.letters` counts them. A letter is told by the place of the
message that was set aside; one that lies there twice, because a receiver fell between posting and moving on, is told
once. Only facts are ever published again. An event of ours is never replayed: its stream is re-read from its topic.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from kernel.broker import Acknowledgement, Broker, Place, Publisher, Record, Undecodable, read_until
from kernel.dead_letters import SUFFIX, Letter
from schemas.fact_reading import claimed
from schemas.topics import OF_FACTS, TOPICS

_CLIENT: Final = "paritrana-dlq"
_AT_ONCE: Final = 500
KEPT: Final = tuple(topic.name.removesuffix(SUFFIX) for topic in TOPICS if topic.name.endswith(SUFFIX))
"""Topics whose dead letters are kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter as it lies in its topic; publisher and id are what a fact's message claims, where it claims any."""

    letter: Letter
    at: datetime
    """When it was set aside."""
    publisher: str | None = None
    id: str | None = None

    @property
    def refusal(self) -> str | None:
        """Say why the message cannot be published again; None for one that can."""
        if self.letter.topic not in OF_FACTS:
            return f"{self.letter.topic} holds events of ours, which are re-read and never replayed"
        if not self.letter.is_whole:
            return f"{self.letter.address} was too large or unreadable: its bytes are not in the letter"
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are asked for; None stands for any."""

    topic: str | None = None
    reason: str | None = None
    publisher: str | None = None
    addresses: frozenset[str] | None = None

    def takes(self, kept: Kept) -> bool:
        """Tell whether a letter is asked for."""
        letter = kept.letter
        return (
            self.reason in (None, letter.reason)
            and self.publisher in (None, kept.publisher)
            and (self.addresses is None or letter.address in self.addresses)
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics in which they can lie."""
        if self.addresses is not None:
            return tuple(sorted({address.partition("/")[0] for address in self.addresses} & {*KEPT}))
        return KEPT if self.topic is None else (self.topic,)


Ends = Mapping[TopicPartition, int]


async def newest(bootstrap_servers: str, wanted: Wanted, limit: int) -> tuple[list[Kept], int]:
    """Return the newest letters that are asked for, the newest first, and how many there are of them.

    Raises one of `kernel.broker.AWAY` when the broker is away.
    """
    found: OrderedDict[str, Kept] = OrderedDict()
    count = 0
    async with Broker(bootstrap_servers, _CLIENT).reader() as consumer:
        async for kept in _letters(consumer, wanted, await _ends(consumer, wanted)):
            count += kept.letter.address not in found
            found[kept.letter.address] = kept
            found.move_to_end(kept.letter.address)
            if len(found) > limit:
                found.popitem(last=False)
    # Each topic is read in its order, several of them are not read side by side.
    return sorted(found.values(), key=lambda kept: kept.at, reverse=True), count


async def replay(
    bootstrap_servers: str,
    wanted: Wanted,
    agreed: Callable[[list[Kept]], Collection[str]],
    told: Callable[[int], None] = lambda _count: None,
) -> int:
    """Publish again what is agreed to of what is asked for; return how many messages were acknowledged.

    Each goes to the partition that it came from, with its own key, value and headers. What is set aside meanwhile, as
    a message that is refused again, is not taken. Raises one of `kernel.broker.AWAY` when the broker is away: what was
    acknowledged until then is published, and to begin again does no harm, for ingest takes a fact once.

    Args:
        bootstrap_servers: the broker.
        wanted: which letters.
        agreed: is given them without their values, and returns the addresses of those to publish.
        told: is given how many were acknowledged so far.
    """
    broker = Broker(bootstrap_servers, _CLIENT)
    async with broker.reader() as consumer:
        ends = await _ends(consumer, wanted)
        found = {kept.letter.address: _without_value(kept) async for kept in _letters(consumer, wanted, ends)}
        left = {*agreed(list(found.values()))}
        if not left:
            return 0
        count, batch = 0, list[Letter]()
        async with broker.publisher() as publisher, aclosing(_letters(consumer, wanted, ends)) as letters:
            async for kept in letters:
                if kept.letter.address not in left:
                    continue
                left.remove(kept.letter.address)
                batch.append(kept.letter)
                if len(batch) == _AT_ONCE:
                    count += await _publish(publisher, batch)
                    told(count)
                    batch.clear()
            return count + await _publish(publisher, batch)


async def _publish(publisher: Publisher, letters: Sequence[Letter]) -> int:
    now = time.time_ns() // 1_000_000
    sent: list[Acknowledgement] = []
    for place, group in groupby(letters, lambda letter: Place(letter.topic, letter.partition)):
        records = [Record(letter.key, letter.value, list(letter.headers)) for letter in group]
        sent += await publisher.send(place, records, now)
    for one in sent:
        await one.offset()
    return len(letters)


def _without_value(kept: Kept) -> Kept:
    """Return what is known of a letter, without what it holds: of a million the values would fill the memory."""
    return replace(kept, letter=replace(kept.letter, value=b"", headers=())) if kept.letter.is_whole else kept


async def _ends(consumer: AIOKafkaConsumer, wanted: Wanted) -> Ends:
    there = await consumer.topics()
    names = (topic + SUFFIX for topic in wanted.topics)
    places = [TopicPartition(name, 0) for name in names if name in there]
    ends: Ends = await consumer.end_offsets(places) if places else {}
    return ends


async def _letters(consumer: AIOKafkaConsumer, wanted: Wanted, ends: Ends) -> AsyncGenerator[Kept, None]:
    """Yield the letters that are asked for up to the ends, each topic in its order; pass over what is no letter."""
    if not ends:
        return
    starts = await consumer.beginning_offsets(list(ends))
    async for records in read_until(consumer, starts, ends):
        for record in records:
            if isinstance(record, Undecodable) or record.offset >= ends[TopicPartition(record.topic, 0)]:
                continue
            letter = Letter.of(record.key, record.value, tuple(record.headers))
            # Who can write to the topic might name another one, or a place that is none.
            if letter is None or letter.topic + SUFFIX != record.topic:
                continue
            kept = _kept(letter, record.timestamp)
            if wanted.takes(kept):
                yield kept


def _kept(letter: Letter, timestamp: int) -> Kept:
    said: tuple[str | None, str | None] = (None, None)
    if letter.topic in OF_FACTS:
        said = claimed(letter.value, letter.headers)
    return Kept(letter, datetime.fromtimestamp(max(timestamp, 0) / 1000, UTC), *said)


def parsed(address: str) -> tuple[str, int, int] | None:
    """Return topic, partition and offset of an address; None for what is none."""
    topic, *numbers = address.split("/")
    if topic not in KEPT or len(numbers) != 2 or not all(_is_number(number) for number in numbers):
        return None
    return topic, int(numbers[0]), int(numbers[1])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19 and str(int(text)) == text


def refusals(kept: Iterable[Kept]) -> list[str]:
    """Say why some of these cannot be published again."""
    return [why for one in kept if (why := one.refusal) is not None]
