"""The peer: the Python library `eventsourcing` on the same database, used as its documentation says for speed.

psycopg with binary wheels, its database functions for inserting, its cache of aggregates, a pool with a connection for
every thread. It keeps an expected version for each event, as the log does; it has no hash chain and no command ids.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from bench.turns import Stopwatch

PEER: Final = "eventsourcing 9.5.6"
_POOL: Final = 10
_WAIT_SECONDS: Final = 600.0


class Sheet(Aggregate):
    """A score sheet as the peer remembers it, with the fields of the event that is measured on our side."""

    def __init__(self, sheet: str) -> None:
        """Begin with no reads."""
        self.sheet = sheet
        self.reads = 0

    @staticmethod
    def create_id(sheet: str) -> UUID:
        """Return the aggregate's id."""
        return uuid5(NAMESPACE_URL, sheet)

    @event("Read")
    def read(self, nomination: str, at: dict[str, str], member: str, reader: str) -> None:  # noqa: ARG002 - kept in the event
        """Count a read."""
        self.reads += 1


class Sheets(Application[UUID]):
    """The peer's application."""

    def read(self, sheet: UUID, times: int = 1) -> None:
        """Load a sheet, read it so many times, save it."""
        aggregate: Sheet = self.repository.get(sheet)
        for _ in range(times):
            aggregate.read(_NOMINATION, _AT, _MEMBER, _READER)
        self.save(aggregate)


_NOMINATION: Final = "01890000-0000-7000-8000-000000000001"
_MEMBER: Final = "01890000-0000-7000-8000-000000000002"
_READER: Final = "01890000-0000-7000-8000-000000000003"
_AT: Final = {"season": "2020", "tier": "provincial", "province": "75", "category": "KABKOTA", "stage": "seleksi"}


class Peer:
    """The peer on a database of its own; used as a context manager."""

    def __init__(self, url: str) -> None:
        """Use the database of `url`, as its owner."""
        self._url = url
        parts = urlsplit(url)
        self.environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": parts.path.removeprefix("/"),
            "POSTGRES_HOST": parts.hostname or "",
            "POSTGRES_PORT": str(parts.port),
            "POSTGRES_USER": unquote(parts.username or ""),
            "POSTGRES_PASSWORD": unquote(parts.password or ""),
            "POSTGRES_POOL_SIZE": str(_POOL),
            "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
            "AGGREGATE_CACHE_MAXSIZE": "4096",
        }
        self._sheets: Sheets
        self._known: dict[str, UUID] = {}

    def __enter__(self) -> Self:
        """Open the application, which makes its tables."""
        self._sheets = Sheets(env=self.environment)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._sheets.close()

    def append_singly(self, count: int, writers: int, streams: int, watch: Stopwatch) -> None:
        """Append `count` events one by one, by so many threads, each to so many hot aggregates of its own."""
        sheets = [[self._sheet(f"{writer}/{number}") for number in range(streams)] for writer in range(writers)]

        def write(writer: int) -> None:
            for number in range(count // writers):
                self._sheets.read(sheets[writer][number % streams])

        with ThreadPoolExecutor(writers) as threads, watch:
            list(threads.map(write, range(writers)))

    def append_batches(self, batches: int, events: int, watch: Stopwatch) -> None:
        """Append so many batches, each of so many events in one save."""
        sheet = self._sheet("batches")
        with watch:
            for _ in range(batches):
                self._sheets.read(sheet, events)

    def append_many(self, events: int) -> None:
        """Append events for a rebuild, in saves of 100."""
        for number in range(events // 100):
            self._sheets.read(self._sheet(f"rebuild/{number}"), 100)

    def rebuild(self, watch: Stopwatch) -> int:
        """Fold everything that was appended into a read table with the peer's projection runner; return the events."""
        last = self._sheets.recorder.max_notification_id() or 0
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_FORGET)  # else the runner goes on where the turn before ended, with nothing to do
        with (
            watch,
            ProjectionRunner(
                application_class=Sheets, projection_class=_Reads, view_class=_ReadsView, env=self.environment
            ) as runner,
        ):
            runner.wait(last, timeout=_WAIT_SECONDS)
        with psycopg.connect(self._url) as connection:
            folded = connection.execute("select sum(reads) from reads").fetchone()
        if folded != (last,):
            raise AssertionError(f"the peer folded {folded} of {last} events")
        return last

    def _sheet(self, name: str) -> UUID:
        if name not in self._known:
            sheet = Sheet(name)
            self._sheets.save(sheet)
            self._known[name] = sheet.id
        return self._known[name]


# --- the peer's projection -----------------------------------------------------------------------------------------


_FORGET: Final = "drop table if exists reads, reads_tracking"
_TABLE: Final = "create table if not exists reads (sheet uuid primary key, reads bigint)"


class _ReadsView(PostgresTrackingRecorder):
    """The read table of the peer: how often each sheet was read, kept in one transaction with the position."""

    def __init__(self, datastore: PostgresDatastore, **rest: Any) -> None:
        super().__init__(datastore, **rest)
        self.sql_create_statements.append(SQL(_TABLE).format())

    def count(self, sheet: UUID, tracking: Tracking) -> None:
        """Count one event of a sheet."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_COUNT, (sheet,))


_COUNT: Final = (
    "insert into reads (sheet, reads) values (%s, 1) on conflict (sheet) do update set reads = reads.reads + 1"
)


class _Reads(Projection[_ReadsView]):
    """Folds every event of the peer's application."""

    name = "reads"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Fold one event."""
        self.view.count(domain_event.originator_id, tracking)
