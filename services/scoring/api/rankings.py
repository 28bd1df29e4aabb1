"""Rankings over HTTP: listed, shown now or as of an instant, how far the sheets have come, and what is public."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request

from kernel.body import Moment
from kernel.canonical import Json, uuid7
from kernel.commands import Ask
from kernel.decider import Text
from kernel.http import answer
from kernel.paging import Paged, page_of
from kernel.problems import forbidden
from kernel.reads import AtLeast, Here, wait_until_folded
from kernel.tokens import Person, require
from schemas.envelope import ProvinceCode, SeasonCode, Stage
from services.scoring import programs
from services.scoring.api.parts import STAGE_PATH, At, refuse_other_place
from services.scoring.domain.received import Season
from services.scoring.domain.stage import RANKING, Begun
from services.scoring.reads import (
    OF_THE_BODY,
    SQL,
    Knowledge,
    may_see_sealed,
    places_of,
    public_document,
    ranking_as_of,
    ranking_document,
    ranking_now,
    refuse_provisional,
    season_of,
    with_local_time,
)

router = APIRouter()

Viewer = Annotated[Person, Depends(require(*OF_THE_BODY, "secretariat", "auditor"))]


@router.get("/v1/rankings", tags=["rankings"], summary="List rankings and where they stand")
async def list_rankings(
    here: Here,
    person: Viewer,
    paged: Paged,
    season: Annotated[SeasonCode | None, Query(description="Only this season.")] = None,
    province: Annotated[ProvinceCode | None, Query(description="Only this province; 00: the nation.")] = None,
    at_least: AtLeast = None,
) -> Json:
    """List the opened stages of one's places with their windows, rules and seals; standings are read one by one."""
    await wait_until_folded(here, "rankings", at_least, person)
    listing = f"rankings/{season}/{province}"
    after = paged.after(listing, str)
    places = None if person.throughout("auditor", season) else places_of(person, (*OF_THE_BODY, "secretariat"))
    if province is not None:
        places = [province] if places is None or province in places else []
    position = str(await here.position("rankings"))
    rows = await here.pool.fetch(SQL["headings"], after and after[0], season, places, False, paged.limit + 1)
    seasons: dict[str, Season] = {}
    items: list[Json] = []
    for row in rows:
        heading = orjson.loads(row["heading"])
        of = heading["at"]["season"]
        if of not in seasons:
            seasons[of] = await season_of(here, of)
        said = with_local_time(heading, seasons[of])
        items.append({"ranking": row["ranking"], **said, "announced": row["announced"]})
    return page_of(items, paged, listing, lambda one: (one["ranking"],), position=position)


@router.get(f"/v1/rankings{STAGE_PATH}", tags=["rankings"], summary="Show a ranking")
async def show_ranking(
    request: Request,
    here: Here,
    person: Viewer,
    at: At,
    as_of: Annotated[
        Moment | None, Query(description="As of this instant: all that was recorded at or before it.")
    ] = None,
    at_least: AtLeast = None,
) -> Json:
    """Show a ranking as it stands (marked provisional) or as it was sealed.

    Before the seal it is for the committee's secretary and for auditors, whose first look is recorded and who mark
    nobody there from then on; afterwards for the people of the place.
    """
    await wait_until_folded(here, "rankings", at_least, person)
    position = str(await here.position("rankings"))
    rows = await ranking_now(here, at) if as_of is None else await ranking_as_of(here, at, as_of)
    sealed = rows[0]["seal"] is not None
    if not may_see_sealed(person, at):
        raise forbidden(
            Text("This ranking is for the people of its place.", "Peringkat ini hanya untuk wilayahnya sendiri.")
        )
    now: datetime = request.app.state.clock.now()
    if not sealed:
        await refuse_provisional(here, person, rows)
        await _record_look(here, person, at, now)
    known = Knowledge(position, as_of, final=sealed and as_of is not None and as_of < now)
    return ranking_document(rows, known, await season_of(here, at.season))


async def _record_look(here: Here, person: Person, at: Stage, now: datetime) -> None:
    """Record that somebody sees what unsealed marks add up to, before it is shown; who did so before is known."""
    ranking = await here.executor.state(RANKING, at.ranking)
    if isinstance(ranking, Begun) and person.id in ranking.readers:
        return
    ask = Ask(person.id, "GET /v1/rankings", uuid7(), at.ranking.encode(), now)
    answer(await here.executor.execute(ask, programs.seeing(at, person.id)))


@router.get(f"/v1/rankings{STAGE_PATH}/progress", tags=["rankings"], summary="Show how far the sheets have come")
async def show_progress(
    here: Here,
    person: Annotated[Person, Depends(require("secretary", "auditor"))],
    at: At,
    paged: Paged,
    at_least: AtLeast = None,
) -> Json:
    """List who has filed how many marks for whom, and which sheets are handed in; no marks."""
    await wait_until_folded(here, "sheets", at_least, person)
    if not person.throughout("auditor", at.season):
        refuse_other_place(person, at)
    listing = f"progress/{at.ranking}"
    after = paged.after(listing, str, str)
    position = str(await here.position("sheets"))
    rows = await here.pool.fetch(SQL["progress"], at.ranking, *(after or (None, None)), paged.limit + 1)
    items = [dict(row) for row in rows]
    return page_of(items, paged, listing, lambda one: (one["nomination"], one["member"]), position=position)


@router.get("/v1/public/rankings", tags=["public"], summary="List announced rankings")
async def list_public_rankings(
    here: Here, paged: Paged, season: Annotated[SeasonCode | None, Query(description="Only this season.")] = None
) -> Json:
    """List the rankings that were announced, for everybody."""
    listing = f"public/{season}"
    after = paged.after(listing, str)
    rows = await here.pool.fetch(SQL["announced"], after and after[0], season, paged.limit + 1)
    items = [
        {"ranking": row["ranking"], "at": orjson.loads(row["heading"])["at"], "announced": row["announced"]}
        for row in rows
    ]
    return page_of(items, paged, listing, lambda one: (one["ranking"],))


@router.get(f"/v1/public/rankings{STAGE_PATH}", tags=["public"], summary="Show an announced ranking")
async def show_public_ranking(here: Here, at: At) -> Json:
    """Show who stands where in an announced ranking, for everybody."""
    return public_document(await ranking_now(here, at))
