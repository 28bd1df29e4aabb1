"""What must be in order before a stage is decided: no appeal holds it, earlier results stand, nominees are verified.

Stages follow one another: while the result of the stage that a nominee came from is not announced, or can still be
appealed against, whoever stands here may yet be returned, and another may yet come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.envelope import Stage
from schemas.rulebook import Rulebook
from services.nomination.domain.award import Award
from services.nomination.domain.evidence import Evidence, stage_rules
from services.nomination.domain.local_time import told
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.refusals import refuse


def path_awards(evidence: Evidence) -> tuple[Award, ...]:
    """Return the awards of a stage's path: open appeals that hold it may stand on any of them."""
    return (evidence.award, *evidence.awards.values())


@dataclass(frozen=True, slots=True)
class Upstream:
    """A stage that nominees came from: whether it is announced, and until when its result can be appealed against."""

    stage: Stage
    announced: bool
    until: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the appeal window still runs, its last instant included."""
        return self.until is not None and now <= self.until

    @property
    def name(self) -> str:
        """Return the stage as people write it, with its place."""
        return f"{self.stage.tier}/{self.stage.province}/{self.stage.category}/{self.stage.stage}"


def upstream(at: Stage, evidence: Evidence) -> Iterator[Upstream]:
    """Yield every stage that those who stand at a stage came from last, in the order of their places."""
    previous = {state.steps[-2].stage for state in evidence.standing(at) if len(state.steps) > 1}
    for stage in sorted(previous, key=lambda one: (one.province, one.tier, one.stage)):
        award = evidence.awards.get(stage.award, Award())
        made = award.announcements_of(stage)
        ends = [one.until for one in made if one.until is not None]
        yield Upstream(stage, announced=bool(made), until=max(ends, default=None))


def check_upstream(at: Stage, rules: Rulebook, evidence: Evidence, received: datetime) -> None:
    """Refuse a decision while an earlier result is not public, or can still be appealed against."""
    if not rules.appeals.freezes_downstream:
        return
    for earlier in upstream(at, evidence):
        if not earlier.announced:
            raise refuse("upstream-unannounced", "item", earlier.name)
        if earlier.until is not None and earlier.is_open(received):
            until = told(earlier.until, rules.zone(at.province))
            raise refuse("appeal-window-open", "item", earlier.name, until=until)


def unverified(at: Stage, rules: Rulebook, nominees: Iterable[Nomination]) -> tuple[Nomination, ...]:
    """Return those who are not verified at a stage that verifies."""
    if stage_rules(rules, at).verification is None:
        return ()
    return tuple(state for state in nominees if not state.verified_at(at))


def check_verified(at: Stage, rules: Rulebook, nominees: Iterable[Nomination]) -> None:
    """Refuse while somebody who would advance is not verified."""
    missing = unverified(at, rules, nominees)
    if missing:
        raise refuse("nominees-unverified", "item", ", ".join(f"{one.candidate.name} ({one.id})" for one in missing))
