"""The tree of RFC 6962 over a log: growing it into tiles, and proofs that are made from tiles and verified.

A proof is a tuple of hashes: of inclusion (RFC 6962, 2.1.1) the leaf's sibling comes first and the root's child last;
of consistency as in 2.1.2. They are verified by the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2, whose variables (fn,
sn, fr, sr) are kept. Leaves are leaf hashes here, SHA-256 of 0x00 and the entry.

Proofs are made from a `HashReader`. Who has to fetch tiles first, or without blocking, asks `inclusion_tiles` or
`consistency_tiles` for those that a proof is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, Self

from kernel.merkle import EMPTY_ROOT, root_of
from kernel.tlog.encodings import HASH_BYTES
from kernel.tlog.tiles import WIDTH, Tile, hashes_at, partial_width, read_tile, tile_width, write_tile

__all__ = ["EMPTY_ROOT", "root_of"]

MOST_HASHES: Final = 63
"""Hashes of an inclusion or consistency proof at most, for trees below 2⁶³ leaves."""
_TILE_HEIGHT: Final = 8

Proof = tuple[bytes, ...]


class NotProven(ValueError):
    """A proof that does not show what it is meant to show; the message says why."""


class HashReader(Protocol):
    """Where tiles come from."""

    def read(self, level: int, number: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile, side by side; LookupError or OSError when it is not there."""


class HeldTiles:
    """A reader of tiles that are at hand: those that `inclusion_tiles` or its like named, fetched by whatever way."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        """Read from these."""
        self._tiles = tiles

    def read(self, level: int, number: int, width: int) -> bytes:
        """Return a tile; KeyError when it is not among them."""
        return self._tiles[Tile(level, number, width)]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- growing -------------------------------------------------------------------------------------------------------


class GrowingTree:
    """A tree that grows by leaves and gives out its tiles as they fill: a compact range, kept as unfinished tiles.

    It holds at most 255 hashes a level, so a few kilobytes for whatever size.
    """

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        """Begin with no leaf."""
        self._levels: list[list[bytes]] = [[]]
        self.size = 0

    @classmethod
    def read(cls, size: int, reader: HashReader) -> Self:
        """Take up the tree of `size` where it was left, from its `root_tiles`. Raises Malformed."""
        tree = cls()
        tree.size = size
        tree._levels = [_edge(size, level, reader) for level in range(_levels(size))] or [[]]
        return tree

    def append(self, leaves: Iterable[bytes]) -> list[tuple[Tile, bytes]]:
        """Append leaf hashes; return the tiles that became full, with their bytes, from the leaves up.

        A ValueError for a leaf that is not 32 bytes leaves the tree as it was.
        """
        fresh = list(leaves)
        if set(map(len, fresh)) - {HASH_BYTES}:
            raise ValueError(f"a leaf hash has {HASH_BYTES} bytes: hash the entry first")
        self._levels[0] += fresh
        self.size += len(fresh)
        return list(self._full())

    def _full(self) -> Iterator[tuple[Tile, bytes]]:
        level = 0
        while len(self._levels[level]) >= WIDTH:
            hashes = self._levels[level]
            if level + 1 == len(self._levels):
                self._levels.append([])
            first = hashes_at(self.size, level) - len(hashes)
            whole = len(hashes) - len(hashes) % WIDTH
            for start in range(0, whole, WIDTH):
                tile = hashes[start : start + WIDTH]
                self._levels[level + 1].append(root_of(tile))
                yield Tile(level, (first + start) // WIDTH), write_tile(tile)
            del hashes[:whole]
            level += 1

    def partial(self) -> list[tuple[Tile, bytes]]:
        """Return the partial tiles of the tree as it is, with their bytes, from the leaves up."""
        return [
            (Tile(level, hashes_at(self.size, level) // WIDTH, len(hashes)), write_tile(hashes))
            for level, hashes in enumerate(self._levels)
            if hashes
        ]

    @property
    def root(self) -> bytes:
        """The root over every leaf so far."""
        return _folded([peak for hashes in reversed(self._levels) for peak in _peaks(hashes)])


def _levels(size: int) -> int:
    """Return how many levels of tiles a tree has."""
    return -(-size.bit_length() // _TILE_HEIGHT)


def _edge(size: int, level: int, reader: HashReader) -> list[bytes]:
    tile = Tile(level, hashes_at(size, level) // WIDTH, partial_width(size, level))
    return read_tile(reader.read(*tile), tile) if tile.width else []


def _peaks(hashes: Sequence[bytes]) -> Iterator[bytes]:
    """Return the roots of the largest whole subtrees of one tile's hashes, from the left."""
    start = 0
    for height in range(_TILE_HEIGHT, -1, -1):
        if len(hashes) & 1 << height:
            yield root_of(hashes[start : start + (1 << height)])
            start += 1 << height


