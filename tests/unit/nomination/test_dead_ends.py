"""Specs of dead ends that there must not be: nobody waits for what can never come, and no question keeps others out.

What an amendment may not take, what a verdict may not do, and which questions are void, though nobody closed them.
"""

from __future__ import annotations

from dataclasses import replace

from kernel.decider import Emit
from schemas.nomination import NominationWithdrawn, Verdict
from services.nomination.domain.amending import AmendRulebook, amend_rulebook
from services.nomination.domain.deciding import DecideMotion, OpenMotion
from services.nomination.domain.nomination import nomination_stream
from services.nomination.domain.plenary import Actor, Convene, RecordAttendance, convene, record_attendance
from services.nomination.domain.verdict import AskAppeal
from services.nomination.domain.voting import CastVote, cast_vote
from services.nomination.programs import plenaries
from services.nomination.programs.loading import RollOfPlace
from tests.unit.nomination.amended import SceneLoader
from tests.unit.nomination.appealing import (
    APPEAL_ID,
    DESK,
    DISMISSED,
    OTHER_APPEAL,
    Hearing,
    contested,
    decided_on,
    tied_by_vote,
    to,
    upheld,
    verdict_of,
)
from tests.unit.nomination.assembly import national, with_verification
from tests.unit.nomination.scene import (
    BODY,
    CHAIR,
    GORONTALO,
    ITEM,
    LATER,
    PLENARY_ID,
    REASON,
    SECRETARY,
    VOTING_OFFICES,
    accepted,
    opened,
    person,
    refused,
    rulebook,
)

# --- amendments ----------------------------------------------------------------------------------------------------


def test_a_stage_goes_on_verifying_for_those_whose_seal_says_that_it_does():
    scene = opened(with_verification())
    plain = rulebook().model_copy(update={"version": 2})
    decision = amend_rulebook(AmendRulebook("2020", plain, REASON), scene.season())
    refusal = refused(decision, "amendment-takes-away", "rulebook")
    assert refusal.faults[0].value == "stages[provincial/KABKOTA/seleksi].verification"


def test_a_stage_may_begin_to_verify():
    scene = opened()
    verifying = with_verification().model_copy(update={"version": 2})
    accepted(amend_rulebook(AmendRulebook("2020", verifying, REASON), scene.season()))


# --- verdicts ------------------------------------------------------------------------------------------------------


