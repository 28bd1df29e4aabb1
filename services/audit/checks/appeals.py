"""Appeals as they are lodged: by whom, against what, within which window, and what they hold until they are decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.ways import left_empty, ways_until
from services.audit.meetings import Kept
from services.audit.record import Record, award_of
from services.audit.rules import Rules

Json = Mapping[str, Any]


def appeals_faults(record: Record) -> Iterator[Fault]:
    """Check every appeal, and everything that awards say of appeals."""
    for stream in [one for one in record.streams if one.startswith("appeal/")]:
        yield from _stream_faults(stream, record)
    for stream in [one for one in record.streams if one.startswith("award/")]:
        yield from _award_faults(stream, record)


def _stream_faults(stream: str, record: Record) -> Iterator[Fault]:
    events = record.of(stream)
    for index, event in enumerate(events):
        if (event.name == "AppealLodged") is not (index == 0):
            yield "appeal", event.place, "an appeal is lodged once, then decided"
        elif event.name == "AppealLodged":
            yield from told("appeal", event.place, _lodged_faults(event, record))
    if len(events) > len(("AppealLodged", "AppealDecided")):
        yield "appeal", events[-1].place, "the appeal was decided before"


def _lodged_faults(lodged: Kept, record: Record) -> Iterator[str]:
    said = lodged.data
    announced = _announced(lodged, record)
    if announced is None:
        yield "the decision was not announced"
        return
    if announced.data["at"] != said["at"]:
        yield "the decision is on another stage"
    if said["nomination"] not in [line["nomination"] for line in announced.data["lines"]]:
        yield "the decision did not dispose of this nominee"
    until = announced.data.get("appeals_until")
    if until is None or before(lodged.time) > until:
        yield f"it was lodged after the window, which ended at {until or announced.time}"
    if left_empty(record, said["nomination"], before(lodged.time)):
        yield "the nomination was taken back or rejected before"
    seal = record.seals[announced.data["seal"]]
    rules = record.rules(said["at"]["season"], seal.data["rulebook_version"])
    yield from _capacity_faults(lodged, rules, record)
    aspects = [aspect.code for aspect in rules.ranking(said["at"]).aspects]
    if said.get("aspect") is not None and said["aspect"] not in aspects:
        yield f"{said['aspect']} does not count at the stage"
    yield from _marked_faults(lodged, rules, record)


def _announced(lodged: Kept, record: Record) -> Kept | None:
    """Return the announcement of the contested decision, as far as there was one."""
    said = lodged.data
    for one in record.of(award_of(said["at"]), "RankingAnnounced"):
        cites = (one.data["plenary"], one.data["motion"]) == (said["plenary"], said["motion"])
        if cites and one.time <= after(lodged.time):
            return one
    return None


def _capacity_faults(lodged: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check the contact by name; who speaks for a nominating body is identity's to know."""
    said = lodged.data
    if said["capacity"] not in rules.content["appeals"]["by"]:
        yield f"the rules let no {said['capacity']} appeal"
    if said["capacity"] != "contact":
        return
    moments = (before(lodged.time), lodged.time, after(lodged.time))
    ways = [ways_until(record, said["nomination"], moment) for moment in moments]
    if said["by"] not in [way.contact for way in ways if way is not None]:
        yield "it was not lodged by the nominee's contact"


def _marked_faults(lodged: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check that the award knows of the appeal, and that it holds all stages downstream where the rules say so."""
    said, appeal = lodged.data, lodged.data["appeal"]
    marks = [one for one in record.of(award_of(said["at"]), "DecisionContested") if one.data["appeal"] == appeal]
    expected = {name: said[name] for name in ("at", "plenary", "motion", "nomination", "appeal")}
    if len(marks) != 1 or any(marks[0].data[name] != value for name, value in expected.items()):
        yield "its award does not say that the decision is contested by it"
    downstream = rules.downstream(said["at"]) if rules.content["appeals"]["freezes_downstream"] else []
    due = {award_of(stage): [one for one in downstream if award_of(one) == award_of(stage)] for stage in downstream}
    held: dict[str, list[Json]] = {}
    for frozen in record.kind("award", "StageFrozen"):
        if frozen.data["appeal"] == appeal:
            held.setdefault(frozen.point.stream, []).extend(frozen.data["stages"])
    if held != due:
        yield "it does not hold just the stages that follow"


def _award_faults(stream: str, record: Record) -> Iterator[Fault]:
    """Check freezes, contests and reviews of an award, one after another."""
    contested: dict[str, tuple[str, str, int]] = {}
    frozen: dict[str, Kept] = {}
    number = 0
    for event in record.of(stream, "DecisionContested", "DecisionReviewed", "StageFrozen", "StageUnfrozen"):
        said = event.data
        if not record.of(f"appeal/{said['appeal']}", "AppealLodged"):
            yield "appeal", event.place, f"the appeal {said['appeal']} was never lodged"
        match event.name:
            case "DecisionContested":
                number += 1
                about = (said["nomination"], said["plenary"], said["motion"])
                if said["number"] != number or about in contested.values():
                    what = "the nominee has an open appeal against this decision, or its number is not the next"
                    yield "appeal", event.place, what
                contested[said["appeal"]] = about
            case "DecisionReviewed":
                if contested.pop(said["appeal"], None) is None:
                    yield "appeal", event.place, "no such appeal is open"
            case "StageFrozen":
                frozen[said["appeal"]] = event
            case _:
                held = frozen.pop(said["appeal"], None)
                if held is None or any(held.data[name] != said[name] for name in ("at", "stages")):
                    yield "appeal", event.place, "the appeal did not hold these stages"
