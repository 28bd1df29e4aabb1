"""Operators pause ingest, see how far it is, and read a day again, while consumers run: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from cli import ingest as commands
from deploy.local.provision import provision_topics
from kernel.broker import Broker, Place, Record
from schemas.topics import DAY_MS, Topic
from services.scoring.operating import day_again, ingest_state, move_back, switch
from tests.support.delivery import produce_in_transaction, until
from tests.support.facts import Consumer, ledger_digest, message, payments, publish, taken, until_taken
from tests.support.ledger import consumer, group, owner, partitions, pool, topic, urls
from tests.unit.cli.fake_stack import run

__all__ = ["consumer", "group", "owner", "partitions", "pool", "topic", "urls"]

PARTITIONS = 4
LONG_AGO = date(2020, 1, 1)


async def publish_at(servers: str, topic: str, records: Iterable[Record], moment: datetime) -> None:
    """Publish to partition 0 what the broker took at a moment."""
    async with Broker(servers, "test-publisher").publisher() as publisher:
        for sent in await publisher.send(Place(topic, 0), list(records), int(moment.timestamp() * 1000)):
            await sent.offset()


async def acts(owner: asyncpg.Connection) -> list[tuple[str, str, str]]:
    return [
        (row["who"], row["what"], row["said"]) for row in await owner.fetch("select * from ingest_acts order by act")
    ]


# --- pause and resume ----------------------------------------------------------------------------------------------


async def test_a_topic_is_paused_and_resumed_and_each_act_is_noted_once(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, consumer: Consumer
) -> None:
    assert await switch(owner, [topic], "rina", "", paused=False) == []
    assert await switch(owner, [topic], "rina", "sipp sends March again", paused=True) == [topic]
    assert await switch(owner, [topic], "budi", "", paused=True) == []
    assert await switch(owner, [topic], "budi", "April too", paused=True) == []
    await publish(kafka_bootstrap, topic, payments(100), partitions=PARTITIONS)
    async with consumer.running():

        async def paused() -> bool:
            return consumer.count("paused", topic=topic) == 1 and consumer.ingester.check()[0]

        await until(paused)
        assert (await taken(pool))["records"] == 0
        assert f"; paused: {topic} (" in consumer.ingester.check()[1]
        assert await switch(owner, [topic], "rina", "", paused=False) == [topic]
        assert (await until_taken(pool, 100))["applied"] == 100
    assert await acts(owner) == [
        ("rina", "pause", "sipp sends March again"), ("budi", "pause", "April too"), ("rina", "resume", ""),
    ]  # fmt: skip
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await owner.execute("update ingest_acts set who = 'nobody'")


# --- a day again ---------------------------------------------------------------------------------------------------


async def test_a_day_again_changes_nothing_and_brings_back_what_was_lost(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, consumer: Consumer,
) -> None:  # fmt: skip
    bad = [message("ContributionPaid", f"bad-{number}", {"employer": "17000001"}) for number in range(5)]
    await publish(kafka_bootstrap, topic, [*payments(995), *bad], partitions=PARTITIONS)
    async with consumer.running():
        await until_taken(pool, 1_000)
        digest = await ledger_digest(pool)
        # Nothing comes meanwhile: the consumer has to see by itself that its positions were moved.
        found = await day_again(owner, kafka_bootstrap, [topic], LONG_AGO)
        assert found.records == 1_000
        assert await move_back(owner, found, "rina", "to be sure") == 1_000
        counts = await until_taken(pool, 2_000)
        assert counts == {"records": 2_000, "applied": 995, "duplicates": 995, "refused": 10}
        assert await ledger_digest(pool) == digest
        assert await pool.fetchval("select count(*) from refused_facts") == 5
        await owner.execute("alter table facts disable trigger all")
        await owner.execute("alter table facts_2021_03 disable trigger all")
        await owner.execute("delete from facts where id < 'p1-3'")
        assert await ledger_digest(pool) != digest
        await move_back(owner, await day_again(owner, kafka_bootstrap, [topic], LONG_AGO), "rina", "")
        await until_taken(pool, 3_000)
        assert await ledger_digest(pool) == digest
    assert [(who, what) for who, what, _ in await acts(owner)] == [("rina", "again")] * 2


async def test_only_what_came_since_the_days_start_by_the_nations_clock_is_read_again(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, consumer: Consumer
) -> None:
    # 23:59 and 00:01 on 13 April in Jakarta (UTC+7).
    await publish_at(kafka_bootstrap, topic, payments(30), datetime(2021, 4, 12, 16, 59, tzinfo=UTC))
    await publish_at(kafka_bootstrap, topic, payments(20, seed=2), datetime(2021, 4, 12, 17, 1, tzinfo=UTC))
    async with consumer.running():
        await until_taken(pool, 50)
        found = await day_again(owner, kafka_bootstrap, [topic], date(2021, 4, 13))
        assert [(step.partition, step.start, step.records) for step in found.steps if step.records] == [(0, 30, 20)]
        assert (await day_again(owner, kafka_bootstrap, [topic], date(2021, 4, 14))).records == 0
        await move_back(owner, found, "rina", "")
        assert (await until_taken(pool, 70))["duplicates"] == 20


async def test_a_topic_of_facts_has_the_brokers_time_whatever_a_publishers_clock_says(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic_prefix: str, group: str
) -> None:
    name = f"{topic_prefix}bpjs.contributions.v1"
    made = Topic(name, "publishers", 1, 730 * DAY_MS, "employer", "scoring")
    assert await provision_topics(kafka_bootstrap, [made]) == (name,)
    assert await provision_topics(kafka_bootstrap, [made]) == ()
    before = datetime.now(UTC) - timedelta(seconds=5)
    await publish_at(kafka_bootstrap, name, payments(10), datetime(1971, 1, 1, tzinfo=UTC))
    (state,) = (await ingest_state(owner, kafka_bootstrap, [name], group, datetime.now(UTC))).partitions
    assert state.oldest is not None
    assert before < state.oldest < datetime.now(UTC) + timedelta(seconds=5)
    async with Consumer(kafka_bootstrap, pool, (name,), group, topic_prefix).running():
        await until_taken(pool, 10)
    today = before.date()
    assert (await day_again(owner, kafka_bootstrap, [name], today - timedelta(days=1))).records == 10
    assert (await day_again(owner, kafka_bootstrap, [name], today + timedelta(days=2))).records == 0


async def test_a_paused_topic_whose_day_is_taken_again_is_read_when_it_is_resumed(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, group: str, consumer: Consumer
) -> None:
    await publish(kafka_bootstrap, topic, payments(200), partitions=PARTITIONS)
    async with consumer.running():
        await until_taken(pool, 200)
        await switch(owner, [topic], "rina", "", paused=True)
        await move_back(owner, await day_again(owner, kafka_bootstrap, [topic], LONG_AGO), "rina", "")

        async def seen() -> bool:
            return {place: position.next for place, position in consumer.ingester._positions.items()} == dict.fromkeys(
                consumer.ingester._assigned, 0
            )

        await until(seen)
        state = await ingest_state(owner, kafka_bootstrap, [topic], group, datetime.now(UTC))
        assert sum(one.lag for one in state.partitions) == 200
        assert (await taken(pool))["records"] == 200
        await switch(owner, [topic], "rina", "", paused=False)
        assert (await until_taken(pool, 400))["duplicates"] == 200


async def test_positions_set_back_again_and_again_under_two_busy_consumers_lose_and_double_nothing(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, group: str, topic_prefix: str
) -> None:
    records = payments(10_000, seed=9)
    await publish(kafka_bootstrap, topic, records, partitions=PARTITIONS)
    consumers = [Consumer(kafka_bootstrap, pool, (topic,), group, topic_prefix, most=300) for _ in range(2)]
    async with consumers[0].running(), consumers[1].running():
        for turn in range(12):
            await until_taken(pool, 500 * (turn + 1))
            await move_back(owner, await day_again(owner, kafka_bootstrap, [topic], LONG_AGO), "rina", "")

        async def through() -> bool:
            state = await ingest_state(owner, kafka_bootstrap, [topic], group, datetime.now(UTC))
            return not sum(one.lag for one in state.partitions)

        await until(through, within=90)
    assert await pool.fetchval("select count(*) from facts") == 10_000
    counts = await taken(pool)
    assert counts["applied"] == 10_000
    assert counts["records"] == counts["applied"] + counts["duplicates"] > 10_000


# --- status --------------------------------------------------------------------------------------------------------


async def test_status_tells_lag_age_consumers_switches_and_refusals(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, group: str, consumer: Consumer
) -> None:
    moment = datetime(2021, 4, 13, 2, tzinfo=UTC)
    bad = [message("ContributionPaid", "bad", {"employer": "17000001"}), message("ContributionPaid", "x", {}, key="1")]
    await publish_at(kafka_bootstrap, topic, [*payments(10), *bad], moment)
    state = await ingest_state(owner, kafka_bootstrap, [topic], group, datetime.now(UTC))
    assert state.consumers == ()
    assert [(one.next, one.lag) for one in state.partitions] == [(None, 12), (None, 0), (None, 0), (None, 0)]
    assert state.partitions[0].oldest == moment
    consumer.ingester.client = "ingest:8086"
    async with consumer.running():
        await until_taken(pool, 12)
        await switch(owner, [topic], "budi", "before", paused=True)
        await switch(owner, [topic], "budi", "", paused=False)
        await switch(owner, [topic], "rina", "for the test", paused=True)
        state = await ingest_state(owner, kafka_bootstrap, [topic], group, datetime.now(UTC))
    assert len(state.consumers) == 1
    assert next((one.next, one.end, one.lag, one.oldest) for one in state.partitions) == (12, 12, 0, None)
    assert {one.consumer for one in state.partitions} == {*state.consumers}
    assert (state.paused[topic]["who"], state.paused[topic]["said"]) == ("rina", "for the test")
    assert all(one.startswith("ingest:8086/") for one in state.consumers)
    assert [(row["reason"], row["publisher"], row["count"]) for row in state.refused] == [("missing-field", "sipp", 2)]


async def test_status_waits_for_nothing_where_a_transaction_s_mark_is_last(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, topic: str, group: str, consumer: Consumer
) -> None:
    """The client passes over a mark without a record to show for it."""
    for partition in range(PARTITIONS):
        records = payments(3, seed=partition)
        await produce_in_transaction(kafka_bootstrap, topic, records, commit=True, partition=partition)
    async with consumer.running():
        await until_taken(pool, 3 * PARTITIONS)
        started = time.monotonic()
        state = await ingest_state(owner, kafka_bootstrap, [topic], group, datetime.now(UTC))
    assert time.monotonic() - started < 5
    assert [(one.end, one.oldest) for one in state.partitions] == [(4, None)] * PARTITIONS


# --- the commands --------------------------------------------------------------------------------------------------


async def test_the_commands_do_as_they_say(
    kafka_bootstrap: str, pool: asyncpg.Pool, owner: asyncpg.Connection, urls: Any, topic: str, group: str,
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(commands, "OF_FACTS", (topic,))
    monkeypatch.setattr(commands, "GROUP", group)
    monkeypatch.setattr(commands, "owner_url", lambda *_: urls.owner_url)
    monkeypatch.setattr(commands, "broker_address", lambda *_: kafka_bootstrap)
    monkeypatch.setattr(commands, "running_stack", lambda *_: None)
    monkeypatch.setattr(commands, "account", lambda: "rina")

    async def said(*arguments: str) -> str:
        return (await asyncio.to_thread(run, "ingest", *arguments)).output

    await publish(kafka_bootstrap, topic, payments(100), partitions=PARTITIONS)
    assert "paused" in await said("pause", "--reason", "why not")
    assert "was paused already\n" in await said("pause", "--topic", topic)
    assert "the reason is noted" in await said("pause", "--reason", "still not")
    text = await said("status")
    assert "is paused by rina since" in text
    assert "why not; still not" in text
    assert "records that wait: 100" in text
    assert "resumed" in await said("resume")
    async with consumer.running():
        await until_taken(pool, 100)
        told = json.loads(await said("status", "--json"))
        assert (told["topics"][0]["lag"], told["topics"][0]["paused"], told["refused"]) == (0, False, [])
        assert "agree, or give --yes" in str(
            (await asyncio.to_thread(run, "ingest", "again", "--day", "2020-01-01")).exception
        )
        assert "100 records are read again" in await said("again", "--day", "2020-01-01", "--yes")
        await until_taken(pool, 200)
    assert "nothing to read again" in await said("again", "--day", "2100-01-01")
    assert [what for _, what, _ in await acts(owner)] == ["pause", "pause", "resume", "again"]
