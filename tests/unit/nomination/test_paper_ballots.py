"""Specs of secret votes on paper: the secretary counts, two members confirm, and only then it is decided."""

from __future__ import annotations

import pytest

from schemas.nomination import BallotConfirmed, BallotTallied, PlenaryDecided, StageAdvanced, Tally
from services.nomination.domain.plenary import Actor
from tests.unit.nomination.assembly import FIRST, MEMBER, SECOND, Assembly, gathered, on_paper, with_body
from tests.unit.nomination.scene import CHAIR, VOTING_OFFICES, accepted, person, refused


def counted(scene: Assembly, votes_for: int, against: int = 0, abstained: int = 0, invalid: int = 0) -> PlenaryDecided:
    """State a count, let two members confirm it, and decide."""
    scene.given(scene.tally(votes_for, against, abstained, invalid))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    event = scene.given(scene.decide())[0]
    assert isinstance(event, PlenaryDecided)
    return event


def test_the_secretary_states_the_count_and_members_confirm_it():
    scene, _ = on_paper(1)
    (tallied,) = scene.given(scene.tally(5, 2, 0, 1))
    assert isinstance(tallied, BallotTallied)
    assert (tallied.tally.votes_for, tallied.tally.votes_against, tallied.invalid) == (5, 2, 1)
    (confirmed,) = scene.given(scene.confirm(MEMBER))
    assert isinstance(confirmed, BallotConfirmed)
    assert (confirmed.person, confirmed.office) == (MEMBER, "ketua-spsi")


def test_a_confirmed_count_decides():
    scene, ids = on_paper(1)
    decided = counted(scene, 5, 2, 0, 1)
    assert decided.outcome == "carried"
    assert (decided.tally.votes_for, decided.tally.votes_against, decided.tally.abstained) == (5, 2, 0)
    (advanced,) = (it.event for it in scene.streams[f"nomination/{ids[0]}"][1:])
    assert isinstance(advanced, StageAdvanced)


def test_nobody_votes_openly_on_paper():
    scene, _ = on_paper(1)
    refused(scene.vote(MEMBER), "ballot-secret", "motion")


def test_an_open_vote_has_no_count_on_paper():
    scene, _ = gathered(1)
    scene.given(scene.move())
    refused(scene.tally(5), "ballot-open", "motion")
    refused(scene.confirm(MEMBER), "ballot-open", "motion")


def test_a_tie_may_be_voted_on_by_paper_too():
    scene, ids = gathered(1, 2, 2)
    scene.given(scene.tie(2, (ids[2], ids[1]), ballot="paper"))
    assert counted(scene, 8).outcome == "carried"
    (event,) = scene.given(scene.move())
    assert event.advancing == (ids[0], ids[2])  # type: ignore[attr-defined]


@pytest.mark.parametrize("actor", [Actor(CHAIR), Actor(MEMBER)])
def test_only_the_secretary_states_the_count(actor):
    scene, _ = on_paper(1)
    refused(scene.tally(5, actor=actor), "not-in-office", "actor")


def test_there_are_no_more_papers_than_members_who_may_vote():
    scene, ids = on_paper(1)
    scene.given(scene.declare(MEMBER, ids[0]))
    refusal = refused(scene.tally(5, 1, 1, 1), "tally-exceeds-present", "tally")
    assert "8 papers" in refusal.detail.en
    assert "7 members" in refusal.detail.en
    accepted(scene.tally(5, 1, 0, 1))
    scene.leave(VOTING_OFFICES[1:2])
    refused(scene.tally(5, 1, 0, 1), "tally-exceeds-present", "tally")


def test_a_count_takes_the_quorum():
    scene, _ = on_paper(1)
    scene.leave(VOTING_OFFICES[1:4])
    refused(scene.tally(5), "no-quorum", "motion")


def test_nothing_is_confirmed_before_it_is_counted():
    scene, _ = on_paper(1)
    refused(scene.confirm(MEMBER), "ballot-uncounted", "motion")


def test_who_was_not_there_or_may_not_vote_confirms_nothing():
    scene, ids = on_paper(1)
    scene.given(scene.tally(5))
    refused(scene.confirm(person("stranger")), "person-not-seated", "actor")
    scene.given(scene.attend(FIRST, present=False))
    refused(scene.confirm(FIRST), "not-present", "actor")
    scene.given(scene.declare(SECOND, ids[0]))
    refused(scene.confirm(SECOND), "recused", "actor")


def test_a_member_confirms_once():
    scene, _ = on_paper(1)
    scene.given(scene.tally(5))
    scene.given(scene.confirm(MEMBER))
    refused(scene.confirm(MEMBER), "confirmed-already", "motion")


