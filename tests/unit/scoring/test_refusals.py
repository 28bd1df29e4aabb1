"""How refusals are worded: an Indonesian reads the hour of the place with its zone, and decimals with a comma."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.scoring.domain import refusals
from services.scoring.domain.local_time import told
from services.scoring.domain.stage import ExtendScoring, decide_extend
from tests.unit.scoring.given import AT, CLERK, CLOSES, DIGEST, NOW, a_committee, an_open, refusal
from tests.unit.scoring.test_stage import SEASON

LAST = datetime(2025, 12, 31, 14, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Jakarta", "31 Desember 2025 pukul 21.59 WIB"),
        ("Asia/Makassar", "31 Desember 2025 pukul 22.59 WITA"),
        ("Asia/Jayapura", "31 Desember 2025 pukul 23.59 WIT"),
    ],
)
def test_an_instant_is_told_by_the_clocks_of_its_place(zone, text):
    assert told(LAST, zone) == text


def test_seconds_are_told_where_they_say_something():
    begin = LAST + timedelta(microseconds=1)
    assert told(begin, "Asia/Jayapura") == "1 Januari 2026 pukul 00.00 WIT"
    assert told(begin, "Asia/Jayapura", to_the_second=True) == "1 Januari 2026 pukul 00.00.00 WIT"
    assert told(begin + timedelta(seconds=30), "Asia/Jayapura") == "1 Januari 2026 pukul 00.00.30 WIT"


def test_a_late_sheet_reads_the_deadline_in_the_places_time():
    found = refusals.deadline_passed(LAST, LAST + timedelta(seconds=3), "Asia/Jayapura")
    assert found.detail.id == (
        "Lembar nilai diterima sampai 31 Desember 2025 pukul 23.59 WIT; "
        "yang ini tiba pada 1 Januari 2026 pukul 00.00.02 WIT."
    )
    assert "2025-12-31T14:59:59Z" in found.detail.en


@pytest.mark.parametrize(
    "found",
    [
        refusals.window_over(LAST, "Asia/Jayapura"),
        refusals.before_deadline(LAST, "Asia/Jayapura"),
        refusals.not_open_yet(LAST, "Asia/Jayapura"),
        refusals.extension_beyond_season(LAST, LAST, "Asia/Jayapura"),
    ],
)
def test_no_instant_is_told_to_an_indonesian_by_utc(found):
    remedies = " ".join(fault.remedy.id for fault in found.faults)
    assert "31 Desember 2025 pukul 23.59 WIT" in found.detail.id
    assert "T14:59:59Z" not in found.detail.id + remedies


def test_an_extension_names_the_instant_for_people_and_keeps_the_value_for_programs():
    early = ExtendScoring(AT, CLERK, CLOSES, DIGEST, NOW)
    (fault,) = refusal(decide_extend(an_open(), SEASON, a_committee(), early)).faults
    assert fault.value == "2021-02-28T15:59:59Z"
    assert fault.remedy.id == "Beri waktu setelah 28 Februari 2021 pukul 23.59 WITA."
    assert fault.remedy.en == "Give an instant after 2021-02-28T15:59:59Z."


def test_decimals_have_a_comma_in_indonesian():
    step = refusals.off_step("m", "80.3", Decimal("0.50"), Decimal("0.5")).remedy
    assert (step.id, step.en) == (
        "Beri 0,5 atau kelipatan 0,5 di atasnya.",
        "Give 0.5 or a mark in steps of 0.5 above it.",
    )
    scale = refusals.out_of_scale("m", "187", Decimal(0), Decimal("99.5")).remedy
    assert (scale.id, scale.en) == ("Beri nilai dari 0 sampai 99,5.", "Give a mark from 0 to 99.5.")


@pytest.mark.parametrize("reason", ["own-employer", "own-government"])
def test_who_competes_is_called_calon(reason):
    assert refusals.recused(reason).detail.id.startswith("Calon ini adalah ")
