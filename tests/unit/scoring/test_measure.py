"""A nominee's figure: every quantity by a rule of its own, the same for every order of the facts, and as an oracle."""

from __future__ import annotations

import hashlib
import json
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from random import Random
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.checks import REPOSITORY
from schemas.rulebook import Measure, Quantity
from schemas.rulebook_file import read_rulebook
from services.scoring.domain.effective import CONTRIBUTION_KINDS, of_employer
from services.scoring.domain.measure import (
    EmployerMonth,
    FactName,
    LedgerFact,
    Measurement,
    definition_of,
    effective,
    employer_months,
    figure_of,
    kinds_of,
    ledger_fact,
    measured,
    places,
)
from tests.unit.scoring.facts import (
    ANA,
    BUDI,
    CITY,
    at,
    channels,
    corrected,
    covered,
    day,
    document,
    helped,
    measure,
    owed,
    paid,
    registered,
    taken_back,
)


def taken(rule: Measure, subject: str, kind: str, facts: Iterable[LedgerFact]) -> Any:
    """Measure; untyped, so that its figures compare with plain numbers."""
    return measured(rule, subject, kind, facts)


MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
IN_TIME = {
    "2025-01": "2025-02-15", "2025-02": "2025-03-15", "2025-03": "2025-04-15", "2025-04": "2025-05-15",
}  # fmt: skip
DUES = [owed(month) for month in MONTHS]
ALL_PAID = [paid(month, on) for month, on in IN_TIME.items()]


def of(facts: Iterable[LedgerFact], numerator: str = "compliance-points", *over: str, **changed: Any) -> Any:
    return taken(measure(numerator, *(over or ("obliged-months",)), **changed), ANA, "employer", list(facts))


def months(*facts: LedgerFact, **also: Any) -> list[EmployerMonth]:
    rule = measure().due
    assert rule is not None
    return list(employer_months(facts, ANA, rule, also.pop("until", date(2025, 5, 31)), **also))


def standings(*facts: LedgerFact, **also: Any) -> str:
    return " ".join(one.standing for one in months(registered(), *facts, **also))


# --- months ----------------------------------------------------------------------------------------------------------


def test_a_month_paid_by_its_due_day_is_in_time_and_a_day_later_late() -> None:
    assert standings(owed("2025-01"), paid("2025-01", "2025-02-15")).startswith("in_time ")
    assert standings(owed("2025-01"), paid("2025-01", "2025-02-16")).startswith("late ")


def test_a_month_paid_in_full_on_the_last_day_looked_at_is_late_and_after_it_unpaid() -> None:
    assert standings(owed("2025-01"), paid("2025-01", "2025-05-31")).startswith("late ")
    assert standings(owed("2025-01"), paid("2025-01", "2025-06-01")).startswith("unpaid ")


def test_several_payments_of_a_month_add_up_each_on_its_own_day() -> None:
    first, second = paid("2025-01", "2025-02-10", 40, "a"), paid("2025-01", "2025-02-15", 60, "b")
    late = paid("2025-01", "2025-02-16", 60, "c")
    assert standings(owed("2025-01"), first, second).startswith("in_time ")
    assert standings(owed("2025-01"), first, late).startswith("late ")
    assert standings(owed("2025-01"), first).startswith("partly ")
    assert (months(registered(), owed("2025-01"), first, late)[0].paid_in_time) == 40


def test_several_dues_of_a_month_add_up() -> None:
    dues = [owed("2025-01", 60, "a"), owed("2025-01", 50, "b")]
    assert standings(*dues, paid("2025-01", "2025-02-15")).startswith("partly ")
    assert months(registered(), *dues)[0].due == 110


def test_a_month_of_which_nothing_is_due_is_in_time() -> None:
    assert standings(owed("2025-01", 0)).startswith("in_time ")


def test_nothing_is_carried_over_to_another_month() -> None:
    facts = [owed("2025-01"), owed("2025-02"), paid("2025-01", "2025-02-01", 200)]
    assert standings(*facts) == "in_time unpaid missing missing"


def test_a_month_without_any_due_is_missing_though_something_was_paid() -> None:
    (first, *_) = months(registered(), paid("2025-01", "2025-02-01"))
    assert (first.standing, first.due, first.paid) == ("missing", None, 100)