def test_who_stated_the_count_does_not_confirm_it():
    scene, _ = on_paper(1)
    scene.given(scene.tally(5, actor=Actor(MEMBER, secretary=True)), MEMBER)
    refused(scene.confirm(MEMBER), "confirmed-by-teller", "actor")
    scene.given(scene.tally(6), person("secretary"))
    accepted(scene.confirm(MEMBER))


def test_a_member_may_say_which_count_is_confirmed():
    scene, _ = on_paper(1)
    scene.given(scene.tally(5, 2, 0, 1))
    other = Tally(votes_for=6, votes_against=1, abstained=0)
    refusal = refused(scene.confirm(MEMBER, tally=other, invalid=1), "tally-differs", "tally")
    assert "5/2/0/1" in refusal.detail.en
    same = Tally(votes_for=5, votes_against=2, abstained=0)
    refused(scene.confirm(MEMBER, tally=same, invalid=0), "tally-differs", "tally")
    accepted(scene.confirm(MEMBER, tally=same, invalid=1))


def test_it_takes_two_confirmations():
    scene, _ = on_paper(1)
    refused(scene.decide(), "ballot-unconfirmed", "motion")
    scene.given(scene.tally(5))
    refused(scene.decide(), "ballot-unconfirmed", "motion")
    scene.given(scene.confirm(FIRST))
    refusal = refused(scene.decide(), "ballot-unconfirmed", "motion")
    assert "by 1 member" in refusal.detail.en
    scene.given(scene.confirm(SECOND))
    accepted(scene.decide())


def test_a_new_count_is_confirmed_anew():
    scene, _ = on_paper(1)
    scene.given(scene.tally(4))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    scene.given(scene.tally(5))
    refused(scene.decide(), "ballot-unconfirmed", "motion")
    accepted(scene.confirm(FIRST))


def test_the_same_count_again_changes_nothing():
    scene, _ = on_paper(1)
    scene.given(scene.tally(5, 2, 0, 1))
    assert accepted(scene.tally(5, 2, 0, 1)) == ()
    assert len(accepted(scene.tally(5, 2, 1, 0))) == 1


def test_a_confirmation_of_a_removed_or_recused_member_does_not_count():
    scene, ids = on_paper(1)
    scene.given(scene.tally(5))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    scene.given(scene.declare(SECOND, ids[0]))
    refused(scene.decide(), "ballot-unconfirmed", "motion")
    scene.given(scene.confirm(MEMBER))
    accepted(scene.decide())
    scene.given(scene.remove(FIRST))
    refused(scene.decide(), "ballot-unconfirmed", "motion")


def test_papers_that_a_recused_member_may_have_cast_are_voted_on_again():
    scene, ids = on_paper(1)
    scene.given(scene.tally(8))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    scene.given(scene.declare(MEMBER, ids[0]))
    refused(scene.decide(), "tally-exceeds-present", "motion")
    scene.given(scene.tally(7))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    accepted(scene.decide())


def test_who_leaves_after_the_count_was_there_when_it_was_made():
    scene, _ = on_paper(1)
    scene.given(scene.tally(8))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    scene.leave(VOTING_OFFICES[-2:])
    decided = accepted(scene.decide())[0].event
    assert (decided.tally.votes_for, decided.quorum.present) == (8, 6)


@pytest.mark.parametrize(
    ("base", "figures", "outcome"),
    [
        ("seats", (4, 0, 0, 0), "lost"),
        ("seats", (5, 0, 0, 0), "carried"),
        ("cast", (1, 0, 6, 1), "carried"),
        ("cast", (2, 2, 4, 0), "lost"),
        ("present", (4, 0, 0, 4), "lost"),  # half of the eight present; invalid papers are of members present
        ("present", (5, 3, 0, 0), "carried"),
    ],
)
def test_the_majority_is_a_share_of_the_same_base_as_of_open_votes(base, figures, outcome):
    scene, _ = on_paper(1, rules=with_body(majority={"fraction": "1/2", "strict": True, "base": base, "assumed": True}))
    assert counted(scene, *figures).outcome == outcome


def test_the_base_of_the_present_holds_those_who_left_after_the_count():
    scene, _ = on_paper(1)
    scene.given(scene.tally(4, 4))
    scene.given(scene.confirm(FIRST))
    scene.given(scene.confirm(SECOND))
    scene.leave(VOTING_OFFICES[-2:])
    assert accepted(scene.decide())[0].event.outcome == "lost"  # four of eight, though six are left


def test_no_count_after_the_decision():
    scene, _ = on_paper(1)
    counted(scene, 8)
    refused(scene.tally(8), "motion-closed", "motion")
    refused(scene.confirm(MEMBER), "motion-closed", "motion")
