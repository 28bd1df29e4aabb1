"""What the commands on a season are given: which one."""

from __future__ import annotations

from typing import Annotated

import typer

SeasonCode = Annotated[str, typer.Argument(metavar="SEASON", help="The season, for example 2022.")]
