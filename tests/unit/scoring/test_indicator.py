"""Given what was measured of a nominee; then its figures on the scale, and what they were at every version."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.indicator import (
    INDICATOR,
    Indicator,
    Measured,
    indicator_stream,
    is_measured,
    measured_figures,
    on_scale,
)
from tests.unit.scoring.given import DEFINITION, MEASURE, N1, aspect, happened, measured, measured_aspect, pinned

RULES = pinned(measured_aspect(), aspect("kinerja", "1/2"))


def an_indicator(*ratios: str | None) -> Indicator:
    """Return what was measured, one after another."""
    return INDICATOR.fold(happened(indicator_stream(N1), [measured(ratio=one) for one in ratios]))


def test_nothing_was_measured_of_whom_nothing_is_said():
    assert measured_figures(RULES, Indicator()) == {}


def test_the_latest_measurement_counts():
    assert measured_figures(RULES, an_indicator("1/2", "2/3")) == {"kepatuhan": Fraction(200, 3)}


def test_a_lack_takes_the_figure_away_and_says_why():
    found = an_indicator("1/2", None)
    assert measured_figures(RULES, found) == {}
    assert found.measured(measured_aspect()) == Measured(2, None, "no-facts")


def test_another_wording_and_another_measure_are_other_figures():
    history = happened(
        indicator_stream(N1), [measured(), measured(definition="f" * 64, ratio="1/1"), measured(measure="cakupan")]
    )
    found = INDICATOR.fold(history)
    assert measured_figures(RULES, found) == {"kepatuhan": Fraction(50)}
    other = pinned(measured_aspect(definition="f" * 64), measured_aspect("cakupan", measure="cakupan"))
    assert measured_figures(other, found) == {"kepatuhan": Fraction(100), "cakupan": Fraction(50)}


def test_a_stage_of_before_pinned_no_measure_and_has_no_figure():
    old = pinned(aspect("kepatuhan", "1/2", "measured"), aspect("kinerja", "1/2"))
    assert not is_measured(old)
    assert measured_figures(old, an_indicator("1/2")) == {}
    assert is_measured(RULES)
    assert not is_measured(pinned())


def test_the_indicator_is_known_as_it_was_at_a_version():
    found = an_indicator("1/2", None, "3/4")
    ratios = [found.as_of(version).ratio(measured_aspect()) for version in range(5)]
    assert ratios == [None, Fraction(1, 2), None, Fraction(3, 4), Fraction(3, 4)]
    assert [found.as_of(version).version for version in range(5)] == [0, 1, 2, 3, 3]
    assert found.latest == {(MEASURE, DEFINITION): Measured(3, Fraction(3, 4))}


@given(st.fractions(0, 1), st.integers(-50, 50), st.integers(1, 50))
def test_a_ratio_is_taken_onto_the_scale_exactly(ratio, least, width):
    one = measured_aspect(least=str(least), greatest=str(least + width))
    assert least <= on_scale(one, ratio) <= least + width
    assert (on_scale(one, ratio) - least) / width == ratio
