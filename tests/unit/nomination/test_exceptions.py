"""The list of exceptions: each event under its season and place, whatever order the streams were read in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest

from kernel.log import Recorded
from schemas.codec import CODEC
from schemas.envelope import Event, Stage
from schemas.nomination import (
    AdmissionDecided,
    AgendaItem,
    Candidate,
    CandidateNominated,
    ConflictLifted,
    DeadlineExtended,
    MemberRemoved,
    MinutesCorrected,
    NominationAmended,
    NominationFiledLate,
    NominationRejected,
    PlenaryConvened,
    Quorum,
    ResealOrdered,
    RulebookAmended,
    SeasonFrozen,
    SeasonUnfrozen,
    Tally,
)
from schemas.scoring import RankingSuperseded, ScoringExtended
from services.nomination.projections import PROJECTIONS
from services.nomination.projections.exceptions import _TOLD, KINDS, Exceptions
from tests.unit.nomination.logged import BEGAN, recorded
from tests.unit.nomination.scene import AT, BODY, GORONTALO, REASON, person

LATER = BEGAN + timedelta(days=20)
NATIONAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="verifikasi")
CITY = Candidate(kind="city", code="75.71", name="Kota Gorontalo")
FIRM = Candidate(kind="employer", code="NPP-1", name="PT Contoh", size_class="large", region="13.71")
NOMINATION, LATE, PLENARY = person("nomination"), person("late"), person("plenary")
SEASON, COMMITTEE = "season/2020", f"committee/2020/{GORONTALO}"
ITEM = AgendaItem(category="KABKOTA", stage="seleksi")
TEXT = "cd" * 32
NOMINATED = {"entry": AT, "nominating_body": "75", "nominated_by": person("by"), "contact": person("contact")}
SEAT = {"season": "2020", "province": GORONTALO, "body": BODY, "person": person("member")}
TWO = {"season": "2020", "first": person("admin"), "second": person("admin2"), "reason_digest": REASON}
HISTORY: tuple[tuple[str, Event], ...] = (
    (SEASON, DeadlineExtended(season="2020", window="nomination", until=LATER, reason_digest=REASON)),
    (SEASON, DeadlineExtended(season="2020", window="nomination", province="13", until=LATER, reason_digest=REASON)),
    (SEASON, RulebookAmended(season="2020", version=2, hash=TEXT, content={}, reason_digest=REASON)),
    (SEASON, SeasonFrozen(**TWO)),
    (SEASON, SeasonUnfrozen(**TWO)),
    (COMMITTEE, ConflictLifted(**SEAT, category="KABKOTA", reason_digest=REASON)),
    (COMMITTEE, MemberRemoved(**SEAT, office="ketua-spsi", seat=1, reason_digest=REASON)),
    (f"nomination/{NOMINATION}", CandidateNominated(nomination=NOMINATION, candidate=CITY, **NOMINATED)),
    (
        f"nomination/{NOMINATION}",
        NominationAmended(
            nomination=NOMINATION, candidate=CITY, contact=person("contact"), reason_digest=REASON
        ),
    ),
    (
        f"nomination/{NOMINATION}",
        NominationRejected(
            nomination=NOMINATION, at=NATIONAL, verifier=person("v"), office="verifikator", reason_digest=REASON
        ),
    ),
    (
        f"nomination/{LATE}",
        NominationFiledLate(nomination=LATE, candidate=FIRM, **NOMINATED, reason_digest=REASON),
    ),
    (
        f"plenary/{PLENARY}",
        PlenaryConvened(
            plenary=PLENARY, season="2020", tier="provincial", province=GORONTALO, body=BODY, scheduled=LATER,
            agenda=(ITEM,),
        ),
    ),
    (
        f"plenary/{PLENARY}",
        AdmissionDecided(
            plenary=PLENARY, motion=1, item=ITEM, nomination=LATE, outcome="carried",
            tally=Tally(votes_for=5, votes_against=0, abstained=0),
            quorum=Quorum(seats=9, present=6, required=6), rulebook_version=1, results=(),
        ),
    ),
    (f"plenary/{PLENARY}", MinutesCorrected(plenary=PLENARY, number=1, text_digest=TEXT)),
    (AT.ranking, ScoringExtended(at=AT, previous=BEGAN, until=LATER, reason_digest=TEXT)),
    (AT.award, ResealOrdered(ranking=AT.ranking, seal=person("seal"), stale=())),
    (NATIONAL.award, ResealOrdered(ranking=NATIONAL.ranking, seal=person("other"), stale=())),
    (AT.ranking, RankingSuperseded(at=AT, seal=person("seal"), order=person("order"))),
)  # fmt: skip
EXPECTED = {
    ("DeadlineExtended", "extension", None, REASON),
    ("DeadlineExtended", "extension", "13", REASON),
    ("RulebookAmended", "amendment", None, REASON),
    ("SeasonFrozen", "freeze", None, REASON),
    ("SeasonUnfrozen", "freeze", None, REASON),
    ("ConflictLifted", "override", GORONTALO, REASON),
    ("MemberRemoved", "removal", GORONTALO, REASON),
    ("NominationAmended", "amendment", GORONTALO, REASON),
    ("NominationRejected", "removal", GORONTALO, REASON),
    ("NominationFiledLate", "override", "13", REASON),
    ("AdmissionDecided", "override", GORONTALO, None),
    ("MinutesCorrected", "override", GORONTALO, TEXT),
    ("ScoringExtended", "extension", GORONTALO, TEXT),
    ("ResealOrdered", "override", GORONTALO, None),
    ("ResealOrdered", "override", "00", None),
    ("RankingSuperseded", "override", GORONTALO, None),
}


def rows(events: Iterable[Recorded]) -> dict[str, tuple[Any, ...]]:
    """Fold events as the reactor does, group by group, and return the rows by their id."""
    projection = Exceptions()
    states: dict[str, Any] = {}
    for event in events:
        if event.type in projection.types:
            for group in projection.groups(event):
                states[group] = projection.fold(states.get(group) or projection.initial(group), event, group)
    return {row[1]: row for group, state in states.items() for row in projection.rows(group, state)}


def test_each_is_listed_under_its_season_place_and_kind_with_its_reason():
    found = rows(recorded(HISTORY)).values()
    told = {(orjson.loads(row[-1])["event"], row[4], row[3], row[6]) for row in found}
    assert told == EXPECTED
    assert {row[2] for row in found} == {"2020"}
    assert len(found) == len(EXPECTED)
    for row in found:
        body = orjson.loads(row[-1])
        assert (body["actor"], body["office"]) == (person("actor"), "season-admin")
        assert body["what"]
        assert "reason" not in body


@pytest.mark.parametrize("seed", range(5))
def test_how_streams_come_between_each_other_changes_nothing(seed: int):
    events = recorded(HISTORY)
    shuffled = events.copy()
    Random(seed).shuffle(shuffled)
    mixed = sorted(shuffled, key=lambda event: (event.version, shuffled.index(event)))
    assert rows(mixed) == rows(events)


def test_every_kind_of_event_that_is_told_is_read():
    read = {name.rsplit(".", 2)[-2] for name in Exceptions.types}
    assert set(_TOLD) < read
    assert read - set(_TOLD) == {"PlenaryConvened", "CandidateNominated"}
    assert {told.kind for told in _TOLD.values()} == set(KINDS)
    assert all(CODEC.knows(name) for name in Exceptions.types)
    assert any(isinstance(projection, Exceptions) for projection in PROJECTIONS)
