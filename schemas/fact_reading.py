"""Read a fact as a publisher sent it: CloudEvents in binary or structured mode, judged field by field.

The one gate through which facts come, used by ingest, by the dry run and by `paritrana facts publish`, so that all of
them say the same of a message. What passes gets one canonical form (`ReadFact.document`), whatever mode it came in: two
deliveries of one fact are the same bytes. What does not pass gets a reason that operators can filter by, and a sentence
in English and Indonesian that names the field, the value and what to write instead.

Follows CloudEvents 1.0.2 and its Kafka protocol binding 1.0.2. A fast path decodes what is right (a few µs); only for
what it refuses is the cause looked for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import accumulate
from operator import itemgetter
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from schemas.facts import (
    FACT_TYPES,
    FIRST_MONTH,
    MONTHS_AHEAD,
    TOPICS_OF,
    AssistanceReported,
    ContributionCorrected,
    ContributionDue,
    ContributionPaid,
    ContributionReversed,
    CoverageReported,
    DigitalChannelUsed,
    EmployerRegistered,
    Fact,
    FactId,
)
from schemas.regions import TABLES, region_table
from schemas.topics import CONTRIBUTIONS, COVERAGE

LARGEST: Final = 65_536
"""Bytes of a message's value at most; a fact has a few hundred."""
AHEAD: Final = timedelta(minutes=5)
"""How far a publisher's clock may be ahead of ours."""
DEEPEST: Final = 256
"""Levels of nesting at most; a fact has two, and what a decoder bears depends on who calls it."""
SHOWN: Final = 80
STRUCTURED: Final = "application/cloudevents+json"
BINARY: Final = "application/json"

_SOURCE: Final = re.compile(r"/bpjs/([a-z0-9][a-z0-9-]{0,30})").fullmatch
_PREFIX: Final = "ce_"


class FactReason(StrEnum):
    """Why a message is not taken for a fact. The values are stable: publishers and operators filter by them."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    WRONG_CONTENT_TYPE = "wrong-content-type"
    NOT_JSON = "not-json"
    MISSING_ATTRIBUTE = "missing-attribute"
    WRONG_ATTRIBUTE = "wrong-attribute"
    UNKNOWN_TYPE = "unknown-type"
    WRONG_TOPIC = "wrong-topic"
    MISSING_FIELD = "missing-field"
    WRONG_FIELD = "wrong-field"
    WRONG_KEY = "wrong-key"
    FUTURE_DATED = "future-dated"
    USED_ID = "used-id"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class FactFault:
    """Why a message is not taken: the field (as `data.amount`), its value as it was written, and what to change."""

    reason: FactReason
    field: str
    value: str
    english: str
    indonesian: str

    @property
    def document(self) -> dict[str, Any]:
        """Return it as it is told to people: where, what stands there, and what to write instead."""
        detail = {"en": self.english, "id": self.indonesian}
        return {"reason": self.reason.value, "field": self.field, "value": self.value, "detail": detail}


class ReadFact(Struct, frozen=True, gc=False):
    """A fact as the ledger keeps it. `document` is its canonical form: {data, id, source, time, type}, keys sorted."""

    publisher: str
    """The system that said it: the last segment of `source`."""
    id: str
    type: str
    subject: str
    """Whom it is about: an employer's number (NPP) or a region's code. Also the Kafka key."""
    month: str
    """The month that it is about, YYYY-MM."""
    target: str | None
    """The id of the fact that it corrects or reverses."""
    document: bytes
    data: Fact

    @property
    def kind(self) -> str:
        """Return the short name of its type, as `ContributionPaid`."""
        return type(self.data).__name__


class Refused(Exception):
    """The message is no fact; `fault` says why."""

    def __init__(self, fault: FactFault) -> None:
        super().__init__(f"{fault.field}: {fault.english}")
        self.fault = fault


# --- the fast path -------------------------------------------------------------------------------------------------


_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
_id: Final = re.compile(_ID).fullmatch


class _Document(Struct, gc=False):
    """A message in structured mode. Extension attributes are passed over."""

    specversion: str
    id: FactId
    source: str
    type: str
    time: Annotated[datetime, Meta(tz=True)]
    data: Raw
    datacontenttype: str | None = None
    data_base64: str | UnsetType = UNSET


_structured: Final = msgspec.json.Decoder(_Document).decode
_time: Final = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)]).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode

Headers = Collection[tuple[str, bytes | None]]


def read_fact(topic: str, key: bytes | None, value: bytes | None, headers: Headers, now: datetime) -> ReadFact:
    """Return the fact that a record is, received at `now`. Raises Refused, and nothing else."""
    id_, source, type_name, time, raw, quotes = _attributes_of(value, headers)
    if time.tzinfo is not UTC:
        time = _in_utc(time)
    publisher = _publishers.get(source) or _publisher(source)
    reader = _READERS.get((topic, type_name))
    if publisher is None or reader is None or time < _FIRST_INSTANT:
        sent = _Sent(value, headers)
        raise Refused(_why_not_id(id_, sent) or _why_not_attributes(source, type_name, topic, sent))
    if time > now + AHEAD:
        raise Refused(_why_ahead(topic, key, value, headers, time, now))
    try:
        data = reader.decode(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(_why_not_id(id_, _Sent(value, headers)) or _why_not_data(raw, error)) from None
    told = _encode(data)
    if value is not None and value.count(b'"') != told.count(b'"') + quotes:
        _refuse_twice(value, raw)
    head = b'{"data":%b,"id":"%b"' % (told, id_)
    if reader.is_told(head) is None:
        raise Refused(_why_not_id(id_, _Sent(value, headers)) or _why_not_told(data, raw))
    id_text = id_.decode()
    subject, month, target = reader.sense(data, time)
    if target == id_text:
        raise Refused(_wrong_field("corrects" if hasattr(data, "corrects") else "reverses", id_text))
    if key != subject.encode():
        raise Refused(_said(FactReason.WRONG_KEY, "key", _shown(key), "key", subject=subject))
    instant = _encode(time)
    if len(instant) != _WIRE_TIME:
        instant = instant[:20] + b'.000000Z"'
    document = b'%b,"source":"%b","time":%b,"type":"%b"}' % (head, source, instant, type_name)
    return ReadFact(publisher, id_text, reader.name, subject, month, target, document, data)


_WIRE_TIME: Final = len('"2021-04-13T02:30:00.000000Z"')
"""How long an instant in UTC is in quotes; what msgspec writes (a tenth of the cost of `isoformat`) may be shorter."""


_Attributes = tuple[bytes, bytes, bytes, datetime, bytes | Raw, int]
"""Id, source, type, time and data, and how many quotes the value has besides those of the data when nothing stands in
it that we pass over. The id's letters are judged together with the data's."""


def _attributes_of(value: bytes | None, headers: Headers) -> _Attributes:
    if not value:
        raise Refused(_said(FactReason.EMPTY, "value", "", "empty"))
    if len(value) > LARGEST:
        raise Refused(_said(FactReason.TOO_LARGE, "value", f"{len(value)} bytes", "too_large"))
    said = dict(headers)
    kind = said.get("content-type")
    if kind not in _KINDS or len(said) != len(headers) or "content-encoding" in said:
        kind = _content_type(said, headers)
    if len(value) > DEEPEST or not value.isascii():
        _refuse_unreadable(value)
    return _from_document(value) if kind == _STRUCTURED else _from_headers(said, value)


_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def _in_utc(time: datetime) -> datetime:
    """Return an instant in UTC; at either end of the calendar the last one there, which is refused as well."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if time.year == 1 else _LATEST


