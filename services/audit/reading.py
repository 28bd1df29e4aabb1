"""Reads one part of a folder's events and says everything about it that can be said without the other parts.

What two parts say of one stream is put together by `verify`; so each part tells where its streams begin and end, and
notes ids and causes. Streams are not cut (see `segments`), so that what decisions rest on is folded here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import BinaryIO, Final, NamedTuple

from schemas.service import ServiceKeyPublished
from services.audit.checks.notices import CONCLUDED, notice_faults, told_apart
from services.audit.checks.refusals import REFUSED, refused_faults
from services.audit.decisions import Decisions
from services.audit.ends import End
from services.audit.events import Document, Keys, Unusable, faults_of, read
from services.audit.findings import MOST_KEPT, Finding, Place
from services.audit.folder import CUT, MAX_LINE, Line, Tally, file_of, lines_of, open_regular
from services.audit.folder import Unusable as UnusableFile
from services.audit.notes import Notes
from services.audit.segments import Segment

KEY_PUBLISHED: Final = ServiceKeyPublished.type_name()
ORDER, CHAIN, REST = 1, 2, 3
"""In which order findings at one line are told: what is wrong with its place in the file, in its stream, in itself."""
UNORDERED: Final = "lines are in the order of stream and version; this one is not"


class First(NamedTuple):
    """The first event of a stream in a part."""

    stream: str
    line: int
    version: int
    prevhash: object
    time: str


class Told(NamedTuple):
    """A finding, with where among those of its part it is told."""

    line: int
    rank: int
    finding: Finding


@dataclass(slots=True)
class Part:
    """What one part of a folder says."""

    segment: Segment
    lines: int = 0
    signatures: int = 0
    caused: int = 0
    told: list[Told] = field(default_factory=list)
    """The first findings, in order."""
    counts: Counter[str] = field(default_factory=Counter)
    """All findings by code."""
    types: Counter[str] = field(default_factory=Counter)
    """Readable events by type."""
    firsts: list[First] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    begins: tuple[tuple[str, int], int] | None = None
    """Stream and version of the first readable line, and its number."""
    last: tuple[str, int] = ("", 0)
    notes: list[bytes] = field(default_factory=list)
    decisions: Decisions | None = None

    def tell(self, line: int, rank: int, code: str, place: Place, what: str) -> None:
        """Take a finding at a line."""
        self.counts[code] += 1
        if len(self.told) < MOST_KEPT:
            self.told.append(Told(line, rank, Finding(code, place, what)))


class Reader:
    """Reads parts of one folder; `keys` and `decisions` know what was read ahead of all of them."""

    def __init__(self, folder: Path, keys: Keys, decisions: Decisions) -> None:
        self._folder = folder
        self._keys = keys
        self._ahead = decisions

    def read(self, segment: Segment) -> Part:
        """Return what a part says. Never raises for what it holds."""
        part = Part(segment)
        try:
            source = open_regular(self._folder, segment.path)
        except UnusableFile as error:
            part.tell(0, 0, "file", Place(segment.path), str(error))
            part.notes = Notes(segment.file).written()
            return part
        with closing(source):
            source.seek(segment.begin)
            _Reading(part, self._keys, Decisions.foreseeing(self._ahead)).run(_lines(source, segment))
        return part


def _lines(source: BinaryIO, segment: Segment) -> Iterator[Line]:
    """Read a part line by line, or at once where it is no longer than the longest line may be."""
    if segment.size > MAX_LINE:
        yield from lines_of(source, Tally(lines=segment.lines_before), segment.size)
        return
    *whole, rest = source.read(segment.size).split(b"\n")
    for number, raw in enumerate(whole, start=segment.lines_before + 1):
        yield Line(number, raw)
    if rest:
        yield Line(segment.lines_before + len(whole) + 1, rest, CUT)


class _Reading:
    """One part while it is read."""

    def __init__(self, part: Part, keys: Keys, decisions: Decisions) -> None:
        self._part = part
        self._path, self._owner = part.segment.path, part.segment.owner
        self._keys = keys
        self._decisions = decisions
        self._notes = Notes(part.segment.file)
        self._stream, self._fits = "", False
        self._end: End | None = None
        """Where the stream ends so far."""
        self._concluded: set[str] = set()

    def run(self, lines: Iterator[Line]) -> None:
        part = self._part
        try:
            for line in lines:
                part.lines += 1
                self._take(line)
        except OSError as error:
            place = Place(self._path, part.segment.lines_before + part.lines + 1)
            part.tell(place.line or 0, 0, "file", place, f"it cannot be read: {error.strerror}")
        self._leave()
        part.notes = self._notes.written()
        part.decisions = self._decisions

    def _take(self, line: Line) -> None:
        part, number = self._part, line.number
        if line.fault is not None:
            part.tell(number, 0, "line", Place(self._path, number), line.fault)
            return
        try:
            event, wrong, signed = read(line.raw)
        except Unusable as error:
            part.tell(number, 0, "document", Place(self._path, number), str(error))
            return
        if event.stream != self._stream:
            self._begin(event.stream)
        event.stream = self._stream  # one text for all events of a stream
        place = Place(self._path, number, event.stream, event.version)
        here = (event.stream, event.version)
        if here <= part.last:
            part.tell(number, ORDER, "order", place, UNORDERED)
        part.begins = part.begins or (here, number)
        part.last = here
        if not self._fits:
            part.tell(number, ORDER, "topic", place, "this stream does not belong in this file")
        self._chain(event, place)
        self._notes.take(event.id, event.cause, event.time, number)
        part.caused += event.cause is not None
        if self._owner is not None:
            self._judge(event, wrong, signed, place, self._owner)

    def _begin(self, stream: str) -> None:
        """Go on to the next stream."""
        self._leave()
        stream = intern(stream)
        self._stream, self._fits = stream, _file_of(stream) == self._path
        self._end = self._part.ends.get(stream)
        self._concluded.clear()

    def _leave(self) -> None:
        if self._end is not None:
            self._part.ends[self._stream] = self._end

    def _chain(self, event: Document, place: Place) -> None:
        """Check an event against the end of its stream in this part, which then is this event."""
        part, number = self._part, place.line or 0
        before = self._end
        prevhash = event.doc.get("prevhash")
        if before is None:
            part.firsts.append(First(event.stream, number, event.version, prevhash, event.time))
        elif event.version != before.version + 1 or prevhash != before.hash.hex() or event.time < before.time:
            first = First(event.stream, number, event.version, prevhash, event.time)
            earlier = Place(self._path, before.line, event.stream, before.version)
            for code, where, what in chain_faults(first, place, before, earlier):
                part.tell(number, CHAIN, code, where, what)
        self._end = End(event.version, event.hash, event.time, part.segment.file, number)

    def _judge(self, event: Document, wrong: str | None, signed: bytes | None, place: Place, owner: str) -> None:
        """Check an event by itself, and let it be folded when its data fits its model."""
        part, number = self._part, place.line or 0
        fits = True
        for code, what in faults_of(event, owner, wrong):
            part.tell(number, REST, code, place, what)
            fits = fits and code not in ("type", "data")
        for code, what in self._keys.faults(event, owner, signed):
            part.tell(number, REST, code, place, what)
        part.signatures += "signature" in event.doc
        part.types[event.type] += 1
        if event.type == KEY_PUBLISHED:
            for code, what in self._keys.published_faults(event, owner):
                part.tell(number, REST, code, place, what)
        if not fits:
            return
        if event.type in CONCLUDED:
            self._conclude(event, place)
        elif event.type == REFUSED:
            for what in refused_faults(event, owner):
                part.tell(number, REST, "refusal", place, what)
        self._decisions.take(event, place)

    def _conclude(self, event: Document, place: Place) -> None:
        number = place.line or 0
        for what in notice_faults(event, self._concluded):
            self._part.tell(number, REST, "notification", place, what)
        if (cause := told_apart(event)) is not None:
            self._notes.tell(cause, event.time, number)


def chain_faults(event: First, place: Place, before: End | None, earlier: Place) -> Iterator[tuple[str, Place, str]]:
    """Check an event against the one before it in its stream, which stands at `earlier`."""
    expected = before.version + 1 if before else 1
    if event.version != expected:
        yield "version", place, _misplaced(event.version, expected)
    elif before and event.prevhash != before.hash.hex():
        # Told at the event before: had this one been changed, its own leaf hash would not fit what follows it.
        what = f"its leaf hash is not the `prevhash` of the next event ({place}): an envelope was changed"
        yield "chain", earlier, what
    if before and event.time < before.time and event.version > before.version:
        yield "time", place, f"the event is recorded before version {before.version} of its stream"


def _misplaced(version: int, expected: int) -> str:
    if version < expected:
        return f"version {version} stands where version {expected} belongs: it is here twice, or was moved"
    if version == expected + 1:
        return f"version {expected} is missing"
    return f"versions {expected} to {version - 1} are missing"


def _file_of(stream: str) -> str | None:
    try:
        return file_of(stream)
    except ValueError:
        return None
