"""What each event says to people, and how it changes what is known of the award; pure, event by event.

A message tells what the law, the rulebook or a decision made known to the person it goes to: never a mark or a total,
and a rank only to the nominee it is of. The people of a nominee hear of a result by its announcement, not when the
plenary decides; `decision_of` says which decision a result waits for the announcement of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_never

from kernel.canonical import instant
from kernel.decider import Happened
from schemas.envelope import Stage
from schemas.nomination import (
    AdmissionDecided,
    AppealDecided,
    AppealLodged,
    CandidateNominated,
    CertificateIssued,
    CertificateRevoked,
    ConflictDeclared,
    ConflictLifted,
    DeadlineExtended,
    FigureDisputed,
    InterviewScheduled,
    MemberAppointed,
    MemberRemoved,
    MinutesCorrected,
    NominationAmended,
    NominationEliminated,
    NominationFiledLate,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
    NominationWithdrawn,
    PlenaryConvened,
    PrizeAwarded,
    RankingAnnounced,
    RulebookAmended,
    SeasonFrozen,
    SeasonOpened,
    SeasonUnfrozen,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.scoring import FactsReported, ScorersAssigned, ScoringExtended
from services.notifications.domain.calls import system_of
from services.notifications.domain.intents import Notice, place
from services.notifications.domain.known import Cited, Decision, Known, Nominee, Plenary, Seat, SeatKey
from services.notifications.domain.templates import Template

OfNomination = CandidateNominated | NominationFiledLate | AdmissionDecided | NominationAmended | FigureDisputed
OfVerification = (
    NominationVerified | NominationReturned | NominationResubmitted | NominationRejected | NominationWithdrawn
)
OfStage = InterviewScheduled | StageAdvanced | StageAdvanceWithdrawn | NominationEliminated
OfAward = WinnerDeclared | WinnerWithdrawn | PrizeAwarded | CertificateIssued | CertificateRevoked
OfNominee = OfNomination | OfVerification | OfStage | OfAward
"""What happened to one nomination."""
OfMany = (
    RankingAnnounced
    | AppealLodged
    | AppealDecided
    | StageFrozen
    | StageUnfrozen
    | SeasonFrozen
    | SeasonUnfrozen
    | DeadlineExtended
)
OfBody = (
    MemberAppointed
    | MemberRemoved
    | ConflictDeclared
    | ConflictLifted
    | PlenaryConvened
    | MinutesCorrected
    | ScoringExtended
    | ScorersAssigned
)
OfSeason = SeasonOpened | RulebookAmended
OF_SEASON: Final = OfSeason.__args__
OF_NOMINEE: Final = OfNominee.__args__
OF_MANY: Final = OfMany.__args__
OF_BODY: Final = OfBody.__args__
OfAll = StageFrozen | StageUnfrozen | SeasonFrozen | SeasonUnfrozen | DeadlineExtended
WIDE: Final = OfAll.__args__
"""What concerns nominees that the event does not list."""
ARRIVING: Final = (CandidateNominated, StageAdvanced)
"""What brings a nominee to a stage."""
Result = StageAdvanced | StageAdvanceWithdrawn | NominationEliminated | WinnerDeclared | WinnerWithdrawn | PrizeAwarded
RESULTS: Final = Result.__args__
"""What a decision on a ranking leads to for a nominee. A certificate that no longer holds is not among them: who has it
must not show it any more, and whoever looks it up is told so already."""


def notices_of(happened: Happened, known: Known) -> list[Notice]:
    """Return what an event says, with what is known before it; nothing for an event that nobody is told of."""
    event = happened.event
    if isinstance(event, OF_NOMINEE):
        told = _of_nominee(event, happened, known)
        return [told, replace(told, template="dispute-filed")] if isinstance(event, FigureDisputed) else [told]
    if isinstance(event, OF_SEASON):
        return [_of_season(event, happened, known)]
    if isinstance(event, OF_MANY):
        return [_of_many(event, happened, known)]
    if isinstance(event, OF_BODY):
        return list(_of_body(event, happened, known))
    if isinstance(event, FactsReported) and (_refused(event) or event.missing or event.disputed):
        return [_of_report(event, happened)]
    return []


def decision_of(event: object) -> Cited | None:
    """Return the decision by whose announcement the people of nominees hear of an event; None: they do at once.

    An appeal that was dismissed changes nothing that was announced, and is announced by no one.
    """
    if isinstance(event, RESULTS) or (isinstance(event, AppealDecided) and event.verdict.outcome == "upheld"):
        return event.plenary, event.motion
    return None


# --- one nominee ---------------------------------------------------------------------------------------------------


Said = tuple[Template, Stage | None, dict[str, Any]]
"""The template, the stage, and what else a message says of one nominee."""


def _of_nominee(event: OfNominee, happened: Happened, known: Known) -> Notice:
    nominee = known.nominees.get(event.nomination)
    template, at, params = _said_of(event, nominee)
    return Notice(
        cause=happened.id,
        template=template,
        season=at.season if at else None,
        params=params | ({"at": place(at)} if at else {}),
        recorded=happened.time,
        about=(event.nomination,),
        sample=getattr(event, "sample", False) or (nominee is not None and nominee.sample),
    )


def _said_of(event: OfNominee, nominee: Nominee | None) -> Said:
    if isinstance(event, OfNomination):
        return _said_of_nomination(event)
    if isinstance(event, OfVerification):
        return _said_of_verification(event)
    return _said_of_stage(event, nominee) if isinstance(event, OfStage) else _said_of_award(event)


def _said_of_nomination(event: OfNomination) -> Said:
    match event:
        case CandidateNominated():
            return "nominated", event.entry, {}
        case NominationFiledLate():
            return "filed-late", event.entry, {}
        case AdmissionDecided():
            return "admitted" if event.outcome == "carried" else "not-admitted", None, {}
        case NominationAmended():
            return "amended", None, {}
        case FigureDisputed():
            return "disputed", None, {"measure": event.measure}
        case _:
            assert_never(event)


def _said_of_verification(event: OfVerification) -> Said:
    match event:
        case NominationVerified():
            return "verified", event.at, {}
        case NominationReturned():
            parts = list(dict.fromkeys(defect.part for defect in event.defects))
            return "returned", event.at, {"defects": parts, "until": instant(event.until)}
        case NominationResubmitted():
            return "resubmitted", event.at, {}
        case NominationRejected():
            return "rejected", event.at, {}
        case NominationWithdrawn():
            return "withdrawn", event.at, {}
        case _:
            assert_never(event)


def _said_of_stage(event: OfStage, nominee: Nominee | None) -> Said:
    match event:
        case InterviewScheduled():
            moved = nominee is not None and nominee.heard_at == event.at.ranking
            when = {"begins": instant(event.begins), "ends": instant(event.ends), "mode": event.mode}
            return "interview-moved" if moved else "interview-scheduled", event.at, when
        case StageAdvanced():
            return "advanced", event.left, {"reached": place(event.reached), "rank": event.rank}
        case StageAdvanceWithdrawn():
            return "advance-withdrawn", event.returned, {"reached": place(event.left)}
        case NominationEliminated():
            return "eliminated", event.at, {"rank": event.rank, "reason": event.reason}
        case _:
            assert_never(event)


def _said_of_award(event: OfAward) -> Said:
    match event:
        case WinnerDeclared():
            return "won", event.at, {"rank": event.rank}
        case WinnerWithdrawn():
            return "win-withdrawn", event.at, {"rank": event.rank}
        case PrizeAwarded():
            prize = {"id": event.prize.id, "en": event.prize.en}
            return "prize", event.at, {"rank": event.rank, "prize": prize}
        case CertificateIssued():
            told = {"kind": event.kind, "number": event.number, "dated": event.dated.isoformat()}
            return "certificate", event.at, told
        case CertificateRevoked():
            return "certificate-revoked", None, {"number": event.number}
        case _:
            assert_never(event)


# --- several nominees ----------------------------------------------------------------------------------------------


def _of_many(event: OfMany, happened: Happened, known: Known) -> Notice:
    match event:
        case RankingAnnounced():
            return _announcement(event, happened, known)
        case AppealLodged():
            params: dict[str, Any] = {"at": place(event.at), "capacity": event.capacity}
            notice = _notice(happened, "appeal-lodged", event.at.season, params)
            return _about(notice, (event.nomination,), known, persons=(event.by,))
        case AppealDecided():
            return _verdict(event, happened, known)
        case StageFrozen() | StageUnfrozen():
            template: Template = "stage-frozen" if isinstance(event, StageFrozen) else "stage-unfrozen"
            params = {"at": place(event.at), "stages": [place(stage) for stage in event.stages]}
            stands = known.standing_at((stage.ranking for stage in event.stages), by=happened.time)
            notice = _notice(happened, template, event.at.season, params)
            return _about(notice, (nominee.nomination for nominee in stands), known)
        case SeasonFrozen() | SeasonUnfrozen():
            template = "season-frozen" if isinstance(event, SeasonFrozen) else "season-unfrozen"
            stands = known.standing_in(event.season)
            notice = _notice(happened, template, event.season, {}, bodies=known.bodies_in(event.season))
            return _about(notice, (nominee.nomination for nominee in stands), known)
        case DeadlineExtended():
            bodies = known.bodies_in(event.season, event.province)
            params = {"until": instant(event.until)} | ({"province": event.province} if event.province else {})
            stands = known.standing_in(event.season, home=event.province)
            notice = _notice(happened, "nominations-extended", event.season, params, bodies=bodies)
            return _about(notice, (nominee.nomination for nominee in stands), known)
        case _:
            assert_never(event)


def _announcement(event: RankingAnnounced, happened: Happened, known: Known) -> Notice:
    lines = [{"nomination": one.nomination, "rank": one.rank, "outcome": one.outcome} for one in event.lines]
    until = instant(event.appeals_until) if event.appeals_until else None
    return _notice(
        happened,
        "corrected" if event.at.ranking in known.announced else "announced",
        event.at.season,
        {"at": place(event.at), "lines": lines, "appeals_until": until},
        about=tuple(one.nomination for one in event.lines),
        sample=any(one.sample for one in event.lines),
    )


def _verdict(event: AppealDecided, happened: Happened, known: Known) -> Notice:
    """Tell of a verdict whoever appealed, and whose rank it changes: each before and after, and nobody else's."""
    changed = [shift for shift in event.comparison or () if shift.change != "none"]
    own = {
        shift.nomination: {
            "nomination": shift.nomination,
            "before": shift.rank_before,
            "after": shift.rank_after,
            "change": shift.change,
        }
        for shift in changed
    }
    params = {"at": place(event.at), "outcome": event.verdict.outcome}
    notice = _notice(happened, "appeal-decided", event.at.season, params, own=own)
    return _about(notice, (event.nomination, *own), known)


