"""Received seals, which are judged by what stood in the log before them."""

from __future__ import annotations

from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.envelope import Stage
from services.nomination.domain.award import AWARD
from services.nomination.domain.committee import (
    COMMITTEE,
    committee_stream,
)
from services.nomination.domain.ranking import RANKING
from services.nomination.domain.seal import judge_seal
from services.nomination.programs.loading import (
    Roll,
    awards_of,
    named_by,
    nominations_of,
)


def judging(seal: str, at: Stage, roll: Roll) -> Program:
    """Judge a received seal by what stood in the log before it; that is past, so only the award is guarded."""

    async def program(load: Loader) -> Decision:
        award = await load.load(AWARD, at.award)
        ranking = await load.load(RANKING, at.ranking, guard=False)
        committee = await load.load(COMMITTEE, committee_stream(at.season, at.province), guard=False)
        ids = {*await roll(at), *named_by(ranking)}
        nominations = await nominations_of(load, ids, guard=False)
        passed = await awards_of(load, nominations, at, guard=False)
        return judge_seal(seal, ranking, award, committee, nominations, passed)

    return program
