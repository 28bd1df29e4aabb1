"""Certificates and printed documents over HTTP, on a real database and with names from a real identity."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest_asyncio
from joserfc.jwk import OKPKey
from pypdf import PdfReader

from kernel.rebuild import rebuild
from kernel.tokens import Grant, LocalJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.envelope import Stage
from schemas.nomination import AppealLodged, CertificateRevoked
from schemas.rulebook import Rulebook, rulebook_hash
from schemas.rulebook_file import read_rulebook
from schemas.scoring import Basis, RankingSealed, Standing, standings_digest
from services.identity.development import person_id
from services.nomination.app import create_service
from services.nomination.projections.certificates import Certificates
from services.nomination.settings import NominationSettings
from tests.integration.test_appeals import appeal_against, verdict
from tests.integration.test_nomination import AFTER, COMMITTEE, YAML, Caller, HandClock, World, _running, committee
from tests.support.people import erase, serving_identity
from tests.unit.nomination.scene import AT, CONTACT, REGENCIES, VOTING_OFFICES, person

GRANTED = """certificates:
  - code: piagam-provinsi
    title: {id: Piagam tingkat provinsi, en: Provincial certificate}
    tier: provincial
    given_to: winner
    assumed: true
"""
FILE = YAML.replace("certificates:\n", GRANTED, 1)
ISSUE = "/v1/awards/2020/provincial/75/KABKOTA/certificates"
PUBLIC = "https://paritrana.example.go.id"


def rules() -> Rulebook:
    read = read_rulebook(FILE.encode()).rulebook
    assert read is not None
    return read


@dataclass
class AwardWorld(World):
    """A world whose province gives certificates, and whose chair has a name that identity knows."""

    def anybody(self) -> Caller:
        return self.person(person("anybody"), Grant.of("contact", nomination=str(uuid4())))

    async def begin(self) -> None:
        await self.admin.posts("/v1/seasons", {"rulebook": FILE})
        await self.secretary.posts("/v1/committees", committee())
        await self.knows(CONTACT, *map(self.holder, VOTING_OFFICES))
        for office in VOTING_OFFICES:
            await self.secretary.posts(f"{COMMITTEE}/members", {"office": office, "person": self.holder(office)})

    def holder(self, office: str) -> str:
        """Return who holds an office: the chair is a person of identity's."""
        return str(person_id("panitia-75-1")) if office == VOTING_OFFICES[0] else person(office)

    def member(self, office: str) -> Caller:
        return self.person(self.holder(office), Grant.of("member", committee="75"))

    @property
    def chair(self) -> Caller:
        return self.member(VOTING_OFFICES[0])

    async def seal(
        self, ids: Sequence[str], without: Sequence[str] = (), at: Stage = AT, basis: Basis | None = None
    ) -> str:
        assert not without
        standings = tuple(
            Standing(nomination=id_, candidate=id_[:8], rank=rank, total=f"{90 - rank}/1", shown="0.00", aspects=())
            for rank, id_ in enumerate(ids, start=1)
        )
        said = RankingSealed(
            at=at, rulebook_version=1, rulebook_hash=rulebook_hash(rules()), standings=standings, unrankable=(),
            counted=(), excluded=(), basis=basis or await self.basis(ids, at), digest=standings_digest(standings, ()),
        )  # fmt: skip
        return (await self.receives(at.ranking, said))[0]

    async def decided(self) -> tuple[str, list[str]]:
        """Decide on three nominees, two of whom the quota admits; return the plenary's path and the nominations."""
        ids = await self.nominated(*REGENCIES[:3])
        self.clock.moment = AFTER
        await self.seal(ids)
        path = await self.motion()
        await self.chair.posts(f"{path}/motions/1/decide")
        return path, ids

    async def announced(self) -> tuple[str, list[str]]:
        path, ids = await self.decided()
        await self.chair.posts(f"{path}/motions/1/announce")
        return path, ids


@pytest_asyncio.fixture
async def world(database, tmp_path: Path) -> AsyncIterator[AwardWorld]:
    urls = await database("nomination")
    key = OKPKey.generate_key("Ed25519", parameters={"kid": "test"})
    verifier = TokenVerifier(LocalJwks(lambda: {"keys": [key.as_dict(private=False)]}))
    clock = HandClock()
    people = await database("identity")
    async with serving_identity(people, tmp_path) as identity:
        settings = NominationSettings.load(
            database_url=urls.login_url, keys=tmp_path, embedded=True, identity_url=identity, public_url=PUBLIC
        )
        service = create_service(settings, verifier=verifier, clock=clock)
        async with _running(service) as client:
            world = AwardWorld(service, clock, client, key, urls.owner_url, people.owner_url)
            await service.publish_key(service.signer.key_id, service.signer.public_key, "events")
            await world.begin()
            yield world


