"""Speaks to a service for one command: one request at a time, and every answer but a good one is a line.

What a service refuses is told as it says it, with the remedy of each field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Self

import httpx
import typer

from cli.addresses import address_of
from cli.asking import token_of
from cli.output import WrongUse

_TIMEOUT: Final = 30.0
_NONE: Final[Mapping[str, str]] = {}

Login = Annotated[str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")]
NominationUrl = Annotated[
    str | None,
    typer.Option(
        "--nomination", help="Where nomination answers; else PARITRANA_NOMINATION_URL, else as the stack says."
    ),
]
Why = Annotated[str, typer.Option("--reason", help="Why; kept beside the record.")]


class NotReached(WrongUse):
    """The service does not answer."""


class Refused(WrongUse):
    """The service refused what was asked; `code` is its stable code."""

    def __init__(self, code: str, told: str) -> None:
        """Keep the code beside the line."""
        super().__init__(told)
        self.code = code


@dataclass(frozen=True, slots=True)
class Service:
    """A service at an address, as whoever a token names; without one, as anybody."""

    name: ClassVar[str]
    """The service's name, as messages and settings have it."""

    address: str
    token: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every command carries beside the token."""

    @classmethod
    def as_person(cls, login: str | None, given: str | None) -> Self:
        """Find the service and sign in; raise WrongUse with what is missing."""
        return cls(address_of(cls.name, given), token_of(login))

    @classmethod
    def as_anybody(cls, given: str | None) -> Self:
        """Find the service, for what is open to all."""
        return cls(address_of(cls.name, given), None)

    def command(self, path: str, body: Mapping[str, Any], key: str, **query: str) -> dict[str, Any]:
        """Send a command and return its answer; raise NotReached or Refused."""
        return self._understood(self._sent("POST", path, query, body, {"Idempotency-Key": key, **self.headers}))

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """Return what a GET answers; raise NotReached or Refused."""
        return self._understood(self._sent("GET", path, query))

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a list."""
        while True:
            page = self.read(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def document(self, path: str) -> bytes:
        """Return the file that a GET answers with; raise NotReached or Refused."""
        answer = self._sent("GET", path)
        if answer.status_code != httpx.codes.OK:
            self._understood(answer)
        return answer.content

    def _sent(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = _NONE,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = _NONE,
    ) -> httpx.Response:
        mine = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        try:
            return httpx.request(
                method,
                f"{self.address}{path}",
                params=query,
                json=body,
                headers={**mine, **headers},
                timeout=_TIMEOUT,
                trust_env=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotReached(
                f"{self.name} does not answer at {self.address} ({type(error).__name__}): start the stack with "
                "`paritrana up`"
            ) from None

    def _understood(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the body of a good answer; raise Refused for a problem, and NotReached for what is no service's."""
        try:
            said: dict[str, Any] = answer.json()
        except ValueError:
            raise NotReached(
                f"what answers at {self.address} is not {self.name}; correct PARITRANA_{self.name.upper()}_URL"
            ) from None
        if answer.status_code != httpx.codes.OK:
            raise Refused(str(said.get("type", "")).rpartition("/")[2], told_of(said, answer.status_code))
        return said


def told_of(problem: Mapping[str, Any], status: int) -> str:
    """Return a problem document in one line: what it says, and the remedy of each field.

    Where a request is not well formed the fields are all that it says, so they are named.
    """
    faults = [each for each in problem.get("errors", ()) if each.get("remedy")]
    said_by_fields = "detail" not in problem or str(problem.get("type", "")).endswith("/invalid-request")
    if said_by_fields and faults:
        named = "; ".join(f"{each.get('field', '?')}: {each['remedy']}" for each in faults)
        return f"{problem.get('title', 'refused')}: {named}"
    remedies = [str(each["remedy"]) for each in faults]
    said = str(problem.get("detail", status))
    return " ".join((f"{problem.get('title', 'refused')}: {said}", *(one for one in remedies if one != said)))


@dataclass(frozen=True, slots=True)
class Nomination(Service):
    """The nomination service."""

    name = "nomination"


@dataclass(frozen=True, slots=True)
class Scoring(Service):
    """The scoring service."""

    name = "scoring"


@dataclass(frozen=True, slots=True)
class Audit(Service):
    """The audit service."""

    name = "audit"
