"""Whatever is done to an exported folder is found and located; what cannot be seen is said."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.canonical import Ed25519Signer, Json, canonical
from kernel.tlog.notes import NoteKey
from services.audit.findings import MOST_KEPT
from services.audit.folder import MANIFEST, MAX_LINE
from services.audit.verify import Report, verify
from tests.unit.audit.exported import (
    DELIVERY,
    NOMINATION,
    SHEET,
    Log,
    delivered,
    event_files,
    head_line,
    nominated,
    rewrite_manifest,
    scored,
    small_log,
    write_export,
)

SHEETS = "events/paritrana.scores.v1/sheet.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_export(small_log(), tmp_path / "export")
    return tmp_path / "export"


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def locates(report: Report, file: str, line: int) -> bool:
    return any(finding.place.file == file and finding.place.line == line for finding in report.findings)


def lines_in(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


# --- a good export


def test_an_untouched_export_is_good_with_and_without_its_digest(tmp_path):
    result = write_export(small_log(), tmp_path / "export")
    with_digest, without = verify(tmp_path / "export", result.digest), verify(tmp_path / "export")
    assert with_digest.good
    assert without.good
    assert (with_digest.events, with_digest.streams, with_digest.signatures) == (10, 7, 3)
    assert with_digest.digest == result.digest


def test_without_the_digest_it_says_what_it_cannot_see(tmp_path):
    result = write_export(small_log(), tmp_path / "export")
    assert any("--digest" in line for line in verify(tmp_path / "export").unseen)
    assert not any("--digest" in line for line in verify(tmp_path / "export", result.digest).unseen)


def test_an_empty_store_exports_and_verifies(tmp_path):
    result = write_export(Log(), tmp_path / "export")
    assert verify(tmp_path / "export", result.digest).good


# --- each event removed, doubled, swapped, moved, changed


def each_line(folder: Path) -> list[tuple[Path, int]]:
    return [(path, index) for path in event_files(folder) for index in range(len(lines_in(path)))]


def test_each_removed_event_is_found_and_located(folder, tmp_path):
    for path, index in each_line(folder):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        lines = lines_in(path)
        removed = orjson.loads(lines.pop(index))
        (copy / path.relative_to(folder)).write_bytes(b"".join(lines))
        report = verify(copy)
        assert any(finding.place.stream == removed["subject"] for finding in report.findings), (path, index)
        assert any(finding.code in ("version", "missing-events", "missing-stream") for finding in report.findings)
        shutil.rmtree(copy)


def test_each_removed_event_is_found_though_the_manifest_was_made_anew_unless_it_was_a_streams_last(folder, tmp_path):
    for path, index in each_line(folder):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        lines = lines_in(path)
        removed = orjson.loads(lines.pop(index))
        last = not any(orjson.loads(line)["subject"] == removed["subject"] for line in lines[index:])
        (copy / path.relative_to(folder)).write_bytes(b"".join(lines))
        digest = rewrite_manifest(copy)
        if not last:
            assert locates(verify(copy, digest), path.relative_to(folder).as_posix(), index + 1)
        assert "digest" in codes(verify(copy, verify(folder).digest))
        shutil.rmtree(copy)


def test_each_doubled_event_is_found_and_located(folder):
    for path, index in each_line(folder):
        before = path.read_bytes()
        lines = lines_in(path)
        lines.insert(index, lines[index])
        path.write_bytes(b"".join(lines))
        report = verify(folder)
        assert locates(report, path.relative_to(folder).as_posix(), index + 2)
        assert {"order", "version", "double-id"} <= codes(report)
        path.write_bytes(before)


def test_each_swapped_pair_is_found_and_located(folder):
    swapped = 0
    for path in event_files(folder):
        before, lines = path.read_bytes(), lines_in(path)
        for index in range(len(lines) - 1):
            other = [*lines]
            other[index], other[index + 1] = other[index + 1], other[index]
            path.write_bytes(b"".join(other))
            assert locates(verify(folder), path.relative_to(folder).as_posix(), index + 2)
            swapped += 1
        path.write_bytes(before)
    assert swapped > 2


def test_an_event_moved_to_another_stream_is_found_and_located(folder):
    path = folder / SHEETS
    for index, line in enumerate(lines_in(path)):
        before, lines = path.read_bytes(), lines_in(path)
        document = orjson.loads(line)
        document["subject"] = document["subject"].replace("-desk/", "-interview/")
        lines[index] = canonical(document) + b"\n"
        path.write_bytes(b"".join(lines))
        report = verify(folder)
        assert locates(report, SHEETS, index + 1)
        assert "signature" in codes(report)
        path.write_bytes(before)


def test_an_event_of_another_topic_in_a_file_is_found(folder):
    path = folder / "events/paritrana.nomination.v1/nomination.jsonl"
    path.write_bytes(path.read_bytes() + lines_in(folder / SHEETS)[0])
    rewrite_manifest(folder)
    report = verify(folder)
    assert {"topic", "source"} <= codes(report)
    assert locates(report, "events/paritrana.nomination.v1/nomination.jsonl", 2)


def tiny_log(key: NoteKey | None = None) -> Log:
    log = Log(key=key)
    log.open("notifications")
    own = "018f0000-0000-5000-8000-000000000009"  # a reminder, which no event causes
    reminder = delivered(own, "nominated").model_copy(update={"message_id": f"<{own}@paritrana.invalid>"})
    cause = log.append(DELIVERY, reminder)
    log.append(DELIVERY, delivered(cause, "announced"), cause=cause)
    return log


def test_each_changed_byte_is_found_and_located(tmp_path):
    """Of every file each second byte; the long run of `test_mutations` flips every bit of every byte."""
    result = write_export(tiny_log(NoteKey.generate("test.example/log")), tmp_path / "export")
    folder, seed = tmp_path / "export", random.randrange(2**32)
    chance = random.Random(seed)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, before = path.relative_to(folder).as_posix(), path.read_bytes()
        for place in range(seed % 2, len(before), 64 if name == "README.md" else 2):
            raw = bytearray(before)
            raw[place] ^= 1 << chance.randrange(8)
            path.write_bytes(raw)
            report = verify(folder, result.digest, workers=1)
            own = "tile/" if name.startswith("tile/") else name  # entries and their hashes fit no more: either is named
            assert any(finding.place.file.startswith(own) for finding in report.findings), (seed, name, place)
            if name.startswith("events/"):
                assert locates(report, name, before[:place].count(b"\n") + 1), (seed, name, place)
        path.write_bytes(before)
    assert verify(folder, result.digest).good


@settings(max_examples=60)
@given(st.data())
def test_random_damage_is_found_and_never_raises(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damage") / "export"
    result = write_export(tiny_log(), folder)
    path = data.draw(st.sampled_from(sorted(path for path in folder.rglob("*") if path.is_file())))
    raw = path.read_bytes()
    begin = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(begin, len(raw)))
    put = data.draw(st.binary(max_size=40))
    changed = raw[:begin] + put + raw[end:]
    path.write_bytes(changed)
    assert verify(folder, result.digest).good == (changed == raw)


# --- forgeries


def rewritten(folder: Path, change: Callable[[int, Json], Json | None], file: str = SHEETS) -> None:
    """Change a file's documents and chain the rest anew, as whoever holds the store but not the key could."""
    done: list[bytes] = []
    for index, line in enumerate(lines_in(folder / file)):
        document = change(index, orjson.loads(line))
        if document is None:
            continue
        document["streamversion"] = len(done) + 1
        document.pop("prevhash", None)
        if done:
            document["prevhash"] = orjson.loads(head_line(done[-1]))["hash"]
        document["datahash"] = hashlib.sha256(canonical(document["data"])).hexdigest()
        done.append(canonical(document))
    (folder / file).write_bytes(b"".join(line + b"\n" for line in done))


