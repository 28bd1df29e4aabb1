"""Score sheets over HTTP: filed, revised, handed in, voided, listed, read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel.canonical import Json, uuid7
from kernel.commands import Ask, Receipt
from kernel.decider import Decision, Refusal, Text
from kernel.http import CommandRequest, answer, command_by
from kernel.paging import Paged, page_of
from kernel.problems import forbidden
from kernel.reads import AtLeast, Here, wait_until_folded
from kernel.service import Service
from kernel.tokens import Person, require
from schemas.envelope import SeasonCode, Slug, Uuid
from services.scoring import programs
from services.scoring.api.parts import Body, Reason, Tier, digest_once
from services.scoring.domain.sheet import (
    Circumstances,
    FileMarks,
    ReviseMark,
    SubmitSheet,
    VoidSheet,
    WrittenMark,
    decide_file,
    decide_revise,
    decide_submit,
    decide_void,
)
from services.scoring.reads import (
    SCORERS,
    SQL,
    acts_for,
    desk_document,
    desks_of,
    ranking_of_sheet,
    refuse_provisional,
    sheet_document,
)

router = APIRouter()

Locale = Literal["id", "en"]


# --- which sheet, and what is written on it ------------------------------------------------------------------------


class SheetAddress(BaseModel):
    """Which sheet a request is about; whose it is follows from the token or the path."""

    model_config = ConfigDict(frozen=True)

    nomination: Uuid
    tier: Tier
    stage: Slug


async def _address(
    nomination: Annotated[Uuid, Path(description="The nomination's id.")],
    tier: Annotated[Tier, Path(description="provincial or national.")],
    stage: Annotated[Slug, Path(description="The stage's code in the rulebook.")],
) -> SheetAddress:
    return SheetAddress(nomination=nomination, tier=tier, stage=stage)


Address = Annotated[SheetAddress, Depends(_address)]
_SHEET = "/v1/sheets/{nomination}/{tier}/{stage}"


MarkText = Annotated[
    str | None,
    Field(
        max_length=40,
        description="The mark as text, written in the stated locale; null when the aspect does not apply.",
        examples=["87.5"],
    ),
]
LocaleField = Annotated[
    Locale, Field(description="How decimals are written: `id` with a comma (87,5), `en` with a point (87.5).")
]
SampleField = Annotated[bool, Field(description="True for a mark that no person or article vouches for.")]


class MarkBody(Body):
    """One mark."""

    mark: MarkText
    locale: LocaleField = "en"
    sample: SampleField = False


class SheetBody(Body):
    """Several marks at once; with `submit`, the sheet is handed in by the same command."""

    marks: Annotated[dict[Slug, MarkText], Field(max_length=100, description="Marks by aspect.")]
    locale: LocaleField = "en"
    submit: bool = False
    sample: SampleField = False


class RevisionBody(Body):
    """A changed mark and the reason for it."""

    mark: MarkText
    reason: Reason
    locale: LocaleField = "en"
    sample: SampleField = False


class VoidBody(Body):
    """Why a sheet is taken back."""

    reason: Reason


Decide = Callable[[Circumstances], Decision]
ScorerCommand = Annotated[CommandRequest, Depends(command_by(*SCORERS))]


async def _on_sheet(here: Service, command: CommandRequest, address: SheetAddress, decide: Decide) -> Receipt | Refusal:
    program = programs.on_sheet(address.nomination, address.tier, address.stage, command.actor, decide)
    return await here.executor.execute(command.ask(), program)


@router.put(f"{_SHEET}/marks/{{aspect}}", tags=["sheets"], summary="File one mark on one's own sheet")
async def file_mark(
    here: Here,
    command: ScorerCommand,
    address: Address,
    aspect: Annotated[Slug, Path(description="The aspect's code in the rubric.")],
    body: MarkBody,
) -> Json:
    """File a mark; it counts once the sheet is submitted. A filed mark is changed by a revision only."""
    filing = FileMarks(
        member=command.actor,
        marks=(WrittenMark(aspect, body.mark, "mark"),),
        locale=body.locale,
        received=command.received,
        sample=body.sample,
    )
    return answer(await _on_sheet(here, command, address, lambda given: decide_file(given, filing)))


@router.post(_SHEET, tags=["sheets"], summary="File several marks, or a whole sheet, at once")
async def file_sheet(here: Here, command: ScorerCommand, address: Address, body: SheetBody) -> Json:
    """File all marks or none; with `submit`, hand the sheet in by the same command."""
    filing = FileMarks(
        member=command.actor,
        marks=tuple(WrittenMark(aspect, text, f"marks.{aspect}") for aspect, text in body.marks.items()),
        locale=body.locale,
        received=command.received,
        submit=body.submit,
        sample=body.sample,
    )
    return answer(await _on_sheet(here, command, address, lambda given: decide_file(given, filing)))


@router.post(f"{_SHEET}/marks/{{aspect}}/revise", tags=["sheets"], summary="Change a filed mark, with a reason")
async def revise_mark(
    here: Here,
    command: ScorerCommand,
    address: Address,
    aspect: Annotated[Slug, Path(description="The aspect's code in the rubric.")],
    body: RevisionBody,
) -> Json:
    """Change a mark; the old one stays in the record. On a submitted sheet the change counts at once."""
    digest = await digest_once(here, command, body.reason)
    if isinstance(digest, dict):
        return digest
    revision = ReviseMark(
        member=command.actor,
        mark=WrittenMark(aspect, body.mark, "mark"),
        locale=body.locale,
        reason_digest=digest,
        received=command.received,
        sample=body.sample,
    )
    return answer(await _on_sheet(here, command, address, lambda given: decide_revise(given, revision)))


@router.post(f"{_SHEET}/submit", tags=["sheets"], summary="Hand one's sheet in")
async def submit_sheet(here: Here, command: ScorerCommand, address: Address) -> Json:
    """Hand a complete sheet in; from now on it counts."""
    handing_in = SubmitSheet(command.actor, command.received)
    return answer(await _on_sheet(here, command, address, lambda given: decide_submit(given, handing_in)))


@router.post(f"{_SHEET}/void", tags=["sheets"], summary="Take back a sheet filed by mistake, with a reason")
async def void_sheet(here: Here, command: ScorerCommand, address: Address, body: VoidBody) -> Json:
    """Void a sheet; its marks stay in the record and do not count. It may be begun anew."""
    digest = await digest_once(here, command, body.reason)
    if isinstance(digest, dict):
        return digest
    voiding = VoidSheet(command.actor, digest, command.received)
    return answer(await _on_sheet(here, command, address, lambda given: decide_void(given, voiding)))


@router.get("/v1/sheets", tags=["sheets"], summary="List one's own sheets, and what is left to do")
async def list_sheets(
    here: Here,
    person: Annotated[Person, Depends(require(*SCORERS))],
    paged: Paged,
    season: Annotated[SeasonCode | None, Query(description="Only this season.")] = None,
    left: Annotated[bool, Query(description="Only what is not handed in yet.")] = False,  # noqa: FBT002 - a query
    at_least: AtLeast = None,
) -> Json:
    """List every nomination that one may score now, with the progress of one's own sheet and its deadline.

    Where scorers are drawn, these are the nominations that one was drawn for.
    """
    for projection in ("rankings", "stage_members", "sheets"):
        await wait_until_folded(here, projection, at_least, person)
    listing = f"sheets/{person.id}/{season}/{left}"
    after = paged.after(listing, str, str)
    position = str(await here.position("sheets"))
    desks = await desks_of(here, person, season)
    whole = [ranking for ranking, desk in desks.items() if desk.assigned is None]
    drawn = [(ranking, nomination) for ranking, desk in desks.items() for nomination in desk.assigned or ()]
    pairs = ([ranking for ranking, _ in drawn], [nomination for _, nomination in drawn])
    asked = (whole, person.id, *(after or (None, None)), left, paged.limit + 1, *pairs)
    rows = await here.pool.fetch(SQL["desk"], *asked)
    items = [desk_document(row, person, desks) for row in rows]
    return page_of(items, paged, listing, lambda one: (one["ranking"], one["nomination"]), position=position)


@router.get(_SHEET, tags=["sheets"], summary="Read one's own sheet")
async def read_own_sheet(here: Here, person: Annotated[Person, Depends(require(*SCORERS))], address: Address) -> Json:
    """Show one's own sheet with its marks."""
    return await _sheet(here, address, person.id)


