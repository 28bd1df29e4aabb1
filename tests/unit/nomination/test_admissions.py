"""Specs of late nominations: a plenary admits them while their stage is not sealed, and not otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kernel.decider import Emit
from schemas.nomination import (
    AdmissionDecided,
    AdmissionMotionOpened,
    AgendaItem,
    CandidateNominated,
    NominationAmended,
)
from schemas.rulebook import Rulebook, rulebook_hash
from schemas.scoring import ScoringExtended, ScoringOpened
from services.nomination.domain.admission import admitted
from services.nomination.domain.nomination import FiledLate, Nomination, nomination_stream
from services.nomination.domain.plenary import Actor
from services.nomination.domain.season import Season
from services.scoring.domain.stage import pin
from tests.unit.nomination.assembly import MEMBER, Assembly, seated
from tests.unit.nomination.scene import AT, REASON, REGENCIES, VOTING_OFFICES, accepted, person, refused, rulebook

CLOSES = rulebook().deadline_utc(rulebook().stage(AT.tier, AT.category, AT.stage).scoring, AT.province)
TICK = timedelta(microseconds=1)
BESAR = AgendaItem(category="BESAR", stage="seleksi")


def waiting() -> tuple[Assembly, str]:
    """Return a meeting with everybody present and a nomination that was filed late."""
    scene = seated()
    scene.nominated(*REGENCIES[:2])
    late = scene.filed_late()
    scene.given(scene.convene())
    scene.all_attend()
    return scene, late


def test_a_late_nomination_is_put_to_the_vote():
    scene, late = waiting()
    (event,) = scene.given(scene.admit(late))
    assert isinstance(event, AdmissionMotionOpened)
    assert (event.motion, event.nomination, event.ballot) == (1, late, "open")


def test_an_interest_in_it_keeps_from_voting_on_it():
    scene, late = waiting()
    refused(scene.declare(MEMBER, late, category="BESAR"), "nomination-of-another-category", "nomination")
    scene.given(scene.declare(MEMBER, late))
    scene.given(scene.admit(late))
    refused(scene.vote(MEMBER), "recused", "actor")


def test_admitted_it_competes_with_all_that_it_said_when_it_was_filed():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    emits = accepted(scene.decide())
    decided, nominated = (emit.event for emit in emits)
    assert isinstance(decided, AdmissionDecided)
    assert isinstance(nominated, CandidateNominated)
    assert (decided.outcome, decided.nomination, decided.tally.votes_for) == ("carried", late, 8)
    assert [(point.stream, point.version) for point in decided.results] == [(f"nomination/{late}", 2)]
    filed = scene.nomination(late)
    assert isinstance(filed, FiledLate)
    assert nominated.model_dump() == filed.filed.model_dump(exclude={"reason_digest"})
    scene.record(emits)
    state = scene.nomination(late)
    assert isinstance(state, Nomination)
    assert state.competes


def test_not_admitted_it_goes_on_waiting():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote(*[(office, "against") for office in VOTING_OFFICES])
    (decided,) = scene.given(scene.decide())
    assert isinstance(decided, AdmissionDecided)
    assert (decided.outcome, decided.results) == ("lost", ())
    assert isinstance(scene.nomination(late), FiledLate)
    accepted(scene.admit(late))


def test_who_is_recused_on_it_does_not_vote():
    scene, late = waiting()
    scene.given(scene.declare(MEMBER))
    scene.given(scene.admit(late))
    refused(scene.vote(MEMBER), "recused", "actor")


def test_what_competes_already_is_not_admitted_again():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    scene.given(scene.decide())
    refused(scene.admit(late), "not-filed-late", "nomination")


def test_what_waits_for_another_stage_is_not_admitted_here():
    scene, late = waiting()
    scene.streams.pop(f"plenary/{scene.plenary().id}")  # type: ignore[union-attr]
    scene.given(scene.convene(agenda=(BESAR,)))
    scene.all_attend()
    refused(scene.admit(late, item=BESAR), "not-filed-late", "nomination")


def test_what_does_not_exist_is_not_admitted():
    scene, _ = waiting()
    refused(scene.admit(person("nothing")), "nomination-unknown", "nomination")


def test_nobody_is_admitted_to_a_sealed_stage():
    scene, late = waiting()
    competing = list(scene.basis().nominations)
    scene.seal([(id_, rank) for rank, id_ in enumerate(competing, start=1)])
    refused(scene.admit(late), "entry-sealed", "item")


def test_a_seal_that_comes_before_the_decision_ends_the_question():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    competing = list(scene.basis().nominations)
    scene.seal([(id_, rank) for rank, id_ in enumerate(competing, start=1)])
    refused(scene.decide(), "entry-sealed", "item")
    scene.given(scene.table())
    accepted(scene.move())


def extend(scene: Assembly, until: datetime) -> None:
    extended = ScoringExtended(at=AT, previous=CLOSES, until=until, reason_digest=REASON)
    scene.record([Emit(AT.ranking, extended)])


def test_nobody_is_admitted_whom_nobody_could_score():
    scene, late = waiting()
    scene.clock = CLOSES
    accepted(scene.admit(late))
    scene.clock = CLOSES + TICK
    refusal = refused(scene.admit(late), "scoring-over", "item")
    assert "WITA" in refusal.detail.id
    extend(scene, CLOSES + timedelta(days=3))
    scene.clock = CLOSES + timedelta(days=3)
    accepted(scene.admit(late))
    scene.clock += TICK
    refused(scene.admit(late), "scoring-over", "item")


def test_a_deadline_that_passes_before_the_decision_leaves_the_question_open_for_an_extension():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    scene.clock = CLOSES + TICK
    refused(scene.decide(), "scoring-over", "item")
    extend(scene, CLOSES + timedelta(days=3))
    accepted(scene.decide())


def test_the_deadline_is_the_one_that_the_stage_was_opened_under():
    scene, late = waiting()
    season = scene.season()
    assert isinstance(season, Season)
    rules = season.rulebook
    opened = opening_as(rules, CLOSES + timedelta(days=7))
    scene.record([Emit(AT.ranking, opened)])
    scene.clock = CLOSES + timedelta(days=7)
    accepted(scene.admit(late))
    scene.clock += TICK
    refused(scene.admit(late), "scoring-over", "item")


def opening_as(rules: Rulebook, closes: datetime) -> ScoringOpened:
    """Return a stage's opening under rules whose window was another."""
    stage = rules.stage(AT.tier, AT.category, AT.stage)
    return ScoringOpened(
        at=AT,
        body=stage.body,
        rubric=stage.rubric,
        rulebook_version=1,
        rulebook_hash=rulebook_hash(rules),
        opens=rules.opens_utc(stage.scoring, AT.province),
        closes=closes,
        rules=pin(rules, stage),
    )


