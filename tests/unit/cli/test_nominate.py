"""Specs of `paritrana nominate`: the template is what the service reads, the report a table, bad rows an exit of 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from cli.main import build
from cli.output import Finding, WrongUse
from services.nomination.domain.spreadsheet import COLUMNS, CSV, MOST_BYTES, XLSX, lines_of
from services.nomination.spreadsheets import read_rows
from tests.unit.cli.fake_stack import FakeStack, run

ROUTE = "/v1/nominations/import"
FAULT = {
    "code": "region-unknown",
    "cell": "C3",
    "heading": "kode",
    "value": "75.99",
    "message": {"id": "75.99 bukan wilayah.", "en": "75.99 is no region."},
    "remedy": {"id": "Kirim kode resmi.", "en": "Send an official code."},
}
GOOD = {"row": 2, "status": "nominated", "candidate": "Kota Gorontalo", "code": "75.71", "errors": []}
BAD = {"row": 3, "status": "bad", "errors": [FAULT]}


def report(*rows: dict[str, Any], **also: Any) -> dict[str, Any]:
    counts = {"nominated": 0, "already": 0, "bad": 0, "skipped": 0}
    for row in rows:
        counts[row["status"]] += 1
    about = {"season": "2020", "mode": "all-or-nothing", "dry_run": False, "file": "ab" * 32}
    return {**about, "counts": counts, "rows": list(rows), **also}


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    file = tmp_path / "usulan.csv"
    file.write_text("kategori;jenis\n", "utf-8")
    return file


def imported(file: Path, *options: str) -> Result:
    return run("nominate", "import", str(file), "--season", "2020", "--login", "sekretariat-75", *options)


@pytest.mark.parametrize(("name", "media_type"), [("a.xlsx", XLSX), ("a.CSV", CSV)])
def test_a_template_is_what_the_service_reads(tmp_path: Path, name: str, media_type: str):
    file = tmp_path / name
    assert run("nominate", "template", str(file)).exit_code == 0
    (line,) = lines_of(read_rows(file.read_bytes(), media_type))
    assert line.number == 2  # type: ignore[union-attr]
    assert set(line.cells) == {column.field for column in COLUMNS}  # type: ignore[union-attr]


def test_a_templates_columns_are_kept_as_text(tmp_path: Path):
    file = tmp_path / "a.xlsx"
    run("nominate", "template", str(file))
    sheet = openpyxl.load_workbook(file).worksheets[0]
    assert sheet["C2"].value == "75.71"
    assert sheet["C2"].number_format == sheet.column_dimensions["C"].number_format == "@"


def test_a_template_overwrites_nothing(listing: Path):
    before = listing.read_bytes()
    result = run("nominate", "template", str(listing))
    assert isinstance(result.exception, WrongUse)
    assert listing.read_bytes() == before


def test_a_report_is_a_table_and_ends_well(stack: FakeStack, listing: Path):
    stack.services["nomination"].answers[ROUTE] = (200, report(GOOD))
    result = imported(listing)
    assert result.exit_code == 0, result.output
    assert "1 diusulkan" in result.output
    assert "2    diusulkan  Kota Gorontalo (75.71)" in result.output
    assert stack.services["nomination"].tokens == ["Bearer a-token"]


@pytest.mark.parametrize(("language", "told"), [("id", "75.99 bukan wilayah."), ("en", "75.99 is no region.")])
def test_bad_rows_are_told_at_their_cells_and_end_with_1(stack: FakeStack, listing: Path, language: str, told: str):
    refused = {
        "type": "/problems/import-has-bad-rows",
        "status": 422,
        "report": report(GOOD | {"status": "skipped"}, BAD),
    }
    stack.services["nomination"].answers[ROUTE] = (422, refused)
    result = imported(listing, "--language", language)
    assert isinstance(result.exception, Finding)
    assert "none was" in str(result.exception)
    assert told in result.output
    assert "C3" in result.output
    assert {"id": "benar, belum diusulkan", "en": "good, not nominated"}[language] in result.output


def test_bad_rows_that_were_left_out_end_with_1_too(stack: FakeStack, listing: Path):
    stack.services["nomination"].answers[ROUTE] = (200, report(GOOD, BAD, mode="skip-bad"))
    result = imported(listing, "--skip-bad")
    assert isinstance(result.exception, Finding)
    assert "1 of 2 rows" in str(result.exception)


def test_the_report_for_programs_is_whole(stack: FakeStack, listing: Path):
    said = report(GOOD, dry_run=True)
    stack.services["nomination"].answers[ROUTE] = (200, said)
    assert json.loads(imported(listing, "--dry-run", "--json").stdout) == said


def test_what_was_nominated_and_ended_before_is_told(stack: FakeStack, listing: Path):
    again = GOOD | {"status": "already", "standing": "withdrawn"}
    stack.services["nomination"].answers[ROUTE] = (200, report(again))
    assert "sudah diusulkan (ditarik)" in imported(listing).output
    assert "already nominated (withdrawn)" in imported(listing, "--language", "en").output


def test_a_dry_run_says_what_would_be_done(stack: FakeStack, listing: Path):
    stack.services["nomination"].answers[ROUTE] = (200, report(GOOD, dry_run=True))
    assert "would be nominated" in imported(listing, "--dry-run", "--language", "en").output


def test_a_file_that_is_no_list_is_one_line_that_says_what_to_do(stack: FakeStack, listing: Path):
    problem = {"title": "The file cannot be read", "errors": [{"field": "J1", "remedy": "Remove the column."}]}
    stack.services["nomination"].answers[ROUTE] = (422, problem)
    result = imported(listing)
    assert isinstance(result.exception, WrongUse)
    assert str(result.exception) == "The file cannot be read: J1: Remove the column."


def test_a_file_of_another_kind_or_size_is_not_sent(stack: FakeStack, tmp_path: Path):
    (tmp_path / "a.ods").write_bytes(b"x")
    (tmp_path / "a.csv").write_bytes(b"x" * (MOST_BYTES + 1))
    for file, says in (("a.ods", "neither .csv nor .xlsx"), ("a.csv", "at most"), ("b.csv", "cannot be read")):
        result = imported(tmp_path / file)
        assert isinstance(result.exception, WrongUse)
        assert says in str(result.exception)
    assert stack.services["nomination"].asked == []


def test_both_commands_have_an_example_in_their_help():
    for command in ("import", "template"):
        assert "Example: paritrana nominate" in CliRunner().invoke(build(), ["nominate", command, "--help"]).output
