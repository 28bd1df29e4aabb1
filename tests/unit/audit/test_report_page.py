"""The report as a page: what comes from the folder is escaped, nothing is fetched, and it can be read aloud."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.audit import app
from cli.output import Finding as Found
from cli.output import WrongUse
from kernel.tlog.notes import ED25519, NoteKey
from services.audit.checklist import CHECKS
from services.audit.findings import MOST_KEPT, Finding, Place
from services.audit.report import Given, Report
from services.audit.report_page import report_page
from services.audit.report_text import report_lines
from services.audit.verify import verify
from tests.unit.audit.exported import Log, small_log, write_export

VOID = {"meta"}
ATTRIBUTES = {"lang", "scope", "class", "charset", "name", "content", "http-equiv"}


class Read(HTMLParser):
    """Reads a page as a browser would, and fails where a tag is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def log_with_tree() -> Log:
    log = small_log()
    log.key = NoteKey.generate("audit.example/log", ED25519)
    return log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_export(log_with_tree(), tmp_path / "export")
    return tmp_path / "export"


def run(*arguments: object):
    return CliRunner().invoke(app, ["verify", *(str(one) for one in arguments)])


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_page_is_made_of_plain_tags_and_fetches_nothing(folder, language):
    page = report_page(verify(folder, workers=1), language)
    read = Read(page)
    kinds = {tag for tag, _ in read.tags}
    assert not kinds & {"script", "img", "link", "iframe", "object", "a", "form"}
    assert {name for _, attributes in read.tags for name in attributes} <= ATTRIBUTES
    assert "url(" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert ["default-src 'none'" in str(a["content"]) for _, a in read.tags if a.get("http-equiv")] == [True]


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_page_can_be_read_aloud(folder, language):
    read = Read(report_page(verify(folder, workers=1), language))
    assert dict(read.tags)["html"] == {"lang": language}
    assert next(tag for tag, _ in read.tags if tag in ("h1", "h2")) == "h1"
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in read.tags if tag == "th")
    tables = [tag for tag, _ in read.tags].count("table")
    # The last table is filled in by hand, below everything that a caption could name.
    assert [tag for tag, _ in read.tags].count("caption") == tables - 1
    assert all(check.name.in_(language) in read.text for check in CHECKS)
    assert all(check.proves.in_(language) in read.text for check in CHECKS)


def test_every_colour_can_be_told_from_the_paper(folder):
    page = report_page(verify(folder, workers=1), "en")
    colours = set(re.findall(r"(?<!-)color: (#[0-9a-f]{3,6})", page))
    assert len(colours) == 3
    for colour in colours:
        for paper in ("#ffffff", "#f2f2f2"):
            assert contrast(colour, paper) >= 7


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_a_folder_says_stays_a_text(file, stream, what, origin):
    evil = [Finding("leaf", Place(file, 3, stream, 1), what), Finding("root", Place(origin), what)]
    report = Report(None, digest_given=False, checkpoint=f"{origin} {stream} {file}", findings=evil, remarks=evil)
    report.given = Given(what, (file,), (origin,))
    report.signers = (what,)
    report.keys = [{"service": stream, "key_id": file, "public_key": what}]
    read = Read(report_page(report, "id"))
    assert {tag for tag, _ in read.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "ul", "li", "table"),
        *("caption", "thead", "tbody", "tr", "th", "td", "strong", "span"),
    }
    assert {name for _, attributes in read.tags for name in attributes} <= ATTRIBUTES


def test_a_file_called_as_a_script_is_shown_and_not_run(folder):
    name = "<script>alert(1)</script>\x1b[31m.jsonl"
    (folder / "events" / "paritrana.scores.v1" / name).parent.mkdir(exist_ok=True)
    (folder / "events" / "paritrana.scores.v1" / name.replace("/", "_")).write_bytes(b"")
    page = report_page(verify(folder, workers=1), "en")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\x1b[31m" in page
    assert "What to do: " in page
    assert CHECKS[0].remedy.en in Read(page).text


def test_the_page_says_what_was_brought_and_what_the_log_is(folder, tmp_path):
    key = next((folder / "keys").iterdir()).read_text().strip()
    kept = tmp_path / "kept"
    kept.write_bytes((folder / "checkpoint").read_bytes())
    ended = run(folder, "--vkey", key, "--checkpoint", kept, "--html", tmp_path / "a.html", "--lang", "id")
    assert ended.exit_code == 0
    text = Read((tmp_path / "a.html").read_text("utf-8")).text
    origin, size, root = kept.read_text().splitlines()[:3]
    assert text.count(key) == 2, "as it was brought, and as it signed"
    for said in (f"{origin} {size} {root}", origin, root, "Tidak ada temuan.", "tidak diberikan"):
        assert said in text
    assert "tidak ada temuan" in ended.output
    assert " 1 lolos           Berkas dan manifes" in ended.output


def test_one_folder_gives_one_page(folder):
    assert report_page(verify(folder, workers=1), "id") == report_page(verify(folder, workers=2), "id")


def test_a_damaged_folder_has_a_page_too(folder, tmp_path):
    (folder / "heads.jsonl").write_bytes(b"")
    ended = run(folder, "--html", tmp_path / "a.html", "--lang", "id")
    assert isinstance(ended.exception, Found)
    text = Read((tmp_path / "a.html").read_text("utf-8")).text
    assert "temuan: ekspor ini bukan seperti yang dicatat" in text
    assert "Yang perlu dilakukan" in text
    assert "TEMUAN" in ended.output
    assert "yang perlu dilakukan untuk 1" in ended.output


def test_more_findings_than_are_kept_are_counted(folder):
    found = [Finding("leaf", Place("x"), "y")] * MOST_KEPT
    report = verify(folder, workers=1)
    report.findings, report.left_out = found, 7
    assert any("… and 457 more" in line for line in report_lines(report))


@pytest.mark.parametrize("inside", [True, False])
def test_a_page_is_written_beside_the_folder_and_over_nothing(folder, tmp_path, inside):
    page = folder / "report.html" if inside else tmp_path / "report.html"
    if not inside:
        page.write_text("kept")
    ended = run(folder, "--html", page)
    assert isinstance(ended.exception, WrongUse)
    assert ("in the folder of the export" if inside else "already") in str(ended.exception)
    assert not inside or not page.exists()
    assert inside or page.read_text() == "kept"
