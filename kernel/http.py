"""The HTTP side of every service: what all of them serve, refuse, count and log in the same way.

`create_api` is called once, in a service's composition root. In front of the routes stands one piece of ASGI
middleware: it names the request, reads the body (bounded in size and time, strict in form), keeps commands out until
the service is ready, turns every fault into an RFC 9457 problem, and writes the access log. A body larger than others
may be is read only for whom a token vouches: strangers make the process hold no more than they could anywhere else.
Commands name themselves by `Idempotency-Key` (the header of draft-ietf-httpapi-idempotency-key-header), which is the
command id.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPMethod, HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import structlog
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kernel.body import digest_of, read_json, refuse_text
from kernel.canonical import Json
from kernel.clock import Clock
from kernel.commands import Ask, Receipt
from kernel.decider import Refusal, Text
from kernel.metrics import CONTENT_TYPE, Metrics
from kernel.problems import (
    IDEMPOTENCY_KEY,
    MEDIA_TYPE,
    Problem,
    body_too_large,
    body_too_slow,
    forbidden,
    internal,
    nul_byte,
    problem_of,
    problem_of_http,
    problem_of_validation,
    refused,
    unavailable,
    unsupported_media_type,
)
from kernel.settings import LOOPBACK, IpNetwork
from kernel.tokens import Person, TokenVerifier, require, signed_in

MEBIBYTE: Final = 1 << 20
_VISIBLE_ASCII: Final = r"^[!-~]+$"
_ALWAYS_OPEN: Final = frozenset({"/health/live", "/health/ready", "/metrics", "/openapi.json", "/asyncapi.json"})
_QUIET: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
_CHECK_SECONDS: Final = 3.0

CheckResult: TypeAlias = tuple[bool, str]
Check: TypeAlias = Callable[[], Awaitable[CheckResult]]
Lifespan: TypeAlias = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Intake:
    """What one route takes that takes a file and no JSON: its own bytes, seconds and media types."""

    method: str
    path: str
    """The route's template, for example `/v1/nominations/{nomination}/evidence`."""
    body: int
    accepts: tuple[str, ...]
    body_seconds: float = 120.0

    def takes(self, method: str, path: str) -> bool:
        """Tell whether a request is one to this route."""
        asked, own = path.split("/"), self.path.split("/")
        fits = all(part == wanted or wanted.startswith("{") for part, wanted in zip(asked, own, strict=False))
        return fits and len(asked) == len(own) and method == self.method


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service takes: bytes of a body, seconds for it to arrive, media types; and who may read its metrics."""

    body: int = MEBIBYTE
    body_seconds: float = 30.0
    accepts: tuple[str, ...] = ("application/json",)
    metrics_networks: tuple[IpNetwork, ...] = LOOPBACK
    intakes: tuple[Intake, ...] = ()
    """Routes that take something else than the rest."""

    def of(self, method: str, path: str) -> Limits:
        """Return what the route of a request takes."""
        for intake in self.intakes:
            if intake.takes(method, path):
                return replace(self, body=intake.body, body_seconds=intake.body_seconds, accepts=intake.accepts)
        return self


class Gate:
    """Whether the service takes requests yet; while closed all but health, metrics and documents is a 503."""

    def __init__(self) -> None:
        self.why: str | None = None

    def close(self, why: str) -> None:
        """Refuse requests from now on; `why` is one sentence for operators."""
        self.why = why

    def open(self) -> None:
        """Take requests from now on."""
        self.why = None


def create_api(
    service: str,
    *,
    title: str,
    clock: Clock,
    verifier: TokenVerifier | None = None,
    checks: Mapping[str, Check] | None = None,
    asyncapi: Mapping[str, Any] | None = None,
    lifespan: Lifespan | None = None,
    limits: Limits | None = None,
) -> FastAPI:
    """Return the application of `service`, to which its routes are then added.

    Args:
        service: the service's name, as in its topics.
        title: the API's title in its OpenAPI document.
        clock: what receipt is told by; kept as `app.state.clock`.
        verifier: what tokens are verified by; kept as `app.state.verifier`.
        checks: what readiness asks, by name: `(ok, why)`; more may be put into `app.state.checks`.
        asyncapi: the AsyncAPI document of what the service publishes and receives.
        lifespan: opens and closes what the application needs.
        limits: see `Limits`.

    Beside those, `app.state` has `gate`, `metrics` and `service`.
    """
    limits = limits or Limits()
    app = FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": _PROBLEM_RESPONSE},
    )
    app.state.service = service
    app.state.clock = clock
    app.state.verifier = verifier
    app.state.checks = dict(checks or {})
    app.state.gate = Gate()
    app.state.metrics = Metrics(service)
    _add_handlers(app)
    _add_operations(app, limits, asyncapi)
    app.add_middleware(_Front, api=app, limits=limits)
    return app


_PROBLEM_RESPONSE: Final[dict[str, Any]] = {
    "description": "A problem document (RFC 9457).",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string", "format": "uri-reference"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "instance": {"type": "string", "format": "uri-reference"},
                    "errors": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["field", "remedy"],
                            "properties": {"field": {"type": "string"}, "remedy": {"type": "string"}, "value": {}},
                        },
                    },
                },
            }
        }
    },
}


def _add_handlers(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def _(request: Request, error: Problem) -> Response:
        return error.response(request)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        return problem_of_validation(error).response(request)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        return problem_of_http(error, _methods_of(request)).response(request)


def _methods_of(request: Request) -> Iterator[str]:
    """Return every method that some route takes at the request's path, asked as the router asks its routes."""
    for method in HTTPMethod:
        scope = {**request.scope, "method": method.value}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield method.value


