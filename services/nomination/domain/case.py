"""What a decision on an appeal rests on: the contested seal, what corrected it since, and all that lies downstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from schemas.envelope import Stage
from schemas.nomination import AppealDecided
from schemas.rulebook import Rulebook, StageRubric
from schemas.rulebook import Stage as StageRules
from services.nomination.domain.appeal import AppealState, Decided, Lodged, NotLodged
from services.nomination.domain.award import Award
from services.nomination.domain.nomination import Nomination, NominationState
from services.nomination.domain.plenary import BreakTie, NotConvened, Plenary, PlenaryState
from services.nomination.domain.ranking import Ranking, Seal
from services.nomination.domain.refusals import refuse
from services.nomination.domain.reranking import Standings
from services.nomination.domain.seal import unaltered
from services.nomination.domain.season import Season
from services.nomination.domain.winning import ends_tier


@dataclass(frozen=True, slots=True)
class Case:
    """An appeal and all that a decision on it rests on.

    Args:
        id: the appeal's id.
        appeal: the appeal.
        contested: the meeting that took the contested decision.
        ranking: the seals of the contested stage.
        corrections: the upheld appeals that corrected the contested seal before; the last one's standings count.
        ties: the ties on the contested seal that were broken by vote or lot.
        awards: by their streams, the award of the contested stage and those of the stages downstream.
        rankings: the seals of the stages downstream.
        nominations: everybody who stands or stood at the contested stage, or is named by its seals.
        next_decided: whether a meeting has decided who goes on from the stage after the contested one.
    """

    id: str
    appeal: AppealState = field(default_factory=NotLodged)
    contested: PlenaryState = field(default_factory=NotConvened)
    ranking: Ranking = field(default_factory=Ranking)
    corrections: tuple[AppealDecided, ...] = ()
    ties: tuple[BreakTie, ...] = ()
    awards: Mapping[str, Award] = field(default_factory=dict)
    rankings: Mapping[Stage, Ranking] = field(default_factory=dict)
    nominations: Mapping[str, NominationState] = field(default_factory=dict)
    next_decided: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """An open appeal with the seal and the rules that its decision rests on."""

    case: Case
    at: Stage
    nomination: str
    seal: Seal
    rules: Rulebook

    @property
    def award(self) -> Award:
        """Return the award of the contested stage."""
        return self.case.awards[self.at.award]

    @property
    def aspect(self) -> str | None:
        """Return the one aspect that the appeal contests, None where it contests the figures of all."""
        return self.case.appeal.said.aspect if isinstance(self.case.appeal, Lodged) else None

    @property
    def stage(self) -> StageRules:
        """Return what the rules say of the contested stage."""
        return self.rules.stage(self.at.tier, self.at.category, self.at.stage)

    @property
    def rubric(self) -> StageRubric:
        """Return how the contested stage is scored and ranked."""
        return self.rules.rubric(self.stage)

    @property
    def quota(self) -> int:
        """Return how many seats there are."""
        return self.rules.quota(self.stage, self.at.province)

    @property
    def ends_path(self) -> bool:
        """Tell whether the contested stage makes winners."""
        return self.stage.next is None

    @property
    def honours(self) -> bool:
        """Tell whether ranks of the stage count for more than a seat: at the end of a tier, which may honour them."""
        return ends_tier(self.at, self.rules)

    @property
    def standings(self) -> Standings:
        """Return the standings that count now: the seal's, or those of the last upheld appeal against it."""
        said = self.case.corrections[-1] if self.case.corrections else self.seal.said
        return Standings(said.standings or (), said.unrankable or ())

    @property
    def orders(self) -> tuple[tuple[str, ...], ...]:
        """Return the orders that people gave to nominees who were tied, the latest verdict's first."""
        voted = [one.verdict.order for one in reversed(self.case.corrections) if one.verdict.order]
        return (*voted, *(tie.order for tie in self.case.ties))

    def state(self, nomination: str) -> Nomination | None:
        """Return a nominee's way."""
        state = self.case.nominations.get(nomination)
        return state if isinstance(state, Nomination) else None


def contested_seal(plenary: PlenaryState, motion: int) -> str | None:
    """Return the seal that a decision rests on, None when there is no such decision, or it rests on none."""
    found = plenary.motion(motion) if isinstance(plenary, Plenary) else None
    return found.seal if found is not None else None


def ground_of(case: Case, season: Season) -> Ground:
    """Return an open appeal's ground; refuse one that is decided, and a seal that is not what it was."""
    match case.appeal:
        case NotLodged():
            raise refuse("appeal-unknown", "appeal", case.id)
        case Decided():
            raise refuse("appeal-decided", "appeal", case.id)
        case Lodged(said):
            pass
        case _:
            assert_never(case.appeal)
    seal = case.ranking.seal(contested_seal(case.contested, said.motion))
    if seal is None:
        raise refuse("seal-unknown", "appeal", said.at.ranking, current="-")
    return Ground(case, said.at, said.nomination, seal, unaltered(seal, season, "appeal", "appeal"))
