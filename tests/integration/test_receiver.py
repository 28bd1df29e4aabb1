"""The receiver on a real broker and database: each event once, in its stream's order; what is not ours is set aside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg
import orjson
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from kernel import receiver as module
from kernel.broker import Broker, DeliveryMeasures, Record
from kernel.clock import SystemClock
from kernel.inbox import Move, PositionMoved, commit, judge, plan
from kernel.log import Entry, StreamMoved, Wake
from kernel.receiver import Receiver
from schemas.topics import NOMINATION
from tests.conftest import DatabaseFactory, TopicFactory
from tests.support.delivery import Chain, produce, produce_undecodable, record_of, records_of, until, wire_for


@dataclass
class House:
    """A service that receives, in a test."""

    owner_url: str
    pool: asyncpg.Pool[Any]
    broker: Broker
    topic: str
    prefix: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    measures: DeliveryMeasures = field(init=False)

    def __post_init__(self) -> None:
        self.measures = DeliveryMeasures(self.registry)

    def receiver(self, **given: Any) -> Receiver:
        options: dict[str, Any] = {"group": self.prefix + "group", "look": 0.05} | given
        wire = wire_for("scoring", self.prefix)
        return Receiver(wire, (self.topic,), self.pool, self.broker, SystemClock(), Wake(), self.measures, **options)

    async def stored(self, stream: str | None = None) -> list[tuple[str, int]]:
        """Return what is stored, in the log's order."""
        rows = await self.pool.fetch(
            "select stream, version from events where not own and ($1::text is null or stream = $1) "
            "order by epoch, xid, position",
            stream,
        )
        return [tuple(row) for row in rows]

    async def wait_for(self, stream: str, *versions: int) -> None:
        async def there() -> bool:
            return await self.stored(stream) == [(stream, version) for version in versions]

        await until(there)

    async def letters(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many dead letters and return key, value and headers of each."""

        async def there() -> list[Any] | None:
            records = await records_of(self.broker, self.topic + ".dead-letter")
            return records if len(records) >= count else None

        return [
            {"key": record.key, "value": record.value, "headers": list(record.headers), **dict(record.headers)}
            for record in await until(there)
        ]

    async def position(self, partition: int = 0) -> int | None:
        found: int | None = await self.pool.fetchval(
            "select next_offset from received where topic = $1 and partition = $2", self.topic, partition
        )
        return found

    async def positioned(self, total: int) -> None:
        """Wait until the positions of all partitions add up to `total`."""

        async def there() -> bool:
            return bool(await self.pool.fetchval("select sum(next_offset) from received") == total)

        await until(there)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"paritrana_{name}", labels or {"topic": self.topic}) or 0.0


@pytest_asyncio.fixture
async def house(
    database: DatabaseFactory, kafka_bootstrap: str, topic_prefix: str, make_topic: TopicFactory
) -> AsyncIterator[House]:
    topic = await make_topic(NOMINATION, 2)
    await make_topic(NOMINATION + ".dead-letter", 1)
    urls = await database("scoring")
    pool = await asyncpg.create_pool(urls.login_url, min_size=1, max_size=6)
    broker = Broker(kafka_bootstrap, "test")
    yield House(urls.owner_url, pool, broker, topic, topic_prefix)
    await broker.close()
    await pool.close()


@contextlib.asynccontextmanager
async def running(*receivers: Receiver) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(receiver.run()) for receiver in receivers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_events_are_stored_once_in_their_streams_order_with_their_bytes(house: House) -> None:
    chains = [Chain(f"season/{year}") for year in range(2000, 2020)]
    entries = [chain.next() for _ in range(5) for chain in chains]
    await produce(house.broker, house.topic, *map(record_of, entries))
    receiver = house.receiver()
    async with running(receiver):
        await house.positioned(100)
        assert receiver.check() == (True, "receives 2 partitions")
    for chain in chains:
        assert await house.stored(chain.stream) == [(chain.stream, version) for version in range(1, 6)]
    rows = await house.pool.fetch("select id::text, document, hash, topic_offset from events")
    assert {row["id"]: (row["document"], row["hash"]) for row in rows} == {
        entry.id: (entry.document, entry.hash) for entry in entries
    }
    assert all(row["topic_offset"] is not None for row in rows)
    assert house.count("receiver_stored_events_total") == 100


async def test_it_goes_on_from_its_own_row_not_from_kafkas(house: House) -> None:
    chain = Chain("season/2020")
    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(3)))
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2, 3)
    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(3)))
    # A group of another name has committed nothing.
    async with running(house.receiver(group=house.prefix + "another")):
        await house.wait_for(chain.stream, 1, 2, 3, 4, 5, 6)
    assert house.count("receiver_duplicate_events_total") == 0
    assert house.count("receiver_rewinds_total", topic=house.topic, reason="another-record") == 0


async def test_duplicates_at_new_offsets_are_dropped(house: House) -> None:
    chain = Chain("season/2020")
    entries = [chain.next() for _ in range(4)]
    records = [record_of(entry) for entry in entries]
    await produce(house.broker, house.topic, *records, *records[1:3])
    async with running(house.receiver()):
        await house.positioned(6)
    assert await house.stored() == [(chain.stream, version) for version in range(1, 5)]
    assert house.count("receiver_duplicate_events_total") == 2
    assert house.count("receiver_forked_events_total") == 0


async def test_what_comes_early_is_held_until_the_gap_closes(house: House) -> None:
    chain = Chain("season/2020")
    one, two, three, four, five = (record_of(chain.next()) for _ in range(5))
    await produce(house.broker, house.topic, one, four, three)
    async with running(house.receiver()):
        await house.positioned(3)
        assert await house.stored() == [(chain.stream, 1)]
        assert await house.pool.fetchval("select count(*) from held") == 2
        await produce(house.broker, house.topic, five, two)
        await house.wait_for(chain.stream, 1, 2, 3, 4, 5)
    assert not await house.pool.fetch("select from held")


async def test_a_gap_within_one_batch_closes_within_it(house: House) -> None:
    chain = Chain("season/2020")
    entries = [chain.next() for _ in range(6)]
    await produce(house.broker, house.topic, *(record_of(entries[i]) for i in (5, 3, 1, 0, 2, 4)))
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2, 3, 4, 5, 6)
    assert not await house.pool.fetch("select from held")


async def test_held_events_whose_gap_closed_elsewhere_are_stored_at_the_next_look(house: House) -> None:
    chain = Chain("season/2020")
    one, two, three = (chain.next() for _ in range(3))
    await house.pool.execute(
        "insert into held (stream, version, topic, partition, topic_offset, document) values ($1, 3, $2, 0, 7, $3)",
        chain.stream, house.topic, three.document,
    )  # fmt: skip
    await produce(house.broker, house.topic, record_of(one), record_of(two))
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2, 3)
    four = chain.next()
    await house.pool.execute(
        "insert into held (stream, version, topic, partition, topic_offset, document) values ($1, 4, $2, 0, 8, $3)",
        chain.stream, house.topic, four.document,
    )  # fmt: skip
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2, 3, 4)
    assert not await house.pool.fetch("select from held")


async def test_an_old_gap_reads_the_topic_again_and_then_alarms(house: House) -> None:
    chain = Chain("season/2020")
    one, two, three = (record_of(chain.next()) for _ in range(3))
    await produce(house.broker, house.topic, one, three)

    async def alarmed() -> bool:
        return house.registry.get_sample_value("paritrana_receiver_gaps") == 1

    async with running(house.receiver(gap=timedelta(seconds=0.2))):
        await until(alarmed)
        assert house.registry.get_sample_value("paritrana_receiver_held_events") == 1
        assert house.count("receiver_rewinds_total", topic=house.topic, reason="gap") == 2
        assert house.count("receiver_duplicate_events_total") >= 1, "the topic was read again"
        await produce(house.broker, house.topic, two)
        await house.wait_for(chain.stream, 1, 2, 3)

        async def quiet() -> bool:
            return house.registry.get_sample_value("paritrana_receiver_gaps") == 0

        await until(quiet)


async def test_a_gap_that_the_topic_can_fill_is_closed_by_reading_it_again(house: House) -> None:
    chain = Chain("season/2020")
    one, two, three = (record_of(chain.next()) for _ in range(3))
    offsets = await produce(house.broker, house.topic, one, two, three)
    # As if a position had once moved past an event that was never stored.
    cluster = (await house.broker.cluster()).id
    partitions = await records_of(house.broker, house.topic)
    await house.pool.execute(
        "insert into received (topic, partition, next_offset, cluster) values ($1, $2, $3, $4)",
        house.topic, partitions[0].partition, offsets[2], cluster,
    )  # fmt: skip
    async with running(house.receiver(gap=timedelta(seconds=0.2))):
        await house.wait_for(chain.stream, 1, 2, 3)


async def test_another_event_under_a_version_is_a_fork_and_not_stored(house: House) -> None:
    chain = Chain("season/2020")
    entries = [chain.next(), chain.next()]
    other = Chain("season/2020")
    forked = [other.next()]
    assert forked[0].hash != entries[0].hash
    await produce(house.broker, house.topic, *map(record_of, [*entries, *forked]))
    async with running(house.receiver()):
        await house.positioned(3)
    assert await house.stored() == [(chain.stream, 1), (chain.stream, 2)]
    assert house.count("receiver_forked_events_total") == 1
    hashes = [row["hash"] for row in await house.pool.fetch("select hash from events order by version")]
    assert hashes == [entry.hash for entry in entries]


def poison() -> dict[str, tuple[str, Callable[[Chain], Record]]]:
    def other(**given: Any) -> Callable[[Chain], Record]:
        return lambda chain: record_of(chain.fork(**given))

    def changed(chain: Chain) -> Record:
        document = orjson.loads(chain.fork().document)
        document["data"]["number"] = 99
        return Record(chain.stream.encode(), orjson.dumps(document, option=orjson.OPT_SORT_KEYS), [])

    future = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "no value": ("empty", lambda chain: Record(chain.stream.encode(), None, [])),
        "neither key nor value": ("empty", lambda _: Record(None, None, [])),
        "an empty value": ("empty", lambda chain: Record(chain.stream.encode(), b"", [])),
        "no JSON": ("not-canonical", lambda chain: Record(chain.stream.encode(), b"hello", [])),
        "a NUL byte": ("not-canonical", lambda chain: Record(chain.stream.encode(), b"\x00", [])),
        "no UTF-8": ("not-canonical", lambda chain: Record(b"\xff", b'"\xff"', [("h", b"\xff"), ("n", None)])),
        "spaces": (
            "not-canonical",
            lambda chain: Record(chain.stream.encode(), chain.fork().document.replace(":", ": ", 1).encode(), []),
        ),
        "deep": ("not-canonical", lambda chain: Record(chain.stream.encode(), b"[" * 3000 + b"]" * 3000, [])),
        "3 MB": ("not-canonical", lambda chain: Record(chain.stream.encode(), b"x" * 3_000_000, [])),
        "nearly all that the broker takes": (
            "not-canonical",
            lambda chain: Record(chain.stream.encode(), b"x" * 4_194_200, []),
        ),
        "another object": ("not-an-event", lambda chain: Record(chain.stream.encode(), b"{}", [])),
        "changed data": ("not-an-event", changed),
        "another source": ("not-an-event", other(source="/paritrana/identity")),
        "a stream of another topic": (
            "not-the-owner", lambda _: record_of(Chain("indicator/1", "scoring").next(), key=b"indicator/1")
        ),
        "another key": ("wrong-key", lambda chain: record_of(chain.fork(), key=b"season/1999")),
        "no key": ("wrong-key", lambda chain: record_of(chain.fork(), key=None)),
        "another prevhash": ("wrong-chain", other(prevhash="00" * 32)),
        "the future": ("future-dated", other(time=future)),
    }  # fmt: skip


@pytest.mark.parametrize("name", poison())
async def test_poison_is_set_aside_and_the_partition_goes_on(house: House, name: str) -> None:
    reason, make = poison()[name]
    chain = Chain("season/2020")
    first = chain.next()
    bad = make(chain)
    second = chain.next()
    await produce(house.broker, house.topic, record_of(first), bad, record_of(second), partition=0)
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2)
        (letter,) = await house.letters(1)
    assert letter["reason"].decode() == reason
    assert (letter["topic"].decode(), letter["partition"], letter["offset"]) == (house.topic, b"0", b"1")
    if "value-bytes" in letter:
        assert (letter["value"], letter["value-bytes"]) == (None, b"%d" % len(bad.value or b""))
    else:
        assert (letter["key"], letter["value"]) == (bad.key, bad.value)
        if reason != "wrong-chain":
            assert letter["headers"][: len(bad.headers)] == bad.headers
    assert house.count("dead_letters_total", topic=house.topic, reason=reason) == 1
    assert await house.position() == 3


async def test_a_batch_that_the_client_cannot_decode_is_noted_and_passed_over(house: House) -> None:
    chain, other = Chain("season/2020"), Chain("season/2021")
    await produce(house.broker, house.topic, record_of(chain.next()), partition=0)
    await produce_undecodable(house.broker, house.topic)
    await produce(house.broker, house.topic, record_of(chain.next()), partition=0)
    await produce(house.broker, house.topic, record_of(other.next()), record_of(other.next()), partition=1)
    with patch.object(module, "_STILL_SECONDS", 0.3):
        async with running(house.receiver()):
            await house.wait_for(chain.stream, 1, 2)
            await house.wait_for(other.stream, 1, 2)
            await produce(house.broker, house.topic, record_of(chain.next()), partition=0)
            await house.wait_for(chain.stream, 1, 2, 3)
            (letter,) = await house.letters(1)
    assert (letter["reason"], letter["offset"]) == (b"undecodable", b"1")
    assert b"offsets 1 to 2" in letter["detail"]
    assert await house.position() == 5


async def test_an_id_that_another_event_has_is_set_aside(house: House) -> None:
    chain, other = Chain("season/2020"), Chain("season/2021")
    first = chain.next()
    thief = other.next(id=first.id)
    await produce(house.broker, house.topic, record_of(first), record_of(thief), record_of(chain.next()), partition=0)
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2)
        (letter,) = await house.letters(1)
    assert letter["reason"] == b"used-id"
    assert await house.stored(other.stream) == []


async def test_a_held_event_that_does_not_fit_is_set_aside_when_its_gap_closes(house: House) -> None:
    chain = Chain("season/2020")
    one, two, three = chain.next(), chain.next(), chain.next(prevhash="11" * 32)
    await produce(house.broker, house.topic, record_of(one), record_of(three), record_of(two), partition=0)
    async with running(house.receiver()):
        await house.wait_for(chain.stream, 1, 2)
        (letter,) = await house.letters(1)
    assert (letter["reason"], letter["offset"]) == (b"wrong-chain", b"1")
    assert not await house.pool.fetch("select from held")


async def test_a_new_cluster_is_read_from_the_earliest_offset(house: House) -> None:
    chain = Chain("season/2020")
    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(3)))
    async with running(house.receiver()):
        await house.positioned(3)
    await house.pool.execute("update received set cluster = 'another', next_offset = 2")
    async with running(house.receiver()):
        await house.positioned(3)
        assert house.count("receiver_rewinds_total", topic=house.topic, reason="new-cluster") == 2
    assert await house.stored() == [(chain.stream, version) for version in (1, 2, 3)]
    assert house.count("receiver_duplicate_events_total") == 3
    assert {row["cluster"] for row in await house.pool.fetch("select cluster from received")} == {
        (await house.broker.cluster()).id
    }


async def recreated(house: House, kafka_bootstrap: str, make_topic: TopicFactory) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([house.topic])

        async def gone() -> bool:
            return house.topic not in (await house.broker.cluster()).partitions

        await until(gone)
    finally:
        await admin.close()
    await make_topic(NOMINATION, 2)


@pytest.mark.parametrize(("before", "after", "reason"), [(3, 1, "topic-ends-earlier"), (2, 4, "another-record")])
async def test_a_topic_made_anew_is_read_from_the_earliest_offset(
    house: House, kafka_bootstrap: str, make_topic: TopicFactory, before: int, after: int, reason: str
) -> None:
    chain, other = Chain("season/2020"), Chain("season/2021")
    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(before)), partition=0)
    async with running(house.receiver()):
        await house.positioned(before)
    await recreated(house, kafka_bootstrap, make_topic)
    await produce(house.broker, house.topic, *(record_of(other.next()) for _ in range(after)), partition=0)
    async with running(house.receiver()):
        await house.wait_for(other.stream, *range(1, after + 1))
    assert house.count("receiver_rewinds_total", topic=house.topic, reason=reason) == 1


async def test_a_failing_database_loses_nothing(house: House) -> None:
    chain = Chain("season/2020")
    failures = iter([OSError("gone"), asyncpg.InterfaceError("closed"), RuntimeError("a bug"), TimeoutError()])

    async def failing(*args: Any) -> None:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        await commit(*args)

    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(5)))
    with patch.object(module, "commit", failing):
        async with running(house.receiver()):
            await house.wait_for(chain.stream, 1, 2, 3, 4, 5)
    assert next(failures, None) is None
    assert house.count("receiver_stored_events_total") == 5


async def test_what_the_client_hands_over_out_of_turn_is_not_taken(house: House) -> None:
    chain = Chain("season/2020")
    await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(5)), partition=0)
    records = await records_of(house.broker, house.topic)
    receiver = house.receiver()
    async with running(receiver):
        await house.positioned(5)
        await receiver._handle(records[1:3])
        await receiver._handle(records[:1])
        six, seven = [record_of(chain.next()) for _ in range(2)]
        await produce(house.broker, house.topic, six, seven, partition=0)
        await house.wait_for(chain.stream, 1, 2, 3, 4, 5, 6, 7)
    assert house.count("receiver_stored_events_total") == 7
    assert house.count("receiver_duplicate_events_total") == 0


async def test_a_hole_that_the_client_left_is_read_apart(house: House) -> None:
    chain = Chain("season/2020")
    receiver = house.receiver()
    take = Receiver._take
    lost: list[Any] = []

    async def losing(self: Receiver, records: Any) -> None:
        if not lost and len(records) > 2:
            lost.append(records[:2])
            records = records[2:]
        await take(self, records)

    await produce(house.broker, house.topic, record_of(chain.next()), partition=0)
    with patch.object(Receiver, "_take", losing):
        async with running(receiver):
            await house.wait_for(chain.stream, 1)
            async with receiver._busy:
                await produce(house.broker, house.topic, *(record_of(chain.next()) for _ in range(4)), partition=0)
            await house.wait_for(chain.stream, 1, 2, 3, 4, 5)
    assert house.count("receiver_duplicate_events_total") == 0


def arrivals_of(house: House, *entries: Entry) -> list[Any]:
    @dataclass
    class Told:
        key: bytes
        value: bytes
        offset: int
        topic: str = house.topic
        partition: int = 0
        headers: tuple[Any, ...] = ()

    wire, now = wire_for("scoring", house.prefix), datetime.now(UTC)
    return [judge(Told(e.stream.encode(), e.document.encode(), n), wire, now) for n, e in enumerate(entries)]


async def test_of_two_readers_of_one_batch_only_one_stores_it(house: House) -> None:
    chain = Chain("season/2020")
    arrivals = arrivals_of(house, chain.next(), chain.next())
    await house.pool.execute("insert into received values ($1, 0, 0, null, 'cluster')", house.topic)
    move = Move(house.topic, 0, 0, 2, b"digest")
    async with house.pool.acquire() as one, house.pool.acquire() as two:
        plans = [await plan(one, arrivals), await plan(two, arrivals)]
        await commit(one, plans[0], [move], "cluster")
        with pytest.raises(StreamMoved):
            await commit(two, plans[1], [move], "cluster")
        again = await plan(two, arrivals)
        assert (again.stored, len(again.duplicates)) == ([], 2)
        with pytest.raises(PositionMoved):
            await commit(two, again, [move], "cluster")
    assert await house.stored() == [(chain.stream, 1), (chain.stream, 2)]


async def test_a_batch_that_began_elsewhere_or_in_another_cluster_writes_nothing(house: House) -> None:
    chain = Chain("season/2020")
    arrivals = arrivals_of(house, chain.next())
    await house.pool.execute("insert into received values ($1, 0, 5, null, 'cluster')", house.topic)
    async with house.pool.acquire() as connection:
        planned = await plan(connection, arrivals)
        for expected, cluster in ((4, "cluster"), (6, "cluster"), (5, "another")):
            with pytest.raises(PositionMoved):
                await commit(connection, planned, [Move(house.topic, 0, expected, 9, None)], cluster)
    assert await house.stored() == []
    assert await house.position() == 5


async def test_holding_an_event_and_storing_its_predecessor_do_not_pass_each_other(house: House) -> None:
    chain = Chain("season/2020")
    first, second, third = arrivals_of(house, chain.next(), chain.next(), chain.next())
    async with house.pool.acquire() as one, house.pool.acquire() as two:
        await commit(one, await plan(one, [first]), [], "")
        holding, storing = await plan(one, [third]), await plan(two, [second])
        assert (len(holding.hold), len(storing.stored)) == (1, 1)
        await commit(two, storing, [], "")
        with pytest.raises(StreamMoved):
            await commit(one, holding, [], "")
    assert not await house.pool.fetch("select from held")


async def test_two_receivers_share_the_partitions_and_hand_over(house: House) -> None:
    chains = [Chain(f"season/{year}") for year in range(2000, 2020)]
    first, second = house.receiver(), house.receiver()
    task = asyncio.create_task(first.run())
    await produce(house.broker, house.topic, *(record_of(chain.next()) for chain in chains))
    await house.positioned(20)
    async with running(second):

        async def shared() -> bool:
            return first.check() == second.check() == (True, "receives 1 partitions")

        await until(shared)
        await produce(house.broker, house.topic, *(record_of(chain.next()) for chain in chains))
        await house.positioned(40)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await produce(house.broker, house.topic, *(record_of(chain.next()) for chain in chains))
        await house.positioned(60)
    for chain in chains:
        assert await house.stored(chain.stream) == [(chain.stream, version) for version in (1, 2, 3)]
    assert house.count("receiver_duplicate_events_total") == 0


async def test_nothing_is_ready_before_partitions_are_assigned(house: House) -> None:
    receiver = house.receiver()
    assert receiver.check() == (False, "no partitions assigned yet")
    async with running(receiver):

        async def ready() -> bool:
            return receiver.check()[0]

        await until(ready)
    assert receiver.check()[0] is False


async def test_a_broker_that_is_away_is_waited_for(house: House) -> None:
    receiver = house.receiver()
    away = Broker("127.0.0.1:1", "test")
    receiver.broker = away
    with patch.object(module, "_LONGEST_PAUSE", 0.1):
        async with running(receiver):
            assert (await away.check())[0] is False
            receiver.broker = house.broker

            async def ready() -> bool:
                return receiver.check()[0]

            await until(ready)
    await away.close()


class Deaf:
    """A client whose questions are never answered any more, as when the task that learns of the partitions has died."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    async def beginning_offsets(self, _places: Any) -> Any:
        await asyncio.Event().wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


async def test_a_client_that_hears_no_answers_is_replaced_by_one_that_does(house: House) -> None:
    chain = Chain("season/2020")
    await produce(house.broker, house.topic, record_of(chain.next()))
    receiver = house.receiver(deaf=0.2)
    with patch.object(module, "ANSWER_SECONDS", 0.2):
        async with running(receiver):
            await house.wait_for(chain.stream, 1)
            deaf = Deaf(receiver._consumer)
            receiver._consumer = deaf
            receiver._positions.clear()

            async def replaced() -> bool:
                return receiver._consumer not in {None, deaf} and receiver.check()[0]

            await until(replaced)
            await produce(house.broker, house.topic, record_of(chain.next()))
            await house.wait_for(chain.stream, 1, 2)


async def test_a_client_that_never_comes_back_into_its_group_is_replaced(house: House) -> None:
    chain = Chain("season/2020")
    await produce(house.broker, house.topic, record_of(chain.next()))
    receiver = house.receiver(deaf=0.2)
    async with running(receiver):
        await house.wait_for(chain.stream, 1)
        lost = receiver._consumer
        with patch.object(module, "_SILENT_SECONDS", 0.2):
            await receiver.on_partitions_revoked(())

            async def unready() -> bool:
                return not receiver.check()[0]

            await until(unready)

            async def replaced() -> bool:
                return receiver._consumer not in {None, lost}

            await until(replaced)
        await produce(house.broker, house.topic, record_of(chain.next()))
        await house.wait_for(chain.stream, 1, 2)
        assert receiver.check()[0]
