"""Which part of the log an export holds: a season, what one province did in it, or what concerns one nomination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NATION: Final = "00"
"""The nation in place of a province."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is to be exported: a season, and of it perhaps only a province (00: the nation) or a nomination."""

    season: str
    province: str | None = None
    nomination: str | None = None

    @property
    def whole_season(self) -> bool:
        """Tell whether the season is held as a whole."""
        return self.province is None and self.nomination is None

    def as_json(self) -> dict[str, str]:
        """Return what is said, as the manifest says it."""
        said = {"season": self.season, "province": self.province, "nomination": self.nomination}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def named(self) -> str:
        """Return it in words."""
        of = f"season {self.season}"
        if self.nomination is not None:
            return f"nomination {self.nomination} of {of}"
        return of if self.province is None else f"province {self.province} of {of}"
