"""How an explanation cites events and marks: by id, place in the stream, topic, and line in the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.audit.meetings import Kept

Json = Mapping[str, Any]

_TEXTS: Final = ("reason_digest", "text_digest")
"""What an event holds of a free text: a salted digest, which stays when the text was erased by law."""


def cited(event: Kept) -> dict[str, Any]:
    """Return where an event lies: in its stream, in the folder, on which topic; and which texts it knows by digest."""
    texts = {name: text for name, text in event.data.items() if name in _TEXTS and text is not None}
    return {
        "type": event.name,
        "event": f"{event.point.stream}@{event.point.version}",
        "id": event.id,
        "time": event.time,
        "topic": event.place.file.split("/")[1],
        "found": f"{event.place.file}:{event.place.line}",
        **({"withheld": texts} if texts else {}),
    }


def marks_of(events: Sequence[Kept]) -> dict[str, Any]:
    """Return a sheet's marks after its events, each with the events that gave and changed it, and by which office.

    A mark was first filed by itself or came with the whole sheet; a revision keeps what it replaces.
    """
    given: dict[str, dict[str, Any]] = {}
    submitted: Kept | None = None
    voided = False
    for event in events:
        match event.name:
            case "AspectScored":
                if voided:
                    given, voided = {}, False
                mark = event.data["mark"]
                given[mark["aspect"]] = _mark(mark, event, given.get(mark["aspect"]))
            case "AspectScoreRevised":
                mark = event.data["mark"]
                revised = _mark(mark, event, given.get(mark["aspect"]))
                revised["revised_from"] = event.data["previous"].get("mark")
                given[mark["aspect"]] = revised
            case "ScoreSheetSubmitted":
                submitted = event
                given = {mark["aspect"]: _as_submitted(mark, event, given) for mark in event.data["marks"]}
            case "ScoreSheetVoided":
                voided = True
            case _:
                continue
    whose = submitted or (events[-1] if events else None)
    return {
        "member": None if whose is None else whose.data["member"],
        "office": None if submitted is None else submitted.data["office"],
        "submitted": None if submitted is None else cited(submitted),
        "marks": list(given.values()),
    }


def _mark(mark: Json, event: Kept, before: Json | None) -> dict[str, Any]:
    earlier = [] if before is None else [*before["earlier"], {**before["given"], "mark": before["mark"]}]
    return {"aspect": mark["aspect"], "mark": mark.get("mark"), "given": cited(event), "earlier": earlier}


def _as_submitted(mark: Json, event: Kept, given: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a mark as the submitted sheet has it: that which was filed by itself, when it is the same."""
    before = given.get(mark["aspect"])
    if before is not None and before["mark"] == mark.get("mark"):
        return before
    return _mark(mark, event, before)
