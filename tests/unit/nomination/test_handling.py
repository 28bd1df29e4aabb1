"""Specs of what a nominating body and a contact do: correct, file late, attach evidence, dispute a figure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.decider import Emit
from schemas.nomination import (
    CandidateNominated,
    EvidenceAttached,
    FigureDisputed,
    NominationAmended,
    NominationFiledLate,
    NominationWithdrawn,
    WinnerDeclared,
)
from schemas.rulebook import Rulebook
from services.nomination.domain.admission import admitted
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.handling import MOST_DOCUMENTS, Correction
from services.nomination.domain.nomination import (
    FiledLate,
    Handler,
    Nomination,
    TakenBack,
    candidate_of,
    nomination_stream,
    speaks_for,
)
from tests.unit.nomination.handling_scene import (
    AFTER_WINDOW,
    CONTACT_PERSON,
    EMPLOYER,
    SECRETARIAT,
    STRANGER,
    Handled,
    handled,
    row,
    with_checks,
)
from tests.unit.nomination.scene import AT, CONTACT, IN_WINDOW, REASON, accepted, person, refused

BONE_BOLANGO = frozenset({"75.03"})
NEW_CONTACT = person("new contact")


# --- who nominates -------------------------------------------------------------------------------------------------


def test_a_regency_nominates_itself():
    (emit,) = accepted(handled().nominate("75.03", nominating_body="75.03", scopes=BONE_BOLANGO))
    assert emit.event.nominating_body == "75.03"
    assert emit.event.entry.province == "75"


def test_a_regency_nominates_an_employer_at_home_in_it():
    employer: dict[str, Any] = {"category": "BESAR", "candidate": replace(EMPLOYER, region="75.03")}
    accepted(handled().nominate(nominating_body="75.03", scopes=BONE_BOLANGO, **employer))


def test_a_regency_nominates_nobody_else():
    scene = handled()
    decision = scene.nominate("75.71", nominating_body="75.03", scopes=BONE_BOLANGO)
    refusal = refused(decision, "candidate-not-at-home", "candidate.code")
    assert "Kabupaten Bone Bolango (75.03)" in refusal.detail.id
    employer: dict[str, Any] = {"category": "BESAR", "candidate": EMPLOYER}
    decision = scene.nominate(nominating_body="75.03", scopes=BONE_BOLANGO, **employer)
    refused(decision, "candidate-not-at-home", "candidate.region")


def test_a_regencys_secretariat_speaks_for_no_other_government():
    scene = handled()
    for body in ("75", "75.71", "13"):
        decision = scene.nominate("75.03", nominating_body=body, scopes=BONE_BOLANGO)
        refused(decision, "nominating-body-outside", "nominating_body")


@given(st.sampled_from(["75", "75.03", "75.71", "13", "13.71", "00"]), st.sampled_from(["75", "75.03", "13", "00"]))
def test_who_speaks_for_a_government_has_its_code_or_its_provinces(body, scope):
    assert speaks_for(frozenset({scope}), body) is (scope in (body, body[:2]))
    assert speaks_for(None, body)
    assert not speaks_for(frozenset(), body)


# --- amended -------------------------------------------------------------------------------------------------------


def test_the_contact_can_be_changed_at_any_time():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    (event,) = scene.given(scene.amend(id_, contact=NEW_CONTACT, received=datetime(2021, 5, 1, tzinfo=UTC)))
    assert isinstance(event, NominationAmended)
    state = scene.nomination(id_)
    assert isinstance(state, Nomination)
    assert (event.candidate, state.contact) == (state.candidate, NEW_CONTACT)


def test_an_employers_data_is_corrected_whole_within_the_window():
    scene = handled()
    id_ = scene.employer()
    (event,) = scene.given(scene.amend(id_, candidate=Correction(name="PT Tepi Pantai", region="Bone Bolango")))
    assert isinstance(event, NominationAmended)
    candidate = event.candidate
    assert (candidate.code, candidate.name, candidate.region) == ("NPP12345", "PT Tepi Pantai", "75.03")
    assert candidate.size_class == "large"
    assert event.contact == CONTACT


def test_what_says_so_already_is_no_amendment():
    scene = handled()
    id_ = scene.employer()
    assert scene.amend(id_, contact=CONTACT, candidate=Correction(region="Kota Gorontalo")) == ()


def test_an_employers_data_stays_after_the_window():
    scene = handled()
    decision = scene.amend(scene.employer(), candidate=Correction(name="PT Baru"), received=AFTER_WINDOW)
    refused(decision, "amended-too-late", "candidate.name")


def test_an_amendment_follows_the_categorys_rules():
    scene = handled()
    decision = scene.amend(scene.employer(), candidate=Correction(size_class="micro"))
    refused(decision, "size-class-not-admitted", "candidate.size_class")


def test_an_amendment_moves_no_employer_out_of_the_nominating_bodys_reach():
    scene = handled()
    refused(
        scene.amend(scene.employer(), candidate=Correction(region="13.71")), "candidate-outside", "candidate.region"
    )


def test_a_governments_name_is_the_official_one():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    decision = scene.amend(id_, candidate=Correction(name="Gorontalo"))
    refused(decision, "governments-not-amended", "candidate.name")


@pytest.mark.parametrize("handler", [CONTACT_PERSON, STRANGER])
def test_only_the_nominating_body_amends(handler):
    scene = handled()
    (id_,) = scene.nominated("75.71")
    refused(scene.amend(id_, handler=handler, contact=NEW_CONTACT), "not-nominating-body", "nomination")


# --- late ----------------------------------------------------------------------------------------------------------


def test_a_late_nomination_waits_and_competes_once_admitted():
    scene = handled()
    (event,) = scene.given(scene.file_late())
    assert isinstance(event, NominationFiledLate)
    assert event.entry == AT
    state = scene.nomination(event.nomination)
    assert isinstance(state, FiledLate)
    entered = admitted(state)
    assert entered.to_data().items() <= event.to_data().items()
    scene.record([Emit(nomination_stream(event.nomination), entered)])
    assert isinstance(scene.nomination(event.nomination), Nomination)


def test_nothing_is_late_while_the_window_is_open():
    refused(handled().file_late(received=IN_WINDOW), "window-still-open", "season")


def test_nothing_is_late_before_the_window():
    refused(handled().file_late(received=datetime(2020, 1, 1, tzinfo=UTC)), "window-not-open", "season")


def test_nobody_is_filed_late_once_the_first_stage_is_sealed():
    scene = handled()
    scene.seal([(id_, rank) for rank, id_ in enumerate(scene.nominated("75.03"), start=1)])
    refused(scene.file_late(), "entry-sealed", "category")


def test_the_seal_of_another_place_does_not_matter():
    scene = handled()
    scene.seal([], at=AT.model_copy(update={"province": "13"}))
    accepted(scene.file_late())


def test_who_is_nominated_is_not_filed_late():
    scene = handled()
    scene.nominated("75.71")
    refused(scene.file_late(), "nominated-already", "candidate")


def test_nobody_is_filed_late_twice():
    scene = handled()
    scene.given(scene.file_late())
    refused(scene.file_late(), "filed-already", "candidate")


def test_a_late_nomination_keeps_the_rules_of_any_other():
    refused(handled().file_late(nominating_body="13"), "nominating-body-outside", "nominating_body")


def test_nothing_is_done_with_a_late_nomination_before_it_is_admitted():
    scene = handled()
    (event,) = scene.given(scene.file_late())
    id_ = event.nomination  # type: ignore[attr-defined]
    for decision in (scene.attach(id_), scene.dispute(id_, "kepatuhan"), scene.verify(id_), scene.resubmit(id_)):
        refused(decision, "not-admitted-yet", "nomination")


def filed_late(scene: Handled) -> str:
    """File an employer late; return the nomination's id."""
    (event,) = scene.given(scene.file_late(category="BESAR", candidate=EMPLOYER))
    assert isinstance(event, NominationFiledLate)
    return event.nomination


