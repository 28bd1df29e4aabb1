"""Which facts count: corrections, reversals, payments said twice and revisions, whatever arrived first."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from schemas.fact_reading import ReadFact, read_fact
from schemas.facts import ContributionPaid
from schemas.topics import CONTRIBUTIONS, COVERAGE
from services.scoring.domain.effective import (
    FactName,
    LedgerFact,
    Place,
    effective,
    ledger_fact,
    of_employer,
    places,
    takes_place_of,
)
from tests.unit.scoring.facts import (
    ANA,
    BUDI,
    CITY,
    SAID,
    at,
    channels,
    corrected,
    covered,
    day,
    document,
    fact,
    helped,
    owed,
    paid,
    registered,
    taken_back,
)

LATER = SAID + timedelta(hours=1)


def payments(*facts: LedgerFact) -> list[tuple[str, str, int, str]]:
    """Return the payments that count; every order of the facts has the same."""
    found = {
        tuple((one.employer, one.month, one.amount, str(one.paid_on)) for one in effective(order).payments)
        for order in itertools.islice(permutations(facts), 200)
    }
    assert len(found) == 1
    return list(found.pop())


def place(of: LedgerFact, *facts: LedgerFact) -> Place:
    """Return a fact's place in the set; every order has the same."""
    found = {places(order)[of.leaf] for order in itertools.islice(permutations(facts), 200)}
    assert len(found) == 1
    return found.pop()


def name(of: LedgerFact) -> FactName:
    return FactName(of.publisher, of.id)


JANUARY = paid("2025-01", "2025-02-10")

# --- a fact ----------------------------------------------------------------------------------------------------------


def test_a_fact_is_what_its_canonical_document_says() -> None:
    text = document(
        ContributionPaid(employer=ANA, month="2025-01", amount=7, paid_on=day("2025-02-10"), bank_reference="B1"), "p1"
    )
    one = ledger_fact(text)
    assert one == ledger_fact(text.decode())
    assert one[:7] == ("sipp", "p1", "ContributionPaid", ANA, "2025-01", None, SAID)
    assert one.leaf == hashlib.sha256(b"\x00" + text).digest()
    assert isinstance(one.data, ContributionPaid)
    assert one.data.amount == 7


def test_a_fact_has_the_month_and_target_that_the_gate_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ReadFact] = []

    def seen(*said: Any) -> ReadFact:
        read.append(read_fact(*said))
        return read[-1]

    monkeypatch.setattr("tests.unit.scoring.facts.read_fact", seen)
    said = [
        registered(time=at("2025-02-28T23:59:59")), owed("2025-03"), paid("2025-03", "2025-04-01"),
        corrected("x", "2025-03"), taken_back("y", "2025-03"), covered("2025-03-31", (1, 2, 3, 4), "c"),
        helped("2025-02-01", 1, "h", employer=ANA), channels("2025-04", 1, 2),
    ]  # fmt: skip
    for one, gate in zip(said, read, strict=True):
        assert one[:2] == (gate.publisher, gate.id)
        assert one[3:6] == (gate.subject, gate.month, gate.target)
        assert one.data == gate.data


def test_a_fact_lies_on_the_topic_of_whom_it_is_about() -> None:
    of_employers = [
        registered(), owed("2025-03"), paid("2025-03", "2025-04-01"), corrected("x", "2025-03"),
        taken_back("y", "2025-03"), covered("2025-03-31", (1, 2, 3, 4), "c", employer="75"),
        helped("2025-02-01", 1, "h", employer=ANA), channels("2025-04", 1, 2),
    ]  # fmt: skip
    assert {one.topic for one in of_employers} == {CONTRIBUTIONS}
    # As the index of the ledger tells it: by the field's name.
    assert all(b'"employer":' in document(one.data, "z", one.time) for one in of_employers)
    of_regions = [covered("2025-03-31", (1, 2, 3, 4), "c", region="75"), helped("2025-02-01", 1, "h", region="75")]
    assert {one.topic for one in of_regions} == {COVERAGE}
    assert not any(b'"employer":' in document(one.data, "z", one.time) for one in of_regions)


