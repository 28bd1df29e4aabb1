"""What may be signed: the rules of C2SP tlog-witness, for a log's own key as for a witness.

Whoever asks proves who it is by a signature on what it hands in, and proves that its tree holds what was signed before.
So a host of the log that was broken into can have its next entries signed, which are published for all to see, but no
second history and no shorter one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed, from_decimal, hash_from_base64, shown, to_text
from kernel.tlog.notes import COSIGNATURE, NoteKey, NotSigned, Signature, SignedNote, VerifierKey, verified
from kernel.tlog.successions import Succession
from kernel.tlog.trees import EMPTY_ROOT, MOST_HASHES, NotProven, verify_consistency
from services.signer.book import Book

SEQUENCER: Final = "/sequencer"
"""What a log's sequencer is called after the log's origin, in the name of its key."""


class NotGranted(Exception):
    """A signature that is not given: the answer's status, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class OtherSize(Exception):
    """The request begins at another size than the last signed one."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the last signed checkpoint has size {size}")
        self.size = size


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint that is handed in, with the proof that its tree continues that of `old` entries."""

    old: int
    proof: Sequence[bytes]
    note: SignedNote

    @classmethod
    def parse(cls, raw: bytes) -> Submission:
        """Read the body of `add-checkpoint`. Raises Malformed."""
        head, blank, note = to_text(raw, "the request").partition("\n\n")
        if not blank:
            raise Malformed("the request has no blank line between the proof and the checkpoint")
        first, *lines = head.split("\n")
        word, space, old = first.partition(" ")
        if word != "old" or not space:
            raise Malformed(f"the first line is {shown(first)}; it is the word old, a space and a size")
        if len(lines) > MOST_HASHES:
            raise Malformed(f"the proof has {len(lines)} lines; at most {MOST_HASHES} are possible")
        proof = [hash_from_base64(line, f"line {number}, of the proof,") for number, line in enumerate(lines, 2)]
        return cls(from_decimal(old, "the old size"), proof, SignedNote.parse(note.encode()))


class Signing:
    """One signer, or witness: its keys, what it signed, and from whom it takes checkpoints."""

    def __init__(self, book: Book, submitters: Sequence[VerifierKey]) -> None:
        """Sign by the book's keys what one of the submitters hands in."""
        self._book = book
        self._submitters = submitters

    @property
    def verifiers(self) -> list[VerifierKey]:
        """The public halves of the keys."""
        return [key.verifier for key in self._book.keys]

    @property
    def successions(self) -> Sequence[Succession]:
        """The notes by which one key of a log follows another."""
        return self._book.successions

    def last(self, origin_digest: str) -> SignedNote | None:
        """Return the last signed checkpoint of the log whose origin has this SHA-256, in hex."""
        for origin in {_origin_of(key) for key in self._submitters}:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_digest:
                return self._book.last(origin)
        return None

    def sign(self, submission: Submission) -> list[Signature]:
        """Return the signatures of a checkpoint, which is then the last. Raises Malformed, NotGranted, OtherSize."""
        checkpoint = Checkpoint.parse(submission.note.text)
        self._check_submitter(submission.note, checkpoint.origin)
        if submission.old > checkpoint.size:
            raise Malformed(f"the old size {submission.old} is beyond the checkpoint's size {checkpoint.size}")
        last = self._book.last(checkpoint.origin)
        before = Checkpoint(checkpoint.origin, 0, EMPTY_ROOT) if last is None else Checkpoint.parse(last.text)
        if submission.old != before.size:
            raise OtherSize(before.size)
        try:
            verify_consistency(before.size, checkpoint.size, submission.proof, before.root, checkpoint.root)
        except NotProven as error:
            raise NotGranted(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        signatures = [signature for key in self._book.keys if (signature := _by(key, checkpoint)) is not None]
        if not signatures:
            raise NotGranted(HTTPStatus.NOT_FOUND, f"no key here signs for {shown(checkpoint.origin)}")
        self._book.write(checkpoint.origin, submission.note.adding(*signatures))
        return signatures

    def _check_submitter(self, note: SignedNote, origin: str) -> None:
        known = [key for key in self._submitters if _origin_of(key) == origin]
        if not known:
            raise NotGranted(HTTPStatus.NOT_FOUND, f"nobody may hand in checkpoints of {shown(origin)} here")
        try:
            verified(note, known)
        except NotSigned as error:
            raise NotGranted(HTTPStatus.FORBIDDEN, str(error)) from None


def _origin_of(submitter: VerifierKey) -> str:
    return submitter.name.removesuffix(SEQUENCER)


def _by(key: NoteKey, checkpoint: Checkpoint) -> Signature | None:
    """Return a key's signature: a witness's of any log that it knows, a log's own key of its log's alone."""
    if key.kind == COSIGNATURE:
        return key.cosign(checkpoint.text, int(time.time()))
    return key.sign(checkpoint.text) if key.name == checkpoint.origin else None
