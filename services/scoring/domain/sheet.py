"""A score sheet: one member's marks for one nomination at one stage.

Marks are filed one by one or together, and count once the sheet is submitted. A filed mark is changed only by a
revision with a reason; the old one stays in the record. On a submitted sheet a revision counts at once. A sheet filed
by mistake is voided with a reason, and its member may begin it anew while the stage is open. What counts of a sheet is
what was submitted last, with the revisions that followed.

Every decision here also loads the ranking's stream and so guards it: a seal and a late sheet cannot both pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, assert_never

from kernel.decider import Aggregate, Decision, Emit, FieldFault, Happened, Refusal
from schemas.envelope import Stage
from schemas.exact import Locale, NotExact, parse_decimal
from schemas.scoring import (
    AspectScored,
    AspectScoreRevised,
    Mark,
    PinnedAspect,
    ScoreSheetSubmitted,
    ScoreSheetVoided,
    ScoringOpened,
    SheetRead,
)
from services.scoring.domain import refusals
from services.scoring.domain.received import Committee, Nomination, NominationState, Season, Unknown
from services.scoring.domain.stage import (
    Begun,
    Closed,
    Open,
    RankingState,
    Sealed,
    Unopened,
    decide_see,
    held,
    term_refusal,
)

SheetEvent = AspectScored | AspectScoreRevised | ScoreSheetSubmitted | ScoreSheetVoided | SheetRead
Status = Literal["blank", "draft", "submitted", "voided"]
_MARK_DIGITS: Final = 18
_MARK_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where a sheet stands, and its marks by aspect."""

    status: Status = "blank"
    marks: Mapping[str, Mark] = field(default_factory=dict)
    sample: bool = False
    at: Stage | None = None


def _evolve(state: Sheet, happened: Happened) -> Sheet:
    event: SheetEvent = happened.event
    match event:
        case AspectScored():
            kept = state.marks if state.status in ("draft", "submitted") else {}
            status: Status = "submitted" if state.status == "submitted" else "draft"
            sample = event.sample or (state.sample and bool(kept))
            return Sheet(status, {**kept, event.mark.aspect: event.mark}, sample, event.at)
        case AspectScoreRevised():
            marks = {**state.marks, event.mark.aspect: event.mark}
            return replace(state, marks=marks, sample=state.sample or event.sample)
        case ScoreSheetSubmitted():
            marks = {mark.aspect: mark for mark in event.marks}
            return Sheet("submitted", marks, event.sample, event.at)
        case ScoreSheetVoided():
            return replace(state, status="voided")
        case SheetRead():
            return state
        case _:
            assert_never(event)


SHEET: Final = Aggregate(initial=Sheet, evolve=_evolve, kind="sheet")


def sheet_stream(nomination: str, at: Stage, member: str) -> str:
    """Return the stream of a member's sheet."""
    return f"sheet/{nomination}/{at.tier}-{at.stage}/{member}"


# --- what a decision about a sheet sees ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What every decision about a sheet rests on."""

    at: Stage
    ranking: RankingState
    committee: Committee
    nomination: Nomination
    sheet: Sheet
    season: Season = field(default_factory=Season)


@dataclass(frozen=True, slots=True)
class Desk:
    """A member who may write on its sheet now: the pinned opening and the office it scores in."""

    opened: ScoringOpened
    office: str

    @property
    def judged(self) -> tuple[PinnedAspect, ...]:
        """Return the aspects that members mark."""
        return tuple(aspect for aspect in self.opened.rules.aspects if aspect.origin == "judged")


def locate(nomination: NominationState, id_: str, tier: str, stage: str) -> tuple[Nomination, Stage] | Refusal:
    """Find the stage on a nomination's way that a sheet is about."""
    match nomination:
        case Unknown():
            return refusals.nomination_unknown(id_)
        case Nomination():
            at = nomination.was_at(tier, stage)
            return refusals.nomination_elsewhere(nomination.now_at) if at is None else (nomination, at)
        case _:
            assert_never(nomination)


