"""Follows every event that an explanation cites to where it can be found again: on Kafka, and in the log's tree.

The leaf is proven: the proof is made from the folder's tiles for the very line that was cited, and verified against the
root of the folder's checkpoint before it is shown. Whether that checkpoint is the log's own is for `audit verify` and
for `audit proof check`, which know keys. Topic, partition and offset are told by the audit service and proven by
nothing; see `places`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from kernel.canonical import NotCanonical, canonical, envelope_of, parse_canonical
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed, to_base64
from kernel.tlog.notes import MAX_NOTE_BYTES, SignedNote
from kernel.tlog.proofs import Inclusion, LogProof
from kernel.tlog.tiles import MAX_ENTRY, WIDTH, Tile, bundles_of, read_bundle
from kernel.tlog.trees import NotProven, Proof, leaf_hash, prove_inclusion, verify_inclusion
from services.audit.folder import CHECKPOINT, EVENTS, Missing, Tally, Unusable, lines_of, open_regular
from services.audit.places import places_of
from services.audit.replay.reading import Damaged, Folder

_NAMED: Final = re.compile(rb'"streamversion":([1-9][0-9]{0,15}),"subject":"([a-z]+/[A-Za-z0-9._/-]+)"')
_LONGEST_BUNDLE: Final = WIDTH * (MAX_ENTRY + 2)
_LEAVES: Final = "leaves"
"""A part of the log has no entries of others: it says itself which leaves its events are, line by line."""

Point = tuple[str, int]


class Proven(NamedTuple):
    """A cited event as a leaf: its entry, and the proof that it is in the tree of the checkpoint."""

    event: str
    leaf: int
    proof: Proof
    entry: bytes


@dataclass(slots=True)
class Trail:
    """What was found of the cited events; without a checkpoint in the folder there are no proofs."""

    note: SignedNote | None = None
    checkpoint: Checkpoint | None = None
    proven: list[Proven] = field(default_factory=list)
    placed: int = 0
    """How many cited events have a place on Kafka."""

    def as_json(self) -> dict[str, Any] | None:
        """Return the checkpoint and every proof as JSON values; None without a checkpoint."""
        if self.note is None or self.checkpoint is None:
            return None
        at = self.checkpoint
        proofs = [{"event": one.event, **Inclusion(one.leaf, at.size, one.proof).json} for one in self.proven]
        told = {"origin": at.origin, "size": at.size, "root": to_base64(at.root)}
        return {**told, "checkpoint": self.note.raw.decode(), "proofs": proofs}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield a proof (C2SP tlog-proof) and an entry, by name, for every cited event."""
        if self.note is None:
            return
        for one in self.proven:
            yield f"leaf-{one.leaf}.tlog-proof", LogProof(one.leaf, one.proof, self.note).raw
            yield f"leaf-{one.leaf}.json", one.entry


def follow(folder: Folder, said: dict[str, Any]) -> Trail:
    """Add to every citation of an explanation where its event lies; return the proofs. Raises Damaged."""
    citations = list(_citations(said))
    points = {_point(one): one["found"] for one in citations}
    try:
        places = places_of(folder.path, points.keys())
    except Unusable as error:
        raise Damaged(folder.path, "the places of events", str(error)) from None
    trail = _proven(folder, points)
    leaves = {one.event: one.leaf for one in trail.proven}
    for one in citations:
        place = places.get(_point(one))
        trail.placed += place is not None
        one["partition"], one["offset"] = (None, None) if place is None else place
        one["leaf"] = leaves.get(one["event"])
    said["log"] = trail.as_json()
    return trail


