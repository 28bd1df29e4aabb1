"""`scores import`: how tables are read, what is sent for each row, and what is told of it."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from cli.output import Finding, WrongUse
from cli.score_table import read_table
from cli.scores import Filing, Report
from tests.unit.cli.fake_stack import FakeStack, run

N1, N2 = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
RANKING = "ranking/2020/provincial/75/KABKOTA/seleksi"
ASPECTS = [
    {"aspect": "kebijakan", "origin": "judged", "least": "0", "greatest": "100", "step": "0.5"},
    {"aspect": "kinerja", "origin": "judged", "least": "0", "greatest": "100", "step": "0.5"},
    {"aspect": "kepatuhan", "origin": "measured", "least": "0", "greatest": "100", "step": "0.01"},
]
RULES = {"aspects": ASPECTS, "complete_sheet": "every-judged-aspect"}


def on_desk(nomination: str, candidate: str, name: str, **changed: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "ranking": RANKING,
        "tier": "provincial",
        "stage": "seleksi",
        "nomination": nomination,
        "candidate": candidate,
        "name": name,
        "status": "blank",
        "changed": None,
    }
    return usual | changed


DESK = [on_desk(N1, "75.03", "Kabupaten Bone Bolango"), on_desk(N2, "75.71", "Kota Gorontalo")]


def csv(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "nilai.csv"
    file.write_bytes("\r\n".join(lines).encode(encoding))
    return file


def xlsx(folder: Path, *rows: tuple[Any, ...]) -> Path:
    book, file = Workbook(), folder / "nilai.xlsx"
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr] # a new workbook has an active sheet
    book.save(file)
    return file


# --- reading -------------------------------------------------------------------------------------------------------


def changed(file: Path, part: str, content: bytes) -> Path:
    """Write a part of a workbook anew."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()} | {part: content}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
    return file


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<row/>" * 400_000, "far more than a table"),
        (b" " * (17 << 20), "far more than a table"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>', "no XLSX workbook"),
        (b"<worksheet", "no XLSX workbook"),
        (
            (
                b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
                b'<row r="1"><c r="XFD1" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>'
            ),
            "beside column 256",
        ),
    ],
    ids=["markup", "size", "entities", "broken", "wide"],
)
def test_a_workbook_that_would_take_all_memory_is_refused_at_once(tmp_path, content, says):
    file = changed(xlsx(tmp_path, ("candidate", "kebijakan"), ("75.03", 80)), SHEET, content)
    tracemalloc.start()
    try:
        with pytest.raises(WrongUse, match=says):
            read_table(file, "id")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_workbook_with_a_password_is_told_so(tmp_path):
    file = tmp_path / "nilai.xlsx"
    file.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    with pytest.raises(WrongUse, match="password"):
        read_table(file, "id")


def test_a_table_with_decimal_commas_and_semicolons(tmp_path):
    file = csv(tmp_path, "candidate;nama;kebijakan;kinerja", "75.03;Bone Bolango;87,5;90", "75.71;;;n/a")
    first, second = read_table(file, "id")
    assert (first.number, first.candidate, first.marks) == (2, "75.03", {"kebijakan": "87.5", "kinerja": "90"})
    assert first.cells == {"kebijakan": "C2", "kinerja": "D2"}
    assert second.marks == {"kinerja": None}, "an empty cell is left out, n/a does not apply"


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_with_points_and_any_delimiter(tmp_path, delimiter, encoding):
    lines = [delimiter.join(cells) for cells in (("nomination", "kinerja"), (N1.upper(), "87.50"))]
    (row,) = read_table(csv(tmp_path, *lines, encoding=encoding), "en")
    assert (row.nomination, row.marks) == (N1, {"kinerja": "87.50"})


def test_a_workbook_keeps_numbers_as_they_were_typed_and_texts_by_the_locale(tmp_path):
    file = xlsx(tmp_path, ("kandidat", "kebijakan", "kinerja"), (75.1, 87.5, "87,25"), ("75", 100, None), (None, None))
    first, second = read_table(file, "id")
    assert (first.candidate, first.marks) == ("75.10", {"kebijakan": "87.5", "kinerja": "87.25"})
    assert (second.candidate, second.marks) == ("75", {"kebijakan": "100"})


