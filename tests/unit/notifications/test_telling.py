"""Who is told of what happened to many, to a body or to one nominee, and what is known afterwards."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from kernel.decider import Happened
from schemas.envelope import Stage
from schemas.nomination import (
    AdmissionDecided,
    AgendaItem,
    Announced,
    AppealDecided,
    AppealLodged,
    Candidate,
    CertificateIssued,
    CertificateRevoked,
    ConflictDeclared,
    ConflictLifted,
    DeadlineExtended,
    Defect,
    FigureDisputed,
    InterviewScheduled,
    MemberAppointed,
    MemberRemoved,
    MinutesCorrected,
    NominationAmended,
    NominationFiledLate,
    NominationRejected,
    NominationResubmitted,
    NominationReturned,
    NominationVerified,
    NominationWithdrawn,
    PlenaryConvened,
    PrizeAwarded,
    PrizeText,
    Quorum,
    RankingAnnounced,
    SeasonFrozen,
    SeasonUnfrozen,
    Shift,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
    Tally,
    Verdict,
    WinnerDeclared,
    WinnerWithdrawn,
)
from schemas.rulebook import Notice as Listed
from schemas.scoring import Assignment, ScorersAssigned, ScoringExtended
from services.notifications.domain.intents import Intent, intents_of
from services.notifications.domain.known import Known, Nominee, Seat, SeatKey, stage_of
from services.notifications.domain.telling import learn, notices_of
from services.notifications.domain.templates import GROUPS, LEGAL, RULES, TEMPLATES, told_roles
from services.notifications.texts import LOCALES, Contents, write_letter
from tests.unit.notifications.given import rulebook

A, B, LATE = (f"018f0000-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
BODY, CONTACT_A, CONTACT_B = (f"018f0000-0000-7000-8000-0000000000a{number}" for number in (1, 2, 3))
MEMBER, CHAIR, CLERK = (f"018f0000-0000-7000-8000-0000000000b{number}" for number in (1, 2, 3))
CAUSE, OTHER_CAUSE, PLENARY = (f"018f0000-0000-7000-8000-0000000000f{number}" for number in (1, 2, 3))
NOW = datetime(2021, 3, 1, 2, tzinfo=UTC)
NO_HASH = "0" * 64
DESK = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
NEXT = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
DECIDED: dict[str, Any] = {"plenary": PLENARY, "motion": 1}


def happened(event: Any, id_: str = CAUSE, time: datetime = NOW) -> Happened:
    return Happened(event=event, id=id_, stream="any/one", version=1, time=time)


def knowing() -> Known:
    """Two nominees of one nominating body at the desk, a late one, and three seats of the province's committee."""
    known = Known(rulebooks={"2020": rulebook()})
    for nomination, contact, name in ((A, CONTACT_A, "Kabupaten Bone Bolango"), (B, CONTACT_B, "Kota Gorontalo")):
        known.nominees[nomination] = Nominee(nomination, BODY, contact, name, "2020", "75", DESK.ranking, NOW)
    known.nominees[LATE] = Nominee(LATE, BODY, BODY, "Kabupaten Pohuwato", "2020", "75", DESK.ranking, NOW, "late")
    for office, person in (("sekretaris-daerah", CHAIR), ("kepala-bps", MEMBER), ("sekretaris-panitia", CLERK)):
        key = SeatKey("2020", "75", "panitia-9", office, 1)
        known.seats[key] = Seat(key, person, held=True)
    return known


def told(event: Any, known: Known | None = None) -> list[Intent]:
    """Return whom an event leads to telling, after it is known."""
    known = known or knowing()
    notices = notices_of(happened(event), known)
    learn(happened(event), known)
    return [intent for notice in notices for intent in intents_of(notice, known).intents]


def persons(intents: list[Intent]) -> set[str]:
    assert len({intent.message_id for intent in intents}) == len(intents)
    return {intent.person for intent in intents}


