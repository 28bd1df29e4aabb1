"""The life of a stage's ranking: opened under pinned rules, extended, closed after its deadline, sealed, sealed anew.

One stream per stage (`ranking/…`). Every sheet command guards it and a seal writes it, so a seal and a late sheet can
never both pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Final, NamedTuple, assert_never

from kernel.decider import Aggregate, Decision, Emit, Happened, Refusal
from schemas.envelope import Stage
from schemas.exact import fraction_text
from schemas.regions import NATION
from schemas.rulebook import Rulebook, StageAspect, Window, definition_of
from schemas.rulebook import Stage as StageRules
from schemas.scoring import (
    CarriedAspect,
    CorrectionImpactFound,
    MarksSeen,
    PinnedAspect,
    PinnedRules,
    RankingSealed,
    RankingSuperseded,
    ScorersAssigned,
    ScoringClosed,
    ScoringExtended,
    ScoringOpened,
)
from services.scoring.domain import refusals
from services.scoring.domain.indicator import indicator_stream
from services.scoring.domain.ranking import Rules
from services.scoring.domain.received import Award, Committee, Season, figures_of, holding

RankingEvent = (
    ScoringOpened
    | ScoringExtended
    | ScorersAssigned
    | MarksSeen
    | ScoringClosed
    | RankingSealed
    | RankingSuperseded
    | CorrectionImpactFound
)


@dataclass(frozen=True, slots=True)
class Unopened:
    """Nobody may score here yet."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What an opened stage keeps all its life: what it pinned, until when sheets are received, who was drawn for whom.

    `closes` is the last instant, extensions included; `assigned` the members drawn, by nomination; `readers` are those
    who saw others' marks, or what they add up to, before the seal. `measured` are the versions of indicator streams
    that the first seal which named a nominee took, by nomination, 0 where there was none: a later seal takes the same.
    """

    opened: ScoringOpened
    rules: Rules
    closes: datetime
    assigned: Mapping[str, frozenset[str]]
    readers: frozenset[str] = field(default=frozenset(), kw_only=True)
    measured: Mapping[str, int] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True)
class Open(Begun):
    """Sheets may be filed between two instants, both included."""


@dataclass(frozen=True, slots=True)
class Closed(Begun):
    """No sheet may be filed or changed any more; the ranking can be sealed."""


@dataclass(frozen=True, slots=True)
class Sealed(Begun):
    """The standings are closed by a hash. `id` and `version` are the seal's; `figures` its exact aggregates.

    `told` is what was last said of facts that came after the seal, by nomination and measure: nothing of it moves the
    seal, and it is not said twice.
    """

    id: str
    version: int
    sealed: RankingSealed
    figures: Mapping[str, Mapping[str, Fraction]]
    told: Mapping[tuple[str, str], CorrectionImpactFound] = field(default_factory=dict)


RankingState = Unopened | Open | Closed | Sealed


def _evolve(state: RankingState, happened: Happened) -> RankingState:  # noqa: PLR0911 - one line per kind of event
    event: RankingEvent = happened.event
    if isinstance(event, ScoringOpened):
        return Open(event, Rules.of(event.rules), event.closes, {})
    if isinstance(state, Unopened):
        return state
    match event:
        case ScoringExtended():
            return replace(state, closes=event.until)
        case ScorersAssigned():
            return replace(state, assigned=_joined(state.assigned, event))
        case MarksSeen():
            return replace(state, readers=state.readers | {event.reader})
        case ScoringClosed() | RankingSuperseded():
            return Closed(
                state.opened,
                state.rules,
                state.closes,
                state.assigned,
                readers=state.readers,
                measured=state.measured,
            )
        case RankingSealed():
            return _sealed(state, event, happened)
        case CorrectionImpactFound():
            return _told(state, event)
        case _:
            assert_never(event)


def _joined(assigned: Mapping[str, frozenset[str]], event: ScorersAssigned) -> dict[str, frozenset[str]]:
    """Return who was drawn for whom after one more draw, which only adds."""
    joined = dict(assigned)
    for one in event.assignments:
        joined[one.nomination] = joined.get(one.nomination, frozenset()) | {*one.members}
    return joined


def _told(state: Open | Closed | Sealed, event: CorrectionImpactFound) -> Open | Closed | Sealed:
    """Return the state with what was said of later facts, if it is about the seal that stands."""
    if not isinstance(state, Sealed) or state.id != event.seal:
        return state
    return replace(state, told={**state.told, (event.nomination, event.measure): event})


def _sealed(state: Open | Closed | Sealed, event: RankingSealed, happened: Happened) -> Sealed:
    figures = figures_of(event.standings)
    cited = {point.stream: point.version for point in event.basis.measured or ()}
    taken = {one: cited.get(indicator_stream(one), 0) for one in event.basis.nominations}
    return Sealed(
        state.opened,
        state.rules,
        state.closes,
        state.assigned,
        happened.id,
        happened.version,
        event,
        figures,
        readers=state.readers,
        measured={**taken, **state.measured},
    )


RANKING: Final = Aggregate[RankingState](initial=Unopened, evolve=_evolve, kind="ranking")


# --- the season's holds --------------------------------------------------------------------------------------------


def held(season: Season, at: Stage) -> Refusal | None:
    """Refuse every change while the season is frozen, and for good once it is closed."""
    match season.hold:
        case None:
            return None
        case "frozen":
            return refusals.season_frozen(at.season)
        case "closed":
            return refusals.season_closed(at.season)
        case _:
            assert_never(season.hold)


# --- reading before the seal ---------------------------------------------------------------------------------------


def decide_see(ranking: RankingState, at: Stage, reader: str) -> Decision:
    """Record, once, that somebody sees marks or aggregates of a stage that is not sealed."""
    if not isinstance(ranking, Open | Closed) or reader in ranking.readers:
        return ()
    return [Emit(at.ranking, MarksSeen(at=at, reader=reader))]


# --- opening -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenStage:
    """Open a stage for scoring."""

    at: Stage
    received: datetime


def decide_open(ranking: RankingState, season: Season, committee: Committee, command: OpenStage) -> Decision:
    """Open a stage under the rulebook in force, if it has the stage, its body is in office and time is left."""
    at = command.at
    if not season.version:
        return refusals.season_unknown(at.season)
    if refusal := held(season, at):
        return refusal
    if not isinstance(ranking, Unopened):
        return refusals.already_open(at)
    rulebook = season.rulebook()
    rules = stage_in(rulebook, at)
    if rules is None:
        known = [f"{one.tier}/{one.category}/{one.code}" for one in rulebook.stages]
        return refusals.stage_unknown(at, known)
    if rules.body not in committee.terms:
        return refusals.body_not_formed(at, rules.body)
    refusal = term_refusal(season, committee, at, rules.body, command.received)
    return refusal or _open(at, season, rulebook, rules, command.received)


def stage_in(rulebook: Rulebook, at: Stage) -> StageRules | None:
    """Return the rulebook's stage; the nation has no provincial stages and no province national ones."""
    if (at.tier == "national") != (at.province == NATION):
        return None
    try:
        return rulebook.stage(at.tier, at.category, at.stage)
    except LookupError:
        return None


