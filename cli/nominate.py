"""`paritrana nominate`: a secretariat's list of nominations, from an empty sheet to a report per row.

The service reads the file and judges it; here it is only sent and the report laid out. Each run is a command of its
own: a candidate is nominated once in a category whatever is sent how often, and the report says so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from uuid import uuid4

import httpx
import typer

from cli.addresses import address_of
from cli.login import token_for
from cli.output import AsJson, Finding, WrongUse, show, table
from cli.service import told_of
from services.nomination.domain.spreadsheet import COLUMNS, CSV, MOST_BYTES, XLSX

_TIMEOUT: Final = 120.0
_MEDIA_TYPES: Final = {".csv": CSV, ".xlsx": XLSX}
_EXAMPLE: Final = {
    "category": "KABKOTA",
    "kind": "kota",
    "code": "75.71",
    "name": "Kota Gorontalo",
    "nominating_body": "75",
    "contact": "(ganti dengan id narahubung, lalu hapus baris contoh ini)",
    "sample": "ya",
}
"""A row that shows the form and is refused as it stands, so that nobody nominates it by accident."""
_TEXT_FORMAT: Final = "@"
_WIDTH: Final = 22


_STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "nominated": ("nominated", "diusulkan"),
    "already": ("already nominated", "sudah diusulkan"),
    "bad": ("bad", "salah"),
    "skipped": ("good, not nominated", "benar, belum diusulkan"),
}
_DRY: Final[Mapping[str, tuple[str, str]]] = {
    **_STATUSES,
    "nominated": ("would be nominated", "akan diusulkan"),
}
"""What a row's status is in English and Indonesian; in a dry run nothing was done yet."""
_STANDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "filed-late": ("filed late", "terlambat"),
    "withdrawn": ("withdrawn", "ditarik"),
    "rejected": ("rejected", "ditolak"),
    "eliminated": ("eliminated", "tidak melanjutkan"),
    "won": ("won", "menang"),
}


class Language(StrEnum):
    """In which language the report tells what is wrong."""

    INDONESIAN = "id"
    ENGLISH = "en"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    nominate = typer.Typer(help="Nominate from a spreadsheet.", no_args_is_help=True, rich_markup_mode=None)
    nominate.callback()(_of_nominations)
    nominate.command(
        "import",
        help="Nominate every row of a CSV or XLSX, and report on each; exit 1 when rows were bad.\n\n"
        "Example: paritrana nominate import usulan.xlsx --season 2020 --dry-run --login sekretariat-75",
        no_args_is_help=True,
    )(import_file)
    nominate.command(
        "template",
        help="Write an empty sheet with the headings and one example row.\n\n"
        "Example: paritrana nominate template usulan.xlsx",
        no_args_is_help=True,
    )(write_template)
    app.add_typer(nominate, name="nominate")


def _of_nominations() -> None:
    """Nominate from a spreadsheet."""


# --- importing -----------------------------------------------------------------------------------------------------


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list, .csv or .xlsx.")],
    season: Annotated[str, typer.Option("--season", help="The season that all rows are for, such as 2020.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; nothing is nominated.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Nominate the good rows although others are bad.")
    ] = False,
    login: Annotated[
        str | None, typer.Option("--login", help="A development person; else whoever signed in by `login`.")
    ] = None,
    nomination: Annotated[
        str | None,
        typer.Option(
            "--nomination", help="Where nomination answers; else PARITRANA_NOMINATION_URL, else as the stack says."
        ),
    ] = None,
    language: Annotated[
        Language, typer.Option("--language", help="Of what is told about the rows.")
    ] = Language.INDONESIAN,
    as_json: AsJson = False,
) -> None:
    """Send the list as a secretariat and show what became of every row."""
    data, media_type = _bytes(file), _media_type(file)
    address, token = address_of("nomination", nomination), token_for(login)
    query = {
        "season": season,
        "mode": "skip-bad" if skip_bad else "all-or-nothing",
        "dry_run": "true" if dry_run else "false",
    }
    report = _send(_Sending(address, token, media_type, language), query, data)
    show(report, _lines(file, report, language), as_json=as_json)
    counts = report["counts"]
    if counts["bad"]:
        raise Finding(_finding(report))


