"""The record as it was at a moment: what had been recorded by then, or what is known now of what was true then.

As recorded, an event counts from its recorded time on, that instant included. As known now (`effective`), these later
events count too, each because of what its own fields say it is about; see `docs/replay.md`:

- a revision or a voiding of a sheet that had been submitted by then;
- an interest declared later, unless it was lifted since: recusal reaches back;
- a correction of a nomination;
- a decree whose term had begun by then;
- an upheld verdict on a decision that had fallen by then, with all that it moved;
- a seal made anew of a stage that had been sealed by then;
- a measurement, once the measure's cut-off had passed: what came later corrects the same months.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final

from kernel.canonical import from_instant
from services.audit.events import Document
from services.audit.findings import Place
from services.audit.record import Record, ranking_of, sheet_stream
from services.audit.replay.reading import Count, Damaged, Folder, Glimpse, place_of
from services.audit.sheets import Sheet

Json = Mapping[str, Any]

KINDS: Final = ("season", "committee", "appeal", "plenary", "nomination", "award", "ranking", "indicator", "sheet")
"""What an answer rests on, in the order in which it is read."""
_VOTING: Final = ("AttendanceRecorded", "VoteCast", "BallotTallied", "BallotConfirmed")
_UNSEEN: Final = frozenset({"SheetRead", "EvidenceAttached", "FigureDisputed", "MinutesCorrected"})
_LIGHT: Final = ("AspectScored",)
"""A submitted sheet says all its marks, so a mark by itself matters for nothing but its being a sample."""
FOREVER: Final = "9999-12-28T00:00:00.000000Z"
"""After everything, and with days left for every zone."""


@dataclass(frozen=True, slots=True)
class Last:
    """An event that an answer names by itself."""

    id: str
    type: str
    time: str
    place: Place

    @property
    def order(self) -> tuple[str, str, int]:
        """Return what orders events: their recorded time, then stream and version."""
        return self.time, self.place.stream or "", self.place.version or 0


class LatestSheets(Record):
    """A record that keeps of every sheet only how it is in the end, since there are more sheets than all else."""

    def __init__(self) -> None:
        super().__init__()
        self._rankings: dict[tuple[str, ...], str] = {}

    def _take_sheet(self, event: Document, place: Place) -> None:
        data, at = event.data, event.data["at"]
        stage = (at["season"], at["tier"], at["province"], at["category"], at["stage"])
        ranking = self._rankings.get(stage)
        if ranking is None:
            ranking = self._rankings[stage] = ranking_of(at)
        if event.stream != sheet_stream(data):
            self.faults.append(("sheet", place, f"this is an event of {sheet_stream(data)}"))
            return
        sheets = self.sheets.setdefault(ranking, {})
        sheet = sheets.get(event.stream)
        if sheet is None:
            sheet = sheets[event.stream] = Sheet(intern(data["nomination"]), intern(data["member"]))
        sheet.take(event, place)
        if not sheet.snapshots:
            return
        del sheet.snapshots[:-1]
        sheet.first = sheet.last = None
        sheet.hours.clear()


@dataclass(slots=True)
class Past:
    """What had been recorded by a moment, with what was counted to know it."""

    moment: str
    count: Count
    record: Record
    later: list[Last] = field(default_factory=list)
    """What was recorded after the moment and counts as known now, in the order of reading."""

    def counted_json(self) -> dict[str, Any]:
        """Return what an answer says of the events that it counted."""
        count, place = self.count, self.count.place
        if place is None:
            return {"events": 0, "last": None}
        whole = Place(place.file, place.line, count.stream.decode(), count.version)
        last = Last(count.id, count.type, count.time.decode(), whole)
        return {"events": count.events, "last": as_json(last)}


def as_json(last: Last) -> dict[str, Any]:
    """Return an event that is cited: id, stream and version, recorded time, and where it lies in the folder."""
    place = last.place
    return {
        "id": last.id,
        "type": last.type.split(".")[-2],
        "event": f"{place.stream}@{place.version}",
        "time": last.time,
        "at": f"{place.file}:{place.line}",
    }


class Reader:
    """Reads a folder up to one moment, or up to two at once."""

    def __init__(
        self,
        folder: Folder,
        *,
        voting: bool = False,
        effective: bool = False,
        kinds: Sequence[str] = KINDS,
        record: Callable[[], Record] = LatestSheets,
    ) -> None:
        """Take what an answer needs.

        Args:
            folder: the export.
            voting: read attendance and votes too.
            effective: count as known now.
            kinds: which kinds of streams are read.
            record: what is made to keep them.
        """
        self._folder = folder
        self._kinds = kinds
        self._record = record
        self._skipped = _UNSEEN if voting else _UNSEEN | frozenset(_VOTING)
        self._effective = effective

    def at(self, *moments: str) -> list[Past]:
        """Return the past as of each moment, read at once. Raises Damaged."""
        pasts = [Past(moment, Count(moment.encode()), self._record()) for moment in moments]
        latest = max(moments)
        rules = [_Known(self._folder, one) for one in pasts] if self._effective else []
        with self._folder.sound():
            for path in self._folder.files(self._kinds):
                self._read(path, pasts, rules, latest)
        for past in pasts:
            if past.record.faults:
                _, place, what = past.record.faults[0]
                raise Damaged(self._folder.path, str(place), what)
        return pasts

    def _read(self, path: str, pasts: list[Past], rules: list[_Known], latest: str) -> None:
        counts = [past.count for past in pasts]
        for glimpse in self._folder.glimpses(path, counts, self._skipped, _LIGHT):
            if glimpse.time <= latest or rules:
                self._take(glimpse, path, [one for one in pasts if glimpse.time <= one.moment], rules)

    def _take(self, glimpse: Glimpse, path: str, taking: list[Past], rules: list[_Known]) -> None:
        known = [one for one in rules if glimpse.time > one.past.moment and one.concerns(glimpse)]
        if not (taking or known):
            return
        event, place = self._folder.document(glimpse, path), place_of(path, glimpse)
        for past in taking:
            past.record.take(event, place)
        for one in known:
            if one.counts(event.data, glimpse):
                one.past.record.take(event, place)
                one.past.later.append(Last(event.id, event.type, event.time, place))


# --- as known now --------------------------------------------------------------------------------------------------


class _Known:
    """Tells which of the events recorded after a moment count as known now."""

    def __init__(self, folder: Folder, past: Past) -> None:
        self.past = past
        self._lifted = _lifted(folder, past.moment)
        verdicts = _verdicts(folder, past.moment)
        self._appeals = {appeal for appeal, _ in verdicts}
        self._verdicts = {decision for _, decision in verdicts}

    def concerns(self, glimpse: Glimpse) -> bool:
        """Tell by its type whether an event can count."""
        return glimpse.name in _REACHING_BACK or (bool(self._appeals) and glimpse.name in _OF_VERDICTS)

    def counts(self, data: Json, glimpse: Glimpse) -> bool:
        """Tell whether an event of such a type counts."""
        record, moment = self.past.record, self.past.moment
        match glimpse.name:
            case "AspectScoreRevised" | "ScoreSheetVoided" | "NominationAmended":
                counts = True  # the fold leaves a sheet that was not submitted, and who was not nominated, as they are
            case "ConflictDeclared":
                counts = _interest(glimpse.stream, data) not in self._lifted
            case "CommitteeFormed":
                counts = self._begun(data)
            case "RankingSealed" | "RankingSuperseded":
                counts = any(one.time <= moment for one in record.of(glimpse.stream, "RankingSealed"))
            case "IndicatorMeasured":
                counts = self._is_over(data)
            case "AppealDecided" | "DecisionReviewed" | "CertificateRevoked":
                counts = data["appeal"] in self._appeals
            case _:
                counts = (data.get("plenary"), data.get("motion")) in self._verdicts
        return counts

    def _begun(self, decree: Json) -> bool:
        versions = self.past.record.rules_at(decree["season"], self.past.moment, self.past.moment)
        if not versions:
            return False
        zone = versions[-1].zone(decree["province"])
        return str(decree["term_from"]) <= from_instant(self.past.moment).astimezone(zone).date().isoformat()

    def _is_over(self, measured: Json) -> bool:
        rules = self.past.record.rulebooks.get((measured["season"], measured["rulebook_version"]))
        if rules is None:
            return False
        cut_off = rules.measure(measured["measure"])["cut_off"]
        return rules.last(cut_off, measured["province"]) <= self.past.moment


_REACHING_BACK: Final = frozenset({
    "AspectScoreRevised", "ScoreSheetVoided", "NominationAmended", "ConflictDeclared", "CommitteeFormed",
    "RankingSealed", "RankingSuperseded", "IndicatorMeasured",
})  # fmt: skip
_OF_VERDICTS: Final = frozenset({
    "AppealDecided", "DecisionReviewed", "StageAdvanced", "StageAdvanceWithdrawn", "NominationEliminated",
    "NominationReinstated", "WinnerDeclared", "WinnerWithdrawn", "RankLeftVacant", "PrizeAwarded",
    "CertificateRevoked",
})  # fmt: skip


def _interest(stream: str, data: Json) -> tuple[str, str, str, str | None]:
    return stream, data["person"], data["category"], data.get("nomination")


def _lifted(folder: Folder, moment: str) -> set[tuple[str, str, str, str | None]]:
    """Return the interests that were declared after a moment and do not stand any more."""
    standing: set[tuple[str, str, str, str | None]] = set()
    ever: set[tuple[str, str, str, str | None]] = set()
    with folder.sound():
        for path in folder.files(["committee"]):
            for glimpse in folder.glimpses(path):
                if glimpse.time > moment and glimpse.name in ("ConflictDeclared", "ConflictLifted"):
                    interest = _interest(glimpse.stream, folder.document(glimpse, path).data)
                    ever.add(interest)
                    (standing.add if glimpse.name == "ConflictDeclared" else standing.discard)(interest)
    return ever - standing


def _verdicts(folder: Folder, moment: str) -> list[tuple[str, tuple[str, int]]]:
    """Return the appeals upheld after a moment against decisions that had fallen by then, with their own decisions."""
    fallen: set[tuple[str, int]] = set()
    contested: dict[str, tuple[str, int]] = {}
    upheld: list[tuple[str, tuple[str, int]]] = []
    with folder.sound():
        for path in folder.files(["plenary", "appeal"]):
            for glimpse in folder.glimpses(path):
                if glimpse.name == "PlenaryDecided" and glimpse.time <= moment:
                    data = folder.document(glimpse, path).data
                    fallen.add((data["plenary"], data["motion"]))
                elif glimpse.name == "AppealLodged":
                    data = folder.document(glimpse, path).data
                    contested[data["appeal"]] = (data["plenary"], data["motion"])
                elif glimpse.name == "AppealDecided" and glimpse.time > moment:
                    data = folder.document(glimpse, path).data
                    if data["verdict"]["outcome"] == "upheld":
                        upheld.append((data["appeal"], (data["plenary"], data["motion"])))
    return [(appeal, decision) for appeal, decision in upheld if contested.get(appeal) in fallen]


def whole(folder: Folder, *, voting: bool = True) -> Past:
    """Return all that was recorded, every version of every sheet included."""
    (past,) = Reader(folder, voting=voting, record=Record).at(FOREVER)
    return past
