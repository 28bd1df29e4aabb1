"""Why a nominee has its rank at each stage, as plain JSON: marks, weights and arithmetic as exact fractions.

The figures are computed anew from the marks, by the rules of the rulebook's version that the stage pinned, and stand
beside the sealed ones, so that whoever reads can follow each step and see that they agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from services.audit.checks.measured import on_scale, pinned_measures, taken
from services.audit.checks.scoring import opening_of
from services.audit.checks.ways import candidate_of, way_of
from services.audit.explain.gathered import Gathered
from services.audit.explain.outcome import appeals_of, decisions_of, ties_of
from services.audit.explain.sources import cited, marks_of
from services.audit.indicators import indicator_stream
from services.audit.meetings import Kept, Point
from services.audit.recompute import AspectRule, StageRules, aggregate, ratio, rounded
from services.audit.record import ranking_of
from services.audit.replay.standings import point_text
from services.audit.replay.state import whom

Json = Mapping[str, Any]


def explained(gathered: Gathered, stage: str | None) -> dict[str, Any]:
    """Return why a nominee stands where it stands, at every stage that it came to, or at one."""
    record, nomination = gathered.record, gathered.nomination
    way = way_of(record, nomination)
    events = record.of(f"nomination/{nomination}")
    stages = [at for at in _stages(events) if stage in (None, at["stage"])]
    candidate = way.candidate if way is not None else candidate_of(record, nomination)
    return {
        "nomination": nomination,
        "candidate": None if candidate is None else whom(candidate),
        "status": "not admitted" if way is None else way.ending or "competing",
        "counted": gathered.past.counted_json(),
        "way": [{**cited(one), "says": _says(one)} for one in events],
        "stages": [_stage(gathered, at) for at in stages],
    }


def _says(event: Kept) -> dict[str, Any]:
    names = ("entry", "left", "reached", "at", "returned", "rank", "reason")
    return {name: event.data[name] for name in names if event.data.get(name) is not None}


def _stages(events: Sequence[Kept]) -> list[Json]:
    """Return every stage that a nomination ever stood in, in the order in which it came there."""
    found: list[Json] = []
    for event in events:
        for name in ("entry", "reached"):
            at = event.data.get(name)
            if at is not None and at not in found:
                found.append(at)
    return found


def _stage(gathered: Gathered, at: Json) -> dict[str, Any]:
    record, stream = gathered.record, ranking_of(at)
    opened = record.of(stream, "ScoringOpened")
    seals = [
        one for one in record.of(stream, "RankingSealed") if gathered.nomination in one.data["basis"]["nominations"]
    ]
    over = {one.data["seal"]: one for one in record.of(stream, "RankingSuperseded")}
    return {
        "at": dict(at),
        "opened": cited(opened[0]) if opened else None,
        "seals": [_sealed(gathered, seal, over.get(seal.id)) for seal in seals],
        "appeals": list(appeals_of(gathered, at)),
    }


def _sealed(gathered: Gathered, seal: Kept, over: Kept | None) -> dict[str, Any]:
    data, nomination = seal.data, gathered.nomination
    rules = gathered.record.rules(data["at"]["season"], data["rulebook_version"]).ranking(data["at"])
    rows = [one for one in (*data["standings"], *data["unrankable"]) if one["nomination"] == nomination]
    row: Json = rows[0] if rows else {}
    aspects = [_aspect(gathered, seal, rules, aspect) for aspect in rules.aspects]
    return {
        "seal": cited(seal),
        "superseded": None if over is None else cited(over),
        "rules": _rules(gathered, seal, rules),
        "sheets": {"counted": list(_counted(gathered, seal)), "excluded": list(_excluded(gathered, seal))},
        "recusals": [dict(one) for one in data.get("recusals") or () if one["nomination"] == nomination],
        "aspects": aspects,
        "arithmetic": _arithmetic(rules, aspects, row),
        "result": dict(row),
        "nominees": len(data["standings"]),
        "ties": ties_of(gathered, seal, row),
        "decisions": list(decisions_of(gathered, seal)),
    }


def _rules(gathered: Gathered, seal: Kept, rules: StageRules) -> dict[str, Any]:
    opening = opening_of(gathered.record, seal)
    published = gathered.rulebooks.get((seal.data["at"]["season"], seal.data["rulebook_version"]))
    return {
        "rulebook_version": seal.data["rulebook_version"],
        "rulebook_hash": seal.data["rulebook_hash"],
        "published": None if published is None else cited(published),
        "pinned": None if opening is None else cited(opening),
        "rubric": None if opening is None else opening.data["rubric"],
        "method": rules.method,
        "trim": rules.trim,
        "trim_from": rules.from_sheets,
        "least_sheets": rules.least_sheets,
        "tie_break": list(rules.tie_break),
        "rounding": {"places": rules.places, "mode": rules.rounding},
        "quota": rules.quota(seal.data["at"]["province"]),
    }


def _own(gathered: Gathered, listed: Sequence[Json]) -> Iterator[Json]:
    for one in listed:
        if str(one["stream"]).startswith(f"sheet/{gathered.nomination}/"):
            yield one


def _counted(gathered: Gathered, seal: Kept) -> Iterator[dict[str, Any]]:
    for one in _own(gathered, seal.data["counted"]):
        events = [event for event in gathered.sheets.get(one["stream"], ()) if event.point.version <= one["version"]]
        yield {"sheet": one["stream"], "version": one["version"], **marks_of(events)}


def _excluded(gathered: Gathered, seal: Kept) -> Iterator[dict[str, Any]]:
    for one in _own(gathered, seal.data["excluded"]):
        member = str(one["stream"]).rpartition("/")[2]
        yield {
            "sheet": one["stream"],
            "version": one["version"],
            "reason": one["reason"],
            "because": list(_because(gathered, seal, member, one["reason"])),
        }


def _because(gathered: Gathered, seal: Kept, member: str, reason: str) -> Iterator[dict[str, Any]]:
    """Yield the events that a sheet is left out for."""
    at = seal.data["at"]
    stream = f"committee/{at['season']}/{at['province']}"
    seen = {one["stream"]: one["version"] for one in seal.data["basis"]["streams"]}.get(stream, 0)
    grounds = {
        "ConflictDeclared" if one["reason"] == "declared" else "MemberAppointed"
        for one in seal.data.get("recusals") or ()
        if (one["member"], one["nomination"]) == (member, gathered.nomination)
    }
    recused = sorted(grounds) or ["ConflictDeclared", "MemberAppointed"]
    names = {"recused": recused, "removed": ["MemberRemoved"]}.get(reason, [])
    for event in gathered.record.of(stream, *names) if names else ():
        if event.data["person"] != member or event.point.version > seen:
            continue
        if event.name != "ConflictDeclared" or event.data["category"] == at["category"]:
            yield cited(event)
    sheet = gathered.sheets.get(f"sheet/{gathered.nomination}/{at['tier']}-{at['stage']}/{member}", ())
    if reason == "voided":
        yield from (cited(one) for one in sheet if one.name == "ScoreSheetVoided")


# --- aspects -------------------------------------------------------------------------------------------------------


def _aspect(gathered: Gathered, seal: Kept, rules: StageRules, aspect: AspectRule) -> dict[str, Any]:
    whole = sum((one.weight for one in rules.aspects), Fraction(0))
    share = aspect.weight / whole
    match aspect.origin:
        case "judged":
            figure, source = _judged(gathered, seal, rules, aspect)
        case "measured":
            figure, source = _measured(gathered, seal, aspect)
        case _:
            figure, source = _carried(gathered, seal, aspect)
    return {
        "aspect": aspect.code,
        "origin": aspect.origin,
        "weight": ratio(aspect.weight),
        "of": ratio(whole),
        "share": ratio(share),
        "figure": None if figure is None else ratio(figure),
        "points": None if figure is None else ratio(share * figure),
        **source,
    }


def _judged(
    gathered: Gathered, seal: Kept, rules: StageRules, aspect: AspectRule
) -> tuple[Fraction | None, dict[str, Any]]:
    marks = [
        {"office": sheet["office"], "member": sheet["member"], **one}
        for sheet in _counted(gathered, seal)
        for one in sheet["marks"]
        if one["aspect"] == aspect.code
    ]
    given = sorted(Fraction(one["mark"]) for one in marks if one["mark"] is not None)
    if not given:
        return None, {"marks": marks, "dropped": []}
    cut = (
        rules.trim if rules.method == "trimmed-mean" and len(given) >= max(rules.from_sheets, 2 * rules.trim + 1) else 0
    )
    dropped = [*given[:cut], *given[len(given) - cut :]] if cut else []
    return aggregate(rules, given), {
        "marks": marks,
        "sorted": [ratio(one) for one in given],
        "dropped": [ratio(one) for one in dropped],
    }


def _measured(gathered: Gathered, seal: Kept, aspect: AspectRule) -> tuple[Fraction | None, dict[str, Any]]:
    pinned = pinned_measures(gathered.record, seal).get(aspect.code)
    version = taken(seal).get(indicator_stream(gathered.nomination), 0)
    known = [
        one
        for one in gathered.measured
        if one.point.version <= version and (one.data["measure"], one.data["definition"]) == pinned
    ]
    if not known:
        return None, {"measured": None}
    data = known[-1].data
    names = ("measure", "definition", "numerator", "denominator", "ratio", "lack", "facts", "digest")
    said = {name: data[name] for name in names if data.get(name) is not None}
    share = None if data.get("ratio") is None else Fraction(data["ratio"])
    return None if share is None else on_scale(aspect, share), {
        "measured": {
            **cited(known[-1]),
            **said,
            "scale": {"least": ratio(aspect.least), "greatest": ratio(aspect.greatest)},
            "batches": [_batch(gathered, Point(one["stream"], one["version"])) for one in data["basis"]],
        }
    }


def _batch(gathered: Gathered, point: Point) -> dict[str, Any]:
    batch = gathered.batches.get(point)
    if batch is None:
        return {"event": point_text(point), "here": False}
    names = ("topic", "partition", "first", "last", "applied", "root")
    return {**cited(batch), "here": True, "facts": {name: batch.data[name] for name in names}}


def _carried(gathered: Gathered, seal: Kept, aspect: AspectRule) -> tuple[Fraction | None, dict[str, Any]]:
    """Return a carried figure as the seal has it, and which seals and verdicts it was taken from."""
    rows = [*seal.data["standings"], *seal.data["unrankable"]]
    figures = {
        one["aspect"]: Fraction(one["value"])
        for row in rows
        if row["nomination"] == gathered.nomination
        for one in row.get("aspects") or ()
    }
    tier, stage, source = aspect.carried or ("", "", "")
    points = [Point(one["stream"], one["version"]) for one in seal.data["basis"].get("carried", ())]
    sources = [_source(gathered, point, tier, stage) for point in points]
    return figures.get(aspect.code), {
        "carried": {
            "tier": tier,
            "stage": stage,
            "aspect": source,
            "from": [one for one in sources if one is not None],
        }
    }


def _source(gathered: Gathered, point: Point, tier: str, stage: str) -> dict[str, Any] | None:
    kept = [one for one in gathered.record.of(point.stream) if one.point == point]
    if not kept:
        return None
    at, named = kept[0].data["at"], {row["nomination"] for row in kept[0].data.get("standings") or ()}
    fits = (at["tier"], at["stage"]) == (tier, stage) and gathered.nomination in named
    return cited(kept[0]) if fits else None


def _arithmetic(rules: StageRules, aspects: Sequence[Json], row: Json) -> dict[str, Any]:
    """Add the points up, round once, and compare with what was sealed."""
    lacking = [one["aspect"] for one in aspects if one["figure"] is None]
    points = [Fraction(one["points"]) for one in aspects if one["points"] is not None]
    total = sum(points, Fraction(0))
    said = {"terms": [[one["share"], one["figure"]] for one in aspects if one["figure"]], "lacking": lacking}
    if lacking or "total" not in row:
        return {**said, "total": None, "shown": None, "agrees": "total" not in row}
    shown = rounded(total, rules.places, rules.rounding)
    agrees = (ratio(total), shown) == (row["total"], row["shown"])
    return {**said, "total": ratio(total), "shown": shown, "agrees": agrees}