def _about(notice: Notice, nominations: Iterable[str], known: Known, *, persons: tuple[str, ...] = ()) -> Notice:
    about = tuple(dict.fromkeys(nominations))
    sample = any(known.nominees[one].sample for one in about if one in known.nominees)
    return replace(notice, about=about, persons=persons, sample=sample)


def _notice(happened: Happened, template: Template, season: str, params: Mapping[str, Any], **more: Any) -> Notice:
    return Notice(happened.id, template, season, params, happened.time, **more)


# --- nominees that come late ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wide:
    """A notice to all nominees of some stages (ranking streams), or of a season or the province `home` of it.

    It is kept: a nominee stood there already if the event that brought it is received later (another partition) and was
    recorded earlier, and its people are then told too. Who left by an event that is on its way is told nevertheless.
    """

    notice: Notice
    stages: tuple[str, ...] | None = None
    home: str | None = None

    def told_late(self, nominee: Nominee) -> Notice | None:
        """Return what the people of a nominee that was just received must be told still."""
        notice = self.notice
        if self.stages is None:
            concerns = nominee.season == notice.season and self.home in (None, nominee.home)
        else:
            concerns = nominee.at in self.stages
        if not concerns or nominee.since > notice.recorded or nominee.standing not in ("competing", "won"):
            return None
        about = (nominee.nomination,)
        return replace(notice, about=about, bodies=(), sample=nominee.sample, nominees_only=True)


