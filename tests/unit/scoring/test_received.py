"""What scoring makes of the nomination service's streams."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from schemas.nomination import (
    AppealDecided,
    AppealLodged,
    CommitteeFormed,
    ConflictDeclared,
    ConflictLifted,
    DecisionReviewed,
    MemberAppointed,
    MemberRemoved,
    NominationAmended,
    NominationEliminated,
    NominationFiledLate,
    NominationReinstated,
    NominationRejected,
    NominationWithdrawn,
    ResealOrdered,
    RulebookAmended,
    RulebookPublished,
    SeasonClosed,
    SeasonFrozen,
    SeasonOpened,
    SeasonUnfrozen,
    StageAdvanced,
    StageAdvanceWithdrawn,
    StageFrozen,
    StageUnfrozen,
)
from services.scoring.domain.received import (
    AWARD,
    COMMITTEE,
    NOMINATION,
    SEASON,
    VERDICT,
    Ground,
    Interest,
    Nomination,
    Order,
    Term,
    Unheard,
    Unknown,
    Verdict,
    committee_stream,
    verdict_stream,
)
from tests.unit.scoring.given import (
    AT,
    BODY,
    DIGEST,
    MEMBER,
    N1,
    N2,
    NATIONAL,
    NOW,
    STRANGER,
    a_candidate,
    an_id,
    happened,
    nominated,
    nominee,
    pinned,
)


def test_the_newest_rulebook_is_in_force():
    history = happened(
        "season/2020",
        [
            SeasonOpened(season="2020", title="2020", rulebook_version=1, rulebook_hash=DIGEST),
            RulebookPublished(season="2020", version=1, hash=DIGEST, content={"a": 1}),
            RulebookAmended(season="2020", version=2, hash="e" * 64, content={"a": 2}, reason_digest=DIGEST),
        ],
    )
    season = SEASON.fold(history)
    assert (season.version, season.hash, season.content) == (2, "e" * 64, {"a": 2})
    assert SEASON.fold(()).version == 0


def test_every_version_of_the_rulebook_is_kept():
    amended = RulebookAmended(season="2020", version=2, hash=DIGEST, content={"a": 2}, reason_digest=DIGEST)
    published = RulebookPublished(season="2020", version=1, hash=DIGEST, content={"a": 1})
    season = SEASON.fold(happened("season/2020", [published, amended]))
    assert season.versions == {1: {"a": 1}, 2: {"a": 2}}


def test_a_season_is_frozen_until_it_is_unfrozen_and_closed_for_good():
    two: dict[str, Any] = {"season": "2020", "first": an_id("one"), "second": an_id("two")}
    frozen, unfrozen = (kind(**two, reason_digest=DIGEST) for kind in (SeasonFrozen, SeasonUnfrozen))
    published = RulebookPublished(season="2020", version=1, hash=DIGEST, content={"a": 1})
    histories: tuple[list[Any], ...] = (
        [],
        [frozen],
        [frozen, unfrozen],
        [frozen, unfrozen, frozen],
        [SeasonClosed(**two)],
    )
    holds = [SEASON.fold(happened("season/2020", [published, *history])).hold for history in histories]
    assert holds == [None, "frozen", None, "frozen", "closed"]
    amended = RulebookAmended(season="2020", version=2, hash=DIGEST, content={}, reason_digest=DIGEST)
    assert SEASON.fold(happened("season/2020", [published, frozen, amended])).hold == "frozen"
    assert SEASON.fold(happened("season/2020", [published, SeasonClosed(**two), unfrozen])).hold == "closed"


def test_a_season_knows_the_zone_of_each_place():
    content = {"calendar": {"zone": "Asia/Jakarta"}, "regions": {"table": "kemendagri-2020"}}
    season = SEASON.fold(
        happened("season/2020", [RulebookPublished(season="2020", version=1, hash=DIGEST, content=content)])
    )
    assert [season.zone(place) for place in ("00", "75", "81")] == ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"]


def appointed(person: str, office: str = "ketua-apindo", seat: int = 1, **also: Any) -> MemberAppointed:
    return MemberAppointed(season="2020", province="75", body=BODY, office=office, seat=seat, person=person, **also)


def removed(person: str) -> MemberRemoved:
    return MemberRemoved(
        season="2020", province="75", body=BODY, office="ketua-apindo", seat=1, person=person, reason_digest=DIGEST
    )


FORMED = CommitteeFormed(
    season="2020",
    province="75",
    body=BODY,
    decree="SK 1/2020",
    term_from=date(2020, 9, 1),
    term_until=date(2021, 9, 1),
)


def test_a_committee_is_known_as_it_was_at_every_version_of_its_stream():
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER), removed(MEMBER)]))
    holders = [[*committee.as_of(version).holders.values()] for version in range(5)]
    assert holders == [[], [], [MEMBER], [], []]
    assert [committee.as_of(version).version for version in range(5)] == [0, 1, 2, 3, 3]


def test_a_committee_is_its_bodies_and_who_sits_in_them():
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER)]))
    assert committee.terms == {BODY: (Term(date(2020, 9, 1), date(2021, 9, 1)),)}
    assert committee.offices_of(BODY, MEMBER) == ("ketua-apindo",)
    assert committee.offices_of("dewan-juri", MEMBER) == ()
    assert not committee.has_left(BODY, STRANGER)


def test_a_member_leaves_by_removal_or_when_the_seat_goes_to_another():
    for last in (removed(MEMBER), appointed(STRANGER)):
        committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER), last]))
        assert committee.has_left(BODY, MEMBER)
        assert committee.offices_of(BODY, MEMBER) == ()


def test_a_seat_once_held_is_remembered_with_its_office_however_it_was_left_and_taken_again():
    for last in (
        [removed(MEMBER)],
        [appointed(STRANGER)],
        [removed(MEMBER), appointed(MEMBER).model_copy(update={"office": "sekretaris-panitia"})],
    ):
        committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER), *last]))
        assert committee.has_sat(BODY, MEMBER, ["ketua-apindo"])
        assert not committee.has_sat(BODY, MEMBER, ["sekretaris-daerah"])
        assert not committee.has_sat("dewan-juri", MEMBER, ["ketua-apindo"])


def test_who_sits_now_has_sat_and_who_only_keeps_the_record_has_not():
    keeper = appointed(STRANGER).model_copy(update={"office": "sekretaris-panitia"})
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER), keeper]))
    assert committee.has_sat(BODY, MEMBER, ["ketua-apindo"])
    assert not committee.has_sat(BODY, STRANGER, ["ketua-apindo"])


def test_interests_add_up_and_reach_as_far_as_the_rulebook_says():
    declared = [
        ConflictDeclared(
            season="2020",
            province="75",
            body=BODY,
            person=MEMBER,
            category=category,
            nomination=nomination,
            kind="family",
            reason_digest=DIGEST,
        )
        for category, nomination in (("KABKOTA", N1), ("BESAR", None))
    ]
    committee = COMMITTEE.fold(happened("committee/2020/75", declared))
    assert committee.interests[MEMBER] == {Interest("KABKOTA", N1), Interest("BESAR", None)}
    candidate, category = pinned(conflict_scope="candidate"), pinned(conflict_scope="category")
    assert committee.is_recused(MEMBER, nominee(N1), candidate)
    assert not committee.is_recused(MEMBER, nominee(N2), candidate)
    assert committee.is_recused(MEMBER, nominee(N2), category)
    assert committee.is_recused(MEMBER, nominee(N2, category="BESAR"), candidate)
    assert not committee.is_recused(STRANGER, nominee(N2, category="BESAR"), candidate)


def test_an_interest_is_lifted_alone_and_can_be_declared_again():
    declared = [_interest(ConflictDeclared, N1), _interest(ConflictDeclared, None)]
    lifted = [*declared, _interest(ConflictLifted, None)]
    committee = COMMITTEE.fold(happened("committee/2020/75", lifted))
    assert committee.interests[MEMBER] == {Interest("KABKOTA", N1)}
    again = COMMITTEE.fold(happened("committee/2020/75", [*lifted, declared[1]]))
    assert again.interests[MEMBER] == {Interest("KABKOTA", N1), Interest("KABKOTA", None)}


def _interest(kind: Any, nomination: str | None) -> Any:
    said: dict[str, Any] = {
        "season": "2020",
        "province": "75",
        "body": BODY,
        "person": MEMBER,
        "category": "KABKOTA",
        "nomination": nomination,
        "reason_digest": DIGEST,
    }
    return kind(**said, **({"kind": "family"} if kind is ConflictDeclared else {}))


OWN = pinned(own_employer="refused", own_government="flagged")


def test_whom_a_member_belongs_to_is_what_its_latest_appointment_says():
    first, corrected = appointed(MEMBER, employer="A1"), appointed(MEMBER, government="75.03")
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, first]))
    assert committee.grounds(MEMBER, nominee(N1, "A1", "employer"), OWN) == (Ground("own-employer"),)
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, first, removed(MEMBER), corrected]))
    assert committee.grounds(MEMBER, nominee(N1, "A1", "employer"), OWN) == ()
    assert committee.grounds(MEMBER, nominee(N1), OWN) == (Ground("own-government", flagged=True),)
    assert not committee.is_recused(MEMBER, nominee(N1), OWN)


def test_whom_a_member_belongs_to_stays_known_when_it_has_left():
    committee = COMMITTEE.fold(
        happened("committee/2020/75", [FORMED, appointed(MEMBER, employer="A1"), removed(MEMBER)])
    )
    assert committee.is_recused(MEMBER, nominee(N1, "A1", "employer"), OWN)


def test_whom_a_member_belongs_to_counts_in_every_body_of_the_place():
    elsewhere = appointed(MEMBER).model_copy(update={"body": "tim-verifikasi"})
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER, employer="A1"), elsewhere]))
    assert committee.is_recused(MEMBER, nominee(N1, "A1", "employer"), OWN)


ADVANCED = StageAdvanced(
    nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("plenary"), motion=1, seal=an_id("seal")
)


def test_a_nomination_is_where_it_was_advanced_to():
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(sample=True), ADVANCED]))
    assert nomination == Nomination(
        N1, a_candidate(), NOW, (AT, NATIONAL), sample=True, nominating_body="75", contact=an_id("contact")
    )
    assert nomination.now_at == NATIONAL
    assert nomination.is_eligible(AT)
    assert nomination.is_eligible(NATIONAL)
    assert nomination.reached("provincial", "verifikasi") is None


def test_who_withdrew_or_was_eliminated_is_ranked_nowhere():
    withdrawn = NominationWithdrawn(nomination=N1, at=AT, reason_digest=DIGEST)
    eliminated = NominationEliminated(
        nomination=N1, at=AT, reason="below-quota", plenary=an_id("plenary"), motion=1, seal=an_id("seal")
    )
    for last, standing in ((withdrawn, "withdrawn"), (eliminated, "eliminated")):
        nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), last]))
        assert isinstance(nomination, Nomination)
        assert nomination.standing == standing
        assert not nomination.is_eligible(AT)


RETURNED = StageAdvanceWithdrawn(
    nomination=N1,
    left=NATIONAL,
    returned=AT,
    appeal=an_id("appeal"),
    plenary=an_id("plenary"),
    motion=2,
    seal=an_id("seal"),
)


def test_an_advance_that_an_appeal_withdrew_ends_the_way_at_the_stage_it_returns_to():
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), ADVANCED, RETURNED]))
    assert isinstance(nomination, Nomination)
    assert (nomination.now_at, nomination.standing, nomination.fallen) == (AT, "eliminated", (NATIONAL,))
    assert not nomination.is_eligible(NATIONAL)
    assert nomination.has_been_at(NATIONAL)
    assert nomination.reached("national", "verifikasi") is None
    assert nomination.was_at("national", "verifikasi") == NATIONAL


def test_a_later_advance_revives_who_was_returned_or_eliminated():
    eliminated = NominationEliminated(
        nomination=N1, at=AT, reason="below-quota", plenary=an_id("plenary"), motion=1, seal=an_id("seal")
    )
    for before in ([ADVANCED, RETURNED], [eliminated]):
        nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), *before, ADVANCED]))
        assert isinstance(nomination, Nomination)
        assert (nomination.path, nomination.fallen, nomination.standing) == ((AT, NATIONAL), (), "competing")
        assert nomination.competes_at(NATIONAL)


def test_who_is_reinstated_competes_where_it_was_eliminated():
    by = {"nomination": N1, "at": AT, "plenary": an_id("plenary"), "motion": 1, "seal": an_id("seal")}
    history = [NominationEliminated(reason="below-quota", **by), NominationReinstated(appeal=an_id("appeal"), **by)]
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), *history]))
    assert isinstance(nomination, Nomination)
    assert nomination.competes_at(AT)


def test_who_was_rejected_stays_rejected_when_an_appeal_takes_its_advance():
    rejected = NominationRejected(
        nomination=N1, at=NATIONAL, verifier=MEMBER, office="verifikator", reason_digest=DIGEST
    )  # fmt: skip
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), ADVANCED, rejected, RETURNED]))
    assert isinstance(nomination, Nomination)
    assert (nomination.path, nomination.fallen, nomination.standing) == ((AT,), (NATIONAL,), "rejected")


def test_a_rejected_nomination_is_out_and_an_amended_one_has_its_new_name():
    rejected = NominationRejected(nomination=N1, at=AT, verifier=MEMBER, office="verifikator", reason_digest=DIGEST)
    amended = NominationAmended(
        nomination=N1, candidate=a_candidate(name="Bone Bolango"), contact=an_id("another"), reason_digest=DIGEST
    )
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(), amended, rejected]))
    assert isinstance(nomination, Nomination)
    assert (nomination.standing, nomination.candidate.name) == ("rejected", "Bone Bolango")
    assert nomination.contact == an_id("another")
    assert not nomination.is_eligible(AT)


def test_what_was_filed_late_competes_once_it_is_admitted():
    late = NominationFiledLate(**nominated().model_dump(), reason_digest=DIGEST)
    assert NOMINATION.fold(happened(f"nomination/{N1}", [late])) == Unknown()
    admitted = NOMINATION.fold(happened(f"nomination/{N1}", [late, nominated()]))
    assert isinstance(admitted, Nomination)
    assert admitted.is_eligible(AT)


def test_a_stream_that_does_not_begin_with_a_nomination_is_none():
    assert NOMINATION.fold(happened("nomination/x", [ADVANCED])) == Unknown()


def test_the_latest_order_for_a_ranking_counts():
    orders = [ResealOrdered(ranking=AT.ranking, seal=an_id(seal), stale=()) for seal in ("first", "second")]
    history = happened(AT.award, orders)
    assert AWARD.fold(history).orders == {AT.ranking: Order(history[1].id, an_id("second"))}


def test_an_appeal_holds_the_stages_it_names_until_it_is_decided():
    def held(kind: Any, appeal: str, *stages: Any) -> Any:
        return kind(at=AT, stages=stages, appeal=an_id(appeal))

    first = held(StageFrozen, "one", NATIONAL, INTERVIEW)
    history = [first, held(StageFrozen, "two", NATIONAL), held(StageUnfrozen, "one", NATIONAL, INTERVIEW)]
    award = AWARD.fold(happened(AT.award, history[:2]))
    assert award.holding(NATIONAL) == tuple(sorted((an_id("one"), an_id("two"))))
    assert (award.holding(INTERVIEW), award.holding(AT)) == ((an_id("one"),), ())
    award = AWARD.fold(happened(AT.award, history))
    assert (award.holding(NATIONAL), award.holding(INTERVIEW)) == ((an_id("two"),), ())


def reviewed(appeal: str, outcome: Any = "upheld", at: Any = AT) -> DecisionReviewed:
    return DecisionReviewed(at=at, appeal=an_id(appeal), seal=an_id("seal"), outcome=outcome, digest=DIGEST)


def test_upheld_appeals_against_a_ranking_count_in_the_order_of_the_awards_stream():
    history = [reviewed("one"), reviewed("two", "dismissed"), reviewed("three"), reviewed("four", at=INTERVIEW)]
    assert AWARD.fold(happened(AT.award, history[:2])).corrected == {AT.ranking: (an_id("one"),)}
    corrected = {AT.ranking: (an_id("one"), an_id("three")), INTERVIEW.ranking: (an_id("four"),)}
    assert AWARD.fold(happened(AT.award, history)).corrected == corrected


def test_a_verdict_is_the_exact_figures_of_everybody_it_ranks():
    appeal = {"appeal": an_id("one"), "nomination": N1, "at": AT, "plenary": an_id("plenary"), "motion": 1}
    lodged = AppealLodged(**appeal, by=an_id("contact"), capacity="contact", reason_digest=DIGEST)
    decided: dict[str, Any] = {**appeal, "seal": an_id("seal"), "before": DIGEST}
    dismissed = AppealDecided.model_validate({**decided, "verdict": {"outcome": "dismissed"}})
    rows = [{"nomination": N1, "candidate": "75.03", "rank": 1, "total": "242/3", "shown": "80.67"}]
    rows[0]["aspects"] = [{"aspect": "kinerja", "value": "242/3", "sheets": 3}]
    verdict = {"outcome": "upheld", "figures": [{"aspect": "kinerja", "value": "242/3"}]}
    upheld = AppealDecided.model_validate({**decided, "verdict": verdict, "standings": rows, "after": DIGEST})
    stream = verdict_stream(an_id("one"))
    assert VERDICT.fold(happened(stream, [lodged])) == Unheard()
    assert VERDICT.fold(happened(stream, [lodged, dismissed])) == Unheard()
    figures = {N1: {"kinerja": Fraction(242, 3)}}
    assert VERDICT.fold(happened(stream, [lodged, upheld])) == Verdict(stream, 2, figures, figures)


INTERVIEW = NATIONAL.model_copy(update={"stage": "wawancara"})


def test_a_stages_committee_is_that_of_its_place():
    assert committee_stream(AT) == "committee/2020/75"
    assert committee_stream(NATIONAL) == "committee/2020/00"
