"""What operators do to ingest and see of it: pause and resume a topic, take a day again, how far each partition is.

A switch is a row that every consumer reads each second. So is a position, and that makes it safe to set one back while
consumers run. A batch moves its partition's position from where the batch began, in the transaction that writes it: one
that was begun before is rolled back whole, and its consumer places the partition anew, where the row says. One that
has nothing to commit sees within a second that the row is not where it left it, and does the same. What is then read a
second time is in the ledger already and is dropped; what was lost goes in.

Every act is noted in the transaction that does it (`ingest_acts`), with the account that gave the command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from kernel.broker import ANSWER_SECONDS, Broker, read_until, stopped
from kernel.log import Connection
from kernel.sql import columns, queries
from schemas.regions import NATION_ZONE
from services.scoring.ledger_reads import Day

SQL: Final = queries(Path(__file__).with_name("operating.sql"))
CLIENT: Final = "paritrana-operator"
_ZONE: Final = ZoneInfo(NATION_ZONE)
_STOP_SECONDS: Final = 1.0


# --- pause and resume ----------------------------------------------------------------------------------------------


async def switch(connection: Connection, topics: Sequence[str], who: str, why: str, *, paused: bool) -> list[str]:
    """Pause or resume topics; return those that were not so already, which are noted.

    Of a topic that is paused already a further reason is noted too: it says why not to resume it yet.
    """
    changed: list[str] = []
    async with connection.transaction():
        for topic in topics:
            if await connection.fetchval(SQL["switch"], topic, paused):
                changed.append(topic)
            if topic in changed or (paused and why):
                await connection.execute(SQL["act"], who, "pause" if paused else "resume", topic, why)
    return changed


# --- a day again ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """How far a partition's position is set back."""

    topic: str
    partition: int
    position: int
    """Where ingest reads on."""
    start: int
    """The first record that the broker took on the day or later."""
    first: int
    """The first record that the topic still has."""

    @property
    def records(self) -> int:
        """Return how many records are read again, those that the topic holds no more included."""
        return max(0, self.position - self.start)

    @property
    def is_cut(self) -> bool:
        """Tell whether the topic has dropped records by age, so that some of the day may be gone."""
        return self.start == self.first > 0


@dataclass(frozen=True, slots=True)
class Again:
    """What it is to take a day again: the steps of partitions, and those that are read from their beginning anyway."""

    day: date
    steps: tuple[Step, ...]
    strange: tuple[TopicPartition, ...] = ()
    """Partitions whose position is one of another cluster: ingest begins there anew by itself."""

    @property
    def records(self) -> int:
        """Return how many records are read again."""
        return sum(step.records for step in self.steps)


async def day_again(connection: Connection, servers: str, topics: Sequence[str], day: date) -> Again:
    """Return how far positions lie after the start of a day, by the nation's clock. Raises one of `AWAY`.

    The broker answers by the time at which it took each record (`deploy.local.provision` has fact topics so).
    """
    broker = Broker(servers, CLIENT)
    try:
        cluster = (await broker.cluster()).id
    finally:
        await broker.close()
    rows = await connection.fetch(SQL["positions"], topics)
    ours = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    strange = tuple(
        TopicPartition(row["topic"], row["partition"]) for row in rows if row["cluster"] != cluster
    )  # fmt: skip
    known = [place for place in ours if place not in strange]
    if not known:
        return Again(day, (), strange)
    async with broker.reader() as reader:
        moment = int(Day(day).begins.timestamp() * 1000)
        found = await reader.offsets_for_times(dict.fromkeys(known, moment))
        first, ends = await reader.beginning_offsets(known), await reader.end_offsets(known)
    steps = []
    for place in known:
        start = ends[place] if found.get(place) is None else found[place].offset
        steps.append(Step(place.topic, place.partition, ours[place], start, first[place]))
    return Again(day, tuple(steps), strange)


