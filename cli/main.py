"""The `paritrana` program: gathers the commands of the modules beside it and ends each the same way.

A module of this package offers commands by a function `register(app)`. One command needs its own module only, and
reading the others takes longer than most commands do. What goes wrong becomes one line and an exit code here, once, so
that no command needs to care (see `cli.output`).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Final

import typer

import cli
from cli.output import Finding, WrongUse, end_with_error
from deploy.local.child import StackError
from kernel.migrate import MigrationRefused

OFFERED_BY: Final = {
    **dict.fromkeys(("test", "lint", "crash", "bench"), "checks"),
    **dict.fromkeys(("up", "down", "status", "settings", "provision", "clock"), "stack"),
    "token": "login",
}
"""The modules of the commands that are not called as their module is."""


def build(command: str | None = None) -> typer.Typer:
    """Return the program with the command named, or with those of every module when none, or no known one, is."""
    app = typer.Typer(
        name="paritrana",
        help="Runs the Paritrana Award and can prove every decision afterwards.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # A callback makes the program one of many commands, even while it has a single one.
    app.callback()(_nothing_before_a_command)
    names = [found.name for found in pkgutil.iter_modules(cli.__path__) if found.name != "main"]
    wanted = OFFERED_BY.get(command or "", command)
    if wanted in names and _register(wanted, app):
        return app
    for name in names:
        _register(name, app)
    return app


def _register(name: str, app: typer.Typer) -> bool:
    """Add a module's commands, and tell whether it offers any."""
    register = getattr(importlib.import_module(f"cli.{name}"), "register", None)
    if register is not None:
        register(app)
    return register is not None


def _nothing_before_a_command() -> None:
    """Run the Paritrana Award and prove every decision afterwards."""


def main() -> None:
    """Run the program on the process's arguments; ends it with 0, 1 or 2."""
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)()
    except Finding as error:
        end_with_error(error, 1)
    except (WrongUse, StackError, MigrationRefused) as error:
        end_with_error(error, 2)
    except BrokenPipeError:
        # Whoever read our output has gone (as `head` does): no more to say, and nothing wrong.
        sys.stderr.close()
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
