"""Dead letters on a real broker: what was set aside is found again, newest first, and published again as it came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from deploy.local import replay as room
from deploy.local.replay import Kept, Wanted, newest, replay
from kernel.broker import Broker, DeliveryMeasures, Place, read_until
from kernel.dead_letters import SUFFIX, DeadLetters, Letter
from tests.conftest import TopicFactory

HEADERS = (("ce_id", b"p-1"), ("ce_source", b"/bpjs/sipp"), ("reason", b"the publisher's own"))


@pytest_asyncio.fixture
async def topic(make_topic: TopicFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of facts of the test's own, and that of its dead letters."""
    name = await make_topic("facts", 3)
    await make_topic(f"facts{SUFFIX}")
    monkeypatch.setattr(room, "KEPT", (name,))
    monkeypatch.setattr(room, "OF_FACTS", frozenset({name}))
    return name


@pytest_asyncio.fixture
async def box(kafka_bootstrap: str) -> AsyncIterator[DeadLetters]:
    letters = DeadLetters(Broker(kafka_bootstrap, "test"), DeliveryMeasures(CollectorRegistry()))
    yield letters
    await letters.close()


def letter(topic: str, offset: int, reason: str = "wrong-field") -> Letter:
    value = b'{"amount": -1, "n": %d, "\xff": 0}' % offset
    return Letter(topic, 2, offset, b"NPP-1", value, HEADERS, reason, "write whole rupiah")


async def records_in(kafka_bootstrap: str, topic: str) -> list[tuple[int, bytes, bytes, tuple[tuple[str, bytes], ...]]]:
    found = []
    async with Broker(kafka_bootstrap, "test").reader() as consumer:
        places = [TopicPartition(topic, number) for number in range(3)]
        ends = await consumer.end_offsets(places)
        async for records in read_until(consumer, dict.fromkeys(places, 0), ends):
            found += [(one.partition, one.key, one.value, tuple(one.headers)) for one in records]
    return found


def every(found: list[Kept]) -> Collection[str]:
    return [kept.letter.address for kept in found]


async def test_letters_are_listed_newest_first_and_each_once(
    topic: str, box: DeadLetters, kafka_bootstrap: str
) -> None:
    # The first lies there twice, as after a receiver that fell before it moved on.
    await box.post([letter(topic, 1), letter(topic, 2, "used-id"), letter(topic, 1), letter(topic, 3)])
    found, count = await newest(kafka_bootstrap, Wanted(), 50)
    assert count == 3
    assert {kept.letter.offset for kept in found} == {1, 2, 3}
    assert [kept.at for kept in found] == sorted((kept.at for kept in found), reverse=True)
    assert {(kept.publisher, kept.id) for kept in found} == {("sipp", "p-1")}
    (last,), count = await newest(kafka_bootstrap, Wanted(reason="wrong-field"), 1)
    assert (last.letter.offset, count) == (3, 2)
    assert await newest(kafka_bootstrap, Wanted(publisher="nobody"), 50) == ([], 0)


async def test_a_replay_publishes_the_original_bytes_where_they_came_from(
    topic: str, box: DeadLetters, kafka_bootstrap: str
) -> None:
    await box.post([letter(topic, 1), letter(topic, 1), letter(topic, 2, "used-id")])
    wanted = Wanted(addresses=frozenset({f"{topic}/2/1"}))
    assert await replay(kafka_bootstrap, wanted, lambda _: []) == 0
    assert await records_in(kafka_bootstrap, topic) == []
    told: list[int] = []
    assert await replay(kafka_bootstrap, wanted, every, told.append) == 1
    original = letter(topic, 1)
    assert await records_in(kafka_bootstrap, topic) == [(2, b"NPP-1", original.value, HEADERS)]
    assert await replay(kafka_bootstrap, Wanted(reason="used-id"), every) == 1
    assert [value for _, _, value, _ in await records_in(kafka_bootstrap, topic)] == [
        original.value,
        letter(topic, 2).value,
    ]


async def test_many_letters_are_replayed_in_their_order(topic: str, kafka_bootstrap: str) -> None:
    letters = [letter(topic, number) for number in range(1200)]
    async with Broker(kafka_bootstrap, "test").publisher() as publisher:
        for sent in await publisher.send(Place(topic + SUFFIX, 0), [one.record() for one in letters], 1):
            await sent.offset()
    told: list[int] = []
    assert await replay(kafka_bootstrap, Wanted(reason="wrong-field"), every, told.append) == 1200
    assert told == [500, 1000]
    assert [value for _, _, value, _ in await records_in(kafka_bootstrap, topic)] == [one.value for one in letters]
