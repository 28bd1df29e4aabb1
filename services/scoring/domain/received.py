"""What scoring knows of the nomination service: seasons, committees, nominations, orders, freezes, verdicts.

These are the nomination service's streams, folded for what scoring decides on: which rules a stage pins, who sits and
who is recused, who competes where, what is frozen, which figures a verdict changed. What scoring does not need is
passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from kernel.decider import Aggregate, Happened
from schemas.envelope import Stage
from schemas.exact import parse_fraction
from schemas.nomination import (
    AppealDecided,
    Candidate,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    ConflictLifted,
    DecisionReviewed,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    NominationEliminated,
    NominationReinstated,
    NominationRejected,
    NominationWithdrawn,
    ResealOrdered,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
    SeasonFrozen,
    SeasonUnfrozen,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.regions import NATION, zone_of
from schemas.rulebook import Rulebook
from schemas.scoring import PinnedRules
from schemas.scoring import Standing as Row

# --- seasons -------------------------------------------------------------------------------------------------------


Hold = Literal["frozen", "closed"]


@dataclass(frozen=True, slots=True)
class Season:
    """The rules in force now, and every earlier version; version 0 while the season is unknown here.

    `hold` says why nothing of the season can be changed now: two administrators froze it, or closed it for good.
    """

    version: int = 0
    hash: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    hold: Hold | None = None
    versions: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def rulebook(self, version: int | None = None) -> Rulebook:
        """Return the rulebook in force, or that of a version. Raises pydantic's ValidationError where there is none."""
        return Rulebook.from_content(self.content if version is None else self.versions.get(version, {}))

    def zone(self, province: str) -> str:
        """Return the IANA zone that counts in a province, or in the nation (`00`), without reading the whole rulebook.

        Raises LookupError while the season is unknown, and for a province that its region table does not have.
        """
        if province == NATION:
            return str(self.content["calendar"]["zone"])
        return zone_of(province, self.content["regions"]["table"])

    def day(self, province: str, moment: datetime) -> date:
        """Return an instant's day by the clocks of a province, or of the nation (`00`); raise as `zone` does."""
        try:
            return moment.astimezone(ZoneInfo(self.zone(province))).date()
        except OverflowError:  # the last hours of the year 9999 are in no later zone
            return moment.date()


def _season(state: Season, happened: Happened) -> Season:
    match happened.event:
        case RulebookPublished() | RulebookAmended() as event:
            versions = {**state.versions, event.version: event.content}
            return Season(event.version, event.hash, event.content, state.hold, versions)
        case SeasonFrozen():
            return replace(state, hold="frozen" if state.hold is None else state.hold)
        case SeasonUnfrozen():
            return replace(state, hold=None if state.hold == "frozen" else state.hold)
        case SeasonClosed():
            return replace(state, hold="closed")
        case _:
            return state


SEASON: Final = Aggregate(initial=Season, evolve=_season, kind="season")


def season_stream(at: Stage) -> str:
    """Return the stream of the season that a stage belongs to."""
    return f"season/{at.season}"


# --- committees ----------------------------------------------------------------------------------------------------


class Seat(NamedTuple):
    """One seat of an office in a body."""

    body: str
    office: str
    number: int


class Term(NamedTuple):
    """A body's time in office by one decree, first and last day included."""

    first: date
    last: date


class Interest(NamedTuple):
    """An interest that a person declared: in one nomination, or (None) in a whole category."""

    category: str
    nomination: str | None


class Belonging(NamedTuple):
    """Whom a person belongs to, as stated when a seat was taken: an employer's number (NPP), a government's code."""

    employer: str | None = None
    government: str | None = None


class Nominee(NamedTuple):
    """Whom a recusal is about: a nomination, its category, and the candidate's kind and official code."""

    nomination: str
    category: str
    kind: str
    code: str


