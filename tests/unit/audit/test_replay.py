"""`paritrana audit replay`: what was recorded by a moment, what is known now of it, what came between two.

The strongest test needs no figure: a moment before a seal, the audit's own provisional standings are what was sealed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from kernel.canonical import from_instant, instant
from schemas.nomination import ConflictDeclared, ConflictLifted, NominationAmended
from services.audit.checks.seals import _compared
from services.audit.replay.answers import compared, decided, replayed
from services.audit.replay.moments import Moment, moment_of
from services.audit.replay.past import FOREVER
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown
from services.audit.rules import Rules
from tests.support.big_export import make
from tests.unit.audit import test_measured, test_procedure
from tests.unit.audit.exported import Log, write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.histories import log_of, story_log, walk
from tests.unit.audit.played import SALTED, Play, person, whole


def without_sheets(log: Log) -> Log:
    """Return the story without its sheets, whose streams are named as before there were two tiers."""
    for stream in [one for one in log.documents if one.startswith("sheet/")]:
        del log.documents[stream]
    return log


ALL = Shown()
LOGS = {
    "walk": lambda: log_of(walk()),
    "play": lambda: whole(rules()).log,
    "procedure": lambda: test_procedure.play().log,
    "measured": lambda: test_measured.play().log,
    "sealed anew": lambda: test_measured.again().log,
    "story": lambda: without_sheets(story_log()),
}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Return the folder of a history, made once."""

    @cache
    def made(name: str) -> Path:
        folder: Path = tmp_path_factory.mktemp("replay") / "export"
        write_export(LOGS[name](), folder)
        return folder

    return made


def at(folder: Path, moment: str, shown: Shown = ALL, **options: Any) -> dict[str, Any]:
    return replayed(Folder.open(folder), Moment(moment, moment, ""), shown, **options)


def run(*arguments: object):
    return CliRunner().invoke(app, ["replay", *(str(one) for one in arguments)])


def a_moment_before(time: str) -> str:
    return instant(from_instant(time) - timedelta(microseconds=1))


