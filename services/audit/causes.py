"""Which events exist and which are named as causes, kept on disk so that memory does not grow with the log.

Ids are spread over buckets by their random end; each bucket is then read alone. An id found twice is a finding, and so
is a cause that is not there or that was recorded after its effect.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Final, Self

from services.audit.findings import Place

_BUCKETS: Final = 64
_IN_MEMORY: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Doubled:
    """An id that another event has already."""

    id: str
    place: Place
    first: Place


@dataclass(frozen=True, slots=True)
class Uncaused:
    """An event whose cause is not there, or (`late`) was recorded after it."""

    cause: str
    place: Place
    late: bool


class Causes:
    """Takes every event's id, time and cause; says afterwards what does not fit. Use as a context manager."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._buckets: list[IO[str]] = []

    def __enter__(self) -> Self:
        """Make the buckets."""
        self._buckets = [
            self._open.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii"))  # noqa: SIM115
            for _ in range(_BUCKETS)
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the buckets."""
        self._open.close()

    def take(self, id_: str, cause: str | None, time: str, place: Place) -> None:
        """Take an event; `id_` and `cause` are UUIDs, `time` a wire instant, `place` names stream and version."""
        self._bucket(id_).write(f"e {id_} {time} {place.file} {place.line} {place.stream} {place.version}\n")
        if cause is not None:
            self._bucket(cause).write(f"c {cause} {time} {place.file} {place.line} {place.stream} {place.version}\n")

    def _bucket(self, id_: str) -> IO[str]:
        return self._buckets[int(id_[-2:], 16) % _BUCKETS]

    def faults(self) -> Iterator[Doubled | Uncaused]:
        """Return what does not fit, bucket by bucket."""
        for bucket in self._buckets:
            known: dict[str, tuple[str, str]] = {}
            bucket.seek(0)
            for line in bucket:
                kind, id_, time, rest = line.rstrip("\n").split(" ", 3)
                if kind == "e":
                    first = known.setdefault(id_, (time, rest))
                    if first[1] != rest:
                        yield Doubled(id_, _place(rest), _place(first[1]))
            bucket.seek(0)
            yield from _uncaused(bucket, known)


def _uncaused(bucket: IO[str], known: dict[str, tuple[str, str]]) -> Iterator[Uncaused]:
    for line in bucket:
        kind, id_, time, rest = line.rstrip("\n").split(" ", 3)
        if kind == "c":
            cause = known.get(id_)
            if cause is None or cause[0] > time:
                yield Uncaused(id_, _place(rest), late=cause is not None)


def _place(text: str) -> Place:
    file, line, stream, version = text.split(" ")
    return Place(file, int(line), stream, int(version))
