"""What was decided, checked against what it rests on: every citation, every sealed ranking, every vote and its outcome.

Events are taken one by one and kept as `record` says; when all were read, each rule of `checks` is held to them.
Sealed rankings are computed anew (`recompute`) from the counted sheets and the pinned rulebook, decisions from the
votes, the attendance and the committee as they were, verdicts from the sealed aggregates. What a decision led to must
be listed by it, and nothing else of these kinds may have happened. Streams are of different hands, so what lies within
a few seconds of a decision on another stream may have come before or after it: either is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from schemas.nomination import AdmissionDecided, PlenaryDecided, RankingTabled, ResealOrdered
from schemas.scoring import CorrectionImpactFound, FactsReported, IndicatorMeasured, RankingSealed
from services.audit.beside import told_of
from services.audit.checks.announcements import announcements_faults
from services.audit.checks.appeals import appeals_faults
from services.audit.checks.certificates import certificates_faults
from services.audit.checks.decisions import decision_faults
from services.audit.checks.measured import impacts_faults, measurements_faults
from services.audit.checks.repairs import repair_faults
from services.audit.checks.reports import report_faults
from services.audit.checks.scoring import scoring_faults
from services.audit.checks.seals import seal_faults
from services.audit.checks.seasons import Holds, seasons_faults
from services.audit.checks.stages import frozen_faults, frozen_remarks
from services.audit.checks.staleness import orders_faults
from services.audit.checks.telling import UNREADABLE, Fault, told
from services.audit.checks.terms import terms_faults
from services.audit.checks.ties import draws_faults
from services.audit.checks.verification import verification_faults
from services.audit.checks.ways import way_faults
from services.audit.events import Document
from services.audit.findings import Place
from services.audit.meetings import Kept, Point
from services.audit.record import CAUSED, Record
from services.audit.withheld import Withheld

Json = Mapping[str, Any]

_CITING: Final[Mapping[str, Callable[[Json], list[Point]]]] = {
    PlenaryDecided.type_name(): lambda data: _points(data["results"]),
    AdmissionDecided.type_name(): lambda data: _points(data["results"]),
    RankingSealed.type_name(): lambda data: _points(
        [
            *data["counted"],
            *data["excluded"],
            *data["basis"]["streams"],
            *data["basis"].get("carried", ()),
            *data["basis"].get("measured", ()),
        ]
    ),
    IndicatorMeasured.type_name(): lambda data: _points(data["basis"]),
    CorrectionImpactFound.type_name(): lambda data: _points([data["indicator"]]),
    FactsReported.type_name(): lambda data: [
        *(Point(f"ingest/{data['topic']}/{one['partition']}", one["last"]) for one in data["batches"]),
        *_points(one["dispute"] for one in data["disputed"]),
    ],
    RankingTabled.type_name(): lambda data: [Point(data["ranking"], data["seal_version"])],
    ResealOrdered.type_name(): lambda data: _points(data["stale"]),
}
_CHECKS: Final = (
    announcements_faults,
    appeals_faults,
    certificates_faults,
    draws_faults,
    impacts_faults,
    measurements_faults,
    scoring_faults,
    seasons_faults,
    frozen_faults,
    orders_faults,
    repair_faults,
    report_faults,
    terms_faults,
    verification_faults,
    way_faults,
)


def cited(type_name: str, data: Json) -> Sequence[Point]:
    """Return the place of every event that an event of this type names as its basis or its result.

    Data that does not fit the type's model names nothing.
    """
    try:
        return _CITING[type_name](data) if type_name in _CITING else ()
    except UNREADABLE:
        return ()


def _points(listed: Iterable[Json]) -> list[Point]:
    return [Point(point["stream"], point["version"]) for point in listed]


def _told_of_seal(seal: Kept, record: Record) -> Iterator[Fault]:
    return told("seal", seal.place, seal_faults(seal, record))


class Decisions:
    """Takes every readable event; says afterwards what does not fit."""

    def __init__(self) -> None:
        self.rankings = 0
        self.decided = 0
        self.cites = 0
        self._cited: dict[Point, Place] = {}
        self._record = Record()
        self._holds = Holds()
        self._remarks: list[Fault] = []

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process can take, without the holds, which were read before everything else."""
        return vars(self) | {"_holds": None}

    @classmethod
    def foreseeing(cls, earlier: Decisions) -> Decisions:
        """Return one that has taken nothing yet and foresees what another does."""
        made = cls()
        made._holds = earlier._holds.alike()
        return made

    def absorb(self, later: Decisions) -> None:
        """Take what another took of later events of other streams, as if they had been taken here."""
        for point, place in later._cited.items():
            self._cited.setdefault(point, place)
        self._record.absorb(later._record)
        self._remarks += later._remarks

    def foresee(self, event: Document) -> None:
        """Take an event of a season's stream before all others, since a freeze concerns every stream of the season."""
        self._holds.read(event)

    def take(self, event: Document, place: Place) -> None:
        """Take an event whose data fits its model."""
        event = event.as_newest()
        self._record.take(event, place)
        for point in cited(event.type, event.data):
            self._cited.setdefault(point, place)
        if (held := self._holds.judge(event)) is not None:
            told_of = self._remarks if held.late else self._record.faults
            told_of.append(("late" if held.late else "season", place, held.what))

    @property
    def record(self) -> Record:
        """Return what is kept of the events."""
        return self._record

    def citations(
        self, version_of: Callable[[str], int], withheld: Withheld | None = None
    ) -> Iterator[tuple[Place, str]]:
        """Return what was cited and is not there; `version_of` tells where a stream ends, 0 for none."""
        self.cites = len(self._cited)
        for (stream, version), place in self._cited.items():
            held = version_of(stream)
            if held < version and (withheld is None or withheld.can("causes", here=held > 0)):
                yield place, f"it cites {stream}@{version}, which is not in the export"

    def faults(self, withheld: Withheld | None = None, workers: int = 1) -> Iterator[Fault]:
        """Return what was decided and cannot have been decided so; of a part, where all is here that it rests on."""
        record = self._record
        yield from record.faults
        seals = [
            seal for seal in record.seals.values() if withheld is None or withheld.ranking(cited(seal.type, seal.data))
        ]
        tasks = [partial(_told_of_seal, seal, record) for seal in seals]
        said = told_of([*tasks, *(partial(check, record) for check in _CHECKS)], workers)
        for faults in islice(said, len(seals)):
            self.rankings += 1
            yield from faults
        yield from self._decision_faults(withheld)
        for faults in said:
            yield from (fault for fault in faults if withheld is None or withheld.believes(fault[1]))

    def remarks(self) -> Iterator[Fault]:
        """Return what may be as it must: a service acted on what it knew, and had not heard of something."""
        yield from self._remarks
        yield from frozen_remarks(self._record)

    def _decision_faults(self, withheld: Withheld | None) -> Iterator[Fault]:
        """Check every meeting, and that what happens by decisions only was listed by one."""
        record = self._record
        justified: set[Point] = set()
        for meeting in record.meetings.values():
            yield from (("decision", place, what) for place, what in meeting.wrong)
        for decided in record.decisions():
            justified |= set(decided.results)
            if withheld is not None and not withheld.decision(decided):
                continue
            self.decided += 1
            yield from told("decision", decided.event.place, decision_faults(decided, record))
        for point, caused in record.caused.items():
            if caused.name not in CAUSED or point in justified:
                continue
            if withheld is None or withheld.justification(caused):
                yield "unjustified", caused.place, f"no decision lists this {caused.name} among its results"