class Ground(NamedTuple):
    """Why a member takes no part in ranking a nominee; a `flagged` ground is shown and keeps nobody out."""

    reason: Literal["declared", "own-employer", "own-government"]
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Committee:
    """The bodies of a season in a province (or in the nation), who sits in them, and who has which interest."""

    terms: Mapping[str, tuple[Term, ...]] = field(default_factory=dict)
    """The terms of every body that was formed, one by each decree."""
    holders: Mapping[Seat, str] = field(default_factory=dict)
    former: frozenset[tuple[str, str, str]] = frozenset()
    """Body, office and person of every seat that was left."""
    interests: Mapping[str, frozenset[Interest]] = field(default_factory=dict)
    belongings: Mapping[str, Mapping[str, Belonging]] = field(default_factory=dict)
    """By person and body: what the person's latest appointment there stated, kept when the seat is left."""
    version: int = field(default=0, kw_only=True)
    """Of its stream, as far as it was folded."""
    before: Committee | None = field(default=None, kw_only=True, compare=False, repr=False)
    """As it was an event earlier."""

    def as_of(self, version: int) -> Committee:
        """Return the committee as it was at a version of its stream, or as it is when that is not known here yet."""
        found = self
        while found.version > version and found.before is not None:
            found = found.before
        return found

    def form(self, body: str, term: Term) -> Committee:
        """Return the committee with a body formed, or renewed, for a term."""
        return replace(self, terms={**self.terms, body: (*self.terms.get(body, ()), term)})

    def in_office(self, body: str, day: date) -> bool:
        """Tell whether a day lies in one of a body's terms."""
        return any(term.first <= day <= term.last for term in self.terms.get(body, ()))

    def appoint(self, seat: Seat, person: str, belonging: Belonging | None = None) -> Committee:
        """Return the committee with a seat taken; who held it before has left it."""
        before = self.holders.get(seat)
        left = self.former if before is None else self.former | {(seat.body, seat.office, before)}
        appointed = replace(self, holders={**self.holders, seat: person}, former=left)
        stated = belonging or Belonging()
        if not any(stated) and person not in self.belongings:
            return appointed
        own = {**self.belongings.get(person, {}), seat.body: stated}
        return replace(appointed, belongings={**self.belongings, person: own})

    def remove(self, seat: Seat, person: str) -> Committee:
        """Return the committee with a seat left."""
        holders = {held: holder for held, holder in self.holders.items() if (held, holder) != (seat, person)}
        return replace(self, holders=holders, former=self.former | {(seat.body, seat.office, person)})

    def declare(self, person: str, interest: Interest) -> Committee:
        """Return the committee with an interest declared."""
        declared = self.interests.get(person, frozenset()) | {interest}
        return replace(self, interests={**self.interests, person: declared})

    def lift(self, person: str, interest: Interest) -> Committee:
        """Return the committee with a declared interest ended; others of the person stay."""
        left = self.interests.get(person, frozenset()) - {interest}
        return replace(self, interests={**self.interests, person: left})

    def offices_of(self, body: str, person: str) -> tuple[str, ...]:
        """Return the offices that a person holds in a body now."""
        return tuple(seat.office for seat, holder in self.holders.items() if holder == person and seat.body == body)

    def has_left(self, body: str, person: str) -> bool:
        """Tell whether a person held a seat of a body and holds none now."""
        left = any((one, holder) == (body, person) for one, _, holder in self.former)
        return left and not self.offices_of(body, person)

    def has_sat(self, body: str, person: str, offices: Sequence[str]) -> bool:
        """Tell whether a person sits in a body in one of these offices, or ever did."""
        seated = person in self.scorers_of(body, offices)
        return seated or any((body, office, person) in self.former for office in offices)

    def scorers_of(self, body: str, offices: Sequence[str]) -> tuple[str, ...]:
        """Return who sits in a body now in one of these offices, in the order of their ids."""
        seated = (holder for seat, holder in self.holders.items() if seat.body == body and seat.office in offices)
        return tuple(sorted(set(seated)))

    def grounds(self, person: str, nominee: Nominee, rules: PinnedRules) -> tuple[Ground, ...]:
        """Return why a person takes no part in ranking a nominee, as far as the pinned rules reach.

        A declared interest reaches as far as the rulebook's scope; one's own employer (the candidate's NPP is the
        member's employer) and own government (the candidate is that government itself, not its province) concern that
        nominee only, in every scope.
        """
        found = [Ground("declared")] if self._declared(person, nominee, rules) else []
        stated = self.belongings.get(person, {}).values()
        if nominee.kind == "employer":
            if rules.own_employer and any(nominee.code == one.employer for one in stated):
                found.append(Ground("own-employer", flagged=rules.own_employer == "flagged"))
        elif rules.own_government and any(nominee.code == one.government for one in stated):
            found.append(Ground("own-government", flagged=rules.own_government == "flagged"))
        return tuple(found)

    def is_recused(self, person: str, nominee: Nominee, rules: PinnedRules) -> bool:
        """Tell whether a person is kept from a nominee; what is only flagged keeps nobody."""
        return any(not ground.flagged for ground in self.grounds(person, nominee, rules))

    def _declared(self, person: str, nominee: Nominee, rules: PinnedRules) -> bool:
        whole = rules.conflict_scope == "category"
        return any(
            interest.category == nominee.category
            and (whole or interest.nomination is None or interest.nomination == nominee.nomination)
            for interest in self.interests.get(person, ())
        )


