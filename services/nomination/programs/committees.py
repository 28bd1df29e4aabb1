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
    declare_conflict,
    form_committee,
    lift_conflict,
    remove_member,
    replace_member,
)
from services.nomination.domain.nomination import NOMINATION, nomination_stream
from services.nomination.programs.loading import place_of


def forming(command: FormCommittee) -> Program:
    """Form a body."""

    async def program(load: Loader) -> Decision:
        return form_committee(command, *await place_of(load, command.season, command.province))

    return program


def appointing(command: AppointMember) -> Program:
    """Appoint a member."""

    async def program(load: Loader) -> Decision:
        return appoint_member(command, *await place_of(load, command.season, command.province))

    return program


def removing(command: RemoveMember) -> Program:
    """Remove a member."""

    async def program(load: Loader) -> Decision:
        return remove_member(command, *await place_of(load, command.season, command.province))

    return program


def replacing(command: ReplaceMember) -> Program:
    """Replace a member."""

    async def program(load: Loader) -> Decision:
        return replace_member(command, *await place_of(load, command.season, command.province))

    return program


def declaring(command: DeclareConflict) -> Program:
    """Declare a conflict of interest."""

    async def program(load: Loader) -> Decision:
        season, committee = await place_of(load, command.season, command.province)
        if command.nomination is None:
            return declare_conflict(command, season, committee, None)
        nomination = await load.load(NOMINATION, nomination_stream(command.nomination))
        return declare_conflict(command, season, committee, nomination)

    return program


def lifting(command: LiftConflict) -> Program:
    """Lift a declared conflict of interest."""

    async def program(load: Loader) -> Decision:
        return lift_conflict(command, *await place_of(load, command.season, command.province))

    return program
