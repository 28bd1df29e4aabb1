"""A nomination's way through the stages: as it was at some event, and whether every step of it could be taken.

What takes a nomination on is checked with the decision that lists it; here its own stream is read by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.audit.checks.telling import Fault, after, before, text, told
from services.audit.meetings import Kept
from services.audit.record import Record, award_of

Json = Mapping[str, Any]


@dataclass(slots=True)
class Way:
    """A candidate's way as far as it was read: the last of `path` is where it stands, or where it ended."""

    begun: Kept
    candidate: Json
    contact: str
    path: list[Json]
    names: set[str]
    """The names that it ever bore."""
    ending: str | None = None
    checked: dict[str, str] = field(default_factory=dict)
    """What a stage's body said last of it, by the stage."""
    ranks: dict[str, int] = field(default_factory=dict)
    """By which rank it left a stage."""

    @property
    def at(self) -> Json:
        """Return where it stands or ended."""
        return self.path[-1]

    @property
    def sample(self) -> bool:
        """Tell whether it is a sample."""
        return bool(self.begun.data.get("sample", False))

    def competes_at(self, at: Json) -> bool:
        """Tell whether it stands at a stage and is under way."""
        return self.ending is None and self.at == at

    def has_left(self, at: Json) -> bool:
        """Tell whether it advanced from a stage."""
        return at in self.path[:-1]

    def verified_at(self, at: Json) -> bool:
        """Tell whether the body of a stage said last that it is in order."""
        return self.checked.get(text(at)) == "NominationVerified"

    def take(self, event: Kept) -> None:
        """Fold one event after the first."""
        data = event.data
        match event.name:
            case "NominationAmended":
                self.candidate, self.contact = data["candidate"], data["contact"]
                self.names.add(data["candidate"]["name"])
            case "NominationWithdrawn":
                self.ending = "withdrawn"
            case "NominationEliminated":
                self.ending = "eliminated"
            case "NominationReinstated":
                self.ending = None
            case "StageAdvanced":
                self.path.append(data["reached"])
                self.ranks[text(data["left"])] = data["rank"]
                self.ending = None
            case "StageAdvanceWithdrawn":
                self.ending = self.ending if self.ending in ("withdrawn", "rejected") else "eliminated"
                if data["returned"] in self.path:
                    self.path = self.path[: self.path.index(data["returned"]) + 1]
            case "NominationVerified" | "NominationReturned" | "NominationResubmitted" | "NominationRejected":
                self.checked[text(data["at"])] = event.name
                self.ending = "rejected" if event.name == "NominationRejected" else self.ending
            case _:
                return


def _begin(event: Kept) -> Way:
    data = event.data
    return Way(event, data["candidate"], data["contact"], [data["entry"]], {data["candidate"]["name"]})


def way_of(record: Record, nomination: str, counts: Callable[[Kept], bool] = lambda _: True) -> Way | None:
    """Return a nomination's way by the events that count, None as long as it does not compete."""
    way: Way | None = None
    for event in record.of(f"nomination/{nomination}"):
        if not counts(event):
            continue
        if event.name == "CandidateNominated":
            way = way or _begin(event)
        elif way is not None:
            way.take(event)
    return way


def ways_until(record: Record, nomination: str, moment: str) -> Way | None:
    """Return a nomination's way by what was recorded before a moment."""
    return way_of(record, nomination, lambda event: event.time < moment)


def ways_near(record: Record, nomination: str, moment: str) -> list[Way | None]:
    """Return a nomination's way as it was at a moment, or can have been a few seconds before or after."""
    times = [event.time for event in record.of(f"nomination/{nomination}")]
    inside = [time for time in times if before(moment) <= time <= after(moment)]
    return [ways_until(record, nomination, each) for each in (before(moment), *inside, after(moment))]


def candidate_of(record: Record, nomination: str) -> Json | None:
    """Return who is nominated, admitted or not: kind and code never change."""
    events = record.of(f"nomination/{nomination}", "CandidateNominated", "NominationFiledLate")
    return events[0].data["candidate"] if events else None


def left_empty(record: Record, nomination: str, moment: str) -> bool:
    """Tell whether a nomination was withdrawn or rejected by a moment, so that nobody moves up."""
    events = record.of(f"nomination/{nomination}", "NominationWithdrawn", "NominationRejected")
    return any(event.time <= moment for event in events)


# --- step by step --------------------------------------------------------------------------------------------------


def way_faults(record: Record) -> Iterator[Fault]:
    """Return what a nomination's stream says that cannot follow what it said before."""
    for stream, events in record.streams.items():
        if stream.startswith("nomination/"):
            yield from _stream_faults(events, record)


