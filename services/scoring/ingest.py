"""The composition root of ingest: scoring's second program, which brings facts into the ledger and judges the sandbox.

It runs beside the API processes of scoring, over the same database and with the same key, in any number: the consumers
of one group share the partitions. What it appends is published by the scoring process that leads the relay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from kernel.broker import Broker
from kernel.clock import Clock
from kernel.ingest import Ingester
from kernel.measures import IngestMeasures
from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.fact_reading import ReadFact
from schemas.topics import OF_FACTS
from services.scoring.ledger import EnteredBatch, FactLedger
from services.scoring.sandbox import GROUP as SANDBOX_GROUP
from services.scoring.sandbox import Sandbox, SandboxMeasures
from services.scoring.settings import IngestSettings
from services.scoring.tidying import tidying
from services.wiring import wire_of

GROUP: Final = "paritrana-ingest"


def create_service(
    settings: IngestSettings, *, verifier: TokenVerifier | None = None, clock: Clock | None = None
) -> Service:
    """Return the program; its application opens the database when it starts."""
    parts = Parts(wire=wire_of("scoring"), codec=CODEC, title="Paritrana: ingest", relays=False, background=_ingesting)
    return Service(parts, settings, verifier=verifier or TokenVerifier(HttpJwks(settings.identity_url)), clock=clock)


def _ingesting(service: Service) -> Sequence[Background]:
    # Registered once, however often a task begins again.
    registry = service.app.state.metrics.registry
    measures, sandbox_measures = IngestMeasures(registry), SandboxMeasures(registry)

    async def ingest() -> None:
        ingester = ingester_of(service, measures)

        async def check() -> tuple[bool, str]:
            return ingester.check()

        service.app.state.checks["ingest"] = check
        await ingester.run()

    async def sandbox() -> None:
        broker = Broker(service.settings.kafka_bootstrap_servers, SANDBOX_GROUP)
        try:
            await Sandbox(service.pool, broker, service.clock, sandbox_measures).run()
        finally:
            await broker.close()

    return (Background("ingest", ingest), Background("sandbox", sandbox), tidying(service))


def ingester_of(service: Service, measures: IngestMeasures) -> Ingester[ReadFact, EnteredBatch]:
    """Return one consumer over an opened service."""
    return Ingester(
        topics=OF_FACTS,
        group=GROUP,
        executor=service.executor,
        pool=service.pool,
        broker=service.broker,
        clock=service.clock,
        ledger=FactLedger(),
        measures=measures,
        letters=service.delivery_measures,
        client=f"paritrana-ingest-{service.settings.port}",
    )


def create_app(settings: IngestSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run one consumer until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line("ingest"):
        create_service(IngestSettings.load()).run()
