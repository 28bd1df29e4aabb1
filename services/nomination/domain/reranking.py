"""Ranking sealed inputs anew: exact aggregates per aspect, changed by a verdict for one nominee and for nobody else.

A seal keeps the exact aggregates of everybody it names, so a verdict needs no sheets: a total is the sum of shares
times values, ties are parted by the rubric's own order until people must part them, and the one rounding is that of the
figure shown. It starts from aggregates where scoring starts from marks; unchanged inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Final, Literal, NamedTuple, assert_never

from schemas.exact import fraction_text, parse_fraction, round_exact
from schemas.rulebook import Aggregation, Origin, StageRubric
from schemas.scoring import AspectAggregate, Standing, TieBreak, Unrankable, standings_digest

Figures = Mapping[str, AspectAggregate]
"""A nominee's aggregates by aspect."""
_Rule = Literal["aspect", "nomination-instant", "candidate-code"]
_Key = Fraction | str


@dataclass(frozen=True, slots=True)
class Standings:
    """Who is ranked, best first, and who cannot be."""

    ranked: tuple[Standing, ...]
    unrankable: tuple[Unrankable, ...]

    @property
    def digest(self) -> str:
        """Return the digest of both, as a seal states it."""
        return standings_digest(self.ranked, self.unrankable)

    @property
    def named(self) -> tuple[str, ...]:
        """Return everybody, ranked first."""
        return (*(row.nomination for row in self.ranked), *(row.nomination for row in self.unrankable))

    def rank_of(self, nomination: str) -> int | None:
        """Return a nominee's rank, None for one without."""
        return next((row.rank for row in self.ranked if row.nomination == nomination), None)

    def total_of(self, nomination: str) -> str | None:
        """Return a nominee's exact total, None for one without."""
        return next((row.total for row in self.ranked if row.nomination == nomination), None)


def aggregate(rule: Aggregation, marks: Sequence[Decimal]) -> Fraction:
    """Return the exact figure of one or more marks, by the rubric's way of aggregating them."""
    exact = sorted(Fraction(mark) for mark in marks)
    match rule.method:
        case "mean":
            return _mean(exact)
        case "median":
            half, odd = divmod(len(exact), 2)
            return exact[half] if odd else _mean(exact[half - 1 : half + 1])
        case "trimmed-mean":
            trim = rule.trim or 0
            trims = trim and len(exact) >= (rule.from_sheets or 0) and len(exact) > 2 * trim
            return _mean(exact[trim:-trim] if trims else exact)
        case _:
            assert_never(rule.method)


def _mean(marks: Sequence[Fraction]) -> Fraction:
    return sum(marks, Fraction(0)) / len(marks)


def rerank(
    rubric: StageRubric, before: Standings, nomination: str, figures: Figures, nominated: Mapping[str, str]
) -> Standings:
    """Return the standings with one nominee's figures changed; one that lacked something may get a rank by it.

    Args:
        rubric: the stage's rubric in the rulebook version of the seal.
        before: the standings that count, each row with its exact aggregates.
        nomination: whose figures change.
        figures: the changed ones, by aspect.
        nominated: when each ranked nominee was nominated, as the wire writes instants, which sorts as time does.
    """
    entries = [_Entry.of(row) for row in before.ranked if row.nomination != nomination]
    unrankable: list[Unrankable] = []
    for row in before.unrankable:
        changed = _changed_lack(rubric, row, figures) if row.nomination == nomination else row
        if isinstance(changed, _Entry):
            entries.append(changed)
        else:
            unrankable.append(changed)
    for ranked in before.ranked:
        if ranked.nomination == nomination:
            aspects = _merged(rubric, ranked.aspects, figures)
            entries.append(_Entry(nomination, ranked.candidate, aspects, _total(rubric, aspects), ranked.sample))
    return Standings(tuple(_placed(rubric, entries, nominated)), tuple(unrankable))


def parted_ranks(
    ranked: Sequence[Standing], orders: Collection[Sequence[str]], gone: Collection[str]
) -> dict[str, int]:
    """Return everybody's rank, best first, once the ties that people broke are taken into account.

    Args:
        ranked: the standings, in which those who remain tied share a rank.
        orders: in which order people put nominees who were tied; the first that covers a shared rank counts, and
            whoever it names keeps the place, gone or not: nobody moves up.
        gone: who takes no seat any more, so that an order need not name them.
    """
    ranks: dict[str, int] = {}
    for rank, rows in groupby(ranked, key=lambda row: row.rank):
        tied = [row.nomination for row in rows]
        order = _covering(tied, orders, gone)
        places = {one: rank + place for place, one in enumerate(order)}
        ranks.update({one: places.get(one, rank) for one in tied})
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def _covering(tied: Sequence[str], orders: Iterable[Sequence[str]], gone: Collection[str]) -> list[str]:
    """Return those who share a rank in the order that people gave them, nobody when they gave them none."""
    wanted = {one for one in tied if one not in gone}
    for order in orders:
        named = [one for one in order if one in tied]
        if len(named) > 1 and wanted <= set(named):
            return named
    return []


# --- one nominee ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """A nominee with a figure for every aspect."""

    nomination: str
    candidate: str
    aspects: tuple[AspectAggregate, ...]
    total: Fraction
    sample: bool

    @classmethod
    def of(cls, row: Standing) -> _Entry:
        return cls(row.nomination, row.candidate, row.aspects, parse_fraction(row.total), row.sample)

    def value(self, aspect: str) -> Fraction:
        return next(parse_fraction(found.value) for found in self.aspects if found.aspect == aspect)


