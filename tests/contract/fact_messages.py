"""Facts as publishers send them, right ones and wrong ones: drawn from the schemas, written in either mode, and broken.

`Said` is what a publisher means to say, before it is written; `binary` and `structured` write it. `WRONG_VALUES`,
`WRONG_ATTRIBUTES` and `damages` are the ways to break it: of one value, and of the message as a whole. Each way breaks
one thing of a right fact, so whatever fails is as small as it can be, and drawing needs no more than a seed.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final

import msgspec

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


@cache
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


_FIRST_DAY: Final = date(2014, 1, 1)
_SHAPE: Final = re.compile(r"\^\[(.+?)\]\[(.+?)\]\{0,(\d+)\}\$").fullmatch
_CHOICES: Final = re.compile(r"\^\(([a-z|]+)\)\$").fullmatch


@cache
def _members(letters: str) -> str:
    """The characters of a class without its brackets, as `A-Z0-9.-`."""
    return "".join(chr(code) for code in range(128) if re.fullmatch(f"[{letters}]", chr(code)))


def text_like(pattern: str, draw: random.Random) -> str:
    """A text as a pattern of the schemas wants it; the shortest and the longest are as likely as all between."""
    if told := _CHOICES(pattern):
        return draw.choice(str(told[1]).split("|"))
    told = _SHAPE(pattern)
    assert told, f"no text of {pattern} can be drawn"
    length = draw.choice((0, int(told[3]), draw.randint(0, int(told[3]))))
    return draw.choice(_members(told[1])) + "".join(draw.choices(_members(told[2]), k=length))


def number_between(least: int, most: int, draw: random.Random) -> int:
    """A number of any length, or an end of the range."""
    some = draw.randint(0, 10 ** draw.randint(0, len(str(most))))
    return draw.choice((least, most, min(max(some, least), most), min(max(some, least), most)))


def day_until(last: date, draw: random.Random) -> date:
    return _FIRST_DAY + timedelta(draw.choice((0, (last - _FIRST_DAY).days, draw.randint(0, (last - _FIRST_DAY).days))))


def instant(draw: random.Random) -> datetime:
    zone = timezone(timedelta(minutes=draw.choice((0, 420, 480, 540, -720, 840, 15 * draw.randint(-48, 56)))))
    seconds = draw.randint(0, 12 * 365 * 86_400)
    time = datetime(2014, 1, 3, tzinfo=zone) + timedelta(seconds=seconds, microseconds=draw.randint(0, 999_999))
    return draw.choice((time, time.replace(microsecond=0)))


PARTS: Final = {
    "digital_transactions": "transactions",
    "wage_workers_covered": "wage_workers_total",
    "non_wage_workers_covered": "non_wage_workers_total",
    "vulnerable_workers_assisted": "vulnerable_workers_total",
}
"""What is no more than another field says, where that one is there."""


def right_fact(model: type[Fact], draw: random.Random) -> Said:
    """A fact with nothing wrong: every field as its schema wants it, and all of them making sense together."""
    topic, time, schema = draw.choice(TOPICS_OF[model]), instant(draw), data_schema(model)
    other = ("region", "employer")[topic == COVERAGE] if "as_of" in schema["properties"] else None
    made = {
        name: right_value(name, _plain(told), time.astimezone(UTC), draw)
        for name, told in schema["properties"].items()
        if name != other and (name in schema["required"] or name in ("region", "employer") or draw.random() < 0.5)
    }
    for part, whole in PARTS.items():
        if part in made and whole in made:
            made[part] = min(made[part], made[whole])
    attributes = {
        "specversion": "1.0",
        "id": text_like(ID, draw),
        "source": "/bpjs/" + text_like(r"^[a-z0-9][a-z0-9-]{0,30}$", draw),
        "type": fact_type(model),
        "time": time.isoformat(),
    }
    if attributes["id"] in (made.get("corrects"), made.get("reverses")):
        return right_fact(model, draw)
    subject = made["region"] if topic == COVERAGE else made["employer"]
    told = {name: json.dumps(value) for name, value in made.items()}
    return Said(topic, subject.encode(), {name: json.dumps(text) for name, text in attributes.items()}, told)


ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"


def right_value(name: str, told: dict[str, Any], time: datetime, draw: random.Random) -> Any:
    match name, told:
        case "region", _:
            return draw.choice(REGIONS)
        case "month" | "obliged_from", _:
            last = time.year * 12 + time.month - 1 + 12
            return month_text(draw.choice((2014 * 12, last, draw.randint(2014 * 12, last))))
        case _, {"format": "date"}:
            return str(day_until(time.date(), draw))
        case _, {"pattern": pattern}:
            return text_like(pattern, draw)
        case _, {"type": "integer", "minimum": least, "maximum": most}:
            return number_between(least, most, draw)
        case other:
            raise AssertionError(f"this field is of no known kind: {other}")


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
    '"ü"', '"١٢٣"', '"\\u0661"', '"\\ud835\\udfd9"', '"\\ud83d\\ude00"', '"a{b}c"', '"%s"', '"</script>"',
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
        '"9999-12-31T23:59:59-14:00"', '"2013-12-31T23:59:59Z"', '"2021-04-13T09:30:00+25:00"',
        '"0000-01-01T00:00:00Z"', '"2021-04-13T09:30:00Z "', '"2021-04-13T09:30:00Z\\n"', '"2021-04-13T09:30Z"',
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


_BOMB: Final = gzip.compress(b" " * 10_000_000, mtime=0)
_NOT_JSON: Final = FactReason.NOT_JSON


def damages(said: Said, mode: str, draw: random.Random) -> Iterator[Damage]:
    """Yield a right fact's message broken in every way that concerns the message and not the meaning."""
    whole = WRITERS[mode](said)
    yield Damage("nothing", whole, None)
    for name, key in (
        ("no key", None), ("an empty key", b""), ("another key", b"X" + (said.key or b"")),
        ("a key that is no text", b"\xff\x00\xfe"), ("a huge key", b"9" * 100_000),
    ):  # fmt: skip
        yield Damage(name, replace(whole, key=key), FactReason.WRONG_KEY, "key")
    for name, value, reason, named in _values(whole.value or b"", mode):
        yield Damage(name, replace(whole, value=value), reason, named)
    for name, extra, reason, named in _extras(said):
        yield Damage(name, WRITERS[mode](replace(said, extra=extra)), reason, named)
    yield from _bytes(whole, draw)
    yield from _content_types(whole, mode)
    if mode == "binary":
        yield from _attribute_headers(whole)


