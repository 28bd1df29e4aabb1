"""A part of the log: whole streams, each event shown to be a leaf of the log, and of every check what it left out."""

from __future__ import annotations

import random
import shutil
from functools import cache
from pathlib import Path

import orjson
import pytest

from kernel.canonical import canonical
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import NoteKey
from kernel.tlog.tiles import Tile, parse_path, tile_width
from kernel.tlog.trees import leaf_hash, prove_inclusion, verify_inclusion
from services.audit.excerpts import Excerpt
from services.audit.export import NotExported, prepare_folder
from services.audit.report import Report
from services.audit.selections import in_order
from services.audit.verify import verify
from tests.unit.audit import test_measured, test_procedure
from tests.unit.audit.exported import Log, TreeOf, change_manifest, event_files, relist, write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.played import whole

KEY = NoteKey.generate("test.example/log")
LOGS = {
    "play": lambda: whole(rules()).log,
    "procedure": lambda: test_procedure.play().log,
    "measured": lambda: test_measured.play().log,
    "sealed anew": lambda: test_measured.again().log,
}


@cache
def history(name: str) -> Log:
    log = LOGS[name]()
    log.key = KEY
    return log


def entries(log: Log) -> dict[str, dict[str, str]]:
    """Return where every nomination entered."""
    firsts = (orjson.loads(documents[0]) for documents in log.documents.values())
    return {
        one["data"]["nomination"]: one["data"]["entry"]
        for one in firsts
        if one["type"].split(".")[-2] in ("CandidateNominated", "NominationFiledLate")
    }


def parts(log: Log) -> list[Excerpt]:
    """Return every part that a log can be asked for."""
    filed = entries(log)
    seasons = sorted({entry["season"] for entry in filed.values()})
    provinces = {(entry["season"], entry["province"]) for entry in filed.values()} | {(one, "00") for one in seasons}
    return [
        *(Excerpt(season) for season in seasons),
        *(Excerpt(*place) for place in sorted(provinces)),
        *(Excerpt(entry["season"], None, nomination) for nomination, entry in sorted(filed.items())),
    ]


def states(report: Report) -> dict[str, str]:
    return {outcome.check.key: outcome.state for outcome in report.checks}


def said(report: Report) -> str:
    return "\n".join(str(finding) for finding in report.findings)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory):
    """Return the folder of a part of the procedure's history, made once."""

    @cache
    def made(excerpt: Excerpt) -> Path:
        folder = tmp_path_factory.mktemp("part") / "export"
        write_export(history("procedure"), folder, excerpt)
        return folder

    return made


@pytest.fixture
def copied(folder_of, tmp_path: Path) -> Path:
    shutil.copytree(folder_of(parts(history("procedure"))[-1]), tmp_path / "export")
    return tmp_path / "export"


# --- what a part shows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOGS)
def test_nothing_is_found_in_any_part_of_a_true_history(name: str, tmp_path: Path) -> None:
    log = history(name)
    for number, excerpt in enumerate(parts(log)):
        result = write_export(log, tmp_path / str(number), excerpt)
        report = verify(tmp_path / str(number), result.digest, keys=[KEY.verifier], workers=1)
        assert report.good, (excerpt.named, said(report))
        assert result.withheld == report.withheld == len(log.entries) - result.events
        told = states(report)
        assert {told[key] for key in ("checkpoint", "root", "leaves", "chains", "signatures")} == {"passed"}
        assert {told[key] for key in ("notifications", "refusals", "reports")} == {"not-checkable"}


@pytest.mark.parametrize("name", ["play", "procedure", "measured"])
def test_a_season_computes_every_ranking_and_decision_anew(name: str, tmp_path: Path) -> None:
    log = history(name)
    write_export(log, tmp_path / "whole")
    everything = verify(tmp_path / "whole", workers=1)
    write_export(log, tmp_path / "season", parts(log)[0])
    season = verify(tmp_path / "season", workers=1)
    assert (season.rankings, season.decisions) == (everything.rankings, everything.decisions)
    assert season.rankings
    assert {states(season)[key] for key in ("rankings", "decisions", "advances", "procedure")} == {"passed"}


