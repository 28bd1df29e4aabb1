"""Meetings with their whole record."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    AttendanceRecorded,
    MotionOpened,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    RankingAnnounced,
    RankingTabled,
    VoteCast,
)
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of


class Plenaries:
    """Meetings with their whole record, one group each."""

    name = "plenaries"
    table = Table("plenaries", ("grp", "id", "season", "province", "scheduled", "body"))
    types = types_of(
        PlenaryConvened,
        AttendanceRecorded,
        RankingTabled,
        MotionOpened,
        VoteCast,
        PlenaryDecided,
        PlenaryAdjourned,
        RankingAnnounced,
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the plenary, also of a RankingAnnounced on its award's stream."""
        return (event.data["plenary"],)

    def initial(self, _group: str) -> Json:
        """Return a meeting of which nothing is known."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in one event of the meeting, in the words of the event."""
        data, time = event.data, event.attributes["time"]
        match name_of(event):
            case "PlenaryConvened":
                state |= pick(data, "plenary", "season", "tier", "province", "body", "scheduled", "agenda")
                state |= {"convened": time, "attendance": [], "tabled": [], "motions": [], "adjourned": None}
            case "AttendanceRecorded":
                others = [each for each in state["attendance"] if each["person"] != data["person"]]
                here = pick(data, "person", "office", "seat", "present", "mode") | {"time": time}
                state["attendance"] = [*others, here]
            case "RankingTabled":
                tabled = pick(data, "item", "ranking", "seal", "seal_version", "digest") | {"time": time}
                state["tabled"].append(tabled)
            case "MotionOpened":
                motion = pick(data, "motion", "item", "kind", "seal", "advancing", "eliminated")
                state["motions"].append(motion | {"opened": time, "votes": [], "decision": None, "announced": None})
            case "VoteCast":
                vote = pick(data, "person", "office", "vote") | {"time": time}
                _motion(state, data)["votes"].append(vote)
            case "PlenaryDecided":
                decision = pick(data, "outcome", "tally", "quorum", "digest", "rulebook_version", "results")
                _motion(state, data)["decision"] = decision | {"time": time}
            case "RankingAnnounced":
                _motion(state, data)["announced"] = time
            case "PlenaryAdjourned":
                state["adjourned"] = time
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the meeting's row."""
        return ((group, group, state["season"], state["province"], moment(state["scheduled"]), text_of(state)),)


def _motion(state: Json, data: Json) -> Json:
    motion: Json = state["motions"][data["motion"] - 1]
    return motion