def text_of(answer: httpx.Response) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages))


def types(receipt: Any) -> list[str]:
    return [event["type"].split(".")[-2] for event in receipt["events"]]


async def test_certificates_are_issued_listed_checked_and_printed(world: AwardWorld):
    _, ids = await world.announced()
    receipt = await world.chair.posts(ISSUE)
    assert types(receipt) == ["CertificateIssued", "CertificateIssued"]
    assert types(await world.secretary.posts(ISSUE)) == []

    listed = await world.secretariat.reads("/v1/certificates", season="2020", at_least=receipt["position"])
    first, second = listed["items"]
    assert (first["number"], first["nomination"], first["rank"]) == (
        "001/PIAGAM-PROVINSI/KABKOTA/PROV-75/PA-2020",
        ids[0],
        1,
    )
    assert (second["rank"], second["revoked"], second["sample"]) == (2, None, False)
    assert (await world.secretariat.reads("/v1/certificates", category="BESAR"))["items"] == []
    contact = world.person(person("contact"), Grant.of("contact", nomination=ids[1]))
    assert [one["nomination"] for one in (await contact.reads("/v1/certificates"))["items"]] == [ids[1]]

    checked = (await world.client.get(f"/v1/public/certificates/{first['certificate']}")).json()
    assert checked.pop("position")
    assert checked == {
        "certificate": first["certificate"],
        "number": first["number"],
        "candidate": "Kabupaten Bone Bolango",
        "season": {"code": "2020", "title": {"id": rules().title.id, "en": rules().title.en}},
        "category": {
            "code": "KABKOTA",
            "title": {"id": "Pemerintah Kabupaten/Kota", "en": "Regency or city government"},
        },
        "kind": {
            "code": "piagam-provinsi",
            "title": {"id": "Piagam tingkat provinsi", "en": "Provincial certificate"},
        },
        "given_to": "winner",
        "tier": "provincial",
        "province": "75",
        "rank": 1,
        "dated": "2021-03-02",
        "sample": False,
        "revoked": None,
        "status": "valid",
        "label": {"id": "Berlaku", "en": "Valid"},
    }

    printed = text_of(await contact.asks("GET", f"/v1/certificates/{second['certificate']}.pdf"))
    for said in ("Kota Gorontalo", "Pemenang Peringkat 2", second["number"], "Gorontalo, 2 Maret 2021"):
        assert said in printed
    assert f"{PUBLIC}/v1/public/certificates/{second['certificate']}" in printed.replace(" ", "")
    for caller in (world.secretariat, world.auditor, world.chair):
        assert (await caller.asks("GET", f"/v1/certificates/{second['certificate']}.pdf")).status_code == 200


async def test_a_certificate_names_who_held_the_office_when_it_was_issued(world: AwardWorld):
    await world.announced()
    receipt = await world.chair.posts(ISSUE)
    (one, _) = (await world.auditor.reads("/v1/certificates", at_least=receipt["position"]))["items"]
    path, signer = f"/v1/certificates/{one['certificate']}.pdf", "Anggota Panitia Provinsi Gorontalo 1"
    first = await world.auditor.asks("GET", path)
    assert f"{signer} Sekretaris Daerah Provinsi" in text_of(first)
    successor = {"successor": person("successor"), "reason": "Pensiun"}
    await world.knows(person("successor"))
    await world.secretary.posts(f"{COMMITTEE}/members/{world.chair.id}/replace", successor)
    assert (await world.auditor.asks("GET", path)).content == first.content
    await erase(world.people_url, world.chair.id)
    without = text_of(await world.auditor.asks("GET", path))
    assert signer not in without
    assert "Sekretaris Daerah Provinsi" in without
    world.service.app.state.papers.directory._url = "http://127.0.0.1:1"
    await world.auditor.fails(503, "names-away", "GET", path)


async def test_a_strangers_certificate_is_not_there(world: AwardWorld):
    await world.announced()
    receipt = await world.chair.posts(ISSUE)
    (one, _) = (await world.auditor.reads("/v1/certificates", at_least=receipt["position"]))["items"]
    strangers = (world.anybody(), world.person(person("other"), Grant.of("secretariat", province="13")))
    for stranger in strangers:
        await stranger.fails(404, "not-found", "GET", f"/v1/certificates/{one['certificate']}.pdf")
        assert (await stranger.reads("/v1/certificates"))["items"] == []
    assert (await world.client.get(f"/v1/public/certificates/{uuid4()}")).status_code == 404
    assert (await world.client.get(f"/v1/certificates/{one['certificate']}.pdf")).status_code == 401