def events_of(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = (line for path in folder.glob("events/*/*.jsonl") for line in path.read_bytes().splitlines())
    documents = (orjson.loads(line) for line in lines)
    return [one for one in documents if one["type"].split(".")[-2] == name]


def rankings(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["ranking"]: one for season in said["seasons"] for one in season.get("rankings", ())}


def nominations(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["nomination"]: one for season in said["seasons"] for one in season.get("nominations", ())}


def rows(ranking: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    return [(row["nomination"], row["place"], row["total"], row["shown"]) for row in ranking["standings"]]


# --- as recorded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["walk", "play", "procedure", "measured", "sealed anew"])
def test_a_moment_before_a_seal_the_provisional_standings_are_those_that_are_sealed(folder_of, name):
    folder = folder_of(name)
    seals = events_of(folder, "RankingSealed")
    assert seals
    for seal in seals:
        said = rankings(at(folder, a_moment_before(seal["time"]), Shown(season="2020")))[seal["subject"]]
        if not said["provisional"]:
            continue  # of a seal made anew in one append with the end of the one before, nothing lies between
        plain = [{key: value for key, value in row.items() if key != "place"} for row in said["standings"]]
        plain.sort(key=lambda row: [one["nomination"] for one in seal["data"]["standings"]].index(row["nomination"]))
        assert list(_compared(seal["data"], plain, said["unrankable"])) == []


def test_a_moment_includes_itself(folder_of):
    folder = folder_of("play")
    (seal, *_) = sorted(events_of(folder, "RankingSealed"), key=lambda one: one["time"])
    assert rankings(at(folder, seal["time"]))[seal["subject"]]["status"] == "sealed"
    assert rankings(at(folder, a_moment_before(seal["time"])))[seal["subject"]]["status"] == "closed"


def test_the_standings_of_the_play_by_hand(folder_of):
    """Three sheets each for the third: policy and regulation 214/3, performance 865/12, weights 5, 5 and 6 of 16."""
    said = rankings(at(folder_of("play"), "2021-02-28T17:00:00.000000Z"))["ranking/2020/provincial/75/KABKOTA/seleksi"]
    assert said["provisional"]
    third = person("nomination 75.01")
    assert [row[2:] for row in rows(said) if row[0] == third] == [("6875/96", "71.61")]
    assert said["counted_sheets"] == 3 + 3 + 3 + 1 + 2
    assert said["excluded_sheets"] == {"recused": 1, "removed": 3, "voided": 1}
    assert {row["nomination"]: row["reason"] for row in said["unrankable"]} == {
        person("nomination 75.02"): "too-few-sheets",
        person("nomination 75.05"): "too-few-sheets",
    }


def test_the_walk_ends_where_the_models_checker_says(folder_of):
    from tests.model.test_walk import walked  # noqa: PLC0415 - the model's world, of which only the end is asked

    checker = walked().checker
    said = nominations(at(folder_of("walk"), FOREVER))
    assert said.keys() == checker.nominees.keys()
    for nomination, nominee in checker.nominees.items():
        assert said[nomination]["stage"] == nominee.at.model_dump(mode="json")
        assert said[nomination]["status"] == (nominee.ending or "competing")


def test_an_appeal_is_pending_and_holds_later_stages_until_its_verdict(folder_of):
    folder = folder_of("walk")
    lodged, _ = sorted(events_of(folder, "AppealLodged"), key=lambda one: one["time"])
    (season,) = at(folder, lodged["time"])["seasons"]
    (pending,) = season["appeals_pending"]
    assert pending["appeal"] == lodged["data"]["appeal"]
    assert [one["appeal"] for one in season["freezes"]] == [pending["appeal"]]
    assert {stage["stage"] for stage in season["freezes"][0]["stages"]} == {"verifikasi", "wawancara"}
    (decided_,) = [one for one in events_of(folder, "AppealDecided") if one["data"]["appeal"] == pending["appeal"]]
    (season,) = at(folder, decided_["time"])["seasons"]
    assert (season["appeals_pending"], season["freezes"]) == ([], [])


def test_the_committee_is_as_it_sat(folder_of):
    folder = folder_of("play")
    (removed,) = events_of(folder, "MemberRemoved")
    seats = []
    for moment in (a_moment_before(removed["time"]), removed["time"]):
        (season,) = at(folder, moment)["seasons"]
        (committee,) = [one for one in season["committees"] if one["body"] == "panitia-9"]
        assert committee["in_office"]
        seats.append({seat["office"]: seat["person"] for seat in committee["seats"]})
    assert seats[0].keys() - seats[1].keys() == {"ketua-apindo"}
    assert seats[0]["ketua-apindo"] == removed["data"]["person"]


def test_what_is_counted_is_said_with_the_last_event(folder_of):
    folder = folder_of("play")
    said = at(folder, "2021-02-28T17:00:00.000000Z")["counted"]
    last = said["last"]
    path, _, line = last["at"].rpartition(":")
    document = orjson.loads((folder / path).read_bytes().splitlines()[int(line) - 1])
    assert (document["id"], f"{document['subject']}@{document['streamversion']}") == (last["id"], last["event"])
    kinds = ("season", "committee", "appeal", "plenary", "nomination", "award", "ranking", "indicator", "sheet")
    lines = (line for kind in kinds for path in folder.glob(f"events/*/{kind}.jsonl") for line in path.open("rb"))
    times = [orjson.loads(line)["time"] for line in lines]
    assert said["events"] == sum(1 for time in times if time <= "2021-02-28T17:00:00.000000Z")
    assert last["time"] == max(time for time in times if time <= "2021-02-28T17:00:00.000000Z")


def test_the_contracts_story_is_replayed(folder_of):
    folder = folder_of("story")
    (seal, *_) = events_of(folder, "RankingSealed")
    said = rankings(at(folder, seal["time"], Shown(season="2020")))[seal["subject"]]
    assert [row["total"] for row in said["standings"]] == [row["total"] for row in seal["data"]["standings"]]
    seasons = {one["season"]: one for one in at(folder, FOREVER)["seasons"]}
    assert seasons["2020"]["status"] == "closed"
    assert "nominations" not in seasons["2020"]


def test_what_the_audit_places_elsewhere_is_not_passed_over(tmp_path):
    write_export(story_log(), tmp_path / "export")
    ended = run(tmp_path / "export", "--as-of", "2022-01-01", "--season", "2020")
    assert isinstance(ended.exception, Finding)
    assert "sheet.jsonl:1 sheet/" in str(ended.exception)
    assert "run paritrana audit verify" in str(ended.exception)


def test_filters_show_less_and_compute_the_same(folder_of):
    folder = folder_of("walk")
    everything = at(folder, FOREVER)
    said = at(folder, FOREVER, Shown(category="UMKM"))
    assert list(rankings(said)) == ["ranking/2020/provincial/75/UMKM/seleksi"]
    assert all(one["entry"]["category"] == "UMKM" for one in nominations(said).values())
    assert said["counted"] == everything["counted"]
    national = rankings(at(folder, FOREVER, Shown(province="00")))
    assert national == {name: one for name, one in rankings(everything).items() if "/national/" in name}
    assert at(folder, FOREVER, Shown(season="2019"))["seasons"] == []


# --- moments -------------------------------------------------------------------------------------------------------


def test_a_day_is_the_seasons_own_and_ends_with_its_last_instant(folder_of):
    moment = moment_of("--as-of", "2021-03-01", Folder.open(folder_of("walk")), None)
    assert moment.instant == "2021-03-01T16:59:59.999999Z"
    assert "Asia/Jakarta, the zone of season 2020" in moment.taken
    assert moment_of("--as-of", "2021-03-01T08:00:00+08:00", Folder.open(folder_of("walk")), None).instant == (
        "2021-03-01T00:00:00.000000Z"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--as-of", "2021-03-01T08:00:00"], "lacks its zone: write 2021-03-01T08:00:00+07:00"),
        (["--as-of", "yesterday"], "is no moment: write an instant"),
        (["--as-of", "2021-02-30"], "is no moment: write an instant"),
        (["--as-of", "2021-03-01", "--season", "2033"], "holds no season 2033"),
        (["--as-of", "0001-01-01T00:00:00+14:00"], "is no moment"),
        (["--as-of", "9999-12-31T23:59:59Z"], "is no moment"),
        (["--as-of", "9999-12-31"], "is no moment"),
        ([], "say which moment"),
        (["--as-of", "2021-03-02", "--until", "2021-03-01"], "lies before --as-of"),
        (["--decisions", "--effective"], "leave out"),
        (["--as-of", "2021-03-01", "--province", "Maluku"], "no code of the official table"),
    ],
)
def test_wrong_use_is_told_with_what_to_write(folder_of, arguments, told):
    ended = run(folder_of("walk"), *arguments)
    assert isinstance(ended.exception, WrongUse)
    assert told in str(ended.exception)


# --- as known now --------------------------------------------------------------------------------------------------


@cache
def corrected() -> tuple[Log, str]:
    """Return a stage that is being scored, and a moment after which a mark is revised, a sheet voided, and more.

    Three members give the first 60, the second 70, the third 80. Later the first member's 60 becomes 90, the third
    nominee's sheet of the third member is voided, the second member says that it may not judge the second nominee.
    """
    season = Play(rules())
    season.open_season()
    season.form("panitia-9", "75")
    desk = season.stage(0)
    codes = ("75.01", "75.02", "75.03")
    names = [season.nominate(code, f"Kabupaten {code}", desk) for code in codes]
    season.open_stage(desk)
    members = season.members("panitia-9", "75")[:4]
    for nomination, value in zip(names, ("60", "70", "80"), strict=True):
        for member in members:
            season.score(desk, nomination, member, dict.fromkeys(("kebijakan", "peraturan", "kinerja"), value))
    moment = instant(season.log.now)
    season.revise(desk, names[0], members[0], "kinerja", "60", "90")
    season.void(desk, names[2], members[2])
    interest = {"season": "2020", "province": "75", "body": "panitia-9", "reason_digest": SALTED}
    of = {"category": "KABKOTA", **interest}
    season.say(
        "committee/2020/75",
        ConflictDeclared(person=members[1], nomination=names[1], kind="family", **of),
        ConflictDeclared(person=members[1], nomination=names[0], kind="family", **of),
        ConflictLifted(person=members[1], nomination=names[0], **of),
    )
    way = season.happened[f"nomination/{names[0]}"][0].event
    candidate = way.candidate.model_copy(update={"name": "Kabupaten Gorontalo"})
    said = {"candidate": candidate, "contact": way.contact, "reason_digest": SALTED}
    season.say(f"nomination/{names[0]}", NominationAmended(nomination=names[0], **said))
    fifth = season.members("panitia-9", "75")[4]
    season.score(desk, names[0], fifth, dict.fromkeys(("kebijakan", "peraturan", "kinerja"), "100"))
    return season.log, moment


def test_as_recorded_nothing_counts_that_came_later(tmp_path):
    log, moment = corrected()
    write_export(log, tmp_path / "export")
    said = at(tmp_path / "export", moment)
    (ranking,) = rankings(said).values()
    assert [(place, total) for _, place, total, _ in rows(ranking)] == [(1, "80/1"), (2, "70/1"), (3, "60/1")]
    assert ranking["counted_sheets"] == 12


def test_as_known_now_corrections_count_and_new_sheets_do_not(tmp_path):
    """Performance of the first is (90 + 3 x 60) / 4 = 135/2; 5/16 x 60 x 2 + 3/8 x 135/2 = 1005/16."""
    log, moment = corrected()
    write_export(log, tmp_path / "export")
    said = at(tmp_path / "export", moment, effective=True)
    (ranking,) = rankings(said).values()
    assert [(place, total) for _, place, total, _ in rows(ranking)] == [(1, "80/1"), (2, "70/1"), (3, "1005/16")]
    assert ranking["counted_sheets"] == 10
    assert ranking["excluded_sheets"] == {"recused": 1, "voided": 1}
    named = {one["candidate"]["name"] for one in nominations(said).values()}
    assert "Kabupaten Gorontalo" in named
    assert [one["type"] for one in said["counted_beyond"]] == [
        "AspectScoreRevised", "ScoreSheetVoided", "ConflictDeclared", "NominationAmended",
    ]  # fmt: skip
    assert said["counted"] == at(tmp_path / "export", moment)["counted"]


def test_an_upheld_verdict_reaches_back_to_the_decision_that_it_contests(folder_of):
    folder = folder_of("walk")
    first, _ = sorted(events_of(folder, "AppealDecided"), key=lambda one: one["time"])
    nominee = first["data"]["nomination"]
    moment = a_moment_before(first["time"])
    then, now = at(folder, moment), at(folder, moment, effective=True)
    assert nominations(then)[nominee]["status"] == "eliminated"
    assert nominations(now)[nominee]["status"] == "competing"
    assert nominations(now)[nominee]["stage"]["stage"] == "verifikasi"
    stream = "ranking/2020/provincial/75/KABKOTA/seleksi"
    assert [row[1] for row in rows(rankings(then)[stream]) if row[0] == nominee] == [4]
    assert [row[1:3] for row in rows(rankings(now)[stream]) if row[0] == nominee] == [(1, "100/1")]
    (pending,) = now["seasons"][0]["appeals_pending"]
    assert pending["upheld_later"] == f"{first['subject']}@{first['streamversion']}"
    decision = min(one["time"] for one in events_of(folder, "PlenaryDecided") if one["data"]["motion"] == 3)
    early = at(folder, a_moment_before(decision), effective=True)
    assert nominations(early)[nominee]["stage"]["stage"] == "seleksi"


def test_facts_known_later_count_once_the_measures_cut_off_has_passed(folder_of, monkeypatch):
    """The third was measured 1/2 and later 1: on the scale from 20 to 100 that is 60, later 100; 3/8 of it counts."""
    folder = folder_of("measured")
    (seal,) = events_of(folder, "RankingSealed")
    moment = a_moment_before(seal["time"])

    def total(*, effective: bool) -> list[str]:
        (ranking,) = rankings(at(folder, moment, effective=effective)).values()
        return [row[2] for row in rows(ranking) if row[0] == test_measured.THIRD]

    assert total(effective=False) == ["145/2"]
    assert total(effective=True) == ["175/2"], "the measure's cut-off was the last day of 2020"
    monkeypatch.setattr(Rules, "last", lambda *_: FOREVER)
    assert total(effective=True) == ["145/2"], "before the cut-off, what is measured later is also of later months"


# --- between two moments, and at decisions -------------------------------------------------------------------------


def test_between_two_moments_everything_that_arrived_is_named_once(folder_of):
    folder = folder_of("walk")
    first, second = "2021-02-20T00:00:00.000000Z", "2021-03-10T00:00:00.000000Z"
    said = compared(Folder.open(folder), Moment(first, "", ""), Moment(second, "", ""), ALL)
    arrived = {event["id"]: one["stream"] for one in said["arrived"] for event in one["events"]}
    lines = [orjson.loads(line) for path in folder.glob("events/*/*.jsonl") for line in path.open("rb")]
    assert arrived == {one["id"]: one["subject"] for one in lines if first < one["time"] <= second}
    for one in said["arrived"]:
        for event in one["events"]:
            found = orjson.loads((folder / one["file"]).read_bytes().splitlines()[event["line"] - 1])
            assert (found["id"], found["actor"]) == (event["id"], event["actor"])


def test_what_changed_between_two_moments_is_said_with_both_sides(folder_of):
    folder = folder_of("play")
    (removed,) = events_of(folder, "MemberRemoved")
    later = "2021-03-01T00:00:00.000000Z"
    moments = Moment(a_moment_before(removed["time"]), "", ""), Moment(later, "", "")
    said = compared(Folder.open(folder), *moments, ALL)["changed"]
    assert said["seats"] == [
        {"seat": "2020/75/panitia-9/ketua-apindo/1", "before": removed["data"]["person"], "after": None}
    ]
    moved = {one["nomination"]: (one["before"]["status"], one["after"]["stage"]) for one in said["stages"]}
    assert moved[person("nomination 75.03")] == ("competing", "national/00/verifikasi")
    standing = {one["standing"].split(" ")[1]: one for one in said["standings"]}
    assert standing[person("nomination 75.03")]["before"]["provisional"]
    assert not standing[person("nomination 75.03")]["after"]["provisional"]
    nothing = compared(Folder.open(folder), moments[1], moments[1], ALL)
    assert nothing["arrived"] == []
    assert not any(nothing["changed"].values())


def test_the_standings_at_every_decision(folder_of):
    folder = folder_of("walk")
    said = decided(Folder.open(folder), None, ALL)["decisions"]
    assert len(said) == len(events_of(folder, "PlenaryDecided")) + len(events_of(folder, "AdmissionDecided"))
    assert [one["time"] for one in said] == sorted(one["time"] for one in said)
    tie, proposal, appeal = (
        next(one for one in said if one["kind"] == kind) for kind in ("a tie", "who advances", "an appeal")
    )
    assert [row["place"] for row in tie["standings"]] == [1, 1, 1, 4]
    assert [row["place"] for row in proposal["standings"]] == [1, 2, 3, 4]
    assert appeal["standings"] == proposal["standings"], "a verdict is voted on with what lay before it"
    assert [one["type"] for one in proposal["results"]].count("StageAdvanced") == 2
    early = decided(Folder.open(folder), Moment(tie["time"], "", ""), ALL)["decisions"]
    assert early[-1]["decision"] == tie["decision"]


# --- the program ---------------------------------------------------------------------------------------------------


def test_lines_mark_what_is_provisional_and_what_was_sealed(folder_of):
    folder = folder_of("play")
    seal = min(one["time"] for one in events_of(folder, "RankingSealed"))
    before, after = (run(folder, "--as-of", moment).output for moment in (a_moment_before(seal), seal))
    assert "closed, PROVISIONAL, computed by the audit; nobody sealed it" in before
    assert "PROVISIONAL" not in after
    assert f"sealed {seal} by ranking/2020/provincial/75/KABKOTA/seleksi@3" in after
    assert "RECORDED: what had been recorded by then" in after
    assert "EFFECTIVE: what was true then, as known now" in run(folder, "--as-of", seal, "--effective").output
    assert "DECISIONS: 3" in run(folder, "--decisions").output
    assert "ARRIVED: 0 events" in run(folder, "--as-of", seal, "--until", seal).output


@pytest.mark.parametrize(
    "asked", [["--as-of", "2021-03-10"], ["--decisions"], ["--as-of", "2021-03-10", "--effective"]]
)
def test_two_replays_of_one_folder_are_the_same_bytes(folder_of, asked):
    folder, program = folder_of("walk"), [sys.executable, "-m", "cli.main", "audit", "replay"]
    said = {
        subprocess.run(
            [*program, str(folder), *asked, *form],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
        for form in ([], ["--json"])
    }
    assert len(said) == 2, "one text and one JSON"


def test_a_made_folder_of_many_events_is_replayed(tmp_path):
    events = make(tmp_path / "export", 20_000)
    assert events >= 20_000
    said = at(tmp_path / "export", FOREVER)
    lines = sum(len(path.read_bytes().splitlines()) for path in (tmp_path / "export").glob("events/*/*.jsonl"))
    assert lines == events
    assert all(one["provisional"] and one["standings"] for one in rankings(said).values())


# --- damaged folders -----------------------------------------------------------------------------------------------


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _swapped(path: Path) -> None:
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([second, first, *rest]))


def _without_a_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def _of_another_shape(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"data":{', b'"data":[{', 1).replace(b'},"datahash"', b'}],"datahash"', 1))


def _nested(path: Path) -> None:
    head, tail = path.read_bytes().split(b'"data":', 1)
    path.write_bytes(head + b'"data":{"a":' + b"[" * 100_000 + b"," + tail)


@pytest.mark.parametrize("damage", [_cut, _swapped, _without_a_line, _of_another_shape, _nested, Path.unlink])
@pytest.mark.parametrize("kind", ["nomination.v1/nomination", "scoring.v1/ranking", "scores.v1/sheet"])
def test_a_damaged_folder_is_told_to_be_verified_first(tmp_path, damage, kind):
    write_export(log_of(walk()), tmp_path / "export")
    damage(tmp_path / f"export/events/paritrana.{kind}.jsonl")
    ended = run(tmp_path / "export", "--as-of", "2021-12-31T00:00:00Z")
    assert isinstance(ended.exception, Finding)
    assert f"run paritrana audit verify {tmp_path / 'export'} first" in str(ended.exception)
    assert ended.output == ""


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"files":[{}]}', b"\xff", b'{"files":' + b"[" * 5000])
def test_a_manifest_that_lists_no_files_is_told(tmp_path, raw):
    write_export(log_of(walk()), tmp_path / "export")
    (tmp_path / "export/manifest.json").write_bytes(raw)
    ended = run(tmp_path / "export", "--decisions")
    assert isinstance(ended.exception, Finding)
    assert "audit verify" in str(ended.exception)


def test_a_folder_that_is_no_export_is_wrong_use(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert isinstance(run(folder, "--decisions").exception, WrongUse)
