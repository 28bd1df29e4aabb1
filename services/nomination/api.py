"""Nomination over HTTP: seasons opened, committees formed, candidates nominated, plenaries held and announced.

Routes check the coarse role and turn a body into a command of the domain; every rule of the award is the domain's.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, Path

from kernel.canonical import Json, uuid7
from kernel.commands import Program, Receipt
from kernel.decider import FieldFault, Refusal, Text
from kernel.http import CommandRequest, answer, command_by
from kernel.problems import invalid
from kernel.service import Service
from schemas.envelope import ProvinceCode, SeasonCode, Slug, Uuid
from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook
from services.nomination import programs, reads
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.committee import AppointMember, DeclareConflict, FormCommittee, RemoveMember
from services.nomination.domain.nomination import Nominate, Withdraw
from services.nomination.domain.plenary import Convene
from services.nomination.reads import SQL, Here
from services.nomination.requests import (
    AttendanceBody,
    CommitteeBody,
    ConflictBody,
    MemberBody,
    MotionBody,
    NominationBody,
    PlenaryBody,
    ReasonBody,
    SeasonBody,
    TableBody,
    VoteBody,
)
from services.nomination.rights import MEETING, actor_at, acts_for, committee_office, office_at, provinces_of
from services.nomination.texts import digest_of_reason

router = APIRouter()

AdminCommand = Annotated[CommandRequest, Depends(command_by("season-admin"))]
CommitteeCommand = Annotated[CommandRequest, Depends(command_by("season-admin", "secretary"))]
SecretariatCommand = Annotated[CommandRequest, Depends(command_by("secretariat"))]
MeetingCommand = Annotated[CommandRequest, Depends(command_by(*MEETING))]

SeasonPath = Annotated[SeasonCode, Path(description="The season, for example 2020.")]
ProvincePath = Annotated[ProvinceCode, Path(description="Two digits of the official table; 00 for the nation.")]
BodyPath = Annotated[Slug, Path(description="The body's code in the rulebook, for example panitia-9.")]
PersonPath = Annotated[Uuid, Path(description="Identity's id of the person.")]
NominationPath = Annotated[Uuid, Path(description="The nomination's id.")]
PlenaryPath = Annotated[Uuid, Path(description="The plenary's id.")]
MotionPath = Annotated[int, Path(ge=1, le=100_000, description="The motion's number.")]


def _named(outcome: Receipt | Refusal, name: str) -> Json:
    """Return a receipt with the id of what its first event created, under `name`."""
    receipt = answer(outcome)
    return {**receipt, name: receipt["events"][0]["stream"].partition("/")[2]}


# --- seasons -------------------------------------------------------------------------------------------------------


@router.post("/v1/seasons", tags=["seasons"], summary="Open a season with its rulebook")
async def open_season(here: Here, command: AdminCommand, body: SeasonBody) -> Json:
    """Open the season that the rulebook names and publish the rulebook, both or neither."""
    # Reading a file with all its checks takes a while; other requests go on meanwhile.
    program = programs.opening(await asyncio.to_thread(_rulebook, body.rulebook))
    return _named(await here.executor.execute(command.ask("season-admin"), program), "season")


def _rulebook(text: str) -> Rulebook:
    """Read a rulebook file; raise a 422 with every error and its line."""
    reading = read_rulebook(text.encode("utf-8"))
    if reading.rulebook is not None:
        return reading.rulebook
    raise invalid(
        [
            FieldFault(
                f"rulebook:{error.line}{':' if error.path else ''}{error.path}",
                None,
                Text(f"Line {error.line}: {error.message_en}", f"Baris {error.line}: {error.message_id}"),
            )
            for error in reading.errors
        ],
        Text("The rulebook cannot be used; see `errors`.", "Juknis tidak dapat dipakai; lihat `errors`."),
    )


# --- committees ----------------------------------------------------------------------------------------------------

_BODY = "/v1/committees/{season}/{province}/{body}"


@router.post("/v1/committees", tags=["committees"], summary="Form a body by decree")
async def form_committee(here: Here, command: CommitteeCommand, body: CommitteeBody) -> Json:
    """Form a body of the rulebook for a province or the nation, for a term."""
    office = committee_office(command.person, body.province)
    forming = FormCommittee(body.season, body.province, body.body, body.decree, body.term_from, body.term_until)
    return answer(await here.executor.execute(command.ask(office), programs.forming(forming)))


@router.post(f"{_BODY}/members", tags=["committees"], summary="Appoint a person to a seat")
async def appoint_member(
    here: Here, command: CommitteeCommand, season: SeasonPath, province: ProvincePath, body: BodyPath, sent: MemberBody
) -> Json:
    """Give a free seat of an office to a person who holds none in the body."""
    office = committee_office(command.person, province)
    appointing = AppointMember(season, province, body, sent.office, sent.seat, sent.person)
    return answer(await here.executor.execute(command.ask(office), programs.appointing(appointing)))


@router.post(f"{_BODY}/members/{{person}}/remove", tags=["committees"], summary="Take a person's seat back")
async def remove_member(
    here: Here,
    command: CommitteeCommand,
    season: SeasonPath,
    province: ProvincePath,
    body: BodyPath,
    person: PersonPath,
    sent: ReasonBody,
) -> Json:
    """Vacate a seat, with a reason; what the person filed stays in the record."""
    office = committee_office(command.person, province)
    digest = await digest_of_reason(here, command, sent.reason)
    removing = RemoveMember(season, province, body, person, digest)
    return answer(await here.executor.execute(command.ask(office), programs.removing(removing)))


@router.post(f"{_BODY}/conflicts", tags=["committees"], summary="Declare a conflict of interest")
async def declare_conflict(
    here: Here, command: MeetingCommand, season: SeasonPath, province: ProvincePath, body: BodyPath, sent: ConflictBody
) -> Json:
    """Declare one's own interest, or record a member's as the committee's secretary. Recusal reaches back."""
    declaring = DeclareConflict(
        season=season,
        province=province,
        body=body,
        actor=command.actor,
        person=sent.person or command.actor,
        category=sent.category,
        nomination=sent.nomination,
        kind=sent.kind,
        reason_digest=await digest_of_reason(here, command, sent.reason),
        recorder=acts_for(command.person, "secretary", province),
    )
    ask = command.ask(office_at(command.person, province))
    return answer(await here.executor.execute(ask, programs.declaring(declaring)))


