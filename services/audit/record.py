"""What is kept of the events, while they are read, to compute seals and decisions anew when all were read.

Everything is kept by stream with its version and recorded time, so that a decision is judged by what was there when it
fell. Of sheets and meetings only their folded form is kept, and of a nomination nothing that no decision rests on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from kernel.canonical import canonical
from schemas.rulebook import Rulebook
from services.audit.events import Document
from services.audit.findings import Place
from services.audit.indicators import Indicator, indicator_stream
from services.audit.meetings import DECISIONS, OPENINGS, Decided, Kept, Meeting, Point
from services.audit.rules import Rules
from services.audit.sheets import Sheet

Json = Mapping[str, Any]
_OF_NOTHING: Final = hashlib.sha256(b"").hexdigest()
Fault = tuple[str, Place, str]

WAY: Final = (
    "CandidateNominated", "NominationFiledLate", "NominationAmended", "NominationVerified", "NominationReturned",
    "NominationResubmitted", "NominationRejected", "NominationWithdrawn", "StageAdvanced", "StageAdvanceWithdrawn",
    "NominationEliminated", "NominationReinstated",
)  # fmt: skip
AWARD: Final = (
    "ResealOrdered", "RankingAnnounced", "WinnerDeclared", "WinnerWithdrawn", "RankLeftVacant", "PrizeAwarded",
    "CertificateIssued", "CertificateRevoked", "StageFrozen", "StageUnfrozen", "DecisionContested", "DecisionReviewed",
)  # fmt: skip
RANKING: Final = (
    "ScoringOpened", "ScoringExtended", "ScorersAssigned", "MarksSeen", "ScoringClosed", "RankingSealed",
    "RankingSuperseded", "CorrectionImpactFound",
)  # fmt: skip
COMMITTEE: Final = ("MemberAppointed", "MemberRemoved", "ConflictDeclared", "ConflictLifted")
TERM: Final = ("CommitteeFormed",)
SEASON: Final = (
    "SeasonOpened", "RulebookPublished", "RulebookAmended", "DeadlineExtended", "SeasonFrozen", "SeasonUnfrozen",
    "SeasonClosed",
)  # fmt: skip
APPEAL: Final = ("AppealLodged", "AppealDecided")
MEETING: Final = (
    "PlenaryConvened", "AttendanceRecorded", "RankingTabled", *OPENINGS, "VoteCast", "BallotTallied",
    "BallotConfirmed", *DECISIONS, "MinutesCorrected", "PlenaryAdjourned",
)  # fmt: skip
INDICATOR: Final = ("IndicatorMeasured",)
INGEST: Final = ("FactsIngested",)
SHEET: Final = ("AspectScored", "AspectScoreRevised", "ScoreSheetSubmitted", "ScoreSheetVoided", "SheetRead")
REPAIR: Final = ("RepairProposed", "RepairApproved")
REPORT: Final = ("FactsReported",)
DISPUTE: Final = ("FigureDisputed",)
CAUSED: Final = (
    "StageAdvanced", "NominationEliminated", "WinnerDeclared", "PrizeAwarded", "RankLeftVacant", "AppealDecided",
    "DecisionReviewed", "StageAdvanceWithdrawn", "WinnerWithdrawn", "CertificateRevoked", "StageUnfrozen",
    "NominationReinstated",
)  # fmt: skip
"""What happens by a decision that lists it, and never otherwise."""
LISTABLE: Final = (*CAUSED, "CandidateNominated", "ResealOrdered")


def ranking_of(at: Json) -> str:
    """Return the ranking stream of a stage as events write it."""
    return f"ranking/{at['season']}/{at['tier']}/{at['province']}/{at['category']}/{at['stage']}"


def award_of(at: Json) -> str:
    """Return the award stream of a stage as events write it."""
    return f"award/{at['season']}/{at['tier']}/{at['province']}/{at['category']}"


def award_of_ranking(ranking: str) -> str:
    """Return the award stream that a ranking stream belongs to."""
    return "award/" + ranking.partition("/")[2].rpartition("/")[0]


def sheet_stream(data: Json) -> str:
    """Return the stream that an event of a sheet belongs to by what it says."""
    at = data["at"]
    return f"sheet/{data['nomination']}/{at['tier']}-{at['stage']}/{data['member']}"


_HOMES: Final[Sequence[tuple[Sequence[str], Callable[[Json], str | None]]]] = (
    (WAY, lambda data: f"nomination/{data['nomination']}"),
    (APPEAL, lambda data: f"appeal/{data['appeal']}"),
    (REPAIR, lambda data: f"repair/{data['repair']}"),
    (MEETING, lambda data: f"plenary/{data['plenary']}"),
    ((*COMMITTEE, *TERM), lambda data: f"committee/{data['season']}/{data['province']}"),
    (SEASON, lambda data: f"season/{data['season']}"),
    (RANKING, lambda data: ranking_of(data["at"])),
    (INDICATOR, lambda data: indicator_stream(data["nomination"])),
    (INGEST, lambda data: f"ingest/{data['topic']}/{data['partition']}"),
    (REPORT, lambda data: f"report/{data['topic']}"),
    (DISPUTE, lambda data: f"nomination/{data['nomination']}"),
    (("StageFrozen", "StageUnfrozen"), lambda data: award_of(data["stages"][0])),
    (("ResealOrdered",), lambda data: award_of_ranking(data["ranking"])),
    (AWARD, lambda data: award_of(data["at"]) if "at" in data else None),
)


_HOME_OF: Final[Mapping[str, Callable[[Json], str | None]]] = {
    name: home for names, home in reversed(_HOMES) for name in names
}
"""Which stream an event of a type belongs to by what it says; None where it does not say it."""


class Batch(NamedTuple):
    """What was told of a batch of facts: when, its counts (records, applied, duplicates, refused), and its root."""

    time: str
    counts: tuple[int, ...]
    root: str

    @property
    def applied(self) -> int:
        """Return how many facts it brought."""
        return self.counts[1]


class Record:
    """Takes every readable event and keeps what seals and decisions rest on."""

    def __init__(self) -> None:
        self.rulebooks: dict[tuple[str, int], Rules] = {}
        self.streams: dict[str, list[Kept]] = {}
        """Seasons, committees, nominations, rankings, awards, appeals, repairs and reports of facts, and calendars of
        interviews."""
        self.sheets: dict[str, dict[str, Sheet]] = {}
        """By the stream of the stage's ranking, then by their own."""
        self.indicators: dict[str, Indicator] = {}
        """What was measured, by nomination."""
        self.batches: dict[Point, Batch] = {}
        self.disputes: dict[Point, Kept] = {}
        self.seals: dict[str, Kept] = {}
        self.caused: dict[Point, Kept] = {}
        """Everything that a decision can list among its results."""
        self.meetings: dict[str, Meeting] = {}
        self.faults: list[Fault] = []
        kept = (*WAY, *AWARD, *RANKING, *COMMITTEE, *TERM, *SEASON, *APPEAL, *REPAIR, *REPORT, "InterviewScheduled")
        self._takers: dict[str, Callable[[Document, Place], None]] = {
            **dict.fromkeys(kept, self._take_kept),
            **dict.fromkeys(MEETING, self._take_meeting),
            **dict.fromkeys(SHEET, self._take_sheet),
            **dict.fromkeys(INDICATOR, self._take_measured),
            **dict.fromkeys(INGEST, self._take_ingested),
            **dict.fromkeys(DISPUTE, self._take_dispute),
        }

    def take(self, event: Document, place: Place) -> None:
        """Take an event whose data fits its model."""
        name = name_of(event.type)
        if (take := self._takers.get(name)) is not None:
            home = home_of(event.data) if (home_of := _HOME_OF.get(name)) else None
            if home is not None and home != event.stream:
                self.faults.append(("stream", place, f"this is an event of {home}"))
                return
            take(event, place)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process can take: all but the methods by type, which it has itself."""
        return {name: value for name, value in vars(self).items() if name != "_takers"}

    def absorb(self, later: Record) -> None:
        """Take what another record kept of later events of other streams, as if they had been taken here."""
        for key, rules in later.rulebooks.items():
            self.rulebooks.setdefault(key, rules)
        self.streams.update(later.streams)
        for ranking, sheets in later.sheets.items():
            self.sheets.setdefault(ranking, {}).update(sheets)
        self.indicators.update(later.indicators)
        self.batches.update(later.batches)
        self.disputes.update(later.disputes)
        self.seals.update(later.seals)
        self.caused.update(later.caused)
        self.meetings.update(later.meetings)
        self.faults += later.faults

    def _take_kept(self, event: Document, place: Place) -> None:
        kept = kept_of(event, place)
        self.streams.setdefault(event.stream, []).append(kept)
        if kept.name in ("RulebookPublished", "RulebookAmended"):
            self._take_rulebook(kept)
        if kept.name == "RankingSealed":
            self.seals[event.id] = kept
            for one in event.data["counted"]:  # thousands of names, each of which is kept with its sheet already
                one["stream"] = intern(one["stream"])
        if kept.name in LISTABLE:
            self.caused[kept.point] = kept

    def _take_rulebook(self, kept: Kept) -> None:
        data = kept.data
        if hashlib.sha256(canonical(data["content"])).hexdigest() != data["hash"]:
            what = "`hash` is not the SHA-256 of the rulebook's canonical content"
            self.faults.append(("rulebook", kept.place, what))
        try:
            Rulebook.from_content(data["content"])
        except (ValidationError, RecursionError):
            self.faults.append(("rulebook", kept.place, "its content is no rulebook"))
            return
        key = (data["season"], data["version"])
        if key not in self.rulebooks:
            self.rulebooks[key] = Rules(data["version"], data["hash"], data["content"])

    def _take_meeting(self, event: Document, place: Place) -> None:
        self.meetings.setdefault(event.stream, Meeting()).take(kept_of(event, place))

    def _take_sheet(self, event: Document, place: Place) -> None:
        data = event.data
        ranking = ranking_of(data["at"])
        if event.stream != sheet_stream(data):
            self.faults.append(("sheet", place, f"this is an event of {sheet_stream(data)}"))
            return
        sheets = self.sheets.setdefault(ranking, {})
        sheet = sheets.get(event.stream)
        if sheet is None:  # the same few nominees and members stand on all sheets
            sheet = sheets[event.stream] = Sheet(intern(data["nomination"]), intern(data["member"]))
        sheet.take(event, place)

    def _take_measured(self, event: Document, place: Place) -> None:
        self.indicators.setdefault(event.data["nomination"], Indicator()).take(event, place)

    def _take_ingested(self, event: Document, place: Place) -> None:
        """Check what a batch of facts says of itself, and keep what it counts: its facts are in the ledger."""
        data = event.data
        counts = tuple(data[name] for name in ("records", "applied", "duplicates", "refused"))
        self.batches[Point(event.stream, event.version)] = Batch(event.time, counts, data["root"])
        if data["records"] != data["applied"] + data["duplicates"] + data["refused"]:
            self.faults.append(("ingest", place, "`records` is not what was applied, doubled and refused together"))
        if data["records"] > data["last"] - data["first"] + 1:
            self.faults.append(("ingest", place, "its offsets do not hold so many records"))
        if (data["root"] == _OF_NOTHING) != (data["applied"] == 0):
            self.faults.append(("ingest", place, "`root` is not that of so many facts"))

    def _take_dispute(self, event: Document, place: Place) -> None:
        kept = kept_of(event, place)
        self.disputes[kept.point] = kept

    # --- asking

    def indicator(self, nomination: str) -> Indicator:
        """Return what was measured of a nomination."""
        return self.indicators.get(nomination) or Indicator()

    def measured_by(self, season: str, moment: str) -> bool:
        """Tell whether anything of a season had been measured by a moment."""
        firsts = (one.measurements[0] for one in self.indicators.values())
        return any(one.whose[0] == season and one.time <= moment for one in firsts)

    def of(self, stream: str, *names: str) -> list[Kept]:
        """Return what is kept of a stream, of some types or of all, in its order."""
        kept = self.streams.get(stream, ())
        return [one for one in kept if not names or one.name in names]

    def kind(self, kind: str, *names: str) -> Iterator[Kept]:
        """Yield what is kept of every stream of a kind."""
        for stream in self.streams:
            if stream.startswith(f"{kind}/"):
                yield from self.of(stream, *names)

    def rules(self, season: str, version: int) -> Rules:
        """Return a version of a season's rules. Raises LookupError."""
        found = self.rulebooks.get((season, version))
        if found is None:
            raise LookupError(f"the rulebook {season} has no version {version} here")
        return found

    def rules_at(self, season: str, begin: str, end: str) -> list[Rules]:
        """Return the rules that were the newest at some instant from `begin` to `end`."""
        published = self.of(f"season/{season}", "RulebookPublished", "RulebookAmended")
        before = [one for one in published if one.time <= begin][-1:]
        found = [*before, *(one for one in published if begin < one.time <= end)]
        return [self.rules(season, one.data["version"]) for one in found]

    def decisions(self) -> Sequence[Decided]:
        """Return every decision of every meeting."""
        return [decided for meeting in self.meetings.values() for decided in meeting.decided]


@lru_cache(1024)
def name_of(type_name: str) -> str:
    """Return a type's name without context and version."""
    return type_name.split(".")[-2]


def kept_of(event: Document, place: Place) -> Kept:
    """Return what is kept of an event as a whole."""
    return Kept(
        event.type,
        event.id,
        Point(event.stream, event.version),
        event.time,
        event.doc.get("actor", ""),
        event.data,
        place,
    )
