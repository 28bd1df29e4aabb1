"""Speaks to the services as the people of a script do: with their own tokens, over the public HTTP APIs.

A command carries an Idempotency-Key that follows from what it is, so a play that is repeated on the same stack does
nothing twice. Services learn of each other's events through Kafka: before a command that rests on such an event, the
client asks the service's own read API to wait for it (`?at_least=<stream>@<version>`), bounded in time and without
guessing. Whatever is answered otherwise than the script says ends the play.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

import httpx

from kernel.decider import Position

Json = dict[str, Any]
Method = Literal["GET", "POST", "PUT"]

AT_ONCE: Final = 12
"""Requests under way at the same time: more only wait in line on a small machine."""
_PATIENCE: Final = 60.0
"""Seconds to wait for an event to arrive at a service, or for a service that is busy or away."""
_PAUSE: Final = 0.05
_TRY_AGAIN: Final = frozenset({429, 503})
"""Answers to try again after: the service is busy or not ready, and nothing was done."""


class Unexpected(Exception):
    """Something came out otherwise than the script says; the message is one line."""


@dataclass(slots=True)
class Client:
    """All services of a stack, as whoever a request names; use it as an asynchronous context manager."""

    urls: Mapping[str, str]
    password: str
    heads: dict[str, int] = field(default_factory=dict)
    """The last version of every stream that a receipt named."""
    positions: dict[str, Position] = field(default_factory=dict)
    """How far the log of each service had come by its receipts; what is open to all waits for no event by its name."""
    commands: int = 0
    """Commands accepted or refused as the script says."""
    _tokens: dict[str, asyncio.Task[str]] = field(default_factory=dict)
    _http: httpx.AsyncClient = field(init=False)
    _gate: asyncio.Semaphore = field(init=False)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        limits = httpx.Limits(max_connections=2 * AT_ONCE, max_keepalive_connections=2 * AT_ONCE)
        # No proxy of the environment: the services are on this machine.
        self._http = httpx.AsyncClient(timeout=30.0, trust_env=False, limits=limits)
        self._gate = asyncio.Semaphore(AT_ONCE)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        for task in self._tokens.values():
            task.cancel()
        await self._http.aclose()

    # --- commands --------------------------------------------------------------------------------------------------

    async def command(
        self, who: str, service: str, path: str, body: Json | None = None, *, key: str, method: Method = "POST"
    ) -> Json:
        """Send a command as the person who signs in by `who`, and return its answer; raise Unexpected if refused."""
        answer = await self._send(who, service, method, path, body=body, key=key)
        return self._done(who, service, f"{method} {path}", answer)

    async def attach(self, who: str, path: str, document: bytes, said: Mapping[str, str], *, key: str) -> Json:
        """Send nomination a PDF as the person who signs in by `who`, with what is `said` of it in the query."""
        answer = await self._send(who, "nomination", "POST", path, pdf=document, query=said, key=key)
        return self._done(who, "nomination", f"POST {path}", answer)

    def _done(self, who: str, service: str, what: str, answer: httpx.Response) -> Json:
        """Return what an accepted command answers, with the heads of its receipt noted; raise Unexpected if refused."""
        found = cast("Json", answer.json())
        if not answer.is_success:
            raise Unexpected(f"{who} was refused {what}: {_told(answer.status_code, found)}")
        for event in found.get("events", ()):
            self.heads[event["stream"]] = max(event["version"], self.heads.get(event["stream"], 0))
        if position := found.get("position"):
            reached = Position.parse(position)
            self.positions[service] = max(reached, self.positions.get(service, reached))
        self.commands += 1
        return found

    async def refusal(
        self, who: str, service: str, path: str, body: Json, *, key: str, code: str, method: Method = "POST"
    ) -> Json:
        """Send a command that must be refused with `code`, and return the problem document."""
        answer = await self._send(who, service, method, path, body=body, key=key)
        found = cast("Json", answer.json())
        if answer.is_success or not str(found.get("type", "")).endswith(code):
            raise Unexpected(
                f"{who} should have been refused {method} {path} as {code}: {_told(answer.status_code, found)}"
            )
        self.commands += 1
        return found

    # --- reads -----------------------------------------------------------------------------------------------------

    async def read(self, who: str | None, service: str, path: str, **query: str) -> Json:
        """Return what a GET answers; `who` is None for what is open to all."""
        answer = await self._send(who, service, "GET", path, query=query)
        found = cast("Json", answer.json())
        if not answer.is_success:
            raise Unexpected(f"{who} may not read {path}: {_told(answer.status_code, found)}")
        return found

    async def fetch(self, who: str, service: str, path: str) -> bytes:
        """Return the bytes of a document that a GET answers with."""
        answer = await self._send(who, service, "GET", path)
        if not answer.is_success:
            raise Unexpected(f"{who} may not read {path}: {_told(answer.status_code, answer.json())}")
        return answer.content

    async def read_all(self, who: str | None, service: str, path: str, **query: str) -> list[Json]:
        """Return the items of all pages of a list."""
        items: list[Json] = []
        while True:
            page = await self.read(who, service, path, **query)
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]

    async def folded(self, service: str, path: str) -> None:
        """Wait until a service has folded all that its own receipts told of; `path` is a GET of it, open to all."""
        if service in self.positions:
            await self.read(None, service, path, at_least=str(self.positions[service]), limit="1")

    async def arrived(self, who: str, service: str, path: str, streams: Iterable[str]) -> None:
        """Wait until a service has folded the last event that receipts named of each stream.

        `path` is a GET of the service that takes `at_least`, and `who` may know of the streams.
        """
        points = [f"{stream}@{self.heads[stream]}" for stream in streams]
        await asyncio.gather(*(self.read(who, service, path, at_least=point, limit="1") for point in points))

    # --- one request -----------------------------------------------------------------------------------------------

    async def _send(
        self,
        who: str | None,
        service: str,
        method: Method,
        path: str,
        *,
        body: Json | None = None,
        pdf: bytes | None = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        headers = {} if who is None else {"Authorization": f"Bearer {await self._token(who)}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if pdf is not None:
            headers["Content-Type"] = "application/pdf"
        url, deadline = f"{self.urls[service]}{path}", time.monotonic() + _PATIENCE
        while True:
            async with self._gate:
                try:
                    answer = await self._http.request(
                        method, url, json=body, content=pdf, params=query, headers=headers
                    )
                except httpx.TransportError as error:
                    # The command's key makes it safe to send it again.
                    said = f"{type(error).__name__}"
                else:
                    if answer.status_code not in _TRY_AGAIN:
                        return answer
                    said = str(answer.status_code)
            if time.monotonic() > deadline:
                raise Unexpected(f"{service} did not answer {method} {path} within {_PATIENCE:.0f} s ({said})")
            await asyncio.sleep(_PAUSE)

    async def token(self, who: str) -> str:
        """Return the token of the person who signs in by `who`."""
        return await self._token(who)

    async def _token(self, who: str) -> str:
        # One sign-in a person, however many of the person's requests begin at once.
        if who not in self._tokens:
            self._tokens[who] = asyncio.create_task(self._sign_in(who))
        return await self._tokens[who]

    async def _sign_in(self, who: str) -> str:
        sent = {"login": who, "password": self.password}
        answer = await self._send(None, "identity", "POST", "/v1/sign-in", body=sent)
        if not answer.is_success:
            raise Unexpected(f"{who} cannot sign in: {_told(answer.status_code, answer.json())}")
        return str(answer.json()["token"])


def _told(status: int, problem: Json) -> str:
    """Return a problem document in one line."""
    errors = "; ".join(f"{one.get('field')}: {one.get('remedy')}" for one in problem.get("errors", ()))
    kind = str(problem.get("type", "")).rpartition(":")[2].rpartition("/")[2]
    return " ".join(str(part) for part in (status, kind, problem.get("title", ""), errors) if part)


async def until(said: str, found: Any, *, within: float = _PATIENCE) -> None:
    """Ask `found()` (asynchronous) again and again until it holds; raise Unexpected with `said` after `within` s."""
    deadline = time.monotonic() + within
    while not await found():
        if time.monotonic() > deadline:
            raise Unexpected(f"{said} (waited {within:.0f} s)")
        await asyncio.sleep(_PAUSE)
