"""Kinds of candidate and economic sectors in a rulebook: the season of 2025, each fault by its line, forms of codes."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rulebook import BUILT_IN_KINDS, NUMBER_PATTERN, Assumed, Kind, Rulebook, provenance, rulebook_content
from schemas.rulebook_file import read_rulebook

FOLDER = Path(__file__).parents[2] / "rulebooks"
GOOD = (FOLDER / "2025.yaml").read_text(encoding="utf-8")
HOME = 'home: {follows: from-code, prefix: "##.##"}'
SECTORS = "      - {code: perdagangan, title: {id: Perdagangan, en: Trade}}\n"


def book() -> Rulebook:
    reading = read_rulebook(GOOD.encode())
    assert reading.errors == ()
    assert reading.rulebook is not None
    return reading.rulebook


# --- the season of 2025 --------------------------------------------------------------------------------------------


def test_the_categories_are_those_that_maluku_awarded_and_the_provinces():
    rules = book()
    admits = {category.code: category.admits for category in rules.categories}
    assert admits["DESA"] == ("village",)
    assert [code for code, kinds in admits.items() if kinds == ("employer",)] == [
        "KEUANGAN", "PERDAGANGAN-JASA", "MANUFAKTUR", "PERTANIAN", "PENDIDIKAN", "UMK",
    ]  # fmt: skip
    sectors = [sector.code for category in rules.categories for sector in category.sectors or ()]
    assert sectors == [
        "keuangan", "perdagangan", "jasa", "manufaktur", "pertambangan", "konstruksi", "pertanian", "perkebunan",
        "perikanan", "pendidikan",
    ]  # fmt: skip


def test_villages_end_in_their_province_after_two_stages_and_provinces_go_straight_to_the_centre():
    rules = book()
    first = rules.entry_stage("DESA")
    second = rules.next_stage(first)
    assert second is not None
    assert [(stage.tier, stage.code) for stage in (first, second)] == [
        ("provincial", "seleksi"),
        ("provincial", "kunjungan"),
    ]
    assert rules.next_stage(second) is None
    assert [aspect.code for aspect in rules.rubric(second).judged] == ["inovasi-desa"]
    assert rules.entry_stage("PROVINSI").tier == "national"


def test_it_says_of_a_kind_of_candidate_and_of_a_sector_that_they_are_assumed():
    marks = provenance(book())
    assert all(isinstance(mark, Assumed) for path, mark in marks.items() if path.startswith("kinds["))
    assert any(path.startswith("kinds[0].home") for path in marks)
    assert isinstance(marks["categories[3].sectors[0].code"], Assumed)


@pytest.mark.parametrize("season", ["2020", "2021", "2022"])
def test_a_rulebook_without_kinds_says_nothing_of_them(season):
    rules = read_rulebook((FOLDER / f"{season}.yaml").read_bytes()).rulebook
    assert rules is not None
    content = rulebook_content(rules)
    assert "kinds" not in content
    assert not any("sectors" in category for category in content["categories"])


def test_a_kind_is_found_by_its_code():
    assert book().kind("village").number == "##.##.##.####"
    with pytest.raises(LookupError, match="no kind 'hamlet'"):
        book().kind("hamlet")


# --- faults --------------------------------------------------------------------------------------------------------

FAULTS = [
    # old, new, path, code, what the message says
    ("code: village", "code: city", "kinds[0].code", "kind_built_in", "city is a kind"),
    ('number: "##.##.##.####"', 'number: "81.71.02.2001"', "kinds[0].number", "number_fixed", "no digit to fill in"),
    ('number: "##.##.##.####"', 'number: "[0-9]+"', "kinds[0].number", "string_pattern_mismatch", "the form"),
    ('number: "##.##.##.####"', 'number: "AB.##.####"', "kinds[0].home.prefix", "prefix_elsewhere", "does not begin"),
    ('number: "##.##.##.####"', 'number: "##"', "kinds[0].home.prefix", "prefix_elsewhere", "does not begin"),
    (HOME, "home: {follows: from-code}", "kinds[0].home.prefix", "home_prefix", "names its prefix"),
    (HOME, 'home: {follows: stated, prefix: "##"}', "kinds[0].home.prefix", "home_prefix", "a stated one has none"),
    (HOME, 'home: {follows: from-code, prefix: "###"}', "kinds[0].home.prefix", "literal_error", "write one of"),
    (HOME, "home: {follows: by-name}", "kinds[0].home.follows", "literal_error", "write one of"),
    ("admits: [village]", "admits: [hamlet]", "categories[2].admits[0]", "unknown_kind", "employer, village, or"),
    ("admits: [village]", "admits: [Village]", "categories[2].admits[0]", "string_pattern_mismatch", "the form"),
    (SECTORS, SECTORS * 2, "categories[4].sectors[1]", "duplicate_code", "perdagangan stands twice"),
    ("admits: [village]", "admits: [village]\n    sectors: []", "categories[2].sectors", "too_short", "at least 1"),
    ("admits: [village]", "admits: [village]\n    size_classes: [micro]", "categories[2].size_classes",
     "size_classes", "belong to employers"),
    ("admits: [village]", "admits: [village, employer]", "categories[2].size_classes", "size_classes", "need them"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "code", "says"), FAULTS)
def test_each_fault_is_told_by_its_line_in_both_languages(old, new, path, code, says):
    assert old in GOOD
    first = GOOD[: GOOD.index(old)].count("\n") + 1
    found = [error for error in read_rulebook(GOOD.replace(old, new, 1).encode()).errors if error.path == path]
    assert [error.code for error in found] == [code]
    (error,) = found
    assert abs(error.line - first) <= old.count("\n") + new.count("\n") + 3
    assert says in error.message_en
    assert error.message_id != error.message_en


def test_two_kinds_have_two_codes():
    text = GOOD.replace("categories:\n", f"{_second('village')}\ncategories:\n", 1)
    assert [(error.code, error.path) for error in read_rulebook(text.encode()).errors] == [
        ("duplicate_code", "kinds[1]"),
    ]
    assert read_rulebook(text.replace("code: village\n    title: {id: x", "code: hamlet\n    title: {id: x").encode())


def _second(code: str) -> str:
    head = f'  - code: {code}\n    title: {{id: x, en: x}}\n    number: "KOP-####"\n'
    return head + "    home: {follows: stated}\n    assumed: true\n"


def test_a_kind_without_a_mark_is_told():
    text = GOOD.replace(f"{HOME}\n    assumed: true", HOME, 1)
    assert [(error.code, error.path) for error in read_rulebook(text.encode()).errors] == [
        ("no_provenance", "kinds[0]"),
    ]


def test_a_kind_that_cannot_be_read_is_no_unknown_one():
    text = GOOD.replace('number: "##.##.##.####"', "number: 7", 1)
    assert [error.code for error in read_rulebook(text.encode()).errors] == ["string_type"]


# --- forms ---------------------------------------------------------------------------------------------------------


def kind(number: str, prefix: str | None = None) -> Kind:
    home = {"follows": "from-code", "prefix": prefix} if prefix else {"follows": "stated"}
    return Kind.model_validate({"code": "x", "title": {"id": "x", "en": "x"}, "number": number, "home": home})


@pytest.mark.parametrize(
    ("number", "code", "fits"),
    [
        ("##.##.##.####", "81.71.02.2001", True),
        ("##.##.##.2###", "81.71.02.2001", True),
        ("##.##.##.2###", "81.71.02.1001", False),
        ("##.##.##.####", "81.71.02.20010", False),
        ("##.##.##.####", "81.71.02.200\u0661", False),
        ("####", "####", False),
        ("A-#", "A-7", True),
        ("A-#", "a-7", False),
        ("#.#", "1x1", False),
    ],
)
def test_a_code_is_compared_character_by_character(number, code, fits):
    assert kind(number).fits(code) is fits


def test_the_home_is_what_the_code_begins_with():
    assert kind("##.##.##.####", "##.##").home_in("81.71.02.2001") == "81.71"
    assert kind("##.##.##.####", "##").home_in("81.71.02.2001") == "81"
    assert kind("##.##.##.####").home_in("81.71.02.2001") is None


FORMS = st.from_regex(re.compile(NUMBER_PATTERN), fullmatch=True).filter(lambda form: "#" in form and "\n" not in form)


@given(FORMS, st.data())
def test_every_way_to_fill_a_form_fits_it_and_no_other_character_does(form, data):
    code = "".join(data.draw(st.sampled_from(string.digits)) if sign == "#" else sign for sign in form)
    made = kind(form)
    assert made.fits(code)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.characters(exclude_characters=string.digits if form[place] == "#" else code[place]))
    assert not made.fits(code[:place] + other + code[place + 1 :])
    assert not made.fits(code + "0")
    assert not made.fits(code[:-1])


def test_the_built_in_kinds_stay():
    assert BUILT_IN_KINDS == ("province", "regency", "city", "employer")
