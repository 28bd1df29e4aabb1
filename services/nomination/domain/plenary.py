"""A plenary (sidang pleno): a committee's meeting that tables a sealed ranking, votes on it and decides.

Streams `plenary/<id>`. A decision and everything that follows from it are one append: PlenaryDecided names every
resulting event, and every candidate of the motion advances, wins or leaves with it. The quorum is counted anew for
each item. The rules of a decision are those of the rulebook version that its seal was made under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, assert_never

from kernel.decider import Aggregate, Emit, Happened
from schemas.envelope import Stage, StreamPoint
from schemas.nomination import (
    AgendaItem,
    Announced,
    AttendanceRecorded,
    MotionOpened,
    NominationEliminated,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    RankingAnnounced,
    RankingTabled,
    StageAdvanced,
    Vote,
    VoteCast,
    WinnerDeclared,
)
from schemas.regions import NATION
from schemas.rulebook import Body, Rulebook
from schemas.rulebook import Stage as StageRules
from services.nomination.domain.award import Award, appeals_until
from services.nomination.domain.committee import Committee, FormedBody, Seat
from services.nomination.domain.motion import Proposal, carries, count, proposal
from services.nomination.domain.nomination import Cited, Nomination, NominationState, nomination_stream
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.seal import Ranking, Seal, citable
from services.nomination.domain.season import Season, SeasonState, opened

PlenaryEvent = (
    PlenaryConvened | AttendanceRecorded | RankingTabled | MotionOpened | VoteCast | PlenaryDecided | PlenaryAdjourned
)
Mode = Literal["in-person", "remote"]
VersionOf = Callable[[str], int]
"""The version at which a stream was loaded."""


# --- state ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotConvened:
    """No such plenary."""


@dataclass(frozen=True, slots=True)
class Motion:
    """A question that was put, the votes on it, and how it was decided (None: not yet)."""

    number: int
    item: AgendaItem
    seal: str
    advancing: tuple[str, ...]
    eliminated: tuple[str, ...]
    votes: Mapping[str, Vote] = field(default_factory=dict)
    outcome: Literal["carried", "lost"] | None = None

    @property
    def nominations(self) -> tuple[str, ...]:
        """Return every candidate of the motion, by nomination."""
        return (*self.advancing, *self.eliminated)


@dataclass(frozen=True, slots=True)
class Plenary:
    """A convened meeting; `tabled` holds the last ranking laid before it for each item."""

    id: str
    season: str
    tier: Literal["provincial", "national"]
    province: str
    body: str
    agenda: tuple[AgendaItem, ...]
    present: frozenset[str] = frozenset()
    tabled: Mapping[AgendaItem, RankingTabled] = field(default_factory=dict)
    motions: tuple[Motion, ...] = ()
    adjourned: bool = False

    def stage(self, item: AgendaItem) -> Stage:
        """Return the stage that an item of the agenda is about."""
        return Stage(
            season=self.season, tier=self.tier, province=self.province, category=item.category, stage=item.stage
        )

    def motion(self, number: int) -> Motion | None:
        """Return a motion by its number."""
        return next((motion for motion in self.motions if motion.number == number), None)


PlenaryState = NotConvened | Plenary


def plenary_stream(plenary: str) -> str:
    """Return the stream of a plenary."""
    return f"plenary/{plenary}"


def item_name(item: AgendaItem) -> str:
    """Return an item as people write it, `category/stage`."""
    return f"{item.category}/{item.stage}"


def evolve(state: PlenaryState, happened: Happened) -> PlenaryState:
    """Fold one event of a plenary's stream."""
    event: PlenaryEvent = happened.event
    if isinstance(event, PlenaryConvened):
        return Plenary(event.plenary, event.season, event.tier, event.province, event.body, event.agenda)
    if isinstance(state, NotConvened):
        raise TypeError(f"{happened.stream} does not begin with PlenaryConvened")
    match event:
        case AttendanceRecorded():
            present = state.present | {event.person} if event.present else state.present - {event.person}
            return replace(state, present=present)
        case RankingTabled():
            return replace(state, tabled={**state.tabled, event.item: event})
        case MotionOpened():
            motion = Motion(event.motion, event.item, event.seal, event.advancing, event.eliminated)
            return replace(state, motions=(*state.motions, motion))
        case VoteCast() | PlenaryDecided():
            return _with_motion(state, event)
        case PlenaryAdjourned():
            return replace(state, adjourned=True)
        case _:
            assert_never(event)


def _with_motion(state: Plenary, event: VoteCast | PlenaryDecided) -> Plenary:
    """Fold a vote or a decision into its motion."""
    return replace(state, motions=tuple(_moved(it, event) if it.number == event.motion else it for it in state.motions))


