"""Where the parts of a stack answer: as given, as set, or as the running stack itself says.

A stack may listen anywhere, so its supervisor is asked, whose place stands in the data folder (`deploy.local.control`).
Nothing is guessed for a folder that was named: a token or a password of one stack must not be sent to another.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from cli.output import WrongUse
from deploy.local.control import Control, NotRunning
from deploy.local.ports import LOOPBACK
from deploy.local.settings import PORTS, data_folder, ports_from


def address_of(service: str, given: str | None = None, data: Path | None = None) -> str:
    """Return the URL of a service, without a slash at its end.

    In this order: `given`, PARITRANA_<SERVICE>_URL, PARITRANA_<SERVICE>_PORT on loopback, what the stack that runs in
    the data folder says, and, where no data folder is named, the default port on loopback.

    Raises WrongUse when the named folder's stack does not run, or says otherwise than the port's setting.
    """
    chosen = given or os.environ.get(f"PARITRANA_{service.upper()}_URL")
    return chosen.rstrip("/") if chosen else _place(service, data, scheme="http://")


def database_place(data: Path | None = None) -> str:
    """Return host and port of the embedded database, found as `address_of` finds a service."""
    return _place("postgresql", data)


def broker_address(data: Path | None = None) -> str:
    """Return where the broker answers: KAFKA_BOOTSTRAP_SERVERS unless a data folder is given, else the running stack's.

    Raises WrongUse where neither says it.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given and data is None:
        return given
    found = running_stack(data)
    if found is None:
        raise WrongUse("no stack runs here: start one with `paritrana up`, or set KAFKA_BOOTSTRAP_SERVERS")
    return str(found["kafka"])


def running_stack(data: Path | None = None) -> dict[str, Any] | None:
    """Return the status of the stack that runs in the data folder, as its supervisor tells it; None without one."""
    try:
        return asyncio.run(Control(data_folder(os.environ, data)).status())
    except NotRunning:
        return None


def place_in(status: Mapping[str, Any], part: str) -> str | None:
    """Return where a part of a running stack answers; None for one that it does not run."""
    places: dict[str, str] = {each["name"]: each["url"] for each in status["parts"]}
    return places.get(part)


def _place(part: str, data: Path | None, *, scheme: str = "") -> str:
    setting = PORTS[part][0]
    is_set = bool(os.environ.get(setting))
    by_port = f"{scheme}{LOOPBACK}:{ports_from(os.environ)[part]}"
    if not _is_named(data):
        found = None if is_set else running_stack(data)
        return by_port if found is None else _recorded(part, found)
    found = running_stack(data)
    if found is None:
        return by_port if is_set else _not_running(part, data)
    recorded = _recorded(part, found)
    if is_set and recorded != by_port:
        raise WrongUse(
            f"{setting} says that {part} answers at {by_port}, and the stack in {found['data']} says {recorded}: "
            f"unset {setting}, or name another stack by PARITRANA_DATA"
        )
    return recorded


def _is_named(data: Path | None) -> bool:
    return data is not None or bool(os.environ.get("PARITRANA_DATA"))


def _not_running(part: str, data: Path | None) -> NoReturn:
    raise WrongUse(
        f"no stack runs in {data_folder(os.environ, data)}: start one with `paritrana up`, "
        f"or say where {part} answers by {_explicit(part)}"
    )


def _recorded(part: str, status: Mapping[str, Any]) -> str:
    place = place_in(status, part)
    if place is None:
        raise WrongUse(
            f"the stack in {status['data']} does not run {part}, or not yet: see `paritrana status`, "
            f"or say where {part} answers by {_explicit(part)}"
        )
    return place


def _explicit(part: str) -> str:
    return "DATABASE_URL" if part == "postgresql" else f"PARITRANA_{part.upper()}_URL"
