"""The published contract of facts, made from their models: what a publisher system may rely on without reading code.

Three views of the same: JSON Schema 2020-12 of each fact's `data`; of the whole CloudEvent in structured mode, which
refers to them; and one AsyncAPI 3.0.0 document of the topics, with each fact in binary and in structured mode, its
headers, its key and an example (CloudEvents 1.0.2 and its Kafka protocol binding 1.0.2).

`schemas.fact_reading` is the gate and decides. The schemas say no more and no less, as far as a schema can: what
compares fields with each other, with the key, with the clock or with the list of regions, only the gate says.
`tests/contract/test_fact_contract.py` lists that by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from schemas.document import DIALECT, Json
from schemas.fact_reading import AHEAD, BINARY, DEEPEST, LARGEST, STRUCTURED
from schemas.facts import (
    FACT_TYPES,
    FIRST_MONTH,
    MODELS,
    TOPICS_OF,
    Employer,
    Fact,
    FactId,
    Region,
    fact_type,
)
from schemas.published import field_notes, kafka_server, kept, key_binding, topic_binding
from schemas.topics import COVERAGE, FACT_TOPICS, Topic

ROOT: Final = Path(__file__).parent
EXAMPLES: Final = ROOT / "examples" / "facts"
MODES: Final = ("binary", "structured")
CONTENT_TYPES: Final = {"binary": BINARY, "structured": STRUCTURED}
DOCUMENT: Final = "json/facts/fact.v1.json"
"""Where the schema of a whole fact in structured mode lies."""
_URN: Final = "urn:paritrana:schema:facts"
_TIME: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
)


# --- data ----------------------------------------------------------------------------------------------------------


def fact_name(model: type[Fact]) -> str:
    """Return a fact's name and version, as `ContributionPaid.v1`."""
    return ".".join(fact_type(model).rsplit(".", 2)[-2:])


def data_schema(model: type[Fact]) -> Json:
    """Return the JSON Schema of a fact's `data`, described by the docstrings."""
    _, made = msgspec.json.schema_components([model])
    schema: Json = made[model.__name__]
    notes = field_notes("schemas.facts").get(model.__name__, {})
    return {
        "$schema": DIALECT,
        "$id": f"{_URN}.{fact_name(model)}",
        "title": model.__name__,
        "description": schema["description"],
        "x-type": fact_type(model),
        "x-topics": list(TOPICS_OF[model]),
        "type": "object",
        "required": schema["required"],
        "properties": {name: _field(told, notes.get(name)) for name, told in schema["properties"].items()},
        **({"oneOf": [_about("employer"), _about("region")]} if COVERAGE in TOPICS_OF[model] else {}),
        "examples": [example["value"] for example in examples_of(model, "binary")],
    }


_NO_FRACTION: Final = (
    " Written as an integer, without fraction and exponent: 12.0 is refused, though JSON Schema takes it."
)


def _field(told: Json, note: str | None) -> Json:
    """Return a field's schema: the note instead of the type's own words, and null, which is as good as absent, last."""
    alternatives = told.get("anyOf")
    plain: Json = told if alternatives is None else next(one for one in alternatives if one != {"type": "null"})
    words = f"{note} {plain['description']}" if note else plain["description"]
    if plain["type"] == "integer":
        words += _NO_FRACTION
    plain = {"description": words} | {key: value for key, value in plain.items() if key != "description"}
    if alternatives is None:
        return plain
    words, examples = plain.pop("description"), plain.pop("examples")
    return {"description": f"{words} May be left out.", "examples": examples, "anyOf": [plain, {"type": "null"}]}


def _about(name: str) -> Json:
    """Say that a report is about an employer, or about a region, and not both."""
    other = {"region": "employer", "employer": "region"}[name]
    return {"required": [name], "properties": {name: {"type": "string"}, other: {"type": "null"}}}


# --- the whole CloudEvent ------------------------------------------------------------------------------------------


def _plain(annotated: Any) -> Json:
    schema = msgspec.json.schema(annotated)
    return {key: value for key, value in schema.items() if key not in ("title", "$defs")}


def _any_case(content_type: str) -> str:
    """Return the pattern of a content type in any letter case, parameters allowed."""
    letters = "".join(f"[{c.upper()}{c}]" if c.isalpha() else f"[{c}]" if c in "+." else c for c in content_type)
    return rf"^\s*{letters}\s*(;.*)?$"


