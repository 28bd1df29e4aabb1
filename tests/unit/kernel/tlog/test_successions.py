"""One key of a log follows another only by a note that both have signed."""

from __future__ import annotations

import pytest

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import COSIGNATURE, NoteKey, NotSigned, SignedNote, signed
from kernel.tlog.successions import TITLE, Succession, following, preceding
from tests.support.transparency import note_key

NAME = "test.example/log"
FIRST, SECOND, THIRD = (note_key(NAME, seed=seed) for seed in (1, 2, 3))


def test_a_succession_is_read_as_it_was_made() -> None:
    made = Succession.make(FIRST, SECOND)
    assert made.note.text == f"{TITLE}\n{NAME}\n{FIRST.verifier.text}\n{SECOND.verifier.text}\n"
    assert Succession.parse(made.note.raw) == made
    assert Succession.make(FIRST, SECOND).note.raw == made.note.raw


def test_no_checkpoint_is_a_succession_and_no_succession_a_checkpoint() -> None:
    with pytest.raises(Malformed):
        Succession.parse(Checkpoint(NAME, 1, bytes(32)).signed(FIRST, SECOND).raw)
    with pytest.raises(Malformed):
        Checkpoint.parse(Succession.make(FIRST, SECOND).note.text)
    with pytest.raises(Malformed):  # nor can a log be named so that its checkpoints are
        NoteKey.generate(TITLE)


@pytest.mark.parametrize("lines", [(0,), (1,)])
def test_one_signature_is_not_enough(lines: tuple[int, ...]) -> None:
    note = Succession.make(FIRST, SECOND).note
    with pytest.raises(NotSigned):
        Succession.parse(SignedNote(note.text, tuple(note.signatures[line] for line in lines)).raw)


def test_a_signature_of_a_third_key_is_none_of_the_two() -> None:
    text = Succession.make(FIRST, SECOND).note.text
    with pytest.raises(NotSigned):
        Succession.parse(signed(text, FIRST, THIRD).raw)


@pytest.mark.parametrize(
    "other",
    [note_key("other.example/log", seed=2), note_key(NAME, COSIGNATURE, seed=2), FIRST],
    ids=["another log", "a witness", "itself"],
)
def test_only_two_keys_of_one_log_follow_each_other(other: NoteKey) -> None:
    with pytest.raises(Malformed):
        Succession.make(FIRST, other)


def test_every_flipped_bit_is_refused() -> None:
    raw = Succession.make(FIRST, SECOND).note.raw
    for at in range(len(raw)):
        with pytest.raises((Malformed, NotSigned)):
            Succession.parse(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])


def test_keys_are_followed_step_by_step_and_back_and_round_no_circle() -> None:
    one, two, three = FIRST.verifier, SECOND.verifier, THIRD.verifier
    steps = [Succession.make(SECOND, THIRD), Succession.make(FIRST, SECOND)]
    assert following([one], steps) == (two, three)
    assert following([two], steps) == (three,)
    assert following([three], steps) == ()
    assert preceding([three], steps) == (two, one)
    assert preceding([one], steps) == ()
    assert following([one], [*steps, Succession.make(THIRD, FIRST)]) == (two, three)
