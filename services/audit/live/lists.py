"""Two lists for auditors: who saw marks before the seal, and whose commands were refused; offices and pseudonyms only.

Both are read from single events, so the same rows come from the running store and from an exported folder. Days are
those of western Indonesia (WIB): the record knows instants, and people know days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from typing import Any, Final

from kernel.canonical import from_instant
from schemas.scoring import MarksSeen, SheetRead
from schemas.service import CommandRefused

Json = Mapping[str, Any]
Row = dict[str, Any]

WIB: Final = timezone(timedelta(hours=7))
READS: Final = (SheetRead.type_name(), MarksSeen.type_name())
REFUSALS: Final = (CommandRefused.type_name(),)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are wanted: of one season (reads only), person, office, day; None for all."""

    season: str | None = None
    person: str | None = None
    office: str | None = None
    day: date | None = None

    def fits(self, row: Json) -> bool:
        """Tell whether a row is wanted."""
        return (
            self.season in (None, row.get("season"))
            and self.person in (None, row["person"])
            and self.office in (None, row["office"])
            and (self.day is None or from_instant(row["time"]).astimezone(WIB).date() == self.day)
        )


def row_of(doc: Json) -> Row:
    """Return the row of an event of one of the types above."""
    data = doc["data"]
    row = {
        "event": f"{doc['subject']}@{doc['streamversion']}",
        "time": doc["time"],
        "person": data.get("reader") or doc.get("actor"),
        "office": doc.get("office"),
    }
    return row | (_refusal(data) if doc["type"] in REFUSALS else _read(doc["type"], data))


def _read(type_name: str, data: Json) -> Row:
    """Return what was seen: one member's sheet, or marks and aggregates of the whole stage."""
    seen = {"saw": "sheet" if type_name == SheetRead.type_name() else "marks"}
    of = {"nomination": data.get("nomination"), "member": data.get("member")}
    return seen | {name: data["at"][name] for name in ("season", "tier", "province", "category", "stage")} | of


def _refusal(data: Json) -> Row:
    """Return which command was refused, by which rule, at which fields; `closing` when later ones are not kept."""
    return {
        "service": data["service"],
        "route": data["route"],
        "code": data["code"],
        "fields": list(data.get("fields", ())),
        "closing": bool(data.get("closing", False)),
    }