_Change = tuple[str, Any, FactReason | None, str | None]


def _values(value: bytes, mode: str) -> Iterator[_Change]:
    text = value.decode()
    yield "tombstone", None, FactReason.EMPTY, "value"
    yield "no bytes", b"", FactReason.EMPTY, "value"
    yield "byte order mark", b"\xef\xbb\xbf" + value, _NOT_JSON, None
    yield "UTF-16", text.encode("utf-16"), _NOT_JSON, None
    yield "UTF-16 without a mark", text.encode("utf-16-le"), _NOT_JSON, None
    yield "UTF-32", text.encode("utf-32"), _NOT_JSON, None
    yield "compressed", gzip.compress(value, mtime=0), _NOT_JSON, None
    yield "a compressed bomb", _BOMB, _NOT_JSON, None
    if mode == "binary":
        yield "an array", b"[" + value + b"]", FactReason.WRONG_FIELD, "data"
    else:
        yield "an array", b"[" + value + b"]", FactReason.WRONG_ATTRIBUTE, "value"
    yield "two documents", value + value, _NOT_JSON, None
    yield "single quotes", value.replace(b'"', b"'"), _NOT_JSON, None
    yield "one byte too many", value.ljust(LARGEST + 1), FactReason.TOO_LARGE, "value"
    yield "1 MiB", value.ljust(1 << 20), FactReason.TOO_LARGE, "value"
    yield "as large as can be", value.ljust(LARGEST), None, None
    yield "blanks", text.replace(",", " ,\r\n\t").encode(), None, None
    if mode == "structured":
        for name, written in json.loads(text).items():
            again = f',"{name}":{json.dumps(written)}'
            yield f"{name} twice", (text[:-1] + again + "}").encode(), FactReason.WRONG_ATTRIBUTE, name
            yield f"{name} first", (f"{{{again[1:]}" + "," + text[1:]).encode(), FactReason.WRONG_ATTRIBUTE, name
        yield "an extension", value[:-1] + b',"subject":{"data":1,"id":2}}', None, None
        yield "an extension twice", value[:-1] + b',"subject":1,"subject":2}', FactReason.WRONG_ATTRIBUTE, "subject"
    yield "no text", value[:-1] + b',"note":"\xff"}', _NOT_JSON, "value"
    yield "a surrogate in UTF-8", value[:-1] + b',"note":"\xed\xa0\x80"}', _NOT_JSON, "value"
    yield "no text in a name", value[:-1] + b',"n\xc3":1}', _NOT_JSON, "value"


