"""What every command prints and how it ends: for people by default, as JSON when asked, never a traceback.

A command ends with 0 when all is well, 1 when it found something (a changed log, a service that is not ready), and 2
when it was used wrongly or what it needs is missing; the last two are one line that says what to do.

What is printed may come from outside: a name in a forged event, a line of another's file. A terminal would obey its
control characters, and show text in another order for its bidirectional ones (Unicode UAX 9, TR 36), so neither
reaches it: `visible` is applied here to every line, and to every text of a table in `cli.console`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer

_REPLACEMENT: Final = "\ufffd"
_HARMFUL: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""General categories: controls, formats (bidirectional ones among them), line and paragraph ends, surrogates."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of lines for people.")]


class Finding(Exception):
    """The command did its work and found something wrong: one line, exit 1."""


class WrongUse(Exception):
    """The command cannot do its work as it was asked: one line that says what to do, exit 2."""


def visible(text: str) -> str:
    """Return `text` as one line that is safe on a terminal: U+FFFD for each character that would act, not show."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_REPLACEMENT if _is_harmful(character) else character for character in text)


def visible_all(value: Any) -> Any:
    """Return a JSON value with every text in it made visible, the keys too."""
    match value:
        case str():
            return visible(value)
        case Mapping():
            return {visible(str(key)): visible_all(item) for key, item in value.items()}
        case list() | tuple():
            return [visible_all(item) for item in value]
        case _:
            return value


def _is_harmful(character: str) -> bool:
    return unicodedata.category(character) in _HARMFUL


def show(value: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print `value` as one JSON document when asked, else the lines."""
    if as_json:
        sys.stdout.write(_json(value, indent=True) + "\n")
    else:
        sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))
    sys.stdout.flush()


def show_progress(line: str, *, as_json: bool, **details: Any) -> None:
    """Print one line of progress at once; as JSON, one object a line."""
    sys.stdout.write((_json({"progress": line, **details}) if as_json else visible(line)) + "\n")
    sys.stdout.flush()


def _json(value: Any, *, indent: bool = False) -> str:
    option = orjson.OPT_INDENT_2 if indent else 0
    try:
        document = orjson.dumps(value, option=option, default=str).decode()
    except orjson.JSONEncodeError:
        # A lone surrogate, which no UTF-8 can hold.
        document = orjson.dumps(visible_all(value), option=option, default=str).decode()
    # JSON's own escapes keep the value for programs and the terminal from acting on it; line ends stand outside texts.
    return document if document.isascii() and "\x7f" not in document else "".join(map(_escaped, document))


def _escaped(character: str) -> str:
    if character == "\n" or not _is_harmful(character):
        return character
    return "".join(f"\\u{unit:04x}" for unit in _utf16_units(character))


def _utf16_units(character: str) -> list[int]:
    encoded = character.encode("utf-16-be")
    return [int.from_bytes(encoded[start : start + 2], "big") for start in range(0, len(encoded), 2)]


def table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> list[str]:
    """Lay rows out in columns as wide as their widest cell, with a head."""
    columns, rows = tuple(columns), [{key: str(value) for key, value in row.items()} for row in rows]
    widths = {name: max([len(name), *(len(row.get(name, "")) for row in rows)]) for name in columns}
    head = {name: name for name in columns}
    return ["  ".join(row.get(name, "").ljust(widths[name]) for name in columns).rstrip() for row in (head, *rows)]


def end_with_error(error: Exception, code: int) -> NoReturn:
    """Print one line to the error stream and end with `code`."""
    line = visible(" ".join(str(error).split())) or type(error).__name__
    sys.stderr.write(f"paritrana: {line}\n")
    raise SystemExit(code)
