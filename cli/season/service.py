"""Speaks to nomination for the commands on seasons: one request at a time, and every answer but a good one is a line.

What nomination refuses is told as it says it, with the remedy of each field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import httpx
import typer

from cli.addresses import address_of
from cli.login import token_for
from cli.output import WrongUse

_TIMEOUT: Final = 30.0

Login = Annotated[str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")]
NominationUrl = Annotated[
    str | None,
    typer.Option(
        "--nomination", help="Where nomination answers; else PARITRANA_NOMINATION_URL, else as the stack says."
    ),
]
SeasonCode = Annotated[str, typer.Argument(metavar="SEASON", help="The season, for example 2022.")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept beside the record.")]


class NotReached(WrongUse):
    """Nomination does not answer."""


class Refused(WrongUse):
    """Nomination refused what was asked; `code` is its stable code."""

    def __init__(self, code: str, told: str) -> None:
        """Keep the code beside the line."""
        super().__init__(told)
        self.code = code


@dataclass(frozen=True, slots=True)
class Nomination:
    """The service at an address, as whoever a token names."""

    address: str
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every command carries beside the token."""

    @classmethod
    def as_person(cls, login: str | None, given: str | None) -> Nomination:
        """Find the service and sign in; raise WrongUse with what is missing."""
        return cls(address_of("nomination", given), token_for(login))

    def command(self, path: str, body: Mapping[str, Any], key: str, **query: str) -> dict[str, Any]:
        """Send a command and return its answer; raise NotReached or Refused."""
        return self._ask("POST", path, query, body, {"Idempotency-Key": key, **self.headers})

    def read(self, path: str, **query: str) -> dict[str, Any]:
        """Return what a GET answers; raise NotReached or Refused."""
        return self._ask("GET", path, query, None, {})

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a list."""
        while True:
            page = self.read(path, **query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> dict[str, Any]:
        try:
            answer = httpx.request(
                method,
                f"{self.address}{path}",
                params=query,
                json=body,
                headers={"Authorization": f"Bearer {self.token}", **headers},
                timeout=_TIMEOUT,
                trust_env=False,
            )
            said: dict[str, Any] = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotReached(
                f"nomination does not answer at {self.address} ({type(error).__name__}): start the stack with "
                "`paritrana up`"
            ) from None
        except ValueError:
            raise NotReached(
                f"what answers at {self.address} is not nomination; correct PARITRANA_NOMINATION_URL"
            ) from None
        if answer.status_code != httpx.codes.OK:
            raise Refused(str(said.get("type", "")).rpartition("/")[2], _told(said, answer.status_code))
        return said


def _told(problem: Mapping[str, Any], status: int) -> str:
    """Return a problem document in one line: what it says, and the remedy of each field."""
    remedies = [str(each["remedy"]) for each in problem.get("errors", ()) if each.get("remedy")]
    said = str(problem.get("detail", status))
    return " ".join((f"{problem.get('title', 'refused')}: {said}", *(one for one in remedies if one != said)))
