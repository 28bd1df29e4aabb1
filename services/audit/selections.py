"""How streams are chosen: by name, or by how their names begin, written with a `*` at the end.

Names are ASCII and compared by bytes, in the audit's tables as here, so that a choice is one range of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SELECTION: Final = r"^[a-z]+/[A-Za-z0-9._/-]*\*?$"
MOST_SELECTED: Final = 20
"""Choices of one request at most."""
_BEFORE_ALL, _AFTER_ALL = "\x01", "\x7f"
"""What sorts before and after every character of a name."""


def range_of(selection: str) -> tuple[str, str]:
    """Return from which name on, and below which, the streams of a choice lie."""
    begin = selection.removesuffix("*")
    return begin, begin + (_AFTER_ALL if selection.endswith("*") else _BEFORE_ALL)


def in_order(selections: Iterable[str]) -> list[str]:
    """Return choices in the order of their streams, without those that others hold already."""
    found: list[str] = []
    for one in sorted(set(selections), key=lambda one: (range_of(one)[0], not one.endswith("*"))):
        if not found or not _holds(found[-1], one):
            found.append(one)
    return found


def _holds(wider: str, other: str) -> bool:
    (lower, upper), (begin, end) = range_of(wider), range_of(other)
    return lower <= begin and end <= upper
