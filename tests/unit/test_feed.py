"""The feed's hash: made of the stored text alone, and the leaf hash of whatever a service can have written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import canonical, data_hash, envelope_of, leaf_hash, parse_canonical
from kernel.feed import document_hash
from schemas.topics import EVENT_TOPICS, SERVICES, streams_of, topic_of

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*/*.json"))
DOCUMENTS = [text for path in EXAMPLES if '"streamversion"' in (text := path.read_text(encoding="utf-8").strip())]


def test_every_example_has_its_leaf_hash() -> None:
    assert len(DOCUMENTS) > 50
    for text in DOCUMENTS:
        assert document_hash(text) == leaf_hash(envelope_of(parse_canonical(text.encode()))).hex()


@given(
    st.recursive(
        st.text() | st.integers(-9, 9) | st.none(), lambda part: st.dictionaries(st.text('ab:,"d', max_size=9), part)
    )
)
def test_no_data_can_look_like_what_stands_around_it(value: object) -> None:
    data = canonical({"x": value, "y": '","datahash":"', "z": {"data": '"data":'}})
    document = b'{"actor":"a","data":' + data + b',"datahash":"' + data_hash(data).encode() + b'","id":"1"}'
    envelope = document.replace(b'"data":' + data + b",", b"", 1)
    assert document_hash(document.decode()) == leaf_hash(envelope).hex()


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", '{"data":1}', '{"actor":1,"data":{},"datahash":"00"}'])
def test_what_is_no_event_has_no_hash(text: str) -> None:
    assert document_hash(text) is None


def test_changed_data_has_no_hash_whatever_is_said_beside_it() -> None:
    text = DOCUMENTS[0]
    assert document_hash(text.replace('"salt":"', '"salt":"0', 1)) is None


def test_every_stream_is_of_one_service() -> None:
    kinds = [kind for topic in EVENT_TOPICS for kind in topic.streams]
    for stream in (*(f"{kind}/x" for kind in kinds), *(f"service/{one}" for one in SERVICES), "refusal/scoring/p/d"):
        owners = [each for each in SERVICES if any(f"{stream}/".startswith(f"{kind}/") for kind in streams_of(each))]
        (owner,) = owners
        assert topic_of(stream) in {topic.name for topic in EVENT_TOPICS if topic.owner == owner}
