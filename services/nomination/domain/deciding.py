"""Deciding in a plenary: a sealed ranking is tabled, a motion is put and voted on, and closed with all that follows.

A decision and everything that follows from it are one append: PlenaryDecided names every resulting event, and every
candidate of the motion advances, wins or leaves with it. The quorum is counted anew for each item. The rules of a
decision are those of the rulebook version that its seal was made under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernel.decider import Emit
from schemas.envelope import Stage, StreamPoint
from schemas.nomination import (
    AgendaItem,
    MotionOpened,
    NominationEliminated,
    PlenaryDecided,
    RankingTabled,
    StageAdvanced,
    Vote,
    VoteCast,
    WinnerDeclared,
)
from schemas.regions import NATION
from schemas.rulebook import Rulebook
from schemas.rulebook import Stage as StageRules
from services.nomination.domain.award import Award
from services.nomination.domain.committee import Committee
from services.nomination.domain.motion import Proposal, carries, count, proposal
from services.nomination.domain.nomination import Nomination, NominationState, nomination_stream
from services.nomination.domain.plenary import (
    Actor,
    Motion,
    Plenary,
    PlenaryState,
    Propose,
    Setting,
    check_office,
    item_name,
    offices_of,
    plenary_stream,
    setting_of,
    voting_seat,
)
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.seal import Ranking, Seal, citable
from services.nomination.domain.season import SeasonState

VersionOf = Callable[[str], int]
"""The version at which a stream was loaded."""


# --- tabling and moving --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision on a stage rests on: its seals, the award's orders and winners, the nominations concerned."""

    ranking: Ranking
    award: Award
    nominations: Mapping[str, NominationState]


@dataclass(frozen=True, slots=True)
class TableRanking:
    """Lay the current sealed ranking of an item before the meeting; `seal` and `digest`, if given, must be its own."""

    plenary: str
    item: AgendaItem
    actor: Actor
    seal: str | None = None
    digest: str | None = None


@decides
def table_ranking(
    command: TableRanking, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Table a seal that is current, whole and not stale, by the secretary."""
    setting = setting_of(command.plenary, plenary, season, committee)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "clerk"))
    _check_on_agenda(command.item, setting.plenary)
    seal = _asked_seal(command, setting.plenary, evidence.ranking)
    citable(seal, evidence.ranking, setting.season, evidence.award, committee, evidence.nominations)
    if command.digest not in (None, seal.said.digest):
        raise refuse("seal-digest-wrong", "digest", command.digest, computed=seal.said.digest)
    before = setting.plenary.tabled.get(command.item)
    if before is not None and before.seal == seal.id:
        raise refuse("seal-tabled-already", "seal", seal.id)
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


@dataclass(frozen=True, slots=True)
class OpenMotion:
    """Put the question whether those within the quota advance; `advancing`, if given, must be just them."""

    plenary: str
    item: AgendaItem
    actor: Actor
    advancing: tuple[str, ...] | None = None


@decides
def open_motion(
    command: OpenMotion, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Propose the tabled seal's ranks 1 to the quota, by chair or secretary."""
    setting = setting_of(command.plenary, plenary, season, committee)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "chair", "clerk"))
    _check_movable(command.item, setting.plenary)
    seal, rules = _tabled_seal(command.item, setting, evidence)
    at = setting.plenary.stage(command.item)
    _check_no_winners(at, rules, evidence)
    competing = [row.nomination for row in seal.said.standings if _contender(row.nomination, at, evidence)]
    competing += [row.nomination for row in seal.said.unrankable if _contender(row.nomination, at, evidence)]
    quota = rules.quota(_stage_rules(rules, at), at.province)
    proposed = proposal(seal.said, quota, competing)
    if command.advancing not in (None, proposed.advancing):
        raise refuse("advancing-not-by-rank", "advancing", quota=quota, expected=", ".join(proposed.advancing))
    return (Emit(plenary_stream(command.plenary), _motion(command, setting.plenary, seal, proposed)),)


