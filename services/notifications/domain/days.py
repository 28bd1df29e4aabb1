"""The day's digest and the day's reminder: when they are due, and what a reminder says; pure.

Both are one mail a day at most. Their ids are derived from person and day (a reminder's from the season too), so the
same day never sends a second one, whoever works it out again. A day that has passed is never made up for: a clock that
jumps over a week sends one digest and one reminder, and a reminder that could not be sent on its day is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from kernel.canonical import from_instant, instant
from schemas.regions import NATION_ZONE, ZONES

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


@dataclass(frozen=True, slots=True)
class Reminder:
    """All that a person is reminded of on a day, by the calendar of the person's zone, in a season."""

    person: UUID
    season: str
    day: date
    zone: str
    deadlines: tuple[Deadline, ...]

    @property
    def message(self) -> UUID:
        """Return its message id."""
        return reminder_id(self.person, self.season, self.day)

    def params(self) -> dict[str, Any]:
        """Return what the intent holds of it."""
        return reminder_params(self.deadlines) | {"day": self.day.isoformat(), "zone": self.zone}


def reminders_of(
    season: str, deadlines: Sequence[Deadline], zones: Mapping[UUID, str], days: Mapping[str, date], now: datetime
) -> list[Reminder]:
    """Return whom to remind of which deadlines of a season.

    Args:
        season: its code.
        deadlines: all of it; those that are not near are left out.
        zones: the zone of each person's day; who is not among them has the nation's.
        days: the present day by zone, of the zones whose reminders may be sent now.
        now: the award's clock.
    """
    near: dict[UUID, list[Deadline]] = {}
    for one in each_once(one for one in deadlines if is_near(one, now)):
        near.setdefault(one.person, []).append(one)
    return [
        Reminder(person, season, days[zone], zone, tuple(own))
        for person, own in sorted(near.items())
        if (zone := zones.get(person, NATION_ZONE)) in days
    ]


def each_once(deadlines: Iterable[Deadline]) -> Iterator[Deadline]:
    """Return every deadline of a person once: nominees with the same one in the same stage share a line."""
    merged: dict[tuple[Any, ...], Deadline] = {}
    for one in deadlines:
        key = (one.person, one.kind, one.until, str(one.item))
        known = merged.get(key, one)
        merged[key] = replace(known, nominations=tuple(sorted({*known.nominations, *one.nominations})))
    yield from merged.values()


@dataclass(slots=True)
class Looks:
    """When each zone's reminders were looked for: once an hour is enough, and who is concerned later is told then."""

    _at: dict[str, tuple[date, int]] = field(default_factory=dict)

    def fresh(self, now: datetime) -> dict[str, date]:
        """Return the present day of each zone whose morning has come and that was not looked for this hour."""
        return {
            zone: day
            for zone in ZONES
            if (day := reminding_day(now, zone)) is not None and self._at.get(zone) != _hour(now, zone)
        }

    def done(self, zones: Iterable[str], now: datetime) -> None:
        """Note that these zones were looked for."""
        self._at.update({zone: _hour(now, zone) for zone in zones})


def _hour(now: datetime, zone: str) -> tuple[date, int]:
    there = now.astimezone(ZoneInfo(zone))
    return there.date(), there.hour


def is_past(params: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether every deadline that a reminder names has passed."""
    return all(from_instant(item["until"]) < now for item in params["items"])


def is_over(params: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a reminder's day has passed, or all its deadlines: sent now, it could be the second of a day."""
    there = now.astimezone(ZoneInfo(params["zone"]))
    return there.date() > date.fromisoformat(params["day"]) or is_past(params, now)


def reminder_params(deadlines: Sequence[Deadline]) -> dict[str, Any]:
    """Return what a reminder says of some deadlines, the nearest first."""
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