def test_what_was_filed_late_is_corrected_until_it_is_admitted():
    scene = handled()
    id_ = filed_late(scene)
    correction = Correction(name="PT Tepi Pantai", region="75.03")
    decision = scene.amend(id_, candidate=correction, contact=NEW_CONTACT, received=AFTER_WINDOW)
    (event,) = scene.given(decision)
    assert isinstance(event, NominationAmended)
    state = scene.nomination(id_)
    assert isinstance(state, FiledLate)
    entered = admitted(state)
    assert (entered.candidate.name, entered.candidate.region, entered.contact) == (
        "PT Tepi Pantai",
        "75.03",
        NEW_CONTACT,
    )
    assert scene.amend(id_, candidate=correction, contact=NEW_CONTACT) == ()
    scene.record([Emit(nomination_stream(id_), entered)])
    late = scene.amend(id_, candidate=Correction(name="PT Lain"), received=AFTER_WINDOW)
    refused(late, "amended-too-late", "candidate.name")


def test_what_was_filed_late_is_corrected_by_the_categorys_rules():
    scene = handled()
    id_ = filed_late(scene)
    decision = scene.amend(id_, candidate=Correction(size_class="micro"), received=AFTER_WINDOW)
    refused(decision, "size-class-not-admitted", "candidate.size_class")


