"""Specs of what everybody may read of a season: its calendar, and who can be nominated in which category."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.rulebook import Rulebook
from services.nomination.domain.season import OpenSeason, Unopened, open_season
from services.nomination.projections.seasons import Seasons
from tests.unit.nomination.logged import recorded
from tests.unit.nomination.scene import accepted, rulebook


def shown(rules: Rulebook) -> dict[str, Any]:
    """Open a season under these rules and return its summary."""
    emits = accepted(open_season(OpenSeason(rules), Unopened()))
    seasons = Seasons()
    state = seasons.initial(rules.season)
    for event in recorded((emit.stream, emit.event) for emit in emits):
        state = seasons.fold(state, event, rules.season)
    ((*_, body),) = seasons.rows(rules.season, state)
    found: dict[str, Any] = orjson.loads(body)
    return found


def test_a_category_tells_whom_it_admits_by_kind_size_and_sector():
    categories = {one["code"]: one for one in shown(rulebook(2025))["categories"]}
    assert categories["DESA"] == {
        "code": "DESA",
        "title": {"id": "Desa", "en": "Village"},
        "admits": ["village"],
        "size_classes": None,
        "sectors": None,
    }
    trade = categories["PERDAGANGAN-JASA"]
    assert (trade["admits"], trade["size_classes"]) == (["employer"], ["large", "medium"])
    assert trade["sectors"] == [
        {"code": "perdagangan", "title": {"id": "Perdagangan", "en": "Trade"}},
        {"code": "jasa", "title": {"id": "Jasa", "en": "Services"}},
    ]


def test_the_seasons_own_kinds_are_told_with_the_form_of_their_codes():
    assert shown(rulebook(2025))["kinds"] == [
        {"code": "village", "title": {"id": "desa atau kelurahan", "en": "village"}, "number": "##.##.##.####"}
    ]
    assert shown(rulebook())["kinds"] == []
