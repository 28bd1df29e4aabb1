"""A province's committees, or the nation's (`00`): bodies formed by decree, who sits in them, who has an interest.

Streams `committee/<season>/<province>`, one for all bodies of the place. A declared conflict belongs to the person, so
it counts in every body of the stream until it is lifted; so does whom the person belongs to, as long as one of its
seats says so. Who is recused follows from the rulebook: how far a declared interest reaches, and whether one's own
employer or government is refused or only flagged. Being recused on one candidate of a motion is being recused on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Literal, NamedTuple, assert_never

from kernel.decider import Aggregate, Decision, Emit, Happened, Position, Refusal
from schemas.envelope import Stage
from schemas.nomination import (
    Candidate,
    CommitteeFormed,
    ConflictDeclared,
    ConflictLifted,
    MemberAppointed,
    MemberRemoved,
)
from schemas.regions import NATION, UnknownRegion, region
from schemas.rulebook import Body, Conflicts, Rulebook
from services.nomination.domain.local_time import day_of
from services.nomination.domain.nomination import NominationState, Unnominated, Written, candidate_of
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened

CommitteeEvent = CommitteeFormed | MemberAppointed | MemberRemoved | ConflictDeclared | ConflictLifted
ConflictKind = Literal["own-institution", "ownership", "family", "other"]
OwnKind = Literal["own-employer", "own-government"]
Candidates = Mapping[str, Candidate | None]
"""Candidates by nomination; None for a nomination whose candidate is not known."""


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """A seat of an office, counted from 1."""

    office: str
    number: int


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whom a member belongs to: an employer by its number (NPP), a government by its region code."""

    employer: str | None = None
    government: str | None = None

    def interest_in(self, candidate: Candidate) -> OwnKind | None:
        """Return the interest in a candidate that is one's own: itself, not the province that it lies in."""
        if candidate.kind == "employer":
            return "own-employer" if candidate.code == self.employer else None
        return "own-government" if candidate.code == self.government else None


class Act(NamedTuple):
    """Who did something, when, and where it stands in this service's log."""

    by: str
    time: datetime
    position: Position


class Term(NamedTuple):
    """A body's time in office by one decree, first and last day included."""

    decree: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class FormedBody:
    """A body, its terms in office, the holders of its taken seats, and whom its members belong to.

    `belongings` says by person what the latest appointment stated. It outlives the seat: whom a person belongs to does
    not change when the person leaves one body and sits on in another, and filed marks are judged by it too.
    """

    code: str
    terms: tuple[Term, ...]
    holders: Mapping[Seat, str] = field(default_factory=dict)
    belongings: Mapping[str, Belonging] = field(default_factory=dict)
    removed: Mapping[str, Act] = field(default_factory=dict)
    """By whom each person that ever lost a seat lost the last one."""

    @property
    def last_day(self) -> date:
        """Return the last day of its last term."""
        return max(term.last for term in self.terms)

    def term_at(self, day: date) -> Term:
        """Return the term that a day lies in; the last one where it lies in none."""
        return next((term for term in self.terms if term.first <= day <= term.last), self.terms[-1])

    def in_office(self, day: date) -> bool:
        """Tell whether a day lies in one of its terms."""
        return any(term.first <= day <= term.last for term in self.terms)

    def seat_of(self, person: str) -> Seat | None:
        """Return the seat that the person holds."""
        return next((seat for seat, holder in self.holders.items() if holder == person), None)

    def with_seat(self, seat: Seat, person: str, belonging: Belonging) -> FormedBody:
        """Return the body with a seat taken."""
        return replace(self, holders={**self.holders, seat: person}, belongings={**self.belongings, person: belonging})

    def without_seat(self, gone: Seat, person: str, removal: Act) -> FormedBody:
        """Return the body with a seat vacant that a person held."""
        left = {seat: holder for seat, holder in self.holders.items() if seat != gone}
        return replace(self, holders=left, removed={**self.removed, person: removal})


@dataclass(frozen=True, slots=True)
class Conflict:
    """A declared interest in one candidate, or in a whole category (`nomination` None); `act`: its declaration."""

    person: str
    category: str
    nomination: str | None
    act: Act | None = field(default=None, compare=False)

    def bears_on(self, rule: Conflicts, category: str, nominations: Collection[str]) -> bool:
        """Tell whether it recuses its member on these candidates of a category."""
        whole = rule.scope == "category" or self.nomination is None
        return self.category == category and (whole or self.nomination in nominations)


