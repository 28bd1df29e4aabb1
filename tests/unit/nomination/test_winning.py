"""Specs of what the end of a path brings: prizes for ranks, and ranks that nobody takes."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.nomination import PlenaryDecided, PrizeAwarded, RankingAnnounced, RankLeftVacant, WinnerDeclared
from services.nomination.domain.winning import vacant_ranks
from tests.unit.nomination.award_scene import FINAL, HEARD, JURY_CHAIR, AwardScene, heard, selected, with_quotas, won
from tests.unit.nomination.scene import PLENARY_ID, refused

PROVINCIAL_PRIZE = [
    {
        "tier": "provincial",
        "categories": ["KABKOTA"],
        "rank": 1,
        "prize": {"id": "Juara I", "en": "First"},
        "assumed": True,
    }
]


def test_each_winner_whose_rank_has_a_prize_receives_it_in_the_same_append():
    scene, ids, events = won(1, 2, 3, 4)
    prizes = [event for event in events if isinstance(event, PrizeAwarded)]
    assert [(prize.nomination, prize.rank, prize.prize.id) for prize in prizes] == [
        (ids[0], 1, "Bonus dan satu unit mobil"),
        (ids[1], 2, "Bonus"),
        (ids[2], 3, "Bonus"),
    ]
    assert prizes[0].prize.en == "A bonus and a car"
    assert (prizes[0].at, prizes[0].plenary, prizes[0].motion) == (FINAL, PLENARY_ID, 1)
    decided = events[0]
    assert isinstance(decided, PlenaryDecided)
    assert len(decided.results) == len(events) - 1
    assert decided.results[-1].version == scene.version(FINAL.award)


def test_a_rank_without_a_prize_is_won_all_the_same():
    _, ids, events = won(1, 2, rules=with_quotas(2, prizes=[]))
    assert [event.nomination for event in events if isinstance(event, WinnerDeclared)] == ids
    assert not [event for event in events if isinstance(event, PrizeAwarded | RankLeftVacant) and event.rank < 3]


def test_those_who_share_a_rank_each_receive_its_prize():
    _, ids, events = won(1, 1, 3)
    prizes = [event for event in events if isinstance(event, PrizeAwarded)]
    assert [(prize.nomination, prize.rank) for prize in prizes] == [(ids[0], 1), (ids[1], 1), (ids[2], 3)]
    assert not [event for event in events if isinstance(event, RankLeftVacant)]


def test_a_rank_is_left_vacant_when_fewer_could_be_ranked():
    _, _, events = won(1, 2, unrankable=2)
    assert [(event.rank, event.at) for event in events if isinstance(event, RankLeftVacant)] == [(3, FINAL)]


def test_a_rank_is_left_vacant_when_its_nominee_withdrew_after_the_seal():
    scene, ids = heard(1, 2, 3, 4)
    members = scene.prepare("dewan-juri", HEARD, JURY_CHAIR)
    scene.given(scene.withdraw(ids[1]))
    for member in members:
        scene.given(scene.vote(member))
    events = scene.given(scene.decide(JURY_CHAIR))
    assert [event.rank for event in events if isinstance(event, WinnerDeclared)] == [1, 3]
    assert [event.rank for event in events if isinstance(event, RankLeftVacant)] == [2]


def test_when_nobody_is_left_every_rank_is_vacant_and_it_is_decided_once():
    scene, ids = heard(1, 2)
    members = scene.prepare("dewan-juri", HEARD, JURY_CHAIR)
    for id_ in ids:
        scene.given(scene.withdraw(id_))
    for member in members:
        scene.given(scene.vote(member))
    twin = list(scene.streams[f"plenary/{PLENARY_ID}"])
    events = scene.given(scene.decide(JURY_CHAIR))
    assert [event.rank for event in events if isinstance(event, RankLeftVacant)] == [1, 2, 3]
    scene.streams[f"plenary/{PLENARY_ID}"] = twin
    refused(scene.decide(JURY_CHAIR), "winners-declared-already", "item")


def test_a_final_that_nobody_reached_leaves_no_rank_vacant_and_is_not_decided():
    scene = AwardScene()
    scene.open(with_quotas(1))
    scene.seat_nation()
    scene.seal([], at=FINAL)
    scene.given(scene.convene(JURY_CHAIR, (HEARD,), body="dewan-juri", province="00"))
    scene.given(scene.attend(JURY_CHAIR.person))
    scene.given(scene.table(item=HEARD))
    refused(scene.move(JURY_CHAIR, HEARD), "nobody-to-decide-on", "item")


def test_a_province_gives_its_prizes_to_those_it_sends_on_and_leaves_no_rank_vacant():
    _, ids, events = selected(1, rules=with_quotas(3, prizes=PROVINCIAL_PRIZE))
    assert [(event.nomination, event.rank) for event in events if isinstance(event, PrizeAwarded)] == [(ids[0], 1)]
    assert not [event for event in events if isinstance(event, RankLeftVacant)]


def test_nothing_is_awarded_inside_a_tier():
    scene, _ = heard(1, 2)
    (announced,) = scene.streams[FINAL.award]
    assert isinstance(announced.event, RankingAnnounced)


@pytest.mark.parametrize(
    ("taken", "vacant"),
    [
        ([1, 2, 3], []),
        ([1, 1, 3], []),
        ([1, 1, 1], []),
        ([1, 2, 2], []),
        ([1, 3], [2]),
        ([2, 3], [1]),
        ([1, 1], [3]),
        ([2, 2], [1]),
        ([3], [1, 2]),
        ([], [1, 2, 3]),
    ],
)
def test_vacant_ranks_of_three(taken, vacant):
    assert list(vacant_ranks(taken, 3)) == vacant


@given(totals=st.lists(st.integers(1, 6), max_size=12), quota=st.integers(1, 12), gone=st.sets(st.integers(0, 11)))
def test_winners_and_vacant_ranks_are_together_as_many_as_the_quota(totals, quota, gone):
    ranks: list[int] = []
    for _, tied in groupby(sorted(totals, reverse=True)):
        ranks += [len(ranks) + 1] * len(list(tied))
    won_ranks = [rank for index, rank in enumerate(ranks) if rank <= quota and index not in gone]
    last = max((rank for rank in ranks if rank <= quota), default=0)
    if last + won_ranks.count(last) - 1 > quota:
        return  # such a tie is parted by vote before
    vacant = list(vacant_ranks(won_ranks, quota))
    assert len(vacant) + len(won_ranks) == quota
    assert not set(vacant) & set(won_ranks)
