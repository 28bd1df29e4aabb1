"""Lists that people send as files, CSV (RFC 4180) or XLSX (ECMA-376), read to rows of cells within bounds.

What cannot be read surely is refused with what to do: another encoding than UTF-8, a workbook that is no workbook.
A workbook is looked through by `kernel.workbook` before openpyxl sees it; then openpyxl reads the first sheet row by
row, never the sheet's own word on its size.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, assert_never

import openpyxl
from openpyxl.cell import Cell, MergedCell
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell

from kernel.decider import FieldFault, Text
from kernel.workbook import LAST_COLUMN, LAST_ROW, UnfitWorkbook, check_workbook
from services.nomination.domain.spreadsheet import (
    CSV,
    MOST_ROWS,
    XLSX,
    ErrorValue,
    Formula,
    Row,
    Value,
    is_blank,
    is_heading,
)

_AnyCell = EmptyCell | ReadOnlyCell | Cell | MergedCell
_PLAIN: Final = (str, int, float, bool, datetime, date, time, timedelta)
_DELIMITERS: Final = (";", ",", "\t")
_CODEPAGE_REMEDY: Final = Text(
    "The file is not UTF-8 (an older Windows encoding, it seems). In Excel choose Save As and the type "
    "'CSV UTF-8 (comma delimited)', or send the workbook itself (.xlsx).",
    "Berkas ini bukan UTF-8 (tampaknya pengodean Windows lama). Di Excel pilih Simpan Sebagai dengan jenis "
    "'CSV UTF-8 (Comma delimited)', atau kirim buku kerjanya (.xlsx).",
)


class Unreadable(Exception):
    """The file cannot be read as a list; `fault` says what to do."""

    def __init__(self, english: str, indonesian: str, cell: str = "body", value: str | None = None) -> None:
        super().__init__(english)
        self.fault = FieldFault(cell, value, Text(english, indonesian))


def read_rows(data: bytes, media_type: str) -> list[Row]:
    """Return the rows of a file that are not empty; raise Unreadable. It takes time, so not for an event loop."""
    rows = _csv(data) if media_type == CSV else _xlsx(data)
    found: list[Row] = []
    for row in rows:
        if len(row.cells) > LAST_COLUMN:
            raise _too_wide()
        if not all(map(is_blank, row.cells)):
            found.append(row)
        if len(found) > MOST_ROWS + 1:  # the headings and one row too many: no need to see the rest
            break
        if row.number > LAST_ROW:
            raise _too_long()
    return found


# --- CSV -----------------------------------------------------------------------------------------------------------


def _csv(data: bytes) -> Iterator[Row]:
    text = _decoded(data)
    head, _, rest = text.partition("\n")
    said = head.strip().lower()
    if said.startswith("sep=") and len(said) == len("sep=") + 1:  # Excel's own first line, which it does not show
        delimiter, text = said[-1], rest
    else:
        delimiter = _delimiter(text)
    number = 0
    try:
        for number, cells in enumerate(_records(text, delimiter), start=1):
            yield Row(number, tuple(cells))
    except csv.Error as error:
        raise Unreadable(
            f"Correct row {number + 1}: {error}.",
            f"Perbaiki baris {number + 1}: tanda kutip atau pemisahnya tidak sesuai ({error}).",
        ) from None


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(
            "The file is UTF-16. Save it as 'CSV UTF-8 (comma delimited)', or send the workbook itself (.xlsx).",
            "Berkas ini UTF-16. Simpan sebagai 'CSV UTF-8 (Comma delimited)', atau kirim buku kerjanya (.xlsx).",
        )
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable(
            f"This is a workbook and no CSV. Send it with Content-Type {XLSX}.",
            f"Ini buku kerja, bukan CSV. Kirim dengan Content-Type {XLSX}.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(_CODEPAGE_REMEDY.en, _CODEPAGE_REMEDY.id) from None
    if "\0" in text:
        raise Unreadable("The file holds NUL characters: it is no text.", "Berkas memuat karakter NUL: ini bukan teks.")
    return text


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _delimiter(text: str) -> str:
    """Return what parts the headings: the delimiter under which most of them are known."""
    return max(_DELIMITERS, key=lambda delimiter: sum(map(is_heading, _first_record(text, delimiter))))


def _first_record(text: str, delimiter: str) -> list[str]:
    try:
        return next((cells for cells in _records(text, delimiter) if not all(map(is_blank, cells))), [])
    except csv.Error:
        return []


# --- XLSX ----------------------------------------------------------------------------------------------------------


def _xlsx(data: bytes) -> Iterator[Row]:
    _check_archive(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            sheet = next((each for each in book.worksheets if each.sheet_state == "visible"), None)
            if sheet is None:
                raise Unreadable("The workbook has no sheet.", "Buku kerja ini tidak memiliki lembar.")
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                yield Row(number, tuple(map(_value, cells)))
        finally:
            book.close()
    except Unreadable:
        raise
    except Exception as error:
        raise _no_workbook() from error


def _value(cell: _AnyCell) -> Value:
    """Return what a person would say stands in a cell."""
    value = cell.value
    if cell.data_type == "f":
        return Formula(value if isinstance(value, str) else "=")
    if cell.data_type == "e":
        return ErrorValue(str(value))
    return value if value is None or isinstance(value, _PLAIN) else str(value)


def _check_archive(data: bytes) -> None:
    """Refuse, with what to do, an archive that is no workbook or more than a list needs."""
    try:
        check_workbook(data)
    except UnfitWorkbook as unfit:
        match unfit.fault:
            case "legacy":
                raise Unreadable(
                    "This is an older or a password-protected workbook. Save it without a password as .xlsx.",
                    "Ini buku kerja lama atau berkata sandi. Simpan tanpa kata sandi sebagai .xlsx.",
                ) from None
            case "too-much":
                raise _too_much() from None
            case "no-workbook":
                raise _no_workbook() from None
            case _:
                assert_never(unfit.fault)


# --- what is wrong -------------------------------------------------------------------------------------------------


def _no_workbook() -> Unreadable:
    return Unreadable(
        "The file is no workbook that can be read. Open it in a spreadsheet program and save it as .xlsx.",
        "Berkas ini bukan buku kerja yang dapat dibaca. Buka di program lembar kerja lalu simpan sebagai .xlsx.",
    )


def _too_much() -> Unreadable:
    return Unreadable(
        "The workbook holds far more than a list of nominations. Copy the filled rows into a new workbook.",
        "Buku kerja ini memuat jauh lebih banyak daripada daftar usulan. Salin baris yang terisi ke buku kerja baru.",
    )


def _too_wide() -> Unreadable:
    return Unreadable(
        f"The sheet is wider than {LAST_COLUMN} columns. Copy the filled columns into a new sheet.",
        f"Lembar ini lebih lebar dari {LAST_COLUMN} kolom. Salin kolom yang terisi ke lembar baru.",
    )


def _too_long() -> Unreadable:
    return Unreadable(
        f"The sheet goes on below row {LAST_ROW}. Copy the filled rows into a new sheet.",
        f"Lembar ini berlanjut di bawah baris {LAST_ROW}. Salin baris yang terisi ke lembar baru.",
    )
