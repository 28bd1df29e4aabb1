"""A stage's scoring: opened under pinned rules, extended before it closes, scored by whom was drawn, in its time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.checks.committees import Committee, Scope, committee_stream, committees_near
from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.ways import Way, way_of
from services.audit.meetings import Kept
from services.audit.recompute import ratio
from services.audit.record import COMMITTEE, Record
from services.audit.rules import Rules

Json = Mapping[str, Any]


def opening_of(record: Record, event: Kept) -> Kept | None:
    """Return what opened the stage of an event on its ranking's stream."""
    opened = record.of(event.point.stream, "ScoringOpened")
    return next((one for one in opened if one.point.version < event.point.version), None)


def deadline(record: Record, stream: str, version: int) -> str:
    """Return the last instant at which a stage receives sheets, extensions before a version of its stream included."""
    events = [one for one in record.of(stream) if one.point.version < version]
    closes = next((str(one.data["closes"]) for one in events if one.name == "ScoringOpened"), "")
    extended = [str(one.data["until"]) for one in events if one.name == "ScoringExtended"]
    return extended[-1] if extended else closes


def scoring_faults(record: Record) -> Iterator[Fault]:
    """Check every stage's stream but its seals, and that every sheet was written by whom and when it could be."""
    for stream in [one for one in record.streams if one.startswith("ranking/")]:
        closed = False
        for event in record.of(stream):
            if event.name == "ScoringOpened":
                yield from told("scoring", event.place, _opened_faults(event, record))
            elif event.name in ("ScoringExtended", "ScorersAssigned", "ScoringClosed"):
                yield from told("scoring", event.place, _running_faults(event, record, closed=closed))
            closed = closed or event.name == "ScoringClosed"
        yield from _sheets_faults(stream, record)
        yield from _readers_faults(stream, record)
        yield from _lifts_faults(stream, record)


def _opened_faults(event: Kept, record: Record) -> Iterator[str]:
    said = event.data
    if event.point.version > 1:
        yield "the stage was opened before"
    rules = record.rules(said["at"]["season"], said["rulebook_version"])
    if rules.hash != said["rulebook_hash"]:
        yield "`rulebook_hash` is not that of the rulebook's version"
    if (said["opens"], said["closes"]) != rules.scoring(said["at"]):
        yield "`opens` and `closes` are not the window of the rules"
    stage = rules.stage(said["at"])
    for name in ("body", "rubric"):
        if said[name] != stage[name]:
            yield f"`{name}` is not that of the rules"
    yield from _pinned_faults(said["rules"], rules, said["at"])
    yield from _measures_faults(event, rules, record)


def _pinned_faults(pinned: Json, rules: Rules, at: Json) -> Iterator[str]:
    """Check what a stage pinned against the rulebook; what stages of before did not pin may be absent."""
    own, content = rules.ranking(at), rules.content
    whole = sum(aspect.weight for aspect in own.aspects)
    aspects = [(one.code, ratio(one.weight / whole), one.origin) for one in own.aspects]
    assignment = rules.stage(at).get("assignment") or {}
    expected = {
        "method": own.method,
        "trim": own.trim,
        "trim_from": own.from_sheets,
        "least_sheets": own.least_sheets,
        "marks_of_removed": "counted" if own.counts_removed else "kept-uncounted",
        "tie_break": list(own.tie_break),
        "places": own.places,
        "rounding": own.rounding,
        "conflict_scope": content["conflicts"]["scope"],
        "scoring_offices": rules.voting(own.body),
        "sealing_offices": list(rules.body(own.body)["seals"]),
        "per_nominee": assignment.get("per_nominee"),
    }
    for name in ("own_employer", "own_government"):
        if name in pinned:
            expected[name] = content["conflicts"][name]
    if [(one["code"], one["share"], one["origin"]) for one in pinned["aspects"]] != aspects:
        yield "its pinned aspects are not those of the rules"
    for name, value in expected.items():
        if pinned.get(name, 0 if name in ("trim", "trim_from") else None) != value:
            yield f"its pinned `{name}` is not that of the rules"


