"""Specs of when a meeting may be held, and that it does nothing on an item while too few may decide it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from kernel.decider import Emit
from schemas.nomination import MotionOpened, PlenaryDecided, RulebookAmended, VoteCast
from schemas.rulebook import rulebook_content, rulebook_hash
from services.nomination.domain.plenary import Actor, earliest_day
from services.nomination.domain.season import season_stream
from tests.unit.nomination.assembly import MEMBER, at_noon, convened, gathered, seated, with_body
from tests.unit.nomination.scene import (
    CHAIR,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    accepted,
    person,
    refused,
)

NOTICE = with_body(notice_days=3)


# --- notice --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "earliest"), [(0, date(2021, 3, 1)), (1, date(2021, 3, 3)), (3, date(2021, 3, 5))])
def test_whole_days_of_notice_lie_between_and_neither_end_counts(days, earliest):
    assert earliest_day(days, at_noon(1), "Asia/Makassar") == earliest


def test_the_days_are_counted_as_the_law_on_companies_counts_them():
    called = datetime.fromisoformat("2024-06-03T10:00:00+07:00")
    assert earliest_day(14, called, "Asia/Jakarta") == date(2024, 6, 18)


def test_the_days_are_the_places_own():
    late_in_jakarta = datetime.fromisoformat("2021-03-01T23:30:00+07:00")  # 2 March, 00.30 WITA
    assert earliest_day(3, late_in_jakarta, "Asia/Jakarta") == date(2021, 3, 5)
    assert earliest_day(3, late_in_jakarta, "Asia/Makassar") == date(2021, 3, 6)


def test_a_meeting_takes_the_notice_of_its_body():
    scene = seated(NOTICE)
    scene.clock = at_noon(1)
    last_second = datetime.fromisoformat("2021-03-04T23:59:59+08:00")
    refusal = refused(scene.convene(scheduled=last_second), "notice-too-short", "scheduled")
    assert "2021-03-05" in refusal.faults[0].remedy.en
    assert "2021-03-05" in refusal.faults[0].remedy.id
    assert "2021-03-04 23:59:59 WITA" in refusal.detail.en
    accepted(scene.convene(scheduled=last_second + timedelta(seconds=1)))


def test_a_body_without_notice_meets_at_once():
    scene = seated()
    accepted(scene.convene(scheduled=scene.clock - timedelta(days=1)))


def test_nothing_happens_before_the_hour_that_notice_was_given_of():
    scene = seated(NOTICE)
    ids = scene.nominated(*REGENCIES[:2])
    scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.given(scene.convene(scheduled=at_noon(10)))
    scene.clock = at_noon(10) - timedelta(seconds=60)
    for decision in (scene.attend(MEMBER), scene.table(), scene.move(), scene.vote(MEMBER), scene.decide()):
        refusal = refused(decision, "plenary-not-begun", "plenary")
        assert "2021-03-10 12:00:00 WITA" in refusal.detail.id
    scene.clock = at_noon(10)
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())


def test_a_meeting_that_does_not_take_place_is_adjourned_before_its_hour():
    scene = seated(NOTICE)
    scene.given(scene.convene(scheduled=at_noon(10)))
    accepted(scene.adjourn())


# --- quorum --------------------------------------------------------------------------------------------------------


def test_a_motion_is_opened_with_a_quorum_only():
    scene, _ = convened(1)
    scene.all_attend(VOTING_OFFICES[:5])
    scene.given(scene.table())
    refusal = refused(scene.move(), "no-quorum", "item")
    assert "5 of 9" in refusal.detail.en
    assert "takes 6" in refusal.detail.en
    scene.all_attend(VOTING_OFFICES[5:6])
    (event,) = scene.given(scene.move())
    assert isinstance(event, MotionOpened)


def test_when_members_leave_the_item_stops_and_their_return_restores_it():
    scene, _ = gathered(1)
    scene.given(scene.move())
    scene.leave(VOTING_OFFICES[1:4])
    refusal = refused(scene.vote(MEMBER), "no-quorum", "motion")
    assert "5 of 9" in refusal.detail.id.replace("dari", "of")
    refused(scene.decide(), "no-quorum", "motion")
    scene.given(scene.attend(person(VOTING_OFFICES[1])))
    (event,) = scene.given(scene.vote(MEMBER))
    assert isinstance(event, VoteCast)
    (decided,) = scene.given(scene.decide())
    assert isinstance(decided, PlenaryDecided)
    assert decided.quorum.present == 6


def test_a_removal_in_mid_meeting_stops_the_item_until_another_sits_there():
    scene, _ = gathered(1)
    scene.given(scene.move())
    scene.leave(VOTING_OFFICES[1:3])
    scene.given(scene.remove(person(VOTING_OFFICES[3])))
    refused(scene.vote(MEMBER), "no-quorum", "motion")
    scene.given(scene.appoint(VOTING_OFFICES[3], person("successor")))
    scene.given(scene.attend(person("successor")))
    accepted(scene.vote(MEMBER))


def test_a_conflict_declared_in_mid_meeting_stops_its_item_only():
    scene, ids = gathered(1)
    scene.given(scene.move())
    scene.leave(VOTING_OFFICES[1:3])
    scene.given(scene.declare(person(VOTING_OFFICES[3]), ids[0]))
    refused(scene.vote(MEMBER), "no-quorum", "motion")
    refused(scene.decide(), "no-quorum", "motion")


def test_a_tie_and_a_late_nomination_take_their_own_quorum():
    scene, ids = gathered(1, 2, 2)
    for office in VOTING_OFFICES[1:4]:
        scene.given(scene.declare(person(office), ids[0]))
    # Recused on the first nominee only: the tie of the other two is not about it.
    accepted(scene.tie(2, (ids[1], ids[2])))
    scene.given(scene.declare(person(VOTING_OFFICES[1]), ids[1]))
    scene.given(scene.declare(person(VOTING_OFFICES[2]), ids[1]))
    scene.given(scene.declare(person(VOTING_OFFICES[3]), ids[2]))
    refused(scene.tie(2, (ids[1], ids[2])), "no-quorum", "item")


def test_the_quorum_is_that_of_the_rules_which_the_seal_was_made_under():
    scene, _ = gathered(1)
    scene.given(scene.move())
    stricter = with_body(quorum={"count": 9, "assumed": True})
    amended = RulebookAmended(
        season="2020",
        version=2,
        hash=rulebook_hash(stricter),
        content=rulebook_content(stricter),
        reason_digest=REASON,
    )
    scene.record([Emit(season_stream("2020"), amended)])
    accepted(scene.vote(MEMBER))
    accepted(scene.decide())


def test_adjourning_takes_no_quorum():
    scene, _ = convened(1)
    accepted(scene.adjourn(Actor(CHAIR)))
    accepted(scene.adjourn(SECRETARY))
