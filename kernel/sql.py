"""SQL lives in named files: each query has a name and says what it is for.

The form is `-- name: <name>`, one or more comment lines that describe it, then the statement up to the next name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$")


def queries(path: Path) -> dict[str, str]:
    """Return the statements of a file by name; refuse a name given twice and a query without a description."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _NAME.match(line):
            if match[1] in found:
                raise ValueError(f"{path.name} names the query {match[1]!r} twice")
            current = found[match[1]] = []
        elif current is not None:
            current.append(line)
        elif line.strip() and not line.startswith("--"):
            raise ValueError(f"{path.name} has a statement before its first name")
    for name, lines in found.items():
        if not lines or not lines[0].startswith("-- "):
            raise ValueError(f"{path.name} does not say what the query {name!r} is for")
    return {name: _statement(lines) for name, lines in found.items()}


def columns(rows: Iterable[tuple[Any, ...]], width: int = 0) -> list[list[Any]]:
    """Return rows as the arrays that `unnest` takes, one a column; of no rows, `width` empty ones."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _statement(lines: list[str]) -> str:
    return "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
