"""The load: many people at once, over the public HTTP APIs, who write down every command and every answer.

A command goes out with a key of its own and is sent again, under that key, until somebody says what became of it: a
broken connection, a time-out or a 503 says nothing. Now and then an accepted command is sent once more on purpose; its
answer must be the first one. Committees are formed, candidates nominated and scored in one province after another;
when scoring is over, rankings are sealed and plenaries decide, while withdrawals make some seals stale.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from cli.play.client import Client
from kernel.canonical import Json
from schemas.envelope import Stage
from schemas.regions import region_table
from services.identity.development import person_id
from tests.crash.checker import Command, History

SEASON: Final = "2020"
BODY: Final = "panitia-9"
STAGE: Final = "seleksi"
DECIDED: Final = "BESAR"
"""The category whose plenaries decide, from candidates that were nominated in time."""
NOISY: Final = "MENENGAH"
"""The category that goes on being nominated while it is scored, and whose nominees withdraw while it is sealed."""
_SIZES: Final = {DECIDED: "large", NOISY: "medium"}
_SEATS: Final = (
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
_RULEBOOK: Final = Path(__file__).resolve().parents[2] / "rulebooks" / "2020.yaml"
_WORKERS: Final = 4
_PAUSE: Final = (0.02, 0.12)
"""Seconds between two commands of one worker."""
_AGAIN: Final = 0.15
_REPEATED: Final = 0.1
"""Which part of the accepted commands is sent once more."""
_OFF_SCALE: Final = 0.05
_SHEETS: Final = 4
_SECONDS: Final = 5.0
_SILENT: Final = frozenset({401, 408, 425, 429, 502, 503, 504})
"""Answers that do not say what became of a command."""


_LATE: Final = {"until": "2021-05-31", "reason": "Provinces wait for their decrees"}
"""A longer time to nominate, so that nominations come while sheets are handed in."""


@dataclass
class People:
    """Everybody who sends commands; what they sent and were told is the history."""

    client: Client
    rng: random.Random
    history: History
    http: httpx.AsyncClient
    let: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while new commands may be sent."""
    under_way: int = 0
    silences: Counter[str] = field(default_factory=Counter)
    """Attempts that were not answered, by how."""

    async def send(
        self, who: str, service: str, path: str, body: Json | None = None, method: str = "POST"
    ) -> Json | None:
        """Send a command until it is answered; return its receipt, or None when it was refused."""
        await asyncio.sleep(self.rng.uniform(*_PAUSE))
        await self.let.wait()
        key = str(UUID(int=self.rng.getrandbits(128), version=4))
        command = Command(service, str(person_id(who)), f"POST {path}", key)
        self.history.commands[key] = command
        self.under_way += 1
        try:
            await self._until_answered(command, who, body)
            if command.receipts and self.rng.random() < _REPEATED:
                await self._until_answered(command, who, body)
        finally:
            self.under_way -= 1
        return command.receipts[0] if command.receipts else None

    async def _until_answered(self, command: Command, who: str, body: Json | None) -> None:
        while (answer := await self._once(command, who, body)) is None:  # noqa: ASYNC110 - asked again, not waited for
            await asyncio.sleep(_AGAIN)
        if answer.is_success:
            receipt = answer.json()
            command.receipts.append(receipt)
            for event in receipt["events"]:
                heads = self.client.heads
                heads[event["stream"]] = max(event["version"], heads.get(event["stream"], 0))
        else:
            command.refusals.append(str(answer.json().get("type")).rpartition("/")[2])

    async def _once(self, command: Command, who: str, body: Json | None) -> httpx.Response | None:
        method, path = command.route.split(" ")
        try:
            token = await self.client.token(who)
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": command.key}
            url = f"{self.client.urls[command.service]}{path}"
            answer = await self.http.request(method, url, json=body, headers=headers)
        except httpx.TransportError as error:
            self.silences[type(error).__name__] += 1
            return None
        if answer.status_code in _SILENT:
            self.silences[str(answer.status_code)] += 1
            return None
        if answer.is_server_error:
            command.faults.append(f"{answer.status_code} {answer.text[:300]}")
            return None
        return answer

    async def rest(self) -> None:
        """Send nothing new, and wait until all that was sent is answered."""
        self.let.clear()
        while self.under_way:  # noqa: ASYNC110 - workers end by themselves, and tell nobody
            await asyncio.sleep(0.02)


