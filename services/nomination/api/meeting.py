"""A command in a meeting: who asks in which office, when, and who can have reached a stage of the meeting's place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import asyncpg
from fastapi import Depends

from kernel.canonical import Json
from kernel.commands import Program
from kernel.http import CommandRequest, answer
from kernel.reads import Here
from kernel.service import Service
from schemas.nomination import AgendaItem
from services.nomination.api.parts import SQL, MeetingCommand, PlenaryPath
from services.nomination.domain.plenary import Actor
from services.nomination.programs.loading import RollOfPlace
from services.nomination.rights import actor_at, office_at

PLENARY: Final = "/v1/plenaries/{plenary}"
MOTION: Final = f"{PLENARY}/motions/{{motion}}"


class Meeting:
    """A command in a meeting."""

    def __init__(self, here: Service, command: CommandRequest, plenary: str, at: asyncpg.Record | None) -> None:
        """Take the meeting's season and place, None when there is no such meeting."""
        self.plenary = plenary
        self.actor = Actor(command.person.id) if at is None else actor_at(command.person, at["season"], at["province"])
        self.received = command.received
        self._here = here
        self._ask = command.ask(None if at is None else office_at(command.person, at["season"], at["province"]))

    async def roll(self) -> RollOfPlace:
        """Return the nominations of the place and its other meetings."""
        return await roll_of(self._here, self.plenary)

    async def do(self, program: Program) -> Json:
        """Execute a program and return its receipt."""
        return answer(await self._here.executor.execute(self._ask, program))


async def roll_of(here: Service, plenary: str) -> RollOfPlace:
    """Return who can have reached a stage of a meeting's place, its other meetings, and those of stages after it."""
    rows: list[asyncpg.Record] = await here.pool.fetch(SQL["roll_of_plenary"], plenary)
    others: list[asyncpg.Record] = await here.pool.fetch(SQL["meetings_beside"], plenary)
    ahead: list[asyncpg.Record] = await here.pool.fetch(SQL["meetings_ahead"], plenary)
    return RollOfPlace(
        nominations=tuple((row["nomination"], row["category"]) for row in rows),
        meetings=tuple(_items(others)),
        ahead=tuple(_items(ahead)),
    )


def _items(rows: Iterable[asyncpg.Record]) -> Iterator[tuple[str, AgendaItem]]:
    for row in rows:
        yield row["plenary"], AgendaItem(category=row["category"], stage=row["stage"])


async def _meeting(here: Here, command: MeetingCommand, plenary: PlenaryPath) -> Meeting:
    # Where a meeting was convened never changes, so it may be read ahead of the command.
    return Meeting(here, command, plenary, await here.pool.fetchrow(SQL["place_of_plenary"], plenary))


InMeeting = Annotated[Meeting, Depends(_meeting)]