SEAT: dict[str, Any] = {"season": "2020", "province": "75", "body": "panitia-9", "office": "kepala-bps", "seat": 1}
CONFLICT: dict[str, Any] = {
    "season": "2020",
    "province": "75",
    "body": "panitia-9",
    "person": MEMBER,
    "category": "KABKOTA",
}
CANDIDATE = Candidate(kind="regency", code="75.03", name="Kabupaten Bone Bolango")
LATE_ONE: dict[str, Any] = {
    "nomination": LATE, "entry": DESK, "candidate": CANDIDATE, "nominating_body": "75", "nominated_by": BODY,
    "contact": CONTACT_A,
}  # fmt: skip
INTERVIEW: dict[str, Any] = {"begins": NOW, "ends": NOW + timedelta(minutes=30), "mode": "remote"}
UPHELD = AppealDecided(
    appeal=OTHER_CAUSE, nomination=A, at=DESK, seal=PLENARY, verdict=Verdict(outcome="upheld"), before=NO_HASH,
    **DECIDED,
    comparison=(
        Shift(nomination=A, rank_before=5, rank_after=4, total_before="801/10", total_after="811/10", change="enters"),
        Shift(nomination=B, rank_before=4, rank_after=5, total_before="809/10", total_after="809/10", change="leaves"),
    ),
)  # fmt: skip
CERTIFICATE: dict[str, Any] = {"certificate": OTHER_CAUSE, "number": "PRT/2020/1", "nomination": A}
MEETING = PlenaryConvened(
    plenary=PLENARY, season="2020", tier="provincial", province="75", body="panitia-9",
    scheduled=NOW + timedelta(days=7), agenda=(AgendaItem(category="KABKOTA", stage="seleksi"),),
)  # fmt: skip
BOTH = {BODY, CONTACT_A}
EVENTS: list[tuple[Any, str, set[str]]] = [
    (NominationFiledLate(**LATE_ONE, reason_digest=NO_HASH), "filed-late", {BODY, CONTACT_A, CLERK}),
    (
        NominationAmended(nomination=A, candidate=CANDIDATE, contact=MEMBER, reason_digest=NO_HASH),
        "amended",
        {BODY, MEMBER},
    ),
    (
        FigureDisputed(nomination=A, aspect="kinerja", measure=rulebook().measures[0].code, reason_digest=NO_HASH),
        "disputed",
        BOTH,
    ),
    (NominationVerified(nomination=A, at=DESK, verifier=MEMBER, office="kepala-bps"), "verified", BOTH),
    (
        NominationReturned(
            nomination=A,
            at=DESK,
            verifier=MEMBER,
            office="kepala-bps",
            until=NOW,
            defects=(Defect(part="evidence", text_digest=NO_HASH), Defect(part="evidence", text_digest=NO_HASH)),
        ),
        "returned",
        BOTH,
    ),
    (NominationResubmitted(nomination=A, at=DESK), "resubmitted", {BODY, MEMBER, CHAIR, CLERK}),
    (
        NominationRejected(nomination=A, at=DESK, verifier=MEMBER, office="kepala-bps", reason_digest=NO_HASH),
        "rejected",
        BOTH,
    ),
    (NominationWithdrawn(nomination=A, at=DESK, reason_digest=NO_HASH), "withdrawn", {*BOTH, CLERK}),
    (InterviewScheduled(nomination=A, at=DESK, **INTERVIEW), "interview-scheduled", BOTH),
    (
        StageAdvanceWithdrawn(nomination=A, left=NEXT, returned=DESK, appeal=CAUSE, seal=CAUSE, **DECIDED),
        "advance-withdrawn",
        BOTH,
    ),
    (WinnerDeclared(nomination=A, at=DESK, rank=1, seal=CAUSE, **DECIDED), "won", BOTH),
    (WinnerWithdrawn(nomination=A, at=DESK, rank=1, appeal=CAUSE, **DECIDED), "win-withdrawn", BOTH),
    (PrizeAwarded(nomination=A, at=DESK, rank=1, prize=PrizeText(id="Mobil", en="A car"), **DECIDED), "prize", BOTH),
    (
        CertificateIssued(
            **CERTIFICATE,
            kind=rulebook().certificates[0].code,
            given_to="winner",
            candidate="Kota",
            at=DESK,
            dated=NOW.date(),
            rulebook_version=1,
        ),
        "certificate",
        BOTH,
    ),
    (CertificateRevoked(**CERTIFICATE, appeal=CAUSE), "certificate-revoked", BOTH),
    (MemberAppointed(**SEAT | {"seat": 2}, person=CONTACT_B), "appointed", {CONTACT_B}),
    (MemberAppointed(**SEAT, person=CONTACT_B), "succeeded", {CONTACT_B}),
    (MemberRemoved(**SEAT, person=MEMBER, reason_digest=NO_HASH), "removed", {MEMBER}),
    (
        ConflictDeclared(**CONFLICT, nomination=A, kind="family", reason_digest=NO_HASH),
        "conflict-declared",
        {MEMBER, CLERK},
    ),
    (ConflictLifted(**CONFLICT, reason_digest=NO_HASH), "conflict-lifted", {MEMBER, CLERK}),
    (MEETING, "convened", {MEMBER, CHAIR, CLERK}),
    (
        ScorersAssigned(
            at=DESK,
            seed=NO_HASH,
            per_nominee=1,
            assignments=(
                Assignment(nomination=A, members=(MEMBER,)),
                Assignment(nomination=B, members=(MEMBER, CHAIR)),
            ),
        ),
        "assigned",
        {MEMBER, CHAIR},
    ),
    (
        ScoringExtended(at=DESK, previous=NOW, until=NOW, reason_digest=NO_HASH),
        "scoring-extended",
        {MEMBER, CHAIR, CLERK},
    ),
    (
        DeadlineExtended(season="2020", window="nomination", until=NOW, reason_digest=NO_HASH),
        "nominations-extended",
        {BODY, CLERK},
    ),
    (
        DeadlineExtended(season="2020", window="nomination", province="13", until=NOW, reason_digest=NO_HASH),
        "nominations-extended",
        set(),
    ),
    (
        AppealLodged(
            appeal=CAUSE, nomination=A, at=DESK, by=BODY, capacity="nominating-body", reason_digest=NO_HASH, **DECIDED
        ),
        "appeal-lodged",
        {*BOTH, CLERK},
    ),
    (StageFrozen(at=DESK, stages=(DESK,), appeal=CAUSE), "stage-frozen", {*BOTH, CONTACT_B, CLERK}),
    (StageUnfrozen(at=DESK, stages=(NEXT,), appeal=CAUSE), "stage-unfrozen", set()),
    (UPHELD, "appeal-decided", {*BOTH, CONTACT_B}),
    (
        SeasonFrozen(season="2020", first=CAUSE, second=CAUSE, reason_digest=NO_HASH),
        "season-frozen",
        {*BOTH, CONTACT_B, MEMBER, CHAIR, CLERK},
    ),
    (
        SeasonUnfrozen(season="2020", first=CAUSE, second=CAUSE, reason_digest=NO_HASH),
        "season-unfrozen",
        {*BOTH, CONTACT_B, MEMBER, CHAIR, CLERK},
    ),
]


