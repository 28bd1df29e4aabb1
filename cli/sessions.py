"""Who signed in, kept for the next commands: one file for each stack, readable by its user only.

A stack is told by where its identity answers and by the data folder, so a sign-in at one stack neither ends nor lends
that at another. What has expired is removed at the next sign-in.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from cli.output import WrongUse
from deploy.local.settings import data_folder

Session = dict[str, Any]
_NAME_DIGITS: Final = 32


def session_file(identity: str) -> Path:
    """Return the file that keeps who signed in at the stack."""
    stack = f"{identity}\n{data_folder(os.environ)}"
    return _folder() / f"{hashlib.sha256(stack.encode()).hexdigest()[:_NAME_DIGITS]}.json"


def keep_session(identity: str, session: Session) -> Path:
    """Keep a session, mode 0600, in place of the stack's earlier one; return its file."""
    file = session_file(identity)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    kept = {**session, "identity": identity, "data": str(data_folder(os.environ))}
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_expired()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as writer:
            json.dump(kept, writer)
        fresh.replace(file)
    except OSError as error:
        raise WrongUse(f"the token cannot be kept in {file}: {error.strerror}") from None
    return file


def signed_in(identity: str) -> Session | None:
    """Return the session kept for the stack, None without one; raise WrongUse for one that has expired."""
    session = _read(session_file(identity))
    if session is None:
        return None
    if _has_expired(session):
        raise WrongUse(f"the token of {session['login']} has expired: use `paritrana login {session['login']}`")
    return session


def session_of(identity: str) -> Session:
    """Return the session kept for the stack; raise WrongUse, with the stacks that have one, when nobody signed in."""
    if (session := signed_in(identity)) is not None:
        return session
    places = sorted(f"{each['identity']} (data folder {each['data']})" for each in _sessions().values())
    elsewhere = f"; signed in at other stacks: {', '.join(places)}" if places else ""
    raise WrongUse(
        f"nobody is signed in at {identity} for the data folder {data_folder(os.environ)}: "
        f"use `paritrana login`, or name a development person{elsewhere}"
    )


def _folder() -> Path:
    return Path(typer.get_app_dir("paritrana")) / "sessions"


def _read(file: Path) -> Session | None:
    try:
        session: Session = json.loads(file.read_text(encoding="utf-8"))
        complete = {"token", "login", "identity", "data", "expires"} <= session.keys()
        return session if complete and datetime.fromisoformat(session["expires"]).tzinfo else None
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def _has_expired(session: Session) -> bool:
    return datetime.fromisoformat(session["expires"]) <= datetime.now(UTC)


def _sessions() -> dict[Path, Session]:
    """Return every session that can be read, by its file."""

    def found() -> Iterator[tuple[Path, Session]]:
        for file in _folder().glob("*.json"):
            if (session := _read(file)) is not None:
                yield file, session

    return dict(found())


def _remove_expired() -> None:
    for file, session in _sessions().items():
        if _has_expired(session):
            file.unlink(missing_ok=True)
    # Before there was one file a stack, this one held whoever signed in last, wherever that was.
    _folder().with_name("session.json").unlink(missing_ok=True)
