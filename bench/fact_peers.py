"""The peers of ingest: FastStream, as its documentation shows it and in batches, and Quix Streams.

FastStream judges each body by a pydantic model and inserts it into a table with the ledger's columns and indexes, an id
once; it acknowledges when that is durable. One message a call is how its documentation begins; batches of up to 5,000
are what it offers for speed. Quix Streams counts the facts of each employer in its state, with its changelog; it needs
packages of its own, older than ours, so it runs in an environment apart, made once from a locked list.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import asyncpg
import orjson
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel, Field

from bench.ground import Ground, pool
from bench.plain import INSERT, TABLES
from bench.source import Source
from bench.turns import Stopwatch
from kernel.sql import columns

ONE: Final = "FastStream 0.7.8, one message a call"
BATCHES: Final = "FastStream 0.7.8, batches"
QUIX: Final = "Quix Streams 3.28.1"
_PATIENCE: Final = 300.0
_QUIX: Final = Path(__file__).with_name("quix")


class Paid(BaseModel):
    """A payment as a user of FastStream would model it."""

    employer: str = Field(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$")
    month: str = Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")
    amount: int = Field(gt=0)
    paid_on: date
    bank_reference: str = Field(min_length=1, max_length=64)


class _Count:
    """Starts the watch at the first call and tells when enough was done."""

    def __init__(self, watch: Stopwatch, wanted: int) -> None:
        self._watch = watch
        self._wanted = wanted
        self._began = False
        self.done = 0
        self.enough = asyncio.Event()

    def begin(self) -> None:
        if not self._began:
            self._began = True
            self._watch.__enter__()

    def add(self, count: int) -> None:
        self.done += count
        if self.done >= self._wanted and not self.enough.is_set():
            self._watch.__exit__(None, None, None)
            self.enough.set()


async def one_by_one(ground: Ground, source: Source, count: int, watch: Stopwatch) -> int:
    """Bring in the first `count` facts, one message a call."""

    def subscribe(broker: KafkaBroker, connections: asyncpg.Pool[Any], counted: _Count) -> None:
        @broker.subscriber(
            source.topic, group_id=source.group(), auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
        )
        async def take(body: Paid, message: KafkaMessage) -> None:
            counted.begin()
            await connections.execute(INSERT, *columns([_row(message.raw_message, body)]))
            await message.ack()
            counted.add(1)

    return await _faststream(ground, count, watch, subscribe)


async def in_batches(ground: Ground, source: Source, watch: Stopwatch) -> int:
    """Bring in all facts, in batches as large as ours."""

    def subscribe(broker: KafkaBroker, connections: asyncpg.Pool[Any], counted: _Count) -> None:
        @broker.subscriber(
            source.topic,
            group_id=source.group(),
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            batch=True,
            max_records=5_000,
        )
        async def take(bodies: list[Paid], message: KafkaMessage) -> None:
            counted.begin()
            rows = [_row(record, body) for record, body in zip(message.raw_message, bodies, strict=True)]
            await connections.execute(INSERT, *columns(rows))
            await message.ack()
            counted.add(len(rows))

    return await _faststream(ground, source.count, watch, subscribe)


def _row(record: Any, _body: Paid) -> tuple[Any, ...]:
    return record.offset, record.partition, record.headers[0][1].decode(), record.key.decode(), record.value.decode()


async def _faststream(
    ground: Ground, count: int, watch: Stopwatch, subscribe: Callable[[KafkaBroker, asyncpg.Pool[Any], _Count], None]
) -> int:
    async with ground.database("scoring") as database, pool(database.owner_url, 2) as connections:
        await connections.execute(TABLES)
        counted = _Count(watch, count)
        broker = KafkaBroker(ground.bootstrap_servers, logger=None, log_level=logging.ERROR)
        subscribe(broker, connections, counted)
        async with broker:
            await broker.start()
            async with asyncio.timeout(_PATIENCE):
                await counted.enough.wait()
        return counted.done


# --- Quix Streams --------------------------------------------------------------------------------------------------


def quix_python() -> Path:
    """Return the interpreter of the environment that Quix Streams runs in; make it if it is not there."""
    locked = _QUIX / "requirements.lock"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paritrana"
    folder = cache / f"bench-quix-{hashlib.sha256(locked.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not python.exists():
        made = Path(tempfile.mkdtemp(dir=_made(cache)))
        venv.create(made, with_pip=True)
        own = str(made / "bin" / "python")
        install = [own, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(locked)]
        subprocess.run(install, check=True, timeout=_PATIENCE)
        made.rename(folder)
    return python


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def quix(python: Path, ground: Ground, source: Source, watch: Stopwatch) -> int:
    """Count all facts by employer; the program tells its own seconds, from the first fact to the last commit."""
    state = tempfile.mkdtemp()
    try:
        asked = [ground.bootstrap_servers, source.topic, source.group(), str(source.count), state]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            python, "-W", "ignore", _QUIX / "count.py", *asked, stdout=subprocess.PIPE, stderr=sys.stderr
        )
        async with asyncio.timeout(_PATIENCE):
            said, _ = await process.communicate()
        found = orjson.loads(said)
        if found["facts"] < source.count:
            raise AssertionError(f"Quix Streams counted {found['facts']} of {source.count} facts")
        watch.seconds = found["seconds"]
        if not 0 < watch.seconds < time.monotonic() - began:
            raise AssertionError(f"Quix Streams says that it took {watch.seconds} s")
        return int(found["facts"])
    finally:
        shutil.rmtree(state, ignore_errors=True)
