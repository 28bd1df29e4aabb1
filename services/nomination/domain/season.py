"""A season: opened once, under a rulebook that the same append publishes, extended, and held by two administrators.

Streams `season/<code>`. Every version of the rulebook is kept: what was opened, sealed or decided under one is judged
under that one, and later versions change nothing before them. A frozen or closed season is another state than an open
one, and only `opened` gives commands the season itself: whoever needs its rules asks there, and is refused while it is
held. `amending` has what a new version of the rulebook may change, `closing` how a season ends.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from kernel.decider import Aggregate, Emit, Happened
from schemas.envelope import Stage
from schemas.nomination import (
    DeadlineExtended,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
    SeasonFrozen,
    SeasonOpened,
    SeasonUnfrozen,
)
from schemas.regions import NATION, ZONES, UnknownRegion, region, region_table
from schemas.rulebook import Rulebook, Window, rulebook_content, rulebook_hash
from services.nomination.domain.local_time import told
from services.nomination.domain.ranking import Ranking
from services.nomination.domain.refusals import decides, refuse

Rules = RulebookPublished | RulebookAmended
SeasonEvent = SeasonOpened | Rules | DeadlineExtended | SeasonFrozen | SeasonUnfrozen | SeasonClosed


@dataclass(frozen=True, slots=True)
class Unopened:
    """No such season yet."""


@dataclass(frozen=True, slots=True)
class Season:
    """An open season with every version of its rulebook, the hash of each, and the extensions of its window."""

    code: str
    version: int
    rulebooks: Mapping[int, Rulebook] = field(default_factory=dict)
    hashes: Mapping[int, str] = field(default_factory=dict)
    extensions: Mapping[str | None, datetime] = field(default_factory=dict)
    """The extended last instant, in UTC, of the window for nominations, by province (None: everywhere)."""

    @property
    def rulebook(self) -> Rulebook:
        """Return the newest rulebook."""
        return self.rulebooks[self.version]

    def nomination_closes(self, province: str) -> datetime:
        """Return the last instant, in UTC, at which a province's candidates may be nominated, extensions included."""
        rules = self.rulebook
        extended = [until for place, until in self.extensions.items() if place in (None, province)]
        return max([rules.deadline_utc(rules.calendar.nomination, province), *extended])


@dataclass(frozen=True, slots=True)
class Frozen:
    """A season that two administrators stopped: nothing of it changes until two unfreeze it."""

    season: Season


@dataclass(frozen=True, slots=True)
class Closed:
    """A season that is over for good."""

    season: Season


SeasonState = Unopened | Season | Frozen | Closed


def season_stream(code: str) -> str:
    """Return the stream of a season."""
    return f"season/{code}"


def evolve(state: SeasonState, happened: Happened) -> SeasonState:
    """Fold one event of a season's stream."""
    event: SeasonEvent = happened.event
    match event:
        case SeasonOpened():
            return Season(event.season, event.rulebook_version)
        case RulebookPublished() | RulebookAmended():
            return _under(state, event)
        case DeadlineExtended():
            season = _begun(state, happened)
            return replace(season, extensions={**season.extensions, event.province: event.until})
        case SeasonFrozen():
            return Frozen(_begun(state, happened))
        case SeasonUnfrozen():
            return _begun(state, happened)
        case SeasonClosed():
            return Closed(_begun(state, happened))
        case _:
            assert_never(event)


def _under(state: SeasonState, event: Rules) -> Season:
    """Fold a version of the rulebook."""
    known = state if isinstance(state, Season) else Season(event.season, event.version)
    return replace(
        known,
        version=event.version,
        rulebooks={**known.rulebooks, event.version: _rulebook(json.dumps(event.content, sort_keys=True))},
        hashes={**known.hashes, event.version: event.hash},
    )


def _begun(state: SeasonState, happened: Happened) -> Season:
    season = known(state)
    if season is None:
        raise TypeError(f"{happened.stream} does not begin with SeasonOpened")
    return season


@lru_cache(maxsize=64)
def _rulebook(content: str) -> Rulebook:
    """Read a published rulebook; the same few are folded again and again."""
    parsed: dict[str, Any] = json.loads(content)
    return Rulebook.from_content(parsed)


def opened(state: SeasonState, code: str) -> Season:
    """Return the season when something of it may be changed now; raise Refused.

    This is where a freeze holds: every command takes its season from here, also one that needs nothing of it.
    """
    match state:
        case Season():
            return state
        case Frozen():
            raise refuse("season-frozen", "season", code)
        case Closed():
            raise refuse("season-closed", "season", code)
        case Unopened():
            raise refuse("season-unknown", "season", code)
        case _:
            assert_never(state)


def known(state: SeasonState) -> Season | None:
    """Return the season to read about, also while it is frozen and after it was closed; None when there is none."""
    match state:
        case Season():
            return state
        case Frozen(season) | Closed(season):
            return season
        case Unopened():
            return None
        case _:
            assert_never(state)


def begun(state: SeasonState, code: str) -> Season:
    """Return the season to look at, whether or not anything of it may be changed; raise Refused."""
    return known(state) or opened(state, code)


@decides
def check_open(state: SeasonState, code: str) -> None:
    """Refuse when nothing of the season may be changed now: for commands that decide without its rules."""
    opened(state, code)


SEASON: Final = Aggregate[SeasonState](initial=Unopened, evolve=evolve, kind="season")


# --- opening -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSeason:
    """Open the season of a rulebook that was read and checked."""

    rulebook: Rulebook


