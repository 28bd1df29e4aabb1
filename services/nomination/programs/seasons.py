"""Seasons: opened under their rules."""

from __future__ import annotations

from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.rulebook import Rulebook
from services.nomination.domain.season import SEASON, OpenSeason, open_season, season_stream


def opening(rulebook: Rulebook) -> Program:
    """Open a season."""

    async def program(load: Loader) -> Decision:
        return open_season(OpenSeason(rulebook), await load.load(SEASON, season_stream(rulebook.season)))

    return program
