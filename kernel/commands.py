"""Load, decide, append, and again when somebody was faster: the way every command goes.

A decision is a program that loads streams and calls a pure function. What it loaded is guarded at the append, so a
decision never rests on a state that has passed. States are kept between commands and trusted for acceptance only: the
append checks them. Before a refusal is given, or nothing is to be done, everything is read again, and what was read one
after another is checked to have stood at once: nobody is refused for what never was. A command's id (its
Idempotency-Key, scoped to actor and route) is remembered in the append itself, so the common path is one round trip to
the database.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, Self, TypeVar

import asyncpg

from kernel.canonical import Json, Signer, instant, salts, uuid7, write_document
from kernel.clock import Clock
from kernel.codec import Codec, happened
from kernel.decider import Aggregate, Decision, Emit, Happened, Loader, Position, Refusal, Text
from kernel.group import GroupAppender
from kernel.log import (
    NO_HEAD,
    SQL,
    Append,
    CommandRemembered,
    CommandRow,
    Connection,
    Entry,
    Head,
    Recorded,
    StreamMoved,
    Wake,
    append,
    read_heads,
    read_stream,
    recorded,
)

S = TypeVar("S")
ATTEMPTS: Final = 12
"""How often a command is decided anew after a conflict before it is answered with 'busy'."""
KEPT_STATES: Final = 4096
REFUSALS_A_DAY: Final = 100

Program = Callable[[Loader], Awaitable[Decision]]


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks what, when. `key` is the command id; `digest` the SHA-256 of the request; `received` the receipt."""

    actor: str
    route: str
    key: str
    digest: bytes
    received: datetime
    office: str | None = None
    correlation: str | None = None
    causation: str | None = None
    not_before: datetime | None = None
    """The recorded time of the cause: an effect is never recorded before it."""


class ReceiptEvent(NamedTuple):
    """One event that a command led to."""

    stream: str
    version: int
    id: str
    type: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an accepted command; a repeated one gets the same. `position` serves `?at_least=`."""

    command: str
    time: str
    events: tuple[ReceiptEvent, ...]
    position: str = ""

    def as_json(self) -> Json:
        """Return the receipt as JSON values."""
        events = [{"stream": e.stream, "version": e.version, "id": e.id, "type": e.type} for e in self.events]
        return {"command": self.command, "time": self.time, "events": events, "position": self.position}

    @classmethod
    def of(cls, command: str, events: Sequence[Recorded]) -> Receipt:
        """Return the receipt of a command from the events it led to, in order."""
        done = tuple(ReceiptEvent(event.stream, event.version, event.id, event.type) for event in events)
        return cls(command, events[0].doc["time"], done, str(events[-1].position))


class Kept(NamedTuple):
    """A folded stream and where it stood."""

    state: Any
    head: Head


class StateCache:
    """Folded streams of recent commands, by aggregate and stream; changed only after a commit."""

    def __init__(self, size: int = KEPT_STATES) -> None:
        """Keep at most `size` states, the least recently used go first."""
        self._size = size
        self._kept: OrderedDict[tuple[int, str], Kept] = OrderedDict()

    def get(self, aggregate: Aggregate[Any], stream: str) -> Kept | None:
        """Return what is kept of a stream."""
        key = (id(aggregate), stream)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, aggregate: Aggregate[Any], stream: str, kept: Kept) -> None:
        """Keep a stream's state, unless a later one is kept: a read may end after a commit that it did not see."""
        known = self._kept.get((id(aggregate), stream))
        if known is not None and known.head.version > kept.head.version:
            return
        self._kept[(id(aggregate), stream)] = kept
        self._kept.move_to_end((id(aggregate), stream))
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def drop(self, aggregate: Aggregate[Any], stream: str) -> None:
        """Forget a stream."""
        self._kept.pop((id(aggregate), stream), None)


@dataclass(slots=True)
class _Load:
    aggregate: Aggregate[Any]
    kept: Kept
    guard: bool


