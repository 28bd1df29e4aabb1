"""The report of a day: which day is due, what it says, and that nothing is told twice or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Happened
from schemas.envelope import StreamPoint
from schemas.scoring import FactsReported, MissingFacts, RefusedMessage, RefusedOn, ReportedBatches, ReportedDispute
from schemas.topics import CONTRIBUTIONS
from services.scoring.domain.report import (
    DAYS_BACK,
    MOST_DISPUTES,
    MOST_PUBLISHERS,
    MOST_REFUSED,
    REPORT,
    ReportDay,
    Reported,
    day_to_report,
    decide_report,
    dispute_id,
    refused_by_publisher,
    report_stream,
)
from tests.unit.scoring.given import an_id

DAY = date(2021, 4, 20)
BATCH = ReportedBatches(partition=3, first=1, last=4)
NEW = ReportDay(CONTRIBUTIONS, DAY, (BATCH,), 10, 7, 1, 2, (("sipp", "used-id", 2),))


def dispute(number: int) -> ReportedDispute:
    return ReportedDispute(
        dispute=StreamPoint(stream=f"nomination/{an_id('nomination')}", version=number + 1), season="2021",
        candidate="NPP-1", aspect="kepatuhan", measure="kepatuhan-iuran",
    )  # fmt: skip


def told(*commands: ReportDay) -> tuple[Reported, list[FactsReported]]:
    """Decide one after another, and return the state and what was told."""
    state, events = Reported(), list[FactsReported]()
    for command in commands:
        for emit in decide_report(state, command):
            assert emit.stream == report_stream(command.topic)
            events.append(emit.event)
            happened = Happened(emit.event, an_id("id"), emit.stream, len(events), datetime(2021, 4, 21, tzinfo=UTC))
            state = REPORT.evolve(state, happened)
    return state, events


def test_a_day_is_told_with_what_was_counted():
    state, (event,) = told(NEW)
    assert (event.day, event.records, event.applied, event.duplicates, event.refused) == (DAY, 10, 7, 1, 2)
    assert [(one.publisher, one.reasons[0].count) for one in event.publishers] == [("sipp", 2)]
    assert (state.day, state.upto) == (DAY, {3: 4})


def test_the_same_day_is_told_once_and_an_earlier_one_not_after_it():
    later = replace(NEW, batches=(ReportedBatches(partition=3, first=5, last=5),))
    assert len(told(NEW, later)[1]) == 1
    assert len(told(NEW, replace(later, day=DAY - timedelta(days=1)))[1]) == 1
    assert len(told(NEW, replace(later, day=DAY + timedelta(days=1)))[1]) == 2


def test_batches_go_on_where_the_last_report_ended():
    tomorrow = replace(NEW, day=DAY + timedelta(days=1))
    for first in (4, 6):
        assert len(told(NEW, replace(tomorrow, batches=(ReportedBatches(partition=3, first=first, last=9),)))[1]) == 1
    beside = (ReportedBatches(partition=3, first=5, last=9), ReportedBatches(partition=0, first=1, last=1))
    assert told(NEW, replace(tomorrow, batches=beside))[0].upto == {3: 9, 0: 1}


def test_a_day_without_anything_is_not_told():
    assert told(ReportDay(CONTRIBUTIONS, DAY))[1] == []
    assert told(ReportDay(CONTRIBUTIONS, DAY, missing=[("2021", True, 0)]))[1] == [], "nothing is missing of it"


def test_what_is_missing_is_told_by_season():
    employers = [("2021", True, 2), ("2021", True, 0), ("2021", False, 0), ("2022", True, 1), ("2023", True, 0)]
    (event,) = told(ReportDay(CONTRIBUTIONS, DAY, missing=employers))[1]
    assert event.missing == (
        MissingFacts(season="2021", employers=1, months=2, unregistered=1),
        MissingFacts(season="2022", employers=1, months=1, unregistered=0),
    )


def test_each_dispute_is_told_once_and_at_most_so_many_in_a_report():
    every = [dispute(number) for number in range(MOST_DISPUTES + 1)]
    first = ReportDay(CONTRIBUTIONS, DAY, disputed=every)
    state, events = told(first, replace(first, day=DAY + timedelta(days=1)), replace(first, day=DAY + timedelta(2)))
    assert [len(event.disputed) for event in events] == [MOST_DISPUTES, 1]
    assert state.disputes == {dispute_id(one) for one in every}


def test_only_the_first_refused_messages_are_named():
    messages = [_message(offset) for offset in range(MOST_REFUSED + 5)]
    (event,) = told(replace(NEW, first_refused=messages))[1]
    assert [one.offset for one in event.first_refused] == list(range(MOST_REFUSED))


def test_a_report_names_some_systems_and_counts_the_others_together():
    refused: list[tuple[str | None, str, int]] = [(f"s{number}", "used-id", 2) for number in range(MOST_PUBLISHERS)]
    (*named, others) = refused_by_publisher([*refused, ("t", "empty", 1), ("u", "empty", 1), (None, "not-json", 5)])
    assert {one.publisher for one in named} == {f"s{number}" for number in range(MOST_PUBLISHERS)}
    assert others.publisher is None
    assert [(one.reason, one.count) for one in others.reasons] == [("not-json", 5), ("empty", 2)]


def test_reasons_of_more_refusals_than_there_were_are_not_told():
    (event,) = told(replace(NEW, refused=[("sipp", "used-id", 3)], first_refused=[_message(7)]))[1]
    assert (event.refused, event.publishers, event.first_refused, event.refused_days) == (2, (), (), None)
    once = replace(NEW, refused=[("sipp", "used-id", 1)], first_refused=[_message(7)], refused_days=[(DAY, 1)])
    (event,) = told(once)[1]
    assert (len(event.publishers), len(event.first_refused)) == (1, 1), "one was read twice"
    assert event.refused_days == (RefusedOn(day=DAY, count=1),)


def _message(offset: int) -> RefusedMessage:
    return RefusedMessage(partition=3, offset=offset, reason="used-id")


# --- which day -----------------------------------------------------------------------------------------------------


def test_a_day_that_has_not_ended_is_not_due():
    assert day_to_report(Reported(), DAY, [DAY + timedelta(days=1)]) is None
    assert day_to_report(Reported(), DAY, []) is None


def test_days_that_passed_are_made_up_for_in_their_order():
    days = [DAY - timedelta(days=2), DAY]
    assert day_to_report(Reported(DAY - timedelta(days=5)), DAY, days) == DAY - timedelta(days=2)
    assert day_to_report(Reported(DAY - timedelta(days=2)), DAY, days[1:]) == DAY


def test_what_is_known_too_late_for_its_day_is_told_with_the_next():
    assert day_to_report(Reported(DAY - timedelta(days=1)), DAY, [DAY - timedelta(days=1)]) == DAY
    assert day_to_report(Reported(DAY), DAY, [DAY - timedelta(days=1)]) is None


def test_what_lies_far_back_is_in_the_first_of_the_days_that_are_made_up_for():
    oldest = DAY - timedelta(days=DAYS_BACK - 1)
    assert day_to_report(Reported(), DAY, [DAY - timedelta(days=400)]) == oldest
    assert day_to_report(Reported(DAY - timedelta(days=400)), DAY, [DAY - timedelta(days=300)]) == oldest


@given(
    recorded=st.lists(st.integers(0, 40), max_size=12).map(sorted),
    looks=st.lists(st.integers(0, 60), min_size=1, max_size=12).map(sorted),
)
def test_whenever_somebody_looks_everything_is_told_once_by_days_that_have_ended(
    recorded: Sequence[int], looks: Sequence[int]
) -> None:
    """Each batch is one version of one partition; `looks` are the last ended days when somebody looked."""
    state, days, counted = Reported(), list[date](), 0
    for look in looks:
        last = DAY + timedelta(days=look)
        while True:
            waiting = [DAY + timedelta(days=day) for day in recorded[state.upto.get(0, 0) :]]
            day = day_to_report(state, last, waiting[:1])
            if day is None:
                break
            there = sum(DAY + timedelta(days=one) <= day for one in recorded)
            span = ReportedBatches(partition=0, first=state.upto.get(0, 0) + 1, last=there)
            (emit,) = decide_report(state, ReportDay(CONTRIBUTIONS, day, (span,), records=span.last - span.first + 1))
            counted += emit.event.records
            state = REPORT.evolve(
                state, Happened(emit.event, an_id("id"), emit.stream, 1, datetime(2021, 4, 21, tzinfo=UTC))
            )
            days.append(day)
            assert day <= last
        assert counted == sum(day <= look for day in recorded)
    assert days == sorted(set(days))
