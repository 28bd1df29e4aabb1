"""The `paritrana` program: gathers the commands of the modules beside it and ends each the same way.

A module of this package offers commands by a function `register(app)`. What goes wrong becomes one line and an exit
code here, once, so that no command needs to care (see `cli.output`).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

import cli
from cli.output import Finding, WrongUse, end_with_error
from deploy.local.child import StackError
from kernel.migrate import MigrationRefused


def build() -> typer.Typer:
    """Return the program with the commands of every module of this package."""
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
    for found in pkgutil.iter_modules(cli.__path__):
        if found.name != "main":
            register = getattr(importlib.import_module(f"cli.{found.name}"), "register", None)
            if register is not None:
                register(app)
    return app


def _nothing_before_a_command() -> None:
    """Run the Paritrana Award and prove every decision afterwards."""


def main() -> None:
    """Run the program on the process's arguments; ends it with 0, 1 or 2."""
    try:
        build()()
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
