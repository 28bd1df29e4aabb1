"""The moment that is asked for: an instant with its zone, or a day of a season, which ends with its last instant.

"As of T" includes T. A day is one of the season's own clocks (the rulebook's `calendar.zone`), and what was taken is
said with every answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from kernel.canonical import instant
from services.audit.replay.past import FOREVER
from services.audit.replay.reading import Folder

_FIRST: Final = "0001-01-04T00:00:00.000000Z"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class NoMoment(Exception):
    """The text names no moment; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as events write it, and what was asked for."""

    instant: str
    asked: str
    taken: str
    """How it was understood, as a sentence's end."""

    def as_json(self) -> dict[str, Any]:
        """Return the moment as an answer says it."""
        return {"instant": self.instant, "asked": self.asked, "taken": self.taken}


def moment_of(option: str, text: str, folder: Folder, season: str | None) -> Moment:
    """Return the moment that an option names. Raises NoMoment, and Damaged when a day needs a season's zone."""
    try:
        return _on(date.fromisoformat(text), text, folder, season) if _DAY.fullmatch(text) else _at(option, text)
    except (ValueError, OverflowError):
        raise NoMoment(
            f"{option} {text!r} is no moment: write an instant with its zone, 2021-06-12T16:00:00+08:00, "
            "or a day, 2021-06-12"
        ) from None


def _at(option: str, text: str) -> Moment:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        zones = f"{text}+07:00 for WIB, +08:00 for WITA, +09:00 for WIT, or {text}Z for UTC"
        raise NoMoment(f"{option} {text!r} lacks its zone: write {zones}")
    return _bounded(Moment(instant(moment.astimezone(UTC)), text, "the instant as written, itself included"))


def _on(day: date, text: str, folder: Folder, season: str | None) -> Moment:
    name, zone = zone_of_season(folder, season)
    end = datetime.combine(day, time(23, 59, 59, 999_999), zone)
    taken = f"the last instant of that day in {zone.key}, the zone of season {name}"
    return _bounded(Moment(instant(end.astimezone(UTC)), text, taken))


def _bounded(moment: Moment) -> Moment:
    """Refuse the first and last days of the calendar, which not every zone has."""
    if not _FIRST <= moment.instant <= FOREVER:
        raise ValueError(moment.instant)
    return moment


def zone_of_season(folder: Folder, season: str | None) -> tuple[str, ZoneInfo]:
    """Return the zone of a season, or of the one whose rulebook was published last. Raises NoMoment and Damaged."""
    found: tuple[str, str, str] | None = None
    with folder.sound():
        for path in folder.files(["season"]):
            for glimpse in folder.glimpses(path):
                if glimpse.name not in ("RulebookPublished", "RulebookAmended"):
                    continue
                data = folder.document(glimpse, path).data
                known = (glimpse.time, str(data["season"]), str(data["content"]["calendar"]["zone"]))
                if season in (None, known[1]) and (found is None or known > found):
                    found = known
        if found is not None:
            return found[1], ZoneInfo(found[2])
    whose = "no season" if season is None else f"no season {season}"
    raise NoMoment(f"the folder holds {whose}, so that a day has no zone: write an instant, 2021-06-12T16:00:00+08:00")
