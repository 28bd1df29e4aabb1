"""Meetings with their whole record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    AppealMotionOpened,
    AttendanceRecorded,
    BallotConfirmed,
    BallotTallied,
    MinutesCorrected,
    MotionOpened,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    RankingAnnounced,
    RankingTabled,
    TieMotionOpened,
    VoteCast,
)
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of

_KINDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "MotionOpened": ("propose", ("seal", "advancing", "eliminated")),
    "TieMotionOpened": ("break-tie", ("seal", "rank", "order", "method", "seed")),
    "AdmissionMotionOpened": ("admit-late", ("nomination",)),
    "AppealMotionOpened": ("decide-appeal", ("seal", "appeal", "nomination", "verdict", "affected")),
}
"""The kind of question that each opening puts, and what it says of it."""


class Plenaries:
    """Meetings with their whole record, one group each."""

    name = "plenaries"
    table = Table("plenaries", ("grp", "id", "season", "province", "scheduled", "body"))
    types = types_of(
        PlenaryConvened,
        AttendanceRecorded,
        RankingTabled,
        MotionOpened,
        TieMotionOpened,
        AdmissionMotionOpened,
        AppealMotionOpened,
        VoteCast,
        BallotTallied,
        BallotConfirmed,
        PlenaryDecided,
        AdmissionDecided,
        MinutesCorrected,
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
        data, time, happened = event.data, event.attributes["time"], name_of(event)
        match happened:
            case "PlenaryConvened":
                state |= pick(data, "plenary", "season", "tier", "province", "body", "scheduled", "agenda")
                state |= {"convened": time, "attendance": [], "comings": [], "tabled": [], "motions": []}
                state |= {"corrigenda": [], "adjourned": None}
            case "AttendanceRecorded":
                others = [each for each in state["attendance"] if each["person"] != data["person"]]
                here = pick(data, "person", "office", "seat", "present", "mode") | {"time": time}
                state["attendance"] = [*others, here]
                state["comings"].append(here)
            case "RankingTabled":
                tabled = pick(data, "item", "ranking", "seal", "seal_version", "digest") | {"time": time}
                state["tabled"].append(tabled)
            case "MinutesCorrected":
                state["corrigenda"].append(pick(data, "number", "text_digest") | {"time": time})
            case "PlenaryAdjourned":
                state["adjourned"] = time
            case _ if happened in _KINDS:
                state["motions"].append(_opened(happened, data, time))
            case _:
                _take(_motion(state, data), happened, data, time)
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the meeting's row."""
        return ((group, group, state["season"], state["province"], moment(state["scheduled"]), text_of(state)),)


def _motion(state: Json, data: Json) -> Json:
    motion: Json = state["motions"][data["motion"] - 1]
    return motion


def _opened(happened: str, data: Json, time: str) -> Json:
    """Return a motion as it was opened."""
    kind, said = _KINDS[happened]
    motion = pick(data, "motion", "item", *said) | {"kind": kind, "ballot": data.get("ballot", "open")}
    return motion | {"opened": time, "votes": [], "counts": [], "decision": None, "announced": None}


def _take(motion: Json, happened: str, data: Json, time: str) -> None:
    """Take in what happens to a motion; a count on paper is confirmed until another one replaces it."""
    match happened:
        case "VoteCast":
            motion["votes"].append(pick(data, "person", "office", "vote") | {"time": time})
        case "BallotTallied":
            count = {"tally": data["tally"], "invalid": data.get("invalid", 0), "time": time, "confirmed": []}
            motion["counts"].append(count)
        case "BallotConfirmed":
            motion["counts"][-1]["confirmed"].append(pick(data, "person", "office") | {"time": time})
        case "PlenaryDecided" | "AdmissionDecided":
            decision = pick(data, "outcome", "tally", "quorum", "digest", "rulebook_version", "results")
            motion["decision"] = decision | {"time": time}
        case "RankingAnnounced":
            motion["announced"] = time
