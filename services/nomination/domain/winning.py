"""Winning: what the end of a tier brings beside who wins or goes on, prizes for ranks and ranks that nobody takes.

A path ends with winners. A province may honour its best and still send them on to the centre: then those who advance
to the next tier by their rank are the ones who receive the province's prizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kernel.decider import Emit
from schemas.envelope import Stage
from schemas.nomination import PrizeAwarded, PrizeText, RankLeftVacant, StageAdvanced, WinnerDeclared
from schemas.rulebook import Rulebook
from services.nomination.domain.nomination import Cited


def crown(
    at: Stage, rules: Rulebook, ahead: Sequence[WinnerDeclared | StageAdvanced], decided: Cited
) -> tuple[Emit, ...]:
    """Return the prizes of those whom a decision puts ahead, and at the end of the path the ranks left vacant.

    Args:
        at: the stage that was decided on; nothing follows from one inside a tier.
        rules: the rulebook that the decision rests on.
        ahead: whom the decision declares winners or lets advance, each with its rank.
        decided: the plenary and the motion that decided.
    """
    stage = rules.stage(at.tier, at.category, at.stage)
    if stage.next is not None and stage.next.tier == at.tier:
        return ()
    ranks = {one.nomination: one.rank for one in ahead}
    events: list[PrizeAwarded | RankLeftVacant] = [*prizes(at, rules, ranks, decided)]
    if stage.next is None:
        vacant = vacant_ranks(ranks.values(), rules.quota(stage, at.province))
        plenary, motion = decided
        events += (RankLeftVacant(at=at, rank=rank, plenary=plenary, motion=motion) for rank in vacant)
    return tuple(Emit(at.award, event) for event in events)


def prizes(at: Stage, rules: Rulebook, ranks: Mapping[str, int], decided: Cited) -> Iterator[PrizeAwarded]:
    """Yield what the rulebook gives to those who take these ranks, by nomination, by a decision on a stage."""
    plenary, motion = decided
    for nomination, rank in ranks.items():
        prize = rules.prize(at.tier, at.category, rank)
        if prize is not None:
            text = PrizeText(id=prize.prize.id, en=prize.prize.en)
            yield PrizeAwarded(nomination=nomination, at=at, rank=rank, prize=text, plenary=plenary, motion=motion)


def vacant_ranks(taken: Iterable[int], quota: int) -> Iterator[int]:
    """Yield the ranks within a quota that nobody fills, given the ranks of the winners.

    Those who share a rank take as many ranks as they are, from the shared one on: of 1, 1, 3 nobody holds rank 2 by
    name, and yet it is not vacant but shared away. When one of the two withdrew, the other holds rank 1 alone, nobody
    moves up, and rank 2 is vacant. So winners and vacant ranks together are always as many as the quota, since a tie
    that takes more ranks than are left is parted by vote before a motion is put.
    """
    filled = covered(taken)
    return (rank for rank in range(1, quota + 1) if rank not in filled)


def covered(taken: Iterable[int]) -> set[int]:
    """Return the ranks that winners fill: those who share a rank fill as many as they are, from the shared one on."""
    return {rank + more for rank, held in Counter(taken).items() for more in range(held)}
