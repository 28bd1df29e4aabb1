"""The committed contract is the generated one, and is what it says it is: JSON Schema 2020-12 and AsyncAPI 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError
from typer.testing import CliRunner

from cli.output import Finding
from cli.schemas import register
from schemas import generate
from schemas.compatibility import broken_schemas
from schemas.generate import ROOT, STREAMS, asyncapi_of, event_schemas, stale_files, write_files
from schemas.registry import event_models, schema_uri
from schemas.topics import EVENT_TOPICS, SERVICES, topics_of
from tests.contract import story


def run(*arguments: str):
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["schemas", *arguments])


# --- drift ---------------------------------------------------------------------------------------------------------


def test_the_committed_contract_is_current():
    done = run("--check", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"ok": True, "incompatible": [], "stale": []}


def test_generating_twice_gives_the_same_bytes():
    assert generate.generated_files() == generate.generated_files()


def test_check_names_stale_missing_and_superfluous_files_and_writing_mends_them(tmp_path: Path):
    write_files(tmp_path)
    assert stale_files(tmp_path) == []
    (tmp_path / "json/scoring/AspectScored.v1.json").write_text("{}\n", encoding="utf-8")
    (tmp_path / "json/scoring/SheetRead.v1.json").unlink()
    (tmp_path / "asyncapi/treasury.json").write_text("{}\n", encoding="utf-8")
    stale = ["asyncapi/treasury.json", "json/scoring/AspectScored.v1.json", "json/scoring/SheetRead.v1.json"]
    assert stale_files(tmp_path) == stale
    assert write_files(tmp_path) == stale
    assert stale_files(tmp_path) == []


def test_the_command_ends_with_1_and_names_the_stale_files(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cli.schemas.stale_files", lambda: ["json/scoring/AspectScored.v1.json"])
    done = run("--check")
    assert "stale: json/scoring/AspectScored.v1.json" in done.output
    assert isinstance(done.exception, Finding)
    assert "run 'paritrana schemas'" in str(done.exception)


def test_the_command_writes_nothing_that_would_break_the_contract(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cli.schemas.broken_schemas", lambda: ["json/x.v1.json: data.a: removed a required field"])
    monkeypatch.setattr("cli.schemas.write_files", lambda: pytest.fail("it wrote"))
    done = run()
    assert "incompatible: json/x.v1.json: data.a: removed a required field" in done.output
    assert isinstance(done.exception, Finding)


def test_nothing_committed_is_broken():
    assert broken_schemas() == []


# --- JSON Schema ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "json").rglob("*.json")), ids=lambda path: path.name)
def test_a_schema_is_valid_json_schema(path: Path):
    schema = json.loads(path.read_bytes())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", event_models())
def test_an_events_schema_has_its_name_its_words_and_its_salt(name: str):
    schema = event_schemas()[name]
    assert schema["$id"] == schema_uri(name)
    assert schema["description"]
    assert "salt" in schema["required"]
    assert not [node for node in nodes(schema) if node.get("type") == "number"], "a float has no canonical form"
    assert not [node for node in nodes(schema) if node.get("type") == "null"], "what is unknown is absent"


def nodes(schema: Any):
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_docstrings_below_fields_are_their_descriptions():
    candidate = event_schemas()["id.go.paritrana.nomination.CandidateNominated.v1"]["$defs"]["Candidate"]
    assert candidate["properties"]["region"]["description"].startswith("Where an employer is at home")


def test_figures_are_texts_of_plain_digits():
    mark = event_schemas()["id.go.paritrana.scoring.AspectScored.v1"]["$defs"]["Mark"]["properties"]["mark"]
    accepts = Draft202012Validator(mark).is_valid
    assert all(accepts(text) for text in ("0", "87.5", "-0.000001", "100", "123456789012.123456"))
    assert not any(accepts(value) for value in (87.5, 87, "87,5", "087", "87.", "1E+2", "NaN", "0.0000001", ""))


# --- streams and AsyncAPI ------------------------------------------------------------------------------------------


def test_every_event_has_a_stream_and_every_stream_an_event():
    named = [name for names in STREAMS.values() for name in names]
    assert sorted(named) == sorted({model.__name__ for model in event_models().values()})


@pytest.mark.parametrize("service", SERVICES)
def test_an_asyncapi_document_tells_who_writes_and_who_may_read(service: str):
    document = asyncapi_of(service)
    assert document["asyncapi"] == "3.0.0"
    sends = {o["channel"]["$ref"] for o in document["operations"].values() if o["action"] == "send"}
    assert sends == {f"#/channels/{name}" for name in topics_of(service)}
    for topic in EVENT_TOPICS:
        channel = document["channels"].get(topic.name)
        assert (channel is not None) == (topic.owner == service or may_read(service, topic.readers))
        if channel is not None:
            settings = channel["bindings"]["kafka"]["topicConfiguration"]
            assert settings == {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1}
            assert channel["x-readers"] == topic.readers


def may_read(service: str, readers: str) -> bool:
    return {"all services": True, "scoring and audit": service in ("scoring", "audit")}[readers]


def test_marks_are_only_on_the_topic_that_only_scoring_and_audit_read():
    document = asyncapi_of("audit")
    carrying = [name for name, c in document["channels"].items() if "AspectScored.v1" in c["messages"]]
    assert carrying == ["paritrana.scores.v1"]
    assert "paritrana.scores.v1" not in asyncapi_of("nomination")["channels"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_of_an_asyncapi_document_leads_somewhere(service: str):
    document = asyncapi_of(service)
    targets = [node["$ref"] for node in nodes(document) if "$ref" in node]
    assert targets
    for target in targets:
        place: Any = document
        for step in target.removeprefix("#/").split("/"):
            place = place[step]


def test_the_examples_fit_the_messages_of_the_asyncapi_document():
    document = asyncapi_of("audit")
    by_type = {message["name"]: message for message in document["components"]["messages"].values()}
    for path, raw in story.examples().items():
        example = json.loads(raw)
        payload = by_type[example["type"]]["payload"]
        validator = Draft7Validator({"components": document["components"], **payload})
        validator.validate(example)
        with pytest.raises(ValidationError):
            validator.validate({**example, "streamversion": 0}), path.name
        headers = {name: str(example[name]) for name in ("id", "type", "subject", "streamversion")}
        Draft7Validator({"components": document["components"], "$ref": "#/components/schemas/Headers"}).validate(
            headers
        )


def test_there_is_no_document_of_an_unknown_service():
    with pytest.raises(LookupError, match="treasury"):
        asyncapi_of("treasury")
