"""A log of entries in memory, and as the folder that an auditor is handed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import ED25519, Kind, NoteKey
from kernel.tlog.tiles import Tile, bundles_of, write_bundle
from kernel.tlog.trees import GrowingTree, leaf_hash


def note_key(name: str, kind: Kind = ED25519, *, seed: int = 1) -> NoteKey:
    """Return the same key in every run."""
    return NoteKey(name, kind, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


class Tiles:
    """Every tile that a tree had at the sizes that it was let grow to; it counts what is read."""

    def __init__(self, leaves: Sequence[bytes], *sizes: int) -> None:
        self.tiles: dict[Tile, bytes] = {}
        self.asked: list[Tile] = []
        self.tree = GrowingTree()
        for size in sorted({*sizes, len(leaves)}):
            self.tiles.update(self.tree.append(leaves[self.tree.size : size]))
            self.tiles.update(self.tree.partial())

    def read(self, level: int, number: int, width: int) -> bytes:
        self.asked.append(Tile(level, number, width))
        return self.tiles[self.asked[-1]]


def write_log(folder: Path, entries: Sequence[bytes], origin: NoteKey, *witnesses: NoteKey, at: int = 1) -> Checkpoint:
    """Write a log's folder: its checkpoint, tiles and bundles, and the keys that it is verified by."""
    tiles = Tiles([leaf_hash(entry) for entry in entries])
    for tile, raw in tiles.tiles.items():
        _write(folder / tile.path, raw)
    for bundle in bundles_of(len(entries)):
        first = bundle.number * 256
        _write(folder / bundle.path, write_bundle(entries[first : first + bundle.width]))
    checkpoint = Checkpoint(origin.name, len(entries), tiles.tree.root)
    note = checkpoint.signed(origin).adding(*(witness.cosign(checkpoint.text, at) for witness in witnesses))
    _write(folder / "checkpoint", note.raw)
    for number, key in enumerate((origin, *witnesses)):
        _write(folder / "keys" / f"{number}.vkey", f"{key.verifier.text}\n".encode())
    return checkpoint


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
