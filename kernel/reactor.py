"""Fold the local log: projections, reactions and handlers, each with a checkpoint that moves with its effects.

All of them read the log in its one order. What a handler does with a batch (read rows, new events) and its checkpoint
are one transaction, and the checkpoint moves by compare-and-set after everything else, so a second active copy can do
no harm. An event that cannot be read holds only its own stream: the handler notes it, goes on with the others, and
reads on from there when a later build understands it. So does one whose type this build does not know at all (whether
it matters to the handler only a newer build can tell), and one whose rows or effects cannot be made or stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID, uuid5

import asyncpg
import structlog

from kernel.backoff import Pauses
from kernel.cancellation import end_if_cancelled
from kernel.codec import Codec, Unreadable, Versions, happened
from kernel.commands import ATTEMPTS, Ask, Executor, Program
from kernel.decider import START, Aggregate, Decision, Emit, Happened, Loader, Position, Refusal
from kernel.log import (
    Append,
    CommandRemembered,
    Connection,
    Recorded,
    StreamMoved,
    Wake,
    append,
    is_usable,
    read_after,
    recorded,
)
from kernel.measures import LogMeasures
from kernel.problems import UNFIT_FOR_STORE, store_is_away
from kernel.sql import queries

S = TypeVar("S")
_LOG = structlog.get_logger(__name__)
SQL: Final = queries(Path(__file__).with_name("reactor.sql"))
COMMAND_NAMESPACE: Final = UUID("6d1f9a52-5f0e-5c39-9b50-2f6f5a1f0c11")
BATCH: Final = 500
KEPT_GROUPS: Final = 512
PROJECTION_PACE: Final = 0.05
"""Seconds between two rounds of a projection that nobody waits for."""
IDLE_SECONDS: Final = 5.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
LOOKS_AFTER_WAKE: Final = (0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5)
"""Seconds between looks after a wake, until what was appended is there: it may wait for an older transaction to end."""
_UNREADABLE: Final = (Unreadable, KeyError, TypeError, ValueError, AttributeError)
_UNFIT: Final = (*_UNREADABLE, *UNFIT_FOR_STORE)


class CheckpointMoved(Exception):
    """Another copy of this handler was active; read the checkpoint again."""


class StreamHeld(Exception):
    """An event in the batch cannot be read: its stream is noted as held, and the batch is folded again without it."""


# --- what services write -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Table:
    """A read table. The first two columns are `grp` and `id`, together its primary key."""

    name: str
    columns: tuple[str, ...]

    def upsert(self) -> str:
        """Return the statement that writes one row."""
        columns = ", ".join(self.columns)
        values = ", ".join(f"${index}" for index in range(1, len(self.columns) + 1))
        changes = ", ".join(f"{column} = excluded.{column}" for column in self.columns[2:])
        head = f"insert into {self.name} ({columns}) values ({values})"  # noqa: S608 - names are the code's own
        return f"{head} on conflict (grp, id) do update set {changes}"

    def delete(self) -> str:
        """Return the statement that removes one row."""
        return f"delete from {self.name} where grp = $1 and id = $2"  # noqa: S608 - the name is the code's own


class Projection(Protocol[S]):
    """A fold from events to read rows, by group. It sees raw documents: rebuilding reads millions of them.

    An event of an older version of one of `types` comes as the newest version says it, under the newest type's name.
    """

    name: str
    table: Table
    types: frozenset[str]

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the groups that an event touches."""
        ...

    def initial(self, group: str) -> S:
        """Return the state of a group that nothing has touched."""
        ...

    def fold(self, state: S, event: Recorded, group: str) -> S:
        """Return the state after an event; it may be the same object, changed."""
        ...

    def rows(self, group: str, state: S) -> Iterable[tuple[Any, ...]]:
        """Return all read rows of a group, each as the table's columns."""
        ...


@dataclass(frozen=True, slots=True)
class Demand:
    """What an event makes a service do: a decision on a target stream, taken by `system`."""

    target: str
    program: Program


class Reaction(Protocol):
    """What others' (or own) events make this service do. `name` is permanent: command ids hold it."""

    name: str
    types: frozenset[str]

    def demands(self, event: Happened) -> Iterable[Demand]:
        """Return what the event demands."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """An event for a handler; `acting` is false for what came before the handler was enabled."""

    happened: Happened
    acting: bool


Write = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a handler's transaction does beside moving its checkpoint."""

    append: Append | None = None
    writes: Sequence[Write] = ()


