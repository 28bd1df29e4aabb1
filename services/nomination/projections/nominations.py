"""Nominations and their way through the stages."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CandidateNominated,
    NominationEliminated,
    NominationWithdrawn,
    StageAdvanced,
    WinnerDeclared,
)
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of


class Nominations:
    """Nominations with the history of their stages, one group each."""

    name = "nominations"
    table = Table(
        "nominations",
        ("grp", "id", "season", "province", "category", "tier", "place", "stage", "status", "nominated", "body"),
    )
    types = types_of(CandidateNominated, StageAdvanced, NominationEliminated, NominationWithdrawn, WinnerDeclared)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the nomination, also of a WinnerDeclared on its award's stream."""
        return (event.data["nomination"],)

    def initial(self, _group: str) -> Json:
        """Return a nomination of which nothing is known."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in the nomination and each step of its way."""
        data, happened = event.data, name_of(event)
        step = {"event": happened, "time": event.attributes["time"]}
        step |= pick(data, "entry", "left", "reached", "at", "rank", "reason", "plenary", "motion")
        match happened:
            case "CandidateNominated":
                state |= pick(data, "nomination", "candidate", "nominating_body", "nominated_by", "contact")
                state |= {"sample": data.get("sample", False), "stage": data["entry"], "status": "competing"}
                state |= {"nominated": event.attributes["time"], "history": []}
            case "StageAdvanced":
                state["stage"] = data["reached"]
            case "NominationEliminated":
                state["status"] = "eliminated"
            case "NominationWithdrawn":
                state["status"] = "withdrawn"
            case "WinnerDeclared":
                state |= {"status": "winner", "rank": data["rank"]}
        state["history"].append(step)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the nomination's row."""
        stage, candidate = state["stage"], state["candidate"]
        home = (candidate.get("region") or candidate["code"])[:2]
        place = (stage["category"], stage["tier"], stage["province"], stage["stage"])
        nominated = moment(state["nominated"])
        return ((group, group, stage["season"], home, *place, state["status"], nominated, text_of(state)),)
