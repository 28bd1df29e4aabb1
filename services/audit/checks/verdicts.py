"""Verdicts on appeals: the sealed aggregates ranked anew, who enters and leaves by it, and all that follows.

An upheld appeal changes the figures of one nominee in the standings that count (the seal's, or those of the last upheld
appeal against it) and nothing else. Whoever is within the quota then and was not enters, whoever was and is not leaves;
nobody moves up into the seat of one who withdrew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any

from kernel.canonical import canonical
from services.audit.checks.results import compared, covered, crowned, missing_faults, verified_faults
from services.audit.checks.stages import held_faults, holds
from services.audit.checks.telling import after, before
from services.audit.checks.ties import broken
from services.audit.checks.ways import Way, ways_until
from services.audit.meetings import Decided, Kept, Motion
from services.audit.recompute import aggregate, reranked
from services.audit.record import Record, award_of, award_of_ranking, ranking_of
from services.audit.rules import Rules

Json = Mapping[str, Any]


def digest_of(standings: Sequence[Json], unrankable: Sequence[Json]) -> str:
    """Return the SHA-256 of standings and unrankable nominees, as seals and verdicts state it."""
    return hashlib.sha256(canonical({"standings": standings, "unrankable": unrankable})).hexdigest()


def corrections(record: Record, seal: str, moment: str) -> list[Kept]:
    """Return the upheld appeals that corrected a seal before a moment, in order."""
    decided = [
        one
        for one in record.kind("appeal", "AppealDecided")
        if one.data["seal"] == seal and one.data["verdict"]["outcome"] == "upheld" and one.time < moment
    ]
    return sorted(decided, key=lambda one: one.time)


def reviews(record: Record, ranking: str) -> list[Kept]:
    """Return where a ranking's award says that an appeal against it was upheld, in the order of its stream."""
    found = record.of(award_of_ranking(ranking), "DecisionReviewed")
    return [one for one in found if one.data["outcome"] == "upheld" and ranking_of(one.data["at"]) == ranking]


def parted_ranks(ranked: Sequence[Json], orders: Sequence[Sequence[str]], gone: Collection[str]) -> dict[str, int]:
    """Return everybody's rank, best first, with the ties that people broke taken into account.

    Args:
        ranked: standings, in which those who remain tied share a rank.
        orders: in which order people put tied nominees; the first that covers a shared rank counts, and whoever it
            names keeps the place there, also who is gone.
        gone: who takes no seat any more, so that no order need name them.
    """
    ranks: dict[str, int] = {}
    for rank, rows in groupby(ranked, key=lambda row: row["rank"]):
        tied = [str(row["nomination"]) for row in rows]
        named = [[one for one in order if one in tied] for order in orders]
        left = [one for one in tied if one not in gone]
        covering = [order for order in named if len(order) > 1 and set(left) <= set(order)]
        order = covering[0] if covering else []
        ranks |= {one: rank + order.index(one) if one in order else rank for one in tied}
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


