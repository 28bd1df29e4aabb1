"""Kill consumers of facts while they ingest, and compare what came of it with what was published, fact by fact.

`make crash FACTS=1000000 ROUNDS=20`. Real processes under their supervisor, one group. What is published is drawn from
one seed: facts of several months, one in ten a second time, one in a hundred no fact at all. Each kill comes when so
many more records were taken, so that all of them fall into the ingest. Then it must hold that the ledger is the input:

- every fact is there once with its exact content, and nothing else;
- the batches of each partition follow one another without gap or overlap, to the topic's end, and their counts add up;
- each batch's Merkle root, which was signed, is that of its rows;
- what is no fact was told to the dead letters and to the table of refusals, and nothing else was.

What a fact must look like in the ledger is written here with the standard library alone, not with the gate's code.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from confluent_kafka import Producer

from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.broker import Broker
from schemas.topics import CONTRIBUTIONS
from services.scoring.operating import switch
from tests.support.delivery import records_of
from tests.support.stack import remove_folder, temporary_folder

Say = Callable[[str], None]
CONSUMERS: Final = 3
_MONTHS: Final = tuple(f"2020-{month:02d}" for month in range(7, 13))
_EMPLOYERS: Final = 5_000
_AGAIN: Final = 0.1
_POISON: Final = 0.01
_DONE: Final = 900.0
_LOOK: Final = 0.05
_TYPE: Final = "id.go.bpjsketenagakerjaan.ContributionPaid.v1"
_TIME: Final = "2021-02-01T03:00:00.000000Z"


@dataclass(slots=True)
class Told:
    """What was published: how many records, how many facts and no facts among them, and a sum over the facts."""

    records: int = 0
    facts: int = 0
    poison: int = 0
    sum: int = 0
    poisoned: set[tuple[int, int]] = field(default_factory=set)
    """Partition and offset of each that is no fact."""


@dataclass(slots=True)
class IngestOutcome:
    """What came of it; `kills` are those that fell into the ingest."""

    seed: int
    kills: int = 0
    told: Told = field(default_factory=Told)
    findings: list[str] = field(default_factory=list)
    letters_again: int = 0

    @property
    def line(self) -> str:
        """The closing line."""
        told = self.told
        return (
            f"kills={self.kills} records={told.records} facts={told.facts} poison={told.poison} "
            f"letters_again={self.letters_again} findings={len(self.findings)} seed={self.seed}"
        )


async def crash_ingest(facts: int, kills: int, seed: int, say: Say) -> IngestOutcome:
    """Kill consumers so many times while they take so many facts; the data folder is kept if there are findings."""
    outcome = IngestOutcome(seed)
    folder = temporary_folder("paritrana-crash-")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = StackOptions(data=folder / "data", ports=ports, services=("scoring",), ingest=CONSUMERS)
    say(f"seed {seed}: {facts} facts, {kills} kills of {CONSUMERS} consumers; starting the stack")
    async with Stack(options) as stack:
        database = await asyncpg.connect(stack.databases["scoring"].owner_url)
        try:
            # All of it waits at the broker before the first is taken, so that every kill falls into the ingest.
            await switch(database, [CONTRIBUTIONS], "crash check", "a backlog is made", paused=True)
            await asyncio.to_thread(_publish, stack.bootstrap_servers, facts, random.Random(seed), outcome.told)
            say(f"published {outcome.told.records} records, {outcome.told.poison} of them no facts")
            await switch(database, [CONTRIBUTIONS], "crash check", "the backlog is there", paused=False)
            await _kill(stack, database, kills, random.Random(f"kills of {seed}"), outcome, say)
            await _compare(stack, database, outcome, say)
        finally:
            await database.close()
    for finding in outcome.findings:
        say(finding)
    if outcome.findings:
        say(f"logs and data are kept in {folder}")
    else:
        remove_folder(folder)
    return outcome


# --- what is published ---------------------------------------------------------------------------------------------


def _publish(servers: str, facts: int, draw: random.Random, told: Told) -> None:
    producer = Producer({
        "bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 20, "partitioner": "murmur2_random",
    })  # fmt: skip

    def poisoned(error: Any, message: Any) -> None:
        assert error is None, error
        told.poisoned.add((message.partition(), message.offset()))

    for key, value, headers, is_fact in _messages(facts, draw, told):
        while True:
            try:
                producer.produce(
                    CONTRIBUTIONS, value, key, headers=headers, on_delivery=None if is_fact else poisoned
                )  # fmt: skip
                break
            except BufferError:
                producer.poll(0.1)
        told.records += 1
        if told.records % 1_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0, "not everything was acknowledged"


def _messages(facts: int, draw: random.Random, told: Told) -> Iterator[tuple[bytes, bytes, list[Any], bool]]:
    """Yield key, value, headers and whether it is a fact; some facts come again, right away or much later."""
    late: list[tuple[bytes, bytes, list[Any], bool]] = []
    for number in range(facts):
        employer = f"{draw.randrange(_EMPLOYERS) * 7_919 % 100_000_000:08d}"
        said: dict[str, Any] = {
            "employer": employer, "month": draw.choice(_MONTHS), "amount": draw.randrange(1, 10**8),
            "paid_on": f"2021-01-{draw.randrange(1, 29):02d}", "bank_reference": f"ref-{number}",
        }  # fmt: skip
        id_ = f"p-{number:08d}"
        message = (employer.encode(), json.dumps(said).encode(), _headers(id_), True)
        yield message
        told.facts += 1
        told.sum += _digest(_document(id_, said))
        if draw.random() < _AGAIN:
            late.append(message)
        if late and draw.random() < _AGAIN:
            yield late.pop(draw.randrange(len(late)))
        if draw.random() < _POISON:
            told.poison += 1
            yield employer.encode(), json.dumps({**said, "month": "2020-13"}).encode(), _headers(f"x-{number}"), False
    yield from late


def _headers(id_: str) -> list[Any]:
    return [
        ("ce_specversion", b"1.0"), ("ce_id", id_.encode()), ("ce_source", b"/bpjs/sipp"), ("ce_type", _TYPE.encode()),
        ("ce_time", _TIME.encode()), ("content-type", b"application/json"),
    ]  # fmt: skip


def _document(id_: str, said: dict[str, Any]) -> bytes:
    document = {"data": said, "id": id_, "source": "/bpjs/sipp", "time": _TIME, "type": _TYPE}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(document: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"\0" + document).digest())


# --- the kills -----------------------------------------------------------------------------------------------------

_TAKEN: Final = "select coalesce(sum(next_offset), 0)::bigint from received where topic = $1"


async def _kill(
    stack: Stack, database: asyncpg.Connection, kills: int, draw: random.Random, outcome: IngestOutcome, say: Say
) -> None:
    """Kill a consumer each time that one more share of the records was taken, and wait for the end.

    Nobody waits for it to come back: the others go on, and may be killed before it has.
    """
    names = ["ingest", *(f"ingest-{number}" for number in range(2, CONSUMERS + 1))]
    records, began = outcome.told.records, time.monotonic()
    for number in range(1, kills + 1):
        await _until_taken(database, int(records * (number - draw.random() * 0.9) / (kills + 1)))
        victim = draw.choice([name for name in names if name in stack.pids()] or names)
        taken = await database.fetchval(_TAKEN, CONTRIBUTIONS)
        stack.kill(victim)
        outcome.kills += taken < records
        say(f"kill {number:3}: {victim} at {taken} of {records} records")
    await _until_taken(database, records)
    say(f"all taken after {time.monotonic() - began:.0f} s")


async def _until_taken(database: asyncpg.Connection, records: int) -> None:
    async with asyncio.timeout(_DONE):
        while await database.fetchval(_TAKEN, CONTRIBUTIONS) < records:  # noqa: ASYNC110 - other processes' rows
            await asyncio.sleep(_LOOK)


# --- what is compared ----------------------------------------------------------------------------------------------

_ROWS: Final = """
    select p.partition, f.batch, f.document from facts f join places p using (place)
    order by f.place, f.batch, f.kafka_offset
