"""One process of ours under the supervisor: started, awaited until it says it is ready, stopped.

Readiness is what `GET /health/ready` answers, so a service decides itself when it can serve. The mail sink has no such
page: it is ready when its port is open.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import httpx

from deploy.local.child import Child, StackError
from deploy.local.health import failing_in
from deploy.local.ports import LOOPBACK

_READY_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 20.0


class Unit(Protocol):
    """What the supervisor runs: the broker, the database, or a process of ours."""

    @property
    def child(self) -> Child | None:
        """The process, when it was started."""
        ...

    async def start(self) -> None:
        """Start it and wait until it is ready; raise StackError when it is not within a bounded time."""
        ...

    async def stop(self) -> None:
        """Stop it in order, within a bounded time."""
        ...

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        ...


class Service:
    """One of our processes, listening on `port`; ready by HTTP when `http`, else by its open port."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        port: int,
        *,
        log: Path,
        http: bool = True,
    ) -> None:
        self.name = name
        self.port = port
        self._command = command
        self._environment = environment
        self._log = log
        self._http = http
        self._child: Child | None = None

    @property
    def child(self) -> Child | None:
        """The process, when it was started."""
        return self._child

    async def start(self) -> None:
        """Start it and wait until it is ready; raise StackError when it ends first, or after 60 s."""
        child = self._child = Child(self.name, self._command, log=self._log, environment=self._environment)
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        reason = "it did not answer"
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while child.running and asyncio.get_running_loop().time() < deadline:
                answer = await self._ask(client)
                if answer is None:
                    return
                reason = answer
                await asyncio.sleep(0.05)
        if child.running:
            await child.kill()
            raise StackError(f"{self.name} was not ready within {_READY_SECONDS:.0f} s: {reason} (log: {self._log})")
        why = child.last_line().removeprefix("paritrana: ")
        raise StackError(f"{self.name} did not start: {why} (log: {self._log})")

    async def _ask(self, client: httpx.AsyncClient) -> str | None:
        if not self._http:
            return None if await asyncio.to_thread(_accepts, self.port) else "its port is closed"
        try:
            response = await client.get(f"http://{LOOPBACK}:{self.port}/health/ready")
        except httpx.HTTPError as error:
            return f"{type(error).__name__} on port {self.port}"
        return None if response.is_success else failing_in(response)

    async def stop(self) -> None:
        """Ask it to drain and stop; kill it after 20 s."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, grace=_GRACE_SECONDS)

    async def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would."""
        if self._child is not None:
            await self._child.kill()


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
