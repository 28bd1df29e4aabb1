"""Nomination's composition root: the only place where its parts are wired, and the program that runs it."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from kernel.clock import Clock
from kernel.http import Limits
from kernel.persons import Directory
from kernel.process import one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.envelope import Stage
from schemas.generate import asyncapi_of
from services.nomination.api import INTAKES, add_routes
from services.nomination.api.documents import Papers
from services.nomination.api.parts import SQL
from services.nomination.consumers import RECEIVES
from services.nomination.documents.render import Renderer
from services.nomination.projections import PROJECTIONS
from services.nomination.reactions import OrderReseals
from services.nomination.settings import NominationSettings
from services.wiring import feed_of, wire_of

SERVICE: Final = "nomination"


class RollCall:
    """Reads from the log who can have reached a stage, once the service's database is open."""

    service: Service

    async def __call__(self, at: Stage) -> tuple[str, ...]:
        """Return the nominations of a stage's category that can have reached its place."""
        rows = await self.service.pool.fetch(SQL["roll_of_stage"], at.season, at.category, at.province)
        return tuple(row["nomination"] for row in rows)


def create_service(
    settings: NominationSettings, *, verifier: TokenVerifier | None = None, clock: Clock | None = None
) -> Service:
    """Return the service with its routes; its application opens the database when it starts."""
    roll = RollCall()
    parts = Parts(
        wire=wire_of(SERVICE),
        codec=CODEC,
        title="Paritrana: nomination",
        receives=RECEIVES,
        projections=PROJECTIONS,
        reactions=(OrderReseals(roll),),
        asyncapi=asyncapi_of(SERVICE),
        limits=Limits(metrics_networks=settings.metrics_networks, intakes=INTAKES),
    )
    verifier = verifier or TokenVerifier(HttpJwks(settings.identity_url))
    roll.service = service = Service(parts, settings, verifier=verifier, clock=clock)
    directory = Directory(settings.identity_url, SERVICE, settings.keys_folder / f"{SERVICE}.secret")
    service.app.state.directory = directory
    service.app.state.papers = Papers(Renderer(), directory, settings.public_address)
    add_routes(service.app)
    service.app.include_router(feed_of(SERVICE))
    return service


def create_app(settings: NominationSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run nomination until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(NominationSettings.load()).run()
