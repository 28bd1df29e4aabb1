"""`paritrana audit explain`: every figure follows from the marks, and every citation leads to its line."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from services.audit.explain.gathered import gather
from services.audit.explain.why import explained
from services.audit.replay.reading import Folder
from tests.unit.audit import test_measured, test_procedure
from tests.unit.audit.exported import write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.histories import folders_of, log_of, walk
from tests.unit.audit.played import person, whole

LOGS = {
    "walk": lambda: log_of(walk()),
    "play": lambda: whole(rules()).log,
    "procedure": lambda: test_procedure.play().log,
    "measured": lambda: test_measured.play().log,
    "sealed anew": lambda: test_measured.again().log,
}
THIRD = person("nomination 75.01")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Return the folder of a history, made once."""
    return folders_of(LOGS, tmp_path_factory)


def why(folder: Path, nomination: str, stage: str | None = None) -> dict[str, Any]:
    return explained(gather(Folder.open(folder), nomination), stage)


def run(*arguments: object):
    return CliRunner().invoke(app, ["explain", *(str(one) for one in arguments)])


def nominees(folder: Path) -> list[str]:
    lines = (folder / "events/paritrana.nomination.v1/nomination.jsonl").read_bytes().splitlines()
    return sorted({orjson.loads(line)["data"]["nomination"] for line in lines})


