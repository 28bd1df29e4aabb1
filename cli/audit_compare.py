"""`paritrana audit compare`: what would have been sealed and decided under suppositions, beside what was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.audit_folder import (
    ExportFolder,
    Names,
    OnlyCategory,
    OnlyProvince,
    OnlySeason,
    answered,
    names_in,
    show_named,
    shown_of,
)
from cli.output import AsJson, WrongUse, visible
from services.audit.compare.answers import compared
from services.audit.compare.supposed import NotSupposable
from services.audit.compare.telling import comparison_lines


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "compare",
        help="Say what would have been sealed and decided, beside what was; COUNTERFACTUAL, and written nowhere.\n\n"
        "Example: paritrana audit compare ./export-2021 --rulebook other-weights.yaml\n\n"
        "Example: paritrana audit compare ./export-2021 --without 018f0000-0000-7000-8000-00000000000b\n\n"
        "Example: paritrana audit compare ./export-2021 --late --json",
    )(compare_command)


def compare_command(
    folder: ExportFolder,
    *,
    rulebook: Annotated[
        Path | None,
        typer.Option("--rulebook", help="A rulebook file with other weights or quotas, of the same season."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="A member whose sheets are left out; repeatable.")
    ] = None,
    late: Annotated[bool, typer.Option("--late", help="With the measurements that came after the seals.")] = False,
    season: OnlySeason = None,
    category: OnlyCategory = None,
    province: OnlyProvince = None,
    names: Names = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was with what is supposed."""
    if rulebook is None and not without and not late:
        raise WrongUse("say what to suppose: --rulebook FILE, --without MEMBER or --late; see --help")
    shown, named = shown_of(season, category, province), names_in(names)
    with answered(folder) as opened:
        try:
            said = compared(opened, shown, rulebook=rulebook, without=without or [], late=late)
        except NotSupposable as error:
            for line in error.lines[:-1]:
                typer.echo(visible(line), err=True)
            raise WrongUse(error.lines[-1]) from None
        show_named(said, comparison_lines(said), named, as_json=as_json)
