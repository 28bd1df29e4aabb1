"""How the parts of a running stack are at this moment: each is asked itself, all at once, within a bounded time.

A service answers `GET /health/ready` with its checks and why each fails. The stores and the mail sink have no such
page: of them it is seen that they take a connection, and what they lack is told by the services that need them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx

State = Literal["ready", "unready", "no answer"]

# A service gives each of its checks 3 s; the answer that names the one which hangs is worth the wait.
_SECONDS: Final = 4.0
_TOLD: Final = "ingest"
"""The check that is told when it is well, too."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a part says of itself.

    `why` says what it lacks, or why it did not answer, as far as that is known; of ingest that is ready what it does.
    """

    state: State
    why: str = ""


async def ask_all(parts: Sequence[Mapping[str, Any]]) -> list[Health]:
    """Ask every part of a supervisor's status, and return what each says in the same order."""
    # No proxy of the environment: the parts are on this machine.
    async with httpx.AsyncClient(timeout=2 * _SECONDS, trust_env=False) as client:
        return list(await asyncio.gather(*(_ask(client, part) for part in parts)))


async def _ask(client: httpx.AsyncClient, part: Mapping[str, Any]) -> Health:
    if part["pid"] is None:
        # Whatever listens at its place is not it.
        return Health("no answer", part.get("why") or "it does not run")
    try:
        async with asyncio.timeout(_SECONDS):
            url = str(part["url"])
            return await (_ask_service(client, url) if url.startswith("http") else _ask_port(url))
    except TimeoutError:
        return Health("no answer", part.get("why") or f"not within {_SECONDS:g} s")
    except (httpx.HTTPError, OSError) as error:
        return Health("no answer", part.get("why") or type(error).__name__)


async def _ask_service(client: httpx.AsyncClient, url: str) -> Health:
    answer = await client.get(f"{url}/health/ready")
    return Health("ready", _told_in(answer)) if answer.is_success else Health("unready", failing_in(answer))


def _told_in(answer: httpx.Response) -> str:
    """Return what a service that is ready says of ingest: that is ready too while operators have paused it."""
    try:
        why = answer.json()["checks"][_TOLD]["why"]
    except (ValueError, KeyError, TypeError):
        return ""
    return why if isinstance(why, str) else ""


def failing_in(answer: httpx.Response) -> str:
    """Return which checks fail in the answer of a service that is not ready, each with why."""
    try:
        checks: dict[str, dict[str, Any]] = answer.json()["checks"]
        failing = [f"{name} ({check['why']})" for name, check in checks.items() if not check["ok"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        failing = []
    return ", ".join(failing) or f"it answered {answer.status_code}"


async def _ask_port(url: str) -> Health:
    place = urlsplit(url if "://" in url else f"//{url}")
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.close()
    return Health("ready")