def _committee(state: Committee, happened: Happened) -> Committee:
    return replace(_with(state, happened), version=happened.version, before=state)


def _with(state: Committee, happened: Happened) -> Committee:
    match happened.event:
        case CommitteeFormed() as event:
            return state.form(event.body, Term(event.term_from, event.term_until))
        case MemberAppointed() as event:
            seat = Seat(event.body, event.office, event.seat)
            return state.appoint(seat, event.person, Belonging(event.employer, event.government))
        case MemberRemoved() as event:
            return state.remove(Seat(event.body, event.office, event.seat), event.person)
        case ConflictDeclared() as event:
            return state.declare(event.person, Interest(event.category, event.nomination))
        case ConflictLifted() as event:
            return state.lift(event.person, Interest(event.category, event.nomination))
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


Standing = Literal["competing", "withdrawn", "eliminated", "rejected"]


@dataclass(frozen=True, slots=True)
class Nomination:
    """A candidate on its way. `path` are the stages it reached, in order; its standing is how it ended, if it did.

    `fallen` are stages that it had reached and that an upheld appeal took back: its marks there stay in the record.
    """

    id: str
    candidate: Candidate
    nominated: datetime
    path: tuple[Stage, ...]
    standing: Standing = "competing"
    sample: bool = False
    fallen: tuple[Stage, ...] = ()
    nominating_body: str = field(default="", kw_only=True)
    """The government that nominated it."""
    contact: str = field(default="", kw_only=True)
    """The candidate's contact person."""

    @property
    def now_at(self) -> Stage:
        """Return the stage reached last."""
        return self.path[-1]

    @property
    def nominee(self) -> Nominee:
        """Return what a recusal looks at."""
        return Nominee(self.id, self.path[0].category, self.candidate.kind, self.candidate.code)

    def reached(self, tier: str, stage: str) -> Stage | None:
        """Return the stage of this tier and code on the nomination's way, None if it was never reached."""
        return _of(self.path, tier, stage)

    def was_at(self, tier: str, stage: str) -> Stage | None:
        """Return the stage of this tier and code that the nomination reached, though it was taken back since."""
        return _of((*self.fallen, *self.path), tier, stage)

    def has_been_at(self, at: Stage) -> bool:
        """Tell whether there can be sheets of the nomination at a stage."""
        return at in self.path or at in self.fallen

    def is_eligible(self, at: Stage) -> bool:
        """Tell whether the nomination is to be ranked at a stage: it reached it and still competes."""
        return at in self.path and self.standing == "competing"

    def competes_at(self, at: Stage) -> bool:
        """Tell whether the nomination stands at a stage now and is still to be scored there."""
        return self.now_at == at and self.standing == "competing"

    def advance(self, to: Stage) -> Nomination:
        """Return the nomination a stage further; who was out competes again, as an upheld appeal has it."""
        fallen = tuple(one for one in self.fallen if one != to)
        return replace(self, path=(*self.path, to), fallen=fallen, standing="competing")

    def fall_back(self, to: Stage) -> Nomination:
        """Return the nomination out at an earlier stage of its way, the later ones taken back.

        It is eliminated, unless it had withdrawn or was rejected before.
        """
        kept = self.path[: self.path.index(to) + 1] if to in self.path else self.path
        standing: Standing = "eliminated" if self.standing == "competing" else self.standing
        return replace(self, path=kept, fallen=(*self.fallen, *self.path[len(kept) :]), standing=standing)


def _of(stages: Sequence[Stage], tier: str, stage: str) -> Stage | None:
    return next((one for one in reversed(stages) if (one.tier, one.stage) == (tier, stage)), None)


NominationState = Unknown | Nomination


def _nomination(state: NominationState, happened: Happened) -> NominationState:
    if isinstance(state, Unknown):
        match happened.event:
            case CandidateNominated() as first:
                return Nomination(
                    first.nomination,
                    first.candidate,
                    happened.time,
                    (first.entry,),
                    sample=first.sample,
                    nominating_body=first.nominating_body,
                    contact=first.contact,
                )
            case _:
                return state
    match happened.event:
        case StageAdvanced() as event:
            return state.advance(event.reached)
        case StageAdvanceWithdrawn() as event:
            return state.fall_back(event.returned)
        case NominationAmended() as event:
            return replace(state, candidate=event.candidate, contact=event.contact)
        case other:
            return replace(state, standing=_STANDINGS.get(type(other), state.standing))


