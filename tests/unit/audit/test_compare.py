"""`paritrana audit compare`: what would have been, by hand; marked everywhere, and written nowhere."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from schemas.rulebook import Rulebook, rulebook_content
from services.audit.compare.answers import compared
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown
from tests.model.rules import rulebook as model_rulebook
from tests.unit.audit import test_measured
from tests.unit.audit.exported import write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.histories import log_of, walk
from tests.unit.audit.played import person, whole

LOGS = {
    "walk": lambda: log_of(walk()),
    "play": lambda: whole(rules()).log,
    "measured": lambda: test_measured.play().log,
}
DESK = "seleksi"
FIRST, SECOND, THIRD, FOURTH = (person(f"nomination {code}") for code in ("75.03", "75.71", "75.01", "75.02"))


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Return the folder of a history, made once."""

    @cache
    def made(name: str) -> Path:
        folder: Path = tmp_path_factory.mktemp("compare") / "export"
        write_export(LOGS[name](), folder)
        return folder

    return made


@pytest.fixture
def written(tmp_path):
    """Return how a rulebook is written into a file; JSON is YAML too."""

    def write(content: dict[str, Any]) -> Path:
        file: Path = tmp_path / "rulebook.yaml"
        file.write_bytes(orjson.dumps(content))
        return file

    return write


def groups(folder: Path, **options: Any) -> dict[str, dict[str, Any]]:
    """Return what was and what would have been, by the stage's code and category."""
    given: dict[str, Any] = {"rulebook": None, "without": [], "late": False, **options}
    said = compared(Folder.open(folder), Shown(), **given)
    assert said["mark"] == "COUNTERFACTUAL"
    assert said["official"] is False
    assert all(one["mark"] == "COUNTERFACTUAL" for one in said["groups"])
    return {f"{one['at']['stage']} {one['at']['category']}": one for one in said["groups"]}


