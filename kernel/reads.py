"""What every service's reads share: the service itself, and reading one's own writes.

A receipt names the position of its last event. Whoever sends it back as `?at_least=` is answered once the projection
has folded it, by whatever replica answers. A position tells only how long the log is. An event named by its stream
would tell whoever asks how much has happened there, so only those name one who may know that anyway; nobody does
without a token.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query, Request

from kernel.decider import FieldFault, Text
from kernel.problems import invalid, unavailable
from kernel.service import Service
from kernel.tokens import Person


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service_parts
    return service


Here = Annotated[Service, Depends(_service)]
AtLeast = Annotated[
    str | None,
    Query(
        max_length=300,
        description="Wait until this position has been folded, as an answer gave it. "
        "Who may know of a stream may also name an event of it (`stream@version`).",
    ),
]
AtLeastPosition = Annotated[
    str | None, Query(max_length=300, description="Wait until this position has been folded, as an answer gave it.")
]
"""The same where no token is needed: events are not named there."""

_OPEN: Final = frozenset({"season", "interview", "appeal"})
"""Kinds of streams of which anybody with a token may wait for an event: told openly, or by an id that few know."""
_OF_A_PLACE: Final = frozenset({"committee", "ranking", "award"})
_KEPT: Final = frozenset({"nomination", "plenary"})
_NATION: Final = "00"


async def wait_until_folded(here: Service, projection: str, at_least: str | None, person: Person | None) -> None:
    """Wait until a projection has folded a position, if one is asked for; `person` is None on a route without a token.

    Raises a 422 for what is no position and for an event that the person may not name, and a 503 when the waiting takes
    too long.
    """
    if at_least is None:
        return
    refuse_event(at_least, person)
    try:
        folded = await here.reached(projection, at_least)
    except ValueError as error:
        remedy = Text(str(error), "Kirim kembali posisi yang diberikan kepada Anda, misalnya 1-761-42.")
        raise invalid((FieldFault("query.at_least", at_least[:80], remedy),)) from None
    if not folded:
        raise unavailable(
            "not-folded-yet",
            Text("This position has not been folded yet", "Posisi ini belum diolah"),
            Text("Ask again in a moment.", "Ulangi sebentar lagi."),
        )


def refuse_event(at_least: str, person: Person | None) -> None:
    """Raise a 422 for an event (`<stream>@<version>`) that a person may not name, whether or not there is such a one.

    A position is never refused here, nor anything else without an `@`.
    """
    stream, at, _ = at_least.rpartition("@")
    if not at or (person is not None and may_name(person, stream)):
        return
    remedy = Text(
        "Pass back the position that an answer gave you, such as 1-761-42. Events are named only by those who may know "
        "what happens in their stream, and only with a token.",
        "Kirim kembali posisi yang diberikan dalam jawaban kepada Anda, misalnya 1-761-42. Peristiwa hanya dapat "
        "disebut oleh orang yang berhak mengetahui isi alurnya, dan hanya dengan token.",
    )
    raise invalid((FieldFault("query.at_least", at_least[:80], remedy),))


def may_name(person: Person, stream: str) -> bool:
    """Tell whether a person may wait for an event of a stream, and so learn how many it has.

    A sheet's is its member's matter, a place's that of its secretary and the nation's, a nomination's and a meeting's
    that of any secretary; administrators know of all but sheets, auditors of every season of all.
    """
    kind, *names = stream.split("/")
    if person.throughout("auditor") or kind in _OPEN:
        return True
    if kind == "sheet":
        return names[-1:] == [person.id]
    if kind in _KEPT:
        return person.may("secretary") or person.throughout("season-admin")
    return kind in _OF_A_PLACE and (person.throughout("season-admin") or _keeps(person, kind, names))


def _keeps(person: Person, kind: str, names: list[str]) -> bool:
    """Tell whether a person is secretary of the place in a stream's name, or of the nation."""
    at = 1 if kind == "committee" else 2
    places, season = {_NATION, *names[at : at + 1]}, names[0] if names else ""
    scopes = ("committee", "province")
    return any(person.may("secretary", season=season, **{scope: place}) for place in places for scope in scopes)
