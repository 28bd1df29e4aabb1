"""Ranks from marks, as simply as it can be said, to hold against what the system says: no code of the system is used.

A nominee's aspect is the mean of its counted marks (or their median, or the mean without the least and the greatest);
its total the weighted mean of its aspects; higher is better. Equal totals are parted by the aspects from the heaviest
on, then, where the rules say so, by who was nominated first; what is equal to the end shares a rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from statistics import median

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Sheet = Mapping[str, Fraction | None]
"""A member's marks by aspect; None: does not apply."""


@dataclass(frozen=True)
class Ranked:
    """One nominee's place."""

    nominee: str
    rank: int
    total: Fraction


@dataclass(frozen=True)
class Rules:
    """Weights by aspect in the rubric's order, how marks become one figure, and how many sheets it takes."""

    weights: Mapping[str, int]
    method: str
    least_sheets: int
    first_come: bool = True
    """Whether who was nominated first goes ahead of its equals."""


def figure(marks: Sequence[Fraction], method: str) -> Fraction:
    """Return one figure for some marks."""
    if method == "median":
        return median(sorted(marks))
    if method == "trimmed-mean" and len(marks) >= 5:
        marks = sorted(marks)[1:-1]
    return sum(marks, Fraction(0)) / len(marks)


def recount(
    rules: Rules,
    sheets: Mapping[str, Sequence[Sheet]],
    carried: Mapping[str, Mapping[str, Fraction]],
    nominated: Mapping[str, datetime],
) -> tuple[list[Ranked], dict[str, str]]:
    """Return the ranked, best first, and why the others have no rank; `carried` are figures that come from before."""
    unrankable: dict[str, str] = {}
    figures: dict[str, dict[str, Fraction]] = {}
    for nominee, filed in sheets.items():
        if len(filed) < rules.least_sheets:
            unrankable[nominee] = "too-few-sheets"
            continue
        found = dict(carried.get(nominee, {}))
        for aspect in rules.weights:
            marks = [mark for sheet in filed if (mark := sheet.get(aspect)) is not None]
            if marks and aspect not in found:
                found[aspect] = figure(marks, rules.method)
        if set(found) == set(rules.weights):
            figures[nominee] = found
        else:
            unrankable[nominee] = "aspect-unmarked"
    whole = sum(rules.weights.values())
    heaviest = sorted(rules.weights, key=lambda aspect: -rules.weights[aspect])

    def key(nominee: str) -> tuple[Fraction, ...]:
        own = figures[nominee]
        total = sum((rules.weights[aspect] * own[aspect] for aspect in rules.weights), Fraction(0)) / whole
        waited = Fraction((nominated[nominee] - _LONG_AGO) // timedelta(microseconds=1)) if rules.first_come else 0
        return (total, *(own[aspect] for aspect in heaviest), -Fraction(waited))

    keys = {nominee: key(nominee) for nominee in figures}
    ranked = [Ranked(nominee, 1 + sum(other > own for other in keys.values()), own[0]) for nominee, own in keys.items()]
    return sorted(ranked, key=lambda one: one.rank), unrankable