"""
_BATCHES: Final = "select version, document from events where stream = $1 order by version"


async def _compare(stack: Stack, database: asyncpg.Connection, outcome: IngestOutcome, say: Say) -> None:
    told, find = outcome.told, outcome.findings.append
    leaves, total, facts = await _read_ledger(database)
    if (facts, total % 2**256) != (told.facts, told.sum % 2**256):
        find(f"the ledger holds {facts} facts, published were {told.facts}; the sums are {total == told.sum}")
    counts: Counter[str] = Counter()
    for partition in range(12):
        await _compare_batches(database, partition, leaves, counts, find)
    said = {"records": told.records, "applied": told.facts, "refused": told.poison}
    said["duplicates"] = told.records - told.facts - told.poison
    if counts != said:
        find(f"the batches say {dict(counts)}, published was {said}")
    if leaves:
        find(f"{len(leaves)} batches have rows and no event")
    refused = {
        (row["partition"], row["kafka_offset"])
        for row in await database.fetch("select partition, kafka_offset from refused_facts")
    }
    if refused != told.poisoned:
        find(f"{len(refused ^ told.poisoned)} refusals differ from what was no fact")
    letters = await _letters(stack)
    outcome.letters_again = letters.total() - len(letters)
    if set(letters) != told.poisoned:
        find(f"{len(set(letters) ^ told.poisoned)} dead letters differ from what was no fact")
    say(f"compared: {facts} facts, {counts['records']} records in batches, {letters.total()} dead letters")


async def _read_ledger(database: asyncpg.Connection) -> tuple[dict[tuple[int, int], list[bytes]], int, int]:
    """Return the leaves of each batch, the sum over all facts, and how many they are."""
    leaves: dict[tuple[int, int], list[bytes]] = {}
    total = facts = 0
    async with database.transaction():
        async for partition, batch, document in database.cursor(_ROWS, prefetch=5_000):
            leaf = hashlib.sha256(b"\0" + document.encode()).digest()
            leaves.setdefault((partition, batch), []).append(leaf)
            total += int.from_bytes(leaf)
            facts += 1
    return leaves, total, facts


async def _compare_batches(
    database: asyncpg.Connection, partition: int, leaves: dict[tuple[int, int], list[bytes]], counts: Counter[str],
    find: Callable[[str], None],
) -> None:  # fmt: skip
    following = 0
    rows = await database.fetch(_BATCHES, f"ingest/{CONTRIBUTIONS}/{partition}")
    for number, row in enumerate(rows, start=1):
        said = json.loads(row["document"])["data"]
        where = f"batch {number} of partition {partition}"
        if row["version"] != number or said["first"] != following or said["records"] != said["last"] - following + 1:
            find(f"{where} does not follow the one before: {said}")
        following = said["last"] + 1
        own = leaves.pop((partition, number), [])
        if len(own) != said["applied"] or _root(own) != said["root"]:
            find(f"{where} has {len(own)} rows that are not what its event says")
        for name in ("records", "applied", "refused", "duplicates"):
            counts[name] += said[name]


def _root(leaves: list[bytes]) -> str:
    """Return the root of RFC 6962 by its own definition: split at the largest power of two below the count."""
    if not leaves:
        return hashlib.sha256().hexdigest()

    def root(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        half = 1 << (len(part) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + root(part[:half]) + root(part[half:])).digest()

    return root(leaves).hex()


async def _letters(stack: Stack) -> Counter[tuple[int, int]]:
    """Return of which partition and offset each dead letter is."""
    broker = Broker(stack.bootstrap_servers, "crash-check")
    try:
        records = await records_of(broker, f"{CONTRIBUTIONS}.dead-letter")
    finally:
        await broker.close()
    headers = [dict(record.headers) for record in records]
    return Counter((int(one["partition"]), int(one["offset"])) for one in headers)
