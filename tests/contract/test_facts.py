"""A fact is read or refused, never anything else: what passes is canonical, what does not is told field, value, remedy.

Each type is put to the test in each mode with 10,000 messages at least: right facts drawn from the schemas, each broken
in every way of `tests.contract.fact_messages`. The suite draws the same in every run; with
--hypothesis-profile=search it draws others. What fails prints the seed, which FACTS_SEED repeats, the fact and the way
in which it is broken.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kernel.canonical import canonical, parse_canonical
from schemas import fact_reading
from schemas.fact_reading import SHOWN, FactReason, ReadFact, Refused, claimed, claimed_subject, read_fact
from schemas.facts import FACT_TYPES, MODELS, TOPICS_OF, Fact, fact_type
from schemas.topics import CONTRIBUTIONS, COVERAGE
from tests.contract.fact_messages import (
    NOW,
    WRITERS,
    WRONG_ATTRIBUTES,
    WRONG_KINDS,
    WRONG_VALUES,
    Damage,
    Message,
    Said,
    damages,
    data_schema,
    future,
    other_topics,
    right_fact,
)

AT_LEAST = 10_000
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """What a test draws from: seeded alike in every run of the suite, anew in a search; what fails prints the seed."""
    searching = not settings().derandomize
    seed = os.environ.get("FACTS_SEED") or (secrets.token_hex(8) if searching else request.node.name)
    sys.stdout.write(f"seed: {seed}\n")
    return random.Random(seed)


@contextmanager
def about(said: Said) -> Iterator[None]:
    """Say of which fact a failure is."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{said}")
        raise


def outcome(message: Message) -> ReadFact | Refused:
    """What is said of a message; what else is raised fails the test that asks."""
    try:
        read = read_fact(message.topic, message.key, message.value, message.headers, NOW)
    except Refused as refused:
        check_fault(refused)
        return refused
    check_passed(read, message)
    return read


def check_passed(read: ReadFact, message: Message) -> None:
    document = parse_canonical(read.document)
    assert canonical(document) == read.document
    assert list(document) == ["data", "id", "source", "time", "type"]
    assert (document["id"], document["source"], document["type"]) == (read.id, f"/bpjs/{read.publisher}", read.type)
    assert len(document["time"]) == len("2021-04-13T02:30:00.000000Z")
    assert datetime.fromisoformat(document["time"]).utcoffset() == timedelta()
    assert msgspec.convert(document["data"], FACT_TYPES[read.type]) == read.data
    assert document["data"] == {k: v for k, v in document["data"].items() if v is not None}
    assert read.subject.encode() == message.key
    assert len(read.month) == 7
    assert read.target == (document["data"].get("corrects") or document["data"].get("reverses"))


def check_fault(refused: Refused) -> None:
    fault = refused.fault
    assert isinstance(fault.reason, FactReason)
    assert fault.field
    for text in (fault.field, fault.value, fault.english, fault.indonesian):
        assert text.isprintable(), text
        text.encode()
    assert len(fault.value) <= SHOWN + 1
    assert fault.english not in ("", fault.indonesian)
    assert fault.indonesian
    assert "{" not in fault.english.replace(fault.value, "")


def check_refused(said: ReadFact | Refused, reason: FactReason, field: str | None, told: object) -> None:
    assert isinstance(said, Refused), told
    assert said.fault.reason == reason, told
    assert field is None or said.fault.field == field, told


@cache
def property_validators(model: type[Fact]) -> dict[str, Draft202012Validator]:
    checks = Draft202012Validator.FORMAT_CHECKER
    return {
        name: Draft202012Validator(told, format_checker=checks)
        for name, told in data_schema(model)["properties"].items()
    }


@cache
def right_for_schema(model: type[Fact], name: str, text: str) -> bool:
    value = json.loads(text) if len(text) < 4000 else 10**400
    return property_validators(model)[name].is_valid(value) and not (isinstance(value, str) and value.endswith("\n"))


