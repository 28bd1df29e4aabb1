"""What the signer holds on its own disk: its keys, and of each log the last checkpoint that it signed.

The book is what makes the signer more than a key: it is written and flushed to the disk before a signature leaves, so
that neither a restart nor two requests at once can make it sign a smaller tree, or another one of the same size.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import IO, Final

from kernel.settings import StartFailed
from kernel.tlog.checkpoints import Checkpoint
from kernel.tlog.encodings import Malformed
from kernel.tlog.notes import NoteKey, SignedNote

_KEYS: Final = "*.key"
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
        except BlockingIOError:
            raise StartFailed(f"another signer holds {folder}: two would sign what does not fit together") from None
        except (OSError, UnicodeDecodeError, Malformed) as error:
            raise StartFailed(f"the signer's folder {folder} cannot be used: {error}") from None
        if not self.keys:
            raise StartFailed(f"{folder} holds no key: make one with paritrana keys make")

    def close(self) -> None:
        """Let the folder go."""
        self._lock.close()

    def last(self, origin: str) -> SignedNote | None:
        """Return the last checkpoint of a log that was signed here; None before the first."""
        path = self._path(origin)
        return SignedNote.parse(path.read_bytes()) if path.exists() else None

    def size(self, origin: str) -> int:
        """Return the size of the last checkpoint of a log that was signed here, 0 before the first."""
        last = self.last(origin)
        return 0 if last is None else Checkpoint.parse(last.text).size

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
