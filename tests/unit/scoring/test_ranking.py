"""The pure ranking: worked by hand, against brute force, and by what must hold for any marks."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from statistics import median as plain_median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.exact import fraction_text
from schemas.scoring import PinnedRules
from services.scoring.domain.ranking import (
    MILLION,
    Entrant,
    Evaluation,
    Place,
    Rules,
    Standings,
    evaluate,
    in_millionths,
    mean,
    median,
    millionths,
    place,
    standing,
    trimmed_mean,
    unplaced,
    unrankable,
)
from tests.unit.scoring.given import aspect, pinned, weighted

T1, T2, T3 = "2021-01-01T00:00:00.000000Z", "2021-01-02T00:00:00.000000Z", "2021-01-03T00:00:00.000000Z"


def uid(name: str) -> str:
    """Return an id that sorts as the name (of six letters at most) does, and tells it back."""
    return f"00000000-0000-0000-0000-{name.encode().ljust(6).hex()}"


def name_of(uid: str) -> str:
    return bytes.fromhex(uid[-12:]).decode().strip()


def sheets(*rows: dict[str, Any]) -> list[dict[str, int | None]]:
    return [{code: None if mark is None else millionths(str(mark)) for code, mark in row.items()} for row in rows]


def ranked(rules: PinnedRules, **nominees: tuple[str, list[dict[str, Any]]]) -> list[Place]:
    """Return the places of nominees given as name=(nominated, sheets); the candidate code is the name."""
    ready = Rules.of(rules)
    return place(
        ready,
        [evaluate(ready, Entrant(uid(name), name, at), sheets(*rows), {}) for name, (at, rows) in nominees.items()],
    )


def shown(places: list[Place]) -> list[tuple[int, str, bool]]:
    return [(one.rank, name_of(one.evaluation.entrant.nomination), one.shared) for one in places]


# --- marks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "whole"),
    [("87.5", 87_500_000), ("100", 100_000_000), ("0.000001", 1), ("-0.5", -500_000), ("-3", -3_000_000)],
)
def test_a_mark_is_whole_millionths(text, whole):
    assert millionths(text) == whole


def test_a_mark_with_seven_decimals_is_refused_not_cut():
    with pytest.raises(ValueError, match="more than 6 decimals"):
        millionths("0.1234567")


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_millionths_are_exact(number):
    assert Fraction(in_millionths(number) or 0, MILLION) == Fraction(number)


def test_what_does_not_apply_is_no_number():
    assert in_millionths(None) is None


# --- aggregation, by hand ------------------------------------------------------------------------------------------


def test_mean_of_80_85_and_90_5_is_85_and_a_sixth():
    assert mean([80_000_000, 85_000_000, 90_500_000]) == Fraction(511, 6)


def test_median_takes_the_middle_or_the_mean_of_the_two_in_the_middle():
    assert median([90_000_000, 10_000_000, 70_000_000]) == 70
    assert median([90_000_000, 10_000_000, 70_000_000, 75_000_000]) == Fraction(145, 2)


def test_trimmed_mean_drops_one_at_each_end_from_five_marks_on():
    five = [0, 80_000_000, 81_000_000, 83_000_000, 100_000_000]
    assert trimmed_mean(five, 1, 5) == Fraction(244, 3)
    assert trimmed_mean(five[:4], 1, 5) == 61


def test_trimmed_mean_never_drops_all():
    assert trimmed_mean([10_000_000, 20_000_000], 1, 2) == 15


# --- standings, by hand --------------------------------------------------------------------------------------------


def test_worked_by_hand_weights_25_25_30_at_the_provincial_stage():
    """Weights 25, 25 and 30 are 5/16, 5/16 and 6/16 of the stage's part.

    bone: means 80, 70 and 90: (5*80 + 5*70 + 6*90) / 16 = 1290/16 = 80.625, shown 80.63.
    goron: means 85, 75 and 80: (5*85 + 5*75 + 6*80) / 16 = 1280/16 = 80, shown 80.00.
    """
    rules = pinned(*weighted(kebijakan=25, peraturan=25, kinerja=30))
    places = ranked(
        rules,
        goron=(T1, [{"kebijakan": 85, "peraturan": 75, "kinerja": 80}]),
        bone=(
            T2,
            [{"kebijakan": 78, "peraturan": 70, "kinerja": 90}, {"kebijakan": 82, "peraturan": 70, "kinerja": 90}],
        ),
    )
    said = [standing(Rules.of(rules), one) for one in places]
    assert [(one.rank, name_of(one.nomination), one.total, one.shown) for one in said] == [
        (1, "bone", "645/8", "80.63"),
        (2, "goron", "80/1", "80.00"),
    ]
    assert [(one.aspect, one.value, one.sheets) for one in said[0].aspects] == [
        ("kebijakan", "80/1", 2),
        ("peraturan", "70/1", 2),
        ("kinerja", "90/1", 2),
    ]
    assert said[0].tie is None


def test_three_thirds_tie_with_a_hundred_where_28_digits_part_them():
    """Means of 100/3 on three aspects add up to exactly 100; with 28 digits they add up to less."""
    third = Decimal(100) / 3
    assert third + third + third < 100, "28 digits lie here"
    rules = pinned(*weighted(a=1, b=1, c=1), tie_break=("vote",))
    one_of_three = [{"a": 100, "b": 100, "c": 100}, {"a": 0, "b": 0, "c": 0}, {"a": 0, "b": 0, "c": 0}]
    whole = [{"a": 100, "b": 0, "c": 0}]
    places = ranked(rules, thirds=(T1, one_of_three), whole=(T2, whole))
    assert shown(places) == [(1, "thirds", True), (1, "whole", True)]
    assert {one.evaluation.total for one in places} == {Fraction(100, 3)}


def test_totals_closer_than_the_sort_key_are_told_apart():
    """Two totals within 2^-96 of each other have one key and still stand in their exact order."""
    ready = Rules.of(pinned(*weighted(a=1)))
    near = Fraction(1, 3), Fraction(1, 3) + Fraction(1, 3 << 120)
    key = near[0].numerator * (1 << 96) // near[0].denominator
    evaluations = [
        Evaluation(Entrant(uid(name), name, T1), 1, (), total, key=key)
        for name, total in zip(("a-less", "b-more"), near, strict=True)
    ]
    assert shown(place(ready, evaluations)) == [(1, "b-more", False), (2, "a-less", False)]


def test_the_heavier_aspect_breaks_a_tie_first_and_the_ranking_says_so():
    """Both total 75; kinerja (weight 3) is heavier than kebijakan (weight 1)."""
    rules = pinned(*weighted(kebijakan=1, kinerja=3))
    places = ranked(rules, a=(T1, [{"kebijakan": 90, "kinerja": 70}]), b=(T2, [{"kebijakan": 60, "kinerja": 80}]))
    assert shown(places) == [(1, "b", False), (2, "a", False)]
    assert [one.tie for one in places] == [("aspect", "kinerja", "80/1"), ("aspect", "kinerja", "70/1")]


def test_aspects_of_one_weight_break_ties_in_the_order_of_the_rubric():
    places = ranked(
        pinned(*weighted(peraturan=1, kebijakan=1)),
        a=(T1, [{"peraturan": 60, "kebijakan": 80}]),
        b=(T2, [{"peraturan": 80, "kebijakan": 60}]),
    )
    assert shown(places) == [(1, "b", False), (2, "a", False)]
    assert places[0].tie == ("aspect", "peraturan", "80/1")


def test_a_tie_of_three_names_for_each_the_rule_that_parted_it_last():
    """All total 70. a leads on the heavier x; b and c share x = 60 and are parted by the nomination's instant."""
    rules = pinned(*weighted(x=2, y=1))
    places = ranked(
        rules,
        c=(T3, [{"x": 60, "y": 90}]),
        a=(T1, [{"x": 90, "y": 30}]),
        b=(T2, [{"x": 60, "y": 90}]),
    )
    assert shown(places) == [(1, "a", False), (2, "b", False), (3, "c", False)]
    assert [one.tie for one in places] == [
        ("aspect", "x", "90/1"),
        ("nomination-instant", None, T2),
        ("nomination-instant", None, T3),
    ]