@dataclass(slots=True)
class Reversal:
    """A verdict worked out on what was there when it fell."""

    decided: Decided
    motion: Motion
    seal: Kept
    rules: Rules
    record: Record
    before: Json = field(init=False)
    standings: list[Json] = field(init=False)
    unrankable: list[Json] = field(init=False)
    ways: dict[str, Way | None] = field(init=False)
    held: dict[str, int | None] = field(init=False)
    former: dict[str, int] = field(init=False)
    ranks: dict[str, int] = field(init=False)
    due: dict[str, int] = field(init=False)
    tied: list[str] = field(init=False)
    """Who shares the last rank within the quota once ranked anew, if they are more than the seats from it on."""

    def __post_init__(self) -> None:
        corrected = corrections(self.record, self.seal.id, self.moment)
        self.before = corrected[-1].data if corrected else self.seal.data
        named = [row["nomination"] for row in (*self.before["standings"], *self.before["unrankable"])]
        self.ways = {one: ways_until(self.record, one, self.moment) for one in named}
        self.held = self._held()
        if not self.upheld:
            self.standings, self.unrankable = list(self.before["standings"]), list(self.before["unrankable"])
            self.former, self.ranks, self.due, self.tied = {}, {}, {}, []
            return
        nominated = {one: way.begun.time for one, way in self.ways.items() if way is not None}
        whose = self.motion.opened.data["nomination"]
        rules = self.rules.ranking(self.at)
        self.standings, self.unrankable = reranked(rules, self.before, whose, self._figures(), nominated)
        gone = {one for one in named if one not in self.held and not self._may_enter(self.ways[one])}
        voted = [one.data["verdict"].get("order") for one in reversed(corrected)]
        own = self.verdict.get("order")
        ties = [tie["order"] for tie in broken(self.record, self.seal.id, self.moment)]
        orders = [order for order in (*voted, *ties) if order]
        self.due = self._within(parted_ranks(self.standings, orders, gone), gone)
        last = max(self.due.values(), default=0)
        self.tied = [one for one, rank in self.due.items() if rank == last]
        self.tied = self.tied if last + len(self.tied) - 1 > rules.quota(self.at["province"]) else []
        self.former = parted_ranks(self.before["standings"], orders, gone)
        self.ranks = parted_ranks(self.standings, [own, *orders] if own else orders, gone)
        self.due = self._within(self.ranks, gone)

    @property
    def moment(self) -> str:
        """Return when it was decided."""
        return self.decided.event.time

    @property
    def at(self) -> Json:
        """Return the contested stage."""
        return self.decided.at

    @property
    def verdict(self) -> Json:
        """Return what was put to the vote."""
        verdict: Json = self.motion.opened.data["verdict"]
        return verdict

    @property
    def upheld(self) -> bool:
        """Tell whether the appeal is upheld by it."""
        return bool(self.verdict["outcome"] == "upheld")

    @property
    def entering(self) -> list[str]:
        """Return who gets a seat, in rank order."""
        return [one for one in self.due if one not in self.held]

    @property
    def leaving(self) -> list[str]:
        """Return who loses one, by id."""
        return sorted(one for one in self.held if one not in self.due) if self.upheld else []

    @property
    def moving(self) -> list[str]:
        """Return those who keep a seat and whose rank of a tier changes, in rank order."""
        return [one for one, rank in self.due.items() if self.held.get(one) not in (None, rank)]

    @property
    def taking(self) -> list[Json]:
        """Return those who get a seat or another rank, in rank order, with the rank."""
        changed = {*self.entering, *self.moving}
        return [{"nomination": one, "rank": rank} for one, rank in self.due.items() if one in changed]

    @property
    def ends_path(self) -> bool:
        """Tell whether winners come of the contested stage."""
        return self.rules.following(self.at) is None

    def _within(self, ranks: Mapping[str, int], gone: Collection[str]) -> dict[str, int]:
        """Return who is within the quota and not gone, best first, with the rank."""
        quota = self.rules.ranking(self.at).quota(self.at["province"])
        return {one: rank for one, rank in ranks.items() if rank <= quota and one not in gone}

    def _held(self) -> dict[str, int | None]:
        """Return who holds a seat: the winners and those whom a tier sends on with their rank, or who advanced."""
        if self.ends_path:
            return dict(winners_at(self.at, self.moment, self.record))
        ahead = [one for one, way in self.ways.items() if way is not None and way.has_left(self.at)]
        if not self.rules.ends_tier(self.at):
            return dict.fromkeys(ahead)
        return {one: rank_ahead(one, self.at, self.moment, self.record) for one in ahead}

    def _may_enter(self, way: Way | None) -> bool:
        return way is not None and way.at == self.at and way.ending not in ("withdrawn", "rejected")

    def _figures(self) -> dict[str, tuple[Fraction, int]]:
        rules = self.rules.ranking(self.at)
        found: dict[str, tuple[Fraction, int]] = {}
        for figure in self.verdict.get("figures", ()):
            marks = sorted(Fraction(mark) for mark in figure.get("marks") or ())
            value = Fraction(figure["value"]) if figure.get("value") else aggregate(rules, marks)
            found[figure["aspect"]] = (value, len(marks))
        return found

    def comparison(self) -> list[Json]:
        """Return every nominee before and after, in the form of AppealDecided."""
        rows = [{row["nomination"]: row for row in one} for one in (self.before["standings"], self.standings)]
        shifts: list[Json] = []
        for named in (*self.standings, *self.unrankable):
            one = named["nomination"]
            earlier, later = (row.get(one, {}) for row in rows)
            moves = "moves" if self.former.get(one) != self.ranks.get(one) else "none"
            change = "enters" if one in self.entering else "leaves" if one in self.leaving else moves
            told = {
                "nomination": one,
                "rank_before": self.former.get(one),
                "rank_after": self.ranks.get(one),
                "total_before": earlier.get("total"),
                "total_after": later.get("total"),
                "change": change,
            }
            shifts.append({name: value for name, value in told.items() if value is not None})
        return shifts


