"""Scoring over HTTP on a real database: what the nomination service said is planted as received."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
import pytest_asyncio
import uvicorn
from joserfc.jwk import OKPKey

from kernel.canonical import instant, uuid7, write_document
from kernel.clock import Clock
from kernel.commands import Ask
from kernel.decider import Decision, Emit, Loader, Position, Refusal
from kernel.log import NO_HEAD, Append, Entry, Head, append
from kernel.persons import Directory
from kernel.reactor import Reactor
from kernel.service import Service
from kernel.tokens import Grant, LocalJwks, Person, TokenVerifier, issue
from schemas.envelope import Event, Stage, StreamPoint
from schemas.nomination import (
    Candidate,
    CandidateNominated,
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    NominationWithdrawn,
    RankingAnnounced,
    ResealOrdered,
    RulebookAmended,
    RulebookPublished,
    SeasonFrozen,
    SeasonOpened,
    SeasonUnfrozen,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
)
from schemas.registry import schema_uri
from schemas.rulebook import Rulebook, definition_of, rulebook_content, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.scoring import IndicatorMeasured
from schemas.topics import source_of
from services.scoring.app import PROJECTIONS, create_service
from services.scoring.domain.assignment import draw
from services.scoring.domain.indicator import INDICATOR, indicator_stream
from services.scoring.measuring import Measuring
from services.scoring.settings import ScoringSettings
from tests.support.delivery import until
from tests.support.people import acquaint, erase, serving_identity
from tests.unit.scoring.given import AT, BODY, CLERK, DIGEST, N1, N2, N3, NATIONAL, an_id

MEMBERS = [an_id(f"member {number}") for number in range(3)]
OFFICES = ("sekretaris-daerah", "kepala-bps", "ketua-apindo")
INSIDE, AFTER = datetime(2021, 2, 10, 8, tzinfo=UTC), datetime(2021, 3, 1, 8, tzinfo=UTC)
RANKING = "/v1/rankings/2020/provincial/75/KABKOTA/seleksi"
PUBLIC = "/v1/public/rankings/2020/provincial/75/KABKOTA/seleksi"
_READ = read_rulebook((Path(__file__).parents[2] / "rulebooks" / "2020.yaml").read_bytes())
assert _READ.rulebook is not None, _READ.errors
RULEBOOK = _READ.rulebook


class HandClock(Clock):
    """A clock that stands where the test puts it."""

    name = "test"

    def __init__(self) -> None:
        self.moment = INSIDE

    def now(self) -> datetime:
        return self.moment


@dataclass
class Nomination:
    """Plants events of the nomination service into scoring's log, as its receiver does."""

    service: Service
    heads: dict[str, Head] = field(default_factory=dict)

    async def says(self, stream: str, *events: Event, time: datetime | None = None) -> list[str]:
        """Append received events of a stream; return their ids."""
        moment = time or self.service.clock.now()
        entries = [self._entry(stream, event, moment) for event in events]
        head = self.heads.get(f"{stream}/before", NO_HEAD)
        batch = Append(entries, {stream: head}, {stream: moment}, own=False)
        async with self.service.pool.acquire() as connection:
            await append(connection, batch)
        self.heads[f"{stream}/before"] = self.heads[stream]
        self.service.wake.ring()
        return [entry.id for entry in entries]

    def _entry(self, stream: str, event: Event, moment: datetime) -> Entry:
        head = self.heads.get(stream, NO_HEAD)
        name = event.type_name()
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": uuid7(),
            "source": source_of("nomination"),
            "type": name,
            "time": instant(moment),
            "dataschema": schema_uri(name),
            "subject": stream,
            "streamversion": head.version + 1,
            "actor": "system",
        }
        sealed = write_document(attributes, event.to_data(), None)
        self.heads[stream] = Head(head.version + 1, sealed.hash, moment)
        return Entry(stream, head.version + 1, sealed.id, name, sealed.hash, sealed.document)


