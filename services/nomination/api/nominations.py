"""Nominations over HTTP: candidates entered in time or late, corrected, taken back by their secretariats, followed."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import Field

from kernel.canonical import Json, instant
from kernel.http import CommandRequest, answer
from kernel.paging import Paged, a_moment, page_of
from kernel.reads import AtLeast, Here
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Uuid, WrittenName
from schemas.rulebook import CandidateKind, SizeClass
from services.nomination.api.handling import handler_of, told, visible
from services.nomination.api.parts import (
    SQL,
    Body,
    CandidateCode,
    InSeason,
    NominationPath,
    Reader,
    Reason,
    ReasonBody,
    RegionCode,
    SecretariatCommand,
    bodies_of,
    named,
    position_of,
)
from services.nomination.api.persons import People, with_known
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.handling import Amend, Correction
from services.nomination.domain.nomination import Nominate, Withdraw
from services.nomination.programs import nominations as programs
from services.nomination.rights import provinces_of, visible_places
from services.nomination.texts import digest_of_reason

router = APIRouter()


class CandidateBody(Body):
    """A government by code or official name; an employer by number, name, size class and region.

    A kind of the season's own (`kinds` of its rulebook) by code and name, and by region where its code does not tell.
    """

    kind: Annotated[CandidateKind, Field(examples=["province", "regency", "city", "employer", "village"])]
    code: CandidateCode | None = None
    name: WrittenName | None = None
    size_class: SizeClass | None = None
    region: Annotated[
        WrittenName | None, Field(description="An employer's home, by official code or name.", examples=["75.71"])
    ] = None
    sector: Annotated[Slug | None, Field(description="One of the category's sectors, where it has any.")] = None


class NominationBody(Body):
    """A candidate for a category of a season."""

    season: SeasonCode
    category: CategoryCode
    candidate: CandidateBody
    nominating_body: Annotated[RegionCode, Field(description="The government that nominates; 00: the nation.")]
    contact: Annotated[Uuid, Field(description="Identity's id of the nominee's contact person.")]
    sample: Annotated[bool, Field(description="True for what no article or office vouches for.")] = False


class LateBody(NominationBody):
    """A candidate who comes after the window, and why."""

    reason: Reason


class CorrectionBody(Body):
    """What of a candidate that is no government is to be written anew; only employers have a size class."""

    name: WrittenName | None = None
    size_class: SizeClass | None = None
    region: Annotated[WrittenName | None, Field(description="Its home, by official code or name.")] = None


class AmendBody(Body):
    """What is to be corrected, and why; what is left out stays."""

    contact: Annotated[Uuid | None, Field(description="Identity's id of the new contact person.")] = None
    candidate: CorrectionBody = CorrectionBody()
    reason: Reason


def _nominating(command: CommandRequest, body: NominationBody) -> Nominate:
    asked = body.candidate
    return Nominate(
        season=body.season,
        category=body.category,
        candidate=CandidateAsked(asked.kind, asked.code, asked.name, asked.size_class, asked.region, asked.sector),
        nominating_body=body.nominating_body,
        actor=command.actor,
        contact=body.contact,
        sample=body.sample,
        received=command.received,
        scopes=provinces_of(command.person, "secretariat"),
    )


@router.post("/v1/nominations", tags=["nominations"], summary="Nominate a candidate")
async def nominate(here: Here, people: People, command: SecretariatCommand, body: NominationBody) -> Json:
    """Enter a candidate into a category, within the window, for a government that the secretariat speaks for.

    However late the window closes, nobody enters a first stage that is sealed or closed, or whose deadline has passed.
    """
    program = await with_known(people, programs.nominating(_nominating(command, body)), {"contact": body.contact})
    return named(await here.executor.execute(command.ask("secretariat"), program), "nomination")


@router.post("/v1/nominations/late", tags=["nominations"], summary="File a nomination after its window")
async def file_late(here: Here, people: People, command: SecretariatCommand, body: LateBody) -> Json:
    """File a candidate late, with a reason; it competes when a plenary admits it while its first stage is scored."""
    digest = await digest_of_reason(here, command, body.reason)
    filing = programs.filing_late(_nominating(command, body), digest)
    program = await with_known(people, filing, {"contact": body.contact})
    receipt = named(await here.executor.execute(command.ask("secretariat"), program), "nomination")
    return {**receipt, "warning": _TO_BE_ADMITTED}


_TO_BE_ADMITTED: Final = {
    "en": "It competes once a plenary of its place admits it, and that has to be before the stage is sealed.",
    "id": "Usulan ini bersaing setelah sidang pleno di wilayahnya menerimanya, dan itu harus sebelum tahapnya disegel.",
}


@router.post("/v1/nominations/{nomination}/amend", tags=["nominations"], summary="Correct a nomination")
async def amend(
    here: Here, people: People, command: SecretariatCommand, nomination: NominationPath, body: AmendBody
) -> Json:
    """Change the contact while it competes; an employer's name, size class and region only within the window.

    What was filed late may be corrected until a plenary admits it.
    """
    asked = body.candidate
    amending = Amend(
        nomination=nomination,
        handler=handler_of(command.person),
        received=command.received,
        reason_digest=await digest_of_reason(here, command, body.reason),
        contact=body.contact,
        candidate=Correction(asked.name, asked.size_class, asked.region),
    )
    named = {} if body.contact is None else {"contact": body.contact}
    program = await with_known(people, programs.amending(amending), named)
    return answer(await here.executor.execute(command.ask("secretariat"), program))


@router.post("/v1/nominations/{nomination}/withdraw", tags=["nominations"], summary="Take a nomination back")
async def withdraw(here: Here, command: SecretariatCommand, nomination: NominationPath, body: ReasonBody) -> Json:
    """End a nomination where it stands, by the secretariat that nominated; after a seal its seat stays empty.

    It is final: the candidate is not nominated again in this season and category. What is wrong in a nomination is
    amended. What was filed late can be taken back before a plenary admits it; a motion to admit it has no object then.
    """
    digest = await digest_of_reason(here, command, body.reason)
    withdrawing = Withdraw(nomination, digest, provinces_of(command.person, "secretariat"))
    outcome = await here.executor.execute(command.ask("secretariat"), programs.withdrawing(withdrawing))
    return answer(outcome)


@router.get("/v1/nominations", tags=["nominations"], summary="List nominations")
async def list_nominations(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    province: Annotated[ProvinceCode | None, Query(description="Only candidates of this province.")] = None,
    category: Annotated[CategoryCode | None, Query(description="Only this category.")] = None,
    stage: Annotated[Slug | None, Query(description="Only those that stand, or ended, at this stage.")] = None,
    at_least: AtLeast = None,
) -> Json:
    """List the nominations of one's places, and those whose contact one is, in the order of nomination."""
    listing = f"nominations/{season}/{province}/{category}/{stage}"
    after = paged.after(listing, a_moment, str)
    position = await position_of(here, "nominations", at_least, person)
    rows = await here.pool.fetch(
        SQL["nominations"],
        season,
        province,
        category,
        stage,
        *(after or (None, None)),
        visible_places(person, season),
        person.id,
        paged.limit + 1,
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["nominated"]), row["id"]), position=position)
    shown = bodies_of(page)
    return {**shown, "items": await told(here, shown["items"])}


@router.get("/v1/nominations/{nomination}", tags=["nominations"], summary="Show a nomination")
async def show_nomination(
    here: Here,
    person: Reader,
    nomination: Annotated[Uuid, InPath(description="The nomination's id.")],
    at_least: AtLeast = None,
) -> Json:
    """Show where a nomination stands, how it came there, and all that was done with it."""
    position = await position_of(here, "nominations", at_least, person)
    (shown,) = await told(here, [await visible(here, person, nomination)])
    return {**shown, "position": position}
