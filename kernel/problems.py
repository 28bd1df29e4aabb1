"""Everything that can go wrong over HTTP, said so that the caller knows what to change.

Follows RFC 9457 (problem details): a stable `type` (`/problems/<code>`), a title and a detail in Indonesian or
English as RFC 9110's Accept-Language asks, and per field what to send instead. Nothing of our inside is told: an
unexpected fault is one sentence and a request id, and the rest is in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

import asyncpg
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from kernel.codec import Unreadable
from kernel.decider import FieldFault, Refusal, Text

Language = Literal["en", "id"]
MEDIA_TYPE: Final = "application/problem+json"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


class Unfit(ValueError):
    """What a request model's validator raises when its remedy shall be told in both languages."""

    def __init__(self, english: str, indonesian: str) -> None:
        super().__init__(english)
        self.remedy = Text(english, indonesian)


def said(text: Text, language: Language) -> str:
    """Return the sentence in `language`."""
    return text.id if language == "id" else text.en


class Problem(Exception):
    """A refusal with its HTTP status and everything its document says; `code` never changes once published."""

    def __init__(
        self,
        status: int,
        code: str,
        title: Text,
        detail: Text | None = None,
        *,
        errors: Iterable[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {(detail or title).en}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self, language: Language, instance: str | None = None) -> dict[str, object]:
        """Return the RFC 9457 document; `instance` is a URI reference of this one occurrence."""
        document: dict[str, object] = {
            **self.extra,
            "type": f"/problems/{self.code}",
            "title": said(self.title, language),
            "status": self.status,
        }
        if self.detail is not None:
            document["detail"] = said(self.detail, language)
        if instance is not None:
            document["instance"] = instance
        if self.errors:
            document["errors"] = [_shown(fault, language) for fault in self.errors]
        return document

    def response(self, request: Request) -> JSONResponse:
        """Return the answer to `request`, in the language that it asks for."""
        language = language_of(request.headers.get("accept-language"))
        request_id = getattr(request.state, "request_id", None)
        return JSONResponse(
            self.document(language, f"/requests/{request_id}" if request_id else None),
            self.status,
            {**self.headers, "Content-Language": language, "Vary": "Accept-Language"},
            MEDIA_TYPE,
        )


def _shown(fault: FieldFault, language: Language) -> dict[str, str]:
    shown = {"field": fault.path, "remedy": said(fault.remedy, language)}
    return shown if fault.value is None else {**shown, "value": fault.value}


def language_of(accept_language: str | None) -> Language:
    """Return the preferred one of our two languages (RFC 9110, 12.5.4); English when neither is asked for."""
    best: tuple[float, Language] = (0.0, "en")
    for part in (accept_language or "").split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if primary in ("id", "in") and weight > best[0]:
            best = (weight, "id")
        elif primary == "en" and weight > best[0]:
            best = (weight, "en")
    return best[1]


def _weight(parameters: str) -> float:
    found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters)
    if found is None:
        return 0.0 if parameters.strip() else 1.0
    return float(found[1])


# --- the problems that every service can have -----------------------------------------------------------------------


def malformed_json(english: str, indonesian: str, *, field: str | None = None) -> Problem:
    """Return the 400 for a body that is no JSON of ours; the two sentences say what to change."""
    remedy = Text(english, indonesian)
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "malformed-json",
        Text("The body is not acceptable JSON", "Isi permintaan bukan JSON yang dapat diterima"),
        remedy,
        errors=() if field is None else (FieldFault(field, None, remedy),),
    )


def nul_byte(field: str) -> Problem:
    """Return the 422 for a NUL character, which no text of ours may hold."""
    remedy = Text("Remove the NUL character (U+0000).", "Hapus karakter NUL (U+0000).")
    return invalid((FieldFault(field, None, remedy),))


