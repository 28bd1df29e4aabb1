"""Proofs as they are handed out: one file that can be checked offline (C2SP tlog-proof), and JSON.

JSON has the names of RFC 9162's structures, and hashes in base64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from kernel.tlog.checkpoints import Opened, opened
from kernel.tlog.encodings import MAX_NUMBER, Malformed, from_base64, from_decimal, hash_from_base64, shown, to_base64
from kernel.tlog.notes import MAX_NOTE_BYTES, SignedNote, VerifierKey
from kernel.tlog.trees import MOST_HASHES, Proof, verify_consistency, verify_inclusion

Json = Mapping[str, Any]

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_EXTRA: Final = 49_000
"""Bytes of extra data at most: in base64 its line stays below 64 KiB, where line readers give up."""
_MOST_HEAD: Final = 1 << 17


# --- one file ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogProof:
    """That an entry is at `index` of a log, with the log's checkpoint. `extra` is for whoever reads it, and unproven.

    Nothing here is verified until `verify` has been called.
    """

    index: int
    hashes: Proof
    checkpoint: SignedNote
    extra: bytes | None = None

    def __post_init__(self) -> None:
        _check_number(self.index, "the index")
        _check_hashes(self.hashes)
        if self.extra is not None and len(self.extra) > MAX_EXTRA:
            raise Malformed(f"the extra data has {len(self.extra)} bytes; at most {MAX_EXTRA} fit")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a proof's file. Raises Malformed."""
        if len(raw) > _MOST_HEAD + MAX_NOTE_BYTES:
            raise Malformed(f"the proof has {len(raw)} bytes; at most {_MOST_HEAD + MAX_NOTE_BYTES} are read")
        head, blank, note = raw.partition(b"\n\n")
        if not blank:
            raise Malformed("the proof has no blank line before its checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise Malformed(f"the proof is not ASCII before its checkpoint: byte {error.start}") from None
        if first != HEADER:
            raise Malformed(f"line 1 of the proof is {shown(first)}, not {HEADER}")
        extra: bytes | None = None
        if lines and lines[0].startswith("extra "):
            extra = from_base64(lines.pop(0).removeprefix("extra "), "the extra data")
        if not lines or not lines[0].startswith("index "):
            raise Malformed(f"the proof has {shown(lines[0] if lines else '')} where its index is to stand")
        index = from_decimal(lines.pop(0).removeprefix("index "), "the index")
        if len(lines) > MOST_HASHES:
            raise Malformed(f"the proof has {len(lines)} hashes; no proof has more than {MOST_HASHES}")
        hashes = tuple(hash_from_base64(line, f"hash {number} of the proof") for number, line in enumerate(lines, 1))
        return cls(index, hashes, SignedNote.parse(note), extra)

    @property
    def raw(self) -> bytes:
        """The proof's file."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(to_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + self.checkpoint.raw

    def verify(self, leaf: bytes, keys: Iterable[VerifierKey]) -> Opened:
        """Hold the proof to a leaf hash and to the keys of the log and of witnesses; return the checkpoint.

        Whose logs and how many witnesses are enough is for the caller to say. Raises Malformed, NotSigned, NotProven.
        """
        found = opened(self.checkpoint, keys)
        verify_inclusion(leaf, self.index, found.checkpoint.size, self.hashes, found.checkpoint.root)
        return found


# --- JSON ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That a leaf is at `index` of the tree of `size`."""

    index: int
    size: int
    hashes: Proof

    def __post_init__(self) -> None:
        _check_number(self.size, "tree_size")
        if not 0 <= self.index < self.size:
            raise Malformed(f"there is no leaf {self.index} in a tree of {self.size}")
        _check_hashes(self.hashes)

    @property
    def json(self) -> dict[str, Any]:
        """The proof as a JSON object."""
        path = [to_base64(hash_) for hash_ in self.hashes]
        return {"leaf_index": self.index, "tree_size": self.size, "inclusion_path": path}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what `json` writes, from parsed JSON. Raises Malformed."""
        said = _members(value, ("leaf_index", "tree_size", "inclusion_path"))
        return cls(_number(said, "leaf_index"), _number(said, "tree_size"), _hashes(said, "inclusion_path"))

    def verify(self, leaf: bytes, root: bytes) -> None:
        """Hold the proof to a leaf hash and a root. Raises NotProven."""
        verify_inclusion(leaf, self.index, self.size, self.hashes, root)


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the tree of `new` leaves begins with the tree of `old`."""

    old: int
    new: int
    hashes: Proof

    def __post_init__(self) -> None:
        _check_number(self.new, "tree_size_2")
        if not 0 <= self.old <= self.new:
            raise Malformed(f"a tree of {self.new} does not begin with one of {self.old}")
        _check_hashes(self.hashes)

    @property
    def json(self) -> dict[str, Any]:
        """The proof as a JSON object."""
        path = [to_base64(hash_) for hash_ in self.hashes]
        return {"tree_size_1": self.old, "tree_size_2": self.new, "consistency_path": path}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what `json` writes, from parsed JSON. Raises Malformed."""
        said = _members(value, ("tree_size_1", "tree_size_2", "consistency_path"))
        return cls(_number(said, "tree_size_1"), _number(said, "tree_size_2"), _hashes(said, "consistency_path"))

    def verify(self, old_root: bytes, new_root: bytes) -> None:
        """Hold the proof to two roots. Raises NotProven."""
        verify_consistency(self.old, self.new, self.hashes, old_root, new_root)


def _members(value: object, names: tuple[str, ...]) -> Json:
    if not isinstance(value, dict) or set(value) != set(names):
        raise Malformed(f"the proof is not a JSON object of {', '.join(names)}")
    return value


def _number(said: Json, name: str) -> int:
    number = said[name]
    if not isinstance(number, int) or isinstance(number, bool):
        raise Malformed(f"{name} is {shown(number)}, not a whole number")
    return _check_number(number, name)


def _check_number(number: int, what: str) -> int:
    if not 0 <= number <= MAX_NUMBER:
        raise Malformed(f"{what} is {shown(number)}; it is from 0 to 2^63-1")
    return number


def _hashes(said: Json, name: str) -> Proof:
    texts = said[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Malformed(f"{name} is not a list of texts")
    if len(texts) > MOST_HASHES:
        raise Malformed(f"{name} has {len(texts)} hashes; no proof has more than {MOST_HASHES}")
    return tuple(hash_from_base64(text, f"hash {number} of {name}") for number, text in enumerate(texts, 1))


def _check_hashes(hashes: Proof) -> None:
    if len(hashes) > MOST_HASHES:
        raise Malformed(f"the proof has {len(hashes)} hashes; no proof has more than {MOST_HASHES}")
    for number, hash_ in enumerate(hashes, 1):
        if len(hash_) != 32:
            raise Malformed(f"hash {number} of the proof has {len(hash_)} bytes; a SHA-256 hash has 32")
