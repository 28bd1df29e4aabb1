"""Specs of plenaries: who may do what in a meeting, what it may rest on, and what its decision leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    AttendanceRecorded,
    MotionOpened,
    NominationEliminated,
    PlenaryAdjourned,
    PlenaryConvened,
    PlenaryDecided,
    PrizeAwarded,
    RankingTabled,
    StageAdvanced,
    VoteCast,
    WinnerDeclared,
)
from schemas.scoring import Basis, Unrankable
from services.nomination.api.plenaries import left_open
from services.nomination.domain.announcing import Announce, announce
from services.nomination.domain.committee import LiftConflict, lift_conflict
from services.nomination.domain.deciding import (
    AskProposal,
    DecideMotion,
    OpenMotion,
    TableRanking,
    decide_motion,
    open_motion,
    table_ranking,
)
from services.nomination.domain.nomination import Nomination
from services.nomination.domain.plenary import (
    Actor,
    Adjourn,
    NotConvened,
    Plenary,
    RecordAttendance,
    adjourn,
    record_attendance,
)
from services.nomination.domain.season import Unopened
from services.nomination.domain.voting import CastVote, cast_vote
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    GORONTALO,
    ITEM,
    LATER,
    PLENARY_ID,
    REASON,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    Scene,
    accepted,
    carried,
    convened,
    moved,
    opened,
    person,
    refused,
    rulebook,
    seated,
    with_quota,
)

MEMBER = person("ketua-spsi")
STRANGER = Actor(person("stranger"))
JURY_ITEM = AgendaItem(category="KABKOTA", stage="wawancara")
FINAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="wawancara")


# --- convening -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [SECRETARY, Actor(CHAIR)])
def test_the_secretary_or_the_chair_convenes(actor):
    scene = seated()
    (event,) = scene.given(scene.convene(actor))
    assert isinstance(event, PlenaryConvened)
    assert (event.tier, event.province, event.body, event.agenda) == ("provincial", "75", BODY, (ITEM,))


def test_a_seated_clerk_convenes_too():
    scene = seated()
    scene.given(scene.appoint("sekretaris-panitia", person("clerk")))
    accepted(scene.convene(Actor(person("clerk"))))


@pytest.mark.parametrize("actor", [STRANGER, Actor(MEMBER)])
def test_nobody_else_convenes(actor):
    refused(seated().convene(actor), "not-in-office", "actor")


def test_no_plenary_without_a_season():
    refused(Scene().convene(), "season-unknown", "season")


def test_no_plenary_of_a_body_that_is_not_formed():
    refused(opened().convene(), "committee-unknown", "body")


def test_an_agenda_names_an_item_once():
    refused(seated().convene(agenda=(ITEM, ITEM)), "agenda-repeated", "agenda[1]")


def test_an_agenda_names_stages_of_the_rulebook():
    item = AgendaItem(category="UMKM", stage="wawancara")
    refused(seated().convene(agenda=(ITEM, item)), "stage-unknown", "agenda[1]")


def test_an_agenda_names_stages_that_the_body_decides():
    scene = seated()
    scene.given(scene.form("dewan-juri", "00"))
    item = AgendaItem(category="KABKOTA", stage="verifikasi")
    decision = scene.convene(province="00", body="dewan-juri", agenda=(item,))
    refused(decision, "stage-of-another-body", "agenda[0]")


def test_the_same_meeting_is_not_convened_twice():
    scene, _ = convened(1)
    other, beside = person("another plenary"), [PLENARY_ID, person("no plenary")]
    refusal = refused(scene.convene(plenary=other, beside=beside), "convened-already", "scheduled")
    assert PLENARY_ID in refusal.faults[0].remedy.en
    accepted(scene.convene(plenary=other, beside=beside, scheduled=LATER + timedelta(hours=1)))
    besar = AgendaItem(category="BESAR", stage="seleksi")
    accepted(scene.convene(plenary=other, beside=beside, agenda=(ITEM, besar)))
    scene.given(scene.adjourn())
    accepted(scene.convene(plenary=other, beside=beside))


# --- attendance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [Actor(MEMBER), SECRETARY])
def test_a_members_attendance_is_recorded_by_the_member_or_the_secretary(actor):
    scene, _ = convened(1)
    (event,) = scene.given(scene.attend(MEMBER, actor))
    assert isinstance(event, AttendanceRecorded)
    assert (event.office, event.seat, event.present) == ("ketua-spsi", 1, True)


def test_who_left_is_no_longer_present():
    scene, _ = convened(1)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.attend(MEMBER, present=False))
    plenary = scene.plenary()
    assert isinstance(plenary, Plenary)
    assert plenary.present == frozenset()


def test_the_same_attendance_again_changes_nothing():
    scene, _ = convened(1)
    scene.given(scene.attend(MEMBER))
    assert accepted(scene.attend(MEMBER)) == ()


def test_another_mode_corrects_how_a_member_attends():
    scene, _ = convened(1)
    scene.given(scene.attend(MEMBER, mode="remote"))
    assert accepted(scene.attend(MEMBER, mode="remote")) == ()
    assert accepted(scene.attend(MEMBER)) == (), "a mode that is left out is as it was"
    (event,) = scene.given(scene.attend(MEMBER, SECRETARY, mode="in-person"))
    assert isinstance(event, AttendanceRecorded)
    assert (event.present, event.mode) == (True, "in-person")
    plenary = scene.plenary()
    assert isinstance(plenary, Plenary)
    assert plenary.present == {MEMBER}


def test_of_who_is_not_there_no_mode_is_corrected():
    scene, _ = convened(1)
    assert accepted(scene.attend(MEMBER, present=False, mode="remote")) == ()


def test_a_member_does_not_record_anothers_attendance():
    scene, _ = convened(1)
    refused(scene.attend(MEMBER, Actor(CHAIR)), "not-for-another", "person")


def test_only_seated_members_attend():
    scene, _ = convened(1)
    refused(scene.attend(person("stranger"), SECRETARY), "person-not-seated", "person")


def test_a_clerk_holds_no_voting_seat():
    scene, _ = convened(1)
    scene.given(scene.appoint("sekretaris-panitia", person("clerk")))
    refusal = refused(scene.attend(person("clerk"), SECRETARY), "office-has-no-vote", "person")
    assert "sekretaris-panitia" in refusal.detail.en


def test_a_clerk_is_told_that_the_office_has_no_vote():
    scene, _ = moved(1)
    scene.given(scene.appoint("sekretaris-panitia", person("clerk")))
    refused(scene.vote(person("clerk")), "office-has-no-vote", "actor")


# --- tabling -------------------------------------------------------------------------------------------------------


def test_the_secretary_tables_the_current_seal():
    scene, _ = convened(1, 2)
    scene.given(scene.attend(MEMBER))
    (event,) = scene.given(scene.table())
    assert isinstance(event, RankingTabled)
    seal = scene.ranking().current
    assert seal is not None
    assert (event.ranking, event.seal, event.digest) == (AT.ranking, seal.id, seal.said.digest)


def test_a_cited_seal_and_digest_must_be_its_own():
    scene, _ = convened(1, 2)
    scene.given(scene.attend(MEMBER))
    seal = scene.ranking().current
    assert seal is not None
    accepted(scene.table(seal=seal.id, digest=seal.said.digest))
    refused(scene.table(digest="0" * 64), "seal-digest-wrong", "digest")
    refused(scene.table(seal=person("nothing")), "seal-unknown", "seal")


def test_the_chair_does_not_table():
    scene, _ = convened(1)
    refused(scene.table(Actor(CHAIR)), "not-in-office", "actor")


def test_only_items_of_the_agenda_are_tabled():
    scene, _ = convened(1)
    item = AgendaItem(category="BESAR", stage="seleksi")
    refused(scene.table(item=item), "item-not-on-agenda", "item")


def test_an_unsealed_ranking_cannot_be_tabled():
    scene = seated()
    scene.given(scene.convene())
    refused(scene.table(), "ranking-unsealed", "item")


def test_a_superseded_seal_cannot_be_tabled():
    scene, ids = convened(1)
    scene.given(scene.attend(MEMBER))
    first = scene.ranking().current
    assert first is not None
    scene.supersede(first.id)
    refused(scene.table(), "ranking-unsealed", "item")
    scene.seal([(ids[0], 1)])
    refused(scene.table(seal=first.id), "seal-superseded", "seal")
    accepted(scene.table())


def test_a_seal_whose_standings_do_not_have_its_digest_cannot_be_tabled():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    scene.seal([(nomination, 1)], digest="0" * 64)
    scene.given(scene.convene())
    refused(scene.table(), "seal-digest-wrong", "digest")


def test_a_seal_under_other_rules_cannot_be_tabled():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    scene.seal([(nomination, 1)], rulebook_hash="0" * 64)
    scene.given(scene.convene())
    refused(scene.table(), "seal-under-other-rules", "seal")


def test_a_stale_seal_cannot_be_tabled():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    scene.seal([(nomination, 1)], basis=Basis(nominations=(), streams=scene.basis().streams))
    scene.given(scene.convene())
    refusal = refused(scene.table(), "seal-stale", "seal")
    assert nomination in refusal.detail.en


def test_a_ranking_is_tabled_before_somebody():
    scene, _ = convened(1)
    refused(scene.table(), "nobody-present", "plenary")
    scene.given(scene.attend(MEMBER))
    scene.given(scene.remove(MEMBER))
    refused(scene.table(), "nobody-present", "plenary")
    scene.given(scene.attend(person(VOTING_OFFICES[0])))
    accepted(scene.table())


def test_a_seal_is_tabled_once():
    scene, _ = convened(1)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.table())
    refused(scene.table(), "seal-tabled-already", "seal")


# --- motions -------------------------------------------------------------------------------------------------------


def proposed(scene: Scene, **also: Any) -> MotionOpened:
    scene.all_attend()
    scene.given(scene.table())
    (emit,) = accepted(scene.move(**also))
    assert isinstance(emit.event, MotionOpened)
    return emit.event


@pytest.mark.parametrize("actor", [SECRETARY, Actor(CHAIR)])
def test_a_motion_proposes_ranks_one_to_the_quota_in_order(actor):
    scene, ids = convened(2, 1, 3, 4)
    motion = proposed(scene, actor=actor)
    assert motion.advancing == (ids[1], ids[0])
    assert motion.eliminated == (ids[2], ids[3])


def test_the_unrankable_leave_and_are_never_last():
    scene, ids = convened(1, unrankable=2)
    motion = proposed(scene)
    assert (motion.advancing, motion.eliminated) == ((ids[0],), (ids[1], ids[2]))


def test_shared_ranks_that_fit_advance_together():
    scene, ids = convened(1, 1, 3)
    assert proposed(scene).advancing == (ids[0], ids[1])


def test_a_tie_at_the_cut_must_be_broken_first():
    scene, _ = convened(1, 2, 2)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.table())
    refused(scene.move(), "tie-at-the-cut", "item")


def test_a_tie_for_the_first_rank_is_at_the_cut_when_it_fills_more_than_the_quota():
    scene, _ = convened(1, 1, 1)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.table())
    refused(scene.move(), "tie-at-the-cut", "item")


def test_an_empty_ranking_is_nothing_to_decide_on():
    scene, _ = convened()
    scene.all_attend()
    scene.given(scene.table())
    refused(scene.move(), "nobody-to-decide-on", "item")


def test_when_all_have_withdrawn_there_is_nothing_to_decide():
    scene, ids = convened(1)
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.withdraw(ids[0]))
    refused(scene.move(), "nobody-to-decide-on", "item")


def test_who_withdrew_after_the_seal_leaves_the_seat_empty_and_nobody_moves_up():
    scene, ids = convened(1, 2, 3, 4)
    scene.given(scene.withdraw(ids[0]))
    motion = proposed(scene)
    assert (motion.advancing, motion.eliminated) == ((ids[1],), (ids[2], ids[3]))


def test_who_withdrew_does_not_count_in_a_tie():
    scene, ids = convened(1, 2, 2)
    scene.given(scene.withdraw(ids[2]))
    assert proposed(scene).advancing == (ids[0], ids[1])


def test_those_who_are_asked_to_advance_must_be_just_those():
    scene, ids = convened(1, 2, 3)
    scene.all_attend()
    scene.given(scene.table())
    for advancing in ((ids[0], ids[2]), (ids[1], ids[0]), tuple(ids)):
        refused(scene.move(asked=AskProposal(advancing)), "advancing-not-by-rank", "advancing")
    accepted(scene.move(asked=AskProposal((ids[0], ids[1]))))


def test_a_member_opens_no_motion():
    scene, _ = convened(1)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.table())
    refused(scene.move(Actor(MEMBER)), "not-in-office", "actor")


def test_no_motion_off_the_agenda():
    scene, _ = convened(1)
    refused(scene.move(item=JURY_ITEM), "item-not-on-agenda", "item")


def test_no_motion_before_its_ranking_is_tabled():
    scene, _ = convened(1)
    refused(scene.move(), "not-tabled", "item")


def test_no_second_motion_while_one_is_open():
    scene, _ = moved(1)
    refused(scene.move(), "motion-pending", "item")


def test_no_motion_on_a_decided_item():
    scene, _, _ = carried(1)
    refused(scene.move(), "item-decided", "item")


def test_a_lost_motion_may_be_put_again():
    scene, _ = moved(1)
    scene.all_vote(*[(office, "against") for office in VOTING_OFFICES])
    scene.given(scene.decide())
    (event,) = scene.given(scene.move())
    assert isinstance(event, MotionOpened)
    assert event.motion == 2


def test_no_motion_on_a_seal_that_was_superseded_meanwhile():
    scene, ids = convened(1)
    scene.given(scene.attend(MEMBER))
    scene.given(scene.table())
    seal = scene.ranking().current
    assert seal is not None
    scene.supersede(seal.id)
    scene.seal([(ids[0], 1)])
    refused(scene.move(), "seal-superseded", "seal")


def test_a_newly_tabled_seal_sets_an_open_motion_aside():
    scene, ids = moved(1)
    seal = scene.ranking().current
    assert seal is not None
    scene.supersede(seal.id)
    scene.seal([(ids[0], 1)])
    scene.given(scene.table())
    refused(scene.vote(MEMBER), "seal-superseded", "motion")
    refused(scene.decide(), "seal-superseded", "motion")
    accepted(scene.move())


def test_no_motion_on_nominations_that_another_plenary_decided():
    scene, _, _ = carried(1, 2)
    other = person("second plenary")
    scene.given(scene.convene(plenary=other))
    came = RecordAttendance(other, MEMBER, True, "in-person", Actor(MEMBER), LATER)
    scene.given(record_attendance(came, *scene.meeting(other)))
    meeting = scene.meeting(other)
    table = TableRanking(other, ITEM, SECRETARY, LATER)
    scene.given(table_ranking(table, *meeting, scene.evidence()))
    decision = open_motion(OpenMotion(other, ITEM, SECRETARY, LATER), *scene.meeting(other), scene.evidence())
    refused(decision, "stage-left", "item")


# --- votes ---------------------------------------------------------------------------------------------------------


def test_a_present_member_votes_openly():
    scene, _ = moved(1)
    (event,) = scene.given(scene.vote(MEMBER, "against"))
    assert isinstance(event, VoteCast)
    assert (event.office, event.vote) == ("ketua-spsi", "against")


def test_nobody_votes_twice():
    scene, _ = moved(1)
    scene.given(scene.vote(MEMBER))
    refused(scene.vote(MEMBER, "against"), "voted-already", "motion")


def test_who_holds_no_seat_does_not_vote():
    scene, _ = moved(1)
    refused(scene.vote(person("stranger")), "person-not-seated", "actor")


def test_the_absent_do_not_vote():
    scene, _ = moved(1)
    scene.given(scene.attend(MEMBER, present=False))
    refused(scene.vote(MEMBER), "not-present", "actor")


def test_who_is_recused_on_one_candidate_is_recused_on_the_motion():
    scene, ids = moved(1, 2, 3)
    scene.given(scene.declare(MEMBER, ids[2]))
    refused(scene.vote(MEMBER), "recused", "actor")


def test_who_is_recused_on_the_category_is_recused_on_the_motion():
    scene, _ = moved(1)
    scene.given(scene.declare(MEMBER))
    refused(scene.vote(MEMBER), "recused", "actor")


def test_an_interest_in_another_category_recuses_nobody_here():
    scene, _ = moved(1)
    scene.given(scene.declare(MEMBER, category="BESAR"))
    accepted(scene.vote(MEMBER))


def test_no_vote_on_an_unknown_motion():
    scene, _ = moved(1)
    refused(scene.vote(MEMBER, motion=2), "motion-unknown", "motion")


def test_no_vote_on_a_decided_motion():
    scene, _, _ = carried(1)
    refused(scene.vote(MEMBER), "motion-closed", "motion")


# --- decisions -----------------------------------------------------------------------------------------------------


def decided(scene: Scene) -> PlenaryDecided:
    event = accepted(scene.decide())[0].event
    assert isinstance(event, PlenaryDecided)
    return event


def test_a_carried_motion_moves_every_candidate_in_one_append():
    scene, ids = moved(1, 2, 3, unrankable=1)
    scene.all_vote()
    emits = accepted(scene.decide())
    decision, first, second, third, fourth = (emit.event for emit in emits)
    assert isinstance(decision, PlenaryDecided)
    assert decision.outcome == "carried"
    assert [(point.stream, point.version) for point in decision.results] == [
        (emit.stream, scene.version(emit.stream) + 1) for emit in emits[1:]
    ]
    assert isinstance(first, StageAdvanced)
    assert (first.nomination, first.rank, first.left) == (ids[0], 1, AT)
    assert (first.reached.tier, first.reached.province, first.reached.stage) == ("national", "00", "verifikasi")
    assert isinstance(second, StageAdvanced)
    assert (second.nomination, second.rank) == (ids[1], 2)
    assert isinstance(third, NominationEliminated)
    assert (third.nomination, third.rank, third.reason) == (ids[2], 3, "below-quota")
    assert isinstance(fourth, NominationEliminated)
    assert (fourth.nomination, fourth.rank, fourth.reason) == (ids[3], None, "unrankable")


def test_the_decision_moves_the_nominations():
    scene, ids, _ = carried(1, 2, 3)
    states = [scene.nomination(id_) for id_ in ids]
    assert all(isinstance(state, Nomination) for state in states)
    assert [(state.at.stage, state.competes) for state in states if isinstance(state, Nomination)] == [
        ("verifikasi", True),
        ("verifikasi", True),
        ("seleksi", False),
    ]


def test_a_lost_motion_moves_nobody():
    scene, _ = moved(1, 2)
    scene.all_vote(*[(office, "against") for office in VOTING_OFFICES])
    (emit,) = accepted(scene.decide())
    assert emit.event.outcome == "lost"
    assert emit.event.results == ()


def test_half_of_the_present_is_no_majority():
    scene, _ = moved(1)
    scene.all_vote(*[(office, "for") for office in VOTING_OFFICES[:4]])
    decision = decided(scene)
    assert (decision.outcome, decision.tally.votes_for) == ("lost", 4)
    scene.all_vote((VOTING_OFFICES[4], "for"))
    assert decided(scene).outcome == "carried"


@pytest.mark.parametrize(
    ("base", "votes_for", "outcome"),
    [("seats", 4, "lost"), ("seats", 5, "carried"), ("cast", 1, "carried"), ("present", 4, "lost")],
)
def test_the_majority_is_a_share_of_the_base_that_the_rulebook_names(base, votes_for, outcome):
    content = rulebook().model_dump(mode="json", exclude_none=True)
    content["bodies"][0]["majority"]["base"] = base
    scene, _ = moved(1, rules=type(rulebook()).from_content(content))
    scene.all_vote(*[(office, "for") for office in VOTING_OFFICES[:votes_for]])
    assert decided(scene).outcome == outcome


def test_the_quorum_is_counted_on_all_seats_with_the_vacant_one():
    scene, _ = moved(1)
    decision = decided(scene)
    assert (decision.quorum.seats, decision.quorum.required, decision.quorum.present) == (9, 6, 8)


def test_no_decision_without_a_quorum():
    scene, _ = moved(1)
    for office in VOTING_OFFICES[:3]:
        scene.given(scene.attend(person(office), present=False))
    refused(scene.decide(), "no-quorum", "motion")


def test_the_recused_do_not_fill_the_quorum():
    scene, ids = moved(1)
    for office in VOTING_OFFICES[1:3]:
        scene.given(scene.declare(person(office), ids[0]))
    assert decided(scene).quorum.present == 6
    scene.given(scene.declare(person(VOTING_OFFICES[3]), ids[0]))
    refused(scene.decide(), "no-quorum", "motion")


@pytest.mark.parametrize("out", ["recused", "removed"])
def test_a_vote_that_stands_no_more_voids_the_motion_and_is_not_just_taken_out_of_the_count(out):
    scene, ids = moved(1)
    scene.all_vote()
    scene.given(scene.declare(MEMBER, ids[0]) if out == "recused" else scene.remove(MEMBER))
    refused(scene.decide(), "voters-changed", "motion")
    scene.given(scene.move())
    others = [person(office) for office in VOTING_OFFICES if person(office) != MEMBER]
    for other in others:
        scene.given(scene.vote(other, motion=2))
    scene.given(scene.decide(motion=2))
    refused(scene.decide(), "voters-changed", "motion")


def test_nobody_votes_on_a_motion_whose_voters_changed():
    scene, ids = moved(1)
    scene.given(scene.vote(MEMBER))
    scene.given(scene.declare(MEMBER, ids[0]))
    refused(scene.vote(CHAIR), "voters-changed", "motion")
    lift = LiftConflict("2020", GORONTALO, BODY, MEMBER, MEMBER, ITEM.category, ids[0], REASON)
    scene.given(lift_conflict(lift, scene.season(), scene.committee(), {}))
    accepted(scene.vote(CHAIR))


def test_a_vote_stays_when_its_member_leaves_the_room():
    scene, _ = moved(1)
    scene.all_vote()
    scene.given(scene.attend(MEMBER, present=False))
    decision = decided(scene)
    assert (decision.tally.votes_for, decision.quorum.present) == (8, 7)


def test_only_an_office_that_advances_decides():
    scene, _ = moved(1)
    for actor in (SECRETARY, Actor(MEMBER), STRANGER):
        refused(scene.decide(actor), "not-in-office", "actor")


def test_a_motion_is_decided_once():
    scene, _, _ = carried(1)
    refused(scene.decide(), "motion-closed", "motion")


def test_an_unknown_motion_is_not_decided():
    scene, _ = convened(1)
    refused(scene.decide(), "motion-unknown", "motion")


def test_who_withdrew_after_the_motion_opened_is_passed_over():
    scene, ids = moved(1, 2, 3)
    scene.given(scene.withdraw(ids[0]))
    scene.all_vote()
    streams = [emit.stream for emit in accepted(scene.decide())[1:]]
    assert streams == [f"nomination/{ids[1]}", f"nomination/{ids[2]}"]


def test_no_decision_on_a_seal_that_was_ordered_anew():
    scene = seated()
    ids = scene.nominated(*REGENCIES[:2])
    scene.seal([(ids[0], 1), (ids[1], 2)])
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    seal = scene.ranking().current
    assert seal is not None
    scene.supersede(seal.id)
    refused(scene.decide(), "seal-superseded", "seal")


def test_no_decision_when_another_plenary_was_faster():
    scene, _ = moved(1, 2)
    scene.all_vote()
    twin = scene.streams.copy()
    scene.given(scene.decide())
    # The first meeting's record as it was before, beside nominations that have moved on.
    plenary = f"plenary/{PLENARY_ID}"
    scene.streams[plenary] = [happened for happened in twin[plenary] if not isinstance(happened.event, PlenaryDecided)]
    refused(scene.decide(), "stage-left", "item")


def test_a_sample_stays_a_sample():
    scene = seated()
    (event,) = scene.given(scene.nominate("75.71", sample=True))
    assert event.sample is True  # type: ignore[attr-defined]
    scene.seal([(event.nomination, 1)])  # type: ignore[attr-defined]
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    scene.given(scene.move())
    scene.all_vote()
    advanced = accepted(scene.decide())[1].event
    assert advanced.sample is True


# --- the end of a path ---------------------------------------------------------------------------------------------


def final() -> tuple[Scene, list[str]]:
    """Return a jury's plenary with a motion on four interviewed nominees, three of whom win."""
    scene = seated(with_quota(6))
    ids = scene.nominated(*REGENCIES[:4])
    scene.seal([(id_, rank) for rank, id_ in enumerate(ids, start=1)])
    _decide(scene, BODY, "75", ITEM, CHAIR)
    scene.given(scene.form("tim-verifikasi", "00"))
    _seat(scene, "tim-verifikasi", "ketua-tim", "verifikator")
    verified = AgendaItem(category="KABKOTA", stage="verifikasi")
    at = FINAL.model_copy(update={"stage": "verifikasi"})
    scene.find_in_order(ids, at)
    scene.seal([(id_, rank) for rank, id_ in enumerate(ids, start=1)], at=at)
    _decide(scene, "tim-verifikasi", "00", verified, person("ketua-tim 1"))
    scene.given(scene.form("dewan-juri", "00"))
    _seat(scene, "dewan-juri", "ketua-juri", "juri")
    scene.seal([(id_, rank) for rank, id_ in enumerate(reversed(ids), start=1)], at=FINAL)
    _prepare(scene, "dewan-juri", "00", JURY_ITEM)
    return scene, ids[::-1]