@pytest.mark.parametrize(("event", "template", "whom"), EVENTS)
def test_whom_an_event_tells_by_default(event, template, whom):
    intents = told(event)
    assert persons(intents) == whom
    assert {intent.notice.template for intent in intents} <= {template}
    assert RULES[template].event == type(event).__name__


@pytest.mark.parametrize(("event", "template", "whom"), EVENTS)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_can_be_written_and_shows_no_total(event, template, whom, locale):
    known = knowing()
    for intent in told(event, known):
        # As it lies in a table: JSON values.
        params = orjson.loads(orjson.dumps(intent.params))
        names = {one: known.nominees[one].candidate for one in intent.nominations}
        notice = intent.notice
        contents = Contents(
            notice.template, params, intent.nominations, names, notice.sample, notice.recorded, intent.message_id
        )
        letter = write_letter(contents, rulebook(), locale)
        assert not re.search(r"\$[a-z{]|None|[0-9]+/10\b", letter.subject + letter.body), letter.body


def test_every_template_is_of_a_group_and_decisions_are_legal_notices():
    assert set(RULES) == set(TEMPLATES)
    assert {rule.group for rule in RULES.values()} == set(GROUPS)
    assert {RULES[one].group for one in ("rejected", "eliminated", "announced", "appeal-decided")} <= LEGAL


def test_a_rulebook_goes_before_the_defaults_for_the_roles_it_speaks_of():
    listed = [Listed(event="NominationWithdrawn", to=("members",), assumed=True)]
    assert told_roles("withdrawn", listed) == ("members", "secretary")
    assert told_roles("nominated", listed) == RULES["nominated"].to
    ruled = knowing()
    ruled.rulebooks["2020"] = rulebook().model_copy(update={"notices": tuple(listed)})
    event = NominationWithdrawn(nomination=A, at=DESK, reason_digest=NO_HASH)
    assert persons(told(event, ruled)) == {MEMBER, CHAIR, CLERK}


