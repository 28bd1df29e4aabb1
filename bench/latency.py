"""latency: from a sheet's submission over HTTP to the ranking that shows it, at a hundred a second.

The whole stack runs as `paritrana up` runs it. Members submit sheets in an open loop (a slow answer delays nobody
else); the secretary then reads the ranking and waits in the read for the submission's position. The limit is what the
machine gives at that moment: a commit of one row and a round trip through Kafka, each a hundred times a second, their
99th percentiles added.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.ground import Ground, temporary_folder
from bench.plan import Plan
from bench.rows import Row
from bench.usage import peak_megabytes
from cli.play.client import Client
from deploy.local.ports import free_ports
from deploy.local.provision import provision_topics
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from schemas.regions import region_table
from schemas.topics import FOR_EVER, SERVICES, Topic
from services.identity.development import PASSWORD_FILE, person_id

NAME: Final = "latency"
RATE: Final = 100
"""Submissions a second, as the goal has it; client, services and both servers share the machine's cores."""
CALM: Final = 20
"""Submissions a second at which two cores are not yet busy all the time."""
_NOMINATING: Final = datetime.fromisoformat("2021-01-06T09:00:00+07:00")
_SCORING: Final = datetime.fromisoformat("2021-02-02T09:00:00+07:00")
_SEASON: Final = "2020"
_BODY: Final = "panitia-9"
_NOMINEES: Final = 30
_TOPIC: Final = "bench-latency"
_WARM_SECONDS: Final = 2.0
_CLOCK: Final = "clock.json"


