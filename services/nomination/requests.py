"""What commands carry: strict bodies, in which nothing is unknown, converted or guessed."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from kernel.body import Moment
from kernel.problems import Unfit
from schemas.envelope import CategoryCode, CleanName, Hex64, ProvinceCode, SeasonCode, Slug, Uuid
from schemas.nomination import AgendaItem, Vote
from schemas.rulebook import CandidateKind, SizeClass

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


class SeasonBody(Body):
    """A season's rulebook, as the text of its YAML file."""

    rulebook: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


class CommitteeBody(Body):
    """A body of the rulebook, formed for a place by decree."""

    season: SeasonCode
    province: Annotated[ProvinceCode, Field(description="Two digits; 00 for the nation.")]
    body: Annotated[Slug, Field(description="The body's code in the rulebook.", examples=["panitia-9"])]
    decree: CleanName
    term_from: Day
    term_until: Day


class MemberBody(Body):
    """Who takes which seat."""

    office: Annotated[Slug, Field(description="The office's code in the rulebook.")]
    seat: Annotated[int, Field(ge=1, le=100)] = 1
    person: Annotated[Uuid, Field(description="Identity's id of the person.")]


class ReasonBody(Body):
    """Why."""

    reason: Reason


class ConflictBody(Body):
    """A member's interest in a nomination, or without one in the whole category."""

    person: Annotated[Uuid | None, Field(description="Left out: oneself.")] = None
    category: CategoryCode
    nomination: Uuid | None = None
    kind: Literal["own-institution", "ownership", "family", "other"]
    reason: Reason


class CandidateBody(Body):
    """A government by code or official name; an employer by number, name, size class and region."""

    kind: CandidateKind
    code: CandidateCode | None = None
    name: CleanName | None = None
    size_class: SizeClass | None = None
    region: Annotated[
        CleanName | None, Field(description="An employer's home, by official code or name.", examples=["75.71"])
    ] = None


class NominationBody(Body):
    """A candidate for a category of a season."""

    season: SeasonCode
    category: CategoryCode
    candidate: CandidateBody
    nominating_body: Annotated[RegionCode, Field(description="The government that nominates; 00: the nation.")]
    contact: Annotated[Uuid, Field(description="Identity's id of the nominee's contact person.")]
    sample: Annotated[bool, Field(description="True for what no article or office vouches for.")] = False


class ItemBody(Body):
    """A category's stage."""

    category: CategoryCode
    stage: Slug

    @property
    def item(self) -> AgendaItem:
        """Return it as an item of an agenda."""
        return AgendaItem(category=self.category, stage=self.stage)


class PlenaryBody(Body):
    """A meeting to be called."""

    season: SeasonCode
    province: Annotated[ProvinceCode, Field(description="Two digits; 00 for the nation.")]
    body: Slug
    scheduled: Moment
    agenda: Annotated[list[ItemBody], Field(min_length=1, max_length=100)]


class AttendanceBody(Body):
    """That a member came or left."""

    person: Annotated[Uuid | None, Field(description="Left out: oneself.")] = None
    present: bool = True
    mode: Literal["in-person", "remote"] = "in-person"


class TableBody(ItemBody):
    """The ranking to lay before the meeting; a cited seal or digest must be that of the current seal."""

    seal: Uuid | None = None
    digest: Hex64 | None = None


class MotionBody(ItemBody):
    """The question to put; `advancing`, if sent, must be just who the quota admits, in rank order."""

    advancing: Annotated[list[Uuid] | None, Field(max_length=1000)] = None


class VoteBody(Body):
    """An open vote."""

    vote: Vote