@dataclass(slots=True)
class _Late:
    """What was filed late and waits: what it says, as corrected, and whether it was taken back."""

    said: dict[str, Any]
    entry: Json
    taken_back: bool = False

    def take(self, event: Kept) -> None:
        """Fold one event before its admission."""
        match event.name:
            case "NominationAmended":
                self.said |= {"candidate": event.data["candidate"], "contact": event.data["contact"]}
            case "NominationWithdrawn":
                self.taken_back = True
            case _:
                return


def _filed(event: Kept) -> _Late:
    said = {name: value for name, value in event.said.items() if name != "reason_digest"}
    return _Late(said, event.data["entry"])


def _stream_faults(events: Iterable[Kept], record: Record) -> Iterator[Fault]:
    way: Way | None = None
    filed: _Late | None = None
    for event in events:
        yield from told("nomination", event.place, _step_faults(event, way, filed, record))
        if event.name == "NominationFiledLate":
            filed = filed or _filed(event)
        elif event.name == "CandidateNominated":
            way = way or _begin(event)
        elif way is not None:
            way.take(event)
        elif filed is not None:
            filed.take(event)


def _step_faults(event: Kept, way: Way | None, filed: _Late | None, record: Record) -> Iterator[str]:
    if event.name == "NominationFiledLate":
        if way is not None or filed is not None:
            yield "it was nominated before"
    elif event.name == "CandidateNominated":
        if way is not None:
            yield "it was nominated before"
        elif filed is not None:
            yield from _admitted_faults(event, filed)
    elif way is None and filed is not None:
        yield from _waiting_faults(event, filed)
    elif way is None:
        yield "it does not compete: nothing nominates or admits it before"
    else:
        yield from _moved_faults(event, way, record)


def _admitted_faults(event: Kept, filed: _Late) -> Iterator[str]:
    if filed.taken_back:
        yield "it was taken back before"
    if {"sample": False, **event.said} != {"sample": False, **filed.said}:
        yield "it is not what was filed late"


def _waiting_faults(event: Kept, filed: _Late) -> Iterator[str]:
    """Check what is done with a nomination before it is admitted: it is corrected, or taken back once."""
    data = event.data
    if event.name not in ("NominationAmended", "NominationWithdrawn"):
        yield "it does not compete: nothing admits it before"
    elif filed.taken_back:
        yield "it was taken back before"
    elif event.name == "NominationWithdrawn" and data["at"] != filed.entry:
        yield "it was not filed for this stage"
    elif event.name == "NominationAmended" and _names_another(data["candidate"], filed.said["candidate"]):
        yield "it names another candidate"


def _names_another(candidate: Json, before_it: Json) -> bool:
    """Tell whether a correction names somebody else: kind and code never change."""
    return any(candidate[name] != before_it[name] for name in ("kind", "code"))


def _moved_faults(event: Kept, way: Way, record: Record) -> Iterator[str]:
    data = event.data
    match event.name:
        case "NominationAmended":
            if _names_another(data["candidate"], way.candidate):
                yield "it names another candidate"
        case "StageAdvanced":
            # Who was eliminated may advance after all, when an appeal is upheld; the decision is checked for that.
            if data["left"] != way.at or way.ending in ("withdrawn", "rejected"):
                yield "the nomination did not stand at the stage that it leaves"
        case "NominationReinstated":
            if data["at"] != way.at or way.ending != "eliminated":
                yield "the nomination was not eliminated at this stage"
        case "StageAdvanceWithdrawn":
            if data["left"] != way.at or data["returned"] not in way.path[:-1]:
                yield "the nomination had not advanced from the stage that it is returned to"
        case _:
            if not way.competes_at(data["at"]) and not _may_come_back(way, event, record):
                yield "the nomination did not stand at this stage any more, or not yet"


def _may_come_back(way: Way, event: Kept, record: Record) -> bool:
    """Tell whether an event judges who was eliminated at a stage while an appeal against that may have been open."""
    at = event.data["at"]
    judged = event.name in ("NominationVerified", "NominationReturned", "NominationResubmitted")
    if not judged or way.at != at or way.ending != "eliminated":
        return False
    marks = record.of(award_of(at), "DecisionContested", "DecisionReviewed")
    over = {one.data["appeal"] for one in marks if one.name == "DecisionReviewed" and one.time < before(event.time)}
    contests = [one for one in marks if one.name == "DecisionContested" and one.time <= after(event.time)]
    return any(one.data["at"] == at and one.data["appeal"] not in over for one in contests)
