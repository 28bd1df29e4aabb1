"""Who may see facts, and of which topics: their publishers their own, operators what was refused, auditors all.

What was measured of a nominee is also its own: its contact and the government that nominated it see it, of that nominee
alone, since they are who can dispute it.

A publisher's scope is a topic's name, with or without its version. What lies in another's topic is not told from what
is not there.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from kernel.tokens import Person, require, require_throughout
from schemas.topics import OF_FACTS, facts_of
from services.scoring.domain.received import Nomination

_OF_ALL_SEASONS: Final = require_throughout("operator", "auditor")


def topics_published(person: Person) -> list[str]:
    """Return the topics of facts that a person's system publishes."""
    return facts_of(person.scopes("publisher", "publisher")) if person.may("publisher") else []


def topics_refused(person: Person) -> list[str]:
    """Return the topics of which a person sees what was refused."""
    everywhere = person.throughout("operator") or person.throughout("auditor")
    return list(OF_FACTS) if everywhere else topics_published(person)


def topics_told(person: Person) -> list[str]:
    """Return the topics of which a person sees the facts themselves: operators see none."""
    return list(OF_FACTS) if person.throughout("auditor") else topics_published(person)


def topics_mended(person: Person) -> list[str]:
    """Return the topics of which a person may agree to repairs and try messages."""
    return list(OF_FACTS) if person.throughout("operator") else topics_published(person)


def may_see_measures(person: Person, nomination: Nomination) -> bool:
    """Tell whether a person may see what was measured of a nominee: auditors, its nominating body, its contact.

    A province speaks for itself and for what lies in it, a regency or city for itself alone. Who is the contact is what
    the nomination says, not the role: a token outlives a change of the contact.
    """
    season, body = nomination.now_at.season, nomination.nominating_body
    if person.throughout("auditor", season) or person.id == nomination.contact:
        return True
    scopes = person.scopes("secretariat", "province", season)
    return scopes is None or not scopes.isdisjoint({body, body[:2]})


async def _reader(
    request: Request, person: Annotated[Person, Depends(require("publisher", "operator", "auditor"))]
) -> Person:
    return person if person.may("publisher") else await _OF_ALL_SEASONS(request)


async def _sender(request: Request, person: Annotated[Person, Depends(require("publisher", "operator"))]) -> Person:
    return person if person.may("publisher") else await require_throughout("operator")(request)


async def _teller(request: Request, person: Annotated[Person, Depends(require("publisher", "auditor"))]) -> Person:
    return person if person.may("publisher") else await require_throughout("auditor")(request)


FactReader = Annotated[Person, Depends(_reader)]
"""Who sees what became of facts: facts are no one season's, so a grant for one season is not enough."""
FactSender = Annotated[Person, Depends(_sender)]
"""Who may try messages."""
FactTeller = Annotated[Person, Depends(_teller)]
"""Who sees the facts themselves."""
MeasureReader = Annotated[Person, Depends(require("secretariat", "contact", "auditor"))]
"""Who may ask what was measured of a nominee; whose nominee it is decides `may_see_measures`."""
EveryFact = Annotated[Person, Depends(require_throughout("auditor"))]
"""Who sees all facts there are."""