class Handler(Protocol):
    """The general form: rows of its own making. `prepare` only reads."""

    name: str
    types: frozenset[str]
    pace: float
    """Seconds for which what comes is let gather before it is taken."""

    async def prepare(self, batch: Sequence[Live], read: Connection) -> Effects:
        """Return the effects of a batch."""
        ...

    def settled(self, committed: bool) -> None:  # noqa: FBT001 - the outcome is all it says
        """Learn whether the effects were committed, to keep or drop what is cached."""
        ...


# --- the loops -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Hurry:
    """Lets a folder gather what comes within `pace` seconds into one round, unless somebody waits for it."""

    pace: float
    _waiting: int = field(default=0, init=False)
    _called: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @contextlib.contextmanager
    def while_waiting(self) -> Iterator[None]:
        """Call the folder to work at once as long as the context is open."""
        self._waiting += 1
        self._called.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._called.clear()

    async def gather(self, since: float) -> None:
        """Wait until `pace` seconds after `since` (monotonic) or until somebody waits."""
        rest = since + self.pace - time.monotonic()
        if rest > 0 and not self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._called.wait()


class Folder(ABC):
    """One handler's loop over the log: load the checkpoint, take a batch, commit its effects and the checkpoint."""

    acts: bool = False

    def __init__(self, name: str, types: frozenset[str], codec: Codec, measures: LogMeasures) -> None:
        """Fold under the permanent name `name`, the events of `types`; what `codec` does not know holds its stream."""
        self.name = name
        self.versions = Versions(types, codec)
        self.measures = measures
        self.known = codec.knows
        self.checkpoint = START
        self.enabled = START
        self.stalled: dict[str, int] = {}
        self.exhausted = False
        """Whether the last step came to the end of what was visible."""
        self.hurry = Hurry(0.0 if self.acts else PROJECTION_PACE)
        self._loaded = False
        self._generation = 0
        self._connection: Connection | None = None

    @contextlib.contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Fold over a connection as long as the context is open; what is known of the checkpoint ends with it."""
        self._connection = connection
        try:
            yield
        finally:
            self._connection = None
            self._loaded = False

    def committed(self) -> Position | None:
        """Return how far this process has folded, None when it does not know.

        A database that came back may have lost commits that did not wait for the disk: with its connection ends what
        was known of them.
        """
        if self._connection is None or not self._loaded or not is_usable(self._connection):
            return None
        return self.checkpoint

    async def start(self, connection: Connection) -> None:
        """Read (or begin) the checkpoint and the streams this handler waits on."""
        await connection.execute(SQL["start_checkpoint"], self.name)
        row = await connection.fetchrow(SQL["checkpoint"], self.name)
        if row is None:
            raise AssertionError("the checkpoint was just begun")
        self.checkpoint = Position(*tuple(row)[:3])
        self.enabled = Position(*tuple(row)[3:6])
        self._generation = row["generation"]
        self.stalled = {row["stream"]: row["version"] for row in await connection.fetch(SQL["stalled"], self.name)}
        self.reset()
        for stream, version in list(self.stalled.items()):
            await self._resume(connection, stream, version)
        self._loaded = True

    async def step(self, connection: Connection) -> int:
        """Fold one batch; return how many events were read (0: the end of what is visible)."""
        if not self._loaded:
            await self.start(connection)
        batch = await read_after(connection, self.checkpoint, BATCH)
        self.exhausted = not batch
        if not batch:
            return 0
        try:
            for event in batch:
                if not (event.type in self.versions.stored or self.known(event.type) or self.waits(event)):
                    await self.stall(connection, event, Unreadable(f"no model of this build reads {event.type}"))
            done = await self._take(connection, batch)
        except StreamHeld:
            self.reset()
            return await self.step(connection)
        except BaseException:
            self._loaded = False
            self.reset()
            raise
        self.measures.folded(self.name, done)
        self.exhausted = done == len(batch) < BATCH
        return done

    async def _take(self, connection: Connection, batch: list[Recorded]) -> int:
        """Take a batch. When its rows or effects cannot be, take its events singly, so that only one stream waits."""
        try:
            return await self.take(connection, batch)
        except _UNFIT as error:
            self.reset()
            if len(batch) > 1:
                return await self._take(connection, batch[:1])
            await self.stall(connection, batch[0], error)
            raise StreamHeld(batch[0].stream) from error

    def reads(self, event: Recorded) -> bool:
        """Tell whether this handler folds the event: its type, and its stream is not waited on."""
        return event.type in self.versions.stored and not self.waits(event)

    def waits(self, event: Recorded) -> bool:
        """Tell whether the event's stream is held at it or before it."""
        return bool(self.stalled) and event.version >= self.stalled.get(event.stream, event.version + 1)

    async def move(self, connection: Connection, to: Position, how: str = "move_checkpoint") -> None:
        """Move the checkpoint by compare-and-set: the last write of the handler's transaction."""
        status = await connection.execute(SQL[how], self.name, *self.checkpoint, *to, self._generation)
        if status != "UPDATE 1":
            raise CheckpointMoved(self.name)

    async def stall(self, connection: Connection, event: Recorded, error: Exception) -> None:
        """Note that this stream cannot be read further, loudly, and go on without it."""
        reason = f"{type(error).__name__}: {error}"[:500].replace("\0", "\ufffd")
        _LOG.error("stream held", handler=self.name, stream=event.stream, version=event.version, reason=reason)
        await connection.execute(SQL["stall"], self.name, event.stream, event.version, reason)
        self.stalled[event.stream] = event.version
        self.measures.stalled(self.name, len(self.stalled))

    async def _resume(self, connection: Connection, stream: str, version: int) -> None:
        held = [recorded(row) for row in await connection.fetch(SQL["stream_until"], stream, version, *self.checkpoint)]
        events = [event for event in held if event.type in self.versions.stored]
        if all(self.known(event.type) for event in held) and await self.catch_up(connection, stream, events):
            del self.stalled[stream]
        self.measures.stalled(self.name, len(self.stalled))

    @abstractmethod
    def reset(self) -> None:
        """Drop what is cached."""

    @abstractmethod
    async def take(self, connection: Connection, batch: list[Recorded]) -> int:
        """Fold a batch and commit it with the checkpoint; return how many of its events were taken."""

    @abstractmethod
    async def catch_up(self, connection: Connection, stream: str, events: list[Recorded]) -> bool:
        """Try what a stalled stream held back; commit it with the stall's end and return True, or return False."""


