"""Who may wait for an event by its name: waiting tells how many events a stream has."""

from __future__ import annotations

import pytest

from kernel.problems import Problem
from kernel.reads import may_name, refuse_event
from kernel.tokens import Grant, Person

MEMBER, OTHER = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"
SHEET = f"sheet/0190a000-0000-7000-8000-00000000000a/provincial-seleksi/{MEMBER}"
NOMINATION, PLENARY = "nomination/0190a000-0000-7000-8000-00000000000a", "plenary/0190a000-0000-7000-8000-00000000000b"
COMMITTEE, RANKING = "committee/2020/75", "ranking/2020/provincial/75/KABKOTA/seleksi"
AWARD = "award/2020/provincial/75/KABKOTA"
REFUSAL = f"refusal/scoring/{MEMBER}/2021-02-10"
OPEN = ("season/2020", "interview/2020/00/dewan-juri", "appeal/0190a000-0000-7000-8000-00000000000c")
EVERYTHING = (*OPEN, SHEET, NOMINATION, PLENARY, COMMITTEE, RANKING, AWARD, REFUSAL)


def holder(*grants: Grant, id_: str = OTHER) -> Person:
    return Person(id_, grants)


@pytest.mark.parametrize(
    ("person", "known"),
    [
        (holder(Grant.of("auditor")), EVERYTHING),
        (holder(Grant.of("auditor", season="2020")), OPEN),
        (holder(Grant.of("season-admin")), (*OPEN, NOMINATION, PLENARY, COMMITTEE, RANKING, AWARD)),
        (holder(Grant.of("secretary", committee="75")), (*OPEN, NOMINATION, PLENARY, COMMITTEE, RANKING, AWARD)),
        (holder(Grant.of("secretary", committee="00")), (*OPEN, NOMINATION, PLENARY, COMMITTEE, RANKING, AWARD)),
        (holder(Grant.of("secretary", committee="13")), (*OPEN, NOMINATION, PLENARY)),
        (holder(Grant.of("member", committee="75"), id_=MEMBER), (*OPEN, SHEET)),
        (holder(Grant.of("member", committee="75")), OPEN),
        (holder(Grant.of("secretariat", province="75")), OPEN),
        (holder(Grant.of("contact", nomination=NOMINATION.partition("/")[2])), OPEN),
    ],
)
def test_a_stream_is_named_only_by_who_may_know_what_happens_in_it(person, known):
    assert {stream for stream in EVERYTHING if may_name(person, stream)} == set(known)


@pytest.mark.parametrize("stream", [*EVERYTHING, "", "sheet", "ranking", "unknown/x"])
def test_nobody_names_a_stream_without_a_token_whether_or_not_it_is_there(stream):
    with pytest.raises(Problem) as caught:
        refuse_event(f"{stream}@3", None)
    problem = caught.value
    assert (problem.status, problem.code) == (422, "invalid-request")
    (fault,) = problem.errors
    assert fault.path == "query.at_least"
    assert "position" in fault.remedy.en
    assert "posisi" in fault.remedy.id


@pytest.mark.parametrize("stream", ["", "sheet", "ranking", "committee", "award/2020", "unknown/x"])
def test_a_name_that_is_cut_short_is_nobodys(stream):
    with pytest.raises(Problem):
        refuse_event(f"{stream}@3", holder(Grant.of("secretary", committee="75")))


@pytest.mark.parametrize("person", [None, holder()])
def test_a_position_is_everybodys(person):
    refuse_event("1-761-42", person)
