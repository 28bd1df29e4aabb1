"""What a motion may propose, who may vote on it, and whether the votes carry it: arithmetic on a seal and a committee.

Those who advance are ranks 1 to the quota of the sealed standings, in order. A candidate that withdrew after the seal
leaves its seat empty and nobody moves up. Shared ranks are not parted here: when they do not fit the seats that are
left, the committee breaks the tie first, and those who shared rank r then hold r, r+1, … in the order that it chose.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.nomination import Quorum, Tally
from schemas.rulebook import Body, Rulebook
from schemas.scoring import RankingSealed
from services.nomination.domain.committee import Committee, FormedBody, candidates_of
from services.nomination.domain.nomination import NominationState
from services.nomination.domain.plenary import BreakTie, Motion
from services.nomination.domain.refusals import refuse

CONFIRMATIONS: Final = 2
"""How many members confirm the count of a secret vote on paper."""
_NO_VOTES: Final = Tally(votes_for=0, votes_against=0, abstained=0)


# --- what a seal proposes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who is to advance, in rank order, and who is to leave: below the quota first, then the unrankable."""

    advancing: tuple[str, ...]
    eliminated: tuple[str, ...]


def effective_ranks(said: RankingSealed, broken: Iterable[BreakTie] = ()) -> dict[str, int]:
    """Return the rank of every ranked nomination, in the order of the ranks, once ties were broken.

    Args:
        said: the sealed ranking.
        broken: the ties on it that were broken; who shared rank r holds r, r+1, … in the order chosen.
    """
    ranks = {row.nomination: row.rank for row in said.standings}
    for tie in broken:
        ranks.update({nomination: tie.rank + place for place, nomination in enumerate(tie.order)})
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def proposal(said: RankingSealed, quota: int, competing: Collection[str], broken: Iterable[BreakTie] = ()) -> Proposal:
    """Return what a seal proposes under a quota; raise Refused for a tie that must be broken first.

    Args:
        said: the sealed ranking.
        quota: how many seats there are.
        competing: the nominations that still stand at the stage; the others left their seats empty.
        broken: the ties on the seal that were broken.
    """
    ranks = {nomination: rank for nomination, rank in effective_ranks(said, broken).items() if nomination in competing}
    tied = tied_at_cut(ranks.values(), quota)
    if tied is not None:
        names = ", ".join(row.candidate for row in said.standings if ranks.get(row.nomination) == tied)
        raise refuse("tie-at-the-cut", "item", tied, tied=names, places=quota - tied + 1)
    leaving = [*(nomination for nomination, rank in ranks.items() if rank > quota)]
    leaving += [row.nomination for row in said.unrankable if row.nomination in competing]
    return Proposal(tuple(nomination for nomination, rank in ranks.items() if rank <= quota), tuple(leaving))


def tied_at_cut(ranks: Collection[int], quota: int) -> int | None:
    """Return the last rank within the quota when more nominees share it than seats are left from it on, else None."""
    last = max((rank for rank in ranks if rank <= quota), default=None)
    if last is None or list(ranks).count(last) <= quota - last + 1:
        return None
    return last


# --- counting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """Who takes part in deciding a motion, and what they said."""

    quorum: Quorum
    tally: Tally
    base: int
    """How many the majority is a share of."""
    confirmed: int = 0
    """How many members confirmed the count of a secret vote on paper."""
    electorate: int = 0
    """How many members can have cast a paper: seated and unrecused now, and present when the papers were counted."""


def recused_on(
    motion: Motion, committee: Committee, rules: Rulebook, nominations: Mapping[str, NominationState]
) -> frozenset[str]:
    """Return who may take no part in a motion: who is recused on one of its candidates."""
    candidates = candidates_of(motion.nominations, nominations)
    return committee.recused(rules.conflicts, motion.item.category, candidates)


def left_voters(motion: Motion, body: Body, formed: FormedBody, recused: Collection[str]) -> frozenset[str]:
    """Return who voted openly on a motion and may take part in it no more.

    Whoever removes a member or declares a conflict knows how that member voted. So such a vote is not taken out of the
    count: the question is put again, to those who are left.
    """
    return frozenset(motion.votes) - free_to_vote(body, formed, recused)


def quorum_of(body: Body, formed: FormedBody, recused: Collection[str], present: Collection[str]) -> Quorum:
    """Return the quorum of an item as it is now.

    It is stated on all seats, vacant and recused ones included; only members present and unrecused fill it.
    """
    here = free_to_vote(body, formed, recused) & set(present)
    return Quorum(
        seats=body.seats,
        present=len(here),
        required=body.quorum.needed(body.seats),
        recused=tuple(sorted(set(formed.holders.values()) & set(recused))),
    )


def free_to_vote(body: Body, formed: FormedBody, recused: Collection[str]) -> set[str]:
    """Return who holds a seat that votes by the body's rules and is not recused, present or not."""
    seated = {person for seat, person in formed.holders.items() if body.votes(seat.office, seat.number)}
    return seated - set(recused)


def check_quorum(quorum: Quorum, path: str) -> None:
    """Refuse when present, unrecused members fill too few seats."""
    if quorum.present < quorum.required:
        raise refuse("no-quorum", path, quorum.present, seats=quorum.seats, required=quorum.required)


def count(body: Body, formed: FormedBody, recused: Collection[str], present: Collection[str], motion: Motion) -> Count:
    """Count a motion anew: recusal and removal reach back over attendance and confirmations, and void open votes.

    A vote stays when its member left the room later. An open motion is counted when all who voted may still do so. On
    paper nobody knows who voted what, so the tally stands as it was confirmed, and those who can have voted are the
    members who were present when it was stated.
    """
    free = free_to_vote(body, formed, recused)
    here = free & set(present)
    electorate = free & motion.counted_among
    if motion.ballot == "paper":
        tally, voted = motion.tally or _NO_VOTES, electorate
    else:
        tally, voted = _tally(motion), set(motion.votes)
    bases = {
        "seats": body.seats,
        "present": len(here | voted),
        "cast": tally.votes_for + tally.votes_against,
    }
    return Count(
        quorum_of(body, formed, recused, present),
        tally,
        bases[body.majority.base],
        confirmed=len(free & motion.confirmed),
        electorate=len(electorate),
    )


def _tally(motion: Motion) -> Tally:
    counted = list(motion.votes.values())
    return Tally(
        votes_for=counted.count("for"), votes_against=counted.count("against"), abstained=counted.count("abstain")
    )


def ballots(tally: Tally, invalid: int) -> int:
    """Return how many papers a count is of."""
    return tally.votes_for + tally.votes_against + tally.abstained + invalid


def check_ballots(papers: int, electorate: int, path: str) -> None:
    """Refuse more papers than members who can have cast one."""
    if papers > electorate:
        raise refuse("tally-exceeds-present", path, papers, present=electorate)


def carries(body: Body, counted: Count) -> bool:
    """Tell whether the votes for carry the motion by the body's majority."""
    return body.majority.carries(counted.tally.votes_for, counted.base)