@dataclass(slots=True)
class _Group(Generic[S]):
    state: S
    members: set[str]
    rows: dict[str, tuple[Any, ...]]


class ProjectionFolder(Folder, Generic[S]):
    """Keeps a projection's table: folds touched groups, writes only the rows that changed."""

    def __init__(self, projection: Projection[S], codec: Codec, measures: LogMeasures) -> None:
        """Fold `projection`."""
        super().__init__(projection.name, projection.types, codec, measures)
        self.projection = projection
        self._groups: OrderedDict[str, _Group[S]] = OrderedDict()

    def reset(self) -> None:
        """Drop every group."""
        self._groups.clear()

    async def take(self, connection: Connection, batch: list[Recorded]) -> int:
        """Fold the batch's events into their groups and commit the changed rows."""
        touched, joined = await self._fold(connection, batch)
        await self._commit(connection, touched, joined, batch[-1].position)
        return len(batch)

    async def _fold(
        self, connection: Connection, batch: list[Recorded]
    ) -> tuple[dict[str, _Group[S]], list[tuple[str, str]]]:
        touched: dict[str, _Group[S]] = {}
        joined: list[tuple[str, str]] = []
        for stored in batch:
            if not self.reads(stored):
                continue
            try:
                event = self.versions.newest(stored)
                for name in self.projection.groups(event):
                    group = touched.get(name) or await self._group(connection, name)
                    touched[name] = group
                    if event.stream not in group.members:
                        group.members.add(event.stream)
                        joined.append((name, event.stream))
                    group.state = self.projection.fold(group.state, event, name)
            except _UNREADABLE as error:
                await self.stall(connection, stored, error)
                raise StreamHeld(stored.stream) from error
        return touched, joined

    async def _group(self, connection: Connection, name: str) -> _Group[S]:
        group = self._groups.get(name)
        if group is None:
            group = await self._load(connection, name)
            self._groups[name] = group
            if len(self._groups) > KEPT_GROUPS:
                self._groups.popitem(last=False)
        else:
            self._groups.move_to_end(name)
        return group

    async def _load(self, connection: Connection, name: str) -> _Group[S]:
        """Fold a group's history up to the checkpoint from the streams that touched it."""
        members = {row["stream"] for row in await connection.fetch(SQL["members"], self.name, name)}
        state = await self._history(connection, name, members)
        return _Group(state, members, self._rows(name, state) if members else {})

    async def _history(self, connection: Connection, name: str, members: set[str]) -> S:
        """Fold what these streams had to say of a group up to the checkpoint."""
        state = self.projection.initial(name)
        if members:
            history = map(recorded, await connection.fetch(SQL["history"], list(members), *self.checkpoint))
            for event in self.versions.newest_of(filter(self.reads, history)):
                if name in self.projection.groups(event):
                    state = self.projection.fold(state, event, name)
        return state

    def _rows(self, name: str, state: S) -> dict[str, tuple[Any, ...]]:
        return {row[1]: row for row in self.projection.rows(name, state)}

    async def _commit(
        self,
        connection: Connection,
        touched: dict[str, _Group[S]],
        joined: list[tuple[str, str]],
        to: Position,
        resumed: str | None = None,
    ) -> None:
        changed: list[tuple[Any, ...]] = []
        gone: list[tuple[str, str]] = []
        for name, group in touched.items():
            rows = self._rows(name, group.state)
            changed += [row for key, row in rows.items() if group.rows.get(key) != row]
            gone += [(name, key) for key in group.rows if key not in rows]
            group.rows = rows
        if not (changed or gone or joined or resumed):
            await self.move(connection, to, "move_projection")
        else:
            async with connection.transaction():
                await connection.execute(SQL["share_projection"], self.name)
                if gone:
                    await connection.executemany(self.projection.table.delete(), gone)
                if changed:
                    await connection.executemany(self.projection.table.upsert(), changed)
                if joined:
                    await connection.executemany(SQL["add_member"], [(self.name, *pair) for pair in joined])
                if resumed:
                    await connection.execute(SQL["unstall"], self.name, resumed)
                await self.move(connection, to)
        self.checkpoint = to

    async def catch_up(self, connection: Connection, stream: str, events: list[Recorded]) -> bool:
        """Fold the held events' groups anew without the stall."""
        held = self.stalled.pop(stream)
        try:
            names = {name for event in self.versions.newest_of(events) for name in self.projection.groups(event)}
            touched: dict[str, _Group[S]] = {}
            joined = [(name, stream) for name in sorted(names)]
            for name, _ in joined:
                before = await self._stored(connection, name)
                members = {row["stream"] for row in await connection.fetch(SQL["members"], self.name, name)} | {stream}
                touched[name] = _Group(await self._history(connection, name, members), members, before)
            await self._commit(connection, touched, joined, self.checkpoint, stream)
        except _UNFIT:
            self.stalled[stream] = held
            self.reset()
            return False
        self.reset()
        self.stalled[stream] = held
        return True

    async def _stored(self, connection: Connection, name: str) -> dict[str, tuple[Any, ...]]:
        table = self.projection.table
        rows = await connection.fetch(f"select {', '.join(table.columns)} from {table.name} where grp = $1", name)  # noqa: S608 - names are the code's own
        return {row["id"]: tuple(row) for row in rows}


