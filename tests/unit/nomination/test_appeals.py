"""Specs of appeals: who may contest which decision until when, and what waits for its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.decider import Happened
from schemas.envelope import Stage
from schemas.nomination import AppealLodged, DecisionContested, StageFrozen
from services.nomination.domain.appeal import Contested, LodgeAppeal, NotLodged, downstream, evolve, going_on, lodge
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.plenary import Actor
from services.nomination.domain.season import SEASON, ByTwo, Closed, Season, freeze_season, season_stream
from tests.unit.nomination.appealing import (
    APPEAL_ID,
    DESK,
    DISMISSED,
    JURY,
    OTHER_APPEAL,
    Hearing,
    contested,
    decided_on,
    ending_here,
    every,
    to,
    until,
    verdict_of,
)
from tests.unit.nomination.scene import (
    AT,
    CONTACT,
    GORONTALO,
    PLENARY_ID,
    REASON,
    Scene,
    accepted,
    changed,
    person,
    refused,
    rulebook,
)

SECRETARIAT = person("secretariat")
MICROSECOND = timedelta(microseconds=1)


# --- lodging -------------------------------------------------------------------------------------------------------


def test_the_contact_appeals_and_the_stages_downstream_are_frozen_in_the_same_append():
    scene, ids = decided_on(90, 80, 70)
    lodged, marked, frozen = scene.given(scene.lodge(ids[2], aspect="kinerja"))
    assert isinstance(lodged, AppealLodged)
    assert (lodged.appeal, lodged.nomination, lodged.at, lodged.by) == (APPEAL_ID, ids[2], AT, CONTACT)
    assert (lodged.plenary, lodged.motion, lodged.capacity, lodged.aspect) == (PLENARY_ID, 1, "contact", "kinerja")
    assert isinstance(marked, DecisionContested)
    assert (marked.nomination, marked.appeal, marked.number) == (ids[2], APPEAL_ID, 1)
    assert isinstance(frozen, StageFrozen)
    assert (frozen.at, frozen.stages, frozen.appeal) == (AT, (DESK, JURY), APPEAL_ID)
    assert scene.streams[DESK.award][-1].event == frozen
    assert scene.award(DESK).holding(JURY) == (APPEAL_ID,)
    assert scene.award().holding(AT) == ()


@pytest.mark.parametrize("scopes", [frozenset({GORONTALO}), None])
def test_the_secretariat_that_nominated_appeals(scopes):
    scene, ids = decided_on(90, 80, 70)
    lodged, *_ = scene.given(scene.lodge(ids[2], actor=SECRETARIAT, scopes=scopes))
    assert isinstance(lodged, AppealLodged)
    assert (lodged.by, lodged.capacity) == (SECRETARIAT, "nominating-body")


def test_who_advanced_may_appeal_too():
    scene, ids = decided_on(90, 80, 70)
    accepted(scene.lodge(ids[1]))


def test_a_stranger_does_not_appeal():
    scene, ids = decided_on(90, 80, 70)
    refused(scene.lodge(ids[2], actor=person("stranger")), "appeal-by-stranger", "actor")
    other_province = scene.lodge(ids[2], actor=SECRETARIAT, scopes=frozenset({"73"}))
    assert "75" in refused(other_province, "appeal-by-stranger", "actor").faults[0].remedy.en


def test_the_rulebook_says_in_which_capacity_one_appeals():
    content = rulebook().model_dump(mode="json", exclude_none=True)
    only_bodies = changed(rulebook(), appeals={**content["appeals"], "by": ["nominating-body"]})
    scene, ids = decided_on(90, 80, 70, rules=only_bodies)
    refused(scene.lodge(ids[2]), "appeal-not-in-this-capacity", "actor")
    # A contact who is of the secretariat too appeals for the body.
    lodged, *_ = scene.given(scene.lodge(ids[2], scopes=frozenset({GORONTALO})))
    assert isinstance(lodged, AppealLodged)
    assert lodged.capacity == "nominating-body"


def test_the_window_ends_with_its_last_instant():
    scene, ids = decided_on(90, 80, 70)
    accepted(scene.lodge(ids[2], received=until(scene)))
    late = scene.lodge(ids[2], received=until(scene) + MICROSECOND)
    refusal = refused(late, "appeal-window-closed", "motion")
    assert "23:59:59 WITA" in refusal.detail.en


def test_an_appeal_received_before_the_announcement_is_refused():
    scene, ids = decided_on(90, 80, 70)
    announced = scene.last(AT.award).time
    accepted(scene.lodge(ids[2], received=announced))
    refused(scene.lodge(ids[2], received=announced - MICROSECOND), "appeal-too-early", "motion")


def test_a_decision_that_is_not_announced_cannot_be_contested():
    scene, ids = decided_on(90, 80, 70, announced=False)
    refused(scene.lodge(ids[2]), "decision-unannounced", "motion")


def test_what_does_not_exist_cannot_be_contested():
    scene, ids = decided_on(90, 80, 70)
    refused(scene.lodge(person("nothing")), "nomination-unknown", "nomination")
    refused(scene.lodge(ids[2], plenary=person("nothing")), "plenary-unknown", "plenary")
    refused(scene.lodge(ids[2], motion=7), "motion-unknown", "motion")


def test_only_a_decision_that_disposed_of_the_nominee_is_contested():
    scene, _ = decided_on(90, 80, 70)
    own = scene.nominate(category="PROVINSI", candidate=CandidateAsked("province", "75"))
    (other,) = (event.nomination for event in scene.given(own))  # type: ignore[attr-defined]
    refused(scene.lodge(other), "decision-of-others", "nomination")


def test_who_withdrew_does_not_appeal():
    scene, ids = decided_on(90, 80, 70)
    scene.given(scene.withdraw(ids[1]))
    refused(scene.lodge(ids[1]), "appeal-after-withdrawal", "nomination")


def test_a_nominee_has_one_open_appeal_against_a_decision():
    scene, ids = contested(90, 80, 70)
    again = scene.lodge(ids[2], OTHER_APPEAL, actor=SECRETARIAT, scopes=None)
    assert APPEAL_ID in refused(again, "appealed-already", "nomination").faults[0].remedy.en
    accepted(scene.lodge(ids[1], OTHER_APPEAL))


def test_what_was_dismissed_is_not_lodged_again():
    scene, ids = contested(90, 80, 70)
    scene.judge(DISMISSED)
    refused(scene.lodge(ids[2], OTHER_APPEAL), "appeal-dismissed", "nomination")
    by_body = scene.lodge(ids[2], OTHER_APPEAL, actor=SECRETARIAT, scopes=None)
    refused(by_body, "appeal-dismissed", "nomination")
    _, marked, _ = scene.given(scene.lodge(ids[1], OTHER_APPEAL))
    assert isinstance(marked, DecisionContested)
    assert marked.number == 2


def test_a_citys_own_secretariat_appeals_for_it_and_for_no_other():
    own = frozenset({"75.71"})
    scene = Hearing()
    scene.open()
    scene.given(scene.form())
    scene.seat()
    (city,) = scene.given(scene.nominate("75.71", nominating_body="75.71", scopes=own))
    (regency,) = scene.nominated("75.03")
    scene.seal_marks({regency: 90, city.nomination: 80})  # type: ignore[attr-defined]
    scene.decide_and_announce()
    lodged, *_ = scene.given(scene.lodge(city.nomination, actor=SECRETARIAT, scopes=own))  # type: ignore[attr-defined]
    assert isinstance(lodged, AppealLodged)
    assert lodged.capacity == "nominating-body"
    refused(scene.lodge(regency, OTHER_APPEAL, actor=SECRETARIAT, scopes=own), "appeal-by-stranger", "actor")


def test_a_contested_aspect_counts_at_the_stage():
    scene, ids = decided_on(90, 80, 70)
    refusal = refused(scene.lodge(ids[2], aspect="wawancara"), "aspect-not-at-stage", "aspect")
    assert "kebijakan, peraturan, kinerja" in refusal.faults[0].remedy.en


def test_an_appeal_against_the_end_of_a_path_freezes_nothing():
    scene, ids = decided_on(90, 80, 70, rules=ending_here())
    assert every(scene.given(scene.lodge(ids[2])), StageFrozen) == []


def test_a_rulebook_may_freeze_nothing():
    content = rulebook().model_dump(mode="json", exclude_none=True)
    rules = changed(rulebook(), appeals={**content["appeals"], "freezes_downstream": False})
    scene, ids = decided_on(90, 80, 70, rules=rules)
    assert every(scene.given(scene.lodge(ids[2])), StageFrozen) == []


def test_downstream_of_a_national_stage_is_the_rest_of_the_path():
    assert downstream(rulebook(), AT) == (DESK, JURY)
    assert downstream(rulebook(), DESK) == (JURY,)
    assert downstream(rulebook(), JURY) == ()


def test_an_appeal_begins_with_its_lodging():
    scene, _ = contested(90, 80, 70)
    verdict = verdict_of(scene.judge(DISMISSED))
    with pytest.raises(TypeError, match="does not begin"):
        evolve(NotLodged(), Happened(verdict, APPEAL_ID, "appeal/x", 1, scene.clock))


def test_the_corrected_ranking_is_contested_by_those_whom_the_verdict_moved():
    scene, ids = contested(90, 80, 70)
    scene.judge(to(85))
    scene.given(scene.announce(motion=2))
    lodged, *_ = scene.given(scene.lodge(ids[1], OTHER_APPEAL, motion=2))
    assert isinstance(lodged, AppealLodged)
    refused(scene.lodge(ids[0], person("third appeal"), motion=2), "decision-of-others", "nomination")


# --- what is held --------------------------------------------------------------------------------------------------


def held(at: Stage) -> Hearing:
    """Return a scene about to decide on a stage that an appeal elsewhere holds."""
    scene, _ = decided_on(90, 80, announced=False)
    scene.record_one(at.award, StageFrozen(at=AT, stages=(at,), appeal=APPEAL_ID))
    return scene


def test_nothing_is_moved_decided_or_announced_at_a_held_stage():
    scene: Scene = Hearing()
    scene.open()
    scene.given(scene.form())
    scene.seat()
    (nomination,) = scene.nominated("75.71")
    scene.seal([(nomination, 1)])
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    assert isinstance(scene, Hearing)
    opened = scene.move()
    scene.record_one(AT.award, StageFrozen(at=AT, stages=(AT,), appeal=APPEAL_ID))
    refused(scene.move(), "stage-frozen", "item")
    scene.given(opened)
    scene.all_vote()
    refused(scene.decide(), "stage-frozen", "item")
    refused(held(AT).announce(), "stage-frozen", "item")


def test_a_stage_is_held_until_the_last_appeal_is_decided():
    scene, ids = contested(90, 80, 70, 60)
    scene.given(scene.lodge(ids[2], OTHER_APPEAL))
    scene.judge(DISMISSED)
    assert scene.award(DESK).holding(DESK) == (OTHER_APPEAL,)
    scene.judge(DISMISSED, OTHER_APPEAL)
    assert scene.award(DESK).holding(DESK) == ()


def test_an_appeal_against_a_held_stage_waits():
    scene, _ = contested(90, 80, 70)
    scene.record_one(AT.award, StageFrozen(at=AT, stages=(AT,), appeal=OTHER_APPEAL))
    refused(scene.put(DISMISSED), "stage-frozen", "item")


def test_who_puts_a_verdict_is_the_chair_or_the_secretary():
    scene, _ = contested(90, 80, 70)
    refused(scene.put(DISMISSED, actor=Actor(person("ketua-spsi"))), "not-in-office", "actor")


def test_a_freeze_keeps_nobody_from_appealing_and_a_closed_season_takes_no_appeal():
    scene, ids = decided_on(90, 80, 70)
    administrators = ByTwo("2020", person("first"), person("second"), REASON)
    season = scene.season()
    assert isinstance(season, Season)
    frozen = scene.fold(SEASON, season_stream("2020"))
    accepted(freeze_season(administrators, frozen))
    scene.given(freeze_season(administrators, frozen))
    plenary = scene.plenary()
    rules = season.rulebook
    command = LodgeAppeal(APPEAL_ID, ids[2], PLENARY_ID, 1, None, CONTACT, None, REASON, scene.clock)
    object_ = Contested(plenary, scene.award(), rules)
    accepted(lodge(command, scene.nomination(ids[2]), going_on(scene.season()), object_))
    closed = lodge(command, scene.nomination(ids[2]), Closed(season), object_)
    refused(closed, "season-closed", "season")