def admit(given: Circumstances, member: str, received: datetime) -> Desk | Refusal:
    """Let a member write on its sheet, or say why not. The receipt instant judges; the last second is included."""
    if isinstance(given.ranking, Unopened):
        return refusals.not_opened(given.at)
    if refusal := held(given.season, given.at):
        return refusal
    opened = given.ranking.opened
    office = _scoring_office(given.committee, opened, member)
    if isinstance(office, Refusal):
        return office
    refusal = (
        term_refusal(given.season, given.committee, given.at, opened.body, received)
        or _nomination_refusal(given)
        or _recusal(given, opened, member)
        or (refusals.has_seen_marks() if member in given.ranking.readers else None)
        or _assignment_refusal(given.ranking, given.nomination.id, member)
        or _time_refusal(given.ranking, received, given.season.zone(given.at.province))
    )
    return refusal or Desk(opened, office)


def _scoring_office(committee: Committee, opened: ScoringOpened, member: str) -> str | Refusal:
    offices = committee.offices_of(opened.body, member)
    if not offices:
        if committee.has_left(opened.body, member):
            return refusals.member_removed(opened.body)
        return refusals.not_a_member(opened.body)
    scoring = [office for office in offices if office in opened.rules.scoring_offices]
    return scoring[0] if scoring else refusals.office_without_sheet(offices[0])


def _nomination_refusal(given: Circumstances) -> Refusal | None:
    nomination, at = given.nomination, given.at
    match nomination.standing:
        case "withdrawn":
            return refusals.nomination_withdrawn()
        case "eliminated":
            return refusals.nomination_eliminated()
        case "rejected":
            return refusals.nomination_rejected()
        case "competing":
            return None if nomination.now_at == at else refusals.nomination_elsewhere(nomination.now_at)
        case _:
            assert_never(nomination.standing)


def _recusal(given: Circumstances, opened: ScoringOpened, member: str) -> Refusal | None:
    for ground in given.committee.grounds(member, given.nomination.nominee, opened.rules):
        if not ground.flagged:
            return refusals.recused(ground.reason)
    return None


def _assignment_refusal(ranking: Begun, nomination: str, member: str) -> Refusal | None:
    """Refuse whoever was not drawn, where the stage has scorers drawn."""
    if ranking.opened.rules.per_nominee is None:
        return None
    drawn = ranking.assigned.get(nomination)
    if not drawn:
        return refusals.not_drawn_yet()
    return None if member in drawn else refusals.not_assigned()


def _time_refusal(ranking: Open | Closed | Sealed, received: datetime, zone: str) -> Refusal | None:
    if received < ranking.opened.opens:
        return refusals.not_open_yet(ranking.opened.opens, zone)
    if received > ranking.closes:
        return refusals.deadline_passed(ranking.closes, received, zone)
    return None if isinstance(ranking, Open) else refusals.scoring_closed()


# --- filing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrittenMark:
    """One mark as it was written: the text (None: the aspect does not apply) and where it stood in the request."""

    aspect: str
    text: str | None
    path: str


@dataclass(frozen=True, slots=True)
class FileMarks:
    """File one or several marks, all or none; with `submit`, the sheet is handed in by the same command."""

    member: str
    marks: Sequence[WrittenMark]
    locale: Locale
    received: datetime
    submit: bool = False
    sample: bool = False


def decide_file(given: Circumstances, command: FileMarks) -> Decision:
    """File marks on a sheet that is not handed in yet."""
    desk = admit(given, command.member, command.received)
    if isinstance(desk, Refusal):
        return desk
    if given.sheet.status == "submitted":
        return refusals.already_submitted()
    filed = given.sheet.marks if given.sheet.status == "draft" else {}
    marks = _read_marks(desk, command, filed, given.at)
    if isinstance(marks, Refusal):
        return marks
    if not marks and not command.submit:
        return refusals.nothing_to_file()
    stream = sheet_stream(given.nomination.id, given.at, command.member)
    events = [
        Emit(
            stream,
            AspectScored(
                nomination=given.nomination.id, at=given.at, member=command.member, mark=mark, sample=command.sample
            ),
        )
        for mark in marks
    ]
    if not command.submit:
        return events
    whole = {**filed, **{mark.aspect: mark for mark in marks}}
    sample = command.sample or (given.sheet.sample and bool(filed))
    handed_in = _submission(given, desk, command.member, whole, sample=sample)
    return handed_in if isinstance(handed_in, Refusal) else [*events, Emit(stream, handed_in)]


