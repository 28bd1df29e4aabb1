"""Interviews: one body's calendar of slots, in which two nominees never meet.

Streams `interview/<season>/<province>/<body>`, one for all stages that a body hears. The calendar is the aggregate that
the rule is about: whoever schedules writes on its one stream, so of two who schedule at once the second decides anew
and sees the first one's slot. (Guarding every nomination of the place instead would leave a gap for one that entered
after they were listed.) The nominee's own stream is guarded too: it stands at the stage when its slot is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from kernel.decider import Aggregate, Emit, Happened
from schemas.envelope import Stage
from schemas.nomination import InterviewScheduled
from schemas.scoring import ScoringExtended
from services.nomination.domain.committee import Committee
from services.nomination.domain.local_time import told
from services.nomination.domain.nomination import Nomination, NominationState, under_way
from services.nomination.domain.plenary import Actor, check_office, offices_of
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import SeasonState, opened

Mode = Literal["in-person", "remote"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A nominee's time before a body, from its first instant up to but without its last."""

    nomination: str
    at: Stage
    begins: datetime
    ends: datetime
    mode: Mode

    def overlaps(self, other: Slot) -> bool:
        """Tell whether both are heard at some instant; one may begin when the other ends."""
        return self.begins < other.ends and other.begins < self.ends


@dataclass(frozen=True, slots=True)
class Calendar:
    """A body's slots: one per nominee and stage, the latest given."""

    slots: Mapping[tuple[str, Stage], Slot] = field(default_factory=dict)

    def meeting(self, asked: Slot) -> tuple[Slot, ...]:
        """Return the slots of other nominees that overlap with the one asked for, in order."""
        found = (slot for slot in self.slots.values() if slot.nomination != asked.nomination and slot.overlaps(asked))
        return tuple(sorted(found, key=lambda slot: (slot.begins, slot.nomination)))


def calendar_stream(at: Stage, body: str) -> str:
    """Return the stream of a body's calendar in the place of a stage."""
    return f"interview/{at.season}/{at.province}/{body}"


def evolve(state: Calendar, happened: Happened) -> Calendar:
    """Fold a slot that was given; the only event of these streams."""
    event: InterviewScheduled = happened.event
    slot = Slot(event.nomination, event.at, event.begins, event.ends, event.mode)
    return replace(state, slots={**state.slots, (event.nomination, event.at): slot})


CALENDAR: Final = Aggregate[Calendar](initial=Calendar, evolve=evolve, kind="interview")


def _extended(state: datetime | None, happened: Happened) -> datetime | None:
    """Fold until when a stage's scoring was extended; of its ranking's stream nothing else matters here."""
    event = happened.event
    return event.until if isinstance(event, ScoringExtended) else state


def _not_extended() -> datetime | None:
    return None


EXTENSION: Final = Aggregate[datetime | None](initial=_not_extended, evolve=_extended, kind="ranking")


@dataclass(frozen=True, slots=True)
class ScheduleInterview:
    """Give a nominee a slot from `begins` on; another one replaces it.

    `keeps` are the places whose record the person keeps as secretary (None: every one).
    """

    nomination: str
    begins: datetime
    mode: Mode
    person: str
    keeps: frozenset[str] | None
    received: datetime
    won: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A slot that keeps the rules of its stage, the stream of the calendar that it shall enter, the place's zone."""

    slot: Slot
    stream: str
    zone: str


@decides
def settle_slot(
    command: ScheduleInterview,
    state: NominationState,
    season: SeasonState,
    committee: Committee,
    extended: datetime | None,
) -> Asked:
    """Check a slot against its stage: the secretary asks, the stage interviews, and it lies ahead and in its window."""
    standing = under_way(command.nomination, state, won=command.won)
    at = standing.at
    rules = opened(season, at.season).rulebook
    stage = rules.stage(at.tier, at.category, at.stage)
    if stage.interview is None:
        raise refuse("stage-without-interview", "nomination", f"{at.category}/{at.stage}")
    body = rules.body(stage)
    actor = Actor(command.person, secretary=command.keeps is None or at.province in command.keeps)
    check_office(actor, body, committee.formed(body.code), offices_of(body, "clerk"))
    zone = rules.zone(at.province)
    if command.begins < command.received:
        raise refuse("slot-past", "begins", told(command.begins, zone))
    ends = command.begins + timedelta(minutes=stage.interview.minutes)
    opens = rules.opens_utc(stage.scoring, at.province)
    closes = rules.deadline_utc(stage.scoring, at.province)
    closes = closes if extended is None else max(closes, extended)
    if command.begins < opens or ends > closes:
        window = f"{told(opens, zone)} - {told(closes, zone)}"
        value = f"{told(command.begins, zone)} - {told(ends, zone)}"
        raise refuse("slot-outside-window", "begins", value, window=window)
    slot = Slot(standing.id, at, command.begins, ends, command.mode)
    return Asked(slot, calendar_stream(at, body.code), zone)


@decides
def schedule(asked: Asked, calendar: Calendar, others: Mapping[str, NominationState]) -> Sequence[Emit]:
    """Give the slot unless the body hears another nominee then; nothing when it is given so already.

    Args:
        asked: the slot.
        calendar: the body's slots.
        others: the nominations whose slots meet the one asked for; who has left its stage frees its slot.
    """
    slot = asked.slot
    if calendar.slots.get((slot.nomination, slot.at)) == slot:
        return ()
    for taken in calendar.meeting(slot):
        other = others.get(taken.nomination)
        if isinstance(other, Nomination) and other.competes_at(taken.at):
            begins, free = (told(moment, asked.zone) for moment in (slot.begins, taken.ends))
            raise refuse("slot-taken", "begins", begins, name=other.candidate.name, free=free)
    scheduled = InterviewScheduled(
        nomination=slot.nomination, at=slot.at, begins=slot.begins, ends=slot.ends, mode=slot.mode
    )
    return (Emit(asked.stream, scheduled),)
