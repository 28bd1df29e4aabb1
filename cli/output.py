"""What every command prints and how it ends: for people by default, as JSON when asked, never a traceback.

A command ends with 0 when all is well, 1 when it found something (a changed log, a service that is not ready), and 2
when it was used wrongly or what it needs is missing; the last two are one line that says what to do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NoReturn

import orjson
import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of lines for people.")]


class Finding(Exception):
    """The command did its work and found something wrong: one line, exit 1."""


class WrongUse(Exception):
    """The command cannot do its work as it was asked: one line that says what to do, exit 2."""


def show(value: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print `value` as one JSON document when asked, else the lines."""
    if as_json:
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def show_progress(line: str, *, as_json: bool, **details: Any) -> None:
    """Print one line of progress at once; as JSON, one object a line."""
    sys.stdout.write(orjson.dumps({"progress": line, **details}).decode() + "\n" if as_json else line + "\n")
    sys.stdout.flush()


def table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> list[str]:
    """Lay rows out in columns as wide as their widest cell, with a head."""
    columns, rows = tuple(columns), [{key: str(value) for key, value in row.items()} for row in rows]
    widths = {name: max([len(name), *(len(row.get(name, "")) for row in rows)]) for name in columns}
    head = {name: name for name in columns}
    return ["  ".join(row.get(name, "").ljust(widths[name]) for name in columns).rstrip() for row in (head, *rows)]


def end_with_error(error: Exception, code: int) -> NoReturn:
    """Print one line to the error stream and end with `code`."""
    line = " ".join(str(error).split()) or type(error).__name__
    sys.stderr.write(f"paritrana: {line}\n")
    raise SystemExit(code)
