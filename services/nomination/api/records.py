"""What is known before a meeting and said after it: the secretary's checklist, the minutes and their corrigenda."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, StringConstraints

from kernel.canonical import Json
from kernel.commands import Executor
from kernel.decider import Aggregate, Text
from kernel.log import read_stream, recorded
from kernel.persons import with_names
from kernel.problems import forbidden, not_found
from kernel.reads import Here
from kernel.service import Service
from kernel.tokens import Person, require
from schemas.envelope import clean_text
from services.nomination.api.documents import Press
from services.nomination.api.meeting import PLENARY, InMeeting, roll_of
from services.nomination.api.naming import persons_in
from services.nomination.api.parts import SQL, Body, MeetingCommand, PlenaryPath, Reader
from services.nomination.domain.checklist import checklist
from services.nomination.domain.committee import committee_stream
from services.nomination.domain.correcting import CorrectMinutes
from services.nomination.domain.nomination import NOMINATION, candidate_of, nomination_stream
from services.nomination.domain.plenary import NotConvened, Plenary, Setting, plenary_stream
from services.nomination.domain.season import SEASON, known, season_stream
from services.nomination.programs import plenaries as programs
from services.nomination.programs.loading import evidence_of, meeting_of, with_ahead
from services.nomination.projections.minutes_read import (
    Point,
    Sources,
    minutes_of,
    named_points,
    nominations_in,
    record_of,
)
from services.nomination.rights import acts_for, may_see
from services.nomination.texts import digest_of_reason

router = APIRouter()

S = TypeVar("S")
Preparer = Annotated[Person, Depends(require("secretary", "chair", "auditor"))]
_NO_SUCH_PLENARY = Text("There is no such plenary in your places.", "Tidak ada sidang itu di wilayah Anda.")


class CorrigendumBody(Body):
    """What is corrected; kept beside the events, where it can be erased by law."""

    text: Annotated[
        str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), AfterValidator(clean_text)
    ]


class _Reading:
    """Loads states for a read: as they are now, with nothing to guard."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def load(self, aggregate: Aggregate[S], stream: str, *, guard: bool = True) -> S:
        """Return the folded state of a stream."""
        del guard
        return await self._executor.state(aggregate, stream)

    def version(self, stream: str) -> int:
        """Return 0: a read appends nothing."""
        del stream
        return 0


@router.post(f"{PLENARY}/corrigenda", tags=["plenaries"], summary="Correct the minutes")
async def correct_minutes(here: Here, command: MeetingCommand, meeting: InMeeting, body: CorrigendumBody) -> Json:
    """Add a numbered corrigendum to the minutes, by the secretary; the meeting may be over by then."""
    digest = await digest_of_reason(here, command, body.text)
    return await meeting.do(programs.correcting(CorrectMinutes(meeting.plenary, digest, meeting.actor)))


@router.get(f"{PLENARY}/checklist", tags=["plenaries"], summary="Show what a plenary still lacks")
async def show_checklist(request: Request, here: Here, press: Press, person: Preparer, plenary: PlenaryPath) -> Json:
    """Show for every item of the agenda what is in order, what is not, and what to do next.

    It is for the secretary and the chair of the meeting's place, and for auditors. Sheets that are not filed yet are in
    scoring's checklist of each ranking. `persons` has the names that identity knows.
    """
    reading = _Reading(here.executor)
    meeting, state, committee = await meeting_of(reading, plenary)
    season = known(state)
    if isinstance(meeting, NotConvened) or season is None or not may_see(person, meeting.province, meeting.season):
        raise not_found(_NO_SUCH_PLENARY)
    _check_prepares(person, meeting)
    setting = Setting(meeting, season, season.rulebook.body(meeting.body), committee)
    roll = await roll_of(here, plenary)
    evidence = {
        item: await with_ahead(reading, meeting, item, roll, await evidence_of(reading, meeting, item, roll))
        for item in meeting.agenda
    }
    told = checklist(setting, evidence, request.app.state.clock.now())
    return await with_names(press.directory, told, persons_in(told))


def _check_prepares(person: Person, meeting: Plenary) -> None:
    """Refuse who neither prepares nor audits the place's meetings."""
    prepares = any(acts_for(person, role, meeting.season, meeting.province) for role in ("secretary", "chair"))
    if prepares or person.throughout("auditor", meeting.season):
        return
    raise forbidden(
        Text(
            "A plenary's checklist is for its secretary, its chair and auditors.",
            "Daftar periksa sidang hanya untuk sekretaris, ketua, dan auditor.",
        )
    )


@router.get(f"{PLENARY}/minutes", tags=["plenaries"], summary="Show the minutes of a plenary")
async def show_minutes(here: Here, press: Press, person: Reader, plenary: PlenaryPath) -> Json:
    """Show all that a meeting's minutes (berita acara) say, from the log, and the head that a print is checked against.

    Persons are ids; `persons` has the names that identity knows.
    """
    async with here.pool.acquire() as connection:
        meeting = await read_stream(connection, plenary_stream(plenary))
        if not meeting or not may_see(person, meeting[0].data["province"], meeting[0].data["season"]):
            raise not_found(_NO_SUCH_PLENARY)
        record = record_of(meeting)
        committee = await read_stream(connection, committee_stream(record["season"], record["province"]))
        points = named_points(record)
        rows = await connection.fetch(SQL["events_at"], [one[0] for one in points], [one[1] for one in points])
        digests = [one["text_digest"] for one in record["corrigenda"]]
        texts = {row["digest"]: dict(row) for row in await connection.fetch(SQL["texts_by_digest"], digests)}
    named: dict[Point, Any] = {(event.stream, event.version): event for event in map(recorded, rows)}
    candidates = await _candidates(here, nominations_in(record, named))
    season = known(await here.executor.state(SEASON, season_stream(record["season"])))
    if season is None:
        raise not_found(_NO_SUCH_PLENARY)
    minutes = minutes_of(meeting, season.rulebook, Sources(committee, named, texts, candidates))
    return await with_names(press.directory, minutes, persons_in(minutes))


async def _candidates(here: Service, nominations: set[str]) -> dict[str, Json]:
    """Return code and official name of candidates by nomination."""
    found: dict[str, Json] = {}
    for nomination in sorted(nominations):
        candidate = candidate_of(await here.executor.state(NOMINATION, nomination_stream(nomination)))
        if candidate is not None:
            found[nomination] = {"code": candidate.code, "name": candidate.name}
    return found
