"""Steps that bring an old event version up to the next, one function per step, kept for ever.

`UPCASTERS` maps an old type name to the new one and its step. What an old version looked like is kept beside it, in
`schemas.superseded`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from schemas.envelope import TYPE_PREFIX

Step = Callable[[dict[str, Any]], dict[str, Any]]


def _as_it_is(data: dict[str, Any]) -> dict[str, Any]:
    """The new version only admits more: what the old one said, it says in the same words."""
    return data


UPCASTERS: Final[dict[str, tuple[str, Step]]] = {
    # Version 2 leaves the kinds of candidates to the season's rulebook, and knows an employer's sector.
    f"{TYPE_PREFIX}.nomination.CandidateNominated.v1": (f"{TYPE_PREFIX}.nomination.CandidateNominated.v2", _as_it_is),
}


def upcast(type_name: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return type and data after every step that applies; the same objects when there is none."""
    while type_name in UPCASTERS:
        type_name, step = UPCASTERS[type_name]
        data = step(data)
    return type_name, data


def versions_of(type_name: str) -> frozenset[str]:
    """Return a type with every older one that `upcast` brings up to it; of a superseded type, only itself."""
    return frozenset({type_name, *(old for old in UPCASTERS if _newest_of(old) == type_name)})


def _newest_of(type_name: str) -> str:
    while type_name in UPCASTERS:
        type_name, _ = UPCASTERS[type_name]
    return type_name
