"""Streams come in any order among each other: who is told of what is the same, each of everything once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Happened
from kernel.reactor import Live
from schemas.envelope import Stage
from schemas.nomination import (
    AgendaItem,
    AppealDecided,
    Candidate,
    CandidateNominated,
    InterviewScheduled,
    MemberAppointed,
    PlenaryConvened,
    PrizeAwarded,
    PrizeText,
    RankingAnnounced,
    RulebookPublished,
    SeasonFrozen,
    SeasonUnfrozen,
    StageAdvanced,
    StageFrozen,
    StageUnfrozen,
    Verdict,
)
from schemas.rulebook import Notice, rulebook_content, rulebook_hash
from services.notifications.handler import SQL, Fold
from tests.unit.notifications.given import rulebook

A, B, C = (f"018f0000-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))
BODY, CONTACT_A, CONTACT_B, CONTACT_C = (f"018f0000-0000-7000-8000-0000000000a{number}" for number in range(4))
APPEAL, OTHER_APPEAL, PLENARY = (f"018f0000-0000-7000-8000-0000000000f{number}" for number in (1, 2, 3))
DESK = Stage(season="2020", tier="provincial", province="75", category="KABKOTA", stage="seleksi")
NEXT = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
START = datetime(2021, 3, 1, 2, tzinfo=UTC)
Told = set[tuple[UUID, str, str]]
"""Message, person and template."""


def nominated(nomination: str, contact: str) -> CandidateNominated:
    return CandidateNominated(
        nomination=nomination,
        entry=DESK,
        candidate=Candidate(kind="regency", code="75.03", name="Kabupaten Bone Bolango"),
        nominating_body="75",
        nominated_by=BODY,
        contact=contact,
    )


def advanced(nomination: str, motion: int = 1) -> StageAdvanced:
    return StageAdvanced(
        nomination=nomination, left=DESK, reached=NEXT, rank=1, plenary=PLENARY, motion=motion, seal=PLENARY
    )


def announced(motion: int) -> RankingAnnounced:
    return RankingAnnounced(at=DESK, plenary=PLENARY, motion=motion, seal=PLENARY, digest="0" * 64, lines=())


def verdict(nomination: str, appeal: str, motion: int, outcome: Literal["upheld", "dismissed"]) -> AppealDecided:
    return AppealDecided(
        appeal=appeal, nomination=nomination, at=DESK, plenary=PLENARY, motion=motion, seal=PLENARY,
        verdict=Verdict(outcome=outcome), before="0" * 64,
    )  # fmt: skip


def frozen(appeal: str) -> StageFrozen:
    return StageFrozen(at=DESK, stages=(NEXT,), appeal=appeal)


def unfrozen(appeal: str) -> StageUnfrozen:
    return StageUnfrozen(at=DESK, stages=(NEXT,), appeal=appeal)


BOOK = rulebook()
MEETING = PlenaryConvened(
    plenary=PLENARY, season="2020", tier="provincial", province="75", body="panitia-9",
    scheduled=START + timedelta(days=7), agenda=(AgendaItem(category="KABKOTA", stage="seleksi"),),
)  # fmt: skip
INTERVIEW = InterviewScheduled(
    nomination=A, at=NEXT, begins=START + timedelta(days=9), ends=START + timedelta(days=9, hours=1), mode="remote"
)
PUBLISHED = RulebookPublished(season="2020", version=1, hash=rulebook_hash(BOOK), content=rulebook_content(BOOK))
PRIZE = PrizeAwarded(nomination=A, at=DESK, rank=1, prize=PrizeText(id="Piala", en="A cup"), plenary=PLENARY, motion=1)
# What each stream says, with the hour at which it was recorded. A and C advance before the first appeal, B
# while both hold the stage, by a verdict that is announced with the next one.
STREAMS: dict[str, list[tuple[float, Any]]] = {
    "season/2020": [(0, PUBLISHED)],
    f"nomination/{A}": [(1, nominated(A, CONTACT_A)), (5, advanced(A))],
    f"nomination/{B}": [(2, nominated(B, CONTACT_B)), (9, advanced(B, motion=2))],
    f"nomination/{C}": [(2, nominated(C, CONTACT_C)), (5, advanced(C))],
    "committee/2020/75": [(3, MEETING)],
    "interview/2020/00/juri": [(6, INTERVIEW)],
    "award/2020/provincial/75/KABKOTA": [
        (6, PRIZE), (6.5, announced(1)), (7, frozen(APPEAL)), (8, frozen(OTHER_APPEAL)), (10, unfrozen(APPEAL)),
        (11, unfrozen(OTHER_APPEAL)), (14, announced(3)),
    ],
    f"appeal/{APPEAL}": [(9, verdict(B, APPEAL, 2, "upheld"))],
    f"appeal/{OTHER_APPEAL}": [(13, verdict(C, OTHER_APPEAL, 3, "upheld"))],
}  # fmt: skip
BY_TWO = {"season": "2020", "first": BODY, "second": CONTACT_A, "reason_digest": "0" * 64}
FREEZES = [(3, SeasonFrozen(**BY_TWO)), (4, SeasonUnfrozen(**BY_TWO))]


def lives(streams: dict[str, list[tuple[float, Any]]]) -> dict[str, list[Live]]:
    """Return the streams' events with ids and times of their own."""
    numbers = itertools.count(1)
    found: dict[str, list[Live]] = {}
    for stream, events in streams.items():
        for version, (hour, event) in enumerate(events, start=1):
            id_ = str(UUID(int=(7 << 76) + next(numbers)))
            time = START + timedelta(hours=hour)
            happened = Happened(event=event, id=id_, stream=stream, version=version, time=time)
            found.setdefault(stream, []).append(Live(happened, acting=True))
    return found


