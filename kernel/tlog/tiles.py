"""Tiles: a log's tree and entries as files that never change once they are full (C2SP tlog-tiles).

A tile of level 0 has up to 256 leaf hashes side by side; one of level L up to 256 roots of full tiles of level L-1.
An entry bundle has the entries of a tile of level 0. Of a tree of size s level L has ⌊s / 256ᴸ⌋ hashes: all but the
last tile are full, and the last has what remains, unless nothing does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kernel.tlog.encodings import HASH_BYTES, MAX_NUMBER, Malformed, shown

WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle."""
MAX_ENTRY: Final = 65_535
"""Bytes of an entry at most: its length is written in 16 bits."""
MAX_LEVEL: Final = 63

_LENGTH_BYTES: Final = 2
_PATH: Final = re.compile(
    r"tile/(?:(?P<level>0|[1-9][0-9]?)|entries)"
    r"/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class Tile(NamedTuple):
    """A tile by its place; narrower than 256 it is partial."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The tile's path below the log's prefix."""
        return f"tile/{self.level}/{_number(self.number)}{_partial(self.width)}"

    @property
    def length(self) -> int:
        """The tile's bytes."""
        return self.width * HASH_BYTES


class Bundle(NamedTuple):
    """An entry bundle by its place; narrower than 256 it is partial."""

    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The bundle's path below the log's prefix."""
        return f"tile/entries/{_number(self.number)}{_partial(self.width)}"


def parse_path(path: str) -> Tile | Bundle:
    """Read the path of a tile or of an entry bundle. Raises Malformed; a place has one path and no second."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed(
            f"{shown(path)} is not tile/<level>/<number>, tile/entries/<number>, or one of them with .p/<w>"
        )
    number = int(found["number"].replace("x", "").replace("/", ""))
    width = int(found["width"] or WIDTH)
    place = Bundle(number, width) if found["level"] is None else Tile(int(found["level"]), number, width)
    level = place.level if isinstance(place, Tile) else 0
    if place.path != path or level > MAX_LEVEL or width > WIDTH or number > MAX_NUMBER:
        raise Malformed(f"{shown(path)} is not how a tile is called: levels to 63, widths to 255, no group too many")
    return place


def _number(number: int) -> str:
    digits = str(number)
    groups = [digits[max(0, end - 3) : end].zfill(3) for end in range(len(digits), 0, -3)]
    return "/".join([*(f"x{group}" for group in groups[:0:-1]), groups[0]])


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


# --- which tiles a tree has ----------------------------------------------------------------------------------------


def hashes_at(size: int, level: int) -> int:
    """Return how many hashes a tree of `size` has at a level of tiles."""
    return size >> 8 * level


def partial_width(size: int, level: int) -> int:
    """Return the width of the partial tile of a level, 0 when there is none."""
    return hashes_at(size, level) % WIDTH


def tile_width(size: int, level: int, number: int) -> int:
    """Return how wide a tile is in a tree of `size`: 256 when full, 0 when the tree does not have it."""
    return max(0, min(WIDTH, hashes_at(size, level) - number * WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Return the tiles of a tree of `size`, from the leaves up and from the left."""
    return tiles_changed(0, size)


def tiles_changed(old: int, new: int) -> Iterator[Tile]:
    """Return the tiles that a tree of `new` leaves has and the one of the first `old` leaves did not have.

    A partial tile that grew is among them, by its new width.
    """
    level = 0
    while hashes_at(new, level):
        yield from (Tile(level, *place) for place in _changed(hashes_at(old, level), hashes_at(new, level)))
        level += 1


def bundles_of(size: int) -> Iterator[Bundle]:
    """Return the entry bundles of a tree of `size`, from the left."""
    return bundles_changed(0, size)


def bundles_changed(old: int, new: int) -> Iterator[Bundle]:
    """Return the entry bundles that a tree of `new` leaves has and the one of the first `old` leaves did not have."""
    return (Bundle(*place) for place in _changed(old, new))


def _changed(old: int, new: int) -> Iterator[tuple[int, int]]:
    if old < new:
        for first in range(old - old % WIDTH, new, WIDTH):
            yield first // WIDTH, min(WIDTH, new - first)


# --- what is in them -----------------------------------------------------------------------------------------------


def write_tile(hashes: Iterable[bytes]) -> bytes:
    """Return a tile of hashes."""
    return b"".join(hashes)


def read_tile(raw: bytes, tile: Tile) -> list[bytes]:
    """Return a tile's hashes. Raises Malformed unless it has just as many as its place says."""
    if len(raw) != tile.length:
        raise Malformed(f"{tile.path} has {len(raw)} bytes; {tile.width} hashes have {tile.length}")
    return [raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES)]


def write_bundle(entries: Iterable[bytes]) -> bytes:
    """Return an entry bundle. Raises ValueError for an entry that is too long."""
    parts: list[bytes] = []
    for index, entry in enumerate(entries):
        if len(entry) > MAX_ENTRY:
            raise ValueError(f"entry {index} of the bundle has {len(entry)} bytes; at most {MAX_ENTRY} are possible")
        parts += (len(entry).to_bytes(_LENGTH_BYTES), entry)
    return b"".join(parts)


def read_bundle(raw: bytes, bundle: Bundle) -> list[bytes]:
    """Return a bundle's entries. Raises Malformed unless it has just as many as its place says, and nothing else."""
    entries: list[bytes] = []
    at, end = 0, len(raw)
    for index in range(bundle.width):
        start = at + _LENGTH_BYTES
        if start > end:
            raise Malformed(
                f"{bundle.path} ends at byte {end}, before entry {index} of {bundle.width}"
                if at == end
                else f"{bundle.path} ends at byte {end}, within the length of entry {index}"
            )
        length = raw[at] << 8 | raw[at + 1]
        at = start + length
        if at > end:
            raise Malformed(
                f"{bundle.path} ends at byte {end}, within entry {index}, which has {length} bytes from byte {start} on"
            )
        entries.append(raw[start:at])
    if at != end:
        raise Malformed(f"{bundle.path} has {end - at} bytes after its {bundle.width} entries, from byte {at} on")
    return entries
