"""`paritrana keys`: keys that sign notes (the audit's log, its sequencer, witnesses), and those by which services sign.

Private keys are files; nothing here asks a service, a database or the network. Whoever may read the folder may use it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, WrongUse, show
from deploy.local.settings import data_folder
from kernel.keys import make_key_anew, make_next_key, note_key, succeeding_key
from kernel.settings import StartFailed
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import COSIGNATURE, ED25519, NoteKey
from kernel.tlog.successions import SUCCESSION
from schemas.topics import SERVICES

_Name = Annotated[str, typer.Argument(help="The key's name: the log's origin, ORIGIN/sequencer, or a witness's name.")]
_File = Annotated[Path, typer.Argument(help="The file of the private key, readable by its owner alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(
        help="Keys of the audit's log, its sequencer, its witnesses, and of services.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    keys.command("make")(make)
    keys.command("show")(show_key)
    keys.command("succeed")(succeed)
    keys.command("rotate")(rotate)
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


def succeed(
    before: Annotated[Path, typer.Argument(help="The file of the log's key until now.")],
    after: Annotated[Path, typer.Argument(help="The file of the key that follows it; made when it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Make a key of the log that follows the one it has, and the note by which anybody can follow too.

    The note lies beside the new key and is signed by both. The signer takes both up at its next start, and signs with
    each key that lies there.

    Example: paritrana keys succeed /srv/signer/log.key /srv/signer/log-2027.key
    """
    try:
        made = succeeding_key(before, after)
    except StartFailed as error:
        raise WrongUse(str(error)) from None
    note = after.with_suffix(SUCCESSION)
    show(
        {
            "file": str(after),
            "succession": str(note),
            "name": made.after.name,
            "verifier_key": made.after.text,
            "follows": made.before.text,
        },
        [
            made.after.text,
            f"follows {made.before.text}",
            "next: start the signer again, which then signs with both, and tell all what the new key is",
            f"later: take {before} away and start it again; {note} stays for ever",
        ],
        as_json=as_json,
    )


def rotate(
    service: Annotated[str, typer.Argument(help=f"The service: {', '.join(SERVICES)}.")],
    keys: Annotated[
        Path | None, typer.Option(help="The folder of keys; else PARITRANA_KEYS, else `keys` in PARITRANA_DATA.")
    ] = None,
    lost: Annotated[
        bool, typer.Option("--lost", help="The key until now is lost: let the one that lies there begin anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the key by which a service signs its events from now on.

    A service that runs takes it up within seconds; one that does not, at its next start. It publishes the new key in
    the log, signed by the one until now, and moves the file into its place, where the old one ends. With --lost nothing
    can vouch for the new key: every verification says so, unless the auditor is given its id.

    Example: paritrana keys rotate nomination
    """
    if service not in SERVICES:
        raise WrongUse(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    folder = keys or _keys_folder()
    try:
        if not folder.is_dir():
            raise WrongUse(f"{folder} is no folder: name the folder of keys by --keys or PARITRANA_KEYS")
        if lost:
            signer = make_key_anew(folder, service)
            lines = [
                f"{service} begins anew with the key {signer.key_id}, for which no key before it vouches",
                f"next: start {service} again, and give auditors {service}:{signer.key_id} on another way",
            ]
        else:
            signer, fresh = make_next_key(folder, service)
            lines = [
                f"the key {signer.key_id} of {service} {'is made' if fresh else 'waits already'}",
                f"next: {service} takes it up within seconds, or when it is started",
            ]
    except StartFailed as error:
        hint = "" if lost else f"; if the key of {service} is lost for good, say --lost"
        raise WrongUse(f"{error}{hint}") from None
    show({"service": service, "key_id": signer.key_id, "folder": str(folder), "lost": lost}, lines, as_json=as_json)


def _keys_folder() -> Path:
    chosen = os.environ.get("PARITRANA_KEYS")
    return Path(chosen) if chosen else data_folder(os.environ) / "keys"


def _show(key: NoteKey, file: Path, *, as_json: bool) -> None:
    verifier = key.verifier.text
    show({"file": str(file), "name": key.name, "verifier_key": verifier}, [verifier], as_json=as_json)
