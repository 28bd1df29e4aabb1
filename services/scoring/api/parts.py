"""What all routes of the service share: addresses in paths, who may ask, strict bodies, reasons, positions of reads."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from kernel.canonical import Json
from kernel.decider import Text
from kernel.http import CommandRequest, answer, command_by
from kernel.problems import forbidden
from kernel.service import Service
from kernel.tokens import Person
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Stage, clean_text
from services.scoring.reads import acts_for
from services.scoring.texts import keep_text

Tier = Literal["provincial", "national"]


SecretaryCommand = Annotated[CommandRequest, Depends(command_by("secretary"))]


# --- where ---------------------------------------------------------------------------------------------------------


async def _stage(
    season: Annotated[SeasonCode, Path(description="The season, for example 2020.")],
    tier: Annotated[Tier, Path(description="provincial or national.")],
    province: Annotated[ProvinceCode, Path(description="Two digits of the official table; 00 for the nation.")],
    category: Annotated[CategoryCode, Path(description="The category's code, for example KABKOTA.")],
    stage: Annotated[Slug, Path(description="The stage's code in the rulebook, for example seleksi.")],
) -> Stage:
    return Stage(season=season, tier=tier, province=province, category=category, stage=stage)


At = Annotated[Stage, Depends(_stage)]
STAGE_PATH = "/{season}/{tier}/{province}/{category}/{stage}"


# --- bodies --------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """The base of every request's body: nothing unknown, nothing guessed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
    AfterValidator(clean_text),
    Field(description="Why; kept beside the events, where it can be erased by law."),
]


# --- who may, and reasons --------------------------------------------------------------------------------------------


def refuse_other_place(person: Person, at: Stage) -> None:
    """Refuse a secretary of another place."""
    if not acts_for(person, "secretary", at.season, at.province):
        raise forbidden(
            Text(
                "You are not the secretary of this place's committee.", "Anda bukan sekretaris panitia di wilayah ini."
            )
        )


async def digest_once(here: Service, command: CommandRequest, reason: str) -> str | Json:
    """Keep a command's reason and return its digest, or the first answer of a repeated command."""
    async with here.pool.acquire() as connection:
        remembered = await here.executor.remembered(connection, command.ask())
    return await keep_text(here.pool, reason) if remembered is None else answer(remembered)
