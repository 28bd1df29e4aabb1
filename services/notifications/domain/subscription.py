"""How a person is written to: a channel for each group of messages, the zone of the person's day, and one webhook.

Who chose nothing is written to by mail. Decisions on a nominee and appeals can go by mail, webhook or the daily digest
and cannot be switched off, because they tell of what begins a period. All of it lives on the person's delivery stream,
beside what was delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from kernel.decider import Aggregate, Decision, Emit, FieldFault, Happened, Refusal, Text
from schemas.notifications import (
    Channel,
    ChannelChoice,
    Group,
    NotificationDelivered,
    NotificationFailed,
    SubscriptionChanged,
    Zone,
)
from services.notifications.domain.templates import GROUPS, LEGAL

BOTH_VALID: Final = timedelta(hours=24)
"""For how long a former secret signs beside the one that replaced it."""
_BY_MAIL: Final[Mapping[Group, Channel]] = dict.fromkeys(GROUPS, "mail")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A person's choice. `webhook` and `previous` are digests of a URL and a secret that lie beside the events."""

    channels: Mapping[Group, Channel] = field(default_factory=lambda: _BY_MAIL)
    zone: Zone = "Asia/Jakarta"
    webhook: str | None = None
    previous: str | None = None
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """A person's delivery stream: the choice in force, and which messages were concluded."""

    subscription: Subscription = field(default_factory=Subscription)
    concluded: frozenset[str] = frozenset()
    """`message_id`s as they were recorded."""


def _evolve(state: Deliveries, happened: Happened) -> Deliveries:
    event: NotificationDelivered | NotificationFailed | SubscriptionChanged = happened.event
    match event:
        case NotificationDelivered() | NotificationFailed():
            return replace(state, concluded=state.concluded | {event.message_id})
        case SubscriptionChanged():
            return replace(
                state,
                subscription=Subscription(
                    channels={choice.group: choice.channel for choice in event.channels},
                    zone=event.zone,
                    webhook=event.webhook,
                    previous=event.previous,
                    previous_until=event.previous_until,
                ),
            )


DELIVERIES: Final = Aggregate[Deliveries](initial=Deliveries, evolve=_evolve, kind="delivery")


def stream_of(person: str) -> str:
    """Return a person's delivery stream."""
    return f"delivery/{person}"


# --- deciding ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choose:
    """A person's whole new choice. `webhook` is the digest of a URL and secret; `kept` one that was in use already."""

    person: str
    channels: Mapping[Group, Channel]
    zone: Zone
    webhook: str | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Rotate:
    """A new secret for the webhook in use, which is `current`; the former one signs too for a day from `at` on."""

    person: str
    current: str | None
    webhook: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The webhook `webhook` answered that it is gone for good."""

    person: str
    webhook: str


def decide(state: Subscription, command: Choose | Rotate | GiveUp) -> Decision:
    """Return the change, nothing when all stays as it is, or why it cannot be."""
    match command:
        case Choose():
            return _choose(state, command)
        case Rotate():
            return _rotate(state, command)
        case GiveUp():
            return _give_up(state, command)


def _choose(state: Subscription, command: Choose) -> Decision:
    for group in GROUPS:
        chosen = command.channels[group]
        if chosen == "none" and group in LEGAL:
            return _legal_notice(group)
        if chosen == "webhook" and command.webhook is None:
            return _webhook_missing(group)
    if command.kept and command.webhook != state.webhook:
        return CHANGED_MEANWHILE
    new = Subscription(dict(command.channels), command.zone, command.webhook)
    if command.kept:
        new = replace(new, previous=state.previous, previous_until=state.previous_until)
    return [] if new == state else [_changed(command.person, "chosen", new)]


def _rotate(state: Subscription, command: Rotate) -> Decision:
    if state.webhook is None or command.current is None:
        return NO_WEBHOOK
    if command.current != state.webhook:
        return CHANGED_MEANWHILE
    until = command.at + BOTH_VALID
    new = replace(state, webhook=command.webhook, previous=state.webhook, previous_until=until)
    return [_changed(command.person, "rotated", new)]


def _give_up(state: Subscription, command: GiveUp) -> Decision:
    if state.webhook != command.webhook:
        return []
    channels: dict[Group, Channel] = {
        group: "mail" if channel == "webhook" else channel for group, channel in state.channels.items()
    }
    return [_changed(command.person, "gone", Subscription(channels, state.zone))]


def _changed(person: str, reason: str, new: Subscription) -> Emit:
    event = SubscriptionChanged.model_validate(
        {
            "person": person,
            "reason": reason,
            "channels": tuple(ChannelChoice(group=group, channel=new.channels[group]) for group in GROUPS),
            "zone": new.zone,
            "webhook": new.webhook,
            "previous": new.previous,
            "previous_until": new.previous_until,
        }
    )
    return Emit(stream_of(person), event)


# --- refusals ------------------------------------------------------------------------------------------------------


def _legal_notice(group: Group) -> Refusal:
    remedy = Text(
        "Choose mail, webhook or digest; `none` is for steps, deadlines and meetings only.",
        "Pilih mail, webhook, atau digest; `none` hanya untuk steps, deadlines, dan meetings.",
    )
    return Refusal(
        "legal-notice",
        Text(
            "Messages on results and appeals cannot be switched off: they tell of what begins a period.",
            "Pesan tentang hasil dan sanggah tidak dapat dimatikan: pesan itu memberitahukan awal suatu jangka waktu.",
        ),
        422,
        (FieldFault(f"channels.{group}", "none", remedy),),
    )


def _webhook_missing(group: Group) -> Refusal:
    remedy = Text("State `webhook` with its URL, or choose another channel.", "Isi `webhook` beserta alamat URL-nya.")
    return Refusal(
        "webhook-missing",
        Text("There is no webhook to send to.", "Belum ada webhook yang dituju."),
        422,
        (FieldFault(f"channels.{group}", "webhook", remedy),),
    )


NO_WEBHOOK: Final = Refusal(
    "no-webhook",
    Text(
        "There is no webhook whose secret could be replaced; state one with PUT /v1/subscriptions.",
        "Belum ada webhook yang rahasianya dapat diganti; daftarkan dengan PUT /v1/subscriptions.",
    ),
)
CHANGED_MEANWHILE: Final = Refusal(
    "subscription-changed",
    Text(
        "This choice was changed a moment ago; read it again and repeat.",
        "Pilihan ini baru saja diubah; baca kembali lalu ulangi.",
    ),
)
