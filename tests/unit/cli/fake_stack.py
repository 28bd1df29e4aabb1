"""A stack without stores: a real control server in a data folder, and services that answer what a test says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.main import build
from deploy.local.control import ControlServer
from deploy.local.ports import free_ports
from services.identity.settings import PASSWORD_FILE

READY = (200, {"status": "ready", "checks": {}})
TOKEN = {"token": "a-token", "expires": "2999-01-01T00:00:00+00:00"}
NO_ITEMS: dict[str, Any] = {"items": [], "next": None}


class FakeService:
    """Answers by path (without its query; a callable: by what was sent), and remembers what it was asked.

    By whose token, too, and what was sent.
    """

    def __init__(self, **answers: Any) -> None:
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self.sent: list[bytes] = []
        self.keys: list[str] = []
        self.answers: dict[str, tuple[int, Any]] = {"/health/ready": READY}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                service.asked.append(f"{self.command} {path}")
                service.tokens.append(self.headers.get("Authorization", ""))
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "POST":
                    service.sent.append(sent)
                    service.keys.append(self.headers.get("Idempotency-Key", ""))
                status, said = service.answers.get(path, (404, {"title": "there is nothing"}))
                said = said(sent) if callable(said) else said
                self.send_response(status)
                self.end_headers()
                self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

            do_POST = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class FakeStack:
    """What a supervisor tells; services by name."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.stop_requested = asyncio.Event()
        self.services = {name: FakeService() for name in ("identity", "nomination", "scoring", "audit")}
        self.services["identity"].answers["/v1/sign-in"] = (200, TOKEN)
        self.clock = {"name": "test", "now": "2021-01-06T00:00:00+00:00"}
        self.known: dict[str, dict[str, Any]] = {name: {} for name in self.services}

    def status(self) -> dict[str, Any]:
        parts = [
            {"name": name, "state": "ready", "why": "", "pid": 1, "restarts": 0, "url": self.services[name].url}
            | self.known[name]
            for name in self.services
        ]
        return {
            "data": str(self.data),
            "supervisor": 1,
            "ready": True,
            "clock": self.clock,
            "kafka": "127.0.0.1:1",
            "parts": parts,
        }

    def set_clock(self, instant: datetime) -> datetime:
        return instant


@contextmanager
def fake_stack(data: Path) -> Iterator[FakeStack]:
    """Run a stack in `data`, with the development password that belongs to it."""
    (data / "keys").mkdir(parents=True)
    (data / "keys" / PASSWORD_FILE).write_text(f"the password of {data.name}")
    stack, loop = FakeStack(data), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    control = asyncio.run_coroutine_threadsafe(ControlServer.open(stack, data, free_ports(1)[0]), loop).result(10)
    try:
        yield stack
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        for service in stack.services.values():
            service.close()


def run(*arguments: str) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(build(), [*arguments])
