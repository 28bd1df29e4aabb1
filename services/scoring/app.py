"""Scoring's composition root: the only place where its parts are wired, and the program that runs it."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from kernel.clock import Clock
from kernel.persons import Directory
from kernel.process import one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from services.scoring.api import add_routes
from services.scoring.consumers import RECEIVES
from services.scoring.measuring import Measuring
from services.scoring.progress import SheetProjection, StageMemberProjection
from services.scoring.projections import RankingProjection
from services.scoring.reactions import FindCorrectionImpacts
from services.scoring.repairs import RepairProjection, sending
from services.scoring.reports import DisputeProjection, reporting
from services.scoring.settings import ScoringSettings
from services.wiring import feed_of, wire_of

SERVICE: Final = "scoring"
PROJECTIONS: Final = (
    RankingProjection(), SheetProjection(), StageMemberProjection(), RepairProjection(), DisputeProjection(),
)  # fmt: skip


def create_service(
    settings: ScoringSettings, *, verifier: TokenVerifier | None = None, clock: Clock | None = None
) -> Service:
    """Return the service with its routes; its application opens the database when it starts."""
    parts = Parts(
        wire=wire_of(SERVICE),
        codec=CODEC,
        title="Paritrana: scoring",
        receives=RECEIVES,
        projections=PROJECTIONS,
        reactions=(FindCorrectionImpacts(),),
        handlers=lambda service: (Measuring(service.executor),),
        asyncapi=asyncapi_of(SERVICE),
        background=lambda service: [*sending(service), reporting(service)],
    )
    verifier = verifier or TokenVerifier(HttpJwks(settings.identity_url))
    service = Service(parts, settings, verifier=verifier, clock=clock)
    service.app.state.directory = Directory(settings.identity_url, SERVICE, settings.keys_folder / f"{SERVICE}.secret")
    add_routes(service.app)
    service.app.include_router(feed_of(SERVICE))
    return service


def create_app(settings: ScoringSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run scoring until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(ScoringSettings.load()).run()