_publishers: Final[dict[bytes, str]] = {}
_MOST_PUBLISHERS: Final = 1024


def _publisher(source: bytes) -> str | None:
    """Return the system that a source names; it is remembered, since publishers are few."""
    named = _SOURCE(source.decode("ascii", "replace"))
    if named is None:
        return None
    if len(_publishers) < _MOST_PUBLISHERS:
        _publishers[source] = named[1]
    return named[1]


def _refuse_unreadable(value: bytes) -> None:
    """Refuse what is not UTF-8, or nested deeper than any reader's recursion may go.

    Decoders pass over unknown fields unread, and stop at a depth that depends on who calls them; the same bytes must
    be judged alike everywhere. ASCII of no more than DEEPEST bytes is none of this.
    """
    try:
        value.decode()
    except UnicodeDecodeError as error:
        why = f"no UTF-8 at byte {error.start}", f"bukan UTF-8 pada byte {error.start}"
        raise Refused(_no_json("value", value, why)) from None
    if value.count(b"{") + value.count(b"[") > DEEPEST and _depth(value) > DEEPEST:
        why = f"nested more than {DEEPEST} levels deep", f"bersarang lebih dari {DEEPEST} tingkat"
        raise Refused(_no_json("value", value, why))


_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")
_STEPS: Final = tuple((code in b"[{") - (code in b"]}") for code in range(256))


def _depth(value: bytes) -> int:
    brackets = _TEXTS.sub(b"", value).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


_QUOTES: Final = 4 * len(("specversion", "id", "source", "type", "time")) + len('""')
"""The quotes of a document besides its data's own: two around each name and each text."""
_QUOTES_TYPED: Final = _QUOTES + len('""""')
"""The same with a `datacontenttype`."""


def _refuse_twice(value: bytes, raw: bytes | Raw) -> None:
    """Refuse a value in which an object has two members of one name: one program reads the first, another the last.

    Asked only of a value with more quotes than what was understood of it has: a name brings its quotes with it, however
    it is spaced or escaped, so what has no quote too many has no name twice. The others have fields that we pass over.
    """
    try:
        _members(value.decode())
    except _Twice:
        data = bytes(raw)
        if (name := _twice(data)) is not None:
            fault = _said(FactReason.WRONG_FIELD, f"data.{_clip(name)}", _value_at(data, name), "twice")
        else:
            name = _twice(value) or ""
            fault = _said(FactReason.WRONG_ATTRIBUTE, _clip(name), _value_at(value, name), "twice")
        raise Refused(fault) from None


