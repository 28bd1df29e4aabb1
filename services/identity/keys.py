"""The keys that tokens are signed with, and the secrets of services, as files that only their owner may read.

The folder (PARITRANA_KEYS) holds `token-signing.jwk` (private, the one in use), `token-retired-<kid>.jwk` (public, so
that tokens signed before a rotation stay valid), `<service>.secret`, and on the embedded stack one password for all
development persons. Keys are JWKs (RFC 7517) with RFC 7638 thumbprints as key ids. Files appear whole or not at all,
so two processes that start at once agree on one key.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import OKPKey

from kernel.settings import StartFailed
from kernel.tokens import ALGORITHM

_SIGNING: Final = "token-signing.jwk"
_RETIRED: Final = "token-retired-"


class KeyRing:
    """Identity's token keys; another process's rotation is noticed at the next use."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it and its first key; raise StartFailed when that cannot be."""
        self._folder = folder
        self._stamp: int | None = None
        self._signing: OKPKey
        self._jwks: dict[str, Any]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_new(folder / _SIGNING, lambda: _private(_new_key()))
            self._read()
        except (OSError, ValueError) as error:
            raise StartFailed(f"the keys in {folder} cannot be used: {error}; correct PARITRANA_KEYS") from None

    def signing(self) -> OKPKey:
        """Return the private key in use."""
        self._read()
        return self._signing

    def jwks(self) -> dict[str, Any]:
        """Return every public key, the one in use first, as a JWK set."""
        self._read()
        return self._jwks

    def rotate(self) -> str:
        """Put a new key in use and keep the old one's public half; return the new key's id."""
        old, new = self.signing(), _new_key()
        _write_new(self._folder / f"{_RETIRED}{old.kid}.jwk", lambda: json.dumps(_public(old)))
        fresh = self._folder / f"{_SIGNING}.{os.getpid()}.new"
        _write_new(fresh, lambda: _private(new))
        fresh.replace(self._folder / _SIGNING)
        return str(new.kid)

    def _read(self) -> None:
        stamp = self._folder.stat().st_mtime_ns
        if stamp == self._stamp:
            return
        self._signing = _import(self._folder / _SIGNING)
        retired = [_import(path) for path in sorted(self._folder.glob(f"{_RETIRED}*.jwk"))]
        self._jwks = {"keys": [_public(key) for key in (self._signing, *retired)]}
        self._stamp = stamp


def _new_key() -> OKPKey:
    key = OKPKey.generate_key("Ed25519")
    return OKPKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def _private(key: OKPKey) -> str:
    return json.dumps(key.as_dict(private=True))


def _public(key: OKPKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}


def _import(path: Path) -> OKPKey:
    return OKPKey.import_key(json.loads(path.read_text(encoding="ascii")))


def kept_secret(path: Path) -> str:
    """Return the secret in `path`, made at first use: 256 random bits, URL-safe, mode 0600."""
    _write_new(path, lambda: secrets.token_urlsafe(32))
    return read_secret(path)


def read_secret(path: Path) -> str:
    """Return the secret in `path` without surrounding white space; raise OSError when it cannot be read."""
    return path.read_text(encoding="utf-8").strip()


def _write_new(path: Path, content: Callable[[], str]) -> None:
    """Write a file with mode 0600 unless it exists; whoever is first wins, and nobody sees half of it."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content())
        _link(draft, path)
    finally:
        draft.unlink()


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
