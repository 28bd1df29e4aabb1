"""Nominations: the rules of the season name the candidate, and the candidate names the stream.

What is done with a nomination loads its season too, so that nothing is done in one that is not open, and the award of
the category where it stands: a winner's nomination is over although its stream does not say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from kernel.commands import Program
from kernel.decider import Decision, Loader, Refusal
from services.nomination.domain.award import AWARD
from services.nomination.domain.committee import COMMITTEE, Committee, committee_stream
from services.nomination.domain.handling import (
    Amend,
    AttachEvidence,
    DisputeFigure,
    amend,
    attach_evidence,
    dispute_figure,
)
from services.nomination.domain.importing import Imported, ImportList, import_list, judge_list
from services.nomination.domain.interview import (
    CALENDAR,
    EXTENSION,
    ScheduleInterview,
    schedule,
    settle_slot,
)
from services.nomination.domain.late import file_late, settle_late
from services.nomination.domain.nomination import (
    NOMINATION,
    FiledLate,
    Nominate,
    Nomination,
    NominationState,
    Withdraw,
    nominate,
    nomination_stream,
    settle_nomination,
    withdraw,
)
from services.nomination.domain.ranking import RANKING
from services.nomination.domain.season import SEASON, SeasonState, Unopened, season_stream
from services.nomination.domain.verification import (
    Reject,
    Resubmit,
    Return,
    Verify,
    reject,
    resubmit,
    return_nomination,
    verify,
)
from services.nomination.programs.loading import held, nominations_of

Keep = Callable[[], Awaitable[None]]
"""Keeps a document's bytes."""
Told = Callable[[Imported], None]
"""Hears what became of every row of a list, each time it is decided."""


# --- nominating ----------------------------------------------------------------------------------------------------


def nominating(command: Nominate) -> Program:
    """Nominate, while the stage that it enters is still scored: a seal that comes at the same moment is noticed."""

    async def program(load: Loader) -> Decision:
        settled = settle_nomination(command, await load.load(SEASON, season_stream(command.season)))
        if isinstance(settled, Refusal):
            return settled
        state = await load.load(NOMINATION, nomination_stream(settled.nomination))
        return nominate(command, settled, state, await load.load(RANKING, settled.entry.ranking))

    return program


def filing_late(command: Nominate, reason_digest: str) -> Program:
    """File a nomination late, while the stage that it would enter is still scored."""

    async def program(load: Loader) -> Decision:
        settled = settle_late(command, await load.load(SEASON, season_stream(command.season)))
        if isinstance(settled, Refusal):
            return settled
        state = await load.load(NOMINATION, nomination_stream(settled.nomination))
        ranking = await load.load(RANKING, settled.entry.ranking)
        return file_late(command, settled, state, ranking, reason_digest)

    return program


def importing(command: ImportList, told: Told) -> Program:
    """Nominate from a list, every good row in one append."""

    async def program(load: Loader) -> Decision:
        season = await load.load(SEASON, season_stream(command.season))
        # Two thousand rows take most of a second; other requests go on meanwhile.
        judged = await asyncio.to_thread(judge_list, command, season)
        if isinstance(judged, Refusal):
            return judged
        settled = [one.settled for one in judged if one.settled is not None]
        states = await nominations_of(load, {one.nomination for one in settled}, guard=True)
        entries = sorted({one.entry.ranking for one in settled})
        imported = import_list(command, judged, states, {entry: await load.load(RANKING, entry) for entry in entries})
        told(imported)
        return imported.decision

    return program


def withdrawing(command: Withdraw) -> Program:
    """Take a nomination back."""

    async def program(load: Loader) -> Decision:
        state = await load.load(NOMINATION, nomination_stream(command.nomination))
        if not isinstance(state, FiledLate | Nomination):
            return withdraw(command, state)
        if (refusal := await held(load, state.at.season)) is not None:
            return refusal
        award = await load.load(AWARD, state.at.award)
        return withdraw(replace(command, won=award.won(state.id)), state)

    return program


# --- handling ------------------------------------------------------------------------------------------------------

C = TypeVar("C", Amend, AttachEvidence, DisputeFigure, Verify, Return, Reject, Resubmit, ScheduleInterview)


async def _standing(load: Loader, command: C) -> tuple[C, NominationState, SeasonState]:
    """Load a nomination and its season, and tell the command whether it has won, or may come back by an appeal."""
    state = await load.load(NOMINATION, nomination_stream(command.nomination))
    if not isinstance(state, FiledLate | Nomination):
        return command, state, Unopened()
    award = await load.load(AWARD, state.at.award)
    season = await load.load(SEASON, season_stream(state.at.season))
    told = replace(command, won=award.won(state.id))
    if isinstance(told, Amend | AttachEvidence | Verify | Return | Resubmit):
        told = replace(told, contested=award.is_contested(state.at))
    if isinstance(told, Return):
        told = replace(told, sealed=bool((await load.load(RANKING, state.at.ranking)).seals))
    return told, state, season


def _handling(command: C, decide: Callable[[C, NominationState, SeasonState], Decision]) -> Program:
    """Return what decides on a nomination by its own stream and its season."""

    async def program(load: Loader) -> Decision:
        return decide(*await _standing(load, command))

    return program


def amending(command: Amend) -> Program:
    """Correct a nomination."""
    return _handling(command, amend)


def attaching(command: AttachEvidence, keep: Keep) -> Program:
    """Attach a document; its bytes are kept before the event that cites them, and only if there is to be one."""

    async def program(load: Loader) -> Decision:
        decision = attach_evidence(*await _standing(load, command))
        if not isinstance(decision, Refusal):
            await keep()
        return decision

    return program


def disputing(command: DisputeFigure) -> Program:
    """Dispute a measured figure."""
    return _handling(command, dispute_figure)


# --- verification --------------------------------------------------------------------------------------------------


async def _committee_of(load: Loader, state: NominationState) -> Committee:
    """Load the committees of the place where a nomination stands."""
    if not isinstance(state, Nomination):
        return Committee()
    return await load.load(COMMITTEE, committee_stream(state.at.season, state.at.province))


def _judging(command: C, decide: Callable[[C, NominationState, SeasonState, Committee], Decision]) -> Program:
    """Return what a member of a stage's body decides on a nomination."""

    async def program(load: Loader) -> Decision:
        asked, state, season = await _standing(load, command)
        return decide(asked, state, season, await _committee_of(load, state))

    return program


def verifying(command: Verify) -> Program:
    """Find a nomination in order."""
    return _judging(command, verify)


def returning(command: Return) -> Program:
    """Hand a nomination back."""
    return _judging(command, return_nomination)


def rejecting(command: Reject) -> Program:
    """End a nomination that cannot be verified."""
    return _judging(command, reject)


def resubmitting(command: Resubmit) -> Program:
    """Hand a mended nomination in again."""
    return _handling(command, resubmit)


# --- interviews ----------------------------------------------------------------------------------------------------


def scheduling(command: ScheduleInterview) -> Program:
    """Give a nominee an interview slot: the body's calendar is loaded, and whoever has a slot that meets this one."""

    async def program(load: Loader) -> Decision:
        asked, state, season = await _standing(load, command)
        committee = await _committee_of(load, state)
        extended = await load.load(EXTENSION, state.at.ranking) if isinstance(state, Nomination) else None
        settled = settle_slot(asked, state, season, committee, extended)
        if isinstance(settled, Refusal):
            return settled
        calendar = await load.load(CALENDAR, settled.stream)
        others = {slot.nomination for slot in calendar.meeting(settled.slot)}
        return schedule(settled, calendar, await nominations_of(load, others, guard=True))

    return program