def test_a_rechained_forgery_with_a_stale_signature_is_found_though_the_manifest_fits(folder):
    def raise_the_mark(index, document):
        if index == 1:
            document["data"]["mark"]["mark"] = "100"
        return document

    rewritten(folder, raise_the_mark)
    report = verify(folder, rewrite_manifest(folder))
    assert codes(report) == {"signature"}
    assert locates(report, SHEETS, 2)
    assert report.findings[0].place.stream == SHEET


def test_a_rechained_forgery_without_a_signature_is_found_though_the_manifest_fits(folder):
    def unsigned(index, document):
        if index == 1:
            document["data"]["mark"]["mark"] = "100"
            del document["signature"], document["signaturekey"]
        return document

    rewritten(folder, unsigned)
    report = verify(folder, rewrite_manifest(folder))
    assert locates(report, SHEETS, 2)
    assert any("signature is missing" in finding.what for finding in report.findings)


def test_a_signature_by_a_key_that_was_never_published_is_found(tmp_path):
    log = small_log()
    log.signers["scoring"] = Ed25519Signer(Ed25519PrivateKey.generate())
    log.append(SHEET, scored(mark="90"))
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export")
    assert codes(report) == {"unknown-key"}
    assert report.findings[0].place.version == 4


def test_a_whole_rewrite_passes_without_the_digest_and_is_found_with_it(tmp_path):
    kept = write_export(small_log(), tmp_path / "export").digest
    shutil.rmtree(tmp_path / "export")
    forged = small_log()
    forged.append(SHEET, scored(mark="90"))
    write_export(forged, tmp_path / "export")
    blind = verify(tmp_path / "export")
    assert blind.good
    assert any("made anew" in line for line in blind.unseen)
    assert codes(verify(tmp_path / "export", kept)) == {"digest"}


def test_a_cut_tail_with_a_new_manifest_passes_without_the_digest_and_is_found_with_it(folder):
    kept = verify(folder).digest
    path = folder / SHEETS
    path.write_bytes(b"".join(lines_in(path)[:-1]))
    rewrite_manifest(folder)
    assert verify(folder).good
    assert codes(verify(folder, kept)) == {"digest"}


# --- what events say


