"""Signed notes: the specification's example, what is refused and why, and whose signatures count."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    Kind,
    NoteKey,
    NotSigned,
    Signature,
    SignedNote,
    Verified,
    VerifierKey,
    cosigned,
    parse_signatures,
    signed,
    verified,
)
from tests.support.transparency import note_key

VKEY: Final = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE: Final = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()
"""The complete example of C2SP signed-note."""

POEM: Final = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
""".encode()
"""Its first example, whose key is not told."""

COSIGNED: Final = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()
"""The example of C2SP tlog-cosignature, whose keys are not told."""


def key(seed: int, name: str = "log.example/award", kind: Kind = ED25519) -> NoteKey:
    return note_key(name, kind, seed=seed)


LOG: Final = key(1)
WITNESS: Final = key(2, "witness.example/w1", COSIGNATURE)
TEXT: Final = "log.example/award\n0\nroot\n"


# --- what the specification shows -----------------------------------------------------------------------------------


def test_the_key_of_the_specification_verifies_its_note() -> None:
    known = VerifierKey.parse(VKEY)
    note = SignedNote.parse(EXAMPLE)
    assert (known.name, known.kind, known.key_id.hex()) == ("example.com/foo", ED25519, "530d903a")
    assert note.text == "This is an example message.\n"
    assert verified(note, [known]) == (Verified(known),)
    assert known.text == VKEY


def test_the_private_key_of_gos_documentation_signs_as_it_says() -> None:
    own = NoteKey.parse("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    assert own.verifier.text == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert own.sign(text).line == (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )


@pytest.mark.parametrize("raw", [EXAMPLE, POEM, COSIGNED])
def test_a_note_is_written_as_it_was_read(raw: bytes) -> None:
    assert SignedNote.parse(raw).raw == raw


def test_the_text_goes_up_to_the_last_blank_line() -> None:
    note = SignedNote.parse(POEM)
    assert note.text == POEM.decode().split("\n\n—")[0] + "\n"
    assert [(line.name, line.key_id.hex()) for line in note.signatures] == [("quasimodo.example/salvatore", "367ba04b")]


def test_the_cosigned_message_and_its_time_are_those_of_the_specification() -> None:
    note = SignedNote.parse(COSIGNED)
    assert int.from_bytes(note.signatures[1].signature[:8]) == 1679315147
    assert cosigned(note.text, 1679315147).decode() == (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [LOG, WITNESS])
def test_keys_are_read_as_they_were_written_and_the_private_one_does_not_show_itself(made: NoteKey) -> None:
    assert VerifierKey.parse(made.verifier.text) == made.verifier
    assert NoteKey.parse(made.text).text == made.text
    assert b64encode(made.private.private_bytes_raw()).decode() not in repr(made)


def test_a_key_of_two_types_has_two_ids() -> None:
    assert key(1, kind=COSIGNATURE).verifier.key_id != LOG.verifier.key_id


def test_a_key_is_made_anew_each_time() -> None:
    assert NoteKey.generate("a").text != NoteKey.generate("a").text
    assert NoteKey.generate("a", COSIGNATURE).verifier.kind == COSIGNATURE


def _vkey(raw: bytes, name: str = "log.example", key_id: str = "00000000") -> str:
    return f"{name}+{key_id}+{b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a verifier key is <name>"),
        ("log.example+00000000", "a verifier key is <name>"),
        (f"{VKEY}\n", "not standard base64"),
        (VKEY.replace("530d903a", "530d903b"), "key id .* is '530d903b', by its key it is 530d903a"),
        (VKEY.replace("530d903a", "530D903A"), "by its key it is 530d903a"),
        (VKEY.replace("example", "exampl"), "by its key it is"),
        (VKEY.replace("example", "exa mple"), "a space or a plus"),
        (VKEY.replace("example.com/foo", ""), "the key name is empty"),
        (VKEY.replace("example", "exa\rmple"), "a space or a plus"),
        (VKEY.replace("example", "exa\x00mple"), r"control character U\+0000"),
        (VKEY.replace("example", "exa\u00a0mple"), "a space or a plus"),
        (VKEY.replace("example", "exa\ud800mple"), "lone surrogate"),
        (VKEY[:-1] + "l", "stray bits|by its key it is"),
        (_vkey(b""), "signature type is 0x00"),
        (_vkey(b"\x02" + bytes(32)), "signature type is 0x02"),
        (_vkey(b"\x01" + bytes(31)), "has 31 bytes"),
        (_vkey(b"\x01" + bytes(33)), "has 33 bytes"),
        (VKEY + "=", "not standard base64|wrong padding"),
        (VKEY + "+more", "not standard base64"),
    ],
)
def test_a_verifier_key_that_is_not_one_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        VKEY,
        "PRIVATE+KEY+",
        LOG.text[:-4],
        LOG.text.replace("award", "awards"),
        f"PRIVATE+KEY+a+00000000+{b64encode(bytes(33)).decode()}",
        f"PRIVATE+KEY+a+00000000+{b64encode(bytes(12)).decode()}",
    ],
)
def test_a_private_key_that_is_not_one_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        NoteKey.parse(text)
    assert LOG.text.rsplit("+", 1)[1][:20] not in str(refused.value)


