"""Compare log and topics before anything is accepted or published, and take back what one of them lacks.

A restored copy of a database shows no sign of being one, so nothing is taken for granted at a start: the topics must
still reach the last acknowledged record of every partition, with the same event there, in the same cluster; if not,
everything is published again from the start (receivers drop by their heads what they have). What lies after that
record and is not in the log was decided before a restore: it is taken back, as the same bytes, in causal order, with
the commands that it answered, under a new epoch, since transaction ids may now be used a second time. What receivers
set aside too (an event dated after the clock, under a used id, or that does not follow what the log has) is not.

What was acknowledged to somebody and is in neither the backup nor the topic is lost; no program can see that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from kernel.broker import Broker, Cluster, Place, Undecodable, Wire, read_until
from kernel.canonical import NotCanonical, envelope_of, from_instant, leaf_hash, parse_canonical
from kernel.clock import Clock
from kernel.inbox import SQL as RECEIVER_SQL
from kernel.inbox import TOLERANCE
from kernel.lead import Lead
from kernel.log import NO_HEAD, Append, CommandRemembered, CommandRow, Connection, Entry, Head, append, read_heads
from kernel.sql import queries

SQL: Final = queries(Path(__file__).with_name("relay.sql"))
_REFUSALS: Final = "refusal/"

_log = structlog.get_logger("reconcile")

Reason = Literal["restored", "new-cluster"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a comparison found and did."""

    cluster: str
    """The id of the Kafka cluster."""
    epoch: int
    """The current epoch of the log; above 1 the service says so in an EpochOpened event, once for each epoch."""
    reason: str
    """Why that epoch was opened."""
    opened: bool = False
    """Whether this comparison opened it."""
    republished: str | None = None
    """Why everything is published again, or None."""
    taken_back: int = 0
    """Events that the topics had and the log lacked."""
    forks: int = 0
    """Events of ours that differ from the log's under the same stream and version; each one is an alarm."""
    unfit: int = 0
    """Events of ours that do not follow the log, are dated after the clock, or have a used id; each one is an alarm."""
    foreign: int = 0
    """Records in our topics that are no events of ours."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event of ours as it lies in a topic."""

    stream: str
    version: int
    id: str
    type: str
    time: str
    hash: bytes
    previous: bytes
    actor: str
    command: str | None
    cause: str | None
    document: str


@dataclass(slots=True)
class _Command:
    """The events of one append, as far as the topics have them."""

    events: list[Found] = field(default_factory=list)
    waits_for: int = 0
    followers: list[_Command] = field(default_factory=list)

    def __lt__(self, other: _Command) -> bool:
        return (self.events[0].time, self.events[0].id) < (other.events[0].time, other.events[0].id)


@dataclass(slots=True)
class _Fitting:
    """The events of one command that the log lacks and can take, and the heads under which it does."""

    events: list[Found] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)