def test_obliged_months_begin_in_mid_year_where_the_employer_did() -> None:
    assert [one.month for one in months(registered(since="2025-03"))] == ["2025-03", "2025-04"]
    assert [one.month for one in months(registered(since="2020-01"))] == list(MONTHS)
    assert months(registered(since="2025-05")) == []


def test_obliged_months_begin_with_the_first_month_where_one_is_named() -> None:
    named = months(registered(since="2020-01"), first_month="2024-12")
    assert [one.month for one in named] == ["2024-12", *MONTHS]


def test_a_month_counts_once_it_is_due() -> None:
    assert len(months(registered(), until=day("2025-05-15"))) == 4
    assert len(months(registered(), until=day("2025-05-14"))) == 3


def test_who_is_not_registered_by_the_end_of_the_last_day_in_jakarta_owes_nothing() -> None:
    jakarta = timezone(timedelta(hours=7))
    last = datetime(2025, 5, 31, 23, 59, 59, 999999, jakarta)
    assert len(months(registered(time=last.astimezone(UTC)))) == 4
    assert months(registered(time=(last + timedelta(microseconds=1)).astimezone(UTC))) == []
    assert months(registered(BUDI)) == []


def test_the_last_registration_by_then_says_from_when_an_employer_is_obliged() -> None:
    first = registered(since="2025-01", id_="a", time=at("2025-01-05"))
    second = registered(since="2025-03", id_="b", time=at("2025-02-05"))
    after = registered(since="2025-04", id_="c", time=at("2025-06-05"))
    assert [one.month for one in months(after, second, first)] == ["2025-03", "2025-04"]


def test_a_month_names_the_facts_behind_it() -> None:
    fix = corrected("pay-2025-01", "2025-01", amount=100)
    gone = [paid("2025-01", "2025-02-02", 5, "x"), taken_back("x", "2025-01")]
    first = months(registered(), owed("2025-01"), paid("2025-01", "2025-02-01", 7), fix, *gone)[0]
    assert first.facts == tuple(FactName("sipp", name) for name in ("due-2025-01", fix.id, "pay-2025-01"))
    assert (first.due, first.paid, first.due_on) == (100, 100, day("2025-02-15"))


MIXED = [registered(), *DUES]
MIXED += [paid("2025-01", "2025-02-15"), paid("2025-02", "2025-03-16"), paid("2025-03", "2025-04-01", 1)]

# --- quantities of months --------------------------------------------------------------------------------------------


def test_compliance_is_the_points_of_each_obliged_month() -> None:
    assert of(MIXED)[:5] == (Fraction(7, 4), Fraction(4), Fraction(7, 16), None, ())


def test_months_covered_are_those_paid_in_full_in_time_or_late() -> None:
    assert of(MIXED, "months-covered").ratio == Fraction(1, 2)


def test_arrears_are_hidden_by_no_surplus_of_another_month() -> None:
    facts = [registered(), *DUES, paid("2025-01", "2025-02-15", 1000), paid("2025-02", "2025-05-31", 50)]
    assert of(facts, "amount-paid", "amount-due")[:3] == (150, 400, Fraction(3, 8))


def test_missing_months_are_left_out_unless_the_rulebook_says_otherwise() -> None:
    facts = [registered(), *DUES[:2], *ALL_PAID[:1]]
    for policy in (None, "left-out"):
        assert of(facts, missing_months=policy)[:5] == (1, 2, Fraction(1, 2), None, ("2025-03", "2025-04"))
    assert of(facts, missing_months="unpaid")[:5] == (1, 4, Fraction(1, 4), None, ("2025-03", "2025-04"))
    assert of(facts, missing_months="unmeasured")[:5] == (None, None, None, "month-missing", ("2025-03", "2025-04"))


