"""Superseded versions: each keeps its model, its published schema and its step, and is held to its own shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kernel.canonical import parse_canonical
from schemas import nomination as said
from schemas import superseded
from schemas.codec import CODEC
from schemas.generate import ROOT, event_path, event_schema
from schemas.registry import UnreadableEvent, event_models, is_known, read_event, superseded_models
from schemas.upcasters import UPCASTERS, upcast, versions_of
from tests.contract import story

FIRST = "id.go.paritrana.nomination.CandidateNominated.v1"
SECOND = "id.go.paritrana.nomination.CandidateNominated.v2"
OLD_EXAMPLES = [
    path for path, raw in story.examples().items() if parse_canonical(raw)["type"] in UPCASTERS
]  # fmt: skip
each_superseded = pytest.mark.parametrize("type_name", UPCASTERS)
SQL = sorted((Path(__file__).parents[2] / "services").glob("*/queries.sql"))


def example(path: Path) -> dict[str, Any]:
    return parse_canonical(story.examples()[path])


@each_superseded
def test_a_superseded_version_keeps_its_model_which_still_makes_the_published_schema(type_name: str):
    committed = json.loads((ROOT / "json" / f"{event_path(type_name)}.json").read_bytes())
    assert event_schema(superseded_models()[type_name]) == committed


def test_every_kept_model_is_of_a_superseded_version():
    assert superseded_models().keys() == UPCASTERS.keys()
    assert not superseded_models().keys() & event_models().keys()


@each_superseded
def test_a_superseded_version_leads_to_a_current_one(type_name: str):
    newest, _ = upcast(type_name, {})
    assert newest in event_models()
    assert type_name in versions_of(newest)
    assert versions_of(type_name) == {type_name}
    assert is_known(type_name)


def test_a_type_without_older_versions_is_only_itself():
    name = said.StageAdvanced.type_name()
    data = {"salt": "00"}
    assert CODEC.versions(name) == {name}
    assert CODEC.newest(name, data) == (name, data)
    assert CODEC.newest(name, data)[1] is data


@pytest.mark.parametrize("path", OLD_EXAMPLES, ids=lambda path: path.stem)
def test_what_an_old_build_wrote_is_read_as_the_newest_version_says_it(path: Path):
    document = example(path)
    type_name, data = CODEC.newest(document["type"], document["data"])
    event = read_event(document["type"], document["data"])
    assert event.type_name() == type_name
    assert event == read_event(type_name, data)
    Draft202012Validator(event_schema(type(event))).validate(data)


def test_there_are_examples_of_old_versions():
    assert len(OLD_EXAMPLES) >= 4


def test_the_second_version_of_a_nomination_knows_other_kinds_and_sectors_and_the_first_does_not():
    data = example(OLD_EXAMPLES[0])["data"]
    village = data | {"candidate": {"kind": "village", "code": "81.71.02.2001", "name": "Desa", "region": "81.71"}}
    found = read_event(SECOND, village)
    assert isinstance(found, said.CandidateNominated)
    assert found.candidate.kind == "village"
    with pytest.raises(UnreadableEvent, match=re.escape(f"{FIRST}: candidate.kind")):
        read_event(FIRST, village)


def test_the_newest_version_is_what_is_written():
    data = example(OLD_EXAMPLES[0])["data"]
    event = read_event(FIRST, data)
    assert CODEC.write(event).type == SECOND
    old = superseded.CandidateNominated.model_validate(data)
    assert CODEC.write(old).type == FIRST
    assert {**CODEC.write(old).data, "salt": data["salt"]} == data


def test_what_sql_reads_of_documents_every_version_has():
    """SQL reads the stored document: a path into it must lead to the same in every version that it can meet."""
    paths = {tuple(found.split(",")) for sql in SQL for found in re.findall(r"\{data,([a-z_,]+)\}", sql.read_text())}
    assert ("entry", "season") in paths
    for old in UPCASTERS:
        newest, _ = upcast(old, {})
        for path in paths:
            assert _at(event_schema(superseded_models()[old]), path) == _at(event_schema(event_models()[newest]), path)


def _at(schema: dict[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = schema
    for step in path:
        node = node.get("properties", {}).get(step)
        if node is None:
            return None
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return {key: value for key, value in node.items() if key != "description"}
