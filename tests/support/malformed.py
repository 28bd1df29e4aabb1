"""What nobody should send: for every route of the whole system, requests that are wrong in one way each.

A request that is right but for that one way comes first from the route's own OpenAPI description, so a new route or a
new field is tried without a word here, as long as a value is known for its name.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from kernel.paging import encode
from tests.support.whole import BODY, Json, Route

UNKNOWN: Final = str(UUID(int=0x7 << 76 | 0x2 << 62))
"""The id of nothing and nobody."""
VALUES: Final[dict[str, Any]] = {
    "season": "2020", "tier": "provincial", "province": "75", "category": "KABKOTA", "stage": "seleksi",
    "body": BODY, "person": UNKNOWN, "nomination": UNKNOWN, "plenary": UNKNOWN, "member": UNKNOWN, "grant": UNKNOWN,
    "motion": 1, "aspect": "kinerja", "template": "nominated", "ids": UNKNOWN, "until": "1-1-1", "limit": 10,
    "login": "nobody", "password": "wrong horse battery",
    "replacement": "another horse battery", "service": "nobody", "secret": "none", "name": "Contoh",
    "email": "contoh@paritrana.example", "locale": "id", "role": "auditor", "rulebook": "season: 2020", "seat": 1,
    "decree": "Keputusan contoh", "term_from": "2021-01-04", "term_until": "2021-12-31", "office": "kepala-bps",
    "kind": "city", "code": "75.71", "nominating_body": "75", "contact": UNKNOWN, "reason": "Contoh", "sample": True,
    "scheduled": "2021-03-01T02:00:00Z", "vote": "for", "mark": "80", "marks": {"kinerja": "80"},
    "as_of": "2021-02-01T00:00:00Z", "left": False, "at_least": "1-1-1", "stream": "season/2020",
    "appeal": UNKNOWN, "grounds": "Contoh",
    "steps": "mail", "deadlines": "digest", "meetings": "none", "results": "mail", "appeals": "mail", "lang": "id",
    "zone": "Asia/Jakarta",
    "sha256": "0" * 64, "begins": "2021-05-03T02:00:00Z", "part": "evidence", "text": "Contoh",
    "successor": UNKNOWN, "employer": "NPP-1", "government": "75.71", "dry_run": False,
    "for": 5, "against": 1, "abstained": 0,
    "certificate": UNKNOWN,
    "replaces": UNKNOWN,
    "repair": UNKNOWN, "address": "bpjs.contributions.v1/3/1207", "publisher": "sipp", "fact": "p-1", "npp": "NPP-1",
    "month": "2021-03", "topic": "bpjs.contributions.v1", "partition": 3, "version": 7, "day": "2021-04-13",
    "key": "NPP-1", "headers": {"content-type": "application/json"}, "value": "{}",
    "of": "season/2020", "first": False, "alarm": 1, "order": "position", "ended": False,
    "level": "0", "path": "000", "index": 0, "size": 1, "old": 1,
    "waiting": False, "document": {"specversion": "1.0", "id": "p-1", "source": "/bpjs/sipp", "type": "x", "data": {}},
}  # fmt: skip
FILES: Final[dict[str, bytes]] = {"application/pdf": b"%PDF-1.7\n", "text/csv": b"kategori;jenis\nKABKOTA;kota\n"}
"""What routes that take a file are sent, by its type."""

_DEEP: Final = 100_000
TEN_MEGABYTES: Final = 10 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, by what is wrong with it."""

    wrong: str
    route: Route
    method: str
    path: str
    query: str = ""
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Return the path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.route.name}: {self.wrong}"


def right(route: Route) -> Sent:
    """Return a request that is right in form and asks for what does not exist."""
    values = {name: str(VALUES[name]) for name in route.names("path")}
    required = [each["name"] for each in route.parameters if each["in"] == "query" and each.get("required")]
    headers = {"Idempotency-Key": "right-but-for-one"} if route.is_command else {}
    content = None
    if route.body is not None:
        content = json.dumps(instance(route)).encode()
        headers["Content-Type"] = "application/json"
    for media_type in route.files[:1]:
        content = FILES[media_type]
        headers["Content-Type"] = media_type
    query = urlencode({name: VALUES[name] for name in required})
    return Sent("nothing", route, route.method, quote(route.path(values)), query, content, headers)


