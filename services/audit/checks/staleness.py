"""Whether a seal still held what was known when it was made: who competed, the committee as it sat, verdicts on others.

Scoring learns of nominations, committees and verdicts a moment later than they are recorded. What it did not know yet
makes the seal stale: it is ordered anew, and no decision may rest on it. Only what was certainly there before the seal
counts; of the committee, before the stage's first seal, which made the totals known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.audit.checks.committees import committee_stream
from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.verdicts import reviews
from services.audit.checks.ways import Way, way_of, ways_near
from services.audit.meetings import Decided, Kept
from services.audit.record import COMMITTEE, Record, award_of, award_of_ranking, ranking_of

Json = Mapping[str, Any]


def stale_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Say what a seal left out, or named though it was over."""
    at, basis = seal.data["at"], seal.data["basis"]
    seen = {point["stream"]: point["version"] for point in basis["streams"]}
    first = first_seal(seal, record)
    stream = committee_stream(at)
    changes = [one for one in record.of(stream, *COMMITTEE) if one.point.version > seen.get(stream, 0)]
    if any(one.time <= before(first.time) for one in changes):
        yield "the seal does not know of a change of the committee before it"
    for ranking in [point["stream"] for point in basis.get("carried", ()) if point["stream"].startswith("ranking/")]:
        unheard = [one for one in reviews(record, ranking) if one.point.version > seen.get(one.point.stream, 0)]
        if any(one.time <= before(seal.time) for one in unheard):
            yield f"the seal does not know of a verdict before it on {ranking}, from which it carries"
        if any(one.time <= before(seal.time) for one in _unheard_orders(seal, ranking, record)):
            yield f"the seal does not know of an order before it to seal {ranking} anew, from which it carries"
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


def first_seal(seal: Kept, record: Record) -> Kept:
    """Return the first seal of a seal's stage: by then the totals were known, and the committee counts as it was."""
    return record.of(seal.point.stream, "RankingSealed")[0]


def committee_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Check that a stage sealed anew takes the committee as the seal before knew it, but for what the order names."""
    stream = committee_stream(seal.data["at"])
    earlier = [one for one in record.of(seal.point.stream, "RankingSealed") if one.point.version < seal.point.version]
    if not earlier:
        return
    known, seen = _committee_version(earlier[-1], stream), _committee_version(seal, stream)
    orders = record.of(award_of(seal.data["at"]), "ResealOrdered")
    named = [point for one in orders if one.data["seal"] == earlier[-1].id for point in one.data["stale"]]
    missed = max([point["version"] for point in named if point["stream"] == stream], default=0)
    if not known <= seen <= max(known, missed):
        yield f"the seal knows the committee at version {seen}; the seal before knew {known}, its order names {missed}"


def _committee_version(seal: Kept, stream: str) -> int:
    return max([one["version"] for one in seal.data["basis"]["streams"] if one["stream"] == stream], default=0)


def _unheard_orders(seal: Kept, ranking: str, record: Record) -> list[Kept]:
    """Return the orders against the very seal of a ranking that a seal carries from, unknown to it."""
    basis, award = seal.data["basis"], award_of_ranking(ranking)
    seen = max([point["version"] for point in basis["streams"] if point["stream"] == award], default=0)
    cited = [point["version"] for point in basis["carried"] if point["stream"] == ranking]
    sources = {one.id for one in record.of(ranking, "RankingSealed") if one.point.version in cited}
    orders = [one for one in record.of(award, "ResealOrdered") if one.point.version > seen]
    return [one for one in orders if one.data["seal"] in sources]


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
    """Check that every order to seal anew names a seal of its ranking, and that nothing is carried from that seal."""
    for order in record.kind("award", "ResealOrdered"):
        seal = record.seals.get(order.data["seal"])
        if seal is None or seal.point.stream != order.data["ranking"]:
            yield "seal", order.place, "it orders anew what is no seal of its ranking"
        elif any(one.time > first_seal(seal, record).time for one in _named_changes(order, seal, record)):
            yield "seal", order.place, "it names a change of the committee that came after the totals were known"
    for sealed in record.seals.values():
        yield from told("seal", sealed.place, _source_faults(sealed, record))


def _named_changes(order: Kept, seal: Kept, record: Record) -> list[Kept]:
    stream = committee_stream(seal.data["at"])
    versions = {point["version"] for point in order.data["stale"] if point["stream"] == stream}
    return [one for one in record.of(stream) if one.point.version in versions]


def _source_faults(seal: Kept, record: Record) -> Iterator[str]:
    """Say where a seal carries from one that was to be made anew, as scoring knew, or that was made anew before.

    A verdict reaches the stage after the next one by the next one's new seal, so whoever is ranked waits for that.
    """
    basis = seal.data["basis"]
    seen = {point["stream"]: point["version"] for point in basis["streams"]}
    cited = {point["stream"]: point["version"] for point in basis.get("carried", ())}
    for ranking in sorted(_sources(seal, record) & cited.keys()):
        sealed = record.of(ranking, "RankingSealed")
        award = award_of_ranking(ranking)
        orders = [one for one in record.of(award, "ResealOrdered") if one.point.version <= seen.get(award, 0)]
        known = {one.data["seal"] for one in orders}
        if any(one.point.version == cited[ranking] and one.id in known for one in sealed):
            yield f"it carries from a seal of {ranking} that was to be made anew"
        if any(one.point.version > cited[ranking] and one.time <= before(seal.time) for one in sealed):
            yield f"it carries from a seal of {ranking} that was made anew before"


def _sources(seal: Kept, record: Record) -> set[str]:
    """Return the rankings that figures of whom a seal ranks are carried from."""
    said = seal.data
    versions = {point["stream"]: point["version"] for point in said["basis"]["streams"]}
    aspects = record.rules(said["at"]["season"], said["rulebook_version"]).ranking(said["at"]).aspects
    stages = {one.carried[:2] for one in aspects if one.carried is not None}
    found: set[str] = set()
    for nomination in said["basis"]["nominations"] if stages else ():
        way = _way_until(record, nomination, versions.get(f"nomination/{nomination}", 0))
        passed = {(at["tier"], at["stage"]): at for at in (way.path if way else ())}
        found |= {ranking_of(at) for stage, at in passed.items() if stage in stages}
    return found


def _way_until(record: Record, nomination: str, version: int) -> Way | None:
    return way_of(record, nomination, lambda event: event.point.version <= version)
