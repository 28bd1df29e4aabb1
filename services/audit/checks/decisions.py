"""Decisions of plenaries, counted and concluded anew: who advances, who wins, who leaves, who enters late.

What a decision leads to is computed from its motion, its seal, the ties broken on it and the rulebook; it must list
just that. What somebody who withdrew meanwhile would have got is left out, and nobody moves up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.audit.checks.motions import count_faults
from services.audit.checks.results import compared, crowned, missing_faults, verified_faults
from services.audit.checks.scoring import deadline
from services.audit.checks.stages import held_faults, leads_to, proposes, upstream_faults
from services.audit.checks.staleness import entering_faults, stale_faults
from services.audit.checks.telling import after, before
from services.audit.checks.ties import broken, effective_ranks, tie_faults
from services.audit.checks.verdicts import verdict_faults, winners_at
from services.audit.checks.ways import left_empty
from services.audit.meetings import Decided, Kept, Motion
from services.audit.record import Record, award_of, ranking_of
from services.audit.rules import Rules

Json = Mapping[str, Any]


def decision_faults(decided: Decided, record: Record) -> Iterator[str]:
    """Check a decision of any kind."""
    motion, convened = decided.motion, decided.convened
    if motion is None or convened is None:
        yield "its motion was never opened"
        return
    if decided.again:
        yield "its motion was decided before"
    if (decided.event.name == "AdmissionDecided") is not (motion.opened.name == "AdmissionMotionOpened"):
        yield "it closes another kind of motion"
        return
    if decided.event.name == "AdmissionDecided":
        yield from _admission_faults(decided, motion, record)
        return
    said = decided.event.data
    seal = record.seals.get(said["seal"])
    if seal is None:
        yield f"the seal {said['seal']} that it rests on is not here"
        return
    yield from _seal_cited(decided, motion, seal, record)
    rules = record.rules(decided.at["season"], said["rulebook_version"])
    yield from _meeting_faults(decided, convened, rules)
    yield from count_faults(decided, motion, rules, record)
    match motion.opened.name:
        case "MotionOpened":
            yield from _proposed_faults(decided, motion, seal, rules, record)
        case "TieMotionOpened":
            yield from tie_faults(decided, motion, seal, rules, record)
        case _:
            yield from verdict_faults(decided, motion, seal, rules, record)


def _seal_cited(decided: Decided, motion: Motion, seal: Kept, record: Record) -> Iterator[str]:
    said = decided.event.data
    if seal.data["at"] != decided.at:
        yield "the seal is of another stage than the item"
    for name, value in (
        ("digest", seal.data["digest"]),
        ("rulebook_version", seal.data["rulebook_version"]),
        ("item", motion.opened.data["item"]),
        ("seal", motion.opened.data["seal"]),
    ):
        if said[name] != value:
            yield f"`{name}` is not that of the seal and the motion"
    if motion.opened.name == "AppealMotionOpened":
        return
    tabled = decided.tabled
    cited = (seal.id, seal.data["digest"], *seal.point)
    if tabled is None or tuple(tabled[name] for name in ("seal", "digest", "ranking", "seal_version")) != cited:
        yield "the seal was not what lay before the meeting"
    orders = record.of(award_of(decided.at), "ResealOrdered")
    ended = [*orders, *record.of(seal.point.stream, "RankingSuperseded")]
    if any(one.data["seal"] == seal.id and one.time < before(decided.event.time) for one in ended):
        yield "the seal was replaced before, or ordered to be made anew"
    yield from stale_faults(seal, record)


def _meeting_faults(decided: Decided, convened: Kept, rules: Rules) -> Iterator[str]:
    said, at = convened.data, decided.at
    body = rules.stage(at)["body"]
    if said["body"] != body:
        yield f"the stage is {body}'s to decide"
    if (said["province"] == "00") is not (said["tier"] == "national"):
        yield "the meeting's place is of another tier"
    notice = rules.body(said["body"]).get("notice_days")
    if notice is None:
        return
    if decided.event.time < said["scheduled"]:
        yield "it fell before the hour for which the meeting was convened"
    previous = rules.end_of_day(said["province"], before(convened.time), notice)
    if said["scheduled"] <= previous and notice:
        yield f"the meeting was convened with fewer than {notice} days of notice"


# --- proposals -----------------------------------------------------------------------------------------------------


def _proposed_faults(decided: Decided, motion: Motion, seal: Kept, rules: Rules, record: Record) -> Iterator[str]:
    yield from held_faults(decided.at, decided.event.time, record)
    yield from upstream_faults(decided, rules, record)
    yield from _too_late_faults(decided, rules, record)
    yield from _proposal_faults(decided, motion, seal, rules, record)
    if rules.following(decided.at) is None and winners_at(decided.at, decided.event.time, record):
        yield "the winners of the path were declared before"
    if decided.carried:
        yield from _result_faults(decided, motion, seal, rules, record)
    elif decided.results:
        yield "a motion that was lost has no results"


def _too_late_faults(decided: Decided, rules: Rules, record: Record) -> Iterator[str]:
    """Check that a stage whose best enter another was not carried after that other one certainly was."""
    moment = before(decided.event.time)
    for one in record.decisions() if decided.carried else ():
        if one.carried and proposes(one) and one.event.time <= moment and leads_to(decided.at, one.at, rules):
            yield "the next stage, which its best would enter, was decided before"
            return


def _proposal_faults(decided: Decided, motion: Motion, seal: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check that the motion proposes ranks 1 to the quota; only who withdrew may be left out."""
    quota = rules.ranking(decided.at).quota(decided.at["province"])
    said = motion.opened.data
    ranks = effective_ranks(seal.data["standings"], broken(record, seal.id, motion.opened.time))
    within = [nomination for nomination, rank in ranks.items() if rank <= quota]
    leaving = [nomination for nomination, rank in ranks.items() if rank > quota]
    leaving += [row["nomination"] for row in seal.data["unrankable"]]
    for what, told, own in (("advancing", said["advancing"], within), ("eliminated", said["eliminated"], leaving)):
        latest = after(motion.opened.time)
        competing = [one for one in own if one in told or not left_empty(record, one, latest)]
        if list(told) != competing:
            yield f"its motion's `{what}` is not what the seal and a quota of {quota} give"
    if len(said["advancing"]) > quota:
        yield f"its motion advances {len(said['advancing'])}, and the quota is {quota}"
    named = [*seal.data["standings"], *seal.data["unrankable"]]
    leaves_ranks_vacant = named and rules.following(decided.at) is None
    if not (said["advancing"] or said["eliminated"] or leaves_ranks_vacant):
        yield "its motion concerns nobody"


