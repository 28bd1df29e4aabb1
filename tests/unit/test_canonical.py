"""The bytes of an event: one writer equal to RFC 8785 in our profile, and a reader that takes nothing else."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.canonical import (
    MAX_DEPTH,
    MAX_ENVELOPE,
    MAX_INTEGER,
    Ed25519Signer,
    NotCanonical,
    canonical,
    check_profile,
    data_hash,
    envelope_of,
    from_instant,
    instant,
    leaf_hash,
    parse_canonical,
    signature_holds,
    uuid7,
    write_document,
)

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5))
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8)


# --- canonical form ------------------------------------------------------------------------------------------------


@given(VALUES)
def test_canonical_equals_rfc8785_in_the_profile(value: Any):
    check_profile(value)
    assert canonical(value) == rfc8785.dumps(value)


def test_canonical_equals_rfc8785_for_every_code_point_as_a_value():
    surrogates = range(0xD800, 0xE000)
    for start in range(0, sys.maxunicode + 1, 4096):
        block = [chr(point) for point in range(start, start + 4096) if point not in surrogates]
        if block:
            assert canonical(block) == rfc8785.dumps(block), hex(start)


@pytest.mark.parametrize("number", [0, -1, 1, MAX_INTEGER, -MAX_INTEGER])
def test_canonical_equals_rfc8785_at_the_ends_of_the_integers(number: int):
    assert canonical([number]) == rfc8785.dumps([number])


def test_keys_of_the_profile_sort_alike_in_ascii_and_utf16():
    keys = {chr(point): point for point in range(0x20, 0x7F)} | {"a" * n: n for n in range(2, 5)}
    assert canonical(keys) == rfc8785.dumps(keys)


@given(DOCUMENTS)
def test_what_is_canonical_is_parsed_back(document: dict[str, Any]):
    assert parse_canonical(canonical(document)) == document


@given(DOCUMENTS)
def test_pretty_printed_bytes_are_refused(document: dict[str, Any]):
    with pytest.raises(NotCanonical):
        parse_canonical(json.dumps(document, indent=1).encode() + b"\n")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":1}x', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\x00"}', "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        (b'{"a":"\\udc00\\ud800"}', "not JSON"),
        (b'{"a":"\xed\xa0\x80"}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"a":1,"a":1}', "not canonical"),
        (b'{"a":1,"a":2}', "not canonical"),
        (b'{"b":1,"a":1}', "not canonical"),
        (b'{"a": 1}', "not canonical"),
        (b'{"a":1} ', "not canonical"),
        (b'{"a":1}\n', "not canonical"),
        (b'{"a":"\\u0041"}', "not canonical"),
        (b'{"a":"\\/"}', "not canonical"),
        (b'{"a":"\\u000A"}', "not canonical"),
        (b'{"a":-0}', "not canonical"),
        (b'{"a":1.0}', r"\$\.a is a float"),
        (b'{"a":1e3}', r"\$\.a is a float"),
        (b'{"a":[{"b":0.5}]}', r"\$\.a\[0\]\.b is a float"),
        (b'{"a":9007199254740992}', r"\$\.a is 9007199254740992, beyond"),
        (b'{"a":-9007199254740992}', "beyond"),
        (b'{"a":18446744073709551616}', "float"),
        ('{"é":1}'.encode(), "printable ASCII"),
        (b'{"\\u0000":1}', "printable ASCII"),
        (b'{"\\n":1}', "printable ASCII"),
        (b'{"\x7f":1}', "printable ASCII"),
    ],
)
def test_bytes_that_are_not_canonical_are_refused_with_a_reason(raw: bytes, message: str):
    with pytest.raises(NotCanonical, match=message):
        parse_canonical(raw)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 254, 255, 999, 1023, 1024, 100_000])
def test_nesting_too_deep_is_refused_and_breaks_nothing(depth: int):
    with pytest.raises(NotCanonical):
        parse_canonical(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def test_nesting_up_to_the_limit_is_read():
    raw = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"1" + b"]" * (MAX_DEPTH - 1) + b"}"
    assert canonical(parse_canonical(raw)) == raw


@pytest.mark.parametrize("value", [b"bytes", 0.5, float("nan"), datetime(2021, 1, 1, tzinfo=UTC), {1: 2}, {"a": {3}}])
def test_values_outside_of_the_profile_are_refused(value: Any):
    with pytest.raises(NotCanonical):
        check_profile({"x": value})


# --- hashes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        # The leaves of the Merkle trees in the reference tests of Certificate Transparency (RFC 6962).
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
        ("10", "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"),
        ("2021", "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7"),
        ("3031", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
        ("40414243", "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658"),
    ],
)
def test_leaf_hash_is_that_of_rfc_6962(entry: str, expected: str):
    assert leaf_hash(bytes.fromhex(entry)).hex() == expected


def test_data_hash_is_plain_sha_256():
    assert data_hash(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(DOCUMENTS)
def test_the_envelope_is_the_document_without_its_data(document: dict[str, Any]):
    document["data"] = {"x": 1}
    envelope = parse_canonical(envelope_of(document))
    assert envelope == {key: value for key, value in document.items() if key != "data"}


# --- time and ids --------------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
def test_an_instant_has_one_form_and_is_read_back(moment: datetime):
    text = instant(moment)
    assert len(text) == 27
    assert from_instant(text) == moment.astimezone(UTC)
    assert instant(from_instant(text)) == text


def test_an_instant_is_utc_with_microseconds():
    wita = timezone(timedelta(hours=8))
    assert instant(datetime(2021, 2, 28, 23, 59, 59, tzinfo=wita)) == "2021-02-28T15:59:59.000000Z"


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=10))
def test_instants_sort_as_time_does(moments: list[datetime]):
    assert sorted(map(instant, moments)) == [instant(moment) for moment in sorted(moments)]


def test_ids_are_uuids_of_version_7_and_tell_their_millisecond():
    before = datetime.now(UTC)
    made = [uuid7() for _ in range(1000)]
    after = datetime.now(UTC)
    for text in made:
        parsed = UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, "specified in RFC 4122")
        millisecond = datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)
        assert before - timedelta(milliseconds=2) <= millisecond <= after + timedelta(seconds=1)


def test_ids_of_one_process_sort_as_they_were_made():
    made = [uuid7() for _ in range(20_000)]
    assert all(one < other for one, other in pairwise(made))


def test_ids_stay_in_order_when_the_systems_clock_goes_back(monkeypatch: pytest.MonkeyPatch):
    first = uuid7()
    monkeypatch.setattr("kernel.canonical.time.time_ns", lambda: 1_600_000_000_000_000_000)
    made = [first, *(uuid7() for _ in range(5000))]
    assert all(one < other for one, other in pairwise(made))


def test_ids_made_by_threads_at_once_are_all_different_and_rise_within_each():
    made: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda own=own: own.extend(uuid7() for _ in range(2000))) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({text for own in made for text in own}) == 8000
    assert all(own == sorted(own) for own in made)


# --- documents and signatures --------------------------------------------------------------------------------------


def signer(seed: str = "a") -> Ed25519Signer:
    return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest()))


def attributes() -> dict[str, Any]:
    return {"id": "1", "type": "t", "subject": "s/1", "streamversion": 1}


@given(DOCUMENTS, st.booleans())
def test_a_written_document_is_canonical_hashed_and_signed(data: dict[str, Any], signed: bool):
    sealed = write_document(attributes(), dict(data), signer() if signed else None)
    document = parse_canonical(sealed.document.encode())
    assert document["data"] == {**data, "salt": document["data"]["salt"]}
    assert len(bytes.fromhex(document["data"]["salt"])) == 16
    assert document["datahash"] == data_hash(canonical(document["data"]))
    assert sealed.hash == leaf_hash(envelope_of(document))
    assert sealed.id == document["id"]
    assert signature_holds(document, signer().public_key) == signed
    assert document.get("signaturekey") == (signer().key_id if signed else None)


@given(TEXTS, TEXTS)
@example('"datahash":', ',"datahash":"')
@example('{"data":{', '\\"datahash\\":')
def test_no_text_in_an_envelope_can_misplace_the_data(actor: str, command: str):
    sealed = write_document({**attributes(), "actor": actor, "commandid": command}, {"a": 1}, None)
    document = parse_canonical(sealed.document.encode())
    assert (document["actor"], document["commandid"], document["data"]["a"]) == (actor, command, 1)
    assert sealed.hash == leaf_hash(envelope_of(document))


def test_salts_differ_so_equal_data_has_different_hashes():
    hashes = {parse_canonical(write_document(attributes(), {"a": 1}, None).document.encode())["datahash"] for _ in "xy"}
    assert len(hashes) == 2


@given(st.sampled_from(["id", "type", "subject", "streamversion", "datahash", "signaturekey"]))
def test_a_signature_holds_for_its_envelope_and_its_key_only(name: str):
    document = parse_canonical(write_document(attributes(), {"a": 1}, signer()).document.encode())
    assert signature_holds(document, signer().public_key)
    assert not signature_holds(document, signer("b").public_key)
    assert not signature_holds({**document, name: "changed"}, signer().public_key)
    assert not signature_holds({**document, "added": 1}, signer().public_key)
    assert not signature_holds({key: value for key, value in document.items() if key != name}, signer().public_key)


@pytest.mark.parametrize("signature", [None, 7, "", "!!", "é", b64encode(bytes(64)).decode(), b64encode(b"x").decode()])
def test_what_is_no_signature_does_not_hold(signature: Any):
    document = parse_canonical(write_document(attributes(), {"a": 1}, signer()).document.encode())
    assert not signature_holds({**document, "signature": signature}, signer().public_key)


def test_a_key_of_another_length_holds_nothing():
    document = parse_canonical(write_document(attributes(), {"a": 1}, signer()).document.encode())
    assert not signature_holds(document, b"short")


def test_a_key_is_named_by_the_digest_of_its_public_part():
    assert signer().key_id == hashlib.sha256(signer().public_key).hexdigest()[:16]


def test_an_envelope_that_fits_no_entry_of_the_log_is_refused():
    with pytest.raises(NotCanonical, match="at most 65535"):
        write_document({**attributes(), "office": "x" * MAX_ENVELOPE}, {"a": 1}, None)


@pytest.mark.parametrize("value", [0.5, MAX_INTEGER + 1, {"é": 1}, {"\x00": 1}])
def test_data_that_no_reader_would_take_is_not_written(value: Any):
    with pytest.raises(NotCanonical, match=r"\$\.data\.x"):
        write_document(attributes(), {"x": value}, None)
