"""What a decision on a stage rests on: its seals, the awards of its path, who stands there, ties broken elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.envelope import Stage
from schemas.nomination import AgendaItem
from schemas.rulebook import Rulebook
from schemas.rulebook import Stage as StageRules
from services.nomination.domain.award import Award
from services.nomination.domain.case import Case
from services.nomination.domain.nomination import Nomination, NominationState
from services.nomination.domain.plenary import BreakTie, Motion, Plenary, Propose, Setting, item_name
from services.nomination.domain.ranking import Ranking, Seal
from services.nomination.domain.refusals import refuse
from services.nomination.domain.seal import citable


@dataclass(frozen=True, slots=True)
class Ahead:
    """The stage that the best of another enter: its seals, its award, and whether a meeting has decided it already."""

    stage: Stage
    ranking: Ranking
    award: Award
    decided: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision on a stage rests on.

    `award` is the stage's own; `awards` are those of every stage that its nominees passed, by stream. `elsewhere` are
    the motions on ties at the stage that other meetings of the same body have put. `case` is the appeal that a motion
    is about, if it is about one; `ahead` the next stage, where a proposal is asked about and the path goes on.
    """

    ranking: Ranking
    award: Award
    nominations: Mapping[str, NominationState]
    awards: Mapping[str, Award] = field(default_factory=dict)
    elsewhere: tuple[Motion, ...] = ()
    case: Case | None = None
    ahead: Ahead | None = None

    def standing(self, at: Stage) -> Iterator[Nomination]:
        """Yield the nominations that stand at a stage and still compete."""
        for state in self.nominations.values():
            if isinstance(state, Nomination) and state.competes_at(at):
                yield state


def stage_rules(rules: Rulebook, at: Stage) -> StageRules:
    """Return what the rulebook says of a stage."""
    return rules.stage(at.tier, at.category, at.stage)


def rules_of(seal: str | None, setting: Setting, ranking: Ranking) -> Rulebook:
    """Return the rules that a motion goes by: those its seal was made under, else the season's newest."""
    found = ranking.seal(seal)
    return setting.season.rulebooks[found.said.rulebook_version] if found else setting.season.rulebook


def tabled_seal(item: AgendaItem, setting: Setting, evidence: Evidence) -> tuple[Seal, Rulebook]:
    """Return the seal that lies before the meeting and the rules it was made under, if it may still be cited."""
    tabled = setting.plenary.tabled.get(item)
    seal = evidence.ranking.seal(tabled.seal) if tabled is not None else None
    if seal is None:
        raise refuse("not-tabled", "item", item_name(item))
    return seal, citable_now(seal, setting, evidence)


def citable_now(seal: Seal, setting: Setting, evidence: Evidence) -> Rulebook:
    """Return the rules that a seal was made under when a meeting may rest on it now; raise Refused."""
    nominations, awards = evidence.nominations, evidence.awards
    return citable(seal, evidence.ranking, setting.season, evidence.award, setting.committee, nominations, awards)


def contender(nomination: str, at: Stage, evidence: Evidence) -> Nomination | None:
    """Return a nomination that stands at the stage, None when it withdrew there; refuse one that was decided on."""
    state = evidence.nominations.get(nomination)
    if isinstance(state, Nomination) and state.at == at:
        if state.left_empty:
            return None
        if state.competes:
            return state
    raise refuse("stage-left", "item", nomination)


def check_no_winners(at: Stage, rules: Rulebook, evidence: Evidence) -> None:
    """Refuse a second decision on the end of a path; before it, the nominations' own streams tell."""
    if stage_rules(rules, at).next is None and evidence.award.has_winners_of(at):
        raise refuse("winners-declared-already", "item", f"{at.category}/{at.stage}")


def tie_motions(item: AgendaItem, plenary: Plenary, evidence: Evidence) -> Iterator[tuple[Motion, BreakTie]]:
    """Yield every motion on a tie at an item's stage with its question, in the order in which meetings put them."""
    for motion in sorted((*evidence.elsewhere, *plenary.motions), key=lambda one: one.position):
        if motion.item == item and isinstance(motion.question, BreakTie):
            yield motion, motion.question


def broken_ties(seal: str, item: AgendaItem, plenary: Plenary, evidence: Evidence) -> tuple[BreakTie, ...]:
    """Return the ties on a seal that were broken, in this meeting or in another one."""
    return tuple(
        tie
        for motion, tie in tie_motions(item, plenary, evidence)
        if motion.seal == seal and motion.outcome == "carried"
    )


def decided_by(item: AgendaItem, plenary: Plenary) -> Motion | None:
    """Return the motion by which the meeting decided who advances from an item's stage, None before that."""
    carried = (one for one in plenary.motions if one.item == item and one.outcome == "carried")
    return next((one for one in carried if isinstance(one.question, Propose)), None)