def citations(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "found" in value:
            yield value
        for one in value.values():
            yield from citations(one)
    elif isinstance(value, list):
        for one in value:
            yield from citations(one)


def aspects(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (stage,) = said["stages"]
    return {one["aspect"]: one for one in stage["seals"][-1]["aspects"]}


@pytest.mark.parametrize("name", LOGS)
def test_every_total_follows_from_its_marks_and_is_what_was_sealed(folder_of, name):
    folder = folder_of(name)
    seals = 0
    for nomination in nominees(folder):
        for stage in why(folder, nomination)["stages"]:
            for seal in stage["seals"]:
                seals += 1
                assert seal["arithmetic"]["agrees"]
                sealed = {one["aspect"]: one["value"] for one in seal["result"]["aspects"]}
                own = {one["aspect"]: one["figure"] for one in seal["aspects"] if one["figure"] is not None}
                assert own == sealed
                if seal["arithmetic"]["total"] is not None:
                    terms = (Fraction(share) * Fraction(figure) for share, figure in seal["arithmetic"]["terms"])
                    assert sum(terms) == Fraction(seal["result"]["total"])
    assert seals


@pytest.mark.parametrize("name", LOGS)
def test_every_citation_leads_to_the_line_that_holds_the_event(folder_of, name):
    folder = folder_of(name)
    for nomination in nominees(folder):
        cited = list(citations(why(folder, nomination)))
        assert cited
        for one in cited:
            path, _, line = one["found"].rpartition(":")
            document = orjson.loads((folder / path).read_bytes().splitlines()[int(line) - 1])
            assert document["id"] == one["id"]
            assert f"{document['subject']}@{document['streamversion']}" == one["event"]
            assert document["time"] == one["time"]
            assert path.split("/")[1] == one["topic"]


def test_the_third_of_the_play_by_hand(folder_of):
    """(70 + 71 + 73) / 3 = 214/3 twice, (72.25 + 71 + 73) / 3 = 865/12; weights 25, 25 and 30 of 80."""
    said = why(folder_of("play"), THIRD)
    policy, performance = aspects(said)["kebijakan"], aspects(said)["kinerja"]
    assert (policy["figure"], policy["share"], policy["points"]) == ("214/3", "5/16", "535/24")
    assert (performance["figure"], performance["share"], performance["points"]) == ("865/12", "3/8", "865/32")
    (revised,) = [one for one in performance["marks"] if "revised_from" in one]
    assert (revised["mark"], revised["revised_from"]) == ("72.25", "70")
    assert revised["given"]["type"] == "AspectScoreRevised"
    assert [one["type"] for one in revised["earlier"]] == ["AspectScored"]
    (seal,) = said["stages"][0]["seals"]
    assert seal["arithmetic"]["total"] == "6875/96"
    assert seal["arithmetic"]["shown"] == "71.61"
    reasons = {one["reason"]: [event["type"] for event in one["because"]] for one in seal["sheets"]["excluded"]}
    assert reasons == {"recused": ["ConflictDeclared"], "voided": ["ScoreSheetVoided"], "not-submitted": []}
    (decision,) = seal["decisions"]
    assert decision["proposed"] == "eliminated"
    assert [one["vote"] for one in decision["votes"]].count("for") == decision["tally"]["votes_for"] == 5
    assert [(one["type"], one["rank"]) for one in decision["results"]] == [("NominationEliminated", 3)]


def test_a_tie_that_an_aspect_parts_says_which_and_by_what(folder_of):
    said = why(folder_of("play"), person("nomination 75.03"), "seleksi")
    ties = said["stages"][0]["seals"][0]["ties"]
    parted = {one["candidate"]: one["parted_by"] for one in ties["equals"]}
    assert parted == {
        "75.03": {"rule": "aspect", "aspect": "kebijakan", "figure": "90/1"},
        "75.71": {"rule": "aspect", "aspect": "kebijakan", "figure": "80/1"},
    }


def test_a_lot_is_told_with_its_seed_and_order(folder_of):
    said = why(folder_of("walk"), "75.71", "seleksi")
    (seal,) = said["stages"][0]["seals"]
    (lot,) = seal["ties"]["by_people"]
    assert lot["method"] == "lot"
    assert lot["order"][0] == said["nomination"]
    assert lot["seed"] == "5e" * 32
    assert {one["place"] for one in seal["ties"]["equals"]} == {1, 2, 3}


def test_a_measured_figure_is_traced_to_its_batch(folder_of):
    """9 of 12 is 3/4; on the scale from 20 to 100 that is 80."""
    measured = aspects(why(folder_of("measured"), "75.71", "seleksi"))["kinerja"]
    assert measured["figure"] == "80/1"
    assert measured["measured"]["event"].endswith("@2"), "the later ones came after the seal"
    (batch,) = measured["measured"]["batches"]
    facts = batch["facts"]
    assert (facts["topic"], facts["partition"], facts["first"], facts["last"]) == ("bpjs.contributions.v1", 0, 10, 19)
    assert aspects(why(folder_of("measured"), "75.02", "seleksi"))["kinerja"]["measured"]["lack"] == "no-facts"


def test_a_verdict_is_told_with_what_it_changed(folder_of):
    said = why(folder_of("walk"), "75.03", "seleksi")
    (appeal,) = said["stages"][0]["appeals"]
    assert appeal["own"]
    assert appeal["outcome"] == "upheld"
    assert appeal["counts"]
    assert (appeal["shift"]["rank_before"], appeal["shift"]["rank_after"]) == (4, 1)
    others = why(folder_of("walk"), "75.71", "seleksi")["stages"][0]["appeals"]
    assert [(one["own"], one["shift"]["rank_after"]) for one in others] == [(False, 2)]


@pytest.mark.parametrize("name", ["walk", "procedure"])
def test_a_total_after_a_verdict_follows_from_its_figures_and_is_what_the_verdict_says(folder_of, name):
    folder, told = folder_of(name), 0
    for nomination in nominees(folder):
        for stage in why(folder, nomination)["stages"]:
            for appeal in stage["appeals"]:
                if appeal["arithmetic"] is None:
                    continue
                told += 1
                assert appeal["arithmetic"]["agrees"]
                terms = (Fraction(share) * Fraction(figure) for share, figure in appeal["arithmetic"]["terms"])
                assert sum(terms) == Fraction(appeal["arithmetic"]["total"])
                if appeal["shift"] is not None:
                    assert appeal["arithmetic"]["total"] == appeal["shift"]["total_after"]
    assert told


def test_a_verdict_is_told_with_who_voted_and_what_came_of_it(folder_of):
    said = why(folder_of("walk"), "75.03", "seleksi")
    (appeal,) = said["stages"][0]["appeals"]
    heard = appeal["heard"]
    assert heard["outcome"] == "carried"
    assert heard["decision"]["type"] == "PlenaryDecided"
    assert [one["vote"] for one in heard["votes"]].count("for") == heard["tally"]["votes_for"] > 0
    assert "AppealDecided" in [one["type"] for one in heard["results"]]
    lines = run(folder_of("walk"), "75.03", "--stage", "seleksi").output
    assert "    TOTAL after it " in lines
    assert "WITHHELD: the names of persons" in lines
    assert f"the words of the reason in {appeal['lodged']['event']}, known by the digest " in lines


def test_a_carried_figure_names_the_seal_and_the_verdict_that_it_is_of(folder_of):
    carried = aspects(why(folder_of("walk"), "75.03", "verifikasi"))["kebijakan"]
    assert carried["figure"] == "100/1"
    assert {one["type"] for one in carried["carried"]["from"]} == {"RankingSealed", "AppealDecided"}


def test_a_seal_that_was_made_anew_stands_beside_the_one_that_counts(folder_of):
    (stage,) = why(folder_of("sealed anew"), "75.03")["stages"]
    assert [one["superseded"] is not None for one in stage["seals"]] == [True, False]


def test_the_lines_say_each_step(folder_of):
    said = run(folder_of("play"), "75.01").output
    for line in (
        "    rank 3 of 3: 71.61 = 6875/96",
        "      weight 25 of 80 = 5/16",
        "      mean of 70, 71, 73 = 214/3",
        "      points: 5/16 x 214/3 = 535/24",
        "    TOTAL 5/16 x 214/3 + 5/16 x 214/3 + 3/8 x 865/12 = 6875/96",
        "      rounded half-up to 2 places: 71.61",
        "        before it was 70 [sheet/",
        "      5 for, 1 against, 1 abstained; 7 present of 9 seats, 6 required",
        "its member is recused on this nominee",
    ):
        assert line in said


def test_an_unranked_nominee_is_told_why(folder_of):
    assert "unrankable: fewer sheets count than the rubric asks for" in run(folder_of("play"), "75.02").output
    assert "so that there is no rank" in run(folder_of("measured"), "75.03", "--stage", "verifikasi").output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["75.99"], "no nomination '75.99' is in the folder"),
        (["75.01", "--stage", "wawancara"], "never stood at a stage 'wawancara'"),
        (["75.01", "--stage", "SELEKSI"], "is no stage"),
    ],
)
def test_what_is_not_there_is_wrong_use(folder_of, arguments, told):
    ended = run(folder_of("play"), *arguments)
    assert isinstance(ended.exception, WrongUse)
    assert told in str(ended.exception)


def test_a_total_that_was_forged_is_told(tmp_path):
    write_export(whole(rules()).log, tmp_path / "export")
    path = tmp_path / "export/events/paritrana.scoring.v1/ranking.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"total":"6875/96"', b'"total":"6879/96"'))
    assert "THIS IS NOT WHAT WAS SEALED: run paritrana audit verify" in run(tmp_path / "export", "75.01").output


def test_a_damaged_folder_is_told_to_be_verified_first(tmp_path):
    write_export(whole(rules()).log, tmp_path / "export")
    path = tmp_path / "export/events/paritrana.scores.v1/sheet.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    ended = run(tmp_path / "export", "75.01")
    assert isinstance(ended.exception, Finding)
    assert "run paritrana audit verify" in str(ended.exception)
