"""Whether a seal still held what was known when it was made: who competed, the committee as it sat, verdicts on others.

Scoring learns of nominations, committees and verdicts a moment later than they are recorded. What it did not know yet
makes the seal stale: it is ordered anew, and no decision may rest on it. Only what was certainly there before the seal
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.audit.checks.committees import committee_stream
from services.audit.checks.telling import Fault, after, before
from services.audit.checks.verdicts import reviews
from services.audit.checks.ways import ways_near
from services.audit.meetings import Decided, Kept
from services.audit.record import COMMITTEE, Record, award_of, ranking_of

Json = Mapping[str, Any]


def stale_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Say what a seal left out, or named though it was over."""
    at, basis = seal.data["at"], seal.data["basis"]
    seen = {point["stream"]: point["version"] for point in basis["streams"]}
    stream = committee_stream(at)
    changes = [one for one in record.of(stream, *COMMITTEE) if one.point.version > seen.get(stream, 0)]
    if any(one.time <= before(seal.time) for one in changes):
        yield "the seal does not know of a change of the committee before it"
    for ranking in [point["stream"] for point in basis.get("carried", ()) if point["stream"].startswith("ranking/")]:
        unheard = [one for one in reviews(record, ranking) if one.point.version > seen.get(one.point.stream, 0)]
        if any(one.time <= before(seal.time) for one in unheard):
            yield f"the seal does not know of a verdict before it on {ranking}, from which it carries"
    for begun in record.kind("nomination", "CandidateNominated"):
        if begun.data["entry"]["category"] != at["category"]:
            continue
        nomination = begun.data["nomination"]
        ways = ways_near(record, nomination, seal.time)
        competing = [way is not None and at in way.path and way.ending is None for way in ways]
        if all(competing) and nomination not in basis["nominations"]:
            yield f"the seal leaves out {nomination}, who competed at the stage"
        if not any(competing) and nomination in basis["nominations"]:
            yield f"the seal names {nomination}, who did not compete at the stage"


def entering_faults(
    decided: Decided, orders: Sequence[Kept], entering: Iterable[str], following: Json | None, record: Record
) -> Iterator[str]:
    """Check the order to seal a next stage anew whose seal lacks who enters it; one that was there needs no other."""
    ranking = "" if following is None else ranking_of(following)
    if len(orders) > 1 or any(one.data["ranking"] != ranking for one in orders):
        yield "it orders a seal anew that does not rest on it"
        return
    moment = decided.event.time
    seals = [one for one in record.of(ranking, "RankingSealed") if one.time <= after(moment)]
    if orders:
        said = orders[0].data
        lacking = [sorted(set(entering) - _named(seal)) for seal in seals if seal.id == said["seal"]]
        if lacking != [said.get("missing", [])] or not lacking[0] or said["stale"] or said.get("superfluous"):
            yield f"its order to seal {ranking} anew is not what the decision gives"
    elif seals and seals[-1].time <= before(moment) and not set(entering) <= _named(seals[-1]):
        replaced = record.of(ranking, "RankingSuperseded")
        anew = [*replaced, *(record.of(award_of(following), "ResealOrdered") if following else ())]
        if seals[-1].id not in [one.data["seal"] for one in anew]:
            yield f"it does not order {ranking} to be sealed anew"


def _named(seal: Kept) -> set[str]:
    return set(seal.data["basis"]["nominations"])


def orders_faults(record: Record) -> Iterator[Fault]:
    """Check that every order to seal anew names a seal of its ranking."""
    for order in record.kind("award", "ResealOrdered"):
        seal = record.seals.get(order.data["seal"])
        if seal is None or seal.point.stream != order.data["ranking"]:
            yield "seal", order.place, "it orders anew what is no seal of its ranking"
