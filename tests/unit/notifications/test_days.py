"""When a digest and a reminder are due, by the person's clock, and once a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.regions import ZONES
from services.notifications.domain.days import (
    REMIND_FROM,
    Deadline,
    Looks,
    digest_id,
    is_near,
    is_over,
    is_past,
    last_digest,
    reminder_id,
    reminder_params,
    reminders_of,
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


def test_a_reminder_is_over_with_its_day_or_with_its_last_deadline():
    params = reminder_params([deadline(), deadline("nominations", CLOSES + timedelta(hours=2))])
    params |= {"day": "2021-02-28", "zone": "Asia/Jayapura"}
    # Midnight in WIT is 15.00 UTC, before the first deadline.
    assert not is_over(params, datetime(2021, 2, 28, 14, 59, 59, tzinfo=UTC))
    assert is_over(params, datetime(2021, 2, 28, 15, tzinfo=UTC))
    assert not is_past(params, CLOSES + timedelta(hours=2))
    assert is_over(params | {"zone": "Asia/Jakarta"}, CLOSES + timedelta(hours=2, microseconds=1))


# --- once a day, whatever happens ----------------------------------------------------------------------------------


PERSONS = (PERSON, OTHER)
DUE = [
    Deadline(PERSON, "sheets", CLOSES, "Asia/Makassar", {"province": "75"}),
    Deadline(PERSON, "nominations", CLOSES - timedelta(days=1), "Asia/Jakarta", {"province": "31"}),
    Deadline(OTHER, "mending", CLOSES - timedelta(hours=9), "Asia/Jayapura", {"province": "94"}, (UUID(int=7),)),
    Deadline(OTHER, "interview", CLOSES + timedelta(hours=1), "Asia/Jakarta", {"province": "00"}, (UUID(int=7),)),
]
SPAN = timedelta(days=6)
ACTS = st.tuples(
    st.timedeltas(timedelta(), SPAN),
    st.sampled_from(["look", "look", "look", "send", "send", "dies-in-sending", "restarts", "moves"]),
    st.integers(0, 1),
    st.sampled_from(PERSONS),
    st.sampled_from(list(ZONES)),
)


@dataclass
class Replicas:
    """Two processes over one table of intents, each with what it remembers; a rebuild leaves both as they are."""

    looks: list[Looks] = field(default_factory=lambda: [Looks(), Looks()])
    zones: dict[UUID, str] = field(default_factory=dict)
    intents: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    pending: set[UUID] = field(default_factory=set)
    sent: list[tuple[UUID, datetime]] = field(default_factory=list)

    def look(self, replica: int, now: datetime) -> None:
        days = self.looks[replica].fresh(now)
        for one in reminders_of("2020", DUE, self.zones, days, now):
            assert now.astimezone(ZoneInfo(one.zone)).time() >= REMIND_FROM
            if one.message not in self.intents:
                self.intents[one.message] = one.params() | {"person": one.person}
                self.pending.add(one.message)
        self.looks[replica].done(days, now)

    def send(self, now: datetime, *, dies: bool) -> None:
        for message in sorted(self.pending):
            if not is_over(self.intents[message], now):
                self.sent.append((message, now))
                if dies:
                    return
            self.pending.remove(message)

    def received(self) -> Iterator[tuple[UUID, UUID, date]]:
        """Yield person, message and the day on which it came, by the zone that the person had chosen."""
        for message, at in self.sent:
            params = self.intents[message]
            yield params["person"], message, at.astimezone(ZoneInfo(params["zone"])).date()


def played(acts: Sequence[tuple[Any, ...]]) -> Replicas:
    replicas = Replicas()
    for offset, act, replica, person, zone in acts:
        now = CLOSES - SPAN + timedelta(days=1) + offset
        match act:
            case "look":
                replicas.look(replica, now)
            case "send" | "dies-in-sending":
                replicas.send(now, dies=act != "send")
            case "restarts":
                replicas.looks[replica] = Looks()
            case _:
                replicas.zones[person] = zone
    return replicas


@given(st.lists(ACTS, max_size=60).map(lambda acts: sorted(acts, key=lambda act: act[0])))
def test_nobody_is_reminded_twice_on_a_day_whatever_dies_and_whoever_looks(acts):
    messages: dict[tuple[UUID, date], set[UUID]] = {(person, day): set() for person, _, day in played(acts).received()}
    for person, message, day in played(acts).received():
        messages[person, day].add(message)
    assert set(map(len, messages.values())) <= {1}


@given(st.lists(ACTS, max_size=60))
def test_a_clock_that_jumps_back_brings_no_second_message_for_a_day(acts):
    found = Counter((one["person"], one["day"]) for one in played(acts).intents.values())
    assert set(found.values()) <= {1}


@given(st.lists(st.sampled_from(list(ZONES)), min_size=2, max_size=2), st.integers(0, 59))
def test_who_has_a_deadline_is_reminded_on_each_of_its_days_from_the_morning_on(zones, minute):
    replicas = Replicas(zones=dict(zip(PERSONS, zones, strict=True)))
    now = CLOSES - SPAN + timedelta(minutes=minute)
    while now <= CLOSES + timedelta(days=1):
        replicas.look(now.hour % 2, now)
        replicas.send(now, dies=False)
        now += timedelta(hours=1)
    for person, zone in replicas.zones.items():
        there = ZoneInfo(zone)
        days = {
            moment.astimezone(there).date()
            for moment in (CLOSES - SPAN + timedelta(minutes=minute, hours=hours) for hours in range(24 * 8))
            if moment.astimezone(there).time() >= REMIND_FROM
            and any(is_near(one, moment) for one in DUE if one.person == person)
        }
        assert sorted(day for who, _, day in replicas.received() if who == person) == sorted(days)
