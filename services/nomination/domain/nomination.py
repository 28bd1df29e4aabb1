"""A nomination: one candidate in one season and category, and its way through the stages.

Streams `nomination/<id>`. The id is a UUIDv5 of season, category and candidate, so a second nomination of the same
candidate meets the first one's stream and is refused there, whoever sends it and however close together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from kernel.decider import Aggregate, Emit, Happened, Position
from schemas.envelope import Stage
from schemas.nomination import (
    Candidate,
    CandidateNominated,
    EvidenceAttached,
    FigureDisputed,
    InterviewScheduled,
    NominationAmended,
    NominationEliminated,
    NominationFiledLate,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
    NominationWithdrawn,
    StageAdvanced,
    StageAdvanceWithdrawn,
)
from schemas.regions import NATION, ZONES, UnknownRegion, region
from schemas.rulebook import Rulebook
from services.nomination.domain.candidate import CandidateAsked, settle_candidate
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import Season, SeasonState, opened

Movement = NominationWithdrawn | StageAdvanced | StageAdvanceWithdrawn | NominationEliminated | NominationRejected
Handling = (
    NominationAmended
    | EvidenceAttached
    | FigureDisputed
    | NominationVerified
    | NominationReturned
    | NominationResubmitted
    | InterviewScheduled
)
NominationEvent = CandidateNominated | NominationFiledLate | Movement | Handling
Ending = Literal["withdrawn", "eliminated", "rejected"]
Outcome = Literal["advanced", "eliminated"]
Cited = tuple[str, int]
"""A decision: the plenary's id and the number of its motion."""

NAMESPACE: Final[UUID] = uuid5(NAMESPACE_URL, "urn:id.go.paritrana:nomination")
"""Names nominations in `nomination_id`; never to change."""


@dataclass(frozen=True, slots=True)
class Unnominated:
    """No such nomination yet."""


@dataclass(frozen=True, slots=True)
class FiledLate:
    """A nomination that came after its window and waits for a plenary to admit it."""

    filed: NominationFiledLate


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that was entered, and left again once somebody decided or withdrew."""

    stage: Stage
    entered: Position
    left: Position | None = None
    rank: int | None = None
    """Its rank at the stage before, by which it came here; None at the first."""


@dataclass(frozen=True, slots=True)
class Nomination:
    """A candidate's way so far: the last of `steps` is where it stands, or where it ended."""

    id: str
    candidate: Candidate
    entry: Stage
    nominating_body: str
    nominated_by: str
    contact: str
    sample: bool
    steps: tuple[Step, ...]
    nominated: datetime
    """The recorded time of its nomination, which can break ties."""
    ending: Ending | None = None
    outcomes: Mapping[Cited, Outcome] = field(default_factory=dict)
    verified: frozenset[Stage] = frozenset()

    @property
    def at(self) -> Stage:
        """Return the stage where it stands or ended."""
        return self.steps[-1].stage

    @property
    def competes(self) -> bool:
        """Tell whether it is still under way."""
        return self.ending is None

    def competes_at(self, stage: Stage) -> bool:
        """Tell whether it stands at this stage and is still under way."""
        return self.competes and self.at == stage

    def verified_at(self, stage: Stage) -> bool:
        """Tell whether the body of a stage found it in order there."""
        return stage in self.verified

    def was_eligible(self, stage: Stage, before: Position) -> bool:
        """Tell whether, just before a position of this service's log, it had reached a stage and still competed."""
        ended = self.steps[-1].left
        return (ended is None or ended >= before) and any(
            step.stage == stage and step.entered < before for step in self.steps
        )


NominationState = Unnominated | FiledLate | Nomination


def nomination_stream(nomination: str) -> str:
    """Return the stream of a nomination."""
    return f"nomination/{nomination}"


