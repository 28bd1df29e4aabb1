"""Open votes that stand no more: whose they are, what became of their members, who saw to it, and that it came later.

Such a vote voids its motion, which is put again to those who are left. Whoever removes a member or records a conflict
for one knows how that member voted, and can so keep a vote from being cast again. The rule stands all the same, since
nobody decides on a candidate in whom there is an interest, whoever told of it. So it is never silent: checklist and
minutes name the vote that fell away, and who saw to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.nomination import Vote
from schemas.rulebook import Rulebook
from services.nomination.domain.committee import Act, Candidates, Committee, Conflict
from services.nomination.domain.motion import left_voters
from services.nomination.domain.plenary import Motion, Plenary

Cause = Literal["declared", "recorded", "own-interest", "removed"]
"""A conflict that the member declared or that another recorded, an own employer or government, a seat that was lost."""


@dataclass(frozen=True, slots=True)
class LostVote:
    """A vote that stands no more. `by` and `since` are None for an own interest, which an appointment stated."""

    person: str
    vote: Vote
    cast: datetime | None
    cause: Cause
    by: str | None = None
    since: datetime | None = None
    later: bool = True
    """It came after the vote; a rulebook that was amended may make an older conflict reach further."""


def lost_votes(
    motion: Motion, plenary: Plenary, rules: Rulebook, committee: Committee, candidates: Candidates
) -> Iterator[LostVote]:
    """Yield the votes on an undecided motion that stand no more, by person.

    Args:
        motion: one of the meeting's motions.
        plenary: the meeting.
        rules: the rules that the motion goes by.
        committee: the committees of its place as they stand.
        candidates: of every nomination that the motion concerns.
    """
    if motion.outcome is not None:
        return
    formed = committee.bodies[plenary.body]
    named = {one: candidates.get(one) for one in motion.nominations}
    recused = committee.recused(rules.conflicts, motion.item.category, named)
    for person in sorted(left_voters(motion, rules.body(plenary.body), formed, recused)):
        vote, cast = motion.votes[person], motion.cast.get(person)
        when = cast.time if cast else None
        if person not in recused:
            yield _by(formed.removed.get(person), LostVote(person, vote, when, "removed"), cast)
        elif (declared := _conflict(person, motion, rules, committee)) is None:
            yield LostVote(person, vote, when, "own-interest")
        else:
            own = declared.act is not None and declared.act.by == person
            lost = LostVote(person, vote, when, "declared" if own else "recorded")
            yield _by(declared.act, lost, cast)


def _conflict(person: str, motion: Motion, rules: Rulebook, committee: Committee) -> Conflict | None:
    """Return the first conflict by which a member is recused on a motion."""
    of_person = (one for one in committee.conflicts if one.person == person)
    bearing = (one for one in of_person if one.bears_on(rules.conflicts, motion.item.category, motion.nominations))
    return next(bearing, None)


def _by(act: Act | None, lost: LostVote, cast: Act | None) -> LostVote:
    if act is None:
        return lost
    later = cast is None or act.position > cast.position
    return LostVote(lost.person, lost.vote, lost.cast, lost.cause, act.by, act.time, later)
