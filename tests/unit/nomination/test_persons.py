"""Specs of persons whom a command brings in: identity must know them, and what the rules say otherwise stays so."""

from __future__ import annotations

import pytest

from kernel.decider import Decision, Emit, Loader, Refusal
from schemas.nomination import MemberAppointed
from services.nomination.domain.importing import contacts_of
from services.nomination.domain.persons import PERSONS_AWAY, Register, of_known_persons
from services.nomination.domain.spreadsheet import Line, Row, Value, lines_of
from services.nomination.programs.persons import bringing_in
from tests.unit.nomination.amended import SceneLoader
from tests.unit.nomination.handling_scene import HEADINGS, handled, row
from tests.unit.nomination.scene import CONTACT, accepted, opened, person, refused

STRANGER = person("nobody")
NAMED = {"contact": STRANGER}
UNKNOWN = Register(frozenset({STRANGER}))
AWAY = Register(None)
APPOINTED: Decision = (
    Emit(
        "committee/2020/75",
        MemberAppointed(season="2020", province="75", body="panitia-9", office="kepala-bps", seat=1, person=STRANGER),
    ),
)
RULED_OUT: Decision = opened().nominate("99.99")


def test_whom_identity_knows_is_brought_in():
    assert of_known_persons(APPOINTED, NAMED, Register(frozenset({person("another")}))) is APPOINTED


def test_a_stranger_is_refused_at_the_field_in_both_languages():
    refusal = refused(of_known_persons(APPOINTED, {"successor": STRANGER}, UNKNOWN), "person-unknown", "successor")
    assert (refusal.status, refusal.recorded) == (422, True)
    (fault,) = refusal.faults
    assert fault.value == STRANGER
    assert "POST /v1/persons" in fault.remedy.en
    assert "POST /v1/persons" in fault.remedy.id
    assert "dihapus" in refusal.detail.id


def test_without_identitys_answer_nothing_is_decided_and_nothing_recorded():
    assert of_known_persons(APPOINTED, NAMED, AWAY) is PERSONS_AWAY
    assert (PERSONS_AWAY.status, PERSONS_AWAY.recorded) == (503, False)


@pytest.mark.parametrize("register", [UNKNOWN, AWAY])
def test_what_the_rules_refuse_or_find_done_stays_that(register: Register):
    assert of_known_persons(RULED_OUT, NAMED, register) is RULED_OUT
    assert of_known_persons((), NAMED, register) == ()


def test_what_names_nobody_needs_no_answer():
    assert of_known_persons(APPOINTED, {}, AWAY) is APPOINTED


async def test_a_program_decides_first_and_then_its_persons_are_looked_at():
    scene = opened()
    settled = scene.nominate("75.71", contact=STRANGER)

    async def program(_: Loader) -> Decision:
        return settled

    loader = SceneLoader(scene)
    assert isinstance(await bringing_in(program, NAMED, UNKNOWN)(loader), Refusal)
    assert await bringing_in(program, NAMED, Register())(loader) is settled


# --- lists ---------------------------------------------------------------------------------------------------------


def test_a_row_with_an_unknown_contact_is_bad_at_its_cell_and_the_others_are_nominated():
    rows = (row("75.71"), row("75.03", "kabupaten", narahubung=STRANGER))
    imported = handled().import_rows(*rows, register=UNKNOWN)
    assert len(accepted(imported.decision)) == 1
    good, bad = imported.outcomes
    assert (good.status, bad.status) == ("nominated", "bad")
    (fault,) = bad.faults
    assert (fault.code, fault.cell, fault.heading, fault.value) == ("person-unknown", "H3", "narahubung", STRANGER)


def test_all_or_nothing_stops_at_an_unknown_contact():
    imported = handled().import_rows(row("75.71", narahubung=STRANGER), mode="all-or-nothing", register=UNKNOWN)
    refused(imported.decision, "import-has-bad-rows", "body")


def test_an_unknown_contact_is_told_together_with_what_else_is_wrong():
    (outcome,) = handled().import_rows(row("75.99", narahubung=STRANGER), register=UNKNOWN).outcomes
    assert [fault.code for fault in outcome.faults] == ["region-unknown", "person-unknown"]


def test_a_list_sent_again_is_no_fault_when_its_contact_was_erased_since():
    scene = handled()
    scene.record(accepted(scene.import_rows(row("75.71")).decision))
    again = scene.import_rows(row("75.71"), mode="all-or-nothing", register=Register(frozenset({CONTACT})))
    assert accepted(again.decision) == []
    assert [one.status for one in again.outcomes] == ["already"]


def test_without_identitys_answer_no_row_is_nominated():
    imported = handled().import_rows(row("75.71"), register=AWAY)
    assert imported.decision is PERSONS_AWAY
    assert [one.status for one in imported.outcomes] == ["skipped"]


def test_without_identitys_answer_a_list_that_brings_nothing_new_is_answered():
    scene = handled()
    scene.record(accepted(scene.import_rows(row("75.71")).decision))
    assert accepted(scene.import_rows(row("75.71"), register=AWAY).decision) == []


def lines(*cells: tuple[Value, ...]) -> list[Line]:
    rows = (Row(number, each) for number, each in enumerate((HEADINGS, *cells), start=1))
    return [line for line in lines_of(list(rows)) if isinstance(line, Line)]


def test_each_contact_of_a_list_is_asked_for_once_and_only_what_is_an_id():
    found = contacts_of(
        lines(row("75.71"), row("75.03"), row("75.04", narahubung=STRANGER.upper()), row(narahubung="Pak Budi"), ())
    )
    assert found == {CONTACT, STRANGER}
