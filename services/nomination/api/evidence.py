"""Evidence over HTTP: documents attached to nominations, listed, and handed out to those who see the nomination.

A document is known by the SHA-256 of its bytes. Its type is what it says and what its first bytes are, both; nothing is
looked for inside of it, and it is handed out as a download only, never to be shown as a page of ours.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath
from pydantic import AfterValidator, StringConstraints

from kernel.canonical import Json
from kernel.decider import FieldFault, Text
from kernel.http import Intake, answer
from kernel.problems import Problem, not_found, unsupported_media_type
from kernel.reads import AtLeast, Here
from schemas.envelope import Hex64, WrittenName, clean_name, no_formula
from services.nomination.api.handling import (
    HandlerCommand,
    concerned_by,
    handler_of,
    handling_office,
    told,
    visible,
)
from services.nomination.api.parts import SQL, Day, NominationPath, Reader, position_of
from services.nomination.domain.handling import AttachEvidence, EvidenceKind, MediaType
from services.nomination.programs import nominations as programs
from services.nomination.rights import may_see_nomination
from services.nomination.texts import digest_of_reason

router = APIRouter()

_ROUTE: Final = "/v1/nominations/{nomination}/evidence"
_BEGINNINGS: Final[dict[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
_ENDINGS: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
MOST_BYTES: Final = 10 * (1 << 20)
INTAKE: Final = Intake("POST", _ROUTE, MOST_BYTES, tuple(_BEGINNINGS))
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": dict.fromkeys(_BEGINNINGS, _BINARY)},
}

Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, strip_whitespace=True),
    AfterValidator(clean_name),
    AfterValidator(no_formula),
]
"""A document's title: one line of what can be seen, as every other name."""


def _media_type(request: Request, body: bytes) -> MediaType:
    """Return the type of a document when it says and is the same; raise a Problem."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _BEGINNINGS:
        raise unsupported_media_type(tuple(_BEGINNINGS))
    if not body.startswith(_BEGINNINGS[declared]):
        remedy = Text(
            f"The bytes are no {declared}: send the document as it is, with its own Content-Type.",
            f"Isi berkas bukan {declared}: kirim dokumen apa adanya dengan Content-Type yang sesuai.",
        )
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "evidence-of-another-type",
            Text("The document is not of the type that it is said to be", "Jenis dokumen tidak sesuai"),
            remedy,
            errors=(FieldFault("body", None, remedy),),
        )
    return cast("MediaType", declared)


@router.post(_ROUTE, tags=["evidence"], summary="Attach a document", openapi_extra=_REQUEST)
async def attach_evidence(
    here: Here,
    command: HandlerCommand,
    request: Request,
    nomination: NominationPath,
    kind: Annotated[EvidenceKind, Query(description="What the document is.")],
    number: Annotated[WrittenName | None, Query(description="The document's own number.")] = None,
    dated: Annotated[Day | None, Query(description="The document's own date.")] = None,
    title: Annotated[Title | None, Query(description="Kept beside the events, where it can be erased by law.")] = None,
) -> Json:
    """Attach a PDF, PNG or JPEG of at most 10 MiB, by the nominating body or the contact; once per nomination."""
    body = await request.body()
    media_type = _media_type(request, body)
    digest = hashlib.sha256(body).hexdigest()
    attaching = AttachEvidence(
        nomination=nomination,
        handler=handler_of(command.person),
        evidence=digest,
        media_type=media_type,
        size=len(body),
        kind=kind,
        number=number,
        dated=dated,
        title_digest=None if title is None else await digest_of_reason(here, command, title),
    )

    async def keep() -> None:
        await here.pool.execute(SQL["keep_evidence"], digest, media_type, body)

    office = await handling_office(here, command.person, nomination)
    outcome = await here.executor.execute(command.ask(office), programs.attaching(attaching, keep))
    return {**answer(outcome), "evidence": digest}


@router.get(_ROUTE, tags=["evidence"], summary="List a nomination's documents")
async def list_evidence(here: Here, person: Reader, nomination: NominationPath, at_least: AtLeast = None) -> Json:
    """List what is attached to a nomination, in the order of attachment, with titles that were not erased."""
    position = await position_of(here, "nominations", at_least, person)
    (shown,) = await told(here, [await visible(here, person, nomination)])
    return {"nomination": nomination, "items": shown["evidence"], "position": position}


@router.get(
    "/v1/evidence/{sha256}",
    tags=["evidence"],
    summary="Download a document",
    response_class=Response,
    responses={200: {"content": dict.fromkeys(_BEGINNINGS, _BINARY)}, 304: {"description": "It is known already."}},
)
async def download(
    here: Here,
    person: Reader,
    sha256: Annotated[Hex64, InPath(description="SHA-256 of the document, in small hex.")],
    known: Annotated[str | None, Header(alias="If-None-Match", max_length=1000)] = None,
    at_least: AtLeast = None,
) -> Response:
    """Hand out a document to those who may see a nomination that cites it."""
    await position_of(here, "nominations", at_least, person)
    citing = await here.pool.fetch(SQL["nominations_citing"], sha256)
    if not any(may_see_nomination(person, row["id"], concerned_by(row)) for row in citing):
        raise not_found(
            Text("No nomination in your places cites it.", "Tidak ada usulan di wilayah Anda yang mengutipnya.")
        )
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, no-cache"}
    kept = await here.pool.fetchval(SQL["has_evidence"], sha256)
    if kept and known is not None and (f'"{sha256}"' in known or known.strip() == "*"):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    row = await here.pool.fetchrow(SQL["evidence"], sha256)
    if row is None:
        raise not_found(Text("The document was removed by law.", "Dokumen ini telah dihapus menurut hukum."))
    name = f"{sha256[:16]}.{_ENDINGS[row['media_type']]}"
    headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(row["body"], media_type=row["media_type"], headers=headers)
