"""Specs of announcements: by whom, of what, once, and until when a result can be appealed against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.nomination import RankingAnnounced
from services.nomination.domain.award import appeals_until, standing_at
from services.nomination.domain.plenary import Actor
from tests.unit.nomination.scene import (
    AT,
    CHAIR,
    SECRETARY,
    carried,
    convened,
    moved,
    opened,
    person,
    refused,
    rulebook,
)
from tests.unit.nomination.test_plenaries import FINAL, JURY_CHAIR, final


def test_the_office_that_publishes_announces_a_carried_decision():
    scene, ids, _ = carried(1, 2, 3)
    (event,) = scene.given(scene.announce())
    assert isinstance(event, RankingAnnounced)
    assert event.at == AT
    assert [(line.nomination, line.rank, line.outcome) for line in event.lines] == [
        (ids[0], 1, "advanced"),
        (ids[1], 2, "advanced"),
        (ids[2], 3, "eliminated"),
    ]
    assert event.lines[1].candidate == "Kota Gorontalo"


def test_winners_are_announced_as_winners():
    scene, ids = final()
    scene.given(scene.decide(JURY_CHAIR))
    (event,) = scene.given(scene.announce(JURY_CHAIR))
    assert isinstance(event, RankingAnnounced)
    assert event.at == FINAL
    assert [line.outcome for line in event.lines] == ["winner", "winner", "winner", "eliminated"]
    assert [line.nomination for line in event.lines] == ids


def test_who_withdrew_is_not_announced():
    scene, ids = moved(1, 2, 3)
    scene.given(scene.withdraw(ids[0]))
    scene.all_vote()
    scene.given(scene.decide())
    (event,) = scene.given(scene.announce())
    assert isinstance(event, RankingAnnounced)
    assert [line.nomination for line in event.lines] == ids[1:]


def test_a_result_is_announced_after_the_meeting_too():
    scene, _, _ = carried(1)
    scene.given(scene.adjourn())
    scene.given(scene.announce())


@pytest.mark.parametrize("actor", [SECRETARY, Actor(person("ketua-spsi"))])
def test_nobody_else_announces(actor):
    scene, _, _ = carried(1)
    refused(scene.announce(actor), "not-in-office", "actor")


def test_an_open_motion_is_not_announced():
    scene, _ = moved(1)
    refused(scene.announce(), "motion-not-carried", "motion")


def test_an_unknown_motion_is_not_announced():
    scene, _ = convened(1)
    refused(scene.announce(Actor(CHAIR)), "motion-unknown", "motion")


def test_a_result_is_announced_once():
    scene, _, _ = carried(1)
    scene.given(scene.announce())
    refused(scene.announce(), "announced-already", "motion")


def test_the_appeal_window_counts_the_day_of_the_announcement_and_the_whole_last_one():
    # 00.30 WITA on 2 March; seven days end with the last second of 8 March, WITA.
    announced = datetime(2021, 3, 1, 16, 30, tzinfo=UTC)
    until = appeals_until(rulebook(), "75", announced)
    assert until == datetime(2021, 3, 8, 15, 59, 59, 999_999, tzinfo=UTC)
    # In Jakarta it is still 1 March.
    assert appeals_until(rulebook(), "00", announced) == datetime(2021, 3, 7, 16, 59, 59, 999_999, tzinfo=UTC)


def test_a_result_is_final_after_the_window_only():
    until = datetime(2021, 3, 8, 15, 59, 59, 999_999, tzinfo=UTC)
    assert standing_at(until, until) == "provisional"
    assert standing_at(until, until + timedelta(microseconds=1)) == "final"
    assert standing_at(None, until) == "provisional"


def test_a_decision_is_known_by_its_plenary_and_motion():
    scene, _, _ = carried(1)
    assert scene.award().announced == frozenset()
    scene.given(scene.announce())
    assert len(scene.award().announced) == 1
    assert opened().award().announced == frozenset()
