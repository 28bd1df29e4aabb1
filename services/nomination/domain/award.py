"""A category's award in a tier and place: orders to seal anew, announcements, winners.

Streams `award/<season>/<tier>/<province>/<category>`. A decision is announced once, by an office that publishes; the
appeal window runs from the announcement, its own day and the last one included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal, assert_never
from zoneinfo import ZoneInfo

from kernel.decider import Aggregate, Happened
from schemas.envelope import Stage
from schemas.nomination import (
    CertificateIssued,
    CertificateRevoked,
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
from services.nomination.domain.nomination import Cited

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
    """A certificate that was issued: its code in the rulebook, to whom, and whether an appeal revoked it."""

    id: str
    number: str
    kind: str
    nomination: str
    rank: int | None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Award:
    """Which seals were ordered anew, who won, what was announced, which certificates were issued."""

    reseals: frozenset[str] = frozenset()
    winners: tuple[Winner, ...] = ()
    vacant: frozenset[tuple[Stage, int]] = frozenset()
    """Ranks at the end of a path that nobody took."""
    announced: frozenset[Cited] = frozenset()
    announced_seals: Mapping[Stage, str] = field(default_factory=dict)
    """The seal that the last announcement of each stage rests on."""
    certificates: tuple[Certificate, ...] = ()
    windows: Mapping[tuple[Cited, Stage], datetime | None] = field(default_factory=dict)
    """The last instant at which each announced decision on a stage can be appealed against."""
    freezes: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)
    """The stages that each open appeal holds, by appeal."""

    def holding(self, stage: Stage) -> tuple[str, ...]:
        """Return the open appeals that hold a stage."""
        return tuple(appeal for appeal, stages in self.freezes.items() if stage in stages)

    def won(self, nomination: str) -> bool:
        """Tell whether a nomination is among the winners."""
        return any(winner.nomination == nomination for winner in self.winners)

    def has_winners_of(self, stage: Stage) -> bool:
        """Tell whether the winners of a path that ends at this stage are declared, or that there are none."""
        return any(winner.at == stage for winner in self.winners) or any(at == stage for at, _ in self.vacant)

    def winners_by(self, cited: Cited) -> Mapping[str, Winner]:
        """Return the winners of one decision by nomination."""
        return {winner.nomination: winner for winner in self.winners if winner.cited == cited}


def evolve(state: Award, happened: Happened) -> Award:
    """Fold one event of an award's stream."""
    event: AwardEvent = happened.event
    match event:
        case ResealOrdered():
            return replace(state, reseals=state.reseals | {event.seal})
        case RankingAnnounced():
            cited = (event.plenary, event.motion)
            return replace(
                state,
                announced=state.announced | {cited},
                announced_seals={**state.announced_seals, event.at: event.seal},
                windows={**state.windows, (cited, event.at): event.appeals_until},
            )
        case WinnerDeclared() | WinnerWithdrawn() | RankLeftVacant():
            winners = tuple(_winners(state.winners, event))
            return replace(state, winners=winners, vacant=frozenset(_vacant(state.vacant, event)))
        case StageFrozen() | StageUnfrozen():
            left = {appeal: stages for appeal, stages in state.freezes.items() if appeal != event.appeal}
            return replace(state, freezes={**left, **({event.appeal: event.stages} if _freezes(event) else {})})
        case CertificateIssued() | CertificateRevoked():
            return replace(state, certificates=tuple(_certificates(state.certificates, event)))
        case PrizeAwarded():
            return state
        case _:
            assert_never(event)


def _freezes(event: StageFrozen | StageUnfrozen) -> bool:
    return isinstance(event, StageFrozen)


def _winners(winners: Iterable[Winner], event: WinnerDeclared | WinnerWithdrawn | RankLeftVacant) -> Iterator[Winner]:
    """Yield the winners after one more was declared, or one was taken back."""
    match event:
        case WinnerDeclared():
            yield from winners
            yield Winner(event.nomination, event.at, event.rank, (event.plenary, event.motion))
        case WinnerWithdrawn():
            yield from (one for one in winners if (one.nomination, one.at) != (event.nomination, event.at))
        case RankLeftVacant():
            yield from winners
        case _:
            assert_never(event)


def _vacant(
    vacant: Iterable[tuple[Stage, int]], event: WinnerDeclared | WinnerWithdrawn | RankLeftVacant
) -> Iterator[tuple[Stage, int]]:
    """Yield the vacant ranks after one more was left vacant, or one was taken after all."""
    rank = (event.at, event.rank)
    yield from (one for one in vacant if one != rank)
    if isinstance(event, RankLeftVacant):
        yield rank


def _certificates(
    certificates: Iterable[Certificate], event: CertificateIssued | CertificateRevoked
) -> Iterator[Certificate]:
    """Yield the certificates after one more was issued, or one was revoked; a revoked one is never forgotten."""
    match event:
        case CertificateIssued():
            yield from certificates
            yield Certificate(event.certificate, event.number, event.kind, event.nomination, event.rank)
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
    zone = ZoneInfo(rules.zone(province))
    last = announced.astimezone(zone).date() + timedelta(days=rules.appeals.days - 1)
    return datetime.combine(last, time(23, 59, 59, 999_999), zone).astimezone(UTC)


Standing = Literal["provisional", "final"]


def standing_at(until: datetime | None, now: datetime) -> Standing:
    """Return whether an announced result is provisional (Sementara) or final at an instant."""
    return "final" if until is not None and now > until else "provisional"