def test_a_nomination_says_what_cannot_be_checked_and_why(folder_of) -> None:
    nomination = parts(history("procedure"))[-1]
    report = verify(folder_of(nomination), workers=1)
    told = {outcome.check.key: outcome for outcome in report.checks}
    assert told["rankings"].state == "not-checkable"
    why = told["rankings"].why
    assert why is not None
    assert "sheets" in why.en
    assert "lembar nilai" in why.id
    assert told["decisions"].state == told["procedure"].state == "not-checkable"
    assert f"{report.withheld} entries" in told["no-entry-more"].as_json()["why"]
    assert nomination.named in report.unseen[0]
    assert "heads.jsonl" in report.unseen[0]
    kinds = {path.stem for path in event_files(folder_of(nomination))}
    assert {"nomination", "sheet", "season", "committee", "ranking", "plenary", "service"} <= kinds
    sheets = (folder_of(nomination) / "events/paritrana.scores.v1/sheet.jsonl").read_bytes().splitlines()
    assert {orjson.loads(line)["subject"].split("/")[1] for line in sheets} == {nomination.nomination}


def test_every_event_of_a_part_has_a_proof_in_its_tiles(folder_of) -> None:
    log = history("procedure")
    folder = folder_of(parts(log)[-1])
    tree = TreeOf(log.entries, KEY)
    root = Checkpoint.parse((folder / "checkpoint").read_text().split("\n\n")[0] + "\n").root

    class Held:
        def read(self, level: int, number: int, width: int) -> bytes:
            raw: bytes = (folder / Tile(level, number, width).path).read_bytes()
            return raw

    for path in event_files(folder):
        leaves = (folder / "leaves" / path.relative_to(folder / "events")).read_bytes().splitlines()
        for line, leaf in zip(path.read_bytes().splitlines(), leaves, strict=True):
            index = orjson.loads(leaf)["index"]
            envelope = canonical({key: value for key, value in orjson.loads(line).items() if key != "data"})
            proof = prove_inclusion(index, tree.size, Held())
            verify_inclusion(leaf_hash(envelope), index, tree.size, proof, root)


def test_a_part_has_no_tile_that_it_does_not_need_and_no_entries(folder_of) -> None:
    folder = folder_of(parts(history("procedure"))[-1])
    assert not (folder / "tile" / "entries").exists()
    size = len(history("procedure").entries)
    for path in (folder / "tile").rglob("*"):
        if path.is_file():
            tile = parse_path(path.relative_to(folder).as_posix())
            assert isinstance(tile, Tile)
            assert tile.width == tile_width(size, tile.level, tile.number)


# --- what is found ----------------------------------------------------------------------------------------------------


def test_an_event_that_is_no_leaf_of_the_log_is_found(copied: Path) -> None:
    path = next(path for path in event_files(copied) if path.stem == "committee")
    lines = path.read_bytes().splitlines()
    last = orjson.loads(lines[-1])
    path.write_bytes(
        b"\n".join([*lines[:-1], canonical({**last, "actor": "018f0000-0000-7000-8000-00000000ffff"}), b""])
    )
    relist(copied)
    report = verify(copied, workers=1)
    leaf = next(finding for finding in report.findings if finding.code == "leaf")
    assert (leaf.place.line, leaf.place.stream) == (len(lines), last["subject"])


def test_an_event_that_was_taken_from_a_streams_middle_is_found(copied: Path) -> None:
    path = next(path for path in event_files(copied) if path.stem == "sheet")
    leaves = copied / "leaves" / path.relative_to(copied / "events")
    for each in (path, leaves):
        lines = each.read_bytes().splitlines(keepends=True)
        each.write_bytes(b"".join(lines[1:]))
    relist(copied)
    assert "version" in {finding.code for finding in verify(copied, workers=1).findings}


@pytest.mark.parametrize("index", [-1, 10**9, True, "0", None])
def test_a_leaf_that_the_log_cannot_have_is_found(copied: Path, index: object) -> None:
    path = next((copied / "leaves").rglob("sheet.jsonl"))
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([canonical({**orjson.loads(lines[0]), "index": index}), *lines[1:], b""]))
    relist(copied)
    (finding,) = [one for one in verify(copied, workers=1).findings if one.code == "leaf"]
    assert finding.place.line == 1


