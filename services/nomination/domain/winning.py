"""Winning: what the end of a tier brings beside who wins or goes on, prizes for ranks and ranks that nobody takes.

A path ends with winners. A province may honour its best and still send them on to the centre: then those who advance
to the next tier by their rank are the ones who receive the province's prizes. A verdict may change who they are, and
who holds which rank among them; then the prizes of the ranks that were taken anew are awarded by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from kernel.decider import Emit
from schemas.envelope import Stage
from schemas.nomination import PrizeAwarded, PrizeText, RankLeftVacant
from schemas.rulebook import Rulebook
from services.nomination.domain.nomination import Cited


def ends_tier(at: Stage, rules: Rulebook) -> bool:
    """Tell whether nothing of the same tier follows a stage: whoever gets beyond it holds a rank that counts."""
    following = rules.stage(at.tier, at.category, at.stage).next
    return following is None or following.tier != at.tier


def crown(
    at: Stage,
    rules: Rulebook,
    taking: Mapping[str, int],
    decided: Cited,
    kept: Iterable[int] = (),
    vacant: Collection[int] = (),
) -> tuple[Emit, ...]:
    """Return the prizes of those whom a decision puts ahead, and at the end of the path the ranks left vacant by it.

    Args:
        at: the stage that was decided on; nothing follows from one inside a tier.
        rules: the rulebook that the decision rests on.
        taking: whom the decision declares winners, lets advance or gives another rank, each with its rank.
        decided: the plenary and the motion that decided.
        kept: the ranks of those who keep theirs.
        vacant: the ranks that are vacant already.
    """
    if not ends_tier(at, rules):
        return ()
    stage = rules.stage(at.tier, at.category, at.stage)
    events: list[PrizeAwarded | RankLeftVacant] = [*_prizes(at, rules, taking, decided)]
    if stage.next is None:
        free = vacant_ranks((*taking.values(), *kept), rules.quota(stage, at.province))
        events += _vacant(at, (rank for rank in free if rank not in vacant), decided)
    return tuple(Emit(at.award, event) for event in events)


def vacated(at: Stage, held: Iterable[int], kept: Iterable[int], decided: Cited) -> Iterator[Emit]:
    """Yield the ranks at the end of a path that nobody fills once only those of the held ones are `kept`."""
    for event in _vacant(at, sorted(covered(held) - covered(kept)), decided):
        yield Emit(at.award, event)


def _prizes(at: Stage, rules: Rulebook, taking: Mapping[str, int], decided: Cited) -> Iterator[PrizeAwarded]:
    plenary, motion = decided
    for nomination, rank in taking.items():
        prize = rules.prize(at.tier, at.category, rank)
        if prize is not None:
            text = PrizeText(id=prize.prize.id, en=prize.prize.en)
            yield PrizeAwarded(nomination=nomination, at=at, rank=rank, prize=text, plenary=plenary, motion=motion)


def _vacant(at: Stage, ranks: Iterable[int], decided: Cited) -> Iterator[RankLeftVacant]:
    plenary, motion = decided
    yield from (RankLeftVacant(at=at, rank=rank, plenary=plenary, motion=motion) for rank in ranks)


def vacant_ranks(taken: Iterable[int], quota: int) -> Iterator[int]:
    """Yield the ranks within a quota that nobody fills, given the ranks of the winners.

    When one of two who shared rank 1 withdrew, the other holds it alone, nobody moves up, and rank 2 is vacant. So
    winners and vacant ranks together are always as many as the quota, since a tie that takes more ranks than are left
    is parted by vote before a motion is put.
    """
    filled = covered(taken)
    return (rank for rank in range(1, quota + 1) if rank not in filled)


def covered(taken: Iterable[int]) -> set[int]:
    """Return the ranks that winners fill: those who share a rank fill as many as they are, from the shared one on."""
    return {rank + more for rank, held in Counter(taken).items() for more in range(held)}
