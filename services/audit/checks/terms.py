"""Terms in office: a body formed by decree acts from the first to the last day of a term, by its place's own time.

What is done in a meeting, what a stage's verifiers find, and what scoring lets a body and its members do is held to
that. A meeting may be adjourned, its minutes corrected and its decisions announced later, and a stage be closed, which
says no more than that its deadline has passed. Scoring hears of a decree later than it is recorded, so it may refuse
what it could accept, and never accepts what no recorded decree allows: there is no honest lag to remark on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from kernel.canonical import from_instant
from services.audit.checks.scoring import opening_of
from services.audit.checks.telling import Fault, after, before, told
from services.audit.meetings import Kept, Meeting
from services.audit.record import TERM, Record

Json = Mapping[str, Any]

_OF_THE_BODY: Final = ("ScoringOpened", "ScoringExtended", "ScorersAssigned", "RankingSealed")


def terms_faults(record: Record) -> Iterator[Fault]:
    """Check that meetings were held, nominations judged, and rankings made by bodies in office."""
    for meeting in record.meetings.values():
        for place, moment in meeting.acts:
            yield from told("decision", place, _act_faults(meeting, moment, record))
    for found in record.kind("nomination", "NominationVerified", "NominationReturned", "NominationRejected"):
        yield from told("verification", found.place, _finding_faults(found, record))
    for act in record.kind("ranking", *_OF_THE_BODY):
        opening = act if act.name == "ScoringOpened" else opening_of(record, act)
        code = "seal" if act.name == "RankingSealed" else "scoring"
        if opening is not None:
            yield from told(code, act.place, _office_faults(act.data["at"], {opening.data["body"]}, act.time, record))
    yield from _sheets_faults(record)


def _sheets_faults(record: Record) -> Iterator[Fault]:
    """Check that members wrote on their sheets while their body was in office."""
    for stream, sheets in record.sheets.items():
        opened = record.of(stream, "ScoringOpened")
        if not opened:
            continue
        at, body = opened[0].data["at"], opened[0].data["body"]
        for sheet in sheets.values():
            for written in sheet.hours:
                yield from told("sheet", written.place, _office_faults(at, {body}, written.time, record))


def _act_faults(meeting: Meeting, moment: str, record: Record) -> Iterator[str]:
    if meeting.convened is not None:
        said = meeting.convened.data
        yield from _office_faults(said, {said["body"]}, moment, record)


def _finding_faults(found: Kept, record: Record) -> Iterator[str]:
    """Check what was found at a stage, whose body is told by any version of the rules that can have counted then."""
    at, moment = found.data["at"], found.time
    bodies = {rules.stage(at)["body"] for rules in record.rules_at(at["season"], before(moment), after(moment))}
    yield from _office_faults(at, bodies, moment, record)


def _office_faults(place: Json, bodies: set[str], moment: str, record: Record) -> Iterator[str]:
    """Say when none of a place's bodies was certainly in office at a moment, by a decree that was known then."""
    decrees = record.of(f"committee/{place['season']}/{place['province']}", *TERM)
    days = _days(place, moment, record)
    for decree in decrees:
        first, last = (date.fromisoformat(decree.data[name]) for name in ("term_from", "term_until"))
        known = decree.data["body"] in bodies and decree.time <= after(moment)
        if known and any(first <= day <= last for day in days):
            return
    yield f"{' or '.join(sorted(bodies))} was not in office on {max(days)}"


def _days(place: Json, moment: str, record: Record) -> set[date]:
    """Return the day of a moment in a place, and the one before when that had ended a few seconds ago."""
    possible = record.rules_at(place["season"], before(moment), after(moment))
    if not possible:
        raise LookupError(f"the season {place['season']} has no rules here")
    zones = {rules.zone(place["province"]) for rules in possible}
    return {from_instant(each).astimezone(zone).date() for zone in zones for each in (before(moment), moment)}
