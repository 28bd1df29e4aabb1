"""A service's database, for commands of operators that ask it and no service, and who it is that asks."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from cli.addresses import database_place
from cli.output import WrongUse
from deploy.local.provision import with_login
from deploy.local.settings import options_from


def owner_url(service: str, data: Path | None = None) -> str:
    """Return the URL by which the owner of a service's database connects to it, with the password in the data folder.

    Raises WrongUse when the password is not there: who cannot read the folder is no operator of the stack.
    """
    options = options_from(os.environ, data=data)
    owner = f"paritrana_{service}_owner"
    try:
        password = (options.data / "secrets" / owner).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WrongUse(f"the owner's password is not there ({error}): name the stack's folder by --data") from error
    admin = options.database_url or f"postgresql://{database_place(data)}/postgres"
    return with_login(admin, owner, password, f"paritrana_{service}")


def account() -> str:
    """Return the account of this machine that gives a command, behind `sudo` too."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
