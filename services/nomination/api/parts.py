"""What all routes of the service share: addresses in paths, who may ask, strict bodies, and positions of reads."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Query
from fastapi import Path as InPath
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from kernel.canonical import Json
from kernel.commands import Receipt
from kernel.decider import Decision, Refusal
from kernel.http import CommandRequest, answer, command_by
from kernel.problems import Unfit, refused
from kernel.reads import wait_until_folded
from kernel.service import Service
from kernel.sql import queries
from kernel.tokens import Person, require
from schemas.envelope import CategoryCode, ProvinceCode, SeasonCode, Slug, Uuid, clean_text
from schemas.nomination import AgendaItem
from services.nomination.rights import (
    MEETING,
    READERS,
)

SQL: Final = queries(Path(__file__).parents[1] / "queries.sql")

AdminCommand = Annotated[CommandRequest, Depends(command_by("season-admin"))]
CommitteeCommand = Annotated[CommandRequest, Depends(command_by("season-admin", "secretary"))]
SecretariatCommand = Annotated[CommandRequest, Depends(command_by("secretariat"))]
AppealCommand = Annotated[CommandRequest, Depends(command_by("contact", "secretariat"))]
MeetingCommand = Annotated[CommandRequest, Depends(command_by(*MEETING))]


Reader = Annotated[Person, Depends(require(*READERS))]
InSeason = Annotated[SeasonCode | None, Query(description="Only this season.")]
InProvince = Annotated[ProvinceCode | None, Query(description="Only this province; 00: the nation.")]


SeasonPath = Annotated[SeasonCode, InPath(description="The season, for example 2020.")]
ProvincePath = Annotated[ProvinceCode, InPath(description="Two digits of the official table; 00 for the nation.")]
BodyPath = Annotated[Slug, InPath(description="The body's code in the rulebook, for example panitia-9.")]
PersonPath = Annotated[Uuid, InPath(description="Identity's id of the person.")]
NominationPath = Annotated[Uuid, InPath(description="The nomination's id.")]
DryRun = Annotated[bool, Query(description="True: only say what would be done, and do nothing.")]
PlenaryPath = Annotated[Uuid, InPath(description="The plenary's id.")]
MotionPath = Annotated[int, InPath(ge=1, le=100_000, description="The motion's number.")]


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written(value: Any) -> Any:
    """Refuse numbers where a date is written, as such or as text: pydantic would read them as seconds."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise Unfit("Send a date as text, for example 2021-01-06.", "Kirim tanggal sebagai teks, misalnya 2021-01-06.")
    return value


Day = Annotated[date, Field(strict=False, examples=["2021-01-06"]), BeforeValidator(_written)]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
    AfterValidator(clean_text),
    Field(description="Why; kept beside the events, where it can be erased by law."),
]
RegionCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}(\.[0-9]{2})?$"), Field(examples=["75", "75.71"])]
CandidateCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$"),
    Field(description="Official region code, or employer number (NPP).", examples=["75.71"]),
]


class Body(BaseModel):
    """The base of every request's body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ReasonBody(Body):
    """Why."""

    reason: Reason


class ItemBody(Body):
    """A category's stage."""

    category: CategoryCode
    stage: Slug

    @property
    def item(self) -> AgendaItem:
        """Return it as an item of an agenda."""
        return AgendaItem(category=self.category, stage=self.stage)


def rehearsed(decision: Decision) -> Json:
    """Return what a command would lead to, of which nothing was done; raise the Problem that a refusal is."""
    if isinstance(decision, Refusal):
        raise refused(decision)
    events = [{"stream": emit.stream, "type": emit.event.type_name()} for emit in decision]
    return {"dry_run": True, "events": events}


def named(outcome: Receipt | Refusal, name: str) -> Json:
    """Return a receipt with the id of what its first event created, under `name`."""
    receipt = answer(outcome)
    return {**receipt, name: receipt["events"][0]["stream"].partition("/")[2]}


async def position_of(here: Service, projection: str, at_least: str | None, person: Person | None) -> str:
    """Return how far a projection has come, after it has come as far as is asked; `person`: None without a token."""
    await wait_until_folded(here, projection, at_least, person)
    return str(await here.position(projection))


def bodies_of(page: Json) -> Json:
    """Return a page of rows as a page of their documents."""
    return {**page, "items": [orjson.loads(row["body"]) for row in page["items"]]}