def _seat(scene: Scene, body: str, chair: str, member: str) -> None:
    scene.given(scene.appoint(chair, person(f"{chair} 1"), body=body, province="00"))
    for seat in range(1, 5):
        scene.given(scene.appoint(member, person(f"{member} {seat}"), seat, body, "00"))


def _prepare(scene: Scene, body: str, province: str, item: AgendaItem) -> None:
    """Convene anew under the one id that a scene's verbs use, and bring the item to a vote by everybody."""
    scene.streams.pop(f"plenary/{PLENARY_ID}", None)
    scene.given(scene.convene(body=body, province=province, agenda=(item,)))
    members = [*scene.committee(province).bodies[body].holders.values()]
    for member in members:
        scene.given(scene.attend(member))
    scene.given(scene.table(item=item))
    scene.given(scene.move(item=item))
    for member in members:
        scene.given(scene.vote(member))


def _decide(scene: Scene, body: str, province: str, item: AgendaItem, chair: str) -> None:
    """Decide and announce an item, and let the appeal window pass."""
    _prepare(scene, body, province, item)
    scene.given(scene.decide(Actor(chair)))
    scene.publish(Actor(chair), f"plenary of {body}")


JURY_CHAIR = Actor(person("ketua-juri 1"))


def test_at_the_end_of_the_path_ranks_within_the_quota_win():
    scene, ids = final()
    emits = accepted(scene.decide(JURY_CHAIR))
    decision, *winners, last = (emit.event for emit in emits if not isinstance(emit.event, PrizeAwarded))
    assert all(isinstance(event, WinnerDeclared) for event in winners)
    assert [(event.nomination, event.rank) for event in winners] == [(ids[0], 1), (ids[1], 2), (ids[2], 3)]
    assert isinstance(last, NominationEliminated)
    assert last.nomination == ids[3]
    assert [(point.stream, point.version) for point in decision.results[:3]] == [
        (FINAL.award, version) for version in (2, 3, 4)
    ]