class _Session(Loader):
    """What one decision loaded. With `trusting`, kept states are taken as they are; the append's guards judge them."""

    def __init__(
        self, connection: Callable[[], Awaitable[Connection]], codec: Codec, cache: StateCache, *, trusting: bool
    ) -> None:
        self._connection = connection
        self._codec = codec
        self._cache = cache
        self._trusting = trusting
        self.loads: dict[str, _Load] = {}
        self.trusted = False

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        known = self.loads.get(stream)
        if known is not None and known.aggregate is aggregate:
            known.guard |= guard
            state: S = known.kept.state
            return state
        kept = self._cache.get(aggregate, stream)
        if kept is not None and self._trusting and guard:
            self.trusted = True
        else:
            kept = await self._read(aggregate, stream, kept)
        if known is not None and known.kept.head.version != kept.head.version:
            raise StreamMoved(stream)
        self.loads[stream] = _Load(aggregate, kept, guard or (known is not None and known.guard))
        found: S = kept.state
        return found

    async def _read(self, aggregate: Aggregate[S], stream: str, kept: Kept | None) -> Kept:
        kept = kept or Kept(aggregate.initial(), NO_HEAD)
        tail = await read_stream(await self._connection(), stream, kept.head.version)
        if tail:
            state = aggregate.fold((happened(event, self._codec) for event in tail), kept.state)
            last = tail[-1]
            kept = Kept(state, Head(last.version, last.hash, last.time))
        self._cache.put(aggregate, stream, kept)
        return kept

    def version(self, stream: str) -> int:
        load = self.loads.get(stream)
        return load.kept.head.version if load else 0

    def head(self, stream: str) -> Head:
        load = self.loads.get(stream)
        return load.kept.head if load else NO_HEAD

    def heads(self, written: Mapping[str, Any]) -> dict[str, Head]:
        """Return the heads to hold: every guarded load, and every written stream."""
        held = {stream: load.kept.head for stream, load in self.loads.items() if load.guard}
        for stream in written:
            if stream not in held:
                held[stream] = self.head(stream)
        return held

    async def confirm(self) -> None:
        """Raise StreamMoved unless all that was loaded to be guarded stood at one moment, which is now.

        One stream did so when it was read. Streams that grow in one transaction, read before and after it, did not.
        """
        held = self.heads({})
        if len(held) < 2:
            return
        ends = await read_heads(await self._connection(), list(held))
        for stream, head in held.items():
            if ends.get(stream, NO_HEAD).version != head.version:
                raise StreamMoved(stream)

    def forget(self) -> None:
        for stream, load in self.loads.items():
            self._cache.drop(load.aggregate, stream)


class Prepared(NamedTuple):
    """A decision turned into bytes, ready to be appended in a transaction of the caller's."""

    append: Append
    time: str
    refusal: Refusal | None = None


def _count_refusal(state: int, _event: Any) -> int:
    return state + 1


_REFUSAL_LOG: Final = Aggregate[int](initial=lambda: 0, evolve=_count_refusal, kind="refusal")


