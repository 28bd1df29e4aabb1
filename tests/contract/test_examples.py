"""Every golden example of every version stays readable, true to its bytes and true to the published schemas."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from kernel.canonical import canonical, data_hash, envelope_of, leaf_hash, parse_canonical, signature_holds
from schemas.document import fault_of
from schemas.generate import ROOT, STREAMS, event_path, event_schemas
from schemas.registry import event_models, read_event
from schemas.rulebook import Rulebook, rulebook_hash
from schemas.topics import topic_of
from schemas.upcasters import UPCASTERS
from tests.contract import story

EXAMPLES = story.examples()
each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
each_signed_example = pytest.mark.parametrize(
    "path",
    [p for p in EXAMPLES if "signature" in parse_canonical(EXAMPLES[p])],
    ids=lambda p: f"{p.parent.name}/{p.stem}",
)


def parsed(path: Path) -> dict[str, Any]:
    return parse_canonical(EXAMPLES[path])


@pytest.fixture(scope="session")
def document_validator() -> Draft202012Validator:
    """The published schema of a whole document, with every event's schema behind it, as a partner would load them."""
    schemas = [json.loads(path.read_bytes()) for path in (ROOT / "json").rglob("*.v*.json")]
    registry: Registry[Any] = Registry().with_resources((s["$id"], Resource.from_contents(s)) for s in schemas)
    document = next(schema for schema in schemas if schema["title"] == "Document")
    return Draft202012Validator(document, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_version_of_every_event_has_an_example():
    shown = {path.relative_to(story.EXAMPLES).as_posix() for path in EXAMPLES}
    missing = [name for name in event_schemas() if f"{event_path(name)}.json" not in shown]
    assert not missing, "add a line to tests/contract/story.py and run python -m tests.contract.story"


@each_example
def test_an_example_is_canonical_and_has_no_fault(path: Path):
    document = parsed(path)
    assert canonical(document) == EXAMPLES[path]
    assert fault_of(document) is None


@each_example
def test_an_example_lies_under_its_type_and_on_its_stream(path: Path):
    document = parsed(path)
    name = event_path(document["type"])
    assert path.relative_to(story.EXAMPLES).as_posix().startswith(f"{name}.")
    shape = next(shape for shape, names in STREAMS.items() if path.name.partition(".")[0] in names)
    kind, *parts = document["subject"].split("/")
    assert shape.split("/")[0] == kind
    assert len(shape.split("/")) == len(parts) + 1


@each_example
def test_an_example_follows_the_published_schemas(path: Path, document_validator: Draft202012Validator):
    document_validator.validate(parsed(path))


@each_example
def test_an_example_is_read_by_todays_models(path: Path):
    document = parsed(path)
    event = read_event(document["type"], document["data"])
    assert event.type_name() in event_models()
    if document["type"] not in UPCASTERS:
        written = json.loads(canonical(event.to_data()))
        kept = {key: value for key, value in document["data"].items() if key != "salt"}
        assert kept.items() <= written.items(), "what was read is written as it was"


@each_signed_example
def test_a_signed_example_keeps_its_signature_and_loses_it_when_touched(path: Path):
    document = parsed(path)
    keys = json.loads(story.KEYS.read_bytes())["keys"]
    public_key = b64decode(keys[document["signaturekey"]]["public_key"])
    assert signature_holds(document, public_key)
    data = {**document["data"], "salt": "00" * 16}
    assert not signature_holds({**document, "datahash": data_hash(canonical(data))}, public_key)


def test_the_examples_are_whole_streams_with_unbroken_chains():
    streams: dict[str, dict[int, dict[str, Any]]] = {}
    for path in EXAMPLES:
        document = parsed(path)
        streams.setdefault(document["subject"], {})[document["streamversion"]] = document
    assert len({topic_of(stream) for stream in streams}) == 6
    for stream, by_version in streams.items():
        assert sorted(by_version) == list(range(1, len(by_version) + 1)), stream
        for version in range(2, len(by_version) + 1):
            before = leaf_hash(envelope_of(by_version[version - 1])).hex()
            assert by_version[version]["prevhash"] == before, (stream, version)
            assert by_version[version - 1]["time"] <= by_version[version]["time"]


def test_a_published_rulebook_is_read_as_it_was_published():
    for path in EXAMPLES:
        if path.name.startswith("RulebookPublished"):
            data = parsed(path)["data"]
            assert rulebook_hash(Rulebook.from_content(data["content"])) == data["hash"]
            assert data_hash(canonical(data["content"])) == data["hash"]


def test_the_story_writes_nothing_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, data: bytes) -> int:
        raise AssertionError(f"{path} was missing ({len(data)} bytes)")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    keys = story.KEYS.read_text(encoding="utf-8")
    assert story.write_missing() == []
    assert story.KEYS.read_text(encoding="utf-8") == keys
