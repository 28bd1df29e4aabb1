"""The audit's tree beside the events that it was made of: tile by tile, round and round.

Of each leaf the stored document must have the hash that the tile has, so that whoever changes, removes or adds an
event in this database changes the tree too; of each full tile the one above it has the root; and at the end of a round
the newest checkpoint, which only the signer can make, has the root of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from kernel.feed import document_hash
from kernel.merkle import root_of
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import SignedNote
from kernel.tlog.tiles import WIDTH, Tile
from kernel.tlog.trees import root_from, root_tiles
from services.audit.live.alarms import SQL, Alarms
from services.audit.log.store import LogStore

_TILES: Final = 8
"""Tiles of leaves that are compared in one look."""
_HASH: Final = 32
_PLACE: Final = "tree"
_CHAINED: Final = re.compile(r'"prevhash":"([0-9a-f]{64})"')
_AFTER_DATA: Final = ',"datahash":"'


@dataclass(slots=True)
class Tree:
    """Goes through the tree of one log."""

    store: LogStore
    pool: asyncpg.Pool[Any]
    alarms: Alarms
    compared: int = 0
    rounds: int = 0

    async def look(self) -> None:
        """Compare some tiles, and the root when the last was reached."""
        size = (await self.store.end()).size
        first = await self.pool.fetchval(SQL["place"], _PLACE) or 0
        last = -(-size // WIDTH)
        until = min(first + _TILES, last)
        for number in range(first, until):
            await self._compare(number, min(WIDTH, size - number * WIDTH))
        if until == last and size:
            await self._compare_root()
            self.rounds += 1
        await self.pool.execute(SQL["move_place"], _PLACE, until if until < last else 0)

    async def _compare(self, number: int, width: int) -> None:
        first = number * WIDTH
        held = await self.store.tile(Tile(0, number, width))
        rows = await self.pool.fetch(SQL["leaves"], first, first + width)
        if held is None or [row["index"] for row in rows] != list(range(first, first + width)):
            what = f"of the leaves {first} to {first + width - 1} some are missing"
            await self.alarms.found("tree-differs", {f"tile/0/{number}": what})
            return
        others: dict[str, str] = {}
        broken: dict[str, str] = {}
        for at, row in enumerate(rows):
            place = f"{row['stream']}@{row['version']}"
            if wrong := _wrong(row, held[at * _HASH : (at + 1) * _HASH]):
                others[place] = f"leaf {row['index']}: {wrong}"
            elif row["version"] > 1 and _before(row["document"]) != row["before"]:
                broken[place] = "its prevhash is not the hash of the event before it"
        await self.alarms.found("tree-differs", others)
        await self.alarms.found("chain", broken)
        self.compared += width
        if width == WIDTH:
            await self._compare_above(0, number, held)

    async def _compare_above(self, level: int, number: int, held: bytes) -> None:
        """Hold a full tile to its root in the tile above, and that one to the next when it ends with it."""
        above, at = divmod(number, WIDTH)
        upper = await self.store.tile(Tile(level + 1, above, at + 1))
        root = root_of(held[start : start + _HASH] for start in range(0, len(held), _HASH))
        if upper is None or upper[-_HASH:] != root:
            what = f"tile/{level + 1}/{above} has another root of it"
            await self.alarms.found("tree-differs", {f"tile/{level}/{number}": what})
        elif at + 1 == WIDTH:
            await self._compare_above(level + 1, above, upper)

    async def _compare_root(self) -> None:
        newest = await self.store.newest()
        if newest is None:
            return
        try:
            said = Checkpoint.parse(SignedNote.parse(newest.note.encode()).text).root
            root = root_from(newest.size, await self.store.tiles(root_tiles(newest.size)))
        except Malformed as error:
            await self.alarms.found("tree-differs", {"checkpoint": str(error)})
            return
        if root != said:
            what = f"the tree of {newest.size} leaves has another root than its checkpoint"
            await self.alarms.found("tree-differs", {"checkpoint": what})


def _wrong(row: Any, leaf: bytes) -> str | None:
    """Say what is wrong with an event beside its leaf."""
    if row["document"] is None:
        return "the event is not stored"
    made = document_hash(row["document"])
    if made is None:
        return "the stored data is not what its digest says"
    if made != leaf.hex():
        return f"the stored event has the hash {made}, the tree {leaf.hex()}"
    if row["hash"] != leaf:
        return "the hash that is stored beside the event is another"
    return None


def _before(document: str) -> bytes:
    """Return the `prevhash` of a document, which stands behind its data."""
    found = next(_after_data(document), None)
    return bytes.fromhex(found) if found else b""


def _after_data(document: str) -> Iterator[str]:
    yield from _CHAINED.findall(document, max(0, document.rfind(_AFTER_DATA)))
