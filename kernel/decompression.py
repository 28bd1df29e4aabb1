"""What the broker's client may make of a record batch: bounded memory, and nothing lost beside a batch that is bad.

A batch of a few kilobytes can expand to gigabytes. The broker takes it, for its limit holds what is sent, and the
client would expand it whole. A topic's `compression.type` is no help: it lets the broker itself expand what comes, all
at once, and a bomb of 300 MB ends it. So the bound is here: every codec stops at `MOST_BYTES`, and what goes on after
that is no batch that can be decoded. Whatever a codec says of bytes that are not its own is told in the same way.

The client raises at a bad batch, and loses what it had read of the same partition before it. Here it hands that over
first, and raises when the batch is all there is to read, with the offset after it, so that a reader can pass over the
batch instead of trying each of its offsets. A header whose name is no UTF-8, at which the client gives a whole batch
up, is handed over with replacement characters.

A header takes two bytes and, once read, a hundred: so what was expanded is walked over before the client reads it, and
a batch in which a record has too many is refused. What was not compressed is walked over only where its records are
large, for otherwise there is no room in them.

What is bounded for one batch must be for many that lie together: of what was fetched, a call for records expands so
much and leaves the rest to the next, compressed as it is, or not even kept: then it is fetched again.

The library offers no setting for any of this: `bound` puts it in place, once, for every consumer of the process.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from mmap import mmap
from threading import Lock
from typing import Any, Final, NamedTuple

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records as plain
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

try:
    from aiokafka.record._crecords import default_records as compiled
except ImportError:  # where there is no compiler the library goes without
    compiled = plain

MOST_BYTES: Final = 32 * 1024 * 1024
"""Bytes that a batch may expand to: at the broker's limit of 4 MiB a batch of facts, which shrinks to a tenth, fits."""
ENOUGH_BYTES: Final = 8 * 1024 * 1024
"""Bytes after which a call for records expands no further batch: some of them are expanded ten thousandfold."""
MOST_RECORDS: Final = 250_000
"""Records of a batch at most: as many as there are facts in so many bytes. Empty ones could be millions."""
MOST_MEMBERS: Final = 1_000
"""Members of gzip in a batch at most: clients write one. Each costs an inflater, and may hold nothing."""
MOST_BLOCKS: Final = 65_536
"""Blocks of snappy at most: twice as many as the smallest that clients write, of 1 KiB, in so many bytes."""
MOST_HEADERS: Final = 100
"""Headers of a record at most: a fact has eight."""
MOST_HEADER_BYTES: Final = 64 * 1024
"""Bytes of a record's headers at most: they stay in memory until a fact is in the ledger, as its value does."""

_OVERHEAD: Final = 12
_HEADER: Final = 61
_CODEC: Final = 0b111
_CONTROL: Final = 0b100000
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = 16
_GZIP: Final = 31
"""zlib's number for a gzip stream."""
_SLICE: Final = 64 * 1024
_LEAST_RECORD: Final = 6
_PLAIN_RECORD: Final = 512
"""Bytes that an uncompressed record may have on average before its batch is walked over."""


class UndecodableBatch(CorruptRecordException):  # type: ignore[misc]  # the library has no types
    """A batch that cannot be decoded; `following` is the offset after it."""

    def __init__(self, why: str, first: int, following: int) -> None:
        super().__init__(f"{why} (offsets {first} to {following - 1})")
        self.first = first
        self.following = following

    def __str__(self) -> str:
        """Say why first, and none of the library's numbers: publishers read it, and may see only its beginning."""
        return str(self.args[0])


# --- calls ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Call:
    """One call for the records that were fetched, of all partitions."""

    expanded: int = 0

    @property
    def is_enough(self) -> bool:
        """Tell whether to leave what follows to the next call."""
        return self.expanded >= ENOUGH_BYTES


_call: Final[ContextVar[_Call | None]] = ContextVar("call", default=None)
_fetched_records: Final = fetcher.Fetcher.fetched_records


async def _bounded(self: Any, *arguments: Any, **named: Any) -> Any:
    """Return fetched records as the library does, within what a call may expand."""
    token = _call.set(_Call())
    try:
        return await _fetched_records(self, *arguments, **named)
    finally:
        _call.reset(token)


class _Fetched(fetcher.FetchResult):  # type: ignore[misc]  # the library has no types
    """What was fetched of a partition, which a call that has enough leaves as it is."""

    def getall(self, max_records: int | None = None) -> list[Any]:
        if (call := _call.get()) and call.is_enough:
            return []
        found: list[Any] = super().getall(max_records)
        return found


# --- codecs --------------------------------------------------------------------------------------------------------


def _too_large() -> CorruptRecordException:
    return CorruptRecordException(f"the batch expands to over {MOST_BYTES // 1024**2} MiB")


