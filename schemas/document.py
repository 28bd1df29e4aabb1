"""What a whole event document looks like, published as JSON Schema and checked on everything that is received.

The table of attributes below is both: `document_schema` publishes it and `fault_of` holds a parsed document to it. The
check needs no model of the event, so a service keeps and forwards what only a newer build can read; it is what tells an
event of ours from a message that merely lies in our topic. Names and types follow CloudEvents 1.0 (structured mode);
`datahash`, `prevhash` and the signature are as `kernel.canonical` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any, Final

import orjson

from schemas.envelope import TYPE_PREFIX
from schemas.registry import event_models, schema_uri
from schemas.topics import EVENT_TOPICS, source_of, topic_of

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_STREAM_VERSION: Final = 2**31 - 1
"""CloudEvents' Integer has 32 bits."""
SALT_PATTERN: Final = "(?:[0-9a-f]{2}){16,64}"
_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID7: Final = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_VISIBLE: Final = "[!-~]{1,255}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One text attribute: the pattern that its whole value matches, how that form is said, and what it means."""

    name: str
    pattern: str
    form: str
    meaning: str
    required: bool = True


ATTRIBUTES: Final = (
    Attribute("specversion", r"1\.0", "1.0", "The version of CloudEvents that the document follows."),
    Attribute(
        "id", _UUID7, "a UUID of version 7 in lowercase",
        "The event's own id, never used twice; ids of one process sort as they were made.",
    ),
    Attribute(
        "source", "/paritrana/[a-z]+", "/paritrana/ and a service's name",
        "The service that recorded the event, the only writer of the stream's topic.",
    ),
    Attribute(
        "type", re.escape(TYPE_PREFIX) + r"\.[a-z]+\.[A-Z][A-Za-z0-9]{0,63}\.v[1-9][0-9]{0,3}",
        f"{TYPE_PREFIX}.<context>.<Name>.v<version>",
        "What happened, ending in the version of the data's shape; `service` is the context of what every service says "
        "of itself.",
    ),
    Attribute(
        "time", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z",
        "a UTC instant with microseconds, such as 2021-02-20T16:59:59.000000Z",
        "The recorded time. One append has one time, and a stream's times never go back.",
    ),
    Attribute(
        "dataschema", _VISIBLE, "the URN of the type's schema", "The `$id` of the JSON Schema that `data` follows.",
    ),
    Attribute(
        "subject", "(?!.{256})[a-z]+(?:/[A-Za-z0-9._-]+)+", "a stream's name of at most 255 characters",
        "The stream that the event belongs to; also the Kafka key.",
    ),
    Attribute(
        "datahash", "[0-9a-f]{64}", "64 lowercase hex digits",
        "SHA-256 of the canonical bytes of `data`, salt included; it stands for data withheld or erased.",
    ),
    Attribute(
        "actor", f"{_UUID}|system", "a person's pseudonym (a UUID), or system",
        "Who did it. Names and addresses are identity's, and never in an event.",
    ),
    Attribute(
        "prevhash", "[0-9a-f]{64}", "64 lowercase hex digits",
        "RFC 6962 leaf hash of the envelope of the stream's previous event; absent at version 1.", required=False,
    ),
    Attribute(
        "office", "[a-z0-9][a-z0-9-]{0,62}", "an office or role in lowercase letters, digits and hyphens",
        "In which office or role the actor did it.", required=False,
    ),
    Attribute(
        "commandid", _VISIBLE, "1 to 255 visible ASCII characters",
        "The command that the event answers: the Idempotency-Key of a request, or a reaction's UUID of version 5.",
        required=False,
    ),
    Attribute(
        "correlationid", _VISIBLE, "1 to 255 visible ASCII characters",
        "The journey that the event belongs to, the same through every service.", required=False,
    ),
    Attribute(
        "causationid", _UUID7, "the id of an event: a UUID of version 7 in lowercase",
        "The event that this one reacts to.", required=False,
    ),
    Attribute(
        "signature", "[A-Za-z0-9+/]{85}[AQgw]==", "64 bytes in base64",
        "Ed25519 (RFC 8032) by the service that took the decision, over the canonical envelope without this attribute.",
        required=False,
    ),
    Attribute(
        "signaturekey", "[0-9a-f]{16}", "16 lowercase hex digits",
        "The key that signed: first 16 hex digits of the SHA-256 of the raw public key, see ServiceKeyPublished.",
        required=False,
    ),
    Attribute("clock", "test", "test", "Present when the event was recorded under a test clock.", required=False),
)  # fmt: skip

