"""A stage's ranking as this service received it: its seals, until when its sheets are received, who has looked.

Streams `ranking/…` are scoring's. What a seal is worth to a plenary is judged in `seal`; who may still enter a stage in
`entering`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from kernel.decider import Aggregate, Happened, Position
from schemas.scoring import (
    MarksSeen,
    RankingSealed,
    RankingSuperseded,
    ScorersAssigned,
    ScoringClosed,
    ScoringExtended,
    ScoringOpened,
)


class Moment(NamedTuple):
    """When an event was recorded, and where it stands in this service's log."""

    time: datetime
    position: Position


@dataclass(frozen=True, slots=True)
class Seal:
    """A received seal: the id and version of its event, where it stands in this service's log, and what it says.

    `first` is the moment of the stage's first seal, by which the totals were known: which changes of the committee a
    seal rests on was settled then, however often the stage is sealed anew.
    """

    id: str
    version: int
    position: Position
    said: RankingSealed
    time: datetime
    first: Moment


@dataclass(frozen=True, slots=True)
class Ranking:
    """The seals of a stage, in order, which of them were superseded, and until when its sheets are received."""

    seals: tuple[Seal, ...] = ()
    superseded: frozenset[str] = frozenset()
    closes: datetime | None = None
    """The last instant at which sheets are received, as far as it is known here; None before scoring was opened."""
    closed: bool = False
    """Sheets are received no more, whatever the last instant was."""
    readers: frozenset[str] = frozenset()
    """Who saw others' marks of the stage, or what they add up to, before its first seal."""
    drawn: Position | None = None
    """Where scorers were drawn last."""

    @property
    def is_over(self) -> bool:
        """Tell whether nobody can be scored any more, for good: a closed stage is not opened again."""
        return self.closed or bool(self.seals)

    @property
    def current(self) -> Seal | None:
        """Return the last seal, unless it was superseded."""
        last = self.seals[-1] if self.seals else None
        return None if last is None or last.id in self.superseded else last

    def seal(self, seal: str | None) -> Seal | None:
        """Return a seal by its event's id."""
        return next((found for found in self.seals if found.id == seal), None)


def evolve(state: Ranking, happened: Happened) -> Ranking:  # noqa: PLR0911 - one line per kind of event
    """Fold one received event; those that concern only scoring itself are passed over."""
    match happened.event:
        case RankingSealed() as said:
            first = state.seals[0].first if state.seals else Moment(happened.time, happened.position)
            seal = Seal(happened.id, happened.version, happened.position, said, happened.time, first)
            return replace(state, seals=(*state.seals, seal))
        case RankingSuperseded(seal=seal):
            return replace(state, superseded=state.superseded | {seal})
        case ScoringOpened(closes=closes) | ScoringExtended(until=closes):
            return replace(state, closes=closes)
        case ScoringClosed():
            return replace(state, closed=True)
        case ScorersAssigned():
            return replace(state, drawn=happened.position)
        case MarksSeen(reader=reader):
            return replace(state, readers=state.readers | {reader})
        case _:
            return state


RANKING: Final = Aggregate[Ranking](initial=Ranking, evolve=evolve, kind="ranking")
