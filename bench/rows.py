"""What the bench says: one row a measure, beside its limit and its peer of the same run, as JSON and as tables.

Absolute figures depend on the machine and on what else runs on it, so a row keeps the limit and the peer that were
measured in turns with it, and everything that is claimed is a ratio of the two. Ratios are never stored: they follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: medians in `unit`, `min` and `max` of the value's own runs. A goal is a bound on a ratio."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    peer: float | None = None
    peer_name: str | None = None
    goal_of_limit: float | None = None
    goal_of_peer: float | None = None
    smaller_is_better: bool = False
    runs: int = 1
    min: float = 0.0
    max: float = 0.0

    @classmethod
    def of(
        cls,
        name: str,
        unit: str,
        values: Sequence[float],
        *,
        limits: Sequence[float] = (),
        peers: Sequence[float] = (),
        **rest: Any,
    ) -> Row:
        """Return the row of several runs: the medians, and the least and greatest value."""
        return cls(
            name,
            rounded(median(values)),
            unit,
            limit=rounded(median(limits)) if limits else None,
            peer=rounded(median(peers)) if peers else None,
            runs=len(values),
            min=rounded(min(values)),
            max=rounded(max(values)),
            **rest,
        )

    @property
    def of_limit(self) -> float | None:
        """Return the value as a multiple of its limit."""
        return _ratio(self.value, self.limit)

    @property
    def of_peer(self) -> float | None:
        """Return how many times as good as the peer it is: more for rates, less for times and sizes."""
        return _ratio(self.peer, self.value) if self.smaller_is_better else _ratio(self.value, self.peer)

    @property
    def met(self) -> bool | None:
        """Tell whether every goal that was measured is met; None when there is none."""
        answers = [*self._against_limit(), *self._against_peer()]
        return all(answers) if answers else None

    def _against_limit(self) -> Iterable[bool]:
        if self.goal_of_limit is not None and self.of_limit is not None:
            below = self.of_limit <= self.goal_of_limit
            yield below if self.smaller_is_better else self.of_limit >= self.goal_of_limit

    def _against_peer(self) -> Iterable[bool]:
        if self.goal_of_peer is not None and self.of_peer is not None:
            yield self.of_peer >= self.goal_of_peer


def rounded(figure: float) -> float:
    """Return a figure with four significant digits: more would claim what no run can show."""
    return float(f"{figure:.4g}")


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as a JSON array, one object a row."""
    path.write_bytes(orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2) + b"\n")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; raise ValueError when it is not of that form."""
    names = {field.name for field in fields(Row)}
    found = orjson.loads(path.read_bytes())
    if not isinstance(found, list) or not all(isinstance(row, dict) and row.keys() == names for row in found):
        raise ValueError(f"{path} is no list of rows with the keys {', '.join(sorted(names))}")
    return [Row(**row) for row in found]


# --- tables --------------------------------------------------------------------------------------------------------

HEADS: Final = ("measure", "value", "limit", "of the limit", "goal", "peer", "against it", "goal", "met")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as the cells under `HEADS`."""
    bound = "≤" if row.smaller_is_better else "≥"
    return (
        row.name,
        f"{_figure(row.value)} {row.unit}",
        _figure(row.limit),
        _multiple(row.of_limit, ""),
        "" if row.goal_of_limit is None else f"{bound} {row.goal_of_limit:g}",
        "" if row.peer is None else f"{_figure(row.peer)} ({row.peer_name})",
        _multiple(row.of_peer, "x"),
        "" if row.goal_of_peer is None else f"≥ {row.goal_of_peer:g}x",
        {None: "", True: "yes", False: "no"}[row.met],
    )


def _figure(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def _multiple(ratio: float | None, unit: str) -> str:
    return "" if ratio is None else f"{ratio:.2f}{unit}"


def markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [HEADS, tuple("---" for _ in HEADS), *(cells(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def placed(text: str, table: str) -> str:
    """Return `text` with `table` between its two marks; the same text when it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return text
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