def test_a_fact_of_another_topic_has_no_part_in_a_correction_that_names_its_id() -> None:
    squat = covered("2025-01-31", (1, 2, 3, 4), JANUARY.id, time=at("2025-01-31"))
    fix, back = corrected(JANUARY.id, "2025-01", amount=60), taken_back(JANUARY.id, "2025-01")
    assert payments(JANUARY, squat, fix) == payments(JANUARY, fix)
    assert place(squat, squat, JANUARY, fix, back) == Place("counted")
    assert place(fix, squat, fix) == Place("waiting", waits_for="target")
    assert of_employer([squat, JANUARY, fix], ANA) == [JANUARY, fix]


def test_what_takes_a_facts_place() -> None:
    fix, better = corrected(JANUARY.id, "2025-01", 1), corrected(JANUARY.id, "2025-01", 2)
    back = taken_back(JANUARY.id, "2025-01")
    report, revised = covered("2025-03-31", (1, 2, 3, 4), "c"), covered("2025-03-31", (2, 2, 3, 4), "d", revision=2)
    used, again = channels("2025-04", 1, 2), channels("2025-04", 1, 2, revision=2)
    first, moved = registered(), registered(id_="r2", time=at("2025-02-02"))
    takes = [(back, JANUARY), (back, fix), (better, fix), (revised, report), (again, used), (moved, first)]
    facts = (JANUARY, fix, better, back, report, revised, used, again, first, moved)
    assert {(one, other) for one in facts for other in facts if takes_place_of(one, other)} == {
        *takes, (back, better),
    }  # fmt: skip
    near = [
        taken_back(JANUARY.id, "2025-01", publisher="lain"), corrected(JANUARY.id, "2025-01", 9, publisher="lain"),
        taken_back("other", "2025-01"), covered("2025-02-28", (2, 2, 3, 4), "d", revision=2),
        covered("2025-03-31", (2, 2, 3, 4), "d", revision=2, employer=CITY), registered(BUDI, time=LATER),
    ]  # fmt: skip
    assert not any(takes_place_of(one, other) for one in near for other in facts)


def test_what_is_no_document_of_the_ledger_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        ledger_fact(b"{}")


# --- corrections -----------------------------------------------------------------------------------------------------


def test_a_correction_changes_what_it_says_and_leaves_the_rest() -> None:
    fix = corrected("pay-2025-01", "2025-01", amount=60)
    assert payments(JANUARY, fix) == [(ANA, "2025-01", 60, "2025-02-10")]
    assert payments(JANUARY, corrected("pay-2025-01", "2025-01", on="2025-02-20")) == [
        (ANA, "2025-01", 100, "2025-02-20")
    ]
    assert place(JANUARY, JANUARY, fix, registered()) == Place("corrected", name(fix))
    assert place(fix, JANUARY, fix, registered()) == Place("counted")


def test_the_highest_revision_counts_and_others_add_nothing() -> None:
    low = corrected("pay-2025-01", "2025-01", 2, amount=60, time=LATER)
    high = corrected("pay-2025-01", "2025-01", 3, on="2025-02-20")
    assert payments(JANUARY, low, high) == [(ANA, "2025-01", 100, "2025-02-20")]
    assert place(low, JANUARY, low, high) == Place("superseded", name(high))
    assert place(JANUARY, JANUARY, low, high) == Place("corrected", name(high))


def test_of_one_revision_the_latest_counts_and_then_the_greatest_id() -> None:
    early = corrected("pay-2025-01", "2025-01", amount=1, id_="z")
    late = corrected("pay-2025-01", "2025-01", amount=2, id_="a", time=LATER)
    same = corrected("pay-2025-01", "2025-01", amount=3, id_="b", time=LATER)
    assert payments(JANUARY, early, late) == [(ANA, "2025-01", 2, "2025-02-10")]
    assert payments(JANUARY, early, late, same) == [(ANA, "2025-01", 3, "2025-02-10")]


def test_a_correction_waits_for_what_it_corrects() -> None:
    fix = corrected("pay-2025-01", "2025-01", amount=60)
    assert payments(fix) == []
    assert place(fix, fix, registered()) == Place("waiting", waits_for="target")


