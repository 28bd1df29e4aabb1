"""What is read of scoring, and by whom: rankings now and as of an instant, desks, sheets.

Before the seal nobody sees an aggregate but auditors, and the secretary who has no sheet in it and never sat there with
a vote. After the seal the people of the place do; the public sees what was announced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from kernel.canonical import Json, instant
from kernel.codec import Versions
from kernel.decider import Text
from kernel.log import recorded
from kernel.problems import forbidden, not_found
from kernel.service import Service
from kernel.sql import queries
from kernel.tokens import Person
from schemas.envelope import Stage
from schemas.nomination import NominationAmended
from schemas.regions import ZONES
from schemas.scoring import PinnedRules
from services.scoring.domain.received import COMMITTEE, SEASON, Committee, Nominee, Season, committee_stream
from services.scoring.domain.sheet import SHEET
from services.scoring.domain.stage import RANKING, Begun
from services.scoring.projections import RankingProjection, group_of

SQL: Final = queries(Path(__file__).with_name("queries.sql"))
SCORERS: Final = ("member", "chair", "verifier", "juror")
OF_THE_BODY: Final = (*SCORERS, "secretary")
_RANKINGS: Final = RankingProjection()
_AMENDED: Final = NominationAmended.type_name()

Ranking = Sequence[dict[str, Any]]
"""A ranking's read rows, its heading first."""


# --- rights --------------------------------------------------------------------------------------------------------


def acts_for(person: Person, role: str, season: str, province: str) -> bool:
    """Tell whether a person has a role of the committees of a place (`00`: the nation) in a season."""
    return person.may(role, season=season, committee=province) or person.may(role, season=season, province=province)


def places_of(person: Person, roles: Sequence[str]) -> list[str] | None:
    """Return the provinces in which a person has one of the roles in some season, None for everywhere."""
    places: set[str] = set()
    for role in roles:
        for scope in ("committee", "province"):
            found = person.scopes_ever(role, scope)
            if found is None:
                return None
            places |= found
    return sorted(places)


def may_see_sealed(person: Person, at: Stage) -> bool:
    """Tell whether a person may see a stage's sealed ranking before it is announced."""
    if person.throughout("auditor", at.season) or person.may("secretariat", season=at.season, province=at.province):
        return True
    return any(acts_for(person, role, at.season, at.province) for role in OF_THE_BODY)


async def may_see_provisional(service: Service, person: Person, heading: Json) -> bool:
    """Tell whether a person may see a stage's aggregates before the seal: no sheet and no vote in them, ever.

    Who left a seat with a vote may take it again and change a mark that counts, so a seat once held weighs as one held.
    """
    at = Stage.model_validate(heading["at"])
    if person.throughout("auditor", at.season):
        return True
    if not acts_for(person, "secretary", at.season, at.province):
        return False
    if any(acts_for(person, role, at.season, at.province) for role in SCORERS):
        return False
    committee = await service.executor.state(COMMITTEE, committee_stream(at))
    if committee.has_sat(heading["body"], person.id, heading["scorers"]):
        return False
    return not await service.pool.fetchval(SQL["has_sheet"], at.ranking, person.id)


async def refuse_provisional(service: Service, person: Person, rows: Ranking) -> None:
    """Raise a 403 unless the person may see aggregates before the seal."""
    if await may_see_provisional(service, person, orjson.loads(rows[0]["heading"])):
        return
    raise forbidden(
        Text(
            "Before the seal, rankings and others' sheets are for auditors and a secretary who has no sheet there "
            "and never sat there with a vote.",
            "Sebelum disegel, peringkat dan lembar lain hanya untuk auditor dan sekretaris yang tidak memiliki lembar "
            "nilai di tahap itu dan tidak pernah duduk di sana dengan hak suara.",
        )
    )


# --- streams -------------------------------------------------------------------------------------------------------


async def sheet_document(service: Service, stream: str, nomination: str, member: str) -> Json:
    """Return one sheet with its marks; raise a 404 when nobody filed it."""
    sheet = await service.executor.state(SHEET, stream)
    if sheet.at is None:
        raise not_found(Text("There is no such sheet.", "Tidak ada lembar nilai demikian."))
    return {
        "nomination": nomination,
        "member": member,
        "at": sheet.at.model_dump(mode="json"),
        "status": sheet.status,
        "marks": [mark.model_dump(mode="json") for mark in sheet.marks.values()],
        "sample": sheet.sample,
    }


