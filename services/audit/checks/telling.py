"""How checks tell what they find, and how near two streams may lie: their times are those of different hands.

Within a stream versions order; between streams only the recorded time does, and who wrote a moment later may not yet
have seen it. So what lies within a few seconds of a decision may have come before or after it: either is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from kernel.canonical import canonical, from_instant, instant
from services.audit.findings import Place

Fault = tuple[str, Place, str]

NEAR: Final = timedelta(seconds=10)
UNREADABLE: Final = (LookupError, TypeError, ValueError, ArithmeticError)


def told(code: str, place: Place, faults: Iterable[str]) -> Iterator[Fault]:
    """Give faults their place; what cannot be computed for want of something sound is a fault too."""
    try:
        for what in faults:
            yield code, place, what
    except UNREADABLE as error:
        yield code, place, f"it cannot be computed anew: {error}"


@lru_cache(256)
def before(moment: str) -> str:
    """Return the instant up to which everything was certainly there at a moment; at the calendar's begin it."""
    try:
        return instant(from_instant(moment) - NEAR)
    except OverflowError:
        return moment


@lru_cache(256)
def after(moment: str) -> str:
    """Return the instant up to which something can have been there at a moment; at the calendar's end, the moment."""
    try:
        return instant(from_instant(moment) + NEAR)
    except OverflowError:
        return moment


def text(value: Any) -> str:
    """Return a value as canonical JSON."""
    return canonical(value).decode()