class _Twice(Exception):
    """An object has a name twice."""


def _refuse_names(members: list[tuple[str, Any]]) -> None:
    if len(dict(members)) != len(members):
        raise _Twice


# Numbers stay texts: nobody reads them, and one that is long enough is an error.
_members: Final = json.JSONDecoder(object_pairs_hook=_refuse_names, parse_int=str, parse_float=str).decode


def _twice(raw: bytes) -> str | None:
    """Return a name that stands twice in one object of what a decoder took for JSON, of the outermost such object."""
    found: list[str] = []

    def look(members: list[tuple[str, Any]]) -> None:
        count = Counter(name for name, _ in members)
        found.extend(name for name, times in count.items() if times > 1)

    json.loads(raw, object_pairs_hook=look, parse_int=str, parse_float=str)
    return found[-1] if found else None


def _refuse_doubled(headers: Headers) -> None:
    """Refuse a header that says something twice: one client would read the first, another the last."""
    seen: set[str] = set()
    for name, written in headers:
        if name in seen and (name.startswith(_PREFIX) or name in ("content-type", "content-encoding")):
            raise Refused(_said(FactReason.WRONG_ATTRIBUTE, _clip(name), _shown(written), "doubled"))
        seen.add(name)


_BINARY: Final = BINARY.encode()
_STRUCTURED: Final = STRUCTURED.encode()
_KINDS: Final = frozenset({_BINARY, _STRUCTURED})


def _content_type(headers: Mapping[str, bytes | None], as_sent: Headers) -> bytes:
    """Return the content type without parameters, in lowercase, or refuse what the headers say of the value."""
    if len(headers) != len(as_sent):
        _refuse_doubled(as_sent)
    written = headers.get("content-type")
    if written is None:
        raise Refused(_said(FactReason.MISSING_ATTRIBUTE, "content-type", "", "content_type"))
    if "content-encoding" in headers:
        raise Refused(
            _said(FactReason.WRONG_CONTENT_TYPE, "content-encoding", _shown(headers["content-encoding"]), "encoding")
        )
    kind, _, parameters = written.partition(b";")
    kind = kind.strip().lower()
    if kind not in _KINDS:
        raise Refused(_said(FactReason.WRONG_CONTENT_TYPE, "content-type", _shown(written), "content_type"))
    if not _is_utf8(parameters.decode(errors="replace")):
        raise Refused(_said(FactReason.WRONG_CONTENT_TYPE, "content-type", _shown(written), "charset"))
    return kind


_CHARSET: Final = re.compile(r"charset\s*=\s*([^;]*)", re.IGNORECASE)


def _is_utf8(parameters: str) -> bool:
    """Tell whether a content type's parameters name no encoding but the one in which every value is read."""
    named = (found[1] for each in parameters.split(";") if (found := _CHARSET.fullmatch(each.strip())))
    return all(each.strip().strip('"').lower() in ("utf-8", "us-ascii") for each in named)


def _from_document(value: bytes) -> _Attributes:
    try:
        said = _structured(value)
    except (ValueError, RecursionError) as error:
        raise Refused(_why_not_document(value, error)) from None
    if said.specversion != "1.0":
        raise Refused(_wrong_attribute("specversion", said.specversion, ""))
    if said.data_base64 is not UNSET:
        raise Refused(_wrong_attribute("data_base64", str(said.data_base64), ""))
    if said.datacontenttype is not None and said.datacontenttype != BINARY:
        _refuse_data_type(said.datacontenttype)
    quotes = _QUOTES if said.datacontenttype is None else _QUOTES_TYPED
    return said.id.encode(), said.source.encode(), said.type.encode(), said.time, said.data, quotes


def _refuse_data_type(written: str) -> None:
    kind, _, parameters = written.partition(";")
    if kind.strip().lower() != BINARY or not _is_utf8(parameters):
        raise Refused(_wrong_attribute("datacontenttype", written, ""))


_ATTRIBUTES: Final = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time")
_attributes: Final = itemgetter(*_ATTRIBUTES)


def _from_headers(headers: Mapping[str, bytes | None], value: bytes) -> _Attributes:
    try:
        version, id_, source, type_name, instant = _attributes(headers)
        time = _time(b'"%b"' % instant)
    except (KeyError, TypeError, ValueError):
        raise Refused(_why_not_headers(headers)) from None
    # An escape means something in JSON and nothing in a header.
    if version != b"1.0" or not id_ or source is None or type_name is None or b"\\" in instant:
        raise Refused(_why_not_headers(headers))
    return id_, source, type_name, time, value, 0


# --- sense ---------------------------------------------------------------------------------------------------------
# One function a type returns whom a fact is about, its month, and what it corrects, and refuses what its fields cannot
# mean together. `time` is the fact's own, in UTC.

_Meant = tuple[str, str, str | None]


def _registered(data: EmployerRegistered, time: datetime) -> _Meant:
    _refuse_region(data.region)
    if data.obliged_from > _latest_month(time.year, time.month):
        raise Refused(_wrong_field("obliged_from", data.obliged_from))
    return data.employer, f"{time.year}-{time.month:02d}", None


