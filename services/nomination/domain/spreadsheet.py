"""A list of nominations as a person wrote it: rows of cells under headings, whatever program kept them.

Rows and cells are named as the person sees them in the sheet (`C7`). What a spreadsheet may have changed on its own (a
code kept as a number, a date made of one, a formula) is told from what was written, and never guessed back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from kernel.decider import FieldFault, Text

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES: Final = (CSV, XLSX)
"""What a list may be sent as."""
MOST_BYTES: Final = 2 * (1 << 20)
MOST_ROWS: Final = 2000
"""How many nominations one list holds at most."""
_BLANK: Final = frozenset({"", "-", "\u2013", "\u2014"})
"""A dash is how many people leave a cell empty."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that is computed; `text` is its formula."""

    text: str


@dataclass(frozen=True, slots=True)
class ErrorValue:
    """A cell whose computation failed, `#REF!` and the like."""

    text: str


Value = str | int | float | bool | datetime | date | time | timedelta | Formula | ErrorValue | None


class Row(NamedTuple):
    """One row: its number in the sheet, from 1, and its cells from column A on."""

    number: int
    cells: tuple[Value, ...]


class Column(NamedTuple):
    """A column by its headings in Indonesian and English, and whether a list must have it."""

    field: str
    id: str
    en: str
    required: bool = False


COLUMNS: Final = (
    Column("category", "kategori", "category", required=True),
    Column("kind", "jenis", "kind", required=True),
    Column("code", "kode", "code"),
    Column("name", "nama", "name"),
    Column("size_class", "skala", "size_class"),
    Column("region", "wilayah", "region"),
    Column("nominating_body", "pengusul", "nominating_body", required=True),
    Column("contact", "narahubung", "contact", required=True),
    Column("sample", "contoh", "sample"),
    Column("sector", "sektor", "sector"),
)
_OF_HEADING: Final = {heading: column for column in COLUMNS for heading in (column.id, column.en)}
_KNOWN: Final = ", ".join(column.id for column in COLUMNS)
_KNOWN_EN: Final = ", ".join(column.en for column in COLUMNS)


def cell_name(column: int, row: int) -> str:
    """Return a cell as spreadsheets name it: column 0 of row 7 is `A7`."""
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


class Cell(NamedTuple):
    """One cell of a line: its name in the sheet and what stands in it, texts without white space around them."""

    name: str
    value: Value

    @property
    def blank(self) -> bool:
        """Tell whether nothing stands in it."""
        return is_blank(self.value)


def is_blank(value: Value) -> bool:
    """Tell whether a cell is empty, or holds only white space or a dash."""
    return value is None or (isinstance(value, str) and value.strip() in _BLANK)


@dataclass(frozen=True, slots=True)
class Line:
    """One row under the headings: its cells by field, and those that hold something under no heading."""

    number: int
    cells: Mapping[str, Cell]
    stray: tuple[Cell, ...] = ()


def is_heading(value: Value) -> bool:
    """Tell whether a cell is one of the known headings."""
    return isinstance(value, str) and _folded(value) in _OF_HEADING


def _folded(heading: str) -> str:
    return re.sub(r"[\s_-]+", "_", heading.strip().casefold())


def lines_of(rows: Iterable[Row]) -> Sequence[Line] | tuple[FieldFault, ...]:
    """Return the lines below the first row that is not empty, which has the headings; or what is wrong with the whole.

    Empty rows are passed over. Headings stand in any order, in Indonesian or English.
    """
    filled = [row for row in rows if not all(is_blank(value) for value in row.cells)]
    if not filled:
        return (_EMPTY,)
    head, *rest = filled
    columns, faults = _headings(head)
    if faults:
        return tuple(faults)
    if not rest:
        return (_EMPTY,)
    if len(rest) > MOST_ROWS:
        return (_too_many(len(rest)),)
    return [_line(row, columns) for row in rest]


def _headings(head: Row) -> tuple[dict[int, str], list[FieldFault]]:
    """Return the field of every column that has a heading, and what is wrong with the headings."""
    columns: dict[int, str] = {}
    faults: list[FieldFault] = []
    for index, value in enumerate(head.cells):
        if is_blank(value):
            continue
        cell, told = cell_name(index, head.number), value if isinstance(value, str) else "?"
        column = _OF_HEADING.get(_folded(told))
        if column is None:
            faults.append(_unknown(cell, told))
        elif column.field in columns.values():
            faults.append(_repeated(cell, told))
        else:
            columns[index] = column.field
    missing = [column for column in COLUMNS if column.required and column.field not in columns.values()]
    faults += [_missing(head.number, column.id, column.en) for column in missing]
    if not {"code", "name"} & set(columns.values()):
        faults.append(_missing(head.number, "kode / nama", "code / name"))
    return columns, faults


def _line(row: Row, columns: Mapping[int, str]) -> Line:
    cells = {
        field: Cell(cell_name(index, row.number), _stripped(row.cells[index]) if index < len(row.cells) else None)
        for index, field in columns.items()
    }
    stray = tuple(
        Cell(cell_name(index, row.number), value)
        for index, value in enumerate(row.cells)
        if index not in columns and not is_blank(value)
    )
    return Line(row.number, cells, stray)


def _stripped(value: Value) -> Value:
    return value.strip() if isinstance(value, str) else value


# --- what is wrong with a whole list -------------------------------------------------------------------------------

_EMPTY: Final = FieldFault(
    "A1",
    None,
    Text(
        f"Write one nomination per row below a row of headings: {_KNOWN_EN}.",
        f"Tulis satu usulan per baris di bawah baris judul: {_KNOWN}.",
    ),
)


def _unknown(cell: str, told: str) -> FieldFault:
    return FieldFault(
        cell,
        told[:80],
        Text(
            f"Remove the column or give it one of these headings: {_KNOWN_EN}.",
            f"Hapus kolom ini atau beri salah satu judul: {_KNOWN}.",
        ),
    )


def _repeated(cell: str, told: str) -> FieldFault:
    return FieldFault(
        cell,
        told[:80],
        Text("Remove the column: its heading stands twice.", "Hapus kolom ini: judulnya tertulis dua kali."),
    )


def _missing(row: int, heading: str, heading_en: str) -> FieldFault:
    return FieldFault(
        f"{row}:{row}",
        None,
        Text(f"Add a column with the heading {heading_en}.", f"Tambahkan kolom dengan judul {heading}."),
    )


def _too_many(found: int) -> FieldFault:
    return FieldFault(
        f"A{MOST_ROWS + 2}",
        str(found),
        Text(
            f"Send at most {MOST_ROWS} rows in one file.", f"Kirim paling banyak {MOST_ROWS} baris dalam satu berkas."
        ),
    )