# --- what every service serves --------------------------------------------------------------------------------------


def _add_operations(app: FastAPI, limits: Limits, asyncapi: Mapping[str, Any] | None) -> None:
    @app.get("/health/live", tags=["operation"])
    async def live() -> dict[str, str]:
        """Say that the process runs."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["operation"])
    async def ready() -> JSONResponse:
        """Say whether the service can do its work now, and per check why not."""
        found = await readiness(app)
        good = all(ok for ok, _ in found.values())
        app.state.metrics.ready.set(good)
        shown = {name: {"ok": ok, "why": why} for name, (ok, why) in found.items()}
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"status": "ready" if good else "unready", "checks": shown}, status)

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def metrics(request: Request) -> Response:
        """Show the service's measures to loopback and the operators' networks."""
        if not _is_within(request, limits.metrics_networks):
            raise forbidden(Text("Metrics are for the operators' network.", "Metrik hanya untuk jaringan operator."))
        return Response(app.state.metrics.render(), media_type=CONTENT_TYPE)

    if asyncapi is not None:

        @app.get("/asyncapi.json", include_in_schema=False)
        async def asyncapi_document() -> JSONResponse:
            return JSONResponse(asyncapi)


async def readiness(app: FastAPI) -> dict[str, CheckResult]:
    """Return what each check of the application finds now; one that fails or hangs is a finding like any other."""
    # A copy: what starts meanwhile adds its own.
    checks: dict[str, Check] = dict(app.state.checks)
    found = await asyncio.gather(*(_checked(check) for check in checks.values()))
    gate: Gate = app.state.gate
    opened = {} if gate.why is None else {"gate": (False, gate.why)}
    return {**dict(zip(checks, found, strict=True)), **opened}


async def _checked(check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return False, f"no answer within {_CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a check meets is its finding
        return False, f"{type(error).__name__}: {error}"


def _is_within(request: Request, networks: tuple[IpNetwork, ...]) -> bool:
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


# --- commands -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What every command says beside its body.

    `actor` is the pseudonymous person, `key` the Idempotency-Key, `route` the method and the route's template: these
    three are the command's identity. `digest` is the SHA-256 of what is asked for: the same key with another digest is
    another content. `received` is when the whole request had arrived, by the injected clock.
    """

    actor: str
    key: str
    route: str
    digest: bytes
    received: datetime
    correlation: str | None
    person: Person

    def ask(self, office: str | None = None) -> Ask:
        """Return what is handed to the executor, acted in `office`."""
        return Ask(
            actor=self.actor,
            route=self.route,
            key=self.key,
            digest=self.digest,
            received=self.received,
            office=office,
            correlation=self.correlation,
        )


def answer(outcome: Receipt | Refusal) -> Json:
    """Return the receipt of an accepted command as JSON; raise the Problem that a refusal is."""
    if isinstance(outcome, Refusal):
        raise refused(outcome)
    return outcome.as_json()


def command_by(role: str, *others: str) -> Callable[..., Awaitable[CommandRequest]]:
    """Return a dependency that gives the command's frame, for people with one of the roles.

    A 401 without a token, a 403 without a role, a 400 without a usable Idempotency-Key.
    """
    # Who asks is found out first, so that who may not is told so before what is missing in the request.
    asking = Depends(require(role, *others))

    async def command(
        *,
        request: Request,
        person: Person = asking,
        key: Annotated[
            str,
            Header(
                alias=IDEMPOTENCY_KEY,
                min_length=1,
                max_length=255,
                pattern=_VISIBLE_ASCII,
                description="Names the command: repeat it with the same content and nothing is done twice.",
            ),
        ],
        correlation: Annotated[
            str | None,
            Header(
                alias="Correlation-Id",
                min_length=1,
                max_length=128,
                pattern=_VISIBLE_ASCII,
                description="Names the journey that the command belongs to.",
            ),
        ] = None,
    ) -> CommandRequest:
        return CommandRequest(
            actor=person.id,
            key=key,
            route=f"{request.method} {_route_of(request.scope)}",
            digest=request.state.digest,
            received=request.state.received,
            correlation=correlation,
            person=person,
        )

    return command


