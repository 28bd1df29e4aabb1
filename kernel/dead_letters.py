"""Keep what is not ours: a message that no service of ours wrote goes to `<topic>.dead-letter`; the partition goes on.

A letter is the original key, value and headers with four headers more: `reason`, `topic`, `partition`, `offset` (and
`detail`, a sentence for the operator). It is acknowledged by all replicas before the reader's position moves past the
message, so none is lost; after a crash one may be there twice, told by topic, partition and offset.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from kernel.broker import PATIENCE, Broker, DeliveryMeasures, Place, Publisher, Record

SUFFIX: Final = ".dead-letter"
_PARTITION: Final = 0
_ADDED: Final = ("reason", "detail", "topic", "partition", "offset")
_SUMMARY: Final = ("value-sha256", "value-bytes")
_AT_ONCE: Final = 500
_LARGEST_HELD: Final = 1 << 20
"""Bytes of a message that a reader of what others send holds until its letter is posted: it may have many of them."""

_log = structlog.get_logger("dead-letters")


class Reason(StrEnum):
    """Why a message is not ours. The values are stable: operators filter by them."""

    EMPTY = "empty"
    NOT_CANONICAL = "not-canonical"
    NOT_AN_EVENT = "not-an-event"
    NOT_THE_OWNER = "not-the-owner"
    WRONG_KEY = "wrong-key"
    WRONG_CHAIN = "wrong-chain"
    USED_ID = "used-id"
    FUTURE_DATED = "future-dated"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is not ours, as it was read, and why it is not; `detail` is a sentence for the operator."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: str
    detail: str

    @property
    def address(self) -> str:
        """Return where the message stands that was set aside, as `<topic>/<partition>/<offset>`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Tell whether the message's own bytes are here: not of one too large to be kept, nor of one unreadable."""
        is_summary = self.value is None and tuple(name for name, _ in self.headers) == _SUMMARY
        return not is_summary and self.reason != Reason.UNDECODABLE

    @classmethod
    def of(cls, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Letter | None:
        """Return the letter that a record of a topic of dead letters is; None for one that `record` did not make.

        What was added stands last, so a message's own headers may bear the same names.
        """
        own, added = headers[: -len(_ADDED)], headers[-len(_ADDED) :]
        if tuple(name for name, _ in added) != _ADDED:
            return None
        reason, detail, topic, partition, offset = ((said or b"").decode(errors="replace") for _, said in added)
        if not all(number.isascii() and number.isdigit() for number in (partition, offset)):
            return None
        return cls(topic, int(partition), int(offset), key, value, tuple(own), reason, detail)

    def record(self) -> Record:
        """Return the letter as it is produced."""
        return Record(self.key, self.value, [*self.headers, *self._added()])

    def summary(self) -> Record:
        """Return the letter without its value, for one too large to be kept twice; the original stays where it was."""
        return Record(None, None, [*self._about(), *self._added()])

    def light(self) -> Self:
        """Return the letter without the message's own bytes where these are many, as it would be posted then."""
        size = len(self.key or b"") + len(self.value or b"") + sum(len(said or b"") for _, said in self.headers)
        return self if size <= _LARGEST_HELD else replace(self, key=None, value=None, headers=self._about())

    def _about(self) -> tuple[tuple[str, bytes], ...]:
        value = self.value or b""
        said = (hashlib.sha256(value).hexdigest().encode(), b"%d" % len(value))
        return tuple(zip(_SUMMARY, said, strict=True))

    def _added(self) -> list[tuple[str, bytes | None]]:
        return [
            ("reason", self.reason.encode()),
            ("detail", self.detail.encode(errors="replace")),
            ("topic", self.topic.encode()),
            ("partition", b"%d" % self.partition),
            ("offset", b"%d" % self.offset),
        ]


class DeadLetters:
    """Posts dead letters, on a connection that opens with the first."""

    def __init__(self, broker: Broker, measures: DeliveryMeasures) -> None:
        """Post to `broker`, counting in `measures`."""
        self._broker = broker
        self._measures = measures
        self._open = contextlib.AsyncExitStack()
        self._publisher: Publisher | None = None
        self._posting = asyncio.Lock()

    async def post(self, letters: Sequence[Letter]) -> None:
        """Post `letters` and return when all are acknowledged.

        Raises one of `kernel.broker.AWAY` when the broker is away or the topic of dead letters does not exist.
        """
        async with self._posting:
            for start in range(0, len(letters), _AT_ONCE):
                await self._post(letters[start : start + _AT_ONCE])

    async def close(self) -> None:
        """Close the connection."""
        async with self._posting:
            await self._hang_up()

    async def _post(self, letters: Sequence[Letter]) -> None:
        """Post some letters together; when one of them is too large to be kept twice, each by itself."""
        try:
            await self._send([(letter, letter.record()) for letter in letters])
        except MessageSizeTooLargeError:
            if len(letters) > 1:
                for letter in letters:
                    await self._post([letter])
                return
            await self._send([(letter, letter.summary()) for letter in letters])
        for letter in letters:
            self._measures.dead_letters.labels(letter.topic, letter.reason).inc()
            _log.warning(
                "dead letter",
                topic=letter.topic,
                partition=letter.partition,
                offset=letter.offset,
                reason=letter.reason,
                detail=letter.detail,
            )

    async def _send(self, letters: Sequence[tuple[Letter, Record]]) -> None:
        by_topic: dict[str, list[Record]] = {}
        for letter, record in letters:
            by_topic.setdefault(letter.topic, []).append(record)
        try:
            async with asyncio.timeout(PATIENCE):
                if self._publisher is None:
                    self._publisher = await self._open.enter_async_context(self._broker.publisher())
                for topic, records in by_topic.items():
                    place = Place(topic + SUFFIX, _PARTITION)
                    for sent in await self._publisher.send(place, records, time.time_ns() // 1_000_000):
                        await sent.offset()
        except BaseException:
            # A producer that failed once has lost its sequence; the next letter opens another.
            await self._hang_up()
            raise

    async def _hang_up(self) -> None:
        self._publisher = None
        await self._open.aclose()
