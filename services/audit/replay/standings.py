"""The standings of a stage at a moment: as sealed and as verdicts corrected them, or computed from what was there.

What is not sealed yet is computed by the audit's own second implementation: the sheets that count by the committee and
the rules pinned at the opening, the figures carried from the seals and verdicts that stood, and what had been measured.
It is provisional: nobody sealed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.audit.checks.committees import committee_stream
from services.audit.checks.measured import pinned_measures, taken
from services.audit.checks.scoring import deadline
from services.audit.checks.seals import Inputs
from services.audit.checks.ties import broken
from services.audit.checks.verdicts import corrections, parted_ranks
from services.audit.checks.ways import Way
from services.audit.indicators import indicator_stream
from services.audit.meetings import Kept, Point
from services.audit.recompute import ranking
from services.audit.record import Record, award_of, award_of_ranking, ranking_of
from services.audit.replay.past import FOREVER
from services.audit.sheets import BLANK, Snapshot

Json = Mapping[str, Any]
Ways = Mapping[str, Way]

_LATEST: Final = 2**53


@dataclass
class Present(Inputs):
    """What a stage's ranking rests on at a moment, in the form of a seal that nobody made."""

    sheets: dict[str, list[Snapshot]] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)

    def sort_out(self) -> None:
        """Keep the sheets that count, by nomination, and why others do not; what was not submitted is not told."""
        for sheet in self._filed.values():
            last = sheet.snapshots[-1] if sheet.snapshots else BLANK
            if last.status not in ("submitted", "voided"):
                continue
            reason = self._exclusion(sheet, last.version)
            if reason is None:
                self.sheets.setdefault(sheet.nomination, []).append(last)
            else:
                self.excluded[reason] += 1

    def _counted(self, nomination: str) -> Iterable[Snapshot]:
        return self.sheets.get(nomination, ())


def current(record: Record, stream: str) -> tuple[Kept | None, bool]:
    """Return the last seal of a stage, and whether it stands: it was not replaced or given up."""
    ends = record.of(stream, "RankingSealed", "RankingSuperseded")
    seals = [one for one in ends if one.name == "RankingSealed"]
    return (seals[-1] if seals else None), bool(ends) and ends[-1].name == "RankingSealed"


def group(record: Record, stream: str, ways: Ways, moment: str) -> dict[str, Any] | None:
    """Return a stage's standings at a moment, None when it was not opened; `ways` are of those that entered it."""
    opened = record.of(stream, "ScoringOpened")
    if not opened:
        return None
    seal, stands = current(record, stream)
    said = {"at": dict(opened[0].data["at"]), "rulebook_version": opened[0].data["rulebook_version"]}
    closed = bool(record.of(stream, "ScoringClosed"))
    said["scored_until"] = deadline(record, stream, _LATEST)
    if seal is not None and stands:
        ordered = any(one.data["seal"] == seal.id for one in record.of(award_of(said["at"]), "ResealOrdered"))
        return {**said, "status": "sealed, to be made anew" if ordered else "sealed", **sealed(record, seal)}
    status = "closed" if closed else "open"
    superseded = {"superseded": point_text(seal.point)} if seal is not None else {}
    return {**said, "status": status, **superseded, **provisional(record, opened[0], ways, moment)}


def sealed(record: Record, seal: Kept, moment: str = FOREVER) -> dict[str, Any]:
    """Return the standings that a seal gives at a moment, with the verdicts before it and the ties broken by then."""
    corrected = corrections(record, seal.id, moment)
    counts = corrected[-1].data if corrected else seal.data
    orders = [one.data["verdict"].get("order") for one in reversed(corrected)]
    ties = [tie["order"] for tie in broken(record, seal.id, moment)]
    places = parted_ranks(counts["standings"], [one for one in (*orders, *ties) if one], ())
    return {
        "provisional": False,
        "seal": {"id": seal.id, "event": point_text(seal.point), "time": seal.time, "digest": seal.data["digest"]},
        "verdicts": [point_text(one.point) for one in corrected],
        "standings": placed(counts["standings"], places),
        "unrankable": list(counts["unrankable"]),
    }


