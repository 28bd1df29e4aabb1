"""Nominations handled over HTTP on a real database: lists, evidence, disputes, verification, interviews, and races."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import openpyxl
import pytest
import pytest_asyncio

from kernel.canonical import instant
from kernel.reactor import Projection
from kernel.rebuild import rebuild
from kernel.tokens import Grant
from schemas.codec import CODEC
from services.nomination.domain.spreadsheet import CSV, MOST_BYTES, XLSX
from services.nomination.projections.disputes import Disputes
from services.nomination.projections.interviews import Interviews
from services.nomination.projections.nominations import Nominations
from tests.integration.test_nomination import (
    INSIDE,
    YAML,
    Caller,
    World,
    nomination,
    world,  # noqa: F401 - a fixture, asked for by its name
)
from tests.unit.nomination.scene import AT, BODY, CONTACT, VOTING_OFFICES, person

PDF = b"%PDF-1.7\nPeraturan Wali Kota\n%%EOF\n"
DIGEST = hashlib.sha256(PDF).hexdigest()
HEAD = "kategori;jenis;kode;pengusul;narahubung\n"
SCORED = datetime(2021, 2, 3, 2, tzinfo=UTC)
RULES = YAML.replace("    code: seleksi\n", "    code: seleksi\n    interview: {minutes: 45, assumed: true}\n").replace(
    '{code: kepatuhan, title: {id: Kepatuhan, en: Compliance}, weight: "40", '
    'scale: {least: "0", greatest: "100", step: "0.5"}, origin: judged, assumed: [weight, scale, origin]}',
    '{code: kepatuhan, title: {id: Kepatuhan, en: Compliance}, weight: "40", '
    'scale: {least: "0", greatest: "100", step: "0.5"}, origin: measured, measure: kepatuhan-iuran, '
    "assumed: [weight, scale, origin, measure]}",
)
EMPLOYER = {"kind": "employer", "code": "NPP1", "name": "PT Tepi Laut", "size_class": "large", "region": "75.71"}


@pytest_asyncio.fixture
async def begun(world: World) -> AsyncIterator[World]:  # noqa: F811 - the fixture
    """An open season that interviews, verifies and measures, with Panitia 9 and the national team seated."""
    await world.admin.posts("/v1/seasons", {"rulebook": RULES})
    await world.knows(CONTACT, person(VOTING_OFFICES[0]), person("verifikator"))
    term = {"season": "2020", "decree": "SK 12/2021", "term_from": "2021-01-01", "term_until": "2021-12-31"}
    for province, body, office in (("75", BODY, VOTING_OFFICES[0]), ("00", "tim-verifikasi", "verifikator")):
        await world.admin.posts("/v1/committees", term | {"province": province, "body": body})
        seat = {"office": office, "person": person(office)}
        await world.admin.posts(f"/v1/committees/2020/{province}/{body}/members", seat)
    yield world


def row(code: str, kind: str = "kota", body: str = "75") -> str:
    return f"KABKOTA;{kind};{code};{body};{CONTACT}\n"


def regency(world: World, code: str) -> Caller:  # noqa: F811 - the fixture's type
    return world.person(person(f"pemkot {code}"), Grant.of("secretariat", province=code))


def contact(world: World) -> Caller:  # noqa: F811
    return world.person(CONTACT, Grant.of("contact", nomination=str(uuid4())))


async def sends(
    caller: Caller, path: str, content: bytes, media_type: str, key: str | None = None, **query: str
) -> httpx.Response:
    """Send a file as it is."""
    headers = caller._headers | {"Idempotency-Key": key or str(uuid4()), "Content-Type": media_type}
    target = f"{path}?{urlencode(query)}" if query else path
    return await caller._client.post(target, content=content, headers=headers)


async def imports(caller: Caller, text: str, **query: str) -> httpx.Response:
    return await sends(caller, "/v1/nominations/import", text.encode(), CSV, season="2020", **query)


# --- lists ---------------------------------------------------------------------------------------------------------


async def test_a_list_is_nominated_once_however_often_it_is_sent(begun: World):
    text = HEAD + row("75.71") + row("75.03", "kabupaten")
    rehearsed = (await imports(begun.secretariat, text, dry_run="true")).json()
    assert rehearsed["counts"] == {"nominated": 2, "already": 0, "bad": 0, "skipped": 0}
    assert (await begun.secretariat.reads("/v1/nominations"))["items"] == []

    first = (await imports(begun.secretariat, text)).json()
    assert [(each["row"], each["status"]) for each in first["rows"]] == [(2, "nominated"), (3, "nominated")]
    again = (await imports(begun.secretariat, text)).json()
    assert [each["status"] for each in again["rows"]] == ["already", "already"]
    assert [each["nomination"] for each in again["rows"]] == [each["nomination"] for each in first["rows"]]
    listed = await begun.secretariat.reads("/v1/nominations", at_least=first["position"])
    assert {each["nomination"] for each in listed["items"]} == {each["nomination"] for each in first["rows"]}


async def test_one_bad_row_nominates_nobody_and_the_report_says_where(begun: World):
    answer = await imports(begun.secretariat, HEAD + row("75.71") + row("75.99"))
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/import-has-bad-rows")
    assert [each["status"] for each in problem["report"]["rows"]] == ["skipped", "bad"]
    (error,) = problem["report"]["rows"][1]["errors"]
    assert (error["cell"], error["value"], error["heading"]) == ("C3", "75.99", "kode")
    assert set(error["remedy"]) == {"id", "en"}
    refusals = f"refusal/nomination/{begun.secretariat.id}/{INSIDE:%Y-%m-%d}"
    assert await begun.types(refusals) == ["CommandRefused"]
    skipped = await imports(begun.secretariat, HEAD + row("75.71") + row("75.99"), mode="skip-bad")
    assert skipped.json()["counts"] == {"nominated": 1, "already": 0, "bad": 1, "skipped": 0}


async def test_a_repeated_command_tells_nothing_that_it_did_not_do(begun: World):
    text, key = HEAD + row("75.71") + row("75.03", "kabupaten", "75.71"), str(uuid4())
    path, query = "/v1/nominations/import", {"season": "2020", "mode": "skip-bad"}
    first = (await sends(begun.secretariat, path, text.encode(), CSV, key, **query)).json()
    assert first["counts"]["nominated"] == 1
    again = (await sends(begun.secretariat, path, text.encode(), CSV, key, **query)).json()
    assert again["counts"]["already"] == 1
    assert again["command"] == first["command"]
    for changed in (text + "\n", HEAD + row("75.01", "kabupaten")):
        reused = (await sends(begun.secretariat, path, changed.encode(), CSV, key, **query)).json()
        assert reused["type"] == "/problems/idempotency-key-reused"
        assert "report" not in reused


async def test_a_workbook_is_read_like_a_csv(begun: World):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for cells in (HEAD.strip().split(";"), row("75.71").strip().split(";"), ["KABKOTA", "kota", 75.7, "75", CONTACT]):
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    answer = await sends(
        begun.secretariat, "/v1/nominations/import", file.getvalue(), XLSX, season="2020", mode="skip-bad"
    )
    assert [each["status"] for each in answer.json()["rows"]] == ["nominated", "bad"]
    assert answer.json()["rows"][1]["errors"][0]["code"] == "code-as-number"


async def test_a_list_of_full_length_is_one_append(begun: World):
    head = "kategori,jenis,kode,nama,skala,wilayah,pengusul,narahubung\n"
    rows = "".join(f"BESAR,perusahaan,NPP{number},PT {number},besar,75.71,75,{CONTACT}\n" for number in range(2000))
    answer = await imports(begun.secretariat, head + rows)
    assert answer.json()["counts"]["nominated"] == 2000, answer.text[:500]
    transactions = await begun.service.pool.fetchval(
        "select count(distinct xid::text) from events where stream like 'nomination/%'"
    )
    assert transactions == 1


async def test_two_lists_at_once_nominate_nobody_twice(begun: World):
    text = HEAD + row("75.71") + row("75.03", "kabupaten") + row("75.01", "kabupaten")
    answers = await asyncio.gather(*(imports(begun.secretariat, text) for _ in range(4)))
    counts = [answer.json()["counts"] for answer in answers]
    assert sorted(each["nominated"] for each in counts) == [0, 0, 0, 3]
    assert all(each["nominated"] + each["already"] == 3 for each in counts)


async def test_a_file_that_is_no_list_is_refused_with_what_to_do(begun: World):
    caller, path = begun.secretariat, "/v1/nominations/import"
    for content, media_type, status, code in (
        ("kategori;nama\nKafé".encode("cp1252"), CSV, 422, "sheet-unreadable"),
        (b"PK\x03\x04", XLSX, 422, "sheet-unreadable"),
        (b"", CSV, 422, "sheet-unreadable"),
        (b"{}", "application/json", 415, "unsupported-media-type"),
        (b"x" * (MOST_BYTES + 1), CSV, 413, "body-too-large"),
    ):
        answer = await sends(caller, path, content, media_type, season="2020")
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


# --- regencies -----------------------------------------------------------------------------------------------------


async def test_a_citys_secretariat_nominates_and_sees_what_concerns_it_alone(begun: World):
    city = regency(begun, "75.71")
    own = (await city.posts("/v1/nominations", nomination("75.71", nominating_body="75.71")))["nomination"]
    other = await begun.secretariat.posts("/v1/nominations", nomination("75.03"))
    await city.fails(
        422, "candidate-not-at-home", "POST", "/v1/nominations", nomination("75.01", nominating_body="75.71")
    )
    await city.fails(403, "nominating-body-outside", "POST", "/v1/nominations", nomination("75.01"))
    listed = await city.reads("/v1/nominations", at_least=other["position"])
    assert [each["nomination"] for each in listed["items"]] == [own]
    await city.fails(404, "not-found", "GET", f"/v1/nominations/{other['nomination']}")
    assert (await city.reads("/v1/committees"))["items"] == []


# --- amended and late ----------------------------------------------------------------------------------------------


async def test_an_amendment_is_shown_with_its_reason_and_what_stood_before(begun: World):
    (id_,) = await begun.nominated("75.71")
    body = {"contact": person("new"), "reason": "Narahubung berganti."}
    await begun.knows(person("new"))
    receipt = await begun.secretariat.posts(f"/v1/nominations/{id_}/amend", body)
    shown = await begun.secretariat.reads(f"/v1/nominations/{id_}", at_least=receipt["position"])
    (amendment,) = shown["amendments"]
    assert (amendment["reason"], amendment["before"]["contact"]) == ("Narahubung berganti.", CONTACT)
    assert shown["contact"] == person("new")
    document = await begun.last(f"nomination/{id_}")
    assert "Narahubung" not in str(document)


async def test_a_late_nomination_is_listed_as_such(begun: World):
    late = nomination("75.71") | {"reason": "Surat datang terlambat."}
    await begun.secretariat.fails(409, "window-still-open", "POST", "/v1/nominations/late", late)
    begun.clock.moment = SCORED
    receipt = await begun.secretariat.posts("/v1/nominations/late", late)
    assert "before the stage is sealed" in receipt["warning"]["en"]
    await begun.secretariat.fails(409, "filed-already", "POST", "/v1/nominations/late", late)
    shown = await begun.secretariat.reads(f"/v1/nominations/{receipt['nomination']}", at_least=receipt["position"])
    assert (shown["status"], shown["late"]["reason"], shown["late"]["admitted"]) == (
        "filed-late", "Surat datang terlambat.", None
    )  # fmt: skip


# --- evidence ------------------------------------------------------------------------------------------------------


async def test_a_document_is_kept_once_under_its_digest_and_handed_out_to_those_concerned(begun: World):
    first, second = await begun.nominated("75.71", "75.03")
    query = {"kind": "regulation", "number": "Perwali 5/2020", "dated": "2020-03-01", "title": "Perlindungan pekerja"}
    attached = await sends(begun.secretariat, f"/v1/nominations/{first}/evidence", PDF, "application/pdf", **query)
    assert attached.json()["evidence"] == DIGEST, attached.text
    by_contact = await sends(contact(begun), f"/v1/nominations/{second}/evidence", PDF, "application/pdf", kind="other")
    position = by_contact.json()["position"]
    assert await begun.service.pool.fetchval("select count(*) from evidence") == 1

    listed = await begun.secretariat.reads(f"/v1/nominations/{first}/evidence", at_least=position)
    (item,) = listed["items"]
    assert (item["title"], item["number"], item["size"]) == ("Perlindungan pekerja", "Perwali 5/2020", len(PDF))

    answer = await begun.secretariat.asks("GET", f"/v1/evidence/{DIGEST}")
    assert answer.content == PDF
    assert answer.headers["content-disposition"] == f'attachment; filename="{DIGEST[:16]}.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    known = await begun.secretariat.asks("GET", f"/v1/evidence/{DIGEST}", **{"If-None-Match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    for grant in (Grant.of("secretariat", province="13"), Grant.of("auditor", season="2021")):
        await begun.person(person("13"), grant).fails(404, "not-found", "GET", f"/v1/evidence/{DIGEST}")
    of_the_season = begun.person(person("of 2020"), Grant.of("auditor", season="2020"))
    assert (await of_the_season.asks("GET", f"/v1/evidence/{DIGEST}")).content == PDF
    await begun.auditor.fails(404, "not-found", "GET", f"/v1/evidence/{'0' * 64}")
    owner = await asyncpg.connect(begun.owner_url)
    try:
        await owner.execute("delete from evidence")  # as the law may ask
    finally:
        await owner.close()
    removed = await begun.secretariat.asks("GET", f"/v1/evidence/{DIGEST}", **{"If-None-Match": answer.headers["etag"]})
    assert removed.status_code == 404


@pytest.mark.parametrize("title", ["Peraturan \u202efdp.exe", "Peraturan\u0007", "\u200b"])
async def test_a_title_is_what_it_looks_like(begun: World, title: str):
    (id_,) = await begun.nominated("75.71")
    path = f"/v1/nominations/{id_}/evidence"
    refused = await sends(begun.secretariat, path, PDF, "application/pdf", kind="other", title=title)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.title")


async def test_what_is_refused_leaves_no_bytes_behind(begun: World):
    (id_,) = await begun.nominated("75.71")
    path = f"/v1/nominations/{id_}/evidence"
    stranger = begun.person(person("13"), Grant.of("secretariat", province="13"))
    for caller, content, media_type, status, code in (
        (stranger, PDF, "application/pdf", 403, "not-your-nomination"),
        (begun.secretariat, PDF, "image/png", 422, "evidence-of-another-type"),
        (begun.secretariat, b"", "application/pdf", 422, "evidence-of-another-type"),
        (begun.secretariat, PDF, "text/html", 415, "unsupported-media-type"),
        (begun.secretariat, PDF + bytes(10 * (1 << 20)), "application/pdf", 413, "body-too-large"),
    ):
        answer = await sends(caller, path, content, media_type, kind="other")
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    assert await begun.service.pool.fetchval("select count(*) from evidence") == 0


async def test_the_largest_document_is_taken_and_two_at_once_are_attached_once(begun: World):
    (id_,) = await begun.nominated("75.71")
    document = PDF.ljust(10 * (1 << 20), b"\n")
    answers = await asyncio.gather(
        *(
            sends(begun.secretariat, f"/v1/nominations/{id_}/evidence", document, "application/pdf", kind="report")
            for _ in range(3)
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 2}
    assert await begun.version(f"nomination/{id_}") == 2


# --- disputes ------------------------------------------------------------------------------------------------------


async def test_a_disputed_figure_reaches_its_publisher_and_nobody_elses(begun: World):
    asked = nomination(candidate=EMPLOYER, category="BESAR")
    id_ = (await begun.secretariat.posts("/v1/nominations", asked))["nomination"]
    body = {"aspect": "kepatuhan", "stated": "97,5", "reason": "Iuran November sudah dibayar."}
    receipt = await contact(begun).posts(f"/v1/nominations/{id_}/disputes", body)
    seen = {}
    for system in ("bpjs.contributions", "bpjs.coverage.v1"):
        publisher = begun.person(person(system), Grant.of("publisher", publisher=system))
        seen[system] = (await publisher.reads("/v1/disputes", at_least=receipt["position"]))["items"]
    (dispute,) = seen["bpjs.contributions"]
    assert seen["bpjs.coverage.v1"] == []
    assert (dispute["stated"], dispute["reason"], dispute["measure"]) == (
        "97.5", "Iuran November sudah dibayar.", "kepatuhan-iuran"
    )  # fmt: skip
    assert len((await begun.secretariat.reads("/v1/disputes"))["items"]) == 1
    await begun.chair.fails(403, "forbidden", "GET", "/v1/disputes")
    body = {"aspect": "kinerja", "reason": "Salah."}
    await begun.secretariat.fails(422, "aspect-not-measured", "POST", f"/v1/nominations/{id_}/disputes", body)


async def test_a_dispute_after_the_seal_is_taken_and_points_to_the_appeal(begun: World):
    asked = nomination(candidate=EMPLOYER, category="BESAR")
    id_ = (await begun.secretariat.posts("/v1/nominations", asked))["nomination"]
    path = f"/v1/nominations/{id_}/disputes"
    body = {"aspect": "kepatuhan", "stated": "97,5", "reason": "Iuran November sudah dibayar."}
    assert (await contact(begun).posts(path, body))["warning"] is None
    await begun.seal([id_], at=AT.model_copy(update={"category": "BESAR"}))
    receipt = await contact(begun).posts(path, body | {"stated": "98"})
    assert [event["type"].split(".")[-2] for event in receipt["events"]] == ["FigureDisputed"]
    assert "POST /v1/appeals" in receipt["warning"]["en"]
    assert "POST /v1/appeals" in receipt["warning"]["id"]


# --- verification --------------------------------------------------------------------------------------------------


async def test_a_nomination_is_returned_mended_and_verified(begun: World):
    asked = nomination(candidate={"kind": "province", "code": "75"}, category="PROVINSI")
    path = f"/v1/nominations/{(await begun.secretariat.posts('/v1/nominations', asked))['nomination']}"
    verifier = begun.person(person("verifikator"), Grant.of("verifier", committee="00"))
    begun.clock.moment = datetime(2021, 3, 5, 3, tzinfo=UTC)
    defects = {"defects": [{"part": "evidence", "text": "Lampirkan peraturan gubernur."}]}
    await begun.chair.fails(409, "person-not-seated", "POST", f"{path}/return", defects)
    returned = await verifier.posts(f"{path}/return", defects)
    shown = await begun.secretariat.reads(path, at_least=returned["position"])
    (check,) = shown["verification"]
    assert (check["status"], check["until"]) == ("returned", "2021-03-12T16:59:59.999999Z")
    assert check["defects"][0]["text"] == "Lampirkan peraturan gubernur."
    await verifier.fails(409, "not-resubmitted", "POST", f"{path}/verify")
    resubmitted = await begun.secretariat.posts(f"{path}/resubmit")
    shown = await begun.secretariat.reads(path, at_least=resubmitted["position"])
    assert shown["verification"][0]["defects"][0]["part"] == "evidence"
    verified = await verifier.posts(f"{path}/verify")
    shown = await begun.secretariat.reads(path, at_least=verified["position"])
    assert [each["status"] for each in shown["verification"]] == ["verified"]


async def test_of_two_findings_at_once_one_stands(begun: World):
    asked = nomination(candidate={"kind": "province", "code": "75"}, category="PROVINSI")
    path = f"/v1/nominations/{(await begun.secretariat.posts('/v1/nominations', asked))['nomination']}"
    verifier = begun.person(person("verifikator"), Grant.of("verifier", committee="00"))
    reason = {"reason": "Data tidak dapat dibuktikan."}
    answers = await asyncio.gather(
        verifier.asks("POST", f"{path}/verify"), verifier.asks("POST", f"{path}/reject", reason)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
    assert len(await begun.types(path.removeprefix("/v1/").replace("nominations", "nomination"))) == 2


# --- interviews ----------------------------------------------------------------------------------------------------


async def test_of_many_who_ask_for_the_same_time_one_is_heard(begun: World):
    ids = await begun.nominated("75.71", "75.03", "75.01", "75.02", "75.04")
    begun.clock.moment = SCORED
    begins = instant(SCORED + timedelta(days=1))
    answers = await asyncio.gather(
        *(begun.secretary.asks("POST", f"/v1/nominations/{id_}/interview", {"begins": begins}) for id_ in ids)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 4}
    assert {each.json()["type"] for each in answers if each.status_code == 409} == {"/problems/slot-taken"}
    assert await begun.types(f"interview/2020/75/{BODY}") == ["InterviewScheduled"]


async def test_slots_are_listed_in_their_order_on_all_clocks(begun: World):
    first, second = await begun.nominated("75.71", "75.03")
    begun.clock.moment = SCORED
    for id_, hours in ((first, 30), (second, 26), (first, 24)):
        begins = instant(SCORED + timedelta(hours=hours))
        receipt = await begun.secretary.posts(f"/v1/nominations/{id_}/interview", {"begins": begins, "mode": "remote"})
    listed = await contact(begun).reads("/v1/interviews", season="2020", at_least=receipt["position"])
    assert [each["nomination"] for each in listed["items"]] == [first, second]
    assert listed["items"][0]["local"] == {
        "WIB": {"begins": "2021-02-04 09:00", "ends": "2021-02-04 09:45"},
        "WITA": {"begins": "2021-02-04 10:00", "ends": "2021-02-04 10:45"},
        "WIT": {"begins": "2021-02-04 11:00", "ends": "2021-02-04 11:45"},
    }
    page = await begun.auditor.reads("/v1/interviews", limit=1)
    rest = await begun.auditor.reads("/v1/interviews", limit=1, cursor=page["next"])
    assert [page["items"][0]["nomination"], rest["items"][0]["nomination"]] == [first, second]
    elsewhere = begun.person(person("13"), Grant.of("secretariat", province="13"))
    assert (await elsewhere.reads("/v1/interviews"))["items"] == []
    shown = await begun.secretariat.reads(f"/v1/nominations/{first}")
    assert shown["interview"]["local"]["WITA"]["begins"] == "2021-02-04 10:00"
    gone = await begun.secretariat.posts(f"/v1/nominations/{first}/withdraw", {"reason": "Mundur."})
    left = await begun.auditor.reads("/v1/interviews", at_least=gone["position"])
    assert [each["nomination"] for each in left["items"]] == [second]


async def test_what_is_shown_is_the_same_after_a_rebuild(begun: World):
    asked = nomination(candidate=EMPLOYER, category="BESAR")
    id_ = (await begun.secretariat.posts("/v1/nominations", asked))["nomination"]
    await sends(begun.secretariat, f"/v1/nominations/{id_}/evidence", PDF, "application/pdf", kind="report")
    disputed = {"aspect": "kepatuhan", "reason": "Salah."}
    await begun.secretariat.posts(f"/v1/nominations/{id_}/disputes", disputed)
    begun.clock.moment = SCORED
    begins = instant(SCORED + timedelta(days=1))
    receipt: dict[str, Any] = await begun.secretary.posts(f"/v1/nominations/{id_}/interview", {"begins": begins})
    login = urlsplit(begun.service.settings.database_url).username
    assert login is not None
    shown: Sequence[Projection[Any]] = (Nominations(), Disputes(), Interviews())
    for each in shown:
        await begun.service.reached(each.name, receipt["position"])
        found = await rebuild(begun.owner_url, each, CODEC, login)
        assert (found.same, found.rows) == (True, 1), each.name
