"""Exact arithmetic for official scores: decimals as people write them, fractions as records keep them, one rounding.

An aggregate is a `Fraction` until the one rounding that a rulebook states; neither floats nor any number of decimal
digits will do, since a tie can hang on a third. Decimals are read by the locale of the channel they came through
(Indonesian `87,5`, English `87.5`), and what that locale cannot tell apart is refused, never guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, assert_never

Locale = Literal["id", "en"]
RoundingMode = Literal["half-up", "half-even", "half-down", "up", "down"]

MAX_DIGITS: Final = 30
"""More digits than any official figure has; a longer text is refused before it is computed with."""

_PLAIN: Final = re.compile(r"(?P<sign>-?)(?P<whole>0|[1-9][0-9]*)(?:\.(?P<fraction>[0-9]+))?")
_PADDED: Final = re.compile(r"-?0[0-9]+(?:\.[0-9]+)?")
_GROUPED: Final = re.compile(r"-?[0-9]{1,3}(?:(?P<mark>[.,])[0-9]{3})+")
_FRACTION: Final = re.compile(r"(?P<numerator>-?(?:0|[1-9][0-9]*))/(?P<denominator>[1-9][0-9]*)")
_DECIMAL_MARK: Final[dict[Locale, str]] = {"id": ",", "en": "."}
_GROUP_MARK: Final[dict[Locale, str]] = {"id": ".", "en": ","}


class NotExact(ValueError):
    """A text is no number of the stated form; the message says what to write instead."""


def parse_decimal(text: str, locale: Locale) -> Decimal:
    """Read one decimal as written in `locale`: `87,5` in Indonesian, `87.5` in English, `87` in both.

    Thousands marks are not read: `1.250` is a thousand and more to one reader and one and a quarter to the other, so
    such a text is refused in every locale unless the locale's own decimal mark makes it plain. Zero has no sign, and
    no number begins with zeros that mean nothing: `-0` and `00090` are slips of the hand. Raises NotExact.
    """
    text = text.strip()
    mark, group = _DECIMAL_MARK[locale], _GROUP_MARK[locale]
    if group in text:
        if _GROUPED.fullmatch(text):
            raise NotExact(f"{text!r} is ambiguous: write it without a thousands mark and with {mark!r} for decimals")
        raise NotExact(f"{text!r} uses {group!r}: in this locale decimals are written with {mark!r}")
    plain = text.replace(mark, ".")
    match = _PLAIN.fullmatch(plain)
    if match is None and _PADDED.fullmatch(plain):
        raise NotExact(f"{text[:MAX_DIGITS]!r} begins with zeros: write it without them")
    if match is None:
        raise NotExact(f"{text!r} is not a number: write digits, with {mark!r} before decimals")
    if len(match["whole"]) + len(match["fraction"] or "") > MAX_DIGITS:
        raise NotExact(f"{text[:MAX_DIGITS]!r}… has more than {MAX_DIGITS} digits")
    number = Decimal(match[0])
    if match["sign"] and not number:
        raise NotExact(f"{text!r} is no number that anybody means: write zero without a sign")
    return number


def fraction_text(number: Fraction | Decimal | int) -> str:
    """Return the canonical `numerator/denominator`: lowest terms, positive denominator, whole numbers as `n/1`."""
    exact = Fraction(number)
    return f"{exact.numerator}/{exact.denominator}"


def parse_fraction(text: str) -> Fraction:
    """Read the canonical form written by `fraction_text`, and no other (so equal numbers are equal texts).

    Raises NotExact.
    """
    match = _FRACTION.fullmatch(text)
    if match is None:
        raise NotExact(f"{text!r} is not a fraction: write it as numerator/denominator, for example 262/3")
    number = Fraction(int(match["numerator"]), int(match["denominator"]))
    if fraction_text(number) != text:
        raise NotExact(f"{text!r} is not in lowest terms: write {fraction_text(number)}")
    return number


def round_exact(number: Fraction, places: int, mode: RoundingMode) -> str:
    """Round once, to `places` decimals, and return plain digits with exactly that many places (never `-0`).

    `half-up` and `half-down` move a tie away from and towards zero, `half-even` to the even neighbour; `up` and
    `down` move any rest away from and towards zero (the names of `decimal`). Raises ValueError for negative places.
    """
    if places < 0:
        raise ValueError("places cannot be negative")
    scaled = abs(number) * 10**places
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    if rest and _moves_away(whole, Fraction(rest, scaled.denominator), mode):
        whole += 1
    digits = str(whole).rjust(places + 1, "0")
    sign = "-" if number < 0 and whole else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def _moves_away(whole: int, rest: Fraction, mode: RoundingMode) -> bool:
    """Tell whether a non-zero `rest` below one rounds the magnitude up to the next whole."""
    half = Fraction(1, 2)
    match mode:
        case "half-up":
            return rest >= half
        case "half-down":
            return rest > half
        case "half-even":
            return rest > half or (rest == half and whole % 2 == 1)
        case "up":
            return True
        case "down":
            return False
        case _:
            assert_never(mode)
