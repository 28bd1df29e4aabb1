"""The region tables: official codes, zones, and how written names find them or are refused."""

from __future__ import annotations

import unicodedata
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.regions import (
    TABLES,
    ZONES,
    AmbiguousName,
    UnknownRegion,
    fold_name,
    region,
    region_table,
    resolve,
    zone_of,
)

BEFORE, AFTER = "kemendagri-2020", "kemendagri-2025"


def _kinds(table: str) -> Counter[str]:
    return Counter(found.kind for found in region_table(table).regions.values())


def test_thirty_four_provinces_until_2022_and_thirty_eight_after() -> None:
    assert _kinds(BEFORE) == {"province": 34, "regency": 416, "city": 98}
    assert _kinds(AFTER) == {"province": 38, "regency": 416, "city": 98}
    assert region_table(BEFORE).until == region_table(AFTER).since


@pytest.mark.parametrize("table", TABLES)
def test_codes_tell_kind_and_province(table: str) -> None:
    regions = region_table(table).regions
    for code, found in regions.items():
        assert found.code == code
        assert found.province in regions
        assert (len(code) == 2) == (found.kind == "province")
        assert (code[3:4] == "7") == (found.kind == "city")
        assert found.zone in ZONES


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("75", "Provinsi Gorontalo"),
        ("75.01", "Kabupaten Gorontalo"),
        ("75.02", "Kabupaten Boalemo"),
        ("75.03", "Kabupaten Bone Bolango"),
        ("75.04", "Kabupaten Pohuwato"),
        ("75.05", "Kabupaten Gorontalo Utara"),
        ("75.71", "Kota Gorontalo"),
        ("13", "Provinsi Sumatera Barat"),
        ("13.71", "Kota Padang"),
        ("13.75", "Kota Bukittinggi"),
        ("81", "Provinsi Maluku"),
        ("81.03", "Kabupaten Kepulauan Tanimbar"),
        ("81.71", "Kota Ambon"),
        ("81.72", "Kota Tual"),
        ("64.74", "Kota Bontang"),
        ("63.02", "Kabupaten Kotabaru"),
        ("31", "Provinsi Daerah Khusus Ibukota Jakarta"),
    ],
)
def test_official_codes(code: str, name: str) -> None:
    for table in TABLES:
        assert region(code, table).name == name


def test_kemendagri_codes_are_not_those_of_the_statistics_office() -> None:
    # The statistics office counts West Papua as 91 and Papua as 94; Kemendagri has them the other way round.
    assert region("91", BEFORE).name == "Provinsi Papua"
    assert region("92", BEFORE).name == "Provinsi Papua Barat"


def test_a_region_may_change_its_code_between_tables() -> None:
    assert resolve("Kabupaten Merauke", BEFORE).code == "91.01"
    assert resolve("Kabupaten Merauke", AFTER).code == "93.01"
    assert resolve("Kota Sorong", AFTER).code == "96.71"


@pytest.mark.parametrize("code", ["94", "75.99", "00", "7571", "", "75.71.01"])
def test_an_unknown_code_is_refused(code: str) -> None:
    with pytest.raises(UnknownRegion):
        region(code, BEFORE)


def test_an_unknown_table_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownRegion, match=BEFORE):
        region("75", "kemendagri-1999")


@pytest.mark.parametrize(
    ("province", "zone"),
    [
        ("11", "Asia/Jakarta"),
        ("13", "Asia/Jakarta"),
        ("36", "Asia/Jakarta"),
        ("61", "Asia/Jakarta"),
        ("62", "Asia/Jakarta"),
        ("51", "Asia/Makassar"),
        ("53", "Asia/Makassar"),
        ("63", "Asia/Makassar"),
        ("64", "Asia/Makassar"),
        ("65", "Asia/Makassar"),
        ("75", "Asia/Makassar"),
        ("81", "Asia/Jayapura"),
        ("82", "Asia/Jayapura"),
        ("91", "Asia/Jayapura"),
        ("92", "Asia/Jayapura"),
        ("00", "Asia/Jakarta"),
    ],
)
def test_each_province_keeps_its_own_time(province: str, zone: str) -> None:
    assert zone_of(province, BEFORE) == zone


def test_a_regency_keeps_its_provinces_time() -> None:
    assert region("75.03", BEFORE).zone == "Asia/Makassar"


