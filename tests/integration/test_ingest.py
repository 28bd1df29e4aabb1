"""Facts from the broker into the ledger: each once, whatever is repeated, reordered, poisoned or lost on the way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import date
from pathlib import Path

import asyncpg
import orjson
import pytest
from aiokafka import TopicPartition

from kernel.broker import Broker, Place, Record, read_until
from kernel.canonical import leaf_hash
from kernel.merkle import root_of
from services.scoring import ledger
from tests.conftest import TopicFactory
from tests.support.delivery import produce_in_transaction, produce_undecodable, until
from tests.support.facts import Consumer, due, message, paid, payments, publish, registered, taken, until_taken
from tests.support.ledger import consumer, group, owner, partitions, pool, topic, urls

__all__ = ["consumer", "group", "owner", "partitions", "pool", "topic", "urls"]

PARTITIONS = 4


async def test_facts_go_into_the_ledger_and_each_batch_is_told(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    await publish(kafka_bootstrap, topic, payments(1_000), partitions=PARTITIONS)
    async with consumer.running():
        counts = await until_taken(pool, 1_000)
    assert counts == {"records": 1_000, "applied": 1_000, "duplicates": 0, "refused": 0}
    assert await pool.fetchval("select count(*) from facts") == 1_000


# --- poison --------------------------------------------------------------------------------------------------------

_GOOD = {"employer": "17000001", "month": "2021-03", "amount": 5, "paid_on": "2021-04-01", "bank_reference": "r"}


def _poison(number: int) -> Record:
    """Return a message that is no fact, one of many ways in turn."""
    id_ = f"bad-{number}"
    ways = (
        lambda: message("ContributionPaid", id_, _GOOD | {"amount": -number}),
        lambda: message("ContributionPaid", id_, _GOOD | {"amount": 10**18}),
        lambda: message("ContributionPaid", id_, _GOOD | {"month": "2021-13"}),
        lambda: message("ContributionPaid", id_, _GOOD, time="2199-01-01T00:00:00Z"),
        lambda: message("ContributionPaid", id_, _GOOD, key="17000002"),
        lambda: message("ContributionPaid", id_, {k: v for k, v in _GOOD.items() if k != "employer"}, key="17000001"),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(value=None),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(value=b"\xff\xfe{"),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(headers=[]),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(headers=[("content-type", b"text/csv")]),
        lambda: message("ContributionLost", id_, _GOOD),
        lambda: message("CoverageReported", id_, {"region": "75.71", "as_of": "2021-01-01"}),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(key=None),
        lambda: message("ContributionPaid", id_, _GOOD)._replace(value=b"[" * 100_000),
    )
    return ways[number % len(ways)]()


async def test_a_thousand_poisoned_messages_cost_only_themselves(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    draw = random.Random(7)
    records = [*payments(9_000), *(_poison(number) for number in range(1_000))]
    draw.shuffle(records)
    await publish(kafka_bootstrap, topic, records, partitions=PARTITIONS)
    async with consumer.running():
        counts = await until_taken(pool, 10_000)
    assert counts == {"records": 10_000, "applied": 9_000, "duplicates": 0, "refused": 1_000}
    assert await pool.fetchval("select count(*) from facts") == 9_000
    letters = await _letters(kafka_bootstrap, f"{topic}.dead-letter")
    assert len(letters) == 1_000
    assert all(letter["reason"] and letter["detail"] and letter["offset"] for letter in letters)
    kept = await pool.fetch("select reason, field, english, indonesian from refused_facts")
    assert Counter(row["reason"] for row in kept) == Counter(letter["reason"] for letter in letters)
    assert all(row["field"] and row["english"] and row["indonesian"] for row in kept)
    assert consumer.count("refused_messages_total") == 1_000


async def _letters(servers: str, topic: str) -> list[dict[str, str]]:
    place = TopicPartition(topic, 0)
    async with Broker(servers, "test-letters").reader() as reader:
        end = (await reader.end_offsets([place]))[place]
        found = [record async for records in read_until(reader, {place: 0}, {place: end}) for record in records]
    return [{name: (value or b"").decode(errors="replace") for name, value in one.headers} for one in found]


async def test_a_batch_that_cannot_be_decoded_costs_nothing_before_or_after_it(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    for number in range(3):
        records = [due("NPP-1", "2021-03", 3, id_=f"d{number}-{each}") for each in range(10)]
        await publish(kafka_bootstrap, topic, records, partitions=1)
        if number < 2:
            await produce_undecodable(Broker(kafka_bootstrap, "test-publisher"), topic, 0)
    async with consumer.running():
        counts = await until_taken(pool, 32)
    assert counts == {"records": 32, "applied": 30, "duplicates": 0, "refused": 2}
    letters = await _letters(kafka_bootstrap, f"{topic}.dead-letter")
    told = [(letter["reason"], letter["offset"]) for letter in letters]
    assert told == [("undecodable", "10"), ("undecodable", "22")]


async def test_facts_of_a_transaction_count_once_it_is_committed_and_never_after_an_abort(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    for number, commit in enumerate((False, True)):
        records = [due("NPP-1", "2021-03", 3, id_=f"t{number}-{each}") for each in range(5)]
        await produce_in_transaction(kafka_bootstrap, topic, records, commit=commit)
    async with consumer.running():
        counts = await until_taken(pool, 5)

        async def nothing_waits() -> bool:
            return consumer.count("assigned_partitions") == PARTITIONS and consumer.count("lag_records") == 0

        await until(nothing_waits)
    assert counts == {"records": 5, "applied": 5, "duplicates": 0, "refused": 0}
    found = await pool.fetch("select id, kafka_offset from facts order by kafka_offset")
    assert [row["id"] for row in found] == [f"t1-{each}" for each in range(5)]
    # Five that were aborted, the mark of that, the five, and another mark.
    assert [row["kafka_offset"] for row in found] == [6, 7, 8, 9, 10]


# --- repetition and order ------------------------------------------------------------------------------------------


def _season(publisher: str) -> list[Record]:
    """Return a year of one employer and its troubles, as one publisher tells it."""
    given = {"publisher": publisher}
    facts = [registered("17000001", **given)]
    for number in range(1, 13):
        month = f"2021-{number:02d}"
        facts += [due("17000001", month, 1_000, **given), paid("17000001", month, 400, "2021-04-10", **given)]
        facts.append(paid("17000001", month, 600, "2021-04-11", id_=f"rest-{month}", **given))
    corrected = {"employer": "17000009", "month": "2021-02", "corrects": "paid-17000001-2021-03", "revision": 2}
    again = corrected | {"revision": 1, "amount": 399}
    reversed_ = {"employer": "17000001", "month": "2021-05", "reverses": "rest-2021-05"}
    return [
        *facts,
        message("ContributionCorrected", "fix-2", corrected, **given),
        message("ContributionCorrected", "fix-1", again, **given),
        message("ContributionReversed", "void-1", reversed_, **given),
        paid("17000001", "2021-06", 400, "2021-04-10", id_="twice", reference="ref-paid-17000001-2021-06", **given),
    ]


async def test_facts_delivered_one_to_five_times_in_any_order_make_the_same_ledger(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    """Fifty publishers tell the same year, each in an order and with repetitions of its own."""
    told, once = 0, len(_season("x"))
    for seed in range(50):
        draw = random.Random(seed)
        records = [record for record in _season(f"p{seed:02d}") for _ in range(draw.randint(1, 5))]
        draw.shuffle(records)
        # One partition after another in turn, so that the order is the seed's, not the key's.
        await _scatter(kafka_bootstrap, topic, records)
        told += len(records)
    async with consumer.running():
        counts = await until_taken(pool, told)
    assert counts == {"records": told, "applied": 50 * once, "duplicates": told - 50 * once, "refused": 0}
    rows = await pool.fetch(
        "select publisher, encode(sha256(convert_to(string_agg(replace(document, publisher, 'P'), e'\n'"
        " order by replace(document, publisher, 'P')), 'UTF8')), 'hex') as digest from facts group by publisher"
    )
    assert len(rows) == 50
    assert len({row["digest"] for row in rows}) == 1


async def _scatter(servers: str, topic: str, records: list[Record]) -> None:
    """Publish whole runs of records to partitions in turn, whatever their keys: publishers may use any partitioner."""
    for start in range(0, len(records), 40):
        place = start // 40 % PARTITIONS
        await _publish_to(servers, topic, place, records[start : start + 40])


async def _publish_to(servers: str, topic: str, partition: int, records: list[Record]) -> None:
    async with Broker(servers, "test-publisher").publisher() as publisher:
        for sent in await publisher.send(Place(topic, partition), records, 1_600_000_000_000):
            await sent.offset()


async def test_an_id_that_is_used_for_another_content_is_refused_and_the_first_one_stays(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer
) -> None:
    first = paid("17000001", "2021-03", 500, "2021-04-01", id_="p1")
    async with consumer.running():
        await publish(kafka_bootstrap, topic, [first], partitions=PARTITIONS)
        await until_taken(pool, 1)
        other = paid("17000001", "2021-03", 501, "2021-04-01", id_="p1")
        await publish(kafka_bootstrap, topic, [other, first], partitions=PARTITIONS)
        counts = await until_taken(pool, 3)
    assert counts == {"records": 3, "applied": 1, "duplicates": 1, "refused": 1}
    (letter,) = await _letters(kafka_bootstrap, f"{topic}.dead-letter")
    assert letter["reason"] == "used-id"
    assert '"amount":500' in await pool.fetchval("select document from facts")


async def test_an_id_of_another_topic_is_another_fact_s(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, make_topic: TopicFactory, topic_prefix: str
) -> None:
    """Who may write to one topic only must not take the ids away that the same source means to use on another."""
    await make_topic("bpjs.coverage.v1.dead-letter")
    other = await make_topic("bpjs.coverage.v1", 1)
    covered = dict.fromkeys(_WORKERS, 1) | {"as_of": "2021-05-31"}
    of_region = message("CoverageReported", "x", covered | {"region": "75.71"}, time="2021-06-01T00:00:00Z")
    of_employer = message("CoverageReported", "y", covered | {"employer": "7571"}, time="2021-06-01T00:00:00Z")
    second = message("CoverageReported", "y", covered | {"region": "75.71"}, time="2021-06-01T00:00:00Z")
    owed = due("17000001", "2021-05", 500, id_="x", time="2021-06-02T00:00:00Z")
    consumer = Consumer(kafka_bootstrap, pool, (topic, other), f"{topic_prefix}ingest", topic_prefix)
    async with consumer.running():
        await publish(kafka_bootstrap, other, [of_region], partitions=1)
        await until_taken(pool, 1)
        await publish(kafka_bootstrap, topic, [owed, of_employer], partitions=PARTITIONS)
        await until_taken(pool, 3)
        await publish(kafka_bootstrap, other, [second], partitions=1)
        assert await until_taken(pool, 4) == {"records": 4, "applied": 4, "duplicates": 0, "refused": 0}
        # Both come again, beside another content for each id.
        await publish(kafka_bootstrap, other, [of_region, second], partitions=1)
        await publish(kafka_bootstrap, topic, [owed, of_employer], partitions=PARTITIONS)
        assert (await until_taken(pool, 8))["duplicates"] == 4
        changed = message("CoverageReported", "x", covered | {"region": "75.72"}, time="2021-06-01T00:00:00Z")
        await publish(kafka_bootstrap, other, [changed], partitions=1)
        await publish(kafka_bootstrap, topic, [due("17000001", "2021-05", 501, id_="y")], partitions=PARTITIONS)
        assert (await until_taken(pool, 10))["refused"] == 2
    assert await pool.fetchval("select count(*) from facts") == 4


async def test_partitions_from_before_hold_ids_by_topic_too(owner: asyncpg.Connection) -> None:
    await owner.execute("select ensure_month('2021-05-01')")
    of_new = await owner.fetchval("select pg_get_indexdef('facts_2021_05_id'::regclass)")
    assert of_new == (
        "CREATE UNIQUE INDEX facts_2021_05_id ON public.facts_2021_05 USING btree"
        " (publisher, id, ((strpos(document, '\"employer\":'::text) > 0)))"
    )
    await owner.execute(
        "drop index facts_2021_05_id; create unique index facts_2021_05_id on facts_2021_05 (publisher, id)"
    )
    await owner.execute(_BY_TOPIC.read_text().replace("{login}", "public"))
    assert await owner.fetchval("select pg_get_indexdef('facts_2021_05_id'::regclass)") == of_new


_BY_TOPIC = Path(ledger.__file__).with_name("migrations") / "011_ids_by_topic.sql"


# --- several consumers ---------------------------------------------------------------------------------------------


async def test_consumers_that_come_and_go_lose_nothing_and_double_nothing(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, topic_prefix: str
) -> None:
    records = payments(20_000, seed=3)
    await publish(kafka_bootstrap, topic, records, partitions=PARTITIONS)

    def one() -> Consumer:
        return Consumer(kafka_bootstrap, pool, (topic,), f"{topic_prefix}ingest", topic_prefix, most=500)

    first, second, third = one(), one(), one()
    async with first.running():
        await until_taken(pool, 2_000)
        async with second.running():
            await until_taken(pool, 8_000)
        async with third.running():
            counts = await until_taken(pool, 20_000)
    assert (counts["applied"], counts["refused"]) == (20_000, 0)
    assert await pool.fetchval("select count(*) from facts") == 20_000
    assert await pool.fetchval("select count(distinct id) from facts") == 20_000


async def test_two_consumers_over_the_same_partitions_write_each_batch_once(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, topic_prefix: str
) -> None:
    """Two groups stand for a consumer that was stopped and believes to have the partition still: the head fences it."""
    await publish(kafka_bootstrap, topic, payments(3_000, seed=4), partitions=PARTITIONS)
    consumers = [
        Consumer(kafka_bootstrap, pool, (topic,), f"{topic_prefix}ingest-{number}", topic_prefix, most=200)
        for number in range(2)
    ]
    async with consumers[0].running(), consumers[1].running():
        await until_taken(pool, 3_000)
    assert (await taken(pool))["records"] == 3_000
    assert await pool.fetchval("select count(*) from facts") == 3_000


# --- the ledger is held to its events ------------------------------------------------------------------------------


async def test_a_batchs_root_is_that_of_its_rows_and_a_changed_row_is_found(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, consumer: Consumer, postgres_admin_url: str
) -> None:
    await publish(kafka_bootstrap, topic, payments(500, seed=5), partitions=PARTITIONS)
    async with consumer.running():
        await until_taken(pool, 500)
    assert await _faulty(pool) == []
    with pytest.raises(asyncpg.PostgresError, match=r"permission denied|append-only"):
        await pool.execute("update facts set subject = 'x'")
    name = await pool.fetchval("select current_database()")
    superuser = await asyncpg.connect(postgres_admin_url.rpartition("/")[0] + f"/{name}")
    try:
        await superuser.execute("alter table facts disable trigger all")
        await superuser.execute(
            "update facts set document = replace(document, '\"amount\":', '\"amount\":1') where id = 'p5-17'"
        )
    finally:
        await superuser.close()
    (stream,) = await _faulty(pool)
    assert stream.startswith("ingest/")


async def _faulty(pool: asyncpg.Pool) -> list[str]:
    """Return the streams of batches whose rows do not give the root that was told, as anyone can compute it."""
    faulty = []
    for row in await pool.fetch("select stream, version, document from events where stream like 'ingest/%'"):
        said = orjson.loads(row["document"])["data"]
        rows = await pool.fetch(
            "select document from facts f join places p using (place)"
            " where p.topic = $1 and p.partition = $2 and f.batch = $3 order by kafka_offset",
            said["topic"], said["partition"], row["version"],
        )  # fmt: skip
        root = root_of(leaf_hash(each["document"].encode()) for each in rows).hex()
        if root != said["root"]:
            faulty.append(row["stream"])
    return faulty


# --- switches ------------------------------------------------------------------------------------------------------


async def test_a_paused_topic_waits_and_goes_on(
    kafka_bootstrap: str, pool: asyncpg.Pool, topic: str, make_topic: TopicFactory, topic_prefix: str
) -> None:
    other = await make_topic("bpjs.coverage.v1", 1)
    consumer = Consumer(kafka_bootstrap, pool, (topic, other), f"{topic_prefix}ingest", topic_prefix)
    async with consumer.running():
        await publish(kafka_bootstrap, topic, payments(50), partitions=PARTITIONS)
        await until_taken(pool, 50)
        await pool.execute("insert into ingest_switch values ($1, true)", topic)

        async def paused() -> bool:
            return consumer.count("paused", topic=topic) == 1

        await until(paused)
        await publish(kafka_bootstrap, topic, payments(100, seed=2), partitions=PARTITIONS)
        # What was published later on the other topic is taken, so the paused one would have been by then.
        covered = dict.fromkeys(_WORKERS, 1) | {"region": "75.71", "as_of": "2021-01-01"}
        await publish(kafka_bootstrap, other, [message("CoverageReported", "c1", covered)], partitions=1)
        assert (await until_taken(pool, 51))["records"] == 51
        assert await pool.fetchval("select count(*) from facts where kind = 'CoverageReported'") == 1
        await pool.execute("update ingest_switch set paused = false where topic = $1", topic)
        assert (await until_taken(pool, 151))["applied"] == 151


_WORKERS = (
    "wage_workers_covered", "wage_workers_total", "non_wage_workers_covered", "non_wage_workers_total",
)  # fmt: skip


async def test_consumers_that_meet_a_new_month_at_once_make_its_partition_once(pool: asyncpg.Pool) -> None:
    for month in range(1, 13):
        first = date(2022, month, 1)
        await asyncio.gather(*(pool.execute("select ensure_month($1)", first) for _ in range(8)))
    assert await pool.fetchval("select count(*) from pg_inherits where inhparent = 'facts'::regclass") == 12
