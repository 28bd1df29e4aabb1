"""Committees over HTTP: bodies formed by decree, members appointed, replaced and removed, conflicts of interest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import Field

from kernel.canonical import Json
from kernel.decider import Text
from kernel.http import CommandRequest, answer
from kernel.paging import Paged, page_of
from kernel.problems import not_found
from kernel.reads import AtLeast, Here
from kernel.service import Service
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Uuid, WrittenName
from schemas.nomination import Candidate
from schemas.rulebook import Conflicts
from services.nomination.api.parts import (
    SQL,
    Body,
    BodyPath,
    CandidateCode,
    CommitteeCommand,
    Day,
    InProvince,
    InSeason,
    MeetingCommand,
    PersonPath,
    ProvincePath,
    Reader,
    Reason,
    ReasonBody,
    RegionCode,
    SeasonPath,
    bodies_of,
    position_of,
)
from services.nomination.api.persons import People, with_known
from services.nomination.domain.committee import (
    AppointMember,
    Belonging,
    DeclareConflict,
    FormCommittee,
    LiftConflict,
    RemoveMember,
    ReplaceMember,
    effect_of,
)
from services.nomination.programs import committees as programs
from services.nomination.rights import (
    acts_for,
    committee_office,
    may_see,
    office_at,
    visible_places,
)
from services.nomination.texts import digest_of_reason

router = APIRouter()


class CommitteeBody(Body):
    """A body of the rulebook, formed for a place by decree."""

    season: SeasonCode
    province: Annotated[ProvinceCode, Field(description="Two digits; 00 for the nation.")]
    body: Annotated[Slug, Field(description="The body's code in the rulebook.", examples=["panitia-9"])]
    decree: WrittenName
    term_from: Day
    term_until: Day


class BelongingBody(Body):
    """Whom a member belongs to: in a decision on these the member is recused or flagged, as the rulebook says."""

    employer: Annotated[CandidateCode | None, Field(description="The member's own employer, by its number (NPP).")] = (
        None
    )
    government: Annotated[
        RegionCode | None, Field(description="The member's own government: itself, not the province it lies in.")
    ] = None

    @property
    def belonging(self) -> Belonging:
        """Return it as the domain has it."""
        return Belonging(self.employer, self.government)


class MemberBody(BelongingBody):
    """Who takes which seat."""

    office: Annotated[Slug, Field(description="The office's code in the rulebook.")]
    seat: Annotated[int, Field(ge=1, le=100)] = 1
    person: Annotated[Uuid, Field(description="Identity's id of the person.")]


class SuccessorBody(BelongingBody):
    """Who takes the seat over, and why."""

    successor: Annotated[Uuid, Field(description="Identity's id of the person.")]
    reason: Reason


class InterestBody(Body):
    """A member's interest in a nomination, or without one in the whole category."""

    person: Annotated[Uuid | None, Field(description="Left out: oneself.")] = None
    category: CategoryCode
    nomination: Uuid | None = None
    reason: Reason


class ConflictBody(InterestBody):
    """A member's interest in a nomination, or without one in the whole category, and of which kind it is."""

    kind: Literal["own-institution", "ownership", "family", "other"]


class LiftBody(InterestBody):
    """A declared interest that no longer holds, named as it was declared."""


_BODY = "/v1/committees/{season}/{province}/{body}"


@router.post("/v1/committees", tags=["committees"], summary="Form or renew a body by decree")
async def form_committee(here: Here, command: CommitteeCommand, body: CommitteeBody) -> Json:
    """Form a body of the rulebook for a place and a term; a formed one is renewed, and who sits in it stays."""
    office = committee_office(command.person, body.season, body.province)
    forming = FormCommittee(body.season, body.province, body.body, body.decree, body.term_from, body.term_until)
    return answer(await here.executor.execute(command.ask(office), programs.forming(forming)))


@router.post(f"{_BODY}/members", tags=["committees"], summary="Appoint a person to a seat")
async def appoint_member(
    here: Here,
    people: People,
    command: CommitteeCommand,
    season: SeasonPath,
    province: ProvincePath,
    body: BodyPath,
    sent: MemberBody,
) -> Json:
    """Give a free seat of an office to a person whom identity knows and who holds none in the body."""
    office = committee_office(command.person, season, province)
    appointing = AppointMember(
        season, province, body, sent.office, sent.seat, sent.person, command.received, sent.belonging
    )
    program = await with_known(people, programs.appointing(appointing, command.actor), {"person": sent.person})
    return answer(await here.executor.execute(command.ask(office), program))


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
    office = committee_office(command.person, season, province)
    digest = await digest_of_reason(here, command, sent.reason)
    removing = RemoveMember(season, province, body, person, digest)
    return answer(await here.executor.execute(command.ask(office), programs.removing(removing, command.actor)))


@router.post(f"{_BODY}/members/{{person}}/replace", tags=["committees"], summary="Give a person's seat to a successor")
async def replace_member(
    here: Here,
    people: People,
    command: CommitteeCommand,
    season: SeasonPath,
    province: ProvincePath,
    body: BodyPath,
    person: PersonPath,
    sent: SuccessorBody,
) -> Json:
    """Vacate a seat and give it to somebody else, both or neither; what the person filed stays in the record."""
    office = committee_office(command.person, season, province)
    replacing = ReplaceMember(
        season=season,
        province=province,
        body=body,
        person=person,
        successor=sent.successor,
        received=command.received,
        reason_digest=await digest_of_reason(here, command, sent.reason),
        belonging=sent.belonging,
    )
    program = await with_known(people, programs.replacing(replacing, command.actor), {"successor": sent.successor})
    return answer(await here.executor.execute(command.ask(office), program))


