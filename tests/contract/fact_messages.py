"""Facts as publishers send them, right ones and wrong ones: drawn from the schemas, written in either mode, and broken.

`Said` is what a publisher means to say, before it is written; `binary` and `structured` write it. `wrong_values` and
`damages` are the ways to break it: of one field's value, and of the message as a whole.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from schemas.fact_reading import AHEAD, LARGEST, FactReason, known_regions
from schemas.facts import TOPICS_OF, Fact, fact_type
from schemas.topics import CONTRIBUTIONS, COVERAGE

NOW: Final = datetime(2026, 1, 15, 3, 0, tzinfo=UTC)
BINARY: Final = b"application/json"
STRUCTURED: Final = b"application/cloudevents+json"
REGIONS: Final = sorted(known_regions())


@dataclass(frozen=True)
class Said:
    """What a publisher means to say. The values of `data` and `attributes` are JSON texts, so any can be written."""

    topic: str
    key: bytes | None
    attributes: dict[str, str]
    data: dict[str, str]
    extra: str = ""
    """Members written after the data's own, with a comma before each."""

    def data_text(self) -> str:
        return "{" + ",".join(f'"{name}":{text}' for name, text in self.data.items()) + self.extra + "}"

    def without(self, name: str) -> Said:
        return replace(self, data={known: text for known, text in self.data.items() if known != name})

    def saying(self, name: str, text: str) -> Said:
        return replace(self, data={**self.data, name: text})

    def attributed(self, name: str, text: str | None) -> Said:
        kept = {known: told for known, told in self.attributes.items() if known != name}
        return replace(self, attributes=kept if text is None else {**kept, name: text})


@dataclass(frozen=True)
class Message:
    """One Kafka record, as `read_fact` takes it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def binary(said: Said) -> Message:
    headers: list[tuple[str, bytes | None]] = [("content-type", BINARY)]
    headers += [(f"ce_{name}", json.loads(text).encode()) for name, text in said.attributes.items()]
    return Message(said.topic, said.key, said.data_text().encode(), headers)


def structured(said: Said) -> Message:
    members = [f'"{name}":{text}' for name, text in said.attributes.items()]
    value = "{" + ",".join([*members, f'"data":{said.data_text()}']) + "}"
    return Message(said.topic, said.key, value.encode(), [("content-type", STRUCTURED + b"; charset=UTF-8")])


WRITERS: Final = {"binary": binary, "structured": structured}


# --- right ones ----------------------------------------------------------------------------------------------------


def data_schema(model: type[Fact]) -> dict[str, Any]:
    """The JSON Schema that msgspec makes of the model."""
    _, components = msgspec.json.schema_components([model])
    made: dict[str, Any] = components[model.__name__]
    return made


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is there."""
    return next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)


def month_text(months: int) -> str:
    return f"{months // 12}-{months % 12 + 1:02d}"


