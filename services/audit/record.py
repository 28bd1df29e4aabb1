"""What is kept of the events, while they are read, to compute seals and decisions anew when all were read.

Everything is kept by stream with its version and recorded time, so that a decision is judged by what was there when it
fell. Of a sheet only what changed its standing is kept, and drafts only in their last form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from kernel.canonical import canonical
from schemas import nomination as said
from schemas import scoring as scored
from schemas.envelope import Event, Stage
from schemas.rulebook import Rulebook
from services.audit.events import Document
from services.audit.findings import Place

Json = Mapping[str, Any]


class Point(NamedTuple):
    """A place in a stream."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that is kept whole."""

    type: str
    id: str
    point: Point
    time: str
    data: Json
    place: Place

    @property
    def name(self) -> str:
        """Return the type's name without context and version."""
        return self.type.split(".")[-2]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A sheet after an event that changed it."""

    version: int
    time: str
    status: str
    marks: Mapping[str, str | None]
    sample: bool


BLANK: Final = Snapshot(0, "", "blank", {}, sample=False)


@dataclass(slots=True)
class Sheet:
    """One member's sheet for one nomination at one stage."""

    nomination: str
    member: str
    snapshots: list[Snapshot] = field(default_factory=list)

    def at(self, version: int) -> Snapshot:
        """Return the sheet as it was at a version; blank before its first event."""
        return next((one for one in reversed(self.snapshots) if one.version <= version), BLANK)

    def take(self, event: Document) -> None:
        """Fold one event of the sheet's stream."""
        now = self.snapshots[-1] if self.snapshots else BLANK
        data, name = event.data, event.type.split(".")[-2]
        status, marks, sample = now.status, dict(now.marks), now.sample
        match name:
            case "AspectScored":
                if status in ("blank", "voided"):
                    status, marks, sample = "draft", {}, False
                marks[data["mark"]["aspect"]] = data["mark"].get("mark")
                sample = sample or data.get("sample", False)
            case "AspectScoreRevised":
                marks[data["mark"]["aspect"]] = data["mark"].get("mark")
                sample = sample or data.get("sample", False)
            case "ScoreSheetSubmitted":
                status, marks = "submitted", {mark["aspect"]: mark.get("mark") for mark in data["marks"]}
            case "ScoreSheetVoided":
                status = "voided"
            case _:
                return
        if self.snapshots and now.status == "draft":
            self.snapshots.pop()
        self.snapshots.append(Snapshot(event.version, event.time, status, marks, sample))


@dataclass(slots=True)
class Motion:
    """A motion with the votes cast on it so far."""

    opened: Kept
    votes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with the meeting as it was when it fell."""

    event: Kept
    convened: Kept | None
    motion: Kept | None
    votes: Mapping[str, str]
    present: frozenset[str]
    again: bool
    """The motion had been decided before."""


@dataclass(slots=True)
class Meeting:
    """A plenary as far as it was read."""

    convened: Kept | None = None
    present: set[str] = field(default_factory=set)
    motions: dict[int, Motion] = field(default_factory=dict)
    decided: list[Decided] = field(default_factory=list)

    def take(self, event: Kept) -> None:
        """Fold one event of the plenary's stream."""
        data = event.data
        match event.name:
            case "PlenaryConvened":
                self.convened = event
            case "AttendanceRecorded":
                (self.present.add if data["present"] else self.present.discard)(data["person"])
            case "MotionOpened":
                self.motions[data["motion"]] = Motion(event)
            case "VoteCast":
                if data["motion"] in self.motions:
                    self.motions[data["motion"]].votes[data["person"]] = data["vote"]
            case "PlenaryDecided":
                self._decide(event)
            case _:
                return

    def _decide(self, event: Kept) -> None:
        motion = self.motions.get(event.data["motion"])
        again = any(one.event.data["motion"] == event.data["motion"] for one in self.decided)
        votes = dict(motion.votes) if motion else {}
        opened = motion.opened if motion else None
        self.decided.append(Decided(event, self.convened, opened, votes, frozenset(self.present), again))


def ranking_of(at: Json) -> str:
    """Return the ranking stream of a stage as events write it."""
    return Stage.model_validate(at).ranking


def sheet_stream(data: Json) -> str:
    """Return the stream that an event of a sheet belongs to by what it says."""
    at = data["at"]
    return f"sheet/{data['nomination']}/{at['tier']}-{at['stage']}/{data['member']}"


