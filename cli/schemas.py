"""`paritrana schemas`: make the published contract anew from the models, or check that the committed one is current."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import AsJson, Finding, show
from schemas.compatibility import broken_schemas
from schemas.generate import stale_files, write_files


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schemas")(schemas)


def schemas(
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when files are stale.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make JSON Schemas and AsyncAPI documents from the models.

    A change that old readers or old events would not survive is refused, with and without --check: make a new version
    of the event and an upcaster instead.

    Example: paritrana schemas --check
    """
    broken = broken_schemas()
    stale = stale_files() if check or broken else write_files()
    fine = not broken and not (check and stale)
    lines = [*(f"incompatible: {line}" for line in broken), *(f"{'stale' if check else 'written'}: {f}" for f in stale)]
    if not stale and not broken:
        lines.append("schemas: everything is current")
    show({"ok": fine, "incompatible": broken, "stale" if check or broken else "written": stale}, lines, as_json=as_json)
    if broken:
        raise Finding("the contract would break: make a new version of the event, with an upcaster (CONTRIBUTING.md)")
    if check and stale:
        raise Finding(f"{len(stale)} generated files are stale: run 'paritrana schemas' and commit them")
