"""A nomination: one candidate in one season and category, and its way through the stages.

Streams `nomination/<id>`. The id is a UUIDv5 of season, category and candidate, so a second nomination of the same
candidate meets the first one's stream and is refused there, whoever sends it and however close together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from kernel.decider import Aggregate, Emit, Happened, Position, Refusal
from schemas.envelope import Stage
from schemas.nomination import (
    Candidate,
    CandidateNominated,
    EvidenceAttached,
    FigureDisputed,
    NominationAmended,
    NominationEliminated,
    NominationFiledLate,
    NominationReinstated,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
    NominationWithdrawn,
    StageAdvanced,
    StageAdvanceWithdrawn,
)
from schemas.regions import NATION, UnknownRegion, region
from schemas.rulebook import Rulebook
from services.nomination.domain.candidate import CandidateAsked, settle_candidate
from services.nomination.domain.checks import UNCHECKED, Check, Verified, checked
from services.nomination.domain.entering import check_enterable
from services.nomination.domain.local_time import told
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import Refused, decides, refuse
from services.nomination.domain.season import Season, SeasonState, opened

Movement = (
    NominationWithdrawn
    | StageAdvanced
    | StageAdvanceWithdrawn
    | NominationEliminated
    | NominationReinstated
    | NominationRejected
)
Handling = (
    NominationAmended
    | EvidenceAttached
    | FigureDisputed
    | NominationVerified
    | NominationReturned
    | NominationResubmitted
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
    """A nomination that came after its window and waits for a plenary to admit it.

    `filed` says what would compete: what was corrected since it was filed stands in it.
    """

    filed: NominationFiledLate

    @property
    def id(self) -> str:
        """Return the nomination's id."""
        return self.filed.nomination

    @property
    def candidate(self) -> Candidate:
        """Return who would compete."""
        return self.filed.candidate

    @property
    def contact(self) -> str:
        """Return the candidate's contact person."""
        return self.filed.contact

    @property
    def nominating_body(self) -> str:
        """Return the government that filed it."""
        return self.filed.nominating_body

    @property
    def at(self) -> Stage:
        """Return the stage that it would enter."""
        return self.filed.entry


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A nomination that was filed late and taken back before a plenary admitted it."""

    filed: NominationFiledLate


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that was entered, and left again once somebody decided or withdrew."""

    stage: Stage
    entered: Position
    left: Position | None = None
    left_at: datetime | None = None
    rank: int | None = None
    """Its rank at the stage before, by which it came here; None at the first. A verdict may have changed it since."""
    seal: str | None = None
    """The seal that ranked it there."""


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
    decided_on: frozenset[str] = frozenset()
    """The seals by which plenaries disposed of it."""
    checks: Mapping[Stage, Check] = field(default_factory=dict)
    """How far stages with verification have come with it."""
    evidence: frozenset[str] = frozenset()
    """The attached documents, by their SHA-256."""
    disputed: frozenset[tuple[Stage, str, Decimal]] = frozenset()
    """What was said that figures should be: at which stage, of which aspect, and what."""

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

    @property
    def left_empty(self) -> bool:
        """Tell whether it ended by no ranking (withdrawn, rejected): after a seal its seat then stays empty."""
        return self.ending in ("withdrawn", "rejected")

    def check_at(self, stage: Stage) -> Check:
        """Return how far a stage's verification has come with it."""
        return self.checks.get(stage, UNCHECKED)

    def verified_at(self, stage: Stage) -> bool:
        """Tell whether it stands verified at a stage; meant for stages that verify, since others never do."""
        return isinstance(self.check_at(stage), Verified)

    def was_eligible(self, stage: Stage, before: Position, sealed: datetime) -> bool:
        """Tell whether it had reached a stage and still competed, as a seal is to know it.

        That is just before the position of this service's log at which the seal came; who left the race after the
        recorded time of the seal had not left it, though the seal came later.
        """
        last = self.steps[-1]
        competed = last.left is None or last.left >= before or (last.left_at is not None and last.left_at > sealed)
        return competed and any(step.stage == stage and step.entered < before for step in self.steps)


NominationState = Unnominated | FiledLate | TakenBack | Nomination
Written = FiledLate | Nomination
"""What can be corrected and taken back: what competes, and what waits to be admitted."""


