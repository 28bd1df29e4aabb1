"""growth: what a fact costs at 10,000,000 in the ledger, against what it costs at 100,000.

Both ledgers are filled in the database itself, over fourteen months, half of the facts by a system whose ids ascend and
half by one whose ids are in no order. Then new facts of the current month are ingested into each in turns, and counted
are the processor seconds of consumer and database: they hang less on the weather of the machine than seconds do.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from bench.facts import ASCENDING, EMPLOYERS, MONTH, SCATTERING, TIME, payments
from bench.ground import Ground
from bench.ingest import ingest
from bench.plan import Plan
from bench.rows import Row
from bench.source import Source
from bench.turns import Stopwatch, Turns, take_turns
from deploy.local.provision import ServiceDatabase, connected

NAME: Final = "growth"
SMALL: Final = 100_000
_MONTHS: Final = ("2019-12", *(f"2020-{month:02d}" for month in range(1, 13)), MONTH)
_SEED: Final = 20_210_421

_FILL: Final = """
    insert into facts (month, kafka_offset, batch, place, publisher, id, kind, subject, document)
    select ($1::text || '-01')::date, n, n / 400, 1, $2::text, id, 'ContributionPaid', employer,
           format('{"data":{"amount":%s,"bank_reference":"BRI-%s","employer":"%s","month":"%s","paid_on":"2021-01-28"},'
                  '"id":"%s","source":"/bpjs/%s","time":"%s","type":"id.go.bpjsketenagakerjaan.ContributionPaid.v1"}',
                  n, n, employer, $1::text, id, $2::text, $3::text)
    from (
        select n, lpad(((n::bigint * 7919 % $6::integer) * 4999 % 100000000)::text, 8, '0') as employer,
               case when $7::boolean then left(encode(sha256(convert_to(n::text, 'UTF8')), 'hex'), 32)
                    else 'paid-' || lpad(n::text, 12, '0') end as id
        from generate_series($4::integer, $5::integer - 1) n
    ) as made
"""
"""Month, publisher, time, first number, the number after the last, how many employers, whether ids are scattered."""


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    async with ground.database("scoring") as small, ground.database("scoring") as large:
        await asyncio.gather(_fill(small, SMALL), _fill(large, plan.growth))
        await ground.settle()
        rows = []
        for name, scattered, goal in ((f"{NAME}_ascending", False, 1.1), (f"{NAME}_scattered", True, 1.5)):
            feed = _Feed(await Source.filled(ground, 0), plan.growth_turn, scattered=scattered)
            works = {
                "small": partial(feed.ingest, ground, small, fresh=True),
                "large": partial(feed.ingest, ground, large, fresh=False),
            }
            turns = await take_turns(ground, plan.growth_rounds, works)
            rows.append(
                Row.of(
                    name,
                    "us of processors a fact",
                    _costs(turns["large"]),
                    limits=_costs(turns["small"]),
                    goal_of_limit=goal,
                    smaller_is_better=True,
                )
            )
    return rows


def _costs(turns: Turns) -> list[float]:
    return [(cpu.client + cpu.database) / facts * 1e6 for cpu, facts in turns.costs]


class _Feed:
    """New facts for every round, which each of the ledgers takes once."""

    def __init__(self, source: Source, count: int, *, scattered: bool) -> None:
        self._source = source
        self._count = count
        self._scattered = scattered
        self._next = 1_000_000_000

    async def ingest(self, ground: Ground, database: ServiceDatabase, watch: Stopwatch, *, fresh: bool) -> int:
        """Ingest the round's facts; make them first when they are `fresh`."""
        if fresh:
            messages = payments(self._count, seed=_SEED, first=self._next, scattered=self._scattered)
            await self._source.grow(ground, messages)
            self._next += self._count
        return await ingest(ground, database, self._source, watch)


async def _fill(database: ServiceDatabase, count: int) -> None:
    """Fill a ledger with so many facts, evenly over months and both publishers, as if it had taken them long ago."""
    each = count // len(_MONTHS) // 2
    async with connected(database.owner_url) as owner:
        for month in _MONTHS:
            await owner.execute("select ensure_month($1::text::date)", f"{month}-01")
        number = 0
        for month in _MONTHS:
            for publisher in (ASCENDING, SCATTERING):
                scattered = publisher == SCATTERING
                await owner.execute(_FILL, month, publisher, TIME, number, number + each, EMPLOYERS, scattered)
                number += each
        await owner.execute("vacuum analyze facts")