def _due(data: ContributionDue, time: datetime) -> _Meant:
    _refuse_month(data.month, time)
    return data.employer, data.month, None


def _paid(data: ContributionPaid, time: datetime) -> _Meant:
    _refuse_month(data.month, time)
    _refuse_day("paid_on", data.paid_on, time)
    return data.employer, data.month, None


def _corrected(data: ContributionCorrected, time: datetime) -> _Meant:
    _refuse_month(data.month, time)
    if data.paid_on is not None:
        _refuse_day("paid_on", data.paid_on, time)
    return data.employer, data.month, data.corrects


def _reversed(data: ContributionReversed, time: datetime) -> _Meant:
    _refuse_month(data.month, time)
    return data.employer, data.month, data.reverses


def _used(data: DigitalChannelUsed, time: datetime) -> _Meant:
    _refuse_month(data.month, time)
    _refuse_more(data, "digital_transactions", "transactions")
    return data.employer, data.month, None


def _of_employer(data: CoverageReported | AssistanceReported, time: datetime) -> _Meant:
    return _reported(data, time, "employer", data.employer, data.region)


def _of_region(data: CoverageReported | AssistanceReported, time: datetime) -> _Meant:
    meant = _reported(data, time, "region", data.region, data.employer)
    _refuse_region(meant[0])
    return meant


def _reported(
    data: CoverageReported | AssistanceReported, time: datetime, name: str, subject: str | None, other: str | None
) -> _Meant:
    if other is not None:
        raise Refused(_why_not_about(name, other, alone=subject is None))
    if subject is None:
        raise Refused(_said(FactReason.MISSING_FIELD, f"data.{name}", "", "missing", name=name))
    day = data.as_of
    _refuse_day("as_of", day, time)
    if isinstance(data, CoverageReported):
        _refuse_more(data, "wage_workers_covered", "wage_workers_total")
        _refuse_more(data, "non_wage_workers_covered", "non_wage_workers_total")
    else:
        _refuse_more(data, "vulnerable_workers_assisted", "vulnerable_workers_total")
    return subject, f"{day.year}-{day.month:02d}", None


def _refuse_more(data: Fact, part: str, whole: str) -> None:
    """Refuse a part that is more than its whole, where the whole is said."""
    some: int = getattr(data, part)
    most: int | None = getattr(data, whole)
    if most is not None and some > most:
        raise Refused(_said(FactReason.WRONG_FIELD, f"data.{part}", str(some), "more", whole=whole, most=str(most)))


def _why_not_about(name: str, other: str, *, alone: bool) -> FactFault:
    """Return what is wrong with a report that says whom its topic's reports are not about, and perhaps nobody else."""
    wrong = "employer" if name == "region" else "region"
    here, there = (COVERAGE, CONTRIBUTIONS) if name == "region" else (CONTRIBUTIONS, COVERAGE)
    words = {"name": name, "wrong": wrong, "nama": _NAMES[name], "salah": _NAMES[wrong], "here": here, "there": there}
    reason, text = (FactReason.WRONG_TOPIC, "elsewhere") if alone else (FactReason.WRONG_FIELD, "subject")
    return _said(reason, f"data.{wrong}", other, text, **words)


_NAMES: Final = {"employer": "pemberi kerja", "region": "wilayah"}


class _Reader(NamedTuple):
    """How a type's data is decoded and made sense of on one topic; `name` is the type as it is written.

    `is_told` matches the beginning of the canonical document, and so every text in it at once: msgspec asks for each
    pattern by itself, which costs half as much as all the rest, and lets a trailing line feed through.
    """

    name: str
    decode: Callable[[bytes | Raw], Any]
    is_told: Callable[[bytes], re.Match[bytes] | None]
    sense: Callable[[Any, datetime], _Meant]


def _pattern_of(told: Mapping[str, Any]) -> str | None:
    """Return the pattern of a text, without its anchors, from its JSON Schema; None of what is no free text."""
    told = next((one for one in told.get("anyOf", ()) if one != {"type": "null"}), told)
    pattern: str | None = None if "format" in told else told.get("pattern")
    return None if pattern is None else pattern.removeprefix("^").removesuffix("$")


@cache
def _patterns(model: type[Struct]) -> dict[str, str | None]:
    """Return the pattern of each field by its name."""
    _, schemas = msgspec.json.schema_components([model])
    return {name: _pattern_of(told) for name, told in schemas[model.__name__]["properties"].items()}


def _head_pattern(model: type[Fact]) -> str:
    """Return the pattern of `{"data":…,"id":…` in canonical form. What is no free text is as the encoder writes it."""
    required = {field.encode_name for field in msgspec.structs.fields(model) if field.required}

    def member(name: str, pattern: str | None) -> str:
        value = '[0-9"-]+' if pattern is None else f'"(?:{pattern})"'
        return f',?"{name}":{value}' if name in required else f'(?:,?"{name}":{value})?'

    fields = "".join(member(name, pattern) for name, pattern in sorted(_patterns(model).items()))
    return f'{{"data":{{{fields}}},"id":"(?:{_ID})"'


