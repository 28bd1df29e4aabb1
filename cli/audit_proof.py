"""`paritrana audit proof check`: hold proofs that single events are in the log to a key that one knows.

A proof is a file (C2SP tlog-proof) with the log's checkpoint in it; the entry, an event's envelope, lies beside it
under the same name with `.json`. So who was handed two small files needs no export, no service and no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from cli.output import AsJson, Finding, WrongUse, show
from kernel.tlog.encodings import Malformed, to_base64
from kernel.tlog.notes import NotSigned, VerifierKey
from kernel.tlog.proofs import LogProof
from kernel.tlog.tiles import MAX_ENTRY
from kernel.tlog.trees import NotProven, leaf_hash

_PROOF: Final = ".tlog-proof"
_MOST_PROOF: Final = 1 << 21


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    proof = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Proofs that single events are in the log.")
    proof.command("check")(check)
    app.add_typer(proof, name="proof")


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A proof, or a folder of them.")],
    vkey: Annotated[
        list[str], typer.Option("--vkey", help="The log's verifier key, or a witness's besides; repeatable.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check that events are in the log, offline: with nothing but proofs, entries, and a key from elsewhere.

    Example: paritrana audit proof check ./proofs --vkey 'audit.paritrana.example/log+8a3e9c11+AaQ…'
    """
    keys = [_key(text) for text in vkey]
    said = [_checked(proof, keys) for proof in _proofs(path)]
    show({"proofs": said}, map(_line, said), as_json=as_json)
    if bad := sum("why" in one for one in said):
        raise Finding(f"{bad} of {len(said)} proofs do not hold: these events were not shown to be in the log")


def _key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except Malformed as error:
        raise WrongUse(f"--vkey is no verifier key: {error}") from None


def _proofs(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"*{_PROOF}"))
    if not found:
        raise WrongUse(
            f"{path} holds no *{_PROOF}: make some with paritrana audit explain DIR NOMINATION --proofs {path}"
        )
    return found


def _checked(path: Path, keys: list[VerifierKey]) -> dict[str, Any]:
    """Return what a proof shows, or why it shows nothing."""
    beside = path.with_suffix(".json")
    told: dict[str, Any] = {"proof": path.name}
    raw, entry = _content(path, _MOST_PROOF), _content(beside, MAX_ENTRY)
    try:
        proof = LogProof.parse(raw)
        at = proof.verify(leaf_hash(entry), keys).checkpoint
    except (Malformed, NotSigned, NotProven, ValueError) as error:
        return {**told, "why": str(error)}
    return {
        **told,
        "log": at.origin,
        "index": proof.index,
        "size": at.size,
        "root": to_base64(at.root),
        **_named(entry),
    }


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as source:
            raw = source.read(most + 1)
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}; a proof needs its entry beside it") from None
    if len(raw) > most:
        raise WrongUse(f"{path} has more than {most} bytes, which none has")
    return raw


def _named(entry: bytes) -> dict[str, Any]:
    """Return what an entry says of itself. It is a leaf already; what is in it may still be anything."""
    try:
        envelope = orjson.loads(entry)
        return {"event": f"{envelope['subject']}@{envelope['streamversion']}", "type": str(envelope["type"])}
    except (ValueError, LookupError, TypeError):
        return {"event": None, "type": None}


def _line(said: dict[str, Any]) -> str:
    if "why" in said:
        return f"FOUND {said['proof']}: {said['why']}"
    what = "an entry that is no event" if said["event"] is None else f"{said['event']} {said['type']}"
    return f"proven: leaf {said['index']} of {said['size']} of {said['log']}: {what}"
