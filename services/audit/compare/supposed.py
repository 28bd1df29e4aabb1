"""What is supposed instead of what was: another rulebook, a scorer left out, facts that came after the seals.

A rulebook file is read as every rulebook file is (`schemas.rulebook_file`), so that a bad one is told by line, field
and remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.rulebook import rulebook_content, rulebook_hash
from schemas.rulebook_file import MAX_BYTES, read_rulebook
from services.audit.record import Record
from services.audit.rules import Rules

Json = Mapping[str, Any]


class NotSupposable(Exception):
    """What is supposed makes no sense for this folder; each line says what is wrong, and what to write."""

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Supposed:
    """The suppositions; what is empty or false is as it was."""

    rules: Rules | None = None
    season: str | None = None
    without: frozenset[str] = frozenset()
    late: bool = False

    def rules_of(self, season: str) -> Rules | None:
        """Return the supposed rules of a season, None where they are as they were."""
        return self.rules if season == self.season else None

    def as_json(self) -> dict[str, Any]:
        """Return what is supposed."""
        rules = None if self.rules is None else {"season": self.season, "hash": self.rules.hash}
        return {"rulebook": rules, "without": sorted(self.without), "late": self.late}


def rules_in(file: Path, record: Record) -> tuple[str, Rules]:
    """Return the season and the rules of a rulebook file. Raises NotSupposable."""
    try:
        with file.open("rb") as source:
            raw = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotSupposable(
            f"{file} cannot be read: {error.strerror}; give a rulebook, as rulebooks/ has them"
        ) from None
    reading = read_rulebook(raw)
    if reading.rulebook is None:
        raise NotSupposable(*(f"{file}:{one.line} {one.path or 'file'}: {one.message_en}" for one in reading.errors))
    season = reading.rulebook.season
    known = sorted({season for season, _ in record.rulebooks})
    if season not in known:
        here = f"the folder holds {', '.join(known)}" if known else "the folder holds no season"
        raise NotSupposable(f"{file} season: it is of {season}, and {here}; write the season to compare with")
    return season, Rules(reading.rulebook.version, rulebook_hash(reading.rulebook), rulebook_content(reading.rulebook))


def members_left_out(members: list[str], record: Record) -> frozenset[str]:
    """Return the members whose sheets are left out; each must have one that was counted. Raises NotSupposable."""
    counted = {str(one["stream"]).rpartition("/")[2] for seal in record.seals.values() for one in seal.data["counted"]}
    for member in members:
        if member not in counted:
            raise NotSupposable(
                f"--without {member}: no sealed ranking counts a sheet of this member; "
                "write a member's pseudonym, as paritrana audit explain shows them"
            )
    return frozenset(members)
