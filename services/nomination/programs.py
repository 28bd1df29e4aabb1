"""Which streams each command reads before it is decided.

A program loads and then calls one pure function of the domain; everything it loads is guarded at the append.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime

from kernel.commands import Program
from kernel.decider import Decision, Loader, Refusal
from schemas.envelope import Stage
from schemas.nomination import AgendaItem, Vote
from schemas.rulebook import Rulebook
from services.nomination.domain.award import AWARD
from services.nomination.domain.committee import (
    COMMITTEE,
    AppointMember,
    Committee,
    DeclareConflict,
    FormCommittee,
    RemoveMember,
    appoint_member,
    committee_stream,
    declare_conflict,
    form_committee,
    remove_member,
)
from services.nomination.domain.nomination import (
    NOMINATION,
    Nominate,
    Nomination,
    NominationState,
    Withdraw,
    nominate,
    nomination_stream,
    settle_nomination,
    withdraw,
)
from services.nomination.domain.plenary import (
    PLENARY,
    Actor,
    Adjourn,
    Announce,
    CastVote,
    Convene,
    DecideMotion,
    Evidence,
    Mode,
    NotConvened,
    OpenMotion,
    Plenary,
    PlenaryState,
    RecordAttendance,
    TableRanking,
    adjourn,
    announce,
    cast_vote,
    convene,
    decide_motion,
    open_motion,
    plenary_stream,
    record_attendance,
    table_ranking,
)
from services.nomination.domain.seal import RANKING, Ranking, judge_seal
from services.nomination.domain.season import SEASON, OpenSeason, SeasonState, Unopened, open_season, season_stream

Roll = Callable[[Stage], Awaitable[Collection[str]]]
"""Gives every nomination that can have reached a stage."""
RollOfPlace = Collection[tuple[str, str]]
"""Every nomination that can have reached a stage of a place, with its category."""


# --- seasons and committees ----------------------------------------------------------------------------------------


def opening(rulebook: Rulebook) -> Program:
    """Open a season."""

    async def program(load: Loader) -> Decision:
        return open_season(OpenSeason(rulebook), await load.load(SEASON, season_stream(rulebook.season)))

    return program


def forming(command: FormCommittee) -> Program:
    """Form a body."""

    async def program(load: Loader) -> Decision:
        return form_committee(command, *await _place(load, command.season, command.province))

    return program


def appointing(command: AppointMember) -> Program:
    """Appoint a member."""

    async def program(load: Loader) -> Decision:
        return appoint_member(command, *await _place(load, command.season, command.province))

    return program


def removing(command: RemoveMember) -> Program:
    """Remove a member."""

    async def program(load: Loader) -> Decision:
        return remove_member(command, await load.load(COMMITTEE, committee_stream(command.season, command.province)))

    return program


def declaring(command: DeclareConflict) -> Program:
    """Declare a conflict of interest."""

    async def program(load: Loader) -> Decision:
        season, committee = await _place(load, command.season, command.province)
        if command.nomination is None:
            return declare_conflict(command, season, committee, None)
        nomination = await load.load(NOMINATION, nomination_stream(command.nomination))
        return declare_conflict(command, season, committee, nomination)

    return program


async def _place(load: Loader, season: str, province: str) -> tuple[SeasonState, Committee]:
    rules = await load.load(SEASON, season_stream(season))
    return rules, await load.load(COMMITTEE, committee_stream(season, province))


# --- nominations ---------------------------------------------------------------------------------------------------


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
        award = await load.load(AWARD, state.at.award)
        return withdraw(replace(command, won=award.won(state.id)), state)

    return program


# --- plenaries -----------------------------------------------------------------------------------------------------


def convening(command: Convene) -> Program:
    """Convene a plenary."""

    async def program(load: Loader) -> Decision:
        return convene(command, *await _place(load, command.season, command.province))

    return program


async def _meeting(load: Loader, plenary: str) -> tuple[PlenaryState, SeasonState, Committee]:
    """Load a plenary with its season and committee; neither, when there is no such plenary."""
    state = await load.load(PLENARY, plenary_stream(plenary))
    if isinstance(state, NotConvened):
        return state, Unopened(), Committee()
    return state, *await _place(load, state.season, state.province)


def attending(actor: Actor, plenary: str, member: str, mode: Mode, *, present: bool) -> Program:
    """Record that a member came or left."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        command = RecordAttendance(plenary, member, present, mode, actor)
        return record_attendance(command, *meeting)

    return program


