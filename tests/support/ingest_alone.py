"""One consumer of ingest in a process of its own, which says how much memory it took at most.

python -m tests.support.ingest_alone SERVERS DATABASE TOPIC GROUP PREFIX RECORDS
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import asyncpg

from tests.support.facts import Consumer, until_taken


async def ingest(servers: str, database: str, topic: str, group: str, prefix: str, records: str) -> int:
    """Ingest until so many records are told of, and return the most memory that was resident (bytes)."""
    async with (
        asyncpg.create_pool(database, min_size=1, max_size=8) as pool,
        Consumer(servers, pool, (topic,), group, prefix).running(),
    ):
        await until_taken(pool, int(records), within=100)
    # Not getrusage, which knows the parent's memory as the child's.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None, "Linux tells it"
    return int(peak[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(f"peak {asyncio.run(ingest(*sys.argv[1:]))}\n")