def _bytes(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise WrongUse(f"{file} has {len(data)} bytes, and a list has at most {MOST_BYTES}: part it into several files")
    return data


def _media_type(file: Path) -> str:
    media_type = _MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise WrongUse(f"{file} is neither .csv nor .xlsx: save it as one of them, or begin with `nominate template`")
    return media_type


class _Sending(NamedTuple):
    """Where a list is sent, by whom, as what, and in which language problems are told."""

    address: str
    token: str
    media_type: str
    language: Language


def _send(to: _Sending, query: dict[str, str], data: bytes) -> dict[str, Any]:
    """Return the report; a list that was refused for its rows is reported on too."""
    headers = {
        "Authorization": f"Bearer {to.token}",
        "Idempotency-Key": str(uuid4()),
        "Content-Type": to.media_type,
        "Accept-Language": to.language.value,
    }
    try:
        answer = httpx.post(
            f"{to.address}/v1/nominations/import",
            params=query,
            content=data,
            headers=headers,
            timeout=_TIMEOUT,
            trust_env=False,
        )
        said: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"nomination does not answer at {to.address} ({type(error).__name__}): start the stack with `paritrana up`"
        ) from None
    except ValueError:
        raise WrongUse(f"what answers at {to.address} is not nomination; correct PARITRANA_NOMINATION_URL") from None
    if answer.status_code == httpx.codes.OK:
        return said
    if isinstance(said.get("report"), dict):
        refused: dict[str, Any] = said["report"]
        return refused
    raise WrongUse(told_of(said, answer.status_code))


def _finding(report: dict[str, Any]) -> str:
    counts, rows = report["counts"], len(report["rows"])
    what = f"{counts['bad']} of {rows} rows cannot be nominated"
    if report["mode"] == "all-or-nothing":
        return f"{what}, so none was: correct them and send the file again, or send the others by --skip-bad"
    return f"{what}: correct them and send the file again; what is nominated already is not nominated twice"


# --- the report ----------------------------------------------------------------------------------------------------


def _lines(file: Path, report: dict[str, Any], language: Language) -> list[str]:
    words = {status: _word(both, language) for status, both in (_DRY if report["dry_run"] else _STATUSES).items()}
    counts = ", ".join(f"{count} {words[status]}" for status, count in report["counts"].items() if count)
    end = "nothing was sent on: this was a dry run" if report["dry_run"] else f"report of season {report['season']}"
    columns = ("row", "status", "candidate", "cell", "what to change")
    rows = [cells for row in report["rows"] for cells in _cells(row, words, language)]
    return [f"{file}: {counts or 'no rows'}", *table(rows, columns), end]


def _word(both: tuple[str, str], language: Language) -> str:
    return both[1] if language is Language.INDONESIAN else both[0]


def _cells(row: dict[str, Any], words: Mapping[str, str], language: Language) -> list[dict[str, str]]:
    """Return a row of the list as rows of the table: one, or one per thing that is wrong with it."""
    who = f"{row['candidate']} ({row['code']})" if "candidate" in row else ""
    standing = row.get("standing")
    status = words[row["status"]]
    if standing not in (None, "competing"):
        status += f" ({_word(_STANDINGS.get(standing, (standing, standing)), language)})"
    head = {"row": str(row["row"]), "status": status, "candidate": who}
    told = [
        {"cell": fault["cell"] or "-", "what to change": f"{fault['message'][language]} {fault['remedy'][language]}"}
        for fault in row["errors"]
    ]
    first, *others = told or [{}]
    return [head | first, *others]


# --- the template --------------------------------------------------------------------------------------------------


def write_template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, .csv or .xlsx.")],
    as_json: AsJson = False,
) -> None:
    """Write the headings and one example row; a file that exists stays as it is."""
    data = _workbook() if _media_type(file) == XLSX else _csv()
    try:
        with file.open("xb") as opened:
            opened.write(data)
    except FileExistsError:
        raise WrongUse(f"{file} exists: name another file") from None
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}") from None
    headings = [column.id for column in COLUMNS]
    lines = [
        f"{file}: {', '.join(headings)}",
        f"fill it in, then: paritrana nominate import {file} --season S --dry-run",
    ]
    show({"file": str(file), "headings": headings}, lines, as_json=as_json)


def _rows() -> tuple[list[str], list[str]]:
    return [column.id for column in COLUMNS], [_EXAMPLE.get(column.field, "") for column in COLUMNS]


def _csv() -> bytes:
    """Return the template as a spreadsheet program of Indonesia opens it: semicolons, and a byte order mark."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(_rows())
    return text.getvalue().encode("utf-8-sig")


def _workbook() -> bytes:
    """Return the template with every column kept as text, so that no code becomes a number or a date."""
    import openpyxl  # noqa: PLC0415 - it takes longer to import than all else, and no other command needs it
    from openpyxl.styles import Font  # noqa: PLC0415

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "usulan"
    for number, values in enumerate(_rows(), start=1):
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(number, column, value or None)
            cell.number_format = _TEXT_FORMAT
            cell.font = Font(bold=number == 1)
    for letter in "ABCDEFGHIJ"[: len(COLUMNS)]:
        sheet.column_dimensions[letter].number_format = _TEXT_FORMAT
        sheet.column_dimensions[letter].width = _WIDTH
    sheet.freeze_panes = "A2"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