def _motion(command: OpenMotion, plenary: Plenary, seal: Seal, proposed: Proposal) -> MotionOpened:
    return MotionOpened(
        plenary=plenary.id,
        motion=len(plenary.motions) + 1,
        item=command.item,
        kind="propose",
        seal=seal.id,
        advancing=proposed.advancing,
        eliminated=proposed.eliminated,
    )


def _check_movable(item: AgendaItem, plenary: Plenary) -> None:
    """Refuse an item that is not on the agenda, is being decided on the tabled seal, or is decided."""
    _check_on_agenda(item, plenary)
    tabled = plenary.tabled.get(item)
    for motion in plenary.motions:
        if motion.item == item and motion.outcome is None and tabled is not None and motion.seal == tabled.seal:
            raise refuse("motion-pending", "item", motion.number)
        if motion.item == item and motion.outcome == "carried":
            raise refuse("item-decided", "item", item_name(item))


def _tabled_seal(item: AgendaItem, setting: Setting, evidence: Evidence) -> tuple[Seal, Rulebook]:
    """Return the seal that lies before the meeting and the rules it was made under, if it may still be cited."""
    tabled = setting.plenary.tabled.get(item)
    seal = evidence.ranking.seal(tabled.seal) if tabled is not None else None
    if seal is None:
        raise refuse("not-tabled", "item", item_name(item))
    rules = citable(seal, evidence.ranking, setting.season, evidence.award, setting.committee, evidence.nominations)
    return seal, rules


def _stage_rules(rules: Rulebook, at: Stage) -> StageRules:
    return rules.stage(at.tier, at.category, at.stage)


def _contender(nomination: str, at: Stage, evidence: Evidence) -> Nomination | None:
    """Return a nomination that stands at the stage, None when it left; refuse one that was decided on elsewhere."""
    state = evidence.nominations.get(nomination)
    if isinstance(state, Nomination) and state.left_empty:
        return None
    if isinstance(state, Nomination) and state.competes_at(at):
        return state
    raise refuse("stage-left", "item", nomination)


def _check_no_winners(at: Stage, rules: Rulebook, evidence: Evidence) -> None:
    """Refuse a second decision on the end of a path; before it, the nominations' own streams tell."""
    if _stage_rules(rules, at).next is None and evidence.award.has_winners_of(at):
        raise refuse("winners-declared-already", "item", f"{at.category}/{at.stage}")


# --- voting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CastVote:
    """Vote openly on a motion."""

    plenary: str
    motion: int
    vote: Vote
    actor: Actor


def _open(number: int, plenary: Plenary) -> Motion:
    """Return a motion that is undecided and rests on the ranking that lies before the meeting."""
    motion = plenary.motion(number)
    if motion is None:
        raise refuse("motion-unknown", "motion", number)
    if motion.outcome is not None:
        raise refuse("motion-closed", "motion", number)
    tabled = plenary.tabled.get(motion.item)
    if tabled is None or tabled.seal != motion.seal:
        raise refuse("seal-superseded", "motion", motion.seal)
    return motion