@pytest.mark.parametrize(
    ("locale", "text"), [("id", "87.5"), ("id", "1.250"), ("en", "87,5"), ("en", "1,250"), ("id", "x"), ("id", "8 7")]
)
def test_what_the_locale_cannot_tell_apart_is_a_fault_of_its_cell(tmp_path, locale, text):
    (row,) = read_table(csv(tmp_path, "candidate;kinerja", f"75.03;{text}"), locale)
    assert [(one.code, one.cell, one.value) for one in row.faults] == [("not-a-number", "B2", text)]
    assert row.marks == {}


def test_a_decimal_comma_that_splits_a_row_is_told_as_what_it_is(tmp_path):
    (row,) = read_table(csv(tmp_path, "candidate,kinerja", "75.03,87,5"), "id")
    assert [(one.code, one.cell) for one in row.faults] == [("too-many-cells", "C2")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "is empty"),
        (("candidate;kinerja",), "no row below its head"),
        (("kinerja;kebijakan", "1;2"), "lacks a column `nomination` or `candidate`"),
        (("candidate;name", "75.03;x"), "lacks columns of marks"),
        (("candidate;kinerja;kinerja", "75.03;1;2"), "stands there twice"),
        (("candidate;calon;kinerja", "75.03;75.03;2"), "stands there twice"),
        (("candidate;Kinerja (30%)", "75.03;1"), "is no aspect's code"),
    ],
)
def test_a_file_that_is_no_table_of_marks_is_told_so(tmp_path, lines, said):
    with pytest.raises(WrongUse, match=said.replace("(", "\\(")):
        read_table(csv(tmp_path, *lines), "id")


def test_bytes_that_are_no_table_are_told_so(tmp_path):
    with pytest.raises(WrongUse, match="not UTF-8"):
        read_table(csv(tmp_path, "candidate;kinerja", "Ð", encoding="latin-1"), "id")
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(WrongUse, match="no XLSX workbook"):
        read_table(broken, "id")
    with pytest.raises(WrongUse, match="cannot be read"):
        read_table(tmp_path / "missing.csv", "id")


# --- filing --------------------------------------------------------------------------------------------------------


class Scoring:
    """A scoring service that keeps sheets, for one member."""

    def __init__(self) -> None:
        self.sheets: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, Any, str]] = []
        self.refuse: Mapping[str, Any] | None = None
        self.lost = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET":
            found = self.sheets.get(path)
            return httpx.Response(200, json=found) if found else httpx.Response(404, json={"title": "none"})
        if self.lost:
            raise httpx.ConnectError("gone")
        body = json.loads(request.content)
        self.sent.append((path, body, request.headers["Idempotency-Key"]))
        if self.refuse is not None:
            return httpx.Response(409, json=dict(self.refuse))
        marks = {one["aspect"]: one.get("mark") for one in self.sheets.get(path, {"marks": []})["marks"]} | body[
            "marks"
        ]
        self.sheets[path] = {
            "status": "submitted" if body["submit"] else "draft",
            "marks": [{"aspect": aspect, "mark": mark} for aspect, mark in marks.items()],
        }
        return httpx.Response(200, json={"events": []})


@pytest.fixture
def scoring() -> Scoring:
    return Scoring()


def filed(scoring: Scoring, file: Path, **changed: Any) -> list[Report]:
    client = httpx.Client(transport=httpx.MockTransport(scoring), base_url="http://scoring")
    usual: dict[str, Any] = {"dry_run": False, "submit": True, "locale": "id", "desk": DESK, "rules": RULES}
    given = usual | changed
    filing = Filing(
        client, given["desk"], given["locale"], {RANKING: given["rules"]}, given["dry_run"], given["submit"]
    )
    return list(filing.run(read_table(file, given["locale"])))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;87,5;90", "Kota Gorontalo;80;n/a")


PATH1, PATH2 = (f"/v1/sheets/{one}/provincial/seleksi" for one in (N1, N2))


def outcomes(reports: list[Report]) -> list[str]:
    return [one.outcome for one in reports]


