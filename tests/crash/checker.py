"""One checker for one history: did what was acknowledged happen exactly once, in order, and everywhere alike?

It compares what clients were told with the logs, the logs with the topics, every received copy with its owner's log,
hash chains, projections with a fresh fold, reactions and mails with what the logs demand. It reads only, and it is
called when nothing moves any more (`tests.crash.quiet`): what is still on its way then counts as lost.

A finding is one of three kinds. Lost: something promised is not there as it was promised. Doubled: something is there
that nobody asked for, or more often than asked. Disordered: a stream is not read or published in its own order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
from prometheus_client import CollectorRegistry

from deploy.local.mail_sink import stored_messages
from kernel.broker import Broker, Wire
from kernel.canonical import Json, envelope_of, leaf_hash
from kernel.clock import SystemClock
from kernel.codec import happened
from kernel.commands import Executor
from kernel.decider import START, Happened, Position
from kernel.log import Recorded, Wake, recorded
from kernel.measures import LogMeasures
from kernel.partition import partition_of
from kernel.reactor import SQL as REACTOR_SQL
from kernel.reactor import Projection, Reaction, ReactionFolder
from kernel.rebuild import Refold, refold
from schemas.codec import CODEC
from schemas.nomination import CandidateNominated, NominationEliminated, RankingAnnounced, StageAdvanced
from schemas.notifications import NotificationDelivered
from tests.support.delivery import records_of

Kind = Literal["lost", "doubled", "disordered"]
KINDS: Final[tuple[Kind, ...]] = ("lost", "doubled", "disordered")
Place = tuple[str, int]
"""A stream and a version."""

_SHOWN: Final = 160
_REFUSALS: Final = "refusal/"
_TOLD: Final = frozenset(
    model.type_name() for model in (CandidateNominated, StageAdvanced, NominationEliminated, RankingAnnounced)
)
_RESULTS: Final = frozenset(model.type_name() for model in (StageAdvanced, NominationEliminated))
_EVENTS: Final = """
select epoch, xid, position, stream, version, id, type, own, hash, document, command_actor, command_route, command_key
from events order by epoch, xid, position
"""
_LEFT: Final = {
    "is held: an event before it is missing": "select stream, version from held",
    "is published no further": "select stream, version from relay_stopped",
    "is folded no further": "select handler || ' of ' || stream, version from stalled",
}
_WAITING: Final = "select needs from waiting"
_INTENTS: Final = "select message_id::text as message, cause::text as cause, person::text as person, state from intents"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be, and where."""

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


# --- what is compared ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Command:
    """A command as its sender knows it: under which key it went where, and every answer it got."""

    service: str
    actor: str
    route: str
    key: str
    receipts: list[Json] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Answers that no service may give: 5xx other than 503."""

    @property
    def answered(self) -> bool:
        """Whether its sender knows what became of it."""
        return bool(self.receipts or self.refusals)

    def __str__(self) -> str:
        return f"command {self.key} ({self.route} by {self.actor})"


@dataclass(slots=True)
class History:
    """Every command that was sent, by its key."""

    commands: dict[str, Command] = field(default_factory=dict)

    def count(self, answer: Literal["accepted", "refused", "unknown"]) -> int:
        """Return how many commands have this last answer."""
        found = Counter(
            "accepted" if each.receipts else "refused" if each.refusals else "unknown"
            for each in self.commands.values()
        )
        return found[answer]

    def refusals(self) -> Counter[str]:
        """Return how often each reason was given for a refusal."""
        return Counter(code for each in self.commands.values() for code in each.refusals)


@dataclass(frozen=True, slots=True)
class Store:
    """One service's log and what is made of it. `url` may read everything."""

    wire: Wire
    url: str
    receives: tuple[str, ...] = ()
    projections: tuple[Projection[Any], ...] = ()
    reactions: tuple[Reaction, ...] = ()
    handlers: tuple[str, ...] = ()
    """Permanent names of handlers of the general form."""

    @property
    def folders(self) -> list[str]:
        """Return the names of everything with a checkpoint."""
        return [*(each.name for each in self.projections), *(each.name for each in self.reactions), *self.handlers]


@dataclass(frozen=True, slots=True)
class Mailing:
    """Where accepted mail lies, which handler wanted it sent, and the domain of every Message-ID."""

    service: str
    handler: str
    folder: Path
    domain: str


@dataclass(frozen=True, slots=True)
class World:
    """All that is compared with one another."""

    stores: Sequence[Store]
    broker: Broker
    history: History = field(default_factory=History)
    mailing: Mailing | None = None
    strangers: frozenset[tuple[str, int, int]] = frozenset()
    """Topic, partition and offset of records that a test put there although no service of ours wrote them."""