async def test_before_the_announcement_and_under_an_appeal_nothing_is_issued(world: AwardWorld):
    path, ids = await world.decided()
    await world.chair.fails(409, "certificates-before-announcement", "POST", ISSUE)
    await world.chair.posts(f"{path}/motions/1/announce")
    appeal = str(uuid4())
    lodged = AppealLodged(
        appeal=appeal, nomination=ids[2], at=AT, plenary=path.rpartition("/")[2], motion=1, by=person("contact"),
        capacity="contact", reason_digest="ab" * 32,
    )  # fmt: skip
    await world.receives(f"appeal/{appeal}", lodged)
    problem = await world.chair.fails(409, "certificates-under-appeal", "POST", ISSUE)
    assert appeal in problem["title"] + problem.get("detail", "")
    await world.chair.fails(404, "award-unknown", "POST", ISSUE.replace("KABKOTA", "DESA"))


async def test_of_many_who_issue_at_once_each_certificate_is_issued_once(world: AwardWorld):
    await world.announced()
    answers = await asyncio.gather(*(world.chair.asks("POST", ISSUE) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(len(answer.json()["events"]) for answer in answers) == [0, 0, 0, 0, 0, 2]
    assert (await world.types(AT.award)).count("CertificateIssued") == 2


async def test_a_revoked_certificate_stays_checkable_and_what_is_due_is_issued_anew(world: AwardWorld):
    _, ids = await world.announced()
    receipt = await world.chair.posts(ISSUE)
    (one, _) = (await world.auditor.reads("/v1/certificates", at_least=receipt["position"]))["items"]
    head = await world.service.pool.fetchrow("select version, hash, recorded from heads where stream = $1", AT.award)
    assert head is not None
    world.heads[AT.award] = type(next(iter(world.heads.values())))(head["version"], head["hash"], head["recorded"])
    revoked = CertificateRevoked(
        certificate=one["certificate"], number=one["number"], nomination=ids[0], appeal=str(uuid4())
    )
    await world.receives(AT.award, revoked)
    at = f"{AT.award}@{head['version'] + 1}"
    await world.auditor.reads("/v1/certificates", at_least=at)
    checked = (await world.client.get(f"/v1/public/certificates/{one['certificate']}")).json()
    assert (checked["status"], checked["label"]["id"], checked["number"]) == ("revoked", "Dicabut", one["number"])
    assert checked["revoked"].startswith("2021-03-02T")
    printed = text_of(await world.auditor.asks("GET", f"/v1/certificates/{one['certificate']}.pdf"))
    assert "DICABUT TANGGAL 2 MARET 2021" in printed
    again = await world.chair.posts(ISSUE)
    assert len(again["events"]) == 1
    numbers = [
        one["number"] for one in (await world.auditor.reads("/v1/certificates", at_least=again["position"]))["items"]
    ]
    login = urlsplit(world.service.settings.database_url).username
    assert login is not None
    found = await rebuild(world.owner_url, Certificates(), CODEC, login)
    assert (found.same, found.rows) == (True, 3)
    assert max(numbers) == "003/PIAGAM-PROVINSI/KABKOTA/PROV-75/PA-2020"


async def test_minutes_are_printed_with_names_head_and_fingerprint(world: AwardWorld):
    path, _ = await world.decided()
    await erase(world.people_url, person("ketua-spsi"))
    draft = text_of(await world.secretary.asks("GET", f"{path}/minutes.pdf"))
    assert "Sidang belum ditutup" in draft
    await world.secretary.posts(f"{path}/adjourn")
    first = await world.auditor.asks("GET", f"{path}/minutes.pdf")
    printed = text_of(first)
    stream = f"plenary/{path.rpartition('/')[2]}"
    head = await world.service.pool.fetchrow("select version, hash from heads where stream = $1", stream)
    assert head is not None
    fingerprint = hashlib.sha256(world.service.signer.public_key).hexdigest()
    for said in (
        "Anggota Panitia Provinsi Gorontalo 1", f"{person('ketua-spsi')[:8]} (data dihapus)", "SK 12/2021",
        "Kabupaten Bone Bolango (peringkat 1) maju ke tahap Verifikasi dan validasi.", "setuju 8, tidak setuju 0",
        f"versi {head['version']}", head["hash"].hex(), "Keputusan: DISETUJUI",
    ):  # fmt: skip
        assert said in printed, said
    assert fingerprint in printed.replace(" ", "")
    assert (await world.auditor.asks("GET", f"{path}/minutes.pdf")).content == first.content


async def test_minutes_tell_of_a_voided_motion_on_an_appeal_with_its_grounds(world: AwardWorld):
    path, ids = await world.announced()
    lodged = await world.secretariat.posts("/v1/appeals", appeal_against(path, ids[2]))
    await world.secretary.posts(f"{path}/motions", verdict(lodged["appeal"], outcome="dismissed", figures=[]))
    voter = VOTING_OFFICES[1]
    await world.member(voter).posts(f"{path}/motions/2/votes", {"vote": "against"})
    recorded = {"person": person(voter), "category": "KABKOTA", "kind": "family", "reason": "Ipar calon."}
    await world.secretary.posts(f"{COMMITTEE}/conflicts", recorded)
    await world.secretary.posts(f"{path}/adjourn")
    printed = text_of(await world.auditor.asks("GET", f"{path}/minutes.pdf"))
    assert "Keputusan: GUGUR, TIDAK DIPUTUSKAN" in printed
    assert "Tidak setuju (tidak berlaku lagi)" in printed
    assert "bukan oleh anggota itu sendiri" in printed
    assert (await world.last(f"appeal/{lodged['appeal']}"))["data"]["reason_digest"] in printed
    (item,) = (await world.secretary.reads(f"{path}/checklist"))["items"]
    (lost,) = item["lost_votes"]
    assert (lost["cause"], lost["recorded_by"]) == ("recorded", world.secretary.id)


async def test_checklist_and_minutes_name_the_persons_whom_identity_knows(world: AwardWorld):
    path, _ = await world.decided()
    chair, erased = world.holder(VOTING_OFFICES[0]), world.holder("ketua-spsi")
    await erase(world.people_url, erased)
    declared = {"category": "KABKOTA", "kind": "family", "reason": "Ipar calon."}
    await world.chair.posts(f"{COMMITTEE}/conflicts", declared)
    minutes = await world.secretary.reads(f"{path}/minutes")
    assert minutes["names"] == "known"
    named = {world.holder(office): f"Orang Contoh {world.holder(office)[:8]}" for office in VOTING_OFFICES}
    told = {chair: "Anggota Panitia Provinsi Gorontalo 1", erased: None}
    assert minutes["persons"] == named | told
    checklist = await world.secretary.reads(f"{path}/checklist")
    assert checklist["persons"] == minutes["persons"]
    assert {one["person"] for one in checklist["present"]} == set(minutes["persons"])


async def test_without_identity_checklist_and_minutes_are_read_without_names(world: AwardWorld):
    path, _ = await world.decided()
    world.service.app.state.papers.directory._url = "http://127.0.0.1:1"
    minutes = await world.secretary.reads(f"{path}/minutes")
    assert (minutes["names"], set(minutes["persons"].values())) == ("away", {None})
    checklist = await world.secretary.reads(f"{path}/checklist")
    assert (checklist["names"], checklist["persons"]) == ("away", minutes["persons"])


async def test_minutes_are_for_people_of_the_place(world: AwardWorld):
    path, _ = await world.decided()
    stranger = world.person(person("other"), Grant.of("secretary", committee="13"))
    await stranger.fails(404, "not-found", "GET", f"{path}/minutes.pdf")
    await world.auditor.fails(404, "not-found", "GET", f"/v1/plenaries/{uuid4()}/minutes.pdf")
    assert (await world.client.get(f"{path}/minutes.pdf")).status_code == 401


async def test_who_audits_one_season_reads_its_documents_and_no_others(world: AwardWorld):
    path, ids = await world.announced()
    receipt = await world.secretary.posts(ISSUE)
    (first, *_) = (await world.auditor.reads("/v1/certificates", at_least=receipt["position"]))["items"]
    own, another = (
        world.person(person(f"auditor of {season}"), Grant.of("auditor", season=season)) for season in ("2020", "2021")
    )
    for read in (
        f"{path}/minutes.pdf",
        f"{path}/minutes",
        f"{path}/checklist",
        path,
        f"/v1/certificates/{first['certificate']}.pdf",
        f"/v1/nominations/{ids[0]}",
        f"/v1/nominations/{ids[0]}/evidence",
    ):
        assert (await own.asks("GET", read)).status_code == 200, read
        await another.fails(404, "not-found", "GET", read)


async def test_without_identity_no_minutes_are_made(world: AwardWorld):
    path, _ = await world.decided()
    world.service.app.state.papers.directory._url = "http://127.0.0.1:1"
    await world.secretary.fails(503, "names-away", "GET", f"{path}/minutes.pdf")
