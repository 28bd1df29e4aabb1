"""What a motion may propose, who may vote on it, and whether the votes carry it: arithmetic on a seal and a committee.

Those who advance are ranks 1 to the quota of the sealed standings, in order. A candidate that withdrew after the seal
leaves its seat empty and nobody moves up. Shared ranks are not parted here: when they do not fit the seats that are
left, the committee breaks the tie by vote.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.nomination import Quorum, Tally, Vote
from schemas.rulebook import Body
from schemas.scoring import RankingSealed, Standing
from services.nomination.domain.committee import FormedBody
from services.nomination.domain.refusals import refuse


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who is to advance, in rank order, and who is to leave: below the quota first, then the unrankable."""

    advancing: tuple[str, ...]
    eliminated: tuple[str, ...]


def proposal(said: RankingSealed, quota: int, competing: Collection[str]) -> Proposal:
    """Return what a seal proposes under a quota; raise Refused for a tie that a vote must break first.

    Args:
        said: the sealed ranking.
        quota: how many seats there are.
        competing: the nominations that still stand at the stage; the others left their seats empty.
    """
    standings = sorted(said.standings, key=lambda row: row.rank)
    within = [row for row in standings if row.rank <= quota]
    _check_cut(within, quota, competing)
    below = [row for row in standings if row.rank > quota]
    leaving = [*(row.nomination for row in below), *(row.nomination for row in said.unrankable)]
    return Proposal(
        advancing=tuple(row.nomination for row in within if row.nomination in competing),
        eliminated=tuple(nomination for nomination in leaving if nomination in competing),
    )


def _check_cut(within: list[Standing], quota: int, competing: Collection[str]) -> None:
    """Refuse when those who share the last rank within the quota are more than the seats from that rank on."""
    if not within:
        return
    last = within[-1].rank
    tied = [row for row in within if row.rank == last and row.nomination in competing]
    places = quota - last + 1
    if len(tied) > places:
        raise refuse("tie-at-the-cut", "item", last, tied=", ".join(row.candidate for row in tied), places=places)


@dataclass(frozen=True, slots=True)
class Count:
    """Who takes part in deciding a motion, and what they said."""

    quorum: Quorum
    tally: Tally
    base: int
    """How many the majority is a share of."""


def count(
    rules: Body,
    formed: FormedBody,
    recused: Collection[str],
    present: Collection[str],
    votes: Mapping[str, Vote],
) -> Count:
    """Count a motion anew: recusal and removal reach back over attendance and votes.

    The quorum is stated on all seats, vacant and recused ones included; only members present and unrecused fill it.
    A vote stays when its member left the room later.
    """
    voting = {office.code for office in rules.voting_offices}
    free = {person for seat, person in formed.holders.items() if seat.office in voting and person not in recused}
    here = free & set(present)
    counted = [vote for person, vote in votes.items() if person in free]
    tally = Tally(
        votes_for=counted.count("for"), votes_against=counted.count("against"), abstained=counted.count("abstain")
    )
    seated_recused = tuple(sorted(set(formed.holders.values()) & set(recused)))
    quorum = Quorum(
        seats=rules.seats, present=len(here), required=rules.quorum.needed(rules.seats), recused=seated_recused
    )
    bases = {
        "seats": rules.seats,
        "present": len(here | (free & votes.keys())),
        "cast": tally.votes_for + tally.votes_against,
    }
    return Count(quorum, tally, bases[rules.majority.base])


def carries(rules: Body, counted: Count) -> bool:
    """Tell whether the votes for carry the motion by the body's majority."""
    return rules.majority.carries(counted.tally.votes_for, counted.base)
