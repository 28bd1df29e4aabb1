"""Which streams each command reads before it is decided.

A program loads and then calls one pure function of the domain; everything it loads is guarded at the append. So a sheet
command guards its ranking, a seal guards every stream of its basis, and neither can pass beside the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from kernel.commands import Program
from kernel.decider import Decision, Emit, Loader, Refusal
from schemas.envelope import Stage
from services.scoring.domain.assignment import AssignScorers, decide_assign
from services.scoring.domain.impact import Difference, Field, differences, impact_of
from services.scoring.domain.indicator import INDICATOR, Indicator, indicator_stream, is_measured
from services.scoring.domain.received import (
    AWARD,
    COMMITTEE,
    NOMINATION,
    SEASON,
    VERDICT,
    Award,
    Nomination,
    VerdictState,
    committee_stream,
    season_stream,
    verdict_stream,
)
from services.scoring.domain.repair import (
    REPAIR,
    ApproveRepair,
    Chain,
    Proposed,
    ProposeRepair,
    RepairState,
    Unproposed,
    address_of,
    decide_approve,
    decide_propose,
    first_repair,
    next_repair,
    repair_stream,
)
from services.scoring.domain.seal import FiledSheet, Inputs, SealRanking, carried_sources, decide_seal
from services.scoring.domain.sheet import SHEET, Circumstances, decide_read, locate, sheet_stream
from services.scoring.domain.stage import (
    RANKING,
    CloseStage,
    ExtendScoring,
    OpenStage,
    RankingState,
    Sealed,
    Unopened,
    decide_close,
    decide_extend,
    decide_open,
    decide_see,
)

Roll = Callable[[Stage], Awaitable[Sequence[str]]]
"""Gives every nomination that can have reached a stage."""
SheetStreams = Callable[[Sequence[str], Stage], Awaitable[Sequence[str]]]
"""Gives every sheet stream of nominations at a stage."""
Awards = Callable[[Stage], Awaitable[Sequence[str]]]
"""Gives the award streams of a stage's category in every tier and place of its season: whose appeals can hold it."""


def opening(command: OpenStage) -> Program:
    """Open a stage."""

    async def program(load: Loader) -> Decision:
        at = command.at
        ranking = await load.load(RANKING, at.ranking)
        season = await load.load(SEASON, season_stream(at))
        return decide_open(ranking, season, await load.load(COMMITTEE, committee_stream(at)), command)

    return program


def closing(command: CloseStage, award_streams: Awards) -> Program:
    """Close a stage."""

    async def program(load: Loader) -> Decision:
        at = command.at
        ranking = await load.load(RANKING, at.ranking)
        season = await load.load(SEASON, season_stream(at))
        awards = [await load.load(AWARD, stream) for stream in sorted({at.award, *await award_streams(at)})]
        return decide_close(ranking, season, awards, command)

    return program


def extending(command: ExtendScoring) -> Program:
    """Move a stage's deadline."""

    async def program(load: Loader) -> Decision:
        at = command.at
        ranking = await load.load(RANKING, at.ranking)
        season = await load.load(SEASON, season_stream(at))
        return decide_extend(ranking, season, await load.load(COMMITTEE, committee_stream(at)), command)

    return program


def assigning(command: AssignScorers, roll: Roll) -> Program:
    """Draw scorers for the nominees that have too few."""

    async def program(load: Loader) -> Decision:
        at = command.at
        ranking = await load.load(RANKING, at.ranking)
        season = await load.load(SEASON, season_stream(at))
        committee = await load.load(COMMITTEE, committee_stream(at))
        nominations = () if isinstance(ranking, Unopened) else await _nominations(load, await roll(at))
        return decide_assign(ranking, season, committee, nominations, command)

    return program


# --- sheets --------------------------------------------------------------------------------------------------------


