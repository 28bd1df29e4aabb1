"""Given a committee and nominees; when scorers are drawn; then who is drawn, and what any draw must hold."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scoring import Assignment, ScorersAssigned
from services.scoring.domain.assignment import AssignScorers, decide_assign, draw, eligible_scorers
from services.scoring.domain.received import Committee, Season, Seat
from services.scoring.domain.stage import RANKING, Open, Unopened
from tests.unit.scoring.given import (
    AT,
    BODY,
    CLERK,
    MEMBER,
    N1,
    N2,
    NATIONAL,
    NOW,
    TERM,
    a_closed,
    a_committee,
    a_nomination,
    a_season,
    an_id,
    an_interest,
    an_open,
    events,
    happened,
    opened,
    pinned,
    refusal,
    seen_by,
)

SEED = "ab" * 32
NINE = [an_id(f"member {number}") for number in range(9)]
DRAWS_TWO = pinned(per_nominee=2)

seeds = st.binary(min_size=32, max_size=32).map(bytes.hex)
members_st = st.lists(st.sampled_from(NINE), min_size=1, max_size=9, unique=True)
nominations_st = st.lists(st.integers(0, 40).map(lambda n: an_id(f"n {n}")), min_size=1, max_size=15, unique=True)


def assigning(seed: str = SEED, **changed: Any) -> AssignScorers:
    usual: dict[str, Any] = {"at": AT, "person": CLERK, "seed": seed, "received": NOW}
    return AssignScorers(**(usual | changed))


def drawn_for(*members: str, rules: Any = DRAWS_TWO, **assigned: tuple[str, ...]) -> Open:
    """Return an open stage with these members drawn for N1, and others by name."""
    begun = an_open(rules)
    return Open(
        begun.opened,
        begun.rules,
        begun.closes,
        {N1: frozenset(members), **{k: frozenset(v) for k, v in assigned.items()}},
    )


def union(first: Any, second: Any) -> dict[str, set[str]]:
    return {one: {*first.get(one, ()), *second.get(one, ())} for one in {*first, *second}}


# --- the draw ------------------------------------------------------------------------------------------------------


def test_who_has_seen_marks_of_the_stage_is_not_drawn():
    committee = a_committee()
    everybody = eligible_scorers(an_open(DRAWS_TWO), committee, [a_nomination().nominee])[N1]
    left = eligible_scorers(seen_by(an_open(DRAWS_TWO), everybody[0]), committee, [a_nomination().nominee])[N1]
    assert (everybody, left) == ((MEMBER,), ())


def by_the_letter(
    seed: str, wanted: int, eligible: dict[str, list[str]], drawn: dict[str, set[str]]
) -> dict[str, list[str]]:
    """Return the draw as the module's docstring states it, one member at a time."""

    def number(text: str) -> int:
        return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest(), "big")

    def load(member: str) -> int:
        return sum(member in given and member in eligible[one] for one, given in now.items())

    now = {one: set(drawn.get(one, set())) for one in eligible}
    added: dict[str, list[str]] = {}
    for one in sorted(eligible, key=lambda each: number(f"{seed}/{each}")):
        while len(now[one] & set(eligible[one])) < wanted and set(eligible[one]) - now[one]:
            free = set(eligible[one]) - now[one]
            chosen = min(free, key=lambda member: (load(member), number(f"{seed}/{one}/{member}")))
            now[one].add(chosen)
            added.setdefault(one, []).append(chosen)
    return added


@given(seeds, st.integers(1, 5), nominations_st, st.data())
def test_the_draw_is_what_its_docstring_says(seed, wanted, nominations, data):
    eligible = {one: data.draw(st.lists(st.sampled_from(NINE), max_size=9, unique=True)) for one in nominations}
    drawn = {one: set(data.draw(st.lists(st.sampled_from(NINE), max_size=4))) for one in nominations[::2]}
    found = draw(seed, wanted, eligible, drawn)
    assert {one: list(members) for one, members in found.items()} == by_the_letter(seed, wanted, eligible, drawn)


def test_a_draw_worked_by_hand():
    """Two nominees, three members, one scorer each: the hashes of the seed 00…01 say who.

    The nominee of the lesser hash is first and gets the member of the least hash for it; the second nominee gets, among
    the two members who have nothing yet, the one of the lesser hash for it.
    """
    seed = "0" * 63 + "1"

    def h(*parts: str) -> str:
        return hashlib.sha256("/".join((seed, *parts)).encode()).hexdigest()

    first, second = sorted((N1, N2), key=h)
    one = min(NINE[:3], key=lambda member: h(first, member))
    other = min((member for member in NINE[:3] if member != one), key=lambda member: h(second, member))
    assert draw(seed, 1, {N1: NINE[:3], N2: NINE[:3]}, {}) == {first: (one,), second: (other,)}


@given(seeds, st.integers(1, 9), members_st, nominations_st)
def test_loads_differ_by_one_at_most_when_nobody_is_recused(seed, wanted, members, nominations):
    found = draw(seed, wanted, dict.fromkeys(nominations, members), {})
    loads = [sum(member in drawn for drawn in found.values()) for member in members]
    assert max(loads) - min(loads) <= 1
    assert all(len(set(drawn)) == len(drawn) == min(wanted, len(members)) for drawn in found.values())