def invalid(errors: Sequence[FieldFault], detail: Text | None = None) -> Problem:
    """Return the 422 that lists each field which cannot stay as it is."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-request",
        Text("Some fields must be changed", "Beberapa isian harus diubah"),
        detail or Text("See `errors` for each field and what to send.", "Lihat `errors` untuk tiap isian."),
        errors=errors,
    )


def idempotency_key_missing() -> Problem:
    """Return the 400 for a command that does not name itself."""
    remedy = Text(
        "Send the header Idempotency-Key with 1 to 255 visible ASCII characters, for example a new UUID; "
        "repeat the same one when you repeat the same request.",
        "Kirim header Idempotency-Key berisi 1 sampai 255 karakter ASCII yang tampak, misalnya UUID baru; "
        "ulangi nilai yang sama bila mengulang permintaan yang sama.",
    )
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "idempotency-key-missing",
        Text("The command has no usable Idempotency-Key", "Perintah tidak memiliki Idempotency-Key yang sah"),
        remedy,
        errors=(FieldFault(f"header.{IDEMPOTENCY_KEY}", None, remedy),),
    )


# Of refusals that no rule of the award makes.
_REFUSAL_TITLES: Final[Mapping[str, Text]] = {
    "idempotency-key-reused": Text(
        "This Idempotency-Key was used for another request",
        "Idempotency-Key ini sudah dipakai untuk permintaan lain",
    ),
    "busy": Text("Others change the same records just now", "Data yang sama sedang diubah oleh pihak lain"),
}
_RULES_REFUSE: Final = Text("The rules do not allow this", "Aturan tidak mengizinkan ini")
_NOT_NOW: Final = Text("This cannot be decided just now", "Hal ini belum dapat diputuskan saat ini")
_COME_BACK: Final = {"Retry-After": "2"}


def unauthenticated(english: str, indonesian: str) -> Problem:
    """Return the 401 of RFC 6750 for a missing or invalid bearer token."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthenticated",
        Text("Sign in first", "Masuk terlebih dahulu"),
        Text(english, indonesian),
        headers={"WWW-Authenticate": 'Bearer realm="paritrana"'},
    )


def forbidden(detail: Text | None = None) -> Problem:
    """Return the 403 for a person whose roles do not allow this."""
    return Problem(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        Text("Your roles do not allow this", "Peran Anda tidak mengizinkan ini"),
        detail,
    )


def not_found(detail: Text | None = None) -> Problem:
    """Return the 404 for a thing that does not exist, or that this person may not know of."""
    return Problem(
        HTTPStatus.NOT_FOUND, "not-found", Text("There is nothing here", "Tidak ada apa pun di sini"), detail
    )


def conflict(code: str, title: Text, detail: Text | None = None, **extra: object) -> Problem:
    """Return a 409 with its own `code`: the request was understood and the present state refuses it."""
    return Problem(HTTPStatus.CONFLICT, code, title, detail, extra=extra)


def refused(refusal: Refusal) -> Problem:
    """Return the problem that a decision's refusal is over HTTP, with its own code, status and faults."""
    # What is refused for now only says when to come back, as `unavailable` does.
    for_now = refusal.status == HTTPStatus.SERVICE_UNAVAILABLE
    title = _REFUSAL_TITLES.get(refusal.code, _NOT_NOW if for_now else _RULES_REFUSE)
    headers = _COME_BACK if for_now else {}
    return Problem(refusal.status, refusal.code, title, refusal.detail, errors=refusal.faults, headers=headers)


