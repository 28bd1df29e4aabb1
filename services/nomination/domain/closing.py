"""The end of a season: it is closed by two administrators once nothing can be asked or decided of it any more.

After it was closed nobody lodges an appeal, decides on one or announces what a verdict corrected. So it is not closed
before its last window is over everywhere, nor while an appeal is open, a result can still be appealed against, or a
verdict is not public. All that is told by the awards of the season, of every category in every place. Each of them is
guarded, also one on which nothing has happened yet: a result that is announced at the same moment is noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from kernel.decider import Emit
from schemas.envelope import Stage
from schemas.nomination import SeasonClosed
from schemas.regions import NATION
from services.nomination.domain.award import Award
from services.nomination.domain.local_time import told
from services.nomination.domain.refusals import decides, refuse
from services.nomination.domain.season import (
    ByTwo,
    SeasonState,
    check_two,
    known,
    last_end,
    opened,
    provinces_in,
    season_stream,
    whole,
)


def awards_in(state: SeasonState) -> tuple[str, ...]:
    """Return the streams of all awards that a season can have, in order."""
    season = known(state)
    if season is None:
        return ()
    rules = season.rulebook
    everywhere = provinces_in(rules)
    stages = (
        Stage(season=season.code, tier=one.tier, province=place, category=one.category, stage=one.code)
        for one in rules.stages
        for place in ((NATION,) if one.tier == "national" else everywhere)
    )
    return tuple(sorted({stage.award for stage in stages}))


@decides
def close_season(
    command: ByTwo, state: SeasonState, received: datetime, awards: Collection[Award] = ()
) -> Sequence[Emit]:
    """End the season for good, once its calendar is over and nothing of its `awards` waits for anybody."""
    check_two(command)
    rules = opened(state, command.season).rulebook
    ends, zone = last_end(rules, whole(rules)), rules.calendar.zone
    if received <= ends:
        raise refuse("season-under-way", "season", command.season, ends=told(ends, zone))
    if appeals := sorted(appeal for award in awards for appeal in award.contests):
        raise refuse("season-under-appeal", "season", command.season, appeals=", ".join(appeals))
    if stages := [stage for award in awards for stage in award.awaiting_verdicts]:
        raise refuse("season-verdict-unannounced", "season", command.season, results=_named(stages))
    running = [one for award in awards for one in award.announcements.values() if one.is_open(received)]
    if running:
        until, results = max(one.until for one in running if one.until), _named(one.at for one in running)
        raise refuse("season-appealable", "season", command.season, until=told(until, zone), results=results)
    return (Emit(season_stream(command.season), SeasonClosed(**command.said())),)


def _named(stages: Iterable[Stage]) -> str:
    return ", ".join(sorted({f"{one.tier}/{one.province}/{one.category}/{one.stage}" for one in stages}))
