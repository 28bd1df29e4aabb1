"""Score sheets as they are read: what a sheet held at a version, and between which instants it was written on.

Of a sheet only what changed its standing is kept, and drafts only in their last form; and in which hours it was written
on, since a day begins and ends with an hour in every zone of the country.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final, NamedTuple

from services.audit.events import Document
from services.audit.findings import Place

Json = Mapping[str, Any]


class Snapshot(NamedTuple):
    """A sheet after an event that changed it."""

    version: int
    time: str
    status: str
    marks: Mapping[str, str | None]
    sample: bool


_HOUR: Final = len("2021-02-28T16")
BLANK: Final = Snapshot(0, "", "blank", {}, sample=False)


class Written(NamedTuple):
    """When and where a sheet was written on."""

    time: str
    place: Place


@dataclass(slots=True)
class Sheet:
    """One member's sheet for one nomination at one stage."""

    nomination: str
    member: str
    snapshots: list[Snapshot] = field(default_factory=list)
    first: Written | None = None
    last: Written | None = None
    hours: list[Written] = field(default_factory=list)
    """What was written first in every hour in which it was written on."""

    def at(self, version: int) -> Snapshot:
        """Return the sheet as it was at a version; blank before its first event."""
        return next((one for one in reversed(self.snapshots) if one.version <= version), BLANK)

    def take(self, event: Document, place: Place) -> None:
        """Fold one event of the sheet's stream."""
        now = self.snapshots[-1] if self.snapshots else BLANK
        data, name = event.data, event.type.split(".")[-2]
        status, marks, sample = now.status, now.marks, now.sample
        match name:
            case "AspectScored":
                if status in ("blank", "voided"):
                    status, marks, sample = "draft", {}, False
                marks = {**marks, **_shared([data["mark"]])}
                sample = sample or data.get("sample", False)
            case "AspectScoreRevised":
                marks = {**marks, **_shared([data["mark"]])}
                sample = sample or data.get("sample", False)
            case "ScoreSheetSubmitted":
                status, marks = "submitted", _shared(data["marks"])
            case "ScoreSheetVoided":
                status = "voided"
            case _:
                return
        self.last = Written(event.time, place)
        self.first = self.first or self.last
        hour = event.time[:_HOUR]
        if not any(one.time.startswith(hour) for one in reversed(self.hours)):
            self.hours.append(self.last)
        if self.snapshots and now.status == "draft":
            self.snapshots.pop()
        self.snapshots.append(Snapshot(event.version, event.time, status, marks, sample))


def _shared(marks: Iterable[Json]) -> dict[str, str | None]:
    """Return marks by their aspects; the same few texts, which stand on every sheet, are kept once."""
    return {intern(one["aspect"]): None if (mark := one.get("mark")) is None else intern(mark) for one in marks}
