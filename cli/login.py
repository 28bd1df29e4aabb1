"""`paritrana login` and `paritrana token`: sign in against identity, once for a person, each time for a script.

On the embedded stack every development person (`admin`, `panitia-13-1`, `sekretariat-75` …) signs in with the one
password that the stack made at first start and keeps in its data folder; nobody needs to know it. What `login` obtains
is kept in the user's configuration folder, for each stack by itself (`cli.sessions`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli.addresses import address_of
from cli.output import AsJson, WrongUse, show
from cli.sessions import keep_session, session_of
from deploy.local.settings import data_folder
from services.identity.settings import PASSWORD_FILE

Identity = Annotated[
    str | None,
    typer.Option("--identity", help="Where identity answers; else PARITRANA_IDENTITY_URL, else as the stack says."),
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
    url = address_of("identity", identity)
    answer = sign_in(url, name, _password(password_file) or _asked("Password", hidden=True))
    file = keep_session(url, {"login": name, **answer})
    shown = {"login": name, "expires": answer["expires"], "file": str(file)}
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
    answer = _session(identity) if login_name is None else _for_script(login_name, password_file, identity)
    show({"token": answer["token"], "expires": answer["expires"]}, [answer["token"]], as_json=as_json)


def token_for(login_name: str | None = None, identity: str | None = None) -> str:
    """Return a token for another command: of a development person, else the one that `login` keeps."""
    answer = _session(identity) if login_name is None else _for_script(login_name, None, identity)
    return str(answer["token"])


def token_beside(login_name: str | None, identity: str | None = None) -> str:
    """Return the token of a second person, who takes part in a command beside whoever asks; nothing of it is kept.

    The name and, except of development persons, the password are asked for on the terminal.
    """
    if not sys.stdin.isatty() and (login_name is None or _password(None) is None):
        raise WrongUse(
            "there is no terminal to ask the second person at: run this where both can type, or on the embedded stack "
            "name a development person by --second"
        )
    name = login_name or _asked("Login of the second person")
    password = _password(None) or _asked(f"Password of {name}", hidden=True)
    return str(sign_in(address_of("identity", identity), name, password)["token"])


def _session(identity: str | None) -> dict[str, Any]:
    return session_of(address_of("identity", identity))


def _for_script(name: str, password_file: Path | None, identity: str | None) -> dict[str, Any]:
    password = _password(password_file)
    if password is None:
        raise WrongUse(
            f"no password for {name}: this is no embedded stack's data folder ({_development_file()} is missing); "
            "use --password-file"
        )
    return sign_in(address_of("identity", identity), name, password)


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
