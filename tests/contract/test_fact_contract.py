"""The published contract of facts is true: what it lets through the gate takes, and the other way round; and for ever.

The golden examples are what programs of publishers send since the contract was published. None may ever be refused, and
none may ever be kept otherwise.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

from kernel.canonical import canonical, parse_canonical
from schemas.fact_contract import CONTENT_TYPES, DOCUMENT, EXAMPLES, MODES, ROOT, example_files, examples_of, fact_name
from schemas.fact_reading import BINARY, FactFault, FactReason, ReadFact, Refused, read_fact
from schemas.facts import FACT_TYPES, MODELS, TOPICS_OF, Fact
from schemas.generate import generated_files
from schemas.topics import COVERAGE, FACT_TOPICS
from tests.contract import fact_story
from tests.contract.fact_messages import NOW, PARTS, WRITERS, Message, Said, right_fact
from tests.contract.test_facts import about, meanings

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
each_example = pytest.mark.parametrize("path", example_files(), ids=lambda p: f"{p.parent.name}/{p.stem}")
FACTS_A_TYPE: Final = 4


# --- golden examples -----------------------------------------------------------------------------------------------


def record_of(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_bytes())
    return record


@each_example
def test_an_example_is_taken_and_kept_as_it_always_was(path: Path):
    record = record_of(path)
    read = fact_story.read_record(record)
    assert read.document.decode() == record["document"]
    assert canonical(parse_canonical(read.document)) == read.document
    assert path.name.startswith(f"{fact_name(FACT_TYPES[read.type])}.")
    assert read.subject == record["key"]


@each_model
def test_every_type_has_examples_in_both_modes_on_each_of_its_topics_with_every_field(model: type[Fact]):
    fields = set(model.__struct_fields__)
    for mode in MODES:
        shown = examples_of(model, mode)
        assert {example["topic"] for example in shown} == set(TOPICS_OF[model])
        said = [example["value"] if mode == "binary" else example["value"]["data"] for example in shown]
        assert set().union(*said) == fields


def test_both_modes_of_an_example_are_one_fact():
    names = {mode: {path.name for path in (EXAMPLES / mode).iterdir()} for mode in MODES}
    assert names["binary"] == names["structured"]
    for name in names["binary"]:
        one, other = (record_of(EXAMPLES / mode / name)["document"] for mode in MODES)
        assert one == other


def test_the_story_writes_nothing_when_nothing_is_missing_and_tells_every_example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "write_text", lambda path, *_, **__: pytest.fail(f"{path} was missing"))
    assert fact_story.write_missing() == []
    told = dict(fact_story.named_records())
    assert sorted(told) == example_files()
    for path, record in told.items():
        assert {**record, "document": record_of(path)["document"]} == record_of(path), path


# --- the schemas and the gate --------------------------------------------------------------------------------------


@cache
def document_validator() -> Draft202012Validator:
    """The published schema of a whole fact with every type's behind it, as a publisher would load them."""
    schemas = [json.loads(path.read_bytes()) for path in (ROOT / "json/facts").glob("*.json")]
    registry: Registry[Any] = Registry().with_resources((s["$id"], Resource.from_contents(s)) for s in schemas)
    document = json.loads((ROOT / DOCUMENT).read_bytes())
    return Draft202012Validator(document, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)


@cache
def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "asyncapi/facts.json").read_bytes())
    return document


@cache
def part_validator(message: str, part: str) -> Draft7Validator:
    document = asyncapi()
    schema = document["components"]["messages"][message][part]
    return Draft7Validator(
        {"components": document["components"], **schema}, format_checker=Draft7Validator.FORMAT_CHECKER
    )


def message_name(model: type[Fact], topic: str, mode: str) -> str:
    subject = f".{'region' if topic == COVERAGE else 'employer'}" if len(TOPICS_OF[model]) > 1 else ""
    return f"{fact_name(model)}{subject}.{mode}"


@cache
def key_validator(message: str) -> Draft7Validator:
    return Draft7Validator(asyncapi()["components"]["messages"][message]["bindings"]["kafka"]["key"])


def whole_number(digits: str) -> int:
    """More digits than Python reads by itself are as wrong as many."""
    return int(digits[:1000])


