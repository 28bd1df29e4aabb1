"""Breaking a tie: those who share a rank of the tabled seal are put in an order, by vote or by lot.

The rubric's tie-break says which of the two its committee uses, and which comes first. A vote is on an order that
somebody proposes. A lot is drawn once: the order is that of the SHA-256 of `<seed>/<nomination>`, so everybody can
draw it again from the record. The same nominees are never drawn for twice: where a meeting ended or a seal was replaced
before the lot was decided on, the next one takes over its seed, and nobody votes on them any more. A tie that was
broken stays broken, in other meetings on the same seal too: not even a question that they put before is decided then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from schemas.envelope import Stage
from schemas.nomination import AgendaItem, Ballot, TieMotionOpened
from schemas.rulebook import Rulebook
from schemas.scoring import RankingSealed
from services.nomination.domain.evidence import (
    Evidence,
    broken_ties,
    check_no_winners,
    contender,
    stage_rules,
    tabled_seal,
    tie_motions,
)
from services.nomination.domain.plenary import BreakTie, Motion, Setting
from services.nomination.domain.ranking import Seal
from services.nomination.domain.refusals import refuse

Method = Literal["vote", "lot"]


@dataclass(frozen=True, slots=True)
class AskTie:
    """Ask in which order those stand who share a rank: `order` by vote, drawn from `seed` (64 hex digits) by lot."""

    rank: int
    method: Method
    order: tuple[str, ...] | None
    seed: str


def draw(seed: str, nominations: Iterable[str]) -> tuple[str, ...]:
    """Return nominations in the order that a lot gives them."""
    return tuple(sorted(nominations, key=lambda nomination: sha256(f"{seed}/{nomination}".encode()).hexdigest()))


def methods_of(rules: Rulebook, at: Stage) -> tuple[Method, ...]:
    """Return how the stage's rubric lets a committee break a tie, in its order."""

    def listed() -> Iterator[Method]:
        for rule in rules.rubric(stage_rules(rules, at)).tie_break:
            if rule in ("vote", "lot"):
                yield rule

    return tuple(listed())


def sharing(said: RankingSealed, rank: int, competing: Collection[str]) -> tuple[str, ...]:
    """Return those who share a rank of a seal and still compete; nobody when fewer than two do."""
    found = tuple(row.nomination for row in said.standings if row.rank == rank and row.nomination in competing)
    return found if len(found) > 1 else ()


def competing_at(seal: Seal, at: Stage, evidence: Evidence) -> frozenset[str]:
    """Return whom a seal ranks and who still stands at its stage."""
    standing = {state.id for state in evidence.standing(at)}
    return frozenset(row.nomination for row in seal.said.standings if row.nomination in standing)


def has_changed(tie: BreakTie, seal: Seal, at: Stage, evidence: Evidence) -> bool:
    """Tell whether those who share the rank are no longer those of the motion: somebody withdrew meanwhile."""
    return set(tie.order) != set(sharing(seal.said, tie.rank, competing_at(seal, at, evidence)))


def tie_motion(
    asked: AskTie, item: AgendaItem, ballot: Ballot, setting: Setting, evidence: Evidence
) -> TieMotionOpened:
    """Return the question on a tie of the tabled seal; raise Refused."""
    seal, rules = tabled_seal(item, setting, evidence)
    at = setting.plenary.stage(item)
    check_no_winners(at, rules, evidence)
    for row in seal.said.standings:
        contender(row.nomination, at, evidence)
    tied = sharing(seal.said, asked.rank, competing_at(seal, at, evidence))
    if not tied:
        raise refuse("no-tie", "rank", asked.rank)
    before = list(tie_motions(item, setting.plenary, evidence))
    check_unbroken(asked.rank, "rank", broken_ties(seal.id, item, setting.plenary, evidence))
    _check_method(asked, methods_of(rules, at), seal, before)
    if asked.method == "vote":
        check_undrawn(tied, "method", before)
    order, seed = _drawn(asked, tied, before) if asked.method == "lot" else (_proposed(asked, tied), None)
    if asked.method == "lot" and ballot == "paper":
        raise refuse("lot-takes-no-votes", "ballot", ballot)
    return TieMotionOpened(
        plenary=setting.plenary.id,
        motion=len(setting.plenary.motions) + 1,
        item=item,
        seal=seal.id,
        rank=asked.rank,
        order=order,
        method=asked.method,
        seed=seed,
        ballot=ballot,
    )


Before = list[tuple[Motion, BreakTie]]
"""The motions on ties at the stage that were put before."""


def check_unbroken(rank: int, path: str, broken: Iterable[BreakTie]) -> None:
    """Refuse a tie on a rank that was broken, in whichever meeting: two orders would contradict each other."""
    for tie in broken:
        if tie.rank == rank:
            raise refuse("tie-broken-already", path, rank, order=", ".join(tie.order))


def check_undrawn(tied: Collection[str], path: str, before: Iterable[tuple[Motion, BreakTie]]) -> None:
    """Refuse a vote on nominees for whom a lot was drawn: whoever has seen its order could outvote it."""
    for motion, tie in before:
        if tie.seed is not None and set(tied) <= set(tie.order):
            raise refuse("tie-drawn-already", path, "vote", rank=tie.rank, drawn=motion.number)


def _check_method(asked: AskTie, methods: tuple[Method, ...], seal: Seal, before: Before) -> None:
    """Refuse a way that the rubric does not know, and one whose turn comes after another that was not tried."""
    if asked.method not in methods:
        raise refuse("tie-method-unlisted", "method", asked.method, known=", ".join(methods) or "-")
    tried = {
        tie.method for motion, tie in before if motion.seal == seal.id and motion.outcome and tie.rank == asked.rank
    }
    for method in methods[: methods.index(asked.method)]:
        if method not in tried:
            raise refuse("tie-method-out-of-turn", "method", asked.method, first=method)


def _proposed(asked: AskTie, tied: tuple[str, ...]) -> tuple[str, ...]:
    """Return the order to vote on, which names just those who share the rank."""
    order = asked.order or ()
    if sorted(order) != sorted(tied):
        raise refuse("tie-order-not-theirs", "order", rank=asked.rank, expected=", ".join(tied))
    return order


def _drawn(asked: AskTie, tied: tuple[str, ...], before: Before) -> tuple[tuple[str, ...], str]:
    """Return the order that the lot gives and its seed: that of the first draw among them, if there was one."""
    if asked.order is not None:
        raise refuse("tie-order-drawn", "order")
    drawn = (tie.seed for _, tie in before if tie.seed is not None and set(tied) <= set(tie.order))
    seed = next(drawn, asked.seed)
    return draw(seed, tied), seed


def check_unchanged(motion: Motion, tie: BreakTie, seal: Seal, at: Stage, evidence: Evidence) -> None:
    """Refuse to decide on a tie that is no longer the one that was put."""
    if has_changed(tie, seal, at, evidence):
        raise refuse("tie-changed", "motion", motion.number, rank=tie.rank)
