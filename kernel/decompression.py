"""Decompress what Kafka clients send, within bounds: a few kilobytes of zstd can stand for gigabytes.

aiokafka decompresses a batch as a whole, however large it becomes, and lets the errors of its codecs through; either
would end a consumer again and again at the same offset. These decoders stop at `MOST_BYTES`, and what exceeds it or is
no such stream is a CorruptRecordException, as for any batch that cannot be decoded: it is set aside, and the partition
goes on.

The library offers no place for decoders of one's own, so `install` puts them where its record parsers look them up.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Final

import cramjam
from aiokafka.errors import CorruptRecordException

MOST_BYTES: Final = 32 << 20
"""How large a batch may become. Clients bound a batch by 1 MiB, some of them after compression."""
_TOO_LARGE: Final = f"over {MOST_BYTES >> 20} MiB"
"""Short, since of what a client says only the beginning is kept."""
_FIRST_GUESS: Final = 16
"""By how much a batch is taken to shrink, at first: facts shrink to a tenth."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD: Final = 16
_PARSERS: Final = (
    "aiokafka.record.default_records",
    "aiokafka.record.legacy_records",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.legacy_records",
)


def install() -> None:
    """Have aiokafka use these decoders, in its compiled parsers where they are, and in the others."""
    for name in _PARSERS:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for decoder in (gzip_decode, snappy_decode, lz4_decode, zstd_decode):
            if hasattr(module, decoder.__name__):
                setattr(module, decoder.__name__, decoder)


def gzip_decode(payload: bytes | memoryview) -> bytes:
    """Return what was compressed by gzip, of one member or several."""
    found, size, rest = [], 0, bytes(payload)
    while rest:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, MOST_BYTES - size + 1)
        except zlib.error:
            raise CorruptRecordException("broken gzip") from None
        size += len(part)
        _refuse_larger(size)
        if not member.eof:
            raise CorruptRecordException("gzip ends early")
        found.append(part)
        rest = member.unused_data
    return b"".join(found)


def lz4_decode(payload: bytes | memoryview) -> bytes:
    """Return what was compressed as LZ4 frames."""
    return _into_a_buffer(cramjam.lz4.decompress_into, bytes(payload))


def zstd_decode(payload: bytes | memoryview) -> bytes:
    """Return what was compressed as zstd frames."""
    return _into_a_buffer(cramjam.zstd.decompress_into, bytes(payload))


def snappy_decode(payload: bytes | memoryview) -> bytes:
    """Return what was compressed by snappy, raw or in the blocks of the Java library."""
    raw = bytes(payload)
    if not raw.startswith(_XERIAL):
        return _snappy_block(raw, 0)
    found, size, place = [], 0, _XERIAL_HEAD
    while place < len(raw):
        begins = place + 4
        place = begins + int.from_bytes(raw[place:begins], "big")
        block = _snappy_block(raw[begins:place], size)
        size += len(block)
        found.append(block)
    return b"".join(found)


def _snappy_block(block: bytes, before: int) -> bytes:
    try:
        _refuse_larger(before + cramjam.snappy.decompress_raw_len(block))
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError:
        raise CorruptRecordException("broken snappy") from None


def _into_a_buffer(decompress_into: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """Decompress into a buffer that grows up to the bound; what is corrupt fails at every size."""
    size = min(MOST_BYTES, _FIRST_GUESS * len(payload) + 1024)
    while True:
        buffer = bytearray(size)
        try:
            written = decompress_into(payload, buffer)
        except cramjam.DecompressionError:
            if size == MOST_BYTES:
                raise CorruptRecordException(f"{_TOO_LARGE}, or broken") from None
            size = min(MOST_BYTES, 8 * size)
        else:
            return bytes(memoryview(buffer)[:written])


def _refuse_larger(size: int) -> None:
    if size > MOST_BYTES:
        raise CorruptRecordException(_TOO_LARGE)
