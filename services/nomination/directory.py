"""Names of persons for documents, asked of identity when a document is made and kept nowhere here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx

from kernel.tokens import ServiceToken

_SECONDS: Final = 5.0
_MOST_IDS: Final = 200


class DirectoryAway(Exception):
    """Identity does not answer, or not as expected; try later."""


class Directory:
    """Asks identity, as the service `nomination`."""

    def __init__(self, identity_url: str, secret_file: Path) -> None:
        """Ask the service at `identity_url` with the secret in `secret_file`."""
        self._url = identity_url.rstrip("/")
        self._secret_file = secret_file
        self._token = self._fresh_token()

    def _fresh_token(self) -> ServiceToken:
        return ServiceToken(self._url, "nomination", self._secret_file)

    async def names(self, persons: Iterable[str]) -> dict[str, str]:
        """Return the names of those persons whom identity knows and has not erased. Raises DirectoryAway."""
        asked = sorted(set(persons))
        found: dict[str, str] = {}
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
                for first in range(0, len(asked), _MOST_IDS):
                    found |= await self._some(client, asked[first : first + _MOST_IDS])
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise DirectoryAway(f"{type(error).__name__}: {error}") from error
        return found

    async def _some(self, client: httpx.AsyncClient, persons: list[str]) -> dict[str, str]:
        bearer = await self._token.bearer()
        answer = await client.get(
            f"{self._url}/v1/persons",
            params={"ids": ",".join(persons)},
            headers={"Authorization": f"Bearer {bearer}"},
        )
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Identity has new keys: the token at hand is worth nothing, however long it was to be valid.
            self._token = self._fresh_token()
        answer.raise_for_status()
        return {one["id"]: one["name"] for one in answer.json()["persons"] if one["name"] and not one["erased"]}
