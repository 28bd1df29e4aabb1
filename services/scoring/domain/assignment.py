"""Who scores whom, where a stage's rulebook has only some of a body's members score each nominee: a draw by a seed.

The draw is fair and can be repeated by anybody with SHA-256 alone. The seed is 32 bytes, written as 64 lowercase hex
digits; `H(text)` is the SHA-256 of the text in UTF-8, and hashes are compared as numbers (as hex texts do). Given `k`
members to a nominee, the nominees that compete at the stage, and who was drawn before:

1. A member is *eligible* for a nominee when it sits in the body in an office that scores, has not seen marks of the
   stage (`MarksSeen`), and is not recused on the nominee (`Committee.is_recused`; what is only flagged recuses nobody).
   Of those drawn before only these count.
2. A member's *load* is the number of competing nominees that it was drawn for and is eligible for.
3. The nominees are taken in the order of `H(<seed>/<nomination>)`, the least first.
4. A nominee with fewer than `k` eligible drawn members gets, until it has `k`, the eligible member of the least load
   that was never drawn for it; members of one load go in the order of `H(<seed>/<nomination>/<member>)`, the least
   first. Whoever is drawn has its load raised by one at once. Where no one is left, all are drawn, and the nominee
   stays with fewer.

Ids are UUIDs in lowercase. Nothing that was drawn is ever taken back, so a second draw only fills what removals,
recusals and late admissions have opened. When all members are eligible for all nominees and nobody was drawn before,
their loads differ by one at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from kernel.decider import Decision, Emit, Refusal
from schemas.envelope import Stage
from schemas.scoring import Assignment, ScorersAssigned
from services.scoring.domain import refusals
from services.scoring.domain.received import Committee, Nomination, Nominee, Season
from services.scoring.domain.stage import (
    Closed,
    Open,
    RankingState,
    Sealed,
    Unopened,
    held,
    office_refusal,
    term_refusal,
)

Drawn = Mapping[str, Iterable[str]]
"""Members by nomination."""


@dataclass(frozen=True, slots=True)
class AssignScorers:
    """Draw scorers for the nominees that have too few, by a seed of 64 hex digits."""

    at: Stage
    person: str
    seed: str
    received: datetime


def decide_assign(
    ranking: RankingState,
    season: Season,
    committee: Committee,
    nominations: Iterable[Nomination],
    command: AssignScorers,
) -> Decision:
    """Draw members for every competing nominee that has fewer than the rulebook asks for and could have more."""
    match ranking:
        case Unopened():
            return refusals.not_opened(command.at)
        case Closed() | Sealed():
            return refusals.already_closed(command.at)
        case Open():
            pass
        case _:
            assert_never(ranking)
    refusal = (
        held(season, command.at)
        or office_refusal(ranking, committee, command.person)
        or term_refusal(season, committee, command.at, ranking.opened.body, command.received)
    )
    if refusal:
        return refusal
    wanted = ranking.opened.rules.per_nominee
    if wanted is None:
        return refusals.all_members_score(command.at)
    competing = [one.nominee for one in nominations if one.competes_at(command.at)]
    added = draw(command.seed, wanted, eligible_scorers(ranking, committee, competing), ranking.assigned)
    return _drawn(command, wanted, added)


def _drawn(command: AssignScorers, wanted: int, added: Mapping[str, Sequence[str]]) -> Sequence[Emit] | Refusal:
    if not added:
        return refusals.nobody_to_draw(wanted)
    assignments = tuple(
        Assignment(nomination=nomination, members=tuple(members)) for nomination, members in added.items()
    )
    assigned = ScorersAssigned(at=command.at, seed=command.seed, per_nominee=wanted, assignments=assignments)
    return [Emit(command.at.ranking, assigned)]


def eligible_scorers(
    ranking: Open | Closed | Sealed, committee: Committee, nominees: Iterable[Nominee]
) -> dict[str, tuple[str, ...]]:
    """Return for each nomination who sits in the stage's body, scores there, saw no marks, and is not recused on it."""
    rules = ranking.opened.rules
    sitting = committee.scorers_of(ranking.opened.body, rules.scoring_offices)
    seated = [member for member in sitting if member not in ranking.readers]
    return {
        one.nomination: tuple(member for member in seated if not committee.is_recused(member, one, rules))
        for one in nominees
    }


def draw(seed: str, wanted: int, eligible: Drawn, drawn: Drawn) -> dict[str, tuple[str, ...]]:
    """Return whom the draw adds to which nominee, in the order drawn (the module states the algorithm).

    `eligible` has every competing nominee; `drawn` are the earlier draws, who may be eligible no more.
    """
    able = {nomination: set(members) for nomination, members in eligible.items()}
    serving = {nomination: able[nomination] & set(drawn.get(nomination, ())) for nomination in able}
    load = dict.fromkeys((member for members in able.values() for member in members), 0)
    for members in serving.values():
        for member in members:
            load[member] += 1
    added: dict[str, tuple[str, ...]] = {}
    for nomination in sorted(able, key=lambda one: _hash(f"{seed}/{one}")):
        free = sorted(
            able[nomination] - serving[nomination],
            key=lambda member: (load[member], _hash(f"{seed}/{nomination}/{member}")),
        )
        chosen = free[: max(0, wanted - len(serving[nomination]))]
        for member in chosen:
            load[member] += 1
        if chosen:
            added[nomination] = tuple(chosen)
    return added


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
