"""A service put together: its log, what it publishes and receives, what folds the log, and the HTTP side in front.

A composition root names its parts and adds its routes; everything that all services have in common is here. At a start
a clock that is behind the log is waited for, then the log is compared with the topics, then the service's key is
published and its reactions enabled, and only then commands are taken.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import asyncpg
import structlog
from fastapi import FastAPI

from kernel.broker import AWAY, Broker, DeliveryMeasures, Wire
from kernel.cancellation import end_if_cancelled
from kernel.canonical import Ed25519Signer
from kernel.clock import Clock
from kernel.codec import Codec
from kernel.commands import Executor, StateCache
from kernel.decider import Decision, Emit, Loader, Position
from kernel.http import CheckResult, Limits, create_api
from kernel.lead import STORE_AWAY, Lead
from kernel.log import SQL, Wake
from kernel.measures import LogMeasures
from kernel.newest import lateness, newest_event
from kernel.own_key import UNUSABLE, OwnKey
from kernel.process import Background, close_pool, database_checks, open_pool, run_service
from kernel.reactor import (
    SERVICE_STREAM,
    Folder,
    Handler,
    HandlerFolder,
    Projection,
    ProjectionFolder,
    Reaction,
    ReactionFolder,
    Reactor,
    enable,
    service_ask,
)
from kernel.reactor import SQL as REACTOR_SQL
from kernel.receiver import Odd, Receiver
from kernel.reconcile import Reconciler, Report
from kernel.relay import Relay
from kernel.settings import ServiceSettings, StartFailed
from kernel.tokens import TokenVerifier

_log = structlog.get_logger("service")
_POOL: Final = 24
_LOOK_SECONDS: Final = 0.05
_GATE_AGE_SECONDS: Final = 5.0
_ASK_SECONDS: Final = 0.02
"""Seconds between looks at how far another process has folded; one's own folding rings."""
_CLOCK_SECONDS: Final = 1.0
_KEY_SECONDS: Final = 0.5
_KEY_PAUSE_SECONDS: Final = 10.0
_COMPARING: Final = "the log is being compared with the topics"


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes one service differ from another."""

    wire: Wire
    codec: Codec
    title: str
    receives: Sequence[str] = ()
    """Topics of other services."""
    receive_pace: float = 0.0
    """Seconds between two received batches at least; for a service that is in no hurry."""
    odd: Callable[[Service], Odd] | None = None
    """Makes who is told of forks and of messages that are no events, over the opened service."""
    projections: Sequence[Projection[Any]] = ()
    reactions: Sequence[Reaction] = ()
    handlers: Callable[[Service], Sequence[Handler]] | None = None
    """Makes the handlers, over the opened service."""
    relays: bool = True
    """Whether this process may publish the service's events; one that only appends leaves that to the others."""
    asyncapi: Mapping[str, Any] | None = None
    limits: Limits | None = None
    background: Callable[[Service], Sequence[Background]] = lambda _service: ()
    """Work of the service's own, beside delivery and folding."""
    opened: Callable[[Service], Awaitable[None]] | None = None
    """Called when the database is open, before requests are taken."""