_STANDINGS: Final[Mapping[type[object], Standing]] = {
    NominationWithdrawn: "withdrawn",
    NominationEliminated: "eliminated",
    NominationReinstated: "competing",
    NominationRejected: "rejected",
}

NOMINATION: Final = Aggregate[NominationState](initial=Unknown, evolve=_nomination, kind="nomination")


# --- orders, freezes and verdicts ----------------------------------------------------------------------------------


class Order(NamedTuple):
    """An order to seal anew: the event that gave it, the seal that it finds stale, and what that seal missed."""

    id: str
    seal: str
    committee: int = 0
    """Up to which version of the committee's stream the seal missed changes; 0 when it missed none."""


@dataclass(frozen=True, slots=True)
class Award:
    """Of a category's award: the latest order by ranking stream, what each open appeal holds, verdicts, and winners.

    `corrected` tells by ranking stream the appeals that were upheld against it: their figures stand in the seal's
    place. The award's own stream orders verdicts, so that the last one is the same wherever and whenever it is read.
    """

    orders: Mapping[str, Order] = field(default_factory=dict)
    freezes: Mapping[str, frozenset[Stage]] = field(default_factory=dict)
    corrected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    winners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Who was declared a winner, by the ranking stream of the stage."""

    def holding(self, at: Stage) -> tuple[str, ...]:
        """Return the open appeals that hold a stage, in the order of their ids."""
        return tuple(sorted(appeal for appeal, stages in self.freezes.items() if at in stages))


def _award(state: Award, happened: Happened) -> Award:
    match happened.event:
        case ResealOrdered() as event:
            missed = [point.version for point in event.stale if point.stream.startswith("committee/")]
            order = Order(happened.id, event.seal, max(missed, default=0))
            return replace(state, orders={**state.orders, event.ranking: order})
        case StageFrozen() as event:
            held = state.freezes.get(event.appeal, frozenset()) | {*event.stages}
            return replace(state, freezes={**state.freezes, event.appeal: held})
        case StageUnfrozen() as event:
            held = state.freezes.get(event.appeal, frozenset()) - {*event.stages}
            return replace(state, freezes={**state.freezes, event.appeal: held})
        case DecisionReviewed(outcome="upheld") as event:
            upheld = (*state.corrected.get(event.at.ranking, ()), event.appeal)
            return replace(state, corrected={**state.corrected, event.at.ranking: upheld})
        case WinnerDeclared() | WinnerWithdrawn() as event:
            return replace(state, winners={**state.winners, event.at.ranking: _won(state, event)})
        case _:
            return state


def _won(state: Award, event: WinnerDeclared | WinnerWithdrawn) -> frozenset[str]:
    known, whose = state.winners.get(event.at.ranking, frozenset()), {event.nomination}
    return known | whose if isinstance(event, WinnerDeclared) else known - whose


AWARD: Final = Aggregate[Award](initial=Award, evolve=_award, kind="award")


def holding(awards: Iterable[Award], at: Stage) -> tuple[str, ...]:
    """Return the open appeals that hold a stage by any of these awards, in the order of their ids."""
    return tuple(sorted({appeal for award in awards for appeal in award.holding(at)}))


@dataclass(frozen=True, slots=True)
class Unheard:
    """No verdict that changes figures is known here: the appeal is open or dismissed, or its verdict on its way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an upheld appeal made of a ranking: every ranked nominee's exact aggregates, and where it says so.

    `own` are those of them that it set itself; the others are the contested seal's, and stand until the next seal.
    """

    stream: str
    version: int
    figures: Mapping[str, Mapping[str, Fraction]]
    own: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict)


VerdictState = Unheard | Verdict


def _verdict(state: VerdictState, happened: Happened) -> VerdictState:
    match happened.event:
        case AppealDecided(standings=standings) as event if standings is not None:
            figures = figures_of(standings)
            row, set_ = figures.get(event.nomination, {}), {one.aspect for one in event.verdict.figures}
            own = {event.nomination: {aspect: value for aspect, value in row.items() if aspect in set_}}
            return Verdict(happened.stream, happened.version, figures, own)
        case _:
            return state


VERDICT: Final = Aggregate[VerdictState](initial=Unheard, evolve=_verdict, kind="verdict")


def figures_of(standings: Iterable[Row]) -> dict[str, dict[str, Fraction]]:
    """Return the exact aggregates that standings hold, by nomination and aspect."""
    return {
        standing.nomination: {aspect.aspect: parse_fraction(aspect.value) for aspect in standing.aspects}
        for standing in standings
    }


def verdict_stream(appeal: str) -> str:
    """Return the stream of an appeal, on which its verdict is told."""
    return f"appeal/{appeal}"
