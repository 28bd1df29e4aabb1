"""What is recorded of a message: that its channel took it, or that it was given up; once, by its message id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

from kernel.commands import Ask, Program, Receipt
from kernel.decider import Aggregate, Decision, Emit, Happened, Loader
from schemas.notifications import NotificationDelivered, NotificationFailed

ACTOR: Final = "system"
ROUTE: Final = "mail"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for and why: pseudonym, causing event, template, and its Message-ID header."""

    person: UUID
    cause: UUID
    template: str
    message_id: str


def _count(state: int, _happened: Happened) -> int:
    return state + 1


_DELIVERIES: Final = Aggregate[int](initial=lambda: 0, evolve=_count, kind="delivery")


def ask_of(message: UUID, recipient: Recipient, *, received: datetime, not_before: datetime) -> Ask:
    """Return the command that concludes a message; its id is the message's, so it is accepted once."""
    return Ask(
        actor=ACTOR,
        route=ROUTE,
        key=str(message),
        digest=sha256(recipient.message_id.encode()).digest(),
        received=received,
        causation=str(recipient.cause),
        not_before=not_before,
    )


def delivered(recipient: Recipient, digest: str) -> NotificationDelivered:
    """Return the event of an accepted message; `digest` is the letter's SHA-256."""
    return NotificationDelivered(
        person=str(recipient.person),
        cause=str(recipient.cause),
        channel="mail",
        template=recipient.template,
        message_id=recipient.message_id,
        digest=digest,
    )


def failed(recipient: Recipient, reason: Literal["no-address", "refused"]) -> NotificationFailed:
    """Return the event of a message that was given up."""
    return NotificationFailed(
        person=str(recipient.person),
        cause=str(recipient.cause),
        channel="mail",
        template=recipient.template,
        message_id=recipient.message_id,
        reason=reason,
    )


def program_of(event: NotificationDelivered | NotificationFailed) -> Program:
    """Return the program that appends the event to its person's stream."""
    stream = f"delivery/{event.person}"

    async def program(loader: Loader) -> Decision:
        await loader.load(_DELIVERIES, stream)
        return [Emit(stream, event)]

    return program


def was_delivered(receipt: Receipt) -> bool:
    """Tell from the receipt of a concluded message whether it was accepted, or given up."""
    return receipt.events[0].type == NotificationDelivered.type_name()
