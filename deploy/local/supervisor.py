"""Runs the whole system on one machine: broker, database and every service, each a process, none left behind.

What starts waits until what it needs is ready; what dies is started again, and the line says so; what stops does so in
reverse order. One `Stack` owns one data folder (a lock says so). The demo and the crash check use it as a library:

    async with Stack(options, say=print) as stack:
        stack.urls["scoring"], stack.pids()["kafka"]
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from deploy.local import clocks
from deploy.local.child import StackError
from deploy.local.control import ControlServer, lock_of
from deploy.local.folders import make_data_folder, private_folder
from deploy.local.kafka import Kafka
from deploy.local.ports import LOOPBACK, is_free
from deploy.local.postgres import Postgres
from deploy.local.provision import ServiceDatabase
from deploy.local.service import Service, Unit
from deploy.local.settings import PORTS, PROGRAM_OF, REPLICA_STEP, StackOptions
from deploy.local.stores import await_broker, await_database, newest_of, provision
from kernel.clock import SystemClock, TestClock, clock_from
from kernel.keys import note_key
from kernel.newest import lateness

_BACK_OFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
# What ran this long had come back; its next fall starts the back-off anew.
_STEADY_SECONDS: Final = 20.0

Say = Callable[[str], None]


@dataclass(slots=True)
class _Running:
    unit: Unit
    url: str
    ready: asyncio.Event
    restarts: int = 0
    """How often it was started again, whether it came back or not."""
    why: str = ""
    """Why it is not ready, once it has been."""
    watcher: asyncio.Task[None] | None = None


class Stack:
    """The embedded stack; `say` is told each step as one line."""

    def __init__(self, options: StackOptions, say: Say = lambda _line: None) -> None:
        self.options = options
        self.databases: dict[str, ServiceDatabase] = {}
        self.stop_requested = asyncio.Event()
        self._say = say
        self._running: dict[str, _Running] = {}
        self._lock: IO[str] | None = None
        self._control: ControlServer | None = None
        self._data = options.data
        self._admin_url = options.database_url or ""
        self._kafka = options.kafka or f"{LOOPBACK}:{options.ports['kafka']}"
        self._ready = False

    async def __aenter__(self) -> Self:
        """Start everything; on failure stop what was started, and raise."""
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        await self.stop()

    @property
    def urls(self) -> dict[str, str]:
        """Where each started part answers: services by HTTP, `kafka` as host:port, `postgresql` without a password."""
        return {name: running.url for name, running in self._running.items()}

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address."""
        return self._kafka

    @property
    def admin_url(self) -> str:
        """The database administrator's URL, with its password."""
        return self._admin_url

    @property
    def mail_folder(self) -> Path:
        """Where the mail sink keeps messages."""
        return self._data / "mail"

    @property
    def clock_file(self) -> Path | None:
        """The test clock's file; None under the system's clock."""
        return clocks.file_of(self.options.clock, self._data)

    def pids(self) -> dict[str, int]:
        """Return the process ids of what runs at this moment, by name."""
        children = ((name, running.unit.child) for name, running in self._running.items())
        return {name: child.pid for name, child in children if child is not None and child.running}

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process, as a fault would; what dies is started again."""
        running = self._running[name]
        if how not in (signal.SIGSTOP, signal.SIGCONT):
            running.ready.clear()
        if running.unit.child is not None:
            running.unit.child.send(how)

    async def ready(self, name: str, *, within: float = 60.0) -> None:
        """Wait until `name` has come back and is ready; raise StackError when it is not within so many seconds."""
        try:
            await asyncio.wait_for(self._running[name].ready.wait(), within)
        except TimeoutError as error:
            raise StackError(f"{name} is not ready after {within:.0f} s") from error

    async def restart(self, name: str) -> None:
        """Stop one part in order and start it again."""
        running = self._running[name]
        await _cancel(running.watcher)
        running.ready.clear()
        await running.unit.stop()
        running.restarts += 1
        await running.unit.start()
        self._attend(name, running)

    def set_clock(self, instant: datetime) -> datetime:
        """Set the test clock and return its instant; raise StackError under the system's clock.

        Raises ClockMovedBackwards for an earlier instant.
        """
        path = self.clock_file
        if path is None:
            raise StackError("this stack runs on the system's clock: start it with PARITRANA_CLOCK=test to set a clock")
        return TestClock.set_to(path, instant).now()

    def status(self) -> dict[str, Any]:
        """Return what runs, where, and since how many restarts, as last seen here; `paritrana status` asks anew."""
        return {
            "data": str(self._data),
            "supervisor": os.getpid(),
            "ready": self._ready and all(running.ready.is_set() for running in self._running.values()),
            "clock": {"name": self.options.clock, "now": clock_from(self._clock_setting()).now().isoformat()},
            "kafka": self._kafka,
            "mail": str(self.mail_folder),
            "parts": [
                {
                    "name": name,
                    "state": "ready" if running.ready.is_set() else "starting",
                    "why": running.why,
                    "pid": self.pids().get(name),
                    "restarts": running.restarts,
                    "url": running.url,
                }
                for name, running in self._running.items()
            ],
        }

    async def start(self) -> None:
        """Start everything in order; raise StackError with one clear line when that cannot be."""
        self._data = make_data_folder(self._data)
        self._take_lock()
        clocks.refuse_another(self._data, self.options.clock)
        self._check_ports()
        # The folder itself is open for the database's user to pass through; what lies in it is not.
        for part in ("keys", "secrets", "log", "mail", "kafka"):
            private_folder(self._data / part)
        self._wind_clock()
        self._control = await ControlServer.open(self, self._data, self.options.ports["control"])
        await self._start_stores()
        await self._provision()
        await self._compare_clock()
        if self.options.mail_sink:
            await self._start("mail-sink", self._mail_sink(), f"smtp://{LOOPBACK}:{self.options.ports['mail-sink']}")
        if self.options.services:
            clocks.remember(self._data, self.options.clock)
        for name in self.options.services:
            if name == "audit":
                await self._start_signer()
            await self._start_service(name, 0)
        for replica in range(1, self.options.scoring if "scoring" in self.options.services else 0):
            await self._start_service("scoring", replica)
        for replica in range(self.options.consumers):
            await self._start_service("ingest", replica)
        self._ready = True

    async def stop(self) -> None:
        """Stop everything in reverse order; safe to call twice, and after a start that failed."""
        self._ready = False
        await asyncio.gather(*(_cancel(running.watcher) for running in self._running.values()))
        for name, running in reversed(self._running.items()):
            if running.unit.child is not None and running.unit.child.running:
                self._say(f"stopping {name}")
                await running.unit.stop()
        self._running.clear()
        if self._control is not None:
            await self._control.close()
            self._control = None
        if self._lock is not None:
            self._hold_clock()
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        lock = lock_of(self._data).open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise StackError(
                f"the data folder {self._data} is in use by process {owner}: stop it with `paritrana down`"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _check_ports(self) -> None:
        """Name every port that is taken before anything starts, so that nobody frees them one by one."""
        busy = [(port, what) for port, what in sorted(listening(self.options)) if not is_free(port)]
        if not busy:
            return
        told = ", ".join(f"{port} (for {what}, {PORTS[what][0]})" for port, what in busy)
        if len(busy) == 1:
            raise StackError(f"port {told} is in use: stop what uses it, or choose another by that setting")
        raise StackError(f"ports {told} are in use: stop what uses them, or choose others by those settings")

    def _clock_setting(self) -> str:
        path = self.clock_file
        return "system" if path is None else f"test:{path}"

    def _wind_clock(self) -> None:
        path = self.clock_file
        if path is not None:
            # It goes on from where it stood, also after a reboot, which starts the machine's monotonic clock anew.
            try:
                now = TestClock(path).now() if path.exists() else datetime.now().astimezone()
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise StackError(
                    f"{path} holds no instant that a clock can go on from ({type(error).__name__}): remove it, and the "
                    "test clock begins at the newest event"
                ) from None
            TestClock.set_to(path, now, allow_back=True)

    async def _compare_clock(self) -> None:
        """Let no service start on a clock behind the logs: the test clock is moved on, and the machine's cannot be."""
        newest = await newest_of(self.databases.values())
        path = self.clock_file
        if path is None:
            late = lateness(newest, SystemClock().now())
            if late is not None:
                raise StackError(
                    f"{late}: set the machine's clock right and start again; if it is right, it was ahead when that "
                    "was recorded: wait until it has come there, or restore a backup from before"
                )
        elif newest is not None and newest.time > (now := TestClock(path).now()):
            # It was not held: the machine ended without a word, and its monotonic clock began anew.
            self._say(f"the test clock stood at {now.isoformat()}, and goes on from the newest event")
            TestClock.set_to(path, newest.time)

    def _hold_clock(self) -> None:
        path = self.clock_file
        if path is not None and path.exists():
            TestClock.set_to(path, TestClock(path).now(), allow_back=True)

    async def _start_stores(self) -> None:
        starts: list[Coroutine[Any, Any, None]] = []
        if self.options.database_url is None:
            postgres = Postgres(
                self._data / "postgresql", self.options.ports["postgresql"], log=self._log("postgresql")
            )
            self._admin_url = postgres.admin_url
            starts.append(self._start("postgresql", postgres, f"{LOOPBACK}:{postgres.port}"))
        else:
            starts.append(await_database(self.options.database_url, self.options.wait_seconds, self._say))
        if self.options.kafka is None:
            ports = self.options.ports
            kafka = Kafka(
                self._data / "kafka", ports["kafka"], ports["kafka-controller"], log=self._log("kafka"), say=self._say
            )
            starts.append(self._start("kafka", kafka, kafka.bootstrap_servers))
        else:
            starts.append(await_broker(self.options.kafka, self.options.wait_seconds, self._say))
        results = await asyncio.gather(*starts, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _provision(self) -> None:
        self._say("making databases, roles and topics")
        self.databases = await provision(self._admin_url, self._kafka, self._data / "secrets")

    def _log(self, name: str) -> Path:
        return self._data / "log" / f"{name}.log"

    def _port(self, service: str, replica: int) -> int:
        return self.options.ports[service] + replica * REPLICA_STEP

    async def _start_service(self, service: str, replica: int) -> None:
        port = self._port(service, replica)
        name = service if replica == 0 else f"{service}-{replica + 1}"
        unit = Service(
            name,
            [sys.executable, "-m", "cli.serve", service],
            self._environment(service, port),
            port,
            log=self._log(name),
        )
        await self._start(name, unit, f"http://{LOOPBACK}:{port}")

    async def _start_signer(self) -> None:
        """Start what signs the audit's log. Here it shares the host; elsewhere it has one of its own."""
        port = self.options.ports["signer"]
        origin = self.options.log_origin
        folder = private_folder(self._data / "signer")
        if not any(folder.glob("*.key")):  # the first one may have been followed by another, and taken away
            note_key(folder / "log.key", origin)
        sequencer = note_key(self._data / "keys" / "audit.sequencer.key", f"{origin}/sequencer")
        environment = {
            **_inherited(),
            "PARITRANA_HOST": LOOPBACK,
            "PARITRANA_PORT": str(port),
            "PARITRANA_SIGNER_FOLDER": str(folder),
            "PARITRANA_SIGNER_SUBMITTERS": sequencer.verifier.text,
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "cli.serve", "signer"]
        unit = Service("signer", command, environment, port, log=self._log("signer"))
        await self._start("signer", unit, f"http://{LOOPBACK}:{port}")

    def _mail_sink(self) -> Service:
        port = self.options.ports["mail-sink"]
        command = [sys.executable, "-m", "deploy.local.mail_sink", str(self.mail_folder), str(port)]
        return Service("mail-sink", command, _inherited(), port, log=self._log("mail-sink"), http=False)

    def _environment(self, service: str, port: int) -> dict[str, str]:
        smtp = self.options.smtp_url or ""
        if self.options.mail_sink:
            smtp = f"smtp://{LOOPBACK}:{self.options.ports['mail-sink']}"
        return {
            **_inherited(),
            "DATABASE_URL": self.databases[PROGRAM_OF.get(service, service)].login_url,
            "KAFKA_BOOTSTRAP_SERVERS": self._kafka,
            "PARITRANA_DATA": str(self._data),
            "PARITRANA_CLOCK": self._clock_setting(),
            "PARITRANA_HOST": LOOPBACK,
            "PARITRANA_PORT": str(port),
            **{f"PARITRANA_{name.upper()}_URL": f"http://{LOOPBACK}:{self._port(name, 0)}" for name in self.databases},
            "PARITRANA_SIGNER_URL": f"http://{LOOPBACK}:{self.options.ports['signer']}",
            "PARITRANA_LOG_ORIGIN": self.options.log_origin,
            "PARITRANA_SMTP_URL": smtp,
            "PARITRANA_KEYS": str(self._data / "keys"),
            "PARITRANA_EMBEDDED": "1",
            "PYTHONUNBUFFERED": "1",
            **self.options.environment,
        }

    async def _start(self, name: str, unit: Unit, url: str) -> None:
        began = time.monotonic()
        self._say(f"starting {name}")
        running = self._running[name] = _Running(unit, url, asyncio.Event())
        await unit.start()
        self._say(f"{name} is ready at {url} ({time.monotonic() - began:.1f} s)")
        self._attend(name, running)

    def _attend(self, name: str, running: _Running) -> None:
        running.ready.set()
        running.watcher = asyncio.create_task(self._watch(name, running), name=f"watch {name}")

    async def _watch(self, name: str, running: _Running) -> None:
        falls = 0
        while (child := running.unit.child) is not None:
            code = await child.ended()
            running.ready.clear()
            falls = 0 if time.monotonic() - child.started_at > _STEADY_SECONDS else falls
            pause = _BACK_OFF_SECONDS[min(falls, len(_BACK_OFF_SECONDS) - 1)]
            falls += 1
            running.why = running.why or f"it ended ({_how(code)}) and is started again"
            self._say(f"{name} ended ({_how(code)}); starting it again in {pause} s")
            await asyncio.sleep(pause)
            running.restarts += 1
            try:
                await running.unit.start()
            except StackError as error:
                running.why = str(error)
                self._say(running.why)
                continue
            running.why = ""
            running.ready.set()
            self._say(f"{name} is ready again")


def listening(options: StackOptions) -> Iterator[tuple[int, str]]:
    """Yield every port that a stack with these options listens on, and what for (a name of `PORTS`)."""
    parts = ["control", *options.services]
    if options.kafka is None:
        parts += ["kafka", "kafka-controller"]
    if options.database_url is None:
        parts.append("postgresql")
    if options.mail_sink:
        parts.append("mail-sink")
    if "audit" in options.services:
        parts.append("signer")
    yield from ((options.ports[what], what) for what in parts)
    if "scoring" in options.services:
        yield from ((options.ports["scoring"] + REPLICA_STEP * more, "scoring") for more in range(1, options.scoring))
    yield from ((options.ports["ingest"] + REPLICA_STEP * number, "ingest") for number in range(options.consumers))


def _inherited() -> dict[str, str]:
    # The administrator's URL is for us alone: each service gets its own login.
    return {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def run_until_stopped(options: StackOptions, say: Say, when_ready: Callable[[Stack], None]) -> None:
    """Run the stack until SIGTERM, SIGINT, SIGHUP or `paritrana down`; raise StackError when it cannot start."""
    stack = Stack(options, say)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(name, stack.stop_requested.set)
    stopping = asyncio.create_task(stack.stop_requested.wait())
    starting = asyncio.create_task(stack.start())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            when_ready(stack)
            await stopping
        else:
            await _cancel(starting)
    finally:
        stopping.cancel()
        await stack.stop()
