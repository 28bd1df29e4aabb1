"""`make crash`: kill parts of a whole stack under load, round after round, and ask the checker whether anything shows.

The stack is the one that `paritrana up` runs: real processes, started again by their supervisor. What is hit, when and
how is drawn from one seed: every five rounds hit a service that decides, one that only receives or is asked, the
broker, the database, and a pair at once or a process that is stopped for a while and goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from cli.play.client import Unexpected
from deploy.local.child import StackError
from deploy.local.health import failing_in
from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.broker import Broker
from kernel.clock import TestClock
from schemas.envelope import Stage
from schemas.topics import EVENT_TOPICS, SERVICES
from services.audit.app import SERVICE as AUDIT
from services.identity.settings import PASSWORD_FILE
from services.nomination.api.parts import SQL as NOMINATION_SQL
from services.nomination.consumers import RECEIVES as NOMINATION_RECEIVES
from services.nomination.projections import PROJECTIONS as NOMINATION_PROJECTIONS
from services.nomination.reactions import OrderReseals
from services.notifications.handler import IntentHandler
from services.notifications.settings import NotificationsSettings
from services.scoring.app import PROJECTIONS as SCORING_PROJECTIONS
from services.scoring.consumers import RECEIVES as SCORING_RECEIVES
from services.wiring import wire_of
from tests.crash.checker import KINDS, Finding, History, Mailing, Report, Store, World, check
from tests.crash.load import Load, crowd
from tests.crash.quiet import NeverQuiet, until_quiet
from tests.support.stack import remove_folder, temporary_folder

DECIDING: Final = ("nomination", "scoring")
OTHERS: Final = ("notifications", "audit", "identity", "mail-sink")
STORES: Final = ("kafka", "postgresql")
_SCORING: Final = datetime.fromisoformat("2021-02-02T09:00:00+07:00")
_DECIDING: Final = datetime.fromisoformat("2021-03-02T09:00:00+07:00")
_BEFORE: Final = (0.3, 1.5)
"""Seconds of load before something is hit."""
_STOPPED: Final = (0.5, 7.0)
"""Seconds that a process is stopped; a transaction is ended by the database after 5."""
_AFTER: Final = 0.5
_BACK: Final = 90.0
_QUIET: Final = 120.0
_CHECKED_EVERY: Final = 5
_SHOWN: Final = 40

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Blow:
    """What one round does: to whom, after how many seconds of load, and for how long a process is stopped."""

    victims: tuple[str, ...]
    after: float
    stopped: float = 0.0

    def __str__(self) -> str:
        victims = " and ".join(self.victims)
        return f"stop {victims} for {self.stopped:.1f} s" if self.stopped else f"kill {victims}"


def blows(rng: random.Random) -> Iterator[Blow]:
    """Draw blow after blow; any five in a row from the first hit everything there is to hit."""
    while True:
        everyone = (*DECIDING, *OTHERS, *STORES)
        five = [
            (rng.choice(DECIDING),),
            (rng.choice(OTHERS),),
            ("kafka",),
            ("postgresql",),
            tuple(rng.sample(everyone, 2)),
        ]
        pair, stopped = five[4], rng.uniform(*_STOPPED)
        rng.shuffle(five)
        for victims in five:
            after = rng.uniform(*_BEFORE)
            if victims == pair and rng.random() < 0.5:
                yield Blow((rng.choice(SERVICES),), after, stopped)
            else:
                yield Blow(victims, after)


@dataclass(slots=True)
class Outcome:
    """What came of all rounds."""

    rounds: int
    seed: int
    findings: list[Finding] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    history: History = field(default_factory=History)

    @property
    def line(self) -> str:
        """The closing line."""
        counts = " ".join(f"{kind}={sum(one.kind == kind for one in self.findings)}" for kind in KINDS)
        return f"rounds={self.rounds} {counts} seed={self.seed}"


# --- what is compared ----------------------------------------------------------------------------------------------


def world_of(stack: Stack, broker: Broker, history: History) -> World:
    """Return everything of a stack that the checker compares."""
    urls = {service: database.owner_url for service, database in stack.databases.items()}

    async def roll(at: Stage) -> list[str]:
        connection = await asyncpg.connect(urls["nomination"])
        try:
            rows = await connection.fetch(NOMINATION_SQL["roll_of_stage"], at.season, at.category, at.province)
        finally:
            await connection.close()
        return [row["nomination"] for row in rows]

    everything = tuple(topic.name for topic in EVENT_TOPICS if topic.owner != AUDIT)
    told = (*NOMINATION_RECEIVES, *SCORING_RECEIVES)
    reactions = (OrderReseals(roll),)
    stores = (
        Store(wire_of("identity"), urls["identity"]),
        Store(wire_of("nomination"), urls["nomination"], NOMINATION_RECEIVES, NOMINATION_PROJECTIONS, reactions),
        Store(wire_of("scoring"), urls["scoring"], SCORING_RECEIVES, SCORING_PROJECTIONS),
        Store(wire_of("notifications"), urls["notifications"], told, handlers=(IntentHandler.name,)),
        Store(wire_of("audit"), urls["audit"], everything),
    )
    domain = str(NotificationsSettings.model_fields["mail_from"].default).rpartition("@")[2]
    return World(stores, broker, history, Mailing("notifications", IntentHandler.name, stack.mail_folder, domain))


# --- the rounds ----------------------------------------------------------------------------------------------------


async def crash(rounds: int, seed: int, say: Say) -> Outcome:
    """Hit a stack of its own `rounds` times under load, compare everything, and say what was found.

    The data folder is removed, unless there are findings.
    """
    outcome = Outcome(rounds, seed)
    folder = temporary_folder("paritrana-crash-")
    options = _options(folder / "data")
    say(f"seed {seed}: {rounds} rounds; starting the stack")
    async with Stack(options) as stack:
        broker = Broker(stack.bootstrap_servers, "crash-check")
        world = world_of(stack, broker, outcome.history)
        try:
            await _Rounds(stack, world, outcome, say).run()
        finally:
            await broker.close()
    if outcome.findings:
        say(f"logs and data are kept in {folder}")
    else:
        remove_folder(folder)
    return outcome


def _options(data: Path) -> StackOptions:
    TestClock.set_to(data / "clock.json", _SCORING)
    data.chmod(0o755)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return StackOptions(data=data, ports=ports, clock="test", mail_sink=True)


class _Rounds:
    """All rounds on one stack."""

    def __init__(self, stack: Stack, world: World, outcome: Outcome, say: Say) -> None:
        self._stack, self._world, self._outcome, self._say = stack, world, outcome, say
        self._blows = blows(random.Random(outcome.seed))

    async def run(self) -> None:
        password = (self._stack.options.data / "keys" / PASSWORD_FILE).read_text(encoding="utf-8").strip()
        # Another source than the blows': what people do depends on what they are answered, and when.
        rng = random.Random(f"load of {self._outcome.seed}")
        async with crowd(self._stack.urls, password, rng, self._outcome.history) as people:
            load = Load(people, rng)
            await load.begin()
            try:
                async with load.going_on():
                    for number in range(1, self._outcome.rounds + 1):
                        await self._round(number, load)
            except* (Unexpected, NeverQuiet, StackError, TimeoutError) as stuck:
                self._found(Finding("lost", "the stack", repr(error)) for error in stuck.exceptions)
            self._say(f"{load.decided} plenaries decided; refused: {dict(self._outcome.history.refusals())}")
            self._say(f"not answered at first: {dict(people.silences)}")

    async def _round(self, number: int, load: Load) -> None:
        rounds = self._outcome.rounds
        if not load.deciding and number > 0.6 * rounds:
            self._stack.set_clock(_DECIDING)
            load.deciding = True
        blow = next(self._blows)
        load.people.let.set()
        await asyncio.sleep(blow.after)
        began = time.monotonic()
        await self._hit(blow)
        await self._all_ready()
        back = time.monotonic() - began
        await asyncio.sleep(_AFTER)
        history = self._outcome.history
        self._say(
            f"round {number:3}: {blow}; all ready after {back:.1f} s; "
            f"{history.count('accepted')} accepted, {history.count('refused')} refused"
        )
        if number == rounds:
            # Few rounds are short: what is compared at the end shall hold decisions too.
            await asyncio.wait_for(load.some_decided.wait(), _BACK)
        if number % _CHECKED_EVERY == 0 or number == rounds:
            await load.people.rest()
            await self._compare()

    async def _hit(self, blow: Blow) -> None:
        stack = self._stack
        if blow.stopped:
            (victim,) = blow.victims
            stack.kill(victim, signal.SIGSTOP)
            await asyncio.sleep(blow.stopped)
            stack.kill(victim, signal.SIGCONT)
            return
        for victim in blow.victims:
            stack.kill(victim)
        for victim in blow.victims:
            await stack.ready(victim, within=_BACK)

    async def _all_ready(self) -> None:
        """Wait until every service says that it is ready."""
        deadline = time.monotonic() + _BACK
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
            for service in SERVICES:
                while (said := await _readiness(http, self._stack.urls[service])) is not None:
                    if time.monotonic() > deadline:
                        raise NeverQuiet(f"{service} is not ready after {_BACK:.0f} s: {said}")
                    await asyncio.sleep(0.05)

    async def _compare(self) -> None:
        """Wait until nothing moves, and compare everything; what never came to rest is compared as it stands."""
        world, began = self._world, time.monotonic()
        try:
            await until_quiet(world.stores, world.broker, mails="notifications", within=_QUIET)
        except NeverQuiet as error:
            self._say(f"never quiet: {error}")
        quiet = time.monotonic() - began
        report = self._outcome.report = await check(world)
        self._say(f"quiet after {quiet:.1f} s; compared: {report}")
        self._found(report.findings)

    def _found(self, findings: Iterable[Finding]) -> None:
        """Say what was not found before, the first of it."""
        known = set(self._outcome.findings)
        fresh = [finding for finding in findings if finding not in known]
        self._outcome.findings += fresh
        for finding in fresh[:_SHOWN]:
            self._say(str(finding))
        if len(fresh) > _SHOWN:
            self._say(f"and {len(fresh) - _SHOWN} findings more")


async def _readiness(http: httpx.AsyncClient, url: str) -> str | None:
    try:
        answer = await http.get(f"{url}/health/ready")
    except httpx.HTTPError as error:
        return type(error).__name__
    return None if answer.is_success else failing_in(answer)


def say(line: str) -> None:
    """Write a line at once, past what a test runner captures."""
    out = sys.__stdout__
    if out is not None:
        out.write(f"{line}\n")
        out.flush()
