"""Which topics this service receives: scoring's, for the seals that plenaries decide on."""

from __future__ import annotations

from typing import Final

from schemas.topics import SCORING

RECEIVES: Final = (SCORING,)