@dataclass(frozen=True, slots=True)
class Change:
    """A ranking-relevant event of the stream: its version, where it stands in this service's log, and when it was."""

    version: int
    position: Position
    time: datetime


@dataclass(frozen=True, slots=True)
class Committee:
    """All bodies of a place, the conflicts that hold there, and the changes that a ranking may rest on."""

    bodies: Mapping[str, FormedBody] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    changes: tuple[Change, ...] = ()

    def formed(self, body: str) -> FormedBody:
        """Return a body that is formed; raise Refused."""
        if body in self.bodies:
            return self.bodies[body]
        raise refuse("committee-unknown", "body", body)

    def recused(self, rule: Conflicts, category: str, candidates: Candidates) -> frozenset[str]:
        """Return who may take no part in a decision on these candidates of a category."""
        declared = frozenset(
            conflict.person for conflict in self.conflicts if conflict.bears_on(rule, category, candidates)
        )
        return declared | {person for person, kind in self._own(candidates) if effect_of(kind, rule) == "refused"}

    def _own(self, candidates: Candidates) -> Iterator[tuple[str, OwnKind]]:
        """Yield who has an own interest in one of these candidates, in whatever body the person sits or sat."""
        for body in self.bodies.values():
            for person, belonging in body.belongings.items():
                for candidate in candidates.values():
                    kind = None if candidate is None else belonging.interest_in(candidate)
                    if kind is not None:
                        yield person, kind


def effect_of(kind: OwnKind, rule: Conflicts) -> Literal["refused", "flagged"]:
    """Return what the rulebook makes of an interest in one's own employer or government."""
    return rule.own_employer if kind == "own-employer" else rule.own_government


def candidates_of(concerned: Iterable[str], nominations: Mapping[str, NominationState]) -> Candidates:
    """Return the candidates of the nominations concerned, as far as their states are given."""
    return {nomination: candidate_of(nominations.get(nomination, Unnominated())) for nomination in concerned}


def committee_stream(season: str, province: str) -> str:
    """Return the stream of a province's committees, or the nation's (`00`)."""
    return f"committee/{season}/{province}"


def evolve(state: Committee, happened: Happened) -> Committee:
    """Fold one event of a committee's stream."""
    event: CommitteeEvent = happened.event
    match event:
        case CommitteeFormed():
            term = Term(event.decree, event.term_from, event.term_until)
            known = state.bodies.get(event.body, FormedBody(event.body, ()))
            return _with(state, replace(known, terms=(*known.terms, term)))
        case MemberAppointed():
            belonging = Belonging(event.employer, event.government)
            seated = state.bodies[event.body].with_seat(Seat(event.office, event.seat), event.person, belonging)
            return _changed(_with(state, seated), happened)
        case MemberRemoved():
            seat = Seat(event.office, event.seat)
            vacated = state.bodies[event.body].without_seat(seat, event.person, _act(happened))
            return _changed(_with(state, vacated), happened)
        case ConflictDeclared():
            conflict = Conflict(event.person, event.category, event.nomination, _act(happened))
            return _changed(replace(state, conflicts=(*state.conflicts, conflict)), happened)
        case ConflictLifted():
            lifted = Conflict(event.person, event.category, event.nomination)
            left = tuple(conflict for conflict in state.conflicts if conflict != lifted)
            return _changed(replace(state, conflicts=left), happened)
        case _:
            assert_never(event)


def _act(happened: Happened) -> Act:
    return Act(happened.actor, happened.time, happened.position)


def _with(state: Committee, body: FormedBody) -> Committee:
    return replace(state, bodies={**state.bodies, body.code: body})


def _changed(state: Committee, happened: Happened) -> Committee:
    return replace(state, changes=(*state.changes, Change(happened.version, happened.position, happened.time)))


COMMITTEE: Final = Aggregate[Committee](initial=Committee, evolve=evolve, kind="committee")


# --- forming -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FormCommittee:
    """Form a body by decree, for a term; a formed one by another decree, for a later term."""

    season: str
    province: str
    body: str
    decree: str
    term_from: date
    term_until: date


