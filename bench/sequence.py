"""sequence: events of the local log into the audit's log, with tiles and a signed checkpoint.

The sequencer runs as in the audit service, leading, beside a signer that answers over HTTP, and a transaction with all
events commits: timed is from that commit until a checkpoint over the last of them is signed and kept. The limit is the
same leaf hashes, held in memory, hashed into an RFC 6962 tree by hashlib and nothing else. The goal is a bound of its
own, in events a second: `sequence_keeps_up`.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvicorn
from prometheus_client import CollectorRegistry

from bench.ground import Ground
from bench.plan import Plan
from bench.rows import Row
from bench.season import Seasons, copy_in
from bench.turns import Stopwatch, take_turns
from bench.usage import cpu_rows
from deploy.local.ports import free_ports
from deploy.local.provision import ServiceDatabase, connected
from kernel.broker import Broker
from kernel.clock import SystemClock
from kernel.keys import note_key
from kernel.lead import Lead
from kernel.log import Wake
from kernel.merkle import root_of
from kernel.process import close_pool, open_pool
from services.audit.log.checkpoints import Asked, CheckpointSigning
from services.audit.log.measures import SequencerMeasures
from services.audit.log.sequencer import Sequencer
from services.audit.log.store import LogStore
from services.signer.app import create_app
from services.signer.settings import SignerSettings

NAME: Final = "sequence"
_ORIGIN: Final = "bench.example/log"
_SEED: Final = 20_220_301
_LEAST_A_SECOND: Final = 5_000
_LOOK_SECONDS: Final = 0.01
_PATIENCE: Final = 120.0


async def measure(ground: Ground, plan: Plan) -> list[Row]:
    """Measure in turns and return the rows."""
    source = Seasons(_SEED)
    async with ground.database("audit") as database, _sequencing(ground, database) as log:
        works = {
            "ours": partial(_ours, log, source, plan.sequence),
            "limit": partial(_limit, source, plan.sequence),
        }
        turns = await take_turns(ground, plan.rounds, works)
    row = Row.of(NAME, "events/s", turns["ours"].rates, limits=turns["limit"].rates)
    bound = replace(row, name="sequence_keeps_up", limit=float(_LEAST_A_SECOND), goal_of_limit=1.0)
    return [row, bound, *cpu_rows(NAME, turns["ours"].costs, turns["limit"].costs)]


@dataclass(slots=True)
class _Log:
    """A sequencer at work on a log of its own."""

    database: ServiceDatabase
    told: CollectorRegistry
    wake: Wake
    size: int = 0

    @property
    def signed(self) -> float:
        """How many events are under a checkpoint, as the sequencer tells: to ask the database would be measured too."""
        return self.told.get_sample_value("paritrana_log_signed_leaves") or 0.0


@asynccontextmanager
async def _sequencing(ground: Ground, database: ServiceDatabase) -> AsyncIterator[_Log]:
    topic, wake = await ground.topic(1), Wake()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paritrana-bench-")))
        pool: asyncpg.Pool[Any] = await open_pool(database.login_url, service="audit", size=6)
        stack.push_async_callback(close_pool, pool)
        broker = Broker(ground.bootstrap_servers, "bench")
        stack.push_async_callback(broker.close)
        key = note_key(folder / "sequencer.key", f"{_ORIGIN}/sequencer")
        note_key(folder / "signer" / "log.key", _ORIGIN)
        settings = SignerSettings(folder=folder / "signer", submitters=(key.verifier,), port=free_ports(1)[0])
        await stack.enter_async_context(_serving(settings))
        told = CollectorRegistry()
        measures = SequencerMeasures(told)
        store = LogStore(pool)
        signer = Asked(f"http://{settings.host}:{settings.port}", ())
        signing = CheckpointSigning(store, _ORIGIN, key, signer, (), SystemClock(), measures)
        lead = Lead(database.login_url, "audit/sequencer")
        sequencer = Sequencer(topic, store, broker, wake, lead, measures, signing, frozenset())
        await stack.enter_async_context(_running(sequencer))
        yield _Log(database, told, wake)


@asynccontextmanager
async def _serving(settings: SignerSettings) -> AsyncIterator[None]:
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(_LOOK_SECONDS)
    yield
    server.should_exit = True
    await task


@asynccontextmanager
async def _running(sequencer: Sequencer) -> AsyncIterator[None]:
    task = asyncio.create_task(sequencer.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _ours(log: _Log, source: Seasons, count: int, watch: Stopwatch) -> int:
    async with connected(log.database.owner_url) as owner:
        transaction = owner.transaction()
        await transaction.start()
        await copy_in(owner, source.sheets(count))
        log.size += count
        with watch:
            await transaction.commit()
            log.wake.ring()
            async with asyncio.timeout(_PATIENCE):
                while log.signed < log.size:  # noqa: ASYNC110 - a measure tells nobody
                    await asyncio.sleep(_LOOK_SECONDS)
    return count


async def _limit(source: Seasons, count: int, watch: Stopwatch) -> int:
    leaves = [row[5] for row in source.sheets(count)]
    with watch:
        root_of(leaves)
    return count
