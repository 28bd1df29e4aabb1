"""`python -m bench [--quick]`: measure, write `bench/results.json`, and show what was met.

Ends with 0 also when a goal is missed, since a missed goal is a finding to read and not a failure to run; with 1 only
when something could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from bench import (
    append_batch,
    append_single,
    audit,
    fact_latency,
    ingest,
    ingest_growth,
    ingest_scale,
    latency,
    rebuild,
    relay,
    sequence,
)
from bench.ground import Ground
from bench.plan import FULL, QUICK, Plan
from bench.rows import HEADS, Row, cells, markdown, placed, read_rows, write_rows
from kernel.process import spare_collections

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results.json"
README: Final = HERE.parent / "README.md"
MEASURES: Final[dict[str, Callable[[Ground, Plan], Awaitable[list[Row]]]]] = {
    append_single.NAME: append_single.measure,
    append_batch.NAME: append_batch.measure,
    relay.NAME: relay.measure,
    sequence.NAME: sequence.measure,
    rebuild.NAME: rebuild.measure,
    ingest.NAME: ingest.measure,
    ingest_growth.NAME: ingest_growth.measure,
    ingest_scale.NAME: ingest_scale.measure,
}
ALONE: Final = {audit.NAME: audit.measure}
ON_A_STACK: Final = {latency.NAME: latency.measure, fact_latency.NAME: fact_latency.measure}
FULL_ONLY: Final = (ingest_growth.NAME, fact_latency.NAME)
"""Left out of a quick run unless asked for: small ledgers say nothing of large ones, and a second stack takes time."""
_CONSOLE: Final = Console(width=None if sys.stdout.isatty() else 140)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and return the exit code."""
    asked = _parse(arguments)
    if asked.readme:
        _write_readme(read_rows(RESULTS))
        return 0
    began = time.monotonic()
    chosen = asked.only or [
        name for name in (*MEASURES, *ALONE, *ON_A_STACK) if not (asked.quick and name in FULL_ONLY)
    ]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the services run
        rows = runner.run(_measure(QUICK if asked.quick else FULL, chosen))
    _show(rows)
    if not asked.only:
        write_rows(RESULTS, rows)
        if not asked.quick:
            _write_readme(rows)
        _say(f"written to {RESULTS.relative_to(HERE.parent)}")
    missed = [row.name for row in rows if row.met is False]
    verdict = f"missed: {', '.join(missed)}" if missed else "every goal is met"
    _say(f"{verdict} ({time.monotonic() - began:.0f} s)")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description="Measure the system against its limits and its peers.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds, no peers")
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted([*MEASURES, *ALONE, *ON_A_STACK]),
        help="show one measure, write nothing",
    )
    parser.add_argument("--readme", action="store_true", help="only place the table of the last results in the README")
    return parser.parse_args(arguments)


async def _measure(plan: Plan, chosen: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    spare_collections()
    on_ground = [name for name in MEASURES if name in chosen]
    if on_ground:
        async with Ground(_say) as ground:
            for name in on_ground:
                _say(f"measuring {name}")
                await ground.settle()
                rows += await MEASURES[name](ground, plan)
                gc.collect()
    for name, measure in (ALONE | ON_A_STACK).items():
        if name in chosen:
            _say(f"measuring {name}")
            rows += await measure(plan, _say)
    return rows


def _show(rows: Sequence[Row]) -> None:
    table = Table(*HEADS, title="medians; limits and peers measured in turns in the same run")
    for row in rows:
        style = {True: "green", False: "red", None: ""}[row.met]
        table.add_row(*cells(row), style=style)
    _CONSOLE.print(table)


def _write_readme(rows: Sequence[Row]) -> None:
    if README.exists():
        README.write_text(placed(README.read_text(encoding="utf-8"), markdown(rows)), encoding="utf-8")


def _say(line: str) -> None:
    _CONSOLE.print(line, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
