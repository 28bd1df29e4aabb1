"""Plenaries over HTTP on a real database: every kind of question, the record of it, and those who act at once.

What is raced for is raced for by two services on one database, each with connections and kept states of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from kernel.canonical import instant
from kernel.commands import Ask
from kernel.decider import Decision, Emit, Loader
from kernel.rebuild import rebuild
from kernel.tokens import Grant
from schemas.codec import CODEC
from schemas.nomination import Candidate, NominationFiledLate
from schemas.rulebook import rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.scoring import RankingSealed, Standing, standings_digest
from services.nomination.app import create_service
from services.nomination.domain.nomination import nomination_id, nomination_stream
from services.nomination.domain.ties import draw
from services.nomination.projections.plenaries import Plenaries
from tests.conftest import DatabaseFactory
from tests.integration.test_nomination import AFTER, COMMITTEE, ITEM, YAML, Caller, World, a_world, committee
from tests.unit.nomination.scene import AT, BODY, CONTACT, REASON, REGENCIES, VOTING_OFFICES, person

ROUNDS = 6
WHILE_SCORED = datetime(2021, 2, 10, 1, tzinfo=UTC)
"""After the window for nominations, before the scoring deadline of the stage that they enter."""


class Hall(World):
    """A world whose steps are a meeting's."""

    rules = YAML

    async def start(self, rules: str = YAML) -> None:
        """Open the season under these rules and seat eight of Panitia 9."""
        self.rules = rules
        await self.knows(CONTACT, *map(person, VOTING_OFFICES))
        await self.admin.posts("/v1/seasons", {"rulebook": rules})
        await self.secretary.posts("/v1/committees", committee())
        for office in VOTING_OFFICES:
            await self.secretary.posts(f"{COMMITTEE}/members", {"office": office, "person": person(office)})

    async def ranked(self, *ranks: int) -> list[str]:
        """Nominate as many and receive a seal that gives them these ranks."""
        ids = await self.nominated(*REGENCIES[: len(ranks)])
        self.clock.moment = AFTER
        standings = tuple(
            Standing(nomination=id_, candidate=id_[:8], rank=rank, total=f"{90 - rank}/1", shown="0.00", aspects=())
            for id_, rank in zip(ids, ranks, strict=True)
        )
        read = read_rulebook(self.rules.encode()).rulebook
        assert read is not None
        said = RankingSealed(
            at=AT,
            rulebook_version=1,
            rulebook_hash=rulebook_hash(read),
            standings=standings,
            unrankable=(),
            counted=(),
            excluded=(),
            basis=await self.basis(ids),
            digest=standings_digest(standings, ()),
        )
        await self.receives(AT.ranking, said)
        return ids

    async def tabled(self, *ranks: int) -> tuple[str, list[str]]:
        """Convene on such a seal with eight members present, and table it."""
        ids = await self.ranked(*ranks)
        path = await self.convene()
        await self.secretary.posts(f"{path}/table", ITEM)
        return path, ids

    async def all_vote(self, path: str, motion: int, vote: str = "for") -> None:
        for office in VOTING_OFFICES:
            await self.member(office).posts(f"{path}/motions/{motion}/votes", {"vote": vote})

    async def file_late(self, code: str = "75.02") -> str:
        """File a nomination after its window."""
        candidate = Candidate(kind="regency", code=code, name="Kabupaten Contoh", region=code)
        id_ = nomination_id("2020", "KABKOTA", candidate)
        filed = NominationFiledLate(
            nomination=id_, entry=AT, candidate=candidate, nominating_body="75", nominated_by=person("secretariat"),
            contact=CONTACT, reason_digest=REASON,
        )  # fmt: skip

        async def program(_load: Loader) -> Decision:
            return (Emit(nomination_stream(id_), filed),)

        ask = Ask(person("secretariat"), "POST /late", str(uuid4()), b"", self.clock.now())
        await self.service.executor.execute(ask, program)
        return id_

    @asynccontextmanager
    async def twin(self) -> AsyncIterator[httpx.AsyncClient]:
        """Run a second service on the same database, and give a client of it."""
        settings, verifier = self.service.settings, self.service.app.state.verifier
        second = create_service(settings, verifier=verifier, clock=self.clock)  # type: ignore[arg-type]
        async with second.app.router.lifespan_context(second.app):
            transport = httpx.ASGITransport(app=second.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://twin") as client:
                yield client


@pytest_asyncio.fixture
async def hall(database: DatabaseFactory, tmp_path: Path) -> AsyncIterator[Hall]:
    """A running nomination service, as empty as on its first day."""
    async with a_world(database, tmp_path) as made:
        yield Hall(made.service, made.clock, made.client, made.key, made.owner_url, made.people_url)


def _with(rules: str, *changes: tuple[str, str]) -> str:
    """Return a rulebook's text with changes, each of which must change something."""
    for old, new in changes:
        assert old in rules
        rules = rules.replace(old, new)
    return rules


LOTS = _with(YAML, ("tie_break: [aspect, nomination-instant, vote]", "tie_break: [aspect, lot]"))
CLERKS_DECIDE = _with(YAML, ("advances: [sekretaris-daerah]", "advances: [sekretaris-panitia]"))
NOTICE = _with(YAML, ("seals: [sekretaris-panitia]\n", "seals: [sekretaris-panitia]\n    notice_days: 3\n"))


# --- every kind of question ----------------------------------------------------------------------------------------


async def held(hall: Hall) -> tuple[str, list[str], str]:
    """Hold a meeting with a tie that is broken on paper; return its path, the nominees, and how far its record goes."""
    await hall.start()
    path, ids = await hall.tabled(1, 2, 2)
    await hall.secretary.fails(409, "tie-at-the-cut", "POST", f"{path}/motions", ITEM)
    asked = {**ITEM, "kind": "break-tie", "rank": 2, "method": "vote", "order": [ids[2], ids[1]], "ballot": "paper"}
    await hall.secretary.posts(f"{path}/motions", asked)
    member, other = hall.member("kepala-bps"), hall.member("ketua-apindo")
    await member.fails(409, "ballot-secret", "POST", f"{path}/motions/1/votes", {"vote": "for"})
    count = {"for": 6, "against": 1, "abstained": 0, "invalid": 1}
    await hall.secretary.posts(f"{path}/motions/1/tally", count)
    await member.fails(409, "tally-differs", "POST", f"{path}/motions/1/confirm", {"tally": {**count, "for": 5}})
    await member.posts(f"{path}/motions/1/confirm", {"tally": count})
    await hall.chair.fails(409, "ballot-unconfirmed", "POST", f"{path}/motions/1/decide")
    await other.posts(f"{path}/motions/1/confirm", {})
    await hall.chair.posts(f"{path}/motions/1/decide")
    await hall.secretary.posts(f"{path}/motions", ITEM)
    await hall.all_vote(path, 2)
    await hall.chair.posts(f"{path}/motions/2/decide")
    await hall.chair.posts(f"{path}/motions/2/announce")
    await hall.member("kepala-bps").posts(f"{path}/attendance", {"present": False})
    await hall.secretary.posts(f"{path}/adjourn")
    corrected = await hall.secretary.posts(f"{path}/corrigenda", {"text": "Jumlah hadir seharusnya delapan."})
    return path, ids, corrected["position"]


async def test_a_tie_that_is_broken_on_paper_counts_in_what_is_decided_and_announced(hall: Hall):
    path, ids, position = await held(hall)
    shown = await hall.secretary.reads(path, at_least=position)
    assert [motion["kind"] for motion in shown["motions"]] == ["break-tie", "propose"]
    results = await hall.auditor.reads("/v1/public/results/2020", at_least=position)
    lines = [(line["nomination"], line["rank"]) for line in results["items"][0]["lines"]]
    assert lines == [(ids[0], 1), (ids[2], 2), (ids[1], 3)]
    login = httpx.URL(hall.service.settings.database_url).username
    assert (await rebuild(hall.owner_url, Plenaries(), CODEC, login)).same


async def test_the_minutes_tell_who_was_there_what_was_decided_and_how_a_tie_fell(hall: Hall):
    path, ids, _ = await held(hall)
    minutes = await hall.member("ketua-spsi").reads(f"{path}/minutes")
    assert (minutes["decree"], minutes["zone"], minutes["title"]["id"]) == (
        "SK 12/2021", "Asia/Makassar", "Panitia Provinsi (Panitia 9)",
    )  # fmt: skip
    assert len(minutes["attendance"]) == 9
    assert [one["present"] for one in minutes["attendance"] if one["person"] == person("kepala-bps")] == [True, False]
    assert {one["person"] for one in minutes["members"]} == {person(office) for office in VOTING_OFFICES}
    (item,) = minutes["items"]
    (tabled,) = item["tabled"]
    assert [(row["nomination"], row["rank"]) for row in tabled["standings"]] == list(zip(ids, (1, 2, 2), strict=True))
    tie, proposal = item["motions"]
    assert (tie["kind"], tie["ballot"], tie["order"], tie["votes"]) == ("break-tie", "paper", [ids[2], ids[1]], [])
    (stated,) = tie["counts"]
    assert (stated["tally"]["votes_for"], stated["invalid"], len(stated["confirmed"])) == (6, 1, 2)
    assert [(one["nomination"], one["event"], one["rank"]) for one in proposal["decision"]["results"]] == [
        (ids[0], "StageAdvanced", 1), (ids[2], "StageAdvanced", 2), (ids[1], "NominationEliminated", 3),
    ]  # fmt: skip
    assert proposal["decision"]["quorum"]["present"] == 8
    assert minutes["candidates"][ids[0]] == {"code": "75.03", "name": "Kabupaten Bone Bolango"}
    (corrigendum,) = minutes["corrigenda"]
    assert corrigendum["text"] == "Jumlah hadir seharusnya delapan."
    salted = bytes.fromhex(corrigendum["salt"]) + corrigendum["text"].encode()
    assert sha256(salted).hexdigest() == corrigendum["text_digest"]

    stream = path.removeprefix("/v1/").replace("plenaries", "plenary")
    head = await hall.service.pool.fetchrow("select version, hash from heads where stream = $1", stream)
    assert head is not None
    assert minutes["head"] == {"stream": stream, "version": head["version"], "hash": head["hash"].hex()}
    assert minutes == await hall.auditor.reads(f"{path}/minutes")


async def test_an_erased_corrigendum_leaves_its_digest(hall: Hall):
    await hall.start()
    hall.clock.moment = AFTER
    path = await hall.convene()
    await hall.secretary.posts(f"{path}/corrigenda", {"text": "Salah ketik."})
    connection = await asyncpg.connect(hall.owner_url)
    await connection.execute("update texts set body = null")
    await connection.close()
    (corrigendum,) = (await hall.secretary.reads(f"{path}/minutes"))["corrigenda"]
    assert corrigendum["text"] is None
    assert len(corrigendum["text_digest"]) == 64


async def test_a_late_nomination_is_admitted_in_one_append(hall: Hall):
    await hall.start()
    await hall.nominated("75.71")
    hall.clock.moment = WHILE_SCORED
    late = await hall.file_late()
    path = await hall.convene()
    asked = {**ITEM, "kind": "admit-late", "nomination": late}
    await hall.secretary.posts(f"{path}/motions", asked)
    await hall.all_vote(path, 1)
    decided = await hall.chair.posts(f"{path}/motions/1/decide")
    assert [event["type"].split(".")[-2] for event in decided["events"]] == ["AdmissionDecided", "CandidateNominated"]
    said = (await hall.last(path.removeprefix("/v1/").replace("plenaries", "plenary")))["data"]
    assert said["results"] == [{"stream": f"nomination/{late}", "version": 2}]
    await hall.secretary.fails(409, "not-filed-late", "POST", f"{path}/motions", asked)


async def test_a_lot_is_drawn_by_the_service_and_anybody_can_draw_it_again(hall: Hall):
    await hall.start(LOTS)
    path, ids = await hall.tabled(1, 2, 2, 2)
    asked = {**ITEM, "kind": "break-tie", "rank": 2, "method": "lot"}
    await hall.secretary.fails(422, "tie-order-drawn", "POST", f"{path}/motions", {**asked, "order": ids[1:]})
    first = await hall.secretary.asks("POST", f"{path}/motions", asked, key="lot")
    again = await hall.secretary.asks("POST", f"{path}/motions", asked, key="lot")
    assert first.json() == again.json()
    receipt = await hall.chair.posts(f"{path}/motions/1/decide")
    (motion,) = (await hall.member("kepala-bps").reads(path, at_least=receipt["position"]))["motions"]
    assert motion["order"] == list(draw(motion["seed"], ids[1:]))
    other = await hall.convene()
    await hall.secretary.posts(f"{other}/table", ITEM)
    await hall.secretary.fails(409, "tie-broken-already", "POST", f"{other}/motions", asked)


async def test_a_body_with_notice_meets_at_its_hour(hall: Hall):
    await hall.start(NOTICE)
    hall.clock.moment = AFTER
    body = {"season": "2020", "province": "75", "body": BODY, "agenda": [ITEM]}
    soon = {**body, "scheduled": instant(datetime(2021, 3, 5, 3, tzinfo=UTC))}
    problem = await hall.secretary.fails(422, "notice-too-short", "POST", "/v1/plenaries", soon)
    assert "2021-03-06" in problem["errors"][0]["remedy"]
    opens = datetime(2021, 3, 6, 3, tzinfo=UTC)
    plenary = (await hall.secretary.posts("/v1/plenaries", {**body, "scheduled": instant(opens)}))["plenary"]
    member = hall.member("kepala-bps")
    await member.fails(409, "plenary-not-begun", "POST", f"/v1/plenaries/{plenary}/attendance", {})
    hall.clock.moment = opens
    await member.posts(f"/v1/plenaries/{plenary}/attendance", {"mode": "remote"})


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "break-tie", "method": "vote"}, "rank"),
        ({"kind": "break-tie", "rank": 1}, "method"),
        ({"kind": "break-tie", "rank": 0, "method": "vote"}, "rank"),
        ({"kind": "admit-late"}, "nomination"),
        ({"kind": "admit-late", "nomination": CONTACT, "rank": 1}, "rank"),
        ({"nomination": CONTACT}, "nomination"),
        ({"kind": "dissolve"}, "kind"),
        ({"ballot": "secret"}, "ballot"),
    ],
)
async def test_a_question_is_asked_with_what_belongs_to_its_kind(hall: Hall, asked: dict[str, Any], field: str):
    await hall.start()
    hall.clock.moment = AFTER
    path = await hall.convene()
    problem = await hall.secretary.fails(422, "invalid-request", "POST", f"{path}/motions", {**ITEM, **asked})
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_checklist_is_for_who_prepares_or_audits_the_meeting(hall: Hall):
    await hall.start()
    path, ids = await hall.tabled(1, 2, 2)
    found = await hall.secretary.reads(f"{path}/checklist")
    (item,) = found["items"]
    assert (item["next"]["code"], item["ties"][0]["nominations"]) == ("break-tie", ids[1:])
    assert item["quorum"]["may_stay_away"] == 2
    for reader in (hall.chair, hall.auditor):
        assert await reader.reads(f"{path}/checklist") == found
    await hall.member("kepala-bps").fails(403, "forbidden", "GET", f"{path}/checklist")
    stranger = hall.person(person("sekretaris-13"), Grant.of("secretary", committee="13"))
    await stranger.fails(404, "not-found", "GET", f"{path}/checklist")
    await stranger.fails(404, "not-found", "GET", f"{path}/minutes")
    nothing = f"/v1/plenaries/{person('nothing')}"
    for what in ("checklist", "minutes"):
        await hall.secretary.fails(404, "not-found", "GET", f"{nothing}/{what}")


