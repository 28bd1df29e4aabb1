"""Checkpoints: what a log says it holds, in three lines of a signed note (C2SP tlog-checkpoint v1.0.0).

Extension lines are refused: nobody can audit them, and a witness's statement does not cover them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from kernel.tlog.encodings import (
    HASH_BYTES,
    MAX_NUMBER,
    Malformed,
    check_characters,
    from_decimal,
    hash_from_base64,
    shown,
    to_base64,
)
from kernel.tlog.notes import ED25519, NoteKey, NotSigned, SignedNote, Verified, VerifierKey, signed, verified


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root over a log's first `size` entries; `origin` is the log's name."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise Malformed("the origin is one line that is not empty")
        check_characters(self.origin, "the origin")
        if not 0 <= self.size <= MAX_NUMBER:
            raise Malformed(f"the size is {self.size}; it is from 0 to 2^63-1")
        if len(self.root) != HASH_BYTES:
            raise Malformed(f"the root has {len(self.root)} bytes; a SHA-256 hash has {HASH_BYTES}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note's text as a checkpoint. Raises Malformed."""
        lines = text.split("\n")
        if lines.pop() != "":
            raise Malformed("the checkpoint does not end in LF")
        if len(lines) != 3:
            raise Malformed(f"the checkpoint has {len(lines)} lines; it has three: origin, size, root")
        origin, size, root = lines
        return cls(
            origin,
            from_decimal(size, "line 2 of the checkpoint, the size,"),
            hash_from_base64(root, "line 3 of the checkpoint, the root,"),
        )

    @property
    def text(self) -> str:
        """The three lines, as they are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    def signed(self, *keys: NoteKey) -> SignedNote:
        """Return the checkpoint signed by the log's keys."""
        return signed(self.text, *keys)


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that its log has signed, with every known signature: the log's own and those of witnesses."""

    checkpoint: Checkpoint
    note: SignedNote
    verified: tuple[Verified, ...]


def opened(raw: bytes | SignedNote, keys: Iterable[VerifierKey]) -> Opened:
    """Read a signed checkpoint and verify it by the keys of its log and of witnesses.

    The log's key is the one (type 0x01) that is named as the origin; a witness's word alone opens nothing.
    Raises Malformed, or NotSigned.
    """
    note = raw if isinstance(raw, SignedNote) else SignedNote.parse(raw)
    checkpoint = Checkpoint.parse(note.text)
    found = verified(note, keys)
    if not any(one.key.kind == ED25519 and one.key.name == checkpoint.origin for one in found):
        raise NotSigned(f"no known key of the log {shown(checkpoint.origin)} itself has signed")
    return Opened(checkpoint, note, found)