def holding_nothing() -> Hearing:
    """Return a contested selection of a season whose appeals hold nothing; the third nominee appeals."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    content["appeals"]["freezes_downstream"] = False
    scene, _ = contested(90, 80, 70, rules=type(rulebook()).from_content(content))
    return scene


def nation_decided(scene: Hearing) -> str:
    """Let a meeting of the nation have decided who goes on from the stage after; return its id."""
    id_ = person("nation")
    meeting = scene.streams[f"plenary/{PLENARY_ID}"]
    told = {"plenary": id_, "province": "00", "tier": "national", "body": "tim-verifikasi"}
    scene.streams[f"plenary/{id_}"] = [
        one._replace(event=one.event.model_copy(update=told | _about(one.event))) for one in meeting[:]
    ]
    return id_


def _about(event: object) -> dict[str, object]:
    """Return what an event of a meeting says of the next stage instead of its own."""
    item = national(ITEM)
    return {"agenda": (item,)} if hasattr(event, "agenda") else {"item": item} if hasattr(event, "item") else {}


def test_a_verdict_sends_nobody_into_a_stage_that_is_decided():
    scene = holding_nothing()
    nation_decided(scene)
    assert not scene.award(DESK).freezes
    refusal = refused(scene.put(to(85)), "verdict-too-late", "verdict.outcome")
    assert "75." in refusal.detail.id or "Kab" in refusal.detail.id
    assert verdict_of(scene.judge(DISMISSED)).verdict == DISMISSED


def test_a_verdict_that_lets_nobody_enter_may_still_be_upheld():
    scene = holding_nothing()
    nation_decided(scene)
    assert verdict_of(scene.judge(to(75))).verdict == to(75)


def test_a_stage_that_is_decided_while_a_verdict_is_voted_on_makes_that_void():
    scene = holding_nothing()
    (put,) = scene.given(scene.put(to(85)))
    nation_decided(scene)
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), "for", put.motion))  # type: ignore[attr-defined]
    refused(scene.decide(motion=2), "verdict-too-late", "verdict.outcome")
    assert verdict_of(scene.judge(DISMISSED)).verdict == DISMISSED


async def test_meetings_that_can_decide_the_next_stage_are_guarded_by_verdicts_too():
    scene = holding_nothing()
    nation = nation_decided(scene)
    ids = [(id_, ITEM.category) for id_ in scene.nominations()]
    roll = RollOfPlace(ids, ahead=[(nation, national(ITEM))])
    asking = OpenMotion(PLENARY_ID, ITEM, SECRETARY, scene.clock, AskAppeal(APPEAL_ID, to(85)))
    loader = SceneLoader(scene)
    refused(await plenaries.moving(asking, roll)(loader), "verdict-too-late", "verdict.outcome")
    assert f"plenary/{nation}" in loader.loaded
    asking = replace(asking, asked=AskAppeal(APPEAL_ID, DISMISSED))
    scene.given(await plenaries.moving(asking, roll)(SceneLoader(scene)))
    loader = SceneLoader(scene)
    await plenaries.deciding(DecideMotion(PLENARY_ID, 2, Actor(CHAIR), scene.clock), roll)(loader)
    assert f"plenary/{nation}" in loader.loaded


# --- questions that are void ---------------------------------------------------------------------------------------


def attend_all(scene: Hearing, plenary: str) -> None:
    for office in VOTING_OFFICES:
        member = Actor(person(office))
        came = RecordAttendance(plenary, member.person, True, "remote", member, scene.clock)
        scene.given(record_attendance(came, *scene.meeting(plenary)))


def vote_all(scene: Hearing, plenary: str, motion: int) -> None:
    for office in VOTING_OFFICES:
        vote = CastVote(plenary, motion, "for", Actor(person(office)), scene.clock)
        scene.given(cast_vote(vote, *scene.meeting(plenary), scene.ranking(), scene.nominations()))


def carried_in_vain(scene: Hearing, motion: int, code: str, path: str) -> None:
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), "for", motion))
    refused(scene.decide(motion=motion), code, path)


def test_an_appellant_who_withdraws_during_the_vote_keeps_nobody_waiting():
    scene, ids = contested(90, 80, 70, by=1)
    scene.given(scene.put(to(95)))
    scene.given(scene.withdraw(ids[1]))
    carried_in_vain(scene, 2, "appellant-withdrew", "verdict.outcome")
    assert verdict_of(scene.judge(DISMISSED)).verdict == DISMISSED
    assert not scene.award(DESK).freezes


def test_a_verdict_that_another_one_brought_to_a_tie_is_put_anew_with_an_order():
    """Rank 2 is the last; the third reaches it with 85, and meanwhile another meeting has given the fourth 85 too."""
    scene, ids = contested(90, 80, 70, 60, by=2, rules=tied_by_vote())
    scene.given(scene.lodge(ids[3], OTHER_APPEAL))
    scene.given(scene.put(to(85)))
    elsewhere = person("elsewhere")
    other = Convene(elsewhere, "2020", GORONTALO, BODY, LATER, (ITEM,), SECRETARY, scene.clock)
    scene.given(convene(other, scene.season(), scene.committee()))
    attend_all(scene, elsewhere)
    scene.given(scene.put(to(85), OTHER_APPEAL, plenary=elsewhere))
    vote_all(scene, elsewhere, 1)
    scene.given(scene.decide(plenary=elsewhere))
    carried_in_vain(scene, 2, "verdict-ties-at-the-cut", "verdict.order")
    refused(scene.put(to(85)), "verdict-ties-at-the-cut", "verdict.order")
    order = Verdict(outcome="upheld", figures=to(85).figures, order=(ids[2], ids[3]))
    assert verdict_of(scene.judge(order)).nomination == ids[2]


def test_a_question_on_an_appeal_that_may_still_be_carried_is_decided_first():
    scene, _ = contested(90, 80, 70)
    scene.given(scene.put(upheld(kinerja="85/1")))
    refused(scene.put(DISMISSED), "motion-pending", "item")


def test_a_stage_is_decided_once_though_everybody_who_went_on_has_withdrawn_since():
    scene, ids = decided_on(90, 80)
    for id_ in ids:
        gone = NominationWithdrawn(nomination=id_, at=DESK, reason_digest=REASON)
        scene.record([Emit(nomination_stream(id_), gone)])
    scene.streams["plenary/" + person("first")] = scene.streams.pop(f"plenary/{PLENARY_ID}")
    scene.given(scene.convene())
    scene.all_attend()
    scene.given(scene.table())
    refused(scene.move(), "stage-left", "item")