def _folded(peaks: list[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    *lefts, root = peaks
    for left in reversed(lefts):
        root = node_hash(left, root)
    return root


# --- subtrees and the tiles they are in ----------------------------------------------------------------------------


class _Range(NamedTuple):
    """The leaves from `first` to before `end`, over which RFC 6962 has a hash."""

    first: int
    end: int

    def parted(self) -> tuple[_Range, _Range]:
        """Return the two parts: the left one has the largest power of two of leaves that leaves some to the right."""
        middle = self.first + (1 << (self.end - self.first - 1).bit_length() - 1)
        return _Range(self.first, middle), _Range(middle, self.end)

    def whole(self) -> Iterator[_Range]:
        """Return the subtrees of a power of two of leaves that it consists of, from the left."""
        rest = self
        while (count := rest.end - rest.first) & (count - 1):
            left, rest = rest.parted()
            yield left
        if count:
            yield rest


def _place(whole: _Range, size: int) -> tuple[Tile, int, int]:
    """Return the tile that has a subtree's hashes in a tree of `size`, and from which hash to before which."""
    height = (whole.end - whole.first).bit_length() - 1
    level = height // _TILE_HEIGHT
    first, end = hashes_at(whole.first, level), hashes_at(whole.end, level)
    number = first // WIDTH
    return Tile(level, number, tile_width(size, level, number)), first - number * WIDTH, end - number * WIDTH


class _Hashes:
    """The hashes of a tree's ranges; each tile is read once."""

    def __init__(self, size: int, reader: HashReader) -> None:
        self._size = size
        self._reader = reader
        self._tiles: dict[Tile, list[bytes]] = {}

    def over(self, range_: _Range) -> bytes:
        return _folded([self._whole(whole) for whole in range_.whole()])

    def _whole(self, whole: _Range) -> bytes:
        tile, first, end = _place(whole, self._size)
        if tile not in self._tiles:
            self._tiles[tile] = read_tile(self._reader.read(*tile), tile)
        return root_of(self._tiles[tile][first:end])


def root_from(size: int, reader: HashReader) -> bytes:
    """Return the root over the first `size` leaves of a log, from its partial tiles alone. Raises Malformed."""
    return _Hashes(size, reader).over(_Range(0, size))


def root_tiles(size: int) -> list[Tile]:
    """Return the partial tiles of a tree, from the top: all that `root_from` and `GrowingTree.read` read."""
    return _tiles([_Range(0, size)], size)


def _tiles(ranges: Iterable[_Range], size: int) -> list[Tile]:
    return list(dict.fromkeys(_place(whole, size)[0] for range_ in ranges for whole in range_.whole()))


# --- proofs --------------------------------------------------------------------------------------------------------


def prove_inclusion(index: int, size: int, reader: HashReader) -> Proof:
    """Return the proof that the leaf at `index`, from 0 on, is in the tree of the first `size` leaves.

    Raises ValueError when it is not, and Malformed for a tile that is too short or too long.
    """
    hashes = _Hashes(size, reader)
    return tuple(map(hashes.over, _inclusion(index, size)))


def inclusion_tiles(index: int, size: int) -> list[Tile]:
    """Return the tiles that `prove_inclusion` reads."""
    return _tiles(_inclusion(index, size), size)


def prove_consistency(old: int, new: int, reader: HashReader) -> Proof:
    """Return the proof that the tree of the first `new` leaves begins with the tree of the first `old`.

    It is empty when `old` is 0 or `new`. Raises ValueError when `old` is larger, and Malformed as `prove_inclusion`.
    """
    hashes = _Hashes(new, reader)
    return tuple(map(hashes.over, _consistency(old, new)))


def consistency_tiles(old: int, new: int) -> list[Tile]:
    """Return the tiles that `prove_consistency` reads."""
    return _tiles(_consistency(old, new), new)


def _inclusion(index: int, size: int) -> list[_Range]:
    """Return the ranges whose hashes are the path of a leaf, its sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    siblings, rest = [], _Range(0, size)
    while rest.end - rest.first > 1:
        left, right = rest.parted()
        rest, sibling = (left, right) if index < left.end else (right, left)
        siblings.append(sibling)
    return siblings[::-1]


def _consistency(old: int, new: int) -> list[_Range]:
    """Return the ranges whose hashes are the proof of consistency: SUBPROOF of RFC 6962, 2.1.2."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not begin with one of {old}")
    if old in {0, new}:
        return []
    others, rest = [], _Range(0, new)
    while rest.end != old:
        left, right = rest.parted()
        rest, other = (left, right) if old <= left.end else (right, left)
        others.append(other)
    return ([rest] if rest.first else []) + others[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Hold a proof of inclusion to a root: the leaf hash is the one at `index` of the tree. Raises NotProven."""
    _check_hashes(proof, leaf, root)
    if not 0 <= index < size:
        raise NotProven(f"there is no leaf {index} in a tree of {size}")
    fn, sn, reached = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise NotProven(f"the proof has {len(proof)} hashes, more than leaf {index} of {size} needs")
        if fn & 1 or fn == sn:
            reached = node_hash(sibling, reached)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            reached = node_hash(reached, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise NotProven(f"the proof has {len(proof)} hashes, fewer than leaf {index} of {size} needs")
    if reached != root:
        raise NotProven(f"the proof of leaf {index} of {size} leads to another root than {root.hex()}")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Hold a proof of consistency to two roots: the larger tree begins with the smaller. Raises NotProven.

    The empty tree is the beginning of every tree, without a proof, but has only one root.
    """
    _check_hashes(proof, old_root, new_root)
    if not 0 <= old <= new:
        raise NotProven(f"a tree of {new} does not begin with one of {old}")
    for size, root in ((old, old_root), (new, new_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise NotProven(f"the root of an empty tree is {EMPTY_ROOT.hex()}, not {root.hex()}")
    if old in {0, new}:
        if proof:
            raise NotProven(f"the proof has {len(proof)} hashes; from {old} to {new} there is nothing to prove")
        if old == new and old_root != new_root:
            raise NotProven(f"two roots are told for the tree of {new}")
        return
    path = (old_root, *proof) if old & (old - 1) == 0 else tuple(proof)
    _verify_path(old, new, path, old_root, new_root)


def _verify_path(old: int, new: int, path: Proof, old_root: bytes, new_root: bytes) -> None:
    """Follow a path, as RFC 9162, 2.1.4.2 does from its third step on."""
    short = f"the proof has fewer hashes than consistency of {old} with {new} needs"
    if not path:
        raise NotProven(short)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for hash_ in path[1:]:
        if sn == 0:
            raise NotProven(f"the proof has more hashes than consistency of {old} with {new} needs")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(hash_, fr), node_hash(hash_, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, hash_)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise NotProven(short)
    for size, reached, root in ((old, fr, old_root), (new, sr, new_root)):
        if reached != root:
            raise NotProven(f"the proof leads to another root of the tree of {size} than {root.hex()}")


def _check_hashes(proof: Sequence[bytes], *others: bytes) -> None:
    if len(proof) > MOST_HASHES:
        raise NotProven(f"the proof has {len(proof)} hashes; no proof has more than {MOST_HASHES}")
    if any(len(hash_) != HASH_BYTES for hash_ in (*proof, *others)):
        raise NotProven(f"a hash has not {HASH_BYTES} bytes")