def _read_marks(
    desk: Desk, command: FileMarks, filed: Mapping[str, Mark], at: Stage
) -> Sequence[Mark] | Refusal:  # fmt: skip
    """Read every mark; one refusal names all that cannot be taken."""
    marks: dict[str, Mark] = {}
    found: list[tuple[str, FieldFault]] = []
    for written in command.marks:
        read = _read_mark(desk, written, command.locale, at)
        if isinstance(read, Mark) and (written.aspect in filed or written.aspect in marks):
            read = ("already-filed", refusals.filed_before(written.path, written.text))
        if isinstance(read, Mark):
            marks[written.aspect] = read
        else:
            found.append(read)
    return refusals.marks_refused(found) if found else tuple(marks.values())


def _read_mark(desk: Desk, written: WrittenMark, locale: Locale, at: Stage) -> Mark | tuple[str, FieldFault]:
    """Return one mark, or the code and the fault of one that cannot be taken."""
    path, text = written.path, written.text
    aspect = next((one for one in desk.opened.rules.aspects if one.code == written.aspect), None)
    if aspect is None:
        known = [one.code for one in desk.judged]
        return "unknown-aspect", refusals.aspect_unknown(path, written.aspect, at, known)
    match aspect.origin:
        case "measured":
            return "aspect-measured", refusals.aspect_measured(path, text)
        case "carried":
            return "aspect-carried", refusals.aspect_carried(path, text)
        case "judged":
            pass
        case _:
            assert_never(aspect.origin)
    if text is None:
        return Mark(aspect=aspect.code)
    try:
        number = parse_decimal(text, locale)
    except NotExact:
        return "not-a-number", refusals.unreadable_number(path, text, locale)
    return _on_scale(aspect, number, path, text)


def _on_scale(aspect: PinnedAspect, number: Decimal, path: str, text: str) -> Mark | tuple[str, FieldFault]:
    if not aspect.least <= number <= aspect.greatest:
        return "out-of-scale", refusals.out_of_scale(path, text, aspect.least, aspect.greatest)
    if (Fraction(number) - Fraction(aspect.least)) % Fraction(aspect.step) or not _fits(number):
        return "off-step", refusals.off_step(path, text, aspect.least, aspect.step)
    return Mark(aspect=aspect.code, mark=number)


def _fits(number: Decimal) -> bool:
    """Tell whether a record can hold the mark as it was written."""
    _, digits, exponent = number.as_tuple()
    return len(digits) <= _MARK_DIGITS and isinstance(exponent, int) and exponent >= -_MARK_DECIMALS


# --- revising ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviseMark:
    """Change a filed mark. The reason's text lies beside the events under `reason_digest`."""

    member: str
    mark: WrittenMark
    locale: Locale
    reason_digest: str
    received: datetime
    sample: bool = False


