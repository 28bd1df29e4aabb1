"""Seasons over HTTP: opened with their rulebooks by the administrator, shown to everybody."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import StringConstraints

from kernel.canonical import Json
from kernel.decider import FieldFault, Text
from kernel.paging import Paged, page_of
from kernel.problems import invalid, not_found
from kernel.service import Service
from schemas.rulebook import Assumed, Rulebook, Source, provenance
from schemas.rulebook_file import read_rulebook
from services.nomination.api.parts import (
    SQL,
    AdminCommand,
    AtLeast,
    Body,
    Here,
    SeasonPath,
    bodies_of,
    named,
    position_of,
)
from services.nomination.programs import seasons as programs

router = APIRouter()


class SeasonBody(Body):
    """A season's rulebook, as the text of its YAML file."""

    rulebook: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


@router.post("/v1/seasons", tags=["seasons"], summary="Open a season with its rulebook")
async def open_season(here: Here, command: AdminCommand, body: SeasonBody) -> Json:
    """Open the season that the rulebook names and publish the rulebook, both or neither."""
    # Reading a file with all its checks takes a while; other requests go on meanwhile.
    program = programs.opening(await asyncio.to_thread(_rulebook, body.rulebook))
    return named(await here.executor.execute(command.ask("season-admin"), program), "season")


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


@router.get("/v1/public/seasons", tags=["public"], summary="List open seasons")
async def list_seasons(here: Here, paged: Paged, at_least: AtLeast = None) -> Json:
    """List the seasons with calendar and categories."""
    after = paged.after("seasons", str)
    position = await position_of(here, "seasons", at_least)
    rows = await here.pool.fetch(SQL["seasons"], after and after[0], paged.limit + 1)
    return bodies_of(page_of(rows, paged, "seasons", lambda row: (row["id"],), position=position))


@router.get("/v1/public/seasons/{season}", tags=["public"], summary="Show a season")
async def show_season(here: Here, season: SeasonPath, at_least: AtLeast = None) -> Json:
    """Show a season's title, calendar, categories, and the versions of its rulebook with their hashes."""
    position = await position_of(here, "seasons", at_least)
    return {**orjson.loads((await _season(here, season))["body"]), "position": position}


@router.get("/v1/public/seasons/{season}/rulebook", tags=["public"], summary="Show a season's rulebook")
async def show_rulebook(here: Here, season: SeasonPath, at_least: AtLeast = None) -> Json:
    """Show the newest rulebook whole, its hash, and where every value comes from or that it is assumed."""
    position = await position_of(here, "seasons", at_least)
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
