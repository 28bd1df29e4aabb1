"""What was decided, checked against what it rests on: every citation, every sealed ranking, every vote and its outcome.

Sealed rankings are computed anew (`recompute`) from the counted sheets and the pinned rulebook; decisions from the
votes, the attendance and the committee as they were. What a decision led to must be listed by it, and nothing else may
have happened to a nomination. A committee and a plenary are different streams, so a change of the committee within a
few seconds of a decision may have come before or after it: either is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from kernel.canonical import canonical, from_instant, instant
from schemas.nomination import PlenaryDecided, RankingTabled, ResealOrdered
from schemas.scoring import RankingSealed
from services.audit.events import Document
from services.audit.findings import Place
from services.audit.recompute import Nominee, StageRules, one_of, ranking, stage_rules
from services.audit.record import Decided, Json, Kept, Point, Record, Sheet, ranking_of

Fault = tuple[str, Place, str]

NEAR: Final = timedelta(seconds=10)
_SEALED: Final = RankingSealed.type_name()
_CITING: Final[Mapping[str, Callable[[Json], list[Point]]]] = {
    PlenaryDecided.type_name(): lambda data: _points(data["results"]),
    _SEALED: lambda data: _points(
        [*data["counted"], *data["excluded"], *data["basis"]["streams"], *data["basis"].get("carried", ())]
    ),
    RankingTabled.type_name(): lambda data: [Point(data["ranking"], data["seal_version"])],
    ResealOrdered.type_name(): lambda data: _points(data["stale"]),
}
_UNREADABLE: Final = (LookupError, TypeError, ValueError, ArithmeticError)


def cited(type_name: str, data: Json) -> Sequence[Point]:
    """Return the place of every event that an event of this type names as its basis or its result.

    Data that does not fit the type's model names nothing.
    """
    try:
        return _CITING[type_name](data) if type_name in _CITING else ()
    except _UNREADABLE:
        return ()


def _points(listed: Iterable[Json]) -> list[Point]:
    return [Point(point["stream"], point["version"]) for point in listed]


class Decisions:
    """Takes every readable event; says afterwards what does not fit."""

    def __init__(self) -> None:
        self.rankings = 0
        self.decided = 0
        self._cited: dict[Point, Place] = {}
        self._record = Record()

    def take(self, event: Document, place: Place) -> None:
        """Take an event whose data fits its model."""
        event = event.as_newest()
        for point in cited(event.type, event.data):
            self._cited.setdefault(point, place)
        self._record.take(event, place)

    def citations(self, version_of: Callable[[str], int]) -> Iterator[tuple[Place, str]]:
        """Return what was cited and is not there; `version_of` tells where a stream ends, 0 for none."""
        for (stream, version), place in self._cited.items():
            if version_of(stream) < version:
                yield place, f"it cites {stream}@{version}, which is not in the export"

    def faults(self) -> Iterator[Fault]:
        """Return what was decided and cannot have been decided so."""
        record = self._record
        yield from record.faults
        for seal in record.seals.values():
            self.rankings += 1
            yield from _told("seal", seal.place, _seal_faults(seal, record))
        justified: set[Point] = set()
        for meeting in record.meetings.values():
            for decided in meeting.decided:
                self.decided += 1
                justified |= set(_points(decided.event.data["results"]))
                yield from _told("decision", decided.event.place, _decision_faults(decided, record))
        for announced in record.announcements:
            yield from _told("announcement", announced.place, _announcement_faults(announced, record))
        for point, outcome in (*record.outcomes.items(), *record.brought.items()):
            if point not in justified:
                yield "unjustified", outcome.place, f"no decision lists this {outcome.name} among its results"


def _told(code: str, place: Place, faults: Iterator[str]) -> Iterator[Fault]:
    """Give faults their place; what cannot be computed for want of something sound is a fault too."""
    try:
        for what in faults:
            yield code, place, what
    except _UNREADABLE as error:
        yield code, place, f"it cannot be computed anew: {error}"


# --- sealed rankings -----------------------------------------------------------------------------------------------


def _rules_of(record: Record, at: Json, version: int) -> tuple[StageRules, Json, Kept]:
    """Return a stage's rules, the rulebook's content and its event. Raises LookupError."""
    rulebook = record.rulebooks.get((at["season"], version))
    if rulebook is None:
        raise LookupError(f"the rulebook {at['season']} has no version {version} here")
    content = rulebook.data["content"]
    return stage_rules(content, at["tier"], at["category"], at["stage"]), content, rulebook


def _seal_faults(seal: Kept, record: Record) -> Iterator[str]:
    said = seal.data
    digest = hashlib.sha256(canonical({"standings": said["standings"], "unrankable": said["unrankable"]})).hexdigest()
    if digest != said["digest"]:
        yield "`digest` is not the SHA-256 of the standings and the unrankable"
    if ranking_of(said["at"]) != seal.point.stream:
        yield "the seal is of another stage than its stream"
    rules, _, rulebook = _rules_of(record, said["at"], said["rulebook_version"])
    if rulebook.data["hash"] != said["rulebook_hash"]:
        yield "`rulebook_hash` is not that of the rulebook's version"
    yield from _opening_faults(seal, record)
    inputs = _SealInputs(seal, record, rules)
    yield from inputs.sheet_faults()
    nominees = [inputs.nominee(nomination) for nomination in said["basis"]["nominations"]]
    yield from inputs.faults
    yield from _compared(said, *ranking(rules, nominees))


def _opening_faults(seal: Kept, record: Record) -> Iterator[str]:
    before = [one for one in record.openings.get(seal.point.stream, ()) if one.point.version < seal.point.version]
    if not before:
        yield "the stage was never opened for scoring"
    elif before[-1].data["rulebook_version"] != seal.data["rulebook_version"]:
        yield "the seal is under another rulebook version than the one pinned when the stage was opened"
    elif seal.time <= before[-1].data["closes"]:
        yield "the stage was sealed before its scoring deadline"


def _compared(said: Json, standings: Sequence[Json], unrankable: Sequence[Json]) -> Iterator[str]:
    for what, told, own in (("standing", said["standings"], standings), ("unrankable", said["unrankable"], unrankable)):
        for index in range(max(len(told), len(own))):
            there = told[index] if index < len(told) else None
            here = own[index] if index < len(own) else None
            if there != here:
                yield f"{what} {index + 1} is {_brief(there)}; computed anew it is {_brief(here)}"


def _brief(row: Json | None) -> str:
    if row is None:
        return "absent"
    names = ("nomination", "rank", "total", "shown", "shared", "tie", "reason", "aspect", "sheets", "aspects", "sample")
    return canonical({name: row[name] for name in names if name in row}).decode()


@dataclass(slots=True)
class _SealInputs:
    """What a seal rests on, as its basis names it."""

    seal: Kept
    record: Record
    rules: StageRules
    faults: list[str] = field(default_factory=list)

    def sheet_faults(self) -> Iterator[str]:
        """Check that every filed sheet of the stage is counted or left out, and rightly."""
        said = self.seal.data
        listed = {one["stream"]: (one["version"], one.get("reason")) for one in [*said["counted"], *said["excluded"]]}
        if len(listed) != len(said["counted"]) + len(said["excluded"]):
            yield "a sheet is listed twice"
        for stream, sheet in self._filed().items():
            before = [one for one in sheet.snapshots if one.time <= self.seal.time]
            if before and stream not in listed:
                yield f"the sheet {stream} was filed before the seal, and is neither counted nor left out"
            elif before and before[-1].version > listed[stream][0]:
                yield f"the sheet {stream} was at version {before[-1].version} when the ranking was sealed"
        for stream, (version, reason) in listed.items():
            yield from self._listed_faults(stream, version, reason)

    def _listed_faults(self, stream: str, version: int, reason: str | None) -> Iterator[str]:
        sheet = self._filed().get(stream)
        if sheet is None:
            yield f"{stream} is no sheet of this stage"
        elif (own := self._exclusion(sheet, version)) != reason:
            yield f"the sheet {stream} is {reason or 'counted'}; by the rules it is {own or 'counted'}"

    def _exclusion(self, sheet: Sheet, version: int) -> str | None:
        """Return why a sheet does not count, None when it does."""
        if sheet.nomination not in self.seal.data["basis"]["nominations"]:
            return "not-eligible"
        status = sheet.at(version).status
        if status != "submitted":
            return "voided" if status == "voided" else "not-submitted"
        committee = self._committee()
        category = self.seal.data["at"]["category"]
        if sheet.member in committee.recused(self.rules, category, [sheet.nomination]):
            return "recused"
        if not self.rules.counts_removed and sheet.member not in committee.holders(self.rules.body):
            return "removed"
        return None

    def _filed(self) -> Mapping[str, Sheet]:
        return self.record.sheets.get(self.seal.point.stream, {})

    def _committee(self) -> Committee:
        at = self.seal.data["at"]
        stream = f"committee/{at['season']}/{at['province']}"
        version = self._versions().get(stream, 0)
        return Committee([one for one in self.record.committees.get(stream, ()) if one.point.version <= version])

    def _versions(self) -> dict[str, int]:
        return {point["stream"]: point["version"] for point in self.seal.data["basis"]["streams"]}

    def nominee(self, nomination: str) -> Nominee:
        """Return a nominee of the basis as the ranking is computed from. Raises LookupError."""
        at, stream = self.seal.data["at"], f"nomination/{nomination}"
        version = self._versions().get(stream, 0)
        way = [one for one in self.record.ways.get(stream, ()) if one.point.version <= version]
        if not way or way[0].name != "CandidateNominated":
            raise LookupError(f"{stream}@{version}, on which the seal rests, does not begin with CandidateNominated")
        path = [way[0].data["entry"], *(one.data["reached"] for one in way if one.name == "StageAdvanced")]
        ended = any(one.name in ("NominationWithdrawn", "NominationEliminated") for one in way)
        if at not in path or ended:
            self.faults.append(f"{stream} was not to be ranked at this stage at version {version}")
        sheets = list(self._counted(nomination))
        begun = way[0].data
        return Nominee(
            nomination=nomination,
            candidate=begun["candidate"]["code"],
            nominated=way[0].time,
            sample=begun.get("sample", False) or any(one.sample for one in sheets),
            sheets=[one.marks for one in sheets],
            carried=self._carried(nomination, path),
        )

    def _counted(self, nomination: str) -> Iterator[Any]:
        for one in self.seal.data["counted"]:
            sheet = self._filed().get(one["stream"])
            if sheet is not None and sheet.nomination == nomination:
                yield sheet.at(one["version"])

    def _carried(self, nomination: str, path: Sequence[Json]) -> dict[str, Fraction]:
        versions = {point["stream"]: point["version"] for point in self.seal.data["basis"].get("carried", ())}
        figures: dict[str, Fraction] = {}
        for aspect in self.rules.aspects:
            tier, stage, source = aspect.carried or ("", "", "")
            passed = [at for at in path if (at["tier"], at["stage"]) == (tier, stage)]
            stream = ranking_of(passed[-1]) if passed else ""
            earlier = self.record.seals_at.get(Point(stream, versions.get(stream, 0)))
            for standing in earlier.data["standings"] if earlier else ():
                if standing["nomination"] == nomination:
                    found = {one["aspect"]: Fraction(one["value"]) for one in standing["aspects"]}
                    if source in found:
                        figures[aspect.code] = found[source]
        return figures


class Committee:
    """A committee's stream folded up to some event."""

    def __init__(self, events: Iterable[Kept]) -> None:
        self._seats: dict[tuple[str, str, int], str] = {}
        self._interests: list[Json] = []
        for event in events:
            data = event.data
            match event.name:
                case "MemberAppointed":
                    self._seats[data["body"], data["office"], data["seat"]] = data["person"]
                case "MemberRemoved":
                    self._seats.pop((data["body"], data["office"], data["seat"]), None)
                case _:
                    self._interests.append(data)

    def holders(self, body: str, offices: Iterable[str] | None = None) -> set[str]:
        """Return who holds a seat of a body, in some offices or in any."""
        wanted = None if offices is None else set(offices)
        seats = self._seats.items()
        return {person for (of, office, _), person in seats if of == body and (wanted is None or office in wanted)}

    def recused(self, rules: StageRules, category: str, nominations: Iterable[str]) -> set[str]:
        """Return who may take no part in deciding or ranking these nominations of a category."""
        concerned = {None, *nominations}
        return {
            one["person"]
            for one in self._interests
            if one["category"] == category and (rules.recuses_category or one.get("nomination") in concerned)
        }


