"""What the signer holds on its own disk: its keys, and of each log the last checkpoint that it signed.

The book is what makes the signer more than a key: it is written and flushed to the disk before a signature leaves, so
that neither a restart nor two requests at once can make it sign a smaller tree, or another one of the same size.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from kernel.settings import StartFailed
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import ED25519, NoteKey, NotSigned, SignedNote, VerifierKey, verified
from kernel.tlog.successions import SUCCESSION, Succession, following, preceding

_KEYS: Final = "*.key"
_LOST: Final = "*.lost"
_SIGNED: Final = "signed"


class Book:
    """One signer's folder, held by one process."""

    def __init__(self, folder: Path) -> None:
        """Open the folder and read its keys. Raises StartFailed in one line."""
        self._folder = folder
        try:
            (folder / _SIGNED).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self.keys = tuple(NoteKey.parse(path.read_text("ascii").strip()) for path in sorted(folder.glob(_KEYS)))
            self.successions = tuple(
                Succession.parse(path.read_bytes()) for path in sorted(folder.glob(f"*{SUCCESSION}"))
            )
            self._lost = [VerifierKey.parse(path.read_text("ascii").strip()) for path in sorted(folder.glob(_LOST))]
        except BlockingIOError:
            raise StartFailed(f"another signer holds {folder}: two would sign what does not fit together") from None
        except (OSError, UnicodeDecodeError, Malformed, NotSigned) as error:
            raise StartFailed(f"the signer's folder {folder} cannot be used: {error}") from None
        try:
            if not self.keys:
                raise StartFailed(f"{folder} holds no key: make one with paritrana keys make")
            self._check_lineage()
        except StartFailed:
            self.close()
            raise

    def _check_lineage(self) -> None:
        """Refuse a log's key that the one which signed until now does not vouch for, and two that nothing binds."""
        logs = [key.verifier for key in self.keys if key.kind == ED25519]
        for origin in dict.fromkeys(key.name for key in logs):
            here = [key for key in logs if key.name == origin]
            begun = self._signed_last(origin, here)
            bound = {*begun, *following(begun, self.successions)}
            for key in here:
                if key not in bound:
                    raise StartFailed(
                        f"the key {key.key_id.hex()} in {self._folder} may not sign for {origin}: no key that signed "
                        "before vouches for it, or another has taken its place; take it away, put the key back that "
                        "signed last, or make one that follows it with paritrana keys succeed"
                    )

    def _signed_last(self, origin: str, here: Sequence[VerifierKey]) -> list[VerifierKey]:
        """Return the keys that signed a log's last checkpoint; where none did, or a lost one, that may begin."""
        last = self.last(origin)
        if last is None:
            return [key for key in here if not {*preceding([key], self.successions)} & {*here}][:1]
        lost = [key for key in self._lost if key.name == origin]
        known = {*here, *preceding(here, self.successions), *following(here, self.successions), *lost}
        try:
            found = [one.key for one in verified(last, known)]
        except NotSigned:
            raise StartFailed(
                f"the last checkpoint of {origin} in {self._folder} is signed by no key that is here, nor by one that "
                "a key here follows: put that key back, or the note (*.succession) by which it is followed; if it is "
                "lost for good, the operator's guide says what to do"
            ) from None
        return list(here) if any(key in lost for key in found) else found

    def close(self) -> None:
        """Let the folder go."""
        self._lock.close()

    def last(self, origin: str) -> SignedNote | None:
        """Return the last checkpoint of a log that was signed here; None before the first."""
        path = self._path(origin)
        return SignedNote.parse(path.read_bytes()) if path.exists() else None

    def write(self, origin: str, note: SignedNote) -> None:
        """Keep what is about to be answered; when this returns, it is on the disk."""
        path = self._path(origin)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(note.raw)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _flush_directory(path.parent)

    def _path(self, origin: str) -> Path:
        return self._folder / _SIGNED / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


def _locked(folder: Path) -> IO[bytes]:
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
