"""Steps that bring an old event version up to the next, one function per step, kept for ever.

There is none yet: every event is at version 1. `UPCASTERS` maps an old type name to the new one and its step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Step = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: Final[dict[str, tuple[str, Step]]] = {}


def upcast(type_name: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return type and data after every step that applies."""
    while type_name in UPCASTERS:
        type_name, step = UPCASTERS[type_name]
        data = step(data)
    return type_name, data