def candidate_of(state: NominationState) -> Candidate | None:
    """Return whom a nomination is of, whatever became of it; None when there is none."""
    match state:
        case Nomination() | FiledLate():
            return state.candidate
        case TakenBack(filed):
            return filed.candidate
        case Unnominated():
            return None
        case _:
            assert_never(state)


def nomination_stream(nomination: str) -> str:
    """Return the stream of a nomination."""
    return f"nomination/{nomination}"


def nomination_id(season: str, category: str, candidate: Candidate) -> str:
    """Return the one id that this candidate's nomination in this season and category can have (RFC 9562, UUIDv5)."""
    return str(uuid5(NAMESPACE, f"{season}/{category}/{candidate.kind}/{candidate.code}"))


def home_of(candidate: Candidate) -> str:
    """Return the region that a candidate is, or is at home in."""
    return candidate.region or candidate.code


def province_of(candidate: Candidate) -> str:
    """Return the province that a candidate is, or lies in."""
    return home_of(candidate)[:2]


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
    if isinstance(state, FiledLate) and isinstance(event, NominationAmended):
        corrected = {"candidate": event.candidate, "contact": event.contact}
        return FiledLate(state.filed.model_copy(update=corrected))
    if isinstance(state, FiledLate) and isinstance(event, NominationWithdrawn):
        return TakenBack(state.filed)
    if not isinstance(state, Nomination):
        raise TypeError(f"{happened.stream} does not begin with CandidateNominated")
    return _moved(state, event, happened) if isinstance(event, Movement) else _handled(state, event)


def _moved(state: Nomination, event: Movement, happened: Happened) -> Nomination:
    """Fold what takes a nomination on, or ends its way."""
    position = happened.position
    left = (*state.steps[:-1], replace(state.steps[-1], left=position, left_at=happened.time))
    match event:
        case NominationWithdrawn():
            return replace(state, steps=left, ending="withdrawn")
        case NominationRejected():
            checks = {**state.checks, event.at: checked(event)}
            return replace(state, steps=left, ending="rejected", checks=checks)
        case StageAdvanced():
            steps = (*left, Step(event.reached, position, rank=event.rank, seal=event.seal))
            return replace(state, steps=steps, ending=None, **_disposed(state, event, "advanced"))
        case StageAdvanceWithdrawn():
            # Who withdrew or was rejected stays so: a later verdict seats nobody who is out of the race.
            ending: Ending = state.ending if state.ending and state.left_empty else "eliminated"
            disposed = _disposed(state, event, "eliminated")
            return replace(state, steps=tuple(_up_to(left, event.returned)), ending=ending, **disposed)
        case NominationEliminated():
            return replace(state, steps=left, ending="eliminated", **_disposed(state, event, "eliminated"))
        case NominationReinstated():
            steps = (*state.steps[:-1], replace(state.steps[-1], left=None, left_at=None))
            return replace(state, steps=steps, ending=None, decided_on=state.decided_on | {event.seal})
        case _:
            assert_never(event)


def _disposed(
    state: Nomination, event: StageAdvanced | StageAdvanceWithdrawn | NominationEliminated, outcome: Outcome
) -> dict[str, Any]:
    """Return what a state keeps of a decision that disposed of it."""
    outcomes = {**state.outcomes, (event.plenary, event.motion): outcome}
    return {"outcomes": outcomes, "decided_on": state.decided_on | {event.seal}}


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
        case EvidenceAttached():
            return replace(state, evidence=state.evidence | {event.evidence})
        case NominationVerified() | NominationReturned() | NominationResubmitted():
            return replace(state, checks={**state.checks, event.at: checked(event)})
        case FigureDisputed(stated=stated):
            said = frozenset() if stated is None else {(state.at, event.aspect, stated)}
            return replace(state, disputed=state.disputed | said)
        case _:
            assert_never(event)


NOMINATION: Final = Aggregate[NominationState](initial=Unnominated, evolve=evolve, kind="nomination")


# --- who asks ------------------------------------------------------------------------------------------------------

Scopes = frozenset[str] | None
"""The governments whose secretariat asks: a province (`75`) with all that lies in it, or one regency or city
(`75.71`) alone. None: every one."""


def speaks_for(scopes: Scopes, body: str) -> bool:
    """Tell whether who asks speaks for a nominating body."""
    return scopes is None or body in scopes or body[:2] in scopes


