"""When a digest and a reminder are due, by the person's clock, and once a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.regions import ZONES
from services.notifications.domain.days import (
    Deadline,
    digest_id,
    is_near,
    last_digest,
    reminder_id,
    reminder_params,
    reminding_day,
)

PERSON, OTHER = UUID(int=1), UUID(int=2)
CLOSES = datetime(2021, 2, 28, 15, 59, 59, tzinfo=UTC)


def deadline(kind="sheets", until=CLOSES, zone="Asia/Makassar") -> Deadline:
    return Deadline(PERSON, kind, until, zone, {"province": "75"})


@given(st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.sampled_from(list(ZONES)))  # noqa: DTZ001
def test_the_last_digest_was_due_within_a_day_at_its_hour(now, zone):
    due = last_digest(now, zone, 17)
    assert due <= now < due + timedelta(days=1)
    assert due.astimezone(ZoneInfo(zone)).hour == 17


def test_reminders_begin_in_the_persons_morning():
    night, morning = datetime(2021, 2, 25, 0, 59, tzinfo=UTC), datetime(2021, 2, 25, 1, 0, tzinfo=UTC)
    assert reminding_day(night, "Asia/Jakarta") is None
    assert reminding_day(morning, "Asia/Jakarta") == date(2021, 2, 25)
    assert reminding_day(night, "Asia/Jayapura") == date(2021, 2, 25)


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("sheets", {0, 1, 2, 3}),
        ("nominations", {0, 1, 2, 3}),
        ("mending", {0, 1, 2, 3}),
        ("appeal", {0, 1, 2}),
        ("interview", {1}),
    ],
)
def test_each_kind_is_reminded_of_on_its_days_by_the_calendar_of_its_place(kind, days):
    found = {ahead for ahead in range(8) if is_near(deadline(kind), CLOSES - timedelta(days=ahead, hours=1))}
    assert found == days


def test_nobody_is_reminded_of_what_is_over():
    assert is_near(deadline(), CLOSES)
    assert not is_near(deadline(), CLOSES + timedelta(microseconds=1))


def test_ids_differ_by_person_day_and_season_and_never_otherwise():
    days = (date(2021, 2, 25), date(2021, 2, 26))
    every = {digest_id(person, day) for person in (PERSON, OTHER) for day in days}
    every |= {reminder_id(p, s, d) for p in (PERSON, OTHER) for s in ("2020", "2021") for d in days}
    assert len(every) == 4 + 8
    assert digest_id(PERSON, days[0]) == UUID("0082fa8c-342f-5ea1-8de5-1881715807d2")
    assert reminder_id(PERSON, "2020", days[0]) == UUID("a80302b1-4910-5a31-863e-1a8d4d2d080f")


def test_a_reminder_lists_the_nearest_first():
    later, sooner = deadline("nominations", CLOSES + timedelta(hours=1)), deadline("sheets")
    params = reminder_params([later, sooner])
    assert [item["kind"] for item in params["items"]] == ["sheets", "nominations"]
    assert params["count"] == 2