def texts(headers: list[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: (written or b"").decode(errors="replace") for name, written in headers}


def read(message: Message) -> ReadFact | FactFault:
    try:
        return read_fact(message.topic, message.key, message.value, message.headers, NOW)
    except Refused as refused:
        return refused.fault


Unsaid = Callable[[FactFault, Said], bool]


def _wrong(*fields: str) -> Unsaid:
    return lambda fault, _: fault.reason == FactReason.WRONG_FIELD and fault.field.removeprefix("data.") in fields


def _fraction(fault: FactFault, said: Said) -> bool:
    """JSON Schema takes 1.0 and 1e3 for whole numbers; so do some, but not all, who read JSON."""
    text = said.data.get(fault.field.removeprefix("data."), "")
    return fault.reason == FactReason.WRONG_FIELD and text != "" and isinstance(json.loads(text), float)


def _trailing(fault: FactFault, said: Said) -> bool:
    r"""Python's `$` matches before a last line feed; in ECMA 262, of which JSON Schema speaks, it does not."""
    name = fault.field.removeprefix("ce_").removeprefix("data.")
    return (said.data | said.attributes).get(name, "").endswith('\\n"')


def _about_another(fault: FactFault, said: Said) -> bool:
    wrong, missing = ("employer", "region") if said.topic == COVERAGE else ("region", "employer")
    return "as_of" in said.data and (fault.reason, fault.field) in (
        (FactReason.WRONG_FIELD, f"data.{wrong}"),
        (FactReason.WRONG_TOPIC, f"data.{wrong}"),
        (FactReason.MISSING_FIELD, f"data.{missing}"),
    )


TOPICS_SUBJECT: Final = "what a report is about is what its topic is about"
UNSAID: Final[dict[str, Unsaid]] = {
    TOPICS_SUBJECT: _about_another,
    "numbers are written without a fraction or an exponent": _fraction,
    "no text ends in a line feed": _trailing,
    "a region is one of the official ones": _wrong("region"),
    "a month is from 2014 and at most a year ahead": _wrong("month", "obliged_from"),
    "a day is from 2014 and not after the fact's time": _wrong("paid_on", "as_of"),
    "no part is more than its whole": _wrong(*PARTS),
    "nothing corrects or reverses itself": _wrong("corrects", "reverses"),
    "the time is a day of the calendar from 2014": lambda fault, _: (
        fault.reason == FactReason.WRONG_ATTRIBUTE and fault.field.removeprefix("ce_") == "time"
    ),
    "the time is not in the future": lambda fault, _: fault.reason == FactReason.FUTURE_DATED,
    "the key is whom the fact is about": lambda fault, _: fault.reason == FactReason.WRONG_KEY,
    "the type belongs on the topic": lambda fault, _: fault.reason == FactReason.WRONG_TOPIC,
}
"""What the gate holds a fact to and a schema cannot say. The first is said by AsyncAPI, which knows the topic.

Nor can it be said of a message that it has no header twice, or of a value that it is UTF-8 without half characters, has
no name twice in one object, is not too large and not too deep.
"""


def unsaid(fault: FactFault, said: Said) -> str | None:
    return next((name for name, holds in UNSAID.items() if holds(fault, said)), None)


def differing(model: type[Fact], said: Said) -> Iterator[tuple[str, Said]]:
    yield "nothing", said
    if "corrects" in said.data or "reverses" in said.data:
        name = "corrects" if "corrects" in said.data else "reverses"
        yield "of itself", said.saying(name, said.attributes["id"])
    yield "another key", Said(said.topic, b"X", said.attributes, said.data)
    if "as_of" in said.data:
        other, text = ("employer", '"1"') if said.topic == COVERAGE else ("region", '"75"')
        yield "about both", said.saying(other, text)
        yield "about another", said.saying(other, text).without({"region": "employer", "employer": "region"}[other])
    for part, whole in PARTS.items():
        if part in said.data:
            yield f"more {part}", said.saying(whole, "0").saying(part, "1")
    for name, wrong, _, _ in meanings(model, said):
        yield name, wrong


def test_the_schemas_and_the_gate_say_the_same_as_far_as_schemas_can():
    met: Counter[str] = Counter()
    for model in MODELS:
        draw = random.Random(f"schemas of {model.__name__}")
        for said in (right_fact(model, draw) for _ in range(FACTS_A_TYPE)):
            with about(said):
                for name, wrong in differing(model, said):
                    check_alike(name, wrong, model, met)
    assert set(met) == set(UNSAID), "each thing that no schema says was met"


def check_alike(name: str, said: Said, model: type[Fact], met: Counter[str]) -> None:
    message = WRITERS["structured"](said)
    document = json.loads(message.value or b"", parse_int=whole_number)
    published = document_validator().is_valid(document)
    judged = read(message)
    if isinstance(judged, ReadFact):
        assert published, (name, [error.message for error in document_validator().iter_errors(document)])
    elif published:
        reason = unsaid(judged, said)
        assert reason is not None, (name, judged)
        met[reason] += 1
    if said.topic in TOPICS_OF[model]:
        check_message(name, said, model, "structured", document, judged)
        check_message(name, said, model, "binary", document["data"], read(WRITERS["binary"](said)))


def check_message(
    name: str, said: Said, model: type[Fact], mode: str, payload: Any, judged: ReadFact | FactFault
) -> None:
    """Hold a message to what AsyncAPI says of its headers, key and payload."""
    told = message_name(model, said.topic, mode)
    valid = (
        part_validator(told, "payload").is_valid(payload)
        and part_validator(told, "headers").is_valid(texts(WRITERS[mode](said).headers))
        and key_validator(told).is_valid((said.key or b"").decode())
    )
    if isinstance(judged, ReadFact):
        assert valid, (told, name)
    elif valid:
        reason = unsaid(judged, said)
        assert reason not in (None, TOPICS_SUBJECT), (told, name, judged)


def test_a_schema_says_of_each_number_that_it_is_written_without_a_fraction():
    count = 0
    for path in (ROOT / "json/facts").glob("*.v1.json"):
        for told in json.loads(path.read_bytes())["properties"].values():
            if "integer" in (told.get("type"), *(one["type"] for one in told.get("anyOf", ()))):
                assert "12.0 is refused" in told["description"], path.name
                count += 1
    assert count > 15


# --- AsyncAPI ------------------------------------------------------------------------------------------------------


@each_example
def test_an_example_fits_the_published_schemas_and_its_message(path: Path):
    record = record_of(path)
    mode = path.parent.name
    model = next(model for model in MODELS if path.name.startswith(f"{fact_name(model)}."))
    told = message_name(model, record["topic"], mode)
    part_validator(told, "payload").validate(record["value"])
    part_validator(told, "headers").validate(record["headers"])
    if mode == "structured":
        document_validator().validate(record["value"])


def test_the_document_tells_every_type_in_both_modes_with_its_topic_and_examples():
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {topic.name for topic in FACT_TOPICS}
    for topic in FACT_TOPICS:
        channel = document["channels"][topic.name]
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        expected = {
            message_name(model, topic.name, mode)
            for model in MODELS
            if topic.name in TOPICS_OF[model]
            for mode in MODES
        }
        assert set(channel["messages"]) == expected
    for name, message in document["components"]["messages"].items():
        assert message["contentType"] == CONTENT_TYPES[name.rpartition(".")[2]]
        assert message["examples"], name


def test_every_reference_leads_somewhere():
    document = asyncapi()
    targets = set(references(document))
    assert targets
    for target in targets:
        place: Any = document
        for step in target.removeprefix("#/").split("/"):
            place = place[step]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@each_model
def test_every_field_has_words_and_examples_and_its_examples_are_right(model: type[Fact]):
    schema = json.loads((ROOT / f"json/facts/{fact_name(model)}.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    for name, told in schema["properties"].items():
        assert told["description"].endswith("."), name
        assert told["examples"], name
        for example in told["examples"]:
            Draft202012Validator(told).validate(example)
    for name in ("amount",):
        if name in schema["properties"]:
            assert "Whole rupiah." in schema["properties"][name]["description"]
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


def test_the_committed_files_are_those_that_are_generated():
    made = {path: text for path, text in generated_files().items() if "facts" in path}
    assert len(made) == len(MODELS) + 2
    for path, text in made.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, path


def test_a_content_type_may_have_parameters_and_capitals():
    for mode in MODES:
        headers = {"content-type": CONTENT_TYPES[mode].upper() + "; charset=utf-8"}
        name = message_name(MODELS[1], FACT_TOPICS[0].name, mode)
        complaints = [error.path for error in part_validator(name, "headers").iter_errors(headers) if error.path]
        assert not complaints
        assert not part_validator(name, "headers").is_valid({"content-type": f"{BINARY}x"})