def test_an_open_admission_is_decided_before_the_next():
    scene, late = waiting()
    other = scene.filed_late("75.04")
    scene.given(scene.admit(late))
    refused(scene.admit(other), "motion-pending", "item")


def test_what_was_taken_back_is_not_admitted():
    scene, late = waiting()
    scene.given(scene.withdraw(late))
    refused(scene.admit(late), "late-taken-back", "nomination")


@pytest.mark.parametrize("ballot", ["open", "paper"])
def test_a_motion_on_what_was_taken_back_has_no_object_any_more(ballot):
    scene, late = waiting()
    scene.given(scene.admit(late, ballot=ballot))
    scene.given(scene.withdraw(late))
    vote = scene.vote(MEMBER) if ballot == "open" else scene.tally(8)
    refused(vote, "late-taken-back", "nomination")
    refused(scene.decide(), "late-taken-back", "nomination")
    other = scene.filed_late("75.04")
    accepted(scene.admit(other))


def test_it_is_admitted_as_it_was_corrected():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    state = scene.nomination(late)
    assert isinstance(state, FiledLate)
    corrected = NominationAmended(
        nomination=late, candidate=state.candidate, contact=person("another"), reason_digest=REASON
    )
    scene.record([Emit(nomination_stream(late), corrected)])
    _, nominated = (emit.event for emit in accepted(scene.decide()))
    assert isinstance(nominated, CandidateNominated)
    assert nominated.contact == person("another")


def test_nobody_votes_on_who_was_admitted_in_another_meeting():
    scene, late = waiting()
    scene.given(scene.admit(late))
    state = scene.nomination(late)
    assert isinstance(state, FiledLate)
    scene.record([Emit(nomination_stream(late), admitted(state))])
    refused(scene.vote(MEMBER), "not-filed-late", "nomination")


def test_a_member_puts_no_admission():
    scene, late = waiting()
    refused(scene.admit(late, actor=Actor(MEMBER)), "not-in-office", "actor")


def test_an_admission_is_no_result_to_announce():
    scene, late = waiting()
    scene.given(scene.admit(late))
    scene.all_vote()
    scene.given(scene.decide())
    refused(scene.announce(), "nothing-to-announce", "motion")
