"""The Merkle tree of RFC 6962, section 2.1: one hash for a list, and for who has the list a way to check it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256().digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in their order; of none it is the SHA-256 of nothing.

    `kernel.canonical.leaf_hash` makes the leaves.

    Level by level, in pairs, a last odd node going up as it is: the same tree as the RFC's split at the largest power
    of two, without its recursion.
    """
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    while len(level) > 1:
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0]


class GrowingRoot:
    """The same root over leaves that pass by one at a time: it keeps one hash for each power of two among them."""

    __slots__ = ("_peaks", "count")

    def __init__(self) -> None:
        """Begin with no leaf."""
        self._peaks: list[bytes] = []
        self.count = 0

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash in."""
        left = self.count
        while left & 1:
            leaf = hashlib.sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            left >>= 1
        self._peaks.append(leaf)
        self.count += 1

    @property
    def root(self) -> bytes:
        """Return the root over what was taken in so far."""
        if not self._peaks:
            return EMPTY_ROOT
        *lefts, root = self._peaks
        for left in reversed(lefts):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root
