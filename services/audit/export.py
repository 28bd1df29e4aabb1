"""Write the audit store's events, or a part of them, into a folder that can be verified with nothing else at hand.

Streams come whole, in the order of (stream, version), up to one position of the store's log, which does not move while
the export is made. Events of one decision reach the store in pieces, since each stream travels by itself; so an export
in which a cause or a cited event is still missing is made anew at a later position, until a time is up. A part of the
log (see `choosing`) has of the tree only what leads from its events to the root, and knows of what is withheld only how
much it is. The manifest is written last: a folder without one is an export that was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, Self

from kernel.canonical import canonical, instant
from kernel.tlog.notes import VerifierKey
from kernel.tlog.successions import SUCCESSION, Succession
from kernel.tlog.tiles import WIDTH, Tile
from schemas.scoring import FactsIngested
from schemas.service import ServiceKeyPublished
from services.audit.choosing import NoSuchPart, streams_of
from services.audit.decisions import cited
from services.audit.events import Document, Keys, Unusable, parse
from services.audit.excerpts import Excerpt
from services.audit.findings import MOST_KEPT
from services.audit.folder import (
    CHECKPOINT,
    EVENTS,
    FACTS,
    FORMAT,
    HEADS,
    KEYS,
    LEAVES,
    MANIFEST,
    PLACES,
    README,
    TILES,
    Tally,
    fact_file,
    file_of,
    is_key_file,
    is_tile,
    leaves_of,
    lines_of,
    open_regular,
)
from services.audit.notes import Causes, Notes, Spot, Uncaused
from services.audit.part_tree import tiles_between
from services.audit.places import PlaceWriter, Read

_KEY_PUBLISHED: Final = ServiceKeyPublished.type_name()
_FACTS_INGESTED: Final = FactsIngested.type_name()
_README: Final = Path(__file__).with_name("export-readme.md")
_PAUSE: Final = 0.5
_TOLD_BATCHES: Final = 1_000
_FILES: Final = (MANIFEST, HEADS, README, CHECKPOINT, PLACES)
_FOLDERS: Final = (EVENTS, FACTS, KEYS, LEAVES, TILES)
_NOTED: Final = 10_000
"""Events whose notes are kept in memory at most."""


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
    leaf: int | None = None
    """Which leaf of the log it is, where that is known."""
    read: Read | None = None
    """Where the audit service read it, where it did."""


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

    @property
    def size(self) -> int:
        """How many leaves it has."""
        ...

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Return every tile and bundle by its path."""
        ...

    def tile(self, tile: Tile) -> bytes:
        """Return one tile."""
        ...


class FactSource(Protocol):
    """Where the facts of other systems come from: the ledger's API."""

    def batch(self, stream: str, version: int) -> Sequence[str]:
        """Return the documents of a batch in the order of their offsets."""
        ...


class Source(Protocol):
    """Where the events come from: the audit service's API."""

    def status(self) -> StoreStatus:
        """Return the store's status now."""
        ...

    def events(self, until: str) -> Iterator[Exported]:
        """Return every event up to a position, in the order of (stream, version)."""
        ...

    def chosen(self, until: str, selections: Sequence[str], *, first: bool = False) -> Iterator[Exported]:
        """Return the events of chosen streams (see `selections`), or the first of each, in order, with their leaves."""
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
    withheld: int = 0
    """Entries of the log that the part does not hold; none of a whole export."""