def _extras(said: Said) -> Iterator[_Change]:
    yield "a lone surrogate", ',"note":"\\ud800"', _NOT_JSON, None
    yield "a lone surrogate in a name", ',"\\udc00":1', _NOT_JSON, None
    yield "a lone surrogate in a name within", ',"note":{"\\udc00":1}', _NOT_JSON, None
    yield "an unknown field", ',"note":{"nama":"Ñandú 😀"}', None, None
    yield "a huge number nobody reads", ',"note":' + "9" * 20_000, None, None
    yield "a number beyond floats nobody reads", ',"note":1e999999', None, None
    yield "no number", ',"note":NaN', _NOT_JSON, None
    yield "deep nesting", ',"note":' + "[" * 250 + "]" * 250, None, None
    yield "nesting too deep", ',"note":' + "[" * 256 + "]" * 256, _NOT_JSON, "value"
    yield "very deep nesting", ',"note":' + '{"a":' * 9_000 + "1" + "}" * 9_000, _NOT_JSON, "value"
    yield "nesting that does not end", ',"note":' + "[" * 60_000, _NOT_JSON, "value"
    yield "brackets in a text", ',"note":"' + "[" * 5_000 + '\\""', None, None
    yield "many brackets", ',"note":[' + ",".join(["[]"] * 5_000) + "]", None, None
    yield "a name twice within", ',"note":[{"a":1,"b":{"a":1},"a":1}]', FactReason.WRONG_FIELD, "data.a"
    yield "a name again in another object", ',"note":[{"a":1,"b":{"a":1}},{"a":1,"month":2}]', None, None
    yield "what looks like a name", ',"note" : "\\"month\\":1,\\"month\\":2", "no\\"te":"\\":"', None, None
    for name, written in said.data.items():
        escaped = f'"\\u{ord(name[0]):04x}{name[1:]}"'
        for how, again in (
            ("", f'"{name}":{written}'), (", then null", f'"{name}":null,"{name}":{written}'),
            (", once escaped", f"{escaped}:{written}"), (", with blanks", f' "{name}" \n:{written}'),
        ):  # fmt: skip
            yield f"{name} twice{how}", f",{again}", FactReason.WRONG_FIELD, f"data.{name}"


def _bytes(whole: Message, draw: random.Random) -> Iterator[Damage]:
    """Bytes of the value changed at random, and its end cut off."""
    value = whole.value or b""
    for number in range(16):
        broken = bytearray(value)
        for _ in range(draw.choice((1, 1, 2, 5))):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        yield Damage(f"random bytes {number}", replace(whole, value=bytes(broken)), None, "")
    for number in range(4):
        yield Damage(f"cut {number}", replace(whole, value=value[: draw.randrange(1, len(value))]), _NOT_JSON)


def _headed(
    name: str, whole: Message, headers: list[tuple[str, bytes | None]], reason: FactReason | None, field: str
) -> Damage:
    return Damage(name, replace(whole, headers=headers), reason, field)


def _content_types(whole: Message, mode: str) -> Iterator[Damage]:
    rest = whole.headers[1:]
    missing, typed = FactReason.MISSING_ATTRIBUTE, FactReason.WRONG_CONTENT_TYPE
    yield _headed("no headers", whole, [], missing, "content-type")
    yield _headed("no content-type", whole, rest, missing, "content-type")
    yield _headed("content-type of null", whole, [("content-type", None), *rest], missing, "content-type")
    for kind in (
        b"", b"text/plain", b"application/xml", b"application/cloudevents", b"application/cloudevents-batch+json",
        b"\xff", b"application/jsonx", b"application/json, text/plain",
    ):  # fmt: skip
        yield _headed(f"content-type {kind!r}", whole, [("content-type", kind), *rest], typed, "content-type")
    alike = BINARY if mode == "binary" else STRUCTURED
    for kind in (alike, alike.upper(), alike + b";charset=utf-8", alike + b" ; charset=UTF-8"):
        yield _headed(f"content-type {kind!r}", whole, [("content-type", kind), *rest], None, "")
    for coding in (b"gzip", b"identity", b"", None):
        headers = [*whole.headers, ("content-encoding", coding)]
        yield _headed(f"content-encoding {coding!r}", whole, headers, typed, "content-encoding")
    for name, written in whole.headers:
        twice = FactReason.WRONG_ATTRIBUTE
        yield _headed(f"{name} twice", whole, [*whole.headers, (name, written)], twice, name)
        yield _headed(f"{name} twice, differing", whole, [(name, b"x"), *whole.headers], twice, name)
    others = [("traceparent", b"00-1"), ("traceparent", b"\xff"), ("", None)]
    yield _headed("headers of others", whole, [*whole.headers, *others], None, "")


def _attribute_headers(whole: Message) -> Iterator[Damage]:
    missing = FactReason.MISSING_ATTRIBUTE
    for name, told in whole.headers[1:]:
        others = [(known, written) for known, written in whole.headers if known != name]
        yield _headed(f"no {name}", whole, others, missing, name)
        yield _headed(f"{name} of null", whole, [*others, (name, None)], missing, name)
        wrong = FactReason.UNKNOWN_TYPE if name == "ce_type" else FactReason.WRONG_ATTRIBUTE
        for written in (
            b"", b" ", b"\x00", b'"', b"\\", b"\\u0031", b"x\n", b"{}", b"x" * 100_000, b"\xff", "ü".encode(),
            b'x","id":"y', (told or b"") + b"\n", (told or b"") + b'"', b" " + (told or b""),
        ):  # fmt: skip
            yield _headed(f"{name} {written[-9:]!r}", whole, [*others, (name, written)], wrong, name)
        if name == "ce_time":
            escaped = (told or b"").replace(b"T", b"\\u0054")
            yield _headed("an escaped time", whole, [*others, (name, escaped)], wrong, name)


def other_topics(model: type[Fact]) -> list[str]:
    return [topic for topic in (CONTRIBUTIONS, COVERAGE, "paritrana.scoring.v1", "") if topic not in TOPICS_OF[model]]
