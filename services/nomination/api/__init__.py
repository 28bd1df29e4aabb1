"""Nomination over HTTP, one module per resource: its bodies, its commands, its reads.

Routes check the coarse role and turn a body into a command of the domain; every rule of the award is the domain's. A
reader sees the affairs of their own places; the nation's people, auditors and season administrators see all. What lies
under `/v1/public` is open to everybody.
"""

from __future__ import annotations

from fastapi import FastAPI

from services.nomination.api import (
    appeals,
    awards,
    committees,
    documents,
    exceptions,
    motions,
    nominations,
    plenaries,
    records,
    seasons,
)


def add_routes(app: FastAPI) -> None:
    """Add every route of the service."""
    for room in (seasons, exceptions, committees, nominations, plenaries, motions, records, awards, appeals, documents):
        app.include_router(room.router)
