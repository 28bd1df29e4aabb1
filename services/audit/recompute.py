"""A second computation of rankings, written apart from scoring's on purpose: two programs seldom make one mistake.

From a stage's rules, read from the rulebook's plain JSON, and the counted sheets of each nominee it makes standings and
unrankable nominees in the form of RankingSealed. The rules are the rulebook's own words: weights relative to the
stage's part of the rubric; per aspect the mean, median or trimmed mean of the marks; the weighted sum as an exact
fraction; ties parted in the stated order, then left tied; one rounding, of the figure that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

Json = Mapping[str, Any]
Marks = Mapping[str, str | None]
"""A counted sheet: an aspect's mark as plain decimal text; None where it does not apply."""

HALF: Final = Fraction(1, 2)


class NoSuchRule(LookupError):
    """The rulebook does not have what an event refers to."""


@dataclass(frozen=True, slots=True)
class AspectRule:
    """An aspect as it counts at a stage. `carried` is the (tier, stage, aspect) that its figure comes from.

    `measure` is the code of the measure whose ratio is taken onto the scale from `least` to `greatest`.
    """

    code: str
    weight: Fraction
    origin: str
    carried: tuple[str, str, str] | None
    measure: str | None = None
    least: Fraction = Fraction(0)
    greatest: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class StageRules:
    """What of a rulebook makes one stage's ranking, and decides about it."""

    aspects: tuple[AspectRule, ...]
    method: str
    trim: int
    from_sheets: int
    least_sheets: int
    tie_break: tuple[str, ...]
    places: int
    rounding: str
    counts_removed: bool
    recuses_category: bool
    body: str
    next: tuple[str, str] | None
    quotas: Mapping[str, int]
    """Places by province; the empty text stands for all others."""

    def quota(self, province: str) -> int:
        """Return how many advance in a province."""
        return self.quotas.get(province, self.quotas[""])


@dataclass(frozen=True, slots=True)
class Nominee:
    """One eligible nominee with its counted sheets and its carried and measured figures by aspect."""

    nomination: str
    candidate: str
    nominated: str
    sample: bool
    sheets: Sequence[Marks]
    given: Mapping[str, Fraction]


def one_of(listed: Sequence[Json], what: str, **keys: object) -> Json:
    """Return the one entry of a rulebook's list that has these values; raise NoSuchRule."""
    for entry in listed:
        if all(entry.get(name) == value for name, value in keys.items()):
            return entry
    raise NoSuchRule(f"the rulebook has no {what} {', '.join(str(value) for value in keys.values())}")


def stage_rules(content: Json, tier: str, category: str, stage: str) -> StageRules:
    """Read a stage's rules from a rulebook's content. Raises NoSuchRule."""
    found = one_of(content["stages"], "stage", tier=tier, category=category, code=stage)
    rubric = one_of(content["rubrics"], "rubric", code=found["rubric"])
    codes = found.get("aspects") or [aspect["code"] for aspect in rubric["aspects"]]
    aggregation, following = rubric["aggregation"], found.get("next")
    quotas = {entry["province"]: entry["places"] for entry in found["quota"].get("provinces") or ()}
    return StageRules(
        aspects=tuple(_aspect(one_of(rubric["aspects"], "aspect", code=code), found.get("carries")) for code in codes),
        method=aggregation["method"],
        trim=aggregation.get("trim") or 0,
        from_sheets=aggregation.get("from_sheets") or 0,
        least_sheets=rubric["least_sheets"],
        tie_break=tuple(rubric["tie_break"]),
        places=rubric["rounding"]["places"],
        rounding=rubric["rounding"]["mode"],
        counts_removed=rubric["marks_of_removed"] == "counted",
        recuses_category=content["conflicts"]["scope"] == "category",
        body=found["body"],
        next=(following["tier"], following["stage"]) if following else None,
        quotas={"": found["quota"]["places"], **quotas},
    )


def _aspect(aspect: Json, carries: Json | None) -> AspectRule:
    carried = aspect.get("carried")
    source = (carried["tier"], carried["stage"], carried["aspect"]) if carried else None
    if carries and aspect["code"] in carries["aspects"]:
        source = (carries["tier"], carries["stage"], aspect["code"])
    origin = "carried" if source else aspect["origin"]
    measure = aspect.get("measure") if origin == "measured" else None
    least, greatest = (Fraction(aspect["scale"][end]) for end in ("least", "greatest"))
    return AspectRule(aspect["code"], Fraction(aspect["weight"]), origin, source, measure, least, greatest)


# --- one nominee ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Result:
    nominee: Nominee
    figures: Mapping[str, tuple[Fraction, int]]
    """By aspect: the figure, and over how many marks it was taken."""
    total: Fraction
    lack: tuple[str, str | None] | None


