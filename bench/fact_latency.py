"""fact_latency: from a publisher's message to the nominee's figure in the ranking, under 5,000 other facts a second.

The whole system runs, every service a process. A payment for one of the nominees is sent every tenth of a second, each
of which makes one more of the nominee's months paid in time; the ranking is read over HTTP again and again, and a
payment is visible when the first reading shows so many months. The pause between readings counts as waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from bench.committees import OPENS, Contest, make_contest
from bench.connections import Connections
from bench.facts import Message, about, payments, producer
from bench.ground import Say, own_folder
from bench.latency import percentile, running
from bench.plan import Plan
from bench.rows import Row
from cli.play.client import Client
from schemas.facts import ContributionDue, ContributionPaid, EmployerRegistered
from schemas.topics import CONTRIBUTIONS

NAME: Final = "fact_latency"
A_SECOND: Final = 5_000
_PROBES_A_SECOND: Final = 10
_TICK: Final = 0.01
_LOOK_SECONDS: Final = 0.04
_MOST_MS: Final = 1000.0
_MONTHS: Final = tuple(f"2020-{month:02d}" for month in range(1, 12))
"""Those whose due day is over by the cut-off of the rulebook's measure, 31 December."""
_REGISTERED: Final = "2020-01-02T03:00:00Z"
_ASPECT_GREATEST: Final = 100
_WARM: Final = 20
_PATIENCE: Final = 60.0
_SEED: Final = 20_210_423


async def measure(plan: Plan, say: Say) -> list[Row]:
    """Start the whole system, measure, and return the rows."""
    with own_folder() as folder:
        return await _measure(folder, plan, say)