@pytest.mark.parametrize("handler", [CONTACT_PERSON, STRANGER])
def test_only_who_filed_late_corrects_it_or_takes_it_back(handler):
    scene = handled()
    id_ = filed_late(scene)
    refused(scene.amend(id_, handler=handler, contact=NEW_CONTACT), "not-nominating-body", "nomination")
    refused(scene.withdraw(id_, scopes=handler.scopes), "not-nominating-body", "nomination")


def test_what_was_filed_late_is_taken_back_for_good():
    scene = handled()
    id_ = filed_late(scene)
    (event,) = scene.given(scene.withdraw(id_))
    assert isinstance(event, NominationWithdrawn)
    assert event.at.category == "BESAR"
    state = scene.nomination(id_)
    assert isinstance(state, TakenBack)
    assert candidate_of(state) == state.filed.candidate
    refused(scene.withdraw(id_), "nomination-ended", "nomination")
    refused(scene.amend(id_, contact=NEW_CONTACT), "nomination-ended", "nomination")
    refused(scene.file_late(category="BESAR", candidate=EMPLOYER), "withdrawn-before", "candidate")
    refused(scene.nominate(category="BESAR", candidate=EMPLOYER), "withdrawn-before", "candidate")


def test_who_was_filed_late_waits_though_the_window_was_extended():
    scene = handled()
    scene.given(scene.file_late())
    refused(scene.nominate("75.71"), "filed-already", "candidate")


def test_a_list_tells_of_who_was_filed_late():
    scene = handled()
    (event,) = scene.given(scene.file_late())
    imported = scene.import_rows(row("75.71"))
    assert [(one.status, one.standing) for one in imported.outcomes] == [("already", "filed-late")]
    scene.given(scene.withdraw(event.nomination))  # type: ignore[attr-defined]
    imported = scene.import_rows(row("75.71"))
    assert [(one.status, one.standing) for one in imported.outcomes] == [("already", "withdrawn")]
    assert accepted(imported.decision) == []


def test_an_employer_keeps_its_sector_when_it_is_corrected():
    rules = with_checks().model_dump(mode="json", exclude_none=True)
    for category in rules["categories"]:
        if category["code"] == "BESAR":
            category["sectors"] = [{"code": "keuangan", "title": {"id": "Keuangan", "en": "Finance"}}]
    scene = handled(Rulebook.from_content(rules))
    id_ = scene.employer(sector="keuangan")
    (event,) = scene.given(scene.amend(id_, candidate=Correction(name="PT Baru")))
    assert isinstance(event, NominationAmended)
    assert event.candidate.sector == "keuangan"


# --- evidence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [SECRETARIAT, CONTACT_PERSON])
def test_a_document_supports_a_nomination(handler):
    scene = handled()
    (id_,) = scene.nominated("75.71")
    decision = scene.attach(id_, handler=handler, number="Perwali 5/2020", dated=date(2020, 3, 1), title_digest=REASON)
    (event,) = scene.given(decision)
    assert isinstance(event, EvidenceAttached)
    assert (event.evidence, event.size, event.number) == ("cd" * 32, 1234, "Perwali 5/2020")


def test_a_stranger_attaches_nothing():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    refused(scene.attach(id_, handler=STRANGER), "not-your-nomination", "nomination")


def test_a_contact_that_was_replaced_attaches_nothing_any_more():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    scene.given(scene.amend(id_, contact=NEW_CONTACT))
    refused(scene.attach(id_, handler=CONTACT_PERSON), "not-your-nomination", "nomination")
    accepted(scene.attach(id_, handler=Handler(NEW_CONTACT, frozenset())))


def test_a_document_is_attached_once_to_a_nomination_and_to_others_too():
    scene = handled()
    first, second = scene.nominated("75.71", "75.03")
    scene.given(scene.attach(first))
    refused(scene.attach(first), "evidence-attached-already", "body")
    accepted(scene.attach(second))


def test_a_nomination_carries_a_bounded_number_of_documents():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    for number in range(MOST_DOCUMENTS):
        scene.given(scene.attach(id_, f"{number:064x}"))
    refused(scene.attach(id_), "evidence-full", "body")


def test_nothing_is_attached_to_what_does_not_exist_or_has_ended():
    scene = handled()
    refused(scene.attach(person("nothing")), "nomination-unknown", "nomination")
    (id_,) = scene.nominated("75.71")
    refused(scene.attach(id_, won=True), "nomination-ended", "nomination")
    scene.given(scene.withdraw(id_))
    refusal = refused(scene.attach(id_), "nomination-ended", "nomination")
    assert "sudah ditarik" in refusal.detail.id


