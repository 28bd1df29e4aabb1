"""What was sent to whom, without names: one's own messages, and for operators the counts of all."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter
from pydantic import BaseModel

from kernel.paging import Paged, a_moment, page_of
from kernel.reads import Here
from kernel.tokens import SignedIn
from schemas.notifications import Channel
from services.notifications.api.parts import SQL

_LISTING: Final = "deliveries"
State = Literal["pending", "held", "sent", "failed", "omitted"]
router = APIRouter(prefix="/v1")


class Delivery(BaseModel):
    """One message to the person who asks. `settled` is the machine's time at which it was sent or given up.

    `held` waits for the day's digest; `channel` is absent until the message is due, the `season` of what is of none.
    """

    message: UUID
    cause: UUID
    template: str
    season: str | None
    nominations: list[UUID]
    sample: bool
    recorded: datetime
    state: State
    channel: Channel | None
    settled: datetime | None


class Count(BaseModel):
    """How many messages of a template are in a state."""

    template: str
    state: State
    messages: int


class Deliveries(BaseModel):
    """One's own messages, newest first; for operators also the counts of all, without persons."""

    items: list[Delivery]
    next: str | None
    counts: list[Count] | None = None
    oldest_due_seconds: float | None = None


@router.get("/deliveries", tags=["deliveries"])
async def deliveries(person: SignedIn, page: Paged, here: Here) -> Deliveries:
    """Return one's own messages; an operator also learns how many messages are in which state."""
    after = page.after(_LISTING, a_moment, UUID)
    rows = [_delivery(row) for row in await _own(here.pool, UUID(person.id), page.limit + 1, after)]
    listed = page_of(rows, page, _LISTING, lambda one: (one["recorded"].isoformat(), str(one["message"])))
    counts: dict[str, Any] = {}
    if person.may("operator"):
        counts = {
            "counts": [dict(row) for row in await here.pool.fetch(SQL["counts"])],
            "oldest_due_seconds": await here.pool.fetchval(SQL["oldest_due"]),
        }
    return Deliveries(**listed, **counts)


async def _own(pool: asyncpg.Pool, person: UUID, limit: int, after: tuple[Any, ...] | None) -> list[asyncpg.Record]:
    if after is None:
        return list(await pool.fetch(SQL["deliveries_first"], person, limit))
    return list(await pool.fetch(SQL["deliveries_after"], person, limit, *after))


def _delivery(row: asyncpg.Record) -> dict[str, Any]:
    found = dict(row)
    found["message"] = found.pop("message_id")
    return found
