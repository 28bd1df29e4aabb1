"""Members' names, as identity knows them: asked when a checklist is read, and kept nowhere here.

Events know persons by pseudonyms, and so does everything that is made of them. A checklist holds without names too, so
it is shown when identity is away.
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
_LOG = structlog.get_logger(__name__)


class DirectoryAway(Exception):
    """Identity does not answer, or not as expected; try later."""


class Directory:
    """Asks identity, as the service `scoring`."""

    def __init__(self, identity_url: str, secret_file: Path) -> None:
        """Ask the service at `identity_url` with the secret in `secret_file`."""
        self._url = identity_url.rstrip("/")
        self._secret_file = secret_file
        self._token = self._fresh_token()
        # Read once: certificates take longer to load than a question to be answered.
        self._tls = httpx.create_ssl_context(trust_env=False)

    def _fresh_token(self) -> ServiceToken:
        return ServiceToken(self._url, "scoring", self._secret_file)

    async def names(self, persons: Iterable[str]) -> dict[str, str]:
        """Return the names of those persons whom identity knows and has not erased. Raises DirectoryAway."""
        asked = sorted(set(persons))
        found: list[dict[str, Any]] = []
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False, verify=self._tls) as client:
                for first in range(0, len(asked), _MOST_IDS):
                    found += await self._some(client, asked[first : first + _MOST_IDS])
            return {one["id"]: one["name"] for one in found if one["name"] and not one["erased"]}
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


async def with_names(directory: Directory, document: Json) -> Json:
    """Return a checklist with `persons`, the name of every member in it by id, null for who is unknown or was erased.

    `names` says whether identity was asked (`known`) or did not answer (`away`: every name is null, ask again).
    """
    members = sorted(_members_in(document))
    try:
        names, known = await directory.names(members), "known"
    except DirectoryAway as error:
        _LOG.warning("identity gives no names", reason=str(error))
        names, known = {}, "away"
    return {**document, "names": known, "persons": {member: names.get(member) for member in members}}


def _members_in(document: Any) -> set[str]:
    """Return the ids of everybody in a document: all that stands under `member`."""
    if isinstance(document, list):
        return set().union(*map(_members_in, document))
    if not isinstance(document, dict):
        return set()
    own = {document["member"]} if isinstance(document.get("member"), str) else set()
    return own.union(*map(_members_in, document.values()))