_SENSE: Final[Mapping[type[Fact], Callable[[Any, datetime], _Meant]]] = {
    EmployerRegistered: _registered,
    ContributionDue: _due,
    ContributionPaid: _paid,
    ContributionCorrected: _corrected,
    ContributionReversed: _reversed,
    CoverageReported: _of_employer,
    AssistanceReported: _of_employer,
    DigitalChannelUsed: _used,
}
_READERS: Final = {
    (topic, name.encode()): _Reader(
        name,
        msgspec.json.Decoder(model).decode,
        re.compile(_head_pattern(model).encode()).fullmatch,
        _of_region if topic == COVERAGE else _SENSE[model],
    )
    for name, model in FACT_TYPES.items()
    for topic in TOPICS_OF[model]
}


def _refuse_region(code: str) -> None:
    if code not in known_regions():
        raise Refused(_said(FactReason.WRONG_FIELD, "data.region", code, "unknown_region"))


@cache
def known_regions() -> frozenset[str]:
    """Return every code that a region has in one of the dated tables."""
    return frozenset(code for table in TABLES for code in region_table(table).regions)


@cache
def _latest_month(year: int, month: int) -> str:
    months = year * 12 + month - 1 + MONTHS_AHEAD
    return f"{months // 12}-{months % 12 + 1:02d}"


def _refuse_month(month: str, time: datetime) -> None:
    if not FIRST_MONTH <= month <= _latest_month(time.year, time.month):
        raise Refused(_wrong_field("month", month))


_FIRST_DAY: Final = date.fromisoformat(f"{FIRST_MONTH}-01")
_FIRST_INSTANT: Final = datetime.combine(_FIRST_DAY, datetime.min.time(), UTC)
_FARTHEST_EAST: Final = timedelta(hours=14)


def _refuse_day(field: str, day: date, time: datetime) -> None:
    """Refuse a day before the agency began, or after the fact's own time; its day may be a zone's ahead of UTC's."""
    if day < _FIRST_DAY or (day > time.date() and day > (time + _FARTHEST_EAST).date()):
        raise Refused(_wrong_field(field, day.isoformat()))


# --- what is said of a fault ---------------------------------------------------------------------------------------

