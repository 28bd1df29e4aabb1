"""Whose names stand beside the ids in what is read of a meeting; who may read it is told who they are."""

from __future__ import annotations

from typing import Any


def persons_in(document: Any) -> set[str]:
    """Return the ids of everybody in a document: under `person`, and the recused that a quorum lists."""
    if isinstance(document, list):
        return set().union(*map(persons_in, document))
    if not isinstance(document, dict):
        return set()
    found = {one for one in (document.get("person"), *document.get("recused", ())) if isinstance(one, str)}
    return found.union(*map(persons_in, document.values()))