class HandlerFolder(Folder):
    """Runs a handler of the general form."""

    acts = True

    def __init__(self, handler: Handler, codec: Codec, measures: LogMeasures) -> None:
        """Run `handler`."""
        super().__init__(handler.name, handler.types, codec, measures)
        self.handler = handler
        self.codec = codec
        self.hurry = Hurry(handler.pace)

    def reset(self) -> None:
        """Tell the handler to drop what it keeps."""
        self.handler.settled(committed=False)

    async def take(self, connection: Connection, batch: list[Recorded]) -> int:
        """Decode, prepare, commit."""
        live = await self._live(connection, batch)
        await self._commit(connection, live, batch[-1].position)
        return len(batch)

    async def _live(self, connection: Connection, batch: list[Recorded]) -> list[Live]:
        live: list[Live] = []
        for event in batch:
            if not self.reads(event):
                continue
            try:
                live.append(Live(happened(event, self.codec), acting=event.position > self.enabled))
            except _UNREADABLE as error:
                await self.stall(connection, event, error)
        return live

    async def _commit(self, connection: Connection, live: list[Live], to: Position, resumed: str | None = None) -> None:
        effects = await self.handler.prepare(live, connection) if live else Effects()
        async with connection.transaction():
            if effects.append is not None:
                await append(connection, effects.append)
            for statement, arguments in effects.writes:
                await connection.execute(statement, *arguments)
            if resumed:
                await connection.execute(SQL["unstall"], self.name, resumed)
            await self.move(connection, to)
        self.checkpoint = to
        self.handler.settled(committed=True)

    async def catch_up(self, connection: Connection, stream: str, events: list[Recorded]) -> bool:
        """Hand the held events over, in their stream's order."""
        try:
            live = [Live(happened(event, self.codec), acting=event.position > self.enabled) for event in events]
            await self._commit(connection, live, self.checkpoint, stream)
        except _UNFIT:
            self.reset()
            return False
        return True


