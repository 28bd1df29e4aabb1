"""A province's committees, or the nation's (`00`): bodies formed by decree, who sits in them, who has an interest.

Streams `committee/<season>/<province>`, one for all bodies of the place. A declared conflict belongs to the person, so
it counts in every body of the stream. Who is recused follows from the rulebook's scope; being recused on one candidate
of a motion is being recused on the motion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal, assert_never

from kernel.decider import Aggregate, Emit, Happened, Position
from schemas.nomination import CommitteeFormed, ConflictDeclared, MemberAppointed, MemberRemoved
from schemas.regions import NATION, UnknownRegion, region
from schemas.rulebook import Body, Conflicts, Rulebook
from services.nomination.domain.nomination import Nomination, NominationState
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened

CommitteeEvent = CommitteeFormed | MemberAppointed | MemberRemoved | ConflictDeclared
ConflictKind = Literal["own-institution", "ownership", "family", "other"]


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """A seat of an office, counted from 1."""

    office: str
    number: int


@dataclass(frozen=True, slots=True)
class FormedBody:
    """A body in office and the holders of its taken seats."""

    code: str
    decree: str
    term_from: date
    term_until: date
    holders: Mapping[Seat, str] = field(default_factory=dict)

    def seat_of(self, person: str) -> Seat | None:
        """Return the seat that the person holds."""
        return next((seat for seat, holder in self.holders.items() if holder == person), None)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A declared interest in one candidate, or in a whole category (`nomination` None)."""

    person: str
    category: str
    nomination: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A ranking-relevant event of the stream: its version, and where it stands in this service's log."""

    version: int
    position: Position


@dataclass(frozen=True, slots=True)
class Committee:
    """All bodies of a place, the conflicts declared there, and the changes that a ranking may rest on."""

    bodies: Mapping[str, FormedBody] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    changes: tuple[Change, ...] = ()

    def formed(self, body: str) -> FormedBody:
        """Return a body that is formed; raise Refused."""
        if body in self.bodies:
            return self.bodies[body]
        raise refuse("committee-unknown", "body", body)

    def recused(self, rule: Conflicts, category: str, nominations: Iterable[str]) -> frozenset[str]:
        """Return who may take no part in a decision on these nominations of a category."""
        concerned = set(nominations)
        return frozenset(
            conflict.person
            for conflict in self.conflicts
            if conflict.category == category
            and (rule.scope == "category" or conflict.nomination is None or conflict.nomination in concerned)
        )


def committee_stream(season: str, province: str) -> str:
    """Return the stream of a province's committees, or the nation's (`00`)."""
    return f"committee/{season}/{province}"


def evolve(state: Committee, happened: Happened) -> Committee:
    """Fold one event of a committee's stream."""
    event: CommitteeEvent = happened.event
    match event:
        case CommitteeFormed():
            formed = FormedBody(event.body, event.decree, event.term_from, event.term_until)
            return replace(state, bodies={**state.bodies, event.body: formed})
        case MemberAppointed():
            body = state.bodies[event.body]
            holders = {**body.holders, Seat(event.office, event.seat): event.person}
            return _changed(_with(state, replace(body, holders=holders)), happened)
        case MemberRemoved():
            body = state.bodies[event.body]
            gone = Seat(event.office, event.seat)
            holders = {seat: person for seat, person in body.holders.items() if seat != gone}
            return _changed(_with(state, replace(body, holders=holders)), happened)
        case ConflictDeclared():
            conflict = Conflict(event.person, event.category, event.nomination)
            return _changed(replace(state, conflicts=(*state.conflicts, conflict)), happened)
        case _:
            assert_never(event)


def _with(state: Committee, body: FormedBody) -> Committee:
    return replace(state, bodies={**state.bodies, body.code: body})


def _changed(state: Committee, happened: Happened) -> Committee:
    return replace(state, changes=(*state.changes, Change(happened.version, happened.position)))


COMMITTEE: Final = Aggregate[Committee](initial=Committee, evolve=evolve, kind="committee")


# --- commands ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FormCommittee:
    """Form a body by decree, for a term."""

    season: str
    province: str
    body: str
    decree: str
    term_from: date
    term_until: date


@dataclass(frozen=True, slots=True)
class AppointMember:
    """Give a seat to a person."""

    season: str
    province: str
    body: str
    office: str
    seat: int
    person: str


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a person's seat back; the reason is kept beside the events under its digest."""

    season: str
    province: str
    body: str
    person: str
    reason_digest: str


