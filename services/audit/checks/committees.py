"""A place's committees as they were at some event: who sits where, and who may take no part in what.

A declared interest reaches as far as the rulebook's scope and ends when it is lifted. One's own employer or government
is an interest in that candidate alone. Rankings go by what a person's latest appointment to each body stated, decisions
by the seats that are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.audit.checks.telling import after, before
from services.audit.meetings import Kept
from services.audit.record import Record

Json = Mapping[str, Any]
Seat = tuple[str, str, int]


class Scope(NamedTuple):
    """How far interests reach; what becomes of an own employer or government is refused, flagged, or nothing."""

    category: bool
    own_employer: str | None
    own_government: str | None

    @classmethod
    def of(cls, conflicts: Json) -> Scope:
        """Read a rulebook's rules on conflicts."""
        return cls(conflicts["scope"] == "category", conflicts["own_employer"], conflicts["own_government"])


class Committee:
    """A committee's stream folded up to some event."""

    def __init__(self, events: Iterable[Kept]) -> None:
        self._seats: dict[Seat, str] = {}
        self._stated: dict[tuple[str, str], Json] = {}
        self._interests: set[tuple[str, str, str | None]] = set()
        self._sat: set[tuple[str, str]] = set()
        for event in events:
            self._take(event)

    def _take(self, event: Kept) -> None:
        data = event.data
        match event.name:
            case "MemberAppointed":
                seat = (data["body"], data["office"], data["seat"])
                self._seats[seat] = data["person"]
                self._stated[data["person"], data["body"]] = data
                self._sat.add((data["body"], data["person"]))
            case "MemberRemoved":
                seat = (data["body"], data["office"], data["seat"])
                self._seats.pop(seat, None)
            case "ConflictDeclared":
                self._interests.add(_interest(data))
            case "ConflictLifted":
                self._interests.discard(_interest(data))
            case _:
                return

    def holders(self, body: str, offices: Iterable[str] | None = None) -> set[str]:
        """Return who holds a seat of a body, in some offices or in any."""
        wanted = None if offices is None else set(offices)
        seats = self._seats.items()
        return {person for (of, office, _), person in seats if of == body and (wanted is None or office in wanted)}

    def voters(self, body: str, seats: Mapping[str, int]) -> set[str]:
        """Return who holds one of so many seats of these offices: the seats that a later version added vote by it."""
        held = self._seats.items()
        return {person for (of, office, number), person in held if of == body and number <= seats.get(office, 0)}

    def offices(self, body: str, person: str) -> set[str]:
        """Return the offices that a person holds in a body."""
        return {office for (of, office, _), holder in self._seats.items() if (of, holder) == (body, person)}

    def has_sat(self, body: str, person: str) -> bool:
        """Tell whether a person ever held a seat of a body."""
        return (body, person) in self._sat

    def recused(self, scope: Scope, category: str, candidates: Mapping[str, Json | None]) -> set[str]:
        """Return who may take no part in deciding on these candidates (by nomination) of a category."""
        found = {person for person in self._people() if self._declared(scope, person, category, candidates)}
        for candidate in candidates.values():
            for (person, _), stated in self._stated.items():
                if candidate is not None and _own(scope, candidate, stated) == "refused":
                    found.add(person)
        return found

    def grounds(self, scope: Scope, person: str, category: str, nomination: str, candidate: Json) -> list[Json]:
        """Return why a person takes no part in ranking a nominee, in the form of RankingSealed.recusals."""
        whose = {"member": person, "nomination": nomination}
        found: list[Json] = []
        if self._declared(scope, person, category, [nomination]):
            found.append({**whose, "reason": "declared", "flagged": False})
        stated = (one for (who, _), one in self._stated.items() if who == person)
        effects = [effect for one in stated if (effect := _own(scope, candidate, one)) is not None]
        if effects:
            reason = "own-employer" if candidate["kind"] == "employer" else "own-government"
            found.append({**whose, "reason": reason, "flagged": effects[0] == "flagged"})
        return found

    def _people(self) -> set[str]:
        return {person for person, _, _ in self._interests}

    def _declared(self, scope: Scope, person: str, category: str, nominations: Iterable[str]) -> bool:
        concerned = {None, *nominations}
        return any(
            (who, of) == (person, category) and (scope.category or nomination in concerned)
            for who, of, nomination in self._interests
        )


def _interest(data: Json) -> tuple[str, str, str | None]:
    return data["person"], data["category"], data.get("nomination")


def _own(scope: Scope, candidate: Json, belonging: Json) -> str | None:
    """Return what becomes of a candidate that is one's own, None when it is not."""
    if candidate["kind"] == "employer":
        return scope.own_employer if candidate["code"] == belonging.get("employer") else None
    return scope.own_government if candidate["code"] == belonging.get("government") else None


def committee_stream(at: Json) -> str:
    """Return the stream of the committees of a stage's place."""
    return f"committee/{at['season']}/{at['province']}"


def committee_at(record: Record, at: Json, version: int) -> Committee:
    """Return the committee of a stage's place at a version of its stream."""
    return Committee(one for one in record.of(committee_stream(at)) if one.point.version <= version)


def committees_near(record: Record, at: Json, moment: str) -> Sequence[Committee]:
    """Return the committee as it was at a moment, and as it was a few seconds before or after, when it changed then."""
    events = record.of(committee_stream(at))
    certain = sum(1 for one in events if one.time <= before(moment))
    possible = sum(1 for one in events if one.time <= after(moment))
    exact = sum(1 for one in events if one.time <= moment)
    return [Committee(events[:count]) for count in (exact, *range(certain, possible + 1))]