def meanings(model: type[Fact], said: Said) -> Iterator[tuple[str, Said, FactReason | None, str | None]]:
    """Every way to mean something wrong: the name, what is said, and the reasons and field of what must be refused."""
    required = data_schema(model)["required"]
    for name in data_schema(model)["properties"]:
        if name in said.data:
            must = name in required or name in ("region", "employer")
            yield f"no {name}", said.without(name), FactReason.MISSING_FIELD if must else None, f"data.{name}"
        for text in WRONG_VALUES:
            refused = None if right_for_schema(model, name, text) else FactReason.WRONG_FIELD
            yield f"{name} is {text[:40]}", said.saying(name, text), refused, f"data.{name}"
    for name, texts in WRONG_ATTRIBUTES.items():
        yield f"no {name}", said.attributed(name, None), FactReason.MISSING_ATTRIBUTE, name
        for text in texts:
            reason = FactReason.UNKNOWN_TYPE if name == "type" else FactReason.WRONG_ATTRIBUTE
            if "9999" in text:
                reason = FactReason.FUTURE_DATED
            yield f"{name} is {text}", said.attributed(name, text), reason, name
    yield "in the future", said.attributed("time", future(timedelta(microseconds=1))), FactReason.FUTURE_DATED, "time"
    yield "nearly in the future", said.attributed("time", future(timedelta())), None, None
    for topic in other_topics(model):
        yield f"on {topic}", replace(said, topic=topic), FactReason.WRONG_TOPIC, "type"


@each_model
def test_ten_thousand_messages_are_read_or_refused_with_field_value_and_remedy(model: type[Fact], draw: random.Random):
    count: Counter[str] = Counter()
    while min(count["binary"], count["structured"]) < AT_LEAST:
        said = right_fact(model, draw)
        with about(said):
            count.update(judged(model, said, draw))


def judged(model: type[Fact], said: Said, draw: random.Random) -> Iterator[str]:
    """Hold what is said of a right fact, and of each way to break it, to what must be; yield the mode each time."""
    whole = outcome(WRITERS["binary"](said))
    assert isinstance(whole, ReadFact), whole
    for name, wrong, reason, field in meanings(model, said):
        check_meaning(name, wrong, reason, field)
        yield from WRITERS
    for mode in WRITERS:
        for damage in damages(said, mode, draw):
            check_damage(outcome(damage.message), damage, whole)
            yield mode


def check_meaning(name: str, wrong: Said, reason: FactReason | None, field: str | None) -> None:
    """Both modes say the same, and what they must."""
    binary, structured = (outcome(write(wrong)) for write in WRITERS.values())
    if reason is not None and field is not None:
        prefix = "" if field.startswith("data.") else "ce_"
        check_refused(binary, reason, prefix + field, name)
        check_refused(structured, reason, field, name)
    if not isinstance(binary, Refused):
        assert binary == structured, name
        return
    assert isinstance(structured, Refused), name
    assert binary.fault.reason == structured.fault.reason, name
    assert binary.fault.field.removeprefix("ce_") == structured.fault.field, name
    assert binary.fault.english.replace("ce_", "") == structured.fault.english or name.startswith("no "), name


def check_damage(told: ReadFact | Refused, damage: Damage, whole: ReadFact) -> None:
    if damage.reason is not None:
        check_refused(told, damage.reason, damage.field, damage.name)
    elif damage.name.startswith("random bytes"):
        return
    else:
        assert isinstance(told, ReadFact), (damage.name, told)
        assert told == whole, damage.name


@each_model
def test_an_attribute_of_another_kind_is_refused_in_a_document(model: type[Fact], draw: random.Random):
    for said in (right_fact(model, draw) for _ in range(5)):
        for name in [*WRONG_ATTRIBUTES, "data_base64", "datacontenttype"]:
            for text in WRONG_KINDS:
                if (name, text) != ("datacontenttype", "null"):
                    told = outcome(WRITERS["structured"](said.attributed(name, text)))
                    check_refused(told, FactReason.WRONG_ATTRIBUTE, name, (name, text))


