"""Candidates of kinds that only the season's rulebook knows, and economic sectors: what is asked, and each refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.decider import Decision, Refusal
from schemas.nomination import Candidate, CandidateNominated, NominationAmended
from schemas.rulebook import Rulebook
from services.nomination.domain.candidate import CandidateAsked
from services.nomination.domain.handling import Amend, Correction, amend
from services.nomination.domain.nomination import (
    Handler,
    Nominate,
    nominate,
    nomination_id,
    province_of,
    settle_nomination,
)
from tests.unit.nomination.scene import CONTACT, REASON, Scene, accepted, changed, person, refused, rulebook

MALUKU = "81"
VILLAGE = CandidateAsked("village", "81.71.02.2001", "Desa Contoh Satu")
BANK = CandidateAsked("employer", "CONTOH-81-K1", "PT Contoh Keuangan", "large", "81.71", "keuangan")
FISHERY = CandidateAsked("employer", "CONTOH-81-P1", "PT Contoh Laut", "medium", "81.07", "perikanan")


class Maluku(Scene):
    """The season of 2025 in a province that awards villages and companies by sector."""

    def nominate(self, code: str = "", **also: Any) -> Decision:
        asked = Nominate(
            "2025",
            "DESA",
            VILLAGE,
            MALUKU,
            person("secretariat"),
            CONTACT,
            sample=True,
            received=datetime(2025, 2, 3, 3, tzinfo=UTC),
            scopes=frozenset({MALUKU}),
        )
        command = replace(asked, **also)
        settled = settle_nomination(command, self.season("2025"))
        if isinstance(settled, Refusal):
            return settled
        return nominate(command, settled, self.nomination(settled.nomination), self.ranking(settled.entry))


def opened(rules: Rulebook | None = None) -> Maluku:
    scene = Maluku()
    scene.open(rules or rulebook(2025))
    return scene


def candidate(decision: Decision) -> Candidate:
    (emit,) = accepted(decision)
    assert isinstance(emit.event, CandidateNominated)
    return emit.event.candidate


def village(**also: Any) -> dict[str, Any]:
    return {"candidate": replace(VILLAGE, **also)}


def stating(home: str) -> Rulebook:
    """Return the rulebook with cooperatives in the villages' category, whose home `home` tells to follow how."""
    rules = rulebook(2025).model_dump(mode="json", exclude_none=True)
    cooperative = {
        "code": "cooperative",
        "title": {"id": "koperasi", "en": "cooperative"},
        "number": "KOP-####",
        "home": {"follows": home},
        "assumed": True,
    }
    for category in rules["categories"]:
        if category["code"] == "DESA":
            category["admits"] = ["village", "cooperative"]
    return changed(rulebook(2025), kinds=[*rules["kinds"], cooperative], categories=rules["categories"])


COOPERATIVE = CandidateAsked("cooperative", "KOP-0042", "Koperasi Contoh", region="Kota Tual")


# --- kinds ---------------------------------------------------------------------------------------------------------


def test_a_village_lies_where_its_code_says_and_enters_its_own_path():
    (emit,) = accepted(opened().nominate())
    event = emit.event
    found = event.candidate
    assert (found.kind, found.code, found.name) == ("village", "81.71.02.2001", "Desa Contoh Satu")
    assert (found.region, found.size_class, found.sector) == ("81.71", None, None)
    assert province_of(found) == MALUKU
    assert (event.entry.tier, event.entry.province, event.entry.category, event.entry.stage) == (
        "provincial",
        MALUKU,
        "DESA",
        "seleksi",
    )


def test_a_kind_is_part_of_what_makes_a_nomination_one():
    found = candidate(opened().nominate())
    other = found.model_copy(update={"kind": "cooperative"})
    assert nomination_id("2025", "DESA", found) != nomination_id("2025", "DESA", other)


def test_a_village_is_nominated_once():
    scene = opened()
    scene.given(scene.nominate())
    refused(scene.nominate(**village(name="Desa dengan nama lain")), "nominated-already", "candidate")


def test_a_villages_name_is_composed_and_single_spaced():
    assert candidate(opened().nominate(**village(name="Desa  Contoh   De\u0301"))).name == "Desa Contoh D\u00e9"


@pytest.mark.parametrize("region", ["81.71", "Kota Ambon"])
def test_the_home_may_be_said_again(region):
    assert candidate(opened().nominate(**village(region=region))).region == "81.71"


@pytest.mark.parametrize("field", ["code", "name"])
def test_a_village_needs_code_and_name(field):
    refused(opened().nominate(**village(**{field: None})), "kind-incomplete", f"candidate.{field}")


@pytest.mark.parametrize(
    "code",
    [
        "81.71.02",
        "81.71.02.20011",
        "81.71.02.200A",
        "8171022001",
        "81-71-02-2001",
        "81.71.02.٢٠٠١",
        "",
        "##.##.##.####",
    ],
)
def test_a_villages_code_has_the_form_of_the_rulebook(code):
    refusal = refused(opened().nominate(**village(code=code)), "code-not-of-kind", "candidate.code")
    assert "##.##.##.####" in refusal.faults[0].remedy.en


def test_a_village_lies_in_a_region_of_the_table():
    refused(opened().nominate(**village(code="81.99.02.2001")), "home-unknown", "candidate.code")


