"""Which model reads which event type: the one place that turns documents into events and back.

Every version of every event stays readable for ever: an older one is read by the model that it had, and then brought up
to the newest by its upcasters.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any, Final

from pydantic import ValidationError

from schemas import nomination, notifications, scoring, service, superseded
from schemas.envelope import TYPE_PREFIX, Event
from schemas.upcasters import UPCASTERS, upcast

_MODULES: Final = (nomination, scoring, notifications, service)


class UnknownEvent(ValueError):
    """A type or version this build does not know; the stream waits until a newer build reads it."""


class UnreadableEvent(ValueError):
    """A known type whose data does not fit its model."""


@cache
def event_models() -> dict[str, type[Event]]:
    """Return every current event model by its type name."""
    return _models_in(_MODULES)


@cache
def superseded_models() -> dict[str, type[Event]]:
    """Return the model of every superseded version by its type name."""
    return _models_in((superseded,))


def _models_in(modules: Iterable[ModuleType]) -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for module in modules:
        for value in vars(module).values():
            is_model = isinstance(value, type) and issubclass(value, Event) and value.__module__ == module.__name__
            if is_model and not value.__name__.endswith("Event"):
                found[value.type_name()] = value
    return found


def is_known(type_name: str) -> bool:
    """Tell whether some model reads events of a type, perhaps through its upcasters."""
    return type_name in event_models() or type_name in UPCASTERS


def read_event(type_name: str, data: dict[str, Any]) -> Event:
    """Return the event of a stored type and data, brought up to the newest version of its model."""
    if type_name in UPCASTERS:
        _validated(type_name, superseded_models()[type_name], data)
        type_name, data = upcast(type_name, data)
    model = event_models().get(type_name)
    if model is None:
        raise UnknownEvent(f"no model reads {type_name!r}")
    return _validated(type_name, model, data)


def _validated(type_name: str, model: type[Event], data: dict[str, Any]) -> Event:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UnreadableEvent(f"{type_name}: {where}: {first['msg']}") from error


def schema_uri(type_name: str) -> str:
    """Return the `dataschema` attribute: the URN of the event's JSON Schema."""
    return f"urn:paritrana:schema:{type_name.removeprefix(TYPE_PREFIX + '.')}"