@router.get(f"{_SHEET}/{{member}}", tags=["sheets"], summary="Read another member's sheet")
async def read_sheet(
    request: Request,
    here: Here,
    person: Annotated[Person, Depends(require("secretary", "auditor", *SCORERS))],
    address: Address,
    member: Annotated[Uuid, Path(description="Whose sheet.")],
) -> Json:
    """Show a sheet with its marks. Who reads another's before the seal leaves a record of it."""
    if member == person.id:
        return await _sheet(here, address, member)
    await _refuse_reader(here, person, address, member)
    route = f"GET {_SHEET}/{{member}}"
    ask = Ask(person.id, route, uuid7(), route.encode(), request.app.state.clock.now())
    program = programs.reading(address.nomination, address.tier, address.stage, member, person.id)
    answer(await here.executor.execute(ask, program))
    return await _sheet(here, address, member)


async def _sheet(here: Service, address: SheetAddress, member: str) -> Json:
    return await sheet_document(here, _stream_of(address, member), address.nomination, member)


def _stream_of(address: SheetAddress, member: str) -> str:
    return f"sheet/{address.nomination}/{address.tier}-{address.stage}/{member}"


async def _refuse_reader(here: Service, person: Person, address: SheetAddress, member: str) -> None:
    """Refuse whoever is neither an auditor nor the secretary of the place that the sheet belongs to.

    Before the seal a secretary who scores reads no other's sheet, as no other member does.
    """
    ranking = await ranking_of_sheet(here, _stream_of(address, member))
    at = await here.pool.fetchrow(SQL["place_of_stage"], address.nomination, address.tier, address.stage)
    if person.throughout("auditor", None if at is None else at["season"]):
        return
    if at is None or not acts_for(person, "secretary", at["season"], at["province"]):
        raise forbidden(
            Text(
                "Another member's sheet is for the committee's secretary and auditors.",
                "Lembar nilai anggota lain hanya untuk sekretaris panitia dan auditor.",
            )
        )
    if ranking is not None and ranking[0]["seal"] is None:
        await refuse_provisional(here, person, ranking)
