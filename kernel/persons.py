"""Persons as identity knows them: who exists, and by what name; asked when it is needed and kept nowhere.

Events know persons by pseudonyms, and so does every document that is made of them. What is read holds without names
too, so it is shown when identity is away; what brings a person in waits for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from kernel.canonical import Json
from kernel.tokens import ServiceToken

_SECONDS: Final = 5.0
_MOST_IDS: Final = 200
_LOG: Final = structlog.get_logger("persons")


class DirectoryAway(Exception):
    """Identity does not answer, or not as expected; try later."""


class Directory:
    """Asks identity, as one of the services."""

    def __init__(self, identity_url: str, service: str, secret_file: Path) -> None:
        """Ask the service at `identity_url` as `service`, with the secret in `secret_file`."""
        self._url = identity_url.rstrip("/")
        self._service = service
        self._secret_file = secret_file
        self._token = self._fresh_token()
        # Read once: certificates take longer to load than a question to be answered.
        self._tls = httpx.create_ssl_context(trust_env=False)

    def _fresh_token(self) -> ServiceToken:
        return ServiceToken(self._url, self._service, self._secret_file)

    async def names(self, persons: Iterable[str]) -> dict[str, str]:
        """Return the names of those persons whom identity knows and has not erased. Raises DirectoryAway."""
        return {one["id"]: one["name"] for one in await self._standing(persons)}

    async def strangers(self, persons: Iterable[str]) -> frozenset[str]:
        """Return those persons whom identity does not know or has erased. Raises DirectoryAway."""
        asked = frozenset(persons)
        return asked - {one["id"] for one in await self._standing(asked)}

    async def _standing(self, persons: Iterable[str]) -> list[dict[str, Any]]:
        """Return what identity says of those whom it knows and has not erased, in as few questions as it takes."""
        asked = sorted(set(persons))
        found: list[dict[str, Any]] = []
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False, verify=self._tls) as client:
                for first in range(0, len(asked), _MOST_IDS):
                    found += await self._some(client, asked[first : first + _MOST_IDS])
            return [one for one in found if one["name"] and not one["erased"]]
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise DirectoryAway(f"{type(error).__name__}: {error}") from error

    async def _some(self, client: httpx.AsyncClient, persons: list[str]) -> list[dict[str, Any]]:
        answer = await self._ask(client, persons)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Identity has new keys: the token at hand is worth nothing, however long it was to be valid.
            self._token = self._fresh_token()
            answer = await self._ask(client, persons)
        answer.raise_for_status()
        told: list[dict[str, Any]] = answer.json()["persons"]
        return told

    async def _ask(self, client: httpx.AsyncClient, persons: list[str]) -> httpx.Response:
        bearer = await self._token.bearer()
        return await client.get(
            f"{self._url}/v1/persons",
            params={"ids": ",".join(persons)},
            headers={"Authorization": f"Bearer {bearer}"},
        )


async def with_names(directory: Directory, document: Json, persons: Iterable[str]) -> Json:
    """Return a document with `persons`, the name of each by id, null for who is unknown or was erased.

    `names` says whether identity was asked (`known`) or did not answer (`away`: every name is null, ask again).
    """
    asked = sorted(set(persons))
    try:
        names, known = await directory.names(asked), "known"
    except DirectoryAway as error:
        _LOG.warning("identity gives no names", reason=str(error))
        names, known = {}, "away"
    return {**document, "names": known, "persons": {person: names.get(person) for person in asked}}