# --- several at once -----------------------------------------------------------------------------------------------


def _codes(answers: Sequence[httpx.Response]) -> Counter[str]:
    return Counter("done" if one.is_success else one.json()["type"].removeprefix("/problems/") for one in answers)


async def test_of_two_secretaries_who_decide_the_same_plenary_at_once_exactly_one_wins(hall: Hall):
    await hall.start(CLERKS_DECIDE)
    path, ids = await hall.tabled(1, 2, 3)
    await hall.secretary.posts(f"{path}/motions", ITEM)
    await hall.all_vote(path, 1)
    grant = Grant.of("secretary", committee="75")
    async with hall.twin() as twin:
        one = Caller(hall.client, hall.key, person("the one secretary"), grant)
        other = Caller(twin, hall.key, person("the other secretary"), grant)
        asked = [caller.asks("POST", f"{path}/motions/1/decide") for caller in (one, other) * 3]
        answers = await asyncio.gather(*asked)
    assert _codes(answers) == {"done": 1, "motion-closed": 5}
    stream = path.removeprefix("/v1/").replace("plenaries", "plenary")
    assert Counter(await hall.types(stream))["PlenaryDecided"] == 1
    assert [await hall.version(f"nomination/{id_}") for id_ in ids] == [2, 2, 2]


