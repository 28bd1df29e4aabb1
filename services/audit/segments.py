"""How a file of events is cut into parts that can be read apart, on one processor or on several.

A file is read once from begin to end for its digest; on the way it is cut, after some megabytes, where the next line
begins another stream. The cuts depend on the file alone, so that whoever reads the parts finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from services.audit.folder import Tally

SEGMENT: Final = 4 << 20
"""Bytes of a part at least, unless the file ends."""
_CHUNK: Final = 1 << 20
_SUBJECT: Final = b'"subject":"'


class Segment(NamedTuple):
    """A part of a file: where it begins, in bytes and lines, and how long it is."""

    path: str
    file: int
    """The file's number among those of the folder."""
    owner: str | None
    begin: int
    size: int
    lines_before: int


def segments_of(
    read: Callable[[int], bytes], path: str, file: int, owner: str | None, tally: Tally, least: int = SEGMENT
) -> Iterator[Segment]:
    """Read a file to its end by `read(size)`, count it in `tally`, and yield its parts in order.

    Raises OSError where it cannot be read; what was yielded before stays true.
    """
    begin, lines_before, ends_line = 0, 0, True
    while chunk := read(_CHUNK):
        if tally.size - begin >= least and (cut := _boundary(chunk)):
            here, lines = tally.size + cut, tally.lines + chunk.count(b"\n", 0, cut)
            yield Segment(path, file, owner, begin, here - begin, lines_before)
            begin, lines_before = here, lines
        tally.take(chunk)
        tally.lines += chunk.count(b"\n")
        ends_line = chunk.endswith(b"\n")
    tally.lines += not ends_line
    if tally.size > begin:
        yield Segment(path, file, owner, begin, tally.size - begin, lines_before)


def _boundary(chunk: bytes) -> int:
    """Return where in a chunk the first line after its begin stands that is of another stream than the line before."""
    start = chunk.find(b"\n") + 1
    end = chunk.find(b"\n", start)
    before = _subject(chunk, start, end)
    while start and end >= 0:
        following = end + 1
        end = chunk.find(b"\n", following)
        subject = _subject(chunk, following, end)
        if end >= 0 and subject != before:
            return following
        before = subject
    return 0


def _subject(chunk: bytes, start: int, end: int) -> bytes:
    place = chunk.rfind(_SUBJECT, start, end) if end >= 0 else -1
    return chunk[place + len(_SUBJECT) : chunk.find(b'"', place + len(_SUBJECT))] if place >= 0 else b""
