"""Specs of what comes before a decision: verified nominees, earlier results that stand, no appeal that holds it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.decider import Emit
from schemas.envelope import Stage, StreamPoint
from schemas.nomination import (
    AgendaItem,
    CandidateNominated,
    NominationReturned,
    PlenaryDecided,
    ResealOrdered,
    Verdict,
)
from services.nomination.domain.award import appeals_until
from services.nomination.domain.deciding import DecideMotion, OpenMotion
from services.nomination.domain.nomination import nomination_stream
from services.nomination.domain.plenary import Actor
from services.nomination.domain.readiness import Behind, behind, upstream
from services.nomination.programs import plenaries
from services.nomination.programs.loading import RollOfPlace
from tests.unit.nomination.amended import SceneLoader
from tests.unit.nomination.appealing import DISMISSED, Hearing, contested, decided_on, every, to, until
from tests.unit.nomination.assembly import (
    Assembly,
    changed_content,
    convened,
    gathered,
    national,
    seated,
    with_verification,
)
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    ITEM,
    PLENARY_ID,
    REGENCIES,
    SECRETARY,
    VOTING_OFFICES,
    accepted,
    person,
    refused,
    rulebook,
)

NATIONAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
HEAD = Actor(person("ketua-tim 1"))
APPEAL, ANOTHER = person("appeal"), person("another appeal")


# --- verification --------------------------------------------------------------------------------------------------


def test_nobody_is_proposed_unverified_where_the_stage_verifies():
    scene, ids = gathered(1, 2, 3, rules=with_verification())
    scene.verify(ids[0])
    refusal = refused(scene.move(), "nominees-unverified", "item")
    assert ids[1] in refusal.detail.en
    assert ids[0] not in refusal.detail.en
    scene.verify(ids[1])
    accepted(scene.move())


def test_who_leaves_need_not_be_verified():
    scene, ids = gathered(1, 2, 3, rules=with_verification())
    scene.verify(*ids[:2])
    accepted(scene.move())


def test_a_verification_at_another_stage_does_not_count():
    scene, ids = gathered(1, rules=with_verification())
    scene.verify(ids[0], at=NATIONAL)
    refused(scene.move(), "nominees-unverified", "item")


def test_who_is_returned_after_the_motion_opened_does_not_advance():
    scene, ids = gathered(1, rules=with_verification())
    scene.verify(ids[0])
    scene.given(scene.move())
    scene.all_vote()
    returned = NominationReturned.model_validate(
        {
            "nomination": ids[0],
            "at": AT,
            "verifier": person("verifier"),
            "office": "verifikator",
            "defects": [{"part": "evidence", "text_digest": "0" * 64}],
            "until": scene.clock + timedelta(days=3),
        }
    )
    scene.record([Emit(nomination_stream(ids[0]), returned)])
    refused(scene.decide(), "nominees-unverified", "item")
    scene.verify(ids[0])
    accepted(scene.decide())


# --- the order of stages -------------------------------------------------------------------------------------------


def at_the_centre(*, announced: bool, rules: object = None) -> tuple[Assembly, list[str]]:
    """Return a national meeting that has voted on two nominees whom Gorontalo sent."""
    scene, ids = gathered(1, 2, rules=rules)  # type: ignore[arg-type]
    scene.given(scene.move())
    scene.all_vote()
    scene.given(scene.decide())
    if announced:
        scene.given(scene.announce())
    scene.streams[f"plenary/{person('province')}"] = scene.streams.pop(f"plenary/{PLENARY_ID}")
    scene.given(scene.form("tim-verifikasi", "00"))
    scene.given(scene.appoint("ketua-tim", HEAD.person, body="tim-verifikasi", province="00"))
    for seat in range(1, 5):
        scene.given(scene.appoint("verifikator", person(f"verifikator {seat}"), seat, "tim-verifikasi", "00"))
    scene.find_in_order(ids, NATIONAL)
    scene.seal([(id_, rank) for rank, id_ in enumerate(ids, start=1)], at=NATIONAL)
    item = national(ITEM)
    scene.given(scene.convene(body="tim-verifikasi", province="00", agenda=(item,)))
    for member in (HEAD.person, *(person(f"verifikator {seat}") for seat in range(1, 5))):
        scene.given(scene.attend(member))
    scene.given(scene.table(item=item))
    scene.given(scene.move(item=item))
    return scene, ids


def test_a_decision_waits_for_the_announcement_before_it():
    scene, _ = at_the_centre(announced=False)
    refusal = refused(scene.decide(HEAD), "upstream-unannounced", "item")
    assert "provincial/75/KABKOTA/seleksi" in refusal.detail.en


def test_a_decision_waits_for_the_last_instant_of_the_appeal_window_before_it():
    scene, _ = at_the_centre(announced=True)
    announced = scene.streams[AT.award][-1].time
    last = appeals_until(rulebook(), "75", announced)
    refusal = refused(scene.decide(HEAD), "appeal-window-open", "item")
    assert "WIB" in refusal.detail.id  # the meeting is the nation's
    scene.clock = last
    refused(scene.decide(HEAD), "appeal-window-open", "item")
    scene.clock = last + timedelta(microseconds=1)
    accepted(scene.decide(HEAD))


def test_where_appeals_freeze_nothing_the_next_stage_waits_for_nothing():
    rules = changed_content(lambda content: content["appeals"].update(freezes_downstream=False))
    scene, _ = at_the_centre(announced=False, rules=rules)
    accepted(scene.decide(HEAD))


def test_a_place_of_which_nobody_is_left_is_waited_for_too():
    scene, ids = at_the_centre(announced=False)
    for id_ in ids:
        scene.given(scene.withdraw(id_))
    refused(scene.decide(HEAD), "upstream-unannounced", "item")


def test_a_place_from_which_nobody_came_is_waited_for_too():
    scene, ids = decided_on(90, 80, few=[0, 1], announced=False)
    evidence = scene.evidence(NATIONAL)
    assert scene.has_advanced() == set()
    (earlier,) = upstream(NATIONAL, scene.rules(), evidence)
    assert (earlier.stage, earlier.announced, earlier.until) == (AT, False, None)
    scene.given(scene.announce())
    (earlier,) = upstream(NATIONAL, scene.rules(), scene.evidence(NATIONAL))
    assert earlier.announced
    assert earlier.is_open(until(scene))
    assert ids


def test_a_place_that_has_not_decided_is_not_waited_for():
    scene, _ = gathered(1, 2)
    assert list(upstream(NATIONAL, rulebook(), scene.evidence(NATIONAL))) == []


def test_a_first_stage_waits_for_none():
    scene, _ = gathered(1, 2)
    assert list(upstream(AT, rulebook(), scene.evidence())) == []


# --- verdicts on the stage before ----------------------------------------------------------------------------------


def judged_at_the_centre(verdict: Verdict) -> Hearing:
    """Return a province's result that a verdict corrected, its window over, and the nation about to decide on it."""
    scene, ids = contested(90, 80, 70)
    scene.judge(verdict)
    scene.clock += timedelta(days=9)
    going_on = scene.has_advanced()
    scene.streams[f"plenary/{person('province')}"] = scene.streams.pop(f"plenary/{PLENARY_ID}")
    scene.given(scene.form("tim-verifikasi", "00"))
    scene.given(scene.appoint("ketua-tim", HEAD.person, body="tim-verifikasi", province="00"))
    for seat in range(1, 5):
        scene.given(scene.appoint("verifikator", person(f"verifikator {seat}"), seat, "tim-verifikasi", "00"))
    finalists = [one for one in ids if one in going_on]
    scene.find_in_order(finalists, NATIONAL)
    scene.seal([(id_, rank) for rank, id_ in enumerate(finalists, start=1)], at=NATIONAL)
    item = national(ITEM)
    scene.given(scene.convene(body="tim-verifikasi", province="00", agenda=(item,)))
    members = (HEAD.person, *(person(f"verifikator {seat}") for seat in range(1, 5)))
    for member in members:
        scene.given(scene.attend(member))
    scene.given(scene.table(item=item))
    scene.given(scene.move(item=item))
    for member in members:
        scene.given(scene.vote(member))
    return scene


