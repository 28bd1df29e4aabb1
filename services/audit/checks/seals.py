"""Sealed rankings, computed anew from the sheets that they count, the rules pinned at the opening, and who was there.

A seal names its basis: streams at the versions that scoring saw. So nothing here depends on which of two services was
quicker, but the deadline, which is the stage's own with its extensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from services.audit.checks.committees import Committee, Scope, committee_at, committee_stream
from services.audit.checks.measured import measured_figures, pinned_measures, taken, taken_faults
from services.audit.checks.scoring import deadline, opening_of
from services.audit.checks.staleness import committee_faults
from services.audit.checks.telling import text
from services.audit.checks.verdicts import digest_of, reviews
from services.audit.checks.ways import Way, way_of
from services.audit.indicators import indicator_stream
from services.audit.meetings import Kept, Point
from services.audit.recompute import Nominee, StageRules, ranking
from services.audit.record import Record, award_of, award_of_ranking, ranking_of
from services.audit.rules import Rules
from services.audit.sheets import Sheet, Snapshot

Json = Mapping[str, Any]


def seal_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Check a sealed ranking."""
    said = seal.data
    if digest_of(said["standings"], said["unrankable"]) != said["digest"]:
        yield "`digest` is not the SHA-256 of the standings and the unrankable"
    rules = record.rules(said["at"]["season"], said["rulebook_version"])
    if rules.hash != said["rulebook_hash"]:
        yield "`rulebook_hash` is not that of the rulebook's version"
    yield from _time_faults(seal, record)
    yield from _again_faults(seal, record)
    yield from committee_faults(seal, record)
    yield from taken_faults(seal, record)
    inputs = Inputs(seal, record, rules)
    yield from inputs.sheet_faults()
    yield from inputs.verdict_faults()
    nominees = [inputs.nominee(nomination) for nomination in said["basis"]["nominations"]]
    yield from inputs.faults
    yield from _compared(said, *ranking(inputs.ranking, nominees))
    yield from inputs.recusal_faults()


def _time_faults(seal: Kept, record: Record) -> Iterator[str]:
    opening = opening_of(record, seal)
    if opening is None:
        yield "the stage was never opened for scoring"
        return
    if opening.data["rulebook_version"] != seal.data["rulebook_version"]:
        yield "the seal is under another rulebook version than the one pinned when the stage was opened"
    if seal.time <= deadline(record, seal.point.stream, seal.point.version):
        yield "the stage was sealed before its scoring deadline"


