"""The signer's keys: one that none before vouches for does not sign, and one that was followed comes not back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kernel.keys import note_key, succeeding_key
from kernel.settings import StartFailed
from kernel.tlog.checkpoints import Checkpoint, opened
from kernel.tlog.notes import VerifierKey, verified
from kernel.tlog.trees import leaf_hash
from services.signer.book import Book
from services.signer.signing import Signing, Submission
from tests.support.transparency import Tiles
from tests.support.transparency import note_key as fixed_key

ORIGIN = "test.example/log"
SEQUENCER = fixed_key(f"{ORIGIN}/sequencer", seed=9)
LEAVES = [leaf_hash(bytes([number])) for number in range(3)]


def sign(folder: Path, size: int, old: int = 0) -> list[VerifierKey]:
    """Have a tree of some size signed by a signer in a folder, and return by which keys."""
    book = Book(folder)
    try:
        signing = Signing(book, [SEQUENCER.verifier])
        checkpoint = Checkpoint(ORIGIN, size, Tiles(LEAVES[:size]).tree.root)
        proof = [LEAVES[1]] if (old, size) == (1, 2) else []
        note = checkpoint.signed(SEQUENCER)
        lines = signing.sign(Submission(old, proof, note))
        known = signing.verifiers
        return [one.key for one in verified(note.adding(*lines), known)]
    finally:
        book.close()


def refused(folder: Path, words: str) -> None:
    with pytest.raises(StartFailed, match=words):
        Book(folder)
    # Refused or not, the folder is let go.
    with pytest.raises(StartFailed, match=words):
        Book(folder)


def key_ids(keys: Sequence[VerifierKey]) -> set[str]:
    return {key.key_id.hex() for key in keys}


def test_the_next_key_signs_beside_the_old_one_and_then_alone(tmp_path: Path) -> None:
    first = note_key(tmp_path / "log.key", ORIGIN).verifier
    assert sign(tmp_path, 1) == [first]
    made = succeeding_key(tmp_path / "log.key", tmp_path / "log-2.key")
    assert (made.before, sorted(path.name for path in tmp_path.glob("log*"))) == (
        first,
        ["log-2.key", "log-2.succession", "log.key"],
    )
    assert key_ids(sign(tmp_path, 1, 1)) == key_ids([first, made.after])
    (tmp_path / "log.key").unlink()
    assert sign(tmp_path, 2, 1) == [made.after]
    note = next((tmp_path / "signed").iterdir()).read_bytes()
    assert opened(note, [made.after]).checkpoint.size == 2


def test_the_next_key_may_take_over_at_once(tmp_path: Path) -> None:
    note_key(tmp_path / "log.key", ORIGIN)
    sign(tmp_path, 1)
    made = succeeding_key(tmp_path / "log.key", tmp_path / "log-2.key")
    (tmp_path / "log.key").unlink()
    assert sign(tmp_path, 2, 1) == [made.after]


def test_a_key_that_none_before_vouches_for_does_not_sign(tmp_path: Path) -> None:
    note_key(tmp_path / "log.key", ORIGIN)
    sign(tmp_path, 1)
    note_key(tmp_path / "log-2.key", ORIGIN)
    refused(tmp_path, "no key that signed before vouches for it")
    (tmp_path / "log.key").unlink()
    refused(tmp_path, "is signed by no key that is here")


def test_a_key_without_its_note_does_not_sign_and_signs_when_the_note_is_back(tmp_path: Path) -> None:
    note_key(tmp_path / "log.key", ORIGIN)
    sign(tmp_path, 1)
    succeeding_key(tmp_path / "log.key", tmp_path / "log-2.key")
    note = tmp_path / "log-2.succession"
    kept = note.read_bytes()
    note.unlink()
    refused(tmp_path, "vouches for it")
    succeeding_key(tmp_path / "log.key", tmp_path / "log-2.key")
    assert note.read_bytes() == kept
    assert len(sign(tmp_path, 1, 1)) == 2


def test_a_key_that_was_followed_does_not_come_back(tmp_path: Path) -> None:
    note_key(tmp_path / "log.key", ORIGIN)
    sign(tmp_path, 1)
    succeeding_key(tmp_path / "log.key", tmp_path / "log-2.key")
    old = (tmp_path / "log.key").read_bytes()
    (tmp_path / "log.key").unlink()
    sign(tmp_path, 2, 1)
    (tmp_path / "log.key").write_bytes(old)
    refused(tmp_path, "another has taken its place")
    (tmp_path / "log-2.key").unlink()
    refused(tmp_path, "vouches for it, or another has taken its place")


def test_two_keys_that_nothing_binds_sign_nothing_from_the_first_start_on(tmp_path: Path) -> None:
    note_key(tmp_path / "a.key", ORIGIN)
    note_key(tmp_path / "b.key", ORIGIN)
    refused(tmp_path, "vouches for it")


def test_a_key_made_while_the_command_was_killed_is_replaced_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    before, after = tmp_path / "log.key", tmp_path / "log-2.key"
    note_key(before, ORIGIN)
    lost = succeeding_key(before, after)
    after.unlink()  # as if killed between note and key
    made = succeeding_key(before, after)
    assert made.after != lost.after
    assert succeeding_key(before, after).note.raw == made.note.raw == (tmp_path / "log-2.succession").read_bytes()
    assert sign(tmp_path, 1)


def test_after_a_lost_key_another_signs_once_the_operator_names_the_lost_one(tmp_path: Path) -> None:
    lost = note_key(tmp_path / "log.key", ORIGIN).verifier
    sign(tmp_path, 1)
    (tmp_path / "log.key").unlink()
    anew = note_key(tmp_path / "log-2.key", ORIGIN).verifier
    refused(tmp_path, "if it is lost for good")
    (tmp_path / "log.lost").write_text(f"{lost.text}\n")
    assert sign(tmp_path, 2, 1) == [anew]
    assert sign(tmp_path, 2, 2) == [anew]


def test_a_broken_note_is_one_line(tmp_path: Path) -> None:
    note_key(tmp_path / "log.key", ORIGIN)
    (tmp_path / "x.succession").write_text("nothing\n")
    refused(tmp_path, "cannot be used")
