"""Announced results over HTTP, for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import orjson
from fastapi import APIRouter, Request

from kernel.canonical import Json, instant
from kernel.paging import Paged, a_moment, page_of
from services.nomination.api.parts import (
    SQL,
    AtLeast,
    Here,
    SeasonPath,
    position_of,
)
from services.nomination.domain.award import Standing, standing_at

router = APIRouter()


_STANDINGS: Final[dict[Standing, Json]] = {
    "provisional": {"standing": "provisional", "label": {"id": "Sementara", "en": "Provisional"}},
    "final": {"standing": "final", "label": {"id": "Final", "en": "Final"}},
}


@router.get("/v1/public/results/{season}", tags=["public"], summary="List announced results")
async def list_results(
    request: Request, here: Here, paged: Paged, season: SeasonPath, at_least: AtLeast = None
) -> Json:
    """List announced results in the order of their announcement: ranks, candidates, outcomes, sample marks, digest.

    A result is provisional (Sementara) until its appeal window has ended.
    """
    listing = f"results/{season}"
    after = paged.after(listing, a_moment, str, str)
    position = await position_of(here, "results", at_least)
    rows = await here.pool.fetch(SQL["results"], season, *(after or (None, None, None)), paged.limit + 1)
    now: datetime = request.app.state.clock.now()
    page = page_of(
        rows, paged, listing, lambda row: (instant(row["announced"]), row["grp"], row["id"]), position=position
    )
    items = [
        {**orjson.loads(row["body"]), **_STANDINGS[standing_at(row["appeals_until"], now)]} for row in page["items"]
    ]
    return {**page, "season": season, "items": items}