def _again_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Check that a stage is closed when it is sealed, and sealed anew only by an order that cites the seal it has."""
    events = [one for one in record.of(seal.point.stream) if one.point.version < seal.point.version]
    seals = [one for one in events if one.name == "RankingSealed"]
    if not any(one.name == "ScoringClosed" for one in events):
        yield "the stage was not closed"
    if not seals:
        return
    over = [one for one in events if one.name == "RankingSuperseded" and one.point.version > seals[-1].point.version]
    orders = record.of(award_of(seal.data["at"]), "ResealOrdered")
    if not any(one.data["seal"] == seals[-1].id and _gave(orders, one) for one in over):
        yield "the stage was sealed anew without an order"


def _gave(orders: Sequence[Kept], over: Kept) -> bool:
    return any((one.id, one.data["seal"]) == (over.data["order"], over.data["seal"]) for one in orders)


def _compared(said: Json, standings: Sequence[Json], unrankable: Sequence[Json]) -> Iterator[str]:
    for what, told, own in (("standing", said["standings"], standings), ("unrankable", said["unrankable"], unrankable)):
        for index in range(max(len(told), len(own))):
            there = told[index] if index < len(told) else None
            here = own[index] if index < len(own) else None
            if here is not None and there is not None and "aspects" not in there:
                # Seals of before had no aggregates of those who cannot be ranked.
                here = {name: value for name, value in here.items() if name != "aspects"}
            if there != here:
                yield f"{what} {index + 1} is {_brief(there)}; computed anew it is {_brief(here)}"


def _brief(row: Json | None) -> str:
    if row is None:
        return "absent"
    names = ("nomination", "rank", "total", "shown", "shared", "tie", "reason", "aspect", "sheets", "aspects", "sample")
    return text({name: row[name] for name in names if name in row})


@dataclass
class Inputs:
    """What a seal rests on, as its basis names it.

    What every sheet and nominee asks for is made once: with thousands of sheets it would cost more than all the rest.
    """

    seal: Kept
    record: Record
    rules: Rules
    faults: list[str] = field(default_factory=list)
    _ways: dict[str, tuple[Way, int]] = field(default_factory=dict)

    @cached_property
    def ranking(self) -> StageRules:
        """Return the stage's rules."""
        return self.rules.ranking(self.seal.data["at"])

    @cached_property
    def scope(self) -> Scope:
        """Return how far interests reach; stages of before did not pin their own employers and governments."""
        opening = opening_of(self.record, self.seal)
        pinned = opening.data["rules"] if opening else {}
        return Scope(self.ranking.recuses_category, pinned.get("own_employer"), pinned.get("own_government"))

    @cached_property
    def committee(self) -> Committee:
        """Return the committee as scoring saw it."""
        at = self.seal.data["at"]
        return committee_at(self.record, at, self._versions.get(committee_stream(at), 0))

    @cached_property
    def _voters(self) -> set[str]:
        """Return who held a seat of the body that votes."""
        return self.committee.holders(self.ranking.body, self.rules.voting(self.ranking.body))

    @cached_property
    def _nominations(self) -> frozenset[str]:
        return frozenset(self.seal.data["basis"]["nominations"])

    def sheet_faults(self) -> Iterator[str]:
        """Check that every filed sheet of the stage is counted or left out, and rightly."""
        said = self.seal.data
        listed = {one["stream"]: (one["version"], one.get("reason")) for one in [*said["counted"], *said["excluded"]]}
        if len(listed) != len(said["counted"]) + len(said["excluded"]):
            yield "a sheet is listed twice"
        for stream, sheet in self._filed.items():
            before = [one for one in sheet.snapshots if one.time <= self.seal.time]
            if before and stream not in listed:
                yield f"the sheet {stream} was filed before the seal, and is neither counted nor left out"
            elif before and before[-1].version > listed[stream][0]:
                yield f"the sheet {stream} was at version {before[-1].version} when the ranking was sealed"
        for stream, (version, reason) in listed.items():
            yield from self._listed_faults(stream, version, reason)

    def _listed_faults(self, stream: str, version: int, reason: str | None) -> Iterator[str]:
        sheet = self._filed.get(stream)
        if sheet is None:
            yield f"{stream} is no sheet of this stage"
            return
        if (own := self._exclusion(sheet, version)) != reason:
            yield f"the sheet {stream} is {reason or 'counted'}; by the rules it is {own or 'counted'}"
        if reason is None and not self.committee.has_sat(self.ranking.body, sheet.member):
            yield f"the sheet {stream} is of somebody who never sat in the body"

    def _exclusion(self, sheet: Sheet, version: int) -> str | None:
        """Return why a sheet does not count, None when it does."""
        if sheet.nomination not in self._nominations:
            return "not-eligible"
        status = sheet.at(version).status
        if status != "submitted":
            return "voided" if status == "voided" else "not-submitted"
        if any(not ground["flagged"] for ground in self._grounds(sheet.member, sheet.nomination)):
            return "recused"
        return None if self.ranking.counts_removed or sheet.member in self._voters else "removed"

    def _grounds(self, member: str, nomination: str) -> list[Json]:
        way, _ = self._way(nomination)
        category = self.seal.data["at"]["category"]
        return self.committee.grounds(self.scope, member, category, nomination, way.candidate)

    @cached_property
    def _filed(self) -> Mapping[str, Sheet]:
        return self.record.sheets.get(self.seal.point.stream, {})

    @cached_property
    def _versions(self) -> dict[str, int]:
        return {point["stream"]: point["version"] for point in self.seal.data["basis"]["streams"]}

    def _way(self, nomination: str) -> tuple[Way, int]:
        """Return a nominee's way at the version that the basis names. Raises LookupError."""
        if nomination in self._ways:
            return self._ways[nomination]
        stream = f"nomination/{nomination}"
        version = self._versions.get(stream, 0)
        way = way_of(self.record, nomination, lambda event: event.point.version <= version)
        if way is None:
            raise LookupError(f"{stream}@{version}, on which the seal rests, does not begin with CandidateNominated")
        return self._ways.setdefault(nomination, (way, version))

    def nominee(self, nomination: str) -> Nominee:
        """Return a nominee of the basis as the ranking is computed from. Raises LookupError."""
        way, version = self._way(nomination)
        if self.seal.data["at"] not in way.path or way.ending is not None:
            self.faults.append(f"nomination/{nomination} was not to be ranked at this stage at version {version}")
        sheets = list(self._counted(nomination))
        return Nominee(
            nomination=nomination,
            candidate=way.candidate["code"],
            nominated=way.begun.time,
            sample=way.sample or any(one.sample for one in sheets),
            sheets=[one.marks for one in sheets],
            given={**self._carried(nomination, way.path), **self._measured(nomination)},
        )

    def _measured(self, nomination: str) -> dict[str, Fraction]:
        """Return a nominee's measured figures at the version that the seal names."""
        version = self._taken.get(indicator_stream(nomination), 0)
        return measured_figures(self.ranking, self._pinned, self.record.indicator(nomination), version)

    @cached_property
    def _pinned(self) -> Any:
        return pinned_measures(self.record, self.seal)

    @cached_property
    def _taken(self) -> Mapping[str, int]:
        return taken(self.seal)

    def _counted(self, nomination: str) -> Iterable[Snapshot]:
        """Return the counted sheets of a nominee, in the order in which the seal names them."""
        return self._counted_by_nominee.get(nomination, ())

    @cached_property
    def _counted_by_nominee(self) -> Mapping[str, Sequence[Snapshot]]:
        found: dict[str, list[Snapshot]] = {}
        for one in self.seal.data["counted"]:
            sheet = self._filed.get(one["stream"])
            if sheet is not None:
                found.setdefault(sheet.nomination, []).append(sheet.at(one["version"]))
        return found

    def _carried(self, nomination: str, path: Sequence[Json]) -> dict[str, Fraction]:
        figures: dict[str, Fraction] = {}
        for aspect in self.ranking.aspects:
            tier, stage, source = aspect.carried or ("", "", "")
            passed = [at for at in path if (at["tier"], at["stage"]) == (tier, stage)]
            found = self._earlier(ranking_of(passed[-1]), nomination) if passed else {}
            if source in found:
                figures[aspect.code] = found[source]
        return figures

    @cached_property
    def _sources(self) -> dict[str, int]:
        return {point["stream"]: point["version"] for point in self.seal.data["basis"].get("carried", ())}

    def _earlier(self, ranking: str, nomination: str) -> dict[str, Fraction]:
        """Return a nominee's figures at an earlier ranking, as scoring saw it.

        Those that verdicts set are theirs, the later one's first; the others the cited seal's, or, of a nominee whom
        that does not rank, the last verdict's.
        """
        cited = Point(ranking, self._sources.get(ranking, 0))
        sealed = [one for one in self.record.of(ranking, "RankingSealed") if one.point == cited]
        verdicts = self._verdicts(ranking)
        rows = (_figures_of(nomination, one) for one in (*sealed, *reversed(verdicts)))
        found = next((row for row in rows if row), {})
        for one in verdicts:
            if one.data["nomination"] == nomination:
                set_ = {figure["aspect"] for figure in one.data["verdict"]["figures"]}
                found |= {code: value for code, value in _figures_of(nomination, one).items() if code in set_}
        return found

    def _verdicts(self, ranking: str) -> list[Kept]:
        """Return the upheld appeals against a ranking of which scoring had heard, in the order of their award."""
        seen = self._versions.get(award_of_ranking(ranking), 0)
        known = [one for one in reviews(self.record, ranking) if one.point.version <= seen]
        decided = (self.record.of(f"appeal/{one.data['appeal']}", "AppealDecided")[:1] for one in known)
        return [one for each in decided for one in each]

    def verdict_faults(self) -> Iterator[str]:
        """Check that the seal names all verdicts on the rankings that it carries from, and no others."""
        sources = self._sources
        named = {Point(stream, version) for stream, version in sources.items() if stream.startswith("appeal/")}
        known = [one for stream in sources if stream.startswith("ranking/") for one in self._verdicts(stream)]
        if named != {one.point for one in known}:
            yield "the verdicts that it names are not those on the rankings that it carries from"

    def recusal_faults(self) -> Iterator[str]:
        """Check whom the seal shows as recused; seals of before show nobody."""
        said = self.seal.data.get("recusals")
        if said is None:
            return
        members = sorted(self._voters)
        own = [
            ground
            for nomination in self.seal.data["basis"]["nominations"]
            for member in members
            for ground in self._grounds(member, nomination)
        ]
        if said != own:
            yield f"`recusals` are {text(said)}; by the committee and the rules they are {text(own)}"


def _figures_of(nomination: str, said: Kept) -> dict[str, Fraction]:
    """Return a nominee's figures by aspect in the standings of a seal or verdict; none when it is not ranked there."""
    rows = [row for row in said.data["standings"] if row["nomination"] == nomination]
    return {one["aspect"]: Fraction(one["value"]) for row in rows for one in row["aspects"]}