def decide_revise(given: Circumstances, command: ReviseMark) -> Decision:
    """Change a filed mark; on a submitted sheet also one that was left out."""
    desk = admit(given, command.member, command.received)
    if isinstance(desk, Refusal):
        return desk
    read = _read_mark(desk, command.mark, command.locale, given.at)
    if not isinstance(read, Mark):
        return refusals.marks_refused([read])
    sheet, aspect, path = given.sheet, command.mark.aspect, command.mark.path
    previous = sheet.marks.get(aspect)
    if sheet.status == "submitted":
        previous = previous or Mark(aspect=aspect)
    if sheet.status in ("blank", "voided") or previous is None:
        return refusals.nothing_to_revise(path)
    if previous.mark == read.mark and aspect in sheet.marks:
        return refusals.mark_unchanged(path, command.mark.text)
    others = [mark.mark for code, mark in sheet.marks.items() if code != aspect]
    if sheet.status == "submitted" and read.mark is None and not any(mark is not None for mark in others):
        return refusals.last_mark(path)
    revised = AspectScoreRevised(
        nomination=given.nomination.id,
        at=given.at,
        member=command.member,
        mark=read,
        previous=previous,
        reason_digest=command.reason_digest,
        sample=command.sample,
    )
    return [Emit(sheet_stream(given.nomination.id, given.at, command.member), revised)]


# --- handing in and voiding ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubmitSheet:
    """Hand a sheet in: from now on it counts."""

    member: str
    received: datetime


def decide_submit(given: Circumstances, command: SubmitSheet) -> Decision:
    """Hand in a sheet that is complete as its rubric says."""
    desk = admit(given, command.member, command.received)
    if isinstance(desk, Refusal):
        return desk
    if given.sheet.status == "submitted":
        return refusals.already_submitted()
    marks = given.sheet.marks if given.sheet.status == "draft" else {}
    handed_in = _submission(given, desk, command.member, marks, sample=given.sheet.sample)
    if isinstance(handed_in, Refusal):
        return handed_in
    return [Emit(sheet_stream(given.nomination.id, given.at, command.member), handed_in)]


def _submission(
    given: Circumstances, desk: Desk, member: str, marks: Mapping[str, Mark], *, sample: bool
) -> ScoreSheetSubmitted | Refusal:
    """Return a sheet's submission, its marks in the rubric's order, or say what it lacks."""
    rules = desk.opened.rules
    ordered = tuple(marks[aspect.code] for aspect in desk.judged if aspect.code in marks)
    missing = [aspect.code for aspect in desk.judged if aspect.code not in marks]
    if all(mark.mark is None for mark in ordered):
        return refusals.nothing_to_submit(missing or [aspect.code for aspect in desk.judged])
    if rules.complete_sheet == "every-judged-aspect" and missing:
        return refusals.sheet_incomplete(missing)
    return ScoreSheetSubmitted(
        nomination=given.nomination.id,
        at=given.at,
        body=desk.opened.body,
        office=desk.office,
        member=member,
        marks=ordered,
        rulebook_version=desk.opened.rulebook_version,
        sample=sample,
    )


@dataclass(frozen=True, slots=True)
class VoidSheet:
    """Take back a sheet filed by mistake. The reason's text lies beside the events under `reason_digest`."""

    member: str
    reason_digest: str
    received: datetime


def decide_void(given: Circumstances, command: VoidSheet) -> Decision:
    """Void a sheet that has marks or was handed in."""
    desk = admit(given, command.member, command.received)
    if isinstance(desk, Refusal):
        return desk
    if given.sheet.status not in ("draft", "submitted"):
        return refusals.nothing_to_void(given.sheet.status)
    voided = ScoreSheetVoided(
        nomination=given.nomination.id, at=given.at, member=command.member, reason_digest=command.reason_digest
    )
    return [Emit(sheet_stream(given.nomination.id, given.at, command.member), voided)]


# --- reading -------------------------------------------------------------------------------------------------------


def decide_read(given: Circumstances, member: str, reader: str) -> Decision:
    """Record that somebody other than its member reads a sheet before the seal; afterwards reading leaves no trace."""
    if given.sheet.at is None:
        return refusals.sheet_unknown()
    if reader == member or isinstance(given.ranking, Sealed):
        return ()
    seen = decide_see(given.ranking, given.at, reader)
    if isinstance(seen, Refusal):
        return seen
    read = SheetRead(nomination=given.nomination.id, at=given.at, member=member, reader=reader)
    return [Emit(sheet_stream(given.nomination.id, given.at, member), read), *seen]
