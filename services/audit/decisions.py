"""What decisions rest on, checked over all streams: what they cite is there.

Filled while the events are read, asked when all were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from schemas.nomination import PlenaryDecided, RankingTabled, ResealOrdered
from schemas.scoring import RankingSealed
from services.audit.events import Document
from services.audit.findings import Place

Point = tuple[str, int]


def cited(type_name: str, data: Mapping[str, Any]) -> Iterator[Point]:
    """Return the (stream, version) of every event that an event of this type names as decided upon or resulting."""
    match type_name:
        case _Types.DECIDED:
            yield from _points(data["results"])
        case _Types.SEALED:
            for name in ("counted", "excluded"):
                yield from _points(data[name])
            yield from _points(data["basis"]["streams"])
            yield from _points(data["basis"].get("carried", ()))
        case _Types.TABLED:
            yield data["ranking"], data["seal_version"]
        case _Types.RESEAL:
            yield from _points(data["stale"])
        case _:
            return


class _Types:
    DECIDED: Final = PlenaryDecided.type_name()
    SEALED: Final = RankingSealed.type_name()
    TABLED: Final = RankingTabled.type_name()
    RESEAL: Final = ResealOrdered.type_name()


def _points(listed: list[Mapping[str, Any]]) -> Iterator[Point]:
    for point in listed:
        yield point["stream"], point["version"]


class Decisions:
    """Takes every readable event; says afterwards what does not fit."""

    def __init__(self) -> None:
        self.rankings = 0
        self.decided = 0
        self._cited: dict[Point, Place] = {}

    def take(self, event: Document, place: Place) -> None:
        """Take an event whose data fits its model."""
        for point in cited(event.type, event.data):
            self._cited.setdefault(point, place)

    def citations(self, version_of: Callable[[str], int]) -> Iterator[tuple[Place, str]]:
        """Return what was cited and is not there; `version_of` tells where a stream ends, 0 for none."""
        for (stream, version), place in self._cited.items():
            if version_of(stream) < version:
                yield place, f"it cites {stream}@{version}, which is not in the export"

    def faults(self) -> Iterator[tuple[str, Place, str]]:
        """Return what was decided and cannot have been decided so."""
        return iter(())
