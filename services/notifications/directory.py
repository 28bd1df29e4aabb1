"""Names and addresses, and who holds a role: asked of identity when it is needed and kept nowhere here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from kernel.tokens import ServiceToken
from services.notifications.domain.calls import SCOPE_OF, HeldRole, Holder
from services.notifications.texts import Locale

_SECONDS: Final = 5.0
MOST_IDS: Final = 200


class DirectoryAway(Exception):
    """Identity does not answer, or not as expected; try later."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """How a person is written to; no address when there is none or the person was erased."""

    name: str
    address: str | None
    locale: Locale
    erased: bool = False


class Directory:
    """Asks identity, as the service `notifications`, over connections that are kept until it is closed."""

    def __init__(self, identity_url: str, secret_file: Path) -> None:
        """Ask the service at `identity_url` with the secret in `secret_file`."""
        self._url = identity_url.rstrip("/")
        self._secret_file = secret_file
        self._client: httpx.AsyncClient | None = None
        self._token = self._fresh_token()

    def _open(self) -> httpx.AsyncClient:
        if self._client is None or self._client.is_closed:
            self._client = httpx.AsyncClient(timeout=_SECONDS, trust_env=False)
        return self._client

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        if self._client is not None:
            await self._client.aclose()

    def _fresh_token(self) -> ServiceToken:
        return ServiceToken(self._url, "notifications", self._secret_file)

    async def find(self, persons: Iterable[UUID]) -> dict[UUID, Addressee]:
        """Return those of up to 200 persons that identity knows. Raises DirectoryAway."""
        asked = ",".join(str(person) for person in sorted(set(persons))[:MOST_IDS])
        with _away():
            told = await self._ask({"ids": asked})
            return {UUID(one["id"]): _addressee(one) for one in told["persons"]}

    async def holders(self, role: HeldRole) -> list[Holder]:
        """Return who holds a role now, one for each grant that says over what. Raises DirectoryAway."""
        found: list[Holder] = []
        asked: dict[str, str] = {"role": role, "limit": str(MOST_IDS)}
        with _away():
            while True:
                page = await self._ask(asked)
                for one in page["persons"]:
                    found += _held(one, SCOPE_OF[role])
                if page["next"] is None:
                    return found
                asked["cursor"] = page["next"]

    async def _ask(self, asked: Mapping[str, str]) -> dict[str, Any]:
        bearer = await self._token.bearer()
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = await self._open().get(f"{self._url}/v1/persons", params=dict(asked), headers=headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Identity has new keys: the token at hand is worth nothing, however long it was to be valid.
            self._token = self._fresh_token()
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise DirectoryAway(f"{type(error).__name__}: {error}") from error


def _held(person: dict[str, Any], scope: str) -> Iterator[Holder]:
    for stated in person["scopes"]:
        if scope in stated:
            yield Holder(person["id"], stated[scope], stated.get("season"))


def _addressee(person: dict[str, Any]) -> Addressee:
    address = None if person["erased"] else person["email"]
    return Addressee(person["name"] or "", address, "en" if person["locale"] == "en" else "id", person["erased"])
