"""Where a stream is published, and in which order what is taken back is appended."""

from __future__ import annotations

import random

from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from kernel.partition import murmur2, partition_of
from kernel.reconcile import Found, in_causal_order


@given(st.binary(max_size=300))
def test_a_keys_hash_is_every_other_clients(key: bytes) -> None:
    assert murmur2(key) == reference(key)


def test_partitions_are_those_of_kafkas_java_client() -> None:
    # Values of org.apache.kafka.common.utils.UtilsTest, as signed 32-bit integers.
    known = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for key, signed in known.items():
        assert murmur2(key) == signed % 2**32
        assert partition_of(key, 7) == (signed & 0x7FFFFFFF) % 7


def found(stream: str, version: int, time: int, *, command: str | None = None, cause: str | None = None) -> Found:
    return Found(
        stream=stream,
        version=version,
        id=f"{stream}@{version}",
        type="t",
        time=f"{time:04d}",
        hash=b"",
        previous=b"",
        actor="system",
        command=command,
        cause=cause,
        document="",
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Found]:
    """Draw what a service may have appended: commands on some streams, each perhaps caused by an earlier event."""
    streams: dict[str, int] = {}
    events: list[Found] = []
    time = 0
    for number in range(draw(st.integers(1, 25))):
        # Several commands may share an instant; an effect is never recorded before its cause.
        time += draw(st.integers(0, 1))
        cause = draw(st.sampled_from([None, *(event.id for event in events)]))
        command = draw(st.sampled_from([None, f"command-{number}"]))
        names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3 if command else 1, unique=True))
        for name in names:
            streams[name] = streams.get(name, 0) + 1
            events.append(found(name, streams[name], time, command=command, cause=cause))
    return events


@given(histories(), st.randoms(use_true_random=False))
def test_what_is_taken_back_follows_its_streams_and_its_causes(events: list[Found], chance: random.Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    commands = in_causal_order(shuffled)
    ordered = [event for command in commands for event in command.events]
    assert sorted(event.id for event in ordered) == sorted(event.id for event in events)
    place = {event.id: index for index, command in enumerate(commands) for event in command.events}
    for event in events:
        before = f"{event.stream}@{event.version - 1}"
        assert place.get(before, -1) < place[event.id]
        assert event.cause is None or place[event.cause] < place[event.id]
    for command in commands:
        assert len({(event.command, event.time) for event in command.events}) == 1
