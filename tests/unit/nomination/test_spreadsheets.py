"""Specs of files that hold lists: what is read of them, what is refused with what to do, and within which bounds."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.nomination.domain.spreadsheet import CSV, MOST_ROWS, XLSX, ErrorValue, Formula
from services.nomination.spreadsheets import Unreadable, read_rows

HEAD = "kategori;jenis;nama"


def xlsx(*rows: Iterable[Any]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in rows:
        sheet.append(list(cells))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """Return a workbook with one part replaced or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
        if name not in old.namelist():
            new.writestr(name, content)
    return file.getvalue()


def remedy_of(data: bytes, media_type: str = XLSX) -> str:
    with pytest.raises(Unreadable) as raised:
        read_rows(data, media_type)
    fault = raised.value.fault
    assert fault.remedy.en
    assert fault.remedy.id
    return fault.remedy.en


# --- CSV -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_read_with_any_of_the_usual_delimiters(delimiter, mark, end):
    text = f"{HEAD}{end}KABKOTA;kota;Kota Gorontalo{end}".replace(";", delimiter)
    rows = read_rows(mark + text.encode(), CSV)
    assert [(row.number, row.cells) for row in rows] == [
        (1, ("kategori", "jenis", "nama")),
        (2, ("KABKOTA", "kota", "Kota Gorontalo")),
    ]


def test_rows_are_counted_as_a_spreadsheet_shows_them():
    text = f'{HEAD}\n\n"a\nb";c;d\ne;f;g\n'
    assert [row.number for row in read_rows(text.encode(), CSV)] == [1, 3, 4]


def test_excels_own_first_line_names_the_delimiter_and_is_no_row():
    rows = read_rows(b"sep=,\nkategori,jenis\na,b;c\n", CSV)
    assert [(row.number, row.cells) for row in rows] == [(1, ("kategori", "jenis")), (2, ("a", "b;c"))]


def test_a_comma_in_a_name_does_not_decide_the_delimiter():
    rows = read_rows(b"kategori;nama, lengkap;jenis\na;b, c;d\n", CSV)
    assert rows[1].cells == ("a", "b, c", "d")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("kategori;nama\nKABKOTA;Café\n".encode("cp1252"), "CSV UTF-8"),
        ("kategori;nama\n".encode("utf-16"), "UTF-16"),
        (b"kategori\0;nama\n", "NUL"),
        (b"PK\x03\x04rest", "workbook and no CSV"),
        (b'kategori;nama\n"a"b;c\n', "Correct row 2"),
        (b'kategori;nama\n"a;b\n', "Correct row 2"),
        (b"kategori;" * 300, "wider than"),
    ],
)
def test_a_csv_that_cannot_be_read_surely_says_what_to_do(data, says):
    assert says in remedy_of(data, CSV)


def test_a_csv_of_many_rows_is_not_read_to_its_end():
    rows = read_rows(b"kategori\n" + b"x\n" * 500_000, CSV)
    assert len(rows) == MOST_ROWS + 2


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([CSV, XLSX]))
def test_whatever_bytes_are_sent_they_are_read_or_refused(data, media_type):
    with suppress(Unreadable):  # anything else that is raised fails
        read_rows(data, media_type)


# --- XLSX ----------------------------------------------------------------------------------------------------------


def test_the_cells_of_a_workbook_are_what_was_written():
    moment = datetime.fromisoformat("2021-01-11")
    rows = read_rows(xlsx(("kode", "nama"), ("75.71", 75.71), (), (True, moment), ("=A1", 3)), XLSX)
    assert [row.number for row in rows] == [1, 2, 4, 5]
    assert rows[1].cells == ("75.71", 75.71)
    assert rows[2].cells == (True, moment)
    assert rows[3].cells == (Formula("=A1"), 3)


def test_an_error_value_is_told_from_a_text():
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "#REF!"
    sheet["A1"].data_type = "e"
    assert read_rows(saved(book), XLSX)[0].cells == (ErrorValue("#REF!"),)


