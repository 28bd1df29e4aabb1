"""How an exported folder is read for an answer: only the files that it needs, and of each line its end before the rest.

Keys of a canonical document are sorted, so that `streamversion`, `subject`, `time` and `type` stand at its end, after
whatever its data holds. A line whose type or time does not matter is passed by that end alone. What is read is not
verified again; what cannot be read ends the answer, since an answer without it would be another's.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from services.audit.checks.telling import UNREADABLE
from services.audit.events import Document
from services.audit.excerpts import Excerpt
from services.audit.findings import Place
from services.audit.folder import (
    MANIFEST,
    MAX_LINE,
    MAX_MANIFEST,
    ListedPart,
    Unusable,
    file_of,
    is_event_file,
    open_regular,
)

_BEGIN_OF_END: Final = b'"streamversion":'
_END: Final = re.compile(
    rb'"streamversion":([1-9][0-9]{0,15}),"subject":"([a-z]+/[A-Za-z0-9._/-]+)"'
    rb',"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z)","type":"([A-Za-z0-9.]+)"\}\n\Z'
)
_SAMPLE: Final = b'"sample":true'
_UNSOUND: Final = (*UNREADABLE, AttributeError, RecursionError, AssertionError)


class Damaged(Exception):
    """The folder cannot be read as an export; the message says where, and what to do first."""

    def __init__(self, folder: Path, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}; run paritrana audit verify {folder} first, which says what is damaged")


class Glimpse(NamedTuple):
    """A line by its end: what it is, and the whole of it to be read when it matters."""

    line: int
    version: int
    stream: str
    time: str
    name: str
    type: str
    raw: bytes


@dataclass(slots=True)
class Count:
    """How many of the lines that were read had been recorded by a moment, and which of them last."""

    until: bytes
    events: int = 0
    stream: bytes = b""
    version: int = 0
    time: bytes = b""
    type: str = ""
    place: Place | None = None
    id: str = ""

    def see(self, stream: bytes, version: int, time: bytes, type_: str, place: Place, raw: bytes) -> None:
        """Remember a line that is none the earlier by its time, when it is the last by stream and version too."""
        if (time, stream, version) > (self.time, self.stream, self.version):
            self.stream, self.version, self.time, self.type, self.place = stream, version, time, type_, place
            # An event's own id stands behind its data, which may have ids too.
            start = raw.rfind(b'"id":"') + 6
            self.id = raw[start : start + 36].decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Folder:
    """An exported folder, with what its manifest lists: the size of every file of events."""

    path: Path
    sizes: dict[str, int]
    part: Excerpt | None = None
    """Which part of the log it is, None of the whole."""

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Read the manifest's list. Raises Damaged."""
        try:
            with closing(open_regular(path, MANIFEST)) as source:
                manifest = orjson.loads(source.read(MAX_MANIFEST))
            listed = {str(one["path"]): int(one["bytes"]) for one in manifest["files"]}
            part = Excerpt(**ListedPart.model_validate(manifest["part"]).model_dump()) if "part" in manifest else None
        except Unusable as error:
            raise Damaged(path, MANIFEST, str(error)) from None
        except (*_UNSOUND, OSError):
            raise Damaged(path, MANIFEST, "it lists no files with their sizes") from None
        return cls(path, {name: size for name, size in sorted(listed.items()) if is_event_file(name)}, part)

    def files(self, kinds: Collection[str]) -> list[str]:
        """Return the files of these kinds of streams that the manifest lists, in the order of the kinds."""
        return [path for path in (file_of(f"{kind}/-") for kind in kinds) if path in self.sizes]

    def glimpses(
        self,
        path: str,
        counts: Sequence[Count] = (),
        passed: Collection[str] = (),
        lightly: Collection[str] = (),
        within: str = "",
    ) -> Iterator[Glimpse]:
        """Yield every line of a file by its end, in the order of stream and version. Raises Damaged.

        Args:
            path: the file.
            counts: count every line, those that are passed too.
            passed: types whose lines are not given.
            lightly: types whose lines are given when they are marked as samples only.
            within: how the streams begin whose lines are given.
        """
        begins = within.encode()
        names: dict[bytes, tuple[str, str, bool, bool]] = {}
        stream, text = b"", ""
        for number, raw, version, here, time, type_ in self._lines(path):
            known = names.get(type_)
            if known is None:
                name = self._named(type_.decode(), f"{path}:{number}")
                known = names[type_] = (name, type_.decode(), name in passed, name in lightly)
            for count in counts:
                if time <= count.until:
                    count.events += 1
                    if time >= count.time:
                        count.see(here, version, time, known[1], Place(path, number), raw)
            if known[2] or (known[3] and _SAMPLE not in raw) or not here.startswith(begins):
                continue
            if here != stream:
                stream, text = here, here.decode()  # one text for all events of a stream
            yield Glimpse(number, version, text, time.decode(), known[0], known[1], raw)

    def _lines(self, path: str) -> Iterator[tuple[int, bytes, int, bytes, bytes, bytes]]:
        """Yield number, bytes, version, stream, time and type of every line. Raises Damaged."""
        last, reached = b"", 0
        number = read = 0
        try:
            with closing(open_regular(self.path, path)) as source:
                while raw := source.readline(MAX_LINE + 1):
                    number, read = number + 1, read + len(raw)
                    # An event's own end stands behind its data, which may hold any text.
                    begin = raw.rfind(_BEGIN_OF_END)
                    end = _END.match(raw, begin) if begin >= 0 else None
                    if end is None:
                        raise Damaged(self.path, f"{path}:{number}", "the line does not end as an event does")
                    version, stream, time, type_ = end.groups()
                    here = int(version)
                    if stream < last or (stream == last and here <= reached):
                        raise Damaged(self.path, f"{path}:{number}", "it is not in the order of stream and version")
                    last, reached = stream, here
                    yield number, raw, here, stream, time, type_
        except Unusable as error:
            raise Damaged(self.path, path, str(error)) from None
        except OSError as error:
            raise Damaged(self.path, f"{path}:{number + 1}", f"it cannot be read: {error.strerror}") from None
        if read != self.sizes.get(path, read):
            raise Damaged(self.path, path, f"it has {read} bytes; the manifest says {self.sizes[path]}")

    def _named(self, type_: str, where: str) -> str:
        parts = type_.split(".")
        if len(parts) < 2:
            raise Damaged(self.path, where, f"{type_!r} is no type of an event")
        return parts[-2]

    def document(self, glimpse: Glimpse, path: str) -> Document:
        """Read a line as the newest version of its type says it. Raises Damaged."""
        where = f"{path}:{glimpse.line}"
        try:
            doc: dict[str, Any] = orjson.loads(glimpse.raw)
            named = (doc["subject"], doc["streamversion"], doc["time"], doc["type"])
            id_, cause, data = doc["id"], doc.get("causationid"), doc["data"]
        except (ValueError, LookupError, TypeError):
            raise Damaged(self.path, where, "the line is no event document") from None
        if named != (glimpse.stream, glimpse.version, glimpse.time, glimpse.type):
            raise Damaged(self.path, where, "the line does not say at its end what it is")
        if not (isinstance(id_, str) and isinstance(data, dict) and isinstance(doc.get("actor", ""), str)):
            raise Damaged(self.path, where, "the document has no `id`, no `data`, or no readable `actor`")
        document = Document(doc, b"", id_, glimpse.type, glimpse.stream, glimpse.version, glimpse.time, cause)
        return document.as_newest()

    @contextmanager
    def sound(self) -> Iterator[None]:
        """Turn what cannot be computed from what was read into Damaged; no event of a verified folder leads there.

        Millions of small values are made meanwhile and all are kept, so the collector of cycles only costs time.
        """
        collected = gc.isenabled()
        gc.disable()
        try:
            yield
        except _UNSOUND as error:
            what = f"what it holds cannot be followed ({type(error).__name__}: {error})"
            raise Damaged(self.path, "the folder", what) from None
        finally:
            if collected:
                gc.enable()


def place_of(path: str, glimpse: Glimpse) -> Place:
    """Return where a line stands."""
    return Place(path, glimpse.line, glimpse.stream, glimpse.version)
