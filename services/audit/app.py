"""Audit's composition root: it receives every topic, puts every event into the log, and folds nothing."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from kernel.http import CheckResult
from kernel.keys import note_key
from kernel.lead import Lead
from kernel.process import Background, one_line
from kernel.service import Parts, Service
from kernel.tokens import HttpJwks, TokenVerifier
from schemas.codec import CODEC
from schemas.generate import asyncapi_of
from schemas.nomination import AdmissionDecided, AppealDecided, PlenaryDecided
from schemas.scoring import RankingSealed, RankingSuperseded
from schemas.topics import EVENT_TOPICS, LOG
from services.audit.api import router
from services.audit.log import api as log_api
from services.audit.log.checkpoints import Asked, CheckpointSigning
from services.audit.log.measures import SequencerMeasures
from services.audit.log.sequencer import Sequencer
from services.audit.log.store import LogStore
from services.audit.settings import AuditSettings
from services.wiring import wire_of

SERVICE: Final = "audit"
_PACE: Final = 0.1
"""Seconds between two batches: nobody waits for audit, and what it takes at once costs it, and the database, less."""
_SEQUENCER_KEY: Final = "audit.sequencer.key"
_DECISIVE: Final = frozenset(
    event.type_name() for event in (RankingSealed, RankingSuperseded, PlenaryDecided, AdmissionDecided, AppealDecided)
)
"""Events after which a checkpoint is signed at once."""


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
            opened=_open_log,
            background=lambda service: (_sequencing(service, settings),),
        ),
        settings,
        verifier=TokenVerifier(HttpJwks(settings.identity_url)),
    )
    service.app.include_router(router)
    service.app.include_router(log_api.router)
    return service


async def _open_log(service: Service) -> None:
    service.app.state.log_store = LogStore(service.pool)


def _sequencing(service: Service, settings: AuditSettings) -> Background:
    """Return what puts events into the log and has it signed."""
    key = note_key(settings.keys_folder / _SEQUENCER_KEY, f"{settings.log_origin}/sequencer")
    store: LogStore = service.app.state.log_store
    measures = SequencerMeasures(service.app.state.metrics.registry)
    signing = CheckpointSigning(
        store=store,
        origin=settings.log_origin,
        key=key,
        signer=Asked(settings.signer_url.rstrip("/"), ()),
        witnesses=[Asked(url, (witness,)) for url, witness in settings.witnesses],
        clock=service.clock,
        measures=measures,
    )
    sequencer = Sequencer(
        topic=LOG,
        store=store,
        broker=service.broker,
        wake=service.wake,
        lead=Lead(settings.database_url, f"{SERVICE}/sequencer"),
        measures=measures,
        signing=signing,
        decisive=_DECISIVE,
    )

    async def check() -> CheckResult:
        return sequencer.check()

    service.app.state.checks["log"] = check
    return Background("sequencer", sequencer.run)


def create_app(settings: AuditSettings) -> FastAPI:
    """Return the application."""
    return create_service(settings).app


def run() -> None:
    """Run audit until SIGTERM; exit with 2 and one line when it cannot start."""
    with one_line(SERVICE):
        create_service(AuditSettings.load()).run()
