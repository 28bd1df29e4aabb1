"""A topic full of facts, which every turn of a measure reads from its beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from bench.facts import Message, payments, publish
from bench.ground import Ground
from schemas.topics import CONTRIBUTIONS

PARTITIONS: Final = 12
_SEED: Final = 20_210_420


class Source:
    """A topic of facts; `prefix` stands before its name, and each turn reads it as a group of its own."""

    def __init__(self, prefix: str, count: int) -> None:
        """Name a topic that holds `count` facts."""
        self.prefix = prefix
        self.topic = prefix + CONTRIBUTIONS
        self.count = count
        self._groups = 0

    @classmethod
    async def filled(cls, ground: Ground, count: int) -> Source:
        """Make the topic and fill it."""
        topic = await ground.topic(PARTITIONS, CONTRIBUTIONS)
        await asyncio.to_thread(publish, ground.bootstrap_servers, topic, payments(count, seed=_SEED))
        return cls(topic.removesuffix(CONTRIBUTIONS), count)

    async def grow(self, ground: Ground, messages: Iterator[Message]) -> None:
        """Add messages to the topic."""
        self.count += await asyncio.to_thread(publish, ground.bootstrap_servers, self.topic, messages)

    def group(self) -> str:
        """Return the name of a group that nobody had before."""
        self._groups += 1
        return f"{self.topic}-{self._groups}"
