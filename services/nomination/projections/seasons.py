"""Open seasons with their rules."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    RulebookAmended,
    RulebookPublished,
    SeasonOpened,
)
from services.nomination.projections.documents import Json, Row, name_of, pick, text_of, types_of


class Seasons:
    """Open seasons, one group each."""

    name = "seasons"
    table = Table("seasons", ("grp", "id", "rulebook", "body"))
    types = types_of(SeasonOpened, RulebookPublished, RulebookAmended)

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the season."""
        return (event.data["season"],)

    def initial(self, group: str) -> Json:
        """Return a season of which nothing is known."""
        return {"season": group, "versions": []}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in the opening, or a version of the rulebook."""
        if name_of(event) == "SeasonOpened":
            state["opened"] = event.attributes["time"]
            return state
        data = event.data
        shown = pick(data, "version", "hash") | {"published": event.attributes["time"]}
        state["versions"].append(shown)
        state.update(version=data["version"], hash=data["hash"], content=data["content"])
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the season's row, once its rules are known."""
        if "content" not in state:
            return ()
        content = state["content"]
        body = pick(state, "season", "opened", "version", "hash", "versions") | {
            "title": pick(content["title"], "id", "en"),
            "calendar": pick(content["calendar"], "zone", "opens", "nomination_closes", "closes"),
            "categories": [
                {"code": category["code"], "title": pick(category["title"], "id", "en"), "admits": category["admits"]}
                for category in content["categories"]
            ],
        }
        return ((group, state["season"], text_of(content), text_of(body)),)