class ReactionFolder(Folder):
    """Runs a reaction: one demand, one transaction; the last demand of an event moves the checkpoint with it."""

    acts = True

    def __init__(self, reaction: Reaction, executor: Executor, measures: LogMeasures) -> None:
        """Run `reaction` with the service's executor."""
        super().__init__(reaction.name, reaction.types, executor.codec, measures)
        self.reaction = reaction
        self.executor = executor

    def reset(self) -> None:
        """Nothing is cached."""

    async def take(self, connection: Connection, batch: list[Recorded]) -> int:
        """Take events up to and including the first that demands something."""
        for count, event in enumerate(batch, start=1):
            if not self.reads(event) or event.position <= self.enabled:
                continue
            try:
                cause = happened(event, self.executor.codec)
                demands = list(self.reaction.demands(cause))
            except _UNREADABLE as error:
                await self.stall(connection, event, error)
                continue
            if demands:
                await self._do(connection, cause, demands, event.position)
                return count
        await self.move(connection, batch[-1].position)
        self.checkpoint = batch[-1].position
        return len(batch)

    async def _do(self, connection: Connection, cause: Happened, demands: list[Demand], to: Position | None) -> None:
        for index, demand in enumerate(demands, start=1):
            moves = to if index == len(demands) else None
            await self._one(connection, cause, demand, moves)

    async def _one(self, connection: Connection, cause: Happened, demand: Demand, to: Position | None) -> None:
        ask = self.ask(cause, demand)
        for _ in range(ATTEMPTS):
            try:
                prepared = await self.executor.prepare(connection, ask, demand.program)
                async with connection.transaction():
                    if prepared is not None:
                        appended = await append(connection, prepared.append)
                    if to is not None:
                        await self.move(connection, to)
            except (StreamMoved, CommandRemembered):
                continue
            if to is not None:
                self.checkpoint = to
            if prepared is not None:
                self.executor.wake.ring(appended)
            return
        raise StreamMoved(f"{self.name}: {demand.target} kept moving")

    def ask(self, cause: Happened, demand: Demand) -> Ask:
        """Return the command of a demand: its id is UUIDv5 of the demanding event, this name and the target."""
        key = str(uuid5(COMMAND_NAMESPACE, f"{cause.id}/{self.name}/{demand.target}"))
        return Ask(
            actor="system",
            route=f"reaction/{self.name}",
            key=key,
            digest=hashlib.sha256(key.encode()).digest(),
            received=self.executor.clock.now(),
            causation=cause.id,
            not_before=cause.time,
        )

    async def catch_up(self, connection: Connection, stream: str, events: list[Recorded]) -> bool:
        """Do what the held events demand."""
        try:
            causes = [happened(event, self.executor.codec) for event in events if event.position > self.enabled]
            for cause, demands in [(cause, list(self.reaction.demands(cause))) for cause in causes]:
                await self._do(connection, cause, demands, None)
        except _UNFIT:
            return False
        await connection.execute(SQL["unstall"], self.name, stream)
        return True


# --- running them --------------------------------------------------------------------------------------------------


async def enable(folder: Folder, executor: Executor, connection: Connection) -> None:
    """Append ReactionEnabled for a handler that acts and was never enabled; it acts on what follows that event."""
    await connection.execute(SQL["start_checkpoint"], folder.name)
    row = await connection.fetchrow(SQL["checkpoint"], folder.name)
    if row is None or row["enabled_epoch"] > 0:
        return
    stream = f"service/{executor.service}"
    event = executor.codec.reaction_enabled(executor.service, folder.name)

    async def program(load: Loader) -> Decision:
        await load.load(SERVICE_STREAM, stream)
        return [Emit(stream, event)]

    ask = service_ask(executor, f"enable/{folder.name}")
    receipt = await executor.execute(ask, program)
    if isinstance(receipt, Refusal):
        raise StreamMoved(stream)
    position = Position.parse(receipt.position)
    await connection.execute(SQL["enable"], folder.name, *position)


