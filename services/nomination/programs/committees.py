"""Committees: bodies formed and renewed, seats given and taken back, conflicts declared and lifted."""

from __future__ import annotations

from kernel.commands import Program
from kernel.decider import Decision, Loader
from services.nomination.domain.committee import (
    AppointMember,
    DeclareConflict,
    FormCommittee,
    LiftConflict,
    RemoveMember,
    ReplaceMember,
    appoint_member,
    by_who_has_not_looked,
    declare_conflict,
    form_committee,
    lift_conflict,
    remove_member,
    replace_member,
)
from services.nomination.domain.nomination import NOMINATION, NominationState, nomination_stream
from services.nomination.programs.loading import place_of, rankings_of


def forming(command: FormCommittee) -> Program:
    """Form a body."""

    async def program(load: Loader) -> Decision:
        return form_committee(command, *await place_of(load, command.season, command.province))

    return program


def appointing(command: AppointMember, actor: str) -> Program:
    """Appoint a member; whom the member belongs to is a ground for recusal."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        rankings = await rankings_of(load, season, command.province)
        return by_who_has_not_looked(appoint_member(command, season, committee), actor, rankings)

    return program


def removing(command: RemoveMember, actor: str) -> Program:
    """Remove a member."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        rankings = await rankings_of(load, season, command.province)
        return by_who_has_not_looked(remove_member(command, season, committee), actor, rankings)

    return program


def replacing(command: ReplaceMember, actor: str) -> Program:
    """Replace a member."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        rankings = await rankings_of(load, season, command.province)
        return by_who_has_not_looked(replace_member(command, season, committee), actor, rankings)

    return program


def declaring(command: DeclareConflict) -> Program:
    """Declare a conflict of interest."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        rankings = await rankings_of(load, season, command.province, command.category)
        named = command.nomination
        nomination: NominationState | None = None
        if named is not None:
            nomination = await load.load(NOMINATION, nomination_stream(named))
        decision = declare_conflict(command, season, committee, nomination)
        return by_who_has_not_looked(decision, command.actor, rankings, speaks_for=command.person)

    return program


def lifting(command: LiftConflict) -> Program:
    """Lift a declared conflict of interest."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        rankings = await rankings_of(load, season, command.province, command.category)
        return by_who_has_not_looked(lift_conflict(command, season, committee, rankings), command.actor, rankings)

    return program