def announce_verdict(scene: Hearing) -> None:
    """Announce the province's verdict, whose meeting the nation's has taken the place of."""
    here, there = f"plenary/{PLENARY_ID}", f"plenary/{person('province')}"
    scene.streams[here], scene.streams[there] = scene.streams[there], scene.streams[here]
    scene.given(scene.announce(motion=2))
    scene.streams[here], scene.streams[there] = scene.streams[there], scene.streams[here]


def test_a_decision_waits_for_the_announcement_of_the_verdict_before_it():
    scene = judged_at_the_centre(to(85))
    refusal = refused(scene.decide(HEAD), "verdict-unannounced", "item")
    assert "provincial/75/KABKOTA/seleksi" in refusal.detail.id


def test_a_decision_waits_for_the_window_of_the_verdict_before_it():
    scene = judged_at_the_centre(to(85))
    announce_verdict(scene)
    refused(scene.decide(HEAD), "appeal-window-open", "item")
    scene.clock += timedelta(days=9)
    accepted(scene.decide(HEAD))


def test_a_dismissal_before_it_is_not_waited_for():
    accepted(judged_at_the_centre(DISMISSED).decide(HEAD))


# --- a place that is late ------------------------------------------------------------------------------------------


def test_a_next_stage_that_is_sealed_already_is_ordered_anew_with_who_enters_it():
    scene, ids = gathered(1, 2)
    seal = scene.seal([], at=NATIONAL)
    scene.given(scene.move())
    scene.all_vote()
    emits = accepted(scene.decide())
    assert emits[-1].stream == NATIONAL.award
    order = emits[-1].event
    assert isinstance(order, ResealOrdered)
    assert (order.ranking, order.seal, order.stale, order.superfluous) == (NATIONAL.ranking, seal, (), ())
    assert order.missing == tuple(sorted(ids))
    decided = emits[0].event
    assert isinstance(decided, PlenaryDecided)
    assert StreamPoint(stream=NATIONAL.award, version=1) in decided.results


