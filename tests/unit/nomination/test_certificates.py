"""Specs of certificates: to whom, by whom, when, with which number, and what an appeal revokes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.nomination import (
    AppealDecided,
    AppealLodged,
    CertificateIssued,
    CertificateRevoked,
    DecisionContested,
    DecisionReviewed,
    RankingAnnounced,
    StageFrozen,
    Verdict,
    WinnerDeclared,
    WinnerWithdrawn,
)
from services.nomination.domain.certificates import (
    OPEN_APPEAL,
    certificates_due,
    number_of,
)
from services.nomination.domain.plenary import Actor
from tests.unit.nomination.award_scene import (
    FINAL,
    HEARD,
    JURY_CHAIR,
    JURY_SECRETARY,
    AwardScene,
    announced,
    heard,
    record,
    revocations,
    selected,
    with_quotas,
    won,
)
from tests.unit.nomination.scene import AT, CHAIR, PLENARY_ID, REASON, accepted, opened, person, refused, rulebook

FINALIST, WINNER = "piagam-finalis-wawancara", "piagam-pemenang"
APPEAL = person("appeal")


def issued(events: Iterable[Any]) -> list[tuple[str, str, int | None]]:
    return [(one.kind, one.nomination, one.rank) for one in events]


def test_winners_and_every_finalist_receive_their_certificates():
    scene, ids = announced(1, 2, 3, 4)
    events = scene.given(scene.issue())
    assert all(isinstance(event, CertificateIssued) for event in events)
    by_code = [ids[2], ids[3], ids[0], ids[1]]  # 75.01, 75.02, 75.03, 75.71
    assert issued(events) == [
        *((FINALIST, id_, None) for id_ in by_code),
        *((WINNER, id_, rank) for rank, id_ in enumerate(ids[:3], start=1)),
    ]
    first, last = events[0], events[-1]
    assert isinstance(first, CertificateIssued)
    assert isinstance(last, CertificateIssued)
    assert first.number == "001/PIAGAM-FINALIS-WAWANCARA/KABKOTA/PA-2020"
    assert last.number == "003/PIAGAM-PEMENANG/KABKOTA/PA-2020"
    assert (first.given_to, first.candidate, first.at) == ("finalist", "Kabupaten Gorontalo", FINAL)
    assert (last.given_to, last.rulebook_version, last.sample) == ("winner", 1, False)


def test_a_finalist_who_withdrew_keeps_the_certificate():
    scene, ids = heard(1, 2, 3, 4)
    scene.given(scene.withdraw(ids[3]))
    scene.seal([(id_, rank) for rank, id_ in enumerate(ids[:3], start=1)], at=FINAL)
    scene.settle("dewan-juri", HEARD, JURY_CHAIR)
    scene.given(scene.announce(JURY_CHAIR))
    events = scene.given(scene.issue())
    assert (FINALIST, ids[3], None) in issued(events)


def test_who_withdrew_before_the_stage_is_no_finalist():
    scene, ids, _ = selected(1, 2, rules=with_quotas(2))
    scene.given(scene.withdraw(ids[0]))
    due = certificates_due(rulebook(), FINAL, scene.award(FINAL), scene.nominations())
    assert due == ()


def test_certificates_are_issued_once():
    scene, _ = announced(1, 2, 3)
    scene.given(scene.issue())
    assert accepted(scene.issue()) == ()


def test_the_secretary_issues_too():
    scene, _ = announced(1)
    assert accepted(scene.issue(JURY_SECRETARY))


@pytest.mark.parametrize("actor", [Actor(person("juri 1")), Actor(person("stranger")), Actor(CHAIR)])
def test_nobody_else_issues(actor):
    scene, _ = announced(1)
    refused(scene.issue(actor), "not-in-office", "actor")


def test_no_certificate_before_the_announcement():
    scene, _, _ = won(1, 2)
    refused(scene.issue(), "certificates-before-announcement", "category")


def test_no_certificate_before_the_announcement_of_a_verdict():
    scene, _ = announced(1, 2)
    said = scene.last(FINAL.award).event
    assert isinstance(said, RankingAnnounced)
    reviewed = DecisionReviewed(at=FINAL, appeal=APPEAL, seal=said.seal, outcome="upheld", digest=REASON)
    record(scene, FINAL.award, reviewed)
    refused(scene.issue(), "certificates-before-verdict", "category")
    record(scene, FINAL.award, said.model_copy(update={"motion": 2, "digest": REASON}))
    assert accepted(scene.issue())


def test_a_dismissed_appeal_holds_no_certificate():
    scene, ids = announced(1, 2)
    said = scene.last(FINAL.award).event
    assert isinstance(said, RankingAnnounced)
    decision = {"plenary": said.plenary, "motion": said.motion}
    contested = DecisionContested.model_validate(
        {"at": FINAL, "nomination": ids[1], "appeal": APPEAL, "number": 1, **decision}
    )
    record(
        scene,
        FINAL.award,
        contested,
        DecisionReviewed(at=FINAL, appeal=APPEAL, seal=said.seal, outcome="dismissed", digest=said.digest),
    )
    assert accepted(scene.issue())


def test_no_certificate_while_an_appeal_is_open():
    scene, _ = announced(1, 2)
    refused(scene.issue(open_appeals=[APPEAL]), "certificates-under-appeal", "category")


def test_no_certificate_while_an_appeal_holds_a_stage_of_the_path():
    scene, _ = announced(1, 2)
    record(scene, FINAL.award, StageFrozen(at=AT, stages=(FINAL,), appeal=APPEAL))
    refused(scene.issue(), "certificates-under-appeal", "category")


@pytest.mark.parametrize("other", [{"category": "DESA"}, {"province": "75"}, {"tier": "provincial"}])
def test_no_certificate_on_a_path_that_is_not_there(other):
    scene, _ = announced(1)
    refused(scene.issue(**other), "award-unknown", "category")


def test_no_certificate_of_a_season_that_is_not_open():
    scene, _ = announced(1)
    refused(scene.issue(season="1999"), "season-unknown", "season")


def test_no_certificate_of_a_committee_that_is_not_formed():
    scene = opened()
    decision = type(announced(1)[0]).issue(scene, JURY_CHAIR)  # type: ignore[arg-type]
    refused(decision, "committee-unknown", "body")


def test_a_certificate_is_dated_in_the_zone_of_its_place():
    scene, _ = announced(1)
    # 23.30 in Jakarta on 30 June, and 1 July in the east.
    (event, *_) = accepted(scene.issue(received=datetime(2021, 6, 30, 16, 30, tzinfo=UTC)))
    assert event.event.dated == date(2021, 6, 30)
    (event, *_) = accepted(scene.issue(received=datetime(2021, 6, 30, 17, 0, tzinfo=UTC)))
    assert event.event.dated == date(2021, 7, 1)


def test_a_province_certifies_those_whom_it_sends_on():
    certificate = {
        "code": "piagam-provinsi",
        "title": {"id": "Piagam", "en": "Certificate"},
        "tier": "provincial",
        "given_to": "winner",
        "assumed": True,
    }
    scene, ids, _ = selected(1, 2, 3, rules=with_quotas(2, certificates=[certificate]))
    scene.given(scene.announce(Actor(CHAIR)))
    events = scene.given(scene.issue(Actor(CHAIR), AT))
    assert issued(events) == [("piagam-provinsi", ids[0], 1), ("piagam-provinsi", ids[1], 2)]
    assert events[0].number == "001/PIAGAM-PROVINSI/KABKOTA/PROV-75/PA-2020"  # type: ignore[attr-defined]


def test_numbers_differ_between_the_places_of_a_season():
    assert number_of(12, WINNER, FINAL) == "012/PIAGAM-PEMENANG/KABKOTA/PA-2020"
    assert number_of(1000, WINNER, AT) == "1000/PIAGAM-PEMENANG/KABKOTA/PROV-75/PA-2020"


# --- after an appeal -----------------------------------------------------------------------------------------------


def overturned() -> tuple[AwardScene, list[str], list[Any]]:
    """Return a scene with all certificates issued, in which an appeal then swaps the first two winners."""
    scene, ids = announced(1, 2, 3)
    before = scene.given(scene.issue())
    cited = {"at": FINAL, "plenary": PLENARY_ID, "motion": 2}
    withdrawn = [WinnerWithdrawn(nomination=ids[i], rank=i + 1, appeal=APPEAL, **cited) for i in (0, 1)]
    seal = scene.last(FINAL.ranking).id
    declared = [WinnerDeclared(nomination=ids[i], rank=2 - i, seal=seal, **cited) for i in (0, 1)]
    record(scene, FINAL.award, *withdrawn, *declared)
    return scene, ids, before


def test_an_upheld_appeal_revokes_what_says_something_else_now():
    scene, ids, before = overturned()
    due = certificates_due(rulebook(), FINAL, scene.award(FINAL), scene.nominations())
    revoked = list(revocations(scene.award(FINAL), due, APPEAL))
    assert {event.nomination for event in revoked} == set(ids[:2])
    assert {event.number for event in revoked} == {
        event.number for event in before if event.kind == WINNER and event.nomination in ids[:2]
    }


def test_after_the_appeal_what_is_due_is_issued_anew_under_new_numbers():
    scene, ids, before = overturned()
    due = certificates_due(rulebook(), FINAL, scene.award(FINAL), scene.nominations())
    record(scene, FINAL.award, *revocations(scene.award(FINAL), due, APPEAL))
    assert not list(revocations(scene.award(FINAL), due, APPEAL))
    again = scene.given(scene.issue())
    assert issued(again) == [(WINNER, ids[1], 1), (WINNER, ids[0], 2)]
    numbers = [event.number for event in (*before, *again)]
    assert numbers[-2:] == ["004/PIAGAM-PEMENANG/KABKOTA/PA-2020", "005/PIAGAM-PEMENANG/KABKOTA/PA-2020"]
    assert len(set(numbers)) == len(numbers)
    assert accepted(scene.issue()) == ()


def test_a_revoked_certificate_is_not_forgotten():
    scene, ids = announced(1)
    (first, *_) = scene.given(scene.issue())
    assert isinstance(first, CertificateIssued)
    revoked = CertificateRevoked(certificate=first.certificate, number=first.number, nomination=ids[0], appeal=APPEAL)
    record(scene, FINAL.award, revoked)
    assert [one.revoked for one in scene.award(FINAL).certificates] == [True, False]


def test_an_appeal_is_open_until_it_is_decided():
    scene, ids = announced(1)
    stream = f"appeal/{APPEAL}"
    assert scene.fold(OPEN_APPEAL, stream) is False
    lodged = AppealLodged(
        appeal=APPEAL, nomination=ids[0], at=FINAL, plenary=PLENARY_ID, motion=1, by=person("contact"),
        capacity="contact", reason_digest=REASON,
    )  # fmt: skip
    record(scene, stream, lodged)
    assert scene.fold(OPEN_APPEAL, stream) is True
    decided = AppealDecided(
        appeal=APPEAL, nomination=ids[0], at=FINAL, plenary=PLENARY_ID, motion=2, seal=scene.last(FINAL.ranking).id,
        verdict=Verdict(outcome="dismissed"), before="00" * 32,
    )  # fmt: skip
    record(scene, stream, decided)
    assert scene.fold(OPEN_APPEAL, stream) is False