async def _interest(
    here: Service, command: CommandRequest, sent: InterestBody, season: str, province: str, body: str
) -> dict[str, Any]:
    """Return whose interest in whom a command is about, and who says so, as declaring and lifting it state both."""
    return {
        "season": season,
        "province": province,
        "body": body,
        "actor": command.actor,
        "person": sent.person or command.actor,
        "category": sent.category,
        "nomination": sent.nomination,
        "reason_digest": await digest_of_reason(here, command, sent.reason),
        "recorder": acts_for(command.person, "secretary", season, province),
    }


@router.post(f"{_BODY}/conflicts", tags=["committees"], summary="Declare a conflict of interest")
async def declare_conflict(
    here: Here, command: MeetingCommand, season: SeasonPath, province: ProvincePath, body: BodyPath, sent: ConflictBody
) -> Json:
    """Declare one's own interest, or record a member's as the committee's secretary. Recusal reaches back."""
    interest = await _interest(here, command, sent, season, province, body)
    ask = command.ask(office_at(command.person, season, province))
    declaring = DeclareConflict(**interest, kind=sent.kind)
    return answer(await here.executor.execute(ask, programs.declaring(declaring)))


@router.post(f"{_BODY}/conflicts/lift", tags=["committees"], summary="Lift a declared conflict of interest")
async def lift_conflict(
    here: Here, command: MeetingCommand, season: SeasonPath, province: ProvincePath, body: BodyPath, sent: LiftBody
) -> Json:
    """Say that one's own interest no longer holds, or a member's as the committee's secretary; from now on."""
    interest = await _interest(here, command, sent, season, province, body)
    ask = command.ask(office_at(command.person, season, province))
    return answer(await here.executor.execute(ask, programs.lifting(LiftConflict(**interest))))


@router.get("/v1/committees", tags=["committees"], summary="List formed bodies")
async def list_committees(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    province: InProvince = None,
    at_least: AtLeast = None,
) -> Json:
    """List the bodies of one's places with their seats and conflicts of interest, lifted ones too."""
    listing = f"committees/{season}/{province}"
    after = paged.after(listing, str, str, str)
    position = await position_of(here, "committees", at_least, person)
    key = after or (None, None, None)
    rows = await here.pool.fetch(
        SQL["committees"], season, province, *key, visible_places(person, season), paged.limit + 1
    )
    page = page_of(rows, paged, listing, lambda row: (row["season"], row["province"], row["id"]), position=position)
    shown = bodies_of(page)
    return {**shown, "items": await _with_own_interests(here, shown["items"])}


@router.get("/v1/committees/{season}/{province}", tags=["committees"], summary="Show a place's bodies")
async def show_committee(
    here: Here,
    person: Reader,
    season: SeasonPath,
    province: Annotated[ProvinceCode, InPath(description="Two digits; 00 for the nation.")],
    at_least: AtLeast = None,
) -> Json:
    """Show all formed bodies of a province or the nation."""
    position = await position_of(here, "committees", at_least, person)
    rows = await here.pool.fetch(SQL["committee"], season, province)
    if not rows or not may_see(person, province, season):
        raise not_found(Text("No body is formed there, or not in your places.", "Tidak ada badan di wilayah Anda itu."))
    bodies = await _with_own_interests(here, [orjson.loads(row["body"]) for row in rows])
    return {"season": season, "province": province, "bodies": bodies, "position": position}


# --- interests in one's own employer or government ------------------------------------------------------------------


async def _with_own_interests(here: Service, bodies: Sequence[Json]) -> list[Json]:
    """Return the bodies with who is refused, and who is flagged, on a nominee that is the member's own.

    A nominee may come before or after its member, so this is found when it is read, by the season's newest rules.
    """
    seasons = {body["season"] for body in bodies}
    found = {season: await _own_nominees(here, season, bodies) for season in sorted(seasons)}
    return [{**body, **_own_interests(body, *found[body["season"]])} for body in bodies]


async def _own_nominees(here: Service, season: str, bodies: Sequence[Json]) -> tuple[list[Json], Conflicts | None]:
    """Return the nominees that some member belongs to, and the season's rules on conflicts."""
    members = [member for body in bodies if body["season"] == season for member in body["members"]]
    codes = {code for member in members for code in (member.get("employer"), member.get("government")) if code}
    rules = await here.pool.fetchrow(SQL["season"], season) if codes else None
    if rules is None:
        return [], None
    rows = await here.pool.fetch(SQL["candidacies"], season, sorted(codes))
    nominees = [{**orjson.loads(row["body"]), "category": row["category"]} for row in rows]
    return nominees, Conflicts.model_validate(orjson.loads(rules["rulebook"])["conflicts"])


def _own_interests(body: Json, nominees: Iterable[Json], rule: Conflicts | None) -> Json:
    shown: dict[str, list[Json]] = {"refused": [], "flagged": []}
    for nominee in nominees:
        candidate = Candidate.model_validate(nominee["candidate"])
        for member in body["members"]:
            kind = Belonging(member.get("employer"), member.get("government")).interest_in(candidate)
            if kind is not None and rule is not None:
                interest = {"person": member["person"], "nomination": nominee["nomination"], "kind": kind}
                shown[effect_of(kind, rule)].append({**interest, "category": nominee["category"]})
    return dict(shown)
