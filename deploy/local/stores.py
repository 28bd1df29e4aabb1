"""A broker and a database, whoever runs them: waited for a bounded time, then made ready for the services.

The embedded stack and the containers' one-shot `paritrana provision` do the same here, so they cannot differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from deploy.local.child import StackError
from deploy.local.kafka import answers
from deploy.local.provision import ServiceDatabase, connected, provision_databases, provision_topics
from kernel.migrate import MigrationRefused
from kernel.newest import Newest, newest_event


async def await_database(url: str, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until the database at `url` accepts a connection; raise StackError after so many seconds."""
    where, deadline = place_of(url), time.monotonic() + seconds
    say(f"waiting for the database at {where}")
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5)
            await connection.close()
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise StackError(f"the database at {where} refuses this user or password: correct DATABASE_URL") from error
        except ValueError as error:
            raise StackError(
                "DATABASE_URL is no PostgreSQL URL: write postgresql://user:password@host:5432/name"
            ) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if time.monotonic() > deadline:
                raise StackError(
                    f"no database answers at {where} within {seconds:.0f} s ({type(error).__name__}): "
                    "start it, or correct or unset DATABASE_URL"
                ) from error
            await asyncio.sleep(0.2)
        else:
            return


async def await_broker(servers: str, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until a broker answers at `servers`; raise StackError after so many seconds."""
    say(f"waiting for the broker at {servers}")
    if not await answers(servers, within=seconds):
        raise StackError(
            f"no broker answers at {servers} within {seconds:.0f} s: "
            "start it, or correct or unset KAFKA_BOOTSTRAP_SERVERS"
        )


async def provision(
    admin_url: str, bootstrap_servers: str, secrets: Path, *, replication: int = 1
) -> dict[str, ServiceDatabase]:
    """Make every database, role and topic that is missing; raise StackError with one line when that cannot be."""
    try:
        databases = await provision_databases(admin_url, secrets)
        await provision_topics(bootstrap_servers, replication=replication)
    except MigrationRefused as error:
        raise StackError(str(error)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise StackError(f"the databases could not be made at {place_of(admin_url)}: {error}") from error
    return databases


async def newest_of(databases: Iterable[ServiceDatabase]) -> Newest | None:
    """Return the newest event of all services' logs; None when they are empty."""
    newest: Newest | None = None
    for database in databases:
        async with connected(database.owner_url) as connection:
            found = await newest_event(connection)
        if found is not None and (newest is None or found.time > newest.time):
            newest = found
    return newest


def place_of(url: str) -> str:
    """Return the host and port of a database URL, and nothing of its password."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
    return "the address in DATABASE_URL"
