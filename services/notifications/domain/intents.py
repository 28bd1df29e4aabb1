"""Who is told of an event: each person once, in codes only.

An intent is what is committed before anything is sent. Its message id is derived from the event, the person and the
template, so whatever is folded or sent again is the same message (RFC 5322 section 3.6.4 for the Message-ID that it
becomes). Intents hold codes and pseudonyms only; names are asked for when the message is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, assert_never, cast
from uuid import UUID, uuid5

from kernel.canonical import Json, from_instant, instant
from schemas.envelope import Stage
from schemas.rulebook import Rulebook
from services.notifications.domain.known import Known
from services.notifications.domain.templates import Role, Template, told_roles

_OF_NOMINATIONS: Final[frozenset[Role]] = frozenset({"nominating-body", "contact", "publisher"})


@dataclass(frozen=True, slots=True)
class Notice:
    """What an event says to those whom it concerns.

    `about` are the nominations whose people are told, `persons` whom the event names, `bodies` (place and code) those
    whose members and secretary are told; where none is stated, the body of the stage `at` in `params`. `own` are
    values that only those get whom they concern, by nomination or person. `to` are fixed roles, which no rulebook
    changes; `nominees_only` leaves of all roles those of nominations, `others_only` the rest. The season is absent
    where only the nomination tells it, and where a notice is of none: of a `system`, whose publishers are told.
    """

    cause: str
    template: Template
    season: str | None
    params: Mapping[str, Any]
    recorded: datetime
    about: tuple[str, ...] = ()
    sample: bool = False
    persons: tuple[str, ...] = ()
    bodies: tuple[tuple[str, str], ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    to: tuple[Role, ...] | None = None
    nominees_only: bool = False
    others_only: bool = False
    system: str | None = None

    def document(self) -> Json:
        """Return it as JSON values, to wait in a table."""
        return {
            "cause": self.cause,
            "template": self.template,
            "season": self.season,
            "params": dict(self.params),
            "recorded": instant(self.recorded),
            "about": list(self.about),
            "sample": self.sample,
            "persons": list(self.persons),
            "bodies": [list(body) for body in self.bodies],
            "own": dict(self.own),
            "to": None if self.to is None else list(self.to),
            "nominees_only": self.nominees_only,
            "others_only": self.others_only,
            "system": self.system,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Notice:
        """Return the notice of its JSON values."""
        to = document["to"]
        return cls(
            cause=document["cause"],
            template=document["template"],
            season=document["season"],
            params=document["params"],
            recorded=from_instant(document["recorded"]),
            about=tuple(document["about"]),
            sample=document["sample"],
            persons=tuple(document["persons"]),
            bodies=tuple((province, body) for province, body in document["bodies"]),
            own=document["own"],
            to=None if to is None else cast("tuple[Role, ...]", tuple(to)),
            nominees_only=document.get("nominees_only", False),
            others_only=document.get("others_only", False),
            system=document.get("system"),
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """One person is to be told of one event; `nominations` are those that the message names."""

    message_id: UUID
    person: str
    season: str | None
    params: Mapping[str, Any]
    nominations: tuple[str, ...]
    notice: Notice


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a notice is sent to, and what is to be told when something is known that is not known yet.

    What is waited for is `nomination/<id>` or `season/<code>`, whose rulebook says who is told.
    """

    intents: tuple[Intent, ...] = ()
    waits: tuple[tuple[str, Notice], ...] = ()


def message_id(cause: str, person: str, template: str) -> UUID:
    """Return the id of a message: a UUIDv5 in the namespace of its cause."""
    return uuid5(UUID(cause), f"{template} {person}")


def season_of(notice: Notice, known: Known) -> str | None:
    """Return the season of a notice: its own, or that of a nomination that it is about, if one is known."""
    return notice.season or next((known.nominees[one].season for one in notice.about if one in known.nominees), None)