def test_each_row_is_filed_by_one_command_with_a_key_of_its_content(scoring, table):
    assert outcomes(filed(scoring, table)) == ["filed", "filed"]
    assert [(path, body["marks"], body["submit"]) for path, body, _ in scoring.sent] == [
        (PATH1, {"kebijakan": "87.5", "kinerja": "90"}, True),
        (PATH2, {"kebijakan": "80", "kinerja": None}, True),
    ]
    first, second = (key for _, _, key in scoring.sent)
    assert first != second
    again = Scoring()
    filed(again, table)
    assert [key for _, _, key in again.sent] == [first, second]


def test_what_is_filed_already_is_not_sent_again_and_is_told_so(scoring, table):
    filed(scoring, table)
    sent = len(scoring.sent)
    assert outcomes(filed(scoring, table)) == ["unchanged", "unchanged"]
    assert len(scoring.sent) == sent


def test_a_draft_gets_the_marks_that_are_missing_and_is_handed_in(scoring, table):
    scoring.sheets[PATH1] = {"status": "draft", "marks": [{"aspect": "kebijakan", "mark": "87.50"}]}
    filed(scoring, table)
    assert scoring.sent[0][1] == {"marks": {"kinerja": "90"}, "locale": "en", "submit": True}


def test_drafts_are_not_handed_in(scoring, table):
    assert outcomes(filed(scoring, table, submit=False)) == ["filed", "filed"]
    assert [body["submit"] for _, body, _ in scoring.sent] == [False, False]
    assert outcomes(filed(scoring, table, submit=False)) == ["unchanged", "unchanged"]
    assert outcomes(filed(scoring, table)) == ["filed", "filed"], "now they are handed in"


def test_a_voided_sheet_can_be_filed_with_the_same_marks_again(scoring, table):
    filed(scoring, table)
    scoring.sheets[PATH1]["status"] = "voided"
    desk = [on_desk(N1, "75.03", "Bone Bolango", changed="2021-02-10T08:00:00Z"), DESK[1]]
    assert outcomes(filed(scoring, table, desk=desk)) == ["filed", "unchanged"]
    assert scoring.sent[-1][2] != scoring.sent[0][2]


def test_one_fault_of_a_row_hides_no_other(scoring, tmp_path):
    file = csv(tmp_path, "name;candidate;kebijakan;kinerja", "x;75.03;187;abc", "x;99.99;80;90")
    first, second = filed(scoring, file)
    assert [(one["code"], one["cell"]) for one in first.faults] == [("not-a-number", "D2"), ("out-of-scale", "C2")]
    assert [(one["code"], one["cell"]) for one in second.faults] == [("not-on-your-desk", "B3")]


def test_a_dry_run_sends_nothing_and_foresees_what_the_marks_would_be_refused_for(scoring, tmp_path):
    file = csv(
        tmp_path,
        "candidate;kebijakan;kinerja;kepatuhan;wawancara",
        "75.03;187;80,25;;",
        "75.71;80;90;70;60",
    )
    first, second = filed(scoring, file, dry_run=True)
    assert [(one["code"], one["cell"], one["value"], one["remedy"]) for one in first.faults] == [
        ("marks-refused", "B2", "187", "Beri nilai dari 0 sampai 100."),
        ("marks-refused", "C2", "80,25", "Beri 0 atau kelipatan 0,5 di atasnya."),
    ]
    assert [(one["cell"], one["value"]) for one in second.faults] == [("D3", "70"), ("E3", "wawancara")]
    assert scoring.sent == []


def test_a_dry_run_says_of_an_empty_aspect_what_the_real_run_says(scoring, tmp_path):
    file = csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;;90", "75.71;;")
    first, second = filed(scoring, file, dry_run=True)
    assert (first.outcome, second.outcome) == ("refused", "refused")
    (fault,) = first.faults
    scoring.refuse = {
        "type": "/problems/sheet-incomplete",
        "detail": "Lembar nilai belum menilai: kebijakan.",
        "errors": [
            {
                "field": "marks.kebijakan",
                "value": None,
                "remedy": "Nilailah aspek ini, atau nyatakan tidak berlaku.",
            }
        ],
    }
    assert filed(scoring, file)[0].faults == (fault,)
    assert [(one["code"], one["remedy"]) for one in second.faults] == [
        (
            "nothing-to-submit",
            (
                "Lembar nilai ini belum berisi nilai. Nilailah paling sedikit satu dari: kebijakan, kinerja; atau "
                "jangan serahkan lembar ini, dan nyatakan benturan kepentingan bila ada."
            ),
        )
    ]


