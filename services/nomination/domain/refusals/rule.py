"""What a refusal is: its HTTP status, why, and the remedy, each said in both languages."""

from __future__ import annotations

from typing import Final, NamedTuple

from kernel.decider import Text

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
UNFIT: Final = 422


class Rule(NamedTuple):
    """One refusal: its HTTP status, why, and the remedy."""

    status: int
    why: Text
    remedy: Text


def rule(status: int, en: str, id_: str, remedy_en: str, remedy_id: str) -> Rule:
    """Return a rule from its sentences; they may name values in braces."""
    return Rule(status, Text(en, id_), Text(remedy_en, remedy_id))
