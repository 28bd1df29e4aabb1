"""How far the body of a stage with verification has come with a nomination: what was found, and what is to be mended.

The states are a nomination's own, one per stage that verifies; `verification` has the commands that lead to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from schemas.nomination import (
    Defect,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
)

CheckEvent = NominationVerified | NominationReturned | NominationResubmitted | NominationRejected


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Nobody of the body has said anything yet."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Found in order, by whom."""

    verifier: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Handed back: `defects` are to be mended by the last instant `until`."""

    until: datetime
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """The nominating body says that the defects are mended."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It could not be verified; its way ended there."""


Check = Unchecked | Verified | Returned | Resubmitted | Rejected
UNCHECKED = Unchecked()


def checked(event: CheckEvent) -> Check:
    """Return the state that an event leaves a nomination's check in."""
    match event:
        case NominationVerified():
            return Verified(event.verifier)
        case NominationReturned():
            return Returned(event.until, event.defects)
        case NominationResubmitted():
            return Resubmitted()
        case NominationRejected():
            return Rejected()
        case _:
            assert_never(event)