# --- disputes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "locale", "number"), [("87,5", "id", "87.5"), ("87.5", "en", "87.5"), (None, "id", None)]
)
def test_a_measured_figure_goes_back_to_its_publisher(stated, locale, number):
    scene = handled()
    (event,) = scene.given(scene.dispute(scene.employer(), "kepatuhan", stated=stated, locale=locale))
    assert isinstance(event, FigureDisputed)
    assert event.stated == (None if number is None else Decimal(number))
    assert event.measure


@pytest.mark.parametrize("aspect", ["kinerja-yang-tidak-ada", "wawancara"])
def test_what_is_not_measured_is_not_disputed(aspect):
    scene = handled()
    refused(scene.dispute(scene.employer(), aspect), "aspect-not-measured", "aspect")


@pytest.mark.parametrize(("stated", "locale"), [("87.5", "id"), ("1.250", "id"), ("banyak", "en"), ("-1", "en")])
def test_a_figure_that_cannot_be_read_surely_is_refused(stated, locale):
    scene = handled()
    decision = scene.dispute(scene.employer(), "kepatuhan", stated=stated, locale=locale)
    refused(decision, "figure-unreadable", "stated")


@pytest.mark.parametrize("stated", ["187,5", "100,5"])
def test_a_figure_off_the_scale_is_refused_with_the_scale(stated):
    scene = handled()
    refusal = refused(scene.dispute(scene.employer(), "kepatuhan", stated=stated), "stated-off-scale", "stated")
    assert "from 0 to 100" in refusal.detail.en
    assert "dari 0 sampai dengan 100" in refusal.detail.id


def test_both_ends_of_the_scale_are_on_it():
    scene = handled()
    for stated in ("0", "100"):
        accepted(scene.dispute(scene.employer(code=f"NPP{stated}"), "kepatuhan", stated=stated))


def test_without_a_cap_a_figure_has_no_greatest():
    content = with_checks().model_dump(mode="json", exclude_none=True)
    for measure in content["measures"]:
        measure.pop("cap", None)
    scene = handled(Rulebook.from_content(content))
    accepted(scene.dispute(scene.employer(), "kepatuhan", stated="187,5"))


def test_the_same_figure_is_disputed_once_whoever_says_it_and_however():
    scene = handled()
    id_ = scene.employer()
    scene.given(scene.dispute(id_, "kepatuhan", stated="87,5"))
    assert scene.dispute(id_, "kepatuhan", stated="87.50", locale="en", handler=CONTACT_PERSON) == ()
    scene.given(scene.dispute(id_, "kepatuhan", stated="88"))
    for _ in range(2):
        scene.given(scene.dispute(id_, "kepatuhan"))


def test_a_figure_beyond_what_a_record_holds_is_refused():
    scene = handled()
    for stated in ("0.1234567", "1234567890123"):
        decision = scene.dispute(scene.employer(code=f"NPP{stated[-4:]}"), "kepatuhan", stated=stated, locale="en")
        refused(decision, "figure-unreadable", "stated")


def test_a_stranger_disputes_nothing():
    scene = handled()
    refused(scene.dispute(scene.employer(), "kepatuhan", handler=STRANGER), "not-your-nomination", "nomination")


def test_the_capacity_is_the_secretariats_before_the_contacts():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    state = scene.nomination(id_)
    assert isinstance(state, Nomination)
    assert Handler(CONTACT, frozenset({"75"})).capacity(state) == "secretariat"
    assert CONTACT_PERSON.capacity(state) == "contact"
    assert STRANGER.capacity(state) is None


def test_a_winner_is_amended_no_more():
    scene = handled()
    (id_,) = scene.nominated("75.71")
    won = WinnerDeclared(nomination=id_, at=AT, rank=1, plenary=person("p"), motion=1, seal=person("s"))
    scene.record([Emit(AT.award, won)])
    assert scene.award().won(id_)
    refused(scene.amend(id_, contact=NEW_CONTACT, won=scene.award().won(id_)), "nomination-ended", "nomination")


def test_the_window_of_an_amendment_ends_with_its_last_instant():
    scene = handled()
    id_ = scene.employer()
    last = datetime(2021, 1, 31, 15, 59, 59, 999_999, tzinfo=UTC)
    accepted(scene.amend(id_, candidate=Correction(name="PT Baru"), received=last))
    late = last + timedelta(microseconds=1)
    refused(scene.amend(id_, candidate=Correction(name="PT Baru"), received=late), "amended-too-late", "candidate.name")


def test_a_candidate_by_name_is_filed_late_once_too():
    scene = handled()
    scene.given(scene.file_late())
    decision = scene.file_late(candidate=CandidateAsked("city", None, "Kota Gorontalo"))
    refused(decision, "filed-already", "candidate")
    assert CandidateNominated.type_name() not in {type(e.event).type_name() for e in scene.streams["season/2020"]}