def wide_of(event: OfAll, notice: Notice) -> Wide:
    """Return the notice of an event as what it says to nominees that the event does not list."""
    match event:
        case StageFrozen() | StageUnfrozen():
            return Wide(notice, tuple(stage.ranking for stage in event.stages))
        case SeasonFrozen() | SeasonUnfrozen():
            return Wide(notice)
        case DeadlineExtended():
            return Wide(notice, home=event.province)
        case _:
            assert_never(event)


# --- the season ----------------------------------------------------------------------------------------------------


def _of_season(event: OfSeason, happened: Happened, known: Known) -> Notice:
    match event:
        case SeasonOpened():
            # Its rules are in the next event; so is, to each government, until when it may nominate.
            return _notice(happened, "season-opened", event.season, {})
        case RulebookAmended():
            params = {"version": event.version}
            return _notice(happened, "rulebook-amended", event.season, params, bodies=known.bodies_in(event.season))
        case _:
            assert_never(event)


# --- bodies --------------------------------------------------------------------------------------------------------


def _of_body(event: OfBody, happened: Happened, known: Known) -> Iterable[Notice]:
    match event:
        case MemberAppointed():
            key = _seat_key(event)
            earlier = known.seats.get(key)
            template: Template = "succeeded" if earlier is not None else "appointed"
            yield _seat_notice(event, happened, template)
            yield from _meetings_to_come(event, happened, known)
        case MemberRemoved():
            yield _seat_notice(event, happened, "removed")
        case ConflictDeclared() | ConflictLifted():
            template = "conflict-declared" if isinstance(event, ConflictDeclared) else "conflict-lifted"
            params: dict[str, Any] = {"province": event.province, "body": event.body, "category": event.category}
            about = (event.nomination,) if event.nomination else ()
            bodies = ((event.province, event.body),)
            notice = _notice(happened, template, event.season, params, bodies=bodies)
            yield _about(notice, about, known, persons=(event.person,))
        case PlenaryConvened():
            yield convened(_plenary(event, happened))
        case MinutesCorrected():
            plenary = known.plenaries.get(event.plenary)
            if plenary is not None:
                params = _meeting(plenary) | {"number": event.number}
                bodies = ((plenary.province, plenary.body),)
                yield _notice(happened, "minutes-corrected", plenary.season, params, bodies=bodies)
        case ScoringExtended():
            params = {"at": place(event.at), "until": instant(event.until)}
            yield _notice(happened, "scoring-extended", event.at.season, params)
        case ScorersAssigned():
            yield _assignment(event, happened)
        case _:
            assert_never(event)


