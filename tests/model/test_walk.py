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
