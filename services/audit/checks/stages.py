"""The order of stages: nothing is decided while an appeal holds it, or the stage before can still be contested."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.audit.checks.telling import Fault, after, before, told
from services.audit.meetings import Decided, Kept
from services.audit.record import Record, award_of
from services.audit.rules import Rules

Json = Mapping[str, Any]


def held_faults(at: Json, moment: str, record: Record) -> Iterator[str]:
    """Check that no appeal certainly held a stage at a moment."""
    for frozen, until in holds(at, record):
        if frozen.time <= before(moment) and (until is None or after(moment) <= until.time):
            yield f"the appeal {frozen.data['appeal']} held the stage"


def holds(at: Json, record: Record) -> Iterator[tuple[Kept, Kept | None]]:
    """Yield what froze a stage, with what let it go again."""
    freezes = record.of(award_of(at), "StageFrozen", "StageUnfrozen")
    for frozen in freezes:
        if frozen.name == "StageFrozen" and at in frozen.data["stages"]:
            ends = [one for one in freezes if one.name == "StageUnfrozen" and _same(one, frozen)]
            yield frozen, ends[0] if ends else None


def _same(one: Kept, frozen: Kept) -> bool:
    later = one.point.version > frozen.point.version
    return bool(later and one.data["appeal"] == frozen.data["appeal"])


def upstream_faults(decided: Decided, rules: Rules, record: Record) -> Iterator[str]:
    """Check that every place's decision that leads to a stage was announced, and could be appealed against no more."""
    if not rules.content["appeals"]["freezes_downstream"]:
        return
    earlier: list[Json] = []
    for one in record.decisions():
        leads = one.carried and proposes(one) and leads_to(one.at, decided.at, rules)
        if leads and one.event.time <= before(decided.event.time) and one.at not in earlier:
            earlier.append(one.at)
    for at in earlier:
        yield from _announced_faults(at, decided.event.time, record)


def proposes(decided: Decided) -> bool:
    """Tell whether a decision is one on who advances, of a meeting that was convened."""
    asked = decided.motion is not None and decided.motion.opened.name == "MotionOpened"
    return asked and decided.convened is not None


def leads_to(earlier: Json, at: Json, rules: Rules) -> bool:
    """Tell whether the best of one stage enter another."""
    if (earlier["season"], earlier["category"]) != (at["season"], at["category"]):
        return False
    known = {(one["tier"], one["code"]) for one in rules.content["stages"] if one["category"] == at["category"]}
    return (earlier["tier"], earlier["stage"]) in known and rules.following(earlier) == at


def _announced_faults(at: Json, moment: str, record: Record) -> Iterator[str]:
    known = [one for one in record.of(award_of(at), "RankingAnnounced", "DecisionReviewed") if one.data["at"] == at]
    announced = [one for one in known if one.name == "RankingAnnounced"]
    name = "/".join(at[part] for part in ("tier", "province", "category", "stage"))
    if not any(one.time <= after(moment) for one in announced):
        yield f"the stage before, {name}, was not announced"
    certain = {"RankingAnnounced": after(moment), "DecisionReviewed": before(moment)}
    if awaits_verdict(one for one in known if one.time <= certain[one.name]):
        yield f"a verdict on the stage before, {name}, was not announced"
    windows = [one.data.get("appeals_until") for one in announced if one.time <= before(moment)]
    last = max((until for until in windows if until is not None), default="")
    if moment <= last:
        yield f"the stage before, {name}, could be appealed against until {last}"


def awaits_verdict(events: Iterable[Kept]) -> bool:
    """Tell whether, by an award's events in their order, a verdict corrected a result and was not announced then."""
    due: set[str] = set()
    for event in events:
        if event.name == "RankingAnnounced":
            due.discard(event.data["seal"])
        elif event.name == "DecisionReviewed" and event.data["outcome"] == "upheld":
            due.add(event.data["seal"])
    return bool(due)


def frozen_faults(record: Record) -> Iterator[Fault]:
    """Check that nothing was sealed, tabled or announced at a stage that an appeal held."""
    for seal in record.seals.values():
        yield from told("seal", seal.place, _sealed_faults(seal, record))
    for announced in record.kind("award", "RankingAnnounced"):
        found = held_faults(announced.data["at"], announced.time, record)
        yield from told("announcement", announced.place, found)


def frozen_remarks(record: Record) -> Iterator[Fault]:
    """Tell which seals were made while an appeal held their stage of which scoring had not heard.

    Scoring hears of an appeal when it is delivered, and a seal names the award's version that it saw. Until it hears it
    seals honestly, and the seal waits with its stage: no decision rests on it before the appeal is decided.
    """
    for seal in record.seals.values():
        yield from told("late", seal.place, _unheard(seal, record))


def _sealed_faults(seal: Kept, record: Record) -> Iterator[str]:
    seen = _seen(seal)
    for frozen, until in holds(seal.data["at"], record):
        if frozen.point.version <= seen and (until is None or seen < until.point.version):
            yield f"the appeal {frozen.data['appeal']} held the stage"


def _unheard(seal: Kept, record: Record) -> Iterator[str]:
    seen = _seen(seal)
    for frozen, until in holds(seal.data["at"], record):
        goes_on = until is None or after(seal.time) <= until.time
        if seen < frozen.point.version and frozen.time <= before(seal.time) and goes_on:
            yield f"scoring sealed without having heard of the appeal {frozen.data['appeal']}, which held the stage"


def _seen(seal: Kept) -> int:
    """Return the version of the stage's award that a seal saw, 0 for a seal that names none."""
    streams = {point["stream"]: point["version"] for point in seal.data["basis"]["streams"]}
    return int(streams.get(award_of(seal.data["at"]), 0))
