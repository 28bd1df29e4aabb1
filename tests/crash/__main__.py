"""`python -m tests.crash`: what `paritrana crash` and `make crash` run, from a checkout."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import typer

from tests.crash.facts import IngestOutcome, crash_ingest
from tests.crash.harness import Outcome, crash, say


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How many times something is killed or stopped.")] = 30,
    seed: Annotated[int | None, typer.Option(help="What chooses the victims; drawn when not given.")] = None,
    facts: Annotated[int | None, typer.Option(min=1, help="Kill consumers of so many facts instead.")] = None,
) -> None:
    """Kill parts of a stack under load; exit 1 when anything was lost, doubled or out of order."""
    drawn = secrets.randbelow(1_000_000) if seed is None else seed
    outcome: Outcome | IngestOutcome
    if facts is None:
        outcome = asyncio.run(crash(rounds, drawn, say))
    else:
        outcome = asyncio.run(crash_ingest(facts, rounds, drawn, say))
    say(outcome.line)
    raise SystemExit(1 if outcome.findings else 0)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
