"""How an exported folder is laid out, and how a folder that nobody trusts is read.

`manifest.json` (canonical JSON) lists every other file with its size and SHA-256; `heads.jsonl` says where each stream
ends; `events/<topic>/<kind of stream>.jsonl` holds the documents, one a line, in the order of (stream, version), so
that each line has exactly one place. `facts/<topic>/<partition>.jsonl` holds the facts of other systems, batch after
batch as `FactsIngested` tells of them. `checkpoint`, `tile/…` and `keys/*.vkey` are the log's tree as C2SP tlog-tiles
has it; the manifest does not list the tiles, since the checkpoint's root holds them. Where only a part of the log was
exported, the manifest names it, `tile/` has only what leads from its events to the root, and `leaves/…` says line by
line which leaves the events are. Names come from a pattern, never from what a file says; symbolic links and anything
but a regular file are refused; a line is read up to a bound.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.tlog.encodings import Malformed
from kernel.tlog.tiles import parse_path
from schemas.envelope import Hex64
from schemas.topics import topic_of

FORMAT: Final = "paritrana-audit-export/1"
MANIFEST: Final = "manifest.json"
HEADS: Final = "heads.jsonl"
README: Final = "README.md"
EVENTS: Final = "events"
FACTS: Final = "facts"
CHECKPOINT: Final = "checkpoint"
PLACES: Final = "places.jsonl"
KEYS: Final = "keys"
TILES: Final = "tile"
LEAVES: Final = "leaves"
MAX_LINE: Final = 8 << 20
"""Bytes of a line at most: twice what the broker takes as one message."""
MAX_MANIFEST: Final = 4 << 20
CUT: Final = "the line has no newline at its end: the file was cut"

_EVENT_FILE: Final = re.compile(r"events/[a-z0-9]+(\.[a-z0-9]+)*/[a-z]+\.jsonl")
_FACT_FILE: Final = re.compile(r"facts/([a-z0-9]+(?:\.[a-z0-9]+)*)/(0|[1-9][0-9]{0,5})\.jsonl")
_LEAF_FILE: Final = re.compile(_EVENT_FILE.pattern.replace(EVENTS, LEAVES, 1))
_KEY_FILE: Final = re.compile(r"keys/[0-9a-f]{8}\.(vkey|succession)")
_CHUNK: Final = 1 << 16


class Unusable(Exception):
    """A file of the folder that must not or cannot be read; the message says why."""


class Missing(Unusable):
    """A file that is not there."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ListedFile(_Strict):
    """One file as the manifest lists it."""

    path: Annotated[str, StringConstraints(max_length=255)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Hex64
    lines: Annotated[int, Field(ge=0)]


class ListedKey(_Strict):
    """A public key that a service published for signing events: base64 of the raw 32 bytes."""

    service: str
    key_id: str
    public_key: str


class ListedPart(_Strict):
    """A part of the log: a season, and of it perhaps only a province or a nomination."""

    season: Annotated[str, StringConstraints(max_length=64)]
    province: Annotated[str, StringConstraints(max_length=64)] | None = None
    nomination: Annotated[str, StringConstraints(max_length=64)] | None = None


class Manifest(_Strict):
    """What the folder holds. Its own SHA-256 is the digest that `export` prints."""

    format: Literal["paritrana-audit-export/1"]
    tool: str
    made: str
    position: str
    """Up to where was exported: `log:` and the size of the checkpoint, or a position of the audit store without one."""
    events: Annotated[int, Field(ge=0)]
    streams: Annotated[int, Field(ge=0)]
    keys: list[ListedKey]
    files: list[ListedFile]
    part: ListedPart | None = None
    """Which part of the log this is; absent of the whole."""


class HeadLine(_Strict):
    """One line of `heads.jsonl`: where a stream ends, with the leaf hash of its last event."""

    stream: str
    version: Annotated[int, Field(ge=1)]
    hash: Hex64


def file_of(stream: str) -> str:
    """Return the path of the file that holds `stream`; raise ValueError for a stream of no known kind."""
    return f"{EVENTS}/{topic_of(stream)}/{stream.partition('/')[0]}.jsonl"


def leaves_of(path: str) -> str:
    """Return the path of the file that says, line by line, which leaves of the log a file's events are."""
    return f"{LEAVES}{path.removeprefix(EVENTS)}"


def holds_export(folder: Path) -> bool:
    """Tell whether anything in the folder is an export's own, so that a missing manifest was taken away."""
    return not {MANIFEST, HEADS, EVENTS, CHECKPOINT, TILES}.isdisjoint(entry.name for entry in folder.iterdir())


def is_allowed(path: str) -> bool:
    """Tell whether a manifest may list this path."""
    kinds = (_EVENT_FILE, _LEAF_FILE, _FACT_FILE, _KEY_FILE)
    return path in (HEADS, README, CHECKPOINT, PLACES) or any(kind.fullmatch(path) for kind in kinds)


def is_tile(path: str) -> bool:
    """Tell whether a path is called as a tile or a bundle of entries is."""
    try:
        parse_path(path)
    except Malformed:
        return False
    return True


def is_key_file(path: str) -> bool:
    """Tell whether a path is that of a verifier key, or of a note by which one follows another."""
    return _KEY_FILE.fullmatch(path) is not None


def is_event_file(path: str) -> bool:
    """Tell whether a path is that of a file of events."""
    return _EVENT_FILE.fullmatch(path) is not None


def is_fact_file(path: str) -> bool:
    """Tell whether a path is that of a partition's facts."""
    return _FACT_FILE.fullmatch(path) is not None


def fact_file(stream: str) -> str:
    """Return the path of the facts whose batches a stream tells of: `ingest/<topic>/<partition>`."""
    _, topic, partition = stream.split("/")
    return f"{FACTS}/{topic}/{partition}.jsonl"


def ingest_stream_of(path: str) -> str:
    """Return the stream that tells of a file's batches; raise ValueError for a file that holds no facts."""
    found = _FACT_FILE.fullmatch(path)
    if found is None:
        raise ValueError(f"{path} is no file of facts")
    return f"ingest/{found[1]}/{found[2]}"


def open_regular(folder: Path, path: str) -> BinaryIO:
    """Open a regular file below `folder`, following no symbolic link on the way. Raises Unusable."""
    *parents, name = path.split("/")
    here = _opened(folder, None, os.O_DIRECTORY, path)
    try:
        for parent in parents:
            below = _opened(parent, here, os.O_DIRECTORY | os.O_NOFOLLOW, path)
            os.close(here)
            here = below
        # Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
        found = _opened(name, here, os.O_NOFOLLOW | os.O_NONBLOCK, path)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise Unusable("it is not a regular file")
    return os.fdopen(found, "rb", buffering=1 << 20)


def _opened(name: str | Path, within: int | None, flags: int, path: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=within)
    except FileNotFoundError:
        raise Missing("it is missing") from None
    except OSError as error:
        linked = "it is, or lies behind, a symbolic link or is no file"
        raise Unusable(linked if error.errno in _LINKED else f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise Unusable(f"{path!r} is no name of a file") from None


_LINKED: Final = frozenset({40, 20, 62})
"""ELOOP (Linux 40, macOS 62) and ENOTDIR."""


def paths_below(folder: Path) -> Iterator[str]:
    """Return the path of everything in the folder but directories that hold something, links included, in order."""
    for base, directories, names in os.walk(folder):
        directories.sort()
        relative = Path(base).relative_to(folder)
        links = [name for name in directories if (Path(base) / name).is_symlink()]
        for name in sorted([*names, *links]):
            yield (relative / name).as_posix()
        if not (directories or names) and relative.parts:
            yield relative.as_posix()


@dataclass(slots=True)
class Tally:
    """What was read of a file: bytes, lines, and the digest over all of it."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    lines: int = 0

    def take(self, raw: bytes) -> None:
        """Count what was read."""
        self.digest.update(raw)
        self.size += len(raw)


class Line(NamedTuple):
    """One line without its newline; `fault` says why its content cannot be used."""

    number: int
    raw: bytes
    fault: str | None = None


def chunks_of(source: BinaryIO, tally: Tally) -> Iterator[bytes]:
    """Read a file whose lines need not be looked at, and count all of it in `tally` as `lines_of` does."""
    chunk = b"\n"
    while following := source.read(_CHUNK):
        chunk = following
        tally.take(chunk)
        tally.lines += chunk.count(b"\n")
        yield chunk
    tally.lines += not chunk.endswith(b"\n")


def lines_of(source: BinaryIO, tally: Tally, size: int | None = None) -> Iterator[Line]:
    """Read a file line by line, at most `MAX_LINE` bytes of each in memory, and count all of it in `tally`.

    With `size`, only so many bytes are read, and their digest is not taken.
    """
    digest, left = tally.digest if size is None else None, MAX_LINE + 1 if size is None else size
    while chunk := source.readline(min(MAX_LINE + 1, left)):
        _count(chunk, tally, digest)
        left -= len(chunk) if size is not None else 0
        tally.lines += 1
        if chunk.endswith(b"\n"):
            yield Line(tally.lines, chunk[:-1])
        elif len(chunk) <= MAX_LINE:
            yield Line(tally.lines, chunk, CUT)
        else:
            while (rest := source.readline(min(_CHUNK, left))) and not rest.endswith(b"\n"):
                _count(rest, tally, digest)
                left -= len(rest) if size is not None else 0
            _count(rest, tally, digest)
            left -= len(rest) if size is not None else 0
            yield Line(tally.lines, b"", f"the line is longer than {MAX_LINE} bytes")


def _count(chunk: bytes, tally: Tally, digest: hashlib._Hash | None) -> None:
    tally.size += len(chunk)
    if digest is not None:
        digest.update(chunk)