def totals(side: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {row["nomination"]: (row["place"], row["total"]) for row in side["standings"]}


def run(*arguments: object):
    return CliRunner().invoke(app, ["compare", *(str(one) for one in arguments)])


def content_of(book: Rulebook) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(orjson.dumps(rulebook_content(book)))
    return content


def weighing(content: dict[str, Any], **weights: str) -> dict[str, Any]:
    """Return a rulebook's content in which some aspects of governments weigh something else."""
    for rubric in content["rubrics"]:
        if rubric["code"] == "pemerintah-daerah":
            for aspect in rubric["aspects"]:
                aspect["weight"] = weights.get(aspect["code"], aspect["weight"])
    return content


# --- another rulebook ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "book"), [("play", rules), ("walk", model_rulebook)])
def test_under_the_rules_that_were_nothing_differs(folder_of, written, name, book):
    found = groups(folder_of(name), rulebook=written(content_of(book())))
    assert len(found) == {"play": 3, "walk": 4}[name]
    for one in found.values():
        assert one["differences"] == []
        assert one["would"]["standings"] == one["was"]["standings"]
        assert one["would"]["advancing"] == one["was"]["advancing"]


def test_other_weights_by_hand(folder_of, written):
    """Policy 15, regulation 35 and performance 30 of 80: who was second for policy is first for regulation.

    90 x 3/16 + 80 x 7/16 + 85.5 x 3/8 = 1343/16; with policy and regulation exchanged 1383/16.
    """
    file = written(weighing(content_of(rules()), kebijakan="15", peraturan="35"))
    desk = groups(folder_of("play"), rulebook=file)[f"{DESK} KABKOTA"]
    assert totals(desk["was"])[FIRST] == (1, "1363/16")
    assert totals(desk["was"])[SECOND] == (2, "1363/16")
    assert totals(desk["would"])[FIRST] == (2, "1343/16")
    assert totals(desk["would"])[SECOND] == (1, "1383/16")
    assert {one["nomination"] for one in desk["differences"]} == {FIRST, SECOND}


def test_figures_are_carried_from_what_would_have_been(folder_of, written):
    """The median of 88 four times is 88: verification's marks are all alike, so only the interview's mean can move."""
    content = content_of(rules())
    for rubric in content["rubrics"]:
        if rubric["code"] == "pemerintah-daerah":
            rubric["aggregation"] = {"method": "median", "assumed": True}
    interview = groups(folder_of("play"), rulebook=written(content))["wawancara KABKOTA"]
    assert interview["would"]["standings"] == interview["was"]["standings"]


def test_a_smaller_quota_keeps_the_second_out_of_all_that_follows(folder_of, written):
    content = content_of(rules())
    for stage in content["stages"]:
        if (stage["category"], stage["code"]) == ("KABKOTA", DESK):
            stage["quota"] = {**stage["quota"], "places": 1, "provinces": []}
    found = groups(folder_of("play"), rulebook=written(content))
    desk = found[f"{DESK} KABKOTA"]
    assert (desk["was"]["quota"], desk["would"]["quota"]) == (2, 1)
    assert (desk["was"]["advancing"], desk["would"]["advancing"]) == ([FIRST, SECOND], [FIRST])
    (moved,) = desk["differences"]
    assert (moved["nomination"], moved["seat_was"], moved["seat_would"]) == (SECOND, "advances", "does not advance")
    for name in ("verifikasi KABKOTA", "wawancara KABKOTA"):
        assert found[name]["would"]["stayed_out"] == [SECOND]
        assert totals(found[name]["would"]).keys() == {FIRST}


def test_a_larger_quota_brings_one_to_a_stage_where_nobody_marked_it(folder_of, written):
    content = content_of(rules())
    for stage in content["stages"]:
        if (stage["category"], stage["code"]) == ("KABKOTA", DESK):
            stage["quota"] = {**stage["quota"], "places": 3, "provinces": []}
    found = groups(folder_of("play"), rulebook=written(content))
    assert found[f"{DESK} KABKOTA"]["would"]["advancing"] == [FIRST, SECOND, THIRD]
    verification = found["verifikasi KABKOTA"]["would"]
    assert verification["entered"] == [THIRD]
    assert [(one["nomination"], one["reason"]) for one in verification["unrankable"]] == [(THIRD, "too-few-sheets")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content.pop("rubrics"), "rubrics"),
        (lambda content: content["stages"][0].update(quota={"places": -1}), "stages[0].quota"),
        (lambda content: content.update(surprise=1), "surprise"),
        (lambda content: content.update(season="2033"), "season: it is of 2033, and the folder holds 2020"),
    ],
)
def test_a_bad_rulebook_is_told_by_file_line_field_and_remedy(folder_of, written, change, told):
    content = content_of(rules())
    change(content)
    file = written(content)
    ended = run(folder_of("play"), "--rulebook", file)
    assert isinstance(ended.exception, WrongUse)
    assert str(file) in str(ended.exception) + ended.output
    assert told in str(ended.exception) + ended.output


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a: [", b"*x", b"[" * 500, b"\x00"])
def test_a_file_that_is_no_rulebook_is_wrong_use(folder_of, tmp_path, raw):
    file = tmp_path / "rules.yaml"
    file.write_bytes(raw)
    ended = run(folder_of("play"), "--rulebook", file)
    assert isinstance(ended.exception, WrongUse)
    assert f"{file}:1 " in str(ended.exception)


def test_a_file_that_is_not_there_is_wrong_use(folder_of, tmp_path):
    ended = run(folder_of("play"), "--rulebook", tmp_path / "none.yaml")
    assert isinstance(ended.exception, WrongUse)
    assert "cannot be read" in str(ended.exception)


# --- without a scorer, with late facts -----------------------------------------------------------------------------


def test_without_one_of_three_who_scored_the_stage_has_too_few(folder_of):
    member = person("kepala-bps 1")
    desk = groups(folder_of("play"), without=[member])[f"{DESK} KABKOTA"]
    assert desk["would"]["standings"] == []
    assert {one["reason"] for one in desk["would"]["unrankable"]} == {"too-few-sheets"}
    assert desk["would"]["advancing"] == []


def test_without_one_juror_by_hand(folder_of):
    """Jurors gave 90.5, 91.5, 92.5 and 93.5; without the last it is 91.5. 22 + 81/4 + 2331/100 + 91.5 / 5 = 4193/50."""
    interview = groups(folder_of("play"), without=[person("juri 3")])["wawancara KABKOTA"]
    assert totals(interview["was"])[FIRST] == (1, "2099/25")
    assert totals(interview["would"])[FIRST] == (1, "4193/50")
    assert {one["seat_would"] for one in interview["differences"]} == {"wins"}


def test_a_member_whose_sheets_nowhere_count_is_wrong_use(folder_of):
    ended = run(folder_of("play"), "--without", person("nobody"))
    assert isinstance(ended.exception, WrongUse)
    assert "no sealed ranking counts a sheet of this member" in str(ended.exception)


def test_late_facts_by_hand(folder_of):
    """By later facts the third has 1 and the fourth 5/6: 100 and 260/3 on the scale; 3/8 of it and 50 for the rest."""
    desk = groups(folder_of("measured"), late=True)[f"{DESK} KABKOTA"]
    assert totals(desk["would"])[THIRD] == (1, "175/2")
    assert totals(desk["would"])[FOURTH] == (3, "165/2")
    assert desk["was"]["advancing"] == [FIRST, SECOND]
    assert desk["would"]["advancing"] == [THIRD, FIRST]
    without = groups(folder_of("play"), late=True)
    assert all(one["differences"] == [] for one in without.values())


# --- never official ------------------------------------------------------------------------------------------------


def _contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_line_is_marked_and_nothing_is_written(folder_of, written, tmp_path, monkeypatch):
    folder = folder_of("play")
    file, empty = written(weighing(content_of(rules()), kebijakan="15", peraturan="35")), tmp_path / "here"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = _contents(folder)
    said = run(folder, "--rulebook", file, "--without", person("juri 3"), "--late")
    assert said.exit_code == 0
    assert said.output
    assert all(line.startswith("COUNTERFACTUAL") for line in said.output.splitlines())
    told = orjson.loads(run(folder, "--late", "--json").output)
    assert (told["mark"], told["official"]) == ("COUNTERFACTUAL", False)
    assert _contents(folder) == before
    assert list(empty.iterdir()) == []


def test_something_must_be_supposed(folder_of):
    ended = run(folder_of("play"))
    assert isinstance(ended.exception, WrongUse)
    assert "--rulebook FILE, --without MEMBER or --late" in str(ended.exception)


def test_verdicts_are_named_and_not_heard_again(folder_of):
    desk = groups(folder_of("walk"), late=True)[f"{DESK} KABKOTA"]
    assert len(desk["was"]["verdicts_after"]) == 1
    assert desk["differences"] == []


def test_filters_show_some_groups_and_compute_the_same(folder_of):
    everything = compared(Folder.open(folder_of("walk")), Shown(), rulebook=None, without=[], late=True)
    some = compared(Folder.open(folder_of("walk")), Shown(province="00"), rulebook=None, without=[], late=True)
    assert some["groups"] == [one for one in everything["groups"] if one["at"]["province"] == "00"]
    assert some["groups"]


def test_a_damaged_folder_is_told_to_be_verified_first(tmp_path):
    write_export(whole(rules()).log, tmp_path / "export")
    path = tmp_path / "export/events/paritrana.scoring.v1/ranking.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"basis":{', b'"bases":{'))
    ended = run(tmp_path / "export", "--late")
    assert isinstance(ended.exception, Finding)
    assert "run paritrana audit verify" in str(ended.exception)