def in_order(streams: dict[str, list[Live]], order: list[str]) -> list[Live]:
    left = {stream: iter(events) for stream, events in streams.items()}
    return [next(left[stream]) for stream in order]


def folded(events: list[Live]) -> Fold:
    fold = Fold()
    for live in events:
        fold.take(live)
    return fold


def told(fold: Fold) -> Told:
    intents = [row for query, row in fold.writes if query == SQL["put_intent"]]
    return {(row[0], str(row[2]), row[3]) for row in intents}


def every_stream() -> dict[str, list[tuple[float, Any]]]:
    return STREAMS | {"season/2020": [*STREAMS["season/2020"], *FREEZES]}


@given(st.permutations([stream for stream, events in STREAMS.items() for _ in events]))
def test_who_is_told_is_the_same_in_whatever_order_streams_are_received(order):
    streams = lives(STREAMS)
    recorded = sorted(itertools.chain(*streams.values()), key=lambda live: (live.happened.time, live.happened.stream))
    assert told(folded(in_order(streams, order))) == told(folded(recorded))


def test_who_had_advanced_before_an_appeal_is_told_of_its_freeze_and_end_and_who_came_later_of_the_end_only():
    fold = folded(list(itertools.chain(*lives(STREAMS).values())))
    persons: dict[str, list[str]] = {}
    for _, person, template in told(fold):
        if template.startswith("stage-"):
            persons.setdefault(person, []).append(template)
    both = ["stage-frozen", "stage-frozen", "stage-unfrozen", "stage-unfrozen"]
    assert {person: sorted(templates) for person, templates in persons.items()} == {
        BODY: both, CONTACT_A: both, CONTACT_C: both, CONTACT_B: both[2:],
    }  # fmt: skip


@given(st.permutations([stream for stream, events in every_stream().items() for _ in events]))
def test_everybody_who_took_part_is_told_of_the_seasons_freeze_in_whatever_order(order):
    found = told(folded(in_order(lives(every_stream()), order)))
    assert {person for _, person, template in found if template == "season-frozen"} == {
        BODY,
        CONTACT_A,
        CONTACT_B,
        CONTACT_C,
    }


@given(st.permutations([stream for stream, events in STREAMS.items() for _ in events]))
def test_an_interview_at_the_stage_reached_is_known_in_whatever_order_once_its_nominee_is(order):
    events = in_order(lives(STREAMS), order)
    rows = [row for query, row in folded(events).writes if query == SQL["put_nomination"] and str(row[0]) == A]
    said = [live.happened.event for live in events]
    after = said.index(INTERVIEW) > said.index(nominated(A, CONTACT_A))
    assert rows[-1][-2] == (INTERVIEW.begins if after else None)


