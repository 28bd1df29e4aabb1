"""The day's digest and the day's reminder: when they are due, and what a reminder says; pure.

Both are one mail a day at most. Their ids are derived from person and day (a reminder's from the season too), so the
same day never sends a second one, whoever works it out again. A day that has passed is never made up for: a clock that
jumps over a week sends one digest and one reminder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from kernel.canonical import instant

_DAYS: Final = UUID("5a0b6f0e-62a5-5c0b-8a4f-3a8f6f2f7f11")
"""The namespace of what is sent once a day."""
Kind = Literal["sheets", "nominations", "mending", "appeal", "interview"]
DAYS_AHEAD: Final[Mapping[Kind, int]] = {"sheets": 3, "nominations": 3, "mending": 3, "appeal": 2, "interview": 1}
"""For how many days before a deadline, its own day not counted, people are reminded of it, once a day. On its own day
too, but for an interview, of which only the day before reminds."""
FURTHEST: Final = timedelta(days=max(DAYS_AHEAD.values()) + 1)
REMIND_FROM: Final = time(8)
"""From when on in the person's day a reminder is sent: people are not woken by it."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline of one person, at an instant, in the zone of its place."""

    person: UUID
    kind: Kind
    until: datetime
    zone: str
    item: Mapping[str, Any]
    """What the text needs: `province`, and `at` or `count` where the kind has them."""
    nominations: tuple[UUID, ...] = ()
    names: bool = True
    """Whether the text names the nominations."""


def digest_id(person: UUID, day: date) -> UUID:
    """Return the message id of a person's digest of a day."""
    return uuid5(_DAYS, f"digest {person} {day.isoformat()}")


def reminder_id(person: UUID, season: str, day: date) -> UUID:
    """Return the message id of a person's reminder of a day, in a season."""
    return uuid5(_DAYS, f"reminder {person} {season} {day.isoformat()}")


def last_digest(now: datetime, zone: str, hour: int) -> datetime:
    """Return the latest instant, not after `now`, at which a digest was due in a zone."""
    there = now.astimezone(ZoneInfo(zone))
    due = there.replace(hour=hour, minute=0, second=0, microsecond=0)
    return due if due <= there else due - timedelta(days=1)


def reminding_day(now: datetime, zone: str) -> date | None:
    """Return the person's present day if reminders may be sent by now."""
    there = now.astimezone(ZoneInfo(zone))
    return there.date() if there.time() >= REMIND_FROM else None


def is_near(deadline: Deadline, now: datetime) -> bool:
    """Tell whether today, by the calendar of the deadline's place, is a day that reminds of it."""
    if deadline.until < now:
        return False
    there = ZoneInfo(deadline.zone)
    days = (deadline.until.astimezone(there).date() - now.astimezone(there).date()).days
    return days == 1 if deadline.kind == "interview" else days <= DAYS_AHEAD[deadline.kind]


def reminder_params(deadlines: Sequence[Deadline]) -> dict[str, Any]:
    """Return what a reminder of some deadlines holds, the nearest first."""
    items = [
        {
            **deadline.item,
            "kind": deadline.kind,
            "until": instant(deadline.until),
            "nominations": [str(one) for one in deadline.nominations] if deadline.names else [],
        }
        for deadline in sorted(deadlines, key=lambda one: (one.until, one.kind, str(one.item), one.nominations))
    ]
    return {"items": items, "count": len(items)}


def named_in(deadlines: Iterable[Deadline]) -> list[UUID]:
    """Return the nominations that a reminder names."""
    return sorted({one for deadline in deadlines if deadline.names for one in deadline.nominations})
