"""Plenaries over HTTP: meetings convened, attended, voted in and decided."""

from __future__ import annotations

from typing import Annotated, Literal

import asyncpg
import orjson
from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from pydantic import Field

from kernel.body import Moment
from kernel.canonical import Json, instant, uuid7
from kernel.commands import Program
from kernel.decider import Text
from kernel.http import CommandRequest, answer
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.service import Service
from schemas.envelope import Hex64, ProvinceCode, SeasonCode, Slug, Uuid
from schemas.nomination import Vote
from services.nomination.api.appeals import VerdictBody, asked_appeal
from services.nomination.api.parts import (
    SQL,
    AtLeast,
    Body,
    Here,
    InProvince,
    InSeason,
    ItemBody,
    MeetingCommand,
    MotionPath,
    PlenaryPath,
    Reader,
    bodies_of,
    named,
    position_of,
)
from services.nomination.domain.deciding import OpenVerdict
from services.nomination.domain.plenary import Convene
from services.nomination.programs import appeals as appeal_programs
from services.nomination.programs import plenaries as programs
from services.nomination.programs.loading import RollOfPlace
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
    mode: Literal["in-person", "remote"] = "in-person"


class TableBody(ItemBody):
    """The ranking to lay before the meeting; a cited seal or digest must be that of the current seal."""

    seal: Uuid | None = None
    digest: Hex64 | None = None


class MotionBody(ItemBody):
    """The question to put, by its kind.

    `propose`: ranks 1 to the quota advance; `advancing`, if sent, must be just who the quota admits, in rank order.
    `decide-appeal`: the `appeal` is decided by this `verdict`.
    """

    kind: Literal["propose", "decide-appeal"] = "propose"
    advancing: Annotated[list[Uuid] | None, Field(max_length=1000)] = None
    appeal: Uuid | None = None
    verdict: VerdictBody | None = None


class VoteBody(Body):
    """An open vote."""

    vote: Vote


@router.post("/v1/plenaries", tags=["plenaries"], summary="Convene a plenary")
async def convene(here: Here, command: MeetingCommand, body: PlenaryBody) -> Json:
    """Call a meeting of a body on stages that it decides, by its secretary or chair."""
    convening = Convene(
        plenary=uuid7(),
        season=body.season,
        province=body.province,
        body=body.body,
        scheduled=body.scheduled,
        agenda=tuple(item.item for item in body.agenda),
        actor=actor_at(command.person, body.province),
    )
    ask = command.ask(office_at(command.person, body.province))
    return named(await here.executor.execute(ask, programs.convening(convening)), "plenary")


class Meeting:
    """A command in a meeting: who asks in which office, and who can have reached a stage of its place."""

    def __init__(self, here: Service, command: CommandRequest, plenary: str, province: str | None) -> None:
        """Take the meeting's place, None when there is no such meeting."""
        self.plenary = plenary
        self.actor = actor_at(command.person, province)
        self._here = here
        self._ask = command.ask(office_at(command.person, province))

    async def roll(self) -> RollOfPlace:
        """Return the nominations of the place, with their categories."""
        rows: list[asyncpg.Record] = await self._here.pool.fetch(SQL["roll_of_plenary"], self.plenary)
        return tuple((row["nomination"], row["category"]) for row in rows)

    async def do(self, program: Program) -> Json:
        """Execute a program and return its receipt."""
        return answer(await self._here.executor.execute(self._ask, program))


async def _meeting(here: Here, command: MeetingCommand, plenary: PlenaryPath) -> Meeting:
    # Where a meeting was convened never changes, so it may be read ahead of the command.
    return Meeting(here, command, plenary, await here.pool.fetchval(SQL["place_of_plenary"], plenary))


InMeeting = Annotated[Meeting, Depends(_meeting)]
_PLENARY = "/v1/plenaries/{plenary}"


@router.post(f"{_PLENARY}/attendance", tags=["plenaries"], summary="Record that a member came or left")
async def record_attendance(meeting: InMeeting, body: AttendanceBody) -> Json:
    """Record one's own attendance, or as secretary a seated member's; the quorum is counted anew for each item."""
    member = body.person or meeting.actor.person
    program = programs.attending(meeting.actor, meeting.plenary, member, body.mode, present=body.present)
    return await meeting.do(program)


@router.post(f"{_PLENARY}/table", tags=["plenaries"], summary="Table a sealed ranking")
async def table_ranking(meeting: InMeeting, body: TableBody) -> Json:
    """Lay the current seal of an item before the meeting, by the secretary; a stale or superseded one is refused."""
    roll = await meeting.roll()
    program = programs.tabling(meeting.actor, meeting.plenary, body.item, roll, seal=body.seal, digest=body.digest)
    return await meeting.do(program)


@router.post(
    f"{_PLENARY}/motions",
    tags=["plenaries"],
    summary="Open a motion: that the quota advances, or how an appeal is decided",
)
async def open_motion(meeting: InMeeting, body: MotionBody) -> Json:
    """Propose ranks 1 to the quota of the tabled seal, in order, and everybody else leaves; or decide an appeal."""
    if body.kind == "decide-appeal":
        asked = asked_appeal(body.appeal, body.verdict)
        putting = OpenVerdict(meeting.plenary, body.item, meeting.actor, asked)
        return await meeting.do(appeal_programs.putting(putting, await meeting.roll()))
    advancing = None if body.advancing is None else tuple(body.advancing)
    program = programs.moving(meeting.actor, meeting.plenary, body.item, await meeting.roll(), advancing)
    return await meeting.do(program)


@router.post(f"{_PLENARY}/motions/{{motion}}/votes", tags=["plenaries"], summary="Vote on a motion")
async def cast_vote(meeting: InMeeting, motion: MotionPath, body: VoteBody) -> Json:
    """Vote openly, once, as a seated, present and unrecused member."""
    return await meeting.do(programs.voting(meeting.actor, meeting.plenary, motion, body.vote))


@router.post(f"{_PLENARY}/motions/{{motion}}/decide", tags=["plenaries"], summary="Decide a motion")
async def decide_motion(meeting: InMeeting, motion: MotionPath) -> Json:
    """Close a motion by its votes; every candidate advances, wins or leaves in the same append."""
    return await meeting.do(programs.deciding(meeting.actor, meeting.plenary, motion, await meeting.roll()))


@router.post(f"{_PLENARY}/motions/{{motion}}/announce", tags=["plenaries"], summary="Announce a decided ranking")
async def announce(meeting: InMeeting, command: MeetingCommand, motion: MotionPath) -> Json:
    """Make a carried decision public, once, by the office that publishes; the appeal window opens."""
    return await meeting.do(programs.announcing(meeting.actor, meeting.plenary, motion, command.received))


@router.post(f"{_PLENARY}/adjourn", tags=["plenaries"], summary="Adjourn a plenary")
async def adjourn(meeting: InMeeting) -> Json:
    """End the meeting, by its secretary or chair; what is undecided stays so."""
    return await meeting.do(programs.adjourning(meeting.actor, meeting.plenary))


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
    position = await position_of(here, "plenaries", at_least)
    rows = await here.pool.fetch(
        SQL["plenaries"],
        season,
        province,
        *(after or (None, None)),
        visible_places(person),
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
    """Show a meeting's record: attendance, tabled rankings, motions with their open votes, decisions."""
    position = await position_of(here, "plenaries", at_least)
    row = await here.pool.fetchrow(SQL["plenary"], plenary)
    if row is None or not may_see(person, row["province"]):
        raise not_found(Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda."))
    return {**orjson.loads(row["body"]), "position": position}
