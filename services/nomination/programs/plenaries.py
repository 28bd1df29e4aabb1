"""Plenaries: a meeting, its season and committee, and for a decision all that it rests on."""

from __future__ import annotations

from datetime import datetime

from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.nomination import AgendaItem, Vote
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.deciding import (
    CastVote,
    DecideMotion,
    OpenMotion,
    TableRanking,
    cast_vote,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.plenary import (
    Actor,
    Adjourn,
    Convene,
    Mode,
    RecordAttendance,
    adjourn,
    convene,
    record_attendance,
)
from services.nomination.programs.appeals import with_case
from services.nomination.programs.loading import (
    RollOfPlace,
    evidence_of,
    item_of,
    meeting_of,
    place_of,
)


def convening(command: Convene) -> Program:
    """Convene a plenary."""

    async def program(load: Loader) -> Decision:
        return convene(command, *await place_of(load, command.season, command.province))

    return program


def attending(actor: Actor, plenary: str, member: str, mode: Mode, *, present: bool) -> Program:
    """Record that a member came or left."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        command = RecordAttendance(plenary, member, present, mode, actor)
        return record_attendance(command, *meeting)

    return program


def adjourning(actor: Actor, plenary: str) -> Program:
    """Adjourn a plenary."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        return adjourn(Adjourn(plenary, actor), *meeting)

    return program


def voting(actor: Actor, plenary: str, motion: int, vote: Vote) -> Program:
    """Vote on a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        return cast_vote(CastVote(plenary, motion, vote, actor), *meeting)

    return program


def tabling(
    actor: Actor, plenary: str, item: AgendaItem, roll: RollOfPlace, *, seal: str | None, digest: str | None
) -> Program:
    """Table a sealed ranking."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        command = TableRanking(plenary, item, actor, seal, digest)
        return table_ranking(command, *meeting, await evidence_of(load, meeting[0], item, roll))

    return program


def moving(
    actor: Actor, plenary: str, item: AgendaItem, roll: RollOfPlace, advancing: tuple[str, ...] | None
) -> Program:
    """Open a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        command = OpenMotion(plenary, item, actor, advancing)
        return open_motion(command, *meeting, await evidence_of(load, meeting[0], item, roll))

    return program


def deciding(actor: Actor, plenary: str, motion: int, roll: RollOfPlace) -> Program:
    """Decide a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        evidence = await evidence_of(load, meeting[0], item_of(meeting[0], motion), roll)
        evidence = await with_case(load, meeting[0], motion, evidence)
        command = DecideMotion(plenary, motion, actor)
        return decide_motion(command, *meeting, evidence, load.version)

    return program


def announcing(actor: Actor, plenary: str, motion: int, received: datetime) -> Program:
    """Announce the result of a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, plenary)
        evidence = await evidence_of(load, meeting[0], item_of(meeting[0], motion), ())
        evidence = await with_case(load, meeting[0], motion, evidence)
        return announce(Announce(plenary, motion, actor, received), *meeting, evidence)

    return program
