"""One season from its opening to a revoked certificate, walked by script: what the model must be able to reach."""

from __future__ import annotations

from datetime import timedelta

from kernel.decider import Happened, Refusal
from schemas.envelope import Stage
from schemas.nomination import ResealOrdered
from schemas.scoring import RankingSealed
from services.nomination.domain.ties import AskTie
from tests.model.documents import audit, audit_strictly
from tests.model.rules import ASPECTS, BODY_OF, DESK, INTERVIEW, PROVINCE, SELECTION, VERIFICATION
from tests.model.secretary import SEED, Secretary
from tests.model.world import LATECOMER, NOMINEES, PACE


def walked() -> Secretary:
    """Return the season."""
    world = Secretary()
    world.found()
    world.nominate_all()
    closes = world.rules.deadline_utc(world.rules.calendar.nomination, PROVINCE)
    world.jump(closes + timedelta(hours=1))
    assert not isinstance(world.file_late(LATECOMER, "KABKOTA"), Refusal)
    world.admit(NOMINEES[3])
    world.finish(SELECTION, ("50", "50", "50", "0"))
    world.certify(SELECTION)
    world.contest(3)
    world.hear(world.appeals[-1], "100")
    world.finish(DESK, ("100", "50", "0"), ballot="paper")
    world.finish(VERIFICATION, ("50", "50"))
    world.finish(INTERVIEW, ("50", "0"))
    world.certify(INTERVIEW)
    world.certify(DESK)
    world.contest(1)
    world.hear(world.appeals[-1], "100")
    world.wait_for_windows()
    world.certify(INTERVIEW)
    return world


def test_a_scripted_season_reaches_everything() -> None:
    world = walked()
    seen = world.checker.seen
    for name in (
        "AdmissionDecided", "TieMotionOpened", "BallotConfirmed", "StageFrozen", "StageUnfrozen", "AppealDecided",
        "StageAdvanceWithdrawn", "NominationEliminated", "WinnerDeclared", "WinnerWithdrawn", "PrizeAwarded",
        "CertificateIssued", "CertificateRevoked", "InterviewScheduled", "NominationVerified", "ScorersAssigned",
    ):  # fmt: skip
        assert seen[name], f"{name} was not reached"
    assert audit(world.checker.all) == []


def test_who_is_rejected_at_the_centre_and_loses_its_seat_is_told_alike_by_all() -> None:
    """Three are equal, a lot seats two, the centre rejects one of them, and the third appeals with better marks."""
    world = Secretary()
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("50",))
    for nominee in (first := world.standing(VERIFICATION)):
        world.reject(nominee, world.seated("tim-verifikasi")[1])
    world.contest(-1)
    world.hear(world.appeals[-1], "100")
    assert world.checker.seen["StageAdvanceWithdrawn"] == 1
    assert {world.checker.nominees[nominee].ending for nominee in first} == {"rejected"}
    assert audit(world.checker.all) == []


def test_who_was_eliminated_unverified_is_verified_for_its_appeal_and_goes_on() -> None:
    world = Secretary()
    world.found()
    world.amend(2, 3)
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "50"))
    world.score_all(VERIFICATION, ("100", "50", "0"))
    world.close_and_seal(VERIFICATION)
    world.wait_for_windows()
    *verified, last = world.standing(VERIFICATION)
    verifier = world.seated(BODY_OF[VERIFICATION])[0]
    for nominee in verified:
        assert not isinstance(world.verify(nominee, verifier), Refusal)
    plenary = world.meeting(VERIFICATION)
    assert plenary is not None
    world.table(plenary, VERIFICATION)
    motion = world.put(plenary, VERIFICATION)
    assert motion is not None
    world.decide_and_announce(plenary, VERIFICATION, motion)
    assert isinstance(world.verify(last, verifier), Refusal)
    world.overturn("100")
    assert world.checker.nominees[last].at == VERIFICATION, "it went on unverified"
    assert not isinstance(world.verify(last, verifier), Refusal)
    world.hear(world.appeals[-1], "100")
    assert world.checker.nominees[last].at == INTERVIEW
    assert audit(world.checker.all) == []


def test_where_appeals_hold_nothing_a_verdict_sends_nobody_into_a_stage_that_is_decided() -> None:
    world = Secretary()
    world.freezes = False
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    world.contest(-1)
    world.finish(VERIFICATION, ("50", "100"))
    assert VERIFICATION in world.checker.carried
    world.hear(world.appeals[-1], "100")
    assert world.refused["verdict-too-late"] == 1
    world.hear(world.appeals[-1], None)
    assert world.checker.appeals[world.appeals[-1]] is None
    world.checker.leaves_nobody_behind()
    assert audit(world.checker.all) == []


