"""The records of `paritrana.log.v1`: which events follow which in the log, agreed by writing it down before it is so.

A record is canonical JSON: `index` is that of its first leaf, `leaves` are `[stream, version, leaf hash in hex]`. What
counts is the topic's order: a record is void, as a whole, unless its index is the next one and every version in it is
the next of its stream. So of two writers that both believe to lead, one writes nothing; and whoever reads the topic
from its beginning comes to the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from kernel.canonical import canonical

MOST_LEAVES: Final = 500
"""Leaves in one record at most: with the longest stream names it stays below 256 KiB."""


class Leaf(NamedTuple):
    """One event as a leaf: where it stands in its stream, and the RFC 6962 leaf hash of its envelope."""

    stream: str
    version: int
    hash: bytes


class LogRecord(NamedTuple):
    """Leaves that follow one another, from the index `first` on."""

    first: int
    leaves: Sequence[Leaf]


class UnreadableRecord(ValueError):
    """A message of the log's topic that is no record of leaves."""


_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Stream = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Version = Annotated[int, msgspec.Meta(ge=1)]


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    index: Annotated[int, msgspec.Meta(ge=0)]
    leaves: Annotated[list[tuple[_Stream, _Version, _Hash]], msgspec.Meta(min_length=1, max_length=MOST_LEAVES)]


_decoder: Final = msgspec.json.Decoder(_Written)


def records_of(index: int, leaves: Sequence[Leaf]) -> Iterator[bytes]:
    """Yield the records that put `leaves` at `index` and after it."""
    for start in range(0, len(leaves), MOST_LEAVES):
        part = leaves[start : start + MOST_LEAVES]
        yield canonical(
            {"index": index + start, "leaves": [[leaf.stream, leaf.version, leaf.hash.hex()] for leaf in part]}
        )


def read_record(raw: bytes | None) -> LogRecord:
    """Return the record in a message's value; raise UnreadableRecord, saying what is wrong with it."""
    try:
        written = _decoder.decode(raw or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRecord(str(error)) from None
    leaves = [Leaf(stream, version, bytes.fromhex(digest)) for stream, version, digest in written.leaves]
    return LogRecord(written.index, leaves)


def why_void(record: LogRecord, size: int, ends: Mapping[str, int]) -> str | None:
    """Say why a record does not count in a log of `size` leaves whose streams end at `ends`; None when it does."""
    if record.first != size:
        return f"it begins at index {record.first}, and the log has {size} leaves"
    reached: dict[str, int] = {}
    for leaf in record.leaves:
        expected = reached.get(leaf.stream, ends.get(leaf.stream, 0)) + 1
        if leaf.version != expected:
            return f"it has {leaf.stream}@{leaf.version} where version {expected} is the next"
        reached[leaf.stream] = leaf.version
    return None
