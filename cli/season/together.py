"""`paritrana season freeze|unfreeze|close`: one command, two administrators.

The first one is whoever asks. The second one takes part in the same command: on the embedded stack a development
person named by `--second`, elsewhere somebody who types the password at this terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final
from uuid import uuid4

import typer

from cli.login import token_beside
from cli.output import AsJson, show
from cli.season.wanted import SeasonCode
from cli.service import Login, Nomination, NominationUrl, Why

Second = Annotated[
    str | None,
    typer.Option(
        "--second",
        help="The second administrator: a development person, else asked for the password; left out: for the name too.",
    ),
]


def by_two(what: str, told: str) -> Callable[..., None]:
    """Return the command of that name on a season; `told` is what it says afterwards, of `season` and `time`."""

    def command(
        season: SeasonCode,
        reason: Why,
        login: Login = None,
        second: Second = None,
        nomination: NominationUrl = None,
        as_json: AsJson = False,
    ) -> None:
        service = Nomination.as_person(login, nomination)
        both = replace(service, headers={"Second-Authorization": f"Bearer {token_beside(second)}"})
        # A season may be frozen again and again for the same reason: each time is a command of its own.
        receipt = both.command(f"/v1/seasons/{season}/{what}", {"reason": reason}, str(uuid4()))
        line = told.format(season=season, time=receipt["time"])
        show({"season": season, "receipt": receipt}, [line], as_json=as_json)

    return command


freeze_season: Final = by_two(
    "freeze", "season {season} is frozen since {time}: nothing of it can be changed until it is unfrozen"
)
unfreeze_season: Final = by_two(
    "unfreeze", "season {season} goes on since {time}; windows that ended meanwhile may need an extension"
)
close_season: Final = by_two("close", "season {season} is closed since {time}")
