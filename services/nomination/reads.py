"""What is read over HTTP: lists and single documents of the projections, each with the position it rests on.

A reader sees the affairs of their own places; the nation's people, auditors and season administrators see all. What
lies under `/v1/public` is open to everybody: open seasons with their rules, and announced results.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath

from kernel.canonical import Json, instant
from kernel.decider import FieldFault, Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import invalid, not_found, unavailable
from kernel.service import Service
from kernel.sql import queries
from kernel.tokens import Person, require
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Uuid
from schemas.rulebook import Assumed, Rulebook, Source, provenance
from services.nomination.domain.award import Standing, standing_at
from services.nomination.rights import READERS, may_see, may_see_nomination, visible_places

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
router = APIRouter()


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service_parts
    return service


Here = Annotated[Service, Depends(_service)]
Reader = Annotated[Person, Depends(require(*READERS))]
AtLeast = Annotated[
    str | None,
    Query(max_length=300, description="Wait until this position, or event (`stream@version`), has been folded."),
]
InSeason = Annotated[SeasonCode | None, Query(description="Only this season.")]
InProvince = Annotated[ProvinceCode | None, Query(description="Only this province; 00: the nation.")]
SeasonPath = Annotated[SeasonCode, InPath(description="The season, for example 2020.")]


async def _position(here: Service, projection: str, at_least: str | None) -> str:
    """Return how far a projection has come, after it has come as far as is asked."""
    if at_least is not None:
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
    return str(await here.position(projection))


# --- nominations ---------------------------------------------------------------------------------------------------


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
    """List the nominations of one's places with the history of their stages, in the order of nomination."""
    listing = f"nominations/{season}/{province}/{category}/{stage}"
    after = paged.after(listing, a_moment, str)
    position = await _position(here, "nominations", at_least)
    rows = await here.pool.fetch(
        SQL["nominations"],
        season,
        province,
        category,
        stage,
        *(after or (None, None)),
        visible_places(person),
        paged.limit + 1,
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["nominated"]), row["id"]), position=position)
    return _bodies(page)


@router.get("/v1/nominations/{nomination}", tags=["nominations"], summary="Show a nomination")
async def show_nomination(
    here: Here,
    person: Reader,
    nomination: Annotated[Uuid, InPath(description="The nomination's id.")],
    at_least: AtLeast = None,
) -> Json:
    """Show where a nomination stands and how it came there."""
    position = await _position(here, "nominations", at_least)
    row = await here.pool.fetchrow(SQL["nomination"], nomination)
    if row is None or not may_see_nomination(person, nomination, row["province"]):
        raise not_found(Text("There is no such nomination in your places.", "Tidak ada usulan itu di wilayah Anda."))
    return {**orjson.loads(row["body"]), "position": position}


# --- committees ----------------------------------------------------------------------------------------------------


@router.get("/v1/committees", tags=["committees"], summary="List formed bodies")
async def list_committees(
    here: Here,
    person: Reader,
    paged: Paged,
    season: InSeason = None,
    province: InProvince = None,
    at_least: AtLeast = None,
) -> Json:
    """List the bodies of one's places with their seats and declared conflicts."""
    listing = f"committees/{season}/{province}"
    after = paged.after(listing, str, str, str)
    position = await _position(here, "committees", at_least)
    key = after or (None, None, None)
    rows = await here.pool.fetch(SQL["committees"], season, province, *key, visible_places(person), paged.limit + 1)
    page = page_of(rows, paged, listing, lambda row: (row["season"], row["province"], row["id"]), position=position)
    return _bodies(page)


@router.get("/v1/committees/{season}/{province}", tags=["committees"], summary="Show a place's bodies")
async def show_committee(
    here: Here,
    person: Reader,
    season: SeasonPath,
    province: Annotated[ProvinceCode, InPath(description="Two digits; 00 for the nation.")],
    at_least: AtLeast = None,
) -> Json:
    """Show all formed bodies of a province or the nation."""
    position = await _position(here, "committees", at_least)
    rows = await here.pool.fetch(SQL["committee"], season, province)
    if not rows or not may_see(person, province):
        raise not_found(Text("No body is formed there, or not in your places.", "Tidak ada badan di wilayah Anda itu."))
    bodies = [orjson.loads(row["body"]) for row in rows]
    return {"season": season, "province": province, "bodies": bodies, "position": position}


