"""What every service says of itself: its keys, the reactions it enabled, the epochs of its log, what it refused."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.envelope import Event, Slug


class ServiceEvent(Event):
    """An event of a service about itself."""

    context: ClassVar[str] = "service"


class ServiceKeyPublished(ServiceEvent):
    """A public key that this service signs with from now on (base64 of the raw 32 bytes)."""

    service: Slug
    key_id: str
    algorithm: Literal["Ed25519"]
    use: Literal["events", "tokens"]
    public_key: str


class ReactionEnabled(ServiceEvent):
    """A reaction acts on what follows this event; on what came before it only catches up."""

    service: Slug
    handler: str


class EpochOpened(ServiceEvent):
    """The log's order begins a new epoch, after a restore or on a new database cluster."""

    service: Slug
    epoch: Annotated[int, Field(ge=1)]
    reason: Literal["restored", "new-cluster"]


class CommandRefused(ServiceEvent):
    """An authorised actor's command was refused: by which rule, at which field; never the value."""

    service: Slug
    route: str
    code: str
    fields: tuple[str, ...] = ()
    closing: bool = False
    """True on the last one recorded for this actor and day; later ones are only counted."""
