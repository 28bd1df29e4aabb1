"""What a decision lists among its results, compared with what it was bound to lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.audit.checks.telling import text
from services.audit.checks.ways import way_of, ways_until
from services.audit.meetings import Decided, Kept, Point
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]


def missing_faults(decided: Decided, record: Record) -> Iterator[str]:
    """Check that every listed result is there and is what a decision can lead to."""
    for point in decided.results:
        if point not in record.caused:
            yield f"its result {point.stream}@{point.version} is no outcome of a decision"
    if len(set(decided.results)) != len(decided.results):
        yield "it lists a result twice"


def crowned(decided: Decided, ahead: Sequence[Json], rules: Rules) -> Iterator[dict[str, Any]]:
    """Yield the prizes and vacant ranks that a tier's end brings, given the winners or those who go on."""
    at = decided.at
    if not rules.ends_tier(at):
        return
    for one in ahead:
        prize = rules.prize(at, one["rank"])
        if prize is not None:
            won = {"nomination": one["nomination"], "rank": one["rank"], "prize": prize}
            yield {"name": "PrizeAwarded", "at": at, **won, **decided.cited}
    if rules.following(at) is None:
        for rank in vacant([one["rank"] for one in ahead], rules.ranking(at).quota(at["province"])):
            yield {"name": "RankLeftVacant", "at": at, "rank": rank, **decided.cited}


def vacant(taken: Sequence[int], quota: int) -> list[int]:
    """Return the ranks that nobody takes."""
    ranks = covered(taken)
    return [rank for rank in range(1, quota + 1) if rank not in ranks]


def covered(taken: Iterable[int]) -> set[int]:
    """Return the ranks that are taken: those who share a rank take as many as they are, from that one on."""
    return {rank + more for rank, held in Counter(taken).items() for more in range(held)}


def compared(listed: Iterable[Kept | None], expected: Iterable[Json], seal: Kept, record: Record) -> Iterator[str]:
    """Compare a decision's listed results with those that were computed, as often as each is due."""
    due = Counter(text(one) for one in expected)
    names = {text(one): one for one in expected}
    for kept in listed:
        if kept is None:
            continue
        told = {"name": kept.name, **{name: value for name, value in kept.said.items() if name != "sample"}}
        if due[text(told)]:
            due[text(told)] -= 1
        else:
            yield f"its result {_named(kept.point)} is not what the motion and the seal give"
        if kept.data.get("sample", False) is not _is_sample(kept, seal, record):
            yield f"its result {_named(kept.point)} is marked wrongly as a sample, or as none"
    for wanted, count in due.items():
        for _ in range(count):
            yield f"it has no result for {_brief(names[wanted])}"


def verified_faults(decided: Decided, listed: Iterable[Kept | None], rules: Rules, record: Record) -> Iterator[str]:
    """Check that a stage with verification lets nobody on whom its body did not find in order."""
    if rules.stage(decided.at).get("verification") is None:
        return
    for kept in listed:
        if kept is None or kept.name not in ("StageAdvanced", "WinnerDeclared"):
            continue
        way = ways_until(record, kept.data["nomination"], kept.time)
        if way is None or not way.verified_at(decided.at):
            yield f"{kept.data['nomination']} goes on, and was not verified"


def _named(point: Point) -> str:
    return f"{point.stream}@{point.version}"


def _brief(wanted: Json) -> str:
    whom = wanted.get("nomination") or f"rank {wanted.get('rank')}"
    return f"{whom}: {wanted['name']} is due"


def _is_sample(kept: Kept, seal: Kept, record: Record) -> bool:
    if kept.name not in ("StageAdvanced", "NominationEliminated", "WinnerDeclared"):
        return bool(kept.data.get("sample", False))
    way = way_of(record, kept.data["nomination"])
    return bool(seal.data.get("sample", False)) or (way is not None and way.sample)
