"""Announcing: a carried decision is made public, once, by an office that publishes; the appeal window opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from kernel.decider import Emit
from schemas.nomination import (
    Announced,
    RankingAnnounced,
)
from services.nomination.domain.award import appeals_until, check_not_held
from services.nomination.domain.committee import Committee
from services.nomination.domain.evidence import Evidence, broken_ties
from services.nomination.domain.motion import effective_ranks
from services.nomination.domain.nomination import Cited, Nomination
from services.nomination.domain.plenary import (
    Actor,
    AdmitLate,
    BreakTie,
    DecideAppeal,
    Motion,
    NotConvened,
    PlenaryState,
    Propose,
    check_office,
    item_name,
)
from services.nomination.domain.ranking import Seal
from services.nomination.domain.readiness import path_awards
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened
from services.nomination.domain.verdict import corrected_announcement

# --- announcing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Announce:
    """Make the result of a carried motion public. `received` begins the appeal window."""

    plenary: str
    motion: int
    actor: Actor
    received: datetime


@decides
def announce(
    command: Announce, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Announce a decided ranking once, by an office that publishes; the meeting may be over by then.

    While an appeal holds the stage, its result is not made public.
    """
    if isinstance(plenary, NotConvened):
        raise refuse("plenary-unknown", "plenary", command.plenary)
    season = opened(season, plenary.season)
    motion = plenary.motion(command.motion)
    if motion is None:
        raise refuse("motion-unknown", "motion", command.motion)
    _check_moves_somebody(motion)
    seal = evidence.ranking.seal(motion.seal)
    if motion.outcome != "carried" or seal is None:
        raise refuse("motion-not-carried", "motion", motion.number)
    rules = season.rulebooks[seal.said.rulebook_version]
    body = rules.body(plenary.body)
    check_office(command.actor, body, committee.formed(plenary.body), body.publishes)
    cited = (plenary.id, motion.number)
    if cited in evidence.award.announced:
        raise refuse("announced-already", "motion", item_name(motion.item), season=plenary.season)
    at = plenary.stage(motion.item)
    check_not_held(at, *path_awards(evidence))
    ranks = effective_ranks(seal.said, broken_ties(seal.id, motion.item, plenary, evidence))
    digest, lines = seal.said.digest, tuple(_lines(motion, cited, seal, ranks, evidence))
    if evidence.case is not None:
        digest, lines = corrected_announcement(evidence.case)
    announced = RankingAnnounced(
        at=at,
        plenary=plenary.id,
        motion=motion.number,
        seal=seal.id,
        digest=digest,
        lines=lines,
        appeals_until=appeals_until(rules, at.province, command.received),
    )
    return (Emit(at.award, announced),)


def _check_moves_somebody(motion: Motion) -> None:
    """Refuse a motion that leaves everybody where they are, so that there is no result to make public."""
    match motion.question:
        case Propose() | DecideAppeal():
            return
        case BreakTie() | AdmitLate():
            raise refuse("nothing-to-announce", "motion", motion.number)
        case _:
            assert_never(motion.question)


def _lines(
    motion: Motion, cited: Cited, seal: Seal, ranks: Mapping[str, int], evidence: Evidence
) -> Iterator[Announced]:
    """Yield one line for every candidate that the decision disposed of, in the motion's order, by effective rank."""
    winners = evidence.award.winners_by(cited)
    for nomination in motion.nominations:
        state = evidence.nominations.get(nomination)
        if not isinstance(state, Nomination):
            continue
        outcome = "winner" if nomination in winners else state.outcomes.get(cited)
        if outcome is not None:
            yield Announced(
                nomination=nomination,
                candidate=state.candidate.name,
                rank=ranks.get(nomination),
                outcome=outcome,
                sample=state.sample or seal.said.sample,
            )
