"""Plenaries over HTTP: meetings convened, attended, adjourned, and their record. `motions` has what is decided."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import Field

from kernel.body import Moment
from kernel.canonical import Json, instant, uuid7
from kernel.decider import Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.reads import AtLeast, Here
from schemas.envelope import Hex64, ProvinceCode, SeasonCode, Slug, Uuid
from services.nomination.api.meeting import PLENARY, InMeeting
from services.nomination.api.parts import (
    SQL,
    Body,
    InProvince,
    InSeason,
    ItemBody,
    MeetingCommand,
    Reader,
    bodies_of,
    named,
    position_of,
)
from services.nomination.domain.deciding import TableRanking
from services.nomination.domain.plenary import PLENARY as PLENARY_STATE
from services.nomination.domain.plenary import (
    Adjourn,
    Convene,
    Plenary,
    PlenaryState,
    RecordAttendance,
    item_name,
    plenary_stream,
)
from services.nomination.programs import plenaries as programs
from services.nomination.rights import (
    actor_at,
    may_see,
    office_at,
    visible_places,
)

router = APIRouter()


class PlenaryBody(Body):
    """A meeting to be called."""

    season: SeasonCode
    province: Annotated[ProvinceCode, Field(description="Two digits; 00 for the nation.")]
    body: Slug
    scheduled: Moment
    agenda: Annotated[list[ItemBody], Field(min_length=1, max_length=100)]


class AttendanceBody(Body):
    """That a member came or left."""

    person: Annotated[Uuid | None, Field(description="Left out: oneself.")] = None
    present: bool = True
    mode: Annotated[
        Literal["in-person", "remote"] | None,
        Field(description="Left out: as it was recorded before, else in person. Another one corrects it."),
    ] = None


class TableBody(ItemBody):
    """The ranking to lay before the meeting; a cited seal or digest must be that of the current seal."""

    seal: Uuid | None = None
    digest: Hex64 | None = None


@router.post("/v1/plenaries", tags=["plenaries"], summary="Convene a plenary")
async def convene(here: Here, command: MeetingCommand, body: PlenaryBody) -> Json:
    """Call a meeting of a body on stages that it decides, by its secretary or chair, with the notice that it takes.

    One of the same hour and agenda that is not adjourned is not convened twice.
    """
    convening = Convene(
        plenary=uuid7(),
        season=body.season,
        province=body.province,
        body=body.body,
        scheduled=body.scheduled,
        agenda=tuple(item.item for item in body.agenda),
        actor=actor_at(command.person, body.season, body.province),
        received=command.received,
    )
    ask = command.ask(office_at(command.person, body.season, body.province))
    at = (convening.season, convening.province, convening.body, instant(convening.scheduled))
    others = [row["plenary"] for row in await here.pool.fetch(SQL["meetings_at"], *at)]
    return named(await here.executor.execute(ask, programs.convening(convening, others)), "plenary")


@router.post(f"{PLENARY}/attendance", tags=["plenaries"], summary="Record that a member came or left")
async def record_attendance(meeting: InMeeting, body: AttendanceBody) -> Json:
    """Record one's own attendance, or as secretary a seated member's; the quorum is counted anew for each item.

    Recorded again with another `mode`, it corrects how the member attends.
    """
    member = body.person or meeting.actor.person
    came = RecordAttendance(meeting.plenary, member, body.present, body.mode, meeting.actor, meeting.received)
    return await meeting.do(programs.attending(came))


@router.post(f"{PLENARY}/table", tags=["plenaries"], summary="Table a sealed ranking")
async def table_ranking(meeting: InMeeting, body: TableBody) -> Json:
    """Lay the current seal of an item before the meeting, by the secretary; a stale or superseded one is refused."""
    tabled = TableRanking(meeting.plenary, body.item, meeting.actor, meeting.received, body.seal, body.digest)
    return await meeting.do(programs.tabling(tabled, await meeting.roll()))


@router.post(f"{PLENARY}/adjourn", tags=["plenaries"], summary="Adjourn a plenary")
async def adjourn(here: Here, meeting: InMeeting) -> Json:
    """End the meeting, by its secretary or chair; what is undecided stays so, and the answer lists it with a warning.

    It is not refused: a meeting that lost its quorum must end with its motions open.
    """
    receipt = await meeting.do(programs.adjourning(Adjourn(meeting.plenary, meeting.actor)))
    # In an adjourned meeting nothing is put or decided any more, so what is read now is what was left open.
    return {**receipt, **left_open(await here.executor.state(PLENARY_STATE, plenary_stream(meeting.plenary)))}


def left_open(plenary: PlenaryState) -> Json:
    """Return the motions that an adjourned meeting leaves undecided, with a warning (None: there are none)."""
    left = plenary.undecided if isinstance(plenary, Plenary) else ()
    undecided = [{"motion": motion.number, "item": item_name(motion.item)} for motion in left]
    names = ", ".join(f"{one['motion']} ({one['item']})" for one in undecided)
    warning = {
        "en": f"Not decided: motion {names}. The votes on it count no more; put it anew in another meeting.",
        "id": f"Belum diputus: usul {names}. Suaranya tidak berlaku lagi; ajukan kembali dalam sidang lain.",
    }
    return {"undecided": undecided, "warning": warning if undecided else None}


@router.get("/v1/plenaries", tags=["plenaries"], summary="List plenaries")
async def list_plenaries(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    province: InProvince = None,
    at_least: AtLeast = None,
) -> Json:
    """List the meetings of one's places with their whole record, by their schedule."""
    listing = f"plenaries/{season}/{province}"
    after = paged.after(listing, a_moment, str)
    position = await position_of(here, "plenaries", at_least, person)
    rows = await here.pool.fetch(
        SQL["plenaries"],
        season,
        province,
        *(after or (None, None)),
        visible_places(person, season),
        paged.limit + 1,
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["scheduled"]), row["id"]), position=position)
    return bodies_of(page)


@router.get("/v1/plenaries/{plenary}", tags=["plenaries"], summary="Show a plenary")
async def show_plenary(
    here: Here,
    person: Reader,
    plenary: Annotated[Uuid, InPath(description="The plenary's id.")],
    at_least: AtLeast = None,
) -> Json:
    """Show a meeting's record: attendance, tabled rankings, motions with their open votes and counts, decisions."""
    position = await position_of(here, "plenaries", at_least, person)
    row = await here.pool.fetchrow(SQL["plenary"], plenary)
    body = {} if row is None else orjson.loads(row["body"])
    if row is None or not may_see(person, row["province"], body["season"]):
        raise not_found(Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda."))
    return {**body, "position": position}
