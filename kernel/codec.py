"""How the kernel turns documents into events and back without knowing any event of the award.

A composition root hands in the codec (`schemas.codec`). It also makes the few events that a log writes about itself:
a refusal, an enabled reaction, a new epoch, a published key.

An event keeps the version in which it was written: its bytes, hash and signature are of that. Whoever reads what it
means gets it as the newest version says it, decisions as a model (`happened`), folds of raw documents by `Versions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from kernel.canonical import Json
from kernel.decider import Happened
from kernel.log import Recorded


class Unreadable(ValueError):
    """An event of ours that this build cannot read; only its own stream waits for a build that can."""


class Written(Protocol):
    """What of an event model goes into its document: type, schema's URI, JSON data, and whether it is signed."""

    @property
    def type(self) -> str: ...  # noqa: D102 - told above
    @property
    def schema(self) -> str: ...  # noqa: D102
    @property
    def data(self) -> Json: ...  # noqa: D102
    @property
    def signed(self) -> bool: ...  # noqa: D102


class Codec(Protocol):
    """Reads and writes events; raises ValueError (Unreadable is one) for what it does not know."""

    def knows(self, type_name: str) -> bool:
        """Tell whether this build has a model for a type, in this version of it or through its upcasters."""
        ...

    def read(self, type_name: str, data: Json) -> Any:
        """Return the event model of a stored type and data, brought up to its newest version."""
        ...

    def versions(self, type_name: str) -> frozenset[str]:
        """Return a type with every older version of it that `newest` brings up to it."""
        ...

    def newest(self, type_name: str, data: Json) -> tuple[str, Json]:
        """Return stored type and data as the newest version says them, without checking them against a model."""
        ...

    def write(self, event: Any) -> Written:
        """Return what an event model says."""
        ...

    def source(self, service: str) -> str:
        """Return the CloudEvents source of a service."""
        ...

    def refused(self, service: str, route: str, code: str, fields: tuple[str, ...], *, closing: bool) -> Any:
        """Return the event of a refused command."""
        ...

    def reaction_enabled(self, service: str, handler: str) -> Any:
        """Return the event after which a reaction acts."""
        ...

    def epoch_opened(self, service: str, epoch: int, reason: str) -> Any:
        """Return the event of a new epoch."""
        ...

    def key_published(
        self,
        service: str,
        key_id: str,
        public_key: str,
        use: str,
        *,
        replaces: str | None = None,
        proof: str | None = None,
    ) -> Any:
        """Return the event that publishes a key: base64 of the raw public key, for `events` or `tokens`."""
        ...

    def key_statement(self, service: str, key_id: str, public_key: str, replaces: str | None) -> bytes:
        """Return what a key signs to prove that its publisher holds it."""
        ...

    def published_key(self, event: Any) -> tuple[str, str | None] | None:
        """Return an event key's id and that of the key that it replaces; None for any other event."""
        ...


class Versions:
    """What a fold that asks for some types must be given: those, and the older versions of them, brought up.

    `stored` names all of them as the log has them. Types without older versions cost nothing.
    """

    __slots__ = ("_newest", "_older", "stored")

    def __init__(self, types: frozenset[str], codec: Codec) -> None:
        """Find the older versions of `types`."""
        self.stored: frozenset[str] = types.union(*(codec.versions(type_name) for type_name in types))
        self._older = self.stored - types
        self._newest = codec.newest

    def newest(self, event: Recorded) -> Recorded:
        """Return an event as a fold reads it."""
        return event.told_as(*self._newest(event.type, event.data)) if event.type in self._older else event

    def newest_of(self, events: Iterable[Recorded]) -> Iterable[Recorded]:
        """Return events as a fold reads them, in their order."""
        older, newest = self._older, self.newest
        return (newest(event) if event.type in older else event for event in events) if older else events


def happened(recorded: Recorded, codec: Codec) -> Happened:
    """Return a recorded event with its model; raise Unreadable when this build cannot read it."""
    doc = recorded.doc
    try:
        event = codec.read(recorded.type, doc["data"])
    except ValueError as error:
        raise Unreadable(f"{recorded.stream}, version {recorded.version}: {error}") from error
    return Happened(
        event=event,
        id=recorded.id,
        stream=recorded.stream,
        version=recorded.version,
        time=recorded.time,
        actor=doc.get("actor", "system"),
        office=doc.get("office"),
        position=recorded.position,
    )
