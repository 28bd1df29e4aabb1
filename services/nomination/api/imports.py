"""Nominating from a spreadsheet over HTTP: a file in, a report per row out, one append for all good rows."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from kernel.canonical import Json
from kernel.commands import Receipt
from kernel.decider import FieldFault, Refusal, Text
from kernel.http import Intake
from kernel.problems import Problem, refused, unsupported_media_type
from kernel.reads import Here
from schemas.envelope import SeasonCode
from services.nomination.api.parts import SecretariatCommand
from services.nomination.api.persons import People, register_of
from services.nomination.domain.importing import (
    BAD_ROWS,
    CellFault,
    Imported,
    ImportList,
    Mode,
    Outcome,
    contacts_of,
)
from services.nomination.domain.spreadsheet import MEDIA_TYPES, MOST_BYTES, Line, lines_of
from services.nomination.programs import nominations as programs
from services.nomination.rights import provinces_of
from services.nomination.spreadsheets import Unreadable, read_rows

router = APIRouter()

_ROUTE: Final = "/v1/nominations/import"
INTAKE: Final = Intake("POST", _ROUTE, MOST_BYTES, MEDIA_TYPES)
_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES},
    },
}


@router.post(_ROUTE, tags=["nominations"], summary="Nominate from a spreadsheet", openapi_extra=_REQUEST)
async def import_nominations(
    *,
    here: Here,
    people: People,
    command: SecretariatCommand,
    request: Request,
    season: Annotated[SeasonCode, Query(description="The season that all rows are for.")],
    mode: Annotated[Mode, Query(description="Whether one bad row stops all, or is left out.")] = "all-or-nothing",
    dry_run: Annotated[bool, Query(description="Only tell what would become of each row.")] = False,
) -> Json:
    """Nominate every good row of a CSV or XLSX of at most 2 MiB and 2,000 rows, in one append.

    The report names each row as the sheet does, what became of it, and at which cell what is wrong. With
    all-or-nothing a bad row is a 422 with the same `report`, and nothing is nominated.
    """
    body = await request.body()
    lines = await asyncio.to_thread(_lines, body, _media_type(request))
    asked = ImportList(
        season=season,
        lines=lines,
        mode=mode,
        actor=command.actor,
        received=command.received,
        scopes=provinces_of(command.person, "secretariat"),
        register=await register_of(people, contacts_of(lines)),
    )
    report = _Report({"season": season, "mode": mode, "dry_run": dry_run, "file": hashlib.sha256(body).hexdigest()})
    ask, program = command.ask("secretariat"), programs.importing(asked, report.hear)
    if dry_run:
        decision = await here.executor.rehearse(ask, program)
        if isinstance(decision, Refusal) and decision.code != BAD_ROWS:
            raise refused(decision)
        return report.document()
    outcome = await here.executor.execute(ask, program)
    if isinstance(outcome, Refusal):
        problem = refused(outcome)
        # Only of its own refusal does the report tell what became of the rows; not of a key that was used before.
        problem.extra |= {"report": report.document()} if outcome.code == BAD_ROWS else {}
        raise problem
    report.settle(outcome)
    return {**report.document(), "command": outcome.command, "time": outcome.time, "position": outcome.position}


def _media_type(request: Request) -> str:
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in MEDIA_TYPES:
        raise unsupported_media_type(MEDIA_TYPES)
    return declared


def _lines(body: bytes, media_type: str) -> tuple[Line, ...]:
    """Return the lines of a file; raise a 422 that says what is wrong with the whole of it."""
    try:
        found = lines_of(read_rows(body, media_type))
    except Unreadable as unreadable:
        raise _unreadable((unreadable.fault,)) from None
    lines = tuple(each for each in found if isinstance(each, Line))
    faults = tuple(each for each in found if isinstance(each, FieldFault))
    if faults:
        raise _unreadable(faults)
    return lines


def _unreadable(faults: tuple[FieldFault, ...]) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "sheet-unreadable",
        Text("The file cannot be read as a list of nominations", "Berkas tidak dapat dibaca sebagai daftar usulan"),
        Text("See `errors` for each cell and what to do.", "Lihat `errors` untuk tiap sel dan perbaikannya."),
        errors=faults,
    )


# --- the report ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Report:
    """What became of every row, as it was decided last."""

    about: Json
    outcomes: tuple[Outcome, ...] = field(default=())

    def hear(self, imported: Imported) -> None:
        """Keep the latest outcomes; a decision that met a conflict is taken anew."""
        self.outcomes = imported.outcomes

    def settle(self, receipt: Receipt) -> None:
        """Tell of no row as nominated that is not in the receipt: of a repeated command it is the first one's."""
        written = {event.stream for event in receipt.events}
        self.outcomes = tuple(
            outcome if outcome.stream is None or outcome.stream in written else outcome.skipped()
            for outcome in self.outcomes
        )

    def document(self) -> Json:
        """Return the report as JSON values, both languages side by side."""
        counts = dict.fromkeys(("nominated", "already", "bad", "skipped"), 0)
        for outcome in self.outcomes:
            counts[outcome.status] += 1
        return {**self.about, "counts": counts, "rows": [_row(outcome) for outcome in self.outcomes]}


def _row(outcome: Outcome) -> Json:
    row: Json = {"row": outcome.number, "status": outcome.status}
    if outcome.settled is not None:
        candidate = outcome.settled.candidate
        row |= {"nomination": outcome.settled.nomination, "candidate": candidate.name, "code": candidate.code}
        row["category"] = outcome.settled.entry.category
    if outcome.standing is not None:
        row["standing"] = outcome.standing
    return row | {"errors": [_fault(fault) for fault in outcome.faults]}


def _fault(fault: CellFault) -> Json:
    return {
        "code": fault.code,
        "cell": fault.cell,
        "heading": fault.heading,
        "value": fault.value,
        "message": {"id": fault.why.id, "en": fault.why.en},
        "remedy": {"id": fault.remedy.id, "en": fault.remedy.en},
    }
