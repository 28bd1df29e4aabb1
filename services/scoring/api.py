"""Scoring over HTTP: stages opened, closed and sealed; sheets filed; rankings read.

Roles and scopes come from the token; who sits in which body is decided by the domain from the committee's stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.body import Moment
from kernel.canonical import Json, uuid7
from kernel.commands import Ask, Receipt
from kernel.decider import Decision, FieldFault, Refusal, Text
from kernel.http import CommandRequest, answer, command_by
from kernel.paging import Paged, page_of
from kernel.problems import forbidden, invalid, unavailable
from kernel.service import Service
from kernel.tokens import Person, require
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Stage, Uuid
from services.scoring import programs
from services.scoring.domain.seal import SealRanking
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
from services.scoring.domain.stage import CloseStage, OpenStage
from services.scoring.reads import (
    OF_THE_BODY,
    SCORERS,
    SQL,
    Knowledge,
    acts_for,
    desk_document,
    desks_of,
    may_see_sealed,
    places_of,
    public_document,
    ranking_as_of,
    ranking_document,
    ranking_now,
    ranking_of_sheet,
    refuse_provisional,
    roll_of_stage,
    sheet_document,
    sheets_of_stage,
)
from services.scoring.texts import keep_text

router = APIRouter()

Tier = Literal["provincial", "national"]
Locale = Literal["id", "en"]


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service_parts
    return service


Here = Annotated[Service, Depends(_service)]


# --- where ---------------------------------------------------------------------------------------------------------


async def _stage(
    season: Annotated[SeasonCode, Path(description="The season, for example 2020.")],
    tier: Annotated[Tier, Path(description="provincial or national.")],
    province: Annotated[ProvinceCode, Path(description="Two digits of the official table; 00 for the nation.")],
    category: Annotated[CategoryCode, Path(description="The category's code, for example KABKOTA.")],
    stage: Annotated[Slug, Path(description="The stage's code in the rulebook, for example seleksi.")],
) -> Stage:
    return Stage(season=season, tier=tier, province=province, category=category, stage=stage)


At = Annotated[Stage, Depends(_stage)]
_STAGE = "/{season}/{tier}/{province}/{category}/{stage}"


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


# --- waiting for what was appended ---------------------------------------------------------------------------------

AtLeast = Annotated[
    str | None,
    Query(max_length=300, description="Wait until this position, or event (`stream@version`), has been folded."),
]


async def _await(here: Service, projection: str, at_least: str | None) -> None:
    if at_least is None:
        return
    try:
        reached = await here.reached(projection, at_least)
    except ValueError as error:
        remedy = Text(str(error), "Kirim kembali posisi yang diberikan kepada Anda, misalnya 1-761-42.")
        raise invalid((FieldFault("query.at_least", at_least[:80], remedy),)) from None
    if not reached:
        raise unavailable(
            "not-folded-yet",
            Text("This position has not been folded yet", "Posisi ini belum diolah"),
            Text("Ask again in a moment.", "Ulangi sebentar lagi."),
        )


# --- stages --------------------------------------------------------------------------------------------------------


def _of_the_place(person: Person, at: Stage) -> None:
    """Refuse a secretary of another place."""
    if not acts_for(person, "secretary", at.province):
        raise forbidden(
            Text(
                "You are not the secretary of this place's committee.", "Anda bukan sekretaris panitia di wilayah ini."
            )
        )


SecretaryCommand = Annotated[CommandRequest, Depends(command_by("secretary"))]


@router.post(f"/v1/rankings{_STAGE}/open", tags=["stages"], summary="Open a stage for scoring")
async def open_stage(here: Here, command: SecretaryCommand, at: At) -> Json:
    """Pin the season's rulebook in force and let the body's members file sheets within the stage's window."""
    _of_the_place(command.person, at)
    outcome = await here.executor.execute(command.ask("secretary"), programs.opening(OpenStage(at, command.received)))
    return answer(outcome)


@router.post(f"/v1/rankings{_STAGE}/close", tags=["stages"], summary="Close a stage after its deadline")
async def close_stage(here: Here, command: SecretaryCommand, at: At) -> Json:
    """End the filing of sheets; not before the deadline, its last second included."""
    _of_the_place(command.person, at)
    outcome = await here.executor.execute(command.ask("secretary"), programs.closing(CloseStage(at, command.received)))
    return answer(outcome)


@router.post(f"/v1/rankings{_STAGE}/seal", tags=["stages"], summary="Seal a closed stage's ranking")
async def seal_ranking(here: Here, command: SecretaryCommand, at: At) -> Json:
    """Compute the standings from the streams themselves and close them by a hash.

    A sealed ranking is sealed anew only after an order that cites its seal.
    """
    _of_the_place(command.person, at)

    async def roll(stage: Stage) -> list[str]:
        return await roll_of_stage(here, stage)

    async def sheets(nominations: Sequence[str], stage: Stage) -> list[str]:
        return await sheets_of_stage(here, nominations, stage)

    seal = SealRanking(at, command.actor, command.received)
    outcome = await here.executor.execute(command.ask("secretary"), programs.sealing(seal, roll, sheets))
    return answer(outcome)


