"""Audit's composition root: a service that receives every topic and folds nothing, since its log is the store."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from kernel.process import one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.topics import EVENT_TOPICS
from services.audit.api import router
from services.audit.settings import AuditSettings
from services.wiring import wire_of

SERVICE: Final = "audit"
_PACE: Final = 0.1
"""Seconds between two batches: nobody waits for audit, and what it takes at once costs it, and the database, less."""


def create_service(settings: AuditSettings) -> Service:
    """Return the service with its routes. Raises StartFailed when keys or clock cannot be used."""
    service = Service(
        Parts(
            wire=wire_of(SERVICE),
            codec=CODEC,
            title="Paritrana: audit",
            receives=tuple(topic.name for topic in EVENT_TOPICS if topic.owner != SERVICE),
            receive_pace=_PACE,
            asyncapi=asyncapi_of(SERVICE),
        ),
        settings,
        verifier=TokenVerifier(HttpJwks(settings.identity_url)),
    )
    service.app.include_router(router)
    return service


def create_app(settings: AuditSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run audit until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(AuditSettings.load()).run()