@decides
def cast_vote(command: CastVote, plenary: PlenaryState, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Count a vote of a seated, present member who is not recused on any candidate of the motion, once."""
    setting = setting_of(command.plenary, plenary, season, committee)
    motion = _open(command.motion, setting.plenary)
    person = command.actor.person
    seat = voting_seat(person, setting.rules, setting.formed, "actor")
    if person in _recused(motion, setting.committee, setting.season.rulebook):
        raise refuse("recused", "actor")
    if person not in setting.plenary.present:
        raise refuse("not-present", "actor")
    if person in motion.votes:
        raise refuse("voted-already", "motion", motion.number)
    cast = VoteCast(plenary=command.plenary, motion=motion.number, person=person, office=seat.office, vote=command.vote)
    return (Emit(plenary_stream(command.plenary), cast),)


def _recused(motion: Motion, committee: Committee, rules: Rulebook) -> frozenset[str]:
    return committee.recused(rules.conflicts, motion.item.category, motion.nominations)


# --- deciding ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DecideMotion:
    """Close a motion by its votes."""

    plenary: str
    motion: int
    actor: Actor


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
    setting = setting_of(command.plenary, plenary, season, committee)
    motion = _open(command.motion, setting.plenary)
    seal, rules = _tabled_seal(motion.item, setting, evidence)
    body = rules.body(setting.rules.code)
    check_office(command.actor, body, setting.formed, body.advances)
    recused = _recused(motion, committee, rules)
    counted = count(body, setting.formed, recused, setting.plenary.present, motion.votes)
    quorum = counted.quorum
    if quorum.present < quorum.required:
        raise refuse("no-quorum", "motion", quorum.present, seats=quorum.seats, required=quorum.required)
    carried = carries(body, counted)
    results = _results(motion, setting.plenary, seal, rules, evidence) if carried else ()
    decided = PlenaryDecided(
        plenary=setting.plenary.id,
        motion=motion.number,
        item=motion.item,
        outcome="carried" if carried else "lost",
        tally=counted.tally,
        quorum=quorum,
        seal=seal.id,
        digest=seal.said.digest,
        rulebook_version=seal.said.rulebook_version,
        results=tuple(_points(results, version_of)),
    )
    return (Emit(plenary_stream(setting.plenary.id), decided), *results)


def _points(results: Iterable[Emit], version_of: VersionOf) -> Iterator[StreamPoint]:
    """Yield where each result will stand: after the version its stream was loaded at."""
    written: dict[str, int] = {}
    for emit in results:
        written[emit.stream] = written.get(emit.stream, version_of(emit.stream)) + 1
        yield StreamPoint(stream=emit.stream, version=written[emit.stream])


def _results(motion: Motion, plenary: Plenary, seal: Seal, rules: Rulebook, evidence: Evidence) -> tuple[Emit, ...]:
    """Return what a carried motion leads to, for every candidate that did not withdraw meanwhile."""
    at = plenary.stage(motion.item)
    _check_no_winners(at, rules, evidence)
    results: list[Emit] = []
    for nomination in motion.nominations:
        state = _contender(nomination, at, evidence)
        if state is not None:
            results.append(_result(state, motion, plenary, seal, rules))
    return tuple(results)


def _leaving(motion: Motion) -> tuple[str, ...]:
    return motion.question.eliminated if isinstance(motion.question, Propose) else ()


def _result(state: Nomination, motion: Motion, plenary: Plenary, seal: Seal, rules: Rulebook) -> Emit:
    """Return what becomes of one candidate: it advances, wins, or leaves."""
    at = plenary.stage(motion.item)
    row = next((row for row in seal.said.standings if row.nomination == state.id), None)
    cited = {"plenary": plenary.id, "motion": motion.number, "seal": seal.id}
    common = {"nomination": state.id, "sample": state.sample or seal.said.sample, **cited}
    stream = nomination_stream(state.id)
    if state.id in _leaving(motion) or row is None:
        reason = {"rank": None, "reason": "unrankable"} if row is None else {"rank": row.rank, "reason": "below-quota"}
        return Emit(stream, NominationEliminated.model_validate({**common, **reason, "at": at}))
    following = rules.next_stage(_stage_rules(rules, at))
    if following is None:
        return Emit(at.award, WinnerDeclared.model_validate({**common, "at": at, "rank": row.rank}))
    reached = Stage(
        season=at.season,
        tier=following.tier,
        province=NATION if following.tier == "national" else at.province,
        category=at.category,
        stage=following.code,
    )
    advanced = StageAdvanced.model_validate({**common, "left": at, "reached": reached, "rank": row.rank})
    return Emit(stream, advanced)