def test_a_missing_month_that_counts_as_unpaid_earns_its_points_and_adds_nothing_to_amounts() -> None:
    facts = [registered(), *DUES[:2], *ALL_PAID[:1], paid("2025-03", "2025-04-01")]
    points = {"in_time": "1", "late": "0.5", "partly": "0.25", "unpaid": "0.1"}
    assert of(facts, missing_months="unpaid", points=points).numerator == Fraction(13, 10)
    assert of(facts, "amount-paid", "amount-due", missing_months="unpaid")[:2] == (100, 200)
    assert of(facts, "months-covered", missing_months="unpaid").ratio == Fraction(1, 4)


def test_no_month_is_missing_where_each_has_a_due() -> None:
    assert of([registered(), *DUES], missing_months="unmeasured")[:5] == (0, 4, 0, None, ())


def test_an_employer_that_is_not_registered_has_no_figure_until_it_is() -> None:
    assert of([*DUES, *ALL_PAID])[:5] == (None, None, None, "not-registered", ())
    assert of([])[:7] == (None, None, None, "not-registered", (), 0, hashlib.sha256().hexdigest())
    assert of([*DUES, *ALL_PAID, registered()]).ratio == 1


def test_a_denominator_of_zero_measures_nothing() -> None:
    assert of([registered()])[:5] == (0, 0, None, "denominator-zero", MONTHS)
    assert of([registered(since="2025-05")])[:5] == (0, 0, None, "denominator-zero", ())
    assert of([registered(), *(owed(month, 0) for month in MONTHS)], "amount-paid", "amount-due").lack == (
        "denominator-zero"
    )


def test_a_region_has_no_months() -> None:
    found = taken(measure(), CITY, "city", [registered(), *DUES])
    assert found[:6] == (None, None, None, "no-facts", (), 0)


def test_a_payment_moved_to_another_employer_is_lost_to_the_old_one_and_counts_for_the_new() -> None:
    facts = [registered(), registered(BUDI), *DUES, *ALL_PAID]
    facts += [owed(month, id_=f"budi-{month}", employer=BUDI) for month in MONTHS]
    moved = corrected("pay-2025-02", "2025-02", employer=BUDI)
    before, after = of(facts), of([*facts, moved])
    assert (before.numerator, after.numerator) == (4, 3)
    assert after.facts == before.facts + 1
    theirs = taken(measure(), BUDI, "employer", [*facts, moved])
    assert (theirs.numerator, theirs.facts) == (1, 7)


def test_a_reversed_payment_stays_reversed_when_it_is_then_corrected() -> None:
    facts = [registered(), *DUES, *ALL_PAID, taken_back("pay-2025-02", "2025-02")]
    assert of(facts).numerator == 3
    assert of([*facts, corrected("pay-2025-02", "2025-02", 9, amount=100)]).numerator == 3


def test_a_reversed_payment_stays_reversed_when_its_id_is_used_again_in_another_month() -> None:
    facts = [registered(), *DUES, *ALL_PAID, taken_back("pay-2025-02", "2025-02")]
    again = paid("2024-12", "2025-01-01", 1, "pay-2025-02", bank="B9", time=at("2025-01-01"))
    assert of([*facts, again]).numerator == of(facts).numerator == 3


# --- quantities of reports -------------------------------------------------------------------------------------------

FIGURES = (10, 20, 3, 30)


@pytest.mark.parametrize(
    ("quantity", "figure"),
    [
        ("workers-covered", 13), ("workers-total", 50), ("wage-workers-covered", 10), ("non-wage-workers-covered", 3),
        ("non-wage-workers-total", 30),
    ],
)  # fmt: skip
def test_a_figure_of_coverage_is_the_last_reports(quantity: str, figure: int) -> None:
    facts = [covered("2025-03-31", FIGURES, "a"), covered("2025-01-31", (1, 1, 1, 1), "b", revision=7)]
    found = taken(measure(quantity, "workers-total"), CITY, "city", facts)
    assert found[:6] == (figure, 50, Fraction(figure, 50), None, (), 2)


def test_a_report_of_an_employer_counts_for_it_and_not_for_a_region_of_the_same_code() -> None:
    facts = [covered("2025-03-31", FIGURES, "a", region="75"), covered("2025-03-31", (9, 9, 9, 9), "b", employer="75")]
    rule = measure("workers-covered", "workers-total")
    assert taken(rule, "75", "province", facts)[:2] == (13, 50)
    assert taken(rule, "75", "employer", facts)[:2] == (18, 18)
    assert taken(rule, "75", "desa", facts)[3:6] == ("no-facts", (), 0)