def test_a_home_that_is_said_again_is_the_codes():
    decision = opened().nominate(**village(region="81.72"))
    refusal = refused(decision, "code-and-home-disagree", "candidate.region")
    assert "Kota Ambon (81.71)" in refusal.faults[0].remedy.en


def test_a_home_that_is_said_again_is_a_region():
    refused(opened().nominate(**village(region="Kota Contoh")), "region-unknown", "candidate.region")


def test_a_village_lies_in_the_province_that_nominates_it():
    refused(opened().nominate(**village(code="75.71.02.2001")), "candidate-outside", "candidate.code")


def test_the_nation_nominates_no_village():
    decision = opened().nominate(nominating_body="00", scopes=None)
    refused(decision, "nation-nominates-provinces", "candidate.kind")


def test_a_village_has_no_size_class():
    refused(opened().nominate(**village(size_class="micro")), "not-for-kind", "candidate.size_class")


@pytest.mark.parametrize("kind", ["village", "hamlet", "employer"])
def test_a_category_admits_its_own_kinds_only(kind):
    decision = opened().nominate(category="KABKOTA", **village(kind=kind))
    refused(decision, "kind-not-admitted", "candidate.kind")


def test_another_kinds_home_is_stated():
    found = candidate(opened(stating("stated")).nominate(candidate=COOPERATIVE))
    assert (found.kind, found.code, found.region, province_of(found)) == ("cooperative", "KOP-0042", "81.72", MALUKU)


def test_a_home_that_does_not_follow_from_the_code_is_needed():
    decision = opened(stating("stated")).nominate(candidate=replace(COOPERATIVE, region=None))
    refused(decision, "kind-incomplete", "candidate.region")


@pytest.mark.parametrize(("region", "code"), [("82.71", "candidate-outside"), ("Kota Contoh", "region-unknown")])
def test_a_stated_home_is_a_region_of_the_province(region, code):
    decision = opened(stating("stated")).nominate(candidate=replace(COOPERATIVE, region=region))
    refused(decision, code, "candidate.region")


def test_other_seasons_know_no_villages():
    decision = Scene.nominate(opened(rulebook(2020)), candidate=VILLAGE)
    refused(decision, "kind-not-admitted", "candidate.kind")


# --- sectors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("category", "asked"), [("KEUANGAN", BANK), ("PERTANIAN", FISHERY)])
def test_a_company_competes_in_its_sector(category, asked):
    found = candidate(opened().nominate(category=category, candidate=asked))
    assert (found.kind, found.sector, found.region) == ("employer", asked.sector, asked.region)


def test_a_category_by_sector_needs_the_sector():
    decision = opened().nominate(category="PERTANIAN", candidate=replace(FISHERY, sector=None))
    refusal = refused(decision, "sector-missing", "candidate.sector")
    assert "pertanian, perkebunan, perikanan" in refusal.faults[0].remedy.en


def test_a_sector_is_one_of_the_categorys():
    refused(opened().nominate(category="PERTANIAN", candidate=BANK), "sector-not-admitted", "candidate.sector")


@pytest.mark.parametrize(
    ("category", "asked"),
    [
        ("UMK", replace(BANK, size_class="micro")),
        ("DESA", replace(VILLAGE, sector="pertanian")),
        ("KABKOTA", CandidateAsked("city", "81.71", sector="pertanian")),
    ],
)
def test_other_categories_ask_for_no_sector(category, asked):
    refused(opened().nominate(category=category, candidate=asked), "sector-not-asked", "candidate.sector")


# --- corrected -----------------------------------------------------------------------------------------------------


def correct(scene: Maluku, id_: str, **fields: Any) -> Decision:
    handler = Handler(person("secretariat"), frozenset({MALUKU}))
    command = Amend(id_, handler, datetime(2025, 2, 3, 4, tzinfo=UTC), REASON, candidate=Correction(**fields))
    return amend(command, scene.nomination(id_), scene.season("2025"))


def nominated(scene: Maluku, asked: CandidateAsked) -> str:
    (event,) = scene.given(scene.nominate(candidate=asked))
    assert isinstance(event, CandidateNominated)
    return event.nomination


def test_a_village_whose_name_was_mistyped_is_corrected():
    scene = opened()
    id_ = nominated(scene, replace(VILLAGE, name="Desa Conto Satu"))
    (event,) = scene.given(correct(scene, id_, name="Desa Contoh Satu"))
    assert isinstance(event, NominationAmended)
    assert event.candidate == Candidate(kind="village", code="81.71.02.2001", name="Desa Contoh Satu", region="81.71")


def test_a_village_stays_where_its_code_says_and_has_no_size():
    scene = opened()
    id_ = nominated(scene, VILLAGE)
    refused(correct(scene, id_, region="81.72"), "code-and-home-disagree", "candidate.region")
    refused(correct(scene, id_, size_class="small"), "not-for-kind", "candidate.size_class")


def test_a_home_that_was_stated_is_corrected_too():
    scene = opened(stating("stated"))
    id_ = nominated(scene, COOPERATIVE)
    (event,) = scene.given(correct(scene, id_, region="81.71"))
    assert isinstance(event, NominationAmended)
    assert (event.candidate.region, event.candidate.name) == ("81.71", "Koperasi Contoh")
