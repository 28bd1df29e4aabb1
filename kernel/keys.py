"""Keys that services sign with: files outside the database, each made at first use, whole or not at all.

`<service>.events.pem` is the key in use. A key that is to take its place is made beside it, as
`<service>.events.next.pem`; the service publishes it, signed by the one in use, and moves it there
(`kernel.own_key`). `<service>.events.lost` names a key that begins anew because the one before it is lost.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kernel.canonical import Ed25519Signer
from kernel.settings import StartFailed
from kernel.tlog.notes import ED25519, Kind, NoteKey
from kernel.tlog.successions import SUCCESSION, Succession


def event_signer(folder: Path, service: str) -> Ed25519Signer:
    """Return the signer of `<folder>/<service>.events.pem` (PKCS 8, mode 0600); make the key at first start.

    Raises StartFailed in one line when there is no usable key.
    """
    path = event_key_file(folder, service)
    try:
        if not path.exists():
            _write(path, _new_pem())
    except OSError as error:
        raise _unusable(path, error) from None
    return _signer_in(path)


def event_key_file(folder: Path, service: str) -> Path:
    """Return where the key in use lies."""
    return folder / f"{service}.events.pem"


def next_key_file(folder: Path, service: str) -> Path:
    """Return where a key lies that is to take the place of the one in use."""
    return folder / f"{service}.events.next.pem"


def stored_signer(path: Path) -> Ed25519Signer | None:
    """Return the signer of a key's file, None where there is no file. Raises StartFailed."""
    try:
        return _signer_in(path) if path.exists() else None
    except OSError as error:
        raise _unusable(path, error) from None


def make_next_key(folder: Path, service: str) -> tuple[Ed25519Signer, bool]:
    """Make the key that is to take the place of the one in use; return it, and whether it was not there before.

    Raises StartFailed when the folder cannot be written, or holds no key of the service.
    """
    if stored_signer(event_key_file(folder, service)) is None:
        raise StartFailed(f"{folder} holds no key of {service}")
    path = next_key_file(folder, service)
    try:
        fresh = not path.exists() and _write(path, _new_pem())
    except OSError as error:
        raise _unusable(path, error) from None
    return _signer_in(path), fresh


def make_key_anew(folder: Path, service: str) -> Ed25519Signer:
    """Say that the key in use until now is lost, and return the one that begins anew: that of the file, or a new one.

    Raises StartFailed when the folder cannot be written, or a change of keys is under way.
    """
    if (waiting := next_key_file(folder, service)).exists():
        raise StartFailed(f"{waiting} waits to take the place of the key in use: take it away first")
    signer, path = event_signer(folder, service), _lost_file(folder, service)
    try:
        path.unlink(missing_ok=True)
        _write(path, f"{signer.key_id}\n".encode())
    except OSError as error:
        raise _unusable(path, error) from None
    return signer


def begins_anew(folder: Path, service: str, key_id: str) -> bool:
    """Tell whether an operator has said that this key begins anew."""
    try:
        return _lost_file(folder, service).read_text("ascii").strip() == key_id
    except (OSError, UnicodeDecodeError):
        return False


def _lost_file(folder: Path, service: str) -> Path:
    return folder / f"{service}.events.lost"


def _signer_in(path: Path) -> Ed25519Signer:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(path, error) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StartFailed(f"the signing key {path} is not an Ed25519 key; put one in PEM there")
    return Ed25519Signer(key)


def _unusable(path: Path, error: Exception) -> StartFailed:
    return StartFailed(f"the signing key {path} cannot be used ({error}); correct PARITRANA_KEYS")


def note_key(path: Path, name: str, kind: Kind = ED25519) -> NoteKey:
    """Return the key in `path` that signs notes as `name` (C2SP signed-note); make it at first use, mode 0600.

    Raises StartFailed in one line when there is no usable key, or one of another name.
    """
    try:
        if not path.exists():
            _write(path, f"{NoteKey.generate(name, kind).text}\n".encode())
        key = NoteKey.parse(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise StartFailed(f"the key {path} cannot be used ({error}); correct it, or take it away") from None
    if (key.name, key.kind) != (name, kind):
        raise StartFailed(f"{path} is the key of {key.name} (type {key.kind}), not of {name} (type {kind})")
    return key


def succeeding_key(before: Path, after: Path) -> Succession:
    """Return the note by which the key in `after`, made when it is not there, follows that in `before`; keep it beside.

    The note is written first, so that a key that lies there without one is none that this command left half made.
    Raises StartFailed in one line.
    """
    try:
        old = NoteKey.parse(before.read_text("ascii").strip())
        if not after.exists():
            new = NoteKey.generate(old.name, old.kind)
            _replace(after.with_suffix(SUCCESSION), Succession.make(old, new).note.raw)
            _write(after, f"{new.text}\n".encode())
        made = Succession.make(old, NoteKey.parse(after.read_text("ascii").strip()))
        note = after.with_suffix(SUCCESSION)
        # Ed25519 signs the same text in the same way each time, so another note is one of another run at the same time.
        if not note.exists() or note.read_bytes() != made.note.raw:
            _replace(note, made.note.raw)
    except (OSError, ValueError) as error:
        raise StartFailed(f"no key can follow {before} in {after}: {error}") from None
    return made


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    _write(fresh, content)
    fresh.replace(path)


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> bool:
    """Write a new key so that a crash leaves either none or a whole one, and tell whether this writer was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Replicas may share the folder and, each in a container of its own, a process id.
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True
