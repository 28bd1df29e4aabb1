"""The published contract, made from the models: JSON Schemas, AsyncAPI documents, and what differs from the committed.

Everything here is a pure function of the models, the table of attributes and the table of topics, so the committed
files can be compared byte by byte. JSON Schemas follow draft 2020-12 and describe an event's `data`; AsyncAPI documents
follow 3.0.0, whose own schema language is a superset of JSON Schema draft 7, so what is bundled into them keeps to
words that both know. Schemas of superseded versions are never made again: their files stay, beside their upcasters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.document import DIALECT, Json, attributes_schema, document_schema, salt_schema
from schemas.envelope import TYPE_PREFIX, Event
from schemas.fact_contract import fact_schemas, facts_asyncapi
from schemas.published import field_notes, kafka_server, kept, key_binding, topic_binding
from schemas.registry import event_models, schema_uri
from schemas.rulebook import rulebook_json_schema
from schemas.topics import EVENT_TOPICS, SERVICES, Topic, topic_of
from schemas.upcasters import UPCASTERS

ROOT: Final = Path(__file__).parent
REF: Final = "#/$defs/{model}"
FACTS: Final = "facts"
"""What the contract with publishers of facts is called where services have theirs."""

STREAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "season/{season}": (
        "SeasonOpened", "RulebookPublished", "RulebookAmended", "DeadlineExtended", "SeasonFrozen", "SeasonUnfrozen",
        "SeasonClosed",
    ),
    "committee/{season}/{province}": (
        "CommitteeFormed", "MemberAppointed", "MemberRemoved", "ConflictDeclared", "ConflictLifted",
    ),
    "nomination/{nomination}": (
        "CandidateNominated", "NominationFiledLate", "NominationAmended", "EvidenceAttached", "FigureDisputed",
        "NominationVerified", "NominationReturned", "NominationResubmitted", "NominationRejected",
        "NominationWithdrawn", "StageAdvanced", "StageAdvanceWithdrawn", "NominationEliminated",
        "NominationReinstated",
    ),
    "interview/{season}/{province}/{body}": ("InterviewScheduled",),
    "plenary/{plenary}": (
        "PlenaryConvened", "AttendanceRecorded", "RankingTabled", "MotionOpened", "TieMotionOpened",
        "AdmissionMotionOpened", "AppealMotionOpened", "VoteCast", "BallotTallied", "BallotConfirmed",
        "PlenaryDecided", "AdmissionDecided", "MinutesCorrected", "PlenaryAdjourned",
    ),
    "appeal/{appeal}": ("AppealLodged", "AppealDecided"),
    "award/{season}/{tier}/{province}/{category}": (
        "ResealOrdered", "RankingAnnounced", "WinnerDeclared", "WinnerWithdrawn", "RankLeftVacant", "PrizeAwarded",
        "CertificateIssued", "CertificateRevoked", "StageFrozen", "StageUnfrozen", "DecisionContested",
        "DecisionReviewed",
    ),
    "ranking/{season}/{tier}/{province}/{category}/{stage}": (
        "ScoringOpened", "ScoringExtended", "ScorersAssigned", "ScoringClosed", "MarksSeen", "RankingSealed",
        "RankingSuperseded", "CorrectionImpactFound",
    ),
    "indicator/{nomination}": ("IndicatorMeasured",),
    "ingest/{topic}/{partition}": ("FactsIngested",),
    "repair/{repair}": ("RepairProposed", "RepairApproved"),
    "report/{topic}": ("FactsReported",),
    "sheet/{nomination}/{stage}/{member}": (
        "AspectScored", "AspectScoreRevised", "ScoreSheetSubmitted", "ScoreSheetVoided", "SheetRead",
    ),
    "delivery/{person}": ("NotificationDelivered", "NotificationFailed", "SubscriptionChanged"),
    "service/{service}": ("ServiceKeyPublished", "ReactionEnabled", "EpochOpened"),
    "refusal/{service}/{actor}/{day}": ("CommandRefused",),
}  # fmt: skip
"""Which stream carries which event, by the shape of the stream's name."""

_PARTS: Final = ("schemas.envelope", "schemas.scoring")
_STREAM_OF: Final = {name: stream for stream, names in STREAMS.items() for name in names}


class _DataSchema(GenerateJsonSchema):
    """JSON Schema of what is written: decimals and instants as their text, absent instead of null."""

    schema_dialect = DIALECT

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        places = schema["decimal_places"]
        whole = schema["max_digits"] - places
        return {"type": "string", "pattern": rf"^-?(?:0|[1-9][0-9]{{0,{whole - 1}}})(?:\.[0-9]{{1,{places}}})?$"}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
        return {**super().datetime_schema(schema), "pattern": pattern}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that only repeat a field's name."""
        del schema
        return False


