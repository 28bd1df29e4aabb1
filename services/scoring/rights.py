"""Who may see facts, and of which topics: their publishers their own, operators what was refused, auditors all.

A publisher's scope is a topic's name, with or without its version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kernel.decider import Text
from kernel.problems import forbidden
from kernel.tokens import Person
from schemas.topics import FACT_TOPICS

OF_FACTS: Final = tuple(topic.name for topic in FACT_TOPICS)
SEE_ALL: Final = ("operator", "auditor")


def published_by(person: Person) -> list[str]:
    """Return the topics of facts that a person's system publishes."""
    systems = person.scopes("publisher", "publisher") if person.may("publisher") else frozenset[str]()
    return [name for name in OF_FACTS if systems is None or name in systems or name.rpartition(".")[0] in systems]


def sees_every_topic(person: Person) -> bool:
    """Tell whether a person sees what was refused in every topic: facts are no one season's."""
    return any(person.throughout(role) for role in SEE_ALL)


def topics_seen(person: Person) -> list[str]:
    """Return the topics of which a person sees what was refused; raise a 403 when there is none."""
    topics = list(OF_FACTS) if sees_every_topic(person) else published_by(person)
    if not topics:
        raise _no_topic()
    return topics


def topics_known(person: Person) -> list[str]:
    """Return the topics whose facts themselves a person sees: not an operator's; raise a 403 when there is none."""
    topics = list(OF_FACTS) if person.throughout("auditor") else published_by(person)
    if not topics:
        raise _no_topic()
    return topics


def topics_mended(person: Person) -> Sequence[str]:
    """Return the topics of which a person may agree to repairs."""
    return OF_FACTS if person.throughout("operator") else published_by(person)


def _no_topic() -> Exception:
    return forbidden(
        Text(
            "Your grant reaches no topic of facts; ask an administrator for one over bpjs.contributions or "
            "bpjs.coverage.",
            "Peran Anda tidak mencakup topik fakta mana pun; mintalah administrator memberikan peran untuk "
            "bpjs.contributions atau bpjs.coverage.",
        )
    )


def refuse_topic(topics: Sequence[str], topic: str) -> None:
    """Raise a 403 for a topic that is not among these."""
    if topic not in topics:
        raise forbidden(
            Text(
                f"You may not see {topic}; yours: {', '.join(topics)}.",
                f"Anda tidak berhak melihat {topic}; topik Anda: {', '.join(topics)}.",
            )
        )