@pytest.mark.parametrize(
    ("written", "passes"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/xml", False),
        ("", False),
        ("application/json; charset=utf-16", False),
    ],
)
def test_a_document_holds_json(written: str, passes: bool):
    told = outcome(message(paid(), datacontenttype=written))
    if passes:
        assert isinstance(told, ReadFact)
    else:
        check_refused(told, FactReason.WRONG_ATTRIBUTE, "datacontenttype", written)


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize(
    ("parameters", "passes"),
    [
        ("", True), (";charset=utf-8", True), ('; q=1 ; Charset = "UTF-8" ;', True), ("; charset=US-ASCII", True),
        ("; charset=utf-16", False), ("; charset=iso-8859-1", False), ("; charset=", False), ("; charset=\xff", False),
        ("; charset=utf-8; charset=utf-16", False),
    ],
)  # fmt: skip
def test_a_charset_other_than_the_one_that_is_read_is_refused(mode: str, parameters: str, passes: bool):
    sent = WRITERS[mode](right_fact(MODELS[0], random.Random(1)))
    headers = [
        (name, written + parameters.encode("latin-1") if name == "content-type" and written else written)
        for name, written in sent.headers
    ]
    told = outcome(replace(sent, headers=headers))
    if passes:
        assert isinstance(told, ReadFact)
    else:
        written = dict(headers)["content-type"] or b""
        check_refused(told, FactReason.WRONG_CONTENT_TYPE, "content-type", written.decode(errors="replace"))


@each_model
def test_the_value_that_is_told_is_the_one_that_was_written(model: type[Fact], draw: random.Random):
    count = 0
    for said in (right_fact(model, draw) for _ in range(3)):
        for name, text in [(name, text) for name in said.data for text in WRONG_VALUES]:
            told = outcome(WRITERS["binary"](said.saying(name, text)))
            if not isinstance(told, Refused) or told.fault.field != f"data.{name}":
                continue
            count += 1
            shown = told.fault.value.removesuffix("…")
            plain = text if text.isprintable() else ""
            assert plain.startswith(shown) or json.loads(plain) == shown, (text, shown)
    assert count > 100


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_a_refused_message_claims_its_kind_and_whom_its_key_and_data_say(mode: str):
    def claims(key: bytes | None, data: dict[str, object], topic: str, name: str) -> tuple[str | None, tuple[str, ...]]:
        headers: list[tuple[str, bytes | None]] = [("content-type", b"x")]
        value = json.dumps({"type": name, "data": data} if mode == "structured" else data).encode()
        if mode == "binary":
            headers += [("ce_type", name.encode())]
        return claimed_subject(key, value, headers, of_regions=topic == COVERAGE)

    type_ = fact_type(MODELS[1])
    name = MODELS[1].__name__
    assert claims(b"A1", {"employer": "B1", "region": "75"}, CONTRIBUTIONS, type_) == (name, ("A1", "B1"))
    assert claims(None, {"employer": "B1"}, CONTRIBUTIONS, "x") == (None, ("B1",))
    assert claims(b"\xff", {"employer": 7}, CONTRIBUTIONS, type_) == (name, ())
    assert claims(b"a b", {"employer": "b 1"}, CONTRIBUTIONS, type_) == (name, ())
    assert claims(b"75.71", {"employer": "B1", "region": "75.99"}, COVERAGE, type_) == (name, ("75.71",))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=40))))
def test_noise_is_refused_and_claims_nothing_that_could_not_be(value: bytes, headers: list[tuple[str, bytes | None]]):
    message = Message(CONTRIBUTIONS, b"1", value, headers)
    assert isinstance(outcome(message), Refused)
    assert isinstance(outcome(replace(message, headers=[("content-type", b"application/json"), *headers])), Refused)
    kind, subjects = claimed_subject(value, value, headers, of_regions=False)
    assert kind is None or kind.isascii()
    assert all(one.isascii() and " " not in one for one in subjects)
    publisher, id_ = claimed(value, headers)
    assert publisher is None or publisher.isascii()
    assert id_ is None or id_.isascii()


@pytest.mark.parametrize("mode", WRITERS)
@each_model
def test_a_refused_message_claims_its_publisher_and_id(model: type[Fact], mode: str, draw: random.Random):
    for said in (right_fact(model, draw) for _ in range(3)):
        claim = json.loads(said.attributes["source"]).removeprefix("/bpjs/"), json.loads(said.attributes["id"])
        message = WRITERS[mode](said.saying("employer", "-1"))
        assert claimed(message.value, message.headers) == claim
        for damage in damages(said, mode, draw):
            publisher, id_ = claimed(damage.message.value, damage.message.headers)
            assert publisher is None or publisher.isascii(), damage.name
            assert id_ is None or id_.isascii(), damage.name


def paid(**changes: object) -> dict[str, object]:
    return {
        "employer": "12345678", "month": "2021-03", "amount": 1_500_000, "paid_on": "2021-04-13",
        "bank_reference": "BNI/2021/000123", **changes,
    }  # fmt: skip


