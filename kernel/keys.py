"""Keys that services sign with: files outside the database, each made at first use, whole or not at all."""

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


def event_signer(folder: Path, service: str) -> Ed25519Signer:
    """Return the signer of `<folder>/<service>.events.pem` (PKCS 8, mode 0600); make the key at first start.

    Raises StartFailed in one line when there is no usable key.
    """
    path = folder / f"{service}.events.pem"
    try:
        if not path.exists():
            _write(path, _new_pem())
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise StartFailed(f"the signing key {path} cannot be used ({error}); correct PARITRANA_KEYS") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StartFailed(f"the signing key {path} is not an Ed25519 key; put one in PEM there")
    return Ed25519Signer(key)


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


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write a new key so that a crash leaves either none or a whole one, and the first of two writers wins."""
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
        pass
    finally:
        fresh.unlink()