def _result(rules: StageRules, nominee: Nominee) -> _Result:
    figures: dict[str, tuple[Fraction, int]] = {}
    lacks: list[tuple[str, str | None]] = []
    if any(aspect.origin == "judged" for aspect in rules.aspects) and len(nominee.sheets) < rules.least_sheets:
        lacks.append(("too-few-sheets", None))
    for aspect in rules.aspects:
        figure = _figure(rules, aspect, nominee)
        if figure is None:
            lacks.append((_LACKS[aspect.origin], aspect.code))
        else:
            figures[aspect.code] = figure
    return _Result(nominee, figures, _total(rules, figures), lacks[0] if lacks else None)


def _total(rules: StageRules, figures: Mapping[str, tuple[Fraction, int]]) -> Fraction:
    whole = sum((aspect.weight for aspect in rules.aspects), Fraction(0))
    parts = (aspect.weight * figures[aspect.code][0] for aspect in rules.aspects if aspect.code in figures)
    return sum(parts, Fraction(0)) / whole


_LACKS: Final = {"judged": "aspect-unmarked", "measured": "unmeasured", "carried": "not-carried"}


def _figure(rules: StageRules, aspect: AspectRule, nominee: Nominee) -> tuple[Fraction, int] | None:
    if aspect.origin != "judged":
        given = nominee.given.get(aspect.code)
        return None if given is None else (given, 0)
    marks = [_number(mark) for sheet in nominee.sheets if (mark := sheet.get(aspect.code)) is not None]
    if rules.method != "mean":
        marks.sort()
    return (aggregate(rules, marks), len(marks)) if marks else None


@lru_cache(4096)
def _number(text: str) -> Fraction:
    """Return a mark as a number: a scale has few of them, and reading one costs more than all else done with it."""
    return Fraction(text)


