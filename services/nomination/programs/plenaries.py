"""Plenaries: a meeting, its season and committee, and for a decision all that it rests on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from kernel.commands import Program
from kernel.decider import Decision, Loader
from services.nomination.domain.admission import AskAdmission
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.correcting import CorrectMinutes, correct_minutes
from services.nomination.domain.deciding import (
    AskProposal,
    DecideMotion,
    OpenMotion,
    TableRanking,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.plenary import (
    PLENARY,
    Adjourn,
    AdmitLate,
    Convene,
    DecideAppeal,
    Plenary,
    PlenaryState,
    Propose,
    RecordAttendance,
    adjourn,
    convene,
    plenary_stream,
    record_attendance,
)
from services.nomination.domain.verdict import AskAppeal
from services.nomination.domain.voting import (
    CastVote,
    ConfirmBallot,
    TallyBallot,
    cast_vote,
    confirm_ballot,
    tally_ballot,
)
from services.nomination.programs.appeals import case_of, with_case
from services.nomination.programs.loading import (
    RollOfPlace,
    evidence_of,
    item_of,
    meeting_of,
    place_of,
    voted_on,
    with_ahead,
)


def convening(command: Convene, others: Collection[str] = ()) -> Program:
    """Convene a plenary; `others` are those that were convened for the same body, place and hour."""

    async def program(load: Loader) -> Decision:
        place = await place_of(load, command.season, command.province)
        # What goes on in them meanwhile is no reason to judge this one anew.
        meetings = [await load.load(PLENARY, plenary_stream(one), guard=False) for one in others]
        return convene(command, *place, meetings)

    return program


def attending(command: RecordAttendance) -> Program:
    """Record that a member came or left."""

    async def program(load: Loader) -> Decision:
        return record_attendance(command, *await meeting_of(load, command.plenary))

    return program


def adjourning(command: Adjourn) -> Program:
    """Adjourn a plenary."""

    async def program(load: Loader) -> Decision:
        return adjourn(command, *await meeting_of(load, command.plenary))

    return program


def correcting(command: CorrectMinutes) -> Program:
    """Correct a plenary's minutes."""

    async def program(load: Loader) -> Decision:
        return correct_minutes(command, *await meeting_of(load, command.plenary))

    return program


def voting(command: CastVote) -> Program:
    """Vote on a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        return cast_vote(command, *meeting, *await voted_on(load, meeting[0], command.motion))

    return program


def tallying(command: TallyBallot) -> Program:
    """State the count of a secret vote on paper."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        return tally_ballot(command, *meeting, *await voted_on(load, meeting[0], command.motion))

    return program


def confirming(command: ConfirmBallot) -> Program:
    """Confirm the count of a secret vote on paper."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        return confirm_ballot(command, *meeting, *await voted_on(load, meeting[0], command.motion))

    return program


def tabling(command: TableRanking, roll: RollOfPlace) -> Program:
    """Table a sealed ranking."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        return table_ranking(command, *meeting, await evidence_of(load, meeting[0], command.item, roll))

    return program


def moving(command: OpenMotion, roll: RollOfPlace) -> Program:
    """Open a motion."""
    also = (command.asked.nomination,) if isinstance(command.asked, AskAdmission) else ()

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        evidence = await evidence_of(load, meeting[0], command.item, roll, also)
        if isinstance(command.asked, AskProposal | AskAppeal):
            evidence = await with_ahead(load, meeting[0], command.item, roll, evidence)
        if isinstance(command.asked, AskAppeal):
            evidence = replace(evidence, case=await case_of(load, command.asked.appeal, meeting[0], evidence))
        return open_motion(command, *meeting, evidence)

    return program


def deciding(command: DecideMotion, roll: RollOfPlace) -> Program:
    """Decide a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        item = item_of(meeting[0], command.motion)
        evidence = await evidence_of(load, meeting[0], item, roll, _late(meeting[0], command.motion))
        if _sends_on(meeting[0], command.motion):
            evidence = await with_ahead(load, meeting[0], item, roll, evidence)
        evidence = await with_case(load, meeting[0], command.motion, evidence)
        return decide_motion(command, *meeting, evidence, load.version)

    return program


def _sends_on(plenary: PlenaryState, number: int) -> bool:
    """Tell whether a motion may let somebody enter the next stage: by a proposal, or by a verdict."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    return motion is not None and isinstance(motion.question, Propose | DecideAppeal)


def _late(plenary: PlenaryState, number: int) -> tuple[str, ...]:
    """Return the late nomination that a motion is about, if it is about one."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    return motion.nominations if motion is not None and isinstance(motion.question, AdmitLate) else ()


def announcing(command: Announce, roll: RollOfPlace) -> Program:
    """Announce the result of a motion."""

    async def program(load: Loader) -> Decision:
        meeting = await meeting_of(load, command.plenary)
        evidence = await evidence_of(load, meeting[0], item_of(meeting[0], command.motion), roll)
        evidence = await with_case(load, meeting[0], command.motion, evidence)
        return announce(command, *meeting, evidence)

    return program
