"""One real broker and one real database for a whole test run, and names of its own for every test.

Where workers share the run, each has a broker and a database to itself. Both start when a test first asks for them, on
free ports below 32768 and in a temporary folder, so a run passes beside a running demo; both die with the run, whatever
ends it. KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, when set, are used instead, and then every role, database and topic
that a test made is removed again. Databases are cloned from a template that was migrated once per service, which takes
some 50 ms.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import psutil
from aiokafka.admin import AIOKafkaAdminClient

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

T = TypeVar("T")

_ROOM: Final = 4 << 30
"""How many bytes must be free for stacks in memory: each takes a few hundred megabytes."""


class DatabaseUrls(NamedTuple):
    """A fresh database: its owner's URL and the service's login URL."""

    owner_url: str
    login_url: str


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run `work` to its end on a loop of its own, leaving the test's loop as it is."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def say(line: str) -> None:
    """Show progress past pytest's capture: a first run downloads the broker."""
    sys.__stderr__ and print(line, file=sys.__stderr__, flush=True)


def in_memory() -> Path | None:
    """Return a file system in memory with room for several stacks, from which programs run, if there is one.

    A database is some 300 small files. To make and drop one takes a tenth of what it takes on a disk, and `kill -9`
    loses nothing in either place.
    """
    place = Path("/dev/shm")
    if "TMPDIR" in os.environ or not place.is_dir():
        return None
    told = os.statvfs(place)
    roomy = told.f_bavail * told.f_frsize >= _ROOM
    return place if roomy and not told.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) else None


def temporary_folder(prefix: str = "paritrana-test-") -> Path:
    """Make a temporary folder that the database's user can enter."""
    account = database_account()
    memory = in_memory()
    if memory is not None:
        remove_orphans(memory, prefix)
    for base in (memory, None, "/var/tmp"):
        folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=base))
        folder.chmod(0o755)
        if account is None or can_enter(folder, account):
            return folder
        folder.rmdir()
    raise OSError("no temporary folder that the database's user can enter")


def remove_orphans(place: Path, prefix: str) -> None:
    """Remove the folders of processes that were killed: memory is not given back before a restart."""
    for folder in place.glob(f"{prefix}[0-9]*-*"):
        process = folder.name.removeprefix(prefix).partition("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a temporary folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)


class SharedPostgres:
    """The run's database server."""

    def __init__(self) -> None:
        self.run = f"test_{secrets.token_hex(4)}"
        self._folder = temporary_folder()
        self._given = os.environ.get("DATABASE_URL")
        self._server = Postgres(
            self._folder / "postgresql", free_ports(1)[0], log=self._folder / "log" / "postgresql.log"
        )
        self._roles: dict[str, Roles] = {}
        self._templates: dict[str, str] = {}
        self._made: list[str] = []

    @property
    def admin_url(self) -> str:
        return self._given or self._server.admin_url

    def start(self) -> None:
        if not self._given:
            run_apart(self._server.start())

    def stop(self) -> None:
        if self._given:
            run_apart(self._remove_all())
        else:
            run_apart(self._server.stop())
        remove_folder(self._folder)

    async def fresh_database(self, service: str) -> ServiceDatabase:
        """Make a migrated database with a unique name for `service`."""
        if service not in self._templates:
            await self._make_template(service)
        name = f"{self.run}_{service}_{secrets.token_hex(4)}"
        self._made.append(name)
        return await make_database(
            self.admin_url, self._roles[service], service, name, template=self._templates[service]
        )

    async def drop(self, name: str) -> None:
        async with connected(self.admin_url) as admin:
            await execute(admin, "DROP DATABASE IF EXISTS %I WITH (FORCE)", name)
        self._made.remove(name)

    async def _make_template(self, service: str) -> None:
        roles = await provision_roles(self.admin_url, self._folder / "secrets", service, prefix=self.run)
        name = f"{self.run}_{service}_template"
        self._made.append(name)
        template = await make_database(self.admin_url, roles, service, name)
        await migrate(template.owner_url, migrations_of(service), login=roles.login)
        self._roles[service], self._templates[service] = roles, name

    async def _remove_all(self) -> None:
        for name in tuple(self._made):
            await self.drop(name)
        async with connected(self.admin_url) as admin:
            for roles in self._roles.values():
                await execute(admin, "DROP ROLE IF EXISTS %I", roles.login)
                await execute(admin, "DROP ROLE IF EXISTS %I", roles.owner)


class SharedKafka:
    """The run's broker."""

    def __init__(self) -> None:
        self._given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        self._folder = temporary_folder()
        self._broker = Kafka(self._folder / "kafka", *free_ports(2), log=self._folder / "log" / "kafka.log", say=say)
        self._made: list[str] = []

    @property
    def bootstrap_servers(self) -> str:
        return self._given or self._broker.bootstrap_servers

    def start(self) -> None:
        if not self._given:
            run_apart(self._broker.start())

    def stop(self) -> None:
        if self._given:
            run_apart(self._remove_all())
        else:
            run_apart(self._broker.stop())
        remove_folder(self._folder)

    async def make_topic(self, name: str, partitions: int) -> str:
        topic = Topic(name, "test", partitions, FOR_EVER, "stream", "the test")
        await provision_topics(self.bootstrap_servers, [topic])
        self._made.append(name)
        return name

    async def _remove_all(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            await admin.start()
            if self._made:
                await admin.delete_topics(self._made)
        finally:
            await admin.close()