def test_a_seal_that_was_ordered_anew_before_is_not_ordered_again():
    scene, _ = gathered(1, 2)
    seal = scene.seal([], at=NATIONAL)
    ordered = ResealOrdered(ranking=NATIONAL.ranking, seal=seal, stale=(), missing=(), superfluous=())
    scene.record([Emit(NATIONAL.award, ordered)])
    scene.given(scene.move())
    scene.all_vote()
    assert not every((emit.event for emit in accepted(scene.decide())), ResealOrdered)


def test_where_nobody_goes_on_nothing_is_ordered_anew():
    scene, _ = gathered(unrankable=2)
    scene.seal([], at=NATIONAL)
    scene.given(scene.move())
    scene.all_vote()
    assert not every((emit.event for emit in accepted(scene.decide())), ResealOrdered)


def late_province() -> tuple[Assembly, list[str]]:
    """Return Gorontalo before it decides, under rules by which the nation need not wait for appeals elsewhere."""
    return gathered(1, 2, rules=changed_content(lambda content: content["appeals"].update(freezes_downstream=False)))


def nation_decides(scene: Assembly) -> str:
    """Let the nation decide its first stage, which Ambon alone has reached; return its meeting's stream."""
    (asked,) = scene.given(scene.nominate("81.71", nominating_body="81", scopes=frozenset({"81"})))
    assert isinstance(asked, CandidateNominated)
    ambon = asked.nomination
    scene.advanced(ambon, NATIONAL)
    here, there, aside = (f"plenary/{id_}" for id_ in (PLENARY_ID, person("nation"), person("aside")))
    scene.streams[aside] = scene.streams.pop(here)
    scene.given(scene.form("tim-verifikasi", "00"))
    scene.given(scene.appoint("ketua-tim", HEAD.person, body="tim-verifikasi", province="00"))
    members = [HEAD.person, *(person(f"verifikator {seat}") for seat in range(1, 5))]
    for seat, member in enumerate(members[1:], start=1):
        scene.given(scene.appoint("verifikator", member, seat, "tim-verifikasi", "00"))
    scene.find_in_order([ambon], NATIONAL)
    scene.seal([(ambon, 1)], at=NATIONAL)
    item = national(ITEM)
    scene.given(scene.convene(body="tim-verifikasi", province="00", agenda=(item,)))
    for member in members:
        scene.given(scene.attend(member))
    scene.given(scene.table(item=item))
    scene.given(scene.move(item=item))
    for member in members:
        scene.given(scene.vote(member))
    scene.given(scene.decide(HEAD))
    scene.streams[there], scene.streams[here] = scene.streams.pop(here), scene.streams.pop(aside)
    return there


def test_nobody_is_sent_on_to_a_stage_that_is_decided():
    scene, _ = late_province()
    scene.given(scene.move())
    scene.all_vote()
    nation_decides(scene)
    refusal = refused(scene.decide(), "next-stage-decided", "item")
    assert "national/00/KABKOTA/verifikasi" in refusal.detail.id
    other, _ = late_province()
    nation_decides(other)
    refused(other.move(), "next-stage-decided", "item")


def test_the_nations_checklist_warns_of_provinces_that_have_not_decided():
    scene, ids = late_province()
    (asked,) = scene.given(scene.nominate("81.71", nominating_body="81", scopes=frozenset({"81"})))
    assert isinstance(asked, CandidateNominated)
    scene.advanced(asked.nomination, NATIONAL)
    found = list(behind(NATIONAL, rulebook(), scene.evidence(NATIONAL)))
    assert found == [Behind(AT, tuple(sorted(ids)))]
    scene.given(scene.move())
    scene.all_vote()
    scene.given(scene.decide())
    assert list(behind(NATIONAL, rulebook(), scene.evidence(NATIONAL))) == []
    assert list(behind(AT, rulebook(), scene.evidence(AT))) == []


