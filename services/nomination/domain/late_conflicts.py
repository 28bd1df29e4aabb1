"""Conflicts that came, or were lifted, after a seal: the seal stays, and those who rely on it are told.

A seal is not made anew for it. Who saw the totals could else take marks out of them by declaring conflicts. So the
checklist and the minutes say whose marks a seal counts though they are recused now, or leaves out though they are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.rulebook import Conflicts
from schemas.scoring import RankingSealed
from services.nomination.domain.committee import Candidates, Committee


@dataclass(frozen=True, slots=True)
class LateConflict:
    """A member whose conflict with a nominee a seal does not know; `counts`: whether the member's marks count in it."""

    nomination: str
    person: str
    counts: bool


def late_conflicts(
    said: RankingSealed, committee: Committee, rule: Conflicts, candidates: Candidates
) -> Iterator[LateConflict]:
    """Yield them by nominee and member.

    Args:
        said: the seal.
        committee: the committees of its place as they stand.
        rule: the conflict rule that the seal was made under.
        candidates: of every nomination that it has sheets of.
    """
    left_out = (sheet.stream for sheet in said.excluded if sheet.reason == "recused")
    marks = [*((sheet.stream, True) for sheet in said.counted), *((stream, False) for stream in left_out)]
    for stream, counts in sorted(marks):
        _, nomination, _, person = stream.split("/")
        recused = committee.recused(rule, said.at.category, {nomination: candidates.get(nomination)})
        if (person in recused) is counts:
            yield LateConflict(nomination, person, counts)