# --- decisions -----------------------------------------------------------------------------------------------------


def _decision_faults(decided: Decided, record: Record) -> Iterator[str]:
    said, motion, convened = decided.event.data, decided.motion, decided.convened
    if motion is None or convened is None:
        yield "its motion was never opened"
        return
    if decided.again:
        yield "its motion was decided before"
    at = {
        "season": convened.data["season"],
        "tier": convened.data["tier"],
        "province": convened.data["province"],
        "category": said["item"]["category"],
        "stage": said["item"]["stage"],
    }
    seal = record.seals.get(said["seal"])
    if seal is None:
        yield f"the seal {said['seal']} that it rests on is not here"
        return
    yield from _seal_cited(said, motion.data, seal, at)
    rules, content, _ = _rules_of(record, at, said["rulebook_version"])
    if convened.data["body"] != rules.body:
        yield f"the stage is {rules.body}'s to decide"
    yield from _count_faults(decided, motion.data, rules, content, _committees_near(record, at, decided.event.time))
    yield from _proposal_faults(motion.data, seal.data, rules, at, record)
    yield from _result_faults(decided, motion.data, seal.data, rules, at, record)
    yield from _brought_faults(said, rules, content, at, record)


def _seal_cited(said: Json, motion: Json, seal: Kept, at: Json) -> Iterator[str]:
    if seal.data["at"] != at:
        yield "the seal is of another stage than the item"
    for name, value in (
        ("digest", seal.data["digest"]),
        ("rulebook_version", seal.data["rulebook_version"]),
        ("item", motion["item"]),
        ("seal", motion["seal"]),
    ):
        if said[name] != value:
            yield f"`{name}` is not that of the seal and the motion"


