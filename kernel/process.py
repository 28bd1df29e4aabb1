"""A service as a process: it starts or says in one line why not, serves, keeps its background work alive, and drains.

Starting waits boundedly for the database; what is wrong by itself (a setting, a port in use, a password) ends the
process with one line and code 2. Once running, a lost database or broker never ends it: the readiness checks say so
until it is back. SIGTERM lets requests in flight finish and ends within ten seconds, whatever hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import orjson
import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from kernel.backoff import Pauses
from kernel.cancellation import end_if_cancelled
from kernel.clock import Clock
from kernel.connection import Connection
from kernel.http import Check, CheckResult
from kernel.migrate import OUR_SCHEMA
from kernel.problems import store_is_away
from kernel.settings import StartFailed

WRONG_USE: Final = 2
_DRAIN_SECONDS: Final = 10.0
_REQUESTS_SHARE: Final = 0.5
_TASKS_SHARE: Final = 0.3
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_GREATEST_SKEW: Final = timedelta(seconds=1)

_log = structlog.get_logger("process")


@contextlib.contextmanager
def one_line(service: str) -> Iterator[None]:
    """Turn a StartFailed into one line on standard error and exit code 2."""
    try:
        yield
    except StartFailed as error:
        sys.stderr.write(f"{service}: {' '.join(str(error).split())}\n")
        raise SystemExit(WRONG_USE) from None


# --- the log --------------------------------------------------------------------------------------------------------


def configure_logging(service: str, level: str = "INFO") -> None:
    """Write JSON lines to standard output, ours and the libraries' alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
    ]
    rendered: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_Rarely("aiokafka", seconds=10.0))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for noisy in ("uvicorn", "httpx", "httpcore", "faststream"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))


def _named(service: str) -> Callable[[Any, str, dict[str, Any]], dict[str, Any]]:
    def name(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    return name


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


class _Rarely(logging.Filter):
    """Lets each message of one library through once in a while: a broker's outage logs dozens of lines a second."""

    def __init__(self, library: str, *, seconds: float) -> None:
        super().__init__()
        self._library = library
        self._seconds = seconds
        self._last: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to log `record`; one that goes through says how many like it did not."""
        if not record.name.startswith(self._library):
            return True
        now, text = time.monotonic(), str(record.msg)
        if text not in self._last and len(self._last) > 1000:
            self._last.clear()
        then, dropped = self._last.get(text, (-self._seconds, 0))
        if now - then < self._seconds:
            self._last[text] = (then, dropped + 1)
            return False
        self._last[text] = (now, 0)
        if dropped:
            record.msg = f"{text} (and {dropped} times more)"
        return True


# --- the database ---------------------------------------------------------------------------------------------------


async def open_pool(
    dsn: str, *, service: str, wait: float = 60.0, size: int = 10, transaction_seconds: float | None = 5.0
) -> asyncpg.Pool:
    """Return a pool of connections once the database answers.

    Args:
        dsn: the database's URL.
        service: names the connections.
        wait: how many seconds to wait for a database that does not answer yet.
        size: the greatest number of connections.
        transaction_seconds: after which the server ends a transaction: an open writer holds up every reader of the log.

    Raises:
        StartFailed: the database did not answer in time, or refuses for good.
    """
    settings = {"application_name": f"paritrana-{service}", "TimeZone": "UTC", **OUR_SCHEMA}
    if transaction_seconds is not None:
        settings["transaction_timeout"] = str(int(transaction_seconds * 1000))
    deadline = time.monotonic() + wait
    while True:
        try:
            return await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=5.0,
                command_timeout=30.0,
                server_settings=settings,
                reset=_leave_as_it_is,
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            said = f"{type(error).__name__}: {error}"
            if not store_is_away(error) and not isinstance(error, asyncpg.InvalidCatalogNameError):
                raise StartFailed(f"the database {_shown(dsn)} refuses: {said}; check DATABASE_URL") from None
            if time.monotonic() >= deadline:
                raise StartFailed(
                    f"the database {_shown(dsn)} did not answer within {wait:g} s ({said}); "
                    "start it, or correct DATABASE_URL"
                ) from None
        await asyncio.sleep(min(0.25, max(0.0, deadline - time.monotonic())))


async def close_pool(pool: asyncpg.Pool) -> None:
    """Close the pool, breaking off what does not end within two seconds."""
    try:
        async with asyncio.timeout(2.0):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _leave_as_it_is(_connection: object) -> None:
    """Spare a round trip at every release: what we set, we set for one transaction (open ones are rolled back)."""


def _shown(dsn: str) -> str:
    parts = urlsplit(dsn)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def database_checks(pool: asyncpg.Pool, clock: Clock) -> dict[str, Check]:
    """Return the readiness checks of the database: that it answers and, under the system clock, agrees on the time."""

    async def answers() -> CheckResult:
        await pool.fetchval("SELECT 1", timeout=2.0)
        return True, "answers"

    async def agrees() -> CheckResult:
        before = clock.now()
        theirs = await pool.fetchval("SELECT clock_timestamp()", timeout=2.0)
        skew = abs(theirs - (before + (clock.now() - before) / 2))
        return skew <= _GREATEST_SKEW, f"{skew.total_seconds():.3f} s from the database's clock"

    return {"database": answers} if clock.name != "system" else {"database": answers, "clock": agrees}


# --- background work ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Background:
    """Work beside the requests: `run` returns only when there is nothing left to do, and may be cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]


