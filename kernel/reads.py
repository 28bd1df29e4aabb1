"""What every service's reads share: the service itself, and reading one's own writes.

A receipt names the position of its last event. Whoever sends it back as `?at_least=` is answered once the projection
has folded it, by whatever replica answers.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from kernel.decider import FieldFault, Text
from kernel.problems import invalid, unavailable
from kernel.service import Service


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service_parts
    return service


Here = Annotated[Service, Depends(_service)]
AtLeast = Annotated[
    str | None,
    Query(max_length=300, description="Wait until this position, or event (`stream@version`), has been folded."),
]


async def wait_until_folded(here: Service, projection: str, at_least: str | None) -> None:
    """Wait until a projection has folded a position, if one is asked for.

    Raises a 422 for what is no position, and a 503 when the waiting takes too long.
    """
    if at_least is None:
        return
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