@dataclass
class Province:
    """One province's part in the season."""

    code: str
    town: str
    nominees: dict[str, list[str]] = field(default_factory=lambda: {DECIDED: [], NOISY: []})
    formed: bool = False
    count: int = 0

    @property
    def secretariat(self) -> str:
        return f"sekretariat-{self.code}"

    @property
    def secretary(self) -> str:
        return f"sekretaris-{self.code}"

    def member(self, index: int) -> str:
        return f"panitia-{self.code}-{index + 1}"

    def ranking(self, category: str, verb: str) -> str:
        return f"/v1/rankings/{SEASON}/provincial/{self.code}/{category}/{STAGE}/{verb}"

    def stage(self, category: str) -> Stage:
        return Stage(season=SEASON, tier="provincial", province=self.code, category=category, stage=STAGE)


def provinces() -> list[Province]:
    """Return every province with one of its towns, in the order of their codes."""
    found: dict[str, Province] = {}
    for region in sorted(region_table("kemendagri-2020").regions.values(), key=lambda each: each.code):
        if region.kind in ("regency", "city"):
            province = region.code[:2]
            found.setdefault(province, Province(province, region.code))
    return list(found.values())


@dataclass
class Load:
    """Keeps people busy; `deciding` turns from scoring to sealing and deciding."""

    people: People
    rng: random.Random
    waiting: list[Province] = field(default_factory=provinces)
    ready: list[Province] = field(default_factory=list)
    undecided: list[Province] = field(default_factory=list)
    deciding: bool = False
    decided: int = 0
    """Plenaries that came to their end."""
    some_decided: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Open the season, and make the first province ready."""
        self.rng.shuffle(self.waiting)
        self.people.let.set()
        rules = _RULEBOOK.read_text(encoding="utf-8")
        opened = await self.people.send("admin", "nomination", "/v1/seasons", {"rulebook": rules})
        assert opened is not None, self.people.history
        extended = await self.people.send("admin", "nomination", "/v1/seasons/2020/extend", _LATE)
        assert extended is not None, self.people.history
        await self._prepare(self.waiting.pop())

    @asynccontextmanager
    async def going_on(self) -> Any:
        """Keep workers going; whatever one of them meets ends the context with it."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._provinces()) for _ in range(_WORKERS // 2)]
            tasks += [group.create_task(self._steady()) for _ in range(_WORKERS - len(tasks))]
            yield
            for task in tasks:
                task.cancel()

    async def _provinces(self) -> None:
        while True:
            if self.deciding and self.undecided:
                await self._decide(self.undecided.pop())
            elif not self.deciding and self.waiting:
                await self._prepare(self.waiting.pop())
            else:
                await self._one_thing()

    async def _steady(self) -> None:
        while True:
            await self._one_thing()

    # --- before scoring ends ---------------------------------------------------------------------------------------

    async def _prepare(self, province: Province) -> None:
        """Form the committee, nominate two, open both stages, and file some sheets."""
        people = self.people
        committee = {
            "season": SEASON, "province": province.code, "body": BODY, "decree": "Keputusan contoh",
            "term_from": "2021-01-04", "term_until": "2021-12-31",
        }  # fmt: skip
        await people.send("admin", "nomination", "/v1/committees", committee)
        seats = [(office, province.member(index)) for index, office in enumerate(_SEATS)]
        for office, who in (*seats, ("sekretaris-panitia", province.secretary)):
            seat = {"office": office, "seat": 1, "person": str(person_id(who))}
            path = f"/v1/committees/{SEASON}/{province.code}/{BODY}/members"
            await people.send("admin", "nomination", path, seat)
        province.formed = True
        for _ in range(2):
            await self._nominate(province, DECIDED)
        await self._nominate(province, NOISY)
        streams = [f"season/{SEASON}", f"committee/{SEASON}/{province.code}"]
        streams += [f"nomination/{one}" for found in province.nominees.values() for one in found]
        await people.client.arrived(province.secretary, "scoring", "/v1/rankings", streams)
        for category in (DECIDED, NOISY):
            await people.send(province.secretary, "scoring", province.ranking(category, "open"))
        for nomination in province.nominees[DECIDED]:
            for seat_number in range(_SHEETS):
                await self._file(province, nomination, seat_number)
        self.ready.append(province)
        self.undecided.append(province)

    async def _nominate(self, province: Province, category: str) -> None:
        province.count += 1
        code = f"CONTOH-{province.code}-{province.count}"
        candidate = {
            "kind": "employer", "code": code, "name": f"PT {code}", "size_class": _SIZES[category],
            "region": province.town,
        }  # fmt: skip
        sent = {
            "season": SEASON, "category": category, "candidate": candidate, "nominating_body": province.code,
            "contact": str(person_id(province.member(self.rng.randrange(9)))), "sample": True,
        }  # fmt: skip
        receipt = await self.people.send(province.secretariat, "nomination", "/v1/nominations", sent)
        if receipt is not None:
            province.nominees[category].append(receipt["nomination"])

    async def _file(self, province: Province, nomination: str, seat: int) -> None:
        marks = {aspect: str(self.rng.randrange(60, 101)) for aspect in ("kepatuhan", "kinerja")}
        if self.rng.random() < _OFF_SCALE:
            marks["kinerja"] = "187"
        sheet = f"/v1/sheets/{nomination}/provincial/{STAGE}"
        who = province.member(seat)
        if self.rng.random() < 0.5:
            await self.people.send(who, "scoring", sheet, {"marks": marks, "submit": True, "sample": True})
            return
        await self.people.send(who, "scoring", sheet, {"marks": marks, "sample": True})
        revised = {"mark": str(self.rng.randrange(40, 60)), "reason": "Salah ketik (contoh).", "sample": True}
        await self.people.send(who, "scoring", f"{sheet}/marks/kepatuhan/revise", revised)
        await self.people.send(who, "scoring", f"{sheet}/submit")

    async def _one_thing(self) -> None:
        """Do one of the things that go on all the time."""
        province = self.rng.choice(self.ready)
        nominees = province.nominees[NOISY]
        if self.deciding and (not nominees or self.rng.random() < 0.6):
            verb = "close" if self.rng.random() < 0.3 else "seal"
            await self.people.send(province.secretary, "scoring", province.ranking(NOISY, verb))
        elif self.deciding:
            await self._withdraw(province)
        elif nominees and self.rng.random() < 0.6:
            await self._file(province, self.rng.choice(nominees), self.rng.randrange(9))
        else:
            await self._nominate(province, NOISY)

    # --- after scoring ended ---------------------------------------------------------------------------------------

    async def _withdraw(self, province: Province) -> None:
        """Take back a nominee of whom a seal that is being made may not know it."""
        nominees = province.nominees[NOISY]
        nomination = nominees.pop(self.rng.randrange(len(nominees)))
        path = f"/v1/nominations/{nomination}/withdraw"
        await self.people.send(province.secretariat, "nomination", path, {"reason": "Mengundurkan diri (contoh)."})

    async def _decide(self, province: Province) -> None:
        """Close and seal a stage, meet, table, move, vote, decide, announce."""
        people, item = self.people, {"category": DECIDED, "stage": STAGE}
        await people.send(province.secretary, "scoring", province.ranking(DECIDED, "close"))
        sealed = await people.send(province.secretary, "scoring", province.ranking(DECIDED, "seal"))
        if sealed is None:
            return
        convened = await people.send(
            province.secretary,
            "nomination",
            "/v1/plenaries",
            {"season": SEASON, "province": province.code, "body": BODY, "agenda": [item],
             "scheduled": "2021-03-02T09:00:00+07:00"},
        )  # fmt: skip
        if convened is None:
            return
        plenary = f"/v1/plenaries/{convened['plenary']}"
        members = [province.member(index) for index in range(len(_SEATS))]
        await asyncio.gather(
            *(people.send(who, "nomination", f"{plenary}/attendance", {"present": True}) for who in members)
        )
        ranking = province.stage(DECIDED).ranking
        await people.client.arrived(province.secretary, "nomination", "/v1/plenaries", [ranking])
        await people.send(province.secretary, "nomination", f"{plenary}/table", item)
        await people.send(members[0], "nomination", f"{plenary}/motions", item)
        await asyncio.gather(
            *(people.send(who, "nomination", f"{plenary}/motions/1/votes", {"vote": "for"}) for who in members)
        )
        await people.send(members[0], "nomination", f"{plenary}/motions/1/decide")
        announced = await people.send(members[0], "nomination", f"{plenary}/motions/1/announce")
        await people.send(province.secretary, "nomination", f"{plenary}/adjourn")
        if announced is not None:
            self.decided += 1
            self.some_decided.set()


@asynccontextmanager
async def crowd(urls: dict[str, str], password: str, rng: random.Random, history: History) -> Any:
    """Open the people's connections: short time-outs, so that a stopped service leaves commands unanswered."""
    limits = httpx.Limits(max_connections=2 * _WORKERS)
    async with (
        Client(urls, password) as client,
        httpx.AsyncClient(timeout=_SECONDS, trust_env=False, limits=limits) as http,
    ):
        yield People(client, rng, history, http)