def test_a_report_as_of_the_cut_offs_day_counts_and_a_later_one_does_not() -> None:
    rule = measure("workers-covered", "workers-total")
    on, after = covered("2025-05-31", FIGURES, "a"), covered("2025-06-01", (1, 1, 1, 1), "b")
    assert taken(rule, CITY, "city", [after, on]).numerator == 13
    assert taken(rule, CITY, "city", [after])[:6] == (None, None, None, "no-facts", (), 1)


def test_of_reports_of_one_day_the_highest_revision_counts_then_the_latest_then_the_greatest_id() -> None:
    rule = measure("workers-covered", "workers-total")
    low = covered("2025-03-31", (1, 50, 0, 0), "z", time=at("2025-06-02"))
    high = covered("2025-03-31", (2, 50, 0, 0), "a", revision=2)
    late = covered("2025-03-31", (3, 50, 0, 0), "a2", revision=2, time=at("2025-06-02"))
    same = covered("2025-03-31", (4, 50, 0, 0), "a3", revision=2, time=at("2025-06-02"))
    assert [
        taken(rule, CITY, "city", facts).numerator
        for facts in ([low, high], [late, high, low], [same, low, high, late])
    ] == [2, 3, 4]


def test_help_is_the_last_reports_and_what_that_leaves_out_is_not_known() -> None:
    early = helped("2025-01-31", 5, "a", vulnerable_workers_total=40, non_wage_workers_assisted=3)
    late = helped("2025-03-31", 7, "b", vulnerable_workers_total=50)
    share = measure("vulnerable-workers-assisted", "vulnerable-workers-total")
    assert taken(share, CITY, "city", [early, late])[:3] == (7, 50, Fraction(7, 50))
    others = measure("non-wage-workers-assisted", "non-wage-workers-total")
    facts = [early, covered("2025-03-31", FIGURES, "c")]
    assert taken(others, CITY, "city", facts)[:3] == (3, 30, Fraction(1, 10))
    assert taken(others, CITY, "city", [*facts, late])[:4] == (None, 30, None, "no-facts")


def test_channels_add_up_over_the_months_of_the_window_each_by_its_last_revision() -> None:
    facts = [
        channels("2024-12", 100, 100), channels("2025-01", 1, 10), channels("2025-01", 2, 10, revision=2),
        channels("2025-05", 3, 10), channels("2025-06", 100, 100),
    ]  # fmt: skip
    assert of(facts, "digital-transactions", "transactions")[:3] == (5, 20, Fraction(1, 4))
    assert of(facts, "digital-transactions", "transactions", first_month="2025-02")[:2] == (3, 10)
    assert of(facts[-1:], "digital-transactions", "transactions").lack == "no-facts"


# --- the ratio -------------------------------------------------------------------------------------------------------


def test_a_ratio_is_exact_and_at_most_the_cap() -> None:
    facts = [covered("2025-03-31", (2, 3, 0, 0), "a")]
    assert taken(measure("workers-covered", "workers-total"), CITY, "city", facts).ratio == Fraction(2, 3)
    over = measure("workers-total", "workers-covered")
    assert taken(over, CITY, "city", facts).ratio == Fraction(3, 2)
    assert taken(measure("workers-total", "workers-covered", cap="1.25"), CITY, "city", facts).ratio == Fraction(5, 4)


@pytest.mark.parametrize(("ratio", "figure"), [("0", "1"), ("1", "10"), ("1/3", "4"), ("2/7", "25/7")])
def test_a_figure_lies_on_the_aspects_scale_exactly(ratio: str, figure: str) -> None:
    assert figure_of(Fraction(ratio), 1, 10) == Fraction(figure)


def test_a_measure_of_months_without_a_due_day_is_no_measure() -> None:
    with pytest.raises(ValueError, match="due"):
        of([registered()], due=None)
    with pytest.raises(ValueError, match="points"):
        of([registered(), *DUES], points=None)


