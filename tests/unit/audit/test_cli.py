"""`paritrana audit` ends with 0, 1 or 2, one line for a wrong use, and never a traceback."""

from __future__ import annotations

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding, WrongUse
from tests.unit.audit.exported import small_log, write_export


@pytest.fixture
def export(tmp_path):
    return tmp_path / "export", write_export(small_log(), tmp_path / "export").digest


def run(*arguments: str):
    return CliRunner().invoke(app, [*arguments])


def test_a_good_export_ends_with_0_and_says_what_was_checked(export):
    folder, digest = export
    ended = run("verify", str(folder), "--digest", digest.upper())
    assert ended.exit_code == 0
    assert "10 events, 7 streams, 3 signatures checked" in ended.output
    assert "nothing was found" in ended.output
    assert "Without --digest" not in ended.output


def test_without_a_digest_it_says_what_is_not_seen(export):
    assert "not seen: Without --digest" in run("verify", str(export[0])).output


def test_a_changed_export_is_a_finding_that_names_the_place(export):
    folder, _ = export
    path = folder / "events/paritrana.scores.v1/sheet.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"85"', b'"95"'))
    ended = run("verify", str(folder))
    assert isinstance(ended.exception, Finding)
    assert "FOUND events/paritrana.scores.v1/sheet.jsonl:2 sheet/" in ended.output
    assert "nothing was found" not in ended.output


def test_json_holds_the_findings(export):
    folder, _ = export
    (folder / "heads.jsonl").write_bytes(b"")
    found = orjson.loads(run("verify", str(folder), "--json").output)
    assert found["good"] is False
    assert {finding["code"] for finding in found["findings"]} == {"file", "added-stream"}


def test_a_folder_that_is_no_export_is_told_with_what_to_do(tmp_path):
    (tmp_path / "README.md").write_text("x")
    ended = run("verify", str(tmp_path))
    assert isinstance(ended.exception, WrongUse)
    assert str(ended.exception).endswith(f"make one with paritrana audit export {tmp_path}")
    assert ended.output == ""


@pytest.mark.parametrize("left", ["heads.jsonl", "events"])
def test_an_export_whose_manifest_was_removed_is_a_finding(export, left):
    folder, _ = export
    (folder / "manifest.json").unlink()
    for name in {"heads.jsonl", "events"} - {left}:
        (folder / name).rename(folder.parent / name)
    ended = run("verify", str(folder))
    assert isinstance(ended.exception, Finding)
    assert "FOUND manifest.json" in ended.output


@pytest.mark.parametrize(
    "arguments",
    [("verify", "{}/none"), ("verify", "{}", "--digest", "abc"), ("verify", "{}", "--digest", "g" * 64)],
)
def test_wrong_use_is_told(tmp_path, arguments):
    ended = run(*(part.format(tmp_path) for part in arguments))
    assert isinstance(ended.exception, WrongUse)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "http://127.0.0.1:9", "--wait", "0"),
        ("--url", "nonsense", "--wait", "0"),
        ("--at-least", "season/2020"),
        ("--at-least", "season/2020@0"),
    ],
)
def test_an_export_from_nowhere_is_told(tmp_path, arguments):
    ended = run("export", str(tmp_path / "export"), "--token", "t", *arguments)
    assert isinstance(ended.exception, WrongUse)


def test_an_export_into_a_full_folder_is_told_before_anything_is_asked(tmp_path):
    (tmp_path / "held.txt").write_text("x")
    ended = run("export", str(tmp_path), "--token", "t")
    assert isinstance(ended.exception, WrongUse)
    assert "not empty" in str(ended.exception)
