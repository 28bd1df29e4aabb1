"""The log's tree in an export: whatever is changed in it, or beside it, is found and located."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.notes import NoteKey, SignedNote
from kernel.tlog.tiles import Bundle, read_bundle, write_bundle
from services.audit.report import Report
from services.audit.report_text import report_lines
from services.audit.verify import verify
from tests.unit.audit.exported import SHEET, Log, TreeOf, rewrite_manifest, scored, small_log, write_export

KEY = NoteKey.generate("test.example/log")
STATES = ("checkpoint", "root", "leaves", "no-entry-more")


def logged(more: int = 0) -> Log:
    log = small_log()
    log.key = KEY
    for number in range(more):
        log.append(SHEET, scored(mark=f"{50 + number % 50}"))
    return log


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree") / "export"
    write_export(logged(520), folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "export")
    return tmp_path / "export"


def states(report: Report) -> dict[str, str]:
    return {outcome.check.key: outcome.state for outcome in report.checks if outcome.check.key in STATES}


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_an_untouched_tree_passes_its_four_checks(folder: Path) -> None:
    report = verify(folder, keys=[KEY.verifier], workers=1)
    assert report.good, report.findings
    assert set(states(report).values()) == {"passed"}
    assert report.checkpoint is not None
    assert report.checkpoint.startswith("test.example/log 530 ")


def test_an_export_without_a_tree_says_that_its_checks_cannot_be_made(tmp_path: Path) -> None:
    write_export(small_log(), tmp_path / "export")
    report = verify(tmp_path / "export", workers=1)
    assert report.good
    assert set(states(report).values()) == {"not-checkable"}


def test_without_a_key_from_elsewhere_the_folders_own_is_taken_and_that_is_said(folder: Path) -> None:
    report = verify(folder, workers=1)
    assert report.good
    assert any("--vkey" in line for line in report.unseen)
    assert not any("--vkey" in line for line in verify(folder, keys=[KEY.verifier], workers=1).unseen)


@pytest.mark.parametrize("brought", ["key", "checkpoint"])
def test_a_log_that_was_left_out_is_found_by_what_the_auditor_brought(folder: Path, brought: str) -> None:
    kept = SignedNote.parse((folder / "checkpoint").read_bytes())
    (folder / "checkpoint").unlink()
    shutil.rmtree(folder / "tile")
    shutil.rmtree(folder / "keys")
    rewrite_manifest(folder)
    given = {"keys": [KEY.verifier]} if brought == "key" else {"earlier": [kept]}
    report = verify(folder, workers=1, **given)
    assert codes(report) == {"checkpoint"}
    assert states(report)["checkpoint"] == "failed"
    assert not any("kept checkpoint" in line for line in report_lines(report))


@pytest.mark.parametrize("line", [b"null", b'{"from":0,"offsets":[],"partition":0,"stream":"x"}', b"[]", b"\xff"])
def test_a_place_that_is_none_is_found(folder: Path, line: bytes) -> None:
    (folder / "places.jsonl").write_bytes(line + b"\n")
    assert {(one.code, str(one.place)) for one in verify(folder, workers=1).findings} >= {("place", "places.jsonl:1")}


def test_a_checkpoint_by_another_key_is_found(folder: Path) -> None:
    other = NoteKey.generate("test.example/log")
    report = verify(folder, keys=[other.verifier], workers=1)
    assert codes(report) == {"checkpoint"}
    assert states(report)["checkpoint"] == "failed"


def test_every_tile_and_bundle_is_missed_when_it_is_taken_away(folder: Path) -> None:
    for path in sorted((folder / "tile").rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            path.unlink()
            report = verify(folder, workers=1)
            assert not report.good
            assert any(finding.place.file == path.relative_to(folder).as_posix() for finding in report.findings), path
            path.write_bytes(raw)
    assert verify(folder, workers=1).good


def test_flipped_bytes_of_the_tree_are_found_and_located(folder: Path) -> None:
    draw = random.Random(11)
    for path in [*(folder / "tile").rglob("*"), folder / "checkpoint"]:
        if not path.is_file():
            continue
        raw = path.read_bytes()
        places = range(len(raw)) if len(raw) < 400 else sorted(draw.sample(range(len(raw)), 12))
        for at in places:
            path.write_bytes(raw[:at] + bytes((raw[at] ^ 1 << draw.randrange(8),)) + raw[at + 1 :])
            report = verify(folder, workers=1)
            assert not report.good, (path, at)
            assert report.findings[0].place.file
        path.write_bytes(raw)


@pytest.mark.parametrize("cut", [1, 2, 31, 32, 100])
def test_truncated_tiles_are_found(folder: Path, cut: int) -> None:
    for name in ("tile/0/000", "tile/0/002.p/18", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/18"):
        path = folder / name
        raw = path.read_bytes()
        path.write_bytes(raw[:-cut] if cut < len(raw) else b"")
        report = verify(folder, workers=1)
        assert any(finding.place.file == name for finding in report.findings), name
        path.write_bytes(raw)


def test_an_entry_after_the_last_is_found(folder: Path) -> None:
    path = folder / "tile/entries/002.p/18"
    path.write_bytes(path.read_bytes() + write_bundle([b"{}"]))
    report = verify(folder, workers=1)
    assert any("after its 18 entries" in finding.what for finding in report.findings)


@pytest.mark.parametrize(
    "name", ["tile/entries/003", "tile/entries/002.p/19", "tile/0/002.p/19", "tile/0/003", "tile/9/000"]
)
def test_a_tile_or_bundle_too_many_is_found(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\x00" * 32)
    report = verify(folder, workers=1)
    assert ("entry", name) in {(finding.code, finding.place.file) for finding in report.findings}


def test_a_file_that_is_no_tile_is_found(folder: Path) -> None:
    (folder / "tile" / "extra").write_bytes(b"")
    assert "added-file" in codes(verify(folder, workers=1))


def test_an_event_that_was_removed_and_all_made_to_fit_is_missed_by_the_tree(folder: Path) -> None:
    path = next(iter((folder / "events/paritrana.scores.v1").glob("*.jsonl")))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    rewrite_manifest(folder)
    report = verify(folder, workers=1)
    assert "entry" in codes(report)
    assert any(finding.place.stream == SHEET for finding in report.findings)


def test_an_event_that_was_added_is_found(tmp_path: Path) -> None:
    log = logged()
    entries = list(log.entries)
    log.append(SHEET, scored(mark="99"))
    log.entries = entries
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export", workers=1)
    assert "leaf" in codes(report)
    assert any("was added" in finding.what and finding.place.stream == SHEET for finding in report.findings)


def test_a_score_changed_and_signed_anew_by_who_holds_database_and_logs_key_is_found_by_the_services_key(
    tmp_path: Path,
) -> None:
    log = logged()
    forger = logged()
    forger.documents = {stream: list(documents) for stream, documents in log.documents.items()}
    forger.hashes, forger.entries = dict(log.hashes), list(log.entries)
    forger.open("scoring")  # another key than the one that the log published, in the forger's own hands
    signers, log.signers = log.signers, forger.signers
    log.append(SHEET, scored(mark="100"), signed=True)
    log.signers = signers
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export", keys=[KEY.verifier], workers=1)
    assert "unknown-key" in codes(report)


def test_an_earlier_checkpoint_holds_the_log_to_what_it_said(tmp_path: Path) -> None:
    log = logged()
    early = SignedNote.parse(TreeOf(log.entries, KEY).note)
    for number in range(300):
        log.append(SHEET, scored(mark=f"{number % 100}"))
    write_export(log, tmp_path / "export")
    assert verify(tmp_path / "export", earlier=[early], workers=1).good
    other = TreeOf([b"{}", *log.entries[1:10]], KEY)
    report = verify(tmp_path / "export", earlier=[SignedNote.parse(other.note)], workers=1)
    assert codes(report) == {"root"}
    assert "two histories" in report.findings[0].what


def test_a_log_that_was_rolled_back_and_one_of_another_origin_are_found(tmp_path: Path) -> None:
    log = logged()
    later = Checkpoint(KEY.name, len(log.entries) + 5, b"\x01" * 32).signed(KEY)
    other = Checkpoint("other.example/log", 3, b"\x01" * 32).signed(NoteKey.generate("other.example/log"))
    write_export(log, tmp_path / "export")
    assert "rolled back" in verify(tmp_path / "export", earlier=[later], workers=1).findings[0].what
    assert "of the log" in verify(tmp_path / "export", earlier=[other], workers=1).findings[0].what


def test_a_fork_of_the_same_size_is_found(tmp_path: Path) -> None:
    log = logged()
    fork = Checkpoint(KEY.name, len(log.entries), b"\x01" * 32).signed(KEY)
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export", earlier=[fork], workers=1)
    assert codes(report) == {"root"}


def test_two_events_that_changed_places_in_the_log_are_found(folder: Path) -> None:
    path = folder / "tile/entries/001"
    entries = read_bundle(path.read_bytes(), Bundle(1))
    entries[3], entries[4] = entries[4], entries[3]
    path.write_bytes(write_bundle(entries))
    report = verify(folder, workers=1)
    assert "leaf" in codes(report)
    assert any(finding.place.file == "tile/entries/001" and finding.place.line == 4 for finding in report.findings)
