"""What is an event of ours by its form: each attribute, and what the attributes say together."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kernel.canonical import canonical, data_hash
from schemas.document import ATTRIBUTES, document_schema, fault_of
from tests.contract import story

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def document() -> dict[str, Any]:
    """A signed event at version 2, with every attribute."""
    found: dict[str, Any] = json.loads((story.EXAMPLES / "nomination/StageAdvanced.v1.json").read_bytes())
    return found | {"causationid": found["id"]}


def resalted(document: dict[str, Any], **data: Any) -> None:
    document["data"] |= data
    document["datahash"] = data_hash(canonical(document["data"]))


def unsigned(document: dict[str, Any]) -> None:
    del document["signature"], document["signaturekey"]


def next_version_unsigned(document: dict[str, Any]) -> None:
    typed("nomination", "StageAdvanced.v2")(document)
    unsigned(document)


def typed(context: str, name: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["type"] = f"id.go.paritrana.{context}.{name}"
        document["dataschema"] = f"urn:paritrana:schema:{context}.{name}"

    return change


def test_a_whole_document_has_no_fault(document: dict[str, Any]):
    assert {attribute.name for attribute in ATTRIBUTES} <= document.keys()
    assert fault_of(document) is None


@pytest.mark.parametrize(
    "change",
    [
        typed("nomination", "CandidateKnighted.v1"),
        typed("nomination", "StageAdvanced.v2"),
        typed("service", "ServiceRested.v1"),
        lambda d: d.update(newattribute="a later build's", other=7, flag=True),
        lambda d: [d.pop(name) for name in ("office", "commandid", "correlationid", "causationid", "clock")],
        lambda d: d.update(actor="system"),
        lambda d: resalted(d, salt="ab" * 64, later=["field"]),
        lambda d: (d.update(streamversion=1), d.pop("prevhash")),
    ],
)
def test_what_only_a_newer_build_knows_is_no_fault(document: dict[str, Any], change: Change):
    change(document)
    assert fault_of(document) is None


@pytest.mark.parametrize("name", [*(a.name for a in ATTRIBUTES if a.required), "streamversion", "data"])
def test_a_missing_attribute_is_named(document: dict[str, Any], name: str):
    del document[name]
    assert fault_of(document) == f"the attribute {name} is missing"


@pytest.mark.parametrize("name", [attribute.name for attribute in ATTRIBUTES])
@pytest.mark.parametrize("value", [None, 7, True, "", " ", ["x"], {"x": 1}, "\n", "x" * 300, "é\x00"])
def test_an_attribute_of_another_form_is_named(document: dict[str, Any], name: str, value: Any):
    document[name] = value
    fault = fault_of(document)
    assert fault is not None
    assert fault.startswith(f"{name} must be")


def test_no_attribute_stands_where_the_data_goes():
    assert not [each.name for each in ATTRIBUTES if "data" < each.name < "datahash"]  # see kernel.canonical


@pytest.mark.parametrize("name", [attribute.name for attribute in ATTRIBUTES])
def test_a_line_end_does_not_slip_behind_an_attribute(document: dict[str, Any], name: str):
    document[name] += "\n"
    assert (fault_of(document) or "").startswith(f"{name} must be")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.update(specversion="0.3"), "specversion must be 1.0"),
        (lambda d: d.update(id="553ac9ac-e9b7-546d-a9fb-37d462c6f7de"), "id must be a UUID of version 7"),
        (lambda d: d.update(id=d["id"].upper()), "id must be a UUID of version 7"),
        (lambda d: d.update(time="2021-03-02T02:17:00Z"), "time must be a UTC instant with microseconds"),
        (lambda d: d.update(time="2021-03-02T02:17:00.000000+00:00"), "time must be"),
        (lambda d: d.update(time="2021-02-30T02:17:00.000000Z"), "time is no instant"),
        (lambda d: d.update(time="2021-03-02T24:00:01.000000Z"), "time is no instant"),
        (lambda d: d.update(time="0001-01-01T00:00:00.000000Z"), "time is before 1970"),
        (lambda d: d.update(time="1969-12-31T23:59:59.999999Z"), "time is before 1970"),
        (lambda d: d.update(streamversion=0), "streamversion must be an integer from 1"),
        (lambda d: d.update(streamversion=True), "streamversion must be"),
        (lambda d: d.update(streamversion="2"), "streamversion must be"),
        (lambda d: d.update(streamversion=2**31), "streamversion must be"),
        (lambda d: d.pop("prevhash"), "prevhash must be absent at streamversion 1"),
        (lambda d: d.update(streamversion=1), "prevhash must be absent at streamversion 1"),
        (lambda d: d.update(subject="nomination"), "subject must be"),
        (lambda d: d.update(subject="treasury/1"), "subject is a stream of no known kind"),
        (lambda d: d.update(subject="service/treasury"), "subject is a stream of no known kind"),
        (lambda d: d.update(subject="ranking/2020/x"), "source must be /paritrana/scoring"),
        (lambda d: d.update(subject="service/scoring"), "source must be /paritrana/scoring"),
        (lambda d: d.update(source="/paritrana/scoring"), "source must be /paritrana/nomination"),
        (typed("scoring", "RankingSealed.v1"), "type belongs to another service"),
        (lambda d: d.update(type="com.example.StageAdvanced.v1"), "type must be id.go.paritrana"),
        (lambda d: d.update(type="id.go.paritrana.nomination.StageAdvanced"), "type must be id.go.paritrana"),
        (lambda d: d.update(dataschema="urn:x"), "dataschema is not the URN"),
        (unsigned, "signature is missing"),
        (next_version_unsigned, "signature is missing"),
        (lambda d: d.pop("signature"), "signature and signaturekey must be present together"),
        (lambda d: d.pop("signaturekey"), "signature and signaturekey must be present together"),
        (lambda d: d.update(signature=d["signature"][:-3] + "B=="), "signature must be 64 bytes"),
        (lambda d: d.update(data=[]), "data must be an object"),
        (lambda d: d["data"].update(rank=2), "datahash is not"),
        (lambda d: d["data"].pop("salt"), "data.salt must be"),
        (lambda d: resalted(d, salt="ab" * 15), "data.salt must be"),
        (lambda d: resalted(d, salt="AB" * 16), "data.salt must be"),
        (lambda d: resalted(d, salt=7), "data.salt must be"),
        (lambda d: d.update(clock="system"), "clock must be test"),
        (lambda d: d.update(Upper="x"), "an attribute's name must be"),
        (lambda d: d.update(extra="x" * 256), "extra must have at most 255"),
        (lambda d: d.update(extra="x\x00"), "extra must have at most 255"),
        (lambda d: d.update(extra={"deep": 1}), "extra must be text"),
        (lambda d: d.update(extra=2**31), "extra must be text"),
        (lambda d: d.update({f"extra{n}": "x" for n in range(17)}), "more than 16 unknown attributes"),
    ],
)
def test_a_fault_is_said_with_what_to_change(document: dict[str, Any], change: Change, fault: str):
    change(document)
    said = fault_of(document)
    assert said is not None
    assert said.startswith(fault)


def test_a_fault_repeats_no_value(document: dict[str, Any]):
    document["actor"] = "Budi, Jalan Merdeka 1"
    assert "Budi" not in (fault_of(document) or "")


def test_the_published_schema_refuses_what_the_check_refuses(document: dict[str, Any]):
    accepts = Draft202012Validator(document_schema(())).is_valid
    assert accepts(document)
    for attribute in ATTRIBUTES:
        wrong = deepcopy(document) | {attribute.name: "é"}
        assert not accepts(wrong), attribute.name
    changes: tuple[dict[str, Any], ...] = (
        {"streamversion": 0}, {"streamversion": 1}, {"data": {}}, {"Upper": "x"}, {"extra": [1]},
    )  # fmt: skip
    for change in changes:
        assert not accepts(deepcopy(document) | change), change
    for name in ("prevhash", "signature", "signaturekey", "datahash"):
        without = {key: value for key, value in document.items() if key != name}
        assert not accepts(without), name
