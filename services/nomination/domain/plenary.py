"""A plenary (sidang pleno): a committee's meeting, who is there, which questions were put and how they were decided.

Streams `plenary/<id>`. A body may have to be convened with notice; its meeting then begins at the hour it was convened
for. Nothing is done in a meeting on a day outside of the body's term; yet it can be adjourned then, its minutes
corrected, and what it decided announced. `deciding` has the questions that are put, `voting` the votes, `announcing`
what is made public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal, assert_never

from kernel.decider import START, Aggregate, Emit, Happened, Position
from schemas.envelope import Stage
from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    AgendaItem,
    AppealMotionOpened,
    AttendanceRecorded,
    Ballot,
    BallotConfirmed,
    BallotTallied,
    MinutesCorrected,
    MotionOpened,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    RankingTabled,
    Tally,
    TieMotionOpened,
    Verdict,
    Vote,
    VoteCast,
)
from schemas.regions import NATION
from schemas.rulebook import Body, Rulebook
from services.nomination.domain.committee import Act, Committee, FormedBody, Seat, check_in_office
from services.nomination.domain.local_time import begin_of, day_of, told
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import Season, SeasonState, opened

Opening = MotionOpened | TieMotionOpened | AdmissionMotionOpened | AppealMotionOpened
Counting = VoteCast | BallotTallied | BallotConfirmed | PlenaryDecided | AdmissionDecided
PlenaryEvent = (
    PlenaryConvened | AttendanceRecorded | RankingTabled | Opening | Counting | MinutesCorrected | PlenaryAdjourned
)
Mode = Literal["in-person", "remote"]


# --- state ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotConvened:
    """No such plenary."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Shall these advance, in rank order, and those leave?"""

    advancing: tuple[str, ...]
    eliminated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BreakTie:
    """In which order do those stand who share a rank? By lot the order is drawn from `seed`, and nobody votes."""

    rank: int
    order: tuple[str, ...]
    method: Literal["vote", "lot"]
    seed: str | None = None


@dataclass(frozen=True, slots=True)
class AdmitLate:
    """Shall a nomination that was filed late compete?"""

    nomination: str


@dataclass(frozen=True, slots=True)
class DecideAppeal:
    """Shall an appeal be decided so? `affected` are the nominations whose outcome the verdict changes."""

    appeal: str
    nomination: str
    verdict: Verdict
    affected: tuple[str, ...] = ()


Question = Propose | BreakTie | AdmitLate | DecideAppeal


@dataclass(frozen=True, slots=True)
class Motion:
    """A question that was put, the votes on it, and how it was decided (None: not yet).

    `seal` is the sealed ranking that it rests on, None where it rests on none. A secret vote on paper has a `tally`,
    papers that were `invalid`, who stated it (`teller`), who was present then (`counted_among`) and those who
    `confirmed` it instead of votes.
    """

    number: int
    item: AgendaItem
    seal: str | None
    question: Question
    ballot: Ballot = "open"
    votes: Mapping[str, Vote] = field(default_factory=dict)
    cast: Mapping[str, Act] = field(default_factory=dict)
    """When each open vote was cast."""
    tally: Tally | None = None
    invalid: int = 0
    teller: str | None = None
    counted_among: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    outcome: Literal["carried", "lost"] | None = None
    position: Position = START
    """Where it was put in this service's log, which orders the motions of several meetings."""

    @property
    def nominations(self) -> tuple[str, ...]:
        """Return every candidate that the motion concerns, by nomination."""
        match self.question:
            case Propose(advancing, eliminated):
                return (*advancing, *eliminated)
            case BreakTie(order=order):
                return order
            case AdmitLate(nomination):
                return (nomination,)
            case DecideAppeal(nomination=nomination, affected=affected):
                return tuple(dict.fromkeys((nomination, *affected)))
            case _:
                assert_never(self.question)


@dataclass(frozen=True, slots=True)
class Plenary:
    """A convened meeting; `tabled` holds the last ranking laid before it for each item."""

    id: str
    season: str
    tier: Literal["provincial", "national"]
    province: str
    body: str
    scheduled: datetime
    convened: datetime
    agenda: tuple[AgendaItem, ...]
    present: frozenset[str] = frozenset()
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """How each member was last said to attend."""
    tabled: Mapping[AgendaItem, RankingTabled] = field(default_factory=dict)
    motions: tuple[Motion, ...] = ()
    corrections: int = 0
    adjourned: bool = False

    def stage(self, item: AgendaItem) -> Stage:
        """Return the stage that an item of the agenda is about."""
        return Stage(
            season=self.season, tier=self.tier, province=self.province, category=item.category, stage=item.stage
        )

    def motion(self, number: int) -> Motion | None:
        """Return a motion by its number."""
        return next((motion for motion in self.motions if motion.number == number), None)

    @property
    def undecided(self) -> tuple[Motion, ...]:
        """Return the motions that were put and not decided; once the meeting is adjourned, they never will be."""
        return tuple(motion for motion in self.motions if motion.outcome is None)


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
        return _convened(event, happened.time)
    if isinstance(state, NotConvened):
        raise TypeError(f"{happened.stream} does not begin with PlenaryConvened")
    if isinstance(event, Opening):
        return replace(state, motions=(*state.motions, replace(motion_of(event), position=happened.position)))
    if isinstance(event, Counting):
        return _with_motion(state, event, Act(happened.actor, happened.time, happened.position))
    return _in_session(state, event)


