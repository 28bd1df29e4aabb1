"""An appeal (sanggah): who may contest an announced decision, until when, and which later stages wait for its end.

Streams `appeal/<id>`. Lodging it also tells the stream of the contested award, where a nominee has one open appeal
against a decision, and freezes the stages downstream in the same append. What a plenary decides on it is in `verdict`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from kernel.decider import Aggregate, Emit, Happened
from schemas.envelope import Stage
from schemas.nomination import AppealDecided, AppealLodged, DecisionContested, StageFrozen
from schemas.regions import NATION
from schemas.rulebook import Rulebook
from services.nomination.domain.award import Announcement, Award, Contest
from services.nomination.domain.local_time import told
from services.nomination.domain.nomination import Cited, Nomination, NominationState, Scopes, speaks_for
from services.nomination.domain.plenary import Plenary, PlenaryState
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import Closed, Frozen, Season, SeasonState

AppealEvent = AppealLodged | AppealDecided
Capacity = Literal["contact", "nominating-body"]


# --- state ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotLodged:
    """No such appeal."""


@dataclass(frozen=True, slots=True)
class Lodged:
    """An appeal that waits for its decision."""

    said: AppealLodged

    @property
    def cited(self) -> Cited:
        """Return the contested decision."""
        return (self.said.plenary, self.said.motion)


@dataclass(frozen=True, slots=True)
class Decided:
    """An appeal that a plenary decided."""

    said: AppealLodged
    decided: AppealDecided


AppealState = NotLodged | Lodged | Decided


def appeal_stream(appeal: str) -> str:
    """Return the stream of an appeal."""
    return f"appeal/{appeal}"


def evolve(state: AppealState, happened: Happened) -> AppealState:
    """Fold one event of an appeal's stream."""
    event: AppealEvent = happened.event
    match event:
        case AppealLodged():
            return Lodged(event)
        case AppealDecided():
            if isinstance(state, NotLodged):
                raise TypeError(f"{happened.stream} does not begin with AppealLodged")
            return Decided(state.said, event)
        case _:
            assert_never(event)


APPEAL: Final = Aggregate[AppealState](initial=NotLodged, evolve=evolve, kind="appeal")


# --- what lies downstream ------------------------------------------------------------------------------------------


def downstream(rules: Rulebook, at: Stage) -> tuple[Stage, ...]:
    """Return the stages after one in its category, in the order in which they are reached; none at the end of a path.

    A stage of the same tier is of the same place; a province's stage is followed by the nation's.
    """
    found: list[Stage] = []
    here = rules.stage(at.tier, at.category, at.stage)
    while (following := rules.next_stage(here)) is not None:
        province = NATION if following.tier == "national" else at.province
        after = {"tier": following.tier, "province": province, "stage": following.code}
        found.append(at.model_copy(update=after))
        here = following
    return tuple(found)


# --- lodging -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LodgeAppeal:
    """Contest a decision. `scopes` are the governments whose secretariat asks (None: every one), as in `Nominate`."""

    appeal: str
    nomination: str
    plenary: str
    motion: int
    aspect: str | None
    actor: str
    scopes: Scopes
    reason_digest: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Contested:
    """What an appeal is lodged against: the decision's meeting, its award, the rules of its seal, and what follows it.

    `award` and `rules` are None as long as the decision is not known or rests on no seal that is known here.
    """

    plenary: PlenaryState
    award: Award | None = None
    rules: Rulebook | None = None


def going_on(state: SeasonState) -> SeasonState:
    """Return the season as it stands for whoever appeals: a freeze keeps nobody from it."""
    return state.season if isinstance(state, Frozen) else state


@decides
def lodge(
    command: LodgeAppeal, nomination: NominationState, season: SeasonState, contested: Contested
) -> Sequence[Emit]:
    """Lodge an appeal within its window, by the nominee's contact or nominating body; freeze what lies downstream.

    A window does not wait for a season that is frozen, so an appeal is taken then too (`going_on`).
    """
    if isinstance(season, Closed):
        raise refuse("season-closed", "season", season.season.code)
    if not isinstance(nomination, Nomination):
        raise refuse("nomination-unknown", "nomination", command.nomination)
    if not isinstance(contested.plenary, Plenary):
        raise refuse("plenary-unknown", "plenary", command.plenary)
    if contested.plenary.motion(command.motion) is None:
        raise refuse("motion-unknown", "motion", command.motion)
    cited = (command.plenary, command.motion)
    announced = contested.award.announcements.get(cited) if contested.award is not None else None
    if contested.award is None or contested.rules is None or announced is None or not isinstance(season, Season):
        raise refuse("decision-unannounced", "motion", command.motion)
    _check_object(command, nomination, announced, contested.plenary)
    capacity = _capacity(command, nomination, contested.rules)
    _check_window(command.received, announced, contested.rules)
    _check_first(command, contested.award)
    _check_aspect(command.aspect, announced.at, contested.rules)
    return tuple(_lodged(command, capacity, announced.at, contested.award, contested.rules))


