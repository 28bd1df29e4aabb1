"""A nominee's measured figures: what the facts of other systems came to, by measure and its wording.

One stream per nomination (`indicator/…`), written by measuring. A ratio is taken onto an aspect's scale exactly;
without one the aspect is unmeasured, which is neither zero nor last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from kernel.decider import Aggregate, Happened
from schemas.exact import parse_fraction
from schemas.scoring import IndicatorMeasured, Lack, PinnedAspect, PinnedRules
from services.scoring.domain.measure import figure_of

Key = tuple[str, str]
"""A measure's code, and the definition by which it was measured."""


class Measured(NamedTuple):
    """What was measured last by one definition: the ratio, or why there is none; and in which version it stands."""

    version: int
    ratio: Fraction | None
    lack: Lack | None = None
    missing_months: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """Everything that was measured of a nominee, the latest by each measure and definition."""

    latest: Mapping[Key, Measured] = field(default_factory=dict)
    version: int = field(default=0, kw_only=True)
    """Of its stream, as far as it was folded."""
    before: Indicator | None = field(default=None, kw_only=True, compare=False, repr=False)
    """As it was an event earlier."""

    def as_of(self, version: int) -> Indicator:
        """Return the indicator as it was at a version of its stream, or as it is when that is not known here yet."""
        found = self
        while found.version > version and found.before is not None:
            found = found.before
        return found

    def measured(self, aspect: PinnedAspect) -> Measured | None:
        """Return what was measured for an aspect as its stage pinned it; None while nothing was."""
        if aspect.measure is None or aspect.definition is None:
            return None
        return self.latest.get((aspect.measure, aspect.definition))

    def ratio(self, aspect: PinnedAspect) -> Fraction | None:
        """Return the ratio that counts for an aspect, None where there is none."""
        found = self.measured(aspect)
        return None if found is None else found.ratio


def _indicator(state: Indicator, happened: Happened) -> Indicator:
    latest = state.latest
    match happened.event:
        case IndicatorMeasured() as event:
            ratio = None if event.ratio is None else parse_fraction(event.ratio)
            said = Measured(happened.version, ratio, event.lack, event.missing_months)
            latest = {**latest, (event.measure, event.definition): said}
        case _:
            pass
    return Indicator(latest, version=happened.version, before=state)


INDICATOR: Final = Aggregate(initial=Indicator, evolve=_indicator, kind="indicator")
NOTHING: Final = Indicator()


def indicator_stream(nomination: str) -> str:
    """Return the stream on which a nomination's measured figures are told."""
    return f"indicator/{nomination}"


def is_measured(rules: PinnedRules) -> bool:
    """Tell whether an aspect of a stage is taken from other systems' facts, by a measure that the stage pinned."""
    return any(True for _ in measured_aspects(rules.aspects))


def measured_aspects(aspects: Iterable[PinnedAspect]) -> Iterator[PinnedAspect]:
    """Yield the aspects that are measured; stages of before pinned no measure, and theirs have no figure."""
    return (one for one in aspects if one.origin == "measured" and one.measure is not None)


def on_scale(aspect: PinnedAspect, ratio: Fraction) -> Fraction:
    """Return a ratio's figure on an aspect's scale, exactly: nothing is its least, the whole its greatest."""
    return figure_of(ratio, aspect.least, aspect.greatest)


def measured_figures(rules: PinnedRules, indicator: Indicator) -> dict[str, Fraction]:
    """Return a nominee's measured figures by aspect; what was not measured is left out."""
    ratios = ((aspect, indicator.ratio(aspect)) for aspect in measured_aspects(rules.aspects))
    return {aspect.code: on_scale(aspect, ratio) for aspect, ratio in ratios if ratio is not None}
