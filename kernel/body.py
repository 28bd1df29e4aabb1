"""Request bodies, read once and strictly: what is ambiguous or cannot be kept is refused before any model sees it.

JSON as RFC 8259 in UTF-8, narrowed to I-JSON (RFC 7493), because what is decided is later stored as canonical JSON:
no duplicate names, no lone surrogates, no integer beyond 2**53-1, no NaN, no NUL, no nesting without end.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NoReturn, TypeAlias

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
)
from pydantic_core import CoreSchema, core_schema

from kernel.clock import LAST_YEAR
from kernel.problems import Problem, Unfit, field_path, malformed_json, nul_byte

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

GREATEST_INTEGER: Final = 2**53 - 1
DEEPEST: Final = 32
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")


def read_json(raw: bytes) -> Json:
    """Return the JSON value in `raw`; raise a 400 or 422 Problem that says what to change and where."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise malformed_json(
            f"Encode the body as UTF-8; byte {error.start} is not.",
            f"Gunakan UTF-8; bita ke-{error.start} bukan UTF-8.",
        ) from None
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise malformed_json(
                "Remove the byte order mark before the JSON.", "Hapus tanda urutan bita (BOM) sebelum JSON."
            ) from None
        where = f"line {error.lineno} column {error.colno}"
        raise malformed_json(
            f"Correct the JSON at {where}: {error.msg}.",
            f"Perbaiki JSON pada baris {error.lineno} kolom {error.colno}: {error.msg}.",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    _refuse_what_cannot_be_kept(value)
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            shown = json.dumps(name[:80])
            raise malformed_json(f"Send the name {shown} once.", f"Kirim nama {shown} satu kali saja.")
        seen.add(name)
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > GREATEST_INTEGER:
        raise malformed_json(
            f"Send the number {text[:20]} as text; integers go to 2^53-1.",
            f"Kirim bilangan {text[:20]} sebagai teks; bilangan bulat sampai 2^53-1.",
        )
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise malformed_json(f"The number {text[:20]} is too large.", f"Bilangan {text[:20]} terlalu besar.")
    return number


def _constant(name: str) -> NoReturn:
    raise malformed_json(f"{name} is not JSON; send a number or null.", f"{name} bukan JSON; kirim bilangan atau null.")


def _too_deep() -> Problem:
    return malformed_json(f"Nest at most {DEEPEST} levels deep.", f"Paling banyak {DEEPEST} tingkat bersarang.")


def _refuse_what_cannot_be_kept(value: Json) -> None:
    """Walk the value without recursion and refuse lone surrogates, NUL and deep nesting, naming the place."""
    todo: list[tuple[Json, tuple[str | int, ...]]] = [(value, ("body",))]
    while todo:
        each, place = todo.pop()
        if len(place) > DEEPEST + 1:
            raise _too_deep()
        if isinstance(each, str):
            refuse_text(each, field_path(place))
        elif isinstance(each, dict):
            for name, inner in each.items():
                refuse_text(name, field_path(place))
                todo.append((inner, (*place, name)))
        elif isinstance(each, list):
            todo.extend((inner, (*place, index)) for index, inner in enumerate(each))


def refuse_text(text: str, field: str) -> None:
    """Raise a Problem when `text` holds a lone surrogate (400) or a NUL (422); `field` says where it stands."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise malformed_json(
            "Remove the lone surrogate; it is no character.",
            "Hapus surrogate tunggal; itu bukan karakter.",
            field=field.encode("utf-8", "replace").decode("utf-8"),
        ) from None
    if "\0" in text:
        raise nul_byte(field.replace("\0", "\ufffd"))


def digest_of(method: str, path: str, query: bytes, body: bytes, value: Json | None) -> bytes:
    """Return the SHA-256 of what a request asks for: 32 bytes, equal for equal content however it is spelt.

    Args:
        method: the HTTP method.
        path: the path as asked, ids included.
        query: the raw query string.
        body: the body's bytes, which count when it is no JSON.
        value: the parsed JSON body, which counts in its sorted form; None when there is none.
    """
    content = body if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    head = orjson.dumps([method, path, query.decode("latin-1")])
    return hashlib.sha256(head + b"\n" + content).digest()


def _written(value: Any) -> Any:
    """Refuse what pydantic would take for seconds since 1970: a number, as such or as text."""
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.match(value)):
        return value
    raise Unfit(
        "Send an instant with its offset, for example 2021-11-02T16:59:59Z.",
        "Kirim waktu beserta selisih zonanya, misalnya 2021-11-02T16:59:59Z.",
    )


def _in_utc(value: datetime) -> datetime:
    """Return the instant in UTC, in which it is stored and compared: there the first hours may not exist.

    What is reckoned from an instant (the end of an interview, of a window) must exist as well.
    """
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment.year > LAST_YEAR:
        raise Unfit(
            f"Send an instant of the years 1 to {LAST_YEAR} in UTC.",
            f"Kirim waktu pada tahun 1 sampai {LAST_YEAR} UTC.",
        )
    return moment


Moment = Annotated[
    AwareDatetime,
    Field(strict=False, examples=["2021-03-02T01:00:00Z"]),
    BeforeValidator(_written),
    AfterValidator(_in_utc),
]
"""An instant in a request: written with date, time and offset, taken in UTC; of a year that can be reckoned with."""


class RequestBody(BaseModel):
    """The base of every model that an API receives: unknown fields and loose types are refused.

    Types are those of JSON: a text is no number, yet an instant, a UUID or a decimal is read from its text.
    FastAPI validates parsed Python values, where pydantic's strictness would refuse these too; so a plain mapping is
    validated as the JSON it came from.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return pydantic's own schema, reached from Python values through JSON."""
        schema = handler(source)

        def through_json(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            read = cls.model_validate_json(orjson.dumps(value, default=_plain))
            return {name: getattr(read, name) for name in read.model_fields_set}

        return core_schema.json_or_python_schema(
            json_schema=schema,
            python_schema=core_schema.no_info_before_validator_function(through_json, schema),
        )


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
