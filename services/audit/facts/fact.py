"""A fact of another system as the ledger's document says it, read with nothing of the service that keeps the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

_SOURCE: Final = "/bpjs/"
DUE: Final = "ContributionDue"
PAID: Final = "ContributionPaid"
CORRECTED: Final = "ContributionCorrected"
REVERSED: Final = "ContributionReversed"
REGISTERED: Final = "EmployerRegistered"
COVERAGE: Final = "CoverageReported"
ASSISTANCE: Final = "AssistanceReported"
CHANNELS: Final = "DigitalChannelUsed"

OF_MONTHS: Final = frozenset({REGISTERED, DUE, PAID, CORRECTED, REVERSED})
"""What an employer's months rest on."""
_FAMILY: Final = frozenset({DUE, PAID, CORRECTED, REVERSED})

Family = tuple[str, str]
"""A publisher and the id of a due or a payment: that fact, and everything that corrects or reverses it."""


class NoFact(ValueError):
    """A line that is no fact of a ledger."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact, and where the record told of it."""

    kind: str
    publisher: str
    id: str
    time: datetime
    data: Mapping[str, Any]
    leaf: bytes
    stream: str
    batch: int

    @property
    def employer(self) -> str | None:
        """Return the employer that it is about, None where it is about a region."""
        return self.data.get("employer")

    @property
    def subject(self) -> str:
        """Return the employer's number or the region's code. Raises KeyError where it names neither."""
        return self.employer or str(self.data["region"])

    @property
    def family(self) -> Family | None:
        """Return which due or payment it is, corrects or reverses; None for any other fact."""
        if self.kind not in _FAMILY:
            return None
        return self.publisher, self.data.get("corrects") or self.data.get("reverses") or self.id

    @property
    def age(self) -> tuple[datetime, str, bytes]:
        """Return what orders facts: their own time, then their ids, then their leaves."""
        return self.time, self.id, self.leaf

    @property
    def revision(self) -> tuple[int, datetime, str, bytes]:
        """Return what orders statements of one thing: the greatest is the one that counts."""
        return self.data.get("revision", 1), *self.age


def leaf_of(line: bytes) -> bytes:
    """Return the RFC 6962 leaf hash of a document, as the root of its batch holds it."""
    return hashlib.sha256(b"\x00" + line).digest()


def fact_of(line: bytes, leaf: bytes, stream: str, batch: int) -> Fact:
    """Return the fact of a line. Raises NoFact."""
    try:
        said = orjson.loads(line)
        kind = said["type"].split(".")[-2]
        publisher, time = said["source"].removeprefix(_SOURCE), datetime.fromisoformat(said["time"])
        return Fact(kind, publisher, said["id"], time, said["data"], leaf, stream, batch)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise NoFact("it is no fact: a document has data, id, source, time and type") from None