# --- one event -----------------------------------------------------------------------------------------------------


def event_schema(model: type[Event]) -> Json:
    """Return the JSON Schema of an event's `data`: the model's fields and the salt, described by the docstrings."""
    made = model.model_json_schema(ref_template=REF, schema_generator=_DataSchema)
    definitions = made.pop("$defs", {})
    # Parts of other modules keep their notes: nomination cites scoring's standings.
    notes = {name: told for module in (*_PARTS, model.__module__) for name, told in field_notes(module).items()}
    for name, definition in ((model.__name__, made), *definitions.items()):
        for field, note in notes.get(name, {}).items():
            definition["properties"][field]["description"] = note
    made["properties"]["salt"] = salt_schema()
    made["required"] = [*made.get("required", ()), "salt"]
    type_name = model.type_name()
    head = {
        "$schema": DIALECT,
        "$id": schema_uri(type_name),
        "title": model.__name__,
        "description": made["description"],
        "x-type": type_name,
        "x-stream": _STREAM_OF[model.__name__],
        "x-signed": model.signed,
    }
    return head | made | ({"$defs": definitions} if definitions else {})


def event_path(type_name: str) -> str:
    """Return where an event type's schema and example lie below their folder, without the suffix."""
    return "/".join(type_name.removeprefix(f"{TYPE_PREFIX}.").split(".", 1))


def event_schemas() -> dict[str, Json]:
    """Return the schema of every event type that can be read: current ones as made, superseded ones as committed."""
    current = {name: event_schema(model) for name, model in event_models().items()}
    superseded = {name: _committed(name) for name in UPCASTERS}
    return dict(sorted((superseded | current).items()))


def _committed(type_name: str) -> Json:
    schema: Json = json.loads((ROOT / "json" / f"{event_path(type_name)}.json").read_bytes())
    return schema


# --- AsyncAPI ------------------------------------------------------------------------------------------------------


def asyncapi_document(service: str, schemas: Mapping[str, Json]) -> Json:
    """Return the AsyncAPI 3.0.0 document of a service: what it sends, and what it may receive, over Kafka.

    `schemas` are those of `event_schemas`.
    """
    topics = [topic for topic in EVENT_TOPICS if topic.owner == service or _may_read(service, topic)]
    carried = {topic.name: _carried(topic, schemas) for topic in topics}
    used = dict.fromkeys(name for names in carried.values() for name in names)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Paritrana Award: {service}",
            "version": "1.0.0",
            "description": (
                "Events are whole CloudEvents 1.0 documents in structured mode, as canonical JSON. The Kafka key is "
                "the stream, so a stream's events arrive in order; delivery is at least once, and `streamversion` "
                "tells duplicates. A topic has one writer, its owner."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"kafka": kafka_server()},
        "channels": {topic.name: _channel(topic, carried[topic.name]) for topic in topics},
        "operations": {_operation_name(service, topic): _operation(service, topic) for topic in topics},
        "components": {
            "messages": {_message_name(name): _message(name, schemas[name]) for name in used},
            "schemas": {
                "Document": attributes_schema(),
                "Headers": _headers(),
                **_bundled({name: schemas[name] for name in used}),
            },
        },
    }


def _may_read(service: str, topic: Topic) -> bool:
    return topic.readers == "all services" or service in topic.readers.split(" and ")


def _carried(topic: Topic, types: Iterable[str]) -> list[str]:
    """Return the event types that live in a topic."""
    return [name for name in types if _lives_in(_stream_name(name), topic)]


def _stream_name(type_name: str) -> str:
    return _STREAM_OF[_message_name(type_name).partition(".")[0]]


def _lives_in(stream: str, topic: Topic) -> bool:
    return any(topic_of(stream.replace("{service}", service)) == topic.name for service in SERVICES)


def _message_name(type_name: str) -> str:
    """Return the event's name and version, which are unique over all contexts: `AspectScored.v1`."""
    return ".".join(type_name.rsplit(".", 2)[-2:])


def _channel(topic: Topic, types: Iterable[str]) -> Json:
    streams = sorted({_stream_name(name) for name in types})
    return {
        "address": topic.name,
        "title": topic.name,
        "description": (
            f"Written by {topic.owner} only. May be read by {topic.readers}. Kept {kept(topic)}. Keyed by {topic.key}. "
            f"Streams: {', '.join(streams)}."
        ),
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {_message_name(n): {"$ref": f"#/components/messages/{_message_name(n)}"} for n in types},
        "x-owner": topic.owner,
        "x-readers": topic.readers,
        "bindings": topic_binding(topic),
    }