# --- results wait for their announcement --------------------------------------------------------------------------


def of_results(fold: Fold) -> list[tuple[str, str]]:
    return sorted((template, person) for _, person, template in told(fold) if template in ("advanced", "prize"))


@pytest.mark.parametrize("announcement", [False, True])
def test_nominees_hear_of_advance_and_prize_by_the_announcement_and_not_when_the_plenary_decides(announcement):
    streams = lives(STREAMS)
    award = streams["award/2020/provincial/75/KABKOTA"]
    decided = [*streams["season/2020"], *streams[f"nomination/{A}"], award[0]]
    heard = of_results(folded([*decided, award[1]] if announcement else decided))
    both = sorted({BODY, CONTACT_A})
    assert heard == ([(what, who) for what in ("advanced", "prize") for who in both] if announcement else [])


def test_a_dismissed_appeal_is_told_at_once_and_an_upheld_one_by_the_announcement_that_covers_it():
    streams = lives(STREAMS)
    before = [*streams["season/2020"], *streams[f"nomination/{B}"], *streams[f"appeal/{APPEAL}"]]
    assert not {template for _, _, template in told(folded(before))} - {"nominated"}
    # The verdict's own announcement never comes: another verdict follows, and that is announced.
    award = streams["award/2020/provincial/75/KABKOTA"]
    first, last = folded([*before, award[1]]), folded([*before, *streams[f"appeal/{OTHER_APPEAL}"], award[-1]])
    assert "appeal-decided" not in {template for _, _, template in told(first)}
    heard = {(person, template) for _, person, template in told(last)}
    assert heard >= {(person, what) for person in (BODY, CONTACT_B) for what in ("advanced", "appeal-decided")}
    dismissed = Live(before[-1].happened._replace(event=verdict(B, APPEAL, 2, "dismissed")), acting=True)
    assert "appeal-decided" in {template for _, _, template in told(folded([*before[:-1], dismissed]))}


def test_the_committee_may_hear_when_it_decides_and_nominees_still_wait():
    listed = Notice(event="StageAdvanced", to=("contact", "members"), assumed=True)
    book = rulebook().model_copy(update={"notices": (listed,)})
    published = RulebookPublished(season="2020", version=1, hash=rulebook_hash(book), content=rulebook_content(book))
    seat = MemberAppointed(
        season="2020", province="75", body="panitia-9", office="kepala-bps", seat=1, person=CONTACT_C
    )
    streams = lives({
        "season/2020": [(0, published)],
        "seats": [(1, seat)],
        f"nomination/{A}": STREAMS[f"nomination/{A}"],
        "award": [(7, announced(1))],
    })  # fmt: skip
    fold = Fold()
    heard: list[set[str]] = []
    for live in itertools.chain(*streams.values()):
        fold.take(live)
        heard.append({person for _, person, template in told(fold) if template == "advanced"})
    assert heard[-2:] == [{CONTACT_C}, {CONTACT_C, CONTACT_A}]


def test_an_announcement_that_is_not_acted_on_tells_nothing_and_one_that_is_tells_what_was_decided_before():
    streams = lives(STREAMS)
    decided = [*streams["season/2020"], *streams[f"nomination/{A}"]]
    announcement = streams["award/2020/provincial/75/KABKOTA"][1]
    history = [replace(live, acting=False) for live in decided]
    assert told(folded([*history, replace(announcement, acting=False)])) == set()
    assert of_results(folded([*history, announcement])) == [("advanced", one) for one in sorted((BODY, CONTACT_A))]


def test_what_waits_for_an_announcement_is_kept_with_its_motion_and_ends_with_it():
    streams = lives(STREAMS)
    fold = folded([*streams["season/2020"], *streams[f"nomination/{A}"]])
    (held,) = [row for query, row in fold.writes if query == SQL["put_waiting"]]
    assert held[1:3] == ("advanced", f"motion/{PLENARY}/1")
    fold.take(streams["award/2020/provincial/75/KABKOTA"][1])
    assert [row for query, row in fold.writes if query == SQL["end_waiting"]] == [(f"motion/{PLENARY}/1",)]