def gunzip(payload: Any) -> bytes:
    """Expand gzip, of one member or several.

    It is fed in slices: what a member leaves of its input is copied each time, and a batch may be all members.
    """
    whole = memoryview(payload)
    parts: list[bytes] = []
    left, at, members = MOST_BYTES, 0, 0
    while at < len(whole):
        members += 1
        if members > MOST_MEMBERS:
            raise CorruptRecordException(f"the compressed batch has more than {MOST_MEMBERS} parts")
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            if at == len(whole):
                raise CorruptRecordException("the compressed batch is cut off")
            piece = whole[at : at + _SLICE]
            parts.append(member.decompress(piece, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise _too_large()
            at += len(piece)
        at -= len(member.unused_data)
    return b"".join(parts)


def unsnappy(payload: Any) -> bytes:
    """Expand snappy, in the blocks that Java's clients write or as one block."""
    whole = memoryview(payload)
    if bytes(whole[: len(_XERIAL)]) != _XERIAL:
        return _block(whole, MOST_BYTES)
    parts: list[bytes] = []
    left, at = MOST_BYTES, _XERIAL_HEADER
    while at < len(whole):
        if len(parts) == MOST_BLOCKS:
            raise CorruptRecordException(f"the compressed batch has more than {MOST_BLOCKS} parts")
        (size,) = struct.unpack_from(">i", whole, at)
        if not 0 < size <= len(whole) - at - 4:
            raise CorruptRecordException("the compressed batch is cut off")
        parts.append(_block(whole[at + 4 : at + 4 + size], left))
        left -= len(parts[-1])
        at += 4 + size
    return b"".join(parts)


def _block(block: memoryview, most: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(block) > most:
        raise _too_large()
    return bytes(cramjam.snappy.decompress_raw(block))


def unlz4(payload: Any) -> bytes:
    """Expand lz4."""
    return _into(cramjam.lz4.decompress_into, payload)


def unzstd(payload: Any) -> bytes:
    """Expand zstd."""
    return _into(cramjam.zstd.decompress_into, payload)


_room: Final = mmap(-1, MOST_BYTES)
"""Where to expand: what is never touched of it takes no memory, and what was touched once is not asked for again."""
_alone: Final = Lock()


def _into(decompress: Callable[[Any, mmap], int], payload: Any) -> bytes:
    """Expand into a room that cannot grow."""
    with _alone:
        try:
            size = decompress(payload, _room)
        except cramjam.DecompressionError as error:
            # It says nothing of its own when there is no room left.
            raise _too_large() if "whole buffer" in str(error) else error from error
        return _room[:size]


def _walked(decode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return a decoder that counts what it expands, and refuses it where a record has too many headers."""

    def decoded(payload: Any) -> bytes:
        expanded = decode(payload)
        if call := _call.get():
            call.expanded += len(expanded)
        walk(expanded)
        return expanded

    return decoded


def walk(payload: bytes) -> None:
    """Pass over the records of a batch, each up to the number of its headers, and raise where one has too many.

    The client believes what a record says of its parts and looks at its length afterwards, so a length alone is not
    enough to pass over one.
    """
    at, end = 0, len(payload)
    while at < end:
        size, at = decode_varint(payload, at)
        over = at + size
        if size < _LEAST_RECORD or over > end:
            raise _misshapen()
        _, at = decode_varint(payload, at + 1)
        for part in range(3):  # the offset, the key and the value
            if at >= over:  # the library's own reading of a number goes on behind the end
                raise _misshapen()
            size, at = decode_varint(payload, at)
            if part and size > 0:
                at += size
        if at >= over:
            raise _misshapen()
        headers, at = decode_varint(payload, at)
        if headers > MOST_HEADERS:
            raise CorruptRecordException(f"a record has more than {MOST_HEADERS} headers")
        if over - at > MOST_HEADER_BYTES:
            raise CorruptRecordException(f"the headers of a record have more than {MOST_HEADER_BYTES // 1024} KiB")
        at = over


def _misshapen() -> CorruptRecordException:
    return CorruptRecordException("a record of the batch is misshapen")


_DECODERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "gzip_decode": _walked(gunzip),
    "snappy_decode": _walked(unsnappy),
    "lz4_decode": _walked(unlz4),
    "zstd_decode": _walked(unzstd),
}
_BY_NUMBER: Final = dict(enumerate(_DECODERS.values(), start=1))


# --- batches -------------------------------------------------------------------------------------------------------


class _Batches:
    """The batches of an answer, as the library reads them; it remembers the bytes of the one that is being read."""

    def __init__(self, data: Any) -> None:
        self._data = memoryview(data)
        self._read = MemoryRecords(data)
        self._start = self._end = 0

    def size_in_bytes(self) -> int:
        return int(self._read.size_in_bytes())

    def has_next(self) -> bool:
        call = _call.get()
        return bool(self._read.has_next()) and not (call and call.is_enough)

    def next_batch(self) -> Any:
        (length,) = struct.unpack_from(">i", self._data, self._end + 8)
        self._start, self._end = self._end, self._end + _OVERHEAD + length
        batch = self._read.next_batch()
        if self.following - self.first > MOST_RECORDS:
            raise CorruptRecordException(f"the batch has more than {MOST_RECORDS} records")
        if self._may_hide_headers:
            walk(bytes(self.raw[_HEADER:]))
        return batch

    @property
    def _may_hide_headers(self) -> bool:
        """Tell whether the batch is one of facts, not compressed, whose records are larger than facts are."""
        raw = self.raw
        if len(raw) < _HEADER or raw[16] < 2 or raw[22] & (_CODEC | _CONTROL):
            return False
        (count,) = struct.unpack_from(">i", raw, 57)
        return len(raw) - _HEADER > _PLAIN_RECORD * int(count)

    @property
    def raw(self) -> memoryview:
        """The batch that was handed over last, or that could not be."""
        return self._data[self._start : self._end]

    @property
    def first(self) -> int:
        return int(struct.unpack_from(">q", self.raw)[0])

    @property
    def following(self) -> int:
        """The offset after the batch; of a form before Kafka's second, which has a batch for a record, the next one."""
        is_second = len(self.raw) >= _HEADER and self.raw[16] >= 2
        return self.first + (int(struct.unpack_from(">i", self.raw, 23)[0]) if is_second else 0) + 1


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]  # the library has no types
    """What was fetched of a partition, up to a batch that is bad; then, alone, what is wrong with that one."""

    _records: _Batches
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        is_first = True
        try:
            for record in super()._unpack_records():
                is_first = False
                yield record
        except UnicodeDecodeError:
            try:
                for said in records_of(self._records.raw):
                    if said.offset >= self.next_fetch_offset:
                        is_first = False
                        self.next_fetch_offset = said.offset + 1
                        yield self._consumer_record(self._tp, said)
                self.next_fetch_offset = self._records.following
            except Exception as error:  # noqa: BLE001 - whatever a foreign batch leads to is that batch's fault
                self._give_up(error, alone=is_first)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error, alone=is_first)

    def _give_up(self, error: Exception, *, alone: bool) -> None:
        if alone:
            # The library's own errors say their name and a number before what they were given.
            said = error.args[0] if isinstance(error, CorruptRecordException) and error.args else error
            why = str(said) or type(error).__name__
            raise UndecodableBatch(why, self._records.first, self._records.following) from error
        # What was read before goes first: asked for again from where that ends, the batch is the first there is.


class Said(NamedTuple):
    """A record as it was written, in the form in which the library's own records are."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


def records_of(raw: memoryview) -> Iterator[Said]:
    """Yield the records of a batch of Kafka's second form, the names of headers with replacements for what is no UTF-8.

    Raises what the codec, or bytes that end too early, lead to.
    """
    (first,) = struct.unpack_from(">q", raw)
    attributes, _, begun, latest = struct.unpack_from(">hiqq", raw, 21)
    (count,) = struct.unpack_from(">i", raw, 57)
    payload = raw[_HEADER:]
    if codec := attributes & _CODEC:
        payload = memoryview(_BY_NUMBER[codec](payload))
    is_broker_time, at = attributes >> 3 & 1, 0
    for _ in range(count):
        _, at = decode_varint(payload, at)
        after, at = decode_varint(payload, at + 1)
        number, at = decode_varint(payload, at)
        key, at = _bytes(payload, at)
        value, at = _bytes(payload, at)
        more, at = decode_varint(payload, at)
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(more):
            name, at = _bytes(payload, at)
            said, at = _bytes(payload, at)
            headers.append(((name or b"").decode(errors="replace"), said))
        time = latest if is_broker_time else begun + after
        yield Said(first + number, time, is_broker_time, key, value, headers)


def _bytes(payload: memoryview, at: int) -> tuple[bytes | None, int]:
    if at >= len(payload):  # the library's own reading of a number goes on behind the end
        raise CorruptRecordException("a record ends after its batch")
    size, at = decode_varint(payload, at)
    if size < 0:
        return None, at
    if size > len(payload) - at:
        raise CorruptRecordException("a record ends after its batch")
    return bytes(payload[at : at + size]), at + size


def bound() -> None:
    """Put the bounds in place, for every consumer of the process."""
    for module in (plain, compiled):
        for name, decoder in _DECODERS.items():
            setattr(module, name, decoder)
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = _Records
    fetcher.FetchResult = _Fetched
    fetcher.Fetcher.fetched_records = _bounded
