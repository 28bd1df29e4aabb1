"""A season: opened once, under a rulebook that the same append publishes.

Streams `season/<code>`. Every version of the rulebook is kept: what was opened, sealed or decided under one is judged
under that one, and later versions change nothing before them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, assert_never

from kernel.decider import Aggregate, Emit, Happened
from schemas.nomination import RulebookAmended, RulebookPublished, SeasonOpened
from schemas.rulebook import Rulebook, rulebook_content, rulebook_hash
from services.nomination.domain.refusals import decides, refuse

SeasonEvent = SeasonOpened | RulebookPublished | RulebookAmended


@dataclass(frozen=True, slots=True)
class Unopened:
    """No such season yet."""


@dataclass(frozen=True, slots=True)
class Season:
    """An open season with every version of its rulebook, and the hash of each."""

    code: str
    version: int
    rulebooks: Mapping[int, Rulebook] = field(default_factory=dict)
    hashes: Mapping[int, str] = field(default_factory=dict)

    @property
    def rulebook(self) -> Rulebook:
        """Return the newest rulebook."""
        return self.rulebooks[self.version]


SeasonState = Unopened | Season


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
            known = state if isinstance(state, Season) else Season(event.season, event.version)
            return replace(
                known,
                version=event.version,
                rulebooks={**known.rulebooks, event.version: _rulebook(json.dumps(event.content, sort_keys=True))},
                hashes={**known.hashes, event.version: event.hash},
            )
        case _:
            assert_never(event)


@lru_cache(maxsize=64)
def _rulebook(content: str) -> Rulebook:
    """Read a published rulebook; the same few are folded again and again."""
    parsed: dict[str, Any] = json.loads(content)
    return Rulebook.from_content(parsed)


def opened(state: SeasonState, code: str) -> Season:
    """Return the season when it is open; raise Refused."""
    if isinstance(state, Season):
        return state
    raise refuse("season-unknown", "season", code)


SEASON: Final = Aggregate[SeasonState](initial=Unopened, evolve=evolve, kind="season")


@dataclass(frozen=True, slots=True)
class OpenSeason:
    """Open the season of a rulebook that was read and checked."""

    rulebook: Rulebook


@decides
def open_season(command: OpenSeason, state: SeasonState) -> Sequence[Emit]:
    """Open the season and publish its rules, in one append."""
    rules = command.rulebook
    if isinstance(state, Season):
        raise refuse("season-already-open", "rulebook", state.code)
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
