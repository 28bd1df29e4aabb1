"""Persons of tests at a real identity, under the pseudonyms that the tests give them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg

from services.identity.app import create_app
from services.identity.settings import IdentitySettings
from tests.support.serving import serving
from tests.support.stack import DatabaseUrls


@asynccontextmanager
async def serving_identity(urls: DatabaseUrls, keys: Path) -> AsyncIterator[str]:
    """Serve identity with its development persons, its keys in a folder, and give its address."""
    settings = IdentitySettings.load(database_url=urls.login_url, port=8085, keys=keys, embedded=True)
    async with serving(create_app(settings)) as url:
        yield url


async def acquaint(owner_url: str, *persons: str) -> None:
    """Let identity know persons by their ids, each with a name and without an address; known ones stay as they are."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(
            "insert into person (id, name, registered_by) select id, 'Orang Contoh ' || left(id::text, 8), 'test' "
            "from unnest($1::uuid[]) as new (id) on conflict do nothing",
            [UUID(person) for person in persons],
        )
    finally:
        await connection.close()


async def erase(owner_url: str, *persons: str) -> None:
    """Take persons' names away, as identity does when it erases them."""
    connection = await asyncpg.connect(owner_url)
    try:
        done = await connection.execute(
            "update person set name = null, email = null, erased_at = clock_timestamp() where id = any($1::uuid[])",
            [UUID(person) for person in persons],
        )
        assert done == f"UPDATE {len(persons)}"
    finally:
        await connection.close()