@decides
def open_season(command: OpenSeason, state: SeasonState) -> Sequence[Emit]:
    """Open the season and publish its rules, in one append."""
    rules = command.rulebook
    if not isinstance(state, Unopened):
        raise refuse("season-already-open", "rulebook", rules.season)
    digest = rulebook_hash(rules)
    stream = season_stream(rules.season)
    return (
        Emit(
            stream,
            SeasonOpened(
                season=rules.season, title=rules.title.id, rulebook_version=rules.version, rulebook_hash=digest
            ),
        ),
        Emit(
            stream,
            RulebookPublished(season=rules.season, version=rules.version, hash=digest, content=rulebook_content(rules)),
        ),
    )


# --- extending -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExtendNomination:
    """Let the window for nominations close later, in one province or (None) everywhere.

    `until` is the last second in the province's own time, or in the nation's when it is for everywhere.
    """

    season: str
    province: str | None
    until: datetime
    received: datetime
    reason_digest: str


def entries_in(state: SeasonState, province: str | None) -> tuple[Stage, ...]:
    """Return the first stages of all paths that a province's candidates (None: everybody's) enter, each once."""
    season = known(state)
    if season is None:
        return ()
    rules = season.rulebook
    provinces = provinces_in(rules) if province is None else (province,)
    firsts = [rules.entry_stage(category.code) for category in rules.categories]
    entered = (
        Stage(season=season.code, tier=first.tier, province=place, category=first.category, stage=first.code)
        for first in firsts
        for place in ((NATION,) if first.tier == "national" else provinces)
    )
    return tuple(dict.fromkeys(entered))


@decides
def extend_nomination(
    command: ExtendNomination, state: SeasonState, rankings: Collection[Ranking] = ()
) -> Sequence[Emit]:
    """Move the window's end to a later instant that is still to come and inside the season.

    The window is one for all categories of a place, so it is extended as long as one of the stages that it leads to
    may still be entered; into the others nobody is nominated (`entering`). When all `rankings` of them are over, an
    extension would promise what no nomination gets.
    """
    season = opened(state, command.season)
    rules, place = season.rulebook, command.province or NATION
    if command.province is not None:
        _check_province(command.province, rules.regions.table)
    zone = rules.zone(place)
    asked, now = f"{command.until:%Y-%m-%d %H:%M:%S} {ZONES[zone]}", told(command.received, zone)
    closes, ends = _present_end(season, command.province), rules.deadline_utc(whole(rules), place)
    if command.until <= _local(closes, zone):
        raise refuse("extension-not-later", "until", asked, closes=told(closes, zone))
    if command.until > _local(ends, zone):
        raise refuse("extension-after-season", "until", asked, ends=told(ends, zone))
    until = rules.deadline_utc(Window(opens=rules.calendar.opens, closes=command.until), place)
    if until < command.received:
        raise refuse("extension-past", "until", asked, now=now)
    if rankings and all(ranking.is_over for ranking in rankings):
        raise refuse("extension-opens-nothing", "until", asked)
    extended = DeadlineExtended(
        season=season.code,
        window="nomination",
        province=command.province,
        until=until,
        reason_digest=command.reason_digest,
    )
    return (Emit(season_stream(season.code), extended),)


def _check_province(province: str, table: str) -> None:
    try:
        region(province, table)
    except UnknownRegion:
        raise refuse("province-unknown", "province", province, table=table) from None


def _present_end(season: Season, province: str | None) -> datetime:
    """Return when the window closes now: in a province, or everywhere, which is where it closes last by the rules."""
    if province is not None:
        return season.nomination_closes(province)
    extended = season.extensions.get(None)
    closes = last_end(season.rulebook, season.rulebook.calendar.nomination)
    return closes if extended is None else max(closes, extended)


def _local(moment: datetime, zone: str) -> datetime:
    """Return an instant as the zone's own date and time, without the zone."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def whole(rules: Rulebook) -> Window:
    """Return the window of the whole season."""
    return Window(opens=rules.calendar.opens, closes=rules.calendar.closes)


def last_end(rules: Rulebook, window: Window) -> datetime:
    """Return when a window is over in every province: it ends in each by that province's time."""
    return max(rules.deadline_utc(window, province) for province in (NATION, *provinces_in(rules)))


def provinces_in(rules: Rulebook) -> list[str]:
    """Return the codes of all provinces."""
    return sorted({one.province for one in region_table(rules.regions.table).regions.values()})


# --- freezing, by two persons --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ByTwo:
    """A season and the two administrators who act on it together; their roles were checked before."""

    season: str
    first: str
    second: str
    reason_digest: str

    def said(self) -> dict[str, str]:
        """Return what the events of such commands say."""
        return asdict(self)


@decides
def freeze_season(command: ByTwo, state: SeasonState) -> Sequence[Emit]:
    """Stop everything of the season, whatever is under way."""
    check_two(command)
    opened(state, command.season)
    return (Emit(season_stream(command.season), SeasonFrozen(**command.said())),)


@decides
def unfreeze_season(command: ByTwo, state: SeasonState) -> Sequence[Emit]:
    """Let a frozen season go on."""
    check_two(command)
    if isinstance(state, Season):
        raise refuse("season-not-frozen", "season", command.season)
    if not isinstance(state, Frozen):
        opened(state, command.season)
    return (Emit(season_stream(command.season), SeasonUnfrozen(**command.said())),)


def check_two(command: ByTwo) -> None:
    """Refuse one person who acts as both."""
    if command.first == command.second:
        raise refuse("two-persons-needed", "header.Second-Authorization")
