"""Specs of what a token says: a regency's secretariat has its own affairs only, a publisher its own topics."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kernel.problems import Problem
from kernel.tokens import Grant, Person
from services.identity.api import NewGrant
from services.nomination.rights import (
    Concerned,
    actor_at,
    acts_for,
    administers,
    check_administers,
    committee_office,
    is_of_place,
    may_see,
    may_see_nomination,
    office_at,
    places_kept,
    provinces_of,
    topics_of,
    visible_places,
)
from tests.unit.nomination.scene import CONTACT, person

NOMINATION = person("nomination")
OF_KOTA = Concerned("2020", "75", "75.71", "75.71", CONTACT)
OF_BONE_BOLANGO = Concerned("2020", "75", "75", "75.03", CONTACT)


def holder(*grants: Grant, id_: str = "somebody") -> Person:
    return Person(person(id_), grants)


KOTA = holder(Grant.of("secretariat", province="75.71"))


@pytest.mark.parametrize("province", ["75", "75.71"])
def test_a_secretariat_is_granted_a_province_or_one_regency_or_city(province):
    granted = NewGrant.model_validate({"person": person("x"), "role": "secretariat", "scope": {"province": province}})
    assert granted.scope.province == province


@pytest.mark.parametrize("scope", [{"province": "75.7"}, {"province": "75.71.01"}, {"committee": "75.71"}])
def test_no_other_scope_is_finer_than_a_province(scope):
    with pytest.raises(ValidationError):
        NewGrant.model_validate({"person": person("x"), "role": "secretariat", "scope": scope})


def test_a_citys_secretariat_sees_what_concerns_the_city_and_nothing_else_of_the_province():
    assert provinces_of(KOTA, "secretariat") == frozenset({"75.71"})
    assert visible_places(KOTA) == ["75.71"]
    assert not may_see(KOTA, "75")
    assert may_see_nomination(KOTA, NOMINATION, OF_KOTA)
    assert may_see_nomination(KOTA, NOMINATION, Concerned("2020", "75", "75", "75.71", CONTACT))
    assert not may_see_nomination(KOTA, NOMINATION, OF_BONE_BOLANGO)


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (holder(Grant.of("secretariat", province="75")), True),
        (holder(Grant.of("member", committee="75")), True),
        (holder(Grant.of("juror", committee="00")), True),
        (holder(Grant.of("auditor")), True),
        (holder(Grant.of("auditor", season="2020")), True),
        (holder(Grant.of("auditor", season="2021")), False),
        (holder(Grant.of("contact", nomination=NOMINATION)), True),
        (Person(CONTACT, ()), True),
        (holder(Grant.of("contact", nomination=person("another"))), False),
        (holder(Grant.of("secretariat", province="13")), False),
        (holder(Grant.of("publisher", publisher="75")), False),
    ],
)
def test_a_nomination_is_seen_by_those_whom_it_concerns(who, sees):
    assert may_see_nomination(who, NOMINATION, OF_BONE_BOLANGO) is sees


@pytest.mark.parametrize("role", ["season-admin", "auditor"])
def test_who_has_a_season_alone_sees_all_of_that_season_and_nothing_of_others(role):
    of_2020 = holder(Grant.of(role, season="2020"))
    assert visible_places(of_2020, "2020") is None
    assert may_see(of_2020, "75", "2020")
    assert may_see_nomination(of_2020, NOMINATION, OF_KOTA)
    assert not may_see_nomination(of_2020, NOMINATION, OF_KOTA._replace(season="2021"))
    for season in ("2021", None):
        assert visible_places(of_2020, season) == []
        assert not may_see(of_2020, "75", season)
    assert visible_places(holder(Grant.of(role))) is None


def test_who_administers_one_season_administers_no_other():
    of_2020, of_all = holder(Grant.of("season-admin", season="2020")), holder(Grant.of("season-admin"))
    assert [administers(of_2020, season) for season in ("2020", "2021")] == [True, False]
    assert [administers(of_all, season) for season in ("2020", "2021")] == [True, True]
    assert committee_office(of_2020, "2020", "75") == "season-admin"
    for refusing in (
        lambda: check_administers(of_2020, "2021"),
        lambda: committee_office(of_2020, "2021", "75"),
        lambda: check_administers(holder(Grant.of("secretary", committee="75")), "2020"),
    ):
        with pytest.raises(Problem) as refused:
            refusing()
        assert refused.value.status == 403


def test_a_secretary_keeps_the_record_of_the_places_granted():
    both = holder(Grant.of("secretary", committee="00"), Grant.of("secretary", committee="75"))
    assert places_kept(both, "2020") == frozenset({"00", "75"})
    assert places_kept(holder(Grant.of("secretary")), "2020") is None
    assert places_kept(holder(Grant.of("member", committee="75")), "2020") == frozenset()


def test_a_seat_of_one_season_acts_in_no_other():
    seated = holder(Grant.of("secretary", committee="75", season="2020"))
    assert [acts_for(seated, "secretary", season, "75") for season in ("2020", "2021")] == [True, False]
    assert [office_at(seated, season, "75") for season in ("2020", "2021")] == ["secretary", None]
    assert [actor_at(seated, season, "75").secretary for season in ("2020", "2021")] == [True, False]
    assert [is_of_place(seated, season, "75") for season in ("2020", "2021")] == [True, False]
    assert [places_kept(seated, season) for season in ("2020", "2021")] == [frozenset({"75"}), frozenset()]
    assert [visible_places(seated, season) for season in ("2020", "2021", None)] == [["75"], [], ["75"]]
    assert committee_office(seated, "2020", "75") == "secretary"
    with pytest.raises(Problem):
        committee_office(seated, "2021", "75")


@pytest.mark.parametrize(
    ("scope", "topics"),
    [
        ("bpjs.contributions", ["bpjs.contributions.v1"]),
        ("bpjs.coverage.v1", ["bpjs.coverage.v1"]),
        ("bpjs", []),
        (None, ["bpjs.contributions.v1", "bpjs.coverage.v1"]),
    ],
)
def test_a_publishers_scope_is_its_topic(scope, topics):
    assert topics_of(holder(Grant.of("publisher", publisher=scope))) == topics