def test_winners_are_declared_once():
    scene, _ = final()
    twin = list(scene.streams[f"plenary/{PLENARY_ID}"])
    scene.given(scene.decide(JURY_CHAIR))
    scene.streams[f"plenary/{PLENARY_ID}"] = twin
    refused(scene.decide(JURY_CHAIR), "winners-declared-already", "item")


def test_a_declared_winner_cannot_be_taken_back():
    scene, ids = final()
    scene.given(scene.decide(JURY_CHAIR))
    refused(scene.withdraw(ids[0]), "nomination-ended", "nomination")


# --- adjourning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [SECRETARY, Actor(CHAIR)])
def test_a_plenary_is_adjourned(actor):
    scene, _ = convened(1)
    (event,) = scene.given(scene.adjourn(actor))
    assert isinstance(event, PlenaryAdjourned)


def test_whoever_adjourns_with_an_open_motion_is_told_that_it_falls():
    scene, _ = moved(1)
    scene.given(scene.adjourn())
    told = left_open(scene.plenary())
    assert told["undecided"] == [{"motion": 1, "item": "KABKOTA/seleksi"}]
    assert "motion 1 (KABKOTA/seleksi)" in told["warning"]["en"]
    assert "usul 1 (KABKOTA/seleksi)" in told["warning"]["id"]


