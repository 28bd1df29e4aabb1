"""The codec that composition roots hand to the kernel: the registry's models, and the events a log writes of itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.envelope import Event
from schemas.registry import is_known, read_event, schema_uri
from schemas.service import CommandRefused, EpochOpened, ReactionEnabled, ServiceKeyPublished, key_statement
from schemas.topics import source_of
from schemas.upcasters import upcast, versions_of


@dataclass(slots=True)
class Written:
    """What of an event model goes into its document."""

    type: str
    schema: str
    data: dict[str, Any]
    signed: bool


@cache
def _names(model: type[Event]) -> tuple[str, str]:
    name = model.type_name()
    return name, schema_uri(name)


class RegistryCodec:
    """Reads and writes events by `schemas.registry`."""

    def knows(self, type_name: str) -> bool:
        """Tell whether a model reads events of a type, perhaps through its upcasters."""
        return is_known(type_name)

    def read(self, type_name: str, data: dict[str, Any]) -> Event:
        """Return the event; raise a ValueError when no model reads it."""
        return read_event(type_name, data)

    def versions(self, type_name: str) -> frozenset[str]:
        """Return a type with every older version of it."""
        return versions_of(type_name)

    def newest(self, type_name: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return stored type and data as the newest version says them, unchecked."""
        return upcast(type_name, data)

    def write(self, event: Event) -> Written:
        """Return type, schema, JSON data and whether the event is signed."""
        name, schema = _names(type(event))
        signed = event.signed or (isinstance(event, ServiceKeyPublished) and event.countersigned)
        return Written(name, schema, event.to_data(), signed)

    def source(self, service: str) -> str:
        """Return the service's CloudEvents source."""
        return source_of(service)

    def refused(self, service: str, route: str, code: str, fields: tuple[str, ...], *, closing: bool) -> Event:
        """Return CommandRefused."""
        return CommandRefused(service=service, route=route, code=code, fields=fields, closing=closing)

    def reaction_enabled(self, service: str, handler: str) -> Event:
        """Return ReactionEnabled."""
        return ReactionEnabled(service=service, handler=handler)

    def epoch_opened(self, service: str, epoch: int, reason: str) -> Event:
        """Return EpochOpened."""
        return EpochOpened.model_validate({"service": service, "epoch": epoch, "reason": reason})

    def key_published(
        self,
        service: str,
        key_id: str,
        public_key: str,
        use: str,
        *,
        replaces: str | None = None,
        proof: str | None = None,
    ) -> Event:
        """Return ServiceKeyPublished."""
        return ServiceKeyPublished.model_validate(
            {
                "service": service,
                "key_id": key_id,
                "algorithm": "Ed25519",
                "use": use,
                "public_key": public_key,
                "replaces": replaces,
                "proof": proof,
            }
        )

    def key_statement(self, service: str, key_id: str, public_key: str, replaces: str | None) -> bytes:
        """Return what a key signs to prove that its publisher holds it."""
        return key_statement(service, key_id, public_key, replaces)

    def published_key(self, event: Event) -> tuple[str, str | None] | None:
        """Return an event key's id and that of the key that it replaces; None for any other event."""
        if not isinstance(event, ServiceKeyPublished) or event.use != "events":
            return None
        return event.key_id, event.replaces


CODEC = RegistryCodec()
