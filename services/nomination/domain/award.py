"""A category's award in a tier and place: orders to seal anew, announcements, winners, certificates, appeals.

Streams `award/<season>/<tier>/<province>/<category>`. A decision is announced once, by an office that publishes; the
appeal window runs from the announcement, its own day and the last one included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, TypeVar, assert_never

from kernel.decider import Aggregate, Happened, Position
from schemas.envelope import Stage
from schemas.nomination import (
    CertificateIssued,
    CertificateRevoked,
    DecisionContested,
    DecisionReviewed,
    PrizeAwarded,
    RankingAnnounced,
    RankLeftVacant,
    ResealOrdered,
    StageFrozen,
    StageUnfrozen,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Rulebook
from services.nomination.domain.local_time import day_of, end_of
from services.nomination.domain.nomination import Cited, Nomination
from services.nomination.domain.refusals import refuse
from services.nomination.domain.winning import covered

T = TypeVar("T")

AwardEvent = (
    ResealOrdered
    | RankingAnnounced
    | WinnerDeclared
    | WinnerWithdrawn
    | RankLeftVacant
    | PrizeAwarded
    | CertificateIssued
    | CertificateRevoked
    | StageFrozen
    | StageUnfrozen
    | DecisionContested
    | DecisionReviewed
)


@dataclass(frozen=True, slots=True)
class Winner:
    """A taken rank, by which decision, at the end of which path."""

    nomination: str
    at: Stage
    rank: int
    cited: Cited


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was issued: its code in the rulebook, to whom, for what, and whether an appeal revoked it."""

    id: str
    number: str
    kind: str
    given_to: Literal["winner", "finalist"]
    nomination: str
    at: Stage
    rank: int | None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """A decision that was made public: of which stage, when, the last instant to appeal, and whom it names."""

    at: Stage
    time: datetime
    until: datetime | None
    nominations: frozenset[str]
    seal: str
    """The seal that it rests on."""

    def is_open(self, now: datetime) -> bool:
        """Tell whether it can be appealed against, the last instant included."""
        return self.until is not None and now <= self.until


@dataclass(frozen=True, slots=True)
class Contest:
    """An appeal of a nominee against a decision."""

    nomination: str
    cited: Cited


@dataclass(frozen=True, slots=True)
class Correction:
    """A verdict that gave a stage other standings, and where the award says so: its version, its place in the log."""

    at: Stage
    version: int
    position: Position


@dataclass(frozen=True, slots=True)
class Order:
    """An order to seal a ranking anew: which seal it finds stale, its version, its place in the log."""

    ranking: str
    seal: str
    version: int
    position: Position