# --- sheets --------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """The base of every request's body: nothing unknown, nothing guessed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
    Field(description="Why; kept beside the events, where it can be erased by law."),
]


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
    digest = await _digest_once(here, command, body.reason)
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
    digest = await _digest_once(here, command, body.reason)
    if isinstance(digest, dict):
        return digest
    voiding = VoidSheet(command.actor, digest, command.received)
    return answer(await _on_sheet(here, command, address, lambda given: decide_void(given, voiding)))


async def _digest_once(here: Service, command: CommandRequest, reason: str) -> str | Json:
    """Keep a command's reason and return its digest, or the first answer of a repeated command."""
    async with here.pool.acquire() as connection:
        remembered = await here.executor.remembered(connection, command.ask())
    return await keep_text(here.pool, reason) if remembered is None else answer(remembered)


@router.get("/v1/sheets", tags=["sheets"], summary="List one's own sheets, and what is left to do")
async def list_sheets(
    here: Here,
    person: Annotated[Person, Depends(require(*SCORERS))],
    paged: Paged,
    season: Annotated[SeasonCode | None, Query(description="Only this season.")] = None,
    left: Annotated[bool, Query(description="Only what is not handed in yet.")] = False,  # noqa: FBT002 - a query
    at_least: AtLeast = None,
) -> Json:
    """List every nomination that one may score now, with the progress of one's own sheet and its deadline."""
    for projection in ("rankings", "stage_members", "sheets"):
        await _await(here, projection, at_least)
    listing = f"sheets/{person.id}/{season}/{left}"
    after = paged.after(listing, str, str)
    position = str(await here.position("sheets"))
    desks = await desks_of(here, person, season)
    rows = await here.pool.fetch(SQL["desk"], list(desks), person.id, *(after or (None, None)), left, paged.limit + 1)
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
    if person.may("auditor"):
        return
    province = await here.pool.fetchval(SQL["place_of_stage"], address.nomination, address.tier, address.stage)
    if province is None or not acts_for(person, "secretary", province):
        raise forbidden(
            Text(
                "Another member's sheet is for the committee's secretary and auditors.",
                "Lembar nilai anggota lain hanya untuk sekretaris panitia dan auditor.",
            )
        )
    ranking = await ranking_of_sheet(here, _stream_of(address, member))
    if ranking is not None and ranking[0]["seal"] is None:
        await refuse_provisional(here, person, ranking)


# --- rankings ------------------------------------------------------------------------------------------------------

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
    await _await(here, "rankings", at_least)
    listing = f"rankings/{season}/{province}"
    after = paged.after(listing, str)
    places = None if person.may("auditor") else places_of(person, (*OF_THE_BODY, "secretariat"))
    if province is not None:
        places = [province] if places is None or province in places else []
    position = str(await here.position("rankings"))
    rows = await here.pool.fetch(SQL["headings"], after and after[0], season, places, False, paged.limit + 1)
    items = [{"ranking": row["ranking"], **orjson.loads(row["heading"]), "announced": row["announced"]} for row in rows]
    return page_of(items, paged, listing, lambda one: (one["ranking"],), position=position)


@router.get(f"/v1/rankings{_STAGE}", tags=["rankings"], summary="Show a ranking")
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

    Before the seal it is for the committee's secretary and for auditors; afterwards for the people of the place.
    """
    await _await(here, "rankings", at_least)
    position = str(await here.position("rankings"))
    rows = await ranking_now(here, at) if as_of is None else await ranking_as_of(here, at, as_of)
    sealed = rows[0]["seal"] is not None
    if not may_see_sealed(person, at.province):
        raise forbidden(
            Text("This ranking is for the people of its place.", "Peringkat ini hanya untuk wilayahnya sendiri.")
        )
    if not sealed:
        await refuse_provisional(here, person, rows)
    now: datetime = request.app.state.clock.now()
    return ranking_document(rows, Knowledge(position, as_of, final=sealed and as_of is not None and as_of < now))


@router.get(f"/v1/rankings{_STAGE}/progress", tags=["rankings"], summary="Show how far the sheets have come")
async def show_progress(
    here: Here,
    person: Annotated[Person, Depends(require("secretary", "auditor"))],
    at: At,
    paged: Paged,
    at_least: AtLeast = None,
) -> Json:
    """List who has filed how many marks for whom, and which sheets are handed in; no marks."""
    await _await(here, "sheets", at_least)
    if not person.may("auditor"):
        _of_the_place(person, at)
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


@router.get(f"/v1/public/rankings{_STAGE}", tags=["public"], summary="Show an announced ranking")
async def show_public_ranking(here: Here, at: At) -> Json:
    """Show who stands where in an announced ranking, for everybody."""
    return public_document(await ranking_now(here, at))


def add_routes(app: FastAPI) -> None:
    """Add scoring's routes to the application."""
    app.include_router(router)