def test_what_remains_tied_shares_its_rank_and_the_next_rank_is_left_out():
    rules = pinned(*weighted(x=1), tie_break=("aspect", "vote"))
    same = [{"x": 80}]
    places = ranked(rules, b=(T2, same), a=(T1, same), c=(T3, [{"x": 70}]))
    assert shown(places) == [(1, "a", True), (1, "b", True), (3, "c", False)]
    assert [one.tie for one in places] == [None, None, None]


def test_a_pair_parted_from_a_third_and_still_tied_says_what_parted_it():
    rules = pinned(*weighted(x=2, y=1), tie_break=("aspect", "vote"))
    pair = [{"x": 60, "y": 90}]
    places = ranked(rules, a=(T1, pair), b=(T2, pair), c=(T3, [{"x": 90, "y": 30}]))
    assert shown(places) == [(1, "c", False), (2, "a", True), (2, "b", True)]
    assert [one.tie for one in places] == [("aspect", "x", "90/1"), ("aspect", "x", "60/1"), ("aspect", "x", "60/1")]


@pytest.mark.parametrize("rule", ["lot", "vote"])
def test_nothing_after_a_lot_or_a_vote_breaks_a_tie(rule):
    rules = pinned(*weighted(x=1), tie_break=(rule, "nomination-instant"))
    assert [one.shared for one in ranked(rules, a=(T1, [{"x": 80}]), b=(T2, [{"x": 80}]))] == [True, True]