def _attributes(types: list[str]) -> Json:
    """Return the CloudEvents attributes of a fact, in words that JSON Schema draft 7 (and so AsyncAPI) knows too."""
    return {
        "specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "id": _plain(FactId)
        | {
            "description": (
                "The fact's id, the publisher's own. Sent again with the same content it is one fact; with another "
                "content it is refused."
            )
        },
        "source": {
            "type": "string",
            "pattern": "^/bpjs/[a-z0-9][a-z0-9-]{0,30}$",
            "description": "/bpjs/ and the name of the publishing system.",
            "examples": ["/bpjs/sipp"],
        },
        "type": {"type": "string", "enum": types, "description": "What is said, ending in the version of its data."},
        "time": {
            "type": "string",
            "format": "date-time",
            "pattern": _TIME,
            "description": (
                f"When it was said: an instant of RFC 3339 with its zone, not before {FIRST_MONTH}-01 and at most "
                f"{AHEAD.seconds // 60} minutes ahead of the receiver's clock."
            ),
            "examples": ["2021-04-13T09:30:00+07:00", "2021-04-13T02:30:00Z"],
        },
    }


def document_schema() -> Json:
    """Return the JSON Schema of a whole fact in structured mode; `data` follows its type's schema."""
    attributes = _attributes(list(FACT_TYPES))
    return {
        "$schema": DIALECT,
        "$id": f"{_URN}.fact.v1",
        "title": "Fact",
        "description": (
            f"A fact as one CloudEvents 1.0 document (content-type {STRUCTURED}), UTF-8 JSON of at most {LARGEST} "
            f"bytes and {DEEPEST} levels. Attributes that are not listed are passed over."
        ),
        **_document(attributes),
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": name}}},
                "then": {"properties": {"data": {"$ref": f"{_URN}.{fact_name(model)}"}}},
            }
            for name, model in FACT_TYPES.items()
        ],
        "examples": [example["value"] for model in MODELS[:1] for example in examples_of(model, "structured")[:1]],
    }


def _document(attributes: Json) -> Json:
    media_type = {"type": "string", "pattern": _any_case(BINARY)}
    return {
        "type": "object",
        "required": [*attributes, "data"],
        "properties": attributes
        | {
            "datacontenttype": {
                "description": f"{BINARY}. May be left out.",
                "anyOf": [media_type, {"type": "null"}],
            },
            "data": {"type": "object", "description": "The fact's own fields. Unknown ones are passed over."},
        },
        "not": {"required": ["data_base64"]},
    }


# --- AsyncAPI ------------------------------------------------------------------------------------------------------


class _Said(NamedTuple):
    """A fact on a topic: some are about employers on one topic and about regions on the other."""

    model: type[Fact]
    topic: str

    @property
    def about(self) -> str:
        return "region" if self.topic == COVERAGE else "employer"

    @property
    def name(self) -> str:
        both = len(TOPICS_OF[self.model]) > 1
        return f"{fact_name(self.model)}.{self.about}" if both else fact_name(self.model)

    def message(self, mode: str) -> str:
        return f"{self.name}.{mode}"


def _said_on(topic: str) -> list[_Said]:
    return [_Said(model, topic) for model in MODELS if topic in TOPICS_OF[model]]


_SAID: Final = [said for topic in FACT_TOPICS for said in _said_on(topic.name)]


