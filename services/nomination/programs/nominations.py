"""Nominations: the rules of the season name the candidate, and the candidate names the stream."""

from __future__ import annotations

from dataclasses import replace

from kernel.commands import Program
from kernel.decider import Decision, Loader, Refusal
from services.nomination.domain.award import AWARD
from services.nomination.domain.nomination import (
    NOMINATION,
    Nominate,
    Nomination,
    Withdraw,
    nominate,
    nomination_stream,
    settle_nomination,
    withdraw,
)
from services.nomination.domain.season import SEASON, season_stream
from services.nomination.programs.loading import held


def nominating(command: Nominate) -> Program:
    """Nominate: the season's rules name the candidate, and the candidate names the stream."""

    async def program(load: Loader) -> Decision:
        settled = settle_nomination(command, await load.load(SEASON, season_stream(command.season)))
        if isinstance(settled, Refusal):
            return settled
        return nominate(command, settled, await load.load(NOMINATION, nomination_stream(settled.nomination)))

    return program


def withdrawing(command: Withdraw) -> Program:
    """Take a nomination back."""

    async def program(load: Loader) -> Decision:
        state = await load.load(NOMINATION, nomination_stream(command.nomination))
        if not isinstance(state, Nomination):
            return withdraw(command, state)
        if (refusal := await held(load, state.entry.season)) is not None:
            return refusal
        award = await load.load(AWARD, state.at.award)
        return withdraw(replace(command, won=award.won(state.id)), state)

    return program
