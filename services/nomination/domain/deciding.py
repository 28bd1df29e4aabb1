"""Deciding in a plenary: a sealed ranking is tabled, a motion is put, and closed with all that follows from it.

A decision and everything that follows from it are one append: it names every resulting event, and every candidate of
the motion advances, wins, leaves or enters with it. The quorum is counted anew for each item, when its motion is opened
and when it is decided. The rules of a decision are those of the rulebook version that its seal was made under; where it
rests on no seal, those of the season's newest.

Every kind of question has its room: `ties`, `admission`, and here the proposal that ranks 1 to the quota advance. They
meet in two places, `open_motion` and `decide_motion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from kernel.decider import Emit
from schemas.envelope import Stage, StreamPoint
from schemas.nomination import (
    AdmissionDecided,
    AgendaItem,
    Ballot,
    MotionOpened,
    NominationEliminated,
    PlenaryDecided,
    Quorum,
    RankingTabled,
    StageAdvanced,
    Tally,
    WinnerDeclared,
)
from schemas.regions import NATION
from schemas.rulebook import Rulebook
from services.nomination.domain.admission import AskAdmission, admission_motion, admitted, is_waiting, waiting_at
from services.nomination.domain.award import check_not_held
from services.nomination.domain.case import Case
from services.nomination.domain.committee import Committee
from services.nomination.domain.evidence import (
    Ahead,
    Evidence,
    broken_ties,
    check_no_winners,
    citable_now,
    contender,
    decided_by,
    rules_of,
    stage_rules,
    tabled_seal,
    tie_motions,
)
from services.nomination.domain.motion import (
    CONFIRMATIONS,
    Proposal,
    ballots,
    carries,
    check_ballots,
    check_quorum,
    count,
    effective_ranks,
    left_voters,
    proposal,
    quorum_of,
    recused_on,
)
from services.nomination.domain.nomination import Nomination, nomination_stream
from services.nomination.domain.plenary import (
    Actor,
    AdmitLate,
    BreakTie,
    DecideAppeal,
    Motion,
    Opening,
    Plenary,
    PlenaryState,
    Propose,
    Setting,
    check_office,
    in_session,
    item_name,
    motion_of,
    offices_of,
    plenary_stream,
)
from services.nomination.domain.ranking import Ranking, Seal
from services.nomination.domain.readiness import check_not_too_late, check_upstream, check_verified, path_awards
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.seal import Stale, ordered_anew
from services.nomination.domain.season import SeasonState
from services.nomination.domain.ties import (
    AskTie,
    check_unbroken,
    check_unchanged,
    check_undrawn,
    has_changed,
    tie_motion,
)
from services.nomination.domain.verdict import AskAppeal, appeal_motion, verdict_results
from services.nomination.domain.voting import is_lot, rests_on_tabled, undecided
from services.nomination.domain.winning import crown

VersionOf = Callable[[str], int]
"""The version at which a stream was loaded."""


# --- tabling -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableRanking:
    """Lay the current sealed ranking of an item before the meeting; `seal` and `digest`, if given, must be its own."""

    plenary: str
    item: AgendaItem
    actor: Actor
    received: datetime
    seal: str | None = None
    digest: str | None = None


@decides
def table_ranking(
    command: TableRanking, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Table a seal that is current, whole and not stale, by the secretary, while no appeal holds the stage.

    It is laid before somebody: attendance is recorded first, so that the minutes tell who was there when it was tabled.
    """
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "clerk"))
    _check_on_agenda(command.item, setting.plenary)
    check_not_held(setting.plenary.stage(command.item), *path_awards(evidence))
    seal = _asked_seal(command, setting.plenary, evidence.ranking)
    citable_now(seal, setting, evidence)
    if command.digest not in (None, seal.said.digest):
        raise refuse("seal-digest-wrong", "digest", command.digest, computed=seal.said.digest)
    before = setting.plenary.tabled.get(command.item)
    if before is not None and before.seal == seal.id:
        raise refuse("seal-tabled-already", "seal", seal.id)
    if not setting.plenary.present & set(setting.formed.holders.values()):
        raise refuse("nobody-present", "plenary", item_name(command.item))
    tabled = RankingTabled(
        plenary=command.plenary,
        item=command.item,
        ranking=seal.said.at.ranking,
        seal=seal.id,
        seal_version=seal.version,
        digest=seal.said.digest,
    )
    return (Emit(plenary_stream(command.plenary), tabled),)


