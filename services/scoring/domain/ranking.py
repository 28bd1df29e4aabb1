"""From marks to standings: exact, the same for any order of input, and no slower than it must be.

The pure ranking of one stage, as the rulebook has it (weights relative to the stage's part of the rubric, marks
aggregated per aspect over the counted sheets, ties broken in the stated order, the rest left tied). Figures are
fractions from the first mark to the one rounding: a tie can hang on a third, which neither floats nor 28 digits keep.

Marks are handed in as whole millionths, since a mark has at most six decimals: sums of integers are exact and cheap,
and a fraction is made once per aspect. `Standings` keeps what it computed, so one more sheet costs one nominee.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from math import gcd, lcm
from typing import Final, Literal, NamedTuple, assert_never

from schemas.exact import fraction_text, parse_fraction, round_exact
from schemas.scoring import AspectAggregate, PinnedRules, Standing, TieBreak, Unrankable

MILLION: Final = 10**6
_DECIMALS: Final = 6
_SCALE: Final = 1 << 96

Origin = Literal["judged", "measured", "carried"]
Lack = Literal["too-few-sheets", "aspect-unmarked", "unmeasured", "not-carried"]
TieRule = Literal["aspect", "nomination-instant", "candidate-code", "lot", "vote"]
Marks = Mapping[str, int | None]
"""One counted sheet: an aspect's mark in millionths; None where the aspect does not apply, which is not a zero."""


@lru_cache(maxsize=65_536)
def millionths(mark: str) -> int:
    """Return a plain decimal of at most six places, such as `87.5`, in whole millionths."""
    whole, _, decimals = mark.partition(".")
    if len(decimals) > _DECIMALS:
        raise ValueError(f"{mark!r} has more than {_DECIMALS} decimals")
    return int(whole + decimals.ljust(_DECIMALS, "0"))


def in_millionths(mark: Decimal | None) -> int | None:
    """Return a mark in whole millionths, None for one that does not apply."""
    return None if mark is None else millionths(format(mark, "f"))


# --- rules ---------------------------------------------------------------------------------------------------------