def test_a_key_makes_signatures_of_its_own_type_only() -> None:
    with pytest.raises(ValueError, match="signatures of type 0x01, not 0x04"):
        LOG.cosign(TEXT, 1)
    with pytest.raises(ValueError, match="signatures of type 0x04, not 0x01"):
        WITNESS.sign(TEXT)


@pytest.mark.parametrize("at", [0, -1, 2**63])
def test_a_cosignature_has_a_time(at: int) -> None:
    with pytest.raises(ValueError, match="time"):
        WITNESS.cosign(TEXT, at)


# --- the form -------------------------------------------------------------------------------------------------------


def _lines(count: int) -> bytes:
    line = EXAMPLE.decode().split("\n")[2]
    return ("text\n\n" + f"{line}\n" * count).encode()


LINE: Final = EXAMPLE.split(b"\n")[2]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no blank line"),
        (b"\n", "no blank line"),
        (b"\n\n", "no signature line"),
        (b"text\n\n", "no signature line"),
        (b"text\n" + LINE + b"\n", "no blank line"),
        (b"text\n\n" + LINE, "does not end in LF"),
        (EXAMPLE + b"\n", "no signature line"),
        (EXAMPLE + b"more\n", "line 4: a signature line starts with an em dash"),
        (EXAMPLE.replace(b"\n", b"\r\n"), r"U\+000D in line 1: lines end in LF alone"),
        (EXAMPLE.replace(b"an", b"a\tn"), r"U\+0009 in line 1"),
        (EXAMPLE.replace(b"an", b"a\x00n"), r"U\+0000 in line 1"),
        (EXAMPLE.replace(b"an", b"a\x1fn"), r"U\+001F in line 1"),
        (EXAMPLE.replace(b"an", b"a\xffn"), "not UTF-8: byte"),
        (EXAMPLE.replace(b"an", b"a\xed\xa0\x80n"), "not UTF-8: byte"),
        (EXAMPLE.replace(b"an", b"a\xc0\x80n"), "not UTF-8: byte"),
        (EXAMPLE.replace("—".encode(), b"-"), "line 3: a signature line starts with an em dash"),
        (EXAMPLE.replace("—".encode(), "\u2013".encode()), "line 3: a signature line starts with an em dash"),
        (EXAMPLE.replace("— ".encode(), "—".encode()), "line 3: a signature line starts with an em dash"),
        (EXAMPLE.replace("— ".encode(), "— \u00a0".encode()), "line 3: the key name .* has a space"),
        (EXAMPLE.replace(b"com/foo ", b"com/foo"), "line 3: a signature line has a key name, a space"),
        (EXAMPLE.replace(b"com/foo ", b"com/foo  "), "line 3: the signature is not standard base64"),
        (EXAMPLE.replace(b"example.com/foo ", b" "), "line 3: the key name is empty"),
        (EXAMPLE.replace(b"com/foo", b"com+foo"), "line 3: the key name .* a plus"),
        (EXAMPLE.replace(b"aQM=", b"aQM"), "line 3: the signature is not standard base64"),
        (EXAMPLE.replace(b"aQM=", b"aQN="), "line 3: .* stray bits"),
        (EXAMPLE.replace(b"aQM=", b"aQM= "), "line 3: the signature is not standard base64"),
        (EXAMPLE.replace(b"Uw2Q", b"Uw-Q"), "line 3: the signature is not standard base64"),
        ("text\n\n— a AAAAAA==\n".encode(), "line 3: the signature has 4 bytes"),
        ("text\n\n— a \n".encode(), "line 3: the signature has 0 bytes"),
        (_lines(65), "65 signatures; at most 64"),
        (b"x" * MAX_NOTE_BYTES + EXAMPLE, "at most 1048576 are read"),
    ],
)  # fmt: skip
def test_what_is_not_a_note_is_refused_with_where_and_why(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        SignedNote.parse(raw)


def test_as_many_signatures_are_read_as_are_promised() -> None:
    assert len(SignedNote.parse(_lines(64)).signatures) == 64


@pytest.mark.parametrize("text", ["", "text", "te\rxt\n", "te\ud800xt\n"])
def test_a_text_that_no_note_can_have_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        LOG.sign(text)
    with pytest.raises(Malformed):
        WITNESS.cosign(text, 1)
    with pytest.raises(Malformed):
        SignedNote(text, SignedNote.parse(EXAMPLE).signatures)


def test_a_note_has_a_signature_and_a_signature_has_bytes() -> None:
    with pytest.raises(Malformed, match="no signature line"):
        signed(TEXT)
    with pytest.raises(Malformed, match="at most 64"):
        SignedNote(TEXT, SignedNote.parse(EXAMPLE).signatures * 65)
    with pytest.raises(Malformed, match="is empty"):
        Signature("a", bytes(4), b"")
    with pytest.raises(Malformed, match="has 5 bytes"):
        Signature("a", bytes(5), b"x")


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=60)


