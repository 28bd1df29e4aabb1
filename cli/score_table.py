"""A table of marks as members keep it: CSV or XLSX, one nominee a row, one aspect a column.

The first row names the columns: `nomination` (its id) or `candidate` (official code or name), and one column for each
aspect by its code; `name` is for the reader only. An empty cell leaves an aspect unmarked, `n/a` (or `tidak berlaku`)
says that it does not apply, which is never 0. Marks are read as the locale writes decimals (87,5 or 87.5), and what it
cannot tell apart is a fault of its cell, never a guess. A cell that a spreadsheet holds as a number is that number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from cli.output import WrongUse
from kernel.workbook import LAST_COLUMN, LAST_ROW, UnfitWorkbook, check_workbook
from kernel.workbook import Fault as Unfitness
from schemas.exact import Locale, NotExact, parse_decimal

MAX_ROWS: Final = 5_000
MAX_BYTES: Final = 10_000_000
NOT_APPLICABLE: Final = frozenset({"n/a", "na", "tidak berlaku", "tb"})
_NOMINATION: Final = frozenset({"nomination", "usulan"})
_CANDIDATE: Final = frozenset({"candidate", "kandidat", "calon"})
_IGNORED: Final = frozenset({"name", "nama", "no", "no."})
_ASPECT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DELIMITERS: Final = (";", "\t", ",")
_UNFIT: Final[Mapping[Unfitness, str]] = {
    "legacy": "is an older or a password-protected workbook: save it without a password as .xlsx",
    "no-workbook": "is no XLSX workbook: save it as .xlsx or as CSV UTF-8",
    "too-much": "holds far more than a table of marks: copy the filled rows into a new workbook",
}

Cell = str | Decimal | None
"""What a cell holds: a text, a number that the spreadsheet keeps as one, or nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, in which cell, and what to write instead, in both languages."""

    code: str
    cell: str
    value: str
    en: str
    id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One nominee's marks: who is meant, and each mark as plain digits with a point (None: does not apply)."""

    number: int
    nomination: str | None
    candidate: str | None
    marks: Mapping[str, str | None]
    cells: Mapping[str, str]
    """Where each aspect's mark stands, for example C5."""
    place: str
    """Where it stands who is meant, for example A5."""
    blank: Mapping[str, str]
    """The aspects whose cells are empty, and where."""
    faults: tuple[Fault, ...] = ()


def read_table(file: Path, locale: Locale) -> list[Row]:
    """Read every row; raise WrongUse for a file that is no such table."""
    lines = iter(_lines(file))
    head = next(lines, None)
    if head is None:
        raise WrongUse(f"{file} is empty: its first row names the columns, for example candidate;kebijakan;kinerja")
    columns = _columns(file, [str(cell or "").strip().lower() for cell in head])
    rows = [
        _row(number, cells, columns, locale)
        for number, cells in enumerate(lines, start=2)
        if any(cell not in (None, "") for cell in cells)
    ]
    if not rows:
        raise WrongUse(f"{file} holds no row below its head")
    if len(rows) > MAX_ROWS:
        raise WrongUse(f"{file} holds {len(rows)} rows: send at most {MAX_ROWS} in one file")
    return rows


# --- the file ------------------------------------------------------------------------------------------------------


def _lines(file: Path) -> Iterable[Sequence[Cell]]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise WrongUse(f"{file} is larger than {MAX_BYTES // 1_000_000} MB: split it")
    return _sheet(file, data) if file.suffix.lower() in (".xlsx", ".xlsm") else _separated(file, data)