def _moved(motion: Motion, event: VoteCast | PlenaryDecided) -> Motion:
    match event:
        case VoteCast():
            return replace(motion, votes={**motion.votes, event.person: event.vote})
        case PlenaryDecided():
            return replace(motion, outcome=event.outcome)
        case _:
            assert_never(event)


PLENARY: Final = Aggregate[PlenaryState](initial=NotConvened, evolve=evolve, kind="plenary")


# --- who acts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `secretary`: identity says that the person keeps this place's record, seated as clerk or not."""

    person: str
    secretary: bool = False


def _offices(actor: Actor, rules: Body, formed: FormedBody) -> frozenset[str]:
    """Return the offices in which the actor acts: the seat's, and the clerk's for the committee's secretary."""
    seat = formed.seat_of(actor.person)
    clerks = _offices_of(rules, "clerk") if actor.secretary else []
    return frozenset((*clerks, seat.office) if seat else clerks)


def _check_office(actor: Actor, rules: Body, formed: FormedBody, offices: Iterable[str]) -> None:
    wanted = tuple(offices)
    if not _offices(actor, rules, formed) & set(wanted):
        raise refuse("not-in-office", "actor", offices=", ".join(wanted), body=rules.code)


def _offices_of(rules: Body, *roles: Literal["chair", "member", "clerk"]) -> list[str]:
    return [office.code for office in rules.offices if office.role in roles]


def _voting_seat(person: str, rules: Body, formed: FormedBody, path: str) -> Seat:
    """Return the person's seat, when it is one that votes."""
    seat = formed.seat_of(person)
    if seat is None or seat.office not in _offices_of(rules, "chair", "member"):
        raise refuse("person-not-seated", path, person, body=rules.code)
    return seat


@dataclass(frozen=True, slots=True)
class Setting:
    """A meeting that goes on, with the rules of its body and who sits in it."""

    plenary: Plenary
    season: Season
    rules: Body
    committee: Committee

    @property
    def formed(self) -> FormedBody:
        """Return the meeting's body."""
        return self.committee.bodies[self.plenary.body]


def _setting(id_: str, plenary: PlenaryState, season: SeasonState, committee: Committee) -> Setting:
    """Return the meeting when something can still happen in it; raise Refused."""
    if isinstance(plenary, NotConvened) or not isinstance(season, Season):
        raise refuse("plenary-unknown", "plenary", id_)
    if plenary.adjourned:
        raise refuse("plenary-adjourned", "plenary", id_)
    return Setting(plenary, season, season.rulebook.body(plenary.body), committee)


# --- convening, attendance, adjourning -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Convene:
    """Call a meeting of a body with an agenda."""

    plenary: str
    season: str
    province: str
    body: str
    scheduled: datetime
    agenda: tuple[AgendaItem, ...]
    actor: Actor