_LONGEST_SUBJECT: Final = 255
_EARLIEST: Final = "1970"
"""Nothing of ours is older; the database takes the calendar's first instant for minus infinity, which is none."""
_EXTENSION_NAME: Final = re.compile("[a-z0-9]{1,20}")
_EXTENSION_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,255}")
_MAX_EXTENSIONS: Final = 16
_REQUIRED: Final = frozenset({a.name for a in ATTRIBUTES if a.required} | {"streamversion", "data"})
_MATCHERS: Final = {a.name: re.compile(a.pattern).fullmatch for a in ATTRIBUTES}
_FORMS: Final = {a.name: a.form for a in ATTRIBUTES}
_KNOWN: Final = frozenset(_MATCHERS) | {"streamversion", "data"}
_SOURCES: Final = {topic.name: source_of(topic.owner) for topic in EVENT_TOPICS}
_SALT: Final = re.compile(SALT_PATTERN).fullmatch


def _envelope_pattern() -> str:
    """Return the pattern of a whole canonical envelope of known attributes, in the order in which they are sorted."""
    said = {a.name: (f'"(?:{a.pattern})"', a.required) for a in ATTRIBUTES}
    # Within a text, where the whole value is not at hand: no quotes to escape, and the length is looked at apart.
    plain = '"[!#-\\[\\]-~]{1,255}"'
    said |= {name: (plain, said[name][1]) for name in ("commandid", "correlationid", "dataschema")}
    said["subject"] = ('"[a-z]+(?:/[A-Za-z0-9._-]+)+"', True)
    said["streamversion"] = ("[1-9][0-9]{0,8}", True)
    parts = [(f'"{name}":{value}', required) for name, (value, required) in sorted(said.items())]
    (first, _), *rest = parts
    return rf"\{{{first}" + "".join(f",{part}" if required else f"(?:,{part})?" for part, required in rest) + r"\}"


_ENVELOPE: Final = re.compile(_envelope_pattern()).fullmatch


def fault_of(document: Json) -> str | None:
    """Return what is wrong with a document from `parse_canonical`, or None when it is an event of ours by its form.

    Checks every attribute, the data's hash and salt, and that the source owns the stream's topic; not the chain, not
    the signature's truth, not the data's fields, which need the head, the key and the model. No value is repeated in
    the answer, so that it can be logged. It takes about 10 µs.
    """
    return _form_fault(document) or _sense_fault(document) or _data_fault(document)


def is_plain_envelope(text: str) -> bool:
    """Tell at a glance that a text is a canonical envelope whose every attribute has its form.

    True is certain; False says nothing but that `fault_of` has to look closer. One match costs a fourth of looking at
    the attributes one by one, which matters to who reads millions of events.
    """
    return _ENVELOPE(text) is not None


def plain_fault_of(document: Json, data: bytes) -> str | None:
    """Return what `fault_of` returns for a document whose envelope `is_plain_envelope`; `data` are its data's bytes.

    The document's `data` is an object.
    """
    if len(document["subject"]) > _LONGEST_SUBJECT:
        return f"subject must be {_FORMS['subject']}"
    return _sense_fault(document) or _hash_fault(document, data)


def _form_fault(document: Json) -> str | None:
    if missing := _REQUIRED - document.keys():
        return f"the attribute {min(missing)} is missing"
    for name, value in document.items():
        matches = _MATCHERS.get(name)
        if matches is not None and (type(value) is not str or not matches(value)):
            return f"{name} must be {_FORMS[name]}"
    version = document["streamversion"]
    if type(version) is not int or not 1 <= version <= MAX_STREAM_VERSION:
        return f"streamversion must be an integer from 1 to {MAX_STREAM_VERSION}"
    if len(document) > len(_REQUIRED) and (extensions := document.keys() - _KNOWN):
        return _extension_fault(document, extensions)
    return None


def _extension_fault(document: Json, extensions: set[str]) -> str | None:
    """Attributes that a newer build may write: CloudEvents' naming and types, few and short."""
    if len(extensions) > _MAX_EXTENSIONS:
        return f"more than {_MAX_EXTENSIONS} unknown attributes"
    for name in sorted(extensions):
        if not _EXTENSION_NAME.fullmatch(name):
            return "an attribute's name must be 1 to 20 lowercase letters or digits"
        value = document[name]
        if isinstance(value, str):
            if not _EXTENSION_TEXT.fullmatch(value):
                return f"{name} must have at most 255 characters, none of them a control character"
        elif not isinstance(value, int) or not -MAX_STREAM_VERSION - 1 <= value <= MAX_STREAM_VERSION:
            return f"{name} must be text, a boolean or an integer of 32 bits"
    return None