def test_every_quantity_of_a_rulebook_can_be_taken() -> None:
    facts = [
        registered(), *DUES, *ALL_PAID, covered("2025-03-31", FIGURES, "c", employer=ANA), channels("2025-01", 1, 2),
        helped("2025-03-31", 1, "h", employer=ANA, vulnerable_workers_total=2, non_wage_workers_assisted=1),
    ]  # fmt: skip
    for quantity in get_args(Quantity):
        assert of(facts, quantity, quantity)[2:4] == (1, None), quantity


# --- what it rests on ------------------------------------------------------------------------------------------------


def test_the_facts_looked_at_are_those_about_the_nominee_of_the_kinds_it_rests_on() -> None:
    own = [registered(), *DUES, *ALL_PAID, taken_back("pay-2025-02", "2025-02")]
    others = [
        registered(BUDI), owed("2025-01", id_="x", employer=BUDI), channels("2025-01", 1, 2),
        covered("2025-03-31", FIGURES, "c", employer=ANA),
    ]  # fmt: skip
    found = of([*others, *own])
    assert found.facts == len(own)
    assert found.digest == hashlib.sha256(b"".join(sorted(one.leaf for one in own))).hexdigest()
    assert found == of(own)


def test_a_reversal_of_another_employers_fact_by_ones_own_is_looked_at_by_both() -> None:
    theirs, gone = owed("2025-01", id_="x", employer=BUDI), taken_back("x", "2025-01")
    assert of([theirs, gone]).facts == 2
    assert taken(measure(), BUDI, "employer", [theirs, gone]).facts == 2


def test_a_measure_names_the_kinds_of_facts_that_it_rests_on() -> None:
    assert kinds_of(measure("digital-transactions", "workers-total")) == {"DigitalChannelUsed", "CoverageReported"}
    assert len(kinds_of(measure())) == 5


def test_measures_worded_alike_are_defined_alike_and_a_digit_makes_another() -> None:
    text = {"code": "ukuran", "cap": "1"}
    assert definition_of(measure(**text)) == definition_of(measure(**text))
    assert definition_of(measure(**text)) != definition_of(measure(code="ukuran", cap="1.0"))
    content = measure(**text).model_dump(mode="json", exclude_none=True)
    assert definition_of(measure(**text)) == (
        hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    )


def test_a_measure_with_marks_that_are_a_mapping_measures_as_well() -> None:
    assert of([registered(), *DUES], assumed=True, sourced={"cap": "juknis"}).lack is None


def test_the_measure_of_a_shipped_rulebook_measures() -> None:
    book = read_rulebook((REPOSITORY / "rulebooks" / "2021.yaml").read_bytes()).rulebook
    assert book is not None
    facts = [registered(since="2020-01", time=at("2021-01-01")), owed("2021-10"), paid("2021-10", "2021-11-15")]
    found = taken(book.measure("kepatuhan-iuran"), ANA, "employer", facts)
    assert found[:4] == (1, 1, 1, None)
    assert len(found.missing_months) == 10  # January to November but October; December is due after the cut-off


# --- any set, any order ----------------------------------------------------------------------------------------------


def a_fact(kind: str, number: int, random: Random) -> LedgerFact:  # noqa: PLR0911  one return a kind reads best
    """Make one fact of a small world, in which ids, months and references meet often."""
    employer, month = random.choice([ANA, ANA, BUDI]), random.choice([*MONTHS, *MONTHS, "2024-12", "2025-05"])
    revision, amount = random.randint(1, 3), random.choice([50, 100, 150])
    named, id_ = f"f{random.randint(0, 7)}", f"{random.choice('abc')}{number}"
    on = random.choice(["2025-01-31", "2025-02-15", "2025-03-17", "2025-05-31", "2025-06-01"])
    bank = f"B{random.randint(0, 5)}"
    also: dict[str, Any] = {
        "publisher": random.choice(["sipp", "sipp", "sipp", "lain"]),
        "time": at("2025-06-01") + timedelta(hours=random.randint(0, 2)),
    }
    match kind:
        case "registered":
            also["time"] = random.choice([at("2025-01-05"), at("2025-05-31T16:59:59"), at("2025-05-31T17:00:00")])
            return registered(employer, random.choice(["2024-06", "2025-02", "2025-04"]), id_, **also)
        case "owed":
            return owed(month, random.choice([0, 100, 100, 150]), random.choice([named, id_]), employer, **also)
        case "paid":
            return paid(month, on, amount, random.choice([named, id_]), employer, bank, **also)
        case "corrected":
            said = {"amount": amount, "on": on, "bank_reference": bank}
            change: dict[str, Any] = {name: value for name, value in said.items() if random.random() < 0.5}
            return corrected(named, month, revision, id_, employer, **change, **also)
        case "reversed":
            return taken_back(named, month, id_, employer, **also)
        case "covered":
            return covered(on, (amount, 200, 1, 2), id_, employer=employer, revision=revision, **also)
        case "helped":
            total = random.choice([None, 200])
            return helped(on, amount, id_, employer=employer, revision=revision, vulnerable_workers_total=total, **also)
        case _:
            return channels(month, amount, 200, id_, revision, **also)


