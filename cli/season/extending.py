"""`paritrana season extend`: let nominations be received until later."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from cli.output import AsJson, show
from cli.season.wanted import SeasonCode
from cli.service import Login, Nomination, NominationUrl, Why


def extend_season(
    season: SeasonCode,
    until: Annotated[
        str, typer.Option("--until", help="Local date, its last second included, or date and time: 2021-02-07T16:00.")
    ],
    reason: Why,
    province: Annotated[
        str | None, typer.Option("--province", help="Two digits of the official table; left out: everywhere.")
    ] = None,
    login: Login = None,
    nomination: NominationUrl = None,
    as_json: AsJson = False,
) -> None:
    """Extend the window for nominations, in a province by its own time, everywhere by the nation's."""
    body = {"until": until, "reason": reason} | ({"province": province} if province else {})
    receipt = Nomination.as_person(login, nomination).command(f"/v1/seasons/{season}/extend", body, str(uuid4()))
    where = f"province {province}" if province else "every province"
    line = f"season {season}: nominations of {where} are received until {until}, recorded {receipt['time']}"
    show({"season": season, "receipt": receipt}, [line], as_json=as_json)
