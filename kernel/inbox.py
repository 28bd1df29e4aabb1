"""What a message is, and what a batch of them does to the local log; no broker here.

A message is an event of ours when its bytes are canonical, its form is an event's, its source owns topic and stream,
its key is its stream, and its `prevhash` fits. The heads are the inbox: what is not above its stream's head is a
duplicate (or, with another hash, a fork: an alarm), the next version is stored, a higher one is held until the gap
closes. An event whose type or data this build cannot read is stored all the same; readers hold its stream.

`plan` reads everything, `commit` writes it in one transaction: the single append under the heads that were read, then
the held rows, then the positions, each by compare-and-set on where its batch began.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import structlog

from kernel.broker import Wire
from kernel.canonical import MAX_ENVELOPE, Json, NotCanonical, envelope_of, from_instant, leaf_hash, parse_canonical
from kernel.dead_letters import Letter, Reason
from kernel.log import NO_HEAD, Append, Connection, Entry, Head, append, read_heads
from kernel.sql import columns, queries

SQL: Final = queries(Path(__file__).with_name("receiver.sql"))
TOLERANCE: Final = timedelta(seconds=5)
"""How far an event's time may lie after the service's clock."""
SKEW: Final = timedelta(minutes=1)
"""How far two services' clocks may be apart before an event is taken for future-dated; until then it is waited for."""

_log = structlog.get_logger("inbox")


class Message(Protocol):
    """A record as the client hands it over."""

    @property
    def topic(self) -> str:
        """The topic it lies in."""
        ...

    @property
    def partition(self) -> int:
        """The partition it lies in."""
        ...

    @property
    def offset(self) -> int:
        """Where it lies there."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value's bytes; None is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Names and values, a name perhaps more than once."""
        ...


class NotYet(Exception):
    """An event is ahead of this service's clock, as clocks may differ; read it again when the clock is there."""


class PositionMoved(Exception):
    """A partition is no longer where its batch began: another reader, or an older batch. Read the position again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event of ours as it was read."""

    topic: str
    partition: int
    offset: int
    stream: str
    version: int
    id: str
    type: str
    time: datetime
    hash: bytes
    previous: bytes
    document: str


class Move(NamedTuple):
    """A partition's position: `expected` where the batch began, `next` after it, with the digest of its last record."""

    topic: str
    partition: int
    expected: int
    next: int
    digest: bytes | None