def instance(route: Route) -> Json:
    """Return a body as the route's schema describes it, with every field whose value is known."""
    found: Json = _instance(route, route.body or {}, "")
    return found


def _resolved(route: Route, schema: Json) -> Json:
    while "$ref" in schema:
        schema = route.schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def _instance(route: Route, schema: Json, name: str) -> Any:
    schema = _resolved(route, schema)
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            key: _instance(route, each, key)
            for key, each in schema["properties"].items()
            if key in required or (key in VALUES and "object" not in str(each))
        }
    if schema.get("type") == "array":
        return [_instance(route, schema["items"], name)]
    value, choices = VALUES.get(name), schema.get("enum")
    return choices[0] if choices and value not in choices else value


# --- what is wrong --------------------------------------------------------------------------------------------------


def every_way(route: Route) -> Iterator[Sent]:
    """Yield the requests to a route that are wrong in one way each."""
    yield from of_methods(route)
    yield from of_paths(route)
    yield from of_queries(route)
    if route.is_command:
        yield from of_command_headers(route)
    if route.body is not None:
        yield from of_bodies(route)
        yield from of_fields(route)
        yield from of_content_types(route)


def of_methods(route: Route) -> Iterator[Sent]:
    """Methods that nothing of ours has; which others a path has is its other routes' matter."""
    fine = right(route)
    for method in ("PATCH", "TRACE", "BREW", "OPTIONS"):
        yield replace(fine, wrong=f"the method {method}", method=method)


_UNFIT_SEGMENTS: Final = {
    "NUL": "%00",
    "a NUL within": "75%00",
    "no UTF-8": "%FF%FE",
    "a lone surrogate": "%ED%A0%80",
    "a line end": "2020%0A",
    "nothing that is known": "%F0%9F%A6%86",
    "very long": "x" * 5000,
    "a statement": "'%3Bdrop%20table%20events--",
}


def of_paths(route: Route) -> Iterator[Sent]:
    """Each place of the path with what no such place may hold."""
    values = {name: quote(str(VALUES[name])) for name in route.names("path")}
    fine = right(route)
    for name in values:
        for wrong, text in _UNFIT_SEGMENTS.items():
            yield replace(fine, wrong=f"{wrong} as {name}", path=route.path(values | {name: text}))


_UNFIT_QUERIES: Final = {
    "cursor": ("x", "%00", "AAAA", "=" * 100, "a" * 3000, "%C3%A9"),
    "limit": ("0", "1001", "-1", "x", "1.5", "", "9" * 5000, "%00"),
    "at_least": ("x", "1-2", "1-2-x", "99999999999999999999-1-1", "@", "season/2020@", "season/2020@-1",
                 "season/2020@1.5", f"season/2020@{'9' * 19}", "x" * 301, "%00@1", "%EF%BC%91-1-1"),
    "as_of": ("x", "2021-02-30T00:00:00Z", "2021-02-01T00:00:00", "2021-02-01", "%00", "",
              "10000-01-01T00:00:00Z", "0000-00-00T00:00:00Z"),
    "season": ("20", "%00", "2020'", "%EF%BC%92020"),
    "province": ("7", "755", "%00", "xx"),
    "category": ("kabkota", "%00", "X" * 40),
    "stage": ("Seleksi", "%00", "x" * 70),
    "stream": ("x", "%00", "season/2020%0A", "season/" + "x" * 300),
    "of": ("x", "*", "", "%00", "season/2020%0A", "season/" + "x" * 300, "sheet/*x"),
    "first": ("perhaps", "2", "%00"),
    "until": ("x", "", "1-2", "%00", "9999-9-9", "9" * 19 + "-1-1"),
    "ids": ("x", "", "%00", ",".join([UNKNOWN] * 201), UNKNOWN + ",", "x" * 9000),
    "left": ("perhaps", "2", "%00"),
    "locale": ("fr", "%00"),
    "mode": ("some", "%00"),
    "dry_run": ("perhaps", "2", "%00"),
    "login": ("", "%00", "A", "x y", "x" * 65),
    "lang": ("fr", "%00"),
    "role": ("king", "", "%00", "secretariat,auditor"),
    "kind": ("city", "", "%00"),
    "number": ("", "%00", "x" * 300, "%E2%80%8B"),
    "dated": ("yesterday", "2021-02-30", "20210101", "1609459200", "%00"),
    "title": ("", "%00", "x" * 301),
    "day": ("x", "", "2021-02-30", "2013-12-31", "3000-01-01", "20210413", "1618272000", "2021-04-13T00:00:00Z", "%00"),
    "publisher": ("", "SIPP", "%00", "x" * 40, "sipp%0A"),
    "waiting": ("perhaps", "2", "%00"),
    "ended": ("perhaps", "2", "%00"),
    "order": ("x", "", "%00"),
    "person": ("x", "", "%00"),
    "office": ("", "%00", "X Y"),
    **dict.fromkeys(("version", "old", "size"), ("x", "", "0", "-1", "1.5", "9" * 30, "%00", "%EF%BC%91")),
}  # fmt: skip


