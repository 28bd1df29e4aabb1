"""Notices to all who hold a role of identity's: a secretariat, a publisher; pure.

Who holds a seat or is a contact is in the events; who has a role is in none, and identity is asked for it. The fold may
not ask, so what it commits is a call: the notice, the role, and over what it reaches. Calls are answered beside the
fold, once each, by whoever holds the role then; the intents have the message ids that they would have had in the fold,
so whoever is told in two capacities is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast, get_args
from uuid import UUID, uuid5

from kernel.canonical import Json
from schemas.regions import NATION, region_table
from schemas.rulebook import Rulebook
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.notifications.domain.intents import Intent, Notice, intent_of, roles_of, season_of
from services.notifications.domain.known import Known

HeldRole = Literal["secretariat", "publisher"]
"""Roles whose holders only identity knows; each states over what it holds."""
SCOPE_OF: Final[Mapping[HeldRole, str]] = {"secretariat": "province", "publisher": "publisher"}
HELD_ROLES: Final[tuple[HeldRole, ...]] = get_args(HeldRole)


@dataclass(frozen=True, slots=True)
class Call:
    """A notice to all who hold a role.

    `bodies` are nominations with their nominating bodies: then a secretariat is told for those of its own government.
    Otherwise who holds the role over what `within` names, or over a part of it, is told; None reaches all. A notice of
    no season reaches who holds the role in any.
    """

    notice: Notice
    season: str | None
    role: HeldRole
    bodies: tuple[tuple[str, str], ...] = ()
    within: tuple[str, ...] | None = None

    @property
    def id(self) -> UUID:
        """Return its id: the same notice to the same people is the same call, whenever it is folded."""
        reach = f"{sorted(self.bodies)} {self.within}"
        return uuid5(UUID(self.notice.cause), f"{self.notice.template} to {self.role} {reach}")

    def document(self) -> Json:
        """Return it as JSON values, to lie in a table."""
        return {
            "notice": self.notice.document(),
            "season": self.season,
            "role": self.role,
            "bodies": [list(one) for one in self.bodies],
            "within": None if self.within is None else list(self.within),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Call:
        """Return the call of its JSON values."""
        within = document["within"]
        return cls(
            Notice.of(document["notice"]),
            document["season"],
            cast("HeldRole", document["role"]),
            tuple((nomination, body) for nomination, body in document["bodies"]),
            None if within is None else tuple(within),
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """One grant of a role: who holds it, over what, and in which season if in one only."""

    person: str
    place: str
    season: str | None = None


def calls_of(notice: Notice, known: Known) -> list[Call]:
    """Return what a notice says to those whom only identity knows, as far as all that it takes is known."""
    if notice.system is not None:
        return [Call(notice, None, "publisher", within=(notice.system,))]
    season = season_of(notice, known)
    rulebook = None if season is None else known.rulebooks.get(season)
    if season is None or rulebook is None:
        return []
    about = [known.nominees[one] for one in dict.fromkeys(notice.about) if one in known.nominees]
    calls: list[Call] = []
    for role in roles_of(notice, rulebook):
        match role:
            case "nominating-body" if about:
                bodies = tuple((nominee.nomination, nominee.body) for nominee in about)
                calls.append(Call(notice, season, "secretariat", bodies))
            case "secretariat":
                province = notice.params.get("province")
                within = _provinces_of(rulebook) if province is None else (province,)
                # Those who nominated nobody are of no nominee's people.
                calls.append(Call(replace(notice, about=()), season, "secretariat", within=within))
            case "publisher":
                systems = tuple(dict.fromkeys(publishes_about(nominee.kind) for nominee in about))
                calls.extend(Call(notice, season, "publisher", within=(system,)) for system in systems)
            case _:
                continue
    return calls


def _provinces_of(rulebook: Rulebook) -> tuple[str, ...]:
    """Return the nation and every province of a season's own table; others are not concerned by it."""
    regions = region_table(rulebook.regions.table).regions.values()
    return (NATION, *sorted(one.code for one in regions if one.kind == "province"))


def publishes_about(kind: str) -> str:
    """Return the system whose facts a candidate is measured by: as its publisher's scope names it."""
    return system_of(CONTRIBUTIONS if kind == "employer" else COVERAGE)


def system_of(topic: str) -> str:
    """Return the system that publishes on a topic of facts, as a publisher's scope names it."""
    return topic.rpartition(".")[0]


def intents_of_call(call: Call, holders: Iterable[Holder]) -> list[Intent]:
    """Return what a call sends to those who hold its role now: each person once."""
    told: dict[str, dict[str, None]] = {}
    places: dict[str, set[str]] = {}
    for holder in holders:
        if (call.season and holder.season not in (None, call.season)) or not _reaches(call, holder.place):
            continue
        own = (nomination for nomination, body in call.bodies if body == holder.place)
        told.setdefault(holder.person, {}).update(dict.fromkeys(own))
        places.setdefault(holder.person, set()).add(holder.place[:2])
    homes = {person: tuple(sorted(found)) if call.role == "secretariat" else () for person, found in places.items()}
    return [intent_of(call.notice, call.season, one, tuple(own), homes[one]) for one, own in sorted(told.items())]


def _reaches(call: Call, place: str) -> bool:
    if call.bodies:
        return any(body == place for _, body in call.bodies)
    return call.within is None or any(place == one or place.startswith(f"{one}.") for one in call.within)