@dataclass(slots=True)
class _Tally:
    """What is counted while the topics are read."""

    lacking: dict[tuple[str, int], Found] = field(default_factory=dict)
    forks: int = 0
    unfit: int = 0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares one service's log with its topics; one process at a time."""

    wire: Wire
    pool: asyncpg.Pool[Any]
    broker: Broker
    lead: Lead
    """A lead of its own name: whoever holds it compares, others wait."""
    clock: Clock

    async def run(self) -> Report:
        """Compare, publish again or take back as needed, and say what was done.

        Takes a few milliseconds a topic when nothing has happened. Raises one of `kernel.broker.AWAY` or
        `kernel.lead.STORE_AWAY` when the broker or the database does not answer.
        """
        async with self.lead.taken():
            report = await self._compare()
        if report.opened or report.republished or report.forks or report.unfit:
            _log.warning("log and topics differed", **{name: getattr(report, name) for name in Report.__slots__})
        return report

    async def _compare(self) -> Report:
        cluster = await self.broker.cluster()
        missing = [topic for topic in self.wire.own_topics if topic not in cluster.partitions]
        if missing:
            raise TimeoutError(f"the topics {', '.join(missing)} do not exist yet")
        remembered = await self.pool.fetchrow(SQL["checkpoint"])
        known = remembered["cluster"] if remembered else None
        republish = None if known in (None, cluster.id) else f"the cluster is {cluster.id} and was {known}"
        acknowledged = {
            Place(row["topic"], row["partition"]): (row["acknowledged"], row["digest"])
            for row in await self.pool.fetch(SQL["acknowledged"])
        }
        tally = _Tally()
        async with self.broker.reader() as consumer:
            tails = _Tails(self.wire, consumer, {} if republish else acknowledged)
            async for events in tails.read(cluster):
                await self._sift(events, tally)
        fitting = await self._fitting(tally) if tally.lacking else []
        epoch = await self._epoch(restored=bool(fitting))
        taken = await self._take_back(fitting)
        republish = republish or tails.fault
        if republish:
            await self.pool.execute(SQL["publish_again"], cluster.id)
        elif known is None:
            await self.pool.execute(SQL["know_cluster"], cluster.id)
        return Report(cluster.id, *epoch, republish, taken, tally.forks, tally.unfit, tails.foreign)

    async def _sift(self, found: Sequence[Found], tally: _Tally) -> None:
        """Keep what the log lacks; count what it has otherwise."""
        rows = await self.pool.fetch(SQL["hashes"], [e.stream for e in found], [e.version for e in found])
        have = {(row["stream"], row["version"]): row["hash"] for row in rows}
        for event in found:
            key = (event.stream, event.version)
            digest = have.get(key) or (tally.lacking[key].hash if key in tally.lacking else None)
            if digest is None:
                tally.lacking[key] = event
            elif digest != event.hash:
                tally.forks += 1
                _log.error("fork: the topic has another event", stream=event.stream, version=event.version)

    async def _epoch(self, *, restored: bool) -> tuple[int, str, bool]:
        """Open a new epoch when transaction ids may have gone back; return the current one, why, and whether it is new.

        It is opened before anything is appended: in the old one, lower ids would sort before what readers have seen.
        """
        row = await self.pool.fetchrow(SQL["epoch"])
        if row is None:
            raise AssertionError("the migration wrote the first epoch")
        reason: Reason | None = None
        if restored or not row["ahead"]:
            reason = "restored"
        elif not row["same_system"]:
            reason = "new-cluster"
        if reason is None:
            return row["epoch"], row["reason"], False
        return await self.pool.fetchval(SQL["open_epoch"], reason), reason, True

    # --- taking back ------------------------------------------------------------------------------------------------

    async def _fitting(self, tally: _Tally) -> list[_Fitting]:
        """Return what can be taken back, command by command, each under the heads that it follows."""
        found: list[_Fitting] = []
        latest = self.clock.now() + TOLERANCE
        async with self.pool.acquire() as connection:
            heads = await read_heads(connection, list({event.stream for event in tally.lacking.values()}))
            ids = [event.id for event in tally.lacking.values()]
            used = {row["id"] for row in await connection.fetch(RECEIVER_SQL["used_ids"], ids)}
        for command in in_causal_order(tally.lacking.values()):
            fitting = _Fitting()
            for event in command.events:
                head, time = heads.get(event.stream, NO_HEAD), from_instant(event.time)
                follows = event.version == head.version + 1 and event.previous == head.hash
                if not follows or time > latest or event.id in used:
                    tally.unfit += 1
                    _log.error("an event cannot be taken back", stream=event.stream, version=event.version)
                    continue
                fitting.heads.setdefault(event.stream, head)
                heads[event.stream] = Head(event.version, event.hash, time)
                fitting.events.append(event)
                used.add(event.id)
            if fitting.events:
                found.append(fitting)
        return found

    async def _take_back(self, fitting: Sequence[_Fitting]) -> int:
        if fitting:
            async with self.pool.acquire() as connection:
                for command in fitting:
                    await _append(connection, command.events, command.heads)
        return sum(len(command.events) for command in fitting)


async def _append(connection: Connection, events: Sequence[Found], heads: dict[str, Head]) -> None:
    """Append one command's events as they were, the first of them with the command."""
    times = {event.stream: from_instant(event.time) for event in events}
    try:
        await append(connection, Append(_entries(events, _command(events[0])), heads, times))
    except CommandRemembered:
        await append(connection, Append(_entries(events, None), heads, times))


def _entries(events: Sequence[Found], command: CommandRow | None) -> list[Entry]:
    commands = [command, *[None] * (len(events) - 1)]
    return [
        Entry(event.stream, event.version, event.id, event.type, event.hash, event.document, command=each)
        for event, each in zip(events, commands, strict=True)
    ]


def _command(first: Found) -> CommandRow | None:
    """Return the command that an event answers, of any route and content; a refused one was never remembered."""
    if first.command is None or first.stream.startswith(_REFUSALS):
        return None
    return CommandRow(first.actor, "", first.command, None)


