"""In front of every service's routes: bad input is a 4xx that says what to change, never a fault of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from joserfc.jwk import OKPKey
from pydantic import Field

from kernel.body import RequestBody
from kernel.commands import Receipt
from kernel.decider import FieldFault, Refusal, Text
from kernel.http import CommandRequest, Intake, Limits, answer, command_by, create_api
from kernel.paging import Paged, page_of
from kernel.tokens import Grant, LocalJwks, Person, SignedIn, TokenVerifier, issue

ARRIVED = datetime(2021, 11, 2, 16, 59, 59, tzinfo=UTC)
Command = Annotated[CommandRequest, Depends(command_by("secretariat"))]
PERSON = Person("7b0c3e86-7b0b-4c53-9be0-3f4d4d7c9b51", (Grant.of("secretariat", province="75"),))
KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
TOKEN = issue(KEY, PERSON, lifetime=86_400).token


class FixedClock:
    name = "test"

    def now(self) -> datetime:
        return ARRIVED


class Mark(RequestBody):
    aspect: str = Field(min_length=1, max_length=20)
    value: Decimal


class Sheet(RequestBody):
    nomination: UUID
    at: datetime | None = None
    count: int = 1
    marks: tuple[Mark, ...] = ()


def make_app(**options: Any) -> FastAPI:
    verifier = TokenVerifier(LocalJwks(lambda: {"keys": [KEY.as_dict(private=False)]}))
    app = create_api("scoring", title="Test", clock=FixedClock(), verifier=verifier, **options)

    @app.post("/v1/sheets/{sheet}")
    async def file(sheet: str, body: Sheet, command: Command) -> dict[str, Any]:
        return {
            "actor": command.actor,
            "key": command.key,
            "route": command.route,
            "digest": command.digest.hex(),
            "received": command.received.isoformat(),
            "correlation": command.correlation,
            "count": body.count,
        }

    @app.get("/v1/me")
    async def me(person: SignedIn) -> list[str]:
        return sorted(person.roles)

    @app.post("/v1/seal")
    async def seal(command: Annotated[CommandRequest, Depends(command_by("secretary", "chair"))]) -> str:
        return command.key

    @app.post("/v1/refused")
    async def refuse(command: Command) -> Any:
        fault = FieldFault("value", "187", Text("Send 100 or less.", "Kirim 100 atau kurang."))
        return answer(Refusal("out-of-range", Text("A mark is out of range.", "Nilai di luar rentang."), 422, (fault,)))

    @app.post("/v1/accepted")
    async def accept(command: Command) -> Any:
        return answer(Receipt(command.key, "2021-11-02T16:59:59.000000Z", (), "1-2-3"))

    @app.get("/v1/rows")
    async def rows(page: Paged, province: str = "75") -> Any:
        listing = f"rows/{province}"
        last = page.after(listing, int)
        start = 0 if last is None else int(last[0])
        return page_of(list(range(start + 1, 8))[: page.limit + 1], page, listing, lambda row: (row,))

    return app


@pytest.fixture
def app() -> FastAPI:
    return make_app()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as opened:
        yield opened


SHEET: dict[str, Any] = {
    "nomination": "0192f0c1-0000-7000-8000-000000000001",
    "marks": [{"aspect": "policy", "value": "87.50"}],
}
COMMAND = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "a-1"}


async def send(client: httpx.AsyncClient, content: bytes | str, **headers: str) -> httpx.Response:
    return await client.post(
        "/v1/sheets/1", content=content, headers={**COMMAND, "Content-Type": "application/json", **headers}
    )


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{code}"
    assert document["status"] == status
    return document


# --- commands ---


async def test_a_command_carries_actor_key_route_digest_and_receipt_by_the_injected_clock(client) -> None:
    said = (await send(client, json.dumps(SHEET), **{"Correlation-Id": "journey-7"})).json()
    assert said["actor"] == PERSON.id
    assert (said["key"], said["route"]) == ("a-1", "POST /v1/sheets/{sheet}")
    assert said["received"] == ARRIVED.isoformat()
    assert said["correlation"] == "journey-7"


async def test_the_digest_is_of_the_content_not_of_its_spelling(client) -> None:
    first = (await send(client, json.dumps(SHEET))).json()["digest"]
    spelt = json.dumps(dict(reversed(SHEET.items())), indent=3)
    assert (await send(client, spelt)).json()["digest"] == first
    assert (await send(client, json.dumps({**SHEET, "count": 2}))).json()["digest"] != first
    other = await client.post("/v1/sheets/2", json=SHEET, headers=COMMAND)
    assert other.json()["digest"] != first


@pytest.mark.parametrize("key", [None, "", "k" * 256, "with space", "caf\u00e9"])
async def test_a_command_without_a_usable_idempotency_key_is_told_to_send_one(client, key) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}".encode())]
    if key is not None:
        headers.append(("Idempotency-Key", key.encode()))
    document = problem(await client.post("/v1/sheets/1", json=SHEET, headers=headers), 400, "idempotency-key-missing")
    assert "Idempotency-Key" in document["detail"]


async def test_a_time_in_the_body_is_unknown_there(client) -> None:
    document = problem(
        await send(client, json.dumps({**SHEET, "received": "2020-01-01T00:00:00Z"})), 422, "invalid-request"
    )
    assert document["errors"][0]["field"] == "received"


async def test_a_refusal_and_a_receipt_become_answers(client) -> None:
    document = problem(await client.post("/v1/refused", headers=COMMAND), 422, "out-of-range")
    assert document["errors"] == [{"field": "value", "remedy": "Send 100 or less.", "value": "187"}]
    accepted = await client.post("/v1/accepted", headers=COMMAND)
    assert accepted.json()["position"] == "1-2-3"


# --- who may ---


async def test_without_a_token_is_401_with_a_challenge_before_anything_else_is_said(client) -> None:
    answered = await client.post("/v1/sheets/1", json={"wrong": 1})
    problem(answered, 401, "unauthenticated")
    assert answered.headers["www-authenticate"].startswith("Bearer")


async def test_another_role_is_403_that_names_the_roles(client) -> None:
    document = problem(await client.post("/v1/seal", headers=COMMAND), 403, "forbidden")
    assert "secretary" in document["detail"]


# --- bodies ---


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b'{"nomination": ', 400, "malformed-json", "line 1"),
        (b"\xff\xfe{}", 400, "malformed-json", "UTF-8"),
        (b"\xef\xbb\xbf{}", 400, "malformed-json", "byte order mark"),
        (b'{"count": 1, "count": 2}', 400, "malformed-json", '"count" once'),
        (b'{"count": 9007199254740992}', 400, "malformed-json", "2^53"),
        (b'{"count": 1' + b"0" * 5000 + b"}", 400, "malformed-json", "2^53"),
        (b'{"count": NaN}', 400, "malformed-json", "NaN"),
        (b'{"count": 1e999}', 400, "malformed-json", "too large"),
        (b'{"marks": "\\ud800"}', 400, "malformed-json", "surrogate"),
        (b'{"\\ud800": 1}', 400, "malformed-json", "surrogate"),
        (b"[" * 40 + b"]" * 40, 400, "malformed-json", "levels"),
        (b"[" * 200_000, 400, "malformed-json", "levels"),
        (b'{"marks": [{"aspect": "a\\u0000b", "value": "1"}]}', 422, "invalid-request", "errors"),
        (b'{"a\\u0000b": 1}', 422, "invalid-request", "errors"),
        (b"[1]", 422, "invalid-request", "errors"),
        (b"null", 422, "invalid-request", "errors"),
        (b"", 422, "invalid-request", "errors"),
    ],
)
async def test_a_body_that_cannot_be_kept_is_refused_and_says_why(client, body, status, code, says) -> None:
    assert says in problem(await send(client, body), status, code)["detail"]


async def test_a_nul_is_located(client) -> None:
    document = problem(await send(client, b'{"marks": [{"aspect": "a\\u0000b"}]}'), 422, "invalid-request")
    assert document["errors"][0]["field"] == "marks[0].aspect"


@pytest.mark.parametrize("address", ["/v1/rows?province=%00", "/v1/sheets/a%00b"])
async def test_a_nul_in_the_address_is_422(client, address) -> None:
    problem(
        await client.request("GET" if "rows" in address else "POST", address, headers=COMMAND), 422, "invalid-request"
    )


async def test_each_wrong_field_is_named_with_its_remedy(client) -> None:
    body = {
        "nomination": "x",
        "count": "1",
        "at": 1,
        "marks": [{"aspect": "", "value": "much"}, {"value": 1}],
        "more": 1,
    }
    document = problem(await send(client, json.dumps(body)), 422, "invalid-request")
    remedies = {error["field"]: error["remedy"] for error in document["errors"]}
    assert set(remedies) == {
        "nomination", "count", "at", "marks[0].aspect", "marks[0].value", "marks[1].aspect", "more",
    }  # fmt: skip
    assert remedies["count"] == "Send a whole number."
    assert remedies["more"].startswith("Remove")


async def test_an_instant_a_uuid_and_a_decimal_are_read_from_their_text(client) -> None:
    body = {**SHEET, "at": "2021-11-02T23:59:59+07:00"}
    assert (await send(client, json.dumps(body))).status_code == 200
    made = Sheet(nomination=UUID(SHEET["nomination"]), marks=(Mark(aspect="policy", value=Decimal("87.50")),))
    assert made == Sheet.model_validate(SHEET)


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
async def test_another_content_type_is_415(client, declared) -> None:
    answered = await send(client, b"{}", **{"Content-Type": declared})
    assert "application/json" in problem(answered, 415, "unsupported-media-type")["detail"]


async def test_an_announced_large_body_is_413(client) -> None:
    problem(await send(client, b"[" + b"1," * 700_000 + b"1]"), 413, "body-too-large")


CHUNK = b" " * 65_536


async def streamed(app: FastAPI, path: str, headers: dict[str, str], chunks: int | None = None) -> tuple[int, int]:
    """Post chunks (None: for ever) until there is an answer; return its status, and how many were taken before it."""
    taken = 0
    sent: list[dict[str, Any]] = []
    answered = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if answered.is_set():
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": CHUNK, "more_body": taken != chunks}

    async def send_message(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            answered.set()

    said = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": said, "client": ("127.0.0.1", 1), "server": ("t", 80),
        "scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send_message)
    return sent[0]["status"], taken


async def test_a_streamed_large_body_is_refused_before_all_of_it_is_read(app) -> None:
    # 16 chunks are the limit of 1 MiB.
    assert await streamed(app, "/v1/sheets/1", {"content-type": "application/json"}) == (413, 17)


async def test_a_body_that_stalls_is_408() -> None:
    app = make_app(limits=Limits(body_seconds=0.01))

    async def stalls() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        answered = await client.post(
            "/v1/sheets/1", content=stalls(), headers={**COMMAND, "Content-Type": "application/json"}
        )
    problem(answered, 408, "body-too-slow")


# --- routes, faults, languages ---


async def test_unknown_routes_and_methods(client) -> None:
    problem(await client.get("/v1/nowhere"), 404, "not-found")
    answered = await client.delete("/v1/me")
    problem(answered, 405, "method-not-allowed")
    assert answered.headers["allow"] == "GET"


async def test_another_method_is_told_every_method_of_the_path(app, client) -> None:
    async def answer() -> str:
        return "done"

    several = APIRouter()
    for method in ("POST", "GET"):
        several.add_api_route("/v1/several", answer, methods=[method])
    app.include_router(several)
    answered = await client.delete("/v1/several")
    assert answered.headers["allow"] == "GET, POST"
    assert answered.json()["detail"] == "Allowed: GET, POST."


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "en"),
        ("id", "id"),
        ("id-ID,id;q=0.9,en;q=0.8", "id"),
        ("en;q=0.9,id;q=0.2", "en"),
        ("fr, id;q=0.1", "id"),
        ("id;q=0", "en"),
        ("id;q=oops", "en"),
        ("*", "en"),
    ],
)
async def test_problems_speak_the_language_that_is_asked_for(client, accept, language) -> None:
    answered = await client.get("/v1/nowhere", headers={} if accept is None else {"Accept-Language": accept})
    assert answered.headers["content-language"] == language
    expected = {"en": "There is nothing here", "id": "Tidak ada apa pun di sini"}
    assert answered.json()["title"] == expected[language]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConnectionRefusedError("5432"), 503, "store-unavailable"),
        (TimeoutError(), 503, "store-unavailable"),
        (asyncpg.CannotConnectNowError("starting"), 503, "store-unavailable"),
        (asyncpg.ConnectionDoesNotExistError("gone"), 503, "store-unavailable"),
        (asyncpg.InterfaceError("connection is closed"), 503, "store-unavailable"),
        (asyncpg.InterfaceError("connection has been released back to the pool"), 503, "store-unavailable"),
        (asyncpg.DiskFullError("no space"), 503, "store-unavailable"),
        (asyncpg.InterfaceError("another operation is in progress"), 500, "internal"),
        (FileNotFoundError(2, "missing", "secret/place"), 500, "internal"),
        (asyncpg.CharacterNotInRepertoireError("0x00"), 422, "invalid-request"),
        (ValueError("secret detail"), 500, "internal"),
    ],
)
async def test_faults_are_told_without_our_inside(app: FastAPI, client, error, status, code) -> None:
    @app.get("/v1/breaks")
    async def breaks() -> None:
        raise error

    answered = await client.get("/v1/breaks")
    document = problem(answered, status, code)
    assert ("retry-after" in answered.headers) == (status == 503)
    assert "secret" not in answered.text
    assert document["instance"] == f"/requests/{answered.headers['x-request-id']}"


async def test_every_answer_has_the_security_headers(client) -> None:
    for address in ("/health/live", "/v1/nowhere"):
        headers = (await client.get(address)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


# --- operation ---


async def test_a_check_that_is_added_while_others_are_asked_breaks_nothing(app, client) -> None:
    async def late() -> tuple[bool, str]:
        return True, "answers"

    async def early() -> tuple[bool, str]:
        app.state.checks["late"] = late
        return True, "answers"

    app.state.checks["early"] = early
    assert (await client.get("/health/ready")).json()["checks"] == {"early": {"ok": True, "why": "answers"}}
    assert set((await client.get("/health/ready")).json()["checks"]) == {"early", "late"}


async def test_readiness_names_each_check_and_why(app, client) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready", "checks": {}}

    async def broken() -> tuple[bool, str]:
        raise ConnectionRefusedError("nobody")

    async def fine() -> tuple[bool, str]:
        return True, "answers"

    app.state.checks.update(broker=broken, database=fine)
    answered = await client.get("/health/ready")
    assert answered.status_code == 503
    checks = answered.json()["checks"]
    assert checks["database"] == {"ok": True, "why": "answers"}
    assert checks["broker"] == {"ok": False, "why": "ConnectionRefusedError: nobody"}
    assert (await client.get("/health/live")).status_code == 200


async def test_a_closed_gate_lets_only_operation_through(app, client) -> None:
    app.state.gate.close("the topics are compared with the store")
    problem(await client.get("/v1/rows"), 503, "not-ready")
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/openapi.json")).status_code == 200
    app.state.gate.open()
    assert (await client.get("/v1/rows")).status_code == 200


async def test_metrics_count_by_route_template_and_are_for_operators(app, client) -> None:
    await send(client, json.dumps(SHEET))
    await client.request("BREW", "/v1/nowhere/at/all")
    text = (await client.get("/metrics")).text
    assert 'paritrana_http_requests_total{method="POST",route="/v1/sheets/{sheet}",status="200"} 1.0' in text
    assert 'method="other",route="unmatched",status="404"' in text
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as stranger:
        problem(await stranger.get("/metrics"), 403, "forbidden")


async def test_two_applications_do_not_share_their_counts(client) -> None:
    await client.get("/v1/rows")
    other = make_app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url="http://t") as second:
        assert 'route="/v1/rows"' not in (await second.get("/metrics")).text


async def test_the_api_document_tells_the_command_header_problems_and_the_token(client) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/sheets/{sheet}"]["post"]
    header = next(each for each in operation["parameters"] if each["name"] == "Idempotency-Key")
    assert header["required"]
    assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert "422" not in operation["responses"]
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


async def test_the_asyncapi_document_is_served_as_handed_in() -> None:
    app = make_app(asyncapi={"asyncapi": "3.0.0"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        assert (await client.get("/asyncapi.json")).json() == {"asyncapi": "3.0.0"}


async def test_the_access_log_holds_no_token_and_no_body(client, capsys) -> None:
    await send(client, json.dumps({**SHEET, "marks": [{"aspect": "kebijakan", "value": "1"}]}))
    written = capsys.readouterr().out
    assert "/v1/sheets/1" in written
    assert PERSON.id in written
    assert TOKEN not in written
    assert "kebijakan" not in written


# --- pages ---


async def test_pages_go_through_the_whole_list_once(client) -> None:
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await client.get("/v1/rows", params=query)).json()
        seen += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


Alteration = Callable[[str], str]


@pytest.mark.parametrize(
    "alter",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: ("A" if cursor[0] != "A" else "B") + cursor[1:],
        lambda cursor: cursor + "=",
        lambda cursor: "%00",
        lambda cursor: "\u00e9",
        lambda cursor: "",
        lambda cursor: "AAAAAAAAW1tbW1tb",
    ],
)
async def test_an_altered_cursor_is_400(client, alter: Alteration) -> None:
    cursor = (await client.get("/v1/rows", params={"limit": 3})).json()["next"]
    problem(await client.get("/v1/rows", params={"cursor": alter(cursor)}), 400, "invalid-cursor")


async def test_a_cursor_of_another_list_is_400(client) -> None:
    cursor = (await client.get("/v1/rows", params={"limit": 3})).json()["next"]
    problem(await client.get("/v1/rows", params={"cursor": cursor, "province": "13"}), 400, "invalid-cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e3", ""])
async def test_a_limit_is_1_to_200(client, limit) -> None:
    document = problem(await client.get("/v1/rows", params={"limit": limit}), 422, "invalid-request")
    assert document["errors"][0]["field"] == "query.limit"


# --- routes that take files -----------------------------------------------------------------------------------------

FILES = Intake("POST", "/v1/sheets/{sheet}/files", 64, ("application/pdf", "text/csv"))


async def test_a_route_may_take_files_of_its_own_size_and_type():
    app = make_app(limits=Limits(body=16, intakes=(FILES,)))

    @app.post(FILES.path)
    async def keep(sheet: str, request: Request, command: Command) -> int:
        return len(await request.body())

    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring", headers=headers) as client:
        asked = {
            ("/v1/sheets/7/files", "application/pdf", 64): 200,
            ("/v1/sheets/7/files", "text/csv; charset=utf-8", 1): 200,
            ("/v1/sheets/7/files", "application/pdf", 65): 413,
            ("/v1/sheets/7/files", "application/json", 2): 415,
            ("/v1/sheets/7/files/8", "application/pdf", 2): 415,
            ("/v1/sheets/7", "application/pdf", 2): 415,
            ("/v1/sheets/7", "application/json", 17): 413,
        }
        for (path, media_type, size), status in asked.items():
            answer = await client.post(path, content=b"x" * size, headers={"Content-Type": media_type})
            assert answer.status_code == status, (path, media_type, size)


LARGE = Intake("POST", "/v1/sheets/{sheet}/scans", 64 * len(CHUNK), ("application/pdf",))


def taking_scans() -> FastAPI:
    """Return an application with a route that takes more than others do."""
    app = make_app(limits=Limits(body=len(CHUNK), intakes=(LARGE,)))

    @app.post(LARGE.path)
    async def keep(sheet: str, request: Request, command: Command) -> int:
        return len(await request.body())

    return app


FORGED = issue(OKPKey.generate_key("Ed25519", parameters={"kid": "k1"}), PERSON, lifetime=86_400).token
EXPIRED = issue(KEY, PERSON, lifetime=60, now=0).token


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Basic c2VjcmV0"},
        {"authorization": f"Bearer {FORGED}"},
        {"authorization": f"Bearer {EXPIRED}"},
    ],
    ids=["no token", "empty", "another scheme", "forged", "expired"],
)
async def test_nothing_large_is_read_of_whom_no_token_vouches_for(headers: dict[str, str]) -> None:
    said = {**headers, "content-type": "application/pdf", "idempotency-key": "k"}
    assert await streamed(taking_scans(), "/v1/sheets/7/scans", said) == (401, 0)


async def test_a_large_file_is_read_of_who_is_signed_in_and_no_larger_one() -> None:
    said = {"authorization": f"Bearer {TOKEN}", "content-type": "application/pdf", "idempotency-key": "k"}
    assert await streamed(taking_scans(), "/v1/sheets/7/scans", said, 64) == (200, 64)
    assert await streamed(taking_scans(), "/v1/sheets/7/scans", said) == (413, 65)


@pytest.mark.parametrize("path", ["/v1/sheets/7", "/v1/sheets/7/scans/8", "/v1/scans"])
async def test_a_path_that_takes_no_files_is_held_to_the_ordinary_limit(path: str) -> None:
    for who in ({}, {"authorization": f"Bearer {TOKEN}"}):
        assert await streamed(taking_scans(), path, {"content-type": "application/pdf", **who}) == (413, 2)


async def test_who_sends_a_large_file_without_a_token_gets_to_read_why() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(taking_scans()), base_url="http://t") as client:
        answered = await client.post(
            "/v1/sheets/7/scans", content=CHUNK * 64, headers={"Content-Type": "application/pdf"}
        )
    problem(answered, 401, "unauthenticated")
    assert answered.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "takes"),
    [
        ("POST", "/v1/sheets/7/files", True),
        ("GET", "/v1/sheets/7/files", False),
        ("POST", "/v1/sheets/7/files/", False),
        ("POST", "/v1/sheets/files", False),
        ("POST", "/v2/sheets/7/files", False),
    ],
)
def test_an_intake_knows_its_own_route(method: str, path: str, takes: bool):
    assert FILES.takes(method, path) is takes
