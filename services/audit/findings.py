"""What a check found and where: every finding names the file, the line, and the event's stream and version.

An auditor must be able to go to the place, so a finding without a place is not made where the place is known. A folder
of garbage has a finding a line, so only the first ones are kept and the rest are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

MOST_KEPT: Final = 500


class Place(NamedTuple):
    """Where something stands: the file below the folder, the line from 1, the event's stream and version."""

    file: str
    line: int | None = None
    stream: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        """Return `file:line stream@version`, as far as it is known."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        if self.stream is None:
            return where
        return f"{where} {self.stream}" if self.version is None else f"{where} {self.stream}@{self.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `code` is stable, `what` is a sentence for the auditor."""

    code: str
    place: Place
    what: str

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON values; unknown parts of the place are absent."""
        place = {name: value for name, value in self.place._asdict().items() if value is not None}
        return {"code": self.code, "what": self.what, **place}

    def __str__(self) -> str:
        """Return the finding as one line, with nothing in it that could move a terminal's cursor."""
        return printable(f"{self.place}: {self.what} [{self.code}]")


def printable(text: str) -> str:
    """Return a text of a folder with what acts instead of being seen (controls and the like) as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class Findings:
    """Collects findings in the order they are made; beyond `MOST_KEPT` they are only counted, each by its code."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def add(self, code: str, place: Place, what: str) -> None:
        """Take a finding."""
        self.counts[code] += 1
        if len(self._kept) < MOST_KEPT:
            self._kept.append(Finding(code, place, what))

    def extend(self, first: Iterator[Finding], counts: Counter[str]) -> None:
        """Take the first findings of a part, and how many it has by code."""
        self.counts.update(counts)
        for finding in first:
            if len(self._kept) == MOST_KEPT:
                return
            self._kept.append(finding)

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over those that were kept."""
        return iter(self._kept)

    @property
    def left_out(self) -> int:
        """Return how many were counted and not kept."""
        return self.counts.total() - len(self._kept)