_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "employer": (
        "an employer number (NPP): 1 to 32 capital letters, digits, dots and hyphens",
        "nomor pendaftaran perusahaan (NPP): 1 sampai 32 huruf besar, angka, titik, dan tanda hubung",
    ),
    "region": (
        "Kemendagri's code of a province (75) or of a regency or city (75.71)",
        "kode Kemendagri untuk provinsi (75) atau kabupaten/kota (75.71)",
    ),
    "month": (
        f"a month as 2021-03, from {FIRST_MONTH} up to {MONTHS_AHEAD} months after the fact's time",
        f"bulan seperti 2021-03, sejak {FIRST_MONTH} sampai {MONTHS_AHEAD} bulan sesudah waktu fakta",
    ),
    "obliged_from": (
        f"a month as 2021-03, at most {MONTHS_AHEAD} months after the fact's time",
        f"bulan seperti 2021-03, paling lambat {MONTHS_AHEAD} bulan sesudah waktu fakta",
    ),
    "amount": (
        "whole rupiah as a number without quotes, up to 10^15 (a payment: at least 1)",
        "rupiah bulat sebagai angka tanpa kutip, paling banyak 10^15 (pembayaran: paling sedikit 1)",
    ),
    "paid_on": (
        "a date as 2021-04-13, not after the fact's time",
        "tanggal seperti 2021-04-13, tidak sesudah waktu fakta",
    ),
    "as_of": (
        "a date as 2021-06-30, not after the fact's time",
        "tanggal seperti 2021-06-30, tidak sesudah waktu fakta",
    ),
    "bank_reference": (
        "the bank's reference: 1 to 64 letters, digits and . / : _ -",
        "referensi bank: 1 sampai 64 huruf, angka, dan . / : _ -",
    ),
    "size_class": ("large, medium, small or micro", "large, medium, small, atau micro"),
    "revision": ("a whole number from 1 to 1000000", "bilangan bulat dari 1 sampai 1000000"),
    "corrects": (
        "the id of the earlier fact that is corrected, not this one's own",
        "id fakta terdahulu yang dikoreksi, bukan id fakta ini sendiri",
    ),
    "reverses": (
        "the id of the earlier fact that is reversed, not this one's own",
        "id fakta terdahulu yang dibatalkan, bukan id fakta ini sendiri",
    ),
    "id": (
        "1 to 64 letters, digits and . _ : -, beginning with a letter or digit",
        "1 sampai 64 huruf, angka, dan . _ : -, diawali huruf atau angka",
    ),
    "source": (
        "/bpjs/ and your system's name in lowercase letters, digits and hyphens, as /bpjs/sipp",
        "/bpjs/ dan nama sistem Anda dengan huruf kecil, angka, dan tanda hubung, seperti /bpjs/sipp",
    ),
    "time": (
        "an instant with its zone, as 2021-04-13T09:30:00+07:00, not before 2014",
        "waktu lengkap dengan zona, seperti 2021-04-13T09:30:00+07:00, tidak sebelum 2014",
    ),
    "type": (f"one of {', '.join(FACT_TYPES)}", f"salah satu dari {', '.join(FACT_TYPES)}"),
    "data": ("a JSON object with the fact's fields", "objek JSON berisi isian fakta"),
    "value": (
        "a CloudEvents document: a JSON object with specversion, id, source, type, time and data",
        "dokumen CloudEvents: objek JSON berisi specversion, id, source, type, time, dan data",
    ),
    "datacontenttype": (
        f"{BINARY} without a charset other than utf-8, or leave it out",
        f"{BINARY} tanpa charset selain utf-8, atau hilangkan",
    ),
    "specversion": ("specversion 1.0", "specversion 1.0"),
    "data_base64": ("the fields as JSON under data instead", "isian sebagai JSON di data saja"),
}
_COUNT: Final = ("a whole number, not negative, without quotes", "bilangan bulat, tidak negatif, tanpa kutip")
_OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    "empty": (
        "the message has no value: a fact is never deleted; send a reversal or a higher revision",
        "pesan tidak berisi: fakta tidak pernah dihapus; kirim pembatalan atau revisi yang lebih tinggi",
    ),
    "too_large": (
        f"the message is too large: a fact has at most {LARGEST} bytes",
        f"pesan terlalu besar: sebuah fakta paling banyak {LARGEST} byte",
    ),
    "content_type": (
        f"set the header content-type to {BINARY} (binary mode, attributes in ce_ headers) or {STRUCTURED}",
        f"isi header content-type dengan {BINARY} (mode biner, atribut di header ce_) atau {STRUCTURED}",
    ),
    "charset": (
        "the value is read as UTF-8: write it so, and say charset=utf-8 or leave the charset out",
        "isi pesan dibaca sebagai UTF-8: tulis dengan UTF-8, lalu tulis charset=utf-8 atau hilangkan charset",
    ),
    "encoding": (
        "a fact is not compressed by itself: leave content-encoding out; your Kafka client may compress batches",
        "fakta tidak dikompresi sendiri: hilangkan content-encoding; klien Kafka boleh mengompresi kumpulan pesan",
    ),
    "doubled": ("this header stands twice: send it once", "header ini tertulis dua kali: kirim sekali saja"),
    "twice": (
        "this name stands twice in one object, so its value can be read in two ways: write it once",
        "nama ini tertulis dua kali dalam satu objek, sehingga nilainya bisa dibaca berbeda: tulis sekali saja",
    ),
    "header": ("the header {name} is missing: add it", "header {name} belum ada: tambahkan"),
    "not_json": ("this is no JSON ({why}): send UTF-8 JSON", "ini bukan JSON ({cause}): kirim JSON UTF-8"),
    "missing": ("the field {name} is missing: add it", "isian {name} belum ada: tambahkan"),
    "topic": ("this type of fact belongs on {topic}", "jenis fakta ini dikirim ke {topic}"),
    "subject": (
        "on {here} a fact says the {name}: leave this field out, or send a fact that says the {wrong} to {there}",
        "di {here} fakta harus tentang {nama}: hilangkan isian ini, atau kirim fakta tentang {salah} ke {there}",
    ),
    "elsewhere": (
        "on {here} a fact says the {name}: send one that says the {wrong} to {there}",
        "di {here} fakta harus tentang {nama}: kirim fakta tentang {salah} ke {there}",
    ),
    "unknown_region": (
        "no region has this code: take it from Kemendagri's list",
        "tidak ada wilayah dengan kode ini: ambil dari daftar Kemendagri",
    ),
    "more": (
        "more than {whole}, of which it is a part: at most {most}",
        "melebihi {whole}, padahal bagian darinya: paling banyak {most}",
    ),
    "key": (
        "the Kafka key must be whom the fact is about: {subject}",
        "kunci Kafka harus sama dengan subjek fakta: {subject}",
    ),
    "future": (
        "the time lies in the future, for our clock shows {now}: check your clock and the zone",
        "waktunya di masa depan, sebab jam kami menunjukkan {now}: periksa jam dan zona waktu",
    ),
    "used_id": (
        "this id was used for another content: give each fact an id of its own; correct one by a correction",
        "id ini sudah dipakai untuk isi lain: beri setiap fakta id sendiri; perbaiki dengan koreksi",
    ),
    "undecodable": (
        "the record batch cannot be decoded ({why}): use a plain Kafka client",
        "kumpulan pesan tidak dapat dibaca ({why}): gunakan klien Kafka biasa",
    ),
}  # fmt: skip


def claimed(value: bytes | None, headers: Headers) -> tuple[str | None, str | None]:
    """Return the publisher and the id that a refused message claims, each None where it says none that could be one."""
    said: dict[str, Any] = {name: (written or b"").decode(errors="replace") for name, written in headers}
    source, id_ = said.get(f"{_PREFIX}source"), said.get(f"{_PREFIX}id")
    if source is None and value is not None and len(value) <= LARGEST:
        source, id_ = _text_at(value, "source"), _text_at(value, "id")
    system = _SOURCE(source) if source is not None else None
    return system[1] if system else None, id_ if id_ is not None and _id(id_) else None


