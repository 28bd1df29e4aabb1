"""Given a body's terms; when it or one of its members acts on a day; then only the days of a term are days in office.

Gorontalo's clocks (WITA) are eight hours ahead of UTC, and the nation's (WIB) seven.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kernel.decider import Decision
from schemas.nomination import CommitteeFormed
from services.scoring.domain.assignment import decide_assign
from services.scoring.domain.received import COMMITTEE, Committee, Term
from services.scoring.domain.seal import decide_seal
from services.scoring.domain.sheet import SubmitSheet, VoidSheet, decide_file, decide_revise, decide_submit, decide_void
from services.scoring.domain.stage import CloseStage, OpenStage, Unopened, decide_close, decide_extend, decide_open
from tests.unit.scoring.given import (
    AFTER,
    AT,
    BODY,
    DIGEST,
    MEMBER,
    NATIONAL,
    STRANGER,
    a_closed,
    a_committee,
    a_nomination,
    a_season,
    a_sheet,
    an_open,
    circumstances,
    events,
    extended,
    happened,
    refusal,
)
from tests.unit.scoring.test_assignment import DRAWS_TWO, assigning
from tests.unit.scoring.test_seal import inputs, sealing
from tests.unit.scoring.test_sheet import filing, revising, scored
from tests.unit.scoring.test_stage import SEASON, extending

FIRST, LAST = date(2021, 2, 8), date(2021, 2, 12)
TERM = Term(FIRST, LAST)
IN_TIME = (
    datetime(2021, 2, 7, 16, 0, tzinfo=UTC),
    datetime(2021, 2, 12, 15, 59, 59, 999_999, tzinfo=UTC),
)
"""The first and the last instant of the term in Gorontalo."""
INSTANT = timedelta(microseconds=1)
TOO_EARLY_OR_LATE = (IN_TIME[0] - INSTANT, IN_TIME[1] + INSTANT)


def on_the_sheet(received: datetime) -> list[Decision]:
    given = circumstances(committee=a_committee(term=TERM), sheet=a_sheet(scored(), scored("kinerja", "70")))
    blank = circumstances(committee=a_committee(term=TERM))
    return [
        decide_file(blank, filing(("kebijakan", "1"), received=received)),
        decide_revise(given, revising(received=received)),
        decide_submit(given, SubmitSheet(MEMBER, received)),
        decide_void(given, VoidSheet(MEMBER, DIGEST, received)),
    ]


def opening(received: datetime) -> list[Decision]:
    return [decide_open(Unopened(), SEASON, a_committee(term=TERM), OpenStage(AT, received))]


def extending_it(received: datetime) -> list[Decision]:
    until = extending(AFTER + timedelta(days=9), received)
    return [decide_extend(an_open(), SEASON, a_committee(term=TERM), until)]


def drawing(received: datetime) -> list[Decision]:
    committee, nominations = a_committee(term=TERM), [a_nomination()]
    return [decide_assign(an_open(DRAWS_TWO), SEASON, committee, nominations, assigning(received=received))]


def sealing_it(received: datetime) -> list[Decision]:
    return [decide_seal(inputs(committee=a_committee(term=TERM)), sealing(received=received))]


ACTS: dict[str, Callable[[datetime], list[Decision]]] = {
    "sheets": on_the_sheet,
    "opening": opening,
    "extending": extending_it,
    "drawing": drawing,
    "sealing": sealing_it,
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("received", TOO_EARLY_OR_LATE)
def test_nothing_is_done_on_a_day_outside_of_the_term(act: str, received: datetime) -> None:
    for decision in ACTS[act](received):
        found = refusal(decision)
        assert (found.code, found.status, found.faults[0].path) == ("outside-term", 409, "path.stage")
        day = received.astimezone(UTC) + timedelta(hours=8)
        for sentence in (found.detail.en, found.detail.id):
            assert f"{day:%Y-%m-%d}" in sentence
            assert "2021-02-08/2021-02-12" in sentence


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("received", IN_TIME)
def test_the_first_and_the_last_instant_of_the_term_are_in_it(act: str, received: datetime) -> None:
    for decision in ACTS[act](received):
        assert events(decision)


def test_who_is_no_member_is_told_that_first() -> None:
    given = circumstances(committee=a_committee(term=TERM))
    stranger = filing(("kebijakan", "1"), member=STRANGER, received=TOO_EARLY_OR_LATE[1])
    assert refusal(decide_file(given, stranger)).code == "not-a-member"


def test_a_deadline_that_has_passed_is_told_to_whoever_is_out_of_office_too() -> None:
    assert events(decide_close(an_open(), SEASON, (), CloseStage(AT, AFTER))), "closing is no act of a body's"


def formed(decree: str, first: date, last: date) -> CommitteeFormed:
    return CommitteeFormed(season="2020", province="75", body=BODY, decree=decree, term_from=first, term_until=last)


def test_a_renewed_body_is_in_office_again_and_not_between_its_terms() -> None:
    decrees = [formed("SK 1", FIRST, LAST), formed("SK 2", date(2021, 2, 15), date(2021, 2, 19))]
    committee = COMMITTEE.fold(happened("committee/2020/75", decrees))
    assert [committee.in_office(BODY, date(2021, 2, day)) for day in (7, 8, 12, 13, 14, 15, 19, 20)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert not committee.in_office("dewan-juri", FIRST)


@pytest.mark.parametrize(("at", "hour", "in_office"), [(NATIONAL, 16, True), (NATIONAL, 17, False), (AT, 16, False)])
def test_a_day_ends_by_the_clocks_of_the_place(at: Any, hour: int, in_office: bool) -> None:
    received = datetime(2021, 2, LAST.day, hour, tzinfo=UTC)
    assert (a_season().day(at.province, received) <= LAST) is in_office


def test_a_ranking_is_sealed_anew_in_the_next_term_only() -> None:
    late = inputs(committee=a_committee(term=TERM), ranking=a_closed())
    assert refusal(decide_seal(late, sealing())).code == "outside-term"
    renewed: Committee = a_committee(term=TERM).form(BODY, Term(date(2021, 3, 1), date(2021, 3, 31)))
    assert events(decide_seal(inputs(committee=renewed), sealing()))


def test_an_extended_deadline_lets_nobody_score_beyond_the_term() -> None:
    later = AFTER + timedelta(days=3)
    given = circumstances(ranking=extended(later), committee=a_committee(term=TERM))
    assert refusal(decide_file(given, filing(("kebijakan", "1"), received=later))).code == "outside-term"