# --- in front of the routes -----------------------------------------------------------------------------------------

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_BEFORE_THE_BODY: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Refusals of this middleware while a large body may still be on its way."""
_DRAINED_AT_MOST: Final = 16 * MEBIBYTE
_DRAIN_SECONDS: Final = 5.0
_CLIENT_LEFT: Final = 499
_access = structlog.get_logger("access")
_faults = structlog.get_logger("faults")


class _ClientLeft(Exception):
    """The client closed the connection before its request was read."""


class _Front:
    """The middleware around all routes of one application."""

    def __init__(self, app: ASGIApp, api: FastAPI, limits: Limits) -> None:
        self._app = app
        self._api = api
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self._app, self._api, self._limits, scope, receive, send).run()


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: ASGIApp, api: FastAPI, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._api = app, api
        self._limits = limits.of(scope["method"], scope["path"]) if limits.intakes else limits
        self._takes_more = self._limits.body > limits.body
        self._scope, self._receive, self._send = scope, receive, send
        self._status: int | None = None
        self._request_id = str(uuid.uuid4())
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = self._request_id
        self._request = Request(scope)

    async def run(self) -> None:
        """Answer the request, whatever happens, and leave a line in the log and a count in the metrics."""
        started = time.perf_counter()
        try:
            await self._answer()
        except _ClientLeft:
            self._status = self._status or _CLIENT_LEFT
        finally:
            self._record(time.perf_counter() - started)

    async def _answer(self) -> None:
        try:
            body = await self._admit()
            await self._app(self._scope, _replay(body, self._receive), self._outgoing)
        except _ClientLeft:
            raise
        except Exception as error:  # noqa: BLE001 - this is the last place; nothing of our inside may leave
            problem = problem_of(error)
            if problem is None:
                _faults.exception("fault", request_id=self._request_id, route=_route_of(self._scope))
            elif not isinstance(error, Problem):
                _faults.warning("unavailable", request_id=self._request_id, error=f"{type(error).__name__}: {error}")
            if self._status is None:
                await self._refuse(problem or internal())

    async def _admit(self) -> bytes:
        """Return the body of a request that may go on to the routes; raise a Problem for any other."""
        path: str = self._scope["path"]
        gate: Gate = self._api.state.gate
        if gate.why is not None and path not in _ALWAYS_OPEN:
            raise unavailable(
                "not-ready", Text("The service is not ready yet", "Layanan belum siap"), Text(gate.why, gate.why)
            )
        refuse_text(path, "path")
        if b"%00" in self._scope["query_string"]:
            raise nul_byte("query")
        if self._takes_more:
            # Only the head is here by now; the route asks again, for a role too, and finds the token known.
            await signed_in(self._request)
        body = await self._read()
        value = read_json(body) if body and self._media_type() == "application/json" else None
        self._state["digest"] = digest_of(self._scope["method"], path, self._scope["query_string"], body, value)
        if self._scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            self._state["received"] = self._api.state.clock.now()
        return body

    def _media_type(self) -> str:
        declared = self._request.headers.get("content-type", "")
        media_type, _, parameters = declared.partition(";")
        media_type = media_type.strip().lower()
        charset = parameters.strip().lower().replace('"', "").replace(" ", "")
        unfit = charset.startswith("charset=") and charset not in ("charset=utf-8", "charset=us-ascii")
        if media_type not in self._limits.accepts or (unfit and media_type == "application/json"):
            raise unsupported_media_type(self._limits.accepts)
        return media_type

    async def _read(self) -> bytes:
        limit = self._limits.body
        announced = self._request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced[:20]) > limit:
            raise body_too_large(limit)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in _chunks(self._receive):
                    size += len(chunk)
                    if size > limit:
                        raise body_too_large(limit)
                    chunks.append(chunk)
        except TimeoutError:
            raise body_too_slow() from None
        return b"".join(chunks)

    async def _refuse(self, problem: Problem) -> None:
        """Answer at once, then take in a bounded rest of the body, so that the client gets to read the answer."""
        response = problem.response(self._request)
        await self._outgoing({"type": "http.response.start", "status": problem.status, "headers": response.raw_headers})
        await self._outgoing({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
        if problem.status in _BEFORE_THE_BODY:
            await self._drain()
        await self._outgoing({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        drained = 0
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for chunk in _chunks(self._receive):
                    drained += len(chunk)
                    if drained > _DRAINED_AT_MOST:
                        return
        except TimeoutError:
            return

    async def _outgoing(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [header for header in _HEADERS if header[0] not in present]
            headers.append((b"x-request-id", self._request_id.encode("ascii")))
            message = {**message, "headers": headers}
        await self._send(message)

    def _record(self, seconds: float) -> None:
        method, route = self._scope["method"], _route_of(self._scope)
        status = self._status or HTTPStatus.INTERNAL_SERVER_ERROR
        self._api.state.metrics.answered(method, route, status, seconds)
        client = self._scope.get("client")
        write = _access.debug if self._scope["path"] in _QUIET else _access.info
        write(
            "request",
            request_id=self._request_id,
            correlation=self._request.headers.get("correlation-id", "")[:128] or None,
            method=method[:16],
            path=self._scope["path"][:256],
            route=route,
            status=int(status),
            milliseconds=round(seconds * 1000, 2),
            actor=self._state.get("actor"),
            client=client[0] if client else None,
        )


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body read already, and afterwards what the connection says."""
    waiting = True

    async def again() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _route_of(scope: Scope) -> str | None:
    route = scope.get("route")
    path: str | None = getattr(route, "path", None)
    return path