_COMMITTEE: Final = (said.MemberAppointed, said.MemberRemoved, said.ConflictDeclared)
_WAY: Final = (said.CandidateNominated, said.NominationWithdrawn, said.StageAdvanced, said.NominationEliminated)
_OUTCOMES: Final = (said.StageAdvanced, said.NominationEliminated, said.WinnerDeclared)
_BROUGHT: Final = (said.PrizeAwarded, said.RankLeftVacant)
_MEETING: Final = (
    said.PlenaryConvened,
    said.AttendanceRecorded,
    said.MotionOpened,
    said.VoteCast,
    said.PlenaryDecided,
)
_SHEET: Final = (
    scored.AspectScored,
    scored.AspectScoreRevised,
    scored.ScoreSheetSubmitted,
    scored.ScoreSheetVoided,
    scored.SheetRead,
)


class Record:
    """Takes every readable event and keeps what seals and decisions rest on."""

    def __init__(self) -> None:
        self.rulebooks: dict[tuple[str, int], Kept] = {}
        self.committees: dict[str, list[Kept]] = {}
        self.ways: dict[str, list[Kept]] = {}
        self.sheets: dict[str, dict[str, Sheet]] = {}
        """By the stream of the stage's ranking, then by their own."""
        self.openings: dict[str, list[Kept]] = {}
        self.seals: dict[str, Kept] = {}
        self.seals_at: dict[Point, Kept] = {}
        self.announcements: list[Kept] = []
        self.meetings: dict[str, Meeting] = {}
        self.outcomes: dict[Point, Kept] = {}
        self.brought: dict[Point, Kept] = {}
        """What decisions bring beside their outcomes: prizes, and ranks left vacant."""
        self.faults: list[tuple[str, Place, str]] = []
        self._takers = dict(self._taking())

    def _taking(self) -> Iterator[tuple[str, tuple[Callable[[Document, Place], None], ...]]]:
        takers: tuple[tuple[Iterable[type[Event]], Callable[[Document, Place], None]], ...] = (
            ((said.RulebookPublished, said.RulebookAmended), self._take_rulebook),
            (_COMMITTEE, lambda event, place: _listed(self.committees, event, place)),
            (_WAY, lambda event, place: _listed(self.ways, event, place)),
            (_OUTCOMES, self._take_outcome),
            (_BROUGHT, self._take_brought),
            (_MEETING, self._take_meeting),
            (_SHEET, self._take_sheet),
            ((scored.ScoringOpened,), lambda event, place: _listed(self.openings, event, place)),
            ((scored.RankingSealed,), self._take_seal),
            ((said.RankingAnnounced,), lambda event, place: self.announcements.append(_kept(event, place))),
        )
        names = {model.type_name() for models, _ in takers for model in models}
        for name in names:
            yield name, tuple(take for models, take in takers if name in {model.type_name() for model in models})

    def take(self, event: Document, place: Place) -> None:
        """Take an event whose data fits its model."""
        for take in self._takers.get(event.type, ()):
            take(event, place)

    def _take_rulebook(self, event: Document, place: Place) -> None:
        data = event.data
        if hashlib.sha256(canonical(data["content"])).hexdigest() != data["hash"]:
            self.faults.append(("rulebook", place, "`hash` is not the SHA-256 of the rulebook's canonical content"))
        try:
            Rulebook.from_content(data["content"])
        except (ValidationError, RecursionError):
            self.faults.append(("rulebook", place, "its content is no rulebook"))
            return
        self.rulebooks[data["season"], data["version"]] = _kept(event, place)

    def _take_outcome(self, event: Document, place: Place) -> None:
        kept = _kept(event, place)
        self.outcomes[kept.point] = kept

    def _take_brought(self, event: Document, place: Place) -> None:
        kept = _kept(event, place)
        self.brought[kept.point] = kept

    def _take_seal(self, event: Document, place: Place) -> None:
        kept = _kept(event, place)
        self.seals[event.id] = self.seals_at[kept.point] = kept

    def _take_meeting(self, event: Document, place: Place) -> None:
        self.meetings.setdefault(event.stream, Meeting()).take(_kept(event, place))

    def _take_sheet(self, event: Document, place: Place) -> None:
        data = event.data
        ranking = ranking_of(data["at"])
        if event.stream != sheet_stream(data):
            self.faults.append(("sheet", place, f"this is an event of {sheet_stream(data)}"))
            return
        self.sheets.setdefault(ranking, {}).setdefault(event.stream, Sheet(data["nomination"], data["member"])).take(
            event
        )


def _kept(event: Document, place: Place) -> Kept:
    return Kept(event.type, event.id, Point(event.stream, event.version), event.time, event.data, place)


def _listed(streams: dict[str, list[Kept]], event: Document, place: Place) -> None:
    streams.setdefault(event.stream, []).append(_kept(event, place))
