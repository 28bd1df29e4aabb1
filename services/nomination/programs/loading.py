"""What several programs load: a place's rules and committee, a meeting, what a decision rests on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from kernel.decider import Loader, Refusal
from schemas.envelope import Stage
from schemas.nomination import AgendaItem
from schemas.regions import NATION
from services.nomination.domain.appeal import downstream
from services.nomination.domain.award import AWARD, Award
from services.nomination.domain.committee import (
    COMMITTEE,
    Committee,
    committee_stream,
)
from services.nomination.domain.evidence import Ahead, Evidence, decided_by
from services.nomination.domain.nomination import (
    NOMINATION,
    Nomination,
    NominationState,
    nomination_stream,
)
from services.nomination.domain.plenary import (
    PLENARY,
    BreakTie,
    Motion,
    NotConvened,
    Plenary,
    PlenaryState,
    plenary_stream,
)
from services.nomination.domain.ranking import RANKING, Ranking
from services.nomination.domain.season import SEASON, Season, SeasonState, Unopened, check_open, known, season_stream

Roll = Callable[[Stage], Awaitable[Collection[str]]]
"""Gives every nomination that can have reached a stage."""


@dataclass(frozen=True, slots=True)
class RollOfPlace:
    """Every nomination that can have reached a stage of a meeting's place, and that place's other meetings.

    Nominations are paired with their category, meetings with each item of their agendas. `ahead` are all meetings that
    can decide a stage after one of the place: its own and the nation's.
    """

    nominations: Collection[tuple[str, str]] = ()
    meetings: Collection[tuple[str, AgendaItem]] = ()
    ahead: Collection[tuple[str, AgendaItem]] = ()


async def place_of(load: Loader, season: str, province: str) -> tuple[SeasonState, Committee]:
    """Load a season and the committees of one of its places."""
    rules = await load.load(SEASON, season_stream(season))
    return rules, await load.load(COMMITTEE, committee_stream(season, province))


async def rankings_of(
    load: Loader, rules: SeasonState, province: str, category: str | None = None
) -> dict[Stage, Ranking]:
    """Load the rankings of a place's stages by the rulebook in force, of one category or of all."""
    if not isinstance(rules, Season):
        return {}
    tier = "national" if province == NATION else "provincial"
    stages = [one for one in rules.rulebook.stages if one.tier == tier and category in (None, one.category)]
    places = [
        Stage(season=rules.code, tier=one.tier, province=province, category=one.category, stage=one.code)
        for one in stages
    ]
    return {at: await load.load(RANKING, at.ranking) for at in places}


async def meeting_of(load: Loader, plenary: str) -> tuple[PlenaryState, SeasonState, Committee]:
    """Load a plenary with its season and committee; neither, when there is no such plenary."""
    state = await load.load(PLENARY, plenary_stream(plenary))
    if isinstance(state, NotConvened):
        return state, Unopened(), Committee()
    return state, *await place_of(load, state.season, state.province)


def item_of(plenary: PlenaryState, number: int) -> AgendaItem | None:
    """Return the item that a motion is about, None when there is no such motion."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    return motion.item if motion is not None else None


async def voted_on(load: Loader, plenary: PlenaryState, number: int) -> tuple[Ranking, Mapping[str, NominationState]]:
    """Load the seals of the stage that a motion is about, and every nomination that the motion concerns."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    if motion is None or not isinstance(plenary, Plenary):
        return Ranking(), {}
    ranking = await load.load(RANKING, plenary.stage(motion.item).ranking)
    return ranking, await nominations_of(load, motion.nominations, guard=True)


async def held(load: Loader, season: str) -> Refusal | None:
    """Load a season for a command that needs nothing of it but that it goes on; return why it does not."""
    return check_open(await load.load(SEASON, season_stream(season)), season)


NO_EVIDENCE = Evidence(Ranking(), AWARD.initial(), {})


