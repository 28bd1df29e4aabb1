"""Specs of seasons and committees: given what happened, when somebody asks, then these events or this refusal."""

from __future__ import annotations

from datetime import date

from schemas.nomination import (
    CommitteeFormed,
    ConflictDeclared,
    MemberAppointed,
    MemberRemoved,
    RulebookPublished,
    SeasonOpened,
)
from schemas.rulebook import Rulebook, rulebook_hash
from services.nomination.domain.committee import Seat, candidates_of
from services.nomination.domain.season import OpenSeason, Season, open_season
from tests.unit.nomination.scene import (
    BODY,
    CHAIR,
    GORONTALO,
    Scene,
    accepted,
    opened,
    person,
    refused,
    rulebook,
    seated,
)


def test_a_season_opens_with_its_rulebook_in_one_append():
    season, published = Scene().open()
    assert isinstance(season, SeasonOpened)
    assert isinstance(published, RulebookPublished)
    assert published.hash == rulebook_hash(rulebook())
    assert Rulebook.from_content(published.content) == rulebook()


def test_an_open_season_knows_its_rules_by_version():
    season = opened().season()
    assert isinstance(season, Season)
    assert season.rulebook == rulebook()
    assert season.hashes == {1: rulebook_hash(rulebook())}


def test_a_season_is_opened_once():
    refused(open_season(OpenSeason(rulebook()), opened().season()), "season-already-open", "rulebook")


def test_a_body_is_formed_by_decree_for_a_term():
    (event,) = opened().given(opened().form())
    assert isinstance(event, CommitteeFormed)
    assert (event.body, event.province, event.decree) == (BODY, GORONTALO, "SK 12/2021")


def test_no_body_without_a_season():
    refused(Scene().form(), "season-unknown", "season")


def test_a_body_must_be_in_the_rulebook():
    refused(opened().form("panitia-7"), "body-unknown", "body")


def test_a_provincial_body_is_not_formed_for_the_nation():
    refused(opened().form(province="00"), "body-of-other-tier", "province")


def test_a_national_body_is_not_formed_for_a_province():
    refused(opened().form("dewan-juri"), "body-of-other-tier", "province")


def test_a_province_must_be_in_the_official_table():
    refused(opened().form(province="77"), "province-unknown", "province")


def test_a_body_is_formed_once():
    scene = opened()
    scene.given(scene.form())
    refused(scene.form(), "committee-formed-already", "body")


def test_a_term_does_not_end_before_it_begins():
    refused(opened().form(term_until=date(2020, 12, 31)), "term-reversed", "term_until")


def test_a_member_takes_a_seat():
    scene = opened()
    scene.given(scene.form())
    (event,) = scene.given(scene.appoint("sekretaris-daerah", CHAIR))
    assert isinstance(event, MemberAppointed)
    assert scene.committee().bodies[BODY].seat_of(CHAIR) == Seat("sekretaris-daerah", 1)


def test_nobody_is_appointed_without_a_season():
    refused(Scene().appoint("sekretaris-daerah", CHAIR), "season-unknown", "season")


def test_nobody_is_appointed_to_a_body_that_is_not_formed():
    refused(opened().appoint("sekretaris-daerah", CHAIR), "committee-unknown", "body")


def test_an_office_must_be_in_the_body():
    refused(seated().appoint("gubernur", person("new")), "office-unknown", "office")


def test_a_seat_must_be_in_the_office():
    refused(seated().appoint("anggota-kesembilan", person("new"), seat=2), "seat-unknown", "seat")


def test_a_taken_seat_is_not_given_again():
    refused(seated().appoint("ketua-spsi", person("new")), "seat-taken", "seat")


def test_a_person_is_not_seated_twice():
    refused(seated().appoint("anggota-kesembilan", CHAIR), "person-seated-already", "person")


def test_a_removed_member_leaves_a_free_seat():
    scene = seated()
    (event,) = scene.given(scene.remove(CHAIR))
    assert isinstance(event, MemberRemoved)
    assert (event.office, event.seat) == ("sekretaris-daerah", 1)
    accepted(scene.appoint("sekretaris-daerah", person("new")))


def test_nobody_is_removed_from_a_body_that_is_not_formed():
    refused(opened().remove(CHAIR), "committee-unknown", "body")


def test_who_holds_no_seat_cannot_be_removed():
    refused(seated().remove(person("new")), "person-not-seated", "person")


def test_a_member_declares_an_interest_in_a_candidate():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    (event,) = scene.given(scene.declare(CHAIR, nomination))
    assert isinstance(event, ConflictDeclared)
    recused = scene.committee().recused(
        rulebook().conflicts, "KABKOTA", candidates_of([nomination], scene.nominations())
    )
    assert recused == {CHAIR}


def test_an_interest_in_one_candidate_recuses_on_no_other():
    scene = seated()
    one, other = scene.nominated("75.71", "75.03")
    scene.given(scene.declare(CHAIR, one))
    committee = scene.committee()
    assert (
        committee.recused(rulebook().conflicts, "KABKOTA", candidates_of([other], scene.nominations())) == frozenset()
    )
    assert committee.recused(rulebook().conflicts, "KABKOTA", candidates_of([other, one], scene.nominations())) == {
        CHAIR
    }


def test_the_rulebook_may_widen_an_interest_to_the_category():
    scene = seated()
    one, other = scene.nominated("75.71", "75.03")
    scene.given(scene.declare(CHAIR, one))
    wide = rulebook().conflicts.model_copy(update={"scope": "category"})
    assert scene.committee().recused(wide, "KABKOTA", candidates_of([other], scene.nominations())) == {CHAIR}
    assert scene.committee().recused(wide, "BESAR", candidates_of([other], scene.nominations())) == frozenset()


def test_an_interest_in_a_category_recuses_on_all_its_candidates():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    scene.given(scene.declare(CHAIR))
    assert scene.committee().recused(
        rulebook().conflicts, "KABKOTA", candidates_of([nomination], scene.nominations())
    ) == {CHAIR}


def test_the_secretary_may_record_a_members_interest():
    accepted(seated().declare(CHAIR, actor=person("sekretaris-75"), recorder=True))


def test_a_member_does_not_declare_for_another():
    refused(seated().declare(CHAIR, actor=person("ketua-spsi")), "not-for-another", "person")


def test_no_interest_without_a_season():
    refused(Scene().declare(CHAIR), "season-unknown", "season")


def test_no_interest_in_a_body_that_is_not_formed():
    refused(opened().declare(CHAIR), "committee-unknown", "body")


def test_only_members_declare_interests():
    refused(seated().declare(person("new")), "person-not-seated", "person")


def test_an_interest_names_a_category_of_the_rulebook():
    refused(seated().declare(CHAIR, category="KECAMATAN"), "category-unknown", "category")


def test_an_interest_names_a_nomination_that_exists():
    refused(seated().declare(CHAIR, person("nothing")), "nomination-unknown", "nomination")


def test_an_interest_names_a_nomination_of_its_category():
    scene = seated()
    (nomination,) = scene.nominated("75.71")
    decision = scene.declare(CHAIR, nomination, category="BESAR")
    refused(decision, "nomination-of-another-category", "nomination")


def test_an_interest_is_declared_once():
    scene = seated()
    scene.given(scene.declare(CHAIR))
    refused(scene.declare(CHAIR), "conflict-declared-already", "nomination")