def test_an_unknown_type_and_unfitting_data_are_found(tmp_path):
    log = small_log()
    log.append_raw(f"nomination/{NOMINATION}", "id.go.paritrana.nomination.Unheard.v1", {})
    log.append_raw("nomination/other", nominated().type_name(), {"nomination": 3})
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export")
    assert codes(report) == {"type", "data"}
    assert {(finding.place.stream, finding.place.version) for finding in report.findings} == {
        (f"nomination/{NOMINATION}", 2),
        ("nomination/other", 1),
    }


def test_an_unknown_cause_is_found(tmp_path):
    log = small_log()
    unknown = "018f0000-0000-7000-8000-000000000009"
    log.append(DELIVERY, delivered(unknown, "x"), cause=unknown)
    result = write_export(log, tmp_path / "export")
    assert result.open_ends
    report = verify(tmp_path / "export")
    assert codes(report) == {"cause"}
    assert report.findings[0].place.version == 3


LATE = "018f0000-0000-7000-8000-0000000000aa"


def test_an_effect_before_its_cause_is_found(tmp_path):
    log = small_log()
    late = log.append(f"nomination/{LATE}", nominated(LATE))
    log.now -= timedelta(days=1)
    other = "018f0000-0000-7000-8000-00000000000c"
    log.append(f"delivery/{other}", delivered(late, "x").model_copy(update={"person": other}), cause=late)
    write_export(log, tmp_path / "export")
    assert codes(verify(tmp_path / "export")) == {"cause"}


# --- garbage


def test_a_missing_manifest_is_a_finding_and_the_events_are_still_checked(folder):
    (folder / MANIFEST).unlink()
    path = folder / SHEETS
    path.write_bytes(b"".join(lines_in(path)[1:]))
    report = verify(folder)
    assert {"manifest", "version"} <= codes(report)
    assert report.digest is None


def test_an_empty_folder_is_a_finding(tmp_path):
    assert codes(verify(tmp_path)) == {"manifest"}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00" * 100, b"[]", b"{}", b"[" * 2000, b'{"a":' * 1030, os.urandom(4096), b"{\n" * 2000, b'{"files":1}\n'],
    ids=["empty", "nul", "list", "object", "deep-list", "deep-object", "random", "lines", "wrong"],
)
@pytest.mark.parametrize("name", [MANIFEST, "heads.jsonl", SHEETS])
def test_garbage_is_a_finding_in_its_file(folder, name, garbage):
    (folder / name).write_bytes(garbage)
    report = verify(folder)
    assert any(finding.place.file == name for finding in report.findings)


def test_a_line_without_end_is_a_finding_and_the_next_is_read(folder):
    path = folder / SHEETS
    path.write_bytes(b"x" * (MAX_LINE + 10) + b"\n" + path.read_bytes())
    report = verify(folder)
    assert locates(report, SHEETS, 1)
    assert report.signatures == 3


def test_many_findings_are_counted_and_the_first_kept(folder):
    (folder / SHEETS).write_bytes(b"garbage\n" * (MOST_KEPT * 3))
    report = verify(folder)
    assert len(report.findings) == MOST_KEPT
    assert report.found > MOST_KEPT * 3


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "events/../../secret", "events/a/b/c.jsonl", "events//x.jsonl", "a\x00b", ""]
)
def test_a_path_that_leads_elsewhere_is_a_finding_and_is_not_opened(folder, path):
    (folder.parent / "secret").write_text("not to be read")
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    manifest["files"].append({"path": path, "bytes": 1, "sha256": "0" * 64, "lines": 1})
    (folder / MANIFEST).write_bytes(canonical(manifest) + b"\n")
    found = [finding for finding in verify(folder).findings if finding.code == "path"]
    assert len(found) == 1
    assert "not opened" in found[0].what


@pytest.mark.parametrize("name", [MANIFEST, "heads.jsonl", SHEETS, "events/paritrana.scores.v1", "README.md"])
def test_a_symbolic_link_is_a_finding(folder, name):
    target = folder.parent / "elsewhere"
    (folder / name).rename(target)
    (folder / name).symlink_to(target)
    report = verify(folder)
    assert any("symbolic link" in finding.what for finding in report.findings)


def test_a_pipe_a_folder_and_an_added_file_are_findings(folder):
    os.mkfifo(folder / "events/paritrana.scores.v1/pipe.jsonl")
    (folder / "note.txt").write_text("added")
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    report = verify(folder)
    assert {finding.place.file for finding in report.findings} == {
        "events/paritrana.scores.v1/pipe.jsonl",
        "note.txt",
        "README.md",
    }


def test_an_added_folder_with_nothing_in_it_is_a_finding(folder):
    (folder / "events/more/empty").mkdir(parents=True)
    assert [(finding.code, finding.place.file) for finding in verify(folder).findings] == [
        ("added-file", "events/more/empty")
    ]


def test_a_finding_cannot_move_the_terminal(folder):
    (folder / "a\x1b[2J\n.txt").write_text("added")
    said = "".join(str(finding) for finding in verify(folder).findings)
    assert "\x1b" not in said
    assert "\n" not in said
