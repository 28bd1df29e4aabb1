"""The whole system as its users meet it: every service a process of its own, spoken to over HTTP and Kafka only.

What a test may ask is read from the services' own OpenAPI documents, so a route that is added is asked too. Tokens are
signed here with the stack's own key: signing in is slowed on purpose, and a test wants every role in every scope.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import NAMESPACE_URL, uuid4, uuid5

import asyncpg
import httpx
from joserfc.jwk import OKPKey

from deploy.local.folders import make_data_folder
from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.clock import TestClock
from kernel.tokens import Grant, Person, issue
from schemas.topics import SERVICES
from tests.support.people import acquaint
from tests.support.stack import remove_folder, say, temporary_folder

Json = dict[str, Any]

ROOT: Final = Path(__file__).parents[2]
OPERATION: Final = ("/health/live", "/health/ready", "/metrics")
DOCUMENTS: Final = ("/openapi.json", "/asyncapi.json")
PROBLEM: Final = "application/problem+json"
BODY: Final = "panitia-9"
OPENS = datetime.fromisoformat("2020-09-01T09:00:00+07:00")
NOMINATES = datetime.fromisoformat("2021-01-06T10:00:00+08:00")
SCORES = datetime.fromisoformat("2021-02-08T09:00:00+08:00")
DECIDES = datetime.fromisoformat("2021-03-01T09:00:00+07:00")


def person_of(name: str) -> str:
    """Return a test person's pseudonym."""
    return str(uuid5(NAMESPACE_URL, f"urn:paritrana:test:{name}"))


# --- what can be asked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a service's OpenAPI document."""

    service: str
    method: str
    template: str
    parameters: tuple[Json, ...]
    body: Json | None
    """The JSON Schema of the body, references resolved by `schemas`; None for a route without one."""
    schemas: Json = field(repr=False, compare=False)
    files: tuple[str, ...] = ()
    """The types of file that it takes instead of a JSON body."""

    @property
    def name(self) -> str:
        """Return what the route is called in tables and reports."""
        return f"{self.service} {self.method} {self.template}"

    @property
    def is_command(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return any(each["name"] == "Idempotency-Key" for each in self.parameters)

    def names(self, place: str) -> list[str]:
        """Return the names of its parameters in a place: path, query or header."""
        return [each["name"] for each in self.parameters if each["in"] == place]

    def path(self, values: Mapping[str, str]) -> str:
        """Return the path with `values` in its places."""
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], self.template)


def routes_of(service: str, document: Json) -> list[Route]:
    """Return every operation of an OpenAPI document."""
    schemas = document.get("components", {}).get("schemas", {})
    return [
        Route(service, method.upper(), template, tuple(each.get("parameters", ())), _body(each), schemas, _files(each))
        for template, operations in document["paths"].items()
        for method, each in operations.items()
    ]


def _body(operation: Json) -> Json | None:
    content: Json = operation.get("requestBody", {}).get("content", {})
    schema: Json | None = content.get("application/json", {}).get("schema")
    return schema


def _files(operation: Json) -> tuple[str, ...]:
    content: Json = operation.get("requestBody", {}).get("content", {})
    return tuple(media_type for media_type in content if media_type != "application/json")