def _check_on_agenda(item: AgendaItem, plenary: Plenary) -> None:
    if item not in plenary.agenda:
        known = ", ".join(item_name(found) for found in plenary.agenda)
        raise refuse("item-not-on-agenda", "item", item_name(item), known=known)


def _asked_seal(command: TableRanking, plenary: Plenary, ranking: Ranking) -> Seal:
    current = ranking.current
    if command.seal is not None and (asked := ranking.seal(command.seal)) is not None:
        return asked
    if current is None:
        raise refuse("ranking-unsealed", "item", plenary.stage(command.item).ranking)
    if command.seal is not None:
        raise refuse("seal-unknown", "seal", command.seal, current=current.id)
    return current


# --- putting a question --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskProposal:
    """Ask whether those within the quota advance; `advancing`, if given, must be just them, in rank order."""

    advancing: tuple[str, ...] | None = None


Asked = AskProposal | AskTie | AskAdmission | AskAppeal


@dataclass(frozen=True, slots=True)
class OpenMotion:
    """Put a question on an item, to be voted on openly or secretly on paper."""

    plenary: str
    item: AgendaItem
    actor: Actor
    received: datetime
    asked: Asked = AskProposal()
    ballot: Ballot = "open"


@decides
def open_motion(
    command: OpenMotion, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Put a question, by chair or secretary, while there is a quorum for it; one at a time on an item."""
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "chair", "clerk"))
    item, ballot = command.item, command.ballot
    _check_on_agenda(item, setting.plenary)
    match command.asked:
        case AskProposal() as asked:
            _check_movable(item, setting, evidence)
            opening: Opening = _propose(asked, item, ballot, setting, evidence)
        case AskTie() as asked:
            _check_movable(item, setting, evidence)
            check_not_held(setting.plenary.stage(item), *path_awards(evidence))
            opening = tie_motion(asked, item, ballot, setting, evidence)
        case AskAdmission() as asked:
            _check_movable(item, setting, evidence)
            opening = admission_motion(asked, item, ballot, setting, evidence, command.received)
        case AskAppeal() as asked:
            opening = appeal_motion(asked, item, ballot, setting, evidence.case or Case(asked.appeal))
        case _:
            assert_never(command.asked)
    _check_quorum_for(motion_of(opening), setting, evidence)
    return (Emit(plenary_stream(command.plenary), opening),)


def _check_movable(item: AgendaItem, setting: Setting, evidence: Evidence) -> None:
    """Refuse an item that is being decided, or is decided."""
    if decided_by(item, setting.plenary) is not None:
        raise refuse("item-decided", "item", item_name(item))
    pending = pending_motion(item, setting, evidence)
    if pending is not None:
        raise refuse("motion-pending", "item", pending.number)


def pending_motion(item: AgendaItem, setting: Setting, evidence: Evidence) -> Motion | None:
    """Return the motion on an item that still waits to be decided, None when there is none that can be."""
    plenary = setting.plenary
    motions = (motion for motion in plenary.motions if motion.item == item and motion.outcome is None)
    left = (motion for motion in motions if _has_object(motion, plenary, evidence))
    return next((motion for motion in left if not _has_left_voters(motion, setting, evidence)), None)


def _has_left_voters(motion: Motion, setting: Setting, evidence: Evidence) -> bool:
    """Tell whether somebody voted on a motion who may take part in it no more."""
    rules = rules_of(motion.seal, setting, evidence.ranking)
    recused = recused_on(motion, setting.committee, rules, evidence.nominations)
    return bool(left_voters(motion, rules.body(setting.plenary.body), setting.formed, recused))


def _has_object(motion: Motion, plenary: Plenary, evidence: Evidence) -> bool:
    """Tell whether an undecided motion is still about something: its seal is tabled, those it names still wait."""
    match motion.question:
        case Propose():
            return rests_on_tabled(motion, plenary)
        case DecideAppeal():
            return False  # It is about a decision that was taken, and stands beside whatever is left to decide.
        case BreakTie() as tie:
            seal = evidence.ranking.seal(motion.seal)
            if seal is None or has_changed(tie, seal, plenary.stage(motion.item), evidence):
                return False
            broken = broken_ties(seal.id, motion.item, plenary, evidence)
            return rests_on_tabled(motion, plenary) and tie.rank not in {one.rank for one in broken}
        case AdmitLate(nomination):
            return is_waiting(nomination, evidence)
        case _:
            assert_never(motion.question)


def _check_quorum_for(motion: Motion, setting: Setting, evidence: Evidence) -> None:
    """Refuse a question for which too few unrecused members are present."""
    rules = rules_of(motion.seal, setting, evidence.ranking)
    recused = recused_on(motion, setting.committee, rules, evidence.nominations)
    body = rules.body(setting.plenary.body)
    check_quorum(quorum_of(body, setting.formed, recused, setting.plenary.present), "item")


def _propose(
    asked: AskProposal, item: AgendaItem, ballot: Ballot, setting: Setting, evidence: Evidence
) -> MotionOpened:
    """Return the question whether the tabled seal's ranks 1 to the quota advance; raise Refused."""
    check_not_held(setting.plenary.stage(item), *path_awards(evidence))
    seal, rules = tabled_seal(item, setting, evidence)
    proposed = proposed_now(item, seal, rules, setting.plenary, evidence)
    if asked.advancing not in (None, proposed.advancing):
        at = setting.plenary.stage(item)
        quota = rules.quota(stage_rules(rules, at), at.province)
        raise refuse("advancing-not-by-rank", "advancing", quota=quota, expected=", ".join(proposed.advancing))
    return MotionOpened(
        plenary=setting.plenary.id,
        motion=len(setting.plenary.motions) + 1,
        item=item,
        kind="propose",
        seal=seal.id,
        advancing=proposed.advancing,
        eliminated=proposed.eliminated,
        ballot=ballot,
    )


def proposed_now(item: AgendaItem, seal: Seal, rules: Rulebook, plenary: Plenary, evidence: Evidence) -> Proposal:
    """Return what a seal proposes as things stand: ties broken, quota kept, everybody who would advance verified.

    Nothing, once the next stage is decided: who came there now would stand for good where nothing is left to decide.
    Nothing either where it would move nobody: such a decision leaves no trace and could be taken again and again. Only
    when all finalists are gone is there something to record, the ranks that stay vacant.
    """
    at = plenary.stage(item)
    check_no_winners(at, rules, evidence)
    check_not_too_late(evidence)
    named = [row.nomination for row in seal.said.standings]
    named += [row.nomination for row in seal.said.unrankable]
    competing = {nomination: state for nomination in named if (state := contender(nomination, at, evidence))}
    stage = stage_rules(rules, at)
    quota = rules.quota(stage, at.province)
    proposed = proposal(seal.said, quota, competing.keys(), broken_ties(seal.id, item, plenary, evidence))
    leaves_ranks_vacant = bool(named) and stage.next is None
    if not (proposed.advancing or proposed.eliminated or leaves_ranks_vacant):
        raise refuse("nobody-to-decide-on", "item", item_name(item))
    check_verified(at, rules, (competing[nomination] for nomination in proposed.advancing))
    return proposed


# --- closing a motion ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DecideMotion:
    """Close a motion by its votes."""

    plenary: str
    motion: int
    actor: Actor
    received: datetime


@decides
def decide_motion(
    command: DecideMotion,
    plenary: PlenaryState,
    season: SeasonState,
    committee: Committee,
    evidence: Evidence,
    version_of: VersionOf,
) -> Sequence[Emit]:
    """Close a motion, by an office that advances: the outcome and everything that follows from it, in one append."""
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    motion = undecided(command.motion, setting.plenary)
    match motion.question:
        case Propose() as question:
            return _decide_proposal(command, motion, question, setting, evidence, version_of)
        case BreakTie() as tie:
            return _decide_tie(command, motion, tie, setting, evidence)
        case AdmitLate(nomination):
            return _decide_admission(command, motion, nomination, setting, evidence, version_of)
        case DecideAppeal():
            return _decide_appeal(command, motion, setting, evidence, version_of)
        case _:
            assert_never(motion.question)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a motion ends: the votes, the quorum, and what they make of it."""

    outcome: Literal["carried", "lost"]
    tally: Tally
    quorum: Quorum

    @property
    def carried(self) -> bool:
        """Tell whether the motion was carried."""
        return self.outcome == "carried"


def closing(motion: Motion, setting: Setting, rules: Rulebook, evidence: Evidence, actor: Actor) -> Closing:
    """Count a motion and return how it ends, for an office that advances; raise Refused.

    It takes the quorum, and a vote on paper its confirmed count. Nobody votes on a lot: it ends as it was drawn.
    """
    body = rules.body(setting.plenary.body)
    check_office(actor, body, setting.formed, body.advances)
    recused = recused_on(motion, setting.committee, rules, evidence.nominations)
    if left_voters(motion, body, setting.formed, recused):
        raise refuse("voters-changed", "motion", motion.number)
    counted = count(body, setting.formed, recused, setting.plenary.present, motion)
    check_quorum(counted.quorum, "motion")
    if motion.ballot == "paper":
        if motion.tally is None or counted.confirmed < CONFIRMATIONS:
            confirmed, needed = counted.confirmed, CONFIRMATIONS
            raise refuse("ballot-unconfirmed", "motion", motion.number, confirmed=confirmed, needed=needed)
        check_ballots(ballots(motion.tally, motion.invalid), counted.electorate, "motion")
    outcome: Literal["carried", "lost"] = "carried" if is_lot(motion) or carries(body, counted) else "lost"
    return Closing(outcome, counted.tally, counted.quorum)


def _decide_proposal(
    command: DecideMotion,
    motion: Motion,
    question: Propose,
    setting: Setting,
    evidence: Evidence,
    version_of: VersionOf,
) -> Sequence[Emit]:
    """Close the question who advances, while no appeal holds the stage and the results before it stand."""
    at = setting.plenary.stage(motion.item)
    check_not_held(at, *path_awards(evidence))
    seal, rules = tabled_seal(motion.item, setting, evidence)
    check_upstream(at, rules, evidence, command.received)
    closed = closing(motion, setting, rules, evidence, command.actor)
    results: tuple[Emit, ...] = ()
    if closed.carried:
        _check_still_proposed(motion, question, seal, rules, setting.plenary, evidence)
        results = _results(motion, setting.plenary, seal, rules, evidence)
    return (_decided(motion, setting.plenary, seal, closed, results, version_of), *results)


def _check_still_proposed(
    motion: Motion, question: Propose, seal: Seal, rules: Rulebook, plenary: Plenary, evidence: Evidence
) -> None:
    """Refuse to carry what the seal no longer proposes: another meeting broke a tie on it meanwhile."""
    at = plenary.stage(motion.item)
    still = tuple(one for one in question.advancing if contender(one, at, evidence) is not None)
    if still != proposed_now(motion.item, seal, rules, plenary, evidence).advancing:
        raise refuse("proposal-outdated", "motion", motion.number)


def _decide_tie(
    command: DecideMotion, motion: Motion, tie: BreakTie, setting: Setting, evidence: Evidence
) -> Sequence[Emit]:
    """Close the question in which order those stand who share a rank; nobody moves by it.

    Not while an appeal holds the stage: its verdict may change who is tied, and a lot that is drawn prejudges that. Not
    either once the tie is broken: another meeting may have had the same question before it, and decided it first; nor
    by a vote, once a lot was drawn elsewhere.
    """
    check_not_held(setting.plenary.stage(motion.item), *path_awards(evidence))
    seal, rules = tabled_seal(motion.item, setting, evidence)
    check_unbroken(tie.rank, "motion", broken_ties(seal.id, motion.item, setting.plenary, evidence))
    if tie.method == "vote":
        check_undrawn(tie.order, "motion", tie_motions(motion.item, setting.plenary, evidence))
    check_unchanged(motion, tie, seal, setting.plenary.stage(motion.item), evidence)
    closed = closing(motion, setting, rules, evidence, command.actor)
    return (_decided(motion, setting.plenary, seal, closed, (), lambda _: 0),)


def _decide_admission(
    command: DecideMotion,
    motion: Motion,
    nomination: str,
    setting: Setting,
    evidence: Evidence,
    version_of: VersionOf,
) -> Sequence[Emit]:
    """Close the question whether a late nomination competes; carried, it enters in the same append."""
    waiting = waiting_at(nomination, motion.item, setting, evidence, command.received)
    closed = closing(motion, setting, setting.season.rulebook, evidence, command.actor)
    results = (Emit(nomination_stream(nomination), admitted(waiting)),) if closed.carried else ()
    decided = AdmissionDecided(
        plenary=setting.plenary.id,
        motion=motion.number,
        item=motion.item,
        nomination=nomination,
        outcome=closed.outcome,
        tally=closed.tally,
        quorum=closed.quorum,
        rulebook_version=setting.season.version,
        results=tuple(points(results, version_of)),
    )
    return (Emit(plenary_stream(setting.plenary.id), decided), *results)


def _decide_appeal(
    command: DecideMotion, motion: Motion, setting: Setting, evidence: Evidence, version_of: VersionOf
) -> Sequence[Emit]:
    """Close the question how an appeal is decided; upheld, the sealed inputs are ranked anew in the same append."""
    seal = evidence.ranking.seal(motion.seal)
    if seal is None or evidence.case is None:
        raise refuse("motion-unknown", "motion", motion.number)
    rules = setting.season.rulebooks[seal.said.rulebook_version]
    closed = closing(motion, setting, rules, evidence, command.actor)
    results = verdict_results(motion, setting, evidence.case) if closed.carried else ()
    return (_decided(motion, setting.plenary, seal, closed, results, version_of), *results)


def _decided(
    motion: Motion, plenary: Plenary, seal: Seal, closed: Closing, results: Iterable[Emit], version_of: VersionOf
) -> Emit:
    decided = PlenaryDecided(
        plenary=plenary.id,
        motion=motion.number,
        item=motion.item,
        outcome=closed.outcome,
        tally=closed.tally,
        quorum=closed.quorum,
        seal=seal.id,
        digest=seal.said.digest,
        rulebook_version=seal.said.rulebook_version,
        results=tuple(points(results, version_of)),
    )
    return Emit(plenary_stream(plenary.id), decided)


def points(results: Iterable[Emit], version_of: VersionOf) -> Iterator[StreamPoint]:
    """Yield where each result will stand: after the version its stream was loaded at."""
    written: dict[str, int] = {}
    for emit in results:
        written[emit.stream] = written.get(emit.stream, version_of(emit.stream)) + 1
        yield StreamPoint(stream=emit.stream, version=written[emit.stream])


# --- what a carried proposal leads to ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """A carried proposal: where it was decided, on which seal, under which rules, and everybody's effective rank."""

    motion: Motion
    plenary: Plenary
    seal: Seal
    rules: Rulebook
    ranks: Mapping[str, int]

    @property
    def at(self) -> Stage:
        """Return the stage that was decided."""
        return self.plenary.stage(self.motion.item)

    @property
    def cited(self) -> dict[str, str | int]:
        """Return the decision as its results cite it."""
        return {"plenary": self.plenary.id, "motion": self.motion.number, "seal": self.seal.id}

    def is_sample(self, state: Nomination) -> bool:
        """Tell whether what follows for a nomination is a sample: the nomination is one, or what was sealed is."""
        return state.sample or self.seal.said.sample


def _results(motion: Motion, plenary: Plenary, seal: Seal, rules: Rulebook, evidence: Evidence) -> tuple[Emit, ...]:
    """Return what a carried proposal leads to, for every candidate that did not withdraw meanwhile."""
    broken = broken_ties(seal.id, motion.item, plenary, evidence)
    carried = Carried(motion, plenary, seal, rules, effective_ranks(seal.said, broken))
    states = [state for one in motion.nominations if (state := contender(one, carried.at, evidence)) is not None]
    leaving = set(motion.question.eliminated) if isinstance(motion.question, Propose) else set()
    passing = [state for state in states if state.id not in leaving]
    followed = _advancing if stage_rules(rules, carried.at).next else _winning
    ahead = tuple(followed(passing, carried))
    taking = {state.id: carried.ranks[state.id] for state in passing}
    crowned = crown(carried.at, rules, taking, (plenary.id, motion.number))
    out = (_eliminated(state, carried) for state in states if state.id in leaving)
    return (*ahead, *out, *crowned, *_ordered(passing, evidence.ahead))


def _winning(states: Iterable[Nomination], carried: Carried) -> Iterator[Emit]:
    """Yield what the end of a path brings to those within the quota, in rank order: their ranks of the award."""
    for state in states:
        said = {"nomination": state.id, "sample": carried.is_sample(state), **carried.cited}
        rank = carried.ranks[state.id]
        yield Emit(carried.at.award, WinnerDeclared.model_validate({**said, "at": carried.at, "rank": rank}))


def _advancing(states: Iterable[Nomination], carried: Carried) -> Iterator[Emit]:
    """Yield the next stage for those within the quota, in rank order."""
    at, following = carried.at, carried.rules.next_stage(stage_rules(carried.rules, carried.at))
    if following is None:
        raise AssertionError("a stage at the end of its path makes winners")
    reached = Stage(
        season=at.season,
        tier=following.tier,
        province=NATION if following.tier == "national" else at.province,
        category=at.category,
        stage=following.code,
    )
    for state in states:
        said = {"nomination": state.id, "sample": carried.is_sample(state), **carried.cited}
        moved = {**said, "left": at, "reached": reached, "rank": carried.ranks[state.id]}
        yield Emit(nomination_stream(state.id), StageAdvanced.model_validate(moved))


def _ordered(entering: Iterable[Nomination], ahead: Ahead | None) -> Iterator[Emit]:
    """Yield the order to seal the next stage anew, when its seal was made before these entered it."""
    seal = ahead.ranking.current if ahead is not None else None
    if ahead is None or seal is None or seal.id in ahead.award.reseals:
        return
    missing = tuple(sorted({state.id for state in entering} - set(seal.said.basis.nominations)))
    if missing:
        yield ordered_anew(seal, Stale(missing=missing))


def _eliminated(state: Nomination, carried: Carried) -> Emit:
    """Return the end of one nominee's way: below the quota, or without a rank."""
    rank = carried.ranks.get(state.id)
    said = {"nomination": state.id, "sample": carried.is_sample(state), **carried.cited}
    reason = "unrankable" if rank is None else "below-quota"
    left = {**said, "at": carried.at, "rank": rank, "reason": reason}
    return Emit(nomination_stream(state.id), NominationEliminated.model_validate(left))
