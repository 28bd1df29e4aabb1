"""`/v1/feed`: what a service's own store holds, event by event, so that it can be compared with its topics.

Broker and database have different administrators, and neither alone can change both: whoever compares the two sees
what either of them changed, added or took away. So the hash is made anew of the document that lies there, never read
from beside it. No content is handed out: place, type and hash of each event are enough.

The log's order (`order=position`) shows what is new; the order of streams (`order=stream`) has a place for every event
whenever it was written, so that going round in it finds an event that was taken away or changed long after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from kernel.canonical import data_hash
from kernel.decider import START, Position
from kernel.log import SQL as LOG_SQL
from kernel.paging import Paged, encode
from kernel.relay import SQL as RELAY_SQL
from kernel.sql import queries
from kernel.tokens import require_throughout

PATH: Final = "/v1/feed"
SQL: Final = queries(Path(__file__).with_name("feed.sql"))
_BY_POSITION: Final = "feed"
_BY_STREAM: Final = "feed/streams"
_LOOKED_AT: Final = 5
"""Events that are looked at for each that may be answered: a log has others' events too."""
_DATA: Final = b'"data":'
_AFTER_DATA: Final = b',"datahash":"'
_HEX: Final = 64


class FeedEvent(BaseModel):
    """One event of the service's own. `hash` is the leaf hash of its document, null where that is not what it was."""

    position: str
    stream: str
    version: int
    type: str
    hash: str | None


class FeedPage(BaseModel):
    """Own events in order. `end` is where the log ends, `seen` up to where this page looked (by position only).

    All own events up to `published` were acknowledged by the broker.
    """

    end: str
    published: str
    seen: str | None
    items: list[FeedEvent]
    next: str | None


def after_position(position: Position) -> str:
    """Return the cursor with which the feed goes on after a position of the log."""
    return encode((str(position),), _BY_POSITION)


def after_event(stream: str, version: int) -> str:
    """Return the cursor with which the feed in the order of streams goes on after an event."""
    return encode((stream, version), _BY_STREAM)


def of_stream_after(stream: str, version: int) -> str:
    """Return the cursor with which one stream's feed goes on after a version."""
    return encode((version,), _listing_of(stream))


def _listing_of(stream: str) -> str:
    return f"feed of {stream}"


def document_hash(document: str) -> str | None:
    """Return the leaf hash of a canonical document in hex; None for one whose data is not what its digest says.

    The envelope is the text without its data: names are sorted, and no text can hold the bytes that are looked for,
    since quotes inside of one are escaped.
    """
    raw = document.encode()
    begin, end = raw.find(_DATA), raw.rfind(_AFTER_DATA)
    if not 0 < begin < end:
        return None
    data, digest = raw[begin + len(_DATA) : end], raw[end + len(_AFTER_DATA) :][:_HEX]
    if data_hash(data).encode() != digest:
        return None
    return hashlib.sha256(b"\x00" + raw[:begin] + raw[end + 1 :]).hexdigest()


def feed_router(kinds: Sequence[str], role: str, service: str) -> APIRouter:
    """Return the route, for people with `role` in all seasons and for `service` itself.

    Args:
        kinds: how the names of the service's own streams begin, up to a slash or their end.
        role: whose role reads it.
        service: which service reads it, by its own token.
    """
    router = APIRouter()

    @router.get(PATH, tags=["feed"], dependencies=[Depends(require_throughout(role, service=service))])
    async def feed(
        page: Paged,
        request: Request,
        order: Annotated[
            Literal["position", "stream"], Query(description="The log's own order, or that of stream and version.")
        ] = "position",
        stream: Annotated[
            str | None,
            Query(max_length=255, pattern=r"^[a-z]+(/[A-Za-z0-9._-]+)+$", description="Only this stream."),
        ] = None,
    ) -> FeedPage:
        """List this service's own events: where each stands, and the hash of what lies there."""
        pool = cast("asyncpg.Pool", request.app.state.service_parts.pool)
        # Read first: what the page then lacks was appended after it.
        row = await pool.fetchrow(LOG_SQL["end_of_log"])
        relayed = await pool.fetchrow(RELAY_SQL["checkpoint"])
        ends = {
            "end": str(Position(*tuple(row)) if row else START),
            "published": str(Position(*tuple(relayed)[:3]) if relayed else START),
        }
        if stream is not None:
            listing = _listing_of(stream)
            after = page.after(listing, int) or (0,)
            rows = await pool.fetch(SQL["of_stream"], stream, *after, page.limit + 1)
            shown = rows[: page.limit]
            following = encode((shown[-1]["version"],), listing) if len(rows) > page.limit else None
            return FeedPage(**ends, seen=None, items=_items(shown), next=following)
        if order == "stream":
            after = page.after(_BY_STREAM, str, int) or ("", 0)
            rows = await pool.fetch(SQL["by_stream"], *after, list(kinds), page.limit + 1)
            shown = rows[: page.limit]
            more = len(rows) > page.limit
            following = after_event(shown[-1]["stream"], shown[-1]["version"]) if more else None
            return FeedPage(**ends, seen=None, items=_items(shown), next=following)
        return await _by_position(pool, page, ends)

    return router


async def _by_position(pool: asyncpg.Pool, page: Paged, ends: Mapping[str, str]) -> FeedPage:
    found = page.after(_BY_POSITION, Position.parse)
    after = found[0] if found else START
    most = _LOOKED_AT * page.limit
    rows = await pool.fetch(SQL["by_position"], *after, most)
    shown = _up_to(rows, page.limit)
    seen = Position(*tuple(shown[-1])[:3]) if shown else after
    more = len(shown) < len(rows) or len(rows) == most
    own = [row for row in shown if row["own"]]
    return FeedPage(**ends, seen=str(seen), items=_items(own), next=after_position(seen) if more else None)


def _up_to(rows: Sequence[asyncpg.Record], most: int) -> Sequence[asyncpg.Record]:
    """Return the first rows, with so many own ones at most."""
    own = 0
    for count, row in enumerate(rows):
        if row["own"]:
            if own == most:
                return rows[:count]
            own += 1
    return rows


def _items(rows: Sequence[Any]) -> list[FeedEvent]:
    return [
        FeedEvent(
            position=str(Position(row["epoch"], row["xid"], row["position"])),
            stream=row["stream"],
            version=row["version"],
            type=row["type"],
            hash=document_hash(row["document"]),
        )
        for row in rows
    ]