def test_the_lesser_candidate_code_goes_first_where_the_rulebook_says_so():
    rules = pinned(*weighted(x=1), tie_break=("candidate-code",))
    places = ranked(rules, b=(T1, [{"x": 80}]), a=(T2, [{"x": 80}]))
    assert shown(places) == [(1, "a", False), (2, "b", False)]
    assert places[0].tie == ("candidate-code", None, "a")


# --- unrankable ----------------------------------------------------------------------------------------------------


def lack(rules: PinnedRules, *rows: dict[str, Any], given_figures: dict[str, Fraction] | None = None) -> Evaluation:
    return evaluate(Rules.of(rules), Entrant(uid("n"), "75.03", T1), sheets(*rows), given_figures or {})


def test_too_few_sheets_is_neither_zero_nor_last():
    rules = pinned(*weighted(x=1), least_sheets=3)
    found = lack(rules, {"x": 90}, {"x": 80})
    assert found.total is None
    assert place(Rules.of(rules), [found]) == []
    said = unrankable(found)
    assert (said.reason, said.aspect, said.sheets) == ("too-few-sheets", None, 2)


def test_an_aspect_that_no_sheet_marks_names_itself():
    said = unrankable(lack(pinned(*weighted(x=1, y=1)), {"x": 90, "y": None}, {"x": 80}))
    assert (said.reason, said.aspect, said.sheets) == ("aspect-unmarked", "y", 2)


def test_not_applicable_is_left_out_of_the_mean_and_is_no_zero():
    found = lack(pinned(*weighted(x=1)), {"x": 90}, {"x": None})
    assert found.total == 90
    assert found.aggregates[0].sheets == 1


def test_a_measured_aspect_without_a_figure_is_unmeasured():
    rules = pinned(aspect("x", "1/2"), aspect("kepatuhan", "1/2", "measured"))
    said = unrankable(lack(rules, {"x": 90}))
    assert (said.reason, said.aspect) == ("unmeasured", "kepatuhan")


def test_a_carried_aspect_takes_the_exact_aggregate_of_the_earlier_stage():
    carried = {"tier": "national", "stage": "verifikasi", "aspect": "x"}
    rules = pinned(aspect("x", "4/5", "carried", carried=carried), aspect("y", "1/5"))
    assert unrankable(lack(rules, {"y": 90})).reason == "not-carried"
    assert lack(rules, {"y": 90}, given_figures={"x": Fraction(262, 3)}).total == (4 * Fraction(262, 3) + 90) / 5


def test_a_stage_that_only_measures_needs_no_sheet():
    rules = pinned(aspect("kepatuhan", "1/1", "measured"), least_sheets=3)
    assert lack(rules, given_figures={"kepatuhan": Fraction(2, 3)}).total == Fraction(2, 3)


# --- what must hold for any marks ----------------------------------------------------------------------------------

fewer = settings(max_examples=60)

CODES = ("x", "y", "z")
marks_st = st.one_of(st.none(), st.integers(0, 200).map(lambda half: Decimal(half) / 2))
sheet_st = st.fixed_dictionaries(dict.fromkeys(CODES, marks_st))
field_st = st.lists(
    st.tuples(st.integers(1, 3), st.lists(sheet_st, max_size=6)), min_size=1, max_size=8
)  # an instant and sheets per nominee
rules_st = st.builds(
    pinned,
    st.just(aspect("x", "1/6")),
    st.just(aspect("y", "1/3")),
    st.just(aspect("z", "1/2")),
    method=st.sampled_from(["mean", "median", "trimmed-mean"]),
    trim=st.just(1),
    trim_from=st.just(4),
    least_sheets=st.integers(1, 3),
    tie_break=st.sampled_from([("aspect", "nomination-instant", "vote"), ("nomination-instant",), ("vote",)]),
)


def evaluations_of(rules: PinnedRules, nominees: list[tuple[int, list[dict[str, Any]]]]) -> list[Evaluation]:
    ready = Rules.of(rules)
    return [
        evaluate(ready, Entrant(uid(f"n{number}"), f"c{number}", f"t{instant}"), sheets(*rows), {})
        for number, (instant, rows) in enumerate(nominees)
    ]


