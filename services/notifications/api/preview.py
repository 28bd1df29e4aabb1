"""What a message looks like: written with sample values, marked so, under a season's rulebook; nothing is sent."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from kernel.decider import Text
from kernel.problems import not_found
from kernel.reads import Here
from kernel.tokens import Person, require
from schemas.envelope import SeasonCode
from schemas.rulebook import Rulebook
from services.notifications.api.parts import SQL
from services.notifications.domain.templates import RULES, Template
from services.notifications.examples import example
from services.notifications.texts import Locale, write_letter

router = APIRouter(prefix="/v1")


class Preview(BaseModel):
    """A message as it would be written, and the group that people choose a channel for."""

    template: Template
    group: str
    event: str
    subject: str
    body: str
    locale: Locale


@router.get("/preview/{template}", tags=["preview"], summary="Show what a message looks like")
async def preview(
    template: Template,
    _: Annotated[Person, Depends(require("season-admin", "secretary", "auditor"))],
    here: Here,
    lang: Annotated[Locale, Query(description="The language.")] = "id",
    season: Annotated[SeasonCode | None, Query(description="Whose rulebook; else the newest.")] = None,
) -> Preview:
    """Show a message as it would be written for invented candidates under a season's rulebook; nothing is sent."""
    row = await (here.pool.fetchrow(SQL["season"], season) if season else here.pool.fetchrow(SQL["newest_season"]))
    if row is None:
        raise not_found(
            Text(
                "No rulebook of such a season was received yet; open a season first.",
                "Belum ada juknis musim itu; buka musim terlebih dahulu.",
            )
        )
    rulebook = Rulebook.from_content(orjson.loads(row["rulebook"]))
    try:
        letter = write_letter(example(template, rulebook), rulebook, lang)
    except LookupError:
        # Of a prize, an interview, a verification or the like, which this season does not have.
        raise not_found(
            Text("There is no such message under this rulebook.", "Pesan ini tidak ada menurut juknis tersebut.")
        ) from None
    rule = RULES[template]
    told = {"subject": letter.subject, "body": letter.body, "locale": lang}
    return Preview(template=template, group=rule.group, event=rule.event, **told)
