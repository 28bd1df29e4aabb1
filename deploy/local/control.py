"""The supervisor's ear on loopback: status, stop and the test clock, for who can read its secret.

One request a connection, one line of JSON each way. The secret lies in the data folder (mode 0600), so whoever may
read the data may command the stack, and nobody else. `control.json` says where the supervisor listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hmac
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

from deploy.local.child import StackError
from deploy.local.folders import secret_in
from deploy.local.ports import LOOPBACK
from kernel.clock import LAST_YEAR, ClockMovedBackwards

_TIMEOUT_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 150.0


class Controlled(Protocol):
    """What can be asked: the running stack."""

    stop_requested: asyncio.Event

    def status(self) -> dict[str, Any]:
        """Return what runs."""
        ...

    def set_clock(self, instant: datetime) -> datetime:
        """Set the test clock."""
        ...


class NotRunning(StackError):
    """No stack runs in the data folder."""


class ControlServer:
    """Answers requests while the stack runs."""

    def __init__(self, stack: Controlled, data: Path, secret: str) -> None:
        self._stack = stack
        self._address = data / "control.json"
        self._secret = secret
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, stack: Controlled, data: Path, port: int) -> Self:
        """Listen on the loopback `port` and say so in `control.json`."""
        control = cls(stack, data, secret_in(data / "secrets" / "control"))
        control._server = await asyncio.start_server(control._serve, LOOPBACK, port)
        control._address.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
        return control

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._address.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                request = json.loads(await reader.readline())
                writer.write(json.dumps(self._answer(request)).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError, TimeoutError):
            # What is no request of ours gets no answer.
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not hmac.compare_digest(
            str(request.get("secret", "")).encode(), self._secret.encode()
        ):
            return {"error": "the secret is wrong: run this as the user who started the stack"}
        match request.get("ask"):
            case "status":
                return self._stack.status()
            case "stop":
                self._stack.stop_requested.set()
                return {"stopping": True}
            case "clock":
                return self._set_clock(str(request.get("to", "")))
            case other:
                return {"error": f"the stack does not know {other!r}"}

    def _set_clock(self, text: str) -> dict[str, Any]:
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                return {"error": f"{text!r} names no zone: write it as 2021-07-01T08:00:00+07:00"}
            if instant.year > LAST_YEAR:
                return {
                    "error": f"{text!r} is too late a year: nothing can be reckoned from it; {LAST_YEAR} is the last"
                }
            return {"now": self._stack.set_clock(instant).isoformat()}
        except (ClockMovedBackwards, StackError) as error:
            return {"error": str(error)}
        except ValueError:
            return {"error": f"{text!r} is no instant: write it as 2021-07-01T08:00:00+07:00"}


def lock_of(data: Path) -> Path:
    """Return the file whose lock says that a stack owns the data folder."""
    return data / "lock"


def is_locked(data: Path) -> bool:
    """Say whether a stack owns the data folder at this moment."""
    with lock_of(data).open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Control:
    """Speaks to the supervisor of a data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    async def status(self) -> dict[str, Any]:
        """Return what runs; raise NotRunning when nothing does."""
        return await self._ask({"ask": "status"})

    async def set_clock(self, instant: datetime | str) -> str:
        """Set the test clock and return its instant; raise StackError when the stack refuses."""
        text = instant.isoformat() if isinstance(instant, datetime) else instant
        return str((await self._ask({"ask": "clock", "to": text}))["now"])

    async def stop(self) -> None:
        """Stop the stack and wait until it is gone; raise NotRunning when nothing runs."""
        await self._ask({"ask": "stop"})
        deadline = asyncio.get_running_loop().time() + _STOP_SECONDS
        while is_locked(self._data):
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(f"the stack in {self._data} did not stop within {_STOP_SECONDS:.0f} s")
            await asyncio.sleep(0.05)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        nothing = NotRunning(f"no stack runs in {self._data}: start one with `paritrana up`")
        try:
            port = json.loads((self._data / "control.json").read_text(encoding="utf-8"))["port"]
            secret = secret_in(self._data / "secrets" / "control")
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.write(json.dumps({**request, "secret": secret}).encode() + b"\n")
                answer = json.loads(await reader.readline())
                writer.close()
        except PermissionError as error:
            raise StackError(f"the secret in {self._data} cannot be read: run this as who started the stack") from error
        except (OSError, ValueError, KeyError) as error:
            raise nothing from error
        if "error" in answer:
            raise StackError(answer["error"])
        return dict(answer)