@dataclass(slots=True)
class Report:
    """What a check found, and how much it looked at."""

    findings: list[Finding] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def of(self, kind: Kind) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def __str__(self) -> str:
        return ", ".join(f"{number} {what}" for what, number in sorted(self.counted.items()))


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Log:
    """One service's log as it is, with its connection."""

    store: Store
    pool: asyncpg.Pool[Any]
    events: list[Recorded]
    keys: Counter[tuple[str, str, str]]
    heads: dict[str, tuple[int, bytes]]
    places: dict[Place, Recorded] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {(event.stream, event.version): event for event in self.events}

    @property
    def service(self) -> str:
        return self.store.wire.service

    def own(self) -> Iterator[Recorded]:
        return (event for event in self.events if event.own)

    def where(self, place: Place) -> str:
        return f"{self.service}'s log, {place[0]}@{place[1]}"

    def by_command(self) -> dict[tuple[str, str], list[Recorded]]:
        """Return own events by actor and command id; refusals are of attempts, which may be repeated."""
        found: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
        for event in self.own():
            if "commandid" in event.doc and not event.stream.startswith(_REFUSALS):
                found[event.doc["actor"], event.doc["commandid"]].append(event)
        return found


async def _read(store: Store, open_until: AsyncExitStack) -> _Log:
    pool = await open_until.enter_async_context(asyncpg.create_pool(store.url, min_size=1, max_size=2))
    rows = await pool.fetch(_EVENTS)
    keys = Counter((row[10], row[11], row[12]) for row in rows if row["command_key"] is not None)
    heads = await pool.fetch("select stream, version, hash from heads where version > 0")
    return _Log(
        store,
        pool,
        [recorded(tuple(row)[:10]) for row in rows],  # type: ignore[arg-type]  # a row's first columns
        keys,
        {row["stream"]: (row["version"], row["hash"]) for row in heads},
    )


# --- the check -----------------------------------------------------------------------------------------------------


async def check(world: World) -> Report:
    """Compare everything with everything and return what does not fit."""
    report = Report()
    counted = report.counted
    async with AsyncExitStack() as open_until:
        logs = {store.wire.service: await _read(store, open_until) for store in world.stores}
        report.findings += _acknowledged(world.history, logs, counted)
        partitions = (await world.broker.cluster()).partitions
        for log in logs.values():
            counted["events"] += len(log.events)
            report.findings += [*_once(log), *_chained(log), *await _left(log)]
            for topic in log.store.wire.own_topics:
                records = [each for each in await records_of(world.broker, topic) if not _strange(each, world)]
                report.findings += _published(log, topic, records, partitions[topic], counted)
            for owner, topic in _owners(log, logs.values()):
                report.findings += _received(log, owner, topic, counted)
            report.findings += [*await _folded(log, counted), *await _reacted(log, counted)]
        if world.mailing is not None:
            report.findings += await _mailed(world.mailing, logs[world.mailing.service], counted)
    return report


def _strange(record: Any, world: World) -> bool:
    return (record.topic, record.partition, record.offset) in world.strangers


def _owners(log: _Log, logs: Iterable[_Log]) -> Iterator[tuple[_Log, str]]:
    """Return each topic that a service receives, with its owner's log."""
    for owner in logs:
        yield from ((owner, topic) for topic in log.store.receives if topic in owner.store.wire.own_topics)


# --- commands ------------------------------------------------------------------------------------------------------


def _acknowledged(history: History, logs: dict[str, _Log], counted: Counter[str]) -> Iterator[Finding]:
    """Every receipt's events are in the log as they were told; what was refused left nothing; nobody else acted."""
    done = {service: log.by_command() for service, log in logs.items()}
    for command in history.commands.values():
        counted["commands"] += 1
        events = done[command.service].pop((command.actor, command.key), [])
        yield from _answered(command, logs[command.service], events)
    asked = {command.service for command in history.commands.values()}
    for service in asked:
        for (actor, key), events in done[service].items():
            if actor != "system":
                place = (events[0].stream, events[0].version)
                yield Finding("doubled", logs[service].where(place), f"nobody sent the command {key} of {actor}")