@dataclass(frozen=True, slots=True)
class Handler:
    """Who does something with a nomination: a person, and for which governments that person speaks."""

    person: str
    scopes: Scopes

    def capacity(self, state: Nomination) -> Literal["secretariat", "contact"] | None:
        """Return in which capacity the person may handle a nomination, None if in none."""
        if speaks_for(self.scopes, state.nominating_body):
            return "secretariat"
        return "contact" if self.person == state.contact else None


_TOLD_ENDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "withdrawn": ("it was withdrawn", "sudah ditarik"),
    "eliminated": ("it was eliminated", "sudah gugur"),
    "rejected": ("it was rejected in verification", "ditolak dalam verifikasi"),
    "won": ("it has won", "sudah menjadi pemenang"),
}


def under_way(id_: str, state: NominationState, *, won: bool, contested: bool = False) -> Nomination:
    """Return a nomination that still competes, or may again by a verdict; raise Refused.

    Args:
        id_: the nomination's id.
        state: the nomination.
        won: it is among the declared winners.
        contested: an appeal against the result of its stage is open, and what is asked shall be possible meanwhile for
            those whom that result eliminated: what the verdict may need must be there when it falls.
    """
    if isinstance(state, FiledLate):
        raise refuse("not-admitted-yet", "nomination", id_)
    if isinstance(state, TakenBack):
        raise ended("nomination", id_, "withdrawn")
    if not isinstance(state, Nomination):
        raise refuse("nomination-unknown", "nomination", id_)
    ending = "won" if won else state.ending
    if ending is not None and not (contested and ending == "eliminated"):
        raise ended("nomination", id_, ending)
    return state


def ended(path: str, nomination: str, ending: str) -> Refused:
    """Return the refusal of what is asked of a nomination that is over."""
    english, indonesian = _TOLD_ENDINGS[ending]
    return refuse("nomination-ended", path, nomination, ending=english, ending_id=indonesian)


def written(id_: str, state: NominationState, *, won: bool, contested: bool = False) -> Written:
    """Return a nomination that still competes, or one that was filed late and waits; raise Refused."""
    return state if isinstance(state, FiledLate) else under_way(id_, state, won=won, contested=contested)


def check_handler(handler: Handler, state: Nomination) -> None:
    """Refuse who is neither the nominating body nor the contact."""
    if handler.capacity(state) is None:
        raise refuse("not-your-nomination", "nomination", state.id, body=state.nominating_body)


def check_nominating_body(scopes: Scopes, state: Written) -> None:
    """Refuse who does not speak for the nominating body."""
    if not speaks_for(scopes, state.nominating_body):
        raise refuse("not-nominating-body", "nomination", state.id, body=state.nominating_body)


# --- commands ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nominate:
    """Nominate a candidate. `scopes` are the governments whose secretariat asks."""

    season: str
    category: str
    candidate: CandidateAsked
    nominating_body: str
    actor: str
    contact: str
    sample: bool
    received: datetime
    scopes: Scopes


@dataclass(frozen=True, slots=True)
class Settled:
    """A nomination whose candidate is found and may compete; only whether it is the first one is open."""

    nomination: str
    candidate: Candidate
    entry: Stage
    rules: Rulebook
    """The season's newest rules, by which it was found."""


@decides
def settle_nomination(command: Nominate, season: SeasonState) -> Settled:
    """Check a nomination against the season's rules; what comes back names the stream that decides uniqueness."""
    settled = settled_candidate(command, season)
    _check_window(command.received, province_of(settled.candidate), opened(season, command.season))
    return settled


def settled_candidate(command: Nominate, season: SeasonState) -> Settled:
    """Return who is nominated for which first stage, whenever it was asked; raise Refused."""
    rules = opened(season, command.season).rulebook
    category = next((found for found in rules.categories if found.code == command.category), None)
    if category is None:
        known = ", ".join(found.code for found in rules.categories)
        raise refuse("category-unknown", "category", command.category, known=known)
    candidate = settle_candidate(command.candidate, category, rules)
    entry = rules.entry_stage(category.code)
    home = province_of(candidate)
    check_nominator(command.nominating_body, command.scopes, candidate, rules)
    if candidate.kind == "province" and entry.tier != "national":
        raise refuse("province-before-itself", "category", category.code, name=candidate.name)
    province = NATION if entry.tier == "national" else home
    stage = Stage(season=command.season, tier=entry.tier, province=province, category=category.code, stage=entry.code)
    return Settled(nomination_id(command.season, category.code, candidate), candidate, stage, rules)