def _operation_name(service: str, topic: Topic) -> str:
    return f"{'send' if topic.owner == service else 'receive'}:{topic.name}"


def _operation(service: str, topic: Topic) -> Json:
    own = topic.owner == service
    return {
        "action": "send" if own else "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Remembers and publishes its events on {topic.name}." if own else f"May follow {topic.name}.",
    }


def _message(type_name: str, schema: Json) -> Json:
    name = _message_name(type_name)
    return {
        "name": type_name,
        "title": name,
        "summary": schema["description"].partition("\n\n")[0],
        "contentType": "application/cloudevents+json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Document"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": type_name},
                        "dataschema": {"const": schema["$id"]},
                        "data": {"$ref": f"#/components/schemas/{name}"},
                    },
                    **({"required": ["signature", "signaturekey"]} if schema["x-signed"] else {}),
                },
            ]
        },
        "bindings": key_binding({"type": "string", "description": "The stream, the same as `subject`."}),
    }


def _headers() -> Json:
    """Return the Kafka headers: copies of four attributes, so that a reader can route without parsing."""
    attributes = attributes_schema()["properties"]
    copied = {name: attributes[name] for name in ("id", "type", "subject")}
    version = {
        "type": "string",
        "pattern": "^[1-9][0-9]*$",
        "description": f"{attributes['streamversion']['description']} In decimal digits.",
    }
    return {
        "type": "object",
        "description": "UTF-8 texts, copied from the document, which decides.",
        "required": ["id", "type", "subject", "streamversion"],
        "properties": copied | {"streamversion": version},
    }


def _bundled(schemas: Mapping[str, Json]) -> Json:
    """Return schemas as components: parts that several of them define alike once, identifiers and dialects left out.

    A superseded version keeps its parts to itself, under its own name, since those of today may have grown.
    """
    components: Json = {}
    for type_name, schema in schemas.items():
        own = f"{_message_name(type_name)}." if type_name in UPCASTERS else ""
        for part, definition in schema.get("$defs", {}).items():
            known = components.setdefault(own + part, _repointed(definition, own))
            if known != _repointed(definition, own):
                raise ValueError(f"{type_name} defines {part} differently from an earlier schema; give it another name")
        body = {key: value for key, value in schema.items() if key not in ("$defs", "$id", "$schema")}
        components[_message_name(type_name)] = _repointed(body, own)
    return components


def _repointed(node: Any, own: str) -> Any:
    """Return a schema whose references lead to components; `own` goes before the names of its parts."""
    match node:
        case {"$ref": str(target)}:
            return {**node, "$ref": target.replace("#/$defs/", f"#/components/schemas/{own}")}
        case dict():
            return {key: _repointed(value, own) for key, value in node.items()}
        case list():
            return [_repointed(value, own) for value in node]
        case _:
            return node


@cache
def _asyncapi_bytes(service: str) -> bytes:
    if service not in (*SERVICES, FACTS):
        raise LookupError(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    return (ROOT / "asyncapi" / f"{service}.json").read_bytes()


def asyncapi_of(service: str) -> Json:
    """Return the committed AsyncAPI document of a service or of `FACTS`, as it is served; else LookupError."""
    document: Json = json.loads(_asyncapi_bytes(service))
    return document


# --- files ---------------------------------------------------------------------------------------------------------


def generated_schemas() -> dict[str, Json]:
    """Return every generated JSON Schema by its path below `schemas/`."""
    events = event_schemas()
    made = {f"json/{event_path(name)}.json": schema for name, schema in events.items()}
    made["json/document.v1.json"] = document_schema(events)
    made["json/rulebook.schema.json"] = rulebook_json_schema()
    return made | fact_schemas()


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its path below `schemas/`."""
    events = event_schemas()
    made = generated_schemas() | {f"asyncapi/{name}.json": asyncapi_document(name, events) for name in SERVICES}
    made[f"asyncapi/{FACTS}.json"] = facts_asyncapi()
    return {path: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for path, value in made.items()}


def stale_files(root: Path = ROOT) -> list[str]:
    """Return the paths below `root` that are missing, differ from what is generated now, or are generated no more."""
    made = generated_files()
    present = {
        str(path.relative_to(root)) for folder in ("json", "asyncapi") for path in (root / folder).rglob("*.json")
    }
    differing = {path for path in made.keys() & present if (root / path).read_text(encoding="utf-8") != made[path]}
    return sorted(differing | (made.keys() ^ present))


def write_files(root: Path = ROOT) -> list[str]:
    """Bring `root` up to date and return the paths that were written or removed."""
    made, changed = generated_files(), stale_files(root)
    for path in changed:
        file = root / path
        if path in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made[path], encoding="utf-8")
        else:
            file.unlink()
    return changed