def export(
    source: Source,
    folder: Path,
    say: Callable[[str], None],
    *,
    wait: float = 30.0,
    excerpt: Excerpt | None = None,
    ledger: Callable[[], FactSource] | None = None,
) -> Result:
    """Export everything in the store, or a part of it, into `folder`, which is empty or is made; say how far it is.

    Args:
        source: the store.
        folder: see `prepare_folder`.
        say: takes one line of progress.
        ledger: opens where the facts behind measured figures come from, once there are any; without it they are left
            out.
        wait: seconds to wait for events that others cite and that are still on their way.
        excerpt: the part; everything without.

    Raises:
        NotExported: the store holds what no export can hold.
        OSError: the folder cannot be written.
    """
    deadline = time.monotonic() + wait
    while True:
        status = source.status()
        of = f"{status.events} events" if excerpt is None else f"{excerpt.named} of the log"
        say(f"exporting {of} up to position {status.position}")
        result = _export_once(source, folder, status, say, excerpt, ledger)
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
        for name in _FOLDERS:
            if (folder / name).is_symlink():
                raise NotExported(f"{folder / name} is a symbolic link, which no export has: choose another folder")
        if strange := held - {*_FILES, *_FOLDERS}:
            raise NotExported(f"{folder} holds {min(strange)!r}, which no export has: choose another folder")
        _empty(folder)
    except OSError as error:
        raise NotExported(f"{folder} cannot be used: {error.strerror}") from None


def _empty(folder: Path) -> None:
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    lines = (path for name in (EVENTS, FACTS, LEAVES) for path in (folder / name).glob("*/*.jsonl"))
    for path in (*lines, *_keys_in(folder), *_tiles_in(folder)):
        path.unlink()
    for name in _FOLDERS:
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


def _export_once(
    source: Source,
    folder: Path,
    status: StoreStatus,
    say: Callable[[str], None],
    excerpt: Excerpt | None,
    ledger: Callable[[], FactSource] | None,
) -> Result:
    tree = source.tree(status.position)
    events = source.events(status.position) if excerpt is None else _part(source, status, tree, excerpt, say)
    of = f" of {status.events}" if excerpt is None else ""
    with _Writer(folder, excerpt) as writer:
        for event in events:
            writer.add(event)
            if writer.count % 10_000 == 0:
                say(f"{writer.count}{of} events")
        open_ends = tuple(writer.open_ends())
        if ledger is not None and writer.batches:
            say(f"exporting the facts of {len(writer.batches)} batches")
            facts = ledger()
            for number, point in enumerate(writer.batches, 1):
                writer.add_facts(point, facts.batch(*point))
                if number % _TOLD_BATCHES == 0:
                    say(f"{number} of {len(writer.batches)} batches")
        if tree is not None:
            say("exporting the log's tree")
            writer.add_tree(tree)
        digest = writer.finish(status.position)
        withheld = status.events - writer.count if excerpt else 0
        return Result(digest, writer.count, writer.streams, status.position, open_ends, withheld)


