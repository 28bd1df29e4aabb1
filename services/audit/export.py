"""Write the audit store's events into a folder that can be verified with nothing else at hand.

Streams come whole, in the order of (stream, version), up to one position of the store's log, which does not move while
the export is made. Events of one decision reach the store in pieces, since each stream travels by itself; so an export
in which a cause or a cited event is still missing is made anew at a later position, until a time is up. The manifest
is written last: a folder without one is an export that was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, Self

from kernel.canonical import canonical, instant
from kernel.tlog.notes import VerifierKey
from kernel.tlog.successions import SUCCESSION, Succession
from schemas.service import ServiceKeyPublished
from services.audit.causes import Causes, Uncaused
from services.audit.decisions import cited
from services.audit.events import Document, Keys, Unusable, parse
from services.audit.findings import Place
from services.audit.folder import (
    CHECKPOINT,
    EVENTS,
    FORMAT,
    HEADS,
    KEYS,
    MANIFEST,
    README,
    TILES,
    Tally,
    file_of,
    is_key_file,
    is_tile,
)

_KEY_PUBLISHED: Final = ServiceKeyPublished.type_name()
_README: Final = Path(__file__).with_name("export-readme.md")
_PAUSE: Final = 0.5


class NotExported(Exception):
    """The export cannot be made; the message says why and what to do."""


class StoreStatus(NamedTuple):
    """Where the audit store is: the end of its log as an opaque position, and how many events it holds."""

    position: str
    events: int


class Exported(NamedTuple):
    """One event as the store gives it."""

    stream: str
    version: int
    document: str


class Tree(Protocol):
    """The log's tree under one checkpoint, as C2SP tlog-tiles has it."""

    @property
    def note(self) -> bytes:
        """The signed checkpoint."""
        ...

    @property
    def keys(self) -> Sequence[VerifierKey]:
        """The keys of the log and of its witnesses."""
        ...

    @property
    def successions(self) -> Sequence[Succession]:
        """How the log's key was changed."""
        ...

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Return every tile and bundle by its path."""
        ...


class Source(Protocol):
    """Where the events come from: the audit service's API."""

    def status(self) -> StoreStatus:
        """Return the store's status now."""
        ...

    def events(self, until: str) -> Iterator[Exported]:
        """Return every event up to a position, in the order of (stream, version)."""
        ...

    def tree(self, until: str) -> Tree | None:
        """Return the log's tree at a position; None where no checkpoint was signed."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What was written. `open_ends` are causes and citations that the store does not have."""

    digest: str
    events: int
    streams: int
    position: str
    open_ends: tuple[str, ...]


def export(source: Source, folder: Path, say: Callable[[str], None], *, wait: float = 30.0) -> Result:
    """Export everything in the store into `folder`, which is empty or is made; say how far it is.

    Args:
        source: the store.
        folder: see `prepare_folder`.
        say: takes one line of progress.
        wait: seconds to wait for events that others cite and that are still on their way.

    Raises:
        NotExported: the store holds what no export can hold.
        OSError: the folder cannot be written.
    """
    deadline = time.monotonic() + wait
    while True:
        status = source.status()
        say(f"exporting {status.events} events up to position {status.position}")
        result = _export_once(source, folder, status, say)
        if not result.open_ends or time.monotonic() >= deadline:
            return result
        say(f"{len(result.open_ends)} cited events are still on their way: waiting for them")
        while source.status().position == status.position and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        _empty(folder)


def prepare_folder(folder: Path, *, replace: bool) -> None:
    """Make `folder`, or see that it is empty; with `replace` remove an earlier export (and nothing else) from it.

    A folder that is made here is its owner's alone, since every mark of every member lies in it. Raises NotExported.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = {entry.name for entry in folder.iterdir()}
        if not held:
            return
        if not replace:
            raise NotExported(f"{folder} is not empty: choose another folder, or --force to replace an export there")
        for name in (EVENTS, KEYS, TILES):
            if (folder / name).is_symlink():
                raise NotExported(f"{folder / name} is a symbolic link, which no export has: choose another folder")
        if strange := held - {MANIFEST, HEADS, README, EVENTS, CHECKPOINT, KEYS, TILES}:
            raise NotExported(f"{folder} holds {min(strange)!r}, which no export has: choose another folder")
        _empty(folder)
    except OSError as error:
        raise NotExported(f"{folder} cannot be used: {error.strerror}") from None


def _empty(folder: Path) -> None:
    for name in (MANIFEST, HEADS, README, CHECKPOINT):
        (folder / name).unlink(missing_ok=True)
    for path in (*(folder / EVENTS).glob("*/*.jsonl"), *_keys_in(folder), *_tiles_in(folder)):
        path.unlink()
    for name in (EVENTS, KEYS, TILES):
        for base, _, _ in os.walk(folder / name, topdown=False):
            Path(base).rmdir()


def _keys_in(folder: Path) -> Iterator[Path]:
    """Return the files below `keys` that are called as an export's are."""
    return (path for path in (folder / KEYS).glob("*") if is_key_file(f"{KEYS}/{path.name}"))


def _tiles_in(folder: Path) -> Iterator[Path]:
    """Return the files below `tile` that are called as tiles are; any other keeps its folder from being removed."""
    for path in (folder / TILES).rglob("*"):
        if path.is_file() and not path.is_symlink() and is_tile(path.relative_to(folder).as_posix()):
            yield path


