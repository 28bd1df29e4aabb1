"""Specs of verification and interviews: who finds what, until when it is mended, and that no two nominees meet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.decider import Emit, Refusal
from schemas.nomination import (
    InterviewScheduled,
    NominationEliminated,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
)
from schemas.scoring import ScoringExtended
from services.nomination.domain.committee import DeclareConflict, FormCommittee, declare_conflict, form_committee
from services.nomination.domain.interview import CALENDAR, calendar_stream
from services.nomination.domain.nomination import Nomination
from tests.unit.nomination.handling_scene import (
    CHECKED_AT,
    CONTACT_PERSON,
    HEARD_AT,
    HEARING,
    MINUTES,
    NATIONAL_SECRETARY,
    SECOND,
    SECRETARIAT,
    VERIFIER,
    VERIFYING,
    Handled,
    at_interview,
    at_verification,
    handled,
)
from tests.unit.nomination.scene import REASON, accepted, person, refused

# Seven days from 5 March 2021, to the last instant of the day in Jakarta (UTC+7).
DEADLINE = datetime(2021, 3, 12, 16, 59, 59, 999_999, tzinfo=UTC)
TICK = timedelta(microseconds=1)
LENGTH = timedelta(minutes=MINUTES)


def state_of(scene: Handled, id_: str) -> Nomination:
    state = scene.nomination(id_)
    assert isinstance(state, Nomination)
    return state


# --- verification --------------------------------------------------------------------------------------------------


def test_a_member_of_the_body_finds_a_nomination_in_order():
    scene, (id_,) = at_verification()
    assert not state_of(scene, id_).verified_at(VERIFYING)
    (event,) = scene.given(scene.verify(id_))
    assert isinstance(event, NominationVerified)
    assert (event.at, event.verifier, event.office) == (VERIFYING, VERIFIER, "verifikator")
    assert state_of(scene, id_).verified_at(VERIFYING)
    assert not state_of(scene, id_).verified_at(HEARING)


@pytest.mark.parametrize("find", ["verify", "send_back", "reject"])
def test_nobody_judges_after_the_bodys_term_until_it_is_renewed(find):
    scene, (id_,) = at_verification()
    last = datetime(2021, 12, 31, 16, 59, 59, 999_999, tzinfo=UTC)  # in Jakarta, whose time is the nation's
    refused(getattr(scene, find)(id_, received=last + TICK), "outside-term", "nomination")
    accepted(getattr(scene, find)(id_, received=last))
    renewal = FormCommittee("2020", "00", "tim-verifikasi", "SK 2/2022", date(2022, 1, 1), date(2022, 6, 30))
    scene.given(form_committee(renewal, scene.season(), scene.committee("00")))
    accepted(getattr(scene, find)(id_, received=last + TICK))


def test_what_is_returned_is_mended_until_the_end_of_the_day_in_the_places_zone():
    scene, (id_,) = at_verification()
    (event,) = scene.given(scene.send_back(id_))
    assert isinstance(event, NominationReturned)
    assert event.until == DEADLINE
    assert not state_of(scene, id_).verified_at(VERIFYING)


def test_the_day_of_the_return_is_the_places_own():
    scene, (id_,) = at_verification()
    (event,) = scene.given(scene.send_back(id_, received=datetime(2021, 3, 5, 17, tzinfo=UTC)))
    assert isinstance(event, NominationReturned)
    assert event.until == DEADLINE + timedelta(days=1)


def test_who_was_eliminated_is_judged_and_mended_while_an_appeal_against_that_is_open():
    scene, (id_,) = at_verification()
    decided = {"plenary": person("plenary"), "motion": 9, "seal": person("seal")}
    out = NominationEliminated.model_validate(
        {"nomination": id_, "at": VERIFYING, "rank": 3, "reason": "below-quota", **decided}
    )
    scene.record([Emit(f"nomination/{id_}", out)])
    for asked in (scene.verify, scene.send_back, scene.attach):
        refused(asked(id_), "nomination-ended", "nomination")
    scene.given(scene.send_back(id_, contested=True))
    for mended in (scene.resubmit, scene.amend):
        refused(mended(id_), "nomination-ended", "nomination")
    scene.given(scene.amend(id_, contact=person("another contact"), contested=True))
    scene.given(scene.attach(id_, contested=True))
    scene.given(scene.resubmit(id_, contested=True))
    scene.given(scene.verify(id_, contested=True))
    state = state_of(scene, id_)
    assert (state.verified_at(VERIFYING), state.ending) == (True, "eliminated")
    # It is out already, so that there is nothing to reject.
    refused(scene.reject(id_), "nomination-ended", "nomination")


def test_an_appeal_brings_nobody_back_who_withdrew():
    scene, (id_,) = at_verification()
    scene.given(scene.withdraw(id_))
    refused(scene.verify(id_, contested=True), "nomination-ended", "nomination")


def test_what_came_back_mended_is_verified():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    (event,) = scene.given(scene.resubmit(id_, received=DEADLINE))
    assert isinstance(event, NominationResubmitted)
    scene.given(scene.verify(id_, SECOND))
    assert state_of(scene, id_).verified_at(VERIFYING)


def test_what_was_verified_can_be_returned_until_the_plenary_decides():
    scene, (id_,) = at_verification()
    scene.given(scene.verify(id_))
    scene.given(scene.send_back(id_))
    assert not state_of(scene, id_).verified_at(VERIFYING)
    scene.given(scene.resubmit(id_))
    scene.given(scene.verify(id_))
    scene.advanced(id_, HEARING)
    assert state_of(scene, id_).verified_at(VERIFYING)
    refused(scene.send_back(id_), "stage-without-verification", "nomination")


def test_a_rejection_ends_a_nomination():
    scene, (id_,) = at_verification()
    (event,) = scene.given(scene.reject(id_))
    assert isinstance(event, NominationRejected)
    state = state_of(scene, id_)
    assert (state.ending, state.competes, state.left_empty) == ("rejected", False, True)
    refusal = refused(scene.verify(id_), "nomination-ended", "nomination")
    assert "ditolak dalam verifikasi" in refusal.detail.id
    refused(scene.withdraw(id_), "nomination-ended", "nomination")


def test_nothing_is_verified_where_the_rulebook_has_no_verification():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    for decision in (scene.verify(id_), scene.send_back(id_), scene.reject(id_), scene.resubmit(id_)):
        refused(decision, "stage-without-verification", "nomination")


def test_who_has_no_voting_seat_in_the_body_verifies_nothing():
    scene, (id_,) = at_verification()
    refused(scene.verify(id_, person("stranger")), "person-not-seated", "actor")
    refused(scene.verify(id_, person("sekretaris-tim")), "office-has-no-vote", "actor")


def test_who_is_recused_on_a_nominee_does_not_judge_it():
    scene, (id_, other) = at_verification("75.71", "75.03")
    conflict = DeclareConflict(
        "2020", "00", "tim-verifikasi", VERIFIER, VERIFIER, "KABKOTA", id_, "family", REASON
    )  # fmt: skip
    scene.given(declare_conflict(conflict, scene.season(), scene.committee("00"), scene.nomination(id_)))
    for decision in (scene.verify(id_), scene.send_back(id_), scene.reject(id_)):
        refused(decision, "recused-on-nomination", "actor")
    accepted(scene.verify(other))
    accepted(scene.verify(id_, SECOND))


def test_nothing_is_verified_twice():
    scene, (id_,) = at_verification()
    scene.given(scene.verify(id_))
    refused(scene.verify(id_, SECOND), "verified-already", "nomination")


def test_what_was_returned_has_to_come_again_before_it_is_verified():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    refused(scene.verify(id_), "not-resubmitted", "nomination")
    refused(scene.verify(id_, received=DEADLINE + TICK), "not-resubmitted", "nomination")


def test_what_was_returned_is_not_returned_again_before_its_deadline():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    refused(scene.send_back(id_, SECOND, received=DEADLINE), "returned-already", "nomination")
    accepted(scene.send_back(id_, SECOND, received=DEADLINE + TICK))


def test_what_was_returned_is_rejected_after_its_deadline_only():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    refused(scene.reject(id_, received=DEADLINE), "rejected-too-early", "nomination")
    accepted(scene.reject(id_, received=DEADLINE + TICK))


def test_what_was_resubmitted_in_vain_is_rejected_at_once():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    scene.given(scene.resubmit(id_))
    accepted(scene.reject(id_))


def test_what_is_verified_is_not_handed_back_once_its_rank_is_known():
    scene, (id_,) = at_verification()
    accepted(scene.send_back(id_, sealed=True))
    scene.given(scene.verify(id_))
    refused(scene.send_back(id_, sealed=True), "verified-and-sealed", "nomination")
    accepted(scene.send_back(id_))


def test_what_is_verified_is_not_rejected():
    scene, (id_,) = at_verification()
    scene.given(scene.verify(id_))
    refused(scene.reject(id_), "verified-not-rejected", "nomination")


def test_only_what_was_returned_is_resubmitted():
    scene, (id_,) = at_verification()
    refused(scene.resubmit(id_), "not-returned", "nomination")
    scene.given(scene.send_back(id_))
    scene.given(scene.resubmit(id_))
    refused(scene.resubmit(id_), "not-returned", "nomination")


def test_nothing_is_resubmitted_after_the_deadline():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    refused(scene.resubmit(id_, received=DEADLINE + TICK), "mended-too-late", "nomination")


def test_only_the_nominating_body_resubmits():
    scene, (id_,) = at_verification()
    scene.given(scene.send_back(id_))
    refused(scene.resubmit(id_, handler=CONTACT_PERSON), "not-nominating-body", "nomination")
    assert SECRETARIAT.capacity(state_of(scene, id_)) == "secretariat"


def test_a_winner_is_verified_no_more():
    scene, (id_,) = at_verification()
    refused(scene.verify(id_, won=True), "nomination-ended", "nomination")


STEPS = st.lists(
    st.tuples(st.sampled_from(["verify", "send_back", "resubmit", "reject"]), st.integers(0, 20)), max_size=12
)


@settings(max_examples=60)
@given(STEPS)
def test_whatever_is_tried_in_whatever_order_verification_keeps_its_promises(steps):
    """No verdict while a nomination can be mended, none after a rejection, and verified is what was said last."""
    scene, (id_,) = at_verification()
    clock, until, last = CHECKED_AT, CHECKED_AT - TICK, None
    for what, days in steps:
        clock += timedelta(days=days)
        decision = getattr(scene, what)(id_, received=clock)
        if isinstance(decision, Refusal):
            continue
        assert last != "reject"
        if what in ("verify", "reject") and last == "send_back":
            assert what == "reject"
            assert clock > until
        (event,) = scene.given(decision)
        until, last = (event.until if isinstance(event, NominationReturned) else until), what
    state = state_of(scene, id_)
    assert state.verified_at(VERIFYING) is (last == "verify")
    assert state.competes is (last != "reject")


# --- interviews ----------------------------------------------------------------------------------------------------


def test_a_slot_is_as_long_as_the_rulebook_says_and_lies_in_the_bodys_calendar():
    scene, (id_,) = at_interview()
    (emit,) = accepted(scene.schedule(id_))
    assert emit.stream == "interview/2020/00/dewan-juri"
    event = emit.event
    assert isinstance(event, InterviewScheduled)
    assert (event.at, event.begins, event.ends) == (HEARING, HEARD_AT, HEARD_AT + LENGTH)


def test_a_later_slot_replaces_the_earlier_one():
    scene, (id_, other) = at_interview("75.71", "75.03")
    scene.given(scene.schedule(id_))
    scene.given(scene.schedule(id_, HEARD_AT + timedelta(minutes=10)))
    scene.given(scene.schedule(id_, HEARD_AT + timedelta(hours=3)))
    accepted(scene.schedule(other))


def test_the_same_slot_again_is_nothing_new():
    scene, (id_,) = at_interview()
    scene.given(scene.schedule(id_))
    assert scene.schedule(id_) == ()


@pytest.mark.parametrize("minutes", [-MINUTES + 1, 0, MINUTES - 1])
def test_two_nominees_of_a_body_never_meet(minutes):
    scene, (id_, other) = at_interview("75.71", "75.03")
    scene.given(scene.schedule(id_))
    refusal = refused(scene.schedule(other, HEARD_AT + timedelta(minutes=minutes)), "slot-taken", "begins")
    assert "Kota Gorontalo" in refusal.detail.id
    assert "2021-05-03 09:45:00 WIB" in refusal.faults[0].remedy.id


@pytest.mark.parametrize("minutes", [-MINUTES, MINUTES])
def test_one_may_begin_when_the_other_ends(minutes):
    scene, (id_, other) = at_interview("75.71", "75.03")
    scene.given(scene.schedule(id_))
    accepted(scene.schedule(other, HEARD_AT + timedelta(minutes=minutes)))


def test_who_has_left_frees_the_slot():
    scene, (id_, other) = at_interview("75.71", "75.03")
    scene.given(scene.schedule(id_))
    scene.given(scene.withdraw(id_))
    accepted(scene.schedule(other))


def test_only_the_secretary_of_the_place_gives_slots():
    scene, (id_,) = at_interview()
    refused(scene.schedule(id_, keeps=frozenset({"75"})), "not-in-office", "actor")
    accepted(scene.schedule(id_, keeps=None, person=NATIONAL_SECRETARY))


def test_where_nobody_is_interviewed_there_are_no_slots():
    scene, (id_,) = at_verification()
    refused(scene.schedule(id_), "stage-without-interview", "nomination")


def test_who_has_left_is_given_no_slot():
    scene, (id_,) = at_interview()
    scene.given(scene.withdraw(id_))
    refused(scene.schedule(id_), "nomination-ended", "nomination")


def test_a_slot_lies_ahead():
    scene, (id_,) = at_interview()
    refused(scene.schedule(id_, received=HEARD_AT + TICK), "slot-past", "begins")


# The stage is scored from 16 April to 31 May 2021, in Jakarta's time.
CLOSES = datetime(2021, 5, 31, 16, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    "begins", [datetime(2021, 4, 15, 16, 59, tzinfo=UTC), CLOSES - LENGTH + TICK, datetime(2021, 7, 1, tzinfo=UTC)]
)
def test_the_whole_slot_lies_in_the_stages_time(begins):
    scene, (id_,) = at_interview()
    decision = scene.schedule(id_, begins, received=datetime(2021, 4, 1, tzinfo=UTC))
    refused(decision, "slot-outside-window", "begins")


def test_an_extension_of_the_stage_extends_the_time_for_slots():
    scene, (id_,) = at_interview()
    until = CLOSES + timedelta(days=7)
    extended = ScoringExtended(at=HEARING, previous=CLOSES, until=until, reason_digest=REASON)
    scene.record([Emit(HEARING.ranking, extended)])
    accepted(scene.schedule(id_, until - LENGTH))
    refused(scene.schedule(id_, until), "slot-outside-window", "begins")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300)), max_size=15))
def test_no_order_of_slots_makes_two_nominees_meet(asked):
    scene, ids = at_interview("75.71", "75.03", "75.01")
    for who, minutes in asked:
        decision = scene.schedule(ids[who], HEARD_AT + timedelta(minutes=minutes))
        if not isinstance(decision, Refusal):
            scene.record(decision)
    slots = sorted(scene.fold(CALENDAR, calendar_stream(HEARING, "dewan-juri")).slots.values(), key=lambda s: s.begins)
    assert all(one.ends <= following.begins for one, following in pairwise(slots))
