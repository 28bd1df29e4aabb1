"""Verification and interviews: found in order by a member who may judge, heard in a slot of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from kernel.canonical import from_instant, instant
from services.audit.checks.committees import Committee, Scope, committees_near
from services.audit.checks.scoring import deadline
from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.ways import candidate_of, ways_until
from services.audit.meetings import Kept
from services.audit.record import Record, ranking_of
from services.audit.rules import Rules

Json = Mapping[str, Any]
_VERSIONS = 1 << 53


def verification_faults(record: Record) -> Iterator[Fault]:
    """Check every finding of a stage that verifies, and every interview."""
    for event in record.kind("nomination", "NominationVerified", "NominationReturned", "NominationRejected"):
        yield from told("verification", event.place, _finding_faults(event, record))
    for event in record.kind("nomination", "NominationResubmitted"):
        yield from told("verification", event.place, _resubmitted_faults(event, record))
    for stream in [one for one in record.streams if one.startswith("interview/")]:
        yield from _calendar_faults(stream, record)


def _rules_of(event: Kept, record: Record) -> list[Rules]:
    found = record.rules_at(event.data["at"]["season"], before(event.time), after(event.time))
    if not found:
        raise LookupError(f"the season {event.data['at']['season']} has no rules here")
    return found


def _finding_faults(event: Kept, record: Record) -> Iterator[str]:
    said = event.data
    possible = _rules_of(event, record)
    if all(rules.stage(said["at"]).get("verification") is None for rules in possible):
        yield "the stage verifies nothing"
        return
    committees = committees_near(record, said["at"], event.time)
    seated = [one for rules in possible for one in committees if _may_judge(said, rules, one, record)]
    if not seated:
        yield "its verifier held no seat that votes in this office, or was recused on the nomination"
    yield from _turn_faults(event, possible, record)


def _may_judge(said: Json, rules: Rules, committee: Committee, record: Record) -> bool:
    body = rules.stage(said["at"])["body"]
    voting = set(rules.voting(body))
    offices = committee.offices(body, said["verifier"]) & voting
    candidates = {said["nomination"]: candidate_of(record, said["nomination"])}
    recused = committee.recused(Scope.of(rules.content["conflicts"]), said["at"]["category"], candidates)
    return said["office"] in offices and said["verifier"] not in recused


def _last_finding(event: Kept, record: Record) -> Kept | None:
    names = ("NominationVerified", "NominationReturned", "NominationResubmitted", "NominationRejected")
    found = [
        one
        for one in record.of(event.point.stream, *names)
        if one.point.version < event.point.version and one.data["at"] == event.data["at"]
    ]
    return found[-1] if found else None


def _turn_faults(event: Kept, possible: list[Rules], record: Record) -> Iterator[str]:
    """Check a finding against the one before: what was handed back first has to come again, or its time be over."""
    last = _last_finding(event, record)
    name = last.name if last else ""
    lies_there = last is not None and name == "NominationReturned" and event.time <= last.data["until"]
    if event.name == "NominationVerified" and name in ("NominationVerified", "NominationReturned"):
        yield "it was verified before, or handed back and not resubmitted"
    if event.name in ("NominationReturned", "NominationRejected") and lies_there:
        yield "it lay with its nominating body, to be mended until later"
    if event.name == "NominationRejected" and name == "NominationVerified":
        yield "it was verified before"
    if event.name == "NominationReturned" and name == "NominationVerified" and _was_sealed(event, record):
        yield "it was verified, and the stage's ranking was sealed"
    if event.name == "NominationReturned":
        moments = (event.time, before(event.time))
        days = [(one, one.stage(event.data["at"]).get("verification")) for one in possible]
        province = event.data["at"]["province"]
        until = [
            rules.end_of_day(province, moment, found["days_to_mend"])
            for rules, found in days
            if found is not None
            for moment in moments
        ]
        if event.data["until"] not in until:
            yield "`until` is not the end of the days that the rules give"


def _was_sealed(event: Kept, record: Record) -> bool:
    """Tell whether the ranking of a finding's stage was certainly sealed before it."""
    return any(one.time <= before(event.time) for one in record.of(ranking_of(event.data["at"]), "RankingSealed"))


def _resubmitted_faults(event: Kept, record: Record) -> Iterator[str]:
    last = _last_finding(event, record)
    if last is None or last.name != "NominationReturned":
        yield "it was not handed back before"
    elif before(event.time) > last.data["until"]:
        yield "it was mended after its deadline"


# --- interviews ----------------------------------------------------------------------------------------------------


def _calendar_faults(stream: str, record: Record) -> Iterator[Fault]:
    """Check a body's calendar slot by slot: each of the rules' length and in the window, none over another's."""
    slots: dict[tuple[str, str], Kept] = {}
    for event in record.of(stream):
        yield from told("interview", event.place, _slot_faults(event, slots.values(), record))
        slots[event.data["nomination"], ranking_of(event.data["at"])] = event


def _slot_faults(event: Kept, taken: Any, record: Record) -> Iterator[str]:
    said, at = event.data, event.data["at"]
    possible = _rules_of(event, record)
    if all(_is_slot(said, rules, record) is not None for rules in possible):
        yield _is_slot(said, possible[0], record) or ""
    calendars = [f"interview/{at['season']}/{at['province']}/{rules.stage(at)['body']}" for rules in possible]
    if event.point.stream not in calendars:
        yield "the stage is heard by another body"
    if said["begins"] < before(event.time):
        yield "the slot had begun when it was given"
    way = ways_until(record, said["nomination"], after(event.time))
    if way is None or at not in way.path:
        yield "the nominee did not stand at the stage"
    for other in taken:
        slot = other.data
        overlaps = said["begins"] < slot["ends"] and slot["begins"] < said["ends"]
        if slot["nomination"] != said["nomination"] and overlaps and _stands(other, event, record):
            yield f"the body hears {slot['nomination']} then"


def _is_slot(said: Json, rules: Rules, record: Record) -> str | None:
    """Return what is wrong with a slot by the rules, None for one that is right."""
    at = said["at"]
    interview = rules.stage(at).get("interview")
    if interview is None:
        return "the stage hears nobody"
    length = timedelta(minutes=interview["minutes"])
    if instant(from_instant(said["begins"]) + length) != said["ends"]:
        return f"the slot is not of {interview['minutes']} minutes"
    opens, closes = rules.scoring(at)
    closes = max(closes, deadline(record, ranking_of(at), _VERSIONS))
    return None if opens <= said["begins"] and said["ends"] <= closes else "the slot is outside of the stage's window"


def _stands(other: Kept, event: Kept, record: Record) -> bool:
    """Tell whether the holder of a slot certainly stood at its stage when another was given."""
    moments = (before(event.time), after(event.time))
    ways = [ways_until(record, other.data["nomination"], moment) for moment in moments]
    return all(way is not None and way.competes_at(other.data["at"]) for way in ways)