def by_brute_force(rules: PinnedRules, rows: list[dict[str, Any]]) -> Fraction | None:
    """Return a nominee's total by the shortest way that could be right."""
    if len(rows) < rules.least_sheets:
        return None
    total = Fraction(0)
    for one in rules.aspects:
        marks = sorted(Fraction(row[one.code]) for row in rows if row[one.code] is not None)
        if not marks:
            return None
        if rules.method == "median":
            value = plain_median(marks)
        else:
            if rules.method == "trimmed-mean" and len(marks) >= rules.trim_from:
                marks = marks[rules.trim : -rules.trim]
            value = sum(marks, Fraction(0)) / len(marks)
        total += Fraction(one.share) * value
    return total


@fewer
@given(rules_st, field_st)
def test_totals_are_those_of_brute_force(rules, nominees):
    for (_, rows), found in zip(nominees, evaluations_of(rules, nominees), strict=True):
        assert found.total == by_brute_force(rules, rows)


@fewer
@given(rules_st, field_st)
def test_a_rank_is_one_more_than_the_number_of_those_ahead(rules, nominees):
    found = evaluations_of(rules, nominees)
    order = {"aspect": ("z", "y", "x")}

    def key(one: Evaluation) -> list[Any]:
        keys: list[Any] = [-(one.total or 0)]
        for rule in rules.tie_break:
            if rule == "vote":
                break
            keys += [one.entrant.nominated] if rule == "nomination-instant" else [-one.value(c) for c in order[rule]]
        return keys

    with_total = [one for one in found if one.total is not None]
    places = place(Rules.of(rules), found)
    assert len(places) == len(with_total)
    for one in places:
        mine = key(one.evaluation)
        assert one.rank == 1 + sum(key(other) < mine for other in with_total)
        assert one.shared == (sum(key(other) == mine for other in with_total) > 1)


@fewer
@given(rules_st, field_st, st.randoms(use_true_random=False))
def test_the_order_of_nominees_and_sheets_changes_nothing(rules, nominees, random):
    ready = Rules.of(rules)
    expected = place(ready, evaluations_of(rules, nominees))
    mixed = evaluations_of(rules, [(at, random.sample(rows, len(rows))) for at, rows in nominees])
    random.shuffle(mixed)
    found = place(ready, mixed)
    assert [standing(ready, one) for one in found] == [standing(ready, one) for one in expected]
    assert [unrankable(one) for one in unplaced(mixed)] == [
        unrankable(one) for one in unplaced(evaluations_of(rules, nominees))
    ]


@fewer
@given(rules_st, field_st, st.integers(1, 50))
def test_the_same_bonus_for_all_moves_every_total_by_it_and_no_rank(rules, nominees, bonus):
    raised = [
        (at, [{code: None if m is None else m + bonus for code, m in row.items()} for row in rows])
        for at, rows in nominees
    ]
    before, after = evaluations_of(rules, nominees), evaluations_of(rules, raised)
    for one, other in zip(before, after, strict=True):
        assert (one.total is None) == (other.total is None)
        if one.total is not None:
            assert other.total == one.total + bonus
    ready = Rules.of(rules)
    assert shown(place(ready, before)) == shown(place(ready, after))


@fewer
@given(rules_st, field_st)
def test_whoever_carries_a_tie_break_has_a_rival_of_the_same_total(rules, nominees):
    places = place(Rules.of(rules), evaluations_of(rules, nominees))
    totals = [one.evaluation.total for one in places]
    for one in places:
        if one.tie is not None or one.shared:
            assert totals.count(one.evaluation.total) > 1


@fewer
@given(rules_st, field_st, st.data())
def test_standings_kept_through_changes_are_those_computed_at_once(rules, nominees, data):
    ready = Rules.of(rules)
    kept = Standings(ready)
    current: dict[str, Evaluation] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        number = data.draw(st.integers(0, len(nominees) - 1))
        if data.draw(st.booleans()):
            instant, rows = nominees[number]
            rows = rows[: data.draw(st.integers(0, len(rows)))]
            entrant = Entrant(uid(f"n{number}"), f"c{number}", f"t{instant}")
            kept.put(entrant, sheets(*rows), {})
            current[entrant.nomination] = evaluate(ready, entrant, sheets(*rows), {})
        else:
            kept.drop(uid(f"n{number}"))
            current.pop(uid(f"n{number}"), None)
        assert kept.places() == place(ready, current.values())
        assert kept.unplaced() == unplaced(current.values())


@fewer
@given(rules_st, field_st)
def test_a_seal_says_the_exact_total_in_lowest_terms(rules, nominees):
    ready = Rules.of(rules)
    for one in place(ready, evaluations_of(rules, nominees)):
        assert Fraction(standing(ready, one).total) == one.evaluation.total
        assert standing(ready, one).total == fraction_text(one.evaluation.total or 0)
