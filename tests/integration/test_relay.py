"""The relay and the comparison of log and topics, on a real broker and database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from kernel.broker import Broker, Publisher
from kernel.canonical import instant
from kernel.decider import Position
from kernel.log import CommandRow
from kernel.relay import Relay
from schemas.topics import NOMINATION
from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.delivery import (
    Chain,
    Log,
    produce,
    produce_undecodable,
    record_of,
    records_of,
    until,
    versions,
    wire_for,
    without_repeats,
)

LogFactory = Callable[[], Awaitable[Log]]


@pytest_asyncio.fixture
async def topic(make_topic: TopicFactory) -> str:
    return await make_topic(NOMINATION, 4)


@pytest_asyncio.fixture
async def make_log(
    database: DatabaseFactory, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> AsyncIterator[LogFactory]:
    made: list[Log] = []

    async def make() -> Log:
        urls = await database("nomination")
        pool = await asyncpg.create_pool(urls.login_url, min_size=1, max_size=6)
        broker = Broker(kafka_bootstrap, "test")
        log = Log("nomination", urls.owner_url, urls.login_url, pool, broker, wire_for("nomination", topic_prefix))
        made.append(log)
        return log

    yield make
    for log in made:
        await log.broker.close()
        await log.pool.close()


@pytest_asyncio.fixture
async def log(make_log: LogFactory) -> Log:
    return await make_log()


@contextlib.asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def published(log: Log, topic: str, count: int) -> list[Any]:
    """Wait until so many records are in the topic and the checkpoint is past every event."""

    async def there() -> list[Any] | None:
        if await log.pool.fetchval(
            "select count(*) from events where own and (epoch, xid, position) > "
            "(select epoch, xid, position from relay_checkpoint)"
        ):
            return None
        records = await records_of(log.broker, topic)
        return records if len(records) >= count else None

    records: list[Any] = await until(there)
    return records


async def test_own_events_are_published_in_order_as_their_exact_bytes(log: Log, topic: str) -> None:
    chains = [Chain(f"season/{year}") for year in range(2000, 2020)]
    async with running(log.relay()):
        for _ in range(5):
            for chain in chains:
                await log.say(chain)
        records = await published(log, topic, 100)
    assert len(records) == 100
    for chain in chains:
        assert versions(records, chain.stream) == [1, 2, 3, 4, 5]
    stored = {str(row["id"]): row["document"].encode() for row in await log.events()}
    for record in records:
        headers = dict(record.headers)
        assert record.value == stored[headers["id"].decode()]
        assert headers["type"] == b"id.go.paritrana.nomination.Tested.v1"
        assert headers["subject"] == record.key
    assert {record.partition for record in records} == {0, 1, 2, 3}


async def test_received_events_are_not_published_and_the_checkpoint_passes_them(log: Log, topic: str) -> None:
    foreign, own = Chain("ranking/2020/national/00/BESAR/final", "scoring"), Chain("season/2020")
    await log.write(*(foreign.next() for _ in range(50)), own=False)
    await log.say(own)
    with patch("kernel.relay._SETTLE_SECONDS", 0.0):
        async with running(log.relay()):
            assert len(await published(log, topic, 1)) == 1
            await log.write(*(foreign.next() for _ in range(50)), own=False)
            last = (await log.events())[-1]
            end = (last["epoch"], last["xid"], last["position"])

            async def passed() -> bool:
                return await log.checkpoint() == end

            await until(passed)


async def test_a_crash_between_acknowledgement_and_checkpoint_repeats_and_skips_nothing(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 30)
    acknowledged = asyncio.Event()

    async def crash(*_args: object) -> None:
        acknowledged.set()
        await asyncio.Event().wait()

    with patch.object(Relay, "_save", crash):
        async with running(log.relay(batch=10)):
            await asyncio.wait_for(acknowledged.wait(), 20)
    before = await records_of(log.broker, topic)
    assert before, "the broker acknowledged before the relay died"
    assert await log.checkpoint() == (0, 0, 0)
    async with running(log.relay()):
        records = await published(log, topic, len(before) + 30)
    assert without_repeats(versions(records, chain.stream)) == list(range(1, 31))
    assert versions(records, chain.stream)[len(before) :] == list(range(1, 31))


async def test_it_goes_on_from_the_checkpoint_and_repeats_nothing(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 10)
    async with running(log.relay()):
        await published(log, topic, 10)
    await log.say(chain, 10)
    async with running(log.relay()):
        records = await published(log, topic, 20)
    assert versions(records, chain.stream) == list(range(1, 21))
    assert [report.republished for report in log.reports] == [None, None]


async def test_only_one_of_two_relays_publishes_and_the_other_takes_over(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    first = asyncio.create_task(log.relay().run())
    await log.say(chain, 5)
    await published(log, topic, 5)
    async with running(log.relay()):
        await log.say(chain, 5)
        await published(log, topic, 10)
        assert len(log.reports) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await log.say(chain, 5)
        records = await published(log, topic, 15)
    assert len(log.reports) == 2
    assert versions(records, chain.stream) == list(range(1, 16))


async def test_a_version_out_of_order_stops_its_stream_only_and_a_restart_mends_it(log: Log, topic: str) -> None:
    bad, good = Chain("season/2020"), Chain("season/2021")
    await log.say(bad, 3)
    await log.say(good, 1)
    read = Relay._read

    async def without_the_gate(self: Relay, after: Position) -> Any:
        """Return events as a reader without the gate may see them: a late commit after what it precedes."""
        batch = await read(self, after)
        return replace(batch, rows=sorted(batch.rows, key=lambda row: (row["stream"] == bad.stream, -row["version"])))

    with patch.object(Relay, "_read", without_the_gate):
        async with running(log.relay()):
            records = await published(log, topic, 1)

            async def stopped() -> Any:
                return await log.pool.fetch("select stream, version from relay_stopped")

            assert [tuple(row) for row in await until(stopped)] == [("season/2020", 0)]
    assert versions(records, good.stream) == [1]
    assert versions(records, bad.stream) == []
    await log.say(bad, 1)
    async with running(log.relay()):
        records = await published(log, topic, 5)
    assert versions(records, bad.stream) == [1, 2, 3, 4]
    assert not await log.pool.fetch("select from relay_stopped")


async def test_a_stream_that_no_topic_of_ours_carries_is_stopped_and_the_others_go_on(log: Log, topic: str) -> None:
    alien, good = Chain("sheet/forged/seleksi/somebody"), Chain("season/2021")
    await log.say(alien, 1)
    await log.say(good, 2)
    for _ in range(2):
        async with running(log.relay()):
            records = await published(log, topic, 2)
    assert without_repeats(versions(records, good.stream)) == [1, 2]
    assert versions(records, alien.stream) == []
    assert [row["stream"] for row in await log.pool.fetch("select stream from relay_stopped")] == [alien.stream]


async def test_an_event_larger_than_the_broker_takes_stops_its_stream_only(log: Log, topic: str) -> None:
    large, good = Chain("season/2020"), Chain("season/2021")
    await log.say(large, 1)
    await log.write(large.next(data={"text": "x" * 5_000_000}))
    await log.say(large, 1)
    await log.say(good, 2)
    async with running(log.relay()):
        records = await published(log, topic, 3)
    assert without_repeats(versions(records, large.stream)) == [1]
    assert without_repeats(versions(records, good.stream)) == [1, 2]
    assert await log.pool.fetchval("select version from relay_stopped") == 1


async def test_a_topic_that_lost_its_records_is_published_again_from_the_start(
    log: Log, topic: str, kafka_bootstrap: str, make_topic: TopicFactory
) -> None:
    chains = [Chain(f"season/{year}") for year in range(2000, 2008)]
    for chain in chains:
        await log.say(chain, 2)
    async with running(log.relay()):
        await published(log, topic, 16)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in (await log.broker.cluster()).partitions

        await until(gone)
    finally:
        await admin.close()
    await make_topic(NOMINATION, 4)
    async with running(log.relay()):
        records = await published(log, topic, 16)
    assert log.reports[-1].republished is not None
    for chain in chains:
        assert versions(records, chain.stream) == [1, 2]


async def test_another_record_where_ours_was_is_noticed(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 3)
    async with running(log.relay()):
        await published(log, topic, 3)
    await log.pool.execute("update relayed set digest = '\\x00'")
    report = await log.reconciler().run()
    assert report.republished is not None
    assert "another record at offset 2" in report.republished
    assert await log.checkpoint() == (0, 0, 0)


async def test_a_new_cluster_is_published_to_from_the_start(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 3)
    async with running(log.relay()):
        await published(log, topic, 3)
    await log.pool.execute("update relay_checkpoint set cluster = 'another'")
    async with running(log.relay()):
        records = await published(log, topic, 6)
    assert versions(records, chain.stream) == [1, 2, 3, 1, 2, 3]
    assert await log.pool.fetchval("select cluster from relay_checkpoint") == (await log.broker.cluster()).id


async def test_nothing_is_done_when_nothing_happened(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 3)
    async with running(log.relay()):
        await published(log, topic, 3)
    before = await log.checkpoint()
    started = asyncio.get_running_loop().time()
    report = await log.reconciler().run()
    assert asyncio.get_running_loop().time() - started < 3
    assert (report.opened, report.epoch, report.republished, report.taken_back) == (False, 1, None, 0)
    assert await log.checkpoint() == before


async def copy_of(log: Log, make_log: LogFactory) -> Log:
    """Return a log with the same rows, as a restored copy of the database has them."""
    copy = await make_log()
    source, target = await asyncpg.connect(log.owner_url), await asyncpg.connect(copy.owner_url)
    try:
        for table in ("epochs", "heads", "relayed", "relay_checkpoint"):
            rows = await source.fetch(f"select * from {table}")
            if table in ("epochs", "relay_checkpoint"):
                await target.execute("alter table epochs disable trigger user")
                await target.execute(f"delete from {table}")
            if rows:
                await target.copy_records_to_table(table, records=[tuple(row) for row in rows])
        rows = await source.fetch("select * from events order by position")
        columns = [name for name in rows[0].keys() if name != "position"]  # noqa: SIM118 - a record iterates values
        await target.copy_records_to_table(
            "events", records=[tuple(row[name] for name in columns) for row in rows], columns=columns
        )
        await target.execute("alter table epochs enable trigger user")
    finally:
        await source.close()
        await target.close()
    return copy


async def test_a_restored_copy_takes_back_events_and_commands_in_causal_order(
    log: Log, topic: str, make_log: LogFactory
) -> None:
    season, committee = Chain("season/2020"), Chain("committee/2020/75")
    async with running(log.relay()):
        await log.say(season, 2)
        await published(log, topic, 2)
        copy = await copy_of(log, make_log)
        # One command on two streams, then an effect of it elsewhere, then a refusal, which is never remembered.
        time = instant(season.started + timedelta(seconds=1))
        opened, formed = (chain.next(commandid="key-1", time=time) for chain in (season, committee))
        await log.write(opened, formed, command=CommandRow("system", "POST /v1/seasons", "key-1", b"digest"))
        plenary = Chain("plenary/0198")
        effect = plenary.next(commandid="key-2", causationid=formed.id, time=time)
        await log.write(effect, command=CommandRow("system", "reaction/x", "key-2", b"d"))
        refusal = Chain("refusal/nomination/system/2020-01-01").next(commandid="key-3")
        await log.write(refusal)
        await published(log, topic, 6)
    report = await copy.reconciler().run()
    assert (report.taken_back, report.opened, report.epoch, report.reason) == (4, True, 2, "restored")
    assert (report.forks, report.unfit, report.foreign, report.republished) == (0, 0, 0, None)
    rows = {str(row["id"]): row for row in await copy.events()}
    originals = {str(row["id"]): row for row in await log.events()}
    assert rows.keys() == originals.keys()
    assert all(rows[key]["document"] == originals[key]["document"] for key in rows)
    assert all(rows[entry.id]["epoch"] == 2 for entry in (opened, formed, effect, refusal))
    order = [str(row["id"]) for row in await copy.events()]
    assert order.index(formed.id) < order.index(effect.id)
    remembered = await copy.pool.fetch(
        "select command_actor, command_route, command_key, command_digest from events "
        "where command_key is not null order by command_key"
    )
    assert [tuple(row) for row in remembered] == [("system", "", "key-1", None), ("system", "", "key-2", None)]
    assert rows[opened.id]["xid"] == rows[formed.id]["xid"], "a command's events come back in one append"
    heads = {row["stream"]: row["version"] for row in await copy.pool.fetch("select stream, version from heads")}
    assert heads == {
        "season/2020": 3,
        "committee/2020/75": 1,
        "plenary/0198": 1,
        "refusal/nomination/system/2020-01-01": 1,
    }
    # Nothing is left to do the next time, and the copy goes on where the lost database was.
    again = await copy.reconciler().run()
    assert (again.taken_back, again.opened, again.epoch) == (0, False, 2)
    await copy.say(season, 1)
    async with running(copy.relay()):
        records = await published(copy, topic, 7)
    assert without_repeats(versions(records, "season/2020")) == [1, 2, 3, 4]


async def test_what_only_lies_in_our_topic_is_not_taken_back(log: Log, topic: str) -> None:
    season = Chain("season/2020")
    await log.say(season, 1)
    async with running(log.relay()):
        await published(log, topic, 1)
    stranger = Chain("ranking/2020/national/00/BESAR/final", "scoring").next()
    fork = Chain("season/2020").next()
    gap = Chain("season/2021")
    gap.next()
    await produce(log.broker, topic, record_of(stranger), record_of(fork), record_of(gap.next()))
    await produce(log.broker, topic, record_of(season.next(), key=b"season/1999"))
    later = instant(datetime.now(UTC) + timedelta(days=1))
    await produce(log.broker, topic, record_of(Chain("season/2022").next(time=later)))
    (known,) = await log.events()
    await produce(log.broker, topic, record_of(Chain("season/2023").next(id=str(known["id"]))))
    report = await log.reconciler().run()
    assert (report.taken_back, report.foreign, report.forks, report.unfit) == (0, 2, 1, 3)
    assert not report.opened
    assert len(await log.events()) == 1


async def test_a_batch_in_our_topic_that_no_client_can_decode_holds_up_no_start(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 1)
    await produce_undecodable(log.broker, topic)
    lacking = Chain("season/2021").next()
    await produce(log.broker, topic, record_of(lacking))
    report = await log.reconciler().run()
    assert (report.taken_back, report.foreign) == (1, 1)


async def test_transaction_ids_that_went_back_open_a_new_epoch(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 1)
    owner = await asyncpg.connect(log.owner_url)
    try:
        await owner.execute("alter table events disable trigger user")
        await owner.execute("update events set xid = '9000000000'")
        await owner.execute("alter table events enable trigger user")
    finally:
        await owner.close()
    report = await log.reconciler().run()
    assert (report.opened, report.epoch, report.reason) == (True, 2, "restored")
    await log.say(chain, 1)
    async with running(log.relay()):
        records = await published(log, topic, 2)
    assert versions(records, chain.stream) == [1, 2]


async def test_another_database_cluster_opens_a_new_epoch(log: Log, topic: str) -> None:
    owner = await asyncpg.connect(log.owner_url)
    try:
        await owner.execute("alter table epochs disable trigger user")
        await owner.execute("update epochs set system_identifier = '1'")
        await owner.execute("alter table epochs enable trigger user")
    finally:
        await owner.close()
    report = await log.reconciler().run()
    assert (report.opened, report.epoch, report.reason) == (True, 2, "new-cluster")
    assert (await log.reconciler().run()).opened is False


async def test_a_silent_producer_is_dropped_and_another_goes_on(log: Log, topic: str) -> None:
    chain = Chain("season/2020")
    await log.say(chain, 3)
    real, hung = Publisher.send, asyncio.Event()

    async def hang(self: Publisher, *args: Any) -> Any:
        if not hung.is_set():
            hung.set()
            await asyncio.Event().wait()
        return await real(self, *args)

    with patch.object(Publisher, "send", hang):
        async with running(log.relay(patience=0.2)):
            records = await published(log, topic, 3)
    assert hung.is_set()
    assert versions(records, chain.stream) == [1, 2, 3]