def message(data: dict[str, object], name: str = "ContributionPaid", topic: str = CONTRIBUTIONS, **attributes: str):
    said = {
        "specversion": "1.0", "id": "pay-1", "source": "/bpjs/sipp",
        "type": f"id.go.bpjsketenagakerjaan.{name}.v1", "time": "2021-04-13T09:30:00+07:00",
    } | attributes  # fmt: skip
    key = str(data.get("region") or data["employer"]) if topic == COVERAGE else str(data["employer"])
    attributed, told = ({name: json.dumps(value) for name, value in all_.items()} for all_ in (said, data))
    return WRITERS["structured"](Said(topic, key.encode(), attributed, told))


def test_a_fact_has_one_canonical_form():
    read = outcome(message(paid(), time="2021-04-13T09:30:00.5+07:00"))
    assert isinstance(read, ReadFact)
    assert read.document.decode() == (
        '{"data":{"amount":1500000,"bank_reference":"BNI/2021/000123","employer":"12345678","month":"2021-03",'
        '"paid_on":"2021-04-13"},"id":"pay-1","source":"/bpjs/sipp","time":"2021-04-13T02:30:00.500000Z",'
        '"type":"id.go.bpjsketenagakerjaan.ContributionPaid.v1"}'
    )


_SPACES = st.text(" \t\r\n", max_size=2)


@settings(max_examples=400)
@given(
    st.data(), st.sampled_from([*WRITERS]), st.sampled_from(['"BNI:\\u0022\\":1"', "null", "2", "[{}]", '{"amount":1}'])
)
def test_a_name_that_stands_twice_is_refused_wherever_and_however_it_is_written(
    data: st.DataObject, mode: str, text: str
):
    """Money that reads in two ways is no fact; the same with other names instead of the second is one."""
    told = paid(bank_reference="BNI:2021:1")
    members = [(name, json.dumps(value)) for name, value in told.items()]
    name = data.draw(st.sampled_from([*told, "note"]))
    beside = data.draw(st.lists(st.sampled_from(["catatan", "x:y", 'a\\":']), unique=True, max_size=2))
    members += [(each, text) for each in beside]

    def spaced(*parts: str) -> str:
        return "".join(data.draw(_SPACES) + part for part in parts) + data.draw(_SPACES)

    def written(again: list[tuple[str, str]]) -> bytes:
        placed = [*members]
        for each in again:
            placed.insert(data.draw(st.integers(0, len(placed))), each)
        inner = ",".join(spaced(f'"{each}"', ":", value) for each, value in placed)
        return f"{{{inner}}}".encode()

    def said(value: bytes) -> ReadFact | Refused:
        whole = WRITERS[mode](Said(CONTRIBUTIONS, b"12345678", ATTRIBUTES, {"x": "0"}))
        assert whole.value is not None
        return outcome(replace(whole, value=whole.value.replace(b'{"x":0}', value)))

    value = dict(members).get(name, "7")
    spelled = data.draw(
        st.sampled_from([name, f"\\u{ord(name[0]):04x}{name[1:]}", f"{name[:-1]}\\u{ord(name[-1]):04X}"])
    )
    check_refused(
        said(written([(name, value)] * (name == "note") + [(spelled, value)])),
        FactReason.WRONG_FIELD,
        f"data.{name}",
        name,
    )
    once = said(written([("lain", value)]))
    assert isinstance(once, ReadFact), once
    assert once.data == msgspec.convert(told, FACT_TYPES[once.type])


def test_the_refusal_of_a_name_that_stands_twice_says_what_to_do():
    value = json.dumps(paid())[:-1].encode() + b', "amount": 1}'
    headers = [
        ("content-type", b"application/json"),
        *((f"ce_{k}", json.loads(v).encode()) for k, v in ATTRIBUTES.items()),
    ]
    told = outcome(Message(CONTRIBUTIONS, b"12345678", value, headers))
    check_refused(told, FactReason.WRONG_FIELD, "data.amount", None)
    assert isinstance(told, Refused)
    assert (told.fault.value, "write it once" in told.fault.english) == ("1", True)
    assert "tulis sekali saja" in told.fault.indonesian


