"""Every template says what it should in both languages, in the province's time, and no value can break out of it."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rulebook import Rulebook
from services.notifications.domain.templates import LEGAL, RULES, TEMPLATES
from services.notifications.examples import example
from services.notifications.texts import LOCALES, Contents, plain, write_letter
from tests.unit.notifications.given import rulebook as shipped

A, B = str(UUID(int=1)), str(UUID(int=2))
AT = {"tier": "provincial", "province": "75", "category": "KABKOTA", "stage": "nomination"}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return shipped("2020")


def contents(template, params, names, *, sample=False, recorded=datetime(2021, 3, 1, 1, 30, tzinfo=UTC)) -> Contents:
    return Contents(template, params, tuple(names), names, sample, recorded, UUID(int=7))


def desk(rulebook: Rulebook) -> dict[str, str]:
    stage = rulebook.entry_stage("KABKOTA")
    province = "75" if stage.tier == "provincial" else "00"
    return {"tier": stage.tier, "province": province, "category": "KABKOTA", "stage": stage.code}


NO_INTERVIEWS = {"interview-scheduled", "interview-moved"}
NO_VERIFICATION = {"verified", "returned", "resubmitted", "rejected"}
MISSING: dict[str, set[str]] = {
    # Scorers are drawn in none of these.
    "2020": {"assigned"},
    "2021": {"assigned"},
    "2022": {"assigned", *NO_INTERVIEWS, *NO_VERIFICATION},
    "2025": {"assigned", *NO_INTERVIEWS, *NO_VERIFICATION},
}


@pytest.mark.parametrize("season", MISSING)
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_that_a_shipped_rulebook_has_can_be_written_under_it(template, locale, season):
    book = shipped(season)
    if template in MISSING[season]:
        with pytest.raises(LookupError):
            example(template, book)
        return
    letter = write_letter(example(template, book), book, locale)
    assert not re.search(r"\$[a-z{]|None", letter.subject + letter.body)
    assert letter.subject == plain(letter.subject)
    assert str(UUID(int=0)) in letter.body
    assert ("CONTOH" in letter.subject) == (locale == "id")
    assert ("SAMPLE" in letter.subject) == (locale == "en")


def test_the_languages_have_the_same_texts():
    folder = Path("services/notifications/texts")
    read = [tomllib.loads((folder / f"{locale}.toml").read_text()) for locale in LOCALES]

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(inner) for name, inner in value.items()}
        return sorted(set(re.findall(r"\$[a-z_]+", value))) if isinstance(value, str) else len(value)

    assert shape(read[0]) == shape(read[1])


def test_an_announcement_without_a_window_promises_no_appeal(rulebook):
    at = desk(rulebook) | {"province": "75"}
    params = {
        "at": at,
        "appeals_until": None,
        "lines": [
            {"nomination": A, "rank": 1, "outcome": "advanced"},
            {"nomination": B, "rank": None, "outcome": "eliminated"},
        ],
    }
    said = contents("announced", params, {A: "Kabupaten Bone Bolango", B: "Kota Gorontalo"})
    english, indonesian = (write_letter(said, rulebook, locale).body for locale in ("en", "id"))
    assert "1. Kabupaten Bone Bolango: advances to the next stage\n" in english
    assert "Kota Gorontalo: does not advance\n" in english
    assert "1. Kabupaten Bone Bolango: lolos ke tahap berikutnya\n" in indonesian
    assert "1 Maret 2021 pukul 09.30 WITA" in indonesian
    assert "Sanggah" not in indonesian
    assert "Appeals" not in english
    assert "1 March 2021 at 09:30 WITA" in english


def test_near_midnight_the_provinces_day_counts(rulebook):
    late = datetime(2021, 2, 28, 16, 30, tzinfo=UTC)
    for province, there in (("75", "1 March 2021 at 00:30 WITA"), ("00", "28 February 2021 at 23:30 WIB")):
        params: dict[str, Any] = {"at": desk(rulebook) | {"province": province}, "lines": [], "appeals_until": None}
        assert there in write_letter(contents("announced", params, {}, recorded=late), rulebook, "en").body


def test_a_national_deadline_is_told_by_the_readers_clock_too(rulebook):
    at = {"tier": "national", "province": "00", "category": "KABKOTA", "stage": "verifikasi"}
    params = {"at": at, "defects": ["evidence"], "until": "2021-01-31T16:59:59.000000Z", "homes": ["75"]}
    read = {
        locale: write_letter(contents("returned", params, {A: "Kota Gorontalo"}), rulebook, locale)
        for locale in LOCALES
    }
    there = "31 Januari 2021 pukul 23.59 WIB (1 Februari 2021 pukul 00.59 WITA)"
    assert f"paling lambat {there}" in read["id"].body
    assert there in read["id"].subject
    assert "31 January 2021 at 23:59 WIB (1 February 2021 at 00:59 WITA)" in read["en"].body
    west = write_letter(contents("returned", params | {"homes": ["13"]}, {A: "Kota Padang"}), rulebook, "id").body
    assert "WITA" not in west


def test_a_reminder_of_a_national_deadline_is_told_by_the_readers_clock_too(rulebook):
    at = {"tier": "national", "province": "00", "category": "KABKOTA", "stage": "verifikasi"}
    item = {"province": "00", "at": at, "home": "91", "kind": "mending", "until": "2021-01-31T16:59:59Z"}
    params = {"items": [item | {"nominations": [A]}], "count": 1}
    body = write_letter(contents("reminder", params, {A: "Kota Sorong"}), rulebook, "id").body
    assert "31 Januari 2021 pukul 23.59 WIB (1 Februari 2021 pukul 01.59 WIT)" in body


def test_who_may_appeal_is_said_as_the_rulebook_has_it(rulebook):
    params: dict[str, Any] = {"at": desk(rulebook), "lines": [], "appeals_until": "2021-03-05T15:59:59Z"}
    said = contents("announced", params, {})
    assert "oleh narahubung calon atau pengusul sampai dengan" in write_letter(said, rulebook, "id").body
    contact_only = rulebook.model_copy(update={"appeals": rulebook.appeals.model_copy(update={"by": ("contact",)})})
    assert "by the nominee's contact until" in write_letter(said, contact_only, "en").body


def test_no_message_sends_anybody_to_a_portal():
    for locale in LOCALES:
        text = (Path("services/notifications/texts") / f"{locale}.toml").read_text()
        assert not re.search(r"portal|website|situs|laman", text, re.IGNORECASE)


@pytest.mark.parametrize("template", ["disputed", "dispute-filed", "facts-report"])
def test_a_correction_is_asked_for_until_the_seal_and_by_no_day_that_may_have_passed(template, rulebook):
    said = example(template, rulebook)
    bodies = {locale: write_letter(said, rulebook, locale).body for locale in LOCALES}
    assert re.search(r"(until|before) the ranking of the stage is sealed", bodies["en"])
    assert re.search(r"(sampai|sebelum) peringkat tahap(nya| ini) disegel", bodies["id"])
    assert "before the cut-off" not in bodies["en"]
    assert "sebelum batas waktu data" not in bodies["id"]


def test_a_rank_below_the_quota_is_told_with_the_quota(rulebook):
    params = {"at": desk(rulebook), "rank": 4, "reason": "below-quota"}
    body = write_letter(contents("eliminated", params, {A: "Kota Gorontalo"}), rulebook, "id").body
    assert "Peringkat: 4. Peringkat ini di luar kuota yang lolos ke tahap berikutnya." in body


def test_unrankable_is_told_as_neither_zero_nor_last(rulebook):
    params = {"at": desk(rulebook), "rank": None, "reason": "unrankable"}
    said = contents("eliminated", params, {A: "Kota Gorontalo"})
    assert "not a score of zero" in write_letter(said, rulebook, "en").body
    assert "bukan nilai nol" in write_letter(said, rulebook, "id").body


def test_only_sample_data_is_marked(rulebook):
    params = {"at": desk(rulebook)}
    real = write_letter(contents("nominated", params, {A: "Kota Gorontalo"}), rulebook, "id")
    assert "CONTOH" not in real.subject
    assert "contoh" not in real.body


def test_a_stage_that_the_rulebook_lacks_is_a_lookup_error(rulebook):
    with pytest.raises(LookupError):
        write_letter(contents("nominated", {"at": AT | {"stage": "none"}}, {A: "x"}), rulebook, "id")


def test_the_digest_changes_with_the_text(rulebook):
    one, other = (
        write_letter(contents("nominated", {"at": desk(rulebook)}, {A: name}), rulebook, "id")
        for name in ("Kota A", "Kota B")
    )
    assert one.digest != other.digest
    assert len(one.digest) == 64


@given(st.text())
def test_plain_text_is_one_printable_line(text):
    assert plain(text).splitlines() in ([], [plain(text)])
    assert all(letter == " " or letter.isprintable() for letter in plain(text))


@given(name=st.text(min_size=1))
def test_no_name_can_add_a_line_or_a_placeholder(name):
    book = shipped("2020")
    lines = write_letter(contents("nominated", {"at": desk(book)}, {A: "x"}), book, "en").body.count("\n")
    letter = write_letter(contents("nominated", {"at": desk(book)}, {A: name}), book, "en")
    assert letter.body.count("\n") == lines
    assert plain(name) in letter.body


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_legal_notice_says_that_it_cannot_be_switched_off_and_no_other_message_does(template, rulebook):
    if template in MISSING["2020"]:
        return
    legal = RULES[template].group in LEGAL
    said = {"en": "cannot be switched off", "id": "tidak dapat dimatikan"}
    for locale in LOCALES:
        assert (said[locale] in write_letter(example(template, rulebook), rulebook, locale).body) == legal


def test_an_example_counts_the_days_and_ranks_of_its_own_rulebook():
    book = shipped("2020")
    stage = next(one for one in book.stages if one.next is not None)
    days = book.model_copy(update={"appeals": book.appeals.model_copy(update={"days": 3})})
    # The scoring ends on 15 April: announced then, that is the first of three days.
    assert "17 April 2021 pukul 23.59 WIB" in write_letter(example("announced", days), days, "id").body
    more = stage.model_copy(update={"quota": stage.quota.model_copy(update={"places": 17})})
    wide = book.model_copy(update={"stages": tuple(more if one == stage else one for one in book.stages)})
    assert example("eliminated", wide).params["rank"] == 18
    assert "18" in write_letter(example("appeal-decided", wide), wide, "id").body
    mended = example("returned", book)
    assert book.stage(*(mended.params["at"][one] for one in ("tier", "category", "stage"))).verification is not None


def test_an_examples_candidates_are_of_kinds_that_its_category_admits():
    for season in MISSING:
        book = shipped(season)
        for template in ("nominated", "advanced", "won", "prize"):
            contents = example(template, book)
            admits = book.category(contents.params["at"]["category"]).admits
            words = {"province": "Provinsi", "regency": "Kabupaten", "city": "Kota", "employer": "PT"}
            begins = [words.get(kind) or book.kind(kind).title.id for kind in admits]
            assert all(any(name.startswith(one) for one in begins) for name in contents.names.values()), template


def test_a_season_without_a_step_has_no_example_of_its_messages():
    book = shipped("2020")
    bare = [one.model_copy(update={"verification": None, "interview": None}) for one in book.stages]
    none = book.model_copy(update={"stages": tuple(bare), "prizes": (), "certificates": ()})
    for template in ("returned", "interview-scheduled", "prize", "certificate"):
        example(template, book)
        with pytest.raises(LookupError):
            example(template, none)
    kinds = {item["kind"] for item in example("reminder", none).params["items"]}
    assert kinds == {"sheets", "nominations", "appeal"}


def test_one_is_one_and_two_are_several(rulebook):
    params = {"at": desk(rulebook)}
    for sheets, english in ((1, "you score 1 nominee of"), (2, "you score 2 nominees of")):
        said = contents("assigned", params | {"own": [{"sheets": sheets}]}, {})
        assert english in write_letter(said, rulebook, "en").body
        assert f"{sheets} calon" in write_letter(said, rulebook, "id").body
