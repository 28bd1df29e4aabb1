"""Names and addresses, asked of identity when a message is written and kept nowhere here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from kernel.tokens import ServiceToken
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
        try:
            bearer = await self._token.bearer()
            answer = await self._open().get(
                f"{self._url}/v1/persons", params={"ids": asked}, headers={"Authorization": f"Bearer {bearer}"}
            )
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                # Identity has new keys: the token at hand is worth nothing, however long it was to be valid.
                self._token = self._fresh_token()
            answer.raise_for_status()
            return {UUID(one["id"]): _addressee(one) for one in answer.json()["persons"]}
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise DirectoryAway(f"{type(error).__name__}: {error}") from error


def _addressee(person: dict[str, Any]) -> Addressee:
    address = None if person["erased"] else person["email"]
    return Addressee(person["name"] or "", address, "en" if person["locale"] == "en" else "id", person["erased"])
