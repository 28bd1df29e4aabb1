"""Nomination over HTTP, one module per resource: its bodies, its commands, its reads.

Routes check the coarse role and turn a body into a command of the domain; every rule of the award is the domain's. A
reader sees the affairs of their own places; the nation's people, auditors and season administrators see all. What lies
under `/v1/public` is open to everybody.
"""

from __future__ import annotations

from fastapi import FastAPI

from kernel.http import Intake
from services.nomination.api import (
    appeals,
    awards,
    committees,
    disputes,
    documents,
    evidence,
    exceptions,
    imports,
    interviews,
    motions,
    nominations,
    plenaries,
    records,
    seasons,
    verification,
)

INTAKES: tuple[Intake, ...] = (imports.INTAKE, evidence.INTAKE)
"""Routes that take a file and no JSON."""
_ROOMS = (
    seasons,
    exceptions,
    committees,
    nominations,
    imports,
    evidence,
    disputes,
    verification,
    interviews,
    plenaries,
    motions,
    records,
    awards,
    appeals,
    documents,
)


def add_routes(app: FastAPI) -> None:
    """Add every route of the service."""
    for room in _ROOMS:
        app.include_router(room.router)