def facts_asyncapi() -> Json:
    """Return the AsyncAPI 3.0.0 document of the topics that other systems write facts to."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Paritrana Award: facts from other systems",
            "version": "1.0.0",
            "description": (
                "Other systems say here what an employer owes and paid, and how many workers are covered. A fact is a "
                f"CloudEvents 1.0 message in binary mode ({BINARY}, attributes in headers that begin with ce_) or in "
                f"structured mode ({STRUCTURED}). Money is in whole rupiah, a month is YYYY-MM, a day YYYY-MM-DD. The "
                "key is whom the fact is about. Facts may be sent again and in any order; what is no fact goes to the "
                "topic's dead letters with the field, the value and what to write instead. A client may compress its "
                "batches; a value by itself is never compressed."
            ),
        },
        "defaultContentType": BINARY,
        "servers": {"kafka": kafka_server()},
        "channels": {topic.name: _channel(topic) for topic in FACT_TOPICS},
        "operations": {
            f"receive:{topic.name}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": f"Scoring takes what publishers send on {topic.name} into its ledger.",
            }
            for topic in FACT_TOPICS
        },
        "components": {
            "messages": {said.message(mode): _message(said, mode) for said in _SAID for mode in MODES},
            "schemas": {
                "Document": _document(_attributes(list(FACT_TYPES))),
                "BinaryHeaders": _binary_headers(),
                "StructuredHeaders": _headers({"content-type": _content_type("structured")}),
                **{fact_name(model): _component(model) for model in MODELS},
            },
        },
    }


def _component(model: type[Fact]) -> Json:
    return {key: value for key, value in data_schema(model).items() if key not in ("$schema", "$id")}


def _channel(topic: Topic) -> Json:
    names = [said.message(mode) for said in _said_on(topic.name) for mode in MODES]
    return {
        "address": topic.name,
        "title": topic.name,
        "description": (
            f"Written by {topic.owner}, each under its own name. Read by {topic.readers}. Kept {kept(topic)}. Keyed by "
            f"{topic.key}."
        ),
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "x-owner": topic.owner,
        "x-readers": topic.readers,
        "bindings": topic_binding(topic),
    }


def _message(said: _Said, mode: str) -> Json:
    type_name, summary = fact_type(said.model), data_schema(said.model)["description"].partition("\n\n")[0]
    data: Json = {"$ref": f"#/components/schemas/{fact_name(said.model)}"}
    if len(TOPICS_OF[said.model]) > 1:
        data = {"allOf": [data, _about(said.about)]}
    exactly = {"const": type_name}
    if mode == "binary":
        headers = {"properties": {"ce_type": exactly}}
        named = {"$ref": "#/components/schemas/BinaryHeaders"}
        payload = data
    else:
        headers, named = {}, {"$ref": "#/components/schemas/StructuredHeaders"}
        document = {"$ref": "#/components/schemas/Document"}
        payload = {"allOf": [document, {"type": "object", "properties": {"type": exactly, "data": data}}]}
    return {
        "name": type_name,
        "title": said.message(mode),
        "summary": summary,
        "contentType": CONTENT_TYPES[mode],
        "headers": {"allOf": [named, {"type": "object", **headers}]} if headers else named,
        "payload": payload,
        "bindings": key_binding(_key(said)),
        "examples": [
            {"name": example["name"], "headers": example["headers"], "payload": example["value"]}
            for example in examples_of(said.model, mode)
            if example["topic"] == said.topic
        ],
    }


def _key(said: _Said) -> Json:
    return _plain(Region if said.about == "region" else Employer) | {
        "description": f"The same as the data's `{said.about}`, in ASCII."
    }


def _content_type(mode: str) -> Json:
    return {"type": "string", "pattern": _any_case(CONTENT_TYPES[mode]), "description": f"{CONTENT_TYPES[mode]}."}


def _binary_headers() -> Json:
    attributes = {f"ce_{name}": told for name, told in _attributes(list(FACT_TYPES)).items()}
    return _headers({"content-type": _content_type("binary")} | attributes)


def _headers(properties: Json) -> Json:
    return {
        "type": "object",
        "description": "Texts. Each of these once; other headers are passed over.",
        "required": list(properties),
        "properties": properties,
        "not": {"required": ["content-encoding"]},
    }


# --- examples and files --------------------------------------------------------------------------------------------


def example_files() -> list[Path]:
    """Return the path of every committed golden example: `<mode>/<Name>.v1.<what>.json`."""
    return sorted(EXAMPLES.glob("*/*.json"))


def examples_of(model: type[Fact], mode: str) -> list[Json]:
    """Return the committed examples of a fact in a mode, each with its `name`."""
    found = sorted((EXAMPLES / mode).glob(f"{fact_name(model)}.*.json"))
    return [{"name": path.stem.split(".")[-1], **json.loads(path.read_bytes())} for path in found]


def fact_schemas() -> dict[str, Json]:
    """Return every JSON Schema of facts by its path below `schemas/`."""
    made = {f"json/facts/{fact_name(model)}.json": data_schema(model) for model in MODELS}
    return made | {DOCUMENT: document_schema()}


def grown(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Json, Json]:
    """Return two versions of the document's schema without what a new type of fact adds to the second."""
    one, other = ({key: value for key, value in schema.items() if key != "allOf"} for schema in (old, new))
    known = one["properties"]["type"]["enum"]
    types = other["properties"]["type"]
    kept_types = {**types, "enum": [name for name in types["enum"] if name in known]}
    return one, {**other, "properties": {**other["properties"], "type": kept_types}}
