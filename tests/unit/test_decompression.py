"""What clients compress is read, what becomes too large or is no such stream is refused, and nothing else happens."""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from hypothesis import given, settings
from hypothesis import strategies as st

import kernel.broker  # noqa: F401 - it has them installed
from kernel import decompression
from kernel.decompression import MOST_BYTES, gzip_decode, lz4_decode, snappy_decode, zstd_decode

Coder = Callable[[bytes], bytes]


def _raw_snappy(payload: bytes) -> bytes:
    return bytes(codec.snappy_encode(payload, xerial_compatible=False))


CODERS: dict[str, tuple[Coder, Coder]] = {
    "gzip": (codec.gzip_encode, gzip_decode),
    "snappy": (_raw_snappy, snappy_decode),
    "snappy of Java": (codec.snappy_encode, snappy_decode),
    "lz4": (codec.lz4_encode, lz4_decode),
    "zstd": (codec.zstd_encode, zstd_decode),
}
each = pytest.mark.parametrize(("encode", "decode"), CODERS.values(), ids=CODERS)


@each
@given(payload=st.binary(min_size=1, max_size=2_000), times=st.sampled_from([1, 7, 400]))
def test_what_was_compressed_comes_out_again(encode: Coder, decode: Coder, payload: bytes, times: int) -> None:
    assert decode(encode(payload * times)) == payload * times


@each
def test_a_batch_of_the_largest_size_is_read_and_one_byte_more_is_refused(encode: Coder, decode: Coder) -> None:
    assert len(decode(encode(bytes(MOST_BYTES)))) == MOST_BYTES
    with pytest.raises(CorruptRecordException):
        decode(encode(bytes(MOST_BYTES + 1)))


@each
@settings(max_examples=25)  # some codecs tell what is corrupt from what is large only at the largest buffer
@given(noise=st.binary(min_size=1, max_size=300))
def test_noise_is_refused_or_small_and_never_another_error(encode: Coder, decode: Coder, noise: bytes) -> None:
    for payload in (noise, encode(b"something")[:-3], encode(b"something")[:8] + noise):
        try:
            assert len(decode(payload)) <= MOST_BYTES
        except CorruptRecordException:
            continue


def test_several_gzip_members_are_one_stream_and_are_bounded_together() -> None:
    assert gzip_decode(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"
    half = gzip.compress(bytes(MOST_BYTES // 2 + 1))
    with pytest.raises(CorruptRecordException):
        gzip_decode(half + half)


def test_snappy_blocks_are_bounded_together() -> None:
    block = bytes(cramjam.snappy.compress_raw(bytes(MOST_BYTES // 2 + 1)))
    sized = len(block).to_bytes(4, "big") + block
    head = codec.snappy_encode(b"")[:16]
    assert len(snappy_decode(head + sized)) == MOST_BYTES // 2 + 1
    with pytest.raises(CorruptRecordException):
        snappy_decode(head + sized + sized)


@pytest.mark.parametrize("name", decompression._PARSERS)
def test_the_librarys_parsers_have_these_decoders(name: str) -> None:
    parser = importlib.import_module(name)
    assert parser.gzip_decode is gzip_decode
    assert parser.lz4_decode is lz4_decode
    assert parser.snappy_decode is snappy_decode
    assert getattr(parser, "zstd_decode", zstd_decode) is zstd_decode