@decides
def form_committee(command: FormCommittee, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Form a body of the rulebook, of the tier that the place is of, or renew it; who sits in it stays."""
    rules = opened(season, command.season).rulebook
    body = _body(command.body, rules)
    _check_place(command.province, body, rules)
    if command.term_until < command.term_from:
        raise refuse("term-reversed", "term_until", command.term_until, first=command.term_from)
    if (known := committee.bodies.get(command.body)) is not None:
        _check_renewal(command, known)
    formed = CommitteeFormed(
        season=command.season,
        province=command.province,
        body=command.body,
        decree=command.decree,
        term_from=command.term_from,
        term_until=command.term_until,
    )
    return (Emit(committee_stream(command.season, command.province), formed),)


def _body(code: str, rules: Rulebook) -> Body:
    """Return a body of the rulebook; raise Refused."""
    body = next((body for body in rules.bodies if body.code == code), None)
    if body is None:
        raise refuse("body-unknown", "body", code, known=_listed(body.code for body in rules.bodies))
    return body


def _check_place(province: str, body: Body, rules: Rulebook) -> None:
    """Refuse a place of another tier than the body's, and one that is no province."""
    if (province == NATION) is not (body.tier == "national"):
        raise refuse("body-of-other-tier", "province", province, tier=body.tier)
    if province != NATION:
        try:
            region(province, rules.regions.table)
        except UnknownRegion:
            raise refuse("province-unknown", "province", province, table=rules.regions.table) from None


def _check_renewal(command: FormCommittee, known: FormedBody) -> None:
    """Refuse the same decree again, and one whose term does not end later than the last one's."""
    if command.decree in (term.decree for term in known.terms):
        raise refuse("committee-formed-already", "body", command.body, decree=command.decree)
    if command.term_until <= known.last_day:
        raise refuse("renewal-not-later", "term_until", command.term_until, last=known.last_day)


def check_in_office(formed: FormedBody, moment: datetime, zone: str, path: str) -> None:
    """Refuse a moment whose day, by the place's own time, lies outside of the body's terms."""
    day = day_of(moment, zone)
    if not formed.in_office(day):
        terms = "; ".join(f"{term.first}/{term.last}" for term in formed.terms)
        raise refuse("outside-term", path, day, body=formed.code, terms=terms)


# --- seats ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AppointMember:
    """Give a seat to a person, and say whom the person belongs to."""

    season: str
    province: str
    body: str
    office: str
    seat: int
    person: str
    received: datetime
    belonging: Belonging = field(default_factory=Belonging)


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a person's seat back; the reason is kept beside the events under its digest."""

    season: str
    province: str
    body: str
    person: str
    reason_digest: str


@dataclass(frozen=True, slots=True)
class ReplaceMember:
    """Give a person's seat to a successor, in one step."""

    season: str
    province: str
    body: str
    person: str
    successor: str
    received: datetime
    reason_digest: str
    belonging: Belonging = field(default_factory=Belonging)


@decides
def appoint_member(command: AppointMember, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Give a free seat of the body to a person who holds none in it."""
    rules = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    offices = {office.code: office for office in _body(command.body, rules).offices}
    office = offices.get(command.office)
    if office is None:
        raise refuse("office-unknown", "office", command.office, body=command.body, known=_listed(offices))
    if command.seat > office.seats:
        raise refuse("seat-unknown", "seat", command.seat, seats=office.seats)
    if Seat(command.office, command.seat) in formed.holders:
        raise refuse("seat-taken", "seat", command.seat, office=command.office)
    _check_newcomer(command, command.person, "person", rules, formed)
    return (_appointed(command, Seat(command.office, command.seat), command.person),)


@decides
def remove_member(command: RemoveMember, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Vacate the person's seat."""
    opened(season, command.season)
    return (_removed(command, _seat(command, committee.formed(command.body))),)


@decides
def replace_member(command: ReplaceMember, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Vacate the person's seat and give it to the successor, both or neither."""
    rules = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    seat = _seat(command, formed)
    _check_newcomer(command, command.successor, "successor", rules, formed)
    return (_removed(command, seat), _appointed(command, seat, command.successor))


def _seat(command: RemoveMember | ReplaceMember, formed: FormedBody) -> Seat:
    """Return the seat that the person holds; raise Refused."""
    seat = formed.seat_of(command.person)
    if seat is None:
        raise refuse("person-not-seated", "person", command.person, body=command.body)
    return seat


def _check_newcomer(
    command: AppointMember | ReplaceMember, person: str, path: str, rules: Rulebook, formed: FormedBody
) -> None:
    """Refuse who sits in the body already, who comes after its last term, or belongs to a government that is none."""
    if (held := formed.seat_of(person)) is not None:
        raise refuse("person-seated-already", path, person, office=held.office)
    if day_of(command.received, rules.zone(command.province)) > formed.last_day:
        raise refuse("term-over", "body", command.body, last=formed.last_day)
    government = command.belonging.government
    if government is not None:
        try:
            region(government, rules.regions.table)
        except UnknownRegion:
            raise refuse("government-unknown", "government", government, table=rules.regions.table) from None


def _removed(command: RemoveMember | ReplaceMember, seat: Seat) -> Emit:
    removed = MemberRemoved(
        season=command.season,
        province=command.province,
        body=command.body,
        office=seat.office,
        seat=seat.number,
        person=command.person,
        reason_digest=command.reason_digest,
    )
    return Emit(committee_stream(command.season, command.province), removed)


def _appointed(command: AppointMember | ReplaceMember, seat: Seat, person: str) -> Emit:
    appointed = MemberAppointed(
        season=command.season,
        province=command.province,
        body=command.body,
        office=seat.office,
        seat=seat.number,
        person=person,
        employer=command.belonging.employer,
        government=command.belonging.government,
    )
    return Emit(committee_stream(command.season, command.province), appointed)


# --- conflicts of interest -----------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class LiftConflict:
    """Say that a declared interest no longer holds, by the member or by the committee's secretary."""

    season: str
    province: str
    body: str
    actor: str
    person: str
    category: str
    nomination: str | None
    reason_digest: str
    recorder: bool = False


@decides
def declare_conflict(
    command: DeclareConflict, season: SeasonState, committee: Committee, nomination: NominationState | None
) -> Sequence[Emit]:
    """Record a seated member's interest in a nomination, or (without one) in the whole category."""
    rules = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    if formed.seat_of(command.person) is None:
        raise refuse("person-not-seated", "person", command.person, body=command.body)
    _check_speaker(command)
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


@decides
def lift_conflict(
    command: LiftConflict, season: SeasonState, committee: Committee, rankings: Mapping[Stage, Ranking]
) -> Sequence[Emit]:
    """Lift what is declared; it counts from now on, and who was recused before may score and vote again.

    Not while a stage that it bears on (`rankings`) has scorers who were drawn without the member: conflicts could else
    be recorded until only the wanted members are left to draw from, and leave no trace in the ranking.
    """
    opened(season, command.season)
    committee.formed(command.body)
    _check_speaker(command)
    named = Conflict(command.person, command.category, command.nomination)
    declared = next((one for one in committee.conflicts if one == named), None)
    if declared is None:
        raise refuse("conflict-not-declared", "nomination", command.nomination)
    for at, ranking in rankings.items():
        drawn_by_it = ranking.drawn is not None and declared.act is not None and ranking.drawn > declared.act.position
        if drawn_by_it and not ranking.seals:
            raise refuse("conflict-drawn-by", "nomination", f"{at.tier}/{at.category}/{at.stage}")
    lifted = ConflictLifted(
        season=command.season,
        province=command.province,
        body=command.body,
        person=command.person,
        category=command.category,
        nomination=command.nomination,
        reason_digest=command.reason_digest,
    )
    return (Emit(committee_stream(command.season, command.province), lifted),)


@decides
def by_who_has_not_looked(
    decision: Decision, actor: str, rankings: Mapping[Stage, Ranking], speaks_for: str | None = None
) -> Decision:
    """Refuse a change of the committee by somebody who has seen marks that it could take out of a ranking, or put back.

    Recusals and removals reach back over filed marks until a stage is sealed. So whoever has seen what they add up to
    leaves such changes to another, but may always declare an interest of their own.

    Args:
        decision: what the change comes to; a refusal stays one.
        actor: who asks for it.
        rankings: the place's stages that it can bear on.
        speaks_for: whose interest is declared, if that is what is done.
    """
    if not isinstance(decision, Refusal) and actor != speaks_for:
        for at, ranking in rankings.items():
            if actor in ranking.readers and not ranking.seals:
                raise refuse("marks-seen", "stage", f"{at.tier}/{at.category}/{at.stage}")
    return decision


def _check_speaker(command: DeclareConflict | LiftConflict) -> None:
    if command.actor != command.person and not command.recorder:
        raise refuse("not-for-another", "person", command.person)


def _check_nomination(command: DeclareConflict, nomination: NominationState | None) -> None:
    if not isinstance(nomination, Written):  # on what was filed late members vote, whether it is admitted
        raise refuse("nomination-unknown", "nomination", command.nomination)
    if (nomination.at.season, nomination.at.category) != (command.season, command.category):
        category = command.category
        raise refuse("nomination-of-another-category", "nomination", command.nomination, category=category)


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(codes)
