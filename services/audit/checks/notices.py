"""Messages that were delivered or given up: each caused by an event or by the clock, and concluded once.

A message has its cause in its data and, where an event caused it by itself, in its envelope too. A digest and a
reminder are of the clock: their own id stands for the cause. What a digest holds is concluded with it, so that only the
data names the event that is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.notifications import NotificationDelivered, NotificationFailed
from services.audit.events import Document

CONCLUDED: Final = frozenset({NotificationDelivered.type_name(), NotificationFailed.type_name()})


def notice_faults(event: Document, concluded: set[str]) -> Iterator[str]:
    """Check one conclusion; `concluded` are the message ids of its stream before it, and takes in its own."""
    said = event.data
    if event.stream != f"delivery/{said['person']}":
        yield f"this is an event of delivery/{said['person']}"
    if event.cause is not None and event.cause != said["cause"]:
        yield f"its data says that {said['cause']} caused it, its envelope {event.cause}"
    if said["message_id"] in concluded:
        yield f"the message {said['message_id']} was concluded before"
    concluded.add(said["message_id"])


def told_apart(event: Document) -> str | None:
    """Return the event that only a message's data names as told, None where the envelope does or by the clock."""
    said = event.data
    by_clock = str(said["message_id"]).startswith(f"<{said['cause']}@")
    return None if event.cause is not None or by_clock else str(said["cause"])
