"""What the nomination service says: seasons, committees, nominations, plenaries, announcements.

Persons are pseudonyms (their names and addresses are identity's, and erasable); reasons are salted digests of texts
that lie beside the events. Field meanings: instants are UTC, marks and totals exact decimals or fractions as strings.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from schemas.envelope import (
    CategoryCode,
    CleanName,
    Event,
    Hex64,
    Instant,
    Part,
    ProvinceCode,
    SeasonCode,
    Slug,
    Stage,
    StreamName,
    StreamPoint,
    Uuid,
    Version,
)

Vote = Literal["for", "against", "abstain"]
Count = Annotated[int, Field(ge=0)]


class NominationEvent(Event):
    """An event of the nomination service."""

    context: ClassVar[str] = "nomination"


# --- seasons -------------------------------------------------------------------------------------------------------


class SeasonOpened(NominationEvent):
    """A season begins under the rulebook that the same append publishes."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    title: CleanName
    rulebook_version: Version
    rulebook_hash: Hex64


class RulebookPublished(NominationEvent):
    """The season's rules, whole. `content` is `schemas.rulebook.rulebook_content`, `hash` its SHA-256."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    version: Version
    hash: Hex64
    content: dict[str, Any]


class RulebookAmended(NominationEvent):
    """A new version of the season's rules; what was opened, sealed or decided under an older one stays under it."""

    signed: ClassVar[bool] = True
    season: SeasonCode
    version: Version
    hash: Hex64
    content: dict[str, Any]
    reason_digest: Hex64


# --- committees ----------------------------------------------------------------------------------------------------


class CommitteeFormed(NominationEvent):
    """A body of the rulebook is formed for a province (`00`: the nation) by decree, for a term."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    decree: CleanName
    term_from: date
    term_until: date


class MemberAppointed(NominationEvent):
    """A person takes a seat of an office in a body."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    person: Uuid


class MemberRemoved(NominationEvent):
    """A person leaves the seat; sheets filed before stay in the record."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    person: Uuid
    reason_digest: Hex64


class ConflictDeclared(NominationEvent):
    """A member has an interest in a candidate (`nomination`) or a whole category; recusal reaches back."""

    season: SeasonCode
    province: ProvinceCode
    body: Slug
    person: Uuid
    category: CategoryCode
    nomination: Uuid | None = None
    kind: Literal["own-institution", "ownership", "family", "other"]
    reason_digest: Hex64


# --- nominations ---------------------------------------------------------------------------------------------------


class Candidate(Part):
    """Who competes: a region by its official code, or an employer by its number (NPP)."""

    kind: Literal["province", "regency", "city", "employer"]
    code: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$")]
    name: CleanName
    size_class: Literal["large", "medium", "small", "micro"] | None = None
    region: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")] | None = None
    """Where an employer is at home; a government is its own region."""


class CandidateNominated(NominationEvent):
    """A candidate enters the first stage of its path. `sample` marks what no article or office vouches for."""

    nomination: Uuid
    entry: Stage
    candidate: Candidate
    nominating_body: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")]
    """Region code of the government that nominates."""
    nominated_by: Uuid
    contact: Uuid
    sample: bool = False


class NominationWithdrawn(NominationEvent):
    """The nominating body takes a nomination back."""

    nomination: Uuid
    at: Stage
    reason_digest: Hex64


class StageAdvanced(NominationEvent):
    """A plenary's decision takes a nomination to the next stage. `reached` may be in another tier."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    left: Stage
    reached: Stage
    rank: Annotated[int, Field(ge=1)]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False


class NominationEliminated(NominationEvent):
    """A plenary's decision ends a nomination's way; `rank` is absent when it could not be ranked."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Annotated[int, Field(ge=1)] | None = None
    reason: Literal["below-quota", "unrankable"]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False


# --- plenaries -----------------------------------------------------------------------------------------------------


class AgendaItem(Part):
    """One ranking that the meeting is to decide on."""

    category: CategoryCode
    stage: Slug


class PlenaryConvened(NominationEvent):
    """A committee's meeting (sidang pleno) is called."""

    plenary: Uuid
    season: SeasonCode
    tier: Literal["provincial", "national"]
    province: ProvinceCode
    body: Slug
    scheduled: Instant
    agenda: tuple[AgendaItem, ...]


class AttendanceRecorded(NominationEvent):
    """A member came, or left (`present` false); quorum is counted anew for each item."""

    plenary: Uuid
    person: Uuid
    office: Slug
    seat: Annotated[int, Field(ge=1)]
    present: bool
    mode: Literal["in-person", "remote"] = "in-person"


class RankingTabled(NominationEvent):
    """A sealed ranking is laid before the meeting, cited by the seal's event and digest."""

    plenary: Uuid
    item: AgendaItem
    ranking: StreamName
    seal: Uuid
    seal_version: Version
    digest: Hex64


class ResealOrdered(NominationEvent):
    """A seal's basis is stale: what it left out was already decided here when the seal arrived."""

    ranking: StreamName
    seal: Uuid
    stale: tuple[StreamPoint, ...]
    missing: tuple[Uuid, ...] = ()
    superfluous: tuple[Uuid, ...] = ()


class MotionOpened(NominationEvent):
    """A question is put: propose `advancing` (in rank order) and let `eliminated` go, on the strength of `seal`."""

    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    kind: Literal["propose"]
    seal: Uuid
    advancing: tuple[Uuid, ...]
    eliminated: tuple[Uuid, ...]


class VoteCast(NominationEvent):
    """One member's open vote on one motion."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    person: Uuid
    office: Slug
    vote: Vote


class Tally(Part):
    """Votes counted."""

    votes_for: Count
    votes_against: Count
    abstained: Count


class Quorum(Part):
    """Seats of the body (vacant and recused ones included), members present and free to vote, and how many it takes."""

    seats: Count
    present: Count
    required: Count
    recused: tuple[Uuid, ...] = ()


class PlenaryDecided(NominationEvent):
    """A motion is closed. `results` lists every event of the same append, so readers act when they have them all."""

    signed: ClassVar[bool] = True
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    item: AgendaItem
    outcome: Literal["carried", "lost"]
    tally: Tally
    quorum: Quorum
    seal: Uuid
    digest: Hex64
    rulebook_version: Version
    results: tuple[StreamPoint, ...]


class PlenaryAdjourned(NominationEvent):
    """The meeting ends; nothing more can be tabled, moved or voted in it."""

    plenary: Uuid


# --- announcements and winners -------------------------------------------------------------------------------------


class Announced(Part):
    """One line of an announcement."""

    nomination: Uuid
    candidate: CleanName
    rank: Annotated[int, Field(ge=1)] | None = None
    outcome: Literal["advanced", "eliminated", "winner"]
    sample: bool = False


class RankingAnnounced(NominationEvent):
    """The decided ranking of a category's stage is made public; the appeal window opens."""

    at: Stage
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    digest: Hex64
    lines: tuple[Announced, ...]
    appeals_until: Instant | None = None
    """The last instant of the appeal window; until then the result is provisional (Sementara)."""


class WinnerDeclared(NominationEvent):
    """A rank of the award is taken, by the decision on the last stage of the path."""

    signed: ClassVar[bool] = True
    nomination: Uuid
    at: Stage
    rank: Annotated[int, Field(ge=1)]
    plenary: Uuid
    motion: Annotated[int, Field(ge=1)]
    seal: Uuid
    sample: bool = False