def _separated(file: Path, data: bytes) -> list[list[str]]:
    """Read CSV, with the delimiter that splits its head into most columns: a semicolon where commas are decimal."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is not UTF-8: save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        return [
            [cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        ]
    except csv.Error as error:
        raise WrongUse(f"{file} is no CSV: {error}") from None


def _sheet(file: Path, data: bytes) -> Iterator[list[Cell]]:
    """Read the first sheet of a workbook; formulas count with the values that were saved with them."""
    try:
        check_workbook(data)
    except UnfitWorkbook as unfit:
        raise WrongUse(f"{file} {_UNFIT[unfit.fault]}") from None
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for number, line in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > LAST_ROW or len(line) > LAST_COLUMN:
                raise WrongUse(f"{file} goes on below row {LAST_ROW} or beside column {LAST_COLUMN}: copy its rows out")
            yield [_cell(value) for value in line]
    except WrongUse:
        raise
    except Exception as error:
        # What openpyxl raises at a broken part is whatever its parts raise.
        raise WrongUse(f"{file} {_UNFIT['no-workbook']}") from error


def _cell(value: object) -> Cell:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # The shortest decimal that is this number, which is the one that was typed.
        return Decimal(repr(value))
    return str(value).strip()


# --- columns -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    nomination: int | None
    candidate: int | None
    aspects: Mapping[str, int]
    width: int


def _columns(file: Path, names: Sequence[str]) -> _Columns:
    aspects: dict[str, int] = {}
    keys: dict[str, int] = {}
    for index, name in enumerate(names):
        key = "nomination" if name in _NOMINATION else "candidate" if name in _CANDIDATE else ""
        known = keys if key else aspects
        if not name or name in _IGNORED:
            continue
        if not key and not _ASPECT.fullmatch(name):
            raise WrongUse(f"{file}: the column {name!r} is no aspect's code; write it as the rubric does, or `name`")
        if (key or name) in known:
            raise WrongUse(f"{file}: the column {name!r} stands there twice")
        known[key or name] = index
    if not keys:
        raise WrongUse(f"{file} lacks a column `nomination` or `candidate` that says whom each row is about")
    if not aspects:
        raise WrongUse(f"{file} lacks columns of marks: name them by the aspects' codes, for example kebijakan")
    return _Columns(keys.get("nomination"), keys.get("candidate"), aspects, len(names))


# --- rows ----------------------------------------------------------------------------------------------------------


def _row(number: int, cells: Sequence[Cell], columns: _Columns, locale: Locale) -> Row:
    marks: dict[str, str | None] = {}
    places: dict[str, str] = {}
    blank: dict[str, str] = {}
    faults = [_surplus(number, columns)] if any(cell not in (None, "") for cell in cells[columns.width :]) else []
    for aspect, index in columns.aspects.items():
        value = _at(cells, index)
        place = f"{get_column_letter(index + 1)}{number}"
        if value in (None, ""):
            blank[aspect] = place
            continue
        mark = _mark(value, place, locale)
        if isinstance(mark, Fault):
            faults.append(mark)
        else:
            marks[aspect], places[aspect] = mark, place
    nomination, candidate = _text(_at(cells, columns.nomination)), _text(_at(cells, columns.candidate))
    key = columns.nomination if nomination or columns.candidate is None else columns.candidate
    place = f"{get_column_letter((key or 0) + 1)}{number}"
    return Row(number, nomination.lower() or None, candidate or None, marks, places, place, blank, tuple(faults))


def _surplus(number: int, columns: _Columns) -> Fault:
    """Return the fault of a row with more cells than the head: most often a decimal comma that split a mark."""
    return Fault(
        "too-many-cells",
        f"{get_column_letter(columns.width + 1)}{number}",
        "",
        "The row has more cells than the head; with decimal commas, separate columns by semicolons.",
        "Baris ini memiliki lebih banyak sel daripada judulnya; dengan koma desimal, pisahkan kolom dengan titik koma.",
    )


def _at(cells: Sequence[Cell], index: int | None) -> Cell:
    return cells[index] if index is not None and index < len(cells) else None


def _text(value: Cell) -> str:
    """Return what names a nominee; a region's code that was kept as a number has lost the zero at its end."""
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return format(value.to_integral_value() if whole else value, "f" if whole else ".2f")
    return value or ""


def _mark(value: Cell, place: str, locale: Locale) -> str | Fault | None:
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    if text.lower() in NOT_APPLICABLE:
        return None
    try:
        return format(parse_decimal(text, locale), "f")
    except NotExact as error:
        example, mark = ("87,5", "koma") if locale == "id" else ("87.5", "titik")
        return Fault(
            "not-a-number",
            place,
            text,
            str(error),
            f"Tulis angka tanpa tanda ribuan dan tanpa nol di depan, dengan {mark} untuk desimal, misalnya {example}; "
            "tulis `n/a` bila tidak berlaku.",
        )
