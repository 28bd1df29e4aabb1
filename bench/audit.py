"""verify and replay: the offline audit of a season's export, against parsing and hashing the same bytes.

The export is made once (`exports`); every turn is a process of its own (`audit_turn`). `verify` compares processor
seconds, so that it holds a core; its limit is to parse, write with sorted keys and hash every event and every entry of
the log, and nothing else. `verify_signed` has the Ed25519 checks within the limit as well: what is left of the ratio
is what the verifier itself costs. `verify_two` compares seconds of two workers with those of one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import orjson

from bench.audit_turn import dropped
from bench.exports import make_export
from bench.ground import own_folder
from bench.plan import Plan
from bench.rows import Row

NAME: Final = "verify"
_MEGABYTES: Final = 500.0
_REPLAY_SECONDS: Final = 10.0
_OF: Final = 1_000_000
"""Events within which a replay has its seconds; of fewer it has fewer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took."""

    events: int
    seconds: float
    processor: float
    megabytes: float


async def measure(plan: Plan, say: Callable[[str], None]) -> list[Row]:
    """Measure in turns and return the rows."""
    works = {
        "one": ("verify", 1),
        "two": ("verify", 2),
        "limit": ("limit", 1),
        "signed": ("signed_limit", 1),
        "replay": ("replay", 1),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in works}
    with own_folder() as folder:
        made = await asyncio.to_thread(make_export, folder, plan.audit)
        say(f"an export of {made.events} events, {made.signed / made.events:.0%} of them signed, {made.size} bytes")
        for _ in range(plan.audit_rounds):
            for name, (work, workers) in works.items():
                dropped(folder)
                turns[name].append(await _turn(work, folder, workers))
    return rows_of(turns)


async def _turn(work: str, folder: Path, workers: int) -> Turn:
    arguments = (sys.executable, "-m", "bench.audit_turn", work, str(folder), str(workers))
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return Turn(**orjson.loads(said))


def rows_of(turns: dict[str, list[Turn]]) -> list[Row]:
    """Return the rows of what the turns took."""
    per_core = {name: [turn.events / turn.processor for turn in taken] for name, taken in turns.items()}
    rates = {name: [turn.events / turn.seconds for turn in taken] for name, taken in turns.items()}
    memory = max(turn.megabytes for name in ("one", "two") for turn in turns[name])
    share = turns["one"][0].events / _OF
    of_core = partial(Row.of, unit="events/s of a core", values=per_core["one"])
    return [
        of_core(NAME, limits=per_core["limit"], goal_of_limit=0.2),
        of_core(f"{NAME}_signed", limits=per_core["signed"]),
        Row.of(f"{NAME}_two", "events/s", rates["two"], limits=rates["one"], goal_of_limit=1.8),
        Row.of(f"memory_{NAME}", "MB", [memory], limits=[_MEGABYTES], goal_of_limit=1.0, smaller_is_better=True),
        Row.of(
            "replay", "s", [turn.seconds for turn in turns["replay"]], limits=[_REPLAY_SECONDS * share],
            goal_of_limit=1.0, smaller_is_better=True,
        ),
    ]  # fmt: skip
