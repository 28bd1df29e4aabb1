"""What a message is: an event of ours, or a dead letter with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from kernel.dead_letters import Letter, Reason
from kernel.inbox import Arrival, NotYet, judge, record_digest
from kernel.log import Entry
from schemas.registry import schema_uri
from schemas.topics import NOMINATION, SCORING
from tests.support.delivery import Chain, wire_for

WIRE = wire_for("scoring", "")
NOW = datetime.now(UTC)


@dataclass
class Told:
    """A record as the client hands it over."""

    value: bytes | None
    key: bytes | None = b"season/2020"
    topic: str = NOMINATION
    partition: int = 1
    offset: int = 42
    headers: Sequence[tuple[str, bytes | None]] = (("x", b"\xff"),)


def told(entry: Entry, **given: object) -> Told:
    return Told(**({"value": entry.document.encode(), "key": entry.stream.encode()} | given))  # type: ignore[arg-type]


def test_an_event_of_ours_arrives_with_its_exact_bytes() -> None:
    chain = Chain("season/2020")
    first, second = chain.next(), chain.next()
    arrival = judge(told(second), WIRE, NOW)
    assert isinstance(arrival, Arrival)
    assert (arrival.stream, arrival.version, arrival.id) == ("season/2020", 2, second.id)
    assert arrival.document == second.document
    assert (arrival.previous, arrival.hash) == (first.hash, second.hash)
    assert (arrival.topic, arrival.partition, arrival.offset) == (NOMINATION, 1, 42)


def test_an_unknown_type_of_ours_arrives_too() -> None:
    kind = "id.go.paritrana.nomination.NobodyKnowsThis.v7"
    entry = Chain("season/2020").next(type=kind, dataschema=schema_uri(kind))
    assert isinstance(judge(told(entry), WIRE, NOW), Arrival)


def reason_of(message: Told) -> str:
    letter = judge(message, WIRE, NOW)
    assert isinstance(letter, Letter), letter
    assert (letter.key, letter.value, letter.headers) == (message.key, message.value, tuple(message.headers))
    assert (letter.topic, letter.partition, letter.offset) == (message.topic, 1, 42)
    assert letter.detail
    return letter.reason


@pytest.mark.parametrize("value", [None, b""])
def test_a_tombstone_is_no_event(value: bytes | None) -> None:
    assert reason_of(Told(value)) == Reason.EMPTY


@pytest.mark.parametrize(
    "value",
    [
        b"not json",
        b"\xff\xfe",
        b"\x00",
        b"[]",
        b"null",
        b'{"a":1.5}',
        b'{"a":9007199254740993}',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":2}',
        b'{"a":"\\ud800"}',
        '{"é":1}'.encode(),
        b"[" * 3000 + b"]" * 3000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":"' + b"x" * 3_000_000,
    ],
)
def test_bytes_that_are_not_canonical_are_no_event(value: bytes) -> None:
    assert reason_of(Told(value)) == Reason.NOT_CANONICAL


def test_a_canonical_document_that_is_no_event_of_ours_by_its_form() -> None:
    assert reason_of(Told(b"{}")) == Reason.NOT_AN_EVENT
    assert reason_of(told(Chain("season/2020").next(actor="Budi"))) == Reason.NOT_AN_EVENT
    assert reason_of(told(Chain("season/2020").next(source="/paritrana/scoring"))) == Reason.NOT_AN_EVENT


def test_changed_data_is_noticed() -> None:
    document = orjson.loads(Chain("season/2020").next().document)
    document["data"]["number"] = 7
    assert reason_of(Told(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))) == Reason.NOT_AN_EVENT


def test_a_stream_of_another_topic_is_not_the_owners() -> None:
    assert reason_of(told(Chain("season/2020").next(), topic=SCORING)) == Reason.NOT_THE_OWNER


@pytest.mark.parametrize("key", [None, b"", b"season/2021", b"\xff"])
def test_another_key_than_the_stream(key: bytes | None) -> None:
    assert reason_of(told(Chain("season/2020").next(), key=key)) == Reason.WRONG_KEY


def test_a_time_after_our_clock_is_waited_for_and_beyond_a_minute_future_dated() -> None:
    near = Chain("season/2020", started=NOW + timedelta(seconds=4)).next()
    assert isinstance(judge(told(near), WIRE, NOW), Arrival)
    slow = Chain("season/2020", started=NOW + timedelta(seconds=59)).next()
    with pytest.raises(NotYet, match=r"season/2020, version 1, is 59\.0 s ahead"):
        judge(told(slow), WIRE, NOW)
    assert isinstance(judge(told(slow), WIRE, NOW + timedelta(seconds=55)), Arrival)
    far = Chain("season/2020", started=NOW + timedelta(seconds=61)).next()
    assert reason_of(told(far)) == Reason.FUTURE_DATED


def test_a_digest_tells_key_from_value_and_nothing_from_empty() -> None:
    shapes = [(b"a", b"b"), (b"ab", b""), (b"", b"ab"), (None, b"ab"), (b"ab", None), (None, None), (b"", b"")]
    assert len({record_digest(Told(value, key)) for key, value in shapes}) == len(shapes)


def test_a_letter_keeps_what_was_read_and_says_where_and_why() -> None:
    letter = judge(Told(b"junk"), WIRE, NOW)
    assert isinstance(letter, Letter)
    record = letter.record()
    assert (record.key, record.value, record.headers[0]) == (b"season/2020", b"junk", ("x", b"\xff"))
    added = dict(record.headers[1:])
    assert added["reason"] == b"not-canonical"
    assert (added["topic"], added["partition"], added["offset"]) == (NOMINATION.encode(), b"1", b"42")