class _Keeper:
    """Keeps one background task going: a crash is counted, makes the service unready, and is followed by a restart."""

    def __init__(self, app: FastAPI, background: Background) -> None:
        self._background = background
        self._metrics = app.state.metrics
        self._fault: str | None = None
        self._done = False
        app.state.checks[f"task:{background.name}"] = self._check

    async def _check(self) -> CheckResult:
        return self._fault is None, self._fault or ("done" if self._done else "runs")

    async def keep(self) -> None:
        """Run the task until it is done or cancelled, with growing pauses between crashes in a row."""
        up = self._metrics.task_up.labels(self._background.name)
        pauses = Pauses(_FIRST_PAUSE, _LONGEST_PAUSE, held=10 * _LONGEST_PAUSE)
        while True:
            self._fault = None
            up.set(1)
            pauses.begin()
            try:
                await self._background.run()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Nobody asked for it: some library let the cancellation of a task of its own out.
                up.set(0)
                self._crashed(RuntimeError("cancelled from within"))
            except Exception as error:  # noqa: BLE001 - any crash is met in the same way: told, counted, tried again
                end_if_cancelled()
                up.set(0)
                self._crashed(error)
            else:
                up.set(0)
                self._done = True
                return
            await pauses.rest()

    def _crashed(self, error: Exception) -> None:
        self._fault = f"{type(error).__name__}: {error}"
        self._metrics.task_crashes.labels(self._background.name).inc()
        if store_is_away(error):
            _log.warning("task stopped, a store is away", task=self._background.name, error=self._fault)
        else:
            _log.error("task crashed", task=self._background.name, exc_info=error)


@contextlib.asynccontextmanager
async def kept(
    app: FastAPI, background: Sequence[Background], *, drain_seconds: float = _DRAIN_SECONDS
) -> AsyncIterator[None]:
    """Keep the tasks going while the context is open; then cancel them and wait for a part of `drain_seconds`."""
    tasks = [asyncio.create_task(_Keeper(app, each).keep(), name=each.name) for each in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=_TASKS_SHARE * drain_seconds)
            for task in hanging:
                _log.error("task does not stop", task=task.get_name())


# --- the process ----------------------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `_Life`."""
        yield


def run_service(
    app: FastAPI,
    host: str,
    port: int,
    background: Sequence[Background] = (),
    *,
    log_level: str = "INFO",
    drain_seconds: float = _DRAIN_SECONDS,
) -> None:
    """Serve `app` until SIGTERM or SIGINT; exit with code 2 and one line when it cannot start.

    Args:
        app: made by `kernel.http.create_api`; its lifespan opens what it needs and may raise StartFailed.
        host: the address to listen on.
        port: the port to listen on.
        background: started after the lifespan has opened, cancelled after the last request was answered.
        log_level: the least level that is logged.
        drain_seconds: after SIGTERM the process ends within this time, whatever hangs.
    """
    service: str = app.state.service
    configure_logging(service, log_level)
    with one_line(service), _bound(host, port) as listener:
        spare_collections()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Life(app, listener, background, drain_seconds).live())


def spare_collections() -> None:
    """Take what lives as long as the process out of the garbage collector's walks: they cost a sixth of a command."""
    gc.collect()
    gc.freeze()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StartFailed(f"port {port} on {host} is in use; stop what uses it, or set PARITRANA_PORT") from None
        raise StartFailed(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    return listener


class _Life:
    """One run of a service from start to drain."""

    def __init__(
        self, app: FastAPI, listener: socket.socket, background: Sequence[Background], drain_seconds: float
    ) -> None:
        self._app = app
        self._drain_seconds = drain_seconds
        self._listener = listener
        self._background = background
        self._server = _Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=math.ceil(_REQUESTS_SHARE * drain_seconds),
            )
        )
        self._stopping = False

    async def live(self) -> None:
        """Open, serve, drain; SIGTERM before serving starts ends it at once."""
        serving = asyncio.create_task(self._serve())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, serving)
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        _log.info("stopped")

    async def _serve(self) -> None:
        tasks = kept(self._app, self._background, drain_seconds=self._drain_seconds)
        async with self._app.router.lifespan_context(self._app), tasks:
            host, port = self._listener.getsockname()[:2]
            _log.info("listening", host=host, port=port)
            await self._server.serve(sockets=[self._listener])

    def _stop(self, serving: asyncio.Task[None]) -> None:
        if self._stopping:
            return
        self._stopping = True
        _log.info("stopping")
        last_resort = threading.Timer(self._drain_seconds, _abandon)
        last_resort.daemon = True
        last_resort.start()
        if self._server.started:
            self._server.should_exit = True
        else:
            serving.cancel()


def _abandon() -> None:
    """End the process when draining hangs; what was not acknowledged was not promised."""
    sys.stderr.write("draining took too long; ending now\n")
    sys.stderr.flush()
    os._exit(1)
