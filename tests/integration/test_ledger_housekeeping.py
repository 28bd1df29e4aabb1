"""What the ledger's database keeps beside the facts, and for how long; each test has a fresh one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from kernel.sql import columns
from schemas.regions import NATION_ZONE
from schemas.topics import CONTRIBUTIONS
from services.scoring import ledger_reads, repairs
from services.scoring.domain.report import MOST_PUBLISHERS
from services.scoring.ledger import SQL as LEDGER_SQL
from services.scoring.tidying import KEPT, Tidier
from tests.integration.test_scoring import HandClock
from tests.support.ledger import owner, pool, urls

__all__ = ["owner", "pool", "urls"]

NOW = datetime(2021, 4, 20, 3, tzinfo=UTC)


async def refuse(pool: asyncpg.Pool, received: datetime, *offsets: int, reason: str = "wrong-field") -> None:
    rows = [
        (CONTRIBUTIONS, 0, offset, received, "sipp", "a", reason, "f", "v", "en", "id", None, None)
        for offset in offsets
    ]
    await pool.execute(LEDGER_SQL["refuse"], *columns(rows))


async def test_why_messages_were_refused_is_kept_as_long_as_their_dead_letters(pool: asyncpg.Pool) -> None:
    await refuse(pool, NOW - KEPT - timedelta(seconds=1), *range(7))
    await refuse(pool, NOW - KEPT, 7)
    await refuse(pool, NOW, 8)
    clock = HandClock()
    clock.moment = NOW
    tidier = Tidier(pool, clock, at_once=3)
    assert await tidier.round() == 7
    assert await tidier.round() == 0
    assert [row[0] for row in await pool.fetch("select kafka_offset from refused_facts order by 1")] == [7, 8]


async def test_what_is_refused_in_a_topic_made_anew_replaces_what_was_there(pool: asyncpg.Pool) -> None:
    await refuse(pool, NOW - timedelta(days=3), 5)
    await refuse(pool, NOW, 5, reason="wrong-attribute")
    (row,) = await pool.fetch("select reason, received from refused_facts")
    assert tuple(row) == ("wrong-attribute", NOW)


@pytest.mark.parametrize("month", [date(1989, 12, 1), date(2100, 1, 1), date(2021, 4, 2)])
async def test_a_month_that_no_fact_is_about_has_no_partition(pool: asyncpg.Pool, month: date) -> None:
    with pytest.raises(asyncpg.RaiseError):
        await pool.execute(LEDGER_SQL["ensure_month"], month)


async def test_a_month_that_a_fact_may_be_about_has_a_partition(pool: asyncpg.Pool) -> None:
    for month in (date(1990, 1, 1), date(2099, 12, 1)):
        await pool.execute(LEDGER_SQL["ensure_month"], month)
    assert await pool.fetchval("select count(*) from pg_inherits where inhparent = 'facts'::regclass") == 2


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


async def test_however_many_publishers_are_claimed_the_most_are_told_and_the_others_together(
    pool: asyncpg.Pool,
) -> None:
    claims = [f"of-{number:02}" for number in range(25) for _ in range(number + 1)] + [None]
    rows = [
        (CONTRIBUTIONS, 0, offset, NOW, claim, "a", "wrong-field", "f", "v", "en", "id", None, None)
        for offset, claim in enumerate(claims)
    ]
    await pool.execute(LEDGER_SQL["refuse"], *columns(rows))
    told = {f"of-{number:02}": number + 1 for number in range(5, 25)} | {None: 1 + 2 + 3 + 4 + 5 + 1}
    day = (NOW, NOW + timedelta(days=1))
    counts = await pool.fetch(ledger_reads.SQL["refused_counts"], [CONTRIBUTIONS], None, *day, MOST_PUBLISHERS)
    assert {row["publisher"]: row["count"] for row in counts} == told
    span = columns([(0, 0, len(claims), NOW)], 4)
    within = await pool.fetch(ledger_reads.SQL["refused_within"], CONTRIBUTIONS, *span, NATION_ZONE, MOST_PUBLISHERS)
    assert {row["publisher"]: row["count"] for row in within} == told
