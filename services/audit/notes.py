"""Which events exist and which are named as causes, kept on disk so that memory does not grow with the log.

Whoever reads events writes a note of fixed width for each (`Notes`), spread over buckets by the random end of the id
that it is about; each bucket is then looked at alone. An id found twice is a finding, and so is a cause that is not
there or that was recorded after its effect.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from heapq import nsmallest
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

BUCKETS: Final = 64
_IN_MEMORY: Final = 1 << 18
_KIND, _ID, _TIME, _FILE = 1, 37, 64, 70
_WIDTH: Final = 78
"""A kind, a UUID, an instant of 27 characters, a file's number in 6 hexadecimal digits and a line's in 8."""

EVENT, CAUSE, TOLD = "e", "c", "n"
"""Kinds of notes: an event, a cause that one names, and an event that a message without a cause tells of."""
ELSEWHERE: Final = "w"
"""What is not here, where that is no fault: it may be in what was withheld."""


class Spot(NamedTuple):
    """A line of a file, by the file's number."""

    file: int
    line: int


class Doubled(NamedTuple):
    """An id that another event has already."""

    spot: Spot
    id: str
    first: Spot


class Uncaused(NamedTuple):
    """An event whose cause is not there, or (`late`) was recorded after it; `told`: a message tells of it."""

    spot: Spot
    id: str
    late: bool
    told: bool


class Notes:
    """The notes of one part of a folder."""

    def __init__(self, file: int) -> None:
        self.file = file
        self._file = f"{file:06x}"
        self._lists: list[list[str]] = [[] for _ in range(BUCKETS)]
        self._of = {f"{end:02x}": self._lists[end % BUCKETS] for end in range(256)}

    def take(self, id_: str, cause: str | None, time: str, line: int) -> None:
        """Note an event; `id_` and `cause` are UUIDs, `time` a wire instant."""
        rest = f"{time}{self._file}{line:08x}"
        self._of[id_[-2:]].append(EVENT + id_ + rest)
        if cause is not None:
            self._of[cause[-2:]].append(CAUSE + cause + rest)

    def tell(self, id_: str, time: str, line: int) -> None:
        """Note that a message without a cause tells of an event."""
        self._of[id_[-2:]].append(f"{TOLD}{id_}{time}{self._file}{line:08x}")

    def written(self) -> list[bytes]:
        """Return the notes bucket by bucket."""
        return ["".join(each).encode("ascii") for each in self._lists]


class Causes:
    """Takes the notes of every part, in order; says afterwards what does not fit. Use as a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._buckets: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        """Make the buckets."""
        self._buckets = [
            self._open.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+b"))  # noqa: SIM115
            for _ in range(BUCKETS)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the buckets."""
        self._open.close()

    def take(self, written: Sequence[bytes]) -> None:
        """Take the notes of the next part."""
        for bucket, notes in zip(self._buckets, written, strict=True):
            bucket.write(notes)

    def faults(self, most: int, *, elsewhere: bool = False) -> tuple[list[Doubled | Uncaused], dict[str, int]]:
        """Return the first `most` of what does not fit, in the order of files and lines, and how many of each kind.

        Kinds are those of notes. With `elsewhere` a cause that is not here is counted and no fault.
        """
        kept: list[Doubled | Uncaused] = []
        counts = dict.fromkeys((EVENT, CAUSE, TOLD, ELSEWHERE), 0)
        for bucket in self._buckets:
            bucket.seek(0)
            found = list(_faults(bucket.read().decode("ascii")))
            if elsewhere:
                here = [one for one in found if isinstance(one, Doubled) or one.late]
                counts[ELSEWHERE] += len(found) - len(here)
                found = here
            for one in found:
                counts[EVENT if isinstance(one, Doubled) else TOLD if one.told else CAUSE] += 1
            if found:
                kept = nsmallest(most, [*kept, *found], key=lambda one: (one.spot, isinstance(one, Uncaused)))
        return kept, counts


def _faults(notes: str) -> Iterator[Doubled | Uncaused]:
    """Return what does not fit in a bucket."""
    known: dict[str, str] = {}
    named: list[str] = []
    for start in range(0, len(notes), _WIDTH):
        note = notes[start : start + _WIDTH]
        if note[0] != EVENT:
            named.append(note)
        elif (first := known.setdefault(note[_KIND:_ID], note)) is not note:
            yield Doubled(_spot(note), note[_KIND:_ID], _spot(first))
    for note in named:
        cause = known.get(note[_KIND:_ID])
        told = note[0] == TOLD
        if cause is None or (cause[_ID:_TIME] > note[_ID:_TIME] and not told):
            yield Uncaused(_spot(note), note[_KIND:_ID], late=cause is not None, told=told)


def _spot(note: str) -> Spot:
    return Spot(int(note[_TIME:_FILE], 16), int(note[_FILE:], 16))
