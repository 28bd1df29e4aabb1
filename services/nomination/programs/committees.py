"""Committees: bodies formed, seats given and taken back, conflicts declared."""

from __future__ import annotations

from kernel.commands import Program
from kernel.decider import Decision, Loader
from services.nomination.domain.committee import (
    COMMITTEE,
    AppointMember,
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
    nomination_stream,
)
from services.nomination.programs.loading import (
    place_of,
)


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
        return remove_member(command, await load.load(COMMITTEE, committee_stream(command.season, command.province)))

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
