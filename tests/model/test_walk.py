"""One season from its opening to a revoked certificate, walked by script: what the model must be able to reach."""

from __future__ import annotations

from datetime import timedelta

from kernel.decider import Refusal
from tests.model.documents import audit
from tests.model.rules import BODY_OF, DESK, INTERVIEW, PROVINCE, SELECTION, VERIFICATION
from tests.model.secretary import Secretary
from tests.model.world import LATECOMER, NOMINEES


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