def _export_once(source: Source, folder: Path, status: StoreStatus, say: Callable[[str], None]) -> Result:
    with _Writer(folder) as writer:
        for event in source.events(status.position):
            writer.add(event)
            if writer.count % 10_000 == 0:
                say(f"{writer.count} of {status.events} events")
        open_ends = tuple(writer.open_ends())
        if (tree := source.tree(status.position)) is not None:
            say("exporting the log's tree")
            writer.add_tree(tree)
        digest = writer.finish(status.position)
        return Result(digest, writer.count, writer.streams, status.position, open_ends)


@dataclass(slots=True)
class _Open:
    file: BinaryIO
    tally: Tally = field(default_factory=Tally)

    def write(self, line: bytes) -> None:
        line += b"\n"
        self.file.write(line)
        self.tally.take(line)
        self.tally.lines += 1


class _Writer:
    """Writes events into their files and says at the end what they were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._causes = Causes()
        self._files: dict[str, _Open] = {}
        self._versions: dict[str, int] = {}
        self._cited: dict[tuple[str, int], str] = {}
        self._keys = Keys()
        self._last: Document | None = None
        self.count = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self._causes)
        self._file(HEADS)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def streams(self) -> int:
        return len(self._versions)

    def add(self, event: Exported) -> None:
        """Write one event; the store gives them in the order of (stream, version)."""
        found = _parsed(event)
        if self._last is not None and self._last.stream != event.stream:
            self._end_stream()
        path = _path(event)
        self._file(path).write(event.document.encode())
        self._last = found
        self._versions[event.stream] = event.version
        self.count += 1
        self._note(found, Place(path, self.count, event.stream, event.version))

    def add_tree(self, tree: Tree) -> None:
        """Write the checkpoint, the keys, and every tile; these are not listed: the checkpoint's root holds them."""
        for line in tree.note.removesuffix(b"\n").split(b"\n"):
            self._file(CHECKPOINT).write(line)
        for key in tree.keys:
            self._file(f"{KEYS}/{key.key_id.hex()}.vkey").write(key.text.encode())
        for one in tree.successions:
            for line in one.note.raw.removesuffix(b"\n").split(b"\n"):
                self._file(f"{KEYS}/{one.after.key_id.hex()}{SUCCESSION}").write(line)
        for path, raw in tree.files():
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)

    def _note(self, event: Document, place: Place) -> None:
        self._causes.take(event.id, event.cause, event.time, place)
        newest = event.as_newest()
        for point in cited(newest.type, newest.data):
            self._cited.setdefault(point, f"{event.stream}@{event.version}")
        if event.type == _KEY_PUBLISHED:
            self._keys.take(event, event.stream.partition("/")[2])

    def open_ends(self) -> Iterator[str]:
        """Return, as sentences, the causes and cited events that are not among those written."""
        for fault in self._causes.faults():
            if isinstance(fault, Uncaused) and not fault.late:
                yield f"{fault.place.stream}@{fault.place.version} names the cause {fault.cause}"
        for (stream, number), by in self._cited.items():
            if self._versions.get(stream, 0) < number:
                yield f"{by} cites {stream}@{number}"

    def finish(self, position: str) -> str:
        """Write heads, README and at last the manifest; return the manifest's digest."""
        self._end_stream()
        for line in _README.read_bytes().splitlines():
            self._file(README).write(line)
        for open_file in self._files.values():
            open_file.file.flush()
        manifest = canonical(self._manifest(position)) + b"\n"
        (self._folder / MANIFEST).write_bytes(manifest)
        return hashlib.sha256(manifest).hexdigest()

    def _manifest(self, position: str) -> dict[str, Any]:
        listed = [
            {
                "path": path,
                "bytes": file.tally.size,
                "sha256": file.tally.digest.hexdigest(),
                "lines": file.tally.lines,
            }
            for path, file in sorted(self._files.items())
        ]
        return {
            "format": FORMAT,
            "tool": f"paritrana {_own_version()}",
            "made": instant(datetime.now(UTC)),
            "position": position,
            "events": self.count,
            "streams": self.streams,
            "keys": self._keys.listed(),
            "files": listed,
        }

    def _end_stream(self) -> None:
        if self._last is not None:
            end = self._last
            self._file(HEADS).write(canonical({"stream": end.stream, "version": end.version, "hash": end.hash.hex()}))

    def _file(self, path: str) -> _Open:
        found = self._files.get(path)
        if found is None:
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            found = self._files[path] = _Open(self._stack.enter_context(target.open("xb", buffering=1 << 18)))
        return found


def _path(event: Exported) -> str:
    try:
        return file_of(event.stream)
    except ValueError:
        raise NotExported(
            f"the store holds a stream of no known kind, {event.stream!r}: export it with a newer version"
        ) from None


def _parsed(event: Exported) -> Document:
    try:
        found = parse(event.document.encode())
    except (Unusable, UnicodeEncodeError) as error:
        raise NotExported(f"the store's row {event.stream}@{event.version} is no event: {error}") from None
    if (found.stream, found.version) != (event.stream, event.version):
        raise NotExported(f"the store's row {event.stream}@{event.version} holds {found.stream}@{found.version}")
    return found


def _own_version() -> str:
    try:
        return version("paritrana")
    except PackageNotFoundError:
        return "unreleased"