async def test_a_decision_and_a_members_leaving_at_once_never_decide_without_a_quorum(hall: Hall):
    await hall.start()
    path, _ = await hall.tabled(1, 2, 3)
    await hall.secretary.posts(f"{path}/motions", ITEM)
    await hall.all_vote(path, 1)
    leaving = [hall.member(office) for office in VOTING_OFFICES[-2:]]
    for member in leaving:
        await member.posts(f"{path}/attendance", {"present": False})
    last = person(VOTING_OFFICES[1])
    async with hall.twin() as twin:
        chair = Caller(twin, hall.key, hall.chair.id, Grant.of("chair", committee="75"))
        member = Caller(hall.client, hall.key, last, Grant.of("member", committee="75"))
        decided, left = await asyncio.gather(
            chair.asks("POST", f"{path}/motions/1/decide"),
            member.asks("POST", f"{path}/attendance", {"present": False}),
        )
    assert left.is_success
    stream = path.removeprefix("/v1/").replace("plenaries", "plenary")
    types = await hall.types(stream)
    if decided.is_success:
        assert types[-2:] == ["PlenaryDecided", "AttendanceRecorded"]
    else:
        assert decided.json()["type"] == "/problems/no-quorum"
        assert "PlenaryDecided" not in types


async def test_a_decision_and_a_removal_at_once_never_count_who_was_removed(hall: Hall):
    await hall.start()
    path, _ = await hall.tabled(1, 2, 3)
    await hall.secretary.posts(f"{path}/motions", ITEM)
    await hall.all_vote(path, 1)
    gone = person(VOTING_OFFICES[-1])
    async with hall.twin() as twin:
        chair = Caller(twin, hall.key, hall.chair.id, Grant.of("chair", committee="75"))
        decided, removed = await asyncio.gather(
            chair.asks("POST", f"{path}/motions/1/decide"),
            hall.secretary.asks("POST", f"{COMMITTEE}/members/{gone}/remove", {"reason": "Pindah tugas"}),
        )
    assert removed.is_success
    stream = path.removeprefix("/v1/").replace("plenaries", "plenary")
    if decided.is_success:
        assert (await hall.last(stream))["data"]["tally"]["votes_for"] == 8
    else:
        assert decided.json()["type"] == "/problems/voters-changed"
        assert "PlenaryDecided" not in await hall.types(stream)


