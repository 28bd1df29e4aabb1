"""What a batch may expand to, whatever compressed it; and a batch read leniently is the batch that the client reads."""

from __future__ import annotations

import gzip
import random
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

import kernel.broker  # noqa: F401 - it puts them in place
from kernel.decompression import MOST_BLOCKS, MOST_BYTES, MOST_MEMBERS, UndecodableBatch, gunzip, records_of, unlz4, unsnappy, unzstd

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
    assert default_records.gzip_decode is gunzip
    assert default_records.zstd_decode is unzstd


HEADERS = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3)
RECORDS = st.lists(
    st.tuples(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=200), HEADERS), min_size=1
)


@given(records=RECORDS, codec=st.sampled_from([0, 1, 2, 3, 4]))
def test_a_batch_is_read_leniently_as_the_client_reads_it(records: list[Any], codec: int) -> None:
    builder = default_records.DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 20)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_000 + number, key, value, headers)
    raw = bytes(builder.build())
    batch = MemoryRecords(raw).next_batch()
    assert batch is not None
    assert [(one.offset, one.timestamp, one.key, one.value, one.headers) for one in records_of(memoryview(raw))] == [
        (one.offset, one.timestamp, one.key, one.value, one.headers) for one in batch
    ]