ATTRIBUTES = {
    "specversion": '"1.0"', "id": '"pay:1"', "source": '"/bpjs/sipp"', "time": '"2021-04-13T09:30:00+07:00"',
    "type": '"id.go.bpjsketenagakerjaan.ContributionPaid.v1"',
}  # fmt: skip
REPORT: dict[str, object] = {
    "as_of": "2021-03-31", "wage_workers_covered": 1, "wage_workers_total": 2, "non_wage_workers_covered": 3,
    "non_wage_workers_total": 4,
}  # fmt: skip
AID: dict[str, object] = {"as_of": "2021-03-31", "vulnerable_workers_assisted": 1}
HOME: dict[str, object] = {"employer": "1", "size_class": "large", "region": "75.71", "obliged_from": "2021-01"}
FIX: dict[str, object] = {"employer": "1", "month": "2021-03", "corrects": "pay-0", "revision": 1}
USED: dict[str, object] = {"employer": "1", "month": "2021-03", "transactions": 5, "digital_transactions": 5}
SENSELESS = [
    ("EmployerRegistered", CONTRIBUTIONS, HOME, {"region": "99.99"}, "region", "99.99", "no region has this code"),
    ("EmployerRegistered", CONTRIBUTIONS, HOME, {"obliged_from": "2022-05"}, "obliged_from", "2022-05", "12 months"),
    ("ContributionDue", CONTRIBUTIONS, {"employer": "1", "month": "2021-03", "amount": 1}, {"month": "2013-12"},
     "month", "2013-12", "from 2014-01"),
    ("ContributionCorrected", CONTRIBUTIONS, FIX, {"paid_on": "2021-04-15"}, "paid_on", "2021-04-15", "not after"),
    ("ContributionCorrected", CONTRIBUTIONS, FIX, {"paid_on": "2013-12-31"}, "paid_on", "2013-12-31", "not after"),
    ("DigitalChannelUsed", CONTRIBUTIONS, USED, {"digital_transactions": 6}, "digital_transactions", "6", "at most 5"),
    ("CoverageReported", COVERAGE, {**REPORT, "region": "75"}, {"wage_workers_covered": 3}, "wage_workers_covered", "3",
     "more than wage_workers_total, of which it is a part: at most 2"),
    ("CoverageReported", CONTRIBUTIONS, {**REPORT, "employer": "1"}, {"non_wage_workers_covered": 5},
     "non_wage_workers_covered", "5", "at most 4"),
    ("AssistanceReported", COVERAGE, {**AID, "region": "75"}, {"vulnerable_workers_total": 0},
     "vulnerable_workers_assisted", "1", "at most 0"),
    ("CoverageReported", CONTRIBUTIONS, {**REPORT, "employer": "1"}, {"as_of": "2021-04-15"}, "as_of", "2021-04-15",
     "not after"),
    ("CoverageReported", COVERAGE, {**REPORT, "region": "75"}, {"as_of": "2013-12-31"}, "as_of", "2013-12-31",
     "not after"),
    ("CoverageReported", COVERAGE, {**REPORT, "region": "75"}, {"region": "99"}, "region", "99",
     "no region has this code"),
    ("CoverageReported", COVERAGE, {**REPORT, "region": "75"}, {"employer": "1"}, "employer", "1",
     "on bpjs.coverage.v1 a fact says the region: leave this"),
    ("CoverageReported", CONTRIBUTIONS, {**REPORT, "employer": "1"}, {"region": "75"}, "region", "75",
     "on bpjs.contributions.v1 a fact says the employer: leave this"),
    ("AssistanceReported", COVERAGE, {**AID, "region": "75"}, {"employer": "1"}, "employer", "1",
     "on bpjs.coverage.v1 a fact says the region: leave this"),
    ("AssistanceReported", CONTRIBUTIONS, {**AID, "employer": "1"}, {"as_of": "2021-05-01"}, "as_of", "2021-05-01",
     "not after"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "topic", "data", "change", "field", "value", "remedy"), SENSELESS)
def test_what_no_pattern_says_is_refused_too(
    name: str, topic: str, data: dict[str, object], change: dict[str, object], field: str, value: str, remedy: str
):
    assert isinstance(outcome(message(data, name, topic)), ReadFact)
    key = message(data, name, topic).key
    told = outcome(replace(message({**data, **change}, name, topic), key=key))
    check_refused(told, FactReason.WRONG_FIELD, f"data.{field}", None)
    assert isinstance(told, Refused)
    assert told.fault.value == value
    assert remedy in told.fault.english