def test_whoever_adjourns_with_everything_decided_is_not_warned():
    scene, _ = convened(1)
    scene.given(scene.adjourn())
    assert left_open(scene.plenary()) == {"undecided": [], "warning": None}


def test_a_member_does_not_adjourn():
    scene, _ = convened(1)
    refused(scene.adjourn(Actor(MEMBER)), "not-in-office", "actor")


def test_nothing_happens_in_an_adjourned_plenary():
    scene, _ = moved(1)
    scene.given(scene.adjourn())
    for decision in (
        scene.adjourn(),
        scene.attend(MEMBER),
        scene.table(),
        scene.move(),
        scene.vote(MEMBER),
        scene.decide(),
    ):
        refused(decision, "plenary-adjourned", "plenary")


def test_nothing_happens_in_a_plenary_that_does_not_exist():
    scene = seated()
    nowhere = (NotConvened(), Unopened(), scene.committee())
    evidence = scene.evidence()
    for decision in (
        adjourn(Adjourn(PLENARY_ID, SECRETARY), *nowhere),
        record_attendance(RecordAttendance(PLENARY_ID, MEMBER, True, "remote", SECRETARY, LATER), *nowhere),
        table_ranking(TableRanking(PLENARY_ID, ITEM, SECRETARY, LATER), *nowhere, evidence),
        open_motion(OpenMotion(PLENARY_ID, ITEM, SECRETARY, LATER), *nowhere, evidence),
        cast_vote(CastVote(PLENARY_ID, 1, "for", SECRETARY, LATER), *nowhere, evidence.ranking, {}),
        decide_motion(DecideMotion(PLENARY_ID, 1, SECRETARY, LATER), *nowhere, evidence, scene.version),
        announce(Announce(PLENARY_ID, 1, SECRETARY, LATER), *nowhere, evidence),
    ):
        refused(decision, "plenary-unknown", "plenary")


def test_a_withdrawn_nominee_named_as_unrankable_makes_no_seal_stale():
    scene = seated()
    ids = scene.nominated(*REGENCIES[:2])
    scene.given(scene.withdraw(ids[1]))
    gone = Unrankable(nomination=ids[1], candidate="75.71", reason="withdrawn")
    basis = scene.basis().model_copy(update={"nominations": tuple(ids)})
    scene.seal([(ids[0], 1)], basis=basis, unrankable=(gone,))
    scene.given(scene.convene())
    scene.given(scene.attend(MEMBER))
    accepted(scene.table())
