"""The two lists from an exported folder: no more of it is read than the files of their streams."""

from __future__ import annotations

from typing import Final

from schemas.scoring import AspectScored
from services.audit.live.lists import READS, REFUSALS, Row, Wanted, row_of
from services.audit.replay.reading import Folder

_SCORED: Final = AspectScored.type_name()


def reads_in(folder: Folder, wanted: Wanted) -> list[Row]:
    """Return who saw marks before a seal, in the order of time, with the office in which each sheet was filled in.

    Raises Damaged.
    """
    rows: list[Row] = []
    for path in folder.files(("sheet", "ranking")):
        stream, office = "", None
        with folder.sound():
            for glimpse in folder.glimpses(path):
                if glimpse.stream != stream:
                    stream, office = glimpse.stream, None
                if glimpse.type == _SCORED and office is None:
                    office = folder.document(glimpse, path).doc.get("office")
                elif glimpse.type in READS:
                    row = row_of(folder.document(glimpse, path).doc) | {"member_office": office}
                    if wanted.fits(row):
                        rows.append(row)
    return sorted(rows, key=lambda row: (row["time"], row["event"]))


def refusals_in(folder: Folder, wanted: Wanted) -> list[Row]:
    """Return refused commands, in the order of time. Raises Damaged."""
    rows: list[Row] = []
    for path in _refusal_files(folder):
        with folder.sound():
            found = (row_of(folder.document(one, path).doc) for one in folder.glimpses(path) if one.type in REFUSALS)
            rows.extend(row for row in found if wanted.fits(row))
    return sorted(rows, key=lambda row: (row["time"], row["event"]))


def _refusal_files(folder: Folder) -> list[str]:
    """Return the files of refusals, one for each topic: a service has its own."""
    return [path for path in folder.sizes if path.endswith("/refusal.jsonl")]