async def move_back(connection: Connection, again: Again, who: str, why: str) -> int:
    """Set positions back as was agreed to; return how many records lie between, by where the positions are now."""
    steps = [step for step in again.steps if step.records]
    topics = sorted({step.topic for step in steps})
    count = 0
    async with connection.transaction():
        rows = await connection.fetch(SQL["lock_positions"], topics)
        now = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        count = sum(max(0, now[step.topic, step.partition] - step.start) for step in steps)
        await connection.execute(
            SQL["move_back"], *columns([(step.topic, step.partition, step.start) for step in steps], 3)
        )
        for topic in topics:
            moved = ", ".join(
                f"{step.partition}: {now[step.topic, step.partition]} to {step.start}"
                for step in steps if step.topic == topic
            )  # fmt: skip
            said = f"{again.day} again, positions by partition {moved}" + (f": {why}" if why else "")
            await connection.execute(SQL["act"], who, "again", topic, said)
    return count


# --- status --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartitionState:
    """How far ingest is in a partition."""

    topic: str
    partition: int
    next: int | None
    """Where ingest reads on; None where it never read."""
    end: int
    lag: int
    oldest: datetime | None
    """When the broker took the oldest record that waits."""
    consumer: str | None
    """Which consumer of the group has it."""


@dataclass(frozen=True, slots=True)
class IngestState:
    """What operators see of ingest."""

    partitions: tuple[PartitionState, ...]
    paused: Mapping[str, Mapping[str, Any]]
    """Topics that are paused: who paused each, when and why, as far as is known."""
    consumers: tuple[str, ...]
    day: date
    refused: tuple[Mapping[str, Any], ...]
    """Refused messages of the day by topic, reason and publisher."""


async def ingest_state(
    connection: Connection, servers: str, topics: Sequence[str], group: str, now: datetime
) -> IngestState:
    """Return how far ingest is. Raises one of `AWAY` where the broker is away."""
    day = Day(now.astimezone(_ZONE).date())
    rows = await connection.fetch(SQL["positions"], topics)
    ours = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    switches = await connection.fetch(SQL["switches"], topics)
    refused = await connection.fetch(SQL["refused_today"], topics, day.begins, day.ends)
    members = await _members(servers, group)
    holders = {place: name for name, places in members.items() for place in places}
    broker = Broker(servers, CLIENT)
    try:
        places = [TopicPartition(*place) for place in (await broker.cluster()).places(topics)]
    finally:
        await broker.close()
    async with broker.reader() as reader:
        first = await reader.beginning_offsets(places) if places else {}
        ends = await reader.end_offsets(places) if places else {}
        starts = {place: max(ours.get(place, 0), first[place]) for place in places}
        oldest = await _times(reader, {place: start for place, start in starts.items() if start < ends[place]}, ends)
    return IngestState(
        partitions=tuple(
            PartitionState(
                place.topic, place.partition, ours.get(place), ends[place], max(0, ends[place] - starts[place]),
                oldest.get(place), holders.get(place),
            )
            for place in places
        ),
        paused={row["topic"]: {name: row[name] for name in ("who", "at", "said")} for row in switches},
        consumers=tuple(sorted(members)),
        day=day.day,
        refused=tuple(dict(row) for row in refused),
    )  # fmt: skip


async def _times(
    reader: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, datetime]:
    """Return when the broker took the first record of each partition from its start."""
    found: dict[TopicPartition, datetime] = {}
    for place, start in starts.items():
        async for records in read_until(reader, {place: start}, {place: ends[place]}):
            if records and hasattr(records[0], "timestamp"):
                found[place] = datetime.fromtimestamp(max(records[0].timestamp, 0) / 1000, UTC)
            if records:
                break
    return found


async def _members(servers: str, group: str) -> dict[str, list[TopicPartition]]:
    """Return the consumers of a group by name, each with its partitions.

    A consumer of ours calls itself by its program and port, which `paritrana status` shows beside the process's name.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=servers, client_id=CLIENT, request_timeout_ms=int(ANSWER_SECONDS * 1000)
    )
    try:
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            await admin.start()
            (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await stopped(admin.close(), _STOP_SECONDS)
    found: dict[str, list[TopicPartition]] = {}
    for group_ in answer.groups:
        for member, client, host, _metadata, assignment in group_[5]:
            name = f"{client}/{member[-8:]}@{host.lstrip('/')}"
            found[name] = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
    return found