def _answered(command: Command, log: _Log, events: list[Recorded]) -> Iterator[Finding]:
    if not command.answered:
        yield Finding("lost", str(command), "never answered")
    for fault in command.faults:
        yield Finding("lost", str(command), f"answered {fault}")
    if command.refusals and (command.receipts or events):
        yield Finding("doubled", str(command), f"refused ({command.refusals[0]}) and done")
    if not command.receipts:
        return
    first = command.receipts[0]
    if any(receipt != first for receipt in command.receipts):
        yield Finding("doubled", str(command), "a repetition got another receipt")
    told = {(each["stream"], each["version"]): (each["id"], each["type"]) for each in first["events"]}
    kept = {(event.stream, event.version): (event.id, event.type) for event in events}
    for place in told.keys() - kept.keys():
        yield Finding("lost", log.where(place), f"acknowledged by {command}, and not there")
    for place in kept.keys() - told.keys():
        yield Finding("doubled", log.where(place), f"not in the receipt of {command}")
    for place in told.keys() & kept.keys():
        if told[place] != kept[place]:
            yield Finding("lost", log.where(place), f"{told[place]} was acknowledged by {command}, not {kept[place]}")


def _once(log: _Log) -> Iterator[Finding]:
    """Each command of an actor is remembered once and was appended once."""
    for (actor, route, key), times in log.keys.items():
        if times > 1:
            yield Finding("doubled", f"{log.service}'s log", f"the command {key} of {actor} on {route}: {times} times")
    for (actor, key), events in log.by_command().items():
        appends = {event.position[:2] for event in events}
        if len(appends) > 1:
            place = (events[-1].stream, events[-1].version)
            yield Finding("doubled", log.where(place), f"the command {key} of {actor} was done {len(appends)} times")


# --- one log -------------------------------------------------------------------------------------------------------


def _chained(log: _Log) -> Iterator[Finding]:
    """Every stream counts from 1 without a gap, in the log's order, each event naming the hash of the one before."""
    last: dict[str, tuple[int, bytes]] = {}
    seen: set[Place] = set()
    for event in log.events:
        version, digest = last.get(event.stream, (0, b""))
        where = log.where((event.stream, event.version))
        if event.version == version + 1:
            if event.doc.get("prevhash", "") != digest.hex():
                yield Finding("lost", where, "its prevhash is not the hash of the event before")
            last[event.stream] = (event.version, event.hash)
        elif event.version > version:
            before = (event.stream, event.version - 1)
            missing = before not in log.places
            yield Finding("lost" if missing else "disordered", where, f"comes after version {version}")
            last[event.stream] = (event.version, event.hash)
        else:
            again = (event.stream, event.version) in seen
            yield Finding("doubled" if again else "disordered", where, f"comes after version {version}")
        seen.add((event.stream, event.version))
        yield from _as_recorded(event, where)
    for stream in last.keys() | log.heads.keys():
        if last.get(stream) != log.heads.get(stream):
            yield Finding("lost", f"{log.service}'s log, {stream}", "its head is not its last event")


def _as_recorded(event: Recorded, where: str) -> Iterator[Finding]:
    doc = event.doc
    if leaf_hash(envelope_of(doc)) != event.hash:
        yield Finding("lost", where, "its hash is not that of its document")
    if (doc["subject"], doc["streamversion"], doc["id"], doc["type"]) != (
        event.stream,
        event.version,
        event.id,
        event.type,
    ):
        yield Finding("lost", where, "its columns are not what its document says")


async def _left(log: _Log) -> list[Finding]:
    """Nothing waits: no event held, no stream stopped or stalled, all that has a checkpoint has reached the end."""
    found: list[Finding] = []
    for what, query in _LEFT.items():
        found += [Finding("lost", log.where(tuple(row)), what) for row in await log.pool.fetch(query)]
    for name in log.store.folders:
        at = await _checkpoint(log, name)
        behind = sum(event.position > at for event in log.events)
        if behind:
            found.append(Finding("lost", f"{log.service}'s {name}", f"{behind} events are not folded"))
    return found


async def _checkpoint(log: _Log, name: str, *, enabled: bool = False) -> Position:
    row = await log.pool.fetchrow(REACTOR_SQL["checkpoint"], name)
    return Position(*tuple(row)[3:6] if enabled else tuple(row)[:3]) if row else START


# --- the topics ----------------------------------------------------------------------------------------------------