def of_queries(route: Route) -> Iterator[Sent]:
    """Each query parameter with what it cannot be, and cursors that somebody made up."""
    fine = right(route)
    for name in route.names("query"):
        for text in _UNFIT_QUERIES[name]:
            rest = "&".join(part for part in fine.query.split("&") if part and not part.startswith(f"{name}="))
            query = f"{name}={text}" + (f"&{rest}" if rest else "")
            yield replace(fine, wrong=f"the query {name}={text[:40]}", query=query)


FORGED: Final[tuple[tuple[str | int, ...], ...]] = (
    ("x",), (1,), (-1,), ((1 << 63) - 1,), ((1 << 64) - 1,), ("\0",), ("",), ("x", "y"), ("x", 1), ("2021-01-01", "x"),
    ("9999-12-31T23:59:59-23:59", UNKNOWN), ("0001-01-01T00:00:00+14:00", UNKNOWN), ("2021-01-01", "x", "y"),
    ("2021-01-01T00:00:00Z", "\0"), ("1-1-1",), ("1-1-99999999999999999999",), ("9" * 19 + "-1-1",),
    ("x", (1 << 64) - 1), ("2021-02-30T00:00:00Z", UNKNOWN),
)  # fmt: skip


def forged_cursors(listing: str) -> Iterator[str]:
    """Yield cursors of a list that were never given out but carry its checksum, which anybody can work out."""
    for key in FORGED:
        yield encode(key, listing)
    for payload in (b"", b"[", b"null", b"{}", b"[1.5]", b"[null]", b"[[]]", b'["\\ud800"]', b"[" * 1000):
        checksum = hashlib.sha256(listing.encode() + b"\0" + payload).digest()[:6]
        yield base64.urlsafe_b64encode(checksum + payload).rstrip(b"=").decode("ascii")


def of_command_headers(route: Route) -> Iterator[Sent]:
    """A command that does not name itself, or not as it must."""
    fine = right(route)
    rest = {name: value for name, value in fine.headers.items() if name != "Idempotency-Key"}
    yield replace(fine, wrong="no Idempotency-Key", headers=rest)
    for key in ("", "a b", "x" * 256, "x" * 20_000, "\u00e9"):
        yield replace(fine, wrong=f"the Idempotency-Key {key[:10]!r}", headers=rest | {"Idempotency-Key": key})
    for journey in ("", "a b", "x" * 129):
        headers = fine.headers | {"Correlation-Id": journey}
        yield replace(fine, wrong=f"the Correlation-Id {journey[:10]!r}", headers=headers)