async def roll_of_stage(service: Service, at: Stage) -> list[str]:
    """Return every nomination that can have reached a stage."""
    rows = await service.pool.fetch(SQL["roll_of_stage"], at.season, at.category, at.province)
    return [row["nomination"] for row in rows]


async def sheets_of_stage(service: Service, nominations: Sequence[str], at: Stage) -> list[str]:
    """Return every sheet stream of nominations at a stage."""
    rows = await service.pool.fetch(SQL["sheets_of_stage"], list(nominations), f"{at.tier}-{at.stage}")
    return [row["stream"] for row in rows]


async def awards_of_category(service: Service, at: Stage) -> list[str]:
    """Return the award streams of a stage's category in every tier and place of its season."""
    rows = await service.pool.fetch(SQL["awards_of_category"], at.season, at.category)
    return [row["stream"] for row in rows]


# --- local time ----------------------------------------------------------------------------------------------------


def with_local_time(heading: Json, season: Season) -> Json:
    """Return a stage's heading with its deadline in the place's own zone (WIB, WITA or WIT) beside the one in UTC."""
    return {**heading, **local_deadline(heading["closes"], season, heading["at"]["province"])}


def local_deadline(closes: str, season: Season, province: str) -> Json:
    """Return a deadline as it stands on the clocks of its place: to the second, with offset, and the zone's name."""
    zone = season.zone(province)
    local = datetime.fromisoformat(closes).astimezone(ZoneInfo(zone))
    return {"closes_local": local.isoformat(timespec="seconds"), "zone": ZONES[zone]}


async def season_of(service: Service, season: str) -> Season:
    """Return a season as it stands."""
    return await service.executor.state(SEASON, f"season/{season}")


# --- rankings ------------------------------------------------------------------------------------------------------


async def ranking_now(service: Service, at: Stage) -> Ranking:
    """Return a ranking's rows as folded so far; raise a 404 when its stage was never opened."""
    rows = [dict(row) for row in await service.pool.fetch(SQL["ranking"], at.ranking)]
    return _found(rows)


async def ranking_of_sheet(service: Service, stream: str) -> Ranking | None:
    """Return the rows of the ranking that a sheet belongs to, None when nobody filed it."""
    sheet = await service.executor.state(SHEET, stream)
    return None if sheet.at is None else await ranking_now(service, sheet.at)


async def ranking_as_of(service: Service, at: Stage, moment: datetime) -> Ranking:
    """Return a ranking's rows from the events recorded at or before an instant, that instant included.

    An event's recorded time is never before its cause's, so all causes are among them.
    """
    group = group_of(at.season, at.province)
    state = _RANKINGS.initial(group)
    amended: dict[str, str] = {}
    history = map(recorded, await service.pool.fetch(SQL["history_until"], group, instant(moment)))
    for event in Versions(_RANKINGS.types, service.parts.codec).newest_of(history):
        if event.type in _RANKINGS.types and group in _RANKINGS.groups(event):
            state = _RANKINGS.fold(state, event, group)
        elif event.type == _AMENDED:
            amended[event.data["nomination"]] = event.data["candidate"]["name"]
    columns = _RANKINGS.table.columns
    rows = [dict(zip(columns, row, strict=True)) for row in _RANKINGS.rows(group, state)]
    for one in rows:
        one["name"] = amended.get(one["nomination"], one["name"])
    return _found(sorted((row for row in rows if row["ranking"] == at.ranking), key=lambda row: int(row["place"])))


def _found(rows: Ranking) -> Ranking:
    if not rows:
        raise not_found(
            Text("This stage was not opened for scoring.", "Tahap ini belum dibuka untuk penilaian."),
        )
    return rows


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an answer rests on: the projection's position, and for `as_of` the instant and whether it can still move."""

    position: str
    as_of: datetime | None = None
    final: bool = False


def ranking_document(rows: Ranking, known: Knowledge, season: Season) -> Json:
    """Return a ranking as people and programs read it; sealed standings are final, provisional ones are marked so."""
    heading, *lines = rows
    document: Json = {
        "ranking": heading["ranking"],
        "status": "sealed" if heading["seal"] else "provisional",
        **with_local_time(orjson.loads(heading["heading"]), season),
        "announced": heading["announced"],
        "standings": [_standing(line) for line in lines if line["rank"] is not None],
        "unrankable": [_unrankable(line) for line in lines if line["rank"] is None],
        "position": known.position,
    }
    if known.as_of is not None:
        document |= {"as_of": instant(known.as_of), "final": known.final}
    return document


