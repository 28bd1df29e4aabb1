"""Names beside the ids in what is read of a meeting: identity's, asked when it is read, and kept nowhere here.

Events know persons by pseudonyms, and so does every document that is made of them. Who may read of a meeting is told
who they are, as the printed minutes do. What is read holds without names too, so it is shown when identity is away.
"""

from __future__ import annotations

from typing import Any

from kernel.canonical import Json
from services.nomination.directory import Directory, DirectoryAway


async def with_names(directory: Directory, document: Json) -> Json:
    """Return a document with `persons`, the name of everybody in it by id, null for who is unknown or was erased.

    `names` says whether identity was asked (`known`) or did not answer (`away`: every name is null, ask again).
    """
    persons = sorted(persons_in(document))
    try:
        names, known = await directory.names(persons), "known"
    except DirectoryAway:
        names, known = {}, "away"
    return {**document, "names": known, "persons": {person: names.get(person) for person in persons}}


def persons_in(document: Any) -> set[str]:
    """Return the ids of everybody in a document: under `person`, and the recused that a quorum lists."""
    if isinstance(document, list):
        return set().union(*map(persons_in, document))
    if not isinstance(document, dict):
        return set()
    found = {one for one in (document.get("person"), *document.get("recused", ())) if isinstance(one, str)}
    return found.union(*map(persons_in, document.values()))