def aggregate(rules: StageRules, marks: Sequence[Fraction]) -> Fraction:
    """Return one figure for marks, one at least; they are sorted, but for a mean."""
    count = len(marks)
    if rules.method == "median":
        return (marks[(count - 1) // 2] + marks[count // 2]) / 2
    if rules.method == "trimmed-mean" and count >= rules.from_sheets and count > 2 * rules.trim:
        marks = marks[rules.trim : count - rules.trim]
    return sum(marks, Fraction(0)) / len(marks)


# --- all nominees --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Placed:
    result: _Result
    tie: dict[str, str] | None = None


def ranking(rules: StageRules, nominees: Sequence[Nominee]) -> tuple[list[Json], list[Json]]:
    """Return standings and unrankable nominees, in the order and the form of RankingSealed."""
    results = [_result(rules, nominee) for nominee in sorted(nominees, key=lambda one: one.nomination)]
    return _standings(rules, results), [_unrankable(one) for one in results if one.lack is not None]


def _standings(rules: StageRules, results: Sequence[_Result]) -> list[Json]:
    """Return the standings of those who lack nothing, given in the order of their ids."""
    equals: dict[Fraction, list[_Placed]] = {}
    for one in results:
        if one.lack is None:
            equals.setdefault(one.total, []).append(_Placed(one))
    groups = [equals[total] for total in sorted(equals, reverse=True)]
    for rule, aspect in _steps(rules):
        groups = [part for group in groups for part in _parted(group, rule, aspect)]
    standings: list[Json] = []
    for group in groups:
        rank = len(standings) + 1
        standings += [_standing(rules, placed, rank, shared=len(group) > 1) for placed in group]
    return standings


def _steps(rules: StageRules) -> list[tuple[str, str | None]]:
    """Return the tie-break step by step, up to the first that is not for a computer (lot, vote)."""
    steps: list[tuple[str, str | None]] = []
    for rule in rules.tie_break:
        if rule in ("lot", "vote"):
            break
        if rule == "aspect":
            steps += [(rule, one.code) for one in sorted(rules.aspects, key=lambda one: one.weight, reverse=True)]
        else:
            steps.append((rule, None))
    return steps


def _parted(group: list[_Placed], rule: str, aspect: str | None) -> list[list[_Placed]]:
    """Part a group of equals by one step; those whom it parts from others remember it."""
    keys = [_key(one.result, rule, aspect) for one in group]
    if len(set(keys)) == 1:
        return [group]
    parts: list[list[_Placed]] = []
    for key in sorted(set(keys)):
        part = [one for one, own in zip(group, keys, strict=True) if own == key]
        for one in part:
            one.tie = {"rule": rule, "figure": _shown_key(one.result, rule, aspect)}
            if aspect is not None:
                one.tie["aspect"] = aspect
        parts.append(part)
    return parts


def _key(result: _Result, rule: str, aspect: str | None) -> Any:
    if aspect is not None:
        return -result.figures[aspect][0]
    return result.nominee.nominated if rule == "nomination-instant" else result.nominee.candidate


def _shown_key(result: _Result, rule: str, aspect: str | None) -> str:
    return ratio(result.figures[aspect][0]) if aspect is not None else str(_key(result, rule, aspect))


def _standing(rules: StageRules, placed: _Placed, rank: int, *, shared: bool) -> Json:
    result = placed.result
    standing: dict[str, Any] = {
        "nomination": result.nominee.nomination,
        "candidate": result.nominee.candidate,
        "rank": rank,
        "shared": shared,
        "total": ratio(result.total),
        "shown": rounded(result.total, rules.places, rules.rounding),
        "aspects": _aggregates(result.figures),
        "sample": result.nominee.sample,
    }
    return standing if placed.tie is None else {**standing, "tie": placed.tie}


def _unrankable(result: _Result) -> Json:
    reason, aspect = result.lack or ("", None)
    said: dict[str, Any] = {
        "nomination": result.nominee.nomination,
        "candidate": result.nominee.candidate,
        "reason": reason,
        "sheets": len(result.nominee.sheets),
        "sample": result.nominee.sample,
        "aspects": _aggregates(result.figures),
    }
    return said if aspect is None else {**said, "aspect": aspect}


# --- sealed aggregates ranked anew ---------------------------------------------------------------------------------


def reranked(
    rules: StageRules,
    sealed: Json,
    nomination: str,
    figures: Mapping[str, tuple[Fraction, int] | None],
    nominated: Mapping[str, str],
) -> tuple[list[Json], list[Json]]:
    """Return sealed standings and unrankable nominees with one nominee's figures changed, and nothing else.

    Args:
        rules: the stage's rules.
        sealed: what has `standings` and `unrankable`, each row with its exact aggregates.
        nomination: whose figures change.
        figures: the changed ones by aspect, each with the number of marks that it was taken over (0: it was set); None
            for one that is there no more.
        nominated: when each nominee was nominated.
    """
    ranked: list[_Result] = []
    without: list[Json] = []
    for row in (*sealed["standings"], *sealed["unrankable"]):
        known = {one["aspect"]: (Fraction(one["value"]), one["sheets"]) for one in row.get("aspects") or ()}
        own = row["nomination"] == nomination
        merged = {**known, **figures} if own else known
        ordered = {one.code: figure for one in rules.aspects if (figure := merged.get(one.code)) is not None}
        lack = _lack(rules, row, ordered) if own else row.get("reason")
        if lack is not None:
            without.append(row if not own else _lacking(rules, row, ordered, lack))
            continue
        nominee = Nominee(
            nomination=row["nomination"],
            candidate=row["candidate"],
            nominated=nominated.get(row["nomination"], ""),
            sample=row["sample"],
            sheets=(),
            given={},
        )
        ranked.append(_Result(nominee, ordered, _total(rules, ordered), None))
    return _standings(rules, sorted(ranked, key=lambda one: one.nominee.nomination)), without


def _lack(rules: StageRules, row: Json, figures: Mapping[str, tuple[Fraction, int]]) -> str | None:
    """Return why a nominee still cannot be ranked, None when it can."""
    if row.get("reason") == "too-few-sheets":
        judged = [figures.get(aspect.code) for aspect in rules.aspects if aspect.origin == "judged"]
        if any(figure is None or 0 < figure[1] < rules.least_sheets for figure in judged):
            return "too-few-sheets"
    missing = next((aspect for aspect in rules.aspects if aspect.code not in figures), None)
    return None if missing is None else _LACKS[missing.origin]


def _lacking(rules: StageRules, row: Json, figures: Mapping[str, tuple[Fraction, int]], reason: str) -> Json:
    changed = {**row, "aspects": _aggregates(figures)}
    if reason == "too-few-sheets":
        return changed
    missing = next(aspect.code for aspect in rules.aspects if aspect.code not in figures)
    return {**changed, "reason": reason, "aspect": missing}


# --- figures as events write them ----------------------------------------------------------------------------------


def _aggregates(figures: Mapping[str, tuple[Fraction, int]]) -> list[Json]:
    return [{"aspect": code, "value": ratio(value), "sheets": sheets} for code, (value, sheets) in figures.items()]


def ratio(number: Fraction) -> str:
    """Return a fraction as events write it."""
    return f"{number.numerator}/{number.denominator}"


def rounded(number: Fraction, places: int, mode: str) -> str:
    """Round once to `places` decimals by a rulebook's mode, and write plain digits."""
    scaled = abs(number) * 10**places
    below = scaled.numerator // scaled.denominator
    rest = scaled - below
    up = {
        "up": rest > 0,
        "down": False,
        "half-up": rest >= HALF,
        "half-down": rest > HALF,
        "half-even": rest > HALF or (rest == HALF and below % 2 == 1),
    }[mode]
    digits = f"{below + up:0{places + 1}d}"
    sign = "-" if number < 0 and below + up else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