def adjourning(actor: Actor, plenary: str) -> Program:
    """Adjourn a plenary."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        return adjourn(Adjourn(plenary, actor), *meeting)

    return program


def voting(actor: Actor, plenary: str, motion: int, vote: Vote) -> Program:
    """Vote on a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        return cast_vote(CastVote(plenary, motion, vote, actor), *meeting)

    return program


def tabling(
    actor: Actor, plenary: str, item: AgendaItem, roll: RollOfPlace, *, seal: str | None, digest: str | None
) -> Program:
    """Table a sealed ranking."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        command = TableRanking(plenary, item, actor, seal, digest)
        return table_ranking(command, *meeting, await _evidence(load, meeting[0], item, roll))

    return program


def moving(
    actor: Actor, plenary: str, item: AgendaItem, roll: RollOfPlace, advancing: tuple[str, ...] | None
) -> Program:
    """Open a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        command = OpenMotion(plenary, item, actor, advancing)
        return open_motion(command, *meeting, await _evidence(load, meeting[0], item, roll))

    return program


def deciding(actor: Actor, plenary: str, motion: int, roll: RollOfPlace) -> Program:
    """Decide a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        evidence = await _evidence(load, meeting[0], _item_of(meeting[0], motion), roll)
        command = DecideMotion(plenary, motion, actor)
        return decide_motion(command, *meeting, evidence, load.version)

    return program


def announcing(actor: Actor, plenary: str, motion: int, received: datetime) -> Program:
    """Announce the result of a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await _meeting(load, plenary)
        evidence = await _evidence(load, meeting[0], _item_of(meeting[0], motion), ())
        return announce(Announce(plenary, motion, actor, received), *meeting, evidence)

    return program


def _item_of(plenary: PlenaryState, number: int) -> AgendaItem | None:
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    return motion.item if motion is not None else None


NO_EVIDENCE = Evidence(Ranking(), AWARD.initial(), {})


async def _evidence(load: Loader, plenary: PlenaryState, item: AgendaItem | None, roll: RollOfPlace) -> Evidence:
    """Load what a decision on an item rests on: seals, award, and everybody who stands, stood or is named there."""
    if item is None or not isinstance(plenary, Plenary):
        return NO_EVIDENCE
    at = plenary.stage(item)
    ranking = await load.load(RANKING, at.ranking)
    award = await load.load(AWARD, at.award)
    entered = {nomination for nomination, category in roll if category == item.category}
    nominations = await _nominations(load, entered | _named(ranking), guard=True)
    return Evidence(ranking, award, nominations)


def _named(ranking: Ranking) -> set[str]:
    """Return every nomination that a seal names."""
    named: set[str] = set()
    for seal in ranking.seals:
        named.update(seal.said.basis.nominations)
        named.update(row.nomination for row in seal.said.standings)
        named.update(row.nomination for row in seal.said.unrankable)
    return named


async def _nominations(load: Loader, ids: Iterable[str], *, guard: bool) -> dict[str, NominationState]:
    return {id_: await load.load(NOMINATION, nomination_stream(id_), guard=guard) for id_ in sorted(ids)}


# --- reactions -----------------------------------------------------------------------------------------------------


def judging(seal: str, at: Stage, roll: Roll) -> Program:
    """Judge a received seal by what stood in the log before it; that is past, so only the award is guarded."""

    async def program(load: Loader) -> Decision:
        award = await load.load(AWARD, at.award)
        ranking = await load.load(RANKING, at.ranking, guard=False)
        committee = await load.load(COMMITTEE, committee_stream(at.season, at.province), guard=False)
        ids = {*await roll(at), *_named(ranking)}
        return judge_seal(seal, ranking, award, committee, await _nominations(load, ids, guard=False))

    return program
