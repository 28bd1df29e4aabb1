"""What came of a sealed rank: what parted it from equals, who voted how, what was decided, announced and appealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from services.audit.checks.ties import broken
from services.audit.checks.verdicts import corrections, parted_ranks
from services.audit.explain.gathered import Gathered
from services.audit.explain.sources import cited
from services.audit.meetings import Decided, Kept
from services.audit.recompute import StageRules, aggregate, ratio, rounded
from services.audit.record import award_of, ranking_of
from services.audit.replay.past import FOREVER
from services.audit.replay.standings import point_text

Json = Mapping[str, Any]


def ties_of(gathered: Gathered, seal: Kept, row: Json) -> dict[str, Any] | None:
    """Return who had the same total, by which rule they were parted, and what people decided on who remained tied."""
    if "total" not in row:
        return None
    equal = [one for one in seal.data["standings"] if one["total"] == row["total"]]
    if len(equal) == 1:
        return None
    places = parted_ranks(
        seal.data["standings"], [one["order"] for one in broken(gathered.record, seal.id, FOREVER)], ()
    )
    return {
        "equals": [
            {
                "nomination": one["nomination"],
                "candidate": one["candidate"],
                "rank": one["rank"],
                "shared": one["shared"],
                "parted_by": one.get("tie"),
                "place": places[one["nomination"]],
            }
            for one in equal
        ],
        "by_people": [_broken(gathered, one) for one in _tie_decisions(gathered, seal, row)],
    }


def _tie_decisions(gathered: Gathered, seal: Kept, row: Json) -> Iterator[Decided]:
    for one in _decided_on(gathered, seal):
        asked = one.motion.opened if one.motion else None
        if asked is not None and asked.name == "TieMotionOpened" and row["nomination"] in asked.data["order"]:
            yield one


def _broken(gathered: Gathered, decided: Decided) -> dict[str, Any]:
    said = decided.motion.opened.data if decided.motion else {}
    names = ("rank", "order", "method", "seed")
    told = {name: said[name] for name in names if said.get(name) is not None}
    return {**told, **_decision(gathered, decided)}


def _decided_on(gathered: Gathered, seal: Kept) -> list[Decided]:
    found = [one for one in gathered.record.decisions() if one.event.data.get("seal") == seal.id]
    return sorted(found, key=lambda one: (one.event.time, one.event.point))


def decisions_of(gathered: Gathered, seal: Kept) -> Iterator[dict[str, Any]]:
    """Yield what was decided on who advances, with the votes; and what of it concerns the nominee."""
    for one in _decided_on(gathered, seal):
        asked = one.motion.opened if one.motion else None
        if asked is None or asked.name != "MotionOpened":
            continue
        side = next((name for name in ("advancing", "eliminated") if gathered.nomination in asked.data[name]), None)
        yield {"proposed": side, **_decision(gathered, one), "announced": _announced(gathered, one)}


def _decision(gathered: Gathered, decided: Decided) -> dict[str, Any]:
    data = decided.event.data
    said = gathered.votes.get((data["plenary"], data["motion"]), ())
    votes = [
        {"office": one.data["office"], "member": one.data["person"], "vote": one.data["vote"], **cited(one)}
        for one in said
        if one.name == "VoteCast"
    ]
    paper = [cited(one) for one in said if one.name in ("BallotTallied", "BallotConfirmed")]
    return {
        "decision": cited(decided.event),
        "outcome": data["outcome"],
        "tally": dict(data["tally"]),
        "quorum": dict(data["quorum"]),
        "rulebook_version": data["rulebook_version"],
        "votes": votes,
        "paper": paper,
        "results": list(_results(gathered, decided)),
    }


def _results(gathered: Gathered, decided: Decided) -> Iterator[dict[str, Any]]:
    for point in decided.results:
        event = gathered.record.caused.get(point)
        if event is None:
            yield {"event": point_text(point), "here": False}
        elif event.data.get("nomination") == gathered.nomination:
            names = ("rank", "reason", "prize")
            yield {**cited(event), **{name: event.data[name] for name in names if event.data.get(name) is not None}}


def _announced(gathered: Gathered, decided: Decided) -> list[dict[str, Any]]:
    found = []
    for event in gathered.record.of(award_of(decided.at), "RankingAnnounced"):
        data = event.data
        if (data["plenary"], data["motion"]) != (decided.event.data["plenary"], decided.event.data["motion"]):
            continue
        lines = [dict(line) for line in data["lines"] if line["nomination"] == gathered.nomination]
        found.append({**cited(event), "lines": lines, "appeals_until": data.get("appeals_until")})
    return found


def appeals_of(gathered: Gathered, at: Json) -> Iterator[dict[str, Any]]:
    """Yield the appeals against a decision on a stage: the nominee's own, and those that changed its place."""
    record, nomination = gathered.record, gathered.nomination
    lodged = [one for one in record.kind("appeal", "AppealLodged") if one.data["at"] == at]
    for event in sorted(lodged, key=lambda one: (one.time, one.point)):
        decided = record.of(event.point.stream, "AppealDecided")
        verdict = decided[0] if decided else None
        shifts = (
            [dict(one) for one in (verdict.data.get("comparison") or ()) if one["nomination"] == nomination]
            if (verdict)
            else []
        )
        own = event.data["nomination"] == nomination
        if not own and not any(one["change"] != "none" for one in shifts):
            continue
        yield {
            "appeal": event.data["appeal"],
            "own": own,
            "by": event.data["nomination"],
            "aspect": event.data.get("aspect"),
            "lodged": cited(event),
            "decided": None if verdict is None else cited(verdict),
            "outcome": None if verdict is None else verdict.data["verdict"]["outcome"],
            "figures": [] if verdict is None else [dict(one) for one in verdict.data["verdict"].get("figures", ())],
            "shift": shifts[0] if shifts else None,
            "arithmetic": None if verdict is None else _arithmetic(gathered, verdict),
            "heard": None if verdict is None else _heard(gathered, verdict),
            "counts": verdict is not None and _counts(gathered, verdict),
        }