@given(_TEXTS, st.integers(min_value=1, max_value=2**63 - 1))
def test_every_text_is_signed_cosigned_written_and_read(text: str, at: int) -> None:
    note = signed(f"{text}\n", LOG).adding(WITNESS.cosign(f"{text}\n", at))
    assert SignedNote.parse(note.raw) == note
    assert verified(note, [LOG.verifier, WITNESS.verifier]) == (Verified(LOG.verifier), Verified(WITNESS.verifier, at))


@given(
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda raw: EXAMPLE[: len(raw)] + raw + EXAMPLE[len(raw) :])
)
def test_whatever_bytes_there_are_is_either_refused_or_read_as_they_are(raw: bytes) -> None:
    try:
        note = SignedNote.parse(raw)
    except Malformed:
        return
    assert note.raw == raw


@given(st.integers(min_value=0, max_value=len(EXAMPLE) * 8 - 1))
def test_any_flipped_bit_makes_a_note_unsigned_or_no_note(bit: int) -> None:
    raw = bytearray(EXAMPLE)
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Malformed, NotSigned)):
        verified(SignedNote.parse(bytes(raw)), [VerifierKey.parse(VKEY)])


# --- who has signed -------------------------------------------------------------------------------------------------


def test_signatures_by_unknown_keys_are_passed_over() -> None:
    stranger, namesake = key(7, "stranger.example"), key(8)
    note = signed(TEXT, stranger, namesake, LOG)
    assert verified(note, [LOG.verifier, WITNESS.verifier]) == (Verified(LOG.verifier),)


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    note = signed(TEXT, key(7))
    with pytest.raises(NotSigned, match=r"none of the 1 signatures is by a known key .*log\.example/award"):
        verified(note, [LOG.verifier])
    with pytest.raises(NotSigned, match="none was given"):
        verified(note, [])