def malformed_http() -> Problem:
    """Return the 400 for bytes that are no HTTP request."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "malformed-http",
        Text("This is no HTTP request", "Ini bukan permintaan HTTP"),
        Text(
            "Send HTTP/1.1 with a Host, a percent-encoded address, and at most 64 KiB of headers without control "
            "characters.",
            "Kirim HTTP/1.1 dengan Host, alamat yang dikodekan persen, dan paling banyak 64 KiB header tanpa karakter "
            "kendali.",
        ),
        headers={"Connection": "close"},
    )


def head_too_slow() -> Problem:
    """Return the 408 for a request whose head does not arrive."""
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "head-too-slow",
        Text("The request's head did not arrive in time", "Kepala permintaan tidak tiba tepat waktu"),
        headers={"Connection": "close"},
    )


def body_too_large(limit: int) -> Problem:
    """Return the 413 for a body over `limit` bytes."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        Text("The body is too large", "Isi permintaan terlalu besar"),
        Text(f"Send at most {limit} bytes.", f"Kirim paling banyak {limit} bita."),
        headers={"Connection": "close"},
    )


def body_too_slow() -> Problem:
    """Return the 408 for a body that does not arrive."""
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "body-too-slow",
        Text("The body did not arrive in time", "Isi permintaan tidak tiba tepat waktu"),
        headers={"Connection": "close"},
    )


def unsupported_media_type(accepted: Sequence[str]) -> Problem:
    """Return the 415 that names what is accepted."""
    names = ", ".join(accepted)
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        Text("This content type is not accepted here", "Jenis isi ini tidak diterima di sini"),
        Text(f"Send Content-Type: {names} (UTF-8).", f"Kirim Content-Type: {names} (UTF-8)."),
        headers={"Accept": names},
    )


def too_many_requests(retry_after: int) -> Problem:
    """Return the 429 with the seconds to wait."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        Text("Too many attempts", "Terlalu banyak percobaan"),
        Text(f"Try again in {retry_after} s.", f"Coba lagi dalam {retry_after} detik."),
        headers={"Retry-After": str(retry_after)},
    )


def unavailable(code: str, title: Text, detail: Text | None = None, *, retry_after: int = 2) -> Problem:
    """Return a 503 that asks the caller to come back in `retry_after` seconds."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, code, title, detail, headers={"Retry-After": str(retry_after)}
    )  # fmt: skip


def store_unavailable() -> Problem:
    """Return the 503 for a database or broker that does not answer now; nothing was decided."""
    return unavailable(
        "store-unavailable",
        Text("The store does not answer at the moment", "Penyimpanan sedang tidak menjawab"),
        Text(
            "Repeat the same request with the same Idempotency-Key.",
            "Ulangi permintaan yang sama dengan Idempotency-Key yang sama.",
        ),
    )


def stream_held() -> Problem:
    """Return the 503 for a decision that rests on an event which this build cannot read; nothing was decided."""
    return unavailable(
        "stream-held",
        Text("A record that this rests on cannot be read", "Catatan yang menjadi dasar permintaan ini tidak terbaca"),
        Text(
            "Its stream waits for the operators; repeat the same request with the same Idempotency-Key later.",
            "Catatannya menunggu operator; ulangi permintaan yang sama dengan Idempotency-Key yang sama nanti.",
        ),
        retry_after=60,
    )