MONTHLY = ["registered", "owed", "owed", "owed", "paid", "paid", "paid", "paid", "corrected", "corrected", "reversed"]


def a_ledger(random: Random) -> list[bytes]:
    """Make the documents of a ledger, most often one in which both employers are known."""
    kinds = [*MONTHLY, "covered", "helped", "channels"] if random.random() < 0.4 else MONTHLY
    facts = [a_fact(random.choice(kinds), number, random) for number in range(random.randint(0, 30))]
    if random.random() < 0.9:
        facts += [registered(ANA, "2024-06", "r1", time=at("2025-01-01")), registered(BUDI, "2025-02", "r2")]
    return [document(one.data, one.id, one.time, one.publisher) for one in facts]


def a_measure(random: Random) -> Measure:
    quantities = get_args(Quantity)[: random.choice([5, 15])]
    rest_day = random.choice(["next-working-day", "previous-working-day", "stays"])
    return measure(
        random.choice(quantities),
        random.choice(quantities),
        cap=random.choice([None, None, "1"]),
        points={"in_time": "1", "late": "0.5", "partly": "0.25", "unpaid": "0.1"},
        missing_months=random.choice([None, "left-out", "unpaid", "unmeasured"]),
        first_month=random.choice([None, "2024-12", "2025-02"]),
        due={
            "day": random.choice([10, 15, 31]),
            "on_rest_day": rest_day,
            "holidays": ["2025-02-17", "2025-04-30"],
        },
    )


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_any_facts_gives_the_same(random: Random) -> None:
    facts, rule = [ledger_fact(one) for one in a_ledger(random)], a_measure(random)
    shuffled = [one for one in facts for _ in range(random.randint(1, 5))]
    random.shuffle(shuffled)
    assert taken(rule, ANA, "employer", shuffled) == taken(rule, ANA, "employer", facts)
    assert places(shuffled) == places(facts)
    assert effective(shuffled) == effective(facts)


