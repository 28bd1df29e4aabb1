"""Appeals, with what they hold, the verdicts that were put, and the ranking before and after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    AppealDecided,
    AppealLodged,
    AppealMotionOpened,
    CertificateRevoked,
    DecisionContested,
    StageFrozen,
    StageUnfrozen,
)
from services.nomination.projections.documents import Json, Row, moment, name_of, pick, text_of, types_of


class Appeals:
    """Appeals, one group each: every event about one names it."""

    name = "appeals"
    table = Table(
        "appeals",
        ("grp", "id", "season", "province", "category", "nomination", "appellant", "grounds", "lodged", "body"),
    )
    types = types_of(
        AppealLodged,
        DecisionContested,
        StageFrozen,
        StageUnfrozen,
        AppealMotionOpened,
        AppealDecided,
        CertificateRevoked,
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the appeal, also of what stands on the streams of awards and plenaries."""
        return (event.data["appeal"],)

    def initial(self, _group: str) -> Json:
        """Return an appeal of which nothing is known."""
        return {"holds": [], "motions": [], "revoked": []}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in the appeal, each hold, each verdict put, and the decision."""
        data, time = event.data, event.attributes["time"]
        match name_of(event):
            case "AppealLodged":
                state |= pick(data, "appeal", "nomination", "at", "plenary", "motion", "by", "capacity", "aspect")
                state |= {"grounds": data["reason_digest"], "lodged": time, "state": "open", "decision": None}
            case "DecisionContested":
                state["number"] = data["number"]
            case "StageFrozen":
                state["holds"].append({"award": event.stream, "stages": data["stages"], "since": time, "until": None})
            case "StageUnfrozen":
                for hold in state["holds"]:
                    hold["until"] = time if hold["award"] == event.stream else hold["until"]
            case "AppealMotionOpened":
                put = pick(data, "plenary", "motion", "verdict", "affected")
                state["motions"].append(put | {"opened": time})
            case "AppealDecided":
                decision = pick(data, "plenary", "motion", "seal", "verdict", "before", "after")
                state["state"] = data["verdict"]["outcome"]
                state["decision"] = decision | {"time": time, "comparison": _side_by_side(data)}
            case "CertificateRevoked":
                state["revoked"].append(pick(data, "certificate", "number", "nomination"))
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the appeal's row."""
        at = state["at"]
        place = (at["season"], at["province"], at["category"])
        who = (state["nomination"], state["by"], state["grounds"])
        return ((group, group, *place, *who, moment(state["lodged"]), text_of(state)),)


def _side_by_side(data: Json) -> list[Json]:
    """Return every nominee before and after an upheld appeal, with the figure now shown; none for a dismissed one."""
    shown: dict[str, Any] = {row["nomination"]: row["shown"] for row in data.get("standings", ())}
    return [
        {
            "nomination": shift["nomination"],
            "before": {"rank": shift.get("rank_before"), "total": shift.get("total_before")},
            "after": {
                "rank": shift.get("rank_after"),
                "total": shift.get("total_after"),
                "shown": shown.get(shift["nomination"]),
            },
            "change": shift["change"],
        }
        for shift in data.get("comparison", ())
    ]
