"""A season's state at a moment: who stands where, who sits in which committee, every ranking, what holds what.

Everything is sorted by its own name, so that two replays of one folder give the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.canonical import from_instant
from services.audit.checks.ways import Way, way_of
from services.audit.meetings import Kept
from services.audit.record import Record, ranking_of
from services.audit.replay.past import Past
from services.audit.replay.standings import Ways, group, point_text

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a state is asked for; what is None is open. Nothing that is computed depends on it."""

    season: str | None = None
    category: str | None = None
    province: str | None = None

    def stage(self, at: Json) -> bool:
        """Tell whether a stage is asked for."""
        asked = {"season": self.season, "category": self.category, "province": self.province}
        return all(value is None or at[name] == value for name, value in asked.items())

    def path(self, path: list[Json]) -> bool:
        """Tell whether a nomination is asked for that came through these stages."""
        return any(self.stage(at) for at in path)

    def place(self, season: str, province: str) -> bool:
        """Tell whether a committee's place is asked for."""
        return self.season in (None, season) and self.province in (None, province)


def state_of(past: Past, shown: Shown, *, closed: bool = False) -> dict[str, Any]:
    """Return the state of every season that is asked for; of a closed one only when it is named, or with `closed`."""
    record = past.record
    ways = ways_of(record)
    seasons = []
    for stream in sorted(one for one in record.streams if one.startswith("season/")):
        events = record.of(stream)
        season = stream.partition("/")[2]
        said = _season(events, season)
        if shown.season == season or (shown.season is None and (closed or said["status"] != "closed")):
            said |= _inside(past, season, ways, shown)
        if shown.season in (None, season):
            seasons.append(said)
    return {"seasons": seasons}


def ways_of(record: Record) -> dict[str, Way]:
    """Return the way of every nomination that competes or competed, in the order of their ids."""
    found: dict[str, Way] = {}
    for stream in sorted(one for one in record.streams if one.startswith("nomination/")):
        nomination = stream.partition("/")[2]
        way = way_of(record, nomination)
        if way is not None:
            found[nomination] = way
    return found


def _season(events: list[Kept], season: str) -> dict[str, Any]:
    status, title, version, since = "open", None, None, ""
    for event in events:
        match event.name:
            case "SeasonOpened":
                title, since = event.data["title"], event.time
            case "RulebookPublished" | "RulebookAmended":
                version = event.data["version"]
            case "SeasonFrozen" | "SeasonUnfrozen" | "SeasonClosed":
                status = {"SeasonFrozen": "frozen", "SeasonUnfrozen": "open"}.get(event.name, "closed")
                since = event.time
            case _:
                continue
    return {"season": season, "title": title, "status": status, "since": since, "rulebook_version": version}


def _inside(past: Past, season: str, ways: Ways, shown: Shown) -> dict[str, Any]:
    record, moment = past.record, past.moment
    own = {one: way for one, way in ways.items() if way.at["season"] == season}
    return {
        "nominations": [*_nominations(record, own, shown), *_waiting(record, season, ways, shown)],
        "committees": list(_committees(past, season, shown)),
        "rankings": list(_rankings(record, season, own, moment, shown)),
        "winners": list(_winners(record, season, shown)),
        "freezes": list(_freezes(record, season, shown)),
        "appeals_pending": list(_appeals(record, season, moment, shown)),
    }


# --- nominations ---------------------------------------------------------------------------------------------------


def _nominations(record: Record, ways: Ways, shown: Shown) -> Iterator[dict[str, Any]]:
    for nomination, way in ways.items():
        if shown.path(way.path):
            last = record.of(f"nomination/{nomination}")[-1]
            yield {
                "nomination": nomination,
                "candidate": whom(way.candidate),
                "entry": dict(way.path[0]),
                "stage": dict(way.at),
                "status": way.ending or "competing",
                "by": {"event": point_text(last.point), "type": last.name, "time": last.time, "id": last.id},
            }


def whom(candidate: Json) -> dict[str, Any]:
    """Return a candidate as answers name it."""
    return {name: candidate[name] for name in ("kind", "code", "name", "size_class") if candidate.get(name) is not None}


def _waiting(record: Record, season: str, ways: Ways, shown: Shown) -> Iterator[dict[str, Any]]:
    """Yield what was filed late and is not admitted."""
    filed = sorted(record.kind("nomination", "NominationFiledLate"), key=lambda one: one.point)
    for event in filed:
        nomination, entry = event.data["nomination"], event.data["entry"]
        if nomination in ways or entry["season"] != season or not shown.stage(entry):
            continue
        gone = bool(record.of(event.point.stream, "NominationWithdrawn"))
        last = record.of(event.point.stream)[-1]
        yield {
            "nomination": nomination,
            "candidate": whom(event.data["candidate"]),
            "entry": dict(entry),
            "stage": None,
            "status": "withdrawn" if gone else "filed late, not admitted",
            "by": {"event": point_text(last.point), "type": last.name, "time": last.time, "id": last.id},
        }


# --- committees ----------------------------------------------------------------------------------------------------


