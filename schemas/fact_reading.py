"""Read a fact as a publisher sent it: CloudEvents in binary or structured mode, judged field by field.

The one gate through which facts come, used by ingest, by the dry run and by `paritrana facts publish`, so that all of
them say the same of a message. What passes gets one canonical form (`ReadFact.document`), whatever mode it came in: two
deliveries of one fact are the same bytes. What does not pass gets a reason that operators can filter by, and a sentence
in English and Indonesian that names the field, the value and what to write instead.

Follows CloudEvents 1.0.2 and its Kafka protocol binding 1.0.2. A fast path decodes what is right (a few µs); only for
what it refuses is the cause looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import orjson
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from schemas.envelope import wire_instant
from schemas.facts import (
    FACT_TYPES,
    FIRST_MONTH,
    MONTHS_AHEAD,
    TOPICS_OF,
    ContributionCorrected,
    ContributionReversed,
    Fact,
    FactId,
)
from schemas.regions import TABLES, region_table
from schemas.topics import COVERAGE

LARGEST: Final = 65_536
"""Bytes of a message's value at most; a fact has a few hundred."""
AHEAD: Final = timedelta(minutes=5)
"""How far a publisher's clock may be ahead of ours."""
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


class ReadFact(NamedTuple):
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


class _Document(Struct):
    """A message in structured mode. Extension attributes are passed over."""

    specversion: str
    id: FactId
    source: str
    type: str
    time: Annotated[datetime, Meta(tz=True)]
    data: Raw
    datacontenttype: str | None = None
    data_base64: str | UnsetType = UNSET


_structured: Final = msgspec.json.Decoder(_Document)
_time: Final = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])
_id: Final = msgspec.json.Decoder(FactId)
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_DECODERS: Final = {name: msgspec.json.Decoder(model) for name, model in FACT_TYPES.items()}

Headers = Iterable[tuple[str, bytes | None]]


def read_fact(topic: str, key: bytes | None, value: bytes | None, headers: Headers, now: datetime) -> ReadFact:
    """Return the fact that a record is, received at `now`. Raises Refused."""
    if not value:
        raise Refused(_said(FactReason.EMPTY, "value", "", "empty"))
    if len(value) > LARGEST:
        raise Refused(_said(FactReason.TOO_LARGE, "value", f"{len(value)} bytes", "too_large"))
    said = dict(headers)
    kind = _content_type(said)
    if kind == STRUCTURED:
        id_, source, type_name, time, raw = _from_document(value)
    else:
        id_, source, type_name, time, raw = _from_headers(said, value)
    return _read(topic, key, id_, source, type_name, time, raw, now)


def _read(
    topic: str,
    key: bytes | None,
    id_: str,
    source: str,
    type_name: str,
    time: datetime,
    raw: bytes | Raw,
    now: datetime,
) -> ReadFact:
    publisher = _SOURCE(source)
    if publisher is None:
        raise Refused(_said(FactReason.WRONG_ATTRIBUTE, "source", source, "source"))
    decoder = _DECODERS.get(type_name)
    if decoder is None:
        raise Refused(_said(FactReason.UNKNOWN_TYPE, "type", type_name, "type"))
    try:
        data = decoder.decode(raw)
        encoded = _encode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(_why_not_data(raw, error)) from None
    if b"\\" in encoded:  # only a trailing line feed can have passed the patterns
        raise Refused(_line_feed(data))
    subject, month, target = _sense(topic, type_name, data, time)
    if time - now > AHEAD:
        raise Refused(_said(FactReason.FUTURE_DATED, "time", wire_instant(time), "future"))
    if key != subject.encode():
        raise Refused(_said(FactReason.WRONG_KEY, "key", _shown(key), "key", subject=subject))
    document = b'{"data":%b,"id":"%b","source":"%b","time":"%b","type":"%b"}' % (
        encoded, id_.encode(), source.encode(), wire_instant(time).encode(), type_name.encode(),
    )  # fmt: skip
    return ReadFact(publisher[1], id_, type_name, subject, month, target, document, data)


def _content_type(headers: Mapping[str, bytes | None]) -> str:
    written = headers.get("content-type")
    if written is None:
        raise Refused(_said(FactReason.MISSING_ATTRIBUTE, "content-type", "", "content_type"))
    if "content-encoding" in headers:
        raise Refused(
            _said(FactReason.WRONG_CONTENT_TYPE, "content-encoding", _shown(headers["content-encoding"]), "encoding")
        )
    kind = written.split(b";", 1)[0].strip().lower()
    if kind == b"application/cloudevents+json":
        return STRUCTURED
    if kind == b"application/json":
        return BINARY
    raise Refused(_said(FactReason.WRONG_CONTENT_TYPE, "content-type", _shown(written), "content_type"))


_Attributes = tuple[str, str, str, datetime, bytes | Raw]