def test_a_correction_of_another_publishers_fact_or_of_a_correction_waits_for_ever() -> None:
    foreign = corrected("pay-2025-01", "2025-01", amount=1, publisher="lain")
    fix = corrected("pay-2025-01", "2025-01", amount=60)
    second = corrected(fix.id, "2025-01", 9, amount=2)
    assert payments(JANUARY, foreign, fix, second) == [(ANA, "2025-01", 60, "2025-02-10")]
    for one in (foreign, second):
        assert place(one, JANUARY, foreign, fix, second) == Place("waiting", waits_for="target")


def test_a_correction_of_a_report_waits_for_ever() -> None:
    fix = corrected(f"reg-{ANA}", "2025-01", amount=1)
    assert place(fix, registered(), fix) == Place("waiting", waits_for="target")
    assert place(registered(), registered(), fix) == Place("counted")


def test_a_correction_of_a_due_makes_no_payment_of_it() -> None:
    due, fix = owed("2025-01"), corrected("due-2025-01", "2025-01", amount=70, on="2025-02-01", bank_reference="B")
    said = effective([due, fix])
    assert [one.amount for one in said.dues] == [70]
    assert said.payments == ()


def test_a_correction_that_moves_a_payment_takes_it_from_the_old_employer_and_month() -> None:
    moved = corrected("pay-2025-01", "2025-03", employer=BUDI)
    assert payments(JANUARY, moved) == [(BUDI, "2025-03", 100, "2025-02-10")]
    assert {one.leaf for one in of_employer([JANUARY, moved], ANA)} == {JANUARY.leaf, moved.leaf}
    assert {one.leaf for one in of_employer([JANUARY, moved], BUDI)} == {JANUARY.leaf, moved.leaf}
    back = corrected("pay-2025-01", "2025-01", 2)
    assert payments(JANUARY, moved, back) == [(ANA, "2025-01", 100, "2025-02-10")]
    assert len(of_employer([JANUARY, moved, back], BUDI)) == 3


# --- reversals -------------------------------------------------------------------------------------------------------


def test_a_reversal_is_final_whenever_it_and_corrections_come() -> None:
    gone = taken_back("pay-2025-01", "2025-01")
    fix = corrected("pay-2025-01", "2025-01", 9, amount=60, time=LATER)
    assert payments(JANUARY, gone, fix) == []
    assert place(JANUARY, JANUARY, gone, fix) == Place("reversed", name(gone))
    assert place(fix, JANUARY, gone, fix) == Place("reversed", name(gone))
    assert place(gone, JANUARY, gone, fix) == Place("counted")


def test_a_second_reversal_adds_nothing_and_one_without_its_target_waits() -> None:
    first, second = taken_back("pay-2025-01", "2025-01"), taken_back("pay-2025-01", "2025-01", "again", time=LATER)
    assert place(second, JANUARY, first, second) == Place("superseded", name(first))
    assert place(first, first, second) == Place("waiting", waits_for="target")


def test_a_reversal_of_a_correction_waits_and_the_correction_counts() -> None:
    fix = corrected("pay-2025-01", "2025-01", amount=60)
    gone = taken_back(fix.id, "2025-01")
    assert payments(JANUARY, fix, gone) == [(ANA, "2025-01", 60, "2025-02-10")]
    assert place(gone, JANUARY, fix, gone) == Place("waiting", waits_for="target")


# --- payments said twice ---------------------------------------------------------------------------------------------


def test_of_payments_under_one_bank_reference_the_earliest_counts_and_then_the_least_id() -> None:
    b = paid("2025-01", "2025-02-10", 1, "b", bank="X")
    a = paid("2025-01", "2025-02-10", 2, "a", bank="X")
    late = paid("2025-01", "2025-02-10", 3, "A", bank="X", time=LATER)
    assert payments(a, b, late) == [(ANA, "2025-01", 2, "2025-02-10")]
    assert place(b, a, b, late) == place(late, a, b, late) == Place("duplicate-payment", name(a))


def test_one_bank_reference_of_two_publishers_or_of_two_employers_is_two_payments() -> None:
    one = paid("2025-01", "2025-02-10", 1, "a", bank="X")
    other = paid("2025-01", "2025-02-10", 1, "a", bank="X", publisher="lain")
    third = paid("2025-01", "2025-02-10", 1, "b", bank="X", employer=BUDI)
    assert len(payments(one, other, third)) == 3