async def evidence_of(
    load: Loader, plenary: PlenaryState, item: AgendaItem | None, roll: RollOfPlace, also: Iterable[str] = ()
) -> Evidence:
    """Load what a decision on an item rests on.

    Its seals, its award and those of the stages that nominees passed (at most one for each province), everybody who
    stands, stood or is named there (`also`: who else is asked about), and the ties that other meetings put.
    """
    if item is None or not isinstance(plenary, Plenary):
        return NO_EVIDENCE
    at = plenary.stage(item)
    ranking = await load.load(RANKING, at.ranking)
    award = await load.load(AWARD, at.award)
    entered = {nomination for nomination, category in roll.nominations if category == item.category}
    nominations = await nominations_of(load, entered | named_by(ranking) | set(also), guard=True)
    awards = await awards_of(load, nominations, at, guard=True)
    return Evidence(ranking, award, nominations, awards, await ties_of(load, item, roll))


async def with_ahead(
    load: Loader, plenary: PlenaryState, item: AgendaItem | None, roll: RollOfPlace, evidence: Evidence
) -> Evidence:
    """Return the evidence of an item with the stage that its best enter, for a question on who advances."""
    # What is not on the agenda need be no stage of the rules; it is refused for that.
    if item is None or not isinstance(plenary, Plenary) or item not in plenary.agenda:
        return evidence
    at = plenary.stage(item)
    season = known(await load.load(SEASON, season_stream(at.season)))
    following = downstream(season.rulebook, at)[:1] if season is not None else ()
    for stage in following:
        ranking, award = await load.load(RANKING, stage.ranking), await load.load(AWARD, stage.award)
        return replace(evidence, ahead=Ahead(stage, ranking, award, await _is_decided(load, stage, roll)))
    return evidence


async def _is_decided(load: Loader, stage: Stage, roll: RollOfPlace) -> bool:
    """Tell whether a meeting has decided who advances from a stage; every one that can is guarded."""
    item = AgendaItem(category=stage.category, stage=stage.stage)
    found = [
        await load.load(PLENARY, plenary_stream(id_)) for id_ in sorted({id_ for id_, of in roll.ahead if of == item})
    ]
    about = (one for one in found if isinstance(one, Plenary) and one.stage(item) == stage)
    return any(decided_by(item, one) is not None for one in about)


async def awards_of(
    load: Loader, nominations: Mapping[str, NominationState], at: Stage, *, guard: bool
) -> dict[str, Award]:
    """Load the awards of all stages on which nominees of a category have been, by stream."""
    passed = {step.stage for state in nominations.values() if isinstance(state, Nomination) for step in state.steps}
    streams = {at.award, *(stage.award for stage in passed if stage.category == at.category)}
    return {stream: await load.load(AWARD, stream, guard=guard) for stream in sorted(streams)}


async def ties_of(load: Loader, item: AgendaItem, roll: RollOfPlace) -> tuple[Motion, ...]:
    """Load the motions on ties that the place's other meetings put on an item."""
    found: list[Motion] = []
    for meeting in sorted({meeting for meeting, theirs in roll.meetings if theirs == item}):
        state = await load.load(PLENARY, plenary_stream(meeting))
        if isinstance(state, Plenary):
            found += [one for one in state.motions if one.item == item and isinstance(one.question, BreakTie)]
    return tuple(found)


def named_by(ranking: Ranking) -> set[str]:
    """Return every nomination that a seal names."""
    named: set[str] = set()
    for seal in ranking.seals:
        named.update(seal.said.basis.nominations)
        named.update(row.nomination for row in seal.said.standings)
        named.update(row.nomination for row in seal.said.unrankable)
    return named


async def nominations_of(load: Loader, ids: Iterable[str], *, guard: bool) -> dict[str, NominationState]:
    """Load nominations by their ids."""
    return {id_: await load.load(NOMINATION, nomination_stream(id_), guard=guard) for id_ in sorted(ids)}
