"""`paritrana login` and `paritrana token`: sign in against identity, once for a person, each time for a script.

On the embedded stack every development person (`admin`, `panitia-13-1`, `sekretariat-75` …) signs in with the one
password that the stack made at first start and keeps in its data folder; nobody needs to know it. What `login` obtains
is kept in the user's configuration folder, readable by that user only.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from cli.output import AsJson, WrongUse, show
from deploy.local.settings import data_folder, ports_from
from services.identity.development import PASSWORD_FILE

_SESSION: Final = "session.json"

Identity = Annotated[
    str | None, typer.Option("--identity", help="Where identity answers; else PARITRANA_IDENTITY_URL, else loopback.")
]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="File with the password; - reads standard input.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "login",
        help="Sign in; the token is kept for the other commands.\n\n"
        "On the embedded stack the password is known; elsewhere it is asked for.\n\nExample: paritrana login admin",
    )(login)
    app.command(
        "token",
        help="Print a bearer token: of a development person, or the one that `login` keeps.\n\n"
        'Example: curl -H "Authorization: Bearer $(paritrana token panitia-13-1)" http://127.0.0.1:8085/v1/me',
    )(token)


def login(
    login_name: Annotated[
        str | None, typer.Argument(metavar="[LOGIN]", help="Login name; asked for if left out.")
    ] = None,
    password_file: PasswordFile = None,
    identity: Identity = None,
    as_json: AsJson = False,
) -> None:
    """Sign in and keep the token."""
    name = login_name or _asked("Login")
    url = identity_url(identity)
    answer = sign_in(url, name, _password(password_file) or _asked("Password", hidden=True))
    kept = {"identity": url, "login": name, **answer}
    _keep(kept)
    shown = {"login": name, "expires": answer["expires"], "file": str(session_file())}
    show(shown, [f"signed in as {name} until {answer['expires']}"], as_json=as_json)


def token(
    login_name: Annotated[
        str | None, typer.Argument(metavar="[LOGIN]", help="A login name; left out: whoever signed in by `login`.")
    ] = None,
    password_file: PasswordFile = None,
    identity: Identity = None,
    as_json: AsJson = False,
) -> None:
    """Print a token."""
    answer = _kept_session() if login_name is None else _for_script(login_name, password_file, identity)
    show({"token": answer["token"], "expires": answer["expires"]}, [answer["token"]], as_json=as_json)


def token_for(login_name: str | None = None, identity: str | None = None) -> str:
    """Return a token for another command: of a development person, else the one that `login` keeps."""
    answer = _kept_session() if login_name is None else _for_script(login_name, None, identity)
    return str(answer["token"])


def _for_script(name: str, password_file: Path | None, identity: str | None) -> dict[str, Any]:
    password = _password(password_file)
    if password is None:
        raise WrongUse(
            f"no password for {name}: this is no embedded stack's data folder ({_development_file()} is missing); "
            "use --password-file"
        )
    return sign_in(identity_url(identity), name, password)


def identity_url(given: str | None = None) -> str:
    """Return where identity answers: as given, as set, or on this machine."""
    chosen = given or os.environ.get("PARITRANA_IDENTITY_URL")
    return (chosen or f"http://127.0.0.1:{ports_from(os.environ)['identity']}").rstrip("/")


def sign_in(url: str, name: str, password: str) -> dict[str, Any]:
    """Return identity's answer to a sign-in, `token` and `expires`; raise WrongUse with what to do next."""
    try:
        answer = httpx.post(
            f"{url}/v1/sign-in", json={"login": name, "password": password}, timeout=10.0, trust_env=False
        )
        said = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"identity does not answer at {url} ({type(error).__name__}): start the stack with `paritrana up`"
        ) from None
    except ValueError:
        raise WrongUse(f"what answers at {url} is not identity; correct PARITRANA_IDENTITY_URL") from None
    if answer.status_code != httpx.codes.OK:
        raise WrongUse(f"{said.get('title', 'refused')}: {said.get('detail', answer.status_code)}")
    return {"token": said["token"], "expires": said["expires"]}


def _password(password_file: Path | None) -> str | None:
    if password_file is not None and str(password_file) == "-":
        return sys.stdin.readline().strip()
    file = password_file or _development_file()
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        if password_file is None:
            return None
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None


def _development_file() -> Path:
    keys = os.environ.get("PARITRANA_KEYS")
    return (Path(keys) if keys else data_folder(os.environ) / "keys") / PASSWORD_FILE


def _asked(what: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise WrongUse(f"there is no terminal to ask for the {what.lower()}: name LOGIN and use --password-file")
    return str(typer.prompt(what, hide_input=hidden))


# --- what is kept ---------------------------------------------------------------------------------------------------


def session_file() -> Path:
    """Return the file that keeps who signed in."""
    return Path(typer.get_app_dir("paritrana")) / _SESSION


def _keep(session: dict[str, Any]) -> None:
    file = session_file()
    fresh = file.with_name(f"{_SESSION}.{os.getpid()}.new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as writer:
            json.dump(session, writer)
        fresh.replace(file)
    except OSError as error:
        raise WrongUse(f"the token cannot be kept in {file}: {error.strerror}") from None


def _kept_session() -> dict[str, Any]:
    try:
        session: dict[str, Any] = json.loads(session_file().read_text(encoding="utf-8"))
        expires = datetime.fromisoformat(session["expires"])
    except (OSError, ValueError, KeyError):
        raise WrongUse("nobody is signed in: use `paritrana login`, or name a development person") from None
    if expires <= datetime.now(UTC):
        raise WrongUse(f"the token of {session['login']} has expired: use `paritrana login {session['login']}`")
    return session
