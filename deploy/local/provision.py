"""Databases, roles and topics: everything that must be there before a service starts, made as often as asked.

Each service has a database, an owner who makes its tables, and a login role that owns nothing: what is append-only
stays so for the service itself, since only an owner could drop a trigger. No service can connect to another's
database. Topics are made from `schemas.topics` with their retention; one that exists with another is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from deploy.local.child import StackError
from deploy.local.folders import secret_in
from deploy.local.kafka import MESSAGE_MAX_BYTES
from kernel.migrate import KERNEL_MIGRATIONS, Migration, migrate, read_migrations
from schemas.topics import SERVICES, TOPICS, Topic

# An open transaction holds every reader of the whole instance (the readers' gate is instance-wide).
LOGIN_SETTINGS: Final[Mapping[str, str]] = {
    "transaction_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One service's database: `owner_url` for migrations and operators, `login_url` for the service."""

    service: str
    name: str
    owner_url: str
    login_url: str

    @property
    def login(self) -> str:
        """The login role's name."""
        return urlsplit(self.login_url).username or ""


def migrations_of(service: str) -> tuple[Migration, ...]:
    """Return the kernel's migrations and then the service's."""
    folder = Path(str(files("services"))) / service / "migrations"
    return (*read_migrations("kernel", KERNEL_MIGRATIONS), *read_migrations(service, folder))


async def provision_databases(
    admin_url: str, secrets: Path, services: Iterable[str] = SERVICES
) -> dict[str, ServiceDatabase]:
    """Make each service's database and roles and apply its migrations; return them by service.

    `secrets` is the folder that keeps the passwords. Raises StackError, MigrationRefused or OSError.
    """
    databases = {}
    for service in services:
        roles = await provision_roles(admin_url, secrets, service)
        database = await make_database(admin_url, roles, service, f"paritrana_{service}")
        await migrate(database.owner_url, migrations_of(service), login=database.login)
        databases[service] = database
    return databases


@dataclass(frozen=True, slots=True)
class Roles:
    """An owner and a login role with their passwords."""

    owner: str
    owner_password: str
    login: str
    login_password: str


async def provision_roles(admin_url: str, secrets: Path, service: str, *, prefix: str = "paritrana") -> Roles:
    """Make or refresh the owner and login roles of a service; passwords live in `secrets`, mode 0600."""
    login, owner = f"{prefix}_{service}", f"{prefix}_{service}_owner"
    roles = Roles(owner, secret_in(secrets / owner), login, secret_in(secrets / login))
    async with connected(admin_url) as admin:
        await _make_role(admin, roles.owner, roles.owner_password)
        await _make_role(admin, roles.login, roles.login_password)
        for name, value in LOGIN_SETTINGS.items():
            await execute(admin, "ALTER ROLE %I SET %I = %L", login, name, value)
        # Programs of ours ask for the same themselves; this is for whoever connects by hand.
        for role in (owner, login):
            await execute(admin, "ALTER ROLE %I SET search_path = public, pg_temp", role)
        # An administrator who is no superuser can make a database for a role only as a member of it.
        await execute(admin, "GRANT %I TO CURRENT_USER", owner)
    return roles


async def make_database(
    admin_url: str, roles: Roles, service: str, name: str, *, template: str | None = None
) -> ServiceDatabase:
    """Make the database `name`, owned by the owner role, open to the login role and to nobody else."""
    async with connected(admin_url) as admin:
        if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name):
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                await execute(
                    admin, "CREATE DATABASE %I OWNER %I TEMPLATE %I", name, roles.owner, template or "template1"
                )
        await execute(admin, "REVOKE ALL ON DATABASE %I FROM PUBLIC", name)
        await execute(admin, "GRANT CONNECT ON DATABASE %I TO %I", name, roles.login)
    owner_url = with_login(admin_url, roles.owner, roles.owner_password, name)
    return ServiceDatabase(service, name, owner_url, with_login(admin_url, roles.login, roles.login_password, name))


def with_login(url: str, user: str, password: str, database: str) -> str:
    """Return `url` with another user, password and database."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{host}", path=f"/{quote(database)}"))


async def _make_role(admin: asyncpg.Connection[asyncpg.Record], name: str, password: str) -> None:
    if not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name):
        with contextlib.suppress(asyncpg.DuplicateObjectError):
            await execute(admin, "CREATE ROLE %I", name)
    await execute(admin, "ALTER ROLE %I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD %L", name, password)


async def execute(admin: asyncpg.Connection[asyncpg.Record], statement: str, *names: str) -> None:
    """Run a statement whose `%I` are names and whose `%L` are literals, quoted by the server."""
    # Names and passwords are no parameters in these statements: PostgreSQL's own format() quotes them.
    markers = ", ".join(f"${number}::text" for number in range(2, len(names) + 2))
    await admin.execute(await admin.fetchval(f"SELECT format($1::text, {markers})", statement, *names))


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Hold one connection to `url`, closed at the end."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


def configuration_of(topic: Topic) -> dict[str, str]:
    """Return a topic's configuration as the broker names it.

    Where other systems write, the broker's clock says when a record came: by a publisher's clock that is wrong, records
    would be dropped at once or never, and a day of them would not be found again. And what they compressed stays as it
    is: to compress it anew the broker would expand it whole, and a bomb of some kilobytes would end it.
    """
    of_others = {"message.timestamp.type": "LogAppendTime", "compression.type": "producer"}
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "max.message.bytes": str(MESSAGE_MAX_BYTES),
    } | (of_others if topic.owner == "publishers" else {})


async def provision_topics(
    bootstrap_servers: str, topics: Sequence[Topic] = TOPICS, *, replication: int = 1
) -> tuple[str, ...]:
    """Make the topics that are missing and return their names.

    Raises StackError when a topic exists with another configuration, or the broker refuses.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            await _create(admin, missing, replication)
        await _refuse_other_configuration(admin, [topic for topic in topics if topic.name in existing])
    except KafkaError as error:
        raise StackError(f"the topics could not be made at {bootstrap_servers}: {error}") from error
    finally:
        await admin.close()
    return tuple(topic.name for topic in missing)


async def _create(admin: AIOKafkaAdminClient, topics: Iterable[Topic], replication: int) -> None:
    response = await admin.create_topics(
        [NewTopic(topic.name, topic.partitions, replication, topic_configs=configuration_of(topic)) for topic in topics]
    )
    for name, code, *_ in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise StackError(f"the topic {name} could not be made: {for_code(code).__name__}")


async def _refuse_other_configuration(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    wanted = {topic.name: configuration_of(topic) for topic in topics}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    for response in await admin.describe_configs(resources):
        for _code, _message, _kind, name, entries in response.resources:
            found = {entry[0]: entry[1] for entry in entries}
            for key, value in wanted[name].items():
                if found.get(key) != value:
                    raise StackError(
                        f"the topic {name} has {key}={found.get(key)}, and it must be {value}: set it at the broker"
                    )
