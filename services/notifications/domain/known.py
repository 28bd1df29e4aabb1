"""What the fold knows of the award, as far as it must to tell people: rules, nominees, seats, meetings.

Plain values that the handler reads from its tables for one batch and changes as it folds; nobody is named here but by
a pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from schemas.envelope import Stage
from schemas.rulebook import Rulebook

Standing = Literal["late", "competing", "returned", "won", "out"]


@dataclass(frozen=True, slots=True)
class Nominee:
    """A nomination: its people, its candidate, where it stands, and what it waits for.

    `at` is the ranking stream of its stage (`Stage.ranking`), where it came at the recorded time `since`; `home` is the
    province of its nominating body. A returned one is to be mended by `mend_until`; its latest interview begins at
    `interview`, at the stage `heard_at`.
    """

    nomination: str
    nominated_by: str
    contact: str
    candidate: str
    season: str
    home: str
    at: str
    since: datetime
    standing: Standing = "competing"
    sample: bool = False
    kind: str = ""
    code: str = ""
    """Of the candidate, as its nomination has them."""
    body: str = ""
    """The code of its nominating body."""
    mend_until: datetime | None = None
    interview: datetime | None = None
    heard_at: str | None = None


class SeatKey(NamedTuple):
    """A seat of an office in a body of a place."""

    season: str
    province: str
    body: str
    office: str
    seat: int


@dataclass(frozen=True, slots=True)
class Seat:
    """Who holds a seat, or held it last."""

    key: SeatKey
    person: str
    held: bool
    employer: str | None = None
    government: str | None = None
    """Whom the holder belongs to."""


@dataclass(frozen=True, slots=True)
class Plenary:
    """A meeting that was convened, by the event `cause`."""

    plenary: str
    season: str
    province: str
    body: str
    scheduled: datetime
    agenda: tuple[tuple[str, str], ...]
    """Category and stage of each item."""
    cause: str
    recorded: datetime


Cited = tuple[str, int]
"""A decision: the plenary and the number of the motion."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A carried motion on a seal, as far as it was announced (recorded time), or is a verdict that changed a ranking.

    Which results a decision led to is in events of their own, which cite it.
    """

    cited: Cited
    seal: str
    verdict: datetime | None = None
    announced: datetime | None = None


@dataclass(slots=True)
class Known:
    """All of it that a batch needs."""

    rulebooks: dict[str, Rulebook] = field(default_factory=dict)
    nominees: dict[str, Nominee] = field(default_factory=dict)
    seats: dict[SeatKey, Seat] = field(default_factory=dict)
    plenaries: dict[str, Plenary] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    """Ranking streams of the stages that were announced before."""
    decisions: dict[Cited, Decision] = field(default_factory=dict)

    def is_public(self, cited: Cited) -> bool:
        """Tell whether what a decision led to was made public.

        A verdict can be followed by another one on the same seal before it is announced. Only the latest can be
        announced then, and what is announced is what all of them lead to.
        """
        found = self.decisions.get(cited)
        if found is None:
            return False
        if found.announced is not None:
            return True
        verdict = found.verdict
        return verdict is not None and any(
            one.seal == found.seal and one.announced is not None and one.announced > verdict
            for one in self.decisions.values()
        )

    def public_on(self, seal: str) -> list[Cited]:
        """Return the decisions on a seal whose results were made public."""
        return [one.cited for one in self.decisions.values() if one.seal == seal and self.is_public(one.cited)]

    def standing_in(self, season: str, *, home: str | None = None) -> Iterator[Nominee]:
        """Return who still takes part in a season, or won; of one province of nominating bodies, if one is given."""
        for nominee in self.nominees.values():
            if nominee.season == season and nominee.standing not in ("late", "out") and home in (None, nominee.home):
                yield nominee

    def standing_at(self, stages: Iterable[str], *, by: datetime) -> Iterator[Nominee]:
        """Return who stands at some stages, given by their ranking streams, and came there by a recorded time."""
        asked = frozenset(stages)
        for nominee in self.nominees.values():
            if nominee.at in asked and nominee.since <= by and nominee.standing in ("competing", "returned", "won"):
                yield nominee

    def bodies_in(self, season: str, province: str | None = None) -> tuple[tuple[str, str], ...]:
        """Return the place and code of every body that somebody sits in, of a season or of a province of it."""
        found = (key for key in self.seats if key.season == season and province in (None, key.province))
        return tuple(sorted({(key.province, key.body) for key in found}))

    def holders(self, season: str, province: str, body: str, *, clerks: bool) -> list[str]:
        """Return who holds a voting seat of a body now, or with `clerks` who keeps its record; each once."""
        clerk_offices = self._clerk_offices(season, body)
        held = (
            (key, seat.person)
            for key, seat in self.seats.items()
            if seat.held and (key.season, key.province, key.body) == (season, province, body)
        )
        return list(dict.fromkeys(person for key, person in sorted(held) if (key.office in clerk_offices) is clerks))

    def _clerk_offices(self, season: str, body: str) -> frozenset[str]:
        rulebook = self.rulebooks.get(season)
        bodies = () if rulebook is None else rulebook.bodies
        return frozenset(
            office.code for each in bodies if each.code == body for office in each.offices if office.role == "clerk"
        )


def stage_of(ranking: str) -> Stage:
    """Return the stage of a ranking stream."""
    _, season, tier, province, category, stage = ranking.split("/")
    return Stage(season=season, tier=tier, province=province, category=category, stage=stage)