def _from_document(value: bytes) -> _Attributes:
    try:
        said = _structured.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(_why_not_document(value, error)) from None
    if said.specversion != "1.0":
        raise Refused(_said(FactReason.WRONG_ATTRIBUTE, "specversion", said.specversion, "specversion"))
    if said.data_base64 is not UNSET:
        raise Refused(_said(FactReason.WRONG_ATTRIBUTE, "data_base64", "", "base64"))
    _refuse_line_feed(said.id)
    return said.id, said.source, said.type, _in_utc(said.time), said.data


def _from_headers(headers: Mapping[str, bytes | None], value: bytes) -> _Attributes:
    said: dict[str, str] = {}
    for name in ("specversion", "id", "source", "type", "time"):
        written = headers.get(_PREFIX + name)
        if written is None:
            raise Refused(_said(FactReason.MISSING_ATTRIBUTE, _PREFIX + name, "", "header", name=_PREFIX + name))
        try:
            said[name] = written.decode("ascii")
        except UnicodeDecodeError:
            raise Refused(_wrong_attribute(name, _shown(written), _PREFIX)) from None
    if said["specversion"] != "1.0":
        raise Refused(_said(FactReason.WRONG_ATTRIBUTE, "ce_specversion", said["specversion"], "specversion"))
    try:
        id_ = _id.decode(orjson.dumps(said["id"]))
    except msgspec.DecodeError:
        raise Refused(_wrong_attribute("id", said["id"], _PREFIX)) from None
    _refuse_line_feed(id_)
    try:
        time = _time.decode(orjson.dumps(said["time"]))
    except msgspec.DecodeError:
        raise Refused(_wrong_attribute("time", said["time"], _PREFIX)) from None
    return id_, said["source"], said["type"], _in_utc(time), value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Refused(_wrong_attribute("time", moment.isoformat(), "")) from None


def _refuse_line_feed(id_: str) -> None:
    if id_.endswith("\n"):
        raise Refused(_wrong_attribute("id", id_, ""))


# --- sense ---------------------------------------------------------------------------------------------------------


def _sense(topic: str, type_name: str, data: Fact, time: datetime) -> tuple[str, str, str | None]:
    """Return whom a fact is about, its month, and what it corrects; refuse what its fields cannot mean together."""
    said: Any = data
    if topic not in TOPICS_OF[type(data)]:
        raise Refused(_said(FactReason.WRONG_TOPIC, "type", type_name, "topic", topic=TOPICS_OF[type(data)][0]))
    subject = _subject(topic, data)
    as_of: date | None = getattr(data, "as_of", None)
    month: str = getattr(data, "month", None) or (f"{as_of:%Y-%m}" if as_of else wire_instant(time)[:7])
    if as_of is not None:
        _refuse_day("as_of", as_of, time)
    elif (paid_on := getattr(data, "paid_on", None)) is not None:
        _refuse_day("paid_on", paid_on, time)
    if not FIRST_MONTH <= month <= _latest_month(time.year, time.month):
        field = "month" if hasattr(data, "month") else "time"
        raise Refused(_wrong_field(field, month))
    match data:
        case ContributionCorrected():
            return subject, month, said.corrects
        case ContributionReversed():
            return subject, month, said.reverses
        case _:
            if getattr(data, "digital_transactions", 0) > getattr(data, "transactions", 0):
                raise Refused(_said(
                    FactReason.WRONG_FIELD, "data.digital_transactions", str(said.digital_transactions), "digital",
                    most=str(said.transactions),
                ))  # fmt: skip
            return subject, month, None


def _subject(topic: str, data: Fact) -> str:
    employer: str | None = getattr(data, "employer", None)
    if not hasattr(data, "as_of"):
        if employer is None:
            raise AssertionError("every other fact has an employer")
        if (home := getattr(data, "region", None)) is not None and home not in known_regions():
            raise Refused(_wrong_field("region", home))
        return employer
    region: str | None = getattr(data, "region", None)
    wanted, other, name, wrong = (
        (region, employer, "region", "employer") if topic == COVERAGE else (employer, region, "employer", "region")
    )
    if other is not None:
        raise Refused(_said(FactReason.WRONG_FIELD, f"data.{wrong}", other, "subject", name=name, topic=topic))
    if wanted is None:
        raise Refused(_said(FactReason.MISSING_FIELD, f"data.{name}", "", "missing", name=name))
    if region is not None and region not in known_regions():
        raise Refused(_wrong_field("region", region))
    return wanted


@cache
def known_regions() -> frozenset[str]:
    """Return every code that a region has in one of the dated tables."""
    return frozenset(code for table in TABLES for code in region_table(table).regions)


@cache
def _latest_month(year: int, month: int) -> str:
    months = year * 12 + month - 1 + MONTHS_AHEAD
    return f"{min(months // 12, 9999):04d}-{months % 12 + 1:02d}"