_UNFIT_BODIES: Final[dict[str, bytes]] = {
    "nothing": b"",
    "half an object": b'{"season": ',
    "no JSON": b"season=2020",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "a list of objects": b"[{}]",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate as a name": b'{"\\udc00": 1}',
    "a surrogate in bytes": b'{"a": "\xed\xa0\x80"}',
    "NUL": b'{"a": "\\u0000"}',
    "NUL as a name": b'{"\\u0000": 1}',
    "a NUL byte": b'{"a": "\x00"}',
    "NaN": b'{"a": NaN}',
    "an infinite number": b'{"a": 1e999}',
    "a huge integer": b'{"a": ' + b"9" * 5000 + b"}",
    "one beyond 2^53-1": b'{"a": 9007199254740992}',
    "a name twice": b'{"a": 1, "a": 2}',
    "deep lists": b"[" * _DEEP,
    "deep objects": b'{"a":' * _DEEP,
    "deep and closed": b"[" * 5000 + b"]" * 5000,
    "33 levels": b'{"a":' * 33 + b"1" + b"}" * 33,
    "an unknown name of 100 kB": b'{"' + b"x" * 100_000 + b'": 1}',
    "a thousand unknown names": json.dumps({f"name-{number}": 1 for number in range(1000)}).encode(),
    "10 MB": b'{"a": "' + b"x" * TEN_MEGABYTES + b'"}',
}


def of_bodies(route: Route) -> Iterator[Sent]:
    """Bodies that no route takes."""
    fine = right(route)
    for wrong, content in _UNFIT_BODIES.items():
        yield replace(fine, wrong=f"a body of {wrong}", content=content)


def of_content_types(route: Route) -> Iterator[Sent]:
    """A right body under another name."""
    fine = right(route)
    rest = {name: value for name, value in fine.headers.items() if name != "Content-Type"}
    yield replace(fine, wrong="no Content-Type", headers=rest)
    for declared in ("text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16", ";"):
        yield replace(fine, wrong=f"the Content-Type {declared}", headers=rest | {"Content-Type": declared})


def of_fields(route: Route) -> Iterator[Sent]:
    """The right body with one field missing, unknown, of another type, or out of what it may be."""
    fine = right(route)
    for wrong, body in _spoilt(route, _resolved(route, route.body or {}), instance(route)):
        content = json.dumps(body).encode()
        if json.loads(content) != instance(route):
            yield replace(fine, wrong=wrong, content=content)


def _spoilt(route: Route, schema: Json, whole: Json) -> Iterator[tuple[str, Any]]:
    yield "an unknown field", whole | {"clock": "2021-01-01T00:00:00Z"}
    yield "an unknown field of no value", whole | {"": None}
    for name in schema.get("required", ()):
        yield f"{name} left out", {key: value for key, value in whole.items() if key != name}
    for name, each in schema.get("properties", {}).items():
        types = set(_types(route, each))
        for kind, value in _OTHERS.items():
            if kind not in types and not (kind == "integer" and "number" in types):
                yield f"{name} as {kind}", whole | {name: value}
        if "string" in types:
            yield f"{name} with NUL", whole | {name: f"{whole.get(name) or ''}\0"}
            yield f"{name} of 200,000 characters", whole | {name: "x" * 200_000}
            yield f"{name} as an empty text", whole | {name: ""}
        if "integer" in types:
            for number in (-1, 0, 10**9, 2**53):
                yield f"{name} as {number}", whole | {name: number}
        inner = _resolved(route, each)
        if "properties" in inner:
            nested = whole.get(name) or _instance(route, inner, name)
            for wrong, value in _spoilt(route, inner, nested):
                yield f"in {name}, {wrong}", whole | {name: value}


_OTHERS: Final[dict[str, Any]] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 1.5,
    "string": "\U0001f986",
    "array": [1, [2]],
    "object": {"$": 1},
}


def _types(route: Route, schema: Json) -> Iterable[str]:
    schema = _resolved(route, schema)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _types(route, option)
    if "type" in schema:
        yield schema["type"]
    elif "enum" in schema or "const" in schema:
        yield "string"