@pytest.mark.parametrize("kind", ["CoverageReported", "AssistanceReported"])
@pytest.mark.parametrize(
    ("topic", "says", "english", "indonesian"),
    [
        (CONTRIBUTIONS, "region", f"send one that says the region to {COVERAGE}",
         f"fakta harus tentang pemberi kerja: kirim fakta tentang wilayah ke {COVERAGE}"),
        (COVERAGE, "employer", f"send one that says the employer to {CONTRIBUTIONS}",
         f"fakta harus tentang wilayah: kirim fakta tentang pemberi kerja ke {CONTRIBUTIONS}"),
    ],
)  # fmt: skip
def test_a_report_about_another_belongs_on_the_other_topic(
    kind: str, topic: str, says: str, english: str, indonesian: str
):
    data: dict[str, object] = {**(REPORT if kind == "CoverageReported" else AID), says: "75"}
    there = message(data | {"employer": "75"}, kind, topic)
    whole = replace(
        there, value=(there.value or b"").replace(b',"employer":"75"', b"") if says == "region" else there.value
    )
    told = outcome(whole)
    check_refused(told, FactReason.WRONG_TOPIC, f"data.{says}", None)
    assert isinstance(told, Refused)
    assert told.fault.value == "75"
    assert english in told.fault.english
    assert indonesian in told.fault.indonesian


@pytest.mark.parametrize(("topic", "lacks"), [(COVERAGE, "region"), (CONTRIBUTIONS, "employer")])
def test_a_report_about_nobody_is_refused(topic: str, lacks: str):
    whole = message({**AID, lacks: "75"}, "AssistanceReported", topic)
    told = outcome(replace(whole, value=(whole.value or b"").replace(f'"{lacks}":"75"'.encode(), b'"note":1')))
    check_refused(told, FactReason.MISSING_FIELD, f"data.{lacks}", None)


def test_data_in_base64_is_refused_even_beside_data():
    told = outcome(message(paid(), data_base64="e30="))
    check_refused(told, FactReason.WRONG_ATTRIBUTE, "data_base64", None)


def test_a_long_value_is_told_by_its_beginning():
    told = outcome(message(paid(bank_reference="x" * 5_000)))
    assert isinstance(told, Refused)
    assert told.fault.value == '"' + "x" * 79 + "…"


def test_a_correction_of_itself_is_refused():
    data: dict[str, object] = {"employer": "1", "month": "2021-03", "corrects": "pay-1", "revision": 1}
    check_refused(outcome(message(data, "ContributionCorrected")), FactReason.WRONG_FIELD, "data.corrects", None)
    data = {"employer": "1", "month": "2021-03", "reverses": "pay-1"}
    check_refused(outcome(message(data, "ContributionReversed")), FactReason.WRONG_FIELD, "data.reverses", None)


