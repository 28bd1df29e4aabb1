"""Announcing: a carried decision is made public, once, by an office that publishes; the appeal window opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.decider import Emit
from schemas.nomination import (
    Announced,
    RankingAnnounced,
)
from services.nomination.domain.appeal import check_not_held
from services.nomination.domain.award import appeals_until
from services.nomination.domain.committee import Committee
from services.nomination.domain.deciding import Evidence
from services.nomination.domain.nomination import Cited, Nomination
from services.nomination.domain.plenary import (
    Actor,
    Motion,
    NotConvened,
    PlenaryState,
    check_office,
    item_name,
)
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.seal import Seal
from services.nomination.domain.season import Season, SeasonState
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
    """Announce a decided ranking once, by an office that publishes; the meeting may be over by then."""
    if isinstance(plenary, NotConvened) or not isinstance(season, Season):
        raise refuse("plenary-unknown", "plenary", command.plenary)
    motion = plenary.motion(command.motion)
    if motion is None:
        raise refuse("motion-unknown", "motion", command.motion)
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
    check_not_held(at, evidence.award)
    digest, lines = seal.said.digest, tuple(_lines(motion, cited, seal, evidence))
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


def _lines(motion: Motion, cited: Cited, seal: Seal, evidence: Evidence) -> Iterator[Announced]:
    """Yield one line for every candidate that the decision disposed of, in the motion's order."""
    ranks = {row.nomination: row.rank for row in seal.said.standings}
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
