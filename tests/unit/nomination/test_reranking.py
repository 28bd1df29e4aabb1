"""Specs of ranking anew: figures worked out by hand, and the same bytes as scoring's where nothing changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.exact import fraction_text
from schemas.rulebook import Aggregation, StageRubric
from schemas.scoring import AspectAggregate, RankingSealed, Standing, TieBreak, Unrankable
from services.nomination.domain.motion import effective_ranks
from services.nomination.domain.plenary import BreakTie
from services.nomination.domain.reranking import Standings, aggregate, parted_ranks, rerank
from services.scoring.domain.ranking import (
    Entrant,
    Rules,
    evaluate,
    mean,
    median,
    place,
    standing,
    trimmed_mean,
    unplaced,
    unrankable,
)
from services.scoring.domain.stage import pin
from tests.unit.nomination.scene import person, rulebook

CODES: Final = ("kebijakan", "peraturan", "kinerja")
STAGE: Final = rulebook().stage("provincial", "KABKOTA", "seleksi")
RUBRIC: Final[StageRubric] = rulebook().rubric(STAGE)
IDS: Final = tuple(sorted(person(f"nominee {index}") for index in range(6)))
WHEN: Final = {one: f"2021-01-0{index + 1}T00:00:00.000000Z" for index, one in enumerate(IDS)}


def figures(*values: int | str, sheets: int = 3) -> tuple[AspectAggregate, ...]:
    texts = [value if isinstance(value, str) else f"{value}/1" for value in values]
    return tuple(AspectAggregate(aspect=code, value=text, sheets=sheets) for code, text in zip(CODES, texts))  # noqa: B905 - an unrankable nominee lacks some


def row(index: int, rank: int, total: int | str, *values: int | str) -> Standing:
    text = total if isinstance(total, str) else f"{total}/1"
    return Standing(
        nomination=IDS[index], candidate=f"75.0{index}", rank=rank, total=text, shown="0", aspects=figures(*values)
    )


def lacking(index: int, reason: Any, *values: int, sheets: int = 3, aspect: str | None = None) -> Unrankable:
    return Unrankable(
        nomination=IDS[index],
        candidate=f"75.0{index}",
        reason=reason,
        aspect=aspect,
        sheets=sheets,
        aspects=figures(*values, sheets=sheets),
    )


def set_to(**values: str) -> dict[str, AspectAggregate]:
    return {code: AspectAggregate(aspect=code, value=value, sheets=0) for code, value in values.items()}


BEFORE: Final = Standings((row(0, 1, 90, 90, 90, 90), row(1, 2, 80, 80, 80, 80), row(2, 3, 70, 70, 70, 70)), ())


def ranks(found: Standings) -> list[tuple[int, int]]:
    return [(IDS.index(one.nomination), one.rank) for one in found.ranked]


# --- by hand -------------------------------------------------------------------------------------------------------


def test_a_changed_figure_changes_one_total_and_the_order():
    # The shares are 25, 25 and 30 of 80, so 70 with 100 for kinerja: (25·70 + 25·70 + 30·100) / 80 = 81 1/4.
    after = rerank(RUBRIC, BEFORE, IDS[2], set_to(kinerja="100/1"), WHEN)
    assert ranks(after) == [(0, 1), (2, 2), (1, 3)]
    assert (after.ranked[1].total, after.ranked[1].shown) == ("325/4", "81.25")
    assert after.ranked[1].aspects[2] == AspectAggregate(aspect="kinerja", value="100/1", sheets=0)
    assert after.ranked[0].total == "90/1"
    assert after.rank_of(IDS[1]) == 3
    assert after.total_of(IDS[1]) == "80/1"
    assert after.rank_of("nobody") is None
    assert after.total_of("nobody") is None


def test_a_third_is_kept_and_rounded_once():
    after = rerank(RUBRIC, BEFORE, IDS[2], set_to(kinerja="262/3"), WHEN)
    # (25·70 + 25·70 + 30·262/3) / 80 = (3500 + 2620) / 80 = 153/2
    assert (after.ranked[2].total, after.ranked[2].shown) == ("153/2", "76.50")
    thirds = rerank(RUBRIC, BEFORE, IDS[2], set_to(peraturan="1/3"), WHEN)
    # (1750 + 25/3 + 2100) / 80 = 2315/48 = 48.229166…
    assert (thirds.ranked[2].total, thirds.ranked[2].shown) == ("2315/48", "48.23")


def test_equal_totals_are_parted_by_the_aspect_of_the_greatest_weight():
    # Both come to 80: the second by kinerja 80 everywhere, the third by kinerja 100 and 68 elsewhere.
    changed = set_to(kebijakan="68/1", peraturan="68/1", kinerja="100/1")
    after = rerank(RUBRIC, BEFORE, IDS[2], changed, WHEN)
    assert [(one.rank, one.shared, one.total) for one in after.ranked[1:]] == [(2, False, "80/1"), (3, False, "80/1")]
    assert after.ranked[1].nomination == IDS[2]
    assert after.ranked[1].tie == TieBreak(rule="aspect", aspect="kinerja", figure="100/1")
    assert after.ranked[2].tie == TieBreak(rule="aspect", aspect="kinerja", figure="80/1")


def test_equal_figures_are_parted_by_the_instant_of_nomination():
    after = rerank(RUBRIC, BEFORE, IDS[2], set_to(kebijakan="80/1", peraturan="80/1", kinerja="80/1"), WHEN)
    assert ranks(after) == [(0, 1), (1, 2), (2, 3)]
    assert after.ranked[2].tie == TieBreak(rule="nomination-instant", figure=WHEN[IDS[2]])


def test_what_people_must_part_stays_shared():
    by_vote = rulebook().rubric(STAGE)
    shared = rerank(
        _with(by_vote, tie_break=("vote",)), BEFORE, IDS[2], set_to(**dict.fromkeys(CODES, "80/1")), WHEN
    )  # fmt: skip
    assert ranks(shared) == [(0, 1), (1, 2), (2, 2)]
    assert [one.shared for one in shared.ranked] == [False, True, True]
    assert shared.ranked[1].tie is None
    lot = rerank(
        _with(by_vote, tie_break=("candidate-code", "lot")), BEFORE, IDS[2], set_to(**dict.fromkeys(CODES, "80/1")), {}
    )  # fmt: skip
    assert lot.ranked[1].tie == TieBreak(rule="candidate-code", figure="75.01")


def _with(rubric: StageRubric, **changed: Any) -> StageRubric:

    return replace(rubric, **changed)


def test_a_verdict_ranks_who_lacked_an_aspect():
    before = Standings(BEFORE.ranked, (lacking(3, "aspect-unmarked", 85, 85, aspect="kinerja"),))
    after = rerank(RUBRIC, before, IDS[3], set_to(kinerja="85/1"), WHEN)
    assert ranks(after) == [(0, 1), (3, 2), (1, 3), (2, 4)]
    assert after.unrankable == ()


def test_who_still_lacks_something_stays_unrankable_with_what_is_lacking_now():
    before = Standings(BEFORE.ranked, (lacking(3, "aspect-unmarked", 85, aspect="peraturan"),))
    after = rerank(RUBRIC, before, IDS[3], set_to(peraturan="85/1"), WHEN)
    (left,) = after.unrankable
    assert (left.reason, left.aspect) == ("aspect-unmarked", "kinerja")
    assert [one.aspect for one in left.aspects or ()] == ["kebijakan", "peraturan"]
    assert after.ranked == _shown(BEFORE)


def test_too_few_sheets_are_healed_only_where_the_verdict_gives_every_judged_aspect():
    few = lacking(3, "too-few-sheets", 85, 85, 85, sheets=2)
    before = Standings(BEFORE.ranked, (few,))
    partly = rerank(RUBRIC, before, IDS[3], set_to(kinerja="95/1"), WHEN)
    assert partly.rank_of(IDS[3]) is None
    assert partly.unrankable[0].reason == "too-few-sheets"
    # A second verdict adds to the first.
    wholly = rerank(RUBRIC, partly, IDS[3], set_to(kebijakan="95/1", peraturan="95/1"), WHEN)
    assert wholly.rank_of(IDS[3]) == 1
    assert wholly.unrankable == ()


def test_a_seal_that_kept_no_aggregates_of_the_unrankable_needs_them_all():
    bare = lacking(3, "aspect-unmarked").model_copy(update={"aspects": None})
    before = Standings(BEFORE.ranked, (bare,))
    assert rerank(RUBRIC, before, IDS[3], set_to(kinerja="1/1"), WHEN).rank_of(IDS[3]) is None
    assert rerank(RUBRIC, before, IDS[3], set_to(**dict.fromkeys(CODES, "99/1")), WHEN).rank_of(IDS[3]) == 1


def test_others_who_are_unrankable_are_left_as_they_are():
    other = lacking(4, "too-few-sheets", 1, 1, 1, sheets=1)
    after = rerank(RUBRIC, Standings(BEFORE.ranked, (other,)), IDS[2], set_to(kinerja="71/1"), WHEN)
    assert after.unrankable == (other,)


@pytest.mark.parametrize(
    ("rule", "figure"),
    [
        ({"method": "mean"}, Fraction(40)),
        ({"method": "median"}, Fraction(25)),
        ({"method": "trimmed-mean", "trim": 1, "from_sheets": 4}, Fraction(25)),
        ({"method": "trimmed-mean", "trim": 1, "from_sheets": 5}, Fraction(40)),
        ({"method": "trimmed-mean", "trim": 2, "from_sheets": 4}, Fraction(40)),
    ],
)
def test_marks_are_aggregated_as_the_rubric_says(rule, figure):
    marks = [Decimal(mark) for mark in ("100", "10", "20", "30")]
    assert aggregate(Aggregation.model_validate(rule), marks) == figure


def test_the_median_of_an_odd_number_is_the_middle_one():
    assert aggregate(Aggregation(method="median"), [Decimal(1), Decimal(9), Decimal("2.5")]) == Fraction(5, 2)


def test_ties_stand_as_people_put_them():
    tied = (row(0, 1, 90), row(1, 2, 80), row(2, 2, 80), row(3, 2, 80), row(4, 5, 70))
    order = (IDS[3], IDS[1], IDS[2])
    assert list(parted_ranks(tied, [order], ()).items()) == [
        (IDS[0], 1), (IDS[3], 2), (IDS[1], 3), (IDS[2], 4), (IDS[4], 5),
    ]  # fmt: skip
    # An order that does not name everybody leaves the tie; one who is gone need not be named, and keeps the rank.
    assert parted_ranks(tied, [order[:2]], ())[IDS[1]] == 2
    assert parted_ranks(tied, [order[:2]], {IDS[2]}) == {IDS[0]: 1, IDS[3]: 2, IDS[2]: 2, IDS[1]: 3, IDS[4]: 5}


@given(ranked=st.lists(st.integers(1, 3), min_size=1, max_size=6), named=st.permutations(range(6)), data=st.data())
def test_ties_that_were_broken_on_a_seal_give_the_ranks_that_were_decided_on(ranked, named, data):
    """Whoever the order of a tie leaves out was gone by then; who is gone later keeps the place."""
    ranks_ = [1 + sum(other < one for other in ranked) for one in sorted(ranked)]
    rows = tuple(row(index, rank, 100 - rank) for index, rank in enumerate(ranks_))
    ties = []
    gone = data.draw(st.sets(st.sampled_from(range(len(ranks_)))))
    before = data.draw(st.sets(st.sampled_from(sorted(gone)))) if gone else set()
    for rank in data.draw(st.sets(st.sampled_from(ranks_))):
        order = [index for index in named if index < len(ranks_) and ranks_[index] == rank and index not in before]
        if len(order) > 1:
            ties.append(BreakTie(rank, tuple(IDS[index] for index in order), "vote"))
    said = RankingSealed.model_construct(standings=rows)  # type: ignore[call-arg]  # nothing else of it counts
    orders = [tie.order for tie in ties]
    assert parted_ranks(rows, orders, {IDS[index] for index in gone}) == effective_ranks(said, ties)


# --- against scoring's own ranking ---------------------------------------------------------------------------------

MARKS = st.lists(
    st.lists(st.fixed_dictionaries({code: st.integers(0, 4).map(lambda n: n * 10**6) for code in CODES}), max_size=4),
    min_size=1,
    max_size=len(IDS),
)
METHODS = st.sampled_from(["mean", "median", "trimmed-mean"])
TIES = st.permutations(["aspect", "nomination-instant", "candidate-code", "vote"]).map(tuple)


def _sealed(marks: list[list[dict[str, int]]], method: Any, ties: Any) -> tuple[Standings, StageRubric]:
    """Return what scoring makes of sheets of marks, and the rubric that it went by."""
    rules = Rules.of(
        pin(rulebook(), STAGE).model_copy(update={"method": method, "trim": 1, "trim_from": 3, "tie_break": ties})
    )
    entrants = [Entrant(one, f"75.0{9 - index}", WHEN[one]) for index, one in enumerate(IDS)]
    found = [evaluate(rules, entrant, sheets, {}) for entrant, sheets in zip(entrants, marks)]  # noqa: B905 - fewer nominees than names
    ranked = tuple(standing(rules, each) for each in place(rules, found))
    rows = []
    for each in unplaced(found):
        known = tuple(
            AspectAggregate(aspect=aspect, value=fraction_text(value), sheets=sheets)
            for aspect, value, sheets in each.aggregates
        )
        rows.append(unrankable(each).model_copy(update={"aspects": known}))
    return Standings(ranked, tuple(rows)), _with(RUBRIC, tie_break=ties)


def _shown(before: Standings) -> tuple[Standing, ...]:
    return tuple(one.model_copy(update={"shown": f"{Fraction(one.total).numerator}.00"}) for one in before.ranked)


@given(marks=MARKS, method=METHODS, ties=TIES)
def test_ranking_unchanged_inputs_anew_gives_the_same_bytes(marks, method, ties):
    before, rubric = _sealed(marks, method, ties)
    after = rerank(rubric, before, "nobody", {}, WHEN)
    assert after == before
    assert after.digest == before.digest
    for one in before.named:
        assert rerank(rubric, before, one, {}, WHEN).digest == before.digest


@given(marks=MARKS, method=METHODS, ties=TIES, index=st.integers(0, 5), new=st.lists(st.integers(0, 4), min_size=3))
def test_replaced_marks_give_what_scoring_gives_of_them(marks, method, ties, index, new):
    """All of one nominee's marks are replaced: ranked anew, everything is as if the sheets had been so at the seal."""
    index %= len(marks)
    before, rubric = _sealed(marks, method, ties)
    replaced = [*marks]
    replaced[index] = [dict.fromkeys(CODES, mark * 10**6) for mark in new]
    expected, _ = _sealed(replaced, method, ties)
    rule = Aggregation(method=method, trim=1, from_sheets=3)
    value = fraction_text(aggregate(rule, [Decimal(mark) for mark in new]))
    changed = {code: AspectAggregate(aspect=code, value=value, sheets=len(new)) for code in CODES}
    after = rerank(rubric, before, IDS[index], changed, WHEN)
    assert after.digest == expected.digest


@given(marks=st.lists(st.integers(0, 200), min_size=1, max_size=9), trim=st.integers(1, 3), least=st.integers(1, 9))
def test_marks_are_aggregated_as_scoring_aggregates_them(marks, trim, least):
    millionths = [mark * 500_000 for mark in marks]
    written = [Decimal(mark) / 2 for mark in marks]
    assert aggregate(Aggregation(method="mean"), written) == mean(millionths)
    assert aggregate(Aggregation(method="median"), written) == median(millionths)
    trimmed = Aggregation(method="trimmed-mean", trim=trim, from_sheets=least)
    assert aggregate(trimmed, written) == trimmed_mean(millionths, trim, least)
