"""The audit service over HTTP, as the export reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from services.audit.export import Exported, NotExported, StoreStatus

_PAGE: Final = 500
_PAUSE: Final = 0.5


class _Status(BaseModel):
    position: str
    events: int


class _Head(BaseModel):
    version: int


class _Heads(BaseModel):
    items: list[_Head]


class _Event(BaseModel):
    stream: str
    version: int
    document: str


class _Page(BaseModel):
    items: list[_Event]
    next: str | None


Body = TypeVar("Body", bound=BaseModel)


class AuditClient:
    """Reads the audit service's store as an auditor. Every fault is a NotExported that says what to do."""

    def __init__(self, url: str, token: str, *, patience: float) -> None:
        """Read from the service at `url` with a bearer token; wait `patience` seconds for one that is away."""
        self._patience = patience
        self._url = url.rstrip("/")
        # No proxy of the environment: the service is on this machine or the operators' own network.
        self._client = httpx.Client(timeout=60.0, trust_env=False, headers={"Authorization": f"Bearer {token}"})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def status(self) -> StoreStatus:
        """Return the end of the store's log and how many events it holds."""
        body = self._get("/v1/status", {}, _Status)
        return StoreStatus(body.position, body.events)

    def heads(self, stream: str) -> int:
        """Return the version at which the store has a stream, 0 when it does not know it."""
        items = self._get("/v1/heads", {"stream": stream}, _Heads).items
        return items[0].version if items else 0

    def events(self, until: str) -> Iterator[Exported]:
        """Return every event up to a position, in the order of (stream, version)."""
        cursor: str | None = None
        while True:
            asked = {"until": until, "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
            body = self._get("/v1/export", asked, _Page)
            for item in body.items:
                yield Exported(item.stream, item.version, item.document)
            cursor = body.next
            if cursor is None:
                return

    def _get(self, path: str, query: dict[str, str], model: type[Body]) -> Body:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answer = self._client.get(f"{self._url}{path}", params=query)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise NotExported(f"{self._url!r} is no URL of a service: {error}") from None
            except httpx.HTTPError as error:
                said = type(error).__name__
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return self._body(path, answer, model)
                said = "it is not ready"
            if time.monotonic() >= deadline:
                raise NotExported(f"the audit service at {self._url} does not answer ({said}): start it, or give --url")
            time.sleep(_PAUSE)

    def _body(self, path: str, answer: httpx.Response, model: type[Body]) -> Body:
        match answer.status_code:
            case httpx.codes.OK:
                try:
                    return model.model_validate_json(answer.content)
                except ValidationError:
                    raise NotExported(f"what answers {path} at {self._url} is not the audit service") from None
            case httpx.codes.UNAUTHORIZED:
                raise NotExported("the token is not accepted: sign in as an auditor and give the token anew")
            case httpx.codes.FORBIDDEN:
                raise NotExported("this person is no auditor: export with an auditor's token")
            case status:
                raise NotExported(f"the audit service answered {path} with {status}: is {self._url} the right --url?")