def provisional(record: Record, opening: Kept, ways: Ways, moment: str) -> dict[str, Any]:
    """Return the standings computed from what was there at a moment."""
    at = opening.data["at"]
    nominations = sorted(one for one, way in ways.items() if at in way.path and way.ending is None)
    seal = _unmade(record, opening, nominations, ways, moment)
    rules = record.rules(at["season"], opening.data["rulebook_version"])
    inputs = Present(seal, record, rules)
    inputs.sort_out()
    standings, unrankable = ranking(inputs.ranking, [inputs.nominee(one) for one in nominations])
    return {
        "provisional": True,
        "counted_sheets": sum(len(one) for one in inputs.sheets.values()),
        "excluded_sheets": dict(sorted(inputs.excluded.items())),
        "standings": placed(standings, {row["nomination"]: row["rank"] for row in standings}),
        "unrankable": unrankable,
    }


def placed(standings: Sequence[Json], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return standings with the place that each holds once people broke the ties, best first."""
    rows = [{**row, "place": places[row["nomination"]]} for row in standings]
    return sorted(rows, key=lambda row: row["place"])


def _unmade(record: Record, opening: Kept, nominations: Sequence[str], ways: Ways, moment: str) -> Kept:
    """Return what would be sealed at a moment as far as its basis goes: everything at the version that it has."""
    at, stream = opening.data["at"], opening.point.stream
    carried = _carried(record, opening, [ways[one] for one in nominations])
    awards = {award_of(at), *(award_of_ranking(one) for one in carried)}
    streams = [committee_stream(at), *sorted(awards), *(f"nomination/{one}" for one in nominations)]
    versions = {one: kept[-1].point.version for one in streams if (kept := record.of(one))}
    basis = {
        "nominations": nominations,
        "streams": _points(versions),
        "carried": _points(carried),
        "measured": _points(_measured(record, opening, nominations)),
    }
    data = {"at": at, "rulebook_version": opening.data["rulebook_version"], "basis": basis}
    return Kept("unmade.RankingSealed.v1", "", Point(stream, _LATEST), moment, "", data, opening.place)


def _carried(record: Record, opening: Kept, ways: Sequence[Way]) -> dict[str, int]:
    """Return the seals that figures are carried from: of every earlier stage that a nominee came through."""
    at = opening.data["at"]
    rules = record.rules(at["season"], opening.data["rulebook_version"]).ranking(at)
    sources = {aspect.carried[:2] for aspect in rules.aspects if aspect.carried is not None}
    passed = {ranking_of(at) for way in ways for at in way.path if (at["tier"], at["stage"]) in sources}
    seals = {one: current(record, one)[0] for one in sorted(passed - {opening.point.stream})}
    return {one: seal.point.version for one, seal in seals.items() if seal is not None}


def _measured(record: Record, opening: Kept, nominations: Sequence[str]) -> dict[str, int]:
    """Return the measurements that count: the last ones, or those of the seal that named a nominee first."""
    later = Kept(opening.type, "", Point(opening.point.stream, _LATEST), "", "", opening.data, opening.place)
    if not pinned_measures(record, later):
        return {}
    seals = record.of(opening.point.stream, "RankingSealed")
    found: dict[str, int] = {}
    for nomination in nominations:
        stream = indicator_stream(nomination)
        first = next((one for one in seals if nomination in one.data["basis"]["nominations"]), None)
        measured = record.indicator(nomination).measurements
        version = taken(first).get(stream, 0) if first else measured[-1].version if measured else 0
        if version:
            found[stream] = version
    return found


def _points(versions: Mapping[str, int]) -> list[Json]:
    return [{"stream": stream, "version": version} for stream, version in versions.items()]


def point_text(point: Point) -> str:
    """Return a place in a stream as answers cite it."""
    return f"{point.stream}@{point.version}"
