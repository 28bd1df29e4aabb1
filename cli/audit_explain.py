"""`paritrana audit explain`: why a nominee has its rank, traced to the events of an exported folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.audit_folder import ExportFolder, Names, answered, names_in, show_named
from cli.output import AsJson, WrongUse
from cli.wanted import stage_code
from services.audit.explain.gathered import NoNomination, gather
from services.audit.explain.telling import explanation_lines
from services.audit.explain.trail import Trail, follow
from services.audit.explain.why import explained


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "explain",
        help="Say why a nominee has its rank: every mark, weight, tie, vote and appeal, with the event it rests on.\n\n"
        "Example: paritrana audit explain ./export-2021 018f0000-0000-7000-8000-000000000001\n\n"
        "Example: paritrana audit explain ./export-2021 75.71 --stage seleksi --json\n\n"
        "Example: paritrana audit explain ./export-2021 75.71 --proofs ./proofs",
    )(explain_command)


def explain_command(
    folder: ExportFolder,
    nomination: Annotated[str, typer.Argument(metavar="NOMINATION", help="Its id, or its candidate's code.")],
    stage: Annotated[str | None, typer.Option("--stage", help="One stage only, for example seleksi.")] = None,
    proofs: Annotated[
        Path | None,
        typer.Option(
            "--proofs",
            metavar="DIR",
            help="A folder that is made: a C2SP tlog-proof and the entry of every cited event.",
        ),
    ] = None,
    names: Names = None,
    as_json: AsJson = False,
) -> None:
    """Explain a nominee's rank at every stage that it stood in."""
    wanted, named = stage_code(stage), names_in(names)
    with answered(folder) as opened:
        try:
            gathered = gather(opened, nomination)
        except NoNomination as error:
            raise WrongUse(str(error)) from None
        with opened.sound():
            said = explained(gathered, wanted)
            trail = follow(opened, said)
            lines = list(explanation_lines(said))
        if wanted is not None and not said["stages"]:
            raise WrongUse(f"the nomination never stood at a stage {wanted!r}: leave out --stage to see those it did")
        if proofs is not None:
            lines.append(_write_proofs(trail, proofs))
        show_named(said, lines, named, as_json=as_json)


def _write_proofs(trail: Trail, folder: Path) -> str:
    """Write every proof beside its entry, into a folder that is not there yet; return what to do with them."""
    if trail.note is None:
        raise WrongUse("the folder has no checkpoint, so that there are no proofs: leave out --proofs")
    try:
        folder.mkdir(mode=0o700, parents=True)
        for name, content in trail.files():
            (folder / name).write_bytes(content)
    except FileExistsError:
        raise WrongUse(f"--proofs {folder} is there already: give a folder that is not") from None
    except OSError as error:
        raise WrongUse(f"--proofs {folder} cannot be written: {error.strerror}") from None
    return f"{len(trail.proven)} proofs; next: paritrana audit proof check {folder} --vkey <the log's verifier key>"
