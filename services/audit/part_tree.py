"""The tree of a part of the log: every event held to the leaf that it is said to be, and every tile to the root.

A part has the tiles that lead from its events to the root, and none of what is withheld but hashes. Each full tile is
held to its hash in the tile above it, and what is not full to the checkpoint's root; so an event whose leaf hash stands
at its index in a tile of level 0 is in the log, and an inclusion proof can be made from the same tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Final

from kernel.canonical import NotCanonical, parse_canonical
from kernel.merkle import root_of
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import HASH_BYTES
from kernel.tlog.tiles import WIDTH, Tile, hashes_at, parse_path, tile_width
from kernel.tlog.trees import root_from, root_tiles
from services.audit.events import Unusable as UnusableEvent
from services.audit.events import parse
from services.audit.findings import Place
from services.audit.folder import CHECKPOINT, Line, Tally, Unusable, leaves_of, lines_of, open_regular
from services.audit.tree import Fault, TreeCheck, read_whole

_HELD: Final = 4096
"""Tiles that are kept at hand: 32 MB."""


def tiles_between(numbers: Iterable[int], size: int) -> list[Tile]:
    """Return the tiles that lead from tiles of level 0, by their numbers, to the root of a tree of `size`."""
    found: set[Tile] = set(root_tiles(size))
    level, here = 0, set(numbers)
    while here:
        found |= {Tile(level, number, tile_width(size, level, number)) for number in here}
        level += 1
        here = {number // WIDTH for number in here if number < hashes_at(size, level)}
    return sorted(found)


class PartTree(TreeCheck):
    """Reads the tree of a part; `compared` tells of earlier checkpoints with which a part cannot be compared."""

    uncompared: int = 0

    def run_part(self, keys: Sequence[str], listed: Sequence[str], files: Sequence[str]) -> list[Fault]:
        """Check everything; `files` are the folder's paths of events, the others as `run` takes them."""
        found = self._opened(keys)
        if found is None:
            return self._faults
        self.checkpoint = checkpoint = found.checkpoint
        self.signatures = len(found.verified)
        for size, roots in self._earlier(checkpoint).items():
            if size != checkpoint.size:
                self.uncompared += 1
            elif set(roots) != {checkpoint.root}:
                what = "an earlier checkpoint of the same size has another root: two histories were told"
                self._faults.append(("root", Place(CHECKPOINT), what))
        self._check_tiles(checkpoint, set(self._named(checkpoint.size, listed)))
        reader = _Leaves(self.folder, checkpoint.size)
        for path in files:
            self._faults += self._file_faults(reader, path)
        return self._faults

    # --- tiles

    def _named(self, size: int, listed: Sequence[str]) -> Iterator[Tile]:
        """Return the tiles that are here; anything else, and a tile that the log does not have, is one too many."""
        for path in listed:
            place = parse_path(path)
            if isinstance(place, Tile) and place.width == tile_width(size, place.level, place.number):
                yield place
            else:
                what = f"a part of a log of {size} entries has no such file: it is an entry or a tile too many"
                self._faults.append(("entry", Place(path), what))

    def _check_tiles(self, checkpoint: Checkpoint, held: Collection[Tile]) -> None:
        """Hold every tile to the one above it, and what is not full to the root."""
        size = checkpoint.size
        for tile in sorted(held):
            if tile.width == WIDTH:
                self._faults += self._tile_faults(tile, size, held)
        try:
            root = root_from(size, _Tiles(self.folder))
        except _NoTile as error:
            self._faults.append(("tile", Place(error.path), f"{error}; the root cannot be made without it"))
            return
        if root != checkpoint.root:
            edge = [tile.path for tile in root_tiles(size)]
            what = f"the root made of {', '.join(edge)} is {root.hex()}, the checkpoint's {checkpoint.root.hex()}"
            self._faults.append(("root", Place(edge[0] if len(edge) == 1 else CHECKPOINT), what))

    def _tile_faults(self, tile: Tile, size: int, held: Collection[Tile]) -> Iterator[Fault]:
        above = Tile(tile.level + 1, number := tile.number // WIDTH, tile_width(size, tile.level + 1, number))
        if above not in held:
            yield "tile", Place(above.path), f"it is missing; {tile.path} cannot be held to the root without it"
            return
        tiles, at = _Tiles(self.folder), tile.number % WIDTH
        try:
            hashes, upper = tiles.read(*tile), tiles.read(*above)
        except _NoTile as error:
            yield "tile", Place(error.path), str(error)
            return
        if root_of(_split(hashes)) != upper[at * HASH_BYTES : (at + 1) * HASH_BYTES]:
            yield "tile", Place(tile.path), f"its root is not hash {at} of {above.path}: one of the two was changed"

    # --- leaves

    def _file_faults(self, reader: _Leaves, path: str) -> Iterator[Fault]:
        """Hold the events of a file, line by line, to the leaves that they are said to be."""
        said = leaves_of(path)
        try:
            events, leaves = open_regular(self.folder, path), open_regular(self.folder, said)
        except Unusable as error:
            yield "leaf", Place(said), f"which leaves the events of {path} are cannot be read: {error}"
            return
        last: tuple[str, int] = ("", -1)
        with closing(events), closing(leaves):
            told = lines_of(leaves, Tally())
            for line in lines_of(events, Tally()):
                leaf = next(told, None)
                try:
                    event = parse(b"" if line.fault else line.raw)
                except UnusableEvent:
                    continue  # told where events are read
                place = Place(path, line.number, event.stream, event.version)
                if leaf is None:
                    yield "leaf", place, f"{said} does not say which leaf of the log it is"
                    continue
                try:
                    index = _index(leaf, event.stream, event.version)
                    if event.stream == last[0] and index <= last[1]:
                        raise Unusable(f"it is said to be leaf {index}, before the event before it in its stream")
                    found = reader.hash_of(index)
                except Unusable as error:
                    yield "leaf", place, str(error)
                    continue
                last = (event.stream, index)
                self.entries += 1
                if found != event.hash:
                    yield "leaf", place, f"its envelope is not leaf {index} of the log: it, or {said}, was changed"
            for rest in told:
                yield "leaf", Place(said, rest.number), f"{path} has no such line: an event was taken away"


def _index(line: Line, stream: str, version: int) -> int:
    """Return which leaf a line says that an event is. Raises Unusable."""
    try:
        said = parse_canonical(b"" if line.fault else line.raw)
    except (NotCanonical, RecursionError, TypeError):
        said = None
    index = said.get("index") if isinstance(said, dict) else None
    if type(index) is not int or said != {"index": index, "stream": stream, "version": version}:
        raise Unusable(f"line {line.number} of its file of leaves does not say which leaf it is")
    return index


class _NoTile(Unusable):
    """A tile that cannot be read."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


class _Tiles:
    """Reads tiles of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, level: int, number: int, width: int) -> bytes:
        """Return a tile's hashes. Raises _NoTile."""
        tile = Tile(level, number, width)
        try:
            raw = read_whole(self._folder, tile.path, tile.length)
        except Unusable as error:
            raise _NoTile(tile.path, str(error)) from None
        if len(raw) != tile.length:
            raise _NoTile(tile.path, f"it has {len(raw)} bytes; {width} hashes have {tile.length}")
        return raw


class _Leaves:
    """Reads leaf hashes; the tiles that were read last are kept."""

    def __init__(self, folder: Path, size: int) -> None:
        self._size = size
        self._read = lru_cache(_HELD)(_Tiles(folder).read)

    def hash_of(self, index: int) -> bytes:
        """Return the hash of a leaf. Raises Unusable."""
        if not 0 <= index < self._size:
            raise Unusable(f"it is said to be leaf {index}; the checkpoint has {self._size}")
        number = index // WIDTH
        hashes = self._read(0, number, tile_width(self._size, 0, number))
        at = index % WIDTH * HASH_BYTES
        return hashes[at : at + HASH_BYTES]


def _split(raw: bytes) -> list[bytes]:
    return [raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES)]
