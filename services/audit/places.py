"""Where the audit service read each event on Kafka, beside the events of an export: `places.jsonl`.

A line is a run of one stream on one partition: the offsets of its events from a version on, in their order. No leaf and
no signature holds this: it is the audit service's own testimony, good for finding a message again while the topic is
kept, and nothing is decided by it. The service's own events are not read from a topic and have no place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from kernel.canonical import canonical
from services.audit.folder import PLACES, Line, Missing, Tally, Unusable, lines_of, open_regular

_LONGEST_RUN: Final = 1000


class Read(NamedTuple):
    """Where an event was read in its topic."""

    partition: int
    offset: int


class PlaceWriter:
    """Makes the lines of the file from places in the order of stream and version."""

    def __init__(self) -> None:
        """Begin with none."""
        self._stream, self._partition, self._first = "", -1, 0
        self._offsets: list[int] = []

    def take(self, stream: str, version: int, read: Read | None) -> Iterator[bytes]:
        """Take the next event's place; yield the line of the run that it does not continue."""
        follows = read is not None and (stream, read.partition, version) == (
            self._stream,
            self._partition,
            self._first + len(self._offsets),
        )
        if not follows or len(self._offsets) == _LONGEST_RUN:
            yield from self.end()
            self._stream, self._first = stream, version
        if read is not None:
            self._partition = read.partition
            self._offsets.append(read.offset)

    def end(self) -> Iterator[bytes]:
        """Yield the line of the last run."""
        if self._offsets:
            yield canonical(
                {
                    "from": self._first,
                    "offsets": self._offsets,
                    "partition": self._partition,
                    "stream": self._stream,
                }
            )
        self._offsets = []


class _Run(msgspec.Struct, forbid_unknown_fields=True):
    first: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="from")
    offsets: Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=_LONGEST_RUN)]
    partition: Annotated[int, msgspec.Meta(ge=0)]
    stream: str


_decoder: Final = msgspec.json.Decoder(_Run)


def unreadable(line: Line) -> str | None:
    """Say why a line is no run of offsets; None when it is one."""
    if line.fault is not None:
        return f"it is no run of offsets: {line.fault}"
    try:
        _run_of(line)
    except Unusable as error:
        return str(error)
    return None


def _run_of(line: Line) -> _Run:
    try:
        return _decoder.decode(line.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable(f"it is no run of offsets: {error}") from None


def places_of(folder: Path, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], Read]:
    """Return where some events were read, those that the folder tells of. Raises Unusable, naming the line."""
    try:
        source = open_regular(folder, PLACES)
    except Missing:
        return {}  # older exports have no places
    except Unusable as error:
        raise Unusable(f"{PLACES}: {error}") from None
    streams = {stream for stream, _ in wanted}
    found: dict[tuple[str, int], Read] = {}
    with closing(source):
        for line in lines_of(source, Tally()):
            try:
                run = _run_of(line)
            except Unusable as error:
                raise Unusable(f"{PLACES}:{line.number}: {error}") from None
            if run.stream in streams:
                for version, offset in enumerate(run.offsets, run.first):
                    if (run.stream, version) in wanted:
                        found[run.stream, version] = Read(run.partition, offset)
    return found