def internal() -> Problem:
    """Return the 500 that tells nothing but that it is our fault."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        Text("Something went wrong on our side", "Terjadi kesalahan di pihak kami"),
        Text(
            "It was recorded under the request id of this answer.",
            "Kesalahan tercatat dengan nomor permintaan pada jawaban ini.",
        ),
    )


# --- exceptions of others, seen as problems -------------------------------------------------------------------------

_STORE_IS_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InternalClientError,
)
UNFIT_FOR_STORE: Final = (
    asyncpg.DataError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)
"""What the database raises at a value that it cannot hold."""


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem that `error` is to a caller, or None for a fault of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UNFIT_FOR_STORE):
        return invalid(
            (),
            Text(
                "A value is outside of what can be stored; check sizes and characters.",
                "Ada nilai yang tidak dapat disimpan; periksa ukuran dan karakter.",
            ),
        )
    if isinstance(error, Unreadable):
        return stream_held()
    return store_unavailable() if store_is_away(error) else None


def store_is_away(error: BaseException) -> bool:
    """Tell whether `error` means that a store cannot be reached or used now, so that trying again may help.

    An OSError that names a file is a fault of this machine's files, not of a connection. asyncpg says by
    InterfaceError both that a connection was closed and that it is misused; only the first is the store's. Of one that
    was lost while it was held, its pool says that it "has been released back to the pool".
    """
    if isinstance(error, _STORE_IS_AWAY):
        return True
    if isinstance(error, asyncpg.InterfaceError):
        return any(words in str(error) for words in ("clos", "released back to the pool"))
    return isinstance(error, OSError) and error.filename is None


_HTTP_TITLES: Final = {
    404: ("not-found", Text("There is nothing here", "Tidak ada apa pun di sini")),
    405: ("method-not-allowed", Text("This method is not allowed here", "Metode ini tidak diizinkan di sini")),
}


def problem_of_http(error: HTTPException, methods: Iterable[str] = ()) -> Problem:
    """Return the problem for what the router itself refuses: an unknown route, another method.

    `methods` are all that the path takes; the router's own exception names those of one route only.
    """
    headers = dict(error.headers or {})
    code, title = _HTTP_TITLES.get(
        error.status_code, ("http-error", Text("The request was refused", "Permintaan ditolak"))
    )
    detail: Text | None = None
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = Text("See /openapi.json for every path.", "Lihat /openapi.json untuk semua alamat.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers["Allow"] = ", ".join(sorted(methods)) or headers.get("Allow", "")
        detail = Text(f"Allowed: {allowed}.", f"Yang diizinkan: {allowed}.")
    return Problem(error.status_code, code, title, detail, headers=headers)


def problem_of_validation(error: RequestValidationError) -> Problem:
    """Return the 422 (400 for a command without its key) for a request that its models refuse."""
    found = error.errors()
    if any(tuple(each["loc"]) == ("header", IDEMPOTENCY_KEY) for each in found):
        return idempotency_key_missing()
    return invalid([_field_fault(each) for each in found[:100]])


def _field_fault(error: Mapping[str, Any]) -> FieldFault:
    path = field_path(error["loc"])
    value = error.get("input")
    shown = isinstance(value, (str, int, float)) and len(str(value)) <= 80 and not _SECRET.search(path)
    return FieldFault(path, str(value) if shown else None, _remedy(error))


_SECRET: Final = re.compile("password|secret|token|header", re.IGNORECASE)


def field_path(location: Sequence[str | int]) -> str:
    """Return `scores[0].value` for a place in the body, `query.limit` and the like for one elsewhere."""
    first, *rest = location or ("body",)
    path = "" if first == "body" else str(first)
    for part in rest:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path or "body"


_OBJECT: Final = Text("Send a JSON object.", "Kirim objek JSON.")
_TEXT: Final = Text("Send a text (JSON string).", "Kirim teks (string JSON).")
_WHOLE: Final = Text("Send a whole number.", "Kirim bilangan bulat.")
_NUMBER: Final = Text("Send a number.", "Kirim bilangan.")
_DECIMAL: Final = Text('Send a decimal as text, for example "87.50".', 'Kirim desimal sebagai teks, misalnya "87.50".')
_INSTANT: Final = Text(
    "Send an instant with its offset, for example 2021-11-02T16:59:59Z.",
    "Kirim waktu beserta selisih zonanya, misalnya 2021-11-02T16:59:59Z.",
)
_DAY: Final = Text("Send a date as 2021-11-02.", "Kirim tanggal seperti 2021-11-02.")
_UUID: Final = Text("Send a UUID.", "Kirim UUID.")
_LIST: Final = Text("Send a list (JSON array).", "Kirim daftar (larik JSON).")

_REMEDIES: Final[Mapping[str, Text]] = {
    "missing": Text("Add this field.", "Tambahkan isian ini."),
    "body_missing": Text(
        "Send a JSON object as the body; /openapi.json says what it holds.",
        "Kirim objek JSON sebagai isi permintaan; /openapi.json menjelaskan isinya.",
    ),
    "extra_forbidden": Text("Remove this field; it is not known here.", "Hapus isian ini; tidak dikenal di sini."),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "set_type": _LIST,
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": Text("Send true or false.", "Kirim true atau false."),
    "bool_parsing": Text("Send true or false.", "Kirim true atau false."),
    "decimal_type": _DECIMAL,
    "decimal_parsing": _DECIMAL,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": _INSTANT,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "json_invalid": Text("Send valid JSON.", "Kirim JSON yang sah."),
    "name_ends": Text("Remove the white space before or after the name.", "Hapus spasi di awal atau di akhir nama."),
    "name_letterless": Text(
        "Send a name with at least one letter or digit.", "Kirim nama dengan paling sedikit satu huruf atau angka."
    ),
    "name_formula": Text(
        "Send the name itself; a spreadsheet would take this for a formula.",
        "Kirim namanya langsung; lembar kerja akan menganggap ini rumus.",
    ),
    "none_required": Text("Send null or leave it out.", "Kirim null atau hilangkan."),
}
# Each takes what pydantic says in the error's context.
_REMEDY_TEMPLATES: Final[Mapping[str, Text]] = {
    "enum": Text("Send one of: {expected}.", "Kirim salah satu dari: {expected}."),
    "literal_error": Text("Send one of: {expected}.", "Kirim salah satu dari: {expected}."),
    "greater_than": Text("Send more than {gt}.", "Kirim lebih dari {gt}."),
    "greater_than_equal": Text("Send {ge} or more.", "Kirim {ge} atau lebih."),
    "less_than": Text("Send less than {lt}.", "Kirim kurang dari {lt}."),
    "less_than_equal": Text("Send {le} or less.", "Kirim {le} atau kurang."),
    "multiple_of": Text("Send a multiple of {multiple_of}.", "Kirim kelipatan {multiple_of}."),
    "string_too_short": Text("Send at least {min_length} characters.", "Kirim paling sedikit {min_length} karakter."),
    "string_too_long": Text("Send at most {max_length} characters.", "Kirim paling banyak {max_length} karakter."),
    "string_pattern_mismatch": Text("Send a text like {pattern}.", "Kirim teks berpola {pattern}."),
    "too_short": Text("Send at least {min_length} items.", "Kirim paling sedikit {min_length} butir."),
    "too_long": Text("Send at most {max_length} items.", "Kirim paling banyak {max_length} butir."),
    "decimal_max_places": Text(
        "Send at most {decimal_places} decimal places.", "Kirim paling banyak {decimal_places} angka desimal."
    ),
    "decimal_max_digits": Text("Send at most {max_digits} digits.", "Kirim paling banyak {max_digits} angka."),
    "name_character": Text(
        "Remove the invisible or unassigned character {character}.",
        "Hapus karakter {character}, yang tidak tampak atau tidak sah.",
    ),
    "union_tag_invalid": Text(
        "Send {discriminator} as one of: {expected_tags}.",
        "Kirim {discriminator} sebagai salah satu dari: {expected_tags}.",
    ),
    "union_tag_not_found": Text("Add {discriminator}.", "Tambahkan {discriminator}."),
}

# The patterns of the texts that requests hold, each in words; any other pattern is told as it is.
_PATTERNS: Final[Mapping[str, Text]] = {
    r"^[^\x00-\x1f\x7f]+$": Text(
        "Send one line of text without control characters.", "Kirim satu baris teks tanpa karakter kendali."
    ),
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": Text(
        "Send a UUID in small letters, for example 3f0c8e1a-7d52-4b96-9c2e-5a1b7f40d863.",
        "Kirim UUID dengan huruf kecil, misalnya 3f0c8e1a-7d52-4b96-9c2e-5a1b7f40d863.",
    ),
    r"^[0-9a-f]{64}$": Text("Send 64 hexadecimal digits (0-9, a-f).", "Kirim 64 digit heksadesimal (0-9, a-f)."),
    r"^[0-9]{4}-(0[1-9]|1[0-2])$": Text("Send a month as 2021-03.", "Kirim bulan seperti 2021-03."),
    r"^[a-z0-9][a-z0-9-]{0,30}$": Text(
        "Send the system's name: 1 to 31 small letters, digits and hyphens, the first no hyphen.",
        "Kirim nama sistem: 1 sampai 31 huruf kecil, angka, dan tanda hubung, tidak diawali tanda hubung.",
    ),
    r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$": Text(
        "Send the fact's id: 1 to 64 letters, digits and the signs . _ : -, the first a letter or digit.",
        "Kirim id fakta: 1 sampai 64 huruf, angka, dan tanda . _ : -, diawali huruf atau angka.",
    ),
    r"^[a-z0-9][a-z0-9-]{0,62}$": Text(
        "Send 1 to 63 small letters, digits and hyphens, the first no hyphen.",
        "Kirim 1 sampai 63 huruf kecil, angka, dan tanda hubung, tidak diawali tanda hubung.",
    ),
    r"^[A-Z][A-Z0-9_-]{0,31}$": Text(
        "Send 1 to 32 capital letters, digits, hyphens and underscores, the first a letter.",
        "Kirim 1 sampai 32 huruf kapital, angka, tanda hubung, dan garis bawah, diawali huruf.",
    ),
    r"^[0-9]{4}(-[a-z0-9]{1,16})?$": Text(
        "Send a year of four digits, for example 2021; after a hyphen up to 16 small letters or digits may follow.",
        "Kirim tahun empat angka, misalnya 2021; setelah tanda hubung boleh ada sampai 16 huruf kecil atau angka.",
    ),
    r"^[0-9]{4}$": Text("Send a year of four digits, for example 2021.", "Kirim tahun empat angka, misalnya 2021."),
    r"^[0-9]{2}$": Text("Send two digits, for example 75.", "Kirim dua angka, misalnya 75."),
    r"^[0-9]{2}(\.[0-9]{2})?$": Text(
        "Send two digits, or two and two with a full stop between, for example 75 or 75.71.",
        "Kirim dua angka, atau dua dan dua angka yang dipisahkan titik, misalnya 75 atau 75.71.",
    ),
    r"^[A-Z0-9][A-Z0-9.-]{0,31}$": Text(
        "Send 1 to 32 capital letters, digits, full stops and hyphens, the first a letter or digit.",
        "Kirim 1 sampai 32 huruf kapital, angka, titik, dan tanda hubung, diawali huruf atau angka.",
    ),
    r"^-?[0-9]+/[1-9][0-9]*$": Text(
        "Send a fraction as text, for example 2/3.", "Kirim pecahan sebagai teks, misalnya 2/3."
    ),
    r"^[a-z]+(/[A-Za-z0-9._-]+)+$": Text(
        "Send a stream's name, for example season/2021.", "Kirim nama aliran, misalnya season/2021."
    ),
}


def _remedy(error: Mapping[str, Any]) -> Text:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind == "missing" and tuple(error["loc"]) == ("body",):
        return _REMEDIES["body_missing"]
    if kind in _REMEDIES:
        return _REMEDIES[kind]
    if kind == "string_pattern_mismatch" and context.get("pattern") in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    if kind in _REMEDY_TEMPLATES:
        template = _REMEDY_TEMPLATES[kind]
        return Text(template.en.format_map(context), template.id.format_map(_in_indonesian(context)))
    raised = context.get("error")
    if isinstance(raised, Unfit):
        return raised.remedy
    message = str(raised) if kind == "value_error" and raised is not None else str(error["msg"])
    return Text(message, message)


def _in_indonesian(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the context with the conjunction of what is on offer, which pydantic says in English."""
    return {
        name: re.sub(r"(?<=') or (?=')", " atau ", value) if isinstance(value, str) else value
        for name, value in context.items()
    }
