"""What a dry run shows: paths, windows in local time and UTC, and what an amendment changes, path by path."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import orjson
import pytest

from cli.checks import REPOSITORY
from cli.season.preview import difference_lines, differences, preview, preview_lines
from schemas.rulebook import Rulebook, rulebook_content
from schemas.rulebook_file import read_rulebook

FILES = sorted((REPOSITORY / "rulebooks").glob("*.yaml"))


def rulebook(season: int = 2020) -> Rulebook:
    read = read_rulebook((REPOSITORY / "rulebooks" / f"{season}.yaml").read_bytes()).rulebook
    assert read is not None
    return read


def test_a_path_is_told_stage_by_stage_with_who_decides_and_how_many_go_on():
    path = next(path for path in preview(rulebook())["paths"] if path["category"] == "KABKOTA")
    assert [(stage["tier"], stage["stage"], stage["body"], stage["quota"]) for stage in path["stages"]] == [
        ("provincial", "seleksi", "panitia-9", 2),
        ("national", "verifikasi", "tim-verifikasi", 8),
        ("national", "wawancara", "dewan-juri", 3),
    ]
    first = path["stages"][0]
    assert (first["seats"], first["quorum"], first["majority"]) == (9, 6, "more than 1/2 of present")


def test_a_provincial_window_is_told_for_each_zone_and_a_national_one_for_the_nations():
    path = next(path for path in preview(rulebook())["paths"] if path["category"] == "KABKOTA")
    assert path["stages"][0]["scoring"] == {
        "opens": "2021-02-01 00:00:00",
        "closes": "2021-02-28 23:59:59",
        "utc": {
            "WIB": {"opens": "2021-01-31T17:00:00Z", "closes": "2021-02-28T16:59:59Z"},
            "WITA": {"opens": "2021-01-31T16:00:00Z", "closes": "2021-02-28T15:59:59Z"},
            "WIT": {"opens": "2021-01-31T15:00:00Z", "closes": "2021-02-28T14:59:59Z"},
        },
    }
    assert list(path["stages"][1]["scoring"]["utc"]) == ["WIB"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_rulebook_can_be_shown(file: Path):
    found = read_rulebook(file.read_bytes()).rulebook
    assert found is not None
    shown = preview(found)
    assert orjson.loads(orjson.dumps(shown)) == shown
    lines = "\n".join(preview_lines(shown))
    assert all(category.code in lines for category in found.categories)
    assert all(body.code in lines for body in found.bodies)
    assert "None" not in lines


def test_weights_steps_prizes_certificates_notices_and_notice_days_are_told():
    shown = preview(rulebook(2025))
    lines = list(preview_lines(shown))
    text = "\n".join(lines)
    assert shown["prizes"][0]["rank"] == 1
    assert "  prize, provincial, rank 1 of KABKOTA: An award and a television of 50 inches" in text
    assert "  certificate piagam-pemenang-provinsi, provincial, to winners: Certificate of a provincial winner" in lines
    assert "  of RankingAnnounced are told: nominating-body, contact" in lines
    assert lines[-1] == "  of every other event who is told by default"
    path = next(path for path in preview(rulebook())["paths"] if path["category"] == "KABKOTA")
    weights = path["stages"][0]["weights"]
    assert sum(Fraction(one["share"]) for one in weights) == 1
    assert "verified; a returned nomination is to be mended within 7 days" in "\n".join(
        preview_lines(preview(rulebook()))
    )
    body = rulebook().bodies[0]
    early = rulebook().model_copy(
        update={"bodies": (body.model_copy(update={"notice_days": 5}), *rulebook().bodies[1:])}
    )
    assert any(line.endswith("meetings called 5 days ahead") for line in preview_lines(preview(early)))
    assert any(line.endswith("meetings called at any time") for line in preview_lines(preview(rulebook())))


def test_a_rulebook_does_not_differ_from_itself():
    content = rulebook_content(rulebook())
    assert differences(content, content) == []


def test_a_change_is_told_by_its_path_with_the_old_and_the_new_value():
    before, after = rulebook_content(rulebook()), rulebook_content(rulebook())
    after["stages"][0]["quota"]["places"] = 9
    after["version"] = 2
    found = differences(before, after)
    assert [each["path"] for each in found] == ["version", "stages[national/PROVINSI/verifikasi].quota.places"]
    assert list(difference_lines(found))[1] == "  stages[national/PROVINSI/verifikasi].quota.places: 7 -> 9"


def test_what_is_put_before_others_does_not_make_them_look_changed():
    before, after = rulebook_content(rulebook()), rulebook_content(rulebook())
    new = {**after["categories"][0], "code": "DESA", "admits": ["regency", "city"]}
    after["categories"].insert(0, new)
    found = differences(before, after)
    assert {each["path"].split("]")[0] for each in found} == {"categories[DESA"}
    assert all(each["old"] is None for each in found)
    assert "  categories[DESA].admits: (nothing) -> regency, city" in list(difference_lines(found))


def test_what_is_taken_away_is_told_too():
    before, after = rulebook_content(rulebook()), rulebook_content(rulebook())
    gone = after["categories"].pop()
    found = differences(before, after)
    assert {each["path"].split("]")[0] for each in found} == {f"categories[{gone['code']}"}
    assert all(each["new"] is None for each in found)
