"""The local log: remember events of one or several streams at once, and read them all back in one order.

Every service has one table of events: its own and those it received. A stream grows only under its head row (version
and hash), so two writers cannot both extend it and a guard holds a stream still while others are written. Readers
follow `(epoch, xid, position)` up to the oldest running transaction, so an event that commits late is never passed
over (a reader by position alone missed one in five). The SQL lives in `log.sql` and `migrations/001_log.sql`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
import orjson

from kernel.canonical import Json, from_instant
from kernel.decider import START, Position
from kernel.sql import queries

SQL: Final = queries(Path(__file__).with_name("log.sql"))
_NO_HASH: Final = b""
_OPENED: Final = datetime(1970, 1, 1, tzinfo=UTC)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
else:
    Connection = Any


class StreamMoved(Exception):
    """A stream is no longer where it was read; load and decide again."""


class CommandRemembered(Exception):
    """The command was accepted before, perhaps a moment ago by another process."""


@dataclass(slots=True)
class Recorded:
    """One event as it lies in the log. `document` is its exact text; `doc` the parsed form, made when first asked."""

    position: Position
    stream: str
    version: int
    id: str
    type: str
    own: bool
    hash: bytes
    document: str
    _doc: Json | None = field(default=None, repr=False)

    @property
    def doc(self) -> Json:
        """Return the whole document as parsed JSON."""
        if self._doc is None:
            self._doc = orjson.loads(self.document)
        return self._doc

    @property
    def data(self) -> Json:
        """Return the event's own fields (and its salt)."""
        data: Json = self.doc["data"]
        return data

    def told_as(self, type_name: str, data: Json) -> Recorded:
        """Return this event for a fold to read under a newer version of its type.

        `document` and `hash` stay what was stored, and so do the envelope's attributes in `doc`: nothing is proved by
        what was brought up.
        """
        return replace(self, type=type_name, _doc=self.doc | {"data": data})

    @property
    def attributes(self) -> Json:
        """Return the document; its top-level keys but `data` are the envelope's attributes."""
        return self.doc

    @property
    def time(self) -> datetime:
        """Return the recorded time."""
        return from_instant(self.doc["time"])


class Head(NamedTuple):
    """Where a stream ends: version 0 and no hash when it does not exist."""

    version: int = 0
    hash: bytes = _NO_HASH
    time: datetime = _OPENED


NO_HEAD: Final = Head()


class CommandRow(NamedTuple):
    """What makes a command the same command again; a digest of None matches every content (taken back from a topic)."""

    actor: str
    route: str
    key: str
    digest: bytes | None


_NO_COMMAND: Final = CommandRow(None, None, None, None)  # type: ignore[arg-type]


class Entry(NamedTuple):
    """One event ready to be appended; partition and offset only for received ones, `command` on a command's first."""

    stream: str
    version: int
    id: str
    type: str
    hash: bytes
    document: str
    partition: int | None = None
    offset: int | None = None
    command: CommandRow | None = None


class Append(NamedTuple):
    """One atomic append: what is written, under which heads, beside which guarded ones.

    `heads` holds for every stream written or guarded the head it was read at; `times` the new time of written ones.
    """

    entries: Sequence[Entry]
    heads: dict[str, Head]
    times: dict[str, datetime]
    own: bool = True

    def arguments(self) -> tuple[bool, list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Return the arguments of the database's append(): locks (in the order of stream names) and events, as rows."""
        last = {entry.stream: entry for entry in self.entries}
        locks = [self._lock(stream, last.get(stream)) for stream in sorted(self.heads.keys() | last.keys())]
        # A row that is a tuple goes as one value; an array for each column would cost several times as much.
        return self.own, locks, [entry[:-1] + (entry.command or _NO_COMMAND) for entry in self.entries]

    def _lock(self, stream: str, written: Entry | None) -> tuple[Any, ...]:
        head = self.heads.get(stream, NO_HEAD)
        if written is None:
            return stream, False, head.version, head.hash, None, None, None
        return stream, True, head.version, head.hash, written.version, written.hash, self.times[stream]


def is_usable(connection: Connection) -> bool:
    """Tell whether a pool's connection still lives: one that died is taken back by the pool while it is held."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False


async def append(connection: Connection, batch: Append) -> Position:
    """Append `batch`, as a transaction of its own or as the first write of the one that is open.

    Returns the position of its last event. Raises StreamMoved when a head is not where it was read (a deadlock counts
    as that too) and CommandRemembered when the command was accepted before; nothing is written then.
    """
    try:
        row = await connection.fetchrow(SQL["append"], *batch.arguments())
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "events_command":
            raise CommandRemembered from error
        raise
    except asyncpg.PostgresError as error:
        match error.sqlstate:
            case "PA001":
                raise StreamMoved(error.detail) from error
            case "40P01" | "40001":
                raise StreamMoved(str(error)) from error
            case _:
                raise
    if row is None:
        raise AssertionError("append() returns one row")
    return Position(row["epoch"], row["xid"], row["last_position"])


def recorded(row: asyncpg.Record) -> Recorded:
    """Return the event of a row of `log.sql`'s column list."""
    epoch, xid, sequence, stream, version, id_, type_, own, digest, document = row
    return Recorded(Position(epoch, xid, sequence), stream, version, str(id_), type_, own, digest, document)


async def read_after(connection: Connection, after: Position, limit: int, *, own: bool = False) -> list[Recorded]:
    """Return up to `limit` events after a position, in the log's order; only own ones if `own`.

    The current epoch is read up to the oldest running transaction, so nothing can appear before what was returned.
    """
    rows = await connection.fetch(SQL["read_own_after" if own else "read_after"], *after, limit)
    return [recorded(row) for row in rows]


async def read_stream(connection: Connection, stream: str, after_version: int = 0) -> list[Recorded]:
    """Return a stream's events after a version, in order."""
    return [recorded(row) for row in await connection.fetch(SQL["read_stream"], stream, after_version)]


async def read_heads(connection: Connection, streams: Sequence[str]) -> dict[str, Head]:
    """Return the heads of those of `streams` that exist."""
    rows = await connection.fetch(SQL["read_heads"], streams)
    return {row["stream"]: Head(row["version"], row["hash"], row["recorded"]) for row in rows if row["version"]}


@dataclass(slots=True)
class Wake:
    """Tells this process's readers that something was appended; they poll too, for what other processes append.

    A reader takes its ticket before it looks at the log, so a ring between looking and waiting is not missed.
    """

    latest: Position = START
    """Up to where the log is known to go, visible to gated readers or not: who is not there yet looks again soon."""
    vague: int = 0
    """How often it was rung without saying up to where."""
    _event: asyncio.Event = field(default_factory=asyncio.Event)
    _given: bool = False

    def ring(self, position: Position | None = None) -> None:
        """Wake everybody who holds a ticket, and say up to where something was appended, if that is known."""
        if position is None:
            self.vague += 1
        else:
            self.latest = max(self.latest, position)
        if self._given:
            self._event.set()
            self._event, self._given = asyncio.Event(), False

    def ticket(self) -> asyncio.Event:
        """Return what `wait` waits for: the next ring after now."""
        self._given = True
        return self._event

    @staticmethod
    async def wait(ticket: asyncio.Event, timeout: float) -> bool:
        """Wait until the ticket is rung, at most `timeout` seconds; tell whether it was."""
        try:
            async with asyncio.timeout(timeout):
                await ticket.wait()
        except TimeoutError:
            return False
        return True
