"""Who may see facts, and of which topics: their publishers their own, operators what was refused, auditors all.

A publisher's scope is a topic's name, with or without its version. What lies in another's topic is not told from what
is not there.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from kernel.tokens import Person, require, require_throughout
from schemas.topics import OF_FACTS, facts_of

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
EveryFact = Annotated[Person, Depends(require_throughout("auditor"))]
"""Who sees all facts there are."""
