"""A season on the running system: committees, nominees and open stages, made over the public APIs.

What it leaves is work for many: a list of sheets that were not handed in yet, each with the token of the member who
may, and of the secretary who may read the ranking that it changes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cli.play.client import Client
from deploy.local.supervisor import Stack
from schemas.envelope import Stage
from services.identity.development import person_id

SEASON: Final = "2020"
_BODY: Final = "panitia-9"
_STAGE: Final = "seleksi"
_TIER: Final = "provincial"
_CATEGORIES: Final = {"BESAR": "large", "MENENGAH": "medium", "UMKM": "micro"}
_PROVINCES: Final = ("31", "32", "33", "34", "35", "73")
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
_RULEBOOK: Final = Path(__file__).resolve().parents[1] / "rulebooks" / f"{SEASON}.yaml"
NOMINATES: Final = datetime.fromisoformat("2021-01-06T10:00:00+08:00")
SCORES: Final = datetime.fromisoformat("2021-02-08T09:00:00+08:00")
OPENS: Final = datetime.fromisoformat("2020-09-01T09:00:00+07:00")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet to hand in: who may, its path and body, and where and by whom the ranking is read."""

    member: str
    path: str
    body: Json
    ranking: str
    secretary: str


async def make_sheets(stack: Stack, client: Client, count: int) -> list[Sheet]:
    """Open a season with so many sheets to hand in, of all places and categories in turn."""
    each = -(-count // (len(_PROVINCES) * len(_CATEGORIES) * len(_OFFICES)))
    await _open_season(stack, client, _RULEBOOK.read_text(encoding="utf-8"))
    places = await asyncio.gather(*(_nominate(client, province, _CATEGORIES, each) for province in _PROVINCES))
    stack.set_clock(SCORES)
    sheets = [sheet for place in await asyncio.gather(*(_open(client, *place) for place in places)) for sheet in place]
    random.Random(count).shuffle(sheets)
    await _sign_in(client, sheets)
    return sheets[:count]


@dataclass(frozen=True, slots=True)
class Contest:
    """One place's open ranking of employers: its path, who may read it before the seal, nominations by employer."""

    path: str
    secretary: str
    nominations: dict[str, str]


async def make_contest(stack: Stack, client: Client, count: int) -> Contest:
    """Open a season, and one place's contest of so many employers in it, whose compliance is measured from facts."""
    rules = _RULEBOOK.read_text(encoding="utf-8")
    measured = "\n".join(
        line.replace("origin: judged", "origin: measured, measure: kepatuhan-iuran")
        if "code: kepatuhan," in line
        else line
        for line in rules.splitlines()
    )
    await _open_season(stack, client, measured)
    province, found = await _nominate(client, _PROVINCES[0], {"BESAR": "large"}, count)
    stack.set_clock(SCORES)
    sheets = await _open(client, province, found)
    nominations = {_code(province, "BESAR", number): one for number, one in enumerate(found["BESAR"])}
    return Contest(sheets[0].ranking, sheets[0].secretary, nominations)


async def _open_season(stack: Stack, client: Client, rules: str) -> None:
    stack.set_clock(OPENS)
    rulebook = {"rulebook": rules}
    await client.command("admin", "nomination", "/v1/seasons", rulebook, key=_key())
    stack.set_clock(NOMINATES)


async def _nominate(
    client: Client, province: str, categories: Mapping[str, str], each: int
) -> tuple[str, dict[str, list[str]]]:
    """Form the committee and nominate; return the nominations by category."""
    formed = {
        "season": SEASON,
        "province": province,
        "body": _BODY,
        "decree": f"Keputusan contoh {province}",
        "term_from": "2021-01-04",
        "term_until": "2021-12-31",
    }
    await client.command("admin", "nomination", "/v1/committees", formed, key=_key())
    seats = [*((office, f"panitia-{province}-{n}") for n, office in enumerate(_OFFICES, start=1))]
    for office, login in (*seats, ("sekretaris-panitia", f"sekretaris-{province}")):
        seat = {"office": office, "seat": 1, "person": str(person_id(login))}
        path = f"/v1/committees/{SEASON}/{province}/{_BODY}/members"
        await client.command("admin", "nomination", path, seat, key=_key())
    contact = {"name": "Narahubung (contoh)", "email": f"narahubung-{province}@paritrana.example", "locale": "id"}
    known = await client.command(f"sekretariat-{province}", "identity", "/v1/persons", contact, key=_key())
    found = {}
    for category, size in categories.items():
        found[category] = await asyncio.gather(
            *(_nominate_one(client, province, category, size, str(known["id"]), number) for number in range(each))
        )
    return province, found


async def _nominate_one(client: Client, province: str, category: str, size: str, contact: str, number: int) -> str:
    code = _code(province, category, number)
    candidate = {"kind": "employer", "code": code, "name": f"PT {code}", "size_class": size, "region": province}
    nomination = {
        "season": SEASON,
        "category": category,
        "candidate": candidate,
        "nominating_body": province,
        "contact": contact,
        "sample": True,
    }
    who = f"sekretariat-{province}"
    return str((await client.command(who, "nomination", "/v1/nominations", nomination, key=_key()))["nomination"])


def _code(province: str, category: str, number: int) -> str:
    return f"CONTOH-{province}-{category[0]}{number}"


async def _open(client: Client, province: str, nominations: Mapping[str, list[str]]) -> list[Sheet]:
    """Open the place's stages and return every sheet that may be handed in."""
    secretary = f"sekretaris-{province}"
    streams = [f"season/{SEASON}", f"committee/{SEASON}/{province}"]
    await client.arrived(secretary, "scoring", "/v1/rankings", streams)
    await client.arrived(
        secretary, "scoring", "/v1/rankings", (f"nomination/{one}" for all_ in nominations.values() for one in all_)
    )
    sheets: list[Sheet] = []
    for category, ids in nominations.items():
        at = Stage(season=SEASON, tier=_TIER, province=province, category=category, stage=_STAGE)
        path = f"/v1/{at.ranking.replace('ranking/', 'rankings/')}"
        await client.command(secretary, "scoring", f"{path}/open", key=_key())
        aspects = await _aspects(client, secretary, at.ranking)
        for nomination in ids:
            for seat in range(1, len(_OFFICES) + 1):
                marks = {aspect: f"{(60 + 7 * seat + len(sheets)) % 101}" for aspect in aspects}
                body = {"marks": marks, "locale": "en", "submit": True, "sample": True}
                sheet = f"/v1/sheets/{nomination}/{_TIER}/{_STAGE}"
                sheets.append(Sheet(f"panitia-{province}-{seat}", sheet, body, path, secretary))
    return sheets


async def _aspects(client: Client, secretary: str, ranking: str) -> list[str]:
    headings = await client.read_all(secretary, "scoring", "/v1/rankings", at_least=f"{ranking}@1")
    heading = next(one for one in headings if one["ranking"] == ranking)
    return [one["aspect"] for one in heading["aspects"] if one["origin"] == "judged"]


async def _sign_in(client: Client, sheets: Iterable[Sheet]) -> None:
    await asyncio.gather(*(client.token(who) for who in {who for one in sheets for who in (one.member, one.secretary)}))


def _key() -> str:
    return str(uuid4())