def _published(
    log: _Log, topic: str, records: Sequence[Any], partitions: int, counted: Counter[str]
) -> Iterator[Finding]:
    """Every own event lies in its topic as its bytes, at first in the stream's order; and nothing else does."""
    reached: Counter[str] = Counter()
    for record in records:
        place, where = _place(record), f"{topic}/{record.partition}:{record.offset}"
        event = log.places.get(place)
        if event is None or not event.own or event.document.encode() != record.value:
            yield Finding("doubled", where, f"no event of {log.service}'s log: {place}")
            continue
        key = event.stream.encode()
        if record.key != key or partition_of(key, partitions) != record.partition:
            yield Finding("disordered", where, f"{place} has another key, or lies in another partition than its key")
        counted["published again"] += event.version <= reached[event.stream]
        if event.version > reached[event.stream] + 1:
            yield Finding("disordered", where, f"{place} was published after version {reached[event.stream]}")
        reached[event.stream] = max(reached[event.stream], event.version)
    for event in log.own():
        if log.store.wire.topic_of(event.stream) == topic and event.version > reached[event.stream]:
            yield Finding("lost", log.where((event.stream, event.version)), f"not in {topic}")


def _place(record: Any) -> Place:
    headers = dict(getattr(record, "headers", ()))
    return headers.get("subject", b"").decode(), int(headers.get("streamversion", b"0"))


def _received(log: _Log, owner: _Log, topic: str, counted: Counter[str]) -> Iterator[Finding]:
    """A receiver has of a topic's streams exactly what their owner has."""
    topic_of = owner.store.wire.topic_of
    theirs = {place: event for place, event in owner.places.items() if event.own and topic_of(place[0]) == topic}
    ours = {place: event for place, event in log.places.items() if not event.own and topic_of(place[0]) == topic}
    counted["received"] += len(ours)
    for place in theirs.keys() - ours.keys():
        yield Finding("lost", log.where(place), f"{owner.service} has it")
    for place in ours.keys() - theirs.keys():
        yield Finding("doubled", log.where(place), f"{owner.service} does not have it")
    for place in theirs.keys() & ours.keys():
        if (theirs[place].document, theirs[place].hash) != (ours[place].document, ours[place].hash):
            yield Finding("lost", log.where(place), f"{owner.service} has another event there")


# --- what is made of a log -----------------------------------------------------------------------------------------


async def _folded(log: _Log, counted: Counter[str]) -> list[Finding]:
    """Every projection's table holds what a fresh fold of the whole log makes."""
    found: list[Finding] = []
    end = log.events[-1].position if log.events else START
    for projection in log.store.projections:
        fold: Refold[Any] = Refold(projection, CODEC)
        async with log.pool.acquire() as connection:
            await refold(connection, fold, START, end, lambda _count: None)
        table = projection.table
        rows = await log.pool.fetch(f"select {', '.join(table.columns)} from {table.name}")
        fresh = {row[:2]: row for row in map(tuple, fold.rows())}
        live = {row[:2]: row for row in map(tuple, rows)}
        counted["rows"] += len(live)
        found += _differences(f"{log.service}'s {table.name}", fresh, live)
    return found


def _differences(where: str, fresh: dict[Any, Any], live: dict[Any, Any]) -> Iterator[Finding]:
    for key in fresh.keys() - live.keys():
        yield Finding("lost", f"{where}, row {key}", "a fresh fold has it")
    for key in live.keys() - fresh.keys():
        yield Finding("doubled", f"{where}, row {key}", "a fresh fold does not have it")
    for key in fresh.keys() & live.keys():
        if fresh[key] != live[key]:
            what = f"{_short(live[key])}, and a fresh fold has {_short(fresh[key])}"
            yield Finding("lost", f"{where}, row {key}", what)


def _short(row: Any) -> str:
    text = str(row)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


async def _reacted(log: _Log, counted: Counter[str]) -> list[Finding]:
    """Every demand of an enabled reaction is done once, or would do nothing if it were decided now."""
    found: list[Finding] = []
    executor = Executor(log.service, log.pool, CODEC, SystemClock(), Wake())
    answered = {event.doc.get("commandid") for event in log.own()}
    for reaction in log.store.reactions:
        folder = ReactionFolder(reaction, executor, LogMeasures(CollectorRegistry()))
        enabled = await _checkpoint(log, reaction.name, enabled=True)
        demanded: set[str] = set()
        for cause in _causes(log, reaction.types, enabled):
            for demand in reaction.demands(cause):
                ask = folder.ask(cause, demand)
                demanded.add(ask.key)
                counted["demands"] += 1
                if ask.key in answered:
                    counted["demands that led to an event"] += 1
                    continue
                async with log.pool.acquire() as connection:
                    if await executor.prepare(connection, ask, demand.program) is not None:
                        where = log.where((cause.stream, cause.version))
                        found.append(Finding("lost", where, f"{reaction.name} did nothing about {demand.target}"))
        route = f"reaction/{reaction.name}"
        for _, _, key in (each for each in log.keys if each[1] == route and each[2] not in demanded):
            found.append(Finding("doubled", f"{log.service}'s {reaction.name}", f"nothing demanded {key}"))
    return found


