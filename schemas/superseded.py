"""What superseded versions of events said: each as it was when a newer one took its place, and never changed again.

An old event is held to its own version's shape before its upcaster (`schemas.upcasters`) brings it up: that the newest
version admits more does not make an old event right that was wrong when it was written. The published JSON Schemas of
these versions are the committed files; these models still make them, word for word.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import CleanName, Part, Stage, Uuid
from schemas.nomination import NominationEvent


class Candidate(Part):
    """Who competes: a region by its official code, or an employer by its number (NPP)."""

    kind: Literal["province", "regency", "city", "employer"]
    code: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$")]
    name: CleanName
    size_class: Literal["large", "medium", "small", "micro"] | None = None
    region: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")] | None = None
    """Where an employer is at home; a government is its own region."""


class CandidateNominated(NominationEvent):
    """A candidate enters the first stage of its path. `sample` marks what no article or office vouches for."""

    nomination: Uuid
    entry: Stage
    candidate: Candidate
    nominating_body: Annotated[str, Field(pattern=r"^[0-9]{2}(\.[0-9]{2})?$")]
    """Region code of the government that nominates."""
    nominated_by: Uuid
    contact: Uuid
    sample: bool = False
