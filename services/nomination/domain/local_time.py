"""How people of a place read an instant: the day and the hour of their own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from schemas.regions import ZONES


def told(moment: datetime, zone: str) -> str:
    """Return an instant as people of the zone read it, for example 2021-01-31 23:59:59 WITA."""
    try:
        return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {ZONES[zone]}"
    except OverflowError:  # the last hours of the year 9999 are in no later zone
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def day_of(moment: datetime, zone: str) -> date:
    """Return an instant's day in a zone; at the calendar's very ends, where the zone has none, that in UTC."""
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except OverflowError:
        return moment.date()


def begin_of(day: date, zone: str) -> datetime:
    """Return the first instant of a day in a zone."""
    return datetime.combine(day, time(0), ZoneInfo(zone))


def end_of(day: date, zone: str) -> datetime:
    """Return the last instant of a day in a zone, in UTC."""
    return datetime.combine(day, time.max, ZoneInfo(zone)).astimezone(UTC)