def _measures_faults(event: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check by which measure and wording measured aspects count.

    Stages pinned none before anything was measured in their season, and their nominees stayed without a figure.
    """
    at = event.data["at"]
    own = {one.code: one.measure for one in rules.ranking(at).aspects}
    for aspect in event.data["rules"]["aspects"]:
        measure, stated = own.get(aspect["code"]), (aspect.get("measure"), aspect.get("definition"))
        expected = (None, None) if measure is None else (measure, rules.definition(measure))
        if stated != expected and (stated != (None, None) or record.measured_by(at["season"], before(event.time))):
            yield f"its pinned measure of {aspect['code']} is not that of the rules"


def _running_faults(event: Kept, record: Record, *, closed: bool) -> Iterator[str]:
    """Check what happens to a stage between its opening and its close."""
    opening = opening_of(record, event)
    if opening is None:
        yield "the stage was never opened for scoring"
        return
    if closed:
        yield "the stage was closed before"
    closes = deadline(record, event.point.stream, event.point.version)
    if event.name == "ScoringClosed" and event.time <= closes:
        yield "the stage was closed before its deadline"
    if event.name == "ScoringExtended":
        if event.data["previous"] != closes:
            yield "`previous` is not the deadline until then"
        if event.data["until"] <= closes or event.data["until"] <= before(event.time):
            yield "the deadline is not extended to a later instant that is still to come"
    if event.name == "ScorersAssigned":
        yield from _draw_faults(event, opening, record)


# --- scorers drawn -------------------------------------------------------------------------------------------------


def _draw_faults(event: Kept, opening: Kept, record: Record) -> Iterator[str]:
    """Draw again from the seed, with the committee as it was then (or a few seconds before or after)."""
    wanted = opening.data["rules"].get("per_nominee")
    if event.data["per_nominee"] != wanted:
        yield "`per_nominee` is not that of the rules"
        return
    told_draw = {one["nomination"]: list(one["members"]) for one in event.data["assignments"]}
    earlier = _drawn_before(event, record)
    readers = _readers(event.point.stream, record, event.point.version)
    for committee in committees_near(record, event.data["at"], event.time):
        for moment in (event.time, before(event.time), after(event.time)):
            nominees = _competing(event.data["at"], moment, record)
            eligible = {one: _eligible(committee, opening, one, way) - readers.keys() for one, way in nominees.items()}
            if told_draw == draw(event.data["seed"], wanted, eligible, earlier):
                return
    yield "its assignments are not what the seed draws from the committee"


def _drawn_before(event: Kept, record: Record) -> dict[str, set[str]]:
    drawn: dict[str, set[str]] = {}
    for one in record.of(event.point.stream, "ScorersAssigned"):
        if one.point.version < event.point.version:
            for assignment in one.data["assignments"]:
                drawn.setdefault(assignment["nomination"], set()).update(assignment["members"])
    return drawn


def _readers(stream: str, record: Record, version: int | None = None) -> dict[str, str]:
    """Return who had seen marks of a stage, before a version of its stream, and when first."""
    found: dict[str, str] = {}
    for one in record.of(stream, "MarksSeen"):
        if version is None or one.point.version < version:
            found.setdefault(one.data["reader"], one.time)
    return found


def _competing(at: Json, moment: str, record: Record) -> dict[str, Way]:
    found: dict[str, Way] = {}
    for stream in record.streams:
        kind, _, nomination = stream.partition("/")
        if kind == "nomination":
            way = way_of(record, nomination, lambda event: event.time <= moment)
            if way is not None and way.competes_at(at):
                found[nomination] = way
    return found


def _eligible(committee: Committee, opening: Kept, nomination: str, way: Way) -> set[str]:
    pinned = opening.data["rules"]
    scope = Scope(pinned["conflict_scope"] == "category", pinned.get("own_employer"), pinned.get("own_government"))
    seated = committee.holders(opening.data["body"], pinned["scoring_offices"])
    category = opening.data["at"]["category"]
    return {
        member
        for member in seated
        if all(one["flagged"] for one in committee.grounds(scope, member, category, nomination, way.candidate))
    }


def draw(
    seed: str, wanted: int, eligible: Mapping[str, set[str]], drawn: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    """Return whom a draw adds: nominees in the order of their hashes, each taking the least loaded, then by hash."""
    serving = {nomination: drawn.get(nomination, set()) & members for nomination, members in eligible.items()}
    loads: dict[str, int] = {}
    for members in serving.values():
        for member in members:
            loads[member] = loads.get(member, 0) + 1
    added: dict[str, list[str]] = {}
    for nomination in sorted(eligible, key=lambda one: _hash(seed, one)):
        chosen: list[str] = []
        left = eligible[nomination] - serving[nomination]
        while left and len(serving[nomination]) + len(chosen) < wanted:
            nomination_hash = {one: _hash(seed, nomination, one) for one in left}
            best = min(left, key=lambda one: (loads.get(one, 0), nomination_hash[one]))
            left.discard(best)
            loads[best] = loads.get(best, 0) + 1
            chosen.append(best)
        if chosen:
            added[nomination] = chosen
    return added


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("/".join(parts).encode()).digest()


# --- sheets --------------------------------------------------------------------------------------------------------


def _sheets_faults(stream: str, record: Record) -> Iterator[Fault]:
    """Check when sheets were written, and that where scorers are drawn only they wrote."""
    opened = record.of(stream, "ScoringOpened")
    if not opened:
        return
    last = after(_latest(record, stream))
    closed = next((one.time for one in record.of(stream, "ScoringClosed")), None)
    until = last if closed is None else min(last, after(closed))
    assigned = record.of(stream, "ScorersAssigned")
    draws = opened[0].data["rules"].get("per_nominee") is not None
    readers = _readers(stream, record)
    for sheet in record.sheets.get(stream, {}).values():
        if sheet.first is None or sheet.last is None:
            continue
        if any(one.status == "submitted" and not any(_given(one.marks)) for one in sheet.snapshots):
            yield "sheet", sheet.last.place, "it was handed in without a mark, or left without one"
        if sheet.first.time < opened[0].data["opens"]:
            yield "sheet", sheet.first.place, "it was written on before the stage was open for sheets"
        if sheet.last.time > until:
            yield "sheet", sheet.last.place, "it was written on after the stage's deadline"
        if sheet.member in readers and sheet.last.time > after(readers[sheet.member]):
            yield "sheet", sheet.last.place, "its member had seen marks of the stage before"
        if draws and not _was_drawn(sheet.nomination, sheet.member, assigned, after(sheet.first.time)):
            yield "sheet", sheet.first.place, "its member was not drawn for this nominee"


def _given(marks: Mapping[str, str | None]) -> Iterator[bool]:
    return (mark is not None for mark in marks.values())


def _readers_faults(stream: str, record: Record) -> Iterator[Fault]:
    """Check that who had seen marks before the seal changed nothing of the committee by which marks fall out.

    An interest of one's own may be declared at any time. The recorded times decide, without any allowance: what came
    before nomination had heard of the look was taken there, and is what an auditor wants to know.
    """
    readers = _readers(stream, record)
    events = record.of(stream)
    sealed = next((one.time for one in events if one.name == "RankingSealed"), None)
    for event in record.of(committee_stream(events[0].data["at"]), *COMMITTEE) if readers else ():
        known = readers.get(event.actor)
        data = event.data
        if known is None or event.time <= known or (sealed is not None and event.time > sealed):
            continue
        own = event.name == "ConflictDeclared" and data["person"] == event.actor
        if not own and data.get("category") in (None, events[0].data["at"]["category"]):
            yield "committee", event.place, f"it is by somebody who had seen marks of {stream}, which was not sealed"


def _lifts_faults(stream: str, record: Record) -> Iterator[Fault]:
    """Check that no conflict by which scorers were drawn was lifted before the seal."""
    events = record.of(stream)
    drawn = [one.time for one in events if one.name == "ScorersAssigned"]
    sealed = next((one.time for one in events if one.name == "RankingSealed"), None)
    changes = record.of(committee_stream(events[0].data["at"]), "ConflictDeclared", "ConflictLifted") if drawn else []
    for lifted in [one for one in changes if one.name == "ConflictLifted"]:
        if lifted.data["category"] != events[0].data["at"]["category"]:
            continue
        earlier = [one.time for one in changes if _declares(one, lifted)]
        between = any(earlier[-1] < one <= before(lifted.time) for one in drawn) if earlier else False
        if between and (sealed is None or lifted.time < before(sealed)):
            yield "committee", lifted.place, f"it lifts a conflict by which scorers of {stream} had been drawn"


def _declares(declared: Kept, lifted: Kept) -> bool:
    """Tell whether a conflict that is lifted was declared by an event before."""
    same = all(declared.data.get(name) == lifted.data.get(name) for name in ("person", "category", "nomination"))
    return declared.name == "ConflictDeclared" and same and declared.point.version < lifted.point.version


def _latest(record: Record, stream: str) -> str:
    version = max((one.point.version for one in record.of(stream)), default=0)
    return deadline(record, stream, version + 1)


def _was_drawn(nomination: str, member: str, assigned: list[Kept], moment: str) -> bool:
    return any(
        assignment["nomination"] == nomination and member in assignment["members"]
        for one in assigned
        if one.time <= moment
        for assignment in one.data["assignments"]
    )
