"""Seasons: opened under their rules, amended, extended, and frozen or closed by two administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.rulebook import Rulebook
from services.nomination.domain.amending import AmendRulebook, amend_rulebook
from services.nomination.domain.award import AWARD
from services.nomination.domain.closing import awards_in, close_season
from services.nomination.domain.ranking import RANKING
from services.nomination.domain.season import (
    SEASON,
    ByTwo,
    ExtendNomination,
    OpenSeason,
    SeasonState,
    entries_in,
    extend_nomination,
    freeze_season,
    open_season,
    season_stream,
    unfreeze_season,
)


def opening(rulebook: Rulebook) -> Program:
    """Open a season."""
    return _on(rulebook.season, lambda season: open_season(OpenSeason(rulebook), season))


def amending(command: AmendRulebook) -> Program:
    """Publish the next version of a season's rulebook."""
    return _on(command.season, lambda season: amend_rulebook(command, season))


def extending(command: ExtendNomination) -> Program:
    """Let the window for nominations close later, where some stage can still be entered.

    What is over stays so, and who nominates meets the stage's guarded ranking; so none is guarded here, where they may
    be hundreds.
    """

    async def program(load: Loader) -> Decision:
        season = await load.load(SEASON, season_stream(command.season))
        entries = entries_in(season, command.province)
        rankings = [await load.load(RANKING, entry.ranking, guard=False) for entry in entries]
        return extend_nomination(command, season, rankings)

    return program


def freezing(command: ByTwo) -> Program:
    """Stop everything of a season."""
    return _on(command.season, lambda season: freeze_season(command, season))


def unfreezing(command: ByTwo) -> Program:
    """Let a frozen season go on."""
    return _on(command.season, lambda season: unfreeze_season(command, season))


def closing(command: ByTwo, received: datetime) -> Program:
    """End a season for good; all of its awards are guarded, so that neither an appeal nor a result comes in."""

    async def program(load: Loader) -> Decision:
        season = await load.load(SEASON, season_stream(command.season))
        awards = [await load.load(AWARD, stream) for stream in awards_in(season)]
        return close_season(command, season, received, awards)

    return program


def _on(code: str, decide: Callable[[SeasonState], Decision]) -> Program:
    """Decide on a season's own stream, which is all that these commands rest on."""

    async def program(load: Loader) -> Decision:
        return decide(await load.load(SEASON, season_stream(code)))

    return program
