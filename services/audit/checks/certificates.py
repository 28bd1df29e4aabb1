"""Certificates: issued to whom the rules grant them, once, under the next number, after all is announced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from kernel.canonical import from_instant
from schemas.regions import NATION
from services.audit.checks.stages import awaits_verdict
from services.audit.checks.telling import Fault, after, before, told
from services.audit.checks.verdicts import rank_ahead
from services.audit.checks.ways import Way, ways_near
from services.audit.meetings import Kept
from services.audit.recompute import one_of
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]

_OPEN: Final = ("StageFrozen", "StageUnfrozen", "DecisionContested", "DecisionReviewed")


def certificates_faults(record: Record) -> Iterator[Fault]:
    """Check every certificate that was issued, and that no number was given twice."""
    numbers: set[str] = set()
    for stream in [one for one in record.streams if one.startswith("award/")]:
        for issued in record.of(stream, "CertificateIssued"):
            yield from told("certificate", issued.place, _issued_faults(issued, record))
            if issued.data["number"] in numbers:
                yield "certificate", issued.place, f"the number {issued.data['number']} was given before"
            numbers.add(issued.data["number"])
        for revoked in record.of(stream, "CertificateRevoked"):
            yield from told("certificate", revoked.place, _revoked_faults(revoked, record))


def _before(issued: Kept, record: Record, *names: str) -> list[Kept]:
    """Return what the award's stream says before an event."""
    return [one for one in record.of(issued.point.stream, *names) if one.point.version < issued.point.version]


def _issued_faults(issued: Kept, record: Record) -> Iterator[str]:
    said = issued.data
    rules = record.rules(said["at"]["season"], said["rulebook_version"])
    granted = one_of(rules.content["certificates"], "certificate", code=said["kind"])
    if (granted["tier"], granted["given_to"]) != (said["at"]["tier"], said["given_to"]):
        yield "the rules grant this certificate to others"
    last = _last_stage(rules, said["at"])
    announced = [one for one in _before(issued, record, "RankingAnnounced") if one.data["at"] == last]
    if not announced:
        yield "the result of the path's last stage was not announced"
    elif record.seals[announced[-1].data["seal"]].data["rulebook_version"] != said["rulebook_version"]:
        yield "`rulebook_version` is not the one that the announced ranking was sealed under"
    if awaits_verdict(_before(issued, record, "RankingAnnounced", "DecisionReviewed")):
        yield "a verdict on the path was not announced"
    if _is_contested(issued, record):
        yield "an appeal waited for its decision"
    yield from _holder_faults(issued, granted, last, record)
    yield from _number_faults(issued, rules, record)


def _last_stage(rules: Rules, at: Json) -> Json:
    stages = [one for one in rules.content["stages"] if (one["category"], one["tier"]) == (at["category"], at["tier"])]
    return {**at, "stage": max(stages, key=lambda one: one["order"])["code"]}


def _is_contested(issued: Kept, record: Record) -> bool:
    """Tell whether an appeal was open on the award's own stream."""
    open_: set[str] = set()
    for event in _before(issued, record, *_OPEN):
        ends = event.name in ("StageUnfrozen", "DecisionReviewed")
        (open_.discard if ends else open_.add)(event.data["appeal"])
    return bool(open_)


def _holder_faults(issued: Kept, granted: Json, last: Json, record: Record) -> Iterator[str]:
    """Check that a winner holds that rank, or that a finalist reached the stage."""
    said = issued.data
    ways = [way for way in ways_near(record, said["nomination"], issued.time) if way is not None]
    if not any(said["candidate"] in way.names for way in ways):
        yield f"the nominee does not bear the name {said['candidate']!r}"
    if said["given_to"] == "winner":
        # Where the path goes on in the next tier, who advanced there is who won.
        ranks = {_rank_held(issued, record), *_advanced_from(last, issued, ways, record)}
        if said["at"] != last or said.get("rank") is None or said.get("rank") not in ranks:
            yield f"the nominee does not hold rank {said.get('rank')}"
    elif said["at"] != {**last, "stage": granted["stage"]} or not _reached(said["at"], ways) or "rank" in said:
        yield "the nominee did not reach the stage"


def _reached(at: Json, ways: list[Way]) -> bool:
    return any(at in way.path for way in ways)


def _rank_held(issued: Kept, record: Record) -> int | None:
    rank: int | None = None
    for event in _before(issued, record, "WinnerDeclared", "WinnerWithdrawn"):
        if (event.data["nomination"], event.data["at"]) == (issued.data["nomination"], issued.data["at"]):
            rank = event.data["rank"] if event.name == "WinnerDeclared" else None
    return rank


def _advanced_from(last: Json, issued: Kept, ways: list[Way], record: Record) -> Iterator[int | None]:
    """Yield the rank by which the nominee went on, as verdicts left it."""
    if any(way.has_left(last) for way in ways):
        for moment in (issued.time, after(issued.time)):
            yield rank_ahead(issued.data["nomination"], last, moment, record)


def _number_faults(issued: Kept, rules: Rules, record: Record) -> Iterator[str]:
    said, at = issued.data, issued.data["at"]
    earlier = _before(issued, record, "CertificateIssued")
    counts = Counter(one.data["kind"] for one in earlier)
    place = () if at["province"] == NATION else (f"PROV-{at['province']}",)
    parts = (f"{counts[said['kind']] + 1:03}", said["kind"].upper(), at["category"], *place, f"PA-{at['season']}")
    if said["number"] != "/".join(parts):
        yield f"its number is {said['number']}; the next one is {'/'.join(parts)}"
    revoked = {one.data["certificate"] for one in _before(issued, record, "CertificateRevoked")}
    same = [one for one in earlier if (one.data["kind"], one.data["nomination"]) == (said["kind"], said["nomination"])]
    if any(one.data["certificate"] not in revoked for one in same):
        yield "the nominee holds this certificate already"
    if any(one.data["certificate"] == said["certificate"] for one in earlier):
        yield "its id is another certificate's"
    days = {_day(moment, rules, at["province"]) for moment in (before(issued.time), issued.time)}
    if date.fromisoformat(said["dated"]) not in days:
        yield f"it is dated {said['dated']}, and was issued on another day"


def _day(moment: str, rules: Rules, province: str) -> date:
    return from_instant(moment).astimezone(rules.zone(province)).date()


def _revoked_faults(revoked: Kept, record: Record) -> Iterator[str]:
    said = revoked.data
    issued = [one.data for one in _before(revoked, record, "CertificateIssued")]
    if not any(all(one[name] == said[name] for name in ("certificate", "number", "nomination")) for one in issued):
        yield "no such certificate was issued"
    if any(one.data["certificate"] == said["certificate"] for one in _before(revoked, record, "CertificateRevoked")):
        yield "it was revoked before"
