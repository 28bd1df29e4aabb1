"""Counting motions anew: the quorum, open votes, papers confirmed by two, and whether the majority is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from services.audit.checks.committees import Committee, Scope, committees_near
from services.audit.checks.telling import text
from services.audit.checks.ways import candidate_of
from services.audit.meetings import Decided, Motion
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]

CONFIRMATIONS: Final = 2
"""How many members confirm a count of papers."""


def count_faults(decided: Decided, motion: Motion, rules: Rules, record: Record) -> Iterator[str]:
    """Check what a decision says of its votes and its quorum, and that both were there."""
    said = decided.event.data
    told = {"tally": said["tally"], "quorum": {"recused": [], **said["quorum"]}, "outcome": said["outcome"]}
    committees = committees_near(record, decided.at, decided.event.time)
    counted = [_counted(decided, motion, rules, committee, record) for committee in committees]
    if said["quorum"]["present"] < said["quorum"]["required"]:
        yield "it was decided without a quorum"
    if told not in counted:
        for name, value in counted[0].items():
            if told[name] != value:
                yield f"its {name} is {text(told[name])}; counted anew it is {text(value)}"
    if motion.on_paper:
        yield from _paper_faults(decided, motion, rules, committees, record)
    elif all(motion.votes.keys() - _free(decided, motion, rules, one, record) for one in committees):
        yield "somebody voted on it who could take part no more when it was decided"


def _free(decided: Decided, motion: Motion, rules: Rules, committee: Committee, record: Record) -> set[str]:
    """Return who holds a seat that votes, and is not recused on the motion."""
    body = _body(decided)
    return committee.voters(body, rules.voting_seats(body)) - _recused(motion, rules, committee, record)


def _recused(motion: Motion, rules: Rules, committee: Committee, record: Record) -> set[str]:
    candidates = {one: candidate_of(record, one) for one in motion.nominations}
    category = motion.opened.data["item"]["category"]
    return committee.recused(Scope.of(rules.content["conflicts"]), category, candidates)


def _body(decided: Decided) -> str:
    if decided.convened is None:
        raise LookupError("the meeting was never convened")
    return str(decided.convened.data["body"])


def _counted(decided: Decided, motion: Motion, rules: Rules, committee: Committee, record: Record) -> dict[str, Any]:
    """Count a motion: its votes, its quorum, and whether it is carried."""
    body = _body(decided)
    free = _free(decided, motion, rules, committee, record)
    here = free & decided.present
    tally, voted = _tally(motion, free)
    base = {
        "seats": rules.seats(body),
        "present": len(here | voted),
        "cast": tally["votes_for"] + tally["votes_against"],
    }[rules.body(body)["majority"]["base"]]
    quorum = {
        "seats": rules.seats(body),
        "present": len(here),
        "required": rules.required(body),
        "recused": sorted(committee.holders(body) & _recused(motion, rules, committee, record)),
    }
    carried = motion.by_lot or rules.carries(body, tally["votes_for"], base)
    return {"tally": tally, "quorum": quorum, "outcome": "carried" if carried else "lost"}


def _tally(motion: Motion, free: Collection[str]) -> tuple[dict[str, int], set[str]]:
    """Return the votes that count, and who cast them or (on paper) can have cast them."""
    if motion.on_paper:
        stated = motion.tally or {}
        names = ("votes_for", "votes_against", "abstained")
        return {name: stated.get(name, 0) for name in names}, set(free) & motion.among
    votes = [vote for person, vote in motion.votes.items() if person in free]
    tally = {
        "votes_for": votes.count("for"),
        "votes_against": votes.count("against"),
        "abstained": votes.count("abstain"),
    }
    return tally, set(free) & motion.votes.keys()


def _paper_faults(
    decided: Decided, motion: Motion, rules: Rules, committees: Sequence[Committee], record: Record
) -> Iterator[str]:
    """Check that a count was confirmed by two who could vote, and is of no more papers than there were voters."""
    free = [_free(decided, motion, rules, committee, record) for committee in committees]
    if motion.tally is None or all(len(one & motion.confirmed) < CONFIRMATIONS for one in free):
        yield f"its count of papers was not confirmed by {CONFIRMATIONS} members who were free to vote"
    if motion.tally is not None:
        papers = sum(motion.tally[name] for name in ("votes_for", "votes_against", "abstained")) + motion.invalid
        if all(papers > len(one & motion.among) for one in free):
            yield f"its count is of {papers} papers, more than there were voters"
