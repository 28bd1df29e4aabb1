"""Specs of nominations: who may nominate whom, by code and name, until which second; and who may take it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.envelope import Stage
from schemas.nomination import CandidateNominated, NominationWithdrawn
from schemas.rulebook import Rulebook
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.nomination import Nomination, nomination_id
from tests.unit.nomination.scene import AT, CONTACT, Scene, accepted, carried, opened, person, refused, rulebook

EMPLOYER = CandidateAsked("employer", "NPP12345", "PT Tepi Laut", "large", "75.71")


def nominated(scene: Scene, **also: Any) -> CandidateNominated:
    (emit,) = accepted(scene.nominate(**also))
    assert isinstance(emit.event, CandidateNominated)
    return emit.event


def employer(**also: Any) -> dict[str, Any]:
    return {"category": "BESAR", "candidate": replace(EMPLOYER, **also)}


def test_a_candidate_enters_the_first_stage_of_its_path():
    event = nominated(opened())
    assert event.entry == AT
    assert (event.candidate.kind, event.candidate.code, event.candidate.name) == ("city", "75.71", "Kota Gorontalo")
    assert event.contact == CONTACT
    assert event.sample is False


def test_a_path_may_start_at_the_nation():
    event = nominated(opened(), category="PROVINSI", candidate=CandidateAsked("province", "75"))
    assert event.entry == Stage(season="2020", tier="national", province="00", category="PROVINSI", stage="verifikasi")


def test_the_id_follows_from_season_category_and_candidate():
    event = nominated(opened())
    assert event.nomination == nomination_id("2020", "KABKOTA", event.candidate)
    other = event.candidate.model_copy(update={"kind": "regency"})
    assert event.nomination != nomination_id("2020", "KABKOTA", other)
    assert event.nomination != nomination_id("2021", "KABKOTA", event.candidate)


def test_a_sample_is_marked():
    assert nominated(opened(), sample=True).sample is True


def test_no_nomination_without_a_season():
    refused(Scene().nominate(), "season-unknown", "season")


def test_the_category_must_be_in_the_rulebook():
    refused(opened().nominate(category="KECAMATAN"), "category-unknown", "category")


# --- candidates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "name", "official"),
    [
        ("city", None, "Kota Gorontalo", "75.71"),
        ("regency", None, "Kab. Gorontalo", "75.01"),
        ("city", None, "Gorontalo", "75.71"),
        ("regency", None, "gorontalo", "75.01"),
        ("city", "75.71", "Gorontalo", "75.71"),
        ("regency", "75.03", "Bone Bolango", "75.03"),
    ],
)
def test_a_name_finds_its_code_with_the_kind_beside_it(kind, code, name, official):
    assert nominated(opened(), candidate=CandidateAsked(kind, code, name)).candidate.code == official


def test_a_kind_that_the_category_does_not_admit_is_refused():
    decision = opened().nominate(candidate=CandidateAsked("province", "75"))
    refused(decision, "kind-not-admitted", "candidate.kind")


def test_a_government_needs_a_code_or_a_name():
    refused(opened().nominate(candidate=CandidateAsked("city")), "candidate-unnamed", "candidate.code")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (CandidateAsked("city", "75.99"), "candidate.code"),
        (CandidateAsked("city", None, "Kota Atlantis"), "candidate.name"),
    ],
)
def test_an_unknown_region_is_refused(asked, path):
    refused(opened().nominate(candidate=asked), "region-unknown", path)


def test_a_name_that_could_mean_several_is_refused_with_the_list():
    decision = opened().nominate(**employer(region="Gorontalo"))
    refusal = refused(decision, "region-ambiguous", "candidate.region")
    remedy = refusal.faults[0].remedy.en
    assert "Kota Gorontalo (75.71)" in remedy
    assert "Kabupaten Gorontalo (75.01)" in remedy


def test_code_and_name_must_agree():
    asked = CandidateAsked("city", "75.71", "Kabupaten Gorontalo")
    refused(opened().nominate(candidate=asked), "code-and-name-disagree", "candidate.name")


def test_kind_and_code_must_agree():
    asked = CandidateAsked("regency", "75.71")
    refused(opened().nominate(candidate=asked), "kind-and-code-disagree", "candidate.kind")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (CandidateAsked("city", "75.71", size_class="large"), "size_class"),
        (CandidateAsked("city", "75.71", region="75"), "region"),
    ],
)
def test_a_government_has_no_size_class_and_no_region(asked, field):
    refused(opened().nominate(candidate=asked), "not-for-governments", f"candidate.{field}")


def test_an_employer_is_nominated_by_number_name_size_and_region():
    event = nominated(opened(), **employer(region="Kota Gorontalo"))
    found = event.candidate
    assert (found.code, found.name, found.size_class, found.region) == ("NPP12345", "PT Tepi Laut", "large", "75.71")
    assert event.entry.province == "75"


def test_an_employers_name_is_kept_composed_and_without_runs_of_spaces():
    event = nominated(opened(), **employer(name="  PT  Cafe\u0301 "))
    assert event.candidate.name == "PT Caf\u00e9"


@pytest.mark.parametrize("field", ["code", "name", "region"])
def test_an_employer_needs_number_name_and_region(field):
    refused(opened().nominate(**employer(**{field: None})), "employer-incomplete", f"candidate.{field}")


def test_an_employer_needs_its_size_class():
    refused(opened().nominate(**employer(size_class=None)), "size-class-missing", "candidate.size_class")


def test_an_employers_size_class_must_be_the_categorys():
    refused(opened().nominate(**employer(size_class="micro")), "size-class-not-admitted", "candidate.size_class")


# --- who nominates -------------------------------------------------------------------------------------------------


def test_a_regency_of_the_province_may_be_the_nominating_body():
    assert nominated(opened(), nominating_body="75.71").nominating_body == "75.71"


def test_a_secretariat_nominates_for_its_own_province_only():
    refused(opened().nominate(nominating_body="13"), "nominating-body-outside", "nominating_body")


def test_the_nominating_body_must_exist():
    refused(opened().nominate(nominating_body="75.99"), "region-unknown", "nominating_body")


def test_a_candidate_lies_in_the_nominating_province():
    decision = opened().nominate("13.71", received=datetime(2021, 1, 6, tzinfo=UTC))
    refused(decision, "candidate-outside", "candidate.code")


def test_an_employer_at_home_elsewhere_is_told_of_its_region():
    decision = opened().nominate(**employer(region="13.71"))
    refused(decision, "candidate-outside", "candidate.region")


def test_the_nation_nominates_provinces():
    event = nominated(
        opened(),
        category="PROVINSI",
        candidate=CandidateAsked("province", "13"),
        nominating_body="00",
        scopes=frozenset({"00"}),
    )
    assert event.nominating_body == "00"


def test_the_nation_nominates_nothing_else():
    decision = opened().nominate(nominating_body="00", scopes=frozenset({"00"}))
    refused(decision, "nation-nominates-provinces", "candidate.kind")


def for_every_government() -> Scene:
    """Return a scene in which a category whose path begins in the province admits provinces too."""
    content = rulebook().model_dump(mode="json", exclude_none=True)
    for category in content["categories"]:
        if category["code"] == "KABKOTA":
            category["admits"] = ["province", "regency", "city"]
    return opened(Rulebook.from_content(content))


@pytest.mark.parametrize("body", ["75", "00"])
def test_a_province_is_not_judged_by_its_own_committee(body):
    scene, province = for_every_government(), CandidateAsked("province", "75")
    decision = scene.nominate(candidate=province, nominating_body=body, scopes=frozenset({body}))
    refused(decision, "province-before-itself", "category")
    accepted(scene.nominate(category="PROVINSI", candidate=province, nominating_body=body, scopes=frozenset({body})))
    accepted(scene.nominate("75.71", nominating_body="75.71", scopes=frozenset({"75.71"})))


# --- until which second --------------------------------------------------------------------------------------------

# Gorontalo keeps WITA (UTC+8); the rulebook's last day is 31 January 2021.
LAST = datetime(2021, 1, 31, 15, 59, 59, 999_999, tzinfo=UTC)
# The first day is 1 September 2020.
FIRST = datetime(2020, 8, 31, 16, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("received", [FIRST, LAST])
def test_the_window_includes_its_first_and_last_second_in_the_provinces_own_zone(received):
    accepted(opened().nominate(received=received))


def test_a_nomination_before_the_window_is_refused():
    refused(opened().nominate(received=FIRST - TICK), "window-not-open", "season")


def test_a_nomination_after_the_last_second_is_refused_in_local_time():
    refusal = refused(opened().nominate(received=LAST + TICK), "window-closed", "season")
    assert "2021-01-31 23:59:59 WITA" in refusal.detail.en


def test_another_zone_closes_at_another_instant():
    padang: dict[str, Any] = {
        "candidate": CandidateAsked("city", "13.71"),
        "nominating_body": "13",
        "scopes": frozenset({"13"}),
    }
    accepted(opened().nominate(received=LAST + timedelta(hours=1), **padang))
    refused(opened().nominate(received=LAST + timedelta(hours=1) + TICK, **padang), "window-closed", "season")


# --- once, and taken back ------------------------------------------------------------------------------------------


def test_a_candidate_is_nominated_once():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    refusal = refused(scene.nominate("75.71", nominating_body="75.71"), "nominated-already", "candidate")
    assert nomination in refusal.faults[0].remedy.en


def test_a_name_and_a_code_of_one_candidate_are_one_nomination():
    scene = opened()
    scene.nominated("75.71")
    decision = scene.nominate(candidate=CandidateAsked("city", None, "Kota Gorontalo"))
    refused(decision, "nominated-already", "candidate")


def test_a_nomination_is_taken_back_where_it_stands():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    (event,) = scene.given(scene.withdraw(nomination))
    assert isinstance(event, NominationWithdrawn)
    assert event.at == AT
    state = scene.nomination(nomination)
    assert isinstance(state, Nomination)
    assert not state.competes


def test_what_was_taken_back_is_not_nominated_again():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    scene.given(scene.withdraw(nomination))
    refusal = refused(scene.nominate("75.71"), "withdrawn-before", "candidate")
    assert "amend" in refusal.faults[0].remedy.en
    assert "final" in refusal.detail.en
    assert "bersifat akhir" in refusal.detail.id


def test_only_the_nominating_secretariat_takes_back():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    refused(scene.withdraw(nomination, scopes=frozenset({"13"})), "not-nominating-body", "nomination")


def test_an_unknown_nomination_is_not_taken_back():
    refused(opened().withdraw(person("nothing")), "nomination-unknown", "nomination")


def test_nothing_is_taken_back_twice():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    scene.given(scene.withdraw(nomination))
    refused(scene.withdraw(nomination), "nomination-ended", "nomination")


def test_the_eliminated_cannot_be_taken_back():
    scene, ids, _ = carried(1, 2, 3)
    refused(scene.withdraw(ids[2]), "nomination-ended", "nomination")


def test_a_winner_cannot_be_taken_back():
    scene = opened()
    (nomination,) = scene.nominated("75.71")
    refused(scene.withdraw(nomination, won=True), "nomination-ended", "nomination")
