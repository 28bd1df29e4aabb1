"""Bad rulebook files: each fault is reported with its line, its path and a remedy in both languages; nothing raises."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rulebook import rulebook_content, rulebook_json_schema
from schemas.rulebook_checks import check_content, check_rulebook
from schemas.rulebook_file import MAX_BYTES, MAX_ERRORS, RulebookError, _composed, _Plain, path_text, read_rulebook
from schemas.rulebook_messages import message

FOLDER = Path(__file__).parents[2] / "rulebooks"
GOOD = (FOLDER / "2020.yaml").read_text(encoding="utf-8")


def errors_of(text: str | bytes) -> tuple[RulebookError, ...]:
    reading = read_rulebook(text if isinstance(text, bytes) else text.encode())
    assert (reading.rulebook is None) == bool(reading.errors)
    assert [error.line for error in reading.errors] == sorted(error.line for error in reading.errors)
    for error in reading.errors:
        assert error.message_en
        assert error.message_id
        assert error.message_en != error.message_id
    return reading.errors


def changed(old: str, new: str) -> tuple[str, int]:
    """Replace the first `old` of the good file; return the text and the line of the change."""
    assert old in GOOD
    return GOOD.replace(old, new, 1), GOOD[: GOOD.index(old)].count("\n") + 1


CALENDAR = "  closes: 2021-06-30\n"
WEIGHT = 'weight: "25"'
FIRST_ASPECT = "rubrics[0].aspects[0]"

SINGLE_FAULTS = [
    # old, new, lines below the start of the change, path, code, what the message says
    (WEIGHT, "weight: 25.0", 0, f"{FIRST_ASPECT}.weight", "float_bare", "quote decimals: write '25.0'"),
    (WEIGHT, "weight: 25", 0, f"{FIRST_ASPECT}.weight", "decimal_quoted", "quote decimals: write '25'"),
    (WEIGHT, 'weight: "25,0"', 0, f"{FIRST_ASPECT}.weight", "decimal_text", "write digits with a point"),
    (WEIGHT, 'weight: "1e1"', 0, f"{FIRST_ASPECT}.weight", "decimal_text", "1e1 is not a decimal"),
    (WEIGHT, 'weight: "-5"', 0, f"{FIRST_ASPECT}.weight", "decimal_text", "-5 is not a decimal"),
    ('total: "100"', 'total: "110"', 0, "rubrics[0].total", "weights_total", "add up to 100, not to the declared 110"),
    ('step: "0.5"', 'step: "0.3"', 0, f"{FIRST_ASPECT}.scale.step", "scale_step", "does not divide the range 100"),
    ('step: "0.5"', 'step: "0"', 0, f"{FIRST_ASPECT}.scale.step", "scale_step", "does not divide"),
    (
        'least: "0", greatest: "100"',
        'least: "100", greatest: "100"',
        0,
        f"{FIRST_ASPECT}.scale.greatest",
        "scale_backwards",
        "not above the least",
    ),
    (
        "{method: mean}",
        "{method: trimmed-mean, trim: 2, from_sheets: 4}",
        0,
        "rubrics[0].aggregation.from_sheets",
        "trim_leaves_none",
        "at least 5",
    ),
    ("{method: mean}", "{method: trimmed-mean}", 0, "rubrics[0].aggregation", "trim_missing", "needs trim"),
    ("{method: mean}", "{method: mean, trim: 1}", 0, "rubrics[0].aggregation", "trim_without_method", "takes no trim"),
    ("{method: mean}", "{method: modus}", 0, "rubrics[0].aggregation.method", "literal_error", "'mean'"),
    (
        "origin: judged",
        "origin: measured",
        0,
        f"{FIRST_ASPECT}.measure",
        "measure_with_origin",
        "belongs to a measured aspect",
    ),
    (
        "origin: judged",
        "origin: measured, measure: lainnya",
        0,
        f"{FIRST_ASPECT}.measure",
        "unknown_measure",
        "no measure lainnya",
    ),
    ("origin: judged", "origin: carried", 0, f"{FIRST_ASPECT}.carried", "carried_with_origin", "carried aspect"),
    ("least_sheets: 3", "least_sheets: 0", 0, "rubrics[0].least_sheets", "greater_than_equal", "at least 1"),
    ("mode: half-up", "mode: bankers", 0, "rubrics[0].rounding.mode", "literal_error", "write one of"),
    (
        "tie_break: [aspect, nomination-instant, vote]",
        "tie_break: [aspect, aspect]",
        0,
        "rubrics[0].tie_break[1]",
        "duplicate_code",
        "aspect stands twice",
    ),
    ("quota: {places: 2,", "quota: {places: 0,", 0, "stages[2].quota.places", "greater_than_equal", "0 is too small"),
    ("quota: {places: 2,", "quota: {places: true,", 0, "stages[2].quota.places", "int_type", "whole number"),
    (
        "quota: {places: 2, assumed: true}",
        "quota: {places: 2, assumed: true, provinces: [{province: 75, places: 1}]}",
        0,
        "stages[2].quota.provinces[0].province",
        "string_type",
        "put it in quotes",
    ),
    (
        "quota: {places: 2, assumed: true}",
        'quota: {places: 2, assumed: true, provinces: [{province: "94", places: 1}]}',
        0,
        "stages[2].quota.provinces[0].province",
        "unknown_province",
        "94 is no province",
    ),
    ("body: panitia-9", "body: panitia-7", 0, "stages[2].body", "unknown_body", "no body panitia-7"),
    ("body: panitia-9", "body: dewan-juri", 0, "stages[2].body", "body_tier", "provincial tier"),
    ("rubric: umkm", "rubric: mikro", 0, "stages[11].rubric", "unknown_rubric", "no rubric mikro"),
    (
        "aspects: [kepatuhan, kinerja]\n    quota: {places: 2",
        "aspects: [kepatuhan, disiplin]\n    quota: {places: 2",
        0,
        "stages[5].aspects[1]",
        "unknown_aspect",
        "no aspect disiplin",
    ),
    (
        "scoring: {opens: 2021-02-01, closes: 2021-02-28,",
        "scoring: {opens: 2021-02-28, closes: 2021-02-01,",
        0,
        "stages[2].scoring.closes",
        "window_backwards",
        "not after",
    ),
    (
        "scoring: {opens: 2021-02-01, closes: 2021-02-28,",
        "scoring: {opens: 2021-02-01, closes: 2021-03-28,",
        -5,
        "stages[2].next",
        "windows_overlap",
        "not after this one closes",
    ),
    (
        "scoring: {opens: 2021-02-01, closes: 2021-02-28,",
        "scoring: {opens: 2020-02-01, closes: 2021-02-28,",
        0,
        "stages[2].scoring.opens",
        "before_season",
        "before the season opens",
    ),
    (CALENDAR, "  closes: 2020-06-30\n", 0, "calendar.closes", "window_backwards", "not after"),
    (CALENDAR, "  closes: 2021-06-31\n", 0, "calendar.closes", "local_impossible", "no such date"),
    (CALENDAR, "  closes: 30/06/2021\n", 0, "calendar.closes", "local_text", "not a local date"),
    ("zone: Asia/Jakarta", "zone: Europe/Paris", 0, "calendar.zone", "literal_error", "'Asia/Makassar'"),
    ("table: kemendagri-2020", "table: bps-2020", 0, "regions.table", "unknown_table", "kemendagri-2020"),
    (
        'quorum: {fraction: "2/3"}',
        'quorum: {fraction: "3/2"}',
        0,
        "bodies[0].quorum.fraction",
        "ratio_above_one",
        "1/1",
    ),
    ('quorum: {fraction: "2/3"}', "quorum: {fraction: 0.66}", 0, "bodies[0].quorum.fraction", "float_bare", "quote"),
    ('quorum: {fraction: "2/3"}', "quorum: {count: 10}", 0, "bodies[0].quorum.count", "quorum_too_great", "9 voting"),
    ('quorum: {fraction: "2/3"}', "quorum: {}", 0, "bodies[0].quorum", "quorum_one_of", "fraction or as a count"),
    ("seals: [sekretaris-panitia]", "seals: [notaris]", 0, "bodies[0].seals[0]", "unknown_office", "no office notaris"),
    ("strict: true", "strict: yes", 0, "bodies[0].majority.strict", "bool_type", "neither true nor false"),
    ("role: chair", "role: member", -1, "bodies[0].offices", "one_chair", "exactly one chair"),
    ("code: MENENGAH", "code: BESAR", 0, "categories[3]", "duplicate_code", "BESAR stands twice"),
    ("version: 1\n", "version: 1\nversion: 2\n", 1, "version", "duplicate_key", "second time"),
    ("version: 1\n", "version: 1\nbonus: 2\n", 1, "bonus", "extra_forbidden", "no such key"),
    ("version: 1\n", "version: 1\n2021: x\n", 1, "", "key_not_text", "put it in quotes"),
    ("version: 1\n", "version: '1'\n", 0, "version", "int_type", "without quotes"),
    ("version: 1\n", "version: !!int 1\n", 0, "", "", ""),
    ("title: {id: Paritrana", "title: {id: !!python/name:os.system Paritrana", 0, "title.id", "tag", "not allowed"),
    ("assumed: true\n    offices:", "offices:", -3, "bodies[0]", "no_provenance", "neither source nor assumed"),
    ("source: bontang-2020", "source: bontang-2019", 0, "categories[0].source", "unknown_source", "no source"),
    (
        "regions: {table: kemendagri-2020, assumed: true}",
        "regions: {table: kemendagri-2020, assumed: true, source: bontang-2020}",
        0,
        "regions.assumed",
        "source_and_assumed",
        "both sourced",
    ),
    (
        "regions: {table: kemendagri-2020, assumed: true}",
        "regions: {table: kemendagri-2020, assumed: false}",
        0,
        "regions.assumed",
        "assumed_form",
        "assumed: true",
    ),
    (
        "assumed: [zone, opens,",
        "assumed: [zones, opens,",
        0,
        "calendar.assumed",
        "mark_names_nothing",
        "no value zones",
    ),
    (
        "given_to: finalist\n    stage: wawancara",
        "given_to: finalist",
        -3,
        "certificates[0].stage",
        "certificate_stage",
        "",
    ),
    (
        "    stage: wawancara\n    source",
        "    stage: sidang\n    source",
        0,
        "certificates[0].stage",
        "unknown_stage",
        "",
    ),
    ("admits: [province]", "admits: []", 0, "categories[0].admits", "too_short", "at least 1"),
    (
        "admits: [province]",
        "admits: [employer]",
        -2,
        "categories[0].size_classes",
        "size_classes",
        "belong to employers",
    ),
]


@pytest.mark.parametrize(("old", "new", "below", "path", "code", "says"), SINGLE_FAULTS)
def test_each_fault_is_told_with_its_line_and_remedy(
    old: str, new: str, below: int, path: str, code: str, says: str
) -> None:
    text, line = changed(old, new)
    errors = errors_of(text)
    if not code:
        assert errors == ()
        return
    matching = [error for error in errors if error.code == code and error.path == path]
    assert matching, errors
    assert matching[0].line == line + below
    assert says in matching[0].message_en


def test_a_fault_brings_no_false_ones_with_it() -> None:
    text, _ = changed(WEIGHT, "weight: 25.0")
    assert [error.code for error in errors_of(text)] == ["float_bare"]
    text, _ = changed("mode: half-up", "mode: bankers")
    assert [error.code for error in errors_of(text)] == ["literal_error"]


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = GOOD.replace(WEIGHT, "weight: 25.0", 1)
    text = text.replace("body: panitia-9", "body: panitia-7", 1)
    text = text.replace("mode: half-up", "mode: bankers", 1)
    text = text.replace("zone: Asia/Jakarta", "zone: UTC", 1)
    text = text.replace('fraction: "1/2"', "fraction: 1/2/3", 1)
    text = text.replace("  - {event: StageAdvanced,", "  - {event: CandidateNominated,", 1)
    codes = [error.code for error in errors_of(text)]
    assert codes == ["literal_error", "ratio_text", "unknown_body", "float_bare", "literal_error", "duplicate_code"]


def test_a_circle_of_stages_is_told_once_with_its_way() -> None:
    stage = "    order: 3\n    body: dewan-juri"
    text, line = changed(stage, "    order: 3\n    next: {tier: provincial, stage: seleksi}\n    body: dewan-juri")
    cycles = [error for error in errors_of(text) if error.code == "stage_cycle"]
    assert len(cycles) == 1
    assert "provincial/KABKOTA/seleksi → national/KABKOTA/verifikasi" in cycles[0].message_en
    assert cycles[0].path == "stages[2].next"
    assert cycles[0].line < line


def test_a_stage_that_leads_nowhere_is_told() -> None:
    text, line = changed("next: {tier: national, stage: wawancara}", "next: {tier: national, stage: sidang}")
    codes = {(error.code, error.line) for error in errors_of(text)}
    assert ("unknown_stage", line) in codes
    assert "stage_unreachable" in {code for code, _ in codes}


def test_a_stage_cannot_carry_from_a_later_one() -> None:
    text = GOOD.replace(
        "    aspects: [kebijakan, peraturan, kinerja]\n    quota: {places: 7",
        "    carries: {tier: national, stage: wawancara, aspects: [wawancara]}\n    quota: {places: 7",
        1,
    )
    assert "carried_from_later" in [error.code for error in errors_of(text)]


def test_what_is_carried_was_scored_at_the_earlier_stage() -> None:
    text, line = changed(
        "carries: {tier: national, stage: verifikasi, aspects: [kebijakan, peraturan, kinerja]}",
        "carries: {tier: national, stage: verifikasi, aspects: [kebijakan, peraturan, kinerja, wawancara]}",
    )
    (error,) = errors_of(text)
    assert (error.code, error.line, error.path) == ("carried_not_scored", line, "stages[1].carries.aspects[3]")


def test_a_body_needs_seats_for_the_fewest_sheets() -> None:
    assert "too_few_seats" in [error.code for error in errors_of(GOOD.replace("least_sheets: 3", "least_sheets: 6", 1))]


# --- files that are no rulebooks -------------------------------------------------------------------------------------

_RANDOM = random.Random(20210106)
HOPELESS = [
    (b"", "empty", 1),
    (b"# only a remark\n", "empty", 1),
    (b"season: 2021\nversion: \x00\n", "control_character", 2),
    (b"season: 2021\ntitle: \xff\xfe\n", "not_utf8", 2),
    (b"PK\x03\x04" + _RANDOM.randbytes(2000), "not_utf8", None),
    (b"a" * 10_000_000, "too_large", 1),
    (b"[" * 200_000, "too_deep", 1),
    (b"{a: " * 50_000, "too_deep", 1),
    (b"- " * 100_000, "too_deep", 1),
    (b"[" + b"a," * 100_000 + b"]", "too_many", 1),
    (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "alias", 2),
    (b"&a [*a]", "alias", 1),
    (b"season: 2021\n\tversion: 1\n", "yaml", 2),
    (b"season: [2021\nversion: 1\n", "yaml", 2),
    (b"a: 1\n---\nb: 2\n", "yaml", 2),
    (b'season: "\\UFFFFFFFF"\n', "yaml", 1),
    (b'season: "unfinished\n', "yaml", None),
    (b"%YAML 9.9\n---\na: 1\n", "yaml", 1),
    (b"hello", "model_type", 1),
    (b"- 1\n- 2\n", "model_type", 1),
]


@pytest.mark.parametrize(("data", "code", "line"), HOPELESS)
def test_a_hopeless_file_is_one_clear_error(data: bytes, code: str, line: int | None) -> None:
    (error,) = errors_of(data)
    assert error.code == code
    assert line is None or error.line == line


def test_a_lone_surrogate_is_refused_and_shown_escaped() -> None:
    text, line = changed("en: Provincial government", 'en: "\\ud800"')
    (error,) = errors_of(text)
    assert (error.path, error.line) == ("categories[0].title.en", line)
    assert error.message_en.isprintable()


def test_a_value_of_many_digits_is_refused_and_shown_short() -> None:
    text, line = changed("version: 1\n", f"version: {'9' * 50_000}\n")
    (error,) = errors_of(text)
    assert (error.path, error.line) == ("version", line)
    assert len(error.message_en) < 200


def test_errors_are_bounded() -> None:
    assert len(errors_of("stages: [" + "{}," * 5_000 + "]")) == MAX_ERRORS


def test_line_ends_and_byte_order_mark_of_other_systems_are_read() -> None:
    assert errors_of(GOOD.replace("\n", "\r\n")) == ()
    assert errors_of(b"\xef\xbb\xbf" + GOOD.encode()) == ()


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    assert errors_of(data)


@settings(max_examples=60)
@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.text(max_size=8), st.integers(min_value=0, max_value=40))
def test_no_damaged_file_raises(start: int, text: str, removed: int) -> None:
    damaged = (GOOD[:start] + text + GOOD[start + removed :]).encode(errors="replace")
    assert len(damaged) < MAX_BYTES
    errors_of(damaged)


# --- content, as events and requests carry it ------------------------------------------------------------------------


def _good_content() -> dict[str, Any]:
    reading = read_rulebook(GOOD.encode())
    assert reading.rulebook is not None
    return rulebook_content(reading.rulebook)


CONTENT = _good_content()


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in entries for place in ((*path, key), *_places(item, (*path, key)))]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=80)
@given(st.sampled_from(_places(CONTENT)), JSON_VALUES)
def test_no_content_raises(place: tuple[str | int, ...], value: Any) -> None:
    content = copy.deepcopy(CONTENT)
    target: Any = content
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    rulebook, findings = check_content(content)
    assert (rulebook is None) == bool(findings)
    assert all(path_text(finding.path) or not finding.path for finding in findings)


def test_content_is_checked_like_a_file() -> None:
    rulebook, findings = check_content(CONTENT)
    assert rulebook is not None
    assert findings == check_rulebook(rulebook) == ()


# --- the published schema --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("season", ["2020", "2021", "2022", "2025"])
def test_the_files_fit_the_published_json_schema(season: str) -> None:
    content = _Plain().value(_composed((FOLDER / f"{season}.yaml").read_text(encoding="utf-8")), ())
    schema = rulebook_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    faults = [fault.message for fault in jsonschema.Draft202012Validator(schema).iter_errors(content)]
    assert faults == []


def test_the_published_json_schema_refuses_what_the_reader_refuses() -> None:
    content = copy.deepcopy(CONTENT)
    content["rubrics"][0]["aspects"][0]["weight"] = 25
    content["stages"][0]["quota"]["places"] = 0
    content["bonus"] = 1
    faults = list(jsonschema.Draft202012Validator(rulebook_json_schema()).iter_errors(content))
    assert len(faults) == 3


def test_the_published_schema_is_the_one_of_the_models() -> None:
    published = Path(__file__).parents[2] / "schemas" / "json" / "rulebook.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == rulebook_json_schema()


def test_a_decimal_where_a_whole_number_belongs_is_told_once_and_without_quotes() -> None:
    text, line = changed("    quorum:", "    notice_days: 3.5\n    quorum:")
    (error,) = errors_of(text)
    assert (error.line, error.path, error.code) == (line, "bodies[0].notice_days", "int_type")
    assert "without quotes" in error.message_en


@pytest.mark.parametrize("code", ["yaml", "local_impossible", "no_provenance"])
def test_what_is_wrong_names_what_to_do(code: str) -> None:
    for said in message(code, {"value": "x"}):
        assert re.search(r"[:;] (?:write|compare|add|tulis|periksa|tambahkan)", said)