def _seat_notice(event: MemberAppointed | MemberRemoved, happened: Happened, template: Template) -> Notice:
    params = {"province": event.province, "body": event.body, "office": event.office}
    return _notice(happened, template, event.season, params, persons=(event.person,))


def _seat_key(event: MemberAppointed | MemberRemoved) -> SeatKey:
    return SeatKey(event.season, event.province, event.body, event.office, event.seat)


def _meetings_to_come(event: MemberAppointed, happened: Happened, known: Known) -> Iterable[Notice]:
    """Tell who joins a body of its meetings that are still to come, whichever of the two was received first."""
    for plenary in known.plenaries.values():
        where = (plenary.season, plenary.province, plenary.body)
        if where == (event.season, event.province, event.body) and plenary.scheduled > happened.time:
            yield replace(convened(plenary), persons=(event.person,), to=("person",))


def convened(plenary: Plenary) -> Notice:
    """Return what is said of a meeting when it is called."""
    return Notice(
        cause=plenary.cause,
        template="convened",
        season=plenary.season,
        params=_meeting(plenary),
        recorded=plenary.recorded,
        bodies=((plenary.province, plenary.body),),
    )


def _meeting(plenary: Plenary) -> dict[str, Any]:
    items = [{"category": category, "stage": stage} for category, stage in plenary.agenda]
    return {
        "province": plenary.province,
        "body": plenary.body,
        "scheduled": instant(plenary.scheduled),
        "agenda": items,
    }


def _plenary(event: PlenaryConvened, happened: Happened) -> Plenary:
    return Plenary(
        plenary=event.plenary,
        season=event.season,
        province=event.province,
        body=event.body,
        scheduled=event.scheduled,
        agenda=tuple((item.category, item.stage) for item in event.agenda),
        cause=happened.id,
        recorded=happened.time,
    )


def _assignment(event: ScorersAssigned, happened: Happened) -> Notice:
    sheets: dict[str, int] = {}
    for assignment in event.assignments:
        for member in assignment.members:
            sheets[member] = sheets.get(member, 0) + 1
    own = {member: {"sheets": count} for member, count in sheets.items()}
    params = {"at": place(event.at)}
    return _notice(happened, "assigned", event.at.season, params, persons=tuple(sheets), own=own)


# --- facts ---------------------------------------------------------------------------------------------------------


def _refused(event: FactsReported) -> int:
    """Return how many messages were refused, each once: one that was read again is nothing new to its publisher."""
    return event.refused if event.refused_days is None else sum(one.count for one in event.refused_days)


