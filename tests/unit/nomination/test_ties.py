"""Specs of ties: who may be put in an order, by vote or by lot, and what ranks they hold afterwards."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Happened
from schemas.nomination import NominationEliminated, PlenaryDecided, RankingAnnounced, StageAdvanced, TieMotionOpened
from schemas.scoring import RankingSealed
from services.nomination.domain.evidence import broken_ties
from services.nomination.domain.motion import effective_ranks, proposal, tied_at_cut
from services.nomination.domain.plenary import Actor, BreakTie, Plenary
from services.nomination.domain.ties import draw
from tests.unit.nomination.assembly import MEMBER, SEED, Assembly, gathered, with_ties
from tests.unit.nomination.scene import CHAIR, ITEM, PLENARY_ID, VOTING_OFFICES, Scene, accepted, person, refused

OTHER = person("another meeting")


def broken(scene: Assembly, rank: int, order: tuple[str, ...], motion: int = 1) -> None:
    """Break a tie by vote."""
    scene.given(scene.tie(rank, order))
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), motion=motion))
    scene.given(scene.decide(motion=motion))


def proposed_and_decided(scene: Assembly, motion: int) -> list[Any]:
    """Propose, vote and decide; return what the decision emitted."""
    scene.given(scene.move())
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), motion=motion))
    return scene.given(scene.decide(motion=motion))


# --- by vote -------------------------------------------------------------------------------------------------------


def test_a_vote_puts_those_who_share_a_rank_in_an_order():
    scene, ids = gathered(1, 2, 2)
    (event,) = scene.given(scene.tie(2, (ids[2], ids[1])))
    assert isinstance(event, TieMotionOpened)
    assert (event.rank, event.order, event.method, event.seed) == (2, (ids[2], ids[1]), "vote", None)
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office)))
    (decided,) = scene.given(scene.decide())
    assert isinstance(decided, PlenaryDecided)
    assert (decided.outcome, decided.results, decided.tally.votes_for) == ("carried", (), 8)


def test_a_broken_tie_decides_who_advances_and_with_which_rank():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    _, first, second, third = proposed_and_decided(scene, 2)
    assert isinstance(second, StageAdvanced)
    assert isinstance(third, NominationEliminated)
    assert [(it.nomination, it.rank) for it in (first, second, third)] == [(ids[0], 1), (ids[2], 2), (ids[1], 3)]


def test_an_announcement_tells_the_ranks_that_the_tie_left():
    scene, ids = gathered(1, 1, 3)
    broken(scene, 1, (ids[1], ids[0]))
    proposed_and_decided(scene, 2)
    (event,) = scene.given(scene.announce(motion=2))
    assert isinstance(event, RankingAnnounced)
    assert [(line.nomination, line.rank) for line in event.lines] == [(ids[1], 1), (ids[0], 2), (ids[2], 3)]


def test_a_tie_that_nobody_broke_stays_one():
    scene, ids = gathered(1, 1, 3)
    _, first, second, _ = proposed_and_decided(scene, 1)
    assert [(it.nomination, it.rank) for it in (first, second)] == [(ids[0], 1), (ids[1], 1)]


def test_a_lost_order_may_be_followed_by_another():
    scene, ids = gathered(1, 2, 2)
    scene.given(scene.tie(2, (ids[2], ids[1])))
    for office in VOTING_OFFICES:
        scene.given(scene.vote(person(office), "against"))
    scene.given(scene.decide())
    refused(scene.move(), "tie-at-the-cut", "item")
    accepted(scene.tie(2, (ids[1], ids[2])))


def test_who_proposes_too_early_is_sent_to_the_vote_or_lot_of_the_rulebook():
    scene, _ = gathered(1, 2, 2, rules=with_ties("lot"))
    refusal = refused(scene.move(), "tie-at-the-cut", "item")
    assert "vote" not in refusal.detail.en
    (fault,) = refusal.faults
    assert "as the rulebook says, by vote or by lot" in fault.remedy.en
    assert "pemungutan suara atau undian" in fault.remedy.id


def test_a_rank_that_nobody_shares_has_no_tie():
    scene, ids = gathered(1, 2, 2)
    refused(scene.tie(1, (ids[0],)), "no-tie", "rank")
    refused(scene.tie(3, (ids[1], ids[2])), "no-tie", "rank")
    scene.given(scene.withdraw(ids[1]))
    refused(scene.tie(2, (ids[2],)), "no-tie", "rank")


def test_the_order_names_just_those_who_share_the_rank_and_compete():
    scene, ids = gathered(1, 2, 2, 2)
    scene.given(scene.withdraw(ids[3]))
    for order in (None, (ids[1],), (ids[1], ids[1]), (ids[1], ids[0]), (ids[1], ids[2], ids[3])):
        refused(scene.tie(2, order), "tie-order-not-theirs", "order")
    accepted(scene.tie(2, (ids[2], ids[1])))


def test_who_withdrew_before_leaves_the_last_of_the_shared_ranks_empty():
    scene, ids = gathered(1, 1, 1, 4, rules=with_ties("vote", quota=4))
    scene.given(scene.withdraw(ids[0]))
    broken(scene, 1, (ids[2], ids[1]))
    _, *results = proposed_and_decided(scene, 2)
    assert [(it.nomination, it.rank) for it in results] == [(ids[2], 1), (ids[1], 2), (ids[3], 4)]


def test_who_withdraws_after_the_tie_keeps_the_rank_and_nobody_moves_up():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    scene.given(scene.withdraw(ids[2]))
    _, first, second = proposed_and_decided(scene, 2)
    assert (first.nomination, first.rank) == (ids[0], 1)
    assert isinstance(second, NominationEliminated)
    assert (second.nomination, second.rank) == (ids[1], 3)


def test_a_tie_that_changed_before_it_was_decided_is_put_anew():
    scene, ids = gathered(1, 2, 2, 2)
    scene.given(scene.tie(2, (ids[2], ids[1], ids[3])))
    scene.given(scene.withdraw(ids[1]))
    refused(scene.decide(), "tie-changed", "motion")
    accepted(scene.tie(2, (ids[2], ids[3])))
    scene.given(scene.withdraw(ids[3]))
    accepted(scene.move())


def test_a_tie_is_broken_once():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    refusal = refused(scene.tie(2, (ids[1], ids[2])), "tie-broken-already", "rank")
    assert ids[2] in refusal.detail.en


def test_one_question_at_a_time_lies_before_the_meeting():
    scene, ids = gathered(1, 2, 2)
    scene.given(scene.tie(2, (ids[2], ids[1])))
    refused(scene.move(), "motion-pending", "item")
    refused(scene.tie(2, (ids[1], ids[2])), "motion-pending", "item")


def test_a_tie_is_broken_on_the_tabled_seal_and_with_it_replaced_void():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    first = scene.ranking().current
    assert first is not None
    scene.supersede(first.id)
    scene.seal([(ids[0], 1), (ids[1], 2), (ids[2], 2)])
    refused(scene.tie(2, (ids[2], ids[1])), "seal-superseded", "seal")
    scene.given(scene.table())
    refused(scene.move(), "tie-at-the-cut", "item")
    accepted(scene.tie(2, (ids[1], ids[2])))


def test_no_tie_before_a_seal_lies_before_the_meeting():
    scene, ids = gathered(1, 2, 2)
    scene.elsewhere(OTHER, tabled=False)
    refused(scene.tie(2, (ids[1], ids[2])), "not-tabled", "item")


def test_no_tie_on_a_decided_item():
    scene, ids = gathered(1, 1, 3)
    proposed_and_decided(scene, 1)
    refused(scene.tie(1, (ids[0], ids[1])), "item-decided", "item")


def test_no_tie_among_those_whom_another_meeting_decided_on():
    scene, ids = gathered(1, 1, 3)
    proposed_and_decided(scene, 1)
    scene.elsewhere(OTHER)
    refused(scene.tie(1, (ids[0], ids[1])), "stage-left", "item")


def test_who_is_recused_on_one_of_the_tied_takes_no_part():
    scene, ids = gathered(1, 2, 2)
    scene.given(scene.declare(MEMBER, ids[1]))
    scene.given(scene.tie(2, (ids[1], ids[2])))
    refused(scene.vote(MEMBER), "recused", "actor")


def test_a_member_puts_no_question_on_a_tie():
    scene, ids = gathered(1, 2, 2)
    refused(scene.tie(2, (ids[1], ids[2]), actor=Actor(MEMBER)), "not-in-office", "actor")


def test_a_carried_tie_is_no_result_to_announce():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[1], ids[2]))
    refused(scene.announce(), "nothing-to-announce", "motion")


# --- by lot --------------------------------------------------------------------------------------------------------


def test_a_lot_falls_by_the_digests_of_seed_and_nomination():
    scene, ids = gathered(1, 2, 2, 2, rules=with_ties("lot"))
    (event,) = scene.given(scene.lot(2))
    assert isinstance(event, TieMotionOpened)
    assert (event.method, event.seed) == ("lot", SEED)
    by_hand = sorted(ids[1:], key=lambda one: sha256(f"{SEED}/{one}".encode()).hexdigest())
    assert list(event.order) == by_hand


def test_nobody_votes_on_a_lot_and_deciding_takes_the_quorum_only():
    scene, _ = gathered(1, 2, 2, rules=with_ties("lot"))
    scene.given(scene.lot(2))
    refused(scene.vote(MEMBER), "lot-takes-no-votes", "motion")
    scene.leave(VOTING_OFFICES[1:4])
    refused(scene.decide(), "no-quorum", "motion")
    scene.given(scene.attend(person(VOTING_OFFICES[1])))
    (decided,) = scene.given(scene.decide())
    assert isinstance(decided, PlenaryDecided)
    assert decided.outcome == "carried"
    assert (decided.tally.votes_for, decided.tally.votes_against, decided.tally.abstained) == (0, 0, 0)


def test_a_lot_is_decided_by_the_office_that_advances():
    scene, _ = gathered(1, 2, 2, rules=with_ties("lot"))
    scene.given(scene.lot(2))
    refused(scene.decide(Actor(MEMBER)), "not-in-office", "actor")
    accepted(scene.decide(Actor(CHAIR)))


def test_a_lot_is_drawn_and_not_proposed():
    scene, ids = gathered(1, 2, 2, rules=with_ties("lot"))
    refused(scene.tie(2, (ids[1], ids[2]), "lot"), "tie-order-drawn", "order")
    refused(scene.lot(2, ballot="paper"), "lot-takes-no-votes", "ballot")


def test_a_tie_is_broken_only_as_the_rubric_lists():
    scene, ids = gathered(1, 2, 2, rules=with_ties("aspect", "lot"))
    refused(scene.tie(2, (ids[1], ids[2])), "tie-method-unlisted", "method")
    scene, ids = gathered(1, 2, 2)
    refusal = refused(scene.lot(2), "tie-method-unlisted", "method")
    assert "vote" in refusal.faults[0].remedy.id


def test_where_both_are_listed_the_first_is_tried_first():
    scene, ids = gathered(1, 2, 2, rules=with_ties("vote", "lot"))
    refused(scene.lot(2), "tie-method-out-of-turn", "method")
    scene.given(scene.tie(2, (ids[1], ids[2])))
    scene.given(scene.decide())  # nobody voted for it
    accepted(scene.lot(2))
    scene, ids = gathered(1, 2, 2, rules=with_ties("lot", "vote"))
    refused(scene.tie(2, (ids[1], ids[2])), "tie-method-out-of-turn", "method")


def lost_then_drawn() -> tuple[Assembly, tuple[str, str]]:
    """Return a meeting that voted on a tie in vain and drew, the nominees tied, and another meeting begun after it."""
    scene, ids = gathered(1, 2, 2, rules=with_ties("vote", "lot"))
    tied = (ids[1], ids[2])
    scene.given(scene.tie(2, tied))
    scene.given(scene.decide())  # nobody voted for it
    scene.given(scene.lot(2))
    return scene, tied


def test_nobody_votes_on_a_tie_once_its_lot_was_drawn():
    scene, tied = lost_then_drawn()
    refused(scene.tie(2, tied), "motion-pending", "item")
    scene.elsewhere(OTHER)
    refused(scene.tie(2, tied[::-1]), "tie-drawn-already", "method")
    accepted(scene.lot(2))


def test_a_vote_that_was_put_before_the_lot_was_drawn_elsewhere_decides_nothing():
    scene, ids = gathered(1, 2, 2, rules=with_ties("vote", "lot"))
    tied = (ids[1], ids[2])
    scene.given(scene.tie(2, tied))
    mine = list(scene.streams[f"plenary/{PLENARY_ID}"])
    scene.elsewhere(OTHER)
    scene.given(scene.tie(2, tied))
    scene.given(scene.decide())
    scene.given(scene.lot(2))
    back_in(scene, mine)
    refused(scene.decide(), "tie-drawn-already", "motion")


def test_no_second_draw_by_another_meeting():
    scene, _ = gathered(1, 2, 2, rules=with_ties("lot"))
    (first,) = scene.given(scene.lot(2))
    scene.elsewhere(OTHER)
    (second,) = scene.given(scene.lot(2, seed="77" * 32))
    assert (second.seed, second.order) == (first.seed, first.order)  # type: ignore[attr-defined]


def test_no_second_draw_by_another_seal():
    scene, ids = gathered(1, 2, 2, rules=with_ties("lot"))
    (first,) = scene.given(scene.lot(2))
    scene.given(scene.decide())
    seal = scene.ranking().current
    assert seal is not None
    scene.supersede(seal.id)
    scene.seal([(ids[0], 1), (ids[1], 2), (ids[2], 2)])
    scene.given(scene.table())
    (second,) = scene.given(scene.lot(2, seed="77" * 32))
    assert (second.seed, second.order) == (first.seed, first.order)  # type: ignore[attr-defined]


def test_the_first_draw_counts_in_whichever_meeting_it_is_asked_for():
    scene, ids = gathered(1, 2, 2, 4, rules=with_ties("lot"))
    (first,) = scene.given(scene.lot(2))
    scene.elsewhere(OTHER)
    seal_anew(scene, [(ids[0], 1), (ids[1], 2), (ids[2], 2), (ids[3], 2)])
    (second,) = scene.given(scene.lot(2, seed="77" * 32))
    assert second.seed == "77" * 32  # type: ignore[attr-defined]
    seal_anew(scene, [(ids[0], 1), (ids[1], 2), (ids[2], 2), (ids[3], 4)])
    here, there = f"plenary/{PLENARY_ID}", f"plenary/{OTHER}"
    (drawn,) = accepted(scene.lot(2, seed="99" * 32))
    # Back in the first meeting, to which the second is now the other one.
    scene.streams[here], scene.streams[there] = scene.streams[there], scene.streams[here]
    scene.given(scene.table())
    (again,) = accepted(scene.lot(2, seed="99" * 32))
    assert [one.event.seed for one in (drawn, again)] == [first.seed] * 2  # type: ignore[attr-defined]


def seal_anew(scene: Assembly, ranks: list[tuple[str, int]]) -> None:
    """Replace the seal, and lay the new one before the meeting."""
    seal = scene.ranking().current
    assert seal is not None
    scene.supersede(seal.id)
    scene.seal(ranks)
    scene.given(scene.table())


def test_other_nominees_are_drawn_for_anew():
    scene, ids = gathered(1, 1, 3, 3, rules=with_ties("lot", quota=3))
    (first,) = scene.given(scene.lot(1))
    scene.given(scene.decide())
    (second,) = scene.given(scene.lot(3, seed="77" * 32))
    assert (first.seed, second.seed) == (SEED, "77" * 32)  # type: ignore[attr-defined]
    assert ids


# --- in several meetings -------------------------------------------------------------------------------------------


def test_a_tie_broken_in_another_meeting_on_the_same_seal_is_broken():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    scene.elsewhere(OTHER)
    refused(scene.tie(2, (ids[1], ids[2])), "tie-broken-already", "rank")
    (event,) = scene.given(scene.move())
    assert event.advancing == (ids[0], ids[2])  # type: ignore[attr-defined]


def test_a_proposal_is_not_carried_when_another_meeting_broke_a_tie_meanwhile():
    scene, ids = gathered(1, 1, 3)
    scene.given(scene.move())
    scene.all_vote()
    mine = list(scene.streams[f"plenary/{PLENARY_ID}"])
    scene.elsewhere(OTHER)
    broken(scene, 1, (ids[1], ids[0]))
    back_in(scene, mine)
    refused(scene.decide(), "proposal-outdated", "motion")


def back_in(scene: Assembly, meeting: list[Happened]) -> None:
    """Go back to the first meeting, to which the second is now the other one."""
    scene.streams[f"plenary/{OTHER}"] = scene.streams.pop(f"plenary/{PLENARY_ID}")
    scene.streams[f"plenary/{PLENARY_ID}"] = meeting


def test_a_tie_that_two_meetings_put_is_broken_by_the_one_that_decides_first():
    scene, ids = gathered(1, 2, 2)
    scene.given(scene.tie(2, (ids[1], ids[2])))
    scene.all_vote()
    mine = list(scene.streams[f"plenary/{PLENARY_ID}"])
    scene.elsewhere(OTHER)
    broken(scene, 2, (ids[2], ids[1]))
    back_in(scene, mine)
    refusal = refused(scene.decide(), "tie-broken-already", "motion")
    assert f"{ids[2]}, {ids[1]}" in refusal.detail.en
    # Its own question is in nobody's way: the ranks are proposed in the order of the other meeting.
    (event,) = accepted(scene.move())
    assert event.event.advancing == (ids[0], ids[2])


def test_a_lot_that_two_meetings_drew_is_decided_by_the_first_that_closes_it():
    scene, ids = gathered(1, 2, 2, rules=with_ties("lot"))
    scene.given(scene.lot(2))
    mine = list(scene.streams[f"plenary/{PLENARY_ID}"])
    scene.elsewhere(OTHER)
    scene.given(scene.lot(2))
    scene.given(scene.decide())
    back_in(scene, mine)
    refused(scene.decide(), "tie-broken-already", "motion")
    (event,) = accepted(scene.move())
    assert event.event.advancing[0] == ids[0]


# --- arithmetic ----------------------------------------------------------------------------------------------------


def sealed(ranks: list[int]) -> RankingSealed:
    scene = Scene()
    scene.open()
    scene.seal([(person(f"nominee {index}"), rank) for index, rank in enumerate(ranks)])
    seal = scene.ranking().current
    assert seal is not None
    return seal.said


@given(scores=st.lists(st.integers(0, 3), min_size=1, max_size=7), quota=st.integers(1, 6), seed=st.integers(0, 9))
def test_with_every_tie_broken_ranks_are_one_to_n_and_the_quota_is_exact(scores: list[int], quota: int, seed: int):
    said = sealed([1 + sum(other > score for other in scores) for score in scores])
    ranks = sorted({row.rank for row in said.standings})
    groups = [[row.nomination for row in said.standings if row.rank == rank] for rank in ranks]
    ties = [
        BreakTie(rank, draw(f"{seed:064x}", group), "lot")
        for rank, group in zip(ranks, groups, strict=True)
        if len(group) > 1
    ]
    effective = effective_ranks(said, ties)
    assert sorted(effective.values()) == list(range(1, len(scores) + 1))
    found = proposal(said, quota, effective.keys(), ties)
    assert len(found.advancing) == min(quota, len(scores))
    assert [effective[one] for one in found.advancing] == list(range(1, len(found.advancing) + 1))
    # Nobody passes somebody of a better rank of the seal.
    rank_of = {row.nomination: row.rank for row in said.standings}
    assert [rank_of[one] for one in (*found.advancing, *found.eliminated)] == sorted(rank_of.values())


@given(seed=st.text("0123456789abcdef", min_size=64, max_size=64), count=st.integers(2, 6))
def test_a_lot_depends_on_the_seed_alone_and_not_on_the_order_of_the_nominees(seed: str, count: int):
    nominees = [person(f"nominee {index}") for index in range(count)]
    drawn = draw(seed, nominees)
    assert draw(seed, reversed(nominees)) == drawn
    assert draw(seed, drawn[1:]) == drawn[1:]


def test_a_cut_is_tied_only_when_the_seats_from_the_shared_rank_on_do_not_suffice():
    assert tied_at_cut([1, 2, 2], 2) == 2
    assert tied_at_cut([1, 1, 3], 2) is None
    assert tied_at_cut([1, 1, 1], 2) == 1
    assert tied_at_cut([3, 3], 2) is None
    assert tied_at_cut([], 2) is None


def test_the_record_tells_which_ties_were_broken():
    scene, ids = gathered(1, 2, 2)
    broken(scene, 2, (ids[2], ids[1]))
    plenary, seal = scene.plenary(), scene.ranking().current
    assert isinstance(plenary, Plenary)
    assert seal is not None
    assert broken_ties(seal.id, ITEM, plenary, scene.evidence()) == (BreakTie(2, (ids[2], ids[1]), "vote"),)
