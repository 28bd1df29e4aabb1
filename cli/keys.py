"""`paritrana keys`: keys that sign notes, for the audit's log, its sequencer, and witnesses (C2SP signed-note)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, WrongUse, show
from kernel.keys import note_key
from kernel.settings import StartFailed
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import COSIGNATURE, ED25519, NoteKey

_Name = Annotated[str, typer.Argument(help="The key's name: the log's origin, ORIGIN/sequencer, or a witness's name.")]
_File = Annotated[Path, typer.Argument(help="The file of the private key, readable by its owner alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(
        help="Keys of the audit's log, its sequencer and its witnesses.", no_args_is_help=True, rich_markup_mode=None
    )
    keys.command("make")(make)
    keys.command("show")(show_key)
    app.add_typer(keys, name="keys")


def make(
    name: _Name,
    file: _File,
    witness: Annotated[bool, typer.Option("--witness", help="A witness's key, which cosigns.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a private key in FILE unless it is there, and print its verifier key.

    Example: paritrana keys make audit.paritrana.example/log /srv/signer/log.key
    """
    try:
        key = note_key(file, name, COSIGNATURE if witness else ED25519)
    except (StartFailed, Malformed) as error:
        raise WrongUse(str(error)) from None
    _show(key, file, as_json=as_json)


def show_key(file: _File, as_json: AsJson = False) -> None:
    """Print the verifier key of a private key.

    Example: paritrana keys show /srv/signer/log.key
    """
    try:
        key = NoteKey.parse(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise WrongUse(f"{file} holds no private key of a note: {error}") from None
    _show(key, file, as_json=as_json)


def _show(key: NoteKey, file: Path, *, as_json: bool) -> None:
    verifier = key.verifier.text
    show({"file": str(file), "name": key.name, "verifier_key": verifier}, [verifier], as_json=as_json)
