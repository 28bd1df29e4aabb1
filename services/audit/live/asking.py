"""How the audit reads another service's feed: over HTTP, by its own token, as anybody else who is let in would."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from kernel.decider import Position
from kernel.feed import PATH, FeedPage, after_event, after_position, of_stream_after
from kernel.tokens import ServiceToken

ITEMS: Final = 200
"""Events of a page: what a service answers at once without being held up by it."""
_SECONDS: Final = 10.0


class FeedAway(Exception):
    """A feed cannot be read; the message says why."""


class FeedClient:
    """Reads the feeds of services by their addresses."""

    def __init__(self, identity_url: str, service: str, secret_file: Path) -> None:
        """Ask as `service`, with the secret in `secret_file`, for a token of the identity service."""
        self._identity_url, self._service, self._secret_file = identity_url, service, secret_file
        self._token = self._fresh_token()
        # No proxy of the environment: the services are on the operators' own network.
        self._http = httpx.AsyncClient(timeout=_SECONDS, trust_env=False)

    def _fresh_token(self) -> ServiceToken:
        return ServiceToken(self._identity_url, self._service, self._secret_file)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def after(self, url: str, position: Position) -> FeedPage:
        """Return the page after a position of the service's log. Raises FeedAway."""
        return await self._page(url, {"cursor": after_position(position)})

    async def after_event(self, url: str, stream: str, version: int) -> FeedPage:
        """Return the page after an event in the order of stream and version. Raises FeedAway."""
        return await self._page(url, {"order": "stream", "cursor": after_event(stream, version)})

    async def one(self, url: str, stream: str, version: int) -> str | None:
        """Return the hash of one event as the feed has it, `""` where it has none of it. Raises FeedAway."""
        asked = {"stream": stream, "cursor": of_stream_after(stream, version - 1)}
        for item in (await self._page(url, asked, limit=1)).items:
            if item.version == version:
                return item.hash
        return ""

    async def _page(self, url: str, query: dict[str, str], limit: int = ITEMS) -> FeedPage:
        try:
            answer = await self._asked(url, {**query, "limit": str(limit)})
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                # Identity has new keys: the token at hand is worth nothing, however long it was to be valid.
                self._token = self._fresh_token()
                answer = await self._asked(url, {**query, "limit": str(limit)})
            answer.raise_for_status()
            return FeedPage.model_validate_json(answer.content)
        except httpx.HTTPStatusError as error:
            raise FeedAway(f"it answers {error.response.status_code}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise FeedAway(f"{type(error).__name__}: {error}".removesuffix(": ")) from None
        except (ValidationError, ValueError, KeyError) as error:
            raise FeedAway(f"what answers is no feed ({type(error).__name__})") from None

    async def _asked(self, url: str, query: dict[str, str]) -> httpx.Response:
        bearer = await self._token.bearer()
        return await self._http.get(
            f"{url.rstrip('/')}{PATH}", params=query, headers={"Authorization": f"Bearer {bearer}"}
        )
