"""Seasons with their rules, their extensions, and whether they go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kernel.log import Recorded
from kernel.reactor import Table
from schemas.nomination import (
    DeadlineExtended,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
    SeasonFrozen,
    SeasonOpened,
    SeasonUnfrozen,
)
from services.nomination.projections.documents import Json, Row, name_of, pick, text_of, types_of

_STANDINGS: Final = {
    "SeasonOpened": "open",
    "SeasonFrozen": "frozen",
    "SeasonUnfrozen": "open",
    "SeasonClosed": "closed",
}


class Seasons:
    """Seasons, one group each."""

    name = "seasons"
    table = Table("seasons", ("grp", "id", "rulebook", "body"))
    types = types_of(
        SeasonOpened, RulebookPublished, RulebookAmended, DeadlineExtended, SeasonFrozen, SeasonUnfrozen, SeasonClosed
    )

    def groups(self, event: Recorded) -> Iterable[str]:
        """Return the season."""
        return (event.data["season"],)

    def initial(self, group: str) -> Json:
        """Return a season of which nothing is known."""
        return {"season": group, "versions": [], "extensions": [], "standing": "open"}

    def fold(self, state: Json, event: Recorded, _group: str) -> Json:
        """Take in a version of the rulebook, an extension, or how the season stands from then on."""
        happened, data, time = name_of(event), event.data, event.attributes["time"]
        match happened:
            case "SeasonOpened":
                state["opened"] = time
            case "RulebookPublished" | "RulebookAmended":
                state["versions"].append(pick(data, "version", "hash") | {"published": time})
                state.update(version=data["version"], hash=data["hash"], content=data["content"])
            case "DeadlineExtended":
                state["extensions"].append(pick(data, "window", "province", "until") | {"since": time})
        if happened in _STANDINGS:
            state["standing"] = _STANDINGS[happened]
        return state

    def rows(self, group: str, state: Json) -> Iterable[Row]:
        """Return the season's row, once its rules are known."""
        if "content" not in state:
            return ()
        content = state["content"]
        shown = ("season", "opened", "standing", "version", "hash", "versions", "extensions")
        body = pick(state, *shown) | {
            "title": pick(content["title"], "id", "en"),
            "calendar": pick(content["calendar"], "zone", "opens", "nomination_closes", "closes"),
            "kinds": [_titled(kind, "number") for kind in content.get("kinds") or ()],
            "categories": [_category(category) for category in content["categories"]],
        }
        return ((group, state["season"], text_of(content), text_of(body)),)


def _titled(said: Json, *also: str) -> Json:
    """Return a part of the rulebook by its code, its title in both languages, and what else is shown of it."""
    return pick(said, "code") | {"title": pick(said["title"], "id", "en")} | pick(said, *also)


def _category(category: Json) -> Json:
    """Return a category with the kinds, size classes and sectors of those whom it admits; null where it asks none."""
    sectors = category.get("sectors")
    return _titled(category, "admits") | {
        "size_classes": category.get("size_classes"),
        "sectors": None if sectors is None else [_titled(sector) for sector in sectors],
    }