def test_a_dry_run_holds_no_draft_and_no_lenient_rubric_to_every_aspect(scoring, tmp_path):
    file = csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;;90")
    assert outcomes(filed(scoring, file, dry_run=True, submit=False)) == ["would-file"]
    lenient = {**RULES, "complete_sheet": "any-judged-aspect"}
    assert outcomes(filed(scoring, file, dry_run=True, rules=lenient)) == ["would-file"]
    scoring.sheets[PATH1] = {"status": "draft", "marks": [{"aspect": "kebijakan", "mark": "80"}]}
    assert outcomes(filed(scoring, file, dry_run=True)) == ["would-file"], "the draft has the other mark"


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_a_row_leaves_blank_is_told_with_what_it_means(scoring, tmp_path, dry_run):
    scoring.sheets[PATH2] = {"status": "draft", "marks": [{"aspect": "kinerja", "mark": "80"}]}
    file = csv(tmp_path, "candidate;kebijakan;kinerja;kepatuhan", "75.03;80;;", "75.71;80;;", "75.01;x;;")
    lenient = RULES | {"complete_sheet": "any-judged-aspect"}
    desk = [*DESK, on_desk("33333333-3333-4333-8333-333333333333", "75.01", "Kabupaten Boalemo")]
    first, second, third = filed(scoring, file, dry_run=dry_run, rules=lenient, locale="en", desk=desk)
    told = [[(one["aspect"], one["cell"]) for one in row.blank] for row in (first, second, third)]
    assert told == [[("kinerja", "C2")], [("kinerja", "C3")], [("kinerja", "C4")]], "a measured aspect is not marked"
    assert "neither 0 nor `n/a`" in first.blank[0]["means"]
    assert second.blank[0]["means"] == "Left blank: what was filed before stays."
    assert (first.outcome, third.outcome) == ("would-file" if dry_run else "filed", "refused")


def test_a_dry_run_takes_no_sheet_on_which_nothing_applies(scoring, tmp_path):
    file = csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;n/a;n/a")
    (row,) = filed(scoring, file, dry_run=True)
    assert [one["code"] for one in row.faults] == ["nothing-to-submit"]


def test_a_dry_run_knows_what_is_filed_otherwise(scoring, tmp_path):
    scoring.sheets[PATH1] = {"status": "draft", "marks": [{"aspect": "kinerja", "mark": "80"}]}
    scoring.sheets[PATH2] = {"status": "submitted", "marks": [{"aspect": "kinerja", "mark": "80"}]}
    file = csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;70;90,5", "75.71;70;90")
    first, second = filed(scoring, file, dry_run=True)
    assert [(one["code"], one["cell"], one["value"]) for one in first.faults] == [("already-filed", "C2", "90,5")]
    assert [one["code"] for one in second.faults] == ["already-submitted"]


def test_a_refused_mark_is_told_as_the_table_writes_it(scoring, tmp_path):
    scoring.refuse = {
        "type": "/problems/off-step",
        "errors": [{"field": "marks.kinerja", "value": "80.25", "remedy": "Beri 0 atau kelipatan 0,5 di atasnya."}],
    }
    file = csv(tmp_path, "candidate;kebijakan;kinerja", "75.03;80;80,25")
    (sent,) = filed(scoring, file)
    (foreseen,) = filed(scoring, file, dry_run=True)
    assert sent.faults == foreseen.faults
    assert sent.faults[0]["value"] == "80,25"


