"""Audit over HTTP: what the store holds, for auditors. It decides nothing and changes nothing.

The store holds every season and is read as a whole, by version and hash, so a grant for one season opens none of it.
Documents are handed out as the text that was recorded, inside JSON strings, so that hashes hold for what arrives.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, StringConstraints

from kernel.decider import START, FieldFault, Position, Text
from kernel.log import SQL as LOG_SQL
from kernel.paging import Paged, encode, page_of, page_request
from kernel.problems import invalid
from kernel.sql import columns, queries
from kernel.tokens import require_throughout
from schemas.envelope import StreamName
from schemas.topics import EVENT_TOPICS, topic_of
from services.audit.live.alarms import SQL as LIVE_SQL
from services.audit.live.alarms import Alarms
from services.audit.log.store import LogStore
from services.audit.selections import MOST_SELECTED, SELECTION, range_of

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
_EXPORT: Final = "export"
_OF_LOG: Final = "log:"
_LONGEST_SIZE: Final = 15
_LARGEST_ANSWER: Final = 16 << 20
_MOST_EXPORTED: Final = 1000
_OF_CHECKPOINT: Final = Text(
    "Send `log:` and the size of a checkpoint of /v1/log/checkpoints.",
    "Kirim `log:` dan ukuran sebuah checkpoint dari /v1/log/checkpoints.",
)

Selection = Annotated[str, StringConstraints(pattern=SELECTION, max_length=255)]

router = APIRouter(prefix="/v1")
_auditors = Depends(require_throughout("auditor"))


async def _pool(request: Request) -> asyncpg.Pool:
    return cast("asyncpg.Pool", request.app.state.service_parts.pool)


Pool = Annotated[asyncpg.Pool, Depends(_pool)]


class TopicStatus(BaseModel):
    """What the store holds of one topic."""

    topic: str
    streams: int
    events: int


class FeedStatus(BaseModel):
    """How a service's own store compares: `behind` of its events did not come here yet, the oldest since `since`.

    `unfed` came here and were not shown by its feed yet; `rounds` says how often all of it was compared.
    """

    service: str
    behind: int
    since: datetime | None
    unfed: int
    rounds: int


class LogStatus(BaseModel):
    """The log: its leaves, and how many of them are under the newest checkpoint, which was signed when."""

    leaves: int
    signed: int
    signed_at: datetime | None


class Status(BaseModel):
    """What the store holds. `position` is the end of its log; `waiting` events came before their predecessor.

    `alarms` stand that nobody has answered for: /v1/alarms lists them.
    """

    position: str
    streams: int
    events: int
    waiting: int
    alarms: int
    log: LogStatus
    feeds: list[FeedStatus]
    topics: list[TopicStatus]


@router.get("/status", tags=["store"], dependencies=[Depends(require_throughout("auditor", "operator"))])
async def status(pool: Pool) -> Status:
    """Say how much the store holds, by topic."""
    counted = {topic.name: [0, 0] for topic in EVENT_TOPICS}
    end = await _end(pool)
    store = LogStore(pool)
    newest = await store.newest()
    for row in await pool.fetch(SQL["kinds"]):
        found = counted[topic_of(f"{row['kind']}/{row['owner'] or '-'}")]
        found[0] += row["streams"]
        found[1] += row["events"]
    return Status(
        position=str(end),
        streams=sum(streams for streams, _ in counted.values()),
        events=sum(events for _, events in counted.values()),
        waiting=await pool.fetchval(SQL["held"]),
        alarms=sum((await Alarms(pool).standing()).values()),
        log=LogStatus(
            leaves=(await store.end()).size,
            signed=newest.size if newest else 0,
            signed_at=newest.signed if newest else None,
        ),
        feeds=[FeedStatus(**dict(row)) for row in await pool.fetch(LIVE_SQL["feeds"])],
        topics=[TopicStatus(topic=name, streams=found[0], events=found[1]) for name, found in counted.items()],
    )


async def _end(pool: asyncpg.Pool) -> Position:
    row = await pool.fetchrow(LOG_SQL["end_of_log"])
    return Position(*tuple(row)) if row else START


@router.get("/heads", tags=["store"], dependencies=[_auditors])
async def heads(
    page: Paged,
    pool: Pool,
    stream: Annotated[StreamName | None, Query(description="Only this stream.")] = None,
) -> Response:
    """List where streams end: version and leaf hash of the last event, in order of their names."""
    if stream is not None:
        return _json({"items": [dict(row) for row in await pool.fetch(SQL["head"], stream)], "next": None})
    after = page.after("heads", str)
    rows = await pool.fetch(SQL["heads_after"], after[0] if after else "", page.limit + 1)
    return _json(page_of([dict(row) for row in rows], page, "heads", lambda row: (row["stream"],)))


@router.get("/events", tags=["store"], dependencies=[_auditors])
async def events(
    page: Paged,
    pool: Pool,
    stream: Annotated[StreamName | None, Query(description="Only this stream, in its own order.")] = None,
) -> Response:
    """List events with their documents, in the order in which this store has them."""
    if stream is not None:
        listing = f"events of {stream}"
        after = page.after(listing, int)
        rows = await pool.fetch(SQL["stream_after"], stream, after[0] if after else 0, page.limit + 1)
        return _json(page_of([_event(row) for row in rows], page, listing, lambda row: (row["version"],)))
    found = page.after("events", Position.parse)
    position = found[0] if found else START
    rows = await pool.fetch(SQL["events_after"], *position, page.limit + 1)
    return _json(page_of([_event(row) for row in rows], page, "events", lambda row: (row["position"],)))


def _event(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "position": str(Position(row["epoch"], row["xid"], row["position"])),
        "stream": row["stream"],
        "version": row["version"],
        "id": str(row["id"]),
        "type": row["type"],
        "document": row["document"],
    }


@router.get("/export", tags=["store"], dependencies=[_auditors])
async def export(
    *,
    pool: Pool,
    until: Annotated[
        str, Query(max_length=64, description="`log:` and the size of a checkpoint, or a `position` of /v1/status.")
    ],
    limit: Annotated[int, Query(ge=1, le=_MOST_EXPORTED, description="How many events at most.")] = 500,
    cursor: Annotated[str | None, Query(max_length=2048, description="The `next` of the page before.")] = None,
    of: Annotated[
        list[Selection] | None,
        Query(max_length=MOST_SELECTED, description="Only these streams: by name, or by how names begin, with a `*`."),
    ] = None,
    first: Annotated[bool, Query(description="With `of`: only the first event of each stream.")] = False,
) -> Response:
    """List events up to a position in the order of stream and version: the same whenever it is asked for.

    Under a checkpoint each has the `index` of its leaf, and streams can be chosen.
    """
    size = await _size(pool, until) if until.startswith(_OF_LOG) else None
    if of is not None and size is None:
        raise invalid((FieldFault("query.until", until[:80], _OF_CHECKPOINT),))
    bound = await _bound(pool, until) if size is None else (size,)
    listing = f"{_EXPORT} {until} {' '.join(of or ())} {first and of is not None}"
    after = (await page_request(1, cursor)).after(listing, str, int) or ("", 0)
    if of is not None:
        ranges = columns(map(range_of, of), 2)
        rows = await pool.fetch(SQL["export_some"], *after, *bound, limit + 1, *ranges, first)
    else:
        rows = await pool.fetch(SQL["export_page" if size is None else "export_leaves"], *after, *bound, limit + 1)
    items = _fitting([dict(row) for row in rows[:limit]])
    last = items[-1] if len(items) < len(rows) else None
    return _json({"items": items, "next": encode((last["stream"], last["version"]), listing) if last else None})


async def _size(pool: asyncpg.Pool, until: str) -> int:
    """Return the size of a checkpoint that was signed."""
    said = until.removeprefix(_OF_LOG)
    found = said.isascii() and said.isdigit() and len(said) <= _LONGEST_SIZE
    if not found or await LogStore(pool).checkpoint(int(said)) is None:
        raise invalid((FieldFault("query.until", until[:80], _OF_CHECKPOINT),))
    return int(said)


async def _bound(pool: asyncpg.Pool, until: str) -> Position:
    """Return the position, if the log is complete up to it: beyond, an event may still appear."""
    remedy = Text("Send the `position` of /v1/status.", "Kirim `position` dari /v1/status.")
    try:
        bound = Position.parse(until)
    except ValueError:
        raise invalid((FieldFault("query.until", until[:80], remedy),)) from None
    if bound > await _end(pool):
        raise invalid((FieldFault("query.until", until[:80], remedy),))
    return bound


def _fitting(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of the items that make an answer of bearable size, one at least."""
    size = 0
    for count, item in enumerate(items):
        size += len(item["document"])
        if size > _LARGEST_ANSWER and count:
            return items[:count]
    return items


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
