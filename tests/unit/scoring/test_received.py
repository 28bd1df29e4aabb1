"""What scoring makes of the nomination service's streams."""

from __future__ import annotations

from datetime import date

from schemas.nomination import (
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    NominationEliminated,
    NominationWithdrawn,
    ResealOrdered,
    RulebookAmended,
    RulebookPublished,
    SeasonOpened,
    StageAdvanced,
)
from services.scoring.domain.received import (
    AWARD,
    COMMITTEE,
    NOMINATION,
    SEASON,
    Interest,
    Nomination,
    Order,
    Unknown,
    committee_stream,
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


def appointed(person: str, office: str = "ketua-apindo", seat: int = 1) -> MemberAppointed:
    return MemberAppointed(season="2020", province="75", body=BODY, office=office, seat=seat, person=person)


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


def test_a_committee_is_its_bodies_and_who_sits_in_them():
    committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER)]))
    assert committee.bodies == {BODY}
    assert committee.offices_of(BODY, MEMBER) == ("ketua-apindo",)
    assert committee.offices_of("dewan-juri", MEMBER) == ()
    assert not committee.has_left(BODY, STRANGER)


def test_a_member_leaves_by_removal_or_when_the_seat_goes_to_another():
    for last in (removed(MEMBER), appointed(STRANGER)):
        committee = COMMITTEE.fold(happened("committee/2020/75", [FORMED, appointed(MEMBER), last]))
        assert committee.has_left(BODY, MEMBER)
        assert committee.offices_of(BODY, MEMBER) == ()


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


ADVANCED = StageAdvanced(
    nomination=N1, left=AT, reached=NATIONAL, rank=1, plenary=an_id("plenary"), motion=1, seal=an_id("seal")
)


def test_a_nomination_is_where_it_was_advanced_to():
    nomination = NOMINATION.fold(happened(f"nomination/{N1}", [nominated(sample=True), ADVANCED]))
    assert nomination == Nomination(N1, a_candidate(), NOW, (AT, NATIONAL), "competing", sample=True)
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


def test_a_stream_that_does_not_begin_with_a_nomination_is_none():
    assert NOMINATION.fold(happened("nomination/x", [ADVANCED])) == Unknown()


def test_the_latest_order_for_a_ranking_counts():
    orders = [ResealOrdered(ranking=AT.ranking, seal=an_id(seal), stale=()) for seal in ("first", "second")]
    history = happened(AT.award, orders)
    assert AWARD.fold(history).orders == {AT.ranking: Order(history[1].id, an_id("second"))}


def test_a_stages_committee_is_that_of_its_place():
    assert committee_stream(AT) == "committee/2020/75"
    assert committee_stream(NATIONAL) == "committee/2020/00"
