"""Printed documents over HTTP: certificates and the minutes of plenaries, as PDF."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request, Response

from kernel.decider import Text
from kernel.persons import Directory, DirectoryAway
from kernel.problems import Problem, not_found, unavailable
from kernel.reads import AtLeast, Here
from kernel.tokens import Person
from services.nomination.api.awards import CertificatePath, rules_of
from services.nomination.api.parts import SQL, PlenaryPath, Reader, position_of
from services.nomination.certificate_printed import printed_certificate
from services.nomination.documents.render import NotRendered, Renderer
from services.nomination.minutes_printed import printed_minutes
from services.nomination.rights import Concerned, may_see, may_see_nomination

router = APIRouter()

_PDF: Final = "application/pdf"
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {_PDF: {}}, "description": "The document."}}


@dataclass(frozen=True, slots=True)
class Papers:
    """What documents are made with; put into `app.state.papers` by the composition root."""

    renderer: Renderer
    directory: Directory
    public_address: str


async def _papers(request: Request) -> Papers:
    papers: Papers = request.app.state.papers
    return papers


Press = Annotated[Papers, Depends(_papers)]


@router.get(
    "/v1/certificates/{certificate}.pdf",
    tags=["certificates"],
    summary="Print a certificate",
    response_class=Response,
    responses=_RESPONSES,
)
async def print_certificate(
    here: Here, press: Press, person: Reader, certificate: CertificatePath, at_least: AtLeast = None
) -> Response:
    """Return the certificate (piagam) as PDF, for the nominee's contact, its home's people, the award's, and auditors.

    A revoked one says so across the page.
    """
    await position_of(here, "certificates", at_least, person)
    row = await here.pool.fetchrow(SQL["certificate"], certificate)
    if row is None or not _may_print(person, row):
        raise not_found(Text("There is no such certificate of yours.", "Tidak ada piagam itu untuk Anda."))
    body = orjson.loads(row["body"])
    rules = await rules_of(here, body)
    try:
        sheet = await printed_certificate(here, press.directory, body, rules, press.public_address)
    except DirectoryAway:
        raise _names_away() from None
    return _file(await _made(press.renderer.certificate(sheet)), f"piagam-{certificate}")


def _may_print(person: Person, row: asyncpg.Record) -> bool:
    season = row["season"]
    if row["home"] is None:
        return may_see(person, row["place"], season)
    concerned = Concerned(season, row["home"][:2], row["nominating_body"], row["home"], row["contact"])
    return may_see(person, row["place"], season) or may_see_nomination(person, row["nomination"], concerned)


@router.get(
    "/v1/plenaries/{plenary}/minutes.pdf",
    tags=["plenaries"],
    summary="Print a plenary's minutes",
    response_class=Response,
    responses=_RESPONSES,
)
async def print_minutes(here: Here, press: Press, person: Reader, plenary: PlenaryPath) -> Response:
    """Return the minutes (berita acara) as PDF, for people of the place and auditors; marked while it goes on."""
    held = await here.pool.fetchrow(SQL["place_of_plenary"], plenary)
    if held is None or not may_see(person, held["province"], held["season"]):
        raise not_found(Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda."))
    address = f"{press.public_address}/v1/plenaries/{plenary}/minutes.pdf"
    try:
        sheet = await printed_minutes(here, press.directory, plenary, address)
    except DirectoryAway:
        raise _names_away() from None
    if sheet is None:
        raise not_found(Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda."))
    return _file(await _made(press.renderer.minutes(sheet)), f"berita-acara-{plenary}")


def _names_away() -> Problem:
    return unavailable(
        "names-away",
        Text("Names cannot be had now", "Nama tidak dapat diambil saat ini"),
        Text(
            "Ask again in a moment; no document is made without the names of those who sign it.",
            "Ulangi sebentar lagi; dokumen tanpa nama penanda tangannya tidak dibuat.",
        ),
    )


async def _made(pdf: Awaitable[bytes]) -> bytes:
    try:
        return await pdf
    except NotRendered as error:
        raise unavailable(
            "document-not-made",
            Text("The document could not be made", "Dokumen tidak dapat dibuat"),
            Text(
                f"Ask again; if it stays so, tell an operator: {error}.", f"Ulangi, atau beri tahu operator: {error}."
            ),
        ) from None


def _file(pdf: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "private, no-store"}
    return Response(pdf, media_type=_PDF, headers=headers)