class Cut(NamedTuple):
    """How many go on from a stage, and whether nothing follows it, so that they win."""

    quota: int
    ends_path: bool


def cut_of(season: Season, opened: ScoringOpened) -> Cut | None:
    """Return where a stage's ranking is cut under the rules that it pinned; None where these cannot be read here."""
    at, version = opened.at, opened.rulebook_version
    try:
        rulebook = season.rulebook(version if version in season.versions else None)
        rules = rulebook.stage(at.tier, at.category, at.stage)
    except (LookupError, ValueError):
        return None
    return Cut(rulebook.quota(rules, at.province), rulebook.next_stage(rules) is None)


def _open(at: Stage, season: Season, rulebook: Rulebook, rules: StageRules, received: datetime) -> Decision:
    pinned = pin(rulebook, rules)
    closes = rulebook.deadline_utc(rules.scoring, at.province)
    if received > closes and any(aspect.origin == "judged" for aspect in pinned.aspects):
        return refusals.window_over(closes, season.zone(at.province))
    opened = ScoringOpened(
        at=at,
        body=rules.body,
        rubric=rules.rubric,
        rulebook_version=season.version,
        rulebook_hash=season.hash,
        opens=rulebook.opens_utc(rules.scoring, at.province),
        closes=closes,
        rules=pinned,
    )
    return [Emit(at.ranking, opened)]


def pin(rulebook: Rulebook, stage: StageRules) -> PinnedRules:
    """Return what of a rulebook makes a stage's ranking."""
    rubric, body = rulebook.rubric(stage), rulebook.body(stage)
    return PinnedRules(
        aspects=tuple(_pin_aspect(aspect, rulebook) for aspect in rubric.aspects),
        method=rubric.aggregation.method,
        trim=rubric.aggregation.trim or 0,
        trim_from=rubric.aggregation.from_sheets or 0,
        complete_sheet=rubric.complete_sheet,
        least_sheets=rubric.least_sheets,
        marks_of_removed=rubric.marks_of_removed,
        tie_break=rubric.tie_break,
        places=rubric.rounding.places,
        rounding=rubric.rounding.mode,
        conflict_scope=rulebook.conflicts.scope,
        scoring_offices=tuple(office.code for office in body.voting_offices),
        sealing_offices=body.seals,
        per_nominee=stage.assignment.per_nominee if stage.assignment else None,
        own_employer=rulebook.conflicts.own_employer,
        own_government=rulebook.conflicts.own_government,
    )