@dataclass(frozen=True, slots=True)
class Award:
    """Which seals were ordered anew, who won, what was announced, certified, contested and corrected."""

    orders: tuple[Order, ...] = ()
    """The orders to seal anew, in the order in which they were given."""
    winners: tuple[Winner, ...] = ()
    vacant: frozenset[tuple[Stage, int]] = frozenset()
    """Ranks at the end of a path that nobody took."""
    announcements: Mapping[Cited, Announcement] = field(default_factory=dict)
    """What was made public, by the decision."""
    certificates: tuple[Certificate, ...] = ()
    freezes: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    """The stages that each open appeal holds, by appeal."""
    contests: Mapping[str, Contest] = field(default_factory=dict)
    """The open appeals against decisions of this award, by appeal."""
    dismissed: frozenset[Contest] = frozenset()
    """The appeals that were dismissed."""
    contested: int = 0
    """How many appeals there were."""
    corrections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The upheld appeals that corrected a seal, by seal; the standings of the last one stand in its place."""
    corrected: tuple[Correction, ...] = ()
    """The same as they were told, for seals of later stages that carry figures."""
    places: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By seal, the ranks of those within the quota as the last upheld appeal against it left them."""
    unannounced: frozenset[str] = frozenset()
    """The corrected seals whose last verdict was not made public yet."""

    @property
    def reseals(self) -> frozenset[str]:
        """Return the seals that were ordered to be made anew."""
        return frozenset(order.seal for order in self.orders)

    @property
    def announced(self) -> frozenset[Cited]:
        """Return the decisions that were made public."""
        return frozenset(self.announcements)

    def announced_seal(self, stage: Stage) -> str | None:
        """Return the seal that the last announcement of a stage rests on."""
        seals = [one.seal for one in self.announcements.values() if one.at == stage]
        return seals[-1] if seals else None

    def announcements_of(self, stage: Stage) -> tuple[Announcement, ...]:
        """Return what was made public of a stage."""
        return tuple(one for one in self.announcements.values() if one.at == stage)

    @property
    def awaiting_verdicts(self) -> frozenset[Stage]:
        """Return the stages whose announced result a verdict corrected that is not announced itself."""
        return frozenset(one.at for one in self.announcements.values() if self.awaits_verdict_of(one.at))

    def awaits_verdict_of(self, stage: Stage) -> bool:
        """Tell whether a verdict corrected what was announced of a stage, and is not announced itself."""
        return self.announced_seal(stage) in self.unannounced

    def holding(self, stage: Stage) -> tuple[str, ...]:
        """Return the open appeals that hold a stage."""
        return tuple(appeal for appeal, stages in self.freezes.items() if stage in stages)

    def contests_of(self, stage: Stage) -> Mapping[str, Contest]:
        """Return the open appeals against the announced result of a stage."""
        made = {appeal: self.announcements.get(contest.cited) for appeal, contest in self.contests.items()}
        return {appeal: self.contests[appeal] for appeal, one in made.items() if one is not None and one.at == stage}

    def is_contested(self, stage: Stage) -> bool:
        """Tell whether an appeal against the result of a stage is open."""
        return bool(self.contests_of(stage))

    def won(self, nomination: str) -> bool:
        """Tell whether a nomination is among the winners."""
        return any(winner.nomination == nomination for winner in self.winners)

    def has_winners_of(self, stage: Stage) -> bool:
        """Tell whether the winners of a path that ends at this stage are declared, or that there are none."""
        return any(winner.at == stage for winner in self.winners) or any(at == stage for at, _ in self.vacant)

    def rank_of(self, state: Nomination, at: Stage) -> int | None:
        """Return the rank that a nominee won at a stage or went on by, as verdicts left it; None if it did neither."""
        for winner in self.winners:
            if (winner.nomination, winner.at) == (state.id, at):
                return winner.rank
        for before, after in pairwise(state.steps):
            if before.stage == at:
                return self.places.get(after.seal or "", {}).get(state.id, after.rank)
        return None

    def winners_by(self, cited: Cited) -> Mapping[str, Winner]:
        """Return the winners of one decision by nomination."""
        return {winner.nomination: winner for winner in self.winners if winner.cited == cited}


def evolve(state: Award, happened: Happened) -> Award:
    """Fold one event of an award's stream."""
    event: AwardEvent = happened.event
    match event:
        case ResealOrdered():
            order = Order(event.ranking, event.seal, happened.version, happened.position)
            return replace(state, orders=(*state.orders, order))
        case RankingAnnounced():
            made = {(event.plenary, event.motion): _made(event, happened)}
            # An earlier verdict cannot be announced any more, so this is the last one's if there was any.
            unannounced = state.unannounced - {event.seal}
            return replace(state, announcements={**state.announcements, **made}, unannounced=unannounced)
        case WinnerDeclared() | WinnerWithdrawn() | RankLeftVacant():
            return _ranked(state, event)
        case StageFrozen() | StageUnfrozen() | DecisionContested() | DecisionReviewed():
            return _appealed(state, event, happened)
        case CertificateIssued() | CertificateRevoked():
            return replace(state, certificates=tuple(_certificates(state.certificates, event)))
        case PrizeAwarded():
            return state
        case _:
            assert_never(event)


def _ranked(state: Award, event: WinnerDeclared | WinnerWithdrawn | RankLeftVacant) -> Award:
    """Fold who takes which rank, or that nobody does."""
    if isinstance(event, RankLeftVacant):
        return replace(state, vacant=state.vacant | {(event.at, event.rank)})
    winners = tuple(_winners(state.winners, event))
    taken = covered(winner.rank for winner in winners if winner.at == event.at)
    vacant = frozenset((at, rank) for at, rank in state.vacant if at != event.at or rank not in taken)
    return replace(state, winners=winners, vacant=vacant)


