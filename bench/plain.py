"""The plainest way to bring facts in: a table with the ledger's columns and indexes, and messages as they are.

Nothing is judged, and the body is kept as it came. It is the limit of ingest; its table is its peers' as well.
"""

from __future__ import annotations

from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer

from bench.ground import Ground
from bench.source import Source
from bench.turns import Stopwatch
from kernel.sql import columns

TABLES: Final = """
    create table plain (like facts);
    create unique index plain_id on plain (publisher, id);
    create index plain_subject on plain (subject);
    create index plain_target on plain (publisher, target) where target is not null;
    create index plain_batch on plain using brin (place, batch) with (pages_per_range = 16, autosummarize = on);
    create table plain_positions (partition integer primary key, next_offset bigint not null);
"""
INSERT: Final = """
    insert into plain (month, kafka_offset, batch, place, publisher, id, kind, subject, document)
    select '2021-01-01', at, 1, place, 'sipp', id, 'ContributionPaid', subject, document
    from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[])
        as said (at, place, id, subject, document)
    on conflict do nothing
"""
_POSITIONS: Final = """
    insert into plain_positions select * from unnest($1::integer[], $2::bigint[])
    on conflict (partition) do update set next_offset = excluded.next_offset
"""


async def bring_in(ground: Ground, source: Source, watch: Stopwatch) -> int:
    """Bring in all facts of the source: fetch, insert, note the positions, commit."""
    async with ground.database("scoring") as database:
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute(TABLES)
        consumer = AIOKafkaConsumer(
            source.topic,
            bootstrap_servers=ground.bootstrap_servers,
            group_id=source.group(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            with watch:
                taken = 0
                while taken < source.count:
                    taken += await _insert(connection, await consumer.getmany(timeout_ms=1_000, max_records=5_000))
        finally:
            await consumer.stop()
            await connection.close()
    return taken


async def _insert(connection: asyncpg.Connection[Any], fetched: dict[Any, Any]) -> int:
    rows = [
        (record.offset, place.partition, record.headers[0][1].decode(), record.key.decode(), record.value.decode())
        for place, records in fetched.items()
        for record in records
    ]
    async with connection.transaction():
        if rows:
            await connection.execute(INSERT, *columns(rows))
        places = [(place.partition, records[-1].offset + 1) for place, records in fetched.items()]
        await connection.execute(_POSITIONS, [place for place, _ in places], [offset for _, offset in places])
    return len(rows)
