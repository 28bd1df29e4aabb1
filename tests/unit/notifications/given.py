"""What specifications of notifications begin with: the shipped rulebooks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas.rulebook import Rulebook
from schemas.rulebook_file import read_rulebook


@cache
def rulebook(season: str = "2020") -> Rulebook:
    """Return a shipped rulebook."""
    found = read_rulebook(Path(f"rulebooks/{season}.yaml").read_bytes()).rulebook
    assert found is not None
    return found