def test_a_refused_row_has_the_services_own_words_with_the_cell_and_the_others_go_on(scoring, table):
    scoring.refuse = {
        "type": "/problems/out-of-scale",
        "detail": "Tidak ada yang disimpan.",
        "errors": [{"field": "marks.kinerja", "value": "90", "remedy": "Beri nilai dari 0 sampai 80."}],
    }
    first, second = filed(scoring, table)
    assert first.faults == (
        {"code": "out-of-scale", "cell": "C2", "value": "90", "remedy": "Beri nilai dari 0 sampai 80."},
    )
    assert (first.outcome, second.outcome) == ("refused", "refused")
    scoring.refuse = {
        "type": "/problems/recused",
        "detail": "Benturan.",
        "errors": [{"field": "path.nomination", "remedy": "Lain."}],
    }
    assert filed(scoring, table)[0].faults[0]["remedy"] == "Benturan. Lain."


def test_when_the_service_is_lost_the_rest_is_not_sent(scoring, table):
    scoring.lost = True
    assert outcomes(filed(scoring, table)) == ["not-sent", "not-sent"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("75.99", "not-on-your-desk"),
        ("Gorontalo", "not-on-your-desk"),
        ("Kab. Bone Bolango", ""),
        ("kota gorontalo", ""),
    ],
)
def test_a_row_means_one_sheet_by_code_by_name_or_by_customary_name(scoring, tmp_path, written, code):
    (report,) = filed(scoring, csv(tmp_path, "candidate;kinerja", f"{written};90"))
    assert [one["code"] for one in report.faults] == ([code] if code else [])


def test_a_candidate_with_two_sheets_and_a_nominee_in_two_rows_are_not_guessed(scoring, tmp_path):
    verifying = on_desk(N2, "75.03", "Kabupaten Bone Bolango", ranking=RANKING.replace("KABKOTA", "LAIN"))
    file = csv(tmp_path, "candidate;kinerja", "75.03;90")
    (report,) = filed(scoring, file, desk=[DESK[0], verifying])
    assert [one["code"] for one in report.faults] == ["several-sheets"]
    file = csv(tmp_path, "nomination;candidate;kinerja", f"{N1};;90", ";75.03;91")
    assert [one.outcome for one in filed(scoring, file)] == ["filed", "refused"]
    assert len(scoring.sent) == 1


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def known(stack: FakeStack) -> FakeStack:
    stack.services["scoring"].answers |= {
        "/v1/sheets": (200, {"items": DESK, "next": None}),
        "/v1/rankings": (200, {"items": [{"ranking": RANKING, **RULES}], "next": None}),
        PATH1: (200, {"status": "draft", "marks": []}),
        PATH2: (200, {"status": "submitted", "marks": [{"aspect": "kebijakan", "mark": "80"}, {"aspect": "kinerja"}]}),
    }
    return stack


def test_the_command_tells_each_row_and_ends_well(known, table):
    ended = run("scores", "import", str(table), "--login", "panitia-75-1", "--json")
    assert ended.exit_code == 0, ended.exception
    said = json.loads(ended.output)
    assert [(one["row"], one["outcome"], one["candidate"]) for one in said["rows"]] == [
        (2, "filed", "75.03"),
        (3, "unchanged", "75.71"),
    ]
    assert f"POST {PATH1}" in known.services["scoring"].asked


def test_the_command_ends_with_a_finding_when_rows_were_refused(known, tmp_path):
    file = csv(tmp_path, "candidate;kinerja", "75.03;87.5", "75.71;n/a")
    ended = run("scores", "import", str(file), "--login", "panitia-75-1", "--dry-run")
    assert isinstance(ended.exception, Finding)
    assert "1 of 2 rows were refused" in str(ended.exception)
    assert "B2 '87.5': Tulis angka tanpa tanda ribuan" in ended.output
    assert not any(asked.startswith("POST") for asked in known.services["scoring"].asked)


def test_the_command_says_how_to_go_on_when_the_service_was_lost(known, table):
    known.services["scoring"].answers[PATH1] = (503, {"title": "draining"})
    ended = run("scores", "import", str(table), "--login", "panitia-75-1")
    assert isinstance(ended.exception, WrongUse)
    assert "2 rows were not sent; run the same command again" in str(ended.exception)


def test_a_locale_that_is_none_is_told_before_anything_is_asked(known, table):
    ended = run("scores", "import", str(table), "--locale", "fr")
    assert isinstance(ended.exception, WrongUse)
    assert known.services["scoring"].asked == []