# --- the motion and its decision -----------------------------------------------------------------------------------


def verdict_faults(decided: Decided, motion: Motion, seal: Kept, rules: Rules, record: Record) -> Iterator[str]:
    """Check a decision on an appeal: what was asked, what was worked out, and everything that follows."""
    yield from held_faults(decided.at, decided.event.time, record)
    yield from _case_faults(decided, motion, seal, record)
    yield from _figure_faults(motion.opened.data["verdict"], rules, decided.at)
    if not decided.carried:
        if decided.results:
            yield "a motion that was lost has no results"
        return
    reversal = Reversal(decided, motion, seal, rules, record)
    if sorted(reversal.verdict.get("order", ())) != sorted(reversal.tied):
        yield "its verdict does not put just those in an order who would share a rank at the cut"
    affected = {*reversal.entering, *reversal.moving, *reversal.leaving}
    if not affected <= set(motion.nominations):
        yield "its motion does not name everybody whose outcome it changes"
    listed = [record.caused.get(point) for point in decided.results]
    yield from missing_faults(decided, record)
    yield from verified_faults(decided, listed, rules, record)
    orders = [one for one in listed if one is not None and one.name == "ResealOrdered"]
    yield from _order_faults(reversal, orders)
    others = [one for one in listed if one is None or one.name != "ResealOrdered"]
    yield from compared(others, _results(reversal), seal, record)


def _case_faults(decided: Decided, motion: Motion, seal: Kept, record: Record) -> Iterator[str]:
    said = motion.opened.data
    lodged = record.of(f"appeal/{said['appeal']}", "AppealLodged")
    if not lodged:
        yield "the appeal was never lodged"
        return
    appeal = lodged[0].data
    if (appeal["at"], appeal["nomination"]) != (decided.at, said["nomination"]):
        yield "the appeal is of another stage or nominee"
    for figure in said["verdict"].get("figures", ()):
        if appeal.get("aspect") not in (None, figure["aspect"]):
            yield f"its verdict changes {figure['aspect']}, and the appeal contests {appeal['aspect']}"
    contested = record.meetings.get(f"plenary/{appeal['plenary']}")
    against = contested.motions.get(appeal["motion"]) if contested else None
    if contested is None or against is None or against.opened.data.get("seal") != seal.id:
        yield "the contested decision rests on another seal"
    elif contested.convened is None or decided.convened is None:
        yield "the contested decision's meeting was never convened"
    elif contested.convened.data["body"] != decided.convened.data["body"]:
        yield "another body than the one that decided it takes the appeal"
    earlier = record.of(f"appeal/{said['appeal']}", "AppealDecided")
    if any(one.time < decided.event.time for one in earlier):
        yield "the appeal was decided before"


def _figure_faults(verdict: Json, rules: Rules, at: Json) -> Iterator[str]:
    """Check a verdict's figures against the outcome and the stage's scales."""
    figures = verdict.get("figures", ())
    if (verdict["outcome"] == "upheld") is not bool(figures):
        yield "an appeal is upheld with figures, and dismissed without"
    stage = rules.stage(at)
    rubric = next(one for one in rules.content["rubrics"] if one["code"] == stage["rubric"])
    scales = {one["code"]: one["scale"] for one in rubric["aspects"]}
    aspects = {one.code: one for one in rules.ranking(at).aspects}
    if len({figure["aspect"] for figure in figures}) != len(figures):
        yield "its verdict has a figure twice"
    for figure in figures:
        aspect, marks = aspects.get(figure["aspect"]), figure.get("marks")
        if aspect is None:
            yield f"{figure['aspect']} does not count at the stage"
            continue
        given = [Fraction(mark) for mark in marks] if marks is not None else [Fraction(figure["value"])]
        least, greatest, step = (Fraction(scales[aspect.code][name]) for name in ("least", "greatest", "step"))
        off = any(not least <= one <= greatest for one in given)
        if off or (marks is not None and any((one - least) % step for one in given)):
            yield f"the figure of {aspect.code} is not on its scale"
        if marks is not None and (aspect.origin != "judged" or len(marks) < rules.ranking(at).least_sheets):
            yield f"marks of {aspect.code} replace nothing, or are too few"


