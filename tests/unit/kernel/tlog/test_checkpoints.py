"""Checkpoints: three lines and no other form, and only the log's own word opens one."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.tlog.checkpoints import Checkpoint, opened
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import COSIGNATURE, NotSigned, SignedNote, signed
from tests.support.transparency import note_key

ROOT: Final = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
EXAMPLE: Final = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
LOG: Final = note_key("example.com/behind-the-sofa")
WITNESS: Final = note_key("witness.example/w1", COSIGNATURE, seed=2)


def test_the_example_of_the_specification_is_read_and_written() -> None:
    checkpoint = Checkpoint.parse(EXAMPLE)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert checkpoint.text == EXAMPLE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has 0 lines"),
        (EXAMPLE[:-1], "does not end in LF"),
        (EXAMPLE + "extension\n", "has 4 lines"),
        (EXAMPLE + "\n", "has 4 lines"),
        (f"\n1\n{ROOT}\n", "the origin is one line"),
        (f"a\n\n{ROOT}\n", "the size, is ''"),
        (f"a\n01\n{ROOT}\n", "without leading zeroes"),
        (f"a\n+1\n{ROOT}\n", "the size"),
        (f"a\n-1\n{ROOT}\n", "the size"),
        (f"a\n 1\n{ROOT}\n", "the size"),
        (f"a\n1_0\n{ROOT}\n", "the size"),
        (f"a\n\u0661\n{ROOT}\n", "the size"),
        (f"a\n{2**63}\n{ROOT}\n", "beyond 2"),
        (f"a\n{'9' * 5000}\n{ROOT}\n", "the size"),
        (f"a\n1\n{ROOT[:-1]}\n", "not standard base64"),
        (f"a\n1\n{ROOT[:-2]}J=\n", "stray bits"),
        (f"a\n1\n{ROOT} \n", "not standard base64"),
        ("a\n1\nAAAA\n", "has 3 bytes"),
        (f"a\rb\n1\n{ROOT}\n", "control character"),
    ],
)
def test_what_is_not_a_checkpoint_is_refused_with_why(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"), [("", 0, bytes(32)), ("a\nb", 0, bytes(32)), ("a", -1, bytes(32)), ("a", 0, bytes(31))]
)
def test_what_no_checkpoint_can_say_is_not_made(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(Malformed):
        Checkpoint(origin, size, root)


@given(st.integers(min_value=0, max_value=2**63 - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_is_written_read_signed_and_opened(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(LOG.name, size, root)
    note = checkpoint.signed(LOG).adding(WITNESS.cosign(checkpoint.text, 7))
    found = opened(note.raw, [LOG.verifier, WITNESS.verifier])
    assert (found.checkpoint, found.note) == (checkpoint, note)
    assert [one.timestamp for one in found.verified] == [None, 7]


@given(st.text(max_size=40))
def test_whatever_text_there_is_is_either_refused_or_read_as_it_is(text: str) -> None:
    for told in (text, EXAMPLE[:30] + text + EXAMPLE[30:]):
        try:
            checkpoint = Checkpoint.parse(told)
        except Malformed:
            continue
        assert checkpoint.text == told


def test_a_witness_or_another_log_alone_opens_nothing() -> None:
    checkpoint = Checkpoint.parse(EXAMPLE)
    other = note_key("example.com/other", seed=3)
    keys = [LOG.verifier, WITNESS.verifier, other.verifier]
    for note in (signed(EXAMPLE, other), SignedNote(EXAMPLE, (WITNESS.cosign(EXAMPLE, 1),))):
        with pytest.raises(NotSigned, match=r"no known key of the log .* itself"):
            opened(note, keys)
    assert opened(checkpoint.signed(other, LOG), keys).checkpoint == checkpoint


def test_a_witness_that_is_called_like_the_log_is_still_a_witness() -> None:
    namesake = note_key(LOG.name, COSIGNATURE, seed=2)
    with pytest.raises(NotSigned, match="itself has signed"):
        opened(SignedNote(EXAMPLE, (namesake.cosign(EXAMPLE, 1),)), [namesake.verifier])


def test_a_note_that_is_no_checkpoint_is_refused_before_it_is_verified() -> None:
    with pytest.raises(Malformed, match="has 1 lines"):
        opened(signed("hello\n", LOG), [LOG.verifier])