def on_sheet(
    nomination: str, tier: str, stage: str, member: str, decide: Callable[[Circumstances], Decision]
) -> Program:
    """Decide on a member's sheet: `decide` gets everything that such decisions rest on."""

    async def program(load: Loader) -> Decision:
        state = await load.load(NOMINATION, f"nomination/{nomination}")
        located = locate(state, nomination, tier, stage)
        if isinstance(located, Refusal):
            return located
        found, at = located
        ranking = await load.load(RANKING, at.ranking)
        committee = await load.load(COMMITTEE, committee_stream(at))
        sheet = await load.load(SHEET, sheet_stream(nomination, at, member))
        season = await load.load(SEASON, season_stream(at))
        return decide(Circumstances(at, ranking, committee, found, sheet, season))

    return program


def reading(nomination: str, tier: str, stage: str, member: str, reader: str) -> Program:
    """Read another's sheet; before the seal this leaves a trace."""
    return on_sheet(nomination, tier, stage, member, lambda given: decide_read(given, member, reader))


def seeing(at: Stage, reader: str) -> Program:
    """See what a stage's marks add up to; before the seal this leaves a trace, once."""

    async def program(load: Loader) -> Decision:
        return decide_see(await load.load(RANKING, at.ranking), at, reader)

    return program


# --- seals ---------------------------------------------------------------------------------------------------------


def sealing(command: SealRanking, roll: Roll, sheet_streams: SheetStreams, award_streams: Awards) -> Program:
    """Seal a stage, or seal it anew by order, from the streams themselves."""

    async def program(load: Loader) -> Decision:
        at = command.at
        ranking = await load.load(RANKING, at.ranking)
        if isinstance(ranking, Unopened):
            return decide_seal(Inputs(ranking, await load.load(COMMITTEE, committee_stream(at)), (), (), {}), command)
        season = await load.load(SEASON, season_stream(at))
        committee = await load.load(COMMITTEE, committee_stream(at))
        awards = {stream: await load.load(AWARD, stream) for stream in sorted({at.award, *await award_streams(at)})}
        nominations = await _nominations(load, await roll(at))
        reached = [one for one in nominations if one.has_been_at(at)]
        based_on = [season_stream(at), committee_stream(at), *awards, *(f"nomination/{one.id}" for one in reached)]
        carried = await _carried(load, reached, ranking, at)
        inputs = Inputs(
            ranking=ranking,
            committee=committee,
            nominations=reached,
            sheets=await _sheets(load, await sheet_streams([one.id for one in reached], at)),
            versions={stream: load.version(stream) for stream in based_on},
            carried=carried,
            verdicts=await _verdicts(load, carried, awards.values()),
            indicators=await _indicators(load, [one.id for one in reached if one.is_eligible(at)], ranking),
            season=season,
            awards=tuple(awards.values()),
        )
        return decide_seal(inputs, command)

    return program


async def _nominations(load: Loader, ids: Iterable[str]) -> list[Nomination]:
    states = [await load.load(NOMINATION, f"nomination/{id_}") for id_ in ids]
    return [state for state in states if isinstance(state, Nomination)]


async def _sheets(load: Loader, streams: Iterable[str]) -> list[FiledSheet]:
    filed: list[FiledSheet] = []
    for stream in streams:
        _, nomination, _, member = stream.split("/")
        sheet = await load.load(SHEET, stream)
        filed.append(FiledSheet(stream, load.version(stream), nomination, member, sheet))
    return filed


async def _carried(
    load: Loader, nominations: Iterable[Nomination], ranking: RankingState, at: Stage
) -> dict[str, RankingState]:
    if isinstance(ranking, Unopened):
        return {}
    sources = carried_sources(nominations, ranking.opened.rules) - {at.ranking}
    return {stream: await load.load(RANKING, stream) for stream in sorted(sources)}


async def _indicators(load: Loader, nominations: Iterable[str], ranking: RankingState) -> dict[str, Indicator]:
    """Load what was measured of nominees, where the stage has measured aspects: what comes later is not in the seal."""
    if isinstance(ranking, Unopened) or not is_measured(ranking.opened.rules):
        return {}
    return {one: await load.load(INDICATOR, indicator_stream(one)) for one in nominations}


