"""What several programs load: a place's rules and committee, a meeting, what a decision rests on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable

from kernel.decider import Loader, Refusal
from schemas.envelope import Stage
from schemas.nomination import AgendaItem
from services.nomination.domain.award import AWARD
from services.nomination.domain.committee import (
    COMMITTEE,
    Committee,
    committee_stream,
)
from services.nomination.domain.deciding import Evidence
from services.nomination.domain.nomination import (
    NOMINATION,
    NominationState,
    nomination_stream,
)
from services.nomination.domain.plenary import (
    PLENARY,
    NotConvened,
    Plenary,
    PlenaryState,
    plenary_stream,
)
from services.nomination.domain.seal import RANKING, Ranking
from services.nomination.domain.season import SEASON, SeasonState, Unopened, check_open, season_stream

Roll = Callable[[Stage], Awaitable[Collection[str]]]
"""Gives every nomination that can have reached a stage."""
RollOfPlace = Collection[tuple[str, str]]
"""Every nomination that can have reached a stage of a place, with its category."""


async def place_of(load: Loader, season: str, province: str) -> tuple[SeasonState, Committee]:
    """Load a season and the committees of one of its places."""
    rules = await load.load(SEASON, season_stream(season))
    return rules, await load.load(COMMITTEE, committee_stream(season, province))


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


def moved_in(plenary: PlenaryState, number: int) -> tuple[str, ...]:
    """Return every nomination that a motion concerns, none when there is no such motion."""
    motion = plenary.motion(number) if isinstance(plenary, Plenary) else None
    return motion.nominations if motion is not None else ()


async def held(load: Loader, season: str) -> Refusal | None:
    """Load a season for a command that needs nothing of it but that it goes on; return why it does not."""
    return check_open(await load.load(SEASON, season_stream(season)), season)


NO_EVIDENCE = Evidence(Ranking(), AWARD.initial(), {})


async def evidence_of(load: Loader, plenary: PlenaryState, item: AgendaItem | None, roll: RollOfPlace) -> Evidence:
    """Load what a decision on an item rests on: seals, award, and everybody who stands, stood or is named there."""
    if item is None or not isinstance(plenary, Plenary):
        return NO_EVIDENCE
    at = plenary.stage(item)
    ranking = await load.load(RANKING, at.ranking)
    award = await load.load(AWARD, at.award)
    entered = {nomination for nomination, category in roll if category == item.category}
    nominations = await nominations_of(load, entered | named_by(ranking), guard=True)
    return Evidence(ranking, award, nominations)


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
