"""Full, transitive compatibility: what an old reader or an old event would not survive is named, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from schemas import compatibility
from schemas.compatibility import broken_schemas, incompatibilities
from schemas.generate import event_path, event_schemas, generated_schemas, write_files

OLD: dict[str, Any] = {
    "title": "Scored",
    "x-signed": True,
    "type": "object",
    "properties": {
        "nomination": {"type": "string", "pattern": "^[0-9a-f-]{36}$"},
        "rank": {"type": "integer", "minimum": 1},
        "kind": {"type": "string", "enum": ["regency", "city"]},
        "channel": {"const": "mail"},
        "mark": {"$ref": "#/$defs/Mark"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Mark"}},
        "sample": {"type": "boolean", "default": False},
        "choice": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "content": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["nomination", "mark"],
    "$defs": {"Mark": {"type": "object", "properties": {"aspect": {"type": "string"}}, "required": ["aspect"]}},
}


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = deepcopy(OLD)
    change(new)
    assert new != OLD
    return incompatibilities(OLD, new)


def add_optional(schema: dict[str, Any]) -> None:
    schema["properties"]["note"] = {"type": "string"}
    schema["$defs"]["Mark"]["properties"]["note"] = {"type": "string"}


def rename_part(schema: dict[str, Any]) -> None:
    schema["$defs"]["Figure"] = schema["$defs"].pop("Mark")
    schema["properties"]["mark"] = {"$ref": "#/$defs/Figure"}
    schema["properties"]["lines"]["items"] = {"$ref": "#/$defs/Figure"}


@pytest.mark.parametrize(
    "change",
    [
        add_optional,
        rename_part,
        lambda s: s.update(title="Marked", description="Better words."),
        lambda s: s["properties"]["rank"].update(description="Better words.", examples=[1]),
        lambda s: (
            s["properties"].update(reversed(list(s["properties"].items()))) or s.update(required=["mark", "nomination"])
        ),
        lambda s: s["properties"]["kind"].update(enum=["city", "regency"]),
        lambda s: s["properties"].update(channel={"enum": ["mail"]}),
    ],
)
def test_a_harmless_change_is_not_named(change: Callable[[dict[str, Any]], object]):
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda s: s["properties"].pop("rank"), "data.rank: removed a published field"),
        (
            lambda s: (s["properties"].pop("nomination"), s["required"].remove("nomination")),
            "data.nomination: removed a required field",
        ),
        (
            lambda s: (s["properties"].update(who={"type": "string"}), s["required"].append("who")),
            "data.who: added as required, and old events do not have it",
        ),
        (lambda s: s["required"].append("rank"), "data.rank: became required, and old events do not have it"),
        (lambda s: s["required"].remove("mark"), "data.mark: no longer required, and old readers need it"),
        (
            lambda s: s["properties"]["rank"].update(type="string"),
            'data.rank: type changed from "integer" to "string"',
        ),
        (lambda s: s["properties"]["rank"].update(minimum=2), "data.rank: minimum changed from 1 to 2"),
        (lambda s: s["properties"]["rank"].pop("minimum"), "data.rank: minimum changed from 1 to nothing"),
        (lambda s: s["properties"]["rank"].update(maximum=9), "data.rank: maximum changed from nothing to 9"),
        (
            lambda s: s["properties"]["nomination"].update(pattern="^[0-9a-f]{32}$"),
            'data.nomination: pattern changed from "^[0-9a-f-]{36}$" to "^[0-9a-f]{32}$"',
        ),
        (
            lambda s: s["properties"]["kind"]["enum"].remove("city"),
            'data.kind: removed the value "city", which old events hold',
        ),
        (
            lambda s: s["properties"]["kind"]["enum"].append("province"),
            'data.kind: added the value "province", which old readers refuse',
        ),
        (lambda s: s["properties"]["kind"].pop("enum"), "data.kind: the list of allowed values was dropped"),
        (
            lambda s: s["properties"]["nomination"].update(enum=["x"]),
            "data.nomination: the list of allowed values was added",
        ),
        (
            lambda s: s["$defs"]["Mark"]["properties"]["aspect"].update(type="integer"),
            'data.lines[].aspect: type changed from "string" to "integer"',
        ),
        (
            lambda s: s["properties"]["content"].update(additionalProperties={"type": "integer"}),
            'data.content.*: type changed from "string" to "integer"',
        ),
        (
            lambda s: s["properties"]["choice"]["anyOf"].pop(),
            "data.choice: the number of alternatives changed from 2 to 1",
        ),
        (
            lambda s: s["properties"]["choice"]["anyOf"][1].update(type="boolean"),
            'data.choice(alternative 2): type changed from "integer" to "boolean"',
        ),
        (lambda s: s["properties"]["sample"].update(default=True), "data.sample: default changed from false to true"),
        (lambda s: s.update({"x-signed": False}), "data: x-signed changed from true to false"),
        (lambda s: s.update(additionalProperties=False), "data.*: not changed from nothing to {}"),
    ],
)
def test_a_breaking_change_is_named(change: Callable[[dict[str, Any]], object], line: str):
    assert line in changed(change)


def test_real_schemas_are_compatible_with_themselves_and_break_when_a_field_goes(tmp_path: Path):
    write_files(tmp_path)
    made = generated_schemas()
    assert broken_schemas(tmp_path, made) == []
    file = "json/scoring/AspectScored.v1.json"
    made[file] = deepcopy(made[file])
    del made[file]["properties"]["member"]
    made[file]["required"].remove("member")
    assert broken_schemas(tmp_path, made) == [f"{file}: data.member: removed a required field"]


def test_an_event_cannot_disappear(tmp_path: Path):
    write_files(tmp_path)
    made = generated_schemas()
    del made["json/scoring/SheetRead.v1.json"]
    (line,) = broken_schemas(tmp_path, made)
    assert line.startswith("json/scoring/SheetRead.v1.json: the event was removed")


FACTS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    (
        "ContributionCorrected",
        lambda s: s["required"].append("amount"),
        "data.amount: became required, and old events do not have it",
    ),
    (
        "ContributionDue",
        lambda s: (s["properties"].update(scheme={"type": "string"}), s["required"].append("scheme")),
        "data.scheme: added as required, and old events do not have it",
    ),
    ("ContributionPaid", lambda s: s["properties"].pop("bank_reference"), "data.bank_reference: removed a required"),
    (
        "ContributionPaid",
        lambda s: s["properties"]["bank_reference"].update(pattern="^[A-Z0-9]{1,64}$"),
        "data.bank_reference: pattern changed",
    ),
    (
        "ContributionPaid",
        lambda s: s["properties"]["amount"].update(maximum=10**12),
        "data.amount: maximum changed from 1000000000000000 to 1000000000000",
    ),
    ("ContributionDue", lambda s: s["properties"]["amount"].update(minimum=1), "data.amount: minimum changed"),
    ("EmployerRegistered", lambda s: s["properties"]["employer"].update(maxLength=16), "data.employer: maxLength"),
    (
        "AssistanceReported",
        lambda s: s["properties"]["vulnerable_workers_total"]["anyOf"].pop(),
        "data.vulnerable_workers_total: the number of alternatives changed from 2 to 1",
    ),
    ("CoverageReported", lambda s: s.update({"x-topics": ["bpjs.coverage.v1"]}), "data: x-topics changed"),
    ("CoverageReported", lambda s: s["oneOf"].pop(), "data: oneOf changed"),
    ("DigitalChannelUsed", lambda s: s["properties"]["revision"].update(default=2), "data.revision: default changed"),
    ("fact", lambda s: s["properties"]["type"]["enum"].pop(), "data.type: removed the value"),
    ("fact", lambda s: s["properties"]["source"].update(pattern="^/bpjs/[a-z]+$"), "data.source: pattern changed"),
    ("fact", lambda s: s["required"].append("subject"), "data.subject: added as required"),
]


@pytest.mark.parametrize(("fact", "change", "line"), FACTS)
def test_a_change_that_an_old_publisher_would_not_survive_is_named(
    fact: str, change: Callable[[dict[str, Any]], object], line: str
):
    made = generated_schemas()
    file = f"json/facts/{fact}.v1.json"
    made[file] = deepcopy(made[file])
    change(made[file])
    (told,) = broken_schemas(made=made)
    assert told.startswith(f"{file}: {line}")


def test_a_facts_new_optional_field_and_a_new_type_of_fact_break_nothing():
    made = deepcopy(generated_schemas())
    made["json/facts/ContributionDue.v1.json"]["properties"]["scheme"] = {"anyOf": [{"type": "string"}]}
    made["json/facts/ContributionForgiven.v1.json"] = made["json/facts/ContributionReversed.v1.json"]
    document = made["json/facts/fact.v1.json"]
    document["properties"]["type"]["enum"].append("id.go.bpjsketenagakerjaan.ContributionForgiven.v1")
    document["allOf"].append({"if": {}, "then": {}})
    assert broken_schemas(made=made) == []


def test_a_fact_cannot_disappear():
    made = generated_schemas()
    del made["json/facts/ContributionReversed.v1.json"]
    (line,) = broken_schemas(made=made)
    assert line.startswith("json/facts/ContributionReversed.v1.json: the fact was removed")


def test_a_new_event_breaks_nothing_though_the_document_refers_to_it(tmp_path: Path):
    write_files(tmp_path)
    document = tmp_path / "json/document.v1.json"
    known = json.loads(document.read_bytes())
    known["allOf"].pop()
    document.write_text(json.dumps(known), encoding="utf-8")
    assert broken_schemas(tmp_path) == []


def test_a_superseded_version_stays_as_committed_and_cannot_change_whether_it_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_files(tmp_path)
    made = generated_schemas()
    first, second = "id.go.paritrana.scoring.SheetRead.v1", "id.go.paritrana.scoring.SheetRead.v2"
    monkeypatch.setattr(compatibility, "UPCASTERS", {first: (second, lambda data: data)})
    made[f"json/{event_path(second)}.json"] = {**event_schemas()[first], "x-signed": True}
    (line,) = broken_schemas(tmp_path, made)
    assert "x-signed differs" in line
    made[f"json/{event_path(second)}.json"]["x-signed"] = False
    assert broken_schemas(tmp_path, made) == []