def _sense_fault(document: Json) -> str | None:
    """What the attributes must say together."""
    try:
        datetime.fromisoformat(document["time"])
    except ValueError:
        return "time is no instant of the calendar"
    if document["time"] < _EARLIEST:
        return f"time is before {_EARLIEST}"
    if (document["streamversion"] == 1) == ("prevhash" in document):
        return "prevhash must be absent at streamversion 1 and present above"
    signed = "signature" in document
    if signed != ("signaturekey" in document):
        return "signature and signaturekey must be present together"
    try:
        topic = topic_of(document["subject"])
    except ValueError:
        return "subject is a stream of no known kind"
    return _type_fault(document["type"], document["dataschema"], document["source"], topic, signed=signed)


@lru_cache(maxsize=1024)
def _type_fault(type_name: str, dataschema: str, source: str, topic: str, *, signed: bool) -> str | None:
    """What a type asks of the attributes that are the same on all its events; remembered, since there are few."""
    if dataschema != schema_uri(type_name):
        return "dataschema is not the URN of the type's schema"
    if source != _SOURCES[topic]:
        return f"source must be {_SOURCES[topic]}, which owns the stream's topic"
    stem = type_name.rpartition(".v")[0]
    context = stem[len(TYPE_PREFIX) + 1 :].partition(".")[0]
    if context not in ("service", source.rpartition("/")[2]):
        return "type belongs to another service than source"
    if not signed and stem in _signed_stems():
        return "signature is missing: events of this type are signed"
    return None


def _data_fault(document: Json) -> str | None:
    data = document["data"]
    if type(data) is not dict:
        return "data must be an object"
    return _hash_fault(document, orjson.dumps(data, option=orjson.OPT_SORT_KEYS))


def _hash_fault(document: Json, data: bytes) -> str | None:
    salt = document["data"].get("salt")
    if type(salt) is not str or not _SALT(salt):
        return "data.salt must be 16 to 64 bytes in lowercase hex"
    if sha256(data).hexdigest() != document["datahash"]:
        return "datahash is not the SHA-256 of the canonical data"
    return None


def must_be_signed(type_name: str) -> bool:
    """Tell whether events of a type carry their service's signature."""
    return type_name.rpartition(".v")[0] in _signed_stems()


@cache
def _signed_stems() -> frozenset[str]:
    """Return the signed types without their version: whether an event is signed never changes (`compatibility`)."""
    return frozenset(name.rpartition(".v")[0] for name, model in event_models().items() if model.signed)


def document_schema(types: Iterable[str]) -> Json:
    """Return the JSON Schema (2020-12) of a whole document; `data` of each of `types` follows that type's schema."""
    return {
        "$schema": DIALECT,
        "$id": schema_uri(f"{TYPE_PREFIX}.document.v1"),
        "title": "Document",
        "description": (
            "An event as it is stored, published and hashed: CloudEvents 1.0 in structured mode, as canonical JSON "
            "(RFC 8785, ASCII keys, no floats). The envelope is the document without `data`."
        ),
        **attributes_schema(),
        "dependentRequired": {"signature": ["signaturekey"], "signaturekey": ["signature"]},
        "if": {"properties": {"streamversion": {"const": 1}}},
        "then": {"not": {"required": ["prevhash"]}},
        "else": {"required": ["prevhash"]},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}},
                "then": {"properties": {"dataschema": {"const": schema_uri(name)}, "data": {"$ref": schema_uri(name)}}},
            }
            for name in types
        ],
    }


def attributes_schema() -> Json:
    """Return what every document has, in words that JSON Schema draft 7 (and so AsyncAPI) knows too."""
    properties: Json = {
        a.name: {"type": "string", "pattern": f"^(?:{a.pattern})$", "description": f"{a.meaning} Form: {a.form}."}
        for a in ATTRIBUTES
    }
    properties["streamversion"] = {
        "type": "integer", "minimum": 1, "maximum": MAX_STREAM_VERSION,
        "description": "The event's number in its stream, from 1 without a gap.",
    }  # fmt: skip
    properties["data"] = {
        "type": "object",
        "required": ["salt"],
        "properties": {"salt": salt_schema()},
        "description": "The event's own fields and the salt; `dataschema` names their schema.",
    }
    return {
        "type": "object",
        "required": sorted(_REQUIRED),
        "properties": properties,
        "propertyNames": {"pattern": f"^{_EXTENSION_NAME.pattern}$"},
        "additionalProperties": {"type": ["string", "integer", "boolean"]},
    }


def salt_schema() -> Json:
    """Return the schema of `data.salt`."""
    return {
        "type": "string",
        "pattern": f"^{SALT_PATTERN}$",
        "description": "Random, at least 128 bits in hex, so that nobody can guess the data from its hash.",
    }