def _committees_near(record: Record, at: Json, time: str) -> list[Committee]:
    """Return the committee as it was at a time, and as it was a few seconds before or after, when it changed then."""
    events = record.committees.get(f"committee/{at['season']}/{at['province']}", [])
    moment = from_instant(time)
    begin, end = instant(moment - NEAR), instant(moment + NEAR)
    certain = sum(1 for one in events if one.time <= begin)
    possible = sum(1 for one in events if one.time <= end)
    exact = sum(1 for one in events if one.time <= time)
    return [Committee(events[:count]) for count in (exact, *range(certain, possible + 1))]


def _count_faults(
    decided: Decided, motion: Json, rules: StageRules, content: Json, committees: Sequence[Committee]
) -> Iterator[str]:
    said = decided.event.data
    told = {"tally": said["tally"], "quorum": {"recused": [], **said["quorum"]}, "outcome": said["outcome"]}
    counted = [_counted(decided, motion, rules, content, committee) for committee in committees]
    if said["quorum"]["present"] < said["quorum"]["required"]:
        yield "it was decided without a quorum"
    if told not in counted:
        for name, value in counted[0].items():
            if told[name] != value:
                yield f"its {name} is {_text(told[name])}; counted anew it is {_text(value)}"


def _text(value: Any) -> str:
    return canonical(value).decode()


