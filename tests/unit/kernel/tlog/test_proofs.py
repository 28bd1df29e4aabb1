"""Proofs as files and as JSON: read as they were written, held to keys, leaf and root, and refused with a reason."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import COSIGNATURE, NotSigned
from kernel.tlog.proofs import Consistency, Inclusion, LogProof
from kernel.tlog.trees import NotProven, leaf_hash, prove_consistency, prove_inclusion
from tests.support.transparency import Tiles, note_key

LOG: Final = note_key("log.example/award")
WITNESS: Final = note_key("witness.example", COSIGNATURE, seed=2)
KEYS: Final = (LOG.verifier, WITNESS.verifier)
LEAVES: Final = [leaf_hash(b"%d" % number) for number in range(13)]
TILES: Final = Tiles(LEAVES, 5)
CHECKPOINT: Final = Checkpoint(LOG.name, 13, TILES.tree.root)
NOTE: Final = CHECKPOINT.signed(LOG).adding(WITNESS.cosign(CHECKPOINT.text, 77))


def proof(index: int = 3, extra: bytes | None = None) -> LogProof:
    return LogProof(index, prove_inclusion(index, 13, TILES), NOTE, extra)


@pytest.mark.parametrize("extra", [None, b"", b"whatever", bytes(49_000)])
@pytest.mark.parametrize("index", [0, 3, 12])
def test_a_proof_is_read_as_it_was_written_and_holds(index: int, extra: bytes | None) -> None:
    made = proof(index, extra)
    read = LogProof.parse(made.raw)
    assert (read, read.raw) == (made, made.raw)
    found = read.verify(LEAVES[index], KEYS)
    assert found.checkpoint == CHECKPOINT
    assert [one.timestamp for one in found.verified] == [None, 77]
    assert max(map(len, made.raw.split(b"\n"))) < 65_536


def test_the_file_is_laid_out_as_the_specification_says() -> None:
    lines = proof(3, b"abc").raw.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra YWJj", "index 3"]
    assert lines[3:8] == [*(b64encode(hash_).decode() for hash_ in proof().hashes), ""]
    assert "\n".join(lines[8:]).encode() == NOTE.raw


def test_a_proof_of_the_only_entry_has_no_hashes() -> None:
    checkpoint = Checkpoint(LOG.name, 1, LEAVES[0])
    made = LogProof(0, (), checkpoint.signed(LOG))
    assert made.raw.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/award\n1\n")
    assert LogProof.parse(made.raw).verify(LEAVES[0], KEYS).checkpoint == checkpoint


RAW: Final = proof(3, b"abc").raw
HASH: Final = b64encode(proof().hashes[0])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no blank line"),
        (RAW.replace(b"\n\n", b"\n"), "no blank line"),
        (RAW.replace(b"@v1", b"@v2"), "line 1 of the proof is 'c2sp.org/tlog-proof@v2'"),
        (b"\n" + RAW, "line 1 of the proof is ''"),
        (RAW.replace(b"\n", b"\r\n"), "no blank line"),
        (RAW.replace(b"@v1\n", b"@v1\r\n"), "line 1"),
        (RAW.replace(b"extra YWJj", b"extra YWJ"), "the extra data is not standard base64"),
        (RAW.replace(b"extra YWJj", b"extra"), "where its index is to stand"),
        (RAW.replace(b"extra YWJj\n", b"extra YWJj\nextra YWJj\n"), "where its index is to stand"),
        (RAW.replace(b"extra YWJj\nindex 3", b"index 3\nextra YWJj"), "hash 1 of the proof is not standard base64"),
        (RAW.replace(b"index 3\n", b""), "where its index is to stand"),
        (RAW.replace(b"index 3", b"index 03"), "the index is '03'"),
        (RAW.replace(b"index 3", b"index -3"), "the index is '-3'"),
        (RAW.replace(b"index 3", b"index  3"), "the index is ' 3'"),
        (RAW.replace(b"index 3", b"index \xd9\xa3"), "not ASCII"),
        (RAW.replace(b"index 3", b"index 99999999999999999999"), "the index is"),
        (RAW.replace(HASH, HASH[:-4]), "hash 1 of the proof is not standard base64|has 3. bytes"),
        (RAW.replace(HASH, b"AAAA"), "hash 1 of the proof has 3 bytes"),
        (RAW.replace(HASH, (HASH + b"\n") * 60 + HASH), "has 64 hashes"),
        (RAW[:-1], "does not end in LF"),
        (RAW + b"\n", "no signature line"),
        (b"c2sp.org/tlog-proof@v1\n\n" + NOTE.raw, "the proof has '' where its index"),
        (b"x" * (1 << 21), "at most"),
    ],
)  # fmt: skip
def test_what_is_not_a_proof_is_refused_with_where_and_why(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        LogProof.parse(raw)


@given(st.binary(max_size=60), st.integers(0, len(RAW)), st.integers(0, 60))
def test_whatever_bytes_there_are_is_either_refused_or_read_as_they_are(put: bytes, at: int, instead: int) -> None:
    raw = RAW[:at] + put + RAW[at + instead :]
    try:
        read = LogProof.parse(raw)
    except Malformed:
        return
    assert read.raw == raw


def test_a_proof_holds_for_its_leaf_its_place_and_its_log_only() -> None:
    made = proof()
    with pytest.raises(NotProven):
        made.verify(LEAVES[4], KEYS)
    with pytest.raises(NotProven):
        replace(made, index=4).verify(LEAVES[3], KEYS)
    with pytest.raises(NotProven):
        replace(made, index=13).verify(LEAVES[3], KEYS)
    with pytest.raises(NotSigned):
        made.verify(LEAVES[3], [note_key(LOG.name, seed=3).verifier])
    with pytest.raises(NotSigned, match="itself"):
        made.verify(LEAVES[3], [WITNESS.verifier])


def test_what_no_proof_can_say_is_not_made() -> None:
    made = proof()
    for wrong in (
        {"index": -1},
        {"index": 2**63},
        {"hashes": (b"x",)},
        {"hashes": (bytes(32),) * 64},
        {"extra": bytes(49_001)},
    ):
        with pytest.raises(Malformed):
            replace(made, **wrong)


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_proofs_in_json_are_read_as_they_were_written_and_hold() -> None:
    included = Inclusion(3, 13, prove_inclusion(3, 13, TILES))
    consistent = Consistency(5, 13, prove_consistency(5, 13, TILES))
    assert Inclusion.from_json(json.loads(json.dumps(included.json))) == included
    assert Consistency.from_json(json.loads(json.dumps(consistent.json))) == consistent
    assert set(included.json) == {"leaf_index", "tree_size", "inclusion_path"}
    assert set(consistent.json) == {"tree_size_1", "tree_size_2", "consistency_path"}

    included.verify(LEAVES[3], TILES.tree.root)
    consistent.verify(Tiles(LEAVES[:5]).tree.root, TILES.tree.root)
    with pytest.raises(NotProven):
        included.verify(LEAVES[4], TILES.tree.root)
    with pytest.raises(NotProven):
        consistent.verify(LEAVES[4], TILES.tree.root)


_INCLUDED: Final[dict[str, Any]] = Inclusion(3, 13, proof().hashes).json


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "not a JSON object of leaf_index, tree_size, inclusion_path"),
        ({**_INCLUDED, "more": 1}, "not a JSON object of"),
        ({**_INCLUDED, "leaf_index": "3"}, "leaf_index is '3', not a whole number"),
        ({**_INCLUDED, "leaf_index": 3.0}, "leaf_index is 3.0"),
        ({**_INCLUDED, "leaf_index": True}, "leaf_index is True"),
        ({**_INCLUDED, "leaf_index": -1}, "leaf_index is -1; it is from 0"),
        ({**_INCLUDED, "leaf_index": 13}, "no leaf 13 in a tree of 13"),
        ({**_INCLUDED, "tree_size": 2**63}, "tree_size is"),
        ({**_INCLUDED, "inclusion_path": "AAAA"}, "inclusion_path is not a list of texts"),
        ({**_INCLUDED, "inclusion_path": [1]}, "inclusion_path is not a list of texts"),
        ({**_INCLUDED, "inclusion_path": ["AAAA"]}, "hash 1 of inclusion_path has 3 bytes"),
        ({**_INCLUDED, "inclusion_path": ["é"]}, "hash 1 of inclusion_path is not standard base64"),
        ({**_INCLUDED, "inclusion_path": [HASH.decode()] * 64}, "has 64 hashes"),
    ],
)
def test_json_that_is_no_proof_of_inclusion_is_refused(value: object, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        Inclusion.from_json(value)


def test_json_that_is_no_proof_of_consistency_is_refused() -> None:
    good = Consistency(5, 13, ()).json
    for wrong in ({"tree_size_1": 14}, {"tree_size_2": None}, {"consistency_path": None}):
        with pytest.raises(Malformed):
            Consistency.from_json({**good, **wrong})
    with pytest.raises(Malformed, match="not a JSON object"):
        Consistency.from_json(_INCLUDED)
