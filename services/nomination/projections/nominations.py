"""Nominations, their way through the stages, and all that was done with them."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CandidateNominated,
    EvidenceAttached,
    FigureDisputed,
    InterviewScheduled,
    NominationAmended,
    NominationEliminated,
    NominationFiledLate,
    NominationReinstated,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
    NominationWithdrawn,
    StageAdvanced,
    StageAdvanceWithdrawn,
    WinnerDeclared,
    WinnerWithdrawn,
)
from services.nomination.projections.documents import Json, Row, local_times, moment, name_of, pick, text_of, types_of

_STATUS = {
    "NominationEliminated": "eliminated",
    "NominationReinstated": "competing",
    "NominationWithdrawn": "withdrawn",
    "NominationRejected": "rejected",
}
"""The status that an event leaves a nomination in."""
_OUT = ("withdrawn", "rejected")
"""Who ended so stays so, whatever a verdict makes of an earlier ranking."""
_VERIFICATION = {
    "NominationVerified": "verified",
    "NominationReturned": "returned",
    "NominationResubmitted": "resubmitted",
    "NominationRejected": "rejected",
}


class Nominations:
    """Nominations with the history of their stages, one group each.

    Texts are shown by the API beside their digests, from where they can be erased by law.
    """

    name = "nominations"
    table = Table(
        "nominations",
        (
            "grp", "id", "season", "province", "category", "tier", "place", "stage", "status", "nominated", "body",
            "nominating_body", "home", "contact", "evidence",
        ),
    )  # fmt: skip
    types = types_of(
        CandidateNominated, NominationFiledLate, StageAdvanced, StageAdvanceWithdrawn, NominationEliminated,
        NominationReinstated,
        NominationWithdrawn, NominationRejected, WinnerDeclared, WinnerWithdrawn, NominationAmended, EvidenceAttached,
        FigureDisputed, NominationVerified, NominationReturned, NominationResubmitted, InterviewScheduled,
    )  # fmt: skip

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the nomination, also of events on an award's stream or a calendar's."""
        return (event.data["nomination"],)

    def initial(self, _group: str) -> Json:
        """Return a nomination of which nothing is known."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in one event, in the words of the event."""
        data, happened, time = event.data, name_of(event), event.attributes["time"]
        match happened:
            case "CandidateNominated" | "NominationFiledLate":
                _enter(state, event)
            case "NominationAmended":
                state["amendments"].append(
                    {"time": time, "by": event.attributes["actor"]}
                    | {"before": pick(state, "candidate", "contact")}
                    | pick(data, "candidate", "contact", "reason_digest")
                )
                state |= pick(data, "candidate", "contact")
            case "EvidenceAttached":
                shown = pick(data, "evidence", "media_type", "size", "kind", "number", "dated", "title_digest")
                state["evidence"].append(shown | {"attached": time, "by": event.attributes["actor"]})
            case "FigureDisputed":
                shown = pick(data, "aspect", "measure", "stated", "reason_digest")
                state["disputes"].append(shown | {"time": time, "by": event.attributes["actor"]})
            case "InterviewScheduled":
                state["interview"] = pick(data, "at", "begins", "ends", "mode") | {
                    "local": local_times(data["begins"], data["ends"])
                }
            case _:
                _move(state, happened, data, time)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the nomination's row."""
        stage, candidate = state["stage"], state["candidate"]
        home = candidate.get("region") or candidate["code"]
        place = (stage["category"], stage["tier"], stage["province"], stage["stage"])
        also = (state["nominating_body"], home, state["contact"], [each["evidence"] for each in state["evidence"]])
        nominated = moment(state["nominated"])
        return ((group, group, stage["season"], home[:2], *place, state["status"], nominated, text_of(state), *also),)


def _enter(state: Json, event: Recorded) -> None:
    """Take in that a candidate was nominated, was filed late, or was admitted after that."""
    data, happened, time = event.data, name_of(event), event.attributes["time"]
    late: Json | None = {"filed": time, "admitted": None, **pick(data, "reason_digest")}
    if happened == "CandidateNominated":
        late = {**state["late"], "admitted": time} if state.get("late") else None
    fresh: Json = {"history": [], "amendments": [], "evidence": [], "disputes": [], "verification": []}
    state |= {**fresh, "interview": None, "nominated": time} if not state else {}
    state |= pick(data, "nomination", "candidate", "nominating_body", "nominated_by", "contact")
    state |= {"sample": data.get("sample", False), "stage": data["entry"], "late": late}
    state["status"] = "filed-late" if happened == "NominationFiledLate" else "competing"
    state["history"].append({"event": happened, "time": time, **pick(data, "entry")})


def _move(state: Json, happened: str, data: Json, time: str) -> None:
    """Take in a step of a nomination's way, or what a stage's verification found."""
    if happened in _VERIFICATION:
        found = {"at": data["at"], "status": _VERIFICATION[happened], "time": time}
        earlier: Json = next((each for each in state["verification"] if each["at"] == data["at"]), {})
        kept = pick(earlier, "until", "defects") if happened == "NominationResubmitted" else {}
        found |= kept | pick(data, "verifier", "office", "until", "defects", "reason_digest")
        state["verification"] = [each for each in state["verification"] if each["at"] != data["at"]] + [found]
    match happened:
        case "StageAdvanced":
            state["stage"] = data["reached"]
        case "StageAdvanceWithdrawn":
            state["stage"] = data["returned"]
            state.pop("rank", None)
            state["status"] = state["status"] if state["status"] in _OUT else "eliminated"
        case "WinnerDeclared":
            state |= {"status": "winner", "rank": data["rank"]}
        case "WinnerWithdrawn" if state["status"] == "winner":
            state["status"] = "competing"
            state.pop("rank", None)
    state["status"] = _STATUS.get(happened, state["status"])
    told = ("left", "reached", "returned", "at", "rank", "reason", "plenary", "motion", "appeal", "reason_digest")
    state["history"].append({"event": happened, "time": time, **pick(data, *told)})