def test_a_corrected_bank_reference_is_another_payment_and_may_make_it_a_known_one() -> None:
    first = paid("2025-01", "2025-02-10", 1, "a", bank="X")
    second = paid("2025-01", "2025-02-10", 2, "b", bank="X")
    apart = corrected("b", "2025-01", bank_reference="Y")
    assert len(payments(first, second, apart)) == 2
    third = paid("2025-01", "2025-02-10", 3, "c", bank="Z")
    joined = corrected("c", "2025-01", bank_reference="X")
    assert payments(first, third, joined) == [(ANA, "2025-01", 1, "2025-02-10")]
    assert place(joined, first, third, joined) == Place("duplicate-payment", name(first))
    assert place(third, first, third, joined) == Place("corrected", name(joined))


def test_a_payment_said_again_counts_once_the_first_is_reversed() -> None:
    first, second = paid("2025-01", "2025-02-10", 1, "a", bank="X"), paid("2025-01", "2025-02-10", 2, "b", bank="X")
    assert payments(first, second, taken_back("a", "2025-01")) == [(ANA, "2025-01", 2, "2025-02-10")]


def test_an_id_used_in_two_months_is_two_facts_and_a_correction_is_of_the_earlier() -> None:
    first = paid("2025-01", "2025-02-10", 1, "a", bank="X", time=SAID)
    second = paid("2025-02", "2025-02-10", 2, "a", bank="Y", time=LATER)
    fix = corrected("a", "2025-01", amount=5)
    assert sorted(payments(first, second, fix)) == [
        (ANA, "2025-01", 5, "2025-02-10"),
        (ANA, "2025-02", 2, "2025-02-10"),
    ]


# --- reports and registration ----------------------------------------------------------------------------------------


def test_of_reports_of_one_day_the_highest_revision_counts_and_each_day_has_its_own() -> None:
    first, second = covered("2025-03-31", (1, 2, 3, 4), "a"), covered("2025-03-31", (2, 2, 3, 4), "b", revision=2)
    other = covered("2025-04-30", (1, 2, 3, 4), "c")
    assert place(first, first, second, other) == Place("superseded", name(second))
    assert place(second, first, second, other) == place(other, first, second, other) == Place("counted")
    assert {one.id for one in effective([first, second, other]).reports} == {"b", "c"}


def test_a_region_and_an_employer_with_the_same_code_are_two() -> None:
    region = covered("2025-03-31", (1, 2, 3, 4), "a", region="75")
    employer = covered("2025-03-31", (1, 2, 3, 4), "b", employer="75", revision=2)
    assert len(effective([region, employer]).reports) == 2


def test_a_later_registration_supersedes_an_earlier_one_and_a_later_revision_that_of_its_instant() -> None:
    first, second = registered(id_="a", revision=9), registered(id_="b", time=LATER)
    third = registered(id_="c", time=LATER, revision=2)
    assert place(first, first, second) == Place("superseded", name(second))
    assert place(second, first, second, third) == Place("superseded", name(third))


def test_months_of_channels_are_told_apart() -> None:
    first, second, other = channels("2025-01", 1, 2), channels("2025-01", 2, 2, revision=2), channels("2025-02", 1, 2)
    assert [one.id for one in effective([other, second, first]).reports] == ["digital-2025-01-2", "digital-2025-02-1"]


def test_dues_and_payments_wait_for_their_employers_registration() -> None:
    waiting = Place("waiting", waits_for="registration")
    moved = corrected("pay-2025-01", "2025-01", employer=BUDI)
    assert place(owed("2025-01"), owed("2025-01"), registered(BUDI)) == waiting
    assert place(moved, JANUARY, moved, registered()) == waiting
    assert place(owed("2025-01"), owed("2025-01"), registered()) == Place("counted")


def test_a_fact_said_twice_says_nothing_more() -> None:
    assert payments(JANUARY, JANUARY) == [(ANA, "2025-01", 100, "2025-02-10")]
    assert len(places([JANUARY, JANUARY])) == 1


def test_a_fact_is_called_by_its_publishers_name_and_id() -> None:
    assert fact(owed("2025-01").data, "x", publisher="lain").name == FactName("lain", "x")