def _check_object(command: LodgeAppeal, nomination: Nomination, announced: Announcement, plenary: Plenary) -> None:
    """Refuse a decision that did not dispose of the nomination, and a nomination that was taken back or rejected."""
    motion = plenary.motion(command.motion)
    disposed = announced.nominations & set(motion.nominations if motion else ())
    if nomination.id not in disposed:
        raise refuse("decision-of-others", "nomination", nomination.id)
    if nomination.left_empty:
        raise refuse("appeal-after-withdrawal", "nomination", nomination.id)


def _capacity(command: LodgeAppeal, nomination: Nomination, rules: Rulebook) -> Capacity:
    """Return in which capacity the actor appeals, the contact's before the body's; refuse strangers."""
    held: list[Capacity] = ["contact"] if command.actor == nomination.contact else []
    if speaks_for(command.scopes, nomination.nominating_body):
        held.append("nominating-body")
    if not held:
        raise refuse("appeal-by-stranger", "actor", body=nomination.nominating_body)
    for capacity in held:
        if capacity in rules.appeals.by:
            return capacity
    raise refuse("appeal-not-in-this-capacity", "actor", held[0], allowed=", ".join(rules.appeals.by))


def _check_window(received: datetime, announced: Announcement, rules: Rulebook) -> None:
    """Refuse what was received before the announcement or after the last instant, which still counts."""
    zone = rules.zone(announced.at.province)
    if received < announced.time:
        raise refuse("appeal-too-early", "motion", told(announced.time, zone))
    if announced.until is None or received > announced.until:
        closed = told(announced.until or announced.time, zone)
        raise refuse("appeal-window-closed", "motion", closed, received=told(received, zone))


def _check_first(command: LodgeAppeal, award: Award) -> None:
    """Refuse a second appeal of a nominee against a decision while one is open, and after one that was dismissed.

    Whoever of its two sides lodged the first: were a dismissed appeal lodged again and again, one nominee could hold
    the stages downstream for as long as the window is open. A corrected result is another decision.
    """
    cited = (command.plenary, command.motion)
    if Contest(command.nomination, cited) in award.dismissed:
        raise refuse("appeal-dismissed", "nomination", command.nomination)
    for appeal, contest in award.contests.items():
        if (contest.nomination, contest.cited) == (command.nomination, cited):
            raise refuse("appealed-already", "nomination", command.nomination, appeal=appeal)


def _check_aspect(aspect: str | None, at: Stage, rules: Rulebook) -> None:
    """Refuse an aspect that does not count at the contested stage."""
    counted = [one.code for one in rules.rubric(rules.stage(at.tier, at.category, at.stage)).aspects]
    if aspect is not None and aspect not in counted:
        raise refuse("aspect-not-at-stage", "aspect", aspect, stage=at.stage, known=", ".join(counted))


def _lodged(command: LodgeAppeal, capacity: Capacity, at: Stage, award: Award, rules: Rulebook) -> Iterator[Emit]:
    """Yield the appeal, its mark on the award, and a freeze for every award that has stages downstream."""
    lodged = AppealLodged(
        appeal=command.appeal,
        nomination=command.nomination,
        at=at,
        plenary=command.plenary,
        motion=command.motion,
        by=command.actor,
        capacity=capacity,
        aspect=command.aspect,
        reason_digest=command.reason_digest,
    )
    yield Emit(appeal_stream(command.appeal), lodged)
    contested = DecisionContested(
        at=at,
        plenary=command.plenary,
        motion=command.motion,
        nomination=command.nomination,
        appeal=command.appeal,
        number=award.contested + 1,
    )
    yield Emit(at.award, contested)
    if rules.appeals.freezes_downstream:
        for stream, stages in by_award(downstream(rules, at)).items():
            yield Emit(stream, StageFrozen(at=at, stages=stages, appeal=command.appeal))


def by_award(stages: Sequence[Stage]) -> Mapping[str, tuple[Stage, ...]]:
    """Return stages by the award's stream that they belong to."""
    return {stage.award: tuple(one for one in stages if one.award == stage.award) for stage in stages}