def in_causal_order(events: Iterable[Found]) -> list[_Command]:
    """Return events by command, each command after those it follows in a stream or was caused by, then by time."""
    commands: dict[tuple[str, str | None, str], _Command] = {}
    by_event: dict[str, _Command] = {}
    by_place: dict[tuple[str, int], _Command] = {}
    for event in sorted(events, key=lambda each: (each.stream, each.version)):
        # Without a command the event stands alone; the same key on another route has another time.
        key = (event.actor, event.command, event.time if event.command else event.id)
        command = commands.setdefault(key, _Command())
        command.events.append(event)
        by_event[event.id] = by_place[event.stream, event.version] = command
    for command in commands.values():
        command.events.sort(key=lambda each: each.id)
        before = {id(each): each for each in _before(command, by_event, by_place) if each is not command}
        command.waits_for = len(before)
        for each in before.values():
            each.followers.append(command)
    return _sorted(commands.values())


def _before(
    command: _Command, by_event: dict[str, _Command], by_place: dict[tuple[str, int], _Command]
) -> Iterable[_Command]:
    for event in command.events:
        for found in (by_place.get((event.stream, event.version - 1)), by_event.get(event.cause or "")):
            if found is not None:
                yield found


def _sorted(commands: Iterable[_Command]) -> list[_Command]:
    ready = [command for command in commands if not command.waits_for]
    heapify(ready)
    ordered: list[_Command] = []
    while ready:
        command = heappop(ready)
        ordered.append(command)
        for follower in command.followers:
            follower.waits_for -= 1
            if not follower.waits_for:
                heappush(ready, follower)
    return ordered


# --- reading the topics ---------------------------------------------------------------------------------------------


def found_in(record: Any, wire: Wire) -> Found | None:
    """Return the event of a record of an own topic, or None when it is none of ours."""
    try:
        document = parse_canonical(record.value or b"")
    except (NotCanonical, RecursionError):
        return None
    if wire.fault_of(document) is not None or document["source"] != wire.source:
        return None
    stream = document["subject"]
    if wire.topic_of(stream) != record.topic or record.key != stream.encode():
        return None
    return Found(
        stream=stream,
        version=document["streamversion"],
        id=document["id"],
        type=document["type"],
        time=document["time"],
        hash=leaf_hash(envelope_of(document)),
        previous=bytes.fromhex(document.get("prevhash", "")),
        actor=document["actor"],
        command=document.get("commandid"),
        cause=document.get("causationid"),
        document=record.value.decode(),
    )


class _Tails:
    """What lies in the own topics from the last acknowledged record on, that record included."""

    def __init__(self, wire: Wire, consumer: AIOKafkaConsumer, acknowledged: Mapping[Place, tuple[int, bytes]]) -> None:
        self._wire = wire
        self._consumer = consumer
        self._acknowledged = acknowledged
        self.fault: str | None = None
        """Why everything must be published again, or None."""
        self.foreign = 0

    async def read(self, cluster: Cluster) -> AsyncIterator[list[Found]]:
        """Yield the events after the acknowledged ones; all of them where a partition lacks what it acknowledged."""
        places = [TopicPartition(*place) for place in cluster.places(self._wire.own_topics)]
        first = await self._consumer.beginning_offsets(places)
        end = await self._consumer.end_offsets(places)
        for place in self._acknowledged.keys() - {Place(*place) for place in places}:
            self.fault = f"{place.topic}/{place.partition} is gone"
        starts, checks = dict(first), dict[TopicPartition, tuple[int, bytes]]()
        for place in places:
            acknowledged = self._acknowledged.get(Place(*place))
            if acknowledged is None:
                continue
            if first[place] <= acknowledged[0] < end[place]:
                starts[place], checks[place] = acknowledged[0], acknowledged
            else:
                offsets = f"{first[place]} to {end[place]}"
                self.fault = f"{place.topic}/{place.partition} has the offsets {offsets}, not {acknowledged[0]}"
        async for records in read_until(self._consumer, starts, end):
            yield self._events(records, checks)
        # What was not where it should be is looked for in all of its partition.
        again = {place: first[place] for place in checks if first[place] < starts[place]}
        if again:
            async for records in read_until(self._consumer, again, end):
                yield self._events(records, {})

    def _events(self, records: Sequence[Any], checks: dict[TopicPartition, tuple[int, bytes]]) -> list[Found]:
        events: list[Found] = []
        for record in records:
            event = None if isinstance(record, Undecodable) else found_in(record, self._wire)
            place = TopicPartition(record.topic, record.partition)
            if place in checks and record.offset == checks[place][0]:
                if event is not None and event.hash == checks[place][1]:
                    del checks[place]
                    continue
                self.fault = f"{record.topic}/{record.partition} has another record at offset {record.offset}"
            if event is None:
                self.foreign += 1
            else:
                events.append(event)
        return events
