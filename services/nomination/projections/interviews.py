"""Interview slots of nominees that still compete, each in the three zones of the country."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    CandidateNominated,
    InterviewScheduled,
    NominationAmended,
    NominationRejected,
    NominationWithdrawn,
    StageAdvanceWithdrawn,
)
from services.nomination.projections.documents import Json, Row, local_times, moment, name_of, pick, text_of, types_of


class Interviews:
    """Interview slots, one group per nomination: a nominee that leaves before its interview frees its slot."""

    name = "interviews"
    table = Table(
        "interviews",
        (
            "grp", "id", "season", "province", "nominating_body", "home", "contact", "place", "stage", "begins", "body",
        ),
    )  # fmt: skip
    types = types_of(
        CandidateNominated,
        NominationAmended,
        InterviewScheduled,
        NominationWithdrawn,
        NominationRejected,
        StageAdvanceWithdrawn,
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the nomination, also of a slot on a calendar's stream."""
        return (event.data["nomination"],)

    def initial(self, _group: str) -> Json:
        """Return a nomination without slots."""
        return {"slots": {}}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in who competes, its slots, and that it left."""
        data = event.data
        match name_of(event):
            case "CandidateNominated":
                state |= pick(data, "candidate", "nominating_body", "contact")
            case "NominationAmended":
                state |= pick(data, "candidate", "contact")
            case "InterviewScheduled":
                shown = pick(data, "nomination", "at", "begins", "ends", "mode")
                stage = f"{data['at']['tier']}/{data['at']['stage']}"
                state["slots"][stage] = shown | {"local": local_times(data["begins"], data["ends"])}
            case "StageAdvanceWithdrawn":
                left = f"{data['left']['tier']}/{data['left']['stage']}"
                state["slots"].pop(left, None)
            case _:
                stage = f"{data['at']['tier']}/{data['at']['stage']}"
                state["slots"].pop(stage, None)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per slot."""
        for id_, slot in state["slots"].items():
            candidate, at = state["candidate"], slot["at"]
            home = candidate.get("region") or candidate["code"]
            whose = (at["season"], home[:2], state["nominating_body"], home, state["contact"])
            body = slot | {"candidate": candidate}
            yield group, id_, *whose, at["province"], at["stage"], moment(slot["begins"]), text_of(body)