@pytest.mark.parametrize("position", [0, 1])
def test_a_wrong_signature_under_a_known_name_and_id_costs_the_note_whoever_else_signed(position: int) -> None:
    good, wrong = WITNESS.cosign(TEXT, 5), replace(LOG.sign(TEXT), signature=LOG.sign("other\n").signature)
    lines = [good]
    lines.insert(position, wrong)
    with pytest.raises(NotSigned, match=r"signature of 'log\.example/award' .* is not over this text"):
        verified(SignedNote(TEXT, tuple(lines)), [LOG.verifier, WITNESS.verifier])


def test_a_known_key_that_signed_twice_is_told_once_and_both_must_hold() -> None:
    line = LOG.sign(TEXT)
    twice = SignedNote(TEXT, (line, line))
    assert verified(twice, [LOG.verifier]) == (Verified(LOG.verifier),)
    with pytest.raises(NotSigned):
        verified(SignedNote(TEXT, (line, replace(line, signature=bytes(64)))), [LOG.verifier])


@pytest.mark.parametrize(
    "signature", [b"x", bytes(64), bytes(71), bytes(72), bytes(73), b"\xff" * 8 + bytes(64), bytes(3000)]
)
def test_a_signature_of_whatever_length_is_no_fault_of_ours(signature: bytes) -> None:
    for known in (LOG.verifier, WITNESS.verifier):
        line = Signature(known.name, known.key_id, signature)
        with pytest.raises(NotSigned):
            verified(SignedNote(TEXT, (line,)), [known])


def test_a_cosignature_holds_for_its_time_only_and_for_its_own_type() -> None:
    line = WITNESS.cosign(TEXT, 5)
    later = replace(line, signature=(6).to_bytes(8) + line.signature[8:])
    with pytest.raises(NotSigned):
        verified(SignedNote(TEXT, (later,)), [WITNESS.verifier])
    same = key(2, "witness.example/w1")
    with pytest.raises(NotSigned, match="none of the"):
        verified(SignedNote(TEXT, (line,)), [same.verifier])


def test_a_time_beyond_what_is_allowed_does_not_hold_though_the_key_signed_it() -> None:
    far = 2**63
    signature = far.to_bytes(8) + WITNESS.private.sign(cosigned(TEXT, far))
    with pytest.raises(NotSigned):
        verified(SignedNote(TEXT, (Signature(WITNESS.name, WITNESS.verifier.key_id, signature),)), [WITNESS.verifier])


def test_a_key_of_small_order_or_of_no_point_verifies_nothing_and_breaks_nothing() -> None:
    for public in (bytes(32), b"\xff" * 32):
        known = VerifierKey("a", ED25519, public)
        with pytest.raises(NotSigned):
            verified(SignedNote(TEXT, (Signature("a", known.key_id, b"\x01" * 64),)), [known])


def test_two_known_keys_of_one_name_and_id_are_the_readers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VerifierKey, "key_id", bytes(4))
    with pytest.raises(ValueError, match="two keys are called"):
        verified(SignedNote.parse(EXAMPLE), [LOG.verifier, key(9).verifier])


def test_a_newer_signature_takes_the_earlier_ones_place() -> None:
    note = signed(TEXT, LOG).adding(WITNESS.cosign(TEXT, 5), key(9, "w2", COSIGNATURE).cosign(TEXT, 5))
    again = note.adding(WITNESS.cosign(TEXT, 9))
    assert [line.name for line in again.signatures] == ["log.example/award", "witness.example/w1", "w2"]
    assert [one.timestamp for one in verified(again, [WITNESS.verifier])] == [9]


def test_a_witness_answers_lines_alone() -> None:
    line = WITNESS.cosign(TEXT, 5)
    assert parse_signatures(line.line.encode()) == (line,)
    for raw, reason in [(b"", "no signature line"), (b"\n", "line 1"), (b"x\n", "line 1"), (b"\xff", "not UTF-8")]:
        with pytest.raises(Malformed, match=reason):
            parse_signatures(raw)


def test_an_id_is_told_by_the_first_bytes_of_a_signature() -> None:
    assert b64decode(LINE.split(b" ")[2])[:4] == VerifierKey.parse(VKEY).key_id