@dataclass(slots=True)
class Whole:
    """A running stack, and everybody who may speak to it."""

    stack: Stack
    http: httpx.AsyncClient
    key: OKPKey
    routes: tuple[Route, ...] = ()
    nominations: dict[str, str] = field(default_factory=dict)
    """The ids of the season's nominations, by their candidates' codes."""
    plenaries: dict[str, str] = field(default_factory=dict)
    """The ids of plenaries, by their province."""
    heads: dict[str, int] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)
    """By service, the position in its log that the last receipt gave."""
    """The last version of every stream that a receipt named."""

    def url(self, service: str, path: str = "") -> str:
        """Return where a service serves a path."""
        return self.stack.urls[service] + path

    def now(self) -> datetime:
        """Return what the stack's clock says."""
        return TestClock(self.stack.options.data / "clock.json").now()

    def token(self, *grants: Grant, person: str | None = None, lifetime: int = 3600) -> str:
        """Return a token that identity could have issued."""
        return issue(self.key, Person(person or str(uuid4()), grants), lifetime=lifetime).token

    async def ask(
        self, token: str | None, service: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """Send a request; every command gets a key of its own."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if method not in ("GET", "HEAD"):
            sent["Idempotency-Key"] = str(uuid4())
        return await self.http.request(method, self.url(service, path), json=body, headers=sent | headers)

    async def does(self, token: str, service: str, method: str, path: str, body: Any = None) -> Json:
        """Send a command that must be accepted, and return its receipt."""
        answer = await self.ask(token, service, method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        receipt: Json = answer.json()
        for event in receipt.get("events", ()):
            self.heads[event["stream"]] = event["version"]
        if position := receipt.get("position"):
            self.positions[service] = position
        return receipt

    # --- what the stores hold ---------------------------------------------------------------------------------------

    async def rows(self, service: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Read a service's database as its owner."""
        connection = await asyncpg.connect(self.stack.databases[service].owner_url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def own_heads(self, service: str) -> dict[str, int]:
        """Return the last version of every stream that a service wrote."""
        rows = await self.rows(service, "select stream, max(version) as version from events where own group by stream")
        return {row["stream"]: row["version"] for row in rows}

    async def known_heads(self, service: str) -> dict[str, int]:
        """Return the last version of every stream that a service has, its own and others'."""
        rows = await self.rows(service, "select stream, version from heads where version > 0")
        return {row["stream"]: row["version"] for row in rows}

    async def unready(self) -> dict[str, Json]:
        """Return what every service that is not ready says of its checks."""
        found: dict[str, Json] = {}
        for service in SERVICES:
            answer = await self.http.get(self.url(service, "/health/ready"))
            if answer.status_code != httpx.codes.OK:
                found[service] = answer.json()
        return found

    async def is_ready(self) -> bool:
        """Tell whether every service is ready."""
        return not await self.unready()

    async def all_ready(self) -> None:
        """Wait until every service is ready: on a loaded machine one may be out of its group for a moment."""
        try:
            await until(self.is_ready, "the services are not ready", within=60)
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.unready()}") from None

    async def knows(self, *persons: str) -> None:
        """Let identity know persons, who have no address."""
        await acquaint(self.stack.databases["identity"].owner_url, *persons)

    # --- a season that has begun ------------------------------------------------------------------------------------

    async def january(self) -> Self:
        """Open 2020; form and seat the committees of 13 and 75; nominate two cities or regencies of each."""
        admin = self.token(Grant.of("season-admin"))
        self.stack.set_clock(OPENS)
        text = (ROOT / "rulebooks" / "2020.yaml").read_text("utf-8")
        await self.does(admin, "nomination", "POST", "/v1/seasons", {"rulebook": text})
        self.stack.set_clock(NOMINATES)
        for province in ("13", "75"):
            await self._seat(admin, province)
        for province, codes in (("13", ("13.71", "13.72")), ("75", ("75.03", "75.71"))):
            for code in codes:
                await self.nominate(province, code)
        await self.arrived("scoring", *self.heads)
        await self.told()
        return self

    async def told(self) -> None:
        """Wait until every nominee's contact, who nominated it, and its secretariat were written to of it."""

        async def settled() -> bool:
            (row,) = await self.rows(
                "notifications",
                "select count(*) as done from intents where template = 'nominated' and state <> 'pending'",
            )
            return bool(row["done"] == 3 * len(self.nominations))

        await until(settled, "some mail is still to be sent")

    async def february(self) -> Self:
        """Open KABKOTA of both places for scoring; two members of each hand in a sheet for the first candidate."""
        self.stack.set_clock(SCORES)
        for province in ("13", "75"):
            await self.open(province)
            for office in ("kepala-bps", "ketua-apindo"):
                sent = {"marks": {"kebijakan": "80", "peraturan": "70", "kinerja": "90"}, "submit": True}
                path = self.sheet_path({"13": "13.71", "75": "75.03"}[province])
                await self.does(self.member(office, province), "scoring", "POST", path, sent)
        return self

    async def open(self, province: str) -> None:
        """Open KABKOTA of a place for scoring, unless it was."""
        ranking = f"ranking/2020/provincial/{province}/KABKOTA/seleksi"
        if ranking not in self.heads:
            await self.does(self.clerk(province), "scoring", "POST", f"/v1/{ranking.replace('/', 's/', 1)}/open")

    async def _seat(self, admin: str, province: str) -> None:
        term = {"term_from": "2021-01-04", "term_until": "2021-12-31"}
        formed = {"season": "2020", "province": province, "body": BODY, "decree": "Keputusan contoh 2021", **term}
        await self.does(admin, "nomination", "POST", "/v1/committees", formed)
        offices = ("sekretaris-daerah", "kepala-bps", "ketua-apindo", "sekretaris-panitia")
        await self.knows(*(person_of(f"{office}-{province}") for office in offices))
        for office in offices:
            sent = {"office": office, "seat": 1, "person": person_of(f"{office}-{province}")}
            await self.does(admin, "nomination", "POST", f"/v1/committees/2020/{province}/{BODY}/members", sent)

    async def nominate(self, province: str, code: str) -> Json:
        """Nominate a regency or city as its province's secretariat."""
        kind = "city" if int(code[3:]) > 70 else "regency"
        sent = {
            "season": "2020",
            "category": "KABKOTA",
            "candidate": {"kind": kind, "code": code},
            "nominating_body": province,
            "contact": person_of(f"contact-{code}"),
        }
        await self.knows(person_of(f"contact-{code}"))
        receipt = await self.does(self.secretariat(province), "nomination", "POST", "/v1/nominations", sent)
        self.nominations[code] = receipt["nomination"]
        return receipt

    def secretariat(self, province: str) -> str:
        """Return the token of a province's secretariat."""
        return self.token(Grant.of("secretariat", province=province), person=person_of(f"secretariat-{province}"))

    def clerk(self, province: str) -> str:
        """Return the token of a committee's secretary."""
        grant = Grant.of("secretary", committee=province)
        return self.token(grant, person=person_of(f"sekretaris-panitia-{province}"))

    def member(self, office: str, province: str) -> str:
        """Return the token of a committee's member."""
        return self.token(Grant.of("member", committee=province), person=person_of(f"{office}-{province}"))

    def sheet_path(self, code: str) -> str:
        """Return the path of one's own sheet for a candidate at the province."""
        return f"/v1/sheets/{self.nominations[code]}/provincial/seleksi"

    def heads_of(self, *kinds: str) -> list[str]:
        """Return the streams of some kinds that receipts named."""
        return [stream for stream in self.heads if stream.partition("/")[0] in kinds]

    async def folded(self, service: str, path: str, token: str, *streams: str) -> None:
        """Wait until a list that takes `at_least` has folded all that receipts named of the streams."""
        for stream in streams:
            answer = await self.ask(token, service, "GET", f"{path}?limit=1&at_least={stream}@{self.heads[stream]}")
            assert answer.is_success, answer.text

    async def read_all(self, token: str, service: str, path: str) -> list[Json]:
        """Return the items of all pages of a list; `path` has a query."""
        items: list[Json] = []
        cursor = ""
        while True:
            page: Json = (await self.ask(token, service, "GET", f"{path}&limit=200{cursor}")).json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    async def arrived(self, service: str, *streams: str, within: float = 120.0) -> None:
        """Wait until a service has all that receipts named of the streams."""
        wanted = {stream: self.heads[stream] for stream in streams}

        async def there() -> bool:
            known = await self.known_heads(service)
            return all(known.get(stream, 0) >= version for stream, version in wanted.items())

        await until(there, f"{service} has not received {wanted}", within=within)


async def until(holds: Callable[[], Awaitable[bool]], said: str, *, within: float = 120.0) -> None:
    """Wait until something holds; fail with `said` when it does not in time."""
    try:
        async with asyncio.timeout(within):
            while not await holds():  # noqa: ASYNC110 - other processes tell nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{said} (waited {within:g} s)") from None


@asynccontextmanager
async def whole_system(begins: datetime = OPENS - timedelta(days=1), **given: Any) -> AsyncIterator[Whole]:
    """Run everything on ports and in a folder of its own, on the test clock, with a sink for mail.

    The clock stands at `begins` first; `given` are further options of the stack.
    """
    folder = temporary_folder()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = StackOptions(data=folder / "data", ports=ports, clock="test", mail_sink=True, **given)
    TestClock.set_to(make_data_folder(options.data) / "clock.json", begins)
    try:
        async with Stack(options, say=say) as stack, spoken_to(stack, options.data / "keys") as whole:
            yield whole
    finally:
        remove_folder(folder)


@asynccontextmanager
async def spoken_to(stack: Any, keys: Path) -> AsyncIterator[Whole]:
    """Read every service's routes and sign tokens with the key in `keys`."""
    signing = OKPKey.import_key(json.loads((keys / "token-signing.jwk").read_text("ascii")))
    async with httpx.AsyncClient(timeout=60.0, trust_env=False) as http:
        whole = Whole(stack, http, signing)
        found: list[Route] = []
        for service in SERVICES:
            found += routes_of(service, (await http.get(whole.url(service, "/openapi.json"))).json())
        whole.routes = tuple(found)
        yield whole
