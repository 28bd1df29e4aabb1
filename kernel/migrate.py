"""Ordered SQL migrations: applied once, remembered by their hash, refused when they were changed.

A database that holds evidence must say which statements made it. Each file runs in a transaction of its own as the
owner of the database; its name and SHA-256 are recorded in `schema_migration`. A file that was applied may never
change: a new file says what to do next. Services run as a login role that owns nothing; the placeholder `{login}`
in a file stands for that role's quoted name, so that a file can grant to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

KERNEL_MIGRATIONS: Final = Path(__file__).with_name("migrations")

OUR_SCHEMA: Final[Mapping[str, str]] = {"search_path": "public, pg_temp"}
"""Where every connection of ours looks for names (after pg_catalog, which is looked in before all). By the default,
`"$user", public`, a view in a schema named like the login would stand before the table that it is named like."""

# Any number that nothing else uses: two programs that migrate one database wait for each other.
_LOCK: Final = 7_218_041_533

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationRefused(Exception):
    """A migration cannot be applied; the message is one line that says which and why."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `name` is `<label>/<file name>`, `sha256` the digest of its bytes in hex."""

    name: str
    sql: str
    sha256: str


def read_migrations(label: str, folder: Path) -> tuple[Migration, ...]:
    """Read a folder's `*.sql` in name order; a folder that is absent has none."""
    return tuple(
        Migration(f"{label}/{path.name}", path.read_text("utf-8"), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.glob("*.sql"))
    )


async def migrate(owner_url: str, migrations: Sequence[Migration], *, login: str) -> tuple[str, ...]:
    """Apply what is missing, in the given order, as the owner; return the names that were applied.

    Raises MigrationRefused when an applied file was changed or is gone, or when a file's SQL fails.
    """
    connection = await asyncpg.connect(owner_url, timeout=10, server_settings={**OUR_SCHEMA})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        records = await connection.fetch("SELECT name, sha256 FROM schema_migration")
        applied = {record["name"]: record["sha256"] for record in records}
        _refuse_changes(migrations, applied)
        quoted = await connection.fetchval("SELECT quote_ident($1)", login)
        missing = [migration for migration in migrations if migration.name not in applied]
        for migration in missing:
            await _apply(connection, migration, quoted)
        return tuple(migration.name for migration in missing)
    finally:
        await connection.close()


def _refuse_changes(migrations: Iterable[Migration], applied: dict[str, str]) -> None:
    offered = {migration.name: migration.sha256 for migration in migrations}
    for name, sha256 in applied.items():
        if name not in offered:
            raise MigrationRefused(f"the migration {name} was applied to this database, and this program lacks it")
        if offered[name] != sha256:
            raise MigrationRefused(f"the migration {name} was changed after it was applied: add a new file instead")


async def _apply(connection: asyncpg.Connection[asyncpg.Record], migration: Migration, login: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql.replace("{login}", login))
            await connection.execute(
                "INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)", migration.name, migration.sha256
            )
    except asyncpg.PostgresError as error:
        raise MigrationRefused(f"the migration {migration.name} failed: {error}") from error
