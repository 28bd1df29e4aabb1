"""What a batch may expand to, whatever compressed it; and a batch read leniently is the batch that the client reads."""

from __future__ import annotations

import gzip
import random
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

import kernel.broker  # noqa: F401 - it puts them in place
from kernel.decompression import (
    ENOUGH_BYTES,
    MOST_BLOCKS,
    MOST_BYTES,
    MOST_HEADER_BYTES,
    MOST_HEADERS,
    MOST_MEMBERS,
    UndecodableBatch,
    gunzip,
    records_of,
    unlz4,
    unsnappy,
    unzstd,
    walk,
)
from tests.support.delivery import varint

CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[Any], bytes]]] = {
    "gzip": (gzip_encode, gunzip),
    "snappy": (snappy_encode, unsnappy),
    "snappy as one block": (lambda raw: snappy_encode(raw, xerial_compatible=False), unsnappy),
    "lz4": (lz4_encode, unlz4),
    "zstd": (zstd_encode, unzstd),
}


@pytest.mark.parametrize("codec", CODECS)
@given(raw=st.binary(max_size=2_000))
def test_what_was_compressed_is_read(codec: str, raw: bytes) -> None:
    pack, unpack = CODECS[codec]
    assert unpack(memoryview(pack(raw))) == raw


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_may_expand_to_so_much_and_no_byte_more(codec: str) -> None:
    pack, unpack = CODECS[codec]
    assert len(unpack(pack(bytes(MOST_BYTES)))) == MOST_BYTES
    with pytest.raises(CorruptRecordException, match="expands to over 32 MiB"):
        unpack(pack(bytes(MOST_BYTES + 1)))


def test_gzip_of_several_members_is_bounded_together() -> None:
    assert gunzip(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    with pytest.raises(CorruptRecordException, match="expands"):
        gunzip(gzip.compress(bytes(MOST_BYTES)) + gzip.compress(b"b"))


def test_gzip_of_many_members_is_refused_at_once() -> None:
    """A batch of the broker's limit may be two hundred thousand of them, which took half a minute."""
    assert gunzip(gzip.compress(b"a") * MOST_MEMBERS) == b"a" * MOST_MEMBERS
    started = time.perf_counter()
    with pytest.raises(CorruptRecordException, match="more than 1000 parts"):
        gunzip(gzip.compress(b"a") * 190_000)
    assert time.perf_counter() - started < 2


def test_a_member_of_gzip_may_end_anywhere_in_a_slice() -> None:
    raw = random.Random(1).randbytes(64 * 1024)
    for size in range(64 * 1024 - 60, 64 * 1024 + 3, 3):
        assert gunzip(gzip.compress(raw[:size], 0) + gzip.compress(b"b")) == raw[:size] + b"b"


def test_snappy_of_many_blocks_is_refused() -> None:
    header, block = snappy_encode(b"a")[:16], snappy_encode(b"a")[16:]
    assert unsnappy(header + block * MOST_BLOCKS) == b"a" * MOST_BLOCKS
    with pytest.raises(CorruptRecordException, match="more than 65536 parts"):
        unsnappy(header + block * (MOST_BLOCKS + 1))


def test_a_bad_batch_is_told_by_its_cause_and_its_offsets_alone() -> None:
    assert str(UndecodableBatch("the batch is cut off", 100, 102)) == "the batch is cut off (offsets 100 to 101)"


@pytest.mark.parametrize("codec", CODECS)
@given(raw=st.binary(min_size=1, max_size=200), cut=st.integers(min_value=1, max_value=100))
def test_garbage_ends_at_once(codec: str, raw: bytes, cut: int) -> None:
    pack, unpack = CODECS[codec]
    packed = bytes(pack(bytes(500)))
    for garbage in (raw, packed[:-cut], packed[: len(packed) // 2] + raw):
        try:
            unpack(garbage)
        except (CorruptRecordException, cramjam.DecompressionError, struct.error, zlib.error):
            continue


def test_the_bounds_are_in_place_for_whoever_uses_the_broker() -> None:
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        assert getattr(default_records, f"{codec}_decode").__module__ == "kernel.decompression"


def batch_of(*records: tuple[bytes | None, bytes | None, Sequence[Any]], codec: int = 0) -> bytes:
    builder = default_records.DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 26)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_000 + number, key, value, headers)
    return bytes(builder.build())


def read(raw: bytes) -> list[Any]:
    """Read a batch as consumers do."""
    records = fetcher.PartitionRecords(
        TopicPartition("t", 0), fetcher.MemoryRecords(raw), [], 0, None, None, True, fetcher.READ_COMMITTED
    )
    return list(records)


PLAIN = (b"k", b"v" * 200, [("n", b"v")] * 8)


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([("", None)] * (MOST_HEADERS + 1), "more than 100 headers"),
        ([("n", bytes(MOST_HEADER_BYTES))], "more than 64 KiB"),
    ],
)
def test_a_record_with_too_many_headers_costs_its_batch(codec: int, headers: list[Any], says: str) -> None:
    # What is not compressed is walked over where its records are larger than facts are.
    large = (b"k", b"v" * 1_000, headers)
    with pytest.raises(UndecodableBatch, match=says):
        read(batch_of(large, PLAIN, codec=codec))


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_a_record_with_as_many_headers_as_may_be_is_read(codec: int) -> None:
    headers = [("n", b"v")] * MOST_HEADERS
    records = read(batch_of((b"k", b"v" * 1_000, headers), PLAIN, (None, None, []), (b"", b"", []), codec=codec))
    assert [len(one.headers) for one in records] == [MOST_HEADERS, 8, 0, 0]


