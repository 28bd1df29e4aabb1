"""Specs of lists: every row judged as a nomination of its own, what is wrong told at the cell, one append for all."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.decider import FieldFault, Refusal
from services.nomination.domain.importing import ImportList, Outcome, judge_list
from services.nomination.domain.persons import Register
from services.nomination.domain.refusals import RULES
from services.nomination.domain.spreadsheet import (
    COLUMNS,
    MOST_ROWS,
    ErrorValue,
    Formula,
    Line,
    Row,
    Value,
    cell_name,
    lines_of,
)
from tests.unit.nomination.handling_scene import HEADINGS, Handled, handled, row
from tests.unit.nomination.scene import CONTACT, IN_WINDOW, accepted, person, refused

EMPLOYER: dict[str, Value] = {"kategori": "BESAR", "nama": "PT Tepi Laut", "skala": "besar", "wilayah": "75.71"}


def employer(code: Value = "NPP12345", **also: Value) -> tuple[Value, ...]:
    return row(code, "pemberi kerja", **EMPLOYER | also)


def outcome_of(cells: tuple[Value, ...], scene: Handled | None = None) -> Outcome:
    (outcome,) = (scene or handled()).import_rows(cells).outcomes
    return outcome


def bad(cells: tuple[Value, ...], code: str, cell: str | None, scene: Handled | None = None) -> Outcome:
    """Return what became of a row that has just this fault at this cell, told in both languages."""
    outcome = outcome_of(cells, scene)
    assert outcome.status == "bad"
    (fault,) = outcome.faults
    assert (fault.code, fault.cell) == (code, cell)
    for sentence in (fault.why.en, fault.why.id, fault.remedy.en, fault.remedy.id):
        assert sentence
        assert "{" not in sentence
    assert fault.code in RULES
    return outcome


# --- good rows -----------------------------------------------------------------------------------------------------


def test_every_good_row_is_nominated_in_one_append():
    scene = handled()
    imported = scene.import_rows(row("75.71"), row("75.03", "kabupaten"), employer(), mode="all-or-nothing")
    events = [emit.event for emit in accepted(imported.decision)]
    assert [event.candidate.code for event in events] == ["75.71", "75.03", "NPP12345"]
    assert [(one.number, one.status) for one in imported.outcomes] == [
        (2, "nominated"), (3, "nominated"), (4, "nominated")
    ]  # fmt: skip
    assert len({emit.stream for emit in accepted(imported.decision)}) == 3
    assert {event.contact for event in events} == {CONTACT}


def test_a_row_is_the_nomination_that_it_would_be_by_itself():
    scene = handled()
    (emit,) = accepted(scene.import_rows(row("75.71")).decision)
    (alone,) = accepted(scene.nominate("75.71"))
    assert emit == alone


def test_the_same_list_again_nominates_nobody_twice_and_says_so():
    scene = handled()
    first = scene.import_rows(row("75.71"), row("75.03", "regency"))
    scene.record(accepted(first.decision))
    again = scene.import_rows(row("75.71"), row("75.03", "regency"), mode="all-or-nothing")
    assert accepted(again.decision) == []
    assert [(one.status, one.standing) for one in again.outcomes] == [("already", "competing")] * 2
    ids = [one.settled.nomination for one in first.outcomes if one.settled]
    assert [one.settled.nomination for one in again.outcomes if one.settled] == ids


def test_one_that_was_taken_back_is_told_as_such():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    scene.given(scene.withdraw(id_))
    assert outcome_of(row("75.71"), scene).standing == "withdrawn"


@pytest.mark.parametrize(
    ("heading", "value"),
    [
        ("kategori", "kabkota"),
        ("kategori", "pemerintah kabupaten/kota"),
        ("jenis", "Kota"),
        ("jenis", "city"),
        ("pengusul", "Provinsi Gorontalo"),
        ("pengusul", "Kota Gorontalo"),
        ("pengusul", "75.71"),
        ("pengusul", 75),
        ("kode", 75.71),
        ("nama", "gorontalo"),
        ("narahubung", CONTACT.upper()),
        ("contoh", "-"),
        ("skala", "-"),
    ],
)
def test_people_write_the_same_in_many_ways(heading, value):
    outcome = outcome_of(row(**{"kategori": "KABKOTA", heading: value} if heading != "kode" else {"code": value}))
    assert outcome.status == "nominated", outcome.faults


@pytest.mark.parametrize(
    ("written", "sample"),
    [("ya", True), ("Yes", True), (True, True), (1, True), ("tidak", False), (False, False), (None, False)],
)
def test_a_sample_is_marked(written, sample):
    (emit,) = accepted(handled().import_rows(row(contoh=written)).decision)
    assert emit.event.sample is sample


@pytest.mark.parametrize(("kind", "size"), [("perusahaan", "Besar"), ("employer", "large")])
def test_employers_are_written_in_either_language(kind, size):
    assert outcome_of(row("NPP1", kind, **EMPLOYER | {"skala": size})).status == "nominated"


def test_headings_stand_in_any_order_and_in_either_language():
    english = tuple(column.en.replace("_", " ").title() for column in COLUMNS)
    assert handled().import_rows(row("75.71"), headings=english).outcomes[0].status == "nominated"
    swapped = handled().import_rows(row("75.71")[::-1], headings=HEADINGS[::-1])
    assert swapped.outcomes[0].status == "nominated"


# --- modes ---------------------------------------------------------------------------------------------------------


def test_one_bad_row_stops_all_where_all_are_wanted():
    imported = handled().import_rows(row("75.71"), row("75.99"), mode="all-or-nothing")
    refusal = refused(imported.decision, "import-has-bad-rows", "body")
    assert "1 of 2" in refusal.detail.en
    assert [one.status for one in imported.outcomes] == ["skipped", "bad"]


def test_bad_rows_are_left_out_where_that_is_wanted():
    imported = handled().import_rows(row("75.71"), row("75.99"), row("75.03", "kabupaten"))
    assert len(accepted(imported.decision)) == 2
    assert [one.status for one in imported.outcomes] == ["nominated", "bad", "nominated"]


def test_a_candidate_that_stands_in_the_list_twice_is_told_where():
    imported = handled().import_rows(row("75.71"), row(None, nama="Kota Gorontalo"))
    assert [one.status for one in imported.outcomes] == ["nominated", "bad"]
    (fault,) = imported.outcomes[1].faults
    assert (fault.code, fault.cell) == ("candidate-twice", "D3")
    assert "baris 2" in fault.why.id


def test_a_candidate_may_stand_in_two_categories():
    imported = handled().import_rows(employer(), employer(kategori="MENENGAH", skala="menengah"))
    assert [one.status for one in imported.outcomes] == ["nominated", "nominated"]


def test_there_is_no_list_for_a_season_that_is_not_open():
    asked = ImportList("2020", [], "skip-bad", person("secretariat"), IN_WINDOW, None, Register())
    judged = judge_list(asked, Handled().season())
    assert isinstance(judged, Refusal)
    assert judged.code == "season-unknown"


# --- bad cells -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "code", "cell"),
    [
        (row("75.99"), "region-unknown", "C2"),
        (row("75.71", "kabupaten"), "kind-and-code-disagree", "B2"),
        (row("75", "provinsi"), "kind-not-admitted", "B2"),
        (row("75.71", "kelurahan"), "kind-not-admitted", "B2"),
        (row("75.71", nama="Kabupaten Gorontalo"), "code-and-name-disagree", "D2"),
        (row(None), "candidate-unnamed", "C2"),
        (row("75.71", skala="besar"), "not-for-governments", "E2"),
        (row("13.71"), "candidate-outside", "C2"),
        (row(None, nama="Kota Padang"), "candidate-outside", "D2"),
        (row("75.71", pengusul="13"), "nominating-body-outside", "G2"),
        (row("75.71", pengusul="75.03"), "candidate-not-at-home", "C2"),
        (row("75.71", pengusul="Gorontalo"), "region-ambiguous", "G2"),
        (row("75.71", pengusul="Atlantis"), "region-unknown", "G2"),
        (row("75.71", pengusul=None), "cell-empty", "G2"),
        (row("75.71", narahubung="-"), "cell-empty", "H2"),
        (row("75.71", narahubung="Ibu Sri"), "cell-unfit", "H2"),
        (row("75.71", kategori="KECAMATAN"), "category-unknown", "A2"),
        (row("75.71", contoh="mungkin"), "cell-unfit", "I2"),
        (row("75,71"), "cell-unfit", "C2"),
        (employer(wilayah="Gorontalo"), "region-ambiguous", "F2"),
        (employer(skala="raksasa"), "size-class-not-admitted", "E2"),
        (employer(skala=None), "size-class-missing", "E2"),
        (employer(wilayah=None), "employer-incomplete", "F2"),
        (employer("npp 1"), "cell-unfit", "C2"),
        (employer(nama="PT\u200bTepi"), "cell-unfit", "D2"),
        (employer(nama="x" * 300), "cell-unfit", "D2"),
        (employer(nama=212), "cell-unfit", "D2"),
    ],
)
def test_what_is_wrong_is_told_at_its_cell(cells, code, cell):
    bad(cells, code, cell)


def test_one_fault_hides_no_other():
    outcome = outcome_of(employer(skala="raksasa", contoh="mungkin"))
    assert [(fault.code, fault.cell) for fault in outcome.faults] == [
        ("cell-unfit", "I2"),
        ("size-class-not-admitted", "E2"),
    ]


@pytest.mark.parametrize("value", [75.7, 75.1, 7571, 7571.0, 7.0, -75, 1e300, 175.71, 75.717])
def test_a_code_that_became_another_number_is_not_guessed(value):
    outcome = bad(row(value), "code-as-number", "C2")
    assert "75.71" in outcome.faults[0].remedy.id


@pytest.mark.parametrize(("value", "code"), [(75, "75"), (75.0, "75"), (75.71, "75.71"), (75.01, "75.01")])
def test_a_number_that_can_be_one_code_only_is_that_code(value, code):
    kind = {"75": "provinsi", "75.71": "kota", "75.01": "kabupaten"}[code]
    category = "PROVINSI" if code == "75" else "KABKOTA"
    (emit,) = accepted(handled().import_rows(row(value, kind, kategori=category)).decision)
    assert emit.event.candidate.code == code


@pytest.mark.parametrize("value", [12345, 12345.0])
def test_an_employers_number_may_have_lost_its_leading_zeros(value):
    bad(employer(value), "code-as-number", "C2")


@pytest.mark.parametrize("value", [datetime.fromisoformat("2021-01-11"), date(2021, 1, 11)])
def test_a_code_that_became_a_date_is_told_so(value):
    outcome = bad(row(value), "code-as-date", "C2")
    assert "2021-01-11" in outcome.faults[0].why.en


@pytest.mark.parametrize(
    "value", [Formula("=A1"), '=HYPERLINK("http://example.org")', "+62", "@SUM(A1)", "-1+1", "=cmd|'/c calc'!A0"]
)
def test_a_formula_and_what_looks_like_one_is_refused(value):
    bad(employer(nama=value), "cell-formula", "D2")


def test_a_spreadsheets_error_is_refused():
    bad(employer(nama=ErrorValue("#REF!")), "cell-error", "D2")


def test_what_stands_under_no_heading_is_refused():
    imported = handled().import_rows((*row("75.71"), None, "catatan"))
    (fault,) = imported.outcomes[0].faults
    assert (fault.code, fault.cell, fault.value) == ("cell-without-heading", "K2", "catatan")


def test_everything_that_is_wrong_with_a_row_is_told_at_once():
    outcome = outcome_of(row(Formula("=A1"), "kota", narahubung=None, pengusul="Atlantis"))
    assert [fault.cell for fault in outcome.faults] == ["C2", "G2", "H2"]


def test_a_row_that_comes_too_late_is_wrong_at_no_cell():
    imported = handled().import_rows(row("75.71"), received=datetime.fromisoformat("2021-02-01T00:00:00+08:00"))
    (fault,) = imported.outcomes[0].faults
    assert (fault.code, fault.cell) == ("window-closed", None)


def test_a_long_value_is_shown_cut():
    outcome = outcome_of(row("75.71", narahubung="x" * 500))
    assert len(outcome.faults[0].value or "") == 81


# --- lists that are none -------------------------------------------------------------------------------------------


def faults_of(*rows: tuple[Value, ...]) -> list[tuple[str, str]]:
    found = lines_of([Row(number, cells) for number, cells in enumerate(rows, start=1)])
    assert all(isinstance(fault, FieldFault) for fault in found)
    return [(fault.path, fault.remedy.id) for fault in found if isinstance(fault, FieldFault)]


def test_an_empty_list_says_what_belongs_into_it():
    for rows in ((), ((None, ""),), (HEADINGS,), (HEADINGS, (None, " ", "-"))):
        ((cell, remedy),) = faults_of(*rows)
        assert cell == "A1"
        assert "narahubung" in remedy


def test_a_heading_that_nobody_knows_is_told_with_those_that_are():
    ((cell, remedy),) = faults_of((*HEADINGS, "alamat"), row())
    assert cell == "J1"
    assert "kategori, jenis, kode" in remedy


def test_a_heading_stands_once():
    ((cell, _),) = faults_of((*HEADINGS, "category"), row())
    assert cell == "J1"


def test_headings_that_are_missing_are_all_told():
    told = faults_of(("nama",), ("Kota Gorontalo",))
    assert [remedy.rpartition(" ")[2] for _, remedy in told] == ["kategori.", "jenis.", "pengusul.", "narahubung."]
    ((_, remedy),) = faults_of(("kategori", "jenis", "pengusul", "narahubung"), ("KABKOTA", "kota", "75", CONTACT))
    assert "kode / nama" in remedy


def test_a_list_has_at_most_its_rows():
    ((cell, _),) = faults_of(HEADINGS, *[row()] * (MOST_ROWS + 1))
    assert cell == f"A{MOST_ROWS + 2}"


def test_rows_keep_the_numbers_that_people_see():
    found = lines_of([Row(3, HEADINGS), Row(4, ()), Row(7, row("75.71"))])
    (line,) = found
    assert isinstance(line, Line)
    assert line.number == 7
    assert line.cells["code"].name == "C7"


@pytest.mark.parametrize(("column", "name"), [(0, "A1"), (25, "Z1"), (26, "AA1"), (701, "ZZ1"), (702, "AAA1")])
def test_cells_are_named_as_spreadsheets_do(column, name):
    assert cell_name(column, 1) == name


_VALUES = st.one_of(
    st.none(), st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.times(),
    st.sampled_from(["75.71", "KABKOTA", "kota", "75", CONTACT, "besar", "Gorontalo", "=1", Formula("=1")]),
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(st.lists(_VALUES, max_size=11).map(tuple), max_size=4))
def test_whatever_stands_in_a_list_every_row_gets_an_answer(rows: list[tuple[Any, ...]]):
    scene = handled()
    found = lines_of([Row(number, cells) for number, cells in enumerate((HEADINGS, *rows), start=1)])
    lines = [line for line in found if isinstance(line, Line)]
    if not lines:
        return
    outcomes = scene.import_rows(*rows).outcomes
    assert [one.number for one in outcomes] == [line.number for line in lines]
    for one in outcomes:
        assert (one.status == "bad") is bool(one.faults)


@pytest.mark.parametrize("name", ["@Home", "+62 Kopi (Ambon)"])
def test_a_name_that_only_begins_with_a_sign_is_nominated(name):
    imported = handled().import_rows(employer(nama=name))
    assert [outcome.faults for outcome in imported.outcomes] == [()]
