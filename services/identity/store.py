"""What identity keeps in its database, each operation one transaction over the named queries."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from kernel.commands import KEY_REUSED
from kernel.http import CommandRequest
from kernel.problems import refused
from kernel.sql import queries
from kernel.tokens import SCOPES, Grant
from services.identity.development import ORIGIN, FirstPerson

SQL: Final = queries(Path(__file__).with_name("queries.sql"))

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """How somebody signs in."""

    person: UUID
    password_hash: str


async def once(
    pool: asyncpg.Pool,
    command: CommandRequest,
    act: Callable[[asyncpg.pool.PoolConnectionProxy], Awaitable[tuple[Answer, UUID | None]]],
) -> Answer:
    """Do a command once: a repeated one gets the first answer, one with another content a 422 Problem.

    `act` returns the answer and the person whose data the request holds. It runs in the transaction that claims the
    command's id, so that a refusal (any exception) leaves no trace, and a second process waits for the first.
    """
    name = (command.actor, command.route, command.key)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(SQL["begin_answer"], *name, command.digest) is None:
            return await _first_answer(connection, command)
        answer, person = await act(connection)
        await connection.execute(SQL["keep_answer"], *name, json.dumps(answer), person)
        return answer


async def _first_answer(connection: asyncpg.pool.PoolConnectionProxy, command: CommandRequest) -> Answer:
    found = await connection.fetchrow(SQL["find_answer"], command.actor, command.route, command.key)
    # Without a digest the data was erased since; the id that was given is still the answer.
    if found is None or found["digest"] not in (None, command.digest):
        raise refused(KEY_REUSED)
    answer: Answer = json.loads(found["answer"])
    return answer


async def find_account(pool: asyncpg.Pool, login: str) -> Account | None:
    """Return the account of a login name."""
    row = await pool.fetchrow(SQL["find_account"], login)
    return None if row is None else Account(row["person_id"], row["password_hash"])


async def find_grants(pool: asyncpg.Pool, person: UUID) -> tuple[Grant, ...]:
    """Return what was granted to a person."""
    rows = await pool.fetch(SQL["find_grants"], person)
    return tuple(Grant.of(row["role"], **{name: row[name] for name in SCOPES}) for row in rows)


async def find_season_admins(
    pool: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy, season: str | None = None
) -> frozenset[UUID]:
    """Return those who hold the role now, over every season or over one, and can sign in."""
    return frozenset(row["person_id"] for row in await pool.fetch(SQL["find_season_admins"], season))


async def put_first_persons(
    pool: asyncpg.Pool, persons: Sequence[FirstPerson], password_hash: str, origin: str = ORIGIN
) -> None:
    """Register the persons with their accounts and grants; what exists stays, but for another password."""
    ids = [person.id for person in persons]
    logins = [person.login for person in persons]
    grants = [(person.id, grant) for person in persons for grant in person.grants]
    async with pool.acquire() as connection, connection.transaction():
        names, emails = [person.name for person in persons], [person.email for person in persons]
        await connection.execute(SQL["put_persons"], ids, names, emails, origin)
        await connection.execute(SQL["put_accounts"], logins, ids, password_hash)
        await connection.execute(
            SQL["put_grants"],
            [person for person, _ in grants],
            [grant.role for _, grant in grants],
            [grant.value("province") for _, grant in grants],
            [grant.value("committee") for _, grant in grants],
            [grant.value("publisher") for _, grant in grants],
            origin,
        )


async def put_first_administrator(pool: asyncpg.Pool, person: FirstPerson, password_hash: str) -> None:
    """Register the one who can grant all else, unless somebody can already."""
    if not await find_season_admins(pool):
        await put_first_persons(pool, (person,), password_hash, "password-file")
