"""Specs of the powerful roles: two administrators in office give and take them, and nobody takes part in their own."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.problems import Problem
from services.identity.appointments import roles_of
from services.identity.powers import GIVEN_BY_TWO, POWERFUL, SEATED, Askers, check_not_own, check_two

ADMIN, SECOND, PUPPET, OTHER = (UUID(int=number) for number in range(1, 5))
HEADER = "header.Second-Authorization"


def refused_by(askers: Askers, *administrators: UUID) -> Problem:
    with pytest.raises(Problem) as caught:
        check_two(askers, frozenset(administrators))
    return caught.value


def test_who_can_undo_what_others_rely_on_is_powerful():
    assert {"season-admin", "auditor", "operator"} == POWERFUL


def test_what_seats_bring_is_given_by_two():
    brought = {
        role
        for office, tier, hears in product(("chair", "member", "clerk"), ("provincial", "national"), (True, False))
        for role in roles_of(office, tier, hears=hears)
    }
    assert brought == SEATED
    assert SEATED | POWERFUL | {"secretariat"} == GIVEN_BY_TWO


def test_two_administrators_in_office_may():
    check_two(Askers(ADMIN, SECOND), frozenset({ADMIN, SECOND, OTHER}))


def test_the_only_administrator_may_alone():
    check_two(Askers(ADMIN), frozenset({ADMIN}))


@pytest.mark.parametrize("second", [None, ADMIN, PUPPET])
def test_one_of_several_needs_another_who_is_in_office(second):
    problem = refused_by(Askers(ADMIN, second), ADMIN, SECOND)
    assert (problem.status, problem.code) == (403, "two-persons-needed")
    assert [fault.path for fault in problem.errors] == [HEADER]
    assert "Second-Authorization" in str(problem.document("en")["detail"])
    assert problem.document("id")["title"] == (
        "Tindakan ini memerlukan dua administrator musim yang berbeda dan masih menjabat"
    )
    assert str(problem.document("id")["detail"]).startswith("Minta administrator kedua masuk")


@pytest.mark.parametrize("second", [ADMIN, PUPPET])
def test_a_second_person_who_is_named_must_be_one_even_beside_the_only_administrator(second):
    assert refused_by(Askers(ADMIN, second), ADMIN).code == "two-persons-needed"


@pytest.mark.parametrize("administrators", [(), (SECOND,), (SECOND, OTHER)])
def test_whose_role_has_ended_may_not_by_a_token_of_before(administrators):
    problem = refused_by(Askers(ADMIN, SECOND), *administrators)
    assert (problem.status, problem.code) == (403, "forbidden")
    assert str(problem.document("en")["detail"]).startswith("You are no season administrator any more")
    assert str(problem.document("id")["detail"]).startswith("Anda bukan lagi administrator musim")


@pytest.mark.parametrize("own", [ADMIN, SECOND])
def test_neither_of_the_two_is_granted_a_powerful_role_by_oneself(own):
    with pytest.raises(Problem) as caught:
        check_not_own(Askers(ADMIN, SECOND), own)
    problem = caught.value
    assert (problem.status, problem.code) == (403, "own-grant")
    assert [(fault.path, fault.value) for fault in problem.errors] == [("person", str(own))]
    assert problem.document("en")["title"] == "Nobody takes part in granting this role to themselves"
    assert problem.document("id")["title"] == (
        "Tidak seorang pun boleh ikut memberikan peran ini kepada dirinya sendiri"
    )
    assert str(problem.document("id")["detail"]).startswith("Minta dua administrator lain")


def test_another_person_is_granted_it():
    check_not_own(Askers(ADMIN, SECOND), PUPPET)
    check_not_own(Askers(ADMIN), PUPPET)


PEOPLE = st.sampled_from([ADMIN, SECOND, PUPPET, OTHER])


@given(PEOPLE, PEOPLE | st.none(), st.frozensets(PEOPLE))
def test_whatever_is_allowed_was_asked_by_two_in_office_or_by_the_only_one(first, second, administrators):
    try:
        check_two(Askers(first, second), administrators)
    except Problem:
        return
    asked = {first, second} - {None}
    assert asked <= administrators
    assert len(asked) == 2 or administrators == asked
