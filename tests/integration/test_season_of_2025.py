"""The season of 2025 on the running system: villages and companies by sector, with the rulebook alone and no code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from kernel.tokens import Grant
from schemas.registry import event_models
from tests.support.whole import BODY, ROOT, Json, Whole, person_of, whole_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

MALUKU: Final = "81"
OPENS: Final = datetime.fromisoformat("2025-01-07T09:00:00+07:00")
NOMINATES: Final = datetime.fromisoformat("2025-02-03T10:00:00+09:00")
SCORES: Final = datetime.fromisoformat("2025-03-10T09:00:00+09:00")
DECIDES: Final = datetime.fromisoformat("2025-04-17T09:00:00+09:00")
VISITS: Final = datetime.fromisoformat("2025-05-05T09:00:00+09:00")
AWARDS: Final = datetime.fromisoformat("2025-06-02T09:00:00+09:00")
SCORERS: Final = ("sekretaris-daerah", "kepala-bps", "ketua-apindo")
"""Who files sheets; for the quorum, three more come to the meeting."""
MEETING: Final = (*SCORERS, "ketua-spsi", "kepala-dinas-tenaga-kerja", "kepala-dinas-koperasi-ukm")
VILLAGE: Final[Json] = {"kind": "village", "code": "81.71.02.2001", "name": "Desa Contoh Ambon"}
OTHER: Final[Json] = {"kind": "village", "code": "81.72.01.2002", "name": "Desa Contoh Tual"}
FISHERY: Final[Json] = {
    "kind": "employer", "code": "CONTOH-81-P1", "name": "PT Contoh Laut", "size_class": "medium", "region": "81.07",
    "sector": "perikanan",
}  # fmt: skip
FARM: Final[Json] = {**FISHERY, "code": "CONTOH-81-P2", "name": "PT Contoh Kebun", "sector": "perkebunan"}
DESK: Final[Mapping[str, Mapping[str, str]]] = {
    "81.71.02.2001": {"perangkat-desa": "80", "cakupan-bpu": "70", "pekerja-rentan": "90"},
    "81.72.01.2002": {"perangkat-desa": "85", "cakupan-bpu": "75", "pekerja-rentan": "80"},
    "CONTOH-81-P1": {"cakupan-pu": "82", "pekerja-rentan": "50"},
    "CONTOH-81-P2": {"cakupan-pu": "64", "pekerja-rentan": "50"},
}
VISIT: Final[Mapping[str, Mapping[str, str]]] = {
    "81.71.02.2001": {"inovasi-desa": "70"},
    "81.72.01.2002": {"inovasi-desa": "90"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Whole]:
    async with whole_system() as running:
        yield running


async def test_a_season_with_villages_and_sectors_is_played_to_its_winners(whole: Whole):
    await _open(whole)
    await _nominate(whole)
    await _refuse(whole)
    whole.stack.set_clock(SCORES)
    for category, codes in (
        ("DESA", ("81.71.02.2001", "81.72.01.2002")),
        ("PERTANIAN", ("CONTOH-81-P1", "CONTOH-81-P2")),
    ):
        await _score(whole, category, "seleksi", {code: DESK[code] for code in codes})
    whole.stack.set_clock(DECIDES)
    for category in ("DESA", "PERTANIAN"):
        await _seal(whole, category, "seleksi")
    await _meet(whole, ("DESA", "seleksi"), ("PERTANIAN", "seleksi"))
    whole.stack.set_clock(VISITS)
    await _score(whole, "DESA", "kunjungan", VISIT)
    whole.stack.set_clock(AWARDS)
    await _seal(whole, "DESA", "kunjungan")
    await _meet(whole, ("DESA", "kunjungan"))
    await _results(whole)


async def _open(whole: Whole) -> None:
    """Open the season from the shipped file; form and seat the committee of Maluku."""
    admin = whole.token(Grant.of("season-admin"))
    whole.stack.set_clock(OPENS)
    text = (ROOT / "rulebooks" / "2025.yaml").read_text("utf-8")
    await whole.does(admin, "nomination", "POST", "/v1/seasons", {"rulebook": text})
    term = {"term_from": "2025-01-01", "term_until": "2025-12-31"}
    formed = {"season": "2025", "province": MALUKU, "body": BODY, "decree": "Keputusan contoh 2025", **term}
    await whole.does(admin, "nomination", "POST", "/v1/committees", formed)
    offices = (*MEETING, "sekretaris-panitia")
    await whole.knows(*(person_of(f"{office}-{MALUKU}") for office in offices))
    for office in offices:
        seat = {"office": office, "seat": 1, "person": person_of(f"{office}-{MALUKU}")}
        await whole.does(admin, "nomination", "POST", f"/v1/committees/2025/{MALUKU}/{BODY}/members", seat)


def _asked(category: str, candidate: Json) -> Json:
    contact = person_of(f"contact-{candidate['code']}")
    return {
        "season": "2025", "category": category, "candidate": candidate, "nominating_body": MALUKU, "contact": contact,
        "sample": True,
    }  # fmt: skip


async def _nominate(whole: Whole) -> None:
    whole.stack.set_clock(NOMINATES)
    secretariat = whole.secretariat(MALUKU)
    for category, candidate in (("DESA", VILLAGE), ("DESA", OTHER), ("PERTANIAN", FISHERY), ("PERTANIAN", FARM)):
        sent = _asked(category, candidate)
        await whole.knows(sent["contact"])
        receipt = await whole.does(secretariat, "nomination", "POST", "/v1/nominations", sent)
        whole.nominations[candidate["code"]] = receipt["nomination"]
    known = receipt["position"]
    shown = await _read(whole, secretariat, "nomination", f"/v1/nominations?season=2025&at_least={known}")
    candidates = {one["candidate"]["code"]: one["candidate"] for one in shown["items"]}
    assert candidates == {
        "81.71.02.2001": VILLAGE | {"region": "81.71"},
        "81.72.01.2002": OTHER | {"region": "81.72"},
        "CONTOH-81-P1": FISHERY,
        "CONTOH-81-P2": FARM,
    }
    await whole.arrived("scoring", *whole.heads)


async def _refuse(whole: Whole) -> None:
    """What the rulebook does not admit is told by field, over HTTP as in the domain."""
    for category, candidate, code, field in (
        ("DESA", VILLAGE | {"code": "81.71.02.201"}, "code-not-of-kind", "candidate.code"),
        ("DESA", VILLAGE | {"code": "75.71.02.2001"}, "candidate-outside", "candidate.code"),
        ("PERTANIAN", FISHERY | {"sector": "keuangan"}, "sector-not-admitted", "candidate.sector"),
        ("KABKOTA", VILLAGE, "kind-not-admitted", "candidate.kind"),
    ):
        sent = _asked(category, candidate)
        answer = await whole.ask(whole.secretariat(MALUKU), "nomination", "POST", "/v1/nominations", sent)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        problem = answer.json()
        assert (problem["type"], problem["errors"][0]["field"]) == (f"/problems/{code}", field)


async def _read(whole: Whole, token: str | None, service: str, path: str) -> Json:
    answer = await whole.ask(token, service, "GET", path)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    shown: Json = answer.json()
    return shown


async def _score(whole: Whole, category: str, stage: str, marks: Mapping[str, Mapping[str, str]]) -> None:
    """Open a stage; three members hand in a sheet for each candidate."""
    ranking = f"/v1/rankings/2025/provincial/{MALUKU}/{category}/{stage}"
    await whole.does(whole.clerk(MALUKU), "scoring", "POST", f"{ranking}/open")
    for code, given in marks.items():
        sent = {"marks": dict(given), "submit": True, "sample": True}
        for office in SCORERS:
            path = f"/v1/sheets/{whole.nominations[code]}/provincial/{stage}"
            await whole.does(whole.member(office, MALUKU), "scoring", "POST", path, sent)


async def _seal(whole: Whole, category: str, stage: str) -> None:
    clerk, ranking = whole.clerk(MALUKU), f"2025/provincial/{MALUKU}/{category}/{stage}"
    for step in ("close", "seal"):
        await whole.does(clerk, "scoring", "POST", f"/v1/rankings/{ranking}/{step}")
    await whole.arrived("nomination", f"ranking/{ranking}")


async def _meet(whole: Whole, *items: tuple[str, str]) -> None:
    """Hold a meeting: the sealed rankings are tabled, moved, carried by all and announced."""
    clerk, chair = whole.clerk(MALUKU), whole.member("sekretaris-daerah", MALUKU)
    agenda = [{"category": category, "stage": stage} for category, stage in items]
    called = {
        "season": "2025", "province": MALUKU, "body": BODY, "scheduled": whole.now().isoformat(), "agenda": agenda,
    }  # fmt: skip
    receipt = await whole.does(clerk, "nomination", "POST", "/v1/plenaries", called)
    path = f"/v1/plenaries/{receipt['plenary']}"

    async def does(token: str, step: str, body: Any = None) -> None:
        await whole.does(token, "nomination", "POST", f"{path}/{step}", body)

    for office in MEETING:
        await does(whole.member(office, MALUKU), "attendance", {"present": True})
    for number, item in enumerate(agenda, start=1):
        await does(clerk, "table", item)
        await does(clerk, "motions", item)
        for office in MEETING:
            await does(whole.member(office, MALUKU), f"motions/{number}/votes", {"vote": "for"})
        await does(chair, f"motions/{number}/decide")
        await does(chair, f"motions/{number}/announce")
    await whole.arrived("scoring", *(stream for stream in whole.heads if stream.startswith("nomination/")))


async def _results(whole: Whole) -> None:
    """What the public sees: who won where the path ends; and what the log says: second versions only."""
    known = whole.positions["nomination"]
    shown = await _read(whole, None, "nomination", f"/v1/public/results/2025?at_least={known}")
    lines = {
        (one["at"]["category"], one["at"]["stage"]): [
            (line["candidate"], line.get("rank"), line["outcome"]) for line in one["lines"]
        ]
        for one in shown["items"]
    }
    assert lines == {
        ("DESA", "seleksi"): [("Desa Contoh Ambon", 1, "advanced"), ("Desa Contoh Tual", 2, "advanced")],
        ("PERTANIAN", "seleksi"): [("PT Contoh Laut", 1, "winner"), ("PT Contoh Kebun", 2, "eliminated")],
        ("DESA", "kunjungan"): [("Desa Contoh Tual", 1, "winner"), ("Desa Contoh Ambon", 2, "winner")],
    }
    types = await whole.rows("nomination", "select distinct type from events where stream like 'nomination/%'")
    assert {row["type"] for row in types} <= event_models().keys()