def _citations(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "found" in value and "event" in value:
            yield value
        for one in value.values():
            yield from _citations(one)
    elif isinstance(value, list):
        for one in value:
            yield from _citations(one)


def _point(citation: Mapping[str, Any]) -> Point:
    stream, _, version = str(citation["event"]).rpartition("@")
    return stream, int(version)


# --- proofs ----------------------------------------------------------------------------------------------------------


def _proven(folder: Folder, points: Mapping[Point, str]) -> Trail:
    try:
        note = SignedNote.parse(_content(folder.path, CHECKPOINT, MAX_NOTE_BYTES))
        checkpoint = Checkpoint.parse(note.text)
    except Missing:
        return Trail()
    except (Unusable, Malformed) as error:
        raise Damaged(folder.path, CHECKPOINT, str(error)) from None
    entries = _entries(folder, points)
    indexes = _told(folder, points) or _found(folder, points, checkpoint.size)
    trail = Trail(note, checkpoint)
    tiles = _Tiles(folder.path)
    for point, index in sorted(indexes.items(), key=lambda one: one[1]):
        try:
            proof = prove_inclusion(index, checkpoint.size, tiles)
            verify_inclusion(leaf_hash(entries[point]), index, checkpoint.size, proof, checkpoint.root)
        except (Unusable, OSError, LookupError, NotProven, ValueError) as error:
            what = f"it cannot be shown to be leaf {index} of the log: {error}"
            raise Damaged(folder.path, points[point], what) from None
        trail.proven.append(Proven(f"{point[0]}@{point[1]}", index, proof, entries[point]))
    return trail


def _content(folder: Path, path: str, most: int) -> bytes:
    with closing(open_regular(folder, path)) as source:
        raw = source.read(most + 1)
    if len(raw) > most:
        raise Unusable(f"it has more than {most} bytes")
    return raw


class _Tiles:
    """Reads tiles of the folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[Tile, bytes] = {}

    def read(self, level: int, number: int, width: int) -> bytes:
        tile = Tile(level, number, width)
        if tile not in self._held:
            self._held[tile] = _content(self._folder, tile.path, tile.length)
        return self._held[tile]


def _entries(folder: Folder, points: Mapping[Point, str]) -> dict[Point, bytes]:
    """Return the envelope of each cited event, from the line that is cited. Raises Damaged."""
    wanted: dict[str, dict[int, Point]] = {}
    for point, found in points.items():
        path, _, number = found.rpartition(":")
        wanted.setdefault(path, {})[int(number)] = point
    entries: dict[Point, bytes] = {}
    for path, points_by_line in wanted.items():
        with closing(open_regular(folder.path, path)) as source:
            # With its size, so that no digest is taken of the whole file.
            for line in lines_of(source, Tally(), os.fstat(source.fileno()).st_size):
                if line.number not in points_by_line:
                    continue
                try:
                    document = parse_canonical(line.raw)
                    if hashlib.sha256(canonical(document["data"])).hexdigest() != document["datahash"]:
                        raise Damaged(folder.path, f"{path}:{line.number}", "its data is not what `datahash` says")
                    entries[points_by_line[line.number]] = envelope_of(document)
                except (NotCanonical, ValueError, LookupError, TypeError, RecursionError) as error:
                    raise Damaged(folder.path, f"{path}:{line.number}", str(error)) from None
    return entries


def _told(folder: Folder, points: Mapping[Point, str]) -> dict[Point, int]:
    """Return the leaves that a part of the log names; nothing where the folder is the whole of it."""
    found: dict[Point, int] = {}
    for path in sorted({one.rpartition(":")[0] for one in points.values()}):
        try:
            source = open_regular(folder.path, path.replace(EVENTS, _LEAVES, 1))
        except Unusable:
            continue
        with closing(source):
            for line in lines_of(source, Tally()):
                try:
                    said = orjson.loads(line.raw)
                    point, index = (said["stream"], said["version"]), said["index"]
                except (ValueError, LookupError, TypeError):
                    raise Damaged(folder.path, f"{_LEAVES}, line {line.number}", "it names no leaf") from None
                if point in points and type(index) is int:
                    found[point] = index
    return found


def _found(folder: Folder, points: Mapping[Point, str], size: int) -> dict[Point, int]:
    """Return which leaves some events are, by the entries themselves. Raises Damaged."""
    found: dict[Point, int] = {}
    for bundle in bundles_of(size):
        try:
            entries = read_bundle(_content(folder.path, bundle.path, _LONGEST_BUNDLE), bundle)
        except (Unusable, Malformed, OSError) as error:
            raise Damaged(folder.path, bundle.path, str(error)) from None
        for number, entry in enumerate(entries):
            named = _NAMED.search(entry)
            if named is not None:
                point = (named[2].decode(), int(named[1]))
                if point in points:
                    found.setdefault(point, bundle.number * WIDTH + number)
    return found
