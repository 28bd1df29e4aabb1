"""Refused commands, as far as the log can tell: a code that the service knows, on the actor's own stream of the day.

Neither what was asked nor the value that was refused is kept, so that nobody's attempt is published; that the rule
did not hold can therefore not be computed anew. The codes are written down here a second time, since the audit imports
no service; a test holds them to the services' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.service import CommandRefused
from services.audit.checks.codes import CODES
from services.audit.events import Document

Json = Mapping[str, Any]
REFUSED: Final = CommandRefused.type_name()
_MOST: Final = 100
"""Refusals of a person and day that are recorded; the one after them closes the day."""


def refused_faults(event: Document, owner: str) -> Iterator[str]:
    """Check one CommandRefused in a topic of `owner`."""
    said = event.data
    if said["service"] != owner:
        yield f"it says that {said['service']} refused, and is in a topic of {owner}"
    if said["code"] not in CODES.get(owner, ()):
        yield f"its code {said['code']!r} is none that {owner} refuses with: a newer program may know it"
    kind, _, rest = event.stream.partition("/")
    service, _, whose = rest.partition("/")
    actor, _, day = whose.partition("/")
    if (kind, service, actor) != ("refusal", owner, event.doc.get("actor")):
        yield "it is not on the stream of its own actor's refusals"
    elif day > event.time[:10]:
        yield "it is on the stream of a day that was still to come"
    if said.get("closing", False) is not (event.version == _MOST + 1):
        yield f"a day is closed by the refusal after {_MOST}, and by no other"
    if event.version > _MOST + 1:
        yield "the day was closed before"
