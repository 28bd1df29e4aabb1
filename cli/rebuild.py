"""`paritrana rebuild PROJECTION`: fold a read table anew from the log beside the live one, compare, swap.

It connects as the database's owner, whose password lies in the stack's data folder; the service goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import importlib
from importlib.util import find_spec
from typing import Annotated, Any, Final

import asyncpg
import typer

from cli.output import AsJson, Finding, WrongUse, show, show_progress
from cli.stack import Data
from cli.stores import owner_url
from kernel.reactor import Projection
from kernel.rebuild import Rebuilt, rebuild
from schemas.codec import CODEC
from schemas.topics import SERVICES

_EVERY: Final = 100_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "rebuild",
        help="Fold a projection anew, compare, swap.\n\nExample: paritrana rebuild rankings",
        no_args_is_help=True,
    )(rebuild_projection)


def rebuild_projection(
    projection: Annotated[str, typer.Argument(help="Which projection; a wrong name lists them all.")],
    accept: Annotated[
        bool, typer.Option("--accept", help="Swap although the rows differ (after a change of code).")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild a projection; exit 1 and show the first differences when its rows are not the live ones."""
    found = _projections()
    if projection not in found:
        raise WrongUse(f"there is no projection {projection!r}: choose one of {', '.join(sorted(found))}")
    service, fold = found[projection]

    def told(count: int) -> None:
        if count % _EVERY == 0:
            show_progress(f"{count} events folded", as_json=as_json)

    try:
        outcome = asyncio.run(rebuild(owner_url(service, data), fold, CODEC, _login(service), accept=accept, told=told))
    except (OSError, asyncpg.PostgresError) as error:
        raise WrongUse(f"the database of {service} cannot be used ({error}): is the stack running?") from error
    _report(projection, outcome, as_json=as_json)


def _report(name: str, outcome: Rebuilt, *, as_json: bool) -> None:
    value: dict[str, Any] = {
        "projection": name,
        "events": outcome.events,
        "rows": outcome.rows,
        "live": outcome.live,
        "rebuilt": outcome.rebuilt,
        "same": outcome.same,
        "swapped": outcome.swapped,
        "differences": [{"live": live, "rebuilt": rebuilt} for live, rebuilt in outcome.differences],
    }
    lines = [
        f"{name}: {outcome.events} events folded into {outcome.rows} rows",
        f"live    {outcome.live}",
        f"rebuilt {outcome.rebuilt}",
        *(line for live, rebuilt in outcome.differences for line in (f"  live {live}", f"  now  {rebuilt}")),
        "the rebuilt rows are in use" if outcome.swapped else "nothing was changed",
    ]
    show(value, lines, as_json=as_json)
    if not outcome.same and not outcome.swapped:
        raise Finding(f"{name}: the rebuilt rows differ; look into it, or swap with --accept after a change of code")


def _projections() -> dict[str, tuple[str, Projection[Any]]]:
    """Return every projection by its permanent name, with its service."""
    return {
        projection.name: (service, projection)
        for service in SERVICES
        if find_spec(f"services.{service}.app") is not None
        for projection in getattr(importlib.import_module(f"services.{service}.app"), "PROJECTIONS", ())
    }


def _login(service: str) -> str:
    return f"paritrana_{service}"