async def _verdicts(
    load: Loader, carried: Iterable[str], awards: Iterable[Award]
) -> dict[str, tuple[VerdictState, ...]]:
    """Load the upheld appeals against each of these rankings, in their order, where there are any."""
    upheld = {stream: appeals for award in awards for stream, appeals in award.corrected.items()}
    return {
        stream: tuple([await load.load(VERDICT, verdict_stream(one)) for one in upheld[stream]])
        for stream in carried
        if stream in upheld
    }


# --- repairs of dead letters ---------------------------------------------------------------------------------------


HeldLeaves = Callable[[str, str, str], Awaitable[Collection[str]]]
"""Gives the leaves of what the ledger holds of a topic and a publisher under an id."""


def proposing_repair(command: ProposeRepair, held: HeldLeaves) -> Program:
    """Propose a fact in place of a dead letter."""

    async def program(load: Loader) -> Decision:
        chain, fact = await _repairs(load, command.letter.address), command.fact
        return decide_propose(command, chain, await held(command.letter.topic, fact.publisher, fact.id))

    return program


def approving_repair(command: ApproveRepair, held: HeldLeaves) -> Program:
    """Agree to a repair."""

    async def program(load: Loader) -> Decision:
        state = await load.load(REPAIR, repair_stream(command.repair))
        if not isinstance(state, Proposed):
            return decide_approve(state, command, None, ())
        said = state.proposed
        chain = await _repairs(load, address_of(said))
        return decide_approve(state, command, chain.last, await held(said.topic, said.publisher, said.fact))

    return program


async def _repairs(load: Loader, letter: str) -> Chain:
    """Go along the repairs of a letter; the free stream at their end is loaded too, and so held at the append."""
    last: str | None = None
    found: RepairState = Unproposed()
    free = first_repair(letter)
    while not isinstance(state := await load.load(REPAIR, repair_stream(free)), Unproposed):
        last, found, free = free, state, next_repair(free)
    return Chain(last, found, free)


# --- facts after a seal --------------------------------------------------------------------------------------------


def after_measurement(nomination: str) -> Program:
    """Say what a nominee's measured figures, as they are now, would make of the seals on its way.

    Several measurements in a row are told of as one: the last, which is what would count.
    """

    async def program(load: Loader) -> Decision:
        indicator = await load.load(INDICATOR, indicator_stream(nomination))
        state = await load.load(NOMINATION, f"nomination/{nomination}")
        stages = (*state.path, *state.fallen) if isinstance(state, Nomination) else ()
        found: list[Emit] = []
        for at in dict.fromkeys(stages):
            ranking = await load.load(RANKING, at.ranking)
            found += await _impacts(load, ranking, {nomination: indicator})
        return found

    return program


def after_seal(at: Stage) -> Program:
    """Say what nominees' figures would make of a stage that was sealed anew with the figures of its first seal."""

    async def program(load: Loader) -> Decision:
        ranking = await load.load(RANKING, at.ranking)
        named = ranking.sealed.basis.nominations if isinstance(ranking, Sealed) else ()
        return await _impacts(load, ranking, await _indicators(load, named, ranking))

    return program


async def _impacts(load: Loader, ranking: RankingState, indicators: Mapping[str, Indicator]) -> list[Emit]:
    found = [(one, each) for one, indicator in indicators.items() for each in differences(ranking, one, indicator)]
    if not found or not isinstance(ranking, Sealed):
        return []
    return await _told(load, ranking, found)


async def _told(load: Loader, ranking: Sealed, found: Iterable[tuple[str, Difference]]) -> list[Emit]:
    at = ranking.opened.at
    named = ranking.sealed.basis.nominations
    nominees = {one: await load.load(NOMINATION, f"nomination/{one}") for one in named}
    field = Field(nominees, await load.load(SEASON, season_stream(at)), await load.load(AWARD, at.award))
    return [Emit(at.ranking, impact_of(ranking, nomination, each, field)) for nomination, each in found]