@pytest.mark.parametrize(
    ("value", "english", "indonesian"),
    [
        (gzip.compress(b"{}", mtime=0), "compressed with gzip", "dikompresi dengan gzip"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd", "dikompresi dengan zstd"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark", "diawali tanda urutan byte (BOM)"),
        ("{}".encode("utf-16"), "written in UTF-16", "ditulis dalam UTF-16"),
        (b"\x00\x00\x00\x00\x07{}", "it begins as for a schema registry", "diawali bingkai untuk schema registry"),
        (b'{"employer":"\xff"}', "no UTF-8 at byte 13", "bukan UTF-8 pada byte 13"),
        (b'{"employer":"12', "it ends too early", "terpotong"),
        (b'{"employer":"\\ud800"}', "half a character, or it ends too early", "setengah karakter, atau terpotong"),
        (b'{"employer":"1",}', "malformed at byte 16", "rusak pada byte 16"),
        (b'{"a":' + b"[" * 300, "nested more than 256 levels deep", "bersarang lebih dari 256 tingkat"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_why_in_both_languages(value: bytes, english: str, indonesian: str):
    right = WRITERS["binary"](right_fact(MODELS[1], random.Random(1)))
    told = outcome(replace(right, value=value))
    assert isinstance(told, Refused)
    assert told.fault.reason == FactReason.NOT_JSON
    assert told.fault.english == f"this is no JSON ({english}): send UTF-8 JSON"
    assert told.fault.indonesian == f"ini bukan JSON ({indonesian}): kirim JSON UTF-8"


@pytest.mark.parametrize("mode", WRITERS)
def test_an_attributes_value_is_told_as_it_was_written(mode: str):
    said = right_fact(MODELS[2], random.Random(2))
    for name, written in [(name, text) for name, texts in WRONG_ATTRIBUTES.items() for text in texts]:
        told = outcome(WRITERS[mode](said.attributed(name, written)))
        assert isinstance(told, Refused)
        text = json.loads(written)
        assert told.fault.value.removesuffix("…").strip('"') in (shown(text), shown(written).strip('"')), (name, text)


def shown(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text[:SHOWN]).strip('"')


@pytest.mark.parametrize("mode", WRITERS)
def test_of_several_faults_an_attributes_is_told_and_the_ids_first(mode: str):
    wrong = right_fact(MODELS[2], random.Random(3)).saying("amount", "-1")
    told = []
    for name in ("amount", "type", "source", "id"):
        wrong = wrong.attributed(name, '"=1"') if name != "amount" else wrong
        refused = outcome(WRITERS[mode](wrong))
        assert isinstance(refused, Refused)
        told.append(refused.fault.field.removeprefix("ce_"))
    assert told == ["data.amount", "type", "source", "id"]


@pytest.mark.parametrize("mode", WRITERS)
@pytest.mark.parametrize("year", [2027, 2100, 9997, 9999])
def test_what_is_called_future_dated_needs_nothing_but_the_time(mode: str, year: int):
    said = right_fact(MODELS[2], random.Random(4)).attributed("time", f'"{year}-12-31T23:59:59-12:00"')
    told = outcome(WRITERS[mode](said))
    assert isinstance(told, Refused)
    assert told.fault.reason == FactReason.FUTURE_DATED
    assert told.fault.value == f"{year}-12-31T23:59:59-12:00"
    wrong = outcome(WRITERS[mode](said.saying("amount", "-1")))
    assert isinstance(wrong, Refused)
    assert wrong.fault.reason == (FactReason.FUTURE_DATED if year == 9999 else FactReason.WRONG_FIELD)


def test_the_publishers_that_are_remembered_are_bounded():
    known = [WRITERS["binary"](right_fact(MODELS[1], random.Random(number))) for number in range(2000)]
    for each in known:
        outcome(each)
        outcome(replace(each, headers=[(name, b"/bpjs/" + b"X" * 9000 if name == "ce_source" else told)
                                       for name, told in each.headers]))  # fmt: skip
    assert len(fact_reading._publishers) <= 1024
    assert max(map(len, fact_reading._publishers)) < 64


@pytest.mark.parametrize(
    ("field", "day", "passes"),
    [("paid_on", "2021-04-13", True), ("paid_on", "2021-04-14", True), ("paid_on", "2021-04-15", False),
     ("paid_on", "2013-12-31", False), ("paid_on", "2014-01-01", True)],
)  # fmt: skip
def test_a_day_may_be_a_zones_ahead_of_utc_and_no_more(field: str, day: str, passes: bool):
    told = outcome(message(paid(**{field: day}), time="2021-04-13T10:00:00Z"))
    assert isinstance(told, ReadFact) == passes


@pytest.mark.parametrize(
    ("month", "passes"), [("2022-04", True), ("2022-05", False), ("2014-01", True), ("2013-12", False)]
)
def test_a_month_may_lie_a_year_ahead(month: str, passes: bool):
    told = outcome(message(paid(month=month)))
    assert isinstance(told, ReadFact) == passes


def test_every_type_is_told_by_its_name_and_lies_on_a_topic():
    assert set(FACT_TYPES) == {fact_type(model) for model in MODELS}
    assert set(TOPICS_OF) == set(MODELS)


def test_the_clock_of_a_publisher_is_judged_by_ours():
    late = datetime(2021, 4, 13, 2, 25, tzinfo=UTC)
    told = message(paid())
    assert read_fact(told.topic, told.key, told.value, told.headers, late)
    with pytest.raises(Refused) as caught:
        read_fact(told.topic, told.key, told.value, told.headers, late - timedelta(seconds=1))
    assert caught.value.fault.reason == FactReason.FUTURE_DATED
    assert "our clock shows 2021-04-13T02:24:59Z:" in caught.value.fault.english
    assert "jam kami menunjukkan 2021-04-13T02:24:59Z:" in caught.value.fault.indonesian
