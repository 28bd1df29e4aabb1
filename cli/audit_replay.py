"""`paritrana audit replay`: what a folder's events said at any moment, between two, and at every decision."""

from __future__ import annotations

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
from cli.output import AsJson, WrongUse
from services.audit.replay.answers import compared, decided, replayed
from services.audit.replay.moments import Moment, NoMoment, moment_of
from services.audit.replay.reading import Folder
from services.audit.replay.state import Shown
from services.audit.replay.telling import change_lines, decision_lines, state_lines


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        help="Say what had been recorded by a moment: stages, committees, standings, freezes, appeals.\n\n"
        "The folder is read and nothing else. What is not sealed is computed, and marked provisional.\n\n"
        "Example: paritrana audit replay ./export-2021 --as-of 2021-06-12T16:00:00+08:00\n\n"
        "Example: paritrana audit replay ./export-2021 --as-of 2021-06-12 --until 2021-06-30 --province 75\n\n"
        "Example: paritrana audit replay ./export-2021 --decisions --season 2021 --json",
    )(replay_command)


def replay_command(
    folder: ExportFolder,
    *,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="An instant with its zone, or a day of the season's zone; included.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="A later moment: say what came in between, and what it changed.")
    ] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="What was true then, as known now; later corrections count.")
    ] = False,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="The standings at every decision, up to --as-of if it is given.")
    ] = False,
    season: OnlySeason = None,
    category: OnlyCategory = None,
    province: OnlyProvince = None,
    names: Names = None,
    as_json: AsJson = False,
) -> None:
    """Answer one of three questions about the past."""
    shown, named = shown_of(season, category, province), names_in(names)
    if decisions and (until is not None or effective):
        raise WrongUse("--decisions says each decision as it fell: leave out --until and --effective")
    if as_of is None and not decisions:
        raise WrongUse("say which moment: --as-of 2021-06-12T16:00:00+08:00, or --decisions for all decisions")
    with answered(folder) as opened:
        moment = None if as_of is None else _moment("--as-of", as_of, opened, shown)
        if decisions:
            said = decided(opened, moment, shown)
            show_named(said, decision_lines(said), named, as_json=as_json)
        elif moment is not None and until is not None:
            later = _moment("--until", until, opened, shown)
            if later.instant < moment.instant:
                raise WrongUse(f"--until {until} lies before --as-of {as_of}: exchange the two")
            said = compared(opened, moment, later, shown, effective=effective)
            show_named(said, change_lines(said), named, as_json=as_json)
        elif moment is not None:
            said = replayed(opened, moment, shown, effective=effective)
            show_named(said, state_lines(said), named, as_json=as_json)


def _moment(option: str, text: str, folder: Folder, shown: Shown) -> Moment:
    try:
        return moment_of(option, text, folder, shown.season)
    except NoMoment as error:
        raise WrongUse(str(error)) from None
