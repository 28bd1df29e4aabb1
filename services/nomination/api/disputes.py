"""Disputed figures over HTTP: said by the nominating body or the contact, read by the publisher of the facts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from kernel.canonical import Json, instant
from kernel.http import answer
from kernel.paging import Paged, a_moment, page_of
from kernel.reads import AtLeast, Here
from kernel.service import Service
from kernel.tokens import Person, require
from schemas.envelope import Slug
from schemas.exact import Locale
from services.nomination.api.handling import HandlerCommand, handler_of, handling_office, standing, told
from services.nomination.api.parts import SQL, Body, InSeason, NominationPath, Reason, bodies_of, position_of
from services.nomination.domain.handling import DisputeFigure
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.ranking import RANKING
from services.nomination.programs import nominations as programs
from services.nomination.rights import topics_of, visible_places
from services.nomination.texts import digest_of_reason

router = APIRouter()


class DisputeBody(Body):
    """The aspect whose figure is wrong, what it should be if that is known, and why."""

    aspect: Annotated[Slug, Field(description="A measured aspect of the stage where the nomination stands.")]
    stated: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=40)] | None,
        Field(description="The right figure, as `locale` writes decimals.", examples=["87,5"]),
    ] = None
    locale: Annotated[Locale, Field(description="How decimals are written: id 87,5 or en 87.5.")] = "id"
    reason: Reason


@router.post("/v1/nominations/{nomination}/disputes", tags=["disputes"], summary="Dispute a measured figure")
async def dispute(here: Here, command: HandlerCommand, nomination: NominationPath, body: DisputeBody) -> Json:
    """Tell the publisher of the facts that a figure is wrong; no score changes by that.

    A correction that follows changes the figure until the stage is sealed. A dispute that comes later is taken too, for
    what is measured after it; the answer's `warning` (else null) then says how the sealed result itself is contested.
    """
    disputing = DisputeFigure(
        nomination=nomination,
        handler=handler_of(command.person),
        aspect=body.aspect,
        reason_digest=await digest_of_reason(here, command, body.reason),
        stated=body.stated,
        locale=body.locale,
    )
    office = await handling_office(here, command.person, nomination)
    receipt = answer(await here.executor.execute(command.ask(office), programs.disputing(disputing)))
    return {**receipt, "warning": _SEALED if await _is_sealed(here, nomination) else None}


async def _is_sealed(here: Service, nomination: str) -> bool:
    """Tell whether the stage where a nomination stands was ever sealed: what it measures is settled since then."""
    state = await standing(here, nomination)
    if not isinstance(state, Nomination):
        return False
    ranking = await here.executor.state(RANKING, state.at.ranking)
    return bool(ranking.seals)


_SEALED: Final = {
    "en": "The ranking of this stage is sealed and keeps the figure that it took: no correction changes it any more. "
    "Contest the result by an appeal once it is announced (POST /v1/appeals). The dispute goes to the publisher all "
    "the same, for what is measured later.",
    "id": "Peringkat tahap ini sudah disegel dan angkanya tetap: koreksi tidak mengubahnya lagi. Ajukan sanggah atas "
    "hasilnya setelah diumumkan (POST /v1/appeals). Keberatan ini tetap diteruskan kepada penerbit data, untuk "
    "pengukuran berikutnya.",
}


@router.get("/v1/disputes", tags=["disputes"], summary="List disputed figures")
async def list_disputes(
    here: Here,
    person: Annotated[Person, Depends(require("publisher", "secretariat", "auditor"))],
    paged: Paged,
    season: InSeason = None,
    at_least: AtLeast = None,
) -> Json:
    """List disputes about what one's system publishes, or of one's places, the oldest first."""
    listing = f"disputes/{season}"
    after = paged.after(listing, a_moment, str, str)
    position = await position_of(here, "disputes", at_least, person)
    key = after or (None, None, None)
    places, topics = visible_places(person, season), topics_of(person) if person.may("publisher") else []
    rows = await here.pool.fetch(SQL["disputes"], season, *key, places, topics, paged.limit + 1)
    page = page_of(
        rows, paged, listing, lambda row: (instant(row["disputed"]), row["grp"], row["id"]), position=position
    )
    shown = bodies_of(page)
    return {**shown, "items": await told(here, shown["items"])}
