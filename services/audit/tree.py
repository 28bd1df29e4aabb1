"""The log's tree in an exported folder, held to the checkpoint, to every tile, and to the events that lie beside it.

Entries are read bundle by bundle, in the log's order; from them the tree is grown anew, and each tile compared on the
way. A stream's entries name each other's hashes, so its last one stands for all: it is compared with where the stream
ends among the events. What lies beyond the checkpoint's size is found too, which a check of proofs alone would miss.

Sources: RFC 6962 section 2.1, C2SP tlog-tiles, tlog-checkpoint and signed-note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Final, NamedTuple

import orjson

from kernel.tlog.checkpoints import Checkpoint, Opened, opened
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import MAX_NOTE_BYTES, NotSigned, SignedNote, VerifierKey
from kernel.tlog.successions import SUCCESSION, Succession, following
from kernel.tlog.tiles import MAX_ENTRY, WIDTH, Bundle, Tile, bundles_of, read_bundle, tiles_of
from kernel.tlog.trees import GrowingTree
from services.audit.findings import Place
from services.audit.folder import CHECKPOINT, Unusable, open_regular
from services.audit.trust import Replaced

Fault = tuple[str, Place, str]
_LONGEST_KEY: Final = 1024
_LONGEST_BUNDLE: Final = WIDTH * (MAX_ENTRY + 2)


class Leaf(NamedTuple):
    """The last entry of a stream so far: its version, its leaf hash and its index."""

    version: int
    hash: bytes
    at: int
    """Its index in the log."""


@dataclass(slots=True)
class TreeCheck:
    """Reads one folder's tree and says what does not fit; `known` are earlier checkpoints, which it must continue."""

    folder: Path
    trusted: Sequence[VerifierKey] = ()
    """Keys that the auditor had from elsewhere; without any, those in the folder are taken and that is said."""
    known: Sequence[SignedNote] = ()
    leaves: dict[str, Leaf] = field(default_factory=dict)
    signatures: int = 0
    signers: tuple[str, ...] = ()
    """The verifier keys by which the checkpoint's signatures hold: the log's own and those of witnesses."""
    entries: int = 0
    checkpoint: Checkpoint | None = None
    replaced: Mapping[tuple[str, int], Replaced] = field(default_factory=dict)
    """By stream and version of the event that publishes a service's next key: which key the log then takes no more."""
    followed: int = 0
    """Keys of the log that follow another, by the folder's successions."""
    _retired: dict[tuple[str, str], str] = field(default_factory=dict)
    _latest: str = ""
    """The latest recorded time in the log since the first of these."""
    _faults: list[Fault] = field(default_factory=list)

    def run(self, keys: Sequence[str], listed: Sequence[str]) -> list[Fault]:
        """Check everything; `keys` and `listed` are the folder's paths of verifier keys, and all below `tile`."""
        found = self._opened(keys)
        if found is None:
            return self._faults
        self.checkpoint = found.checkpoint
        self.signatures = len(found.verified)
        self.signers = tuple(one.key.text for one in found.verified)
        self._check_extra(found.checkpoint.size, listed)
        self._check_tree(found.checkpoint, self._earlier(found.checkpoint))
        return self._faults

    # --- the checkpoint

    def _opened(self, paths: Sequence[str]) -> Opened | None:
        place = Place(CHECKPOINT)
        try:
            raw = read_whole(self.folder, CHECKPOINT, MAX_NOTE_BYTES)
            note = SignedNote.parse(raw)
            return opened(note, self._following(paths, self.trusted or tuple(self._keys(paths))))
        except (Unusable, Malformed, NotSigned, ValueError) as error:
            self._faults.append(("checkpoint", place, str(error)))
            return None

    def _following(self, paths: Sequence[str], known: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Return known keys, and those of the log that follow them by the folder's successions."""
        successions: list[Succession] = []
        for path in paths:
            if not path.endswith(SUCCESSION):
                continue
            try:
                successions.append(Succession.parse(read_whole(self.folder, path, MAX_NOTE_BYTES)))
            except (Unusable, Malformed, NotSigned) as error:
                self._faults.append(("succession", Place(path), str(error)))
        self.followed = len(successions)
        return (*known, *following(known, successions))

    def _keys(self, paths: Sequence[str]) -> Iterator[VerifierKey]:
        for path in paths:
            if path.endswith(SUCCESSION):
                continue
            try:
                key = VerifierKey.parse(read_whole(self.folder, path, _LONGEST_KEY).decode().removesuffix("\n"))
            except (Unusable, Malformed, UnicodeDecodeError) as error:
                self._faults.append(("checkpoint", Place(path), str(error)))
                continue
            yield key

    def _earlier(self, checkpoint: Checkpoint) -> dict[int, list[bytes]]:
        """Return the roots that earlier checkpoints say, by size, those that can be compared."""
        roots: dict[int, list[bytes]] = {}
        for note in self.known:
            try:
                earlier = Checkpoint.parse(note.text)
            except Malformed as error:
                self._faults.append(("checkpoint", Place(CHECKPOINT), f"the earlier checkpoint is none: {error}"))
                continue
            if earlier.origin != checkpoint.origin:
                what = f"the earlier checkpoint is of the log {earlier.origin!r}, this one of {checkpoint.origin!r}"
                self._faults.append(("checkpoint", Place(CHECKPOINT), what))
            elif earlier.size > checkpoint.size:
                what = (
                    f"the earlier checkpoint has {earlier.size} leaves, this one {checkpoint.size}: it was rolled back"
                )
                self._faults.append(("root", Place(CHECKPOINT), what))
            else:
                roots.setdefault(earlier.size, []).append(earlier.root)
        return roots

    # --- the tree

    def _check_extra(self, size: int, listed: Sequence[str]) -> None:
        expected = {tile.path for tile in tiles_of(size)} | {bundle.path for bundle in bundles_of(size)}
        for path in listed:
            if path not in expected:
                what = f"a log of {size} entries has no such file: it is an entry or a tile too many"
                self._faults.append(("entry", Place(path), what))

    def _check_tree(self, checkpoint: Checkpoint, earlier: Mapping[int, Sequence[bytes]]) -> None:
        tree = GrowingTree()
        self._compare_roots(tree, earlier)
        for bundle in bundles_of(checkpoint.size):
            hashes = self._hashes(bundle)
            if hashes is None:
                return
            for part in _cut(hashes, tree.size, earlier):
                for tile, raw in tree.append(part):
                    self._compare_tile(tile, raw)
                self._compare_roots(tree, earlier)
        for tile, raw in tree.partial():
            self._compare_tile(tile, raw)
        if tree.root != checkpoint.root:
            what = f"the entries' root is {tree.root.hex()}, the checkpoint's {checkpoint.root.hex()}"
            self._faults.append(("root", Place(CHECKPOINT), what))

    def _compare_roots(self, tree: GrowingTree, earlier: Mapping[int, Sequence[bytes]]) -> None:
        for root in earlier.get(tree.size, ()):
            if root != tree.root:
                what = f"the first {tree.size} entries are not those of the earlier checkpoint: two histories were told"
                self._faults.append(("root", Place(CHECKPOINT), what))

    def _hashes(self, bundle: Bundle) -> list[bytes] | None:
        """Return the leaf hashes of a bundle, having placed its entries in their streams."""
        try:
            entries = read_bundle(read_whole(self.folder, bundle.path, _LONGEST_BUNDLE), bundle)
        except (Unusable, Malformed) as error:
            what = f"{error}; the tree cannot be checked from here on"
            self._faults.append(("leaf", Place(bundle.path), what))
            return None
        hashes = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
        path = bundle.path
        for number, (entry, digest) in enumerate(zip(entries, hashes, strict=True)):
            self._place(path, bundle.number * WIDTH + number, entry, digest)
        self.entries += len(entries)
        return hashes

    def _place(self, path: str, index: int, entry: bytes, digest: bytes) -> None:
        """Hold an entry to the one before it in its stream."""
        place = Place(path, index % WIDTH + 1)
        try:
            envelope = orjson.loads(entry)
            stream, version, before = envelope["subject"], envelope["streamversion"], envelope.get("prevhash")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._faults.append(("leaf", place, f"entry {index} is no envelope of an event"))
            return
        if not isinstance(stream, str) or type(version) is not int:
            self._faults.append(("leaf", place, f"entry {index} names no event"))
            return
        if self.replaced:
            self._check_key(envelope, stream, version, place, index)
        last = self.leaves.get(stream)
        if version != (last.version + 1 if last else 1):
            what = f"entry {index} is {stream}@{version} where version {last.version + 1 if last else 1} belongs"
            self._faults.append(("leaf", place, what))
        elif before != (last.hash.hex() if last else None):
            what = f"entry {index} ({stream}@{version}) does not follow the entry before it in its stream"
            self._faults.append(("leaf", place, what))
        self.leaves[stream if last else intern(stream)] = Leaf(version, digest, index)

    def _check_key(self, envelope: Mapping[str, object], stream: str, version: int, place: Place, index: int) -> None:
        """Find what a replaced key signed when the log had long gone on, whatever its recorded time says."""
        source, key_id, time = (envelope.get(name) for name in ("source", "signaturekey", "time"))
        if isinstance(source, str) and isinstance(key_id, str):
            until = self._retired.get((source, key_id))
            if until is not None and self._latest > until:
                what = (
                    f"entry {index} ({stream}@{version}) is signed by {key_id} and came when the log was past {until}: "
                    "another key had long taken its place"
                )
                self._faults.append(("retired-key", place, what))
        if (one := self.replaced.get((stream, version))) is not None:
            self._retired[one.source, one.key_id] = one.until
        if self._retired and isinstance(time, str) and time > self._latest:
            self._latest = time

    def _compare_tile(self, tile: Tile, raw: bytes) -> None:
        try:
            held = read_whole(self.folder, tile.path, tile.length)
        except Unusable as error:
            self._faults.append(("tile", Place(tile.path), str(error)))
            return
        if held != raw:
            at = next((i for i in range(0, tile.length, 32) if held[i : i + 32] != raw[i : i + 32]), 0) // 32
            what = f"hash {at} of the tile is not that of the entries below it"
            self._faults.append(("tile", Place(tile.path), what))


def _cut(hashes: list[bytes], before: int, earlier: Mapping[int, object]) -> Iterator[list[bytes]]:
    """Yield hashes in parts that end where an earlier checkpoint does."""
    start = 0
    for size in sorted(size for size in earlier if before < size < before + len(hashes)):
        yield hashes[start : size - before]
        start = size - before
    yield hashes[start:]


def read_whole(folder: Path, path: str, most: int) -> bytes:
    """Return a file's bytes. Raises Unusable, also for one that is too long."""
    with closing(open_regular(folder, path)) as source:
        try:
            raw = source.read(most + 1)
        except OSError as error:
            raise Unusable(f"it cannot be read: {error.strerror}") from None
    if len(raw) > most:
        raise Unusable(f"it has more than {most} bytes")
    return raw
