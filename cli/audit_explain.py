"""`paritrana audit explain`: why a nominee has its rank, traced to the events of an exported folder."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.audit_folder import ExportFolder, answered
from cli.output import AsJson, WrongUse, show
from cli.wanted import stage_code
from services.audit.explain.gathered import NoNomination, gather
from services.audit.explain.telling import explanation_lines
from services.audit.explain.why import explained


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "explain",
        help="Say why a nominee has its rank: every mark, weight, tie, vote and appeal, with the event it rests on.\n\n"
        "Example: paritrana audit explain ./export-2021 018f0000-0000-7000-8000-000000000001\n\n"
        "Example: paritrana audit explain ./export-2021 75.71 --stage seleksi --json",
    )(explain_command)


def explain_command(
    folder: ExportFolder,
    nomination: Annotated[str, typer.Argument(metavar="NOMINATION", help="Its id, or its candidate's code.")],
    stage: Annotated[str | None, typer.Option("--stage", help="One stage only, for example seleksi.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a nominee's rank at every stage that it stood in."""
    wanted = stage_code(stage)
    with answered(folder) as opened:
        try:
            gathered = gather(opened, nomination)
        except NoNomination as error:
            raise WrongUse(str(error)) from None
        with opened.sound():
            said = explained(gathered, wanted)
            lines = list(explanation_lines(said))
        if wanted is not None and not said["stages"]:
            raise WrongUse(f"the nomination never stood at a stage {wanted!r}: leave out --stage to see those it did")
        show(said, lines, as_json=as_json)