def _refuse_day(field: str, day: date, time: datetime) -> None:
    """Refuse a day before the agency began, or after the fact's own time; its day may be a zone's ahead of UTC's."""
    if day.isoformat() < FIRST_MONTH or day > (time + timedelta(hours=14)).date():
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
    "obliged_from": ("a month as 2021-03", "bulan seperti 2021-03"),
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
    "corrects": ("the id of the fact that is corrected", "id fakta yang dikoreksi"),
    "reverses": ("the id of the fact that is reversed", "id fakta yang dibatalkan"),
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
    "encoding": (
        "a fact is not compressed by itself: leave content-encoding out; your Kafka client may compress batches",
        "fakta tidak dikompresi sendiri: hilangkan content-encoding; klien Kafka boleh mengompresi kumpulan pesan",
    ),
    "specversion": ("write specversion 1.0", "tulis specversion 1.0"),
    "base64": (
        "write the fields as JSON under data, not data_base64",
        "tulis isian sebagai JSON di data, bukan data_base64",
    ),
    "header": ("the header {name} is missing: add it", "header {name} belum ada: tambahkan"),
    "not_json": ("this is no JSON ({why}): send UTF-8 JSON", "ini bukan JSON ({why}): kirim JSON UTF-8"),
    "missing": ("the field {name} is missing: add it", "isian {name} belum ada: tambahkan"),
    "topic": ("this type of fact belongs on {topic}", "jenis fakta ini dikirim ke {topic}"),
    "subject": (
        "on {topic} a fact is about {name}: leave this field out",
        "di {topic} fakta berisi {name}: hilangkan isian ini",
    ),
    "digital": (
        "more digital transactions than transactions: at most {most}",
        "transaksi digital melebihi jumlah transaksi: paling banyak {most}",
    ),
    "key": (
        "the Kafka key must be whom the fact is about: {subject}",
        "kunci Kafka harus sama dengan subjek fakta: {subject}",
    ),
    "future": (
        "the time lies in the future: check your clock and the zone",
        "waktunya di masa depan: periksa jam dan zona waktu",
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
        try:
            document = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            document = None
        if isinstance(document, dict):
            source, id_ = document.get("source"), document.get("id")
    system = _SOURCE(source) if isinstance(source, str) else None
    known = isinstance(id_, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", id_)
    return system[1] if system else None, str(id_) if known else None


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
    field = name if name == "time" else f"data.{name}"
    return FactFault(FactReason.WRONG_FIELD, field, _clip(value), f"write {english}", f"tulis {indonesian}")


_MISSING: Final = re.compile(r"missing required field `([^`]*)`")
_AT: Final = re.compile(r" - at `\$\.([^`.\[]*)")


def _why_not_data(raw: bytes | Raw, error: Exception) -> FactFault:
    why = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return _said(FactReason.NOT_JSON, "data", _shown(bytes(raw)), "not_json", why=_braceless(why))
    if missing := _MISSING.search(why):
        return _said(FactReason.MISSING_FIELD, f"data.{missing[1]}", "", "missing", name=missing[1])
    if at := _AT.search(why):
        return _wrong_field(at[1], _value_at(bytes(raw), at[1]))
    return _said(FactReason.WRONG_FIELD, "data", _shown(bytes(raw)), "data")


def _why_not_document(value: bytes, error: Exception) -> FactFault:
    why = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return _said(FactReason.NOT_JSON, "value", _shown(value), "not_json", why=_braceless(why))
    if missing := _MISSING.search(why):
        return _said(FactReason.MISSING_ATTRIBUTE, missing[1], "", "missing", name=missing[1])
    if (at := _AT.search(why)) and (at[1] in _FORMS or at[1] == "specversion"):
        return _said(FactReason.WRONG_ATTRIBUTE, at[1], _value_at(value, at[1]), at[1])
    return _said(FactReason.WRONG_ATTRIBUTE, at[1] if at else "value", _shown(value), "data")


def _line_feed(data: Fact) -> FactFault:
    for name in data.__struct_fields__:
        value = getattr(data, name)
        if isinstance(value, str) and value.endswith("\n"):
            return _wrong_field(name, value)
    raise AssertionError("every text but one that ends in a line feed is of printable ASCII without a backslash")


def _value_at(raw: bytes, field: str) -> str:
    """Return a field's value as it was written; the last, where a field stands twice."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, Raw]).get(field)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return "" if found is None else _shown(bytes(found))


def _shown(value: bytes | None) -> str:
    return "" if value is None else value[: 4 * SHOWN].decode(errors="replace")


def _clip(value: str) -> str:
    plain = "".join(character if character.isprintable() else "\ufffd" for character in value[: SHOWN + 1])
    return plain if len(plain) <= SHOWN else plain[:SHOWN] + "…"


def _braceless(why: str) -> str:
    return why.replace("{", "(").replace("}", ")")
