"""What is recorded of a message: that its channel took it, or that it was given up; once, by its message id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

from kernel.commands import Ask, Program, Receipt
from kernel.decider import Decision, Emit, Loader
from schemas.notifications import NotificationDelivered, NotificationFailed
from services.notifications.domain.subscription import DELIVERIES, stream_of

ACTOR: Final = "system"
ROUTE: Final = "mail"
"""Part of the identity of every message's conclusion, by whichever channel it goes, so it never changes."""
Reason = Literal["no-address", "refused", "unanswered", "address-refused"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for and why: pseudonym, causing event, template, and its id as it is recorded.

    `cause` is the message's own id for a digest or a reminder, which no event causes.
    """

    person: UUID
    cause: UUID
    template: str
    message_id: str


def ask_of(message: UUID, recipient: Recipient, *, received: datetime, not_before: datetime) -> Ask:
    """Return the command that concludes a message; its id is the message's, so it is accepted once."""
    return Ask(
        actor=ACTOR,
        route=ROUTE,
        key=str(message),
        digest=sha256(recipient.message_id.encode()).digest(),
        received=received,
        causation=None if recipient.cause == message else str(recipient.cause),
        not_before=not_before,
    )


def delivered(
    recipient: Recipient, digest: str, channel: Literal["mail", "webhook", "digest"] = "mail"
) -> NotificationDelivered:
    """Return the event of an accepted message; `digest` is the SHA-256 of what was said."""
    return NotificationDelivered(
        person=str(recipient.person),
        cause=str(recipient.cause),
        channel=channel,
        template=recipient.template,
        message_id=recipient.message_id,
        digest=digest,
    )


def failed(recipient: Recipient, reason: Reason, channel: Literal["mail", "webhook"] = "mail") -> NotificationFailed:
    """Return the event of a message that was given up."""
    return NotificationFailed(
        person=str(recipient.person),
        cause=str(recipient.cause),
        channel=channel,
        template=recipient.template,
        message_id=recipient.message_id,
        reason=reason,
    )


def program_of(events: Sequence[NotificationDelivered | NotificationFailed]) -> Program:
    """Return the program that appends events of one person to that person's stream, all at once."""
    stream = stream_of(events[0].person)

    async def program(loader: Loader) -> Decision:
        await loader.load(DELIVERIES, stream)
        return [Emit(stream, event) for event in events]

    return program


def was_delivered(receipt: Receipt) -> bool:
    """Tell from the receipt of a concluded message whether it was accepted, or given up."""
    return receipt.events[0].type == NotificationDelivered.type_name()