def test_each_reads_of_their_own_nominees_before_and_after_only():
    own = {intent.person: intent.params["own"] for intent in told(UPHELD)}
    assert [line["nomination"] for line in own[CONTACT_A]] == [A]
    assert [line["nomination"] for line in own[CONTACT_B]] == [B]
    assert [line["nomination"] for line in own[BODY]] == [A, B]
    assert "total" not in orjson.dumps([intent.params for intent in told(UPHELD)]).decode()


def test_a_member_reads_how_many_sheets_are_their_own():
    event = next(event for event, template, _ in EVENTS if template == "assigned")
    assert {i.person: i.params["own"] for i in told(event)} == {MEMBER: [{"sheets": 2}], CHAIR: [{"sheets": 1}]}


def test_an_interview_is_moved_only_within_its_stage():
    known = knowing()
    first = InterviewScheduled(nomination=A, at=DESK, **INTERVIEW)
    templates = [told(first, known)[0].notice.template for _ in range(2)]
    elsewhere = told(InterviewScheduled(nomination=A, at=NEXT, **INTERVIEW), known)[0].notice.template
    assert [*templates, elsewhere] == ["interview-scheduled", "interview-moved", "interview-scheduled"]


def test_a_ranking_announced_again_is_a_correction():
    known = knowing()
    lines = (Announced(nomination=A, candidate="Kota", rank=1, outcome="advanced"),)
    event = RankingAnnounced(at=DESK, seal=CAUSE, digest=NO_HASH, lines=lines, **DECIDED)
    assert [told(event, known)[0].notice.template for _ in range(2)] == ["announced", "corrected"]


@pytest.mark.parametrize(("outcome", "template"), [("carried", "admitted"), ("lost", "not-admitted")])
def test_a_late_nomination_hears_what_the_plenary_decided(outcome, template):
    votes, quorum = Tally(votes_for=1, votes_against=0, abstained=0), Quorum(seats=9, present=6, required=6)
    event = AdmissionDecided(
        nomination=LATE, item=AgendaItem(category="KABKOTA", stage="seleksi"), outcome=outcome, tally=votes,
        quorum=quorum, rulebook_version=1, results=(), **DECIDED,
    )  # fmt: skip
    (intent,) = told(event)
    assert (intent.person, intent.notice.template) == (BODY, template)


def test_who_joins_a_body_is_told_of_its_meetings_to_come_under_the_same_id():
    known = knowing()
    (before,) = [intent for intent in told(MEETING, known) if intent.person == MEMBER]
    joining = told(MemberAppointed(**SEAT, person=MEMBER), known)
    assert [intent.notice.template for intent in joining] == ["succeeded", "convened"]
    assert joining[1].message_id == before.message_id
    past = happened(MemberAppointed(**SEAT, person=MEMBER), time=NOW + timedelta(days=8))
    assert [notice.template for notice in notices_of(past, known)] == ["succeeded"]


def test_minutes_are_corrected_for_those_who_sit_there():
    known = knowing()
    told(MEETING, known)
    event = MinutesCorrected(plenary=PLENARY, number=1, text_digest=NO_HASH)
    assert persons(told(event, known)) == {MEMBER, CHAIR, CLERK}


def test_who_left_a_seat_is_told_of_nothing_further():
    known = knowing()
    told(MemberRemoved(**SEAT, person=MEMBER, reason_digest=NO_HASH), known)
    assert persons(told(MEETING, known)) == {CHAIR, CLERK}


def test_a_nominee_stands_where_its_last_event_left_it():
    known = knowing()

    def after(event: Any) -> Nominee:
        told(event, known)
        return known.nominees[A]

    advanced = StageAdvanced(nomination=A, left=DESK, reached=NEXT, rank=1, seal=CAUSE, **DECIDED)
    assert stage_of(after(advanced).at) == NEXT
    returned = next(event for event, template, _ in EVENTS if template == "returned")
    assert (after(returned).standing, known.nominees[A].mend_until) == ("returned", NOW)
    assert (after(NominationResubmitted(nomination=A, at=NEXT)).standing, known.nominees[A].mend_until) == (
        "competing",
        None,
    )
    back = StageAdvanceWithdrawn(nomination=A, left=NEXT, returned=DESK, appeal=CAUSE, seal=CAUSE, **DECIDED)
    assert (after(back).standing, stage_of(known.nominees[A].at)) == ("out", DESK)
    assert [one.nomination for one in known.standing_in("2020")] == [B]
    assert [one.nomination for one in known.standing_at([DESK.ranking], by=NOW)] == [B]
