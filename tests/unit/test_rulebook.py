"""The shipped rulebooks: what the articles state, by hand, and what every rulebook promises."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import rfc8785
from pydantic import ValidationError

from schemas.rulebook import (
    ASSUMED,
    Assumed,
    Body,
    Rulebook,
    Scale,
    Source,
    Stage,
    marks,
    provenance,
    rulebook_content,
    rulebook_hash,
)
from schemas.rulebook_file import read_rulebook

FOLDER = Path(__file__).parents[2] / "rulebooks"
SEASONS = ("2020", "2021", "2022", "2025")


@cache
def book(season: str) -> Rulebook:
    reading = read_rulebook((FOLDER / f"{season}.yaml").read_bytes())
    assert reading.errors == ()
    assert reading.rulebook is not None
    return reading.rulebook


def path_of(rulebook: Rulebook, category: str) -> list[Stage]:
    stages = [rulebook.entry_stage(category)]
    while (following := rulebook.next_stage(stages[-1])) is not None:
        stages.append(following)
    return stages


def aspects_of(rulebook: Rulebook, category: str) -> set[str]:
    return {aspect.code for stage in path_of(rulebook, category) for aspect in rulebook.rubric(stage).aspects}


# --- what the articles state -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("season", "category", "aspects"),
    [
        ("2020", "PROVINSI", {"kebijakan", "peraturan", "kinerja", "wawancara"}),
        ("2020", "KABKOTA", {"kebijakan", "peraturan", "kinerja", "wawancara"}),
        ("2020", "BESAR", {"kepatuhan", "kinerja", "wawancara"}),
        ("2020", "MENENGAH", {"kepatuhan", "kinerja", "wawancara"}),
        ("2020", "UMKM", {"kepatuhan", "kinerja"}),
        ("2021", "PROVINSI", {"regulasi", "kinerja", "wawancara"}),
        ("2021", "KABKOTA", {"regulasi", "kinerja", "wawancara"}),
        ("2021", "BESAR", {"kepatuhan", "digitalisasi", "kepedulian", "wawancara"}),
        ("2021", "MENENGAH", {"kepatuhan", "digitalisasi", "kepedulian", "wawancara"}),
        ("2021", "UMKM", {"kepatuhan", "digitalisasi", "kepedulian", "wawancara"}),
        ("2022", "KABKOTA", {"bantuan-iuran-bpu", "cakupan-total"}),
        ("2022", "BESAR", {"cakupan-peserta", "bantuan-pekerja-rentan"}),
        ("2022", "MENENGAH", {"cakupan-peserta", "bantuan-pekerja-rentan"}),
        ("2022", "UMKM", {"cakupan-peserta", "bantuan-pekerja-rentan"}),
    ],
)
def test_aspects_are_those_of_the_articles(season: str, category: str, aspects: set[str]) -> None:
    assert aspects_of(book(season), category) == aspects


def test_categories_of_each_season() -> None:
    five = ["PROVINSI", "KABKOTA", "BESAR", "MENENGAH", "UMKM"]
    assert [category.code for category in book("2020").categories] == five
    assert [category.code for category in book("2021").categories] == five
    assert [category.code for category in book("2022").categories] == five[1:]


def test_in_2020_micro_companies_have_no_interview_and_win_from_the_desk() -> None:
    codes = [stage.code for stage in path_of(book("2020"), "UMKM")]
    assert codes == ["seleksi", "verifikasi"]


@pytest.mark.parametrize("category", ["KABKOTA", "BESAR", "MENENGAH"])
def test_in_2020_the_path_is_selection_verification_interview(category: str) -> None:
    path = [(stage.tier, stage.code) for stage in path_of(book("2020"), category)]
    assert path == [("provincial", "seleksi"), ("national", "verifikasi"), ("national", "wawancara")]


def test_provinces_start_at_the_centre() -> None:
    path = [(stage.tier, stage.code) for stage in path_of(book("2020"), "PROVINSI")]
    assert path == [("national", "verifikasi"), ("national", "wawancara")]
    assert book("2020").stages_for("PROVINSI", "provincial") == ()


def test_the_last_eight_regencies_and_cities_are_interviewed_in_2020() -> None:
    desk = book("2020").stage("national", "KABKOTA", "verifikasi")
    assert book("2020").quota(desk, "00") == 8
    index = book("2020").stages.index(desk)
    mark = provenance(book("2020"))[f"stages[{index}].quota.places"]
    assert isinstance(mark, Source)
    assert mark.outlet == "ANTARA News Gorontalo"


def test_in_2021_ranks_one_to_four_go_to_the_centre() -> None:
    stage = book("2021").first_stage("KABKOTA", "provincial")
    assert book("2021").quota(stage, "13") == 4
    following = book("2021").next_stage(stage)
    assert following is not None
    assert following.tier == "national"


def test_panitia_9_has_the_eight_offices_of_the_article_and_a_ninth_left_open() -> None:
    body = book("2021").body("panitia-9")
    assert [office.code for office in body.voting_offices] == [
        "sekretaris-daerah",
        "kepala-bpjs-ketenagakerjaan",
        "asisten-pemerintahan-kesra",
        "kepala-dinas-tenaga-kerja",
        "kepala-dinas-koperasi-ukm",
        "kepala-bps",
        "ketua-apindo",
        "ketua-spsi",
        "anggota-kesembilan",
    ]
    assert body.seats == 9
    assert body.office("sekretaris-daerah").role == "chair"
    found = provenance(book("2021"))
    index = book("2021").bodies.index(body)
    assert isinstance(found[f"bodies[{index}].offices[0].code"], Source)
    assert found[f"bodies[{index}].offices[8].code"] == ASSUMED
    assert found[f"bodies[{index}].quorum.fraction"] == ASSUMED


@pytest.mark.parametrize("season", ["2020", "2022"])
def test_where_no_article_names_the_offices_they_are_assumed_as_in_2021(season: str) -> None:
    body = book(season).body("panitia-9")
    assert [office.code for office in body.offices] == [
        office.code for office in book("2021").body("panitia-9").offices
    ]
    index = book(season).bodies.index(body)
    found = provenance(book(season))
    assert all(mark == ASSUMED for path, mark in found.items() if path.startswith(f"bodies[{index}]."))


def test_in_2021_the_aspects_of_regencies_are_assumed_and_those_of_provinces_are_not() -> None:
    found = provenance(book("2021"))
    for index, rubric in enumerate(book("2021").rubrics):
        mark = found[f"rubrics[{index}].aspects[0].code"]
        assert (mark == ASSUMED) == (rubric.code == "pemerintah-kabkota")


def test_in_2022_only_the_three_highest_receive_the_award() -> None:
    stage = book("2022").first_stage("KABKOTA", "provincial")
    assert book("2022").quota(stage, "81") == 3
    ranks = [prize.rank for prize in book("2022").prizes if prize.tier == "provincial"]
    assert ranks == [1, 2, 3]
    assert book("2022").prize("provincial", "KABKOTA", 4) is None


@pytest.mark.parametrize("season", SEASONS)
def test_no_article_gives_weights_scales_quorum_ties_or_appeals(season: str) -> None:
    silent = ("weight", "scale", "quorum", "majority", "tie_break", "rounding", "aggregation", "appeals", "conflicts")
    found = provenance(book(season))
    told = [path for path in found if set(re.split(r"[.\[\]]+", path)) & set(silent)]
    assert len(told) > 20
    assert all(found[path] == ASSUMED for path in told)


@pytest.mark.parametrize("season", SEASONS)
def test_no_article_says_how_an_aspect_is_measured_so_all_are_judged(season: str) -> None:
    assert {aspect.origin for rubric in book(season).rubrics for aspect in rubric.aspects} == {"judged"}
    assert book(season).measure("kepatuhan-iuran").due is not None


def test_the_season_of_2020_is_scored_in_february_2021() -> None:
    stage = book("2020").first_stage("KABKOTA", "provincial")
    assert stage.scoring.opens == datetime(2021, 2, 1)  # noqa: DTZ001  local time, the province's zone is applied later
    assert stage.scoring.closes == datetime(2021, 2, 28, 23, 59, 59)  # noqa: DTZ001


# --- what every rulebook promises ------------------------------------------------------------------------------------


@pytest.mark.parametrize("season", SEASONS)
def test_every_value_has_provenance(season: str) -> None:
    found = provenance(book(season))
    assert set(found) == {path for path, _ in marks(book(season))}
    # What no source at hand tells of is assumed, for a whole season if need be.
    assert {type(mark) for mark in found.values()} == ({Source, Assumed} if book(season).sources else {Assumed})
    assert {mark.title for mark in found.values() if isinstance(mark, Source)} <= {
        source.title for source in book(season).sources.values()
    }


def test_a_value_without_a_mark_is_an_error() -> None:
    content = rulebook_content(book("2021"))
    del content["conflicts"]["assumed"]
    with pytest.raises(ValueError, match=r"conflicts\.scope has no provenance"):
        provenance(Rulebook.from_content(content))


@pytest.mark.parametrize("season", SEASONS)
def test_content_round_trips_through_canonical_json(season: str) -> None:
    content = rulebook_content(book(season))
    wire = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    again = Rulebook.from_content(orjson.loads(wire))
    assert again == book(season)
    assert rulebook_content(again) == content
    assert wire == rfc8785.dumps(content)
    assert rulebook_hash(book(season)) == rulebook_hash(again) == hashlib.sha256(wire).hexdigest()


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


@pytest.mark.parametrize("season", SEASONS)
def test_content_holds_no_floats(season: str) -> None:
    assert {type(leaf) for leaf in _leaves(rulebook_content(book(season)))} <= {str, int, bool}


def test_the_hash_changes_with_any_value() -> None:
    content = rulebook_content(book("2021"))
    content["rubrics"][0]["aspects"][0]["weight"] = "35.0"
    assert rulebook_hash(Rulebook.from_content(content)) != rulebook_hash(book("2021"))


@pytest.mark.parametrize("season", SEASONS)
def test_shares_of_every_stage_add_up_to_one_exactly(season: str) -> None:
    for stage in book(season).stages:
        assert sum(aspect.share for aspect in book(season).rubric(stage).aspects) == 1


def test_a_part_of_a_rubric_is_weighted_relative_to_its_own_sum() -> None:
    rubric = book("2020").rubric(book("2020").stage("provincial", "KABKOTA", "seleksi"))
    assert [(aspect.code, aspect.share) for aspect in rubric.aspects] == [
        ("kebijakan", Fraction(25, 80)),
        ("peraturan", Fraction(25, 80)),
        ("kinerja", Fraction(30, 80)),
    ]


def test_the_interview_carries_the_desk_and_judges_only_the_interview() -> None:
    rubric = book("2020").rubric(book("2020").stage("national", "KABKOTA", "wawancara"))
    assert [aspect.code for aspect in rubric.judged] == ["wawancara"]
    desk = rubric.aspect("kinerja")
    assert desk.origin == "carried"
    assert desk.carried is not None
    assert (desk.carried.tier, desk.carried.stage, desk.carried.aspect) == ("national", "verifikasi", "kinerja")
    assert desk.share == Fraction(30, 100)


def test_a_deadline_is_the_last_second_included_in_the_provinces_own_zone() -> None:
    rulebook = book("2020")
    window = rulebook.first_stage("KABKOTA", "provincial").scoring
    assert rulebook.deadline_utc(window, "13") == datetime(2021, 2, 28, 16, 59, 59, 999_999, tzinfo=UTC)
    assert rulebook.deadline_utc(window, "75") == datetime(2021, 2, 28, 15, 59, 59, 999_999, tzinfo=UTC)
    assert rulebook.deadline_utc(window, "81") == datetime(2021, 2, 28, 14, 59, 59, 999_999, tzinfo=UTC)
    assert rulebook.deadline_utc(window, "00") == datetime(2021, 2, 28, 16, 59, 59, 999_999, tzinfo=UTC)
    assert rulebook.opens_utc(window, "81") == datetime(2021, 1, 31, 15, 0, tzinfo=UTC)


def test_a_quota_may_differ_by_province() -> None:
    content = rulebook_content(book("2022"))
    content["stages"][0]["quota"]["provinces"] = [{"province": "34", "places": 1, "assumed": True}]
    rulebook = Rulebook.from_content(content)
    stage = rulebook.stages[0]
    assert (rulebook.quota(stage, "34"), rulebook.quota(stage, "81")) == (1, 3)


def test_what_a_rulebook_does_not_have_is_a_lookup_error() -> None:
    rulebook = book("2020")
    for missing in (
        lambda: rulebook.stage("provincial", "PROVINSI", "seleksi"),
        lambda: rulebook.first_stage("PROVINSI", "provincial"),
        lambda: rulebook.category("BUMN"),
        lambda: rulebook.body("juri-lain"),
        lambda: rulebook.measure("tidak-ada"),
        lambda: rulebook.rubrics[0].aspect("tidak-ada"),
    ):
        with pytest.raises(LookupError):
            missing()


def test_a_rulebook_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        book("2020").version = 2  # type: ignore[misc]


# --- exact rules of parts --------------------------------------------------------------------------------------------


def _body(**changes: Any) -> Body:
    content = rulebook_content(book("2021"))["bodies"][0]
    return Body.model_validate({**content, **changes})


def test_a_quorum_is_stated_on_all_voting_seats() -> None:
    assert _body().quorum.needed(9) == 6
    assert _body(quorum={"fraction": "1/2"}).quorum.needed(9) == 5
    assert _body(quorum={"fraction": "1/1"}).quorum.needed(9) == 9
    assert _body(quorum={"count": 7}).quorum.needed(9) == 7


def test_a_strict_majority_is_more_than_its_share() -> None:
    strict = _body().majority
    assert not strict.carries(3, 6)
    assert strict.carries(4, 6)
    loose = _body(majority={"fraction": "2/3", "strict": False, "base": "seats"}).majority
    assert loose.carries(6, 9)
    assert not loose.carries(5, 9)
    assert not loose.carries(0, 0)


@pytest.mark.parametrize(
    ("mark", "admitted"),
    [("0", True), ("87.5", True), ("100", True), ("87.25", False), ("100.5", False), ("-0.5", False), ("0.1", False)],
)
def test_a_scale_admits_its_steps_only(mark: str, admitted: bool) -> None:
    scale = Scale.model_validate({"least": "0", "greatest": "100", "step": "0.5"})
    assert scale.admits(Decimal(mark)) is admitted
