"""Figures taken from other systems' facts: each measurement, what seals took of them, and what came after a seal.

The facts are in the ledger and not in the log: what is checked is that a ratio follows from its numerator and
denominator by the rulebook's measure, that a seal took the measurement that was there, and that what is told of later
facts is what the sealed aggregates give with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import groupby
from typing import Any

from services.audit.checks.scoring import opening_of
from services.audit.checks.telling import Fault, after, before, text, told
from services.audit.checks.ways import candidate_of, way_of
from services.audit.indicators import Indicator, Measurement, indicator_stream
from services.audit.meetings import Kept
from services.audit.recompute import AspectRule, StageRules, ratio, reranked
from services.audit.record import Record, award_of, ranking_of

Json = Mapping[str, Any]
Pinned = Mapping[str, tuple[str, str]]
"""By aspect: the measure that a stage pinned, and its wording."""

# --- measurements --------------------------------------------------------------------------------------------------


def measurements_faults(record: Record) -> Iterator[Fault]:
    """Check every measurement by itself."""
    for nomination, indicator in record.indicators.items():
        for one in indicator.measurements:
            yield from told("indicator", one.place, _measurement_faults(nomination, one, record))


def _measurement_faults(nomination: str, one: Measurement, record: Record) -> Iterator[str]:
    season, province, code = one.whose
    filed = record.of(f"nomination/{nomination}", "CandidateNominated", "NominationFiledLate")
    candidate = candidate_of(record, nomination)
    if candidate is not None and candidate["code"] != code:
        yield "it measures another candidate than the nominated"
    if filed and (filed[0].data["entry"]["season"], filed[0].data["entry"]["province"]) != (season, province):
        yield "it is not of the season and the province where the candidate was nominated"
    rules = record.rules(season, one.rulebook_version)
    measure = rules.measure(one.measure)
    if rules.definition(one.measure) != one.definition:
        yield "`definition` is not that of the measure in the rulebook's version"
    yield from _ratio_faults(one, None if measure.get("cap") is None else Fraction(measure["cap"]))


def _ratio_faults(one: Measurement, cap: Fraction | None) -> Iterator[str]:
    for name in ("numerator", "denominator", "ratio"):
        written = getattr(one, name)
        if written is not None and ratio(Fraction(written)) != written:
            yield f"`{name}` is not in lowest terms"
    if (one.ratio is None) is (one.lack is None):
        yield "it has neither a ratio nor a lack, or both"
        return
    if one.ratio is None:
        return
    if one.numerator is None or one.denominator is None or not Fraction(one.denominator):
        yield "it has a ratio without a numerator and a denominator"
        return
    own = Fraction(one.numerator) / Fraction(one.denominator)
    if Fraction(one.ratio) != (own if cap is None else min(own, cap)):
        yield "`ratio` is not the numerator over the denominator, at most the measure's cap"


# --- what a seal took ----------------------------------------------------------------------------------------------


def pinned_measures(record: Record, event: Kept) -> dict[str, tuple[str, str]]:
    """Return by which measure and wording each measured aspect of a stage counts; stages of before pinned none."""
    opening = opening_of(record, event)
    aspects = opening.data["rules"]["aspects"] if opening else ()
    return {one["code"]: (one["measure"], one["definition"]) for one in aspects if "measure" in one}


def measured_figures(rules: StageRules, pinned: Pinned, indicator: Indicator, version: int) -> dict[str, Fraction]:
    """Return a nominee's measured figures by aspect as they were at a version of its indicator."""
    figures: dict[str, Fraction] = {}
    for aspect in rules.aspects:
        if aspect.origin == "measured" and aspect.code in pinned:
            found = indicator.ratio(*pinned[aspect.code], version)
            if found is not None:
                figures[aspect.code] = on_scale(aspect, found)
    return figures


def on_scale(aspect: AspectRule, share: Fraction) -> Fraction:
    """Return a ratio's figure on an aspect's scale."""
    return aspect.least * (1 - share) + aspect.greatest * share


def taken(seal: Kept) -> dict[str, int]:
    """Return at which versions a seal took its nominees' figures, by the indicator's stream."""
    return {point["stream"]: point["version"] for point in seal.data["basis"].get("measured", ())}