def _result_faults(decided: Decided, motion: Motion, seal: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check that the results are those of the motion: everybody in it once, each as the seal ranks it."""
    ranks = effective_ranks(seal.data["standings"], broken(record, seal.id, decided.event.time))
    listed = [record.caused.get(point) for point in decided.results]
    yield from missing_faults(decided, record)
    sides = dict.fromkeys(motion.opened.data["advancing"], "ahead")
    sides |= dict.fromkeys(motion.opened.data["eliminated"], "out")
    expected: list[Json] = []
    for nomination, side in sides.items():
        if not left_empty(record, nomination, after(decided.event.time)) or _moved(listed, nomination):
            expected.append(_expected(side, nomination, decided, rules, ranks))
    expected += crowned(decided, [one for one in expected if one["name"] != "NominationEliminated"], rules)
    orders = [one for one in listed if one is not None and one.name == "ResealOrdered"]
    entering = [one["nomination"] for one in expected if one["name"] == "StageAdvanced"]
    yield from entering_faults(decided, orders, entering, rules.following(decided.at), record)
    others = [one for one in listed if one is None or one.name != "ResealOrdered"]
    yield from compared(others, expected, seal, record)
    yield from verified_faults(decided, listed, rules, record)


def _moved(listed: Iterable[Kept | None], nomination: str) -> bool:
    moves = ("StageAdvanced", "NominationEliminated", "WinnerDeclared")
    return any(one is not None and one.name in moves and one.data["nomination"] == nomination for one in listed)


def _expected(side: str, nomination: str, decided: Decided, rules: Rules, ranks: Mapping[str, int]) -> dict[str, Any]:
    """Return what a carried proposal brings to one nominee, in the form of the event with its name."""
    at, following = decided.at, rules.following(decided.at)
    common = {"nomination": nomination, "seal": decided.event.data["seal"], **decided.cited}
    if nomination in ranks:
        common["rank"] = ranks[nomination]
    if side == "out":
        reason = "below-quota" if nomination in ranks else "unrankable"
        return {"name": "NominationEliminated", "at": at, "reason": reason, **common}
    if following is None:
        return {"name": "WinnerDeclared", "at": at, **common}
    return {"name": "StageAdvanced", "left": at, "reached": following, **common}


# --- late nominations ----------------------------------------------------------------------------------------------


def _admission_faults(decided: Decided, motion: Motion, record: Record) -> Iterator[str]:
    """Check that a late nomination was admitted by the votes, and to a stage that was not sealed."""
    said, opened = decided.event.data, motion.opened.data
    for name in ("item", "nomination"):
        if said[name] != opened[name]:
            yield f"`{name}` is not that of the motion"
    moment = decided.event.time
    versions = [one.version for one in record.rules_at(decided.at["season"], before(moment), after(moment))]
    if said["rulebook_version"] not in versions:
        yield "`rulebook_version` is not the season's newest"
    rules = record.rules(decided.at["season"], said["rulebook_version"])
    if decided.convened is not None:
        yield from _meeting_faults(decided, decided.convened, rules)
    yield from count_faults(decided, motion, rules, record)
    stream = f"nomination/{said['nomination']}"
    filed = record.of(stream, "NominationFiledLate")
    if not filed or filed[0].data["entry"] != decided.at or filed[0].time > opened_by(motion):
        yield "the nomination was not filed late for this stage"
    yield from _entry_faults(decided, record)


def opened_by(motion: Motion) -> str:
    """Return when a motion was certainly open."""
    return after(motion.opened.time)


def _entry_faults(decided: Decided, record: Record) -> Iterator[str]:
    said = decided.event.data
    entered = record.of(f"nomination/{said['nomination']}", "CandidateNominated")
    expected = [entered[0].point] if decided.carried and entered else []
    if decided.results != expected or (decided.carried and not entered):
        yield "its results are not the nomination that it admits, or none"
    seals = record.of(ranking_of(decided.at), "RankingSealed", "RankingSuperseded")
    current = [one.name for one in seals if one.time < before(decided.event.time)][-1:]
    if current == ["RankingSealed"]:
        yield "the stage was sealed before"
    if decided.carried and before(decided.event.time) > (closes := _scored_until(decided, record)):
        yield f"nobody could score it any more: scoring had ended at {closes}"


def _scored_until(decided: Decided, record: Record) -> str:
    """Return until when sheets of a stage were received, as far as that can have been known at a decision."""
    stream = ranking_of(decided.at)
    known = [one.point.version for one in record.of(stream) if one.time <= after(decided.event.time)]
    opened = deadline(record, stream, max(known, default=0) + 1)
    return opened or record.rules(decided.at["season"], decided.event.data["rulebook_version"]).scoring(decided.at)[1]