class ClaimedSubject(NamedTuple):
    """What a refused message still shows of itself: its kind, and whom it can be about (key and data may disagree)."""

    kind: str | None
    subjects: tuple[str, ...]


def claimed_subject(key: bytes | None, value: bytes | None, headers: Headers, *, of_regions: bool) -> ClaimedSubject:
    """Return what a refused message shows of its kind and subject; what cannot be one is none."""
    said = dict(headers)
    value = value if value is not None and len(value) <= LARGEST else b""
    in_headers = any(name.startswith(_PREFIX) for name in said)
    type_ = (said.get(f"{_PREFIX}type") or b"").decode(errors="replace") if in_headers else _text_at(value, "type")
    model = FACT_TYPES.get(type_ or "")
    data = value if in_headers else _raw_at(value, "data") or b""
    told = {(key or b"").decode(errors="replace"), _text_at(data, "region" if of_regions else "employer")}
    can_be = known_regions().__contains__ if of_regions else _employer
    return ClaimedSubject(
        None if model is None else model.__name__, tuple(sorted(one for one in told if one and can_be(one)))
    )


_employer: Final = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}").fullmatch


def _raw_at(value: bytes | Raw, attribute: str) -> Raw | None:
    try:
        return msgspec.json.decode(value, type=dict[str, Raw]).get(attribute)
    except (ValueError, RecursionError):
        return None


def _text_at(value: bytes | Raw, attribute: str) -> str | None:
    found = _raw_at(value, attribute)
    try:
        return None if found is None else msgspec.json.decode(found, type=str)
    except (ValueError, RecursionError):
        return None


def used_id(fact: ReadFact) -> FactFault:
    """Return the fault of a fact whose id another content of the same publisher has."""
    return _said(FactReason.USED_ID, "id", fact.id, "used_id")


def undecodable(why: str) -> FactFault:
    """Return the fault of a record that the Kafka client cannot decode."""
    return _said(FactReason.UNDECODABLE, "value", "", "undecodable", why=why)


def _said(reason: FactReason, field: str, value: str, text: str, **context: str) -> FactFault:
    english, indonesian = _OTHERS.get(text) or tuple(
        said.format(form=form) for said, form in zip(("write {form}", "tulis {form}"), _FORMS[text], strict=True)
    )
    return FactFault(
        reason, field, _clip(value), english.format(**context) if context else english,
        indonesian.format(**context) if context else indonesian,
    )  # fmt: skip


def _wrong_attribute(name: str, value: str, prefix: str) -> FactFault:
    return _said(FactReason.WRONG_ATTRIBUTE, prefix + name, value, name)


def _wrong_field(name: str, value: str) -> FactFault:
    english, indonesian = _FORMS.get(name, _COUNT)
    return FactFault(
        FactReason.WRONG_FIELD, f"data.{name}", _clip(value), f"write {english}", f"tulis {indonesian}"
    )  # fmt: skip


def _why_not_headers(headers: Mapping[str, bytes | None]) -> FactFault:
    """Return what is wrong with the attributes of a message in binary mode, other than its source and type."""
    said: dict[str, bytes] = {}
    for name in _ATTRIBUTES:
        written = headers.get(name)
        if written is None:
            return _said(FactReason.MISSING_ATTRIBUTE, name, "", "header", name=name)
        said[name] = written
    if said["ce_specversion"] != b"1.0":
        return _wrong_attribute("specversion", _shown(said["ce_specversion"]), _PREFIX)
    if _id(said["ce_id"].decode(errors="replace")) is None:
        return _wrong_attribute("id", _shown(said["ce_id"]) or '""', _PREFIX)
    return _wrong_attribute("time", _shown(said["ce_time"]), _PREFIX)


def _why_not_attributes(source: bytes, type_name: bytes, topic: str, sent: _Sent) -> FactFault:
    """Return what is wrong with a source, with a type on a topic, or else with a time, which is too early."""
    if _publisher(source) is None:
        return _wrong_attribute("source", _shown(source), sent.prefix)
    if (topic, type_name) in _READERS:
        return _wrong_attribute("time", sent.text("time"), sent.prefix)
    shown = _shown(type_name)
    model = FACT_TYPES.get(shown)
    if model is None:
        return _said(FactReason.UNKNOWN_TYPE, f"{sent.prefix}type", shown, "type")
    return _said(FactReason.WRONG_TOPIC, f"{sent.prefix}type", shown, "topic", topic=TOPICS_OF[model][0])


def _why_ahead(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers, time: datetime, now: datetime
) -> FactFault:
    """Return what is wrong with a message whatever the clock says, or else that its time lies ahead.

    So what is called future-dated needs nothing but the time, and can be replayed where our clock was behind.
    """
    if time.year < MAXYEAR:
        try:
            read_fact(topic, key, value, headers, time)
        except Refused as refused:
            return refused.fault
    sent = _Sent(value, headers)
    return _said(FactReason.FUTURE_DATED, f"{sent.prefix}time", sent.text("time"), "future", now=_second(now))


