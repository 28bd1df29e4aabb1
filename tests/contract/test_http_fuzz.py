"""Whatever is sent to any route, no answer is our fault: payloads made from the OpenAPI documents and then spoilt.

The services are the real ones on real databases, asked in this process. The seed is printed; HTTP_FUZZ_SEED repeats a
run.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from kernel.tokens import Grant, LocalJwks, Person, TokenVerifier, issue
from schemas.topics import SERVICES
from tests.conftest import DatabaseFactory
from tests.support.malformed import FILES, VALUES, instance
from tests.support.refusals import AT_ONCE, fault_of
from tests.support.stack import say
from tests.support.whole import Route, routes_of

SEED: Final = int(os.environ.get("HTTP_FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
BODIES, OTHERS = 100, 40
"""How many payloads for a route with a body, and for one without."""

ROLES: Final = (
    "secretariat", "member", "secretary", "chair", "verifier", "juror", "contact", "season-admin", "auditor",
    "operator", "publisher", "service",
)  # fmt: skip

_text = st.one_of(st.text(max_size=40), st.sampled_from([str(value) for value in VALUES.values()]))
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _text, st.sampled_from(list(VALUES.values()))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_text, inner, max_size=4)),
    max_leaves=12,
)


@dataclass(frozen=True, slots=True)
class Payload:
    """One request to a route."""

    path: str
    content: bytes | None

    def __str__(self) -> str:
        return f"{self.path} {self.content!r}"


@st.composite
def _payloads(draw: st.DrawFn, route: Route) -> Payload:
    """Draw a right request, in which any part may be anything."""

    def segment(name: str) -> str:
        kind = draw(st.integers(0, 3))
        if kind == 0:
            return quote(draw(_text), safe="") or "-"
        return quote_from_bytes(draw(st.binary(min_size=1, max_size=20)), safe="") if kind == 1 else str(VALUES[name])

    path = quote(route.path({name: segment(name) for name in route.names("path")}), safe="/%")
    # A position that was never given out is waited for; the cases are told in tests of their own.
    names = [name for name in route.names("query") if name != "at_least"]
    asked = draw(st.dictionaries(st.sampled_from(names), _text, max_size=3)) if names else {}
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in asked.items())
    content = None
    if route.body is not None:
        body: Any = instance(route)
        for name in draw(st.lists(st.sampled_from([*body, "unknown"]), max_size=3)):
            body[name] = draw(_json)
        content = json.dumps(body if draw(st.integers(0, 9)) else draw(_json)).encode()
    for media_type in route.files[:1]:
        content = FILES[media_type] + draw(
            st.binary(max_size=100) | _text.map(lambda text: text.encode("utf-8", "replace"))
        )
    return Payload(f"{path}?{query}" if query else path, content)


def _made(route: Route) -> list[Payload]:
    """Return the payloads of a route, the same for the same seed."""
    made: list[Payload] = []

    @seed(SEED)
    @settings(
        max_examples=OTHERS if route.body is None else BODIES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_payloads(route))
    def make(payload: Payload) -> None:
        made.append(payload)

    make()
    return made


@pytest.mark.parametrize("name", SERVICES)
async def test_no_payload_is_answered_by_a_fault_of_ours(name: str, database: DatabaseFactory, tmp_path: Path) -> None:
    say(f"HTTP_FUZZ_SEED={SEED}")
    urls = await database(name)
    module = importlib.import_module(f"services.{name}.app")
    kinds = vars(importlib.import_module(f"services.{name}.settings"))
    service = module.create_service(
        kinds[f"{name.title()}Settings"].load(database_url=urls.login_url, keys=tmp_path, embedded=True)
    )
    key = OKPKey.generate_key("Ed25519", parameters={"kid": "test"})
    service.app.state.verifier = TokenVerifier(LocalJwks(lambda: {"keys": [key.as_dict(private=False)]}))
    token = issue(key, Person(str(uuid4()), tuple(Grant.of(role) for role in ROLES)), lifetime=3600).token
    async with service.app.router.lifespan_context(service.app):
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            faults, seen = await _faults(client, token, routes_of(name, service.app.openapi()))
    assert faults == []
    assert sum(seen.values()) > OTHERS
    assert any(status >= 400 for status in seen), "nothing was refused: the payloads are too tame"


async def _faults(client: httpx.AsyncClient, token: str, routes: list[Route]) -> tuple[list[str], Counter[int]]:
    """Send all payloads of all routes, several at once; return what is no good answer, and each status's number."""
    found: list[str] = []
    seen = Counter[int]()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(route: Route, payload: Payload) -> None:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        if payload.content is not None:
            headers["Content-Type"] = route.files[0] if route.files else "application/json"
        async with gate:
            answer = await client.request(route.method, payload.path, content=payload.content, headers=headers)
        seen[answer.status_code] += 1
        if not answer.is_success and (fault := fault_of(answer.status_code, answer.headers, answer.json)):
            found.append(f"{route.name} {payload}: {fault}: {answer.text[:200]}")

    await asyncio.gather(*(one(route, payload) for route, payload in _all_of(routes)))
    return found, seen


def _all_of(routes: list[Route]) -> Iterator[tuple[Route, Payload]]:
    for route in routes:
        if route.template.startswith(("/v1/", "/.well-known/")):
            for payload in _made(route):
                yield route, payload
