"""What scoring knows of the nomination service: seasons, committees, nominations, orders to seal anew.

These are the nomination service's streams, folded for what scoring decides on: which rules a stage pins, who sits and
who is recused, who competes where. What scoring does not need is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from kernel.decider import Aggregate, Happened
from schemas.envelope import Stage
from schemas.nomination import (
    Candidate,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    NominationEliminated,
    NominationWithdrawn,
    ResealOrdered,
    RulebookAmended,
    RulebookPublished,
    StageAdvanced,
)
from schemas.rulebook import Rulebook

# --- seasons -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Season:
    """The rules in force now; version 0 while the season is unknown here."""

    version: int = 0
    hash: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)

    def rulebook(self) -> Rulebook:
        """Return the rulebook in force. Raises pydantic's ValidationError while the season is unknown."""
        return Rulebook.from_content(self.content)


def _season(state: Season, happened: Happened) -> Season:
    match happened.event:
        case RulebookPublished() | RulebookAmended() as event:
            return Season(event.version, event.hash, event.content)
        case _:
            return state


SEASON: Final = Aggregate(initial=Season, evolve=_season, kind="season")


# --- committees ----------------------------------------------------------------------------------------------------


class Seat(NamedTuple):
    """One seat of an office in a body."""

    body: str
    office: str
    number: int


class Interest(NamedTuple):
    """An interest that a person declared: in one nomination, or (None) in a whole category."""

    category: str
    nomination: str | None


@dataclass(frozen=True, slots=True)
class Committee:
    """The bodies of a season in a province (or in the nation), who sits in them, and who declared which interest."""

    bodies: frozenset[str] = frozenset()
    holders: Mapping[Seat, str] = field(default_factory=dict)
    former: frozenset[tuple[str, str]] = frozenset()
    """Body and person of every seat that was left."""
    interests: Mapping[str, frozenset[Interest]] = field(default_factory=dict)

    def form(self, body: str) -> Committee:
        """Return the committee with a body formed."""
        return replace(self, bodies=self.bodies | {body})

    def appoint(self, seat: Seat, person: str) -> Committee:
        """Return the committee with a seat taken; who held it before has left it."""
        left = self.former | {(seat.body, self.holders[seat])} if seat in self.holders else self.former
        return replace(self, holders={**self.holders, seat: person}, former=left)

    def remove(self, seat: Seat, person: str) -> Committee:
        """Return the committee with a seat left."""
        holders = {held: holder for held, holder in self.holders.items() if (held, holder) != (seat, person)}
        return replace(self, holders=holders, former=self.former | {(seat.body, person)})

    def declare(self, person: str, interest: Interest) -> Committee:
        """Return the committee with an interest declared."""
        declared = self.interests.get(person, frozenset()) | {interest}
        return replace(self, interests={**self.interests, person: declared})

    def offices_of(self, body: str, person: str) -> tuple[str, ...]:
        """Return the offices that a person holds in a body now."""
        return tuple(seat.office for seat, holder in self.holders.items() if holder == person and seat.body == body)

    def has_left(self, body: str, person: str) -> bool:
        """Tell whether a person held a seat of a body and holds none now."""
        return (body, person) in self.former and not self.offices_of(body, person)

    def is_recused(self, person: str, category: str, nomination: str, scope: Literal["candidate", "category"]) -> bool:
        """Tell whether a person's interests keep it from a nomination, as far as the rulebook's `scope` reaches."""
        return any(
            interest.category == category
            and (scope == "category" or interest.nomination is None or interest.nomination == nomination)
            for interest in self.interests.get(person, ())
        )


def _committee(state: Committee, happened: Happened) -> Committee:
    match happened.event:
        case CommitteeFormed() as event:
            return state.form(event.body)
        case MemberAppointed() as event:
            return state.appoint(Seat(event.body, event.office, event.seat), event.person)
        case MemberRemoved() as event:
            return state.remove(Seat(event.body, event.office, event.seat), event.person)
        case ConflictDeclared() as event:
            return state.declare(event.person, Interest(event.category, event.nomination))
        case _:
            return state


COMMITTEE: Final = Aggregate(initial=Committee, evolve=_committee, kind="committee")


def committee_stream(at: Stage) -> str:
    """Return the stream of the committee that a stage's body belongs to."""
    return f"committee/{at.season}/{at.province}"


# --- nominations ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unknown:
    """No nomination has this id here."""


@dataclass(frozen=True, slots=True)
class Nomination:
    """A candidate on its way. `path` are the stages it reached, in order; its standing is how it ended, if it did."""

    id: str
    candidate: Candidate
    nominated: datetime
    path: tuple[Stage, ...]
    standing: Literal["competing", "withdrawn", "eliminated"] = "competing"
    sample: bool = False

    @property
    def now_at(self) -> Stage:
        """Return the stage reached last."""
        return self.path[-1]

    def reached(self, tier: str, stage: str) -> Stage | None:
        """Return the stage of this tier and code on the nomination's way, None if it was never reached."""
        return next((one for one in reversed(self.path) if (one.tier, one.stage) == (tier, stage)), None)

    def is_eligible(self, at: Stage) -> bool:
        """Tell whether the nomination is to be ranked at a stage: it reached it and still competes."""
        return at in self.path and self.standing == "competing"


NominationState = Unknown | Nomination


def _nomination(state: NominationState, happened: Happened) -> NominationState:
    match happened.event, state:
        case CandidateNominated() as event, Unknown():
            return Nomination(event.nomination, event.candidate, happened.time, (event.entry,), sample=event.sample)
        case StageAdvanced() as event, Nomination():
            return replace(state, path=(*state.path, event.reached))
        case NominationWithdrawn(), Nomination():
            return replace(state, standing="withdrawn")
        case NominationEliminated(), Nomination():
            return replace(state, standing="eliminated")
        case _:
            return state


NOMINATION: Final = Aggregate[NominationState](initial=Unknown, evolve=_nomination, kind="nomination")


# --- orders --------------------------------------------------------------------------------------------------------


class Order(NamedTuple):
    """An order to seal anew: the event that gave it, and the seal that it finds stale."""

    id: str
    seal: str


Orders = Mapping[str, Order]
"""The latest order by ranking stream."""


def _orders(state: Orders, happened: Happened) -> Orders:
    match happened.event:
        case ResealOrdered() as event:
            return {**state, event.ranking: Order(happened.id, event.seal)}
        case _:
            return state


ORDERS: Final = Aggregate[Orders](initial=dict, evolve=_orders, kind="award")