def taken_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Check that a seal took what was measured by then, or, made anew, what the seal that first named a nominee took.

    Both streams are scoring's, and a seal is never recorded before what it rests on.
    """
    points = seal.data["basis"].get("measured", ())
    own, nominations = taken(seal), seal.data["basis"]["nominations"]
    if len(own) != len(points) or not own.keys() <= {indicator_stream(one) for one in nominations}:
        yield "it names measured figures twice, or of whom it does not rank"
    if not pinned_measures(record, seal):
        if points:
            yield "it names measured figures though its stage takes none"
        return
    earlier = [one for one in record.of(seal.point.stream, "RankingSealed") if one.point.version < seal.point.version]
    for nomination in nominations:
        stream, indicator = indicator_stream(nomination), record.indicator(nomination)
        version = own.get(stream, 0)
        first = next((one for one in earlier if nomination in one.data["basis"]["nominations"]), None)
        if first is not None and version != taken(first).get(stream, 0):
            yield f"it took {stream}@{version}; the seal that named it first took version {taken(first).get(stream, 0)}"
        measured = indicator.measurements
        if any(one.version <= version and one.time > seal.time for one in measured):
            yield f"it took {stream}@{version}, which was recorded after it"
        if first is None and any(one.version > version and one.time <= before(seal.time) for one in measured):
            yield f"it took {stream}@{version}, though more had been measured before it"


# --- what came after a seal ----------------------------------------------------------------------------------------


def impacts_faults(record: Record) -> Iterator[Fault]:
    """Check everything that was told of facts that came after a seal."""
    for event in record.kind("ranking", "CorrectionImpactFound"):
        yield from told("impact", event.place, _impact_faults(event, record))


def _impact_faults(event: Kept, record: Record) -> Iterator[str]:
    said, stream = event.data, event.point.stream
    earlier = [one for one in record.of(stream) if one.point.version < event.point.version]
    ends = [one for one in earlier if one.name in ("RankingSealed", "RankingSuperseded")]
    if not ends or ends[-1].name != "RankingSealed" or ends[-1].id != said["seal"]:
        yield "it is not about the seal that stood"
        return
    seal, nomination = ends[-1], said["nomination"]
    if nomination not in seal.data["basis"]["nominations"]:
        yield "the seal does not rank the nominee that it is about"
        return
    yield from _ratios_faults(event, seal, earlier, record)
    yield from _moves_faults(event, seal, record)


def _ratios_faults(event: Kept, seal: Kept, earlier: list[Kept], record: Record) -> Iterator[str]:
    said, nomination = event.data, event.data["nomination"]
    stream, version = said["indicator"]["stream"], said["indicator"]["version"]
    indicator = record.indicator(nomination)
    measurement = indicator.at(version)
    pins = [one for one in pinned_measures(record, seal).values() if one[0] == said["measure"]]
    if stream != indicator_stream(nomination) or not pins:
        yield "it is about a measure that the stage does not take, or another's figures"
        return
    if measurement is None:
        return  # told as a citation of what is not there
    if (measurement.measure, measurement.definition) != pins[0]:
        yield "the measurement that it names is by another measure or wording than the stage's"
    cited = taken(seal).get(stream, 0)
    if version <= cited:
        yield "the measurement that it names was in the seal"
    sealed = indicator.ratio(*pins[0], cited)
    if said.get("before") != (None if sealed is None else ratio(sealed)):
        yield "`before` is not the ratio that the seal took"
    if said.get("after") != measurement.ratio:
        yield "`after` is not the ratio that was measured"
    same = [
        one
        for one in earlier
        if one.name == "CorrectionImpactFound"
        and all(one.data[name] == said[name] for name in ("seal", "nomination", "measure"))
    ]
    if (same[-1].data.get("after") if same else said.get("before")) == said.get("after"):
        yield "it tells nothing that was not told before"


def _moves_faults(event: Kept, seal: Kept, record: Record) -> Iterator[str]:
    """Rank the sealed aggregates anew with the changed figure, and compare who would stand where."""
    said = event.data
    rules = record.rules(said["at"]["season"], seal.data["rulebook_version"]).ranking(said["at"])
    pinned = pinned_measures(record, seal)
    share = None if said.get("after") is None else Fraction(said["after"])
    changed = {
        one.code: None if share is None else (on_scale(one, share), 0)
        for one in rules.aspects
        if one.origin == "measured" and pinned.get(one.code, ("",))[0] == said["measure"]
    }
    ways = {one: way_of(record, one) for one in seal.data["basis"]["nominations"]}
    nominated = {one: way.begun.time for one, way in ways.items() if way is not None}
    standings, _ = reranked(rules, seal.data, said["nomination"], changed, nominated)
    own = _moves(seal.data["standings"], standings)
    stated = {one["nomination"]: dict(one) for one in said["moves"]}
    if stated != own or len(said["moves"]) != len(own):
        yield f"its moves are {text(said['moves'])}; computed anew they are {text(list(own.values()))}"
        return
    ranks = [{row["nomination"]: row["rank"] for row in rows} for rows in (seal.data["standings"], standings)]
    yield from _outcome_faults(event, ranks[0], ranks[1], rules.quota(said["at"]["province"]), record)


def _moves(sealed: list[Json], anew: list[Json]) -> dict[str, Json]:
    """Return whose rank or total differs, and how; what somebody does not have is left out."""
    moves: dict[str, Json] = {}
    was = {row["nomination"]: row for row in sealed}
    would = {row["nomination"]: row for row in anew}
    for nomination in sorted(was.keys() | would.keys()):
        move = {
            f"{name}_{when}": rows[nomination][name]
            for when, rows in (("before", was), ("after", would))
            for name in ("rank", "total")
            if nomination in rows
        }
        if any(move.get(f"{name}_before") != move.get(f"{name}_after") for name in ("rank", "total")):
            moves[nomination] = {"nomination": nomination, **move}
    return moves


def _outcome_faults(
    event: Kept, was: Mapping[str, int], would: Mapping[str, int], quota: int, record: Record
) -> Iterator[str]:
    """Check who would have gone on or not: it must follow from the ranks, and it must have happened otherwise.

    Who is left out is not told: scoring may not have heard of what was decided.
    """
    said = event.data
    places = _seats(was, quota), _seats(would, quota)
    for name, seat, happened in (
        ("would_advance", "in", _was_eliminated),
        ("would_fall", "out", _went_on),
    ):
        for nomination in said[name]:
            seats = [place.get(nomination, "out") for place in places]
            if seats[1] != seat or seats[0] == seats[1]:
                yield f"`{name}` names {nomination}, for whom nothing of that follows from the ranks"
            elif not happened(nomination, event, record):
                yield f"`{name}` names {nomination}, of whom nothing else was decided"


def _seats(ranks: Mapping[str, int], quota: int) -> dict[str, str]:
    """Return who is within a quota, who beyond it, and who shares a rank across its end, and with whom."""
    seats: dict[str, str] = {}
    ordered = sorted(ranks, key=lambda one: (ranks[one], one))
    for rank, group in groupby(ordered, key=lambda one: ranks[one]):
        tied = list(group)
        across = rank <= quota < rank + len(tied) - 1
        seat = ",".join(tied) if across else "in" if rank <= quota else "out"
        seats |= dict.fromkeys(tied, seat)
    return seats


def _was_eliminated(nomination: str, event: Kept, record: Record) -> bool:
    said = event.data
    found = record.of(f"nomination/{nomination}", "NominationEliminated", "StageAdvanceWithdrawn")
    return any(
        one.time <= after(event.time) and said["at"] in (one.data.get("at"), one.data.get("returned")) for one in found
    )


def _went_on(nomination: str, event: Kept, record: Record) -> bool:
    said, moment = event.data, after(event.time)
    advanced = record.of(f"nomination/{nomination}", "StageAdvanced")
    won = [one for one in record.of(award_of(said["at"]), "WinnerDeclared") if one.data["nomination"] == nomination]
    by_rank = [one for one in won if ranking_of(one.data["at"]) == ranking_of(said["at"])]
    return any(one.time <= moment and one.data.get("left", said["at"]) == said["at"] for one in (*advanced, *by_rank))