# --- nominations ---------------------------------------------------------------------------------------------------


@router.post("/v1/nominations", tags=["nominations"], summary="Nominate a candidate")
async def nominate(here: Here, command: SecretariatCommand, body: NominationBody) -> Json:
    """Enter a candidate into a category, within the window and the secretariat's own province."""
    asked = body.candidate
    nominating = Nominate(
        season=body.season,
        category=body.category,
        candidate=CandidateAsked(asked.kind, asked.code, asked.name, asked.size_class, asked.region),
        nominating_body=body.nominating_body,
        actor=command.actor,
        contact=body.contact,
        sample=body.sample,
        received=command.received,
        scopes=provinces_of(command.person, "secretariat"),
    )
    outcome = await here.executor.execute(command.ask("secretariat"), programs.nominating(nominating))
    return _named(outcome, "nomination")


@router.post("/v1/nominations/{nomination}/withdraw", tags=["nominations"], summary="Take a nomination back")
async def withdraw(here: Here, command: SecretariatCommand, nomination: NominationPath, body: ReasonBody) -> Json:
    """End a nomination where it stands, by the secretariat that nominated; after a seal its seat stays empty."""
    digest = await digest_of_reason(here, command, body.reason)
    withdrawing = Withdraw(nomination, digest, provinces_of(command.person, "secretariat"))
    outcome = await here.executor.execute(command.ask("secretariat"), programs.withdrawing(withdrawing))
    return answer(outcome)


# --- plenaries -----------------------------------------------------------------------------------------------------


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
    return _named(await here.executor.execute(ask, programs.convening(convening)), "plenary")


class Meeting:
    """A command in a meeting: who asks in which office, and who can have reached a stage of its place."""

    def __init__(self, here: Service, command: CommandRequest, plenary: str, province: str | None) -> None:
        """Take the meeting's place, None when there is no such meeting."""
        self.plenary = plenary
        self.actor = actor_at(command.person, province)
        self._here = here
        self._ask = command.ask(office_at(command.person, province))

    async def roll(self) -> programs.RollOfPlace:
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


@router.post(f"{_PLENARY}/motions", tags=["plenaries"], summary="Open the motion that the quota advances")
async def open_motion(meeting: InMeeting, body: MotionBody) -> Json:
    """Propose ranks 1 to the quota of the tabled seal, in order; everybody else leaves."""
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


def add_routes(app: FastAPI) -> None:
    """Add every route of the service."""
    app.include_router(router)
    app.include_router(reads.router)