async def test_a_lot_that_two_ask_for_at_once_is_drawn_once(hall: Hall):
    await hall.start(LOTS)
    path, ids = await hall.tabled(1, 2, 2)
    asked = {**ITEM, "kind": "break-tie", "rank": 2, "method": "lot"}
    async with hall.twin() as twin:
        other = Caller(twin, hall.key, hall.secretary.id, Grant.of("secretary", committee="75"))
        answers = await asyncio.gather(
            *(caller.asks("POST", f"{path}/motions", asked) for caller in (hall.secretary, other) * (ROUNDS // 2))
        )
    assert _codes(answers) == {"done": 1, "motion-pending": ROUNDS - 1}
    assert ids


async def test_a_count_that_is_replaced_while_members_confirm_is_confirmed_anew(hall: Hall):
    await hall.start()
    path, _ = await hall.tabled(1)
    await hall.secretary.posts(f"{path}/motions", {**ITEM, "ballot": "paper"})
    first, second = ({"for": votes, "against": 0, "abstained": 0} for votes in (7, 8))
    await hall.secretary.posts(f"{path}/motions/1/tally", first)
    async with hall.twin() as twin:
        members = [
            Caller(twin, hall.key, person(office), Grant.of("member", committee="75")) for office in VOTING_OFFICES[1:3]
        ]
        answers = await asyncio.gather(
            *(one.asks("POST", f"{path}/motions/1/confirm", {"tally": first}) for one in members),
            hall.secretary.asks("POST", f"{path}/motions/1/tally", second),
        )
    assert answers[-1].is_success
    assert set(_codes(answers[:2])) <= {"done", "tally-differs"}
    await hall.chair.fails(409, "ballot-unconfirmed", "POST", f"{path}/motions/1/decide")