@pytest.mark.parametrize("seed", range(12))
def test_a_second_computation_written_apart_finds_the_same(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        said, rule, employer = a_ledger(random), a_measure(random), random.choice([ANA, BUDI])
        found = taken(rule, employer, "employer", [ledger_fact(one) for one in said])
        assert found == Oracle(said, rule.model_dump(mode="json"), employer).measurement()


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_facts_that_an_employer_can_be_told_from_tell_the_same_as_the_whole_ledger(random: Random) -> None:
    facts, rule = [ledger_fact(one) for one in a_ledger(random)], a_measure(random)
    own = [*of_employer(facts, ANA), *(one for one in facts if one.kind not in CONTRIBUTION_KINDS)]
    assert taken(rule, ANA, "employer", own) == taken(rule, ANA, "employer", facts)


class Oracle:
    """The same figure, computed in the plainest way from the documents' JSON; slow, and sharing nothing."""

    MONTHLY = ("compliance-points", "obliged-months", "months-covered", "amount-due", "amount-paid")

    def __init__(self, said: list[bytes], rule: dict[str, Any], employer: str) -> None:
        self.rule, self.employer = rule, employer
        self.facts = []
        for text in sorted(set(said)):
            one = json.loads(text)
            kind = one["type"].split(".")[-2]
            leaf = hashlib.sha256(b"\0" + text).digest()
            self.facts.append(
                {**one["data"], "kind": kind, "leaf": leaf, **{k: one[k] for k in ("id", "source", "time")}}
            )
        self.cut_off = rule["cut_off"][:10]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [one for one in self.facts if one["kind"] in kinds]

    def seen(self) -> list[dict[str, Any]]:
        found = []
        quantities = (self.rule["numerator"], self.rule["denominator"])
        if any(one in self.MONTHLY for one in quantities):
            chain = self.of("ContributionDue", "ContributionPaid", "ContributionCorrected", "ContributionReversed")
            root = {
                one["leaf"]: (one["source"], one.get("corrects") or one.get("reverses") or one["id"]) for one in chain
            }
            mine = [root[one["leaf"]] for one in chain if one["employer"] == self.employer]
            found += [one for one in chain if root[one["leaf"]] in mine]
            found += [one for one in self.of("EmployerRegistered") if one["employer"] == self.employer]
        for kind, names in {
            "CoverageReported": ("workers-covered", "workers-total", "wage-workers-covered",
                                 "non-wage-workers-covered", "non-wage-workers-total"),
            "AssistanceReported": ("vulnerable-workers-assisted", "vulnerable-workers-total",
                                   "non-wage-workers-assisted"),
            "DigitalChannelUsed": ("digital-transactions", "transactions"),
        }.items():  # fmt: skip
            if any(one in names for one in quantities):
                found += [one for one in self.of(kind) if one.get("employer") == self.employer]
        return found

    def contributions(self) -> list[dict[str, Any]]:
        """Return dues and payments of the whole ledger as they read."""
        read = []
        for first in self.of("ContributionDue", "ContributionPaid"):
            namesakes = [one for one in self.of("ContributionDue", "ContributionPaid")
                         if (one["source"], one["id"]) == (first["source"], first["id"])]  # fmt: skip
            named = min(namesakes, key=lambda one: (one["time"], one["id"], one["leaf"])) is first
            if any((one["source"], one["reverses"]) == (first["source"], first["id"])
                   for one in self.of("ContributionReversed")):  # fmt: skip
                continue
            fixes = [one for one in self.of("ContributionCorrected")
                     if named and (one["source"], one["corrects"]) == (first["source"], first["id"])]  # fmt: skip
            now = dict(first)
            if fixes:
                best = max(fixes, key=lambda one: (one["revision"], one["time"], one["id"], one["leaf"]))
                now |= {name: best[name] for name in ("employer", "month", "amount", "paid_on", "bank_reference")
                        if name in best and (name in first)}  # fmt: skip
            read.append(now)
        return [
            one for one in read
            if "paid_on" not in one or not any(
                (other["source"], other["employer"], other.get("bank_reference"))
                == (one["source"], one["employer"], one["bank_reference"])
                and (other["time"], other["id"], other["leaf"]) < (one["time"], one["id"], one["leaf"])
                for other in read
            )
        ]  # fmt: skip

    def due_day(self, month: str) -> str:
        rule = self.rule["due"]
        year, number = int(month[:4]), int(month[5:]) + 1
        year, number = (year + 1, 1) if number == 13 else (year, number)
        moved = date(year, number, min(rule["day"], monthrange(year, number)[1]))
        while rule["on_rest_day"] != "stays" and (moved.weekday() in (5, 6) or moved.isoformat() in rule["holidays"]):
            moved += timedelta(days=1 if rule["on_rest_day"].startswith("next") else -1)
        return moved.isoformat()

    def months(self) -> list[tuple[str, str, int, int]] | str:
        """Return each obliged month with its standing, its due and what was paid of it."""
        over = "2025-05-31T17:00:00.000000Z"  # midnight in Jakarta
        known = [
            one for one in self.of("EmployerRegistered") if one["employer"] == self.employer and one["time"] < over
        ]
        if not known:
            return "not-registered"
        last = max(known, key=lambda one: (one["time"], one.get("revision", 1), one["id"], one["leaf"]))
        found = []
        for month in ("2024-12", *MONTHS, "2025-05", "2025-06"):
            first = self.rule["first_month"] or "2025-01"
            if month < max(first, last["obliged_from"]) or self.due_day(month) > self.cut_off:
                continue
            mine = [one for one in self.contributions() if (one["employer"], one["month"]) == (self.employer, month)]
            dues = [one["amount"] for one in mine if "paid_on" not in one]
            full = sum(one["amount"] for one in mine if one.get("paid_on", "9") <= self.cut_off)
            quick = sum(one["amount"] for one in mine if one.get("paid_on", "9") <= self.due_day(month))
            standing = (
                "missing" if not dues else "in_time" if quick >= sum(dues) else "late" if full >= sum(dues)
                else "partly" if full else "unpaid"
            )  # fmt: skip
            found.append((month, standing, sum(dues), min(full, sum(dues))))
        return found

    def value(self, quantity: str) -> Fraction | str:
        if quantity in self.MONTHLY:
            return self.monthly(quantity)
        if quantity in ("digital-transactions", "transactions"):
            first = self.rule["first_month"] or "2025-01"
            months: dict[str, dict[str, Any]] = {}
            for one in sorted(self.of("DigitalChannelUsed"), key=self.newness):
                if one["employer"] == self.employer and first <= one["month"] <= "2025-05":
                    months[one["month"]] = one
            return Fraction(sum(one[quantity.replace("-", "_")] for one in months.values())) if months else "no-facts"
        kind = "AssistanceReported" if "assisted" in quantity or "vulnerable" in quantity else "CoverageReported"
        reports = [
            one for one in self.of(kind) if one.get("employer") == self.employer and one["as_of"] <= self.cut_off
        ]
        if not reports:
            return "no-facts"
        last = max(reports, key=lambda one: (one["as_of"], *self.newness(one)))
        if quantity.startswith("workers-"):
            end = quantity.removeprefix("workers-")
            return Fraction(last[f"wage_workers_{end}"] + last[f"non_wage_workers_{end}"])
        figure = last.get(quantity.replace("-", "_"))
        return "no-facts" if figure is None else Fraction(figure)

    @staticmethod
    def newness(one: dict[str, Any]) -> tuple[Any, ...]:
        return one.get("revision", 1), one["time"], one["id"], one["leaf"]

    def monthly(self, quantity: str) -> Fraction | str:
        months = self.months()
        if isinstance(months, str):
            return months
        policy = self.rule["missing_months"] or "left-out"
        if policy == "unmeasured" and any(standing == "missing" for _, standing, _, _ in months):
            return "month-missing"
        if policy == "left-out":
            months = [one for one in months if one[1] != "missing"]
        points = {**self.rule["points"], "missing": self.rule["points"]["unpaid"]}
        by_name: dict[str, list[Any]] = {
            "compliance-points": [Fraction(points[standing]) for _, standing, _, _ in months],
            "obliged-months": [1 for _ in months],
            "months-covered": [1 for _, standing, _, _ in months if standing in ("in_time", "late")],
            "amount-due": [due for _, _, due, _ in months],
            "amount-paid": [full for _, _, _, full in months],
        }
        return Fraction(sum(by_name[quantity]))

    def measurement(self) -> Measurement:
        above, below = self.value(self.rule["numerator"]), self.value(self.rule["denominator"])
        lack = (
            above
            if isinstance(above, str)
            else below
            if isinstance(below, str)
            else None
            if below
            else "denominator-zero"
        )
        ratio = None if lack else Fraction(above) / Fraction(below)
        if ratio is not None and self.rule["cap"]:
            ratio = min(ratio, Fraction(self.rule["cap"]))
        monthly = {self.rule["numerator"], self.rule["denominator"]} & set(self.MONTHLY)
        months = self.months() if monthly else []
        missing = (
            [] if isinstance(months, str) else [month for month, standing, _, _ in months if standing == "missing"]
        )
        seen = sorted(one["leaf"] for one in self.seen())
        return Measurement(
            None if isinstance(above, str) else above, None if isinstance(below, str) else below, ratio, lack,  # type: ignore[arg-type]
            tuple(missing), len(seen), hashlib.sha256(b"".join(seen)).hexdigest(),
        )  # fmt: skip