def _convened(event: PlenaryConvened, time: datetime) -> Plenary:
    return Plenary(
        id=event.plenary,
        season=event.season,
        tier=event.tier,
        province=event.province,
        body=event.body,
        scheduled=event.scheduled,
        convened=time,
        agenda=event.agenda,
    )


def _in_session(
    state: Plenary, event: AttendanceRecorded | RankingTabled | MinutesCorrected | PlenaryAdjourned
) -> Plenary:
    """Fold what concerns the meeting and no motion of it."""
    match event:
        case AttendanceRecorded():
            present = state.present | {event.person} if event.present else state.present - {event.person}
            return replace(state, present=present, modes={**state.modes, event.person: event.mode})
        case RankingTabled():
            return replace(state, tabled={**state.tabled, event.item: event})
        case MinutesCorrected():
            return replace(state, corrections=state.corrections + 1)
        case PlenaryAdjourned():
            return replace(state, adjourned=True)
        case _:
            assert_never(event)


def motion_of(event: Opening) -> Motion:
    """Return the motion that an event opens."""
    match event:
        case MotionOpened():
            question: Question = Propose(event.advancing, event.eliminated)
            return Motion(event.motion, event.item, event.seal, question, event.ballot)
        case TieMotionOpened():
            question = BreakTie(event.rank, event.order, event.method, event.seed)
            return Motion(event.motion, event.item, event.seal, question, event.ballot)
        case AdmissionMotionOpened():
            return Motion(event.motion, event.item, None, AdmitLate(event.nomination), event.ballot)
        case AppealMotionOpened():
            question = DecideAppeal(event.appeal, event.nomination, event.verdict, event.affected)
            return Motion(event.motion, event.item, event.seal, question, event.ballot)
        case _:
            assert_never(event)


def _with_motion(state: Plenary, event: Counting, act: Act) -> Plenary:
    """Fold a vote, a count or a decision into its motion."""
    moved = (_moved(one, event, act, state.present) if one.number == event.motion else one for one in state.motions)
    return replace(state, motions=tuple(moved))


def _moved(motion: Motion, event: Counting, act: Act, present: frozenset[str]) -> Motion:
    match event:
        case VoteCast():
            votes, cast = {**motion.votes, event.person: event.vote}, {**motion.cast, event.person: act}
            return replace(motion, votes=votes, cast=cast)
        case BallotTallied():
            counted = replace(motion, tally=event.tally, invalid=event.invalid, teller=act.by, counted_among=present)
            return replace(counted, confirmed=frozenset())
        case BallotConfirmed():
            return replace(motion, confirmed=motion.confirmed | {event.person})
        case PlenaryDecided() | AdmissionDecided():
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
    clerks = offices_of(rules, "clerk") if actor.secretary else []
    return frozenset((*clerks, seat.office) if seat else clerks)


def check_office(actor: Actor, rules: Body, formed: FormedBody, offices: Iterable[str]) -> None:
    """Refuse an actor who holds none of these offices."""
    wanted = tuple(offices)
    if not _offices(actor, rules, formed) & set(wanted):
        raise refuse("not-in-office", "actor", offices=", ".join(wanted), body=rules.code)


def offices_of(rules: Body, *roles: Literal["chair", "member", "clerk"]) -> list[str]:
    """Return the codes of a body's offices of some roles."""
    return [office.code for office in rules.offices if office.role in roles]


def voting_seat(person: str, rules: Body, formed: FormedBody, path: str) -> Seat:
    """Return the person's seat, when it is one that votes."""
    seat = formed.seat_of(person)
    if seat is None:
        raise refuse("person-not-seated", path, person, body=rules.code)
    if not rules.votes(seat.office, seat.number):
        raise refuse("office-has-no-vote", path, seat.office, body=rules.code)
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


def meeting_of(id_: str, plenary: PlenaryState, season: SeasonState, committee: Committee) -> Setting:
    """Return the meeting, adjourned or not, of a season that goes on; raise Refused when there is none."""
    if isinstance(plenary, NotConvened):
        raise refuse("plenary-unknown", "plenary", id_)
    going_on = opened(season, plenary.season)
    return Setting(plenary, going_on, going_on.rulebook.body(plenary.body), committee)