def test_the_first_visible_sheet_counts():
    book = openpyxl.Workbook()
    hidden = book.active
    assert hidden is not None
    hidden["A1"] = "hidden"
    hidden.sheet_state = "hidden"
    book.create_sheet("daftar")["B2"] = "shown"
    rows = read_rows(saved(book), XLSX)
    assert [(row.number, row.cells) for row in rows] == [(2, (None, "shown"))]


def test_a_sheets_own_word_on_its_size_is_not_believed():
    data = xlsx(("a", "b"), ("c", "d"), ("e", "f"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b'ref="A1:B3"' in sheet
    lying = with_part(data, "xl/worksheets/sheet1.xml", sheet.replace(b'ref="A1:B3"', b'ref="A1:A1"'))
    assert [row.cells for row in read_rows(lying, XLSX)] == [("a", "b"), ("c", "d"), ("e", "f")]


def sheet_of(rows: str) -> bytes:
    """Return a workbook whose sheet has these rows, as XML."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    return with_part(xlsx(("a",)), "xl/worksheets/sheet1.xml", text.encode())


def test_a_row_far_below_ends_the_reading():
    far = sheet_of('<row r="999999999"><c r="A999999999"><v>1</v></c></row>')
    assert "below row" in remedy_of(far)


def test_a_column_far_out_ends_the_reading():
    assert "wider than" in remedy_of(sheet_of('<row r="1"><c r="XFD1"><v>1</v></c></row>'))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no workbook"),
        (b"PK\x03\x04 and nothing", "no workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "password"),
        (b"kategori;nama\n", "no workbook"),
        (xlsx(("a",))[:-40], "no workbook"),
        (with_part(xlsx(("a",)), "xl/workbook.xml", b"<workbook/>"), "no sheet"),
        (with_part(xlsx(("a",)), "xl/worksheets/sheet1.xml", b"<not<xml"), "no workbook"),
    ],
)
def test_what_is_no_workbook_says_what_to_do(data, says):
    assert says in remedy_of(data)


def test_entities_are_never_unfolded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    for part in (bomb, bomb.decode().encode("utf-16")):
        assert "no workbook" in remedy_of(with_part(xlsx(("a",)), "xl/worksheets/sheet1.xml", part))


@pytest.mark.parametrize(
    "content",
    [
        bytes(200 * (1 << 20)),  # unpacks to far more than a list is
        b"<x>" * 2_000_000,  # small, yet an object for each
        b"<styleSheet>" + b"<xf/>" * 400_000,
    ],
    ids=["zeros", "elements", "styles"],
)
def test_a_bomb_is_refused_in_bounded_memory(content):
    bomb = with_part(xlsx(("a",)), "xl/styles.xml", content)
    del content
    tracemalloc.start()
    try:
        assert "far more than a list" in remedy_of(bomb)
        assert tracemalloc.get_traced_memory()[1] < 32 * (1 << 20)
    finally:
        tracemalloc.stop()


def test_an_archive_that_lies_about_its_sizes_is_refused():
    data = bytearray(with_part(xlsx(("a",)), "xl/styles.xml", bytes(50 * (1 << 20))))
    place = data.rfind(b"xl/styles.xml") - 46  # its entry in the central directory (APPNOTE 4.3.12)
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    assert remedy_of(bytes(data))


def test_as_much_markup_as_is_allowed_stays_within_memory():
    cells = "".join(f'<c r="A{row}"><v>1</v></c>' for row in range(1, 2))
    rows = "".join(f'<row r="{row}">{cells}</row>' for row in range(1, 2000))
    data = sheet_of(rows)
    tracemalloc.start()
    try:
        assert len(read_rows(data, XLSX)) == 1999
        assert tracemalloc.get_traced_memory()[1] < 64 * (1 << 20)
    finally:
        tracemalloc.stop()


def test_a_list_of_full_length_is_read():
    rows = [("KABKOTA", "kota", "75.71", "Kota Gorontalo", None, None, "75", "3f0c8e1a-7d52-4b96-9c2e-5a1b7f40d863")]
    read = read_rows(xlsx(("kategori",), *rows * MOST_ROWS), XLSX)
    assert len(read) == MOST_ROWS + 1
