"""What the commands on seasons are given: which season, whose it is, why, and the service that they speak to."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.service import Login, Nomination, NominationUrl, NotReached, Refused, Why

__all__ = ["Login", "Nomination", "NominationUrl", "NotReached", "Refused", "SeasonCode", "Why"]

SeasonCode = Annotated[str, typer.Argument(metavar="SEASON", help="The season, for example 2022.")]
