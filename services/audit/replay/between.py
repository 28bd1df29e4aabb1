"""What came between two moments: every event that was recorded, and which stages, seats and standings it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown

Json = Mapping[str, Any]


def arrivals(folder: Folder, earlier: str, later: str, streams: Shown, whose: Mapping[str, bool]) -> list[Json]:
    """Return what was recorded after one moment and up to another, by stream.

    Args:
        folder: the export; all its files of events are read.
        earlier: the first moment.
        later: the second moment.
        streams: what is asked for.
        whose: of nominations, meetings and appeals, whether they are asked for.
    """
    found: dict[str, dict[str, Any]] = {}
    with folder.sound():
        for path in folder.sizes:
            for glimpse in folder.glimpses(path):
                if not (earlier < glimpse.time <= later and _is_asked(glimpse.stream, streams, whose)):
                    continue
                doc = folder.document(glimpse, path).doc
                one = found.setdefault(
                    glimpse.stream,
                    {"stream": glimpse.stream, "file": path, "events": []},
                )
                one["events"].append(
                    {
                        "version": glimpse.version,
                        "type": glimpse.name,
                        "time": glimpse.time,
                        "actor": doc.get("actor"),
                        "office": doc.get("office"),
                        "id": doc["id"],
                        "line": glimpse.line,
                    }
                )
    return [found[stream] for stream in sorted(found)]


def _is_asked(stream: str, shown: Shown, whose: Mapping[str, bool]) -> bool:
    """Tell whether a stream is of what is asked for; one that names no season is, unless something is asked for."""
    kind, *parts = stream.split("/")
    if shown == Shown():
        return True
    match kind:
        case "season":
            return shown.season in (None, parts[0])
        case "committee" | "interview":
            return shown.place(parts[0], parts[1])
        case "award" | "ranking" if len(parts) >= 4:
            return shown.stage({"season": parts[0], "province": parts[2], "category": parts[3]})
        case "nomination" | "indicator" | "sheet" | "plenary" | "appeal":
            return whose.get(parts[0], False)
        case _:
            return False


def changes(before: Json, after: Json) -> dict[str, list[Json]]:
    """Return which nominations, seats, standings and winners differ between two states, and how."""
    return {
        "stages": list(_changed(_nominations(before), _nominations(after), "nomination")),
        "seats": list(_changed(_seats(before), _seats(after), "seat")),
        "standings": list(_changed(_standings(before), _standings(after), "standing")),
        "winners": list(_changed(_winners(before), _winners(after), "winner")),
        "seasons": list(_changed(_seasons(before), _seasons(after), "season")),
    }


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> Iterator[Json]:
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield {what: key, "before": before.get(key), "after": after.get(key)}


def _parts(state: Json, name: str) -> Iterator[tuple[str, Json]]:
    for season in state["seasons"]:
        for one in season.get(name, ()):
            yield season["season"], one


def _seasons(state: Json) -> dict[str, Json]:
    return {
        one["season"]: {"status": one["status"], "rulebook_version": one["rulebook_version"]}
        for one in state["seasons"]
    }


def _nominations(state: Json) -> dict[str, Json]:
    return {
        one["nomination"]: {
            "stage": one["stage"] and "/".join(one["stage"][part] for part in ("tier", "province", "stage")),
            "status": one["status"],
            "candidate": one["candidate"]["code"],
        }
        for _, one in _parts(state, "nominations")
    }


def _seats(state: Json) -> dict[str, Json]:
    return {
        f"{season}/{one['province']}/{one['body']}/{seat['office']}/{seat['seat']}": seat["person"]
        for season, one in _parts(state, "committees")
        for seat in one["seats"]
    }


def _standings(state: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for _, one in _parts(state, "rankings"):
        for row in one["standings"]:
            said = {"status": one["status"], "provisional": one["provisional"], "place": row["place"]}
            found[f"{one['ranking']} {row['nomination']}"] = {**said, "total": row["total"]}
        for row in one["unrankable"]:
            found[f"{one['ranking']} {row['nomination']}"] = {"status": one["status"], "unrankable": row["reason"]}
    return found


def _winners(state: Json) -> dict[str, Json]:
    return {
        f"{'/'.join(str(part) for part in one['at'].values())} {one['nomination']}": one["rank"]
        for _, one in _parts(state, "winners")
    }
