"""The standings at every decision: what lay before the meeting when it decided, how it voted, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.audit.meetings import Decided
from services.audit.record import Record
from services.audit.replay.standings import point_text, sealed
from services.audit.replay.state import Shown

Json = Mapping[str, Any]


def decisions_of(record: Record, shown: Shown) -> list[dict[str, Any]]:
    """Return every decision of every meeting in the order of their recorded times, with the standings it rests on."""
    found = [one for one in record.decisions() if one.convened is not None and shown.stage(one.at)]
    found.sort(key=lambda one: (one.event.time, one.event.point))
    return [_decision(one, record) for one in found]


def _decision(decided: Decided, record: Record) -> dict[str, Any]:
    event = decided.event
    said: dict[str, Any] = {
        "decision": point_text(event.point),
        "id": event.id,
        "time": event.time,
        "at": decided.at,
        "kind": _KINDS.get(decided.motion.opened.name if decided.motion else "", "unknown"),
        "motion": event.data["motion"],
        "outcome": event.data["outcome"],
        "tally": dict(event.data["tally"]),
        "quorum": dict(event.data["quorum"]),
        "rulebook_version": event.data["rulebook_version"],
        "results": list(_results(decided, record)),
        "found": f"{event.place.file}:{event.place.line}",
    }
    seal = record.seals.get(event.data.get("seal", ""))
    return said | (sealed(record, seal, event.time) if seal is not None else {"standings": [], "unrankable": []})


_KINDS = {
    "MotionOpened": "who advances",
    "TieMotionOpened": "a tie",
    "AdmissionMotionOpened": "a late nomination",
    "AppealMotionOpened": "an appeal",
}


def _results(decided: Decided, record: Record) -> Iterator[Json]:
    for point in decided.results:
        event = record.caused.get(point)
        if event is None:
            yield {"event": point_text(point), "type": None}
            continue
        names = ("nomination", "rank", "reason")
        told = {name: event.data[name] for name in names if event.data.get(name) is not None}
        yield {"event": point_text(point), "type": event.name, **told}