def _committees(past: Past, season: str, shown: Shown) -> Iterator[dict[str, Any]]:
    record = past.record
    prefix = f"committee/{season}/"
    for stream in sorted(one for one in record.streams if one.startswith(prefix)):
        province = stream.removeprefix(prefix)
        if not shown.place(season, province):
            continue
        events = record.of(stream)
        for body in sorted({one.data["body"] for one in events}):
            yield {"province": province, "body": body, **_body([one for one in events if one.data["body"] == body])} | {
                "in_office": _in_office(past, season, province, body)
            }


def _body(events: list[Kept]) -> dict[str, Any]:
    seats: dict[tuple[str, int], Kept] = {}
    interests: dict[tuple[str, str, str], Kept] = {}
    decrees: list[Json] = []
    for event in events:
        data = event.data
        match event.name:
            case "CommitteeFormed":
                decrees.append({name: data[name] for name in ("decree", "term_from", "term_until")})
            case "MemberAppointed":
                seats[data["office"], data["seat"]] = event
            case "MemberRemoved":
                seats.pop((data["office"], data["seat"]), None)
            case "ConflictDeclared":
                interests[data["person"], data["category"], data.get("nomination") or ""] = event
            case "ConflictLifted":
                interests.pop((data["person"], data["category"], data.get("nomination") or ""), None)
            case _:
                continue
    return {
        "decrees": decrees,
        "seats": [
            {"office": office, "seat": seat, "person": one.data["person"], "by": point_text(one.point)}
            for (office, seat), one in sorted(seats.items())
        ],
        "interests": [
            {"person": person, "category": category, "nomination": nomination or None, "by": point_text(one.point)}
            for (person, category, nomination), one in sorted(interests.items())
        ],
    }


def _in_office(past: Past, season: str, province: str, body: str) -> bool:
    """Tell whether a decree's term holds the day of the moment, by the clocks of the place."""
    versions = past.record.rules_at(season, past.moment, past.moment)
    if not versions:
        return False
    day = from_instant(past.moment).astimezone(versions[-1].zone(province)).date().isoformat()
    decrees = past.record.of(f"committee/{season}/{province}", "CommitteeFormed")
    return any(
        one.data["body"] == body and str(one.data["term_from"]) <= day <= str(one.data["term_until"]) for one in decrees
    )


# --- rankings, winners ---------------------------------------------------------------------------------------------


def _rankings(record: Record, season: str, ways: Ways, moment: str, shown: Shown) -> Iterator[dict[str, Any]]:
    entered: dict[str, dict[str, Way]] = defaultdict(dict)
    for nomination, way in ways.items():
        for at in way.path:
            entered[ranking_of(at)][nomination] = way
    for stream in sorted(one for one in record.streams if one.startswith(f"ranking/{season}/")):
        found = group(record, stream, entered[stream], moment)
        if found is not None and shown.stage(found["at"]):
            yield {"ranking": stream, **found}


def _winners(record: Record, season: str, shown: Shown) -> Iterator[dict[str, Any]]:
    for stream in sorted(one for one in record.streams if one.startswith(f"award/{season}/")):
        won: dict[str, Kept] = {}
        for event in record.of(stream, "WinnerDeclared", "WinnerWithdrawn"):
            if event.name == "WinnerWithdrawn":
                won.pop(event.data["nomination"], None)
            else:
                won[event.data["nomination"]] = event
        for event in sorted(won.values(), key=lambda one: (one.data["rank"], one.data["nomination"])):
            if shown.stage(event.data["at"]):
                yield {
                    "at": dict(event.data["at"]),
                    "rank": event.data["rank"],
                    "nomination": event.data["nomination"],
                    "by": point_text(event.point),
                }


# --- what holds what -----------------------------------------------------------------------------------------------


def _freezes(record: Record, season: str, shown: Shown) -> Iterator[dict[str, Any]]:
    for stream in sorted(one for one in record.streams if one.startswith(f"award/{season}/")):
        open_: dict[str, Kept] = {}
        for event in record.of(stream, "StageFrozen", "StageUnfrozen"):
            if event.name == "StageFrozen":
                open_[event.data["appeal"]] = event
            else:
                open_.pop(event.data["appeal"], None)
        for appeal, event in sorted(open_.items()):
            stages = [dict(at) for at in event.data["stages"] if shown.stage(at)]
            if stages:
                yield {"appeal": appeal, "stages": stages, "since": event.time, "by": point_text(event.point)}


def _appeals(record: Record, season: str, moment: str, shown: Shown) -> Iterator[dict[str, Any]]:
    """Yield the appeals on which no verdict had fallen at the moment, also those on which one is known now."""
    for event in sorted(record.kind("appeal", "AppealLodged"), key=lambda one: one.point):
        at = event.data["at"]
        verdicts = record.of(event.point.stream, "AppealDecided")
        if at["season"] != season or not shown.stage(at) or any(one.time <= moment for one in verdicts):
            continue
        yield {
            "appeal": event.data["appeal"],
            "nomination": event.data["nomination"],
            "at": dict(at),
            "aspect": event.data.get("aspect"),
            "lodged": event.time,
            "by": point_text(event.point),
            "upheld_later": point_text(verdicts[0].point) if verdicts else None,
        }