def _second(moment: datetime) -> str:
    """Return an instant in UTC without its fraction, as people read it off a clock."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _why_not_id(id_: bytes, sent: _Sent) -> FactFault | None:
    """Return what is wrong with an id, if anything: its letters are judged with the data's, but told first."""
    if _id(id_.decode(errors="replace")) is None:
        return _wrong_attribute("id", sent.text("id") or '""', sent.prefix)
    return None


def _why_not_told(data: Fact, raw: bytes | Raw) -> FactFault:
    """Return which field's text is not as its pattern wants it."""
    for name, pattern in _patterns(type(data)).items():
        text = getattr(data, name)
        if pattern is not None and text is not None and re.fullmatch(pattern, text) is None:
            return _wrong_field(name, _value_at(bytes(raw), name))
    raise AssertionError("one of the texts does not match")


class _Sent:
    """A message as it was sent, to tell its attributes as their publisher wrote them."""

    def __init__(self, value: bytes | None, headers: Headers) -> None:
        self._value = value or b""
        self._headers = dict(headers)
        kind = _content_type(self._headers, headers)
        self.prefix = _PREFIX if kind == _BINARY else ""

    def text(self, attribute: str) -> str:
        if self.prefix:
            return _shown(self._headers.get(self.prefix + attribute))
        return _text_at(self._value, attribute) or ""


_MISSING: Final = re.compile(r"missing required field `([^`]*)`")
_AT: Final = re.compile(r" - at `\$\.([^`.\[]*)")


def _why_not_data(raw: bytes | Raw, error: Exception) -> FactFault:
    if not isinstance(error, msgspec.ValidationError):
        return _no_json("data", bytes(raw), _why_malformed(bytes(raw), str(error)))
    why = str(error)
    if missing := _MISSING.search(why):
        return _said(FactReason.MISSING_FIELD, f"data.{missing[1]}", "", "missing", name=missing[1])
    if at := _AT.search(why):
        return _wrong_field(at[1], _value_at(bytes(raw), at[1]))
    return _said(FactReason.WRONG_FIELD, "data", _shown(bytes(raw)), "data")


def _why_not_document(value: bytes, error: Exception) -> FactFault:
    if not isinstance(error, msgspec.ValidationError):
        return _no_json("value", value, _why_malformed(value, str(error)))
    why = str(error)
    if missing := _MISSING.search(why):
        return _said(FactReason.MISSING_ATTRIBUTE, missing[1], "", "missing", name=missing[1])
    if at := _AT.search(why):
        return _said(FactReason.WRONG_ATTRIBUTE, at[1], _value_at(value, at[1]), at[1])
    return _said(FactReason.WRONG_ATTRIBUTE, "value", _shown(value), "value")


_BEGINNINGS: Final = (
    (b"\x1f\x8b", ("compressed with gzip", "dikompresi dengan gzip")),
    (b"\x28\xb5\x2f\xfd", ("compressed with zstd", "dikompresi dengan zstd")),
    (b"\xef\xbb\xbf", ("it begins with a byte order mark", "diawali tanda urutan byte (BOM)")),
    (b"\xff\xfe", ("written in UTF-16", "ditulis dalam UTF-16")),
    (b"\xfe\xff", ("written in UTF-16", "ditulis dalam UTF-16")),
    (b"\x00", ("it begins as for a schema registry", "diawali bingkai untuk schema registry")),
)
_AT_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_Why = tuple[str, str]
"""A cause in English and in Indonesian."""


def _why_malformed(raw: bytes, error: str) -> _Why:
    """Return what a decoder says of JSON that is malformed, in both languages."""
    if at := _AT_BYTE.search(error):
        return f"malformed at byte {at[1]}", f"rusak pada byte {at[1]}"
    if "truncated" not in error:
        return "malformed", "rusak"
    if _HALF.search(raw):  # of which msgspec says that it is truncated, too
        return "half a character, or it ends too early", "setengah karakter, atau terpotong"
    return "it ends too early", "terpotong"


def _no_json(field: str, raw: bytes, why: _Why) -> FactFault:
    """Return the fault of what is no JSON: what its first bytes say that it is, or else why."""
    english, indonesian = next((told for beginning, told in _BEGINNINGS if raw.startswith(beginning)), why)
    return _said(FactReason.NOT_JSON, field, _shown(raw), "not_json", why=english, cause=indonesian)


def _value_at(raw: bytes, field: str) -> str:
    """Return a field's value as it was written; the last, where a field stands twice."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, Raw]).get(field)
    except (ValueError, RecursionError):
        return ""
    return "" if found is None else _shown(bytes(found))


def _shown(value: bytes | None) -> str:
    return "" if value is None else value[: 4 * SHOWN].decode(errors="replace")


def _clip(value: str) -> str:
    plain = "".join(character if character.isprintable() else "\ufffd" for character in value[: SHOWN + 1])
    return plain if len(plain) <= SHOWN else plain[:SHOWN] + "…"