# --- what follows --------------------------------------------------------------------------------------------------


def _results(reversal: Reversal) -> Iterator[Json]:
    """Yield everything that a carried verdict leads to, but orders to seal anew."""
    yield from _reviewed(reversal)
    if reversal.upheld:
        yield from _winners(reversal) if reversal.ends_path else _moved(reversal)
        yield from _revoked(reversal)
    for stage in reversal.rules.downstream(reversal.at):
        for frozen, _ in holds(stage, reversal.record):
            if frozen.data["appeal"] == _appeal(reversal) and stage == frozen.data["stages"][0]:
                said = {name: frozen.data[name] for name in ("at", "stages", "appeal")}
                yield {"name": "StageUnfrozen", **said}


def _appeal(reversal: Reversal) -> str:
    return str(reversal.motion.opened.data["appeal"])


def _by_appeal(reversal: Reversal) -> dict[str, Any]:
    return {"appeal": _appeal(reversal), **reversal.decided.cited}


def _reviewed(reversal: Reversal) -> Iterator[Json]:
    earlier = digest_of(reversal.before["standings"], reversal.before["unrankable"])
    later = digest_of(reversal.standings, reversal.unrankable)
    anew = {
        "after": later,
        "standings": reversal.standings,
        "unrankable": reversal.unrankable,
        "comparison": reversal.comparison(),
    }
    yield {
        "name": "AppealDecided",
        "nomination": reversal.motion.opened.data["nomination"],
        "at": reversal.at,
        "seal": reversal.seal.id,
        "verdict": reversal.verdict,
        "before": earlier,
        **_by_appeal(reversal),
        **(anew if reversal.upheld else {}),
    }
    places = [{"nomination": one, "rank": rank} for one, rank in reversal.due.items()]
    yield {
        "name": "DecisionReviewed",
        "at": reversal.at,
        "appeal": _appeal(reversal),
        "seal": reversal.seal.id,
        "outcome": reversal.verdict["outcome"],
        "digest": later if reversal.upheld else earlier,
        **({"places": places} if reversal.upheld else {}),
    }


def _moved(reversal: Reversal) -> Iterator[Json]:
    """Yield those who had advanced and return, with what they won later, and those who advance now."""
    at, seal = reversal.at, reversal.seal.id
    for one in reversal.leaving:
        way = reversal.ways[one]
        if way is None:
            continue
        said = {"nomination": one, "left": way.at, "returned": at, "seal": seal, **_by_appeal(reversal)}
        yield {"name": "StageAdvanceWithdrawn", **said, **_rank(reversal.ranks.get(one))}
        for stage in reversal.rules.downstream(at):
            rank = winners_at(stage, reversal.moment, reversal.record).get(one)
            if rank is not None:
                yield _dethroned(one, stage, rank, reversal)
    for stage in reversal.rules.downstream(at):
        winners = winners_at(stage, reversal.moment, reversal.record)
        kept = [rank for one, rank in winners.items() if one not in reversal.leaving]
        for rank in covered(winners.values()) - covered(kept):
            yield {"name": "RankLeftVacant", "at": stage, "rank": rank, **reversal.decided.cited}
    for one in reversal.entering:
        yield {
            "name": "StageAdvanced",
            "nomination": one,
            "left": at,
            "reached": reversal.rules.following(at),
            "rank": reversal.due[one],
            "seal": seal,
            **reversal.decided.cited,
        }
    yield from crowned(reversal.decided, reversal.taking, reversal.rules)