class Caller:
    """One person calling the API."""

    def __init__(self, client: httpx.AsyncClient, key: OKPKey, person: str, *grants: Grant) -> None:
        self.token = issue(key, Person(person, grants), lifetime=600).token
        self._client = client
        self._headers = {"Authorization": f"Bearer {self.token}"}

    async def asks(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = self._headers | ({} if method == "GET" else {"Idempotency-Key": key or str(uuid4())})
        return await self._client.request(method, path, json=body, headers=headers)

    async def does(self, method: str, path: str, body: Any = None) -> Any:
        """Ask and return the answer's body; fail on a problem."""
        answer = await self.asks(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fails(self, status: int, code: str, method: str, path: str, body: Any = None) -> Any:
        """Ask and return the problem."""
        answer = await self.asks(method, path, body)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (status, f"/problems/{code}"), answer.text
        return problem


@dataclass
class World:
    service: Service
    clock: HandClock
    nomination: Nomination
    client: httpx.AsyncClient
    key: OKPKey

    def person(self, person: str, *grants: Grant) -> Caller:
        return Caller(self.client, self.key, person, *grants)

    @property
    def secretary(self) -> Caller:
        return self.person(CLERK, Grant.of("secretary", committee="75"))

    def member(self, number: int) -> Caller:
        return self.person(MEMBERS[number], Grant.of("member", committee="75"))

    @property
    def auditor(self) -> Caller:
        return self.person(an_id("auditor"), Grant.of("auditor"))

    async def last(self, stream: str) -> dict[str, Any]:
        """Return the last event of a stream."""
        row = await self.service.pool.fetchrow(
            "select document::json as document, id from events where stream = $1 order by version desc limit 1", stream
        )
        assert row is not None
        return {"id": str(row["id"]), **orjson.loads(row["document"])}

    async def position(self, stream: str) -> str:
        """Return where the last event of a stream stands in the log, as a receipt would say it."""
        row = await self.service.pool.fetchrow(
            "select epoch, xid, position from events where stream = $1 order by version desc limit 1", stream
        )
        assert row is not None
        return str(Position(*tuple(row)))

    async def types(self, stream: str) -> list[str]:
        rows = await self.service.pool.fetch("select type from events where stream = $1 order by version", stream)
        return [row["type"].split(".")[-2] for row in rows]


@pytest.fixture
def measures() -> bool:
    """Whether figures are measured from the ledger; here they are planted, and measuring would take them back."""
    return False


@pytest_asyncio.fixture
async def world(database, tmp_path, measures) -> AsyncIterator[World]:
    urls = await database("scoring")
    key = OKPKey.generate_key("Ed25519", parameters={"kid": "test"})
    verifier = TokenVerifier(LocalJwks(lambda: {"keys": [key.as_dict(private=False)]}))
    clock = HandClock()
    settings = ScoringSettings.load(database_url=urls.login_url, keys=tmp_path, embedded=True)
    service = create_service(settings, verifier=verifier, clock=clock)
    async with _running(service, measures=measures) as client:
        made = World(service, clock, Nomination(service), client, key)
        await _begin(made)
        yield made


@asynccontextmanager
async def _running(service: Service, *, measures: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """Open the application and fold its log, without a broker."""
    async with service.app.router.lifespan_context(service.app):
        folders = [folder for folder in service._make_folders() if measures or folder.name != Measuring.name]
        folding = asyncio.create_task(Reactor(service.pool, service.wake, folders).run())
        transport = httpx.ASGITransport(app=service.app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as client:
                yield client
        finally:
            folding.cancel()
            await asyncio.gather(folding, return_exceptions=True)


async def _begin(world: World) -> None:
    """The season is open, Panitia 9 is formed with three members and its clerk, three candidates are nominated."""
    digest = rulebook_hash(RULEBOOK)
    await world.nomination.says(
        "season/2020",
        SeasonOpened(season="2020", title="Paritrana 2020", rulebook_version=1, rulebook_hash=digest),
        RulebookPublished(season="2020", version=1, hash=digest, content=rulebook_content(RULEBOOK)),
    )
    await world.nomination.says(
        "committee/2020/75",
        CommitteeFormed(
            season="2020",
            province="75",
            body=BODY,
            decree="SK 1/2020",
            term_from=date(2020, 9, 1),
            term_until=date(2021, 9, 1),
        ),
        *(_appointed(office, person) for office, person in zip(OFFICES, MEMBERS, strict=True)),
        _appointed("sekretaris-panitia", CLERK),
    )
    candidates = ((N1, "75.03", "Kabupaten Bone Bolango"), (N2, "75.71", "Kota Gorontalo"), (N3, "75.01", "Boalemo"))
    for id_, code, name in candidates:
        await world.nomination.says(f"nomination/{id_}", _nominated(id_, code, name))


def _appointed(office: str, person: str, province: str = "75", body: str = BODY, seat: int = 1) -> MemberAppointed:
    return MemberAppointed(season="2020", province=province, body=body, office=office, seat=seat, person=person)


def _nominated(id_: str, code: str, name: str) -> CandidateNominated:
    kind = "city" if name.startswith("Kota") else "regency"
    return CandidateNominated(
        nomination=id_,
        entry=AT,
        candidate=Candidate.model_validate({"kind": kind, "code": code, "name": name}),
        nominating_body="75",
        nominated_by=an_id("secretariat"),
        contact=an_id("contact"),
    )


def sheet(nomination: str, rest: str = "", at: Stage = AT) -> str:
    return f"/v1/sheets/{nomination}/{at.tier}/{at.stage}{rest}"


def marks(kebijakan: str, peraturan: str, kinerja: str) -> dict[str, Any]:
    given = {"kebijakan": kebijakan, "peraturan": peraturan, "kinerja": kinerja}
    return {"marks": given, "submit": True, "locale": "en"}


WORKED: dict[str, tuple[tuple[str, str, str], ...]] = {
    # Means 80, 70, 90: (5*80 + 5*70 + 6*90) / 16 = 645/8 = 80.625
    N1: (("78", "70", "90"), ("82", "70", "90"), ("80", "70", "90")),
    # Means 85, 75, 241/3: (5*85 + 5*75 + 6*241/3) / 16 = 1282/16 = 641/8 = 80.125
    N2: (("85", "75", "80"), ("85", "75", "80.5"), ("85", "75", "80.5")),
}


async def score_all(world: World) -> None:
    """File the worked sheets; the third candidate gets two sheets, one fewer than the rubric asks for."""
    await world.secretary.does("POST", f"{RANKING}/open")
    for nomination, rows in WORKED.items():
        for number, row in enumerate(rows):
            await world.member(number).does("POST", sheet(nomination), marks(*row))
    for number in range(2):
        await world.member(number).does("POST", sheet(N3), marks("100", "100", "100"))


async def shown(caller: Caller, world: World, query: str = "", stream: str = AT.ranking) -> Any:
    return await caller.does("GET", f"{RANKING}?at_least={await world.position(stream)}{query}")


def table(document: Any) -> list[tuple[int, str, str, str]]:
    return [(one["rank"], one["name"], one["total"], one["shown"]) for one in document["standings"]]


EXPECTED = [
    (1, "Kabupaten Bone Bolango", "645/8", "80.63"),
    (2, "Kota Gorontalo", "641/8", "80.13"),
]


# --- the way of a ranking ------------------------------------------------------------------------------------------


async def test_from_opening_to_the_announced_ranking(world):
    await score_all(world)
    provisional = await shown(world.secretary, world, stream=f"sheet/{N3}/provincial-seleksi/{MEMBERS[1]}")
    assert provisional["status"] == "provisional"
    assert table(provisional) == EXPECTED
    assert [(one["name"], one["reason"], one["sheets"]) for one in provisional["unrankable"]] == [
        ("Boalemo", "too-few-sheets", 2)
    ]

    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    receipt = await world.secretary.does("POST", f"{RANKING}/seal")
    assert [event["type"].split(".")[-2] for event in receipt["events"]] == ["RankingSealed"]
    sealed = await shown(world.member(0), world)
    assert (sealed["status"], table(sealed)) == ("sealed", EXPECTED)
    event = await world.last(AT.ranking)
    assert sealed["seal"]["digest"] == event["data"]["digest"]
    assert "signature" in event
    assert event["data"]["basis"]["nominations"] == sorted([N1, N2, N3])
    assert {point["stream"]: point["version"] for point in event["data"]["basis"]["streams"]} == {
        "season/2020": 2,
        "committee/2020/75": 5,
        **{f"nomination/{id_}": 1 for id_ in (N1, N2, N3)},
    }
    assert len(event["data"]["counted"]) == 8

    assert (await world.client.get(PUBLIC)).status_code == 404
    announced = RankingAnnounced(
        at=AT, plenary=an_id("plenary"), motion=1, seal=event["id"], digest=event["data"]["digest"], lines=()
    )
    await world.nomination.says(AT.award, announced)
    await shown(world.secretary, world, stream=AT.award)
    public = (await world.client.get(PUBLIC)).json()
    assert [(one["rank"], one["name"]) for one in public["standings"]] == [row[:2] for row in EXPECTED]
    assert "total" not in public["standings"][0]
    assert [one["ranking"] for one in (await world.client.get("/v1/public/rankings")).json()["items"]] == [AT.ranking]


async def test_the_seal_is_the_one_answer_to_a_repeated_command_and_another_is_refused(world):
    await score_all(world)
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    first = await world.secretary.asks("POST", f"{RANKING}/seal", key="seal-1")
    again = await world.secretary.asks("POST", f"{RANKING}/seal", key="seal-1")
    assert (again.status_code, again.json()) == (200, first.json())
    await world.secretary.fails(409, "already-sealed", "POST", f"{RANKING}/seal")


async def test_an_order_replaces_a_stale_seal_and_a_recusal_reaches_back(world):
    await score_all(world)
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.does("POST", f"{RANKING}/seal")
    seal = await world.last(AT.ranking)
    await world.nomination.says(
        "committee/2020/75",
        ConflictDeclared(
            season="2020",
            province="75",
            body=BODY,
            person=MEMBERS[0],
            category="KABKOTA",
            nomination=N1,
            kind="family",
            reason_digest=DIGEST,
        ),
    )
    await world.nomination.says(f"nomination/{N3}", NominationWithdrawn(nomination=N3, at=AT, reason_digest=DIGEST))
    conflict = StreamPoint(stream="committee/2020/75", version=world.nomination.heads["committee/2020/75"].version)
    ordered = ResealOrdered(ranking=AT.ranking, seal=seal["id"], stale=(conflict,))
    (order,) = await world.nomination.says(AT.award, ordered)
    await world.secretary.does("POST", f"{RANKING}/seal")
    assert await world.types(AT.ranking) == [
        "ScoringOpened",
        "ScoringClosed",
        "RankingSealed",
        "RankingSuperseded",
        "RankingSealed",
    ]
    new = (await world.last(AT.ranking))["data"]
    assert new["basis"]["nominations"] == [N1, N2] if N1 < N2 else [N2, N1]
    assert sorted(one["reason"] for one in new["excluded"]) == ["not-eligible", "not-eligible", "recused"]
    assert [(one["nomination"], one["reason"]) for one in new["unrankable"]] == [(N1, "too-few-sheets")]
    superseded = await world.service.pool.fetchval(
        "select document::json #>> '{data,order}' from events where stream = $1 and version = 4", AT.ranking
    )
    assert superseded == order
    assert table(await shown(world.secretary, world)) == [(1, "Kota Gorontalo", "641/8", "80.13")]


MEASURE = "kepatuhan-iuran"


def _measuring() -> Rulebook:
    """Return the rulebook's second version: what governments perform is measured."""
    content = rulebook_content(RULEBOOK) | {"version": 2}
    for rubric in content["rubrics"]:
        for one in rubric["aspects"]:
            if one["code"] == "kinerja" and one["origin"] == "judged":
                one |= {"origin": "measured", "measure": MEASURE}
    return Rulebook.from_content(content)


async def _measured(world: World, nomination: str, ratio: str) -> None:
    """Say in scoring's own log what was measured of a nominee."""
    stream = indicator_stream(nomination)
    said = IndicatorMeasured(
        nomination=nomination,
        season="2020",
        province="75",
        candidate={N1: "75.03", N2: "75.71", N3: "75.01"}[nomination],
        measure=MEASURE,
        definition=definition_of(_measuring().measure(MEASURE)),
        rulebook_version=2,
        numerator=ratio,
        denominator="1/1",
        ratio=ratio,
        facts=1,
        digest=DIGEST,
        basis=(),
    )

    async def program(load: Loader) -> Decision:
        await load.load(INDICATOR, stream)
        return [Emit(stream, said)]

    ask = Ask("system", "test", uuid7(), stream.encode(), world.clock.now())
    assert not isinstance(await world.service.executor.execute(ask, program), Refusal)


async def test_a_measured_figure_is_live_and_sealed_and_what_comes_later_is_told_beside_the_seal(world):
    rules = _measuring()
    content, digest = rulebook_content(rules), rulebook_hash(rules)
    amended = RulebookAmended(season="2020", version=2, hash=digest, content=content, reason_digest=DIGEST)
    await world.nomination.says("season/2020", amended)
    await world.secretary.does("POST", f"{RANKING}/open")
    for nomination in (N1, N2, N3):
        for number in range(3):
            given = {"marks": {"kebijakan": "80", "peraturan": "80"}, "submit": True, "locale": "en"}
            await world.member(number).does("POST", sheet(nomination), given)
    assert (await shown(world.auditor, world))["standings"] == []
    await _measured(world, N1, "3/4")
    await _measured(world, N2, "1/2")
    found = await shown(world.auditor, world, stream=indicator_stream(N2))
    assert [(one["nomination"], one["total"]) for one in found["standings"]] == [(N1, "625/8"), (N2, "275/4")]
    checklist = await world.secretary.does("GET", f"{RANKING}/checklist")
    (third,) = [one for one in checklist["nominees"] if one["nomination"] == N3]
    lack = {"aspect": "kinerja", "measure": MEASURE, "lack": "not-measured", "missing_months": []}
    assert (third["reason"], third["unmeasured"]) == ("unmeasured", [lack])
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.does("POST", f"{RANKING}/seal")
    seal = await world.last(AT.ranking)
    assert {one["stream"]: one["version"] for one in seal["data"]["basis"]["measured"]} == {
        indicator_stream(N1): 1,
        indicator_stream(N2): 1,
    }
    await _measured(world, N2, "1/1")
    await until(lambda: _was_told(world))
    told = await world.last(AT.ranking)
    assert (told["data"]["seal"], told["data"]["after"], told["actor"]) == (seal["id"], "1/1", "system")
    assert [(one["nomination"], one.get("rank_after")) for one in told["data"]["moves"]] == [(N2, 1), (N1, 2)]
    found = await shown(world.auditor, world)
    assert [(one["nomination"], one["total"]) for one in found["standings"]] == [(N1, "625/8"), (N2, "275/4")]
    assert [(one["nomination"], one["before"], one["after"]) for one in found["corrections"]] == [(N2, "1/2", "1/1")]


async def _was_told(world: World) -> bool:
    return "CorrectionImpactFound" in await world.types(AT.ranking)


async def test_a_measurement_and_a_seal_at_the_same_moment_never_both_pass_unseen(world):
    """Either the seal takes the later figure, or it is told beside the seal: no figure gets lost between the two."""
    rules = _measuring()
    content, digest = rulebook_content(rules), rulebook_hash(rules)
    amended = RulebookAmended(season="2020", version=2, hash=digest, content=content, reason_digest=DIGEST)
    await world.nomination.says("season/2020", amended)
    await world.secretary.does("POST", f"{RANKING}/open")
    await _measured(world, N1, "1/2")
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await asyncio.gather(
        world.secretary.does("POST", f"{RANKING}/seal"),
        *(_measured(world, N1, f"{number}/9") for number in (1, 2, 4, 5, 7, 8)),
    )
    last = (await world.last(indicator_stream(N1)))["data"]["ratio"]

    async def said() -> bool:
        events = await world.service.pool.fetch(
            "select document::json -> 'data' as data, type from events where stream = $1 order by version", AT.ranking
        )
        (sealed,) = [orjson.loads(one["data"]) for one in events if ".RankingSealed." in one["type"]]
        (point,) = sealed["basis"]["measured"]
        taken = await world.service.pool.fetchval(
            "select document::json #>> '{data,ratio}' from events where stream = $1 and version = $2",
            point["stream"],
            point["version"],
        )
        told = [orjson.loads(one["data"])["after"] for one in events if ".CorrectionImpactFound." in one["type"]]
        return bool([taken, *told][-1] == last)

    await until(said)


async def test_a_national_stage_carries_the_exact_aggregates_of_the_sealed_one(world):
    """The interview of 2020 carries the verified aspects: weights 25, 25, 30 carried and 20 judged."""
    await _play_verification(world)
    interview = NATIONAL.model_copy(update={"stage": "wawancara"})
    seal = (await world.last(NATIONAL.ranking))["id"]
    await world.nomination.says(
        f"nomination/{N1}",
        StageAdvanced(nomination=N1, left=NATIONAL, reached=interview, rank=1, plenary=an_id("p"), motion=1, seal=seal),
    )
    await world.nomination.says(
        "committee/2020/00",
        _formed("dewan-juri"),
        *(_appointed("juri", person, "00", "dewan-juri", seat) for seat, person in enumerate(MEMBERS, start=1)),
    )
    jury = [world.person(person, Grant.of("juror", committee="00")) for person in MEMBERS]
    secretary = world.person(CLERK, Grant.of("secretary", committee="00"))
    path = "/v1/rankings/2020/national/00/KABKOTA/wawancara"
    world.clock.moment = datetime(2021, 5, 1, tzinfo=UTC)
    await secretary.does("POST", f"{path}/open")
    problem = await jury[0].fails(422, "aspect-carried", "PUT", sheet(N1, "/marks/kinerja", interview), {"mark": "90"})
    assert problem["errors"][0]["field"] == "mark"
    for juror in jury:
        await juror.does("POST", sheet(N1, "", interview), {"marks": {"wawancara": "90"}, "submit": True})
    world.clock.moment = datetime(2021, 6, 1, tzinfo=UTC)
    await secretary.does("POST", f"{path}/close")
    await secretary.does("POST", f"{path}/seal")
    event = (await world.last(interview.ranking))["data"]
    # (25*80 + 25*70 + 30*241/3 + 20*90) / 100 = (2000 + 1750 + 2410 + 1800) / 100
    assert [(one["nomination"], one["total"], one["shown"]) for one in event["standings"]] == [(N1, "398/5", "79.60")]
    assert event["basis"]["carried"] == [{"stream": NATIONAL.ranking, "version": 3}]
    last = await world.last(interview.ranking)
    document = await secretary.does("GET", f"{path}?at_least={interview.ranking}@{last['streamversion']}")
    assert document["standings"][0]["total"] == "398/5"
    provisional = await secretary.does("GET", f"{path}?as_of=2021-05-02T00:00:00Z")
    assert (provisional["status"], provisional["standings"][0]["total"]) == ("provisional", "398/5")


def _formed(body: str) -> CommitteeFormed:
    return CommitteeFormed(
        season="2020",
        province="00",
        body=body,
        decree="SK 2/2020",
        term_from=date(2020, 9, 1),
        term_until=date(2021, 9, 1),
    )


async def _play_verification(world: World) -> None:
    """N1 reaches the national verification and is sealed there with means 80, 70 and 241/3."""
    await world.nomination.says(
        f"nomination/{N1}",
        StageAdvanced(
            nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("seal")
        ),
    )
    await world.nomination.says(
        "committee/2020/00",
        _formed("tim-verifikasi"),
        *(
            _appointed("verifikator", person, "00", "tim-verifikasi", seat)
            for seat, person in enumerate(MEMBERS, start=1)
        ),
    )
    path = "/v1/rankings/2020/national/00/KABKOTA/verifikasi"
    secretary = world.person(CLERK, Grant.of("secretary", committee="00"))
    world.clock.moment = datetime(2021, 3, 5, tzinfo=UTC)
    await secretary.does("POST", f"{path}/open")
    for person, kinerja in zip(MEMBERS, ("80", "80.5", "80.5"), strict=True):
        verifier = world.person(person, Grant.of("verifier", committee="00"))
        await verifier.does("POST", sheet(N1, "", NATIONAL), marks("80", "70", kinerja))
    world.clock.moment = datetime(2021, 4, 16, tzinfo=UTC)
    await secretary.does("POST", f"{path}/close")
    await secretary.does("POST", f"{path}/seal")


# --- as of ---------------------------------------------------------------------------------------------------------


async def test_as_of_shows_what_was_recorded_until_then_and_says_whether_it_is_final(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    for number, row in enumerate(WORKED[N1]):
        await world.member(number).does("POST", sheet(N1), marks(*row))
    world.clock.moment = later = INSIDE + timedelta(hours=1)
    for number, row in enumerate(WORKED[N2]):
        await world.member(number).does("POST", sheet(N2), marks(*row))
    await shown(world.secretary, world, stream=f"sheet/{N2}/provincial-seleksi/{MEMBERS[2]}")
    before = await world.secretary.does("GET", f"{RANKING}?as_of={instant(INSIDE)}")
    assert [row[1] for row in table(before)] == ["Kabupaten Bone Bolango"]
    assert before["final"] is False
    then = await world.secretary.does("GET", f"{RANKING}?as_of={instant(later)}")
    assert table(then) == EXPECTED
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.does("POST", f"{RANKING}/seal")
    await shown(world.secretary, world)
    world.clock.moment = AFTER + timedelta(seconds=1)
    sealed = await world.secretary.does("GET", f"{RANKING}?as_of={instant(AFTER)}")
    assert (sealed["status"], sealed["final"]) == ("sealed", True)
    await world.member(0).fails(403, "forbidden", "GET", f"{RANKING}?as_of={instant(later)}")


async def test_a_stage_that_was_never_opened_has_no_ranking(world):
    await world.secretary.fails(404, "not-found", "GET", RANKING)
    await world.secretary.does("POST", f"{RANKING}/open")
    await shown(world.secretary, world)
    early = instant(INSIDE - timedelta(seconds=1))
    await world.secretary.fails(404, "not-found", "GET", f"{RANKING}?as_of={early}")


# --- sheets --------------------------------------------------------------------------------------------------------


async def test_a_member_marks_revises_submits_and_voids_its_own_sheet(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    member = world.member(0)
    for aspect, mark in (("kebijakan", "80"), ("peraturan", "70"), ("kinerja", "90")):
        await member.does("PUT", sheet(N1, f"/marks/{aspect}"), {"mark": mark})
    await member.does("POST", sheet(N1, "/marks/kinerja/revise"), {"mark": "91,5", "locale": "id", "reason": "salah"})
    await member.does("POST", sheet(N1, "/submit"))
    own = await member.does("GET", sheet(N1))
    assert own["status"] == "submitted"
    assert {one["aspect"]: one["mark"] for one in own["marks"]}["kinerja"] == "91.5"
    await member.does("POST", sheet(N1, "/void"), {"reason": "tertukar"})
    stream = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
    assert await world.types(stream) == [
        *["AspectScored"] * 3,
        "AspectScoreRevised",
        "ScoreSheetSubmitted",
        "ScoreSheetVoided",
    ]
    cited = (await world.last(stream))["data"]["reason_digest"]
    assert await world.service.pool.fetchval("select count(*) from events where document like '%tertukar%'") == 0
    assert cited in await _digests(world)


async def _digests(world: World) -> list[str]:
    """Return the digests of the kept texts; only their owner may read the texts themselves."""
    rows = await world.service.pool.fetch("select document::json #>> '{data,reason_digest}' as digest from events")
    return [row["digest"] for row in rows if row["digest"]]


async def test_the_desk_shows_what_is_left_and_pages(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    member = world.member(0)
    await member.does("POST", sheet(N1), marks("80", "70", "90"))
    everything = await member.does(
        "GET", f"/v1/sheets?season=2020&at_least=sheet/{N1}/provincial-seleksi/{MEMBERS[0]}@4"
    )
    assert {one["nomination"]: (one["status"], one["filed"]) for one in everything["items"]} == {
        N1: ("submitted", 3),
        N2: ("blank", 0),
        N3: ("blank", 0),
    }
    left = await member.does("GET", "/v1/sheets?left=true&limit=1")
    assert len(left["items"]) == 1
    rest = await member.does("GET", f"/v1/sheets?left=true&limit=1&cursor={left['next']}")
    assert {left["items"][0]["nomination"], rest["items"][0]["nomination"]} == {N2, N3}
    assert rest["next"] is None
    assert (await world.person(an_id("stranger"), Grant.of("member", committee="75")).does("GET", "/v1/sheets"))[
        "items"
    ] == []


async def _settled(world: World) -> None:
    """Wait until every projection has folded what is recorded: what is read rests on more than one."""
    row = await world.service.pool.fetchrow("select stream, version from events order by position desc limit 1")
    assert row is not None
    for projection in PROJECTIONS:
        assert await world.service.reached(projection.name, f"{row['stream']}@{row['version']}")


async def test_reading_anothers_sheet_needs_a_right_and_leaves_a_trace_before_the_seal(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).does("POST", sheet(N1), marks("80", "70", "90"))
    stream = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
    await _settled(world)
    other = sheet(N1, f"/{MEMBERS[0]}")
    await world.member(1).fails(403, "forbidden", "GET", other)
    for scorer in (
        world.person(MEMBERS[1], Grant.of("secretary", committee="75")),
        world.person(an_id("both"), Grant.of("member", committee="75"), Grant.of("secretary", committee="75")),
        world.person(CLERK, Grant.of("secretary", committee="75", season="2019")),
        world.person(an_id("auditor"), Grant.of("auditor", season="2019")),
    ):
        await scorer.fails(403, "forbidden", "GET", other)
    assert (await world.member(0).does("GET", other))["status"] == "submitted"
    assert (await world.types(stream))[-1] == "ScoreSheetSubmitted"
    assert (await world.secretary.does("GET", other))["marks"][0]["mark"] == "80"
    assert (await world.auditor.does("GET", other))["member"] == MEMBERS[0]
    assert (await world.types(stream))[-2:] == ["SheetRead", "SheetRead"]
    assert (await world.last(stream))["data"]["reader"] == an_id("auditor")
    await world.auditor.fails(404, "sheet-unknown", "GET", sheet(N2, f"/{MEMBERS[0]}"))


async def test_progress_shows_who_has_filed_how_much_and_no_marks(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).does("PUT", sheet(N1, "/marks/kinerja"), {"mark": "90"})
    stream = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
    found = await world.secretary.does("GET", f"{RANKING}/progress?at_least={await world.position(stream)}")
    await world.secretary.fails(422, "invalid-request", "GET", f"{RANKING}/progress?at_least=yesterday")
    assert [(one["nomination"], one["member"], one["status"], one["filed"]) for one in found["items"]] == [
        (N1, MEMBERS[0], "draft", 1)
    ]
    assert "90" not in str(found["items"][0].values())


# --- who may -------------------------------------------------------------------------------------------------------


async def test_nobody_with_a_sheet_in_it_sees_a_provisional_ranking(world):
    await score_all(world)
    await shown(world.auditor, world)
    for caller in (
        world.member(0),
        world.person(MEMBERS[0], Grant.of("chair", committee="75"), Grant.of("secretary", committee="75")),
        world.person(MEMBERS[0], Grant.of("secretary", committee="75")),
        world.person(an_id("s"), Grant.of("secretariat", province="75")),
        world.person(CLERK, Grant.of("secretary", committee="13")),
        world.person(an_id("o"), Grant.of("operator")),
        world.person(an_id("auditor"), Grant.of("auditor", season="2019")),
    ):
        await caller.fails(403, "forbidden", "GET", RANKING)
    assert (await world.client.get(RANKING)).status_code == 401


async def test_who_saw_the_provisional_ranking_marks_nobody_there_any_more(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).does("POST", sheet(N1), marks("80", "70", "90"))
    sheets = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
    checklist = await world.secretary.does("GET", f"{RANKING}/checklist?at_least={await world.position(sheets)}")
    assert checklist["cut"]["withheld"] is True
    assert "MarksSeen" not in await world.types(AT.ranking)
    for _ in range(2):
        assert (await world.secretary.does("GET", RANKING))["status"] == "provisional"
    assert (await world.types(AT.ranking)).count("MarksSeen") == 1
    assert "withheld" not in (await world.secretary.does("GET", f"{RANKING}/checklist"))["cut"]
    await world.nomination.says("committee/2020/75", _appointed(OFFICES[1], CLERK))
    await shown(world.auditor, world, stream="committee/2020/75")
    seated = world.person(CLERK, Grant.of("member", committee="75"))
    await seated.fails(403, "marks-seen", "POST", sheet(N1), marks("80", "70", "90"))
    assert (await world.types(AT.ranking)).count("MarksSeen") == 2


def _removed(office: str, person: str) -> MemberRemoved:
    return MemberRemoved(
        season="2020", province="75", body=BODY, office=office, seat=1, person=person, reason_digest="d" * 64
    )


async def test_a_secretary_who_left_a_seat_with_a_vote_reads_nothing_before_the_seal(world):
    await score_all(world)
    await shown(world.auditor, world)
    # Nothing but the secretary's role is left: no seat, and no role of a member in the token.
    was_seated = world.person(MEMBERS[0], Grant.of("secretary", committee="75"))
    await world.nomination.says("committee/2020/75", _removed(OFFICES[0], MEMBERS[0]))
    await shown(world.secretary, world, stream="committee/2020/75")
    for path in (RANKING, f"{RANKING}?as_of=2021-02-10T08:00:00Z", sheet(N1, f"/{MEMBERS[1]}")):
        await was_seated.fails(403, "forbidden", "GET", path)
    assert (await was_seated.does("GET", f"{RANKING}/checklist"))["cut"]["withheld"] is True
    # The same where the seat was given to another, and where it was left without a single mark.
    await world.nomination.says("committee/2020/75", _appointed(OFFICES[1], an_id("successor")))
    await shown(world.secretary, world, stream="committee/2020/75")
    for person in (MEMBERS[1], an_id("successor")):
        await world.person(person, Grant.of("secretary", committee="75")).fails(403, "forbidden", "GET", RANKING)
    await world.nomination.says("committee/2020/75", _removed(OFFICES[1], an_id("successor")))
    gone = world.person(an_id("successor"), Grant.of("secretary", committee="75"))
    await gone.fails(403, "forbidden", "GET", RANKING)
    assert (await world.secretary.does("GET", RANKING))["status"] == "provisional"
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.does("POST", f"{RANKING}/seal")
    await shown(world.secretary, world)
    assert (await was_seated.does("GET", RANKING))["status"] == "sealed"


async def test_nobody_learns_from_waiting_how_much_is_on_anothers_sheet(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).does("PUT", sheet(N1, "/marks/kinerja"), {"mark": "90"})
    stream = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
    for caller in (world.member(1), world.secretary, world.person(an_id("s"), Grant.of("secretariat", province="75"))):
        for version in (1, 9):
            path = f"/v1/rankings?at_least={stream}@{version}"
            problem = await caller.fails(422, "invalid-request", "GET", path)
            assert problem["errors"][0]["field"] == "query.at_least"
    for caller in (world.member(0), world.auditor):
        assert (await caller.does("GET", f"/v1/rankings?at_least={stream}@1"))["position"]


async def test_only_the_secretary_of_the_place_opens_closes_and_seals(world):
    for step in ("open", "close", "seal"):
        await world.member(0).fails(403, "forbidden", "POST", f"{RANKING}/{step}")
        elsewhere = world.person(CLERK, Grant.of("secretary", committee="13"))
        await elsewhere.fails(403, "forbidden", "POST", f"{RANKING}/{step}")
    assert await world.types(AT.ranking) == []


async def test_a_refusal_of_an_authorised_actor_is_an_event_without_its_value(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    problem = await world.member(0).fails(422, "out-of-scale", "PUT", sheet(N1, "/marks/kinerja"), {"mark": "100.5"})
    assert problem["errors"] == [{"field": "mark", "remedy": "Give a mark from 0 to 100.", "value": "100.5"}]
    recorded = await world.last(f"refusal/scoring/{MEMBERS[0]}/{INSIDE:%Y-%m-%d}")
    assert (recorded["data"]["code"], recorded["data"]["fields"]) == ("out-of-scale", ["mark"])
    assert "100.5" not in str(recorded)


async def test_a_refusal_speaks_indonesian_when_asked(world):
    token = issue(world.key, Person(MEMBERS[0], (Grant.of("member", committee="75"),)), lifetime=60).token
    answer = await world.client.put(
        sheet(N1, "/marks/kinerja"),
        json={"mark": "90"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "1", "Accept-Language": "id"},
    )
    assert answer.json()["detail"] == "Penilaian tahap ini belum dibuka."


BAD_BODIES: Iterable[Any] = (
    {"mark": 87.5},
    {"mark": 87},
    {"mark": True},
    {"mark": "87.5", "unknown": 1},
    {"mark": "9" * 41},
    {"mark": "87.5", "locale": "fr"},
    {},
    [],
    "87.5",
)


@pytest.mark.parametrize("body", BAD_BODIES, ids=str)
async def test_a_malformed_body_is_a_problem_that_says_what_to_change(world, body):
    answer = await world.member(0).asks("PUT", sheet(N1, "/marks/kinerja"), body)
    assert answer.status_code in (400, 422)
    assert answer.json()["errors"] or answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/sheets/x/provincial/seleksi", "/v1/sheets/" + "a" * 36 + "/lunar/seleksi"])
async def test_a_malformed_address_is_a_problem_too(world, path):
    assert (await world.member(0).asks("POST", path, marks("1", "2", "3"))).status_code == 422


# --- extensions ----------------------------------------------------------------------------------------------------

LATE = datetime(2021, 3, 1, 8, tzinfo=UTC)
EXTENSION = {"until": "2021-03-02T23:59:59+08:00", "reason": "Jaringan padam di dua kabupaten"}


async def test_an_extension_lets_late_sheets_in_and_holds_the_seal_back(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    world.clock.moment = LATE
    await world.member(0).fails(409, "deadline-passed", "POST", sheet(N1), marks("80", "70", "90"))
    await world.member(0).fails(403, "forbidden", "POST", f"{RANKING}/extend", EXTENSION)
    receipt = await world.secretary.does("POST", f"{RANKING}/extend", EXTENSION)
    assert "is scored from 2021-02-28T17:00:00Z" in receipt["warning"]["en"]
    event = await world.last(AT.ranking)
    assert event["data"]["until"] == "2021-03-02T15:59:59.999999Z"
    assert event["data"]["previous"] == "2021-02-28T15:59:59.999999Z"
    assert "signature" in event
    assert "padam" not in str(event)
    await world.member(0).does("POST", sheet(N1), marks("80", "70", "90"))
    await world.secretary.fails(409, "before-deadline", "POST", f"{RANKING}/close")
    desk = await world.member(0).does("GET", f"/v1/sheets?at_least={receipt['position']}")
    assert {(one["closes_local"], one["zone"]) for one in desk["items"]} == {("2021-03-02T23:59:59+08:00", "WITA")}
    shown_to = await world.secretary.does("GET", RANKING)
    assert (shown_to["closes_local"], len(shown_to["extensions"])) == ("2021-03-02T23:59:59+08:00", 1)
    world.clock.moment = LATE + timedelta(days=2)
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.fails(409, "closed-before-extension", "POST", f"{RANKING}/extend", EXTENSION)


async def test_a_season_administrator_extends_too_and_a_repeated_command_extends_once(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    admin = world.person(an_id("admin"), Grant.of("season-admin"))
    first = await admin.asks("POST", f"{RANKING}/extend", EXTENSION, key="extend-1")
    again = await admin.asks("POST", f"{RANKING}/extend", EXTENSION, key="extend-1")
    assert (first.status_code, again.json()) == (200, first.json())
    assert (await world.last(AT.ranking))["office"] == "season-admin"
    beyond = {"until": "2021-07-01T00:00:00+08:00", "reason": "x"}
    await admin.fails(422, "extension-beyond-season", "POST", f"{RANKING}/extend", beyond)
    await world.secretary.fails(422, "extension-not-later", "POST", f"{RANKING}/extend", EXTENSION)
    await world.secretary.fails(
        422, "invalid-request", "POST", f"{RANKING}/extend", {"until": "2021-03-05T10:00:00", "reason": "x"}
    )


# --- scorers drawn -------------------------------------------------------------------------------------------------


async def _two_score_each(world: World) -> None:
    """The rulebook is amended: two members, drawn at random, score each nominee of the province."""
    content = rulebook_content(RULEBOOK)
    for one in content["stages"]:
        one["assignment"] = {"per_nominee": 2, "assumed": True}
    content["version"] = 2
    amended = RulebookAmended(season="2020", version=2, hash=DIGEST, content=content, reason_digest=DIGEST)
    await world.nomination.says("season/2020", amended)


async def _drawn(world: World) -> dict[str, list[str]]:
    """Return whom the last draw added, by nomination."""
    return {one["nomination"]: one["members"] for one in (await world.last(AT.ranking))["data"]["assignments"]}


async def test_drawn_scorers_are_the_only_ones_who_score_and_a_second_draw_fills_a_gap(world):
    await _two_score_each(world)
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).fails(409, "not-drawn-yet", "POST", sheet(N1), marks("80", "70", "90"))
    await world.member(0).fails(403, "forbidden", "POST", f"{RANKING}/assign")
    await world.secretary.fails(422, "invalid-request", "POST", f"{RANKING}/assign", {"seed": "12" * 32})
    await world.secretary.does("POST", f"{RANKING}/assign")
    first = await _drawn(world)
    seed = (await world.last(AT.ranking))["data"]["seed"]
    assert len(bytes.fromhex(seed)) == 32
    assert first == {
        one: list(members) for one, members in draw(seed, 2, dict.fromkeys((N1, N2, N3), MEMBERS), {}).items()
    }
    await world.secretary.fails(409, "nobody-to-draw", "POST", f"{RANKING}/assign")
    outsider = next(number for number, person in enumerate(MEMBERS) if person not in first[N1])
    drawn = MEMBERS.index(first[N1][0])
    await world.member(outsider).fails(403, "not-assigned", "POST", sheet(N1), marks("80", "70", "90"))
    await world.member(drawn).does("POST", sheet(N1), marks("80", "70", "90"))

    await _settled(world)
    await shown(world.secretary, world)
    desk = await world.member(outsider).does("GET", "/v1/sheets")
    assert {one["nomination"] for one in desk["items"]} == {
        one for one, members in first.items() if MEMBERS[outsider] in members
    }
    page = await world.member(outsider).does("GET", "/v1/sheets?limit=1")
    assert page["next"] is not None

    await world.nomination.says("committee/2020/75", _conflict(MEMBERS[drawn], N1))
    checklist = await world.secretary.does("GET", f"{RANKING}/checklist")
    assert {one["nomination"]: one["scorers_short"] for one in checklist["nominees"]} == {N1: 1, N2: 0, N3: 0}
    await world.secretary.does("POST", f"{RANKING}/assign")
    assert await _drawn(world) == {N1: [MEMBERS[outsider]]}
    assert (await world.last(AT.ranking))["data"]["seed"] != seed
    await world.member(outsider).does("POST", sheet(N1), marks("82", "70", "90"))


def _conflict(person: str, nomination: str | None) -> ConflictDeclared:
    return ConflictDeclared(
        season="2020",
        province="75",
        body=BODY,
        person=person,
        category="KABKOTA",
        nomination=nomination,
        kind="family",
        reason_digest=DIGEST,
    )


async def test_two_draws_at_once_leave_no_nominee_with_too_many(world):
    await _two_score_each(world)
    await world.secretary.does("POST", f"{RANKING}/open")
    answers = await asyncio.gather(*(world.secretary.asks("POST", f"{RANKING}/assign", {}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {len(members) for members in (await _drawn(world)).values()} == {2}


async def test_where_all_members_score_nobody_is_drawn(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.secretary.fails(409, "all-members-score", "POST", f"{RANKING}/assign", {})


# --- what is frozen ------------------------------------------------------------------------------------------------


async def test_a_frozen_season_refuses_every_command_and_goes_on_where_it_stood(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    await world.member(0).does("POST", sheet(N1), marks("80", "70", "90"))
    two: dict[str, Any] = {"season": "2020", "first": an_id("one"), "second": an_id("two"), "reason_digest": DIGEST}
    await world.nomination.says("season/2020", SeasonFrozen(**two))
    await world.member(1).fails(409, "season-frozen", "POST", sheet(N1), marks("80", "70", "90"))
    await world.member(0).fails(409, "season-frozen", "POST", sheet(N1, "/void"), {"reason": "x"})
    for step, body in (("extend", EXTENSION), ("assign", {}), ("close", None), ("seal", None)):
        await world.secretary.fails(409, "season-frozen", "POST", f"{RANKING}/{step}", body)
    other = "/v1/rankings/2020/provincial/75/BESAR/seleksi/open"
    await world.secretary.fails(409, "season-frozen", "POST", other)
    assert (await world.secretary.does("GET", sheet(N1, f"/{MEMBERS[0]}")))["status"] == "submitted"
    assert (await world.secretary.does("GET", f"{RANKING}/checklist"))["frozen"]["season"] == "frozen"
    await world.nomination.says("season/2020", SeasonUnfrozen(**two))
    await world.member(1).does("POST", sheet(N1), marks("80", "70", "90"))


async def test_an_appeal_against_a_province_holds_close_and_seal_of_the_nation_and_not_its_sheets(world):
    """The freeze stands on the province's award, as the appeal is about its decision."""
    await _nation_opened(world)
    held: dict[str, Any] = {"at": AT, "stages": (NATIONAL,), "appeal": an_id("appeal")}
    await world.nomination.says(AT.award, StageFrozen(**held))
    verifier = world.person(MEMBERS[0], Grant.of("verifier", committee="00"))
    await verifier.does("POST", sheet(N1, "", NATIONAL), marks("80", "70", "90"))
    world.clock.moment = datetime(2021, 4, 16, tzinfo=UTC)
    problem = await _nation(world).fails(409, "stage-frozen", "POST", f"{VERIFICATION}/close")
    assert an_id("appeal") in problem["detail"]
    assert (await _nation(world).does("GET", f"{VERIFICATION}/checklist"))["frozen"]["appeals"] == [an_id("appeal")]
    await world.nomination.says(AT.award, StageUnfrozen(**held))
    await _nation(world).does("POST", f"{VERIFICATION}/close")
    # Another appeal may come between close and seal.
    again = {**held, "appeal": an_id("another appeal")}
    await world.nomination.says(AT.award, StageFrozen(**again))
    await _nation(world).fails(409, "stage-frozen", "POST", f"{VERIFICATION}/seal")
    await world.nomination.says(AT.award, StageUnfrozen(**again))
    await _nation(world).does("POST", f"{VERIFICATION}/seal")


VERIFICATION = "/v1/rankings/2020/national/00/KABKOTA/verifikasi"


def _nation(world: World) -> Caller:
    return world.person(CLERK, Grant.of("secretary", committee="00"))


async def _nation_opened(world: World) -> None:
    """N1 stands at the national verification, which is open to three verifiers."""
    await world.nomination.says(f"nomination/{N1}", _advanced())
    await world.nomination.says(
        "committee/2020/00",
        _formed("tim-verifikasi"),
        *(_appointed("verifikator", who, "00", "tim-verifikasi", seat) for seat, who in enumerate(MEMBERS, start=1)),
    )
    world.clock.moment = datetime(2021, 3, 5, tzinfo=UTC)
    await _nation(world).does("POST", f"{VERIFICATION}/open")


def _advanced() -> StageAdvanced:
    return StageAdvanced(
        nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("p"), motion=1, seal=an_id("seal")
    )


async def test_a_withdrawn_advance_leaves_the_nations_ranking_and_its_sheet_can_still_be_read(world):
    await _nation_opened(world)
    verifier = world.person(MEMBERS[0], Grant.of("verifier", committee="00"))
    await verifier.does("POST", sheet(N1, "", NATIONAL), marks("80", "70", "90"))
    back = StageAdvanceWithdrawn(
        nomination=N1, left=NATIONAL, returned=AT, appeal=an_id("a"), plenary=an_id("p"), motion=2, seal=an_id("seal")
    )
    await world.nomination.says(f"nomination/{N1}", back)
    await verifier.fails(409, "nomination-eliminated", "POST", sheet(N1, "/void", NATIONAL), {"reason": "x"})
    await _settled(world)
    document = await _nation(world).does("GET", VERIFICATION)
    assert (document["standings"], document["unrankable"]) == ([], [])
    assert (await world.auditor.does("GET", sheet(N1, f"/{MEMBERS[0]}", NATIONAL)))["marks"]
    world.clock.moment = datetime(2021, 4, 16, tzinfo=UTC)
    await _nation(world).does("POST", f"{VERIFICATION}/close")
    await _nation(world).does("POST", f"{VERIFICATION}/seal")
    seal = (await world.last(NATIONAL.ranking))["data"]
    assert [one["reason"] for one in seal["excluded"]] == ["not-eligible"]


async def test_an_amended_name_is_shown_now_and_not_before_it_was_amended(world):
    await world.secretary.does("POST", f"{RANKING}/open")
    world.clock.moment = later = INSIDE + timedelta(hours=1)
    candidate = Candidate.model_validate({"kind": "regency", "code": "75.03", "name": "Kabupaten Bone Bolango Baru"})
    amended = NominationAmended(nomination=N1, candidate=candidate, contact=an_id("contact"), reason_digest=DIGEST)
    await world.nomination.says(f"nomination/{N1}", amended)
    await _settled(world)

    async def names(query: str) -> set[str]:
        return {one["name"] for one in (await world.secretary.does("GET", f"{RANKING}{query}"))["unrankable"]}

    assert "Kabupaten Bone Bolango Baru" in await names("")
    assert "Kabupaten Bone Bolango Baru" in await names(f"?as_of={instant(later)}")
    assert "Kabupaten Bone Bolango" in await names(f"?as_of={instant(INSIDE)}")


async def test_recusals_are_shown_provisionally_and_in_the_seal(world):
    await score_all(world)
    belongs = _appointed("ketua-apindo", MEMBERS[2]).model_copy(update={"government": "75.71"})
    await world.nomination.says("committee/2020/75", _conflict(MEMBERS[0], N1), belongs)
    document = await shown(world.secretary, world, stream="committee/2020/75")
    recusals = {
        one["nomination"]: [(each["member"], each["reason"]) for each in one["recusals"]]
        for one in (*document["standings"], *document["unrankable"])
    }
    assert recusals == {N1: [(MEMBERS[0], "declared")], N2: [(MEMBERS[2], "own-government")], N3: []}
    world.clock.moment = AFTER
    await world.secretary.does("POST", f"{RANKING}/close")
    await world.secretary.does("POST", f"{RANKING}/seal")
    said = (await world.last(AT.ranking))["data"]["recusals"]
    assert sorted((one["nomination"], one["member"], one["reason"], one["flagged"]) for one in said) == sorted(
        [(N1, MEMBERS[0], "declared", False), (N2, MEMBERS[2], "own-government", False)]
    )
    sealed = await shown(world.secretary, world)
    assert {one["nomination"]: len(one["recusals"]) for one in (*sealed["standings"], *sealed["unrankable"])} == {
        N1: 1,
        N2: 1,
        N3: 0,
    }


async def test_the_checklist_names_its_members_as_identity_does(world, database, tmp_path):
    opened = await world.secretary.does("POST", f"{RANKING}/open")
    path = f"{RANKING}/checklist?at_least={opened['position']}"
    without = await world.secretary.does("GET", path)
    members = [one["member"] for one in without["members"]]
    assert (without["names"], {without["persons"][one] for one in members}) == ("away", {None})
    people = await database("identity")
    async with serving_identity(people, tmp_path / "keys") as url:
        *named, erased = members
        await acquaint(people.owner_url, *members)
        await erase(people.owner_url, erased)
        world.service.app.state.directory = Directory(url, "scoring", tmp_path / "keys" / "scoring.secret")
        found = await world.secretary.does("GET", path)
    assert found["names"] == "known"
    assert found["persons"] == {one: f"Orang Contoh {one[:8]}" for one in named} | {erased: None}


async def test_the_checklist_is_for_the_secretary_and_hides_ties_from_one_who_scores(world):
    await score_all(world)
    last = f"sheet/{N3}/provincial-seleksi/{MEMBERS[1]}"
    await shown(world.secretary, world, stream=last)
    found = await world.secretary.does("GET", f"{RANKING}/checklist?at_least={await world.position(last)}")
    assert (found["unfiled"], found["state"], found["zone"]) == (1, "open", "WITA")
    waiting = {one["member"]: [each["nomination"] for each in one["waiting"]] for one in found["members"]}
    assert waiting == {MEMBERS[0]: [], MEMBERS[1]: [], MEMBERS[2]: [N3]}
    assert {one["nomination"]: (one["rankable"], one["reason"]) for one in found["nominees"]} == {
        N1: (True, None),
        N2: (True, None),
        N3: (False, "too-few-sheets"),
    }
    assert found["cut"] == {"quota": 2, "ranked": 2, "tied": False}
    assert "645/8" not in str(found)
    scores = world.person(MEMBERS[0], Grant.of("secretary", committee="75"))
    assert (await scores.does("GET", f"{RANKING}/checklist"))["cut"]["withheld"] is True
    await world.member(0).fails(403, "forbidden", "GET", f"{RANKING}/checklist")
    elsewhere = world.person(CLERK, Grant.of("secretary", committee="13"))
    await elsewhere.fails(403, "forbidden", "GET", f"{RANKING}/checklist")


# --- a seal and a late sheet ---------------------------------------------------------------------------------------


async def test_a_close_and_a_sheet_at_the_same_moment_never_both_pass_unseen(world):
    """Whatever passes, the seal has counted it: 12 sheets race one close, all received within the window."""
    await world.secretary.does("POST", f"{RANKING}/open")
    closes = datetime(2021, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC)

    class Split(HandClock):
        """Inside the window for sheets, after it for the secretary."""

        moments = iter([closes] * 5 + [closes + timedelta(microseconds=1)] + [closes] * 100)

        def now(self) -> datetime:
            return next(self.moments)

    racing = [
        world.member(number).asks("POST", sheet(nomination), marks("80", "70", "90"))
        for nomination in (N1, N2, N3)
        for number in range(3)
    ]
    racing.insert(5, world.secretary.asks("POST", f"{RANKING}/close"))
    world.service.app.state.clock = Split()
    answers = await asyncio.gather(*racing)
    world.service.app.state.clock = world.clock
    world.clock.moment = AFTER
    assert answers[5].status_code == 200, answers[5].text
    accepted = sum(answer.status_code == 200 for index, answer in enumerate(answers) if index != 5)
    assert {answer.json().get("type") for answer in answers if answer.status_code != 200} <= {
        "/problems/scoring-closed",
        "/problems/deadline-passed",
    }
    await world.secretary.does("POST", f"{RANKING}/seal")
    assert len((await world.last(AT.ranking))["data"]["counted"]) == accepted


# --- the program ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _listening(world: World) -> AsyncIterator[str]:
    """Serve the application on a free loopback port; yield its URL."""
    config = uvicorn.Config(world.service.app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[config.bind_socket()]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def program(url: str, caller: Caller | None, home: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `paritrana ranking show` as a person; return its exit code and what it said."""
    return await paritrana(
        url, caller, home, "ranking", "show", "--season", "2020", "--category", "KABKOTA", *arguments
    )


async def paritrana(url: str, caller: Caller | None, home: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the program as a person; return its exit code and what it said."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PARITRANA_SCORING_URL": url}
    if caller is not None:
        environment["PARITRANA_TOKEN"] = caller.token
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli.main", *arguments),
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode(), complained.decode()


async def test_the_program_shows_what_its_caller_may_see(world, tmp_path):
    await score_all(world)
    await shown(world.secretary, world, stream=f"sheet/{N3}/provincial-seleksi/{MEMBERS[1]}")
    async with _listening(world) as url:
        code, said, _ = await program(url, world.secretary, tmp_path)
        assert code == 0
        assert "PROVISIONAL (open)" in said
        first, second = (line.split() for line in said.splitlines() if "/8" in line)
        assert (first[0], first[-2], first[-1]) == ("1", "80.63", "645/8")
        assert (second[0], second[-2], second[-1]) == ("2", "80.13", "641/8")
        assert "Boalemo (75.01): unrankable, too few sheets (2)" in said

        code, said, complained = await program(url, world.member(0), tmp_path)
        assert (code, said) == (2, "")
        assert "Before the seal, rankings and others' sheets are for auditors" in complained

        code, said, complained = await program(url, None, tmp_path)
        assert (code, said) == (1, "")
        assert "not announced yet" in complained

        world.clock.moment = AFTER
        await world.secretary.does("POST", f"{RANKING}/close")
        await world.secretary.does("POST", f"{RANKING}/seal")
        digest = (await shown(world.secretary, world))["seal"]["digest"]
        code, said, _ = await program(url, world.member(0), tmp_path, "--province", "75")
        assert code == 0
        assert digest in said
        code, said, _ = await program(url, world.secretary, tmp_path, "--as-of", instant(INSIDE), "--json")
        (document,) = orjson.loads(said)
        assert (code, document["status"], table(document)) == (0, "provisional", EXPECTED)
        code, _, complained = await program(url, world.secretary, tmp_path, "--as-of", "2021-03-01T10:00")
        assert code == 2
        assert "lacks its zone" in complained


async def test_the_program_imports_ones_own_sheets_once(world, tmp_path):
    await world.secretary.does("POST", f"{RANKING}/open")
    await shown(world.secretary, world)
    await _settled(world)
    table_of_marks = tmp_path / "nilai.csv"
    table_of_marks.write_text(
        "calon;kebijakan;peraturan;kinerja\nKab. Bone Bolango;87,5;70;90\n75.71;187;70;90\n75.01;80;70;90,25\n",
        encoding="utf-8",
    )
    async with _listening(world) as url:
        command = ("scores", "import", str(table_of_marks))
        code, said, _ = await paritrana(url, world.member(0), tmp_path, *command, "--dry-run")
        assert (code, said.count("would be filed, 3 marks")) == (1, 1)
        assert await world.types(f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}") == []
        code, said, complained = await paritrana(url, world.member(0), tmp_path, *command)
        assert code == 1
        assert "2 of 3 rows were refused" in complained
        assert "B3 '187': Beri nilai dari 0 sampai 100." in said
        stream = f"sheet/{N1}/provincial-seleksi/{MEMBERS[0]}"
        filed = await world.types(stream)
        assert filed == [*["AspectScored"] * 3, "ScoreSheetSubmitted"]
        table_of_marks.write_text(table_of_marks.read_text().replace("187", "86,5").replace("90,25", "90"))
        code, said, _ = await paritrana(url, world.member(0), tmp_path, *command)
        assert (code, said.count("filed before, nothing sent")) == (0, 2)
        assert await world.types(stream) == filed
        code, said, _ = await paritrana(url, world.member(0), tmp_path, *command, "--json")
        assert (code, orjson.loads(said)["counts"]["unchanged"]) == (0, 3)