def _part(
    source: Source, status: StoreStatus, tree: Tree | None, excerpt: Excerpt, say: Callable[[str], None]
) -> Iterator[Exported]:
    """Return the events of a part. Raises NotExported."""
    if tree is None:
        raise NotExported(
            "no checkpoint was signed yet, so that a part could not be shown to be of the log: run the signer first"
        )

    def read(selections: Iterable[str], *, first: bool = False) -> Iterator[Document]:
        return map(_parsed, source.chosen(status.position, list(selections), first=first))

    try:
        streams = streams_of(excerpt, read)
    except NoSuchPart as error:
        raise NotExported(str(error)) from None
    say(f"{len(streams)} choices of streams belong to it")
    return source.chosen(status.position, streams)


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

    def __init__(self, folder: Path, excerpt: Excerpt | None) -> None:
        self._folder = folder
        self._excerpt = excerpt
        self._stack = ExitStack()
        self._causes = Causes()
        self._notes: tuple[int, Notes] = (0, Notes(0))
        self._paths: list[str] = []
        self._indexes: set[int] = set()
        """The tiles of level 0 that the events of a part lie in."""
        self._files: dict[str, _Open] = {}
        self._versions: dict[str, int] = {}
        self._cited: dict[tuple[str, int], str] = {}
        self._keys = Keys()
        self._places = PlaceWriter()
        self._last: Document | None = None
        self.count = 0
        self.batches: list[tuple[str, int]] = []
        """The events that tell of facts, in the order of their streams and versions."""

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
        self._write_places(self._places.take(event.stream, event.version, event.read))
        if self._excerpt is not None:
            self._add_leaf(event, path)
        self._last = found
        self._versions[event.stream] = event.version
        self.count += 1
        self._note(found, path)

    def _add_leaf(self, event: Exported, path: str) -> None:
        if event.leaf is None:
            raise NotExported("the audit service does not say which leaves events are: it is older than this program")
        line = {"index": event.leaf, "stream": event.stream, "version": event.version}
        self._file(leaves_of(path)).write(canonical(line))
        self._indexes.add(event.leaf // WIDTH)

    def add_tree(self, tree: Tree) -> None:
        """Write the checkpoint, the keys, and every tile; these are not listed: the checkpoint's root holds them."""
        for line in tree.note.removesuffix(b"\n").split(b"\n"):
            self._file(CHECKPOINT).write(line)
        for key in tree.keys:
            self._file(f"{KEYS}/{key.key_id.hex()}.vkey").write(key.text.encode())
        for one in tree.successions:
            for line in one.note.raw.removesuffix(b"\n").split(b"\n"):
                self._file(f"{KEYS}/{one.after.key_id.hex()}{SUCCESSION}").write(line)
        for path, raw in tree.files() if self._excerpt is None else self._tiles(tree):
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)

    def add_facts(self, point: tuple[str, int], documents: Sequence[str]) -> None:
        """Write the facts of the next batch.

        A ledger that was changed is exported as it is, and found by whoever verifies the folder.
        """
        file = self._file(fact_file(point[0]))
        for document in documents:
            file.write(document.encode())

    def _tiles(self, tree: Tree) -> Iterator[tuple[str, bytes]]:
        """Return the tiles that lead from the events of a part to the root."""
        for tile in tiles_between(self._indexes, tree.size):
            yield tile.path, tree.tile(tile)

    def _note(self, event: Document, path: str) -> None:
        if self._excerpt is None:
            self._note_cause(event, path)
        newest = event.as_newest()
        for point in cited(newest.type, newest.data):
            self._cited.setdefault(point, f"{event.stream}@{event.version}")
        if event.type == _FACTS_INGESTED and event.data.get("applied"):
            self.batches.append((event.stream, event.version))
        if event.type == _KEY_PUBLISHED:
            self._keys.take(event, event.stream.partition("/")[2])

    def _note_cause(self, event: Document, path: str) -> None:
        if not self._paths or self._paths[-1] != path:
            self._paths.append(path)
        taken, notes = self._notes
        if taken == _NOTED or notes.file != len(self._paths) - 1:
            self._causes.take(notes.written())
            taken, notes = 0, Notes(len(self._paths) - 1)
        notes.take(event.id, event.cause, event.time, self._file(path).tally.lines)
        self._notes = taken + 1, notes

    def open_ends(self) -> Iterator[str]:
        """Return, as sentences, the causes and cited events that are not among those written."""
        self._causes.take(self._notes[1].written())
        faults, _ = self._causes.faults(MOST_KEPT)
        for fault in faults:
            if isinstance(fault, Uncaused) and not fault.late:
                yield f"{self._named(fault.spot)} names the cause {fault.id}"
        for (stream, number), by in self._cited.items():
            held = self._versions.get(stream, 0)
            if held < number and (held or self._excerpt is None):
                yield f"{by} cites {stream}@{number}"

    def _named(self, spot: Spot) -> str:
        """Return which event was written at a line."""
        path = self._paths[spot.file]
        self._files[path].file.flush()
        with closing(open_regular(self._folder, path)) as source:
            raw = next(line.raw for line in lines_of(source, Tally()) if line.number == spot.line)
        event = parse(raw)
        return f"{event.stream}@{event.version}"

    def finish(self, position: str) -> str:
        """Write heads, README and at last the manifest; return the manifest's digest."""
        self._end_stream()
        self._write_places(self._places.end())
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
            **({} if self._excerpt is None else {"part": self._excerpt.as_json()}),
        }

    def _write_places(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            self._file(PLACES).write(line)

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
