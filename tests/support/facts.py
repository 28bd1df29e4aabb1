"""Facts as publishers send them, and consumers of them, for tests and benches of ingest."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
from prometheus_client import CollectorRegistry

from kernel.broker import Broker, DeliveryMeasures, Place, Record
from kernel.canonical import Ed25519Signer
from kernel.clock import Clock, SystemClock
from kernel.commands import Executor
from kernel.ingest import Ingester
from kernel.log import Wake
from kernel.measures import IngestMeasures
from kernel.partition import partition_of
from schemas.codec import CODEC
from schemas.fact_reading import ReadFact
from schemas.facts import FACT_PREFIX
from services.scoring.ledger import EnteredBatch, FactLedger


def message(kind: str, id_: str, data: dict[str, Any], *, time: str = "2021-04-20T03:00:00Z", **given: Any) -> Record:
    """Return a fact in binary mode; `publisher`, `key` and `structured` can be given."""
    publisher, type_name = given.get("publisher", "sipp"), f"{FACT_PREFIX}.{kind}.v1"
    key = given.get("key", data.get("employer") or data.get("region"))
    attributes = {"specversion": "1.0", "id": id_, "source": f"/bpjs/{publisher}", "type": type_name, "time": time}
    encoded = key.encode() if key is not None else None
    if given.get("structured"):
        value = json.dumps({**attributes, "data": data}).encode()
        return Record(encoded, value, [("content-type", b"application/cloudevents+json")])
    headers: list[tuple[str, bytes | None]] = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return Record(encoded, json.dumps(data).encode(), [*headers, ("content-type", b"application/json")])


def registered(employer: str, *, obliged_from: str = "2021-01", **given: Any) -> Record:
    """Return an employer's registration."""
    data = {"employer": employer, "size_class": "medium", "region": "75.71", "obliged_from": obliged_from}
    return message(
        "EmployerRegistered", given.pop("id_", f"reg-{employer}"), data, time="2021-01-02T03:00:00Z", **given
    )


def due(employer: str, month: str, amount: int, **given: Any) -> Record:
    """Return what an employer owes for a month."""
    id_ = given.pop("id_", f"due-{employer}-{month}")
    return message("ContributionDue", id_, {"employer": employer, "month": month, "amount": amount}, **given)


def paid(employer: str, month: str, amount: int, paid_on: date | str, **given: Any) -> Record:
    """Return a payment."""
    id_ = given.pop("id_", f"paid-{employer}-{month}")
    data = {
        "employer": employer, "month": month, "amount": amount, "paid_on": str(paid_on),
        "bank_reference": given.pop("reference", f"ref-{id_}"),
    }  # fmt: skip
    return message("ContributionPaid", id_, data, **given)


def payments(count: int, *, seed: int = 1, employers: int = 997, months: Sequence[str] = ("2021-03",)) -> list[Record]:
    """Return so many payments of different ids, of a few hundred employers."""
    draw = random.Random(seed)
    numbers = [f"{draw.randrange(10**8):08d}" for _ in range(employers)]
    return [
        paid(draw.choice(numbers), draw.choice(months), draw.randrange(1, 10**7), "2021-04-13", id_=f"p{seed}-{number}")
        for number in range(count)
    ]


async def publish(servers: str, topic: str, records: Iterable[Record], *, partitions: int) -> None:
    """Publish records keyed as every Kafka client keys them, and return when they are acknowledged."""
    by_place: dict[int, list[Record]] = {}
    for number, record in enumerate(records):
        place = number % partitions if record.key is None else partition_of(record.key, partitions)
        by_place.setdefault(place, []).append(record)
    async with Broker(servers, "test-publisher").publisher() as publisher:
        for place, own in by_place.items():
            for sent in await publisher.send(Place(topic, place), own, 1_600_000_000_000):
                await sent.offset()


@dataclass
class Consumer:
    """One consumer of a group over one database, as ingest runs it."""

    servers: str
    pool: asyncpg.Pool[Any]
    topics: tuple[str, ...]
    group: str
    prefix: str = ""
    clock: Clock = field(default_factory=SystemClock)
    signer: Ed25519Signer | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    most: int = 5_000
    linger: float = 0.02
    made: type[Ingester[ReadFact, EnteredBatch]] = Ingester
    ledger: FactLedger | None = None
    ingester: Ingester[ReadFact, EnteredBatch] = field(init=False)

    def __post_init__(self) -> None:
        executor = Executor("scoring", self.pool, CODEC, self.clock, Wake(), self.signer)
        self.ingester = self.made(
            topics=self.topics, group=self.group, executor=executor, pool=self.pool,
            broker=Broker(self.servers, "test-ingest"), clock=self.clock,
            ledger=self.ledger or FactLedger(self.prefix),
            measures=IngestMeasures(self.registry), letters=DeliveryMeasures(self.registry), most=self.most,
            linger=self.linger,
        )  # fmt: skip

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ingest while the context is open."""
        task = asyncio.create_task(self.ingester.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.ingester.broker.close()

    def count(self, name: str, **labels: str) -> float:
        """Return a measure's value, of these labels or of all together."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"paritrana_ingest_{name}" and labels.items() <= sample.labels.items()
        )


TAKEN = """
    select coalesce(sum((document::json #>> '{data,records}')::bigint), 0) as records,
           coalesce(sum((document::json #>> '{data,applied}')::bigint), 0) as applied,
           coalesce(sum((document::json #>> '{data,duplicates}')::bigint), 0) as duplicates,
           coalesce(sum((document::json #>> '{data,refused}')::bigint), 0) as refused
    from events where stream like 'ingest/%'
"""


async def taken(pool: asyncpg.Pool[Any]) -> dict[str, int]:
    """Return what the batches' events say that was taken, all together."""
    row = await pool.fetchrow(TAKEN)
    assert row is not None, "sums are one row"
    return {name: int(count) for name, count in row.items()}


async def until_taken(pool: asyncpg.Pool[Any], records: int, *, within: float = 60.0) -> dict[str, int]:
    """Wait until so many records were taken, and return the counts."""
    async with asyncio.timeout(within):
        while (found := await taken(pool))["records"] < records:  # noqa: ASYNC110 - another process may take them
            await asyncio.sleep(0.05)
    return found


async def ledger_digest(pool: asyncpg.Pool[Any]) -> str:
    """Return one hash of all facts in the ledger, in an order of their own."""
    digest: str = await pool.fetchval(
        "select encode(sha256(convert_to(coalesce(string_agg(document, e'\n' order by document), ''), 'UTF8')), 'hex')"
        " from facts"
    )
    return digest