def _rank(rank: int | None) -> dict[str, int]:
    return {} if rank is None else {"rank": rank}


def winners_at(at: Json, moment: str, record: Record) -> dict[str, int]:
    """Return who had won at the end of a path before a moment, with the rank."""
    found: dict[str, int] = {}
    for event in record.of(award_of(at), "WinnerDeclared", "WinnerWithdrawn"):
        if event.time < moment and event.data["at"] == at:
            if event.name == "WinnerDeclared":
                found[event.data["nomination"]] = event.data["rank"]
            else:
                found.pop(event.data["nomination"], None)
    return found


def rank_ahead(nomination: str, at: Json, moment: str, record: Record) -> int | None:
    """Return the rank by which a nominee went on from a stage, as the verdicts before a moment left it."""
    steps = [one for one in record.of(f"nomination/{nomination}", "StageAdvanced") if one.data["left"] == at]
    went = [one.data for one in steps if one.time < moment]
    if not went:
        return None
    rank: int = went[-1]["rank"]
    for review in record.of(award_of(at), "DecisionReviewed"):
        if review.data["seal"] == went[-1]["seal"] and review.time < moment:
            places = {one["nomination"]: one["rank"] for one in review.data.get("places", ())}
            rank = places.get(nomination, rank)
    return rank


def _dethroned(nomination: str, at: Json, rank: int, reversal: Reversal) -> Json:
    return {"name": "WinnerWithdrawn", "nomination": nomination, "at": at, "rank": rank, **_by_appeal(reversal)}


def _winners(reversal: Reversal) -> Iterator[Json]:
    """Yield the winners who lose their rank, those who take one, their prizes, and the ranks newly vacant."""
    at, seal, cited = reversal.at, reversal.seal.id, reversal.decided.cited
    for one in (*reversal.leaving, *reversal.moving):
        yield _dethroned(one, at, reversal.held[one] or 0, reversal)
    for one in reversal.leaving:
        way = reversal.ways.get(one)
        if way is not None and way.ending is None:
            out = {"nomination": one, "at": at, "reason": "below-quota", "seal": seal, **cited}
            yield {"name": "NominationEliminated", **out, **_rank(reversal.ranks.get(one))}
    for one in reversal.entering:
        back = reversal.ways.get(one)
        if back is not None and back.ending is not None:
            yield {"name": "NominationReinstated", "nomination": one, "at": at, "seal": seal, **_by_appeal(reversal)}
    for taking in reversal.taking:
        yield {"name": "WinnerDeclared", "at": at, "seal": seal, **taking, **cited}
    brought = crowned(reversal.decided, [{"nomination": one, "rank": rank} for one, rank in reversal.due.items()],
                      reversal.rules)  # fmt: skip
    already = _vacant_before(reversal)
    for event in brought:
        prize = event["name"] == "PrizeAwarded"
        told = {name: event[name] for name in ("nomination", "rank")} if prize else {}
        if (prize and told in reversal.taking) or (not prize and event["rank"] not in already):
            yield event


def _vacant_before(reversal: Reversal) -> set[int]:
    """Return the ranks that were left vacant and that nobody took since, by name or by sharing one before it."""
    found: set[int] = set()
    winners: dict[str, int] = {}
    for event in reversal.record.of(award_of(reversal.at), "RankLeftVacant", "WinnerDeclared", "WinnerWithdrawn"):
        if event.time >= reversal.moment or event.data["at"] != reversal.at:
            continue
        if event.name == "RankLeftVacant":
            found.add(event.data["rank"])
        elif event.name == "WinnerDeclared":
            winners[event.data["nomination"]] = event.data["rank"]
        else:
            winners.pop(event.data["nomination"], None)
        found -= covered([*winners.values()])
    return found


def _revoked(reversal: Reversal) -> Iterator[Json]:
    """Yield the certificates in force that say of a nominee what no longer holds."""
    beyond = reversal.rules.downstream(reversal.at)
    for stream in dict.fromkeys(award_of(stage) for stage in (reversal.at, *beyond)):
        for one in certificates_in_force(stream, reversal.record, reversal.moment):
            said = one.data
            loses = said["nomination"] in reversal.leaving
            as_winner = said["given_to"] == "winner" and said["at"] == reversal.at
            if (loses and said["at"] in beyond) or (as_winner and (loses or said["nomination"] in reversal.moving)):
                told = {name: said[name] for name in ("certificate", "number", "nomination")}
                yield {"name": "CertificateRevoked", "appeal": _appeal(reversal), **told}