@pytest.mark.parametrize("table", TABLES)
def test_every_official_name_finds_its_region(table: str) -> None:
    for found in region_table(table).regions.values():
        assert resolve(found.name, table) == found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Kab. Bone Bolango", "75.03"),
        ("Kab Bone Bolango", "75.03"),
        ("KABUPATEN  BONE   BOLANGO", "75.03"),
        ("Pemkab Bone Bolango", "75.03"),
        ("Pemerintah Kabupaten Bone Bolango", "75.03"),
        ("kota gorontalo", "75.71"),
        ("Kab. Gorontalo", "75.01"),
        ("Prov. Gorontalo", "75"),
        ("Pemprov Gorontalo", "75"),
        ("Pemkot Ambon", "81.71"),
        ("Pemko Padang", "13.71"),
        ("Kab. Kep. Aru", "81.07"),
        ("Kabupaten Kepulauan Seribu", "31.01"),
        ("Kota Jakarta Pusat", "31.71"),
        ("Kota Adm. Jakarta Pusat", "31.71"),
        ("DKI Jakarta", "31"),
        ("DI Yogyakarta", "34"),
        ("Provinsi DIY", "34"),
        ("Kabupaten Maluku Tenggara Barat", "81.03"),
        ("Kab. Toba Samosir", "12.12"),
        ("Kabupaten Mamuju Utara", "76.01"),
        ("Kabupaten Pontianak", "61.02"),
        ("Provinsi Nanggroe Aceh Darussalam", "11"),
        ("Kota Pare-Pare", "73.72"),
        ("Kabupaten Toli Toli", "72.04"),
        ("Kabupaten Kotabaru", "63.02"),
        ("Kabupaten Lima Puluh Kota", "13.07"),
        ("Kab. 50 Kota", "13.07"),
        ("Kota Solok", "13.72"),
        ("Kabupaten Solok", "13.02"),
    ],
)
def test_short_forms_and_former_names_find_their_region(name: str, code: str) -> None:
    assert resolve(name, BEFORE).code == code


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("Gorontalo", ["75", "75.01", "75.71"]),
        ("Solok", ["13.02", "13.72"]),
        ("Bone Bolango", ["75.03"]),
        ("Maluku", ["81"]),
        ("Kotabaru", ["63.02"]),
        ("Kota Baru", ["63.02"]),
        ("Kupang", ["53.01", "53.71"]),
    ],
)
def test_a_name_without_its_kind_is_refused_with_what_it_could_mean(name: str, codes: list[str]) -> None:
    with pytest.raises(AmbiguousName) as refused:
        resolve(name, BEFORE)
    assert [found.code for found in refused.value.candidates] == codes
    assert all(found.name in str(refused.value) for found in refused.value.candidates)


@pytest.mark.parametrize("name", ["Kota Atlantis", "Kabupaten", "Kota Bone Bolango", "Provinsi Ambon", "Ambón", "'"])
def test_a_name_that_fits_nothing_is_refused(name: str) -> None:
    with pytest.raises((UnknownRegion, AmbiguousName)):
        resolve(name, BEFORE)


@pytest.mark.parametrize("name", ["", "   ", "K" * 256, "Kota\x00Ambon", "Kota \ud800"])
def test_an_unclean_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name"):
        resolve(name, BEFORE)


def test_a_name_has_up_to_255_code_points() -> None:
    assert len(fold_name("k" * 255)) == 255


def test_composed_and_decomposed_unicode_are_one_name_and_accents_stay() -> None:
    composed = unicodedata.normalize("NFC", "Kota Ambón")
    assert fold_name(composed) == fold_name(unicodedata.normalize("NFD", composed))
    assert fold_name(composed) != fold_name("Kota Ambon")
    with pytest.raises(UnknownRegion):
        resolve(composed, BEFORE)


@pytest.mark.parametrize("apostrophe", "\u2018\u2019\u201b\u02bc\u02bb\u2032`\u00b4\uff07")
def test_the_apostrophes_variants_are_one(apostrophe: str) -> None:
    assert fold_name(f"Pegawai Syara{apostrophe}") == fold_name("Pegawai Syara'")


@given(st.text(max_size=300))
def test_any_text_is_a_region_or_refused(name: str) -> None:
    with suppress(UnknownRegion, AmbiguousName, ValueError):
        assert resolve(name, BEFORE).code in region_table(BEFORE).regions


@given(st.text(min_size=1, max_size=100))
def test_folding_twice_changes_nothing(name: str) -> None:
    try:
        folded = fold_name(name)
    except ValueError:
        return
    assert fold_name(folded) == folded