async def test_every_meeting_that_can_decide_the_next_stage_is_guarded():
    scene, ids = late_province()
    scene.given(scene.move())
    scene.all_vote()
    nation = nation_decides(scene)
    nominations = [(id_, ITEM.category) for id_ in ids]
    roll = RollOfPlace(nominations, ahead=[(nation.partition("/")[2], national(ITEM)), (PLENARY_ID, ITEM)])
    loader = SceneLoader(scene)
    decision = await plenaries.deciding(DecideMotion(PLENARY_ID, 1, Actor(CHAIR), scene.clock), roll)(loader)
    refused(decision, "next-stage-decided", "item")
    assert {nation, NATIONAL.ranking, NATIONAL.award} <= loader.loaded
    moving = plenaries.moving(OpenMotion(PLENARY_ID, ITEM, SECRETARY, scene.clock), roll)
    refused(await moving(SceneLoader(scene)), "motion-pending", "item")


async def test_a_proposal_on_what_is_no_stage_is_refused_as_any_other_item_off_the_agenda():
    scene, _ = gathered(1, 2)
    nothing = AgendaItem(category=ITEM.category, stage="wawancara")
    moving = plenaries.moving(OpenMotion(PLENARY_ID, nothing, SECRETARY, scene.clock), RollOfPlace())
    refused(await moving(SceneLoader(scene)), "item-not-on-agenda", "item")


# --- appeals -------------------------------------------------------------------------------------------------------


def test_an_open_appeal_holds_tabling_proposing_and_deciding():
    scene, _ = convened(1, 2)
    scene.all_attend()
    scene.freeze(AT, APPEAL)
    scene.freeze(AT, ANOTHER)
    refusal = refused(scene.table(), "stage-frozen", "item")
    assert APPEAL in refusal.detail.en
    assert ANOTHER in refusal.detail.id
    scene.unfreeze(AT, APPEAL)
    refused(scene.table(), "stage-frozen", "item")
    scene.unfreeze(AT, ANOTHER)
    scene.given(scene.table())
    scene.freeze(AT, APPEAL)
    refused(scene.move(), "stage-frozen", "item")
    scene.unfreeze(AT, APPEAL)
    scene.given(scene.move())
    scene.freeze(AT, APPEAL)
    refused(scene.decide(), "stage-frozen", "item")
    accepted(scene.vote(person(VOTING_OFFICES[1])))


def test_an_open_appeal_holds_the_announcement():
    scene, _ = gathered(1)
    scene.given(scene.move())
    scene.all_vote()
    scene.given(scene.decide())
    scene.freeze(AT, APPEAL)
    refused(scene.announce(), "stage-frozen", "item")
    scene.unfreeze(AT, APPEAL)
    accepted(scene.announce())


@pytest.mark.parametrize("contested", [AT, NATIONAL])
def test_a_freeze_holds_whichever_award_of_the_path_it_was_recorded_on(contested):
    scene, _ = at_the_centre(announced=True)
    scene.clock += timedelta(days=8)
    scene.freeze(NATIONAL, APPEAL, contested)
    refused(scene.decide(HEAD), "stage-frozen", "item")


def test_a_freeze_of_another_stage_holds_nothing_here():
    scene, _ = gathered(1)
    scene.freeze(NATIONAL, APPEAL)
    accepted(scene.move())


def test_no_tie_is_put_or_broken_while_an_appeal_holds_the_stage():
    scene, ids = gathered(1, 2, 2)
    scene.freeze(AT, APPEAL)
    refused(scene.tie(2, (ids[1], ids[2])), "stage-frozen", "item")
    scene.unfreeze(AT, APPEAL)
    scene.given(scene.tie(2, (ids[1], ids[2])))
    scene.all_vote()
    scene.freeze(AT, APPEAL)
    refused(scene.decide(), "stage-frozen", "item")
    scene.unfreeze(AT, APPEAL)
    accepted(scene.decide())


# --- corrigenda ----------------------------------------------------------------------------------------------------


def test_corrigenda_are_numbered_also_after_the_meeting():
    scene, _ = gathered(1)
    (first,) = scene.given(scene.correct())
    scene.given(scene.adjourn())
    (second,) = scene.given(scene.correct())
    assert (first.number, second.number) == (1, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("actor", [Actor(CHAIR), Actor(person("stranger"))])
def test_only_the_secretary_corrects_the_minutes(actor):
    scene, _ = gathered(1)
    refused(scene.correct(actor), "not-in-office", "actor")


def test_there_are_no_minutes_of_no_meeting():
    scene = seated()
    scene.nominated(*REGENCIES[:1])
    refused(scene.correct(), "plenary-unknown", "plenary")
    assert BODY in scene.committee().bodies
