"""Measured figures as they are read: what was measured of a nominee, by which wording and from which facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from services.audit.events import Document
from services.audit.findings import Place

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement."""

    version: int
    time: str
    place: Place
    measure: str
    definition: str
    ratio: str | None
    numerator: str | None
    denominator: str | None
    lack: str | None
    whose: tuple[str, str, str]
    """Season, province and the candidate's code."""
    rulebook_version: int
    missing_months: tuple[str, ...]
    facts: int
    digest: str
    basis: Mapping[str, int]
    """Up to which batch of each stream of `ingest/…` facts were looked at."""

    @property
    def value(self) -> Fraction | None:
        """Return the ratio as a number."""
        return None if self.ratio is None else Fraction(self.ratio)


@dataclass(slots=True)
class Indicator:
    """Everything that was measured of one nominee, in the order of its stream."""

    measurements: list[Measurement] = field(default_factory=list)

    def take(self, event: Document, place: Place) -> None:
        """Take the next event of the stream."""
        data = event.data
        self.measurements.append(
            Measurement(
                version=event.version,
                time=event.time,
                place=place,
                measure=data["measure"],
                definition=data["definition"],
                ratio=data.get("ratio"),
                numerator=data.get("numerator"),
                denominator=data.get("denominator"),
                lack=data.get("lack"),
                whose=(data["season"], data["province"], data["candidate"]),
                rulebook_version=data["rulebook_version"],
                missing_months=tuple(data.get("missing_months", ())),
                facts=data["facts"],
                digest=data["digest"],
                basis={point["stream"]: point["version"] for point in data["basis"]},
            )
        )

    def at(self, version: int) -> Measurement | None:
        """Return the measurement of a version."""
        return next((one for one in self.measurements if one.version == version), None)

    def ratio(self, measure: str, definition: str, version: int) -> Fraction | None:
        """Return the latest ratio by a measure and its wording up to a version, None where there is none."""
        for one in reversed(self.measurements):
            if one.version <= version and (one.measure, one.definition) == (measure, definition):
                return one.value
        return None


def indicator_stream(nomination: str) -> str:
    """Return the stream on which is told what was measured of a nomination."""
    return f"indicator/{nomination}"
