"""Appeals: the contested decision and its award to lodge one; to decide one, also the seals and awards downstream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kernel.commands import Program
from kernel.decider import Decision, Loader
from schemas.envelope import Stage
from schemas.rulebook import Rulebook
from services.nomination.domain.appeal import (
    APPEAL,
    Contested,
    Decided,
    LodgeAppeal,
    NotLodged,
    appeal_stream,
    downstream,
    going_on,
    lodge,
)
from services.nomination.domain.award import AWARD, Award
from services.nomination.domain.case import Case, contested_seal
from services.nomination.domain.evidence import Evidence
from services.nomination.domain.nomination import NOMINATION, nomination_stream
from services.nomination.domain.plenary import (
    PLENARY,
    BreakTie,
    DecideAppeal,
    Motion,
    Plenary,
    PlenaryState,
    plenary_stream,
)
from services.nomination.domain.ranking import RANKING, Ranking
from services.nomination.domain.season import SEASON, Season, SeasonState, Unopened, season_stream


def lodging(command: LodgeAppeal) -> Program:
    """Lodge an appeal; every award that it freezes is guarded, so no stage is decided while it comes in."""

    async def program(load: Loader) -> Decision:
        nomination = await load.load(NOMINATION, nomination_stream(command.nomination))
        plenary = await load.load(PLENARY, plenary_stream(command.plenary))
        motion = plenary.motion(command.motion) if isinstance(plenary, Plenary) else None
        if not isinstance(plenary, Plenary) or motion is None:
            return lodge(command, nomination, Unopened(), Contested(plenary))
        at = plenary.stage(motion.item)
        season = going_on(await load.load(SEASON, season_stream(at.season)))
        rules = _rules_of(await load.load(RANKING, at.ranking), motion.seal, season)
        awards = await _awards(load, at, rules)
        return lodge(command, nomination, season, Contested(plenary, awards[at.award], rules))

    return program


async def with_case(load: Loader, plenary: PlenaryState, number: int, evidence: Evidence) -> Evidence:
    """Return the evidence of a motion, with the appeal that it is about, if it is about one."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    if motion is None or not isinstance(motion.question, DecideAppeal):
        return evidence
    return replace(evidence, case=await case_of(load, motion.question.appeal, plenary, evidence))


async def case_of(load: Loader, appeal: str, meeting: PlenaryState, evidence: Evidence) -> Case:
    """Load an appeal with the contested meeting, its seals, the verdicts that corrected them, and what follows."""
    state = await load.load(APPEAL, appeal_stream(appeal))
    if isinstance(state, NotLodged):
        return Case(appeal)
    at, cited = state.said.at, state.said
    contested = await load.load(PLENARY, plenary_stream(cited.plenary))
    ranking = await load.load(RANKING, at.ranking)
    seal = contested_seal(contested, cited.motion)
    rules = _rules_of(ranking, seal, await load.load(SEASON, season_stream(at.season)))
    awards = await _awards(load, at, rules)
    corrections = [
        await load.load(APPEAL, appeal_stream(one)) for one in awards[at.award].corrections.get(seal or "", ())
    ]
    return Case(
        id=appeal,
        appeal=state,
        contested=contested,
        ranking=ranking,
        corrections=tuple(one.decided for one in corrections if isinstance(one, Decided)),
        ties=tuple(_broken(seal, at, (*_motions(meeting), *_motions(contested), *evidence.elsewhere))),
        awards=awards,
        rankings={stage: await load.load(RANKING, stage.ranking) for stage in _downstream(rules, at)},
        nominations=evidence.nominations,
        next_decided=evidence.ahead is not None and evidence.ahead.decided,
    )


def _rules_of(ranking: Ranking, seal: str | None, season: SeasonState) -> Rulebook | None:
    """Return the rules that a seal was made under, None for a seal that is not known here."""
    found = ranking.seal(seal)
    return season.rulebooks.get(found.said.rulebook_version) if found and isinstance(season, Season) else None


def _downstream(rules: Rulebook | None, at: Stage) -> tuple[Stage, ...]:
    return downstream(rules, at) if rules else ()


def _motions(meeting: PlenaryState) -> tuple[Motion, ...]:
    return meeting.motions if isinstance(meeting, Plenary) else ()


def _broken(seal: str | None, at: Stage, motions: Iterable[Motion]) -> Iterator[BreakTie]:
    """Yield the ties on a seal that motions of any meeting broke, each once."""
    found = dict.fromkeys(
        motion.question
        for motion in motions
        if isinstance(motion.question, BreakTie)
        and (motion.seal, motion.outcome, motion.item.category) == (seal, "carried", at.category)
    )
    yield from found


async def _awards(load: Loader, at: Stage, rules: Rulebook | None) -> dict[str, Award]:
    """Load the award of a stage, and those of the stages downstream."""
    streams = dict.fromkeys((at.award, *(stage.award for stage in _downstream(rules, at))))
    return {stream: await load.load(AWARD, stream) for stream in streams}