def _made(event: RankingAnnounced, happened: Happened) -> Announcement:
    named = frozenset(line.nomination for line in event.lines)
    return Announcement(event.at, happened.time, event.appeals_until, named, event.seal)


def _appealed(
    state: Award, event: StageFrozen | StageUnfrozen | DecisionContested | DecisionReviewed, happened: Happened
) -> Award:
    """Fold what an appeal holds, and what became of it."""
    match event:
        case StageFrozen():
            return replace(state, freezes={**state.freezes, event.appeal: event.stages})
        case StageUnfrozen():
            return replace(state, freezes=_without(state.freezes, event.appeal))
        case DecisionContested():
            contest = Contest(event.nomination, (event.plenary, event.motion))
            return replace(state, contests={**state.contests, event.appeal: contest}, contested=event.number)
        case DecisionReviewed():
            contests = _without(state.contests, event.appeal)
            if event.outcome == "upheld":
                return _corrected(replace(state, contests=contests), event, happened)
            return replace(state, contests=contests, dismissed=state.dismissed | {state.contests[event.appeal]})
        case _:
            assert_never(event)


def _corrected(state: Award, event: DecisionReviewed, happened: Happened) -> Award:
    """Fold that an upheld appeal corrected a seal, which is then to be announced."""
    corrections = {**state.corrections, event.seal: (*state.corrections.get(event.seal, ()), event.appeal)}
    last = Correction(event.at, happened.version, happened.position)
    places = {**state.places, event.seal: {one.nomination: one.rank for one in event.places or ()}}
    return replace(
        state,
        corrections=corrections,
        corrected=(*state.corrected, last),
        places=places,
        unannounced=state.unannounced | {event.seal},
    )


def _without(found: Mapping[str, T], appeal: str) -> Mapping[str, T]:
    return {each: value for each, value in found.items() if each != appeal}


def _winners(winners: Iterable[Winner], event: WinnerDeclared | WinnerWithdrawn) -> Iterator[Winner]:
    """Yield the winners after one more was declared, or one was taken back."""
    match event:
        case WinnerDeclared():
            yield from winners
            yield Winner(event.nomination, event.at, event.rank, (event.plenary, event.motion))
        case WinnerWithdrawn():
            yield from (one for one in winners if (one.nomination, one.at) != (event.nomination, event.at))
        case _:
            assert_never(event)


def _certificates(
    certificates: Iterable[Certificate], event: CertificateIssued | CertificateRevoked
) -> Iterator[Certificate]:
    """Yield the certificates after one more was issued, or one was revoked; a revoked one is never forgotten."""
    match event:
        case CertificateIssued():
            yield from certificates
            yield Certificate(
                event.certificate, event.number, event.kind, event.given_to, event.nomination, event.at, event.rank
            )
        case CertificateRevoked():
            yield from (replace(one, revoked=one.revoked or one.id == event.certificate) for one in certificates)
        case _:
            assert_never(event)


AWARD: Final = Aggregate[Award](initial=Award, evolve=evolve, kind="award")


def appeals_until(rules: Rulebook, province: str, announced: datetime) -> datetime:
    """Return the last instant, in UTC, at which a result announced at this instant can be appealed against.

    The days are the place's own, the day of the announcement being the first and the last one ending with its last
    second (`schemas.rulebook.Appeals`).
    """
    zone = rules.zone(province)
    return end_of(day_of(announced, zone) + timedelta(days=rules.appeals.days - 1), zone)


def holding(at: Stage, *awards: Award) -> tuple[str, ...]:
    """Return the open appeals that hold a stage, whichever of these awards of its path they were recorded on."""
    return tuple(dict.fromkeys(appeal for award in awards for appeal in award.holding(at)))


def check_not_held(at: Stage, *awards: Award) -> None:
    """Refuse to go on at a stage that open appeals hold by one of these awards."""
    if appeals := holding(at, *awards):
        raise refuse("stage-frozen", "item", f"{at.category}/{at.stage}", appeals=", ".join(appeals))


Standing = Literal["provisional", "final"]


def standing_at(until: datetime | None, now: datetime) -> Standing:
    """Return whether an announced result is provisional (Sementara) or final at an instant."""
    return "final" if until is not None and now > until else "provisional"