@given(seeds, st.integers(1, 5), nominations_st, st.data())
def test_nobody_who_is_not_eligible_is_drawn_and_all_are_where_there_are_too_few(seed, wanted, nominations, data):
    eligible = {one: data.draw(st.lists(st.sampled_from(NINE), max_size=9, unique=True)) for one in nominations}
    found = draw(seed, wanted, eligible, {})
    for one in nominations:
        assert set(found.get(one, ())) <= set(eligible[one])
        assert len(found.get(one, ())) == min(wanted, len(eligible[one]))


@given(seeds, seeds, st.integers(1, 4), nominations_st, st.data())
def test_a_second_draw_keeps_what_is_there_and_fills_the_gaps(seed, another, wanted, nominations, data):
    first = draw(seed, wanted, dict.fromkeys(nominations, NINE), {})
    gone = set(data.draw(st.lists(st.sampled_from(NINE), max_size=6)))
    late = an_id("late")
    left = [member for member in NINE if member not in gone]
    eligible = dict.fromkeys([*nominations, late], left)
    added = draw(another, wanted, eligible, first)
    for one, members in union(first, added).items():
        assert set(first.get(one, ())) <= members
        assert not set(added.get(one, ())) & (set(first.get(one, ())) | gone)
        assert len(members & set(left)) >= min(wanted, len(left))
    assert draw(another, wanted, eligible, union(first, added)) == {}


@given(seeds, st.integers(1, 4), st.permutations(NINE), nominations_st, st.randoms(use_true_random=False))
def test_the_same_seed_draws_the_same_whatever_the_order_of_input(seed, wanted, members, nominations, random):
    mixed = random.sample(nominations, len(nominations))
    assert draw(seed, wanted, dict.fromkeys(nominations, NINE), {}) == draw(
        seed, wanted, dict.fromkeys(mixed, members), {}
    )


# --- the command ---------------------------------------------------------------------------------------------------


def test_scorers_are_drawn_for_every_nominee_that_competes_here():
    committee = a_committee(*NINE[:5])
    nominations = [a_nomination(N1), a_nomination(N2), a_nomination(an_id("gone"), standing="withdrawn"),
                   a_nomination(an_id("on"), AT, NATIONAL)]  # fmt: skip
    (event,) = events(decide_assign(an_open(DRAWS_TWO), a_season(), committee, nominations, assigning()))
    assert isinstance(event, ScorersAssigned)
    assert (event.at, event.seed, event.per_nominee) == (AT, SEED, 2)
    expected = draw(SEED, 2, dict.fromkeys((N1, N2), NINE[:5]), {})
    assert {one.nomination: one.members for one in event.assignments} == expected
    state = RANKING.fold(happened(AT.ranking, [opened(DRAWS_TWO), event]))
    assert isinstance(state, Open)
    assert state.assigned == {one: frozenset(members) for one, members in expected.items()}


def test_a_recused_member_the_clerk_and_who_left_are_not_drawn():
    committee = an_interest(a_committee(MEMBER, *NINE[:2]), N1).remove(Seat(BODY, "ketua-apindo", 2), NINE[0])
    (event,) = events(decide_assign(an_open(DRAWS_TWO), a_season(), committee, [a_nomination(N1)], assigning()))
    assert event.assignments == (Assignment(nomination=N1, members=(NINE[1],)),)


def test_a_second_draw_adds_only_what_a_recusal_has_opened():
    committee = an_interest(a_committee(MEMBER, *NINE[:2]), N1)
    ranking = drawn_for(MEMBER, NINE[0])
    (event,) = events(decide_assign(ranking, a_season(), committee, [a_nomination(N1)], assigning()))
    assert event.assignments == (Assignment(nomination=N1, members=(NINE[1],)),)


def full() -> dict[str, Any]:
    return {"ranking": drawn_for(*NINE[:2]), "committee": a_committee(*NINE[:5])}


@pytest.mark.parametrize(
    ("code", "changed", "command"),
    [
        ("scoring-not-opened", {"ranking": Unopened()}, {}),
        ("already-closed", {"ranking": a_closed(DRAWS_TWO)}, {}),
        ("season-frozen", {"season": Season(1, hold="frozen")}, {}),
        ("season-closed", {"season": Season(1, hold="closed")}, {}),
        ("not-the-office", {"committee": a_committee(MEMBER)}, {"person": MEMBER}),
        ("all-members-score", {"ranking": an_open()}, {}),
        ("nobody-to-draw", full(), {}),
        ("nobody-to-draw", {"committee": Committee().form(BODY, TERM)}, {}),
        ("nobody-to-draw", {"nominations": ()}, {}),
    ],
)
def test_a_draw_that_may_not_be_or_adds_nobody_is_refused(code, changed, command):
    usual: dict[str, Any] = {
        "ranking": an_open(DRAWS_TWO),
        "season": a_season(),
        "committee": a_committee(),
        "nominations": (a_nomination(N1),),
    }
    assert refusal(decide_assign(**(usual | changed), command=assigning(**command))).code == code


def test_whoever_draws_right_after_a_recusal_is_told_that_it_may_take_a_moment():
    usual = {"season": a_season(), "nominations": (a_nomination(N1),), **full()}
    (fault,) = refusal(decide_assign(**usual, command=assigning())).faults
    assert "a moment later" in fault.remedy.en
    assert "tunggu sebentar" in fault.remedy.id