def _heard(gathered: Gathered, verdict: Kept) -> dict[str, Any] | None:
    """Return the meeting's decision on an appeal, with who voted how, and what of it concerns the nominee."""
    place = (verdict.data["plenary"], verdict.data["motion"])
    for one in gathered.record.decisions():
        if (one.event.data["plenary"], one.event.data["motion"]) == place:
            return {**_decision(gathered, one), "announced": _announced(gathered, one)}
    return None


def _arithmetic(gathered: Gathered, verdict: Kept) -> dict[str, Any] | None:
    """Add up what the nominee's figures give after a verdict; None when it stands nowhere then."""
    seals = gathered.record.of(ranking_of(verdict.data["at"]), "RankingSealed")
    seal = next((one for one in seals if one.id == verdict.data["seal"]), None)
    rows = [one for one in verdict.data.get("standings") or () if one["nomination"] == gathered.nomination]
    if seal is None or not rows:
        return None
    rules = gathered.record.rules(seal.data["at"]["season"], seal.data["rulebook_version"]).ranking(seal.data["at"])
    whole = sum((one.weight for one in rules.aspects), Fraction(0))
    figures = {one["aspect"]: Fraction(one["value"]) for one in rows[0]["aspects"]}
    terms = [(one.weight / whole, figures[one.code]) for one in rules.aspects if one.code in figures]
    total = sum((share * figure for share, figure in terms), Fraction(0))
    shown = rounded(total, rules.places, rules.rounding)
    return {
        "terms": [[ratio(share), ratio(figure)] for share, figure in terms],
        "total": ratio(total),
        "shown": shown,
        "rounding": {"places": rules.places, "mode": rules.rounding},
        "set": list(_set_anew(gathered, verdict, rules)),
        "agrees": (ratio(total), shown) == (rows[0]["total"], rows[0]["shown"]),
    }


def _set_anew(gathered: Gathered, verdict: Kept, rules: StageRules) -> Iterator[dict[str, Any]]:
    """Yield the figures that a verdict set for the nominee: stated, or taken together from the marks that it names."""
    if verdict.data["nomination"] != gathered.nomination:
        return
    for figure in verdict.data["verdict"].get("figures", ()):
        marks = sorted(Fraction(one) for one in figure.get("marks") or ())
        value = aggregate(rules, marks) if marks else Fraction(figure["value"])
        yield {"aspect": figure["aspect"], "method": rules.method if marks else None, "figure": ratio(value)}


def _counts(gathered: Gathered, verdict: Kept) -> bool:
    """Tell whether the standings of a verdict are those that count now."""
    upheld = corrections(gathered.record, verdict.data["seal"], FOREVER)
    return bool(upheld) and upheld[-1].id == verdict.id
