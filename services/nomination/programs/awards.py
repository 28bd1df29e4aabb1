"""Certificates: the path's award and last ranking, and everybody who can have reached its stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kernel.canonical import uuid7
from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.envelope import Stage
from services.nomination.domain.award import AWARD
from services.nomination.domain.certificates import (
    OPEN_APPEAL,
    IssueCertificates,
    Path,
    issue_certificates,
    last_stage,
)
from services.nomination.domain.ranking import RANKING, Ranking
from services.nomination.domain.season import Season, SeasonState
from services.nomination.programs.loading import Roll, nominations_of, place_of


def issuing(command: IssueCertificates, roll: Roll, appeals: Iterable[str]) -> Program:
    """Issue the certificates that are due; `appeals` are those that were lodged on the path, decided or not."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        last = _last(command, season)
        if last is None or not isinstance(season, Season):
            return issue_certificates(command, season, committee, Path(AWARD.initial(), Ranking(), {}))
        award = await load.load(AWARD, last.award)
        ranking = await load.load(RANKING, last.ranking)
        nominations = await nominations_of(load, await roll(last), guard=True)
        most = len(nominations) * max(len(rules.certificates) for rules in season.rulebooks.values())
        undecided = [one for one in appeals if await load.load(OPEN_APPEAL, f"appeal/{one}")]
        asked = replace(command, ids=tuple(uuid7.several(most)))
        return issue_certificates(asked, season, committee, Path(award, ranking, nominations, undecided))

    return program


def _last(command: IssueCertificates, season: SeasonState) -> Stage | None:
    """Return the last stage of the path, None when the season or the path does not exist."""
    if not isinstance(season, Season):
        return None
    return last_stage(season.rulebook, command.tier, command.province, command.category)
