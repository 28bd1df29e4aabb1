"""What the routes on one nomination share: who handles it in which office, where it stands, how it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import orjson
from fastapi import Depends

from kernel.canonical import Json
from kernel.decider import Text
from kernel.http import CommandRequest, command_by
from kernel.problems import not_found
from kernel.service import Service
from kernel.tokens import Person
from services.nomination.api.parts import SQL
from services.nomination.domain.nomination import NOMINATION, Handler, Nomination, NominationState, nomination_stream
from services.nomination.rights import HANDLERS, Concerned, may_see_nomination, office_at, provinces_of
from services.nomination.texts import with_texts

HandlerCommand = Annotated[CommandRequest, Depends(command_by(*HANDLERS))]


def handler_of(person: Person) -> Handler:
    """Return who asks, and for which governments that person speaks."""
    return Handler(person.id, provinces_of(person, "secretariat"))


async def standing(here: Service, nomination: str) -> NominationState:
    """Return a nomination as it is now, to name an office by; the command reads it again."""
    return await here.executor.state(NOMINATION, nomination_stream(nomination))


async def handling_office(here: Service, person: Person, nomination: str) -> str:
    """Return the office in which a person handles a nomination: the secretariat's, else the contact's."""
    state = await standing(here, nomination)
    capacity = handler_of(person).capacity(state) if isinstance(state, Nomination) else None
    return capacity or next(role for role in HANDLERS if role in person.roles)


async def committee_office_there(here: Service, person: Person, nomination: str) -> str | None:
    """Return the office in which a person acts for the committees of the place where a nomination stands."""
    state = await standing(here, nomination)
    return office_at(person, state.at.season, state.at.province) if isinstance(state, Nomination) else None


async def visible(here: Service, person: Person, nomination: str) -> Json:
    """Return the document of a nomination that a person may see; raise a 404."""
    row = await here.pool.fetchrow(SQL["nomination"], nomination)
    if row is None or not may_see_nomination(person, nomination, concerned_by(row)):
        raise not_found(Text("There is no such nomination in your places.", "Tidak ada usulan itu di wilayah Anda."))
    document: Json = orjson.loads(row["body"])
    return document


def concerned_by(row: Json) -> Concerned:
    """Return whom the nomination of a row concerns."""
    return Concerned(row["season"], row["province"], row["nominating_body"], row["home"], row["contact"])


async def told(here: Service, documents: Iterable[Json]) -> list[Json]:
    """Return documents with the texts that they cite."""
    return await with_texts(here, documents, SQL["texts_by_digest"])
