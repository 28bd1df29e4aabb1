"""Notifications over HTTP: what was sent to whom, how one wants to be told, what a message looks like."""

from __future__ import annotations

from fastapi import FastAPI

from services.notifications.api import deliveries, preview, subscriptions


def add_routes(app: FastAPI) -> None:
    """Add the service's routes to the application."""
    for room in (deliveries, subscriptions, preview):
        app.include_router(room.router)