def test_a_tie_that_two_meetings_put_is_broken_by_one_of_them() -> None:
    world = Secretary()
    world.found()
    world.nominate_all()
    world.score_all(SELECTION, ("50", "50", "50", "0"))
    world.close_and_seal(SELECTION)
    put = []
    for _ in range(2):
        assert not isinstance(world.convene(SELECTION), Refusal)
        plenary = world.plenaries[-1][0]
        world.now += 2 * PACE
        for who in world.seated(BODY_OF[SELECTION]):
            world.attend(plenary, who)
        world.table(plenary, SELECTION)
        motion = world.put(plenary, SELECTION, AskTie(1, "lot", None, SEED))
        assert motion is not None
        put.append((plenary, motion))
    (first, earlier), (second, later) = put
    assert world.carry(second, SELECTION, later)
    assert not world.carry(first, SELECTION, earlier)
    assert world.refused["tie-broken-already"] == 1
    assert world.put(first, SELECTION) is not None, "the question that came too late is in the way"
    assert audit(world.checker.all) == []


def test_sheets_count_for_a_rank_where_they_say_something_and_only_then() -> None:
    """One mark for an aspect ranks the first nominee, which has sheets enough; the last has not, and no rank."""
    world = Secretary()
    world.found()
    world.nominate_all()
    world.score_all(SELECTION, ("100", "50", "0"))
    first, *_, last = world.standing(SELECTION)
    members, aspects = world.seated(BODY_OF[SELECTION]), ASPECTS[SELECTION]
    for who in members[1:]:
        assert not isinstance(world.revise(first, SELECTION, who, aspects[0], None), Refusal)
    for aspect in aspects[1:]:
        world.revise(first, SELECTION, members[-1], aspect, None)
    assert world.refused["last-mark"] == 1
    for who in members[1:]:
        world.void(last, SELECTION, who)
        assert isinstance(world.file(last, SELECTION, who, dict.fromkeys(aspects)), Refusal)
    assert world.refused["nothing-to-submit"] == len(members) - 1
    world.close_and_seal(SELECTION)
    (seal,) = [one.event for one in world.checker.all if isinstance(one.event, RankingSealed)]
    best, (without,) = seal.standings[0], seal.unrankable
    assert (best.nomination, best.aspects[0].sheets) == (first, 1)
    assert (without.nomination, without.reason, without.sheets) == (last, "too-few-sheets", 1)
    assert audit(world.checker.all) == []


def test_a_window_that_is_extended_opens_no_stage_again() -> None:
    world = Secretary()
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    late = world.now + timedelta(days=9)
    assert not isinstance(world.extend_nomination(late, PROVINCE), Refusal), "the other category is not scored yet"
    assert isinstance(world.nominate(LATECOMER, "KABKOTA"), Refusal)
    assert world.refused["entry-sealed"] == 1
    world.finish(DESK, ("100", "50", "0"))
    assert isinstance(world.extend_nomination(late + timedelta(days=9), PROVINCE), Refusal)
    assert world.refused["extension-opens-nothing"] == 1
    world.checker.leaves_nobody_behind()


def test_a_season_is_closed_once_nobody_can_appeal_against_anything() -> None:
    world = Secretary()
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    world.wait_for_the_end()
    world.finish(DESK, ("100", "50", "0"))
    assert isinstance(world.close_season(), Refusal)
    world.overturn("100")
    world.wait_for_windows()
    assert not isinstance(world.close_season(), Refusal)
    assert world.refused["season-appealable"] == 1


def test_a_verdict_reaches_the_stage_after_the_next_one_by_the_next_ones_new_seal() -> None:
    """Policy is carried from the province over verification to the interview, and an upheld appeal halves it.

    By the rulebook policy and regulation weigh a quarter of the interview each, performance 3/10 and the interview 1/5.
    With 100 for policy and 50 for the rest that is 25 + 12.5 + 15 + 10 = 125/2; with 50 for policy it is 50.
    """
    world = Secretary()
    world.freezes = False
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    world.contest(0)
    nominee = world.checker.appeals[world.appeals[-1]].nomination
    world.finish(VERIFICATION, ("50", "50"))
    world.score_all(INTERVIEW, ("50", "50"))
    world.hear(world.appeals[-1], "50")
    assert world.checker.seen["ResealOrdered"] == 1
    (first,) = [one.version for one in world.ranking(VERIFICATION).seals.values()]
    world.close_and_seal(INTERVIEW)
    assert world.refused["source-to-be-sealed-anew"] == 1
    assert not isinstance(world.seal(VERIFICATION), Refusal)
    assert not isinstance(world.seal(INTERVIEW), Refusal)
    world.deliver()
    sealed = world.ranking(INTERVIEW)
    rows = {row.nomination: row.total for row in sealed.seals[sealed.current].event.standings}
    assert rows[nominee] == "50/1"
    put = world.hold_meeting_until_motion(INTERVIEW)
    assert put is not None
    world.decide_and_announce(put[0], INTERVIEW, put[1])
    assert audit(world.checker.all) == []
    forged = [_carrying_from(sealed.opened.at, VERIFICATION, first, one) for one in world.checker.all]
    found = {what for _, place, what in audit(forged) if place.stream == INTERVIEW.ranking}
    assert f"it carries from a seal of {VERIFICATION.ranking} that was to be made anew" in found
    assert f"it carries from a seal of {VERIFICATION.ranking} that was made anew before" in found
    unheard = [_seeing(0, VERIFICATION.award, one) for one in forged]
    told = f"the seal does not know of an order before it to seal {VERIFICATION.ranking} anew, from which it carries"
    assert told in {what for *_, what in audit(unheard)}
    assert told not in {what for *_, what in audit(forged)}


