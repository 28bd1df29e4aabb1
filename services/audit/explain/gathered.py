"""What an explanation of one nomination rests on, gathered from a folder: nothing of others' sheets is read.

Seals, meetings, appeals and committees are kept as the checks keep them; of sheets and measurements only the
nominee's, event by event, so that each mark can be shown with the line that says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.audit.meetings import Kept, Point
from services.audit.record import Record
from services.audit.replay.past import FOREVER, KINDS, Past, Reader
from services.audit.replay.reading import Folder, place_of
from services.audit.replay.state import whom

Json = Mapping[str, Any]

_VOTES: Final = ("VoteCast", "BallotTallied", "BallotConfirmed", "PlenaryDecided")


class NoNomination(Exception):
    """The folder has no such nomination, or several; the message says what to write."""


@dataclass(slots=True)
class Gathered:
    """What was gathered of one nomination."""

    nomination: str
    past: Past
    sheets: dict[str, list[Kept]] = field(default_factory=dict)
    """Every event of every sheet of the nominee, by stream."""
    measured: list[Kept] = field(default_factory=list)
    batches: dict[Point, Kept] = field(default_factory=dict)
    votes: dict[tuple[str, int], list[Kept]] = field(default_factory=dict)
    """What was said and decided on a motion, by meeting and number."""
    rulebooks: dict[tuple[str, int], Kept] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        """Return what is kept of all but sheets and measurements."""
        return self.past.record


def gather(folder: Folder, asked: str) -> Gathered:
    """Gather what concerns a nomination, named by its id or by its candidate's code. Raises NoNomination, Damaged."""
    kinds = [kind for kind in KINDS if kind not in ("indicator", "sheet")]
    (past,) = Reader(folder, voting=True, kinds=kinds, record=Record).at(FOREVER)
    with folder.sound():
        nomination = _found(past.record, asked)
        gathered = Gathered(nomination, past)
        for published in past.record.kind("season", "RulebookPublished", "RulebookAmended"):
            gathered.rulebooks[published.data["season"], published.data["version"]] = published
        _read_own(folder, gathered)
        _read_votes(folder, gathered)
        _read_batches(folder, gathered)
    return gathered


def _found(record: Record, asked: str) -> str:
    """Return the id of the nomination that is asked for."""
    wanted = asked.removeprefix("nomination/")
    if record.of(f"nomination/{wanted}"):
        return wanted
    filed = sorted(record.kind("nomination", "CandidateNominated", "NominationFiledLate"), key=lambda one: one.point)
    of_code: dict[str, Kept] = {one.data["nomination"]: one for one in filed if one.data["candidate"]["code"] == wanted}
    if len(of_code) == 1:
        return next(iter(of_code))
    if not of_code:
        raise NoNomination(
            f"no nomination {asked!r} is in the folder: write its id or its candidate's code, "
            "as paritrana audit replay --as-of lists them"
        )
    names = ", ".join(f"{one} ({_name(event)})" for one, event in of_code.items())
    raise NoNomination(f"{asked!r} was nominated more than once: write one of {names}")


def _name(event: Kept) -> str:
    entry = event.data["entry"]
    return f"{entry['season']} {entry['category']} {whom(event.data['candidate'])['name']}"


def _kept(folder: Folder, path: str, **within: Any) -> list[Kept]:
    found = []
    for glimpse in folder.glimpses(path, **within):
        event = folder.document(glimpse, path)
        point = Point(event.stream, event.version)
        actor = event.doc.get("actor", "")
        found.append(Kept(event.type, event.id, point, event.time, actor, event.data, place_of(path, glimpse)))
    return found


def _read_own(folder: Folder, gathered: Gathered) -> None:
    for path in folder.files(["sheet"]):
        for one in _kept(folder, path, within=f"sheet/{gathered.nomination}/", passed=("SheetRead",)):
            gathered.sheets.setdefault(one.point.stream, []).append(one)
    for path in folder.files(["indicator"]):
        gathered.measured += _kept(folder, path, within=f"indicator/{gathered.nomination}")


def _read_votes(folder: Folder, gathered: Gathered) -> None:
    """Read who voted how at the meetings that decided on a stage of the nominee."""
    for path in folder.files(["plenary"]):
        for glimpse in folder.glimpses(path):
            if glimpse.name not in _VOTES:
                continue
            event = folder.document(glimpse, path)
            kept = Kept(
                event.type,
                event.id,
                Point(event.stream, event.version),
                event.time,
                event.doc.get("actor", ""),
                event.data,
                place_of(path, glimpse),
            )
            gathered.votes.setdefault((event.data["plenary"], event.data["motion"]), []).append(kept)


def _read_batches(folder: Folder, gathered: Gathered) -> None:
    """Read the batches that the nominee's measurements name."""
    wanted = {Point(point["stream"], point["version"]) for one in gathered.measured for point in one.data["basis"]}
    if not wanted:
        return
    for path in folder.files(["ingest"]):
        for one in _kept(folder, path):
            if one.point in wanted:
                gathered.batches[one.point] = one
