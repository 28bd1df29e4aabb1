"""What a token alone says of a person here: whose record they keep, for whom they nominate, which places they see.

Who holds which seat is not among it: that is decided in the domain, from the committee's stream. A grant over a place
is scoped by `committee` (members, chairs, secretaries, verifiers, jurors) or by `province` (secretariats); one that a
seat brings holds in the season of the seat. A regency's
or city's own secretariat has its code as that scope (`75.71`): it speaks for that government alone, sees the
nominations that concern it, and nothing else of the province.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from kernel.decider import Text
from kernel.problems import forbidden
from kernel.tokens import Person
from schemas.topics import facts_of
from services.nomination.domain.plenary import Actor

MEETING: Final = ("secretary", "chair", "member", "verifier", "juror")
"""Who may take part in a meeting, in the order in which a person's office is named."""
HANDLERS: Final = ("secretariat", "contact")
"""Who may do something with a nomination that was made."""
READERS: Final = (*MEETING, "secretariat", "contact", "season-admin", "auditor")
_EVERYWHERE: Final = ("auditor", "season-admin")
_NATION: Final = "00"


def acts_for(person: Person, role: str, season: str, province: str) -> bool:
    """Tell whether a person has a role of the committees of a place (`00`: the nation) in a season."""
    return person.may(role, season=season, committee=province) or person.may(role, season=season, province=province)


def office_at(person: Person, season: str, province: str) -> str | None:
    """Return the role in which a person takes part in a place's meetings."""
    return next((role for role in MEETING if acts_for(person, role, season, province)), None)


def actor_at(person: Person, season: str, province: str) -> Actor:
    """Return the person as the domain sees them at a place."""
    return Actor(person.id, secretary=acts_for(person, "secretary", season, province))


def administers(person: Person, season: str) -> bool:
    """Tell whether a person administers a season: every one, or just this one."""
    return person.throughout("season-admin", season)


def check_administers(person: Person, season: str) -> None:
    """Raise a 403 for who administers seasons, but not this one."""
    if not administers(person, season):
        raise forbidden(
            Text(
                f"You do not administer the season {season}; ask one of its administrators.",
                f"Anda bukan administrator musim {season}; hubungi administratornya.",
            )
        )


def committee_office(person: Person, season: str, province: str) -> str:
    """Return the role in which a person may change a place's committees; raise a 403 for others."""
    if administers(person, season):
        return "season-admin"
    if acts_for(person, "secretary", season, province):
        return "secretary"
    raise forbidden(
        Text(
            "Committees are for the season's administrator and the secretary of the place.",
            "Kepanitiaan diurus administrator musim dan sekretaris panitia di wilayah itu.",
        )
    )


def provinces_of(person: Person, role: str) -> frozenset[str] | None:
    """Return the governments for which a person has a role, None for every one: provinces, regencies and cities."""
    return person.scopes(role, "province")


def places_kept(person: Person, season: str) -> frozenset[str] | None:
    """Return the places whose committees' record a person keeps as secretary in a season, None for everywhere."""
    found = [person.scopes("secretary", scope, season) for scope in ("committee", "province")]
    return None if None in found else frozenset().union(*(scopes for scopes in found if scopes is not None))


def topics_of(person: Person) -> list[str]:
    """Return the topics of facts that a person's system publishes; its scope is a topic's name, with or without v1."""
    return facts_of(person.scopes("publisher", "publisher"))


def visible_places(person: Person, season: str | None = None) -> list[str] | None:
    """Return the places whose affairs a person may see, None for all: the nation's people see every province.

    A regency's or city's code among them stands for that government's own affairs only. Who administers or audits one
    `season` alone sees all of it where only that one is asked for. Where none is, whoever sits for a place in some
    season sees what is no secret there in all.
    """
    if any(person.throughout(role, season) for role in _EVERYWHERE):
        return None
    places: set[str] = set()
    for role, scope in _scopes((*MEETING, "secretariat")):
        found = person.scopes_ever(role, scope) if season is None else person.scopes(role, scope, season)
        if found is None:
            return None
        places |= found
    return None if _NATION in places else sorted(places)


def _scopes(roles: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((role, scope) for role in roles for scope in ("committee", "province"))


def may_see(person: Person, province: str, season: str | None = None) -> bool:
    """Tell whether a person may see what belongs to a province, or to the nation (`00`), in a season if it is known."""
    places = visible_places(person, season)
    return places is None or province in places


class Concerned(NamedTuple):
    """Whom a nomination concerns: the season, the province, the nominating body, the candidate's home, the contact."""

    season: str
    province: str
    nominating_body: str
    home: str
    contact: str


def may_see_nomination(person: Person, nomination: str, concerned: Concerned) -> bool:
    """Tell whether a person may see a nomination: its places' people, its season's, and its own contact."""
    places = visible_places(person, concerned.season)
    return (
        places is None
        or not {concerned.province, concerned.nominating_body, concerned.home}.isdisjoint(places)
        or person.id == concerned.contact
        or person.may("contact", nomination=nomination)
    )


def is_of_place(person: Person, season: str, *places: str) -> bool:
    """Tell whether a person acts at one of these places themselves: in its committees, or for its government."""
    return any(acts_for(person, role, season, place) for role in (*MEETING, "secretariat") for place in places)


def contact_of(person: Person) -> list[str] | None:
    """Return the nominations whose contact a person is, None for every one."""
    found = person.scopes("contact", "nomination")
    return None if found is None else sorted(found)