class Service:
    """One service in one process. `app` is its HTTP application; `run` serves it until it is told to stop."""

    def __init__(
        self, parts: Parts, settings: ServiceSettings, *, verifier: TokenVerifier, clock: Clock | None = None
    ) -> None:
        """Put the parts together; the database and the broker are opened when the application starts."""
        self.parts = parts
        self.name = parts.wire.service
        self.settings = settings
        self.clock = clock or settings.make_clock()
        self.wake = Wake()
        self.folded = Wake()
        self.key = OwnKey(settings.keys_folder, self.name, parts.codec)
        self.broker = Broker(settings.kafka_bootstrap_servers, f"paritrana-{self.name}")
        self.app: FastAPI = create_api(
            self.name,
            title=parts.title,
            clock=self.clock,
            verifier=verifier,
            asyncapi=parts.asyncapi,
            lifespan=self._lifespan,
            limits=parts.limits or Limits(metrics_networks=settings.metrics_networks),
        )
        registry = self.app.state.metrics.registry
        self.log_measures = LogMeasures(registry)
        self.delivery_measures = DeliveryMeasures(registry)
        self.pool: asyncpg.Pool[Any]
        self.executor: Executor
        self._folders: Sequence[Folder] = ()
        self._folding: Sequence[Folder] = ()
        self._lead_to_fold = Lead(settings.database_url, f"{self.name}/reactor")
        self._started = asyncio.Event()
        self._delivers = False

    @property
    def signer(self) -> Ed25519Signer:
        """Return the key that signs now; another may tomorrow."""
        return self.key.signer

    def run(self) -> None:
        """Serve, publish, receive and fold until SIGTERM."""
        self._delivers = True
        self.app.state.gate.close(_COMPARING)
        settings = self.settings
        run_service(self.app, settings.host, settings.port, self.background(), log_level=settings.log_level)

    # --- opening ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self.pool = await open_pool(
            self.settings.database_url, service=self.name, size=_POOL, wait=self.settings.wait_seconds
        )
        try:
            self.executor = Executor(
                self.name,
                self.pool,
                self.parts.codec,
                self.clock,
                self.wake,
                self.signer,
                conflicts=self.log_measures.conflicts.inc,
            )
            self._folders = self._make_folders()
            app.state.service_parts = self
            app.state.checks.update(database_checks(self.pool, self.clock))
            if self.parts.opened is not None:
                await self.parts.opened(self)
            if self._delivers:
                await self._await_broker()
                app.state.checks["broker"] = self.broker.check
            yield
        finally:
            await self.broker.close()
            await close_pool(self.pool)

    def _make_folders(self) -> list[Folder]:
        parts, measures = self.parts, self.log_measures
        handlers = () if parts.handlers is None else parts.handlers(self)
        return [
            *(ProjectionFolder(projection, parts.codec, measures) for projection in parts.projections),
            *(ReactionFolder(reaction, self.executor, measures) for reaction in parts.reactions),
            *(HandlerFolder(handler, parts.codec, measures) for handler in handlers),
        ]

    async def _await_broker(self) -> None:
        wait = self.settings.wait_seconds
        deadline = time.monotonic() + wait
        while True:
            good, why = await self.broker.check()
            if good:
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"the broker {why} (waited {wait:g} s); start it, or correct KAFKA_BOOTSTRAP_SERVERS")
            await asyncio.sleep(0.25)

    # --- background work -------------------------------------------------------------------------------------------

    def background(self) -> list[Background]:
        """Return all that runs beside the requests."""
        parts = self.parts
        work = [Background("start", self._start), Background("look", partial(self._after_start, self._look))]
        work.append(Background("key", partial(self._after_start, self._watch_key)))
        if self.parts.relays:
            work.append(Background("relay", partial(self._after_start, self._relay)))
        if self.parts.receives:
            work.append(Background("receiver", partial(self._after_start, self._receive)))
        if parts.projections or parts.reactions or parts.handlers is not None:
            work.append(Background("reactor", partial(self._after_start, self._react)))
        return [*work, *(Background(b.name, partial(self._after_start, b.run)) for b in self.parts.background(self))]

    async def _after_start(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._started.wait()
        await work()

    async def _start(self) -> None:
        """Compare log and topics, say what the log says of itself, and take commands from then on."""
        await self._await_clock()
        report = await self.reconcile()
        await self._say_epoch(report)
        await self._await_key()
        async with self.pool.acquire() as connection:
            for folder in self._folders:
                if folder.acts:
                    await enable(folder, self.executor, connection)
        self.app.state.gate.open()
        self._started.set()
        _log.info("taking commands", epoch=report.epoch, taken_back=report.taken_back, republished=report.republished)

    async def _await_clock(self) -> None:
        """Wait while the clock is behind the log, not ready and saying why.

        Until the machine's time is set, an end would be followed by a start that finds the same, in a log that nobody
        reads; so the service says it where it is asked how it is, and goes on by itself once the clock is right.
        """
        gate, told = self.app.state.gate, False
        while (late := await self._lateness()) is not None:
            gate.close(f"{late}: set the clock right; nothing is recorded, published or received until then")
            if not told:
                told = True
                _log.error("the clock is behind the log", why=late)
            await asyncio.sleep(_CLOCK_SECONDS)
        if told:
            gate.close(_COMPARING)
            _log.info("the clock is right again")

    async def _await_key(self) -> None:
        """Publish the key that signs; wait, not ready and saying why, while there is none that the log knows.

        To sign with another would be to do what a thief does, and to end would be followed by a start like this one.
        """
        gate, told = self.app.state.gate, ""
        while True:
            try:
                await self.key.settle(self.executor)
            except UNUSABLE as error:
                gate.close(str(error))
                if told != (told := str(error)):
                    _log.error("no usable key", why=told)
                await asyncio.sleep(_KEY_SECONDS)
                continue
            if told:
                gate.close(_COMPARING)
            return

    async def _watch_key(self) -> None:
        """Take a key that an operator made into use, within a second."""
        while True:
            await asyncio.sleep(_KEY_SECONDS)
            if not self.key.changed():
                continue
            try:
                await self.key.settle(self.executor)
            except UNUSABLE as error:
                _log.error("the key is not changed", why=str(error))
                await asyncio.sleep(_KEY_PAUSE_SECONDS)
            except STORE_AWAY as error:
                end_if_cancelled()
                _log.warning("the key cannot be changed yet", error=repr(error))

    async def _lateness(self) -> str | None:
        async with self.pool.acquire() as connection:
            return lateness(await newest_event(connection), self.clock.now())

    async def reconcile(self) -> Report:
        """Compare the log with the topics, as often as it takes to reach both."""
        lead = Lead(self.settings.database_url, f"{self.name}/reconcile", poll=0.05)
        reconciler = Reconciler(self.parts.wire, self.pool, self.broker, lead, self.clock)
        while True:
            try:
                return await reconciler.run()
            except (*AWAY, *STORE_AWAY) as error:
                end_if_cancelled()
                _log.warning("log and topics cannot be compared yet", error=repr(error))
                await asyncio.sleep(0.5)

    async def _say_epoch(self, report: Report) -> None:
        if report.epoch > 1:
            event = self.parts.codec.epoch_opened(self.name, report.epoch, report.reason)
            await self._once(f"epoch/{report.epoch}", event)

    async def publish_key(self, key_id: str, public_key: bytes, use: str) -> None:
        """Put a public key (32 raw bytes of Ed25519) into the service's own stream, once for ever."""
        event = self.parts.codec.key_published(self.name, key_id, b64encode(public_key).decode("ascii"), use)
        await self._once(f"key/{use}/{key_id}", event)

    async def _once(self, what: str, event: Any) -> None:
        """Append an event to the service's own stream, once for ever."""
        stream = f"service/{self.name}"

        async def program(load: Loader) -> Decision:
            await load.load(SERVICE_STREAM, stream)
            return [Emit(stream, event)]

        await self.executor.execute(service_ask(self.executor, what), program)

    async def _relay(self) -> None:
        async def prepare() -> None:
            await self._say_epoch(await self.reconcile())

        lead = Lead(self.settings.database_url, f"{self.name}/relay")
        await Relay(self.parts.wire, self.pool, self.broker, self.wake, lead, self.delivery_measures, prepare).run()

    async def _receive(self) -> None:
        receiver = Receiver(
            wire=self.parts.wire,
            topics=tuple(self.parts.receives),
            pool=self.pool,
            broker=self.broker,
            clock=self.clock,
            wake=self.wake,
            measures=self.delivery_measures,
            pace=self.parts.receive_pace,
            odd=None if self.parts.odd is None else self.parts.odd(self),
        )

        async def check() -> CheckResult:
            return receiver.check()

        self.app.state.checks["receiver"] = check
        await receiver.run()

    async def _react(self) -> None:
        lead = self._lead_to_fold
        self._folding = self._make_folders()
        reactor = Reactor(self.pool, self.wake, self._folding, folded=self.folded)

        async def check() -> CheckResult:
            return reactor.check()

        self.app.state.checks["reactor"] = check
        await lead.run(reactor.run)

    async def _look(self) -> None:
        """Ring when another process has appended, and measure the gate now and then."""
        last: tuple[Any, ...] | None = None
        measured = 0.0
        while True:
            row = await self.pool.fetchrow(SQL["last_appended"])
            now = tuple(row) if row else None
            if now != last:
                if now and last and now[0] != last[0]:
                    # A new epoch: the log may have been restored, and what is kept of it may never have been.
                    self.executor.cache = StateCache()
                last = now
                self.wake.ring(Position(*now) if now else None)
            if time.monotonic() - measured > _GATE_AGE_SECONDS:
                measured = time.monotonic()
                self.log_measures.gate_age.set(await self.pool.fetchval(SQL["gate_age"]))
            await asyncio.sleep(_LOOK_SECONDS)

    # --- reads -----------------------------------------------------------------------------------------------------

    async def position(self, handler: str) -> Position:
        """Return how far a projection or handler has folded the log; what is read afterwards is at least as new."""
        folder = self._folder_here(handler)
        known = folder.committed() if folder is not None else None
        if known is not None:
            return known
        row = await self.pool.fetchrow(REACTOR_SQL["checkpoint"], handler)
        return Position(*tuple(row)[:3]) if row else Position(0, 0, 0)

    async def reached(self, handler: str, at_least: str, timeout: float = 5.0) -> bool:
        """Wait until a projection has folded a position, or an event given as `<stream>@<version>`; tell if it has.

        Raises ValueError when `at_least` is neither.
        """
        deadline = time.monotonic() + timeout
        wanted: Position | None = None
        with self._hurrying(handler):
            while True:
                ticket = self.folded.ticket()
                wanted = wanted or await self._wanted(at_least)
                if wanted is not None and await self.position(handler) >= wanted:
                    return True
                if time.monotonic() > deadline:
                    return False
                await self.folded.wait(ticket, _ASK_SECONDS)

    def _hurrying(self, handler: str) -> AbstractContextManager[None]:
        """Let a handler of this process fold at once while somebody waits for it."""
        folder = self._folder_here(handler)
        return nullcontext() if folder is None else folder.hurry.while_waiting()

    def _folder_here(self, handler: str) -> Folder | None:
        """Return the folder that folds in this process, None where another process does."""
        if self._lead_to_fold.held:
            for folder in self._folding:
                if folder.name == handler:
                    return folder
        return None

    async def _wanted(self, at_least: str) -> Position | None:
        stream, at, version = at_least.rpartition("@")
        if not at:
            return Position.parse(at_least)
        if not version.isascii() or not version.isdigit() or len(version) > 18:
            raise ValueError(f"{at_least!r} is no event; write <stream>@<version>")
        row = await self.pool.fetchrow(SQL["position_of"], stream, int(version))
        return Position(*tuple(row)) if row else None