@dataclass(frozen=True, slots=True)
class DeclareConflict:
    """Declare a member's interest, by the member or (with `recorder`) by the committee's secretary."""

    season: str
    province: str
    body: str
    actor: str
    person: str
    category: str
    nomination: str | None
    kind: ConflictKind
    reason_digest: str
    recorder: bool = False


@decides
def form_committee(command: FormCommittee, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Form a body of the rulebook, of the tier that the place is of."""
    rules = opened(season, command.season).rulebook
    body = next((body for body in rules.bodies if body.code == command.body), None)
    if body is None:
        raise refuse("body-unknown", "body", command.body, known=_listed(body.code for body in rules.bodies))
    _check_place(command.province, body, rules)
    if command.body in committee.bodies:
        raise refuse("committee-formed-already", "body", command.body)
    if command.term_until < command.term_from:
        raise refuse("term-reversed", "term_until", command.term_until, first=command.term_from)
    formed = CommitteeFormed(
        season=command.season,
        province=command.province,
        body=command.body,
        decree=command.decree,
        term_from=command.term_from,
        term_until=command.term_until,
    )
    return (Emit(committee_stream(command.season, command.province), formed),)


def _check_place(province: str, body: Body, rules: Rulebook) -> None:
    """Refuse a place of another tier than the body's, and one that is no province."""
    if (province == NATION) is not (body.tier == "national"):
        raise refuse("body-of-other-tier", "province", province, tier=body.tier)
    if province != NATION:
        try:
            region(province, rules.regions.table)
        except UnknownRegion:
            raise refuse("province-unknown", "province", province, table=rules.regions.table) from None


@decides
def appoint_member(command: AppointMember, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Give a free seat of the body to a person who holds none in it."""
    rules = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    offices = {office.code: office for office in rules.body(command.body).offices}
    office = offices.get(command.office)
    if office is None:
        raise refuse("office-unknown", "office", command.office, body=command.body, known=_listed(offices))
    if command.seat > office.seats:
        raise refuse("seat-unknown", "seat", command.seat, seats=office.seats)
    if Seat(command.office, command.seat) in formed.holders:
        raise refuse("seat-taken", "seat", command.seat, office=command.office)
    if (held := formed.seat_of(command.person)) is not None:
        raise refuse("person-seated-already", "person", command.person, office=held.office)
    appointed = MemberAppointed(
        season=command.season,
        province=command.province,
        body=command.body,
        office=command.office,
        seat=command.seat,
        person=command.person,
    )
    return (Emit(committee_stream(command.season, command.province), appointed),)


@decides
def remove_member(command: RemoveMember, committee: Committee) -> Sequence[Emit]:
    """Vacate the person's seat."""
    formed = committee.formed(command.body)
    seat = formed.seat_of(command.person)
    if seat is None:
        raise refuse("person-not-seated", "person", command.person, body=command.body)
    removed = MemberRemoved(
        season=command.season,
        province=command.province,
        body=command.body,
        office=seat.office,
        seat=seat.number,
        person=command.person,
        reason_digest=command.reason_digest,
    )
    return (Emit(committee_stream(command.season, command.province), removed),)


@decides
def declare_conflict(
    command: DeclareConflict, season: SeasonState, committee: Committee, nomination: NominationState | None
) -> Sequence[Emit]:
    """Record a seated member's interest in a nomination, or (without one) in the whole category."""
    rules = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    if formed.seat_of(command.person) is None:
        raise refuse("person-not-seated", "person", command.person, body=command.body)
    if command.actor != command.person and not command.recorder:
        raise refuse("not-for-another", "person", command.person)
    categories = [category.code for category in rules.categories]
    if command.category not in categories:
        raise refuse("category-unknown", "category", command.category, known=_listed(categories))
    if command.nomination is not None:
        _check_nomination(command, nomination)
    if Conflict(command.person, command.category, command.nomination) in committee.conflicts:
        raise refuse("conflict-declared-already", "nomination", command.nomination)
    declared = ConflictDeclared(
        season=command.season,
        province=command.province,
        body=command.body,
        person=command.person,
        category=command.category,
        nomination=command.nomination,
        kind=command.kind,
        reason_digest=command.reason_digest,
    )
    return (Emit(committee_stream(command.season, command.province), declared),)


def _check_nomination(command: DeclareConflict, nomination: NominationState | None) -> None:
    if not isinstance(nomination, Nomination):
        raise refuse("nomination-unknown", "nomination", command.nomination)
    if (nomination.entry.season, nomination.entry.category) != (command.season, command.category):
        category = command.category
        raise refuse("nomination-of-another-category", "nomination", command.nomination, category=category)


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(codes)
