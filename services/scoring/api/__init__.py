"""Scoring over HTTP, one module per resource: stages opened to sealed, sheets filed, rankings read, facts mended.

Roles and scopes come from the token; who sits in which body is decided by the domain from the committee's stream.
"""

from __future__ import annotations

from fastapi import FastAPI

from services.scoring.api import contract, ledger, nominees, rankings, repairs, sandbox, sheets, stages


def add_routes(app: FastAPI) -> None:
    """Add every route of the service."""
    for room in (stages, sheets, rankings, repairs, sandbox, ledger, nominees, contract):
        app.include_router(room.router)