def nomination_id(season: str, category: str, candidate: Candidate) -> str:
    """Return the one id that this candidate's nomination in this season and category can have (RFC 9562, UUIDv5)."""
    return str(uuid5(NAMESPACE, f"{season}/{category}/{candidate.kind}/{candidate.code}"))


def province_of(candidate: Candidate) -> str:
    """Return the province that a candidate is, or lies in."""
    return (candidate.region or candidate.code)[:2]


def evolve(state: NominationState, happened: Happened) -> NominationState:
    """Fold one event of a nomination's stream."""
    event: NominationEvent = happened.event
    if isinstance(event, CandidateNominated):
        return Nomination(
            event.nomination,
            event.candidate,
            event.entry,
            event.nominating_body,
            event.nominated_by,
            event.contact,
            event.sample,
            (Step(event.entry, happened.position),),
            happened.time,
        )
    if isinstance(event, NominationFiledLate):
        return FiledLate(event)
    if not isinstance(state, Nomination):
        raise TypeError(f"{happened.stream} does not begin with CandidateNominated")
    return _moved(state, event, happened.position) if isinstance(event, Movement) else _handled(state, event)


def _moved(state: Nomination, event: Movement, position: Position) -> Nomination:
    """Fold what takes a nomination on, or ends its way."""
    left = (*state.steps[:-1], replace(state.steps[-1], left=position))
    match event:
        case NominationWithdrawn():
            return replace(state, steps=left, ending="withdrawn")
        case NominationRejected():
            return replace(state, steps=left, ending="rejected")
        case StageAdvanced():
            outcomes: dict[Cited, Outcome] = {**state.outcomes, (event.plenary, event.motion): "advanced"}
            return replace(
                state, steps=(*left, Step(event.reached, position, rank=event.rank)), ending=None, outcomes=outcomes
            )
        case StageAdvanceWithdrawn():
            outcomes = {**state.outcomes, (event.plenary, event.motion): "eliminated"}
            steps = tuple(_up_to(left, event.returned))
            # Who withdrew stays withdrawn: a later verdict gives the seat to nobody who does not want it.
            ending: Ending = "withdrawn" if state.ending == "withdrawn" else "eliminated"
            return replace(state, steps=steps, ending=ending, outcomes=outcomes)
        case NominationEliminated():
            outcomes = {**state.outcomes, (event.plenary, event.motion): "eliminated"}
            return replace(state, steps=left, ending="eliminated", outcomes=outcomes)
        case _:
            assert_never(event)


def _up_to(steps: Iterable[Step], stage: Stage) -> Iterator[Step]:
    """Yield the steps up to the one at a stage, that one included."""
    for step in steps:
        yield step
        if step.stage == stage:
            return


def _handled(state: Nomination, event: Handling) -> Nomination:
    """Fold what is done with a nomination where it stands."""
    match event:
        case NominationAmended():
            return replace(state, candidate=event.candidate, contact=event.contact)
        case NominationVerified():
            return replace(state, verified=state.verified | {event.at})
        case NominationReturned():
            return replace(state, verified=state.verified - {event.at})
        case EvidenceAttached() | FigureDisputed() | NominationResubmitted() | InterviewScheduled():
            return state
        case _:
            assert_never(event)


NOMINATION: Final = Aggregate[NominationState](initial=Unnominated, evolve=evolve, kind="nomination")


# --- commands ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nominate:
    """Nominate a candidate. `scopes` are the provinces whose secretariat asks (None: every one)."""

    season: str
    category: str
    candidate: CandidateAsked
    nominating_body: str
    actor: str
    contact: str
    sample: bool
    received: datetime
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A nomination whose candidate is found and may compete; only whether it is the first one is open."""

    nomination: str
    candidate: Candidate
    entry: Stage


@decides
def settle_nomination(command: Nominate, season: SeasonState) -> Settled:
    """Check a nomination against the season's rules; what comes back names the stream that decides uniqueness."""
    rules = opened(season, command.season).rulebook
    category = next((found for found in rules.categories if found.code == command.category), None)
    if category is None:
        known = ", ".join(found.code for found in rules.categories)
        raise refuse("category-unknown", "category", command.category, known=known)
    candidate = settle_candidate(command.candidate, category, rules)
    entry = rules.entry_stage(category.code)
    home = province_of(candidate)
    _check_nominator(command, candidate, rules)
    _check_window(command.received, home, opened(season, command.season))
    province = NATION if entry.tier == "national" else home
    stage = Stage(season=command.season, tier=entry.tier, province=province, category=category.code, stage=entry.code)
    return Settled(nomination_id(command.season, category.code, candidate), candidate, stage)