@dataclass(slots=True)
class Plan:
    """What a batch will do, as far as what was read still holds when it is committed."""

    entries: list[Entry] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    hold: list[Arrival] = field(default_factory=list)
    let_go: list[tuple[str, int]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    stored: list[Arrival] = field(default_factory=list)
    duplicates: list[Arrival] = field(default_factory=list)
    forks: list[Arrival] = field(default_factory=list)


def record_digest(message: Message) -> bytes:
    """Return the SHA-256 by which a record is known again: over its key and value, each with its length."""
    digest = hashlib.sha256()
    for part in (message.key, message.value):
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.digest()


def letter_of(message: Message, reason: Reason, detail: str) -> Letter:
    """Return the dead letter of a message."""
    return Letter(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        tuple(message.headers),
        reason.value,
        detail,
    )


def judge(message: Message, wire: Wire, now: datetime) -> Arrival | Letter:
    """Return the event that a message is, or the letter that says why it is none; the chain is judged by `plan`.

    Raises NotYet for an event a little ahead of `now`: set aside, a genuine one would be lost to a clock that is slow.
    """
    if not message.value:
        return letter_of(message, Reason.EMPTY, "the record has no value; events are never deleted by tombstones")
    try:
        document = parse_canonical(message.value)
        envelope = envelope_of(document)
    except (NotCanonical, RecursionError) as error:
        return letter_of(message, Reason.NOT_CANONICAL, str(error)[:500])
    if len(envelope) > MAX_ENVELOPE:
        return letter_of(message, Reason.NOT_AN_EVENT, f"the envelope has {len(envelope)} bytes")
    fault = wire.fault_of(document)
    if fault is not None:
        return letter_of(message, Reason.NOT_AN_EVENT, fault)
    return _owned(message, document, envelope, wire, now)


def _owned(message: Message, document: Json, envelope: bytes, wire: Wire, now: datetime) -> Arrival | Letter:
    stream = document["subject"]
    if wire.topic_of(stream) != message.topic:
        return letter_of(message, Reason.NOT_THE_OWNER, f"the stream lives in {wire.topic_of(stream)}")
    if document["source"] != wire.owner_source_of(message.topic):
        return letter_of(message, Reason.NOT_THE_OWNER, f"only {wire.owner_source_of(message.topic)} writes here")
    if message.key != stream.encode():
        return letter_of(message, Reason.WRONG_KEY, "the key is not the stream")
    ahead = from_instant(document["time"]) - now
    if ahead > SKEW:
        return letter_of(message, Reason.FUTURE_DATED, "the time is after this service's clock")
    if ahead > TOLERANCE:
        raise NotYet(
            f"{stream}, version {document['streamversion']}, is {ahead.total_seconds():.1f} s ahead of our clock"
        )
    value: bytes = message.value or b""
    return _arrival(message.topic, message.partition, message.offset, document, leaf_hash(envelope), value.decode())


def _arrival(topic: str, partition: int, offset: int, document: Json, digest: bytes, text: str) -> Arrival:
    return Arrival(
        topic=topic,
        partition=partition,
        offset=offset,
        stream=document["subject"],
        version=document["streamversion"],
        id=document["id"],
        type=document["type"],
        time=from_instant(document["time"]),
        hash=digest,
        previous=bytes.fromhex(document.get("prevhash", "")),
        document=text,
    )


async def plan(connection: Connection, arrivals: Sequence[Arrival], closed: Iterable[str] = ()) -> Plan:
    """Read what is known of the arrivals' streams (and of `closed` ones with held events) and plan the batch."""
    streams = list({arrival.stream for arrival in arrivals} | set(closed))
    heads = await read_heads(connection, streams)
    held = [_held(row) for row in await connection.fetch(SQL["held_of"], streams)]
    ids = [each.id for each in (*arrivals, *held) if each.version > heads.get(each.stream, NO_HEAD).version]
    used = {row["id"] for row in await connection.fetch(SQL["used_ids"], ids)} if ids else set()
    folding = _Folding(heads, held, used)
    for arrival in arrivals:
        folding.take(arrival)
    for stream in streams:
        folding.release(stream)
    unsure = folding.unsure
    if unsure:
        rows = await connection.fetch(
            SQL["hashes"], [each.stream for each in unsure], [each.version for each in unsure]
        )
        folding.compare({(row["stream"], row["version"]): row["hash"] for row in rows})
    return folding.planned()


def _held(row: Any) -> Arrival:
    document = parse_canonical(row["document"].encode())
    digest = leaf_hash(envelope_of(document))
    return _arrival(row["topic"], row["partition"], row["topic_offset"], document, digest, row["document"])


class _Folding:
    """Goes through a batch as the log will after it."""

    def __init__(self, heads: dict[str, Head], held: Iterable[Arrival], used: set[str]) -> None:
        self._read = heads
        self._heads = dict(heads)
        self._used = used
        self._held_before: set[tuple[str, int]] = set()
        self._waiting: dict[str, dict[int, Arrival]] = defaultdict(dict)
        self._plan = Plan()
        self.unsure: list[Arrival] = []
        for arrival in held:
            self._held_before.add((arrival.stream, arrival.version))
            self._waiting[arrival.stream][arrival.version] = arrival

    def take(self, arrival: Arrival) -> None:
        """Store the next version, hold a higher one, note a lower one."""
        head = self._heads.get(arrival.stream, NO_HEAD)
        waiting = self._waiting.get(arrival.stream, {}).get(arrival.version)
        if arrival.version <= head.version:
            self.unsure.append(arrival)
        elif arrival.version == head.version + 1:
            if self._store(arrival, head):
                self.release(arrival.stream)
        elif waiting is None:
            self._waiting[arrival.stream][arrival.version] = arrival
        else:
            (self._plan.duplicates if waiting.hash == arrival.hash else self._plan.forks).append(arrival)

    def release(self, stream: str) -> None:
        """Store what was held for as long as versions follow one another."""
        waiting = self._waiting.get(stream)
        while waiting:
            head = self._heads.get(stream, NO_HEAD)
            version = min(waiting)
            if version > head.version + 1:
                return
            arrival = waiting.pop(version)
            if (stream, version) in self._held_before:
                self._plan.let_go.append((stream, version))
            if version <= head.version:
                self.unsure.append(arrival)
            else:
                self._store(arrival, head)

    def _store(self, arrival: Arrival, head: Head) -> bool:
        if arrival.previous != head.hash:
            self._refuse(arrival, Reason.WRONG_CHAIN, "prevhash is not the hash of the event before")
        elif arrival.id in self._used:
            self._refuse(arrival, Reason.USED_ID, "another event has this id")
        else:
            self._used.add(arrival.id)
            self._heads[arrival.stream] = Head(arrival.version, arrival.hash, arrival.time)
            self._plan.stored.append(arrival)
            return True
        return False

    def _refuse(self, arrival: Arrival, reason: Reason, detail: str) -> None:
        key, value = arrival.stream.encode(), arrival.document.encode()
        place = (arrival.topic, arrival.partition, arrival.offset)
        self._plan.letters.append(Letter(*place, key, value, (), reason.value, detail))

    def compare(self, known: dict[tuple[str, int], bytes]) -> None:
        """Tell duplicates from forks by the hashes that are in the log, or just before in this batch."""
        known |= {(each.stream, each.version): each.hash for each in self._plan.stored}
        for arrival in self.unsure:
            same = known[arrival.stream, arrival.version] == arrival.hash
            (self._plan.duplicates if same else self._plan.forks).append(arrival)

    def planned(self) -> Plan:
        """Return the plan, under the heads of every stream that is written or held."""
        plan = self._plan
        for arrival in plan.stored:
            plan.entries.append(
                Entry(
                    arrival.stream,
                    arrival.version,
                    arrival.id,
                    arrival.type,
                    arrival.hash,
                    arrival.document,
                    arrival.partition,
                    arrival.offset,
                )
            )
            plan.times[arrival.stream] = arrival.time
        for stream, waiting in self._waiting.items():
            plan.hold += [each for each in waiting.values() if (stream, each.version) not in self._held_before]
        touched = plan.times.keys() | {arrival.stream for arrival in plan.hold}
        plan.heads = {stream: self._read.get(stream, NO_HEAD) for stream in touched}
        return plan


async def commit(connection: Connection, plan: Plan, moves: Sequence[Move], cluster: str) -> None:
    """Write a plan and move the positions, all or nothing.

    Raises StreamMoved when a head is not where it was read, and PositionMoved when a batch did not begin at its
    partition's position; then everything is to be read anew.
    """
    async with connection.transaction():
        if plan.heads:
            await append(connection, Append(plan.entries, plan.heads, plan.times, own=False))
        if plan.let_go:
            await connection.execute(SQL["let_go"], *columns(plan.let_go))
        if plan.hold:
            rows = [(a.stream, a.version, a.topic, a.partition, a.offset, a.document) for a in plan.hold]
            await connection.execute(SQL["hold"], *columns(rows))
        if moves:
            moved = await connection.fetch(SQL["move"], *columns(moves), cluster)
            if len(moved) != len(moves):
                raise PositionMoved