def _merged(rubric: StageRubric, aspects: Iterable[AspectAggregate], figures: Figures) -> tuple[AspectAggregate, ...]:
    """Return a nominee's aggregates with the changed ones in place, in the rubric's order."""
    known = {one.aspect: one for one in aspects} | dict(figures)
    return tuple(known[aspect.code] for aspect in rubric.aspects if aspect.code in known)


def _total(rubric: StageRubric, aspects: Iterable[AspectAggregate]) -> Fraction:
    values = {one.aspect: parse_fraction(one.value) for one in aspects}
    return sum((aspect.share * values[aspect.code] for aspect in rubric.aspects), Fraction(0))


_LACKING: Final[Mapping[Origin, Literal["aspect-unmarked", "unmeasured", "not-carried"]]] = {
    "judged": "aspect-unmarked",
    "measured": "unmeasured",
    "carried": "not-carried",
}


def _changed_lack(rubric: StageRubric, row: Unrankable, figures: Figures) -> Unrankable | _Entry:
    """Return a nominee that lacked something: ranked when the verdict gives all of it, else with what it lacks now."""
    aspects = _merged(rubric, row.aspects or (), figures)
    known = {one.aspect: one for one in aspects}
    if row.reason == "too-few-sheets" and any(_too_few(known.get(one.code), rubric) for one in rubric.judged):
        return row.model_copy(update={"aspects": aspects})
    lacking = next((aspect for aspect in rubric.aspects if aspect.code not in known), None)
    if lacking is not None:
        changed = {"reason": _LACKING[lacking.origin], "aspect": lacking.code, "aspects": aspects}
        return row.model_copy(update=changed)
    return _Entry(row.nomination, row.candidate, aspects, _total(rubric, aspects), row.sample)


def _too_few(found: AspectAggregate | None, rubric: StageRubric) -> bool:
    """Tell whether a judged aspect still rests on too few sheets; a value that a verdict set rests on none (0)."""
    return found is None or 0 < found.sheets < rubric.least_sheets


# --- all nominees --------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """One step of the tie-break: what sorts, least first, and the figure that is told of it."""

    rule: _Rule
    aspect: str | None
    key: Callable[[_Entry], _Key]
    figure: Callable[[_Entry], str]


class _Block(NamedTuple):
    """Nominees that nothing has parted yet, and what parted them from others last."""

    members: tuple[_Entry, ...]
    tie: TieBreak | None


def _steps(rubric: StageRubric, nominated: Mapping[str, str]) -> Iterator[_Step]:
    """Yield the tie-break in single steps, up to the first that people must take."""
    for rule in rubric.tie_break:
        match rule:
            case "aspect":
                by_weight = sorted(rubric.aspects, key=lambda aspect: aspect.share, reverse=True)
                yield from (_by_aspect(aspect.code) for aspect in by_weight)
            case "nomination-instant":
                yield _by_text(rule, lambda one: nominated[one.nomination])
            case "candidate-code":
                yield _by_text(rule, lambda one: one.candidate)
            case "lot" | "vote":
                return
            case _:
                assert_never(rule)


def _by_aspect(code: str) -> _Step:
    return _Step("aspect", code, lambda one: -one.value(code), lambda one: fraction_text(one.value(code)))


def _by_text(rule: _Rule, text: Callable[[_Entry], str]) -> _Step:
    return _Step(rule, None, text, text)


def _parted(block: _Block, steps: Iterable[_Step]) -> list[_Block]:
    """Return those of one total in the order of the tie-break, split as far as it can split them."""
    blocks = [block]
    for step in steps:
        blocks = [part for whole in blocks for part in _split(whole, step)]
    return blocks


def _split(block: _Block, step: _Step) -> list[_Block]:
    if len(block.members) == 1 or len({step.key(one) for one in block.members}) == 1:
        return [block]
    parts: list[_Block] = []
    for _, same in groupby(sorted(block.members, key=step.key), key=step.key):
        members = tuple(same)
        tie = TieBreak(rule=step.rule, aspect=step.aspect, figure=step.figure(members[0]))
        parts.append(_Block(members, tie))
    return parts


def _placed(rubric: StageRubric, entries: Iterable[_Entry], nominated: Mapping[str, str]) -> Iterator[Standing]:
    """Yield the standings, best first; those who remain tied share a rank, in order of their ids."""
    steps = tuple(_steps(rubric, nominated))
    ordered = sorted(sorted(entries, key=lambda one: one.nomination), key=lambda one: one.total, reverse=True)
    ahead = 0
    for _, same in groupby(ordered, key=lambda one: one.total):
        for block in _parted(_Block(tuple(same), None), steps):
            yield from (_standing(rubric, one, ahead + 1, block) for one in block.members)
            ahead += len(block.members)


def _standing(rubric: StageRubric, entry: _Entry, rank: int, block: _Block) -> Standing:
    return Standing(
        nomination=entry.nomination,
        candidate=entry.candidate,
        rank=rank,
        shared=len(block.members) > 1,
        total=fraction_text(entry.total),
        shown=round_exact(entry.total, rubric.rounding.places, rubric.rounding.mode),
        aspects=entry.aspects,
        tie=block.tie,
        sample=entry.sample,
    )
