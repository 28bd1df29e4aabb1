"""The exceptions of a season over HTTP: one list for its administrators, its auditors, and the places concerned."""

from __future__ import annotations

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query

from kernel.canonical import Json, instant
from kernel.decider import Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.reads import AtLeast, Here
from kernel.tokens import Person, require
from schemas.regions import NATION
from services.nomination.api.parts import SQL, SeasonPath, position_of
from services.nomination.domain.season import SEASON, SeasonState, Unopened, season_stream
from services.nomination.projections.exceptions import Kind
from services.nomination.rights import acts_for, administers

router = APIRouter()

_SECRETARY: Final = "secretary"
Watcher = Annotated[Person, Depends(require("season-admin", "auditor", _SECRETARY))]


@router.get("/v1/seasons/{season}/exceptions", tags=["seasons"], summary="List a season's exceptions")
async def list_exceptions(
    here: Here,
    person: Watcher,
    paged: Paged,
    season: SeasonPath,
    kind: Annotated[Kind | None, Query(description="Only this kind.")] = None,
    at_least: AtLeast = None,
) -> Json:
    """List extensions, overrides, removals, amendments and freezes: when, by whom, where, what, and why if it is kept.

    Secretaries see those of their places and of the whole season; administrators and auditors see all.
    """
    state: SeasonState = await here.executor.state(SEASON, season_stream(season))
    if isinstance(state, Unopened):
        raise not_found(Text("There is no such season.", "Tidak ada musim itu."))
    listing = f"exceptions/{season}/{kind}"
    after = paged.after(listing, a_moment, str)
    position = await position_of(here, "exceptions", at_least, person)
    key = after or (None, None)
    rows = await here.pool.fetch(SQL["exceptions"], season, kind, *key, _places_of(person, season), paged.limit + 1)
    page = page_of(rows, paged, listing, lambda row: (instant(row["recorded"]), row["id"]), position=position)
    items = [{**orjson.loads(row["body"]), "reason": row["reason"]} for row in page["items"]]
    return {**page, "season": season, "items": items}


def _places_of(person: Person, season: str) -> list[str] | None:
    """Return the provinces whose exceptions a person may see, None for all: the nation's secretary sees every one."""
    if (
        administers(person, season)
        or person.throughout("auditor", season)
        or acts_for(person, _SECRETARY, season, NATION)
    ):
        return None
    scopes = (person.scopes(_SECRETARY, "committee", season), person.scopes(_SECRETARY, "province", season))
    return sorted({place for places in scopes for place in places or ()})
