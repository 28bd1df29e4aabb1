"""What the ledger's database keeps beside the facts, and for how long; each test has a fresh one."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from schemas.topics import CONTRIBUTIONS
from services.scoring import repairs
from tests.support.ledger import owner, pool, urls

__all__ = ["owner", "pool", "urls"]

NOW = datetime(2021, 4, 20, 3, tzinfo=UTC)


async def test_a_repair_whose_text_was_erased_stops_none_behind_it(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    for number, body in (("1", None), ("2", '{"data":{"employer":"NPP-1"}}')):
        await owner.execute("insert into texts (digest, salt, body) values ($1, 's', $2)", f"d{number}", body)
        await owner.execute(
            "insert into repairs (grp, id, topic, partition, kafka_offset, publisher, fact, leaf, content_digest,"
            " reason_digest, status, proposed, proposed_by, approved, approved_by)"
            " values ('repair/' || $1, $1, $2, 0, 7, 'sipp', 'f', 'l', 'd' || $1, 'r', 'approved', '2021', 'p',"
            " '2021-0' || $1, 'q')",
            number, CONTRIBUTIONS,
        )  # fmt: skip
    rows = await pool.fetch(repairs.SQL["repairs_to_send"])
    assert [(row["id"], row["subject"]) for row in rows] == [("2", "NPP-1")]
