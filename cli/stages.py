"""`paritrana scores assign` and `scores extend`: what a secretary does with a stage while it is scored.

A draw that is sent twice draws nobody twice, since who has scorers enough keeps them. An extension to the same instant
for the same reason is one command: its id follows from what it says.
"""

from __future__ import annotations

import hashlib
from typing import Annotated
from uuid import uuid4

import typer

from cli.output import AsJson, show
from cli.service import Login, Scoring, Why
from cli.wanted import category_code, instant, province_code, season_code, stage_code
from schemas.regions import NATION

Season = Annotated[str, typer.Option("--season", help="The season, for example 2022.")]
Category = Annotated[str, typer.Option("--category", help="PROVINSI, KABKOTA, BESAR, MENENGAH, UMKM or another.")]
StageCode = Annotated[str, typer.Option("--stage", help="A stage of the rulebook, for example seleksi.")]
Province = Annotated[
    str, typer.Option("--province", help="Two digits of the official table; 00 for the nation's own stages.")
]
ScoringUrl = Annotated[
    str | None,
    typer.Option("--scoring", help="Where scoring answers; else PARITRANA_SCORING_URL, else as the stack says."),
]


def assign_scorers(
    season: Season,
    category: Category,
    stage: StageCode,
    province: Province = NATION,
    login: Login = None,
    scoring: ScoringUrl = None,
    as_json: AsJson = False,
) -> None:
    """Draw scorers for every nominee of the stage that has too few."""
    at = _address(season, category, stage, province)
    receipt = Scoring.as_person(login, scoring).command(f"/v1/rankings/{at}/assign", {}, str(uuid4()))
    drawn = len(receipt["events"])
    told = f"drawn {receipt['time']}" if drawn else "everybody has scorers enough: nothing was drawn"
    lines = [f"{at}: {told}"] + (["what was drawn before stays; anybody can repeat it by its seed"] if drawn else [])
    show({"ranking": f"ranking/{at}", "drawn": bool(drawn), "receipt": receipt}, lines, as_json=as_json)


def extend_scoring(
    season: Season,
    category: Category,
    stage: StageCode,
    until: Annotated[str, typer.Option("--until", help="The last second, with its offset: 2021-03-02T16:00:00+08:00.")],
    reason: Why,
    *,
    province: Province = NATION,
    login: Login = None,
    scoring: ScoringUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let sheets of the stage be received until later."""
    at, moment = _address(season, category, stage, province), instant("--until", until)
    body = {"until": moment, "reason": reason}
    key = hashlib.sha256(f"{at}\0{moment}\0{reason}".encode()).hexdigest()
    receipt = Scoring.as_person(login, scoring).command(f"/v1/rankings/{at}/extend", body, key)
    lines = [f"{at}: sheets are received until {moment}, recorded {receipt['time']}"]
    if warning := receipt.get("warning"):
        lines.append(f"note: {warning['en']}")
    show({"ranking": f"ranking/{at}", "until": moment, "receipt": receipt}, lines, as_json=as_json)


def _address(season: str, category: str, stage: str, province: str) -> str:
    """Return a stage's address; the tier follows from the place."""
    place = province_code(province)
    tier = "national" if place == NATION else "provincial"
    return f"{season_code(season)}/{tier}/{place}/{category_code(category)}/{stage_code(stage)}"
