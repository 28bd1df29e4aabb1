"""`paritrana serve SERVICE`: one process of one service, as the supervisor and the containers start it.

It stands apart from the other commands so that a service's process imports its own service and nothing else.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from cli.output import WrongUse, end_with_error
from schemas.topics import SERVICES


def run(service: str) -> None:
    """Run a service in this process until it is told to stop: `services.<service>.app.run()`."""
    if service not in SERVICES:
        raise WrongUse(f"there is no service {service!r}: choose one of {', '.join(SERVICES)}")
    if find_spec(f"services.{service}.app") is None:
        raise WrongUse(f"the service {service} is not installed: services.{service}.app is missing")
    importlib.import_module(f"services.{service}.app").run()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", help="Run one service in this process.\n\nExample: paritrana serve scoring")(_serve)


def _serve(service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]) -> None:
    run(service)


if __name__ == "__main__":
    try:
        run(sys.argv[1])
    except WrongUse as error:
        end_with_error(error, 2)