class _Lease:
    """A connection taken from the pool when it is first needed: a command on kept states never needs one.

    Commands hold no more than their share of the pool: a program may ask the pool for another connection while it holds
    this one, and if all were held so, all would wait for ever.
    """

    def __init__(self, pool: asyncpg.Pool[Any], share: asyncio.Semaphore) -> None:
        self._pool = pool
        self._share = share
        self._held: asyncpg.pool.PoolConnectionProxy[Any] | None = None

    async def connection(self) -> Connection:
        if self._held is None:
            await self._share.acquire()
            try:
                self._held = await self._pool.acquire()
            except BaseException:
                self._share.release()
                raise
        return self._held

    async def give_back(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            try:
                await self._pool.release(held)
            finally:
                self._share.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.give_back()


def _always(connection: Connection) -> Callable[[], Awaitable[Connection]]:
    async def same() -> Connection:
        return connection

    return same


@dataclass(slots=True)
class Executor:
    """Executes the commands of one service; one per process."""

    service: str
    pool: asyncpg.Pool[Any]
    codec: Codec
    clock: Clock
    wake: Wake
    signer: Signer | None = None
    cache: StateCache = field(default_factory=StateCache)
    conflicts: Callable[[], None] = lambda: None
    """Called at every conflict, for the metric."""
    appender: GroupAppender = field(init=False)
    _share: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Append through one group appender, and leave half of the pool to others."""
        self.appender = GroupAppender(self.pool)
        self._share = asyncio.Semaphore(max(1, self.pool.get_max_size() // 2))

    async def execute(self, ask: Ask, program: Program) -> Receipt | Refusal:
        """Decide and append; return the receipt, the first receipt of a repeated command, or the refusal."""
        async with _Lease(self.pool, self._share) as lease:
            trusting = True
            for attempt in range(ATTEMPTS):
                session = _Session(lease.connection, self.codec, self.cache, trusting=trusting)
                try:
                    decision = await program(session)
                    if isinstance(decision, Refusal) or not decision:
                        # Nothing would be appended, so nothing would check what it rests on.
                        if session.trusted:
                            trusting = False
                            continue
                        await session.confirm()
                    if isinstance(decision, Refusal):
                        return await self._refuse(await lease.connection(), ask, decision)
                    return await self._commit(lease, session, ask, decision)
                except StreamMoved:
                    session.forget()
                    self.conflicts()
                    trusting = False
                    await lease.give_back()
                    await asyncio.sleep(_apart(attempt))
                except CommandRemembered:
                    remembered = await self.remembered(await lease.connection(), ask)
                    if remembered is not None:
                        return remembered
        return BUSY

    async def rehearse(self, ask: Ask, program: Program) -> Decision:
        """Return what executing the command now would decide; nothing is appended, and no refusal recorded.

        Everything is read anew, and accepted events are written as they would be, so that what cannot be written fails
        here too. The answer holds for this moment only: whoever asks in earnest is decided anew.
        """
        async with _Lease(self.pool, self._share) as lease:
            for attempt in range(ATTEMPTS):
                session = _Session(lease.connection, self.codec, self.cache, trusting=False)
                try:
                    decision = await program(session)
                    await session.confirm()
                except StreamMoved:
                    await asyncio.sleep(_apart(attempt))
                    continue
                if not isinstance(decision, Refusal):
                    self._write(session, ask, decision, remember=False)
                return decision
        return BUSY

    async def state(self, aggregate: Aggregate[S], stream: str) -> S:
        """Return a stream's state as it is now, for a read; only what is new of it is read."""
        async with _Lease(self.pool, self._share) as lease:
            session = _Session(lease.connection, self.codec, self.cache, trusting=False)
            state = await session.load(aggregate, stream)
        if session.head(stream) == NO_HEAD:  # whoever asks for what is not there must not crowd out what is
            self.cache.drop(aggregate, stream)
        return state

    async def _commit(self, lease: _Lease, session: _Session, ask: Ask, decision: Sequence[Emit]) -> Receipt | Refusal:
        if not decision:
            remembered = await self.remembered(await lease.connection(), ask)
            return remembered or Receipt(ask.key, instant(ask.received), ())
        prepared = self._write(session, ask, decision, remember=True)
        await lease.give_back()
        position = await self.appender.append(prepared.append)
        self.wake.ring(position)
        self._keep(session, ask, decision, prepared, position)
        done = tuple(ReceiptEvent(e.stream, e.version, e.id, e.type) for e in prepared.append.entries)
        return Receipt(ask.key, prepared.time, done, str(position))

    async def _refuse(self, connection: Connection, ask: Ask, refusal: Refusal) -> Receipt | Refusal:
        remembered = await self.remembered(connection, ask)
        if remembered is not None:
            return remembered
        if refusal.recorded:
            await self._record_refusal(connection, ask, refusal)
        return refusal

    async def _record_refusal(self, connection: Connection, ask: Ask, refusal: Refusal) -> None:
        for _ in range(ATTEMPTS):
            prepared = await self._refusal(connection, ask, refusal)
            if prepared is None:
                return
            try:
                position = await append(connection, prepared.append)
            except StreamMoved:
                continue
            self.wake.ring(position)
            return

    async def _refusal(
        self, connection: Connection, ask: Ask, refusal: Refusal, guards: Mapping[str, Head] | None = None
    ) -> Prepared | None:
        """Return the event of a refusal under `guards`, or None when the actor's day is full."""
        stream = f"refusal/{self.service}/{ask.actor}/{ask.received:%Y-%m-%d}"
        session = _Session(_always(connection), self.codec, self.cache, trusting=False)
        count = await session.load(_REFUSAL_LOG, stream)
        if count > REFUSALS_A_DAY:
            return None
        fields = tuple(fault.path for fault in refusal.faults)
        closing = count == REFUSALS_A_DAY
        event = self.codec.refused(self.service, ask.route, refusal.code, fields, closing=closing)
        prepared = self._write(session, ask, (Emit(stream, event),), remember=False)
        batch = prepared.append
        guarded = Append(batch.entries, {**(guards or {}), **batch.heads}, batch.times)
        return Prepared(guarded, prepared.time, refusal)

    async def prepare(self, connection: Connection, ask: Ask, program: Program) -> Prepared | None:
        """Decide for a reaction, reading everything anew, and return what its transaction appends.

        None when the command was done before or leads to nothing. A refusal is prepared as its event. Raises
        StreamMoved when what leads to nothing did not stand at once: nobody asks a reaction again.
        """
        if await self.remembered(connection, ask) is not None:
            return None
        session = _Session(_always(connection), self.codec, self.cache, trusting=False)
        decision = await program(session)
        if isinstance(decision, Refusal) and decision.recorded:
            return await self._refusal(connection, ask, decision, session.heads({}))
        if isinstance(decision, Refusal) or not decision:
            await session.confirm()
            return None
        return self._write(session, ask, decision, remember=True)

    async def remembered(self, connection: Connection, ask: Ask) -> Receipt | Refusal | None:
        """Return the first answer of a repeated command; refuse the same key with another content."""
        row = await connection.fetchrow(SQL["find_command"], ask.actor, ask.route, ask.key)
        if row is None:
            return None
        if row["command_digest"] is not None and row["command_digest"] != ask.digest:
            return KEY_REUSED
        rows = await connection.fetch(SQL["events_of_command"], row["epoch"], row["xid"], row["position"])
        first = Receipt.of(ask.key, [recorded(each) for each in rows])
        # Commands that committed together were all answered with the position of the last event of them.
        return replace(first, position=str(Position(row["epoch"], row["xid"], row["last"])))

    def _write(self, session: _Session, ask: Ask, emits: Sequence[Emit], *, remember: bool) -> Prepared:
        """Turn events into documents under their streams' heads: one time for all, the chain per stream.

        The time is the latest of the receipt, the cause and the last events of the streams written or guarded: as of
        any instant, what a decision rests on is there too.
        """
        heads = session.heads(dict.fromkeys(emit.stream for emit in emits))
        command = CommandRow(ask.actor, ask.route, ask.key, ask.digest) if remember else None
        return self._under(heads, ask, emits, command)

    def written(self, ask: Ask, emits: Sequence[Emit], heads: Mapping[str, Head]) -> Prepared:
        """Return events ready to be appended under heads that the caller holds; the command is not remembered."""
        return self._under(
            {emit.stream: heads.get(emit.stream, NO_HEAD) for emit in emits} | {**heads}, ask, emits, None
        )

    def _under(
        self, heads: Mapping[str, Head], ask: Ask, emits: Sequence[Emit], command: CommandRow | None
    ) -> Prepared:
        written = dict.fromkeys(emit.stream for emit in emits)
        time = max(ask.received, ask.not_before or ask.received, *(head.time for head in heads.values()))
        base = self._attributes(ask, instant(time))
        entries = self._entries(base, emits, {stream: heads[stream] for stream in written}, command)
        return Prepared(Append(entries, dict(heads), dict.fromkeys(written, time)), base["time"])

    def _entries(
        self, base: Json, emits: Sequence[Emit], heads: Mapping[str, Head], command: CommandRow | None
    ) -> list[Entry]:
        """Write the documents one after another; in one loop, since a large command has hundreds of them."""
        entries: list[Entry] = []
        ends = {stream: (head.version, head.hash) for stream, head in heads.items()}
        count, write = len(emits), self.codec.write
        for (stream, event), id_, salt in zip(emits, uuid7.several(count), salts(count), strict=True):
            written = write(event)
            version, previous = ends[stream]
            version += 1
            attributes = base | {
                "id": id_,
                "type": written.type,
                "dataschema": written.schema,
                "subject": stream,
                "streamversion": version,
            }
            if previous:
                attributes["prevhash"] = previous.hex()
            sealed = write_document(attributes, written.data, self.signer if written.signed else None, salt)
            entries.append(Entry(stream, version, id_, written.type, sealed.hash, sealed.document, command=command))
            ends[stream] = version, sealed.hash
            command = None
        return entries

    def _attributes(self, ask: Ask, time: str) -> Json:
        base: Json = {
            "specversion": "1.0",
            "source": self.codec.source(self.service),
            "time": time,
            "actor": ask.actor,
            "commandid": ask.key,
            "correlationid": ask.correlation or ask.key,
        }
        if ask.office:
            base["office"] = ask.office
        if ask.causation:
            base["causationid"] = ask.causation
        if self.clock.name == "test":
            base["clock"] = "test"
        return base

    def _keep(self, session: _Session, ask: Ask, emits: Sequence[Emit], prepared: Prepared, position: Position) -> None:
        """Fold the committed events onto the loaded states and keep those for the next command."""
        times, entries = prepared.append.times, prepared.append.entries
        states = {stream: load.kept.state for stream, load in session.loads.items() if stream in times}
        last: dict[str, Entry] = {}
        for emit, entry in zip(emits, entries, strict=True):
            stream, version, id_, *_ = entry
            if stream in states:
                fresh = Happened(emit.event, id_, stream, version, times[stream], ask.actor, ask.office, position)
                states[stream] = session.loads[stream].aggregate.evolve(states[stream], fresh)
                last[stream] = entry
        for stream, entry in last.items():
            head = Head(entry.version, entry.hash, times[stream])
            self.cache.put(session.loads[stream].aggregate, stream, Kept(states[stream], head))


def _apart(attempt: int) -> float:
    """Return the seconds to wait after a conflict: none at first, then by chance, so that many draw apart."""
    return random.uniform(0, min(0.0005 * 2**attempt, 0.1)) if attempt > 1 else 0.0  # noqa: S311 - nothing is secret


KEY_REUSED: Final = Refusal(
    code="idempotency-key-reused",
    status=422,
    recorded=False,
    detail=Text(
        en="This Idempotency-Key was used for another request. Send a new key with a new request.",
        id="Idempotency-Key ini sudah dipakai untuk permintaan lain. Kirim kunci baru untuk permintaan baru.",
    ),
)
"""What every service answers to a key that was used for another content: the 422 of the header's definition
(draft-ietf-httpapi-idempotency-key-header-06, section 2.7). Its 409, for a first request that is still being answered,
is never sent: the second waits for the first and gets the same answer."""
BUSY: Final = Refusal(
    code="busy",
    status=503,
    recorded=False,
    detail=Text(
        en="Others changed the same records again and again. Nothing was done; send the same request once more.",
        id="Data yang sama terus diubah oleh pihak lain. Tidak ada yang disimpan; kirim ulang permintaan yang sama.",
    ),
)
