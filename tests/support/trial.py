"""A small service as a process of its own, to see how a service starts, speaks HTTP and ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from deploy.local.ports import free_ports

ROOT = Path(__file__).parents[2]

SERVICE = """
import asyncio, contextlib, os, sys
import kernel.connection
from kernel.clock import SystemClock
from kernel.http import create_api
from kernel.process import Background, one_line, open_pool, run_service
from kernel.settings import ServiceSettings
from starlette.requests import Request

@contextlib.asynccontextmanager
async def lifespan(app):
    if "NO_DATABASE" in os.environ:
        await open_pool(settings.database_url, service="trial", wait=0.3)
    yield
    print("closed", flush=True)

with one_line("trial"):
    settings = ServiceSettings.load()
    app = create_api("trial", title="Trial", clock=SystemClock(), lifespan=lifespan)

    @app.get("/v1/slow")
    async def slow() -> str:
        print("working", flush=True)
        await asyncio.sleep(0.3)
        return "done"

    carried: list[bytes] = []

    @app.post("/v1/put")
    async def put(request: Request) -> int:
        await asyncio.sleep(0.1)
        carried.append(await request.body())
        return len(carried[-1])

    @app.get("/v1/carried")
    async def count() -> int:
        return len(carried)

    async def hangs() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if "HANG" not in os.environ:
                    raise

    kernel.connection.Connection.head_seconds = float(os.environ.get("HEAD", "30"))
    drain_seconds = float(os.environ.get("DRAIN", "10"))
    run_service(app, settings.host, settings.port, [Background("hangs", hangs)], drain_seconds=drain_seconds)
"""


class Trial:
    """The service and its process. What it says is kept for `ends`, or goes nowhere when it is `long`."""

    def __init__(self, *, long: bool = False, **environment: str) -> None:
        self.port = int(environment.get("PARITRANA_PORT") or free_ports(1)[0])
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": "postgresql://trial:hidden@127.0.0.1:1/trial",
                "PARITRANA_PORT": str(self.port),
                **environment,
            },
            stdout=subprocess.DEVNULL if long else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 60
        # One client for all: each reads every certificate of the machine, which takes longer than the pause.
        with httpx.Client(trust_env=False) as http:
            while time.monotonic() < deadline and self.process.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if http.get(self.url("/health/ready")).status_code == 200:
                        return
                time.sleep(0.02)
        raise AssertionError(self.process.communicate(timeout=5))

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