@pytest.mark.parametrize("length", [6, 40, 1_000])
def test_a_record_that_says_another_length_hides_no_headers(length: int) -> None:
    """The client reads all headers that a record says to have and looks at its length afterwards."""
    count = 1_000_000
    body = bytes([0, 0, 0, 1, 0]) + varint(count) + b"\0\1" * count
    with pytest.raises(CorruptRecordException, match=r"100 headers|misshapen"):
        walk(varint(length) + body)


@given(raw=st.binary(max_size=100))
def test_walking_over_garbage_ends(raw: bytes) -> None:
    try:
        walk(raw)
    except (CorruptRecordException, IndexError, ValueError):
        return


# --- many batches --------------------------------------------------------------------------------------------------


class _State:
    """Where a partition is, as the library notes it."""

    def __init__(self) -> None:
        self.paused, self.position = False, 0

    def consumed_to(self, position: int) -> None:
        self.position = position


class _Fetching:
    """The library's fetcher over batches at hand; what it no longer holds is fetched again from the position."""

    def __init__(self, partitions: dict[int, list[bytes]]) -> None:
        self.batches = partitions
        self.states = {TopicPartition("t", number): _State() for number in partitions}
        self.assignment = SimpleNamespace(active=True, state_value=self.states.__getitem__)
        self._subscriptions = SimpleNamespace(reassignment_in_progress=False)
        self._records: dict[TopicPartition, Any] = {}
        self._wait_consume_future = None

    def _notify(self, _: Any) -> None:
        """Ignore that more may be fetched."""

    async def call(self, most: int) -> dict[TopicPartition, list[Any]]:
        for place, state in self.states.items():
            raw = b"".join(self.batches[place.partition][state.position :])
            if raw and place not in self._records:
                found = fetcher.PartitionRecords(
                    place, fetcher.MemoryRecords(raw), [], state.position, None, None, True, fetcher.READ_COMMITTED
                )
                self._records[place] = fetcher.FetchResult(
                    place, assignment=self.assignment, partition_records=found, backoff=0
                )
        called: Any = fetcher.Fetcher.fetched_records
        return dict(await called(self, (), 0, most))


def _at(offset: int, value: bytes) -> bytes:
    """Return a batch of one record, compressed."""
    raw = bytearray(batch_of((b"k", value, []), codec=4))
    raw[:8] = struct.pack(">q", offset)
    return bytes(raw)


async def test_a_call_expands_so_much_and_leaves_the_rest_to_the_next() -> None:
    size = ENOUGH_BYTES // 2
    values = [bytes([number]) * size for number in range(5)]
    fetching = _Fetching({part: [_at(offset, value) for offset, value in enumerate(values)] for part in (0, 1)})
    found: dict[int, list[int]] = {0: [], 1: []}
    calls = 0
    while fetched := await fetching.call(1_000):
        calls += 1
        assert sum(len(one.value) for records in fetched.values() for one in records) <= 2 * size
        for place, records in fetched.items():
            found[place.partition] += [one.offset for one in records]
            assert all(one.value == values[one.offset] for one in records)
    assert found == {0: list(range(5)), 1: list(range(5))}
    assert calls == 5


async def test_a_batch_larger_than_what_is_enough_for_a_call_is_read_alone() -> None:
    fetching = _Fetching({part: [_at(0, bytes(2 * ENOUGH_BYTES)), _at(1, b"small")] for part in range(3)})
    sizes = []
    while fetched := await fetching.call(1_000):
        sizes.append([(place.partition, len(one.value)) for place, records in fetched.items() for one in records])
    large = 2 * ENOUGH_BYTES
    assert [each for call in sizes for each in call if each[1] == large] == [(0, large), (1, large), (2, large)]
    assert all(sum(size for _, size in call) <= large + 3 * 5 for call in sizes)
    assert sorted(each for call in sizes for each in call if each[1] == 5) == [(0, 5), (1, 5), (2, 5)]


async def test_small_batches_are_read_in_one_call() -> None:
    fetching = _Fetching({part: [_at(offset, b"v" * 200) for offset in range(100)] for part in range(3)})
    assert {place.partition: len(records) for place, records in (await fetching.call(1_000)).items()} == {
        0: 100, 1: 100, 2: 100,
    }  # fmt: skip
    assert await fetching.call(1_000) == {}


HEADERS = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3)
RECORDS = st.lists(
    st.tuples(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=200), HEADERS), min_size=1
)


@given(records=RECORDS, codec=st.sampled_from([0, 1, 2, 3, 4]))
def test_a_batch_is_read_leniently_as_the_client_reads_it(records: list[Any], codec: int) -> None:
    raw = batch_of(*records, codec=codec)
    batch = MemoryRecords(raw).next_batch()
    assert batch is not None
    assert [(one.offset, one.timestamp, one.key, one.value, one.headers) for one in records_of(memoryview(raw))] == [
        (one.offset, one.timestamp, one.key, one.value, one.headers) for one in batch
    ]
