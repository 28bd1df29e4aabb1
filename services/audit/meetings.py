"""Plenaries as they are read: who is present, which questions stand open with which votes, and what was decided when.

A meeting is folded event by event, so that a decision is kept with the votes, the count and the attendance that it fell
on, and what could not happen in a meeting is told where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from services.audit.findings import Place

Json = Mapping[str, Any]

OPENINGS: Final = ("MotionOpened", "TieMotionOpened", "AdmissionMotionOpened", "AppealMotionOpened")
DECISIONS: Final = ("PlenaryDecided", "AdmissionDecided")
_AROUND: Final = ("PlenaryConvened", "PlenaryAdjourned", "MinutesCorrected")
"""What comes before a meeting, ends it or comes after it."""


class Point(NamedTuple):
    """A place in a stream."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that is kept whole."""

    type: str
    id: str
    point: Point
    time: str
    actor: str
    data: Json
    place: Place

    @property
    def name(self) -> str:
        """Return the type's name without context and version."""
        return self.type.split(".")[-2]

    @property
    def said(self) -> dict[str, Any]:
        """Return the event's own fields, without the salt."""
        return {name: value for name, value in self.data.items() if name != "salt"}


@dataclass(frozen=True, slots=True)
class Motion:
    """A question with what was said on it so far: open votes, or a count of papers and who confirmed it."""

    opened: Kept
    votes: Mapping[str, str] = field(default_factory=dict)
    tally: Json | None = None
    invalid: int = 0
    teller: str | None = None
    """Who stated the count."""
    among: frozenset[str] = frozenset()
    """Who was present when it was stated."""
    confirmed: frozenset[str] = frozenset()
    decided: bool = False

    @property
    def on_paper(self) -> bool:
        """Tell whether the vote is secret, on paper."""
        return bool(self.opened.data.get("ballot") == "paper")

    @property
    def by_lot(self) -> bool:
        """Tell whether the order of a tie is drawn, so that nobody votes."""
        return bool(self.opened.data.get("method") == "lot")

    @property
    def nominations(self) -> list[str]:
        """Return every nomination that the question is about."""
        data = self.opened.data
        match self.opened.name:
            case "MotionOpened":
                return [*data["advancing"], *data["eliminated"]]
            case "TieMotionOpened":
                return list(data["order"])
            case _:
                return list(dict.fromkeys([data["nomination"], *data.get("affected", ())]))


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with the meeting as it was when it fell."""

    event: Kept
    convened: Kept | None
    motion: Motion | None
    present: frozenset[str]
    tabled: Json | None
    """The ranking that lay before the meeting for the item."""
    again: bool
    """The motion had been decided before."""

    @property
    def at(self) -> dict[str, Any]:
        """Return the stage that was decided on. Raises LookupError when the meeting was never convened."""
        if self.convened is None:
            raise LookupError("the meeting was never convened")
        place = {name: self.convened.data[name] for name in ("season", "tier", "province")}
        item = self.event.data["item"]
        return {**place, "category": item["category"], "stage": item["stage"]}

    @property
    def carried(self) -> bool:
        """Tell whether the motion was carried."""
        return bool(self.event.data["outcome"] == "carried")

    @property
    def cited(self) -> dict[str, Any]:
        """Return the decision as its results cite it."""
        return {"plenary": self.event.data["plenary"], "motion": self.event.data["motion"]}

    @property
    def results(self) -> list[Point]:
        """Return where the events are that the decision lists."""
        return [Point(point["stream"], point["version"]) for point in self.event.data["results"]]


@dataclass(slots=True)
class Meeting:
    """A plenary as far as it was read; `wrong` is what could not happen in it, and where."""

    convened: Kept | None = None
    present: set[str] = field(default_factory=set)
    tabled: dict[tuple[str, str], Kept] = field(default_factory=dict)
    motions: dict[int, Motion] = field(default_factory=dict)
    decided: list[Decided] = field(default_factory=list)
    adjourned: bool = False
    wrong: list[tuple[Place, str]] = field(default_factory=list)
    acts: list[tuple[Place, str]] = field(default_factory=list)
    """Where, and when, something was done in the meeting."""

    def take(self, event: Kept) -> None:
        """Fold one event of the plenary's stream."""
        self.wrong += ((event.place, what) for what in self._faults(event))
        if event.name not in _AROUND:
            self.acts.append((event.place, event.time))
        data = event.data
        match event.name:
            case "PlenaryConvened":
                self.convened = event
            case "PlenaryAdjourned":
                self.adjourned = True
            case "AttendanceRecorded":
                (self.present.add if data["present"] else self.present.discard)(data["person"])
            case "RankingTabled":
                self.tabled[_item(data)] = event
            case name if name in OPENINGS:
                self.motions[data["motion"]] = Motion(event)
            case name if name in DECISIONS:
                self._decide(event)
            case "VoteCast" | "BallotTallied" | "BallotConfirmed":
                if (motion := self.motions.get(data["motion"])) is not None:
                    self.motions[data["motion"]] = _counted(motion, event, frozenset(self.present))
            case _:
                return

    def _decide(self, event: Kept) -> None:
        number = event.data["motion"]
        motion = self.motions.get(number)
        tabled = self.tabled.get(_item(event.data))
        said = tabled.data if tabled else None
        again = motion.decided if motion else False
        self.decided.append(Decided(event, self.convened, motion, frozenset(self.present), said, again))
        if motion is not None:
            self.motions[number] = replace(motion, decided=True)

    def _faults(self, event: Kept) -> Iterator[str]:
        if event.name != "PlenaryConvened" and self.convened is None:
            yield "this meeting was never convened"
        if event.name == "PlenaryConvened" and self.convened is not None:
            yield "this meeting was convened before"
        if self.adjourned and event.name != "MinutesCorrected":
            yield "the meeting was adjourned before"
        if event.name == "RankingTabled" and not self.present:
            yield "a ranking was laid before a meeting at which nobody was present"
        if event.name in OPENINGS:
            yield from self._opening_faults(event)
        elif event.name in ("VoteCast", "BallotTallied", "BallotConfirmed"):
            yield from self._voting_faults(event)

    def _opening_faults(self, event: Kept) -> Iterator[str]:
        data = event.data
        if data["motion"] in self.motions:
            yield "a motion of this number was put before"
        if self.convened is not None and data["item"] not in self.convened.data["agenda"]:
            yield "its item is not on the agenda"
        seal = self.tabled.get(_item(data))
        if event.name in ("MotionOpened", "TieMotionOpened") and (not seal or seal.data["seal"] != data["seal"]):
            yield "the ranking that it rests on does not lie before the meeting"

    def _voting_faults(self, event: Kept) -> Iterator[str]:
        motion, person = self.motions.get(event.data["motion"]), event.data.get("person")
        if motion is None:
            yield "its motion was never opened"
            return
        if motion.decided:
            yield "its motion was decided before"
        if person is not None and person not in self.present:
            yield "the member was not present"
        if (event.name == "VoteCast") is motion.on_paper or motion.by_lot:
            yield "the motion is not voted on in this way"
        if event.name == "VoteCast" and person in motion.votes:
            yield "the member had voted before"
        if event.name == "BallotConfirmed" and (motion.tally is None or person in motion.confirmed):
            yield "there was no count to confirm, or the member had confirmed it before"
        if event.name == "BallotConfirmed" and person == motion.teller:
            yield "the member had stated the count"


def _item(data: Json) -> tuple[str, str]:
    return data["item"]["category"], data["item"]["stage"]


def _counted(motion: Motion, event: Kept, present: frozenset[str]) -> Motion:
    """Return a motion after a vote, a count that replaces the one before, or a confirmation."""
    data = event.data
    match event.name:
        case "VoteCast":
            return replace(motion, votes={**motion.votes, data["person"]: data["vote"]})
        case "BallotTallied":
            tally, invalid = data["tally"], data.get("invalid", 0)
            return replace(
                motion, tally=tally, invalid=invalid, teller=event.actor, among=present, confirmed=frozenset()
            )
        case _:
            return replace(motion, confirmed=motion.confirmed | {data["person"]})
