"""The ground that everything is measured on: a real PostgreSQL and a real Kafka of the bench's own.

Both are the embedded stack's, with its settings (every commit flushed, `acks=all`), on free ports and in a temporary
folder, so a bench runs beside a demo. A measurement gets a fresh, migrated database and fresh topics, so no run
inherits the size of another. Whatever ends the bench, the folder goes and both servers with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import asyncpg

from deploy.local.folders import can_enter, database_account
from deploy.local.kafka import Kafka
from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from deploy.local.provision import (
    Roles,
    ServiceDatabase,
    connected,
    execute,
    make_database,
    migrations_of,
    provision_roles,
    provision_topics,
)
from kernel.migrate import migrate
from schemas.topics import FOR_EVER, Topic

Say = Callable[[str], None]
_FOLDERS: Final = (None, "/var/tmp")  # noqa: S108 - where temporary folders are made


def temporary_folder() -> Path:
    """Make a temporary folder that the database's user can enter."""
    account = database_account()
    for base in _FOLDERS:
        folder = Path(tempfile.mkdtemp(prefix="paritrana-bench-", dir=base))
        folder.chmod(0o755)
        if account is None or can_enter(folder, account):
            return folder
        folder.rmdir()
    raise OSError("no temporary folder that the database's user can enter")


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Hold a temporary folder that the database's user can enter; it is removed at the end."""
    folder = temporary_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Ground:
    """The bench's database server and broker, used as `async with Ground(say) as ground`."""

    def __init__(self, say: Say) -> None:
        """Tell `say` each slow step as one line."""
        self._folder = temporary_folder()
        log = self._folder / "log"
        self.postgres = Postgres(self._folder / "postgresql", free_ports(1)[0], log=log / "postgresql.log")
        self.kafka = Kafka(self._folder / "kafka", *free_ports(2), log=log / "kafka.log", say=say)
        self._say = say
        self._roles: dict[str, Roles] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        """Start both; stop what was started when one does not."""
        self._say("starting a database and a broker for the bench")
        started = await asyncio.gather(self.postgres.start(), self.kafka.start(), return_exceptions=True)
        for error in filter(None, started):
            await self._stop()
            raise error
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop both and remove the folder."""
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.gather(self.kafka.stop(), self.postgres.stop())
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address."""
        return self.kafka.bootstrap_servers

    @property
    def postgres_pid(self) -> int:
        """The database server's first process; its children do the work."""
        return _pid(self.postgres)

    @property
    def kafka_pid(self) -> int:
        """The broker's process."""
        return _pid(self.kafka)

    @contextlib.asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[ServiceDatabase]:
        """Hold a fresh database of `service`, migrated as in production; it is dropped at the end."""
        if service not in self._roles:
            secrets = self._folder / "secrets"
            self._roles[service] = await provision_roles(self.postgres.admin_url, secrets, service)
        roles = self._roles[service]
        name = f"bench_{self._next()}"
        database = await make_database(self.postgres.admin_url, roles, service, name)
        await migrate(database.owner_url, migrations_of(service), login=roles.login)
        try:
            yield database
        finally:
            async with connected(self.postgres.admin_url) as admin:
                await execute(admin, "DROP DATABASE %I WITH (FORCE)", name)

    async def topic(self, partitions: int, suffix: str = "topic") -> str:
        """Make a topic, kept for ever, as those of the services are; its name ends with `suffix`."""
        name = f"bench-{self._next()}.{suffix}"
        await provision_topics(self.bootstrap_servers, [Topic(name, "bench", partitions, FOR_EVER, "stream", "bench")])
        return name

    async def settle(self) -> None:
        """Write out what the last measurement left in the database's memory: the next one must not pay for it."""
        async with connected(self.postgres.admin_url) as admin:
            await admin.execute("checkpoint")

    def _next(self) -> int:
        self._number += 1
        return self._number


def _pid(server: Postgres | Kafka) -> int:
    if server.child is None:
        raise AssertionError("the server was not started")
    return server.child.pid


@contextlib.asynccontextmanager
async def pool(url: str, size: int) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Hold `size` open connections to `url`."""
    async with asyncpg.create_pool(url, min_size=size, max_size=size) as opened:
        yield opened
