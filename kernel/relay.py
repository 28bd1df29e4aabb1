"""Publish own events: in the log's order, each stream without a gap, none forgotten.

The relay reads the local log behind a checkpoint and moves it after the broker has acknowledged what lies before. It
refuses to publish any version but the stream's last published one plus one: such a stream is stopped with an alarm,
the others go on. A crash between acknowledgement and checkpoint publishes some events twice, which receivers see by
their heads. Before each start it asks `kernel.reconcile` whether the topics still hold what was acknowledged.

Whole record batches are filled (a fifth of the cost of aiokafka's `send`), several partitions at once, while the
database already reads the next events. An idempotent producer never gives up by itself: every wait is bounded, and
after a failure a new producer goes on from the checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
from aiokafka.errors import MessageSizeTooLargeError

from kernel.backoff import Pauses
from kernel.broker import AWAY, PATIENCE, Acknowledgement, Broker, DeliveryMeasures, Place, Publisher, Record, Wire
from kernel.cancellation import end_if_cancelled
from kernel.decider import START, Position
from kernel.lead import STORE_AWAY, Lead
from kernel.log import Wake
from kernel.partition import partition_of
from kernel.sql import columns, queries

SQL: Final = queries(Path(__file__).with_name("relay.sql"))
BATCH: Final = 2000
BATCH_BYTES: Final = 8 * 1024 * 1024
_DEPTH: Final = 2
"""Batches in flight beside the one being queued."""
_KEPT_STREAMS: Final = 50_000
_FIRST_PAUSE: Final = 0.002
_PACE: Final = 0.02
_SETTLE_SECONDS: Final = 5.0
_LAG_SECONDS: Final = 2.0
_LONGEST_PAUSE: Final = 5.0

_log = structlog.get_logger("relay")


_NOWHERE: Final = Place("", -1)


class CheckpointMoved(Exception):
    """Another process has moved the checkpoint; read it again."""


class OutOfStep(Exception):
    """The relay must begin again from its checkpoint."""


class AlienStream(Exception):
    """A stream in the log as our own that no topic of ours carries: it can never be published."""


@dataclass(slots=True)
class _Stream:
    """Where a stream is published, and its last version that was queued."""

    place: Place
    key: bytes
    version: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Own events between two positions of the log, as rows of `next_own`."""

    start: Position
    end: Position
    rows: Sequence[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class _Sent:
    """One record batch on its way and its last record: stream, version, hash."""

    acknowledgement: Acknowledgement
    stream: str
    version: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class _Flight:
    """What was queued of one batch of the log, and the position it reaches."""

    end: Position
    sent: Sequence[_Sent]


@dataclass(slots=True)
class Relay:
    """Publishes the own events of one service; runs in every replica, and publishes in the one that leads."""

    wire: Wire
    pool: asyncpg.Pool[Any]
    broker: Broker
    wake: Wake
    lead: Lead
    measures: DeliveryMeasures
    prepare: Callable[[], Awaitable[None]]
    """Called before every start of publishing: compares topics and log (`kernel.reconcile`)."""
    poll: float = 0.1
    """Seconds between looks when nothing rings, for what other processes append."""
    patience: float = PATIENCE
    batch: int = BATCH
    pace: float = _PACE
    """Seconds between two rounds at least: under load each round then carries more, and costs all sides less."""
    _checkpoint: Position = field(init=False, default=START)
    _cluster: str | None = field(init=False, default=None)
    _cursor: Position = field(init=False, default=START)
    _saved: float = field(init=False, default=0.0)
    _streams: dict[str, _Stream] = field(init=False, default_factory=dict)
    _types: dict[str, bytes] = field(init=False, default_factory=dict)
    _stopped: dict[str, int] = field(init=False, default_factory=dict)
    _stops: list[tuple[str, int, str]] = field(init=False, default_factory=list)
    _strayed: bool = field(init=False, default=False)
    _reached: dict[Place, int] = field(init=False, default_factory=dict)
    _partitions: dict[str, int] = field(init=False, default_factory=dict)

    async def run(self) -> None:
        """Publish until cancelled, whenever this process leads; an unreachable broker or database is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="relay watch")
            group.create_task(self.lead.run(self._publish_for_ever), name="relay")

    async def _watch(self) -> None:
        while True:
            self.measures.relay_leads.set(self.lead.held)
            with contextlib.suppress(*STORE_AWAY):
                self.measures.relay_lag.set(await self.pool.fetchval(SQL["lag"]))
            end_if_cancelled()
            # The client reconnects in silence, even to another cluster at the same address.
            if self.lead.held and self._cluster is not None:
                with contextlib.suppress(*AWAY):
                    self._strayed = (await self.broker.cluster()).id != self._cluster
            await asyncio.sleep(_LAG_SECONDS)

    async def _publish_for_ever(self) -> None:
        pauses = Pauses(0.1, _LONGEST_PAUSE)
        while True:
            pauses.begin()
            try:
                await self.prepare()
                self._partitions = (await self.broker.cluster()).partitions
                await self._load()
                async with self.broker.publisher() as publisher:
                    await self._publish(publisher)
            except (*AWAY, *STORE_AWAY, CheckpointMoved, OutOfStep) as error:
                end_if_cancelled()
                _log.warning("publishing stopped, beginning again", error=repr(error))
            await pauses.rest()

    async def _load(self) -> None:
        """Begin at the checkpoint with nothing remembered, and mend streams that were stopped before."""
        row = await self.pool.fetchrow(SQL["checkpoint"])
        if row is None:
            raise AssertionError("the migration wrote the checkpoint's row")
        self._checkpoint = self._cursor = Position(row["epoch"], row["xid"], row["position"])
        self._cluster = row["cluster"]
        self._strayed = False
        self._streams.clear()
        self._stops.clear()
        rows = await self.pool.fetch(SQL["acknowledged"])
        self._reached = {Place(row["topic"], row["partition"]): row["acknowledged"] for row in rows}
        self._stopped = {row["stream"]: row["version"] for row in await self.pool.fetch(SQL["stopped"])}
        for stream, version in list(self._stopped.items()):
            await self._mend(stream, version)
        self.measures.relay_stopped.set(len(self._stopped))

    async def _publish(self, publisher: Publisher) -> None:
        flights: deque[_Flight] = deque()
        pause = _FIRST_PAUSE
        while True:
            ticket = self.wake.ticket()
            batch = await self._read(self._cursor)
            while batch.rows:
                pause = _FIRST_PAUSE
                following = asyncio.ensure_future(self._read(batch.end))  # the database works while this one is queued
                try:
                    flights.append(await self._queue(publisher, batch))
                    if len(flights) > _DEPTH:
                        await self._land(flights.popleft())
                    batch = await following
                finally:
                    following.cancel()
            self._cursor = batch.end
            while flights:
                await self._land(flights.popleft())
            if self._strayed:
                raise OutOfStep("the broker is of another cluster")
            await self._settle()
            settled = time.monotonic()
            # What was appended may wait for an older transaction: then the first looks follow one another closely.
            hidden = self._cursor < self.wake.latest
            rang = await self.wake.wait(ticket, pause if hidden else self.poll)
            pause = _FIRST_PAUSE if rang else min(2 * pause, self.poll)
            await asyncio.sleep(settled + self.pace - time.monotonic())

    async def _read(self, after: Position) -> _Batch:
        rows = await self.pool.fetch(SQL["next_own"], *after, self.batch, BATCH_BYTES)
        if not rows:
            return _Batch(after, after, ())
        end = Position(*tuple(rows[-1])[:3])
        if rows[-1]["stream"] is None:
            rows.pop()
        return _Batch(after, end, rows)

    # --- queueing ---------------------------------------------------------------------------------------------------

    async def _queue(self, publisher: Publisher, batch: _Batch) -> _Flight:
        """Hand a batch to the producer, the partitions side by side."""
        await self._learn(batch)
        queued: dict[Place, list[tuple[Record, str, int, bytes]]] = {}
        for row in batch.rows:
            _, _, _, stream, version, id_, type_, digest, document = row
            known = self._streams[stream]
            if stream in self._stopped:
                continue
            if version != known.version + 1:
                self._stop(stream, known.version, f"version {version} came after version {known.version}")
                continue
            known.version = version
            record = self._record(known.key, id_, type_, version, document)
            queued.setdefault(known.place, []).append((record, stream, version, digest))
        sent = await self._send(publisher, queued)
        self._cursor = batch.end
        return _Flight(batch.end, sent)

    def _record(self, key: bytes, id_: str, type_: str, version: int, document: bytes) -> Record:
        kind = self._types.get(type_)
        if kind is None:
            kind = self._types[type_] = type_.encode()
        headers = [("id", id_.encode()), ("type", kind), ("subject", key), ("streamversion", b"%d" % version)]
        return Record(key, document, headers)  # type: ignore[arg-type]  # a header's value may be None, ours never is

    async def _send(
        self, publisher: Publisher, queued: dict[Place, list[tuple[Record, str, int, bytes]]]
    ) -> list[_Sent]:
        now = time.time_ns() // 1_000_000
        async with asyncio.timeout(self.patience):
            answers = await asyncio.gather(
                *(publisher.send(place, [record for record, *_ in items], now) for place, items in queued.items())
            )
        sent: list[_Sent] = []
        for acknowledgements, items in zip(answers, queued.values(), strict=True):
            taken = 0
            for acknowledgement in acknowledgements:
                taken += acknowledgement.count
                sent.append(_Sent(acknowledgement, *items[taken - 1][1:]))
        return sent

    async def _learn(self, batch: _Batch) -> None:
        """Find out of every stream that is not kept what its last published version is: the log says so."""
        if len(self._streams) > _KEPT_STREAMS:
            self._streams.clear()
        # What begins in this batch was never published, and need not be asked for.
        for stream in {row["stream"] for row in batch.rows if row["version"] == 1} - self._streams.keys():
            self._keep(stream, 0)
        unknown = list({row["stream"] for row in batch.rows} - self._streams.keys())
        if unknown:
            for row in await self.pool.fetch(SQL["last_published"], unknown, *batch.start):
                self._keep(row["stream"], row["version"])

    def _keep(self, stream: str, version: int) -> None:
        try:
            place = self._place(stream)
        except AlienStream as error:
            place = _NOWHERE
            if stream not in self._stopped:
                self._stop(stream, version, str(error))
        self._streams[stream] = _Stream(place, stream.encode(), version)

    def _place(self, stream: str) -> Place:
        try:
            topic = self.wire.topic_of(stream)
        except ValueError as error:
            raise AlienStream(str(error)) from error
        if topic not in self.wire.own_topics:
            raise AlienStream(f"the stream belongs to {topic}, which {self.wire.service} does not own")
        count = self._partitions.get(topic)
        if not count:
            raise OutOfStep(f"the topic {topic} does not exist")
        return Place(topic, partition_of(stream.encode(), count))

    def _stop(self, stream: str, version: int, reason: str) -> None:
        _log.error("stream stopped: it is published no further", stream=stream, version=version, reason=reason)
        self._stopped[stream] = version
        self._stops.append((stream, version, reason))
        self.measures.relay_stopped.set(len(self._stopped))

    # --- landing ----------------------------------------------------------------------------------------------------

    async def _land(self, flight: _Flight) -> None:
        """Wait until everything of a flight is acknowledged, then move the checkpoint to its end."""
        offsets = await self._offsets(flight.sent)
        last: dict[Place, tuple[int, bytes]] = {}
        for sent, offset in zip(flight.sent, offsets, strict=True):
            place, count = sent.acknowledgement.place, sent.acknowledgement.count
            self.measures.published.labels(place.topic).inc(count)
            if offset < 0:
                continue
            if offset <= self._reached.get(place, -1):
                raise OutOfStep(f"{place.topic}/{place.partition} was at {self._reached[place]}, now at {offset}")
            self._reached[place] = offset + count - 1
            last[place] = (offset + count - 1, sent.hash)
        await self._save(flight.end, last)

    async def _offsets(self, sent: Sequence[_Sent]) -> list[int]:
        offsets: list[int] = []
        async with asyncio.timeout(self.patience):
            for each in sent:
                try:
                    offsets.append(await each.acknowledgement.offset(self.patience))
                except MessageSizeTooLargeError as error:
                    if each.acknowledgement.count > 1:
                        raise
                    reason = f"version {each.version} is larger than the broker takes"
                    await self.pool.execute(SQL["stop"], each.stream, each.version - 1, reason)
                    _log.error("stream stopped: it is published no further", stream=each.stream, reason=reason)
                    raise OutOfStep(reason) from error
        return offsets

    async def _save(self, end: Position, last: dict[Place, tuple[int, bytes]]) -> None:
        stops, self._stops = self._stops, []
        moved = await self.pool.fetchval(
            SQL["save"],
            *end,
            self._cluster,
            *self._checkpoint,
            [place.topic for place in last],
            [place.partition for place in last],
            [offset for offset, _ in last.values()],
            [digest for _, digest in last.values()],
            *columns(stops, 3),
        )
        if not moved:
            raise CheckpointMoved
        self._checkpoint = end
        self._saved = time.monotonic()

    async def _settle(self) -> None:
        """Move the checkpoint past received events now and then, so that a start does not read them again."""
        if self._cursor != self._checkpoint and time.monotonic() - self._saved > _SETTLE_SECONDS:
            await self._save(self._cursor, {})

    # --- stopped streams --------------------------------------------------------------------------------------------

    async def _mend(self, stream: str, version: int) -> None:
        """Publish what a stopped stream holds up to the checkpoint, now in the stream's order, and let it go on."""
        first = version
        async with self.broker.publisher() as publisher:
            while rows := await self.pool.fetch(SQL["rest_of_stream"], stream, version, *self._checkpoint):
                try:
                    place, key = self._place(stream), stream.encode()
                except AlienStream:
                    return
                records = []
                for row in rows:
                    _, _, _, _, version, id_, type_, digest, document = row
                    records.append((self._record(key, id_, type_, version, document), stream, version, digest))
                with contextlib.suppress(OutOfStep):
                    await self._offsets(await self._send(publisher, {place: records}))
                    continue
                return
        if version > first:
            await self.pool.execute(SQL["resume"], stream)
            del self._stopped[stream]
            _log.info("stream published again", stream=stream, version=version)