def setting_of(id_: str, plenary: PlenaryState, season: SeasonState, committee: Committee) -> Setting:
    """Return the meeting when something can still happen in it; raise Refused."""
    setting = meeting_of(id_, plenary, season, committee)
    if setting.plenary.adjourned:
        raise refuse("plenary-adjourned", "plenary", id_)
    return setting


def in_session(
    id_: str, plenary: PlenaryState, season: SeasonState, committee: Committee, received: datetime
) -> Setting:
    """Return the meeting when it goes on; one that takes notice begins at the hour it was convened for.

    A body meets in its term alone: what comes on a later day finds it out of office, until another decree renews it.
    """
    setting = setting_of(id_, plenary, season, committee)
    scheduled, zone = setting.plenary.scheduled, setting.season.rulebook.zone(setting.plenary.province)
    check_in_office(setting.formed, received, zone, "plenary")
    if setting.rules.notice_days is not None and received < scheduled:
        raise refuse("plenary-not-begun", "plenary", told(scheduled, zone))
    return setting


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
    received: datetime


@decides
def convene(
    command: Convene, season: SeasonState, committee: Committee, others: Iterable[PlenaryState] = ()
) -> Sequence[Emit]:
    """Call a meeting on stages that this body decides, by its secretary or chair, with the notice that it takes.

    `others` are meetings that may be the same: one sent twice, under two keys, would leave a meeting that nobody holds.
    Two requests at the very same moment can still make two, so that no reader of the log may rely on there being one.
    """
    rulebook = opened(season, command.season).rulebook
    formed = committee.formed(command.body)
    rules = rulebook.body(command.body)
    check_office(command.actor, rules, formed, offices_of(rules, "chair", "clerk"))
    check_in_office(formed, command.scheduled, rulebook.zone(command.province), "scheduled")
    _check_agenda(command.agenda, rules, rulebook)
    _check_notice(command, rules, rulebook.zone(command.province))
    _check_new(command, rulebook.zone(command.province), others)
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


def earliest_day(notice_days: int, convened: datetime, zone: str) -> date:
    """Return the first day on which a meeting convened at an instant may be held, both days being the zone's own.

    Whole calendar days of notice lie between the day of convening and that of the meeting, neither of them counted. No
    source says how the award's committees count them; assumed as for the general meetings of companies, which are
    called so many days ahead without counting the day of the call and that of the meeting (UU 40/2007 on limited
    liability companies, article 82, paragraph 1: 14 days, so that a meeting on 18 June is called on 3 June or before).
    """
    today = day_of(convened, zone)
    return today + timedelta(days=notice_days + 1) if notice_days else today


def _check_notice(command: Convene, body: Body, zone: str) -> None:
    if body.notice_days is None:
        return
    earliest = earliest_day(body.notice_days, command.received, zone)
    if command.scheduled < begin_of(earliest, zone):
        asked = told(command.scheduled, zone)
        raise refuse("notice-too-short", "scheduled", asked, days=body.notice_days, earliest=earliest.isoformat())


def _check_new(command: Convene, zone: str, others: Iterable[PlenaryState]) -> None:
    """Refuse a meeting of the same body, place, hour and agenda as one that still goes on, or is to come."""
    asked = (command.season, command.province, command.body, command.scheduled, frozenset(command.agenda))
    for one in (other for other in others if isinstance(other, Plenary) and not other.adjourned):
        if (one.season, one.province, one.body, one.scheduled, frozenset(one.agenda)) == asked:
            raise refuse("convened-already", "scheduled", told(command.scheduled, zone), plenary=one.id)


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
    """Say that a member came, or left; `mode` None: as it was said before, else in person."""

    plenary: str
    person: str
    present: bool
    mode: Mode | None
    actor: Actor
    received: datetime


@decides
def record_attendance(
    command: RecordAttendance, plenary: PlenaryState, season: SeasonState, committee: Committee
) -> Sequence[Emit]:
    """Record a seated member's attendance, by the member or the secretary; nothing when it is recorded so already.

    Of who is present already another mode is recorded as a correction: it changes nobody's presence, and no quorum.
    """
    setting = in_session(command.plenary, plenary, season, committee, command.received)
    if command.actor.person != command.person and not command.actor.secretary:
        raise refuse("not-for-another", "person", command.person)
    seat = voting_seat(command.person, setting.rules, setting.formed, "person")
    known = setting.plenary.modes.get(command.person, "in-person")
    mode = command.mode or known
    same = (command.person in setting.plenary.present) is command.present
    if same and not (command.present and mode != known):
        return ()
    recorded = AttendanceRecorded(
        plenary=command.plenary,
        person=command.person,
        office=seat.office,
        seat=seat.number,
        present=command.present,
        mode=mode,
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
    setting = setting_of(command.plenary, plenary, season, committee)
    check_office(command.actor, setting.rules, setting.formed, offices_of(setting.rules, "chair", "clerk"))
    return (Emit(plenary_stream(command.plenary), PlenaryAdjourned(plenary=command.plenary)),)