def roles_of(notice: Notice, rulebook: Rulebook) -> tuple[Role, ...]:
    """Return in which capacities people are told of a notice under a rulebook."""
    roles = told_roles(notice.template, rulebook.notices) if notice.to is None else notice.to
    if not notice.nominees_only and not notice.others_only:
        return roles
    return tuple(role for role in roles if (role in _OF_NOMINATIONS) is notice.nominees_only)


def intents_of(notice: Notice, known: Known) -> Told:
    """Return whom a notice is sent to, each person once, as far as all that it takes is known.

    Whom only identity knows is among `calls.calls_of`.
    """
    every = tuple(dict.fromkeys(notice.about))
    missing = [one for one in every if one not in known.nominees]
    about = [one for one in every if one in known.nominees]
    season = season_of(notice, known)
    if season is None:
        return Told(waits=tuple((f"nomination/{one}", replace(notice, about=(one,))) for one in missing))
    rulebook = known.rulebooks.get(season)
    if rulebook is None:
        return Told(waits=((f"season/{season}", notice),))
    told = _told(notice, season, roles_of(notice, rulebook), about, known)
    # Whom it tells of what is missing is told then; the others are told now, and not again.
    then = replace(notice, nominees_only=True)
    return Told(
        tuple(intent_of(notice, season, person, own, _homes(own, known)) for person, own in told.items()),
        () if notice.others_only else tuple((f"nomination/{one}", replace(then, about=(one,))) for one in missing),
    )


def _told(
    notice: Notice, season: str, roles: Iterable[Role], about: list[str], known: Known
) -> dict[str, tuple[str, ...]]:
    """Return each person to tell, with the nominations for which that is."""
    told: dict[str, dict[str, None]] = {}
    for role in roles:
        match role:
            case "nominating-body" | "contact":
                for one in about:
                    nominee = known.nominees[one]
                    person = nominee.contact if role == "contact" else nominee.nominated_by
                    told.setdefault(person, {})[one] = None
            case "members" | "secretary":
                for province, body in notice.bodies or _bodies_at(notice, season, known):
                    for person in known.holders(season, province, body, clerks=role == "secretary"):
                        told.setdefault(person, {})
            case "person":
                for person in notice.persons:
                    told.setdefault(person, {})
            case "secretariat" | "publisher":
                pass  # identity says who they are: `calls`
            case _:
                assert_never(role)
    return {person: tuple(own) for person, own in told.items()}


def _bodies_at(notice: Notice, season: str, known: Known) -> tuple[tuple[str, str], ...]:
    """Return the bodies that decide on the stages that a notice is about, as far as the rulebook has them."""
    params, stages = notice.params, known.rulebooks[season].stages
    places = params.get("stages") or ([params["at"]] if "at" in params else [])
    found = (
        (place["province"], stage.body)
        for place in places
        for stage in stages
        if stage.id == (place["tier"], place["category"], place["stage"])
    )
    return tuple(dict.fromkeys(found))


def _homes(own: Iterable[str], known: Known) -> tuple[str, ...]:
    return tuple(sorted({known.nominees[one].home for one in own}))


def intent_of(
    notice: Notice, season: str | None, person: str, own: tuple[str, ...], homes: tuple[str, ...] = ()
) -> Intent:
    """Return what one person is told.

    Args:
        notice: what is said.
        season: of what; None for what is of no season.
        person: to whom.
        own: the nominations for which that is.
        homes: the provinces that the person acts for there; times are told by their clocks too.
    """
    lines = notice.params.get("lines")
    # A ranking names all of its lines; else people read of their own nominees, and a body of all that it is about.
    named = tuple(line["nomination"] for line in lines) if lines else own or tuple(dict.fromkeys(notice.about))
    params: dict[str, Any] = dict(notice.params)
    if notice.own:
        params["own"] = [notice.own[key] for key in (person, *named) if key in notice.own]
    if homes:
        params["homes"] = list(homes)
    return Intent(message_id(notice.cause, person, notice.template), person, season, params, named, notice)


def place(at: Stage) -> dict[str, str]:
    """Return a stage as messages hold it."""
    return {"tier": at.tier, "province": at.province, "category": at.category, "stage": at.stage}