def _check_nominator(command: Nominate, candidate: Candidate, rules: Rulebook) -> None:
    """Refuse a body that the actor does not speak for, and a candidate that is not the body's to nominate."""
    body = command.nominating_body
    place = body[:2]
    if command.scopes is not None and place not in command.scopes:
        raise refuse("nominating-body-outside", "nominating_body", body, scopes=", ".join(sorted(command.scopes)))
    if body == NATION:
        if candidate.kind != "province":
            raise refuse("nation-nominates-provinces", "candidate.kind", candidate.kind)
        return
    try:
        region(body, rules.regions.table)
    except UnknownRegion:
        raise refuse("region-unknown", "nominating_body", body, table=rules.regions.table) from None
    if province_of(candidate) != place:
        stated = command.candidate.region
        path, given = ("code", candidate.code) if stated is None else ("region", candidate.region)
        raise refuse("candidate-outside", f"candidate.{path}", given, name=candidate.name, province=place)


def _check_window(received: datetime, province: str, season: Season) -> None:
    """Refuse what was received outside of the window, in the province's own time, first and last second included."""
    rules = season.rulebook
    opens, closes = rules.opens_utc(rules.calendar.nomination, province), season.nomination_closes(province)
    zone = rules.zone(province)
    if received < opens:
        raise refuse("window-not-open", "season", _told(opens, zone), closes=_told(closes, zone))
    if received > closes:
        raise refuse("window-closed", "season", _told(closes, zone), received=_told(received, zone))


def _told(moment: datetime, zone: str) -> str:
    """Return an instant as people of the zone read it, for example 2021-01-31 23:59:59 WITA."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {ZONES[zone]}"


@decides
def nominate(command: Nominate, settled: Settled, state: NominationState) -> Sequence[Emit]:
    """Enter the candidate into the first stage of its path, unless it is nominated already."""
    if isinstance(state, Nomination):
        raise refuse("nominated-already", "candidate", settled.candidate.name, nomination=state.id)
    nominated = CandidateNominated(
        nomination=settled.nomination,
        entry=settled.entry,
        candidate=settled.candidate,
        nominating_body=command.nominating_body,
        nominated_by=command.actor,
        contact=command.contact,
        sample=command.sample,
    )
    return (Emit(nomination_stream(settled.nomination), nominated),)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a nomination back; `scopes` as in `Nominate`, `won` tells whether it is among the declared winners."""

    nomination: str
    reason_digest: str
    scopes: frozenset[str] | None
    won: bool = False


@decides
def withdraw(command: Withdraw, state: NominationState) -> Sequence[Emit]:
    """End the nomination where it stands, by the secretariat that nominated."""
    if not isinstance(state, Nomination):
        raise refuse("nomination-unknown", "nomination", command.nomination)
    place = state.nominating_body[:2]
    if command.scopes is not None and place not in command.scopes:
        raise refuse("not-nominating-body", "nomination", command.nomination, province=place)
    ending = "won" if command.won else state.ending
    if ending is not None:
        raise refuse("nomination-ended", "nomination", command.nomination, ending=ending)
    taken_back = NominationWithdrawn(nomination=state.id, at=state.at, reason_digest=command.reason_digest)
    return (Emit(nomination_stream(state.id), taken_back),)