def test_a_verdict_orders_anew_the_stage_after_the_next_one_that_was_sealed_before_it() -> None:
    """As before, but the interview is sealed when the verdict falls; the audit finds an order that is left out."""
    world = Secretary()
    world.freezes = False
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    world.contest(0)
    nominee = world.checker.appeals[world.appeals[-1]].nomination
    world.finish(VERIFICATION, ("50", "50"))
    world.score_all(INTERVIEW, ("50", "50"))
    world.close_and_seal(INTERVIEW)
    assert _total(world, nominee) == "125/2"
    world.hear(world.appeals[-1], "50")
    orders = [one.event for one in world.checker.all if isinstance(one.event, ResealOrdered)]
    assert [order.ranking for order in orders] == [VERIFICATION.ranking, INTERVIEW.ranking]
    without = [one for one in world.checker.all if one.event != orders[1]]
    assert f"it does not order {INTERVIEW.ranking} to be sealed anew" in {what for *_, what in audit_strictly(without)}
    assert audit_strictly(world.checker.all) == []
    world.close_and_seal(INTERVIEW)
    assert world.refused["source-to-be-sealed-anew"] == 1
    assert not isinstance(world.seal(VERIFICATION), Refusal)
    assert not isinstance(world.seal(INTERVIEW), Refusal)
    world.deliver()
    assert _total(world, nominee) == "50/1"
    assert audit_strictly(world.checker.all) == []


def test_after_verdicts_on_both_stages_the_third_carries_of_each_what_counts() -> None:
    """Verification's verdict falls first, then the province's, by which verification is sealed anew.

    Policy is then 50 by the new seal, regulation and performance 100 by verification's verdict, the interview 50:
    12.5 + 25 + 30 + 10 = 155/2.
    """
    world = Secretary()
    world.freezes = False
    world.found()
    world.nominate_all()
    world.finish(SELECTION, ("100", "50", "0"))
    world.contest(0)
    nominee = world.checker.appeals[world.appeals[-1]].nomination
    world.finish(VERIFICATION, ("50", "50"))
    world.contest(0)
    first, second = world.appeals
    assert world.checker.appeals[second].nomination == nominee
    world.score_all(INTERVIEW, ("50", "50"))
    world.hear(second, "100")
    world.hear(first, "50")
    assert not isinstance(world.seal(VERIFICATION), Refusal)
    world.close_and_seal(INTERVIEW)
    assert _total(world, nominee) == "155/2"
    put = world.hold_meeting_until_motion(INTERVIEW)
    assert put is not None
    world.decide_and_announce(put[0], INTERVIEW, put[1])
    assert audit_strictly(world.checker.all) == []


def _total(world: Secretary, nominee: str) -> str:
    """Return what a nominee has in the interview's last seal."""
    sealed = world.ranking(INTERVIEW)
    rows = {row.nomination: str(row.total) for row in sealed.seals[sealed.current].event.standings}
    return rows[nominee]


def _carrying_from(at: Stage, source: Stage, version: int, one: Happened) -> Happened:
    """Return a stage's seals as if they carried from another version of an earlier one; other events as they are."""
    if not isinstance(one.event, RankingSealed) or one.event.at != at:
        return one
    points = tuple(
        point.model_copy(update={"version": version}) if point.stream == source.ranking else point
        for point in one.event.basis.carried
    )
    basis = one.event.basis.model_copy(update={"carried": points})
    return one._replace(event=one.event.model_copy(update={"basis": basis}))


def _seeing(version: int, award: str, one: Happened) -> Happened:
    """Return a seal as if it had seen an award at another version; other events as they are."""
    if not isinstance(one.event, RankingSealed):
        return one
    streams = tuple(
        point.model_copy(update={"version": version}) if point.stream == award else point
        for point in one.event.basis.streams
    )
    basis = one.event.basis.model_copy(update={"streams": streams})
    return one._replace(event=one.event.model_copy(update={"basis": basis}))