def certificates_in_force(stream: str, record: Record, moment: str) -> list[Kept]:
    """Return the certificates of an award that were issued before a moment, and not revoked by then."""
    events = [one for one in record.of(stream, "CertificateIssued", "CertificateRevoked") if one.time < moment]
    revoked = {one.data["certificate"] for one in events if one.name == "CertificateRevoked"}
    return [one for one in events if one.name == "CertificateIssued" and one.data["certificate"] not in revoked]


def _order_faults(reversal: Reversal, orders: Sequence[Kept]) -> Iterator[str]:
    """Check the orders to seal anew downstream: for every seal that names who left, lacks who entered, or carries."""
    stages = reversal.rules.downstream(reversal.at)
    figures = reversal.verdict.get("figures", ())
    reached = stages_reached(reversal.rules, reversal.at, {one["aspect"] for one in figures})
    told = {one.data["ranking"]: one for one in orders}
    if len(told) != len(orders) or not told.keys() <= {ranking_of(stage) for stage in stages}:
        yield "it orders a seal anew that does not rest on it"
    for stage in stages if reversal.upheld else ():
        ranking = ranking_of(stage)
        seals = [one for one in reversal.record.of(ranking, "RankingSealed") if one.time <= after(reversal.moment)]
        known = [one for one in seals if one.time <= before(reversal.moment)]
        stands = bool(known) and seals == known and not _is_over(known[-1], reversal)
        order = told.get(ranking)
        if order is not None:
            fitting = [seal for seal in seals if seal.id == order.data["seal"]]
            due = _due(fitting[0], stage, reached, reversal) if fitting else None
            listed = {name: order.data.get(name, []) for name in ("missing", "superfluous")}
            if due is None or listed != due or order.data["stale"]:
                yield f"its order to seal {ranking} anew is not what the verdict gives"
        elif stands and _due(known[-1], stage, reached, reversal):
            yield f"it does not order {ranking} to be sealed anew"


def _due(seal: Kept, stage: Json, reached: Collection[Json], reversal: Reversal) -> Json | None:
    """Return what an order against a seal says, None when none is due: `reached` are stages with a changed figure."""
    named = set(seal.data["basis"]["nominations"])
    following = stage == reversal.rules.following(reversal.at)
    missing = sorted(set(reversal.entering) - named) if following else []
    superfluous = sorted(set(reversal.leaving) & named)
    appellant = reversal.motion.opened.data["nomination"]
    if missing or superfluous or (appellant in named and stage in reached):
        return {"missing": missing, "superfluous": superfluous}
    return None


def stages_reached(rules: Rules, at: Json, aspects: Collection[str]) -> list[Json]:
    """Return the later stages where a figure comes from one of these, each traced back from stage to stage."""
    beyond = rules.downstream(at)
    carried = {
        (stage["tier"], stage["stage"], one.code): one.carried
        for stage in beyond
        for one in rules.ranking(stage).aspects
        if one.carried is not None
    }

    def comes_of_it(tier: str, code: str, aspect: str) -> bool:
        if (tier, code) == (at["tier"], at["stage"]):
            return aspect in aspects
        source = carried.get((tier, code, aspect))
        return source is not None and comes_of_it(*source)

    reached = {(tier, code) for tier, code, aspect in carried if comes_of_it(tier, code, aspect)}
    return [stage for stage in beyond if (stage["tier"], stage["stage"]) in reached]


def _is_over(seal: Kept, reversal: Reversal) -> bool:
    """Tell whether a seal was replaced, or ordered to be, by the time of the verdict or a few seconds later."""
    orders = reversal.record.of(award_of(seal.data["at"]), "ResealOrdered")
    ended = [*orders, *reversal.record.of(seal.point.stream, "RankingSuperseded")]
    return any(one.data["seal"] == seal.id and one.time <= after(reversal.moment) for one in ended)