# --- plenaries -----------------------------------------------------------------------------------------------------


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
    position = await _position(here, "plenaries", at_least)
    rows = await here.pool.fetch(
        SQL["plenaries"],
        season,
        province,
        *(after or (None, None)),
        visible_places(person),
        paged.limit + 1,
    )
    page = page_of(rows, paged, listing, lambda row: (instant(row["scheduled"]), row["id"]), position=position)
    return _bodies(page)


@router.get("/v1/plenaries/{plenary}", tags=["plenaries"], summary="Show a plenary")
async def show_plenary(
    here: Here,
    person: Reader,
    plenary: Annotated[Uuid, InPath(description="The plenary's id.")],
    at_least: AtLeast = None,
) -> Json:
    """Show a meeting's record: attendance, tabled rankings, motions with their open votes, decisions."""
    position = await _position(here, "plenaries", at_least)
    row = await here.pool.fetchrow(SQL["plenary"], plenary)
    if row is None or not may_see(person, row["province"]):
        raise not_found(Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda."))
    return {**orjson.loads(row["body"]), "position": position}


# --- for everybody -------------------------------------------------------------------------------------------------


@router.get("/v1/public/seasons", tags=["public"], summary="List open seasons")
async def list_seasons(here: Here, paged: Paged, at_least: AtLeast = None) -> Json:
    """List the seasons with calendar and categories."""
    after = paged.after("seasons", str)
    position = await _position(here, "seasons", at_least)
    rows = await here.pool.fetch(SQL["seasons"], after and after[0], paged.limit + 1)
    return _bodies(page_of(rows, paged, "seasons", lambda row: (row["id"],), position=position))


@router.get("/v1/public/seasons/{season}", tags=["public"], summary="Show a season")
async def show_season(here: Here, season: SeasonPath, at_least: AtLeast = None) -> Json:
    """Show a season's title, calendar, categories, and the versions of its rulebook with their hashes."""
    position = await _position(here, "seasons", at_least)
    return {**orjson.loads((await _season(here, season))["body"]), "position": position}


@router.get("/v1/public/seasons/{season}/rulebook", tags=["public"], summary="Show a season's rulebook")
async def show_rulebook(here: Here, season: SeasonPath, at_least: AtLeast = None) -> Json:
    """Show the newest rulebook whole, its hash, and where every value comes from or that it is assumed."""
    position = await _position(here, "seasons", at_least)
    row = await _season(here, season)
    content = orjson.loads(row["rulebook"])
    body = orjson.loads(row["body"])
    marks = {path: _mark(mark) for path, mark in provenance(Rulebook.from_content(content)).items()}
    return {
        "season": season,
        "version": body["version"],
        "hash": body["hash"],
        "content": content,
        "provenance": marks,
        "position": position,
    }


async def _season(here: Service, season: str) -> Any:
    row = await here.pool.fetchrow(SQL["season"], season)
    if row is None:
        raise not_found(Text("There is no such season.", "Tidak ada musim itu."))
    return row


def _mark(mark: Source | Assumed) -> Json:
    return (
        {"assumed": True} if isinstance(mark, Assumed) else {"source": mark.model_dump(mode="json", exclude_none=True)}
    )


_STANDINGS: Final[dict[Standing, Json]] = {
    "provisional": {"standing": "provisional", "label": {"id": "Sementara", "en": "Provisional"}},
    "final": {"standing": "final", "label": {"id": "Final", "en": "Final"}},
}


@router.get("/v1/public/results/{season}", tags=["public"], summary="List announced results")
async def list_results(
    request: Request, here: Here, paged: Paged, season: SeasonPath, at_least: AtLeast = None
) -> Json:
    """List announced results in the order of their announcement: ranks, candidates, outcomes, sample marks, digest.

    A result is provisional (Sementara) until its appeal window has ended.
    """
    listing = f"results/{season}"
    after = paged.after(listing, a_moment, str, str)
    position = await _position(here, "results", at_least)
    rows = await here.pool.fetch(SQL["results"], season, *(after or (None, None, None)), paged.limit + 1)
    now: datetime = request.app.state.clock.now()
    page = page_of(
        rows, paged, listing, lambda row: (instant(row["announced"]), row["grp"], row["id"]), position=position
    )
    items = [
        {**orjson.loads(row["body"]), **_STANDINGS[standing_at(row["appeals_until"], now)]} for row in page["items"]
    ]
    return {**page, "season": season, "items": items}


def _bodies(page: Json) -> Json:
    """Return a page of rows as a page of their documents."""
    return {**page, "items": [orjson.loads(row["body"]) for row in page["items"]]}
