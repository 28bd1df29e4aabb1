"""`paritrana season freeze|unfreeze|close`: one command, two administrators.

The first one is whoever asks. The second one takes part in the same command: on the embedded stack a development
person named by `--second`, elsewhere somebody who types the password at this terminal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import uuid4

import typer

from cli.login import token_beside
from cli.output import AsJson, show
from cli.season.service import Login, Nomination, NominationUrl, SeasonCode, Why

Second = Annotated[
    str | None,
    typer.Option(
        "--second",
        help="The second administrator: a development person, else asked for the password; left out: for the name too.",
    ),
]


def freeze_season(
    season: SeasonCode,
    reason: Why,
    login: Login = None,
    second: Second = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Stop everything of a season."""
    receipt = _together("freeze", season, reason, login, second, nomination)
    line = f"season {season} is frozen since {receipt['time']}: nothing of it can be changed until it is unfrozen"
    show({"season": season, "receipt": receipt}, [line], as_json=as_json)


def unfreeze_season(
    season: SeasonCode,
    reason: Why,
    login: Login = None,
    second: Second = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let a frozen season go on."""
    receipt = _together("unfreeze", season, reason, login, second, nomination)
    line = f"season {season} goes on since {receipt['time']}; windows that ended meanwhile may need an extension"
    show({"season": season, "receipt": receipt}, [line], as_json=as_json)


def close_season(
    season: SeasonCode,
    reason: Why,
    login: Login = None,
    second: Second = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """End a season for good."""
    receipt = _together("close", season, reason, login, second, nomination)
    show(
        {"season": season, "receipt": receipt}, [f"season {season} is closed since {receipt['time']}"], as_json=as_json
    )


def _together(
    what: str, season: str, reason: str, login: str | None, second: str | None, nomination: str | None
) -> dict[str, Any]:
    """Send the command with both tokens and return its receipt."""
    service = Nomination.as_person(login, nomination)
    both = replace(service, headers={"Second-Authorization": f"Bearer {token_beside(second)}"})
    # A season may be frozen again and again for the same reason: each time is a command of its own.
    return both.command(f"/v1/seasons/{season}/{what}", {"reason": reason}, str(uuid4()))