def _of_report(event: FactsReported, happened: Happened) -> Notice:
    """Tell publishers of a day that asks something of them; of no season, since facts are of none."""
    params = {"report": event.model_dump(mode="json", exclude={"batches"}) | {"refused": _refused(event)}}
    return Notice(happened.id, "facts-report", None, params, happened.time, system=system_of(event.topic))


# --- what is known afterwards --------------------------------------------------------------------------------------


def learn(happened: Happened, known: Known) -> Nominee | Seat | Plenary | Decision | None:
    """Take an event into what is known; return the nominee, seat, meeting or decision that it changed."""
    event = happened.event
    match event:
        case MemberAppointed() | MemberRemoved():
            seat = known.seats[_seat_key(event)] = _seat(event)
            return seat
        case PlenaryConvened():
            plenary = known.plenaries[event.plenary] = _plenary(event, happened)
            return plenary
        case RankingAnnounced():
            known.announced.add(event.at.ranking)
            return _decided(event, happened, known)
        case AppealDecided():
            return _decided(event, happened, known) if event.verdict.outcome == "upheld" else None
        case CandidateNominated() | NominationFiledLate():
            nominee = _nominee(event, happened.time)
        case _ if isinstance(event, OF_NOMINEE) and event.nomination in known.nominees:
            before = known.nominees[event.nomination]
            nominee = _staged(event, before, happened.time) if isinstance(event, OfStage) else _moved(event, before)
        case _:
            return None
    known.nominees[nominee.nomination] = nominee
    return nominee


def _decided(event: RankingAnnounced | AppealDecided, happened: Happened, known: Known) -> Decision:
    cited = (event.plenary, event.motion)
    found = known.decisions.get(cited, Decision(cited, event.seal))
    if isinstance(event, RankingAnnounced):
        found = replace(found, announced=happened.time)
    else:
        found = replace(found, verdict=happened.time)
    known.decisions[cited] = found
    return found


def _seat(event: MemberAppointed | MemberRemoved) -> Seat:
    if isinstance(event, MemberRemoved):
        return Seat(_seat_key(event), event.person, held=False)
    return Seat(_seat_key(event), event.person, held=True, employer=event.employer, government=event.government)


def _nominee(event: CandidateNominated | NominationFiledLate, recorded: datetime) -> Nominee:
    return Nominee(
        nomination=event.nomination,
        nominated_by=event.nominated_by,
        contact=event.contact,
        candidate=event.candidate.name,
        season=event.entry.season,
        home=event.nominating_body[:2],
        at=event.entry.ranking,
        since=recorded,
        standing="late" if isinstance(event, NominationFiledLate) else "competing",
        sample=event.sample,
        kind=event.candidate.kind,
        code=event.candidate.code,
        body=event.nominating_body,
    )


def _moved(event: OfNomination | OfVerification | OfAward, nominee: Nominee) -> Nominee:
    """Return where a nominee stands after an event about it that is not about a stage."""
    match event:
        case NominationAmended():
            now = event.candidate
            return replace(nominee, contact=event.contact, candidate=now.name, kind=now.kind, code=now.code)
        case NominationReturned():
            return replace(nominee, standing="returned", mend_until=event.until)
        case NominationVerified() | NominationResubmitted():
            return replace(nominee, standing="competing", mend_until=None)
        case NominationRejected() | NominationWithdrawn() | WinnerWithdrawn():
            return replace(nominee, standing="out", mend_until=None, interview=None)
        case WinnerDeclared():
            return replace(nominee, standing="won", interview=None)
        case _:
            return nominee


def _staged(event: OfStage, nominee: Nominee, recorded: datetime) -> Nominee:
    # An interview lies on its body's stream: that at the stage reached may have been received first.
    kept = nominee.interview if isinstance(event, StageAdvanced) and nominee.heard_at == event.reached.ranking else None
    ended = replace(nominee, mend_until=None, interview=kept)
    match event:
        case InterviewScheduled():
            return replace(nominee, interview=event.begins, heard_at=event.at.ranking)
        case StageAdvanced():
            return replace(ended, standing="competing", at=event.reached.ranking, since=recorded)
        case StageAdvanceWithdrawn():
            return replace(ended, standing="out", at=event.returned.ranking, since=recorded)
        case NominationEliminated():
            return replace(ended, standing="out")
        case _:
            assert_never(event)