@decides
def convene(command: Convene, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """Call a meeting on stages that this body decides, by its secretary or chair."""
    rulebook = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    rules = rulebook.body(command.body)
    _check_office(command.actor, rules, formed, _offices_of(rules, "chair", "clerk"))
    _check_agenda(command.agenda, rules, rulebook)
    convened = PlenaryConvened(
        plenary=command.plenary,
        season=command.season,
        tier="national" if command.province == NATION else "provincial",
        province=command.province,
        body=command.body,
        scheduled=command.scheduled,
        agenda=command.agenda,
    )
    return (Emit(plenary_stream(command.plenary), convened),)


def _check_agenda(agenda: tuple[AgendaItem, ...], body: Body, rules: Rulebook) -> None:
    for index, item in enumerate(agenda):
        path, name = f"agenda[{index}]", item_name(item)
        if item in agenda[:index]:
            raise refuse("agenda-repeated", path, name)
        try:
            stage = rules.stage(body.tier, item.category, item.stage)
        except LookupError:
            raise refuse("stage-unknown", path, name, tier=body.tier) from None
        if stage.body != body.code:
            raise refuse("stage-of-another-body", path, name, body=stage.body)


@dataclass(frozen=True, slots=True)
class RecordAttendance:
    """Say that a member came, or left."""

    plenary: str
    person: str
    present: bool
    mode: Mode
    actor: Actor


@decides
def record_attendance(
    command: RecordAttendance, plenary: PlenaryState, season: SeasonState, committee: Committee
) -> Sequence[Emit]:
    """Record a seated member's attendance, by the member or the secretary; nothing when it is recorded so already."""
    setting = _setting(command.plenary, plenary, season, committee)
    if command.actor.person != command.person and not command.actor.secretary:
        raise refuse("not-for-another", "person", command.person)
    seat = _voting_seat(command.person, setting.rules, setting.formed, "person")
    if (command.person in setting.plenary.present) is command.present:
        return ()
    recorded = AttendanceRecorded(
        plenary=command.plenary,
        person=command.person,
        office=seat.office,
        seat=seat.number,
        present=command.present,
        mode=command.mode,
    )
    return (Emit(plenary_stream(command.plenary), recorded),)


@dataclass(frozen=True, slots=True)
class Adjourn:
    """End the meeting."""

    plenary: str
    actor: Actor


@decides
def adjourn(command: Adjourn, plenary: PlenaryState, season: SeasonState, committee: Committee) -> Sequence[Emit]:
    """End the meeting, by its secretary or chair; what is undecided stays so."""
    setting = _setting(command.plenary, plenary, season, committee)
    _check_office(command.actor, setting.rules, setting.formed, _offices_of(setting.rules, "chair", "clerk"))
    return (Emit(plenary_stream(command.plenary), PlenaryAdjourned(plenary=command.plenary)),)


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
    setting = _setting(command.plenary, plenary, season, committee)
    _check_office(command.actor, setting.rules, setting.formed, _offices_of(setting.rules, "clerk"))
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
    setting = _setting(command.plenary, plenary, season, committee)
    _check_office(command.actor, setting.rules, setting.formed, _offices_of(setting.rules, "chair", "clerk"))
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
    """Return a nomination that stands at the stage, None when it withdrew; refuse one that was decided on elsewhere."""
    state = evidence.nominations.get(nomination)
    if isinstance(state, Nomination) and state.ending == "withdrawn":
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
    setting = _setting(command.plenary, plenary, season, committee)
    motion = _open(command.motion, setting.plenary)
    person = command.actor.person
    seat = _voting_seat(person, setting.rules, setting.formed, "actor")
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
    setting = _setting(command.plenary, plenary, season, committee)
    motion = _open(command.motion, setting.plenary)
    seal, rules = _tabled_seal(motion.item, setting, evidence)
    body = rules.body(setting.rules.code)
    _check_office(command.actor, body, setting.formed, body.advances)
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


def _result(state: Nomination, motion: Motion, plenary: Plenary, seal: Seal, rules: Rulebook) -> Emit:
    """Return what becomes of one candidate: it advances, wins, or leaves."""
    at = plenary.stage(motion.item)
    row = next((row for row in seal.said.standings if row.nomination == state.id), None)
    cited = {"plenary": plenary.id, "motion": motion.number, "seal": seal.id}
    common = {"nomination": state.id, "sample": state.sample or seal.said.sample, **cited}
    stream = nomination_stream(state.id)
    if state.id in motion.eliminated or row is None:
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


# --- announcing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Announce:
    """Make the result of a carried motion public. `received` begins the appeal window."""

    plenary: str
    motion: int
    actor: Actor
    received: datetime


@decides
def announce(
    command: Announce, plenary: PlenaryState, season: SeasonState, committee: Committee, evidence: Evidence
) -> Sequence[Emit]:
    """Announce a decided ranking once, by an office that publishes; the meeting may be over by then."""
    if isinstance(plenary, NotConvened) or not isinstance(season, Season):
        raise refuse("plenary-unknown", "plenary", command.plenary)
    motion = plenary.motion(command.motion)
    if motion is None:
        raise refuse("motion-unknown", "motion", command.motion)
    seal = evidence.ranking.seal(motion.seal)
    if motion.outcome != "carried" or seal is None:
        raise refuse("motion-not-carried", "motion", motion.number)
    rules = season.rulebooks[seal.said.rulebook_version]
    body = rules.body(plenary.body)
    _check_office(command.actor, body, committee.formed(plenary.body), body.publishes)
    cited = (plenary.id, motion.number)
    if cited in evidence.award.announced:
        raise refuse("announced-already", "motion", item_name(motion.item), season=plenary.season)
    at = plenary.stage(motion.item)
    announced = RankingAnnounced(
        at=at,
        plenary=plenary.id,
        motion=motion.number,
        seal=seal.id,
        digest=seal.said.digest,
        lines=tuple(_lines(motion, cited, seal, evidence)),
        appeals_until=appeals_until(rules, at.province, command.received),
    )
    return (Emit(at.award, announced),)


def _lines(motion: Motion, cited: Cited, seal: Seal, evidence: Evidence) -> Iterator[Announced]:
    """Yield one line for every candidate that the decision disposed of, in the motion's order."""
    ranks = {row.nomination: row.rank for row in seal.said.standings}
    winners = evidence.award.winners_by(cited)
    for nomination in motion.nominations:
        state = evidence.nominations.get(nomination)
        if not isinstance(state, Nomination):
            continue
        outcome = "winner" if nomination in winners else state.outcomes.get(cited)
        if outcome is not None:
            yield Announced(
                nomination=nomination,
                candidate=state.candidate.name,
                rank=ranks.get(nomination),
                outcome=outcome,
                sample=state.sample or seal.said.sample,
            )