def _counted(decided: Decided, motion: Json, rules: StageRules, content: Json, committee: Committee) -> dict[str, Any]:
    """Count a motion: its votes, its quorum, and whether it is carried."""
    body = one_of(content["bodies"], "body", code=rules.body)
    voting = [office for office in body["offices"] if office["role"] != "clerk"]
    recused = committee.recused(rules, motion["item"]["category"], [*motion["advancing"], *motion["eliminated"]])
    free = committee.holders(rules.body, (office["code"] for office in voting)) - recused
    votes = [vote for person, vote in decided.votes.items() if person in free]
    seats = sum(office["seats"] for office in voting)
    tally = {
        "votes_for": votes.count("for"),
        "votes_against": votes.count("against"),
        "abstained": votes.count("abstain"),
    }
    here = free & decided.present
    base = {
        "seats": seats,
        "present": len(here | (free & decided.votes.keys())),
        "cast": tally["votes_for"] + tally["votes_against"],
    }[body["majority"]["base"]]
    quorum = {
        "seats": seats,
        "present": len(here),
        "required": _required(body["quorum"], seats),
        "recused": sorted(committee.holders(rules.body) & recused),
    }
    outcome = "carried" if _carries(body["majority"], tally["votes_for"], base) else "lost"
    return {"tally": tally, "quorum": quorum, "outcome": outcome}