def _pin_aspect(aspect: StageAspect, rulebook: Rulebook) -> PinnedAspect:
    carried, measure = aspect.carried, aspect.measure
    return PinnedAspect(
        code=aspect.code,
        share=fraction_text(aspect.share),
        origin=aspect.origin,
        least=aspect.scale.least,
        greatest=aspect.scale.greatest,
        step=aspect.scale.step,
        carried=CarriedAspect(tier=carried.tier, stage=carried.stage, aspect=carried.aspect) if carried else None,
        measure=measure,
        definition=None if measure is None else definition_of(rulebook.measure(measure)),
    )


# --- extending -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExtendScoring:
    """Let sheets be received until later. The reason's text lies beside the events under `reason_digest`."""

    at: Stage
    person: str
    until: datetime
    reason_digest: str
    received: datetime


def decide_extend(ranking: RankingState, season: Season, committee: Committee, command: ExtendScoring) -> Decision:
    """Move the deadline of a stage that is not closed, within the season; the new deadline includes its last second.

    A deadline that has passed can still be moved while nobody has closed the stage; sheets are then received anew.
    """
    match ranking:
        case Unopened():
            return refusals.not_opened(command.at)
        case Closed() | Sealed():
            return refusals.closed_before_extension(command.at)
        case Open():
            pass
        case _:
            assert_never(ranking)
    refusal = (
        held(season, command.at)
        or office_refusal(ranking, committee, command.person)
        or term_refusal(season, committee, command.at, ranking.opened.body, command.received)
    )
    return refusal or _extend(ranking, season, command)


def _extend(ranking: Open, season: Season, command: ExtendScoring) -> Decision:
    at, until = command.at, command.until.replace(microsecond=999_999)
    if until <= max(ranking.closes, command.received):
        return refusals.extension_not_later(until, max(ranking.closes, command.received), season.zone(at.province))
    rulebook = season.rulebook()
    calendar = Window(opens=rulebook.calendar.opens, closes=rulebook.calendar.closes)
    last = rulebook.deadline_utc(calendar, at.province)
    if until > last:
        return refusals.extension_beyond_season(until, last, season.zone(at.province))
    extended = ScoringExtended(at=at, previous=ranking.closes, until=until, reason_digest=command.reason_digest)
    return [Emit(at.ranking, extended)]


# --- closing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CloseStage:
    """Close a stage: no sheet may be filed or changed any more."""

    at: Stage
    received: datetime


def decide_close(ranking: RankingState, season: Season, awards: Sequence[Award], command: CloseStage) -> Decision:
    """Close an open stage once its deadline has passed, extensions and its last second included.

    Not while an appeal holds it: whom the verdict lets in is to be marked here, and the deadline of a closed stage can
    be extended no more.

    Args:
        ranking: the stage.
        season: its season.
        awards: the category's awards in every tier and place of the season, which tell the appeals that hold it.
        command: what is asked.
    """
    match ranking:
        case Unopened():
            return refusals.not_opened(command.at)
        case Closed() | Sealed():
            return refusals.already_closed(command.at)
        case Open():
            pass
        case _:
            assert_never(ranking)
    if refusal := held(season, command.at):
        return refusal
    if command.received <= ranking.closes:
        return refusals.before_deadline(ranking.closes, season.zone(command.at.province))
    if appeals := holding(awards, command.at):
        return refusals.appeal_pending(appeals)
    return [Emit(command.at.ranking, ScoringClosed(at=command.at))]


def term_refusal(season: Season, committee: Committee, at: Stage, body: str, received: datetime) -> Refusal | None:
    """Refuse what a body, or one of its members, does on a day outside of its terms, by its place's own time.

    Closing is no act of the body's: it says that the deadline has passed.
    """
    day = season.day(at.province, received)
    return None if committee.in_office(body, day) else refusals.outside_term(body, day, committee.terms.get(body, ()))


def office_refusal(ranking: Open | Closed | Sealed, committee: Committee, person: str) -> Refusal | None:
    """Refuse a person who sits in the deciding body in an office that does not act for it; None for all others."""
    offices = committee.offices_of(ranking.opened.body, person)
    acting = ranking.opened.rules.sealing_offices
    if offices and not set(offices) & set(acting):
        return refusals.not_the_office(acting)
    return None