def _causes(log: _Log, types: Iterable[str], enabled: Position) -> Iterator[Happened]:
    kinds = frozenset(types)
    for event in log.events:
        if event.type in kinds and event.position > enabled:
            yield happened(event, CODEC)


# --- mail ----------------------------------------------------------------------------------------------------------


async def _mailed(mailing: Mailing, log: _Log, counted: Counter[str]) -> list[Finding]:
    """Everybody concerned was told of every event once; copies have the same Message-ID."""
    unannounced = {f"motion/{plenary}/{motion}" for plenary, motion in _decided(log) - _announced(log).keys()}
    found = [
        Finding("lost", row["needs"], "a notice still waits for it")
        for row in await log.pool.fetch(_WAITING)
        if row["needs"] not in unannounced
    ]
    rows = await log.pool.fetch(_INTENTS)
    wanted = _concerned(log, await _checkpoint(log, mailing.handler, enabled=True))
    told = {event.id for event in log.events if event.type in _TOLD}
    # Committees, meetings and the calendar tell people too; those messages are judged by what was sent of them.
    intended = Counter((row["cause"], row["person"]) for row in rows if row["cause"] in told)
    for cause, person in wanted - intended.keys():
        found.append(Finding("lost", f"event {cause}", f"{person} was not told"))
    for (cause, person), times in intended.items():
        if (cause, person) not in wanted or times > 1:
            found.append(Finding("doubled", f"event {cause}", f"{person} was told {times} times"))
    sent = {f"<{row['message']}@{mailing.domain}>": row for row in rows if row["state"] == "sent"}
    found += [
        Finding("lost", f"event {row['cause']}", f"the message to {row['person']} is {row['state']}")
        for row in rows
        if row["state"] != "sent"
    ]
    return [*found, *_delivered(mailing, log, sent, counted)]


def _concerned(log: _Log, enabled: Position) -> set[tuple[str, str]]:
    """Return who is to be told of what: (event id, person), from the events alone.

    A result is told once it is announced, if the later of the two may be acted on.
    """
    announced = _announced(log)
    people: dict[str, set[str]] = {}
    for event in log.events:
        if event.type == CandidateNominated.type_name():
            people[event.data["nomination"]] = {event.data["nominated_by"], event.data["contact"]}
    wanted: set[tuple[str, str]] = set()
    for event in log.events:
        since = event.position
        if event.type in _RESULTS:
            if _cited(event.data) not in announced:
                continue
            since = max(since, announced[_cited(event.data)])
        if event.type in _TOLD and since > enabled:
            about = [event.data] if "nomination" in event.data else event.data["lines"]
            wanted |= {(event.id, person) for each in about for person in people.get(each["nomination"], ())}
    return wanted


def _cited(data: Mapping[str, Any]) -> tuple[str, int]:
    return data["plenary"], data["motion"]


def _decided(log: _Log) -> set[tuple[str, int]]:
    """Return the decisions that nominees will hear of."""
    return {_cited(event.data) for event in log.events if event.type in _RESULTS}


def _announced(log: _Log) -> dict[tuple[str, int], Position]:
    """Return the decisions that were announced, each with where the announcement lies in the log."""
    kind = RankingAnnounced.type_name()
    return {_cited(event.data): event.position for event in log.events if event.type == kind}


def _delivered(mailing: Mailing, log: _Log, sent: dict[str, Any], counted: Counter[str]) -> Iterator[Finding]:
    recorded_as = Counter(
        event.data["message_id"] for event in log.own() if event.type == NotificationDelivered.type_name()
    )
    mails = sorted((str(mail["Message-ID"]).strip(), str(mail["To"])) for mail in stored_messages(mailing.folder))
    kept = {header: [to for _, to in copies] for header, copies in groupby(mails, key=lambda each: each[0])}
    counted["mails"] += len(kept)
    counted["copies of mails"] += len(mails) - len(kept)
    for header in sent.keys() - kept.keys():
        yield Finding("lost", f"mail {header}", "marked as sent, and the mail server never had it")
    for header in kept.keys() - sent.keys():
        yield Finding("doubled", f"mail {header}", "nobody is to get it")
    for header, receivers in kept.items():
        if len(set(receivers)) > 1:
            yield Finding("doubled", f"mail {header}", "its copies went to different people")
    for header in sent.keys() | recorded_as.keys():
        if recorded_as[header] != 1:
            kind: Kind = "doubled" if recorded_as[header] else "lost"
            yield Finding(kind, f"mail {header}", f"recorded {recorded_as[header]} times in {log.service}'s log")