def test_two_events_that_changed_their_leaves_are_found(copied: Path) -> None:
    path = next((copied / "leaves").rglob("sheet.jsonl"))
    first, second, *rest = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    first["index"], second["index"] = second["index"], first["index"]
    path.write_bytes(b"".join(canonical(one) + b"\n" for one in (first, second, *rest)))
    relist(copied)
    assert [one.code for one in verify(copied, workers=1).findings] == ["leaf", "leaf"]


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_leaves_that_do_not_fit_their_events_are_found(copied: Path, cut: int) -> None:
    path = next((copied / "leaves").rglob("sheet.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"" if cut == 0 else b"".join(lines + lines[-1:] if cut > 0 else lines[:-1]))
    relist(copied)
    assert {one.code for one in verify(copied, workers=1).findings} == {"leaf"}


def test_every_tile_of_a_part_is_missed_and_every_flipped_byte_of_it_found(copied: Path) -> None:
    draw = random.Random(12)
    for path in sorted(path for path in (copied / "tile").rglob("*") if path.is_file()):
        raw = path.read_bytes()
        path.unlink()
        assert not verify(copied, workers=1).good, path
        for at in draw.sample(range(len(raw)), 3):
            path.write_bytes(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])
            assert not verify(copied, workers=1).good, (path, at)
        path.write_bytes(raw)
    assert verify(copied, workers=1).good


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/000.p/3", "tile/9/000"])
def test_a_tile_too_many_is_found(copied: Path, name: str) -> None:
    (copied / name).parent.mkdir(parents=True, exist_ok=True)
    (copied / name).write_bytes(b"\x00" * 96)
    assert ("entry", name) in {(one.code, one.place.file) for one in verify(copied, workers=1).findings}


def test_a_part_that_passes_for_the_whole_is_found(copied: Path) -> None:
    change_manifest(copied, lambda manifest: manifest.pop("part"))
    assert not verify(copied, workers=1).good


def test_an_earlier_checkpoint_is_compared_as_far_as_a_part_can_be(folder_of) -> None:
    log = history("procedure")
    folder, size = folder_of(parts(log)[-1]), len(log.entries)
    fork = Checkpoint(KEY.name, size, b"\x01" * 32).signed(KEY)
    later = Checkpoint(KEY.name, size + 1, b"\x01" * 32).signed(KEY)
    early = Checkpoint(KEY.name, size - 1, b"\x01" * 32).signed(KEY)
    for note, what in ((fork, "two histories"), (later, "rolled back")):
        report = verify(folder, earlier=[note], workers=1)
        assert [one.code for one in report.findings] == ["root"]
        assert what in said(report)
    report = verify(folder, earlier=[early], workers=1)
    assert report.good
    assert any("earlier checkpoint" in line for line in report.unseen)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("excerpt", "what"),
    [
        (Excerpt("1999"), "no season 1999"),
        (Excerpt("2020", None, "018f0000-0000-7000-8000-0000000000ff"), "no nomination"),
    ],
)
def test_a_part_of_nothing_is_told(tmp_path: Path, excerpt: Excerpt, what: str) -> None:
    with pytest.raises(NotExported, match=what):
        write_export(history("play"), tmp_path / "export", excerpt)


def test_a_part_of_a_log_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    log = LOGS["play"]()
    with pytest.raises(NotExported, match="no checkpoint"):
        write_export(log, tmp_path / "export", Excerpt("2020"))


def test_a_part_is_replaced_by_force(copied: Path) -> None:
    prepare_folder(copied, replace=True)
    assert not list(copied.iterdir())


def test_choices_that_others_hold_are_left_out() -> None:
    chosen = ["sheet/b/*", "sheet/b/x", "season/2020", "sheet/*", "season/2020", "season/20201", "sheet/b*"]
    assert in_order(chosen) == ["season/2020", "season/20201", "sheet/*"]
