"""Notifications over HTTP: what was sent to whom, without names, and what a message looks like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from kernel.decider import Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.sql import queries
from kernel.tokens import Person, SignedIn, require
from schemas.envelope import SeasonCode
from schemas.rulebook import Rulebook
from schemas.rulebook import Stage as StageRules
from services.notifications.domain.intents import Template
from services.notifications.texts import Contents, Locale, write_letter

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
_LISTING: Final = "deliveries"
_PREVIEWED: Final = UUID(int=0)
_OTHER: Final = UUID(int=1)

State = Literal["pending", "sent", "failed", "omitted"]
router = APIRouter(prefix="/v1")


class Delivery(BaseModel):
    """One message to the person who asks. `settled` is the machine's time at which it was sent or given up."""

    message: UUID
    cause: UUID
    template: str
    season: str
    nominations: list[UUID]
    sample: bool
    recorded: datetime
    state: State
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


class Preview(BaseModel):
    """A message as it would be written."""

    subject: str
    body: str
    locale: Locale


async def _pool(request: Request) -> asyncpg.Pool:
    return cast("asyncpg.Pool", request.app.state.service_parts.pool)


Pool = Annotated[asyncpg.Pool, Depends(_pool)]


@router.get("/deliveries", tags=["deliveries"])
async def deliveries(person: SignedIn, page: Paged, pool: Pool) -> Deliveries:
    """Return one's own messages; an operator also learns how many messages are in which state."""
    after = page.after(_LISTING, a_moment, UUID)
    rows = [_delivery(row) for row in await _own(pool, UUID(person.id), page.limit + 1, after)]
    listed = page_of(rows, page, _LISTING, lambda one: (one["recorded"].isoformat(), str(one["message"])))
    counts: dict[str, Any] = {}
    if person.may("operator"):
        counts = {
            "counts": [dict(row) for row in await pool.fetch(SQL["counts"])],
            "oldest_due_seconds": await pool.fetchval(SQL["oldest_due"]),
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


@router.get("/templates/{template}/preview", tags=["templates"])
async def preview(
    template: Template,
    _: Annotated[Person, Depends(require("operator"))],
    pool: Pool,
    locale: Annotated[Locale, Query(description="The language.")] = "id",
    season: Annotated[SeasonCode | None, Query(description="Whose rulebook; else the newest.")] = None,
) -> Preview:
    """Show a template as it would be written for invented candidates under a season's rulebook."""
    row = await pool.fetchrow(SQL["season"], season) if season else await pool.fetchrow(SQL["newest_season"])
    if row is None:
        raise not_found(
            Text(
                "No rulebook of such a season was received yet; open a season first.",
                "Belum ada juknis musim itu; buka musim terlebih dahulu.",
            )
        )
    rulebook = Rulebook.from_content(orjson.loads(row["rulebook"]))
    letter = write_letter(example(template, rulebook), rulebook, locale)
    return Preview(subject=letter.subject, body=letter.body, locale=locale)


def example(template: Template, rulebook: Rulebook) -> Contents:
    """Return invented contents for a template, in stages that the rulebook has."""
    stage = next((stage for stage in rulebook.stages if stage.next is not None), rulebook.stages[0])
    following = rulebook.next_stage(stage) or stage
    first, second = str(_PREVIEWED), str(_OTHER)
    told: Mapping[Template, dict[str, Any]] = {
        "nominated": {},
        "advanced": {"reached": _at(following), "rank": 1},
        "eliminated": {"rank": 5, "reason": "below-quota"},
        "announced": {
            "lines": [
                {"nomination": first, "rank": 1, "outcome": "advanced"},
                {"nomination": second, "rank": None, "outcome": "eliminated"},
            ]
        },
    }
    return Contents(
        template=template,
        params=told[template] | {"at": _at(stage)},
        nominations=(first, second) if template == "announced" else (first,),
        names={first: "Kabupaten Contoh", second: "Kota Contoh"},
        sample=True,
        recorded=rulebook.opens_utc(rulebook.calendar.nomination, "00"),
        message=_PREVIEWED,
    )


def _at(stage: StageRules) -> dict[str, str]:
    province = "75" if stage.tier == "provincial" else "00"
    return {"tier": stage.tier, "province": province, "category": stage.category, "stage": stage.code}