@st.composite
def facts(draw: st.DrawFn, model: type[Fact]) -> Said:
    """A fact with nothing wrong: every field as its schema wants it, and all of them making sense together."""
    topic = draw(st.sampled_from(TOPICS_OF[model]))
    zone = timezone(timedelta(minutes=15 * draw(st.integers(-48, 56))))
    time = draw(st.datetimes(datetime(2014, 1, 3), datetime(2026, 1, 13))).replace(tzinfo=zone)
    if draw(st.booleans()):
        time = time.replace(microsecond=0)
    utc = time.astimezone(UTC)
    months = st.integers(2014 * 12, utc.year * 12 + utc.month - 1 + 12).map(month_text)
    days = st.dates(date(2014, 1, 1), utc.date()).map(str)
    made: dict[str, Any] = {}
    schema = data_schema(model)
    for name, told in schema["properties"].items():
        match name, _plain(told):
            case "region" | "employer", _ if "as_of" in schema["properties"] and (name == "region") != (
                topic == COVERAGE
            ):
                continue
            case "region", _:
                made[name] = draw(st.sampled_from(REGIONS))
                continue
            case "month" | "obliged_from", _:
                made[name] = draw(months)
            case _, {"format": "date"}:
                made[name] = draw(days)
            case _, {"pattern": pattern}:
                made[name] = draw(st.from_regex(pattern.replace("$", r"\Z")))
            case _, {"type": "integer", "minimum": least, "maximum": most}:
                made[name] = draw(st.integers(least, most))
            case other:
                raise AssertionError(f"{model.__name__}.{name} is of no known kind: {other}")
        if name not in schema["required"] and name != "employer" and draw(st.booleans()):
            del made[name]
    if "digital_transactions" in made:
        made["digital_transactions"] = min(made["digital_transactions"], made["transactions"])
    subject = made["region"] if topic == COVERAGE else made["employer"]
    target = made.get("corrects") or made.get("reverses")
    attributes = {
        "specversion": "1.0",
        "id": draw(st.from_regex(r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z").filter(lambda text: text != target)),
        "source": "/bpjs/" + draw(st.from_regex(r"^[a-z0-9][a-z0-9-]{0,30}\Z")),
        "type": fact_type(model),
        "time": time.isoformat(),
    }
    told = {name: json.dumps(value) for name, value in made.items()}
    return Said(topic, subject.encode(), {name: json.dumps(text) for name, text in attributes.items()}, told)


# --- wrong ones ----------------------------------------------------------------------------------------------------

WRONG_VALUES: Final = (
    "null", "true", "false", '""', '" "', "0", "-0", "-1", "1", "1.0", "1.5", "-0.1", "1e3", "1E400", "1000000",
    str(10**9 + 1), str(10**12 + 1), str(10**15), str(10**15 + 1), str(2**53), str(2**63), str(2**64), str(-(2**63)),
    "1" * 400, "9" * 5000, '"1500000"', '"Rp1.500.000"', "[]", "[1]", "{}", '{"amount":1}',
    '"2021-03"', '"2021-3"', '"2021-00"', '"2021-13"', '"2013-12"', '"0000-01"', '"9999-12"', '"21-03"',
    '"2021-02-30"', '"2021-02-28"', '"2021-04-31"', '"0000-01-01"', '"2013-12-31"', '"9999-12-31"', '"2026-02-01"',
    '"30-04-2021"', '"2021-04-13T00:00:00"', '"2021-04-13T00:00:00Z"', '"2021/04/13"',
    '"12345678\\n"', '"2021-03\\n"', '"2021-04-13\\n"', '"75\\n"', '"large\\n"', '"\\u0000"', '"\\u007f"',
    '"Gorontalo"', '"75"', '"75.71"', '"75.99"', '"99"', '"7571"', '"LARGE"', '"large"', '"UMKM"',
    '"ü"', '"١٢٣"', '"\\u0661"', '"𝟙"', '"\\ud83d\\ude00"', '"a{b}c"', '"%s"', '"</script>"',
    json.dumps("x" * 33), json.dumps("X" * 33), json.dumps("x" * 65), json.dumps("x" * 60_000),
)  # fmt: skip
"""JSON texts that some field cannot be; right ones of others are among them."""

WRONG_ATTRIBUTES: Final = {
    "specversion": ('""', '"0.3"', '"1"', '"1.0 "', '"2.0"'),
    "id": ('""', '" "', '"-a"', '"a b"', '"a\\n"', '"a/b"', '"ü"', json.dumps("x" * 65), '"a\\u0000"', '"a\\"b"'),
    "source": (
        '""', '"sipp"', '"/bpjs/"', '"/bpjs/SIPP"', '"/bpjs/a/b"', '"/paritrana/scoring"', '"/bpjs/a\\n"',
        '"https://bpjs/a"', json.dumps("/bpjs/" + "a" * 32),
    ),
    "type": (
        '""', '"ContributionPaid"', '"id.go.bpjsketenagakerjaan.ContributionPaid.v2"',
        '"id.go.paritrana.scoring.AspectScored.v1"', '"id.go.bpjsketenagakerjaan.contributionpaid.v1"',
    ),
    "time": (
        '""', '"2021-04-13"', '"2021-04-13T09:30:00"', '"2021-02-30T09:30:00Z"', '"2021-13-01T09:30:00Z"',
        '"2021-04-13T25:00:00Z"', '"2021-04-13T09:30:60Z"', '"1618300000"', '"now"', '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-14:00"', '"2013-12-31T23:59:59Z"', '"2021-04-13T09:30:00+25:00"', '"0000-01-01T00:00:00Z"',
    ),
}  # fmt: skip
"""Texts that an attribute cannot be, whatever else the fact says."""
WRONG_KINDS: Final = ("null", "true", "1", "1.5", "[]", "{}", "9" * 5000)
"""What no attribute is; only a structured document can say it."""


def future(beyond: timedelta) -> str:
    return json.dumps((NOW + AHEAD + beyond).isoformat())


@dataclass(frozen=True)
class Damage:
    """A broken message. `reason` is None where nothing is wrong after all; `field` None where any may be named."""

    name: str
    message: Message
    reason: FactReason | None
    field: str | None = None


def damages(said: Said, mode: str, seed: int) -> Iterator[Damage]:
    """Yield a right fact's message broken in every way that concerns the message and not the meaning."""
    whole = WRITERS[mode](said)
    value = whole.value or b""
    text = value.decode()
    not_json = FactReason.NOT_JSON

    def valued(name: str, changed: bytes | None, reason: FactReason | None, field: str | None = "value") -> Damage:
        return Damage(name, replace(whole, value=changed), reason, field)

    def keyed(name: str, key: bytes | None) -> Damage:
        return Damage(name, replace(whole, key=key), FactReason.WRONG_KEY, "key")

    def with_extra(name: str, extra: str, reason: FactReason | None, field: str | None = None) -> Damage:
        return Damage(name, WRITERS[mode](replace(said, extra=extra)), reason, field)

    yield Damage("nothing", whole, None)
    yield valued("tombstone", None, FactReason.EMPTY)
    yield valued("no bytes", b"", FactReason.EMPTY)
    yield valued("byte order mark", b"\xef\xbb\xbf" + value, not_json, None)
    yield valued("UTF-16", text.encode("utf-16"), not_json, None)
    yield valued("UTF-16 without a mark", text.encode("utf-16-le"), not_json, None)
    yield valued("UTF-32", text.encode("utf-32"), not_json, None)
    yield valued("compressed", gzip.compress(value), not_json, None)
    yield valued("a compressed bomb", gzip.compress(b" " * 10_000_000), not_json, None)
    yield valued("an array", b"[" + value + b"]", None if mode == "never" else FactReason.WRONG_FIELD, "data") if (
        mode == "binary"
    ) else valued("an array", b"[" + value + b"]", FactReason.WRONG_ATTRIBUTE)
    yield valued("two documents", value + value, not_json, None)
    yield valued("single quotes", value.replace(b'"', b"'"), not_json, None)
    yield valued("one byte too many", value.ljust(LARGEST + 1), FactReason.TOO_LARGE)
    yield valued("64 MiB", value.ljust(1 << 20), FactReason.TOO_LARGE)
    yield valued("as large as can be", value.ljust(LARGEST), None)
    yield valued("blanks", text.replace(",", " ,\r\n\t").encode(), None)
    yield valued("no text", value[:-1] + b',"note":"\xff"}', not_json)
    yield valued("a surrogate in UTF-8", value[:-1] + b',"note":"\xed\xa0\x80"}', not_json)
    yield valued("no text in a name", value[:-1] + b',"n\xc3":1}', not_json)
    yield with_extra("a lone surrogate", ',"note":"\\ud800"', not_json, None)
    yield with_extra("a lone surrogate in a name", ',"\\udc00":1', None)
    yield with_extra("an unknown field", ',"note":{"nama":"Ñandú 😀"}', None)
    yield with_extra("a huge number nobody reads", ',"note":' + "9" * 20_000, None)
    yield with_extra("deep nesting", ',"note":' + "[" * 250 + "]" * 250, None)
    yield with_extra("nesting too deep", ',"note":' + "[" * 256 + "]" * 256, not_json, "value")
    yield with_extra("very deep nesting", ',"note":' + '{"a":' * 9_000 + "1" + "}" * 9_000, not_json, "value")
    yield with_extra("nesting that does not end", ',"note":' + "[" * 60_000, not_json, "value")
    yield with_extra("brackets in a text", ',"note":"' + "[" * 5_000 + '\\""', None)
    yield with_extra("many brackets", ',"note":[' + ",".join(["[]"] * 5_000) + "]", None)
    for name, written in said.data.items():
        yield with_extra(f"{name} twice", f',"{name}":{written}', None)
        yield with_extra(f"{name} twice, then null", f',"{name}":null,"{name}":{written}', None, f"data.{name}")
        yield valued(f"{name} escaped", text.replace(f'"{name}":', f'"\\u{ord(name[0]):04x}{name[1:]}":').encode(), None)
    yield keyed("no key", None)
    yield keyed("an empty key", b"")
    yield keyed("another key", b"X" + (said.key or b""))
    yield keyed("a key that is no text", b"\xff\x00\xfe")
    yield keyed("a huge key", b"9" * 100_000)
    yield from _headers(whole, mode)
    draw = random.Random(seed)
    for number in range(12):
        broken = bytearray(value)
        for _ in range(draw.choice((1, 1, 2, 5))):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        yield Damage(f"random bytes {number}", replace(whole, value=bytes(broken)), None, "")
    for number in range(4):
        yield Damage(f"cut {number}", replace(whole, value=value[: draw.randrange(1, len(value))]), not_json)


def _headers(whole: Message, mode: str) -> Iterator[Damage]:
    rest = whole.headers[1:]

    def headed(name: str, headers: list[tuple[str, bytes | None]], reason: FactReason | None, field: str) -> Damage:
        return Damage(name, replace(whole, headers=headers), reason, field)

    typed = FactReason.WRONG_CONTENT_TYPE
    yield headed("no headers", [], FactReason.MISSING_ATTRIBUTE, "content-type")
    yield headed("no content-type", rest, FactReason.MISSING_ATTRIBUTE, "content-type")
    yield headed("content-type of null", [("content-type", None), *rest], FactReason.MISSING_ATTRIBUTE, "content-type")
    for kind in (
        b"", b"text/plain", b"application/xml", b"application/cloudevents", b"application/cloudevents-batch+json",
        b"\xff", b"application/jsonx", b"application/json, text/plain",
    ):  # fmt: skip
        yield headed(f"content-type {kind!r}", [("content-type", kind), *rest], typed, "content-type")
    alike = BINARY if mode == "binary" else STRUCTURED
    for kind in (alike, alike.upper(), alike + b";charset=utf-8", alike + b" ; charset=UTF-8"):
        yield headed(f"content-type {kind!r}", [("content-type", kind), *rest], None, "")
    for coding in (b"gzip", b"identity", b"", None):
        yield headed(f"content-encoding {coding!r}", [*whole.headers, ("content-encoding", coding)], typed,
                     "content-encoding")  # fmt: skip
    twice = FactReason.WRONG_ATTRIBUTE
    for name, written in whole.headers:
        yield headed(f"{name} twice", [*whole.headers, (name, written)], twice, name)
        yield headed(f"{name} twice, differing", [(name, b"x"), *whole.headers], twice, name)
    yield headed("headers of others", [*whole.headers, ("traceparent", b"00-1"), ("traceparent", b"\xff"), ("", None)],
                 None, "")  # fmt: skip
    for name, _ in rest:
        others = [(known, written) for known, written in whole.headers if known != name]
        yield headed(f"no {name}", others, FactReason.MISSING_ATTRIBUTE, name)
        yield headed(f"{name} of null", [*others, (name, None)], FactReason.MISSING_ATTRIBUTE, name)
        wrong = FactReason.UNKNOWN_TYPE if name == "ce_type" else FactReason.WRONG_ATTRIBUTE
        for written in (b"", b" ", b"\x00", b'"', b"\\", b"\\u0031", b"x\n", b"{}", b"x" * 100_000):
            if not (name == "ce_id" and written.strip(b"x") == b"" and 0 < len(written) <= 64):
                yield headed(f"{name} {written[:9]!r}", [*others, (name, written)], wrong, name)
        for written in (b"\xff", "ü".encode()):
            yield headed(f"{name} {written!r}", [*others, (name, written)], FactReason.WRONG_ATTRIBUTE, name)
    if mode == "binary":
        yield headed("an escaped time", [(name, written.replace(b"T", b"\\u0054") if name == "ce_time" and written
                     else written) for name, written in whole.headers], FactReason.WRONG_ATTRIBUTE, "ce_time")  # fmt: skip


def other_topics(model: type[Fact]) -> list[str]:
    return [topic for topic in (CONTRIBUTIONS, COVERAGE, "paritrana.scoring.v1", "") if topic not in TOPICS_OF[model]]
