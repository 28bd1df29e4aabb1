"""What every service says of itself: its keys, the reactions it enabled, the epochs of its log, what it refused."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.envelope import Event, Slug

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
SignatureText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$")]
"""64 bytes in base64."""


class ServiceEvent(Event):
    """An event of a service about itself."""

    context: ClassVar[str] = "service"


class ServiceKeyPublished(ServiceEvent):
    """A public key that this service signs with from now on (base64 of the raw 32 bytes).

    The envelope of a key that replaces another is signed by the one that it replaces, and that of a token key by the
    service's key of the time. A service's first key is signed by none.
    """

    service: Slug
    key_id: str
    algorithm: Literal["Ed25519"]
    use: Literal["events", "tokens"]
    public_key: str
    replaces: KeyId | None = None
    """The id of the event key that signs no more from now on; absent from a key that begins anew."""
    proof: SignatureText | None = None
    """Ed25519 by the published key itself over `key_statement`: that whoever publishes it holds it."""

    @property
    def countersigned(self) -> bool:
        """Tell whether the key that signs until now answers for this one, by the envelope's signature."""
        return self.replaces is not None or self.use == "tokens"


def key_statement(service: str, key_id: str, public_key: str, replaces: str | None) -> bytes:
    """Return what `proof` signs: five lines, each with its LF; the last is `-` for a key that begins anew."""
    lines = ("paritrana service key v1", service, key_id, public_key, replaces or "-")
    return "".join(f"{line}\n" for line in lines).encode()


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
