"""`paritrana season …`: what administrators do with a season, and what its exceptions were.

`opening` and `amending` take a rulebook file, which `file` checks and `preview` shows; `together` has what takes two
persons, `exceptions` the list of what went otherwise than the rules foresee. `wanted` says how a season is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import typer

from cli.season.amending import amend_season
from cli.season.exceptions import list_exceptions
from cli.season.extending import extend_season
from cli.season.opening import open_season
from cli.season.together import close_season, freeze_season, unfreeze_season

_COMMANDS: Final[tuple[tuple[str, Callable[..., None], str, str], ...]] = (
    (
        "open",
        open_season,
        "Check a rulebook file and open its season; --dry-run shows what it would do.",
        "rulebooks/2020.yaml --login admin",
    ),
    (
        "amend",
        amend_season,
        "Publish the next version of an open season's rulebook; --dry-run shows what it would change.",
        '2020-v2.yaml --reason "SK 7/2021" --login admin',
    ),
    (
        "extend",
        extend_season,
        "Let nominations be received until later, everywhere or in one province.",
        '2020 --until 2021-02-07 --province 75 --reason "Banjir" --login admin',
    ),
    (
        "freeze",
        freeze_season,
        "Stop everything of a season, by two administrators.",
        '2020 --reason "Dugaan kebocoran nilai" --login admin --second admin2',
    ),
    (
        "unfreeze",
        unfreeze_season,
        "Let a frozen season go on, by two administrators.",
        '2020 --reason "Selesai diperiksa" --login admin --second admin2',
    ),
    (
        "close",
        close_season,
        "End a season for good once it is over, by two administrators.",
        '2020 --reason "Musim selesai" --login admin --second admin2',
    ),
    (
        "exceptions",
        list_exceptions,
        "List a season's extensions, overrides, removals, amendments and freezes.",
        "2020 --login auditor",
    ),
)
"""Each command's name, what does it, what it is for, and an example of what follows its name."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    season = typer.Typer(
        help="Open seasons under their rulebooks, amend, extend, freeze and close them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    season.callback()(_of_seasons)
    for name, command, told, example in _COMMANDS:
        text = f"{told}\n\nExample: paritrana season {name} {example}"
        season.command(name, help=text, no_args_is_help=True)(command)
    app.add_typer(season, name="season")


def _of_seasons() -> None:
    """Open seasons under their rulebooks, amend, extend, freeze and close them."""
