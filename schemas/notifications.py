"""What the notifications service says: which message reached whom, once, and what each person chose.

No address is in an event: a webhook's URL and secret lie beside the events, where they can be erased, and an event
holds the salted digest of both.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Event, Hex64, Instant, Part, Slug, Uuid

Channel = Literal["mail", "webhook", "digest", "none"]
Group = Literal["steps", "deadlines", "meetings", "results", "appeals"]
Zone = Literal["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]


class NotificationsEvent(Event):
    """An event of the notifications service."""

    context: ClassVar[str] = "notifications"


class NotificationDelivered(NotificationsEvent):
    """A message was accepted by its channel. `message_id` is stable: sent again, it is the same message.

    What a daily digest held is delivered with it, by the channel `digest`. `cause` is the event that is told; a digest
    or a reminder, which no single event causes, has its own message's id there.
    """

    person: Uuid
    cause: Uuid
    channel: Literal["mail", "webhook", "digest"]
    template: Slug
    message_id: str
    digest: Hex64


class NotificationFailed(NotificationsEvent):
    """A message was given up.

    `no-address`: the person has none; `refused`: the channel refused it for good, or put it off for too long;
    `unanswered`: a webhook did not take it within three days; `address-refused`: the webhook led to no public address.
    """

    person: Uuid
    cause: Uuid
    channel: Literal["mail", "webhook"]
    template: Slug
    message_id: str
    reason: Literal["no-address", "refused", "unanswered", "address-refused"]


class ChannelChoice(Part):
    """By which channel the messages of a group come."""

    group: Group
    channel: Channel


class SubscriptionChanged(NotificationsEvent):
    """A person's whole choice from now on: a channel for every group, and the zone of the person's day.

    `webhook` is the digest of the URL and secret in use: SHA-256 of salt, URL, line feed and secret. After a rotation
    `previous` is that of the former secret, which signs too until `previous_until`. `gone`: the webhook answered 410.
    """

    person: Uuid
    reason: Literal["chosen", "rotated", "gone"]
    channels: Annotated[tuple[ChannelChoice, ...], Field(min_length=1)]
    zone: Zone
    webhook: Hex64 | None = None
    previous: Hex64 | None = None
    previous_until: Instant | None = None