def check_nominator(body: str, scopes: Scopes, candidate: Candidate, rules: Rulebook) -> None:
    """Refuse a body that the actor does not speak for, and a candidate that is not the body's to nominate.

    A province nominates whoever is at home in it, and itself; a regency or city itself and who is at home in it.
    """
    if not speaks_for(scopes, body):
        raise refuse("nominating-body-outside", "nominating_body", body, scopes=", ".join(sorted(scopes or ())))
    if body == NATION:
        if candidate.kind != "province":
            raise refuse("nation-nominates-provinces", "candidate.kind", candidate.kind)
        return
    try:
        official = region(body, rules.regions.table)
    except UnknownRegion:
        raise refuse("region-unknown", "nominating_body", body, table=rules.regions.table) from None
    home = home_of(candidate)
    # A home that follows from the code was not stated by itself.
    follows = candidate.region is None or candidate.code.startswith(candidate.region)
    path = "candidate.code" if follows else "candidate.region"
    if home[:2] != official.province:
        raise refuse("candidate-outside", path, home, name=candidate.name, province=official.province)
    if official.kind != "province" and home != body and not home.startswith(f"{body}."):
        raise refuse("candidate-not-at-home", path, home, name=candidate.name, body=f"{official.name} ({body})")


def _check_window(received: datetime, province: str, season: Season) -> None:
    """Refuse what was received outside of the window, in the province's own time, first and last second included."""
    rules = season.rulebook
    opens, closes = rules.opens_utc(rules.calendar.nomination, province), season.nomination_closes(province)
    zone = rules.zone(province)
    if received < opens:
        raise refuse("window-not-open", "season", told(opens, zone), closes=told(closes, zone))
    if received > closes:
        raise refuse("window-closed", "season", told(closes, zone), received=told(received, zone))


def window_refusal(received: datetime, province: str, season: Season) -> Refusal | None:
    """Return why an instant is outside of the nomination window (its code says on which side), None within it."""
    try:
        _check_window(received, province, season)
    except Refused as refused:
        return refused.refusal
    return None


@decides
def nominate(command: Nominate, settled: Settled, state: NominationState, ranking: Ranking) -> Sequence[Emit]:
    """Enter the candidate into the first stage of its path, unless it was nominated or filed late before.

    Whoever was filed late waits for the plenary, also when the window was extended meanwhile. An extended window opens
    no stage again of which scoring is over.
    """
    check_first(settled, state)
    check_enterable(settled.entry, ranking, settled.rules, command.received, "category")
    nominated = entered(command, settled)
    return (Emit(nomination_stream(settled.nomination), nominated),)


def check_first(settled: Settled, state: NominationState) -> None:
    """Refuse a candidate whose nomination in this season and category was entered before, in time or late.

    A withdrawal is final: the candidate names the nomination's stream, so that another one would be the same.
    """
    match state:
        case Nomination(ending="withdrawn") | TakenBack():
            raise refuse("withdrawn-before", "candidate", settled.candidate.name, nomination=settled.nomination)
        case Nomination():
            raise refuse("nominated-already", "candidate", settled.candidate.name, nomination=settled.nomination)
        case FiledLate():
            raise refuse("filed-already", "candidate", settled.candidate.name, nomination=settled.nomination)
        case Unnominated():
            return
        case _:
            assert_never(state)


def entered(command: Nominate, settled: Settled) -> CandidateNominated:
    """Return the event of a nomination that is in time."""
    return CandidateNominated(
        nomination=settled.nomination,
        entry=settled.entry,
        candidate=settled.candidate,
        nominating_body=command.nominating_body,
        nominated_by=command.actor,
        contact=command.contact,
        sample=command.sample,
    )


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a nomination back; `scopes` as in `Nominate`, `won` tells whether it is among the declared winners."""

    nomination: str
    reason_digest: str
    scopes: Scopes
    won: bool = False


@decides
def withdraw(command: Withdraw, state: NominationState) -> Sequence[Emit]:
    """End the nomination where it stands or waits, by the secretariat that nominated."""
    if isinstance(state, FiledLate | Nomination):
        check_nominating_body(command.scopes, state)
    standing = written(command.nomination, state, won=command.won)
    taken_back = NominationWithdrawn(nomination=standing.id, at=standing.at, reason_digest=command.reason_digest)
    return (Emit(nomination_stream(standing.id), taken_back),)
