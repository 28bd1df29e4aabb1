"""What was announced."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    RankingAnnounced,
)
from services.nomination.projections.documents import Json, Row, moment, pick, text_of, types_of


class Results:
    """What was announced, one group per award stream."""

    name = "results"
    table = Table("results", ("grp", "id", "season", "announced", "appeals_until", "body"))
    types = types_of(RankingAnnounced)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the award's stream."""
        return (event.stream,)

    def initial(self, _group: str) -> Json:
        """Return an award of which nothing was announced."""
        return {}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in an announcement."""
        data = event.data
        shown = pick(data, "at", "plenary", "motion", "seal", "digest", "lines", "appeals_until")
        # A verdict is announced of the same seal anew: what was said of it before stands no longer.
        for earlier in state.values():
            if (earlier["at"], earlier["seal"]) == (data["at"], data["seal"]):
                earlier["replaced_by"] = pick(data, "plenary", "motion")
        state[event.id] = shown | {"announced": event.attributes["time"]}
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return one row per announcement."""
        for announcement, body in state.items():
            until = body.get("appeals_until")
            appeals = moment(until) if until else None
            yield group, announcement, body["at"]["season"], moment(body["announced"]), appeals, text_of(body)
