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
from cli.output import AsJson, WrongUse, show
from cli.season.wanted import SeasonCode
from cli.service import Login, Nomination, NominationUrl, Why

Second = Annotated[
    str | None,
    typer.Option(
        "--second",
        help="The second administrator: a development person, else asked for the password; left out: for the name too.",
    ),
]


_SHOWN: Final = 10
_OPEN: Final = ("competing", "filed-late")


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
        _send(Nomination.as_person(login, nomination), season, what, reason, second, told, as_json=as_json)

    return command


def _send(
    service: Nomination, season: str, what: str, reason: str, second: str | None, told: str, *, as_json: bool
) -> None:
    both = replace(service, headers={"Second-Authorization": f"Bearer {token_beside(second)}"})
    # A season may be frozen again and again for the same reason: each time is a command of its own.
    receipt = both.command(f"/v1/seasons/{season}/{what}", {"reason": reason}, str(uuid4()))
    show({"season": season, "receipt": receipt}, [told.format(season=season, time=receipt["time"])], as_json=as_json)


freeze_season: Final = by_two(
    "freeze", "season {season} is frozen since {time}: nothing of it can be changed until it is unfrozen"
)
unfreeze_season: Final = by_two(
    "unfreeze", "season {season} goes on since {time}; windows that ended meanwhile may need an extension"
)


def close_season(
    season: SeasonCode,
    reason: Why,
    login: Login = None,
    second: Second = None,
    leave_undecided: Annotated[
        bool, typer.Option("--leave-undecided", help="Close although nominees still compete or wait to be admitted.")
    ] = False,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Close a season for good, once nobody competes in it any more or those who do are to be left so."""
    service = Nomination.as_person(login, nomination)
    if not leave_undecided:
        _check_decided(service, season)
    _send(service, season, "close", reason, second, "season {season} is closed since {time}", as_json=as_json)


def _check_decided(service: Nomination, season: str) -> None:
    """Raise WrongUse with those on whom nothing was decided: a closed season is not opened again."""
    found = [one for one in service.pages("/v1/nominations", season=season) if one["status"] in _OPEN]
    if not found:
        return
    named = [f"{one['candidate']['name']} ({one['stage']['stage']}, {one['status']})" for one in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise WrongUse(
        f"{len(found)} nominee(s) are not decided on, and nothing can be once the season is closed: "
        f"{', '.join(named)}{more}; decide on them, or close with --leave-undecided"
    )