async def _measure(folder: Path, plan: Plan, say: Say) -> list[Row]:
    probes = int(plan.fact_latency_seconds * _PROBES_A_SECOND) * plan.fact_latency_rounds + _WARM
    async with running(folder, OPENS) as (stack, client), AsyncExitStack() as held:
        contest = await make_contest(stack, client, -(-probes // len(_MONTHS)))
        board = await _Board.opened(held, stack.urls["scoring"], client, contest)
        feed = _Feed(stack.bootstrap_servers)
        feed.send([*_said_before(contest)])
        await board.shows(dict.fromkeys(contest.nominations, 0))
        say(f"{probes} payments of {len(contest.nominations)} nominees, among {A_SECOND} other facts a second")
        async with feed.flowing(), board.watched():
            rounds = await _rounds(plan, board, feed, contest)
    return [
        Row.of(name, "ms", [percentile(times, part) for times in rounds], limits=[_MOST_MS], goal_of_limit=goal,
               smaller_is_better=True)
        for name, part, goal in ((NAME, 0.99, 1.0), (f"{NAME}_median", 0.5, None))
    ]  # fmt: skip


async def _rounds(plan: Plan, board: _Board, feed: _Feed, contest: Contest) -> list[list[float]]:
    """Return the seconds that each payment took, by round; the first payments warm up and are not counted."""
    employers = list(contest.nominations)
    each = int(plan.fact_latency_seconds * _PROBES_A_SECOND)
    waits: list[asyncio.Task[float]] = []
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(_WARM + each * plan.fact_latency_rounds):
        await asyncio.sleep(start + number / _PROBES_A_SECOND - loop.time())
        month, which = divmod(number, len(employers))
        shown = board.awaited(employers[which], month + 1)
        sent = loop.time()
        feed.send([_payment(employers[which], _MONTHS[month])])
        waits.append(asyncio.create_task(_since(sent, shown)))
    async with asyncio.timeout(_PATIENCE):
        times = await asyncio.gather(*waits)
    counted = times[_WARM:]
    return [counted[first : first + each] for first in range(0, len(counted), each)]


async def _since(sent: float, shown: asyncio.Future[float]) -> float:
    return await shown - sent


# --- what is said --------------------------------------------------------------------------------------------------


def _said_before(contest: Contest) -> list[Message]:
    said = []
    for employer in contest.nominations:
        registered = {"size_class": "large", "region": "31.71", "obliged_from": "2019-01"}
        said.append(about(EmployerRegistered, employer, f"registered-{employer}", registered, time=_REGISTERED))
        said += [
            about(ContributionDue, employer, f"due-{employer}-{month}", {"month": month, "amount": 1_200_000})
            for month in _MONTHS
        ]
    return said


def _payment(employer: str, month: str) -> Message:
    id_ = f"paid-{employer}-{month}"
    paid = {"month": month, "amount": 1_200_000, "paid_on": f"{month}-20", "bank_reference": id_}
    return about(ContributionPaid, employer, id_, paid)


class _Feed:
    """Two publishers: one that sends the payments at once, one whose facts only fill the topic."""

    def __init__(self, servers: str) -> None:
        self._probes: Producer = producer(servers, linger_ms=0)
        self._others: Producer = producer(servers, linger_ms=5)

    def send(self, messages: list[Message]) -> None:
        """Hand messages to the client, which sends them at once."""
        for key, value, headers in messages:
            self._probes.produce(CONTRIBUTIONS, value, key, headers=headers)
        self._probes.poll(0)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Publish other employers' facts while the context is open."""
        task = asyncio.create_task(self._flow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.to_thread(self._others.flush, 10)
            await asyncio.to_thread(self._probes.flush, 10)

    async def _flow(self) -> None:
        loop = asyncio.get_running_loop()
        start, sent = loop.time(), 0
        messages = payments(10**9, seed=_SEED)
        while True:
            while sent < (loop.time() - start) * A_SECOND:
                key, value, headers = next(messages)
                self._others.produce(CONTRIBUTIONS, value, key, headers=headers)
                sent += 1
            self._others.poll(0)
            await asyncio.sleep(_TICK)


# --- what is seen --------------------------------------------------------------------------------------------------


class _Board:
    """The ranking as its secretary sees it: how many months of each employer it shows as paid in time."""

    def __init__(self, connections: Connections, token: str, contest: Contest) -> None:
        self._connections = connections
        self._token = token
        self._contest = contest
        self._awaited: dict[str, list[tuple[int, asyncio.Future[float]]]] = {}

    @classmethod
    async def opened(cls, held: AsyncExitStack, url: str, client: Client, contest: Contest) -> _Board:
        """Open a connection for its secretary."""
        connections = await held.enter_async_context(Connections(url, 1))
        return cls(connections, await client.token(contest.secretary), contest)

    def awaited(self, employer: str, months: int) -> asyncio.Future[float]:
        """Return what will hold the moment at which so many months of an employer were seen."""
        seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(employer, []).append((months, seen))
        return seen

    async def shows(self, months: dict[str, int]) -> None:
        """Wait until the ranking shows so many months of each employer."""
        async with asyncio.timeout(_PATIENCE):
            while await self._read() != months:  # noqa: ASYNC110 - another process's ranking
                await asyncio.sleep(_LOOK_SECONDS)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Read the ranking again and again while the context is open."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            found = await self._read()
            now = asyncio.get_running_loop().time()
            for employer, months in found.items():
                waiting = self._awaited.get(employer, [])
                while waiting and waiting[0][0] <= months:
                    waiting.pop(0)[1].set_result(now)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self) -> dict[str, int]:
        answer: Any = orjson.loads(await self._connections.ask("GET", self._contest.path, self._token))
        lines = [*answer["standings"], *answer["unrankable"]]
        figures = {line["nomination"]: _figure(line["aspects"]) for line in lines}
        return {
            employer: int(figure * len(_MONTHS) / _ASPECT_GREATEST)
            for employer, nomination in self._contest.nominations.items()
            if (figure := figures.get(nomination)) is not None
        }


def _figure(aspects: list[dict[str, Any]]) -> Fraction | None:
    """Return the figure of the one aspect that nobody marked: no sheet was handed in."""
    return next((Fraction(one["value"]) for one in aspects), None)