class RankedAspect(NamedTuple):
    """An aspect as the ranking needs it; `weight` is relative, in whole units common to all of the stage's aspects."""

    code: str
    weight: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Rules:
    """A stage's pinned rules, made ready to compute with."""

    aspects: tuple[RankedAspect, ...]
    weights: int
    """The sum of the weights."""
    aggregate: Callable[[list[int]], Fraction]
    judged: bool
    least_sheets: int
    tie_break: tuple[TieRule, ...]
    shown: Callable[[Fraction], str]

    @classmethod
    def of(cls, pinned: PinnedRules) -> Rules:
        """Return the rules that a stage pinned when it opened."""
        shares = [parse_fraction(aspect.share) for aspect in pinned.aspects]
        unit = lcm(*(share.denominator for share in shares))
        weights = [int(share * unit) for share in shares]
        shrink = gcd(*weights) or 1
        aspects = tuple(
            RankedAspect(aspect.code, weight // shrink, aspect.origin)
            for aspect, weight in zip(pinned.aspects, weights, strict=True)
        )
        places, mode = pinned.places, pinned.rounding
        return cls(
            aspects=aspects,
            weights=sum(aspect.weight for aspect in aspects),
            aggregate=_aggregation(pinned),
            judged=any(aspect.origin == "judged" for aspect in aspects),
            least_sheets=pinned.least_sheets,
            tie_break=pinned.tie_break,
            shown=lambda total: round_exact(total, places, mode),
        )


def _aggregation(pinned: PinnedRules) -> Callable[[list[int]], Fraction]:
    match pinned.method:
        case "mean":
            return mean
        case "median":
            return median
        case "trimmed-mean":
            trim, least = pinned.trim, pinned.trim_from
            return lambda marks: trimmed_mean(marks, trim, least)
        case _:
            assert_never(pinned.method)


def mean(marks: Sequence[int]) -> Fraction:
    """Return the exact mean of one or more marks in millionths, as a fraction of marks."""
    return Fraction(sum(marks), len(marks) * MILLION)


def median(marks: Sequence[int]) -> Fraction:
    """Return the exact median: the middle mark, or the mean of the two in the middle."""
    ordered, half = sorted(marks), len(marks) // 2
    return mean(ordered[half : half + 1] if len(ordered) % 2 else ordered[half - 1 : half + 1])


def trimmed_mean(marks: Sequence[int], trim: int, least: int) -> Fraction:
    """Return the mean without the `trim` least and greatest marks where there are `least` or more, else the mean."""
    if trim and len(marks) >= least and len(marks) > 2 * trim:
        marks = sorted(marks)[trim:-trim]
    return mean(marks)


# --- one nominee ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entrant:
    """A nominee as the ranking sees it. `nominated` is the instant in its wire form, which sorts as time does."""

    nomination: str
    candidate: str
    nominated: str
    sample: bool = False


class Aggregate(NamedTuple):
    """An aspect's exact figure and over how many marks it was taken (0: not judged here)."""

    aspect: str
    value: Fraction
    sheets: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one nominee's counted sheets come to: a total, or what it lacks for one."""

    entrant: Entrant
    sheets: int
    aggregates: tuple[Aggregate, ...]
    total: Fraction | None
    lack: Lack | None = None
    lacking: str | None = None
    """The aspect that is lacking."""
    key: int = 0
    """The total in whole 2⁻⁹⁶, rounded down: sorts as the total does, but for totals closer than that."""

    def value(self, aspect: str) -> Fraction:
        """Return an aspect's figure. Raises LookupError."""
        for aggregate in self.aggregates:
            if aggregate.aspect == aspect:
                return aggregate.value
        raise LookupError(f"{self.entrant.nomination} has no figure for {aspect!r}")


def evaluate(rules: Rules, entrant: Entrant, sheets: Sequence[Marks], given: Mapping[str, Fraction]) -> Evaluation:
    """Return what a nominee comes to over its counted `sheets`; `given` are its measured and carried figures."""
    lack: Lack | None = "too-few-sheets" if rules.judged and len(sheets) < rules.least_sheets else None
    without: str | None = None
    aggregates: list[Aggregate] = []
    for aspect in rules.aspects:
        found = _aspect(rules, aspect, sheets, given)
        if found is not None:
            aggregates.append(found)
        elif lack is None:
            lack, without = _LACKING[aspect.origin], aspect.code
    return evaluated(rules, entrant, len(sheets), tuple(aggregates), (lack, without) if lack else None)


def evaluated(
    rules: Rules, entrant: Entrant, sheets: int, aggregates: tuple[Aggregate, ...], lack: tuple[Lack, str | None] | None
) -> Evaluation:
    """Return what aggregates come to, one for every aspect in the rules' order unless the nominee lacks something."""
    if lack is not None:
        return Evaluation(entrant, sheets, aggregates, None, *lack)
    total = _total(rules, aggregates)
    key = total.numerator * _SCALE // total.denominator
    return Evaluation(entrant, sheets, aggregates, total, key=key)


def lacking(rules: Rules, known: Container[str]) -> tuple[Lack, str] | None:
    """Return the first aspect without a figure and what that makes of a nominee, None when all have one."""
    return next(((_LACKING[one.origin], one.code) for one in rules.aspects if one.code not in known), None)


_LACKING: Final[dict[Origin, Lack]] = {
    "judged": "aspect-unmarked",
    "measured": "unmeasured",
    "carried": "not-carried",
}


def _aspect(
    rules: Rules, aspect: RankedAspect, sheets: Sequence[Marks], given: Mapping[str, Fraction]
) -> Aggregate | None:
    code, _, origin = aspect
    if origin != "judged":
        value = given.get(code)
        return None if value is None else Aggregate(code, value, 0)
    marks = [mark for sheet in sheets if (mark := sheet.get(code)) is not None]
    return Aggregate(code, rules.aggregate(marks), len(marks)) if marks else None


def _total(rules: Rules, aggregates: Sequence[Aggregate]) -> Fraction:
    """Return the weighted mean of all aspects' figures, with one division at the end."""
    common = lcm(*(aggregate.value.denominator for aggregate in aggregates))
    total = 0
    for aspect, (_, value, _) in zip(rules.aspects, aggregates, strict=True):
        total += aspect.weight * value.numerator * (common // value.denominator)
    return Fraction(total, common * rules.weights)


# --- all nominees --------------------------------------------------------------------------------------------------


class Tie(NamedTuple):
    """The last rule that parted a nominee from others of the same total, and the nominee's own figure under it."""

    rule: TieRule
    aspect: str | None
    figure: str


@dataclass(frozen=True, slots=True)
class Place:
    """One nominee's place: `rank` is one more than the number of nominees ahead, so 1, 1, 3."""

    evaluation: Evaluation
    rank: int
    shared: bool
    tie: Tie | None


class _Rule(NamedTuple):
    """One step of the tie-break: what sorts (least first) and the figure that is shown for it."""

    rule: TieRule
    aspect: str | None
    key: Callable[[Evaluation], Fraction | str | int]
    figure: Callable[[Evaluation], str]


def _aspect_rule(code: str) -> _Rule:
    return _Rule("aspect", code, lambda one: -one.value(code), lambda one: fraction_text(one.value(code)))


def _steps(rules: Rules) -> list[_Rule]:
    """Return the tie-break as single steps, up to the first that people must take: they draw a lot, they vote."""
    steps: list[_Rule] = []
    for rule in rules.tie_break:
        match rule:
            case "aspect":
                by_weight = sorted(rules.aspects, key=lambda aspect: -aspect.weight)
                steps += [_aspect_rule(aspect.code) for aspect in by_weight]
            case "nomination-instant":
                steps.append(_Rule(rule, None, lambda one: one.entrant.nominated, lambda one: one.entrant.nominated))
            case "candidate-code":
                steps.append(_Rule(rule, None, lambda one: one.entrant.candidate, lambda one: one.entrant.candidate))
            case "lot" | "vote":
                return steps
            case _:
                assert_never(rule)
    return steps


class _Block(NamedTuple):
    """Nominees that nothing has parted yet, and what parted them from the others last."""

    members: list[Evaluation]
    parted_by: tuple[TieRule, str | None] | None
    figure: str = ""


def _part(block: _Block, steps: Sequence[_Rule]) -> list[_Block]:
    """Return the block in the order that the tie-break gives it, split as far as it can be."""
    if len(block.members) == 1 or not steps:
        return [block]
    step, rest = steps[0], steps[1:]
    groups: dict[Fraction | str | int, list[Evaluation]] = {}
    for member in block.members:
        groups.setdefault(step.key(member), []).append(member)
    if len(groups) == 1:
        return _part(block, rest)
    parted: list[_Block] = []
    for key in sorted(groups):
        members = groups[key]
        parted += _part(_Block(members, (step.rule, step.aspect), step.figure(members[0])), rest)
    return parted


def place(rules: Rules, evaluations: Iterable[Evaluation]) -> list[Place]:
    """Return the places of all who have a total, best first; those who remain tied share one, in order of their ids."""
    ranked = sorted((one for one in evaluations if one.total is not None), key=_id)
    ranked.sort(key=lambda one: one.key, reverse=True)
    steps = _steps(rules)
    places: list[Place] = []
    for block in _tied(ranked):
        for members, parted_by, figure in _part(_Block(block, None), steps):
            rank, shared = len(places) + 1, len(members) > 1
            tie = Tie(*parted_by, figure) if parted_by else None
            places += [Place(member, rank, shared, tie) for member in members]
    return places


def _id(evaluation: Evaluation) -> str:
    return evaluation.entrant.nomination


def _total_of(evaluation: Evaluation) -> Fraction:
    if evaluation.total is None:
        raise AssertionError("only nominees with a total are placed")
    return evaluation.total


def _tied(ranked: Sequence[Evaluation]) -> Iterator[list[Evaluation]]:
    """Yield runs of equal totals, best first, of nominees sorted by their keys."""
    for _, near in groupby(ranked, key=lambda one: one.key):
        run = list(near)
        if len(run) > 1 and any(one.total != run[0].total for one in run):
            run.sort(key=_total_of, reverse=True)
            for _, equal in groupby(run, key=_total_of):
                yield list(equal)
        else:
            yield run


def unplaced(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """Return those without a total, in order of their ids."""
    return sorted((one for one in evaluations if one.total is None), key=_id)


# --- kept between changes ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Standings:
    """A ranking that is kept: a change is evaluated for its nominee only, places are taken anew when asked for."""

    rules: Rules
    _evaluations: dict[str, Evaluation] = field(default_factory=dict)
    _places: list[Place] | None = None

    def put(self, entrant: Entrant, sheets: Sequence[Marks], given: Mapping[str, Fraction]) -> None:
        """Evaluate a nominee, anew if it was in before."""
        self._evaluations[entrant.nomination] = evaluate(self.rules, entrant, sheets, given)
        self._places = None

    def drop(self, nomination: str) -> None:
        """Take a nominee out."""
        if self._evaluations.pop(nomination, None) is not None:
            self._places = None

    def places(self) -> list[Place]:
        """Return the places of all who have a total, best first."""
        if self._places is None:
            self._places = place(self.rules, self._evaluations.values())
        return self._places

    def unplaced(self) -> list[Evaluation]:
        """Return those without a total."""
        return unplaced(self._evaluations.values())


# --- as events say it ----------------------------------------------------------------------------------------------


def standing(rules: Rules, place: Place) -> Standing:
    """Return a place as a seal says it."""
    evaluation, tie = place.evaluation, place.tie
    total = _total_of(evaluation)
    return Standing(
        nomination=evaluation.entrant.nomination,
        candidate=evaluation.entrant.candidate,
        rank=place.rank,
        shared=place.shared,
        total=fraction_text(total),
        shown=rules.shown(total),
        aspects=_aggregates(evaluation),
        tie=TieBreak(rule=tie.rule, aspect=tie.aspect, figure=tie.figure) if tie else None,
        sample=evaluation.entrant.sample,
    )


def unrankable(evaluation: Evaluation) -> Unrankable:
    """Return a nominee without a place as a seal says it."""
    if evaluation.lack is None:
        raise AssertionError("only nominees that lack something are unrankable")
    return Unrankable(
        nomination=evaluation.entrant.nomination,
        candidate=evaluation.entrant.candidate,
        reason=evaluation.lack,
        aspect=evaluation.lacking,
        sheets=evaluation.sheets,
        sample=evaluation.entrant.sample,
        aspects=_aggregates(evaluation),
    )


def _aggregates(evaluation: Evaluation) -> tuple[AspectAggregate, ...]:
    return tuple(
        AspectAggregate(aspect=aspect, value=fraction_text(value), sheets=sheets)
        for aspect, value, sheets in evaluation.aggregates
    )
