"""What must be in order before a stage is decided: no appeal holds it, earlier results stand, nominees are verified.

Stages follow one another: while the result of an earlier stage is not announced as it stands, verdicts included, or can
still be appealed against, whoever stands here may yet be returned, and another may yet come. That holds for every place
that decided an earlier stage, also for one from which nobody came or of which nobody is left.
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
    """A decided stage before this one: whether its result is announced, and until when it can be appealed against."""

    stage: Stage
    decision: bool
    """Its decision was made public."""
    verdict: bool
    """No verdict has corrected it since without being made public."""
    until: datetime | None

    @property
    def announced(self) -> bool:
        """Tell whether the result is public as it stands."""
        return self.decision and self.verdict

    def is_open(self, now: datetime) -> bool:
        """Tell whether the appeal window still runs, its last instant included."""
        return self.until is not None and now <= self.until

    @property
    def name(self) -> str:
        """Return the stage as people write it, with its place."""
        return _named(self.stage)


def _named(stage: Stage) -> str:
    return f"{stage.tier}/{stage.province}/{stage.category}/{stage.stage}"


def upstream(at: Stage, rules: Rulebook, evidence: Evidence) -> Iterator[Upstream]:
    """Yield every decided stage whose best come to a stage, in the order of their places, whoever is left of them."""
    for stage in sorted(_decided_before(at, rules, evidence), key=lambda one: (one.province, one.tier, one.stage)):
        award = evidence.awards.get(stage.award, Award())
        made = award.announcements_of(stage)
        ends = [one.until for one in made if one.until is not None]
        yield Upstream(stage, bool(made), not award.awaits_verdict_of(stage), max(ends, default=None))


def _decided_before(at: Stage, rules: Rulebook, evidence: Evidence) -> set[Stage]:
    """Return the stages that lead to one and were decided: a nominee left them by a decision, or they are announced."""
    leading = {one.id for one in rules.stages_before(stage_rules(rules, at))}
    known = [state for state in evidence.nominations.values() if isinstance(state, Nomination)]
    found: set[Stage] = set()
    for state in known:
        for step in state.steps:
            stage, award = step.stage, evidence.awards.get(step.stage.award, Award())
            left = step is not state.steps[-1] or state.ending == "eliminated"
            if (stage.tier, stage.category, stage.stage) in leading and (left or award.announcements_of(stage)):
                found.add(stage)
    return found


@dataclass(frozen=True, slots=True)
class Behind:
    """A stage before another one that is not decided, with those who still stand there."""

    stage: Stage
    nominations: tuple[str, ...]


def behind(at: Stage, rules: Rulebook, evidence: Evidence) -> Iterator[Behind]:
    """Yield every stage whose best come to a stage and that is not decided for those who stand there, by place.

    Once the later stage is decided nobody goes on from there any more (`check_not_too_late`), whatever is decided then.
    """
    leading = {one.id for one in rules.stages_before(stage_rules(rules, at))}
    waiting: dict[Stage, list[str]] = {}
    for state in evidence.nominations.values():
        if isinstance(state, Nomination) and state.competes:
            stage = state.at
            if (stage.tier, stage.category, stage.stage) in leading:
                waiting.setdefault(stage, []).append(state.id)
    for stage in sorted(waiting, key=lambda one: (one.province, one.tier, one.stage)):
        yield Behind(stage, tuple(sorted(waiting[stage])))


def check_upstream(at: Stage, rules: Rulebook, evidence: Evidence, received: datetime) -> None:
    """Refuse a decision while an earlier result is not public as it stands, or can still be appealed against."""
    if not rules.appeals.freezes_downstream:
        return
    for earlier in upstream(at, rules, evidence):
        if not earlier.decision:
            raise refuse("upstream-unannounced", "item", earlier.name)
        if not earlier.verdict:
            raise refuse("verdict-unannounced", "item", earlier.name)
        if earlier.until is not None and earlier.is_open(received):
            until = told(earlier.until, rules.zone(at.province))
            raise refuse("appeal-window-open", "item", earlier.name, until=until)


def check_not_too_late(evidence: Evidence) -> None:
    """Refuse to send anybody on to a stage that is decided already."""
    ahead = evidence.ahead
    if ahead is not None and ahead.decided:
        raise refuse("next-stage-decided", "item", _named(ahead.stage))


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
