"""What the notifications service says: which message reached whom, once."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.envelope import Event, Hex64, Slug, Uuid


class NotificationsEvent(Event):
    """An event of the notifications service."""

    context: ClassVar[str] = "notifications"


class NotificationDelivered(NotificationsEvent):
    """A message was accepted by its channel. `message_id` is stable: sent again, it is the same message."""

    person: Uuid
    cause: Uuid
    channel: Literal["mail"]
    template: Slug
    message_id: str
    digest: Hex64


class NotificationFailed(NotificationsEvent):
    """A message was given up: the channel refused it for good, or the person has no address."""

    person: Uuid
    cause: Uuid
    channel: Literal["mail"]
    template: Slug
    message_id: str
    reason: Literal["no-address", "refused"]