def service_ask(executor: Executor, what: str) -> Ask:
    """Return a command of the service itself, the same at every start: done once, remembered afterwards."""
    key = str(uuid5(COMMAND_NAMESPACE, f"{executor.service}/{what}"))
    digest = hashlib.sha256(what.encode()).digest()
    return Ask("system", "service", key, digest, executor.clock.now())


def _count(state: int, _event: Happened) -> int:
    return state + 1


SERVICE_STREAM: Final = Aggregate[int](initial=lambda: 0, evolve=_count, kind="service")


@dataclass(slots=True)
class Reactor:
    """Runs the folders of one service, each in its own task on its own connection; one that fails stops no other."""

    pool: asyncpg.Pool[Any]
    wake: Wake
    folders: Sequence[Folder]
    faults: dict[str, str] = field(default_factory=dict)
    """By handler, what it failed at; until it has come to the end of the log again."""
    folded: Wake = field(default_factory=Wake)
    """Rung when a handler has committed what it folded."""

    def check(self) -> tuple[bool, str]:
        """Tell whether every handler folds, for readiness."""
        told = "; ".join(f"{name}: {fault}" for name, fault in sorted(self.faults.items()))
        return not self.faults, told or "folds"

    async def run(self) -> None:
        """Fold until cancelled; a handler that fails begins again, after growing pauses."""
        self.faults.clear()
        async with asyncio.TaskGroup() as group:
            for folder in self.folders:
                group.create_task(self._keep(folder), name=f"fold {folder.name}")

    async def _keep(self, folder: Folder) -> None:
        pauses = Pauses(_FIRST_PAUSE, _LONGEST_PAUSE, held=10 * _LONGEST_PAUSE)
        while True:
            pauses.begin()
            try:
                await self._loop(folder)
            except Exception as error:  # noqa: BLE001 - any failure is met in the same way: told, counted, tried again
                end_if_cancelled()
                self._failed(folder, error)
            await pauses.rest()

    def _failed(self, folder: Folder, error: Exception) -> None:
        self.faults[folder.name] = f"{type(error).__name__}: {error}"
        folder.measures.failed(folder.name)
        if store_is_away(error):
            _LOG.warning("handler stopped, a store is away", handler=folder.name, error=self.faults[folder.name])
        else:
            _LOG.error("handler failed", handler=folder.name, exc_info=error)

    async def _loop(self, folder: Folder) -> None:
        async with self.pool.acquire() as connection:
            with folder.over(connection):
                await self._fold_over(folder, connection)

    async def _fold_over(self, folder: Folder, connection: Connection) -> None:
        if folder.acts:
            await folder.start(connection)
            await self._follow(folder, connection)
            return
        # A projection can always be folded again, so its commits need not wait for the disk.
        await connection.execute("set synchronous_commit = off")
        try:
            await folder.start(connection)
            await self._follow(folder, connection)
        finally:
            await _durable_again(connection)

    async def _follow(self, folder: Folder, connection: Connection) -> None:
        looks: Iterator[float] = iter(())
        vague = self.wake.vague
        while True:
            ticket = self.wake.ticket()
            if await self._drain(folder, connection):
                vague = self.wake.vague
            self.faults.pop(folder.name, None)
            if folder.checkpoint >= self.wake.latest and vague == self.wake.vague:
                looks = iter(())
            folded = time.monotonic()
            if await self.wake.wait(ticket, next(looks, IDLE_SECONDS)):
                looks = iter(LOOKS_AFTER_WAKE)
                await folder.hurry.gather(folded)

    async def _drain(self, folder: Folder, connection: Connection) -> int:
        total = 0
        while True:
            try:
                done = await folder.step(connection)
            except (CheckpointMoved, StreamMoved):
                # Somebody was faster; all is read anew.
                await asyncio.sleep(0.01)
                continue
            if done:
                self.folded.ring()
                total += done
            if folder.exhausted:
                return total


async def _durable_again(connection: Connection) -> None:
    """Set a pool's connection back, or end it: what commands commit on it must reach the disk."""
    with contextlib.suppress(asyncpg.InterfaceError):  # it is gone already
        try:
            await connection.execute("reset synchronous_commit")
        except BaseException:
            connection.terminate()
            raise