async def measure(_ground: Ground, plan: Plan) -> list[Row]:
    """Measure on a stack of its own and return the rows: the latency, start-up, and peak memory of each service."""
    sheets = round(RATE * _WARM_SECONDS + (RATE + CALM) * plan.latency_seconds * plan.latency_rounds)
    async with _stack() as (stack, started):
        password = (stack.options.data / "keys" / PASSWORD_FILE).read_text(encoding="utf-8").strip()
        async with Client(stack.urls, password) as client, _probes(stack) as probes:
            submissions = iter(await _prepared(stack, client, -(-sheets // (9 * _NOMINEES))))
            await _submit_all(client, submissions, _WARM_SECONDS, RATE)
            values: list[float] = []
            calm: list[float] = []
            limits: list[float] = []
            for _ in range(plan.latency_rounds):
                commits = await paced(probes.commit, plan.latency_seconds / 2, RATE)
                trips = await paced(probes.round_trip, plan.latency_seconds / 2, RATE)
                limits.append(percentile_99(commits) + percentile_99(trips))
                calm.append(percentile_99(await _submit_all(client, submissions, plan.latency_seconds, CALM)))
                values.append(percentile_99(await _submit_all(client, submissions, plan.latency_seconds, RATE)))
        memory = [
            Row.of(
                f"memory_{name}", "MB", [peak_megabytes(pid)], limits=[300.0], goal_of_limit=1.0, smaller_is_better=True
            )
            for name, pid in stack.pids().items()
            if name in SERVICES
        ]
    row = Row.of(NAME, "ms p99", values, limits=limits, goal_of_limit=5.0, smaller_is_better=True)
    slower = Row.of(f"{NAME}_at_{CALM}", "ms p99", calm, limits=limits, smaller_is_better=True)
    return [row, slower, Row.of("start_up", "s", [started], smaller_is_better=True), *memory]


def percentile_99(seconds: Sequence[float]) -> float:
    """Return the 99th percentile in milliseconds (the nearest rank)."""
    ordered = sorted(seconds)
    return 1000 * ordered[max(0, -(-99 * len(ordered) // 100) - 1)]


async def paced(work: Callable[[], Awaitable[None]], seconds: float, rate: int) -> list[float]:
    """Begin `work` `rate` times a second, whether or not earlier ones have ended; return what each took, in seconds."""

    async def timed() -> float:
        began = time.perf_counter()
        await work()
        return time.perf_counter() - began

    began = time.perf_counter()
    tasks: list[asyncio.Task[float]] = []
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(timed()))
    return list(await asyncio.gather(*tasks))


# --- the stack and what is asked of it --------------------------------------------------------------------------------


@asynccontextmanager
async def _stack() -> AsyncIterator[tuple[Stack, float]]:
    """Run a stack of its own on free ports; tell in how many seconds all of it was ready."""
    folder = temporary_folder()
    data = folder / "data"
    TestClock.set_to(data / _CLOCK, _NOMINATING)
    data.chmod(0o755)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    began = time.perf_counter()
    try:
        async with Stack(StackOptions(data=data, ports=ports, clock="test", mail_sink=True)) as stack:
            yield stack, time.perf_counter() - began
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Submission:
    """One member's sheet for one nominee, and who reads the ranking afterwards."""

    member: str
    nomination: str
    secretary: str
    ranking: str


async def _submit_all(client: Client, submissions: Iterator[_Submission], seconds: float, rate: int) -> list[float]:
    tokens = {}
    chosen = list(islice(submissions, round(rate * seconds)))
    for who in {name for each in chosen for name in (each.member, each.secretary)}:
        tokens[who] = f"Bearer {await client.token(who)}"
    waiting = iter(chosen)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(timeout=30.0, trust_env=False, limits=limits) as http:

        async def one() -> None:
            sheet = next(waiting)
            answer = await http.post(
                f"{client.urls['scoring']}/v1/sheets/{sheet.nomination}/provincial/seleksi",
                json={"marks": {"kepatuhan": "87.5", "kinerja": "91"}, "submit": True, "sample": True},
                headers={
                    "Authorization": tokens[sheet.member],
                    "Idempotency-Key": f"{sheet.member}/{sheet.nomination}",
                },
            )
            answer.raise_for_status()
            shown = await http.get(
                f"{client.urls['scoring']}{sheet.ranking}",
                params={"at_least": answer.json()["position"]},
                headers={"Authorization": tokens[sheet.secretary]},
            )
            shown.raise_for_status()

        return await paced(one, seconds, rate)


async def _prepared(stack: Stack, client: Client, provinces: int) -> list[_Submission]:
    """Open a season, form committees, nominate, open scoring; return every sheet that can be submitted, mixed."""
    text = (_rulebooks() / "2020.yaml").read_text(encoding="utf-8")
    await client.command("admin", "nomination", "/v1/seasons", {"rulebook": text}, key="season")
    towns: dict[str, str] = {}
    for region in sorted(region_table("kemendagri-2020").regions.values(), key=lambda each: each.code):
        if region.kind in ("regency", "city"):
            towns.setdefault(region.code[:2], region.code)
    chosen = list(islice(towns.items(), provinces))
    found = await asyncio.gather(*(_province(client, province, town) for province, town in chosen))
    stack.set_clock(_SCORING)
    await asyncio.gather(*(_open(client, province, made) for (province, _), made in zip(chosen, found, strict=True)))
    return [
        _Submission(f"panitia-{province}-{seat}", made[number], f"sekretaris-{province}", _ranking(province))
        for number in range(_NOMINEES)
        for seat in range(1, 10)
        for (province, _), made in zip(chosen, found, strict=True)
    ]


async def _province(client: Client, province: str, town: str) -> list[str]:
    committee = {
        "season": _SEASON, "province": province, "body": _BODY, "decree": "Keputusan contoh",
        "term_from": "2021-01-04", "term_until": "2021-12-31",
    }  # fmt: skip
    await client.command("admin", "nomination", "/v1/committees", committee, key=f"form/{province}")
    seats = [(office, f"panitia-{province}-{seat}") for office, seat in zip(_OFFICES, count(1), strict=False)]
    for office, who in (*seats, ("sekretaris-panitia", f"sekretaris-{province}")):
        seat = {"office": office, "seat": 1, "person": str(person_id(who))}
        path = f"/v1/committees/{_SEASON}/{province}/{_BODY}/members"
        await client.command("admin", "nomination", path, seat, key=f"seat/{province}/{office}")
    return [await _nominated(client, province, town, number) for number in range(_NOMINEES)]


async def _nominated(client: Client, province: str, town: str, number: int) -> str:
    code = f"CONTOH-{province}-{number}"
    candidate = {"kind": "employer", "code": code, "name": f"PT {code}", "size_class": "large", "region": town}
    sent = {
        "season": _SEASON, "category": "BESAR", "candidate": candidate, "nominating_body": province,
        "contact": str(person_id(f"panitia-{province}-1")), "sample": True,
    }  # fmt: skip
    receipt = await client.command(f"sekretariat-{province}", "nomination", "/v1/nominations", sent, key=code)
    return str(receipt["nomination"])


async def _open(client: Client, province: str, nominations: Sequence[str]) -> None:
    secretary = f"sekretaris-{province}"
    streams = [f"season/{_SEASON}", f"committee/{_SEASON}/{province}", *(f"nomination/{one}" for one in nominations)]
    await client.arrived(secretary, "scoring", "/v1/rankings", streams)
    await client.command(secretary, "scoring", f"{_ranking(province)}/open", key=f"open/{province}")


def _ranking(province: str) -> str:
    return f"/v1/rankings/{_SEASON}/provincial/{province}/BESAR/seleksi"


def _rulebooks() -> Path:
    return Path(__file__).resolve().parents[1] / "rulebooks"


_OFFICES: Final = (
    "sekretaris-daerah",
    "kepala-bpjs-ketenagakerjaan",
    "asisten-pemerintahan-kesra",
    "kepala-dinas-tenaga-kerja",
    "kepala-dinas-koperasi-ukm",
    "kepala-bps",
    "ketua-apindo",
    "ketua-spsi",
    "anggota-kesembilan",
)


# --- what the machine gives -------------------------------------------------------------------------------------------


class _Probes:
    """A commit of one row, and a message through Kafka and back, on the stack's own servers."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], producer: AIOKafkaProducer) -> None:
        self._pool = pool
        self._producer = producer
        self._back: dict[bytes, asyncio.Future[None]] = {}
        self._keys = count()

    async def commit(self) -> None:
        """Insert one row in a transaction of its own."""
        await self._pool.execute("insert into bench_commit (body) values ($1)", "x" * 500)

    async def round_trip(self) -> None:
        """Send a message with `acks=all` and wait until it is read."""
        key = b"%d" % next(self._keys)
        self._back[key] = asyncio.get_running_loop().create_future()
        await self._producer.send_and_wait(_TOPIC, b"x" * 500, key=key)
        await self._back[key]
        del self._back[key]

    async def read(self, consumer: AIOKafkaConsumer) -> None:
        """Tell each message's sender that it came back."""
        async for message in consumer:
            back = self._back.get(message.key)
            if back is not None and not back.done():
                back.set_result(None)


@asynccontextmanager
async def _probes(stack: Stack) -> AsyncIterator[_Probes]:
    await provision_topics(stack.bootstrap_servers, [Topic(_TOPIC, "bench", 1, FOR_EVER, "number", "bench")])
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(_TOPIC, bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest")
    async with asyncpg.create_pool(stack.admin_url, min_size=4, max_size=8) as pool:
        await pool.execute("create table bench_commit (number bigint generated always as identity, body text)")
        await asyncio.gather(producer.start(), consumer.start())
        probes = _Probes(pool, producer)
        reading = asyncio.create_task(probes.read(consumer))
        try:
            yield probes
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await asyncio.gather(producer.stop(), consumer.stop())
