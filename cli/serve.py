"""`paritrana serve SERVICE`: one process of one service, as the supervisor and the containers start it.

It stands apart from the other commands so that a service's process imports its own service and nothing else.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import Annotated, Final

import typer

from cli.output import WrongUse, end_with_error
from schemas.topics import SERVICES

OTHER_PROGRAMS: Final = {"ingest": "services.scoring.ingest", "signer": "services.signer.app"}
"""Programs beside the services: which module runs them."""
PROGRAMS: Final = (*SERVICES, *OTHER_PROGRAMS)


def run(service: str) -> None:
    """Run a service in this process until it is told to stop: `services.<service>.app.run()`."""
    if service in OTHER_PROGRAMS:
        importlib.import_module(OTHER_PROGRAMS[service]).run()
        return
    if service not in SERVICES:
        raise WrongUse(f"there is no service {service!r}: choose one of {', '.join(PROGRAMS)}")
    if find_spec(f"services.{service}.app") is None:
        raise WrongUse(f"the service {service} is not installed: services.{service}.app is missing")
    importlib.import_module(f"services.{service}.app").run()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", help="Run one service in this process.\n\nExample: paritrana serve scoring")(_serve)


def _serve(service: Annotated[str, typer.Argument(help=f"One of {', '.join(PROGRAMS)}.")]) -> None:
    run(service)


if __name__ == "__main__":
    try:
        run(sys.argv[1])
    except WrongUse as error:
        end_with_error(error, 2)
