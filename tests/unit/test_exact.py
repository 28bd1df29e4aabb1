"""Exact arithmetic: reading by locale, canonical fractions, the one rounding."""

from __future__ import annotations

from contextlib import suppress
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
    localcontext,
)
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.exact import Locale, NotExact, RoundingMode, fraction_text, parse_decimal, parse_fraction, round_exact

LOCALES: tuple[Locale, ...] = ("id", "en")
MODES: dict[RoundingMode, str] = {
    "half-up": ROUND_HALF_UP,
    "half-even": ROUND_HALF_EVEN,
    "half-down": ROUND_HALF_DOWN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
}


@pytest.mark.parametrize(
    ("text", "locale", "number"),
    [
        ("87,5", "id", "87.5"),
        ("87.5", "en", "87.5"),
        ("87", "id", "87"),
        ("87", "en", "87"),
        (" 0,25 ", "id", "0.25"),
        ("-3,5", "id", "-3.5"),
        ("1,250", "id", "1.250"),
        ("87.50", "en", "87.50"),
        ("0,0", "id", "0.0"),
    ],
)
def test_a_decimal_is_read_by_the_locale_of_its_channel(text: str, locale: Locale, number: str) -> None:
    assert str(parse_decimal(text, locale)) == number


@pytest.mark.parametrize(
    ("text", "locale", "says"),
    [
        ("87.5", "id", "decimals are written with ','"),
        ("87,5", "en", "decimals are written with '.'"),
        ("1.250", "id", "ambiguous"),
        ("1,250", "en", "ambiguous"),
        ("1.250.000", "id", "ambiguous"),
        ("1.250,5", "id", "decimals are written"),
        ("", "id", "not a number"),
        ("satu", "id", "not a number"),
        ("1e3", "en", "not a number"),
        ("NaN", "en", "not a number"),
        ("٨٧", "en", "not a number"),
        ("8 7", "id", "not a number"),
        ("87,", "id", "not a number"),
        (",5", "id", "not a number"),
        ("87,5,5", "id", "not a number"),
        ("9" * 31, "id", "more than 30 digits"),
        ("-0", "id", "zero without a sign"),
        ("-0,0", "id", "zero without a sign"),
        ("00090", "id", "begins with zeros"),
        ("-007.5", "en", "begins with zeros"),
        ("00", "en", "begins with zeros"),
    ],
)
def test_what_a_locale_cannot_tell_is_refused_never_guessed(text: str, locale: Locale, says: str) -> None:
    with pytest.raises(NotExact, match=says):
        parse_decimal(text, locale)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4), st.sampled_from(LOCALES))
def test_every_decimal_survives_being_written_and_read(number: Decimal, locale: Locale) -> None:
    text = format(number, "f")
    assert parse_decimal(text.replace(".", ",") if locale == "id" else text, locale) == number


@given(st.text(max_size=40), st.sampled_from(LOCALES))
def test_any_text_is_a_decimal_or_refused(text: str, locale: Locale) -> None:
    with suppress(NotExact):
        assert parse_decimal(text, locale).is_finite()


@given(st.fractions())
def test_a_fraction_has_one_text_and_the_text_one_fraction(number: Fraction) -> None:
    assert parse_fraction(fraction_text(number)) == number


@pytest.mark.parametrize("text", ["2/4", "1/0", "1", "1/-2", " 1/2", "01/2", "-0/1", "0/2", "1/2\n", "½", ""])
def test_only_the_canonical_fraction_is_read(text: str) -> None:
    with pytest.raises(NotExact):
        parse_fraction(text)


def test_a_third_is_kept_where_no_number_of_digits_would_do() -> None:
    assert fraction_text(Fraction(262, 3)) == "262/3"
    assert fraction_text(Decimal("87.5")) == "175/2"
    assert fraction_text(87) == "87/1"


@pytest.mark.parametrize(
    ("number", "places", "mode", "text"),
    [
        (Fraction(262, 3), 2, "half-up", "87.33"),
        (Fraction(175, 2), 0, "half-up", "88"),
        (Fraction(175, 2), 0, "half-even", "88"),
        (Fraction(173, 2), 0, "half-even", "86"),
        (Fraction(173, 2), 0, "half-down", "86"),
        (Fraction(1, 3), 2, "up", "0.34"),
        (Fraction(2, 3), 2, "down", "0.66"),
        (Fraction(-1, 1000), 2, "half-up", "0.00"),
        (Fraction(-5, 1000), 2, "half-up", "-0.01"),
        (Fraction(5), 2, "half-up", "5.00"),
    ],
)
def test_rounding_by_hand(number: Fraction, places: int, mode: RoundingMode, text: str) -> None:
    assert round_exact(number, places, mode) == text


@given(
    st.decimals(min_value=-(10**6), max_value=10**6, places=6),
    st.integers(min_value=0, max_value=5),
    st.sampled_from(sorted(MODES)),
)
def test_rounding_agrees_with_the_decimal_specification(number: Decimal, places: int, mode: RoundingMode) -> None:
    with localcontext() as context:
        context.prec = 40
        expected = number.quantize(Decimal(1).scaleb(-places), rounding=MODES[mode])
    rounded = round_exact(Fraction(number), places, mode)
    assert Decimal(rounded) == expected
    assert not rounded.startswith("-0") or Decimal(rounded) != 0
    assert len(rounded.partition(".")[2]) == places


def test_places_are_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        round_exact(Fraction(1), -1, "half-up")
