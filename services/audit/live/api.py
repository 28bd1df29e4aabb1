"""Alarms and the two lists over HTTP. Nothing of the record is changed: an answer to an alarm is kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, cast

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, Field, StringConstraints

from kernel.body import RequestBody
from kernel.days import AS_WRITTEN, FIRST_DAY, LAST_DAY
from kernel.decider import START, Position, Text
from kernel.http import CommandRequest, command_by
from kernel.paging import Paged, PageRequest, encode, page_of
from kernel.problems import not_found
from kernel.tokens import require_throughout
from schemas.envelope import SeasonCode, Slug, Uuid, clean_text
from services.audit.live.alarms import NEWEST, SQL, Alarm, Alarms
from services.audit.live.kinds import KINDS
from services.audit.live.lists import READS, REFUSALS, Row, Wanted, row_of

router = APIRouter(prefix="/v1")
_auditors = Depends(require_throughout("auditor"))
_LOOKED_AT: Final = 1000
"""Events that one page of a list looks at: a filter that fits little gives short pages, never a long wait."""
_MOST: Final = 2**53 - 1


async def _alarms(request: Request) -> Alarms:
    return cast("Alarms", request.app.state.alarms)


Kept = Annotated[Alarms, Depends(_alarms)]


@router.get("/alarms", tags=["alarms"], dependencies=[Depends(require_throughout("auditor", "operator"))])
async def alarms(
    page: Paged,
    kept: Kept,
    ended: Annotated[bool, Query(description="Those that ended or were answered for too.")] = False,  # noqa: FBT002 - a query
) -> dict[str, Any]:
    """List what does not fit: where, since when, and what to do. The newest first."""
    listing = f"alarms/{ended}"
    after = page.after(listing, int)
    found = await kept.before(after[0] if after else NEWEST, page.limit + 1, ended=ended)
    return page_of([_shown(one) for one in found], page, listing, lambda row: (row["alarm"],))


class Answer(RequestBody):
    """What was found out, for whoever reads the alarm later."""

    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
        AfterValidator(clean_text),
        Field(description="What it was, and what was done."),
    ]


@router.post("/alarms/{alarm}/acknowledge", tags=["alarms"], dependencies=[Depends(require_throughout("operator"))])
async def acknowledge(
    alarm: Annotated[int, Path(ge=1, le=_MOST)],
    body: Answer,
    command: Annotated[CommandRequest, Depends(command_by("operator"))],
    kept: Kept,
) -> dict[str, Any]:
    """Answer for an alarm: what it was, by whom. The first answer stands, and the alarm is kept with it."""
    found = await kept.acknowledge(alarm, command.actor, body.reason)
    if found is None:
        raise not_found(Text("There is no such alarm.", "Tidak ada alarm itu."))
    return _shown(found)


def _shown(one: Alarm) -> dict[str, Any]:
    kind = KINDS[one.kind]
    return {
        "alarm": one.alarm,
        "kind": one.kind,
        "where": one.place,
        "said": one.said,
        "since": one.since.isoformat(),
        "seen": one.seen.isoformat(),
        "ended": one.ended and one.ended.isoformat(),
        "what": _both(kind.what),
        "do": _both(kind.do),
        "ends_by_itself": not kind.stays,
        "acknowledged": one.acknowledged
        and {"at": one.acknowledged.isoformat(), "by": one.acknowledged_by, "reason": one.reason},
    }


def _both(text: Text) -> dict[str, str]:
    return {"en": text.en, "id": text.id}


# --- the two lists ----------------------------------------------------------------------------------------------------

Person = Annotated[Uuid | None, Query(description="Only this person, by pseudonym.")]
Office = Annotated[Slug | None, Query(description="Only in this office or role.")]
Day = Annotated[
    date | None,
    Query(ge=FIRST_DAY, le=LAST_DAY, description="Only this day, in western Indonesia (WIB), as 2021-04-13."),
    AS_WRITTEN,
]


@router.get("/reads", tags=["lists"], dependencies=[_auditors])
async def reads(
    page: Paged,
    request: Request,
    season: Annotated[SeasonCode | None, Query(description="Only this season.")] = None,
    person: Person = None,
    office: Office = None,
    day: Day = None,
) -> dict[str, Any]:
    """List who saw a sheet, or marks of a stage, before its seal. A page may be short: go on to its `next`."""
    listed = await _listed(page, request, "reads", READS, Wanted(season, person, office, day))
    streams = [row["event"].partition("@")[0] for row in listed["items"]]
    pool = cast("asyncpg.Pool", request.app.state.service_parts.pool)
    offices = {row["stream"]: row["office"] for row in await pool.fetch(SQL["sheet_offices"], streams)}
    for row, stream in zip(listed["items"], streams, strict=True):
        row["member_office"] = offices.get(stream)
    return listed


@router.get("/refusals", tags=["lists"], dependencies=[_auditors])
async def refusals(
    page: Paged, request: Request, person: Person = None, office: Office = None, day: Day = None
) -> dict[str, Any]:
    """List commands that were refused to people who may give them. A page may be short, as in `/v1/reads`."""
    return await _listed(page, request, "refusals", REFUSALS, Wanted(None, person, office, day))


async def _listed(
    page: PageRequest, request: Request, name: str, types: Sequence[str], wanted: Wanted
) -> dict[str, Any]:
    listing = f"{name}/{wanted.season}/{wanted.person}/{wanted.office}/{wanted.day}"
    found = page.after(listing, Position.parse)
    position = found[0] if found else START
    pool = cast("asyncpg.Pool", request.app.state.service_parts.pool)
    rows = await pool.fetch(SQL["listed"], *position, _LOOKED_AT)
    items: list[Row] = []
    for row in rows:
        if row["type"] in types and wanted.fits(shown := row_of(orjson.loads(row["document"]))):
            if len(items) == page.limit:
                return {"items": items, "next": encode((str(position),), listing)}
            items.append(shown)
        position = Position(*tuple(row)[:3])
    return {"items": items, "next": encode((str(position),), listing) if len(rows) == _LOOKED_AT else None}
