"""Whose names stand beside the ids in what is read of a meeting; who may read it is told who they are."""

from __future__ import annotations

from typing import Any


def persons_in(document: Any) -> set[str]:
    """Return the ids of everybody in a document: under `person` and `recorded_by`, and the recused of a quorum."""
    if isinstance(document, list):
        return set().union(*map(persons_in, document))
    if not isinstance(document, dict):
        return set()
    named = (document.get("person"), document.get("recorded_by"), *document.get("recused", ()))
    found = {one for one in named if isinstance(one, str)}
    return found.union(*map(persons_in, document.values()))
