"""Where the embedded stack keeps its data, and whom its database runs as.

PostgreSQL refuses to run as root. Started by root it therefore runs as another user of the system, which must be able
to enter every folder above its own; so the default data folder depends on who starts the stack, and a folder that the
database cannot enter is refused with one line before anything is made in it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import stat
from pathlib import Path
from typing import Final

from deploy.local.child import Account, StackError

_DATABASE_USERS: Final = ("postgres", "nobody")
_FOR_ROOT: Final = Path("/var/lib/paritrana")


def database_account() -> Account | None:
    """Return whom PostgreSQL runs as: None for the user itself, another account when that user is root."""
    if os.geteuid() != 0:
        return None
    wanted = os.environ.get("PARITRANA_POSTGRES_USER")
    for name in (wanted,) if wanted else _DATABASE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root and no other user was found: set PARITRANA_POSTGRES_USER to an ordinary user"
    )


def can_enter(folder: Path, account: Account) -> bool:
    """Say whether `account` may pass through `folder` and everything above it (those that exist)."""
    return all(_may_pass(part.stat(), account) for part in (folder, *folder.parents) if part.exists())


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def default_data_folder() -> Path:
    """Return the data folder of whoever asks: below XDG_DATA_HOME, or where root's database can go."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = Path(base) / "paritrana"
    account = database_account()
    return folder if account is None or can_enter(folder, account) else _FOR_ROOT


def make_data_folder(folder: Path) -> Path:
    """Make the data folder, enterable by the database's user; raise StackError when it cannot be."""
    folder = folder.expanduser().absolute()
    account = database_account()
    try:
        _make_enterable(folder)
    except OSError as error:
        raise StackError(
            f"the data folder {folder} cannot be made ({error.strerror}): choose another by --data"
        ) from error
    if account is not None and not can_enter(folder, account):
        raise StackError(
            f"the database's user (uid {account.uid}) cannot enter {folder}: choose another folder by --data"
        )
    return folder


def _make_enterable(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_enterable(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def secret_in(path: Path) -> str:
    """Return the secret kept in `path` (mode 0600), made at first use: 192 random bits, URL-safe."""
    if not path.exists():
        keep_secret(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8")


def keep_secret(path: Path, secret: str) -> None:
    """Keep a given secret in `path`, mode 0600, in place of whatever was there."""
    private_folder(path.parent)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret)
    fresh.replace(path)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter (mode 0700)."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path
