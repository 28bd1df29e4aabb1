"""The tables of the log: its leaves, its tiles, its checkpoints. See `migrations/001_log.sql`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from kernel.decider import Position
from kernel.sql import columns, queries
from kernel.tlog.tiles import Tile
from kernel.tlog.trees import HeldTiles
from services.audit.log.leaves import Leaf

SQL: Final = queries(Path(__file__).with_name("queries.sql"))


class End(NamedTuple):
    """How far the log is: its leaves, the topic as it was read, and the local log as it is in the tree."""

    size: int
    next_offset: int
    digest: bytes | None
    cluster: str | None
    position: Position


class Candidate(NamedTuple):
    """An event of the local log; `known` when it is a leaf already."""

    position: Position
    leaf: Leaf
    type: str
    known: bool


class Signed(NamedTuple):
    """A checkpoint as it is served: the log's signed note, with the lines of its witnesses."""

    size: int
    note: str
    signed: datetime


class EndMoved(Exception):
    """Another process has moved the log's end; read it again."""


class LogStore:
    """Reads and writes the tables of one log."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        """Use the audit service's database."""
        self._pool = pool

    # --- the end -----------------------------------------------------------------------------------------------------

    async def end(self) -> End:
        """Return how far the log is."""
        row = await self._pool.fetchrow(SQL["end"])
        if row is None:
            raise AssertionError("the migration wrote the row of the log's end")
        return End(row["size"], row["next_offset"], row["digest"], row["cluster"], Position(*tuple(row)[4:]))

    async def integrate(self, end: End, leaves: Sequence[Leaf], tiles: Mapping[Tile, bytes], to: End) -> None:
        """Take leaves and the tiles that they widen in, all or nothing. Raises EndMoved."""
        streams, versions = columns(((leaf.stream, leaf.version) for leaf in leaves), 2)
        levels, numbers, hashes = columns(((tile.level, tile.number, held) for tile, held in tiles.items()), 3)
        moved = await self._pool.fetchval(
            SQL["integrate"],
            end.size,
            end.next_offset,
            end.cluster,
            streams,
            versions,
            levels,
            numbers,
            hashes,
            to.next_offset,
            to.digest,
            to.cluster,
        )
        if not moved:
            raise EndMoved

    async def passed(self, position: Position) -> None:
        """Note that everything of the local log up to a position is in the tree."""
        await self._pool.execute(SQL["passed"], *position)

    # --- leaves ------------------------------------------------------------------------------------------------------

    async def candidates(self, after: Position, most: int) -> list[Candidate]:
        """Return events after a position of the local log, in its order, those that are leaves already included."""
        rows = await self._pool.fetch(SQL["unsequenced"], *after, most)
        return [
            Candidate(Position(epoch, xid, position), Leaf(stream, version, digest), type_, known)
            for epoch, xid, position, stream, version, digest, type_, known in rows
        ]

    async def hashes(self, leaves: Iterable[Leaf]) -> dict[tuple[str, int], bytes]:
        """Return the leaf hashes of those events that are here, by stream and version."""
        rows = await self._pool.fetch(SQL["hashes"], *columns(((leaf.stream, leaf.version) for leaf in leaves), 2))
        return {(row["stream"], row["version"]): row["hash"] for row in rows}

    async def ends_of(self, streams: Iterable[str]) -> dict[str, int]:
        """Return the last version of each stream that is a leaf, 0 where none is."""
        rows = await self._pool.fetch(SQL["leaf_ends"], list(streams))
        return {row["stream"]: row["version"] or 0 for row in rows}

    async def leaves(self, index: int, most: int) -> list[Leaf]:
        """Return leaves from an index on."""
        rows = await self._pool.fetch(SQL["leaves"], index, most)
        return [Leaf(row["stream"], row["version"], row["hash"]) for row in rows]

    async def index_of(self, stream: str, version: int) -> int | None:
        """Return which leaf an event is."""
        found: int | None = await self._pool.fetchval(SQL["index_of"], stream, version)
        return found

    async def documents(self, first: int, end: int) -> list[str]:
        """Return the documents of the leaves from `first` up to `end`."""
        return [row["document"] for row in await self._pool.fetch(SQL["entries"], first, end)]

    # --- tiles -------------------------------------------------------------------------------------------------------

    async def tile(self, tile: Tile) -> bytes | None:
        """Return the hashes of a tile of a width; None when the log has not so many."""
        found: bytes | None = await self._pool.fetchval(SQL["tile"], tile.level, tile.number, tile.length)
        return found if found is not None and len(found) == tile.length else None

    async def tiles(self, wanted: Iterable[Tile]) -> HeldTiles:
        """Return some tiles, those left out that the log does not have."""
        found = {tile: await self.tile(tile) for tile in wanted}
        return HeldTiles({tile: held for tile, held in found.items() if held is not None})

    # --- checkpoints -------------------------------------------------------------------------------------------------

    async def sign(self, size: int, note: str, moment: datetime) -> bool:
        """Keep a signed checkpoint; False when a larger one is there already or the tree is smaller."""
        kept: bool = await self._pool.fetchval(SQL["sign"], size, note, moment)
        return kept

    async def newest(self) -> Signed | None:
        """Return the checkpoint of the largest tree."""
        row = await self._pool.fetchrow(SQL["newest_checkpoint"])
        return None if row is None else _signed(row)

    async def checkpoint(self, size: int) -> Signed | None:
        """Return the checkpoint of a size, if one was signed."""
        row = await self._pool.fetchrow(SQL["checkpoint"], size)
        return None if row is None else _signed(row)

    async def checkpoints(self, after: int, most: int) -> list[Signed]:
        """Return checkpoints of trees larger than `after`, in their order."""
        return [_signed(row) for row in await self._pool.fetch(SQL["checkpoints_after"], after, most)]

    async def cosign(self, size: int, witness: str, line: str, moment: datetime) -> None:
        """Keep a witness's signature of a checkpoint."""
        await self._pool.execute(SQL["cosign"], size, witness, line, moment)


def _signed(row: asyncpg.Record) -> Signed:
    return Signed(row["size"], row["note"] + row["lines"], row["signed"])
