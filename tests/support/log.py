"""The audit's log for tests: a database, a topic, a signer over HTTP, and sequencers that may be stopped anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_ports
from kernel.broker import Broker
from kernel.clock import SystemClock
from kernel.keys import note_key
from kernel.lead import Lead
from kernel.log import NO_HEAD, Append, Entry, Wake, append, read_heads
from kernel.merkle import root_of
from kernel.tlog.checkpoints import Checkpoint, opened
from kernel.tlog.notes import VerifierKey
from services.audit.log.checkpoints import Asked, CheckpointSigning
from services.audit.log.measures import SequencerMeasures
from services.audit.log.sequencer import Sequencer
from services.audit.log.store import LogStore
from services.signer.settings import SignerSettings
from tests.support.delivery import Chain

ORIGIN = "test.example/log"


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application on loopback while the context is open."""
    port = free_ports(1)[0]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


def signer_settings(folder: Path, *submitters: VerifierKey, kind: str = "log") -> SignerSettings:
    """Return the settings of a signer in a folder, whose key is made."""
    name = ORIGIN if kind == "log" else f"{kind}.example"
    note_key(folder / "one.key", name)
    return SignerSettings(folder=folder, submitters=submitters, port=1)


@dataclass
class LogUnderTest:
    """One database with the local log, and what keeps its tree."""

    pool: asyncpg.Pool
    login_url: str
    broker: Broker
    topic: str
    keys: Path
    signer_url: str
    vkeys: Sequence[VerifierKey]
    wake: Wake = field(default_factory=Wake)

    @property
    def store(self) -> LogStore:
        return LogStore(self.pool)

    async def receive(self, entries: Iterable[Entry]) -> None:
        """Append events, as the receiver does."""
        async with self.pool.acquire() as connection:
            for entry in entries:
                head = (await read_heads(connection, [entry.stream])).get(entry.stream, NO_HEAD)
                times = {entry.stream: datetime.now(UTC)}
                await append(connection, Append([entry], {entry.stream: head}, times, own=False))
        self.wake.ring()

    def sequencer(self, *, lead: str = "sequencer", most: int = 1000, **given: Any) -> Sequencer:
        measures = SequencerMeasures(CollectorRegistry())
        store = given.pop("store", self.store)
        signing = CheckpointSigning(
            store=store,
            origin=ORIGIN,
            key=note_key(self.keys / "sequencer.key", f"{ORIGIN}/sequencer"),
            signer=Asked(self.signer_url, ()),
            witnesses=given.pop("witnesses", ()),
            clock=SystemClock(),
            measures=measures,
        )
        return Sequencer(
            topic=given.pop("topic", self.topic),
            store=store,
            broker=self.broker,
            wake=self.wake,
            lead=Lead(self.login_url, lead, poll=0.05),
            measures=measures,
            signing=signing,
            decisive=given.pop("decisive", frozenset()),
            most=most,
        )

    async def hashes(self) -> list[bytes]:
        """Return the leaf hashes of the log, in its order."""
        return [leaf.hash for leaf in await self.store.leaves(0, 1_000_000)]

    async def root(self) -> bytes:
        return root_of(await self.hashes())

    async def signed(self) -> Checkpoint | None:
        newest = await self.store.newest()
        return None if newest is None else opened(newest.note.encode(), self.vkeys).checkpoint


@asynccontextmanager
async def running(sequencer: Sequencer) -> AsyncIterator[Sequencer]:
    """Run a sequencer while the context is open."""
    task = asyncio.create_task(sequencer.run())
    try:
        yield sequencer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def chains(count: int, events: int, service: str = "nomination") -> list[Entry]:
    """Return the events of some streams, one of each in turn."""
    made = [Chain(f"nomination/{number:04}", service) for number in range(count)]
    return [chain.next() for _ in range(events) for chain in made]
