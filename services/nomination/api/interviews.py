"""Interviews over HTTP: slots given by the secretary of the place, shown on the clocks of all three zones."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from kernel.body import Moment
from kernel.canonical import Json, instant
from kernel.http import answer
from kernel.paging import Paged, a_moment, page_of
from kernel.reads import AtLeast, Here
from schemas.envelope import Slug
from services.nomination.api.handling import standing
from services.nomination.api.parts import (
    SQL,
    Body,
    InSeason,
    MeetingCommand,
    NominationPath,
    Reader,
    bodies_of,
    position_of,
)
from services.nomination.domain.interview import ScheduleInterview
from services.nomination.domain.nomination import Nomination
from services.nomination.programs import nominations as programs
from services.nomination.rights import office_at, places_kept, visible_places

router = APIRouter()


class SlotBody(Body):
    """When an interview begins, and how it is held; how long it lasts is the rulebook's."""

    begins: Annotated[Moment, Field(description="With its offset.", examples=["2021-05-03T09:00:00+07:00"])]
    mode: Literal["in-person", "remote"] = "in-person"


@router.post("/v1/nominations/{nomination}/interview", tags=["interviews"], summary="Give a nominee a slot")
async def schedule(here: Here, command: MeetingCommand, nomination: NominationPath, body: SlotBody) -> Json:
    """Schedule an interview where the nominee stands, by the secretary of the place; a later slot replaces it."""
    state = await standing(here, nomination)
    at = state.at if isinstance(state, Nomination) else None
    scheduling = ScheduleInterview(
        nomination=nomination,
        begins=body.begins,
        mode=body.mode,
        person=command.actor,
        keeps=frozenset() if at is None else places_kept(command.person, at.season),
        received=command.received,
    )
    ask = command.ask(None if at is None else office_at(command.person, at.season, at.province))
    return answer(await here.executor.execute(ask, programs.scheduling(scheduling)))


@router.get("/v1/interviews", tags=["interviews"], summary="List interviews")
async def list_interviews(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    stage: Annotated[Slug | None, Query(description="Only those of this stage.")] = None,
    at_least: AtLeast = None,
) -> Json:
    """List the slots of nominees that still compete, in their order, each in WIB, WITA and WIT."""
    listing = f"interviews/{season}/{stage}"
    after = paged.after(listing, a_moment, str, str)
    position = await position_of(here, "interviews", at_least, person)
    key = after or (None, None, None)
    rows = await here.pool.fetch(
        SQL["interviews"], season, stage, *key, visible_places(person, season), person.id, paged.limit + 1
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["begins"]), row["grp"], row["id"]), position=position)
    return bodies_of(page)