def _nominee(line: Any) -> Json:
    return {"nomination": line["nomination"], "candidate": line["candidate"], "name": line["name"]}


def _standing(line: Any) -> Json:
    return {
        **_nominee(line),
        "rank": line["rank"],
        "shared": line["shared"],
        "total": line["total"],
        "shown": line["shown"],
        "aspects": orjson.loads(line["aspects"]),
        "tie": orjson.loads(line["tie"]) if line["tie"] else None,
        "sheets": line["sheets"],
        "sample": line["sample"],
        "recusals": _recusals(line),
    }


def _unrankable(line: Any) -> Json:
    return {
        **_nominee(line),
        "reason": line["reason"],
        "aspect": line["lacking"],
        "aspects": orjson.loads(line["aspects"]),
        "sheets": line["sheets"],
        "sample": line["sample"],
        "recusals": _recusals(line),
    }


def _recusals(line: Any) -> list[Json]:
    """Return who takes no part in ranking the nominee (or, `flagged`, is only shown to be near), and why."""
    return orjson.loads(line["recusals"]) if line["recusals"] else []


def public_document(rows: Ranking) -> Json:
    """Return of an announced ranking what is public: who stands where. Raises a 404 for one that is not announced."""
    heading, *lines = rows
    if heading["announced"] is None:
        raise not_found(Text("This ranking was not announced.", "Peringkat ini belum diumumkan."))
    said = orjson.loads(heading["heading"])
    return {
        "ranking": heading["ranking"],
        "at": said["at"],
        "announced": heading["announced"],
        "seal": heading["seal"],
        "digest": heading["digest"],
        "standings": [
            {**_nominee(line), "rank": line["rank"], "shared": line["shared"], "sample": line["sample"]}
            for line in lines
            if line["rank"] is not None
        ],
    }


# --- desks ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """An open ranking in whose body a person sits and scores; `assigned`: for whom it was drawn, None where all score.

    `rules` are those that the stage pinned, for recusals.
    """

    heading: Json
    committee: Committee
    rules: PinnedRules
    season: Season
    assigned: frozenset[str] | None


async def desks_of(service: Service, person: Person, season: str | None) -> dict[str, Desk]:
    """Return a person's desks by ranking stream."""
    rows = await service.pool.fetch(SQL["headings"], None, season, places_of(person, SCORERS), True, None)
    committees: dict[str, Committee] = {}
    seasons: dict[str, Season] = {}
    found: dict[str, Desk] = {}
    for row in rows:
        heading = orjson.loads(row["heading"])
        at = Stage.model_validate(heading["at"])
        stream = committee_stream(at)
        if stream not in committees:
            committees[stream] = await service.executor.state(COMMITTEE, stream)
        if not set(committees[stream].offices_of(heading["body"], person.id)) & set(heading["scorers"]):
            continue
        ranking = await service.executor.state(RANKING, row["ranking"])
        if isinstance(ranking, Begun):
            if at.season not in seasons:
                seasons[at.season] = await season_of(service, at.season)
            assigned = _assigned_to(person, ranking)
            found[row["ranking"]] = Desk(
                heading, committees[stream], ranking.opened.rules, seasons[at.season], assigned
            )
    return found


def _assigned_to(person: Person, ranking: Begun) -> frozenset[str] | None:
    """Return for whom a person was drawn at a stage, None where all members score."""
    if ranking.opened.rules.per_nominee is None:
        return None
    return frozenset(nomination for nomination, members in ranking.assigned.items() if person.id in members)


def desk_document(row: asyncpg.Record, person: Person, desks: dict[str, Desk]) -> Json:
    """Return one sheet of a person's desk: for whom, how far it has come, until when, and what bars the person."""
    desk = desks[row["ranking"]]
    at = desk.heading["at"]
    nominee = Nominee(row["nomination"], at["category"], row["kind"], row["candidate"])
    grounds = desk.committee.grounds(person.id, nominee, desk.rules)
    return {
        **{name: value for name, value in row.items() if name != "kind"},
        "closes": desk.heading["closes"],
        **local_deadline(desk.heading["closes"], desk.season, at["province"]),
        "recused": any(not ground.flagged for ground in grounds),
        "recusals": [{"reason": ground.reason, "flagged": ground.flagged} for ground in grounds],
        "season_hold": desk.season.hold,
    }
