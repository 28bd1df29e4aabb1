"""Where every stream ends, each in a hundred bytes: a season has a stream for every sheet, so there are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from sys import intern
from typing import Final, NamedTuple

_PACKED: Final = Struct(">Q32s27sIQ")


class End(NamedTuple):
    """An event of a stream, as its chain knows it."""

    version: int
    hash: bytes
    time: str
    file: int
    line: int


class Ends(Mapping[str, End]):
    """The last event of every stream."""

    def __init__(self) -> None:
        """Know of no stream."""
        self._packed: dict[str, bytes] = {}

    def update(self, ends: Mapping[str, End]) -> None:
        """Take where streams end now."""
        for stream, (version, hash_, time, file, line) in ends.items():
            self._packed[intern(stream)] = _PACKED.pack(version, hash_, time.encode("ascii"), file, line)

    def __getitem__(self, stream: str) -> End:
        """Return where a stream ends."""
        version, hash_, time, file, line = _PACKED.unpack(self._packed[stream])
        return End(version, hash_, time.decode("ascii"), file, line)

    def get(self, stream: str) -> End | None:  # type: ignore[override]
        """Return where a stream ends, None for one that is not there."""
        return self[stream] if stream in self._packed else None

    def __contains__(self, stream: object) -> bool:
        """Tell whether a stream is there."""
        return stream in self._packed

    def __iter__(self) -> Iterator[str]:
        """Iterate over the streams in the order in which they were first seen."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return how many streams there are."""
        return len(self._packed)