def _required(quorum: Json, seats: int) -> int:
    if quorum.get("count") is not None:
        return int(quorum["count"])
    share = Fraction(quorum.get("fraction") or 1) * seats
    return -(-share.numerator // share.denominator)


def _carries(majority: Json, votes_for: int, base: int) -> bool:
    needed = Fraction(majority["fraction"]) * base
    return base > 0 and (votes_for > needed if majority["strict"] else votes_for >= needed)


# --- what decisions lead to ----------------------------------------------------------------------------------------


def _proposal_faults(motion: Json, seal: Json, rules: StageRules, at: Json, record: Record) -> Iterator[str]:
    """Check that the motion proposes ranks 1 to the quota; only who withdrew may be left out."""
    quota = rules.quota(at["province"])
    ranked = sorted(seal["standings"], key=lambda row: row["rank"])
    within = [row["nomination"] for row in ranked if row["rank"] <= quota]
    leaving = [row["nomination"] for row in [*(one for one in ranked if one["rank"] > quota), *seal["unrankable"]]]
    for what, told, own in (("advancing", motion["advancing"], within), ("eliminated", motion["eliminated"], leaving)):
        competing = [one for one in own if one in told or not _withdrew(one, record)]
        if list(told) != competing:
            yield f"its motion's `{what}` is not what the seal and a quota of {quota} give"
    if len(motion["advancing"]) > quota:
        yield f"its motion advances {len(motion['advancing'])}, and the quota is {quota}"


def _withdrew(nomination: str, record: Record) -> bool:
    return any(one.name == "NominationWithdrawn" for one in record.ways.get(f"nomination/{nomination}", ()))


def _result_faults(
    decided: Decided, motion: Json, seal: Json, rules: StageRules, at: Json, record: Record
) -> Iterator[str]:
    """Check that the results are those of the motion: everybody in it once, each as the seal ranks it."""
    said = decided.event.data
    if said["outcome"] != "carried":
        if said["results"]:
            yield "a motion that was lost has no results"
        return
    ranks = {row["nomination"]: row["rank"] for row in seal["standings"]}
    concerned = dict.fromkeys(motion["advancing"], "advancing") | dict.fromkeys(motion["eliminated"], "eliminated")
    for point in _points(said["results"]):
        if point in record.brought:
            continue
        outcome = record.outcomes.get(point)
        if outcome is None:
            yield f"its result {point.stream}@{point.version} is no outcome of a decision"
            continue
        side = concerned.pop(outcome.data["nomination"], None)
        expected = _expected(side, outcome.data["nomination"], said, rules, at, ranks)
        told = {"name": outcome.name} | {name: outcome.data.get(name) for name in expected if name != "name"}
        if side is None or told != expected:
            yield f"its result {point.stream}@{point.version} is not what the motion and the seal give"
    for nomination in concerned:
        if not _withdrew(nomination, record):
            yield f"it has no result for {nomination}, which its motion names"


def _expected(
    side: str | None, nomination: str, said: Json, rules: StageRules, at: Json, ranks: Mapping[str, int]
) -> dict[str, Any]:
    common = {
        "plenary": said["plenary"],
        "motion": said["motion"],
        "seal": said["seal"],
        "rank": ranks.get(nomination),
    }
    if side == "eliminated":
        reason = "below-quota" if nomination in ranks else "unrankable"
        return {"name": "NominationEliminated", "at": at, "reason": reason, **common}
    if rules.next is None:
        return {"name": "WinnerDeclared", "at": at, **common}
    tier, stage = rules.next
    reached = {**at, "tier": tier, "stage": stage, "province": "00" if tier == "national" else at["province"]}
    return {"name": "StageAdvanced", "left": at, "reached": reached, **common}


def _brought_faults(said: Json, rules: StageRules, content: Json, at: Json, record: Record) -> Iterator[str]:
    """Check the prizes and the ranks left vacant: those that the rulebook gives for who is ahead, and no others."""
    points = _points(said["results"])
    outcomes = [record.outcomes[point] for point in points if point in record.outcomes]
    ahead = [one.data for one in outcomes if one.name in ("StageAdvanced", "WinnerDeclared")]
    expected = _prizes(ahead, rules, content, at)
    if said["outcome"] == "carried" and rules.next is None:
        expected += [{"rank": rank} for rank in _vacant([one["rank"] for one in ahead], rules.quota(at["province"]))]
    cited = {"at": at, "plenary": said["plenary"], "motion": said["motion"]}
    found = [record.brought[point].data for point in points if point in record.brought]
    told = [{name: value for name, value in one.items() if name != "salt"} for one in found]
    if sorted(map(_text, told)) != sorted(_text({**one, **cited}) for one in expected):
        yield "the prizes and vacant ranks among its results are not what the rulebook gives"


def _prizes(ahead: Iterable[Json], rules: StageRules, content: Json, at: Json) -> list[Json]:
    """Return what a tier's end gives to the ranks that won, or go on to the next tier; inside a tier, nothing."""
    if rules.next is not None and rules.next[0] == at["tier"]:
        return []
    table = {
        prize["rank"]: {language: prize["prize"][language] for language in ("id", "en")}
        for prize in content["prizes"]
        if prize["tier"] == at["tier"] and at["category"] in prize["categories"]
    }
    return [
        {"nomination": one["nomination"], "rank": one["rank"], "prize": table[one["rank"]]}
        for one in ahead
        if one["rank"] in table
    ]


def _vacant(taken: Sequence[int], quota: int) -> list[int]:
    """Return the ranks that nobody takes: those who share a rank take as many as they are, from that one on."""
    covered = {rank + more for rank in set(taken) for more in range(taken.count(rank))}
    return [rank for rank in range(1, quota + 1) if rank not in covered]


_OUTCOMES: Final = {"StageAdvanced": "advanced", "NominationEliminated": "eliminated", "WinnerDeclared": "winner"}


def _announcement_faults(announced: Kept, record: Record) -> Iterator[str]:
    """Check that an announcement says what its decision led to."""
    said = announced.data
    meeting = record.meetings.get(f"plenary/{said['plenary']}")
    decisions = [one.event.data for one in meeting.decided] if meeting else []
    decision = one_of(decisions, "decision", motion=said["motion"], outcome="carried")
    for name in ("seal", "digest"):
        if said[name] != decision[name]:
            yield f"`{name}` is not that of the decision"
    found = [record.outcomes[point] for point in _points(decision["results"]) if point in record.outcomes]
    own = {(one.data["nomination"], one.data.get("rank"), _OUTCOMES[one.name]) for one in found}
    told = {(line["nomination"], line.get("rank"), line["outcome"]) for line in said["lines"]}
    if told != own or len(told) != len(said["lines"]):
        yield "its lines are not what the decision led to"
